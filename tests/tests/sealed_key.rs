//! A key that the box's TPM keeps comes out for the image and the machine that it was sealed for, and for nothing else.
//!
//! Boots of their own: the TPM gives the key out only at the start, to each of these images and machines or to none.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use noreturn_image_format::Sha256Digest;
use noreturn_image_format::measured::{SEALING_PCRS, sealing_policy};
use noreturn_tests::machine::{Firmware, Machine, Running};
use noreturn_tests::ports::free_udp;
use noreturn_tests::process::wait_for;
use noreturn_tests::receiver::{ReceiverSettings, RunningReceiver};
use noreturn_tests::repository::built;
use noreturn_tests::site::{DIODE_NAME, Image, Site, TEST_KEY, build, idle_device};
use noreturn_tests::tpm::{Interface, Tpm};
use noreturn_tests::wire::{Faults, Wire};
use noreturn_verify::pcrs::found::{Registers, parse};
use noreturn_wire::attestation::QUOTED_PCRS;
use tempfile::TempDir;

const HANDLE: &str = "0x01800010";
const KEY_FILE: &str = "key_file = \"diode.key\"";
/// Variables of a firmware that knows nobody's keys for Secure Boot, and of one that knows Microsoft's.
const NO_KEYS: &str = "/usr/share/OVMF/OVMF_VARS_4M.fd";
const MICROSOFTS_KEYS: &str = "/usr/share/OVMF/OVMF_VARS_4M.ms.fd";

fn run(program: impl AsRef<Path>, arguments: &[&str]) -> Result<String> {
    let program = program.as_ref();
    let output =
        Command::new(program).args(arguments).output().with_context(|| program.display().to_string())?;
    ensure!(output.status.success(), "{} {arguments:?}: {output:?}", program.display());
    Ok(String::from_utf8(output.stdout)?)
}

fn path(folder: &Path, name: &str) -> String {
    folder.join(name).to_string_lossy().into_owned()
}

/// What `docs/attestation.md` tells people to do, in a machine that has told its registers in the file `found`.
fn seal(image: &Path, found: &Path, folder: &Path) -> Result<()> {
    let (policy, key) = (path(folder, "policy.bin"), path(folder, "key.bin"));
    let [image, found] = [image, found].map(|path| path.to_string_lossy().into_owned());
    run(built("dist/diode-verify")?, &["pcrs", &image, "--found", &found, "--policy", &policy])?;
    fs::write(&key, key_bytes())?;
    Tpm::with_tools(folder, |tcti| define(tcti, &policy, &key))
}

fn define(tcti: &str, policy: &str, key: &str) -> Result<()> {
    let attributes = "ownerwrite|policyread|no_da";
    run("tpm2_nvdefine", &["-T", tcti, HANDLE, "-C", "o", "-s", "32", "-L", policy, "-a", attributes])?;
    run("tpm2_nvwrite", &["-T", tcti, HANDLE, "-C", "o", "-i", key]).map(|_| ())
}

fn key_bytes() -> Vec<u8> {
    (0..32).filter_map(|place| u8::from_str_radix(&TEST_KEY[2 * place..2 * place + 2], 16).ok()).collect()
}

fn site(receiver_port: u16) -> String {
    let text = Site { receiver_port, modbus: idle_device() }.text();
    text.replace(KEY_FILE, &format!("key_tpm = \"{HANDLE}\""))
}

/// What the loader says that gets no key, for the reason with this response code, and the registers in it.
fn refused(running: &mut Running, code: &str) -> Result<Registers> {
    let said = running.wait_for_serial("next try in")?;
    assert!(said.contains("NOT STARTED") && !said.contains("starting the kernel"), "{said}");
    let code = format!("code     {code}");
    for part in
        ["the diode's key: the TPM does not give it out", HANDLE, &code, "seal the key on this machine"]
    {
        assert!(said.contains(part), "{part} is missing in\n{said}");
    }
    let registers = parse(&said)?;
    assert!(
        registers.keys().eq(SEALING_PCRS.map(u32::from).iter()),
        "not all six, and nothing else, in\n{said}"
    );
    Ok(registers)
}

/// A box with a TPM in which a key is sealed for its image.
struct Bench {
    folder: TempDir,
    receiver_port: u16,
    image: Image,
    variables: PathBuf,
}

/// What of the machine is not as it was when the key was sealed.
#[derive(Clone, Copy, Default)]
struct Changes {
    /// The build of the firmware that could check signatures.
    firmware: bool,
    /// Variables with keys for Secure Boot in them, and Secure Boot off.
    variables: bool,
    /// Another card brings an option ROM, which is a UEFI driver.
    card: bool,
}

/// Microsoft's keys without PK, so that the firmware does not check by them: the state of that variable is changed as the firmware does
/// when it deletes one (edk2, `VariableFormat.h`: `AUTHENTICATED_VARIABLE_HEADER`, `VAR_DELETED`).
fn without_platform_key() -> Result<Vec<u8>> {
    const GLOBAL_PK: &[u8] = b"\x61\xdf\xe4\x8b\xca\x93\xd2\x11\xaa\x0d\x00\xe0\x98\x03\x2b\x8cP\0K\0\0\0";
    const STATE_BEFORE_VENDOR: usize = 42;
    const IN_USE: u8 = 0x3f;
    const DELETED: u8 = 0x3d;
    let mut contents = fs::read(MICROSOFTS_KEYS)?;
    let place = contents.windows(GLOBAL_PK.len()).position(|window| window == GLOBAL_PK).context("no PK")?;
    let state = &mut contents[place - STATE_BEFORE_VENDOR];
    ensure!(*state == IN_USE, "the state of PK is {state:#x}");
    *state = DELETED;
    Ok(contents)
}

impl Bench {
    /// Builds the image.
    fn new() -> Result<Self> {
        let (folder, receiver_port) = (TempDir::new()?, free_udp()?);
        let image = build(&site(receiver_port), folder.path())?;
        let variables = folder.path().join("variables");
        Ok(Self { folder, receiver_port, image, variables })
    }

    fn start(&self, outside: &Wire, changes: Changes) -> Result<(Running, Tpm)> {
        let tpm = Tpm::start(self.folder.path())?;
        let variables = &*self.variables;
        let contents = if changes.variables { without_platform_key()? } else { fs::read(NO_KEYS)? };
        fs::write(variables, contents)?;
        let firmware = match changes.firmware {
            true => Firmware::SecureBoot { variables },
            false => Firmware::Remembering { variables },
        };
        let mut arguments = tpm.arguments(Interface::Fifo);
        if changes.card {
            arguments.extend(["-device", "e1000e,addr=0x9"].map(str::to_owned));
        }
        let frames = outside.frames_to(None)?;
        let machine = Machine { firmware, ..Machine::new(&self.image.path, self.folder.path(), frames) };
        Ok((machine.start_with(&arguments)?, tpm))
    }

    /// Starts it, and has it refused with this response code.
    fn refused(&self, code: &str, changes: Changes) -> Result<Registers> {
        let wire = self.wire()?;
        let (mut running, _tpm) = self.start(&wire, changes)?;
        let registers = refused(&mut running, code)?;
        wire.check_silent()?;
        Ok(registers)
    }

    fn wire(&self) -> Result<Wire> {
        Wire::lay(self.receiver_port, Faults::default())
    }
}

/// Seven starts, and none is more than it takes: one tells the registers, one has the key; a register each is changed by another firmware, other
/// variables, another option ROM and another image; and each of these ends in the loader.
#[test]
fn only_what_it_was_sealed_for_gets_it() -> Result<()> {
    let mut bench = Bench::new()?;
    let folder = bench.folder.path().to_owned();
    let bytes = fs::read(&bench.image.path)?;
    assert!(!bytes.windows(32).any(|window| window == key_bytes()), "the key is in the image");

    // Nothing is behind the handle yet, and the log of that start is what is sealed to.
    let found = bench.refused("0x18b", Changes::default())?;
    let log = folder.join("found.txt");
    fs::copy(folder.join("serial.log"), &log)?;
    seal(&bench.image.path, &log, &folder)?;

    let changes = [
        (0, Changes { firmware: true, ..Changes::default() }),
        (2, Changes { card: true, ..Changes::default() }),
        (7, Changes { variables: true, ..Changes::default() }),
    ];
    for (pcr, changes) in changes {
        // The policy failed, in the first session (TPM 2.0 Library, part 2, section 6.6.3).
        let now = bench.refused("0x99d", changes)?;
        let changed: Vec<u32> = found.keys().copied().filter(|pcr| found[pcr] != now[pcr]).collect();
        assert_eq!(changed, [pcr], "{found:?} {now:?}");
    }

    let newer = "[image]\nversion = 9\nversion_floor = 9\n\n[inside]";
    let first = bench.image.clone();
    let text = site(bench.receiver_port).replace(DIODE_NAME, "waterwork2").replace("[inside]", newer);
    bench.image = build(&text, &folder)?;
    let now = bench.refused("0x99d", Changes::default())?;
    let changed: Vec<u32> = found.keys().copied().filter(|pcr| found[pcr] != now[pcr]).collect();
    assert_eq!(changed, [9], "another configuration: {found:?} {now:?}");

    // It could not run, so it has put none out of use: back with the one before.
    fs::write(&first.path, bytes)?;
    bench.image = first;
    starts_and_speaks(&bench)
}

/// It gets the key, and a receiver believes no frame that is sealed with another.
fn starts_and_speaks(bench: &Bench) -> Result<()> {
    let Bench { folder, receiver_port, image, .. } = bench;
    let settings =
        ReceiverSettings { port: *receiver_port, broker: None, image, attestation: None, live: false };
    let mut receiver = RunningReceiver::start(folder.path(), &settings)?;
    let wire = bench.wire()?;
    let (mut machine, _tpm) = bench.start(&wire, Changes::default())?;
    let said = machine.wait_for_serial("starting the kernel after")?;
    assert!(said.contains(&format!("the diode's key from the TPM at {HANDLE}")), "{said}");
    assert!(said.contains("version 0, floor 0: kept-0"), "{said}");
    let matched = wait_for("the image check", || {
        machine.check_running()?;
        receiver.check_running()?;
        Ok(receiver.lines()?.into_iter().find(|line| line["kind"] == "image_check"))
    });
    let matched = matched.with_context(|| machine.said())?;
    assert_eq!(matched["image_check"], "match");
    wire.check()
}

/// The policy is the TPM's own: without a boot, so that each of the six registers can be changed alone.
#[test]
fn a_tpm_gives_it_out_for_these_six_registers_and_no_other() -> Result<()> {
    const ALL: &str = "sha256:0,2,4,7,8,9";
    assert_eq!(SEALING_PCRS, QUOTED_PCRS, "what a key is sealed to is what is quoted");
    let folder = TempDir::new()?;
    let folder = folder.path();
    let (policy, key) = (path(folder, "policy.bin"), path(folder, "key.bin"));
    fs::write(&key, key_bytes())?;
    let extend = |tcti: &str, pcr: u8, digest: u8| {
        let event = format!("{pcr}:sha256={}", Sha256Digest([digest; 32]));
        run("tpm2_pcrextend", &["-T", tcti, &event]).map(|_| ())
    };
    let start = |tcti: &str| SEALING_PCRS.iter().try_for_each(|pcr| extend(tcti, *pcr, 0x40 + pcr));
    let read = |tcti: &str| {
        let session = format!("pcr:{ALL}");
        Command::new("tpm2_nvread").args(["-T", tcti, HANDLE, "-C", HANDLE, "-P", &session]).output()
    };
    Tpm::with_tools(folder, |tcti| {
        start(tcti)?;
        let found = parse(&run("tpm2_pcrread", &["-T", tcti, &format!("sha1:0+{ALL}+sha384:0")])?)?;
        fs::write(&policy, sealing_policy(&SEALING_PCRS.map(|pcr| found[&pcr.into()])).0)?;
        define(tcti, &policy, &key)?;
        assert_eq!(read(tcti)?.stdout, key_bytes());
        Ok(())
    })?;
    for pcr in SEALING_PCRS {
        Tpm::with_tools(folder, |tcti| {
            start(tcti)?;
            extend(tcti, pcr, 0x11)?;
            let refused = read(tcti)?;
            assert!(!refused.status.success() && refused.stdout.is_empty(), "register {pcr}: {refused:?}");
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn a_machine_without_a_tpm_does_not_start() -> Result<()> {
    let bench = Bench::new()?;
    let wire = bench.wire()?;
    let frames = wire.frames_to(None)?;
    let mut machine = Machine::new(&bench.image.path, bench.folder.path(), frames).start()?;
    let said = machine.wait_for_serial("next try in")?;
    assert!(said.contains("NOT STARTED") && said.contains("and there is no TPM 2.0"), "{said}");
    wire.check_silent()
}
