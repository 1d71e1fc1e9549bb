//! Splits whose rows are drawn anew each time. The rows are drawn as follows, from
//! one generator for all splits, so that fewer splits are the first ones of more:
//! the rows (or groups, or the rows of each class in the order of the classes) are
//! shuffled; the first ones are tested, and those after them trained on.

use rand_chacha::ChaCha8Rng;

use super::assignment::Builder;
use super::coded::{Coded, Ranked};
use super::error::SplitError;
use super::marks::Mark;
use super::sizes::{apportion, sizes};
use crate::plan::SplitSize;
use crate::random;

/// How shuffled splits are drawn.
pub(super) struct Draw {
    pub(super) splits: u32,
    pub(super) train: Option<SplitSize>,
    pub(super) test: Option<SplitSize>,
    pub(super) random: ChaCha8Rng,
}

/// Adds the splits of scikit-learn's `ShuffleSplit`, with its sizes.
pub(super) fn shuffle_split(
    rows: usize,
    mut draw: Draw,
    builder: &mut Builder<'_>,
) -> Result<(), SplitError> {
    let (train, test) = sizes(draw.train, draw.test, 0.1, rows, "rows")?;
    builder.expect_marks(draw.splits.into())?;
    for _ in 0..draw.splits {
        let marks = drawn(rows, train, test, &mut draw.random);
        builder.split(|row| marks[row])?;
    }
    Ok(())
}

/// Adds the splits of scikit-learn's `GroupShuffleSplit`, with its numbers of
/// groups.
pub(super) fn group_shuffle_split(
    groups: &Ranked,
    mut draw: Draw,
    builder: &mut Builder<'_>,
) -> Result<(), SplitError> {
    let (train, test) = sizes(draw.train, draw.test, 0.2, groups.count(), "groups")?;
    builder.expect_marks(draw.splits.into())?;
    for _ in 0..draw.splits {
        let marks = drawn(groups.count(), train, test, &mut draw.random);
        builder.split(|row| marks[groups.of_rows[row] as usize])?;
    }
    Ok(())
}

/// Adds the splits of scikit-learn's `StratifiedShuffleSplit`, with its sizes; of
/// classes with equal remainders, the first one gets the row.
pub(super) fn stratified_shuffle_split(
    classes: Coded<'_>,
    rows: &[u32],
    mut draw: Draw,
    builder: &mut Builder<'_>,
) -> Result<(), SplitError> {
    let ranked = Ranked::of(classes, rows);
    let (train, test) = sizes(draw.train, draw.test, 0.1, rows.len(), "rows")?;
    if let Some(class) = ranked.sizes.iter().position(|size| *size < 2) {
        let label = classes.labels[ranked.codes[class] as usize].clone();
        return Err(SplitError::LoneClass { label });
    }
    for (what, size) in [("train on", train), ("test", test)] {
        if size < ranked.count() {
            return Err(SplitError::FewerThanClasses {
                what,
                size,
                classes: ranked.count(),
            });
        }
    }
    builder.expect_marks(draw.splits.into())?;
    let trained = apportion(&ranked.sizes, train);
    let left = ranked.sizes.iter().zip(&trained);
    let left: Vec<usize> = left.map(|(size, trained)| size - trained).collect();
    let tested = apportion(&left, test);
    for _ in 0..draw.splits {
        let of_classes = ranked.sizes.iter().zip(trained.iter().zip(&tested));
        let mut of_classes: Vec<_> = of_classes
            .map(|(size, (train, test))| drawn(*size, *train, *test, &mut draw.random).into_iter())
            .collect();
        let marks: Vec<Mark> = ranked
            .of_rows
            .iter()
            .map(|class| of_classes[*class as usize].next())
            .map(|mark| mark.unwrap_or(Mark::Neither))
            .collect();
        builder.split(|row| marks[row])?;
    }
    Ok(())
}

/// Draws `test` and `train` of `count` things.
fn drawn(count: usize, train: usize, test: usize, random: &mut ChaCha8Rng) -> Vec<Mark> {
    let mut order: Vec<u32> = (0..count as u32).collect();
    random::shuffle(&mut order, random);
    let mut marks = vec![Mark::Neither; count];
    for (place, thing) in order.into_iter().take(test + train).enumerate() {
        marks[thing as usize] = match place < test {
            true => Mark::Test,
            false => Mark::Train,
        };
    }
    marks
}
