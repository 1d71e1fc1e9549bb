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

/// The bits of a Hessian.
const HESSIAN_BITS: u32 = 10;

/// The bits of a gradient's magnitude, and the logarithm of the number of rows in a
/// block. The first where the mean magnitude is at least [`STEPS`] steps; else the
/// next.
const PACKINGS: [(u32, u32); 3] = [(11, 14), (17, 12), (20, 11)];

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
        self.hessian_step * ((1_u64 << HESSIAN_BITS) - 1) as f64
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
        let packing = |&&(bits, block_bits): &&(u32, u32)| {
            // Finer steps cost nothing where all rows are one block anyway.
            let finest = PACKINGS
                .iter()
                .rev()
                .find(|(_, other)| rows.len() < 1 << other);
            let is_fine = mean * (1_u64 << bits) as f64 >= greatest * STEPS;
            finest.map_or(is_fine, |finest| *finest == (bits, block_bits))
        };
        let (bits, block_bits) = *PACKINGS.iter().find(packing).unwrap_or(&PACKINGS[2]);
        let step = |greatest: f64, bits: u32| {
            let step = greatest / ((1_u64 << bits) - 1) as f64;
            if step > 0.0 { step } else { 1.0 }
        };
        let packing = Packing {
            gradient_shift: HESSIAN_BITS + 2 * block_bits,
            block_bits,
            gradient_steps: ((1_u64 << bits) - 1) as f64,
            gradient_step: step(greatest, bits),
            hessian_step: step(most, HESSIAN_BITS),
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
/// `bits` are those of a gradient's magnitude. Not inlined, as [`magnitudes`].
#[inline(never)]
fn round_rows(
    words: &mut [u64],
    rows: &[u32],
    [gradients, hessians]: [&[f64]; 2],
    bits: u32,
    packing: &Packing,
    key: Key,
) {
    let (gradients, hessians) = (&gradients[..words.len()], &hessians[..words.len()]);
    let (per_gradient, per_hessian) = (1.0 / packing.gradient_step, 1.0 / packing.hessian_step);
    let (gradient_shift, hessian_shift) = (packing.gradient_shift, packing.block_bits);
    // Above all gradients, so that they are rounded by cutting off.
    let offset = f64::from(1_i32 << bits);
    let (gradient_limit, hessian_limit) = ((2_i32 << bits) - 1, (1_i32 << HESSIAN_BITS) - 1);
    for &row in rows {
        let at = row as usize;
        let draw = key.word(u64::from(row));
        let scale = 1.0 / 4_294_967_296.0;
        let (low, high) = ((draw as u32) as f64 * scale, (draw >> 32) as f64 * scale);
        let gradient = (gradients[at] * per_gradient + offset + low) as i32;
        let hessian = (hessians[at] * per_hessian + high) as i32;
        let gradient = gradient.clamp(1, gradient_limit) - (1 << bits);
        let hessian = hessian.clamp(0, hessian_limit);
        words[at] = ((i64::from(gradient) as u64) << gradient_shift)
            .wrapping_add((hessian as u64) << hessian_shift)
            .wrapping_add(1);
    }
}
