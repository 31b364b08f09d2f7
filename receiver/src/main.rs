//! diode-receiver
fn main() {}
