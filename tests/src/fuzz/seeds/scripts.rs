//! Seeds of small targets that read an input as a script; the numbers are those of the targets' steps.

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
