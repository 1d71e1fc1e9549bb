//! What the best candidate is worth: its predictions, what they tell, and how sure
//! it is that it is the best; over the real binary.

use std::collections::BTreeMap;
use std::path::Path;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array as _, RecordBatch};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

use crate::program::{Fanout, example, made, text};

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
        let reader = arrow_ipc::reader::StreamReader::try_new(file, None).unwrap();
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
        said.contains("ends in `.csv`, `.parquet` or `.arrow`"),
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

/// The folder of results, and what it says, of a plan with `more` lines.
fn assessed(fanout: &Fanout, more: &str) -> (Value, Value, Value) {
    let source = example("data/breast_cancer.csv");
    let plan = PLAN.replace("SOURCE", &source) + "output: out\n";
    // A search of its own is in place of the plan's.
    let plan = match more.contains("search") {
        true => plan
            .lines()
            .filter(|line| !line.starts_with("search"))
            .fold(String::new(), |plan, line| plan + line + "\n"),
        false => plan,
    } + more;
    let plan = fanout.write("plan.yaml", &plan);
    let report = fanout.json(&[&plan]);
    let read = |name: &str| -> Value {
        let file = std::fs::read(fanout.path("out").join(name)).unwrap();
        serde_json::from_slice(&file).unwrap()
    };
    let (worth, best) = (read("worth.json"), read("best.json"));
    (report, worth, best["best"].clone())
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value}"))
}

/// What is told of classes agrees with the predictions, in the folder, with `--json`,
/// in the terminal, and from the store alone.
#[test]
fn classes_are_assessed() {
    let fanout = Fanout::new();
    let (report, worth, best) = assessed(&fanout, "");
    let run = run_id(&report);
    let told = |of: &str| (&report["worth"][of], &worth[of]);
    for of in ["out_of_fold", "holdout"] {
        let (printed, written) = told(of);
        assert_eq!(printed, written);
        for (metric, score) in written["scores"].as_object().unwrap() {
            let [score, low, high] = ["score", "low", "high"].map(|end| number(&score[end]));
            assert!(
                low < score && score < high,
                "{of} {metric}: {low} {score} {high}"
            );
        }
    }
    assert_eq!(worth["index"], best["index"]);
    let held_out = &worth["holdout"]["scores"];
    for metric in ["roc_auc", "accuracy"] {
        assert_eq!(held_out[metric]["score"], best["holdout"][metric]);
    }

    fanout.text(&[
        "show",
        &run,
        "--predictions",
        "best.parquet",
        "--output",
        "again",
    ]);
    let table = Table::read_parquet(&fanout.path("best.parquet"));
    let (target, predicted) = (table.texts("target"), table.texts("prediction"));
    let splits = table.texts("split");
    let count = |truth: &str, named: &str| {
        let rows = (0..splits.len()).filter(|at| splits[*at] != "holdout");
        let rows = rows.filter(|at| target[*at] == truth && predicted[*at] == named);
        rows.count() as f64
    };
    let report_of = &worth["out_of_fold"]["classification_report"];
    let labels = ["benign", "malignant"];
    for (at, truth) in labels.into_iter().enumerate() {
        assert_eq!(report_of["classes"][at]["label"], truth);
        for (other, named) in labels.into_iter().enumerate() {
            let cell = &report_of["confusion_matrix"][at][other];
            assert_eq!(number(cell), count(truth, named));
        }
    }
    let recall = count("malignant", "malignant")
        / (count("malignant", "malignant") + count("malignant", "benign"));
    assert_eq!(number(&report_of["classes"][1]["recall"]), recall);
    let bins = worth["out_of_fold"]["calibration"][0]["uniform"]
        .as_array()
        .unwrap();
    let rows: f64 = bins.iter().map(|bin| number(&bin["rows"])).sum();
    assert_eq!(rows, number(&worth["out_of_fold"]["rows"]));

    // The area under the points is the score.
    let points = Table::read_parquet(&fanout.path("out/roc.parquet"));
    let (rows, fpr, tpr) = (
        points.texts("rows"),
        points.numbers("fpr"),
        points.numbers("tpr"),
    );
    for of in ["out_of_fold", "holdout"] {
        let places = (0..rows.len())
            .filter(|at| rows[*at] == of)
            .collect::<Vec<_>>();
        let areas = places.windows(2).map(|pair| {
            let [a, b] = [pair[0], pair[1]];
            (fpr[b] - fpr[a]) * (tpr[a] + tpr[b]) / 2.0
        });
        let score = number(&worth[of]["scores"]["roc_auc"]["score"]);
        assert!((areas.sum::<f64>() - score).abs() < 1e-12);
    }
    let points = Table::read_parquet(&fanout.path("out/precision_recall.parquet"));
    assert_eq!(
        points.names(),
        ["rows", "class", "precision", "recall", "threshold"]
    );
    assert!(
        points
            .texts("class")
            .iter()
            .all(|class| class == "malignant")
    );

    // From the store, the same; running again makes nothing and says the same.
    let shown: Value = serde_json::from_str(&fanout.text(&["show", &run, "--json"])).unwrap();
    assert_eq!(shown["worth"], report["worth"]);
    assert_eq!(shown["best"]["lead"], report["best"]["lead"]);
    for name in ["worth.json", "roc.parquet", "precision_recall.parquet"] {
        let read = |folder: &str| std::fs::read(fanout.path(folder).join(name)).unwrap();
        assert!(read("out") == read("again"), "{name}");
    }
    let again = fanout.json(&["plan.yaml"]);
    assert_eq!((made(&again), &again["worth"]), (0, &report["worth"]));
    let table = fanout.text(&["show", &run]);
    let told = table.replace('\n', " ");
    for part in [
        "Out of fold, 426 rows: roc_auc 0.",
        "On the hold-out rows: roc_auc 0.",
        "benign: precision 0.",
        "How sure: candidate",
    ] {
        assert!(told.contains(part), "{part} in {table}");
    }
}

/// Numbers have residuals, and intervals that hold what they promise.
#[test]
fn numbers_are_assessed() {
    let fanout = Fanout::new();
    let source = example("data/breast_cancer.csv");
    let plan = format!(
        "dataset: {{source: {source}, target: mean_area, learn: regression, drop: [diagnosis]}}\n\
         trainer: {{name: random_forest, params: {{n_estimators: 20}}}}\noutput: out\n\
         holdout: {{fraction: 0.4}}\npredictions: true\nscoring: [r2, neg_mean_absolute_error]\n\
         cv: {{method: repeated_k_fold, n_splits: 3, n_repeats: 2}}\n"
    );
    let report = fanout.json(&[&fanout.write("plan.yaml", &plan)]);
    let worth = &report["worth"];
    // Every row once, though every repeat tests it.
    assert_eq!(number(&worth["out_of_fold"]["rows"]), 341.0);
    assert!(worth["out_of_fold"]["classification_report"].is_null());
    let quantiles = worth["out_of_fold"]["residuals"]["quantiles"]
        .as_array()
        .unwrap();
    assert!(quantiles.is_sorted_by_key(|pair| number(&pair[1])));
    for interval in worth["prediction_intervals"].as_array().unwrap() {
        let off = number(&interval["holdout"]) - number(&interval["coverage"]);
        // The refitted model has learnt from more rows than those of the splits.
        assert!(-0.05 < off && off < 0.15, "{interval}");
    }
    assert!(!fanout.path("out/roc.parquet").exists());
    let table = fanout.text(&["show", &run_id(&report)]);
    assert!(table.contains("90 % of new rows are within"), "{table}");
    // A run without predictions or hold-out removes what an earlier one left.
    fanout.write(
        "plan.yaml",
        &plan
            .replace("predictions: true\n", "")
            .replace("holdout", "#"),
    );
    let report = fanout.json(&["plan.yaml"]);
    assert!(report["worth"].is_null() && !fanout.path("out/worth.json").exists());
}

/// The lead is that of the first two that differ, and the table says it.
#[test]
fn how_sure_it_is_that_the_best_is_the_best() {
    let fanout = Fanout::new();
    let (report, _, best) = assessed(&fanout, "");
    let lead = &best["lead"];
    assert_eq!(lead, &report["best"]["lead"]);
    assert_eq!(lead["ahead"], best["index"]);
    let scores = |candidate: &Value| -> Vec<f64> {
        let candidate = candidate.as_u64().unwrap() as usize;
        let split = |split: usize| &report["cv_results"][format!("split{split}_test_roc_auc")];
        (0..3).map(|at| number(&split(at)[candidate])).collect()
    };
    let (ahead, behind) = (scores(&lead["ahead"]), scores(&lead["behind"]));
    let differences: Vec<f64> = ahead.iter().zip(&behind).map(|(a, b)| a - b).collect();
    let mean = differences.iter().sum::<f64>() / 3.0;
    assert!((number(&lead["difference"]) - mean).abs() < 1e-12);
    let squares: f64 = differences.iter().map(|of| (of - mean).powi(2)).sum();
    // Test rows are half of the training rows. With two degrees of freedom, the
    // quantile is 4.3027.
    let deviation = (squares / 2.0 * (1.0 / 3.0 + 0.5)).sqrt();
    let width = (number(&lead["high"]) - number(&lead["low"])) / 2.0;
    assert!(
        (width / deviation - 4.302_652_729_696_1).abs() < 1e-9,
        "{width} {deviation}"
    );
    let sentence = lead["sentence"].as_str().unwrap();
    assert!(sentence.starts_with(&format!("candidate {} is ahead of", lead["ahead"])));
}

/// The simplest candidate within one standard error is chosen, shown, refitted, and
/// said to be so.
#[test]
fn the_simplest_within_one_standard_error_is_chosen() {
    let fanout = Fanout::new();
    let rule = "search: {params: {n_estimators: [18, 20], max_depth: [3, 4, 6]}}\n\
                refit: {rule: one_standard_error, simplest: [max_depth, n_estimators]}\n";
    let (report, _, best) = assessed(&fanout, rule);
    let results = &report["cv_results"];
    let column = |name: &str| -> Vec<f64> {
        let column = results[name].as_array().unwrap();
        column.iter().map(number).collect()
    };
    let (means, std) = (column("mean_test_roc_auc"), column("std_test_roc_auc"));
    let ranks = column("rank_test_roc_auc");
    let top = ranks.iter().position(|rank| *rank == 1.0).unwrap();
    let error = std[top] / 2.0_f64.sqrt();
    let within = (0..means.len()).filter(|at| means[*at] >= means[top] - error);
    let within: Vec<usize> = within.collect();
    let (depth, trees) = (column("param_max_depth"), column("param_n_estimators"));
    let size = |at: &usize| (depth[*at] as u32, trees[*at] as u32);
    let simplest = within.iter().copied().min_by_key(size).unwrap();
    assert_eq!(number(&best["index"]), simplest as f64);
    assert_ne!(simplest, top);
    let told = &best["rule"];
    assert_eq!(told["name"], "one_standard_error");
    assert_eq!(number(&told["best_index"]), top as f64);
    assert!((number(&told["standard_error"]) - error).abs() < 1e-12);
    assert_eq!(number(&told["within"]), within.len() as f64);
    // The hold-out is scored with the chosen one, as from the store alone.
    let run = run_id(&report);
    let shown: Value = serde_json::from_str(&fanout.text(&["show", &run, "--json"])).unwrap();
    assert_eq!(shown["best"]["holdout"], best["holdout"]);
    assert_eq!(shown["best"]["index"], best["index"]);
    let table = fanout.text(&["show", &run]);
    for part in ["Chosen by roc_auc", "It is the simplest of"] {
        assert!(table.contains(part), "{table}");
    }
    // Without the rule, the run is another, and the best is chosen.
    let (_, _, best) = assessed(&fanout, rule.split("refit").next().unwrap());
    assert_eq!(number(&best["index"]), top as f64);
    assert!(best["rule"].is_null());
}

/// A threshold is tuned on predictions that are there, or that are made for it, and is
/// what a search by hand finds.
#[test]
fn a_threshold_is_tuned() {
    let fanout = Fanout::new();
    let threshold = "threshold: f1\n";
    let (report, _, best) = assessed(&fanout, threshold);
    let tuned = &best["threshold"];
    assert_eq!(
        (&tuned["positive"], &tuned["of"]),
        (&"malignant".into(), &"probability".into())
    );
    let (at, score) = (number(&tuned["threshold"]), number(&tuned["score"]));
    assert!(score >= number(&tuned["untuned_score"]));
    fanout.text(&["show", &run_id(&report), "--predictions", "best.parquet"]);
    let table = Table::read_parquet(&fanout.path("best.parquet"));
    let (splits, target) = (table.texts("split"), table.texts("target"));
    let malignant = table.numbers("probability_malignant");
    let f1 = |threshold: f64| {
        let of_split = |split: usize| {
            let rows = (0..splits.len()).filter(|at| splits[*at] == split.to_string());
            let (mut hits, mut named, mut are) = (0.0, 0.0, 0.0);
            for row in rows {
                let (is, says) = (target[row] == "malignant", malignant[row] >= threshold);
                hits += f64::from(u8::from(is && says));
                named += f64::from(u8::from(says));
                are += f64::from(u8::from(is));
            }
            2.0 * hits / (named + are)
        };
        (0..3).map(of_split).sum::<f64>() / 3.0
    };
    // Scores are interpolated between 100 thresholds.
    assert!((f1(at) - score).abs() < 0.01, "{} {score}", f1(at));
    let best_of_all = (1..1000)
        .map(|at| f1(f64::from(at) / 1000.0))
        .fold(0.0, f64::max);
    assert!(best_of_all - score < 0.01, "{best_of_all} {score}");
    let shown: Value =
        serde_json::from_str(&fanout.text(&["show", &run_id(&report), "--json"])).unwrap();
    assert_eq!(&shown["best"]["threshold"], tuned);
    assert!(
        fanout
            .text(&["show", &run_id(&report)])
            .contains("Threshold: malignant from")
    );

    // The model predicts by it.
    let data = example("data/breast_cancer.csv");
    let predict = [
        "predict",
        "out/model.fanout",
        &data,
        "--probabilities",
        "-o",
        "new.parquet",
    ];
    fanout.text(&predict);
    let table = Table::read_parquet(&fanout.path("new.parquet"));
    let (labels, ones) = (
        table.texts("prediction"),
        table.numbers("probability_malignant"),
    );
    let mut both = labels.iter().zip(&ones);
    assert!(both.all(|(label, one)| (label == "malignant") == (*one >= at)));
    assert!(ones.iter().any(|one| (*one > 0.5) != (*one >= at)));

    // Without predictions in the store, those of one candidate are made.
    let other = Fanout::new();
    let source = example("data/breast_cancer.csv");
    let plan = PLAN
        .replace("SOURCE", &source)
        .replace("predictions: true", threshold);
    let report = other.json(&[&other.write("plan.yaml", &plan)]);
    assert_eq!(&report["best"]["threshold"], tuned);
    assert!(report["worth"]["out_of_fold"].is_object());
    // Three splits, and the hold-out rows.
    assert_eq!(other.objects("artifacts").len(), 4);
}

/// A trainer without probabilities is tuned by its decisions, and its model predicts by
/// them.
#[test]
fn a_threshold_of_decisions_is_tuned() {
    let data = example("data/breast_cancer.csv");
    let plan = format!(
        "dataset: {{source: {data}, target: diagnosis, positive: malignant}}\noutput: out\n\
         trainer: {{name: ridge_classifier}}\nsteps: [{{step: standard_scaler}}]\n"
    );
    let costs = "threshold: {metric: neg_mean_cost, params: {costs: \
                 {malignant: {benign: 100}, benign: {malignant: 1}}}}\n";
    let named = |more: &str| {
        let fanout = Fanout::new();
        let report = fanout.json(&[&fanout.write("plan.yaml", &(plan.clone() + more))]);
        fanout.text(&["predict", "out/model.fanout", &data, "-o", "new.parquet"]);
        let labels = Table::read_parquet(&fanout.path("new.parquet")).texts("prediction");
        let count = labels.iter().filter(|label| *label == "malignant").count();
        (report["best"]["threshold"].clone(), count)
    };
    let ((none, before), (tuned, after)) = (named(""), named(costs));
    assert!(none.is_null());
    assert_eq!(tuned["of"], "decision");
    assert!(number(&tuned["threshold"]) < 0.0, "{tuned}");
    assert!(after > before, "{before} {after}");
}

/// What can't be tuned is a warning beside the results.
#[test]
fn a_threshold_that_is_not_found_is_a_warning() {
    let fanout = Fanout::new();
    let source = example("data/breast_cancer.csv");
    let plan = format!(
        "dataset: {{source: {source}, target: diagnosis}}\ntrainer: {{name: dummy}}\nthreshold: f1\n"
    );
    let report = fanout.json(&[&fanout.write("plan.yaml", &plan)]);
    assert!(report["best"]["threshold"].is_null());
    let warned = report["warnings"].to_string();
    assert!(
        warned.contains("no threshold was tuned: the model gives the same number"),
        "{warned}"
    );
}
