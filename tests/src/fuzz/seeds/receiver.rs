//! Seeds of the receiver's world: honest senders at the places 0 to 3, a bad network, and lies.

use noreturn_wire::{Body, BootId, DiodeId, Header};

use super::Seed;

// Steps of the world.
const HEADS: u8 = 3;
const ANNOUNCE: u8 = 4;
const BEACON: u8 = 5;
const TRANSMIT: u8 = 6;
const DELIVER: u8 = 7;
const DELIVER_ONE: u8 = 8;
const LOSE_ONE: u8 = 9;
const REPEAT_ONE: u8 = 10;
const FLIP_ONE: u8 = 11;
const CUT_ONE: u8 = 12;
const PASS: u8 = 13;
const THROW: u8 = 14;
const LIE: u8 = 15;

// Codes of the liar, by their place in the table.
const ONE_AND_NONE: u8 = 0;
const TWO_AND_TWO: u8 = 2;
const FOUR_AND_TWO: u8 = 4;

// Numbers that take a byte or more, see `Script::number`.
const NUMBER_8193: u8 = 0xe6;
const NUMBER_LAST: u8 = 0xeb;
const NUMBER_1400: [u8; 9] = [0xff, 0, 0, 0, 0, 0, 0, 5, 0x78];

/// Long enough that nothing is held any more.
const QUIET: [u8; 2] = [PASS, 250];

/// For the receiver.
pub(super) fn receiver() -> Vec<Seed> {
    [honest(), lies()].concat()
}

fn honest() -> Vec<Seed> {
    // A few records in a frame of their own.
    let frame = |place, source| [0, place, source, 3, TRANSMIT, place];
    let frames = |place| (0..4).flat_map(|source| frame(place, source)).collect::<Vec<u8>>();
    let head = |place| [HEADS, place, TRANSMIT, place, DELIVER, PASS, 200];
    let all = [DELIVER; 8];
    let late = [DELIVER_ONE, 3, DELIVER_ONE, 2, PASS, 40, DELIVER_ONE, 0];
    let damage = [FLIP_ONE, 0, 60, 1, FLIP_ONE, 0, 5, 7, CUT_ONE, 0, 64];
    let restarts = (0..3).chain(0..3).flat_map(|place| [&frames(place)[..], &all].concat());
    vec![
        ("honest", [&[BEACON, 0, ANNOUNCE, 0, 1][..], &frames(0), &all, &head(0), &all].concat()),
        ("recovered", [&frames(0)[..], &[LOSE_ONE, 1, LOSE_ONE, 1], &all, &QUIET].concat()),
        ("lost", [&frames(1)[..], &[LOSE_ONE, 0, LOSE_ONE, 1], &all, &head(1), &QUIET].concat()),
        ("late", [&frames(0)[..], &late, &QUIET].concat()),
        ("twice", [&frames(2)[..], &[REPEAT_ONE, 0, REPEAT_ONE, 3, REPEAT_ONE, 4], &all].concat()),
        ("damaged", [&frames(3)[..], &damage, &all].concat()),
        ("thrown", [&[THROW, 70][..], b"NR\x01", &[0; 67], &frames(3), &all].concat()),
        ("restarts", restarts.collect()),
        ("stranger", stranger()),
    ]
}

/// A frame of a diode that nobody knows here.
fn stranger() -> Vec<u8> {
    let header = Header { diode: DiodeId(9), boot: BootId([9; 16]), frame: 0, body: Body::Beacon };
    [&[THROW, 65][..], &header.emit(), &[0; 17]].concat()
}

/// Steps in which the liar speaks, each a data shard of these places and then its payload.
fn lies() -> Vec<Seed> {
    let data = |code, frame, block, index| [LIE, 3, frame, 0, code, 7, block, index];
    let record = |source, first| [5, source, first, 0, 1];
    let first = data(ONE_AND_NONE, 1, 1, 0);
    let open = [&data(FOUR_AND_TWO, 1, 9, 0)[..], &record(1, 0)].concat();
    let other_code = [&data(TWO_AND_TWO, 2, 9, 0)[..], &record(1, 1)].concat();
    let noise = [0, 3, 0xff, 0xff, 0xff];
    let parity_of_noise = [&[LIE, 3, 3, 0, FOUR_AND_TWO, 1, 9, 1, 1][..], &noise].concat();
    let large = |number| [&data(FOUR_AND_TWO, number, number, 1)[..], &[2, 0], &NUMBER_1400].concat();
    let last = data(ONE_AND_NONE, NUMBER_LAST, NUMBER_LAST, 0);
    let endless_heads = [4, 0, 2, NUMBER_LAST, NUMBER_LAST];
    let early = [&data(ONE_AND_NONE, NUMBER_8193, 1, 0)[..], &record(1, 0)].concat();
    let late = [&data(ONE_AND_NONE, 0, 0, 0)[..], &record(1, 1)].concat();
    let next = data(ONE_AND_NONE, 2, 2, 0);
    vec![
        ("lie-order", [&first[..], &record(1, 99), &next, &record(1, 3), &QUIET].concat()),
        ("lie-code", [&open[..], &other_code].concat()),
        ("lie-parity", [&open[..], &parity_of_noise, &QUIET].concat()),
        ("lie-noise", [&first[..], &noise].concat()),
        ("lie-source", [&first[..], &record(200, 0)].concat()),
        ("lie-large", (20..25).flat_map(large).collect()),
        ("lie-old", [early, late].concat()),
        ("lie-last-numbers", [&last[..], &record(1, NUMBER_LAST), &QUIET].concat()),
        ("lie-endless", [&first[..], &endless_heads, &QUIET].concat()),
    ]
}
