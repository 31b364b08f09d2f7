//! Lets libFuzzer drive the target `receiver`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| noreturn_tests::fuzz::run("receiver", data));
