//! `trainer.bagging`: many models of a trainer, each on rows and columns that are drawn.
//!
//! A plan says the parameters of the bagging in a map of their own; behind
//! [`settle`], they are hyper-parameters of the trainer, `bagging__<name>`, by which they
//! are searched, too.

use fanout_contract::TrainerDescription;
use fanout_contract::bagging::{BOOTSTRAP, OOB_SCORE, PREFIX};
use serde_json::{Map, Value as Json};

use super::mistake::{Found, Place};
use super::node::{Atom, Content, Entry, Node};
use super::param::refuse;

/// Moves the parameters of the bagging of every trainer to its hyper-parameters; what is
/// left says whether it is bagged.
pub(super) fn settle(read: &mut Map<String, Json>) {
    if let Some(trainer) = read.get_mut("trainer") {
        settle_one(trainer);
    }
    if let Some(Json::Array(arms)) = read.get_mut("trainers") {
        let trainers = arms.iter_mut().filter_map(|arm| arm.get_mut("trainer"));
        trainers.for_each(settle_one);
    }
    let ensemble = read.get_mut("ensemble");
    if let Some(last) = ensemble.and_then(|ensemble| ensemble.get_mut("final_estimator")) {
        settle_one(last);
    }
}

fn settle_one(trainer: &mut Json) {
    let Some(bagging) = trainer.get_mut("bagging").map(Json::take) else {
        return;
    };
    trainer["bagging"] = bagging.is_object().into();
    if let (Json::Object(own), Some(Json::Object(params))) = (bagging, trainer.get_mut("params")) {
        params.extend((own.into_iter()).map(|(name, value)| (format!("{PREFIX}{name}"), value)));
    }
}

/// The bagging of the trainer of `arm`, if it is bagged.
pub(super) fn asked(arm: &Node) -> Option<&Entry> {
    let entry = arm.get(&["trainer"])?.entry("bagging")?;
    let is_on = match &entry.value.content {
        Content::Map(_) => true,
        _ => entry.value.atom() == Some(Atom::Bool(true)),
    };
    is_on.then_some(entry)
}

/// Checks the bagging of a trainer. `bagged` is what the guest says of the trainer, bagged;
/// `fixed` are the other hyper-parameters that it is given. Returns the hyper-parameters
/// that it sets, with their places.
pub(super) fn check(
    asked: &Entry,
    bagged: &TrainerDescription,
    fixed: &[Entry],
    found: &mut Found,
) -> Vec<(String, Place)> {
    let name = &bagged.name;
    if !bagged.abilities.bagging {
        let message = format!("the guest of `{name}` can't bag its trainers");
        let hint = "remove `bagging`, or build the guest with this version of `fanout-sdk`";
        found.note(asked.place, message).hint(hint);
        return Vec::new();
    }
    let mut set = Vec::new();
    for entry in asked.value.entries() {
        let key = format!("{PREFIX}{}", entry.key);
        // What is none was noted when the plan was read.
        let Some(param) = bagged.param(&key) else {
            continue;
        };
        if let Some(value) = entry.value.json(&mut Found::default()) {
            let mut param = param.clone();
            param.name.clone_from(&entry.key);
            refuse(&param, &value, entry.value.place, None, found);
        }
        if let Some(twice) = fixed.iter().find(|fixed| fixed.key == key) {
            let message = format!("`{key}` is fixed in `bagging` and in `params`");
            found.note(twice.place, message).hint("remove one of them");
        }
        set.push((key, entry.place));
    }
    let is = |key: &str, wanted: bool| {
        let entry = asked.value.entry(key.strip_prefix(PREFIX).unwrap_or(key));
        entry.filter(|entry| entry.value.atom() == Some(Atom::Bool(wanted)))
    };
    if let (Some(score), Some(_)) = (is(OOB_SCORE, true), is(BOOTSTRAP, false)) {
        let message = "`oob_score` has no effect without `bootstrap: true`";
        let hint = "remove one of them";
        found.note(score.place, message).hint(hint);
    }
    set
}

/// Notes a step whose parameters would be called as those of the bagging are.
pub(super) fn check_steps<'s>(
    asked: &Entry,
    mut steps: impl Iterator<Item = &'s str>,
    found: &mut Found,
) {
    if steps.any(|step| PREFIX.strip_suffix("__") == Some(step)) {
        let message = "a step is called `bagging`, as the parameters of the bagging are";
        let hint = "give the step another `name`";
        found.note(asked.place, message).hint(hint);
    }
}
