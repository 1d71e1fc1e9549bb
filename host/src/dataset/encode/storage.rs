//! [`storage_type`]: the type as which a dataset stores a column of a source.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type};
use arrow_array::{Array, ArrayRef, new_null_array};
use arrow_cast::{CastOptions, cast, cast_with_options};
use arrow_schema::DataType;

/// The type as which a column is stored; texts are categories and stay
/// [`DataType::Utf8`] here. `None` for unsupported types.
pub(super) fn storage_type(data_type: &DataType) -> Option<DataType> {
    Some(match data_type {
        DataType::Boolean => DataType::Boolean,
        DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::UInt8
        | DataType::UInt16
        | DataType::Date32
        | DataType::Date64
        | DataType::Time32(_)
        | DataType::Null => DataType::Int32,
        DataType::Int64
        | DataType::UInt32
        | DataType::UInt64
        | DataType::Timestamp(..)
        | DataType::Time64(_)
        | DataType::Duration(_) => DataType::Int64,
        DataType::Float16 | DataType::Float32 => DataType::Float32,
        DataType::Float64
        | DataType::Decimal32(..)
        | DataType::Decimal64(..)
        | DataType::Decimal128(..)
        | DataType::Decimal256(..) => DataType::Float64,
        DataType::Utf8 => DataType::Utf8,
        _ => return None,
    })
}

/// Whether a column holds numbers or truth values, not dates, times or texts.
pub(super) fn is_numeric(data_type: &DataType) -> bool {
    data_type.is_numeric() || *data_type == DataType::Boolean
}

/// Casts a column to its storage type; texts to [`DataType::Utf8`], or to a
/// dictionary with 32-bit keys if the source has one. `None` if a value does
/// not fit.
pub(super) fn to_storage(column: &ArrayRef, data_type: &DataType) -> Option<ArrayRef> {
    let to = storage_type(data_type)?;
    let strict = CastOptions {
        safe: false,
        ..CastOptions::default()
    };
    let cast = |column: &ArrayRef, to: &DataType| {
        if column.data_type() == to {
            Some(column.clone())
        } else {
            cast_with_options(column, to, &strict).ok()
        }
    };
    match (column.data_type(), data_type) {
        (DataType::Dictionary(..), DataType::Utf8) => cast(
            column,
            &DataType::Dictionary(DataType::Int32.into(), DataType::Utf8.into()),
        ),
        (DataType::Dictionary(_, values), _) => to_storage(&cast(column, values)?, data_type),
        (DataType::Null, _) => Some(new_null_array(&to, column.len())),
        (DataType::Date64, _) => cast(&cast(column, &DataType::Date32)?, &to),
        (DataType::Float16, _) => {
            let reals = cast(column, &DataType::Float32)?;
            debug_assert!(reals.as_primitive_opt::<Float32Type>().is_some());
            Some(reals)
        }
        _ => cast(column, &to),
    }
}

/// Whether each of the values, in storage, is there: neither null nor NaN.
pub(super) fn present(values: &ArrayRef) -> Vec<bool> {
    let mut present: Vec<bool> = match values.logical_nulls() {
        Some(nulls) => nulls.iter().collect(),
        None => vec![true; values.len()],
    };
    if matches!(values.data_type(), DataType::Float32 | DataType::Float64) {
        let reals = cast(values, &DataType::Float64).expect("reals are cast to reals");
        let reals = reals.as_primitive::<Float64Type>().values().iter();
        let marks = present.iter_mut().zip(reals);
        marks.for_each(|(present, real)| *present &= !real.is_nan());
    }
    present
}
