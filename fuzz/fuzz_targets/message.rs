//! A message of the work queue.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fanout::fuzzing::message(bytes));
