//! The bytes: written piece by piece, each piece on the medium before the next, and compared.

use std::io::{Error, Read, Result, Write};

use super::progress::Progress;

/// Bytes of a piece; a multiple of every block size.
const PIECE_BYTES: usize = 1 << 20;
/// Reads that go past the caches need memory that starts at a multiple of a block.
const ALIGNMENT: usize = 4096;

/// Writes `image` from the start of `medium`; `settle` returns when what was written so far is on it.
pub(super) fn write<M: Write>(
    image: &[u8],
    medium: &mut M,
    settle: impl Fn(&M) -> Result<()>,
    progress: &mut Progress,
) -> Result<()> {
    let mut done = 0;
    for piece in image.chunks(PIECE_BYTES) {
        let written = medium.write_all(piece).and_then(|()| settle(medium));
        written.map_err(|error| at(done, "cannot be written", &error))?;
        done += piece.len();
        progress.show(done);
    }
    Ok(())
}

/// Compares the start of `medium` with `image`.
pub(super) fn compare(image: &[u8], medium: &mut impl Read, progress: &mut Progress) -> Result<()> {
    let mut memory = vec![0; PIECE_BYTES + ALIGNMENT];
    let start = memory.as_ptr().align_offset(ALIGNMENT).min(ALIGNMENT);
    let buffer = &mut memory[start..start + PIECE_BYTES];
    let mut done = 0;
    for expected in image.chunks(PIECE_BYTES) {
        let found = &mut buffer[..expected.len()];
        medium.read_exact(found).map_err(|error| at(done, "cannot be read back", &error))?;
        if let Some(place) = expected.iter().zip(&*found).position(|(expected, found)| expected != found) {
            let what = format!(
                "byte {} was read back as {:02x}, but {:02x} was written: the medium is broken, or lies",
                done + place,
                found[place],
                expected[place]
            );
            return Err(Error::other(what));
        }
        done += expected.len();
        progress.show(done);
    }
    Ok(())
}

fn at(byte: usize, what: &str, error: &Error) -> Error {
    Error::new(error.kind(), format!("from byte {byte} on it {what}: {error}"))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::io::ErrorKind;

    use super::*;

    fn image() -> Vec<u8> {
        (0..3 * PIECE_BYTES + 512).map(|place| (place / 7) as u8).collect()
    }

    fn silent() -> Progress {
        Progress::silent()
    }

    #[test]
    fn what_is_written_compares() {
        let (image, settled) = (image(), Cell::new(0));
        let mut medium = Vec::new();
        let settle = |_: &Vec<u8>| {
            settled.set(settled.get() + 1);
            Ok(())
        };
        write(&image, &mut medium, settle, &mut silent()).expect("a vector takes everything");
        assert_eq!((medium.len(), settled.get()), (image.len(), 4), "each piece is waited for");
        medium.extend([0xff; 100]);
        compare(&image, &mut &medium[..], &mut silent()).expect("what lies behind does not count");
    }

    #[test]
    fn every_lie_is_told_with_its_place() {
        let image = image();
        for place in [0, 511, PIECE_BYTES, 3 * PIECE_BYTES + 511] {
            let mut medium = image.clone();
            medium[place] ^= 0x10;
            let error = compare(&image, &mut &medium[..], &mut silent()).expect_err("it differs").to_string();
            assert!(error.starts_with(&format!("byte {place} was read back as ")), "{error}");
        }
    }

    #[test]
    fn a_medium_that_ends_early_is_told() {
        let image = image();
        let error = compare(&image, &mut &image[..PIECE_BYTES + 5], &mut silent()).expect_err("too short");
        assert!(error.to_string().starts_with("from byte 1048576 on it cannot be read back"), "{error}");
    }

    #[test]
    fn a_write_that_fails_or_never_arrives_is_told() {
        let mut small = [0; PIECE_BYTES + 100];
        let error = write(&image(), &mut &mut small[..], |_| Ok(()), &mut silent()).expect_err("too small");
        assert!(error.to_string().starts_with("from byte 1048576 on it cannot be written"), "{error}");
        let pulled = |_: &Vec<u8>| Err(Error::from(ErrorKind::NotConnected));
        let error = write(&image(), &mut Vec::new(), pulled, &mut silent()).expect_err("pulled");
        assert!(error.to_string().starts_with("from byte 0 on it cannot be written"), "{error}");
    }
}
