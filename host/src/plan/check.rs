//! What a plan asks of its trainer: that it is offered, that it has the
//! hyper-parameters and takes their values, that the metrics suit it.
//!
//! It works on the tree, not on a [`Plan`](super::Plan), so that its mistakes
//! stand beside those of a plan that could not be decoded.

use fanout_contract::metric::Compares;
use fanout_contract::{Metric, Param, ParamKind, TrainerDescription};
use serde_json::Value as Json;

use super::Values;
use super::mistake::{Mistake, Place};
use super::node::{Atom, Content, Entry, Node};
use super::reader::Noted;
use super::suggest::{all_of, did_you_mean, one_of};
use super::values::values;

pub(super) fn check(root: &Node, trainers: &[TrainerDescription], noted: Noted<'_>) {
    let Some(node) = root.get(&["trainer", "name"]) else {
        return;
    };
    let Some(Atom::Text(name)) = node.atom() else {
        return;
    };
    let Some(trainer) = trainers.iter().find(|trainer| trainer.name == name) else {
        let names = || trainers.iter().map(|trainer| trainer.name.as_str());
        let guest = root.get(&["trainer", "guest"]).and_then(Node::label);
        let message = match guest {
            Some(guest) => format!("the guest `{guest}` offers no trainer `{name}`"),
            None => format!("no guest offers a trainer `{name}`"),
        };
        let hint = did_you_mean(name, names())
            .unwrap_or_else(|| format!("the trainers are {}", all_of(names())));
        noted.push(Mistake::new(node.place, message).hint(hint));
        return;
    };
    suited(root, trainer, noted);
    let fixed = root
        .get(&["trainer", "params"])
        .map(Node::entries)
        .unwrap_or_default();
    for entry in fixed {
        if let Some(param) = param(trainer, entry, noted) {
            value(param, &entry.value, noted);
        }
    }
    for searched in searched(root) {
        if let Some(first) = fixed.iter().find(|fixed| fixed.key == searched.entry.key) {
            let line = match first.place {
                Place::File(span) => format!("on line {}", span.line),
                _ => "on the command line".to_owned(),
            };
            noted.push(
                Mistake::new(
                    searched.entry.place,
                    format!(
                        "`{}` is searched, and fixed in `trainer.params` too",
                        first.key
                    ),
                )
                .hint(format!("remove one of them; it is fixed {line}")),
            );
        }
        let Some(param) = param(trainer, searched.entry, noted) else {
            continue;
        };
        match searched.form {
            Form::Value => value(param, &searched.entry.value, noted),
            Form::Values => tried(param, &searched.entry.value, noted),
        }
    }
}

/// A metric must be defined for something that the trainer learns; which of
/// them the target is, only the data shows.
fn suited(root: &Node, trainer: &TrainerDescription, noted: Noted<'_>) {
    let Some(node) = root.get(&["scoring"]) else {
        return;
    };
    let items = match &node.content {
        Content::List(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    for item in items {
        let Some(name) = item.label() else { continue };
        let Some(metric) = Metric::named(name) else {
            continue;
        };
        if trainer.tasks.iter().any(|learning| metric.suits(*learning)) {
            continue;
        }
        let learns = match metric.compares() {
            Compares::Numbers => "classes, not numbers",
            _ => "numbers, not classes",
        };
        let message = format!(
            "`{name}` is not for `{}`, which predicts {learns}",
            trainer.name
        );
        let instead = trainer
            .tasks
            .first()
            .map(|learning| metric.instead(*learning));
        let hint = instead.map(|instead| format!("use {}", one_of(instead.iter().copied())));
        noted.push(Mistake::new(item.place, message).maybe_hint(hint));
    }
}

/// A hyper-parameter of the search.
struct Searched<'n> {
    entry: &'n Entry,
    form: Form,
}

enum Form {
    /// One value.
    Value,
    /// Values to try.
    Values,
}

fn searched(root: &Node) -> Vec<Searched<'_>> {
    let list = |path: &[&str]| match root.get(path) {
        Some(node) => match &node.content {
            Content::List(items) => items.as_slice(),
            _ => std::slice::from_ref(node),
        },
        None => &[],
    };
    let grids = list(&["search", "params"]).iter().flat_map(Node::entries);
    let candidates = list(&["search", "candidates"])
        .iter()
        .flat_map(Node::entries);
    grids
        .map(|entry| Searched {
            entry,
            form: Form::Values,
        })
        .chain(candidates.map(|entry| Searched {
            entry,
            form: Form::Value,
        }))
        .collect()
}

fn param<'t>(
    trainer: &'t TrainerDescription,
    entry: &Entry,
    noted: Noted<'_>,
) -> Option<&'t Param> {
    let found = trainer.param(&entry.key);
    if found.is_none() {
        let names = || trainer.params.iter().map(|param| param.name.as_str());
        let hint = elsewhere(&entry.key, trainer)
            .or_else(|| did_you_mean(&entry.key, names()))
            .unwrap_or_else(|| {
                format!(
                    "`fanout guest describe {}` lists those that it has",
                    trainer.name
                )
            });
        let message = format!("`{}` has no hyper-parameter `{}`", trainer.name, entry.key);
        noted.push(Mistake::new(entry.place, message).hint(hint));
    }
    found
}

/// What a hyper-parameter that other libraries have is called here.
fn elsewhere(key: &str, trainer: &TrainerDescription) -> Option<String> {
    let name = match key {
        "seed" | "random_seed" => "random_state",
        "n_trees" | "num_trees" | "ntree" | "num_iterations" => "n_estimators",
        "mtry" => "max_features",
        "n_jobs" | "num_threads" | "n_threads" => {
            return Some("remove it: `pool.workers` says how many tasks run at a time".to_owned());
        }
        _ => return None,
    };
    trainer
        .param(name)
        .map(|_| format!("it is called `{name}` here"))
}

/// One value. What is no JSON was noted when the plan was decoded.
fn value(param: &Param, node: &Node, noted: Noted<'_>) {
    if let Some(value) = node.json(&mut Vec::new()) {
        noted.extend(refused(param, &value, node.place));
    }
}

/// The values to try.
fn tried(param: &Param, node: &Node, noted: Noted<'_>) {
    // Mistakes in the form were noted when the plan was decoded.
    let Some(tried) = values(&param.name, node, &mut Vec::new()) else {
        return;
    };
    let (drawn, what): (Vec<Json>, _) = match tried {
        Values::List(values) if node.items().is_empty() => (values, "range"),
        Values::List(values) => {
            for (item, value) in node.items().iter().zip(&values) {
                noted.extend(refused(param, value, item.place));
            }
            return;
        }
        Values::Uniform { low, high } | Values::LogUniform { low, high } => {
            if !floats(param)
                && param
                    .kinds
                    .iter()
                    .any(|kind| matches!(kind, ParamKind::Int { .. }))
            {
                let message = format!(
                    "`{}` takes whole numbers, and this draws fractions",
                    param.name
                );
                noted.push(Mistake::new(node.place, message).hint("use `int_uniform`, or a list"));
                return;
            }
            (vec![low.into(), high.into()], "distribution")
        }
        Values::IntUniform { low, high } => (vec![low.into(), high.into()], "distribution"),
    };
    // One value stands for all that are wrong.
    let mistake = drawn
        .iter()
        .find_map(|value| refused(param, value, node.place));
    noted.extend(mistake.map(|mistake| match (&node.content, mistake.hint) {
        (Content::Map(_), None) => Mistake {
            hint: Some(format!("it is one of the values of this {what}")),
            ..mistake
        },
        (_, hint) => Mistake { hint, ..mistake },
    }));
}

fn floats(param: &Param) -> bool {
    param
        .kinds
        .iter()
        .any(|kind| matches!(kind, ParamKind::Float { .. }))
}

/// Why the trainer does not take a value.
fn refused(param: &Param, value: &Json, place: Place) -> Option<Mistake> {
    let message = param.check(value).err()?;
    let choices = param.kinds.iter().filter_map(|kind| match kind {
        ParamKind::Choice { of } => Some(of.iter().map(String::as_str)),
        _ => None,
    });
    let hint = value.as_str().and_then(|text| match text {
        "None" | "none" | "Null" if param.kinds.contains(&ParamKind::Null) => {
            Some("write `null`".to_owned())
        }
        "True" | "yes" if param.kinds.contains(&ParamKind::Bool) => Some("write `true`".to_owned()),
        "False" | "no" if param.kinds.contains(&ParamKind::Bool) => {
            Some("write `false`".to_owned())
        }
        _ => did_you_mean(text, choices.flatten()),
    });
    Some(Mistake::new(place, message).maybe_hint(hint))
}
