//! The network stack behind the packet filter, with a socket of each kind that the box has.

mod common;

use common::{BOX, Cable, DEVICE, interface, tcp_frame};
use etherparse::TcpHeader;
use noreturn_inside::filter::Filtered;
use noreturn_wire::{Counter, Counters};
use smoltcp::iface::{Interface, SocketHandle, SocketSet};
use smoltcp::socket::tcp::{Socket, SocketBuffer, State};
use smoltcp::time::Instant;

const LISTENING: [u16; 1] = [502];
const PORT: u16 = 49_200;

struct Stack {
    cable: Cable,
    interface: Interface,
    sockets: SocketSet<'static>,
    counters: Counters,
    listener: SocketHandle,
    client: SocketHandle,
}

impl Stack {
    /// One socket listens; the other connects to the device, whose Ethernet address is not known yet.
    fn new() -> Self {
        let mut cable = Cable::default();
        let mut interface = interface(&mut cable);
        let mut sockets = SocketSet::new(Vec::new());
        let socket = || Socket::new(SocketBuffer::new(vec![0; 1024]), SocketBuffer::new(vec![0; 1024]));
        let (mut listener, mut client) = (socket(), socket());
        listener.listen(LISTENING[0]).expect("it is closed");
        client.connect(interface.context(), (DEVICE.1, 502), PORT).expect("it is closed");
        let (listener, client) = (sockets.add(listener), sockets.add(client));
        let mut stack = Self { cable, interface, sockets, counters: Counters::default(), listener, client };
        stack.step(0);
        stack
    }

    /// What the box does at `ms`, as the kernel does it, and when it wants to be called again.
    fn step(&mut self, ms: i64) -> Option<Instant> {
        let now = Instant::from_millis(ms);
        let Self { cable, interface, sockets, counters, .. } = self;
        interface.poll(now, &mut Filtered { device: cable, listening: &LISTENING, counters }, sockets);
        self.interface.poll_at(now, &self.sockets)
    }

    fn states(&self) -> [State; 2] {
        [self.listener, self.client].map(|handle| self.sockets.get::<Socket<'_>>(handle).state())
    }
}

/// What the device answers when it is asked for its Ethernet address.
fn arp_reply() -> Vec<u8> {
    let arp =
        [&[0, 1, 8, 0, 6, 4, 0, 2][..], &DEVICE.0, &DEVICE.1.octets(), &BOX.0, &BOX.1.octets()].concat();
    [&BOX.0[..], &DEVICE.0, &[8, 6], &arp].concat()
}

fn syn(port: u16) -> TcpHeader {
    let mut header = TcpHeader::new(502, port, 7, 65_535);
    header.syn = true;
    header
}

#[test]
fn a_bare_syn_never_reaches_a_socket_that_connects() {
    let mut stack = Stack::new();
    for ms in 1..=256 {
        stack.cable.to_box.push_back(tcp_frame(syn(PORT)));
        stack.step(ms);
        assert_eq!(stack.states(), [State::Listen, State::SynSent]);
    }
    assert_eq!(stack.counters.get(Counter::InsideSynRefused), 256);
}

#[test]
fn a_port_without_a_listener_stays_silent() {
    let mut stack = Stack::new();
    stack.cable.to_box.push_back(arp_reply());
    stack.step(1);
    stack.cable.from_box.clear();
    for port in [1, 501, 503, 49_151, 65_535] {
        stack.cable.to_box.push_back(tcp_frame(syn(port)));
        stack.step(2);
    }
    assert_eq!(stack.counters.get(Counter::InsideSynRefused), 5);
    assert!(stack.cable.from_box.is_empty(), "{:?}", stack.cable.from_box);
}

#[test]
fn a_listener_is_reached_and_a_device_can_answer() {
    let mut stack = Stack::new();
    stack.cable.to_box.extend([arp_reply(), tcp_frame(syn(LISTENING[0]))]);
    stack.step(1);
    assert_eq!(stack.states(), [State::SynReceived, State::SynSent]);
    // Its SYN leaves when it is sent again; the answer acknowledges that.
    stack.cable.from_box.clear();
    stack.step(2000);
    let sent =
        stack.cable.from_box.iter().filter_map(|frame| etherparse::SlicedPacket::from_ethernet(frame).ok());
    let number = sent
        .filter_map(|packet| match packet.transport {
            Some(etherparse::TransportSlice::Tcp(tcp)) => Some(tcp),
            _ => None,
        })
        .find(|tcp| tcp.source_port() == PORT && tcp.syn())
        .expect("a SYN to the device")
        .sequence_number();
    let mut answer = syn(PORT);
    (answer.ack, answer.acknowledgment_number) = (true, number.wrapping_add(1));
    stack.cable.to_box.push_back(tcp_frame(answer));
    stack.step(2001);
    assert_eq!(stack.states(), [State::SynReceived, State::Established]);
    assert_eq!(stack.counters, Counters::default());
}
