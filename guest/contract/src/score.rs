//! [`Score`]: a metric that a task asks for, with its parameters and the name of
//! its scores.

use std::fmt;

use serde::de::{Error, MapAccess, Visitor, value::MapAccessDeserializer};
use serde::ser::SerializeStruct as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::{Metric, Params};

/// A metric that is asked for. As JSON, it is the metric's name if it has no
/// parameters and no other name; else an object of `metric`, `name` and `params`.
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    /// The name of the scores, unique in a task.
    pub name: String,
    /// The name of the metric: one of [`Metric::all`].
    pub metric: String,
    /// The parameters that are given; others have their defaults.
    pub params: Params,
}

impl Score {
    /// A metric with parameters, called by [`default_name`](Self::default_name).
    pub fn new(metric: &str, params: Params) -> Self {
        Self {
            name: Self::default_name(metric, &params),
            metric: metric.to_owned(),
            params,
        }
    }

    /// The metric's name, followed by the parameters in brackets:
    /// `fbeta(beta=2,average=macro)` sorted by name. Maps are left out.
    pub fn default_name(metric: &str, params: &Params) -> String {
        let shown: Vec<String> = params
            .iter()
            .filter_map(|(name, value)| Some(format!("{name}={}", shown(value)?)))
            .collect();
        match shown.is_empty() {
            true => metric.to_owned(),
            false => format!("{metric}({})", shown.join(",")),
        }
    }

    /// The metric with its parameters.
    ///
    /// # Errors
    /// If there is no such metric, or it does not take the parameters.
    pub fn resolve(&self) -> Result<Metric, String> {
        let info = Metric::info(&self.metric);
        let info = info.ok_or_else(|| format!("unknown metric `{}`", self.metric))?;
        info.with(&self.params)
    }

    fn is_plain(&self) -> bool {
        self.params.is_empty() && self.name == self.metric
    }
}

/// A parameter's value in a name.
fn shown(value: &Value) -> Option<String> {
    match value {
        Value::Array(_) | Value::Object(_) => None,
        Value::String(text) => Some(text.clone()),
        // `2`, not `2.0`.
        Value::Number(number) => Some(match number.as_f64() {
            Some(float) if number.is_f64() => format!("{float}"),
            _ => number.to_string(),
        }),
        other => Some(other.to_string()),
    }
}

impl From<&str> for Score {
    fn from(metric: &str) -> Self {
        Self::new(metric, Params::new())
    }
}

impl Serialize for Score {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.is_plain() {
            return serializer.serialize_str(&self.metric);
        }
        let mut object = serializer.serialize_struct("Score", 3)?;
        object.serialize_field("metric", &self.metric)?;
        object.serialize_field("name", &self.name)?;
        object.serialize_field("params", &self.params)?;
        object.end()
    }
}

impl<'de> Deserialize<'de> for Score {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScoreVisitor)
    }
}

struct ScoreVisitor;

/// The object form of a [`Score`].
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Object {
    metric: String,
    name: Option<String>,
    #[serde(default)]
    params: Params,
}

impl<'de> Visitor<'de> for ScoreVisitor {
    type Value = Score;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a metric's name, or an object of `metric`, `name` and `params`")
    }

    fn visit_str<E: Error>(self, metric: &str) -> Result<Score, E> {
        Ok(metric.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Score, A::Error> {
        let object = Object::deserialize(MapAccessDeserializer::new(map))?;
        let score = Score::new(&object.metric, object.params);
        Ok(match object.name {
            Some(name) => Score { name, ..score },
            None => score,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(value: Value) -> Result<Score, String> {
        serde_json::from_value(value).map_err(|error| error.to_string())
    }

    #[test]
    fn a_metric_without_parameters_is_its_name() {
        let plain = read(json!("roc_auc")).unwrap();
        assert_eq!(plain, "roc_auc".into());
        assert_eq!(json!(plain), json!("roc_auc"));
        assert_eq!(read(json!({"metric": "roc_auc"})), Ok(plain));
        let named = json!({"metric": "roc_auc", "name": "area", "params": {}});
        assert_eq!(json!(read(named.clone()).unwrap()), named);
    }

    #[test]
    fn a_name_shows_the_parameters() {
        for (metric, params, name) in [
            ("top_k_accuracy", json!({"k": 3}), "top_k_accuracy(k=3)"),
            ("fbeta", json!({"beta": 2.0}), "fbeta(beta=2)"),
            ("fbeta", json!({"beta": 0.5}), "fbeta(beta=0.5)"),
            (
                "f1",
                json!({"zero_division": "nan", "average": "macro"}),
                "f1(average=macro,zero_division=nan)",
            ),
            (
                "cohen_kappa",
                json!({"weights": null}),
                "cohen_kappa(weights=null)",
            ),
            (
                "neg_mean_cost",
                json!({"costs": {"a": {"b": 1}}}),
                "neg_mean_cost",
            ),
        ] {
            let score = read(json!({"metric": metric, "params": params})).unwrap();
            assert_eq!(score.name, name);
            assert_eq!(read(json!(score)), Ok(score));
        }
    }

    #[test]
    fn another_form_is_an_error() {
        assert_eq!(
            read(json!(3)).unwrap_err(),
            "invalid type: integer `3`, expected a metric's name, or an object of `metric`, \
             `name` and `params`"
        );
        assert!(
            read(json!({"metric": "f1", "k": 3}))
                .unwrap_err()
                .contains("unknown field `k`")
        );
        let unknown = Score::from("auc").resolve().unwrap_err();
        assert_eq!(unknown, "unknown metric `auc`");
    }
}
