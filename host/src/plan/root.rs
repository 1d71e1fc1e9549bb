//! [`Plan`] and the top level of the table, [`PLAN`].

use std::path::PathBuf;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::columns::check_folds;
use super::cv::{CV, Cv, HOLDOUT, Holdout};
use super::dataset::{DATASET, DatasetPlan};
use super::form::{Context, Given, Section, default, optional, required};
use super::location::STORE;
use super::metric::{ErrorScore, FailedScore, Refit, SCORING, Switch, resolve_refit};
use super::mistake::Place;
use super::node::Node;
use super::pool::{POOL, PoolPlan};
use super::scalar::{Bool, LABEL, Period, Size, Text};
use super::search::{SEARCH, Search, TRAINER, TrainerPlan};
use crate::store::Location;

/// A plan with every default filled in. Paths are resolved: those in
/// `dataset` against the plan's folder, `output` and `store` against the
/// working directory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The run's name, for people.
    pub name: String,
    /// The table.
    pub dataset: DatasetPlan,
    /// Rows kept apart from the search, to score the refitted model.
    pub holdout: Option<Holdout>,
    /// The estimator.
    pub trainer: TrainerPlan,
    /// The candidates.
    pub search: Search,
    /// The cross-validation splits.
    pub cv: Cv,
    /// Metric names; at least one. The first ranks where `refit` names none.
    pub scoring: Vec<String>,
    /// The metric that chooses the candidate to refit on all rows of the
    /// search; `None`: no model is made.
    pub refit: Option<String>,
    /// Whether training rows are scored too.
    pub return_train_score: bool,
    /// The score of a failed fit.
    pub error_score: ErrorScore,
    /// Whether candidates that differ only in nested hyper-parameters share
    /// a fit.
    pub families: bool,
    /// What runs the tasks.
    pub pool: PoolPlan,
    /// The store.
    pub store: Location,
    /// What a task may use.
    pub limits: Limits,
    /// The folder of the result files; `None`: no files.
    pub output: Option<PathBuf>,
}

/// The `limits` section: what one task may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Bytes of memory, the dataset's included; default 1 GiB, at most 4 GiB
    /// (a guest's address space).
    pub memory: u64,
    /// Wall time; default 5 minutes.
    pub timeout: Duration,
}

#[rustfmt::skip] // a row a field
pub(super) static PLAN: Section = Section::new(
    "", "A plan of fanout: one table, one trainer, and the candidates to compare by cross-validation.", &[
    optional("name", &LABEL, "The run's name, for people. Default: the file's name without its ending."),
    required("dataset", &DATASET, "The table, such as `{source: data.csv, target: price}`.")
        .aka(&["data", "table", "input"]),
    optional("holdout", &HOLDOUT, "Rows kept apart from the search, to score the refitted model once. Default: none.")
        .aka(&["test", "test_size", "train_test_split"]),
    required("trainer", &TRAINER, "The estimator, such as `{name: random_forest}`.")
        .aka(&["estimator", "model", "algorithm"]),
    default("search", &SEARCH, "{method: list, candidates: [{}]}", "The candidates. Default: one, with the trainer's `params`.")
        .aka(&["grid_search", "tuning"]),
    default("cv", &CV, "{method: stratified_k_fold, n_splits: 5}", "The cross-validation splits.")
        .aka(&["cross_validation", "folds", "splits"]),
    default("scoring", &SCORING, "[accuracy]", "A metric or a list of metrics, by scikit-learn's names.")
        .aka(&["metric", "metrics", "score", "scorer"]),
    default("refit", &Refit, "true", "The metric that chooses the candidate to refit on all rows of the search; `true`: the first of `scoring`; `false`: no model is made."),
    default("return_train_score", &Bool, "false", "Whether training rows are scored too."),
    default("error_score", &FailedScore, "nan", "The score of a failed fit: `nan`, a number, or `raise` to end the run at the first.")
        .aka(&["on_error"]),
    default("families", &Switch, "on", "Whether candidates that differ only in nested hyper-parameters share a fit. The scores are the same, bit for bit."),
    default("pool", &POOL, "{kind: local}", "What runs the tasks.")
        .aka(&["executor", "cluster", "workers"]),
    default("store", &STORE, ".fanout", "The object store of datasets and results: a folder, relative to the working directory, a URL (`s3://BUCKET/PREFIX`), or a URL and how it is reached. Credentials come from the environment.")
        .aka(&["storage", "cache", "bucket"]),
    default("limits", &LIMITS, "{memory: 1GiB, timeout: 5m}", "What one task may use.").aka(&["limit", "resources"]),
    optional("output", &Text, "The folder of the result files, relative to the working directory. Default: no files.")
        .aka(&["out", "output_dir", "results"]),
]);

#[rustfmt::skip] // a row a field
static LIMITS: Section = Section::new("limits", "What one task may use.", &[
    default("memory", &MEMORY, "1GiB", "Memory, the dataset's included: `512MiB`, `1GiB`, or bytes; at most 4GiB.")
        .aka(&["mem", "ram", "memory_limit"]),
    default("timeout", &Period(1, MAX_TIMEOUT), "5m", "Wall time: `500ms`, `90s`, `5m`, `1h30m`.")
        .aka(&["time", "time_limit", "time_out"]),
]);

/// Up to a guest's address space.
static MEMORY: Size = Size(16 << 20, 4 << 30, WHY);

const WHY: [&str; 2] = ["a guest can't start in less", "a guest can't address more"];

/// A week. Threat: a unit that was mistyped, and a task that never ends.
const MAX_TIMEOUT: u64 = 7 * 24 * 3_600_000;

/// The plan and its sections, each `None` where it has a mistake.
#[derive(Debug, Default)]
pub(super) struct Sections {
    pub(super) plan: Option<Plan>,
    pub(super) dataset: Option<DatasetPlan>,
    pub(super) trainer: Option<TrainerPlan>,
    pub(super) pool: Option<PoolPlan>,
    pub(super) store: Option<Location>,
    pub(super) limits: Option<Limits>,
}

/// Reads the tree of a plan.
pub(super) fn read(root: &Node, cx: &mut Context<'_>) -> Sections {
    let given = Given {
        place: Place::Plan,
        ..Given::item("", root)
    };
    let Some((mut read, _)) = PLAN.read_fields(given, cx) else {
        return Sections::default();
    };
    if read.get("name").is_some_and(Json::is_null) {
        let stem = cx.file.file_stem().map(|stem| stem.to_string_lossy());
        read["name"] = stem.as_deref().unwrap_or("plan").into();
    }
    if let (Some(metric), Some(scoring)) = (read.get("refit"), read.get("scoring")) {
        match resolve_refit(metric, scoring, root, &mut cx.found) {
            Some(metric) => read["refit"] = metric,
            None => drop(read.remove("refit")),
        }
    }
    check_folds(root, &mut cx.found);
    Sections {
        dataset: section(&read, "dataset"),
        trainer: section(&read, "trainer"),
        pool: section(&read, "pool"),
        store: section(&read, "store"),
        limits: section(&read, "limits"),
        plan: (read.len() == PLAN.fields.len()).then(|| built(read.into())),
    }
}

fn section<T: DeserializeOwned>(read: &Map<String, Json>, name: &str) -> Option<T> {
    read.get(name).cloned().map(built)
}

fn built<T: DeserializeOwned>(read: Json) -> T {
    serde_json::from_value(read).expect("what a form reads is its field's type")
}
