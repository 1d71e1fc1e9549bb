//! The fields about scores: `scoring`, `refit`, `error_score`; and `families`.

use fanout_contract::Metric;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::list::List;
use super::mistake::Found;
use super::node::{Atom, Node};
use super::scalar::{Parsed, Scalar, Takes};
use super::suggest::{all_of, did_you_mean, one_of};

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

#[rustfmt::skip] // one row
pub(super) static SCORING: List = List::new(&METRIC, "metrics", "metric").single()
    .filled("write at least one, such as `[accuracy]`").unique("remove one");

static METRIC: Parsed = Parsed {
    takes: "a metric's name, or a list of them",
    parse: |name, given, cx| {
        if Metric::named(name).is_some() {
            return Some(name.to_owned());
        }
        let known = || Metric::all().map(|(known, _)| known);
        // scikit-learn's functions are called `accuracy_score` and so on.
        let bare = name.trim_end_matches("_score");
        let bare = known().find(|known| *known == bare);
        let near = bare.map(|known| format!("did you mean `{known}`?"));
        let near = near.or_else(|| did_you_mean(name, known()));
        let hint = near.unwrap_or_else(|| format!("the metrics are {}", all_of(known())));
        let message = format!("unknown metric `{name}`");
        cx.note(given.node.place, message).hint(hint);
        None
    },
    schema: || json!({"$ref": "#/$defs/metric"}),
};

/// A metric's name, or whether a model is made at all.
#[derive(Debug)]
pub(super) struct Refit;

impl Scalar for Refit {
    fn value(&self, node: &Node) -> Result<Json, Takes> {
        match node.atom() {
            Some(Atom::Bool(false)) => Ok(Json::Null),
            Some(Atom::Bool(true)) => Ok(true.into()),
            Some(Atom::Text(metric)) => Ok(metric.into()),
            _ => Err(Takes::only("a metric of `scoring`, or `false`")),
        }
    }

    fn schema(&self) -> Json {
        json!({"anyOf": [{"$ref": "#/$defs/metric"}, {"type": "boolean"}]})
    }
}

/// Resolves `refit`, which [`Refit`] read: `true` is the first of `scoring`,
/// and another metric must be one of them.
pub(super) fn resolve_refit(
    refit: &Json,
    scoring: &Json,
    root: &Node,
    found: &mut Found,
) -> Option<Json> {
    let scoring = scoring.as_array()?;
    let metrics: Vec<&str> = scoring.iter().filter_map(Json::as_str).collect();
    let metric = match refit {
        Json::Bool(_) => return scoring.first().cloned(),
        Json::String(metric) if !scoring.contains(refit) => metric,
        _ => return Some(refit.clone()),
    };
    let near = did_you_mean(metric, metrics.iter().copied());
    let near = near.filter(|_| Metric::named(metric).is_none());
    let other = || format!("write {}, or add `{metric}` to `scoring`", one_of(metrics));
    let message = format!("`refit` names `{metric}`, which `scoring` does not");
    let place = root.entry("refit")?.value.place;
    found.note(place, message).hint(near.unwrap_or_else(other));
    None
}

/// An [`ErrorScore`].
#[derive(Debug)]
pub(super) struct FailedScore;

impl Scalar for FailedScore {
    fn value(&self, node: &Node) -> Result<Json, Takes> {
        let score = match node.atom() {
            Some(Atom::Text("raise")) => Some(ErrorScore::Raise),
            Some(Atom::Text("nan" | "NaN")) => Some(ErrorScore::Nan),
            Some(Atom::Float(value)) if value.is_nan() => Some(ErrorScore::Nan),
            _ => node.number().map(ErrorScore::Value),
        };
        let takes = || Takes::only("`nan`, `raise` or a finite number");
        score.map(|score| json!(score)).ok_or_else(takes)
    }

    fn schema(&self) -> Json {
        json!({"anyOf": [{"enum": ["nan", "NaN", "raise"]}, {"type": "number"}]})
    }
}

/// A boolean that is written `on` or `off`.
#[derive(Debug)]
pub(super) struct Switch;

impl Scalar for Switch {
    fn value(&self, node: &Node) -> Result<Json, Takes> {
        match node.atom() {
            Some(Atom::Bool(value)) => Ok(value.into()),
            Some(Atom::Text("on")) => Ok(true.into()),
            Some(Atom::Text("off")) => Ok(false.into()),
            _ => Err(Takes::only("`on` or `off`")),
        }
    }

    fn schema(&self) -> Json {
        json!({"enum": ["on", "off", true, false]})
    }
}
