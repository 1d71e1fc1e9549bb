//! [`Sample`]: the rows that a forest is fitted on, how each tree draws from
//! them, and the loop that sends rows to either side of a split. It knows
//! nothing of histograms.

use crate::bins::Bins;
use crate::histogram::Layout;
use crate::random::{Draws, Key, scale};

/// Why rows can't be fitted on.
#[derive(Debug, thiserror::Error)]
pub enum SampleError {
    /// There is nothing to learn from.
    #[error("there are no training rows")]
    Empty,
    /// A row is not of the dataset.
    #[error("training row `{row}` is not among the dataset's {rows} rows")]
    Row {
        /// The row.
        row: u32,
        /// The dataset's number of rows.
        rows: usize,
    },
    /// The target says nothing of a row.
    #[error("training row `{row}` has no class among the {classes} classes")]
    Class {
        /// The row.
        row: u32,
        /// The number of classes.
        classes: usize,
    },
    /// More classes than an entry can tell apart.
    #[error("{classes} classes are more than 65535")]
    Classes {
        /// The number of classes.
        classes: usize,
    },
    /// More draws than counts can hold.
    #[error("`max_samples` draws {draws} rows, more than {most}")]
    Draws {
        /// The number of draws.
        draws: u64,
        /// The most.
        most: u64,
    },
    /// Class weights leave no row to learn from.
    #[error("`class_weight` gives no weight to any training row")]
    Weightless,
    /// A tree drew one row more often than an entry can tell.
    #[error("`max_samples` drew one row more than {most} times")]
    Overdrawn {
        /// The most.
        most: u16,
    },
}

/// A row of the dataset in a tree's sample: its number, and what it adds to
/// the tally of a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Entry(u64);

impl Entry {
    #[inline]
    fn new(row: u32, payload: u32) -> Self {
        Self(u64::from(row) | (u64::from(payload) << 32))
    }

    #[inline]
    pub(crate) fn row(self) -> usize {
        self.0 as u32 as usize
    }

    #[inline]
    pub(crate) fn payload(self) -> u32 {
        (self.0 >> 32) as u32
    }
}

/// A thing that stands for one row.
pub(crate) trait HasRow: Copy + Default {
    /// Its index into a column of codes.
    fn index(self) -> usize;
}

impl HasRow for Entry {
    #[inline]
    fn index(self) -> usize {
        self.row()
    }
}

impl HasRow for u32 {
    #[inline]
    fn index(self) -> usize {
        self as usize
    }
}

/// Training rows with their classes; every row is one of the dataset, every
/// class less than the number of classes.
#[derive(Debug)]
pub(crate) struct Sample<'a> {
    rows: &'a [u32],
    classes: Vec<u16>,
    counts: Vec<u32>,
}

impl<'a> Sample<'a> {
    /// Checks `rows`, and looks up their classes in `codes`, which has one a
    /// row of the dataset.
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

    /// How often rows of each class were drawn, given how often each row was.
    pub(crate) fn count_drawn(&self, times: &[u16]) -> Vec<u32> {
        let mut counts = vec![0; self.counts.len()];
        for (&class, &times) in self.classes.iter().zip(times) {
            counts[usize::from(class)] += u32::from(times);
        }
        counts
    }

    /// Every row once, but those of classes without weight.
    pub(crate) fn all<L: Layout>(&self, class_weights: &[f64], entries: &mut Vec<Entry>) {
        entries.clear();
        entries.extend(
            self.rows
                .iter()
                .zip(&self.classes)
                .filter(|&(_, &class)| class_weights[usize::from(class)] > 0.0)
                .map(|(&row, &class)| Entry::new(row, L::pack(1, class))),
        );
    }

    /// The rows that were drawn, given how often each was.
    pub(crate) fn drawn<L: Layout>(&self, times: &[u16], entries: &mut Vec<Entry>) {
        entries.clear();
        entries.resize(self.rows.len(), Entry::default());
        let mut kept = 0;
        let mut keep = |row: u32, class: u16, times: u16| {
            // Written always and kept if drawn: no branch to mispredict.
            entries[kept] = Entry::new(row, L::pack(times, class));
            kept += usize::from(times > 0);
        };
        // In chunks for the reason that `in_chunks` gives.
        let (rows, last_rows) = self.rows.as_chunks::<8>();
        let (classes, last_classes) = self.classes.as_chunks::<8>();
        let (draws, last_draws) = times.as_chunks::<8>();
        for ((rows, classes), times) in rows.iter().zip(classes).zip(draws) {
            for ((&row, &class), &times) in rows.iter().zip(classes).zip(times) {
                keep(row, class, times);
            }
        }
        for ((&row, &class), &times) in last_rows.iter().zip(last_classes).zip(last_draws) {
            keep(row, class, times);
        }
        entries.truncate(kept);
    }
}

/// How a tree draws its rows, with replacement.
#[derive(Debug)]
pub(crate) enum Bootstrap {
    /// Every row is as likely.
    Uniform {
        /// The number of draws.
        draws: u32,
    },
    /// A row is as likely as the weight of its class is great.
    Weighted {
        /// The number of draws.
        draws: u32,
        /// Sums of class weights up to and with each class, divided by all.
        upto: Vec<f64>,
        /// The positions of each class's rows among the training rows.
        positions: Vec<Vec<u32>>,
    },
}

impl Bootstrap {
    /// Draws of rows whose classes have these weights.
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
        let mut upto: Vec<f64> = weights
            .iter()
            .scan(0.0, |sum, weight| {
                *sum += weight;
                Some(*sum / total)
            })
            .collect();
        // Rounding must not leave a gap below 1 for a class without rows.
        if let Some(last) = weights.iter().rposition(|&weight| weight > 0.0) {
            upto[last..].fill(1.0);
        }
        Self::Weighted {
            draws,
            upto,
            positions,
        }
    }

    /// Counts into `times`, one a training row, how often each is drawn: at
    /// most `most` times.
    pub(crate) fn draw(&self, key: Key, most: u16, times: &mut [u16]) -> Result<(), SampleError> {
        times.fill(0);
        let mut draws = key.draws();
        let rows = times.len() as u32;
        match self {
            Self::Uniform { draws: number } => {
                draw_uniform(&mut draws, *number, rows, most, times)?
            }
            Self::Weighted {
                draws: number,
                upto,
                positions,
            } => {
                for _ in 0..*number {
                    let share = draws.unit();
                    let class = upto.partition_point(|&upto| upto <= share);
                    let positions = &positions[class];
                    let position = positions[draws.below(positions.len() as u32) as usize];
                    count(&mut times[position as usize], most)?;
                }
            }
        }
        Ok(())
    }
}

fn draw_uniform(
    draws: &mut Draws,
    number: u32,
    rows: u32,
    most: u16,
    times: &mut [u16],
) -> Result<(), SampleError> {
    let mut left = number;
    // Eight at once, as `in_chunks` has it; none of them can be one too many.
    while left >= 8 {
        for _ in 0..4 {
            let bits = draws.bits();
            for half in [bits >> 32, bits & 0xffff_ffff] {
                if let Some(row) = scale(half, rows) {
                    count(&mut times[row as usize], most)?;
                    left -= 1;
                }
            }
        }
    }
    while left > 0 {
        let bits = draws.bits();
        for half in [bits >> 32, bits & 0xffff_ffff] {
            if left > 0
                && let Some(row) = scale(half, rows)
            {
                count(&mut times[row as usize], most)?;
                left -= 1;
            }
        }
    }
    Ok(())
}

#[inline]
fn count(times: &mut u16, most: u16) -> Result<(), SampleError> {
    if *times >= most {
        return Err(SampleError::Overdrawn { most });
    }
    *times += 1;
    Ok(())
}

/// Does the same for every item, eight in a row before it looks whether there
/// are more: in a sandbox, every turn of a loop looks at the clock as well.
#[inline]
pub(crate) fn in_chunks<T: Copy>(items: &[T], mut body: impl FnMut(T)) {
    let (chunks, rest) = items.as_chunks::<8>();
    // Each is read when its turn comes: all at once they take the registers
    // that the body needs.
    for [a, b, c, d, e, f, g, h] in chunks {
        body(*a);
        body(*b);
        body(*c);
        body(*d);
        body(*e);
        body(*f);
        body(*g);
        body(*h);
    }
    for &item in rest {
        body(item);
    }
}

/// Appends what each item comes to, eight in a row as [`in_chunks`] has it.
#[inline]
pub(crate) fn extend_in_chunks<T: Copy, U: Copy>(
    into: &mut Vec<U>,
    items: &[T],
    mut map: impl FnMut(T) -> U,
) {
    into.reserve(items.len());
    let (chunks, rest) = items.as_chunks::<8>();
    for chunk in chunks {
        into.extend_from_slice(&chunk.map(&mut map));
    }
    into.extend(rest.iter().map(|&item| map(item)));
}

/// Writes `source` into `target`, those for which `goes_right` is false from
/// the front on, the others from the back on; returns how many went left.
/// Rows in ascending or descending order stay so on either side, and memory
/// is read in one direction.
///
/// Never a part of its caller: in a sandbox, a loop in a large function has to
/// share its registers with all that the function keeps.
#[expect(unsafe_code, reason = "the second of the two innermost loops")]
#[inline(never)]
pub(crate) fn partition<R: HasRow>(
    source: &[R],
    target: &mut [R],
    column: &[u8],
    goes_right: impl Fn(u8) -> bool,
) -> usize {
    assert_eq!(
        source.len(),
        target.len(),
        "a partition into another number of rows"
    );
    let mut waiting = source.len();
    let (chunks, rest) = source.as_chunks::<8>();
    let start = target.as_mut_ptr();
    let mut first = start;
    for chunk in chunks {
        waiting -= chunk.len();
        for (at, &row) in chunk.iter().enumerate() {
            // SAFETY: the places that no row has yet are as many as the rows
            // that wait, from `first` on. The row goes to the first and to the
            // last of them, and whichever is wrong is written again by a later
            // row. Rows come from `Sample` or from counting a column's codes,
            // so that they are in the column.
            unsafe {
                first.write(row);
                first.add(waiting).add(chunk.len() - 1 - at).write(row);
                first = first.add(usize::from(!goes_right(*column.get_unchecked(row.index()))));
            }
        }
    }
    // SAFETY: both lie in `target` or right after it, `first` not before `start`.
    let mut left = unsafe { first.offset_from_unsigned(start) };
    for &row in rest {
        waiting -= 1;
        target[left] = row;
        target[left + waiting] = row;
        left += usize::from(!goes_right(column[row.index()]));
    }
    left
}

/// Writes those of `source` that go to one side into the front of `target`;
/// returns how many.
#[expect(unsafe_code, reason = "half of `partition`, and as hot")]
#[inline(never)]
pub(crate) fn filter<R: HasRow>(
    source: &[R],
    target: &mut [R],
    column: &[u8],
    stays: impl Fn(u8) -> bool,
) -> usize {
    assert_eq!(
        source.len(),
        target.len(),
        "a filter into another number of rows"
    );
    let start = target.as_mut_ptr();
    let mut place = start;
    in_chunks(source, |row| {
        // SAFETY: rows are in the column as in `partition`; at most one place
        // is taken a row.
        unsafe {
            place.write(row);
            place = place.add(usize::from(stays(*column.get_unchecked(row.index()))));
        }
    });
    // SAFETY: both lie in `target` or right after it, `place` not before `start`.
    unsafe { place.offset_from_unsigned(start) }
}
