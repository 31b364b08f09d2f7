//! Known answers of what keys and seals a frame, for a sender that starts.

use core::hint::black_box;

use noreturn_wire::frame::{HEADER_BYTES, HEADER_TAG_BYTES, TAG_BYTES};
use noreturn_wire::{HeaderKey, Suite};

use super::{Cipher, expand};

/// RFC 5869, appendix A.1: key material, salt, info, and the output.
static HKDF: ([u8; 22], [u8; 13], [u8; 10], [u8; 42]) = (
    [0x0b; 22],
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12],
    [0xf0, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9],
    *b"\x3c\xb2\x5f\x25\xfa\xac\xd5\x7a\x90\x43\x4f\x64\xd0\x36\x2f\x2a\x2d\x2d\x0a\x90\xcf\x1a\x5a\x4c\x5d\xb0\x2d\
       \x56\xec\xc4\xc5\xbf\x34\x00\x72\x08\xd5\xb8\x87\x18\x58\x65",
);

/// Whether HKDF-SHA256 gives the known output.
#[must_use]
pub fn is_hkdf_right() -> bool {
    is_hkdf(|key, salt, info, output| expand(key, salt, &[info], output))
}

fn is_hkdf(expand: impl Fn(&[u8], &[u8], &[u8], &mut [u8])) -> bool {
    let (key, salt, info, answer) = black_box(&HKDF);
    let mut output = [0; 42];
    expand(key, salt, info, &mut output);
    output == *answer
}

/// SipHash-2-4 of the bytes 0 to 47 under the key of bytes 0 to 15, from another implementation.
static HEADER_TAG: [u8; HEADER_TAG_BYTES] = *b"\x51\xa9\xcb\x9e\xcb\xa3\x12\xe6";

/// Whether a header's tag verifies as it should.
#[must_use]
pub fn is_header_tag_right() -> bool {
    is_header_tag(*black_box(&HEADER_TAG))
}

fn is_header_tag(tag: [u8; HEADER_TAG_BYTES]) -> bool {
    let mut header: [u8; HEADER_BYTES] = core::array::from_fn(|place| place as u8);
    header[HEADER_BYTES - HEADER_TAG_BYTES..].copy_from_slice(&tag);
    HeaderKey(core::array::from_fn(|place| place as u8)).verifies(&header)
}

/// What a cipher makes of something known.
struct Sealed {
    suite: Suite,
    key: [u8; 32],
    nonce: [u8; 12],
    associated: &'static [u8],
    plaintext: &'static [u8],
    ciphertext: &'static [u8],
    tag: [u8; TAG_BYTES],
}

const PLAINTEXT_BYTES_MAX: usize = 114;

/// RFC 8439, section 2.8.2.
static CHACHA20_POLY1305: Sealed = Sealed {
    suite: Suite::ChaCha20Poly1305,
    key: *b"\x80\x81\x82\x83\x84\x85\x86\x87\x88\x89\x8a\x8b\x8c\x8d\x8e\x8f\
            \x90\x91\x92\x93\x94\x95\x96\x97\x98\x99\x9a\x9b\x9c\x9d\x9e\x9f",
    nonce: [7, 0, 0, 0, 0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47],
    associated: &[0x50, 0x51, 0x52, 0x53, 0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7],
    plaintext: b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen \
                  would be it.",
    ciphertext: b"\xd3\x1a\x8d\x34\x64\x8e\x60\xdb\x7b\x86\xaf\xbc\x53\xef\x7e\xc2\xa4\xad\xed\x51\x29\x6e\x08\xfe\xa9\xe2\
                   \xb5\xa7\x36\xee\x62\xd6\x3d\xbe\xa4\x5e\x8c\xa9\x67\x12\x82\xfa\xfb\x69\xda\x92\x72\x8b\x1a\x71\xde\x0a\
                   \x9e\x06\x0b\x29\x05\xd6\xa5\xb6\x7e\xcd\x3b\x36\x92\xdd\xbd\x7f\x2d\x77\x8b\x8c\x98\x03\xae\xe3\x28\x09\
                   \x1b\x58\xfa\xb3\x24\xe4\xfa\xd6\x75\x94\x55\x85\x80\x8b\x48\x31\xd7\xbc\x3f\xf4\xde\xf0\x8e\x4b\x7a\x9d\
                   \xe5\x76\xd2\x65\x86\xce\xc6\x4b\x61\x16",
    tag: *b"\x1a\xe1\x0b\x59\x4f\x09\xe2\x6a\x7e\x90\x2e\xcb\xd0\x60\x06\x91",
};

/// McGrew, Viega: The Galois/Counter Mode of Operation (2005), appendix B, test case 16.
static AES_256_GCM: Sealed = Sealed {
    suite: Suite::Aes256Gcm,
    key: *b"\xfe\xff\xe9\x92\x86\x65\x73\x1c\x6d\x6a\x8f\x94\x67\x30\x83\x08\xfe\xff\xe9\x92\x86\x65\x73\x1c\x6d\x6a\
       \x8f\x94\x67\x30\x83\x08",
    nonce: *b"\xca\xfe\xba\xbe\xfa\xce\xdb\xad\xde\xca\xf8\x88",
    associated: b"\xfe\xed\xfa\xce\xde\xad\xbe\xef\xfe\xed\xfa\xce\xde\xad\xbe\xef\xab\xad\xda\xd2",
    plaintext: b"\xd9\x31\x32\x25\xf8\x84\x06\xe5\xa5\x59\x09\xc5\xaf\xf5\x26\x9a\x86\xa7\xa9\x53\x15\x34\xf7\xda\x2e\x4c\
       \x30\x3d\x8a\x31\x8a\x72\x1c\x3c\x0c\x95\x95\x68\x09\x53\x2f\xcf\x0e\x24\x49\xa6\xb5\x25\xb1\x6a\xed\xf5\
       \xaa\x0d\xe6\x57\xba\x63\x7b\x39",
    ciphertext: b"\x52\x2d\xc1\xf0\x99\x56\x7d\x07\xf4\x7f\x37\xa3\x2a\x84\x42\x7d\x64\x3a\x8c\xdc\xbf\xe5\xc0\xc9\x75\x98\
       \xa2\xbd\x25\x55\xd1\xaa\x8c\xb0\x8e\x48\x59\x0d\xbb\x3d\xa7\xb0\x8b\x10\x56\x82\x88\x38\xc5\xf6\x1e\x63\
       \x93\xba\x7a\x0a\xbc\xc9\xf6\x62",
    tag: *b"\x76\xfc\x6e\xce\x0f\x4e\x17\x68\xcd\xdf\x88\x53\xbb\x2d\x55\x1b",
};

/// Whether ChaCha20-Poly1305 seals the known plaintext as it should. Opening is the receiver's.
#[must_use]
pub fn is_chacha20_poly1305_right() -> bool {
    is_cipher(&CHACHA20_POLY1305, seal)
}

/// The same of AES-256-GCM.
#[must_use]
pub fn is_aes_256_gcm_right() -> bool {
    is_cipher(&AES_256_GCM, seal)
}

fn seal(
    suite: Suite,
    key: &[u8; 32],
    nonce: [u8; 12],
    associated: &[u8],
    payload: &mut [u8],
) -> [u8; TAG_BYTES] {
    Cipher::new(suite, key).seal(nonce, associated, payload)
}

fn is_cipher(
    known: &Sealed,
    seal: impl Fn(Suite, &[u8; 32], [u8; 12], &[u8], &mut [u8]) -> [u8; TAG_BYTES],
) -> bool {
    let known = black_box(known);
    let mut buffer = [0; PLAINTEXT_BYTES_MAX];
    let payload = &mut buffer[..known.plaintext.len()];
    payload.copy_from_slice(known.plaintext);
    let tag = seal(known.suite, &known.key, known.nonce, known.associated, payload);
    payload == known.ciphertext && tag == known.tag
}

#[cfg(test)]
mod tests {
    use super::super::{portable, vectors};
    use super::*;

    const BOTH: [&Sealed; 2] = [&CHACHA20_POLY1305, &AES_256_GCM];

    #[test]
    fn ours_and_the_ciphers_of_both_kinds_give_the_known_answers() {
        assert!(is_hkdf_right() && is_header_tag_right());
        assert!(is_chacha20_poly1305_right() && is_aes_256_gcm_right());
        for known in BOTH {
            assert!(is_cipher(known, |suite, key, nonce, associated, payload| {
                portable::Cipher::new(suite, key).seal(nonce, associated, payload)
            }));
            assert!(is_cipher(known, |suite, key, nonce, associated, payload| {
                vectors::Cipher::new(suite, key).seal(nonce, associated, payload)
            }));
        }
    }

    #[test]
    fn output_that_is_wrong_anywhere_fails() {
        for bit in 0..42 * 8 {
            let wrong = |key: &[u8], salt: &[u8], info: &[u8], output: &mut [u8]| {
                expand(key, salt, &[info], output);
                output[bit / 8] ^= 1 << (bit % 8);
            };
            assert!(!is_hkdf(wrong), "bit {bit}");
        }
    }

    #[test]
    fn a_header_tag_that_is_wrong_anywhere_fails() {
        for bit in 0..HEADER_TAG_BYTES * 8 {
            let mut tag = HEADER_TAG;
            tag[bit / 8] ^= 1 << (bit % 8);
            assert!(!is_header_tag(tag), "bit {bit}");
        }
    }

    #[test]
    fn a_seal_that_is_wrong_anywhere_fails() {
        for known in BOTH {
            for bit in 0..(known.plaintext.len() + TAG_BYTES) * 8 {
                let wrong = |suite, key: &[u8; 32], nonce, associated: &[u8], payload: &mut [u8]| {
                    let mut tag = seal(suite, key, nonce, associated, payload);
                    let byte = payload.iter_mut().chain(&mut tag).nth(bit / 8);
                    *byte.expect("there are as many") ^= 1 << (bit % 8);
                    tag
                };
                assert!(!is_cipher(known, wrong), "bit {bit}");
            }
        }
    }

    #[test]
    fn each_part_of_the_question_counts() {
        let [one, other] = Suite::ALL;
        for known in BOTH {
            let of_other = if known.suite == one { other } else { one };
            assert!(!is_cipher(known, |_, key, nonce, data, payload| seal(
                of_other, key, nonce, data, payload
            )));
            assert!(!is_cipher(known, |suite, _, nonce, data, payload| seal(
                suite, &[0; 32], nonce, data, payload
            )));
            assert!(!is_cipher(known, |suite, key, _, data, payload| seal(
                suite, key, [0; 12], data, payload
            )));
            assert!(!is_cipher(known, |suite, key, nonce, _, payload| seal(suite, key, nonce, &[], payload)));
        }
        assert!(!is_hkdf(|_, salt, info, output| expand(&[], salt, &[info], output)));
        assert!(!is_hkdf(|key, _, info, output| expand(key, &[], &[info], output)));
        assert!(!is_hkdf(|key, salt, _, output| expand(key, salt, &[], output)));
    }
}
