//! Seeds of small targets that read an input as a script; the numbers are those of the targets' steps.

use noreturn_link::receiver::{Lane, Mark, Objects};
use noreturn_wire::{BootId, DiodeId, SourceId, StreamId};

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

/// For the table of neighbours: frames, packets and time, among three hosts.
pub(super) fn neighbours() -> Vec<Seed> {
    // A host, a packet of a flow with its flags, a reply of a host from an Ethernet address.
    let syn = |host: u8, flow: u8| [4, 0, 3, host, flow, 2, 0];
    let ack = |host: u8| [4, 0, 3, host, 0, 16, 0];
    let reset = |host: u8| [4, 0, 3, host, 0, 4, 0];
    let reply = |host: u8, mac: u8| [1, 0, mac, 3, host, 1, 0];
    let request = |host: u8, mac: u8| [1, 2, mac, 3, host, 1, 2];
    let (second, half_minute) = ([7, 100], [7, 0xf0, 0, 0, 0, 0, 0, 0, 11, 184]);
    vec![
        ("known", [&syn(0, 0)[..], &reply(0, 1), &ack(0), &half_minute, &ack(0), &reply(0, 1)].concat()),
        ("silent", [&syn(0, 0)[..], &second, &syn(0, 1), &second, &reset(0), &second].concat()),
        (
            "moved",
            [&syn(0, 0)[..], &reply(0, 1), &second, &syn(0, 0), &[7, 200], &syn(0, 0), &reply(0, 2)].concat(),
        ),
        (
            "liar",
            [&reply(0, 3)[..], &syn(0, 0), &reply(1, 3), &reply(0, 1), &reply(0, 3), &request(0, 3)].concat(),
        ),
        ("gateway", [&syn(2, 0)[..], &syn(2, 1), &syn(2, 2), &syn(2, 3), &reply(2, 1)].concat()),
    ]
}

/// For forward error correction: geometry, kernel, then blocks: 0 and an honest one, or 1 and nonsense.
pub(super) fn fec() -> Vec<Seed> {
    // Ten data shards of which the network takes those that are 0 here.
    let block = |arrived: [u8; 10]| {
        let shards = (0..10).flat_map(|number| [20 + 13 * number, number * 7, number]);
        [0, 9].into_iter().chain(shards).chain(arrived).collect::<Vec<u8>>()
    };
    let losing = block([1, 0, 1, 1, 0, 1, 1, 0, 1, 1]);
    // Closed with two shards, of which one is there; rows repeat, do not exist, and have other lengths.
    let nonsense =
        [1, 2, 4, 1, 2, 3, 4, 127, 4, 0, 4, 9, 8, 7, 6, 0, 4, 5, 4, 3, 2, 255, 1, 0, 1, 3, 0, 0, 0];
    vec![
        ("losing", [&[9, 4, 0][..], &losing, &[1; 4]].concat()),
        ("portable", [&[9, 4, 255][..], &losing, &[1; 4]].concat()),
        ("too-few", [&[9, 4, 0][..], &losing, &[0, 0, 1, 1]].concat()),
        ("again", [&[9, 4, 0][..], &[&losing[..], &[1; 4]].concat().repeat(3)].concat()),
        ("nonsense", [&[9, 4, 0][..], &nonsense].concat()),
        ("one-copy", vec![0, 1, 0, 0, 0, 8, 3, 1, 0, 1]),
        ("no-parity", vec![2, 0, 0, 0, 2, 1, 1, 1, 2, 2, 1, 3, 3, 1, 1, 1, 0]),
    ]
}

/// For the kernel: changes, each a place in eight bytes, a length and bytes.
pub(super) fn kernel() -> Vec<Seed> {
    let change = |place: u64, bytes: &[u8]| [&place.to_le_bytes()[..], &[bytes.len() as u8], bytes].concat();
    vec![
        ("untouched", Vec::new()),
        ("elf-header", [change(40, &[0xff; 8]), change(58, &[1, 0, 9, 0])].concat()),
        ("code", change(136, &[0xe8, 0x2b, 0, 0, 0, 0xc3])),
        ("symbols", [change(240, &[0xff; 8]), change(260, &[0; 8]), change(300, &[7; 8])].concat()),
    ]
}

/// For the medium: what is put right afterwards; then places of FAT entries, a kind of place, where in it, and what to write.
pub(super) fn medium() -> Vec<Seed> {
    const SIGNED: u8 = 3;
    vec![
        ("untouched", Vec::new()),
        ("signed", vec![SIGNED]),
        ("mbr", vec![1, 0, 0, 0, 6, 1, 1]),
        ("header", vec![0, 0, 1, 0, 40, 1, 35]),
        ("entry", vec![0, 0, 2, 1, 0, 8, 255, 255, 255, 255, 255, 255, 255, 127]),
        ("boot-sector", vec![0, 0, 3, 0, 13, 1, 8]),
        ("chain-loop", vec![0, 3, 4, 2]),
        ("chain-end", vec![SIGNED, 6, 4, 0]),
        ("folder", vec![0, 0, 5, 1, 11, 1, 0x0f]),
        ("file-length", vec![0, 0, 5, 66, 28, 4, 255, 255, 255, 255]),
        ("loader", vec![SIGNED, 0, 7, 1, 0, 4, 255, 255, 255, 255]),
        ("kernel", vec![SIGNED, 0, 8, 2, 0, 8, 1, 0, 0, 0, 7, 0, 0, 0]),
        ("config", vec![SIGNED, 0, 9, 0, 5, 2, 9, 9]),
        ("cd-length", vec![SIGNED, 0, 11, 2, 16, 1, 9]),
        ("cd-boot", vec![0, 0, 12, 1, 8, 1, 33]),
        ("cd-folder", vec![0, 0, 13, 2, 4, 1, 35]),
        ("manifest", vec![SIGNED, 0, 14, 0, 32, 3, b'9', b'9', b'9']),
        ("cut", vec![1, 0, 15, 0x80]),
    ]
}

/// For the receiver's marks: each with its length in front.
pub(super) fn marks() -> Vec<Seed> {
    let (diode, boot) = (DiodeId(1), BootId([3; 16]));
    let (lane, ranges) = (Lane::Source(SourceId(2)), vec![(3, 9), (11, 11)]);
    let session = Mark::Session { diode, boot, frames_end: 300 };
    let next = Mark::Next { diode, boot, lane, next: 12 };
    let missing = Mark::Missing { diode, boot, lane, ranges };
    let over = Mark::Over { diode, boot, objects: Objects::Files, ranges: vec![(0, 4)] };
    let stream = Mark::Next { diode, boot, lane: Lane::Stream(StreamId(7)), next: u64::MAX };
    let ended = Mark::Ended { diode, boot: BootId([4; 16]) };
    let stranger = Mark::Session { diode: DiodeId(9), boot, frames_end: 1 };
    let absurd =
        Mark::Missing { diode, boot, lane, ranges: vec![(9, 3), (u64::MAX, u64::MAX), (0, u64::MAX)] };
    vec![
        ("whole", journal(&[session.clone(), next.clone(), missing, over, stream])),
        ("ended", journal(&[session.clone(), ended, Mark::Ended { diode, boot }, next.clone()])),
        ("stranger", journal(&[stranger])),
        ("absurd", journal(&[session, next, absurd])),
    ]
}

fn journal(marks: &[Mark]) -> Vec<u8> {
    marks.iter().map(Mark::encode).flat_map(|mark| [vec![mark.len() as u8], mark].concat()).collect()
}

/// For the ring's reader: shape and memory, then words (the two of the head by themselves) and reads.
pub(super) fn ring() -> Vec<Seed> {
    const WORD: u8 = 0;
    const HEAD: u8 = 1;
    const READ: u8 = 2;
    const NUMBER_LAST: u8 = 0xeb;
    const FITS: [u8; 3] = [2, 12, 8];
    let (started, done) = (|number| [HEAD, 0, number], |number| [HEAD, 1, number]);
    let word = |place, number| [WORD, place, number];
    let read = [READ, 20];
    // Two entries of three words behind the head, length first.
    let sound = [started(2), done(2), word(2, 12), word(3, 7), word(4, 9), word(5, 3), word(6, 1)].concat();
    vec![
        ("sound", [&FITS[..], &sound, &read, &read, &read].concat()),
        ("overrun", [&FITS[..], &sound, &started(9), &done(8), &read, &read, &read].concat()),
        ("overwriting", [&FITS[..], &sound, &started(3), &read, &read].concat()),
        ("backwards", [&FITS[..], &sound, &read, &started(0), &done(1), &read, &done(0), &read].concat()),
        ("last", [&FITS[..], &started(NUMBER_LAST), &done(NUMBER_LAST), &read, &read, &read, &read].concat()),
        ("long", [&FITS[..], &sound, &word(2, 13), &read, &word(5, NUMBER_LAST), &read].concat()),
        ("small-buffer", [&FITS[..], &sound, &[READ, 11, READ, 0]].concat()),
        ("too-small", vec![2, 12, 7]),
        ("without-entries", vec![0, 12, 30]),
    ]
}

/// For the sender: the configuration, of which every zero is an ordinary choice, then steps.
pub(super) fn sender() -> Vec<Seed> {
    const LINK_BYTES: usize = 3;
    const BLOCKS_BYTES: usize = 5;
    const HISTORY_BYTES: usize = BLOCKS_BYTES + 3;
    const CLASS_BYTES: usize = BLOCKS_BYTES + 3;
    const ORDINARY: [u8; LINK_BYTES + HISTORY_BYTES + 3 * CLASS_BYTES] =
        [0; LINK_BYTES + HISTORY_BYTES + 3 * CLASS_BYTES];
    let (beacon, send, pass, link, work) = (2, 4, 5, 6, 7);
    let (telemetry, alarm, bulk) = (0, 1, 2);
    // So many messages, less one, of 150 bytes that are kept.
    let push = |class, count| [0, class, 0, 150, count];
    let with = |changes: &[(usize, u8)]| {
        let mut config = ORDINARY;
        changes.iter().for_each(|&(place, choice)| config[place] = choice);
        config
    };
    let all = [push(telemetry, 20), push(alarm, 5), push(bulk, 31)].concat();
    let each = [&push(telemetry, 0)[..], &[send, pass, 100]].concat().repeat(20);
    let outage = [&push(telemetry, 9)[..], &[send, link, 1], &push(alarm, 9), &[pass, 200, link, 0]].concat();
    let unkept = [[0, telemetry, 1, 150, 31], [0, telemetry, 1, 1, 31], [0, alarm, 1, 6, 31]].concat();
    let absurd = [0, alarm, 0, 0, 1, 0, alarm, 0, 7, 1, 0, 4, 0, 150, 1];
    let history = LINK_BYTES + BLOCKS_BYTES;
    vec![
        ("busy", [&ORDINARY[..], &all, &[beacon, work, 200]].concat()),
        ("quiet", [&ORDINARY[..], &each, &[pass, 130, send]].concat()),
        ("outage", [&ORDINARY[..], &outage, &[work, 255]].concat()),
        ("full", [&with(&[(0, 2), (1, 2)])[..], &unkept.repeat(12), &[work, 255]].concat()),
        ("forgotten", [&ORDINARY[..], &[0, bulk, 0, 38, 31, work, 255].repeat(6)].concat()),
        ("oldest-first", [&with(&[(history, 3), (history + 1, 1)])[..], &all, &[work, 255]].concat()),
        ("absurd", [&ORDINARY[..], &absurd, &[work, 20]].concat()),
        ("without-parity", [&with(&[(history + 3 + CLASS_BYTES, 3)])[..], &all, &[work, 255]].concat()),
        ("zeros", [&[255; ORDINARY.len()][..], &all, &[work, 255]].concat()),
    ]
}

/// Events of `inside_stack`: what is heard, and time that passes.
pub(super) fn inside_stack() -> Vec<Seed> {
    let (arp, answer, segment, udp, pass) = (1, 2, 3, 5, 6);
    let (syn, ack, rst_ack) = (0x02, 0x10, 0x14);
    let second = [pass, 100];
    let found = [&second[..], &[arp, 0, 0, 0]].concat();
    let gateway = [&second[..], &[arp, 0, 1, 0]].concat();
    let connected = [&found[..], &[answer, 0]].concat();
    // Device, near the latest, which port, flags, numbers (8 is exact), window, bytes, words of options.
    let latest = |flags: u8| [segment, 0, 1, 0, flags, 8, 8, 100, 0, 0];
    let status = |flags: u8| [segment, 0, 0, 2, flags, 8, 8, 100, 0, 0];
    vec![
        ("answered", [&connected[..], &[answer, 7, pass, 0, answer, 8], &second, &[answer, 9]].concat()),
        ("gateway", [&gateway[..], &[answer, 0, answer, 7, pass, 0, answer, 8], &second].concat()),
        ("bare-syn", [&second[..], &latest(syn), &second, &latest(syn), &second].concat()),
        ("refused", [&found[..], &latest(rst_ack), &second, &second].concat()),
        ("status", [&found[..], &status(syn), &second, &status(ack), &second, &status(rst_ack)].concat()),
        ("udp", [&found[..], &[udp, 0, 30, 0], &[9; 30], &second].concat()),
        (
            "hours",
            [&connected[..], &[pass, 0xff, 0, 0, 0, 0, 0, 0x0f, 0xff, 0xff, answer, 7], &second].concat(),
        ),
        ("nonsense", [&found[..], &[0], &[0x45; 64], &second].concat()),
    ]
}
