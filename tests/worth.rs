//! What the best candidate is worth: its predictions, what they tell, and how sure
//! it is that it is the best; over the real binary.

use std::collections::BTreeMap;
use std::path::Path;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array as _, RecordBatch};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

use crate::program::{Fanout, example, text};

const PLAN: &str = "
name: worth
dataset: {source: SOURCE, target: diagnosis, positive: malignant}
holdout: {fraction: 0.25, stratify: true, random_state: 1}
trainer: {name: random_forest, params: {random_state: 1}}
search: {params: {n_estimators: [2, 20], max_depth: [2, 6]}}
cv: {method: stratified_k_fold, n_splits: 3}
scoring: [roc_auc, accuracy]
predictions: true
";

fn plan(fanout: &Fanout) -> String {
    let source = example("data/breast_cancer.csv");
    fanout.write("plan.yaml", &PLAN.replace("SOURCE", &source))
}

/// The labels of the file.
fn labels() -> Vec<String> {
    let file = std::fs::read_to_string(example("data/breast_cancer.csv")).unwrap();
    let label = |line: &str| line.rsplit_once(',').unwrap().1.to_owned();
    file.lines().skip(1).map(label).collect()
}

fn run_id(report: &Value) -> String {
    report["digests"]["run"].as_str().unwrap().to_owned()
}

/// The rows of a table that was read.
struct Table(RecordBatch);

impl Table {
    fn read_parquet(path: &Path) -> Self {
        let file = std::fs::File::open(path).unwrap();
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
        let reader = reader.with_batch_size(1 << 20).build().unwrap();
        let batches: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
        Self::of(&batches)
    }

    fn read_arrow(path: &Path) -> Self {
        let file = std::fs::File::open(path).unwrap();
        let reader = arrow_ipc::reader::FileReader::try_new(file, None).unwrap();
        let batches: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
        Self::of(&batches)
    }

    fn of(batches: &[RecordBatch]) -> Self {
        let schema = batches[0].schema();
        let columns = (0..schema.fields().len()).map(|column| {
            let parts: Vec<_> = batches.iter().map(|of| of.column(column)).collect();
            let parts: Vec<_> = parts.iter().map(|part| part.as_ref()).collect();
            arrow_select::concat::concat(&parts).unwrap()
        });
        Self(RecordBatch::try_new(schema.clone(), columns.collect()).unwrap())
    }

    fn names(&self) -> Vec<String> {
        let schema = self.0.schema();
        schema.fields().iter().map(|of| of.name().clone()).collect()
    }

    fn texts(&self, name: &str) -> Vec<String> {
        let column = self.0.column_by_name(name).unwrap().as_string::<i32>();
        column.iter().map(|text| text.unwrap().to_owned()).collect()
    }

    fn numbers(&self, name: &str) -> Vec<f64> {
        let column = self.0.column_by_name(name).unwrap();
        assert_eq!(column.null_count(), 0);
        column.as_primitive::<Float64Type>().values().to_vec()
    }

    fn rows(&self) -> Vec<usize> {
        let column = self.0.column_by_name("row").unwrap();
        let rows = column.as_primitive::<Int64Type>().values().iter();
        rows.map(|row| usize::try_from(*row).unwrap()).collect()
    }
}

/// The file has every row once, tested or held out, with the label that the source
/// has there; what it says is what the run scored.
#[test]
fn the_predictions_of_the_best_candidate_are_written() {
    let fanout = Fanout::new();
    let plan = plan(&fanout);
    let report = fanout.json(&[&plan]);
    let run = run_id(&report);
    fanout.text(&["show", &run, "--predictions", "best.parquet"]);
    let table = Table::read_parquet(&fanout.path("best.parquet"));
    let probabilities = ["probability_benign", "probability_malignant"];
    let columns = ["row", "split", "target", "prediction"];
    assert_eq!(table.names(), [&columns[..], &probabilities].concat());
    let (rows, splits) = (table.rows(), table.texts("split"));
    let (target, predicted) = (table.texts("target"), table.texts("prediction"));
    let malignant = table.numbers("probability_malignant");
    let labels = labels();
    let mut sorted = rows.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, (0..labels.len()).collect::<Vec<_>>());
    let mut right: BTreeMap<&str, [f64; 2]> = BTreeMap::new();
    for (at, row) in rows.iter().enumerate() {
        assert_eq!(target[at], labels[*row]);
        assert_eq!(predicted[at] == "malignant", malignant[at] > 0.5);
        let counts = right.entry(&splits[at]).or_default();
        counts[0] += f64::from(u8::from(predicted[at] == target[at]));
        counts[1] += 1.0;
    }
    let accuracy = |split: &str| right[split][0] / right[split][1];
    let best = &report["best"];
    assert_eq!(right.len(), 4);
    for split in 0..3 {
        let scored = &best["scores"]["accuracy"]["splits"][split];
        assert_eq!(scored.as_f64(), Some(accuracy(&split.to_string())));
    }
    assert_eq!(
        best["holdout"]["accuracy"].as_f64(),
        Some(accuracy("holdout"))
    );

    // The other formats hold the same.
    fanout.text(&["show", &run, "--predictions", "best.arrow"]);
    assert_eq!(Table::read_arrow(&fanout.path("best.arrow")).0, table.0);
    fanout.text(&["show", &run, "--predictions", "best.csv"]);
    let csv = std::fs::read_to_string(fanout.path("best.csv")).unwrap();
    let mut lines = csv.lines();
    assert_eq!(lines.next(), Some(table.names().join(",").as_str()));
    let benign = table.numbers("probability_benign");
    let line = |at: usize| {
        let numbers = [benign[at], malignant[at]].map(|number| format!("{number:?}"));
        let texts = [&splits[at], &target[at], &predicted[at]].map(String::as_str);
        format!("{},{},{}", rows[at], texts.join(","), numbers.join(","))
    };
    assert!(lines.eq((0..rows.len()).map(line)));
}

/// Numbers have a prediction, and rows without a target are none.
#[test]
fn predictions_of_numbers_are_written() {
    let fanout = Fanout::new();
    let source = example("data/breast_cancer.csv");
    let plan = format!(
        "dataset: {{source: {source}, target: mean_area, learn: regression, drop: [diagnosis]}}\n\
         trainer: {{name: ridge}}\nsteps: [{{step: standard_scaler}}]\npredictions: true\n"
    );
    let plan = fanout.write("plan.yaml", &plan);
    let report = fanout.json(&[&plan]);
    fanout.text(&["show", &run_id(&report), "--predictions", "best.parquet"]);
    let table = Table::read_parquet(&fanout.path("best.parquet"));
    assert_eq!(table.names(), ["row", "split", "target", "prediction"]);
    let (target, predicted) = (table.numbers("target"), table.numbers("prediction"));
    let mean = target.iter().sum::<f64>() / target.len() as f64;
    let squares = |other: &dyn Fn(usize) -> f64| {
        let square = |(at, value): (usize, &f64)| (value - other(at)).powi(2);
        target.iter().enumerate().map(square).sum::<f64>()
    };
    let saved = 1.0 - squares(&|at| predicted[at]) / squares(&|_| mean);
    assert!((saved - report["best"]["mean"].as_f64().unwrap()).abs() < 0.01);
}

/// What can't be written is told with what to do.
#[test]
fn predictions_that_are_missing_are_told() {
    let fanout = Fanout::new();
    let plan = plan(&fanout);
    let report = fanout.json(&[&plan, "--set", "predictions=false"]);
    let show = |file: &str| {
        let output = fanout.run(&["show", &run_id(&report), "--predictions", file]);
        (output.status.code(), text(&output.stderr))
    };
    let (code, said) = show("best.xlsx");
    assert_eq!(code, Some(2), "{said}");
    assert!(
        said.contains("end it in .parquet, .csv or .arrow"),
        "{said}"
    );
    let (code, said) = show("best.csv");
    assert_eq!(code, Some(5), "{said}");
    assert!(
        said.contains("the store lacks predictions of candidate"),
        "{said}"
    );
    assert!(said.contains("`predictions: true`"), "{said}");
    assert!(!fanout.path("best.csv").exists());
}
