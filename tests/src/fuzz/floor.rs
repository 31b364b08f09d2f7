//! What a TPM says of the floor of versions, and of the diode's key, as the loader reads it.

use noreturn_image_format::config::release::Release;
use noreturn_image_format::handover::FloorMemory;
use noreturn_image_format::measured::SEALING_PCRS;
use noreturn_loader::Refusal;
use noreturn_loader::floor::keep;
use noreturn_loader::sealed::unseal;
use noreturn_loader::tpm::{RESPONSE_BYTES_MAX, Tpm};

const RELEASE: Release = Release { version: 0x0100, floor: 0x00ff };

/// Answers each command with the next part of the input.
struct Answers<'a>(&'a [u8]);

impl Tpm for Answers<'_> {
    fn submit(&mut self, _: &[u8], response: &mut [u8; RESPONSE_BYTES_MAX]) {
        let (&bytes, rest) = self.0.split_first().unwrap_or((&0, &[]));
        let (answer, rest) = rest.split_at(rest.len().min(usize::from(bytes)).min(RESPONSE_BYTES_MAX));
        response[..answer.len()].copy_from_slice(answer);
        self.0 = rest;
    }
}

/// A key is 32 bytes that are not all zero, or there is none, and then all registers are told or none.
pub(super) fn sealed(data: &[u8]) {
    match unseal(&mut Answers(data), 0x0180_0000) {
        Ok(key) => assert_ne!(key, [0; 32]),
        Err(Refusal::Key { code, registers, .. }) => {
            assert!(code.is_some_and(|code| code != 0) && [0, SEALING_PCRS.len()].contains(&registers.len()));
        }
        Err(other) => panic!("{other}"),
    }
}

/// An image is refused for a higher floor and for nothing else, and never told to be kept below its own.
pub(super) fn floor(data: &[u8]) {
    match keep(&mut Answers(data), 0x0180_0000, RELEASE) {
        Ok(FloorMemory::Kept(floor)) => {
            assert!((RELEASE.floor..=RELEASE.version).contains(&floor), "{floor}")
        }
        Ok(FloorMemory::Failed(code)) => assert_ne!(code, 0),
        Ok(FloorMemory::None) => panic!("there is a TPM"),
        Err(Refusal::Downgrade { version, floor, .. }) => {
            assert!(version == RELEASE.version && floor > version)
        }
        Err(other) => panic!("{other}"),
    }
}
