//! A run of made-up scores for the tests of the renderers.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use fanout_contract::{Answer, CONTRACT, Params, Scores};
use serde_json::{Value, json};

use super::{Report, Usage};
use crate::digest::Digest;
use crate::expand::TaskSpec;
use crate::plan::{
    CsvOptions, Cv, DatasetPlan, ErrorScore, Kind, Limits, Plan, PoolPlan, Search, TrainerPlan,
};
use crate::reduce::{BaselineScores, Scoreboard};
use crate::run::manifest::Digests;
use crate::task::{Outcome, TaskFault};

pub(super) fn params(value: Value) -> Params {
    serde_json::from_value(value).unwrap()
}

/// Six candidates on two splits, one metric undefined once, one task of two
/// candidates out of memory.
pub(super) fn report() -> Report {
    let scoring = ["roc_auc".to_owned(), "accuracy".to_owned()];
    let mut board = Scoreboard::new(6, 2, &scoring, false, ErrorScore::Nan);
    let scores = |pairs: &[(f64, f64)]| {
        let scores = pairs.iter().map(|&(roc_auc, accuracy)| {
            let accuracy = (!accuracy.is_nan()).then_some(accuracy);
            let scores = [
                ("roc_auc".to_owned(), Some(roc_auc)),
                ("accuracy".to_owned(), accuracy),
            ];
            Scores {
                test: BTreeMap::from(scores),
                ..Scores::default()
            }
        });
        Ok(Answer {
            contract: CONTRACT,
            fits: 1,
            scores: scores.collect(),
        })
    };
    let tasks: [(u32, &[u32], Result<Answer, TaskFault>); 5] = [
        (0, &[0, 1], scores(&[(0.7, 0.97), (0.75, f64::NAN)])),
        (1, &[0, 1], scores(&[(0.625, 0.97), (0.8, 0.98)])),
        (
            0,
            &[2, 3, 4, 5],
            scores(&[(0.72, 0.97), (0.7, 0.96), (0.1, 0.5), (0.5, 0.5)]),
        ),
        (1, &[2, 3], scores(&[(0.8, 0.97), (0.7, 0.96)])),
        (1, &[4, 5], Err(TaskFault::OutOfMemory { limit: 1 << 30 })),
    ];
    for (split, candidates, result) in tasks {
        let id = Digest::of(format!("{split} {candidates:?}").as_bytes());
        let task = TaskSpec {
            id,
            split,
            candidates: candidates.to_vec(),
        };
        let wall = Duration::from_millis(500);
        board.record(
            &task,
            &Outcome {
                result,
                wall,
                reused: false,
            },
        );
    }
    let candidates = [
        json!({"criterion": "gini", "max_depth": 2}),
        json!({"criterion": "gini", "max_depth": 4}),
        json!({"criterion": "gini", "max_depth": null}),
        json!({"criterion": "entropy, or \"log_loss\"", "max_depth": 2}),
        json!({"criterion": "entropy, or \"log_loss\"", "max_depth": 4}),
        json!({"max_depth": 8, "max_samples": 0.1}),
    ];
    let digest = |name: &str| Digest::of(name.as_bytes());
    Report {
        plan: plan(scoring.to_vec()),
        digests: Digests {
            run: digest("run"),
            guests: vec![digest("guest")],
            dataset: digest("dataset"),
            splits: digest("splits"),
        },
        candidates: candidates.map(params).into_iter().collect(),
        results: board.finish(),
        findings: None,
        baseline: Some(baseline(&scoring)),
        lead: None,
        threshold: None,
        ensemble: None,
        worth: None,
        explanations: None,
        holdout: Some(BTreeMap::from([
            ("roc_auc".to_owned(), Some(0.7571)),
            ("accuracy".to_owned(), None),
        ])),
        oob_score: None,
        model: None,
        warnings: vec![
            "the column `dep_delay` alone tells the target on 99.8 % of the rows; \
                 drop it if it is not known beforehand"
                .to_owned(),
        ],
        failure: None,
        usage: Some(Usage {
            wall: Duration::from_millis(1250),
            user: Some(Duration::from_millis(2300)),
            system: Some(Duration::from_millis(100)),
            peak_memory: Some(117_600_000),
        }),
    }
}

/// A baseline whose accuracy is not defined on the second split.
fn baseline(scoring: &[String]) -> BaselineScores {
    let mut board = Scoreboard::new(1, 2, scoring, false, ErrorScore::Nan);
    for (split, accuracy) in [(0, Some(0.75)), (1, None)] {
        let test = BTreeMap::from([
            ("roc_auc".to_owned(), Some(0.5)),
            ("accuracy".to_owned(), accuracy),
        ]);
        let answer = Answer {
            contract: CONTRACT,
            fits: 1,
            scores: vec![Scores {
                test,
                ..Scores::default()
            }],
        };
        let task = TaskSpec {
            id: Digest::of(b"baseline"),
            split,
            candidates: vec![0],
        };
        board.record(
            &task,
            &Outcome {
                result: Ok(answer),
                wall: Duration::ZERO,
                reused: false,
            },
        );
    }
    BaselineScores::new("dummy", &board.finish()).unwrap()
}

fn plan(scoring: Vec<String>) -> Plan {
    Plan {
        kind: Kind::default(),
        name: "flights".to_owned(),
        dataset: DatasetPlan {
            source: "data/flights.parquet".to_owned(),
            format: None,
            csv: CsvOptions {
                delimiter: ',',
                header: true,
                names: None,
                null_values: vec![],
                decimal: None,
                thousands: None,
                dayfirst: None,
            },
            features: None,
            drop: vec![],
            categorical: vec![],
            target: "cancelled".to_owned(),
            columns: Default::default(),
            learn: None,
            weight: None,
            positive: Some("1".to_owned()),
            groups: None,
            targets: Vec::new(),
            chain: Vec::new(),
            stratify: Default::default(),
            missing_target: Default::default(),
        },
        holdout: None,
        trainer: Some(TrainerPlan {
            name: "random_forest".to_owned(),
            guest: None,
            params: params(json!({"random_state": 10})),
            bagging: false,
        }),
        trainers: vec![],
        steps: Vec::new(),
        search: Search::List { candidates: vec![] },
        cv: Cv::KFold {
            n_splits: 2,
            shuffle: false,
            random_state: 0,
        },
        scoring: scoring.iter().map(|name| name.as_str().into()).collect(),
        refit: Some("roc_auc".to_owned().into()),
        threshold: None,
        ensemble: None,
        return_train_score: false,
        predictions: false,
        explain: None,
        error_score: ErrorScore::Nan,
        families: true,
        pool: PoolPlan::Local { workers: None },
        store: "file://.fanout".into(),
        limits: Limits {
            memory: 1 << 30,
            timeout: Duration::from_secs(300),
        },
        output: Some(PathBuf::from("results/flights")),
    }
}
