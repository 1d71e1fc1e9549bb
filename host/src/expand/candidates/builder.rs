//! [`CandidatesBuilder`]: adds candidates one by one or as points of a grid.

use std::collections::{BTreeSet, HashMap};

use fanout_contract::Params;
use serde_json::Value as Json;

use super::{Candidates, UNSET};

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
