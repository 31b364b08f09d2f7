//! The command line of `diode-verify`, and what it is built of.

mod common;

use std::process::{Command, Output};

use noreturn_image_format::Sha256Digest;

use common::{SITE, built, image, name, owner, save};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_diode-verify")).args(arguments).output().expect("diode-verify runs")
}

#[test]
fn exit_codes_tell_the_verdict() {
    let file = save(image());
    let digest = Sha256Digest::of(image()).to_string();
    let passed = run(&["check", name(&file), "--sha256", &digest]);
    assert_eq!(passed.status.code(), Some(0), "{passed:?}");
    assert!(String::from_utf8_lossy(&passed.stdout).ends_with("\nlint pass\n"));
    let failed = run(&["check", name(&file), "--sha256", &"0".repeat(64)]);
    assert_eq!(failed.status.code(), Some(1));
    assert!(
        String::from_utf8_lossy(&failed.stdout)
            .contains(&format!("expected {}, found {digest}", "0".repeat(64)))
    );
    assert_eq!(run(&["check", "/nowhere/diode.img"]).status.code(), Some(2));
    assert_eq!(run(&["check", name(&file), "--sha256", "abc"]).status.code(), Some(2));
    assert_eq!(run(&["check", name(&file), "--site", "/nowhere/site.toml"]).status.code(), Some(2));
    for certificate in ["/nowhere/db.crt", name(&file)] {
        let asked = run(&["check", name(&file), "--secure-boot-cert", certificate]);
        assert_eq!(asked.status.code(), Some(2));
    }
    assert_eq!(run(&[]).status.code(), Some(2));
}

/// A stick is longer than the image. What lies behind is said, and changes neither the hash nor the verdict.
#[test]
fn a_stick_is_judged_by_the_images_own_length() {
    let digest = Sha256Digest::of(image()).to_string();
    let check = |bytes: &[u8]| {
        let stick = save(bytes);
        let output = run(&["check", name(&stick), "--sha256", &digest, "--json"]);
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let pcrs = run(&["pcrs", name(&stick)]);
        assert!(pcrs.status.success(), "{pcrs:?}");
        let page = tempfile::tempdir().expect("a folder");
        let html = page.path().join("page.html");
        let text = run(&["check", name(&stick), "--html", html.to_str().expect("UTF-8")]);
        let page = std::fs::read_to_string(html).expect("the page");
        (report, pcrs.stdout, String::from_utf8_lossy(&text.stdout).into_owned() + &page)
    };
    let (_, own_pcrs, shown) = check(image());
    assert!(!shown.to_lowercase().contains("behind"), "{shown}");
    // Longer than an image may be, too.
    let zeros = vec![0; 30 << 20];
    let junk = [&zeros[..1000], b"an older image", &zeros].concat();
    let (zero_bytes, junk_bytes) = (zeros.len(), junk.len());
    for (behind, not_zero, told) in [
        (&zeros, 0, format!("{zero_bytes} bytes lie behind it, all of them zero")),
        (
            &junk,
            14,
            format!("{junk_bytes} bytes lie behind it, 14 of them not zero; the loader reads none of them"),
        ),
    ] {
        let (report, pcrs, shown) = check(&[image(), behind].concat());
        assert_eq!(report["verdict"], "pass", "{report}");
        assert_eq!(
            (&report["image_bytes"], &report["image_sha256"]),
            (&image().len().into(), &digest.clone().into())
        );
        assert_eq!(
            (&report["behind_bytes"], &report["behind_bytes_not_zero"]),
            (&behind.len().into(), &not_zero.into())
        );
        assert_eq!(shown.matches(&told).count(), 2, "in the text and on the page: {shown}");
        assert!(pcrs == own_pcrs, "what a TPM attests is the image's");
    }
}

/// Where nothing says how long the image is, all of it is the image, unless that is more than an image can be.
#[test]
fn without_a_manifest_everything_is_judged() {
    let mut unreadable = image().to_vec();
    unreadable[noreturn_image_format::layout::MANIFEST_RANGE].fill(0);
    let output = run(&["check", name(&save(&[&unreadable[..], &[0; 512]].concat())), "--json"]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(
        (&report["image_bytes"], &report["verdict"]),
        (&(unreadable.len() + 512).into(), &"fail".into())
    );
    unreadable.resize(25 << 20, 0);
    let output = run(&["check", name(&save(&unreadable))]);
    assert_eq!(output.status.code(), Some(2));
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("no manifest says where an image ends"), "{told}");
}

#[test]
fn help_tells_the_exit_codes() {
    for arguments in [["--help"].as_slice(), &["check", "--help"]] {
        let help = run(arguments);
        assert_eq!(help.status.code(), Some(0));
        let text = String::from_utf8_lossy(&help.stdout);
        assert!(
            text.contains("Exit code: 0 if no rule is broken, 1 if one is, 2 if nobody can tell."),
            "{text}"
        );
    }
}

#[test]
fn json_is_for_programs() {
    let file = save(image());
    let output = run(&["check", name(&file), "--json"]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["verdict"], "pass");
    assert_eq!(report["image_sha256"], Sha256Digest::of(image()).to_string());
    assert_eq!(report["rules"][0]["id"], "V001");
    assert_eq!(report["rules"].as_array().map(Vec::len), Some(27));
}

/// With an image that was built elsewhere and a proof it is a check; the image itself is no rebuild.
#[test]
fn a_check_takes_a_rebuild_and_a_proof() {
    let (file, rebuilt, proof) =
        (save(image()), save(image()), save(common::report_of_proof().to_string().as_bytes()));
    let checked = run(&["check", name(&file), "--rebuilt", name(&rebuilt), "--proof", name(&proof)]);
    assert_eq!(checked.status.code(), Some(0), "{checked:?}");
    assert!(String::from_utf8_lossy(&checked.stdout).ends_with("\nverdict pass\n"), "{checked:?}");
    let itself = run(&["check", name(&file), "--rebuilt", name(&file)]);
    assert_eq!(itself.status.code(), Some(2));
    assert!(
        String::from_utf8_lossy(&itself.stderr).contains("is the image itself, and no rebuild"),
        "{itself:?}"
    );
    assert_eq!(run(&["check", name(&file), "--proof", name(&file)]).status.code(), Some(2));
    assert_eq!(run(&["check", name(&file), "--rebuilt", "/nowhere/diode.img"]).status.code(), Some(2));
}

#[test]
fn a_site_file_is_compared_with_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let site = folder.path().join("site.toml");
    std::fs::write(&site, SITE).unwrap();
    let image = save(image());
    let check = |key: &str| {
        std::fs::write(folder.path().join("diode.key"), key.repeat(32)).unwrap();
        run(&["check", name(&image), "--site", site.to_str().unwrap()])
    };
    assert_eq!(check("07").status.code(), Some(0));
    let other = check("08");
    assert_eq!(other.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&other.stdout).contains("V009 fail"), "{other:?}");
}

#[test]
fn an_owner_is_compared_with_the_loaders() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("owner.pub");
    let image = save(image());
    let check = |contents: &str| {
        std::fs::write(&path, contents).unwrap();
        run(&["check", name(&image), "--key", path.to_str().unwrap()])
    };
    let right = Sha256Digest(owner().public()).to_string();
    assert_eq!(check(&format!("noreturn-owner-public {right}\n")).status.code(), Some(0));
    let other = check(&format!("noreturn-owner-public {}\n", "0".repeat(64)));
    assert_eq!(other.status.code(), Some(1));
    assert!(
        String::from_utf8_lossy(&other.stdout).contains(&format!("the loader holds the key {right}")),
        "{other:?}"
    );
    let wrong = check(&format!("noreturn-owner-secret {right}\n"));
    assert_eq!(wrong.status.code(), Some(2));
    assert!(
        String::from_utf8_lossy(&wrong.stderr).contains("expected one line, \"noreturn-owner-public \""),
        "{wrong:?}"
    );
}

/// What the policy is good for, `tests/tests/sealed_key.rs` shows with a TPM.
#[test]
fn the_policy_is_written_and_never_over_the_image() {
    let folder = tempfile::tempdir().unwrap();
    let [policy, found] = ["policy.bin", "found.txt"].map(|name| folder.path().join(name));
    let [policy, found] = [&policy, &found].map(|path| path.to_str().unwrap());
    let image = save(image());
    let line = |pcr: u32| format!("    {pcr} : 0x{}\n", format!("{pcr:02x}").repeat(32));
    std::fs::write(found, ["  sha256:\n", &line(0), &line(2), &line(7)].concat()).unwrap();
    let output = run(&["pcrs", name(&image), "--json", "--found", found, "--policy", policy]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let written: [u8; 32] = std::fs::read(policy).unwrap().try_into().unwrap();
    assert_eq!(told["policy"], Sha256Digest(written).to_string());
    assert_eq!((&told["pcr_0"], &told["pcr_7"]), (&"00".repeat(32).into(), &"07".repeat(32).into()));
    let output = run(&["pcrs", name(&image), "--found", found, "--policy", name(&image)]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("is what is to be judged"), "{output:?}");
    assert_eq!(std::fs::read(image.path()).unwrap(), common::image());

    let output = run(&["pcrs", name(&image), "--policy", policy]);
    assert_eq!(output.status.code(), Some(2), "a policy over the image alone");
    std::fs::write(found, ["  sha256:\n", &line(0), &line(2)].concat()).unwrap();
    let output = run(&["pcrs", name(&image), "--found", found]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("found.txt: register 7 is missing"),
        "{output:?}"
    );
}

/// The judge shares the image format with the builder, and nothing else.
#[test]
fn the_builder_is_no_dependency() {
    let manifest = include_str!("../Cargo.toml");
    let (_, rest) = manifest.split_once("\n[dependencies]\n").expect("there are dependencies");
    let dependencies = rest.split("\n[").next().expect("the first part is there");
    let ours = dependencies.lines().filter(|line| line.starts_with("noreturn-"));
    let ours: Vec<_> = ours.filter_map(|line| line.split(['.', ' ']).next()).collect();
    assert_eq!(ours, ["noreturn-image-format", "noreturn-site"]);
    for library in ["gpt", "fatfs"] {
        assert!(
            !dependencies.contains(library),
            "the builder reads with {library}; the judge has its own reader"
        );
    }
}

#[test]
fn registers_are_not_predicted_of_what_is_no_program() {
    let mut changed = image().to_vec();
    changed[built().manifest.loader.range().start + 0x40] = b'X';
    let file = save(&changed);
    let output = run(&["pcrs", name(&file)]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("the loader is no PE32+ program"), "{output:?}");
    assert_eq!(run(&["pcrs", "/nowhere/diode.img"]).status.code(), Some(2));
}
