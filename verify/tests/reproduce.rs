//! `diode-verify reproduce` on sources whose build is one line of shell: whatever it lets into a program is found.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::thread::available_parallelism;

use serde_json::Value;
use tempfile::TempDir;

const LOADER: &str = "image/loader/target/x86_64-unknown-uefi/release/loader.efi";
/// What the real one has, for whoever asks whether another user finds a compiler.
const TOOLCHAIN: &str = "use_host_toolchain() { true; }\nfind_image_toolchain() { true; }\n";

/// A repository whose build writes what `shell` prints into the loader.
fn sources(shell: &str) -> TempDir {
    let folder = TempDir::new().expect("a folder");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("it is made");
        fs::write(path, text).expect("it is written");
    };
    let build = format!("set -e\nmkdir -p {}\n({shell}) >{LOADER}\n", LOADER.trim_end_matches("loader.efi"));
    write("scripts/build", &build);
    write("scripts/lib/toolchain.sh", TOOLCHAIN);
    for arguments in [["init", "--quiet"], ["add", "--all"]] {
        let status = Command::new("git").args(arguments).current_dir(folder.path()).status();
        assert!(status.expect("git runs").success());
    }
    folder
}

fn reproduce(source: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_diode-verify"));
    command.args(["reproduce", "--source"]).arg(source).args(arguments).output().expect("it runs")
}

fn loader(shell: &str) -> (Option<i32>, String) {
    let output = reproduce(sources(shell).path(), &["--part", "loader"]);
    let said =
        [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
    (output.status.code(), said)
}

#[test]
fn what_comes_out_the_same_passes() {
    let (code, said) = loader("cat scripts/lib/toolchain.sh");
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("same        image/loader/") && said.contains("verdict same\n"), "{said}");
    assert!(said.contains("not varied  host name and Linux"), "{said}");
}

#[test]
fn each_circumstance_that_shows_is_found() {
    let mut shells = vec![
        "pwd",
        "umask",
        "date +%s%N",
        "date +%:z",
        "echo $LC_ALL",
        "env",
        "stat -c %Y scripts/build",
        "echo ~",
        "mktemp",
    ];
    if available_parallelism().is_ok_and(|processors| processors.get() > 1) {
        shells.push("nproc");
    }
    if rustix::process::geteuid().is_root() {
        shells.push("id -u");
    }
    for shell in shells {
        let (code, said) = loader(shell);
        assert_eq!(code, Some(1), "{shell}: {said}");
        assert!(said.contains("in line 1:") && said.contains("verdict different\n"), "{shell}: {said}");
    }
}

#[test]
fn what_differs_is_shown_and_kept() {
    let source = sources("echo first line; echo built in $PWD");
    let kept = TempDir::new().expect("a folder");
    let arguments = ["--part", "loader", "--json", "--keep", kept.path().to_str().expect("it is text")];
    let output = reproduce(source.path(), &arguments);
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let place = &report["files"][0]["places"][0];
    assert_eq!(place["part"], "line 2", "{report:#}");
    assert!(place["contents"][1].as_str().is_some_and(|text| text.contains("another folder")), "{report:#}");
    let first = fs::read_to_string(kept.path().join("first/loader.efi")).expect("it is kept");
    assert!(first.contains("built in "), "{first}");
}

#[test]
fn what_git_does_not_know_is_not_built() {
    let source = sources("cat extra 2>/dev/null || echo nothing");
    fs::write(source.path().join("extra"), "something").expect("it is written");
    let kept = reproduce(source.path(), &["--part", "loader"]);
    let said = String::from_utf8_lossy(&kept.stdout);
    assert_eq!(kept.status.code(), Some(0), "{said}");
    assert!(said.starts_with("the sources differ from the last commit in 3 files\n"), "{said}");
}

#[test]
fn nobody_can_tell_without_a_build() {
    let (code, said) = loader("echo no such compiler >&2; false");
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("its last words:\nno such compiler"), "{said}");
    let folder = TempDir::new().expect("a folder");
    assert_eq!(reproduce(folder.path(), &[]).status.code(), Some(2), "no sources");
    let source = sources("true");
    let both = ["--part", "loader", "--against", "dist"];
    assert_eq!(reproduce(source.path(), &both).status.code(), Some(2), "a loader is in no release");
    assert_eq!(reproduce(source.path(), &["--once"]).status.code(), Some(2), "nothing to compare with");
}
