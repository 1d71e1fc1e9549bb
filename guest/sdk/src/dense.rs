//! [`DenseTrainer`]: the interface of an estimator that learns from a [`Matrix`] of
//! numbers, and [`Dense`], which makes a [`Trainer`] of it.
//!
//! An estimator implements [`DenseTrainer::description`], [`DenseTrainer::fit`] and
//! [`DenseTrainer::predict`], and a guest offers `Dense<Estimator>`:
//!
//! ```
//! use fanout_sdk::dense::{Dense, DenseData, DenseTarget, DenseTrainer};
//! use fanout_sdk::{Fault, Learning, Matrix, Params, PredictionValues, TrainerDescription};
//!
//! /// Predicts by the slope of the first column alone.
//! pub struct Slope;
//!
//! impl DenseTrainer for Slope {
//!     /// The slope.
//!     type Model = f64;
//!
//!     fn description() -> TrainerDescription {
//!         TrainerDescription::new(
//!             "slope",
//!             "Predicts by the slope of the first column.",
//!             vec![Learning::Regression],
//!             vec![],
//!         )
//!     }
//!
//!     fn fit(data: &DenseData<'_>, _: &Params) -> Result<f64, Fault> {
//!         let DenseTarget::Numbers(target) = &data.target else {
//!             return Err(data.wrong_target::<Self>());
//!         };
//!         let weights = data.weights.as_deref();
//!         let gram = data.matrix.gram(data.train, weights, &[target], None);
//!         Ok(gram.target_products[0][0] / gram.get(0, 0))
//!     }
//!
//!     fn predict(slope: &f64, matrix: &Matrix, rows: &[u32]) -> Result<PredictionValues, Fault> {
//!         let mut coefficients = vec![0.0; matrix.columns()];
//!         coefficients[0] = *slope;
//!         Ok(PredictionValues::Numbers(matrix.multiply(rows, &coefficients, 0.0)))
//!     }
//! }
//!
//! fanout_sdk::export! {
//!     guest: "slope 0.1.0",
//!     trainers: [Dense<Slope>],
//! }
//! ```

use std::marker::PhantomData;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::trainer::PredictionValues;
use crate::{
    Fault, Job, Matrix, Params, Pipeline, Prediction, PredictionBuf, Scorer, Table, Target,
    Trainer, TrainerDescription,
};

#[cfg(test)]
mod tests;

/// An estimator that learns from a [`Matrix`] of numbers. As with [`Trainer`], its
/// functions are pure.
pub trait DenseTrainer: 'static {
    /// A fitted estimator; see [`Trainer::Model`] for its format.
    type Model: Serialize + DeserializeOwned;

    /// Whether the estimator takes numbers only, neither missing nor infinite. If
    /// not, it overrides [`DenseTrainer::check`], which is called of no matrix
    /// without such numbers otherwise.
    const NEEDS_NUMBERS: bool = true;

    /// The name, the kinds of target, the abilities and the hyper-parameters of the
    /// estimator. [`Dense`] says that neither missing values nor categories are taken
    /// if [`DenseTrainer::NEEDS_NUMBERS`] is set.
    fn description() -> TrainerDescription;

    /// Checks that the estimator can take the matrix, before any fit. `rows` are
    /// training or test rows.
    ///
    /// # Errors
    /// [`Fault::InvalidDataset`] that says which step to add.
    fn check(matrix: &Matrix, rows: &[u32]) -> Result<(), Fault> {
        if Self::NEEDS_NUMBERS {
            matrix.check_numbers(&Self::description().name, rows)?;
        }
        Ok(())
    }

    /// Fits one candidate on the training rows. `params` has every hyper-parameter of
    /// the description.
    ///
    /// # Errors
    /// [`Fault::InvalidParams`] for hyper-parameters that do not go together or do
    /// not fit the data, [`Fault::Failed`] for a fit that fails.
    fn fit(data: &DenseData<'_>, params: &Params) -> Result<Self::Model, Fault>;

    /// Fits every candidate, and passes each index with its model to `each`. Returns
    /// the number of fits. Override it where candidates share work: a regularisation
    /// path, one factorisation for all penalties. A model has to be, bit for bit,
    /// that of [`DenseTrainer::fit`].
    ///
    /// # Errors
    /// As [`DenseTrainer::fit`], and the faults of `each`.
    fn fit_all(
        data: &DenseData<'_>,
        candidates: &[Params],
        each: &mut dyn FnMut(usize, Self::Model) -> Result<(), Fault>,
    ) -> Result<u32, Fault> {
        for (candidate, params) in candidates.iter().enumerate() {
            each(candidate, Self::fit(data, params)?)?;
        }
        Ok(candidates.len() as u32)
    }

    /// Predicts rows of a matrix of the same columns, in the order of `rows`.
    ///
    /// # Errors
    /// [`Fault::Failed`] if the prediction fails.
    fn predict(
        model: &Self::Model,
        matrix: &Matrix,
        rows: &[u32],
    ) -> Result<PredictionValues, Fault>;

    /// Fits every candidate, and passes its predictions for each of `sets`, lists of
    /// rows, to `each`: the candidate, the index of the list, the predictions.
    /// Returns the number of fits. Override it where candidates share the work of
    /// predicting, such as the numbers of neighbours. The predictions have to be, bit
    /// for bit, those of [`DenseTrainer::fit`] and [`DenseTrainer::predict`].
    ///
    /// # Errors
    /// As those, and the faults of `each`.
    fn evaluate(
        data: &DenseData<'_>,
        candidates: &[Params],
        sets: &[&[u32]],
        each: &mut EachPrediction<'_>,
    ) -> Result<u32, Fault> {
        Self::fit_all(data, candidates, &mut |candidate, model| {
            for (set, rows) in sets.iter().enumerate() {
                let values = Self::predict(&model, data.matrix, rows)?;
                each(candidate, set, values.as_prediction())?;
            }
            Ok(())
        })
    }
}

/// Takes the predictions of a candidate for a list of rows.
pub type EachPrediction<'a> = dyn FnMut(usize, usize, Prediction<'_>) -> Result<(), Fault> + 'a;

/// What a [`DenseTrainer`] learns from.
#[derive(Debug)]
pub struct DenseData<'a> {
    /// All rows of the table. Rows that are neither training nor test rows may have
    /// any values.
    pub matrix: &'a Matrix,
    /// The training rows, ascending; at least one. See [`Matrix::take`].
    pub train: &'a [u32],
    /// The target of the training rows, in their order.
    pub target: DenseTarget<'a>,
    /// The weights of the training rows, in their order, finite and at least 0;
    /// `None` if all weigh the same.
    pub weights: Option<Vec<f64>>,
}

/// The target of the training rows.
#[derive(Debug)]
pub enum DenseTarget<'a> {
    /// Two or more classes. Some may occur in no training row.
    Classes {
        /// The sorted labels. Predictions have a probability for each.
        labels: &'a [String],
        /// The index of the class of each training row.
        codes: Vec<u32>,
    },
    /// One number per training row.
    Numbers(Vec<f64>),
}

impl<'a> DenseData<'a> {
    /// The data of a job.
    fn of(matrix: &'a Matrix, job: &Job<'a>) -> Self {
        Self::new(matrix, job.train, job.target, job.weights)
    }

    /// `target` and `weights` have one entry per row of the table.
    pub fn new(
        matrix: &'a Matrix,
        train: &'a [u32],
        target: &'a Target,
        weights: Option<&[f64]>,
    ) -> Self {
        let of_rows = |values: &[f64]| train.iter().map(|&row| values[row as usize]).collect();
        Self {
            matrix,
            train,
            target: match target {
                Target::Classes { classes, codes } => DenseTarget::Classes {
                    labels: classes,
                    codes: train.iter().map(|&row| codes[row as usize]).collect(),
                },
                Target::Numbers(numbers) => DenseTarget::Numbers(of_rows(numbers)),
            },
            weights: weights.map(of_rows),
        }
    }

    /// The weight of each training row: 1 if there are none.
    pub fn weights_or_ones(&self) -> Vec<f64> {
        self.weights
            .clone()
            .unwrap_or_else(|| vec![1.0; self.train.len()])
    }

    /// The fault of a target that the estimator `T` does not learn. The SDK checks
    /// targets against descriptions, so that a user does not see it.
    pub fn wrong_target<T: DenseTrainer>(&self) -> Fault {
        let name = T::description().name;
        Fault::InvalidTask(format!("`{name}` does not learn this kind of target"))
    }
}

/// The [`Trainer`] of a [`DenseTrainer`].
#[derive(Debug)]
pub struct Dense<T>(PhantomData<fn() -> T>);

/// The features of a table for a [`Dense`] estimator.
#[derive(Debug, Serialize, Deserialize)]
pub struct DenseFeatures {
    matrix: Matrix,
    /// Whether all numbers are finite, so that no task looks for others.
    is_finite: bool,
}

impl DenseFeatures {
    fn new(matrix: Matrix) -> Self {
        Self {
            is_finite: matrix.is_finite(),
            matrix,
        }
    }
}

/// A model of [`Dense`].
#[derive(Debug, Serialize, Deserialize)]
pub struct DenseModel<M> {
    /// Without steps: the features, by name.
    features: Pipeline,
    classes: Vec<String>,
    model: M,
}

impl<T: DenseTrainer> Dense<T> {
    /// Checks the matrix for the rows of a job.
    fn check(features: &DenseFeatures, job: &Job<'_>) -> Result<(), Fault> {
        if T::NEEDS_NUMBERS && features.is_finite {
            return features.matrix.check_columns(&T::description().name);
        }
        T::check(&features.matrix, job.train)?;
        T::check(&features.matrix, job.test)
    }
}

impl<T: DenseTrainer> Trainer for Dense<T> {
    type Prepared = DenseFeatures;
    type Model = DenseModel<T::Model>;

    fn description() -> TrainerDescription {
        let mut description = T::description();
        if T::NEEDS_NUMBERS {
            description.abilities.missing = false;
            description.abilities.categories = false;
        }
        description
    }

    fn prepare(table: &Table) -> Result<DenseFeatures, Fault> {
        Ok(DenseFeatures::new(Matrix::of(table)?))
    }

    fn prepare_matrix(matrix: &Matrix) -> Result<DenseFeatures, Fault> {
        Ok(DenseFeatures::new(matrix.clone()))
    }

    fn evaluate(
        features: &DenseFeatures,
        job: &Job<'_>,
        scorer: &mut dyn Scorer,
    ) -> Result<u32, Fault> {
        Self::check(features, job)?;
        let data = DenseData::of(&features.matrix, job);
        let sets: &[&[u32]] = if scorer.wants_train() {
            &[job.test, job.train]
        } else {
            &[job.test]
        };
        let mut each = |candidate, set, prediction: Prediction<'_>| {
            if set == 0 {
                scorer.test(candidate, prediction)
            } else {
                scorer.train(candidate, prediction)
            }
        };
        T::evaluate(&data, job.candidates, sets, &mut each)
    }

    fn fit(features: &DenseFeatures, job: &Job<'_>) -> Result<Self::Model, Fault> {
        Self::check(features, job)?;
        let matrix = &features.matrix;
        Ok(DenseModel {
            features: Pipeline::without_steps(matrix),
            classes: job.target.classes().to_vec(),
            model: T::fit(&DenseData::of(matrix, job), &job.candidates[0])?,
        })
    }

    fn predict(model: &Self::Model, table: &Table) -> Result<PredictionBuf, Fault> {
        Self::predict_matrix(model, &model.features.apply(table)?)
    }

    fn predict_matrix(model: &Self::Model, matrix: &Matrix) -> Result<PredictionBuf, Fault> {
        let rows = matrix.all_rows();
        T::check(matrix, &rows)?;
        Ok(PredictionBuf {
            classes: model.classes.clone(),
            values: T::predict(&model.model, matrix, &rows)?,
        })
    }
}
