//! The owner's public key (Ed25519, RFC 8032), which lies in the loader behind a mark.
//!
//! The loader is built without a key, so that its bytes are the same for everybody; whoever builds an image puts theirs in.

use core::fmt;
use core::ops::Range;

use crate::digest::Sha256Digest;

/// Bytes of a public key.
pub const KEY_BYTES: usize = 32;
/// What stands before the key, once in a loader.
pub const MARK: [u8; 32] = *b"noreturn: the owner's key is\0\0\0\0";

/// The mark and the key as they lie in the loader; all zeros is no key.
pub const NO_OWNER: [u8; 64] = {
    let mut slot = [0; 64];
    let (mark, _) = slot.split_at_mut(MARK.len());
    mark.copy_from_slice(&MARK);
    slot
};

/// Where the key lies in a loader; nothing if the mark is missing, cut off, or there more than once.
#[must_use]
pub fn find(loader: &[u8]) -> Option<Range<usize>> {
    let mut marks = loader.windows(MARK.len()).enumerate().filter(|(_, window)| **window == MARK);
    let (mark, _) = marks.next()?;
    let start = mark + MARK.len();
    let place = start..start.checked_add(KEY_BYTES)?;
    (marks.next().is_none() && place.end <= loader.len()).then_some(place)
}

/// The key in a loader, under the conditions of [`find`].
#[must_use]
pub fn read(loader: &[u8]) -> Option<[u8; KEY_BYTES]> {
    loader.get(find(loader)?)?.try_into().ok()
}

/// What stands before the digits in the file of an owner's secret.
pub const SECRET: &str = "noreturn-owner-secret ";
/// What stands before the digits in the file of an owner's public key.
pub const PUBLIC: &str = "noreturn-owner-public ";

/// A file of a key that is not what it must be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FileError(
    /// What must stand before the digits.
    &'static str,
);

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected one line, \"{}\" and 64 hexadecimal digits, lower case", self.0)
    }
}

/// Reads the text of a file of one `kind`: [`SECRET`] or [`PUBLIC`].
///
/// # Errors
/// It is something else, a file of the other kind included.
pub fn parse_file(text: &str, kind: &'static str) -> Result<[u8; KEY_BYTES], FileError> {
    let digits = text.trim_ascii().strip_prefix(kind).and_then(Sha256Digest::parse);
    digits.map(|Sha256Digest(key)| key).ok_or(FileError(kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_behind_the_only_mark_is_found() {
        let loader = [b"MZ code ".as_slice(), &NO_OWNER, b" code"].concat();
        assert_eq!(find(&loader), Some(40..72));
        assert_eq!(read(&loader), Some([0; KEY_BYTES]));
    }

    #[test]
    fn no_mark_two_marks_and_a_cut_key_are_nothing() {
        assert_eq!(find(b"MZ code"), None);
        assert_eq!(find(&[NO_OWNER, NO_OWNER].concat()), None);
        assert_eq!(find(&NO_OWNER[..63]), None);
        assert_eq!(find(&MARK), None);
    }
}
