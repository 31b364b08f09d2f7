//! Lets libFuzzer drive the target `bill`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| noreturn_tests::fuzz::run("bill", data));
