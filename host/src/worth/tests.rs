//! Against scikit-learn, SciPy and NumPy: `vectors.py` writes the expected values.

use std::sync::LazyLock;

use fanout_contract::{Params, Score};
use fanout_sdk::{PredictionBuf, PredictionValues, Target};
use serde::Deserialize;
use serde_json::{Value, json};

use super::assessment::{Assessment, Scoring, Worth};
use super::calibration::{Binning, bins};
use super::classes::ClassificationReport;
use super::curves::Curves;
use super::over_targets::OverTargets;
use super::residuals::{PredictionInterval, Residuals, differences};
use super::rows::PredictedRows;
use super::threshold::{Compared, ThresholdError, tune};

#[derive(Deserialize)]
struct Vectors {
    reports: Vec<ReportCase>,
    curves: Vec<CurveCase>,
    residuals: Vec<ResidualCase>,
    bootstrap: Vec<BootstrapCase>,
    thresholds: Vec<ThresholdCase>,
    over_targets: Vec<OverTargetsCase>,
}

/// By target.
#[derive(Deserialize)]
struct OverTargetsCase {
    truth: Vec<Vec<u32>>,
    predicted: Vec<Vec<u32>>,
    numbers: Vec<Vec<f64>>,
    guesses: Vec<Vec<f64>>,
    weights: Option<Vec<f64>>,
    hamming_loss: f64,
    subset_accuracy: f64,
    f1_samples: f64,
    f1_macro: f64,
    f1_micro: f64,
    mean_r2: f64,
}

#[derive(Deserialize)]
struct ReportCase {
    labels: Vec<String>,
    truth: Vec<u32>,
    predicted: Vec<u32>,
    weights: Option<Vec<f64>>,
    report: Value,
    confusion_matrix: Value,
}

#[derive(Deserialize)]
struct CurveCase {
    truth: Vec<bool>,
    scores: Vec<f64>,
    weights: Option<Vec<f64>>,
    roc: [Vec<Option<f64>>; 3],
    precision_recall: [Vec<Option<f64>>; 3],
    calibration: CalibrationCase,
}

#[derive(Deserialize)]
struct CalibrationCase {
    uniform: [Vec<f64>; 2],
    quantile: [Vec<f64>; 2],
}

#[derive(Deserialize)]
struct ResidualCase {
    truth: Vec<f64>,
    predicted: Vec<f64>,
    mean: f64,
    std: f64,
    quantiles: Vec<f64>,
    half_widths: Vec<Option<f64>>,
}

#[derive(Deserialize)]
struct BootstrapCase {
    kind: String,
    truth: Vec<f64>,
    predicted: Vec<f64>,
    scores: std::collections::BTreeMap<String, [f64; 3]>,
}

#[derive(Deserialize)]
struct ThresholdCase {
    of: Compared,
    truth: Vec<u32>,
    splits: Vec<u32>,
    values: Vec<f64>,
    costs: [[f64; 2]; 2],
    tuned: Vec<Tuned>,
}

#[derive(Deserialize)]
struct Tuned {
    metric: String,
    positive: usize,
    threshold: f64,
    score: f64,
}

static VECTORS: LazyLock<Vectors> =
    LazyLock::new(|| serde_json::from_str(include_str!("vectors.json")).unwrap());

fn is_near(a: f64, b: f64) -> bool {
    a == b || (a - b).abs() <= 1e-12 * b.abs().max(1.0)
}

/// Whether all numbers in two documents are near, and all else is equal.
fn assert_near(found: &Value, expected: &Value) {
    match (found, expected) {
        (Value::Object(a), Value::Object(b)) => {
            assert!(a.keys().eq(b.keys()), "{found} {expected}");
            b.iter()
                .for_each(|(key, value)| assert_near(&a[key], value));
        }
        (Value::Array(a), Value::Array(b)) => {
            assert_eq!(a.len(), b.len());
            a.iter().zip(b).for_each(|(a, b)| assert_near(a, b));
        }
        (Value::Number(a), Value::Number(b)) => {
            assert!(is_near(a.as_f64().unwrap(), b.as_f64().unwrap()), "{a} {b}");
        }
        (a, b) => assert_eq!(a, b),
    }
}

fn labels(labels: &[&str]) -> Vec<String> {
    labels.iter().map(|label| (*label).to_owned()).collect()
}

/// Rows of the classes `0` and `1`.
fn binary(codes: &[u32], values: PredictionValues) -> PredictedRows {
    let classes = labels(&["0", "1"]);
    PredictedRows {
        rows: (0..codes.len() as u32).collect(),
        splits: vec![0; codes.len()],
        target: Target::Classes {
            classes: classes.clone(),
            codes: codes.to_vec(),
        },
        weights: None,
        predicted: PredictionBuf { classes, values },
    }
}

fn numbers(truth: &[f64], predicted: &[f64]) -> PredictedRows {
    PredictedRows {
        rows: (0..truth.len() as u32).collect(),
        splits: vec![0; truth.len()],
        target: Target::Numbers(truth.to_vec()),
        weights: None,
        predicted: PredictionBuf {
            classes: Vec::new(),
            values: PredictionValues::Numbers(predicted.to_vec()),
        },
    }
}

#[test]
fn reports_are_those_of_scikit_learn() {
    assert_eq!(VECTORS.reports.len(), 4);
    for case in &VECTORS.reports {
        let weights = case.weights.as_deref();
        let report = ClassificationReport::new(&case.labels, &case.truth, &case.predicted, weights);
        let mut found = json!({
            "accuracy": report.accuracy,
            "macro avg": report.macro_avg,
            "weighted avg": report.weighted_avg,
        });
        for class in &report.classes {
            found[&class.label] = json!(class.scores);
        }
        assert_near(&found, &case.report);
        assert_near(&json!(report.confusion_matrix), &case.confusion_matrix);
    }
}

#[test]
fn curves_and_calibration_are_those_of_scikit_learn() {
    assert_eq!(VECTORS.curves.len(), 6);
    let infinite = |number: &Option<f64>| number.unwrap_or(f64::INFINITY);
    for case in &VECTORS.curves {
        let mut curves = Curves::default();
        curves.add(1, &case.truth, &case.scores, case.weights.as_deref());
        let expected = |columns: &[Vec<Option<f64>>; 3], at: usize| {
            columns
                .clone()
                .map(|of| of.get(at).map_or(f64::INFINITY, infinite))
        };
        assert_eq!(curves.roc.len(), case.roc[0].len());
        for (at, point) in curves.roc.iter().enumerate() {
            let found = [point.fpr, point.tpr, point.threshold];
            let expected = expected(&case.roc, at);
            let mut both = found.iter().zip(&expected);
            assert!(both.all(|(a, b)| is_near(*a, *b)), "{found:?} {expected:?}");
        }
        assert_eq!(
            curves.precision_recall.len(),
            case.precision_recall[0].len()
        );
        for (at, point) in curves.precision_recall.iter().enumerate() {
            let found = [point.precision, point.recall, point.threshold];
            let expected = expected(&case.precision_recall, at);
            let mut both = found.iter().zip(&expected);
            assert!(both.all(|(a, b)| is_near(*a, *b)), "{found:?} {expected:?}");
        }
        for (binning, [predicted, observed]) in [
            (Binning::Uniform, &case.calibration.uniform),
            (Binning::Quantile, &case.calibration.quantile),
        ] {
            let bins = bins(&case.truth, &case.scores, binning);
            assert_eq!(bins.len(), predicted.len());
            for (at, bin) in bins.iter().enumerate() {
                assert!(is_near(bin.predicted, predicted[at]), "{bin:?}");
                assert!(is_near(bin.observed, observed[at]), "{bin:?}");
            }
            assert_eq!(
                bins.iter().map(|bin| bin.rows).sum::<usize>(),
                case.truth.len()
            );
        }
    }
}

#[test]
fn residuals_are_those_of_numpy() {
    assert_eq!(VECTORS.residuals.len(), 3);
    for case in &VECTORS.residuals {
        let left = differences(&case.truth, &case.predicted);
        let residuals = Residuals::new(&left).unwrap();
        assert!(is_near(residuals.mean, case.mean) && is_near(residuals.std, case.std));
        for ((_, found), expected) in residuals.quantiles.iter().zip(&case.quantiles) {
            assert!(is_near(*found, *expected), "{found} {expected}");
        }
        let intervals = PredictionInterval::of_residuals(&left, None);
        let widths: Vec<Option<f64>> = intervals.iter().map(|of| of.half_width).collect();
        assert_eq!(widths, case.half_widths);
    }
    assert_eq!(Residuals::new(&[]), None);
    assert_eq!(Residuals::new(&[1.0, f64::NAN]), None);
}

/// Of numbers drawn anew, intervals contain the share that they promise.
#[test]
fn prediction_intervals_cover_new_rows() {
    let case = VECTORS.residuals.last().unwrap();
    let left = differences(&case.truth, &case.predicted);
    let (known, new): (Vec<_>, Vec<_>) = left.iter().enumerate().partition(|(at, _)| at % 2 == 0);
    let [known, new] = [known, new].map(|of| of.into_iter().map(|(_, left)| *left).collect());
    let (known, new): (Vec<f64>, Vec<f64>) = (known, new);
    for interval in PredictionInterval::of_residuals(&known, Some(&new)) {
        let covered = interval.holdout.unwrap();
        assert!((covered - interval.coverage).abs() < 0.08, "{interval:?}");
    }
}

/// The ends differ from SciPy's, of other draws, by little beside the width; of the
/// same rows they are the same bits.
#[test]
fn bootstrap_intervals_are_those_of_scipy() {
    assert_eq!(VECTORS.bootstrap.len(), 2);
    for case in &VECTORS.bootstrap {
        let rows = match case.kind.as_str() {
            "classes" => {
                let codes: Vec<u32> = case.truth.iter().map(|code| *code as u32).collect();
                binary(&codes, PredictionValues::Binary(case.predicted.clone()))
            }
            _ => numbers(&case.truth, &case.predicted),
        };
        let scores: Vec<Score> = case
            .scores
            .keys()
            .map(|name| name.as_str().into())
            .collect();
        let scoring = Scoring {
            scores: &scores,
            positive: None,
        };
        let found = Assessment::new(&rows, scoring).unwrap();
        assert_eq!(found, Assessment::new(&rows, scoring).unwrap());
        for (name, [score, low, high]) in &case.scores {
            let interval = found.scores[name];
            assert!(is_near(interval.score.unwrap(), *score), "{name}");
            let width = high - low;
            for (found, expected) in [(interval.low, low), (interval.high, high)] {
                let off = (found.unwrap() - expected).abs() / width;
                assert!(off < 0.07, "{name}: {off}");
            }
        }
    }
}

/// Many rows are drawn from, not all at once, with the same intervals.
#[test]
fn intervals_of_many_rows_are_as_wide() {
    let case = &VECTORS.bootstrap[1];
    let copies = 100;
    let many = |of: &[f64]| of.repeat(copies);
    let rows = numbers(&many(&case.truth), &many(&case.predicted));
    let scores = ["neg_mean_absolute_error".into()];
    let scoring = Scoring {
        scores: &scores,
        positive: None,
    };
    let found = Assessment::new(&rows, scoring).unwrap();
    let [_, low, high] = case.scores["neg_mean_absolute_error"];
    let interval = found.scores["neg_mean_absolute_error"];
    let width = interval.high.unwrap() - interval.low.unwrap();
    let expected = (high - low) / (copies as f64).sqrt();
    assert!((width / expected - 1.0).abs() < 0.1, "{width} {expected}");
}

#[test]
fn thresholds_are_those_of_scikit_learn() {
    assert_eq!(VECTORS.thresholds.len(), 2);
    for case in &VECTORS.thresholds {
        let mut order: Vec<u32> = (0..case.truth.len() as u32).collect();
        order.sort_by_key(|row| case.splits[*row as usize]);
        let values = match case.of {
            Compared::Probability => PredictionValues::Binary(case.values.clone()),
            Compared::Decision => PredictionValues::Decisions {
                classes: case.values.iter().map(|of| u32::from(*of > 0.0)).collect(),
                values: case.values.clone(),
                probabilities: None,
            },
        };
        let rows = PredictedRows {
            splits: case.splits.clone(),
            ..binary(&case.truth, values)
        };
        let rows = rows.taken(&order);
        assert_eq!(case.tuned.len(), 4);
        for expected in &case.tuned {
            let [a, b] = case.costs;
            let costs = json!({"0": {"0": a[0], "1": a[1]}, "1": {"0": b[0], "1": b[1]}});
            let params = match expected.metric.as_str() {
                "neg_mean_cost" => Params::from([("costs".to_owned(), costs)]),
                _ => Params::new(),
            };
            let score = Score::new(&expected.metric, params);
            let positive = expected.positive.to_string();
            let found = tune(&rows, &score, Some(&positive)).unwrap();
            assert_eq!((found.of, &found.positive), (case.of, &positive));
            assert!(is_near(found.threshold, expected.threshold), "{found:?}");
            assert!(is_near(found.score, expected.score), "{found:?}");
            assert!(found.untuned_score.unwrap() <= found.score, "{found:?}");
        }
    }
}

#[test]
fn a_threshold_needs_rows_that_differ() {
    let f1 = Score::from("f1");
    let constant = binary(&[0, 1, 1], PredictionValues::Binary(vec![0.5; 3]));
    let tuned = tune(&constant, &f1, None);
    assert_eq!(tuned, Err(ThresholdError::Constant { split: 0 }));
    let classes = binary(&[0, 1, 1], PredictionValues::Classes(vec![0, 1, 0]));
    assert_eq!(tune(&classes, &f1, None), Err(ThresholdError::NoRanking));
}

/// A row that several splits test counts once, and hold-out rows beside.
#[test]
fn a_row_counts_once() {
    let repeated = PredictedRows {
        rows: vec![0, 1, 0, 1],
        splits: vec![0, 0, 1, 1],
        ..numbers(&[1.0, 2.0, 1.0, 2.0], &[1.5, 2.0, 9.0, 9.0])
    };
    let once = repeated.first_of_each_row();
    assert_eq!(
        (once.rows.as_slice(), once.splits.as_slice()),
        (&[0, 1][..], &[0, 0][..])
    );
    let scores = ["neg_max_error".into()];
    let scoring = Scoring {
        scores: &scores,
        positive: None,
    };
    let holdout = numbers(&[1.0], &[4.0]);
    let worth = Worth::new(Some(&once), Some(&holdout), scoring).unwrap();
    let score = |of: &Option<Assessment>| of.as_ref().unwrap().scores["neg_max_error"].score;
    assert_eq!(
        (score(&worth.out_of_fold), score(&worth.holdout)),
        (Some(-0.5), Some(-3.0))
    );
    let half = worth.prediction_intervals.unwrap()[0];
    assert_eq!((half.half_width, half.holdout), (Some(0.5), Some(0.0)));
}

/// Predictions of rows 1, 3, 5 and so on.
fn of_odd_rows(
    target: Target,
    values: PredictionValues,
    weights: &Option<Vec<f64>>,
) -> PredictedRows {
    let rows = match &target {
        Target::Classes { codes, .. } => codes.len(),
        Target::Numbers(numbers) => numbers.len(),
    };
    PredictedRows {
        rows: (0..rows as u32).map(|row| 2 * row + 1).collect(),
        splits: vec![0; rows],
        predicted: PredictionBuf {
            classes: target.classes().to_vec(),
            values,
        },
        target,
        weights: weights.clone(),
    }
}

#[test]
fn metrics_over_targets_are_scikit_learns() {
    let classes = || ["no".to_owned(), "yes".to_owned()].to_vec();
    for case in &VECTORS.over_targets {
        let mut over = OverTargets::default();
        for (truth, predicted) in case.truth.iter().zip(&case.predicted) {
            let target = Target::Classes {
                classes: classes(),
                codes: truth.clone(),
            };
            let values = PredictionValues::Classes(predicted.clone());
            over.add(&of_odd_rows(target, values, &case.weights), None, None);
        }
        for (numbers, guesses) in case.numbers.iter().zip(&case.guesses) {
            let values = PredictionValues::Numbers(guesses.clone());
            let rows = of_odd_rows(Target::Numbers(numbers.clone()), values, &case.weights);
            over.add(&rows, None, None);
        }
        let found = over.finish().unwrap();
        assert_eq!(found.rows, case.truth[0].len());
        for (name, found, expected) in [
            ("hamming_loss", found.hamming_loss, case.hamming_loss),
            (
                "subset_accuracy",
                found.subset_accuracy,
                case.subset_accuracy,
            ),
            ("f1_samples", found.f1_samples, case.f1_samples),
            ("f1_macro", found.f1_macro, case.f1_macro),
            ("f1_micro", found.f1_micro, case.f1_micro),
            ("mean_r2", found.mean_r2, case.mean_r2),
        ] {
            let found = found.unwrap();
            assert!(
                (found - expected).abs() <= 1e-12,
                "{name}: {found}, not {expected}"
            );
        }
    }
}

#[test]
fn rows_that_lack_a_target_count_for_none() {
    let of = |rows: &[u32], codes: &[u32], predicted: &[u32]| {
        let target = Target::Classes {
            classes: ["no".to_owned(), "yes".to_owned()].to_vec(),
            codes: codes.to_vec(),
        };
        let values = PredictionValues::Classes(predicted.to_vec());
        PredictedRows {
            rows: rows.to_vec(),
            ..of_odd_rows(target, values, &None)
        }
    };
    let mut over = OverTargets::default();
    over.add(&of(&[0, 1, 2], &[1, 0, 1], &[0, 0, 1]), Some("no"), None);
    over.add(&of(&[2, 1], &[1, 1], &[1, 0]), None, None);
    let found = over.finish().unwrap();
    assert_eq!((found.rows, found.hamming_loss), (2, Some(0.25)));
    assert_eq!(found.subset_accuracy, Some(0.5));
    // Row 1 is a true `no` of the first and a missed `yes` of the second.
    assert_eq!(found.f1_macro, Some((1.0 + 2.0 / 3.0) / 2.0));
    let mut over = OverTargets::default();
    over.add(&of(&[0], &[1], &[0]), None, None);
    assert_eq!(over.finish(), None);
}
