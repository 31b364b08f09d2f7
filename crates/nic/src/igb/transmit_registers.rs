//! The registers that sending needs, and no way to name another.
//!
//! [`TransmitRegisters`] keeps the mapping to itself. Any value can be written only to what is in [`TransmitRegister`], and only
//! zero to what is in [`SilencedRegister`]: there zero is "off", so no name here can switch anything on that receives. What is in
//! [`EvidenceRegister`] can be read and not written.

use crate::intel::bits::is_wake_up_on;
use crate::registers::Registers;

/// Registers that are written, by their offset (82576 datasheet, 8.1.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum TransmitRegister {
    /// CTRL: reset, link, flow control.
    Control = 0x0000,
    /// TCTL.
    TransmitControl = 0x0400,
    /// IMC: a one masks an interrupt.
    InterruptMaskClear = 0x150c,
    /// EIMC: a one masks an interrupt of a queue.
    QueueInterruptMaskClear = 0x1528,
    /// TDBAL0: the ring's address, low half.
    RingLow = 0xe000,
    /// TDBAH0: the ring's address, high half.
    RingHigh = 0xe004,
    /// TDLEN0: the ring's bytes.
    RingBytes = 0xe008,
    /// TDH0: where the card is.
    RingHead = 0xe010,
    /// TDT0: where the driver is.
    RingTail = 0xe018,
    /// TXDCTL0: whether the ring is used, and when descriptors are fetched and written back.
    DescriptorControl = 0xe028,
}

/// Registers to which zero is written, and nothing else.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum SilencedRegister {
    /// FCTTV: how long PAUSE frames ask the other end to wait.
    PauseTime = 0x0170,
    /// FCRTL0: when PAUSE frames are sent; zero is never.
    PauseLow = 0x2160,
    /// FCRTH0: as above.
    PauseHigh = 0x2168,
    /// FCRTV: how often PAUSE frames are repeated.
    PauseRefresh = 0x2460,
    /// WUC: wake-up.
    WakeUpControl = 0x5800,
    /// WUFC: which packets wake the machine up.
    WakeUpFilters = 0x5808,
}

impl SilencedRegister {
    /// All of them.
    pub(super) const ALL: [Self; 6] = [
        Self::PauseTime,
        Self::PauseLow,
        Self::PauseHigh,
        Self::PauseRefresh,
        Self::WakeUpControl,
        Self::WakeUpFilters,
    ];

    /// Whether a value read says that something is on.
    pub(super) const fn is_on(self, value: u32) -> bool {
        match self {
            Self::WakeUpControl => is_wake_up_on(value),
            _ => value != 0,
        }
    }
}

/// Registers that are only ever read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum EvidenceRegister {
    /// STATUS: link, bus mastering.
    Status = 0x0008,
    /// RCTL: whether the receiver is on.
    ReceiveControl = 0x0100,
    /// ICR: reading clears it.
    InterruptCause = 0x1500,
    /// GPRC: good packets received; reading clears it.
    GoodPacketsReceived = 0x4074,
    /// RAL0: the card's own Ethernet address, first four bytes.
    StationAddressLow = 0x5400,
    /// RAH0: its last two bytes, and whether they are valid.
    StationAddressHigh = 0x5404,
    /// MANC: what the management controller does.
    ManagementControl = 0x5820,
}

/// MDIC: the way to the PHY.
const PHY_ACCESS: usize = 0x0020;
/// Writes (OP) to the control register (0) of the card's own PHY (1): negotiate, and start that anew (IEEE 802.3, 22.2.4.1).
const PHY_NEGOTIATE: u32 = 1 << 26 | 1 << 21 | 1 << 12 | 1 << 9;
const PHY_READY: u32 = 1 << 28;

/// RXDCTL0: whether the first receive queue is used. That of queue 0 is, after a reset of some of the cards.
const RECEIVE_QUEUE_CONTROL: usize = 0xc028;
const RECEIVE_QUEUE_STRIDE: usize = 0x40;

/// A card's registers, seen by its transmit half.
#[derive(Debug)]
pub(super) struct TransmitRegisters<R> {
    registers: R,
}

impl<R: Registers> TransmitRegisters<R> {
    /// Takes the whole mapping and lets no more of it out than what is named above.
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

    /// Asks the PHY to negotiate the link anew, and can ask it nothing else.
    pub(super) fn negotiate(&mut self) {
        self.registers.write32(PHY_ACCESS, PHY_NEGOTIATE);
    }

    /// Whether the PHY has been told.
    pub(super) fn is_phy_ready(&self) -> bool {
        self.registers.read32(PHY_ACCESS) & PHY_READY != 0
    }

    /// Switches off what a register is for.
    pub(super) fn silence(&mut self, register: SilencedRegister) {
        self.registers.write32(register as usize, 0);
    }

    /// What a register that was switched off reads.
    pub(super) fn silenced(&self, register: SilencedRegister) -> u32 {
        self.registers.read32(register as usize)
    }

    /// Switches a receive queue off, of which there are 16 at most.
    pub(super) fn silence_queue(&mut self, queue: usize) {
        self.registers.write32(RECEIVE_QUEUE_CONTROL + RECEIVE_QUEUE_STRIDE * (queue & 0xf), 0);
    }

    /// What a receive queue's control reads.
    pub(super) fn queue_control(&self, queue: usize) -> u32 {
        self.registers.read32(RECEIVE_QUEUE_CONTROL + RECEIVE_QUEUE_STRIDE * (queue & 0xf))
    }

    pub(super) fn evidence(&self, register: EvidenceRegister) -> u32 {
        self.registers.read32(register as usize)
    }
}
