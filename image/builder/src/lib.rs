//! Builds the bootable medium: the same loader, kernel and site file give the same bytes, anywhere, on any day.
//!
//! `docs/image.md` describes the medium. [`Image::build`] is pure; the binary `diode-image` reads and writes
//! the files.
#![forbid(unsafe_code)]

pub mod checksums;
pub mod error;
mod fat;
pub mod image;
pub mod inspect;
mod iso;
pub mod key_file;
pub mod new_site;
pub mod output;
pub mod owner;
mod partition_table;
pub mod pe;
pub mod programs;
pub mod provenance;
pub mod record;
pub mod sbom;
pub mod write;

pub use error::BuildError;
pub use image::{Image, Parts};
pub use owner::Owner;
pub use programs::Programs;
