//! A dense trainer behind the adapter.

use super::*;
use crate::contract::{Column, ColumnKind, Role, TaskStep};
use crate::pipeline::FitRows;
use crate::{Learning, StepCache, Values};

/// The slope through the origin of the first column.
struct Slope;

impl DenseTrainer for Slope {
    type Model = f64;

    fn description() -> TrainerDescription {
        TrainerDescription::new("slope", "A slope.", vec![Learning::Regression], vec![])
    }

    fn fit(data: &DenseData<'_>, _: &Params) -> Result<f64, Fault> {
        let DenseTarget::Numbers(target) = &data.target else {
            return Err(data.wrong_target::<Self>());
        };
        let gram = data
            .matrix
            .gram(data.train, data.weights.as_deref(), &[target], None);
        Ok(gram.target_products[0][0] / gram.get(0, 0))
    }

    fn predict(slope: &f64, matrix: &Matrix, rows: &[u32]) -> Result<PredictionValues, Fault> {
        Ok(PredictionValues::Numbers(matrix.multiply(
            rows,
            &[*slope],
            0.0,
        )))
    }
}

fn column(name: &str, values: Vec<f64>) -> (Column, Values) {
    let column = Column {
        name: name.to_owned(),
        role: Role::Feature,
        kind: ColumnKind::Number,
    };
    (column, Values::Number(values))
}

fn prepared(values: Vec<f64>) -> DenseFeatures {
    let table = Table::from_columns(vec![column("x", values)]).unwrap();
    Dense::<Slope>::prepare(&table).unwrap()
}

/// Keeps predictions.
#[derive(Default)]
struct Kept {
    test: Vec<(usize, Vec<f64>)>,
    train: Vec<(usize, Vec<f64>)>,
}

fn numbers(prediction: Prediction<'_>) -> Vec<f64> {
    let Prediction::Numbers(numbers) = prediction else {
        panic!("numbers are predicted");
    };
    numbers.to_vec()
}

impl Scorer for Kept {
    fn test(&mut self, candidate: usize, prediction: Prediction<'_>) -> Result<(), Fault> {
        self.test.push((candidate, numbers(prediction)));
        Ok(())
    }

    fn wants_train(&self) -> bool {
        true
    }

    fn train(&mut self, candidate: usize, prediction: Prediction<'_>) -> Result<(), Fault> {
        self.train.push((candidate, numbers(prediction)));
        Ok(())
    }
}

#[test]
fn a_dense_trainer_is_a_trainer() {
    let abilities = Dense::<Slope>::description().abilities;
    assert!(!abilities.missing && !abilities.categories);
    let matrix = prepared(vec![1.0, 2.0, 3.0, f64::NAN]);
    // The second row has no weight.
    let target = Target::Numbers(vec![2.0, 7.0, 0.0, f64::NAN]);
    let candidates = [Params::new(), Params::new()];
    let job = Job {
        candidates: &candidates,
        target: &target,
        weights: Some(&[1.0, 0.0, 5.0, 5.0]),
        train: &[0, 1],
        test: &[2],
        part: None,
    };
    let mut kept = Kept::default();
    assert_eq!(Dense::<Slope>::evaluate(&matrix, &job, &mut kept), Ok(2));
    assert_eq!(kept.test, [(0, vec![6.0]), (1, vec![6.0])]);
    assert_eq!(kept.train[1], (1, vec![2.0, 4.0]));

    let model = Dense::<Slope>::fit(&matrix, &job).unwrap();
    let bytes = postcard::to_allocvec(&model).unwrap();
    let model = postcard::from_bytes(&bytes).unwrap();
    let other = vec![column("y", vec![0.0; 2]), column("x", vec![5.0, -1.0])];
    let other = Table::from_columns(other).unwrap();
    let predicted = Dense::<Slope>::predict(&model, &other).unwrap();
    assert_eq!(numbers(predicted.as_prediction()), [10.0, -2.0]);
}

#[test]
fn a_missing_value_of_a_training_or_test_row_is_a_fault() {
    let matrix = prepared(vec![1.0, 2.0, f64::NAN]);
    let target = Target::Numbers(vec![2.0, 4.0, 0.0]);
    let candidates = [Params::new()];
    for (train, test) in [([0, 1].as_slice(), [2].as_slice()), (&[1, 2], &[0])] {
        let job = Job {
            candidates: &candidates,
            target: &target,
            weights: None,
            train,
            test,
            part: None,
        };
        let fault = Dense::<Slope>::evaluate(&matrix, &job, &mut Kept::default());
        assert_eq!(
            fault.unwrap_err().to_string(),
            "invalid dataset: `slope` takes no missing values, but column `x` is missing in row 2 \
             (counted from 0); add the step `simple_imputer`"
        );
    }
}

/// The way of a task with steps: its parts for a fit, and for the prediction of
/// another table.
#[test]
fn a_trainer_is_fitted_behind_steps() {
    let steps: Vec<TaskStep> = serde_json::from_value(serde_json::json!([
        {"name": "impute", "step": "simple_imputer"},
        {"name": "scale", "step": "min_max_scaler"},
    ]))
    .unwrap();
    let table = Table::from_columns(vec![column("x", vec![0.0, 4.0, f64::NAN, 8.0])]).unwrap();
    let target = Target::Numbers(vec![0.0, 6.0, 1.0, 12.0]);
    let (train, test) = ([0, 1, 3], [2]);
    let rows = FitRows {
        key: "y and the split",
        target: &target,
        train: &train,
        test: &test,
        weights: None,
    };
    let matrix = Matrix::of(&table).unwrap();
    let fitted = Pipeline::fit(&steps, &matrix, &rows, &mut StepCache::new(1 << 20));
    let (pipeline, prepared) = fitted.unwrap();
    let data = Dense::<Slope>::prepare_matrix(&prepared).unwrap();
    let candidates = [Params::new()];
    let job = Job {
        candidates: &candidates,
        target: &target,
        weights: None,
        train: &train,
        test: &test,
        part: None,
    };
    let mut kept = Kept::default();
    Dense::<Slope>::evaluate(&data, &job, &mut kept).unwrap();
    assert_eq!(kept.test, [(0, vec![6.0])]);

    let model = Dense::<Slope>::fit(&data, &job).unwrap();
    let other = Table::from_columns(vec![column("x", vec![2.0, f64::NAN])]).unwrap();
    let other = pipeline.apply(&other).unwrap();
    let predicted = Dense::<Slope>::predict_matrix(&model, &other).unwrap();
    assert_eq!(numbers(predicted.as_prediction()), [3.0, 6.0]);
}
