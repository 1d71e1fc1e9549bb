//! [`Pair`]: two numbers that are computed at a time, in one register of the processor
//! where it is known to have such.

#[cfg(all(target_family = "wasm", target_feature = "simd128"))]
use std::arch::wasm32::{f64x2_add as add, f64x2_mul as mul, v128 as Register};
#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{__m128d as Register, _mm_add_pd, _mm_mul_pd};

/// Two numbers. Each is computed as it would be alone, to the same bits everywhere.
#[derive(Clone, Copy)]
pub(super) struct Pair(Register);

#[cfg(target_arch = "x86_64")]
#[inline(always)]
#[expect(unsafe_code, reason = "an intrinsic function of the processor")]
fn add(a: Register, b: Register) -> Register {
    // SAFETY: every x86-64 processor has SSE2.
    unsafe { _mm_add_pd(a, b) }
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
#[expect(unsafe_code, reason = "an intrinsic function of the processor")]
fn mul(a: Register, b: Register) -> Register {
    // SAFETY: every x86-64 processor has SSE2.
    unsafe { _mm_mul_pd(a, b) }
}

#[cfg(not(any(
    target_arch = "x86_64",
    all(target_family = "wasm", target_feature = "simd128")
)))]
type Register = [f64; 2];

#[cfg(not(any(
    target_arch = "x86_64",
    all(target_family = "wasm", target_feature = "simd128")
)))]
fn add(a: Register, b: Register) -> Register {
    [a[0] + b[0], a[1] + b[1]]
}

#[cfg(not(any(
    target_arch = "x86_64",
    all(target_family = "wasm", target_feature = "simd128")
)))]
fn mul(a: Register, b: Register) -> Register {
    [a[0] * b[0], a[1] * b[1]]
}

impl Pair {
    #[inline(always)]
    #[expect(unsafe_code, reason = "a register has no safe conversion of an array")]
    pub(super) fn new(numbers: [f64; 2]) -> Self {
        // SAFETY: both are of 16 bytes, of which all values are valid.
        Self(unsafe { std::mem::transmute::<[f64; 2], Register>(numbers) })
    }

    #[inline(always)]
    #[expect(unsafe_code, reason = "a register has no safe conversion to an array")]
    pub(super) fn numbers(self) -> [f64; 2] {
        // SAFETY: as in `new`.
        unsafe { std::mem::transmute::<Register, [f64; 2]>(self.0) }
    }

    /// `self + a * b`, rounded twice.
    #[inline(always)]
    pub(super) fn add_product(self, a: Self, b: Self) -> Self {
        Self(add(self.0, mul(a.0, b.0)))
    }
}
