//! Lets libFuzzer drive the target `neighbours`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| noreturn_tests::fuzz::run("neighbours", data));
