//! Time limits: nobody keeps a connection for nothing.

mod common;

use common::{SECOND_US, config, facts, plain};
use noreturn_status::connection::Verdict;
use noreturn_status::http::Http;
use noreturn_status::modbus::Modbus;
use noreturn_status::{Connection, Panel, Server};
use noreturn_wire::{Counter, Counters};

const READ: [u8; 12] = [0, 1, 0, 0, 0, 6, 1, 3, 0, 0, 0, 1];

struct Client<S> {
    connection: Connection<S>,
    panel: Panel,
    counters: Counters,
}

impl<S: Server> Client<S> {
    fn new(server: S) -> Self {
        let panel = Panel::new(facts(), &config(0, plain));
        Self { connection: Connection::new(server), panel, counters: Counters::default() }
    }

    fn verdict(&mut self, second: u64) -> Verdict {
        self.connection.verdict(true, second * SECOND_US, &mut self.counters)
    }

    fn send(&mut self, bytes: &[u8], second: u64) -> usize {
        self.connection.take(bytes, second * SECOND_US, &self.panel, &mut self.counters)
    }

    fn receive(&mut self, bytes: usize, second: u64) {
        self.connection.sent(bytes, second * SECOND_US);
    }

    fn cut(&self) -> u64 {
        self.counters.get(Counter::StatusCut)
    }
}

#[test]
fn a_connection_that_is_never_made_is_given_up() {
    let mut client = Client::new(Modbus::new());
    let mut half = |second| client.connection.verdict(false, second * SECOND_US, &mut client.counters);
    assert_eq!([half(10), half(12), half(13)], [Verdict::Keep, Verdict::Keep, Verdict::Abort]);
    assert_eq!(client.cut(), 1);
    client.connection.reset();
    assert_eq!(client.verdict(14), Verdict::Keep, "the next one has its own time");
}

#[test]
fn an_idle_modbus_client_is_let_go_without_blame() {
    let mut client = Client::new(Modbus::new());
    assert_eq!((client.verdict(0), client.verdict(59)), (Verdict::Keep, Verdict::Keep));
    assert_eq!(client.send(&READ, 59), 12);
    client.receive(client.connection.pending().len(), 59);
    assert_eq!((client.verdict(118), client.verdict(119)), (Verdict::Keep, Verdict::Abort));
    assert_eq!(client.cut(), 0);
}

#[test]
fn bytes_that_make_no_request_win_no_time() {
    let mut client = Client::new(Modbus::new());
    client.verdict(0);
    for second in 0..11 {
        assert_eq!(
            (client.verdict(second), client.send(&READ[second as usize..][..1], second)),
            (Verdict::Keep, 1)
        );
    }
    assert_eq!((client.verdict(59), client.verdict(60)), (Verdict::Keep, Verdict::Abort));
    assert_eq!(client.cut(), 1);
}

#[test]
fn an_answer_that_is_not_taken_stops_further_requests_and_then_the_connection() {
    let mut client = Client::new(Modbus::new());
    client.verdict(0);
    assert_eq!(client.send(&[READ, READ].concat(), 1), 12);
    assert_eq!(client.send(&READ, 2), 0, "one at a time");
    client.receive(1, 3);
    assert_eq!(client.send(&READ, 4), 0, "one at a time");
    assert_eq!((client.verdict(60), client.verdict(61)), (Verdict::Keep, Verdict::Abort));
    assert_eq!(client.cut(), 1);
}

#[test]
fn a_malformed_request_closes() {
    let mut client = Client::new(Modbus::new());
    client.verdict(0);
    assert_eq!(client.send(&[0, 0, 9, 9, 0, 6, 1, 3], 0), 6);
    assert_eq!(client.verdict(1), Verdict::Close);
    assert_eq!(client.send(&READ, 1), 12, "what follows is dropped");
    assert!(client.connection.pending().is_empty());
    assert_eq!(client.verdict(60), Verdict::Abort, "a client that does not close either");
}

#[test]
fn a_page_is_sent_and_closed_and_its_reader_has_ten_seconds() {
    let mut client = Client::new(Http::new());
    client.verdict(0);
    client.send(b"GET / HTTP/1.1\r\n\r\n", 1);
    let bytes = client.connection.pending().len();
    assert_eq!(client.verdict(2), Verdict::Keep);
    client.receive(bytes - 1, 3);
    assert_eq!((client.verdict(10), client.verdict(11)), (Verdict::Keep, Verdict::Abort));
    assert_eq!(client.cut(), 1);

    let mut client = Client::new(Http::new());
    client.verdict(0);
    client.send(b"GET / HTTP/1.1\r\n\r\n", 1);
    client.receive(client.connection.pending().len(), 2);
    assert_eq!((client.verdict(3), client.verdict(12)), (Verdict::Close, Verdict::Abort));
    assert_eq!(client.cut(), 0, "it had its page");
}

#[test]
fn after_a_reset_nothing_is_left_of_the_connection_before() {
    let mut client = Client::new(Http::new());
    client.verdict(0);
    client.send(b"GET /nothing HTT", 1);
    client.connection.reset();
    client.verdict(2);
    client.send(b"GET / HTTP/1.1\r\n\r\n", 2);
    assert!(client.connection.pending().starts_with(b"HTTP/1.1 200"));
    client.connection.reset();
    assert!(client.connection.pending().is_empty());
}
