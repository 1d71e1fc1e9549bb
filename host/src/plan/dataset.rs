//! The `dataset` section.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::columns::check_dataset;
use super::form::{Context, Field, Form, Given, Section, default, optional, required};
use super::list::{LABELS, List};
use super::location::SOURCE;
use super::mistake::{Found, Place};
use super::node::{Content, Node};
use super::reading::{ColumnPlan, Columns, DECIMAL, THOUSANDS, check_separators};
use super::scalar::{Bool, Choice, LABEL, Parsed};
use super::table::section;
use super::targets::{LEARN, Learn, STRATIFY, Stratify, TARGETS, TargetPlan};

section! {
    /// The table: where it is, the features, and the target.
    pub struct DatasetPlan = DATASET("dataset").check(check_dataset) {
        /// A file, a folder, a glob (`data/*.csv`) or a URL; CSV, Parquet or Arrow IPC. A path
        /// is relative to the plan's folder.
        source: String = required(&SOURCE).aka(&["path", "file", "url", "location"]),
        /// The format. Default: by the ending of the file's name.
        format: Option<SourceFormat> = optional(&FORMAT),
        /// How CSV is read.
        csv: CsvOptions = default(&CSV, "{}"),
        /// The features. Default: every column with no other role.
        features: Option<Vec<FeaturePlan>> = optional(&FEATURES)
            .aka(&["x", "feature", "inputs"]),
        /// Columns left out of the features, where `features` is left out.
        drop: Vec<String> = default(&LABELS, "[]").aka(&["exclude", "ignore"]),
        /// Columns of numbers to read as categories.
        categorical: Vec<String> = default(&LABELS, "[]")
            .aka(&["categories", "categorical_features"]),
        /// How single columns are read, where it is not to be inferred: `{zip: text, price:
        /// {decimal: ","}, day: {date: "%d/%m/%Y"}, grade: {ordered: [A, B, C]}}`.
        #[serde(default)]
        columns: BTreeMap<String, ColumnPlan> = default(&Columns, "{}")
            .aka(&["dtype", "dtypes", "types", "schema"]),
        /// The column to predict.
        target: String = required(&LABEL).aka(&["label", "y", "class"]).unless("targets"),
        /// Several columns to predict, each with a search of its own, in place of `target`:
        /// `[cancelled, {column: delay, learn: regression}, {column: delay, above: 15}]`. Rows
        /// without one take no part in its fits.
        #[serde(default)]
        targets: Vec<TargetPlan> = default(&OrNoTargets, "[]").aka(&["outputs", "labels"]),
        /// The names of all targets in another order: each is searched with the out-of-fold
        /// predictions of those before it as further features. scikit-learn's
        /// `ClassifierChain` and `RegressorChain` with `cv`. Default: no target is told of
        /// others.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        chain: Vec<String> = default(&LABELS, "[]").aka(&["classifier_chain", "regressor_chain"]),
        /// By what splits that stratify do so: `each` target has its own, or one partition
        /// serves `all`.
        #[serde(default)]
        stratify: Stratify = default(&STRATIFY, "each"),
        /// Whether the target is of classes (`classification`) or a number (`regression`).
        /// Default: `regression` for numbers with fractions, and where the trainers learn
        /// numbers alone.
        #[serde(default)]
        learn: Option<Learn> = optional(&LEARN).aka(&["task", "problem", "objective"]),
        /// The column of the rows' weights, for fits and scores: numbers of at least 0. It is no
        /// feature. Default: all rows weigh the same.
        #[serde(default)]
        weight: Option<String> = optional(&LABEL)
            .aka(&["weights", "sample_weight", "sample_weights"]),
        /// The label of the positive class, where there are two. Default: the last of the
        /// sorted labels.
        positive: Option<String> = optional(&LABEL)
            .aka(&["pos_label", "positive_class", "positive_label"]),
        /// The column that holds the group of each row, for the splitters that keep groups
        /// together; it is not a feature.
        #[serde(default)]
        groups: Option<String> = optional(&LABEL).aka(&["group", "group_column"]),
        /// What rows without a target are: an `error`, or left out (`drop`).
        #[serde(default)]
        missing_target: MissingTarget = default(&MISSING_TARGET, "error"),
    }
}

section! {
    /// How CSV is read.
    #[derive(Eq)]
    pub struct CsvOptions = CSV("dataset.csv").check(check_separators) {
        /// One ASCII character between the values; `tab` for a tab.
        delimiter: char = default(&DELIMITER, "','").aka(&["sep", "separator"]),
        /// Whether the first line names the columns.
        header: bool = default(&Bool, "true"),
        /// The columns' names, instead of the header's.
        names: Option<Vec<String>> = optional(&LABELS).aka(&["columns"]),
        /// Texts that mean a missing value. Default: pandas's usual ones.
        null_values: Vec<String> = default(&LABELS, NULL_VALUES).aka(&["na_values", "nulls"]),
        /// The character before the fraction of a number. Default: `.`.
        #[serde(default)]
        decimal: Option<char> = optional(&DECIMAL).aka(&["dec", "decimal_separator"]),
        /// The character between the thousands of a number. Default: none.
        #[serde(default)]
        thousands: Option<char> = optional(&THOUSANDS).aka(&["thousands_separator", "grouping"]),
        /// Whether dates such as `3/4/2016` are read, with the day first (`true`) or with the
        /// month first (`false`). Default: dates are in ISO 8601, `2016-04-03`.
        #[serde(default)]
        dayfirst: Option<bool> = optional(&Bool).aka(&["day_first"]),
    }
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

/// What rows without a target are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MissingTarget {
    /// A mistake in the data.
    #[default]
    Error,
    /// Left out.
    Drop,
    /// Kept, since they have other targets. They take no part in fits.
    Keep,
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

#[rustfmt::skip] // a row a format
static FORMAT: Choice = Choice(&[
    ("csv", "Comma-separated values, or with another delimiter."),
    ("parquet", "Apache Parquet."),
    ("arrow", "Arrow's IPC file or stream format (Feather 2)."),
]);

#[rustfmt::skip] // a row a choice
static MISSING_TARGET: Choice = Choice(&[
    ("error", "They are a mistake."),
    ("drop", "They are left out, and their number is told."),
]);

/// pandas's texts for a missing value (`read_csv`, `na_values`).
const NULL_VALUES: &str = r##"["", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan",
    "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"]"##;

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

/// [`TARGETS`], which have no default that could be written.
#[derive(Debug)]
struct OrNoTargets;

impl Form for OrNoTargets {
    fn read(&self, given: Given<'_>, cx: &mut Context<'_>) -> Option<Json> {
        let is_default = given.node.place == Place::Plan && given.node.items().is_empty();
        match is_default {
            true => Some(json!([])),
            false => TARGETS.read(given, cx),
        }
    }

    fn schema(&self) -> Json {
        TARGETS.schema()
    }

    fn fields(&self) -> Vec<(&'static str, &'static Field)> {
        TARGETS.fields()
    }
}

impl DatasetPlan {
    /// The column of the source that the target, or the first of several, is made of.
    pub fn target_column(&self) -> &str {
        let first = self.targets.first();
        first.map_or(&self.target, |target| &target.column)
    }

    /// The targets, in the plan's order.
    pub fn all_targets(&self) -> Cow<'_, [TargetPlan]> {
        match self.targets.is_empty() {
            false => Cow::Borrowed(&self.targets),
            true => Cow::Owned(vec![TargetPlan::of_column(
                &self.target,
                self.learn,
                self.positive.as_deref(),
            )]),
        }
    }
}

#[rustfmt::skip] // one row
static FEATURES: List = List::new(&Feature, "columns", "feature")
    .filled("name at least one, or remove the line to take every column with no other role").unique("remove one");

/// [`FeaturePlan`]: a column's name, or the map of a derived feature.
#[derive(Debug)]
struct Feature;

#[rustfmt::skip] // a row a field
static CONCAT: Section = Section::new(
    "dataset.features", "A category made of the texts of several columns.", &[
    required("name", "The new feature's name.", &LABEL),
    required("concat", "The columns, at least two.", &LABELS).aka(&["columns", "of"]),
    default("separator", "The text between the columns' texts.", &LABEL, "_").aka(&["sep", "delimiter"]),
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
