//! What a box is put together from, and how QEMU is told.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::card::Card;

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
    pub(super) fn device(self, medium: &str) -> String {
        let only = if self == Self::Forgetful { "" } else { ",bootindex=0" };
        format!("{medium}{only}")
    }

    /// Arguments for QEMU. What protects the variables is system management mode.
    pub(super) fn arguments(self) -> Vec<String> {
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
    pub(super) const fn drive(self) -> (&'static str, &'static str) {
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
    pub(super) const fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::None => &[],
            Self::ThreeLevels => &["-device", "intel-iommu,aw-bits=39"],
            Self::FourLevels => &["-device", "intel-iommu,aw-bits=48"],
        }
    }

    /// A card of QEMU's that the unit holds; virtio goes past it if it is not told.
    pub(super) fn device(self, card: Card) -> String {
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
    pub(super) const fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::I6300esb => &["-device", "i6300esb,addr=0x6"],
            // Else QEMU's board has the strap that keeps it from resetting, which software cannot see there.
            Self::Tco => &["-global", "ICH9-LPC.noreboot=false"],
        }
    }
}
