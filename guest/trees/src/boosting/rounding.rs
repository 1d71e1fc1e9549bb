//! [`Words`]: gradients and Hessians as small whole numbers, packed into one word
//! a row, so that a histogram adds one word a row and feature.
//!
//! A word holds, from the lowest bit on, the number 1, the Hessian and the gradient
//! (in two's complement), each with room for the sum of [`Packing::block`] rows. The
//! numbers are multiples of a step each, which is the greatest magnitude over
//! 2^bits - 1. What lies between two multiples is rounded up with the probability
//! that leaves the mean as it is (Shi et al.: Quantized training of gradient
//! boosting decision trees, 2022); the probability's draw is a function of the tree
//! and the row's number, so that sums depend on nothing else. Sums of whole numbers
//! do not depend on the order of rows.

use crate::chunks;
use crate::random::Key;

/// How many bits of a word are for what.
#[derive(Clone, Copy, Debug)]
struct Bits {
    /// Of a gradient's magnitude.
    gradient: u32,
    /// Of a Hessian.
    hessian: u32,
    /// The logarithm of the number of rows whose words may be added up.
    block: u32,
}

const fn bits(gradient: u32, hessian: u32, block: u32) -> Bits {
    Bits {
        gradient,
        hessian,
        block,
    }
}

/// In the order of their costs, which the number of blocks decides. Taken is the first
/// of which the rows fill a block, and whose gradients have a mean magnitude of at least
/// [`STEPS`] steps; the last if there is none.
const PACKINGS: [Bits; 5] = [
    bits(11, 10, 14),
    bits(14, 13, 12),
    bits(17, 10, 12),
    bits(15, 15, SMALLEST_BLOCK),
    bits(20, 10, SMALLEST_BLOCK),
];

/// The block of rows that fill none.
const SMALLEST_BLOCK: u32 = 11;

/// See [`PACKINGS`].
const STEPS: f64 = 32.0;

/// Sums of gradients and Hessians, in steps, and of rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    /// Of gradients.
    pub(crate) gradient: i64,
    /// Of Hessians.
    pub(crate) hessian: i64,
    /// The number of rows.
    pub(crate) rows: i64,
}

impl std::ops::AddAssign for Sums {
    #[inline]
    fn add_assign(&mut self, other: Self) {
        self.gradient += other.gradient;
        self.hessian += other.hessian;
        self.rows += other.rows;
    }
}

impl std::ops::SubAssign for Sums {
    #[inline]
    fn sub_assign(&mut self, other: Self) {
        self.gradient -= other.gradient;
        self.hessian -= other.hessian;
        self.rows -= other.rows;
    }
}

impl std::ops::Sub for Sums {
    type Output = Self;

    #[inline]
    fn sub(mut self, other: Self) -> Self {
        self -= other;
        self
    }
}

/// Where the numbers of a word are, and what their steps are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packing {
    gradient_shift: u32,
    block_bits: u32,
    /// The number of steps of the greatest gradient.
    gradient_steps: f64,
    /// The number of steps of the greatest Hessian.
    hessian_steps: f64,
    /// The gradient of a step.
    pub(crate) gradient_step: f64,
    /// The Hessian of a step.
    pub(crate) hessian_step: f64,
}

impl Packing {
    /// The greatest number of rows whose words may be added up.
    pub(crate) fn block(&self) -> usize {
        (1 << self.block_bits) - 1
    }

    /// The greatest magnitude of a gradient.
    pub(crate) fn greatest_gradient(&self) -> f64 {
        self.gradient_step * self.gradient_steps
    }

    /// The greatest Hessian.
    pub(crate) fn greatest_hessian(&self) -> f64 {
        self.hessian_step * self.hessian_steps
    }

    /// The sums in a word.
    #[inline]
    pub(crate) fn unpack(&self, word: u64) -> Sums {
        let rows = word & ((1 << self.block_bits) - 1);
        let hessian =
            (word >> self.block_bits) & ((1 << (self.gradient_shift - self.block_bits)) - 1);
        Sums {
            gradient: (word as i64) >> self.gradient_shift,
            hessian: hessian as i64,
            rows: rows as i64,
        }
    }
}

/// The words of rows.
#[derive(Debug, Default)]
pub(crate) struct Words {
    /// By row of the dataset; those of other rows have no meaning.
    pub(crate) words: Vec<u64>,
}

impl Words {
    /// Rounds the gradients and Hessians of `rows`, which are by row of the dataset.
    /// Hessians are at least 0.
    pub(crate) fn round(
        &mut self,
        rows: &[u32],
        gradients: &[f64],
        hessians: &[f64],
        key: Key,
    ) -> Packing {
        self.words.resize(gradients.len(), 0);
        let (greatest, sum, most) = magnitudes(rows, gradients, hessians);
        let mean = sum / rows.len().max(1) as f64;
        let is_taken = |bits: &&Bits| {
            let fills = bits.block == SMALLEST_BLOCK || rows.len() >= 1 << bits.block;
            fills && mean * (1_u64 << bits.gradient) as f64 >= greatest * STEPS
        };
        let bits = *PACKINGS.iter().find(is_taken).unwrap_or(&PACKINGS[4]);
        let steps = |bits: u32| ((1_u64 << bits) - 1) as f64;
        let step = |greatest: f64, bits: u32| {
            let step = greatest / steps(bits);
            if step > 0.0 { step } else { 1.0 }
        };
        let packing = Packing {
            gradient_shift: bits.hessian + 2 * bits.block,
            block_bits: bits.block,
            gradient_steps: steps(bits.gradient),
            hessian_steps: steps(bits.hessian),
            gradient_step: step(greatest, bits.gradient),
            hessian_step: step(most, bits.hessian),
        };
        round_rows(
            &mut self.words,
            rows,
            [gradients, hessians],
            bits,
            &packing,
            key,
        );
        packing
    }
}

/// The greatest magnitude of the gradients of `rows`, the sum of these magnitudes, and
/// the greatest Hessian.
///
/// Not inlined: in WebAssembly, a loop in a large function shares its registers with
/// everything that the function keeps.
#[inline(never)]
fn magnitudes(rows: &[u32], gradients: &[f64], hessians: &[f64]) -> (f64, f64, f64) {
    let hessians = &hessians[..gradients.len()];
    let (mut greatest, mut sum, mut most) = (0.0, 0.0, 0.0);
    chunks::for_each(rows, |row| {
        let gradient = gradients[row as usize].abs();
        let hessian = hessians[row as usize];
        greatest = if gradient > greatest {
            gradient
        } else {
            greatest
        };
        sum += gradient;
        most = if hessian > most { hessian } else { most };
    });
    (greatest, sum, most)
}

/// Writes the words of `rows`, whose gradients and Hessians are by row of the dataset.
/// Not inlined, as [`magnitudes`].
#[inline(never)]
fn round_rows(
    words: &mut [u64],
    rows: &[u32],
    [gradients, hessians]: [&[f64]; 2],
    bits: Bits,
    packing: &Packing,
    key: Key,
) {
    let (gradients, hessians) = (&gradients[..words.len()], &hessians[..words.len()]);
    let (per_gradient, per_hessian) = (1.0 / packing.gradient_step, 1.0 / packing.hessian_step);
    let (gradient_shift, hessian_shift) = (packing.gradient_shift, packing.block_bits);
    // Above all gradients, so that they are rounded by cutting off.
    let offset = f64::from(1_i32 << bits.gradient);
    let (gradient_limit, hessian_limit) =
        ((2_i32 << bits.gradient) - 1, (1_i32 << bits.hessian) - 1);
    for &row in rows {
        let at = row as usize;
        let draw = key.word(u64::from(row));
        let scale = 1.0 / 4_294_967_296.0;
        let (low, high) = ((draw as u32) as f64 * scale, (draw >> 32) as f64 * scale);
        let gradient = (gradients[at] * per_gradient + offset + low) as i32;
        let hessian = (hessians[at] * per_hessian + high) as i32;
        let gradient = gradient.clamp(1, gradient_limit) - (1 << bits.gradient);
        let hessian = hessian.clamp(0, hessian_limit);
        words[at] = ((i64::from(gradient) as u64) << gradient_shift)
            .wrapping_add((hessian as u64) << hessian_shift)
            .wrapping_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sums_of_a_block_fit_into_a_word() {
        for bits in PACKINGS {
            // The gradient has a sign.
            let each = [
                bits.block,
                bits.hessian + bits.block,
                bits.gradient + 1 + bits.block,
            ];
            assert_eq!(each.iter().sum::<u32>(), u64::BITS, "{bits:?}");
        }
    }
}
