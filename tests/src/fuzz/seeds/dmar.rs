//! Seeds of the description of remapping units.

use super::Seed;

/// What stands before the structures: address width, flags, reserved bytes.
const START: [u8; 12] = [38, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

pub(super) fn dmars() -> Vec<Seed> {
    let device = [1, 8, 0, 0, 0, 0, 2, 0];
    let behind_bridges = [2, 10, 0, 0, 0, 0, 28, 0, 0, 1];
    let timer = [4, 8, 0, 0, 0, 0, 31, 0];
    let display = unit(0, 0xfed9_0000, &device);
    let rest = unit(1, 0xfed9_1000, &[&behind_bridges[..], &timer].concat());
    let region =
        [&[0; 4][..], &0x3b80_0000_u64.to_le_bytes(), &0x3fff_ffff_u64.to_le_bytes(), &device].concat();
    let others = [structure(2, &[0; 4]), structure(4, b"\0\0\0\x01\\_SB\0"), structure(99, &[])].concat();
    vec![
        ("laptop", [&START[..], &display, &rest, &structure(1, &region), &others].concat()),
        ("one", [&START[..], &unit(1, 0xfed9_0000, &[])].concat()),
        ("twice", [&START[..], &display, &display].concat()),
        ("empty", START.to_vec()),
    ]
}

fn unit(flags: u8, registers: u64, scopes: &[u8]) -> Vec<u8> {
    structure(0, &[&[flags, 0, 0, 0][..], &registers.to_le_bytes(), scopes].concat())
}

fn structure(kind: u16, body: &[u8]) -> Vec<u8> {
    [&kind.to_le_bytes()[..], &(body.len() as u16 + 4).to_le_bytes(), body].concat()
}
