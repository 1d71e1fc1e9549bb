//! [`Gram`]: the products of all pairs of columns of a [`Matrix`].
//!
//! Two coded blocks take one addition a row, in a table of pairs of columns; a
//! coded block and a column of numbers take one addition a row. Columns of
//! numbers are multiplied in tiles that stay in the cache.

use super::{Block, CHUNK, Matrix, chunk_of, is_consecutive, not_encoded};

/// The columns of a panel: a row of it is two vectors of the processor.
const LANES: usize = 4;

/// Panels of a tile of the product of the columns of numbers: with a chunk of
/// rows 128 KiB, half of a small second-level cache.
const TILE: usize = 16;

/// The values of the columns of a panel in the rows of a chunk.
type Panel = [[f64; LANES]; CHUNK];

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
    /// By panel, then by slot: the weighted sums of the staged columns.
    sums: Vec<[f64; LANES]>,
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
        let panels = staged.div_ceil(LANES);
        for at in 0..coded.len() {
            let (before, rest) = coded.split_at_mut(at);
            let own = rest[0].none + 1;
            rest[0].sums = vec![[0.0; LANES]; panels * own];
            rest[0].pairs = before
                .iter()
                .map(|other| vec![0.0; (other.none + 1) * own])
                .collect();
        }
        let mut right: Vec<Panel> = vec![[[0.0; LANES]; CHUNK]; panels];
        let mut left = right.clone();
        let mut products = vec![[[0.0; LANES]; LANES]; panels * panels];
        let mut buffer = [0.0; CHUNK];
        let mut start = 0;
        for rows in rows.chunks(CHUNK) {
            let range = start..start + rows.len();
            start = range.end;
            let consecutive = is_consecutive(rows);
            if rows.len() < CHUNK {
                right.fill([[0.0; LANES]; CHUNK]);
                left.fill([[0.0; LANES]; CHUNK]);
            }
            let mut stage = |at: usize, values: &[f64], shift: f64| {
                let lane = at % LANES;
                for (row, value) in right[at / LANES].iter_mut().zip(values) {
                    row[lane] = value - shift;
                }
            };
            for (at, &(column, values)) in dense.iter().enumerate() {
                let values = chunk_of(values, rows, consecutive, &mut buffer);
                stage(at, values, shift(column));
            }
            for (at, target) in (dense.len()..).zip(targets) {
                stage(at, &target[range.clone()], 0.0);
            }
            stage(staged - 1, &[1.0; CHUNK][..rows.len()], 0.0);
            match weights {
                None => left.copy_from_slice(&right),
                Some(weights) => {
                    for (left, right) in left.iter_mut().zip(&right) {
                        let rows = left.iter_mut().zip(right).zip(&weights[range.clone()]);
                        for ((left, right), weight) in rows {
                            *left = right.map(|value| weight * value);
                        }
                    }
                }
            }
            add_products(&left, &right, &mut products);
            add_coded(&mut coded, rows, &left, staged);
        }
        let dense: Vec<usize> = dense.iter().map(|(column, _)| *column).collect();
        assemble(columns, &dense, targets.len(), &coded, &products, shift)
    }
}

/// Adds the products of the staged columns of a chunk to `products`, by pairs of
/// panels whose first is not behind its second.
fn add_products(left: &[Panel], right: &[Panel], products: &mut [[[f64; LANES]; LANES]]) {
    let panels = left.len();
    for tile in (0..panels).step_by(TILE) {
        let tile_end = (tile + TILE).min(panels);
        for i in 0..tile_end {
            for j in tile.max(i)..tile_end {
                add_product(&left[i], &right[j], &mut products[i * panels + j]);
            }
        }
    }
}

/// Adds the inner products of the columns of two panels, row after row.
fn add_product(left: &Panel, right: &Panel, products: &mut [[f64; LANES]; LANES]) {
    let mut sums = [[0.0; LANES]; LANES];
    for (left, right) in left.iter().zip(right) {
        for a in 0..LANES {
            for b in 0..LANES {
                sums[a][b] += left[a] * right[b];
            }
        }
    }
    for (products, sums) in products.iter_mut().zip(sums) {
        for (product, sum) in products.iter_mut().zip(sums) {
            *product += sum;
        }
    }
}

/// Adds a chunk of rows to the sums of the coded blocks. `left` holds the weighted
/// staged columns, the last of which is the weights.
fn add_coded(coded: &mut [CodedSums<'_>], rows: &[u32], left: &[Panel], staged: usize) {
    let (of_weights, lane) = (&left[(staged - 1) / LANES], (staged - 1) % LANES);
    for at in 0..coded.len() {
        let (before, rest) = coded.split_at_mut(at);
        let own = &mut rest[0];
        own.block.slots(rows, own.none as u32, &mut own.slots);
        let slots = &own.slots[..rows.len()];
        let width = own.none + 1;
        for (sums, panel) in own.sums.chunks_exact_mut(width).zip(left) {
            for (&slot, values) in slots.iter().zip(panel) {
                let sums = &mut sums[slot as usize];
                for lane in 0..LANES {
                    sums[lane] += values[lane];
                }
            }
        }
        for (pairs, other) in own.pairs.iter_mut().zip(before) {
            for ((&slot, &other), weights) in slots.iter().zip(&other.slots).zip(of_weights) {
                pairs[other as usize * width + slot as usize] += weights[lane];
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
    staged_products: &[[[f64; LANES]; LANES]],
    shift: impl Fn(usize) -> f64,
) -> Gram {
    let staged = dense.len() + targets + 1;
    let ones = staged - 1;
    let panels = staged.div_ceil(LANES);
    let of_staged = |a: usize, b: usize| {
        let (a, b) = (a.min(b), a.max(b));
        staged_products[a / LANES * panels + b / LANES][a % LANES][b % LANES]
    };
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
            block.sums[ones / LANES * (block.none + 1) + index][ones % LANES]
        };
        for index in 0..block.none {
            let (outside, inside) = values(block, index);
            let column = block.first + index;
            let own = count(block, index);
            let with_staged = |a: usize| {
                let within = block.sums[a / LANES * slots + index][a % LANES];
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
