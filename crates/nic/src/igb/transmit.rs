//! The transmit half of the card, which also resets the card and silences it.

use super::transmit_registers::EvidenceRegister as Evidence;
use super::transmit_registers::SilencedRegister as Silenced;
use super::transmit_registers::TransmitRegister as Register;
use super::transmit_registers::TransmitRegisters;
use crate::error::{ReceivePath, StartError};
use crate::ethernet::is_length_valid;
use crate::intel::bits::{
    CONTROL_FLOW_CONTROL, CONTROL_FORCE_SPEED_AND_DUPLEX, CONTROL_MASTER_DISABLE, CONTROL_RESET,
    CONTROL_SET_LINK_UP, MANAGEMENT_RECEIVES, QUEUE_ENABLE, RECEIVE_ENABLE, STATUS_LINK_UP,
    STATUS_MASTER_ENABLED, TRANSMIT_COLLISIONS_MASK, TRANSMIT_ENABLE, TRANSMIT_SETTINGS,
};
use crate::intel::transmit::{Descriptors, TransmitRing};
use crate::intel::{self, RING_BYTES};
use crate::pci::PciAddress;
use crate::platform::{Platform, wait_until};
use crate::registers::Registers;
use crate::transmit::{FirmwareState, Room, TransmitCounters, TransmitError, TransmitOnly};

const ADDRESS_VALID: u32 = 1 << 31;

/// Fetch descriptors when fewer than 8 are left, write each back (PTHRESH 8, HTHRESH 1, WTHRESH 1).
const DESCRIPTOR_CONTROL: u32 = 8 | 1 << 8 | 1 << 16;

/// How long the card may take to stop its own bus accesses.
const DRAIN_TIMEOUT_US: u64 = 100_000;
/// How long a reset may take, reading of the settings included.
const RESET_TIMEOUT_US: u64 = 1_000_000;
/// Between a reset's start and the first access (82576 datasheet, 4.2.1.6: at least 1 ms).
const RESET_PAUSE_US: u32 = 10_000;
/// After the settings are read the card still configures its PHY from them.
const PHY_PAUSE_US: u32 = 25_000;
/// How long the PHY may take to be told (82576 datasheet, 8.2.4: 64 µs).
const PHY_TIMEOUT_US: u64 = 10_000;
/// How long a queue may take to be on.
const QUEUE_TIMEOUT_US: u64 = 10_000;

/// A card that can send, and do nothing else.
#[derive(Debug)]
pub(crate) struct Transmitter<R> {
    registers: TransmitRegisters<R>,
    ring: TransmitRing,
    receive_queues: usize,
    station_address: [u8; 6],
    counters: TransmitCounters,
}

impl<R: Registers> Transmitter<R> {
    /// Reads what the firmware left, resets and silences the card, and gives it a ring. The card sends nothing before
    /// [`Self::enable`].
    pub(super) fn prepare<P: Platform>(
        platform: &mut P,
        registers: R,
        address: PciAddress,
        receive_queues: usize,
    ) -> Result<(Self, FirmwareState), StartError> {
        let mut registers = TransmitRegisters::new(registers);
        let firmware = firmware_state(&registers);
        reset(platform, &mut registers, address)?;
        silence(&mut registers, receive_queues);
        negotiate(platform, &mut registers);
        let station_address = station_address(&registers);
        let error = StartError::Missing { address, what: "Ethernet address of its own" };
        let station_address = station_address.ok_or(error)?;
        let ring = TransmitRing::allocate(platform, address, Descriptors::Advanced)?;
        give_ring(&mut registers, &ring);
        let counters = TransmitCounters::default();
        Ok((Self { registers, ring, receive_queues, station_address, counters }, firmware))
    }

    /// Lets the card send: first the queue, which must say that it is on, then all of it (82576 datasheet, 4.5.10).
    pub(super) fn enable<P: Platform>(
        &mut self,
        platform: &mut P,
        address: PciAddress,
    ) -> Result<(), StartError> {
        self.registers.write(Register::DescriptorControl, DESCRIPTOR_CONTROL | QUEUE_ENABLE);
        let is_on = || self.registers.read(Register::DescriptorControl) & QUEUE_ENABLE != 0;
        if !wait_until(platform, QUEUE_TIMEOUT_US, is_on) {
            return Err(StartError::Missing { address, what: "transmit queue that can be switched on" });
        }
        let settings = TRANSMIT_SETTINGS | TRANSMIT_ENABLE;
        self.registers.change(Register::TransmitControl, TRANSMIT_COLLISIONS_MASK, settings);
        Ok(())
    }

    fn push(&mut self, frame: &[u8]) -> Result<(), TransmitError> {
        if !is_length_valid(frame.len()) {
            return Err(TransmitError::Length { bytes: frame.len() });
        }
        let tail = self.ring.push(frame).ok_or(TransmitError::RingFull)?;
        self.registers.write(Register::RingTail, tail);
        Ok(())
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
    /// A negotiation of the link can switch PAUSE frames on: they are switched off again, and must then read so.
    fn check_receive_off(&mut self) -> Result<(), ReceivePath> {
        let receive_control = self.registers.evidence(Evidence::ReceiveControl);
        if receive_control != 0 {
            return Err(ReceivePath::Receiver { receive_control });
        }
        for queue in 0..self.receive_queues {
            let control = self.registers.queue_control(queue);
            if control & QUEUE_ENABLE != 0 {
                return Err(ReceivePath::CardQueue { queue, control });
            }
        }
        if self.registers.read(Register::Control) & CONTROL_FLOW_CONTROL != 0 {
            self.registers.change(Register::Control, CONTROL_FLOW_CONTROL, 0);
        }
        let control = self.registers.read(Register::Control);
        if control & CONTROL_FLOW_CONTROL != 0 {
            return Err(ReceivePath::Pause { control });
        }
        for register in Silenced::ALL {
            let value = self.registers.silenced(register);
            if register.is_on(value) {
                return Err(ReceivePath::Silenced { offset: register as usize, value });
            }
        }
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

/// Resets the whole port but its PCI configuration (82576 datasheet, 4.2.1.6). That it has read its settings shows in its address,
/// which is not valid before.
fn reset<P: Platform, R: Registers>(
    platform: &mut P,
    registers: &mut TransmitRegisters<R>,
    address: PciAddress,
) -> Result<(), StartError> {
    mask_interrupts(registers);
    registers.change(Register::Control, 0, CONTROL_MASTER_DISABLE);
    // A card that does not drain in time is reset all the same: that is what a reset is for.
    wait_until(platform, DRAIN_TIMEOUT_US, || {
        registers.evidence(Evidence::Status) & STATUS_MASTER_ENABLED == 0
    });
    registers.change(Register::Control, 0, CONTROL_RESET);
    platform.sleep_us(RESET_PAUSE_US);
    let finished = wait_until(platform, RESET_TIMEOUT_US, || {
        // All ones is what reads as long as nothing answers.
        let is_valid = registers.evidence(Evidence::StationAddressHigh) & ADDRESS_VALID != 0;
        registers.read(Register::Control) & CONTROL_RESET == 0 && is_valid
    });
    platform.sleep_us(PHY_PAUSE_US);
    if finished { Ok(()) } else { Err(StartError::ResetTimeout { address }) }
}

fn mask_interrupts<R: Registers>(registers: &mut TransmitRegisters<R>) {
    registers.write(Register::InterruptMaskClear, u32::MAX);
    registers.write(Register::QueueInterruptMaskClear, u32::MAX);
}

/// No receive queue, no interrupts, no waking up, no PAUSE frames either way; the link's speed is negotiated.
fn silence<R: Registers>(registers: &mut TransmitRegisters<R>, receive_queues: usize) {
    mask_interrupts(registers);
    registers.evidence(Evidence::InterruptCause);
    (0..receive_queues).for_each(|queue| registers.silence_queue(queue));
    Silenced::ALL.into_iter().for_each(|register| registers.silence(register));
    let cleared = CONTROL_FLOW_CONTROL | CONTROL_FORCE_SPEED_AND_DUPLEX | CONTROL_MASTER_DISABLE;
    registers.change(Register::Control, cleared, CONTROL_SET_LINK_UP);
}

/// After a reset of the card its PHY waits to be told. A card without one (fibre, backplane) does not answer, which is no error: whether
/// there is a link is seen later.
fn negotiate<P: Platform, R: Registers>(platform: &mut P, registers: &mut TransmitRegisters<R>) {
    registers.negotiate();
    wait_until(platform, PHY_TIMEOUT_US, || registers.is_phy_ready());
}

/// Names the ring while its queue is off.
fn give_ring<R: Registers>(registers: &mut TransmitRegisters<R>, ring: &TransmitRing) {
    registers.write(Register::DescriptorControl, 0);
    registers.write(Register::RingLow, ring.physical() as u32);
    registers.write(Register::RingHigh, (ring.physical() >> 32) as u32);
    registers.write(Register::RingBytes, RING_BYTES as u32);
    registers.write(Register::RingHead, 0);
    registers.write(Register::RingTail, 0);
}

/// The address that the card has read from its own settings.
fn station_address<R: Registers>(registers: &TransmitRegisters<R>) -> Option<[u8; 6]> {
    intel::station_address(
        registers.evidence(Evidence::StationAddressLow),
        registers.evidence(Evidence::StationAddressHigh),
    )
}
