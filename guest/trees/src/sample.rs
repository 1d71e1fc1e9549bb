//! [`RowSource`]: the training rows of a forest with what they carry in a layout;
//! [`ClassSample`]: training rows with their classes.

use crate::bins::Bins;
use crate::class_layout::ClassLayout;
use crate::entries::{BoundedRows, Bounds, Entry};
use crate::params::balanced_weights;
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
    /// All training rows have weight 0.
    #[error("no training row has a weight above 0, by its class or by itself")]
    Weightless,
    /// A training row has no target.
    #[error("training row {row} has the target {target}, which is not finite")]
    Target {
        /// The row.
        row: u32,
        /// Its target.
        target: f64,
    },
    /// A training row has a target that the criterion does not take.
    #[error(
        "`criterion` is `poisson`, which takes targets of 0 or more, but training row {row} has {target}"
    )]
    Negative {
        /// The row.
        row: u32,
        /// Its target.
        target: f64,
    },
    /// All targets are 0.
    #[error(
        "`criterion` is `poisson`, which needs a target above 0, but those of all training rows are 0"
    )]
    Zero,
    /// A sample weight is negative or not finite.
    #[error("training row {row} has the weight {weight}, but a weight is a number of 0 or more")]
    Weight {
        /// The row.
        row: u32,
        /// Its weight.
        weight: f64,
    },
    /// A tree drew one row more often than an entry can encode.
    #[error("`max_samples` drew one row more than {limit} times")]
    Overdrawn {
        /// The greatest possible number.
        limit: u16,
    },
}

/// The training rows of a forest in layout `L`.
pub(crate) trait RowSource<L: TallyLayout> {
    /// The number of training rows.
    fn len(&self) -> usize;
    /// An empty list for entries of these rows.
    fn new_entries(&self) -> BoundedRows<Entry<L>>;
    /// Fills `entries` with the rows that were drawn, given the number of draws of
    /// each training row, at most [`TallyLayout::MAX_DRAWS`]; without `draws`, with
    /// every row once, except those of weight 0.
    fn take(&self, draws: Option<&[u16]>, layout: &mut L, entries: &mut BoundedRows<Entry<L>>);
}

/// Checks that there are training rows, all of them in the dataset.
pub(crate) fn check_rows(bins: &Bins, rows: &[u32]) -> Result<(), SampleError> {
    if rows.is_empty() {
        return Err(SampleError::Empty);
    }
    match rows.iter().find(|&&row| row as usize >= bins.rows()) {
        Some(&row) => Err(SampleError::Row {
            row,
            rows: bins.rows(),
        }),
        None => Ok(()),
    }
}

/// Training rows with their classes.
#[derive(Debug)]
pub(crate) struct ClassSample<'a> {
    /// Invariant: all are less than `bounds.rows`.
    rows: &'a [u32],
    /// One per row. Invariant: all are less than `bounds.classes`.
    classes: Vec<u16>,
    /// The number of rows of each class.
    counts: Vec<u32>,
    bounds: Bounds,
}

impl<'a> ClassSample<'a> {
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
        check_rows(bins, rows)?;
        if classes > usize::from(u16::MAX) {
            return Err(SampleError::Classes { classes });
        }
        let mut counts = vec![0_u32; classes];
        let mut of_rows = Vec::with_capacity(rows.len());
        for &row in rows {
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

    /// What all rows and classes are within.
    pub(crate) fn bounds(&self) -> Bounds {
        self.bounds
    }

    /// The training rows.
    pub(crate) fn rows(&self) -> &'a [u32] {
        self.rows
    }

    /// The class of each training row.
    pub(crate) fn classes(&self) -> &[u16] {
        &self.classes
    }
}

/// The rows of a [`ClassSample`] with class weights, in the layouts that count
/// draws.
#[derive(Debug)]
pub(crate) struct ClassRows<'a> {
    /// The rows.
    pub(crate) sample: &'a ClassSample<'a>,
    /// The weight of each class; 1 for all if rows are drawn by weight.
    pub(crate) class_weights: Vec<f64>,
    /// Whether class weights are balanced over the rows that each tree drew.
    pub(crate) balance_drawn: bool,
}

impl<L: ClassLayout> RowSource<L> for ClassRows<'_> {
    fn len(&self) -> usize {
        self.sample.rows.len()
    }

    fn new_entries(&self) -> BoundedRows<Entry<L>> {
        BoundedRows::new(self.sample.bounds)
    }

    #[expect(unsafe_code, reason = "the rows were checked once, by `new`")]
    fn take(&self, draws: Option<&[u16]>, layout: &mut L, entries: &mut BoundedRows<Entry<L>>) {
        let ClassSample {
            rows,
            classes,
            bounds,
            ..
        } = self.sample;
        assert_eq!(entries.bounds(), *bounds, "entries of another sample");
        let class_weights = &self.class_weights;
        let Some(draws) = draws else {
            layout.set_class_weights(class_weights);
            let weighted = |class: u16| class_weights[usize::from(class)] > 0.0;
            let of_rows = rows
                .iter()
                .zip(classes)
                .filter(|&(_, &class)| weighted(class));
            // SAFETY: the rows and classes of the sample are within its bounds.
            unsafe {
                entries.refill(|entries| {
                    entries
                        .extend(of_rows.map(|(&row, &class)| Entry::new(row, L::pack(1, class))));
                });
            }
            return;
        };
        if self.balance_drawn {
            layout.set_class_weights(&balanced_weights(&self.sample.draws_by_class(draws)));
        }
        // SAFETY: as above; `push_drawn` leaves only rows that it was given.
        unsafe {
            entries.refill(|entries| push_drawn(rows, classes, draws, L::pack, entries));
        }
    }
}

/// Appends the rows that were drawn, with the payloads that `pack` makes of their
/// draws and of what `of_rows` has for them.
pub(crate) fn push_drawn<L: TallyLayout, T: Copy>(
    rows: &[u32],
    of_rows: &[T],
    draws: &[u16],
    pack: impl Fn(u16, T) -> L::Payload,
    entries: &mut Vec<Entry<L>>,
) {
    let Some((&row, &of_row)) = rows.first().zip(of_rows.first()) else {
        return;
    };
    entries.resize(rows.len(), Entry::new(row, pack(0, of_row)));
    let mut kept = 0;
    let mut keep = |row: u32, of_row: T, draws: u16| {
        // Always written, and kept if drawn: no branch to mispredict.
        entries[kept] = Entry::new(row, pack(draws, of_row));
        kept += usize::from(draws > 0);
    };
    // In chunks for the reason given in `chunks`.
    let (rows, last_rows) = rows.as_chunks::<8>();
    let (of_rows, last_of_rows) = of_rows.as_chunks::<8>();
    let (draws, last_draws) = draws.as_chunks::<8>();
    for ((rows, of_rows), draws) in rows.iter().zip(of_rows).zip(draws) {
        for ((&row, &of_row), &draws) in rows.iter().zip(of_rows).zip(draws) {
            keep(row, of_row, draws);
        }
    }
    for ((&row, &of_row), &draws) in last_rows.iter().zip(last_of_rows).zip(last_draws) {
        keep(row, of_row, draws);
    }
    entries.truncate(kept);
}
