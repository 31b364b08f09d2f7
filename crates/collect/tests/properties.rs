//! The poller under random interleavings of everything that can happen to it.

use noreturn_collect::modbus::exercise::exercise;
use noreturn_wire::Counter;
use proptest::prelude::*;

/// Scripts in which the connection is often made and requests are often answered.
fn likely_scripts() -> impl Strategy<Value = Vec<u8>> {
    let step = prop_oneof![
        3 => any::<u8>().prop_map(|ms| vec![0, ms]),
        3 => Just(vec![1]),
        4 => Just(vec![2]),
        1 => Just(vec![3]),
        1 => Just(vec![4]),
        1 => prop::collection::vec(any::<u8>(), 0..32).prop_map(|bytes| [&[5, bytes.len() as u8], &bytes[..]].concat()),
        6 => any::<[u8; 2]>().prop_map(|[split, fill]| vec![6, split, fill]),
        3 => any::<[u8; 3]>().prop_map(|[split, place, damage]| vec![7, split, place, damage]),
    ];
    prop::collection::vec(step, 0..200).prop_map(|steps| steps.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn the_contract_holds_under_likely_scripts(script in likely_scripts()) {
        exercise(&script);
    }

    #[test]
    fn the_contract_holds_under_any_script(script in prop::collection::vec(any::<u8>(), 0..2000)) {
        exercise(&script);
    }
}

#[test]
fn the_exercise_reaches_replies_and_every_fault() {
    let (connected, refused, closed) = ([2], [3], [4]);
    let (reply, not_a_number) = ([6, 3, 1], [6, 3, 0xff]);
    let (exception, short, wrong) = ([7, 3, 0, 0], [7, 3, 0, 64], [7, 3, 0, 0xff]);
    let wait = |ms: u8| [0, 2 * ms];
    let script: [&[u8]; 17] = [
        &connected,
        &not_a_number,
        &reply,
        &exception,
        &wait(100),
        &short,
        &wait(20),
        &connected,
        &wrong,
        &wait(40),
        &refused,
        &wait(80),
        &connected,
        &closed,
        // Connections time out, and then replies.
        &[1; 12],
        &[1, 2].repeat(10),
        &closed,
    ];
    let script = script.concat();
    let counters = exercise(&script);
    let silent: Vec<_> = Counter::ALL
        .iter()
        .filter(|counter| counter.name().starts_with("modbus_") && counters.get(**counter) == 0)
        .collect();
    assert_eq!(silent, Vec::<&Counter>::new());
}
