//! One device: connects, asks what is due, times out, backs off, and tells what it got.
//!
//! The caller carries out what [`Poller::poll`] returns and reports what happens to the
//! connection. Every [`Action::Connect`] is followed by exactly one [`Action::Close`] before the
//! next; reports about a connection that has been given up are ignored.
//!
//! Outages leave as samples, each change once: a read's points turn bad when its own request
//! fails, when no connection can be made while it waits, or when it comes due once more before it
//! could be sent. The device's status turns bad with every fault but an exception, which proves
//! that the device is there.

use alloc::vec::Vec;

use noreturn_image_format::config::modbus::{Device, Point, Read};
use noreturn_wire::{Counter, Fault, Quality, SourceId, Value};

use super::adu::{REQUEST_BYTES, Request};
use super::backoff::Backoff;
use super::health::Health;
use super::schedule::Schedule;
use super::stream::Stream;
use super::value;
use crate::output::{Now, Output, Sample};

/// What the caller has to do with the device's connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// Connect to the device's address and port.
    Connect,
    /// Send all of this.
    Send([u8; REQUEST_BYTES]),
    /// Abort the connection or the attempt to make one; drop what it still holds.
    Close,
}

#[derive(Clone, Copy, Debug)]
enum Connection {
    /// There is none until then.
    Absent { connect_at_us: u64 },
    /// Given up; the caller has not been told yet.
    Abandoned { connect_at_us: u64 },
    /// Being made.
    Connecting { deadline_us: u64 },
    /// Established, nothing outstanding.
    Idle,
    /// Established, with one request outstanding.
    Asked { read: usize, request: Request, deadline_us: u64 },
}

impl Connection {
    /// The read that is under way.
    const fn read(&self) -> Option<usize> {
        match self {
            Self::Asked { read, .. } => Some(*read),
            _ => None,
        }
    }
}

#[derive(Debug)]
struct Polled {
    read: Read,
    schedule: Schedule,
    health: Health,
}

/// Polls one device. Allocates only in [`Poller::new`].
#[derive(Debug)]
pub struct Poller {
    unit: u8,
    status: SourceId,
    timeout_us: u64,
    backoff: Backoff,
    reads: Vec<Polled>,
    /// The earliest time at which a read comes due, so that most polls look at no read.
    due_at_us: u64,
    transaction: u16,
    connection: Connection,
    stream: Stream,
    health: Health,
}

impl Poller {
    /// A poller whose reads are due at `uptime_us` for the first time, and then each in its period.
    #[must_use]
    pub fn new(device: Device, uptime_us: u64) -> Self {
        let polled = |read: Read| Polled {
            schedule: Schedule::new(read.period_ms, uptime_us),
            read,
            health: Health::Unknown,
        };
        Self {
            unit: device.unit,
            status: SourceId(device.status),
            timeout_us: u64::from(device.timeout_ms) * 1000,
            backoff: Backoff::new(device.backoff_ms_min, device.backoff_ms_max),
            reads: device.reads.into_iter().map(polled).collect(),
            due_at_us: uptime_us,
            transaction: 0,
            connection: Connection::Absent { connect_at_us: uptime_us },
            stream: Stream::default(),
            health: Health::Unknown,
        }
    }

    /// What to do next. Call it again until it returns nothing, after every report and when
    /// [`Self::poll_at`] has come; this is also what notices timeouts.
    pub fn poll(&mut self, now: Now, output: &mut impl Output) -> Option<Action> {
        self.make_due(now, output);
        match self.connection {
            Connection::Connecting { deadline_us } if now.uptime_us >= deadline_us => {
                self.fail(Fault::ConnectTimeout, now, output);
            }
            Connection::Asked { deadline_us, .. } if now.uptime_us >= deadline_us => {
                self.fail(Fault::ReplyTimeout, now, output);
            }
            _ => (),
        }
        match self.connection {
            Connection::Abandoned { connect_at_us } => {
                self.connection = Connection::Absent { connect_at_us };
                Some(Action::Close)
            }
            Connection::Absent { connect_at_us } if now.uptime_us >= connect_at_us => {
                self.connection = Connection::Connecting { deadline_us: self.deadline(now) };
                Some(Action::Connect)
            }
            Connection::Idle => self.ask(now, output),
            _ => None,
        }
    }

    /// When [`Self::poll`] must be called at the latest, by [`Now::uptime_us`]; 0 is at once.
    #[must_use]
    pub fn poll_at(&self) -> u64 {
        let connection_us = match self.connection {
            Connection::Abandoned { .. } => 0,
            Connection::Absent { connect_at_us } => connect_at_us,
            Connection::Connecting { deadline_us } | Connection::Asked { deadline_us, .. } => deadline_us,
            Connection::Idle if self.next_read().is_some() => 0,
            Connection::Idle => u64::MAX,
        };
        connection_us.min(self.due_at_us)
    }

    /// The connection is established.
    pub fn handle_connected(&mut self) {
        if let Connection::Connecting { .. } = self.connection {
            self.stream.clear();
            self.connection = Connection::Idle;
        }
    }

    /// The connection was refused, or cannot be made at all.
    pub fn handle_refused(&mut self, now: Now, output: &mut impl Output) {
        if let Connection::Connecting { .. } = self.connection {
            self.fail(Fault::ConnectRefused, now, output);
        }
    }

    /// The device closed or reset the connection.
    pub fn handle_closed(&mut self, now: Now, output: &mut impl Output) {
        match self.connection {
            Connection::Connecting { .. } => self.fail(Fault::ConnectRefused, now, output),
            Connection::Idle | Connection::Asked { .. } => self.fail(Fault::Disconnected, now, output),
            Connection::Absent { .. } | Connection::Abandoned { .. } => (),
        }
    }

    /// Bytes that the device sent, in any fragmentation.
    pub fn handle_bytes(&mut self, mut bytes: &[u8], now: Now, output: &mut impl Output) {
        while !bytes.is_empty() {
            let judged = match self.connection {
                Connection::Asked { request, .. } => self.take_reply(&request, &mut bytes, now, output),
                // Nothing was asked.
                Connection::Idle => Err(Fault::WrongReply),
                _ => return,
            };
            if let Err(fault) = judged {
                self.fail(fault, now, output);
            }
        }
    }

    /// Takes bytes towards the reply to `request`. An error gives the connection up.
    fn take_reply(
        &mut self,
        request: &Request,
        bytes: &mut &[u8],
        now: Now,
        output: &mut impl Output,
    ) -> Result<(), Fault> {
        let Some(adu) = self.stream.push(bytes).map_err(|_| Fault::WrongReply)? else {
            return Ok(());
        };
        let Some(polled) = self.connection.read().and_then(|read| self.reads.get_mut(read)) else {
            return Ok(());
        };
        match request.accept(adu) {
            Ok(data) => {
                output.count(Counter::ModbusReplies, 1);
                polled.health.turn(Health::Good);
                polled.read.points.iter().for_each(|point| tell_value(point, data, now, output));
            }
            Err(fault @ Fault::Exception(_)) => {
                output.count(Counter::ModbusException, 1);
                polled.turn_bad(fault, now, output);
            }
            Err(fault) => return Err(fault),
        }
        self.connection = Connection::Idle;
        self.backoff.reset();
        self.turn(Health::Good, now, output);
        Ok(())
    }

    /// Passes the times at which reads come due.
    fn make_due(&mut self, now: Now, output: &mut impl Output) {
        if now.uptime_us < self.due_at_us {
            return;
        }
        let under_way = self.connection.read();
        for (place, polled) in self.reads.iter_mut().enumerate() {
            let skipped = polled.schedule.advance(now.uptime_us, under_way == Some(place));
            if skipped == 0 {
                continue;
            }
            output.count(Counter::ModbusPollsSkipped, skipped);
            if let (Health::Bad(fault), Some(_)) = (self.health, polled.schedule.waiting_since()) {
                polled.turn_bad(fault, now, output);
            }
        }
        self.due_at_us = self.reads.iter().map(|polled| polled.schedule.next_at()).min().unwrap_or(u64::MAX);
    }

    /// The read that has waited longest; of several, the first in the configuration.
    fn next_read(&self) -> Option<usize> {
        let waiting = self.reads.iter().enumerate();
        waiting
            .filter_map(|(place, polled)| Some((polled.schedule.waiting_since()?, place)))
            .min()
            .map(|(_, place)| place)
    }

    fn ask(&mut self, now: Now, output: &mut impl Output) -> Option<Action> {
        let read = self.next_read()?;
        let deadline_us = self.deadline(now);
        let polled = self.reads.get_mut(read)?;
        polled.schedule.sent();
        // Numbers go on over connections, so that no late reply ever carries the present one.
        self.transaction = self.transaction.wrapping_add(1);
        let request = Request::new(self.transaction, self.unit, &polled.read);
        self.connection = Connection::Asked { read, request, deadline_us };
        output.count(Counter::ModbusRequests, 1);
        Some(Action::Send(request.emit()))
    }

    /// Gives the connection up, names why, and pauses.
    fn fail(&mut self, fault: Fault, now: Now, output: &mut impl Output) {
        if let Some(counter) = counter(fault) {
            output.count(counter, 1);
        }
        self.turn(Health::Bad(fault), now, output);
        let under_way = self.connection.read();
        let unmade = matches!(self.connection, Connection::Connecting { .. });
        for (place, polled) in self.reads.iter_mut().enumerate() {
            if under_way == Some(place) || unmade && polled.schedule.waiting_since().is_some() {
                polled.turn_bad(fault, now, output);
            }
        }
        let connect_at_us = now.uptime_us.saturating_add(self.backoff.take());
        self.connection = Connection::Abandoned { connect_at_us };
    }

    /// Tells the device's state if it is news.
    fn turn(&mut self, health: Health, now: Now, output: &mut impl Output) {
        if !self.health.turn(health) {
            return;
        }
        let (quality, reachable) = match health {
            Health::Bad(fault) => (Quality::Bad(fault), false),
            Health::Good | Health::Unknown => (Quality::Good, true),
        };
        let value = Value::Bool(reachable);
        output.sample(sample(self.status, now, quality, value));
    }

    fn deadline(&self, now: Now) -> u64 {
        now.uptime_us.saturating_add(self.timeout_us)
    }
}

impl Polled {
    /// Tells that the points were not acquired if it is news.
    fn turn_bad(&mut self, fault: Fault, now: Now, output: &mut impl Output) {
        if !self.health.turn(Health::Bad(fault)) {
            return;
        }
        for point in &self.read.points {
            output.sample(sample(SourceId(point.source), now, Quality::Bad(fault), Value::None));
        }
    }
}

fn tell_value(point: &Point, data: &[u8], now: Now, output: &mut impl Output) {
    let (quality, value) = value::decode(point, data);
    if quality == Quality::Bad(Fault::NotANumber) {
        output.count(Counter::ModbusNotANumber, 1);
    }
    output.sample(sample(SourceId(point.source), now, quality, value));
}

const fn sample(source: SourceId, now: Now, quality: Quality, value: Value) -> Sample {
    Sample { source, acquired_us: now.clock_us, time_quality: now.time_quality, quality, value }
}

/// What counts a fault that costs the connection.
const fn counter(fault: Fault) -> Option<Counter> {
    match fault {
        Fault::ConnectTimeout => Some(Counter::ModbusConnectTimeout),
        Fault::ConnectRefused => Some(Counter::ModbusConnectRefused),
        Fault::Disconnected => Some(Counter::ModbusDisconnected),
        Fault::ReplyTimeout => Some(Counter::ModbusReplyTimeout),
        Fault::ShortReply => Some(Counter::ModbusShortReply),
        Fault::WrongReply => Some(Counter::ModbusWrongReply),
        Fault::Exception(_) | Fault::NotANumber => None,
    }
}
