//! Lets libFuzzer drive the target `device_path`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| noreturn_tests::fuzz::run("device_path", data));
