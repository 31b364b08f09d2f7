//! diode-verify
fn main() {}
