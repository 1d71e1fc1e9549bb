//! A run of made-up scores for the tests of the renderers.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use fanout_contract::{Answer, CONTRACT, Learning, Params, Role, Scores};
use serde_json::{Value, json};

use super::{Report, Usage};
use crate::digest::Digest;
use crate::expand::TaskSpec;
use crate::plan::{
    CsvOptions, Cv, DatasetPlan, ErrorScore, Kind, Limits, Plan, PoolPlan, Search, TrainerPlan,
};
use crate::reduce::{BaselineScores, Scoreboard};
use crate::run::data_summary::{DataClass, DataColumn, DataSummary};
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
        drawn: None,
        explanations: None,
        holdout: Some(BTreeMap::from([
            ("roc_auc".to_owned(), Some(0.7571)),
            ("accuracy".to_owned(), None),
        ])),
        oob_score: None,
        model: None,
        data: data(),
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

fn data() -> DataSummary {
    let column = |name: &str, role, reads: &str| DataColumn {
        name: name.to_owned(),
        role,
        reads: reads.to_owned(),
        missing: 3,
        distinct: 12,
        exact: true,
        range: matches!(reads, "number").then(|| ["0".to_owned(), "12".to_owned()]),
    };
    let class = |label: &str, rows| DataClass {
        label: label.to_owned(),
        rows,
    };
    DataSummary {
        learning: Learning::Binary,
        rows: 336_776,
        features: 2,
        search_rows: Some(269_420),
        duplicates: Some(0),
        columns: vec![
            column("month", Role::Feature, "number"),
            column("carrier", Role::Feature, "category of 12 levels"),
            column("cancelled", Role::Target, "category of 2 levels"),
        ],
        classes: vec![class("0", 328_521), class("1", 8_255)],
    }
}

/// A full grid of three learning rates and four depths on two splits, whose only metric is
/// a function of both.
pub(super) fn grid(score: impl Fn(f64, f64) -> f64) -> Report {
    let scoring = ["roc_auc".to_owned()];
    let rates = [0.1, 0.2, 0.4];
    let both = rates
        .iter()
        .flat_map(|rate| (1..5).map(move |depth| (*rate, depth)));
    let all: Vec<(f64, u32)> = both.collect();
    let mut board = Scoreboard::new(all.len(), 2, &scoring, false, ErrorScore::Nan);
    for split in 0..2 {
        for (candidate, (rate, depth)) in (0..).zip(&all) {
            let mean = score(f64::from(*depth), *rate);
            let test = BTreeMap::from([("roc_auc".to_owned(), Some(mean))]);
            let answer = Answer {
                contract: CONTRACT,
                fits: 1,
                scores: vec![Scores {
                    test,
                    ..Scores::default()
                }],
            };
            let task = TaskSpec {
                id: Digest::of(b"grid"),
                split,
                candidates: vec![candidate],
            };
            board.record(
                &task,
                &Outcome {
                    result: Ok(answer),
                    wall: Duration::from_millis(500),
                    reused: false,
                },
            );
        }
    }
    let candidates = all
        .iter()
        .map(|(rate, depth)| params(json!({"learning_rate": rate, "max_depth": depth})));
    Report {
        plan: plan(scoring.to_vec()),
        candidates: candidates.collect(),
        results: board.finish(),
        baseline: None,
        holdout: None,
        ..report()
    }
}

/// A search that draws so many candidates of eight hyper-parameters, on five splits by four
/// metrics.
pub(super) fn drawn(candidates: u32) -> Report {
    let scoring = ["roc_auc", "accuracy", "f1", "neg_log_loss"].map(str::to_owned);
    let number = |candidate: u32, of: u32| f64::from(candidate * (of * 37 + 11) % 9973) / 9973.0;
    let mut board = Scoreboard::new(candidates as usize, 5, &scoring, false, ErrorScore::Nan);
    for split in 0..5 {
        let scores = (0..candidates).map(|candidate| {
            let of = |at: u32| number(candidate, at) + number(candidate + split, 5) / 10.0;
            let test = scoring.iter().zip(0..);
            Scores {
                test: test
                    .map(|(name, at)| (name.clone(), Some(of(at))))
                    .collect(),
                ..Scores::default()
            }
        });
        let answer = Answer {
            contract: CONTRACT,
            fits: 1,
            scores: scores.collect(),
        };
        let task = TaskSpec {
            id: Digest::of(b"drawn"),
            split,
            candidates: (0..candidates).collect(),
        };
        board.record(
            &task,
            &Outcome {
                result: Ok(answer),
                wall: Duration::from_secs(700),
                reused: false,
            },
        );
    }
    let kinds = ["gini", "entropy", "log_loss"];
    let all = (0..candidates).map(|candidate| {
        params(json!({
            "criterion": kinds[candidate as usize % 3],
            "max_depth": candidate % 30,
            "learning_rate": number(candidate, 1),
            "max_features": number(candidate, 2),
            "l2_regularization": number(candidate, 3),
            "min_samples_leaf": candidate % 50,
            "max_bins": 16 + candidate % 240,
            "warm_start": candidate % 2 == 0,
        }))
    });
    Report {
        plan: plan(scoring.to_vec()),
        candidates: all.collect(),
        results: board.finish(),
        baseline: None,
        ..report()
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
            python: None,
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
