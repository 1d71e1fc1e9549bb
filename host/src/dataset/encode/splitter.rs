//! [`SplitterInputs`]: the columns that the splitter reads beside the target.

use super::EncodeError;
use crate::dataset::category::{Labels, MISSING};
use crate::dataset::labels::find_label;
use crate::dataset::split::Mark;
use crate::plan::{Cv, DatasetPlan, Kind, matching};

/// Those columns, as numbers of inputs or of the source's columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SplitterInputs {
    /// None.
    None,
    /// The folds; a row may have none.
    Folds(usize),
    /// The groups; every row has one.
    Groups(usize),
    /// The user's splits.
    Splits(Vec<usize>),
}

/// What the splitter's columns hold in a batch.
#[derive(Debug)]
pub(in crate::dataset) enum SplitterValues {
    /// No column is read.
    None,
    /// The code of each row's group or fold.
    Codes(Vec<u32>),
    /// What each row is in each of the user's splits.
    Marks(Vec<Vec<Mark>>),
}

impl SplitterInputs {
    /// The source's columns that the plan names. `find` finds one by its name and
    /// its role in a message.
    pub(super) fn of(
        columns: &[&str],
        plan: &DatasetPlan,
        (cv, kind): (&Cv, &Kind),
        find: impl Fn(&str, &'static str) -> Result<usize, EncodeError>,
    ) -> Result<Self, EncodeError> {
        Ok(match (cv, &plan.groups) {
            (Cv::PredefinedSplit { column }, _) => {
                Self::Folds(find(column, "the column of the folds")?)
            }
            (Cv::Columns { columns: given }, _) => {
                let mut found = Vec::new();
                for name in given {
                    let matches = matching(name, columns.iter().copied());
                    if matches.is_empty() {
                        find(name, "a split of `cv.columns`")?;
                    }
                    for name in matches {
                        let index = find(name, "a split of `cv.columns`")?;
                        if !found.contains(&index) {
                            found.push(index);
                        }
                    }
                }
                Self::Splits(found)
            }
            (cv, Some(groups)) if cv.takes_groups() || kind.takes_groups() => {
                Self::Groups(find(groups, "the column of the groups")?)
            }
            _ => Self::None,
        })
    }

    /// The columns.
    pub(super) fn all(&self) -> &[usize] {
        match self {
            Self::None => &[],
            Self::Folds(column) | Self::Groups(column) => std::slice::from_ref(column),
            Self::Splits(columns) => columns,
        }
    }

    /// The same with other numbers.
    pub(super) fn map(&self, number: impl Fn(usize) -> usize) -> Self {
        match self {
            Self::None => Self::None,
            Self::Folds(column) => Self::Folds(number(*column)),
            Self::Groups(column) => Self::Groups(number(*column)),
            Self::Splits(columns) => Self::Splits(columns.iter().copied().map(number).collect()),
        }
    }
}

/// The marks of a batch of one of the user's splits. The row in an error is among
/// those of the batch.
pub(super) fn marks(codes: &[u32], labels: &Labels) -> Result<Vec<Mark>, (usize, String)> {
    let of_labels: Vec<Option<Mark>> = labels.iter().map(|label| mark(label)).collect();
    let mark = |(row, code): (usize, &u32)| match *code {
        MISSING => Ok(Mark::Neither),
        code => of_labels[code as usize].ok_or_else(|| (row, labels[code as usize].to_string())),
    };
    codes.iter().enumerate().map(mark).collect()
}

/// `train`, 0 and false; `test`, 1 and true.
fn mark(label: &str) -> Option<Mark> {
    match label.trim() {
        text if text.eq_ignore_ascii_case("train") => Some(Mark::Train),
        text if text.eq_ignore_ascii_case("test") => Some(Mark::Test),
        "" => Some(Mark::Neither),
        text => match find_label(&["0", "1"], text)? {
            0 => Some(Mark::Train),
            _ => Some(Mark::Test),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_trained_on_tested_or_neither() {
        for label in ["train", "Train", " TRAIN ", "0", "0.0", "false", "False"] {
            assert_eq!(mark(label), Some(Mark::Train), "{label}");
        }
        for label in ["test", "TEST", "1", "1.0", "true"] {
            assert_eq!(mark(label), Some(Mark::Test), "{label}");
        }
        assert_eq!(mark(" "), Some(Mark::Neither));
        for label in ["-1", "2", "testing", "validation", "yes", "0.5"] {
            assert_eq!(mark(label), None, "{label}");
        }
    }
}
