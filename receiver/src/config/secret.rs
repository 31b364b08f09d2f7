//! Secrets in files of their own. What a file holds is never part of a message.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// 64 hexadecimal digits as 32 bytes.
pub(super) fn parse_hex(text: &str) -> Option<[u8; 32]> {
    let digits: &[u8; 64] = text.as_bytes().try_into().ok()?;
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let [high, low] = [char::from(pair[0]).to_digit(16)?, char::from(pair[1]).to_digit(16)?];
        *byte = u8::try_from(high << 4 | low).ok()?;
    }
    Some(bytes)
}

/// Reads the key of a diode.
pub(super) fn read_key(path: &Path) -> Result<[u8; 32], String> {
    let text = read(path)?;
    match parse_hex(text.trim_ascii()) {
        None => Err(format!("\"{}\" does not hold exactly 64 hexadecimal digits", path.display())),
        Some(key) if key == [0; 32] => {
            Err(format!("\"{}\" holds zeros only, which is no secret", path.display()))
        }
        Some(key) => Ok(key),
    }
}

/// Reads a password: the file without the newline at its end.
pub(super) fn read_password(path: &Path) -> Result<String, String> {
    Ok(read(path)?.trim_end_matches(['\r', '\n']).to_owned())
}

/// A warning, if others than the owner can read the file.
pub(super) fn exposure(path: &Path) -> Option<String> {
    let mode = std::fs::metadata(path).ok()?.permissions().mode();
    let path = path.display();
    (mode & 0o077 != 0)
        .then(|| format!("\"{path}\" is open to others (mode {:o}): run `chmod 600 {path}`", mode & 0o777))
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("\"{}\" cannot be read: {error}", path.display()))
}
