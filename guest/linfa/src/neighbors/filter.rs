//! [`Filter`]: tells packs of points that are surely too far from a query, by inner
//! products in single precision.

use crate::points::{LANES, Metric, Points, Query};

/// The greatest relative error of a rounding to single precision.
const UNIT: f64 = 1.0 / (1 << 24) as f64;

/// The greatest square of a query's distance from the centre, in those of the points.
const FAR: f64 = 1e30;

/// Points in single precision, about their centre and scaled so that the farthest is at
/// a distance of 1 from it.
///
/// A point `p` is at most at the distance `√b` of a query `q` if
/// `p q - ½ p² ≥ ½ (q² - b)`. With `k` dimensions the left side is computed with an
/// error of less than `(k + 8) u (p² + q²)` for `u` of 2⁻²⁴: rounding the coordinates
/// makes some `u (p² + q²)`, and `k + 1` additions and products `(k + 2) u` of the sum
/// of the terms' sizes, which is at most `½ p² + ½ (p² + q²)`. Both parts of that are
/// added in the point's favour. Coded columns make a distance greater alone.
#[derive(Debug)]
pub(super) struct Filter {
    dimensions: usize,
    centre: Vec<f64>,
    scale: f64,
    /// Of shape (packs, dimensions, LANES).
    packed: Vec<f32>,
    /// By pack: `(k + 8) u p² - ½ p²`.
    starts: Vec<[f32; LANES]>,
}

/// A query as a [`Filter`] takes it.
#[derive(Debug)]
pub(super) struct Filtered {
    pub(super) values: Vec<f32>,
    /// The square of its distance from the centre.
    square: f64,
}

impl Filter {
    /// `None` of another metric, or of points too far apart.
    pub(super) fn new(points: &Points, metric: Metric) -> Option<Self> {
        let packs = points.packs();
        let dimensions = points.pack(0).len();
        if metric != Metric::Euclidean || dimensions == 0 {
            return None;
        }
        let lanes = |pack: usize| (points.count() - pack * LANES).min(LANES);
        let mut centre = vec![0.0; dimensions];
        for pack in 0..packs {
            for (centre, values) in centre.iter_mut().zip(points.pack(pack)) {
                *centre += values[..lanes(pack)].iter().sum::<f64>();
            }
        }
        let count = points.count() as f64;
        centre.iter_mut().for_each(|centre| *centre /= count);
        let mut squares = vec![[0.0; LANES]; packs];
        for (pack, squares) in squares.iter_mut().enumerate() {
            for (centre, values) in centre.iter().zip(points.pack(pack)) {
                for (square, value) in squares.iter_mut().zip(values) {
                    *square += (value - centre) * (value - centre);
                }
            }
            squares[lanes(pack)..].fill(0.0);
        }
        let farthest = squares.as_flattened().iter().copied().fold(0.0, f64::max);
        let scale = if farthest > 0.0 {
            1.0 / farthest.sqrt()
        } else {
            1.0
        };
        if !farthest.is_finite() || !scale.is_finite() {
            return None;
        }
        let mut packed = Vec::with_capacity(packs * dimensions * LANES);
        for pack in 0..packs {
            for (centre, values) in centre.iter().zip(points.pack(pack)) {
                packed.extend(values.iter().map(|value| ((value - centre) * scale) as f32));
            }
        }
        let slack = Self::slack(dimensions);
        let start = |square: f64| ((slack - 0.5) * square * scale * scale) as f32;
        Some(Self {
            dimensions,
            centre,
            scale,
            packed,
            starts: squares.into_iter().map(|pack| pack.map(start)).collect(),
        })
    }

    fn slack(dimensions: usize) -> f64 {
        (dimensions + 8) as f64 * UNIT
    }

    /// `None` if the query is too far from all points.
    pub(super) fn query(&self, query: &Query) -> Option<Filtered> {
        let scaled = query.values.iter().zip(&self.centre);
        let scaled = scaled.map(|(value, centre)| (value - centre) * self.scale);
        let square = scaled.clone().map(|value| value * value).sum();
        (square < FAR).then(|| Filtered {
            values: scaled.map(|value| value as f32).collect(),
            square,
        })
    }

    /// What [`Self::near`] has to reach for a point whose sum of terms is at most
    /// `bound`.
    pub(super) fn threshold(&self, query: &Filtered, bound: f64) -> f32 {
        let bound = bound * self.scale * self.scale;
        let slack = Self::slack(self.dimensions) * query.square + 1e-12 * bound + 1e-30;
        let threshold = 0.5 * (query.square - bound) - slack;
        (threshold - 4.0 * UNIT * threshold.abs()) as f32
    }

    /// Whether a point of a pack may be near, for each of some queries, whose
    /// coordinates are side by side.
    #[inline(always)]
    pub(super) fn near<const QUERIES: usize>(
        &self,
        pack: usize,
        queries: &[[f32; QUERIES]],
        thresholds: [f32; QUERIES],
    ) -> [bool; QUERIES] {
        let size = self.dimensions * LANES;
        let packed: &[[f32; LANES]] = self.packed[pack * size..][..size].as_chunks().0;
        let mut sums = [self.starts[pack]; QUERIES];
        for (values, queries) in packed.iter().zip(queries) {
            for (sums, query) in sums.iter_mut().zip(queries) {
                for (sum, value) in sums.iter_mut().zip(values) {
                    *sum += value * query;
                }
            }
        }
        std::array::from_fn(|at| {
            let reaches = |any, sum: &f32| any | (*sum >= thresholds[at]);
            sums[at].iter().fold(false, reaches)
        })
    }
}
