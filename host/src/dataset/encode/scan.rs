//! What is read of single columns before a source is encoded.

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_cast::cast;
use arrow_schema::DataType;

use super::StreamError;
use super::storage::{storage_type, to_storage};
use crate::dataset::category::CategoryEncoder;
use crate::dataset::source::{BatchError, Source};

/// The values of a column, each once.
pub(super) fn all_labels(
    source: &Source,
    column: usize,
    batch: usize,
) -> Result<Vec<String>, StreamError> {
    let kind = &source.columns()[column].data_type;
    let mut categories = CategoryEncoder::default();
    for batch in source.batches(&[column], batch) {
        let batch = batch?;
        let original = batch.column(0);
        if let Some(values) = to_storage(original, kind) {
            categories.encode(&values, original);
        }
    }
    let labels = categories.labels();
    Ok(labels.iter().map(ToString::to_string).collect())
}

/// Whether a column holds a number that is not whole.
pub(in crate::dataset) fn has_fractions(
    source: &Source,
    column: usize,
    batch: usize,
) -> Result<bool, BatchError> {
    let stored = storage_type(&source.columns()[column].data_type);
    if !matches!(stored, Some(DataType::Float32 | DataType::Float64)) {
        return Ok(false);
    }
    for batch in source.batches(&[column], batch) {
        let batch = batch?;
        let values = cast(batch.column(0), &DataType::Float64).expect("reals are cast to reals");
        let values = values.as_primitive::<Float64Type>();
        let mut values = values.iter().flatten();
        if values.any(|value| value.is_finite() && value.fract() != 0.0) {
            return Ok(true);
        }
    }
    Ok(false)
}
