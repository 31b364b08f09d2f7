//! Known answers of what the loader believes a medium by, before it reads one.

use core::hint::black_box;

use noreturn_image_format::self_test::{self, SHA256, SelfTest};

use crate::Refusal;
use crate::check::is_signed;

const TESTS: [SelfTest; 2] = [SHA256, ("Ed25519", || is_ed25519(is_signed))];

/// Names of what was tested.
pub const NAMES: [&str; TESTS.len()] = [TESTS[0].0, TESTS[1].0];

/// Refuses to go on with a machine that computes anything else than it should.
///
/// # Errors
/// [`Refusal::SelfTest`].
pub fn run() -> Result<(), Refusal> {
    let failed = self_test::failed(&TESTS);
    if failed.is_empty() { Ok(()) } else { Err(Refusal::SelfTest(failed)) }
}

/// RFC 8032, section 7.1, test 3: public key, message, signature.
static SIGNED: ([u8; 32], [u8; 2], [u8; 64]) = (
    *b"\xfc\x51\xcd\x8e\x62\x18\xa1\xa3\x8d\xa4\x7e\xd0\x02\x30\xf0\x58\
       \x08\x16\xed\x13\xba\x33\x03\xac\x5d\xeb\x91\x15\x48\x90\x80\x25",
    [0xaf, 0x82],
    *b"\x62\x91\xd6\x57\xde\xec\x24\x02\x48\x27\xe6\x9c\x3a\xbe\x01\xa3\x0c\xe5\x48\xa2\x84\x74\x3a\x44\x5e\x36\x80\xd7\
       \xdb\x5a\xc3\xac\x18\xff\x9b\x53\x8d\x16\xf2\x90\xae\x67\xf7\x60\x98\x4d\xc6\x59\x4a\x7c\x15\xe9\x71\x6e\xd2\x8d\
       \xc0\x27\xbe\xce\xea\x1e\xc4\x0a",
);

/// The lowest bit of the signature's number: what is left is well formed, and no signature of this message.
const CHANGED_BYTE: usize = 32;

fn is_ed25519(is_signed: impl Fn(&[u8; 32], &[u8], [u8; 64]) -> bool) -> bool {
    let (key, message, signature) = black_box(&SIGNED);
    let mut changed = *signature;
    changed[CHANGED_BYTE] ^= 1;
    is_signed(key, message, *signature) && !is_signed(key, message, changed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_accepts_everything_or_nothing_fails() {
        assert_eq!(run(), Ok(()));
        assert!(!is_ed25519(|_, _, _| true), "a changed signature must fail");
        assert!(!is_ed25519(|_, _, _| false));
    }

    #[test]
    fn each_part_of_the_question_counts() {
        for bit in 0..64 * 8 {
            let wrong = |key: &[u8; 32], message: &[u8], mut signature: [u8; 64]| {
                signature[bit / 8] ^= 1 << (bit % 8);
                is_signed(key, message, signature)
            };
            assert!(!is_ed25519(wrong), "bit {bit} of the signature");
        }
        assert!(!is_ed25519(|key, _, signature| is_signed(key, &[0xaf, 0x83], signature)));
        assert!(!is_ed25519(|_, message, signature| is_signed(&[7; 32], message, signature)));
    }
}
