//! Under Secure Boot the firmware starts a loader that the owner signed, and no other: none without a signature, none of somebody else's,
//! none that was changed after it was signed. The firmware is OVMF, which has taken the keys as a real machine takes them.
//!
//! Boots of their own: the firmware decides at the start, for each loader anew.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result};
use noreturn_image_format::layout::MANIFEST_RANGE;
use noreturn_image_format::{Manifest, owner};
use noreturn_tests::machine::{Firmware, Machine, Running};
use noreturn_tests::ports::free_udp;
use noreturn_tests::process::wait_for;
use noreturn_tests::receiver::{ReceiverSettings, RunningReceiver};
use noreturn_tests::repository;
use noreturn_tests::secure_boot::{Keys, run};
use noreturn_tests::site::{Image, Site, TEST_OWNER, build_of, idle_device};
use noreturn_tests::tpm::{Interface, Tpm};
use noreturn_tests::wire::{Faults, Wire};
use noreturn_verify::pcrs::predict;
use noreturn_verify::{Certificate, Expectations, Outcome, judge};
use tempfile::TempDir;

/// Nobody receives there.
const RECEIVER_PORT: u16 = 9;

/// What the tests share, made once: keys, and firmware that knows them.
struct Shared {
    keys: Keys,
    /// Keys that no firmware knows.
    strange: Keys,
    /// Variables of a firmware that checks signatures.
    on: PathBuf,
    /// Variables of one that knows the same db and KEK, but has no PK: so it does not check.
    off: PathBuf,
}

fn shared() -> Result<&'static Shared> {
    static SHARED: OnceLock<Result<Shared, String>> = OnceLock::new();
    let made = SHARED.get_or_init(|| Shared::make().map_err(|error| format!("{error:#}")));
    made.as_ref().map_err(|error| anyhow::anyhow!("{error}"))
}

impl Shared {
    fn make() -> Result<Self> {
        // Nobody removes what is shared, so it lies where it is found and removed again.
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("secure-boot");
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        let keys = Keys::make(folder.join("keys"))?;
        let strange = Keys::make(folder.join("strange"))?;
        let on = keys.enrol(&["db", "KEK", "PK"], &folder.join("on"))?;
        let off = keys.enrol(&["db", "KEK"], &folder.join("off"))?;
        Ok(Self { keys, strange, on, off })
    }
}

/// A loader with the key of the test's owner in it.
fn owned_loader(folder: &Path) -> Result<PathBuf> {
    let (key, owned) = (folder.join("owner.key"), folder.join("owned.efi"));
    fs::write(&key, format!("noreturn-owner-secret {TEST_OWNER}\n"))?;
    let mut builder = Command::new(repository::built("dist/diode-image")?);
    builder.arg("loader").arg("--loader").arg(repository::loader()?);
    run(builder.arg("--owner").arg(&key).arg("--output").arg(&owned))?;
    Ok(owned)
}

fn signed_loader(keys: &Keys, folder: &Path) -> Result<PathBuf> {
    let signed = folder.join("signed.efi");
    keys.sign(&owned_loader(folder)?, &signed)?;
    Ok(signed)
}

fn build(loader: &Path, receiver_port: u16, folder: &Path) -> Result<Image> {
    let text = Site { receiver_port, modbus: idle_device() }.text();
    build_of(loader, &repository::kernel()?, &text, folder)
}

/// Switches a box on whose firmware has these variables, of which it gets a copy.
fn start(image: &Path, variables: &Path, folder: &Path, wire: &Wire, more: &[String]) -> Result<Running> {
    let copy = folder.join("variables");
    fs::copy(variables, &copy)?;
    let firmware = Firmware::SecureBoot { variables: &copy };
    Machine { firmware, ..Machine::new(image, folder, wire.frames_to(None)?) }.start_with(more)
}

/// The firmware tells that it does not start this, and nothing of the loader's is ever seen.
fn is_refused(image: &Path, folder: &Path) -> Result<()> {
    let wire = Wire::lay(RECEIVER_PORT, Faults::default())?;
    let mut running = start(image, &shared()?.on, folder, &wire, &[])?;
    let said = running.wait_for_serial("No bootable option or device was found")?;
    assert!(said.contains("failed to load Boot") && said.contains("Access Denied"), "{said}");
    assert!(!said.contains("noreturn"), "{said}");
    wire.check_silent()
}

/// Where nobody checks, the same image starts: so it is the signature that was refused.
fn starts_without_secure_boot(image: &Path, folder: &Path) -> Result<()> {
    let wire = Wire::lay(RECEIVER_PORT, Faults::default())?;
    let mut running = start(image, &shared()?.off, folder, &wire, &[])?;
    let said = running.wait_for_serial("transmit only")?;
    assert!(said.contains("noreturn loader: start, Secure Boot is off"), "{said}");
    wait_for("the first frame", || Ok((wire.frames() > 0).then_some(())))?;
    wire.check()
}

/// What rule V014 says of an image, for whoever expects the owner's certificate.
fn judged(image: &[u8]) -> Result<Outcome> {
    let certificate = fs::read(shared()?.keys.certificate())?;
    let secure_boot = Some(Certificate::parse(&certificate).map_err(anyhow::Error::msg)?);
    let report = judge(image, &Expectations { secure_boot, ..Expectations::default() });
    let finding = report.findings.into_iter().find(|finding| finding.id == "V014");
    Ok(finding.context("the rule exists")?.outcome)
}

/// The whole way: the firmware starts the loader and measures what `diode-verify pcrs` predicts, the loader the kernel, and the receiver gets
/// beacons of the image that it expects.
#[test]
fn what_the_owner_signed_starts_and_is_attested() -> Result<()> {
    let folder = TempDir::new()?;
    let port = free_udp()?;
    let image = build(&signed_loader(&shared()?.keys, folder.path())?, port, folder.path())?;
    let bytes = fs::read(&image.path)?;
    assert!(matches!(judged(&bytes)?, Outcome::Pass(_)));
    let tpm = Tpm::start(folder.path())?;
    let settings = ReceiverSettings { port, broker: None, image: &image, attestation: None, live: false };
    let mut receiver = RunningReceiver::start(folder.path(), &settings)?;
    let wire = Wire::lay(port, Faults::default())?;
    let more = tpm.arguments(Interface::Fifo);
    let mut running = start(&image.path, &shared()?.on, folder.path(), &wire, &more)?;
    let said = running.wait_for_serial("transmit only")?;
    assert!(said.contains("noreturn loader: start, Secure Boot is on"), "{said}");
    let attested = wait_for("the first quote", || {
        running.check_running()?;
        receiver.check_running()?;
        Ok(receiver.lines()?.into_iter().find(|line| line["kind"] == "attestation"))
    });
    let attested = attested.with_context(|| running.said())?;
    let prediction = predict(&bytes).map_err(anyhow::Error::msg)?.to_string();
    for register in ["4", "8", "9"] {
        let value = attested["pcrs"][register].as_str().context("a value")?;
        assert!(prediction.contains(&format!("pcr_{register} = \"{value}\"\n")), "{attested} {prediction}");
    }
    assert_eq!(receiver.summary()?["diodes"][0]["image_check"], "match");
    wire.check()
}

#[test]
fn what_nobody_signed_is_refused() -> Result<()> {
    let folder = TempDir::new()?;
    let image = build(&repository::loader()?, RECEIVER_PORT, folder.path())?;
    assert_eq!(judged(&fs::read(&image.path)?)?, Outcome::Fail("the loader is not signed".to_owned()));
    is_refused(&image.path, folder.path())?;
    starts_without_secure_boot(&image.path, folder.path())
}

#[test]
fn what_somebody_else_signed_is_refused() -> Result<()> {
    let folder = TempDir::new()?;
    let image = build(&signed_loader(&shared()?.strange, folder.path())?, RECEIVER_PORT, folder.path())?;
    let outcome = judged(&fs::read(&image.path)?)?;
    assert!(
        matches!(&outcome, Outcome::Fail(why) if why.contains("it is signed with the certificate")),
        "{outcome:?}"
    );
    is_refused(&image.path, folder.path())
}

/// Everything of the image is as another owner would have it, who signs the manifest with a key of his own; only the signature of the loader,
/// which he cannot make, is that of the loader before he put his key in.
#[test]
fn a_loader_with_another_owners_key_is_refused() -> Result<()> {
    let folder = TempDir::new()?;
    let loader = signed_loader(&shared()?.keys, folder.path())?;
    let mut changed = fs::read(&loader)?;
    let stranger = noreturn_image::Owner::from_seed([0x77; 32]);
    let place = owner::find(&changed).context("the loader has a key")?;
    changed[place].copy_from_slice(&stranger.public());
    fs::write(&loader, changed)?;
    fs::write(folder.path().join("owner.key"), format!("noreturn-owner-secret {}\n", "77".repeat(32)))?;
    let image = build(&loader, RECEIVER_PORT, folder.path())?;
    let outcome = judged(&fs::read(&image.path)?)?;
    assert!(matches!(&outcome, Outcome::Fail(why) if why.contains("this one was changed")), "{outcome:?}");
    is_refused(&image.path, folder.path())?;
    starts_without_secure_boot(&image.path, folder.path())
}

/// The firmware knows nothing of a kernel: that is the loader's part.
#[test]
fn a_changed_kernel_is_refused_by_the_loader_that_the_firmware_starts() -> Result<()> {
    let folder = TempDir::new()?;
    let image = build(&signed_loader(&shared()?.keys, folder.path())?, RECEIVER_PORT, folder.path())?;
    let mut bytes = fs::read(&image.path)?;
    let parsed = Manifest::parse(&bytes[MANIFEST_RANGE]).map_err(|error| anyhow::anyhow!("{error}"))?;
    let kernel = parsed.manifest.kernel.range();
    bytes[kernel][100_000] ^= 0x10;
    fs::write(&image.path, bytes)?;
    let wire = Wire::lay(RECEIVER_PORT, Faults::default())?;
    let mut running = start(&image.path, &shared()?.on, folder.path(), &wire, &[])?;
    let said = running.wait_for_serial("next try in")?;
    assert!(said.contains("noreturn loader: start, Secure Boot is on"), "{said}");
    assert!(said.contains("NOT STARTED") && said.contains("the kernel: has the wrong SHA-256"), "{said}");
    assert!(!said.contains("starting the kernel"), "{said}");
    wire.check_silent()
}

/// With the same keys on another day; and by somebody who has none of them, but the image.
#[test]
fn a_signed_image_can_be_built_again() -> Result<()> {
    let folders = [TempDir::new()?, TempDir::new()?];
    let [first, second] = folders.each_ref().map(|folder| -> Result<_> {
        let image = build(&signed_loader(&shared()?.keys, folder.path())?, RECEIVER_PORT, folder.path())?;
        // Signatures that tell the time tell seconds.
        std::thread::sleep(std::time::Duration::from_millis(1100));
        Ok(fs::read(image.path)?)
    });
    let (first, second) = (first?, second?);
    assert!(first == second);

    let folder = folders[0].path();
    let key = noreturn_image::Owner::read(&folder.join("owner.key"))?.public();
    let public = folder.join("public");
    fs::write(&public, format!("noreturn-owner-public {}\n", noreturn_image_format::Sha256Digest(key)))?;
    let mut builder = Command::new(repository::built("dist/diode-image")?);
    builder.arg("build").arg("--site").arg(folder.join("site.toml")).arg("--owner-public").arg(public);
    builder.arg("--signature-of").arg(folder.join("diode.img")).arg("--output").arg(folder.join("again.img"));
    run(builder.arg("--loader").arg(repository::loader()?).arg("--kernel").arg(repository::kernel()?))?;
    assert!(fs::read(folder.join("again.img"))? == first, "from the loader that nobody signed");
    Ok(())
}
