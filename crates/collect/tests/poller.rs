//! One device through every fault: what is asked, when, and what leaves as samples.

use std::net::Ipv4Addr;

use noreturn_collect::modbus::{Action, Poller};
use noreturn_collect::{Now, Output, Sample};
use noreturn_image_format::config::modbus::{Device, Encoding, Function, Point, Read, WordOrder};
use noreturn_wire::{Counter, Counters, Fault, Quality, TimeQuality, Value};

const STATUS: u32 = 0;
const LEVEL: u32 = 1;
const FLOW: u32 = 2;
const PUMP: u32 = 3;
const CLOCK_AHEAD_US: u64 = 1_700_000_000_000_000;

const REGISTERS_REPLY: [u8; 6] = [0x3f, 0xc0, 0, 0, 0, 7];

fn device() -> Device {
    let level = Point { source: LEVEL, offset: 0, encoding: Encoding::F32(WordOrder::HighFirst), scale: 1.0 };
    let flow = Point { source: FLOW, offset: 2, encoding: Encoding::U16, scale: 1.0 };
    let pump = Point { source: PUMP, offset: 0, encoding: Encoding::Bit, scale: 1.0 };
    let registers = Read {
        function: Function::InputRegisters,
        address: 10,
        count: 3,
        period_ms: 100,
        points: vec![level, flow],
    };
    let coils = Read { function: Function::Coils, address: 0, count: 1, period_ms: 100, points: vec![pump] };
    Device {
        name: "plc-1".into(),
        address: Ipv4Addr::LOCALHOST,
        mac: None,
        port: 502,
        unit: 1,
        timeout_ms: 50,
        backoff_ms_min: 10,
        backoff_ms_max: 40,
        status: STATUS,
        reads: vec![registers, coils],
    }
}

#[derive(Default)]
struct Seen {
    samples: Vec<Sample>,
    counters: Counters,
}

impl Output for Seen {
    fn sample(&mut self, sample: Sample) {
        self.samples.push(sample);
    }

    fn count(&mut self, counter: Counter, by: u64) {
        self.counters.add(counter, by);
    }
}

/// A poller on virtual time.
struct Bench {
    poller: Poller,
    seen: Seen,
    ms: u64,
}

impl Bench {
    fn new() -> Self {
        Self { poller: Poller::new(device(), 0), seen: Seen::default(), ms: 0 }
    }

    /// With the connection established and the registers asked for.
    fn asked() -> Self {
        let mut bench = Self::new();
        assert_eq!(bench.poll(), [Action::Connect]);
        bench.poller.handle_connected();
        assert_eq!(bench.poll(), [ask(1, Function::InputRegisters)]);
        bench
    }

    /// With both reads answered once and nothing due.
    fn well() -> Self {
        let mut bench = Self::asked();
        bench.bytes(&reply(1, 4, &REGISTERS_REPLY));
        assert_eq!(bench.poll(), [ask(2, Function::Coils)]);
        bench.bytes(&reply(2, 1, &[1]));
        assert_eq!(bench.poll(), []);
        bench.news();
        bench
    }

    fn now(&self) -> Now {
        // Another quality at every time, so that a sample with that of another time is noticed.
        let time_quality = TimeQuality::from_byte(self.ms as u8);
        Now { uptime_us: self.ms * 1000, clock_us: CLOCK_AHEAD_US + self.ms * 1000, time_quality }
    }

    fn at(&mut self, ms: u64) -> Vec<Action> {
        self.ms = ms;
        self.poll()
    }

    fn poll(&mut self) -> Vec<Action> {
        std::iter::from_fn(|| self.poller.poll(self.now(), &mut self.seen)).collect()
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.poller.handle_bytes(bytes, self.now(), &mut self.seen);
    }

    fn refused(&mut self) {
        self.poller.handle_refused(self.now(), &mut self.seen);
    }

    fn closed(&mut self) {
        self.poller.handle_closed(self.now(), &mut self.seen);
    }

    /// What was sampled since the last call; all of it at the present time.
    fn news(&mut self) -> Vec<(u32, Quality, Value)> {
        let now = self.now();
        let told = |sample: Sample| {
            assert_eq!((sample.acquired_us, sample.time_quality), (now.clock_us, now.time_quality));
            (sample.source.0, sample.quality, sample.value)
        };
        self.seen.samples.drain(..).map(told).collect()
    }

    fn count(&self, counter: Counter) -> u64 {
        self.seen.counters.get(counter)
    }
}

fn ask(transaction: u8, function: Function) -> Action {
    let [address, count] = if function == Function::Coils { [0, 1] } else { [10, 3] };
    Action::Send([0, transaction, 0, 0, 0, 6, 1, function as u8, 0, address, 0, count])
}

fn reply(transaction: u8, function: u8, data: &[u8]) -> Vec<u8> {
    let count = data.len() as u8;
    [&[0, transaction, 0, 0, 0, count + 3, 1, function, count], data].concat()
}

fn exception(transaction: u8, function: u8, code: u8) -> Vec<u8> {
    vec![0, transaction, 0, 0, 0, 3, 1, function | 0x80, code]
}

fn good(source: u32, value: Value) -> (u32, Quality, Value) {
    (source, Quality::Good, value)
}

fn bad(source: u32, fault: Fault) -> (u32, Quality, Value) {
    (source, Quality::Bad(fault), Value::None)
}

fn down(fault: Fault) -> (u32, Quality, Value) {
    (STATUS, Quality::Bad(fault), Value::Bool(false))
}

fn up() -> (u32, Quality, Value) {
    good(STATUS, Value::Bool(true))
}

fn registers() -> [(u32, Quality, Value); 2] {
    [good(LEVEL, Value::F64(1.5)), good(FLOW, Value::U64(7))]
}

#[test]
fn good_replies_become_values_in_configured_order() {
    let mut bench = Bench::asked();
    bench.bytes(&reply(1, 4, &REGISTERS_REPLY));
    assert_eq!(bench.news(), [registers().to_vec(), vec![up()]].concat());
    assert_eq!(bench.poll(), [ask(2, Function::Coils)]);
    bench.bytes(&reply(2, 1, &[1]));
    assert_eq!(bench.news(), [good(PUMP, Value::Bool(true))]);
    assert_eq!(bench.poll(), []);
    assert_eq!(bench.poller.poll_at(), 100_000);
    assert_eq!(bench.at(100), [ask(3, Function::InputRegisters)]);
    assert_eq!((bench.count(Counter::ModbusRequests), bench.count(Counter::ModbusReplies)), (3, 2));
}

#[test]
fn a_reply_one_byte_at_a_time_is_the_same_reply() {
    let mut bench = Bench::asked();
    for byte in reply(1, 4, &REGISTERS_REPLY) {
        assert_eq!(bench.news(), []);
        bench.bytes(&[byte]);
    }
    assert_eq!(bench.news(), [registers().to_vec(), vec![up()]].concat());
}

#[test]
fn polls_keep_their_phase_however_late_replies_are() {
    let mut bench = Bench::well();
    assert_eq!(bench.at(107), [ask(3, Function::InputRegisters)]);
    bench.ms = 140;
    bench.bytes(&reply(3, 4, &REGISTERS_REPLY));
    assert_eq!(bench.poll(), [ask(4, Function::Coils)]);
    bench.bytes(&reply(4, 1, &[0]));
    assert_eq!(bench.poll(), []);
    assert_eq!(bench.poller.poll_at(), 200_000);
    assert_eq!(bench.count(Counter::ModbusPollsSkipped), 0);
}

#[test]
fn an_overdue_read_is_skipped_and_counted_and_keeps_its_turn() {
    let mut device = device();
    device.timeout_ms = 1000;
    let mut bench = Bench { poller: Poller::new(device, 0), ..Bench::new() };
    bench.poll();
    bench.poller.handle_connected();
    assert_eq!(bench.poll(), [ask(1, Function::InputRegisters)]);
    // 100 and 200 ms pass: the registers are under way, the coils overdue.
    assert_eq!(bench.at(250), []);
    assert_eq!(bench.count(Counter::ModbusPollsSkipped), 4);
    bench.bytes(&reply(1, 4, &REGISTERS_REPLY));
    assert_eq!(bench.poll(), [ask(2, Function::Coils)]);
    bench.bytes(&reply(2, 1, &[0]));
    assert_eq!(bench.poll(), []);
    assert_eq!(bench.poller.poll_at(), 300_000);
    assert_eq!(bench.count(Counter::ModbusRequests), 2);
}

#[test]
fn a_connection_that_times_out_makes_everything_bad_once() {
    let mut bench = Bench::new();
    assert_eq!(bench.poll(), [Action::Connect]);
    assert_eq!(bench.poller.poll_at(), 50_000);
    assert_eq!(bench.at(50), [Action::Close]);
    let fault = Fault::ConnectTimeout;
    assert_eq!(bench.news(), [down(fault), bad(LEVEL, fault), bad(FLOW, fault), bad(PUMP, fault)]);
    assert_eq!(bench.at(60), [Action::Connect]);
    assert_eq!(bench.at(110), [Action::Close]);
    assert_eq!(bench.news(), []);
    assert_eq!(bench.count(Counter::ModbusConnectTimeout), 2);
    // Each of the two reads came due again at 100 ms.
    assert_eq!(bench.count(Counter::ModbusPollsSkipped), 2);
}

#[test]
fn another_fault_is_news() {
    let mut bench = Bench::new();
    bench.poll();
    bench.refused();
    let fault = Fault::ConnectRefused;
    assert_eq!(bench.news(), [down(fault), bad(LEVEL, fault), bad(FLOW, fault), bad(PUMP, fault)]);
    assert_eq!(bench.poll(), [Action::Close]);
    assert_eq!(bench.at(10), [Action::Connect]);
    assert_eq!(bench.at(60), [Action::Close]);
    let fault = Fault::ConnectTimeout;
    assert_eq!(bench.news(), [down(fault), bad(LEVEL, fault), bad(FLOW, fault), bad(PUMP, fault)]);
    assert_eq!(bench.count(Counter::ModbusConnectRefused), 1);
}

#[test]
fn a_reset_while_connecting_is_a_refusal() {
    let mut bench = Bench::new();
    bench.poll();
    bench.closed();
    assert_eq!(bench.news()[0], down(Fault::ConnectRefused));
}

#[test]
fn pauses_double_and_a_reply_resets_them() {
    let mut bench = Bench::new();
    let mut connect_at_ms = 0;
    for pause_ms in [10, 20, 40, 40] {
        assert_eq!(bench.at(connect_at_ms), [Action::Connect]);
        bench.refused();
        assert_eq!(bench.poll(), [Action::Close]);
        connect_at_ms += pause_ms;
    }
    assert_eq!(bench.at(connect_at_ms), [Action::Connect]);
    bench.poller.handle_connected();
    assert_eq!(bench.poll(), [ask(1, Function::InputRegisters)]);
    bench.bytes(&reply(1, 4, &REGISTERS_REPLY));
    bench.closed();
    assert_eq!(bench.poll(), [Action::Close]);
    assert_eq!(bench.at(connect_at_ms + 9), []);
    assert_eq!(bench.at(connect_at_ms + 10), [Action::Connect]);
}

#[test]
fn a_reply_timeout_costs_the_connection_and_only_the_read_that_was_asked() {
    let mut bench = Bench::asked();
    assert_eq!(bench.at(49), []);
    assert_eq!(bench.at(50), [Action::Close]);
    let fault = Fault::ReplyTimeout;
    assert_eq!(bench.news(), [down(fault), bad(LEVEL, fault), bad(FLOW, fault)]);
    assert_eq!(bench.at(60), [Action::Connect]);
    bench.poller.handle_connected();
    // The registers wait for their next turn, the coils have not had theirs.
    assert_eq!(bench.poll(), [ask(2, Function::Coils)]);
    assert_eq!(bench.count(Counter::ModbusReplyTimeout), 1);
}

#[test]
fn a_reply_that_stops_half_way_times_out() {
    let mut bench = Bench::asked();
    bench.bytes(&reply(1, 4, &REGISTERS_REPLY)[..14]);
    assert_eq!(bench.at(50), [Action::Close]);
    assert_eq!(bench.news()[0], down(Fault::ReplyTimeout));
    // Its last byte is not taken for the start of anything.
    bench.bytes(&[7]);
    assert_eq!(bench.at(60), [Action::Connect]);
    bench.poller.handle_connected();
    assert_eq!(bench.poll(), [ask(2, Function::Coils)]);
    bench.bytes(&reply(2, 1, &[1]));
    assert_eq!(bench.news(), [good(PUMP, Value::Bool(true)), up()]);
}

#[test]
fn a_late_reply_is_never_taken_for_the_present_one() {
    let mut bench = Bench::well();
    assert_eq!(bench.at(100), [ask(3, Function::InputRegisters)]);
    assert_eq!(bench.at(150), [Action::Close]);
    bench.bytes(&reply(3, 4, &REGISTERS_REPLY));
    assert_eq!(bench.at(160), [Action::Connect]);
    bench.poller.handle_connected();
    assert_eq!(bench.poll(), [ask(4, Function::Coils)]);
    bench.bytes(&reply(4, 1, &[0]));
    assert_eq!(bench.at(200), [ask(5, Function::InputRegisters)]);
    bench.seen.samples.clear();
    bench.bytes(&reply(3, 4, &REGISTERS_REPLY));
    let fault = Fault::WrongReply;
    assert_eq!(bench.news(), [down(fault), bad(LEVEL, fault), bad(FLOW, fault)]);
    assert_eq!(bench.poll(), [Action::Close]);
}

#[test]
fn the_device_closing_is_a_disconnection() {
    let mut bench = Bench::asked();
    bench.closed();
    let fault = Fault::Disconnected;
    assert_eq!(bench.news(), [down(fault), bad(LEVEL, fault), bad(FLOW, fault)]);
    assert_eq!(bench.poll(), [Action::Close]);
    assert_eq!(bench.count(Counter::ModbusDisconnected), 1);
}

#[test]
fn a_disconnection_between_polls_spoils_only_what_comes_due() {
    let mut bench = Bench::well();
    bench.ms = 30;
    bench.closed();
    assert_eq!(bench.news(), [down(Fault::Disconnected)]);
    assert_eq!(bench.poll(), [Action::Close]);
    assert_eq!(bench.at(40), [Action::Connect]);
    assert_eq!(bench.at(90), [Action::Close]);
    assert_eq!(bench.news(), [down(Fault::ConnectTimeout)]);
    assert_eq!(bench.at(110), [Action::Connect]);
    bench.refused();
    let fault = Fault::ConnectRefused;
    assert_eq!(bench.news(), [down(fault), bad(LEVEL, fault), bad(FLOW, fault), bad(PUMP, fault)]);
}

#[test]
fn a_read_that_comes_due_again_in_an_outage_is_bad() {
    let mut device = device();
    (device.backoff_ms_min, device.backoff_ms_max) = (1000, 1000);
    let mut bench = Bench { poller: Poller::new(device, 0), ..Bench::new() };
    bench.poll();
    bench.poller.handle_connected();
    bench.poll();
    bench.closed();
    let fault = Fault::Disconnected;
    assert_eq!(bench.news(), [down(fault), bad(LEVEL, fault), bad(FLOW, fault)]);
    assert_eq!(bench.poll(), [Action::Close]);
    assert_eq!(bench.at(100), []);
    assert_eq!(bench.news(), [bad(PUMP, fault)]);
    bench.at(900);
    assert_eq!(bench.news(), []);
}

#[test]
fn an_exception_spoils_one_read_and_keeps_the_connection() {
    let mut bench = Bench::asked();
    bench.bytes(&exception(1, 4, 2));
    let fault = Fault::Exception(2);
    assert_eq!(bench.news(), [bad(LEVEL, fault), bad(FLOW, fault), up()]);
    assert_eq!(bench.poll(), [ask(2, Function::Coils)]);
    bench.bytes(&reply(2, 1, &[1]));
    assert_eq!(bench.news(), [good(PUMP, Value::Bool(true))]);
    assert_eq!(bench.at(100), [ask(3, Function::InputRegisters)]);
    bench.bytes(&exception(3, 4, 2));
    assert_eq!(bench.news(), []);
    assert_eq!((bench.count(Counter::ModbusException), bench.count(Counter::ModbusReplies)), (2, 1));
}

#[test]
fn the_same_fault_after_a_good_reply_is_news() {
    let mut bench = Bench::asked();
    for (ms, transaction) in [(0, 1), (200, 5)] {
        bench.at(ms);
        bench.bytes(&exception(transaction, 4, 6));
        bench.poll();
        bench.bytes(&reply(transaction + 1, 1, &[1]));
        let fault = Fault::Exception(6);
        assert_eq!(bench.news().get(..2), Some(&[bad(LEVEL, fault), bad(FLOW, fault)][..]));
        bench.at(ms + 100);
        bench.bytes(&reply(transaction + 2, 4, &REGISTERS_REPLY));
        bench.poll();
        bench.bytes(&reply(transaction + 3, 1, &[1]));
        assert_eq!(bench.news(), [registers().to_vec(), vec![good(PUMP, Value::Bool(true))]].concat());
    }
}

#[test]
fn short_and_wrong_replies_cost_the_connection() {
    let short = reply(1, 4, &REGISTERS_REPLY[..4]);
    let wrong = reply(1, 3, &REGISTERS_REPLY);
    let no_header = vec![0, 1, 0, 0, 0xff, 0xff, 1];
    for (bytes, fault, counter) in [
        (short, Fault::ShortReply, Counter::ModbusShortReply),
        (wrong, Fault::WrongReply, Counter::ModbusWrongReply),
        (no_header, Fault::WrongReply, Counter::ModbusWrongReply),
    ] {
        let mut bench = Bench::asked();
        bench.bytes(&bytes);
        assert_eq!(bench.news(), [down(fault), bad(LEVEL, fault), bad(FLOW, fault)]);
        assert_eq!(bench.poll(), [Action::Close]);
        assert_eq!(bench.count(counter), 1);
    }
}

#[test]
fn bytes_that_nobody_asked_for_are_a_wrong_reply() {
    let mut bench = Bench::well();
    bench.bytes(&[0]);
    assert_eq!(bench.news(), [down(Fault::WrongReply)]);
    assert_eq!(bench.poll(), [Action::Close]);
}

#[test]
fn bytes_after_a_good_reply_do_not_spoil_it_but_cost_the_connection() {
    let mut bench = Bench::asked();
    bench.bytes(&[reply(1, 4, &REGISTERS_REPLY), vec![0]].concat());
    let expected = [registers().to_vec(), vec![up(), down(Fault::WrongReply)]].concat();
    assert_eq!(bench.news(), expected);
    assert_eq!(bench.poll(), [Action::Close]);
}

#[test]
fn a_float_that_is_no_number_is_bad_alone() {
    let mut bench = Bench::asked();
    bench.bytes(&reply(1, 4, &[0x7f, 0xc0, 0, 0, 0, 7]));
    assert_eq!(bench.news(), [bad(LEVEL, Fault::NotANumber), good(FLOW, Value::U64(7)), up()]);
    assert_eq!((bench.count(Counter::ModbusNotANumber), bench.count(Counter::ModbusReplies)), (1, 1));
}

#[test]
fn recovery_is_told_once() {
    let mut bench = Bench::new();
    bench.poll();
    bench.refused();
    bench.news();
    bench.poll();
    assert_eq!(bench.at(10), [Action::Connect]);
    bench.poller.handle_connected();
    assert_eq!(bench.news(), []);
    assert_eq!(bench.poll(), [ask(1, Function::InputRegisters)]);
    bench.bytes(&reply(1, 4, &REGISTERS_REPLY));
    assert_eq!(bench.news(), [registers().to_vec(), vec![up()]].concat());
    bench.poll();
    bench.bytes(&reply(2, 1, &[1]));
    assert_eq!(bench.news(), [good(PUMP, Value::Bool(true))]);
}

#[test]
fn reports_about_a_connection_that_was_given_up_are_ignored() {
    let mut bench = Bench::asked();
    bench.at(50);
    bench.news();
    bench.poller.handle_connected();
    bench.refused();
    bench.closed();
    bench.bytes(&reply(1, 4, &REGISTERS_REPLY));
    assert_eq!(bench.news(), []);
    assert_eq!(bench.poll(), []);
    assert_eq!(bench.at(60), [Action::Connect]);
}
