//! [`ResolvedParams`]: hyper-parameters resolved for given training rows.
//! Fractions become numbers of rows, labels become classes.

use crate::binary::BinaryLayout;
use crate::bins::Bins;
use crate::criterion::{Criterion, Entropy, Gini};
use crate::grower::Grower;
use crate::grown::{GrowTree, GrowthRules, NestedLimits, balanced_weights};
use crate::multiclass::MulticlassLayout;
use crate::params::{
    Amount, ClassWeight, ForestValidParams, Impurity, MaxFeatures, ParamsError, Splitter,
};
use crate::sample::{Bootstrap, Sample, SampleError};

/// Errors of hyper-parameters on given training rows.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// The hyper-parameters are invalid.
    #[error(transparent)]
    Params(#[from] ParamsError),
    /// The training rows are invalid, or can't be drawn as asked.
    #[error(transparent)]
    Sample(#[from] SampleError),
}

/// The hyper-parameters of a family of candidates on given training rows.
#[derive(Debug)]
pub(crate) struct ResolvedParams<'a> {
    bins: &'a Bins,
    sample: &'a Sample<'a>,
    criterion: Impurity,
    rules: GrowthRules,
    /// The weight of each class; 1 for all if rows are drawn by weight.
    class_weights: Vec<f64>,
    /// The number of draws of a tree.
    draws: u64,
    /// The greatest expected number of draws of one row.
    expected_draws: f64,
}

impl<'a> ResolvedParams<'a> {
    /// Resolves all of `params` but the nested hyper-parameters.
    ///
    /// # Errors
    /// If `class_weight` names an unknown label or leaves no row, or
    /// `max_samples` exceeds the limit.
    pub(crate) fn new(
        bins: &'a Bins,
        sample: &'a Sample<'a>,
        labels: &[String],
        params: &ForestValidParams,
    ) -> Result<Self, ResolveError> {
        let rows = sample.len();
        let mut class_weights = class_weights(params, sample, labels)?;
        let mut draws = rows as u64;
        let mut expected_draws = 1.0;
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
            if draws > MulticlassLayout::CAPACITY {
                return Err(SampleError::Draws {
                    draws,
                    limit: MulticlassLayout::CAPACITY,
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
            expected_draws = draws as f64 * (heaviest / weight);
            let draws = draws as u32;
            let is_equal = class_weights
                .iter()
                .all(|&weight| weight == class_weights[0]);
            bootstrap = Some(if is_equal {
                Bootstrap::Uniform { draws }
            } else {
                Bootstrap::weighted(sample, draws, &class_weights)
            });
            // Rows are drawn in proportion to their weight, and count equally
            // once drawn, as in scikit-learn's forests.
            class_weights.fill(1.0);
        }
        let features = bins.columns().len();
        let rules = GrowthRules {
            seed: params.random_state,
            max_features: max_features(params.max_features, features),
            random_splits: params.splitter == Splitter::Random,
            min_leaf_rows: min_leaf_rows(params, rows),
            min_leaf_weight_fraction: params.min_weight_fraction_leaf,
            max_leaves: params.max_leaf_nodes,
            // The number of draws of a row is about Poisson distributed.
            noise_factor: match bootstrap {
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
            expected_draws,
        })
    }

    /// A grower of trees by these hyper-parameters.
    pub(crate) fn grower(&self) -> Box<dyn GrowTree + '_> {
        match self.criterion {
            Impurity::Gini => self.grower_by::<Gini>(),
            Impurity::Entropy => self.grower_by::<Entropy>(),
        }
    }

    fn grower_by<C: Criterion>(&self) -> Box<dyn GrowTree + '_> {
        let Self {
            bins,
            sample,
            rules,
            class_weights,
            ..
        } = self;
        let weights = class_weights.clone();
        let classes = weights.len();
        // Without repeated draws, or with a minimum of one row, the number of
        // draws is enough.
        let count_rows = rules.bootstrap.is_some() && rules.min_leaf_rows > 1;
        let (draws, expected_draws) = (self.draws, self.expected_draws);
        if classes == 2 && !count_rows && BinaryLayout::<false>::can_count(draws, expected_draws) {
            let layout = BinaryLayout::<false>::new();
            Box::new(Grower::<_, C>::new(bins, sample, rules, weights, layout))
        } else if classes == 2
            && count_rows
            && BinaryLayout::<true>::can_count(draws, expected_draws)
        {
            let layout = BinaryLayout::<true>::new();
            Box::new(Grower::<_, C>::new(bins, sample, rules, weights, layout))
        } else {
            let layout = MulticlassLayout::new(classes, count_rows);
            Box::new(Grower::<_, C>::new(bins, sample, rules, weights, layout))
        }
    }
}

/// The limits of the nested hyper-parameters for `rows` training rows.
pub(crate) fn nested_limits(params: &ForestValidParams, rows: usize) -> NestedLimits {
    let min_split = match params.min_samples_split {
        Amount::Rows(rows) => clamp(rows as f64),
        Amount::Share(share) => clamp((share * rows as f64).ceil()).max(2),
    };
    NestedLimits {
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

/// Saturates to 32 bits: there are no more rows.
fn clamp(number: f64) -> u32 {
    number as u32
}

/// The weight of each class, apart from balancing over drawn rows.
fn class_weights(
    params: &ForestValidParams,
    sample: &Sample<'_>,
    labels: &[String],
) -> Result<Vec<f64>, ParamsError> {
    match &params.class_weight {
        ClassWeight::Balanced => Ok(balanced_weights(sample.counts())),
        // Without a bootstrap, a tree's sample is all training rows.
        ClassWeight::BalancedSubsample if !params.bootstrap => {
            Ok(balanced_weights(sample.counts()))
        }
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
