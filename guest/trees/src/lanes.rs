//! [`Lanes`]: sixteen bytes that are computed at a time, in one register of WebAssembly.
//! Elsewhere they are an array, which tests alone use.

#[cfg(all(target_family = "wasm", target_feature = "simd128"))]
use std::arch::wasm32 as simd;

#[cfg(all(target_family = "wasm", target_feature = "simd128"))]
type Register = simd::v128;
#[cfg(not(all(target_family = "wasm", target_feature = "simd128")))]
type Register = [u8; 16];

/// Sixteen bytes.
#[derive(Clone, Copy)]
pub(crate) struct Lanes(Register);

#[cfg(all(target_family = "wasm", target_feature = "simd128"))]
impl Lanes {
    /// These bytes.
    #[inline(always)]
    #[expect(unsafe_code, reason = "a register has no safe conversion of an array")]
    pub(crate) fn new(bytes: [u8; 16]) -> Self {
        // SAFETY: both are of 16 bytes, of which all values are valid.
        Self(unsafe { std::mem::transmute::<[u8; 16], Register>(bytes) })
    }

    /// The bytes.
    #[inline(always)]
    #[expect(unsafe_code, reason = "a register has no safe conversion to an array")]
    pub(crate) fn bytes(self) -> [u8; 16] {
        // SAFETY: as in `new`.
        unsafe { std::mem::transmute::<Register, [u8; 16]>(self.0) }
    }

    /// One byte in all lanes.
    #[inline(always)]
    pub(crate) fn all(byte: u8) -> Self {
        Self(simd::u8x16_splat(byte))
    }

    /// The bytes of a number in the first eight lanes, the lowest first, and again in the
    /// others.
    #[inline(always)]
    pub(crate) fn twice(bytes: u64) -> Self {
        Self(simd::u64x2_splat(bytes))
    }

    /// The byte at `place` in the lane, the others as they are.
    ///
    /// # Safety
    /// It can be read.
    #[inline(always)]
    #[expect(unsafe_code, reason = "the condition is the caller's to prove")]
    pub(crate) unsafe fn load<const LANE: usize>(self, place: *const u8) -> Self {
        // SAFETY: the caller's.
        Self(unsafe { simd::v128_load8_lane::<LANE>(self.0, place) })
    }

    /// By lane: 255 if the bytes are equal, else 0.
    #[inline(always)]
    pub(crate) fn equal(self, other: Self) -> Self {
        Self(simd::u8x16_eq(self.0, other.0))
    }

    /// By lane: 255 if the byte is not above the other, else 0.
    #[inline(always)]
    pub(crate) fn up_to(self, other: Self) -> Self {
        Self(simd::u8x16_le(self.0, other.0))
    }

    /// The bits that both have.
    #[inline(always)]
    pub(crate) fn and(self, other: Self) -> Self {
        Self(simd::v128_and(self.0, other.0))
    }

    /// The bits that either has.
    #[inline(always)]
    pub(crate) fn or(self, other: Self) -> Self {
        Self(simd::v128_or(self.0, other.0))
    }

    /// By lane: the byte less `byte`, modulo 256.
    #[inline(always)]
    pub(crate) fn less(self, byte: u8) -> Self {
        Self(simd::u8x16_sub(self.0, simd::u8x16_splat(byte)))
    }

    /// By lane: the byte divided by eight.
    #[inline(always)]
    pub(crate) fn eighth(self) -> Self {
        Self(simd::u8x16_shr(self.0, 3))
    }

    /// By lane of `places`: the byte at this place of these, 0 for a place from 16 on.
    #[inline(always)]
    pub(crate) fn take(self, places: Self) -> Self {
        Self(simd::u8x16_swizzle(self.0, places.0))
    }

    /// The highest bit of each lane, that of the first lane lowest.
    #[inline(always)]
    pub(crate) fn high_bits(self) -> u16 {
        simd::u8x16_bitmask(self.0)
    }
}

#[cfg(not(all(target_family = "wasm", target_feature = "simd128")))]
impl Lanes {
    fn of(byte: impl Fn(usize) -> u8) -> Self {
        Self(std::array::from_fn(byte))
    }

    pub(crate) fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    pub(crate) fn bytes(self) -> [u8; 16] {
        self.0
    }

    pub(crate) fn all(byte: u8) -> Self {
        Self([byte; 16])
    }

    #[expect(unsafe_code, reason = "the condition is the caller's to prove")]
    pub(crate) unsafe fn load<const LANE: usize>(mut self, place: *const u8) -> Self {
        // SAFETY: the caller's.
        self.0[LANE] = unsafe { place.read() };
        self
    }

    pub(crate) fn twice(bytes: u64) -> Self {
        Self::of(|lane| bytes.to_le_bytes()[lane % 8])
    }

    pub(crate) fn equal(self, other: Self) -> Self {
        Self::of(|lane| {
            if self.0[lane] == other.0[lane] {
                255
            } else {
                0
            }
        })
    }

    pub(crate) fn up_to(self, other: Self) -> Self {
        Self::of(|lane| {
            if self.0[lane] <= other.0[lane] {
                255
            } else {
                0
            }
        })
    }

    pub(crate) fn and(self, other: Self) -> Self {
        Self::of(|lane| self.0[lane] & other.0[lane])
    }

    pub(crate) fn or(self, other: Self) -> Self {
        Self::of(|lane| self.0[lane] | other.0[lane])
    }

    pub(crate) fn less(self, byte: u8) -> Self {
        Self::of(|lane| self.0[lane].wrapping_sub(byte))
    }

    pub(crate) fn eighth(self) -> Self {
        Self::of(|lane| self.0[lane] >> 3)
    }

    pub(crate) fn take(self, places: Self) -> Self {
        Self::of(|lane| {
            let place = usize::from(places.0[lane]);
            self.0.get(place).copied().unwrap_or(0)
        })
    }

    pub(crate) fn high_bits(self) -> u16 {
        (0..16).fold(0, |bits, lane| bits | u16::from(self.0[lane] >> 7) << lane)
    }
}
