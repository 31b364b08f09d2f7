//! Keys: a frame key per diode and boot, and the seal of a frame.
//!
//! The frame key is HKDF-SHA256 (RFC 5869) of the diode's key, salted with the boot id, so that a box
//! which can store nothing never uses a nonce twice: within a boot the frame number counts, and another
//! boot has another 128 random bits and so another key. The seal is ChaCha20-Poly1305 (RFC 8439): fast
//! without vector registers or tables, and constant in time, which AES in software is not.

#[cfg(any(test, not(feature = "vectors")))]
mod portable;
pub mod self_test;
#[cfg(test)]
mod tests;
#[cfg(any(test, feature = "vectors"))]
mod vectors;

use core::fmt;

use hkdf::Hkdf;
use noreturn_wire::frame::{HEADER_BYTES, TAG_BYTES};
use noreturn_wire::{BootId, DiodeId};
use sha2::Sha256;

#[cfg(not(feature = "vectors"))]
use portable::Cipher;
#[cfg(feature = "vectors")]
use vectors::Cipher;

const INFO: &[u8] = b"noreturn 1 frame";

/// The secret that a diode and its receivers share.
#[derive(Clone, PartialEq, Eq)]
pub struct DiodeKey(pub [u8; 32]);

impl fmt::Debug for DiodeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DiodeKey(..)")
    }
}

/// The key of one boot of one diode.
pub(crate) struct FrameKey(Cipher);

impl fmt::Debug for FrameKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FrameKey(..)")
    }
}

impl FrameKey {
    pub(crate) fn derive(key: &DiodeKey, diode: DiodeId, boot: BootId) -> Self {
        let mut frame_key = [0; 32];
        expand(&key.0, &boot.0, &[INFO, &diode.0.to_be_bytes()], &mut frame_key);
        Self(Cipher::new(&frame_key))
    }

    /// Seals `payload` in place and returns the tag; `frame` must never repeat under this key.
    pub(crate) fn seal(
        &self,
        frame: u64,
        header: &[u8; HEADER_BYTES],
        payload: &mut [u8],
    ) -> [u8; TAG_BYTES] {
        self.0.seal(nonce(frame), header, payload)
    }

    /// Opens `sealed` (payload and tag) in place; the payload, or `None` if it is not authentic.
    pub(crate) fn open<'a>(
        &self,
        frame: u64,
        header: &[u8; HEADER_BYTES],
        sealed: &'a mut [u8],
    ) -> Option<&'a [u8]> {
        self.0.open(nonce(frame), header, sealed)
    }
}

/// HKDF-SHA256 for at most 255 × 32 bytes of `output`; the parts of `info` count as one.
fn expand(key: &[u8], salt: &[u8], info: &[&[u8]], output: &mut [u8]) {
    let expanded = Hkdf::<Sha256>::new(Some(salt), key).expand_multi_info(info, output);
    debug_assert!(expanded.is_ok());
}

/// 96 bits: four zero bytes, then the frame number, big-endian.
fn nonce(frame: u64) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&frame.to_be_bytes());
    nonce
}
