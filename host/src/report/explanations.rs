//! [`Explanations`]: why the chosen candidate predicts what it predicts, and their
//! files in the folder of results.
//!
//! | file | what |
//! | --- | --- |
//! | `permutation_importance.parquet` | by `metric` and `feature`, the most important first: `importances_mean`, `importances_std`, and `importances`, a list of those of each repeat |
//! | `partial_dependence.parquet` | by `feature` and `class` (null for numbers): `value` or `category`, and `prediction`: the mean over the rows where `row` is null, else that of the row |
//! | `importances.parquet` | by `feature`, the most important first: a column per kind |
//! | `shap.parquet` | by `row`: for each output `expected_value…`, and `contribution_…` per feature |

use std::path::Path;
use std::sync::Arc;

use arrow_array::builder::{Float64Builder, ListBuilder};
use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray, UInt64Array};
use fanout_contract::Importances;
use serde_json::{Map, Value, json};

use super::files::{EXPLANATIONS, FilesError, replace};
use crate::dataset::Grid;
use crate::model::{DrawnContributions, FeatureDependence, PartialDependence, RowWriter};
use crate::plan::SourceFormat;
use crate::reduce::PermutationImportance;

/// The most features of an explanation in JSON.
const SHOWN: usize = 100;

/// The most features whose dependence is kept in short, as many as a page draws; the most
/// points of each, and the most outputs.
const DRAWN: [usize; 3] = [6, 100, 8];

/// What the plan wants explained; each is `None` where it does not, and where the model
/// has none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Explanations {
    /// How much worse scores get when a feature is permuted.
    pub permutation_importance: Option<PermutationImportance>,
    /// Predictions by the value of a feature.
    pub partial_dependence: Option<PartialDependence>,
    /// The model's own importances.
    pub importances: Option<Importances>,
    /// What features add to the predictions of rows.
    pub shap: Option<DrawnContributions>,
}

impl Explanations {
    /// Writes their files.
    ///
    /// # Errors
    /// If one can't be written.
    pub fn write(&self, folder: &Path) -> Result<(), FilesError> {
        let [permutation, dependence, importances, shap] =
            EXPLANATIONS.map(|name| folder.join(name));
        if let Some(found) = &self.permutation_importance {
            parquet(&permutation, permutation_table(found))?;
        }
        if let Some(found) = &self.partial_dependence {
            parquet(&dependence, dependence_table(found))?;
        }
        if let Some(found) = &self.importances {
            parquet(&importances, importances_table(found))?;
        }
        if let Some(found) = &self.shap {
            parquet(&shap, found.table.clone())?;
        }
        Ok(())
    }

    /// As JSON: at most 100 features of each, the most important ones, and no single
    /// rows.
    pub(super) fn json(&self) -> Value {
        self.with_dependence(self.partial_dependence.as_ref().map(dependence_json))
    }

    /// The same in at most some 100 kB: of the partial dependences those that a page
    /// draws.
    pub(crate) fn short_json(&self) -> Value {
        let dependence = self.partial_dependence.as_ref();
        self.with_dependence(dependence.map(|found| dependence_json(&drawn(found))))
    }

    fn with_dependence(&self, dependence: Option<Value>) -> Value {
        let permutation = self.permutation_importance.as_ref();
        json!({
            "permutation_importance": permutation.map(permutation_json),
            "partial_dependence": dependence,
            "importances": self.importances.as_ref().map(importances_json),
            "shap": self.shap.as_ref().map(shap_json),
        })
    }
}

/// Writes one batch as a Parquet file.
///
/// # Errors
/// If it can't be written.
pub fn parquet(path: &Path, batch: RecordBatch) -> Result<(), FilesError> {
    replace(path, |output| {
        let mut writer = RowWriter::new(SourceFormat::Parquet, output);
        writer.write(&batch)?;
        writer.finish()
    })
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter(columns).expect("the columns have the same number of rows")
}

fn permutation_table(found: &PermutationImportance) -> RecordBatch {
    let (mut features, mut metrics) = (Vec::new(), Vec::new());
    let (mut means, mut stds) = (Vec::new(), Vec::new());
    let mut each = ListBuilder::new(Float64Builder::new());
    for (index, metric) in found.metrics.iter().enumerate() {
        for place in found.ranked(index) {
            features.push(found.features[place].as_str());
            metrics.push(metric.metric.as_str());
            means.push(metric.importances_mean[place]);
            stds.push(metric.importances_std[place]);
            each.append_value(metric.importances[place].iter().copied().map(Some));
        }
    }
    batch(vec![
        ("metric", Arc::new(StringArray::from(metrics))),
        ("feature", Arc::new(StringArray::from(features))),
        ("importances_mean", Arc::new(Float64Array::from(means))),
        ("importances_std", Arc::new(Float64Array::from(stds))),
        ("importances", Arc::new(each.finish())),
    ])
}

fn permutation_json(found: &PermutationImportance) -> Value {
    let mut places = found.ranked(0);
    places.truncate(SHOWN);
    let of = |numbers: &[f64]| -> Vec<Value> {
        places.iter().map(|&place| json!(numbers[place])).collect()
    };
    let metrics = found.metrics.iter().map(|metric| {
        let told = json!({
            "importances_mean": of(&metric.importances_mean),
            "importances_std": of(&metric.importances_std),
        });
        (metric.metric.clone(), told)
    });
    json!({
        "of": found.of,
        "n_repeats": found.n_repeats,
        "random_state": found.random_state,
        "features": places.iter().map(|&place| &found.features[place]).collect::<Vec<_>>(),
        "metrics": metrics.collect::<Map<String, Value>>(),
    })
}

/// The table of partial dependences: `feature`, `class`, `value`, `category`, `row`,
/// `prediction`.
pub fn dependence_table(found: &PartialDependence) -> RecordBatch {
    let mut features: Vec<&str> = Vec::new();
    let mut classes: Vec<Option<&str>> = Vec::new();
    let (mut values, mut categories) = (Vec::new(), Vec::new());
    let (mut rows, mut predictions) = (Vec::new(), Vec::new());
    for of in &found.features {
        for (output, class) in found.outputs.iter().enumerate() {
            let mut add = |point: usize, row: Option<u64>, prediction: f64| {
                features.push(&of.feature);
                classes.push(class.as_deref());
                let (value, category) = at(&of.grid, point);
                values.push(value);
                categories.push(category);
                rows.push(row);
                predictions.push(prediction);
            };
            let average = of.average.get(output).into_iter().flatten();
            for (point, mean) in average.enumerate() {
                add(point, None, *mean);
            }
            let individual = of.individual.get(output).into_iter().flatten();
            for (point, predicted) in individual.enumerate() {
                for (row, prediction) in found.rows.iter().zip(predicted) {
                    add(point, Some(*row), *prediction);
                }
            }
        }
    }
    batch(vec![
        ("feature", Arc::new(StringArray::from(features))),
        ("class", Arc::new(StringArray::from(classes))),
        ("value", Arc::new(Float64Array::from(values))),
        ("category", Arc::new(StringArray::from(categories))),
        ("row", Arc::new(UInt64Array::from(rows))),
        ("prediction", Arc::new(Float64Array::from(predictions))),
    ])
}

/// A point of a grid, as a number or as a category.
fn at(grid: &Grid, point: usize) -> (Option<f64>, Option<&str>) {
    match grid {
        Grid::Numbers(numbers) => (Some(numbers[point]), None),
        Grid::Categories(categories) => (None, Some(&categories[point].1)),
    }
}

/// Partial dependences as JSON, without single rows: the values of each feature, and
/// by class (`prediction` for numbers) the means there.
pub fn dependence_json(found: &PartialDependence) -> Value {
    let feature = |of: &FeatureDependence| {
        let points = 0..of.grid.len();
        let values: Vec<Value> = points
            .map(|point| match at(&of.grid, point) {
                (Some(number), _) => json!(number),
                (_, category) => json!(category),
            })
            .collect();
        let outputs = found.outputs.iter().zip(&of.average);
        let average: Map<String, Value> = outputs
            .map(|(class, means)| {
                (
                    class.as_deref().unwrap_or("prediction").into(),
                    json!(means),
                )
            })
            .collect();
        json!({"feature": of.feature, "values": values, "average": average})
    };
    let features = found.features.iter().take(SHOWN).map(feature);
    json!({
        "rows": found.rows.len(),
        "of": found.of,
        "features": features.collect::<Vec<_>>(),
    })
}

/// What a page draws: the first features and outputs, and of long grids points at even
/// distances.
fn drawn(found: &PartialDependence) -> PartialDependence {
    let [features, points, outputs] = DRAWN;
    let features = found.features.iter().take(features);
    let of = |of: &FeatureDependence| {
        let every = of.grid.len().div_ceil(points).max(1);
        let average = of.average.iter().take(outputs);
        FeatureDependence {
            feature: of.feature.clone(),
            grid: match &of.grid {
                Grid::Numbers(of) => Grid::Numbers(of.iter().copied().step_by(every).collect()),
                Grid::Categories(of) => {
                    Grid::Categories(of.iter().cloned().step_by(every).collect())
                }
            },
            average: average
                .map(|means| means.iter().copied().step_by(every).collect())
                .collect(),
            individual: Vec::new(),
        }
    };
    PartialDependence {
        rows: found.rows.clone(),
        of: found.of,
        outputs: found.outputs.iter().take(outputs).cloned().collect(),
        features: features.map(of).collect(),
    }
}

/// The places of features, the most important first, by the first kind; of equal
/// ones, in their order.
pub fn ranked(importances: &Importances) -> Vec<usize> {
    let mut places: Vec<usize> = (0..importances.features.len()).collect();
    if let Some(numbers) = importances.importances.values().next() {
        places.sort_by(|&a, &b| numbers[b].total_cmp(&numbers[a]));
    }
    places
}

/// The table of a model's importances: `feature`, and a column per kind.
pub fn importances_table(importances: &Importances) -> RecordBatch {
    let places = ranked(importances);
    let names = places
        .iter()
        .map(|&place| Some(&importances.features[place]));
    let names = Arc::new(names.collect::<StringArray>()) as ArrayRef;
    let mut columns = vec![("feature", names)];
    for (kind, numbers) in &importances.importances {
        let numbers = places.iter().map(|&place| numbers[place]);
        let numbers = Float64Array::from_iter_values(numbers);
        columns.push((kind.name(), Arc::new(numbers) as ArrayRef));
    }
    batch(columns)
}

fn importances_json(importances: &Importances) -> Value {
    let mut places = ranked(importances);
    places.truncate(SHOWN);
    let names = places.iter().map(|&place| &importances.features[place]);
    let mut told = Map::from_iter([("features".to_owned(), json!(names.collect::<Vec<_>>()))]);
    for (kind, numbers) in &importances.importances {
        let numbers: Vec<f64> = places.iter().map(|&place| numbers[place]).collect();
        told.insert(kind.name().to_owned(), json!(numbers));
    }
    told.into()
}

fn shap_json(found: &DrawnContributions) -> Value {
    let means = found.mean_absolute().into_iter().take(SHOWN);
    let means = means.map(
        |(class, feature, mean)| json!({"class": class, "feature": feature, "mean_absolute": mean}),
    );
    json!({
        "rows": found.table.num_rows(),
        "of": found.of,
        "contributions": means.collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_short_there_is_what_a_page_draws() {
        let features = (0..8).map(|feature| FeatureDependence {
            feature: format!("feature_{feature}"),
            grid: Grid::Numbers((0..250).map(f64::from).collect()),
            average: vec![(0..250).map(|point| f64::from(point) / 3.0).collect(); 12],
            individual: vec![vec![vec![0.5; 40]; 250]; 12],
        });
        let found = Explanations {
            partial_dependence: Some(PartialDependence {
                rows: (0..40).collect(),
                of: 1_000,
                outputs: (0..12).map(|class| Some(class.to_string())).collect(),
                features: features.collect(),
            }),
            ..Explanations::default()
        };
        let short = found.short_json();
        let features = short["partial_dependence"]["features"].as_array().unwrap();
        assert_eq!(features.len(), 6);
        for of in features {
            let values: Vec<f64> = (0..84).map(|point| f64::from(3 * point)).collect();
            assert_eq!(of["values"], json!(values));
            let average = of["average"].as_object().unwrap();
            assert_eq!(average.len(), 8);
            let means: Vec<f64> = values.iter().map(|value| value / 3.0).collect();
            assert!(average.values().all(|of| *of == json!(means)));
        }
        assert!(short.to_string().len() < 100_000);
        let whole = found.json();
        assert_eq!(
            whole["partial_dependence"]["features"]
                .as_array()
                .unwrap()
                .len(),
            8
        );
    }
}
