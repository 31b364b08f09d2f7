//! The command line of `diode-image`.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

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
    write("loader.efi", &loader());
    write("owner.key", format!("noreturn-owner-secret {}\n", "09".repeat(32)).as_bytes());
    write("kernel.elf", b"\x7fELF kernel");
    folder
}

/// The least that is taken for a loader: 66 bytes.
fn loader() -> Vec<u8> {
    [b"MZ".as_slice(), &noreturn_image_format::owner::NO_OWNER].concat()
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
    assert_eq!(record["loader"]["bytes"], 66);
    assert_eq!(record["diode"], serde_json::json!({ "id": 7, "name": "waterworks-east" }));
    let mut names: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let expected =
        ["diode.img", "diode.key", "kernel.elf", "loader.efi", "manifest.json", "owner.key", "site.toml"];
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

/// A folder with a site and an owner of its own, and nothing to build it of.
fn other_site() -> tempfile::TempDir {
    let folder = site();
    for name in ["loader.efi", "kernel.elf"] {
        fs::remove_file(folder.path().join(name)).expect("it is removed");
    }
    let text = include_str!("site.toml").replace("waterworks-east", "waterworks-west");
    fs::write(folder.path().join("site.toml"), text).expect("it is written");
    fs::write(folder.path().join("owner.key"), format!("noreturn-owner-secret {}\n", "0a".repeat(32)))
        .expect("it is written");
    folder
}

#[test]
fn an_image_is_enough_to_build_that_of_another_site_and_owner() {
    let (first, other) = (site(), other_site());
    assert!(run(first.path(), &BUILD).status.success());
    let base = first.path().join("diode.img");
    let of_image = ["build", "--config", "site.toml", "--programs-of", base.to_str().unwrap()];
    let output = run(other.path(), &of_image);
    assert!(output.status.success(), "{output:?}");
    let image = fs::read(other.path().join("diode.img")).unwrap();
    assert!(image != fs::read(&base).unwrap());
    for name in ["loader.efi", "kernel.elf"] {
        fs::copy(first.path().join(name), other.path().join(name)).unwrap();
    }
    assert!(run(other.path(), &BUILD).status.success());
    assert!(
        fs::read(other.path().join("diode.img")).unwrap() == image,
        "the same programs give the same image"
    );
    let both = run(other.path(), &[&of_image[..], &BUILD[3..7]].concat());
    assert_eq!(both.status.code(), Some(2), "{both:?}");
}

#[test]
fn without_programs_those_of_the_image_beside_diode_image_are_taken() {
    let (tools, other) = (site(), other_site());
    let program = tools.path().join("diode-image");
    // By another process: a file that this one writes is busy as long as a child of another test has inherited it.
    let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_diode-image")).arg(&program).status().unwrap();
    assert!(copied.success());
    let build = || {
        let mut command = Command::new(&program);
        command.args(["build", "--config", "site.toml"]).current_dir(other.path()).output().expect("it runs")
    };
    let without = build();
    assert_eq!(without.status.code(), Some(1));
    let told = String::from_utf8_lossy(&without.stderr).into_owned();
    assert!(told.contains("diode.img: cannot be read"), "{told}");
    assert!(run(tools.path(), &BUILD).status.success());
    assert!(build().status.success());
    let shown = run(other.path(), &["inspect", "diode.img"]);
    assert!(String::from_utf8_lossy(&shown.stdout).contains("waterworks-west"), "{shown:?}");
}

#[test]
fn a_damaged_image_gives_no_programs() {
    let (first, other) = (site(), other_site());
    assert!(run(first.path(), &BUILD).status.success());
    let base = first.path().join("diode.img");
    let image = fs::read(&base).unwrap();
    let kernel = image.windows(11).position(|bytes| bytes == b"\x7fELF kernel").unwrap();
    let mut damaged = image.clone();
    damaged[kernel + 5] ^= 1;
    for (bytes, told) in [
        (&damaged[..], "KERNEL.ELF has SHA-256"),
        (&image[..4096], "it ends before its manifest does"),
        (&image[..kernel], "KERNEL.ELF is not within the image"),
        (&vec![0; image.len()], "the manifest: "),
    ] {
        fs::write(&base, bytes).unwrap();
        let arguments = ["build", "--config", "site.toml", "--programs-of", base.to_str().unwrap()];
        let output = run(other.path(), &arguments);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(error.contains("cannot give loader and kernel") && error.contains(told), "{error}");
        assert!(!other.path().join("diode.img").exists());
    }
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
    assert!(String::from_utf8_lossy(&output.stdout).contains("EFI/BOOT/BOOTX64.EFI, 66 bytes"), "{output:?}");
    assert_eq!(run(folder.path(), &["inspect", "site.toml"]).status.code(), Some(1));
}

#[test]
fn inspect_reads_a_stick_by_the_images_own_length() {
    let folder = site();
    assert!(run(folder.path(), &BUILD).status.success());
    let image = fs::read(folder.path().join("diode.img")).unwrap();
    let alone = run(folder.path(), &["inspect", "diode.img"]).stdout;
    for (behind, told) in [
        (vec![0; 3 << 20], "3145728 bytes lie behind it, all of them zero"),
        (b"\0\0old".to_vec(), "5 bytes lie behind it, 3 of them not zero; the loader reads none of them"),
    ] {
        fs::write(folder.path().join("stick"), [&image[..], &behind].concat()).unwrap();
        let output = run(folder.path(), &["inspect", "stick"]);
        assert!(output.status.success(), "{output:?}");
        let expected = String::from_utf8_lossy(&alone).into_owned() + "behind   " + told + "\n";
        assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
    }
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
fn a_new_owner_signs_and_the_public_key_is_enough_to_build_again() {
    let folder = site();
    fs::remove_file(folder.path().join("owner.key")).unwrap();
    let unsigned = run(folder.path(), &BUILD);
    assert_eq!(unsigned.status.code(), Some(1));
    let told = String::from_utf8_lossy(&unsigned.stderr).into_owned();
    assert!(told.contains("`diode-image new-owner owner.key` makes one"), "{told}");
    assert!(run(folder.path(), &["new-owner", "mine.key"]).status.success());
    let path = folder.path().join("mine.key");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(run(folder.path(), &["new-owner", "mine.key"]).status.code(), Some(1));
    for name in ["mine.old", "strange.pub"] {
        assert_eq!(
            run(folder.path(), &["new-owner", name]).status.code(),
            Some(1),
            "its public key is in the way"
        );
        assert!(!folder.path().join(name).exists(), "no secret is left behind");
    }
    assert!(run(folder.path(), &[&BUILD[..], &["--owner", "mine.key"]].concat()).status.success());
    let image = fs::read(folder.path().join("diode.img")).unwrap();
    fs::write(folder.path().join("released.img"), &image).unwrap();
    fs::remove_file(path).unwrap();
    let public = ["--owner-public", "mine.pub", "--signature-of", "released.img"];
    let again = run(folder.path(), &[&BUILD[..], &public].concat());
    assert!(again.status.success(), "{again:?}");
    assert!(fs::read(folder.path().join("diode.img")).unwrap() == image);
    fs::write(folder.path().join("kernel.elf"), b"\x7fELF other").unwrap();
    let other = run(folder.path(), &[&BUILD[..], &public].concat());
    assert!(String::from_utf8_lossy(&other.stderr).contains("the signature is not the owner's"), "{other:?}");
}

#[test]
fn a_key_of_another_kind_is_no_owner() {
    let folder = site();
    for (contents, file) in [("07".repeat(32), "owner.key"), (String::new(), "owner.key")] {
        fs::write(folder.path().join(file), contents).unwrap();
        let output = run(folder.path(), &BUILD);
        assert_eq!(output.status.code(), Some(1));
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(told.contains("owner.key: expected one line, \"noreturn-owner-secret \""), "{told}");
    }
}

/// Answers questions; what was said to them on standard error.
fn answer(folder: &Path, answers: &str) -> (Output, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_diode-image"));
    command.args(["new-site", "new.toml"]).current_dir(folder);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("diode-image runs");
    // It may end before it has read everything.
    let _ = child.stdin.take().expect("a pipe").write_all(answers.as_bytes());
    let output = child.wait_with_output().expect("it ends");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    (output, told)
}

#[test]
fn a_new_site_of_usual_answers_can_be_built() {
    let folder = site();
    fs::remove_file(folder.path().join("diode.key")).unwrap();
    fs::remove_file(folder.path().join("owner.key")).unwrap();
    let (output, _) = answer(folder.path(), &"\n".repeat(17));
    assert!(output.status.success(), "{output:?}");
    let mut build = BUILD;
    build[2] = "new.toml";
    let built = run(folder.path(), &build);
    assert!(built.status.success(), "{built:?}");
    let again = answer(folder.path(), &"\n".repeat(17));
    assert!(again.1.contains("new.toml: exists, and nothing is ever overwritten"), "{}", again.1);
}

#[test]
fn wrong_answers_are_asked_for_again() {
    let folder = site();
    let key = fs::read(folder.path().join("diode.key")).unwrap();
    let wrong_then_right = [
        ("", "north \"1\""),
        ("many", "12"),
        ("0:2", "00:02.0"),
        ("01:00:5e:00:00:01", "52:54:00:12:34:56"),
        ("192.168.7.9/33", "192.168.7.9/24"),
        ("10.9.9.9", "192.168.7.1"),
        ("00:02.0", "01:00.0"),
        ("52:54:00:12:34:56", "52:54:00:12:34:57"),
        ("", "10.0.0.9:4100"),
        ("1.2.3.4", "192.0.2.1:4100"),
        ("ff:ff:ff:ff:ff:ff", "52:55:0a:00:02:02"),
        ("", "plc-9"),
        ("172.16.1.2", "172.16.1.2:502"),
        ("300", "3"),
        ("", "tank/level"),
        ("70000", "7"),
        ("u17", "f32"),
    ];
    let answers: Vec<&str> = wrong_then_right
        .iter()
        .flat_map(|(wrong, right)| [*wrong, *right])
        .filter(|a| !a.is_empty())
        .collect();
    let (output, told) = answer(folder.path(), &answers.join("\n"));
    assert!(output.status.success(), "{told}");
    // An objection follows its question on the same line: answers are not shown.
    assert_eq!(
        told.matches("]:   ").count(),
        wrong_then_right.iter().filter(|(wrong, _)| !wrong.is_empty()).count(),
        "{told}"
    );
    assert!(told.contains("\"u17\" is not one of"), "{told}");
    let summary = run(folder.path(), &["check", "new.toml"]);
    let text = String::from_utf8_lossy(&summary.stdout).into_owned();
    for expected in [
        "card 01:00.0 with 52:54:00:12:34:57",
        "north \"1\"",
        "192.168.7.9/24",
        "172.16.1.2:502",
        "192.0.2.1:4100",
        "plc-9/tank/level",
    ] {
        assert!(text.contains(expected), "{expected} is not in {text}");
    }
    assert_eq!(fs::read(folder.path().join("diode.key")).unwrap(), key, "a key that is there is kept");
}

#[test]
fn answers_that_end_too_early_make_nothing() {
    let folder = site();
    let (output, told) = answer(folder.path(), "a\n");
    assert_eq!(output.status.code(), Some(1));
    assert!(told.contains("the answers ended before diode.id; nothing was written"), "{told}");
    assert!(!folder.path().join("new.toml").exists());
}

#[test]
fn wrong_usage_is_exit_code_two() {
    assert_eq!(run(site().path(), &["burn"]).status.code(), Some(2));
}

#[test]
fn a_loader_gets_its_owners_key_to_be_signed() {
    let folder = site();
    let name = ["loader", "--loader", "loader.efi", "--output", "owned.efi"];
    assert_eq!(run(folder.path(), &name).status.code(), Some(2), "no key was given");
    let done = run(folder.path(), &[&name[..], &["--owner", "owner.key"]].concat());
    assert!(done.status.success(), "{done:?}");
    let read = |name: &str| fs::read(folder.path().join(name)).unwrap();
    let owned = read("owned.efi");
    assert!(run(folder.path(), &BUILD).status.success());
    let image = read("diode.img");
    let mut build = BUILD;
    build[4] = "owned.efi";
    assert!(run(folder.path(), &build).status.success());
    assert!(image == read("diode.img"), "a loader that holds the owner's key already makes no difference");
    assert!(owned.ends_with(&noreturn_image_format::owner::read(&owned).unwrap()));
    assert!(run(folder.path(), &["new-owner", "other.key"]).status.success());
    let other = run(
        folder.path(),
        &["loader", "--loader", "owned.efi", "--owner-public", "other.pub", "--output", "x.efi"],
    );
    assert_eq!(other.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&other.stderr).contains("the key of another owner"), "{other:?}");
}
