//! Descriptions of estimators and their hyper-parameters, and the values of these.

use fanout_sdk::contract::MemoryUse;
use fanout_sdk::{Abilities, Learning, Param, ParamKind, Params, TrainerDescription};
use serde_json::{Value, json};

/// What a dense estimator predicts and takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gives {
    /// Decisions and classes, of weighted rows.
    Decisions,
    /// Probabilities of classes, of weighted rows.
    Probabilities,
    /// Numbers, of weighted rows.
    Numbers,
    /// Probabilities of classes, or numbers; it takes no weights.
    UnweightedAny,
    /// Numbers; it takes no weights.
    UnweightedNumbers,
}

/// The description of a dense estimator, which takes neither missing values nor
/// categories. Its effort is that which `bench/effort.py` measures, rounded.
pub(crate) fn dense(
    name: &str,
    summary: &str,
    gives: Gives,
    params: Vec<Param>,
) -> TrainerDescription {
    let tasks = match gives {
        Gives::Numbers | Gives::UnweightedNumbers => vec![Learning::Regression],
        Gives::UnweightedAny => vec![Learning::Binary, Learning::Multiclass, Learning::Regression],
        _ => vec![Learning::Binary, Learning::Multiclass],
    };
    TrainerDescription {
        abilities: Abilities {
            missing: false,
            categories: false,
            weights: !matches!(gives, Gives::UnweightedAny | Gives::UnweightedNumbers),
            probabilities: gives != Gives::Decisions,
            decisions: gives == Gives::Decisions,
            bagging: false,
        },
        ..TrainerDescription::new(name, summary, tasks, params)
    }
}

/// What an estimator holds that solves for products of columns: these, a factor and
/// a copy.
pub(crate) fn pairs() -> MemoryUse {
    MemoryUse {
        column_pair: 24,
        ..MemoryUse::default()
    }
}

/// A number of at least `min`.
pub(crate) fn at_least(min: f64) -> ParamKind {
    ParamKind::Float {
        min: Some(min),
        max: None,
        above_min: false,
    }
}

/// A number above 0.
pub(crate) fn positive() -> ParamKind {
    ParamKind::Float {
        min: Some(0.0),
        max: None,
        above_min: true,
    }
}

/// A number from 0 to 1.
pub(crate) fn share() -> ParamKind {
    ParamKind::Float {
        min: Some(0.0),
        max: Some(1.0),
        above_min: false,
    }
}

/// Any finite number.
pub(crate) fn any_number() -> ParamKind {
    ParamKind::Float {
        min: None,
        max: None,
        above_min: false,
    }
}

/// A whole number of at least `min`.
pub(crate) fn count(min: i64) -> ParamKind {
    ParamKind::Int {
        min: Some(min),
        max: None,
    }
}

/// One of some texts.
pub(crate) fn choice(of: &[&str]) -> ParamKind {
    ParamKind::Choice {
        of: of.iter().map(|text| (*text).to_owned()).collect(),
    }
}

/// The parameter `C` of support vector machines.
pub(crate) fn inverse_penalty() -> Param {
    Param::new(
        "C",
        vec![positive()],
        json!(1.0),
        "The inverse strength of the penalty.",
    )
}

/// The parameter `fit_intercept`.
pub(crate) fn fit_intercept() -> Param {
    Param::new(
        "fit_intercept",
        vec![ParamKind::Bool],
        Value::Bool(true),
        "Whether an intercept is fitted. It is not penalised.",
    )
}

/// The parameter `class_weight`.
pub(crate) fn class_weight() -> Param {
    Param::new(
        "class_weight",
        vec![ParamKind::Null, choice(&["balanced"]), ParamKind::Weights],
        Value::Null,
        "The weights of the classes, by label (1 if a label is not given); `balanced`: in \
         inverse proportion to their frequency.",
    )
}

/// Reads the values of checked hyper-parameters.
pub(crate) trait Values {
    /// A number.
    fn number(&self, name: &str) -> f64;
    /// A number, or `None` for null.
    fn optional_number(&self, name: &str) -> Option<f64>;
    /// A whole number of at least 0.
    fn count(&self, name: &str) -> usize;
    /// A truth value.
    fn flag(&self, name: &str) -> bool;
    /// A text; empty for null.
    fn text(&self, name: &str) -> &str;
}

impl Values for Params {
    fn number(&self, name: &str) -> f64 {
        self.optional_number(name).unwrap_or(f64::NAN)
    }

    fn optional_number(&self, name: &str) -> Option<f64> {
        self[name].as_f64()
    }

    fn count(&self, name: &str) -> usize {
        self[name].as_u64().unwrap_or_default() as usize
    }

    fn flag(&self, name: &str) -> bool {
        self[name].as_bool().unwrap_or_default()
    }

    fn text(&self, name: &str) -> &str {
        self[name].as_str().unwrap_or_default()
    }
}
