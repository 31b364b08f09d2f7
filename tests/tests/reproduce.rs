//! Sources, site, keys and tools decide every byte of the image, and nothing else does: `diode-verify reproduce` builds elsewhere, as
//! somebody else, on another day, and gets what `./scripts/build` made. A time or a path that gets into a program is found.

use std::fs;
use std::process::{Command, Output};

use anyhow::{Context, Result};
use noreturn_tests::copies::{add_to_repository, copy_sources};
use noreturn_tests::repository::{built, root};
use serde_json::Value;
use tempfile::TempDir;

/// A loader that is nothing but the time and the folder of its build: what else the real one is made of would be compiled twice more.
const PLANTED: [(&str, &str); 4] = [
    (
        "Cargo.toml",
        "[workspace]\n[package]\nname = \"noreturn-loader\"\nedition = \"2024\"\n\
         [[bin]]\nname = \"loader\"\npath = \"src/main.rs\"\n[profile.release]\npanic = \"abort\"\n",
    ),
    ("Cargo.lock", "version = 4\n[[package]]\nname = \"noreturn-loader\"\nversion = \"0.0.0\"\n"),
    (
        "build.rs",
        r#"fn main() {
    let time = std::time::UNIX_EPOCH.elapsed().expect("it is later").as_nanos();
    println!("cargo:rustc-env=PLANTED=at {time} in {}", std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets it"));
}
"#,
    ),
    (
        "src/main.rs",
        r#"#![no_std]
#![no_main]
#[unsafe(no_mangle)]
extern "efiapi" fn efi_main() -> usize {
    core::hint::black_box(concat!("built ", env!("PLANTED"))).len()
}
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    loop {}
}
"#,
    ),
];

fn reproduce(arguments: &[&str]) -> Result<Output> {
    let mut command = Command::new(built("dist/diode-verify")?);
    command.arg("reproduce").args(arguments).args(["--json"]).output().context("diode-verify")
}

fn report(output: &Output) -> Result<Value> {
    let said = || String::from_utf8_lossy(&output.stderr).into_owned();
    serde_json::from_slice(&output.stdout).with_context(said)
}

#[test]
fn other_circumstances_give_the_same_bytes() -> Result<()> {
    let (source, dist) = (root().display().to_string(), built("dist")?.display().to_string());
    let output = reproduce(&["--source", &source, "--against", &dist, "--once"])?;
    let report = report(&output)?;
    assert_eq!(output.status.code(), Some(0), "{report:#}");
    assert_eq!(report["verdict"], "same");
    let files = report["files"].as_array().context("no files")?;
    let names: Vec<_> = files.iter().filter_map(|file| file["name"].as_str()?.rsplit('/').next()).collect();
    assert_eq!(names, ["diode.img", "manifest.json", "sbom.cdx.json"]);
    let varied = report["variations"].as_array().context("no variations")?;
    let varied = varied.iter().filter(|variation| variation["varied"] == true).count();
    assert!(varied >= 6, "{report:#}");
    Ok(())
}

#[test]
fn a_time_and_a_path_in_the_loader_are_found() -> Result<()> {
    let folder = TempDir::with_prefix("noreturn planted ")?;
    let sources = folder.path().join("sources");
    copy_sources(&sources)?;
    let loader = sources.join("image/loader");
    fs::remove_dir_all(&loader)?;
    fs::create_dir_all(loader.join("src"))?;
    for (file, contents) in PLANTED {
        fs::write(loader.join(file), contents)?;
    }
    add_to_repository(&sources)?;

    let kept = folder.path().join("kept");
    let (source, kept) = (sources.display().to_string(), kept.display().to_string());
    let output = reproduce(&["--source", &source, "--part", "loader", "--keep", &kept])?;
    let report = report(&output)?;
    assert_eq!(output.status.code(), Some(1), "{report:#}");
    let file = &report["files"][0];
    assert_eq!((&report["verdict"], &file["same"]), (&"different".into(), &false.into()), "{report:#}");
    let places = file["places"].as_array().context("no places")?;
    let told = places.iter().find(|place| {
        let [first, second] = [0, 1].map(|build| place["contents"][build].as_str().unwrap_or_default());
        place["part"] == "section .rdata"
            && first.contains("built at 1")
            && second.contains("/another folder")
    });
    assert!(told.is_some(), "neither time nor path in {report:#}");
    for build in ["first", "second"] {
        assert!(folder.path().join("kept").join(build).join("loader.efi").is_file(), "{report:#}");
    }
    Ok(())
}
