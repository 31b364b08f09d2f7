//! A data shard as the code sees it: its length (16 bits, big-endian), then its bytes. The length does
//! not travel with a data shard, whose datagram has one, but inside the parity, for those that are lost.

use alloc::vec::Vec;

use noreturn_wire::frame::SHARD_LENGTH_BYTES;

/// The length in front of a data shard of `length` bytes, at most 1398.
pub(crate) fn length_prefix(length: usize) -> [u8; SHARD_LENGTH_BYTES] {
    u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes()
}

/// Cuts a recovered shard to the length that it starts with; `None` if it is shorter than that.
pub(crate) fn without_length(shard: &[u8]) -> Option<Vec<u8>> {
    let (length, bytes) = shard.split_first_chunk::<SHARD_LENGTH_BYTES>()?;
    Some(bytes.get(..usize::from(u16::from_be_bytes(*length)))?.to_vec())
}
