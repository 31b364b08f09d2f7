//! Lets libFuzzer drive the target `inside_stack`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| noreturn_tests::fuzz::run("inside_stack", data));
