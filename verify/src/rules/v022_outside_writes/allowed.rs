//! The list of what the outside half may write to devices. Who changes what a driver writes, changes this list, and says here why.

use std::fmt;

use super::super::names::of_kernel;
use crate::program::{is_within, paths};

/// When a driver writes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    /// While it takes its device over, before the box sends anything.
    Starting,
    /// Afterwards: when frames are sent, and when it looks whether the receiver is off.
    Running,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Starting => "when starting",
            Self::Running => "when sending",
        })
    }
}

/// Places in a device's registers.
pub(super) struct Places {
    /// Where anything is written.
    pub any: &'static [u64],
    /// Where only zero is written, which there is "off".
    pub zero: &'static [u64],
    /// Whether places are computed from what the device tells, so that the machine code does not say them.
    pub computed: bool,
}

/// What the code of one driver may write.
pub(super) struct Allowed {
    pub device: &'static str,
    /// The path that its functions' names have.
    code: &'static str,
    starting: Places,
    running: Places,
}

const NOTHING: Places = Places { any: &[], zero: &[], computed: false };
/// Intel VT-d, revision 4.1, 11.4: commands, tables, queue, faults. Where faults are recorded and translations are invalidated is the
/// unit's to tell.
const REMAPPING: Places = Places {
    any: &[0x18, 0x20, 0x24, 0x28, 0x2c, 0x34, 0x38, 0x64, 0x88, 0x8c, 0x90, 0x94],
    zero: &[],
    computed: true,
};
/// TCG PC Client Platform TPM Profile 1.05, 6.5: TPM_LOC_CTRL, TPM_CRB_CTRL_REQ, TPM_CRB_CTRL_START; TPM_ACCESS, TPM_STS, TPM_DATA_FIFO.
/// Where the buffer of commands is, the TPM tells.
const TPM: Places = Places { any: &[0x00, 0x08, 0x18, 0x24, 0x40, 0x4c], zero: &[], computed: true };

/// Every driver of the outside half, and where this list is. The first whose path is in a function's name decides.
pub(super) const ALLOWED: ([Allowed; 6], &str) = (
    [
        Allowed {
            device: "the Intel 82574",
            code: "noreturn_nic::e1000e",
            // Datasheet, 10.2: CTRL, CTRL_EXT, IMC, TCTL, TIPG, TDBAL, TDBAH, TDLEN, TDH, TDT, TXDCTL, TARC0, GCR, GCR2.
            starting: Places {
                any: &[
                    0x0000, 0x0018, 0x00d8, 0x0400, 0x0410, 0x3800, 0x3804, 0x3808, 0x3810, 0x3818, 0x3828,
                    0x3840, 0x5b00, 0x5b64,
                ],
                // WUC, WUFC.
                zero: &[0x5800, 0x5808],
                computed: false,
            },
            // CTRL, whose bits for PAUSE frames a negotiation of the link can set; TDT.
            running: Places { any: &[0x0000, 0x3818], ..NOTHING },
        },
        Allowed {
            device: "the igb card",
            code: "noreturn_nic::igb",
            // 82576 datasheet, 8.1.3: CTRL, MDIC, TCTL, IMC, EIMC, TDBAL0, TDBAH0, TDLEN0, TDH0, TDT0, TXDCTL0.
            starting: Places {
                any: &[
                    0x0000, 0x0020, 0x0400, 0x150c, 0x1528, 0xe000, 0xe004, 0xe008, 0xe010, 0xe018, 0xe028,
                ],
                // FCTTV, FCRTL0, FCRTH0, FCRTV, WUC, WUFC; RXDCTL of the 16 receive queues, of which that of queue 0 is on after a reset.
                zero: &[
                    0x0170, 0x2160, 0x2168, 0x2460, 0x5800, 0x5808, 0xc028, 0xc068, 0xc0a8, 0xc0e8, 0xc128,
                    0xc168, 0xc1a8, 0xc1e8, 0xc228, 0xc268, 0xc2a8, 0xc2e8, 0xc328, 0xc368, 0xc3a8, 0xc3e8,
                ],
                computed: false,
            },
            // CTRL, whose bits for PAUSE frames a negotiation of the link can set; TDT0.
            running: Places { any: &[0x0000, 0xe018], ..NOTHING },
        },
        Allowed {
            device: "the virtio card",
            code: "noreturn_nic::virtio",
            // VIRTIO 1.2, 4.1.4.3: selects of features, features, status, queue's select, size, enable and addresses.
            starting: Places {
                any: &[0x00, 0x08, 0x0c, 0x14, 0x16, 0x18, 0x1c, 0x20, 0x24, 0x28, 0x2c, 0x30, 0x34],
                ..NOTHING
            },
            // The queue's select, to see that the receive queue is off. The place of the doorbell is the card's to tell.
            running: Places { any: &[0x16], zero: &[], computed: true },
        },
        Allowed {
            device: "the DMA remapping unit",
            code: "noreturn_iommu",
            starting: REMAPPING,
            running: REMAPPING,
        },
        Allowed { device: "the TPM", code: "noreturn_tpm", starting: NOTHING, running: TPM },
        // The TPM's driver, as far as the compiler has merged it into its caller.
        Allowed { device: "the TPM", code: "noreturn_kernel::outside", starting: NOTHING, running: TPM },
    ],
    "verify/src/rules/v022_outside_writes/allowed.rs",
);

impl Allowed {
    /// What the function of this name may write, if anything.
    pub fn of(name: &str) -> Option<&'static Self> {
        let name = &*of_kernel(name);
        ALLOWED.0.iter().find(|allowed| paths(name).any(|path| is_within(path, allowed.code)))
    }

    pub const fn in_phase(&self, phase: Phase) -> &Places {
        match phase {
            Phase::Starting => &self.starting,
            Phase::Running => &self.running,
        }
    }
}
