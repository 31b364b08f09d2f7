//! The command line of `diode-image`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use noreturn_image_format::Sha256Digest;

fn run(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_diode-image"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("diode-image runs")
}

fn site() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let write =
        |name: &str, contents: &[u8]| fs::write(folder.path().join(name), contents).expect("it is written");
    write("site.toml", include_bytes!("site.toml"));
    write("diode.key", "07".repeat(32).as_bytes());
    write("loader.efi", b"MZ loader");
    write("kernel.elf", b"\x7fELF kernel");
    folder
}

const BUILD: [&str; 9] = [
    "build",
    "--site",
    "site.toml",
    "--loader",
    "loader.efi",
    "--kernel",
    "kernel.elf",
    "--output",
    "diode.img",
];

#[test]
fn build_ends_with_the_digest_of_what_it_wrote() {
    let folder = site();
    let output = run(folder.path(), &[&BUILD[..], &["--manifest-json", "manifest.json"]].concat());
    assert!(output.status.success(), "{output:?}");
    let image = fs::read(folder.path().join("diode.img")).unwrap();
    let digest = Sha256Digest::of(&image).to_string();
    assert_eq!(String::from_utf8(output.stdout).unwrap().lines().last(), Some(digest.as_str()));
    let record = fs::read_to_string(folder.path().join("manifest.json")).unwrap();
    let record: serde_json::Value = serde_json::from_str(&record).unwrap();
    assert_eq!(record["image_sha256"], digest.as_str());
    assert_eq!(record["image_bytes"], image.len());
    assert_eq!(record["kernel"]["sha256"], Sha256Digest::of(b"\x7fELF kernel").to_string());
    assert_eq!(record["loader"]["bytes"], 9);
    assert_eq!(record["diode"], serde_json::json!({ "id": 7, "name": "waterworks-east" }));
    let mut names: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let expected = ["diode.img", "diode.key", "kernel.elf", "loader.efi", "manifest.json", "site.toml"];
    assert_eq!(names, expected, "no temporary file is left");
}

#[test]
fn a_build_that_fails_leaves_the_old_image() {
    let folder = site();
    fs::write(folder.path().join("diode.img"), "old").unwrap();
    fs::write(folder.path().join("kernel.elf"), "no kernel").unwrap();
    let output = run(folder.path(), &BUILD);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("the kernel is not an ELF file"), "{output:?}");
    assert_eq!(fs::read(folder.path().join("diode.img")).unwrap(), b"old");
}

#[test]
fn check_tells_the_line_of_a_mistake() {
    let folder = site();
    let output = run(folder.path(), &["check", "site.toml"]);
    assert!(String::from_utf8_lossy(&output.stdout).contains("plc-1/level"), "{output:?}");
    let text = include_str!("site.toml").replace("f32", "f33");
    fs::write(folder.path().join("site.toml"), text).unwrap();
    let output = run(folder.path(), &["check", "site.toml"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("site.toml:27:8: modbus[0].point[0].type: "),
        "{output:?}"
    );
}

#[test]
fn inspect_shows_a_built_image() {
    let folder = site();
    assert!(run(folder.path(), &BUILD).status.success());
    let output = run(folder.path(), &["inspect", "diode.img"]);
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("EFI/BOOT/BOOTX64.EFI, 9 bytes"), "{output:?}");
    assert_eq!(run(folder.path(), &["inspect", "site.toml"]).status.code(), Some(1));
}

#[test]
fn new_keys_differ_and_are_never_overwritten() {
    let folder = site();
    assert!(run(folder.path(), &["new-key", "a.key"]).status.success());
    assert!(run(folder.path(), &["new-key", "b.key"]).status.success());
    let path = folder.path().join("a.key");
    let key = noreturn_site::read_key(&path).unwrap();
    assert_ne!(key, noreturn_site::read_key(&folder.path().join("b.key")).unwrap());
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(run(folder.path(), &["new-key", "a.key"]).status.code(), Some(1));
    assert_eq!(noreturn_site::read_key(&path).unwrap(), key);
}

#[test]
fn wrong_usage_is_exit_code_two() {
    assert_eq!(run(site().path(), &["burn"]).status.code(), Some(2));
}
