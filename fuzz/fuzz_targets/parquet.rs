//! A Parquet file as a source.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fanout::fuzzing::parquet(bytes));
