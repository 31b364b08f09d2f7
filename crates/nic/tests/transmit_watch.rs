//! When a transmitter is taken to hang, in virtual time; and what the drivers tell of frames that wait.

mod model;

use model::e1000e::E1000e;
use model::igb::Igb;
use model::virtio::Virtio;
use model::{CARD, Card, frame};
use noreturn_nic::{OutsideCard, TransmitOnly, TransmitTimeout, TransmitWatch};

const START_US: u64 = 7_000_000;
const LOOK_US: u64 = 100_000;

/// A watch that has just seen ten frames finished and one that waits.
fn watch() -> TransmitWatch {
    let mut watch = TransmitWatch::default();
    assert_eq!(watch.look(START_US, true, 11, 1), Ok(()));
    watch
}

/// Looks `looks` times, the last time after `last_us`, with nothing finished since; what the last look says.
fn hangs(looks: u64, last_us: u64) -> Result<(), TransmitTimeout> {
    let mut watch = watch();
    (1..looks).for_each(|look| {
        assert_eq!(watch.look(START_US + last_us * look / looks, true, 11, 1), Ok(()));
    });
    watch.look(START_US + last_us, true, 11, 1)
}

#[test]
fn it_takes_5_seconds_and_50_looks() {
    let timeout = TransmitTimeout { waiting: 1, quiet_us: 5_000_000 };
    assert_eq!(hangs(50, 5_000_000), Err(timeout));
    assert_eq!(hangs(50, 4_999_999), Ok(()));
    assert_eq!(hangs(49, 5_000_000), Ok(()));
    assert_eq!(hangs(5_000, 4_999_999), Ok(()), "many looks in less time");
    assert_eq!(hangs(1, 3_600_000_000), Ok(()), "a host that paused the guest for an hour");
    assert_eq!(hangs(49, 3_600_000_000), Ok(()));
    assert_eq!(timeout.to_string(), "it has finished none of 1 frames in 5000 ms");
}

/// Looks every 100 ms for an hour of virtual time; `state` says what each finds: link, frames given and waiting.
fn never_hangs(state: impl Fn(u64) -> (bool, u64, usize)) {
    let mut watch = TransmitWatch::default();
    for look in 0..36_000 {
        let (link_up, given, waiting) = state(look);
        assert_eq!(watch.look(look * LOOK_US, link_up, given, waiting), Ok(()), "look {look}");
    }
}

#[test]
fn what_works_or_has_nothing_to_do_never_hangs() {
    never_hangs(|_| (true, 0, 0));
    never_hangs(|_| (true, 1_000, 0));
    never_hangs(|_| (false, 1_000, 255));
    // One frame in 4.9 s leaves a ring that is always full.
    never_hangs(|look| (true, 255 + look / 49, 255));
    // The cable is pulled for one look in 5 s.
    never_hangs(|look| (!look.is_multiple_of(50), 1_000, 255));
    // Each time the ring has run empty for one look.
    never_hangs(|look| (true, 1_000, if look.is_multiple_of(50) { 0 } else { 1 }));
}

/// What is given to a card that hangs is no progress.
#[test]
fn frames_that_are_only_given_do_not_count() {
    let mut watch = TransmitWatch::default();
    let mut looks =
        (0..100).map(|look: u64| (look, watch.look(look * LOOK_US, true, 10 + look, 1 + look as usize)));
    let (look, timeout) = looks.find(|(_, found)| found.is_err()).expect("it hangs");
    assert_eq!((look, timeout), (50, Err(TransmitTimeout { waiting: 51, quiet_us: 5_000_000 })));
}

#[test]
fn a_link_that_returns_gets_its_5_seconds() {
    let mut watch = watch();
    assert_eq!(watch.look(START_US + 60_000_000, false, 11, 1), Ok(()));
    for look in 1..50 {
        assert_eq!(watch.look(START_US + 60_000_000 + look * LOOK_US, true, 11, 1), Ok(()));
    }
    assert!(watch.look(START_US + 65_000_000, true, 11, 1).is_err());
}

fn frames_wait_until_the_card_has_finished_them<C: Card>(capacity: usize) {
    let machine = C::machine();
    let (mut card, _) = OutsideCard::start(&mut machine.clone(), CARD, None).expect("the card starts");
    assert_eq!(card.frames_waiting(), 0);
    // Past the ring's end, so that places wrap.
    for n in 0..200 {
        card.transmit(&frame(n, 60)).expect("room");
    }
    assert_eq!(card.frames_waiting(), 0);
    machine.with_card(|card, bus| card.stall(true, bus));
    for n in 1..=capacity {
        card.transmit(&frame(n, 60)).expect("room");
        assert_eq!(card.frames_waiting(), n);
    }
    let writes = machine.state().writes.len();
    assert!(card.transmit(&frame(0, 60)).is_err());
    assert_eq!((card.frames_waiting(), card.counters().frames_sent), (capacity, 200 + capacity as u64));
    assert_eq!(machine.state().writes.len(), writes, "asking writes no register");
    machine.with_card(|card, bus| card.stall(false, bus));
    assert_eq!(card.frames_waiting(), 0);
}

#[test]
fn e1000e_frames_wait() {
    frames_wait_until_the_card_has_finished_them::<E1000e>(255);
}

#[test]
fn igb_frames_wait() {
    frames_wait_until_the_card_has_finished_them::<Igb>(255);
}

#[test]
fn virtio_frames_wait() {
    frames_wait_until_the_card_has_finished_them::<Virtio>(256);
}
