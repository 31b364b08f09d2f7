//! A whole site: image, box, wire, receiver and, where wanted, a broker.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tempfile::TempDir;

use crate::broker::Broker;
use crate::card::Card;
use crate::machine::{InsideWire, Machine, Medium, Remapping, Running, Watchdog};
use crate::network::INSIDE_ADDRESS;
use crate::ports::{free_udp, loopback};
use crate::process::wait_for;
use crate::receiver::{ReceiverSettings, RunningReceiver};
use crate::repository::planted_kernel;
use crate::site::{DIODE_NAME, Image, Site, build, build_with};
use crate::wire::{Destination, Faults, Wire};

/// What a test wants of its site.
#[derive(Clone, Debug)]
pub struct Plan<'a> {
    /// What it boots from.
    pub medium: Medium,
    /// Model of the inside card.
    pub inside: Card,
    /// Model of the outside card.
    pub outside: Card,
    /// The inside wire.
    pub inside_wire: InsideWire,
    /// The box's address there.
    pub inside_address: &'a str,
    /// What resets the box if it stalls.
    pub watchdog: Watchdog,
    /// What keeps its cards from memory that is not theirs.
    pub remapping: Remapping,
    /// What its kernel does wrong, once, if it is the one that misbehaves (`kernel-app/src/planted.rs`).
    pub fault: Option<&'a str>,
    /// What goes wrong on the outside wire.
    pub faults: Faults,
    /// A destination besides the receiver.
    pub other_destination: Option<Destination>,
    /// Whether there is a broker.
    pub broker: bool,
    /// Whether somebody else signs the image that boots: not the owner of the one that the receiver expects.
    pub of_another_owner: bool,
    /// The devices, as TOML, after other tables of the site file if need be.
    pub modbus: String,
}

/// The secret of an owner whom nobody trusts.
const STRANGER: &str = "6162636465666768696a6b6c6d6e6f706162636465666768696a6b6c6d6e6f70";

impl Plan<'_> {
    /// A box as [`Machine::new`] has it, on a kind network, without a broker.
    #[must_use]
    pub fn new(modbus: String) -> Self {
        Self {
            medium: Medium::ReadOnlyStick,
            inside: Card::VirtioNet,
            outside: Card::E1000e,
            inside_wire: InsideWire::Plant,
            inside_address: INSIDE_ADDRESS,
            watchdog: Watchdog::I6300esb,
            remapping: Remapping::None,
            fault: None,
            faults: Faults::default(),
            other_destination: None,
            broker: false,
            of_another_owner: false,
            modbus,
        }
    }

    /// As [`Plan::new`], with this card outside and another inside.
    #[must_use]
    pub fn with_outside(outside: Card, modbus: String) -> Self {
        let inside = if outside == Card::E1000e { Card::VirtioNet } else { Card::E1000e };
        Self { inside, outside, ..Self::new(modbus) }
    }
}

/// A site that runs. Parts end in this order.
#[derive(Debug)]
pub struct World {
    /// The box.
    pub machine: Running,
    /// Model of its outside card.
    pub outside: Card,
    /// The wire that it sends to.
    pub wire: Wire,
    /// Where QEMU takes frames towards the outside card.
    pub card: std::net::SocketAddr,
    /// UDP port of the receiver.
    pub receiver_port: u16,
    /// The receiver.
    pub receiver: RunningReceiver,
    /// The broker.
    pub broker: Option<Broker>,
    /// What the box booted from.
    pub image: Image,
    /// Files of all parts.
    pub folder: TempDir,
}

impl World {
    /// Builds the image and starts everything; the box is booting when this returns.
    ///
    /// # Errors
    /// If any part does not start.
    pub fn start(plan: &Plan<'_>) -> Result<Self> {
        Self::start_in(TempDir::new()?, plan, &[])
    }

    /// Does the same in `folder`, with `more` arguments for QEMU.
    ///
    /// # Errors
    /// If any part does not start.
    pub fn start_in(folder: TempDir, plan: &Plan<'_>, more: &[String]) -> Result<Self> {
        let receiver_port = free_udp()?;
        let text = Site { receiver_port, modbus: plan.modbus.clone() }.text();
        let text = text.replace(INSIDE_ADDRESS, plan.inside_address);
        let image = match plan.fault {
            None => build(&text, folder.path())?,
            Some(fault) => build_with(&planted_kernel()?, &text.replace(DIODE_NAME, fault), folder.path())?,
        };
        if plan.of_another_owner {
            // In the same place; what the receiver expects is still the first.
            std::fs::write(folder.path().join("owner.key"), format!("noreturn-owner-secret {STRANGER}\n"))?;
            build(&text, folder.path())?;
        }
        let broker = if plan.broker { Some(Broker::start(folder.path())?) } else { None };
        let settings = ReceiverSettings {
            port: receiver_port,
            broker: broker.as_ref().map(|broker| broker.port),
            image: &image,
            attestation: None,
            live: false,
        };
        let receiver = RunningReceiver::start(folder.path(), &settings)?;
        let wire = Wire::lay_to(receiver_port, plan.other_destination, plan.faults)?;
        let card = loopback(free_udp()?);
        let frames = wire.frames_to(Some(card))?;
        let machine = Machine {
            medium: plan.medium,
            inside: plan.inside,
            outside: plan.outside,
            inside_wire: plan.inside_wire.clone(),
            watchdog: plan.watchdog,
            remapping: plan.remapping,
            ..Machine::new(&image.path, folder.path(), frames)
        };
        let machine = machine.start_with(more)?;
        Ok(Self {
            machine,
            outside: plan.outside,
            wire,
            card,
            receiver_port,
            receiver,
            broker,
            image,
            folder,
        })
    }

    /// Folder of all files.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Waits until the receiver has delivered `records` records in all.
    ///
    /// # Errors
    /// If it does not come to that, with what the box said.
    pub fn wait_for_records(&mut self, records: u64) -> Result<()> {
        let enough = |summary: &Value| summary["records"].as_u64() >= Some(records);
        self.wait_for_summary(&format!("{records} records"), enough).map(|_| ())
    }

    /// Waits until the receiver's beacons say that the boot before ended like this; what it knows of the diode then.
    ///
    /// # Errors
    /// If they never do, with what the box said.
    pub fn wait_for_last_stop(&mut self, last_stop: &str) -> Result<Value> {
        let says = |summary: &Value| summary["diodes"][0]["last_stop"] == last_stop;
        let summary = self.wait_for_summary(&format!("a beacon after {last_stop:?}"), says)?;
        Ok(summary["diodes"][0].clone())
    }

    fn wait_for_summary(&mut self, what: &str, holds: impl Fn(&Value) -> bool) -> Result<Value> {
        let start = Instant::now();
        let waited = wait_for(what, || {
            self.machine.check_running()?;
            self.receiver.check_running()?;
            Ok(Some(self.receiver.summary()?).filter(&holds))
        });
        waited.with_context(|| format!("after {:?}; the box said:\n{}", start.elapsed(), self.machine.said()))
    }

    /// Fails if the box has sent anything that is not a frame of the diode's.
    ///
    /// # Errors
    /// With such frames.
    pub fn check_wire(&self) -> Result<()> {
        self.wire.check()
    }
}

/// What a receiver has to say of one tag: its records and gaps, by sequence number.
#[derive(Clone, Debug, Default)]
pub struct Account {
    /// Sequence numbers and values of records that came in their turn, as they were delivered.
    pub records: Vec<(u64, Value)>,
    /// First and last missing sequence numbers, as they were reported.
    pub gaps: Vec<(u64, u64)>,
    /// Sequence numbers and values of records that came after they had been reported as missing.
    pub filled: Vec<(u64, Value)>,
    /// Records that were marked as delayed.
    pub delayed: u64,
    /// Records that had been reported as missing, but were not marked as delayed when they came.
    pub unmarked: u64,
}

/// The accounts of all tags in a receiver's JSON Lines.
#[must_use]
pub fn accounts(lines: &[Value]) -> std::collections::BTreeMap<String, Account> {
    let mut accounts = std::collections::BTreeMap::<String, Account>::new();
    for line in lines {
        if let Some(tag) = line["tag"].as_str() {
            accounts.entry(tag.to_owned()).or_default().enter(line);
        }
    }
    accounts
}

impl Account {
    fn enter(&mut self, line: &Value) {
        let number = |key: &str| line[key].as_u64();
        match (line["kind"].as_str(), number("sequence"), number("first"), number("last")) {
            (Some("record"), Some(sequence), ..) => {
                let delayed = line["delayed"] == true;
                let was_missing = self.gaps.iter().any(|gap| (gap.0..=gap.1).contains(&sequence));
                let list = if was_missing { &mut self.filled } else { &mut self.records };
                list.push((sequence, line["value"].clone()));
                self.delayed += u64::from(delayed);
                self.unmarked += u64::from(was_missing && !delayed);
            }
            (Some("gap"), _, Some(first), Some(last)) => self.gaps.push((first, last)),
            _ => {}
        }
    }

    /// Every record, whenever it came.
    pub fn delivered(&self) -> impl Iterator<Item = &(u64, Value)> {
        self.records.iter().chain(&self.filled)
    }

    /// Fails unless every sequence number from 0 on was delivered in order, or is in one gap; and each that came
    /// after that came once, and was marked.
    ///
    /// # Errors
    /// Names the first number that breaks the promise.
    pub fn check(&self) -> Result<()> {
        let mut numbers: Vec<u64> = self.gaps.iter().flat_map(|&(first, last)| first..=last).collect();
        let in_turn: Vec<u64> = self.records.iter().map(|(sequence, _)| *sequence).collect();
        ensure!(in_turn.is_sorted_by(|a, b| a < b), "records out of order or twice: {in_turn:?}");
        numbers.extend(in_turn);
        numbers.sort_unstable();
        let wrong = (0..).zip(&numbers).find(|(expected, found)| expected != *found);
        ensure!(wrong.is_none(), "expected number and found number: {wrong:?}");
        let mut filled: Vec<u64> = self.filled.iter().map(|(sequence, _)| *sequence).collect();
        filled.sort_unstable();
        ensure!(filled.is_sorted_by(|a, b| a < b), "came twice after it was missing: {filled:?}");
        ensure!(self.unmarked == 0, "{} records were late, but not marked as delayed", self.unmarked);
        Ok(())
    }
}
