//! [`Kind`]: what a plan asks of its estimators. Its fields stand beside those of the
//! plan; [`settle`] says what it means for these.

use serde_json::{Map, Value as Json, json};

use super::cv::{CV, Cv, SplitSize};
use super::form::{Section, Variant, default, required};
use super::list::List;
use super::mistake::{Found, Place};
use super::node::{Atom, Entry, Node};
use super::scalar::{Bool, Int, LABEL, SEED, Scalar, Takes};
use super::search::ParamRange;
use super::table::tagged;
use super::values::Values;

tagged! {
    /// What is asked of the estimators.
    pub enum Kind = KIND("", "kind", "search") {
        /// The best of the candidates of `search`, and its model.
        Search = "search" {},
        /// scikit-learn's `fit`: the model of one estimator as it is, fitted to all rows that
        /// are not held out. Nothing is cross-validated.
        Fit = "fit" {},
        /// scikit-learn's cross_validate: the scores of the estimators as they are.
        CrossValidate = "cross_validate" {},
        /// scikit-learn's learning_curve: the scores of the estimators by the number of
        /// training rows.
        LearningCurve = "learning_curve" {
            /// How many of the training rows of each split are trained on, the first ones:
            /// shares of those of the first split, or counts.
            train_sizes: Vec<SplitSize> = default(&SIZES, "[0.1, 0.325, 0.55, 0.775, 1.0]")
                .aka(&["sizes", "train_size"]),
            /// Whether the training rows of each split are shuffled first.
            shuffle: bool = default(&Bool, "false"),
            /// The seed of the shuffle. A mistake without `shuffle: true`.
            random_state: u64 = default(&SEED, "0").aka(&["seed"]).needs("shuffle"),
        },
        /// scikit-learn's validation_curve: the scores by the values of one hyper-parameter.
        ValidationCurve = "validation_curve" {
            /// The hyper-parameter that varies; of a step, `step__param`.
            param_name: String = required(&LABEL).aka(&["param", "parameter"]),
            /// Its values: a list, or a range such as `{range: [1, 10]}`.
            param_range: Values = required(&ParamRange).aka(&["param_values"]),
        },
        /// scikit-learn's cross_val_score of a GridSearchCV: in each split of `cv`, a search
        /// by splits of the training rows, whose best candidate is scored on the test rows.
        NestedCrossValidation = "nested_cross_validation" {
            /// The splits of the training rows of each split of `cv`. Default for a target of
            /// numbers: `k_fold` of 5.
            inner_cv: Cv = default(&INNER_CV, "{}").aka(&["inner"]),
        },
        /// scikit-learn's permutation_test_score: whether the estimators score better than
        /// where the targets are shuffled, within the groups of `dataset.groups` if it is given.
        PermutationTest = "permutation_test" {
            /// How many times the targets are shuffled.
            n_permutations: u32 = default(&PERMUTATIONS, "100").aka(&["permutations"]),
            /// The seed of the permutations, below 2^32: numpy's `RandomState`.
            random_state: u32 = default(&NUMPY_SEED, "0").aka(&["seed"]),
        },
    }
}

impl Default for Kind {
    fn default() -> Self {
        Self::Search {}
    }
}

impl Kind {
    /// The name in a plan.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Search {} => "search",
            Self::Fit {} => "fit",
            Self::CrossValidate {} => "cross_validate",
            Self::LearningCurve { .. } => "learning_curve",
            Self::ValidationCurve { .. } => "validation_curve",
            Self::NestedCrossValidation { .. } => "nested_cross_validation",
            Self::PermutationTest { .. } => "permutation_test",
        }
    }

    /// Whether there is a model: of the best candidate, where the plan names a metric for
    /// that, or of the only one.
    pub fn refits(&self) -> bool {
        matches!(self, Self::Search {} | Self::Fit {})
    }

    /// Whether rows are split, and candidates scored by the splits.
    pub fn has_splits(&self) -> bool {
        !matches!(self, Self::Fit {})
    }

    /// Whether it takes the groups of the rows, `dataset.groups`, whatever `cv` is.
    pub fn takes_groups(&self) -> bool {
        matches!(self, Self::PermutationTest { .. })
    }

    /// Whether the splits of the tasks are those of `cv`.
    pub fn splits_by_cv(&self) -> bool {
        matches!(
            self,
            Self::Search {} | Self::CrossValidate {} | Self::ValidationCurve { .. }
        )
    }
}

/// The splits inside those of `cv`.
static INNER_CV: Section = Section::new(
    "inner_cv",
    "The splits of the training rows of each split of `cv`.",
    &[],
)
.variants_of(&CV);

/// How many permutations: more than anyone fits, within the splits of a run.
const PERMUTATIONS: Int = Int(1, 10_000);
/// A seed of numpy's `RandomState`.
const NUMPY_SEED: Int = Int(0, u32::MAX as u64);

/// A share above 0 and up to 1, or a count.
#[derive(Debug)]
struct TrainSize;

static SIZES: List = List::new(&TrainSize, "shares or counts of training rows", "size")
    .filled("write such as `[0.1, 0.5, 1.0]`");

impl Scalar for TrainSize {
    fn value(&self, node: &Node) -> Result<Json, Takes> {
        let hint = match node.atom() {
            Some(Atom::Int(count)) if (1..=i64::from(u32::MAX)).contains(&count) => {
                return Ok(json!({"count": count}));
            }
            Some(Atom::Float(share)) if share > 0.0 && share <= 1.0 => {
                return Ok(json!({"fraction": share}));
            }
            Some(Atom::Float(count)) if count > 1.0 && count.fract() == 0.0 => {
                Some(format!("write `{count}` for a number of rows"))
            }
            Some(Atom::Float(share)) if share > 1.0 && share < 100.0 => {
                Some(format!("write `{}` for {share} percent", share / 100.0))
            }
            _ => None,
        };
        let takes = "shares above 0 and up to 1, such as `0.25`, or numbers of rows of at least 1";
        Err(Takes(takes.to_owned(), hint))
    }

    fn schema(&self) -> Json {
        json!({"anyOf": [
            {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
            {"type": "integer", "minimum": 1, "maximum": u32::MAX},
        ]})
    }
}

/// Makes one field of those of the kind in `read`, and sets those that follow from it.
/// Notes the fields of the plan that do not go with it.
pub(super) fn settle(read: &mut Map<String, Json>, root: &Node, found: &mut Found) {
    let Some(name) = read.get("kind").and_then(Json::as_str).map(str::to_owned) else {
        return;
    };
    let mut variants = KIND.variants.iter();
    let fields = variants.find(|variant| variant.name == name);
    let fields = fields.map_or(&[][..], |variant| variant.fields);
    let mut kind = Map::new();
    for field in fields {
        let value = read.remove(field.name);
        kind.extend(value.map(|value| (field.name.to_owned(), value)));
    }
    match name.as_str() {
        "search" => {}
        "fit" => check_fit(root, found),
        "nested_cross_validation" => check_nested(read, root, found),
        _ => {
            refuse_search(&name, root, found);
            if let Some(entry) = root.entry("refit").filter(|_| !is_off(read, "refit")) {
                let message = format!("`kind: {name}` makes no model, so that nothing is refitted");
                found.note(entry.place, message).hint("remove `refit`");
            }
            if read.contains_key("refit") {
                read.insert("refit".to_owned(), Json::Null);
            }
        }
    }
    if name.ends_with("_curve") {
        let off = read.get("return_train_score") == Some(&Json::Bool(false));
        if let Some(entry) = root.entry("return_train_score").filter(|_| off) {
            let message = format!("`kind: {name}` scores the training rows, too");
            found
                .note(entry.place, message)
                .hint("remove `return_train_score`");
        }
        read.insert("return_train_score".to_owned(), true.into());
    }
    match name.as_str() {
        "permutation_test" => check_permutations(read, root, found),
        "learning_curve" => check_sizes(root, found),
        "validation_curve" => search_values(&kind, read),
        _ => {}
    }
    kind.insert("kind".to_owned(), name.into());
    read.insert("kind".to_owned(), kind.into());
}

fn is_off(read: &Map<String, Json>, field: &str) -> bool {
    read.get(field).is_none_or(Json::is_null)
}

/// The sections `search` of the plan and of its trainers.
fn searches(root: &Node) -> impl Iterator<Item = &Entry> {
    let trainers = root.entry("trainers");
    let trainers = trainers.map_or(&[][..], |trainers| trainers.value.items());
    let arms = std::iter::once(root).chain(trainers);
    arms.filter_map(|arm| arm.entry("search"))
}

/// Notes searches where estimators are taken as they are.
fn refuse_search(kind: &str, root: &Node, found: &mut Found) {
    let hint = match kind {
        "validation_curve" => "`param_name` and `param_range` say what is tried: remove it",
        "cross_validate" => {
            "fix hyper-parameters in `trainer.params`, or use `kind: search` or \
             `nested_cross_validation`"
        }
        _ => "fix hyper-parameters in `trainer.params`",
    };
    for entry in searches(root) {
        let message = format!("`kind: {kind}` has no `search`");
        found.note(entry.place, message).hint(hint);
    }
}

/// Notes what is of splits or of a choice, where one estimator is fitted to all rows.
fn check_fit(root: &Node, found: &mut Found) {
    refuse_search("fit", root, found);
    let is_on = |entry: &&Entry| {
        let value = &entry.value;
        !value.is_null() && value.atom() != Some(Atom::Bool(false))
    };
    for field in ["cv", "return_train_score", "predictions", "threshold"] {
        if let Some(entry) = root.entry(field).filter(is_on) {
            let message = format!("`kind: fit` splits no rows, and `{field}` is about splits");
            let hint = format!("remove `{field}`, or use `kind: search`");
            found.note(entry.place, message).hint(hint);
        }
    }
    if let Some(entry) = root
        .entry("scoring")
        .filter(|_| root.entry("holdout").is_none())
    {
        let message = "`kind: fit` scores hold-out rows alone, and there is no `holdout`";
        let hint = "add `holdout: {fraction: 0.3}`, or remove `scoring`";
        found.note(entry.place, message).hint(hint);
    }
    if root.entry("output").is_none() && root.entry("holdout").is_none() {
        let message = "`kind: fit` makes a model, and there is no folder for it";
        let hint = "add `output: results`, or `--output results` to the command";
        let kind = root
            .entry("kind")
            .map_or(Place::Plan, |entry| entry.value.place);
        found.note(kind, message).hint(hint);
    }
    let refit = root.entry("refit");
    let is_true = |entry: &&Entry| entry.value.atom() == Some(Atom::Bool(true));
    if let Some(entry) = refit.filter(|entry| !is_true(entry)) {
        let message = "`kind: fit` makes the model of the only candidate, and `refit` chooses one";
        found.note(entry.place, message).hint("remove `refit`");
    }
    let trainers = root.entry("trainers");
    let several = trainers.filter(|entry| entry.value.items().len() > 1);
    let combines = root.entry("ensemble").is_some_and(|entry| is_on(&entry));
    if let Some(entry) = several.filter(|_| !combines) {
        let message = "`kind: fit` fits one estimator, and chooses none of several";
        let hint = "use one `trainer`, `kind: search`, or `ensemble: {method: voting}` for all of \
                    them together";
        found.note(entry.place, message).hint(hint);
    }
}

/// Notes what a nested cross-validation lacks: candidates, a metric to choose by, inner
/// splits that can be made of any rows.
fn check_nested(read: &Map<String, Json>, root: &Node, found: &mut Found) {
    let kind = root.entry("kind").map(|entry| entry.value.place);
    if let (Some(place), None, Some(_)) = (kind, searches(root).next(), root.entry("trainer")) {
        let message = "there is one candidate, and nothing to choose inside the splits";
        let hint = "add a `search`, or use `kind: cross_validate`";
        found.note(place, message).hint(hint);
    }
    if let Some(entry) = root.entry("refit")
        && read.get("refit").is_some_and(Json::is_null)
    {
        let message = "the candidates of each split are chosen by a metric, and `refit` names none";
        let hint = "name one of `scoring`, or remove `refit` to take the first";
        found.note(entry.value.place, message).hint(hint);
    }
    let method = |section: &str| {
        let node = root.get(&[section, "method"])?;
        Some((node.label()?, node.place))
    };
    let outer = method("cv").map_or("", |(method, _)| method);
    let Some((inner, place)) = method("inner_cv") else {
        return;
    };
    if matches!(inner, "columns" | "predefined_split") {
        let message = format!("`{inner}` can't split the training rows of each split");
        let hint = "use another method, such as `k_fold`";
        found.note(place, message).hint(hint);
    } else if Cv::of_groups(inner) && !Cv::of_groups(outer) {
        let message = format!("`{inner}` keeps groups whole, and `cv` does not");
        let hint = "use a method of groups for `cv`, too, such as `group_k_fold`";
        found.note(place, message).hint(hint);
    }
}

/// Notes what a permutation test keeps of no fit, and groups beside folds that a column
/// gives.
fn check_permutations(read: &Map<String, Json>, root: &Node, found: &mut Found) {
    for field in ["return_train_score", "predictions"] {
        let on = read.get(field) == Some(&Json::Bool(true));
        if let Some(entry) = root.entry(field).filter(|_| on) {
            let message = "`kind: permutation_test` keeps the test scores alone";
            found
                .note(entry.place, message)
                .hint(format!("remove `{field}`"));
        }
    }
    let method = root.get(&["cv", "method"]).and_then(Node::label);
    let groups = root
        .get(&["dataset", "groups"])
        .filter(|groups| !groups.is_null());
    if let (Some(method @ ("columns" | "predefined_split")), Some(groups)) = (method, groups) {
        let message = "the targets are shuffled within groups, and the folds are in columns";
        let hint = format!("remove `groups`, or use another method than `{method}`");
        found.note(groups.place, message).hint(hint);
    }
}

/// Notes shares beside counts.
fn check_sizes(root: &Node, found: &mut Found) {
    let sizes = root.get(&["train_sizes"]).map_or(&[][..], Node::items);
    let is_share = |size: &Node| matches!(size.atom(), Some(Atom::Float(_)));
    let Some((first, rest)) = sizes.split_first() else {
        return;
    };
    if let Some(other) = rest.iter().find(|size| is_share(size) != is_share(first)) {
        let message = "`train_sizes` holds shares and numbers of rows";
        let hint = "write all of them as shares, such as `0.5`, or all as whole numbers";
        found.note(other.place, message).hint(hint);
    }
}

/// Makes the candidates of a validation curve, the same for every trainer.
fn search_values(kind: &Map<String, Json>, read: &mut Map<String, Json>) {
    let name = kind.get("param_name").and_then(Json::as_str);
    let values = kind.get("param_range").map(|values| &values["list"]);
    let (Some(name), Some(Json::Array(values))) = (name, values) else {
        return;
    };
    let candidates: Vec<Json> = values.iter().map(|value| json!({name: value})).collect();
    let search = json!({"method": "list", "candidates": candidates});
    if let Some(Json::Array(trainers)) = read.get_mut("trainers") {
        for trainer in trainers {
            trainer["search"] = search.clone();
        }
    }
    read.insert("search".to_owned(), search);
}

/// The hyper-parameter of a validation curve with its values, as an entry of a grid.
pub(super) fn searched(root: &Node) -> Option<Entry> {
    let name = root.get(&["param_name"])?;
    let values = root.get(&["param_range"])?;
    Some(Entry::new(name.label()?, name.place, values.clone()))
}
