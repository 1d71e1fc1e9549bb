//! [`SplitFinder`]: the best split of a node, from its histogram.

use crate::bins::Coding;
use crate::boosting::params::{Growth, LeafCount, TINY};
use crate::boosting::rounding::{Packing, Sums};
use crate::tree::{CodeSet, insert};

/// A split of a node.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Split {
    /// What the objective of the node falls by, twice.
    pub(crate) gain: f64,
    /// The feature.
    pub(crate) feature: u32,
    /// Which codes go left.
    pub(crate) side: Side,
    /// The sums of the rows that go left.
    pub(crate) left: Sums,
    /// The penalty of the squares of the children's values.
    pub(crate) l2: f64,
}

/// Which codes go left.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Side {
    /// Those up to the last, and missing values if it says so.
    UpTo {
        /// The last code that goes left.
        last: u8,
        /// Whether missing values go left.
        missing: bool,
    },
    /// The codes of a set.
    Set(CodeSet),
}

/// The bounds that monotonic features set to the values of a node.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ValueBounds {
    pub(crate) least: f64,
    pub(crate) most: f64,
}

impl ValueBounds {
    /// No bounds.
    pub(crate) const NONE: Self = Self {
        least: f64::NEG_INFINITY,
        most: f64::INFINITY,
    };
}

/// The feature whose split is searched.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Searched<'a> {
    pub(crate) feature: usize,
    pub(crate) coding: &'a Coding,
    /// 1 or -1 if the prediction must not fall or rise with it, else 0.
    pub(crate) sign: i8,
    /// The sums by code.
    pub(crate) histogram: &'a [Sums],
}

/// The node that is split.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SplitNode {
    /// The sums of all rows.
    total: Sums,
    bounds: ValueBounds,
    /// What each child has to have.
    least: Least,
}

/// The least number of rows, and the least sum of Hessians in steps.
#[derive(Clone, Copy, Debug)]
struct Least {
    rows: i64,
    hessian: i64,
}

impl Least {
    #[inline]
    fn is_met(self, sums: Sums) -> bool {
        sums.rows >= self.rows && sums.hessian >= self.hessian
    }

    /// So many rows, as they are counted in a node of these sums.
    fn of(number: u32, by: LeafCount, total: Sums) -> Self {
        let number = i64::from(number);
        // The product may have more than 64 bits.
        let hessian = i128::from(number) * i128::from(total.hessian);
        let hessian = hessian
            .unsigned_abs()
            .div_ceil(total.rows.max(1).unsigned_abs().into());
        let hessian = i64::try_from(hessian).unwrap_or(i64::MAX);
        match by {
            LeafCount::Rows => Self {
                rows: number,
                hessian: 0,
            },
            LeafCount::Hessian => Self { rows: 1, hessian },
            LeafCount::Both => Self {
                rows: number,
                hessian,
            },
        }
    }
}

/// The greatest number of labels on one side, as LightGBM's `max_cat_threshold`.
const MOST_LABELS: usize = 32;

/// Finds splits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SplitFinder<'a> {
    pub(crate) growth: &'a Growth,
    pub(crate) packing: Packing,
}

impl SplitFinder<'_> {
    /// A node of these sums.
    pub(crate) fn node(&self, total: Sums, bounds: ValueBounds) -> SplitNode {
        let growth = self.growth;
        let counted = Least::of(growth.min_samples_leaf, growth.leaf_count, total);
        let (least, step) = (growth.min_sum_hessian, self.packing.hessian_step);
        // The quotient is rounded.
        let mut steps = libm::ceil(least / step);
        if (steps - 1.0) * step >= least {
            steps -= 1.0;
        } else if steps * step < least {
            steps += 1.0;
        }
        let least = Least {
            hessian: counted.hessian.max(steps as i64),
            ..counted
        };
        SplitNode {
            total,
            bounds,
            least,
        }
    }

    /// The value of a node of these sums.
    pub(crate) fn value_of(&self, sums: Sums, l2: f64, bounds: ValueBounds) -> f64 {
        let (gradient, hessian) = self.weigh(sums);
        self.growth
            .newton_step(gradient, hessian, l2)
            .clamp(bounds.least, bounds.most)
    }

    #[inline]
    fn weigh(&self, sums: Sums) -> (f64, f64) {
        (
            sums.gradient as f64 * self.packing.gradient_step,
            sums.hessian as f64 * self.packing.hessian_step,
        )
    }

    /// Twice what the objective falls by in a leaf of this value.
    fn fall(&self, sums: Sums, value: f64, l2: f64) -> f64 {
        let (gradient, hessian) = self.weigh(sums);
        let linear = gradient * value + self.growth.l1 * value.abs();
        -(2.0 * linear + (hessian + l2) * value * value)
    }

    /// Replaces `best` if a split of this feature is better.
    pub(crate) fn search(
        &self,
        node: &SplitNode,
        searched: &Searched<'_>,
        best: &mut Option<Split>,
    ) {
        match searched.coding {
            Coding::Number { .. } => self.search_numbers(node, searched, best),
            Coding::Category { labels, .. } => {
                self.search_labels(node, searched, labels.len(), best);
            }
        }
    }

    fn search_numbers(&self, node: &SplitNode, searched: &Searched<'_>, best: &mut Option<Split>) {
        let (missing, codes) = match searched.histogram.split_last() {
            Some((missing, codes)) => (*missing, codes),
            None => return,
        };
        let mut scan = Scan::new(self, node, self.growth.l2, searched.sign, best);
        // Without missing values, those of other tables go to the larger side.
        let sides = if missing.rows > 0 { 2 } else { 1 };
        for side in 0..sides {
            let mut left = if side == 1 { missing } else { Sums::default() };
            let last = codes
                .len()
                .saturating_sub(usize::from(missing.rows == 0 || side == 1));
            for (code, sums) in codes[..last].iter().enumerate() {
                if sums.rows == 0 {
                    continue;
                }
                left += *sums;
                if scan.look(left) {
                    let goes_left = match missing.rows {
                        0 => left.rows * 2 > node.total.rows,
                        _ => side == 1,
                    };
                    // As in LightGBM, numbers that no row of the node has go left.
                    let absent = codes[code + 1..].iter();
                    let absent = absent.take_while(|sums| sums.rows == 0).count();
                    scan.take(
                        searched.feature,
                        left,
                        Side::UpTo {
                            last: (code + absent) as u8,
                            missing: goes_left,
                        },
                    );
                }
            }
        }
    }

    fn search_labels(
        &self,
        node: &SplitNode,
        searched: &Searched<'_>,
        labels: usize,
        best: &mut Option<Split>,
    ) {
        let histogram = searched.histogram;
        let present = |code: &u8| histogram[usize::from(*code)].rows > 0;
        let codes: Vec<u8> = (0..=u8::MAX)
            .take(histogram.len())
            .filter(present)
            .collect();
        if codes.len() < 2 {
            return;
        }
        if labels <= self.growth.max_cat_to_onehot as usize {
            let mut scan = Scan::new(self, node, self.growth.l2, 0, best);
            for code in codes {
                let left = histogram[usize::from(code)];
                if scan.look(left) {
                    let mut set = CodeSet::default();
                    insert(&mut set, code);
                    scan.take(searched.feature, left, Side::Set(set));
                }
            }
            return;
        }
        let smooth = self.growth.cat_smooth;
        let least = Least::of(
            libm::ceil(smooth) as u32,
            self.growth.leaf_count,
            node.total,
        );
        let mut sorted: Vec<(f64, u8)> = codes
            .into_iter()
            .filter(|&code| least.is_met(histogram[usize::from(code)]))
            .map(|code| {
                let (gradient, hessian) = self.weigh(histogram[usize::from(code)]);
                (gradient / (hessian + smooth), code)
            })
            .collect();
        sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
        let most = MOST_LABELS.min(sorted.len().div_ceil(2));
        let l2 = self.growth.l2 + self.growth.cat_l2;
        let mut scan = Scan::new(self, node, l2, 0, best);
        for backwards in [false, true] {
            let mut left = Sums::default();
            let mut found = None;
            for taken in 0..most {
                let at = if backwards {
                    sorted.len() - 1 - taken
                } else {
                    taken
                };
                left += histogram[usize::from(sorted[at].1)];
                if scan.look(left) {
                    found = Some(taken + 1);
                    // The set is made once the best is known.
                    scan.take(searched.feature, left, Side::Set(CodeSet::default()));
                }
            }
            if let Some(taken) = found {
                let mut set = CodeSet::default();
                let codes: &mut dyn Iterator<Item = &(f64, u8)> = match backwards {
                    true => &mut sorted.iter().rev(),
                    false => &mut sorted.iter(),
                };
                codes
                    .take(taken)
                    .for_each(|(_, code)| insert(&mut set, *code));
                scan.set_side(Side::Set(set));
            }
        }
    }
}

/// Compares the splits of one feature with the best so far.
struct Scan<'a, 'b> {
    finder: &'a SplitFinder<'a>,
    node: &'a SplitNode,
    l2: f64,
    sign: i8,
    /// What the objective falls by without a split.
    before: f64,
    /// The gain that a split has to exceed.
    most: f64,
    best: &'b mut Option<Split>,
}

impl<'a, 'b> Scan<'a, 'b> {
    fn new(
        finder: &'a SplitFinder<'a>,
        node: &'a SplitNode,
        l2: f64,
        sign: i8,
        best: &'b mut Option<Split>,
    ) -> Self {
        // Without what divided labels add, as in LightGBM.
        let plain = finder.growth.l2;
        let value = finder.value_of(node.total, plain, node.bounds);
        Self {
            finder,
            node,
            l2,
            sign,
            before: finder.fall(node.total, value, plain),
            most: best.map_or(finder.growth.min_split_gain.max(0.0), |best| best.gain),
            best,
        }
    }

    /// Whether a split with these sums on the left is better than the best so far,
    /// which is then to be taken.
    #[inline]
    fn look(&mut self, left: Sums) -> bool {
        let finder = self.finder;
        let right = self.node.total - left;
        if !self.node.least.is_met(left) || !self.node.least.is_met(right) {
            return false;
        }
        let gain = if self.sign == 0 && self.node.bounds == ValueBounds::NONE {
            let (left_gradient, left_hessian) = finder.weigh(left);
            let (right_gradient, right_hessian) = finder.weigh(right);
            let growth = finder.growth;
            let (a, b) = (growth.shrunk(left_gradient), growth.shrunk(right_gradient));
            let (c, d) = (
                left_hessian + self.l2 + TINY,
                right_hessian + self.l2 + TINY,
            );
            // a²/c + b²/d with one division.
            (a * a * d + b * b * c) / (c * d) - self.before
        } else {
            let bounds = self.node.bounds;
            let (a, b) = (
                finder.value_of(left, self.l2, bounds),
                finder.value_of(right, self.l2, bounds),
            );
            if (self.sign > 0 && a > b) || (self.sign < 0 && a < b) {
                return false;
            }
            finder.fall(left, a, self.l2) + finder.fall(right, b, self.l2) - self.before
        };
        if gain > self.most {
            self.most = gain;
            true
        } else {
            false
        }
    }

    fn take(&mut self, feature: usize, left: Sums, side: Side) {
        *self.best = Some(Split {
            gain: self.most,
            feature: feature as u32,
            side,
            left,
            l2: self.l2,
        });
    }

    fn set_side(&mut self, new: Side) {
        if let Some(best) = self.best {
            best.side = new;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_a_leaf_are_counted_by_their_number_or_hessians() {
        let sums = |rows, hessian| Sums {
            rows,
            hessian,
            gradient: 0,
        };
        // A row has a mean Hessian of 2.5 steps: 20 rows have 50.
        let node = sums(100, 250);
        for (by, few_rows, few_hessians) in [
            (LeafCount::Rows, false, true),
            (LeafCount::Hessian, true, false),
            (LeafCount::Both, false, false),
        ] {
            let least = Least::of(20, by, node);
            assert!(least.is_met(sums(20, 50)), "{by:?}");
            assert_eq!(least.is_met(sums(19, 50)), few_rows, "{by:?}");
            assert_eq!(least.is_met(sums(20, 49)), few_hessians, "{by:?}");
        }
    }
}
