//! Why an image cannot be built.

use noreturn_image_format::ConfigError;

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
    /// The loader has no place for an owner's key.
    #[error(
        "the loader has no place for an owner's key, or more than one: it is not a loader of this project"
    )]
    LoaderWithoutPlace,
    /// The loader has an owner already.
    #[error(
        "the loader holds the key of another owner; build with that key, or with a loader that holds none"
    )]
    LoaderOfAnother,
    /// The loader was signed for Secure Boot before it had an owner.
    #[error(
        "the loader is signed for Secure Boot, but holds no owner's key, which would break the signature: put the key in first \
         (`diode-image loader`), then sign"
    )]
    LoaderSignedTooEarly,
    /// The signature was made for another image, or by somebody else.
    #[error(
        "the signature is not the owner's, or is of another image: loader, kernel, site file and public key must be those \
         of the image that it was taken from"
    )]
    Signature,
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
