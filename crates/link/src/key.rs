//! Keys: one for headers per diode, one for frames per diode, boot and suite, and the seal of a frame.
//!
//! The frame key is HKDF-SHA256 (RFC 5869) of the diode's key, salted with the boot id, so that a box
//! which can store nothing never uses a nonce twice: within a boot the frame number counts, and another
//! boot has another 128 random bits and so another key. The suite is part of what the key is derived from, so that no two
//! ciphers ever share one. The header's key is the diode's alone: whoever has no key is refused before any of this.

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
use noreturn_wire::{BootId, DiodeId, HeaderKey, Suite};
use sha2::Sha256;

#[cfg(not(feature = "vectors"))]
use portable::Cipher;
#[cfg(feature = "vectors")]
use vectors::Cipher;

const FRAME_INFO: &[u8] = b"noreturn 2 frame";
const HEADER_INFO: &[u8] = b"noreturn 2 header";

/// The secret that a diode and its receivers share.
#[derive(Clone, PartialEq, Eq)]
pub struct DiodeKey(pub [u8; 32]);

impl fmt::Debug for DiodeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DiodeKey(..)")
    }
}

impl DiodeKey {
    /// The key of the diode's header tags.
    #[must_use]
    pub fn header_key(&self, diode: DiodeId) -> HeaderKey {
        let mut key = [0; 16];
        expand(&self.0, &[], &[HEADER_INFO, &diode.0.to_be_bytes()], &mut key);
        HeaderKey(key)
    }
}

/// The key of one boot of one diode, and one suite.
pub(crate) struct FrameKey(Cipher);

impl fmt::Debug for FrameKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FrameKey(..)")
    }
}

impl FrameKey {
    pub(crate) fn derive(key: &DiodeKey, suite: Suite, diode: DiodeId, boot: BootId) -> Self {
        let mut frame_key = [0; 32];
        let info = [FRAME_INFO, &[suite as u8], &diode.0.to_be_bytes()];
        expand(&key.0, &boot.0, &info, &mut frame_key);
        Self(Cipher::new(suite, &frame_key))
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
