//! Lets libFuzzer drive the target `sntp`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| noreturn_tests::fuzz::run("sntp", data));
