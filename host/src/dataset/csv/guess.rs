//! [`Guess`]: the type of a column from the texts of its values.

use arrow_schema::{DataType, TimeUnit};

use super::values::{boolean, date, real, timestamp, whole};

/// The types that every value of a column so far could have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Guess(u8);

impl Guess {
    const INT32: u8 = 1;
    const INT64: u8 = 2;
    const FLOAT: u8 = 4;
    const BOOL: u8 = 8;
    const DATE: u8 = 16;
    const TIMESTAMP: u8 = 32;
    /// No value has been seen.
    pub(super) const NONE: Self = Self(64);

    fn of(text: &[u8]) -> u8 {
        match whole(text) {
            Some(value) if i32::try_from(value).is_ok() => Self::INT32 | Self::INT64 | Self::FLOAT,
            Some(_) => Self::INT64 | Self::FLOAT,
            None if real(text).is_some() => Self::FLOAT,
            None if boolean(text).is_some() => Self::BOOL,
            None if date(text).is_some() => Self::DATE | Self::TIMESTAMP,
            None if timestamp(text).is_some() => Self::TIMESTAMP,
            None => 0,
        }
    }

    /// Takes in a value.
    #[inline]
    pub(super) fn see(&mut self, text: &[u8]) {
        if *self == Self::NONE {
            *self = Self(Self::of(text));
        } else if self.0 != 0 {
            // Every other type has been ruled out by the value before.
            let still = match self.0 {
                Self::BOOL => u8::from(boolean(text).is_some()) * Self::BOOL,
                Self::FLOAT => u8::from(real(text).is_some()) * Self::FLOAT,
                _ => Self::of(text),
            };
            self.0 &= still;
        }
    }

    /// Takes in what was guessed from other values of the column.
    pub(super) fn merge(&mut self, other: Self) {
        if *self == Self::NONE {
            *self = other;
        } else if other != Self::NONE {
            self.0 &= other.0;
        }
    }

    /// The narrowest type that is left.
    pub(super) fn data_type(self) -> DataType {
        let is = |kind| self.0 & kind != 0;
        if self == Self::NONE {
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
    fn a_guess_widens() {
        let guess = |texts: &[&str]| {
            let mut guess = Guess::NONE;
            texts.iter().for_each(|text| guess.see(text.as_bytes()));
            guess.data_type()
        };
        assert_eq!(guess(&[]), DataType::Null);
        assert_eq!(guess(&["1", "-2"]), DataType::Int32);
        assert_eq!(guess(&["1", "3000000000"]), DataType::Int64);
        assert_eq!(guess(&["1", "2.5"]), DataType::Float64);
        assert_eq!(guess(&["2.5", "1"]), DataType::Float64);
        assert_eq!(guess(&["1", "99999999999999999999"]), DataType::Float64);
        assert_eq!(guess(&["1", "2.5", "x"]), DataType::Utf8);
        assert_eq!(guess(&["true", "False"]), DataType::Boolean);
        assert_eq!(guess(&["true", "1"]), DataType::Utf8);
        assert_eq!(guess(&["2013-01-01"]), DataType::Date32);
        assert_eq!(
            guess(&["2013-01-01", "2013-01-01T10:00:00"]),
            DataType::Timestamp(TimeUnit::Microsecond, None)
        );
        assert_eq!(guess(&["2013-01-01", "1"]), DataType::Utf8);
    }

    #[test]
    fn guesses_of_parts_are_the_guess_of_the_whole() {
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
            let mut guess = Guess::NONE;
            texts.iter().for_each(|text| guess.see(text.as_bytes()));
            guess
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
