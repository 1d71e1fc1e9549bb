//! Every field of a plan: [`PLAN`] and its sections.

use serde_json::json;

use super::form::{Fallback, Field, Form, Section, Union, Variant};

use Fallback::{Absent, Bool, Int, Required, Text, Texts};

/// The greatest whole number that JSON carries exactly everywhere.
const MAX_INT: u64 = (1 << 53) - 1;

/// pandas's texts for a missing value (`read_csv`, `na_values`).
const NULL_VALUES: &[&str] = &[
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN",
    "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null",
];

pub(super) static PLAN: Section = Section {
    path: "",
    about: "A plan of fanout: one table, one trainer, and the candidates to compare by cross-validation.",
    fields: &[
        Field::new("name", Form::Label, Absent, "The run's name, for people. Fallback: the file's name without its ending."),
        Field::new("dataset", Form::Section(&DATASET), Required, "The table, such as `{source: data.csv, target: price}`.")
            .aka(&["data", "table", "input"]),
        Field::new("holdout", Form::Section(&HOLDOUT), Absent, "Rows kept apart from the search, to score the refitted model once. Fallback: none.")
            .aka(&["test", "test_size", "train_test_split"]),
        Field::new("trainer", Form::Section(&TRAINER), Required, "The estimator, such as `{name: random_forest}`.")
            .aka(&["estimator", "model", "algorithm"]),
        Field::new("search", Form::Union(&SEARCH), Absent, "The candidates. Fallback: one, with the trainer's `params`.")
            .aka(&["grid_search", "tuning"]),
        Field::new("cv", Form::Union(&CV), Absent, "The cross-validation splits. Fallback: `{method: stratified_k_fold, n_splits: 5}`.")
            .aka(&["cross_validation", "folds", "splits"]),
        Field::new("scoring", Form::Own(scoring), Texts(&["accuracy"]), "A metric or a list of metrics, by scikit-learn's names.")
            .aka(&["metric", "metrics", "score", "scorer"]),
        Field::new("refit", Form::Own(refit), Absent, "The metric that chooses the candidate to refit on all rows of the search; `false`: no model is made. Fallback: the first of `scoring`."),
        Field::new("return_train_score", Form::Bool, Bool(false), "Whether training rows are scored too."),
        Field::new("error_score", Form::Own(error_score), Text("nan"), "The score of a failed fit: `nan`, a number, or `raise` to end the run at the first.")
            .aka(&["on_error"]),
        Field::new("families", Form::Own(switch), Text("on"), "Whether candidates that differ only in nested hyper-parameters share a fit. The scores are the same, bit for bit."),
        Field::new("pool", Form::Union(&POOL), Absent, "What runs the tasks. Fallback: `{kind: local}`.")
            .aka(&["executor", "cluster", "workers"]),
        Field::new("store", Form::Own(store), Absent, "The object store of datasets and results: a folder, a URL (`s3://BUCKET/PREFIX`), or a URL and how it is reached. Credentials come from the environment. Fallback: a folder `.fanout` where you stand.")
            .aka(&["storage", "cache", "bucket"]),
        Field::new("limits", Form::Section(&LIMITS), Absent, "What one task may use.")
            .aka(&["limit", "resources"]),
        Field::new("output", Form::Text, Absent, "The folder of the result files, from where you stand. Fallback: no files.")
            .aka(&["out", "output_dir", "results"]),
    ],
};

static DATASET: Section = Section {
    path: "dataset",
    about: "The table: where it is, what is learnt from, and what is predicted.",
    fields: &[
        Field::new("source", Form::Text, Required, "A file, a folder, a glob (`data/*.csv`) or a URL; CSV, Parquet or Arrow IPC. A path is taken from the plan's folder.")
            .aka(&["path", "file", "url", "location"]),
        Field::new("format", Form::Choice(&[
            ("csv", "Comma-separated values, or with another delimiter."),
            ("parquet", "Apache Parquet."),
            ("arrow", "Arrow's IPC file or stream format (Feather 2)."),
        ]), Absent, "The format. Fallback: by the ending of the file's name."),
        Field::new("csv", Form::Section(&CSV), Absent, "How CSV is read."),
        Field::new("features", Form::Own(features), Absent, "What is learnt from. Fallback: every column with no other role.")
            .aka(&["columns", "x", "feature", "inputs"]),
        Field::new("drop", Form::Labels, Texts(&[]), "Columns left out of the features, where `features` is left out.")
            .aka(&["exclude", "ignore"]),
        Field::new("categorical", Form::Labels, Texts(&[]), "Columns of numbers to read as categories.")
            .aka(&["categories", "categorical_features"]),
        Field::new("target", Form::Label, Required, "The column to predict.")
            .aka(&["label", "y", "targets", "class"]),
        Field::new("positive", Form::Label, Absent, "The label of the positive class, where there are two. Fallback: the last of the sorted labels.")
            .aka(&["pos_label", "positive_class", "positive_label"]),
    ],
};

static CSV: Section = Section {
    path: "dataset.csv",
    about: "How CSV is read.",
    fields: &[
        Field::new(
            "delimiter",
            Form::Own(delimiter),
            Text(","),
            "One ASCII character between the values; `tab` for a tab.",
        )
        .aka(&["sep", "separator"]),
        Field::new(
            "header",
            Form::Bool,
            Bool(true),
            "Whether the first line names the columns.",
        ),
        Field::new(
            "names",
            Form::Labels,
            Absent,
            "The columns' names, instead of the header's.",
        )
        .aka(&["columns"]),
        Field::new(
            "null_values",
            Form::Labels,
            Texts(NULL_VALUES),
            "Texts that mean a missing value. Fallback: pandas's usual ones.",
        )
        .aka(&["na_values", "nulls"]),
    ],
};

/// An item of `features` that is not a column's name.
pub(super) static CONCAT: Section = Section {
    path: "dataset.features",
    about: "A category made of the texts of several columns.",
    fields: &[
        Field::new("name", Form::Label, Required, "The new feature's name."),
        Field::new(
            "concat",
            Form::Labels,
            Required,
            "The columns, at least two.",
        )
        .aka(&["columns", "of"]),
        Field::new(
            "separator",
            Form::Label,
            Text("_"),
            "What stands between the texts.",
        )
        .aka(&["sep", "delimiter"]),
    ],
};

static HOLDOUT: Section = Section {
    path: "holdout",
    about: "Rows kept apart from the search, to score the refitted model once.",
    fields: &[
        Field::new(
            "fraction",
            Form::Between {
                above: 0.0,
                below: 1.0,
            },
            Required,
            "The share of the rows that is kept apart.",
        )
        .aka(&["test_size", "size"]),
        Field::new(
            "stratify",
            Form::Bool,
            Bool(false),
            "Whether each class gives its share.",
        ),
        Field::new(
            "random_state",
            Form::Int {
                min: 0,
                max: MAX_INT,
            },
            Int(0),
            "The seed.",
        )
        .aka(&["seed"]),
    ],
};

static TRAINER: Section = Section {
    path: "trainer",
    about: "The estimator, and the hyper-parameters that every candidate shares.",
    fields: &[
        Field::new("name", Form::Text, Required, "The trainer, such as `random_forest`. `fanout guest list` lists them.")
            .aka(&["kind", "type", "method"]),
        Field::new("guest", Form::Text, Absent, "A component file (`.wasm`) that offers the trainer, from the plan's folder. Fallback: the guests built in.")
            .aka(&["wasm", "component", "module"]),
        Field::new("params", Form::Params, Absent, "Hyper-parameters that every candidate shares. `fanout guest describe NAME` lists them.")
            .aka(&["hyperparameters", "parameters", "args"]),
    ],
};

pub(super) static SEARCH: Union = Union {
    path: "search",
    about: "The candidates.",
    tag: "method",
    default: "grid",
    variants: &[
        Variant {
            name: "grid",
            about: "Every combination of the values, in the order of scikit-learn's ParameterGrid.",
            fields: &[
                Field::new("params", Form::Own(grid), Required, "The values of each hyper-parameter: a map, or a list of maps for several grids, one after the other.")
                    .aka(&["grid", "param_grid", "values"]),
            ],
        },
        Variant {
            name: "random",
            about: "A sample of the combinations; where all are lists, each combination at most once.",
            fields: &[
                Field::new("params", Form::Own(distributions), Required, "The values or the distribution of each hyper-parameter.")
                    .aka(&["distributions", "param_distributions"]),
                Field::new("n_iter", Form::Int { min: 1, max: 1_000_000 }, Int(10), "How many candidates to draw.")
                    .aka(&["n_candidates", "n_trials", "iterations"]),
                Field::new("random_state", Form::Int { min: 0, max: MAX_INT }, Int(0), "The seed.")
                    .aka(&["seed"]),
            ],
        },
        Variant {
            name: "list",
            about: "The candidates as they are written.",
            fields: &[
                Field::new("candidates", Form::Own(candidates), Required, "A list of maps from hyper-parameter to value."),
            ],
        },
    ],
};

const N_SPLITS: Field = Field::new(
    "n_splits",
    Form::Int {
        min: 2,
        max: 10_000,
    },
    Int(5),
    "The number of folds.",
)
.aka(&["folds", "n_folds", "k", "splits"]);
const SHUFFLE: Field = Field::new(
    "shuffle",
    Form::Bool,
    Bool(false),
    "Whether rows are shuffled first.",
);
const SHUFFLE_SEED: Field = Field::new(
    "random_state",
    Form::Int {
        min: 0,
        max: MAX_INT,
    },
    Absent,
    "The seed of the shuffle. Fallback: 0. An error without `shuffle: true`.",
)
.aka(&["seed"]);

pub(super) static CV: Union = Union {
    path: "cv",
    about: "The cross-validation splits.",
    tag: "method",
    default: "stratified_k_fold",
    variants: &[
        Variant {
            name: "k_fold",
            about: "scikit-learn's KFold.",
            fields: &[N_SPLITS, SHUFFLE, SHUFFLE_SEED],
        },
        Variant {
            name: "stratified_k_fold",
            about: "scikit-learn's StratifiedKFold: each fold has its share of each class.",
            fields: &[N_SPLITS, SHUFFLE, SHUFFLE_SEED],
        },
        Variant {
            name: "predefined_split",
            about: "A column names the fold of each row; a row without a value is always trained on.",
            fields: &[Field::new(
                "column",
                Form::Label,
                Required,
                "The column that holds the fold of each row; it is no feature.",
            )
            .aka(&["fold", "fold_column", "test_fold"])],
        },
    ],
};

pub(super) static POOL: Union = Union {
    path: "pool",
    about: "What runs the tasks.",
    tag: "kind",
    default: "local",
    variants: &[
        Variant {
            name: "local",
            about: "Workers of this process.",
            fields: &[Field::new(
                "workers",
                Form::Int { min: 1, max: 1024 },
                Absent,
                "How many. Fallback: one a core.",
            )
            .aka(&["n_jobs", "threads", "concurrency", "jobs"])],
        },
        Variant {
            name: "http",
            about: "Endpoints that serve the guest over HTTP, on whatever platform.",
            fields: &[
                Field::new("endpoints", Form::Own(endpoints), Required, "The URL of the guest, or a list of several.")
                    .aka(&["endpoint", "url", "urls", "servers", "hosts"]),
                Field::new("concurrency", Form::Int { min: 1, max: 1024 }, Int(8), "Requests under way at a time at each endpoint.")
                    .aka(&["workers", "n_jobs", "max_concurrency", "parallelism"]),
                Field::new("token_env", Form::Text, Absent, "The environment variable that holds the bearer token. Fallback: no token is sent.")
                    .aka(&["token", "bearer", "auth", "authorization"]),
                Field::new("insecure", Form::Bool, Bool(false), "Whether the token may be sent over `http://` to other hosts than this one, where anybody on the way can read it."),
                Field::new("data", Form::Choice(&[
                    ("auto", "By URL where the store can sign one and the endpoint can reach it, else in the body."),
                    ("url", "By a URL that the store signs."),
                    ("body", "In the body of a request."),
                ]), Text("auto"), "How the dataset gets to an endpoint.")
                    .aka(&["dataset", "transfer"]),
                Field::new("retry", Form::Own(duration), Text("2m"), "How long the run goes on without any answer: `30s`, `2m`.")
                    .aka(&["retries", "patience", "retry_timeout"]),
                Field::new("ca", Form::Text, Absent, "A PEM file of certificates to trust beside the system's, from the plan's folder.")
                    .aka(&["ca_bundle", "certificate", "cert"]),
            ],
        },
        Variant {
            name: "nats",
            about: "Workers on other hosts (`fanout worker`), which take tasks from a queue of NATS JetStream.",
            fields: &[
                Field::new("servers", Form::Own(servers), Required, "The URL of a NATS server, or a list of those of one cluster. Credentials come from the environment: `FANOUT_NATS_USER` and `FANOUT_NATS_PASSWORD`, `FANOUT_NATS_TOKEN`, `FANOUT_NATS_NKEY`, `FANOUT_NATS_CREDS`.")
                    .aka(&["server", "url", "urls", "nats", "hosts", "endpoints"]),
                Field::new("queue", Form::Own(queue), Text(crate::queue::DEFAULT_QUEUE), "The queue's name: the workers of one store share one.")
                    .aka(&["stream", "subject", "name"]),
                Field::new("workers", Form::Int { min: 1, max: 1_000_000 }, Absent, "How many tasks to split families for. Fallback: as many as the workers that are there run at a time.")
                    .aka(&["n_jobs", "concurrency", "slots"]),
                Field::new("retry", Form::Own(duration), Text("2m"), "How long the run goes on without NATS: `30s`, `2m`.")
                    .aka(&["retries", "patience", "retry_timeout"]),
                Field::new("ca", Form::Text, Absent, "A PEM file of certificates to trust beside the system's, from the plan's folder.")
                    .aka(&["ca_bundle", "certificate", "cert"]),
            ],
        },
    ],
};

/// The `store` section, where it is more than a URL.
pub(super) static STORE: Section = Section {
    path: "store",
    about: "An object store, and how it is reached.",
    fields: &[
        Field::new("url", Form::Text, Required, "`s3://BUCKET/PREFIX`, `gs://BUCKET/PREFIX`, `az://CONTAINER/PREFIX`, or a folder. It holds no credential.")
            .aka(&["uri", "path", "location", "bucket"]),
        Field::new("endpoint", Form::Text, Absent, "The server's URL, such as `http://localhost:9000`. Fallback: `AWS_ENDPOINT_URL`, the profile's, the cloud's own.")
            .aka(&["endpoint_url", "host", "server"]),
        Field::new("region", Form::Text, Absent, "The region of an S3 bucket. Fallback: `AWS_REGION`, the profile's, `us-east-1`.")
            .aka(&["aws_region"]),
        Field::new("path_style", Form::Bool, Absent, "Whether an S3 bucket stands in the path (`HOST/BUCKET`) and not in the host's name (`BUCKET.HOST`). Fallback: true where there is an endpoint.")
            .aka(&["force_path_style"]),
        Field::new("ca", Form::Text, Absent, "A PEM file of certificates to trust beside the system's, from the plan's folder. Fallback: `AWS_CA_BUNDLE`.")
            .aka(&["ca_bundle", "cert", "certificate"]),
        Field::new("timeout", Form::Own(duration), Text("1m"), "How long one request may take.")
            .aka(&["request_timeout"]),
        Field::new("retry", Form::Own(duration), Text("2m"), "How long a request that fails in passing is tried again; `0s`: not at all.")
            .aka(&["retries", "budget", "retry_timeout"]),
    ],
};

static LIMITS: Section = Section {
    path: "limits",
    about: "What one task may use.",
    fields: &[
        Field::new(
            "memory",
            Form::Own(size),
            Text("1GiB"),
            "Memory, the dataset's included: `512MiB`, `1GiB`, or bytes; at most 4GiB.",
        )
        .aka(&["mem", "ram", "memory_limit"]),
        Field::new(
            "timeout",
            Form::Own(duration),
            Text("5m"),
            "Wall time: `500ms`, `90s`, `5m`, `1h30m`.",
        )
        .aka(&["time", "time_limit", "time_out"]),
    ],
};

fn scoring() -> serde_json::Value {
    json!({"anyOf": [
        {"$ref": "#/$defs/metric"},
        {"type": "array", "items": {"$ref": "#/$defs/metric"}, "minItems": 1, "uniqueItems": true},
    ]})
}

fn refit() -> serde_json::Value {
    json!({"anyOf": [{"$ref": "#/$defs/metric"}, {"type": "boolean"}]})
}

fn error_score() -> serde_json::Value {
    json!({"anyOf": [{"enum": ["nan", "NaN", "raise"]}, {"type": "number"}]})
}

fn endpoints() -> serde_json::Value {
    let url = json!({"type": "string", "pattern": "^https?://"});
    json!({"anyOf": [url, {"type": "array", "items": url, "minItems": 1, "uniqueItems": true}]})
}

fn servers() -> serde_json::Value {
    let url = json!({"type": "string", "pattern": "^(nats|tls)://"});
    json!({"anyOf": [url, {"type": "array", "items": url, "minItems": 1, "uniqueItems": true}]})
}

fn queue() -> serde_json::Value {
    json!({"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"})
}

fn switch() -> serde_json::Value {
    json!({"enum": ["on", "off", true, false]})
}

fn delimiter() -> serde_json::Value {
    json!({"anyOf": [{"type": "string", "minLength": 1, "maxLength": 1}, {"enum": ["tab", "\\t"]}]})
}

fn features() -> serde_json::Value {
    json!({
        "type": "array",
        "items": {"anyOf": [super::json_schema::label(), {"$ref": "#/$defs/concat"}]},
        "minItems": 1,
    })
}

fn grid() -> serde_json::Value {
    json!({"anyOf": [
        {"$ref": "#/$defs/grid"},
        {"type": "array", "items": {"$ref": "#/$defs/grid"}, "minItems": 1},
    ]})
}

fn distributions() -> serde_json::Value {
    json!({"$ref": "#/$defs/distributions"})
}

fn candidates() -> serde_json::Value {
    json!({"type": "array", "items": {"$ref": "#/$defs/params"}, "minItems": 1})
}

fn store() -> serde_json::Value {
    json!({"anyOf": [{"type": "string", "minLength": 1}, {"$ref": "#/$defs/store"}]})
}

fn size() -> serde_json::Value {
    json!({"anyOf": [
        {"type": "string", "pattern": "^\\s*[0-9]+(\\.[0-9]*)?\\s*(B|kB|KB|MB|GB|KiB|MiB|GiB)\\s*$"},
        {"type": "integer", "minimum": 1},
    ]})
}

fn duration() -> serde_json::Value {
    json!({"type": "string", "pattern": "^\\s*([0-9]+(\\.[0-9]*)?(h|m|s|ms))+\\s*$"})
}
