//! Ethernet, neighbours, IP, TCP and UDP as one value.

use alloc::vec::Vec;

use noreturn_image_format::Config;
use noreturn_wire::{Counter, Counters};
use smoltcp::iface::{Config as InterfaceConfig, Interface, PollResult, SocketHandle, SocketSet};
use smoltcp::socket::tcp::{ConnectError, Socket};
use smoltcp::time::Instant;
use smoltcp::wire::{HardwareAddress, IpCidr, IpEndpoint, Ipv4Cidr};

use crate::ethernet::{FRAME_BYTES_MAX, MacAddress};
use crate::filter::Filter;
use crate::neighbours::{Change, Neighbours, Received};
use crate::port::{Card, Out, Port};
use crate::ports::{Owner, Ports};
use crate::progress::{Progress, is_bound};
use crate::random::Generator;
use crate::sequence::initial_sequence;

/// Frames taken from the card in one step at most: a flood inside must not keep frames from leaving outside.
const FRAMES_MAX: usize = 64;
/// A card without room for frames is looked at again after this time: as long as the box rests.
const ROOM_US: u64 = 10_000;

/// The inside network stack.
pub struct Stack {
    /// Its sockets.
    pub sockets: SocketSet<'static>,
    /// Its ports for connections and requests of ours.
    pub ports: Ports,
    interface: Interface,
    neighbours: Neighbours,
    filter: Filter,
    /// Before this nothing is sent, because the card had no room.
    room_at_us: u64,
    received: [u8; FRAME_BYTES_MAX],
    sending: [u8; FRAME_BYTES_MAX],
}

impl Stack {
    /// A stack with the addresses of `config` behind a card whose own Ethernet address is `mac`. Its secrets are drawn from
    /// `random`.
    #[must_use]
    pub fn new(
        card: &mut impl Card,
        mac: MacAddress,
        config: &Config,
        random: &mut Generator,
        uptime_us: u64,
    ) -> Self {
        let mut neighbours = Neighbours::new(mac, config);
        let mut sending = [0; FRAME_BYTES_MAX];
        let settings = InterfaceConfig::new(HardwareAddress::Ip, initial_sequence(random.secret()));
        let counters = &mut Counters::default();
        let out = Out { card, frame: &mut sending, neighbours: &mut neighbours, counters, now_us: uptime_us };
        let mut port = Port { packet: None, out };
        let mut interface = Interface::new(settings, &mut port, instant(uptime_us));
        interface.update_ip_addrs(|addresses| {
            // The list is empty and has room for at least one.
            let _ = addresses.push(IpCidr::Ipv4(Ipv4Cidr::new(config.inside.address, config.inside.prefix)));
        });
        let sockets = SocketSet::new(Vec::new());
        let filter = Filter::new(config);
        let ports = Ports::new(random.secret());
        let received = [0; FRAME_BYTES_MAX];
        Self { sockets, ports, interface, neighbours, filter, room_at_us: 0, received, sending }
    }

    /// Takes and sends frames, a bounded number of them; whether there was anything to do.
    pub fn poll(&mut self, card: &mut impl Card, now_us: u64, counters: &mut Counters) -> bool {
        let Self { sockets, interface, neighbours, filter, room_at_us, received, sending, .. } = self;
        let now = instant(now_us);
        let mut out = Out { card, frame: sending, neighbours, counters, now_us };
        let mut busy = false;
        interface.poll_maintenance(now);
        for _ in 0..FRAMES_MAX {
            let Some(bytes) = out.card.receive(received) else { break };
            busy = true;
            match out.neighbours.receive(&received[..bytes], now_us, out.counters) {
                Received::Packet { from, source, packet } => {
                    let asks = |port| sockets.iter().any(|(_, socket)| is_bound(socket, port));
                    if let Some(counter) = filter.refusal(packet, asks) {
                        out.counters.add(counter, 1);
                        continue;
                    }
                    let progress = Progress::before(packet, sockets);
                    // smoltcp would give it to the first socket that listens, and the connection would have two.
                    if progress.is_some_and(|progress| progress.is_repeated_syn) {
                        out.counters.add(Counter::InsideSynRefused, 1);
                        continue;
                    }
                    out.neighbours.hear(source, from, now_us);
                    let mut port = Port { packet: Some(packet), out: out.reborrow() };
                    interface.poll_ingress_single(now, &mut port, sockets);
                    if progress.is_some_and(|progress| progress.is_made(sockets)) {
                        out.neighbours.confirm(source, from, now_us);
                    }
                }
                Received::Answer(frame) => out.card.transmit(&frame),
                Received::Nothing => {}
            }
        }
        let mut port = Port { packet: None, out };
        for _ in 0..FRAMES_MAX {
            if interface.poll_egress(now, &mut port, sockets) == PollResult::None {
                break;
            }
            busy = true;
        }
        busy |= port.out.resolve();
        *room_at_us = if port.out.card.has_room() { 0 } else { now_us.saturating_add(ROOM_US) };
        busy
    }

    /// When there will be something to do, if no frame comes in: with no room on the card, not before that is looked at again.
    pub fn poll_at(&mut self, now_us: u64) -> u64 {
        let sockets = self.interface.poll_at(instant(now_us), &self.sockets);
        let sockets_us = sockets.map_or(u64::MAX, |at| u64::try_from(at.total_micros()).unwrap_or(0));
        sockets_us.min(self.neighbours.poll_at()).max(self.room_at_us)
    }

    /// A configured host that was found at another Ethernet address: [`Neighbours::take_change`].
    pub fn take_change(&mut self, now_us: u64) -> Option<Change> {
        self.neighbours.take_change(now_us)
    }

    /// Who is known on the network.
    #[must_use]
    pub const fn neighbours(&self) -> &Neighbours {
        &self.neighbours
    }

    /// A TCP socket.
    pub(crate) fn socket(&mut self, handle: SocketHandle) -> &mut Socket<'static> {
        self.sockets.get_mut(handle)
    }

    /// Makes a TCP socket, which must be closed, connect from a new port of its owner.
    pub(crate) fn connect(
        &mut self,
        handle: SocketHandle,
        owner: Owner,
        remote: IpEndpoint,
    ) -> Result<(), ConnectError> {
        let port = self.ports.take(owner, remote);
        self.sockets.get_mut::<Socket<'_>>(handle).connect(self.interface.context(), remote, port)
    }
}

fn instant(uptime_us: u64) -> Instant {
    Instant::from_micros(i64::try_from(uptime_us).unwrap_or(i64::MAX))
}
