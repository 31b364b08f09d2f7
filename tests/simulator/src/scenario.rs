//! What a run is like: who says how much, what the network does, and what befalls both ends.

use std::ops::Range;

use noreturn_fec::Geometry;
use noreturn_link::{HistoryOrder, ReceiverConfig, SenderConfig};
use noreturn_wire::{DiodeId, Suite};

use crate::network::Faults;
use crate::random::Random;

/// The diode of every run.
pub const DIODE: DiodeId = DiodeId(7);

const S: u64 = 1_000_000;

/// One run.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Everything random follows from it.
    pub seed: u64,
    /// The sending end.
    pub sender: SenderConfig,
    /// Every receiving end.
    pub receiver: ReceiverConfig,
    /// Receivers; each behind a network of its own.
    pub receivers: usize,
    /// What every network does.
    pub faults: Faults,
    /// What the plant says.
    pub load: Load,
    /// For so long, in microseconds.
    pub duration_us: u64,
    /// Then it is quiet for so long: only heads and history.
    pub drain_us: u64,
    /// What else happens, and when.
    pub events: Vec<(u64, Event)>,
}

/// What befalls one of the ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// The box is reset: a new boot with a new sender.
    SenderReboots,
    /// This receiver is killed and started again, with nothing but its marks.
    ReceiverRestarts(usize),
    /// This receiver's network lets nothing through, or does so again.
    Cut(usize, bool),
    /// The cable at the box is out, which the box sees, or in again.
    LinkUp(bool),
    /// This receiver's clock jumps ahead by so many microseconds.
    ClockJump(usize, u64),
}

/// What the plant says, as times between messages in microseconds; 0 is never.
#[derive(Clone, Copy, Debug, Default)]
pub struct Load {
    /// Sources of alarms.
    pub alarm_sources: u32,
    /// From one alarm to the next.
    pub alarm_interval_us: u64,
    /// Sources of telemetry.
    pub telemetry_sources: u32,
    /// From one record to the next.
    pub telemetry_interval_us: u64,
    /// From one step of the open stream to the next.
    pub stream_interval_us: u64,
    /// From one part of the open file to the next.
    pub file_interval_us: u64,
}

impl Scenario {
    /// Telemetry of 20 sources over a good network, without history.
    #[must_use]
    pub fn telemetry(seed: u64, interval_us: u64, duration_us: u64) -> Self {
        let mut sender = SenderConfig::new(DIODE, 125_000_000);
        sender.history.share_per_mille = 0;
        Self {
            seed,
            sender,
            receiver: ReceiverConfig::default(),
            receivers: 1,
            faults: Faults::default(),
            load: Load { telemetry_sources: 20, telemetry_interval_us: interval_us, ..Load::default() },
            duration_us,
            drain_us: 2 * S,
            events: Vec::new(),
        }
    }

    /// Anything: loads, faults, configurations and events are drawn from the seed.
    #[must_use]
    pub fn any(seed: u64) -> Self {
        let mut dice = Random(seed);
        let mut scenario = Self::telemetry(seed, 200 + dice.below(3_000), (1 + dice.below(5)) * S);
        scenario.receivers = 1 + usize::from(dice.chance(300));
        scenario.load.alarm_sources = dice.below(4) as u32;
        scenario.load.alarm_interval_us = dice.below(50_000);
        scenario.load.stream_interval_us = dice.below(2) * (200 + dice.below(3_000));
        scenario.load.file_interval_us = dice.below(2) * (200 + dice.below(3_000));
        scenario.faults = any_faults(&mut dice);
        any_sender(&mut dice, &mut scenario.sender);
        // The oracle knows no bounds but those of the protocol.
        let receiver = &mut scenario.receiver;
        (receiver.gaps_max, receiver.shard_bytes_max, receiver.streams_max) = (1 << 20, 64 << 20, 1 << 20);
        if dice.chance(500) {
            scenario.sender.history.share_per_mille = 20 + dice.below(400) as u32;
            scenario.sender.history.interval_us = dice.below(2 * S);
            scenario.drain_us = (2 + dice.below(4)) * S;
        }
        for _ in 0..dice.below(6) {
            any_event(&mut dice, &mut scenario);
        }
        scenario.events.sort_by_key(|(at, _)| *at);
        scenario
    }
}

/// A cable that is out for `out_us` and in again for `in_us`, again and again for so long.
pub fn flapping(times: Range<u64>, out_us: u64, in_us: u64) -> impl Iterator<Item = (u64, Event)> {
    let starts = times.step_by((out_us + in_us) as usize);
    starts.flat_map(move |at| [(at, Event::LinkUp(false)), (at + out_us, Event::LinkUp(true))])
}

fn any_faults(dice: &mut Random) -> Faults {
    let nasty = dice.chance(500);
    Faults {
        lost: dice.below(2) * dice.below(300),
        burst_per_million: dice.below(2) * dice.below(3_000),
        burst_every_frames: 0,
        burst_frames: dice.below(200),
        burst_varies: dice.chance(500),
        duplicated: if nasty { dice.below(100) } else { 0 },
        corrupted: if nasty { dice.below(100) } else { 0 },
        forged: if nasty { dice.below(100) } else { 0 },
        replayed: if nasty { dice.below(100) } else { 0 },
        delay_us_max: dice.below(2) * dice.below(30_000),
    }
}

fn any_sender(dice: &mut Random, sender: &mut SenderConfig) {
    sender.suite = Suite::ALL[dice.below(2) as usize];
    sender.rate_bytes_per_s = 500_000 + dice.below(20_000_000);
    sender.burst_bytes = 3_028 + dice.below(65_536);
    for class in [&mut sender.alarm, &mut sender.telemetry, &mut sender.bulk] {
        let (data, parity) = (1 + dice.below(60) as u8, dice.below(20) as u8);
        class.blocks.geometry = Geometry::new(data, parity).unwrap_or(class.blocks.geometry);
        class.blocks.parity_min = dice.below(5) as u8;
        class.blocks.latency_us_max = 1 + dice.below(40_000);
        class.blocks.span_us = dice.below(2) * dice.below(300_000);
        class.blocks.blocks_max = 1 + dice.below(40) as usize;
        class.weight = 1 + dice.below(10) as u32;
        class.queue_bytes_max = 4_096 + dice.below(1 << 20) as usize;
        class.history_bytes_max = (dice.below(2) * dice.below(4 << 20)) as usize;
    }
    sender.history.order =
        if dice.chance(500) { HistoryOrder::OldestFirst } else { HistoryOrder::NewestFirst };
}

/// An event, and what undoes it a while later.
fn any_event(dice: &mut Random, scenario: &mut Scenario) {
    let at = dice.below(scenario.duration_us);
    let later = at + 1 + dice.below(scenario.duration_us / 2);
    let receiver = dice.below(scenario.receivers as u64) as usize;
    let events = &mut scenario.events;
    match dice.below(6) {
        0 => events.push((at, Event::SenderReboots)),
        1 => events.push((at, Event::ReceiverRestarts(receiver))),
        2 => events.extend([(at, Event::Cut(receiver, true)), (later, Event::Cut(receiver, false))]),
        3 => events.extend([(at, Event::LinkUp(false)), (later, Event::LinkUp(true))]),
        4 => {
            let (out_us, in_us) = (1 + dice.below(S / 4), 1 + dice.below(S / 4));
            events.extend(flapping(at..later, out_us, in_us));
        }
        // Six of them are still less than what a receiver waits for a block that goes on.
        _ => events.push((at, Event::ClockJump(receiver, dice.below(9 * S)))),
    }
}
