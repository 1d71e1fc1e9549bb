//! Every estimator against scikit-learn's: `vectors/vectors.py` makes the expected
//! values. Each case states its tolerance, relative to numbers above 1.

use std::collections::BTreeMap;

use fanout_sdk::dense::{DenseData, DenseTrainer};
use fanout_sdk::matrix::{Block, CodedBlock, CodedColumn, Codes};
use fanout_sdk::{Matrix, Params, Prediction, Target};
use serde::Deserialize;

use crate::svm::SvcModel;
use crate::*;

#[derive(Deserialize)]
struct TestTable {
    columns: Vec<TestColumn>,
    train: Vec<u32>,
    test: Vec<u32>,
    weights: Vec<f64>,
    targets: BTreeMap<String, Vec<f64>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum TestColumn {
    Number {
        name: String,
        values: Vec<f64>,
    },
    Coded {
        name: String,
        codes: Vec<u32>,
        column_of: Vec<Option<u32>>,
        offsets: Vec<f64>,
        scales: Vec<f64>,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    table: String,
    target: String,
    params: Params,
    weighted: bool,
    expected: Vec<f64>,
    tolerance: f64,
}

fn tables() -> BTreeMap<String, TestTable> {
    serde_json::from_str(include_str!("vectors/tables.json")).unwrap()
}

impl TestTable {
    fn matrix(&self) -> Matrix {
        let block = |column: &TestColumn| match column {
            TestColumn::Number { name, values } => Block::number(name, values.clone()),
            TestColumn::Coded {
                name,
                codes,
                column_of,
                offsets,
                scales,
            } => {
                let columns = offsets.iter().zip(scales).enumerate();
                let columns = columns.map(|(at, (&offset, &scale))| CodedColumn {
                    name: format!("{name}_{at}"),
                    offset,
                    scale,
                });
                let column_of = column_of.iter().map(|of| of.unwrap_or(CodedBlock::NONE));
                Block::Coded(CodedBlock::new(
                    Codes::new(column_of.len(), codes.iter().copied()),
                    column_of.collect(),
                    columns.collect(),
                ))
            }
        };
        let rows = self.weights.len();
        Matrix::new(rows, self.columns.iter().map(block).collect())
    }

    fn target(&self, name: &str) -> Target {
        let values = &self.targets[name];
        if name == "numbers" {
            return Target::Numbers(values.clone());
        }
        let codes: Vec<u32> = values.iter().map(|&value| value as u32).collect();
        let classes = 0..=codes.iter().copied().max().unwrap();
        Target::Classes {
            classes: classes.map(|class| class.to_string()).collect(),
            codes,
        }
    }
}

/// All hyper-parameters of a trainer.
fn params<T: DenseTrainer>(given: &Params) -> Params {
    let description = T::description();
    for (name, value) in given {
        let param = description
            .param(name)
            .unwrap_or_else(|| panic!("`{name}`"));
        param.check(value).unwrap();
    }
    let defaults = description.params.into_iter();
    let mut all: Params = defaults.map(|param| (param.name, param.default)).collect();
    all.extend(given.clone());
    all
}

/// Predictions as numbers; of decisions these, then the classes and probabilities.
fn numbers(prediction: Prediction<'_>) -> Vec<f64> {
    match prediction {
        Prediction::Classes(codes) => codes.iter().map(|&code| f64::from(code)).collect(),
        Prediction::Binary(values)
        | Prediction::Multiclass(values)
        | Prediction::Numbers(values) => values.to_vec(),
        Prediction::Decisions {
            classes,
            values,
            probabilities,
        } => {
            let classes = classes.iter().map(|&code| f64::from(code));
            let values = values.iter().copied().chain(classes);
            values
                .chain(probabilities.into_iter().flatten().copied())
                .collect()
        }
    }
}

fn predicted<T: DenseTrainer>(model: &T::Model, matrix: &Matrix, rows: &[u32]) -> Vec<f64> {
    numbers(T::predict(model, matrix, rows).unwrap().as_prediction())
}

/// Compares the values of all cases; `values` gives those of a fitted model.
fn compare<T: DenseTrainer>(json: &str, values: fn(&T::Model, &Matrix, &[u32]) -> Vec<f64>) {
    let tables = tables();
    let cases: Vec<Case> = serde_json::from_str(json).unwrap();
    let mut errors = Vec::new();
    for case in &cases {
        let table = &tables[&case.table];
        let (matrix, target) = (table.matrix(), table.target(&case.target));
        let weights = case.weighted.then_some(table.weights.as_slice());
        let data = DenseData::new(&matrix, &table.train, &target, weights);
        let title = format!(
            "{} of `{}`, weighted: {}, {}",
            case.target,
            case.table,
            case.weighted,
            serde_json::to_string(&case.params).unwrap()
        );
        let model = match T::fit(&data, &params::<T>(&case.params)) {
            Ok(model) => model,
            Err(fault) => {
                errors.push(format!("{title}: {fault}"));
                continue;
            }
        };
        let bytes = postcard::to_allocvec(&model).unwrap();
        let model: T::Model = postcard::from_bytes(&bytes).unwrap();
        let found = values(&model, &matrix, &table.test);
        assert_eq!(found.len(), case.expected.len(), "{title}");
        let differences = found.iter().zip(&case.expected).enumerate();
        let (at, worst) = differences
            .map(|(at, (a, b))| (at, (a - b).abs() / b.abs().max(1.0)))
            .fold((0, -1.0), |worst, next| {
                if next.1 > worst.1 || next.1.is_nan() {
                    next
                } else {
                    worst
                }
            });
        if worst.is_nan() || worst > case.tolerance {
            let (a, b) = (found[at], case.expected[at]);
            errors.push(format!("{title}: value {at} is {a}, not {b}"));
        }
    }
    let (failed, all) = (errors.len(), cases.len());
    assert!(
        errors.is_empty(),
        "{failed} of {all}:\n{}",
        errors.join("\n")
    );
    assert!(all > 0);
}

/// Checks that candidates evaluated together get the predictions of their single
/// fits, bit for bit.
fn families_are_exact<T: DenseTrainer>(json: &str) {
    let tables = tables();
    let cases: Vec<Case> = serde_json::from_str(json).unwrap();
    let mut seen = 0;
    for (at, case) in cases.iter().enumerate() {
        let same = |other: &&Case| {
            (&other.table, &other.target, other.weighted)
                == (&case.table, &case.target, case.weighted)
        };
        if cases[..at].iter().any(|before| same(&before)) {
            continue;
        }
        let family: Vec<Params> = cases
            .iter()
            .filter(same)
            .map(|case| params::<T>(&case.params))
            .collect();
        let table = &tables[&case.table];
        let (matrix, target) = (table.matrix(), table.target(&case.target));
        let weights = case.weighted.then_some(table.weights.as_slice());
        let data = DenseData::new(&matrix, &table.train, &target, weights);
        let sets: [&[u32]; 2] = [&table.test, &table.train];
        let mut found = vec![[Vec::new(), Vec::new()]; family.len()];
        T::evaluate(&data, &family, &sets, &mut |candidate, set, prediction| {
            found[candidate][set] = numbers(prediction);
            Ok(())
        })
        .unwrap();
        for (params, found) in family.iter().zip(found) {
            let model = T::fit(&data, params).unwrap();
            for (rows, found) in sets.iter().zip(found) {
                let alone = predicted::<T>(&model, &matrix, rows);
                let bits = |values: &[f64]| -> Vec<u64> {
                    values.iter().map(|value| value.to_bits()).collect()
                };
                assert_eq!(bits(&found), bits(&alone), "{params:?}");
                seen += 1;
            }
        }
    }
    assert!(seen > 0);
}

/// A test of the vectors of one trainer.
macro_rules! vectors {
    ($name:ident, $trainer:ty, $values:expr) => {
        mod $name {
            use super::*;

            const CASES: &str = include_str!(concat!("vectors/", stringify!($name), ".json"));

            #[test]
            fn equals_that_of_scikit_learn() {
                compare::<$trainer>(CASES, $values);
            }

            #[test]
            fn families_have_the_bits_of_single_fits() {
                families_are_exact::<$trainer>(CASES);
            }
        }
    };
}

vectors!(
    linear_regression,
    LinearRegression,
    predicted::<LinearRegression>
);
vectors!(ridge, Ridge, predicted::<Ridge>);
vectors!(
    ridge_classifier,
    RidgeClassifier,
    predicted::<RidgeClassifier>
);
vectors!(lasso, Lasso, predicted::<Lasso>);
vectors!(elastic_net, ElasticNet, predicted::<ElasticNet>);
vectors!(
    logistic_regression,
    LogisticRegression,
    predicted::<LogisticRegression>
);
vectors!(k_neighbors_classes, Neighbors, predicted::<Neighbors>);
vectors!(k_neighbors_numbers, Neighbors, predicted::<Neighbors>);
vectors!(
    gaussian_nb,
    GaussianNaiveBayes,
    predicted::<GaussianNaiveBayes>
);
vectors!(
    multinomial_nb,
    MultinomialNaiveBayes,
    predicted::<MultinomialNaiveBayes>
);
vectors!(linear_svc, LinearSvc, predicted::<LinearSvc>);
vectors!(pls_regression, PlsRegression, predicted::<PlsRegression>);
vectors!(svc, Svc, SvcModel::decisions);
vectors!(svc_predictions, Svc, predicted::<Svc>);
vectors!(svr, Svr, predicted::<Svr>);
