//! A host of the plant: Ethernet, ARP and TCP of smoltcp's own, and a Modbus server with one register.

use std::net::Ipv4Addr;

use noreturn_inside::arp::{Arp, Operation};
use noreturn_inside::ethernet::{ARP, Header, MacAddress};
use noreturn_inside::random::Secret;
use noreturn_inside::sequence::initial_sequence;
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::socket::tcp::{Socket, SocketBuffer, State};
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, IpCidr};

use super::cable::Cable;

/// Bytes of a request.
const REQUEST_BYTES: usize = 12;

/// A host.
pub struct Host {
    pub mac: MacAddress,
    pub address: Ipv4Addr,
    /// Requests that it has answered.
    pub answered: u32,
    pub is_on: bool,
    /// Whether it answers ARP.
    pub answers_arp: bool,
    /// What its register holds.
    pub value: u16,
    cable: Cable,
    interface: Interface,
    sockets: SocketSet<'static>,
    socket: SocketHandle,
    poll_at: Instant,
}

impl Host {
    pub fn new(mac: MacAddress, address: Ipv4Addr, value: u16) -> Self {
        let mut cable = Cable::default();
        let config = Config::new(EthernetAddress(mac).into(), initial_sequence(Secret([1; 64])));
        let mut interface = Interface::new(config, &mut cable, Instant::ZERO);
        interface
            .update_ip_addrs(|own| own.push(IpCidr::new(address.into(), 16)).expect("the list is empty"));
        let buffer = || SocketBuffer::new(vec![0; 256]);
        let mut sockets = SocketSet::new(Vec::new());
        let socket = sockets.add(Socket::new(buffer(), buffer()));
        let poll_at = Instant::ZERO;
        let (is_on, answers_arp) = (true, true);
        Self {
            mac,
            address,
            answered: 0,
            is_on,
            answers_arp,
            value,
            cable,
            interface,
            sockets,
            socket,
            poll_at,
        }
    }

    /// Switched off, it forgets its connection.
    pub fn switch(&mut self, is_on: bool) {
        if self.is_on != is_on {
            *self = Self { answered: self.answered, is_on, ..Self::new(self.mac, self.address, self.value) };
        }
    }

    /// Resets its connection.
    pub fn disconnect(&mut self) {
        self.sockets.get_mut::<Socket<'_>>(self.socket).abort();
        self.poll_at = Instant::ZERO;
    }

    /// A frame on the wire, for whomever; taken if it is for this host.
    pub fn hear(&mut self, frame: &[u8]) {
        if self.is_on && (self.answers_arp || !is_arp_request(frame)) {
            self.cable.received.push_back(frame.to_vec());
        }
    }

    /// Does what is due; the frames that it sends.
    pub fn step(&mut self, now_us: u64) -> Vec<Vec<u8>> {
        let now = Instant::from_micros(now_us as i64);
        if !self.is_on || self.cable.received.is_empty() && now < self.poll_at {
            return Vec::new();
        }
        self.interface.poll(now, &mut self.cable, &mut self.sockets);
        self.serve();
        self.interface.poll(now, &mut self.cable, &mut self.sockets);
        let forever = Instant::from_micros(i64::MAX);
        self.poll_at = self.interface.poll_at(now, &self.sockets).unwrap_or(forever);
        std::mem::take(&mut self.cable.sent)
    }

    fn serve(&mut self) {
        let socket = self.sockets.get_mut::<Socket<'_>>(self.socket);
        if matches!(socket.state(), State::Closed | State::TimeWait) {
            socket.abort();
            socket.listen(502).expect("it is closed");
        }
        let mut request = [0; REQUEST_BYTES];
        while socket.recv_queue() >= REQUEST_BYTES {
            socket.recv_slice(&mut request).expect("they are there");
            let [transaction @ .., _, _, _, _, _, _, _, _, _, _] = request;
            let mut reply = vec![transaction[0], transaction[1], 0, 0, 0, 5, request[6], request[7], 2];
            reply.extend(self.value.to_be_bytes());
            socket.send_slice(&reply).expect("it is open");
            self.answered += 1;
        }
        if socket.state() == State::CloseWait {
            socket.close();
        }
    }
}

fn is_arp_request(frame: &[u8]) -> bool {
    let arp = Header::parse(frame).filter(|(header, _)| header.ether_type == ARP);
    let arp = arp.and_then(|(_, payload)| Arp::parse(payload));
    arp.is_some_and(|arp| arp.operation == Operation::Request)
}
