//! Compares what was read from the medium with its manifest.

use noreturn_image_format::layout::CONFIG_PATH;
use noreturn_image_format::{Config, Entry, Manifest, Sha256Digest};

use crate::Refusal;

/// Reads the manifest and checks it against its own digest.
///
/// # Errors
/// [`Refusal::Manifest`].
pub fn manifest(contents: &[u8]) -> Result<Manifest, Refusal> {
    Manifest::parse(contents).map_err(Refusal::Manifest)
}

/// Compares a file with its entry in the manifest.
///
/// # Errors
/// [`Refusal::Length`] or [`Refusal::Digest`].
pub fn file(path: &'static str, contents: &[u8], entry: &Entry) -> Result<(), Refusal> {
    let found = contents.len() as u64;
    if found != entry.bytes {
        return Err(Refusal::Length { path, expected: entry.bytes, found });
    }
    let found = Sha256Digest::of(contents);
    if found != entry.sha256 {
        return Err(Refusal::Digest { path, expected: entry.sha256, found });
    }
    Ok(())
}

/// Compares the configuration with its entry, and with the rules of a configuration.
///
/// # Errors
/// What [`file`] finds, or [`Refusal::Config`].
pub fn config(contents: &[u8], entry: &Entry) -> Result<(), Refusal> {
    file(CONFIG_PATH, contents, entry)?;
    Config::decode(contents).map(|_| ()).map_err(|error| Refusal::Config { path: CONFIG_PATH, error })
}

#[cfg(test)]
mod tests {
    use noreturn_image_format::layout::KERNEL_PATH;
    use noreturn_image_format::{ConfigError, ManifestError};

    use super::*;

    #[test]
    fn a_file_as_in_the_manifest_passes() {
        assert_eq!(file(KERNEL_PATH, b"kernel", &Entry::of(b"kernel")), Ok(()));
    }

    #[test]
    fn every_flipped_bit_is_refused_with_both_digests() {
        let contents = *b"some kernel";
        let entry = Entry::of(&contents);
        for bit in 0..contents.len() * 8 {
            let mut damaged = contents;
            damaged[bit / 8] ^= 1 << (bit % 8);
            let found = Sha256Digest::of(&damaged);
            let expected = Refusal::Digest { path: KERNEL_PATH, expected: entry.sha256, found };
            assert_eq!(file(KERNEL_PATH, &damaged, &entry), Err(expected));
        }
    }

    #[test]
    fn another_length_is_named_as_such() {
        let refusal = file(KERNEL_PATH, b"kernel!", &Entry::of(b"kernel"));
        assert_eq!(refusal, Err(Refusal::Length { path: KERNEL_PATH, expected: 6, found: 7 }));
    }

    #[test]
    fn a_config_that_matches_but_cannot_be_decoded_is_refused() {
        let contents = b"not a configuration";
        let expected = Refusal::Config { path: CONFIG_PATH, error: ConfigError::Magic };
        assert_eq!(config(contents, &Entry::of(contents)), Err(expected));
    }

    #[test]
    fn a_damaged_manifest_is_refused() {
        let entry = Entry::of(b"x");
        let mut text = Manifest { image_bytes: 512, kernel: entry, config: entry }.emit().into_bytes();
        assert!(manifest(&text).is_ok());
        text[0] = b'N';
        assert_eq!(manifest(&text), Err(Refusal::Manifest(ManifestError::Line(1))));
    }
}
