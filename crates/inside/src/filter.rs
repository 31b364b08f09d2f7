//! The packet filter in front of the network stack.
//!
//! Headers are read with smoltcp's own types, so that filter and stack never disagree about what a packet is:
//! what these refuse as truncated or malformed, the stack refuses by the same check.

use noreturn_wire::{Counter, Counters};
use smoltcp::phy::{Device, DeviceCapabilities, RxToken};
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetFrame, EthernetProtocol, IpProtocol, Ipv4Packet, TcpPacket};

/// What counts an IPv4 packet that the network stack must not see; nothing if it may.
///
/// - A fragment: the stack reassembles nothing, and would take its payload for a whole one.
/// - A SYN without ACK (RFC 9293, section 3.5) to a TCP port that is not in `listening`. To a port from which a
///   connection is being made it would be a simultaneous open, which no device on this network makes.
#[must_use]
pub fn refusal(packet: &[u8], listening: &[u16]) -> Option<Counter> {
    let packet = Ipv4Packet::new_checked(packet).ok()?;
    if packet.more_frags() || packet.frag_offset() != 0 {
        return Some(Counter::InsideFragments);
    }
    if packet.next_header() != IpProtocol::Tcp {
        return None;
    }
    let segment = TcpPacket::new_checked(packet.payload()).ok()?;
    let opens = segment.syn() && !segment.ack();
    (opens && !listening.contains(&segment.dst_port())).then_some(Counter::InsideSynRefused)
}

/// [`refusal`] of an Ethernet frame; what is no IPv4 is not its business.
#[must_use]
pub fn frame_refusal(frame: &[u8], listening: &[u16]) -> Option<Counter> {
    let frame = EthernetFrame::new_checked(frame).ok()?;
    if frame.ethertype() != EthernetProtocol::Ipv4 {
        return None;
    }
    refusal(frame.payload(), listening)
}

/// An Ethernet device whose received frames pass [`frame_refusal`] first.
#[derive(Debug)]
pub struct Filtered<'a, D> {
    /// The card.
    pub device: &'a mut D,
    /// TCP ports on which something listens.
    pub listening: &'a [u16],
    /// Where refused frames are counted.
    pub counters: &'a mut Counters,
}

impl<D: Device> Device for Filtered<'_, D> {
    type RxToken<'t>
        = FilteredFrame<'t, D::RxToken<'t>>
    where
        Self: 't;
    type TxToken<'t>
        = D::TxToken<'t>
    where
        Self: 't;

    fn receive(&mut self, now: Instant) -> Option<(Self::RxToken<'_>, Self::TxToken<'_>)> {
        let (frame, slot) = self.device.receive(now)?;
        Some((FilteredFrame { frame, listening: self.listening, counters: self.counters }, slot))
    }

    fn transmit(&mut self, now: Instant) -> Option<Self::TxToken<'_>> {
        self.device.transmit(now)
    }

    fn capabilities(&self) -> DeviceCapabilities {
        self.device.capabilities()
    }
}

/// A frame that is shown to the network stack as an empty one, which it skips, if it is refused.
#[derive(Debug)]
pub struct FilteredFrame<'a, T> {
    frame: T,
    listening: &'a [u16],
    counters: &'a mut Counters,
}

impl<T: RxToken> RxToken for FilteredFrame<'_, T> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        let Self { frame, listening, counters } = self;
        frame.consume(|frame| match frame_refusal(frame, listening) {
            Some(counter) => {
                counters.add(counter, 1);
                read(&[])
            }
            None => read(frame),
        })
    }
}
