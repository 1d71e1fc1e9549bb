//! [`learning_curve`]: splits that train on the first of the training rows.

use rand_chacha::ChaCha8Rng;

use super::assignment::{Builder, SplitColumn};
use super::error::SplitError;
use super::marks::{Mark, Marks};
use crate::dataset::parts::{PartOf, SplitPart};
use crate::plan::SplitSize;
use crate::random;

/// Puts in the place of the splits of `builder`, for each size, these splits with so many
/// training rows, as scikit-learn's `learning_curve` takes them: the first ones,
/// after a shuffle where there is a generator. A split with fewer keeps all.
pub(super) fn learning_curve(
    sizes: &[SplitSize],
    mut random: Option<ChaCha8Rng>,
    builder: &mut Builder<'_>,
) -> Result<Vec<SplitPart>, SplitError> {
    let base = builder.take();
    let splits: Vec<(&SplitColumn, i32)> = base.iter().flat_map(SplitColumn::each).collect();
    let mut trained: Vec<Vec<u32>> = splits
        .iter()
        .map(|(column, split)| column.rows_with(*split, Mark::Train))
        .collect();
    let sizes = counts(sizes, trained.first().map_or(0, Vec::len))?;
    builder.expect_marks(sizes.len() as u128 * splits.len() as u128)?;
    for rows in &mut trained {
        if let Some(random) = &mut random {
            random::shuffle(rows, random);
        }
    }
    let mut parts = Vec::with_capacity(sizes.len());
    for size in sizes {
        for ((column, split), rows) in splits.iter().zip(&trained) {
            let mut marks = Marks::neither(column.rows());
            for row in column.rows_with(*split, Mark::Test) {
                marks.set(row as usize, Mark::Test);
            }
            for row in &rows[..rows.len().min(size as usize)] {
                marks.set(*row as usize, Mark::Train);
            }
            builder.add(marks);
        }
        parts.push(SplitPart {
            splits: splits.len() as u32,
            of: PartOf::TrainSize(size),
        });
    }
    Ok(parts)
}

/// The numbers of rows, ascending, each once, as scikit-learn's
/// `_translate_train_sizes` gives them: a share is rounded down, to 1 at least.
fn counts(sizes: &[SplitSize], most: usize) -> Result<Vec<u32>, SplitError> {
    let count = |size: &SplitSize| match *size {
        SplitSize::Fraction(share) => {
            Ok(((share * most as f64) as u32).clamp(1, most.max(1) as u32))
        }
        SplitSize::Count(count) if count as usize <= most => Ok(count),
        SplitSize::Count(size) => Err(SplitError::TrainSize { size, most }),
    };
    let mut counts: Vec<u32> = sizes.iter().map(count).collect::<Result<_, _>>()?;
    counts.sort_unstable();
    counts.dedup();
    Ok(counts)
}
