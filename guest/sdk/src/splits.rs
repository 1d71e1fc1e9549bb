//! [`Splits`]: the training and test rows of splits, as read from the splits
//! file that the host wrote.

use bytes::Bytes;

use crate::Fault;
use crate::contract::{Split, Train};
use crate::file::ColumnFile;

/// The splits file: one INT32 column per partition, one value per row of the
/// dataset, null for a row that takes no part.
#[derive(Debug)]
pub(crate) struct Splits {
    bytes: Bytes,
    file: ColumnFile,
}

/// The rows of one split, ascending.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Rows {
    /// The training rows.
    pub(crate) train: Vec<u32>,
    /// The test rows.
    pub(crate) test: Vec<u32>,
}

impl Splits {
    /// Reads the footer; a column is decoded when it is selected.
    pub(crate) fn open(bytes: Bytes) -> Result<Self, Fault> {
        let file = ColumnFile::open("splits file", bytes.clone())?;
        Ok(Self { bytes, file })
    }

    /// The whole file.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The number of rows.
    pub(crate) fn rows(&self) -> usize {
        self.file.rows()
    }

    /// The training and test rows of `split`. There is at least one training
    /// row, and at least one test row unless `split.test` is `None`; no row is
    /// both.
    pub(crate) fn select(&self, split: &Split) -> Result<Rows, Fault> {
        let values = self.ints(&split.column)?;
        let (rows, trained) = match &split.train {
            Train::Rest | Train::Before => {
                let before = split.train == Train::Before;
                (select(&values, split.test, before), &split.column)
            }
            Train::Column { name, value } => {
                let rows = select_given(&values, split.test, &self.ints(name)?, *value);
                let rows = rows.map_err(|row| {
                    Fault::InvalidTask(format!(
                        "row {row} (the first is 0) is a test row by column `{}` of the splits \
                         file and a training row by column `{name}`",
                        split.column
                    ))
                })?;
                (rows, name)
            }
        };
        if let Some(test) = split.test.filter(|_| rows.test.is_empty()) {
            return Err(Fault::InvalidTask(format!(
                "no row has the value {test} in column `{}` of the splits file, so that there are \
                 no rows to score",
                split.column
            )));
        }
        if rows.train.is_empty() {
            return Err(Fault::InvalidTask(format!(
                "column `{trained}` of the splits file leaves no training rows"
            )));
        }
        Ok(rows)
    }

    /// The values of a column.
    pub(crate) fn ints(&self, name: &str) -> Result<Vec<Option<i32>>, Fault> {
        let column = self.file.names().position(|known| known == name);
        let column = column.ok_or_else(|| {
            // Shuffled splits have a column each, thousands of them.
            const SHOWN: usize = 20;
            let names: Vec<&str> = self.file.names().take(SHOWN).collect();
            let more = match self.file.names().count() - names.len() {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            Fault::InvalidTask(format!(
                "the splits file has no column `{name}`; its columns are `{}`{more}",
                names.join("`, `")
            ))
        })?;
        self.file.ints(column)
    }
}

/// The rows of a split by one column; with `before`, only those of lesser values
/// than the test rows are training rows.
fn select(values: &[Option<i32>], test: Option<i32>, before: bool) -> Rows {
    let mut rows = Rows {
        train: Vec::new(),
        test: Vec::new(),
    };
    for (row, value) in (0u32..).zip(values) {
        let Some(value) = value else { continue };
        match test {
            Some(test) if *value == test => rows.test.push(row),
            Some(test) if before && *value > test => {}
            _ => rows.train.push(row),
        }
    }
    rows
}

/// The rows of a split whose training rows are those of `value` in `given`; the
/// first row that is also a test row is an error.
fn select_given(
    values: &[Option<i32>],
    test: Option<i32>,
    given: &[Option<i32>],
    value: i32,
) -> Result<Rows, u32> {
    let mut rows = Rows {
        train: Vec::new(),
        test: Vec::new(),
    };
    for (row, (of_test, of_train)) in (0u32..).zip(values.iter().zip(given)) {
        let is_test = test.is_some() && *of_test == test;
        match (is_test, *of_train == Some(value)) {
            (true, true) => return Err(row),
            (true, false) => rows.test.push(row),
            (false, true) => rows.train.push(row),
            (false, false) => {}
        }
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Cells, parquet};

    const VALUES: [Option<i32>; 6] = [Some(0), None, Some(1), Some(2), Some(1), Some(0)];
    const HALF: [Option<i32>; 6] = [Some(1), Some(1), Some(0), None, Some(0), Some(0)];

    fn rows(train: &[u32], test: &[u32]) -> Rows {
        Rows {
            train: train.to_vec(),
            test: test.to_vec(),
        }
    }

    fn selected(column: &str, test: Option<i32>, train: Train) -> Result<Rows, String> {
        let columns = [
            ("fold", Cells::Int(VALUES.to_vec())),
            ("half", Cells::Int(HALF.to_vec())),
        ];
        let splits = Splits::open(parquet(&columns, None, 4)).unwrap();
        let split = Split {
            column: column.to_owned(),
            test,
            train,
            shuffle: None,
        };
        splits.select(&split).map_err(|fault| fault.to_string())
    }

    fn half(value: i32) -> Train {
        Train::Column {
            name: "half".to_owned(),
            value,
        }
    }

    #[test]
    fn all_other_rows_are_training_rows() {
        let found = selected("fold", Some(1), Train::Rest);
        assert_eq!(found, Ok(rows(&[0, 3, 5], &[2, 4])));
    }

    #[test]
    fn only_rows_of_lesser_values_are_training_rows() {
        let found = selected("fold", Some(1), Train::Before);
        assert_eq!(found, Ok(rows(&[0, 5], &[2, 4])));
    }

    #[test]
    fn without_a_test_value_all_rows_are_training_rows() {
        let found = selected("fold", None, Train::Rest);
        assert_eq!(found, Ok(rows(&[0, 2, 3, 4, 5], &[])));
    }

    #[test]
    fn training_rows_are_given_by_a_column_of_their_own() {
        // Row 1 takes no part by `fold`, and is a training row all the same.
        assert_eq!(
            selected("fold", Some(1), half(1)),
            Ok(rows(&[0, 1], &[2, 4]))
        );
        assert_eq!(
            selected("fold", Some(2), half(0)),
            Ok(rows(&[2, 4, 5], &[3]))
        );
        assert_eq!(selected("fold", None, half(1)), Ok(rows(&[0, 1], &[])));
        // The same column may hold both.
        let train = Train::Column {
            name: "fold".to_owned(),
            value: 0,
        };
        assert_eq!(selected("fold", Some(2), train), Ok(rows(&[0, 5], &[3])));
    }

    #[test]
    fn given_training_rows_that_do_not_fit_are_faults() {
        assert_eq!(
            selected("fold", Some(1), half(0)),
            Err(
                "invalid task: row 2 (the first is 0) is a test row by column `fold` of the \
                 splits file and a training row by column `half`"
                    .to_owned()
            )
        );
        assert_eq!(
            selected("fold", Some(1), half(7)),
            Err(
                "invalid task: column `half` of the splits file leaves no training rows".to_owned()
            )
        );
        let other = Train::Column {
            name: "quarter".to_owned(),
            value: 0,
        };
        assert_eq!(
            selected("fold", Some(1), other),
            Err(
                "invalid task: the splits file has no column `quarter`; its columns are `fold`, \
                 `half`"
                    .to_owned()
            )
        );
        assert_eq!(
            selected("half", Some(7), Train::Rest),
            Err(
                "invalid task: no row has the value 7 in column `half` of the splits file, so \
                 that there are no rows to score"
                    .to_owned()
            )
        );
    }
}
