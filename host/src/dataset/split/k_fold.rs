//! Folds of single rows: [`k_fold`] and [`stratified`].

use rand_chacha::ChaCha8Rng;

use super::error::SplitError;
use crate::dataset::category::MISSING;
use crate::random;

/// scikit-learn's `KFold` over rows in this order: each fold takes the next
/// `rows / folds` rows, the first `rows % folds` folds one more.
pub(super) fn k_fold(order: &[u32], folds: u32) -> Result<Vec<i32>, SplitError> {
    let rows = order.len();
    let count = folds as usize;
    if count > rows {
        return Err(SplitError::TooFewRows { folds, rows });
    }
    let mut of_rows = vec![0; rows];
    let mut order = order.iter();
    for fold in 0..count {
        let size = rows / count + usize::from(fold < rows % count);
        for row in order.by_ref().take(size) {
            of_rows[*row as usize] = fold as i32;
        }
    }
    Ok(of_rows)
}

/// scikit-learn's `StratifiedKFold`: the rows sorted by class are assigned to
/// the folds in turn, which gives the number of rows of each class in each
/// fold; the rows of a class then fill the folds one after the other.
pub(super) fn stratified(
    classes: &[u32],
    folds: u32,
    mut random: Option<&mut ChaCha8Rng>,
    rare_classes: &mut Vec<(u32, usize)>,
) -> Result<Vec<i32>, SplitError> {
    let rows = classes.len();
    let count = folds as usize;
    if count > rows {
        return Err(SplitError::TooFewRows { folds, rows });
    }
    // Numbered by first appearance in these rows, as in scikit-learn: the
    // hold-out may have taken the first row of a class.
    let highest = classes.iter().max().map_or(0, |class| *class as usize + 1);
    let mut number = vec![MISSING; highest];
    let mut sizes: Vec<usize> = Vec::new();
    let mut of_number = Vec::new();
    for class in classes {
        let number = &mut number[*class as usize];
        if *number == MISSING {
            *number = sizes.len() as u32;
            sizes.push(0);
            of_number.push(*class);
        }
        sizes[*number as usize] += 1;
    }
    let most = sizes.iter().copied().max().unwrap_or(0);
    if most < count {
        return Err(SplitError::TooFewOfEachClass { folds, most });
    }
    for (class, size) in of_number.iter().zip(&sizes) {
        if *size < count {
            rare_classes.push((*class, *size));
        }
    }

    let mut start = 0;
    let mut of_class: Vec<std::vec::IntoIter<i32>> = Vec::new();
    for size in &sizes {
        let mut folds_of_class = Vec::with_capacity(*size);
        for fold in 0..count {
            // Positions start..start + size of the sorted rows, every
            // `count`th one from `fold` on.
            let upto = |end: usize| (end + count - 1 - fold) / count;
            let share = upto(start + size) - upto(start);
            folds_of_class.extend(std::iter::repeat_n(fold as i32, share));
        }
        start += size;
        if let Some(random) = random.as_deref_mut() {
            random::shuffle(&mut folds_of_class, random);
        }
        of_class.push(folds_of_class.into_iter());
    }
    let fold = |class: &u32| {
        of_class[number[*class as usize] as usize]
            .next()
            .unwrap_or_default()
    };
    Ok(classes.iter().map(fold).collect())
}
