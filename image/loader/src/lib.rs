//! What the loader decides, without firmware: checks, messages, and the tables that the kernel is started with.
//!
//! The binary beside it (`main.rs`, `firmware/`) makes the UEFI calls.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod calibrate;
pub mod check;
pub mod device_path;
pub mod fdt;
pub mod floor;
pub mod medium;
pub mod memory;
pub mod paging;
pub mod refusal;
pub mod resets;
pub mod sealed;
pub mod self_test;
pub mod tpm;

pub use refusal::Refusal;
