//! What the loader measures into the TPM before it starts the kernel, and the values that the registers have then.
//!
//! Registers 8 and 9 are the first that firmware leaves to whoever starts an operating system (TCG PC Client Platform
//! Firmware Profile 1.05, section 3.3.4). Two, so that one tells of the release and one of the site: 8 is the same wherever
//! the same kernel runs, 9 holds everything else on the medium.

use sha2::{Digest, Sha256};

use crate::digest::Sha256Digest;

/// The register of the kernel.
pub const KERNEL_PCR: u8 = 8;
/// The register of configuration, manifest and medium.
pub const MEDIUM_PCR: u8 = 9;

/// The registers that a key is sealed to: all that tell of code which ran before the kernel, and the kernel's own.
///
/// 4, 8 and 9 can be predicted from an image. 0 (the firmware), 2 (UEFI drivers: option ROMs, and those that the variables
/// `Driver####` name) and 7 (Secure Boot, and by which of its keys this loader was started) are the machine's, and as found there (the
/// same Profile, section 3.3.4).
pub const SEALING_PCRS: [u8; 6] = [0, 2, 4, 7, 8, 9];

/// Registers 0 to 23 in the bank of SHA-256, as `TPML_PCR_SELECTION` (TPM 2.0 Library, part 2, section 10.9.7).
#[must_use]
pub const fn selection(pcrs: &[u8]) -> [u8; 10] {
    let mut selection = [0, 0, 0, 1, 0, 0x0b, 3, 0, 0, 0];
    let mut place = 0;
    while place < pcrs.len() {
        selection[7 + pcrs[place] as usize / 8] |= 1 << (pcrs[place] % 8);
        place += 1;
    }
    selection
}

/// The policy of an index that gives its contents out only while [`SEALING_PCRS`] have these values (part 3, section 23.7).
#[must_use]
pub fn sealing_policy(values: &[Sha256Digest; SEALING_PCRS.len()]) -> Sha256Digest {
    const POLICY_PCR: [u8; 4] = [0, 0, 1, 0x7f];
    let values = values.iter().fold(Sha256::new(), |hash, value| hash.chain_update(value.0)).finalize();
    let policy = Sha256::new().chain_update([0; 32]).chain_update(POLICY_PCR);
    Sha256Digest(policy.chain_update(selection(&SEALING_PCRS)).chain_update(values).finalize().into())
}

/// One measurement.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Measurement<'a> {
    /// The register that is extended.
    pub pcr: u8,
    /// What stands in the firmware's event log.
    pub description: &'static str,
    /// What is hashed.
    pub data: &'a [u8],
}

/// Everything that is measured, in order. Of the medium it is the digest that is hashed once more, since it does not fit into
/// memory as one piece.
#[must_use]
pub const fn measurements<'a>(
    kernel: &'a [u8],
    config: &'a [u8],
    manifest: &'a [u8],
    image_sha256: &'a Sha256Digest,
) -> [Measurement<'a>; 4] {
    const fn of<'a>(pcr: u8, description: &'static str, data: &'a [u8]) -> Measurement<'a> {
        Measurement { pcr, description, data }
    }
    [
        of(KERNEL_PCR, "noreturn kernel", kernel),
        of(MEDIUM_PCR, "noreturn configuration", config),
        of(MEDIUM_PCR, "noreturn manifest", manifest),
        of(MEDIUM_PCR, "noreturn SHA-256 of medium", &image_sha256.0),
    ]
}

/// The value of a register in the bank of SHA-256, which was 0 at reset, after these measurements.
#[must_use]
pub fn register(pcr: u8, measurements: &[Measurement<'_>]) -> Sha256Digest {
    let of_register = measurements.iter().filter(|measurement| measurement.pcr == pcr);
    Sha256Digest(
        of_register
            .fold([0; 32], |value, measurement| extend(value, Sha256::digest(measurement.data).into())),
    )
}

/// A register's value after it is extended by a digest.
#[must_use]
pub fn extend(value: [u8; 32], digest: [u8; 32]) -> [u8; 32] {
    Sha256::new().chain_update(value).chain_update(digest).finalize().into()
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn a_register_holds_its_own_measurements_in_order() {
        let digest = Sha256Digest::of(b"medium");
        let all = measurements(b"kernel", b"config", b"manifest", &digest);
        // Calculated with Python's hashlib.
        assert_eq!(
            register(KERNEL_PCR, &all).to_string(),
            "457040d352c9be3893642229b99cb41ab79c24f00c00bfc2dbfbac0f8cf207fe"
        );
        assert_eq!(
            register(MEDIUM_PCR, &all).to_string(),
            "eddf70d1e033ac691606f624bdae4b4e122a267127c6b0afc8a4a61134ec61d5"
        );
        assert_eq!(register(0, &all), Sha256Digest([0; 32]));
    }

    #[test]
    fn a_policy_is_over_all_six_registers() {
        let values = [0, 2, 4, 7, 8, 9].map(|pcr| Sha256Digest([pcr; 32]));
        // Calculated with Python's hashlib.
        let expected = "0717d205b2c5f307e6e4692c1901e90c8c8a3d1b25a3c88deb001c98e19dc31b";
        assert_eq!(sealing_policy(&values).to_string(), expected);
        for place in 0..values.len() {
            let mut changed = values;
            changed[place].0[31] ^= 1;
            assert_ne!(sealing_policy(&changed), sealing_policy(&values), "place {place}");
        }
    }
}
