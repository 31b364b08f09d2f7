//! Both ciphers for bare metal: without vector registers or tables.

use aes_gcm::Aes256Gcm;
use chacha20poly1305::ChaCha20Poly1305;
use chacha20poly1305::aead::array::Array;
use chacha20poly1305::aead::consts::{U12, U16};
use chacha20poly1305::aead::{AeadInOut, KeyInit};
use noreturn_wire::Suite;
use noreturn_wire::frame::TAG_BYTES;

#[expect(clippy::large_enum_variant, reason = "there is one in a sender, and memory is reckoned by sizes")]
pub(super) enum Cipher {
    ChaCha20Poly1305(ChaCha20Poly1305),
    Aes256Gcm(Aes256Gcm),
}

impl Cipher {
    pub(super) fn new(suite: Suite, key: &[u8; 32]) -> Self {
        match suite {
            Suite::ChaCha20Poly1305 => Self::ChaCha20Poly1305(ChaCha20Poly1305::new(key.into())),
            Suite::Aes256Gcm => Self::Aes256Gcm(Aes256Gcm::new(key.into())),
        }
    }

    /// Encrypts in place; the tag.
    pub(super) fn seal(&self, nonce: [u8; 12], associated: &[u8], payload: &mut [u8]) -> [u8; TAG_BYTES] {
        match self {
            Self::ChaCha20Poly1305(cipher) => seal(cipher, nonce, associated, payload),
            Self::Aes256Gcm(cipher) => seal(cipher, nonce, associated, payload),
        }
    }

    /// Decrypts payload and tag in place; the payload, if it is authentic.
    pub(super) fn open<'a>(
        &self,
        nonce: [u8; 12],
        associated: &[u8],
        sealed: &'a mut [u8],
    ) -> Option<&'a [u8]> {
        match self {
            Self::ChaCha20Poly1305(cipher) => open(cipher, nonce, associated, sealed),
            Self::Aes256Gcm(cipher) => open(cipher, nonce, associated, sealed),
        }
    }
}

fn seal(
    cipher: &impl AeadInOut<NonceSize = U12, TagSize = U16>,
    nonce: [u8; 12],
    associated: &[u8],
    payload: &mut [u8],
) -> [u8; TAG_BYTES] {
    // Only payloads of 64 GiB fail; a frame with a zero tag is refused by every receiver.
    cipher
        .encrypt_inout_detached(&Array(nonce), associated, payload.into())
        .map_or([0; TAG_BYTES], Into::into)
}

fn open<'a>(
    cipher: &impl AeadInOut<NonceSize = U12, TagSize = U16>,
    nonce: [u8; 12],
    associated: &[u8],
    sealed: &'a mut [u8],
) -> Option<&'a [u8]> {
    let (payload, tag) = sealed.split_last_chunk_mut::<TAG_BYTES>()?;
    let tag = Array(*tag);
    cipher.decrypt_inout_detached(&Array(nonce), associated, (&mut *payload).into(), &tag).ok()?;
    Some(payload)
}
