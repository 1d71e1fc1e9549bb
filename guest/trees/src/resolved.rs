//! [`ResolvedParams`]: hyper-parameters resolved for given training rows.
//! Fractions become numbers of rows, labels become classes.

use crate::binary::BinaryLayout;
use crate::bins::Bins;
use crate::bootstrap::Bootstrap;
use crate::criterion::{Criterion, Entropy, Gini};
use crate::fixed_point::FixedPoint;
use crate::grower::Grower;
use crate::grown::{GrowTree, GrowthRules, NestedLimits};
use crate::mean_layout::MeanLayout;
use crate::median_layout::MedianLayout;
use crate::multiclass::MulticlassLayout;
use crate::number_criterion::{NumberCriterion, Poisson, SquaredError};
use crate::number_sample::NumberSample;
use crate::params::{
    Amount, ClassWeight, ForestValidParams, Impurity, MaxFeatures, ParamsError, Splitter,
    TargetKind,
};
use crate::sample::{ClassRows, ClassSample, RowSource, SampleError};
use crate::tally::TallyLayout;
use crate::training::{Training, TrainingSample};
use crate::weighted_classes::{WeightedClassLayout, WeightedClassRows};

/// The greatest number of draws that a tally can count.
const MOST_DRAWS: u64 = u32::MAX as u64;

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
    training: &'a Training<'a>,
    measure: Measure,
    rules: GrowthRules,
    /// The weight of each class; 1 for all if rows are drawn by weight.
    class_weights: Vec<f64>,
    /// Whether class weights are balanced over the rows that each tree drew.
    balance_drawn: bool,
    /// The weight of each training row, that of its class included; none if rows
    /// are drawn by weight.
    row_weights: Option<Vec<f64>>,
    /// The number of draws of a tree.
    draws: u64,
    /// The greatest expected number of draws of one row.
    expected_draws: f64,
}

/// An impurity measure for a kind of target.
#[derive(Clone, Copy, Debug)]
enum Measure {
    Gini,
    Entropy,
    SquaredError,
    AbsoluteError,
    Poisson,
}

impl<'a> ResolvedParams<'a> {
    /// Resolves all of `params` but the nested hyper-parameters.
    ///
    /// # Errors
    /// If `criterion` or `class_weight` does not suit the target, `class_weight`
    /// names an unknown label or leaves no row, or `max_samples` exceeds the limit.
    pub(crate) fn new(
        bins: &'a Bins,
        training: &'a Training<'a>,
        params: &ForestValidParams,
    ) -> Result<Self, ResolveError> {
        let rows = training.len();
        let measure = measure(params.criterion, training)?;
        let mut class_weights = class_weights(params, &training.sample)?;
        let mut row_weights = row_weights(training, &class_weights);
        let mut draws = rows as u64;
        let mut expected_draws = 1.0;
        let mut bootstrap = None;
        if params.bootstrap {
            let weights = DrawWeights::new(training, &class_weights, row_weights.as_deref());
            if weights.sum <= 0.0 {
                return Err(SampleError::Weightless.into());
            }
            draws = match params.max_samples {
                None => rows as u64,
                Some(Amount::Rows(rows)) => rows,
                Some(Amount::Share(share)) => ((share * weights.sum) as u64).max(1),
            };
            if draws > MOST_DRAWS {
                return Err(SampleError::Draws {
                    draws,
                    limit: MOST_DRAWS,
                }
                .into());
            }
            expected_draws = draws as f64 * (weights.greatest / weights.sum);
            bootstrap = Some(weights.bootstrap(draws as u32));
            // Rows are drawn in proportion to their weight, and count equally
            // once drawn, as in scikit-learn's forests.
            class_weights.fill(1.0);
            row_weights = None;
        }
        let features = bins.columns().len();
        let is_numeric = matches!(training.sample, TrainingSample::Numbers(_));
        let rules = GrowthRules {
            seed: params.random_state,
            max_features: max_features(params.max_features, features, is_numeric),
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
        };
        Ok(Self {
            bins,
            training,
            measure,
            rules,
            class_weights,
            balance_drawn: params.bootstrap
                && params.class_weight == ClassWeight::BalancedSubsample,
            row_weights,
            draws,
            expected_draws,
        })
    }

    /// A grower of trees by these hyper-parameters.
    pub(crate) fn grower(&self) -> Box<dyn GrowTree + '_> {
        match (&self.training.sample, self.measure) {
            (TrainingSample::Classes { sample, .. }, Measure::Entropy) => {
                self.class_grower::<Entropy>(sample)
            }
            (TrainingSample::Classes { sample, .. }, _) => self.class_grower::<Gini>(sample),
            (TrainingSample::Numbers(sample), Measure::Poisson) => {
                self.mean_grower::<Poisson>(sample)
            }
            (TrainingSample::Numbers(sample), Measure::AbsoluteError) => {
                let weights = self.row_weights.as_deref();
                let (fixed, rows) = sample.fixed(FixedPoint::WIDE_BITS, false, weights);
                match weights {
                    None => self.with(rows, MedianLayout::<false>::new(fixed)),
                    Some(_) => self.with(rows, MedianLayout::<true>::new(fixed)),
                }
            }
            (TrainingSample::Numbers(sample), _) => self.mean_grower::<SquaredError>(sample),
        }
    }

    /// A grower of trees in `layout`.
    fn with<'s, L: TallyLayout>(
        &'s self,
        rows: impl RowSource<L> + 's,
        layout: L,
    ) -> Box<dyn GrowTree + 's> {
        Box::new(Grower::new(self.bins, Box::new(rows), &self.rules, layout))
    }

    /// Whether tallies count distinct rows. Without repeated draws, or with a
    /// minimum of one row, the number of draws is enough.
    fn counts_rows(&self) -> bool {
        self.rules.bootstrap.is_some() && self.rules.min_leaf_rows > 1
    }

    fn class_grower<'s, C: Criterion>(
        &'s self,
        sample: &'s ClassSample<'a>,
    ) -> Box<dyn GrowTree + 's> {
        let classes = self.class_weights.len();
        if let Some(weights) = &self.row_weights {
            let rows = WeightedClassRows::new(sample, weights);
            return self.with(rows, WeightedClassLayout::<C>::new(classes));
        }
        let rows = ClassRows {
            sample,
            class_weights: self.class_weights.clone(),
            balance_drawn: self.balance_drawn,
        };
        let count_rows = self.counts_rows();
        let (draws, expected_draws) = (self.draws, self.expected_draws);
        if classes == 2 && !count_rows && BinaryLayout::<C, false>::can_count(draws, expected_draws)
        {
            self.with(rows, BinaryLayout::<C, false>::new())
        } else if classes == 2
            && count_rows
            && BinaryLayout::<C, true>::can_count(draws, expected_draws)
        {
            self.with(rows, BinaryLayout::<C, true>::new())
        } else {
            self.with(rows, MulticlassLayout::<C>::new(classes, count_rows))
        }
    }

    fn mean_grower<'s, C: NumberCriterion>(
        &'s self,
        sample: &'s NumberSample<'a>,
    ) -> Box<dyn GrowTree + 's> {
        let Some(weights) = &self.row_weights else {
            let bits = FixedPoint::bits_of(self.draws.max(sample.len() as u64));
            let (fixed, rows) = sample.fixed(bits, C::FROM_ZERO, None);
            return match self.counts_rows() {
                true => self.with(rows, MeanLayout::<C, i64, true>::new(fixed)),
                false => self.with(rows, MeanLayout::<C, i64, false>::new(fixed)),
            };
        };
        let (fixed, rows) = sample.fixed(FixedPoint::WIDE_BITS, C::FROM_ZERO, Some(weights));
        self.with(rows, MeanLayout::<C, i128, true>::new(fixed))
    }
}

/// The weights by which rows are drawn.
struct DrawWeights<'a> {
    training: &'a Training<'a>,
    class_weights: &'a [f64],
    row_weights: Option<&'a [f64]>,
    /// The sum over all training rows.
    sum: f64,
    /// The greatest of a training row.
    greatest: f64,
}

impl<'a> DrawWeights<'a> {
    fn new(
        training: &'a Training<'a>,
        class_weights: &'a [f64],
        row_weights: Option<&'a [f64]>,
    ) -> Self {
        let (sum, greatest) = match (&training.sample, row_weights) {
            (_, Some(weights)) => (
                weights.iter().sum(),
                weights.iter().copied().fold(0.0, f64::max),
            ),
            (TrainingSample::Classes { sample, .. }, None) => {
                let by_class = || sample.counts().iter().zip(class_weights);
                let greatest = by_class()
                    .filter(|&(&n, _)| n > 0)
                    .map(|(_, &weight)| weight);
                let sum = by_class().map(|(&n, w)| f64::from(n) * w).sum();
                (sum, greatest.fold(0.0, f64::max))
            }
            (TrainingSample::Numbers(sample), None) => (sample.len() as f64, 1.0),
        };
        Self {
            training,
            class_weights,
            row_weights,
            sum,
            greatest,
        }
    }

    fn bootstrap(&self, draws: u32) -> Bootstrap {
        let weights = self.class_weights;
        match (&self.training.sample, self.row_weights) {
            (_, Some(weights)) => Bootstrap::by_row(draws, weights),
            (TrainingSample::Classes { sample, .. }, None)
                if weights.iter().any(|&weight| weight != weights[0]) =>
            {
                Bootstrap::by_class(sample, draws, weights)
            }
            _ => Bootstrap::Uniform { draws },
        }
    }
}

/// The impurity measure of a criterion for the kind of the target.
fn measure(criterion: Impurity, training: &Training<'_>) -> Result<Measure, ResolveError> {
    let target = match &training.sample {
        TrainingSample::Classes { .. } => TargetKind::Classes,
        TrainingSample::Numbers(_) => TargetKind::Numbers,
    };
    Ok(match (criterion, &training.sample) {
        (Impurity::Auto | Impurity::Gini, TrainingSample::Classes { .. }) => Measure::Gini,
        (Impurity::Entropy, TrainingSample::Classes { .. }) => Measure::Entropy,
        (Impurity::Auto | Impurity::SquaredError, TrainingSample::Numbers(_)) => {
            Measure::SquaredError
        }
        (Impurity::AbsoluteError, TrainingSample::Numbers(_)) => Measure::AbsoluteError,
        (Impurity::Poisson, TrainingSample::Numbers(sample)) => {
            sample.check_poisson()?;
            Measure::Poisson
        }
        _ => return Err(ParamsError::Criterion { criterion, target }.into()),
    })
}

/// The sample weight of each training row times the weight of its class; `None`
/// without sample weights.
fn row_weights(training: &Training<'_>, class_weights: &[f64]) -> Option<Vec<f64>> {
    let weights = training.weights.as_ref()?;
    Some(match &training.sample {
        TrainingSample::Numbers(_) => weights.clone(),
        TrainingSample::Classes { sample, .. } => {
            let of_rows = weights.iter().zip(sample.classes());
            let weight =
                |(weight, &class): (&f64, &u16)| weight * class_weights[usize::from(class)];
            of_rows.map(weight).collect()
        }
    })
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

fn max_features(max_features: MaxFeatures, features: usize, is_numeric: bool) -> usize {
    let number = match max_features {
        MaxFeatures::Auto if is_numeric => features,
        MaxFeatures::Auto => features.isqrt(),
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

/// The weight of each class, apart from balancing over drawn rows; none for
/// numbers.
fn class_weights(
    params: &ForestValidParams,
    sample: &TrainingSample<'_>,
) -> Result<Vec<f64>, ParamsError> {
    let (labels, sample) = match sample {
        TrainingSample::Classes { labels, sample } => (labels, sample),
        TrainingSample::Numbers(_) if params.class_weight == ClassWeight::Equal => {
            return Ok(Vec::new());
        }
        TrainingSample::Numbers(_) => return Err(ParamsError::ClassWeightOfNumbers),
    };
    match &params.class_weight {
        // With a bootstrap, it is balanced over the sample of each tree instead.
        ClassWeight::BalancedSubsample if params.bootstrap => Ok(vec![1.0; labels.len()]),
        weights => weights.of_classes(labels, sample.counts()),
    }
}
