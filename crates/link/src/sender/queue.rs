//! Messages that wait for a frame: a bounded byte ring, each message with its length in front.

use alloc::collections::VecDeque;

const LENGTH_BYTES: usize = 2;

#[derive(Debug)]
pub(super) struct Queue {
    bytes: VecDeque<u8>,
    bytes_max: usize,
}

impl Queue {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self { bytes: VecDeque::with_capacity(bytes_max), bytes_max }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(super) fn has_room_for(&self, message_bytes: usize) -> bool {
        self.bytes.len() + LENGTH_BYTES + message_bytes <= self.bytes_max
    }

    /// Takes a message of at most 65,535 bytes; false if there is no room.
    pub(super) fn push(&mut self, message: &[u8]) -> bool {
        let Ok(length) = u16::try_from(message.len()) else { return false };
        if !self.has_room_for(message.len()) {
            return false;
        }
        // By reference: an array by value would go byte by byte.
        self.bytes.extend(&length.to_be_bytes());
        self.bytes.extend(message);
        true
    }

    /// Moves as many whole messages as fit into `shard`: bytes used, messages moved.
    pub(super) fn fill(&mut self, shard: &mut [u8]) -> (usize, u64) {
        let (mut used, mut messages) = (0, 0);
        while let Some(length) = self.front_length().filter(|length| used + length <= shard.len()) {
            self.copy_front(&mut shard[used..used + length]);
            self.bytes.drain(..LENGTH_BYTES + length);
            used += length;
            messages += 1;
        }
        (used, messages)
    }

    fn front_length(&self) -> Option<usize> {
        let length = [*self.bytes.front()?, *self.bytes.get(1)?];
        Some(usize::from(u16::from_be_bytes(length)))
    }

    /// Copies the first message, which may lie on both sides of the ring's seam.
    fn copy_front(&self, message: &mut [u8]) {
        let (first, second) = self.bytes.as_slices();
        let before = first.get(LENGTH_BYTES..).unwrap_or_default();
        let before = &before[..before.len().min(message.len())];
        let (head, tail) = message.split_at_mut(before.len());
        head.copy_from_slice(before);
        let behind = LENGTH_BYTES.saturating_sub(first.len());
        tail.copy_from_slice(&second[behind..behind + tail.len()]);
    }
}
