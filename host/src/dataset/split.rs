//! [`Assignment`]: the fold of each row, and the rows that are held out.
//!
//! Without shuffling, the folds are those of scikit-learn's splitters of the
//! same names. With shuffling they are drawn with ChaCha8 from the plan's seed:
//! the same plan and rows give the same folds in every version and on every
//! host.

use fanout_contract::{Split, Train};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rustc_hash::FxHashMap;

use super::category::MISSING;
use crate::plan::{Cv, Holdout};
use crate::random;

/// The column of the folds in a splits file.
pub(super) const FOLD: &str = "fold";

/// The column of the hold-out in a splits file: 1 is held out, 0 is not.
pub(super) const HOLDOUT: &str = "holdout";

/// The fold of a row that is in every training set.
const NEVER_TESTED: i32 = -1;

/// Why rows can't be split as the plan says.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SplitError {
    /// Fewer rows than folds.
    #[error(
        "can't make {folds} folds of {rows} rows; ask for fewer with `n_splits`, or bring more rows"
    )]
    TooFewRows {
        /// The number of folds.
        folds: u32,
        /// The number of rows of the search.
        rows: usize,
    },
    /// Every class has fewer rows than there are folds.
    #[error(
        "can't make {folds} stratified folds: every class has fewer rows than that, the most \
         frequent one {most}; ask for fewer with `n_splits`"
    )]
    TooFewOfEachClass {
        /// The number of folds.
        folds: u32,
        /// The rows of the most frequent class.
        most: usize,
    },
    /// A regression target where classes are needed.
    #[error("{what} needs classes, and the target holds numbers; use {instead}")]
    NotClasses {
        /// What needs them.
        what: &'static str,
        /// What to use.
        instead: &'static str,
    },
    /// The hold-out or the rest would be empty or too small.
    #[error("a hold-out of {fraction} of {rows} rows leaves {left}; choose another `fraction`")]
    HoldoutSize {
        /// The plan's fraction.
        fraction: String,
        /// The number of rows.
        rows: usize,
        /// What would be empty or too small.
        left: String,
    },
    /// More rows than 32 bits can number.
    #[error(
        "{rows} rows are more than the {} that fit in a dataset; take a sample",
        u32::MAX
    )]
    TooManyRows {
        /// The number of rows.
        rows: usize,
    },
    /// A class with one row can't be stratified.
    #[error(
        "the class `{label}` has one row, and a stratified hold-out needs two of each class; say \
         `stratify: false`, or leave the row out"
    )]
    HoldoutClass {
        /// Its label.
        label: String,
    },
    /// The column of the folds has no value.
    #[error("the column `{column}` names no fold; give each row to test a value")]
    NoFold {
        /// The column.
        column: String,
    },
    /// All rows are in one fold, so that none is left to train on.
    #[error(
        "the column `{column}` puts every row into the fold `{fold}`, and none is left to train \
         on; name two folds or more"
    )]
    OneFold {
        /// The column.
        column: String,
        /// The fold.
        fold: String,
    },
    /// The hold-out took all rows of a fold.
    #[error("after the hold-out, no row is left in the fold `{fold}` of the column `{column}`")]
    EmptyFold {
        /// The column.
        column: String,
        /// The fold.
        fold: String,
    },
}

/// The target of each row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target<'a> {
    /// The number of rows.
    pub(super) rows: usize,
    /// The class of each row, numbered by first appearance, and their labels;
    /// `None` for a regression target.
    pub(super) classes: Option<(&'a [u32], &'a [String])>,
}

/// The values of a column that names the folds.
#[derive(Clone, Copy, Debug)]
pub(super) struct FoldColumn<'a> {
    /// The code of each row's value.
    pub(super) codes: &'a [u32],
    /// The values, by code.
    pub(super) labels: &'a [String],
}

/// The fold of each row, and the rows that are held out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Assignment {
    /// The fold of each row; `None` if it is held out.
    pub(super) fold: Vec<Option<i32>>,
    /// The number of folds.
    pub(super) folds: u32,
    /// Whether each row is held out.
    pub(super) holdout: Option<Vec<bool>>,
    /// Classes with fewer rows than there are folds: code and number of rows.
    pub(super) rare_classes: Vec<(u32, usize)>,
}

impl Assignment {
    /// The splits of the search, in order.
    pub(super) fn splits(&self) -> Vec<Split> {
        (0..self.folds as i32)
            .map(|fold| split(FOLD, Some(fold)))
            .collect()
    }

    /// Trains on all rows of the search, tests none.
    pub(super) fn refit(&self) -> Split {
        split(FOLD, None)
    }

    /// Trains on all rows of the search, tests those that are held out.
    pub(super) fn holdout(&self) -> Option<Split> {
        self.holdout.as_ref().map(|_| split(HOLDOUT, Some(1)))
    }
}

fn split(column: &str, test: Option<i32>) -> Split {
    Split {
        column: column.to_owned(),
        test,
        train: Train::Rest,
    }
}

/// Assigns the rows of a dataset: first the hold-out, then the folds of the
/// rest.
pub(super) fn assign(
    cv: &Cv,
    holdout: Option<&Holdout>,
    target: Target<'_>,
    folds: Option<FoldColumn<'_>>,
) -> Result<Assignment, SplitError> {
    if u32::try_from(target.rows).is_err() {
        return Err(SplitError::TooManyRows { rows: target.rows });
    }
    let held_out = holdout
        .map(|holdout| hold_out(holdout, target))
        .transpose()?;
    let rows = 0..target.rows as u32;
    let rows: Vec<u32> = match &held_out {
        Some(held_out) => rows.filter(|row| !held_out[*row as usize]).collect(),
        None => rows.collect(),
    };
    let mut rare_classes = Vec::new();
    let (of_rows, count) = match cv {
        Cv::KFold {
            n_splits,
            shuffle,
            random_state,
        } => {
            let mut order: Vec<u32> = (0..rows.len() as u32).collect();
            if *shuffle {
                random::shuffle(&mut order, &mut generator(*random_state, Purpose::Folds));
            }
            (k_fold(&order, *n_splits)?, *n_splits)
        }
        Cv::StratifiedKFold {
            n_splits,
            shuffle,
            random_state,
        } => {
            let (classes, _) = target.classes.ok_or(SplitError::NotClasses {
                what: "`stratified_k_fold`",
                instead: "`k_fold`",
            })?;
            let classes: Vec<u32> = rows.iter().map(|row| classes[*row as usize]).collect();
            let mut random = shuffle.then(|| generator(*random_state, Purpose::Folds));
            (
                stratified(&classes, *n_splits, random.as_mut(), &mut rare_classes)?,
                *n_splits,
            )
        }
        Cv::PredefinedSplit { column } => {
            let folds = folds.ok_or_else(|| SplitError::NoFold {
                column: column.clone(),
            })?;
            predefined(column, folds, &rows)?
        }
    };
    let mut fold = vec![None; target.rows];
    for (row, of_row) in rows.into_iter().zip(of_rows) {
        fold[row as usize] = Some(of_row);
    }
    Ok(Assignment {
        fold,
        folds: count,
        holdout: held_out,
        rare_classes,
    })
}

/// What random numbers are used for: each purpose has a stream of its own.
#[derive(Clone, Copy)]
enum Purpose {
    Folds = 0,
    Holdout = 1,
}

fn generator(seed: u64, purpose: Purpose) -> ChaCha8Rng {
    let mut generator = ChaCha8Rng::seed_from_u64(seed);
    generator.set_stream(purpose as u64);
    generator
}

/// scikit-learn's `KFold` over rows in this order: each fold takes the next
/// `rows / folds` rows, the first `rows % folds` folds one more.
fn k_fold(order: &[u32], folds: u32) -> Result<Vec<i32>, SplitError> {
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
fn stratified(
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

/// scikit-learn's `PredefinedSplit`: the folds that a column names, numbered in
/// the order of its values. A row without a value, or with -1, is in every
/// training set.
fn predefined(
    column: &str,
    folds: FoldColumn<'_>,
    rows: &[u32],
) -> Result<(Vec<i32>, u32), SplitError> {
    let never = |label: &str| label == "-1";
    let names: Vec<String> = super::labels::sorted_labels(folds.labels)
        .into_iter()
        .filter(|label| !never(label))
        .collect();
    let number: FxHashMap<&str, usize> = names
        .iter()
        .enumerate()
        .map(|(number, name)| (name.as_str(), number))
        .collect();
    let numbers: Vec<Option<usize>> = folds
        .labels
        .iter()
        .map(|label| number.get(label.as_str()).copied())
        .collect();
    let mut sizes = vec![0_usize; names.len()];
    let of_rows: Vec<i32> = rows
        .iter()
        .map(|row| match folds.codes[*row as usize] {
            MISSING => NEVER_TESTED,
            code => numbers[code as usize].map_or(NEVER_TESTED, |fold| {
                sizes[fold] += 1;
                fold as i32
            }),
        })
        .collect();
    if names.is_empty() {
        return Err(SplitError::NoFold {
            column: column.to_owned(),
        });
    }
    if let Some(fold) = sizes.iter().position(|size| *size == rows.len()) {
        let fold = names[fold].clone();
        return Err(SplitError::OneFold {
            column: column.to_owned(),
            fold,
        });
    }
    if let Some(fold) = sizes.iter().position(|size| *size == 0) {
        let fold = names[fold].clone();
        return Err(SplitError::EmptyFold {
            column: column.to_owned(),
            fold,
        });
    }
    Ok((of_rows, names.len() as u32))
}

/// Draws the rows that are held out: as many as scikit-learn's
/// `train_test_split` takes, in all and, if stratified, of each class.
fn hold_out(holdout: &Holdout, target: Target<'_>) -> Result<Vec<bool>, SplitError> {
    let rows = target.rows;
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
    let mut random = generator(holdout.random_state, Purpose::Holdout);
    let mut held_out = vec![false; rows];
    if !holdout.stratify {
        let mut order: Vec<u32> = (0..rows as u32).collect();
        random::shuffle(&mut order, &mut random);
        order[..test]
            .iter()
            .for_each(|row| held_out[*row as usize] = true);
        return Ok(held_out);
    }
    let (classes, labels) = target.classes.ok_or(SplitError::NotClasses {
        what: "a stratified hold-out",
        instead: "`stratify: false`",
    })?;
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

/// Divides `total` in proportion to `sizes`, by largest remainder. This is
/// scikit-learn's `_approximate_mode`, except that ties go to the first.
fn apportion(sizes: &[usize], total: usize) -> Vec<usize> {
    let sum: u128 = sizes.iter().map(|size| *size as u128).sum();
    let exact = |size: usize| size as u128 * total as u128;
    let mut shares: Vec<usize> = sizes
        .iter()
        .map(|size| (exact(*size) / sum) as usize)
        .collect();
    let left = total - shares.iter().sum::<usize>();
    let mut order: Vec<usize> = (0..sizes.len()).collect();
    order.sort_by_key(|class| std::cmp::Reverse(exact(sizes[*class]) % sum));
    order[..left].iter().for_each(|class| shares[*class] += 1);
    shares
}

#[cfg(test)]
mod tests;
