//! Random numbers of one boot, all from one seed, so that a box that runs needs no more entropy.

use core::fmt;

use chacha20::ChaCha20;
use chacha20::cipher::{KeyIvInit, StreamCipher};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Bytes of the seed: a key of ChaCha20.
pub const SEED_BYTES: usize = 32;
/// Bytes of a secret: a key of HMAC-SHA-256 at its full length, a block of SHA-256.
pub const SECRET_BYTES: usize = 64;

/// A deterministic random bit generator: the key stream of ChaCha20 (RFC 8439) under a key that serves nothing else.
/// Whoever knows parts of its output can compute no other part.
pub struct Generator(ChaCha20);

impl fmt::Debug for Generator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Generator(..)")
    }
}

impl Generator {
    /// `seed` holds 256 bits of entropy. The same seed gives the same numbers.
    #[must_use]
    pub fn new(seed: [u8; SEED_BYTES]) -> Self {
        Self(ChaCha20::new(&seed.into(), &[0; 12].into()))
    }

    /// The next bytes of the key stream, which has 256 GiB.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.apply_keystream(&mut bytes);
        bytes
    }

    /// A secret of its own for one purpose.
    pub fn secret(&mut self) -> Secret {
        Secret(self.bytes())
    }
}

/// The key of a pseudorandom function, HMAC-SHA-256 (RFC 2104), cut to its first 32 bits.
#[derive(Clone)]
pub struct Secret(pub [u8; SECRET_BYTES]);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl Secret {
    /// The function's value for these parts, one behind the other: each must have a length that the others do not change.
    #[must_use]
    pub fn hash(&self, parts: &[&[u8]]) -> u32 {
        let mut hmac = Hmac::<Sha256>::new(&self.0.into());
        parts.iter().for_each(|part| hmac.update(part));
        let [a, b, c, d, ..]: [u8; 32] = hmac.finalize().into_bytes().into();
        u32::from_be_bytes([a, b, c, d])
    }
}
