//! The keys of diodes and of their boots.

use alloc::vec::Vec;

use noreturn_wire::frame::HEADER_BYTES;
use noreturn_wire::{DiodeId, Header, HeaderKey, Suite};

use crate::key::{DiodeKey, FrameKey};

/// Keys that a diode may have at once, while one takes over from another.
pub const KEYS_PER_DIODE_MAX: usize = 4;

/// What of a diode's key is at hand for every datagram.
#[derive(Clone, Debug)]
pub(super) struct Key {
    header: HeaderKey,
    diode: DiodeKey,
}

/// The keys of a diode.
#[derive(Clone, Default, Debug)]
pub(super) struct Keys(Vec<Key>);

impl Keys {
    /// Bytes of memory behind each of them.
    pub(super) const BYTES_MAX: usize = KEYS_PER_DIODE_MAX * size_of::<Key>();

    /// The first [`KEYS_PER_DIODE_MAX`] of `keys`.
    pub(super) fn of<'a>(diode: DiodeId, keys: impl IntoIterator<Item = &'a DiodeKey>) -> Self {
        let mut some = Self(Vec::with_capacity(KEYS_PER_DIODE_MAX));
        keys.into_iter().for_each(|key| some.add(diode, key));
        some
    }

    /// Adds a key, if there is room for one.
    pub(super) fn add(&mut self, diode: DiodeId, key: &DiodeKey) {
        if self.0.len() < KEYS_PER_DIODE_MAX {
            self.0.push(Key { header: key.header_key(diode), diode: key.clone() });
        }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The key under which a header's tag verifies.
    pub(super) fn of_header(&self, bytes: &[u8; HEADER_BYTES]) -> Option<&Key> {
        self.0.iter().find(|key| key.header.verifies(bytes))
    }
}

impl Key {
    /// The key of the boot that this header is of.
    pub(super) fn session_key(&self, header: &Header) -> SessionKey {
        let Header { suite, diode, boot, .. } = *header;
        SessionKey {
            suite,
            header: self.header.clone(),
            frame: FrameKey::derive(&self.diode, suite, diode, boot),
        }
    }
}

/// The key that a boot was opened with; it stays with that one, and with the suite.
#[derive(Debug)]
pub(super) struct SessionKey {
    suite: Suite,
    header: HeaderKey,
    frame: FrameKey,
}

impl SessionKey {
    /// Whether a header of this boot was made by who has the key.
    pub(super) fn verifies(&self, header: &Header, bytes: &[u8; HEADER_BYTES]) -> bool {
        self.suite == header.suite && self.header.verifies(bytes)
    }

    /// Opens a frame into `plain`, which is as long as `sealed`: the payload, or `None` if it is not authentic.
    pub(super) fn open<'a>(
        &self,
        header: &Header,
        bytes: &[u8; HEADER_BYTES],
        (sealed, plain): (&[u8], &'a mut [u8]),
    ) -> Option<&'a [u8]> {
        plain.copy_from_slice(sealed);
        self.frame.open(header.frame, bytes, plain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_keys_as_may_be_take_the_bytes_that_are_reckoned() {
        let key = DiodeKey([1; 32]);
        let mut keys = Keys::default();
        for _ in 0..2 * KEYS_PER_DIODE_MAX {
            keys.add(DiodeId(1), &key);
        }
        assert_eq!(keys.0.capacity() * size_of::<Key>(), Keys::BYTES_MAX);
        assert_eq!(Keys::of(DiodeId(1), [&key; 9]).0.capacity() * size_of::<Key>(), Keys::BYTES_MAX);
    }
}
