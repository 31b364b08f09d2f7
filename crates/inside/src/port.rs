//! The network stack's way to a card: IP packets on one side, Ethernet frames on the other.

use noreturn_wire::Counters;
use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::time::Instant;

use crate::ethernet::{FRAME_BYTES_MAX, HEADER_BYTES};
use crate::neighbours::Neighbours;

/// What carries frames. It counts for itself what it drops.
pub trait Card {
    /// Copies the next received frame; its length.
    fn receive(&mut self, frame: &mut [u8; FRAME_BYTES_MAX]) -> Option<usize>;

    /// Whether a frame would find room.
    fn has_room(&mut self) -> bool;

    /// Sends a frame, or drops it.
    fn transmit(&mut self, frame: &[u8]);
}

/// One received packet at most, and the way out.
pub(crate) struct Port<'a, C> {
    pub packet: Option<&'a [u8]>,
    pub out: Out<'a, C>,
}

/// The way out for packets.
pub(crate) struct Out<'a, C> {
    pub card: &'a mut C,
    pub frame: &'a mut [u8; FRAME_BYTES_MAX],
    pub neighbours: &'a mut Neighbours,
    pub counters: &'a mut Counters,
    pub now_us: u64,
}

impl<C: Card> Out<'_, C> {
    pub fn reborrow(&mut self) -> Out<'_, C> {
        let Self { card, frame, neighbours, counters, now_us } = self;
        Out { card, frame, neighbours, counters, now_us: *now_us }
    }

    /// Asks for neighbours, and sends what waited for them; whether there was anything.
    pub fn resolve(&mut self) -> bool {
        let mut busy = false;
        while self.card.has_room()
            && let Some(bytes) = self.neighbours.poll(self.frame, self.now_us, self.counters)
        {
            self.card.transmit(&self.frame[..bytes]);
            busy = true;
        }
        busy
    }
}

impl<C: Card> Device for Port<'_, C> {
    type RxToken<'a>
        = Packet<'a>
    where
        Self: 'a;
    type TxToken<'a>
        = Out<'a, C>
    where
        Self: 'a;

    /// A packet is taken even if the card has no room: an answer is then lost and counted, but a card that stops
    /// sending does not stop us from hearing.
    fn receive(&mut self, _: Instant) -> Option<(Packet<'_>, Out<'_, C>)> {
        let packet = self.packet.take()?;
        Some((Packet(packet), self.out.reborrow()))
    }

    fn transmit(&mut self, _: Instant) -> Option<Out<'_, C>> {
        self.out.card.has_room().then(|| self.out.reborrow())
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = FRAME_BYTES_MAX - HEADER_BYTES;
        capabilities
    }
}

/// A packet that came in.
pub(crate) struct Packet<'a>(&'a [u8]);

impl RxToken for Packet<'_> {
    fn consume<T, F: FnOnce(&[u8]) -> T>(self, read: F) -> T {
        read(self.0)
    }
}

impl<C: Card> TxToken for Out<'_, C> {
    /// Sends the packet that `write` writes, or has it wait for its neighbour. smoltcp keeps to the transmission unit
    /// that it was told, so a longer packet is a programmer's error.
    fn consume<T, F: FnOnce(&mut [u8]) -> T>(self, bytes: usize, write: F) -> T {
        let frame = &mut self.frame[..HEADER_BYTES + bytes];
        let result = write(&mut frame[HEADER_BYTES..]);
        if self.neighbours.send(frame, self.now_us, self.counters) {
            self.card.transmit(frame);
        }
        result
    }
}
