//! Seeds of targets that read an input as a script; the numbers are those of the targets' steps.

use super::Seed;

/// For the poller's exercise: connections, replies and every fault.
pub(super) fn modbus() -> Vec<Seed> {
    let (connected, refused, closed, next) = ([2], [3], [4], [1]);
    let (reply, not_a_number) = ([6, 3, 1], [6, 3, 0xff]);
    let (exception, short, wrong) = ([7, 3, 0, 0], [7, 3, 0, 64], [7, 3, 0, 0xff]);
    let noise = [5, 9, 0, 0, 0, 0, 0, 3, 17, 3, 1];
    let polls = [&connected[..], &[&reply[..], &next].concat().repeat(12)].concat();
    let faults =
        [&connected[..], &not_a_number, &exception, &next, &short, &next, &connected, &wrong].concat();
    vec![
        ("polls", polls),
        ("faults", faults),
        ("lines", [&refused[..], &next, &connected, &closed, &next, &connected, &next, &next].concat()),
        ("timeouts", [&[1][..], &[1, 2].repeat(12)].concat()),
        ("noise", [&connected[..], &noise, &next, &connected, &noise, &closed].concat()),
    ]
}

/// For forward error correction: geometry, an honest block, and nonsense.
pub(super) fn fec() -> Vec<Seed> {
    // Ten data and four parity shards; all are sent, three get lost.
    let mut losing = vec![9, 4, 9];
    losing.extend((0..10).flat_map(|number| [20 + number, number * 7]));
    losing.extend([1, 0, 1, 1, 0, 1, 1, 0, 1, 1]);
    let mut too_few = losing.clone();
    too_few.extend([0, 0, 1, 1]);
    // Closed with two of them; then a block that repeats rows and contradicts its lengths.
    let nonsense = [
        9, 4, 1, 5, 1, 48, 2, 0, 1, 1, 1, 1, 1, 2, 40, 3, 1, 2, 3, 3, 0, 4, 9, 9, 9, 9, 0, 4, 8, 8, 8, 8, 255,
    ];
    vec![
        ("losing", [&losing[..], &[1; 4]].concat()),
        ("too-few", too_few),
        ("nonsense", nonsense.to_vec()),
        ("one-copy", vec![0, 1, 0, 8, 3, 0, 1]),
        ("no-parity", vec![2, 0, 2, 1, 1, 2, 2, 3, 3, 1, 1, 1]),
    ]
}

/// For the medium: whether checksums are repaired, then a kind of place, where in it, and what to write.
pub(super) fn medium() -> Vec<Seed> {
    let fat_entry = |entry: u8, value: u8| [entry, 4, value];
    vec![
        ("untouched", Vec::new()),
        ("mbr", vec![1, 0, 0, 0, 6, 1, 1]),
        ("header", vec![0, 0, 1, 0, 40, 1, 35]),
        ("entry", vec![0, 0, 2, 1, 0, 8, 255, 255, 255, 255, 255, 255, 255, 127]),
        ("boot-sector", vec![0, 0, 5, 13, 8]),
        ("chain-loop", [&[0][..], &fat_entry(2, 2), &fat_entry(3, 3)].concat()),
        ("chain-end", [&[0][..], &fat_entry(5, 0)].concat()),
        ("folder", vec![0, 0, 6, 1, 11, 1, 0x0f]),
        ("file-length", vec![0, 0, 7, 66, 28, 4, 255, 255, 255, 255]),
        ("kernel", vec![0, 0, 9, 2, 0, 8, 1, 0, 0, 0, 7, 0, 0, 0]),
        ("cut", vec![1, 0, 11, 0x80]),
    ]
}

/// Steps of the receiver's world.
mod step {
    pub(super) const HEADS: u8 = 3;
    pub(super) const ANNOUNCE: u8 = 4;
    pub(super) const BEACON: u8 = 5;
    pub(super) const TRANSMIT: u8 = 6;
    pub(super) const DELIVER: u8 = 7;
    pub(super) const DELIVER_ONE: u8 = 8;
    pub(super) const LOSE_ONE: u8 = 9;
    pub(super) const REPEAT_ONE: u8 = 10;
    pub(super) const FLIP_ONE: u8 = 11;
    pub(super) const CUT_ONE: u8 = 12;
    pub(super) const PASS: u8 = 13;
    pub(super) const THROW: u8 = 14;
    pub(super) const LIE: u8 = 15;
}

/// For the receiver: honest senders at the places 0 to 3, a bad network, and lies.
pub(super) fn receiver() -> Vec<Seed> {
    use step::*;
    // A few records in a frame of their own.
    let frame = |place, source| [0, place, source, 3, TRANSMIT, place];
    let frames = |place| (0..4).flat_map(|source| frame(place, source)).collect::<Vec<u8>>();
    let quiet = [PASS, 250];
    let head = |place| [HEADS, place, TRANSMIT, place, DELIVER, PASS, 200];
    let record = |place: u8, frame: u8, block: u8, index: u8, first: u8| {
        [LIE, place, frame, 0, 0, 7, block, index, 5, 1, first, 0, 1]
    };
    let delivered = [DELIVER; 8];
    vec![
        ("honest", [&[BEACON, 0, ANNOUNCE, 0, 1][..], &frames(0), &delivered, &head(0), &delivered].concat()),
        ("recovered", [&frames(0)[..], &[LOSE_ONE, 1, LOSE_ONE, 1], &delivered, &quiet].concat()),
        ("lost", [&frames(1)[..], &[LOSE_ONE, 0, LOSE_ONE, 1], &delivered, &head(1), &quiet].concat()),
        (
            "late",
            [&frames(0)[..], &[DELIVER_ONE, 3, DELIVER_ONE, 2, PASS, 40, DELIVER_ONE, 0], &quiet].concat(),
        ),
        ("twice", [&frames(2)[..], &[REPEAT_ONE, 0, REPEAT_ONE, 3, REPEAT_ONE, 4], &delivered].concat()),
        (
            "damaged",
            [&frames(3)[..], &[FLIP_ONE, 0, 60, 1, FLIP_ONE, 0, 5, 7, CUT_ONE, 0, 64], &delivered].concat(),
        ),
        ("thrown", [&[THROW, 70][..], b"NR\x01", &[0; 67], &frames(3), &delivered].concat()),
        (
            "restarts",
            (0..3).chain(0..3).flat_map(|place| [&frames(place)[..], &delivered].concat()).collect(),
        ),
        (
            "lies",
            [&frames(0)[..], &delivered, &record(0, 50, 0, 0, 99), &record(0, 51, 0, 1, 3), &quiet].concat(),
        ),
        (
            "last-numbers",
            [LIE, 3, 0xe0 + 11, 0, 0, 7, 0xe0 + 11, 0, 5, 1, 0xe0 + 11, 1, 0, PASS, 250].to_vec(),
        ),
    ]
}
