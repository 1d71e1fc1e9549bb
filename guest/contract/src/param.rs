//! Validation of hyper-parameters: [`Param::check`], which host and guest share.
//! Values are checked, and never converted.

use serde_json::Value;

use crate::{Cost, Param, ParamKind};

impl Param {
    /// A hyper-parameter that is not nested.
    pub fn new(name: &str, kinds: Vec<ParamKind>, default: Value, meaning: &str) -> Self {
        Self {
            name: name.to_owned(),
            kinds,
            default,
            meaning: meaning.to_owned(),
            nested: false,
            separate: false,
            cost: Cost::None,
        }
    }

    /// The same for equal values: a whole number is a float where the hyper-parameter takes
    /// floats but no whole numbers.
    pub fn canonical(&self, value: &Value) -> Value {
        let takes = |kind: fn(&ParamKind) -> bool| self.kinds.iter().any(kind);
        let fraction = takes(|kind| matches!(kind, ParamKind::Float { .. }))
            && !takes(|kind| matches!(kind, ParamKind::Int { .. }));
        let float = value.as_f64().filter(|_| fraction);
        float.map_or_else(|| value.clone(), Value::from)
    }

    /// The same hyper-parameter, marked as nested.
    pub fn nested(self) -> Self {
        Self {
            nested: true,
            ..self
        }
    }

    /// The same hyper-parameter, marked as nested, with a fit for each value.
    pub fn nested_separately(self) -> Self {
        Self {
            separate: true,
            ..self.nested()
        }
    }

    /// The same hyper-parameter, whose value the time of a fit grows with.
    pub fn costs(self, cost: Cost) -> Self {
        Self { cost, ..self }
    }

    /// The values that are allowed, as text: "`null` or a whole number of at least
    /// 1".
    pub fn takes(&self) -> String {
        let phrases: Vec<String> = self.kinds.iter().flat_map(ParamKind::phrases).collect();
        one_of(&phrases)
    }

    /// Whether a value must be given: the default is not one that is allowed.
    pub fn is_required(&self) -> bool {
        self.check(&self.default).is_err()
    }

    /// Whether numbers are floats, however they are written.
    pub fn takes_floats(&self) -> bool {
        let takes = |kind: fn(&ParamKind) -> bool| self.kinds.iter().any(kind);
        takes(|kind| matches!(kind, ParamKind::Float { .. } | ParamKind::Costs))
            && !takes(|kind| matches!(kind, ParamKind::Int { .. }))
    }

    /// Checks that one of the kinds allows `value`.
    ///
    /// # Errors
    /// A message with the allowed values and the given one.
    pub fn check(&self, value: &Value) -> Result<(), String> {
        let int_taken = self
            .kinds
            .iter()
            .any(|kind| matches!(kind, ParamKind::Int { .. }));
        if self.kinds.iter().any(|kind| kind.takes(value, int_taken)) {
            return Ok(());
        }
        Err(format!(
            "`{}` takes {}, not {}",
            self.name,
            self.takes(),
            describe(value)
        ))
    }
}

impl ParamKind {
    /// Whether this kind allows `value`. `int_taken`: whether the parameter has an
    /// [`ParamKind::Int`], which then decides about integers.
    fn takes(&self, value: &Value, int_taken: bool) -> bool {
        match self {
            Self::Any => true,
            Self::Null => value.is_null(),
            Self::Bool => value.is_boolean(),
            Self::Int { min, max } => match (value.as_i64(), value.as_u64()) {
                (Some(int), _) => {
                    min.is_none_or(|min| int >= min) && max.is_none_or(|max| int <= max)
                }
                (None, Some(_)) => max.is_none(),
                (None, None) => false,
            },
            Self::Float {
                min,
                max,
                above_min,
            } => {
                let whole = value.is_i64() || value.is_u64();
                let Some(float) = value.as_f64().filter(|_| !(whole && int_taken)) else {
                    return false;
                };
                let enough = min.is_none_or(|min| {
                    if *above_min {
                        float > min
                    } else {
                        float >= min
                    }
                });
                float.is_finite() && enough && max.is_none_or(|max| float <= max)
            }
            Self::Choice { of } => value
                .as_str()
                .is_some_and(|text| of.iter().any(|choice| choice == text)),
            Self::Text | Self::Label => value.is_string(),
            Self::Costs => value.as_object().is_some_and(|rows| {
                let mut rows = rows.values();
                rows.all(|row| {
                    row.as_object()
                        .is_some_and(|costs| costs.values().all(Value::is_number))
                })
            }),
            Self::Pair { min, max } => {
                let numbers = value.as_array().map(|list| list.iter().map(Value::as_f64));
                let numbers = numbers.and_then(Iterator::collect::<Option<Vec<f64>>>);
                matches!(numbers.as_deref(), Some([low, high]) if low < high
                    && min.is_none_or(|min| *low >= min)
                    && max.is_none_or(|max| *high <= max))
            }
            Self::Categories => value.as_array().is_some_and(|columns| {
                let is_one = |value: &Value| value.is_string() || value.is_number();
                columns.iter().all(|column| {
                    column.as_array().is_some_and(|column| {
                        let mut known = std::collections::BTreeSet::new();
                        let once = column.iter().all(|value| known.insert(value.to_string()));
                        !column.is_empty() && once && column.iter().all(is_one)
                    })
                })
            }),
            Self::Weights => value.as_object().is_some_and(|weights| {
                weights
                    .values()
                    .all(|weight| weight.as_f64().is_some_and(|w| w.is_finite() && w >= 0.0))
            }),
            Self::Signs => value.as_object().is_some_and(|signs| {
                let mut signs = signs.values();
                signs.all(|sign| matches!(sign.as_i64(), Some(-1..=1)))
            }),
            Self::Sets => value.as_array().is_some_and(|sets| {
                let names = |set: &Value| {
                    set.as_array()
                        .is_some_and(|set| set.iter().all(Value::is_string))
                };
                sets.iter().all(names)
            }),
        }
    }
}

impl ParamKind {
    /// The alternatives of this kind as text: "a whole number of at least 1".
    fn phrases(&self) -> Vec<String> {
        match self {
            Self::Any => vec!["any value".to_owned()],
            Self::Null => vec!["`null`".to_owned()],
            Self::Bool => vec!["`true`".to_owned(), "`false`".to_owned()],
            Self::Int { min, max } => vec![match (min, max) {
                (None, None) => "a whole number".to_owned(),
                (Some(min), None) => format!("a whole number of at least {min}"),
                (None, Some(max)) => format!("a whole number of at most {max}"),
                (Some(min), Some(max)) => format!("a whole number from {min} to {max}"),
            }],
            Self::Float {
                min,
                max,
                above_min,
            } => vec![match (min, max, above_min) {
                (None, None, _) => "a number".to_owned(),
                (None, Some(max), _) => format!("a number of at most {max:?}"),
                (Some(min), None, false) => format!("a number of at least {min:?}"),
                (Some(min), None, true) => format!("a number above {min:?}"),
                (Some(min), Some(max), false) => format!("a number from {min:?} to {max:?}"),
                (Some(min), Some(max), true) => {
                    format!("a number above {min:?} and at most {max:?}")
                }
            }],
            Self::Choice { of } => of.iter().map(|choice| format!("`{choice}`")).collect(),
            Self::Text => vec!["a text".to_owned()],
            Self::Label => vec!["the label of a class".to_owned()],
            Self::Costs => {
                let map = "a map from true label to a map from predicted label to a cost";
                vec![map.to_owned()]
            }
            Self::Pair { min, max } => vec![match (min, max) {
                (Some(min), Some(max)) => {
                    format!("a list of two numbers from {min:?} to {max:?}, the lesser first")
                }
                _ => "a list of two numbers, the lesser first".to_owned(),
            }],
            Self::Categories => {
                vec!["a list with a list of categories for each column".to_owned()]
            }
            Self::Weights => {
                vec!["a map from class label to a weight of at least 0".to_owned()]
            }
            Self::Signs => vec!["a map from feature to -1, 0 or 1".to_owned()],
            Self::Sets => vec!["a list of lists of features".to_owned()],
        }
    }
}

/// A value as text, with its type.
fn describe(value: &Value) -> String {
    match value {
        Value::Null => "`null`".to_owned(),
        Value::Bool(value) => format!("`{value}`"),
        Value::Number(number) => format!("the number `{number}`"),
        Value::String(text) => format!("the text `{text}`"),
        Value::Array(_) => format!("the list `{value}`"),
        Value::Object(_) => format!("the map `{value}`"),
    }
}

/// "a", "a or b", "a, b or c".
fn one_of(phrases: &[String]) -> String {
    match phrases {
        [] => "nothing".to_owned(),
        [one] => one.clone(),
        [rest @ .., last] => format!("{} or {last}", rest.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn param(kinds: Vec<ParamKind>) -> Param {
        Param::new("max_features", kinds, Value::Null, "")
    }

    #[test]
    fn an_integer_is_not_a_float_if_the_parameter_takes_integers() {
        let both = param(vec![
            ParamKind::Int {
                min: Some(2),
                max: None,
            },
            ParamKind::Float {
                min: Some(0.0),
                max: Some(1.0),
                above_min: true,
            },
        ]);
        assert_eq!(both.check(&json!(2)), Ok(()));
        assert_eq!(both.check(&json!(1.0)), Ok(()));
        assert_eq!(
            both.check(&json!(1)).unwrap_err(),
            "`max_features` takes a whole number of at least 2 or a number above 0.0 and at most \
             1.0, not the number `1`"
        );
        let float = param(vec![ParamKind::Float {
            min: None,
            max: None,
            above_min: false,
        }]);
        assert_eq!(float.check(&json!(1)), Ok(()));
    }

    #[test]
    fn bounds_are_checked() {
        let float = param(vec![ParamKind::Float {
            min: Some(0.0),
            max: Some(0.5),
            above_min: true,
        }]);
        assert!(float.check(&json!(0.0)).is_err());
        assert!(float.check(&json!(1e-300)).is_ok());
        assert!(float.check(&json!(0.5)).is_ok());
        assert!(float.check(&json!(0.5000001)).is_err());
        let int = param(vec![ParamKind::Int {
            min: None,
            max: Some(9),
        }]);
        assert!(int.check(&json!(9)).is_ok());
        assert!(int.check(&json!(10)).is_err());
        assert!(int.check(&json!(u64::MAX)).is_err());
        assert!(int.check(&json!(3.0)).is_err());
    }

    #[test]
    fn choices_weights_and_bools_are_checked() {
        let choice = param(vec![
            ParamKind::Choice {
                of: vec!["sqrt".to_owned(), "log2".to_owned()],
            },
            ParamKind::Null,
        ]);
        assert!(choice.check(&json!("sqrt")).is_ok());
        assert!(choice.check(&json!(null)).is_ok());
        assert_eq!(
            choice.check(&json!("auto")).unwrap_err(),
            "`max_features` takes `sqrt`, `log2` or `null`, not the text `auto`"
        );
        let weights = param(vec![ParamKind::Weights]);
        assert!(weights.check(&json!({"0": 1, "1": 2.5})).is_ok());
        assert!(weights.check(&json!({"0": -1})).is_err());
        assert_eq!(
            weights.check(&json!([1])).unwrap_err(),
            "`max_features` takes a map from class label to a weight of at least 0, not the list \
             `[1]`"
        );
        let pair = param(vec![ParamKind::Pair {
            min: Some(0.0),
            max: Some(100.0),
        }]);
        assert!(pair.check(&json!([25, 75.5])).is_ok());
        for refused in [
            json!([75, 25]),
            json!([25]),
            json!([1, 2, 3]),
            json!([-1, 2]),
            json!([1, "2"]),
            json!(3),
        ] {
            assert!(pair.check(&refused).is_err(), "{refused}");
        }
        let categories = param(vec![ParamKind::Categories]);
        assert!(
            categories
                .check(&json!([["low", "high"], [1, 2.5]]))
                .is_ok()
        );
        for refused in [
            json!(["low", "high"]),
            json!([[]]),
            json!([["low", "low"]]),
            json!([["low", null]]),
            json!("auto"),
        ] {
            assert!(categories.check(&refused).is_err(), "{refused}");
        }
        assert!(param(vec![ParamKind::Bool]).check(&json!(true)).is_ok());
        assert!(param(vec![ParamKind::Bool]).check(&json!(1)).is_err());
    }
}
