//! Predictions as Parquet files: [`of_table`] of every row of a table, [`of_rows`]
//! of some.

use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int32Type};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;

use crate::Fault;
use crate::trainer::{Prediction, PredictionBuf};

/// Writes a column `prediction` (labels as text, or numbers); if there are
/// decisions, one column `decision_<label>` per class, or of the second of two; and if
/// there are probabilities, one column `probability_<label>` per class. Classes are in
/// their order.
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

/// Columns of numbers with their names, of the same number of rows.
///
/// # Errors
/// If the file can't be written.
pub(crate) fn of_columns(columns: &[(String, Vec<f64>)]) -> Result<Vec<u8>, Fault> {
    write(None, None, columns).map_err(cannot_write)
}

fn cannot_write(error: ParquetError) -> Fault {
    Fault::Failed(format!("the predictions can't be written: {error}"))
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
        Prediction::Numbers(predicted) => write(numbers, Some(Column::Numbers(predicted)), &[]),
        _ => {
            let known: Vec<_> = classes
                .iter()
                .map(|it| ByteArray::from(it.as_str()))
                .collect();
            let mut labels = Vec::with_capacity(rows);
            for class in values.classes(classes.len()).iter() {
                let label = known.get(*class as usize).ok_or_else(|| {
                    Fault::Failed(format!(
                        "the trainer predicted class {class}, but there are {} classes",
                        classes.len()
                    ))
                })?;
                labels.push(label.clone());
            }
            let mut scores = Scores::default();
            match values {
                Prediction::Binary(ones) => scores.add_probabilities(classes, ones),
                Prediction::Multiclass(table) => scores.add("probability", classes, table),
                Prediction::Decisions {
                    values,
                    probabilities,
                    ..
                } => {
                    let decided = if classes.len() == 2 {
                        &classes[1..]
                    } else {
                        classes
                    };
                    scores.add("decision", decided, values);
                    if let Some(probabilities) = probabilities {
                        scores.add_probabilities(classes, probabilities);
                    }
                }
                Prediction::Classes(_) | Prediction::Numbers(_) => {}
            }
            write(numbers, Some(Column::Labels(&labels)), &scores.0)
        }
    };
    written.map_err(cannot_write)
}

/// Columns of numbers with their names.
#[derive(Default)]
struct Scores(Vec<(String, Vec<f64>)>);

impl Scores {
    /// Columns of a table of shape (rows, labels), row-major.
    fn add(&mut self, what: &str, labels: &[String], table: &[f64]) {
        let columns = labels.iter().enumerate().map(|(at, label)| {
            let column = table.iter().skip(at).step_by(labels.len());
            (format!("{what}_{label}"), column.copied().collect())
        });
        self.0.extend(columns);
    }

    /// Columns of probabilities: of class 1 of two, or of shape (rows, classes).
    fn add_probabilities(&mut self, classes: &[String], table: &[f64]) {
        if classes.len() == 2 {
            let zeros = table.iter().map(|one| 1.0 - one).collect();
            for (class, column) in classes.iter().zip([zeros, table.to_vec()]) {
                self.0.push((format!("probability_{class}"), column));
            }
        } else {
            self.add("probability", classes, table);
        }
    }
}

enum Column<'a> {
    Labels(&'a [ByteArray]),
    Numbers(&'a [f64]),
}

fn write(
    rows: Option<&[i32]>,
    prediction: Option<Column<'_>>,
    scores: &[(String, Vec<f64>)],
) -> Result<Vec<u8>, ParquetError> {
    let double = |name: &str| {
        let column = Type::primitive_type_builder(name, Physical::DOUBLE);
        column.with_repetition(Repetition::REQUIRED).build()
    };
    let mut fields = Vec::new();
    if rows.is_some() {
        let row = Type::primitive_type_builder("row", Physical::INT32);
        fields.push(Arc::new(row.with_repetition(Repetition::REQUIRED).build()?));
    }
    match prediction {
        Some(Column::Numbers(_)) => fields.push(Arc::new(double("prediction")?)),
        Some(Column::Labels(_)) => {
            let labels = Type::primitive_type_builder("prediction", Physical::BYTE_ARRAY)
                .with_repetition(Repetition::REQUIRED)
                .with_logical_type(Some(LogicalType::String));
            fields.push(Arc::new(labels.build()?));
        }
        None => {}
    }
    for (name, _) in scores {
        fields.push(Arc::new(double(name)?));
    }
    let schema = Type::group_type_builder("schema")
        .with_fields(fields)
        .build()?;
    let properties = WriterProperties::builder();
    let properties = match (rows, &prediction) {
        // A store keeps it.
        (Some(_), _) => properties.set_compression(Compression::SNAPPY),
        // The host reads it at once: a dictionary of many numbers costs more than it saves.
        (None, prediction) => {
            let labels = matches!(prediction, Some(Column::Labels(_)));
            properties
                .set_statistics_enabled(EnabledStatistics::None)
                .set_dictionary_enabled(false)
                .set_column_dictionary_enabled("prediction".into(), labels)
        }
    };
    let properties = Arc::new(properties.build());
    let mut writer = SerializedFileWriter::new(Vec::new(), Arc::new(schema), properties)?;
    let mut group = writer.next_row_group()?;
    if let Some(rows) = rows
        && let Some(mut column) = group.next_column()?
    {
        column.typed::<Int32Type>().write_batch(rows, None, None)?;
        column.close()?;
    }
    let mut columns = scores.iter();
    let mut first = prediction;
    while let Some(mut column) = group.next_column()? {
        match first.take() {
            Some(Column::Labels(labels)) => column
                .typed::<ByteArrayType>()
                .write_batch(labels, None, None)?,
            Some(Column::Numbers(numbers)) => column
                .typed::<DoubleType>()
                .write_batch(numbers, None, None)?,
            None => {
                let numbers = columns
                    .next()
                    .map_or(&[][..], |(_, numbers)| numbers.as_slice());
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

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::RowAccessor;

    use super::*;

    /// The names of the columns of numbers, and their values by row.
    fn numbers(labels: &[&str], values: Prediction<'_>) -> (Vec<String>, Vec<Vec<f64>>) {
        let labels: Vec<String> = labels.iter().map(|label| (*label).to_owned()).collect();
        let file: Bytes = of_rows(&[3, 5], &labels, values).unwrap().into();
        let reader = SerializedFileReader::new(file).unwrap();
        let mut names = Vec::new();
        let rows = reader.get_row_iter(None).unwrap().map(|row| {
            let row = row.unwrap();
            names = row
                .get_column_iter()
                .skip(2)
                .map(|(name, _)| name.clone())
                .collect();
            (2..row.len())
                .map(|at| row.get_double(at).unwrap())
                .collect()
        });
        let rows = rows.collect();
        (names, rows)
    }

    #[test]
    fn decisions_are_columns_beside_probabilities() {
        let two = Prediction::Decisions {
            classes: &[0, 1],
            values: &[-1.5, 0.25],
            probabilities: Some(&[0.125, 0.75]),
        };
        let (names, rows) = numbers(&["no", "yes"], two);
        assert_eq!(names, ["decision_yes", "probability_no", "probability_yes"]);
        assert_eq!(rows, [[-1.5, 0.875, 0.125], [0.25, 0.25, 0.75]]);
        let absent = f64::NEG_INFINITY;
        let three = Prediction::Decisions {
            classes: &[2, 0],
            values: &[0.5, absent, 1.5, 2.5, absent, -0.5],
            probabilities: None,
        };
        let (names, rows) = numbers(&["a", "b", "c"], three);
        assert_eq!(names, ["decision_a", "decision_b", "decision_c"]);
        assert_eq!(rows, [[0.5, absent, 1.5], [2.5, absent, -0.5]]);
    }
}
