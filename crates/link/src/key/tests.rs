//! The ciphers of both kinds are each other's; that they are what their names say, their self-test knows.
#![allow(clippy::unwrap_used)]

use alloc::vec::Vec;

use noreturn_wire::Suite;
use proptest::prelude::*;

use super::{portable, vectors};

proptest! {
    #[test]
    fn one_opens_what_the_other_seals_and_nothing_else(
        key: [u8; 32],
        suite in prop::sample::select(&Suite::ALL[..]),
        nonce: [u8; 12],
        associated: Vec<u8>,
        payload in prop::collection::vec(any::<u8>(), 0..1500),
        flipped: prop::sample::Index,
    ) {
        let (vectors, portable) = (vectors::Cipher::new(suite, &key), portable::Cipher::new(suite, &key));
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
