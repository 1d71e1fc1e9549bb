//! [`Explainer`]: why the chosen candidate predicts what it predicts.

use bytes::Bytes;
use fanout_contract::{Importances, Permute, Scores, Split};

use super::SessionError;
use crate::dataset::DrawnRows;
use crate::expand::Expansion;
use crate::model::{DrawnContributions, ModelTarget, PartialDependence, PredictError, Predictor};
use crate::plan::{ExplainPlan, PermutationPlan};
use crate::pool::PoolError;
use crate::reduce::{PermutationImportance, PermutedRows};
use crate::report::Report;
use crate::report::explanations::{self, Explanations};
use crate::run::event::{Event, Listeners};
use crate::run::pool::Pool;
use crate::run::search::run_outside_search;
use crate::run::tasks::{PermutingTasks, SingleTask};
use crate::sandbox::Guest;
use crate::task::{Cancel, TaskLimits};

/// The most important features whose dependence is told where the plan names none.
const MOST_IMPORTANT: usize = 5;

/// What it takes to explain the chosen candidate.
pub(super) struct Explainer<'a> {
    /// The guest of the candidate.
    pub(super) guest: &'a Guest,
    pub(super) limits: TaskLimits,
    pub(super) expansion: &'a Expansion,
    /// The Parquet file.
    pub(super) dataset: Bytes,
    /// The names of the features, in the order of the dataset.
    pub(super) features: Vec<String>,
    pub(super) holdout: Option<&'a Split>,
    pub(super) pool: &'a dyn Pool<Error = PoolError>,
    pub(super) cancel: &'a Cancel,
    pub(super) chosen: usize,
}

impl Explainer<'_> {
    /// Finds what `plan` wants. `model` is the refitted model, and what it predicts. What
    /// the model can't tell is a warning.
    pub(super) fn run(
        &self,
        plan: &ExplainPlan,
        model: Option<(ModelTarget, Bytes)>,
        report: &mut Report,
        listeners: &mut Listeners<'_>,
    ) -> Result<Explanations, SessionError> {
        listeners.emit(Event::ExplanationStarted);
        let mut found = Explanations::default();
        if let Some(plan) = plan.permutation_importance {
            found.permutation_importance = Some(self.permute(plan, report, listeners)?);
        }
        let Some((target, fitted)) = model else {
            return Ok(found);
        };
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let predictor = Predictor {
            guest: self.guest,
            fitted: &fitted,
            limits: self.limits,
            workers: cores,
            cancel: self.cancel.clone(),
        };
        let warnings = &mut report.warnings;
        if plan.importances {
            found.importances = or_warning(predictor.importances(), warnings)?;
        }
        let draw = |most, seed| {
            let drawn = DrawnRows::of_stored(&self.dataset, most, seed);
            drawn.map_err(|error| SessionError::from(PredictError::from(error)))
        };
        if let Some(plan) = plan.shap {
            let rows = draw(plan.rows, plan.random_state)?;
            found.shap = or_warning(DrawnContributions::new(&predictor, &rows), warnings)?;
        }
        if let Some(plan) = &plan.partial_dependence {
            let rows = draw(plan.subsample, plan.random_state)?;
            let features = match plan.features.as_slice() {
                [] => ranked(self.features.clone(), &found, report.ranked_by()),
                named => named.to_vec(),
            };
            let told = PartialDependence::new(&predictor, &target, &rows, &features, plan);
            found.partial_dependence = or_warning(told, &mut report.warnings)?;
        }
        Ok(found)
    }

    /// The permutation importance of each feature: one task a feature and split, in which
    /// the candidate is fitted once for all features that a guest permutes.
    fn permute(
        &self,
        plan: PermutationPlan,
        report: &Report,
        listeners: &mut Listeners<'_>,
    ) -> Result<PermutationImportance, SessionError> {
        let features = self.features.clone();
        let (of, splits): (_, &[Split]) = match self.holdout {
            Some(holdout) => (PermutedRows::Holdout, std::slice::from_ref(holdout)),
            None => (PermutedRows::OutOfFold, &self.expansion.splits),
        };
        let PermutationPlan {
            n_repeats,
            random_state,
        } = plan;
        let task = |(split, feature): (&Split, &String)| {
            let permute = Permute {
                feature: feature.clone(),
                n_repeats,
                random_state,
            };
            SingleTask::permuting(self.expansion, self.chosen, split, permute)
        };
        let each = splits
            .iter()
            .flat_map(|split| features.iter().map(move |feature| (split, feature)));
        let tasks = PermutingTasks {
            tasks: each.map(task).collect(),
            of_each_split: features.len(),
        };
        let ended = run_outside_search(&tasks, self.pool, listeners)?;
        let answers = ended.into_iter().map(|ended| {
            let answer = ended.map_err(SessionError::Explanation)?;
            Ok(answer.scores.into_iter().next().unwrap_or_default())
        });
        let scores: Vec<Scores> = answers.collect::<Result<_, SessionError>>()?;
        let metrics = report.results.metrics.iter();
        let metrics: Vec<String> = metrics.map(|metric| metric.name.clone()).collect();
        let about = (of, n_repeats, random_state);
        Ok(PermutationImportance::new(
            about, features, &metrics, &scores,
        ))
    }
}

/// The features of rows on which a model says that it relies most, or else the first
/// ones.
pub fn most_important(predictor: &Predictor<'_>, rows: &DrawnRows) -> Vec<String> {
    let found = Explanations {
        importances: predictor.importances().ok(),
        ..Explanations::default()
    };
    ranked(rows.features().map(ToOwned::to_owned).collect(), &found, 0)
}

/// The most important of `features`: by the permutations and metric `metric`, or else by
/// the model's own importances where these are of the dataset's features; or else the
/// first ones.
fn ranked(features: Vec<String>, found: &Explanations, metric: usize) -> Vec<String> {
    let features = match (&found.permutation_importance, &found.importances) {
        (Some(permuted), _) => {
            let places = permuted.ranked(metric).into_iter();
            places
                .map(|place| permuted.features[place].clone())
                .collect()
        }
        (None, Some(own)) => by_own(own, features),
        (None, None) => features,
    };
    features.into_iter().take(MOST_IMPORTANT).collect()
}

/// The features of a dataset, those first of which the model says most; in their order
/// where the model is of others, that steps made.
fn by_own(own: &Importances, features: Vec<String>) -> Vec<String> {
    let places = explanations::ranked(own).into_iter();
    let ranked: Vec<String> = places.map(|place| own.features[place].clone()).collect();
    let is_same = ranked.len() == features.len() && features.iter().all(|it| ranked.contains(it));
    if is_same { ranked } else { features }
}

/// What was found; `None`, and a warning, where the model has no such thing.
fn or_warning<T>(
    found: Result<T, PredictError>,
    warnings: &mut Vec<String>,
) -> Result<Option<T>, SessionError> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) => match error.refused() {
            Some(why) => {
                warnings.push(format!("not explained: {why}"));
                Ok(None)
            }
            None => Err(error.into()),
        },
    }
}
