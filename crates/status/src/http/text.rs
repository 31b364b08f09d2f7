//! Text in bounded memory, and text of others inside of HTML and JSON.

use alloc::vec::Vec;
use core::fmt::{self, Write};

/// Appends to a buffer up to a length.
pub(super) struct Bounded<'a> {
    buffer: &'a mut Vec<u8>,
    bytes_max: usize,
}

impl<'a> Bounded<'a> {
    pub(super) const fn new(buffer: &'a mut Vec<u8>, bytes_max: usize) -> Self {
        Self { buffer, bytes_max }
    }
}

impl Write for Bounded<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.buffer.len() + text.len() > self.bytes_max {
            return Err(fmt::Error);
        }
        self.buffer.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

/// Text for HTML, in elements and attributes.
pub(super) struct Html<'a>(pub(super) &'a str);

impl fmt::Display for Html<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|character| match character {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            '\'' => f.write_str("&#39;"),
            other => f.write_char(other),
        })
    }
}

/// A string of JSON (RFC 8259, section 7), with its quotation marks.
pub(super) struct Json<'a>(pub(super) &'a str);

impl fmt::Display for Json<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        self.0.chars().try_for_each(|character| match character {
            '"' | '\\' => write!(f, "\\{character}"),
            control if (control as u32) < 0x20 => write!(f, "\\u{:04x}", control as u32),
            other => f.write_char(other),
        })?;
        f.write_char('"')
    }
}

/// Bytes in hexadecimal.
pub(super) struct Hex<'a>(pub(super) &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
