//! The card models that the image drives, as QEMU and a site file name them.

/// A network card model of QEMU's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Card {
    /// virtio-net, modern PCI only.
    VirtioNet,
    /// Intel 82574L.
    E1000e,
    /// Intel 82576, which QEMU has since version 8.
    Igb,
}

impl Card {
    /// QEMU's device with everything that keeps the firmware away from the network.
    #[must_use]
    pub const fn qemu_device(self) -> &'static str {
        match self {
            Self::VirtioNet => "virtio-net-pci,disable-legacy=on,romfile=",
            Self::E1000e => "e1000e,romfile=",
            Self::Igb => "igb,romfile=",
        }
    }
}

/// PCI address of the inside card in every virtual machine here.
pub const INSIDE_PCI: &str = "00:02.0";
/// PCI address of the outside card in every virtual machine here.
pub const OUTSIDE_PCI: &str = "00:03.0";
/// Own Ethernet address of the inside card in every virtual machine here.
pub const INSIDE_MAC: &str = "52:54:00:12:34:56";
/// Own Ethernet address of the outside card in every virtual machine here.
pub const OUTSIDE_MAC: &str = "52:54:00:12:34:57";
