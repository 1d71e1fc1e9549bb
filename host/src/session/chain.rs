//! The chain of several targets: each is searched in a dataset with the predictions of
//! those before it as further features: out of fold for the rows of the search, and by the
//! refitted model for those held out. So do scikit-learn's `ClassifierChain` and
//! `RegressorChain` with `cv`.

use fanout_contract::Split;
use fanout_sdk::PredictionValues;

use super::export::Export;
use super::training::dataset;
use super::{LoadedPlan, Opening, Options, Places, SessionError, exports, open, together};
use crate::dataset::{Prepared, Truth, Warning};
use crate::model::{Link, Model, ModelTarget};
use crate::plan::{CheckedPlan, PlanError};
use crate::report::Report;
use crate::run::event::{Event, Listeners};
use crate::run::predictions::{self, PredictionsError};
use crate::worth::{OverTargets, PredictedRows};

/// The places of the targets of a plan in its chain, the first first; `None` where it has
/// none.
pub(super) fn order(plan: &CheckedPlan) -> Option<Vec<usize>> {
    let dataset = &plan.dataset;
    if dataset.chain.is_empty() || dataset.targets.len() < 2 {
        return None;
    }
    let names: Vec<String> = dataset.targets.iter().map(|it| it.name()).collect();
    let links = dataset.chain.iter();
    let places = links.map(|link| names.iter().position(|name| name == link));
    places.collect()
}

impl LoadedPlan {
    /// What the searches of the targets have of a dataset, as far as that is known before
    /// they are run: in a chain, targets have those before them as further features.
    ///
    /// # Errors
    /// If the data make no chain.
    pub fn chained(&self, mut prepared: Vec<Prepared>) -> Result<Vec<Prepared>, PlanError> {
        let Some(order) = order(&self.plan) else {
            return Ok(prepared);
        };
        let mistake = |message: String, hint: &str| {
            let hint = Some(hint.to_owned());
            Err(self.plan.mistake("dataset.chain", message, hint))
        };
        let mut before = Vec::new();
        for (at, place) in order.iter().enumerate() {
            let own = &mut prepared[*place];
            let (name, last) = (own.target.clone(), at + 1 == order.len());
            let mut warnings = own.own_warnings().iter();
            let missing = warnings.find_map(|warning| match warning {
                Warning::MissingTargets { count, .. } => Some(*count),
                _ => None,
            });
            if let Some(count) = missing.filter(|_| !last) {
                let message = format!(
                    "{count} rows lack the target `{name}`, of which the targets behind it in \
                     the chain learn"
                );
                let hint = "put it at the end of the chain, or leave these rows out of the source";
                return mistake(message, hint);
            }
            let link = Link::new(&name, &target(own, None));
            if own
                .layout
                .columns
                .iter()
                .any(|it| it.name == link.feature.name)
                && !last
            {
                let message = format!(
                    "the dataset has a column `{}`, as the chain calls what is predicted of `{name}`",
                    link.feature.name
                );
                return mistake(message, "rename the column, or the target");
            }
            for feature in &before {
                *own = own.describing(feature);
            }
            before.push(link.feature);
        }
        Ok(prepared)
    }
}

/// What is predicted of a target.
fn target(prepared: &Prepared, positive: Option<String>) -> ModelTarget {
    ModelTarget {
        learning: prepared.learning,
        classes: prepared.classes.clone(),
        positive,
        threshold: None,
    }
}

/// Runs the searches of the targets in the order of their chain. `prepared` is what each
/// has of the dataset without further features. Returns the reports and the models, by
/// target.
///
/// # Errors
/// Also if a target before the last has no model: then there is nothing that those behind
/// it could learn from.
pub(super) fn run(
    plans: &[LoadedPlan],
    prepared: &[Prepared],
    order: &[usize],
    places: &Places,
    over: &mut OverTargets,
    options: &Options,
    listeners: &mut Listeners<'_>,
) -> Result<(Vec<Report>, Vec<Option<Model>>), SessionError> {
    let mut ended: Vec<Option<(Report, Option<Model>)>> = vec![None; plans.len()];
    let mut before: Vec<(Link, Vec<f64>)> = Vec::new();
    // Of the target before, with the features that it had.
    let mut latest: Option<Prepared> = None;
    for (at, place) in order.iter().enumerate() {
        let loaded = &plans[*place];
        let mut own = prepared[*place].clone();
        if let (Some((newest, older)), Some(latest)) = (before.split_last(), &latest) {
            for (link, _) in older {
                own = own.describing(&link.feature);
            }
            own = own.in_dataset_of(latest);
            let (link, values) = newest;
            let file = dataset(&places.store, &own)?;
            own = own.with_feature(&link.feature, values, &file, &places.store)?;
            for key in &own.repaired {
                listeners.emit(Event::ObjectRepaired { key: key.clone() });
            }
        }
        let suited = loaded.suited(&own)?;
        let openings = [Opening {
            loaded,
            suited: &suited,
            prepared: &own,
        }];
        let mut opened = open(&openings, places, options, listeners)?;
        let (reports, models) = together(&openings, &mut opened, over, options, listeners)?;
        let both = reports.into_iter().zip(models).next();
        if let Some((report, _)) = &both
            && at + 1 < order.len()
        {
            if let Some(failure) = &report.failure {
                return Err(SessionError::Chain {
                    target: own.target.clone(),
                    failure: failure.clone(),
                });
            }
            let exports = exports(&openings, &opened, options);
            before.push(link(&exports[0], report, listeners)?);
        }
        ended[*place] = both;
        drop(opened);
        latest = Some(own);
    }
    Ok(ended.into_iter().flatten().unzip())
}

/// The target of a search as a link, and its value in each row of the dataset: predicted by
/// the chosen candidate.
fn link(
    export: &Export<'_>,
    report: &Report,
    listeners: &mut Listeners<'_>,
) -> Result<(Link, Vec<f64>), SessionError> {
    let Export {
        prepared,
        expansion,
        pool,
        record,
        ..
    } = export;
    let chosen = report.chosen().ok_or(SessionError::ModelLost)?.index;
    let positive = expansion.single(chosen, &prepared.refit).positive;
    let link = Link::new(&prepared.target, &target(prepared, positive));
    let file = dataset(record.store(), prepared)?;
    let truth = Truth::read(&file, &prepared.target, None).map_err(PredictionsError::from)?;
    let mut predicted = |splits: &[Split]| -> Result<PredictedRows, SessionError> {
        let read = || predictions::read(record, expansion, chosen, splits, &truth);
        if let Some(rows) = read()? {
            return Ok(rows);
        }
        let made = predictions::make(expansion, chosen, splits, *pool, listeners)?;
        made.map_err(SessionError::Refit)?;
        let lacking = PredictionsError::Missing { candidate: chosen };
        Ok(read()?.ok_or(lacking)?)
    };
    let mut values = vec![None; prepared.rows as usize];
    let mut twice = 0;
    let mut take = |rows: &PredictedRows| {
        for (row, value) in rows.rows.iter().zip(link_values(&link, rows)) {
            twice += usize::from(values[*row as usize].replace(value).is_some());
        }
    };
    take(&predicted(&expansion.splits)?);
    if let Some(holdout) = &prepared.holdout {
        take(&predicted(std::slice::from_ref(holdout))?);
    }
    let never = values.iter().filter(|value| value.is_none()).count();
    if never + twice > 0 {
        return Err(SessionError::NoPartition {
            target: prepared.target.clone(),
            never,
            twice,
        });
    }
    Ok((link, values.into_iter().flatten().collect()))
}

/// The values of a link in rows that were predicted.
fn link_values(link: &Link, rows: &PredictedRows) -> Vec<f64> {
    if let PredictionValues::Numbers(numbers) = &rows.predicted.values {
        return numbers.clone();
    }
    let classes = rows.target.classes().len();
    let codes = rows.prediction().classes(classes);
    codes
        .iter()
        .map(|class| link.of_class(*class as usize))
        .collect()
}
