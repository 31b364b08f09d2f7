//! A real MQTT broker, mosquitto, and its own subscriber.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::ports::free_tcp;
use crate::process::{Process, wait_for};

/// mosquitto on a loopback port, and mosquitto_sub writing everything it hears to a file.
#[derive(Debug)]
pub struct Broker {
    /// TCP port.
    pub port: u16,
    heard: PathBuf,
    _subscriber: Process,
    _broker: Process,
}

impl Broker {
    /// Starts both; `folder` takes their files.
    ///
    /// # Errors
    /// If they do not start.
    pub fn start(folder: &Path) -> Result<Self> {
        let port = free_tcp()?;
        let configuration = folder.join("mosquitto.conf");
        fs::write(&configuration, format!("listener {port} 127.0.0.1\nallow_anonymous true\n"))?;
        let mut command = Command::new(find("mosquitto"));
        command.arg("-c").arg(&configuration).stderr(Stdio::null()).stdout(Stdio::null());
        let broker = Process::start("mosquitto", &mut command)?;
        wait_for("mosquitto to listen", || {
            Ok(std::net::TcpStream::connect((std::net::Ipv4Addr::LOCALHOST, port)).ok())
        })?;
        let heard = folder.join("heard.txt");
        let mut command = Command::new(find("mosquitto_sub"));
        command.args(["-h", "127.0.0.1", "-p", &port.to_string(), "-q", "1", "-v", "-t", "#"]);
        command.stdout(fs::File::create(&heard)?);
        let subscriber = Process::start("mosquitto_sub", &mut command)?;
        Ok(Self { port, heard, _subscriber: subscriber, _broker: broker })
    }

    /// What was published on `topic` so far, as JSON, oldest first.
    ///
    /// # Errors
    /// If something that is no JSON was published there.
    pub fn published(&self, topic: &str) -> Result<Vec<serde_json::Value>> {
        let text = fs::read_to_string(&self.heard)?;
        let complete = text.rsplit_once('\n').map_or("", |(lines, _)| lines);
        let messages = complete.lines().filter_map(|line| line.strip_prefix(topic)?.strip_prefix(' '));
        messages
            .map(|json| serde_json::from_str(json).with_context(|| format!("{topic}: {json:?}")))
            .collect()
    }

    /// Waits until a message that `fits` was published on `topic`.
    ///
    /// # Errors
    /// If none comes.
    pub fn wait_for(
        &self,
        topic: &str,
        what: &str,
        fits: impl Fn(&serde_json::Value) -> bool,
    ) -> Result<serde_json::Value> {
        let found = wait_for(&format!("{what} on {topic}"), || {
            Ok(self.published(topic)?.into_iter().find(|message| fits(message)))
        });
        found.with_context(|| format!("heard: {:?}", self.published(topic)))
    }
}

/// Debian installs servers where a plain user's PATH does not look.
fn find(program: &str) -> PathBuf {
    let server = Path::new("/usr/sbin").join(program);
    if server.exists() { server } else { program.into() }
}
