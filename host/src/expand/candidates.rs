//! [`Candidates`]: the settings of the hyper-parameters that a search tries, as
//! indices into the distinct values.

use fanout_contract::Params;
use serde_json::Value as Json;

mod builder;

pub(super) use builder::{Axis, CandidatesBuilder};

/// The cell of a hyper-parameter that a candidate does not set.
const UNSET: u32 = u32::MAX;

/// The candidates of a search, in the order of `cv_results_`. A candidate takes
/// four bytes for each searched hyper-parameter; its [`Params`] are made on
/// request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Candidates {
    /// The hyper-parameters that any candidate sets, sorted.
    names: Vec<String>,
    /// The distinct values of each hyper-parameter. `1` and `1.0` are distinct.
    values: Vec<Vec<Json>>,
    /// Row-major; a row is a candidate, a column a hyper-parameter. An index into
    /// `values`, or [`UNSET`].
    cells: Vec<u32>,
    len: usize,
}

impl Candidates {
    /// The number of candidates.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no candidate; a checked plan has at least one.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The hyper-parameters that any candidate sets, sorted.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Candidate `index`.
    ///
    /// # Panics
    ///
    /// If there is no such candidate.
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

    /// The value of `name` in candidate `index`; `None` if it does not set it.
    pub fn value(&self, index: usize, name: &str) -> Option<&Json> {
        let column = self
            .names
            .binary_search_by(|known| known.as_str().cmp(name))
            .ok()?;
        self.cell(index, column)
    }

    /// The distinct values of `name` among the candidates.
    pub fn values(&self, name: &str) -> &[Json] {
        let column = self
            .names
            .binary_search_by(|known| known.as_str().cmp(name));
        column.map_or(&[], |column| &self.values[column])
    }

    /// The cells of candidate `index`. Equal cells of a column are equal values.
    pub(super) fn row(&self, index: usize) -> &[u32] {
        let width = self.names.len();
        &self.cells[index * width..(index + 1) * width]
    }

    fn cell(&self, index: usize, column: usize) -> Option<&Json> {
        self.values[column].get(self.row(index)[column] as usize)
    }

    /// The names and values of some columns that candidate `index` sets.
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

    /// The columns in which all of `candidates` have one value, and the others.
    pub(super) fn columns(&self, candidates: &[u32]) -> (Vec<usize>, Vec<usize>) {
        let first = self.row(candidates[0] as usize);
        (0..self.names.len()).partition(|&column| {
            candidates
                .iter()
                .all(|&candidate| self.row(candidate as usize)[column] == first[column])
        })
    }
}
