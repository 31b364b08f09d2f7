//! The inside network without cards: what is kept from the network stack before it sees a frame.
#![no_std]
#![forbid(unsafe_code)]

pub mod filter;
