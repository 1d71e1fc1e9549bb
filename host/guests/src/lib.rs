//! The guests that `fanout` carries: components, built from the sources in
//! `guest/` by this crate's build script.

/// Each guest's name and its component's bytes.
pub const GUESTS: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/guests.rs"));

/// The component that an interpreter of Python is put into (`guest/python`). Alone it is no
/// guest: it imports the interpreter.
pub const PYTHON_ADAPTER: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/python.wasm"));
