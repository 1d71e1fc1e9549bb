//! A dataset and its splits, as a guest opens them.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fanout_sdk::fuzzing::dataset(bytes));
