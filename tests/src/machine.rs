//! The box: a virtual machine of QEMU that boots an image, from a read-only USB stick if it is not told otherwise.

mod parts;
mod running;

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Result;

use crate::card::{Card, INSIDE_MAC, OUTSIDE_MAC};
use crate::process::Process;
use crate::repository;

pub use parts::{Firmware, InsideWire, Medium, OutsideWire, Remapping, Watchdog};
pub use running::Running;

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
