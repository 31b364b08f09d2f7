//! Seeds of the receiver's world: honest senders at the places 0 to 3, a bad network, and lies.

use noreturn_wire::{Body, BootId, DiodeId, Header, HeaderKey, Suite};

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
const SENDING: u8 = 16;
const STREAM: u8 = 17;
const FILE: u8 = 18;
const LINK: u8 = 19;
const SAVE: u8 = 20;
const RESTART: u8 = 21;
const KEY_RING: u8 = 22;

/// Telemetry that is sent again later.
const KEPT: [u8; 3] = [SENDING, 1, 0];
/// Bulk that is.
const BULK: [u8; 3] = [SENDING, 2, 0];
// Ways to restart.
const CRASHED: u8 = 0;
const SAVED: u8 = 1;
const WRITTEN_ANEW: u8 = 2;

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
/// Long enough for the parity of a block, and it is sent: two shards at most.
const PARITY: [u8; 8] = [PASS, 63, TRANSMIT, 0, PASS, 63, TRANSMIT, 0];

/// For the receiver.
pub(super) fn receiver() -> Vec<Seed> {
    [honest(), objects(), restarts(), lies(), object_lies()].concat()
}

/// A few records of a place in a frame of their own.
const fn frame(place: u8, source: u8) -> [u8; 6] {
    [0, place, source, 3, TRANSMIT, place]
}

fn honest() -> Vec<Seed> {
    let frames = |place| (0..4).flat_map(|source| frame(place, source)).collect::<Vec<u8>>();
    let head = |place| [HEADS, place, TRANSMIT, place, DELIVER, PASS, 200];
    let all = [DELIVER; 8];
    let late = [DELIVER_ONE, 3, DELIVER_ONE, 2, PASS, 40, DELIVER_ONE, 0];
    let damage = [FLIP_ONE, 0, 60, 1, FLIP_ONE, 0, 5, 7, CUT_ONE, 0, 64];
    let header = [FLIP_ONE, 0, 30, 1];
    let boots = [0, 1, 2, 0, 4, 1, 0, 3].into_iter().flat_map(|place| [&frames(place)[..], &all].concat());
    let again = [&[LOSE_ONE, 0][..], &head(0), &QUIET, &[TRANSMIT, 0], &all, &all].concat();
    let out = [&frame(0, 0)[..], &[LINK, 0, 1], &frame(0, 0), &[LINK, 0, 0, TRANSMIT, 0]].concat();
    vec![
        ("honest", [&[BEACON, 0, ANNOUNCE, 0, 1][..], &frames(0), &all, &head(0), &all].concat()),
        ("recovered", [&frames(0)[..], &[LOSE_ONE, 1, LOSE_ONE, 1], &PARITY, &all, &QUIET].concat()),
        ("history", [&KEPT[..], &frames(0), &again].concat()),
        ("link", [&KEPT[..], &out, &all, &QUIET].concat()),
        ("lost", [&frames(1)[..], &[LOSE_ONE, 0, LOSE_ONE, 1], &all, &head(1), &QUIET].concat()),
        ("late", [&frames(0)[..], &late, &QUIET].concat()),
        ("twice", [&frames(2)[..], &[REPEAT_ONE, 0, REPEAT_ONE, 3, REPEAT_ONE, 4], &all].concat()),
        ("damaged", [&frames(3)[..], &damage, &frames(1), &header, &all].concat()),
        ("thrown", [&[THROW, 78][..], b"NR\x02\x01", &[0; 74], &frames(3), &all].concat()),
        ("boots", boots.collect()),
        ("stranger", stranger()),
    ]
}

/// Streams and files of honest senders.
fn objects() -> Vec<Seed> {
    let all = [DELIVER; 16];
    // One step, or one piece, in a frame of its own.
    let step = |stream| [STREAM, 0, stream, 0, TRANSMIT, 0];
    let steps = |stream| step(stream).repeat(5);
    let piece = |file, number| [FILE, 0, file, number, 0, TRANSMIT, 0];
    let file = |file| (0..5).flat_map(|number| piece(file, number)).collect::<Vec<u8>>();
    let head = [&[STREAM, 0, 0, 7][..], &[TRANSMIT, 0]].concat();
    // More than parity can mend.
    let hole = [&steps(0)[..], &[LOSE_ONE, 1].repeat(3), &all, &QUIET].concat();
    let others = [&steps(1)[..], &all, &steps(2), &all, &step(0), &all].concat();
    let again = [&BULK[..], &hole, &QUIET, &[TRANSMIT, 0], &all, &QUIET, &[TRANSMIT, 0], &all].concat();
    vec![
        ("stream", [&steps(0)[..], &all, &head, &all].concat()),
        ("stream-recovered", [&steps(0)[..], &[LOSE_ONE, 1], &PARITY, &all].concat()),
        (
            "stream-end-lost",
            [&steps(0)[..], &[LOSE_ONE, 4], &all, &head, &LOSE_LAST, &head, &all, &QUIET].concat(),
        ),
        ("stream-evicted", [&hole[..], &others].concat()),
        ("stream-again", again),
        ("file", [&file(0)[..], &[DELIVER_ONE, 3], &all, &file(0), &all].concat()),
        ("file-unknown", [&piece(0, 1)[..], &all, &file(0), &all].concat()),
        ("file-abandoned", (0..3).flat_map(|number| [&piece(number, 0)[..], &all].concat()).collect()),
    ]
}

/// Loses the frame that was sent last, if there is no other.
const LOSE_LAST: [u8; 2] = [LOSE_ONE, 0];

/// What must survive a restart, and keys that come and go.
fn restarts() -> Vec<Seed> {
    let all = [DELIVER; 8];
    let said =
        [&KEPT[..], &frame(0, 0), &frame(0, 1), &BULK, &[STREAM, 0, 0, 2, FILE, 0, 0, 0, 2, TRANSMIT, 0]]
            .concat();
    let twice = [REPEAT_ONE, 0, REPEAT_ONE, 0, REPEAT_ONE, 0, LOSE_ONE, 0];
    let more = [&said[..], &[PASS, 100, TRANSMIT, 0], &all, &QUIET].concat();
    let restart = |way| [&said[..], &twice, &[RESTART, way], &all, &more, &[RESTART, way], &more].concat();
    let crash = [&said[..], &twice, &[SAVE], &more, &[RESTART, CRASHED], &more].concat();
    let boots = |place| [&frame(place, 0)[..], &all].concat();
    let ended =
        [boots(0), boots(1), vec![RESTART, SAVED], boots(2), vec![RESTART, SAVED], boots(1), boots(0)];
    let ring = |ring, place| [&[KEY_RING, ring][..], &boots(place)].concat();
    vec![
        ("restart", restart(SAVED)),
        ("restart-anew", restart(WRITTEN_ANEW)),
        ("crash", crash),
        ("restart-boots", ended.concat()),
        ("keys", [ring(1, 0), ring(1, 2), ring(2, 2), ring(2, 0), ring(3, 0), ring(0, 0)].concat()),
    ]
}

/// A frame of a diode that nobody knows here.
fn stranger() -> Vec<u8> {
    let (suite, boot) = (Suite::default(), BootId([9; 16]));
    let header = Header { suite, diode: DiodeId(9), boot, frame: 0, body: Body::Beacon };
    [&[THROW, 73][..], &header.emit(&HeaderKey([7; 16])), &[0; 17]].concat()
}

/// Steps in which the liar speaks, each a data shard of these places and then its payload.
fn lies() -> Vec<Seed> {
    let data = |code, frame, block, index| [LIE, 3, frame, 0, code, 7, block, index];
    let record = |source, first| [5, source, first, 0, 1];
    let first = data(ONE_AND_NONE, 1, 1, 0);
    let open = [&data(FOUR_AND_TWO, 1, 9, 0)[..], &record(1, 0)].concat();
    let other_code = [&data(TWO_AND_TWO, 2, 9, 0)[..], &record(1, 1)].concat();
    let noise = [0, 3, 0xff, 0xff, 0xff];
    // A message of two bytes, of a kind that there is not.
    let unknown = [0, 3, 2, 9, 7];
    let parity_of_noise = [&[LIE, 3, 3, 0, FOUR_AND_TWO, 1, 9, 1, 1][..], &noise].concat();
    let large = |number| [&data(FOUR_AND_TWO, number, number, 1)[..], &[2, 0], &NUMBER_1400].concat();
    let last = data(ONE_AND_NONE, NUMBER_LAST, NUMBER_LAST, 0);
    let endless_heads = [4, 0, 2, NUMBER_LAST, NUMBER_LAST];
    let early = [&data(ONE_AND_NONE, NUMBER_8193, 1, 0)[..], &record(1, 0)].concat();
    let late = [&data(ONE_AND_NONE, 0, 0, 0)[..], &record(1, 1)].concat();
    let next = data(ONE_AND_NONE, 2, 2, 0);
    // Every second record.
    let gaps = [5, 1, 0, 11, 2];
    vec![
        ("lie-order", [&first[..], &record(1, 99), &next, &record(1, 3), &QUIET].concat()),
        ("lie-code", [&open[..], &other_code].concat()),
        ("lie-parity", [&open[..], &parity_of_noise, &QUIET].concat()),
        ("lie-noise", [&first[..], &noise].concat()),
        ("lie-unknown", [&first[..], &unknown].concat()),
        ("lie-source", [&first[..], &record(200, 0)].concat()),
        ("lie-large", (20..25).flat_map(large).collect()),
        ("lie-old", [early, late].concat()),
        ("lie-last-numbers", [&last[..], &record(1, 0), &first, &record(1, NUMBER_LAST), &QUIET].concat()),
        ("lie-gaps", [&first[..], &gaps, &QUIET].concat()),
        ("lie-endless", [&first[..], &endless_heads, &QUIET].concat()),
    ]
}

/// Steps and pieces that contradict each other.
fn object_lies() -> Vec<Seed> {
    let frame =
        |frame, contents: &[u8]| [&[LIE, 3, frame, 0, ONE_AND_NONE, 7, frame, 0][..], contents].concat();
    // Each message: a number of them, less one; what it is of; what it says.
    let (steps, pieces) = (8, 9);
    let (close, abort, head) = (1, 2, 3);
    let last = frame(1, &[steps, 0, 0, NUMBER_LAST, head]);
    let impossible = frame(2, &[steps, 0, 0, NUMBER_LAST, close, 0]);
    let after_end = frame(3, &[steps, 1, 1, 2, abort, 0, 1, 5, head]);
    let (about, of_twenty, abort_file, data) = (0, 1, 2, 4);
    let scattered = [0, 3, 6, 9, 12].iter().flat_map(|&offset| [0, data, offset, 0]).collect::<Vec<u8>>();
    let scattered = frame(1, &[&[pieces, 5, 0, of_twenty][..], &scattered].concat());
    let aborted = frame(2, &[pieces, 2, 0, abort_file, 0, of_twenty, 1, abort_file]);
    let other = frame(3, &[pieces, 1, 2, about, 100, 0, 2, about, 101, 0]);
    vec![
        ("lie-stream", [last, impossible, after_end, QUIET.to_vec()].concat()),
        ("lie-file", [scattered, aborted, other].concat()),
    ]
}
