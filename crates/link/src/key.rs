//! Keys: a frame key per diode and boot, and the seal of a frame.
//!
//! The frame key is HKDF-SHA256 (RFC 5869) of the diode's key, salted with the boot id, so that a box
//! which can store nothing never uses a nonce twice: within a boot the frame number counts, and another
//! boot has another 128 random bits and so another key. The seal is ChaCha20-Poly1305 (RFC 8439): fast
//! without vector registers or tables, and constant in time, which AES in software is not.

use core::fmt;

use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{ChaCha20Poly1305, Nonce, Tag};
use hkdf::Hkdf;
use noreturn_wire::frame::{HEADER_BYTES, TAG_BYTES};
use noreturn_wire::{BootId, DiodeId};
use sha2::Sha256;

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
pub(crate) struct FrameKey(ChaCha20Poly1305);

impl fmt::Debug for FrameKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FrameKey(..)")
    }
}

impl FrameKey {
    pub(crate) fn derive(key: &DiodeKey, diode: DiodeId, boot: BootId) -> Self {
        let mut frame_key = [0; 32];
        let hkdf = Hkdf::<Sha256>::new(Some(&boot.0), &key.0);
        // 32 bytes are always a valid length for HKDF-SHA256 (at most 255 × 32).
        let expanded = hkdf.expand_multi_info(&[INFO, &diode.0.to_be_bytes()], &mut frame_key);
        debug_assert!(expanded.is_ok());
        Self(ChaCha20Poly1305::new(&frame_key.into()))
    }

    /// Seals `payload` in place and returns the tag; `frame` must never repeat under this key.
    pub(crate) fn seal(
        &self,
        frame: u64,
        header: &[u8; HEADER_BYTES],
        payload: &mut [u8],
    ) -> [u8; TAG_BYTES] {
        match self.0.encrypt_inout_detached(&nonce(frame), header, payload.into()) {
            Ok(tag) => tag.into(),
            // Only payloads of 256 GiB fail; a frame with a zero tag is refused by every receiver.
            Err(_) => [0; TAG_BYTES],
        }
    }

    /// Opens `sealed` (payload and tag) in place; the payload, or `None` if it is not authentic.
    pub(crate) fn open<'a>(
        &self,
        frame: u64,
        header: &[u8; HEADER_BYTES],
        sealed: &'a mut [u8],
    ) -> Option<&'a [u8]> {
        let (payload, tag) = sealed.split_last_chunk_mut::<TAG_BYTES>()?;
        let tag = Tag::from(*tag);
        self.0.decrypt_inout_detached(&nonce(frame), header, (&mut *payload).into(), &tag).ok()?;
        Some(payload)
    }
}

/// 96 bits: four zero bytes, then the frame number, big-endian.
fn nonce(frame: u64) -> Nonce {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&frame.to_be_bytes());
    nonce.into()
}
