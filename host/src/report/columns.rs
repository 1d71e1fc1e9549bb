//! [`Columns`]: the columns of `cv_results`, with scikit-learn's names and in
//! its order, for every format to go through. It holds no value of its own.
//!
//! | column | what |
//! | --- | --- |
//! | `mean_fit_time`, `std_fit_time` | seconds, over the splits |
//! | `param_<name>` | one for each searched hyper-parameter; nothing where the candidate has none |
//! | `params` | all of them, as a JSON object |
//! | `split<i>_test_<metric>`, `mean_test_<metric>`, `std_test_<metric>`, `rank_test_<metric>` | for each metric |
//! | `split<i>_train_<metric>`, `mean_train_<metric>`, `std_train_<metric>` | where the plan asks for train scores |
//!
//! The name contains the metric even where there is only one (there
//! scikit-learn writes `score`). There is no score time: a task's wall time
//! is not split in two.

use fanout_contract::Params;
use serde::Serialize;
use serde::ser::{SerializeMap as _, Serializer};
use serde_json::Value;

use crate::expand::Candidates;
use crate::reduce::{ScoreTable, SearchResults};

/// The columns of a search's results.
#[derive(Clone, Debug)]
pub struct Columns<'a> {
    candidates: &'a Candidates,
    columns: Vec<Column<'a>>,
}

/// One column.
#[derive(Clone, Debug)]
pub struct Column<'a> {
    /// Its name.
    pub name: String,
    /// Its values.
    pub values: Values<'a>,
}

/// The values of a column, one a candidate.
#[derive(Clone, Debug)]
pub enum Values<'a> {
    /// Scores or seconds.
    Floats(&'a [f64]),
    /// The scores on one split.
    Split(&'a ScoreTable, usize),
    /// Ranks.
    Ranks(&'a [i32]),
    /// The values of the searched hyper-parameter of this name.
    Param(String, &'a Candidates),
    /// All searched hyper-parameters.
    Params(&'a Candidates),
}

/// One value of a column.
#[derive(Clone, Debug)]
pub enum Cell<'a> {
    /// A score or seconds.
    Float(f64),
    /// A rank.
    Rank(i32),
    /// A hyper-parameter's value; `None`: the candidate has no such one.
    Param(Option<&'a Value>),
    /// A candidate's searched hyper-parameters.
    Params(Params),
}

impl<'a> Columns<'a> {
    /// The columns of these results. `candidates` are the searched
    /// hyper-parameters, by candidate.
    pub fn new(candidates: &'a Candidates, results: &'a SearchResults) -> Self {
        let mut columns = vec![
            Column {
                name: "mean_fit_time".to_owned(),
                values: Values::Floats(&results.fit_time.mean),
            },
            Column {
                name: "std_fit_time".to_owned(),
                values: Values::Floats(&results.fit_time.std),
            },
        ];
        for name in candidates.names() {
            let values = Values::Param(name.clone(), candidates);
            columns.push(Column {
                name: format!("param_{name}"),
                values,
            });
        }
        columns.push(Column {
            name: "params".to_owned(),
            values: Values::Params(candidates),
        });
        for metric in &results.metrics {
            let name = &metric.name;
            let tables = [
                ("test", Some(&metric.test)),
                ("train", metric.train.as_ref()),
            ];
            for (rows, table) in tables {
                let Some(table) = table else { continue };
                for split in 0..results.splits {
                    let values = Values::Split(table, split);
                    columns.push(Column {
                        name: format!("split{split}_{rows}_{name}"),
                        values,
                    });
                }
                for (what, values) in [("mean", &table.mean), ("std", &table.std)] {
                    let values = Values::Floats(values);
                    columns.push(Column {
                        name: format!("{what}_{rows}_{name}"),
                        values,
                    });
                }
                if rows == "test" {
                    let values = Values::Ranks(&metric.rank);
                    columns.push(Column {
                        name: format!("rank_test_{name}"),
                        values,
                    });
                }
            }
        }
        Self {
            candidates,
            columns,
        }
    }

    /// Columns of another table, whose rows are those of `candidates`.
    pub fn of(candidates: &'a Candidates, columns: Vec<Column<'a>>) -> Self {
        Self {
            candidates,
            columns,
        }
    }

    /// How many values a column has.
    pub fn candidates(&self) -> usize {
        self.candidates.len()
    }

    /// The columns, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Column<'a>> {
        self.columns.iter()
    }
}

impl<'a> Column<'a> {
    /// The value of one candidate.
    pub fn cell(&self, candidate: usize) -> Cell<'a> {
        match &self.values {
            Values::Floats(values) => Cell::Float(values[candidate]),
            Values::Split(table, split) => Cell::Float(table.of(candidate)[*split]),
            Values::Ranks(values) => Cell::Rank(values[candidate]),
            Values::Param(name, candidates) => Cell::Param(candidates.value(candidate, name)),
            Values::Params(candidates) => Cell::Params(candidates.get(candidate)),
        }
    }
}

/// Shortest text that reads back as the same number; NaN and infinities are
/// null, as in all JSON of ours.
impl Serialize for Cell<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Float(value) => value.serialize(serializer),
            Self::Rank(value) => value.serialize(serializer),
            Self::Param(value) => value.serialize(serializer),
            Self::Params(params) => params.serialize(serializer),
        }
    }
}

/// A list of the values.
impl Serialize for Column<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let candidates = match &self.values {
            Values::Floats(values) => values.len(),
            Values::Split(table, _) => table.mean.len(),
            Values::Ranks(values) => values.len(),
            Values::Param(_, candidates) | Values::Params(candidates) => candidates.len(),
        };
        serializer.collect_seq((0..candidates).map(|candidate| self.cell(candidate)))
    }
}

/// An object of the columns, the same dictionary as `cv_results_`.
impl Serialize for Columns<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.columns.len()))?;
        for column in &self.columns {
            map.serialize_entry(&column.name, column)?;
        }
        map.end()
    }
}
