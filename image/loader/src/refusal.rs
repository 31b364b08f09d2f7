//! Why the loader does not start the kernel, in words that a person can act on.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use noreturn_image_format::layout::{ALIGNMENT, BLOCK_BYTES};
use noreturn_image_format::measured::SEALING_PCRS;
use noreturn_image_format::{ConfigError, ManifestError, Sha256Digest};

use crate::memory::RAM_BYTES_MIN;

/// A status that the firmware returned (UEFI 2.10, appendix D), without its error bit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FirmwareStatus(
    /// The number.
    pub u64,
);

/// Why the loader does not start the kernel.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// This machine computes something else than it should: what that is.
    SelfTest(Vec<&'static str>),
    /// The loader's own device is neither a partition of a disk nor the bootable part of a CD.
    NotFromPartition,
    /// The firmware shows no disk that holds the loader's partition.
    NoDisk,
    /// The disk's blocks have another size than the image was made for.
    BlockSize {
        /// Bytes of a block.
        found: u32,
    },
    /// The disk ends before the image does.
    DiskTooShort {
        /// Bytes of the image.
        expected: u64,
        /// Bytes of the disk.
        found: u64,
    },
    /// The disk cannot be read.
    DiskRead {
        /// First block of the read that failed.
        block: u64,
        /// What the firmware says.
        status: FirmwareStatus,
    },
    /// The loader holds no owner's key.
    NoOwner,
    /// The manifest is damaged.
    Manifest(ManifestError),
    /// The manifest is not signed by the owner.
    Signature {
        /// The owner's public key.
        owner: [u8; 32],
    },
    /// What was read has another length than the manifest says, or ends before the manifest does.
    Length {
        /// The least, or the one right, length in bytes.
        expected: u64,
        /// What was read, in bytes.
        found: u64,
    },
    /// Something has other contents than the manifest says.
    Digest {
        /// Which part.
        part: &'static str,
        /// What the manifest says.
        expected: Sha256Digest,
        /// What was read.
        found: Sha256Digest,
    },
    /// The configuration is the one in the manifest, but not one that the kernel can use.
    Config(ConfigError),
    /// The kernel is the one in the manifest, but not one that can be started.
    Kernel(String),
    /// The TPM does not give out the diode's key.
    Key {
        /// Where it should keep it.
        handle: u32,
        /// Its response code, if there is a TPM at all.
        code: Option<u32>,
        /// The values of [`SEALING_PCRS`] now; none if the TPM does not tell them.
        registers: Vec<Sha256Digest>,
    },
    /// The image is one that an image which ran here has put out of use.
    Downgrade {
        /// Version of the image.
        version: u32,
        /// The lowest version that may be started here.
        floor: u32,
        /// Where the TPM remembers that.
        handle: u32,
    },
    /// The firmware has no memory left.
    OutOfMemory {
        /// How much was asked for, in bytes.
        bytes: usize,
    },
    /// The largest piece of free memory is too small for the kernel.
    TooLittleRam {
        /// Its length in bytes.
        found: u64,
    },
    /// The firmware left 5-level paging on.
    FiveLevelPaging,
    /// The firmware publishes no ACPI tables.
    NoAcpi,
    /// The description of the machine does not fit its buffer.
    TreeTooLong,
    /// There is a TPM 2.0, and what is started cannot be measured into it.
    Tpm(FirmwareStatus),
    /// There is a TPM 2.0, and its registers of SHA-256 are switched off.
    TpmWithoutSha256,
}

/// Who can mend it.
enum Remedy {
    Medium,
    Start,
    Machine,
    Tpm,
    Newer,
    Seal,
}

impl Refusal {
    fn remedy(&self) -> Remedy {
        match self {
            Self::NotFromPartition | Self::NoDisk => Remedy::Start,
            Self::SelfTest(_)
            | Self::BlockSize { .. }
            | Self::OutOfMemory { .. }
            | Self::TooLittleRam { .. }
            | Self::FiveLevelPaging
            | Self::NoAcpi
            | Self::TreeTooLong => Remedy::Machine,
            Self::Tpm(_) | Self::TpmWithoutSha256 => Remedy::Tpm,
            Self::Downgrade { .. } => Remedy::Newer,
            Self::Key { .. } => Remedy::Seal,
            Self::DiskTooShort { .. }
            | Self::DiskRead { .. }
            | Self::NoOwner
            | Self::Manifest(_)
            | Self::Signature { .. }
            | Self::Length { .. }
            | Self::Digest { .. }
            | Self::Config(_)
            | Self::Kernel(_) => Remedy::Medium,
        }
    }
}

/// One fact, then one line for what to do; no line is wider than 80 columns.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_fact(f)?;
        write!(f, "\n  what to do: {}", self.remedy())
    }
}

impl Refusal {
    fn write_fact(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SelfTest(names) => write!(f, "self test failed: {}", names.join(", ")),
            Self::NotFromPartition => f.write_str("the loader was not started from a disk or CD"),
            Self::NoDisk => f.write_str("the firmware shows no disk around the loader's partition"),
            Self::BlockSize { found } => {
                write!(
                    f,
                    "the disk has blocks of {found} bytes; the image needs {BLOCK_BYTES} or {ALIGNMENT}"
                )
            }
            Self::DiskTooShort { expected, found } => {
                write_difference(f, "the disk", "is shorter than the image", expected, found, " bytes")
            }
            Self::DiskRead { block, status } => write!(f, "the disk: block {block} cannot be read: {status}"),
            Self::NoOwner => f.write_str("the loader: holds no owner's key; no image is trusted"),
            Self::Manifest(error) => write!(f, "the manifest: is damaged\n  {error}"),
            Self::Signature { owner } => write!(
                f,
                "the manifest: was changed, or not signed by the owner of this loader\n  owner    {}",
                Sha256Digest(*owner)
            ),
            Self::Length { expected, found } => {
                write_difference(f, "the medium", "has the wrong length", expected, found, " bytes")
            }
            Self::Digest { part, expected, found } => {
                write_difference(f, part, "has the wrong SHA-256", expected, found, "")
            }
            Self::Config(error) => write!(f, "the configuration: cannot be used\n  {error}"),
            Self::Kernel(error) => write!(f, "the kernel: cannot be started\n  {error}"),
            Self::Key { handle, code: None, .. } => {
                write!(f, "the diode's key: lies in a TPM at {handle:#010x}, and there is no TPM 2.0")
            }
            Self::Key { handle, code: Some(code), registers } => {
                write!(
                    f,
                    "the diode's key: the TPM does not give it out\n  handle   {handle:#010x}\n  code     {code:#x}"
                )?;
                write_registers(f, registers)
            }
            Self::Downgrade { version, floor, handle } => write!(
                f,
                "the image: is older than this machine still starts\n  version  {version}\n  at least {floor}, by the TPM at {handle:#010x}"
            ),
            Self::OutOfMemory { bytes } => write!(f, "the firmware has no {bytes} bytes of memory left"),
            Self::TooLittleRam { found } => write!(
                f,
                "the largest piece of free memory is too small\n  at least {RAM_BYTES_MIN} bytes\n  found    {found} bytes"
            ),
            Self::FiveLevelPaging => f.write_str("the firmware runs with 5-level paging"),
            Self::NoAcpi => f.write_str("the firmware publishes no ACPI tables"),
            Self::TreeTooLong => f.write_str("the description of this machine does not fit its buffer"),
            Self::Tpm(status) => write!(f, "the TPM does not take a measurement: {status}"),
            Self::TpmWithoutSha256 => f.write_str("the TPM's registers of SHA-256 are switched off"),
        }
    }
}

/// As tpm2_pcrread prints them, so that `diode-verify pcrs --found` reads both.
fn write_registers(f: &mut fmt::Formatter<'_>, registers: &[Sha256Digest]) -> fmt::Result {
    if !registers.is_empty() {
        f.write_str("\n  sha256:")?;
    }
    let mut numbered = SEALING_PCRS.iter().zip(registers);
    numbered.try_for_each(|(pcr, value)| write!(f, "\n    {pcr} : 0x{value}"))
}

fn write_difference(
    f: &mut fmt::Formatter<'_>,
    place: &str,
    problem: &str,
    expected: &dyn fmt::Display,
    found: &dyn fmt::Display,
    unit: &str,
) -> fmt::Result {
    write!(f, "{place}: {problem}\n  expected {expected}{unit}\n  found    {found}{unit}")
}

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Medium => {
                "write the medium again from a verified image\n  (compare the image with sha256sum before writing it)"
            }
            Self::Start => "start the machine from the medium itself,\n  not over a network or from a boot manager",
            Self::Machine => "change the firmware's set-up, or use another machine;\n  see the hardware requirements",
            Self::Seal => {
                "seal the key on this machine for this very image and these\n  registers, or put back what it was sealed for"
            }
            Self::Newer => {
                "write the newest image to the medium; to go back,\n  build the older one again with a version that is high enough"
            }
            Self::Tpm => {
                "switch the TPM's SHA-256 bank on in the firmware's set-up,\n  or the whole TPM off: then nothing is attested"
            }
        })
    }
}

impl fmt::Display for FirmwareStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match self.0 {
            2 => "invalid parameter",
            3 => "unsupported",
            5 => "buffer too small",
            7 => "device error",
            9 => "out of resources",
            10 => "volume corrupted",
            12 => "no medium",
            13 => "medium changed",
            14 => "not found",
            15 => "access denied",
            18 => "time-out",
            27 => "wrong checksum",
            31 => "end of file",
            _ => return write!(f, "UEFI status {}", self.0),
        };
        write!(f, "{words} (UEFI status {})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;
    use alloc::vec;

    use noreturn_image_format::layout::IMAGE_BYTES_MAX;

    use super::*;

    #[test]
    fn a_wrong_digest_says_where_what_and_what_to_do() {
        let refusal = Refusal::Digest {
            part: "the kernel",
            expected: Sha256Digest([0x11; 32]),
            found: Sha256Digest([0xab; 32]),
        };
        let expected = "the kernel: has the wrong SHA-256\n  \
            expected 1111111111111111111111111111111111111111111111111111111111111111\n  \
            found    abababababababababababababababababababababababababababababababab\n  \
            what to do: write the medium again from a verified image\n  \
            (compare the image with sha256sum before writing it)";
        assert_eq!(refusal.to_string(), expected);
    }

    #[test]
    fn a_refused_key_tells_the_registers_as_tpm2_pcrread_does() {
        let registers = SEALING_PCRS.map(|pcr| Sha256Digest([pcr; 32])).to_vec();
        let text = Refusal::Key { handle: 0x0180_0010, code: Some(0x99d), registers }.to_string();
        let lines = SEALING_PCRS
            .map(|pcr| alloc::format!("    {pcr} : 0x{}", alloc::format!("{pcr:02x}").repeat(32)));
        assert!(
            text.contains(&alloc::format!("\n  sha256:\n{}\n  what to do: ", lines.join("\n"))),
            "{text}"
        );
    }

    #[test]
    fn no_line_is_wider_than_a_text_screen() {
        let digest = Sha256Digest([0xff; 32]);
        let refusals = [
            Refusal::SelfTest(crate::self_test::NAMES.to_vec()),
            Refusal::NotFromPartition,
            Refusal::NoDisk,
            Refusal::BlockSize { found: u32::MAX },
            Refusal::DiskTooShort { expected: u64::MAX, found: u64::MAX },
            Refusal::DiskRead { block: IMAGE_BYTES_MAX / 512, status: FirmwareStatus(7) },
            Refusal::NoOwner,
            Refusal::Manifest(ManifestError::Line(2)),
            Refusal::Manifest(ManifestError::Line(3)),
            Refusal::Manifest(ManifestError::Trailing),
            Refusal::Signature { owner: [0xff; 32] },
            Refusal::Length { expected: u64::MAX, found: u64::MAX },
            Refusal::Digest { part: "the rest of the medium", expected: digest, found: digest },
            Refusal::Config(ConfigError::Magic),
            Refusal::Kernel("invalid ELF".into()),
            Refusal::Key { handle: u32::MAX, code: None, registers: vec![] },
            Refusal::Key { handle: u32::MAX, code: Some(u32::MAX), registers: vec![digest; 6] },
            Refusal::Downgrade { version: u32::MAX - 1, floor: u32::MAX, handle: u32::MAX },
            Refusal::OutOfMemory { bytes: usize::MAX },
            Refusal::TooLittleRam { found: u64::MAX },
            Refusal::FiveLevelPaging,
            Refusal::NoAcpi,
            Refusal::TreeTooLong,
            Refusal::Tpm(FirmwareStatus(u64::MAX)),
            Refusal::TpmWithoutSha256,
        ];
        for refusal in refusals {
            let text = refusal.to_string();
            assert!(text.lines().all(|line| line.len() < 80), "{text}");
            assert!(text.contains("what to do: "), "{text}");
        }
    }
}
