//! A guest's description or answer, as the host reads it.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fanout::fuzzing::contract(bytes));
