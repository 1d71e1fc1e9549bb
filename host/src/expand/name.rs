//! [`Names`]: the ids of tasks and the keys of fits. An id is the digest of
//! all that the fits of a family share; a key is what tells one of them from
//! the others. Neither depends on the search that they came from, so that
//! another search finds every fit that it shares.

use std::collections::BTreeSet;

use fanout_contract::{Param, ParamKind, Params, Task, TrainerDescription};
use serde_json::{Value, json};

use super::{Candidates, Data, canonical};
use crate::digest::{Digest, Hasher};

/// What names the tasks and fits of one expansion.
#[derive(Clone, Debug)]
pub(super) struct Names {
    /// The hyper-parameters that decide the id, sorted.
    shared: Vec<Slot>,
    /// The hyper-parameters that decide the key, sorted.
    nested: Vec<Slot>,
    /// The id's document up to the shared hyper-parameters.
    head: Hasher,
    /// From there to the split.
    middle: String,
    /// And behind it.
    tail: String,
}

/// One hyper-parameter, its values in canonical JSON. Every one that the
/// trainer has is there: one that is left to its default is the same as one
/// that is set to it.
#[derive(Clone, Debug)]
struct Slot {
    /// `"max_depth":`
    name: String,
    /// The column of the candidates, where it is searched.
    column: Option<usize>,
    /// By cell.
    values: Vec<String>,
    /// For a candidate that does not name it.
    otherwise: Option<String>,
}

impl Names {
    /// `template` holds what all tasks share; `families` says whether nested
    /// hyper-parameters are left to the keys.
    pub(super) fn new(
        candidates: &Candidates,
        trainer: &TrainerDescription,
        families: bool,
        data: &Data,
        template: &Task,
    ) -> Self {
        let names: BTreeSet<&String> = trainer
            .params
            .iter()
            .map(|param| &param.name)
            .chain(candidates.names())
            .chain(template.params.keys())
            .collect();
        let (nested, shared) = names
            .into_iter()
            .map(|name| {
                let param = trainer.param(name);
                let nested = families && param.is_some_and(|param| param.nested);
                (nested, Slot::new(name, param, candidates, &template.params))
            })
            .partition::<Vec<_>, _>(|(nested, _)| *nested);
        let slots = |slots: Vec<(bool, Slot)>| slots.into_iter().map(|(_, slot)| slot).collect();

        // The fields of a task in the keys' order: those before `params` and
        // `split`, between them, and behind.
        let mut scoring = template.scoring.clone();
        scoring.sort_unstable();
        let mut head = Hasher::new();
        let contract = template.contract;
        head.update(
            format!(
                r#"{{"data":{},"task":{{"contract":{contract},"params":"#,
                canonical(data)
            )
            .as_bytes(),
        );
        let inner = |fields: Value| {
            let fields = fields.to_string();
            fields[1..fields.len() - 1].to_owned()
        };
        let middle = inner(json!({"positive": template.positive, "scoring": scoring}));
        let tail = inner(json!({
            "target": template.target,
            "train_score": template.train_score,
            "trainer": template.trainer,
        }));
        Self {
            shared: slots(shared),
            nested: slots(nested),
            head,
            middle: format!(r#",{middle},"split":"#),
            tail: format!(",{tail}}}}}"),
        }
    }

    /// The id of the task that fits `candidate` on `split`, in canonical
    /// JSON. `text` is room to write in.
    pub(super) fn id(
        &self,
        candidates: &Candidates,
        candidate: u32,
        split: &str,
        text: &mut String,
    ) -> Digest {
        text.clear();
        write(&self.shared, candidates.row(candidate as usize), text);
        for part in [&self.middle, split, &self.tail] {
            text.push_str(part);
        }
        let mut hasher = self.head.clone();
        hasher.update(text.as_bytes());
        hasher.finish()
    }

    /// The key of `candidate` among the fits of its task: an object in
    /// canonical JSON.
    pub(super) fn key(&self, candidates: &Candidates, candidate: u32) -> String {
        let mut text = String::new();
        write(&self.nested, candidates.row(candidate as usize), &mut text);
        text
    }
}

fn write(slots: &[Slot], row: &[u32], text: &mut String) {
    text.push('{');
    let start = text.len();
    for slot in slots {
        let value = slot
            .column
            .and_then(|column| slot.values.get(row[column] as usize))
            .or(slot.otherwise.as_ref());
        let Some(value) = value else { continue };
        if text.len() > start {
            text.push(',');
        }
        text.push_str(&slot.name);
        text.push_str(value);
    }
    text.push('}');
}

impl Slot {
    fn new(name: &str, param: Option<&Param>, candidates: &Candidates, fixed: &Params) -> Self {
        let column = candidates.names().iter().position(|known| known == name);
        let written = |value: &Value| one_form(param, value);
        Self {
            name: format!("{}:", canonical(&name)),
            column,
            values: candidates.values(name).iter().map(written).collect(),
            otherwise: fixed
                .get(name)
                .or(param.map(|param| &param.default))
                .map(written),
        }
    }
}

/// A value in the one form of all that mean the same: a whole number where
/// only fractions are taken is one of those.
fn one_form(param: Option<&Param>, value: &Value) -> String {
    let takes = |kind: fn(&ParamKind) -> bool| param.is_some_and(|p| p.kinds.iter().any(kind));
    let fraction = takes(|kind| matches!(kind, ParamKind::Float { .. }))
        && !takes(|kind| matches!(kind, ParamKind::Int { .. }));
    match value.as_f64() {
        Some(float) if fraction => Value::from(float).to_string(),
        _ => canonical(value),
    }
}
