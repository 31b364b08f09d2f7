//! One connection to the broker, driven by a task of its own.

use std::time::Duration;

use rumqttc::{AsyncClient, ConnectionError, Event, EventLoop, LastWill, MqttOptions, NetworkOptions, QoS};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use super::outbox::Outgoing;
use crate::config::MqttConfig;

const KEEP_ALIVE: Duration = Duration::from_secs(10);
const CONNECT_S_MAX: u64 = 5;
const EVENTS_MAX: usize = 256;
/// A state with all counters has about 5000 bytes.
const PACKET_BYTES_MAX: usize = 256 << 10;
/// Packet identifiers in use at most: more than the window, so that none is wanted twice.
const PACKETS_MAX: u16 = 4096;

/// A connection that is being made, or is up. Dropping it ends it.
pub(super) struct Connection {
    client: AsyncClient,
    events: mpsc::Receiver<Result<Event, ConnectionError>>,
    driver: JoinHandle<()>,
    /// Whether the broker has accepted it.
    pub(super) is_up: bool,
}

impl Connection {
    /// Starts to connect. `will` is the topic and payload that the broker publishes if we vanish.
    pub(super) fn open(config: &MqttConfig, will: (String, Vec<u8>), window: usize) -> Self {
        let mut options = MqttOptions::new(&config.client_id, &config.host, config.port);
        options.set_keep_alive(KEEP_ALIVE).set_clean_session(true).set_inflight(PACKETS_MAX);
        options.set_max_packet_size(PACKET_BYTES_MAX, PACKET_BYTES_MAX);
        options.set_last_will(LastWill::new(will.0, will.1, QoS::AtLeastOnce, true));
        if let Some((username, password)) = &config.credentials {
            options.set_credentials(username, password);
        }
        // One place beyond the window is for the message that says goodbye.
        let (client, mut driven) = AsyncClient::new(options, window + 1);
        let mut network = NetworkOptions::new();
        network.set_connection_timeout(CONNECT_S_MAX);
        driven.set_network_options(network);
        let (sender, events) = mpsc::channel(EVENTS_MAX);
        Self { client, events, driver: tokio::spawn(drive(driven, sender)), is_up: false }
    }

    pub(super) async fn next_event(&mut self) -> Result<Event, ConnectionError> {
        // The driver reports an error before it ends, so a closed channel follows one.
        self.events.recv().await.unwrap_or(Err(ConnectionError::RequestsDone))
    }

    /// Hands one message over; the outbox keeps to the window, so there is room.
    pub(super) fn publish(&self, message: Outgoing<'_>, acknowledged: bool) {
        let qos = if acknowledged { QoS::AtLeastOnce } else { QoS::AtMostOnce };
        let published = self.client.try_publish(message.topic, qos, message.retain, message.payload);
        if let Err(error) = published {
            // It stays in the outbox as under way and goes out again over the next connection.
            tracing::error!("mqtt: \"{}\" was not accepted for sending: {error}", message.topic);
        }
    }

    /// Says goodbye, so that the broker does not publish the will.
    pub(super) async fn close(mut self, deadline: Instant) {
        if self.is_up && self.client.try_disconnect().is_ok() {
            let ended = async { while self.next_event().await.is_ok() {} };
            // If the broker is stuck it publishes the will, which says the same.
            let _ = timeout_at(deadline + KEEP_ALIVE / 10, ended).await;
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

async fn drive(mut driven: EventLoop, events: mpsc::Sender<Result<Event, ConnectionError>>) {
    loop {
        let event = driven.poll().await;
        let is_over = event.is_err();
        if events.send(event).await.is_err() || is_over {
            return;
        }
    }
}
