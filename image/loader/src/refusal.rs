//! Why the loader does not start the kernel, in words that a person can act on.

use alloc::string::String;
use core::fmt;

use noreturn_image_format::layout::{BLOCK_BYTES, MANIFEST_PATH};
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
    /// The loader's own device is not a partition of a disk.
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
    /// The volume that the loader came from cannot be opened.
    Volume(FirmwareStatus),
    /// A file cannot be opened or read.
    File {
        /// Its path.
        path: &'static str,
        /// What the firmware says.
        status: FirmwareStatus,
    },
    /// A file is longer than the loader accepts.
    FileTooLong {
        /// Its path.
        path: &'static str,
        /// The limit in bytes.
        bytes_max: u64,
        /// Its length in bytes.
        found: u64,
    },
    /// The manifest is damaged.
    Manifest(ManifestError),
    /// A file has another length than the manifest says.
    Length {
        /// Its path.
        path: &'static str,
        /// What the manifest says, in bytes.
        expected: u64,
        /// What was read, in bytes.
        found: u64,
    },
    /// A file has other contents than the manifest says.
    Digest {
        /// Its path.
        path: &'static str,
        /// What the manifest says.
        expected: Sha256Digest,
        /// What was read.
        found: Sha256Digest,
    },
    /// The configuration is the one in the manifest, but not one that the kernel can use.
    Config {
        /// Its path.
        path: &'static str,
        /// What is wrong with it.
        error: ConfigError,
    },
    /// The kernel is the one in the manifest, but not one that can be started.
    Kernel {
        /// Its path.
        path: &'static str,
        /// What is wrong with it.
        error: String,
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
}

impl Refusal {
    fn remedy(&self) -> Remedy {
        match self {
            Self::NotFromPartition | Self::NoDisk => Remedy::Start,
            Self::BlockSize { .. }
            | Self::OutOfMemory { .. }
            | Self::TooLittleRam { .. }
            | Self::FiveLevelPaging
            | Self::NoAcpi
            | Self::TreeTooLong => Remedy::Machine,
            Self::Tpm(_) | Self::TpmWithoutSha256 => Remedy::Tpm,
            Self::DiskTooShort { .. }
            | Self::DiskRead { .. }
            | Self::Volume(_)
            | Self::File { .. }
            | Self::FileTooLong { .. }
            | Self::Manifest(_)
            | Self::Length { .. }
            | Self::Digest { .. }
            | Self::Config { .. }
            | Self::Kernel { .. } => Remedy::Medium,
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
            Self::NotFromPartition => f.write_str("the loader was not started from a partition of a disk"),
            Self::NoDisk => f.write_str("the firmware shows no disk around the loader's partition"),
            Self::BlockSize { found } => {
                write!(f, "the disk has blocks of {found} bytes; the image needs {BLOCK_BYTES}")
            }
            Self::DiskTooShort { expected, found } => {
                write_difference(f, "the disk", "is shorter than the image", expected, found, " bytes")
            }
            Self::DiskRead { block, status } => write!(f, "the disk: block {block} cannot be read: {status}"),
            Self::Volume(status) => write!(f, "the loader's own volume cannot be opened: {status}"),
            Self::File { path, status } => write!(f, "{path}: cannot be read: {status}"),
            Self::FileTooLong { path, bytes_max, found } => {
                write!(f, "{path}: is too long\n  at most  {bytes_max} bytes\n  found    {found} bytes")
            }
            Self::Manifest(ManifestError::Digest { expected, found }) => {
                write_difference(f, MANIFEST_PATH, "has the wrong SHA-256 of itself", expected, found, "")
            }
            Self::Manifest(error) => write!(f, "{MANIFEST_PATH}: is damaged\n  {error}"),
            Self::Length { path, expected, found } => {
                write_difference(f, path, "has the wrong length", expected, found, " bytes")
            }
            Self::Digest { path, expected, found } => {
                write_difference(f, path, "has the wrong SHA-256", expected, found, "")
            }
            Self::Config { path, error } => write!(f, "{path}: cannot be used\n  {error}"),
            Self::Kernel { path, error } => write!(f, "{path}: cannot be started\n  {error}"),
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

    use noreturn_image_format::layout::IMAGE_BYTES_MAX;

    use super::*;

    #[test]
    fn a_wrong_digest_says_where_what_and_what_to_do() {
        let refusal = Refusal::Digest {
            path: "NORETURN/KERNEL.ELF",
            expected: Sha256Digest([0x11; 32]),
            found: Sha256Digest([0xab; 32]),
        };
        let expected = "NORETURN/KERNEL.ELF: has the wrong SHA-256\n  \
            expected 1111111111111111111111111111111111111111111111111111111111111111\n  \
            found    abababababababababababababababababababababababababababababababab\n  \
            what to do: write the medium again from a verified image\n  \
            (compare the image with sha256sum before writing it)";
        assert_eq!(refusal.to_string(), expected);
    }

    #[test]
    fn no_line_is_wider_than_a_text_screen() {
        let digest = Sha256Digest([0xff; 32]);
        let refusals = [
            Refusal::NotFromPartition,
            Refusal::NoDisk,
            Refusal::BlockSize { found: u32::MAX },
            Refusal::DiskTooShort { expected: u64::MAX, found: u64::MAX },
            Refusal::DiskRead { block: IMAGE_BYTES_MAX / 512, status: FirmwareStatus(7) },
            Refusal::Volume(FirmwareStatus(10)),
            Refusal::File { path: MANIFEST_PATH, status: FirmwareStatus(14) },
            Refusal::FileTooLong { path: MANIFEST_PATH, bytes_max: u64::MAX, found: u64::MAX },
            Refusal::Manifest(ManifestError::Line(2)),
            Refusal::Manifest(ManifestError::Line(3)),
            Refusal::Manifest(ManifestError::Digest { expected: digest, found: digest }),
            Refusal::Length { path: MANIFEST_PATH, expected: u64::MAX, found: u64::MAX },
            Refusal::Digest { path: MANIFEST_PATH, expected: digest, found: digest },
            Refusal::Config { path: MANIFEST_PATH, error: ConfigError::Magic },
            Refusal::Kernel { path: MANIFEST_PATH, error: "invalid ELF".into() },
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
