//! Cuts a byte stream into ADUs, however TCP has fragmented it.

use super::adu::{ADU_BYTES_MAX, AduError, HEADER_BYTES, Header};

/// Room for one ADU, and how much of it is there.
#[derive(Clone, Debug)]
pub struct Stream {
    buffer: [u8; ADU_BYTES_MAX],
    filled: usize,
}

impl Default for Stream {
    fn default() -> Self {
        Self { buffer: [0; ADU_BYTES_MAX], filled: 0 }
    }
}

impl Stream {
    /// Forgets a partial ADU.
    pub const fn clear(&mut self) {
        self.filled = 0;
    }

    /// Takes bytes from the front of `bytes`; returns an ADU as soon as it is whole and leaves the
    /// bytes after it. If there is none, all bytes were taken.
    ///
    /// # Errors
    /// A header that cannot be; the stream cannot be cut from here on and must be given up.
    pub fn push(&mut self, bytes: &mut &[u8]) -> Result<Option<&[u8]>, AduError> {
        self.fill(bytes, HEADER_BYTES);
        let Some(header) = self.header() else {
            return Ok(None);
        };
        let adu_bytes = header?.adu_bytes;
        self.fill(bytes, adu_bytes);
        if self.filled < adu_bytes {
            return Ok(None);
        }
        self.filled = 0;
        Ok(self.buffer.get(..adu_bytes))
    }

    /// The header, once all of it is there.
    fn header(&self) -> Option<Result<Header, AduError>> {
        self.buffer.get(..self.filled)?.first_chunk::<HEADER_BYTES>().map(Header::parse)
    }

    /// Moves bytes into the buffer until it holds `until`, or none are left.
    fn fill(&mut self, bytes: &mut &[u8], until: usize) {
        let room = self.buffer.get_mut(self.filled..until).unwrap_or_default();
        let (taken, rest) = bytes.split_at(room.len().min(bytes.len()));
        for (to, from) in room.iter_mut().zip(taken) {
            *to = *from;
        }
        self.filled += taken.len();
        *bytes = rest;
    }
}
