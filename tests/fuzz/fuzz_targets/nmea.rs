//! Lets libFuzzer drive the target `nmea`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| noreturn_tests::fuzz::run("nmea", data));
