//! The promises of the protocol, kept in simulated networks. Everything follows from seeds: a failure names its own.
#![allow(clippy::unwrap_used)]

use noreturn_link::HistoryOrder;
use noreturn_simulator::scenario::{Load, flapping};
use noreturn_simulator::{Event, Faults, Outcome, Scenario, run};

const S: u64 = 1_000_000;
/// What the random scenarios send in all, at least.
const FRAMES_MIN: u64 = 1_000_000;

#[test]
fn a_good_network_delivers_everything_directly() {
    let mut scenario = Scenario::telemetry(1, 1_000, 5 * S);
    scenario.load = Load {
        alarm_sources: 3,
        alarm_interval_us: 10_000,
        stream_interval_us: 2_000,
        file_interval_us: 2_000,
        ..scenario.load
    };
    let outcome = run(&scenario);
    let end = &outcome.ends[0];
    assert_eq!((end.tally.recovered, end.tally.delayed, end.tally.gaps, end.refused), (0, 0, 0, 0));
    assert!(end.tally.delivered > 7_500 && end.tally.files > 20 && end.tally.streams > 20, "{:?}", end.tally);
}

/// Seeds that never repeat between the parts of this test, which run side by side.
fn any(part: u64) {
    let mut totals = [0_u64; 6];
    let (mut frames, mut seed) = (0, part);
    while frames < FRAMES_MIN / 4 {
        eprintln!("seed {seed}");
        let outcome = run(&Scenario::any(seed));
        frames += outcome.frames;
        for end in &outcome.ends {
            let tally = end.tally;
            let more = [tally.recovered, tally.delayed, tally.lost, tally.files, tally.streams, end.refused];
            totals.iter_mut().zip(more).for_each(|(total, more)| *total += more);
        }
        seed += 4;
    }
    assert!(totals.iter().all(|&total| total > 0), "the scenarios are too kind: {totals:?}");
}

#[test]
fn whatever_happens_nothing_wrong_is_said_and_nothing_is_left_out_0() {
    any(0);
}

#[test]
fn whatever_happens_nothing_wrong_is_said_and_nothing_is_left_out_1() {
    any(1);
}

#[test]
fn whatever_happens_nothing_wrong_is_said_and_nothing_is_left_out_2() {
    any(2);
}

#[test]
fn whatever_happens_nothing_wrong_is_said_and_nothing_is_left_out_3() {
    any(3);
}

#[test]
fn the_default_survives_five_percent_loss_with_bursts_of_a_hundred_frames() {
    // 8,000 frames/s with parity, and a burst a second or so.
    let mut scenario = Scenario::telemetry(5, 168, 30 * S);
    scenario.faults = Faults { lost: 50, burst_every_frames: 8_171, burst_frames: 100, ..Faults::default() };
    let outcome = run(&scenario);
    let end = &outcome.ends[0];
    assert!(outcome.frames > 235_000, "{} frames", outcome.frames);
    assert_eq!(end.tally.missing, 0, "{:?}", end.tally);
    assert!(end.tally.recovered > 8_000, "{:?}", end.tally);
    assert!(outcome.parity_bytes * 10 <= outcome.data_bytes * 4, "more than 40 % of overhead");
}

/// Telemetry with a history that holds all of it, and an outage from 2 s to `end_us`.
fn outage(seed: u64, order: HistoryOrder, receivers: usize, events: &[(u64, Event)]) -> (Scenario, Outcome) {
    let mut scenario = Scenario::telemetry(seed, 2_000, 200 * S);
    scenario.load.alarm_sources = 2;
    scenario.load.alarm_interval_us = 500_000;
    scenario.receivers = receivers;
    scenario.sender.history.share_per_mille = 50;
    scenario.sender.history.order = order;
    scenario.sender.rate_bytes_per_s = 12_500_000;
    scenario.drain_us = 30 * S;
    scenario.faults = Faults { lost: 20, delay_us_max: 5_000, ..Faults::default() };
    scenario.events = events.to_vec();
    let outcome = run(&scenario);
    (scenario, outcome)
}

fn assert_all_came(outcome: &Outcome, delayed_min: u64) {
    for end in &outcome.ends {
        assert_eq!(end.tally.lost, 0, "{:?}", end.tally);
        assert!(end.tally.delayed > delayed_min, "{:?}", end.tally);
        assert!(end.journal.values().all(|course| course.missing.is_empty()));
    }
}

#[test]
fn a_receiver_that_was_away_for_minutes_ends_up_with_everything() {
    for order in [HistoryOrder::OldestFirst, HistoryOrder::NewestFirst] {
        let away = [(2 * S, Event::Cut(0, true)), (152 * S, Event::Cut(0, false))];
        let (_, outcome) = outage(11, order, 1, &away);
        assert_all_came(&outcome, 74_000);
    }
}

#[test]
fn a_cable_that_was_out_costs_nothing_that_the_history_holds() {
    let out = [(2 * S, Event::LinkUp(false)), (152 * S, Event::LinkUp(true))];
    let (_, outcome) = outage(12, HistoryOrder::OldestFirst, 1, &out);
    assert_all_came(&outcome, 74_000);
}

#[test]
fn a_cable_that_flaps_costs_nothing_that_the_history_holds() {
    for order in [HistoryOrder::OldestFirst, HistoryOrder::NewestFirst] {
        let mut scenario = Scenario::telemetry(15, 2_000, 60 * S);
        scenario.sender.rate_bytes_per_s = 12_500_000;
        (scenario.sender.history.share_per_mille, scenario.sender.history.order) = (50, order);
        // No pass comes to help: what the outages cost comes with what was kept meanwhile, or not at all.
        scenario.sender.history.interval_us = 1_000 * S;
        scenario.drain_us = 10 * S;
        // Each time it is in for less than it takes to send a segment.
        scenario.events = flapping(2 * S..50 * S, 450_000, 50_000).collect();
        assert_all_came(&run(&scenario), 15_000);
    }
}

#[test]
fn two_receivers_with_different_troubles_end_with_the_same_journal() {
    let troubles = [
        (2 * S, Event::Cut(0, true)),
        (30 * S, Event::ReceiverRestarts(1)),
        (60 * S, Event::Cut(0, false)),
        (70 * S, Event::Cut(1, true)),
        (80 * S, Event::ReceiverRestarts(0)),
        (120 * S, Event::Cut(1, false)),
        (121 * S, Event::ReceiverRestarts(1)),
    ];
    let (_, outcome) = outage(13, HistoryOrder::NewestFirst, 2, &troubles);
    assert_all_came(&outcome, 20_000);
    assert_eq!(outcome.ends[0].journal, outcome.ends[1].journal);
    assert_eq!(outcome.ends[0].tally.delivered, outcome.ends[1].tally.delivered);
}

#[test]
fn without_history_an_outage_is_a_gap_of_every_source() {
    let mut scenario = Scenario::telemetry(14, 1_000, 10 * S);
    scenario.events = vec![(2 * S, Event::Cut(0, true)), (8 * S, Event::Cut(0, false))];
    let outcome = run(&scenario);
    let tally = outcome.ends[0].tally;
    // At the edges, parity may still give back some of the records in between.
    assert!((20..=60).contains(&tally.gaps), "{tally:?}");
    assert!((5_900..6_100).contains(&tally.lost), "{tally:?}");
}
