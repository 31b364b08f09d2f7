//! Harness of the end-to-end tests: the real peers of the box.
#![forbid(unsafe_code)]

pub mod plant;
