//! The `dataset` section.

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::columns::check_dataset;
use super::form::{Context, Field, Form, Given, Section, default, optional, required};
use super::list::{LABELS, List};
use super::location::SOURCE;
use super::mistake::Found;
use super::node::{Content, Node};
use super::scalar::{Bool, Choice, LABEL, Parsed};

/// The `dataset` section.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
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
#[serde(deny_unknown_fields)]
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
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum FeaturePlan {
    /// A column of the source.
    Column(String),
    /// A category made of the texts of several columns.
    Concat {
        /// The new feature's name.
        name: String,
        /// The columns, at least two.
        concat: Vec<String>,
        /// The text between the columns' texts; default `_`.
        separator: String,
    },
}

#[rustfmt::skip] // a row a field
pub(super) static DATASET: Section = Section::new(
    "dataset", "The table: where it is, the features, and the target.", &[
    required("source", &SOURCE, "A file, a folder, a glob (`data/*.csv`) or a URL; CSV, Parquet or Arrow IPC. A path is relative to the plan's folder.")
        .aka(&["path", "file", "url", "location"]),
    optional("format", &FORMAT, "The format. Default: by the ending of the file's name."),
    default("csv", &CSV, "{}", "How CSV is read."),
    optional("features", &FEATURES, "The features. Default: every column with no other role.")
        .aka(&["columns", "x", "feature", "inputs"]),
    default("drop", &LABELS, "[]", "Columns left out of the features, where `features` is left out.")
        .aka(&["exclude", "ignore"]),
    default("categorical", &LABELS, "[]", "Columns of numbers to read as categories.")
        .aka(&["categories", "categorical_features"]),
    required("target", &LABEL, "The column to predict.").aka(&["label", "y", "targets", "class"]),
    optional("positive", &LABEL, "The label of the positive class, where there are two. Default: the last of the sorted labels.")
        .aka(&["pos_label", "positive_class", "positive_label"]),
]).check(check_dataset);

#[rustfmt::skip] // a row a format
static FORMAT: Choice = Choice(&[
    ("csv", "Comma-separated values, or with another delimiter."),
    ("parquet", "Apache Parquet."),
    ("arrow", "Arrow's IPC file or stream format (Feather 2)."),
]);

/// pandas's texts for a missing value (`read_csv`, `na_values`).
const NULL_VALUES: &str = r##"["", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan",
    "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"]"##;

#[rustfmt::skip] // a row a field
static CSV: Section = Section::new("dataset.csv", "How CSV is read.", &[
    default("delimiter", &DELIMITER, "','", "One ASCII character between the values; `tab` for a tab.")
        .aka(&["sep", "separator"]),
    default("header", &Bool, "true", "Whether the first line names the columns."),
    optional("names", &LABELS, "The columns' names, instead of the header's.").aka(&["columns"]),
    default("null_values", &LABELS, NULL_VALUES, "Texts that mean a missing value. Default: pandas's usual ones.")
        .aka(&["na_values", "nulls"]),
]);

static DELIMITER: Parsed = Parsed {
    takes: "one ASCII character, or `tab`",
    parse: |text, given, cx| match text {
        "tab" | "\\t" => Some("\t".to_owned()),
        text if text.len() == 1 && !"\n\r\"".contains(text) => Some(text.to_owned()),
        _ => {
            given.wrong("one ASCII character, or `tab`", cx);
            None
        }
    },
    schema: || {
        json!({"anyOf": [
            {"type": "string", "minLength": 1, "maxLength": 1}, {"enum": ["tab", "\\t"]},
        ]})
    },
};

#[rustfmt::skip] // one row
static FEATURES: List = List::new(&Feature, "columns", "feature")
    .filled("name at least one, or remove the line to take every column with no other role").unique("remove one");

/// [`FeaturePlan`]: a column's name, or the map of a derived feature.
#[derive(Debug)]
struct Feature;

#[rustfmt::skip] // a row a field
static CONCAT: Section = Section::new(
    "dataset.features", "A category made of the texts of several columns.", &[
    required("name", &LABEL, "The new feature's name."),
    required("concat", &LABELS, "The columns, at least two.").aka(&["columns", "of"]),
    default("separator", &LABEL, "_", "The text between the columns' texts.").aka(&["sep", "delimiter"]),
]).check(check_concat);

impl Form for Feature {
    fn read(&self, given: Given<'_>, cx: &mut Context<'_>) -> Option<Json> {
        if let Content::Map(_) = given.node.content {
            return CONCAT
                .read(given, cx)
                .map(|concat| json!({"concat": concat}));
        }
        let column = given.node.label();
        if column.is_none() {
            let takes = "columns' names, and maps such as `{name: route, concat: [origin, dest]}`";
            given.wrong(takes, cx);
        }
        column.map(|column| json!({"column": column}))
    }

    fn schema(&self) -> Json {
        json!({"anyOf": [LABEL.schema(), CONCAT.schema()]})
    }

    fn fields(&self) -> Vec<(&'static str, &'static Field)> {
        CONCAT.fields()
    }
}

fn check_concat(feature: &Node, found: &mut Found) {
    let columns = feature.entry("concat");
    let few = |node: &Node| matches!(&node.content, Content::List(items) if items.len() < 2);
    if let Some(columns) = columns.filter(|columns| few(&columns.value)) {
        let hint = "a single column is a feature by its name alone";
        found
            .note(columns.place, "`concat` takes at least two columns")
            .hint(hint);
    }
}
