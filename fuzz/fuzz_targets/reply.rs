//! A reply of HTTP from an endpoint.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fanout::fuzzing::reply(bytes));
