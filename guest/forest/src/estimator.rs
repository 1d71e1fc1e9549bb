//! [`ForestClassifier`]: the engine behind linfa's `Fit` and `Predict`. All
//! features are numbers here; linfa has no categories.

use linfa::dataset::{AsSingleTargets, DatasetBase, Labels};
use linfa::traits::{Fit, PredictInplace};
use linfa::{Float, Label};
use ndarray::{Array1, Array2, ArrayBase, Data, Ix2};

use crate::bins::{Bins, BinsError};
use crate::forest::{self, ForestError, Lesson};
use crate::model::{FeatureValues, Forest, PredictError};
use crate::params::{ForestValidParams, ParamsError};

/// Why a dataset can't be fitted.
#[derive(Debug, thiserror::Error)]
pub enum EstimatorError {
    /// linfa's own.
    #[error(transparent)]
    Linfa(#[from] linfa::Error),
    /// The hyper-parameters are at fault.
    #[error(transparent)]
    Params(#[from] ParamsError),
    /// The features are at fault.
    #[error(transparent)]
    Bins(#[from] BinsError),
    /// The targets are at fault, or hyper-parameters together with them.
    #[error(transparent)]
    Forest(#[from] ForestError),
    /// Rows have weights of their own.
    #[error("row weights are not supported; weigh classes instead")]
    Weights,
}

/// A fitted forest that predicts labels of type `L`.
#[derive(Clone, Debug)]
pub struct ForestClassifier<L> {
    labels: Vec<L>,
    forest: Forest,
}

impl<L> ForestClassifier<L> {
    /// The labels, sorted.
    pub fn labels(&self) -> &[L] {
        &self.labels
    }

    /// The probability of each label (columns, as [`Self::labels`]) for each
    /// row of `x`.
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

/// A class weight names a label by its debug text, without quotes.
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

    /// Fits a forest to a matrix of numbers, in which NaN is missing.
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
        let mut bins = Bins::new(x.nrows());
        let names = dataset.feature_names();
        for index in 0..x.ncols() {
            let name = names
                .get(index)
                .cloned()
                .unwrap_or_else(|| format!("feature-{index}"));
            bins.push_numbers(&name, &numbers(x, index))?;
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
        let lesson = Lesson {
            labels: &label_names,
            codes: &codes,
            train: &rows,
        };
        let forest = forest::fit(&bins, lesson, self)?;
        Ok(ForestClassifier { labels, forest })
    }
}

impl<F, L, D> PredictInplace<ArrayBase<D, Ix2>, Array1<L>> for ForestClassifier<L>
where
    F: Float,
    L: Label,
    D: Data<Elem = F>,
{
    /// Predicts the likeliest label, the first of equally likely ones.
    fn predict_inplace<'a>(&'a self, x: &'a ArrayBase<D, Ix2>, y: &mut Array1<L>) {
        assert_eq!(x.nrows(), y.len(), "there must be one target a row");
        for (row, target) in self
            .predict_probabilities(x)
            .rows()
            .into_iter()
            .zip(y.iter_mut())
        {
            let mut likeliest = 0;
            for (class, &probability) in row.iter().enumerate() {
                if probability > row[likeliest] {
                    likeliest = class;
                }
            }
            *target = self.labels[likeliest].clone();
        }
    }

    fn default_target(&self, x: &ArrayBase<D, Ix2>) -> Array1<L> {
        Array1::default(x.nrows())
    }
}
