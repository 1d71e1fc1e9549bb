//! [`CandidatesBuilder`]: adds candidates one by one or as points of a grid.

use std::collections::{BTreeSet, HashMap};

use fanout_contract::Params;
use serde_json::Value as Json;

use super::{Candidates, TRAINER, UNSET};

/// Builds [`Candidates`].
pub(in crate::expand) struct CandidatesBuilder {
    candidates: Candidates,
    /// The cell of each value of a hyper-parameter, by its JSON.
    known: Vec<HashMap<String, u32>>,
}

/// A hyper-parameter of a grid.
pub(in crate::expand) struct Axis {
    column: usize,
    cells: Vec<u32>,
}

impl Axis {
    /// The number of values on the axis.
    pub(in crate::expand) fn len(&self) -> usize {
        self.cells.len()
    }
}

impl CandidatesBuilder {
    /// A builder of candidates that set any of these hyper-parameters.
    pub(in crate::expand) fn new<'a>(names: impl Iterator<Item = &'a String>) -> Self {
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
            candidates: Candidates {
                names,
                values,
                ..Candidates::default()
            },
            known,
        }
    }

    fn cell(&mut self, column: usize, value: &Json) -> u32 {
        let values = &mut self.candidates.values[column];
        *self.known[column]
            .entry(value.to_string())
            .or_insert_with(|| {
                values.push(value.clone());
                u32::try_from(values.len() - 1).expect("values fit in 32 bits")
            })
    }

    /// The axes of a grid, in the order of `lists`.
    pub(in crate::expand) fn axes<'a>(
        &mut self,
        lists: impl Iterator<Item = (&'a String, &'a [Json])>,
    ) -> Vec<Axis> {
        lists
            .map(|(name, values)| {
                let column = self
                    .candidates
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

    /// The candidates that were added.
    pub(in crate::expand) fn finish(self) -> Candidates {
        self.candidates
    }

    /// Adds points of a grid by their indices, the last axis varying fastest.
    pub(in crate::expand) fn add_points(
        &mut self,
        axes: &[Axis],
        indices: impl ExactSizeIterator<Item = usize>,
    ) {
        let candidates = &mut self.candidates;
        let width = candidates.names.len();
        candidates.cells.reserve(indices.len() * width);
        for mut index in indices {
            let start = candidates.cells.len();
            candidates.cells.resize(start + width, UNSET);
            for axis in axes.iter().rev() {
                candidates.cells[start + axis.column] = axis.cells[index % axis.cells.len()];
                index /= axis.cells.len();
            }
            candidates.len += 1;
        }
    }

    /// Adds the candidates of an arm, whose trainer is called `name`.
    pub(super) fn add_arm(&mut self, name: &str, arm: &Candidates) {
        if self.candidates.len > 0 {
            let first = u32::try_from(self.candidates.len).expect("candidates fit in 32 bits");
            self.candidates.later_arms.push(first);
        }
        let column = |all: &Candidates, name: &str| {
            let found = all.names.binary_search_by(|known| known.as_str().cmp(name));
            found.expect("every name has a column")
        };
        let trainer = column(&self.candidates, TRAINER);
        let trainer_cell = self.cell(trainer, &name.into());
        // By column of the arm: the column here, and the cells of its values.
        let columns: Vec<(usize, Vec<u32>)> = (arm.names.iter().zip(&arm.values))
            .map(|(name, values)| {
                let column = column(&self.candidates, name);
                let cells = values.iter().map(|value| self.cell(column, value));
                (column, cells.collect())
            })
            .collect();
        let width = self.candidates.names.len();
        for index in 0..arm.len {
            let start = self.candidates.cells.len();
            self.candidates.cells.resize(start + width, UNSET);
            self.candidates.cells[start + trainer] = trainer_cell;
            for (&cell, (column, cells)) in arm.row(index).iter().zip(&columns) {
                let cell = cells.get(cell as usize).copied().unwrap_or(UNSET);
                self.candidates.cells[start + column] = cell;
            }
        }
        self.candidates.len += arm.len;
    }

    /// Adds one candidate.
    pub(in crate::expand) fn add(&mut self, candidate: &Params) {
        for column in 0..self.candidates.names.len() {
            let value = candidate.get(&self.candidates.names[column]);
            let cell = value.map_or(UNSET, |value| self.cell(column, value));
            self.candidates.cells.push(cell);
        }
        self.candidates.len += 1;
    }
}
