//! Splits that columns of the table give: [`predefined`] and [`columns`].

use rustc_hash::FxHashMap;

use super::assignment::{Builder, NEVER_TESTED};
use super::coded::Coded;
use super::error::SplitError;
use super::marks::{Mark, Marks};
use crate::dataset::category::MISSING;
use crate::dataset::labels::sorted_labels;

/// scikit-learn's `PredefinedSplit`: the folds that a column names, numbered in
/// the order of its values. A row without a value, or with -1, is in every
/// training set.
pub(super) fn predefined(
    column: &str,
    folds: Coded<'_>,
    rows: &[u32],
) -> Result<(Vec<i32>, u32), SplitError> {
    let never = |label: &str| label == "-1";
    let names: Vec<String> = sorted_labels(folds.labels)
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

/// Adds the splits that columns of the user's mark, but for the rows that are
/// held out.
pub(super) fn columns(
    columns: Vec<(String, Marks)>,
    held_out: Option<&[bool]>,
    builder: &mut Builder<'_>,
) -> Result<(), SplitError> {
    builder.expect_marks(columns.len() as u128)?;
    for (column, mut marks) in columns {
        for (row, held) in held_out.into_iter().flatten().enumerate() {
            if *held {
                marks.set(row, Mark::Neither);
            }
        }
        for (mark, what, value) in [
            (Mark::Test, "test", "test"),
            (Mark::Train, "train on", "train"),
        ] {
            if !marks.has(mark) {
                return Err(SplitError::NoMark {
                    column,
                    what,
                    value,
                    held_out: held_out.is_some(),
                });
            }
        }
        // The columns of the file have names of their own: one of the table may be
        // called like the hold-out's.
        builder.add(marks);
    }
    Ok(())
}
