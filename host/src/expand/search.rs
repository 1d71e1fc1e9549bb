//! [`Candidates::of_arms`]: the candidates of a plan's searches.

use std::collections::BTreeMap;

use fanout_contract::Params;

use super::candidates::{Axis, Candidates, CandidatesBuilder};
use super::sampler;
use crate::plan::{ArmPlan, Search, Values};

impl Candidates {
    /// The candidates of a plan's arms, one after the other.
    pub fn of_arms<'p>(arms: impl Iterator<Item = ArmPlan<'p>>) -> Self {
        let arms = arms.map(|arm| (arm.trainer.label(), Self::of(&arm.searched())));
        Self::joined(arms.collect())
    }

    /// The candidates of a search:
    ///
    /// - grid: every combination in the order of scikit-learn's
    ///   `ParameterGrid`: the names sorted, the last varying fastest; several
    ///   grids one after the other;
    /// - random: drawn with ChaCha from the seed. If all parameters are lists,
    ///   without repetition and no more than there are combinations, as by
    ///   `ParameterSampler`;
    /// - list: in the order of the plan.
    pub fn of(search: &Search) -> Self {
        match search {
            Search::Grid { params } => {
                let mut builder = CandidatesBuilder::new(params.iter().flat_map(BTreeMap::keys));
                for grid in params {
                    let axes = builder.axes(grid.iter().map(|(name, values)| match values {
                        Values::List(values) => (name, values.as_slice()),
                        _ => unreachable!("a checked grid has lists alone"),
                    }));
                    let count = axes.iter().map(Axis::len).product();
                    builder.add_points(&axes, 0..count);
                }
                builder.finish()
            }
            Search::Random {
                params,
                n_iter,
                random_state,
            } => {
                let mut builder = CandidatesBuilder::new(params.keys());
                sampler::draw(params, *n_iter as usize, *random_state, &mut builder);
                builder.finish()
            }
            Search::List { candidates } => {
                let mut builder =
                    CandidatesBuilder::new(candidates.iter().flat_map(BTreeMap::keys));
                for candidate in candidates {
                    builder.add(candidate);
                }
                builder.finish()
            }
        }
    }

    /// How many candidates a random search asks for and how many combinations
    /// its lists have, where these are fewer.
    pub fn cut(search: &Search) -> Option<(usize, usize)> {
        let Search::Random { params, n_iter, .. } = search else {
            return None;
        };
        let length = |values: &Values| match values {
            Values::List(values) => Some(values.len()),
            _ => None,
        };
        let lengths = params.values().map(length).collect::<Option<Vec<_>>>()?;
        let combinations = lengths
            .into_iter()
            .try_fold(1_usize, |all, length| all.checked_mul(length))?;
        let wanted = *n_iter as usize;
        (wanted > combinations).then_some((wanted, combinations))
    }
}

impl FromIterator<Params> for Candidates {
    fn from_iter<T: IntoIterator<Item = Params>>(candidates: T) -> Self {
        Self::of(&Search::List {
            candidates: candidates.into_iter().collect(),
        })
    }
}
