//! One run: virtual time goes from one thing that happens to the next.

use std::collections::{BTreeMap, HashMap, HashSet};

use noreturn_link::receiver::{Arrival, EventKind, Mark};
use noreturn_link::{DiodeKey, Receiver, Refusal, Sender};
use noreturn_wire::frame::FRAME_BYTES_MAX;
use noreturn_wire::{BootId, Header};

use crate::judge::{Course, Item, Judge, Line, Tally};
use crate::network::{Datagram, Network, Origin};
use crate::oracle::{Arrived, Sent};
use crate::plant::Plant;
use crate::random::Random;
use crate::scenario::{DIODE, Event, Scenario};

const KEY: DiodeKey = DiodeKey([0x42; 32]);
/// The shortest time that passes in a run: what is due is done within it.
const TICK_US: u64 = 1;
/// Before the end, networks are good for so long, so that heads say how far everything went.
const CALM_US: u64 = 1_500_000;

/// What a run has come to.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Frames sent.
    pub frames: u64,
    /// Bytes of data frames, without history.
    pub data_bytes: u64,
    /// Bytes of parity frames, those of history included.
    pub parity_bytes: u64,
    /// Per receiver.
    pub ends: Vec<EndOutcome>,
}

/// What one receiver has come to.
#[derive(Debug, Default)]
pub struct EndOutcome {
    /// What it said.
    pub tally: Tally,
    /// What it counted, in all its lives.
    pub counters: BTreeMap<&'static str, u64>,
    /// Every line of every boot: its journal in short.
    pub journal: BTreeMap<(BootId, Line), Course>,
    /// Datagrams that it refused, and that were not genuine or came again.
    pub refused: u64,
    /// How long after it was said each record came that parity gave back, in microseconds, in order of length.
    pub recovery_us: Vec<u64>,
}

/// One receiver and the network in front of it.
struct End {
    receiver: Receiver,
    network: Network,
    judge: Judge,
    arrived: Arrived,
    /// Items that came, or that parity gave back, since when; until they are delivered.
    waiting: HashMap<(BootId, Item), u64>,
    hold_us: u64,
    marks: Vec<Mark>,
    clock_ahead_us: u64,
    /// Genuine frames taken; and per boot, the number below which a restart lets nothing pass any more.
    taken: HashSet<(BootId, u64)>,
    floors: BTreeMap<BootId, u64>,
    counters: BTreeMap<&'static str, u64>,
    refused: u64,
    /// Records that parity gave back: boot, source, sequence number, when.
    recovered: Vec<(BootId, u32, u64, u64)>,
}

struct Run<'a> {
    scenario: &'a Scenario,
    random: Random,
    now_us: u64,
    end_us: u64,
    sender: Sender,
    plants: Vec<Plant>,
    sent: Sent,
    ends: Vec<End>,
}

/// Runs the scenario to its end.
///
/// # Panics
/// When a receiver lies: what it says is altered, twice, out of order, not accounted for, or not what it must be able to say.
#[must_use]
pub fn run(scenario: &Scenario) -> Outcome {
    let mut run = Run::new(scenario);
    let mut events = scenario.events.iter().peekable();
    while run.now_us < run.end_us {
        while let Some((_, event)) = events.next_if(|(at, _)| *at <= run.now_us) {
            run.befall(*event);
        }
        run.step();
        let event_us = events.peek().map_or(u64::MAX, |(at, _)| *at);
        run.now_us = run.next_us().min(event_us).max(run.now_us + TICK_US);
    }
    run.finish()
}

impl<'a> Run<'a> {
    fn new(scenario: &'a Scenario) -> Self {
        let mut random = Random(scenario.seed);
        let last_event_us = scenario.events.last().map_or(0, |(at, _)| *at);
        let boot = draw_boot(&mut random);
        let end = |seed| End {
            receiver: Receiver::new(scenario.receiver, [(DIODE, KEY)]),
            network: Network::new(scenario.faults, seed),
            judge: Judge::default(),
            arrived: Arrived::default(),
            waiting: HashMap::new(),
            hold_us: scenario.receiver.hold_us,
            marks: Vec::new(),
            clock_ahead_us: 0,
            taken: HashSet::new(),
            floors: BTreeMap::new(),
            counters: BTreeMap::new(),
            refused: 0,
            recovered: Vec::new(),
        };
        Self {
            scenario,
            now_us: 0,
            end_us: (scenario.duration_us + scenario.drain_us).max(last_event_us + 2 * CALM_US),
            sender: Sender::new(&scenario.sender, boot, &KEY),
            plants: vec![Plant::new(boot, scenario.load, random.draw(), 0)],
            sent: Sent::default(),
            ends: (0..scenario.receivers).map(|_| end(random.draw())).collect(),
            random,
        }
    }

    fn befall(&mut self, event: Event) {
        match event {
            Event::SenderReboots => {
                let boot = draw_boot(&mut self.random);
                self.sender = Sender::new(&self.scenario.sender, boot, &KEY);
                self.plants.push(Plant::new(boot, self.scenario.load, self.random.draw(), self.now_us));
            }
            Event::ReceiverRestarts(end) => {
                let compacted = self.random.chance(500);
                self.ends[end].restart(self.scenario, compacted, self.now_us);
            }
            Event::Cut(end, cut) => self.ends[end].network.cut(cut),
            Event::LinkUp(up) => self.sender.set_link_up(up),
            Event::ClockJump(end, ahead_us) => self.ends[end].clock_ahead_us += ahead_us,
        }
    }

    /// Lets everything happen that is due now.
    fn step(&mut self) {
        let is_over = self.now_us >= self.scenario.duration_us;
        if let Some(plant) = self.plants.last_mut().filter(|plant| plant.next_us() <= self.now_us) {
            plant.speak(self.now_us, is_over, &mut self.sender);
        }
        let is_calm = self.now_us + CALM_US >= self.end_us;
        let mut buffer = [0; FRAME_BYTES_MAX];
        while let Some(length) = self.sender.poll_transmit(self.now_us, &mut buffer) {
            let frame = &buffer[..length];
            self.sent.record(&KEY, frame);
            for end in &mut self.ends {
                if is_calm {
                    end.network.calm();
                }
                end.network.send(self.now_us, frame);
            }
        }
        let boots = self.plants.len();
        for end in &mut self.ends {
            end.step(self.now_us, &self.sent, boots, self.scenario);
        }
    }

    fn next_us(&self) -> u64 {
        let plant_us = self.plants.last().map(Plant::next_us);
        let ends = self.ends.iter().filter_map(|end| end.next_us(self.now_us));
        plant_us.into_iter().chain(self.sender.poll_at()).chain(ends).min().unwrap_or(u64::MAX)
    }

    fn finish(self) -> Outcome {
        let Sent { frames, data_bytes, parity_bytes, .. } = self.sent;
        let ends = self.ends.into_iter().map(|end| end.finish(self.now_us, &self.plants)).collect();
        Outcome { frames, data_bytes, parity_bytes, ends }
    }
}

impl End {
    fn step(&mut self, now_us: u64, sent: &Sent, boots: usize, scenario: &Scenario) {
        let clock_us = now_us + self.clock_ahead_us;
        while let Some(datagram) = self.network.arrived(now_us) {
            let result = self.receiver.handle_datagram(&datagram.bytes, clock_us);
            let due = self.arrived.due.len();
            self.check(&datagram, result, sent, boots > scenario.receiver.sessions_per_diode_max);
            for &came in self.arrived.due.get(due..).unwrap_or_default() {
                if !self.judge.has(came.0, came.1) {
                    self.waiting.entry(came).or_insert(now_us);
                }
            }
            self.listen(now_us);
        }
        self.receiver.handle_timeout(clock_us);
        self.listen(now_us);
    }

    fn check(&mut self, datagram: &Datagram, result: Result<(), Refusal>, sent: &Sent, may_be_ended: bool) {
        let header = Header::parse(&datagram.bytes).map(|(header, _, _)| header);
        match (datagram.origin, result, header) {
            (Origin::Sender, Ok(()), Ok(header)) => {
                assert!(self.taken.insert((header.boot, header.frame)), "a frame was taken twice");
                self.arrived.take(&header, sent);
                self.network.record(&datagram.bytes);
            }
            (Origin::Sender, Err(refusal), Ok(header)) => {
                self.refused += 1;
                let again = self.taken.contains(&(header.boot, header.frame));
                let is_old = self.floors.get(&header.boot).is_some_and(|floor| header.frame < *floor);
                assert!(again || is_old || may_be_ended, "a good frame was refused: {refusal:?}, {header:?}");
            }
            (_, Err(_), _) => self.refused += 1,
            (origin, result, header) => panic!("{origin:?}: {result:?} of {header:?}"),
        }
    }

    /// Takes what the receiver says, and what it wants to be remembered.
    fn listen(&mut self, now_us: u64) {
        while let Some(event) = self.receiver.poll_event() {
            self.judge.handle(event.boot, &event.kind);
            self.check_hold(event.boot, &event.kind, now_us);
            if let EventKind::Record { record, arrival: Arrival::Parity } = event.kind {
                self.recovered.push((event.boot, record.source.0, record.sequence, now_us));
            }
        }
        self.marks.extend(self.receiver.drain_marks());
    }

    /// Nothing that could be delivered waits for longer than it may, whatever comes meanwhile.
    fn check_hold(&mut self, boot: BootId, kind: &EventKind, now_us: u64) {
        let Some(item) = delivered(kind) else { return };
        let Some(since_us) = self.waiting.remove(&(boot, item)) else { return };
        let waited_us = now_us - since_us;
        assert!(waited_us <= self.hold_us + TICK_US, "{item:?} of {boot} waited for {waited_us} us");
    }

    fn restart(&mut self, scenario: &Scenario, compacted: bool, now_us: u64) {
        if compacted {
            self.marks = self.receiver.all_marks().collect();
        }
        self.count();
        self.receiver = Receiver::new(scenario.receiver, [(DIODE, KEY)]);
        self.marks.iter().for_each(|mark| self.receiver.restore(mark, now_us + self.clock_ahead_us));
        for &(boot, frame) in &self.taken {
            let floor = self.floors.entry(boot).or_default();
            *floor = (*floor).max(frame + 1);
        }
        self.arrived.restart();
        self.judge.restart();
        // What was held back, waiting for others, is gone with the process.
        self.arrived.due.clear();
        self.waiting.clear();
    }

    fn count(&mut self) {
        for (name, value) in self.receiver.counters().named() {
            *self.counters.entry(name).or_default() += value;
        }
    }

    fn next_us(&self, now_us: u64) -> Option<u64> {
        let timeout = self.receiver.poll_at().map(|at| at.saturating_sub(self.clock_ahead_us).max(now_us));
        timeout.into_iter().chain(self.network.next_us()).min()
    }

    fn finish(mut self, now_us: u64, plants: &[Plant]) -> EndOutcome {
        for (&(boot, item), since_us) in &self.waiting {
            let waits_us = now_us - since_us;
            assert!(waits_us <= self.hold_us + TICK_US, "{item:?} of {boot} waits for {waits_us} us");
        }
        // What came just now and waits for others is told, too.
        self.receiver.handle_timeout(u64::MAX);
        self.listen(now_us);
        self.count();
        for &(boot, item) in &self.arrived.due {
            assert!(
                self.judge.has(boot, item),
                "{item:?} of {boot} has come and was not delivered; known of its line: {:?}",
                self.judge.lines().get(&(boot, item.0))
            );
        }
        assert_eq!(
            self.counters["shards_recovered"], self.arrived.recoverable,
            "shards that parity gives back"
        );
        for (number, plant) in plants.iter().enumerate() {
            self.check_ends(plant, number + 1 == plants.len());
        }
        let said_us = |&(boot, source, sequence, came_us): &(BootId, u32, u64, u64)| {
            let plant = plants.iter().find(|plant| plant.boot == boot)?;
            Some(came_us - plant.records.get(source as usize)?.get(sequence as usize)?)
        };
        let mut recovery_us: Vec<u64> = self.recovered.iter().filter_map(said_us).collect();
        recovery_us.sort_unstable();
        EndOutcome {
            recovery_us,
            tally: self.judge.tally,
            counters: self.counters,
            journal: self.judge.lines().clone(),
            refused: self.refused,
        }
    }

    /// Nothing was said that the plant has not said; and of the last boot, everything is accounted for.
    fn check_ends(&self, plant: &Plant, is_last: bool) {
        let end = |line| self.judge.lines().get(&(plant.boot, line)).map_or(0, |course: &Course| course.end);
        for (source, said) in (0..).zip(&plant.records) {
            let said = said.len() as u64;
            let end = end(Line::Source(source));
            assert!(end <= said, "source {source}: {end} of {said}");
            assert!(!is_last || end == said, "source {source}: only {end} of {said} are accounted for");
        }
        for (stream, &said) in (0..).zip(&plant.streams) {
            assert!(end(Line::Stream(stream)) <= said, "stream {stream} has more steps than were made");
        }
    }
}

/// The item that an event delivers, if it does.
const fn delivered(kind: &EventKind) -> Option<Item> {
    match kind {
        EventKind::Record { record, .. } => Some((Line::Source(record.source.0), record.sequence)),
        EventKind::Stream { stream, sequence, .. } => Some((Line::Stream(stream.0), *sequence)),
        _ => None,
    }
}

fn draw_boot(random: &mut Random) -> BootId {
    let (high, low) = (random.draw(), random.draw());
    BootId((u128::from(high) << 64 | u128::from(low)).to_be_bytes())
}
