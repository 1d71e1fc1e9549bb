//! What a plan asks of its trainer: that a guest offers it, that it has the
//! hyper-parameters and takes their values, that the metrics suit it.
//!
//! It works on the tree, not on a plan, so that its mistakes are shown beside
//! those of a plan that could not be built.

use std::borrow::Cow;

use fanout_contract::bagging::{PREFIX, SEED};
use fanout_contract::metric::Compares;
use fanout_contract::{Learning, Param, ParamKind, StepDescription, TrainerDescription};
use serde_json::Value as Json;

use super::bagging;
use super::kind;
use super::metric::metrics_again;
use super::mistake::{Found, Place};
use super::node::{Content, Entry, Node};
use super::param::refuse;
use super::python::{self, Named};
use super::steps::{self, CheckedStep, FoundParam};
use super::suggest::{all_of, did_you_mean, one_of};
use super::values::{Values, values_again};

/// Checks every trainer of a plan. A target of classes is learnt, or one of
/// numbers, where `learning` is known.
pub(super) fn check(
    root: &Node,
    trainers: &[TrainerDescription],
    steps: &[StepDescription],
    learning: Option<Learning>,
    found: &mut Found,
) {
    let own = |arm: &Node| {
        let own = arm.entry("steps").filter(|own| !own.value.is_null());
        own.map(|own| own.value.items().to_vec())
    };
    let refuse =
        |param: &Param, node: &Node, found: &mut Found| check_value(param, None, node, found);
    let shared = own(root).unwrap_or_default();
    let mut shared = steps::check(&shared, steps, found, &refuse);
    check_arm(root, root, trainers, &shared, learning, found);
    // What one of several trainers searches, the others have fixed.
    shared.iter_mut().for_each(|step| step.fixed.clear());
    for arm in items(root, &["trainers"]) {
        match own(arm) {
            Some(own) => {
                let own = steps::check(&own, steps, found, &refuse);
                check_arm(root, arm, trainers, &own, learning, found);
            }
            None => check_arm(root, arm, trainers, &shared, learning, found),
        }
    }
    if let Some(arm) = second_stage(root) {
        check_arm(root, &arm, trainers, &[], learning, found);
    }
}

/// The estimator of a second stage as an arm, where there is one.
fn second_stage(root: &Node) -> Option<Node> {
    let node = root.get(&["ensemble", "final_estimator"])?;
    let trainer = Entry::new("trainer", node.place, node.clone());
    Some(Node::map(node.place, vec![trainer]))
}

/// Checks the trainer and the search of `arm`.
fn check_arm(
    root: &Node,
    arm: &Node,
    trainers: &[TrainerDescription],
    steps: &[CheckedStep<'_>],
    learning: Option<Learning>,
    found: &mut Found,
) {
    let Some(Named {
        name,
        place,
        is_python,
    }) = Named::of(arm)
    else {
        return;
    };
    let name = name.as_str();
    let named = || trainers.iter().filter(|trainer| trainer.name == name);
    let suited = named().find(|trainer| learning.is_none_or(|kind| trainer.learns(kind)));
    let Some(trainer) = suited.or_else(|| named().next()) else {
        // Where no guest was loaded, the plan has other mistakes.
        if trainers.is_empty() {
            return;
        }
        if is_python {
            found.0.push(python::unknown(name, trainers, place));
            return;
        }
        let mut names: Vec<&str> = trainers.iter().map(|known| known.name.as_str()).collect();
        names.dedup();
        let names = || names.iter().copied();
        let guest = arm.get(&["trainer", "guest"]).and_then(Node::label);
        let message = match guest {
            Some(guest) => format!("the guest `{guest}` offers no trainer `{name}`"),
            None => format!("no guest offers a trainer `{name}`"),
        };
        let near = did_you_mean(name, names());
        let hint = near.unwrap_or_else(|| format!("the trainers are {}", all_of(names())));
        found.note(place, message).hint(hint);
        return;
    };
    // Of the same name, for the other kind of target.
    let other = named().find(|other| !std::ptr::eq(*other, trainer));
    check_metrics(root, name, named(), found);
    let fixed = arm
        .get(&["trainer", "params"])
        .map_or(&[][..], Node::entries);
    let asked = bagging::asked(arm);
    let as_asked = |trainer: &TrainerDescription| trainer.chosen(asked.is_some());
    let (trainer, other) = (&as_asked(trainer), other.map(as_asked));
    let other = other.as_ref();
    let bagged = asked.map(|asked| {
        bagging::check_steps(asked, steps.iter().map(|step| step.name.as_str()), found);
        bagging::check(asked, trainer, fixed, found)
    });
    let bagged = bagged.unwrap_or_default();
    for entry in fixed {
        if let Some(param) = param(trainer, other, &[], entry, found) {
            check_value(&param, other, &entry.value, found);
        }
    }
    let maps = |field| {
        items(arm, &["search", field])
            .iter()
            .flat_map(Node::entries)
    };
    let curve = kind::searched(root);
    let grids = maps("params").chain(&curve).map(|entry| (entry, true));
    for (entry, searched) in grids.chain(maps("candidates").map(|entry| (entry, false))) {
        let name = &entry.key;
        let of_trainer = fixed.iter().find(|fixed| fixed.key == *name);
        let of_trainer = of_trainer.map(|fixed| ("`trainer.params`", fixed.place));
        let of_bagging = bagged.iter().find(|(key, _)| key == name);
        let of_bagging = of_bagging.map(|(_, place)| ("`trainer.bagging`", *place));
        let of_trainer = of_trainer.or(of_bagging);
        let of_steps = steps.iter().flat_map(|step| &step.fixed);
        let mut of_steps = of_steps.filter(|(key, _)| key == name);
        let of_step = || {
            of_steps
                .next()
                .map(|(_, place)| ("`params` of the step", *place))
        };
        if let Some((home, place)) = of_trainer.or_else(of_step) {
            let line = match place {
                Place::File(span) => format!("on line {}", span.line),
                _ => "on the command line".to_owned(),
            };
            let message = format!("`{name}` is searched, and fixed in {home} too");
            let hint = format!("remove one of them; it is fixed {line}");
            found.note(entry.place, message).hint(hint);
        }
        match param(trainer, other, steps, entry, found) {
            Some(param) if searched => check_values(&param, other, &entry.value, found),
            Some(param) => check_value(&param, other, &entry.value, found),
            None => {}
        }
    }
}

/// The items of a list, or the one that stands for a list of itself.
fn items<'n>(root: &'n Node, path: &[&str]) -> &'n [Node] {
    match root.get(path) {
        Some(node) => match &node.content {
            Content::List(items) => items,
            _ => std::slice::from_ref(node),
        },
        None => &[],
    }
}

/// A metric must be defined for something that the trainers of a name that suit the
/// target learn; which of them the target is, only the data shows.
fn check_metrics<'t>(
    root: &Node,
    trainer: &str,
    suited: impl Iterator<Item = &'t TrainerDescription>,
    found: &mut Found,
) {
    let learnt: Vec<Learning> = suited.flat_map(|one| one.tasks.iter().copied()).collect();
    for (item, name, metric) in metrics_again(root) {
        if learnt.iter().any(|learning| metric.suits(*learning)) {
            continue;
        }
        let predicts = match metric.compares() {
            Compares::Numbers => "classes, not numbers",
            _ => "numbers, not classes",
        };
        let message = format!("`{name}` is not for `{trainer}`, which predicts {predicts}");
        let instead = learnt.first().map(|learning| metric.instead(*learning));
        let hint = instead.map(|instead| format!("use {}", one_of(instead.iter().copied())));
        found.note(item.place, message).hint = hint;
    }
}

fn param<'t>(
    trainer: &'t TrainerDescription,
    other: Option<&TrainerDescription>,
    steps: &[CheckedStep<'t>],
    entry: &Entry,
    found: &mut Found,
) -> Option<Cow<'t, Param>> {
    let key = &entry.key;
    if let Some(of_step) = steps.iter().find_map(|step| step.param(key)) {
        return Some(match of_step {
            FoundParam::Known(param) => Cow::Borrowed(param),
            FoundParam::Choice(param) => Cow::Owned(param),
        });
    }
    let param = trainer.param(key);
    if param.is_none() {
        let name = &trainer.name;
        if let Some(step) = steps.iter().find(|step| step.name == *key) {
            let message = format!("`{key}` is a step, and no choice of several");
            let kind = step.kind();
            let hint = match step.keys().next() {
                Some(param) => format!(
                    "search its parameters, such as `{param}`, or write `step: [{kind}, none]`, \
                     which is searched by its `name`"
                ),
                None => format!("write `step: [{kind}, none]`, which is searched by its `name`"),
            };
            found.note(entry.place, message).hint(hint);
            return None;
        }
        let own = trainer.params.iter().map(|param| param.name.clone());
        let names: Vec<String> = own
            .chain(steps.iter().flat_map(CheckedStep::keys))
            .collect();
        let of_other = other.filter(|other| other.param(key).is_some());
        let hint = of_other.map(for_other).or_else(|| elsewhere(key, trainer));
        let hint = hint.or_else(|| did_you_mean(key, names.iter().map(String::as_str)));
        let hint = hint.unwrap_or_else(|| match name.contains('.') {
            // Of a component that the program does not carry.
            true if names.is_empty() => format!("`{name}` has no hyper-parameters"),
            true => format!("they are {}", all_of(names.iter().map(String::as_str))),
            false => format!("`fanout guest describe {name}` lists them"),
        });
        let step = key.split_once("__").map(|(step, _)| step);
        let message = match step.and_then(|name| steps.iter().find(|step| step.name == name)) {
            Some(step) => format!("the step `{}` has no parameter for `{key}`", step.name),
            None => format!("`{name}` has no hyper-parameter `{key}`"),
        };
        found.note(entry.place, message).hint(hint);
    }
    param.map(Cow::Borrowed)
}

/// The name here of a hyper-parameter of other libraries, or of a trainer that is bagged or
/// is not.
fn elsewhere(key: &str, trainer: &TrainerDescription) -> Option<String> {
    if key.starts_with(PREFIX) && !trainer.is_bagged() {
        return Some("add `bagging: true` to the trainer".to_owned());
    }
    if key == SEED && trainer.is_bagged() {
        let hint = "`bagging.random_state` seeds the members, each with a seed of its own";
        return Some(hint.to_owned());
    }
    let name = match key {
        "seed" | "random_seed" => "random_state",
        "n_trees" | "num_trees" | "ntree" | "num_iterations" => "n_estimators",
        "mtry" => "max_features",
        "n_jobs" | "num_threads" | "n_threads" => {
            return Some("remove it: `pool.workers` says how many tasks run at a time".to_owned());
        }
        _ => return None,
    };
    let param = trainer.param(name);
    param.map(|_| format!("it is called `{name}` here"))
}

/// The hint of what a trainer takes that has the same name and learns the other kind of
/// target.
fn for_other(other: &TrainerDescription) -> String {
    let (kind, learn) = match other.learns(Learning::Regression) {
        true => ("numbers", "regression"),
        false => ("classes", "classification"),
    };
    format!("it is for a target of {kind}: `dataset.learn: {learn}`")
}

/// The hint of a value that `other` takes.
fn taken_by(other: Option<&TrainerDescription>, name: &str, value: &Json) -> Option<String> {
    let taken = other.filter(|other| {
        let param = other.param(name);
        param.is_some_and(|param| param.check(value).is_ok())
    });
    taken.map(for_other)
}

/// Checks one value. What is not JSON was noted when the plan was read.
fn check_value(param: &Param, other: Option<&TrainerDescription>, node: &Node, found: &mut Found) {
    if let Some(value) = node.json(&mut Found::default()) {
        let hint = taken_by(other, &param.name, &value);
        refuse(param, &value, node.place, hint, found);
    }
}

/// Checks the values to try.
fn check_values(param: &Param, other: Option<&TrainerDescription>, node: &Node, found: &mut Found) {
    let Some(values) = values_again(&param.name, node) else {
        return;
    };
    let takes = |kind: fn(&ParamKind) -> bool| param.kinds.iter().any(kind);
    let (values, hint): (Vec<Json>, _) = match values {
        Values::List(values) if node.items().is_empty() => (values, "range"),
        Values::List(values) => {
            for (item, value) in node.items().iter().zip(&values) {
                let hint = taken_by(other, &param.name, value);
                refuse(param, value, item.place, hint, found);
            }
            return;
        }
        Values::Uniform { .. } | Values::LogUniform { .. }
            if takes(|kind| matches!(kind, ParamKind::Int { .. }))
                && !takes(|kind| matches!(kind, ParamKind::Float { .. })) =>
        {
            let name = &param.name;
            let message = format!("`{name}` takes whole numbers, and this draws fractions");
            let hint = "use `int_uniform`, or a list";
            return found.note(node.place, message).hint(hint);
        }
        Values::Uniform { low, high } | Values::LogUniform { low, high } => {
            (vec![low.into(), high.into()], "distribution")
        }
        Values::IntUniform { low, high } => (vec![low.into(), high.into()], "distribution"),
    };
    let hint = format!("it is one of the values of this {hint}");
    let hint = Some(hint).filter(|_| matches!(node.content, Content::Map(_)));
    // One value stands for all that are refused.
    let mut each = values.iter();
    each.find(|value| {
        let hint = taken_by(other, &param.name, value).or_else(|| hint.clone());
        refuse(param, value, node.place, hint, found)
    });
}
