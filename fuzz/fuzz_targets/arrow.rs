//! An Arrow IPC file or stream as a source.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fanout::fuzzing::arrow(bytes));
