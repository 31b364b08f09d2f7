//! Datagrams to items on virtual time, without a socket: which diodes are silent, whatever others send in their name.

use std::collections::BTreeMap;

use noreturn_link::{DiodeKey, ReceiverConfig, Sender, SenderConfig};
use noreturn_wire::crossing::Sending;
use noreturn_wire::frame::FRAME_BYTES_MAX;
use noreturn_wire::{Beacon, BootId, Class, DiodeId, Message, Quality, Record, SourceId, TimeQuality, Value};

use super::*;
use crate::config::DiodeConfig;
use crate::engine::tests::{diode, limits};

const S: u64 = 1_000_000;
const TICK_US: u64 = 20_000;
const SILENT_AFTER_US: u64 = 10 * S;
/// Start of the receiver's time, in microseconds since 1970.
const START_UNIX_US: u64 = 1_795_395_723_000_000;

/// What becomes of a diode.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fate {
    Lives,
    NeverHeard,
    /// Stops at 20 s.
    Stops,
    /// Stops at 20 s, and goes on at 50 s.
    ComesBack,
    /// Stops at 20 s, and is booted again at 60 s.
    BootsAgain,
}

const FATES: [Fate; 5] = [Fate::Lives, Fate::NeverHeard, Fate::Stops, Fate::ComesBack, Fate::BootsAgain];
const DIODES: u32 = 150;

fn fate(number: u32) -> Fate {
    FATES[number as usize % FATES.len()]
}

impl Fate {
    fn speaks(self, now_us: u64) -> bool {
        match self {
            Self::Lives => true,
            Self::NeverHeard => false,
            Self::Stops => now_us < 20 * S,
            Self::ComesBack => !(20 * S..50 * S).contains(&now_us),
            Self::BootsAgain => !(20 * S..60 * S).contains(&now_us),
        }
    }
}

fn key(number: u32) -> DiodeKey {
    DiodeKey([number as u8 + 1; 32])
}

fn sender(number: u32, boot: u8, key: &DiodeKey) -> Sender {
    let mut config = SenderConfig::new(DiodeId(number), 1 << 30);
    for class in [&mut config.alarm, &mut config.telemetry, &mut config.bulk] {
        (class.queue_bytes_max, class.history_bytes_max, class.blocks.blocks_max) = (4096, 0, 1);
    }
    config.history.share_per_mille = 0;
    config.history.blocks.blocks_max = 1;
    Sender::new(&config, BootId([boot; 16]), key)
}

/// The frames that a sender has to send: a beacon and a record.
fn frames(sender: &mut Sender, now_us: u64) -> Vec<Vec<u8>> {
    sender.set_beacon(&Beacon::default());
    let (quality, value) = (Quality::Good, Value::Bool(true));
    let record = Message::Record(Record {
        source: SourceId(0),
        sequence: now_us / S,
        acquired_us: 0,
        time_quality: TimeQuality::NONE,
        quality,
        value,
    });
    let mut buffer = [0; FRAME_BYTES_MAX];
    let sending = Sending { class: Class::Telemetry, kept: false };
    sender.push(sending, record.encode(&mut buffer).unwrap()).unwrap();
    let frame = || sender.poll_transmit(now_us, &mut buffer).map(|length| buffer[..length].to_vec());
    std::iter::from_fn(frame).collect()
}

struct Bench {
    receiver: Receiver,
    engine: Engine,
    now_us: u64,
    /// Per diode, when it was said to be silent (true) or heard again.
    said: BTreeMap<String, Vec<(u64, bool)>>,
    alarms: usize,
}

impl Bench {
    fn new() -> Self {
        let diodes: Vec<DiodeConfig> = (0..DIODES)
            .map(|number| DiodeConfig {
                silent_after_us: SILENT_AFTER_US,
                ..diode(DiodeId(number), &format!("d{number}"))
            })
            .collect();
        let keys = (0..DIODES).map(|number| (DiodeId(number), key(number)));
        let receiver = Receiver::new(ReceiverConfig::default(), keys);
        Self { receiver, engine: Engine::new(&diodes, limits()), now_us: 0, said: BTreeMap::new(), alarms: 0 }
    }

    fn take(&mut self, datagram: &[u8]) -> Result<(), Refusal> {
        let now = Moment { us: self.now_us, unix_us: START_UNIX_US + self.now_us };
        let mut items = Vec::new();
        let result = take_datagram(&mut self.receiver, &mut self.engine, datagram, now, &mut items);
        self.note(&items);
        result
    }

    fn tick(&mut self) {
        self.now_us += TICK_US;
        let mut items = Vec::new();
        self.receiver.handle_timeout(self.now_us);
        drain(&mut self.receiver, &mut self.engine, self.now_us, &mut items);
        self.engine.handle_timeout(self.now_us, &mut items);
        self.note(&items);
    }

    fn note(&mut self, items: &[Item]) {
        for item in items {
            match item {
                Item::Silence(silence) => {
                    let said = self.said.entry(silence.diode.to_string()).or_default();
                    said.push((self.now_us, silence.is_silent));
                }
                Item::SilenceAlarm(silence) => {
                    assert!(silence.is_silent && silence.silent_us >= SILENT_AFTER_US);
                    self.alarms += 1;
                }
                _ => {}
            }
        }
    }

    fn said(&self, number: u32) -> Vec<(u64, bool)> {
        self.said.get(&format!("d{number}")).cloned().unwrap_or_default()
    }
}

#[test]
fn of_many_diodes_the_silent_ones_are_alarms_whatever_somebody_sends_in_their_name() {
    let mut bench = Bench::new();
    let mut senders: Vec<Sender> = (0..DIODES).map(|number| sender(number, 2, &key(number))).collect();
    let mut strangers: Vec<Sender> =
        (0..DIODES).map(|number| sender(number, 9, &DiodeKey([0xee; 32]))).collect();
    let mut recorded: Vec<Vec<u8>> = Vec::new();
    // Of a boot before, some frames were heard, and some somebody has held back.
    let mut withheld: Vec<Vec<u8>> = Vec::new();
    for number in (0..DIODES).filter(|&number| fate(number) != Fate::NeverHeard) {
        let mut earlier = sender(number, 1, &key(number));
        let heard = frames(&mut earlier, 0);
        heard.iter().for_each(|frame| assert_eq!(bench.take(frame), Ok(())));
        recorded.extend(heard);
        withheld.extend((1..20).flat_map(|second| frames(&mut earlier, second * S)));
    }
    let (mut again, mut held_back) = (0, withheld.into_iter());
    while bench.now_us < 90 * S {
        if bench.now_us.is_multiple_of(S) {
            for (number, live) in (0..).zip(&mut senders) {
                if fate(number) == Fate::BootsAgain && bench.now_us == 60 * S {
                    *live = sender(number, 3, &key(number));
                }
                if fate(number).speaks(bench.now_us) {
                    for frame in frames(live, bench.now_us) {
                        assert_eq!(bench.take(&frame), Ok(()));
                        recorded.push(frame);
                    }
                }
            }
            for stranger in &mut strangers {
                for forged in frames(stranger, bench.now_us) {
                    assert_eq!(bench.take(&forged), Err(Refusal::ForgedHeader));
                }
            }
            for old in held_back.by_ref().take(150) {
                let _ = bench.take(&old);
            }
        }
        for _ in 0..10 {
            again = (again + 7919) % recorded.len();
            assert!(bench.take(&recorded[again]).is_err());
        }
        bench.tick();
    }
    let silent_at = |heard_us: u64| (heard_us + SILENT_AFTER_US, true);
    for number in 0..DIODES {
        let expected = match fate(number) {
            Fate::Lives => vec![],
            Fate::NeverHeard => vec![silent_at(0)],
            Fate::Stops => vec![silent_at(19 * S)],
            Fate::ComesBack => vec![silent_at(19 * S), (50 * S, false)],
            Fate::BootsAgain => vec![silent_at(19 * S), (60 * S, false)],
        };
        assert_eq!(bench.said(number), expected, "{number}: {:?}", fate(number));
    }
    assert_eq!(bench.alarms, 4 * DIODES as usize / 5);
    for (number, state) in (0..).zip(bench.engine.diodes()) {
        let heard_us = state.heard.map(|heard| (heard.us, heard.unix_us - START_UNIX_US));
        let (is_silent, at_s) = match fate(number) {
            Fate::Lives | Fate::ComesBack | Fate::BootsAgain => (false, Some(89)),
            Fate::NeverHeard => (true, None),
            Fate::Stops => (true, Some(19)),
        };
        assert_eq!((state.silent, heard_us), (is_silent, at_s.map(|s| (s * S, s * S))), "{number}");
    }
}

#[test]
fn a_silence_is_told_once_and_ends_with_one_frame_of_any_kind() {
    let mut bench = Bench::new();
    let mut live = sender(0, 1, &key(0));
    while bench.now_us < 30 * S {
        bench.tick();
    }
    assert_eq!(bench.said(0), [(SILENT_AFTER_US, true)]);
    let sent = frames(&mut live, bench.now_us);
    let data = sent.iter().find(|frame| frame[40] & 0x0f == 0).unwrap();
    assert_eq!(bench.take(data), Ok(()));
    assert_eq!(bench.said(0).last(), Some(&(30 * S, false)));
    while bench.now_us < 50 * S {
        bench.tick();
    }
    assert_eq!(bench.said(0).len(), 3);
    assert_eq!(bench.said(0).last(), Some(&(40 * S, true)));
}
