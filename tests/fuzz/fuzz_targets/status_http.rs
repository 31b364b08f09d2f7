//! Lets libFuzzer drive the target `status_http`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| noreturn_tests::fuzz::run("status_http", data));
