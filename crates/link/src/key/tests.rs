//! Both ciphers are RFC 8439's, and each other's.
#![allow(clippy::unwrap_used)]

use alloc::vec::Vec;

use noreturn_wire::frame::TAG_BYTES;
use proptest::prelude::*;

use super::{portable, vectors};

/// RFC 8439, section 2.8.2.
#[test]
fn the_example_of_the_standard_comes_out() {
    let key: [u8; 32] = core::array::from_fn(|byte| 0x80 + byte as u8);
    let nonce = [7, 0, 0, 0, 0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47];
    let associated = [0x50, 0x51, 0x52, 0x53, 0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7];
    let tag: [u8; TAG_BYTES] = 0x1ae1_0b59_4f09_e26a_7e90_2ecb_d060_0691_u128.to_be_bytes();
    let plain = b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the \
        future, sunscreen would be it.";
    let mut text = plain.to_vec();
    assert_eq!(vectors::Cipher::new(&key).seal(nonce, &associated, &mut text), tag);
    assert_eq!(text[..4], [0xd3, 0x1a, 0x8d, 0x34]);
    let mut text = plain.to_vec();
    assert_eq!(portable::Cipher::new(&key).seal(nonce, &associated, &mut text), tag);
}

proptest! {
    #[test]
    fn one_opens_what_the_other_seals_and_nothing_else(
        key: [u8; 32],
        nonce: [u8; 12],
        associated: Vec<u8>,
        payload in prop::collection::vec(any::<u8>(), 0..1500),
        flipped: prop::sample::Index,
    ) {
        let (vectors, portable) = (vectors::Cipher::new(&key), portable::Cipher::new(&key));
        let mut sealed = payload.clone();
        let tag = vectors.seal(nonce, &associated, &mut sealed);
        let mut by_portable = payload.clone();
        prop_assert_eq!(portable.seal(nonce, &associated, &mut by_portable), tag);
        prop_assert_eq!(&by_portable, &sealed);
        sealed.extend(tag);
        let by_both = |sealed: &[u8]| {
            let (mut one, mut other) = (sealed.to_vec(), sealed.to_vec());
            let one = vectors.open(nonce, &associated, &mut one).map(<[u8]>::to_vec);
            [one, portable.open(nonce, &associated, &mut other).map(<[u8]>::to_vec)]
        };
        prop_assert_eq!(by_both(&sealed), [Some(payload.clone()), Some(payload)]);
        let bit = flipped.index(sealed.len() * 8);
        sealed[bit / 8] ^= 1 << (bit % 8);
        prop_assert_eq!(by_both(&sealed), [None, None]);
    }
}
