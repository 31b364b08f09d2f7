//! The manifest: a short text that says what the loader may run.
//!
//! ```text
//! noreturn-manifest 1
//! image-bytes 36700160
//! kernel 512344 <sha256>
//! config 1234 <sha256>
//! manifest <sha256 of every byte above this line>
//! ```
//! There is exactly one way to write a manifest, and anything else is refused.

use alloc::string::String;
use core::fmt;

use crate::digest::Sha256Digest;
use crate::layout::{BLOCK_BYTES, CONFIG_BYTES_MAX, IMAGE_BYTES_MAX, KERNEL_BYTES_MAX};

const TITLE: &str = "noreturn-manifest 1";

/// Length and digest of one file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Length in bytes.
    pub bytes: u64,
    /// Digest of the whole file.
    pub sha256: Sha256Digest,
}

impl Entry {
    /// The entry that describes `contents`.
    #[must_use]
    pub fn of(contents: &[u8]) -> Self {
        Self { bytes: contents.len() as u64, sha256: Sha256Digest::of(contents) }
    }
}

/// What the loader may run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Manifest {
    /// Length of the whole medium; what lies beyond on a larger stick is neither trusted nor read.
    pub image_bytes: u64,
    /// The kernel.
    pub kernel: Entry,
    /// The configuration.
    pub config: Entry,
}

/// Why a manifest is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ManifestError {
    /// Not text.
    NotText,
    /// A line (counted from 1) is not what it must be.
    Line(u8),
    /// Text after the last line.
    Trailing,
    /// The manifest's digest of itself differs.
    Digest {
        /// What its last line says.
        expected: Sha256Digest,
        /// What it really is.
        found: Sha256Digest,
    },
}

impl fmt::Display for ManifestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotText => f.write_str("it is not UTF-8 text"),
            Self::Line(1) => write!(f, "line 1 is not \"{TITLE}\""),
            Self::Line(2) => write!(
                f,
                "line 2 is not \"image-bytes\" and a multiple of {BLOCK_BYTES} up to {IMAGE_BYTES_MAX}"
            ),
            Self::Line(n @ 3..=4) => {
                let (name, max) =
                    if *n == 3 { ("kernel", KERNEL_BYTES_MAX) } else { ("config", CONFIG_BYTES_MAX) };
                write!(f, "line {n} is not \"{name}\", a length up to {max}, and a SHA-256")
            }
            Self::Line(n) => write!(f, "line {n} is not \"manifest\" and a SHA-256"),
            Self::Trailing => f.write_str("text follows its last line"),
            Self::Digest { expected, found } => write!(f, "expected SHA-256 {expected}, found {found}"),
        }
    }
}

impl Manifest {
    /// The manifest as it lies on the medium.
    #[must_use]
    pub fn emit(&self) -> String {
        let body = alloc::format!(
            "{TITLE}\nimage-bytes {}\nkernel {} {}\nconfig {} {}\n",
            self.image_bytes,
            self.kernel.bytes,
            self.kernel.sha256,
            self.config.bytes,
            self.config.sha256,
        );
        let digest = Sha256Digest::of(body.as_bytes());
        body + &alloc::format!("manifest {digest}\n")
    }

    /// Reads a manifest and checks it against its own digest.
    ///
    /// # Errors
    /// The first thing that is wrong, counted in lines from 1.
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        let text = core::str::from_utf8(bytes).map_err(|_| ManifestError::NotText)?;
        let (line, rest) = take_line(text, 1)?;
        (line == TITLE).then_some(()).ok_or(ManifestError::Line(1))?;
        let (line, rest) = take_line(rest, 2)?;
        let image_bytes = parse_image_bytes(line).ok_or(ManifestError::Line(2))?;
        let (line, rest) = take_line(rest, 3)?;
        let kernel = parse_entry(line, "kernel ", KERNEL_BYTES_MAX).ok_or(ManifestError::Line(3))?;
        let (line, rest) = take_line(rest, 4)?;
        let config = parse_entry(line, "config ", CONFIG_BYTES_MAX).ok_or(ManifestError::Line(4))?;
        let found = Sha256Digest::of(&text.as_bytes()[..text.len() - rest.len()]);
        let (line, rest) = take_line(rest, 5)?;
        let expected =
            line.strip_prefix("manifest ").and_then(Sha256Digest::parse).ok_or(ManifestError::Line(5))?;
        if !rest.is_empty() {
            return Err(ManifestError::Trailing);
        }
        if expected != found {
            return Err(ManifestError::Digest { expected, found });
        }
        Ok(Self { image_bytes, kernel, config })
    }
}

fn take_line(text: &str, number: u8) -> Result<(&str, &str), ManifestError> {
    text.split_once('\n').ok_or(ManifestError::Line(number))
}

fn parse_image_bytes(line: &str) -> Option<u64> {
    let bytes = parse_length(line.strip_prefix("image-bytes ")?, IMAGE_BYTES_MAX)?;
    (bytes % BLOCK_BYTES as u64 == 0).then_some(bytes)
}

fn parse_entry(line: &str, prefix: &str, bytes_max: u64) -> Option<Entry> {
    let (length, digest) = line.strip_prefix(prefix)?.split_once(' ')?;
    Some(Entry { bytes: parse_length(length, bytes_max)?, sha256: Sha256Digest::parse(digest)? })
}

/// A positive decimal number without sign or leading zero, so that there is one way to write it.
fn parse_length(text: &str, max: u64) -> Option<u64> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
    text.parse().ok().filter(|&n: &u64| plain && n <= max)
}
