//! The fields about scores: `scoring`, `threshold`, `error_score`; and `families`.

use std::path::Path;

use fanout_contract::metric::{Compares, MetricInfo};
use fanout_contract::{Metric, ParamKind, Params, Score};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::form::{Context, Field, Form, Given, Section, default, optional, required};
use super::list::List;
use super::node::{Atom, Content, Node};
use super::param::refuse;
use super::scalar::{LABEL, Parsed, Scalar, Takes};
use super::suggest::{all_of, did_you_mean};

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

/// The metrics, of different names.
#[derive(Debug)]
pub(super) struct Scoring;

#[rustfmt::skip] // one row
static SCORES: List = List::new(&ScoreForm(&SCORE), "metrics", "metric").single()
    .filled("write at least one, such as `[accuracy]`");

impl Form for Scoring {
    fn read(&self, given: Given<'_>, cx: &mut Context<'_>) -> Option<Json> {
        let read = SCORES.read(given, cx)?;
        let scores: Vec<Score> = serde_json::from_value(read.clone()).ok()?;
        let items = match &given.node.content {
            Content::List(items) => items.as_slice(),
            _ => std::slice::from_ref(given.node),
        };
        for (index, (item, Score { name, .. })) in items.iter().zip(&scores).enumerate() {
            if scores[..index].iter().any(|other| other.name == *name) {
                let named = item.entry("name").map_or(item, |entry| &entry.value);
                let hint = match item.content {
                    Content::Map(_) => "give one of them another `name`",
                    _ => "remove one",
                };
                let message = format!("the metric `{name}` is named twice");
                cx.note(named.place, message).hint(hint);
            }
        }
        Some(read)
    }

    fn schema(&self) -> Json {
        let mut schema = SCORES.schema();
        schema["anyOf"][1]["uniqueItems"] = true.into();
        schema
    }
}

/// A [`Score`]: a metric's name, or a section of it.
#[derive(Debug)]
struct ScoreForm(&'static Section);

#[rustfmt::skip] // a row a field
static SCORE_FIELDS: [Field; 3] = [
    required("metric", "The metric's name. `fanout metrics` lists them.", &METRIC),
    optional("name", "What its scores are called. Default: the metric's name and the parameters.", &LABEL),
    default("params", "The metric's parameters. `fanout metrics` lists them.", &MetricParams, "{}"),
];

/// A metric with parameters, as a map.
pub(super) static SCORE: Section =
    Section::new("scoring", "A metric with parameters.", &SCORE_FIELDS);

impl Form for ScoreForm {
    fn read(&self, given: Given<'_>, cx: &mut Context<'_>) -> Option<Json> {
        let node = given.node;
        match node.content {
            Content::Map(_) => {}
            Content::Scalar(_) => {
                let metric = METRIC.read(given, cx)?;
                let info = Metric::info(metric.as_str()?)?;
                return lacks_nothing(info, node, cx).then_some(metric);
            }
            Content::List(_) => {
                let message = "an item of `scoring` is a metric's name, or a map, not a list";
                let hint = "write such as `f1`, or `{metric: f1, params: {average: macro}}`";
                cx.note(node.place, message).hint(hint);
                return None;
            }
        }
        let read = self.0.read(given, cx)?;
        let info = Metric::info(read["metric"].as_str()?)?;
        let metric = node.get(&["metric"]).unwrap_or(node);
        let params = match node.get(&["params"]) {
            Some(params) => typed_params(info, params, cx)?,
            None => Params::new(),
        };
        if params.is_empty() && !lacks_nothing(info, metric, cx) {
            return None;
        }
        if let Err(message) = info.with(&params) {
            let place = node.get(&["params"]).unwrap_or(metric).place;
            cx.note(place, message)
                .hint("`fanout metrics` lists the parameters of each metric");
            return None;
        }
        let mut score = Score::new(info.name, params);
        if let Some(name) = read["name"].as_str() {
            check_name(name, info, node, cx)?;
            name.clone_into(&mut score.name);
        }
        Some(json!(score))
    }

    fn schema(&self) -> Json {
        json!({"$ref": "#/$defs/score"})
    }
}

/// The metric that a decision threshold is tuned for: one of classes.
#[derive(Debug)]
pub(super) struct Threshold;

static THRESHOLD: Section = Section::new(
    "threshold",
    "The metric that the threshold serves.",
    &SCORE_FIELDS,
);

impl Form for Threshold {
    fn read(&self, given: Given<'_>, cx: &mut Context<'_>) -> Option<Json> {
        if let Content::List(_) = given.node.content {
            let takes = "a metric's name, or a map of it with its parameters";
            given.wrong(takes, cx).hint("write such as `threshold: f1`");
            return None;
        }
        let read = ScoreForm(&THRESHOLD).read(given, cx)?;
        let score: Score = serde_json::from_value(read.clone()).ok()?;
        let compares = score.resolve().ok()?.compares();
        if compares == Compares::Classes {
            return Some(read);
        }
        let message = match compares {
            Compares::Numbers => {
                format!("`{}` is for numbers, which have no threshold", score.metric)
            }
            _ => format!("`{}` is the same at every threshold", score.metric),
        };
        let place = given.node.get(&["metric"]).unwrap_or(given.node).place;
        let hint = "use a metric of classes, such as `f1`, `balanced_accuracy` or `neg_mean_cost`";
        cx.note(place, message).hint(hint);
        None
    }

    fn schema(&self) -> Json {
        json!({"$ref": "#/$defs/score"})
    }

    fn fields(&self) -> Vec<(&'static str, &'static Field)> {
        THRESHOLD.fields()
    }
}

/// Notes a name that is another metric's, or no line of text.
fn check_name(name: &str, info: &MetricInfo, node: &Node, cx: &mut Context<'_>) -> Option<()> {
    const LONGEST: usize = 100;
    let message = match name {
        _ if name.trim() != name || name.is_empty() || name.contains(char::is_control) => {
            "`name` takes one line of text without space at its ends"
        }
        _ if name.len() > LONGEST => "this name is longer than 100 bytes",
        _ if name != info.name && Metric::info(name).is_some() => {
            "this name is that of another metric"
        }
        _ => return Some(()),
    };
    let place = node.get(&["name"]).unwrap_or(node).place;
    cx.note(place, message).hint("write such as `f2`");
    None
}

/// Notes a parameter that has no default, where a metric is named without
/// parameters.
fn lacks_nothing(info: &MetricInfo, node: &Node, cx: &mut Context<'_>) -> bool {
    let params = info.params();
    let needed = params.iter().find(|param| param.is_required());
    let Some(param) = needed else { return true };
    let (metric, name) = (info.name, &param.name);
    let example = match metric {
        "neg_mean_cost" => "{no: {yes: 1}, yes: {no: 10}}",
        _ => "2",
    };
    let hint = format!("write such as `{{metric: {metric}, params: {{{name}: {example}}}}}`");
    let message = format!("`{metric}` needs the parameter `{name}`");
    cx.note(node.place, message).hint(hint);
    false
}

/// The parameters of a metric as it takes them: labels are texts, and fractions
/// are written as such.
fn typed_params(info: &MetricInfo, node: &Node, cx: &mut Context<'_>) -> Option<Params> {
    let known = info.params();
    let mut params = Params::new();
    for entry in node.entries() {
        let Some(param) = known.iter().find(|param| param.name == entry.key) else {
            let names = || known.iter().map(|param| param.name.as_str());
            let message = format!("`{}` has no parameter `{}`", info.name, entry.key);
            let hint = match known.is_empty() {
                true => "it has none".to_owned(),
                false => did_you_mean(&entry.key, names())
                    .unwrap_or_else(|| format!("its parameters are {}", all_of(names()))),
            };
            cx.note(entry.place, message).hint(hint);
            continue;
        };
        let label = entry.value.label();
        let value = match label.filter(|_| param.kinds.contains(&ParamKind::Label)) {
            Some(label) => Some(label.into()),
            None => entry.value.json(&mut cx.found),
        };
        let Some(mut value) = value else { continue };
        if param.takes_floats() {
            to_floats(&mut value);
        }
        if !refuse(param, &value, entry.value.place, None, &mut cx.found) {
            params.insert(entry.key.clone(), value);
        }
    }
    (params.len() == node.entries().len()).then_some(params)
}

/// Numbers as floats, so that a task does not depend on how they are written.
fn to_floats(value: &mut Json) {
    match value {
        Json::Number(number) => {
            if let Some(float) = number.as_f64() {
                *value = float.into();
            }
        }
        Json::Object(map) => map.values_mut().for_each(to_floats),
        _ => {}
    }
}

/// A map from parameter to value, which is read once its metric is known.
#[derive(Debug)]
struct MetricParams;

impl Form for MetricParams {
    fn read(&self, given: Given<'_>, cx: &mut Context<'_>) -> Option<Json> {
        if !matches!(given.node.content, Content::Map(_)) {
            let takes = "a map from parameter to value";
            given.wrong(takes, cx).hint("write such as `{k: 3}`");
            return None;
        }
        Some(json!({}))
    }

    fn schema(&self) -> Json {
        json!({"type": "object"})
    }
}

/// The name here of a metric of other libraries.
fn elsewhere(name: &str) -> Option<&'static str> {
    Some(match name.to_lowercase().as_str() {
        "rmse" => "neg_root_mean_squared_error",
        "mse" => "neg_mean_squared_error",
        "mae" => "neg_mean_absolute_error",
        "mape" => "neg_mean_absolute_percentage_error",
        "rmsle" => "neg_root_mean_squared_log_error",
        "logloss" | "cross_entropy" => "neg_log_loss",
        "auc_roc" | "auroc" => "roc_auc",
        "pr_auc" | "auc_pr" | "aucpr" | "auprc" => "average_precision",
        "mcc" => "matthews_corrcoef",
        "kappa" | "qwk" => "cohen_kappa",
        "sensitivity" => "recall",
        _ => return None,
    })
}

pub(super) static METRIC: Parsed = Parsed {
    takes: "a metric's name, or a list of them",
    parse: |name, given, cx| {
        if Metric::info(name).is_some() {
            return Some(name.to_owned());
        }
        let known = || Metric::all().map(|info| info.name);
        // scikit-learn's functions are called `accuracy_score` and so on, and
        // losses there are not negated.
        let bare = name.trim_end_matches("_score");
        let bare = known().find(|known| *known == bare || known.strip_prefix("neg_") == Some(bare));
        let near = bare
            .or_else(|| elsewhere(name))
            .map(|known| format!("did you mean `{known}`?"));
        let near = near.or_else(|| did_you_mean(name, known()));
        let hint = near.unwrap_or_else(|| "`fanout metrics` lists the metrics".to_owned());
        let message = format!("unknown metric `{name}`");
        cx.note(given.node.place, message).hint(hint);
        None
    },
    schema: || json!({"enum": Metric::all().map(|info| info.name).collect::<Vec<_>>()}),
};

/// The metrics of the items of `scoring`, whose mistakes were noted before, each
/// with its item and the name of its scores.
pub(super) fn metrics_again(root: &Node) -> Vec<(&Node, String, Metric)> {
    let items = match root.get(&["scoring"]) {
        Some(node) => match &node.content {
            Content::List(items) => items.as_slice(),
            _ => std::slice::from_ref(node),
        },
        None => &[],
    };
    let mut cx = Context::new(Path::new(""), Path::new(""), &SCORE);
    let metric = |item| {
        let read = ScoreForm(&SCORE).read(Given::item("scoring", item), &mut cx)?;
        let score: Score = serde_json::from_value(read).ok()?;
        let metric = score.resolve().ok()?;
        Some((item, score.name, metric))
    };
    items.iter().filter_map(metric).collect()
}

/// A metric's name, or whether a model is made at all.
#[derive(Debug)]
pub(super) struct MetricOrSwitch;

pub(super) const METRIC_OR_SWITCH: MetricOrSwitch = MetricOrSwitch;

impl Scalar for MetricOrSwitch {
    fn value(&self, node: &Node) -> Result<Json, Takes> {
        match node.atom() {
            Some(Atom::Bool(false)) => Ok(Json::Null),
            Some(Atom::Bool(true)) => Ok(true.into()),
            Some(Atom::Text(metric)) => Ok(metric.into()),
            _ => Err(Takes::only("a metric of `scoring`, or `false`")),
        }
    }

    fn schema(&self) -> Json {
        json!({"type": ["string", "boolean"]})
    }
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
