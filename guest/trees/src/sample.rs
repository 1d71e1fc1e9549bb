//! [`Sample`]: the training rows of a forest with their classes, and the
//! bootstrap samples that trees draw from them.

use crate::bins::Bins;
use crate::entries::{BoundedRows, Bounds, Entry};
use crate::random::{Key, Rng, scale};
use crate::tally::TallyLayout;

/// Errors of the training rows.
#[derive(Debug, thiserror::Error)]
pub enum SampleError {
    /// There are no training rows.
    #[error("there are no training rows")]
    Empty,
    /// A training row is out of range.
    #[error("training row {row} is out of range: the dataset has {rows} rows")]
    Row {
        /// The row.
        row: u32,
        /// The dataset's number of rows.
        rows: usize,
    },
    /// A training row has no class.
    #[error("training row {row} has none of the {classes} classes")]
    Class {
        /// The row.
        row: u32,
        /// The number of classes.
        classes: usize,
    },
    /// There are more classes than an entry can encode.
    #[error("there are {classes} classes, more than 65535")]
    Classes {
        /// The number of classes.
        classes: usize,
    },
    /// There are more draws than a tally can count.
    #[error("`max_samples` draws {draws} rows, more than the limit of {limit}")]
    Draws {
        /// The number of draws.
        draws: u64,
        /// The greatest possible number.
        limit: u64,
    },
    /// All training rows have class weight 0.
    #[error("`class_weight` gives no weight to any training row")]
    Weightless,
    /// A tree drew one row more often than an entry can encode.
    #[error("`max_samples` drew one row more than {limit} times")]
    Overdrawn {
        /// The greatest possible number.
        limit: u16,
    },
}

/// Training rows with their classes.
#[derive(Debug)]
pub(crate) struct Sample<'a> {
    /// Invariant: all are less than `bounds.rows`.
    rows: &'a [u32],
    /// One per row. Invariant: all are less than `bounds.classes`.
    classes: Vec<u16>,
    /// The number of rows of each class.
    counts: Vec<u32>,
    bounds: Bounds,
}

impl<'a> Sample<'a> {
    /// The sample of `rows`. `codes` holds the class of every row of the
    /// dataset.
    ///
    /// # Errors
    /// If there are no rows, a row is not in the dataset or has no class, or
    /// there are more than 65535 classes.
    pub(crate) fn new(
        bins: &Bins,
        codes: &[u32],
        classes: usize,
        rows: &'a [u32],
    ) -> Result<Self, SampleError> {
        if rows.is_empty() {
            return Err(SampleError::Empty);
        }
        if classes > usize::from(u16::MAX) {
            return Err(SampleError::Classes { classes });
        }
        let mut counts = vec![0_u32; classes];
        let mut of_rows = Vec::with_capacity(rows.len());
        for &row in rows {
            if row as usize >= bins.rows() {
                return Err(SampleError::Row {
                    row,
                    rows: bins.rows(),
                });
            }
            let class = codes.get(row as usize).copied().unwrap_or(u32::MAX);
            *counts
                .get_mut(class as usize)
                .ok_or(SampleError::Class { row, classes })? += 1;
            of_rows.push(class as u16);
        }
        Ok(Self {
            rows,
            classes: of_rows,
            counts,
            bounds: Bounds {
                rows: bins.rows(),
                classes,
            },
        })
    }

    /// An empty list for entries of this sample.
    pub(crate) fn new_entries<L: TallyLayout>(&self) -> BoundedRows<Entry<L>> {
        BoundedRows::new(self.bounds)
    }

    /// The number of training rows.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The number of training rows of each class.
    pub(crate) fn counts(&self) -> &[u32] {
        &self.counts
    }

    /// The number of draws of each class, given those of each training row.
    pub(crate) fn draws_by_class(&self, draws: &[u16]) -> Vec<u32> {
        let mut counts = vec![0; self.counts.len()];
        for (&class, &draws) in self.classes.iter().zip(draws) {
            counts[usize::from(class)] += u32::from(draws);
        }
        counts
    }

    /// Fills `entries` with every row once, except those of classes of weight
    /// 0. `class_weights` has one weight per class.
    #[expect(unsafe_code, reason = "the rows were checked once, by `new`")]
    pub(crate) fn take_all<L: TallyLayout>(
        &self,
        class_weights: &[f64],
        entries: &mut BoundedRows<Entry<L>>,
    ) {
        assert_eq!(entries.bounds(), self.bounds, "entries of another sample");
        // SAFETY: the rows and classes of this sample are within its bounds.
        unsafe {
            entries.refill(|entries| {
                entries.extend(
                    self.rows
                        .iter()
                        .zip(&self.classes)
                        .filter(|&(_, &class)| class_weights[usize::from(class)] > 0.0)
                        .map(|(&row, &class)| Entry::new(row, 1, class)),
                );
            });
        }
    }

    /// Fills `entries` with the rows that were drawn. `draws` has the number
    /// of draws of each training row, at most [`TallyLayout::MAX_DRAWS`].
    #[expect(unsafe_code, reason = "the rows were checked once, by `new`")]
    pub(crate) fn take_drawn<L: TallyLayout>(
        &self,
        draws: &[u16],
        entries: &mut BoundedRows<Entry<L>>,
    ) {
        assert_eq!(entries.bounds(), self.bounds, "entries of another sample");
        // SAFETY: the rows and classes of this sample are within its bounds;
        // only what was written by `keep` is left.
        unsafe { entries.refill(|entries| self.push_drawn(draws, entries)) }
    }

    fn push_drawn<L: TallyLayout>(&self, draws: &[u16], entries: &mut Vec<Entry<L>>) {
        entries.resize(self.rows.len(), Entry::new(0, 0, 0));
        let mut kept = 0;
        let mut keep = |row: u32, class: u16, draws: u16| {
            // Always written, and kept if drawn: no branch to mispredict.
            entries[kept] = Entry::new(row, draws, class);
            kept += usize::from(draws > 0);
        };
        // In chunks for the reason given in `chunks`.
        let (rows, last_rows) = self.rows.as_chunks::<8>();
        let (classes, last_classes) = self.classes.as_chunks::<8>();
        let (draws, last_draws) = draws.as_chunks::<8>();
        for ((rows, classes), draws) in rows.iter().zip(classes).zip(draws) {
            for ((&row, &class), &draws) in rows.iter().zip(classes).zip(draws) {
                keep(row, class, draws);
            }
        }
        for ((&row, &class), &draws) in last_rows.iter().zip(last_classes).zip(last_draws) {
            keep(row, class, draws);
        }
        entries.truncate(kept);
    }
}

/// How a tree draws its rows, with replacement.
#[derive(Debug)]
pub(crate) enum Bootstrap {
    /// All rows have the same probability.
    Uniform {
        /// The number of draws.
        draws: u32,
    },
    /// The probability of a row is proportional to the weight of its class.
    Weighted {
        /// The number of draws.
        draws: u32,
        /// The cumulative probability of each class.
        cumulative: Vec<f64>,
        /// By class, the positions of its rows among the training rows.
        positions: Vec<Vec<u32>>,
    },
}

impl Bootstrap {
    /// Draws in proportion to `class_weights`, one per class.
    pub(crate) fn weighted(sample: &Sample<'_>, draws: u32, class_weights: &[f64]) -> Self {
        let mut positions = vec![Vec::new(); sample.counts.len()];
        for (position, &class) in sample.classes.iter().enumerate() {
            positions[usize::from(class)].push(position as u32);
        }
        let weights: Vec<f64> = sample
            .counts
            .iter()
            .zip(class_weights)
            .map(|(&count, weight)| f64::from(count) * weight)
            .collect();
        let total: f64 = weights.iter().sum();
        let mut cumulative: Vec<f64> = weights
            .iter()
            .scan(0.0, |sum, weight| {
                *sum += weight;
                Some(*sum / total)
            })
            .collect();
        // Rounding must not leave a gap below 1, which would draw from a class
        // without rows.
        if let Some(last) = weights.iter().rposition(|&weight| weight > 0.0) {
            cumulative[last..].fill(1.0);
        }
        Self::Weighted {
            draws,
            cumulative,
            positions,
        }
    }

    /// Writes the number of draws of each training row into `counts`.
    ///
    /// # Errors
    /// If a row is drawn more than `limit` times.
    pub(crate) fn draw(&self, key: Key, limit: u16, counts: &mut [u16]) -> Result<(), SampleError> {
        counts.fill(0);
        let mut rng = key.rng();
        let rows = counts.len() as u32;
        match self {
            Self::Uniform { draws: number } => {
                draw_uniform(&mut rng, *number, rows, limit, counts)?
            }
            Self::Weighted {
                draws: number,
                cumulative,
                positions,
            } => {
                for _ in 0..*number {
                    let share = rng.next_f64();
                    let class = cumulative.partition_point(|&upto| upto <= share);
                    let positions = &positions[class];
                    let position = positions[rng.below(positions.len() as u32) as usize];
                    count(&mut counts[position as usize], limit)?;
                }
            }
        }
        Ok(())
    }
}

fn draw_uniform(
    rng: &mut Rng,
    number: u32,
    rows: u32,
    limit: u16,
    counts: &mut [u16],
) -> Result<(), SampleError> {
    let mut left = number;
    // In chunks of eight for the reason given in `chunks`.
    while left >= 8 {
        for _ in 0..4 {
            let bits = rng.next_u64();
            for half in [bits >> 32, bits & 0xffff_ffff] {
                if let Some(row) = scale(half, rows) {
                    count(&mut counts[row as usize], limit)?;
                    left -= 1;
                }
            }
        }
    }
    while left > 0 {
        let bits = rng.next_u64();
        for half in [bits >> 32, bits & 0xffff_ffff] {
            if left > 0
                && let Some(row) = scale(half, rows)
            {
                count(&mut counts[row as usize], limit)?;
                left -= 1;
            }
        }
    }
    Ok(())
}

#[inline]
fn count(draws: &mut u16, limit: u16) -> Result<(), SampleError> {
    if *draws >= limit {
        return Err(SampleError::Overdrawn { limit });
    }
    *draws += 1;
    Ok(())
}
