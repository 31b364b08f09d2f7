//! The inside half: a network stack, a poller per device, the clock, the status that can be read, and the writing
//! end of the ring.

mod serial;
mod status;
mod time;

use alloc::vec::Vec;

use noreturn_collect::{Announcer, Recorder, Sequencer};
use noreturn_image_format::Config;
use noreturn_inside::neighbours::Change;
use noreturn_inside::random::Generator;
use noreturn_inside::{Card, Devices, Stack};
use noreturn_nic::ethernet::{FRAME_BYTES_MAX, StationAddress};
use noreturn_nic::{InsideCard, LinkSight};
use noreturn_ring::CountingWriter;
use noreturn_status::Backlog;
use noreturn_wire::crossing::{CROSSING_BYTES_MAX, encode_clock, encode_counters, encode_message};
use noreturn_wire::{Class, Counter, Counters, Message};

use crate::clock::Clock;
use crate::crossing::Writer;
use crate::facts::Facts;
use crate::fatal::say;
use crate::settings;
use status::Status;
use time::Time;

/// Time from one snapshot of the counters to the next; a beacon needs one.
const SNAPSHOT_US: u64 = 500_000;

pub struct Inside {
    card: InsideCard,
    stack: Stack,
    devices: Devices,
    random: Generator,
    status: Status,
    time: Time,
    sequencer: Sequencer,
    /// Class of each source, by its number.
    classes: Vec<Class>,
    announcer: Announcer,
    counters: Counters,
    entries: CountingWriter<'static>,
    snapshot_at_us: u64,
}

impl Inside {
    /// `sight` shows the outside card's link; `random` is for the inside alone from now on.
    pub fn new(
        mut card: InsideCard,
        sight: LinkSight,
        facts: &Facts,
        config: Config,
        clock: &Clock,
        mut random: Generator,
        writer: Writer,
    ) -> Self {
        let (uptime_us, station) = (clock.uptime_us(), card.station_address());
        let mut stack = Stack::new(&mut Wire(&mut card), station, &config, &mut random, uptime_us);
        let classes = settings::classes(&config);
        let status = Status::new(facts, &config, sight, &mut stack);
        let time = Time::new(&config.time, clock.rtc_us(), &mut stack.ports, &mut stack.sockets);
        Self {
            card,
            stack,
            devices: Devices::new(config.devices),
            random,
            status,
            time,
            sequencer: Sequencer::new(config.sources.len()),
            classes,
            announcer: Announcer::new(config.sources, config.link.announce_period_ms, uptime_us),
            counters: Counters::default(),
            entries: CountingWriter::new(writer),
            snapshot_at_us: 0,
        }
    }

    /// Collects what there is; whether there was anything to do.
    pub fn step(&mut self, clock: &Clock) -> bool {
        let mut busy = self.stack.poll(&mut Wire(&mut self.card), clock.uptime_us(), &mut self.counters);
        // Read after the frames were taken, so that nothing is said to have come before it did.
        let uptime_us = clock.uptime_us();
        busy |= self.time.step(uptime_us, &mut self.random, &mut self.stack.sockets, &mut self.counters);
        let now = self.time.now(uptime_us);
        let entries = &mut self.entries;
        let Status { panel, backlog, .. } = &mut self.status;
        let mut recorder = Recorder {
            sequencer: &mut self.sequencer,
            classes: &self.classes,
            counters: &mut self.counters,
            write: |class, message: &Message<'_>| write(entries, backlog, class, message),
        };
        let devices = self.devices.connections(now, || self.card.link_up(), &mut self.stack);
        for (place, device) in devices.iter_mut().enumerate() {
            let mut watched = panel.watch(place, &mut recorder, now);
            busy |= device.step(now, &mut self.stack, &mut watched);
        }
        while let Some(message) = self.announcer.poll(now.uptime_us, &self.sequencer) {
            write(&mut self.entries, &mut self.status.backlog, Class::Telemetry, &message);
        }
        #[cfg(feature = "planted")]
        crate::planted::load::offer(|class, message| {
            busy = true;
            write(&mut self.entries, &mut self.status.backlog, class, message);
        });
        self.status.look(now, self.card.link_up(), &self.counters);
        if let Some(Change { address, from, to }) = self.stack.take_change(now.uptime_us) {
            let [from, to] = [from, to].map(StationAddress);
            say!("{address} is now at {to}, no longer at {from}");
        }
        self.announcer.see_link(self.status.backlog.link_up(), now.uptime_us);
        busy |= self.status.serve(now, &mut self.stack, &mut self.counters);
        self.snapshot(uptime_us);
        busy
    }

    /// When there will be something to do, if no frame comes in.
    pub fn poll_at(&mut self, uptime_us: u64) -> u64 {
        let devices_us = self.devices.poll_at();
        let stack_us = self.stack.poll_at(uptime_us);
        let own_us = self.announcer.poll_at().min(self.snapshot_at_us).min(self.status.poll_at());
        devices_us.min(stack_us).min(own_us).min(self.time.poll_at())
    }

    fn snapshot(&mut self, uptime_us: u64) {
        if uptime_us < self.snapshot_at_us {
            return;
        }
        self.snapshot_at_us = uptime_us + SNAPSHOT_US;
        self.entries.write(encode_clock(&self.time.read(uptime_us), &mut [0; CROSSING_BYTES_MAX]));
        let card = self.card.counters();
        self.counters.set(Counter::InsideFramesReceived, card.frames_received);
        self.counters.set(Counter::InsideFramesDamaged, card.frames_damaged);
        self.counters.set(Counter::InsideFramesSent, card.transmit.frames_sent);
        self.counters.set(Counter::InsideTransmitFull, card.transmit.ring_full);
        self.counters.set(Counter::InsideLengthInvalid, card.transmit.length_invalid);
        let answers = card.receive_answers_invalid + card.transmit.answers_invalid;
        self.counters.set(Counter::InsideAnswersInvalid, answers);
        // This entry is one of them.
        self.counters.set(Counter::RingWritten, self.entries.written() + 1);
        self.counters.set(Counter::RingRefused, self.entries.refused());
        self.entries.write(encode_counters(&self.counters, &mut [0; CROSSING_BYTES_MAX]));
    }
}

/// Writes a message into the ring; one that will be kept may wait there for the outside link.
fn write(entries: &mut CountingWriter<'_>, backlog: &mut Backlog, class: Class, message: &Message<'_>) {
    let bytes = entries.write(encode_message(class, message, &mut [0; CROSSING_BYTES_MAX]));
    if let Some(bytes) = bytes.filter(|_| message.is_kept()) {
        // The entry is a little longer than the message that is kept: the bound stays one.
        backlog.wrote(class, bytes);
    }
}

/// The inside card, as the network stack knows it.
struct Wire<'a>(&'a mut InsideCard);

impl Card for Wire<'_> {
    fn receive(&mut self, frame: &mut [u8; FRAME_BYTES_MAX]) -> Option<usize> {
        self.0.receive(frame)
    }

    fn has_room(&mut self) -> bool {
        self.0.has_room()
    }

    fn transmit(&mut self, frame: &[u8]) {
        // The driver counts what it had to refuse; protocols send again.
        let _ = self.0.transmit(frame);
    }
}
