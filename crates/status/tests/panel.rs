//! Alarms, console lines, and the bound on the history.

mod common;

use common::{SECOND_US, config, facts, look, now, plain, say, watch};
use noreturn_collect::Now;
use noreturn_status::alarm::Hold;
use noreturn_status::{Alarm, Backlog, Facts, Look, Panel, Severity};
use noreturn_wire::{Class, Counter, Counters, DmaFence, Fault, LastStop, TimeQuality, Watchdog};

fn lines(panel: &mut Panel, now_us: u64) -> Vec<String> {
    core::iter::from_fn(|| panel.line(now_us).map(|line| line.to_string())).collect()
}

fn is(panel: &Panel, alarm: Alarm) -> bool {
    panel.alarm(alarm).is_active()
}

#[test]
fn nothing_is_told_while_nothing_is_wrong() {
    let mut panel = Panel::new(facts(), &config(2, plain));
    watch(&mut panel, 0..100, &look());
    assert_eq!((panel.active(Severity::Alarm), panel.active(Severity::Warning)), (0, 0));
    assert_eq!(lines(&mut panel, 100 * SECOND_US), Vec::<String>::new());
}

#[test]
fn a_lost_link_is_told_after_its_hold_time_and_cleared_after_another() {
    let mut panel = Panel::new(facts(), &config(0, plain));
    let down = Look { outside_link_up: false, ..look() };
    watch(&mut panel, 0..10, &look());
    watch(&mut panel, 10..13, &down);
    assert!(!is(&panel, Alarm::OutsideLinkDown), "too early");
    watch(&mut panel, 13..14, &down);
    assert!(is(&panel, Alarm::OutsideLinkDown));
    let said = lines(&mut panel, 14 * SECOND_US);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].starts_with("alarm outside_link_down raised: the outside card has no link"), "{said:?}");
    watch(&mut panel, 14..16, &look());
    assert!(is(&panel, Alarm::OutsideLinkDown), "too early");
    watch(&mut panel, 16..17, &look());
    assert!(!is(&panel, Alarm::OutsideLinkDown));
    assert!(panel.alarm(Alarm::OutsideLinkDown).was_active());
    assert_eq!(lines(&mut panel, 17 * SECOND_US), Vec::<String>::new(), "it was told 3 s ago");
    assert_eq!(lines(&mut panel, 24 * SECOND_US), ["alarm outside_link_down cleared"]);
}

#[test]
fn a_flapping_link_is_no_news() {
    let mut panel = Panel::new(facts(), &config(0, plain));
    for second in 0..1000 {
        let outside_link_up = second % 3 == 0;
        watch(&mut panel, second..second + 1, &Look { outside_link_up, ..look() });
    }
    assert!(!panel.alarm(Alarm::OutsideLinkDown).was_active());
}

#[test]
fn a_card_that_is_not_pinned_is_a_warning() {
    let pinned = config(0, plain);
    let mut inside = pinned.clone();
    inside.inside.card_mac = None;
    let mut outside = pinned.clone();
    outside.outside.card_mac = None;
    for (config, warned) in [(pinned, false), (inside, true), (outside, true)] {
        let mut panel = Panel::new(facts(), &config);
        watch(&mut panel, 0..2, &look());
        assert_eq!(is(&panel, Alarm::CardsNotPinned), warned);
        assert_eq!(panel.bits(Hold::is_active), u32::from(warned) << 10);
        assert_eq!(lines(&mut panel, 2 * SECOND_US).len(), usize::from(warned));
    }
}

#[test]
fn a_neighbour_that_changed_is_a_warning_for_an_hour() {
    let mut panel = Panel::new(facts(), &config(0, plain));
    watch(&mut panel, 0..2, &look());
    let mut counters = Counters::default();
    counters.add(Counter::ArpChanged, 1);
    for second in 2..=3603 {
        panel.look(now(second), &look(), &counters);
        assert_eq!(is(&panel, Alarm::NeighbourChanged), second < 3603, "{second}");
    }
    assert!(panel.alarm(Alarm::NeighbourChanged).was_active());
    // Another one is another warning.
    counters.add(Counter::ArpChanged, 1);
    panel.look(now(3604), &look(), &counters);
    assert_eq!(panel.bits(Hold::is_active), 1 << 11);
    let said = lines(&mut panel, 3604 * SECOND_US);
    assert!(said[0].starts_with("warning neighbour_changed raised: a configured host was found"), "{said:?}");
}

#[test]
fn every_condition_raises_its_alarm_and_no_other() {
    let cases: [(Alarm, Facts, Look); 7] = [
        (Alarm::OutsideLinkDown, facts(), Look { outside_link_up: false, ..look() }),
        (Alarm::HistoryFilling, facts(), Look { history_percent: 50, ..look() }),
        (Alarm::HistoryOverflowing, facts(), Look { history_percent: 101, ..look() }),
        (Alarm::LastBootFault, Facts { last_stop: LastStop::Stalled, ..facts() }, look()),
        (Alarm::DmaFenceAbsent, Facts { dma_fence: DmaFence::None, ..facts() }, look()),
        (Alarm::InsideLinkDown, facts(), Look { inside_link_up: false, ..look() }),
        (Alarm::WatchdogAbsent, Facts { watchdog: Watchdog::None, ..facts() }, look()),
    ];
    for (alarm, facts, look) in cases {
        let mut panel = Panel::new(facts, &config(1, plain));
        watch(&mut panel, 0..30, &look);
        let active: Vec<_> = Alarm::ALL.iter().copied().filter(|&alarm| is(&panel, alarm)).collect();
        let mut expected = vec![alarm];
        if alarm == Alarm::HistoryOverflowing {
            expected.insert(0, Alarm::HistoryFilling);
        }
        assert_eq!(active, expected);
        let names: Vec<_> = expected.iter().map(|alarm| alarm.about().name).collect();
        let said = lines(&mut panel, 30 * SECOND_US);
        assert_eq!(said.len(), names.len(), "{said:?}");
        assert!(said.iter().zip(names).all(|(line, name)| line.contains(name)), "{said:?}");
    }
    for stop in [LastStop::Unknown, LastStop::Reset] {
        let mut panel = Panel::new(Facts { last_stop: stop, ..facts() }, &config(0, plain));
        watch(&mut panel, 0..30, &look());
        assert!(!is(&panel, Alarm::LastBootFault), "{stop:?} is no fault");
    }
}

#[test]
fn a_dma_fault_stays_for_the_boot_that_follows() {
    let mut panel = Panel::new(Facts { last_stop: LastStop::DmaFault, ..facts() }, &config(0, plain));
    watch(&mut panel, 0..10_000, &look());
    assert!(is(&panel, Alarm::DmaFault) && is(&panel, Alarm::LastBootFault));
}

#[test]
fn a_clock_without_a_source_or_before_its_time_is_told_after_ten_seconds() {
    let wrong = |change: fn(&mut Now)| {
        let mut panel = Panel::new(facts(), &config(0, plain));
        let raised = |second: u64| {
            let mut at = now(second);
            change(&mut at);
            panel.look(at, &look(), &Counters::default());
            is(&panel, Alarm::ClockInvalid)
        };
        (0..=10).map(raised).collect::<Vec<_>>()
    };
    let after_ten: Vec<_> = (0..=10).map(|second| second == 10).collect();
    assert_eq!(wrong(|now| now.time_quality = TimeQuality::NONE), after_ten);
    assert_eq!(wrong(|now| now.clock_us = now.uptime_us), after_ten);
    assert_eq!(wrong(|_| ()), [false; 11]);
}

#[test]
fn devices_are_told_one_by_one() {
    let mut panel = Panel::new(facts(), &config(3, plain));
    (0..3).for_each(|place| say(&mut panel, place, None, now(0)));
    watch(&mut panel, 0..1, &look());
    say(&mut panel, 1, Some(Fault::ConnectRefused), now(1));
    watch(&mut panel, 1..5, &look());
    assert!(is(&panel, Alarm::DeviceDown));
    assert_eq!(panel.devices_down(), 1);
    let said = lines(&mut panel, 5 * SECOND_US);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].starts_with("alarm device_down \"plc-1\" raised: a device cannot be read"), "{said:?}");
    say(&mut panel, 2, Some(Fault::ReplyTimeout), now(5));
    watch(&mut panel, 5..10, &look());
    assert!(lines(&mut panel, 10 * SECOND_US)[0].contains("\"plc-2\""), "the second one is news, too");
    (1..3).for_each(|place| say(&mut panel, place, None, now(10)));
    watch(&mut panel, 10..20, &look());
    assert!(!is(&panel, Alarm::DeviceDown));
    assert_eq!(lines(&mut panel, 20 * SECOND_US).len(), 2);
    let age_us = panel.devices()[0].value_age_us(now(20));
    assert_eq!(age_us, Some(20 * SECOND_US), "the value of the device that was never down is the oldest");
}

/// However much changes, the console has one line a second, after a first few; and what it said last is true.
#[test]
fn the_console_is_never_flooded_and_catches_up() {
    let devices = 64;
    let mut panel = Panel::new(facts(), &config(devices, plain));
    let mut state = vec![false; devices];
    let mut told = 0;
    for second in 0..600 {
        for (place, down) in state.iter_mut().enumerate() {
            let fault = (second / 3 + place as u64).is_multiple_of(2).then_some(Fault::ReplyTimeout);
            say(&mut panel, place, fault, now(second));
            *down = fault.is_some();
        }
        watch(&mut panel, second..second + 1, &look());
        told += lines(&mut panel, second * SECOND_US).len();
    }
    assert!((500..=608).contains(&told), "{told} lines in 600 s");
    let mut last = std::collections::BTreeMap::new();
    (0..devices).for_each(|place| say(&mut panel, place, None, now(600)));
    for second in 600..700 {
        watch(&mut panel, second..second + 1, &look());
        for line in lines(&mut panel, second * SECOND_US) {
            let (name, raised) = (line.split('"').nth(1).map(str::to_owned), line.contains("raised"));
            last.insert(name, raised);
        }
    }
    assert!(last.values().all(|raised| !raised), "{last:?}");
    assert_eq!(lines(&mut panel, 700 * SECOND_US), Vec::<String>::new(), "it is all told");
}

#[test]
fn bits_are_the_alarms() {
    let mut panel = Panel::new(Facts { dma_fence: DmaFence::None, ..facts() }, &config(0, plain));
    watch(&mut panel, 0..5, &Look { outside_link_up: false, ..look() });
    watch(&mut panel, 5..10, &look());
    assert_eq!(panel.bits(|hold| hold.is_active()), 1 << 6);
    assert_eq!(panel.bits(|hold| hold.was_active()), 1 << 6 | 1);
}

/// What could be told outside to inside by pulling a cable: the history's filling, in steps of 5 s.
#[test]
fn the_history_is_told_in_steps() {
    let mut panel = Panel::new(facts(), &config(0, plain));
    let mut told = Vec::new();
    for tenth in 0..1000_u64 {
        let history_percent = (tenth % 7 * 10) as u16;
        let uptime_us = tenth * SECOND_US / 10;
        let at = Now { uptime_us, ..now(0) };
        panel.look(at, &Look { history_percent, ..look() }, &Counters::default());
        told.push(panel.history_percent());
    }
    let changes = told.windows(2).filter(|pair| pair[0] != pair[1]).count();
    assert!((10..=20).contains(&changes), "{changes} changes in 100 s");
}

fn backlog() -> Backlog {
    Backlog::new(&config(0, plain))
}

#[test]
fn nothing_waits_while_the_link_is_up() {
    let mut backlog = backlog();
    for second in 0..1000 {
        backlog.look(second * SECOND_US, true);
        (0..1000).for_each(|_| backlog.wrote(Class::Telemetry, 1000));
    }
    assert_eq!(backlog.percent(), 0);
}

#[test]
fn what_is_written_without_a_link_waits_and_leaves_after() {
    let mut backlog = backlog();
    backlog.look(0, true);
    let mut percent = 0;
    for second in 1..=100 {
        backlog.look(second * SECOND_US, false);
        (0..100).for_each(|_| backlog.wrote(Class::Telemetry, 1000));
        assert!(backlog.percent() >= percent, "it can only grow");
        percent = backlog.percent();
    }
    // 10 MB of 16 MiB less a segment, and less what a message may leave of each.
    assert!((60..=62).contains(&percent), "{percent}");
    // 100000 bytes/s are the history's share; 42 % of it is counted on: 10 MB and three segments take 4 min 5 s.
    (101..=340).for_each(|second| backlog.look(second * SECOND_US, true));
    assert_eq!(backlog.percent(), percent, "some of it may still wait");
    (341..=350).for_each(|second| backlog.look(second * SECOND_US, true));
    assert_eq!(backlog.percent(), 0);
}

#[test]
fn a_second_outage_adds_to_what_still_waits_of_the_first() {
    let mut backlog = backlog();
    for outage in 0..2 {
        backlog.look(outage * 20 * SECOND_US, true);
        backlog.look((outage * 20 + 10) * SECOND_US, false);
        (0..6000).for_each(|_| backlog.wrote(Class::Telemetry, 1000));
    }
    assert!((70..=75).contains(&backlog.percent()), "{}", backlog.percent());
}

#[test]
fn a_class_without_a_history_overflows_at_once() {
    let mut config = config(0, plain);
    config.link.alarm.history_bytes_max = 0;
    let mut backlog = Backlog::new(&config);
    backlog.look(0, false);
    assert_eq!(backlog.percent(), 0, "nothing waits yet");
    backlog.wrote(Class::Alarm, 20);
    assert_eq!(backlog.percent(), 101);
}
