//! ChaCha20-Poly1305 for bare metal: without vector registers or tables.

use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{ChaCha20Poly1305, Tag};
use noreturn_wire::frame::TAG_BYTES;

pub(super) struct Cipher(ChaCha20Poly1305);

impl Cipher {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        Self(ChaCha20Poly1305::new(key.into()))
    }

    /// Encrypts in place; the tag.
    pub(super) fn seal(&self, nonce: [u8; 12], associated: &[u8], payload: &mut [u8]) -> [u8; TAG_BYTES] {
        // Only payloads of 256 GiB fail; a frame with a zero tag is refused by every receiver.
        self.0
            .encrypt_inout_detached(&nonce.into(), associated, payload.into())
            .map_or([0; TAG_BYTES], Into::into)
    }

    /// Decrypts payload and tag in place; the payload, if it is authentic.
    pub(super) fn open<'a>(
        &self,
        nonce: [u8; 12],
        associated: &[u8],
        sealed: &'a mut [u8],
    ) -> Option<&'a [u8]> {
        let (payload, tag) = sealed.split_last_chunk_mut::<TAG_BYTES>()?;
        let tag = Tag::from(*tag);
        self.0.decrypt_inout_detached(&nonce.into(), associated, (&mut *payload).into(), &tag).ok()?;
        Some(payload)
    }
}
