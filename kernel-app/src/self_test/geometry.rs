//! The shape of the known block, which the kernel's build script reads, too.

/// Data shards: they are added one at a time, and all in one sum.
pub const DATA: u8 = 5;
/// Parity shards: vector instructions compute four of them at once, then two, then one.
pub const PARITY: u8 = 7;
/// Bytes of a shard: one block of vectors that is read where it lies, and a rest that is copied.
pub const SHARD_BYTES: usize = 67;
