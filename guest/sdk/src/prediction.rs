//! Predictions as Parquet files: [`of_table`] of every row of a table, [`of_rows`]
//! of some.

use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int32Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;

use crate::Fault;
use crate::trainer::{Prediction, PredictionBuf};

/// Writes a column `prediction` (labels as text, or numbers) and, if there are
/// probabilities, one column `probability_<label>` per class, in the order of the
/// classes.
///
/// # Errors
/// If the predictions are not one per row, or of an unknown class.
pub(crate) fn of_table(predictions: &PredictionBuf, rows: usize) -> Result<Vec<u8>, Fault> {
    let values = predictions.as_prediction();
    to_parquet(None, rows, &predictions.classes, values)
}

/// The same, preceded by a column `row` with the indices `rows` of the rows that
/// are predicted. `classes` are none for numbers.
///
/// # Errors
/// As [`of_table`].
pub(crate) fn of_rows(
    rows: &[u32],
    classes: &[String],
    values: Prediction<'_>,
) -> Result<Vec<u8>, Fault> {
    let numbers: Vec<i32> = rows.iter().map(|&row| row as i32).collect();
    to_parquet(Some(&numbers), rows.len(), classes, values)
}

fn to_parquet(
    numbers: Option<&[i32]>,
    rows: usize,
    classes: &[String],
    values: Prediction<'_>,
) -> Result<Vec<u8>, Fault> {
    if values.rows(classes.len()) != Some(rows) {
        return Err(Fault::Failed(format!(
            "the trainer did not give one prediction for each of {rows} rows"
        )));
    }
    let written = match values {
        Prediction::Numbers(predicted) => write(numbers, &[], Column::Numbers(predicted), &[]),
        _ => {
            let mut labels = Vec::with_capacity(rows);
            for class in values.classes(classes.len()).iter() {
                let label = classes.get(*class as usize).ok_or_else(|| {
                    Fault::Failed(format!(
                        "the trainer predicted class {class}, but there are {} classes",
                        classes.len()
                    ))
                })?;
                labels.push(ByteArray::from(label.as_str()));
            }
            let probabilities: Vec<Vec<f64>> = match values {
                Prediction::Binary(ones) => {
                    vec![ones.iter().map(|p| 1.0 - p).collect(), ones.to_vec()]
                }
                Prediction::Multiclass(table) => (0..classes.len())
                    .map(|class| {
                        table
                            .iter()
                            .skip(class)
                            .step_by(classes.len())
                            .copied()
                            .collect()
                    })
                    .collect(),
                Prediction::Classes(_) | Prediction::Numbers(_) => Vec::new(),
            };
            write(numbers, classes, Column::Labels(&labels), &probabilities)
        }
    };
    written.map_err(|error| Fault::Failed(format!("the predictions can't be written: {error}")))
}

enum Column<'a> {
    Labels(&'a [ByteArray]),
    Numbers(&'a [f64]),
}

fn write(
    rows: Option<&[i32]>,
    classes: &[String],
    prediction: Column<'_>,
    probabilities: &[Vec<f64>],
) -> Result<Vec<u8>, ParquetError> {
    let double = |name: &str| {
        let column = Type::primitive_type_builder(name, Physical::DOUBLE);
        column.with_repetition(Repetition::REQUIRED).build()
    };
    let first = match prediction {
        Column::Numbers(_) => double("prediction")?,
        Column::Labels(_) => Type::primitive_type_builder("prediction", Physical::BYTE_ARRAY)
            .with_repetition(Repetition::REQUIRED)
            .with_logical_type(Some(LogicalType::String))
            .build()?,
    };
    let mut fields = Vec::new();
    if rows.is_some() {
        let row = Type::primitive_type_builder("row", Physical::INT32);
        fields.push(Arc::new(row.with_repetition(Repetition::REQUIRED).build()?));
    }
    fields.push(Arc::new(first));
    for (label, _) in classes.iter().zip(probabilities) {
        fields.push(Arc::new(double(&format!("probability_{label}"))?));
    }
    let schema = Type::group_type_builder("schema")
        .with_fields(fields)
        .build()?;
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .build();
    let mut writer = SerializedFileWriter::new(Vec::new(), Arc::new(schema), Arc::new(properties))?;
    let mut group = writer.next_row_group()?;
    if let Some(rows) = rows
        && let Some(mut column) = group.next_column()?
    {
        column.typed::<Int32Type>().write_batch(rows, None, None)?;
        column.close()?;
    }
    let mut columns = probabilities.iter();
    let mut first = Some(prediction);
    while let Some(mut column) = group.next_column()? {
        match first.take() {
            Some(Column::Labels(labels)) => column
                .typed::<ByteArrayType>()
                .write_batch(labels, None, None)?,
            Some(Column::Numbers(numbers)) => column
                .typed::<DoubleType>()
                .write_batch(numbers, None, None)?,
            None => {
                let numbers = columns.next().map_or(&[][..], Vec::as_slice);
                column
                    .typed::<DoubleType>()
                    .write_batch(numbers, None, None)?
            }
        };
        column.close()?;
    }
    group.close()?;
    writer.into_inner()
}
