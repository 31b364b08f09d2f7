//! Where things lie on the medium.
//!
//! The medium is three things at once: a disk with a GPT, whose first partition is the EFI system partition and holds the
//! loader; a CD, whose ISO 9660 descriptors lie where the GPT leaves room and start the same partition; and, for the loader,
//! the parts that its manifest names. `docs/image.md` draws it.

use core::ops::Range;

/// Bytes of a disk's logical block.
pub const BLOCK_BYTES: usize = 512;
/// Everything starts at a multiple of this: a block of a CD, four of a disk.
pub const ALIGNMENT: u64 = 2048;
/// Partitions start and end at multiples of this, as tools expect.
pub const PARTITION_GRAIN_BYTES: u64 = 64 << 10;
/// The image's length is a multiple of this, as virtual machines want it of disks.
pub const IMAGE_GRAIN_BYTES: u64 = 1 << 20;

/// First byte of ISO 9660's descriptors (ECMA-119, section 6.2.1).
pub const ISO_PLACE: u64 = 32 << 10;
/// Where the manifest lies; ISO 9660's descriptors and folder end before.
pub const MANIFEST_PLACE: u64 = 48 << 10;
/// Bytes that belong to the manifest; those after its text are zero.
pub const MANIFEST_BYTES: u64 = ALIGNMENT;
/// The manifest's bytes.
pub const MANIFEST_RANGE: Range<usize> = MANIFEST_PLACE as usize..(MANIFEST_PLACE + MANIFEST_BYTES) as usize;
/// First byte of the EFI system partition, the first of two.
pub const ESP_PLACE: u64 = 64 << 10;
/// Bytes of the EFI system partition.
pub const ESP_BYTES: u64 = 512 << 10;
/// First byte of the second partition: kernel, and behind it the configuration.
pub const DATA_PLACE: u64 = ESP_PLACE + ESP_BYTES;
/// Blocks of the GPT's entries, at each end of the medium.
pub const TABLE_ENTRY_BLOCKS: u64 = 32;
/// The second partition's type; nobody else's, so nobody mounts it.
pub const DATA_PARTITION_TYPE: &str = "6e6f7265-7475-726e-8d10-de00000000ff";

/// Path of the loader in the EFI system partition: what UEFI starts from removable media (UEFI 2.10, section 3.5.1.1).
pub const LOADER_PATH: &str = "EFI/BOOT/BOOTX64.EFI";
/// Name of the loader on the CD.
pub const LOADER_NAME: &str = "LOADER.EFI";
/// Name of the kernel, an ELF64 file, on the CD.
pub const KERNEL_NAME: &str = "KERNEL.ELF";
/// Name of the configuration, see [`crate::Config`], on the CD.
pub const CONFIG_NAME: &str = "CONFIG.BIN";
/// Name of the manifest, see [`crate::Manifest`], on the CD.
pub const MANIFEST_NAME: &str = "MANIFEST.TXT";

/// Largest loader.
pub const LOADER_BYTES_MAX: u64 = 500 << 10;
/// Largest kernel.
pub const KERNEL_BYTES_MAX: u64 = 16 << 20;
/// Largest configuration.
pub const CONFIG_BYTES_MAX: u64 = 1 << 20;
/// Largest image; the loader reads it into memory.
pub const IMAGE_BYTES_MAX: u64 = 24 << 20;
