//! The registers that sending needs, and no way to name another.
//!
//! [`TransmitRegisters`] keeps the mapping to itself. Any value can be written only to what is in [`TransmitRegister`], and only
//! zero to what is in [`SilencedRegister`]; what is in [`EvidenceRegister`] can be read, to show that the receiver is off, and not
//! written.

use crate::intel::bits::is_wake_up_on;
use crate::registers::Registers;

/// Registers that are written, by their offset (datasheet, 10.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum TransmitRegister {
    /// CTRL: reset, link, flow control.
    Control = 0x0000,
    /// CTRL_EXT.
    ExtendedControl = 0x0018,
    /// IMC: a one masks an interrupt.
    InterruptMaskClear = 0x00d8,
    /// TCTL.
    TransmitControl = 0x0400,
    /// TIPG: the gap between frames.
    InterPacketGap = 0x0410,
    /// TDBAL: the ring's address, low half.
    RingLow = 0x3800,
    /// TDBAH: the ring's address, high half.
    RingHigh = 0x3804,
    /// TDLEN: the ring's bytes.
    RingBytes = 0x3808,
    /// TDH: where the card is.
    RingHead = 0x3810,
    /// TDT: where the driver is.
    RingTail = 0x3818,
    /// TXDCTL: when descriptors are fetched and written back.
    DescriptorControl = 0x3828,
    /// TARC0: arbitration of the first transmit queue.
    Arbitration = 0x3840,
    /// GCR: PCI Express.
    PciExpressControl = 0x5b00,
    /// GCR2: PCI Express.
    PciExpressControl2 = 0x5b64,
}

/// Registers to which zero is written, and nothing else.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum SilencedRegister {
    /// WUC: wake-up.
    WakeUpControl = 0x5800,
    /// WUFC: which packets wake the machine up.
    WakeUpFilters = 0x5808,
}

impl SilencedRegister {
    /// Whether a value read says that something is on.
    pub(super) const fn is_on(self, value: u32) -> bool {
        match self {
            Self::WakeUpControl => is_wake_up_on(value),
            Self::WakeUpFilters => value != 0,
        }
    }
}

/// Registers that are only ever read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum EvidenceRegister {
    /// STATUS: link, bus mastering.
    Status = 0x0008,
    /// EECD: whether the card has read its settings after a reset.
    SettingsControl = 0x0010,
    /// ICR: reading clears it.
    InterruptCause = 0x00c0,
    /// RCTL: zero when the receiver is off, as after a reset.
    ReceiveControl = 0x0100,
    /// GPRC: good packets received; reading clears it.
    GoodPacketsReceived = 0x4074,
    /// RAL0: the card's own Ethernet address, first four bytes.
    StationAddressLow = 0x5400,
    /// RAH0: its last two bytes, and whether they are valid.
    StationAddressHigh = 0x5404,
    /// MANC: what the management controller does.
    ManagementControl = 0x5820,
}

/// A card's registers, seen by its transmit half.
#[derive(Debug)]
pub(super) struct TransmitRegisters<R> {
    registers: R,
}

impl<R: Registers> TransmitRegisters<R> {
    /// Takes the whole mapping and lets no more of it out than the two enums name.
    pub(super) fn new(registers: R) -> Self {
        Self { registers }
    }

    pub(super) fn read(&self, register: TransmitRegister) -> u32 {
        self.registers.read32(register as usize)
    }

    pub(super) fn write(&mut self, register: TransmitRegister, value: u32) {
        self.registers.write32(register as usize, value);
    }

    /// Clears, then sets bits of a register.
    pub(super) fn change(&mut self, register: TransmitRegister, cleared: u32, set: u32) {
        let value = self.read(register);
        self.write(register, value & !cleared | set);
    }

    /// Writes zero to a register.
    pub(super) fn silence(&mut self, register: SilencedRegister) {
        self.registers.write32(register as usize, 0);
    }

    /// What a register reads to which only zero is written.
    pub(super) fn silenced(&self, register: SilencedRegister) -> u32 {
        self.registers.read32(register as usize)
    }

    pub(super) fn evidence(&self, register: EvidenceRegister) -> u32 {
        self.registers.read32(register as usize)
    }
}
