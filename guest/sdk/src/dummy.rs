//! The trainer `dummy`: scikit-learn's `DummyClassifier` and `DummyRegressor`, which
//! ignore the features. Every guest offers them beside its own trainers, so that a
//! host can score a baseline where it fits candidates, on the instance that has the
//! dataset open.

mod classes;
mod numbers;

pub use classes::{DummyClassifier, Model, Strategy};
pub use numbers::DummyRegressor;

use crate::contract::MemoryUse;
use crate::offer::{Offer, Offered};
use crate::{Abilities, Fault, Learning, Param, ParamKind, TrainerDescription, onnx};

/// The name of the trainers.
pub(crate) const NAME: &str = "dummy";

/// The trainers, for classes and for numbers.
pub(crate) const OFFERS: [&dyn Offer; 2] = [
    &Offered::<DummyClassifier>::OFFER,
    &Offered::<DummyRegressor>::OFFER,
];

fn description(tasks: Vec<Learning>, params: Vec<Param>) -> TrainerDescription {
    let summary = "A baseline that ignores the features.";
    TrainerDescription {
        abilities: Abilities {
            weights: true,
            ..Abilities::default()
        },
        ..TrainerDescription::new(NAME, summary, tasks, params).memory(MemoryUse {
            row: 110,
            number: 0,
            category: 0,
            ..MemoryUse::default()
        })
    }
}

/// Why neither has a form in ONNX.
fn onnx_refused() -> Fault {
    onnx::refused(
        "trainer `dummy`",
        "it has no features, so that no input says how many rows there are",
    )
}

fn choice(of: &[&str]) -> ParamKind {
    ParamKind::Choice {
        of: of.iter().map(|text| (*text).to_owned()).collect(),
    }
}

fn any_number() -> ParamKind {
    ParamKind::Float {
        min: None,
        max: None,
        above_min: false,
    }
}
