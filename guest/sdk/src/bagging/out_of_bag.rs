//! [`OutOfBag`]: what the members of a bag predict of the training rows that they did not
//! draw.

use serde::{Deserialize, Serialize};

use super::mean::votes;
use crate::Target;
use crate::metrics::regression::r2;
use crate::trainer::Prediction;

/// The bits behind the point of a prediction of the size of the targets.
const BITS: i32 = 48;

/// Sums over members of their predictions of the training rows that they did not draw, in
/// fixed point: whole numbers, so that the sums of ranges of members add up to those of
/// all, bit for bit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct OutOfBag {
    /// The target of the training rows, with no labels.
    target: Target,
    /// The number of classes; 0 for numbers.
    classes: u32,
    /// By which predictions are multiplied: a power of two.
    scale: f64,
    /// By training row: the members that did not draw it.
    members: Vec<u32>,
    /// By training row: the sums of their predictions, row-major.
    sums: Vec<i128>,
}

impl OutOfBag {
    /// That of no member; `train` are the training rows.
    pub(super) fn new(target: &Target, train: &[u32]) -> Self {
        let classes = target.classes().len();
        let (target, most) = match target {
            Target::Classes { codes, .. } => {
                let codes = train.iter().map(|&row| codes[row as usize]).collect();
                let classes = Vec::new();
                (Target::Classes { classes, codes }, 1.0)
            }
            Target::Numbers(numbers) => {
                let numbers: Vec<f64> = train.iter().map(|&row| numbers[row as usize]).collect();
                let most = numbers.iter().fold(0.0, |most: f64, it| most.max(it.abs()));
                (Target::Numbers(numbers), most)
            }
        };
        let width = if classes <= 2 { 1 } else { classes };
        Self {
            target,
            classes: classes as u32,
            scale: scale_of(most),
            members: vec![0; train.len()],
            sums: vec![0; train.len() * width],
        }
    }

    /// Adds what one member predicts of the rows that it did not draw, in their order.
    /// `counts` are how often it drew each training row.
    pub(super) fn add(&mut self, counts: &[u32], prediction: Prediction<'_>) {
        let classes = self.classes as usize;
        let voted: Vec<f64>;
        let values = match prediction {
            Prediction::Numbers(values)
            | Prediction::Binary(values)
            | Prediction::Multiclass(values)
            | Prediction::Decisions {
                probabilities: Some(values),
                ..
            } => values,
            Prediction::Classes(codes) | Prediction::Decisions { classes: codes, .. } => {
                voted = codes
                    .iter()
                    .flat_map(|&code| votes(code, classes))
                    .collect();
                &voted
            }
        };
        let width = self.sums.len() / self.members.len();
        let rows = self.sums.chunks_exact_mut(width).zip(&mut self.members);
        let left_out = rows.zip(counts).filter(|(_, count)| **count == 0);
        for (((sums, members), _), row) in left_out.zip(values.chunks_exact(width)) {
            *members += 1;
            for (sum, value) in sums.iter_mut().zip(row) {
                let whole = (value * self.scale).round_ties_even() as i128;
                *sum = sum.saturating_add(whole);
            }
        }
    }

    /// Adds the sums of other members; `None` if they are of other rows.
    pub(super) fn merge(mut self, other: &Self) -> Option<Self> {
        if self.target != other.target
            || self.classes != other.classes
            || self.sums.len() != other.sums.len()
            || self.members.len() != other.members.len()
        {
            return None;
        }
        for (members, more) in self.members.iter_mut().zip(&other.members) {
            *members = members.checked_add(*more)?;
        }
        for (sum, more) in self.sums.iter_mut().zip(&other.sums) {
            *sum = sum.saturating_add(*more);
        }
        Some(self)
    }

    /// scikit-learn's `oob_score_`: of classes the accuracy of the class of the greatest
    /// sum, of numbers R². As there, a row that all members drew counts as of class 0, and
    /// as 0. `None` if it is not a finite number.
    pub(super) fn score(&self) -> Option<f64> {
        let width = self.sums.len() / self.members.len();
        let rows = self.sums.chunks_exact(width).zip(&self.members);
        let score = match &self.target {
            Target::Classes { codes, .. } => {
                // The scale is a power of two above 2.
                let half = |members: u32| i128::from(members) * (self.scale as i128 / 2);
                let right = rows.zip(codes).filter(|((sums, members), code)| {
                    let predicted = match sums {
                        [one] => usize::from(*one > half(**members)),
                        // The first of the greatest.
                        sums => (1..sums.len())
                            .fold(0, |best, at| if sums[at] > sums[best] { at } else { best }),
                    };
                    predicted == **code as usize
                });
                right.count() as f64 / codes.len() as f64
            }
            Target::Numbers(numbers) => {
                let means = rows.map(|(sums, &members)| match members {
                    0 => 0.0,
                    members => sums[0] as f64 / f64::from(members) / self.scale,
                });
                r2(numbers, &means.collect::<Vec<f64>>(), None)
            }
        };
        score.is_finite().then_some(score)
    }
}

/// The power of two by which numbers of at most `most` get [`BITS`] bits.
fn scale_of(most: f64) -> f64 {
    let exponent = ((most.to_bits() >> 52) & 0x7ff) as i32 - 1022;
    let power = (BITS - exponent).clamp(-1000, 1000);
    f64::from_bits(((power + 1023) as u64) << 52)
}
