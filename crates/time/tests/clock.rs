//! The clock: whom it believes and when, and that its uncertainty never promises too much.
#![allow(clippy::unwrap_used)]

use noreturn_time::{Change, Clock, DRIFT_PPM, Sample, SourceSettings, Taken, WANDER_PPM};
use noreturn_wire::TimeSource::{self, Gps, None as Nowhere, Rtc, Sntp};
use proptest::prelude::*;

const SECOND_US: u64 = 1_000_000;
/// What is true at uptime 0.
const TRUTH_US: u64 = 1_800_000_000 * SECOND_US;
const SILENT_US: u64 = 20 * SECOND_US;

fn settings(source: TimeSource) -> SourceSettings {
    SourceSettings { source, silent_us: SILENT_US }
}

fn clock(sources: &[TimeSource]) -> Clock {
    Clock::new(sources.iter().copied().map(settings), Some(TRUTH_US - 5 * SECOND_US))
}

/// What an honest source says at `second`, with `late_us` that it does not know of.
fn said(second: u64, late_us: i64, uncertainty_us: u64) -> Sample {
    let uptime_us = second * SECOND_US;
    let utc_us = (TRUTH_US + uptime_us).checked_add_signed(late_us).unwrap();
    Sample { uptime_us, utc_us, uncertainty_us }
}

/// Tells it the truth at each of `seconds`; what it says of that.
fn tell(clock: &mut Clock, source: TimeSource, seconds: std::ops::Range<u64>) -> Vec<Change> {
    let mut changes = Vec::new();
    for second in seconds {
        clock.take(source, said(second, 0, 1000));
        changes.extend(clock.poll(second * SECOND_US));
    }
    changes
}

fn source(clock: &Clock, second: u64) -> TimeSource {
    clock.read(second * SECOND_US).state.source
}

#[test]
fn without_any_source_it_counts_from_1970_and_says_so() {
    let reading = Clock::new([], None).read(7);
    assert_eq!((reading.clock_us, reading.state.source, reading.state.uncertainty_us), (7, Nowhere, None));
    let reading = clock(&[]).read(7);
    assert_eq!((reading.clock_us, reading.state.source), (TRUTH_US - 5 * SECOND_US + 7, Rtc));
    assert_eq!(reading.state.uncertainty_us, None, "nobody knows when it was set");
}

#[test]
fn a_source_is_believed_when_it_has_said_the_same_three_times() {
    let mut clock = clock(&[Sntp]);
    assert_eq!(clock.take(Sntp, said(1, 0, 1000)), Taken::Outlier);
    assert_eq!(clock.take(Sntp, said(2, 400, 1000)), Taken::Outlier);
    assert_eq!(clock.poll(2 * SECOND_US), None);
    assert_eq!(source(&clock, 2), Rtc);
    assert_eq!(clock.take(Sntp, said(3, -400, 1000)), Taken::Taken);
    assert_eq!(clock.poll(3 * SECOND_US), Some(Change::To(Sntp)));
    let reading = clock.read(3 * SECOND_US);
    assert_eq!(reading.clock_us, TRUTH_US + 3 * SECOND_US - 400);
    assert_eq!((reading.state.uncertainty_us, reading.state.steps), (Some(1000), 1));
    assert_eq!(clock.take(Gps, said(4, 0, 1)), Taken::Unwanted);
}

#[test]
fn uncertainty_grows_while_nothing_is_heard_and_the_source_stays() {
    let mut clock = clock(&[Sntp]);
    tell(&mut clock, Sntp, 1..4);
    let after = |seconds: u64| clock.read((3 + seconds) * SECOND_US).state.uncertainty_us;
    // Two samples of 1 ms that are 2 s apart have shown the rate.
    let drift_ppm = 1000 + WANDER_PPM;
    assert_eq!(after(0), Some(1000));
    assert_eq!(after(10), Some(1000 + 10 * drift_ppm + 1));
    assert_eq!(after(86_400).map(|us| us / 100_000), Some(86_400 * drift_ppm / 100_000));
    assert_eq!(clock.poll(23 * SECOND_US), None);
    assert_eq!(clock.poll(23 * SECOND_US + 1), Some(Change::HoldingOver(Sntp)));
    assert_eq!(clock.poll(24 * SECOND_US), None, "it is told once");
    assert_eq!(source(&clock, 24), Sntp, "the machine's own clock knows less");
    assert_eq!(tell(&mut clock, Sntp, 30..34), [Change::To(Sntp)]);
    assert_eq!(clock.read(33 * SECOND_US).state.steps, 1, "only the one away from the machine's clock");
}

/// A counter that is as wrong as one may be: after some minutes the clock knows, and holds over well.
#[test]
fn the_rate_of_the_counter_is_learned() {
    let mut clock = clock(&[Sntp]);
    let truth_us = |second: u64| TRUTH_US + second * SECOND_US + second * DRIFT_PPM;
    for second in (0..=640).step_by(16) {
        let sample = Sample { uptime_us: second * SECOND_US, utc_us: truth_us(second), uncertainty_us: 1000 };
        clock.take(Sntp, sample);
        clock.poll(second * SECOND_US);
    }
    let reading = clock.read((640 + 1000) * SECOND_US);
    let uncertainty_us = reading.state.uncertainty_us.unwrap();
    assert!(reading.clock_us.abs_diff(truth_us(1640)) <= uncertainty_us, "{reading:?}");
    // Wander, and 2 ms in 608 s, over 1000 s.
    assert!(uncertainty_us < 1000 + 1000 * (WANDER_PPM + 4), "{reading:?}");
}

#[test]
fn the_most_trusted_leads_and_the_next_takes_over_when_it_is_silent() {
    let mut clock = clock(&[Gps, Sntp]);
    assert_eq!(tell(&mut clock, Sntp, 1..5), [Change::To(Sntp)]);
    assert_eq!(tell(&mut clock, Gps, 5..9), [Change::To(Gps)]);
    assert_eq!(tell(&mut clock, Sntp, 9..29), [], "it is not silent for longer than is allowed");
    assert_eq!(source(&clock, 28), Gps);
    assert_eq!(tell(&mut clock, Sntp, 29..32), [Change::To(Sntp)]);
    // Two words are not enough to lead again; three are.
    assert_eq!(tell(&mut clock, Gps, 32..34), []);
    assert_eq!(tell(&mut clock, Gps, 34..35), [Change::To(Gps)]);
}

#[test]
fn one_liar_changes_nothing_and_a_source_that_insists_is_believed() {
    let mut clock = clock(&[Sntp]);
    tell(&mut clock, Sntp, 1..4);
    let before = clock.read(10 * SECOND_US).clock_us;
    assert_eq!(clock.take(Sntp, said(8, -3_600_000_000, 1000)), Taken::Outlier);
    assert_eq!(clock.take(Sntp, said(9, 7_200_000_000, 1000)), Taken::Outlier);
    clock.poll(10 * SECOND_US);
    assert_eq!(clock.read(10 * SECOND_US).clock_us, before);
    // What it said that fits in between ends the row.
    assert_eq!(clock.take(Sntp, said(11, 0, 1000)), Taken::Taken);
    for second in 12..14 {
        assert_eq!(clock.take(Sntp, said(second, 7_200_000_000, 1000)), Taken::Outlier, "{second}");
    }
    assert_eq!(clock.take(Sntp, said(14, 7_200_000_000, 1000)), Taken::Taken);
    assert_eq!(clock.poll(14 * SECOND_US), None, "the source is the same");
    let reading = clock.read(14 * SECOND_US);
    assert_eq!(reading.clock_us, TRUTH_US + 14 * SECOND_US + 7_200_000_000);
    assert_eq!(reading.state.steps, 2);
}

#[test]
fn a_small_correction_is_no_step_and_the_better_of_two_that_agree_counts() {
    let mut clock = clock(&[Sntp]);
    tell(&mut clock, Sntp, 1..4);
    clock.take(Sntp, said(4, 90_000, 200_000));
    clock.poll(4 * SECOND_US);
    assert_eq!(
        clock.read(4 * SECOND_US).clock_us,
        TRUTH_US + 4 * SECOND_US,
        "the one before is known better"
    );
    clock.take(Sntp, said(5, 500, 600));
    clock.poll(5 * SECOND_US);
    let reading = clock.read(5 * SECOND_US);
    assert_eq!((reading.clock_us, reading.state.uncertainty_us), (TRUTH_US + 5 * SECOND_US + 500, Some(600)));
    assert_eq!(reading.state.steps, 1);
}

proptest! {
    /// Sources may be as wrong as they say, the counter as fast or slow as is assumed, and any source silent for
    /// any time: what the clock says is never further from the truth than it says.
    #[test]
    fn the_truth_is_within_the_uncertainty(
        rate_ppm in -(DRIFT_PPM as i64)..=DRIFT_PPM as i64,
        words in prop::collection::vec((any::<bool>(), 1..120_u64, 0..100_000_u64, -100_i64..=100), 1..60),
    ) {
        let mut clock = Clock::new([settings(Gps), settings(Sntp)], None);
        let mut uptime_us = 0;
        let truth_us = |uptime_us: u64| {
            (TRUTH_US + uptime_us).checked_add_signed(uptime_us as i64 * rate_ppm / 1_000_000).unwrap()
        };
        for (is_gps, seconds, uncertainty_us, percent) in words {
            for _ in 0..seconds {
                uptime_us += SECOND_US;
                clock.poll(uptime_us);
                let reading = clock.read(uptime_us);
                if let Some(uncertainty_us) = reading.state.uncertainty_us {
                    // Dividing has lost less than a microsecond of the truth, twice.
                    prop_assert!(reading.clock_us.abs_diff(truth_us(uptime_us)) <= uncertainty_us + 2);
                }
            }
            let error_us = uncertainty_us as i64 * percent / 100;
            let utc_us = truth_us(uptime_us).checked_add_signed(error_us).unwrap();
            let sample = Sample { uptime_us, utc_us, uncertainty_us: uncertainty_us + 2 };
            clock.take(if is_gps { Gps } else { Sntp }, sample);
        }
    }

    #[test]
    fn no_sample_at_all_makes_it_panic(
        words in prop::collection::vec((any::<bool>(), any::<u64>(), any::<u64>(), any::<u64>()), 0..40),
    ) {
        let mut clock = Clock::new([settings(Sntp), settings(Gps)], Some(u64::MAX));
        for (is_gps, uptime_us, utc_us, uncertainty_us) in words {
            clock.take(if is_gps { Gps } else { Sntp }, Sample { uptime_us, utc_us, uncertainty_us });
            clock.poll(uptime_us);
            let _ = clock.read(uptime_us);
        }
    }
}
