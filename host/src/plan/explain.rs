//! The section `explain`: what is found out of the refitted model, and why it predicts
//! what it predicts.

use fanout_contract::Permute;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use super::form::{Context, Field, Form, Given, Section, default, optional};
use super::list::List;
use super::mistake::{Found, Place};
use super::node::{Content, Node};
use super::scalar::{Bool, Choice, Int, LABEL, SEED, Scalar, Takes};
use super::syntax::parse;
use super::table::section;

/// The most points of a grid. Threat: a number that was mistyped.
const MOST_POINTS: u64 = 10_000;

/// The most rows that are explained. Threat: results that fill the memory.
const MOST_ROWS: u64 = 1_000_000;

section! {
    /// What is found out of the chosen candidate.
    pub struct ExplainPlan = EXPLAIN("explain") {
        /// scikit-learn's permutation_importance: how much worse each score gets when the
        /// values of a feature are permuted among the hold-out rows; without a hold-out,
        /// among the test rows of each split.
        permutation_importance: Option<PermutationPlan> = optional(&PERMUTATION_OR_SWITCH)
            .aka(&["permutation", "permutation_importances"]),
        /// scikit-learn's partial_dependence of the refitted model, method `brute`: its mean
        /// prediction by the value of a feature.
        partial_dependence: Option<DependencePlan> = optional(&DEPENDENCE_OR_SWITCH)
            .aka(&["dependence", "pdp", "ice"]),
        /// The importances that the refitted model has of its own, as trees have.
        importances: bool = default(&Bool, "false").aka(&["feature_importances", "importance"]),
        /// What each feature adds to the predictions of rows, as the SHAP values of trees.
        shap: Option<ShapPlan> = optional(&SHAP_OR_SWITCH).aka(&["shapley", "contributions"]),
    }
}

section! {
    /// How features are permuted.
    #[derive(Copy, Eq)]
    pub struct PermutationPlan = PERMUTATION("explain.permutation_importance") {
        /// How many times each feature is permuted.
        n_repeats: u32 = default(&Int(1, Permute::MAX_REPEATS as u64), "5").aka(&["repeats"]),
        /// The seed of the permutations.
        random_state: u64 = default(&SEED, "0").aka(&["seed"]),
    }
}

section! {
    /// Of which features, and where, the dependence is found.
    pub struct DependencePlan = DEPENDENCE("explain.partial_dependence") {
        /// The features. Default: the five most important.
        features: Vec<String> = default(&FEATURES, "[]").aka(&["feature", "columns"]),
        /// The most points of a feature of numbers: equally spaced between the percentiles,
        /// or its values where these are fewer.
        grid_resolution: u32 = default(&Int(2, MOST_POINTS), "100").aka(&["resolution", "grid"]),
        /// The shares of rows below the first point and below the last.
        percentiles: [f64; 2] = default(&Percentiles, "[0.05, 0.95]").aka(&["percentile"]),
        /// Whether the mean over the rows is told, or the prediction of each row.
        kind: DependenceKind = default(&KINDS, "average"),
        /// The most rows that are predicted: drawn at random where there are more.
        subsample: u32 = default(&Int(1, MOST_ROWS), "1000").aka(&["rows", "sample"]),
        /// The seed of the draw.
        random_state: u64 = default(&SEED, "0").aka(&["seed"]),
    }
}

section! {
    /// Which rows are explained.
    #[derive(Copy, Eq)]
    pub struct ShapPlan = SHAP("explain.shap") {
        /// The most rows: drawn at random where there are more.
        rows: u32 = default(&Int(1, MOST_ROWS), "1000").aka(&["subsample", "sample"]),
        /// The seed of the draw.
        random_state: u64 = default(&SEED, "0").aka(&["seed"]),
    }
}

/// What is told of the predictions at each point.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DependenceKind {
    /// Their mean over the rows.
    #[default]
    Average,
    /// That of each row: individual conditional expectation.
    Individual,
    /// Both.
    Both,
}

impl DependenceKind {
    /// Whether the means are told.
    pub fn has_average(self) -> bool {
        self != Self::Individual
    }

    /// Whether that of each row is told.
    pub fn has_individual(self) -> bool {
        self != Self::Average
    }
}

impl Default for DependencePlan {
    fn default() -> Self {
        Self {
            features: Vec::new(),
            grid_resolution: 100,
            percentiles: [0.05, 0.95],
            kind: DependenceKind::Average,
            subsample: 1000,
            random_state: 0,
        }
    }
}

impl ExplainPlan {
    /// Whether something of it is of the refitted model.
    pub fn needs_model(&self) -> bool {
        self.partial_dependence.is_some() || self.importances || self.shap.is_some()
    }
}

#[rustfmt::skip] // a row a kind
static KINDS: Choice = Choice(&[
    ("average", "The mean over the rows."),
    ("individual", "The prediction of each row: individual conditional expectation."),
    ("both", "Both."),
]);

static FEATURES: List = List::new(&LABEL, "features", "feature")
    .single()
    .unique("remove one");

pub(super) static EXPLAIN_OR_SWITCH: SectionOrSwitch = SectionOrSwitch {
    section: &EXPLAIN,
    on: "{permutation_importance: true, partial_dependence: true, importances: true, shap: true}",
};
static PERMUTATION_OR_SWITCH: SectionOrSwitch = SectionOrSwitch::of(&PERMUTATION);
static DEPENDENCE_OR_SWITCH: SectionOrSwitch = SectionOrSwitch::of(&DEPENDENCE);
static SHAP_OR_SWITCH: SectionOrSwitch = SectionOrSwitch::of(&SHAP);

/// A section; `true` for one that is as `on` says, and `false` for none.
#[derive(Debug)]
pub(super) struct SectionOrSwitch {
    section: &'static Section,
    /// YAML.
    on: &'static str,
}

impl SectionOrSwitch {
    /// One whose fields all have defaults.
    const fn of(section: &'static Section) -> Self {
        Self { section, on: "{}" }
    }
}

impl Form for SectionOrSwitch {
    fn read(&self, given: Given<'_>, cx: &mut Context<'_>) -> Option<Json> {
        if let Content::Map(_) = given.node.content {
            return self.section.read(given, cx);
        }
        let is_on = match Scalar::value(&Bool, given.node) {
            Ok(value) => value == Json::Bool(true),
            Err(Takes(takes, hint)) => {
                given.wrong(&format!("{takes}, or its fields"), cx).hint = hint;
                return None;
            }
        };
        if !is_on {
            return Some(Json::Null);
        }
        let on = parse(self.on, |_| Place::Plan, &mut Found::default())?;
        let given = Given { node: &on, ..given };
        self.section.read(given, cx)
    }

    fn schema(&self) -> Json {
        json!({"anyOf": [Scalar::schema(&Bool), Form::schema(self.section)]})
    }

    fn fields(&self) -> Vec<(&'static str, &'static Field)> {
        self.section.fields()
    }
}

/// Two shares, the lesser first.
#[derive(Debug)]
struct Percentiles;

impl Scalar for Percentiles {
    fn value(&self, node: &Node) -> Result<Json, Takes> {
        let numbers: Option<Vec<f64>> = node.items().iter().map(Node::number).collect();
        let hint = match numbers.as_deref() {
            Some(&[low, high]) if (0.0..=1.0).contains(&low) && low < high && high <= 1.0 => {
                return Ok(json!([low, high]));
            }
            Some(&[low, high]) if (0.0..=100.0).contains(&low) && low < high && high <= 100.0 => {
                let shares = [low / 100.0, high / 100.0];
                Some(format!("write `[{}, {}]`", shares[0], shares[1]))
            }
            _ => None,
        };
        let takes = "two numbers from 0 to 1, the lesser first, such as `[0.05, 0.95]`";
        Err(Takes(takes.to_owned(), hint))
    }

    fn schema(&self) -> Json {
        json!({
            "type": "array",
            "items": {"type": "number", "minimum": 0, "maximum": 1},
            "minItems": 2,
            "maxItems": 2,
        })
    }
}

/// Notes explanations where there is no model, and a section that asks for none.
pub(super) fn check(read: &Map<String, Json>, root: &Node, found: &mut Found) {
    let Some(plan) = read.get("explain").filter(|plan| !plan.is_null()) else {
        return;
    };
    let Some(entry) = root.entry("explain") else {
        return;
    };
    let kind = read.get("kind").and_then(Json::as_str).unwrap_or("search");
    let no_model = read.get("refit").is_some_and(Json::is_null);
    let is_empty = serde_json::from_value(plan.clone()).is_ok_and(|plan: ExplainPlan| {
        !plan.needs_model() && plan.permutation_importance.is_none()
    });
    if kind == "fit" {
        let message = "`explain` scores test rows, and `kind: fit` splits none";
        let hint = "remove `explain`, or use `kind: search`";
        found.note(entry.place, message).hint(hint);
    } else if kind != "search" {
        let message = format!("`kind: {kind}` makes no model, so that there is none to explain");
        found.note(entry.place, message).hint("remove `explain`");
    } else if no_model {
        let message = "`explain` has no effect with `refit: false`";
        let hint = "leave `refit` out, or remove `explain`";
        found.note(entry.place, message).hint(hint);
    } else if is_empty {
        let message = "`explain` asks for nothing";
        let hint = "write `explain: true` for all, or name some of \
                    `permutation_importance`, `partial_dependence`, `importances` and `shap`";
        found.note(entry.place, message).hint(hint);
    }
}
