//! [`InferredType`]: the type of a column, inferred from the texts of its values.
//!
//! It accepts what the parsers of [`super::values`] accept, so that a column of
//! an inferred type parses.

use arrow_schema::{DataType, TimeUnit};

use super::values::{parse_bool, parse_date, parse_float, parse_int, parse_timestamp};

/// The set of types that every value of a column so far parses as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct InferredType(u8);

impl InferredType {
    const INT32: u8 = 1;
    const INT64: u8 = 2;
    const FLOAT: u8 = 4;
    const BOOL: u8 = 8;
    const DATE: u8 = 16;
    const TIMESTAMP: u8 = 32;
    /// There was no value yet.
    pub(super) const NO_VALUES: Self = Self(64);

    fn of(text: &[u8]) -> u8 {
        match parse_int(text) {
            Some(value) if i32::try_from(value).is_ok() => Self::INT32 | Self::INT64 | Self::FLOAT,
            Some(_) => Self::INT64 | Self::FLOAT,
            None if parse_float(text).is_some() => Self::FLOAT,
            None if parse_bool(text).is_some() => Self::BOOL,
            None if parse_date(text).is_some() => Self::DATE | Self::TIMESTAMP,
            None if parse_timestamp(text).is_some() => Self::TIMESTAMP,
            None => 0,
        }
    }

    /// Narrows the set by a value.
    #[inline]
    pub(super) fn update(&mut self, text: &[u8]) {
        if *self == Self::NO_VALUES {
            *self = Self(Self::of(text));
        } else if self.0 != 0 {
            // With one type left, only its parser has to run.
            let still = match self.0 {
                Self::BOOL => u8::from(parse_bool(text).is_some()) * Self::BOOL,
                Self::FLOAT => u8::from(parse_float(text).is_some()) * Self::FLOAT,
                _ => Self::of(text),
            };
            self.0 &= still;
        }
    }

    /// Narrows the set by what was inferred from other values of the column.
    pub(super) fn merge(&mut self, other: Self) {
        if *self == Self::NO_VALUES {
            *self = other;
        } else if other != Self::NO_VALUES {
            self.0 &= other.0;
        }
    }

    /// The narrowest type that is left.
    pub(super) fn data_type(self) -> DataType {
        let is = |kind| self.0 & kind != 0;
        if self == Self::NO_VALUES {
            DataType::Null
        } else if is(Self::INT32) {
            DataType::Int32
        } else if is(Self::INT64) {
            DataType::Int64
        } else if is(Self::FLOAT) {
            DataType::Float64
        } else if is(Self::BOOL) {
            DataType::Boolean
        } else if is(Self::DATE) {
            DataType::Date32
        } else if is(Self::TIMESTAMP) {
            DataType::Timestamp(TimeUnit::Microsecond, None)
        } else {
            DataType::Utf8
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_widens_with_the_values() {
        let inferred = |texts: &[&str]| {
            let mut inferred = InferredType::NO_VALUES;
            texts
                .iter()
                .for_each(|text| inferred.update(text.as_bytes()));
            inferred.data_type()
        };
        assert_eq!(inferred(&[]), DataType::Null);
        assert_eq!(inferred(&["1", "-2"]), DataType::Int32);
        assert_eq!(inferred(&["1", "3000000000"]), DataType::Int64);
        assert_eq!(inferred(&["1", "2.5"]), DataType::Float64);
        assert_eq!(inferred(&["2.5", "1"]), DataType::Float64);
        assert_eq!(inferred(&["1", "99999999999999999999"]), DataType::Float64);
        assert_eq!(inferred(&["1", "2.5", "x"]), DataType::Utf8);
        assert_eq!(inferred(&["true", "False"]), DataType::Boolean);
        assert_eq!(inferred(&["true", "1"]), DataType::Utf8);
        assert_eq!(inferred(&["2013-01-01"]), DataType::Date32);
        assert_eq!(
            inferred(&["2013-01-01", "2013-01-01T10:00:00"]),
            DataType::Timestamp(TimeUnit::Microsecond, None)
        );
        assert_eq!(inferred(&["2013-01-01", "1"]), DataType::Utf8);
    }

    #[test]
    fn types_of_parts_merge_to_the_type_of_the_whole() {
        let texts = [
            "1",
            "-2",
            "3000000000",
            "2.5",
            "true",
            "2013-01-01",
            "2013-01-01T10:00:00",
            "x",
        ];
        let of = |texts: &[&str]| {
            let mut inferred = InferredType::NO_VALUES;
            texts
                .iter()
                .for_each(|text| inferred.update(text.as_bytes()));
            inferred
        };
        for a in texts {
            for b in texts {
                for c in texts {
                    for cut in 0..=3 {
                        let all = [a, b, c];
                        let mut merged = of(&all[..cut]);
                        merged.merge(of(&all[cut..]));
                        assert_eq!(merged, of(&all), "{all:?} cut at {cut}");
                    }
                }
            }
        }
    }
}
