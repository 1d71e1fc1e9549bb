//! [`PredictionTable`]: what a guest predicts of a batch of rows, checked, as the
//! columns that users get.

use std::sync::Arc;

use ::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use arrow_array::cast::AsArray as _;
use arrow_array::types::Float64Type;
use arrow_array::{Array as _, ArrayRef, Float64Array, RecordBatch, StringArray};
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use arrow_select::concat::concat_batches;
use bytes::Bytes;

use super::{ModelHead, ModelTarget};
use crate::guard::guarded;

/// The columns that are predicted.
#[derive(Clone, Debug)]
pub struct Columns {
    /// The labels of the classes; empty for numbers.
    classes: Vec<String>,
    /// The type of the labels in the training data.
    labels: DataType,
    /// Whether probabilities are wanted.
    probabilities: bool,
    /// The positive class and the probability, or else the decision, from which on it is
    /// predicted.
    threshold: Option<(usize, f64)>,
}

impl Columns {
    /// Those of a model.
    pub fn new(head: &ModelHead, probabilities: bool) -> Self {
        let target = &head.target;
        let place = |label: &str| target.classes.iter().position(|class| class == label);
        let positive = target.positive().and_then(place);
        // What can't be written as the type of the training data stays a text.
        let labels = head.recipe.target.arrow();
        let labels = labels.filter(|kind| kind.is_integer() || *kind == DataType::Boolean);
        let texts: StringArray = target.classes.iter().map(Some).collect();
        let labels = labels.filter(|kind| strict(&(Arc::new(texts) as ArrayRef), kind).is_some());
        Self {
            classes: target.classes.clone(),
            labels: labels.unwrap_or(DataType::Utf8),
            probabilities,
            threshold: positive.zip(target.threshold),
        }
    }

    /// Whether the labels of the classes are texts, not integers or truth values.
    pub(super) fn labels_are_texts(&self) -> bool {
        self.labels == DataType::Utf8
    }
}

/// The predictions of a batch of rows, or what features add to them.
#[derive(Clone, Debug)]
pub struct PredictionTable {
    /// The columns, with their names.
    pub columns: Vec<(Field, ArrayRef)>,
}

impl PredictionTable {
    /// Reads what a guest answered, as [`whole`] gives it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn read(found: &RecordBatch, wanted: &Columns) -> Result<Self, String> {
        let numbers = |name: &str| {
            let column = found.column_by_name(name)?;
            column.as_primitive_opt::<Float64Type>().cloned()
        };
        let double = |name: String, values: Float64Array| {
            let field = Field::new(name, DataType::Float64, false);
            (field, Arc::new(values) as ArrayRef)
        };
        let lacking = |name: &str| format!("no column `{name}` of numbers");
        if wanted.classes.is_empty() {
            let values = numbers("prediction").ok_or_else(|| lacking("prediction"))?;
            return Ok(Self {
                columns: vec![double("prediction".to_owned(), values)],
            });
        }
        let named = |class: &String| {
            let name = format!("probability_{class}");
            let values = numbers(&name)?;
            Some((name, values))
        };
        let mut predicted = match found.column_by_name("prediction") {
            Some(column) => column.clone(),
            None => return Err("no column `prediction`".to_owned()),
        };
        if let Some((positive, threshold)) = wanted.threshold {
            let name = format!("probability_{}", wanted.classes[positive]);
            // Without probabilities, decisions for the second class.
            let decided = || {
                let values = numbers(&format!("decision_{}", wanted.classes[1]))?;
                let sign = if positive == 1 { 1.0 } else { -1.0 };
                Some(values.iter().map(|value| Some(sign * value?)).collect())
            };
            let ones: Option<Float64Array> = numbers(&name).or_else(decided);
            let ones = ones.ok_or_else(|| lacking(&name))?;
            let label = |one: Option<f64>| {
                let is_positive = one.is_some_and(|one| one >= threshold);
                let class = if is_positive { positive } else { 1 - positive };
                Some(wanted.classes[class].as_str())
            };
            predicted = Arc::new(ones.iter().map(label).collect::<StringArray>());
        }
        let texts = cast_with_options(&predicted, &DataType::Utf8, &CastOptions::default());
        let texts = texts.map_err(|error| error.to_string())?;
        let is_class = |label: Option<&str>| {
            label.is_some_and(|label| wanted.classes.iter().any(|class| class == label))
        };
        if !texts.as_string::<i32>().iter().all(is_class) {
            return Err("a prediction that is no class".to_owned());
        }
        let labels = strict(&texts, &wanted.labels).ok_or("a prediction that is no class")?;
        let field = Field::new("prediction", wanted.labels.clone(), false);
        let mut columns = vec![(field, labels)];
        if wanted.probabilities {
            for class in &wanted.classes {
                let (name, values) =
                    named(class).ok_or_else(|| lacking(&format!("probability_{class}")))?;
                columns.push(double(name, values));
            }
        }
        Ok(Self { columns })
    }

    /// Reads all that a guest answered; classes as texts.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn outputs(found: &RecordBatch) -> Result<Self, String> {
        let schema = found.schema();
        let columns = schema.fields().iter().zip(found.columns());
        let columns = columns.map(|(field, values)| {
            let kind = match values.data_type() {
                DataType::Float64 => DataType::Float64,
                _ => DataType::Utf8,
            };
            let values = cast_with_options(values, &kind, &CastOptions::default());
            let values = values.map_err(|error| error.to_string())?;
            Ok((Field::new(field.name(), kind, true), values))
        });
        Ok(Self {
            columns: columns.collect::<Result<_, String>>()?,
        })
    }

    /// Reads what a guest answered for the contributions of rows: columns of numbers.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn contributions(found: &RecordBatch) -> Result<Self, String> {
        let schema = found.schema();
        let columns = schema.fields().iter().zip(found.columns());
        let columns = columns.map(|(field, values)| {
            let name = field.name();
            let is_expected = ["expected_value", "contribution_"]
                .iter()
                .any(|start| name.starts_with(start));
            if !is_expected || *field.data_type() != DataType::Float64 || values.null_count() > 0 {
                return Err("a column that is no contribution".to_owned());
            }
            let field = Field::new(name, DataType::Float64, false);
            Ok((field, ArrayRef::clone(values)))
        });
        Ok(Self {
            columns: columns.collect::<Result<_, _>>()?,
        })
    }

    /// The columns behind others, as a batch. The schema is the same for all batches
    /// of one source and model.
    pub fn behind(self, mut columns: Vec<(Field, ArrayRef)>) -> RecordBatch {
        columns.extend(self.columns);
        let (fields, arrays): (Vec<Field>, Vec<ArrayRef>) = columns.into_iter().unzip();
        let schema: SchemaRef = Schema::new(fields).into();
        RecordBatch::try_new(schema, arrays).expect("the columns have the same number of rows")
    }
}

/// By output of a model, its numbers for `rows` rows, of what a guest returned: the
/// prediction of numbers; the probabilities of the positive of two classes, or of each
/// class; where there are none, the decisions. `None` if there are neither.
///
/// # Errors
/// What is wrong with it.
pub(super) fn responses(
    bytes: &Bytes,
    rows: usize,
    target: &ModelTarget,
) -> Result<Option<Vec<Vec<f64>>>, String> {
    let found = whole(bytes, rows)?;
    let numbers = |name: &str| {
        let column = found.column_by_name(name)?;
        let column = column.as_primitive_opt::<Float64Type>()?;
        Some(column.values().to_vec())
    };
    let classes = &target.classes;
    let all = |what: &str, classes: &[String]| -> Option<Vec<Vec<f64>>> {
        let names = classes.iter().map(|class| format!("{what}_{class}"));
        names.map(|name| numbers(&name)).collect()
    };
    match (classes.as_slice(), target.positive()) {
        ([], _) => match numbers("prediction") {
            Some(numbers) => Ok(Some(vec![numbers])),
            None => Err("no column `prediction` of numbers".to_owned()),
        },
        ([_, second], Some(positive)) => {
            let probabilities = numbers(&format!("probability_{positive}"));
            let decisions = || {
                let mut values = numbers(&format!("decision_{second}"))?;
                if positive != second {
                    values.iter_mut().for_each(|value| *value = -*value);
                }
                Some(values)
            };
            Ok(probabilities.or_else(decisions).map(|values| vec![values]))
        }
        _ => Ok(all("probability", classes).or_else(|| all("decision", classes))),
    }
}

/// What a guest returned for so many rows, a Parquet file, as one batch.
///
/// # Errors
/// What is wrong with it.
pub(super) fn whole(bytes: &Bytes, rows: usize) -> Result<RecordBatch, String> {
    let read = || {
        let reader = ParquetRecordBatchReaderBuilder::try_new(bytes.clone());
        let reader = reader.and_then(|reader| reader.with_batch_size(rows.max(1)).build());
        let reader = reader.map_err(|error| error.to_string())?;
        let schema = arrow_array::RecordBatchReader::schema(&reader);
        let batches: Result<Vec<RecordBatch>, _> = reader.collect();
        let whole = batches.and_then(|batches| concat_batches(&schema, &batches));
        whole.map_err(|error| error.to_string())
    };
    let found = guarded(read, |why| why)?;
    match found.num_rows() == rows {
        true => Ok(found),
        false => Err(format!("{} rows, not {rows}", found.num_rows())),
    }
}

/// The values as another type; `None` if one has no such value.
fn strict(values: &ArrayRef, to: &DataType) -> Option<ArrayRef> {
    let options = CastOptions {
        safe: false,
        ..CastOptions::default()
    };
    let cast = cast_with_options(values, to, &options).ok()?;
    (cast.null_count() == values.null_count()).then_some(cast)
}
