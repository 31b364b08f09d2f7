//! The MQTT sink: publishes to a broker, and waits for it within bounds while it is away.
//!
//! What is unacknowledged is ours (see [`outbox`]), and every connection starts from nothing, so that a
//! broker which comes back empty gets everything again. With QoS 1 a reader may see a message twice.

mod connection;
mod outbox;
mod topic;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use noreturn_wire::Beacon;
use rumqttc::{ConnectionError, Event, Outgoing, Packet};
use serde::Serialize;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use super::Input;
use crate::config::MqttConfig;
use crate::counters::{SharedCounters, add};
use crate::item::{ImageCheck, Item, Origin, Silence};
use crate::json::{self, BeaconJson, attestation_payload};
use crate::status::Status;
use connection::Connection;
use outbox::{Message, Outbox};
use topic::Topics;

/// Messages under way on one connection at most.
const WINDOW: usize = 256;
/// Wait after the first failed connection; doubles up to the second figure.
const BACKOFF_MIN: Duration = Duration::from_millis(250);
const BACKOFF_MAX: Duration = Duration::from_secs(30);
/// How long the end waits for the broker to take what is left.
const FLUSH_MAX: Duration = Duration::from_secs(2);

/// The task's state.
pub struct Mqtt {
    config: MqttConfig,
    topics: Topics,
    status: watch::Receiver<Arc<Status>>,
    shared: Arc<SharedCounters>,
    outbox: Outbox,
    /// The latest beacon of each diode, and the diodes of which it is stale.
    beacons: BTreeMap<Arc<str>, (Arc<Origin>, ImageCheck, Arc<Beacon>)>,
    stale: BTreeSet<Arc<str>>,
    connection: Option<Connection>,
    retry_at: Instant,
    backoff: Duration,
    /// Dropped since the last connection was made.
    dropped: u64,
}

impl Mqtt {
    /// A sink that is not connected yet.
    #[must_use]
    pub fn new(
        config: MqttConfig,
        status: watch::Receiver<Arc<Status>>,
        shared: Arc<SharedCounters>,
    ) -> Self {
        let topics = Topics::new(&config.topic_prefix);
        let mut outbox = Outbox::new(config.queue_max, config.acknowledged);
        outbox.set_retained(topics.receiver(), b"online".to_vec());
        Self {
            config,
            topics,
            status,
            shared,
            outbox,
            beacons: BTreeMap::new(),
            stale: BTreeSet::new(),
            connection: None,
            retry_at: Instant::now(),
            backoff: BACKOFF_MIN,
            dropped: 0,
        }
    }

    /// Publishes until the queue is closed, then says "offline" and ends within [`FLUSH_MAX`].
    pub async fn run(mut self, mut inputs: mpsc::Receiver<Input>) {
        loop {
            tokio::select! {
                input = inputs.recv() => match input {
                    Some(input) => self.take(&input),
                    None => break,
                },
                event = next_event(&mut self.connection) => self.handle_event(event),
                () = sleep_until(self.retry_at), if self.connection.is_none() => self.connect(),
            }
            self.feed();
        }
        self.finish().await;
    }

    async fn finish(mut self) {
        self.outbox.set_retained(self.topics.receiver(), b"offline".to_vec());
        let deadline = Instant::now() + FLUSH_MAX;
        while !self.outbox.is_empty() && Instant::now() < deadline {
            self.feed();
            tokio::select! {
                event = next_event(&mut self.connection) => self.handle_event(event),
                () = sleep_until(self.retry_at), if self.connection.is_none() => self.connect(),
                () = sleep_until(deadline) => {}
            }
        }
        let left = self.outbox.messages();
        if left > 0 {
            add(&self.shared.mqtt_dropped_queue, left as u64);
            tracing::error!("mqtt: {left} messages were not taken by {} before the end", self.broker());
        }
        if let Some(connection) = self.connection {
            connection.close(deadline).await;
        }
    }

    /// Takes one input; what it leads to waits for the broker.
    pub fn take(&mut self, input: &Input) {
        if let Input::Items(items) = input {
            items.iter().for_each(|item| self.publish(item));
        }
        // What was lost before this sink is in the counters that `$state` carries.
    }

    fn publish(&mut self, item: &Item) {
        match item {
            Item::Record { origin, source, record, arrival } => {
                let topic = self.topics.record(&origin.diode, source);
                self.push(topic, json::record_payload(origin, source, record, *arrival));
            }
            Item::Gap { origin, source, first, last } => {
                let topic = self.topics.gap(&origin.diode);
                self.push(topic, json::gap_payload(origin, source, *first, *last));
            }
            Item::ImageCheck(origin, verdict) => {
                let topic = self.topics.alarm(&origin.diode);
                self.outbox.set_retained(topic, json::alarm_payload(origin, verdict));
            }
            Item::Beacon(origin, check, beacon) => {
                self.beacons.insert(origin.diode.clone(), (origin.clone(), *check, beacon.clone()));
                self.publish_state(&origin.diode);
            }
            Item::Silence(silence) => {
                if silence.is_silent {
                    self.stale.insert(silence.diode.clone());
                } else {
                    self.stale.remove(&silence.diode);
                }
                self.outbox.set_retained(self.topics.silence(&silence.diode), json::silence_payload(silence));
                self.publish_state(&silence.diode);
            }
            Item::Boot(origin) if !self.stale.contains(&origin.diode) => {
                // An earlier receiver may have left an alarm.
                let (diode, boot) = (origin.diode.clone(), Some(origin.boot));
                let heard = Silence { diode, boot, is_silent: false, silent_us: 0, heard_unix_us: None };
                self.outbox.set_retained(self.topics.silence(&origin.diode), json::silence_payload(&heard));
            }
            // An alarm repeats what the finding before it said.
            Item::Attestation(origin, finding) => {
                let topic = format!("{}/{}/$attestation", self.config.topic_prefix, origin.diode);
                self.outbox.set_retained(topic, attestation_payload(origin, finding));
            }
            Item::Version(origin, version) => {
                let topic = format!("{}/{}/$version", self.config.topic_prefix, origin.diode);
                self.outbox.set_retained(topic, json::version_payload(origin, version));
            }
            Item::AttestationAlarm(..)
            | Item::VersionAlarm(..)
            | Item::Alarm(..)
            | Item::Boot(_)
            | Item::SilenceAlarm(_)
            | Item::File(_)
            | Item::Stream(_) => {}
        }
    }

    fn push(&mut self, topic: String, payload: Vec<u8>) {
        if self.outbox.push(Message { topic, payload }) {
            return;
        }
        add(&self.shared.mqtt_dropped_queue, 1);
        if self.dropped == 0 {
            tracing::error!(
                "mqtt: {} messages wait for {}: the oldest are dropped from now on, counted as mqtt_dropped_queue",
                self.config.queue_max,
                self.broker()
            );
        }
        self.dropped += 1;
    }

    /// Publishes what is known of a diode: its latest beacon, and whether that is stale.
    fn publish_state(&mut self, diode: &Arc<str>) {
        #[derive(Serialize)]
        struct State<'a> {
            boot: Option<&'a str>,
            refused: bool,
            stale: bool,
            last_heard: Option<&'a str>,
            last_heard_us: Option<u64>,
            #[serde(flatten)]
            beacon: Option<BeaconJson>,
            receiver: &'a Status,
        }
        let latest = self.beacons.get(diode);
        let status = self.status.borrow().clone();
        let known = status.diodes.iter().find(|known| known.name == **diode);
        let is_mismatch = latest.is_some_and(|(_, check, _)| *check == ImageCheck::Mismatch);
        let payload = json::to_vec(&State {
            boot: latest.map(|(origin, ..)| origin.boot_text.as_str()),
            refused: is_mismatch && known.is_some_and(|known| known.image_refused),
            stale: self.stale.contains(diode),
            last_heard: known.and_then(|known| known.last_heard.as_deref()),
            last_heard_us: known.and_then(|known| known.last_heard_us),
            beacon: latest.map(|(_, check, beacon)| BeaconJson::new(*check, beacon)),
            receiver: &status,
        });
        self.outbox.set_retained(self.topics.state(diode), payload);
    }

    fn connect(&mut self) {
        let will = (self.topics.receiver(), b"offline".to_vec());
        self.connection = Some(Connection::open(&self.config, will, WINDOW));
    }

    /// Hands messages to the connection as long as its window has room.
    fn feed(&mut self) {
        let Some(connection) = self.connection.as_mut().filter(|connection| connection.is_up) else { return };
        while let Some(message) = self.outbox.next(WINDOW) {
            connection.publish(message, self.config.acknowledged);
        }
    }

    fn handle_event(&mut self, event: Result<Event, ConnectionError>) {
        match event {
            Ok(Event::Incoming(Packet::ConnAck(_))) => self.handle_connected(),
            Ok(Event::Incoming(Packet::PubAck(ack))) => {
                add(&self.shared.mqtt_delivered, self.outbox.handle_acknowledged(ack.pkid));
            }
            Ok(Event::Outgoing(Outgoing::Publish(packet))) => {
                add(&self.shared.mqtt_delivered, self.outbox.handle_sent(packet));
            }
            Ok(_) => {}
            Err(error) => self.handle_error(&error),
        }
    }

    fn handle_connected(&mut self) {
        if let Some(connection) = &mut self.connection {
            connection.is_up = true;
        }
        self.backoff = BACKOFF_MIN;
        add(&self.shared.mqtt_connections, 1);
        tracing::info!("mqtt: connected to {}; {} messages wait", self.broker(), self.outbox.messages());
        if self.dropped > 0 {
            tracing::warn!("mqtt: {} messages were dropped while the broker was away", self.dropped);
            self.dropped = 0;
        }
    }

    fn handle_error(&mut self, error: &ConnectionError) {
        add(&self.shared.mqtt_connection_errors, 1);
        self.connection = None;
        self.outbox.handle_disconnected();
        self.retry_at = Instant::now() + self.backoff;
        tracing::warn!(
            "mqtt: no connection to {}: {error}; {} messages wait; trying again in {:?}",
            self.broker(),
            self.outbox.messages(),
            self.backoff
        );
        self.backoff = (self.backoff * 2).min(BACKOFF_MAX);
    }

    fn broker(&self) -> String {
        format!("{}:{}", self.config.host, self.config.port)
    }
}

/// What the connection reports next; never, without one.
async fn next_event(connection: &mut Option<Connection>) -> Result<Event, ConnectionError> {
    match connection {
        Some(connection) => connection.next_event().await,
        None => std::future::pending().await,
    }
}
