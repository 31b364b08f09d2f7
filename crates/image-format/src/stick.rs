//! An image on something longer than itself: a stick or a disk, or a copy of one.
//!
//! How long the image is, its own manifest says ([`Manifest::image_bytes`]). The loader reads no more, so what lies behind it
//! is neither judged nor part of the image's hash; it is only counted.

use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use std::io::{self, ErrorKind, Read};

use crate::Manifest;
use crate::layout::{IMAGE_BYTES_MAX, MANIFEST_RANGE};

/// Bytes that are read at once behind the image.
const CHUNK_BYTES: usize = 1 << 20;

/// What lies behind an image.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Behind {
    /// How many bytes.
    pub bytes: u64,
    /// How many of them are not zero.
    pub not_zero: u64,
}

impl Behind {
    fn count(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        self.not_zero += bytes.iter().filter(|byte| **byte != 0).count() as u64;
    }
}

impl fmt::Display for Behind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self { bytes: 0, .. } => f.write_str("nothing lies behind it"),
            Self { bytes, not_zero: 0 } => write!(f, "{bytes} bytes lie behind it, all of them zero"),
            Self { bytes, not_zero } => {
                write!(
                    f,
                    "{bytes} bytes lie behind it, {not_zero} of them not zero; the loader reads none of them"
                )
            }
        }
    }
}

/// Reads an image to its own end, and all that lies behind it once. What has no manifest that can be read, or ends before the image should, is
/// returned whole.
///
/// # Errors
/// It cannot be read, or is longer than [`IMAGE_BYTES_MAX`] without a manifest that says where an image ends.
pub fn read(mut source: impl Read) -> io::Result<(Vec<u8>, Behind)> {
    let mut image = Vec::new();
    source.by_ref().take(IMAGE_BYTES_MAX).read_to_end(&mut image)?;
    let manifest = image.get(MANIFEST_RANGE).and_then(|bytes| Manifest::parse(bytes).ok());
    let own_bytes = manifest.and_then(|parsed| usize::try_from(parsed.manifest.image_bytes).ok());
    let mut behind = Behind::default();
    if let Some(end) = own_bytes.filter(|end| *end <= image.len()) {
        behind.count(&image[end..]);
        image.truncate(end);
    }
    let counted_before = behind.bytes;
    count_rest(source, &mut behind)?;
    if own_bytes.is_none() && behind.bytes > counted_before {
        let what =
            std::format!("is longer than {IMAGE_BYTES_MAX} bytes, and no manifest says where an image ends");
        return Err(io::Error::new(ErrorKind::InvalidData, what));
    }
    Ok((image, behind))
}

fn count_rest(mut source: impl Read, behind: &mut Behind) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        match source.read(&mut chunk) {
            Ok(0) => return Ok(()),
            Ok(bytes) => behind.count(&chunk[..bytes]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
