//! Seeds of what reads device paths (UEFI 2.10, chapter 10).

use super::Seed;

const DISK: &[u8] = &[2, 1, 12, 0, 0xd0, 0x41, 0x03, 0x0a, 0, 0, 0, 0, 1, 1, 6, 0, 0, 0x1f, 3, 5, 6, 0, 0, 0];
const CONSOLES: &[u8] = &[
    2, 3, 8, 0, 0, 1, 1, 0x80, 0x7f, 1, 4, 0, // a display, and another one
    2, 1, 12, 0, 0xd0, 0x41, 0x01, 0x05, 0, 0, 0, 0, // COM1
    3, 14, 19, 0, 0, 0, 0, 0, 0, 0xc2, 1, 0, 0, 0, 0, 0, 8, 1, 1,
];
const END: &[u8] = &[0x7f, 0xff, 4, 0];

pub(super) fn device_paths() -> Vec<Seed> {
    let partition = [&[4, 1, 42, 0][..], &[7; 38]].concat();
    let cd = [&[4, 2, 24, 0][..], &[0; 20]].concat();
    let pair = |part: &[u8]| {
        let disk = [DISK, END].concat();
        [&[disk.len() as u8][..], &disk, DISK, part, END].concat()
    };
    vec![
        ("partition", pair(&partition)),
        ("cd", pair(&cd)),
        ("deeper", pair(&[&partition[..], &partition].concat())),
        ("consoles", [&[0][..], CONSOLES, END].concat()),
        ("short-node", vec![0, 2, 1, 0, 0, 2, 1, 3, 0]),
    ]
}
