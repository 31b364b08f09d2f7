//! Seals any header and payload as `docs/protocol.md` says, independently of the sender: what a box could send
//! that has the key and tells lies. And opens what a sender has sealed.

use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{ChaCha20Poly1305, Nonce};
use hkdf::Hkdf;
use noreturn_link::DiodeKey;
use noreturn_wire::Header;
use noreturn_wire::frame::{HEADER_BYTES, TAG_BYTES};
use sha2::Sha256;

/// The frame with this header and payload.
pub(super) fn seal(key: &DiodeKey, header: &Header, payload: &[u8]) -> Vec<u8> {
    let (associated, mut sealed) = (header.emit(), payload.to_vec());
    let tag = cipher(key, header)
        .encrypt_inout_detached(&nonce(header), &associated, sealed.as_mut_slice().into())
        .expect("payloads are short");
    [&associated[..], &sealed, &tag].concat()
}

/// The payload of a frame, if its tag verifies.
pub(super) fn open(
    key: &DiodeKey,
    header: &Header,
    associated: &[u8; HEADER_BYTES],
    sealed: &[u8],
) -> Option<Vec<u8>> {
    let (sealed, tag) = sealed.split_last_chunk::<TAG_BYTES>()?;
    let mut payload = sealed.to_vec();
    let buffer = payload.as_mut_slice().into();
    cipher(key, header).decrypt_inout_detached(&nonce(header), associated, buffer, &(*tag).into()).ok()?;
    Some(payload)
}

fn cipher(key: &DiodeKey, header: &Header) -> ChaCha20Poly1305 {
    let mut frame_key = [0; 32];
    let info = [&b"noreturn 1 frame"[..], &header.diode.0.to_be_bytes()].concat();
    Hkdf::<Sha256>::new(Some(&header.boot.0), &key.0)
        .expand(&info, &mut frame_key)
        .expect("32 bytes are not too many");
    ChaCha20Poly1305::new(&frame_key.into())
}

fn nonce(header: &Header) -> Nonce {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&header.frame.to_be_bytes());
    Nonce::from(nonce)
}
