//! The whole disk that the loader was started from.

use noreturn_loader::medium::Geometry;
use noreturn_loader::{Refusal, device_path};
use uefi::boot::{self, OpenProtocolAttributes, OpenProtocolParams, ScopedProtocol};
use uefi::proto::ProtocolPointer;
use uefi::proto::device_path::DevicePath;
use uefi::proto::loaded_image::LoadedImage;
use uefi::proto::media::block::BlockIO;
use uefi::{Handle, Result};

use super::{pages, status_of};

/// A whole disk, opened for reading.
pub struct Disk(ScopedProtocol<BlockIO>);

impl Disk {
    /// Opens the disk or CD that the loader was started from.
    ///
    /// # Errors
    /// [`Refusal::NotFromPartition`] or [`Refusal::NoDisk`].
    pub fn open() -> core::result::Result<Self, Refusal> {
        let partition = own_device()
            .and_then(|device| share::<DevicePath>(device).ok())
            .filter(|path| device_path::is_partition(path.as_bytes()))
            .ok_or(Refusal::NotFromPartition)?;
        let disks = boot::find_handles::<BlockIO>().unwrap_or_default();
        disks
            .into_iter()
            .filter(|&disk| {
                share::<DevicePath>(disk).is_ok_and(|path| {
                    device_path::is_disk_of_partition(path.as_bytes(), partition.as_bytes())
                })
            })
            .find_map(|disk| share::<BlockIO>(disk).ok())
            .map(Self)
            .ok_or(Refusal::NoDisk)
    }

    /// Reads the first `bytes` of the disk into pages of their own; `bytes` is a multiple of the largest block.
    ///
    /// # Errors
    /// [`Refusal::BlockSize`], [`Refusal::DiskTooShort`], [`Refusal::DiskRead`] or [`Refusal::OutOfMemory`].
    pub fn read(&mut self, bytes: usize) -> core::result::Result<&'static [u8], Refusal> {
        let media = self.0.media();
        let media_id = media.media_id();
        let geometry = Geometry { block_bytes: media.block_size(), last_block: media.last_block() };
        geometry.check(bytes as u64)?;
        let buffer = pages::allocate_aligned(bytes, media.io_align().max(1) as usize)?;
        geometry.read(buffer, |block, piece| {
            self.0
                .read_blocks(media_id, block, piece)
                .map_err(|error| Refusal::DiskRead { block, status: status_of(error.status()) })
        })?;
        Ok(buffer)
    }
}

fn own_device() -> Option<Handle> {
    boot::open_protocol_exclusive::<LoadedImage>(boot::image_handle()).ok()?.device()
}

/// Opens a protocol beside the drivers that use it; an exclusive open would stop the file system.
fn share<P: ProtocolPointer + ?Sized>(handle: Handle) -> Result<ScopedProtocol<P>> {
    let params = OpenProtocolParams { handle, agent: boot::image_handle(), controller: None };
    // SAFETY: what is opened in this way is not tracked, so it must not be removed meanwhile. The
    // loader starts and stops no driver, and what is opened are device paths and the disk that
    // holds its own open volume; only pulling the medium removes them, which ends the boot anyway.
    unsafe { boot::open_protocol::<P>(params, OpenProtocolAttributes::GetProtocol) }
}
