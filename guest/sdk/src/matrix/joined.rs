//! [`Joined`]: a [`Matrix`] whose small coded blocks are joined, for many products.

use super::product::sum;
use super::{Block, CodedBlock, CodedColumn, Codes, Matrix};

/// The most levels of a joined block: 8 KiB of sums or coefficients.
const LEVELS: usize = 1024;

/// A copy of a [`Matrix`] for many products of all rows. Coded blocks of few levels
/// are joined: several take one look-up a row. It takes two bytes per row for each
/// joined block, and shares all else.
#[derive(Clone, Debug)]
pub struct Joined {
    matrix: Matrix,
    rows: Vec<u32>,
    columns: usize,
    /// In the order of the blocks of `matrix`.
    members: Vec<Vec<Member>>,
}

/// A block of the original matrix.
#[derive(Clone, Debug)]
struct Member {
    /// The number of its first column.
    first: usize,
    columns: Vec<CodedColumn>,
    /// By level of the joined block: the column, or [`CodedBlock::NONE`]. Empty for a
    /// block that is as in the original.
    column_of: Vec<u32>,
}

impl Joined {
    /// # Panics
    /// If a column is a category.
    pub fn new(matrix: &Matrix) -> Self {
        let mut blocks = Vec::new();
        let mut members = Vec::new();
        let mut group: Vec<(usize, &CodedBlock)> = Vec::new();
        let mut levels = 1;
        for (first, block) in matrix.numbered() {
            match block {
                Block::Coded(coded) if coded.column_of().len() <= LEVELS / 2 => {
                    let own = coded.column_of().len();
                    if levels * own > LEVELS {
                        join(std::mem::take(&mut group), &mut blocks, &mut members);
                        levels = 1;
                    }
                    levels *= own;
                    group.push((first, coded));
                }
                block => {
                    members.push(vec![Member::alone(first)]);
                    blocks.push(block.clone());
                }
            }
        }
        join(group, &mut blocks, &mut members);
        Self {
            rows: matrix.all_rows(),
            columns: matrix.columns(),
            matrix: Matrix::new(matrix.rows(), blocks),
            members,
        }
    }

    /// [`Matrix::multiply_add_many`] of all rows. Sums are taken in another order.
    ///
    /// # Panics
    /// As that.
    pub fn multiply_add_many(&self, coefficients: &[&[f64]], out: &mut [&mut [f64]]) {
        let expanded = coefficients.iter().zip(out.iter_mut());
        let expanded: Vec<Vec<f64>> = expanded
            .map(|(coefficients, out)| {
                let (expanded, constant) = self.expanded(coefficients);
                if constant != 0.0 {
                    out.iter_mut().for_each(|out| *out += constant);
                }
                expanded
            })
            .collect();
        let expanded: Vec<&[f64]> = expanded.iter().map(Vec::as_slice).collect();
        self.matrix.multiply_add_many(&self.rows, &expanded, out);
    }

    /// The coefficients of the joined columns, and what is to be added to each row.
    fn expanded(&self, coefficients: &[f64]) -> (Vec<f64>, f64) {
        assert_eq!(coefficients.len(), self.columns, "one coefficient a column");
        let mut expanded = Vec::with_capacity(self.matrix.columns());
        let mut constant = 0.0;
        for (block, members) in self.matrix.blocks().iter().zip(&self.members) {
            let start = expanded.len();
            expanded.resize(start + block.columns(), 0.0);
            let expanded = &mut expanded[start..];
            for member in members {
                if member.column_of.is_empty() {
                    expanded.copy_from_slice(&coefficients[member.first..][..expanded.len()]);
                    continue;
                }
                for (column, coefficient) in
                    member.columns.iter().zip(&coefficients[member.first..])
                {
                    constant += column.offset * coefficient;
                }
                for (expanded, &column) in expanded.iter_mut().zip(&member.column_of) {
                    if column != CodedBlock::NONE {
                        let column = column as usize;
                        let scale = member.columns[column].scale;
                        *expanded += scale * coefficients[member.first + column];
                    }
                }
            }
        }
        (expanded, constant)
    }

    /// [`Matrix::transposed_multiply_many`] of all rows. Sums are taken in another
    /// order.
    ///
    /// # Panics
    /// As that.
    pub fn transposed_multiply_many(&self, vectors: &[&[f64]]) -> Vec<Vec<f64>> {
        let joined = self.matrix.transposed_multiply_many(&self.rows, vectors);
        let vectors = vectors.iter().zip(joined);
        vectors
            .map(|(vector, joined)| self.of_columns(vector, &joined))
            .collect()
    }

    /// The products of the original columns with a vector.
    fn of_columns(&self, vector: &[f64], joined: &[f64]) -> Vec<f64> {
        let is_joined = |members: &Vec<Member>| !members[0].column_of.is_empty();
        let total = if self.members.iter().any(is_joined) {
            sum(vector)
        } else {
            0.0
        };
        let mut out = vec![0.0; self.columns];
        let mut joined = joined;
        for (block, members) in self.matrix.blocks().iter().zip(&self.members) {
            let (own, rest) = joined.split_at(block.columns());
            joined = rest;
            for member in members {
                let out = &mut out[member.first..];
                if member.column_of.is_empty() {
                    out[..own.len()].copy_from_slice(own);
                    continue;
                }
                for (sum, &column) in own.iter().zip(&member.column_of) {
                    if column != CodedBlock::NONE {
                        out[column as usize] += sum;
                    }
                }
                for (out, column) in out.iter_mut().zip(&member.columns) {
                    *out = column.offset * total + column.scale * *out;
                }
            }
        }
        out
    }
}

impl Member {
    fn alone(first: usize) -> Self {
        Self {
            first,
            columns: Vec::new(),
            column_of: Vec::new(),
        }
    }
}

/// Appends the block that joins a group of blocks, each with its first column.
fn join(group: Vec<(usize, &CodedBlock)>, blocks: &mut Vec<Block>, members: &mut Vec<Vec<Member>>) {
    let [(_, one), others @ ..] = group.as_slice() else {
        return;
    };
    if others.is_empty() {
        let (first, block) = group[0];
        let block = Block::Coded(block.clone());
        members.push(vec![Member::alone(first)]);
        blocks.push(block);
        return;
    }
    let levels: usize = group
        .iter()
        .map(|(_, block)| block.column_of().len())
        .product();
    let rows = one.codes().len();
    let mut codes = vec![0; rows];
    // By level of the joined block: the level of each member, the last the fastest.
    let mut stride = levels;
    let mut of_group = Vec::with_capacity(group.len());
    for (first, block) in group {
        let own = block.column_of().len();
        stride /= own;
        for (row, code) in codes.iter_mut().enumerate() {
            *code += block.codes().get(row) * stride as u32;
        }
        of_group.push(Member {
            first,
            columns: block.columns().to_vec(),
            column_of: (0..levels)
                .map(|level| block.column_of()[level / stride % own])
                .collect(),
        });
    }
    let columns = (0..levels).map(|_| CodedColumn {
        name: String::new(),
        offset: 0.0,
        scale: 1.0,
    });
    blocks.push(Block::Coded(CodedBlock::new(
        Codes::new(levels, codes.into_iter()),
        (0..levels as u32).collect(),
        columns.collect(),
    )));
    members.push(of_group);
}
