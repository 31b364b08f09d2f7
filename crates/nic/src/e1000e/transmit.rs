//! The transmit half of the card, which also resets the card and silences it.

use super::transmit_registers::EvidenceRegister as Evidence;
use super::transmit_registers::SilencedRegister as Silenced;
use super::transmit_registers::TransmitRegister as Register;
use super::transmit_registers::TransmitRegisters;
use crate::error::{ReceivePath, StartError};
use crate::ethernet::is_length_valid;
use crate::intel::bits::{
    CONTROL_FLOW_CONTROL, CONTROL_FORCE_SPEED_AND_DUPLEX, CONTROL_MASTER_DISABLE, CONTROL_RESET,
    CONTROL_SET_LINK_UP, MANAGEMENT_RECEIVES, RECEIVE_ENABLE, STATUS_LINK_UP, STATUS_MASTER_ENABLED,
    TRANSMIT_COLLISIONS_MASK, TRANSMIT_ENABLE, TRANSMIT_SETTINGS,
};
use crate::intel::transmit::{Descriptors, TransmitRing};
use crate::intel::{self, RING_BYTES};
use crate::pci::PciAddress;
use crate::platform::{Platform, wait_until};
use crate::registers::Registers;
use crate::transmit::{FirmwareState, Room, TransmitCounters, TransmitError, TransmitOnly};

const SETTINGS_READ: u32 = 1 << 9;

/// Gaps for copper, the datasheet's values: 8, 8 and 6.
const INTER_PACKET_GAP: u32 = 8 | 8 << 10 | 6 << 20;
/// Write back every descriptor, counted in descriptors (GRAN, bit 22, WTHRESH 1).
const DESCRIPTOR_CONTROL: u32 = 1 << 24 | 1 << 22 | 1 << 16;

/// How long the card may take to stop its own bus accesses.
const DRAIN_TIMEOUT_US: u64 = 100_000;
/// How long a reset may take, reading of the settings included.
const RESET_TIMEOUT_US: u64 = 1_000_000;
/// Between a reset's start and the first access (datasheet, 4.6.3: at least 1 µs).
const RESET_PAUSE_US: u32 = 10_000;
/// After the settings are read the card still configures its PHY from them.
const PHY_PAUSE_US: u32 = 25_000;

/// A card that can send, and do nothing else.
#[derive(Debug)]
pub(crate) struct Transmitter<R> {
    registers: TransmitRegisters<R>,
    ring: TransmitRing,
    station_address: [u8; 6],
    counters: TransmitCounters,
}

impl<R: Registers> Transmitter<R> {
    /// Reads what the firmware left, resets and silences the card, and gives it a ring. The card
    /// sends nothing before [`Self::enable`].
    pub(super) fn prepare<P: Platform>(
        platform: &mut P,
        registers: R,
        address: PciAddress,
    ) -> Result<(Self, FirmwareState), StartError> {
        let mut registers = TransmitRegisters::new(registers);
        let firmware = firmware_state(&registers);
        reset(platform, &mut registers, address)?;
        silence(&mut registers);
        work_around_errata(&mut registers);
        let station_address = station_address(&registers);
        let error = StartError::Missing { address, what: "Ethernet address of its own" };
        let station_address = station_address.ok_or(error)?;
        let ring = TransmitRing::allocate(platform, address, Descriptors::Legacy)?;
        give_ring(&mut registers, &ring);
        let counters = TransmitCounters::default();
        Ok((Self { registers, ring, station_address, counters }, firmware))
    }

    /// Lets the card send.
    pub(super) fn enable(&mut self) {
        let settings = TRANSMIT_SETTINGS | TRANSMIT_ENABLE;
        self.registers.change(Register::TransmitControl, TRANSMIT_COLLISIONS_MASK, settings);
    }

    fn push(&mut self, frame: &[u8]) -> Result<(), TransmitError> {
        if !is_length_valid(frame.len()) {
            return Err(TransmitError::Length { bytes: frame.len() });
        }
        let tail = self.ring.push(frame).ok_or(TransmitError::RingFull)?;
        self.registers.write(Register::RingTail, tail);
        Ok(())
    }

    fn check_silenced(&self, register: Silenced) -> Result<(), ReceivePath> {
        let value = self.registers.silenced(register);
        let path = ReceivePath::Silenced { offset: register as usize, value };
        if register.is_on(value) { Err(path) } else { Ok(()) }
    }
}

impl<R: Registers> TransmitOnly for Transmitter<R> {
    fn transmit(&mut self, frame: &[u8]) -> Result<(), TransmitError> {
        let outcome = self.push(frame);
        self.counters.count(outcome)
    }

    fn link_up(&self) -> bool {
        let status = self.registers.evidence(Evidence::Status);
        status != u32::MAX && status & STATUS_LINK_UP != 0
    }

    fn station_address(&self) -> [u8; 6] {
        self.station_address
    }

    fn counters(&self) -> TransmitCounters {
        self.counters
    }

    fn frames_waiting(&mut self) -> usize {
        self.ring.waiting()
    }

    /// Shows by the card's own registers that nothing in it receives, listens for PAUSE frames or waits to be woken up.
    /// A negotiation of the link can switch PAUSE frames on: they are switched off again, and must then read so. That comes first,
    /// because a register of the receiver shows nothing about what is written after it was read.
    fn check_receive_off(&mut self) -> Result<(), ReceivePath> {
        if self.registers.read(Register::Control) & CONTROL_FLOW_CONTROL != 0 {
            self.registers.change(Register::Control, CONTROL_FLOW_CONTROL, 0);
        }
        let control = self.registers.read(Register::Control);
        if control & CONTROL_FLOW_CONTROL != 0 {
            return Err(ReceivePath::Pause { control });
        }
        let receive_control = self.registers.evidence(Evidence::ReceiveControl);
        if receive_control != 0 {
            return Err(ReceivePath::Receiver { receive_control });
        }
        // No loop, of which the proof would have to find out what it leaves alone (docs/proof.md).
        self.check_silenced(Silenced::WakeUpControl)?;
        self.check_silenced(Silenced::WakeUpFilters)?;
        let management_control = self.registers.evidence(Evidence::ManagementControl);
        match management_control & MANAGEMENT_RECEIVES {
            0 => Ok(()),
            _ => Err(ReceivePath::Management { management_control }),
        }
    }
}

impl<R: Registers> Room for Transmitter<R> {
    fn has_room(&mut self) -> bool {
        self.ring.has_room()
    }
}

fn firmware_state<R: Registers>(registers: &TransmitRegisters<R>) -> FirmwareState {
    FirmwareState {
        receiver_on: registers.evidence(Evidence::ReceiveControl) & RECEIVE_ENABLE != 0,
        frames_received: Some(registers.evidence(Evidence::GoodPacketsReceived)),
    }
}

/// Resets the whole card but its PCI configuration (datasheet, 4.6).
fn reset<P: Platform, R: Registers>(
    platform: &mut P,
    registers: &mut TransmitRegisters<R>,
    address: PciAddress,
) -> Result<(), StartError> {
    registers.write(Register::InterruptMaskClear, u32::MAX);
    registers.change(Register::Control, 0, CONTROL_MASTER_DISABLE);
    // A card that does not drain in time is reset all the same: that is what a reset is for.
    wait_until(platform, DRAIN_TIMEOUT_US, || {
        registers.evidence(Evidence::Status) & STATUS_MASTER_ENABLED == 0
    });
    registers.change(Register::Control, 0, CONTROL_RESET);
    platform.sleep_us(RESET_PAUSE_US);
    let finished = wait_until(platform, RESET_TIMEOUT_US, || {
        // All ones is what reads as long as nothing answers.
        let control = registers.read(Register::Control);
        control & CONTROL_RESET == 0 && registers.evidence(Evidence::SettingsControl) & SETTINGS_READ != 0
    });
    platform.sleep_us(PHY_PAUSE_US);
    if finished { Ok(()) } else { Err(StartError::ResetTimeout { address }) }
}

/// No interrupts, no waking up, no PAUSE frames either way; the link's speed is negotiated.
fn silence<R: Registers>(registers: &mut TransmitRegisters<R>) {
    registers.write(Register::InterruptMaskClear, u32::MAX);
    registers.evidence(Evidence::InterruptCause);
    registers.silence(Silenced::WakeUpControl);
    registers.silence(Silenced::WakeUpFilters);
    let cleared = CONTROL_FLOW_CONTROL | CONTROL_FORCE_SPEED_AND_DUPLEX | CONTROL_MASTER_DISABLE;
    registers.change(Register::Control, cleared, CONTROL_SET_LINK_UP);
}

/// Bits that Intel asks software to set: without them PCI Express completions can get lost, with
/// ASPM above all, and the transmitter stalls.
fn work_around_errata<R: Registers>(registers: &mut TransmitRegisters<R>) {
    registers.change(Register::Control, 1 << 29, 0);
    registers.change(Register::ExtendedControl, 1 << 23, 1 << 22);
    registers.change(Register::PciExpressControl, 0, 1 << 22 | 1 << 27);
    registers.change(Register::PciExpressControl2, 0, 1 << 0);
    registers.change(Register::Arbitration, 0xf << 27, 1 << 26);
}

fn give_ring<R: Registers>(registers: &mut TransmitRegisters<R>, ring: &TransmitRing) {
    registers.write(Register::RingLow, ring.physical() as u32);
    registers.write(Register::RingHigh, (ring.physical() >> 32) as u32);
    registers.write(Register::RingBytes, RING_BYTES as u32);
    registers.write(Register::RingHead, 0);
    registers.write(Register::RingTail, 0);
    registers.write(Register::DescriptorControl, DESCRIPTOR_CONTROL);
    registers.write(Register::InterPacketGap, INTER_PACKET_GAP);
}

/// The address that the card has read from its own settings.
fn station_address<R: Registers>(registers: &TransmitRegisters<R>) -> Option<[u8; 6]> {
    intel::station_address(
        registers.evidence(Evidence::StationAddressLow),
        registers.evidence(Evidence::StationAddressHigh),
    )
}
