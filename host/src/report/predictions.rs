//! [`write()`]: predictions of known rows as a file: CSV, Parquet or Arrow IPC.
//!
//! | column | what |
//! | --- | --- |
//! | `row` | the row's number in the dataset, from 0 |
//! | `split` | the split that the row was a test row of, from 0; `holdout` for a row that was held out |
//! | `target` | what is to be predicted: a label, or a number |
//! | `prediction` | what is predicted: likewise |
//! | `decision_<label>` | for trainers that decide otherwise than by probabilities; one for two classes |
//! | `probability_<label>` | for trainers that have probabilities |

use std::io;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::ArrowError;
use fanout_sdk::{PredictionValues, Target};

use super::files::{FilesError, replace};
use crate::model::RowWriter;
use crate::plan::SourceFormat;
use crate::worth::PredictedRows;

/// The name of the split of rows that were held out.
const HOLDOUT: &str = "holdout";

/// Writes the predictions of the splits of a search and those of the hold-out rows
/// into one file.
pub fn write(
    path: &Path,
    format: SourceFormat,
    out_of_fold: &PredictedRows,
    holdout: Option<&PredictedRows>,
) -> Result<(), FilesError> {
    replace(path, |output| {
        let held_out = holdout.map(|rows| batch(rows, Some(HOLDOUT)));
        let mut writer = RowWriter::new(format, output);
        for batch in std::iter::once(batch(out_of_fold, None)).chain(held_out) {
            writer.write(&batch.map_err(io::Error::other)?)?;
        }
        writer.finish()
    })
}

/// The table of some predictions. `split` is the name of all of their splits, where
/// these have one.
fn batch(rows: &PredictedRows, split: Option<&str>) -> Result<RecordBatch, ArrowError> {
    let classes = rows.target.classes();
    let labels = |codes: &mut dyn Iterator<Item = u32>| -> ArrayRef {
        let labels = codes.map(|code| classes[code as usize].as_str());
        Arc::new(StringArray::from_iter_values(labels))
    };
    let numbers = |numbers: &[f64]| -> ArrayRef { Arc::new(Float64Array::from(numbers.to_vec())) };
    let splits = rows.splits.iter().map(|number| match split {
        Some(name) => name.to_owned(),
        None => number.to_string(),
    });
    let target = match &rows.target {
        Target::Classes { codes, .. } => labels(&mut codes.iter().copied()),
        Target::Numbers(truth) => numbers(truth),
    };
    let prediction = match &rows.predicted.values {
        PredictionValues::Numbers(predicted) => numbers(predicted),
        _ => {
            let predicted = rows.prediction().classes(classes.len());
            labels(&mut predicted.iter().copied())
        }
    };
    let row = rows.rows.iter().map(|row| i64::from(*row));
    let mut columns: Vec<(String, ArrayRef)> = vec![
        (
            "row".to_owned(),
            Arc::new(Int64Array::from_iter_values(row)),
        ),
        (
            "split".to_owned(),
            Arc::new(StringArray::from_iter_values(splits)),
        ),
        ("target".to_owned(), target),
        ("prediction".to_owned(), prediction),
    ];
    if matches!(rows.predicted.values, PredictionValues::Decisions { .. }) {
        let decided = match classes.len() {
            2 => 1..2,
            all => 0..all,
        };
        for class in decided {
            let name = format!("decision_{}", classes[class]);
            columns.extend(rows.decisions(class).map(|of| (name, numbers(&of))));
        }
    }
    for (class, label) in classes.iter().enumerate() {
        let name = format!("probability_{label}");
        columns.extend(rows.probabilities(class).map(|of| (name, numbers(&of))));
    }
    RecordBatch::try_from_iter(columns)
}
