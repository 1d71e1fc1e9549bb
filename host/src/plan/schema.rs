//! The shape of a plan: [`Plan`] and its sections. Shape alone; whether a plan
//! makes sense is for the check to say.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use fanout_contract::Params;
use serde::{Deserialize, Serialize};

use crate::store::Location;

/// A plan with every default filled in. Paths are resolved: those in
/// `dataset` against the plan's folder, `output` and `store` against the
/// working directory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
    /// What the score of a failed fit is.
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

/// The `dataset` section.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DatasetPlan {
    /// A file, a folder, a glob, or a URL of a store.
    pub source: String,
    /// The format; `None`: by the ending of the file's name.
    pub format: Option<SourceFormat>,
    /// How CSV is read.
    pub csv: CsvOptions,
    /// The features; `None`: every column with no other role.
    pub features: Option<Vec<FeaturePlan>>,
    /// Columns left out of the features when `features` is left out.
    pub drop: Vec<String>,
    /// Columns of numbers to read as categories.
    pub categorical: Vec<String>,
    /// The target's column.
    pub target: String,
    /// The label of the positive class as text (`1`, `true`, `yes`).
    pub positive: Option<String>,
}

/// A file format of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceFormat {
    /// Comma-separated values, or with another delimiter.
    Csv,
    /// Apache Parquet.
    Parquet,
    /// Arrow's IPC file or stream format (Feather 2).
    Arrow,
}

/// The `dataset.csv` section.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CsvOptions {
    /// One ASCII character; default `,`.
    pub delimiter: char,
    /// Whether the first line names the columns; default true.
    pub header: bool,
    /// The columns' names, instead of the header's.
    pub names: Option<Vec<String>>,
    /// Texts that mean a missing value; default pandas's usual ones.
    pub null_values: Vec<String>,
}

/// One feature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeaturePlan {
    /// A column of the source.
    Column(String),
    /// A category made of the texts of several columns.
    Concat {
        /// The new feature's name.
        name: String,
        /// The columns, at least two.
        concat: Vec<String>,
        /// What stands between the texts; default `_`.
        separator: String,
    },
}

/// The `holdout` section.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Holdout {
    /// The share of the rows that is kept apart, above 0 and below 1.
    pub fraction: f64,
    /// Whether each class gives its share.
    pub stratify: bool,
    /// The seed.
    pub random_state: u64,
}

/// The `trainer` section.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainerPlan {
    /// The trainer's name.
    pub name: String,
    /// A component file that offers it; `None`: an embedded guest.
    pub guest: Option<PathBuf>,
    /// Hyper-parameters that every candidate shares.
    pub params: Params,
}

/// The `search` section. A plan without one has one candidate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "snake_case")]
pub enum Search {
    /// Every combination; of several grids, one after the other.
    Grid {
        /// The grids.
        params: Vec<BTreeMap<String, Values>>,
    },
    /// A sample of the combinations, each drawn once where all are lists.
    Random {
        /// The distributions.
        params: BTreeMap<String, Values>,
        /// How many to draw.
        n_iter: u32,
        /// The seed.
        random_state: u64,
    },
    /// The candidates as they are written.
    List {
        /// The candidates.
        candidates: Vec<Params>,
    },
}

/// The values of one hyper-parameter to try.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Values {
    /// These, in this order. `range` and `log_range` become lists when the
    /// plan is read.
    List(Vec<serde_json::Value>),
    /// A float, uniform in `[low, high)`.
    Uniform {
        /// The least.
        low: f64,
        /// The bound.
        high: f64,
    },
    /// A float whose logarithm is uniform in `[log low, log high)`.
    LogUniform {
        /// The least, above 0.
        low: f64,
        /// The bound.
        high: f64,
    },
    /// A whole number, uniform in `low..=high`.
    IntUniform {
        /// The least.
        low: i64,
        /// The greatest.
        high: i64,
    },
}

/// The `cv` section.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "snake_case")]
pub enum Cv {
    /// scikit-learn's `KFold`.
    KFold {
        /// The number of folds, at least 2.
        n_splits: u32,
        /// Whether rows are shuffled first.
        shuffle: bool,
        /// The seed of the shuffle.
        random_state: u64,
    },
    /// scikit-learn's `StratifiedKFold`.
    StratifiedKFold {
        /// The number of folds, at least 2.
        n_splits: u32,
        /// Whether rows are shuffled first, within each class.
        shuffle: bool,
        /// The seed of the shuffle.
        random_state: u64,
    },
    /// A column of the source names the fold of each row: any values, sorted;
    /// a row with none is always trained on (scikit-learn's `PredefinedSplit`
    /// with -1).
    PredefinedSplit {
        /// The column; not a feature.
        column: String,
    },
}

/// The `error_score` field.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorScore {
    /// The first failed fit ends the run.
    Raise,
    /// Failed fits score NaN.
    Nan,
    /// Failed fits score this.
    Value(f64),
}

/// The `pool` section.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum PoolPlan {
    /// Workers of this process.
    Local {
        /// How many; `None`: one a core.
        workers: Option<usize>,
    },
    /// Endpoints that serve the guest over HTTP.
    Http(HttpPlan),
    /// Workers on other hosts, which take tasks from a queue.
    Nats(NatsPlan),
}

/// The `pool` section of the kind `nats`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NatsPlan {
    /// URLs of the servers of one NATS, at least one, each once.
    pub servers: Vec<String>,
    /// The name of the queue.
    pub queue: String,
    /// How many tasks run at a time, as far as families are split for it;
    /// `None`: as many as the workers say that are there when a run begins.
    pub workers: Option<usize>,
    /// How long the run goes on without NATS.
    pub retry: Duration,
    /// A PEM file of certificates to trust beside the system's.
    pub ca: Option<PathBuf>,
}

/// The `pool` section of the kind `http`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpPlan {
    /// URLs, at least one, each once.
    pub endpoints: Vec<String>,
    /// Requests under way at a time at each.
    pub concurrency: usize,
    /// The environment variable that holds the bearer token.
    pub token_env: Option<String>,
    /// Whether the token may be sent over `http://` to other hosts than this
    /// one.
    pub insecure: bool,
    /// How the dataset gets to an endpoint.
    pub data: DataWay,
    /// How long the run goes on without any answer.
    pub retry: Duration,
    /// A PEM file of certificates to trust beside the system's.
    pub ca: Option<PathBuf>,
}

/// How the dataset gets to an endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DataWay {
    /// By URL where the store can sign one and the endpoint can reach it,
    /// else in the body.
    #[default]
    Auto,
    /// By a URL that the store signs.
    Url,
    /// In the body of a request.
    Body,
}

/// The `limits` section: what one task may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Bytes of memory, the dataset's included; default 1 GiB, at most 4 GiB
    /// (a guest's address space).
    pub memory: u64,
    /// Wall time; default 5 minutes.
    pub timeout: Duration,
}
