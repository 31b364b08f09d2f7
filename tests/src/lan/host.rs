//! One host of the plant: an Ethernet address, an IPv4 address, a TCP stack (smoltcp), and a Modbus server that counts.

use std::collections::VecDeque;
use std::net::Ipv4Addr;

use noreturn_inside::random::{SECRET_BYTES, Secret};
use noreturn_inside::sequence::initial_sequence;
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{ChecksumCapabilities, Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::socket::tcp::{Socket, SocketBuffer, State};
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, IpCidr, Ipv4Cidr};

use crate::counting::{REQUEST_BYTES, reply};

/// Where every host listens.
pub const MODBUS_PORT: u16 = 502;
/// Length of the plant's network prefix.
pub const PREFIX: u8 = 16;
/// Connections that a host keeps at once.
const SOCKETS: usize = 4;
const BUFFER_BYTES: usize = 1024;
const FRAME_BYTES_MAX: usize = 1514;

/// What a host does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Behaviour {
    /// Answers.
    Healthy,
    /// Says nothing, not even to ARP.
    Off,
    /// Is off for this long after having been on for this long, again and again; in microseconds of the guest's time.
    Flapping {
        /// Time for which it is on, and then off.
        half_period_us: u64,
    },
    /// Answers right in a byte a segment, with another transaction, with half of an answer, with garbage and with too little, in turns; and
    /// tells everybody its Ethernet address with each frame that it takes.
    Odd,
}

impl Behaviour {
    /// Whether a host that has behaved so since `since_us` is on.
    const fn is_on(self, since_us: u64, now_us: u64) -> bool {
        match self {
            Self::Healthy | Self::Odd => true,
            Self::Off => false,
            Self::Flapping { half_period_us } => ((now_us - since_us) / half_period_us).is_multiple_of(2),
        }
    }
}

/// A host of the plant.
pub struct Host {
    ethernet: [u8; 6],
    address: Ipv4Addr,
    behaviour: Behaviour,
    since_us: u64,
    /// Nothing while it is off: what is switched on has forgotten its connections.
    stack: Option<Stack>,
    /// The guest's time of each request that was answered.
    requests_us: Vec<u64>,
}

impl Host {
    /// A host that is healthy.
    #[must_use]
    pub const fn new(ethernet: [u8; 6], address: Ipv4Addr) -> Self {
        let (behaviour, since_us) = (Behaviour::Healthy, 0);
        Self { ethernet, address, behaviour, since_us, stack: None, requests_us: Vec::new() }
    }

    /// Its Ethernet address.
    #[must_use]
    pub const fn ethernet(&self) -> [u8; 6] {
        self.ethernet
    }

    /// Its IPv4 address.
    #[must_use]
    pub const fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// Whether it answers anybody now.
    #[must_use]
    pub const fn is_on(&self, now_us: u64) -> bool {
        self.behaviour.is_on(self.since_us, now_us)
    }

    /// Behaves so from now on.
    pub const fn set(&mut self, behaviour: Behaviour, now_us: u64) {
        (self.behaviour, self.since_us) = (behaviour, now_us);
    }

    /// Is another machine with the same IPv4 address from now on.
    pub fn move_to(&mut self, ethernet: [u8; 6]) {
        (self.ethernet, self.stack) = (ethernet, None);
    }

    /// The guest's times, in microseconds, of the requests that it has answered.
    #[must_use]
    pub fn requests_us(&self) -> &[u64] {
        &self.requests_us
    }

    /// Takes a frame, if it is meant for this host.
    pub fn take(&mut self, now_us: u64, frame: &[u8]) {
        let is_ours = frame.starts_with(&self.ethernet) || frame.starts_with(&[0xff; 6]);
        if let Some(stack) = self.stack(now_us).filter(|_| is_ours) {
            stack.wire.received.push_back(frame.to_vec());
        }
    }

    /// Does what is due, and returns what it sends.
    pub fn step(&mut self, now_us: u64) -> Vec<Vec<u8>> {
        let (ethernet, address, odd) = (self.ethernet, self.address, self.behaviour == Behaviour::Odd);
        let Some(stack) = self.stack(now_us) else { return Vec::new() };
        if !stack.is_due(now_us) {
            return Vec::new();
        }
        let answered = stack.step(now_us, odd);
        let mut sent: Vec<_> = stack.wire.sent.drain(..).collect();
        if odd && !sent.is_empty() {
            sent.push(super::hostile::arp_reply(ethernet, address, [0xff; 6], address));
        }
        self.requests_us.extend(std::iter::repeat_n(now_us, answered));
        sent
    }

    /// Its network stack, if it is on.
    fn stack(&mut self, now_us: u64) -> Option<&mut Stack> {
        if !self.is_on(now_us) {
            self.stack = None;
            return None;
        }
        Some(self.stack.get_or_insert_with(|| Stack::new(self.ethernet, self.address, now_us)))
    }
}

struct Stack {
    wire: Queues,
    interface: Interface,
    sockets: SocketSet<'static>,
    handles: Vec<SocketHandle>,
    /// Answers so far.
    count: u32,
}

impl Stack {
    fn new(ethernet: [u8; 6], address: Ipv4Addr, now_us: u64) -> Self {
        let mut wire = Queues::default();
        let config =
            Config::new(EthernetAddress(ethernet).into(), initial_sequence(Secret([1; SECRET_BYTES])));
        let mut interface = Interface::new(config, &mut wire, instant(now_us));
        interface.update_ip_addrs(|addresses| {
            // The list is empty and has room for at least one.
            let _ = addresses.push(IpCidr::Ipv4(Ipv4Cidr::new(address, PREFIX)));
        });
        let mut sockets = SocketSet::new(Vec::new());
        let buffer = || SocketBuffer::new(vec![0; BUFFER_BYTES]);
        let mut socket = || {
            let mut socket = Socket::new(buffer(), buffer());
            socket.set_nagle_enabled(false);
            sockets.add(socket)
        };
        let handles = (0..SOCKETS).map(|_| socket()).collect();
        Self { wire, interface, sockets, handles, count: 0 }
    }

    fn is_due(&mut self, now_us: u64) -> bool {
        let at = self.interface.poll_at(instant(now_us), &self.sockets);
        !self.wire.received.is_empty() || at.is_some_and(|at| at <= instant(now_us))
    }

    /// Requests that were answered.
    fn step(&mut self, now_us: u64, odd: bool) -> usize {
        self.listen();
        self.interface.poll(instant(now_us), &mut self.wire, &mut self.sockets);
        let mut answered = 0;
        for place in 0..self.handles.len() {
            answered += self.answer(self.handles[place], now_us, odd);
        }
        self.listen();
        self.interface.poll(instant(now_us), &mut self.wire, &mut self.sockets);
        answered
    }

    /// Listens with every socket that is free.
    fn listen(&mut self) {
        for &handle in &self.handles {
            let socket = self.sockets.get_mut::<Socket<'_>>(handle);
            if socket.state() == State::CloseWait {
                socket.close();
            }
            if matches!(socket.state(), State::Closed | State::TimeWait) {
                socket.abort();
                // The port is not 0, and the socket is closed.
                let _ = socket.listen(MODBUS_PORT);
            }
        }
    }

    fn answer(&mut self, handle: SocketHandle, now_us: u64, odd: bool) -> usize {
        let mut answered = 0;
        loop {
            let socket = self.sockets.get_mut::<Socket<'_>>(handle);
            let mut request = [0; REQUEST_BYTES];
            // A request may lie at the end and at the start of the buffer.
            if socket.recv_queue() < REQUEST_BYTES || socket.recv_slice(&mut request).is_err() {
                break;
            }
            let reply = reply(&request, self.count);
            let (reply, size) = if odd { odd_reply(reply, self.count) } else { (reply, usize::MAX) };
            self.count += 1;
            answered += 1;
            for piece in reply.chunks(size) {
                // The box asks again only when it has the answer: there is room.
                let _ = self.sockets.get_mut::<Socket<'_>>(handle).send_slice(piece);
                self.interface.poll(instant(now_us), &mut self.wire, &mut self.sockets);
            }
        }
        answered
    }
}

/// What an odd host makes of its answer number `count`, and how many bytes of it go into a segment.
fn odd_reply(mut reply: Vec<u8>, count: u32) -> (Vec<u8>, usize) {
    let all = reply.len();
    match count % 5 {
        0 => return (reply, 1),
        1 => reply[0] ^= 0x80,
        2 => reply.truncate(all / 2),
        3 => reply.fill(0xa5),
        // One register less, and it says so.
        _ => {
            reply.truncate(all - 2);
            reply[5] -= 2;
            reply[8] -= 2;
        }
    }
    (reply, usize::MAX)
}

/// Frames between a host and its switch.
#[derive(Default)]
pub(super) struct Queues {
    pub(super) received: VecDeque<Vec<u8>>,
    pub(super) sent: VecDeque<Vec<u8>>,
}

pub(super) struct Received(Vec<u8>);
pub(super) struct Sending<'a>(&'a mut VecDeque<Vec<u8>>);

impl Device for Queues {
    type RxToken<'a> = Received;
    type TxToken<'a> = Sending<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Received, Sending<'_>)> {
        let frame = self.received.pop_front()?;
        Some((Received(frame), Sending(&mut self.sent)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Sending<'_>> {
        Some(Sending(&mut self.sent))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = FRAME_BYTES_MAX;
        capabilities.checksum = ChecksumCapabilities::default();
        capabilities
    }
}

impl RxToken for Received {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(&self.0)
    }
}

impl TxToken for Sending<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, f: F) -> R {
        let mut frame = vec![0; length];
        let result = f(&mut frame);
        self.0.push_back(frame);
        result
    }
}

fn instant(now_us: u64) -> Instant {
    Instant::from_micros(i64::try_from(now_us).unwrap_or(i64::MAX))
}
