//! Traps before anything is asked of it, in a constructor that runs with the
//! first call of each instance.

#![cfg(target_family = "wasm")]

use hostile_guests::{Guest, export};

struct Component;

impl Guest for Component {}

export!(Component);

#[used]
#[unsafe(link_section = ".init_array")]
static CONSTRUCTOR: extern "C" fn() = constructor;

extern "C" fn constructor() {
    core::arch::wasm32::unreachable()
}
