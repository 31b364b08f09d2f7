//! Listeners of the status, and clients that end in every way.

mod common;
#[path = "common/wire.rs"]
mod wire;

use std::net::Ipv4Addr;

use common::{OWN_MAC, config, mac};
use etherparse::TcpHeader;
use noreturn_inside::random::Generator;
use noreturn_inside::{Listener, Stack};
use noreturn_status::http::Http;
use noreturn_status::modbus::Modbus;
use noreturn_status::{Facts, Panel, Server};
use noreturn_wire::{BootId, Counter, Counters, DmaFence, LastStop, Release, Watchdog};
use wire::Wire;

const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 77);
const PORT: u16 = 502;
const LISTENERS: usize = 4;
const TRANSMIT_BYTES: usize = 4096;
/// More than one segment ever takes.
const STEPS_MAX: usize = 10;

struct Bed<S> {
    wire: Wire,
    stack: Stack,
    panel: Panel,
    listeners: Vec<Listener<S>>,
    counters: Counters,
    now_us: u64,
}

impl<S: Server> Bed<S> {
    fn new(server: fn() -> S) -> Self {
        let (mut wire, config) = (Wire::default(), config([]));
        let mut stack = Stack::new(&mut wire, OWN_MAC, &config, &mut Generator::new([1; 32]), 0);
        let facts = Facts {
            image_sha256: [1; 32],
            config_sha256: [2; 32],
            boot: BootId([3; 16]),
            last_stop: LastStop::Unknown,
            watchdog: Watchdog::None,
            dma_fence: DmaFence::None,
            release: Release::default(),
        };
        let listeners =
            (0..LISTENERS).map(|_| Listener::new(PORT, TRANSMIT_BYTES, server(), &mut stack)).collect();
        let panel = Panel::new(facts, &config);
        let mut bed = Self { wire, stack, panel, listeners, counters: Counters::default(), now_us: 0 };
        bed.step();
        bed
    }

    /// Steps of the inside half until nothing happens any more, which is soon.
    fn step(&mut self) {
        let ended = (0..STEPS_MAX).any(|_| !self.step_once());
        assert!(ended, "still busy after {STEPS_MAX} steps");
    }

    /// The stack, then every listener; whether anything happened.
    fn step_once(&mut self) -> bool {
        let mut busy = self.stack.poll(&mut self.wire, self.now_us, &mut self.counters);
        for listener in &mut self.listeners {
            busy |= listener.step(self.now_us, &mut self.stack, &self.panel, &mut self.counters);
        }
        busy
    }

    /// A segment of a client, which has come and been answered when this returns.
    fn hear(&mut self, header: &TcpHeader, payload: &[u8]) {
        self.wire.hear(mac(77), CLIENT, header, payload);
        self.step();
    }

    fn syn(&mut self, port: u16) -> Option<TcpHeader> {
        let mut header = TcpHeader::new(port, PORT, 7, 65_535);
        header.syn = true;
        self.hear(&header, &[]);
        self.answer(port)
    }

    fn take_segments(&mut self) -> Vec<(TcpHeader, usize)> {
        let segments = self.wire.segments();
        self.wire.from_box.clear();
        segments
    }

    /// The latest segment to the client at `port`.
    fn answer(&mut self, port: u16) -> Option<TcpHeader> {
        self.take_segments()
            .into_iter()
            .map(|(segment, _)| segment)
            .rfind(|segment| segment.destination_port == port)
    }

    /// Acknowledges what comes until the box closes, but not the close; the sequence number of that.
    fn read_all(&mut self, header: &mut TcpHeader) -> u32 {
        loop {
            let segments = self.take_segments();
            let (last, bytes) = segments.last().expect("the box goes on");
            header.acknowledgment_number = last.sequence_number.wrapping_add(*bytes as u32);
            if last.fin {
                return header.acknowledgment_number;
            }
            self.hear(header, &[]);
        }
    }

    fn reset(&mut self, port: u16) {
        let mut header = TcpHeader::new(port, PORT, 8, 65_535);
        header.rst = true;
        self.hear(&header, &[]);
    }

    /// Connects from `port` and asks for a register; the registers' answer, if one came.
    fn ask(&mut self, port: u16) -> Option<TcpHeader> {
        let opened = self.syn(port).filter(|answer| !answer.rst)?;
        self.read_register(port, &opened)
    }

    /// Asks for a register on the connection that `opened` answered; the registers' answer, if one came.
    fn read_register(&mut self, port: u16, opened: &TcpHeader) -> Option<TcpHeader> {
        let mut header = TcpHeader::new(port, PORT, 8, 65_535);
        (header.ack, header.psh) = (true, true);
        header.acknowledgment_number = opened.sequence_number.wrapping_add(1);
        self.hear(&header, &[0, 1, 0, 0, 0, 6, 1, 3, 0, 0, 0, 1]);
        self.answer(port).filter(|answer| answer.psh && !answer.rst)
    }
}

/// A scanner knocks everywhere and resets what opens, for longer than a handshake may take; nobody else is refused for that.
#[test]
fn handshakes_that_are_reset_leave_nothing_to_the_next_client() {
    let mut bed = Bed::new(Modbus::new);
    for port in 0..100 * LISTENERS as u16 {
        bed.now_us += 50_000;
        assert!(bed.syn(40_000 + port).is_some_and(|answer| answer.syn && answer.ack), "{port}");
        bed.reset(40_000 + port);
    }
    for port in 0..LISTENERS as u16 {
        bed.now_us += 1_000_000;
        assert!(bed.ask(50_000 + port).is_some(), "client {port}");
    }
}

/// Whoever goes without a word makes room when the time of a handshake is over.
#[test]
fn handshakes_that_are_never_finished_end() {
    let mut bed = Bed::new(Modbus::new);
    for port in 0..LISTENERS as u16 {
        assert!(bed.syn(40_000 + port).is_some_and(|answer| answer.syn));
    }
    assert!(bed.syn(45_000).is_some_and(|answer| answer.rst), "one more than there are listeners is refused");
    bed.now_us += 2_900_000;
    bed.step();
    assert!(bed.syn(45_001).is_some_and(|answer| answer.rst));
    bed.now_us += 200_000;
    bed.step();
    assert!(bed.ask(50_000).is_some());
}

/// A client's second SYN, late or sent again by a client in a hurry, is of the connection that the first one made.
#[test]
fn a_repeated_syn_makes_no_second_connection() {
    let mut bed = Bed::new(Modbus::new);
    let _first = bed.syn(40_000).expect("the first listener answers");
    let second = bed.syn(40_001).expect("the second listener answers");
    bed.reset(40_000);
    assert_eq!(bed.syn(40_001), None, "the first listener has taken it");
    assert_eq!(bed.counters.get(Counter::InsideSynRefused), 1);
    assert!(bed.read_register(40_001, &second).is_some());
}

/// Client and box close at the same time, and the client acknowledges the box's close by its own, sent once more, as BSD does.
#[test]
fn closes_that_cross_free_the_listener() {
    let mut bed = Bed::new(Http::new);
    for port in 40_000..40_000 + 4 * LISTENERS as u16 {
        let opened = bed.syn(port).filter(|answer| !answer.rst).expect("a listener is free");
        let mut header = TcpHeader::new(port, PORT, 8, 65_535);
        (header.ack, header.psh) = (true, true);
        header.acknowledgment_number = opened.sequence_number.wrapping_add(1);
        let request = b"GET / HTTP/1.1\r\nHost: box\r\n\r\n";
        bed.hear(&header, request);
        header.sequence_number += request.len() as u32;
        let end = bed.read_all(&mut header);
        header.fin = true;
        bed.hear(&header, &[]);
        header.acknowledgment_number = end.wrapping_add(1);
        bed.hear(&header, &[]);
    }
}
