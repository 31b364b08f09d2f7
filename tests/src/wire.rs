//! The outside wire: takes every Ethernet frame that the box sends, checks that it is one of the diode's,
//! and passes its payload on to the receiver, over a network as bad as it is told to be. A test fails when its wire ends
//! after a frame that is none of the diode's, whether the test has asked or not.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Result, ensure};
use noreturn_wire::{Body, Header};

use crate::machine::OutsideWire;
use crate::network::{diode_payload, payload_to};
use crate::ports::{free_udp, loopback};
use crate::random::Random;

/// Faults in payloads of a thousand.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// Seed of everything that goes wrong.
    pub seed: u64,
    /// Never arrive.
    pub lost: u64,
    /// Arrive after the next few.
    pub reordered: u64,
    /// Arrive twice.
    pub duplicated: u64,
    /// Arrive with a flipped bit.
    pub corrupted: u64,
}

/// Another destination that the site file names, and its Ethernet address.
pub type Destination = ([u8; 6], SocketAddrV4);

#[derive(Debug, Default)]
struct Seen {
    frames: AtomicU64,
    faults: AtomicU64,
    stop: AtomicBool,
    /// Frames that no diode sends, since the diode's first.
    foreign: Mutex<Vec<String>>,
    /// Frames before the diode's first.
    firmware: AtomicU64,
    /// Who is given every Ethernet frame, if anybody is.
    tap: Mutex<Option<Sender<Vec<u8>>>>,
}

impl Seen {
    fn note_foreign(&self, what: String) {
        if self.frames.load(Ordering::Relaxed) == 0 {
            self.firmware.fetch_add(1, Ordering::Relaxed);
        } else if let Ok(mut foreign) = self.foreign.lock() {
            foreign.push(what);
        }
    }
}

/// The wire, in a thread of its own.
#[derive(Debug)]
pub struct Wire {
    /// Where the box's frames must go.
    pub address: SocketAddr,
    socket: UdpSocket,
    seen: Arc<Seen>,
    thread: Option<JoinHandle<()>>,
}

impl Wire {
    /// Lays a wire to the receiver at 127.0.0.1:`receiver_port`.
    ///
    /// # Errors
    /// If there is no socket to be had.
    pub fn lay(receiver_port: u16, faults: Faults) -> Result<Self> {
        Self::lay_to(receiver_port, None, faults)
    }

    /// Does the same where the box may also send to `other`; that is not passed on.
    ///
    /// # Errors
    /// If there is no socket to be had.
    pub fn lay_to(receiver_port: u16, other: Option<Destination>, faults: Faults) -> Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.set_read_timeout(Some(Duration::from_millis(50)))?;
        let address = socket.local_addr()?;
        let seen = Arc::new(Seen::default());
        let (ours, theirs) = (Arc::clone(&seen), socket.try_clone()?);
        let thread = std::thread::spawn(move || carry(&theirs, receiver_port, other, faults, &ours));
        Ok(Self { address, socket, seen, thread: Some(thread) })
    }

    /// The wire as a machine has it, whose outside card listens at `card`, or to nobody.
    ///
    /// # Errors
    /// If there is no port for it.
    pub fn frames_to(&self, card: Option<SocketAddr>) -> Result<OutsideWire> {
        let card = card.map_or_else(|| free_udp().map(loopback), Ok)?;
        Ok(OutsideWire::Frames { card, wire: self.address })
    }

    /// Throws an Ethernet frame at the card that listens at `card`.
    ///
    /// # Errors
    /// If it cannot be sent.
    pub fn throw(&self, card: SocketAddr, frame: &[u8]) -> Result<()> {
        self.socket.send_to(frame, card)?;
        Ok(())
    }

    /// Frames of the diode's that the box has sent.
    #[must_use]
    pub fn frames(&self) -> u64 {
        self.seen.frames.load(Ordering::Relaxed)
    }

    /// Things that went wrong on purpose.
    #[must_use]
    pub fn faults(&self) -> u64 {
        self.seen.faults.load(Ordering::Relaxed)
    }

    /// Frames that came before the diode's first one. QEMU's firmware has a virtio-net driver of its own,
    /// which cannot be switched off as on a real box; it has none for the 82574L without an option ROM.
    #[must_use]
    pub fn firmware_frames(&self) -> u64 {
        self.seen.firmware.load(Ordering::Relaxed)
    }

    /// Every Ethernet frame that the box sends from now on, whole, as it comes. There is one tap: the latest.
    #[must_use]
    pub fn tap(&self) -> Receiver<Vec<u8>> {
        let (sender, frames) = channel();
        *self.seen.tap.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
        frames
    }

    /// Frames that were none of the diode's, since its first one.
    #[must_use]
    pub fn foreign(&self) -> Vec<String> {
        self.seen.foreign.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Fails if there were frames that were none of the diode's, since its first one.
    ///
    /// # Errors
    /// With the first of them.
    pub fn check(&self) -> Result<()> {
        let foreign = self.foreign();
        ensure!(
            foreign.is_empty(),
            "on the outside wire were {} other frames: {}",
            foreign.len(),
            foreign[0]
        );
        Ok(())
    }

    /// Fails if there was any frame at all: a box that was not started sends nothing.
    ///
    /// # Errors
    /// With how many there were.
    pub fn check_silent(&self) -> Result<()> {
        let (own, firmware) = (self.frames(), self.firmware_frames());
        ensure!(
            own + firmware == 0,
            "{own} frames of the diode's and {firmware} others were on the outside wire"
        );
        self.check()
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.seen.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been printed already.
            let _ = thread.join();
        }
        if !std::thread::panicking()
            && let Err(foreign) = self.check()
        {
            panic!("{foreign}");
        }
    }
}

fn carry(socket: &UdpSocket, receiver_port: u16, other: Option<Destination>, faults: Faults, seen: &Seen) {
    let mut random = Random(faults.seed);
    let mut late: Option<(Vec<u8>, u64)> = None;
    let mut buffer = [0; 2048];
    while !seen.stop.load(Ordering::Relaxed) {
        let Ok((length, _)) = socket.recv_from(&mut buffer) else { continue };
        if let Some(tap) = &*seen.tap.lock().unwrap_or_else(PoisonError::into_inner) {
            // Whoever has tapped it may have seen enough.
            let _ = tap.send(buffer[..length].to_vec());
        }
        let frame = &buffer[..length];
        if other.is_some_and(|(ethernet, address)| payload_to(frame, ethernet, address).is_ok()) {
            continue;
        }
        let payload = match diode_payload(frame, receiver_port) {
            Ok(payload) => payload.to_vec(),
            Err(what) => {
                seen.note_foreign(what);
                continue;
            }
        };
        seen.frames.fetch_add(1, Ordering::Relaxed);
        if let Some(what) = starts_wrong(&payload) {
            seen.note_foreign(what);
        }
        for payload in disturb(payload, faults, &mut random, &mut late, seen) {
            // A receiver that is down is a fault of the network like any other.
            let _ = socket.send_to(&payload, (Ipv4Addr::LOCALHOST, receiver_port));
        }
    }
}

/// What is wrong with the first frame of a boot, which is a beacon.
fn starts_wrong(payload: &[u8]) -> Option<String> {
    let (header, ..) = Header::parse(payload).ok()?;
    (header.frame == 0 && header.body != Body::Beacon).then(|| format!("a boot starts with {header:?}"))
}

/// What arrives, now that one more payload was sent.
fn disturb(
    mut payload: Vec<u8>,
    faults: Faults,
    random: &mut Random,
    late: &mut Option<(Vec<u8>, u64)>,
    seen: &Seen,
) -> Vec<Vec<u8>> {
    let mut arrives = Vec::new();
    let fault = || seen.faults.fetch_add(1, Ordering::Relaxed);
    if random.chance(faults.lost) {
        fault();
    } else if late.is_none() && random.chance(faults.reordered) {
        fault();
        *late = Some((payload, 1 + random.below(8)));
    } else {
        if random.chance(faults.corrupted) {
            fault();
            let at = usize::try_from(random.below(payload.len() as u64)).unwrap_or(0);
            payload[at] ^= 1 << random.below(8);
        }
        if random.chance(faults.duplicated) {
            fault();
            arrives.push(payload.clone());
        }
        arrives.push(payload);
    }
    *late = match late.take() {
        Some((payload, 0)) => {
            arrives.push(payload);
            None
        }
        Some((payload, wait)) => Some((payload, wait - 1)),
        None => None,
    };
    arrives
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::time::Duration;

    use super::*;
    use crate::network::{OUTSIDE_ADDRESS, OUTSIDE_PORT, RECEIVER_ADDRESS, RECEIVER_MAC};

    const PORT: u16 = 4101;
    const OTHER: Destination = ([1, 0, 0x5e, 1, 2, 3], SocketAddrV4::new(Ipv4Addr::new(239, 1, 2, 3), 4102));

    fn frame(ethernet: [u8; 6], destination: SocketAddrV4) -> Vec<u8> {
        let packet = etherparse::PacketBuilder::ethernet2([2; 6], ethernet)
            .ipv4(OUTSIDE_ADDRESS.octets(), destination.ip().octets(), 64)
            .udp(OUTSIDE_PORT, destination.port());
        let mut frame = Vec::new();
        packet.write(&mut frame, &[7; 30]).unwrap();
        frame
    }

    /// Whether the test fails when a wire ends that has carried one frame of the diode's and then this one.
    fn fails(other: Option<Destination>, last: &[u8]) -> bool {
        let wire = Wire::lay_to(PORT, other, Faults::default()).unwrap();
        let card = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let own = frame(RECEIVER_MAC, SocketAddrV4::new(RECEIVER_ADDRESS, PORT));
        let tap = wire.tap();
        for frame in [&own, last] {
            card.send_to(frame, wire.address).unwrap();
            assert_eq!(tap.recv_timeout(Duration::from_secs(60)).unwrap(), frame);
        }
        catch_unwind(AssertUnwindSafe(|| drop(wire))).is_err()
    }

    #[test]
    fn a_test_fails_when_its_wire_ends_after_a_frame_of_another_kind_or_destination() {
        let own = frame(RECEIVER_MAC, SocketAddrV4::new(RECEIVER_ADDRESS, PORT));
        assert!(!fails(None, &own));
        assert!(fails(None, &frame(OTHER.0, OTHER.1)));
        assert!(!fails(Some(OTHER), &frame(OTHER.0, OTHER.1)));
        assert!(fails(Some(OTHER), &frame(RECEIVER_MAC, OTHER.1)));
        assert!(fails(Some(OTHER), &[0xff; 60]));
    }
}
