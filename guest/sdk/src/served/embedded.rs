//! [`embedded`]: the model inside of this component, where it has one.

use bytes::Bytes;

use crate::contract::served::{MARKER, SERVES_TOGETHER};

/// Where the model is: see [`MARKER`].
#[repr(C)]
struct Place {
    marker: [u8; MARKER.len()],
    address: u32,
    size: u32,
}

/// What `fanout model export --component` writes into. No code but [`embedded`] reads it.
#[used]
static PLACE: Place = Place {
    marker: MARKER,
    address: 0,
    size: 0,
};

/// What says that packages of several models are understood.
#[used]
static TOGETHER: [u8; SERVES_TOGETHER.len()] = SERVES_TOGETHER;

/// The package of the contract that was put into the component after it was compiled.
#[expect(
    unsafe_code,
    reason = "the exporter adds the bytes to the memory that a module starts with"
)]
pub(crate) fn embedded() -> Option<Bytes> {
    let place = &raw const PLACE;
    // Volatile: the compiler knows the zeros of the static, which are changed afterwards.
    // SAFETY: both point into a static.
    let (address, size) = unsafe {
        (
            (&raw const (*place).address).read_volatile(),
            (&raw const (*place).size).read_volatile(),
        )
    };
    if size == 0 {
        return None;
    }
    // SAFETY: the exporter enlarges the memory's minimum by what the model takes, and
    // fills that with a data segment. The allocator takes only what `memory.grow` adds
    // behind it, and nothing else of the program knows of it.
    let bytes = unsafe { std::slice::from_raw_parts(address as usize as *const u8, size as usize) };
    Some(Bytes::from_static(bytes))
}
