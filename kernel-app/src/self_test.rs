//! Known answers of everything that the kernel computes promises with, before it touches the machine.

mod geometry;

use noreturn_fec::{Geometry, KnownBlock};
use noreturn_image_format::self_test::{self, SHA256, SelfTest};
use noreturn_link::key::self_test::{
    is_aes_256_gcm_right, is_chacha20_poly1305_right, is_header_tag_right, is_hkdf_right,
};

use crate::fatal::{Fatal, say};
use geometry::{DATA, PARITY, SHARD_BYTES};

/// Made by the crate reed-solomon-erasure while the kernel is built (`build.rs`).
static SHARDS: [u8; (DATA + PARITY) as usize * SHARD_BYTES] =
    *include_bytes!(concat!(env!("OUT_DIR"), "/known_block"));

const TESTS: [SelfTest; 6] = [
    SHA256,
    ("HKDF-SHA256", is_hkdf_right),
    ("SipHash-2-4", is_header_tag_right),
    ("ChaCha20-Poly1305", is_chacha20_poly1305_right),
    ("AES-256-GCM", is_aes_256_gcm_right),
    ("Reed-Solomon parity", is_parity_right),
];

/// Stops the box if this machine computes anything else than it should.
pub fn run() -> Result<(), Fatal> {
    let failed = self_test::failed(&TESTS);
    if !failed.is_empty() {
        return Err(Fatal::SelfTest(failed));
    }
    say!("self tests passed: {}", TESTS.map(|(name, _)| name).join(", "));
    Ok(())
}

fn is_parity_right() -> bool {
    Geometry::new(DATA, PARITY).is_ok_and(|geometry| {
        KnownBlock { geometry, shard_bytes: SHARD_BYTES, shards: &SHARDS }.is_encoded_right()
    })
}
