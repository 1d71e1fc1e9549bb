//! [`plan_of_model`]: the plan of the candidate of a model, to be fitted on later data.

use std::path::{Path, PathBuf};

use fanout_contract::{Learning, Params};

use super::Retrain;
use crate::dataset::reading;
use crate::model::{ModelFile, ModelFileError};
use crate::plan::{
    Cv, DatasetPlan, Kind, Learn, Plan, PoolPlan, Search, StepPlan, TrainerPlan, store_url,
};
use crate::run::manifest;
use crate::session::{RetrainError, SessionError};
use crate::store::Location;

/// The plan of a model's candidate alone, for later data.
pub(super) fn plan_of_model(
    path: &Path,
    file: &ModelFile,
    asked: &Retrain,
) -> Result<Plan, SessionError> {
    let (head, record) = (&file.head, file.training.as_ref());
    let before = &head.reading.chain;
    if !before.is_empty() {
        let before = before.iter().map(|name| format!("`{name}`"));
        let before = before.collect::<Vec<_>>().join(", ");
        return Err(RetrainError::Chained { before }.into());
    }
    let mut plan = manifest::plan_of(&head.plan).map_err(|source| ModelFileError::Form {
        path: path.to_owned(),
        source,
    })?;
    let (source, format) = match (&asked.source, record) {
        (Some(source), _) => (source.as_str(), None),
        (None, Some(record)) => (record.source.as_str(), head.reading.format),
        (None, None) => return Err(RetrainError::NoSource.into()),
    };
    let is_number = head.target.learning == Learning::Regression;
    let retunes = plan.threshold.is_some();
    plan.dataset = DatasetPlan {
        learn: Some(match is_number {
            true => Learn::Regression,
            false => Learn::Classification,
        }),
        positive: head.target.positive.clone(),
        ..reading(&head.reading, &head.recipe, (source, format), &[])
    };
    for target in &mut plan.dataset.targets {
        target.learn = plan.dataset.learn;
        target.positive.clone_from(&plan.dataset.positive);
    }
    if !(retunes && plan.cv.takes_groups()) {
        plan.dataset.groups = None;
    }
    if !retunes {
        // Nothing is scored by splits, and other methods have needs of their own.
        plan.cv = Cv::KFold {
            n_splits: 2,
            shuffle: false,
            random_state: 0,
        };
    }
    plan.name += ", retrained";
    plan.kind = Kind::Search {};
    plan.holdout = None;
    plan.predictions = false;
    plan.ensemble = None;
    plan.trainers = Vec::new();
    plan.trainer = Some(TrainerPlan {
        name: head.trainer.clone(),
        python: None,
        guest: None,
        params: head.params.clone(),
        bagging: head.bagging,
    });
    let steps = head.steps.iter().map(|step| StepPlan {
        name: Some(step.name.clone()),
        step: vec![step.step.clone()],
        columns: step.columns.clone(),
        params: step.params.clone(),
    });
    plan.steps = steps.collect();
    plan.search = Search::List {
        candidates: vec![Params::new()],
    };
    let store = || Location::new(store_url(".fanout", &here()));
    let of_record = record.map(|record| (&record.pool, &record.store, record.limits));
    let (pool, at, limits) = match of_record {
        Some((pool, at, limits)) => (pool.clone(), at.clone(), limits),
        None => (plan.pool, store(), plan.limits),
    };
    plan.pool = asked.pool.clone().unwrap_or(pool);
    plan.store = asked.store.clone().unwrap_or(at);
    plan.limits = asked.limits.unwrap_or(limits);
    match &mut plan.pool {
        PoolPlan::Local { workers } => *workers = asked.workers.or(*workers),
        PoolPlan::Nats(nats) => nats.workers = asked.workers.or(nats.workers),
        PoolPlan::Http(http) => http.concurrency = asked.workers.unwrap_or(http.concurrency),
    }
    Ok(plan)
}

fn here() -> PathBuf {
    std::env::current_dir().unwrap_or_default()
}
