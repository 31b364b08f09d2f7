//! The network stack alone, as `kernel-app/prepare` edits it, without the packet filter in front.

mod common;

use common::{Cable, DEVICE, interface, tcp_frame};
use etherparse::TcpHeader;
use smoltcp::iface::SocketSet;
use smoltcp::socket::tcp::{Socket, SocketBuffer, State};
use smoltcp::time::Instant;

const PORT: u16 = 49_200;

/// A simultaneous open while this side's SYN waits for the neighbour, for which smoltcp 0.14.0 as published panics.
#[test]
fn a_bare_syn_to_a_port_that_connects_does_not_panic() {
    let mut cable = Cable::default();
    let mut interface = interface(&mut cable);
    let mut sockets = SocketSet::new(Vec::new());
    let mut client = Socket::new(SocketBuffer::new(vec![0; 1024]), SocketBuffer::new(vec![0; 1024]));
    client.connect(interface.context(), (DEVICE.1, 502), PORT).expect("it is closed");
    let client = sockets.add(client);
    let mut syn = TcpHeader::new(502, PORT, 7, 65_535);
    syn.syn = true;
    for ms in 0..5000 {
        let now = Instant::from_millis(ms);
        if ms == 1 {
            cable.to_box.push_back(tcp_frame(syn.clone()));
        }
        interface.poll(now, &mut cable, &mut sockets);
        interface.poll_at(now, &sockets);
    }
    assert_eq!(sockets.get::<Socket<'_>>(client).state(), State::SynReceived);
}
