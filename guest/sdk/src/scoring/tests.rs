//! Scores of predictions are those of scikit-learn, by vectors of its own.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Value, json};

use super::*;
use crate::contract::{Learning, Params};

#[derive(Deserialize)]
struct Vectors {
    /// The names of scikit-learn's scorers of one target.
    scorers: BTreeSet<String>,
    /// By metric: the defaults of scikit-learn's function.
    defaults: BTreeMap<String, Params>,
    /// Metrics with parameters, by the name of their scores.
    requests: BTreeMap<String, Request>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Request {
    metric: String,
    params: Params,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    classes: usize,
    truth: Vec<f64>,
    positive: Option<u32>,
    costs: Value,
    kind: String,
    prediction: Vec<f64>,
    /// The classes beside decisions.
    codes: Option<Vec<u32>>,
    /// The probabilities beside decisions.
    probabilities: Option<Vec<f64>>,
    scored: Vec<Scored>,
}

/// The scores with some weights.
#[derive(Deserialize)]
struct Scored {
    weights: Option<Vec<f64>>,
    scores: ByName,
}

impl Vectors {
    fn read() -> Self {
        let json = include_str!("../../../../tests/metrics/vectors.json");
        serde_json::from_str(json).unwrap()
    }

    /// The score of a name in a case.
    fn request(&self, name: &str, case: &Case) -> Score {
        match self.requests.get(name) {
            Some(request) => Score {
                name: name.to_owned(),
                metric: request.metric.clone(),
                params: request.params.clone(),
            },
            None if name == "neg_mean_cost" => {
                Score::new(name, [("costs".to_owned(), case.costs.clone())].into())
            }
            None => name.into(),
        }
    }
}

impl Case {
    fn target(&self) -> Target {
        if self.classes == 0 {
            return Target::Numbers(self.truth.clone());
        }
        Target::Classes {
            classes: (0..self.classes).map(|class| class.to_string()).collect(),
            codes: self.truth.iter().map(|class| *class as u32).collect(),
        }
    }

    /// The scores of the prediction as one of test rows.
    fn score(&self, scoring: Vec<Score>, weights: Option<&[f64]>) -> Result<ByName, Fault> {
        let task = json!({
            "contract": 2,
            "learning": self.target().learning(),
            "trainer": "oracle",
            "candidates": [{}],
            "split": {"column": "fold", "test": 0},
            "target": "y",
            "positive": self.positive.map(|class| class.to_string()),
            "scoring": scoring,
        });
        let task: Task = serde_json::from_value(task).unwrap();
        let target = self.target();
        let rows = Rows {
            train: vec![],
            test: (0..self.truth.len() as u32).collect(),
        };
        let mut scoring = Scoring::new(&task, &target, &rows, weights)?;
        let codes: Vec<u32> = self.prediction.iter().map(|p| *p as u32).collect();
        scoring.test(
            0,
            match self.kind.as_str() {
                "binary" => Prediction::Binary(&self.prediction),
                "multiclass" => Prediction::Multiclass(&self.prediction),
                "classes" => Prediction::Classes(&codes),
                "numbers" => Prediction::Numbers(&self.prediction),
                "decisions" => Prediction::Decisions {
                    classes: self.codes.as_deref().unwrap(),
                    values: &self.prediction,
                    probabilities: self.probabilities.as_deref(),
                },
                other => panic!("no kind `{other}`"),
            },
        )?;
        Ok(scoring.finish()?.remove(0).test)
    }
}

#[test]
fn scores_equal_those_of_scikit_learn() {
    let vectors = Vectors::read();
    let mut compared = BTreeSet::new();
    let mut wrong = Vec::new();
    for case in &vectors.cases {
        for (at, scored) in case.scored.iter().enumerate() {
            let requests = scored.scores.keys();
            let requests: Vec<Score> = requests.map(|name| vectors.request(name, case)).collect();
            let scores = case.score(requests.clone(), scored.weights.as_deref());
            let scores = scores.unwrap();
            for request in requests {
                let (score, expected) = (scores[&request.name], scored.scores[&request.name]);
                let same = match (score, expected) {
                    (Some(score), Some(expected)) => {
                        (score - expected).abs() <= 1e-12 * expected.abs().max(1.0)
                    }
                    (None, None) => true,
                    _ => false,
                };
                if !same {
                    wrong.push(format!(
                        "{}, {} classes, weights {at}: `{}` is {score:?}, scikit-learn's is \
                         {expected:?}",
                        case.name, case.classes, request.name
                    ));
                }
                compared.insert((request.metric, scored.weights.is_some()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let all = Metric::all().flat_map(|info| [false, true].map(|by| (info.name.to_owned(), by)));
    assert_eq!(compared, all.collect(), "every metric has test vectors");
}

#[test]
fn the_names_are_those_of_scikit_learn() {
    let scorers = Vectors::read().scorers;
    let ours = Metric::all().map(|info| info.name.to_owned());
    let ours: BTreeSet<String> = ours.collect();
    let missing: Vec<&String> = scorers.difference(&ours).collect();
    assert!(missing.is_empty(), "{missing:?}");
    let more: Vec<&str> = ours.difference(&scorers).map(String::as_str).collect();
    assert_eq!(
        more,
        [
            "cohen_kappa",
            "d2_pinball_score",
            "d2_tweedie_score",
            "fbeta",
            "neg_mean_cost",
            "neg_mean_pinball_loss",
            "neg_mean_tweedie_deviance",
        ]
    );
}

#[test]
fn the_defaults_are_those_of_scikit_learn() {
    for (metric, defaults) in Vectors::read().defaults {
        let params = Metric::info(&metric).unwrap().params();
        for (name, default) in defaults {
            let param = params.iter().find(|param| param.name == name).unwrap();
            let same = param.default == default || param.default.as_f64() == default.as_f64();
            assert!(same, "{metric}: {name} is {}, not {default}", param.default);
        }
    }
}

#[test]
fn equal_weights_change_no_more_than_the_last_bits() {
    let vectors = Vectors::read();
    for case in &vectors.cases {
        let scores = &case.scored[0].scores;
        let requests: Vec<Score> = scores.keys().map(|n| vectors.request(n, case)).collect();
        let weights = vec![1.0; case.truth.len()];
        let weighted = case.score(requests, Some(&weights)).unwrap();
        for (name, expected) in scores {
            let (score, expected) = (weighted[name], *expected);
            let close = |score: f64, expected: f64| {
                (score - expected).abs() <= 1e-12 * expected.abs().max(1.0)
            };
            let same = match (score, expected) {
                (Some(score), Some(expected)) => close(score, expected),
                (score, expected) => score == expected,
            };
            assert!(
                same,
                "{}: `{name}` is {score:?}, not {expected:?}",
                case.name
            );
        }
    }
}

fn case(classes: usize, kind: &str, prediction: &[f64]) -> Case {
    Case {
        name: String::new(),
        classes,
        truth: vec![0.0, 1.0, 0.0],
        positive: None,
        costs: Value::Null,
        kind: kind.to_owned(),
        prediction: prediction.to_vec(),
        codes: Some(vec![0, 1, 0]),
        probabilities: None,
        scored: vec![],
    }
}

fn message(case: &Case, score: impl Into<Score>) -> String {
    let fault = case.score(vec![score.into()], None).unwrap_err();
    fault.to_string()
}

#[test]
fn an_unsuitable_metric_is_an_error_that_names_others() {
    assert_eq!(
        message(&case(3, "classes", &[0.0; 3]), "roc_auc"),
        "invalid task: `roc_auc` is not defined for target `y`, which has 3 classes; use \
         `roc_auc_ovr` or `roc_auc_ovo`"
    );
    assert_eq!(
        message(&case(0, "numbers", &[0.0; 3]), "accuracy"),
        "invalid task: `accuracy` is not defined for target `y`, which is numeric; use `r2` \
         or `neg_mean_squared_error`"
    );
    assert_eq!(
        message(&case(2, "classes", &[0.0; 3]), "roc_auc"),
        "invalid task: `roc_auc` needs decisions or probabilities, which trainer `oracle` does \
         not predict with these hyper-parameters; use a metric of classes, such as `accuracy`"
    );
    assert_eq!(
        message(&case(2, "decisions", &[0.0; 3]), "neg_log_loss"),
        "invalid task: `neg_log_loss` needs probabilities, which trainer `oracle` does not \
         predict with these hyper-parameters; use a metric of decisions or classes, such as \
         `average_precision` or `accuracy`"
    );
    assert!(message(&case(2, "binary", &[0.0; 3]), "auc").starts_with(
        "invalid task: unknown metric `auc`; the metrics for this target are `accuracy`, "
    ));
}

#[test]
fn an_unknown_positive_class_is_an_error() {
    let expected = "invalid task: the positive class `7` is not a class of target `y`, whose \
                    classes are `0`, `1`";
    let mut case = case(2, "binary", &[0.0; 3]);
    let other = Score::new("recall", [("pos_label".to_owned(), json!("7"))].into());
    assert_eq!(message(&case, other), expected);
    case.positive = Some(7);
    assert_eq!(message(&case, "f1"), expected);
}

#[test]
fn parameters_that_do_not_fit_are_errors() {
    let case = case(3, "classes", &[0.0; 3]);
    let with = |metric, name: &str, value| Score::new(metric, [(name.to_owned(), value)].into());
    assert_eq!(
        message(&case, with("fbeta", "beta", json!(-1.0))),
        "invalid task: `beta` takes a number of at least 0.0, not the number `-1.0`"
    );
    assert_eq!(
        message(&case, with("recall", "average", json!("binary"))),
        "invalid task: `recall(average=binary)` is not defined for target `y`, which has 3 \
         classes; use `recall_macro` or `recall_weighted`"
    );
    let costs = json!({"0": {"1": 1, "2": 1}, "1": {"0": 1, "2": 1}, "3": {"0": 1}});
    assert_eq!(
        message(&case, with("neg_mean_cost", "costs", costs)),
        "invalid task: `neg_mean_cost`: `costs` names `3`, which no row has; the classes are \
         `0`, `1`, `2`"
    );
    let twice = vec!["accuracy".into(), "accuracy".into()];
    let fault = case.score(twice, None).unwrap_err().to_string();
    assert_eq!(
        fault,
        "invalid task: the name `accuracy` stands twice in `scoring`"
    );
}

#[test]
fn weights_are_checked() {
    let case = case(2, "classes", &[0.0; 3]);
    for (weight, shown) in [(-1.0, "-1"), (f64::NAN, "NaN"), (f64::INFINITY, "inf")] {
        let weights = Some(&[1.0, weight, 1.0][..]);
        let fault = case.score(vec!["accuracy".into()], weights).unwrap_err();
        let message = format!(
            "invalid dataset: row 1 has the weight {shown}; weights are at least 0 and finite"
        );
        assert_eq!(fault.to_string(), message);
    }
}

#[test]
fn invalid_predictions_are_failures_of_the_trainer() {
    assert_eq!(
        message(&case(2, "binary", &[0.0; 2]), "f1"),
        "the fit failed: trainer `oracle` did not give one prediction for each of 3 rows"
    );
    assert_eq!(
        message(&case(3, "multiclass", &[0.0; 8]), "accuracy"),
        "the fit failed: trainer `oracle` did not give one prediction for each of 3 rows"
    );
    assert_eq!(
        message(&case(3, "binary", &[0.0; 3]), "accuracy"),
        "the fit failed: trainer `oracle` did not give one prediction for each of 3 rows"
    );
    assert_eq!(
        message(&case(2, "decisions", &[0.0; 6]), "accuracy"),
        "the fit failed: trainer `oracle` did not give one prediction for each of 3 rows"
    );
    let mut short = case(3, "decisions", &[0.0; 9]);
    short.probabilities = Some(vec![0.5; 3]);
    assert_eq!(
        message(&short, "accuracy"),
        "the fit failed: trainer `oracle` did not give one prediction for each of 3 rows"
    );
    short.probabilities = None;
    short.codes = Some(vec![0, 3, 0]);
    assert_eq!(
        message(&short, "accuracy"),
        "the fit failed: trainer `oracle` predicted class 3, but there are 3 classes"
    );
    assert_eq!(
        message(&case(2, "classes", &[0.0, 1.0, 2.0]), "accuracy"),
        "the fit failed: trainer `oracle` predicted class 2, but there are 2 classes"
    );
}

#[test]
fn a_nan_probability_gives_no_score() {
    let nan = [f64::NAN, 0.5, 0.1];
    for metric in [
        "roc_auc",
        "average_precision",
        "neg_log_loss",
        "neg_brier_score",
        "d2_log_loss_score",
        "d2_brier_score",
        "top_k_accuracy",
    ] {
        for weights in [None, Some(&[1.0, 2.0, 0.5][..])] {
            let scores = case(2, "binary", &nan).score(vec![metric.into()], weights);
            assert_eq!(scores.unwrap()[metric], None, "{metric}");
        }
    }
}

#[test]
fn a_number_that_is_not_finite_gives_no_score() {
    for number in [f64::NAN, f64::INFINITY] {
        let case = case(0, "numbers", &[number, 0.5, 0.1]);
        for info in Metric::all().filter(|info| info.example().suits(Learning::Regression)) {
            let scores = case.score(vec![info.name.into()], None).unwrap();
            assert_eq!(scores[info.name], None, "{}", info.name);
        }
    }
}
