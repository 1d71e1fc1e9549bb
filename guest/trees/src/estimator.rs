//! [`ForestClassifier`]: the forest behind linfa's `Fit` and `Predict`. All
//! features are numbers: linfa has no categories.

use linfa::dataset::{AsSingleTargets, DatasetBase, Labels};
use linfa::traits::{Fit, PredictInplace};
use linfa::{Float, Label};
use ndarray::{Array1, Array2, ArrayBase, Data, Ix2};

use crate::bins::{Bins, BinsError};
use crate::forest::{self, ForestError, TrainingSet};
use crate::model::{FeatureValues, Forest, PredictError};
use crate::params::{ForestValidParams, ParamsError};

/// Errors of fitting a linfa dataset.
#[derive(Debug, thiserror::Error)]
pub enum EstimatorError {
    /// An error of linfa.
    #[error(transparent)]
    Linfa(#[from] linfa::Error),
    /// The hyper-parameters are invalid.
    #[error(transparent)]
    Params(#[from] ParamsError),
    /// The features can't be binned.
    #[error(transparent)]
    Bins(#[from] BinsError),
    /// The forest can't be fitted.
    #[error(transparent)]
    Forest(#[from] ForestError),
    /// The dataset has sample weights.
    #[error("sample weights are not supported; use `class_weight`")]
    Weights,
}

/// A fitted forest that predicts labels of type `L`.
#[derive(Clone, Debug)]
pub struct ForestClassifier<L> {
    labels: Vec<L>,
    forest: Forest,
}

impl<L> ForestClassifier<L> {
    /// The class labels, sorted.
    pub fn labels(&self) -> &[L] {
        &self.labels
    }

    /// Class probabilities, of shape (rows of `x`, labels). The columns are in
    /// the order of [`Self::labels`].
    ///
    /// # Panics
    /// If `x` has another number of columns than the training data.
    pub fn predict_probabilities<F: Float, D: Data<Elem = F>>(
        &self,
        x: &ArrayBase<D, Ix2>,
    ) -> Array2<f64> {
        assert_eq!(
            x.ncols(),
            self.forest.columns().len(),
            "the number of features must be that of the training data"
        );
        let predicted: Result<Vec<f64>, PredictError> =
            self.forest.predict(x.nrows(), |index, _, encode| {
                encode(FeatureValues::Number(&numbers(x, index)))
            });
        let Ok(predicted) = predicted else {
            unreachable!("all features of a fitted matrix are numbers");
        };
        let classes = self.labels.len();
        if classes != 2 {
            return Array2::from_shape_fn((x.nrows(), classes), |(row, class)| {
                predicted[row * classes + class]
            });
        }
        Array2::from_shape_fn((x.nrows(), 2), |(row, class)| {
            if class == 1 {
                predicted[row]
            } else {
                1.0 - predicted[row]
            }
        })
    }
}

fn numbers<F: Float, D: Data<Elem = F>>(x: &ArrayBase<D, Ix2>, index: usize) -> Vec<f64> {
    x.column(index)
        .iter()
        .map(|value| value.to_f64().unwrap_or(f64::NAN))
        .collect()
}

/// The name of a label in `class_weight`: its debug text, without quotes.
fn name<L: Label>(label: &L) -> String {
    format!("{label:?}").trim_matches('"').to_owned()
}

impl<F, L, D, T> Fit<ArrayBase<D, Ix2>, T, EstimatorError> for ForestValidParams
where
    F: Float,
    L: Label,
    D: Data<Elem = F>,
    T: AsSingleTargets<Elem = L> + Labels<Elem = L>,
{
    type Object = ForestClassifier<L>;

    /// Fits a forest to a matrix of shape (rows, features). NaN is missing.
    fn fit(
        &self,
        dataset: &DatasetBase<ArrayBase<D, Ix2>, T>,
    ) -> Result<ForestClassifier<L>, EstimatorError> {
        if dataset.weights().is_some() {
            return Err(EstimatorError::Weights);
        }
        let x = dataset.records();
        let targets = dataset.as_single_targets();
        if targets.len() != x.nrows() {
            return Err(linfa::Error::MismatchedShapes(x.nrows(), targets.len()).into());
        }
        let mut labels: Vec<L> = targets.iter().cloned().collect();
        labels.sort_unstable();
        labels.dedup();
        let codes: Vec<u32> = targets
            .iter()
            .map(|target| labels.partition_point(|label| label < target) as u32)
            .collect();
        let rows: Vec<u32> = (0..x.nrows() as u32).collect();
        let label_names: Vec<String> = labels.iter().map(name).collect();
        let mut bins = Bins::of_table(x.nrows(), x.ncols(), labels.len());
        let names = dataset.feature_names();
        for index in 0..x.ncols() {
            let name = names
                .get(index)
                .cloned()
                .unwrap_or_else(|| format!("feature-{index}"));
            bins.push_numbers(&name, &numbers(x, index))?;
        }
        let training = TrainingSet::classes(&label_names, &codes, &rows);
        let forest = forest::fit(&bins, training, self)?;
        Ok(ForestClassifier { labels, forest })
    }
}

impl<F, L, D> PredictInplace<ArrayBase<D, Ix2>, Array1<L>> for ForestClassifier<L>
where
    F: Float,
    L: Label,
    D: Data<Elem = F>,
{
    /// Predicts the label of the greatest probability, the first of equal ones.
    fn predict_inplace<'a>(&'a self, x: &'a ArrayBase<D, Ix2>, y: &mut Array1<L>) {
        assert_eq!(x.nrows(), y.len(), "there must be one target per row");
        for (row, target) in self
            .predict_probabilities(x)
            .rows()
            .into_iter()
            .zip(y.iter_mut())
        {
            let mut best = 0;
            for (class, &probability) in row.iter().enumerate() {
                if probability > row[best] {
                    best = class;
                }
            }
            *target = self.labels[best].clone();
        }
    }

    fn default_target(&self, x: &ArrayBase<D, Ix2>) -> Array1<L> {
        Array1::default(x.nrows())
    }
}
