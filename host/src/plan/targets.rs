//! [`TargetPlan`]: one of several columns to predict, each with a search of its own.

use std::collections::BTreeSet;

use fanout_contract::Score;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::form::{Section, optional, required};
use super::list::List;
use super::metric::Scoring;
use super::mistake::Found;
use super::node::Node;
use super::scalar::{Choice, LABEL, Number};
use super::suggest::all_of;
use super::table::section;

section! {
    /// One of several targets.
    pub struct TargetPlan = TARGET("dataset.targets").short("column").listed(true)
    .check(check_target) {
        /// The column to predict.
        column: String = required(&LABEL).aka(&["target", "label", "y"]),
        /// What the target is called. Default: the column's name; with `above`,
        /// `COLUMN_above_NUMBER`.
        name: Option<String> = optional(&LABEL),
        /// A number: the target is whether the column is greater, `true` or `false`, and
        /// missing where the column is.
        above: Option<f64> = optional(&Number(f64::MIN, f64::MAX)).aka(&["threshold", "over"]),
        /// Whether the target is of classes (`classification`) or a number (`regression`).
        /// Default: as for `dataset.target`.
        learn: Option<Learn> = optional(&LEARN).aka(&["task", "problem", "objective"]),
        /// The label of the positive class, where there are two. Default: the last of the
        /// sorted labels.
        positive: Option<String> = optional(&LABEL)
            .aka(&["pos_label", "positive_class", "positive_label"]),
        /// The metrics of this target. Default: those of `scoring` that are for its kind, or
        /// else `accuracy` for classes and `r2` for numbers.
        scoring: Option<Vec<Score>> = optional(&Scoring)
            .aka(&["metric", "metrics", "score", "scorer"]),
    }
}

#[rustfmt::skip] // one row
pub(super) static TARGETS: List = List::new(&TARGET, "columns, and maps such as `{column: price, learn: regression}`", "target")
    .filled("name at least one, such as `[cancelled, late]`");

/// What the target is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Learn {
    /// One of several classes.
    Classification,
    /// A number.
    Regression,
}

#[rustfmt::skip] // a row a choice
pub(super) static LEARN: Choice = Choice(&[
    ("classification", "The target is one of several classes."),
    ("regression", "The target is a number."),
]);

/// By what splits that stratify do so, where there are several targets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stratify {
    /// Those of each target by that target.
    #[default]
    Each,
    /// One partition of the rows by all targets of classes.
    All,
}

#[rustfmt::skip] // a row a choice
pub(super) static STRATIFY: Choice = Choice(&[
    ("each", "Each target has splits of its own."),
    ("all", "One partition serves all targets, by iterative stratification."),
]);

impl TargetPlan {
    /// A target that is a column as it is.
    pub fn of_column(column: &str, learn: Option<Learn>, positive: Option<&str>) -> Self {
        Self {
            column: column.to_owned(),
            name: None,
            above: None,
            learn,
            positive: positive.map(str::to_owned),
            scoring: None,
        }
    }

    /// What the target is called.
    pub fn name(&self) -> String {
        match (&self.name, self.above) {
            (Some(name), _) => name.clone(),
            (None, None) => self.column.clone(),
            (None, Some(above)) => above_name(&self.column, &above.to_string()),
        }
    }

    /// Whether it is a number, as far as that is known.
    pub(super) fn is_number(&self) -> bool {
        self.learn == Some(Learn::Regression)
    }
}

fn above_name(column: &str, above: &str) -> String {
    format!("{column}_above_{above}")
}

/// The name of a target in a tree.
pub(super) fn name_of(target: &Node) -> Option<String> {
    let given = |name: &str| target.entry(name).map(|entry| &entry.value);
    if let Some(column) = target.label() {
        return Some(column.to_owned());
    }
    if let Some(name) = given("name").and_then(Node::label) {
        return Some(name.to_owned());
    }
    let column = given("column")?.label()?;
    let above = given("above").and_then(Node::number);
    Some(match above {
        Some(above) => above_name(column, &above.to_string()),
        None => column.to_owned(),
    })
}

/// Notes what a target that is made of a number can't be.
fn check_target(target: &Node, found: &mut Found) {
    let learn = target.entry("learn");
    let number = learn.filter(|entry| entry.value.label() == Some("regression"));
    if let (Some(_), Some(learn)) = (target.entry("above"), number) {
        let message = "whether a column is above a number is no number to learn";
        found
            .note(learn.place, message)
            .hint("remove `learn`, or `above`");
    }
}

/// Notes fields of the `dataset` section that exclude each other where there are
/// several targets, and targets of one name.
pub(super) fn check_targets(dataset: &Node, found: &mut Found) {
    let Some(targets) = dataset.entry("targets") else {
        if let Some(entry) = dataset.entry("stratify") {
            let message = "`stratify` has no effect without `targets`";
            found.note(entry.place, message).hint("remove it");
        }
        return;
    };
    if let Some(target) = dataset.entry("target") {
        let message = "a dataset has a `target`, or several `targets`";
        found.note(target.place, message).hint("remove one of them");
    }
    for field in ["learn", "positive"] {
        if let Some(entry) = dataset.entry(field) {
            let message = format!("with `targets`, `{field}` is said of each");
            let hint = format!("write such as `targets: [{{column: price, {field}: …}}]`");
            found.note(entry.place, message).hint(hint);
        }
    }
    if let Some(entry) = dataset.entry("missing_target") {
        let message = "with `targets`, rows without one take no part in its fits";
        found
            .note(entry.place, message)
            .hint("remove `missing_target`");
    }
    let mut names = BTreeSet::new();
    for target in targets.value.items() {
        let Some(name) = name_of(target) else {
            continue;
        };
        if names.contains(&name) {
            let message = format!("the target `{name}` is named twice");
            let hint = "remove one, or give one of them another `name`";
            found.note(target.place, message).hint(hint);
        }
        names.insert(name);
    }
}

/// Notes splits that `stratify: all` can't make.
pub(super) fn check_stratify(root: &Node, found: &mut Found) {
    let Some(stratify) = root.get(&["dataset", "stratify"]) else {
        return;
    };
    let method = root.get(&["cv", "method"]).and_then(Node::label);
    if stratify.label() == Some("all") && method.is_some_and(|method| method != "stratified_k_fold")
    {
        let message = "`stratify: all` is for `cv: {method: stratified_k_fold}`";
        let hint = "remove `stratify`, or use that method";
        found.note(stratify.place, message).hint(hint);
    }
}

/// The methods of splits that do not test each row once.
fn is_partition(method: &str) -> bool {
    let others = ["shuffle", "repeated", "time_series", "leave_p"];
    !others.iter().any(|other| method.contains(other))
}

/// Notes what a chain of targets can't be made of.
pub(super) fn check_chain(root: &Node, found: &mut Found) {
    let Some(chain) = root.get(&["dataset", "chain"]) else {
        return;
    };
    let links = chain.items();
    if links.is_empty() {
        return;
    }
    let targets = root
        .get(&["dataset", "targets"])
        .map_or(&[][..], Node::items);
    let names: Vec<String> = targets.iter().filter_map(name_of).collect();
    if names.len() < 2 {
        let message = "a `chain` is of several `targets`";
        found.note(chain.place, message).hint("remove `chain`");
        return;
    }
    let mut named: Vec<&str> = Vec::new();
    for link in links {
        let Some(name) = link.label() else { continue };
        let hint = |hint: String| Some(hint);
        let (message, hint) = match names.iter().any(|known| known == name) {
            false => (
                format!("there is no target `{name}`"),
                hint(format!(
                    "the targets are {}",
                    all_of(names.iter().map(String::as_str))
                )),
            ),
            true if named.contains(&name) => (
                format!("the target `{name}` is twice in the chain"),
                hint("remove one".to_owned()),
            ),
            true => {
                named.push(name);
                continue;
            }
        };
        found.note(link.place, message).hint = hint;
    }
    let left_out = names.iter().find(|name| !named.contains(&name.as_str()));
    if let Some(name) = left_out.filter(|_| named.len() == links.len()) {
        let message = format!("the chain lacks the target `{name}`");
        let hint = "a chain names all targets, each once";
        found.note(chain.place, message).hint(hint);
    }
    let method = root.get(&["cv", "method"]);
    if let Some((method, name)) = method.and_then(|method| Some((method, method.label()?)))
        && !is_partition(name)
    {
        let message = format!("`{name}` does not test each row once, as a `chain` needs it");
        let hint = "use such as `k_fold`, or remove `dataset.chain`";
        found.note(method.place, message).hint(hint);
    }
    let refit = root.get(&["refit"]);
    if let Some(refit) = refit.filter(|refit| refit.label() == Some("false")) {
        let message = "a `chain` predicts with the models of its targets, which `refit` makes";
        found.note(refit.place, message).hint("leave `refit` out");
    }
    let kind = root.get(&["kind"]);
    if let Some(kind) = kind.filter(|kind| kind.label().is_none_or(|kind| kind != "search")) {
        let message = "a `chain` is searched: its models are those of `kind: search`";
        found.note(kind.place, message).hint("leave `kind` out");
    }
}

/// Sets what several targets mean for the other fields of the `dataset` section in
/// `read`: the first is its `target`, and rows may lack one.
pub(super) fn settle(read: &mut Map<String, Json>) {
    let Some(Json::Object(dataset)) = read.get_mut("dataset") else {
        return;
    };
    let targets = dataset.get("targets").cloned().unwrap_or_default();
    let targets: Vec<TargetPlan> = serde_json::from_value(targets).unwrap_or_default();
    match targets.first() {
        Some(first) => {
            dataset.insert("target".to_owned(), first.name().into());
            // `MissingTarget::Keep`
            dataset.insert("missing_target".to_owned(), "keep".into());
        }
        None if dataset.get("target").is_none_or(Json::is_null) => {
            // It has a mistake in its targets.
            read.remove("dataset");
        }
        None => {}
    }
}
