//! Boots and keys: which frames of which boots are accepted.

use super::*;

const OTHER_KEY: DiodeKey = DiodeKey([0x43; 32]);

/// The first frame of a boot.
fn hello(boot: u8) -> Vec<u8> {
    seal(boot, 0, data(0, 0), &[record(0, 0)])
}

#[test]
fn an_ended_boot_is_refused_for_ever() {
    let mut receiver = receiver();
    for boot in 1..=3 {
        assert_eq!(receiver.handle_datagram(&hello(boot), 0), Ok(()));
    }
    let later = seal(1, 77, data(5, 0), &[record(0, 1)]);
    for frame in [hello(1), hello(2), later] {
        assert_eq!(receiver.handle_datagram(&frame, 0), Err(Refusal::EndedBoot));
    }
    assert_eq!(receiver.handle_datagram(&hello(3), 0), Err(Refusal::Replayed));
    assert_eq!(receiver.counters().refused_ended_boot, 3);
}

#[test]
fn a_refused_boot_costs_no_cryptography() {
    let mut receiver = receiver();
    for boot in 1..=2 {
        assert_eq!(receiver.handle_datagram(&hello(boot), 0), Ok(()));
    }
    let mut forged = hello(1);
    *forged.last_mut().expect("it has a tag") ^= 1;
    assert_eq!(receiver.handle_datagram(&forged, 0), Err(Refusal::EndedBoot), "before the seal is looked at");
}

#[test]
fn the_oldest_of_too_many_ended_boots_is_forgotten() {
    let mut receiver = receiver();
    receiver.config.boots_max = 2;
    for boot in 1..=4 {
        assert_eq!(receiver.handle_datagram(&hello(boot), 0), Ok(()));
    }
    assert_eq!(receiver.counters().boots_forgotten, 1);
    for boot in [2, 3] {
        assert_eq!(receiver.handle_datagram(&hello(boot), 0), Err(Refusal::EndedBoot));
    }
    assert_eq!(receiver.handle_datagram(&hello(1), 0), Ok(()), "this is the price, and it is counted");
    let ended = [2, 3, 4].map(|boot| Mark::Ended { diode: DIODE, boot: BootId([boot; 16]) });
    let marks: Vec<_> = receiver.drain_marks().filter(|mark| matches!(mark, Mark::Ended { .. })).collect();
    assert_eq!(marks, ended[1..], "of the boots that are still remembered");
}

#[test]
fn a_boot_that_is_heard_stays_while_others_go() {
    let config = ReceiverConfig { sessions_per_diode_max: 2, ..ReceiverConfig::default() };
    let mut receiver = Receiver::new(config, [(DIODE, KEY)]);
    for boot in 1..=5 {
        assert_eq!(receiver.handle_datagram(&hello(boot), 0), Ok(()));
        let frame = seal(1, u64::from(boot) + 1, data(1, 0), &[record(0, 1)]);
        assert_eq!(receiver.handle_datagram(&frame, 0), Ok(()));
    }
    assert_eq!(receiver.counters().refused_ended_boot, 0);
    assert_eq!(receiver.handle_datagram(&hello(4), 0), Err(Refusal::EndedBoot));
}

#[test]
fn a_boot_stays_with_the_key_that_sealed_its_first_frame() {
    let mut receiver = Receiver::new(ReceiverConfig::default(), [(DIODE, OTHER_KEY), (DIODE, KEY)]);
    assert_eq!(receiver.handle_datagram(&hello(1), 0), Ok(()));
    receiver.set_keys(DIODE, &[OTHER_KEY]);
    let next = seal(1, 1, data(1, 0), &[record(0, 1)]);
    assert_eq!(receiver.handle_datagram(&next, 0), Ok(()), "running boots keep their key");
    assert_eq!(receiver.handle_datagram(&hello(2), 0), Err(Refusal::ForgedHeader), "new ones may not use it");
    receiver.set_keys(DIODE, &[OTHER_KEY, KEY]);
    assert_eq!(receiver.handle_datagram(&hello(2), 0), Ok(()));
    receiver.set_keys(DIODE, &[]);
    let next = seal(2, 1, data(1, 0), &[record(0, 1)]);
    assert_eq!(receiver.handle_datagram(&next, 0), Err(Refusal::UnknownDiode));
}

#[test]
fn only_so_many_keys_are_tried() {
    let wrong = (0..KEYS_PER_DIODE_MAX as u8).map(|key| (DIODE, DiodeKey([key; 32])));
    let mut receiver = Receiver::new(ReceiverConfig::default(), wrong.clone().chain([(DIODE, KEY)]));
    assert_eq!(receiver.handle_datagram(&hello(1), 0), Err(Refusal::ForgedHeader));
    let mut receiver = Receiver::new(ReceiverConfig::default(), wrong.skip(1).chain([(DIODE, KEY)]));
    assert_eq!(receiver.handle_datagram(&hello(1), 0), Ok(()));
}

#[test]
fn a_boot_stays_with_its_suite() {
    let [one, other] = Suite::ALL;
    let mut receiver = Receiver::new(ReceiverConfig::default(), [(DIODE, KEY)]);
    let message = record(0, 0).encode(&mut [0; SHARD_BYTES_MAX]).expect("it fits").to_vec();
    let frame = |suite, boot, number| seal_with(suite, boot, number, data(number, 0), message.clone());
    for (boot, suite, wrong) in [(1, one, other), (2, other, one)] {
        assert_eq!(receiver.handle_datagram(&frame(suite, boot, 0), 0), Ok(()));
        assert_eq!(receiver.handle_datagram(&frame(wrong, boot, 1), 0), Err(Refusal::ForgedHeader));
        assert_eq!(receiver.handle_datagram(&frame(suite, boot, 1), 0), Ok(()));
    }
}

/// Before anything is looked up or derived: also of a boot that has ended, and with a number that was received.
#[test]
fn a_header_that_was_made_up_is_refused_as_that() {
    let config = ReceiverConfig { sessions_per_diode_max: 1, ..ReceiverConfig::default() };
    let mut receiver = Receiver::new(config, [(DIODE, KEY)]);
    for boot in [1, 2] {
        assert_eq!(receiver.handle_datagram(&hello(boot), 0), Ok(()));
    }
    for (boot, refusal) in [(1, Refusal::EndedBoot), (2, Refusal::Replayed)] {
        let mut again = hello(boot);
        assert_eq!(receiver.handle_datagram(&again, 0), Err(refusal));
        again[48] ^= 1;
        assert_eq!(receiver.handle_datagram(&again, 0), Err(Refusal::ForgedHeader));
    }
    // A recorded header before another payload passes it, and not the seal.
    let mut altered = seal(2, 1, data(1, 0), &[record(0, 1)]);
    *altered.last_mut().expect("it has a tag") ^= 1;
    assert_eq!(receiver.handle_datagram(&altered, 0), Err(Refusal::Forged));
    let counters = receiver.counters();
    assert_eq!((counters.refused_forged_header, counters.refused_forged), (2, 1));
}
