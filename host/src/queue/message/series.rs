//! [`Series`]: ascending numbers in few bytes.

use serde::{Deserialize, Serialize};

/// Strictly ascending numbers, encoded as arithmetic progressions
/// `[first, count, step]`. The candidates of a family are a few of these in most
/// grids.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Progression>", into = "Vec<Progression>")]
pub struct Series(Vec<Progression>);

/// First number, count, step.
type Progression = (u32, u32, u32);

/// Why progressions are no [`Series`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SeriesError {
    /// A progression is empty, or its step is 0.
    #[error("a progression has a count and a step of at least 1")]
    Empty,
    /// A number is more than 32 bits hold.
    #[error("a progression ends above 32 bits")]
    Overflow,
    /// A number is not greater than the one before it.
    #[error("the numbers do not ascend")]
    Order,
}

impl TryFrom<Vec<Progression>> for Series {
    type Error = SeriesError;

    fn try_from(progressions: Vec<Progression>) -> Result<Self, SeriesError> {
        let mut before = None;
        for &progression in &progressions {
            let (first, count, step) = progression;
            if count == 0 || step == 0 {
                return Err(SeriesError::Empty);
            }
            if before.is_some_and(|before| first <= before) {
                return Err(SeriesError::Order);
            }
            let length = (count - 1).checked_mul(step);
            let last = length.and_then(|length| first.checked_add(length));
            before = Some(last.ok_or(SeriesError::Overflow)?);
        }
        Ok(Self(progressions))
    }
}

impl From<Series> for Vec<Progression> {
    fn from(series: Series) -> Self {
        series.0
    }
}

impl Series {
    /// Encodes strictly ascending numbers.
    pub fn of(numbers: &[u32]) -> Self {
        debug_assert!(numbers.is_sorted_by(|a, b| a < b));
        let mut progressions: Vec<Progression> = Vec::new();
        for &number in numbers {
            match progressions.last_mut() {
                Some((first, count @ 1, step)) if number > *first => {
                    *count = 2;
                    *step = number - *first;
                }
                Some((first, count, step))
                    if *count > 1 && number.checked_sub(*first) == count.checked_mul(*step) =>
                {
                    *count += 1;
                }
                _ => progressions.push((number, 1, 1)),
            }
        }
        Self(progressions)
    }

    /// The numbers, if all are less than `bound`: at most so many.
    pub fn numbers(&self, bound: usize) -> Option<Vec<u32>> {
        // Threat: a message of a few bytes that names billions of numbers.
        let last = self
            .0
            .last()
            .map(|&(first, count, step)| first + (count - 1) * step);
        if last.is_some_and(|last| last as usize >= bound) {
            return None;
        }
        let progressions = self.0.iter();
        let each =
            |&(first, count, step): &Progression| (0..count).map(move |at| first + at * step);
        Some(progressions.flat_map(each).collect())
    }
}
