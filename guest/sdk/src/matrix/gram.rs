//! [`Gram`]: the products of all pairs of columns of a [`Matrix`].
//!
//! Two coded blocks take one addition a row, in a table of pairs of columns; a
//! coded block and a column of numbers take one addition a row. Columns of
//! numbers are multiplied in tiles that stay in the cache.

use super::chunk::{Chunk, chunk_of_slice, is_consecutive, near_mean, products, shifted};
use super::{Block, CHUNK, Matrix, not_encoded};

/// The columns of a panel: a row of it is two vectors of the processor.
const LANES: usize = 4;

/// The columns whose products with a panel are taken at a time.
const PAIR: usize = 2;

/// Columns of a tile of the product of the columns of numbers: with a chunk of
/// rows 128 KiB, half of a small second-level cache.
const TILE: usize = 64;

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

/// What [`Matrix::centred_gram`] gives.
#[derive(Clone, Debug, PartialEq)]
pub struct CentredGram {
    /// The products of columns and targets less their means; [`Gram::sums`] and
    /// [`Gram::target_sums`] are 0.
    pub gram: Gram,
    /// The weighted mean of each column.
    pub means: Vec<f64>,
    /// The weighted mean of each target.
    pub target_means: Vec<f64>,
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

impl CodedSums<'_> {
    /// The weight of the rows of a column.
    fn weight_of(&self, index: usize, ones: usize) -> f64 {
        self.sums[ones / LANES * (self.none + 1) + index][ones % LANES]
    }
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
        let shift = |column: usize| shift.map_or(0.0, |shift| shift[column]);
        let sums = self.staged_sums(rows, weights, targets, shift, |_| 0.0);
        sums.assemble(columns, shift)
    }

    /// [`Self::gram`] of columns and targets less their weighted means, and these. It
    /// passes the rows once, or twice with weights.
    ///
    /// # Panics
    /// If the lengths do not fit, or a column is a category.
    pub fn centred_gram(
        &self,
        rows: &[u32],
        weights: Option<&[f64]>,
        targets: &[&[f64]],
    ) -> CentredGram {
        // Products about a number near the mean are corrected by their sums.
        let moments = weights.map(|_| self.moments(rows, weights));
        let places = self.places();
        let near = |column: usize| match (&moments, &self.blocks()[places[column].block]) {
            (Some(moments), _) => moments[column].mean,
            (None, Block::Number(column)) => {
                near_mean(rows.len(), |at| column.values.get(rows[at] as usize))
            }
            _ => 0.0,
        };
        let near: Vec<f64> = (0..self.columns()).map(near).collect();
        let near_target = |target: &[f64]| match weights {
            None => near_mean(target.len(), |at| target[at]),
            Some(weights) => {
                let total: f64 = weights.iter().sum();
                let sum: f64 = target.iter().zip(weights).map(|(y, w)| y * w).sum();
                sum / total
            }
        };
        let near_targets: Vec<f64> = targets.iter().map(|target| near_target(target)).collect();
        let mut sums = self.staged_sums(
            rows,
            weights,
            targets,
            |column| near[column],
            |target| near_targets[target],
        );
        let (means, target_means) = sums.centre(self.columns(), &near, &near_targets);
        let mut gram = sums.assemble(self.columns(), |column| means[column]);
        gram.sums.fill(0.0);
        CentredGram {
            gram,
            means,
            target_means,
        }
    }

    /// The sums of the products of staged columns, less `shift` of their column or
    /// `target_shift` of their target, and of coded blocks.
    fn staged_sums(
        &self,
        rows: &[u32],
        weights: Option<&[f64]>,
        targets: &[&[f64]],
        shift: impl Fn(usize) -> f64,
        target_shift: impl Fn(usize) -> f64,
    ) -> Sums<'_> {
        assert!(
            weights.is_none_or(|weights| weights.len() == rows.len()),
            "one weight a row"
        );
        assert!(
            targets.iter().all(|target| target.len() == rows.len()),
            "one target a row"
        );
        let mut dense = Vec::new();
        let mut coded: Vec<CodedSums<'_>> = Vec::new();
        for (first, block) in self.numbered() {
            match block {
                Block::Number(column) => dense.push((first, &column.values)),
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
        let mut right: Vec<Chunk> = vec![[0.0; CHUNK]; panels * LANES];
        let mut left = weights.map(|_| right.clone());
        let mut panel: Panel = [[0.0; LANES]; CHUNK];
        let mut products = vec![0.0; panels * LANES * panels * LANES];
        let mut buffer = [0.0; CHUNK];
        let mut start = 0;
        for rows in rows.chunks(CHUNK) {
            let range = start..start + rows.len();
            start = range.end;
            let consecutive = is_consecutive(rows);
            let mut stage = |at: usize, values: &Chunk, shift: f64| {
                shifted(values, shift, rows.len(), &mut right[at]);
            };
            for (at, &(column, values)) in dense.iter().enumerate() {
                let values = values.chunk(rows, consecutive, &mut buffer);
                stage(at, values, shift(column));
            }
            for (target, values) in targets.iter().enumerate() {
                let values = chunk_of_slice(&values[range.clone()], &mut buffer);
                stage(dense.len() + target, values, target_shift(target));
            }
            stage(staged - 1, &[1.0; CHUNK], 0.0);
            if let (Some(left), Some(weights)) = (&mut left, weights) {
                for (left, right) in left.iter_mut().zip(&right) {
                    let rows = left.iter_mut().zip(right).zip(&weights[range.clone()]);
                    rows.for_each(|((left, right), weight)| *left = weight * right);
                    left[range.len()..].fill(0.0);
                }
            }
            let left = left.as_ref().unwrap_or(&right);
            add_products(left, &right, staged, rows.len(), &mut products);
            add_coded(&mut coded, rows, left, &mut panel, staged);
        }
        Sums {
            dense: dense.iter().map(|(column, _)| *column).collect(),
            targets: targets.len(),
            coded,
            width: panels * LANES,
            products,
        }
    }
}

/// Adds the products of the staged columns of a chunk of `rows` to `products`, of
/// shape (columns of `left`, columns of `right`), by panels on the left and pairs on
/// the right, of which no panel begins behind the last of the pair.
fn add_products(left: &[Chunk], right: &[Chunk], staged: usize, rows: usize, sums: &mut [f64]) {
    let width = right.len();
    for tile in (0..staged).step_by(TILE) {
        let tile_end = (tile + TILE).min(staged);
        for first in (0..tile_end).step_by(LANES) {
            let panel: [&Chunk; LANES] = std::array::from_fn(|at| &left[first + at]);
            for second in (tile.max(first)..tile_end).step_by(PAIR) {
                let pair: [&Chunk; PAIR] = std::array::from_fn(|at| &right[second + at]);
                let found = products(panel, pair, rows);
                for (sums, found) in sums[first * width..].chunks_mut(width).zip(found) {
                    for (sum, product) in sums[second..].iter_mut().zip(found) {
                        *sum += product;
                    }
                }
            }
        }
    }
}

/// Adds a chunk of rows to the sums of the coded blocks. `left` holds the weighted
/// staged columns, the last of which is the weights.
fn add_coded(
    coded: &mut [CodedSums<'_>],
    rows: &[u32],
    left: &[Chunk],
    panel: &mut Panel,
    staged: usize,
) {
    let of_weights = &left[staged - 1];
    for at in 0..coded.len() {
        let (before, rest) = coded.split_at_mut(at);
        let own = &mut rest[0];
        own.block.slots(rows, own.none as u32, &mut own.slots);
        let slots = &own.slots[..rows.len()];
        let width = own.none + 1;
        for (pairs, other) in own.pairs.iter_mut().zip(before) {
            for ((&slot, &other), weight) in slots.iter().zip(&other.slots).zip(of_weights) {
                pairs[other as usize * width + slot as usize] += weight;
            }
        }
    }
    if coded.is_empty() {
        return;
    }
    for (at, columns) in left.chunks_exact(LANES).enumerate() {
        for (row, values) in panel.iter_mut().enumerate() {
            *values = std::array::from_fn(|lane| columns[lane][row]);
        }
        for own in &mut *coded {
            let width = own.none + 1;
            let sums = &mut own.sums[at * width..][..width];
            for (&slot, values) in own.slots[..rows.len()].iter().zip(&*panel) {
                let sums = &mut sums[slot as usize];
                for lane in 0..LANES {
                    sums[lane] += values[lane];
                }
            }
        }
    }
}

/// What a pass over the rows sums.
struct Sums<'a> {
    /// By staged column of numbers: its column.
    dense: Vec<usize>,
    targets: usize,
    coded: Vec<CodedSums<'a>>,
    /// The number of staged columns, rounded up to whole panels.
    width: usize,
    /// The products of staged columns, of shape (width, width); only where the first is
    /// not behind the second.
    products: Vec<f64>,
}

impl Sums<'_> {
    /// The number of the staged column of ones.
    fn ones(&self) -> usize {
        self.dense.len() + self.targets
    }

    fn of_staged(&self, a: usize, b: usize) -> f64 {
        self.products[a.min(b) * self.width + a.max(b)]
    }

    /// Replaces the products of staged columns by those about the means of the columns
    /// and targets, which it returns. `near` and `near_targets` are what was taken from
    /// them.
    fn centre(
        &mut self,
        columns: usize,
        near: &[f64],
        near_targets: &[f64],
    ) -> (Vec<f64>, Vec<f64>) {
        let ones = self.ones();
        let weight = self.of_staged(ones, ones);
        let from_near: Vec<f64> = (0..ones)
            .map(|at| self.of_staged(at, ones) / weight)
            .collect();
        for a in 0..ones {
            let sum = self.of_staged(a, ones);
            let row = &mut self.products[a * self.width..][..=ones];
            for (product, from_near) in row[a..].iter_mut().zip(&from_near[a..]) {
                *product -= sum * from_near;
            }
            row[ones] = 0.0;
        }
        for block in &mut self.coded {
            for slot in 0..=block.none {
                let weight = block.weight_of(slot, ones);
                for (at, from_near) in from_near.iter().enumerate() {
                    let sums = &mut block.sums[at / LANES * (block.none + 1) + slot];
                    sums[at % LANES] -= weight * from_near;
                }
            }
        }
        let mut means = vec![0.0; columns];
        for (&column, from_near) in self.dense.iter().zip(&from_near) {
            means[column] = near[column] + from_near;
        }
        for block in &self.coded {
            for (index, column) in block.block.columns().iter().enumerate() {
                let share = block.weight_of(index, ones) / weight;
                means[block.first + index] = column.offset + column.scale * share;
            }
        }
        let of_targets = near_targets.iter().zip(&from_near[self.dense.len()..]);
        let target_means = of_targets.map(|(near, from_near)| near + from_near);
        (means, target_means.collect())
    }

    /// The sums of staged columns and of codes as products of the matrix's columns.
    /// `shift` is what is taken from coded columns.
    fn assemble(&self, columns: usize, shift: impl Fn(usize) -> f64) -> Gram {
        let (dense, targets, coded) = (&self.dense, self.targets, &self.coded);
        let ones = self.ones();
        let of_staged = |a, b| self.of_staged(a, b);
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
            let count = |block: &CodedSums<'_>, index: usize| block.weight_of(index, ones);
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
}
