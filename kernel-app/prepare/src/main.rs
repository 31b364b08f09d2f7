//! prepare-kernel
fn main() {}
