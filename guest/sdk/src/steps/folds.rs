//! The folds of a cross-fitted step: scikit-learn's `KFold` and `StratifiedKFold`.

use crate::Fault;
use crate::random::Random;

/// By training row: its fold of `folds`, stratified by `classes` if there are any.
/// Without a seed the rows of a fold follow each other as scikit-learn's do with
/// `shuffle=False`; with one they are shuffled by a generator of our own.
///
/// # Errors
/// [`Fault::Failed`] if there are fewer rows, or fewer rows of every class, than
/// folds.
pub(super) fn assign(
    rows: usize,
    classes: Option<&[u32]>,
    folds: usize,
    seed: Option<u64>,
) -> Result<Vec<usize>, Fault> {
    let mut random = seed.map(Random::new);
    let Some(classes) = classes else {
        if folds > rows {
            return Err(Fault::Failed(format!(
                "{folds} folds need as many training rows, but there are {rows}"
            )));
        }
        let mut order: Vec<usize> = (0..rows).collect();
        if let Some(random) = &mut random {
            random.shuffle(&mut order);
        }
        let mut assigned = vec![0; rows];
        for (place, row) in order.into_iter().enumerate() {
            // The first `rows % folds` folds have one row more.
            let (size, more) = (rows / folds, rows % folds);
            let longer = (size + 1) * more;
            assigned[row] = if place < longer {
                place / (size + 1)
            } else {
                more + (place - longer) / size
            };
        }
        return Ok(assigned);
    };
    // Classes are numbered by first appearance.
    let mut renumbered = Vec::new();
    let numbers: Vec<usize> = classes
        .iter()
        .map(|class| {
            renumbered
                .iter()
                .position(|known| known == class)
                .unwrap_or_else(|| {
                    renumbered.push(*class);
                    renumbered.len() - 1
                })
        })
        .collect();
    let mut counts = vec![0; renumbered.len()];
    numbers.iter().for_each(|&class| counts[class] += 1);
    if counts.iter().all(|&count| count < folds) {
        return Err(Fault::Failed(format!(
            "{folds} folds need a class of as many training rows, but the most frequent has {}",
            counts.iter().max().unwrap_or(&0)
        )));
    }
    // Row `i` of the rows sorted by class goes to fold `i % folds`: so many rows of
    // a class does each fold get.
    let mut start = 0;
    let mut of_class: Vec<Vec<usize>> = Vec::with_capacity(counts.len());
    for &count in &counts {
        let mut assigned: Vec<usize> = (start..start + count).map(|place| place % folds).collect();
        assigned.sort_unstable();
        if let Some(random) = &mut random {
            random.shuffle(&mut assigned);
        }
        of_class.push(assigned);
        start += count;
    }
    let mut next = vec![0; counts.len()];
    let folds = numbers.into_iter().map(|class| {
        next[class] += 1;
        of_class[class][next[class] - 1]
    });
    Ok(folds.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shuffled_folds_have_the_sizes_of_unshuffled_ones() {
        let classes: Vec<u32> = (0..103).map(|row| u32::from(row % 7 == 0)).collect();
        for classes in [None, Some(classes.as_slice())] {
            let counts = |seed| {
                let mut counts = vec![[0; 2]; 5];
                for (row, fold) in assign(103, classes, 5, seed)
                    .unwrap()
                    .into_iter()
                    .enumerate()
                {
                    counts[fold][classes.map_or(0, |classes| classes[row] as usize)] += 1;
                }
                counts
            };
            assert_eq!(counts(Some(1)), counts(None));
            let folds = |seed| assign(103, classes, 5, seed).unwrap();
            assert_ne!(folds(Some(1)), folds(Some(2)));
            assert_ne!(folds(Some(1)), folds(None));
        }
    }
}
