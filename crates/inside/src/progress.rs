//! Whether a packet shows that what was sent to its sender arrives there: forward progress (RFC 4861, section 7.3.1).

use smoltcp::iface::{SocketHandle, SocketSet};
use smoltcp::socket::Socket;
use smoltcp::socket::tcp::State;
use smoltcp::wire::{IpAddress, IpEndpoint, IpProtocol, Ipv4Packet, TcpPacket, UdpPacket};

/// How far a socket had come with its peer before a packet was taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Progress {
    socket: SocketHandle,
    reached: Reached,
    /// A SYN of a connection that exists.
    pub is_repeated_syn: bool,
}

#[derive(Clone, Copy, Debug)]
struct Reached {
    /// A connection is being made.
    is_opening: bool,
    /// Bytes that wait to be read.
    received: usize,
    /// Bytes that the peer has not acknowledged.
    unacknowledged: usize,
}

impl Progress {
    /// To be called before `packet` is taken; nothing if it is for no socket that talks with its sender.
    pub fn before(packet: &[u8], sockets: &SocketSet<'_>) -> Option<Self> {
        let packet = Ipv4Packet::new_checked(packet).ok()?;
        let source = IpAddress::Ipv4(packet.src_addr());
        let mut is_syn = false;
        let (socket, item) = match packet.next_header() {
            IpProtocol::Tcp => {
                let segment = TcpPacket::new_checked(packet.payload()).ok()?;
                let remote = IpEndpoint::new(source, segment.src_port());
                is_syn = segment.syn() && !segment.ack();
                sockets.iter().find(|(_, socket)| is_connection(socket, remote, segment.dst_port()))?
            }
            IpProtocol::Udp => {
                let datagram = UdpPacket::new_checked(packet.payload()).ok()?;
                sockets.iter().find(|(_, socket)| is_bound(socket, datagram.dst_port()))?
            }
            _ => return None,
        };
        Some(Self { socket, reached: reached(item), is_repeated_syn: is_syn })
    }

    /// Whether the packet that was taken since opened the connection, brought data that is new, or acknowledged some; or
    /// was a datagram for a port that asks.
    pub fn is_made(&self, sockets: &SocketSet<'_>) -> bool {
        let before = self.reached;
        let now = sockets.iter().find(|(socket, _)| *socket == self.socket).map(|(_, item)| reached(item));
        now.is_some_and(|now| {
            before.is_opening && !now.is_opening
                || now.received > before.received
                || now.unacknowledged < before.unacknowledged
        })
    }
}

/// Whether a UDP socket has this port of ours.
pub(crate) fn is_bound(socket: &Socket<'_>, port: u16) -> bool {
    matches!(socket, Socket::Udp(socket) if socket.endpoint().port == port)
}

fn is_connection(socket: &Socket<'_>, remote: IpEndpoint, port: u16) -> bool {
    let Socket::Tcp(socket) = socket else { return false };
    socket.remote_endpoint() == Some(remote)
        && socket.local_endpoint().is_some_and(|local| local.port == port)
}

fn reached(socket: &Socket<'_>) -> Reached {
    match socket {
        Socket::Tcp(socket) => Reached {
            is_opening: matches!(socket.state(), State::SynSent | State::SynReceived),
            received: socket.recv_queue(),
            unacknowledged: socket.send_queue(),
        },
        Socket::Udp(socket) => {
            Reached { is_opening: false, received: socket.recv_queue(), unacknowledged: 0 }
        }
    }
}
