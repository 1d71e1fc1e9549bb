//! [`DrawnContributions`]: what each feature adds to the predictions of drawn rows.

use arrow_array::cast::AsArray as _;
use arrow_array::types::Float64Type;
use arrow_array::{ArrayRef, RecordBatch, UInt64Array};
use arrow_schema::{DataType, Field};
use arrow_select::concat::concat_batches;
use std::sync::Arc;

use super::predictions::whole;
use super::{PredictError, PredictionTable, Predictor};
use crate::dataset::DrawnRows;
use crate::task::TaskFault;

/// Rows that a guest explains at once.
const ROWS_AT_ONCE: usize = 1024;

/// What each feature adds to the predictions of rows: exact SHAP values of trees.
#[derive(Clone, Debug, PartialEq)]
pub struct DrawnContributions {
    /// A column `row`, the indices of the rows among all, and for each output of the
    /// model `expected_value…` and one `contribution_…` per feature.
    pub table: RecordBatch,
    /// The number of all rows.
    pub of: u64,
}

impl DrawnContributions {
    /// Those of the drawn rows.
    ///
    /// # Errors
    /// If the guest fails, or its trainer can't tell.
    pub fn new(predictor: &Predictor<'_>, rows: &DrawnRows) -> Result<Self, PredictError> {
        let jobs = rows.len().div_ceil(ROWS_AT_ONCE);
        let made = predictor.each(jobs, |instance, job| {
            let start = job * ROWS_AT_ONCE;
            let part = start..(start + ROWS_AT_ONCE).min(rows.len());
            let count = part.len();
            let indices = UInt64Array::from(rows.rows[part.clone()].to_vec());
            let bytes = instance.explain(&rows.table(part)?);
            let bytes = bytes.map_err(PredictError::Guest)?;
            let told = whole(&bytes.into(), count);
            let told = told.and_then(|answer| PredictionTable::contributions(&answer));
            let malformed = |message| PredictError::Guest(TaskFault::MalformedAnswer { message });
            let field = Field::new("row", DataType::UInt64, false);
            let told = told.map_err(malformed)?;
            Ok(told.behind(vec![(field, Arc::new(indices) as ArrayRef)]))
        })?;
        let schema = made[0].schema();
        let table = concat_batches(&schema, &made).map_err(|error| {
            let message = format!("contributions of different columns: {error}");
            PredictError::Guest(TaskFault::MalformedAnswer { message })
        })?;
        Ok(Self { table, of: rows.of })
    }

    /// By output of the model (`None` for numbers) and feature: the mean of the absolute
    /// contributions over the rows, the greatest first.
    pub fn mean_absolute(&self) -> Vec<(Option<String>, String, f64)> {
        let schema = self.table.schema();
        let mut means = Vec::with_capacity(self.table.num_columns());
        // The expected value of an output stands before its contributions.
        let mut output: Option<String> = None;
        for (field, column) in schema.fields().iter().zip(self.table.columns()) {
            if let Some(label) = field.name().strip_prefix("expected_value") {
                output = label.strip_prefix('_').map(ToOwned::to_owned);
            }
            let name = field.name().strip_prefix("contribution_");
            let name = name.and_then(|name| match &output {
                None => Some(name),
                Some(label) => name.strip_prefix(label.as_str())?.strip_prefix('_'),
            });
            let values = column.as_primitive_opt::<Float64Type>();
            if let (Some(name), Some(values)) = (name, values) {
                let values = values.values();
                let sum: f64 = values.iter().map(|value| value.abs()).sum();
                let mean = sum / values.len().max(1) as f64;
                means.push((output.clone(), name.to_owned(), mean));
            }
        }
        means.sort_by(|a, b| b.2.total_cmp(&a.2));
        means
    }
}
