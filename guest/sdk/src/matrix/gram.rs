//! [`Gram`]: the products of all pairs of columns of a [`Matrix`].
//!
//! Two coded blocks take one addition a row, in a table of pairs of columns; a
//! coded block and a column of numbers take one addition a row. Columns of
//! numbers are multiplied in tiles that stay in the cache.

use super::{Block, CHUNK, Matrix, chunk_of, is_consecutive, not_encoded};

/// Columns of a tile of the product of the columns of numbers: with a chunk of
/// rows 128 KiB, half of a small second-level cache.
const TILE: usize = 64;

/// `(X - s)ᵀ W (X - s)` and its like, for a diagonal matrix `W` of weights and a
/// shift `s` of each column.
#[derive(Clone, Debug, PartialEq)]
pub struct Gram {
    columns: usize,
    products: Vec<f64>,
    /// The weighted sum of each shifted column.
    pub sums: Vec<f64>,
    /// The sum of the weights.
    pub weight: f64,
    /// By target: `(X - s)ᵀ W y`, one number per column.
    pub target_products: Vec<Vec<f64>>,
    /// By target: the weighted sum.
    pub target_sums: Vec<f64>,
    /// By target: the weighted sum of squares.
    pub target_squares: Vec<f64>,
}

impl Gram {
    /// The number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The product of two columns.
    pub fn get(&self, row: usize, column: usize) -> f64 {
        self.products[row * self.columns + column]
    }

    /// The symmetric matrix of shape (columns, columns), row-major.
    pub fn products(&self) -> &[f64] {
        &self.products
    }

    /// The symmetric matrix, to be changed or kept.
    pub fn into_products(self) -> Vec<f64> {
        self.products
    }
}

/// A coded block while rows are added.
struct CodedSums<'a> {
    block: &'a super::CodedBlock,
    /// The number of its first column.
    first: usize,
    /// The number of columns, and the slot of rows without one.
    none: usize,
    slots: [u32; CHUNK],
    /// By staged column, then by slot: the weighted sums.
    sums: Vec<f64>,
    /// By earlier coded block: the sums of weights of shape (its slots, slots).
    pairs: Vec<Vec<f64>>,
}

impl Matrix {
    /// `(X - s)ᵀ W (X - s)`, `(X - s)ᵀ W y` for each of `targets`, and the sums.
    /// `weights` and each target have one entry per entry of `rows`; without
    /// weights all are 1. `shift` has one number per column, such as its mean, to
    /// avoid the cancellation of `XᵀX - n μμᵀ`; without it all are 0.
    ///
    /// # Panics
    /// If the lengths do not fit, or a column is a category.
    pub fn gram(
        &self,
        rows: &[u32],
        weights: Option<&[f64]>,
        targets: &[&[f64]],
        shift: Option<&[f64]>,
    ) -> Gram {
        let columns = self.columns();
        assert!(
            shift.is_none_or(|shift| shift.len() == columns),
            "one shift a column"
        );
        assert!(
            weights.is_none_or(|weights| weights.len() == rows.len()),
            "one weight a row"
        );
        assert!(
            targets.iter().all(|target| target.len() == rows.len()),
            "one target a row"
        );
        let shift = |column: usize| shift.map_or(0.0, |shift| shift[column]);
        let mut dense = Vec::new();
        let mut coded: Vec<CodedSums<'_>> = Vec::new();
        for (first, block) in self.numbered() {
            match block {
                Block::Number(column) => dense.push((first, column.values.as_slice())),
                Block::Category(column) => not_encoded(column),
                Block::Coded(block) => coded.push(CodedSums {
                    block,
                    first,
                    none: block.columns().len(),
                    slots: [0; CHUNK],
                    sums: Vec::new(),
                    pairs: Vec::new(),
                }),
            }
        }
        // The staged columns: the dense ones, the targets, and ones.
        let staged = dense.len() + targets.len() + 1;
        let width = staged.next_multiple_of(4);
        for at in 0..coded.len() {
            let (before, rest) = coded.split_at_mut(at);
            let own = rest[0].none + 1;
            rest[0].sums = vec![0.0; staged * own];
            rest[0].pairs = before
                .iter()
                .map(|other| vec![0.0; (other.none + 1) * own])
                .collect();
        }
        let mut right = vec![0.0; width * CHUNK];
        let mut left = vec![0.0; width * CHUNK];
        let mut products = vec![0.0; width * width];
        let mut buffer = [0.0; CHUNK];
        let mut start = 0;
        for rows in rows.chunks(CHUNK) {
            let range = start..start + rows.len();
            start = range.end;
            let consecutive = is_consecutive(rows);
            for (&(column, values), out) in dense.iter().zip(right.chunks_exact_mut(CHUNK)) {
                let values = chunk_of(values, rows, consecutive, &mut buffer);
                let shift = shift(column);
                for (out, value) in out.iter_mut().zip(values) {
                    *out = value - shift;
                }
                out[rows.len()..].fill(0.0);
            }
            let others = right.chunks_exact_mut(CHUNK).skip(dense.len());
            for (target, out) in targets.iter().zip(others) {
                out[..rows.len()].copy_from_slice(&target[range.clone()]);
                out[rows.len()..].fill(0.0);
            }
            let ones = &mut right[(staged - 1) * CHUNK..][..CHUNK];
            ones[..rows.len()].fill(1.0);
            ones[rows.len()..].fill(0.0);
            match weights {
                None => left.copy_from_slice(&right),
                Some(weights) => {
                    let weights = &weights[range];
                    for (left, right) in left.chunks_exact_mut(CHUNK).zip(right.chunks_exact(CHUNK))
                    {
                        for ((left, right), weight) in left.iter_mut().zip(right).zip(weights) {
                            *left = weight * right;
                        }
                        left[rows.len()..].fill(0.0);
                    }
                }
            }
            add_products(&left, &right, width, &mut products);
            add_coded(&mut coded, rows, &left, staged);
        }
        let dense: Vec<usize> = dense.iter().map(|(column, _)| *column).collect();
        assemble(
            columns,
            &dense,
            targets.len(),
            &coded,
            &products,
            width,
            shift,
        )
    }
}

/// Adds the products of the staged columns of a chunk to the upper triangle of
/// `products`, of shape (width, width).
fn add_products(left: &[f64], right: &[f64], width: usize, products: &mut [f64]) {
    for tile in (0..width).step_by(TILE) {
        let tile_end = (tile + TILE).min(width);
        for i in (0..tile_end).step_by(4) {
            let left: &[[f64; CHUNK]] = left[i * CHUNK..][..4 * CHUNK].as_chunks().0;
            for j in (tile.max(i)..tile_end).step_by(2) {
                let right: &[[f64; CHUNK]] = right[j * CHUNK..][..2 * CHUNK].as_chunks().0;
                let sums = kernel(
                    [&left[0], &left[1], &left[2], &left[3]],
                    [&right[0], &right[1]],
                );
                for (row, sums) in (i..).zip(sums) {
                    products[row * width + j] += sums[0];
                    products[row * width + j + 1] += sums[1];
                }
            }
        }
    }
}

/// The inner products of four columns with two. Even and odd rows are summed
/// apart, since two numbers are a vector of the processor.
fn kernel(left: [&[f64; CHUNK]; 4], right: [&[f64; CHUNK]; 2]) -> [[f64; 2]; 4] {
    let mut sums = [[[0.0; 2]; 2]; 4];
    for at in (0..CHUNK).step_by(2) {
        for (sums, left) in sums.iter_mut().zip(left) {
            for (sums, right) in sums.iter_mut().zip(right) {
                sums[0] += left[at] * right[at];
                sums[1] += left[at + 1] * right[at + 1];
            }
        }
    }
    sums.map(|sums| sums.map(|lanes| lanes[0] + lanes[1]))
}

/// Adds a chunk of rows to the sums of the coded blocks. `left` holds the weighted
/// staged columns, the last of which is the weights.
fn add_coded(coded: &mut [CodedSums<'_>], rows: &[u32], left: &[f64], staged: usize) {
    let weights = &left[(staged - 1) * CHUNK..][..rows.len()];
    for at in 0..coded.len() {
        let (before, rest) = coded.split_at_mut(at);
        let own = &mut rest[0];
        own.block.slots(rows, own.none as u32, &mut own.slots);
        let slots = &own.slots[..rows.len()];
        let width = own.none + 1;
        for (sums, column) in own
            .sums
            .chunks_exact_mut(width)
            .zip(left.chunks_exact(CHUNK))
        {
            for (&slot, value) in slots.iter().zip(column) {
                sums[slot as usize] += value;
            }
        }
        for (pairs, other) in own.pairs.iter_mut().zip(before) {
            for ((&slot, &other), weight) in slots.iter().zip(&other.slots).zip(weights) {
                pairs[other as usize * width + slot as usize] += weight;
            }
        }
    }
}

/// The sums of staged columns and of codes as products of the matrix's columns.
fn assemble(
    columns: usize,
    dense: &[usize],
    targets: usize,
    coded: &[CodedSums<'_>],
    staged_products: &[f64],
    width: usize,
    shift: impl Fn(usize) -> f64,
) -> Gram {
    let staged = dense.len() + targets + 1;
    let ones = staged - 1;
    let of_staged = |a: usize, b: usize| staged_products[a.min(b) * width + a.max(b)];
    let weight = of_staged(ones, ones);
    let mut gram = Gram {
        columns,
        products: vec![0.0; columns * columns],
        sums: vec![0.0; columns],
        weight,
        target_products: vec![vec![0.0; columns]; targets],
        target_sums: (0..targets)
            .map(|t| of_staged(dense.len() + t, ones))
            .collect(),
        target_squares: (0..targets)
            .map(|t| of_staged(dense.len() + t, dense.len() + t))
            .collect(),
    };
    let mut set = |a: usize, b: usize, product: f64| {
        gram.products[a * columns + b] = product;
        gram.products[b * columns + a] = product;
    };
    for (a, &column) in dense.iter().enumerate() {
        for (b, &other) in dense.iter().enumerate().skip(a) {
            set(column, other, of_staged(a, b));
        }
        gram.sums[column] = of_staged(a, ones);
        for (target, products) in gram.target_products.iter_mut().enumerate() {
            products[column] = of_staged(a, dense.len() + target);
        }
    }
    for (at, block) in coded.iter().enumerate() {
        let slots = block.none + 1;
        // By column: its value outside and inside of its levels.
        let values = |block: &CodedSums<'_>, index: usize| {
            let column = &block.block.columns()[index];
            let outside = column.offset - shift(block.first + index);
            (outside, outside + column.scale)
        };
        let count = |block: &CodedSums<'_>, index: usize| {
            block.sums[(staged - 1) * (block.none + 1) + index]
        };
        for index in 0..block.none {
            let (outside, inside) = values(block, index);
            let column = block.first + index;
            let own = count(block, index);
            let with_staged = |a: usize| {
                let within = block.sums[a * slots + index];
                within * inside + (of_staged(a.min(ones), ones) - within) * outside
            };
            for (a, &other) in dense.iter().enumerate() {
                set(column, other, with_staged(a));
            }
            for (target, products) in gram.target_products.iter_mut().enumerate() {
                products[column] = with_staged(dense.len() + target);
            }
            gram.sums[column] = own * inside + (weight - own) * outside;
            set(
                column,
                column,
                own * inside * inside + (weight - own) * outside * outside,
            );
            for other in index + 1..block.none {
                let (other_outside, other_inside) = values(block, other);
                let others = count(block, other);
                let product = own * inside * other_outside
                    + others * outside * other_inside
                    + (weight - own - others) * outside * other_outside;
                set(column, block.first + other, product);
            }
            for (earlier, pairs) in coded[..at].iter().zip(&block.pairs) {
                for other in 0..earlier.none {
                    let (other_outside, other_inside) = values(earlier, other);
                    let both = pairs[other * slots + index];
                    let others = count(earlier, other);
                    let product = both * inside * other_inside
                        + (own - both) * inside * other_outside
                        + (others - both) * outside * other_inside
                        + (weight - own - others + both) * outside * other_outside;
                    set(column, earlier.first + other, product);
                }
            }
        }
    }
    gram
}
