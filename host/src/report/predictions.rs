//! [`write()`]: predictions as a table, in the format that the file's ending names.
//!
//! | column | what |
//! | --- | --- |
//! | `row` | the row's number in the dataset, from 0 |
//! | `split` | the split that the row was a test row of, from 0; `holdout` for a row that was held out |
//! | `target` | what is to be predicted: a label, or a number |
//! | `prediction` | what is predicted: likewise |
//! | `decision_<label>` | for trainers that decide otherwise than by probabilities; one for two classes |
//! | `probability_<label>` | for trainers that have probabilities |

use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow_ipc::writer::FileWriter;
use arrow_schema::ArrowError;
use fanout_sdk::{PredictionValues, Target};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

use super::files::{FilesError, Output, replace, write_csv_cell};
use crate::worth::PredictedRows;

/// The name of the split of rows that were held out.
const HOLDOUT: &str = "holdout";

/// A format of tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Parquet.
    Parquet,
    /// CSV.
    Csv,
    /// Arrow's file of IPC messages, called Feather, too.
    Arrow,
}

impl Format {
    /// The format that a file's ending names: `.parquet`, `.csv`, `.arrow`, `.ipc` or
    /// `.feather`; `None` for another.
    pub fn of(path: &Path) -> Option<Self> {
        let ending = path.extension()?.to_str()?.to_lowercase();
        Some(match ending.as_str() {
            "parquet" | "pq" => Self::Parquet,
            "csv" => Self::Csv,
            "arrow" | "ipc" | "feather" => Self::Arrow,
            _ => return None,
        })
    }
}

/// Writes the predictions of the splits of a search and those of the hold-out rows
/// into one file.
pub fn write(
    path: &Path,
    format: Format,
    out_of_fold: &PredictedRows,
    holdout: Option<&PredictedRows>,
) -> Result<(), FilesError> {
    replace(path, |output| {
        let held_out = holdout.map(|rows| batch(rows, Some(HOLDOUT)));
        let batches = std::iter::once(batch(out_of_fold, None)).chain(held_out);
        let batches: Result<Vec<RecordBatch>, ArrowError> = batches.collect();
        let batches = batches.map_err(io::Error::other)?;
        match format {
            Format::Parquet => parquet(&batches, output),
            Format::Csv => csv(&batches, output),
            Format::Arrow => arrow(&batches, output).map_err(io::Error::other),
        }
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

pub(super) fn parquet(batches: &[RecordBatch], output: &mut Output) -> io::Result<()> {
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .build();
    let mut writer = ArrowWriter::try_new(output, batches[0].schema(), Some(properties))?;
    for batch in batches {
        writer.write(batch)?;
    }
    writer.close()?;
    Ok(())
}

fn arrow(batches: &[RecordBatch], output: &mut Output) -> Result<(), ArrowError> {
    let mut writer = FileWriter::try_new(output, &batches[0].schema())?;
    for batch in batches {
        writer.write(batch)?;
    }
    writer.finish()
}

fn csv(batches: &[RecordBatch], output: &mut Output) -> io::Result<()> {
    let schema = batches[0].schema();
    for (index, field) in schema.fields().iter().enumerate() {
        write_csv_cell(field.name().as_bytes(), index, output)?;
    }
    output.write_all(b"\n")?;
    let mut cell = Vec::new();
    for batch in batches {
        for row in 0..batch.num_rows() {
            for (index, column) in batch.columns().iter().enumerate() {
                cell.clear();
                push_text(column, row, &mut cell)?;
                write_csv_cell(&cell, index, output)?;
            }
            output.write_all(b"\n")?;
        }
    }
    Ok(())
}

/// A value as text: numbers in the shortest form that reads back as the same.
fn push_text(column: &ArrayRef, row: usize, text: &mut Vec<u8>) -> io::Result<()> {
    if let Some(labels) = column.as_string_opt::<i32>() {
        text.extend_from_slice(labels.value(row).as_bytes());
        return Ok(());
    }
    match column.as_primitive_opt::<Float64Type>() {
        Some(numbers) => match numbers.value(row) {
            value if value.is_finite() => Ok(serde_json::to_writer(text, &value)?),
            value => write!(text, "{value}"),
        },
        None => {
            let whole = column.as_primitive::<Int64Type>();
            write!(text, "{}", whole.value(row))
        }
    }
}
