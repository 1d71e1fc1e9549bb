//! A plan and its overrides.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fanout::fuzzing::plan(bytes));
