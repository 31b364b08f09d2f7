//! The volume that the loader was started from, and its files.

use alloc::string::String;

use noreturn_loader::Refusal;
use noreturn_loader::refusal::FirmwareStatus;
use uefi::proto::media::file::{Directory, File, FileAttribute, FileInfo, FileMode, RegularFile};
use uefi::{CString16, Status, boot};

use super::{pages, status_of};

/// The root directory of the loader's own volume.
pub struct Volume(Directory);

impl Volume {
    /// Opens the volume that the loader was started from.
    ///
    /// # Errors
    /// [`Refusal::Volume`].
    pub fn open() -> Result<Self, Refusal> {
        boot::get_image_file_system(boot::image_handle())
            .and_then(|mut file_system| file_system.open_volume())
            .map(Self)
            .map_err(|error| Refusal::Volume(status_of(error.status())))
    }

    /// Reads a whole file into pages of its own; its length is checked before they are allocated.
    ///
    /// # Errors
    /// [`Refusal::File`], [`Refusal::FileTooLong`] or [`Refusal::OutOfMemory`].
    pub fn read(&mut self, path: &'static str, bytes_max: u64) -> Result<&'static [u8], Refusal> {
        let failure = |status| Refusal::File { path, status };
        let mut file = self.open_file(path).map_err(failure)?;
        let info = file.get_boxed_info::<FileInfo>().map_err(|error| failure(status_of(error.status())))?;
        let found = info.file_size();
        if found > bytes_max {
            return Err(Refusal::FileTooLong { path, bytes_max, found });
        }
        let buffer = pages::allocate(found as usize)?;
        let (contents, _) = buffer.split_at_mut(found as usize);
        fill(&mut file, contents).map_err(failure)?;
        Ok(contents)
    }

    fn open_file(&mut self, path: &str) -> Result<RegularFile, FirmwareStatus> {
        let with_backslashes: String = path.replace('/', "\\");
        let name = CString16::try_from(with_backslashes.as_str())
            .map_err(|_| status_of(Status::INVALID_PARAMETER))?;
        let handle = self
            .0
            .open(&name, FileMode::Read, FileAttribute::empty())
            .map_err(|error| status_of(error.status()))?;
        handle.into_regular_file().ok_or(status_of(Status::NOT_FOUND))
    }
}

fn fill(file: &mut RegularFile, mut rest: &mut [u8]) -> Result<(), FirmwareStatus> {
    while !rest.is_empty() {
        let length = file.read(rest).map_err(|error| status_of(error.status()))?;
        if length == 0 {
            return Err(status_of(Status::END_OF_FILE));
        }
        rest = &mut rest[length..];
    }
    Ok(())
}
