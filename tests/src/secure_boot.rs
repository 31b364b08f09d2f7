//! Secure Boot in the virtual machine: an owner's keys, loaders signed with them, and a firmware that knows them.
//!
//! The firmware takes the keys itself, out of the files that `scripts/secure-boot-keys` makes for real machines: its shell loads them as
//! variables, and it checks their signatures.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use crc::{CRC_32_ISO_HDLC, Crc};

use crate::machine::{Firmware, Machine, OutsideWire};
use crate::process::wait_for;
use crate::repository;

/// Variables of a firmware that knows no keys.
const EMPTY: &str = "/usr/share/OVMF/OVMF_VARS_4M.fd";
/// Variables of UEFI itself, PK and KEK among them, as they lie in memory (UEFI 2.10, appendix A).
const GLOBAL: [u8; 16] = *b"\x61\xdf\xe4\x8b\xca\x93\xd2\x11\xaa\x0d\x00\xe0\x98\x03\x2b\x8c";
/// Those of its databases of signatures, db among them.
const DATABASE: [u8; 16] = *b"\xcb\xb2\x19\xd7\x3a\x3d\x96\x45\xa3\xbc\xda\xd0\x0e\x67\x65\x6f";
/// Kept, seen by boot and operating system, written only by who signs with a later time.
const ATTRIBUTES: u32 = 0x27;

/// An owner's keys, in a folder.
#[derive(Debug)]
pub struct Keys(PathBuf);

impl Keys {
    /// Makes them in a new folder.
    ///
    /// # Errors
    /// With what the script says.
    pub fn make(folder: PathBuf) -> Result<Self> {
        let script = repository::root().join("scripts/secure-boot-keys");
        run(Command::new(script).arg(&folder).arg("test"))?;
        Ok(Self(folder))
    }

    /// The certificate whose key signs.
    #[must_use]
    pub fn certificate(&self) -> PathBuf {
        self.0.join("db.crt")
    }

    /// Signs a loader as `scripts/build` does.
    ///
    /// # Errors
    /// With what the tools say.
    pub fn sign(&self, loader: &Path, output: &Path) -> Result<()> {
        const SIGN: &str = "set -euo pipefail; source scripts/lib/setup.sh; sign_for_secure_boot \"$@\"";
        let mut bash = Command::new("bash");
        bash.current_dir(repository::root()).args(["-c", SIGN, "sign"]);
        run(bash.arg(&self.0).arg(loader).arg(output)).map(|_| ())
    }

    /// Has the firmware take these of PK, KEK and db, and returns its variables. With PK Secure Boot is on from then on.
    ///
    /// # Errors
    /// If the machine does not come to its end.
    pub fn enrol(&self, variables: &[&str], folder: &Path) -> Result<PathBuf> {
        fs::create_dir_all(folder)?;
        let store = folder.join("variables");
        fs::copy(EMPTY, &store)?;
        let stick = self.stick(variables, folder)?;
        let firmware = Firmware::SecureBoot { variables: &store };
        let machine = Machine { firmware, ..Machine::new(&stick, folder, OutsideWire::User) };
        let mut running = machine.start()?;
        let ended = wait_for("the firmware to take the keys", || Ok(running.check_running().err()));
        ended.with_context(|| running.said())?;
        Ok(store)
    }

    /// A stick with the variables, and a script for the firmware's shell, which loads them and switches the machine off.
    fn stick(&self, variables: &[&str], folder: &Path) -> Result<PathBuf> {
        let (stick, all, script) =
            (folder.join("stick"), folder.join("keys.dmp"), folder.join("startup.nsh"));
        let records = variables.iter().map(|name| self.record(name)).collect::<Result<Vec<_>>>()?;
        fs::write(&all, records.concat())?;
        fs::write(&script, "fs0:\r\ndmpstore -all -l keys.dmp\r\nreset -s\r\n")?;
        fs::write(&stick, vec![0; 4 << 20])?;
        run(Command::new("mformat").arg("-i").arg(&stick).arg("::"))?;
        run(Command::new("mcopy").arg("-i").arg(&stick).args([&all, &script]).arg("::"))?;
        Ok(stick)
    }

    /// A variable as the shell's `dmpstore` loads it.
    fn record(&self, name: &str) -> Result<Vec<u8>> {
        let contents = fs::read(self.0.join(format!("{name}.auth")))?;
        let vendor = if name == "db" { DATABASE } else { GLOBAL };
        let text: Vec<u8> = name.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
        let lengths = [text.len(), contents.len()].map(|bytes| (bytes as u32).to_le_bytes());
        let mut record =
            [&lengths.concat()[..], &text, &vendor, &ATTRIBUTES.to_le_bytes(), &contents].concat();
        let sum = Crc::<u32>::new(&CRC_32_ISO_HDLC).checksum(&record);
        record.extend(sum.to_le_bytes());
        Ok(record)
    }
}

/// Runs a tool to its end, and returns what it printed.
///
/// # Errors
/// With what it says, if it fails.
pub fn run(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {}\n{error}", output.status);
    Ok(String::from_utf8(output.stdout)?)
}
