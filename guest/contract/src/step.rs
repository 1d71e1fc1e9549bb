//! The steps of a pipeline: what a guest offers ([`StepDescription`]) and what a
//! task asks for ([`TaskStep`]).
//!
//! The steps of a task are fitted in order, each on the training rows of the
//! task's split alone, and each on the columns that the steps before it leave. A
//! step transforms the columns that it selects. Its output is, as that of
//! scikit-learn's `ColumnTransformer(remainder="passthrough")`: first the
//! transformed columns, in the order of the selection, then all other columns in
//! the order that they had.

use serde::{Deserialize, Serialize};

use crate::{Param, Params};

/// One kind of step that a guest offers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepDescription {
    /// The name that a plan uses, such as `standard_scaler`.
    pub name: String,
    /// A summary in one sentence.
    pub summary: String,
    /// The columns that it can transform.
    pub takes: Takes,
    /// Whether missing values may be in the columns that it transforms.
    pub missing: bool,
    /// Whether its fit reads the target.
    pub uses_target: bool,
    /// The parameters, in the order in which they are shown. A nested one: a fit
    /// at its largest value contains those of all smaller values, bit for bit.
    pub params: Vec<Param>,
}

impl StepDescription {
    /// The parameter `name`, if there is one.
    pub fn param(&self, name: &str) -> Option<&Param> {
        self.params.iter().find(|param| param.name == name)
    }
}

/// The kinds of columns that a step can transform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Takes {
    /// Numbers, encoded categories among them.
    Numbers,
    /// Numbers and categories.
    Any,
}

/// One step of a task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskStep {
    /// The step's name in the plan, unique among the steps of the task.
    pub name: String,
    /// The name of the [`StepDescription`].
    pub step: String,
    /// The columns that it transforms.
    #[serde(default, skip_serializing_if = "Columns::is_suited")]
    pub columns: Columns,
    /// The parameters; others have their defaults.
    #[serde(default, skip_serializing_if = "Params::is_empty")]
    pub params: Params,
}

/// A selection of columns, evaluated on the columns as they are at a step.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Columns {
    /// Those that the step is meant for: categories for an encoder, all columns
    /// of numbers for a step that takes numbers alone; for an imputer, those that
    /// its strategy can fill.
    #[default]
    Suited,
    /// All columns.
    All,
    /// The columns of numbers, encoded categories among them.
    Numeric,
    /// The columns of categories that are not encoded.
    Categorical,
    /// The columns of these names, in this order. That a name is missing is an
    /// error.
    Names(Vec<String>),
    /// The columns whose whole name matches a pattern: `*` stands for any text,
    /// `?` for any character.
    Pattern(String),
}

impl Columns {
    fn is_suited(&self) -> bool {
        *self == Self::Suited
    }
}

/// Whether the whole of `text` matches `pattern`, in which `*` stands for any text
/// and `?` for any character.
pub fn matches_pattern(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut place) = (0, 0);
    // Where the last `*` is, and where the text that it stands for ends.
    let mut star: Option<(usize, usize)> = None;
    while place < text.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, place));
                at += 1;
            }
            Some(&wanted) if wanted == '?' || wanted == text[place] => {
                at += 1;
                place += 1;
            }
            _ => {
                let Some((star_at, end)) = star else {
                    return false;
                };
                star = Some((star_at, end + 1));
                at = star_at + 1;
                place = end + 1;
            }
        }
    }
    pattern[at..].iter().all(|&rest| rest == '*')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn patterns_match_whole_names() {
        for (pattern, text, expected) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("a*", "ab", true),
            ("*", "", true),
            ("?", "", false),
            ("?", "é", true),
            ("*_time", "dep_time", true),
            ("*_time", "dep_time_2", false),
            ("*a*b?", "xxabyabz", true),
            ("*a*b?", "xxabyab", false),
            ("", "", true),
            ("", "a", false),
            ("a**c", "abc", true),
        ] {
            assert_eq!(matches_pattern(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn the_json_of_a_step_is_short() {
        let step = |columns| TaskStep {
            name: "scale".to_owned(),
            step: "standard_scaler".to_owned(),
            columns,
            params: Params::new(),
        };
        for (columns, json) in [
            (
                Columns::Suited,
                json!({"name": "scale", "step": "standard_scaler"}),
            ),
            (
                Columns::All,
                json!({"name": "scale", "step": "standard_scaler", "columns": "all"}),
            ),
            (
                Columns::Names(vec!["a".to_owned()]),
                json!({
                    "name": "scale",
                    "step": "standard_scaler",
                    "columns": {"names": ["a"]},
                }),
            ),
        ] {
            let step = step(columns);
            assert_eq!(serde_json::to_value(&step).unwrap(), json);
            assert_eq!(serde_json::from_value::<TaskStep>(json).unwrap(), step);
        }
    }
}
