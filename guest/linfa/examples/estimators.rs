//! Times one estimator on one table that `bench/estimators.py` wrote, which calls
//! it: `speed FOLDER TABLE ESTIMATOR`. Prints the processor's seconds of the best
//! of three fits.

use std::path::Path;

use fanout_linfa::*;
use fanout_sdk::contract::{Columns, TaskStep};
use fanout_sdk::dense::{DenseData, DenseTrainer};
use fanout_sdk::matrix::{Block, CategoryColumn, Shared};
use fanout_sdk::pipeline::FitRows;
use fanout_sdk::{Matrix, Params, Pipeline, StepCache, Target};
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize)]
struct Header {
    rows: usize,
    numbers: Vec<String>,
    /// In the order of the file.
    categories: Vec<(String, Vec<String>)>,
    classes: u32,
}

/// The table as numbers and categories, and its targets of classes and numbers.
fn read(folder: &Path, name: &str) -> (Matrix, Target, Target) {
    let header = std::fs::read_to_string(folder.join(format!("{name}.json"))).unwrap();
    let header: Header = serde_json::from_str(&header).unwrap();
    let bytes = std::fs::read(folder.join(format!("{name}.bin"))).unwrap();
    let (numbers, _) = bytes.as_chunks::<8>();
    let mut columns = numbers.chunks_exact(header.rows).map(|column| {
        let values = column.iter().map(|bytes| f64::from_le_bytes(*bytes));
        values.collect::<Vec<f64>>()
    });
    let mut blocks: Vec<Block> = header
        .numbers
        .iter()
        .map(|name| Block::number(name, columns.next().unwrap()))
        .collect();
    for (name, labels) in header.categories {
        let codes = columns.next().unwrap();
        blocks.push(Block::Category(CategoryColumn {
            name,
            labels: Shared::new(labels),
            codes: Shared::new(codes.iter().map(|&code| code as u32).collect()),
        }));
    }
    let classes = Target::Classes {
        classes: (0..header.classes).map(|class| class.to_string()).collect(),
        codes: columns
            .next()
            .unwrap()
            .iter()
            .map(|&code| code as u32)
            .collect(),
    };
    let numbers = Target::Numbers(columns.next().unwrap());
    (Matrix::new(header.rows, blocks), classes, numbers)
}

/// The processor's seconds of this process.
fn seconds() -> f64 {
    let told = std::fs::read_to_string("/proc/self/schedstat").unwrap();
    told.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9
}

fn best(mut run: impl FnMut()) {
    let mut best = f64::INFINITY;
    for _ in 0..3 {
        // The kernel counts in ticks of milliseconds.
        let (start, mut runs) = (seconds(), 0);
        while runs == 0 || seconds() - start < 0.2 {
            run();
            runs += 1;
        }
        best = best.min((seconds() - start) / f64::from(runs));
    }
    print_line(&format!("{best}"));
}

#[expect(clippy::print_stdout, reason = "what the example is for")]
fn print_line(line: &str) {
    println!("{line}");
}

fn params<T: DenseTrainer>(changes: serde_json::Value) -> Params {
    let defaults = T::description().params.into_iter();
    let mut params: Params = defaults.map(|param| (param.name, param.default)).collect();
    if let serde_json::Value::Object(changes) = changes {
        params.extend(changes);
    }
    params
}

fn fit<T: DenseTrainer>(matrix: &Matrix, target: &Target, changes: serde_json::Value) {
    let rows = matrix.all_rows();
    let params = params::<T>(changes);
    best(|| {
        let data = DenseData::new(matrix, &rows, target, None);
        T::fit(&data, &params).unwrap();
    });
}

/// k from 1 to 50 by two weights on one of three folds.
fn all_neighbors(matrix: &Matrix, target: &Target) {
    let (test, train): (Vec<u32>, Vec<u32>) =
        matrix.all_rows().iter().partition(|row| *row % 3 == 0);
    let mut candidates = Vec::new();
    for count in 1..=50 {
        for weights in ["uniform", "distance"] {
            let changes = json!({"n_neighbors": count, "weights": weights});
            candidates.push(params::<Neighbors>(changes));
        }
    }
    best(|| {
        let data = DenseData::new(matrix, &train, target, None);
        Neighbors::evaluate(&data, &candidates, &[&test], &mut |_, _, _| Ok(())).unwrap();
    });
}

/// Scales numbers and encodes categories.
fn encode(matrix: &Matrix, target: &Target) -> Matrix {
    let step = |name: &str, columns| TaskStep {
        name: name.to_owned(),
        step: name.to_owned(),
        columns,
        params: Params::new(),
    };
    let steps = [
        step("simple_imputer", Columns::Numeric),
        step("standard_scaler", Columns::Numeric),
        step("one_hot_encoder", Columns::Categorical),
    ];
    let rows = FitRows {
        key: "",
        target,
        train: &matrix.all_rows(),
        test: &[],
        weights: None,
    };
    Pipeline::fit(&steps, matrix, &rows, &mut StepCache::new(0))
        .unwrap()
        .1
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let (matrix, classes, numbers) = read(Path::new(&args[1]), &args[2]);
    let matrix = encode(&matrix, &numbers);
    match (args[3].as_str(), args[2].as_str()) {
        ("linear_regression", _) => fit::<LinearRegression>(&matrix, &numbers, json!({})),
        ("ridge", _) => fit::<Ridge>(&matrix, &numbers, json!({})),
        ("ridge_classifier", _) => fit::<RidgeClassifier>(&matrix, &classes, json!({})),
        ("logistic_regression", _) => fit::<LogisticRegression>(&matrix, &classes, json!({})),
        ("lasso", "clouds") => fit::<Lasso>(&matrix, &numbers, json!({"alpha": 0.001})),
        ("lasso", _) => fit::<Lasso>(&matrix, &numbers, json!({"alpha": 0.01})),
        ("elastic_net", _) => fit::<ElasticNet>(&matrix, &numbers, json!({"alpha": 0.01})),
        ("gaussian_nb", _) => fit::<GaussianNaiveBayes>(&matrix, &classes, json!({})),
        ("linear_svc", _) => fit::<LinearSvc>(&matrix, &classes, json!({})),
        ("pls_regression", _) => {
            fit::<PlsRegression>(&matrix, &numbers, json!({"n_components": 5}))
        }
        ("svc", _) => fit::<Svc>(&matrix, &classes, json!({})),
        ("svr", _) => fit::<Svr>(&matrix, &numbers, json!({})),
        ("k_neighbors", _) => all_neighbors(&matrix, &classes),
        (name, _) => panic!("no estimator `{name}`"),
    }
}
