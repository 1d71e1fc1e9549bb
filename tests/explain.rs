//! What the section `explain` finds, over the real binary: against scikit-learn
//! (`tests/explain/vectors.py`) on rows of flights, on other pools, and when it is run
//! again.

use std::path::Path;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float64Type, UInt64Type};
use arrow_array::{Array as _, RecordBatch};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

use crate::program::{Fanout, example, text};

const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/explain/flights.csv");

/// Numbers are learnt from numbers and a category, which a step encodes.
const LINEAR: &str = "
name: linear
dataset: {source: TABLE, target: arr_delay, features: [month, dep_delay, distance, carrier]}
trainer: {name: linear_regression}
steps: [{step: one_hot_encoder, columns: categorical, params: {handle_unknown: ignore}}]
cv: {method: k_fold, n_splits: 3}
scoring: [r2, neg_mean_absolute_error]
explain:
  permutation_importance: {n_repeats: REPEATS, random_state: 42}
  partial_dependence:
    {features: [dep_delay, carrier, month], grid_resolution: 20, kind: both, subsample: 500}
output: linear
";

const BAYES: &str = "
name: bayes
dataset: {source: TABLE, target: late, features: [dep_delay, distance, sched_dep_time]}
trainer: {name: gaussian_nb}
steps: [{step: standard_scaler}]
cv: {method: k_fold, n_splits: 3}
scoring: [roc_auc, accuracy]
explain:
  permutation_importance: {n_repeats: REPEATS, random_state: 42}
  partial_dependence:
    {features: [sched_dep_time], grid_resolution: 20, kind: both, percentiles: [0.1, 0.8]}
output: bayes
";

fn plan(fanout: &Fanout, text: &str, repeats: usize) -> String {
    let text = text.replace("TABLE", TABLE);
    fanout.write("plan.yaml", &text.replace("REPEATS", &repeats.to_string()))
}

fn vectors(name: &str) -> Value {
    let vectors: Value = serde_json::from_str(include_str!("explain/vectors.json")).unwrap();
    vectors[name].clone()
}

fn numbers(values: &Value) -> Vec<f64> {
    let values = values.as_array().unwrap().iter();
    values.map(|value| value.as_f64().unwrap()).collect()
}

fn read(path: &Path) -> RecordBatch {
    let file = std::fs::File::open(path).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let reader = reader.with_batch_size(1 << 20).build().unwrap();
    let batches: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
    let [batch] = <[_; 1]>::try_from(batches).unwrap();
    batch
}

fn texts(batch: &RecordBatch, name: &str) -> Vec<Option<String>> {
    let column = batch.column_by_name(name).unwrap().as_string::<i32>();
    column.iter().map(|text| text.map(str::to_owned)).collect()
}

fn near(found: f64, expected: f64, what: &str) {
    let error = (found - expected).abs() / expected.abs().max(1.0);
    assert!(error <= 1e-9, "{what}: {found} {expected}");
}

/// Every repeat of every split has the score that scikit-learn gives the same
/// permutation.
fn permutes_as_scikit_learn(text: &str, name: &str) {
    let fanout = Fanout::new();
    let report = fanout.json(&[&plan(&fanout, text, 3)]);
    let told = &report["explanations"]["permutation_importance"];
    assert_eq!(told["of"], "out_of_fold");
    assert_eq!(told["n_repeats"], 3);
    let table = read(&fanout.path(name).join("permutation_importance.parquet"));
    let (metrics, features) = (texts(&table, "metric"), texts(&table, "feature"));
    let importances = table.column_by_name("importances").unwrap();
    let importances = importances.as_list::<i32>();
    let moments = ["importances_mean", "importances_std"].map(|name| {
        let column = table.column_by_name(name).unwrap();
        column.as_primitive::<Float64Type>().values().to_vec()
    });
    let order: Vec<&str> = match name {
        "linear" => vec!["month", "dep_delay", "distance", "carrier"],
        _ => vec!["dep_delay", "distance", "sched_dep_time"],
    };
    let expected = &vectors(name)["importances"];
    assert_eq!(table.num_rows(), order.len() * 2);
    for row in 0..table.num_rows() {
        let (metric, feature) = (metrics[row].as_ref(), features[row].as_ref());
        let (metric, feature) = (metric.unwrap(), feature.unwrap());
        let place = order.iter().position(|name| name == feature).unwrap();
        let expected = numbers(&expected[metric][place]);
        let found = importances.value(row);
        let found = found.as_primitive::<Float64Type>().values();
        assert_eq!(found.len(), 9);
        for (found, expected) in found.iter().zip(&expected) {
            near(*found, *expected, feature);
        }
        let mean = expected.iter().sum::<f64>() / 9.0;
        let square = expected.iter().map(|one| (one - mean).powi(2));
        near(moments[0][row], mean, feature);
        near(moments[1][row], (square.sum::<f64>() / 9.0).sqrt(), feature);
    }
}

#[test]
fn features_are_permuted_before_the_steps_as_by_scikit_learn() {
    permutes_as_scikit_learn(LINEAR, "linear");
    permutes_as_scikit_learn(BAYES, "bayes");
}

/// Other permutations give importances within two standard errors of those that
/// scikit-learn draws.
#[test]
fn importances_agree_with_those_of_permutation_importance() {
    for (plan_text, name) in [(LINEAR, "linear"), (BAYES, "bayes")] {
        let fanout = Fanout::new();
        let report = fanout.json(&[&plan(&fanout, plan_text, 200)]);
        let told = &report["explanations"]["permutation_importance"];
        let features = told["features"].as_array().unwrap();
        let order: Vec<&str> = match name {
            "linear" => vec!["month", "dep_delay", "distance", "carrier"],
            _ => vec!["dep_delay", "distance", "sched_dep_time"],
        };
        for (metric, expected) in vectors(name)["scikit_learn"].as_object().unwrap() {
            let means = numbers(&told["metrics"][metric]["importances_mean"]);
            let expected_means = numbers(&expected["mean"]);
            let errors = numbers(&expected["standard_error"]);
            for (feature, mean) in features.iter().zip(means) {
                let place = order.iter().position(|name| feature == name).unwrap();
                let (expected, error) = (expected_means[place], errors[place]);
                assert!(
                    (mean - expected).abs() <= 2.0 * error,
                    "{metric} {feature}: {mean}, not {expected} ± {error}"
                );
            }
        }
    }
}

/// Means and single predictions are those of `partial_dependence`.
#[test]
fn dependences_are_those_of_scikit_learn() {
    for (plan_text, name) in [(LINEAR, "linear"), (BAYES, "bayes")] {
        let fanout = Fanout::new();
        let report = fanout.json(&[&plan(&fanout, plan_text, 1)]);
        let table = read(&fanout.path(name).join("partial_dependence.parquet"));
        let told = &report["explanations"]["partial_dependence"];
        assert_eq!(told["rows"], 300);
        compare_dependences(&table, &vectors(name)["dependence"]);
        let command = |arguments: &[&str]| {
            let model = format!("{name}/model.fanout");
            let all = [&["model", "dependence", &model, TABLE], arguments].concat();
            fanout.text(&all)
        };
        // The model of the run says the same of the rows of the file.
        if name == "bayes" {
            let options = ["--features", "sched_dep_time", "--grid-resolution", "20"];
            let more = [
                "--percentiles",
                "0.1,0.8",
                "--kind",
                "both",
                "-o",
                "d.parquet",
            ];
            command(&[&options[..], &more].concat());
            assert_eq!(read(&fanout.path("d.parquet")), table);
            let json: Value = serde_json::from_str(&command(&["--json"])).unwrap();
            let features = json["features"].as_array().unwrap();
            let features: Vec<&Value> = features.iter().map(|of| &of["feature"]).collect();
            assert_eq!(features, ["dep_delay", "distance", "sched_dep_time"]);
            let arguments = ["model", "dependence", "bayes/model.fanout", TABLE];
            let refused = fanout.run(&[&arguments[..], &["--features", "late"]].concat());
            assert!(!refused.status.success());
            assert!(text(&refused.stderr).contains("the model has no feature `late`"));
        }
    }
}

fn compare_dependences(table: &RecordBatch, expected: &Value) {
    let (features, categories) = (texts(table, "feature"), texts(table, "category"));
    let values = table.column_by_name("value").unwrap();
    let values = values.as_primitive::<Float64Type>();
    let rows = table.column_by_name("row").unwrap();
    let rows = rows.as_primitive::<UInt64Type>();
    let predictions = table.column_by_name("prediction").unwrap();
    let predictions = predictions.as_primitive::<Float64Type>();
    let of_row = |feature: &str, row: Option<u64>| -> Vec<usize> {
        let all = 0..table.num_rows();
        let suits = |&at: &usize| {
            let of = (!rows.is_null(at)).then(|| rows.value(at));
            features[at].as_deref() == Some(feature) && of == row
        };
        all.filter(suits).collect()
    };
    for expected in expected.as_array().unwrap() {
        let feature = expected["feature"].as_str().unwrap();
        let means = of_row(feature, None);
        let points = expected["values"].as_array().unwrap();
        assert_eq!(means.len(), points.len(), "{feature}");
        let average = numbers(&expected["average"][0]);
        for ((at, point), mean) in means.iter().zip(points).zip(average) {
            match point.as_f64() {
                Some(point) => near(values.value(*at), point, feature),
                None => assert_eq!(categories[*at].as_deref(), point.as_str()),
            }
            near(predictions.value(*at), mean, feature);
        }
        for (row, of) in expected["individual"][0]
            .as_array()
            .unwrap()
            .iter()
            .enumerate()
        {
            let found = of_row(feature, Some(row as u64));
            assert_eq!(found.len(), points.len());
            for (at, prediction) in found.iter().zip(numbers(of)) {
                near(predictions.value(*at), prediction, feature);
            }
        }
    }
}

const FOREST: &str = "
name: forest
dataset: {source: SOURCE, target: diagnosis, positive: malignant}
holdout: {fraction: 0.25, stratify: true, random_state: 1}
trainer: {name: random_forest, params: {random_state: 1, n_estimators: 10}}
cv: {method: stratified_k_fold, n_splits: 3}
scoring: [roc_auc, accuracy]
explain: true
output: forest
";

/// All of it for trees: the hold-out rows are permuted, and importances and SHAP values
/// are those of the model's commands.
#[test]
fn trees_are_explained_in_full() {
    let fanout = Fanout::new();
    let plan = fanout.write(
        "plan.yaml",
        &FOREST.replace("SOURCE", &example("data/breast_cancer.csv")),
    );
    let report = fanout.json(&[&plan]);
    assert_eq!(report["warnings"], serde_json::json!([]));
    let told = &report["explanations"];
    assert_eq!(told["permutation_importance"]["of"], "holdout");
    let ranked = told["permutation_importance"]["features"]
        .as_array()
        .unwrap();
    assert_eq!(ranked.len(), 30);
    let of = told["partial_dependence"]["features"].as_array().unwrap();
    let of: Vec<&Value> = of.iter().map(|of| &of["feature"]).collect();
    assert_eq!(of, ranked[..5].iter().collect::<Vec<_>>());
    let folder = fanout.path("forest");
    let model = "forest/model.fanout";
    fanout.text(&["model", "importance", model, "-o", "own.parquet"]);
    assert_eq!(
        read(&folder.join("importances.parquet")),
        read(&fanout.path("own.parquet"))
    );
    let source = example("data/breast_cancer.csv");
    fanout.text(&["model", "explain", model, &source, "-o", "shap.parquet"]);
    let shap = read(&folder.join("shap.parquet"));
    let rows = shap.column_by_name("row").unwrap();
    let rows = rows.as_primitive::<UInt64Type>().values().to_vec();
    assert_eq!(rows, (0..569).collect::<Vec<u64>>());
    let columns: Vec<usize> = (1..shap.num_columns()).collect();
    let without_rows = shap.project(&columns).unwrap();
    assert_eq!(without_rows, read(&fanout.path("shap.parquet")));
    let shown = fanout.text(&["run", &plan]);
    assert!(shown.contains("permuted  impurity  mean |SHAP|"), "{shown}");
    assert!(
        shown.contains("Mean predictions of all 569 rows:"),
        "{shown}"
    );

    // The store alone tells the same, and writes the same files.
    let run = report["digests"]["run"].as_str().unwrap();
    let show = ["show", run, "--store", ".fanout"];
    let json = fanout.text(&[&show[..], &["--json", "--output", "shown"]].concat());
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["explanations"], report["explanations"]);
    assert_eq!(json["warnings"], report["warnings"]);
    for name in [
        "permutation_importance",
        "partial_dependence",
        "importances",
        "shap",
    ] {
        let [here, there] = ["forest", "shown"]
            .map(|folder| fanout.path(folder).join(name).with_extension("parquet"));
        assert_eq!(read(&here), read(&there), "{name}");
    }
    let told = fanout.text(&show);
    assert!(told.contains("permuted  impurity  mean |SHAP|"), "{told}");

    // A plan without it has the same run, and leaves none of its files.
    let without = fanout.json(&[&plan, "--set", "explain=null"]);
    assert_eq!(without["digests"], report["digests"]);
    assert_eq!(without["explanations"], Value::Null);
    assert!(!folder.join("shap.parquet").exists());
}

/// What was permuted is found in the store: nothing that takes time is done again.
#[test]
fn permutations_are_not_made_again() {
    let fanout = Fanout::new();
    let text = LINEAR.replace("  partial_dependence:\n    {features: [dep_delay, carrier, month], grid_resolution: 20, kind: both, subsample: 500}\n", "");
    let plan = plan(&fanout, &text, 2);
    let first = fanout.json(&[&plan]);
    let parts = fanout.objects("tasks").len();
    // A fit takes longer than this.
    let again = fanout.json(&[&plan, "--set", "limits.timeout=1ms"]);
    assert_eq!(again["explanations"], first["explanations"]);
    assert_eq!(fanout.objects("tasks").len(), parts);
    // Another seed is other tasks.
    let other = fanout.json(&[
        &plan,
        "--set",
        "explain.permutation_importance.random_state=1",
    ]);
    assert_ne!(other["explanations"], first["explanations"]);
    // One a feature and split.
    assert_eq!(fanout.objects("tasks").len(), parts + 12);
}

/// A model that has no importances of its own is explained as far as it goes.
#[test]
fn what_a_model_can_not_tell_is_a_warning() {
    let fanout = Fanout::new();
    let text = LINEAR.split("explain:").next().unwrap().to_owned() + "explain: true\n";
    let report = fanout.json(&[&plan(&fanout, &text, 1)]);
    assert_eq!(report["failure"], Value::Null);
    let warnings = report["warnings"].as_array().unwrap();
    let warned = |of: &str| {
        let mut all = warnings.iter().filter_map(Value::as_str);
        all.any(|warning| warning.starts_with("not explained: ") && warning.contains(of))
    };
    assert!(warned("has no importances of its own"), "{warnings:?}");
    assert!(warned("has no contributions of features"), "{warnings:?}");
    let told = &report["explanations"];
    let run = report["digests"]["run"].as_str().unwrap();
    let shown = fanout.text(&["show", run, "--store", ".fanout", "--json"]);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["explanations"], *told);
    assert_eq!(shown["warnings"], report["warnings"]);
    assert_eq!(told["importances"], Value::Null);
    assert_eq!(
        told["partial_dependence"]["features"]
            .as_array()
            .unwrap()
            .len(),
        4
    );
}
