//! The bound on the history against the history itself: the kernel's sender, with the link down.

extern crate alloc;

mod common;
#[path = "../../../kernel-app/src/settings.rs"]
#[allow(dead_code)]
mod settings;

use common::{config, plain};
use noreturn_link::{DiodeKey, Sender};
use noreturn_status::Backlog;
use noreturn_wire::crossing::Sending;
use noreturn_wire::{BootId, Class, Counter};
use proptest::prelude::*;

const HISTORY_BYTES: [u32; 3] = [131_072, 150_000, 262_144];

/// Writes messages of these lengths, `before` of them with the link up and then as many without it as the bound says
/// that the history holds. What is written before the outage goes first: so no more messages may be forgotten than
/// there were before.
fn check(class: Class, history_bytes: u32, before: usize, lengths: &[usize]) -> Result<(), String> {
    let mut config = config(0, plain);
    let link = &mut config.link;
    let classes = [&mut link.alarm, &mut link.telemetry, &mut link.bulk];
    classes.into_iter().for_each(|class| class.history_bytes_max = history_bytes);
    let (mut sender, mut backlog) = (sender(&config), Backlog::new(&config));
    let mut lengths = lengths.iter().cycle();
    let mut write = |backlog: &mut Backlog| {
        let bytes = lengths.next().copied().unwrap_or(1);
        // A message that finds no room in the queue is kept all the same.
        let _ = sender.push(Sending { class, kept: true }, &vec![7; bytes]);
        backlog.wrote(class, bytes);
        sender.counters().get(Counter::LinkHistoryForgotten)
    };
    for _ in 0..before {
        write(&mut backlog);
    }
    backlog.look(1, true);
    backlog.look(2, false);
    for waiting in 1.. {
        let forgotten = write(&mut backlog);
        if backlog.percent() > 100 {
            break;
        }
        if forgotten > before as u64 {
            return Err(format!(
                "{forgotten} are forgotten after {before} before and {waiting} in the outage"
            ));
        }
    }
    Ok(())
}

/// The worst place for the outage is before the last message of a segment, and the worst messages leave much of each
/// segment unused.
#[test]
fn what_is_said_to_be_held_is_held_when_the_link_is_lost_at_a_segments_end() {
    for bytes in (1000..=1398).step_by(3) {
        let before = 65_536 / (bytes + 2) - 1;
        assert_eq!(check(Class::Alarm, 1 << 20, before, &[bytes]), Ok(()), "messages of {bytes} bytes");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_said_to_be_held_is_held(
        place in 0..3_usize,
        history in 0..3_usize,
        before in 0..1500_usize,
        lengths in proptest::collection::vec(1..=1398_usize, 1..50),
    ) {
        let class = [Class::Alarm, Class::Telemetry, Class::Bulk][place];
        prop_assert_eq!(check(class, HISTORY_BYTES[history], before, &lengths), Ok(()));
    }
}

fn sender(config: &noreturn_image_format::Config) -> Sender {
    let settings = settings::sender(config).expect("a checked configuration is a valid one");
    Sender::new(&settings, BootId([1; 16]), &DiodeKey([2; 32]))
}
