//! Products of a [`Matrix`] and a vector, and rows as dense buffers.

use super::coded::{FromCode, with_codes};
use super::{Block, CHUNK, CodedBlock, Matrix, chunk_of, is_consecutive, not_encoded};

/// What a block adds to a product.
enum Term<'a> {
    /// A column and its coefficient.
    Dense(&'a [f64], f64),
    /// A block, and what a row gets by level.
    Coded(&'a CodedBlock, Vec<f64>),
}

impl Matrix {
    /// `intercept + X b`, one number per entry of `rows`. `coefficients` has one
    /// entry per column.
    ///
    /// # Panics
    /// If the lengths do not fit, or a column is a category.
    pub fn multiply(&self, rows: &[u32], coefficients: &[f64], intercept: f64) -> Vec<f64> {
        let mut out = vec![intercept; rows.len()];
        self.multiply_add(rows, coefficients, &mut out);
        out
    }

    /// Adds `X b` to `out`, which has one entry per entry of `rows`. Columns of
    /// numbers whose coefficient is 0 are not read, so that NaN in them does not
    /// count.
    ///
    /// # Panics
    /// As [`Self::multiply`].
    pub fn multiply_add(&self, rows: &[u32], coefficients: &[f64], out: &mut [f64]) {
        assert_eq!(
            coefficients.len(),
            self.columns(),
            "one coefficient a column"
        );
        assert_eq!(out.len(), rows.len(), "one result a row");
        let mut constant = 0.0;
        let mut terms = Vec::new();
        for (first, block) in self.numbered() {
            match block {
                Block::Number(column) => {
                    if coefficients[first] != 0.0 {
                        terms.push(Term::Dense(&column.values, coefficients[first]));
                    }
                }
                Block::Category(column) => not_encoded(column),
                Block::Coded(block) => {
                    let coefficients = &coefficients[first..][..block.columns().len()];
                    for (column, coefficient) in block.columns().iter().zip(coefficients) {
                        constant += column.offset * coefficient;
                    }
                    let by_level = block.column_of().iter().map(|&column| {
                        if column == CodedBlock::NONE {
                            return 0.0;
                        }
                        let column = column as usize;
                        block.columns()[column].scale * coefficients[column]
                    });
                    terms.push(Term::Coded(block, by_level.collect()));
                }
            }
        }
        let mut buffer = [0.0; CHUNK];
        for (rows, out) in rows.chunks(CHUNK).zip(out.chunks_mut(CHUNK)) {
            let consecutive = is_consecutive(rows);
            let mut sums = [constant; CHUNK];
            let sums = &mut sums[..rows.len()];
            for term in &terms {
                match term {
                    Term::Dense(values, coefficient) => {
                        let values = chunk_of(values, rows, consecutive, &mut buffer);
                        for (sum, value) in sums.iter_mut().zip(values) {
                            *sum += coefficient * value;
                        }
                    }
                    Term::Coded(block, by_level) => with_codes!(block.codes(), codes => {
                        if consecutive && let Some(&first) = rows.first() {
                            let codes = &codes[first as usize..][..rows.len()];
                            for (sum, &code) in sums.iter_mut().zip(codes) {
                                *sum += by_level[usize::from_code(code)];
                            }
                        } else {
                            for (sum, &row) in sums.iter_mut().zip(rows) {
                                *sum += by_level[usize::from_code(codes[row as usize])];
                            }
                        }
                    }),
                }
            }
            for (out, sum) in out.iter_mut().zip(sums) {
                *out += *sum;
            }
        }
    }

    /// `Xᵀ r`, one number per column. `vector` has one entry per entry of `rows`.
    ///
    /// # Panics
    /// If the lengths do not fit, or a column is a category.
    pub fn transposed_multiply(&self, rows: &[u32], vector: &[f64]) -> Vec<f64> {
        assert_eq!(vector.len(), rows.len(), "one number a row");
        let total = sum(vector);
        let consecutive: Vec<bool> = rows.chunks(CHUNK).map(is_consecutive).collect();
        let mut buffer = [0.0; CHUNK];
        let mut slots = [0; CHUNK];
        let mut out = Vec::with_capacity(self.columns());
        for block in self.blocks() {
            match block {
                Block::Number(column) => {
                    let mut product = 0.0;
                    let chunks = rows.chunks(CHUNK).zip(vector.chunks(CHUNK));
                    for ((rows, vector), &consecutive) in chunks.zip(&consecutive) {
                        let values = chunk_of(&column.values, rows, consecutive, &mut buffer);
                        product += dot(values, vector);
                    }
                    out.push(product);
                }
                Block::Category(column) => not_encoded(column),
                Block::Coded(block) => {
                    let none = block.columns().len();
                    let mut sums = vec![0.0; none + 1];
                    for (rows, vector) in rows.chunks(CHUNK).zip(vector.chunks(CHUNK)) {
                        block.slots(rows, none as u32, &mut slots);
                        for (&slot, value) in slots.iter().zip(vector) {
                            sums[slot as usize] += value;
                        }
                    }
                    out.extend(
                        block
                            .columns()
                            .iter()
                            .zip(sums)
                            .map(|(column, sum)| column.offset * total + column.scale * sum),
                    );
                }
            }
        }
        out
    }

    /// Writes `rows` to `out` as a dense matrix of shape (rows, columns),
    /// row-major: for estimators that need whole rows, a block of rows at a time.
    ///
    /// # Panics
    /// If the length of `out` does not fit, or a column is a category.
    pub fn gather(&self, rows: &[u32], out: &mut [f64]) {
        let columns = self.columns();
        assert_eq!(out.len(), rows.len() * columns, "rows × columns numbers");
        if columns == 0 {
            return;
        }
        for (first, block) in self.numbered() {
            match block {
                Block::Number(column) => {
                    for (out, &row) in out.chunks_exact_mut(columns).zip(rows) {
                        out[first] = column.values[row as usize];
                    }
                }
                Block::Category(column) => not_encoded(column),
                Block::Coded(block) => {
                    let offsets: Vec<f64> = block.columns().iter().map(|c| c.offset).collect();
                    for (out, &row) in out.chunks_exact_mut(columns).zip(rows) {
                        let out = &mut out[first..][..offsets.len()];
                        out.copy_from_slice(&offsets);
                        let column = block.column_of()[block.codes().get(row as usize) as usize];
                        if column != CodedBlock::NONE {
                            out[column as usize] += block.columns()[column as usize].scale;
                        }
                    }
                }
            }
        }
    }

    /// The sum of squares of each row.
    ///
    /// # Panics
    /// If a column is a category.
    pub fn squared_norms(&self, rows: &[u32]) -> Vec<f64> {
        let mut out = vec![0.0; rows.len()];
        for block in self.blocks() {
            match block {
                Block::Number(column) => {
                    for (out, &row) in out.iter_mut().zip(rows) {
                        let value = column.values[row as usize];
                        *out += value * value;
                    }
                }
                Block::Category(column) => not_encoded(column),
                Block::Coded(block) => {
                    let outside: f64 = block.columns().iter().map(|c| c.offset * c.offset).sum();
                    let by_level: Vec<f64> = block
                        .column_of()
                        .iter()
                        .map(|&column| {
                            if column == CodedBlock::NONE {
                                return outside;
                            }
                            // Of the others alone: no difference of near numbers.
                            let squares = (0..).zip(block.columns()).map(|(index, column_of)| {
                                let inside = if index == column {
                                    column_of.scale
                                } else {
                                    0.0
                                };
                                (column_of.offset + inside) * (column_of.offset + inside)
                            });
                            squares.sum()
                        })
                        .collect();
                    for (out, &row) in out.iter_mut().zip(rows) {
                        *out += by_level[block.codes().get(row as usize) as usize];
                    }
                }
            }
        }
        out
    }
}

/// The inner product of two vectors of one length: four sums of every fourth
/// product, added in pairs.
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut lanes = [0.0; 4];
    let (a_head, a_tail) = a.as_chunks::<4>();
    let (b_head, b_tail) = b.as_chunks::<4>();
    for (a, b) in a_head.iter().zip(b_head) {
        for lane in 0..4 {
            lanes[lane] += a[lane] * b[lane];
        }
    }
    for ((lane, a), b) in lanes.iter_mut().zip(a_tail).zip(b_tail) {
        *lane += a * b;
    }
    (lanes[0] + lanes[2]) + (lanes[1] + lanes[3])
}

/// The sum of a vector, chunk by chunk.
pub(super) fn sum(vector: &[f64]) -> f64 {
    let ones = [1.0; CHUNK];
    let chunks = vector.chunks(CHUNK);
    chunks.map(|chunk| dot(chunk, &ones[..chunk.len()])).sum()
}
