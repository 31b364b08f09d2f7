//! The inside half: a network stack, a poller per device, the clock, the status that can be read, and the writing
//! end of the ring.

mod line;
mod serial;
mod status;
mod time;

use alloc::vec::Vec;

use noreturn_collect::{Announcer, Recorder, Sequencer};
use noreturn_image_format::Config;
use noreturn_inside::filter::Filtered;
use noreturn_nic::{InsideCard, LinkSight};
use noreturn_status::Backlog;
use noreturn_wire::crossing::{CROSSING_BYTES_MAX, encode_clock, encode_counters, encode_message};
use noreturn_wire::{Class, Counter, Counters, Message};
use smoltcp::iface::{Config as InterfaceConfig, Interface, PollIngressSingleResult, PollResult, SocketSet};
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, IpCidr, Ipv4Cidr};

use crate::clock::Clock;
use crate::crossing::Writer;
use crate::facts::Facts;
use crate::fatal::Fatal;
use crate::settings;
use line::Line;
use status::Status;
use time::Time;

/// Time from one snapshot of the counters to the next; a beacon needs one.
const SNAPSHOT_US: u64 = 500_000;
/// Frames taken from the card in one step at most: a flood inside must not keep frames from leaving outside.
const FRAMES_MAX: usize = 64;

pub struct Inside {
    card: InsideCard,
    interface: Interface,
    /// TCP ports on which something listens.
    listening: Vec<u16>,
    sockets: SocketSet<'static>,
    lines: Vec<Line>,
    status: Status,
    time: Time,
    sequencer: Sequencer,
    /// Class of each source, by its number.
    classes: Vec<Class>,
    announcer: Announcer,
    counters: Counters,
    writer: Writer,
    /// Entries written into the ring.
    written: u64,
    snapshot_at_us: u64,
}

impl Inside {
    /// `sight` shows the outside card's link. `seed` makes TCP's sequence numbers and ports unpredictable.
    pub fn new(
        mut card: InsideCard,
        sight: LinkSight,
        facts: &Facts,
        config: Config,
        clock: &Clock,
        seed: [u8; 8],
        writer: Writer,
    ) -> Self {
        let seed = u64::from_le_bytes(seed);
        let uptime_us = clock.uptime_us();
        let interface = interface(&mut card, &config, uptime_us, seed);
        let classes = settings::classes(&config);
        let mut sockets = SocketSet::new(Vec::new());
        let status = Status::new(facts, &config, sight, &mut sockets);
        let time = Time::new(&config.time, clock.rtc_us(), seed, &mut sockets);
        let now = time.now(uptime_us);
        let lines = (0..)
            .zip(config.devices)
            .map(|(index, device)| Line::new(device, index, seed, now, &mut sockets))
            .collect();
        Self {
            card,
            interface,
            listening: config.status.ports().collect(),
            sockets,
            lines,
            status,
            time,
            sequencer: Sequencer::new(config.sources.len()),
            classes,
            announcer: Announcer::new(config.sources, config.link.announce_period_ms, uptime_us),
            counters: Counters::default(),
            writer,
            written: 0,
            snapshot_at_us: 0,
        }
    }

    /// Collects what there is; whether there was anything to do.
    pub fn step(&mut self, clock: &Clock) -> Result<bool, Fatal> {
        let mut busy = self.poll(clock.uptime_us());
        // Read after the frames were taken, so that nothing is said to have come before it did.
        let uptime_us = clock.uptime_us();
        busy |= self.time.step(uptime_us, &mut self.sockets, &mut self.counters)?;
        let now = self.time.now(uptime_us);
        let (writer, written) = (&mut self.writer, &mut self.written);
        let Status { panel, backlog, .. } = &mut self.status;
        let mut recorder = Recorder {
            sequencer: &mut self.sequencer,
            classes: &self.classes,
            counters: &mut self.counters,
            write: |class, message: &Message<'_>| write(writer, written, backlog, class, message),
        };
        for (place, line) in self.lines.iter_mut().enumerate() {
            let mut watched = panel.watch(place, &mut recorder, now);
            busy |= line.step(now, self.interface.context(), &mut self.sockets, &mut watched);
        }
        while let Some(message) = self.announcer.poll(now.uptime_us, &self.sequencer) {
            write(&mut self.writer, &mut self.written, &mut self.status.backlog, Class::Telemetry, &message);
        }
        #[cfg(feature = "planted")]
        crate::planted::load::offer(|class, message| {
            busy = true;
            write(&mut self.writer, &mut self.written, &mut self.status.backlog, class, message);
        });
        self.status.look(now, self.card.link_up(), &self.counters);
        self.announcer.see_link(self.status.backlog.link_up(), now.uptime_us);
        busy |= self.status.serve(now, &mut self.sockets, &mut self.counters);
        self.snapshot(uptime_us);
        Ok(busy)
    }

    /// When there will be something to do, if no frame comes in.
    pub fn poll_at(&mut self, uptime_us: u64) -> u64 {
        let lines_us = self.lines.iter().map(Line::poll_at).min().unwrap_or(u64::MAX);
        let stack = self.interface.poll_at(instant(uptime_us), &self.sockets);
        let stack_us = stack.map_or(u64::MAX, |at| u64::try_from(at.total_micros()).unwrap_or(0));
        let own_us = self.announcer.poll_at().min(self.snapshot_at_us).min(self.status.poll_at());
        lines_us.min(stack_us).min(own_us).min(self.time.poll_at())
    }

    /// Lets the network stack take and send frames, a bounded number of them; whether there was anything to do.
    fn poll(&mut self, uptime_us: u64) -> bool {
        let (now, sockets) = (instant(uptime_us), &mut self.sockets);
        let (device, listening, counters) = (&mut self.card, &self.listening, &mut self.counters);
        let card = &mut Filtered { device, listening, counters };
        self.interface.poll_maintenance(now);
        let mut frames = 0;
        while frames < FRAMES_MAX
            && self.interface.poll_ingress_single(now, card, sockets) != PollIngressSingleResult::None
        {
            frames += 1;
        }
        let mut busy = frames > 0;
        for _ in 0..FRAMES_MAX {
            if self.interface.poll_egress(now, card, sockets) == PollResult::None {
                break;
            }
            busy = true;
        }
        busy
    }

    fn snapshot(&mut self, uptime_us: u64) {
        if uptime_us < self.snapshot_at_us {
            return;
        }
        self.snapshot_at_us = uptime_us + SNAPSHOT_US;
        // Counters and clock are far shorter than an entry may be.
        if let Ok(entry) = encode_clock(&self.time.read(uptime_us), &mut [0; CROSSING_BYTES_MAX]) {
            enter(&mut self.writer, &mut self.written, entry);
        }
        let card = self.card.counters();
        self.counters.set(Counter::InsideFramesReceived, card.frames_received);
        self.counters.set(Counter::InsideFramesDamaged, card.frames_damaged);
        self.counters.set(Counter::InsideFramesSent, card.transmit.frames_sent);
        self.counters.set(Counter::InsideTransmitFull, card.transmit.ring_full);
        self.counters.set(Counter::InsideLengthInvalid, card.transmit.length_invalid);
        let answers = card.receive_answers_invalid + card.transmit.answers_invalid;
        self.counters.set(Counter::InsideAnswersInvalid, answers);
        // This entry is one of them.
        self.counters.set(Counter::RingWritten, self.written + 1);
        if let Ok(entry) = encode_counters(&self.counters, &mut [0; CROSSING_BYTES_MAX]) {
            enter(&mut self.writer, &mut self.written, entry);
        }
    }
}

/// Writes an entry into the ring, and counts it; whether it was written.
fn enter(writer: &mut Writer, written: &mut u64, entry: &[u8]) -> bool {
    let is_written = writer.write(entry).is_ok();
    *written += u64::from(is_written);
    is_written
}

/// Writes a message into the ring; one that will be kept may wait there for the outside link.
fn write(writer: &mut Writer, written: &mut u64, backlog: &mut Backlog, class: Class, message: &Message<'_>) {
    // Every message that the collectors make fits an entry, which is as long as a shard.
    if let Ok(entry) = encode_message(class, message, &mut [0; CROSSING_BYTES_MAX])
        && enter(writer, written, entry)
        && message.is_kept()
    {
        // The entry is a little longer than the message that is kept: the bound stays one.
        backlog.wrote(class, entry.len());
    }
}

fn interface(card: &mut InsideCard, config: &Config, uptime_us: u64, seed: u64) -> Interface {
    let mut settings = InterfaceConfig::new(EthernetAddress(card.station_address()).into());
    settings.random_seed = seed;
    let mut interface = Interface::new(settings, card, instant(uptime_us));
    let inside = &config.inside;
    interface.update_ip_addrs(|addresses| {
        // The list is empty and has room for at least one.
        let _ = addresses.push(IpCidr::Ipv4(Ipv4Cidr::new(inside.address, inside.prefix)));
    });
    if let Some(gateway) = inside.gateway {
        // The route table is empty and has room for at least one.
        let _ = interface.routes_mut().add_default_ipv4_route(gateway);
    }
    interface
}

fn instant(uptime_us: u64) -> Instant {
    Instant::from_micros(i64::try_from(uptime_us).unwrap_or(i64::MAX))
}
