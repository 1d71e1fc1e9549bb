//! [`training`]: the record of the data of a model, for its file.

use bytes::Bytes;
use rayon::prelude::*;

use crate::dataset::{ColumnValues, Made, Prepared, Recipe, column_values};
use crate::model::{Distribution, Training};
use crate::plan::Plan;
use crate::run::predictions::{self, PredictionsError};
use crate::store::Store;

/// The Parquet file of a dataset.
pub(super) fn dataset(store: &Store, prepared: &Prepared) -> Result<Bytes, PredictionsError> {
    match &prepared.dataset_content {
        Some(content) => Ok(content.clone()),
        None => predictions::dataset(store, prepared.dataset),
    }
}

/// The values of a feature; those of an order by their labels.
pub(super) fn feature(
    dataset: &Bytes,
    recipe: &Recipe,
    name: &str,
) -> Result<ColumnValues, PredictionsError> {
    let values = column_values(dataset, name)?;
    let made = recipe.features.iter().find(|feature| feature.name == name);
    Ok(match made.map(|feature| &feature.made) {
        Some(Made::Ordered { labels }) => values.with_labels(labels),
        _ => values,
    })
}

/// What `of` gives of each column of a dataset, some at a time.
pub(super) fn of_each<T: Sync, R: Send>(
    columns: &[T],
    of: impl Fn(&T) -> Result<R, PredictionsError> + Sync,
) -> Result<Vec<R>, PredictionsError> {
    /// Threat: all columns of a large table in memory.
    const AT_ONCE: usize = 4;
    let mut found = Vec::with_capacity(columns.len());
    for some in columns.chunks(AT_ONCE) {
        let made: Result<Vec<R>, _> = some.par_iter().map(&of).collect();
        found.extend(made?);
    }
    Ok(found)
}

/// The distributions of the features over the rows of models, which those of several
/// targets have in common.
#[derive(Debug, Default)]
pub(super) struct FeatureDistributions {
    /// The latest, with their rows; `None`: all.
    latest: Option<(Option<Vec<bool>>, Vec<Distribution>)>,
}

impl FeatureDistributions {
    /// Those over the rows of `dataset` that `fitted` says.
    fn over(
        &mut self,
        fitted: &Option<Vec<bool>>,
        prepared: &Prepared,
        dataset: &Bytes,
    ) -> Result<Vec<Distribution>, PredictionsError> {
        if let Some((rows, known)) = &self.latest
            && rows == fitted
        {
            return Ok(known.clone());
        }
        let features = of_each(&prepared.recipe.features, |feature| {
            distribution(&feature.name, fitted, prepared, dataset)
        })?;
        self.latest = Some((fitted.clone(), features.clone()));
        Ok(features)
    }
}

/// The distribution of a column over the rows that `fitted` says; `None`: all.
fn distribution(
    name: &str,
    fitted: &Option<Vec<bool>>,
    prepared: &Prepared,
    dataset: &Bytes,
) -> Result<Distribution, PredictionsError> {
    let values = feature(dataset, &prepared.recipe, name)?;
    let is_fitted = |row: usize| fitted.as_ref().is_none_or(|fitted| fitted[row]);
    Ok(Distribution::of(name, &values.of_rows(is_fitted)))
}

/// The record of a model that was fitted on the rows of `dataset` that `fitted` says;
/// `None`: all.
pub(super) fn training(
    plan: &Plan,
    prepared: &Prepared,
    dataset: &Bytes,
    fitted: Option<Vec<bool>>,
    predicted: Option<(String, ColumnValues)>,
    features: &mut FeatureDistributions,
) -> Result<Training, PredictionsError> {
    Ok(Training {
        source: whole_path(&plan.dataset.source),
        files: prepared.files.clone(),
        earlier: Vec::new(),
        rows: Some(prepared.rows),
        pool: plan.pool.clone(),
        store: plan.store.clone(),
        limits: plan.limits,
        retrained: None,
        features: features.over(&fitted, prepared, dataset)?,
        target: distribution(&plan.dataset.target, &fitted, prepared, dataset)?,
        predictions: predicted.map(|(name, values)| Distribution::of(&name, &values)),
    })
}

/// A source whose path does not depend on the working directory.
fn whole_path(source: &str) -> String {
    let (scheme, path) = match source.split_once("://") {
        Some(("file", path)) => ("file://", path),
        Some(_) => return source.to_owned(),
        None => ("", source),
    };
    match std::path::absolute(path) {
        Ok(whole) => format!("{scheme}{}", whole.display()),
        Err(_) => source.to_owned(),
    }
}
