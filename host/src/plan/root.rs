//! [`Plan`] and the top level of the table, [`PLAN`].

use std::path::PathBuf;
use std::time::Duration;

use fanout_contract::{Params, Score};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json};

use super::arms::{ArmPlan, TRAINERS, TrainerSearch, check_trainers};
use super::bagging;
use super::columns::check_splitter;
use super::cv::{self, CV, Cv, HOLDOUT, Holdout};
use super::dataset::{DATASET, DatasetPlan};
use super::ensemble::{self, ENSEMBLE, EnsemblePlan};
use super::explain::{self, EXPLAIN_OR_SWITCH, ExplainPlan};
use super::form::{Context, Given, Section, default, optional, required};
use super::kind::{self, KIND, Kind};
use super::location::STORE;
use super::metric::{ErrorScore, FailedScore, Scoring, Switch, Threshold};
use super::mistake::{Found, Place};
use super::node::Node;
use super::pool::{POOL, PoolPlan};
use super::refit::{self, Refit, RefitPlan};
use super::scalar::{Bool, LABEL, Period, Size, Text};
use super::search::{ESTIMATOR, SEARCH, Search, TrainerPlan};
use super::steps::{STEPS, StepPlan};
use super::table::section;
use super::targets;
use crate::store::Location;

section! {
    /// A plan of fanout: one table, one trainer, and the candidates to compare by
    /// cross-validation. Every default is filled in and paths are resolved.
    pub struct Plan = PLAN("") with
        /// What is asked of the estimators; its fields stand beside those of the plan.
        kind: Kind = KIND {
        /// The run's name, for people. Default: the file's name without its ending.
        name: String = optional(&LABEL),
        /// The table, such as `{source: data.csv, target: price}`.
        dataset: DatasetPlan = required(&DATASET).aka(&["data", "table", "input"]),
        /// Rows kept apart from the search, to score the refitted model once. Default: none.
        holdout: Option<Holdout> = optional(&HOLDOUT).aka(&["test", "test_size", "train_test_split"]),
        /// The estimator, such as `{name: random_forest}`.
        trainer: Option<TrainerPlan> = optional(&ESTIMATOR).aka(&["estimator", "model", "algorithm"]),
        /// The steps that features pass before the trainer, in order, fitted on the training
        /// rows of each split alone: `[{step: simple_imputer}, {step: standard_scaler}]`.
        steps: Vec<StepPlan> = default(&STEPS, "[]").aka(&["pipeline", "preprocessing"]),
        /// The candidates. Default: one, with the trainer's `params`.
        search: Search = default(&SEARCH, "{method: list, candidates: [{}]}")
            .aka(&["grid_search", "tuning"]),
        /// Several estimators in one search, each with its own `trainer` and `search`; in place
        /// of these two.
        trainers: Vec<TrainerSearch> = default(&TRAINERS, "[]").aka(&["estimators", "models"]),
        /// The cross-validation splits. Default for a target of numbers: `k_fold` of 5.
        cv: Cv = default(&CV, "{}")
            .aka(&["cross_validation", "folds", "splits"]),
        /// A metric or a list of metrics, by scikit-learn's names; with parameters such as
        /// `{metric: top_k_accuracy, params: {k: 3}}`. `fanout metrics` lists them. Default for
        /// a target of numbers: `r2`.
        scoring: Vec<Score> = default(&Scoring, "[accuracy]")
            .aka(&["metric", "metrics", "score", "scorer"]),
        /// The metric that chooses the candidate to refit on all rows of the search; `true`:
        /// the first of `scoring`; `false`: no model is made. With a rule:
        /// `{metric: roc_auc, rule: one_standard_error, simplest: [max_leaf_nodes]}`.
        refit: Option<RefitPlan> = default(&Refit, "true"),
        /// The metric for which the decision threshold of the best candidate is tuned out of
        /// fold, for two classes: `f1`, or with parameters such as
        /// `{metric: neg_mean_cost, params: {costs: {no: {yes: 1}, yes: {no: 10}}}}`. Default:
        /// the threshold stays.
        #[serde(default)]
        threshold: Option<Score> = optional(&Threshold).aka(&["tune_threshold", "decision_threshold"]),
        /// How candidates are combined to one model, such as `{method: greedy}`. Default: the
        /// model is the best candidate alone.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ensemble: Option<EnsemblePlan> = optional(&ENSEMBLE).aka(&["ensembles", "combine", "blend"]),
        /// What is found out of the chosen candidate: `true` for all, or some of
        /// `{permutation_importance: {n_repeats: 10}, partial_dependence: {features: [age]},
        /// importances: true, shap: {rows: 1000}}`. Default: nothing.
        #[serde(default)]
        explain: Option<ExplainPlan> = optional(&EXPLAIN_OR_SWITCH)
            .aka(&["inspect", "inspection", "explanations"]),
        /// Whether training rows are scored too.
        return_train_score: bool = default(&Bool, "false"),
        /// Whether the predictions of the test rows of every fit are kept in the store.
        #[serde(default)]
        predictions: bool = default(&Bool, "false").aka(&["keep_predictions"]),
        /// The score of a failed fit: `nan`, a number, or `raise` to end the run at the first.
        error_score: ErrorScore = default(&FailedScore, "nan").aka(&["on_error"]),
        /// Whether candidates that differ only in nested hyper-parameters share a fit. The
        /// scores are the same, bit for bit.
        families: bool = default(&Switch, "on"),
        /// What runs the tasks.
        pool: PoolPlan = default(&POOL, "{kind: local}").aka(&["executor", "cluster", "workers"]),
        /// The object store of datasets and results: a folder, relative to the working
        /// directory, a URL (`s3://BUCKET/PREFIX`), or a URL and how it is reached.
        /// Credentials come from the environment.
        store: Location = default(&STORE, ".fanout").aka(&["storage", "cache", "bucket"]),
        /// What one task may use.
        limits: Limits = default(&LIMITS, "{memory: 1GiB, timeout: 5m}")
            .aka(&["limit", "resources"]),
        /// The folder of the result files, relative to the working directory. Default: no files.
        output: Option<PathBuf> = optional(&Text).aka(&["out", "output_dir", "results"]),
    }
}

impl Plan {
    /// The trainers with their searches, in the plan's order.
    pub fn arms(&self) -> impl ExactSizeIterator<Item = ArmPlan<'_>> {
        let one = self.trainer.as_ref().map(|trainer| ArmPlan {
            trainer,
            steps: &self.steps,
            search: &self.search,
        });
        let several = self.trainers.iter().map(|arm| ArmPlan {
            trainer: &arm.trainer,
            steps: arm.steps.as_ref().unwrap_or(&self.steps),
            search: &arm.search,
        });
        let arms: Vec<ArmPlan<'_>> = one.into_iter().chain(several).collect();
        arms.into_iter()
    }

    /// The same plan for one trainer alone, with its defaults, without steps, and for
    /// scores alone.
    pub fn of_trainer(&self, name: &str) -> Self {
        let trainer = TrainerPlan {
            name: name.to_owned(),
            python: None,
            guest: None,
            params: Params::new(),
            bagging: false,
        };
        Self {
            trainer: Some(trainer),
            trainers: Vec::new(),
            steps: Vec::new(),
            search: Search::List {
                candidates: vec![Params::new()],
            },
            predictions: false,
            ensemble: None,
            explain: None,
            ..self.clone()
        }
    }

    /// The names of the trainers, for people, in the plan's order.
    pub fn trainer_names(&self) -> Vec<String> {
        self.arms().map(|arm| arm.trainer.label()).collect()
    }
}

section! {
    /// What one task may use.
    #[derive(Copy, Eq)]
    pub struct Limits = LIMITS("limits") {
        /// Memory, the dataset's included: `512MiB`, `1GiB`, or bytes; at most 4GiB.
        memory: u64 = default(&MEMORY, "1GiB").aka(&["mem", "ram", "memory_limit"]),
        /// Wall time: `500ms`, `90s`, `5m`, `1h30m`.
        timeout: Duration = default(&Period(1, MAX_TIMEOUT), "5m")
            .aka(&["time", "time_limit", "time_out"]),
    }
}

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
    /// The trainers of all arms.
    pub(super) trainers: Vec<TrainerPlan>,
    /// The estimator of a second stage.
    pub(super) final_estimator: Option<TrainerPlan>,
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
    let Some((mut read, whole)) = PLAN.read_fields(given, cx) else {
        return Sections::default();
    };
    if read.get("name").is_some_and(Json::is_null) {
        let stem = cx.file.file_stem().map(|stem| stem.to_string_lossy());
        read["name"] = stem.as_deref().unwrap_or("plan").into();
    }
    targets::settle(&mut read);
    bagging::settle(&mut read);
    if let (Some(metric), Some(scoring)) = (read.get("refit"), read.get("scoring")) {
        match refit::resolve(metric, scoring, root, &mut cx.found) {
            Some(metric) => read["refit"] = metric,
            None => drop(read.remove("refit")),
        }
    }
    check_threshold(&read, root, &mut cx.found);
    explain::check(&read, root, &mut cx.found);
    refit::check_searched(root, &mut cx.found);
    ensemble::settle(&mut read, root, &mut cx.found);
    kind::settle(&mut read, root, &mut cx.found);
    cv::check(root, &mut cx.found);
    check_splitter(root, &mut cx.found);
    targets::check_stratify(root, &mut cx.found);
    targets::check_chain(root, &mut cx.found);
    let estimators = check_trainers(root, &mut cx.found);
    Sections {
        dataset: section(&read, "dataset"),
        trainers: trainers(&read),
        final_estimator: final_estimator(&read),
        pool: section(&read, "pool"),
        store: section(&read, "store"),
        limits: section(&read, "limits"),
        plan: (whole && read.contains_key("refit") && read.contains_key("dataset") && estimators)
            .then(|| built(read.into())),
    }
}

/// A threshold is that of the candidate that is refitted.
fn check_threshold(read: &Map<String, Json>, root: &Node, found: &mut Found) {
    let none = read.get("refit").is_some_and(Json::is_null);
    if let Some(entry) = root.entry("threshold").filter(|_| none) {
        let message = "`threshold` has no effect with `refit: false`";
        let hint = "leave `refit` out, or remove `threshold`";
        found.note(entry.place, message).hint(hint);
    }
}

/// The estimator of a second stage.
fn final_estimator(read: &Map<String, Json>) -> Option<TrainerPlan> {
    let ensemble: Option<Option<EnsemblePlan>> = section(read, "ensemble");
    ensemble.flatten()?.final_estimator().cloned()
}

/// The trainers of all arms, as far as they were read.
fn trainers(read: &Map<String, Json>) -> Vec<TrainerPlan> {
    let several: Option<Vec<TrainerSearch>> = section(read, "trainers");
    let several = several.unwrap_or_default().into_iter();
    let several = several.map(|search| search.trainer);
    let one: Option<Option<TrainerPlan>> = section(read, "trainer");
    one.flatten().into_iter().chain(several).collect()
}

fn section<T: DeserializeOwned>(read: &Map<String, Json>, name: &str) -> Option<T> {
    read.get(name).cloned().map(built)
}

fn built<T: DeserializeOwned>(read: Json) -> T {
    serde_json::from_value(read).expect("what a form reads is its field's type")
}
