//! [`TrainingSet`]: a target, training rows and sample weights as a caller gives
//! them; [`Training`]: the same, checked.

use crate::bins::Bins;
use crate::number_sample::NumberSample;
use crate::sample::{ClassSample, SampleError};

/// A target, the training rows and their weights.
#[derive(Clone, Copy, Debug)]
pub struct TrainingSet<'a> {
    /// The target.
    pub target: TrainingTarget<'a>,
    /// The indices of the training rows.
    pub train: &'a [u32],
    /// The sample weight of every row of the dataset, of which those of training
    /// rows are finite and at least 0; all 1 without.
    pub weights: Option<&'a [f64]>,
}

/// The target of every row of a dataset.
#[derive(Clone, Copy, Debug)]
pub enum TrainingTarget<'a> {
    /// Classes.
    Classes {
        /// The class labels.
        labels: &'a [String],
        /// The class of every row, as an index into the labels.
        codes: &'a [u32],
    },
    /// Numbers, those of training rows finite.
    Numbers(&'a [f64]),
}

impl<'a> TrainingSet<'a> {
    /// A target of classes, without sample weights.
    pub fn classes(labels: &'a [String], codes: &'a [u32], train: &'a [u32]) -> Self {
        Self {
            target: TrainingTarget::Classes { labels, codes },
            train,
            weights: None,
        }
    }

    /// A numeric target, without sample weights.
    pub fn numbers(targets: &'a [f64], train: &'a [u32]) -> Self {
        Self {
            target: TrainingTarget::Numbers(targets),
            train,
            weights: None,
        }
    }

    /// The same with the sample weight of every row of the dataset.
    #[must_use]
    pub fn with_weights(self, weights: Option<&'a [f64]>) -> Self {
        Self { weights, ..self }
    }

    /// The number of classes; 0 for numbers.
    pub(crate) fn number_of_classes(&self) -> usize {
        match self.target {
            TrainingTarget::Classes { labels, .. } => labels.len(),
            TrainingTarget::Numbers(_) => 0,
        }
    }
}

/// Checked training rows.
#[derive(Debug)]
pub(crate) struct Training<'a> {
    /// The rows with their targets.
    pub(crate) sample: TrainingSample<'a>,
    /// The sample weight of each training row, of which one is above 0.
    pub(crate) weights: Option<Vec<f64>>,
}

/// Training rows with their targets.
#[derive(Debug)]
pub(crate) enum TrainingSample<'a> {
    /// Classes.
    Classes {
        /// The class labels.
        labels: &'a [String],
        /// The rows.
        sample: ClassSample<'a>,
    },
    /// Numbers.
    Numbers(NumberSample<'a>),
}

impl<'a> Training<'a> {
    /// Checks training rows.
    ///
    /// # Errors
    /// If there are none, a row is not in the dataset, or has no target or an
    /// invalid weight, or all weights are 0.
    pub(crate) fn new(bins: &Bins, set: TrainingSet<'a>) -> Result<Self, SampleError> {
        let sample = match set.target {
            TrainingTarget::Classes { labels, codes } => TrainingSample::Classes {
                labels,
                sample: ClassSample::new(bins, codes, labels.len(), set.train)?,
            },
            TrainingTarget::Numbers(targets) => {
                TrainingSample::Numbers(NumberSample::new(bins, targets, set.train)?)
            }
        };
        let weight = |weights: &[f64], row: u32| {
            let weight = weights.get(row as usize).copied().unwrap_or(f64::NAN);
            match weight.is_finite() && weight >= 0.0 {
                true => Ok(weight),
                false => Err(SampleError::Weight { row, weight }),
            }
        };
        let weights = set
            .weights
            .map(|weights| set.train.iter().map(|&row| weight(weights, row)).collect())
            .transpose()?;
        let has_weight = |weights: &Vec<f64>| weights.iter().any(|&weight| weight > 0.0);
        if !weights.as_ref().is_none_or(has_weight) {
            return Err(SampleError::Weightless);
        }
        Ok(Self { sample, weights })
    }

    /// The number of training rows.
    pub(crate) fn len(&self) -> usize {
        match &self.sample {
            TrainingSample::Classes { sample, .. } => sample.len(),
            TrainingSample::Numbers(sample) => sample.len(),
        }
    }
}
