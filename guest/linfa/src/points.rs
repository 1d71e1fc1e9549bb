//! [`Points`]: rows as points between which distances are taken.

use fanout_sdk::Matrix;
use fanout_sdk::matrix::{Block, CodedBlock, Numbers};
use serde::{Deserialize, Serialize};

mod graph;

/// The number of points whose distances are computed at a time.
pub(crate) const LANES: usize = 16;

/// A Minkowski metric.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Metric {
    /// The sum of absolute differences.
    Manhattan,
    /// The root of the sum of squared differences.
    Euclidean,
    /// The root of any order of the sum of differences of that power.
    Minkowski(f64),
}

impl Metric {
    /// The metric of order `p`.
    pub(crate) fn of_order(p: f64) -> Self {
        if p == 1.0 {
            Self::Manhattan
        } else if p == 2.0 {
            Self::Euclidean
        } else {
            Self::Minkowski(p)
        }
    }

    /// What a difference adds to the sum.
    #[inline(always)]
    pub(crate) fn term(self, difference: f64) -> f64 {
        match self {
            Self::Manhattan => difference.abs(),
            Self::Euclidean => difference * difference,
            Self::Minkowski(p) => libm::pow(difference.abs(), p),
        }
    }

    /// The distance of a sum.
    pub(crate) fn distance(self, sum: f64) -> f64 {
        match self {
            Self::Manhattan => sum,
            Self::Euclidean => sum.sqrt(),
            Self::Minkowski(p) => libm::pow(sum, 1.0 / p),
        }
    }
}

/// Points with dense coordinates, and a code for each coded block. Two points of
/// different codes are as far apart there as their columns' values say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Points {
    count: usize,
    dimensions: usize,
    /// Of shape (packs, dimensions, LANES).
    packed: Vec<f64>,
    coded: Vec<CodedPoints>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct CodedPoints {
    /// By point, padded to whole packs: its column, or the number of columns.
    codes: Vec<u32>,
    /// By column, 0 behind them: what is added to a distance where its value is the
    /// only one.
    terms: Vec<f64>,
    /// By column, 0 behind them: what its value adds to an inner product, and what
    /// it adds if both points have it.
    products: Vec<(f64, f64)>,
    /// The inner product of two points without a column.
    outside: f64,
}

/// One point that distances are taken from.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    pub(crate) values: Vec<f64>,
    codes: Vec<u32>,
}

/// The columns of a matrix by kind.
struct Columns<'a> {
    dense: Vec<&'a Numbers>,
    coded: Vec<&'a CodedBlock>,
}

impl<'a> Columns<'a> {
    fn of(matrix: &'a Matrix) -> Self {
        let (mut dense, mut coded) = (Vec::new(), Vec::new());
        for block in matrix.blocks() {
            match block {
                Block::Number(column) => dense.push(&column.values),
                Block::Coded(block) => coded.push(block),
                Block::Category(column) => {
                    unreachable!("`{}` was checked to be of numbers", column.name)
                }
            }
        }
        Self { dense, coded }
    }
}

/// The column of a row in a coded block, or the number of columns.
fn code(block: &CodedBlock, row: u32) -> u32 {
    let column = block.column_of()[block.codes().get(row as usize) as usize];
    column.min(block.columns().len() as u32)
}

/// Rows of a matrix as queries.
pub(crate) fn queries<'a>(matrix: &'a Matrix, rows: &'a [u32]) -> impl Iterator<Item = Query> + 'a {
    let columns = Columns::of(matrix);
    rows.iter().map(move |&row| Query {
        values: columns
            .dense
            .iter()
            .map(|values| values.get(row as usize))
            .collect(),
        codes: columns.coded.iter().map(|block| code(block, row)).collect(),
    })
}

impl Points {
    /// The rows of a list, in its order.
    pub(crate) fn new(matrix: &Matrix, rows: &[u32], metric: Metric) -> Self {
        let columns = Columns::of(matrix);
        let dimensions = columns.dense.len();
        let packs = rows.len().div_ceil(LANES);
        let mut packed = vec![0.0; packs * dimensions * LANES];
        for (dimension, values) in columns.dense.iter().enumerate() {
            for (at, &row) in rows.iter().enumerate() {
                let pack = (at / LANES * dimensions + dimension) * LANES;
                packed[pack + at % LANES] = values.get(row as usize);
            }
        }
        let coded = columns.coded.iter().map(|block| {
            let terms = block
                .columns()
                .iter()
                .map(|column| metric.term(column.scale));
            let columns = block.columns().iter();
            let products = columns
                .clone()
                .map(|column| (column.scale * column.offset, column.scale * column.scale));
            let outside = columns.map(|column| column.offset * column.offset);
            let mut codes: Vec<u32> = rows.iter().map(|&row| code(block, row)).collect();
            codes.resize(packs * LANES, block.columns().len() as u32);
            CodedPoints {
                codes,
                terms: terms.chain([0.0]).collect(),
                products: products.chain([(0.0, 0.0)]).collect(),
                outside: outside.sum(),
            }
        });
        Self {
            count: rows.len(),
            dimensions,
            packed,
            coded: coded.collect(),
        }
    }

    /// The number of points.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// The number of packs.
    pub(crate) fn packs(&self) -> usize {
        self.count.div_ceil(LANES)
    }

    /// By dense dimension: the coordinates of the points of a pack, 0 behind the last.
    pub(crate) fn pack(&self, pack: usize) -> &[[f64; LANES]] {
        let size = self.dimensions * LANES;
        self.packed[pack * size..][..size].as_chunks().0
    }

    /// The sums of the terms between a query and the points of a pack. Those behind
    /// the last point have no meaning.
    #[inline(always)]
    pub(crate) fn sums(&self, pack: usize, query: &Query, metric: Metric) -> [f64; LANES] {
        let mut sums = [0.0; LANES];
        let packed = self.pack(pack);
        match metric {
            Metric::Manhattan => add_terms(&mut sums, packed, query, f64::abs),
            Metric::Euclidean => add_terms(&mut sums, packed, query, |d| d * d),
            Metric::Minkowski(p) => {
                add_terms(&mut sums, packed, query, |d| libm::pow(d.abs(), p));
            }
        }
        for (block, &own) in self.coded.iter().zip(&query.codes) {
            let codes = &block.codes[pack * LANES..][..LANES];
            let term = block.terms[own as usize];
            for (sum, &code) in sums.iter_mut().zip(codes) {
                if code != own {
                    *sum += term + block.terms[code as usize];
                }
            }
        }
        sums
    }
}

impl Points {
    /// The inner products of a query and the points of a pack. Those behind the last
    /// point have no meaning.
    pub(crate) fn products(&self, pack: usize, query: &Query) -> [f64; LANES] {
        let mut sums = [0.0; LANES];
        for (values, query) in self.pack(pack).iter().zip(&query.values) {
            for (sum, value) in sums.iter_mut().zip(values) {
                *sum += value * query;
            }
        }
        for (block, &own) in self.coded.iter().zip(&query.codes) {
            let codes = &block.codes[pack * LANES..][..LANES];
            let (of_own, both) = block.products[own as usize];
            for (sum, &code) in sums.iter_mut().zip(codes) {
                *sum += block.outside + of_own + block.products[code as usize].0;
                if code == own {
                    *sum += both;
                }
            }
        }
        sums
    }
}

#[inline(always)]
fn add_terms(
    sums: &mut [f64; LANES],
    packed: &[[f64; LANES]],
    query: &Query,
    term: impl Fn(f64) -> f64,
) {
    for (values, query) in packed.iter().zip(&query.values) {
        for (sum, value) in sums.iter_mut().zip(values) {
            *sum += term(value - query);
        }
    }
}
