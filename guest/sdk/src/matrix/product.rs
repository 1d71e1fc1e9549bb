//! Products of a [`Matrix`] and a vector, and rows as dense buffers.

use super::chunk::{
    Chunk, add_columns, add_sums, chunk_of_slice, is_consecutive, products, sum_of_lanes,
};
use super::coded::FromCode;
use super::{Block, CHUNK, CodedBlock, Codes, Matrix, Numbers, not_encoded};

/// Calls `$body` with the codes and tables of [`table_size`] entries to index by
/// them: arrays for bytes, which need no check of the index, else slices.
macro_rules! with_table {
    ($of:expr, $given:ident => $codes:ident, $table:ident => $body:expr) => {
        match $of {
            Codes::U8($codes) => {
                let $table: &[f64; BYTES] = $given.as_slice().try_into().expect("the size");
                $body
            }
            Codes::U16($codes) => {
                let $table = $given.as_slice();
                $body
            }
            Codes::U32($codes) => {
                let $table = $given.as_slice();
                $body
            }
        }
    };
    ($of:expr, $($given:ident),+ => $codes:ident, [$($table:ident),+] => $body:expr) => {
        match $of {
            Codes::U8($codes) => {
                $(let $table: &mut [f64; BYTES] =
                    $given.as_mut_slice().try_into().expect("the size");)+
                $body
            }
            Codes::U16($codes) => {
                $(let $table = $given.as_mut_slice();)+
                $body
            }
            Codes::U32($codes) => {
                $(let $table = $given.as_mut_slice();)+
                $body
            }
        }
    };
}

/// What a coded block adds to a product.
struct CodedTerm<'a> {
    block: &'a CodedBlock,
    /// By level, of [`table_size`].
    by_level: Vec<f64>,
}

/// A product with one vector of coefficients.
struct Product<'a> {
    /// What the offsets of coded columns add to each row.
    constant: f64,
    /// Columns of numbers with their coefficients, without those of 0.
    dense: Vec<(&'a Numbers, f64)>,
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
        let mut buffers = vec![[0.0; CHUNK]; STAGED];
        let mut start = 0;
        for rows in rows.chunks(CHUNK) {
            let consecutive = is_consecutive(rows);
            let range = start..start + rows.len();
            start = range.end;
            for (products, out) in products.chunks(2).zip(out.chunks_mut(2)) {
                let mut sums = [[0.0; CHUNK]; 2];
                match products {
                    [a, b] if a.reads_as(b) => {
                        let both = [a, b];
                        add_dense(both, rows, consecutive, &mut buffers, &mut sums);
                    }
                    products => {
                        for (product, sums) in products.iter().zip(sums.as_chunks_mut().0) {
                            add_dense([product], rows, consecutive, &mut buffers, sums);
                        }
                    }
                }
                for ((product, out), sums) in products.iter().zip(out).zip(&mut sums) {
                    product.add_coded(rows, consecutive, &mut sums[..rows.len()]);
                    add_sums(&mut out[range.clone()], product.constant, sums);
                }
            }
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
                    let mut by_level: Vec<f64> = by_level.collect();
                    by_level.resize(table_size(block), 0.0);
                    product.coded.push(CodedTerm { block, by_level });
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
        let mut out = vec![vec![0.0; self.columns()]; vectors.len()];
        let mut dense = Vec::new();
        let mut totals = None;
        for (first, block) in self.numbered() {
            match block {
                Block::Number(column) => dense.push((first, &column.values)),
                Block::Category(column) => not_encoded(column),
                Block::Coded(block) => {
                    let totals: &Vec<f64> = totals
                        .get_or_insert_with(|| vectors.iter().map(|vector| sum(vector)).collect());
                    for ((out, vector), total) in out.iter_mut().zip(vectors).zip(totals) {
                        let mut by_level = LevelSums::new(block);
                        let chunks = rows.chunks(CHUNK).zip(vector.chunks(CHUNK));
                        for ((rows, vector), &consecutive) in chunks.zip(&consecutive) {
                            by_level.add(rows, consecutive, vector);
                        }
                        let columns = block.columns().iter().zip(by_level.of_columns());
                        for (out, (column, sum)) in out[first..].iter_mut().zip(columns) {
                            *out = column.offset * total + column.scale * sum;
                        }
                    }
                }
            }
        }
        let mut buffers = vec![[0.0; CHUNK]; WIDE];
        for (at, (rows, &consecutive)) in rows.chunks(CHUNK).zip(&consecutive).enumerate() {
            let range = at * CHUNK..at * CHUNK + rows.len();
            for group in dense.chunks(WIDE) {
                let columns = group.iter().zip(&mut buffers);
                let columns: Vec<&Chunk> = columns
                    .map(|((_, values), buffer)| values.chunk(rows, consecutive, buffer))
                    .collect();
                let last = columns[columns.len() - 1];
                // A group that is not full repeats its last column.
                let column = |at: usize| columns.get(at).copied().unwrap_or(last);
                let mut copies = [[0.0; CHUNK]; 2];
                for (out, vectors) in out.chunks_mut(2).zip(vectors.chunks(2)) {
                    let [copy_a, copy_b] = &mut copies;
                    let mut add = |index: usize, vector: usize, product: f64| {
                        if let Some((column, _)) = group.get(index) {
                            out[vector][*column] += product;
                        }
                    };
                    if let [a, b] = vectors {
                        let vectors = [
                            chunk_of_slice(&a[range.clone()], copy_a),
                            chunk_of_slice(&b[range.clone()], copy_b),
                        ];
                        for start in (0..columns.len()).step_by(WIDE / 2) {
                            let columns: [&Chunk; WIDE / 2] =
                                std::array::from_fn(|at| column(start + at));
                            let found = products(columns, vectors, rows.len());
                            for (index, [of_a, of_b]) in (start..).zip(found) {
                                add(index, 0, of_a);
                                add(index, 1, of_b);
                            }
                        }
                    } else {
                        let vector = chunk_of_slice(&vectors[0][range.clone()], copy_a);
                        let columns: [&Chunk; WIDE] = std::array::from_fn(column);
                        let found = products(columns, [vector], rows.len());
                        for (index, [product]) in found.into_iter().enumerate() {
                            add(index, 0, product);
                        }
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
                        out[first] = column.values.get(row as usize);
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
                        let value = column.values.get(row as usize);
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

/// The columns of numbers that are multiplied before their sums are kept: those of a
/// chunk of rows fit the first cache.
const STAGED: usize = 16;

/// The columns whose products with one vector are taken at a time.
const WIDE: usize = 8;

/// Adds the products of the columns of numbers of a chunk of rows to `sums`. All
/// products read the same columns.
fn add_dense<const RESULTS: usize>(
    products: [&Product<'_>; RESULTS],
    rows: &[u32],
    consecutive: bool,
    buffers: &mut [Chunk],
    sums: &mut [Chunk; RESULTS],
) {
    let columns = products[0].dense.len();
    for start in (0..columns).step_by(STAGED) {
        let group = start..(start + STAGED).min(columns);
        let staged = group.zip(&mut *buffers).map(|(column, buffer)| {
            let values = products[0].dense[column].0.chunk(rows, consecutive, buffer);
            (values, products.map(|product| product.dense[column].1))
        });
        let staged: Vec<(&Chunk, [f64; RESULTS])> = staged.collect();
        add_columns(&staged, rows.len(), sums.each_mut());
    }
}

impl Product<'_> {
    /// Whether the other product reads the same columns of numbers.
    fn reads_as(&self, other: &Self) -> bool {
        let columns = self.dense.iter().zip(&other.dense);
        self.dense.len() == other.dense.len()
            && columns.fold(true, |all, (a, b)| all & std::ptr::eq(a.0, b.0))
    }

    /// Adds the product of the coded columns of a chunk of rows to `sums`.
    fn add_coded(&self, rows: &[u32], consecutive: bool, sums: &mut [f64]) {
        for CodedTerm { block, by_level } in &self.coded {
            with_table!(block.codes(), by_level => codes, table => {
                if consecutive && let Some(&first) = rows.first() {
                    let codes = &codes[first as usize..][..rows.len()];
                    for (sum, &code) in sums.iter_mut().zip(codes) {
                        *sum += table[usize::from_code(code)];
                    }
                } else {
                    for (sum, &row) in sums.iter_mut().zip(rows) {
                        *sum += table[usize::from_code(codes[row as usize])];
                    }
                }
            });
        }
    }
}

/// The entries of a table that codes of a block index: all that a byte can be, which
/// then needs no check, or one a level.
fn table_size(block: &CodedBlock) -> usize {
    match block.codes() {
        Codes::U8(_) => BYTES,
        _ => block.column_of().len(),
    }
}

/// The values of a byte.
const BYTES: usize = 256;

/// The most levels whose sums are taken in [`LANES`] lists. More fill the cache.
const FEW_LEVELS: usize = 2048;

/// The number of lists of sums: a row's sum need not wait for that of the row before,
/// which often has the same level.
const LANES: usize = 4;

/// The sums of a vector over the rows of each level.
struct LevelSums<'a> {
    block: &'a CodedBlock,
    /// By list, then by level: the sums of every so many rows of a chunk.
    lists: Vec<Vec<f64>>,
}

impl<'a> LevelSums<'a> {
    fn new(block: &'a CodedBlock) -> Self {
        let lists = if block.column_of().len() <= FEW_LEVELS {
            LANES
        } else {
            1
        };
        Self {
            block,
            lists: vec![vec![0.0; table_size(block)]; lists],
        }
    }

    /// Adds a chunk of rows.
    fn add(&mut self, rows: &[u32], consecutive: bool, vector: &[f64]) {
        let codes = self.block.codes();
        match self.lists.as_mut_slice() {
            [a, b, c, d] => {
                with_table!(codes, a, b, c, d => codes, [a, b, c, d] => {
                    let mut add = |codes: [_; LANES], values: &[f64; LANES]| {
                        let codes = codes.map(usize::from_code);
                        a[codes[0]] += values[0];
                        b[codes[1]] += values[1];
                        c[codes[2]] += values[2];
                        d[codes[3]] += values[3];
                    };
                    let (fours, rest) = vector.as_chunks::<LANES>();
                    if consecutive && let Some(&first) = rows.first() {
                        let codes = &codes[first as usize..][..rows.len()];
                        let (code_fours, code_rest) = codes.as_chunks::<LANES>();
                        for (codes, values) in code_fours.iter().zip(fours) {
                            add(*codes, values);
                        }
                        for (code, value) in code_rest.iter().zip(rest) {
                            a[usize::from_code(*code)] += value;
                        }
                    } else {
                        let (row_fours, row_rest) = rows.as_chunks::<LANES>();
                        for (rows, values) in row_fours.iter().zip(fours) {
                            add(rows.map(|row| codes[row as usize]), values);
                        }
                        for (row, value) in row_rest.iter().zip(rest) {
                            a[usize::from_code(codes[*row as usize])] += value;
                        }
                    }
                });
            }
            lists => {
                for (&row, value) in rows.iter().zip(vector) {
                    lists[0][codes.get(row as usize) as usize] += value;
                }
            }
        }
    }

    /// The sums of the columns.
    fn of_columns(&self) -> Vec<f64> {
        let mut sums = vec![0.0; self.block.columns().len()];
        for (level, &column) in self.block.column_of().iter().enumerate() {
            if column != CodedBlock::NONE {
                let lists = self.lists.iter().map(|list| list[level]);
                sums[column as usize] += lists.sum::<f64>();
            }
        }
        sums
    }
}

/// The inner product of two vectors of one length: eight sums of every eighth
/// product, added in pairs.
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut lanes = [0.0; 8];
    let (a_head, a_tail) = a.as_chunks::<8>();
    let (b_head, b_tail) = b.as_chunks::<8>();
    for (a, b) in a_head.iter().zip(b_head) {
        for lane in 0..8 {
            lanes[lane] += a[lane] * b[lane];
        }
    }
    let tail: f64 = a_tail.iter().zip(b_tail).map(|(a, b)| a * b).sum();
    sum_of_lanes(&lanes) + tail
}

/// The sum of a vector, chunk by chunk.
pub fn sum(vector: &[f64]) -> f64 {
    let ones = [1.0; CHUNK];
    let chunks = vector.chunks(CHUNK);
    chunks.map(|chunk| dot(chunk, &ones[..chunk.len()])).sum()
}
