//! Makes the ring use loom's atomics, in this package only.

fn main() {
    println!("cargo:rustc-cfg=loom");
}
