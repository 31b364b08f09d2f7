//! The task that reads datagrams: protocol, engine, then every sink's queue. It never waits for a sink.

#[cfg(test)]
mod extremes;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use noreturn_link::{Mark, Receiver, Refusal};
use noreturn_wire::Header;
use rustix::net::RecvFlags;
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::attestation::Check;
use crate::config::Config;
use crate::counters::{SharedCounters, add};
use crate::durable::Keeper;
use crate::engine::{Engine, Moment};
use crate::item::{ImageCheck, Item};
use crate::json::hex;
use crate::keys::Keys;
use crate::objects::Objects;
use crate::rfc3339;
use crate::sinks::{BATCH_ITEMS_MAX, Debt, Outlet};
use crate::status::Status;

/// Datagrams read before the sinks get what they led to.
const DATAGRAMS_PER_BATCH: usize = 64;
/// How often gaps and names that are overdue are looked for.
const TIMEOUT_INTERVAL: Duration = Duration::from_millis(20);
/// Datagrams that are still read when the end has been asked for.
const DATAGRAMS_AT_END_MAX: usize = 65_536;
const STATUS_INTERVAL: Duration = Duration::from_secs(1);
/// More than any UDP datagram over IPv4 or IPv6 without jumbograms.
const DATAGRAM_BYTES_MAX: usize = 65_536;
/// Pause after an error of the socket, so that a lasting one does not take the whole machine.
const ERROR_PAUSE: Duration = Duration::from_millis(10);

/// What a person asks of the running daemon.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Request {
    /// Print the status.
    Summary,
    /// Open files again that may have been rotated.
    Reopen,
    /// End gracefully.
    Stop,
}

/// The task's state.
pub struct Intake {
    socket: UdpSocket,
    receiver: Receiver,
    engine: Engine,
    outlets: Vec<Outlet>,
    objects: Objects,
    shared: Arc<SharedCounters>,
    status: watch::Sender<Arc<Status>>,
    summary: Option<PathBuf>,
    started: Instant,
    items: Vec<Item>,
    /// The last refusal since the status before, for the log.
    refusal: Option<(SocketAddr, Refusal)>,
    refused_told: u64,
    keeper: Option<Keeper>,
    keys: Keys,
}

/// The state that is written when all sinks have ended: the marks, who writes them, and what the sinks must have written.
pub type LastMarks = Option<(Keeper, Vec<Mark>, Vec<Debt>)>;

impl Intake {
    /// An intake that reads `socket`. `summary` is the file that is rewritten every second.
    #[must_use]
    pub fn new(
        config: &Config,
        socket: UdpSocket,
        outlets: Vec<Outlet>,
        objects: Objects,
        shared: Arc<SharedCounters>,
        status: watch::Sender<Arc<Status>>,
        summary: Option<PathBuf>,
    ) -> Self {
        let mut receiver = Receiver::new(config.limits.link, []);
        let mut keys = Keys::new(&config.diodes);
        keys.update(rfc3339::now_unix_us(), &mut receiver);
        Self {
            socket,
            receiver,
            engine: Engine::new(&config.diodes, config.limits),
            outlets,
            objects,
            shared,
            status,
            summary,
            started: Instant::now(),
            items: Vec::new(),
            refusal: None,
            refused_told: 0,
            keeper: None,
            keys,
        }
    }

    /// Takes up what an earlier daemon has remembered, and has `keeper` remember what comes.
    pub fn remember(&mut self, keeper: Keeper, marks: &[Mark]) {
        let now_us = self.now_us();
        marks.iter().for_each(|mark| self.receiver.restore(mark, now_us));
        self.drain(now_us);
        self.keeper = Some(keeper);
    }

    /// Reads until it is asked to stop; returns the last status and marks. Dropping the outlets ends the sinks.
    pub async fn run(mut self, mut requests: mpsc::Receiver<Request>) -> (Arc<Status>, LastMarks) {
        let mut timeouts = interval(TIMEOUT_INTERVAL);
        let mut statuses = interval(STATUS_INTERVAL);
        timeouts.set_missed_tick_behavior(MissedTickBehavior::Delay);
        statuses.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
        loop {
            tokio::select! {
                // In this order, so that a flood of datagrams delays neither the end nor the gaps.
                biased;
                request = requests.recv() => match request {
                    Some(Request::Summary) => crate::log::print_line(&self.current().to_line()),
                    Some(Request::Reopen) => self.outlets.iter_mut().for_each(Outlet::reopen),
                    Some(Request::Stop) | None => break,
                },
                _ = statuses.tick() => self.publish_status(),
                _ = timeouts.tick() => self.handle_timeout(),
                ready = self.socket.readable() => match ready {
                    Ok(()) => self.receive(&mut buffer).await,
                    Err(error) => self.handle_error(&error).await,
                },
            }
        }
        self.read_rest(&mut buffer);
        self.finish().await
    }

    /// Reads what has arrived, up to a bound, and passes on what it led to.
    async fn receive(&mut self, buffer: &mut [u8]) {
        for _ in 0..DATAGRAMS_PER_BATCH {
            match self.socket.try_recv_from(buffer) {
                Ok((length, peer)) => self.handle_datagram(buffer.get(..length).unwrap_or_default(), peer),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => break,
                Err(error) => {
                    self.handle_error(&error).await;
                    break;
                }
            }
        }
        self.dispatch();
    }

    fn handle_datagram(&mut self, datagram: &[u8], peer: SocketAddr) {
        let now = Moment { us: self.now_us(), unix_us: rfc3339::now_unix_us() };
        let taken = take_datagram(&mut self.receiver, &mut self.engine, datagram, now, &mut self.items);
        if let Err(refusal) = taken {
            self.refusal = Some((peer, refusal));
        }
    }

    async fn handle_error(&self, error: &std::io::Error) {
        add(&self.shared.udp_errors, 1);
        tracing::error!("reading UDP: {error}; going on");
        tokio::time::sleep(ERROR_PAUSE).await;
    }

    fn handle_timeout(&mut self) {
        let now_us = self.now_us();
        self.receiver.handle_timeout(now_us);
        self.drain(now_us);
        self.engine.handle_timeout(now_us, &mut self.items);
        self.dispatch();
        if let Some(keeper) = &mut self.keeper {
            let sinks = self.outlets.iter().filter_map(Outlet::debt).collect();
            let (is_settled, objects) = (self.engine.is_settled(), self.objects.outlet.debt());
            keeper.handle_timeout(&mut self.receiver, is_settled, objects, sinks);
        }
    }

    fn drain(&mut self, now_us: u64) {
        drain(&mut self.receiver, &mut self.engine, now_us, &mut self.items);
    }

    /// Hands items to the sinks, and streams and files to their writer.
    fn dispatch(&mut self) {
        self.engine.take_objects().into_iter().for_each(|object| self.objects.outlet.send(object));
        self.items.extend(std::iter::from_fn(|| self.objects.reports.try_recv().ok()));
        self.items.iter().for_each(log_item);
        self.note_first_record();
        if self.items.iter().any(|item| matches!(item, Item::Silence(_))) {
            // What is published with it must not be of the time before.
            self.status.send_replace(Arc::new(self.current()));
        }
        while !self.items.is_empty() {
            let count = self.items.len().min(BATCH_ITEMS_MAX);
            let batch: Arc<[Item]> = self.items.drain(..count).collect();
            self.outlets.iter_mut().for_each(|outlet| outlet.send(&batch));
        }
    }

    fn note_first_record(&self) {
        let is_first = self.status.borrow().first_record_unix_us.is_none()
            && self.items.iter().any(|item| matches!(item, Item::Record { .. }));
        if is_first {
            self.status.send_modify(|status| {
                Arc::make_mut(status).first_record_unix_us = Some(rfc3339::now_unix_us());
            });
        }
    }

    fn current(&self) -> Status {
        self.status.borrow().with_counters(
            &self.receiver.counters(),
            &self.engine,
            &self.shared,
            self.now_us(),
        )
    }

    fn publish_status(&mut self) {
        self.keys.update(rfc3339::now_unix_us(), &mut self.receiver);
        self.outlets.iter_mut().for_each(Outlet::synchronise);
        if let Some(synchronisation) = self.keeper.as_mut().and_then(Keeper::synchronise) {
            tokio::task::spawn_blocking(move || synchronisation.run());
        }
        let status = Arc::new(self.current());
        self.tell_refusals(&status);
        if let Some(path) = &self.summary
            && let Err(error) = status.write_to(path)
        {
            tracing::error!("cannot write the summary to {}: {error}", path.display());
        }
        self.status.send_replace(status);
    }

    fn tell_refusals(&mut self, status: &Status) {
        if let Some((peer, refusal)) = self.refusal.take() {
            let count = status.refused - self.refused_told;
            tracing::warn!("refused {count} datagrams in the last second; the last from {peer}: {refusal:?}");
            self.refused_told = status.refused;
        }
    }

    /// Reads what had arrived before the end, up to a bound. Past the runtime, which may not have noticed it.
    fn read_rest(&mut self, buffer: &mut [u8]) {
        for _ in 0..DATAGRAMS_AT_END_MAX {
            let received = match rustix::net::recvfrom(&self.socket, &mut *buffer, RecvFlags::DONTWAIT) {
                Ok((length, _, peer)) => (length, peer.and_then(|peer| SocketAddr::try_from(peer).ok())),
                Err(rustix::io::Errno::INTR) => continue,
                Err(_) => break,
            };
            if let (length, Some(peer)) = received {
                self.handle_datagram(buffer.get(..length).unwrap_or_default(), peer);
                self.dispatch();
            }
        }
    }

    /// Accounts for everything that is still held, and lets the sinks end.
    async fn finish(mut self) -> (Arc<Status>, LastMarks) {
        // The end of time for this daemon: what is missing now did not come in time.
        self.receiver.handle_timeout(u64::MAX);
        self.drain(u64::MAX);
        // What still waits for the image check is given up, but not for good: it may come again after a restart.
        let keeper = self.keeper.take().filter(|_| self.engine.gates_are_empty());
        let marks: Option<(_, Vec<Mark>)> =
            keeper.map(|keeper| (keeper, self.receiver.all_marks().collect()));
        self.engine.close(&mut self.items);
        self.dispatch();
        self.objects.outlet.close();
        while self.objects.reports.recv_many(&mut self.items, BATCH_ITEMS_MAX).await > 0 {
            self.dispatch();
        }
        let status = Arc::new(self.current());
        self.status.send_replace(status.clone());
        let mut debts = Vec::new();
        for outlet in self.outlets {
            debts.extend(outlet.finish().await);
        }
        if self.objects.thread.join().is_err() {
            tracing::error!("the writer of streams and files ended badly");
            return (status, None);
        }
        (status, marks.map(|(keeper, marks)| (keeper, marks, debts)))
    }

    fn now_us(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

/// What one datagram leads to: protocol, then engine.
fn take_datagram(
    receiver: &mut Receiver,
    engine: &mut Engine,
    datagram: &[u8],
    now: Moment,
    items: &mut Vec<Item>,
) -> Result<(), Refusal> {
    let taken = receiver.handle_datagram(datagram, now.us);
    drain(receiver, engine, now.us, items);
    if let (Ok(()), Ok((header, ..))) = (taken, Header::parse(datagram)) {
        engine.hear((header.diode, header.boot), now, items);
    }
    taken
}

fn drain(receiver: &mut Receiver, engine: &mut Engine, now_us: u64, items: &mut Vec<Item>) {
    while let Some(event) = receiver.poll_event() {
        engine.handle_event(event, now_us, items);
    }
}

/// Says what a person should know.
fn log_item(item: &Item) {
    match item {
        Item::Boot(origin) => tracing::info!("{}: boot {} is heard", origin.diode, origin.boot),
        Item::ImageCheck(origin, verdict) if verdict.check == ImageCheck::Unchecked => tracing::warn!(
            "{}: image {} is UNCHECKED: set expected_image_sha256 to have it compared at every boot",
            origin.diode,
            hex(&verdict.image_sha256)
        ),
        Item::ImageCheck(origin, verdict) if verdict.check == ImageCheck::Match => {
            tracing::info!("{}: image {} is the expected one", origin.diode, hex(&verdict.image_sha256));
        }
        Item::Alarm(origin, verdict) => tracing::error!(
            "ALARM: {}: boot {} runs image {}, expected {}; its records are {}",
            origin.diode,
            origin.boot,
            hex(&verdict.image_sha256),
            verdict.expected.as_ref().map_or_else(String::new, hex),
            if verdict.refused { "REFUSED" } else { "passed on (on_mismatch = \"alarm\")" }
        ),
        Item::Silence(silence) if !silence.is_silent => {
            tracing::info!(
                "{}: heard again, after {} s of silence",
                silence.diode,
                silence.silent_us / 1_000_000
            );
        }
        Item::SilenceAlarm(silence) => {
            let seconds = silence.silent_us / 1_000_000;
            match silence.heard_unix_us.and_then(rfc3339::format) {
                Some(heard) => {
                    tracing::error!("ALARM: {}: silent for {seconds} s: last heard at {heard}", silence.diode)
                }
                None => tracing::error!(
                    "ALARM: {}: silent: not heard since this receiver started {seconds} s ago",
                    silence.diode
                ),
            }
        }
        Item::VersionAlarm(origin, version) => tracing::error!(
            "ALARM: {}: boot {} runs version {} of its image, after version {}",
            origin.diode,
            origin.boot,
            version.release.version,
            version.at_least
        ),
        Item::Attestation(origin, finding) => match (&finding.check, &finding.key) {
            (Check::Match, _) => {
                tracing::info!("{}: its TPM attests what was expected", origin.diode);
            }
            (Check::Unchecked, Some(key)) => tracing::warn!(
                "{}: its TPM's key {} is UNCHECKED: enrol it with [diode.attestation] to have quotes checked",
                origin.diode,
                hex(key)
            ),
            _ => {}
        },
        Item::AttestationAlarm(origin, finding) => {
            if let Some(fault) = finding.check.fault() {
                tracing::error!("ALARM: {}: boot {} is not attested: {fault}", origin.diode, origin.boot);
            }
        }
        _ => {}
    }
}
