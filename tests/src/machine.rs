//! The box: a virtual machine of QEMU that boots an image, from a read-only USB stick if it is not told otherwise.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use crate::card::{Card, INSIDE_MAC, OUTSIDE_MAC};
use crate::process::{Process, wait_for, wait_for_text};
use crate::repository;

/// The firmware, and what it remembers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Firmware<'a> {
    /// One that remembers nothing, and checks no signatures.
    Forgetful,
    /// One that remembers, and checks no signatures.
    Remembering {
        /// The file of the variables, to which it writes.
        variables: &'a Path,
    },
    /// One that checks signatures if its variables hold the keys for it. It writes to them; only its own code can.
    SecureBoot {
        /// The file of the variables.
        variables: &'a Path,
    },
}

impl Firmware<'_> {
    /// A medium that it starts from. The first to be tried is the only one: else whatever is refused is followed by minutes of network boot.
    fn device(self, medium: &str) -> String {
        let only = if self == Self::Forgetful { "" } else { ",bootindex=0" };
        format!("{medium}{only}")
    }

    /// Arguments for QEMU. What protects the variables is system management mode.
    fn arguments(self) -> Vec<String> {
        let drive = |unit: u32, read_only: &str, file: &str| {
            [
                "-drive".to_owned(),
                format!("if=pflash,format=raw,unit={unit},readonly={read_only},file={file}"),
            ]
        };
        match self {
            Self::Forgetful => drive(0, "on", "/usr/share/OVMF/OVMF_CODE_4M.fd").to_vec(),
            Self::Remembering { variables } => [
                drive(0, "on", "/usr/share/OVMF/OVMF_CODE_4M.fd"),
                drive(1, "off", &variables.display().to_string()),
            ]
            .concat(),
            Self::SecureBoot { variables } => [
                ["-machine", "smm=on"].map(str::to_owned),
                ["-global", "driver=cfi.pflash01,property=secure,value=on"].map(str::to_owned),
                drive(0, "on", "/usr/share/OVMF/OVMF_CODE_4M.secboot.fd"),
                drive(1, "off", &variables.display().to_string()),
            ]
            .concat(),
        }
    }
}

/// What the image is written on, as the machine sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Medium {
    /// A USB stick, or an SD card in a USB reader, that refuses writes.
    ReadOnlyStick,
    /// One that does not.
    WritableStick,
    /// A disk at a SATA port, which takes writes.
    Disk,
    /// A CD in a SATA drive.
    Cd,
    /// A CD in a USB drive.
    UsbCd,
}

impl Medium {
    /// Whether QEMU refuses writes, and the device.
    const fn drive(self) -> (&'static str, &'static str) {
        match self {
            Self::ReadOnlyStick => ("on", "usb-storage,drive=medium"),
            Self::WritableStick => ("off", "usb-storage,drive=medium"),
            Self::Disk => ("off", "ide-hd,drive=medium,bus=ide.0"),
            Self::Cd => ("on", "ide-cd,drive=medium,bus=ide.0"),
            Self::UsbCd => ("on", "usb-bot,id=reader"),
        }
    }
}

/// What is on the outside wire.
#[derive(Clone, Copy, Debug)]
pub enum OutsideWire {
    /// QEMU's user network: UDP to 10.0.2.2 arrives at the host's 127.0.0.1.
    User,
    /// Bare Ethernet frames, one in each UDP datagram, both ways.
    Frames {
        /// Where QEMU listens for frames towards the card.
        card: SocketAddr,
        /// Where frames from the card go.
        wire: SocketAddr,
    },
}

/// What is on the inside wire.
#[derive(Clone, Debug)]
pub enum InsideWire {
    /// QEMU's user network: what the box asks of 10.1.0.1 goes to the host's 127.0.0.1.
    Plant,
    /// Bare Ethernet frames, one in each UDP datagram, both ways, as [`OutsideWire::Frames`].
    Frames {
        /// Where QEMU listens for frames towards the card.
        card: SocketAddr,
        /// Where frames from the card go.
        wire: SocketAddr,
    },
    /// Frames over the socket at this path, each behind its length, to which QEMU connects: none is lost.
    Stream(PathBuf),
    /// A tap device of this name, which QEMU makes.
    Tap(String),
}

/// How to run a box.
#[derive(Clone, Debug)]
pub struct Machine<'a> {
    /// The medium.
    pub image: &'a Path,
    /// What the medium is to the machine.
    pub medium: Medium,
    /// What starts it.
    pub firmware: Firmware<'a>,
    /// Folder for the serial log and the monitor's socket.
    pub folder: &'a Path,
    /// The processor, as QEMU names it.
    pub processor: &'a str,
    /// Model of the inside card.
    pub inside: Card,
    /// Model of the outside card.
    pub outside: Card,
    /// The inside wire.
    pub inside_wire: InsideWire,
    /// The outside wire.
    pub wire: OutsideWire,
    /// What resets the box if it stalls.
    pub watchdog: Watchdog,
    /// What keeps its cards from memory that is not theirs.
    pub remapping: Remapping,
}

/// The machine's DMA remapping unit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Remapping {
    /// There is none.
    None,
    /// VT-d with tables of three levels.
    ThreeLevels,
    /// VT-d with tables of three levels or four.
    FourLevels,
}

impl Remapping {
    /// The unit comes before the devices that it is to hold.
    const fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::None => &[],
            Self::ThreeLevels => &["-device", "intel-iommu,aw-bits=39"],
            Self::FourLevels => &["-device", "intel-iommu,aw-bits=48"],
        }
    }

    /// A card of QEMU's that the unit holds; virtio goes past it if it is not told.
    fn device(self, card: Card) -> String {
        let holds = if self != Self::None && card == Card::VirtioNet { ",iommu_platform=on" } else { "" };
        format!("{}{holds}", card.qemu_device())
    }
}

/// A watchdog that QEMU emulates.
#[derive(Clone, Copy, Debug)]
pub enum Watchdog {
    /// Intel 6300ESB.
    I6300esb,
    /// The chipset's TCO timer.
    Tco,
}

impl Watchdog {
    const fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::I6300esb => &["-device", "i6300esb,addr=0x6"],
            // Else QEMU's board has the strap that keeps it from resetting, which software cannot see there.
            Self::Tco => &["-global", "ICH9-LPC.noreboot=false"],
        }
    }
}

/// A box that runs.
#[derive(Debug)]
pub struct Running {
    process: Process,
    /// What it says on its serial port.
    pub serial: PathBuf,
    monitor: PathBuf,
}

/// Everything that QEMU can emulate of a processor.
pub const PROCESSOR: &str = "max";

impl<'a> Machine<'a> {
    /// A box as most tests have it: virtio-net inside, an 82574L outside, a watchdog, and no remapping unit.
    #[must_use]
    pub const fn new(image: &'a Path, folder: &'a Path, wire: OutsideWire) -> Self {
        Self {
            image,
            medium: Medium::ReadOnlyStick,
            firmware: Firmware::Forgetful,
            folder,
            processor: PROCESSOR,
            inside: Card::VirtioNet,
            outside: Card::E1000e,
            inside_wire: InsideWire::Plant,
            wire,
            watchdog: Watchdog::I6300esb,
            remapping: Remapping::None,
        }
    }

    /// Switches the box on.
    ///
    /// # Errors
    /// If QEMU cannot be started.
    pub fn start(&self) -> Result<Running> {
        self.start_with(&[])
    }

    /// Switches the box on, with `more` arguments for QEMU.
    ///
    /// # Errors
    /// If QEMU cannot be started.
    pub fn start_with(&self, more: &[String]) -> Result<Running> {
        let serial = self.folder.join("serial.log");
        let monitor = self.folder.join("monitor");
        // What a start before has said in the same folder would be taken for this one's; mostly there is nothing.
        let _ = std::fs::remove_file(&serial);
        let mut qemu = self.emulator();
        qemu.args([
            "-nodefaults",
            "-display",
            "none",
            "-M",
            "q35",
            "-accel",
            "tcg",
            "-cpu",
            self.processor,
            "-m",
            "256",
        ]);
        qemu.args(self.firmware.arguments());
        qemu.args(self.remapping.arguments());
        qemu.args(["-device", "qemu-xhci,addr=0x4"]);
        let (read_only, device) = self.medium.drive();
        qemu.arg("-drive")
            .arg(format!("if=none,id=medium,format=raw,readonly={read_only},file={}", self.image.display()));
        qemu.args(["-device", &self.firmware.device(device)]);
        if self.medium == Medium::UsbCd {
            qemu.args(["-device", "scsi-cd,bus=reader.0,drive=medium"]);
        }
        qemu.args(["-netdev", &self.inside_netdev()]);
        let inside = self.remapping.device(self.inside);
        qemu.args(["-device", &format!("{inside},netdev=inside,addr=0x2,mac={INSIDE_MAC}")]);
        qemu.args(["-netdev", &self.outside_netdev()]);
        let outside = self.remapping.device(self.outside);
        qemu.args(["-device", &format!("{outside},netdev=outside,addr=0x3,mac={OUTSIDE_MAC}")]);
        qemu.args(self.watchdog.arguments());
        qemu.arg("-serial").arg(format!("file:{}", serial.display()));
        qemu.args(more);
        qemu.arg("-qmp").arg(format!("unix:{},server=on,wait=off", monitor.display()));
        qemu.stdin(Stdio::null()).stdout(Stdio::null());
        let process = Process::start("QEMU", &mut qemu)?;
        Ok(Running { process, serial, monitor })
    }

    fn inside_netdev(&self) -> String {
        match &self.inside_wire {
            InsideWire::Plant => "user,id=inside,net=10.1.0.0/24,host=10.1.0.1".to_owned(),
            InsideWire::Frames { card, wire } => datagrams("inside", *card, *wire),
            InsideWire::Stream(path) => {
                format!("stream,id=inside,server=off,addr.type=unix,addr.path={}", path.display())
            }
            // Bare frames, as captures have them.
            InsideWire::Tap(name) => {
                format!("tap,id=inside,ifname={name},script=no,downscript=no,vnet_hdr=off")
            }
        }
    }

    /// The machine's own QEMU, or one that `scripts/lib/unpacked.sh` unpacked: for cards that the former may not have, or for a
    /// machine on which it cannot be installed.
    fn emulator(&self) -> Command {
        const NAME: &str = "qemu-system-x86_64";
        let igb = self.inside == Card::Igb || self.outside == Card::Igb;
        let tools = repository::root().join(".tools");
        let unpacked = tools.join(if igb { "qemu-igb/bin" } else { "qemu/bin" }).join(NAME);
        if igb || unpacked.exists() { Command::new(unpacked) } else { Command::new(NAME) }
    }

    fn outside_netdev(&self) -> String {
        match self.wire {
            OutsideWire::User => "user,id=outside,net=10.0.2.0/24,host=10.0.2.2".to_owned(),
            OutsideWire::Frames { card, wire } => datagrams("outside", card, wire),
        }
    }
}

/// A wire whose frames are UDP datagrams: QEMU takes those that come to `card`, and sends to `wire`.
fn datagrams(id: &str, card: SocketAddr, wire: SocketAddr) -> String {
    format!(
        "dgram,id={id},local.type=inet,local.host={},local.port={},remote.type=inet,remote.host={},remote.port={}",
        card.ip(),
        card.port(),
        wire.ip(),
        wire.port()
    )
}

/// A test that fails shows what its boxes have said.
#[expect(clippy::print_stdout, reason = "the test harness shows it only if the test fails")]
impl Drop for Running {
    fn drop(&mut self) {
        println!("{} holds:\n{}", self.serial.display(), self.said());
    }
}

impl Running {
    /// Waits until the box has said `text` on its serial port; all that it has said.
    ///
    /// # Errors
    /// If it does not.
    pub fn wait_for_serial(&mut self, text: &str) -> Result<String> {
        self.process.check_running()?;
        wait_for_text(&self.serial, text)
    }

    /// All that the box has said on its serial port.
    #[must_use]
    pub fn said(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.serial).unwrap_or_default()).into_owned()
    }

    /// Fails if QEMU has ended.
    ///
    /// # Errors
    /// With the exit status.
    pub fn check_running(&mut self) -> Result<()> {
        self.process.check_running()
    }

    /// Reads the 32-bit register at `offset` of a PCI function's first memory window, from outside the machine.
    ///
    /// # Errors
    /// If the monitor does not answer as expected.
    pub fn read_register(&self, pci_slot: u32, offset: u64) -> Result<u32> {
        let devices = self.monitor_command("info pci")?;
        let base = memory_window(&devices, pci_slot).context("no memory window in `info pci`")?;
        let answer = self.monitor_command(&format!("xp /1wx {:#x}", base + offset))?;
        let word = answer.trim().rsplit(' ').next().and_then(|word| word.strip_prefix("0x"));
        let word = word.with_context(|| format!("unexpected answer of xp: {answer:?}"))?;
        Ok(u32::from_str_radix(word, 16)?)
    }

    /// Reads 32 bits of the configuration space of `function` of the device in `slot` on `bus`, from outside the machine.
    ///
    /// # Errors
    /// If the monitor does not answer as expected.
    pub fn read_config(&self, (bus, slot, function): (u32, u32, u32), offset: u32) -> Result<u32> {
        let place = 1 << 31 | bus << 16 | slot << 11 | function << 8 | offset;
        self.monitor_command(&format!("o /w 0xcf8 {place:#x}"))?;
        let answer = self.monitor_command("i /w 0xcfc")?;
        let word = answer.trim().rsplit(' ').next().and_then(|word| word.strip_prefix("0x"));
        let word = word.with_context(|| format!("unexpected answer of i: {answer:?}"))?;
        Ok(u32::from_str_radix(word, 16)?)
    }

    /// Plugs the outside cable in, or pulls it out.
    ///
    /// # Errors
    /// If the monitor does not do it.
    pub fn set_outside_link(&self, up: bool) -> Result<()> {
        let answer = self.monitor_command(&format!("set_link outside {}", if up { "on" } else { "off" }))?;
        ensure!(answer.is_empty(), "unexpected answer of set_link: {answer:?}");
        Ok(())
    }

    /// A command of QEMU's monitor for people, and its answer.
    ///
    /// # Errors
    /// If the monitor cannot be reached or refuses.
    pub fn monitor_command(&self, line: &str) -> Result<String> {
        let stream = wait_for("QEMU's monitor", || Ok(UnixStream::connect(&self.monitor).ok()))?;
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut writer = stream;
        next_answer(&mut reader)?;
        ask(&mut writer, &mut reader, &json!({"execute": "qmp_capabilities"}))?;
        let command = json!({"execute": "human-monitor-command", "arguments": {"command-line": line}});
        let answer = ask(&mut writer, &mut reader, &command)?;
        answer.as_str().map(str::to_owned).context("the monitor's answer is no text")
    }
}

fn ask(writer: &mut impl Write, reader: &mut impl BufRead, command: &Value) -> Result<Value> {
    writeln!(writer, "{command}")?;
    loop {
        let answer = next_answer(reader)?;
        if let Some(value) = answer.get("return") {
            return Ok(value.clone());
        }
        if answer.get("error").is_some() {
            bail!("QEMU refuses {command}: {answer}");
        }
    }
}

fn next_answer(reader: &mut impl BufRead) -> Result<Value> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    serde_json::from_str(&line).with_context(|| format!("no JSON from QEMU: {line:?}"))
}

/// The first memory base address register of the function in `slot` of bus 0.
fn memory_window(info_pci: &str, slot: u32) -> Option<u64> {
    let start = info_pci.find(&format!("Bus  0, device   {slot}, function 0"))?;
    let function = &info_pci[start..];
    let window = function.split("BAR0:").nth(1)?.split(" at 0x").nth(1)?;
    let digits: String = window.chars().take_while(char::is_ascii_hexdigit).collect();
    u64::from_str_radix(&digits, 16).ok()
}
