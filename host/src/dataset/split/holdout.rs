//! [`hold_out`]: the rows that are kept apart from a search.

use rand_chacha::ChaCha8Rng;

use super::coded::Coded;
use super::error::SplitError;
use super::iterative::iterative;
use super::sizes::apportion;
use crate::dataset::category::MISSING;
use crate::plan::Holdout;
use crate::random;

/// Draws the rows that are held out: as many as scikit-learn's
/// `train_test_split` takes, in all and, if stratified, of each class. By several targets, or
/// one that rows lack, it is stratified as [`iterative`] does.
pub(super) fn hold_out(
    holdout: &Holdout,
    rows: usize,
    classes: &[Coded<'_>],
    mut random: ChaCha8Rng,
) -> Result<Vec<bool>, SplitError> {
    let test = (holdout.fraction * rows as f64).ceil() as usize;
    let size = |left: String| SplitError::HoldoutSize {
        fraction: holdout.fraction.to_string(),
        rows,
        left,
    };
    if test >= rows {
        return Err(size("no row to search with".to_owned()));
    }
    if test == 0 {
        return Err(size("no row in the hold-out".to_owned()));
    }
    let mut held_out = vec![false; rows];
    if !holdout.stratify {
        let mut order: Vec<u32> = (0..rows as u32).collect();
        random::shuffle(&mut order, &mut random);
        order[..test]
            .iter()
            .for_each(|row| held_out[*row as usize] = true);
        return Ok(held_out);
    }
    let Coded {
        codes: classes,
        labels,
        ..
    } = match classes {
        [] => {
            return Err(SplitError::NotClasses {
                what: "a stratified hold-out".to_owned(),
                instead: "`stratify: false`",
            });
        }
        [one] if !one.codes.contains(&MISSING) => *one,
        several => {
            let all: Vec<u32> = (0..rows as u32).collect();
            let folds = iterative(&all, several, &[rows - test, test], Some(&mut random));
            return Ok(folds.into_iter().map(|fold| fold == 1).collect());
        }
    };
    let mut of_class: Vec<Vec<u32>> = vec![Vec::new(); labels.len()];
    for (row, class) in (0u32..).zip(classes) {
        of_class[*class as usize].push(row);
    }
    if let Some(class) = of_class.iter().position(|rows| rows.len() == 1) {
        return Err(SplitError::HoldoutClass {
            label: labels[class].clone(),
        });
    }
    if test.min(rows - test) < of_class.len() {
        let (small, name) = if test <= rows - test {
            (test, "in the hold-out")
        } else {
            (rows - test, "to search with")
        };
        return Err(size(format!(
            "{small} rows {name}, fewer than the {} classes",
            of_class.len()
        )));
    }
    let sizes: Vec<usize> = of_class.iter().map(Vec::len).collect();
    for (rows_of, train) in of_class.iter_mut().zip(apportion(&sizes, rows - test)) {
        random::shuffle(rows_of, &mut random);
        rows_of[train..]
            .iter()
            .for_each(|row| held_out[*row as usize] = true);
    }
    Ok(held_out)
}
