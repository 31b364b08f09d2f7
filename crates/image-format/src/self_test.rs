//! Known answers, by which a program that starts finds out whether what it is about to rely on works on this machine.
//!
//! Each program tests what it uses itself. Everything goes through [`black_box`]: a compiler that knows question and answer
//! would do the test while it builds.

use alloc::vec::Vec;
use core::hint::black_box;

use crate::digest::Sha256Digest;

/// A name for people, and whether the answers are the known ones.
pub type SelfTest = (&'static str, fn() -> bool);

/// Runs all of them; the names of those that failed.
#[must_use]
pub fn failed(tests: &[SelfTest]) -> Vec<&'static str> {
    tests.iter().filter(|(_, passes)| !passes()).map(|(name, _)| *name).collect()
}

/// SHA-256.
pub const SHA256: SelfTest = ("SHA-256", || is_sha256(Sha256Digest::of));

/// One block and two: NIST, "Examples with Intermediate Values", SHA256.pdf, which belongs to FIPS 180-4.
static EXAMPLES: [(&[u8], [u8; 32]); 2] = [
    (
        b"abc",
        *b"\xba\x78\x16\xbf\x8f\x01\xcf\xea\x41\x41\x40\xde\x5d\xae\x22\x23\
           \xb0\x03\x61\xa3\x96\x17\x7a\x9c\xb4\x10\xff\x61\xf2\x00\x15\xad",
    ),
    (
        b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
        *b"\x24\x8d\x6a\x61\xd2\x06\x38\xb8\xe5\xc0\x26\x93\x0c\x3e\x60\x39\
           \xa3\x3c\xe4\x59\x64\xff\x21\x67\xf6\xec\xed\xd4\x19\xdb\x06\xc1",
    ),
];

fn is_sha256(digest: impl Fn(&[u8]) -> Sha256Digest) -> bool {
    EXAMPLES.iter().all(|(message, answer)| digest(black_box(message)).0 == *black_box(answer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_fail_are_named() {
        let tests: [SelfTest; 4] = [SHA256, ("one", || false), ("two", || true), ("three", || false)];
        assert_eq!(failed(&tests), ["one", "three"]);
    }

    #[test]
    fn a_digest_that_is_wrong_anywhere_fails() {
        for bit in 0..256 {
            let wrong = |message: &[u8]| {
                let mut digest = Sha256Digest::of(message);
                digest.0[bit / 8] ^= 1 << (bit % 8);
                digest
            };
            assert!(!is_sha256(wrong), "bit {bit}");
        }
        // Right for the one block, wrong when a second follows.
        let one_block = |message: &[u8]| Sha256Digest::of(message.get(..55).unwrap_or(message));
        assert!(!is_sha256(one_block));
    }
}
