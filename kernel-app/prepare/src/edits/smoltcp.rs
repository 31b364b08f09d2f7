//! Our edits to smoltcp 0.14.0.

use crate::edit::Edit;

const UNDERFLOW: &str = "a segment beyond the window that was told last must not panic";
const SEQUENCE: &str =
    "initial sequence numbers by RFC 6528, from the caller: those of a small generator give its state away";

/// In the order of application.
pub const EDITS: &[Edit] = &[
    // The difference panics below zero, in release builds, too. It is below zero after a SYN without ACK in SYN-SENT
    // (simultaneous open, RFC 9293, section 3.5) before this side's SYN has told a window: then none is left.
    Edit {
        file: "src/socket/tcp.rs",
        old: "        let last_win_adjusted = last_ack + last_win - next_ack;
",
        new: "        let last_win_end = last_ack + last_win;
        let last_win_adjusted = if last_win_end > next_ack {
            last_win_end - next_ack
        } else {
            0
        };
",
        count: 1,
        reason: UNDERFLOW,
    },
    Edit {
        file: "src/iface/mod.rs",
        old: "    Config, Interface, InterfaceInner as Context,",
        new: "    Config, InitialSequence, Interface, InterfaceInner as Context,",
        count: 1,
        reason: SEQUENCE,
    },
    Edit {
        file: "src/iface/interface/mod.rs",
        old: "/// Configuration structure used for creating a network interface.
#[non_exhaustive]
pub struct Config {
",
        new: "/// Computes the initial sequence number of a TCP connection.
#[derive(Clone, Copy)]
pub struct InitialSequence {
    /// Secret for the function.
    pub key: [u8; 64],
    /// From the key, the local and the remote endpoint, and the present.
    pub function: fn(&[u8; 64], IpEndpoint, IpEndpoint, Instant) -> u32,
}

/// Configuration structure used for creating a network interface.
#[non_exhaustive]
pub struct Config {
    /// Computes initial sequence numbers.
    pub initial_sequence: InitialSequence,

",
        count: 1,
        reason: SEQUENCE,
    },
    // An argument, so that nobody can forget it.
    Edit {
        file: "src/iface/interface/mod.rs",
        old: "    pub fn new(hardware_addr: HardwareAddress) -> Self {
        Config {
",
        new: "    pub fn new(hardware_addr: HardwareAddress, initial_sequence: InitialSequence) -> Self {
        Config {
            initial_sequence,
",
        count: 1,
        reason: SEQUENCE,
    },
    Edit {
        file: "src/iface/interface/mod.rs",
        old: "    now: Instant,
    rand: Rand,
",
        new: "    now: Instant,
    rand: Rand,
    pub(crate) initial_sequence: InitialSequence,
",
        count: 1,
        reason: SEQUENCE,
    },
    Edit {
        file: "src/iface/interface/mod.rs",
        old: "            inner: InterfaceInner {
                now,
",
        new: "            inner: InterfaceInner {
                now,
                initial_sequence: config.initial_sequence,
",
        count: 1,
        reason: SEQUENCE,
    },
    Edit {
        file: "src/socket/tcp.rs",
        old: "    fn random_seq_no(cx: &mut Context) -> TcpSeqNumber {
        TcpSeqNumber(cx.rand().rand_u32() as i32)
    }
",
        new: "    fn random_seq_no(cx: &mut Context, local: IpEndpoint, remote: IpEndpoint) -> TcpSeqNumber {
        let InitialSequence { key, function } = cx.initial_sequence;
        TcpSeqNumber(function(&key, local, remote, cx.now()) as i32)
    }
",
        count: 1,
        reason: SEQUENCE,
    },
    Edit {
        file: "src/socket/tcp.rs",
        old: "    fn random_seq_no(_cx: &mut Context) -> TcpSeqNumber {
",
        new: "    fn random_seq_no(_: &mut Context, _: IpEndpoint, _: IpEndpoint) -> TcpSeqNumber {
",
        count: 1,
        reason: SEQUENCE,
    },
    Edit {
        file: "src/socket/tcp.rs",
        old: "        let seq = Self::random_seq_no(cx);
",
        new: "        let seq = Self::random_seq_no(cx, local_endpoint, remote_endpoint);
",
        count: 1,
        reason: SEQUENCE,
    },
    Edit {
        file: "src/socket/tcp.rs",
        old: "                self.local_seq_no = Self::random_seq_no(cx);
",
        new: "                self.local_seq_no = Self::random_seq_no(
                    cx,
                    IpEndpoint::new(ip_repr.dst_addr(), repr.dst_port),
                    IpEndpoint::new(ip_repr.src_addr(), repr.src_port),
                );
",
        count: 1,
        reason: SEQUENCE,
    },
    Edit {
        file: "src/socket/tcp.rs",
        old: "use crate::phy::PacketMeta;
",
        new: "use crate::iface::InitialSequence;
use crate::phy::PacketMeta;
",
        count: 1,
        reason: SEQUENCE,
    },
];
