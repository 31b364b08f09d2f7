//! A box that misbehaves on purpose, and the receiver that it sends to.

use anyhow::Result;
use serde_json::Value;
use tempfile::TempDir;

use crate::card::Card;
use crate::machine::{Machine, OutsideWire, PROCESSOR, Remapping, Running, Watchdog};
use crate::ports::{free_udp, loopback};
use crate::process::wait_for;
use crate::receiver::{ReceiverSettings, RunningReceiver};
use crate::repository::planted_kernel;
use crate::site::{DIODE_NAME, Image, Site, build_with, device};
use crate::wire::{Faults, Wire};

const POINT: &str =
    "[[modbus.point]]\nname = \"count\"\nfunction = 3\naddress = 0\ntype = \"u32\"\nperiod_ms = 100\n";

/// A box with a fault, and the receiver that it sends to.
#[derive(Debug)]
pub struct Trial {
    /// The box.
    pub machine: Running,
    receiver: RunningReceiver,
    /// The wire between them.
    pub wire: Wire,
    _folder: TempDir,
}

impl Trial {
    /// Boots a box that will do what `fault` says, once (`kernel-app/src/planted.rs`).
    ///
    /// # Errors
    /// If the image cannot be built, or a part does not start.
    pub fn start(fault: &str, watchdog: Watchdog) -> Result<Self> {
        let folder = TempDir::new()?;
        let receiver_port = free_udp()?;
        let site = Site { receiver_port, modbus: device("plc", 9, 1, "") + POINT };
        let text = site.text().replace(DIODE_NAME, fault);
        let image = build_with(&planted_kernel()?, &text, folder.path())?;
        let receiver = start_receiver(&folder, receiver_port, &image)?;
        let wire = Wire::lay(receiver_port, Faults::default())?;
        let machine = Machine {
            image: &image.path,
            folder: folder.path(),
            processor: PROCESSOR,
            inside: Card::VirtioNet,
            outside: Card::E1000e,
            wire: OutsideWire::Frames { card: loopback(free_udp()?), wire: wire.address },
            watchdog,
            remapping: Remapping::None,
        };
        let machine = machine.start()?;
        Ok(Self { machine, receiver, wire, _folder: folder })
    }

    /// What the receiver knows of the diode, once its beacon says that the boot before ended like this.
    ///
    /// # Errors
    /// If it never says so, with what the box said on its console.
    pub fn wait_for_last_stop(&mut self, last_stop: &str) -> Result<Value> {
        let known = wait_for(&format!("a beacon after {last_stop:?}"), || {
            self.machine.check_running()?;
            let known = self.receiver.summary()?["diodes"][0].take();
            Ok((known["last_stop"] == last_stop).then_some(known))
        });
        known
            .map_err(|error| error.context(std::fs::read_to_string(&self.machine.serial).unwrap_or_default()))
    }
}

fn start_receiver(folder: &TempDir, port: u16, image: &Image) -> Result<RunningReceiver> {
    RunningReceiver::start(folder.path(), &ReceiverSettings { port, broker: None, image, live: false })
}
