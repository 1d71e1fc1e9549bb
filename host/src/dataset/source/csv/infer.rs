//! [`InferredType`]: the type of a column, inferred from the texts of its values.
//!
//! It accepts what the parsers of a column's [`Reading`] accept, so that a column
//! of an inferred type parses.

use arrow_schema::DataType;

use crate::dataset::source::date::{Dates, parse_date, parse_local, parse_timestamp};
use crate::dataset::source::reading::{Declared, Reading, TIMESTAMP};
use fanout_contract::number::parse_bool;

/// The set of types that every value of a column so far parses as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct InferredType(u16);

impl InferredType {
    const INT32: u16 = 1;
    const INT64: u16 = 2;
    const FLOAT: u16 = 4;
    const BOOL: u16 = 8;
    const DATE: u16 = 16;
    const TIMESTAMP: u16 = 32;
    /// A date or a time that is not in ISO 8601.
    const LOCAL_DATE: u16 = 128;
    const LOCAL_TIMESTAMP: u16 = 256;
    /// There was no value yet.
    pub(super) const NO_VALUES: Self = Self(64);

    fn of(text: &[u8], reading: &Reading) -> u16 {
        let number = match reading.numbers.int(text) {
            Some(value) if i32::try_from(value).is_ok() => Self::INT32 | Self::INT64 | Self::FLOAT,
            Some(_) => Self::INT64 | Self::FLOAT,
            None => Self::float(text, reading),
        };
        if number != 0 {
            return if Self::is_kept(text, reading) {
                number
            } else {
                0
            };
        }
        if parse_bool(text).is_some() {
            return Self::BOOL;
        }
        let iso = match () {
            () if parse_date(text).is_some() => Self::DATE | Self::TIMESTAMP,
            () if parse_timestamp(text).is_some() => Self::TIMESTAMP,
            () => 0,
        };
        let local = match reading.dates {
            Dates::Either { dayfirst } => parse_local(text, dayfirst),
            Dates::Iso | Dates::Local { .. } | Dates::Format(_) => None,
        };
        iso | match local {
            Some((_, false)) => Self::LOCAL_DATE | Self::LOCAL_TIMESTAMP,
            Some((_, true)) => Self::LOCAL_TIMESTAMP,
            None => 0,
        }
    }

    fn float(text: &[u8], reading: &Reading) -> u16 {
        u16::from(reading.numbers.float(text).is_some()) * Self::FLOAT
    }

    /// Whether a number keeps all of its text that counts.
    fn is_kept(text: &[u8], reading: &Reading) -> bool {
        !reading.labels || reading.numbers.loss(text).is_none()
    }

    /// Narrows the set by a value.
    #[inline]
    pub(super) fn update(&mut self, text: &[u8], reading: &Reading) {
        if *self == Self::NO_VALUES {
            *self = Self(Self::of(text, reading));
        } else if self.0 != 0 {
            // With one type left, only its parser has to run.
            let still = match self.0 {
                Self::BOOL => u16::from(parse_bool(text).is_some()) * Self::BOOL,
                Self::FLOAT if !reading.labels => Self::float(text, reading),
                _ => Self::of(text, reading),
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

    /// The narrowest type that is left, of what the plan says that the column
    /// holds.
    pub(super) fn data_type(self, reading: &Reading) -> DataType {
        let is = |kind| self.0 & kind != 0;
        let number = match () {
            () if is(Self::INT32) => Some(DataType::Int32),
            () if is(Self::INT64) => Some(DataType::Int64),
            () if is(Self::FLOAT) => Some(DataType::Float64),
            () => None,
        };
        let date = match () {
            () if is(Self::DATE) || is(Self::LOCAL_DATE) => Some(DataType::Date32),
            () if is(Self::TIMESTAMP) || is(Self::LOCAL_TIMESTAMP) => Some(TIMESTAMP),
            () => None,
        };
        match (reading.declared, &reading.dates) {
            (Declared::Text, _) => DataType::Utf8,
            (Declared::Date, Dates::Format(format)) if format.has_time => TIMESTAMP,
            (Declared::Date, Dates::Format(_)) => DataType::Date32,
            _ if self == Self::NO_VALUES => DataType::Null,
            // What does not suit is found, with its line, where it is parsed.
            (Declared::Number, _) => number.unwrap_or(DataType::Float64),
            (Declared::Date, _) => date.unwrap_or(TIMESTAMP),
            (Declared::Nothing, _) if is(Self::BOOL) => DataType::Boolean,
            (Declared::Nothing, _) => number.or(date).unwrap_or(DataType::Utf8),
        }
    }

    /// Which of its dates the column holds.
    pub(super) fn dates(self, reading: &Reading) -> Dates {
        let is_iso = self.0 & (Self::DATE | Self::TIMESTAMP) != 0;
        match reading.dates {
            // Of a declared column, the first text that is no date is to be told.
            Dates::Either { .. } if self.0 == 0 && reading.declared == Declared::Date => {
                reading.dates.clone()
            }
            Dates::Either { .. } if is_iso => Dates::Iso,
            Dates::Either { dayfirst } => Dates::Local { dayfirst },
            ref dates => dates.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fanout_contract::number::NumberFormat;

    fn reading(labels: bool) -> Reading {
        Reading {
            declared: Declared::Nothing,
            numbers: NumberFormat::new(None, None),
            dates: Dates::Iso,
            labels,
        }
    }

    /// The type of some values.
    fn of(texts: &[&str], reading: &Reading) -> InferredType {
        let mut inferred = InferredType::NO_VALUES;
        for text in texts {
            inferred.update(text.as_bytes(), reading);
        }
        inferred
    }

    #[test]
    fn the_type_widens_with_the_values() {
        let plain = reading(false);
        let inferred = |texts: &[&str]| of(texts, &plain).data_type(&plain);
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
        assert_eq!(inferred(&["2013-01-01", "2013-01-01T10:00:00"]), TIMESTAMP);
        assert_eq!(inferred(&["2013-01-01", "1"]), DataType::Utf8);
    }

    #[test]
    fn labels_that_numbers_would_not_keep_are_texts() {
        for texts in [
            &["01", "2"][..],
            &["888E010010", "1"],
            &["18446744073709551614"],
            &["2.5", "1e999"],
        ] {
            let [label, number] = [true, false].map(|labels| {
                let reading = reading(labels);
                of(texts, &reading).data_type(&reading)
            });
            assert_eq!(label, DataType::Utf8, "{texts:?}");
            assert_ne!(number, DataType::Utf8, "{texts:?}");
        }
    }

    #[test]
    fn a_column_has_dates_of_one_kind() {
        let either = Reading {
            dates: Dates::Either { dayfirst: true },
            ..reading(false)
        };
        let inferred = |texts: &[&str]| {
            let inferred = of(texts, &either);
            (inferred.data_type(&either), inferred.dates(&either))
        };
        let local = Dates::Local { dayfirst: true };
        assert_eq!(
            inferred(&["31/01/2013", "1/2/2013"]),
            (DataType::Date32, local.clone())
        );
        assert_eq!(
            inferred(&["31/01/2013", "1/2/2013 1:00"]),
            (TIMESTAMP, local)
        );
        assert_eq!(inferred(&["2013-01-31"]), (DataType::Date32, Dates::Iso));
        assert_eq!(inferred(&["2013-01-31", "1/2/2013"]).0, DataType::Utf8);
        assert_eq!(inferred(&["13/13/2013"]).0, DataType::Utf8);
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
            "31/01/2013",
            "31/01/2013 10:00",
            "007",
            "x",
        ];
        let either = Reading {
            dates: Dates::Either { dayfirst: true },
            ..reading(true)
        };
        let of = |texts: &[&str]| of(texts, &either);
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
