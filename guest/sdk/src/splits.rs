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
    /// row, and at least one test row unless `split.test` is `None`.
    pub(crate) fn select(&self, split: &Split) -> Result<Rows, Fault> {
        let column = self
            .file
            .names()
            .position(|name| name == split.column)
            .ok_or_else(|| {
                let names: Vec<&str> = self.file.names().collect();
                Fault::InvalidTask(format!(
                    "the splits file has no column `{}`; its columns are `{}`",
                    split.column,
                    names.join("`, `")
                ))
            })?;
        let rows = select(&self.file.ints(column)?, split.test, split.train);
        if let Some(test) = split.test.filter(|_| rows.test.is_empty()) {
            return Err(Fault::InvalidTask(format!(
                "no row has the value {test} in column `{}` of the splits file, so that there are \
                 no rows to score",
                split.column
            )));
        }
        if rows.train.is_empty() {
            return Err(Fault::InvalidTask(format!(
                "column `{}` of the splits file leaves no training rows",
                split.column
            )));
        }
        Ok(rows)
    }
}

fn select(values: &[Option<i32>], test: Option<i32>, train: Train) -> Rows {
    let mut rows = Rows {
        train: Vec::new(),
        test: Vec::new(),
    };
    for (row, value) in (0u32..).zip(values) {
        let Some(value) = value else { continue };
        match (test, train) {
            (Some(test), _) if *value == test => rows.test.push(row),
            (Some(test), Train::Before) if *value > test => {}
            _ => rows.train.push(row),
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUES: [Option<i32>; 6] = [Some(0), None, Some(1), Some(2), Some(1), Some(0)];

    fn rows(train: &[u32], test: &[u32]) -> Rows {
        Rows {
            train: train.to_vec(),
            test: test.to_vec(),
        }
    }

    #[test]
    fn all_other_rows_are_training_rows() {
        let selected = select(&VALUES, Some(1), Train::Rest);
        assert_eq!(selected, rows(&[0, 3, 5], &[2, 4]));
    }

    #[test]
    fn only_rows_of_lesser_values_are_training_rows() {
        let selected = select(&VALUES, Some(1), Train::Before);
        assert_eq!(selected, rows(&[0, 5], &[2, 4]));
    }

    #[test]
    fn without_a_test_value_all_rows_are_training_rows() {
        let selected = select(&VALUES, None, Train::Rest);
        assert_eq!(selected, rows(&[0, 2, 3, 4, 5], &[]));
    }
}
