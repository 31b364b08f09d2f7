//! Where things lie on the medium.
//!
//! The medium is a GPT disk with one EFI system partition (FAT32). Everything on it is part of
//! the image, from the protective MBR to the backup partition table, and is hashed at every boot.

/// Bytes of a logical block; the only size supported.
pub const BLOCK_BYTES: usize = 512;
/// The partition starts at 1 MiB, as tools expect.
pub const PARTITION_FIRST_BLOCK: u64 = 2048;
/// Path of the loader: what UEFI starts from removable media (UEFI 2.10, section 3.5.1.1).
pub const LOADER_PATH: &str = "EFI/BOOT/BOOTX64.EFI";
/// Path of the kernel, an ELF64 file.
pub const KERNEL_PATH: &str = "NORETURN/KERNEL.ELF";
/// Path of the configuration, see [`crate::Config`].
pub const CONFIG_PATH: &str = "NORETURN/CONFIG.BIN";
/// Path of the manifest, see [`crate::Manifest`].
pub const MANIFEST_PATH: &str = "NORETURN/MANIFEST.TXT";

/// Largest kernel that the loader reads.
pub const KERNEL_BYTES_MAX: u64 = 16 << 20;
/// Largest configuration that the loader reads.
pub const CONFIG_BYTES_MAX: u64 = 1 << 20;
/// Largest manifest that the loader reads.
pub const MANIFEST_BYTES_MAX: u64 = 4096;
/// Largest image that the loader hashes.
pub const IMAGE_BYTES_MAX: u64 = 256 << 20;
