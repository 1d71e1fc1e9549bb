//! [`OutOfBag`]: what trees predict of the training rows that they did not draw.

use fanout_sdk::metrics::regression::r2;
use serde::{Deserialize, Serialize};

use crate::fitted::width;
use crate::packed;
use crate::training::{Training, TrainingSample};

/// The bits of a prediction in fixed point: those of 4 million trees add up in 63.
const BITS: i32 = 40;

/// Sums over trees of the predictions of training rows by the trees that did not draw
/// them. They are whole numbers, so that the sums of ranges of trees add up to those of
/// all trees, bit for bit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutOfBag {
    targets: Targets,
    /// The number of classes; 0 for numbers.
    classes: u32,
    /// By which predictions are multiplied: a power of two.
    scale: f64,
    /// By training row: the number of trees that did not draw it.
    #[serde(with = "packed::unsigned")]
    trees: Vec<u32>,
    /// By training row: the sums of these trees' predictions, row-major.
    #[serde(with = "packed::signed")]
    sums: Vec<i64>,
}

/// The targets of the training rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Targets {
    Classes(#[serde(with = "packed::unsigned")] Vec<u16>),
    Numbers(#[serde(with = "packed::reals")] Vec<f64>),
}

/// The power of two by which numbers of at most `most` become whole ones of
/// [`BITS`] bits.
fn scale_of(most: f64) -> f64 {
    let exponent = ((most.to_bits() >> 52) & 0x7ff) as i32 - 1022;
    // As a product: neither factor is out of range.
    let power = (BITS - exponent).clamp(-1000, 1000);
    f64::from_bits(((power + 1023) as u64) << 52)
}

impl OutOfBag {
    /// That of no tree.
    pub(crate) fn new(training: &Training<'_>, classes: usize) -> Self {
        let (targets, scale) = match &training.sample {
            TrainingSample::Classes { sample, .. } => {
                (Targets::Classes(sample.classes().to_vec()), scale_of(1.0))
            }
            TrainingSample::Numbers(sample) => {
                let numbers = sample.targets();
                let most = numbers.iter().fold(0.0, |most: f64, it| most.max(it.abs()));
                (Targets::Numbers(numbers.to_vec()), scale_of(most))
            }
        };
        let rows = training.len();
        Self {
            targets,
            classes: classes as u32,
            scale,
            trees: vec![0; rows],
            sums: vec![0; rows * width(classes)],
        }
    }

    /// Adds the predictions of one tree. `draws`: how often it drew each training row;
    /// `leaves`: the leaf of each; `values`: by node, row-major.
    pub(crate) fn add(&mut self, draws: &[u16], leaves: &[u32], values: &[f64]) {
        let width = width(self.classes as usize);
        let rows = self.sums.chunks_exact_mut(width).zip(&mut self.trees);
        for ((sums, trees), (&draws, &leaf)) in rows.zip(draws.iter().zip(leaves)) {
            if draws > 0 {
                continue;
            }
            *trees += 1;
            let of_leaf = &values[leaf as usize * width..][..width];
            for (sum, value) in sums.iter_mut().zip(of_leaf) {
                *sum += (value * self.scale).round_ties_even() as i64;
            }
        }
    }

    /// Adds the sums of other trees; `None` if they are of other rows.
    pub(crate) fn merge(mut self, other: &Self) -> Option<Self> {
        let is_same = self.targets == other.targets && self.classes == other.classes;
        if !is_same || self.sums.len() != other.sums.len() || self.trees.len() != other.trees.len()
        {
            return None;
        }
        for (trees, more) in self.trees.iter_mut().zip(&other.trees) {
            *trees = trees.checked_add(*more)?;
        }
        for (sum, more) in self.sums.iter_mut().zip(&other.sums) {
            *sum = sum.checked_add(*more)?;
        }
        Some(self)
    }

    /// scikit-learn's `oob_score_`: of classes the accuracy of the class of the greatest
    /// sum, of numbers R². As there, what no tree predicts counts as class 0, and as 0.
    /// `None` if it is not a finite number.
    pub fn score(&self) -> Option<f64> {
        let width = width(self.classes as usize);
        let rows = self.sums.chunks_exact(width).zip(&self.trees);
        let score = match &self.targets {
            Targets::Classes(classes) => {
                let half = |trees: u32| i64::from(trees) * (self.scale as i64 / 2);
                let right = rows.zip(classes).filter(|((sums, trees), class)| {
                    let predicted = match sums {
                        [one] => usize::from(*one > half(**trees)),
                        // The first of the greatest.
                        sums => {
                            (1..sums.len()).fold(0, |best, class| match sums[class] > sums[best] {
                                true => class,
                                false => best,
                            })
                        }
                    };
                    predicted == usize::from(**class)
                });
                right.count() as f64 / classes.len() as f64
            }
            Targets::Numbers(numbers) => {
                let mean = |(sums, &trees): (&[i64], &u32)| match trees {
                    0 => 0.0,
                    trees => sums[0] as f64 / f64::from(trees) / self.scale,
                };
                let predicted: Vec<f64> = rows.map(mean).collect();
                r2(numbers, &predicted, None)
            }
        };
        score.is_finite().then_some(score)
    }
}

#[cfg(test)]
mod tests {
    use fanout_sdk::metrics::regression::r2;
    use linfa::ParamGuard as _;

    use super::*;
    use crate::bins::Bins;
    use crate::bootstrap::Bootstrap;
    use crate::forest::{TrainingSet, fit_range};
    use crate::model::{FeatureValues, PredictError};
    use crate::params::ForestParams;
    use crate::random::Key;

    const ROWS: u32 = 80;
    const SEED: u64 = 5;

    fn feature() -> Vec<f64> {
        (0..ROWS).map(|row| f64::from(row * 37 % 81)).collect()
    }

    /// The mean prediction of each row by the trees that did not draw it, tree by tree
    /// in floating point, and by how many trees.
    fn brute_force(set: TrainingSet<'_>, params: &ForestParams, width: usize) -> Vec<Vec<f64>> {
        let mut bins = Bins::new(ROWS as usize);
        bins.push_numbers("x", &feature()).unwrap();
        let params = params.clone().check().unwrap();
        let mut sums = vec![vec![0.0; width]; ROWS as usize];
        let mut trees = vec![0.0; ROWS as usize];
        for tree in 0..params.n_estimators {
            let mut draws = vec![0; ROWS as usize];
            let key = Key::new(SEED).child(u64::from(tree)).child(0);
            let bootstrap = Bootstrap::Uniform { draws: ROWS };
            bootstrap.draw(key, u16::MAX, &mut draws).unwrap();
            let (forest, _) = fit_range(&bins, set, &params, tree..tree + 1).unwrap();
            let predicted: Result<_, PredictError> = forest
                .predict(ROWS as usize, |_, _, encode| {
                    encode(FeatureValues::Number(&feature()))
                });
            let predicted = predicted.unwrap();
            for (row, of_row) in predicted.chunks_exact(width).enumerate() {
                if draws[row] == 0 {
                    trees[row] += 1.0;
                    sums[row]
                        .iter_mut()
                        .zip(of_row)
                        .for_each(|(sum, it)| *sum += it);
                }
            }
        }
        let means = sums.into_iter().zip(trees).map(|(sums, trees)| {
            let mean = |sum: f64| if trees > 0.0 { sum / trees } else { 0.0 };
            sums.into_iter().map(mean).collect()
        });
        means.collect()
    }

    fn score(set: TrainingSet<'_>, params: &ForestParams) -> f64 {
        let mut bins = Bins::new(ROWS as usize);
        bins.push_numbers("x", &feature()).unwrap();
        let params = params.clone().check().unwrap();
        let (_, sums) = fit_range(&bins, set, &params, 0..params.n_estimators).unwrap();
        sums.unwrap().score().unwrap()
    }

    /// Of few trees, too, of which some rows are in every bag.
    #[test]
    fn the_score_is_that_of_the_undrawn_rows_of_each_tree() {
        let train: Vec<u32> = (0..ROWS).collect();
        for trees in [1, 2, 5, 40] {
            let params = ForestParams::random_forest()
                .n_estimators(trees)
                .oob_score(true)
                .random_state(SEED);
            for classes in [2, 3] {
                let labels: Vec<String> = (0..classes).map(|class| class.to_string()).collect();
                let codes: Vec<u32> = (0..ROWS).map(|row| row * 37 % 81 / 9 % classes).collect();
                let set = TrainingSet::classes(&labels, &codes, &train);
                let means = brute_force(set, &params, width(classes as usize));
                let right = means.iter().zip(&codes).filter(|(means, code)| {
                    let predicted = match means.as_slice() {
                        [one] => u32::from(*one > 0.5),
                        means => (1..classes).fold(0, |best, class| {
                            match means[class as usize] > means[best as usize] {
                                true => class,
                                false => best,
                            }
                        }),
                    };
                    predicted == **code
                });
                let expected = right.count() as f64 / f64::from(ROWS);
                assert_eq!(
                    score(set, &params),
                    expected,
                    "{trees} trees, {classes} classes"
                );
            }
            let numbers: Vec<f64> = feature().iter().map(|x| (x / 9.0).sin() * 1e3).collect();
            let set = TrainingSet::numbers(&numbers, &train);
            let means = brute_force(set, &params, 1).concat();
            let (found, expected) = (score(set, &params), r2(&numbers, &means, None));
            assert!((found - expected).abs() < 1e-9, "{found}, not {expected}");
        }
    }

    #[test]
    fn numbers_become_whole_ones_of_so_many_bits() {
        let greatest = 2.0_f64.powi(BITS);
        for most in [1.0, 0.7, 3e-300, 1e300, 5e-324, 1.5] {
            let scaled = most * scale_of(most);
            assert!(scaled <= greatest, "{most}");
            assert!(scaled >= greatest / 4.0 || most < 1e-280, "{most}");
        }
        assert!(scale_of(0.0).is_finite());
    }
}
