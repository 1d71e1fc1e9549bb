//! [`Candidates`]: the settings of the hyper-parameters that a search tries, as
//! indices into the distinct values.

use std::ops::Range;

use fanout_contract::Params;
use serde_json::Value as Json;

mod builder;

pub(super) use builder::{Axis, CandidatesBuilder};

/// The column of the trainer's name where there are several arms.
pub const TRAINER: &str = "trainer";

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
    /// The first candidate of each arm but the first, ascending.
    later_arms: Vec<u32>,
}

impl Candidates {
    /// The candidates of several arms, one after the other, with their trainers as
    /// a column; those of one arm as they are.
    pub(super) fn joined(arms: Vec<(String, Self)>) -> Self {
        let mut arms = arms;
        if arms.len() == 1
            && let Some((_, only)) = arms.pop()
        {
            return only;
        }
        let names = arms.iter().flat_map(|(_, arm)| &arm.names);
        let trainer = TRAINER.to_owned();
        let mut builder = CandidatesBuilder::new(names.chain([&trainer]));
        for (name, arm) in &arms {
            builder.add_arm(name, arm);
        }
        builder.finish()
    }

    /// The index of the arm of candidate `index`.
    pub fn arm(&self, index: usize) -> usize {
        self.later_arms
            .partition_point(|&first| first as usize <= index)
    }

    /// The candidates of an arm.
    pub(super) fn range(&self, arm: usize) -> Range<u32> {
        let start = match arm {
            0 => 0,
            later => self.later_arms[later - 1],
        };
        let end = self.later_arms.get(arm).copied();
        start..end.unwrap_or(self.len as u32)
    }

    /// Whether a column is a hyper-parameter, not the trainer's name.
    fn is_searched(&self, column: usize) -> bool {
        self.later_arms.is_empty() || self.names[column] != TRAINER
    }

    /// The searched hyper-parameters of candidate `index`.
    pub fn searched(&self, index: usize) -> Params {
        let all: Vec<usize> = self.searched_columns().collect();
        self.cells(index, &all).collect()
    }

    fn searched_columns(&self) -> impl Iterator<Item = usize> {
        (0..self.names.len()).filter(|&column| self.is_searched(column))
    }

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

    /// Candidate `index`; where there are several arms, with its trainer.
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

    /// The column of `name`; `None` if no candidate sets it.
    pub(super) fn column(&self, name: &str) -> Option<usize> {
        let found = self
            .names
            .binary_search_by(|known| known.as_str().cmp(name));
        found.ok()
    }

    /// The value of `name` in candidate `index`; `None` if it does not set it.
    pub fn value(&self, index: usize, name: &str) -> Option<&Json> {
        self.cell(index, self.column(name)?)
    }

    /// The distinct values of `name` among the candidates.
    pub fn values(&self, name: &str) -> &[Json] {
        self.column(name).map_or(&[], |column| &self.values[column])
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

    /// The hyper-parameters of which all of `candidates` have one value, and the
    /// others, as columns.
    pub(super) fn columns(&self, candidates: &[u32]) -> (Vec<usize>, Vec<usize>) {
        let first = self.row(candidates[0] as usize);
        self.searched_columns().partition(|&column| {
            candidates
                .iter()
                .all(|&candidate| self.row(candidate as usize)[column] == first[column])
        })
    }
}
