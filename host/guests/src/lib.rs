//! The guests that `fanout` carries: components, built from the sources in
//! `guest/` by this crate's build script.

/// Each guest's name and its component's bytes.
pub const GUESTS: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/guests.rs"));
