//! diode-image
fn main() {}
