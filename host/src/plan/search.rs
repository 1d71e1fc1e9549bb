//! The `trainer` and `search` sections: hyper-parameters, fixed and searched.

use std::collections::BTreeMap;
use std::path::PathBuf;

use fanout_contract::{Params, bagging};
use serde_json::{Map, Value as Json, json};

use super::form::{Context, Form, Given, Section, Variant, default, optional, required};
use super::list::List;
use super::node::{Atom, Content, Entry};
use super::python::{EstimatorForm, PythonForm, PythonPlan};
use super::scalar::{FILE, Int, SEED, Text};
use super::suggest::{all_of, did_you_mean};
use super::table::{section, tagged};
use super::values::{Values, values};

/// Threat: a grid with one list too many, which fills the memory.
const MAX_CANDIDATES: usize = 1_000_000;

section! {
    /// The estimator, and the hyper-parameters that every candidate shares.
    pub struct TrainerPlan = TRAINER("trainer") {
        /// The trainer, such as `random_forest`. `fanout guest list` lists them.
        name: String = required(&Text).aka(&["kind", "type", "method"]).unless("python"),
        /// A classifier or a regressor of scikit-learn by its path, such as `sklearn.svm.NuSVC`;
        /// or a file of Python, or a list of them, relative to the plan's folder, such as
        /// `mine.py`, whose class `name` is. It is fitted in the sandbox, in the component that
        /// `fanout guest python` makes. Default: `name` is a trainer of a guest.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        python: Option<PythonPlan> = optional(&PythonForm).aka(&["sklearn", "class", "py"]),
        /// A component file (`.wasm`) that offers the trainer, relative to the plan's folder.
        /// Default: the built-in guests; with `python`, the guest of Python in the
        /// cache.
        guest: Option<PathBuf> = optional(&FILE).aka(&["wasm", "component", "module"]),
        /// Hyper-parameters that every candidate shares. `fanout guest describe NAME` lists
        /// them.
        params: Params = default(&FixedParams, "{}")
            .aka(&["hyperparameters", "parameters", "args"]),
        /// scikit-learn's BaggingClassifier and BaggingRegressor of it: many models, each
        /// on rows and columns that are drawn, such as `{n_estimators: 100, max_samples: 0.5}`,
        /// or `true`. Searched by names such as `bagging__n_estimators`. Default: one model.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        bagging: bool = optional(&BaggingForm).aka(&["bag", "bootstrap_aggregating"]),
    }
}

/// A trainer, whose name is resolved.
pub(super) static ESTIMATOR: EstimatorForm = EstimatorForm(&TRAINER);

impl TrainerPlan {
    /// The trainer's name, for people: `bagging(decision_tree)` where it is bagged.
    pub fn label(&self) -> String {
        bagging::label(&self.name, self.bagging)
    }
}

impl Search {
    /// The hyper-parameters that any candidate sets, some more than once.
    pub fn names(&self) -> Box<dyn Iterator<Item = &String> + '_> {
        match self {
            Self::Grid { params } => Box::new(params.iter().flat_map(BTreeMap::keys)),
            Self::Random { params, .. } => Box::new(params.keys()),
            Self::List { candidates } => Box::new(candidates.iter().flat_map(BTreeMap::keys)),
        }
    }
}

tagged! {
    /// The candidates.
    pub enum Search = SEARCH("search", "method", "grid") {
        /// Every combination of the values, in the order of scikit-learn's ParameterGrid.
        Grid = "grid" {
            /// The values of each hyper-parameter: a map, or a list of maps for several grids,
            /// one after the other.
            params: Vec<BTreeMap<String, Values>> = required(&Grids)
                .aka(&["grid", "param_grid", "values"]),
        },
        /// A sample of the combinations; where all are lists, each combination at most once.
        Random = "random" {
            /// The values or the distribution of each hyper-parameter.
            params: BTreeMap<String, Values> = required(&SearchedParams { drawn: true })
                .aka(&["distributions", "param_distributions"]),
            /// How many candidates to draw.
            n_iter: u32 = default(&Int(1, MAX_CANDIDATES as u64), "10")
                .aka(&["n_candidates", "n_trials", "iterations"]),
            /// The seed.
            random_state: u64 = default(&SEED, "0").aka(&["seed"]),
        },
        /// The candidates as they are written.
        List = "list" {
            /// A list of maps from hyper-parameter to value.
            candidates: Vec<Params> = required(&CANDIDATES),
        },
    }
}

/// A map from hyper-parameter to value.
#[derive(Debug)]
pub(super) struct FixedParams;

impl Form for FixedParams {
    fn read(&self, given: Given<'_>, cx: &mut Context<'_>) -> Option<Json> {
        let takes = "a map from hyper-parameter to value";
        let hint = "write such as `{max_depth: 4}`";
        let value = |entry: &Entry, cx: &mut Context<'_>| entry.value.json(&mut cx.found);
        params(given, takes, hint, cx, value)
    }

    fn schema(&self) -> Json {
        json!({"$ref": "#/$defs/params"})
    }
}

/// A map of bagging's parameters; `true` for its defaults.
#[derive(Debug)]
struct BaggingForm;

impl Form for BaggingForm {
    fn read(&self, given: Given<'_>, cx: &mut Context<'_>) -> Option<Json> {
        match (given.node.atom(), &given.node.content) {
            (Some(Atom::Bool(true)), _) => Some(json!({})),
            (Some(Atom::Bool(false) | Atom::Null), _) => Some(Json::Null),
            (_, Content::Map(entries)) => {
                let names: Vec<String> = bagging::params()
                    .into_iter()
                    .filter_map(|param| Some(param.name.strip_prefix(bagging::PREFIX)?.to_owned()))
                    .collect();
                let names = || names.iter().map(String::as_str);
                let unknown = |entry: &&Entry| !names().any(|name| name == entry.key);
                let mut all_known = true;
                for entry in entries.iter().filter(unknown) {
                    let message = format!("unknown field `{}` in `bagging`", entry.key);
                    let hint = did_you_mean(&entry.key, names())
                        .unwrap_or_else(|| format!("its fields are {}", all_of(names())));
                    cx.note(entry.place, message).hint(hint);
                    all_known = false;
                }
                FixedParams.read(given, cx).filter(|_| all_known)
            }
            _ => {
                let takes = "`true`, `false`, or a map of parameters";
                let hint = "write such as `{n_estimators: 100}`";
                given.wrong(takes, cx).hint(hint);
                None
            }
        }
    }

    fn schema(&self) -> Json {
        json!({"anyOf": [{"type": "boolean"}, {"$ref": "#/$defs/bagging"}]})
    }
}

#[rustfmt::skip] // one row
static CANDIDATES: List = List::new(&FixedParams, "maps from hyper-parameter to value", "candidate")
    .filled("write at least one, such as `[{max_depth: 4}, {max_depth: 8}]`");

/// A map from hyper-parameter to the values to try, or to draw from.
#[derive(Debug)]
struct SearchedParams {
    /// Whether distributions are taken.
    drawn: bool,
}

impl Form for SearchedParams {
    fn read(&self, given: Given<'_>, cx: &mut Context<'_>) -> Option<Json> {
        let (takes, hint) = match (self.drawn, &given.node.content) {
            (true, Content::List(_)) => (
                "one map from hyper-parameter to values",
                "several maps are for `method: grid`",
            ),
            _ => (
                "a map from hyper-parameter to values",
                "write such as `{max_depth: [2, 4, 6]}`",
            ),
        };
        params(given, takes, hint, cx, |entry, cx| {
            let given = Given::item(&entry.key, &entry.value);
            match self.drawn {
                true => values(given, cx).map(|values| json!(values)),
                false => listed(given, "use `method: random`, or give", cx),
            }
        })
    }

    fn schema(&self) -> Json {
        match self.drawn {
            true => json!({"$ref": "#/$defs/distributions"}),
            false => json!({"$ref": "#/$defs/grid"}),
        }
    }
}

/// The values of one hyper-parameter, each of which is tried. `instead` begins the hint
/// where they are a distribution.
fn listed(given: Given<'_>, instead: &str, cx: &mut Context<'_>) -> Option<Json> {
    let (name, node) = (given.name, given.node);
    let read = values(given, cx)?;
    let (kind, range) = match read {
        Values::List(_) => return Some(json!(read)),
        Values::Uniform { .. } => ("uniform", "range"),
        Values::LogUniform { .. } => ("log_uniform", "log_range"),
        Values::IntUniform { .. } => ("int_uniform", "range"),
    };
    let tries = match name {
        "param_range" => "every value is tried",
        _ => "a grid tries every value",
    };
    let message = format!("`{name}` has a distribution (`{kind}`), and {tries}");
    let hint = format!("{instead} the values by a list or `{range}`");
    cx.note(node.place, message).hint(hint);
    None
}

/// The values of the hyper-parameter of a validation curve.
#[derive(Debug)]
pub(super) struct ParamRange;

impl Form for ParamRange {
    fn read(&self, given: Given<'_>, cx: &mut Context<'_>) -> Option<Json> {
        listed(given, "give", cx)
    }

    fn schema(&self) -> Json {
        json!({"$ref": "#/$defs/values"})
    }
}

/// One grid or several.
#[derive(Debug)]
struct Grids;

#[rustfmt::skip] // one row
static GRIDS: List = List::new(&SearchedParams { drawn: false }, "grids", "grid").single()
    .filled("write at least one map from hyper-parameter to values");

impl Form for Grids {
    fn read(&self, given: Given<'_>, cx: &mut Context<'_>) -> Option<Json> {
        let read = GRIDS.read(given, cx)?;
        let count = |values: &Json| values["list"].as_array().map_or(1, Vec::len) as u128;
        let size = |grid: &Json| {
            let values = grid.as_object().into_iter().flat_map(Map::values);
            values.map(count).fold(1, u128::saturating_mul)
        };
        let grids = read.as_array().into_iter().flatten();
        let candidates = grids.map(size).fold(0, u128::saturating_add);
        if candidates <= MAX_CANDIDATES as u128 {
            return Some(read);
        }
        let message =
            format!("this grid has {candidates} candidates; at most {MAX_CANDIDATES} are allowed");
        let hint = "try fewer values, or draw a sample with `method: random`";
        cx.note(given.place, message).hint(hint);
        None
    }

    fn schema(&self) -> Json {
        GRIDS.schema()
    }
}

fn params(
    given: Given<'_>,
    takes: &str,
    hint: &str,
    cx: &mut Context<'_>,
    read: impl Fn(&Entry, &mut Context<'_>) -> Option<Json>,
) -> Option<Json> {
    let Content::Map(entries) = &given.node.content else {
        given.wrong(takes, cx).hint(hint);
        return None;
    };
    let mut params = Map::new();
    for entry in entries {
        let value = read(entry, cx);
        params.extend(value.map(|value| (entry.key.clone(), value)));
    }
    (params.len() == entries.len()).then(|| params.into())
}
