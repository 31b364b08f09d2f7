//! The key file: 64 hexadecimal digits, which are the 32 bytes that diode and receiver share.

use std::path::Path;

/// Why a key cannot be had. The contents of the file are never part of the message.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read.
    #[error("\"{path}\" cannot be read: {source}; `diode-image new-key {path}` makes a new key")]
    Read {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The file holds something else.
    #[error("\"{path}\" does not hold exactly 64 hexadecimal digits")]
    Malformed {
        /// The file.
        path: String,
    },
    /// The file holds zeros only.
    #[error("\"{path}\" holds zeros only, which is no secret")]
    Zero {
        /// The file.
        path: String,
    },
}

/// Reads a key file.
///
/// # Errors
/// It cannot be read, or does not hold a key.
pub fn read_key(path: &Path) -> Result<[u8; 32], KeyError> {
    let name = || path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|source| KeyError::Read { path: name(), source })?;
    match parse_key(text.trim_ascii()) {
        None => Err(KeyError::Malformed { path: name() }),
        Some(key) if key == [0; 32] => Err(KeyError::Zero { path: name() }),
        Some(key) => Ok(key),
    }
}

fn parse_key(text: &str) -> Option<[u8; 32]> {
    let digits: &[u8; 64] = text.as_bytes().try_into().ok()?;
    let mut key = [0; 32];
    for (byte, pair) in key.iter_mut().zip(digits.chunks_exact(2)) {
        let high = char::from(pair[0]).to_digit(16)?;
        let low = char::from(pair[1]).to_digit(16)?;
        *byte = u8::try_from(high << 4 | low).ok()?;
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(contents: &str) -> Result<[u8; 32], KeyError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), contents).unwrap();
        read_key(file.path())
    }

    #[test]
    fn digits_of_either_case_and_a_newline_are_a_key() {
        let key = read(&format!("{}aB\n", "01".repeat(31))).unwrap();
        assert_eq!(key[..31], [1; 31]);
        assert_eq!(key[31], 0xab);
    }

    #[test]
    fn anything_else_is_no_key() {
        for contents in ["", "01", &"0g".repeat(32), &"01".repeat(33), &"é".repeat(32)] {
            assert!(matches!(read(contents), Err(KeyError::Malformed { .. })), "{contents}");
        }
        assert!(matches!(read(&"00".repeat(32)), Err(KeyError::Zero { .. })));
        assert!(matches!(read_key(Path::new("/nowhere/key")), Err(KeyError::Read { .. })));
    }
}
