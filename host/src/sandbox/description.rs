//! [`description`]: what a guest says of itself, parsed and checked. Threat: names that
//! no plan can write or that take over a terminal, and parameters that take nothing.

use std::collections::HashSet;

use fanout_contract::{CONTRACT, Description, Param, ParamKind};

use super::GuestError;

/// The most characters of a name.
const NAME: usize = 100;

/// Parses and checks what a guest says of itself.
pub(crate) fn description(text: &str) -> Result<Description, GuestError> {
    let description: Description = serde_json::from_str(text).map_err(GuestError::Description)?;
    if description.contract != CONTRACT {
        return Err(GuestError::Contract {
            found: description.contract,
        });
    }
    check_text("the guest", &description.guest)?;
    // Two of one name may differ in what they learn.
    let trainers = description.trainers.iter();
    let learns = trainers.flat_map(|trainer| {
        trainer
            .tasks
            .iter()
            .map(|task| (&*trainer.name, Some(task)))
    });
    check_once("trainers", learns)?;
    let steps = description.steps.iter();
    check_once("steps", steps.map(|step| (&*step.name, None::<()>)))?;
    for trainer in &description.trainers {
        check_item(&trainer.name, &trainer.summary, &trainer.params)?;
        if let Some(parts) = &trainer.parts {
            let counts = trainer.param(parts).is_some_and(|param| {
                let mut kinds = param.kinds.iter();
                kinds.any(|kind| matches!(kind, ParamKind::Int { .. }))
            });
            if !counts {
                let why = "`parts` names no hyper-parameter that is a whole number";
                return Err(nonsense(&trainer.name, why));
            }
        }
        if trainer.tasks.is_empty() {
            return Err(nonsense(&trainer.name, "it learns no kind of target"));
        }
    }
    for step in &description.steps {
        check_item(&step.name, &step.summary, &step.params)?;
    }
    Ok(description)
}

fn nonsense(of: &str, why: impl Into<String>) -> GuestError {
    GuestError::Nonsense {
        of: super::clipped(of.escape_debug().to_string()),
        why: super::clipped(why.into()),
    }
}

fn check_once<'d, K: std::hash::Hash + Eq>(
    what: &'static str,
    names: impl Iterator<Item = (&'d str, K)>,
) -> Result<(), GuestError> {
    let mut known = HashSet::new();
    for (name, kind) in names {
        if !known.insert((name, kind)) {
            let name = super::clipped(name.escape_debug().to_string());
            return Err(GuestError::Twice { what, name });
        }
    }
    Ok(())
}

/// Checks a trainer or a step.
fn check_item(name: &str, summary: &str, params: &[Param]) -> Result<(), GuestError> {
    check_name(name, name)?;
    check_text(name, summary)?;
    let mut known = HashSet::new();
    for param in params {
        check_name(name, &param.name)?;
        check_text(name, &param.meaning)?;
        if !known.insert(&param.name) {
            return Err(nonsense(name, format!("it has `{}` twice", param.name)));
        }
        if let Some(why) = contradiction(&param.kinds) {
            return Err(nonsense(name, format!("`{}` {why}", param.name)));
        }
    }
    Ok(())
}

/// A name as a plan can write it.
fn check_name(of: &str, name: &str) -> Result<(), GuestError> {
    let is_plain = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '-' | '.');
    let fits = !name.is_empty() && name.chars().count() <= NAME && name.chars().all(is_plain);
    // It stands between a step and its parameter.
    if fits && !name.contains("__") {
        return Ok(());
    }
    let name = name.escape_debug();
    let why = format!(
        "`{name}` is no name: 1 to {NAME} letters, digits and the signs `_`, `-` and `.`, without \
         `__`"
    );
    Err(nonsense(of, why))
}

/// Text that is shown as it is.
fn check_text(of: &str, text: &str) -> Result<(), GuestError> {
    match text.chars().find(|letter| letter.is_control()) {
        Some(letter) => Err(nonsense(
            of,
            format!(
                "a text holds the control character {}",
                letter.escape_debug()
            ),
        )),
        None => Ok(()),
    }
}

/// Why no value can be given, if none can.
fn contradiction(kinds: &[ParamKind]) -> Option<&'static str> {
    let crossed = |min: Option<f64>, max: Option<f64>| min.zip(max).is_some_and(|(a, b)| a > b);
    if kinds.is_empty() {
        return Some("takes nothing");
    }
    let mut kinds = kinds.iter();
    kinds.find_map(|kind| match kind {
        ParamKind::Int { min, max } if min.zip(*max).is_some_and(|(min, max)| min > max) => {
            Some("has a minimum above its maximum")
        }
        ParamKind::Float { min, max, .. } | ParamKind::Pair { min, max } if crossed(*min, *max) => {
            Some("has a minimum above its maximum")
        }
        ParamKind::Choice { of } if of.is_empty() => Some("is a choice of nothing"),
        _ => None,
    })
}
