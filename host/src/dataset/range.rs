//! [`ValueRange`]: the least and the greatest value of a column of numbers.

use arrow_array::cast::AsArray as _;
use arrow_array::types::{ArrowPrimitiveType, Float32Type, Float64Type, Int32Type, Int64Type};
use arrow_array::{Array as _, ArrayRef};
use arrow_schema::DataType;

use super::reads::Reads;

/// Values that are compared side by side: as many as a vector register takes.
const LANES: usize = 8;

/// Whole numbers up to here are shown digit by digit: doubles hold them exactly.
const EXACT: f64 = 9e15;

/// The least and the greatest of some values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct ValueRange {
    least: f64,
    greatest: f64,
}

impl Default for ValueRange {
    fn default() -> Self {
        Self {
            least: f64::INFINITY,
            greatest: f64::NEG_INFINITY,
        }
    }
}

impl ValueRange {
    /// Takes in the values of an encoded column. Missing ones and NaN are none.
    pub(super) fn update(&mut self, column: &ArrayRef) {
        match column.data_type() {
            DataType::Int32 => self.widen::<Int32Type>(column, f64::from),
            DataType::Int64 => self.widen::<Int64Type>(column, |value| value as f64),
            DataType::Float32 => self.widen::<Float32Type>(column, f64::from),
            DataType::Float64 => self.widen::<Float64Type>(column, |value| value),
            // Truth values have no range.
            _ => {}
        }
    }

    fn widen<T: ArrowPrimitiveType>(&mut self, column: &ArrayRef, number: fn(T::Native) -> f64) {
        let column = column.as_primitive::<T>();
        if column.null_count() > 0 {
            let values = column.iter().flatten();
            values.for_each(|value| self.add(number(value)));
            return;
        }
        let mut lanes = [Self::default(); LANES];
        let chunks = column.values().chunks_exact(LANES);
        let rest = chunks.remainder();
        for chunk in chunks {
            for (lane, value) in lanes.iter_mut().zip(chunk) {
                lane.add(number(*value));
            }
        }
        for value in rest {
            self.add(number(*value));
        }
        for lane in lanes {
            self.least = self.least.min(lane.least);
            self.greatest = self.greatest.max(lane.greatest);
        }
    }

    #[inline]
    fn add(&mut self, value: f64) {
        // Of NaN and a number, both take the number.
        self.least = self.least.min(value);
        self.greatest = self.greatest.max(value);
    }

    /// Both as texts; `None` for what has no order, and of no value.
    pub(super) fn shown(&self, reads: &Reads, source_type: &str) -> Option<[String; 2]> {
        if self.least > self.greatest {
            return None;
        }
        let ends = [self.least, self.greatest];
        match reads {
            Reads::Number => Some(ends.map(number)),
            // Days; of the other type of dates, milliseconds.
            Reads::Date if source_type == "date32" => {
                let [least, greatest] = ends.map(date);
                Some([least?, greatest?])
            }
            Reads::Date | Reads::Boolean | Reads::Time | Reads::Category(_) | Reads::Ordered(_) => {
                None
            }
        }
    }
}

/// A whole number as it is, any other with six digits.
fn number(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() < EXACT {
        return format!("{value:.0}");
    }
    let rounded: f64 = format!("{value:.5e}").parse().unwrap_or(value);
    let size = rounded.abs();
    match (1e-4..1e15).contains(&size) {
        true => rounded.to_string(),
        false => format!("{rounded:e}"),
    }
}

/// Days since 1970-01-01 as a date.
fn date(days: f64) -> Option<String> {
    let time = chrono::DateTime::from_timestamp((days * 86_400.0) as i64, 0)?;
    Some(time.format("%Y-%m-%d").to_string())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{Float32Array, Float64Array, Int32Array, Int64Array};

    use super::*;

    fn shown(columns: &[ArrayRef], reads: &Reads) -> Option<[String; 2]> {
        let mut range = ValueRange::default();
        columns.iter().for_each(|column| range.update(column));
        range.shown(reads, "date32")
    }

    #[test]
    fn the_range_is_that_of_all_batches_without_what_is_missing() {
        let many: Vec<f64> = (0..1_003)
            .map(|at| f64::from(at * 7919 % 1_003) / 8.0)
            .collect();
        let first: ArrayRef = Arc::new(Float64Array::from(many));
        let gaps = vec![None, Some(-2.5), Some(f64::NAN), None];
        let second: ArrayRef = Arc::new(Float64Array::from(gaps));
        let found = shown(&[first, second], &Reads::Number).unwrap();
        assert_eq!(found, ["-2.5", "125.25"]);
        let missing: ArrayRef = Arc::new(Int64Array::from(vec![None; 9]));
        assert_eq!(shown(&[missing], &Reads::Number), None);
        let nan: ArrayRef = Arc::new(Float32Array::from(vec![f32::NAN; 9]));
        assert_eq!(shown(&[nan], &Reads::Number), None);
    }

    #[test]
    fn numbers_are_short_and_dates_are_dates() {
        let wide: ArrayRef = Arc::new(Int64Array::from(vec![-3, 1_700_000_123]));
        assert_eq!(
            shown(&[wide], &Reads::Number).unwrap(),
            ["-3", "1700000123"]
        );
        let real: ArrayRef = Arc::new(Float32Array::from(vec![0.1, 2.0e-7, 123_456.78]));
        assert_eq!(shown(&[real], &Reads::Number).unwrap(), ["2e-7", "123457"]);
        let days: ArrayRef = Arc::new(Int32Array::from(vec![-1, 20_784]));
        assert_eq!(
            shown(&[Arc::clone(&days)], &Reads::Date).unwrap(),
            ["1969-12-31", "2026-11-27"]
        );
        assert_eq!(shown(&[days], &Reads::Category(2)), None);
    }
}
