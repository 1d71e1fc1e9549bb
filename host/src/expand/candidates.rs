//! [`Candidates`]: the settings of the hyper-parameters that a search tries,
//! kept as indices into the few distinct values.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use fanout_contract::Params;
use serde_json::Value as Json;

use super::sample;
use crate::plan::{Search, Values};

/// A hyper-parameter that a candidate does not name.
const ABSENT: u32 = u32::MAX;

/// The candidates of a search, in the order of `cv_results_`. One takes four
/// bytes a searched hyper-parameter; its [`Params`] are made when they are
/// asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Candidates {
    /// The hyper-parameters that any candidate names, sorted.
    names: Vec<String>,
    /// By hyper-parameter: its distinct values. `1` and `1.0` are two.
    values: Vec<Vec<Json>>,
    /// Row-major, one row a candidate, one column a hyper-parameter: an index
    /// into `values`, or [`ABSENT`].
    cells: Vec<u32>,
    len: usize,
}

impl FromIterator<Params> for Candidates {
    fn from_iter<T: IntoIterator<Item = Params>>(candidates: T) -> Self {
        Self::of(&Search::List {
            candidates: candidates.into_iter().collect(),
        })
    }
}

impl Candidates {
    /// The candidates of a search:
    ///
    /// - grid: every combination, the names sorted, the last varying fastest,
    ///   as scikit-learn's `ParameterGrid` has them; of several grids, one
    ///   after the other;
    /// - random: drawn by ChaCha from the seed. Where all are lists, each
    ///   combination at most once, and no more than there are, as
    ///   `ParameterSampler` has it;
    /// - list: as they are written.
    pub fn of(search: &Search) -> Self {
        match search {
            Search::Grid { params } => {
                let mut table = Builder::new(params.iter().flat_map(BTreeMap::keys));
                for grid in params {
                    let axes = table.axes(grid.iter().map(|(name, values)| match values {
                        Values::List(values) => (name, values.as_slice()),
                        _ => unreachable!("a checked grid has lists alone"),
                    }));
                    let count = axes.iter().map(|axis| axis.cells.len()).product();
                    table.add_points(&axes, 0..count);
                }
                table.made
            }
            Search::Random {
                params,
                n_iter,
                random_state,
            } => {
                let mut table = Builder::new(params.keys());
                sample::draw(params, *n_iter as usize, *random_state, &mut table);
                table.made
            }
            Search::List { candidates } => {
                let mut table = Builder::new(candidates.iter().flat_map(BTreeMap::keys));
                for candidate in candidates {
                    table.add(candidate);
                }
                table.made
            }
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none; a checked plan has at least one.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The hyper-parameters that any candidate names, sorted.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Candidate `index`.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub fn get(&self, index: usize) -> Params {
        assert!(index < self.len, "candidate {index} of {}", self.len);
        let named =
            self.names.iter().enumerate().filter_map(|(column, name)| {
                Some((name.clone(), self.cell(index, column)?.clone()))
            });
        named.collect()
    }

    /// Every candidate, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Params> + '_ {
        (0..self.len).map(|index| self.get(index))
    }

    /// The value that candidate `index` gives to `name`, where it names it.
    pub fn value(&self, index: usize, name: &str) -> Option<&Json> {
        let column = self
            .names
            .binary_search_by(|known| known.as_str().cmp(name))
            .ok()?;
        self.cell(index, column)
    }

    /// The distinct values that candidates give to `name`.
    pub fn values(&self, name: &str) -> &[Json] {
        let column = self
            .names
            .binary_search_by(|known| known.as_str().cmp(name));
        column.map_or(&[], |column| &self.values[column])
    }

    /// Equal cells of one column are equal values.
    pub(super) fn row(&self, index: usize) -> &[u32] {
        let width = self.names.len();
        &self.cells[index * width..(index + 1) * width]
    }

    fn cell(&self, index: usize, column: usize) -> Option<&Json> {
        self.values[column].get(self.row(index)[column] as usize)
    }

    /// Name and value of some columns, where the candidate has them.
    pub(super) fn cells(
        &self,
        index: usize,
        columns: &[usize],
    ) -> impl Iterator<Item = (String, Json)> {
        columns.iter().filter_map(move |&column| {
            Some((
                self.names[column].clone(),
                self.cell(index, column)?.clone(),
            ))
        })
    }

    /// The columns in which all of `candidates` agree, and the others.
    pub(super) fn columns(&self, candidates: &[u32]) -> (Vec<usize>, Vec<usize>) {
        let first = self.row(candidates[0] as usize);
        (0..self.names.len()).partition(|&column| {
            candidates
                .iter()
                .all(|&candidate| self.row(candidate as usize)[column] == first[column])
        })
    }
}

/// Candidates that are being made.
pub(super) struct Builder {
    made: Candidates,
    /// By hyper-parameter: where a value stands, by its JSON.
    known: Vec<HashMap<String, u32>>,
}

/// One hyper-parameter of a grid.
pub(super) struct Axis {
    column: usize,
    pub(super) cells: Vec<u32>,
}

impl Builder {
    fn new<'a>(names: impl Iterator<Item = &'a String>) -> Self {
        let names: Vec<String> = names
            .collect::<BTreeSet<_>>()
            .into_iter()
            .cloned()
            .collect();
        let (values, known) = (
            vec![Vec::new(); names.len()],
            vec![HashMap::new(); names.len()],
        );
        Self {
            made: Candidates {
                names,
                values,
                ..Candidates::default()
            },
            known,
        }
    }

    fn cell(&mut self, column: usize, value: &Json) -> u32 {
        let values = &mut self.made.values[column];
        *self.known[column]
            .entry(value.to_string())
            .or_insert_with(|| {
                values.push(value.clone());
                u32::try_from(values.len() - 1).expect("values fit in 32 bits")
            })
    }

    /// The axes of a grid, in the order that is given: sorted by name.
    pub(super) fn axes<'a>(
        &mut self,
        lists: impl Iterator<Item = (&'a String, &'a [Json])>,
    ) -> Vec<Axis> {
        lists
            .map(|(name, values)| {
                let column = self
                    .made
                    .names
                    .binary_search(name)
                    .expect("every name has a column");
                Axis {
                    column,
                    cells: values
                        .iter()
                        .map(|value| self.cell(column, value))
                        .collect(),
                }
            })
            .collect()
    }

    /// Adds points of a grid by their indices, the last axis varying fastest.
    pub(super) fn add_points(
        &mut self,
        axes: &[Axis],
        indices: impl ExactSizeIterator<Item = usize>,
    ) {
        let made = &mut self.made;
        let width = made.names.len();
        made.cells.reserve(indices.len() * width);
        for mut index in indices {
            let start = made.cells.len();
            made.cells.resize(start + width, ABSENT);
            for axis in axes.iter().rev() {
                made.cells[start + axis.column] = axis.cells[index % axis.cells.len()];
                index /= axis.cells.len();
            }
            made.len += 1;
        }
    }

    /// Adds one candidate.
    pub(super) fn add(&mut self, candidate: &Params) {
        for column in 0..self.made.names.len() {
            let value = candidate.get(&self.made.names[column]);
            let cell = value.map_or(ABSENT, |value| self.cell(column, value));
            self.made.cells.push(cell);
        }
        self.made.len += 1;
    }
}
