//! Why an image cannot be built.

use noreturn_image_format::ConfigError;
use noreturn_image_format::layout::BLOCK_BYTES;

/// Why an image cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The loader is something else.
    #[error("the loader is not a UEFI program: it does not start with \"MZ\"")]
    Loader,
    /// The kernel is something else.
    #[error("the kernel is not an ELF file: it does not start with 7f 45 4c 46")]
    Kernel,
    /// A file is larger than the loader reads.
    #[error("the {name} has {bytes} bytes, more than the {bytes_max} that the loader reads")]
    TooLarge {
        /// Which file.
        name: &'static str,
        /// Its length.
        bytes: u64,
        /// The most that it may have.
        bytes_max: u64,
    },
    /// The files are larger than the partition.
    #[error(
        "the files do not fit: they need {needed} blocks of {BLOCK_BYTES} bytes, the partition has {room}"
    )]
    NoRoom {
        /// Blocks that the files need.
        needed: u64,
        /// Blocks that the partition has for them.
        room: u64,
    },
    /// The configuration contradicts itself.
    #[error("the configuration is refused: {0}")]
    Config(ConfigError),
    /// The partition table cannot be written.
    #[error("the partition table cannot be written: {0}")]
    PartitionTable(#[from] gpt::GptError),
    /// The protective master boot record cannot be written.
    #[error("the protective MBR cannot be written: {0}")]
    ProtectiveMbr(#[from] gpt::mbr::MBRError),
}
