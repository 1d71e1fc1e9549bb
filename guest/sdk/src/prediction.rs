//! [`to_parquet`]: predictions as a Parquet file.

use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType};
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
pub(crate) fn to_parquet(predictions: &PredictionBuf, rows: usize) -> Result<Vec<u8>, Fault> {
    let classes = &predictions.classes;
    let values = predictions.as_prediction();
    if values.rows(classes.len()) != Some(rows) {
        return Err(Fault::Failed(format!(
            "the trainer did not give one prediction for each of {rows} rows"
        )));
    }
    let written = match values {
        Prediction::Numbers(numbers) => write(&[], Column::Numbers(numbers), &[]),
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
            write(classes, Column::Labels(&labels), &probabilities)
        }
    };
    written.map_err(|error| Fault::Failed(format!("the predictions can't be written: {error}")))
}

enum Column<'a> {
    Labels(&'a [ByteArray]),
    Numbers(&'a [f64]),
}

fn write(
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
    let mut fields = vec![Arc::new(first)];
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
