//! What is read of single columns before a source is encoded.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array as _, ArrayRef};
use arrow_cast::cast;
use arrow_schema::DataType;

use super::StreamError;
use super::storage::{present, storage_type, to_storage};
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

/// The rows of a source that a dataset has, with the values of one column.
#[derive(Debug, Default)]
pub(in crate::dataset) struct Keys {
    /// The number of rows.
    pub(in crate::dataset) rows: usize,
    /// By row: a key in the order of the column's values, the least where there is none.
    /// Empty without a column.
    pub(in crate::dataset) keys: Vec<i64>,
}

/// Counts the rows of a source, and reads the order of those by the values of `column`,
/// numbers or times. With `target`, rows without a value there are left out.
pub(in crate::dataset) fn keys(
    source: &Source,
    column: Option<usize>,
    target: Option<usize>,
    batch: usize,
) -> Result<Keys, BatchError> {
    let mut found = Keys::default();
    let mut projection: Vec<usize> = column.into_iter().chain(target).collect();
    if projection.is_empty() {
        projection.push(0);
    }
    projection.sort_unstable();
    projection.dedup();
    for batch in source.batches(&projection, batch) {
        let batch = batch?;
        let stored = |column: usize| {
            let place = projection.binary_search(&column).unwrap_or_default();
            // What can't be stored is told when the source is encoded.
            to_storage(batch.column(place), &source.columns()[column].data_type)
        };
        let kept = match target.and_then(stored) {
            Some(values) => present(&values),
            None => vec![true; batch.num_rows()],
        };
        found.rows += kept.iter().filter(|kept| **kept).count();
        let Some(values) = column.and_then(stored) else {
            continue;
        };
        let keys = ordered(&values);
        let keys = keys.into_iter().zip(kept);
        found
            .keys
            .extend(keys.filter_map(|(key, kept)| kept.then_some(key)));
    }
    Ok(found)
}

/// Whether each value of a column of the type `kind` is there, as a target.
pub(in crate::dataset) fn with_value(column: &ArrayRef, kind: &DataType) -> Vec<bool> {
    match to_storage(column, kind) {
        Some(values) => present(&values),
        None => vec![true; column.len()],
    }
}

/// Keys in the order of numbers.
fn ordered(values: &ArrayRef) -> Vec<i64> {
    let there = present(values);
    let keys: Vec<i64> = match values.data_type() {
        DataType::Float32 | DataType::Float64 => {
            let reals = cast(values, &DataType::Float64).expect("reals are cast to reals");
            let bits = reals.as_primitive::<Float64Type>().values().iter();
            // The bits of positive numbers are in their order, those of others reversed.
            bits.map(|real| (real + 0.0).to_bits() as i64)
                .map(|bits| bits ^ (((bits >> 63) as u64) >> 1) as i64)
                .collect()
        }
        _ => {
            let whole = cast(values, &DataType::Int64).expect("whole numbers are cast to such");
            whole.as_primitive::<Int64Type>().values().to_vec()
        }
    };
    let keys = keys.into_iter().zip(there);
    keys.map(|(key, there)| if there { key } else { i64::MIN })
        .collect()
}
