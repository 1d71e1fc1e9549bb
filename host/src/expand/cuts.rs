//! Where the fits of models that have parts are cut: [`Expansion::cuts`]. Cuts change no
//! result.
//!
//! They follow what a fit costs, as the search measured it or else as the trainer says (of
//! an only candidate the other way round), and not the number of workers, so that a run
//! goes on with the parts that another one left.

use std::collections::BTreeMap;

use fanout_contract::{Cost, Effort, Learning, Params, Part, TrainerDescription};
use serde_json::Value as Json;

use super::{Candidates, Estimator, Expansion, Inputs, TaskSpec, family};

/// The least and the greatest seconds of a part. A shorter one is not worth its message
/// and its object; of a longer one more is lost with a worker.
const LEAST: f64 = 0.5;
const GREATEST: f64 = 60.0;

/// A fit is cut into about as many parts at most, where they are not too long. Each is held
/// in memory with all others as they are put together, and may hold something of every
/// training row.
const PARTS: f64 = 32.0;

/// The last parts are shorter, down to that share of the others, so that few workers wait
/// for long as one ends the last part; but not shorter than half of [`LEAST`].
const SHORTEST: u64 = 4;

/// A search of as many tasks for each worker is balanced without cuts.
const BALANCED: usize = 4;

/// What the fits of an arm take.
#[derive(Clone, Debug)]
pub(super) struct ArmCost {
    trainer: TrainerDescription,
    /// Seconds of a fit with the defaults, by the trainer's own word.
    seconds: Option<f64>,
}

/// Seconds of a fit with the defaults, of its predictions and scores.
pub fn fit_seconds(effort: &Effort, rows: f64, columns: f64, learning: Learning) -> f64 {
    let numbers = match learning {
        Learning::Regression => effort.numbers,
        _ => 1.0,
    };
    let by_rows = (rows / 10_000.0).powf(effort.rows);
    let by_columns = (columns.max(1.0) / 10.0).powf(effort.columns);
    effort.seconds * numbers * by_rows * by_columns
}

impl Expansion {
    /// The same, in which the fits of models that have parts are cut, by what they take
    /// on so many rows and features; those of the search itself where its tasks are too
    /// few to keep `workers` busy.
    #[must_use]
    pub fn with_cuts(
        mut self,
        inputs: &Inputs,
        (rows, features): (u64, usize),
        workers: usize,
    ) -> Self {
        let of_arm = |estimator: &Estimator| {
            let effort = estimator.trainer.effort.as_ref();
            ArmCost {
                trainer: estimator.trainer.clone(),
                seconds: effort
                    .map(|it| fit_seconds(it, rows as f64, features as f64, inputs.learning)),
            }
        };
        self.costs = inputs.arms.iter().map(of_arm).collect();
        let few = self.tasks.len() < BALANCED * workers;
        let alone = |(index, task): (usize, &TaskSpec)| match task.candidates.as_slice() {
            [candidate] if few => Some((index, self.cuts(*candidate as usize))),
            _ => None,
        };
        let cut = self.tasks.iter().enumerate().filter_map(alone);
        let cut: BTreeMap<_, _> = cut.filter(|(_, cuts)| !cuts.is_empty()).collect();
        self.cut_tasks = cut;
        self
    }

    /// Notes what the fits of the search took: by candidate, seconds as
    /// [`SearchResults::fit_time`](crate::reduce::SearchResults) has them.
    pub fn note_times(&mut self, seconds: &[f64]) {
        self.seconds = seconds.to_vec();
    }

    /// Whether the models of a candidate have parts.
    pub fn has_parts(&self, candidate: usize) -> bool {
        let arm = self.cost_of_arm(candidate);
        arm.is_some_and(|arm| arm.trainer.parts.is_some())
    }

    /// What task `index` is expected to take, beside others: seconds where its trainer
    /// says so.
    pub fn task_cost(&self, index: usize) -> f64 {
        let candidate = self.any_task(index).candidates[0] as usize;
        let arm = self.cost_of_arm(candidate);
        arm.map_or(1.0, |arm| {
            self.relative_cost(index, &arm.trainer) * arm.seconds.unwrap_or(1.0)
        })
    }

    /// What each task of the search is expected to take: [`Self::task_cost`] of all.
    pub fn task_costs(&self) -> Vec<f32> {
        let by_arm = self.costs.iter().zip(&self.arms);
        let by_arm =
            by_arm.map(|(cost, arm)| ArmWeights::new(cost, &arm.template.params, &self.candidates));
        let by_arm: Vec<ArmWeights> = by_arm.collect();
        let cost = |task: &TaskSpec| {
            let first = task.candidates[0] as usize;
            let Some(arm) = by_arm.get(self.candidates.arm(first)) else {
                return 1.0;
            };
            let rows = task.candidates.iter();
            let rows = rows.map(|&candidate| self.candidates.row(candidate as usize));
            rows.map(|row| arm.of(row)).fold(0.0, f64::max) as f32
        };
        self.tasks.iter().map(cost).collect()
    }

    /// The ends of the parts in which the fit of a candidate is made, ascending; none if
    /// it is made whole. Those of a search's only candidate are the same before the search
    /// as behind it, if there are any before: its refit may begin beside the search.
    pub fn cuts(&self, candidate: usize) -> Vec<u32> {
        let cut = || {
            let arm = self.cost_of_arm(candidate)?;
            let name = arm.trainer.parts.as_ref()?;
            let params = self.params(candidate);
            let default = || arm.trainer.param(name).map(|param| &param.default);
            let count = params.get(name).or_else(default)?.as_u64()?;
            let by = |seconds: Option<f64>| seconds.map(|seconds| cuts(count, seconds));
            let described = || by(Some(arm.seconds? * self.weight(candidate, &arm.trainer)));
            let measured = || by(self.measured(candidate, arm));
            match self.candidates.len() {
                1 => described()
                    .filter(|cuts| !cuts.is_empty())
                    .or_else(measured),
                _ => measured().or_else(described),
            }
        };
        cut().unwrap_or_default()
    }

    /// `None` for the baseline, whose models are small, and before
    /// [`Expansion::with_cuts`].
    fn cost_of_arm(&self, candidate: usize) -> Option<&ArmCost> {
        let is_searched = candidate < self.candidates.len();
        let arm = is_searched.then(|| self.candidates.arm(candidate))?;
        self.costs.get(arm)
    }

    /// Seconds of the fit of a candidate, as far as the search knows: those of its family,
    /// by its share of the costliest member's.
    fn measured(&self, candidate: usize, arm: &ArmCost) -> Option<f64> {
        let seconds = self.seconds.get(candidate).filter(|it| it.is_finite())?;
        let mut tasks = self.tasks.iter();
        let task = tasks.find(|task| task.candidates.contains(&super::index(candidate)))?;
        let costs = task.candidates.iter();
        let costs = costs.map(|member| self.weight(*member as usize, &arm.trainer));
        let most = costs.fold(f64::MIN_POSITIVE, f64::max);
        let of_family = seconds * task.candidates.len() as f64;
        Some(of_family * self.weight(candidate, &arm.trainer) / most)
    }
}

/// What hyper-parameters make of the time of the fits of one arm, by the cells of a
/// candidate: there may be a million.
struct ArmWeights {
    /// That of the hyper-parameters that are not searched, in seconds.
    fixed: f64,
    /// By searched hyper-parameter with a cost: its column, the weight of each value, and
    /// that of a candidate that does not set it.
    searched: Vec<(usize, Vec<f64>, f64)>,
}

impl ArmWeights {
    fn new(arm: &ArmCost, set: &Params, candidates: &Candidates) -> Self {
        let (mut fixed, mut searched) = (arm.seconds.unwrap_or(1.0), Vec::new());
        let costly = arm.trainer.params.iter();
        for param in costly.filter(|param| param.cost != Cost::None) {
            let weight = |value: &Json| {
                family::weight(param.cost, value) / family::weight(param.cost, &param.default)
            };
            let otherwise = weight(set.get(&param.name).unwrap_or(&param.default));
            match candidates.column(&param.name) {
                Some(column) => {
                    let values = candidates.values(&param.name).iter();
                    searched.push((column, values.map(weight).collect(), otherwise));
                }
                None => fixed *= otherwise,
            }
        }
        Self { fixed, searched }
    }

    fn of(&self, row: &[u32]) -> f64 {
        let weight = |(column, weights, otherwise): &(usize, Vec<f64>, f64)| {
            let cell = row[*column] as usize;
            weights.get(cell).copied().unwrap_or(*otherwise)
        };
        self.fixed * self.searched.iter().map(weight).product::<f64>()
    }
}

/// The ends of the parts of a fit of `count` parts that takes so long. Their sizes are
/// powers of two, but for the last: the same, till less than two of them are left, and then
/// half of what is left.
fn cuts(count: u64, seconds: f64) -> Vec<u32> {
    let part = (seconds / PARTS).clamp(LEAST, GREATEST);
    let is_long = seconds >= 2.0 * part;
    if count < 2 || !is_long {
        return Vec::new();
    }
    let of = |part: f64| (count as f64 * part / seconds).ceil() as u64;
    // Of the last two, there may be six.
    let least = count.div_ceil(Part::MOST as u64 - 4);
    let size = of(part).max(least).next_power_of_two();
    let shortest = of(LEAST / 2.0).next_power_of_two();
    let shortest = shortest.max(size / SHORTEST).min(size);
    let (mut ends, mut end) = (Vec::new(), 0);
    while end < count {
        let half = ((count - end) / 2).max(1);
        let part = (1 << half.ilog2()).clamp(shortest, size);
        end = (end + part).min(count);
        ends.push(end);
    }
    let ends: Option<Vec<u32>> = ends
        .into_iter()
        .map(|end| u32::try_from(end).ok())
        .collect();
    ends.filter(|ends| ends.len() > 1).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn effort_is_a_power_of_rows_and_columns() {
        let effort = Effort {
            seconds: 0.5,
            rows: 2.0,
            columns: 0.5,
            candidate: 0.0,
            numbers: 3.0,
        };
        assert_eq!(fit_seconds(&effort, 10_000.0, 10.0, Learning::Binary), 0.5);
        assert_eq!(
            fit_seconds(&effort, 20_000.0, 40.0, Learning::Multiclass),
            4.0
        );
        assert_eq!(
            fit_seconds(&effort, 20_000.0, 40.0, Learning::Regression),
            12.0
        );
    }

    #[test]
    fn a_fit_is_cut_by_what_it_takes() {
        // Not worth it; parts of a quarter of a second; of half a second; about 32 parts;
        // parts of a minute.
        assert_eq!(cuts(1000, 0.9), [0; 0]);
        assert_eq!(cuts(1000, 1.0), [256, 512, 768, 1000]);
        assert_eq!(cuts(1000, 8.0)[..2], [64, 128]);
        assert_eq!(cuts(1000, 8.0)[13..], [896, 928, 960, 992, 1000]);
        assert_eq!(cuts(1000, 40.0)[29..], [960, 976, 984, 992, 1000]);
        assert_eq!(cuts(1000, 8_000.0)[123..], [992, 996, 998, 1000]);
        assert_eq!(cuts(1000, 400_000.0).len(), 1000);
        assert_eq!(cuts(1, 40.0), [0; 0]);
        assert_eq!(cuts(1000, f64::NAN), [0; 0]);
        assert_eq!(cuts(3, 1e9), [1, 2, 3]);
    }

    proptest! {
        #[test]
        fn parts_follow_each_other_and_are_all(count in 0..5_000_000_u64, seconds in 0.0..1e7_f64) {
            let ends = cuts(count, seconds);
            prop_assert!(ends.len() <= Part::MOST);
            prop_assert!(ends.windows(2).all(|pair| pair[0] < pair[1]));
            let starts = std::iter::once(0).chain(ends.iter().copied());
            let sizes: Vec<u32> = ends.iter().zip(starts).map(|(end, start)| end - start).collect();
            prop_assert!(sizes.windows(2).all(|pair| pair[0] >= pair[1]), "{:?}", sizes);
            if let Some(last) = ends.last() {
                prop_assert_eq!(u64::from(*last), count);
            }
        }
    }
}
