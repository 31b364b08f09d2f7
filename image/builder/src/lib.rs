//! Builds the bootable medium: the same loader, kernel and site file give the same bytes, anywhere, on any day.
//!
//! `docs/image.md` describes the medium. [`Image::build`] is pure; the binary `diode-image` reads and writes
//! the files.
#![forbid(unsafe_code)]

pub mod error;
mod fat;
pub mod image;
pub mod inspect;
pub mod key_file;
pub mod new_site;
pub mod output;
mod partition_table;
pub mod record;
pub mod sbom;
pub mod size;
pub mod write;

pub use error::BuildError;
pub use image::{Image, Parts};
