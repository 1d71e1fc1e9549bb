//! [`Schema`]: the features that a model was fitted on, to read those of another
//! table by name and label. Values are neither scaled nor imputed.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::{Fault, Feature, Table, Values};

/// The features of a table, in order. Part of a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schema {
    features: Vec<Feature>,
}

impl Schema {
    /// The features of `table`.
    pub fn of(table: &Table) -> Self {
        Self {
            features: table.features().to_vec(),
        }
    }

    /// The features.
    pub fn features(&self) -> &[Feature] {
        &self.features
    }

    /// The values in `table` of feature `index` of this schema, one per row. The
    /// feature is found by name. Categories are indices into the labels of this
    /// schema; unknown labels are missing.
    ///
    /// # Errors
    /// If the table has no such feature, it is of another kind, or it can't be
    /// read.
    pub fn values(&self, table: &Table, index: usize) -> Result<Values, Fault> {
        let feature = &self.features[index];
        let place = table
            .features()
            .iter()
            .position(|found| found.name == feature.name)
            .ok_or_else(|| {
                Fault::InvalidDataset(format!(
                    "the model was fitted on a feature `{}`, which the dataset does not have",
                    feature.name
                ))
            })?;
        let found = &table.features()[place].labels;
        let mut values = table.values(place)?;
        match (&feature.labels, found, &mut values) {
            (None, None, Values::Number(_)) => {}
            (Some(ours), Some(theirs), Values::Category(codes)) if ours != theirs => {
                let known: HashMap<&str, u32> = ours.iter().map(String::as_str).zip(0..).collect();
                let recode: Vec<u32> = theirs
                    .iter()
                    .map(|label| {
                        known
                            .get(label.as_str())
                            .copied()
                            .unwrap_or(Values::MISSING)
                    })
                    .collect();
                for code in codes.iter_mut().filter(|code| **code != Values::MISSING) {
                    *code = recode[*code as usize];
                }
            }
            (Some(_), Some(_), Values::Category(_)) => {}
            _ => {
                let kind = |labels: &Option<_>| match labels {
                    Some(_) => "a category",
                    None => "a number",
                };
                return Err(Fault::InvalidDataset(format!(
                    "feature `{}` is {} in the model, but {} in the dataset",
                    feature.name,
                    kind(&feature.labels),
                    kind(found)
                )));
            }
        }
        Ok(values)
    }

    /// All values in `table` as a matrix of shape (rows, features). A category is
    /// the index of its label; a missing value is NaN.
    ///
    /// # Errors
    /// As [`Self::values`].
    #[cfg(feature = "ndarray")]
    pub fn records(&self, table: &Table) -> Result<ndarray::Array2<f64>, Fault> {
        let mut records = ndarray::Array2::zeros((table.rows(), self.features.len()));
        for (index, mut column) in records.columns_mut().into_iter().enumerate() {
            match self.values(table, index)? {
                Values::Number(numbers) => {
                    column
                        .iter_mut()
                        .zip(numbers)
                        .for_each(|(cell, number)| *cell = number);
                }
                Values::Category(codes) => {
                    column.iter_mut().zip(codes).for_each(|(cell, code)| {
                        *cell = match code {
                            Values::MISSING => f64::NAN,
                            code => f64::from(code),
                        };
                    });
                }
            }
        }
        Ok(records)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{Column, ColumnKind, Role};

    fn table(columns: Vec<(&str, Option<&[&str]>, Values)>) -> Table {
        let columns = columns.into_iter().map(|(name, labels, values)| {
            let kind = match labels {
                None => ColumnKind::Number,
                Some(labels) => ColumnKind::Category {
                    labels: labels.iter().map(ToString::to_string).collect(),
                },
            };
            let column = Column {
                name: name.to_owned(),
                role: Role::Feature,
                kind,
            };
            (column, values)
        });
        Table::from_columns(columns.collect()).unwrap()
    }

    fn fitted() -> Schema {
        Schema::of(&table(vec![
            ("age", None, Values::Number(vec![1.0, 2.0])),
            ("port", Some(&["b", "a"]), Values::Category(vec![0, 1])),
        ]))
    }

    #[test]
    fn features_are_matched_by_name_and_categories_by_label() {
        let other = table(vec![
            (
                "port",
                Some(&["c", "b", "a"]),
                Values::Category(vec![0, 1, 2, Values::MISSING]),
            ),
            ("more", None, Values::Number(vec![0.0; 4])),
            ("age", None, Values::Number(vec![4.0, 5.0, 6.0, 7.0])),
        ]);
        let schema = fitted();
        assert_eq!(
            schema.values(&other, 0),
            Ok(Values::Number(vec![4.0, 5.0, 6.0, 7.0]))
        );
        assert_eq!(
            schema.values(&other, 1),
            Ok(Values::Category(vec![
                Values::MISSING,
                1,
                0,
                Values::MISSING
            ]))
        );
    }

    #[test]
    fn a_missing_feature_or_one_of_another_kind_is_an_error() {
        let other = table(vec![("port", None, Values::Number(vec![1.0]))]);
        let message = |index| fitted().values(&other, index).unwrap_err().to_string();
        assert_eq!(
            message(0),
            "invalid dataset: the model was fitted on a feature `age`, which the dataset does \
             not have"
        );
        assert_eq!(
            message(1),
            "invalid dataset: feature `port` is a category in the model, but a number in the dataset"
        );
    }
}
