//! Frames sealed and opened as `docs/protocol.md` says, without the code of either end.

use aes_gcm::Aes256Gcm;
use chacha20poly1305::aead::array::Array;
use chacha20poly1305::aead::consts::{U12, U16};
use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{ChaCha20Poly1305, KeySizeUser};
use hkdf::Hkdf;
use noreturn_link::DiodeKey;
use noreturn_wire::frame::{HEADER_BYTES, TAG_BYTES};
use noreturn_wire::{BootId, DiodeId, Header, HeaderKey, Suite};
use sha2::Sha256;

/// Seals or opens the frames of one boot.
pub struct Seal {
    header_key: HeaderKey,
    cipher: Cipher,
}

enum Cipher {
    ChaCha20Poly1305(ChaCha20Poly1305),
    Aes256Gcm(Box<Aes256Gcm>),
}

impl std::fmt::Debug for Seal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seal(..)")
    }
}

impl Seal {
    /// Of the boot of this diode, under its key.
    #[must_use]
    pub fn new(key: &DiodeKey, suite: Suite, diode: DiodeId, boot: BootId) -> Self {
        let (mut header_key, mut frame_key) = ([0; 16], [0; 32]);
        let diode = diode.0.to_be_bytes();
        hkdf(&[], key, &[b"noreturn 2 header", &diode], &mut header_key);
        hkdf(&boot.0, key, &[b"noreturn 2 frame", &[suite as u8], &diode], &mut frame_key);
        let cipher = match suite {
            Suite::ChaCha20Poly1305 => Cipher::ChaCha20Poly1305(cipher(frame_key)),
            Suite::Aes256Gcm => Cipher::Aes256Gcm(Box::new(cipher(frame_key))),
        };
        Self { header_key: HeaderKey(header_key), cipher }
    }

    /// Of the boot that this header is of.
    #[must_use]
    pub fn of(key: &DiodeKey, header: &Header) -> Self {
        Self::new(key, header.suite, header.diode, header.boot)
    }

    /// The frame with this header and payload.
    #[must_use]
    pub fn seal(&self, header: &Header, payload: &[u8]) -> Vec<u8> {
        let (bytes, mut sealed) = (header.emit(&self.header_key), payload.to_vec());
        let tag = match &self.cipher {
            Cipher::ChaCha20Poly1305(cipher) => encrypt(cipher, header, &bytes, &mut sealed),
            Cipher::Aes256Gcm(cipher) => encrypt(&**cipher, header, &bytes, &mut sealed),
        };
        [&bytes[..], &sealed, &tag].concat()
    }

    /// The payload of a frame, if both of its tags verify.
    #[must_use]
    pub fn open(&self, header: &Header, bytes: &[u8; HEADER_BYTES], sealed: &[u8]) -> Option<Vec<u8>> {
        if !self.header_key.verifies(bytes) {
            return None;
        }
        match &self.cipher {
            Cipher::ChaCha20Poly1305(cipher) => decrypt(cipher, header, bytes, sealed),
            Cipher::Aes256Gcm(cipher) => decrypt(&**cipher, header, bytes, sealed),
        }
    }
}

fn hkdf(salt: &[u8], key: &DiodeKey, info: &[&[u8]], output: &mut [u8]) {
    // So few bytes are never too many.
    let _ = Hkdf::<Sha256>::new(Some(salt), &key.0).expand(&info.concat(), output);
}

fn cipher<C: KeyInit + KeySizeUser<KeySize = chacha20poly1305::aead::consts::U32>>(key: [u8; 32]) -> C {
    C::new(&Array(key))
}

fn nonce(header: &Header) -> Array<u8, U12> {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&header.frame.to_be_bytes());
    Array(nonce)
}

fn encrypt(
    cipher: &impl AeadInOut<NonceSize = U12, TagSize = U16>,
    header: &Header,
    bytes: &[u8; HEADER_BYTES],
    payload: &mut [u8],
) -> [u8; TAG_BYTES] {
    // Payloads are short.
    cipher.encrypt_inout_detached(&nonce(header), bytes, payload.into()).map_or([0; TAG_BYTES], Into::into)
}

fn decrypt(
    cipher: &impl AeadInOut<NonceSize = U12, TagSize = U16>,
    header: &Header,
    bytes: &[u8; HEADER_BYTES],
    sealed: &[u8],
) -> Option<Vec<u8>> {
    let (sealed, tag) = sealed.split_last_chunk::<TAG_BYTES>()?;
    let mut payload = sealed.to_vec();
    let buffer = payload.as_mut_slice().into();
    cipher.decrypt_inout_detached(&nonce(header), bytes, buffer, &Array(*tag)).ok()?;
    Some(payload)
}
