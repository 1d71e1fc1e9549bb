//! The `steps` section: what features pass before the trainer.

use fanout_contract::{Columns, Param, ParamKind, Params, StepDescription};
use serde_json::{Value as Json, json};

use super::form::{Context, Form, Given, Section, default, optional, required};
use super::list::List;
use super::mistake::{Found, Place};
use super::node::{Atom, Content, Node};
use super::python::instead_of_step;
use super::scalar::{LABEL, Text};
use super::search::FixedParams;
use super::suggest::{all_of, did_you_mean};
use super::table::section;

/// The choice of a step that changes nothing.
pub const NONE: &str = "none";

section! {
    /// A step that features pass before the trainer, fitted on the training rows of each
    /// split alone.
    pub struct StepPlan = STEP("steps").listed(true).check(check_name) {
        /// The step's name in the plan, by which its parameters are searched
        /// (`scale__with_mean`). Default: what `step` names.
        name: Option<String> = optional(&LABEL),
        /// The step, such as `standard_scaler`; or a list of steps to choose from, searched by
        /// `name`, in which `none` changes nothing. `fanout guest list` lists them.
        step: Vec<String> = required(&CHOICES).aka(&["kind", "type", "transformer"]),
        /// The columns that it transforms, of those that the steps before it leave: `all`,
        /// `numeric`, `categorical`, a list of names, or a pattern (`*_time`). The others
        /// pass on. Default: those that the step is meant for.
        columns: Columns = default(&ColumnsForm, "suited").aka(&["features"]),
        /// Parameters that every candidate shares. Of several steps, each takes those that it
        /// has.
        params: Params = default(&FixedParams, "{}")
            .aka(&["hyperparameters", "parameters", "args"]),
    }
}

#[rustfmt::skip] // one row
static CHOICES: List = List::new(&Text, "names of steps", "step").single()
    .filled("name at least one, such as `standard_scaler`").unique("remove one");

#[rustfmt::skip] // one row
pub(super) static STEPS: List = List::new(&STEP, "maps such as `{step: standard_scaler}`", "step");

impl StepPlan {
    /// The step's name in the plan.
    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.step[0])
    }

    /// The steps to choose from, where there are several.
    pub fn choices(&self) -> Option<&[String]> {
        (self.step.len() > 1).then_some(&self.step)
    }
}

/// [`Columns`]: a word, a pattern, a name or a list of names.
#[derive(Debug)]
struct ColumnsForm;

impl Form for ColumnsForm {
    fn read(&self, given: Given<'_>, cx: &mut Context<'_>) -> Option<Json> {
        if let Content::List(items) = &given.node.content {
            let names: Option<Vec<&str>> = items.iter().map(Node::label).collect();
            if let Some(names) = names.filter(|names| !names.is_empty()) {
                return Some(json!(Columns::Names(
                    names.into_iter().map(str::to_owned).collect()
                )));
            }
        }
        let columns = match given.node.label() {
            Some("suited") => Columns::Suited,
            Some("all") => Columns::All,
            Some("numeric") => Columns::Numeric,
            Some("categorical") => Columns::Categorical,
            Some(text) if text.contains(['*', '?']) => Columns::Pattern(text.to_owned()),
            Some(text) => Columns::Names(vec![text.to_owned()]),
            None => {
                let takes = "`all`, `numeric`, `categorical`, a pattern or a list of names";
                given.wrong(takes, cx);
                return None;
            }
        };
        Some(json!(columns))
    }

    fn schema(&self) -> Json {
        json!({"anyOf": [
            {"type": "string"},
            {"type": "array", "items": {"type": "string"}, "minItems": 1},
        ]})
    }
}

/// A choice of steps is searched by its name, so that it needs one.
fn check_name(step: &Node, found: &mut Found) {
    let named = step.entry("name").filter(|name| !name.value.is_null());
    let several = step
        .entry("step")
        .filter(|step| step.value.items().len() > 1);
    match (named, several) {
        (None, Some(several)) => {
            let message = "a choice of steps has no name";
            let hint = "add `name`, such as `scale`: the choice is searched by it";
            found.note(several.place, message).hint(hint);
        }
        (Some(name), _) if name.value.label().is_some_and(|name| name.contains("__")) => {
            let message = "the name of a step holds `__`";
            let hint = "use another: `__` stands between a step and its parameter";
            found.note(name.value.place, message).hint(hint);
        }
        _ => {}
    }
}

/// A step of a plan's tree, with what the guest says of it.
pub(super) struct CheckedStep<'d> {
    pub(super) name: String,
    choices: Vec<String>,
    offered: Vec<&'d StepDescription>,
    /// What `params` gives: keys of hyper-parameters, with their places.
    pub(super) fixed: Vec<(String, Place)>,
}

/// What [`CheckedStep::param`] finds.
pub(super) enum FoundParam<'d> {
    /// A parameter of the step.
    Known(&'d Param),
    /// The choice between steps.
    Choice(Param),
}

impl<'d> CheckedStep<'d> {
    /// What a key of hyper-parameters means for this step; `None` if nothing.
    pub(super) fn param(&self, key: &str) -> Option<FoundParam<'d>> {
        if key == self.name && self.choices.len() > 1 {
            let of = self.choices.clone();
            let choice = ParamKind::Choice { of };
            let param = Param::new(key, vec![choice], Json::Null, "");
            return Some(FoundParam::Choice(param));
        }
        let (step, param) = key.split_once("__")?;
        let mut offered = self.offered.iter().filter(|_| step == self.name);
        offered
            .find_map(|offered| offered.param(param))
            .map(FoundParam::Known)
    }

    /// The first of the steps to choose from.
    pub(super) fn kind(&self) -> &str {
        self.choices.first().map_or(NONE, String::as_str)
    }

    /// The names of all parameters, as keys of hyper-parameters.
    pub(super) fn keys(&self) -> impl Iterator<Item = String> {
        let params = self.offered.iter().flat_map(|offered| &offered.params);
        params.map(|param| format!("{}__{}", self.name, param.name))
    }
}

/// Checks the steps of an arm: that the guests offer them, and that they take their
/// parameters.
pub(super) fn check<'d>(
    nodes: &[Node],
    offered: &'d [StepDescription],
    found: &mut Found,
    refuse: &dyn Fn(&Param, &Node, &mut Found),
) -> Vec<CheckedStep<'d>> {
    let mut steps: Vec<CheckedStep<'d>> = Vec::new();
    for node in nodes {
        let Some(named) = node.entry("step") else {
            continue;
        };
        let choices = match &named.value.content {
            Content::List(items) => items.as_slice(),
            _ => std::slice::from_ref(&named.value),
        };
        let mut step = CheckedStep {
            name: String::new(),
            choices: Vec::new(),
            offered: Vec::new(),
            fixed: Vec::new(),
        };
        for choice in choices {
            let Some(Atom::Text(name)) = choice.atom() else {
                continue;
            };
            step.choices.push(name.to_owned());
            let known = offered.iter().find(|known| known.name == name);
            step.offered.extend(known);
            // Where no guest was loaded, the plan has other mistakes.
            if known.is_none() && name != NONE && !offered.is_empty() {
                let names = || offered.iter().map(|known| known.name.as_str());
                let hint = instead_of_step(name, names());
                let hint = hint.or_else(|| did_you_mean(name, names()));
                let hint = hint.unwrap_or_else(|| format!("the steps are {}", all_of(names())));
                let message = format!("no guest offers a step `{name}`");
                found.note(choice.place, message).hint(hint);
            }
        }
        let given = node.entry("name").and_then(|name| name.value.label());
        let Some(name) = given.or(step.choices.first().map(String::as_str)) else {
            continue;
        };
        step.name = name.to_owned();
        if steps.iter().any(|other| other.name == step.name) {
            let message = format!("two steps are called `{}`", step.name);
            let hint = "give each a `name` of its own";
            found.note(node.place, message).hint(hint);
        }
        for entry in node.get(&["params"]).map_or(&[][..], Node::entries) {
            let key = &entry.key;
            step.fixed
                .push((format!("{}__{key}", step.name), entry.place));
            match step.offered.iter().find_map(|known| known.param(key)) {
                Some(param) => refuse(param, &entry.value, found),
                None if step.offered.is_empty() => {}
                None => {
                    let params = step.offered.iter().flat_map(|known| &known.params);
                    let names: Vec<&str> = params.map(|param| param.name.as_str()).collect();
                    let names = || names.iter().copied();
                    let hint = did_you_mean(key, names())
                        .unwrap_or_else(|| format!("its parameters are {}", all_of(names())));
                    let message = format!("the step `{}` has no parameter `{key}`", step.name);
                    found.note(entry.place, message).hint(hint);
                }
            }
        }
        steps.push(step);
    }
    steps
}
