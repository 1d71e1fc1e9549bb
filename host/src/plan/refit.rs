//! The field `refit`: the metric, and the rule, that choose the candidate to refit.

use fanout_contract::{Metric, Score};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::form::{Context, Field, Form, Given, Section, default, optional};
use super::list::List;
use super::metric::METRIC_OR_SWITCH;
use super::mistake::Found;
use super::node::{Content, Node};
use super::scalar::{Choice, LABEL, Text};
use super::suggest::{did_you_mean, one_of};
use super::values::{Values, values_again};

/// How the candidate to refit is chosen. As JSON, it is the metric's name if that is
/// all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub struct RefitPlan {
    /// The name of the scores that rank the candidates.
    pub metric: String,
    /// Which of them is chosen.
    pub rule: RefitRule,
    /// For [`RefitRule::OneStandardError`]: the hyper-parameters by which a candidate
    /// is simple, the first before the next; the least number is the simplest, null
    /// and none the least simple.
    pub simplest: Vec<String>,
}

/// Which candidate is refitted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefitRule {
    /// That of the greatest mean.
    #[default]
    Best,
    /// The simplest of those whose mean is within one standard error of the greatest.
    OneStandardError,
}

impl From<String> for RefitPlan {
    fn from(metric: String) -> Self {
        Self {
            metric,
            rule: RefitRule::Best,
            simplest: Vec::new(),
        }
    }
}

/// The two forms of a [`RefitPlan`].
#[derive(Clone, Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Metric(String),
    Rule {
        metric: String,
        rule: RefitRule,
        simplest: Vec<String>,
    },
}

impl From<Written> for RefitPlan {
    fn from(written: Written) -> Self {
        match written {
            Written::Metric(metric) => metric.into(),
            Written::Rule {
                metric,
                rule,
                simplest,
            } => Self {
                metric,
                rule,
                simplest,
            },
        }
    }
}

impl From<RefitPlan> for Written {
    fn from(refit: RefitPlan) -> Self {
        let RefitPlan {
            metric,
            rule,
            simplest,
        } = refit;
        match rule {
            RefitRule::Best => Self::Metric(metric),
            RefitRule::OneStandardError => Self::Rule {
                metric,
                rule,
                simplest,
            },
        }
    }
}

/// A metric's name, whether a model is made at all, or a [`REFIT`].
#[derive(Debug)]
pub(super) struct Refit;

#[rustfmt::skip] // a row a field
static REFIT: Section = Section::new("refit", "The candidate to refit.", &[
    optional("metric", "The metric of `scoring` that ranks the candidates. Default: the first.", &Text),
    default("rule", "Which candidate is refitted.", &RULE, "best"),
    default("simplest", "For `one_standard_error`: the searched hyper-parameters by which a candidate is simple, the first before the next. The least number is the simplest; `null` comes last.", &SIMPLEST, "[]"),
]).check(check_rule);

#[rustfmt::skip] // a row a rule
static RULE: Choice = Choice(&[
    ("best", "That of the greatest mean."),
    ("one_standard_error", "The simplest of those whose mean is within one standard error of the greatest."),
]);

#[rustfmt::skip] // one row
static SIMPLEST: List = List::new(&LABEL, "hyper-parameters", "hyper-parameter")
    .unique("remove one");

impl Form for Refit {
    fn read(&self, given: Given<'_>, cx: &mut Context<'_>) -> Option<Json> {
        match given.node.content {
            Content::Map(_) => REFIT.read(given, cx),
            _ => METRIC_OR_SWITCH.read(given, cx),
        }
    }

    fn schema(&self) -> Json {
        json!({"anyOf": [Form::schema(&METRIC_OR_SWITCH), REFIT.schema()]})
    }

    fn fields(&self) -> Vec<(&'static str, &'static Field)> {
        REFIT.fields()
    }
}

/// Notes a rule without what it goes by, and the other way round.
fn check_rule(refit: &Node, found: &mut Found) {
    let simplest = refit.entry("simplest");
    let named = simplest.filter(|entry| !entry.value.items().is_empty());
    let by_rule = refit.entry("rule");
    let is_best = by_rule.is_none_or(|rule| rule.value.label() == Some("best"));
    let example = "such as `simplest: [max_leaf_nodes, n_estimators]`";
    match (by_rule, named) {
        (Some(rule), None) if rule.value.label() == Some("one_standard_error") => {
            let message = "`rule: one_standard_error` needs `simplest`";
            let hint =
                format!("name the hyper-parameters by which a candidate is simple, {example}");
            found.note(rule.value.place, message).hint(hint);
        }
        (_, Some(simplest)) if is_best => {
            let message = "`simplest` has no effect without `rule: one_standard_error`";
            let hint = "add `rule: one_standard_error`, or remove `simplest`";
            found.note(simplest.place, message).hint(hint);
        }
        _ => {}
    }
}

/// Resolves `refit`, which [`Refit`] read, to a [`RefitPlan`] as JSON: `true` is the
/// first of `scoring`, and another metric must be one of them.
pub(super) fn resolve(
    refit: &Json,
    scoring: &Json,
    root: &Node,
    found: &mut Found,
) -> Option<Json> {
    let scores: Vec<Score> = serde_json::from_value(scoring.clone()).ok()?;
    let mut names: Vec<&str> = scores.iter().map(|score| score.name.as_str()).collect();
    names.dedup();
    let named = match refit {
        Json::Null => return Some(Json::Null),
        Json::Object(fields) => fields["metric"].as_str(),
        other => other.as_str(),
    };
    let metric = named.or(names.first().copied())?;
    if !names.contains(&metric) {
        let by_metric = scores.iter().find(|score| score.metric == metric);
        let called = by_metric.map(|score| format!("its scores are called `{}`", score.name));
        let near = did_you_mean(metric, names.iter().copied());
        let near = called.or(near.filter(|_| Metric::info(metric).is_none()));
        let other = || format!("write {}, or add `{metric}` to `scoring`", one_of(names));
        let message = format!("`refit` names `{metric}`, which `scoring` does not");
        let node = &root.entry("refit")?.value;
        let place = node.get(&["metric"]).unwrap_or(node).place;
        found.note(place, message).hint(near.unwrap_or_else(other));
        return None;
    }
    let plan = RefitPlan {
        rule: serde_json::from_value(refit["rule"].clone()).unwrap_or_default(),
        simplest: serde_json::from_value(refit["simplest"].clone()).unwrap_or_default(),
        ..RefitPlan::from(metric.to_owned())
    };
    Some(json!(plan))
}

/// Notes hyper-parameters of `simplest` that no search tries, or that are tried with
/// values of no order.
pub(super) fn check_searched(root: &Node, found: &mut Found) {
    let Some(simplest) = root.get(&["refit", "simplest"]) else {
        return;
    };
    let arms = root.get(&["trainers"]).map_or(&[][..], Node::items);
    let searches = std::iter::once(root).chain(arms);
    let searches = searches.filter_map(|arm| Some(&arm.entry("search")?.value));
    let tried = searches.flat_map(|search| {
        ["params", "candidates"].into_iter().flat_map(move |field| {
            let maps = search
                .get(&[field])
                .map_or(&[][..], |node| match &node.content {
                    Content::List(items) => items.as_slice(),
                    _ => std::slice::from_ref(node),
                });
            let entries = maps.iter().flat_map(Node::entries);
            entries.map(move |entry| (field, entry))
        })
    });
    let tried: Vec<_> = tried.collect();
    for item in simplest.items() {
        let Some(name) = item.label() else { continue };
        let own = || tried.iter().filter(|(_, entry)| entry.key == name);
        if own().next().is_none() {
            let names = || tried.iter().map(|(_, entry)| entry.key.as_str());
            let message = format!("no search tries `{name}`");
            let mut known: Vec<&str> = names().collect();
            known.sort_unstable();
            known.dedup();
            let hint = match known.is_empty() {
                true => "there is no `search` with hyper-parameters".to_owned(),
                false => did_you_mean(name, names())
                    .unwrap_or_else(|| format!("write {}", one_of(known))),
            };
            found.note(item.place, message).hint(hint);
        }
        let values = own().flat_map(|(field, entry)| match *field {
            "params" => match values_again(name, &entry.value) {
                Some(Values::List(values)) => values,
                _ => Vec::new(),
            },
            _ => entry
                .value
                .json(&mut Found::default())
                .into_iter()
                .collect(),
        });
        let odd = values
            .into_iter()
            .find(|value| !value.is_number() && !value.is_null());
        if let Some(value) = odd {
            let value = value
                .as_str()
                .map_or_else(|| value.to_string(), ToOwned::to_owned);
            let message =
                format!("`{name}` is tried with `{value}`, and `simplest` compares numbers");
            let hint = "name hyper-parameters whose values are numbers or `null`";
            found.note(item.place, message).hint(hint);
        }
    }
}
