//! An image for the tests. It comes from the builder, which only tests of this crate may depend on.
#![allow(dead_code, reason = "each test binary uses a part")]

use std::io::Write;
use std::ops::Range;
use std::process::Command;
use std::sync::LazyLock;

use noreturn_image::{Image, Parts};
use noreturn_image_format::Config;
use noreturn_verify::model::kernel;
use tempfile::NamedTempFile;

pub const SITE: &str = include_str!("../../../image/builder/tests/site.toml");

pub fn config() -> Config {
    noreturn_site::parse(SITE, "site.toml", |_| Ok([7; 32])).expect("the site file is right")
}

/// One image for all tests.
pub fn image() -> &'static [u8] {
    static IMAGE: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let (kernel, config) = (kernel(), config());
        Image::build(&Parts { loader: b"MZ loader", kernel: &kernel, config: &config })
            .expect("it fits")
            .bytes
    });
    &IMAGE
}

/// Where a file's contents lie in the image; files lie in one piece.
pub fn find(contents: &[u8]) -> Range<usize> {
    let blocks = image().chunks_exact(512).enumerate();
    let piece = &contents[..contents.len().min(512)];
    let (number, _) =
        blocks.into_iter().find(|(_, block)| block.starts_with(piece)).expect("it is in the image");
    number * 512..number * 512 + contents.len()
}

pub fn save(bytes: &[u8]) -> NamedTempFile {
    let mut file = NamedTempFile::new().expect("a temporary file");
    file.write_all(bytes).expect("it is written");
    file
}

pub fn name(file: &NamedTempFile) -> &str {
    file.path().to_str().expect("the path is UTF-8")
}

/// Runs a tool of the Debian package `package`.
#[track_caller]
pub fn run_tool(package: &str, program: &str, arguments: &[&str]) {
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
    let output =
        Command::new(program).args(arguments).env("PATH", path).output().unwrap_or_else(|error| {
            panic!("{program} of the Debian package {package} does not run: {error}")
        });
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
}
