//! [`NumberSample`]: training rows with a numeric target.

use crate::bins::Bins;
use crate::entries::{BoundedRows, Bounds, Entry};
use crate::fixed_point::{FixedPoint, fixed_weights};
use crate::payload::NumberPayload;
use crate::sample::{RowSource, SampleError, check_rows, push_drawn};
use crate::tally::TallyLayout;

/// Training rows with their targets.
#[derive(Debug)]
pub(crate) struct NumberSample<'a> {
    /// Invariant: all are less than the dataset's number of rows.
    rows: &'a [u32],
    /// One per row, finite.
    targets: Vec<f64>,
    bounds: Bounds,
}

impl<'a> NumberSample<'a> {
    /// The sample of `rows`. `targets` holds the target of every row of the
    /// dataset.
    ///
    /// # Errors
    /// If there are no rows, or a row is not in the dataset or has no finite
    /// target.
    pub(crate) fn new(bins: &Bins, targets: &[f64], rows: &'a [u32]) -> Result<Self, SampleError> {
        check_rows(bins, rows)?;
        let target = |&row: &u32| {
            let target = targets.get(row as usize).copied().unwrap_or(f64::NAN);
            match target.is_finite() {
                true => Ok(target),
                false => Err(SampleError::Target { row, target }),
            }
        };
        Ok(Self {
            rows,
            targets: rows.iter().map(target).collect::<Result<_, _>>()?,
            bounds: Bounds {
                rows: bins.rows(),
                classes: 0,
            },
        })
    }

    /// The number of training rows.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The target of each training row.
    pub(crate) fn targets(&self) -> &[f64] {
        &self.targets
    }

    /// Whether the targets are those that the Poisson deviance takes.
    ///
    /// # Errors
    /// If one is negative, or all are 0.
    pub(crate) fn check_poisson(&self) -> Result<(), SampleError> {
        let of_rows = || self.rows.iter().zip(&self.targets);
        if let Some((&row, &target)) = of_rows().find(|(_, target)| **target < 0.0) {
            return Err(SampleError::Negative { row, target });
        }
        match of_rows().any(|(_, target)| *target > 0.0) {
            true => Ok(()),
            false => Err(SampleError::Zero),
        }
    }

    /// The rows with their targets in fixed point of `bits` bits, and with
    /// `weights`, one per training row; 1 without them.
    pub(crate) fn fixed(
        &self,
        bits: i32,
        from_zero: bool,
        weights: Option<&[f64]>,
    ) -> (FixedPoint, NumberRows<'_>) {
        let (fixed, values) = FixedPoint::of(&self.targets, bits, from_zero);
        let weights = match weights {
            Some(weights) => fixed_weights(weights),
            None => vec![1; values.len()],
        };
        let payload = |(weight, value)| NumberPayload { weight, value };
        let rows = NumberRows {
            rows: self.rows,
            payloads: weights.into_iter().zip(values).map(payload).collect(),
            bounds: self.bounds,
        };
        (fixed, rows)
    }
}

/// The rows of a [`NumberSample`] in fixed point.
#[derive(Debug)]
pub(crate) struct NumberRows<'a> {
    /// Invariant: all are within `bounds`.
    rows: &'a [u32],
    /// One per row.
    payloads: Vec<NumberPayload>,
    bounds: Bounds,
}

impl<L: TallyLayout<Payload = NumberPayload>> RowSource<L> for NumberRows<'_> {
    fn len(&self) -> usize {
        self.rows.len()
    }

    fn new_entries(&self) -> BoundedRows<Entry<L>> {
        BoundedRows::new(self.bounds)
    }

    /// Drawn rows have their draws for weights.
    #[expect(unsafe_code, reason = "the rows were checked once, by `NumberSample`")]
    fn take(&self, draws: Option<&[u16]>, _layout: &mut L, entries: &mut BoundedRows<Entry<L>>) {
        assert_eq!(entries.bounds(), self.bounds, "entries of another sample");
        let Self { rows, payloads, .. } = self;
        let pack = |draws: u16, payload: NumberPayload| NumberPayload {
            weight: u32::from(draws),
            ..payload
        };
        // SAFETY: the rows are within the bounds; `push_drawn` leaves only rows
        // that it was given.
        unsafe {
            entries.refill(|entries| match draws {
                Some(draws) => push_drawn(rows, payloads, draws, pack, entries),
                None => {
                    let of_rows = rows.iter().zip(payloads);
                    let weighted = of_rows.filter(|(_, payload)| payload.weight > 0);
                    entries.extend(weighted.map(|(&row, &payload)| Entry::new(row, payload)));
                }
            });
        }
    }
}
