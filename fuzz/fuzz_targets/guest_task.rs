//! A task or a request of HTTP, as a guest reads it.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fanout_sdk::fuzzing::task(bytes));
