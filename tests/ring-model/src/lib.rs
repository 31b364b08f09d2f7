//! The ring as it is in `crates/ring`, over loom's atomics.

#[allow(missing_docs, unused_attributes)]
#[path = "../../../crates/ring/src/lib.rs"]
pub mod ring;
