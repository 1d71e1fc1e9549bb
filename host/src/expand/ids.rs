//! [`TaskIds`]: the ids of tasks and the keys of fits. An id is the digest of
//! all that the fits of a family share; a key identifies a fit within its
//! family. Neither depends on the search, so that another search finds every
//! fit that it has in common.

use std::collections::BTreeSet;

use fanout_contract::{Param, ParamKind, Params, Task};
use serde_json::{Value, json};

use super::{Candidates, Data, Estimator, canonical};
use crate::digest::{Digest, Hasher};

/// Makes the ids and keys of one expansion.
#[derive(Clone, Debug)]
pub(super) struct TaskIds {
    /// The hyper-parameters that are part of the id, sorted.
    shared: Vec<IdParam>,
    /// The hyper-parameters that are part of the key, sorted.
    nested: Vec<IdParam>,
    /// The digest of an id's document up to the shared hyper-parameters.
    head: Hasher,
    /// The document between the hyper-parameters and the split.
    middle: String,
    /// The document after the split.
    tail: String,
}

/// A hyper-parameter, its values in canonical JSON. All hyper-parameters of the
/// trainer are part of ids and keys: to leave one to its default is the same as
/// to set it to that.
#[derive(Clone, Debug)]
struct IdParam {
    /// `"max_depth":`
    name: String,
    /// The column of the candidates; `None` if it is not searched.
    column: Option<usize>,
    /// The searched values, by cell.
    values: Vec<String>,
    /// The value for a candidate that does not set it.
    default: Option<String>,
}

impl TaskIds {
    /// Of an arm whose search names the hyper-parameters `searched`. `template`
    /// holds what all its tasks share; with `families`, nested hyper-parameters are
    /// part of the keys, else of the ids.
    pub(super) fn new<'a>(
        candidates: &Candidates,
        searched: impl Iterator<Item = &'a String>,
        Estimator { trainer, guest }: &'a Estimator,
        families: bool,
        data: &Data,
        template: &'a Task,
    ) -> Self {
        let names: BTreeSet<&String> = trainer
            .params
            .iter()
            .map(|param| &param.name)
            .chain(searched)
            .chain(template.params.keys())
            .collect();
        let (nested, shared) = names
            .into_iter()
            .map(|name| {
                let param = trainer.param(name);
                let nested = families && param.is_some_and(|param| param.nested);
                (
                    nested,
                    IdParam::new(name, param, candidates, &template.params),
                )
            })
            .partition::<Vec<_>, _>(|(nested, _)| *nested);
        let params =
            |params: Vec<(bool, IdParam)>| params.into_iter().map(|(_, param)| param).collect();

        // The fields of a task, sorted by name: those before `params`, those between
        // it and `split`, and those after it.
        let mut scoring = template.scoring.clone();
        scoring.sort_by(|a, b| a.name.cmp(&b.name));
        let mut head = Hasher::new();
        let contract = template.contract;
        head.update(
            format!(
                r#"{{"data":{},"guest":"{guest}","task":{{"contract":{contract},"learning":{},"params":"#,
                canonical(data),
                canonical(&template.learning),
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
            "weight": template.weight,
        }));
        Self {
            shared: params(shared),
            nested: params(nested),
            head,
            middle: format!(r#",{middle},"split":"#),
            tail: format!(",{tail}}}}}"),
        }
    }

    /// The id of the task that fits `candidate` on `split`, which is canonical
    /// JSON. `text` is a buffer.
    pub(super) fn id(
        &self,
        candidates: &Candidates,
        candidate: u32,
        split: &str,
        text: &mut String,
    ) -> Digest {
        text.clear();
        write_params(&self.shared, candidates.row(candidate as usize), text);
        for part in [&self.middle, split, &self.tail] {
            text.push_str(part);
        }
        let mut hasher = self.head.clone();
        hasher.update(text.as_bytes());
        hasher.finish()
    }

    /// The key of `candidate` within its family: an object in canonical JSON.
    pub(super) fn key(&self, candidates: &Candidates, candidate: u32) -> String {
        let mut text = String::new();
        write_params(&self.nested, candidates.row(candidate as usize), &mut text);
        text
    }
}

fn write_params(params: &[IdParam], row: &[u32], text: &mut String) {
    text.push('{');
    let start = text.len();
    for param in params {
        let value = param
            .column
            .and_then(|column| param.values.get(row[column] as usize))
            .or(param.default.as_ref());
        let Some(value) = value else { continue };
        if text.len() > start {
            text.push(',');
        }
        text.push_str(&param.name);
        text.push_str(value);
    }
    text.push('}');
}

impl IdParam {
    fn new(name: &str, param: Option<&Param>, candidates: &Candidates, fixed: &Params) -> Self {
        let column = candidates.names().iter().position(|known| known == name);
        let written = |value: &Value| canonical_value(param, value);
        Self {
            name: format!("{}:", canonical(&name)),
            column,
            values: candidates.values(name).iter().map(written).collect(),
            default: fixed
                .get(name)
                .or(param.map(|param| &param.default))
                .map(written),
        }
    }
}

/// A value in canonical JSON, the same for equal values: a whole number is a
/// float if the hyper-parameter takes floats but no whole numbers.
fn canonical_value(param: Option<&Param>, value: &Value) -> String {
    let takes = |kind: fn(&ParamKind) -> bool| param.is_some_and(|p| p.kinds.iter().any(kind));
    let fraction = takes(|kind| matches!(kind, ParamKind::Float { .. }))
        && !takes(|kind| matches!(kind, ParamKind::Int { .. }));
    match value.as_f64() {
        Some(float) if fraction => Value::from(float).to_string(),
        _ => canonical(value),
    }
}
