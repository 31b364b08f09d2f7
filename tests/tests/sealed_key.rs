//! A key that the box's TPM keeps comes out for the image that it was sealed for, and for nothing else.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use noreturn_tests::machine::{Machine, OutsideWire, Running};
use noreturn_tests::ports::{free_udp, loopback};
use noreturn_tests::process::wait_for;
use noreturn_tests::receiver::{ReceiverSettings, RunningReceiver};
use noreturn_tests::repository::built;
use noreturn_tests::site::{DIODE_NAME, Image, Site, TEST_KEY, build, idle_device};
use noreturn_tests::tpm::{Interface, Tpm};
use noreturn_tests::wire::{Faults, Wire};
use tempfile::TempDir;

const HANDLE: &str = "0x01800010";
const KEY_FILE: &str = "key_file = \"diode.key\"";

fn run(program: impl AsRef<Path>, arguments: &[&str]) -> Result<()> {
    let program = program.as_ref();
    let output =
        Command::new(program).args(arguments).output().with_context(|| program.display().to_string())?;
    ensure!(output.status.success(), "{} {arguments:?}: {output:?}", program.display());
    Ok(())
}

/// What `docs/attestation.md` tells people to do.
fn seal(image: &Image, folder: &Path) -> Result<()> {
    let path = |name: &str| folder.join(name).to_string_lossy().into_owned();
    let (policy, key, image) =
        (path("policy.bin"), path("key.bin"), image.path.to_string_lossy().into_owned());
    run(built("dist/diode-verify")?, &["pcrs", &image, "--policy", &policy])?;
    fs::write(&key, key_bytes())?;
    Tpm::with_tools(folder, |tcti| {
        let attributes = "ownerwrite|policyread|no_da";
        run("tpm2_nvdefine", &["-T", tcti, HANDLE, "-C", "o", "-s", "32", "-L", &policy, "-a", attributes])?;
        run("tpm2_nvwrite", &["-T", tcti, HANDLE, "-C", "o", "-i", &key])
    })
}

fn key_bytes() -> Vec<u8> {
    (0..32).filter_map(|place| u8::from_str_radix(&TEST_KEY[2 * place..2 * place + 2], 16).ok()).collect()
}

fn site(receiver_port: u16) -> String {
    let text = Site { receiver_port, modbus: idle_device() }.text();
    text.replace(KEY_FILE, &format!("key_tpm = \"{HANDLE}\""))
}

fn start(image: &Image, folder: &Path, outside: OutsideWire, tpm: Option<&Tpm>) -> Result<Running> {
    let arguments = tpm.map(|tpm| tpm.arguments(Interface::Fifo)).unwrap_or_default();
    Machine::new(&image.path, folder, outside).start_with(&arguments)
}

#[test]
fn the_image_that_it_was_sealed_for_speaks_with_it() -> Result<()> {
    let (folder, receiver_port) = (TempDir::new()?, free_udp()?);
    let image = build(&site(receiver_port), folder.path())?;
    let holds_key = |bytes: &[u8]| bytes.windows(32).any(|window| window == key_bytes());
    assert!(!holds_key(&fs::read(&image.path)?), "the key is in the image");
    seal(&image, folder.path())?;

    let settings =
        ReceiverSettings { port: receiver_port, broker: None, image: &image, attestation: None, live: false };
    let mut receiver = RunningReceiver::start(folder.path(), &settings)?;
    let wire = Wire::lay(receiver_port, Faults::default())?;
    let frames = OutsideWire::Frames { card: loopback(free_udp()?), wire: wire.address };
    let tpm = Tpm::start(folder.path())?;
    let mut machine = start(&image, folder.path(), frames, Some(&tpm))?;
    let said = machine.wait_for_serial("starting the kernel after")?;
    assert!(said.contains(&format!("the diode's key from the TPM at {HANDLE}")), "{said}");
    // A receiver believes no frame that is sealed with another key.
    let matched = wait_for("the image check", || {
        machine.check_running()?;
        receiver.check_running()?;
        Ok(receiver.lines()?.into_iter().find(|line| line["kind"] == "image_check"))
    });
    let matched = matched.with_context(|| machine.said())?;
    assert_eq!(matched["image_check"], "match");
    Ok(())
}

#[test]
fn another_image_of_the_same_owner_does_not_get_it() -> Result<()> {
    let folder = TempDir::new()?;
    let image = build(&site(9), folder.path())?;
    seal(&image, folder.path())?;
    let first = fs::read(&image.path)?;
    let newer = "[image]\nversion = 9\nversion_floor = 9\n\n[inside]";
    let other = build(&site(9).replace(DIODE_NAME, "waterwork2").replace("[inside]", newer), folder.path())?;
    let tpm = Tpm::start(folder.path())?;
    let mut machine = start(&other, folder.path(), OutsideWire::User, Some(&tpm))?;
    let said = machine.wait_for_serial("next try in")?;
    assert!(said.contains("NOT STARTED") && !said.contains("starting the kernel"), "{said}");
    // The policy failed, in the first session (TPM 2.0 Library, part 2, section 6.6.3).
    for part in [
        "the diode's key: the TPM does not give it out",
        HANDLE,
        "code     0x99d",
        "seal the key on this machine",
    ] {
        assert!(said.contains(part), "{part} is missing in\n{said}");
    }

    // It could not run, so it has put none out of use: back with the one before.
    drop((machine, tpm));
    fs::write(&image.path, first)?;
    let tpm = Tpm::start(folder.path())?;
    let mut machine = start(&image, folder.path(), OutsideWire::User, Some(&tpm))?;
    let said = machine.wait_for_serial("starting the kernel after")?;
    assert!(said.contains("version 0, floor 0: kept-0"), "{said}");
    Ok(())
}

#[test]
fn a_machine_without_a_tpm_does_not_start() -> Result<()> {
    let folder = TempDir::new()?;
    let image = build(&site(9), folder.path())?;
    let mut machine = start(&image, folder.path(), OutsideWire::User, None)?;
    let said = machine.wait_for_serial("next try in")?;
    assert!(said.contains("NOT STARTED") && said.contains("and there is no TPM 2.0"), "{said}");
    Ok(())
}
