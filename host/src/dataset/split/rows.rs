//! Splits that leave out single rows, and those of time series.

use fanout_contract::Train;

use super::assignment::{Builder, NEVER_TESTED};
use super::combinations::{Combinations, binomial};
use super::error::SplitError;
use super::marks::Mark;

/// Adds the splits of scikit-learn's `LeaveOneOut`, in one column.
pub(super) fn leave_one_out(rows: usize, builder: &mut Builder<'_>) -> Result<(), SplitError> {
    check_left_out("leave_one_out", rows, 1)?;
    builder.expect_folds(rows as u128, 1)?;
    let of_rows: Vec<i32> = (0..rows as i32).collect();
    builder.folds(&of_rows, rows as u32, Train::Rest)
}

/// Adds the splits of scikit-learn's `LeavePOut`: each set of `out` rows.
pub(super) fn leave_p_out(
    rows: usize,
    out: u32,
    builder: &mut Builder<'_>,
) -> Result<(), SplitError> {
    check_left_out("leave_p_out", rows, out)?;
    builder.expect_marks(binomial(rows, out as usize))?;
    for set in Combinations::new(rows, out as usize) {
        builder.split(|row| match set.binary_search(&row) {
            Ok(_) => Mark::Test,
            Err(_) => Mark::Train,
        })?;
    }
    Ok(())
}

fn check_left_out(method: &'static str, rows: usize, out: u32) -> Result<(), SplitError> {
    match out as usize >= rows {
        true => Err(SplitError::NothingLeft {
            method,
            out,
            of: rows,
            what: "rows",
            remedy: match out {
                1 => "bring more rows",
                _ => "leave out fewer with `p`",
            },
        }),
        false => Ok(()),
    }
}

/// The fields of `time_series_split`.
#[derive(Clone, Copy)]
pub(super) struct TimeSeries {
    pub(super) splits: u32,
    pub(super) max_train_size: Option<u32>,
    pub(super) test_size: Option<u32>,
    pub(super) gap: u32,
}

/// Adds the splits of scikit-learn's `TimeSeriesSplit`: the last rows in blocks,
/// each tested by what is before it. They share a column where all rows before
/// are trained on.
pub(super) fn time_series(
    rows: usize,
    plan: TimeSeries,
    builder: &mut Builder<'_>,
) -> Result<(), SplitError> {
    let TimeSeries {
        splits,
        max_train_size,
        test_size,
        gap,
    } = plan;
    let count = splits as usize;
    if count + 1 > rows {
        return Err(SplitError::TooFewInTime { splits, rows });
    }
    let test = test_size.map_or(rows / (count + 1), |size| size as usize);
    let tested = test.saturating_mul(count);
    let first = rows
        .checked_sub(tested)
        .filter(|first| *first > gap as usize);
    let Some(first) = first else {
        return Err(SplitError::NothingBefore {
            splits,
            test,
            gap,
            rows,
        });
    };
    if gap == 0 && max_train_size.is_none() {
        let fold = |row: usize| match row.checked_sub(first) {
            Some(after) => (after / test) as i32,
            None => NEVER_TESTED,
        };
        let of_rows: Vec<i32> = (0..rows).map(fold).collect();
        return builder.folds(&of_rows, splits, Train::Before);
    }
    builder.expect_marks(splits.into())?;
    for split in 0..count {
        let tested = first + split * test..first + (split + 1) * test;
        let end = tested.start - gap as usize;
        let start = max_train_size.map_or(0, |most| end.saturating_sub(most as usize));
        builder.split(|row| match row {
            row if tested.contains(&row) => Mark::Test,
            row if (start..end).contains(&row) => Mark::Train,
            _ => Mark::Neither,
        })?;
    }
    Ok(())
}
