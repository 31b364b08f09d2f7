//! The network stack alone, as `kernel-app/prepare` edits it, without the packet filter in front.

#[path = "common/cable.rs"]
mod cable;

use std::net::Ipv4Addr;

use cable::Cable;
use etherparse::PacketBuilder;
use smoltcp::iface::{Config, Interface, SocketSet};
use smoltcp::socket::tcp::{Socket, SocketBuffer, State};
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, IpCidr};

const OWN: ([u8; 6], Ipv4Addr) = ([2, 0, 0, 0, 0, 2], Ipv4Addr::new(10, 0, 0, 2));
const DEVICE: ([u8; 6], Ipv4Addr) = ([2, 0, 0, 0, 0, 9], Ipv4Addr::new(10, 0, 0, 9));
const PORT: u16 = 49_200;

/// A simultaneous open while this side's SYN waits for the neighbour, for which smoltcp 0.14.0 as published panics.
#[test]
fn a_bare_syn_to_a_port_that_connects_does_not_panic() {
    let mut cable = Cable::default();
    let mut interface =
        Interface::new(Config::new(EthernetAddress(OWN.0).into()), &mut cable, Instant::from_millis(0));
    interface.update_ip_addrs(|own| own.push(IpCidr::new(OWN.1.into(), 24)).expect("the list is empty"));
    let mut sockets = SocketSet::new(Vec::new());
    let mut client = Socket::new(SocketBuffer::new(vec![0; 1024]), SocketBuffer::new(vec![0; 1024]));
    client.connect(interface.context(), (DEVICE.1, 502), PORT).expect("it is closed");
    let client = sockets.add(client);
    let mut syn = Vec::new();
    let packet = PacketBuilder::ethernet2(DEVICE.0, OWN.0).ipv4(DEVICE.1.octets(), OWN.1.octets(), 64);
    packet.tcp(502, PORT, 7, 65_535).syn().write(&mut syn, &[]).expect("a vector takes it");
    for ms in 0..5000 {
        let now = Instant::from_millis(ms);
        if ms == 1 {
            cable.received.push_back(syn.clone());
        }
        interface.poll(now, &mut cable, &mut sockets);
        interface.poll_at(now, &sockets);
    }
    assert_eq!(sockets.get::<Socket<'_>>(client).state(), State::SynReceived);
}
