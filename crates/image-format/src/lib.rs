//! What lies on the medium: layout, manifest, configuration, and what the loader hands the kernel.
//!
//! Read by the loader, the kernel, the builder and the verifier; it is the only thing that the
//! builder and the verifier share.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod config;
pub mod digest;
pub mod handover;
pub mod layout;
pub mod manifest;
pub mod measured;
pub mod owner;

pub use config::{Config, ConfigError};
pub use digest::Sha256Digest;
pub use handover::{Handover, HandoverError};
pub use manifest::{Manifest, ManifestError, Part};
