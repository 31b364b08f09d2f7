//! What lies on the medium: layout, manifest, configuration, and what the loader hands the kernel.
//!
//! Read by the loader, the kernel, the builder and the verifier; it is the only thing that the
//! builder and the verifier share.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

pub mod config;
pub mod digest;
pub mod handover;
pub mod layout;
pub mod manifest;
pub mod measured;
pub mod owner;
pub mod self_test;
#[cfg(feature = "std")]
pub mod stick;

pub use config::{Config, ConfigError};
pub use digest::Sha256Digest;
pub use handover::{Handover, HandoverError};
pub use manifest::{Manifest, ManifestError, Part};
