//! Labels of classes that a plan names, as the data has them.

use std::collections::BTreeMap;

use fanout_contract::{ParamKind, Params, TrainerDescription};
use serde_json::{Map, Value as Json};

use super::values::Values;
use super::{CheckedPlan, EnsemblePlan, PlanError, Search, TrainerPlan};

impl CheckedPlan {
    /// The plan with the labels that it names (`positive`, and the keys of maps of
    /// weights) as the data has them; `trainers` are those of its arms, and `second_stage` is
    /// that of an ensemble: `find` gives the label of a class by any
    /// spelling. `known` are the labels, in a message.
    ///
    /// # Errors
    ///
    /// [`PlanError::Mistakes`]: there is no such class.
    pub fn with_labels(
        &self,
        trainers: &[&TrainerDescription],
        second_stage: Option<&TrainerDescription>,
        find: impl Fn(&str) -> Option<String>,
        known: &str,
    ) -> Result<Self, PlanError> {
        let mut plan = self.plan.clone();
        if let Some(positive) = &mut plan.dataset.positive
            && let Some(label) = find(positive)
        {
            *positive = label;
        }
        let mistake = |(path, name, message): (String, String, String)| {
            let message = format!("`{name}` {message}");
            let hint = format!("a class is {known}");
            self.mistake(&format!("{path}.{name}"), message, Some(hint))
        };
        for (index, score) in plan.scoring.iter_mut().enumerate() {
            for (name, value) in &mut score.params {
                let path = format!("{}.params", self.score_path(index));
                metric_labels(name, value, &find)
                    .map_err(|message| mistake((path, name.clone(), message)))?;
            }
        }
        if let Some(score) = &mut plan.threshold {
            for (name, value) in &mut score.params {
                let path = "threshold.params".to_owned();
                metric_labels(name, value, &find)
                    .map_err(|message| mistake((path, name.clone(), message)))?;
            }
        }
        let mut trainers = trainers.iter();
        if let (Some(arm), Some(trainer)) = (&mut plan.trainer, trainers.as_slice().first()) {
            trainers.next();
            relabel_arm("", trainer, arm, &mut plan.search, &find).map_err(mistake)?;
        }
        for (index, (arm, trainer)) in plan.trainers.iter_mut().zip(trainers).enumerate() {
            let path = format!("trainers.{index}.");
            relabel_arm(&path, trainer, &mut arm.trainer, &mut arm.search, &find)
                .map_err(mistake)?;
        }
        if let Some(EnsemblePlan::Stacking {
            final_estimator, ..
        }) = &mut plan.ensemble
            && let Some(trainer) = second_stage
        {
            let mut none = Search::List { candidates: vec![] };
            relabel_arm("", trainer, final_estimator, &mut none, &find).map_err(
                |(_, name, message)| {
                    mistake(("ensemble.final_estimator.params".to_owned(), name, message))
                },
            )?;
        }
        Ok(Self {
            plan,
            source: self.source.clone(),
        })
    }
}

/// Writes the labels of a metric's parameter as the data has them.
fn metric_labels(
    name: &str,
    value: &mut Json,
    find: impl Fn(&str) -> Option<String>,
) -> Result<(), String> {
    match (name, value) {
        ("costs", Json::Object(costs)) => {
            relabel(costs, &find)?;
            let mut rows = costs.values_mut().filter_map(Json::as_object_mut);
            rows.try_for_each(|row| relabel(row, &find))
        }
        ("pos_label", Json::String(label)) => {
            *label = find(label).ok_or_else(|| format!("is `{label}`, which no row has"))?;
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Writes the labels in the hyper-parameters of one trainer and its search as the
/// data has them. An error is the path of a section, the hyper-parameter, and what
/// is wrong.
fn relabel_arm(
    path: &str,
    trainer: &TrainerDescription,
    fixed: &mut TrainerPlan,
    search: &mut Search,
    find: &impl Fn(&str) -> Option<String>,
) -> Result<(), (String, String, String)> {
    let weighs = |name: &str| {
        let param = trainer.param(name);
        param.is_some_and(|param| param.kinds.contains(&ParamKind::Weights))
    };
    let one = |name: &str, value: &mut Json| match value {
        Json::Object(weights) if weighs(name) => relabel(weights, find),
        _ => Ok(()),
    };
    let all = |params: &mut Params| {
        let mut params = params.iter_mut();
        params.try_for_each(|(name, value)| one(name, value).map_err(|m| (name.clone(), m)))
    };
    let lists = |params: &mut BTreeMap<String, Values>| {
        params
            .iter_mut()
            .try_for_each(|(name, values)| match values {
                Values::List(values) => {
                    let mut values = values.iter_mut();
                    values.try_for_each(|value| one(name, value).map_err(|m| (name.clone(), m)))
                }
                _ => Ok(()),
            })
    };
    let at = |section: &str| {
        let path = format!("{path}{section}");
        move |(name, message)| (path, name, message)
    };
    all(&mut fixed.params).map_err(at("trainer.params"))?;
    match search {
        Search::Grid { params } => params
            .iter_mut()
            .try_for_each(lists)
            .map_err(at("search.params")),
        Search::Random { params, .. } => lists(params).map_err(at("search.params")),
        Search::List { candidates } => candidates
            .iter_mut()
            .try_for_each(all)
            .map_err(at("search.candidates")),
    }
}

/// Writes the keys as the data's labels; what is wrong, where there is one that
/// is none.
fn relabel(
    weights: &mut Map<String, Json>,
    find: impl Fn(&str) -> Option<String>,
) -> Result<(), String> {
    let mut found = Map::new();
    for (given, weight) in std::mem::take(weights) {
        let label = find(&given);
        let label = label.ok_or_else(|| format!("names the class `{given}`, which no row has"))?;
        if found.insert(label, weight).is_some() {
            return Err(format!("names the class `{given}` twice"));
        }
    }
    *weights = found;
    Ok(())
}
