//! [`ScoredCandidates`]: the candidates of a run whose splits are all done, in the form of the
//! results of a run, so that the same charts draw both. Past [`KEPT`] of a target, the best
//! half stays and of the others every second one goes: it is a picture, not the record.

use std::collections::BTreeSet;
use std::sync::Arc;

use fanout_contract::Params;
use serde_json::{Map, Value, json};

use crate::expand::TRAINER;
use crate::report::page::{Parameter, shown};

/// The most candidates of a target that are told: as many points as a chart can show.
const KEPT: usize = 2_000;

/// The most of all targets.
const ALL: usize = 8_000;

/// The most targets whose candidates are told.
const TARGETS: usize = 64;

/// The most hyper-parameters that are told.
const PARAMS: usize = 32;

/// A candidate whose splits are all done.
#[derive(Clone, Debug)]
pub(super) struct Scored {
    pub(super) index: usize,
    pub(super) mean: Option<f64>,
    pub(super) std: Option<f64>,
    /// Seconds of one of its fits.
    pub(super) fit_time: Option<f64>,
    pub(super) params: Arc<Params>,
}

#[derive(Debug, Default)]
struct Target {
    name: String,
    metric: String,
    /// The only trainer, where there is one.
    trainer: String,
    splits: usize,
    /// The most candidates.
    most: usize,
    seen: usize,
    candidates: Vec<Scored>,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct ScoredCandidates {
    targets: Vec<Target>,
    changed: u64,
}

impl ScoredCandidates {
    /// A run begins, with these targets. Those of a run before are dropped: a second stage
    /// has candidates of its own.
    pub(super) fn begin(
        &mut self,
        names: &[String],
        metrics: &[String],
        trainer: &str,
        splits: usize,
    ) {
        let most = (ALL / names.len().clamp(1, TARGETS)).min(KEPT);
        let names = names.iter().zip(metrics).take(TARGETS);
        let targets = names.map(|(name, metric)| Target {
            name: name.clone(),
            metric: metric.clone(),
            trainer: trainer.to_owned(),
            splits,
            most,
            ..Target::default()
        });
        self.targets = targets.collect();
    }

    /// Records a candidate.
    pub(super) fn add(&mut self, version: u64, target: usize, scored: Scored) {
        let Some(target) = self.targets.get_mut(target) else {
            return;
        };
        self.changed = version;
        target.seen += 1;
        // The store's copy of the events of a run that was resumed tells it again.
        if let Some(known) = target
            .candidates
            .iter_mut()
            .find(|known| known.index == scored.index)
        {
            *known = scored;
            target.seen -= 1;
            return;
        }
        target.candidates.push(scored);
        if target.candidates.len() > target.most {
            thin(&mut target.candidates, target.most / 2);
        }
    }

    /// The version in which a candidate was recorded last.
    pub(super) fn changed(&self) -> u64 {
        self.changed
    }

    /// How many were recorded.
    pub(super) fn seen(&self) -> usize {
        self.targets.iter().map(|target| target.seen).sum()
    }

    /// The targets, as the results of a run tell them.
    pub(super) fn document(&self) -> Value {
        let targets: Vec<Value> = self.targets.iter().map(document).collect();
        let metrics: BTreeSet<&String> = self.targets.iter().map(|target| &target.metric).collect();
        json!({
            "metric": self.targets.first().map(|target| &target.metric),
            "metrics": metrics,
            "targets": targets,
        })
    }
}

/// Halves what is not among the `best`.
fn thin(candidates: &mut Vec<Scored>, best: usize) {
    sort(candidates);
    let rest = candidates.split_off(best);
    candidates.extend(rest.into_iter().step_by(2));
}

/// The best first; those without a score last.
fn sort(candidates: &mut [Scored]) {
    let mean = |one: &Scored| one.mean.unwrap_or(f64::NEG_INFINITY);
    candidates.sort_by(|a, b| mean(b).total_cmp(&mean(a)).then(a.index.cmp(&b.index)));
}

fn document(target: &Target) -> Value {
    let mut candidates = target.candidates.clone();
    sort(&mut candidates);
    let names: BTreeSet<&String> = candidates
        .iter()
        .flat_map(|one| one.params.keys())
        .collect();
    let names = names
        .into_iter()
        .filter(|name| *name != TRAINER)
        .take(PARAMS);
    let (mut parameters, mut params) = (Vec::new(), Map::new());
    for name in names {
        let values = candidates.iter().map(|one| one.params.get(name).map(shown));
        let values: Vec<Option<Value>> = values.collect();
        // It tells nothing of candidates that do not differ in it.
        if values.iter().all(|value| *value == values[0]) {
            continue;
        }
        let levels = values.iter().flatten().cloned().collect();
        parameters.push(Parameter::of_values(name, levels));
        params.insert(name.clone(), json!(values));
    }
    let ranks: Vec<usize> = candidates
        .iter()
        .map(|one| 1 + candidates.partition_point(|other| other.mean > one.mean))
        .collect();
    let best = candidates.first().filter(|best| best.mean.is_some());
    let within: Vec<usize> = best.map_or(Vec::new(), |best| {
        let mean = best.mean.unwrap_or_default();
        let splits = target.splits as f64;
        // Of k - 1 degrees of freedom, as in `reduce::choice`; the event has that of k.
        let error = best.std.unwrap_or_default() / (splits - 1.0).max(1.0).sqrt();
        let near = candidates.iter();
        let near = near.filter(|one| one.mean.is_some_and(|other| other >= mean - error));
        near.map(|one| one.index).collect()
    });
    let column = |of: &dyn Fn(&Scored) -> Value| -> Value {
        candidates.iter().map(of).collect::<Vec<_>>().into()
    };
    let by_metric =
        |values: Value| Value::Object(Map::from_iter([(target.metric.clone(), values)]));
    let trainer = |one: &Scored| match one.params.get(TRAINER) {
        Some(name) => name.clone(),
        // Where there is one alone, it is no hyper-parameter.
        None => target.trainer.clone().into(),
    };
    json!({
        "target": target.name,
        "metric": target.metric,
        "metrics": [target.metric],
        "splits": target.splits,
        "sentences": [],
        "parameters": parameters,
        "candidates": {
            "total": target.seen,
            "index": column(&|one| one.index.into()),
            "trainer": column(&trainer),
            "params": params,
            "mean": by_metric(column(&|one| one.mean.into())),
            "std": by_metric(column(&|one| one.std.into())),
            "rank": by_metric(ranks.into()),
            "fit_time": column(&|one| one.fit_time.into()),
        },
        "best": best.map(|best| best.index),
        "one_standard_error": within,
        "anova": [],
        "curves": null,
        "warnings": [],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scored() -> ScoredCandidates {
        let mut scored = ScoredCandidates::default();
        scored.begin(&["late".to_owned()], &["roc_auc".to_owned()], "tree", 5);
        scored
    }

    fn params(pairs: &[(&str, Value)]) -> Arc<Params> {
        let pairs = pairs.iter();
        Arc::new(
            pairs
                .map(|(name, value)| ((*name).to_owned(), value.clone()))
                .collect(),
        )
    }

    fn candidate(index: usize, mean: Option<f64>, params: Arc<Params>) -> Scored {
        Scored {
            index,
            mean,
            std: mean.map(|_| 0.04),
            fit_time: Some(index as f64),
            params,
        }
    }

    #[test]
    fn candidates_are_columns_the_best_first_and_the_near_ones_named() {
        let mut scored = scored();
        let lasso = params(&[("trainer", "lasso".into()), ("alpha", json!(0.001))]);
        let more = params(&[("trainer", "lasso".into()), ("alpha", json!(10))]);
        let tree = params(&[("trainer", "tree".into()), ("depth", json!(3))]);
        scored.add(1, 0, candidate(0, Some(0.7), lasso));
        scored.add(2, 0, candidate(1, None, more));
        scored.add(3, 0, candidate(2, Some(0.69), tree));
        let deep = params(&[("trainer", "tree".into()), ("depth", Value::Null)]);
        scored.add(4, 0, candidate(3, Some(0.6), Arc::clone(&deep)));
        // Told again by a run that went on.
        scored.add(5, 0, candidate(3, Some(0.61), deep));
        assert_eq!((scored.seen(), scored.changed()), (4, 5));
        let document = scored.document();
        let target = &document["targets"][0];
        let candidates = &target["candidates"];
        assert_eq!(candidates["index"], json!([0, 2, 3, 1]));
        assert_eq!(
            candidates["mean"]["roc_auc"],
            json!([0.7, 0.69, 0.61, null])
        );
        assert_eq!(candidates["rank"]["roc_auc"], json!([1, 2, 3, 4]));
        assert_eq!(
            candidates["params"]["alpha"],
            json!([0.001, null, null, 10])
        );
        assert_eq!(candidates["fit_time"], json!([0.0, 2.0, 3.0, 1.0]));
        // 0.04 / √(5 - 1) = 0.02
        assert_eq!(target["one_standard_error"], json!([0, 2]));
        assert_eq!(target["best"], 0);
        let parameters = json!([
            {"name": "alpha", "kind": "number", "log": false, "levels": [0.001, 10]},
            {"name": "depth", "kind": "text", "log": false, "levels": [3, "null"]},
        ]);
        assert_eq!(target["parameters"], parameters);
        assert_eq!(
            candidates["trainer"],
            json!(["lasso", "tree", "tree", "lasso"])
        );
    }

    #[test]
    fn the_best_stay_when_there_are_too_many() {
        let mut scored = scored();
        for index in 0..50_000 {
            let mean = f64::from(index as u32 * 7919 % 50_021) / 50_021.0;
            let params = params(&[("C", json!(10_f64.powi((index % 7) as i32 - 3)))]);
            scored.add(index as u64 + 1, 0, candidate(index, Some(mean), params));
            assert!(scored.targets[0].candidates.len() <= KEPT);
        }
        let document = scored.document();
        let target = &document["targets"][0];
        assert_eq!(target["candidates"]["total"], 50_000);
        assert_eq!(target["parameters"][0]["log"], true);
        let means = target["candidates"]["mean"]["roc_auc"].as_array().unwrap();
        let means: Vec<f64> = means.iter().map(|mean| mean.as_f64().unwrap()).collect();
        let mut all: Vec<f64> = (0..50_000_u32)
            .map(|index| f64::from(index * 7919 % 50_021) / 50_021.0)
            .collect();
        all.sort_by(|a, b| b.total_cmp(a));
        assert_eq!(means[..KEPT / 4], all[..KEPT / 4]);
    }
}
