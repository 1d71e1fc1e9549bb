//! The `trainer` and `search` sections: hyper-parameters, fixed and searched.

use std::collections::BTreeMap;
use std::path::PathBuf;

use fanout_contract::Params;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use super::form::{Context, Form, Given, Section, Variant, default, optional, required};
use super::list::List;
use super::node::{Content, Entry};
use super::scalar::{FILE, Int, SEED, Text};
use super::values::{Values, values};

/// Threat: a grid with one list too many, which fills the memory.
const MAX_CANDIDATES: usize = 1_000_000;

/// The `trainer` section.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
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
#[serde(tag = "method", rename_all = "snake_case", deny_unknown_fields)]
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

#[rustfmt::skip] // a row a field
pub(super) static TRAINER: Section = Section::new(
    "trainer", "The estimator, and the hyper-parameters that every candidate shares.", &[
    required("name", &Text, "The trainer, such as `random_forest`. `fanout guest list` lists them.")
        .aka(&["kind", "type", "method"]),
    optional("guest", &FILE, "A component file (`.wasm`) that offers the trainer, relative to the plan's folder. Default: the built-in guests.")
        .aka(&["wasm", "component", "module"]),
    default("params", &FixedParams, "{}", "Hyper-parameters that every candidate shares. `fanout guest describe NAME` lists them.")
        .aka(&["hyperparameters", "parameters", "args"]),
]);

#[rustfmt::skip] // a row a field
pub(super) static SEARCH: Section = Section::new("search", "The candidates.", &[]).tagged("method", "grid", &[
    Variant { name: "grid", about: "Every combination of the values, in the order of scikit-learn's ParameterGrid.", fields: &[
        required("params", &Grids, "The values of each hyper-parameter: a map, or a list of maps for several grids, one after the other.")
            .aka(&["grid", "param_grid", "values"]),
    ] },
    Variant { name: "random", about: "A sample of the combinations; where all are lists, each combination at most once.", fields: &[
        required("params", &SearchedParams { drawn: true }, "The values or the distribution of each hyper-parameter.")
            .aka(&["distributions", "param_distributions"]),
        default("n_iter", &Int(1, MAX_CANDIDATES as u64), "10", "How many candidates to draw.")
            .aka(&["n_candidates", "n_trials", "iterations"]),
        default("random_state", &SEED, "0", "The seed.").aka(&["seed"]),
    ] },
    Variant { name: "list", about: "The candidates as they are written.", fields: &[
        required("candidates", &CANDIDATES, "A list of maps from hyper-parameter to value."),
    ] },
]);

/// A map from hyper-parameter to value.
#[derive(Debug)]
struct FixedParams;

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
            let (name, node) = (entry.key.as_str(), &entry.value);
            let read = values(Given::item(name, node), cx)?;
            let (kind, instead) = match read {
                _ if self.drawn => return Some(json!(read)),
                Values::List(_) => return Some(json!(read)),
                Values::Uniform { .. } => ("uniform", "range"),
                Values::LogUniform { .. } => ("log_uniform", "log_range"),
                Values::IntUniform { .. } => ("int_uniform", "range"),
            };
            let message =
                format!("`{name}` has a distribution (`{kind}`), and a grid tries every value");
            let hint = format!("use `method: random`, or give the values by a list or `{instead}`");
            cx.note(node.place, message).hint(hint);
            None
        })
    }

    fn schema(&self) -> Json {
        match self.drawn {
            true => json!({"$ref": "#/$defs/distributions"}),
            false => json!({"$ref": "#/$defs/grid"}),
        }
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
