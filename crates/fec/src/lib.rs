//! Forward error correction: data shards to parity shards and back, over GF(2^8).
//!
//! The code is the systematic Reed–Solomon code of the crate `reed-solomon-erasure`
//! (Vandermonde matrix over polynomial 0x11d, made systematic); its parity bytes are ours, which a
//! test keeps true. Two things differ in use: a block may be *shortened* (data shards that
//! were never sent count as zeros), and shards of a block may have different lengths (the
//! shorter ones count as ending in zeros). Every sum of products runs on the widest vector instructions
//! that the machine has ([`Kernel`]).
#![no_std]
#![deny(unsafe_code)]

extern crate alloc;

mod coefficients;
mod decode;
mod encode;
mod field;
mod geometry;
mod matrix;
mod multiply;
mod patterns;
mod rows;
mod self_test;

pub use coefficients::Coefficients;
pub use decode::{Decoder, NotEnoughShards, Shards};
pub use encode::Encoder;
pub use geometry::{Geometry, GeometryError};
pub use multiply::Kernel;
pub use self_test::KnownBlock;
