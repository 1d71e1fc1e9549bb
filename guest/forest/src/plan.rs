//! [`Plan`]: what hyper-parameters come to on given training rows. Shares
//! become numbers of rows, labels become classes; nothing is grown here.

use crate::bins::Bins;
use crate::criterion::{Criterion, Entropy, Gini};
use crate::growth::{Grow, Grower, Limits, Rules, balanced};
use crate::histogram::{Binary, Many};
use crate::params::{
    Amount, ClassWeight, ForestValidParams, Impurity, MaxFeatures, ParamsError, Splitter,
};
use crate::rows::{Bootstrap, Sample, SampleError};

/// Why hyper-parameters and rows do not go together.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The hyper-parameters are at fault.
    #[error(transparent)]
    Params(#[from] ParamsError),
    /// The rows are at fault.
    #[error(transparent)]
    Sample(#[from] SampleError),
}

/// The rules of a family of candidates on given training rows.
#[derive(Debug)]
pub(crate) struct Plan<'a> {
    bins: &'a Bins,
    sample: &'a Sample<'a>,
    criterion: Impurity,
    rules: Rules,
    /// Those of the rows that trees take, where they take all.
    class_weights: Vec<f64>,
    /// How many rows a tree draws or takes.
    draws: u64,
    /// How often it is expected to draw the row that it draws most often.
    often: f64,
}

impl<'a> Plan<'a> {
    /// The rules by which `params` grows trees on `sample`. The nested
    /// hyper-parameters play no part in them.
    pub(crate) fn new(
        bins: &'a Bins,
        sample: &'a Sample<'a>,
        labels: &[String],
        params: &ForestValidParams,
    ) -> Result<Self, PlanError> {
        let rows = sample.len();
        let mut class_weights = class_weights(params, sample, labels)?;
        let mut draws = rows as u64;
        let mut often = 1.0;
        let mut bootstrap = None;
        if params.bootstrap {
            let weight: f64 = sample
                .counts()
                .iter()
                .zip(&class_weights)
                .map(|(&n, w)| f64::from(n) * w)
                .sum();
            if weight <= 0.0 {
                return Err(SampleError::Weightless.into());
            }
            draws = match params.max_samples {
                None => rows as u64,
                Some(Amount::Rows(rows)) => rows,
                Some(Amount::Share(share)) => ((share * weight) as u64).max(1),
            };
            if draws > Many::CAPACITY {
                return Err(SampleError::Draws {
                    draws,
                    most: Many::CAPACITY,
                }
                .into());
            }
            let heaviest = sample
                .counts()
                .iter()
                .zip(&class_weights)
                .filter(|&(&n, _)| n > 0)
                .map(|(_, &weight)| weight)
                .fold(0.0, f64::max);
            often = draws as f64 * (heaviest / weight);
            let draws = draws as u32;
            let is_equal = class_weights
                .iter()
                .all(|&weight| weight == class_weights[0]);
            bootstrap = Some(if is_equal {
                Bootstrap::Uniform { draws }
            } else {
                Bootstrap::weighted(sample, draws, &class_weights)
            });
            // scikit-learn's forests draw rows by their weight, and count them once drawn.
            class_weights.fill(1.0);
        }
        let features = bins.columns().len();
        let rules = Rules {
            seed: params.random_state,
            max_features: max_features(params.max_features, features),
            random_splits: params.splitter == Splitter::Random,
            min_leaf_rows: min_leaf_rows(params, rows),
            min_leaf_weight_fraction: params.min_weight_fraction_leaf,
            max_leaves: params.max_leaf_nodes,
            // How often a row is drawn is about a Poisson variable.
            noise: match bootstrap {
                None => 1.0,
                Some(_) => 1.0 + draws as f64 / rows as f64,
            },
            bootstrap,
            balance_drawn: params.bootstrap
                && params.class_weight == ClassWeight::BalancedSubsample,
        };
        Ok(Self {
            bins,
            sample,
            criterion: params.criterion,
            rules,
            class_weights,
            draws,
            often,
        })
    }

    /// Something that grows the trees of this plan.
    pub(crate) fn grower(&self) -> Box<dyn Grow + '_> {
        match self.criterion {
            Impurity::Gini => self.grower_by::<Gini>(),
            Impurity::Entropy => self.grower_by::<Entropy>(),
        }
    }

    fn grower_by<C: Criterion>(&self) -> Box<dyn Grow + '_> {
        let Self {
            bins,
            sample,
            rules,
            class_weights,
            ..
        } = self;
        let weights = class_weights.clone();
        let classes = weights.len();
        // Where every row is drawn once, or one row is enough, draws tell all.
        let count_rows = rules.bootstrap.is_some() && rules.min_leaf_rows > 1;
        let (draws, often) = (self.draws, self.often);
        if classes == 2 && !count_rows && Binary::<false>::can_count(draws, often) {
            let layout = Binary::<false>::new();
            Box::new(Grower::<_, C>::new(bins, sample, rules, weights, layout))
        } else if classes == 2 && count_rows && Binary::<true>::can_count(draws, often) {
            let layout = Binary::<true>::new();
            Box::new(Grower::<_, C>::new(bins, sample, rules, weights, layout))
        } else {
            let layout = Many::new(classes, count_rows);
            Box::new(Grower::<_, C>::new(bins, sample, rules, weights, layout))
        }
    }
}

/// The limits that the nested hyper-parameters of `params` set on `rows`
/// training rows.
pub(crate) fn limits(params: &ForestValidParams, rows: usize) -> Limits {
    let min_split = match params.min_samples_split {
        Amount::Rows(rows) => clamp(rows as f64),
        Amount::Share(share) => clamp((share * rows as f64).ceil()).max(2),
    };
    Limits {
        max_depth: params.max_depth.unwrap_or(u32::MAX),
        min_rows: min_split.max(min_leaf_rows(params, rows).saturating_mul(2)),
        min_impurity_decrease: params.min_impurity_decrease,
    }
}

fn min_leaf_rows(params: &ForestValidParams, rows: usize) -> u32 {
    match params.min_samples_leaf {
        Amount::Rows(rows) => clamp(rows as f64),
        Amount::Share(share) => clamp((share * rows as f64).ceil()),
    }
}

fn max_features(max_features: MaxFeatures, features: usize) -> usize {
    let number = match max_features {
        MaxFeatures::Sqrt => features.isqrt(),
        MaxFeatures::Log2 => features.checked_ilog2().unwrap_or(0) as usize,
        MaxFeatures::Number(number) => clamp(number as f64) as usize,
        MaxFeatures::Share(share) => (share * features as f64) as usize,
        MaxFeatures::All => features,
    };
    number.clamp(1, features.max(1))
}

/// A number of rows in 32 bits, in which all rows can be counted.
fn clamp(number: f64) -> u32 {
    number as u32
}

/// The weight of each class, as far as all training rows decide it.
fn class_weights(
    params: &ForestValidParams,
    sample: &Sample<'_>,
    labels: &[String],
) -> Result<Vec<f64>, ParamsError> {
    match &params.class_weight {
        ClassWeight::Balanced => Ok(balanced(sample.counts())),
        // Without a bootstrap a tree's rows are all the training rows.
        ClassWeight::BalancedSubsample if !params.bootstrap => Ok(balanced(sample.counts())),
        ClassWeight::Equal | ClassWeight::BalancedSubsample => Ok(vec![1.0; labels.len()]),
        ClassWeight::ByLabel(weights) => {
            let mut by_class = vec![1.0; labels.len()];
            for (label, &weight) in weights {
                match labels.iter().position(|known| known == label) {
                    Some(class) => by_class[class] = weight,
                    None => {
                        return Err(ParamsError::NoSuchClass {
                            label: label.clone(),
                            classes: labels.join("`, `"),
                        });
                    }
                }
            }
            Ok(by_class)
        }
    }
}
