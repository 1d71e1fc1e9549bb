//! [`Permutable`]: a fitted model with its test rows, scored with a feature permuted.

use std::rc::Rc;

use crate::contract::Permute;
use crate::matrix::Block;
use crate::model::Fitted;
use crate::random::Random;
use crate::scoring::{ByName, Scoring};
use crate::{Fault, Matrix, Table};

/// A model that was fitted on the training rows of a split, and the features of the
/// test rows there.
pub(crate) struct Permutable {
    fitted: Fitted,
    /// One block per feature of the table.
    test: Matrix,
    /// The scores of the test rows as they are.
    pub(crate) whole: ByName,
}

/// The latest [`Permutable`] of a dataset, with what it was fitted by.
#[derive(Default)]
pub(crate) struct Latest(Option<(String, Rc<Permutable>)>);

impl std::fmt::Debug for Latest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let key = self.0.as_ref().map(|(key, _)| key);
        f.debug_tuple("Latest").field(&key).finish()
    }
}

impl Latest {
    /// That of `key`, if it is the latest. Else there is none behind this call, so that
    /// the memory of an older one is free before another is made.
    pub(crate) fn get(&mut self, key: &str) -> Option<Rc<Permutable>> {
        self.0.take_if(|(known, _)| known != key);
        self.0.as_ref().map(|(_, latest)| Rc::clone(latest))
    }

    /// Keeps the latest.
    pub(crate) fn keep(&mut self, key: String, permutable: &Rc<Permutable>) {
        self.0 = Some((key, Rc::clone(permutable)));
    }
}

impl Permutable {
    /// The model `fitted`, and the rows `test` of a table with their scores.
    ///
    /// # Errors
    /// If a feature can't be read, the model can't predict, or a score can't be computed.
    pub(crate) fn new(
        fitted: Fitted,
        table: &Table,
        test: &[u32],
        scoring: &Scoring<'_>,
    ) -> Result<Self, Fault> {
        let blocks = (0..table.features().len()).map(|feature| {
            // One feature at a time, so that the other rows of one alone are in memory.
            let column = Matrix::of_features(table, [feature])?;
            Ok(column.blocks()[0].take(test))
        });
        let blocks = blocks.collect::<Result<_, Fault>>()?;
        let test = Matrix::new(test.len(), blocks);
        Ok(Self {
            whole: scores(&fitted, test.clone(), scoring)?,
            fitted,
            test,
        })
    }

    /// By repeat: the scores of the test rows with feature `feature` of the table
    /// permuted.
    ///
    /// # Errors
    /// If the model can't predict, or a score can't be computed.
    pub(crate) fn permuted(
        &self,
        feature: usize,
        permute: &Permute,
        scoring: &Scoring<'_>,
    ) -> Result<Vec<ByName>, Fault> {
        let rows = self.test.rows();
        let permuted = places(rows, permute).map(|places| {
            let mut blocks: Vec<Block> = self.test.blocks().to_vec();
            blocks[feature] = blocks[feature].take(&places);
            scores(&self.fitted, Matrix::new(rows, blocks), scoring)
        });
        permuted.collect()
    }
}

/// The scores of test rows.
fn scores(fitted: &Fitted, test: Matrix, scoring: &Scoring<'_>) -> Result<ByName, Fault> {
    let predicted = fitted.predict(&Table::of_matrix(test)?)?;
    scoring.of_test(predicted.as_prediction())
}

/// The permutations of `rows` rows, as [`Permute`] defines them.
fn places(rows: usize, permute: &Permute) -> impl Iterator<Item = Vec<u32>> {
    let mut seeds = Random::new(permute.random_state);
    (0..permute.n_repeats).map(move |_| {
        let mut places: Vec<u32> = (0..rows as u32).collect();
        Random::new(seeds.next_u64()).shuffle(&mut places);
        places
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permute(n_repeats: u32, random_state: u64) -> Permute {
        Permute {
            feature: "x".to_owned(),
            n_repeats,
            random_state,
        }
    }

    /// `permutations(7, 3, 42)` of `tests/explain/vectors.py`.
    #[test]
    fn permutations_are_those_of_the_contract() {
        let found: Vec<Vec<u32>> = places(7, &permute(3, 42)).collect();
        assert_eq!(found, PERMUTATIONS);
        // More repeats have the same first ones.
        let more: Vec<Vec<u32>> = places(7, &permute(5, 42)).take(3).collect();
        assert_eq!(more, PERMUTATIONS);
    }

    const PERMUTATIONS: [[u32; 7]; 3] = [
        [1, 3, 4, 0, 6, 5, 2],
        [3, 0, 5, 4, 2, 1, 6],
        [2, 3, 5, 6, 1, 4, 0],
    ];
}
