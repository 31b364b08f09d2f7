//! A real broker with a configuration of its own, and a subscriber.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::{Receiver, Sender, channel};

use rumqttc::{Client, Event, MqttOptions, Packet, Publish, QoS};
use rustix::process::Signal;
use tempfile::TempDir;

use super::{PATIENCE, Process};

/// mosquitto on a loopback port. What it keeps survives [`Broker::stop`] and [`Broker::resume`].
pub struct Broker {
    process: Option<Process>,
    pub port: u16,
    folder: TempDir,
}

impl Broker {
    pub fn start() -> Self {
        let mut broker = Self { process: None, port: free_port(), folder: tempfile::tempdir().unwrap() };
        let folder = broker.folder.path().display();
        // As root mosquitto would otherwise become another user, who cannot write here; else this is ignored.
        let config = format!(
            "listener {} 127.0.0.1\nallow_anonymous true\nuser root\nlog_dest stderr\n\
             persistence true\npersistence_location {folder}/\nmax_queued_messages 0\n",
            broker.port
        );
        std::fs::write(broker.folder.path().join("mosquitto.conf"), config).unwrap();
        broker.resume();
        broker
    }

    pub fn resume(&mut self) {
        let mut command = Command::new(find_mosquitto());
        let mut process = Process::start(command.arg("-c").arg(self.folder.path().join("mosquitto.conf")));
        process.wait_for(" running");
        self.process = Some(process);
    }

    /// Ends it gracefully, so that it writes down what it knows.
    pub fn stop(&mut self) {
        let mut process = self.process.take().unwrap();
        process.signal(Signal::TERM);
        process.end();
    }

    pub fn config(&self, more: &str) -> String {
        format!("[mqtt]\nbroker = \"127.0.0.1:{}\"\ntopic_prefix = \"site/n\"\n{more}\n", self.port)
    }

    /// Everything that is published from now on, retained messages first. Reconnects by itself; the broker
    /// keeps what comes meanwhile.
    pub fn subscribe(&self) -> Subscriber {
        let mut options = MqttOptions::new("subscriber", "127.0.0.1", self.port);
        options.set_clean_session(false);
        let (client, connection) = Client::new(options, 10);
        let (sender, messages) = channel();
        let (ready_sender, ready) = channel();
        client.subscribe("#", QoS::AtLeastOnce).unwrap();
        std::thread::spawn(move || listen(connection, &sender, &ready_sender));
        ready.recv_timeout(PATIENCE).expect("the broker acknowledges the subscription");
        Subscriber { messages, client, seen: Vec::new() }
    }
}

fn listen(mut connection: rumqttc::Connection, messages: &Sender<Publish>, ready: &Sender<()>) {
    for event in connection.iter() {
        let sent = match event {
            Ok(Event::Incoming(Packet::Publish(publish))) => messages.send(publish).is_ok(),
            Ok(Event::Incoming(Packet::SubAck(_))) => ready.send(()).is_ok(),
            Ok(_) => true,
            Err(_) => {
                // The broker is restarting. Only here to spare the machine; nothing depends on how long.
                std::thread::sleep(std::time::Duration::from_millis(50));
                true
            }
        };
        if !sent {
            return;
        }
    }
}

/// Receives everything.
pub struct Subscriber {
    messages: Receiver<Publish>,
    client: Client,
    seen: Vec<String>,
}

impl Subscriber {
    /// Everything up to and including the first message for which `is_last` holds.
    pub fn take_until(&mut self, is_last: impl Fn(&str, &str) -> bool) -> Vec<(String, String)> {
        let mut taken = Vec::new();
        loop {
            let publish = match self.messages.recv_timeout(PATIENCE) {
                Ok(publish) => publish,
                Err(error) => panic!("{error} after:\n{}", self.seen.join("\n")),
            };
            let payload = String::from_utf8(publish.payload.to_vec()).unwrap();
            self.seen.push(format!("{} {payload}", publish.topic));
            let last = is_last(&publish.topic, &payload);
            taken.push((publish.topic, payload));
            if last {
                return taken;
            }
        }
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        // The broker may be gone already.
        let _ = self.client.try_disconnect();
    }
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn find_mosquitto() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    folders.extend(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from));
    let found = folders.iter().map(|folder| folder.join("mosquitto")).find(|program| Path::is_file(program));
    found.expect("these tests need the MQTT broker mosquitto: install it (`apt-get install mosquitto`)")
}
