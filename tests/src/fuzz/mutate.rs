//! Random changes to inputs, for test runs without coverage to guide them.

use crate::random::Random;

/// Bytes of an input at most.
pub const INPUT_BYTES_MAX: usize = 4096;
/// Changes to one input at most.
const CHANGES_MAX: u64 = 6;
/// Bytes and words at which parsers change their minds.
const TURNING_POINTS: [u64; 10] =
    [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fff_ffff, u32::MAX as u64, u64::MAX];

/// Makes a new input of one of `corpus`, which must not be empty.
#[must_use]
pub fn mutate(corpus: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut input = pick(corpus, random).to_vec();
    for _ in 0..=random.below(CHANGES_MAX) {
        change(&mut input, corpus, random);
    }
    input.truncate(INPUT_BYTES_MAX);
    input
}

fn pick<'a>(corpus: &'a [Vec<u8>], random: &mut Random) -> &'a [u8] {
    &corpus[random.below(corpus.len() as u64) as usize]
}

fn change(input: &mut Vec<u8>, corpus: &[Vec<u8>], random: &mut Random) {
    let at = random.below(input.len() as u64 + 1) as usize;
    match random.below(8) {
        0 => flip(input, at, random),
        1 => overwrite(input, at, &[random.draw() as u8]),
        2 => overwrite(input, at, &turning_point(random)),
        3 => insert(input, at, &turning_point(random)),
        4 => {
            let length = 1 + random.below(8) as usize;
            insert(input, at, &random.draw().to_le_bytes()[..length]);
        }
        5 => drop(input.drain(piece(input.len(), at, random))),
        6 => {
            let repeated = input[piece(input.len(), at, random)].to_vec();
            insert(input, at, &repeated);
        }
        _ => splice(input, at, pick(corpus, random), random),
    }
}

fn flip(input: &mut [u8], at: usize, random: &mut Random) {
    if let Some(byte) = input.get_mut(at) {
        *byte ^= 1 << random.below(8);
    }
}

/// A number of 1, 2, 4 or 8 bytes, in either order.
fn turning_point(random: &mut Random) -> Vec<u8> {
    let number = TURNING_POINTS[random.below(TURNING_POINTS.len() as u64) as usize];
    let length = 1 << random.below(4);
    if random.chance(500) {
        number.to_le_bytes()[..length].to_vec()
    } else {
        number.to_be_bytes()[8 - length..].to_vec()
    }
}

fn overwrite(input: &mut [u8], at: usize, change: &[u8]) {
    input.iter_mut().skip(at).zip(change).for_each(|(byte, new)| *byte = *new);
}

fn insert(input: &mut Vec<u8>, at: usize, change: &[u8]) {
    if input.len() + change.len() <= INPUT_BYTES_MAX {
        input.splice(at..at, change.iter().copied());
    }
}

/// From `at` on, a few bytes or many.
fn piece(length: usize, at: usize, random: &mut Random) -> std::ops::Range<usize> {
    let most = if random.chance(750) { 16 } else { INPUT_BYTES_MAX as u64 };
    at..(at + 1 + random.below(most) as usize).min(length).max(at)
}

/// Goes on with a piece of another input.
fn splice(input: &mut Vec<u8>, at: usize, other: &[u8], random: &mut Random) {
    let from = random.below(other.len() as u64 + 1) as usize;
    let piece = &other[piece(other.len(), from, random)];
    let end = if random.chance(500) { (at + piece.len()).min(input.len()) } else { at };
    input.splice(at..end, piece.iter().copied());
}
