//! Values of parameters, of trainers and of metrics: what is refused, and why.

use fanout_contract::{Param, ParamKind};
use serde_json::Value as Json;

use super::mistake::{Found, Place};
use super::suggest::did_you_mean;

/// Notes a value that a parameter does not take; returns whether it did.
pub(super) fn refuse(
    param: &Param,
    value: &Json,
    place: Place,
    hint: Option<String>,
    found: &mut Found,
) -> bool {
    let Err(message) = param.check(value) else {
        return false;
    };
    let choices = param.kinds.iter().filter_map(|kind| match kind {
        ParamKind::Choice { of } => Some(of.iter().map(String::as_str)),
        _ => None,
    });
    let takes = |kind| param.kinds.contains(&kind);
    let near = value.as_str().and_then(|text| match text {
        "None" | "none" | "Null" if takes(ParamKind::Null) => Some("write `null`".to_owned()),
        "True" | "yes" if takes(ParamKind::Bool) => Some("write `true`".to_owned()),
        "False" | "no" if takes(ParamKind::Bool) => Some("write `false`".to_owned()),
        _ => did_you_mean(text, choices.flatten()),
    });
    found.note(place, message).hint = near.or(hint);
    true
}
