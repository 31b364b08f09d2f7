//! What `./scripts/build` says about its work: signed by the owner, whole, and of these very files.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use noreturn_tests::copies::run;
use noreturn_tests::repository::{built, root};
use noreturn_tests::site::{Site, idle_device};
use tempfile::TempDir;

/// As docs/image.md tells people, who need nothing of ours for it.
const WITH_OPENSSL: &str = r#"
printf "$(sed 's/.* //; s/../\\x&/g; s/^/\\x30\\x2a\\x30\\x05\\x06\\x03\\x2b\\x65\\x70\\x03\\x21\\x00/' "$1")" >"$2"
openssl pkeyutl -verify -pubin -keyform DER -inkey "$2" -rawin -in "$3" -sigfile "$4"
"#;

#[test]
fn the_release_is_signed_and_whole() -> Result<()> {
    let (dist, key) = (built("dist")?, built("sites/example/owner.pub")?);
    let said = run(Command::new(built("dist/diode-verify")?).arg("dist").arg(dist).arg("--key").arg(key))?;
    assert!(said.ends_with("verdict pass\n"), "{said}");
    Ok(())
}

/// Who has a release needs no compiler for another site.
#[test]
fn the_released_image_gives_another_site_the_same_image_as_its_parts() -> Result<()> {
    let folder = TempDir::new()?;
    let of_parts = Site { receiver_port: 9, modbus: idle_device() }.build(folder.path())?;
    let expected = fs::read(&of_parts.path)?;
    fs::remove_file(&of_parts.path)?;
    let said = run(Command::new(built("dist/diode-image")?)
        .args(["build", "--config", "site.toml"])
        .current_dir(folder.path()))?;
    assert!(said.ends_with(&format!("{}\n", of_parts.sha256)), "{said}");
    ensure!(fs::read(&of_parts.path)? == expected, "other bytes");
    Ok(())
}

#[test]
fn openssl_accepts_the_signature_and_no_other_text() -> Result<()> {
    let folder = TempDir::new()?;
    let other = folder.path().join("other");
    let list = built("dist/SHA256SUMS")?;
    fs::write(&other, fs::read_to_string(&list)?.replacen('0', "1", 1))?;
    let verify = |list: &std::path::Path| {
        let mut command = Command::new("bash");
        command.args(["-c", WITH_OPENSSL, "openssl"]).arg(root().join("sites/example/owner.pub"));
        command.arg(folder.path().join("owner.der")).arg(list).arg(root().join("dist/SHA256SUMS.sig"));
        run(&mut command)
    };
    assert!(verify(&list)?.contains("Verified Successfully"));
    ensure!(verify(&other).is_err(), "openssl accepts a list that was changed");
    Ok(())
}

#[test]
fn the_documents_tell_how_openssl_checks() -> Result<()> {
    let document = fs::read_to_string(root().join("docs/image.md"))?;
    let told = WITH_OPENSSL.replace("\"$1\"", "owner.pub").replace("\"$2\"", "owner.der");
    let told = told.replace("\"$3\"", "SHA256SUMS").replace("\"$4\"", "SHA256SUMS.sig");
    told.lines().try_for_each(|line| document.contains(line).then_some(()).with_context(|| line.to_owned()))
}
