//! Lets libFuzzer drive the target `status_modbus`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| noreturn_tests::fuzz::run("status_modbus", data));
