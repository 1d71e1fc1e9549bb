//! Products of a [`Matrix`] and a vector, and rows as dense buffers.

use super::coded::{FromCode, with_codes};
use super::{Block, CHUNK, CodedBlock, Matrix, chunk_of, is_consecutive, not_encoded};

/// What a coded block adds to a product.
struct CodedTerm<'a> {
    block: &'a CodedBlock,
    /// By level.
    by_level: Vec<f64>,
}

/// A product with one vector of coefficients.
struct Product<'a> {
    /// What the offsets of coded columns add to each row.
    constant: f64,
    /// Columns of numbers with their coefficients, without those of 0.
    dense: Vec<(&'a [f64], f64)>,
    coded: Vec<CodedTerm<'a>>,
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
        self.multiply_add_many(rows, &[coefficients], &mut [out]);
    }

    /// [`Self::multiply_add`] for several vectors of coefficients, such as those of
    /// classes, to the same bits: a chunk of rows is read once for all of them.
    ///
    /// # Panics
    /// As [`Self::multiply`], and if there is not one of `out` for each.
    pub fn multiply_add_many(&self, rows: &[u32], coefficients: &[&[f64]], out: &mut [&mut [f64]]) {
        assert_eq!(coefficients.len(), out.len(), "one result for each vector");
        let products = coefficients
            .iter()
            .map(|coefficients| self.product(coefficients));
        let products: Vec<Product<'_>> = products.collect();
        let mut start = 0;
        for rows in rows.chunks(CHUNK) {
            let consecutive = is_consecutive(rows);
            for (product, out) in products.iter().zip(out.iter_mut()) {
                product.add(rows, consecutive, &mut out[start..start + rows.len()]);
            }
            start += rows.len();
        }
        assert!(out.iter().all(|out| out.len() == start), "one result a row");
    }

    fn product(&self, coefficients: &[f64]) -> Product<'_> {
        assert_eq!(
            coefficients.len(),
            self.columns(),
            "one coefficient a column"
        );
        let mut product = Product {
            constant: 0.0,
            dense: Vec::new(),
            coded: Vec::new(),
        };
        for (first, block) in self.numbered() {
            match block {
                Block::Number(column) => {
                    if coefficients[first] != 0.0 {
                        product.dense.push((&column.values, coefficients[first]));
                    }
                }
                Block::Category(column) => not_encoded(column),
                Block::Coded(block) => {
                    let coefficients = &coefficients[first..][..block.columns().len()];
                    for (column, coefficient) in block.columns().iter().zip(coefficients) {
                        product.constant += column.offset * coefficient;
                    }
                    let by_level = block.column_of().iter().map(|&column| {
                        if column == CodedBlock::NONE {
                            return 0.0;
                        }
                        let column = column as usize;
                        block.columns()[column].scale * coefficients[column]
                    });
                    product.coded.push(CodedTerm {
                        block,
                        by_level: by_level.collect(),
                    });
                }
            }
        }
        product
    }

    /// `Xᵀ r`, one number per column. `vector` has one entry per entry of `rows`.
    ///
    /// # Panics
    /// If the lengths do not fit, or a column is a category.
    pub fn transposed_multiply(&self, rows: &[u32], vector: &[f64]) -> Vec<f64> {
        self.transposed_multiply_many(rows, &[vector]).remove(0)
    }

    /// [`Self::transposed_multiply`] for several vectors, to the same bits: a chunk
    /// of rows is read once for all of them.
    ///
    /// # Panics
    /// As [`Self::transposed_multiply`].
    pub fn transposed_multiply_many(&self, rows: &[u32], vectors: &[&[f64]]) -> Vec<Vec<f64>> {
        assert!(
            vectors.iter().all(|vector| vector.len() == rows.len()),
            "one number a row"
        );
        let consecutive: Vec<bool> = rows.chunks(CHUNK).map(is_consecutive).collect();
        let totals: Vec<f64> = vectors.iter().map(|vector| sum(vector)).collect();
        let mut buffer = [0.0; CHUNK];
        let mut slots = [0; CHUNK];
        let mut out = vec![Vec::with_capacity(self.columns()); vectors.len()];
        for block in self.blocks() {
            match block {
                Block::Number(column) => {
                    let mut products = vec![0.0; vectors.len()];
                    for (at, (rows, &consecutive)) in
                        rows.chunks(CHUNK).zip(&consecutive).enumerate()
                    {
                        let values = chunk_of(&column.values, rows, consecutive, &mut buffer);
                        for (product, vector) in products.iter_mut().zip(vectors) {
                            *product += dot(values, &vector[at * CHUNK..][..rows.len()]);
                        }
                    }
                    out.iter_mut()
                        .zip(products)
                        .for_each(|(out, product)| out.push(product));
                }
                Block::Category(column) => not_encoded(column),
                Block::Coded(block) => {
                    let none = block.columns().len();
                    let mut sums = vec![vec![0.0; none + 1]; vectors.len()];
                    for (at, rows) in rows.chunks(CHUNK).enumerate() {
                        block.slots(rows, none as u32, &mut slots);
                        for (sums, vector) in sums.iter_mut().zip(vectors) {
                            let vector = &vector[at * CHUNK..][..rows.len()];
                            for (&slot, value) in slots.iter().zip(vector) {
                                sums[slot as usize] += value;
                            }
                        }
                    }
                    for ((out, sums), total) in out.iter_mut().zip(sums).zip(&totals) {
                        let columns = block.columns().iter().zip(sums);
                        out.extend(
                            columns.map(|(column, sum)| column.offset * total + column.scale * sum),
                        );
                    }
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

impl Product<'_> {
    /// Adds the product of a chunk of rows to `out`.
    fn add(&self, rows: &[u32], consecutive: bool, out: &mut [f64]) {
        let mut buffers = [[0.0; CHUNK]; 4];
        let mut sums = [self.constant; CHUNK];
        let sums = &mut sums[..rows.len()];
        // Four columns at a time, since each pass reads and writes all sums.
        let (fours, others) = self.dense.as_chunks::<4>();
        for [a, b, c, d] in fours {
            let [in_a, in_b, in_c, in_d] = &mut buffers;
            let (values_a, a) = (chunk_of(a.0, rows, consecutive, in_a), a.1);
            let (values_b, b) = (chunk_of(b.0, rows, consecutive, in_b), b.1);
            let (values_c, c) = (chunk_of(c.0, rows, consecutive, in_c), c.1);
            let (values_d, d) = (chunk_of(d.0, rows, consecutive, in_d), d.1);
            let values = values_a.iter().zip(values_b).zip(values_c).zip(values_d);
            for (sum, (((x_a, x_b), x_c), x_d)) in sums.iter_mut().zip(values) {
                *sum += (a * x_a + b * x_b) + (c * x_c + d * x_d);
            }
        }
        for &(values, coefficient) in others {
            let values = chunk_of(values, rows, consecutive, &mut buffers[0]);
            for (sum, value) in sums.iter_mut().zip(values) {
                *sum += coefficient * value;
            }
        }
        for CodedTerm { block, by_level } in &self.coded {
            with_codes!(block.codes(), codes => {
                for (sum, &row) in sums.iter_mut().zip(rows) {
                    *sum += by_level[usize::from_code(codes[row as usize])];
                }
            });
        }
        for (out, sum) in out.iter_mut().zip(sums) {
            *out += *sum;
        }
    }
}

/// The inner product of two vectors of one length: four sums of every fourth
/// product, added in pairs.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
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
