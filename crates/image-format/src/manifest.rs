//! The manifest: a short text at a fixed place of the medium that names every part, bound to the owner's key.
//!
//! ```text
//! noreturn-manifest 2
//! image-bytes 2097152
//! loader 71680 139264 <sha256>
//! kernel 589824 826960 <sha256>
//! config 1417216 1234 <sha256>
//! medium <sha256 of the whole medium, with the manifest's own bytes taken as zeros>
//! signature <Ed25519 (RFC 8032) over every byte above this line>
//! ```
//! A part is a place in bytes from the start of the medium, a length in bytes, and a SHA-256. There is exactly one
//! way to write a manifest. This module reads and writes; who checks the signature brings the key and the algorithm.

use alloc::string::String;
use core::fmt::{self, Write as _};
use core::ops::Range;

use sha2::{Digest, Sha256};

use crate::digest::Sha256Digest;
use crate::layout::{
    ALIGNMENT, CONFIG_BYTES_MAX, IMAGE_BYTES_MAX, KERNEL_BYTES_MAX, LOADER_BYTES_MAX, MANIFEST_BYTES,
    MANIFEST_PLACE,
};

const TITLE: &str = "noreturn-manifest 2";

/// One part of the medium.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Part {
    /// First byte, from the start of the medium.
    pub place: u64,
    /// Length in bytes.
    pub bytes: u64,
    /// Digest of the whole part.
    pub sha256: Sha256Digest,
}

/// What the owner signed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Manifest {
    /// Length of the medium; what lies beyond on a larger stick is neither trusted nor read.
    pub image_bytes: u64,
    /// The UEFI loader.
    pub loader: Part,
    /// The kernel.
    pub kernel: Part,
    /// The configuration.
    pub config: Part,
    /// Digest of the medium with the manifest's bytes as zeros, see [`medium_digest`].
    pub medium: Sha256Digest,
}

/// Why a manifest is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ManifestError {
    /// Not text.
    NotText,
    /// A line (counted from 1) is not what it must be.
    Line(u8),
    /// The manifest's bytes after its last line are not zero.
    Trailing,
}

impl fmt::Display for ManifestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotText => f.write_str("it is not UTF-8 text"),
            Self::Line(1) => write!(f, "line 1 is not \"{TITLE}\""),
            Self::Line(2) => write!(
                f,
                "line 2 is not \"image-bytes\" and\n  a multiple of {ALIGNMENT} up to {IMAGE_BYTES_MAX}"
            ),
            Self::Line(n @ 3..=5) => {
                let name = ["loader", "kernel", "config"][usize::from(*n) - 3];
                write!(
                    f,
                    "line {n} is not \"{name}\", a place, a length and a SHA-256,\n  in order on the medium"
                )
            }
            Self::Line(6) => f.write_str("line 6 is not \"medium\" and a SHA-256"),
            Self::Line(n) => write!(f, "line {n} is not \"signature\" and 128 hexadecimal digits"),
            Self::Trailing => f.write_str("something follows its last line"),
        }
    }
}

/// A manifest that was read: its meaning, and what is needed to check who signed it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Parsed<'a> {
    /// What it says.
    pub manifest: Manifest,
    /// All of its text, without the zeros behind it.
    pub text: &'a [u8],
    /// The bytes that are signed.
    pub signed: &'a [u8],
    /// Ed25519's R and S (RFC 8032, section 5.1.6).
    pub signature: [u8; 64],
}

impl Manifest {
    /// The text that is signed.
    #[must_use]
    pub fn emit_unsigned(&self) -> String {
        let mut text = alloc::format!("{TITLE}\nimage-bytes {}\n", self.image_bytes);
        for (name, part) in [("loader", self.loader), ("kernel", self.kernel), ("config", self.config)] {
            text += &alloc::format!("{name} {} {} {}\n", part.place, part.bytes, part.sha256);
        }
        text + &alloc::format!("medium {}\n", self.medium)
    }

    /// The manifest as it lies on the medium, before the zeros.
    #[must_use]
    pub fn emit(&self, signature: &[u8; 64]) -> String {
        let mut text = self.emit_unsigned() + "signature ";
        for byte in signature {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        text + "\n"
    }

    /// Reads the manifest's bytes, zeros at the end included. It does not check the signature.
    ///
    /// # Errors
    /// The first thing that is wrong, counted in lines from 1.
    pub fn parse(bytes: &[u8]) -> Result<Parsed<'_>, ManifestError> {
        let text = core::str::from_utf8(bytes).map_err(|_| ManifestError::NotText)?;
        let mut lines = Lines { rest: text, number: 0 };
        lines.take(|line| (line == TITLE).then_some(()))?;
        let image_bytes = lines.take(parse_image_bytes)?;
        let loader = lines.take(|line| {
            part(line, "loader ", MANIFEST_PLACE + MANIFEST_BYTES, LOADER_BYTES_MAX, image_bytes)
        })?;
        let kernel = lines.take(|line| part(line, "kernel ", loader.end(), KERNEL_BYTES_MAX, image_bytes))?;
        let config = lines.take(|line| part(line, "config ", kernel.end(), CONFIG_BYTES_MAX, image_bytes))?;
        let medium = lines.take(|line| Sha256Digest::parse(line.strip_prefix("medium ")?))?;
        let signed = &bytes[..text.len() - lines.rest.len()];
        let signature = lines.take(|line| parse_signature(line.strip_prefix("signature ")?))?;
        let text = &bytes[..text.len() - lines.rest.len()];
        if lines.rest.bytes().any(|byte| byte != 0) {
            return Err(ManifestError::Trailing);
        }
        let manifest = Self { image_bytes, loader, kernel, config, medium };
        Ok(Parsed { manifest, text, signed, signature })
    }
}

impl Part {
    /// The part that `contents` at `place` make.
    #[must_use]
    pub fn of(place: u64, contents: &[u8]) -> Self {
        Self { place, bytes: contents.len() as u64, sha256: Sha256Digest::of(contents) }
    }

    /// The first byte behind it.
    fn end(&self) -> u64 {
        self.place + self.bytes
    }

    /// Where it lies; within `image-bytes`, if it comes from [`Manifest::parse`].
    #[must_use]
    pub fn range(&self) -> Range<usize> {
        self.place as usize..self.end() as usize
    }
}

/// Digest of a medium with the manifest's bytes taken as zeros; `None` if it ends before they do.
#[must_use]
pub fn medium_digest(image: &[u8]) -> Option<Sha256Digest> {
    let (before, rest) = image.split_at_checked(MANIFEST_PLACE as usize)?;
    let (_, after) = rest.split_at_checked(MANIFEST_BYTES as usize)?;
    let mut hasher = Sha256::new();
    hasher.update(before);
    hasher.update([0; MANIFEST_BYTES as usize]);
    hasher.update(after);
    Some(Sha256Digest(hasher.finalize().into()))
}

struct Lines<'a> {
    rest: &'a str,
    number: u8,
}

impl<'a> Lines<'a> {
    fn take<T>(&mut self, read: impl FnOnce(&'a str) -> Option<T>) -> Result<T, ManifestError> {
        self.number += 1;
        let (line, rest) = self.rest.split_once('\n').ok_or(ManifestError::Line(self.number))?;
        self.rest = rest;
        read(line).ok_or(ManifestError::Line(self.number))
    }
}

fn parse_image_bytes(line: &str) -> Option<u64> {
    let bytes = number(line.strip_prefix("image-bytes ")?, 1..IMAGE_BYTES_MAX + 1)?;
    (bytes % ALIGNMENT == 0).then_some(bytes)
}

/// A part that starts at `place_min` or later, has up to `bytes_max` bytes, and ends within the medium.
fn part(line: &str, prefix: &str, place_min: u64, bytes_max: u64, image_bytes: u64) -> Option<Part> {
    let (place, rest) = line.strip_prefix(prefix)?.split_once(' ')?;
    let (bytes, digest) = rest.split_once(' ')?;
    let place = number(place, place_min..image_bytes)?;
    let bytes = number(bytes, 1..bytes_max + 1)?;
    let part = Part { place, bytes, sha256: Sha256Digest::parse(digest)? };
    (place % ALIGNMENT == 0 && part.end() <= image_bytes).then_some(part)
}

/// A decimal number without sign or leading zero, so that there is one way to write it.
fn number(text: &str, allowed: Range<u64>) -> Option<u64> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|number| plain && allowed.contains(number))
}

fn parse_signature(text: &str) -> Option<[u8; 64]> {
    let (first, second) = text.split_at_checked(64)?;
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(&Sha256Digest::parse(first)?.0);
    signature[32..].copy_from_slice(&Sha256Digest::parse(second)?.0);
    Some(signature)
}
