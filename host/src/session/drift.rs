//! [`Drift`]: how later data differ from those that a model was trained on, column by
//! column.

use arrow_schema::{DataType, TimeUnit};
use bytes::Bytes;
use serde::Serialize;

use super::training::{feature, of_each};
use crate::dataset::{ColumnValues, FeatureRecipe, Made, Recipe};
use crate::model::{Distribution, Training};
use crate::run::predictions::PredictionsError;
use crate::worth::ColumnDrift;

/// How data differ from those of a training.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Drift {
    /// The number of rows that came since.
    pub rows: usize,
    /// The features.
    pub features: Vec<ColumnDrift>,
    /// The target.
    pub target: Option<ColumnDrift>,
    /// What the old model predicts: of the newest rows, against rows that it was not
    /// fitted on when it was trained. Null where none were predicted then.
    pub predictions: Option<ColumnDrift>,
}

/// The drift of the columns of a dataset, in the rows that `since` says, from those of
/// `before`. The recipes are those of both; `classes` are those of the old model.
pub(super) fn of_columns(
    before: &Training,
    classes: &[String],
    (old, new): (&Recipe, &Recipe),
    dataset: &Bytes,
    since: impl Fn(usize) -> bool + Sync,
) -> Result<Drift, PredictionsError> {
    let drift = |before: &Distribution, known: &[String], ratio: f64| {
        let values = feature(dataset, new, &before.name)?.of_rows(&since);
        let values = scaled(values, ratio);
        let drift = ColumnDrift::new(before, &values, known);
        Ok::<_, PredictionsError>((drift, values.len()))
    };
    let features = of_each(&before.features, |before| {
        let recipe = |of: &Recipe| {
            let mut features = of.features.iter();
            features
                .find(|feature| feature.name == before.name)
                .cloned()
        };
        let made = recipe(old);
        let known = made.as_ref().map_or(&[][..], |made| made.made.labels());
        let ratio = match (&made, recipe(new)) {
            (Some(made), Some(other)) => ratio((old, made), (new, &other)),
            _ => 1.0,
        };
        drift(before, known, ratio)
    });
    let features = features?;
    let (target, rows) = drift(&before.target, classes, 1.0)?;
    Ok(Drift {
        rows,
        features: features
            .into_iter()
            .filter_map(|(drift, _)| drift)
            .collect(),
        target,
        predictions: None,
    })
}

impl Drift {
    /// Adds that of the old model's predictions.
    pub(super) fn add_predictions(&mut self, before: &Training, predicted: &ColumnValues) {
        let before = before.predictions.as_ref();
        let known: &[String] = match predicted {
            ColumnValues::Labels { labels, .. } => labels,
            ColumnValues::Numbers(_) => &[],
        };
        self.predictions = before.and_then(|before| ColumnDrift::new(before, predicted, known));
    }

    /// All columns: those of the features, the target, the predictions.
    pub fn columns(&self) -> impl Iterator<Item = &ColumnDrift> {
        let others = self.target.iter().chain(&self.predictions);
        self.features.iter().chain(others)
    }
}

fn scaled(values: ColumnValues, ratio: f64) -> ColumnValues {
    match values {
        ColumnValues::Numbers(numbers) if ratio != 1.0 => {
            ColumnValues::Numbers(numbers.into_iter().map(|n| n * ratio).collect())
        }
        values => values,
    }
}

/// What dates and times of the new data are multiplied by to be in the unit of the old
/// ones; 1 for all else.
fn ratio((old, before): (&Recipe, &FeatureRecipe), (new, after): (&Recipe, &FeatureRecipe)) -> f64 {
    let seconds = |recipe: &Recipe, feature: &FeatureRecipe| {
        let mut columns = recipe.columns.iter();
        let column = columns.find(|column| feature.of.first() == Some(&column.name));
        let number = column.filter(|_| feature.made == Made::Number);
        number.and_then(|column| match column.arrow()? {
            // Stored as days.
            DataType::Date32 | DataType::Date64 => Some(86_400.0),
            DataType::Timestamp(unit, _) => Some(match unit {
                TimeUnit::Second => 1.0,
                TimeUnit::Millisecond => 1e-3,
                TimeUnit::Microsecond => 1e-6,
                TimeUnit::Nanosecond => 1e-9,
            }),
            _ => None,
        })
    };
    match (seconds(old, before), seconds(new, after)) {
        (Some(old), Some(new)) if old != new => new / old,
        _ => 1.0,
    }
}
