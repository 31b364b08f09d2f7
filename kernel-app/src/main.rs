//! The unikernel's entry: says that it runs, and stops.
#![no_std]
#![no_main]

use hermit::println;

/// Hermit calls this once it runs.
#[unsafe(no_mangle)]
extern "C" fn main(_argc: i32, _argv: *const *const u8, _envp: *const *const u8) -> i32 {
    println!("noreturn: the kernel runs");
    0
}
