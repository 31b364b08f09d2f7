//! Seals any header and payload as `docs/protocol.md` says, independently of the sender: what a box could send
//! that has the key and tells lies.

use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{ChaCha20Poly1305, Nonce};
use hkdf::Hkdf;
use noreturn_link::DiodeKey;
use noreturn_wire::Header;
use sha2::Sha256;

/// The frame with this header and payload.
pub(super) fn seal(key: &DiodeKey, header: &Header, payload: &[u8]) -> Vec<u8> {
    let mut frame_key = [0; 32];
    let info = [&b"noreturn 1 frame"[..], &header.diode.0.to_be_bytes()].concat();
    Hkdf::<Sha256>::new(Some(&header.boot.0), &key.0)
        .expand(&info, &mut frame_key)
        .expect("32 bytes are not too many");
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&header.frame.to_be_bytes());
    let (associated, mut sealed) = (header.emit(), payload.to_vec());
    let tag = ChaCha20Poly1305::new(&frame_key.into())
        .encrypt_inout_detached(&Nonce::from(nonce), &associated, sealed.as_mut_slice().into())
        .expect("payloads are short");
    [&associated[..], &sealed, &tag].concat()
}
