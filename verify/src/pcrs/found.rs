//! Values of registers as a machine told them: as tpm2_pcrread prints them, and the loader when the TPM gives it no key.
//!
//! ```text
//!   sha256:
//!     0 : 0x3D458CFE55CC03EA1F443F1562BEEC8DF51C75E14A9FCF9A7234A13F198E7969
//!     10: 0x…
//! ```

use std::collections::BTreeMap;
use std::fmt;

use noreturn_image_format::Sha256Digest;

/// Registers of the bank of SHA-256, by number.
pub type Registers = BTreeMap<u32, Sha256Digest>;

/// What is wrong with a text that should tell registers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FoundError {
    /// It is not 64 hexadecimal digits.
    Digits(u32),
    /// It is there twice, with different values.
    Twice(u32),
}

impl fmt::Display for FoundError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Digits(pcr) => write!(f, "register {pcr}: expected 0x and 64 hexadecimal digits"),
            Self::Twice(pcr) => write!(f, "register {pcr} is there twice, with different values"),
        }
    }
}

impl std::error::Error for FoundError {}

/// Reads every register below a line `sha256:`. Other banks, and other lines of a console's log, are passed over.
///
/// # Errors
/// [`FoundError`].
pub fn parse(text: &str) -> Result<Registers, FoundError> {
    let mut registers = Registers::new();
    let mut bank = "";
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_suffix(':') {
            bank = name;
        } else if bank == "sha256"
            && let Some((pcr, digits)) = register(line)
        {
            let value = Sha256Digest::parse(&digits.to_ascii_lowercase()).ok_or(FoundError::Digits(pcr))?;
            if registers.insert(pcr, value).is_some_and(|before| before != value) {
                return Err(FoundError::Twice(pcr));
            }
        }
    }
    Ok(registers)
}

/// Number and digits of a line such as `7 : 0x…`.
fn register(line: &str) -> Option<(u32, &str)> {
    let (pcr, value) = line.split_once(':')?;
    Some((pcr.trim().parse().ok()?, value.trim().strip_prefix("0x")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(pcr: u32, byte: &str) -> String {
        format!("    {pcr:<2}: 0x{}\r\n", byte.repeat(32))
    }

    #[test]
    fn only_the_bank_of_sha256_counts() {
        let text = format!(
            "  sha1:\n    0 : 0x00\n  sha256:\n{}{}  sm3_256:\n{}",
            line(0, "AB"),
            line(10, "0c"),
            line(0, "11")
        );
        let expected = Registers::from([(0, Sha256Digest([0xab; 32])), (10, Sha256Digest([0x0c; 32]))]);
        assert_eq!(parse(&text), Ok(expected));
        assert_eq!(parse(""), Ok(Registers::new()));
    }

    #[test]
    fn a_log_of_the_console_is_read_around_the_registers() {
        let text = format!(
            "noreturn loader: NOT STARTED\r\n  code     0x99d\r\n  sha256:\r\n{}  what to do: seal\r\n\rnoreturn loader: next try in 30 s",
            line(7, "77")
        );
        assert_eq!(parse(&text), Ok(Registers::from([(7, Sha256Digest([0x77; 32]))])));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let short = format!("sha256:\n 7 : 0x{}", "77".repeat(31));
        assert_eq!(parse(&short), Err(FoundError::Digits(7)));
        let two_boots = format!("sha256:\n{0}sha256:\n{0}{1}", line(7, "77"), line(7, "78"));
        assert_eq!(parse(&two_boots), Err(FoundError::Twice(7)));
    }
}
