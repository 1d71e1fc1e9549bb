//! [`Outline`]: what events say of the tasks of a run beside their numbers: the trainers,
//! and what each task is expected to take.

use std::sync::Arc;

use super::{Search, ranking_metric};
use crate::digest::Digest;
use crate::expand::{Expansion, TaskSpec};
use crate::run::event::Event;

/// The trainers and the costs of the tasks of several searches.
#[derive(Debug)]
pub(super) struct Outline {
    /// Each trainer once.
    trainers: Vec<Arc<str>>,
    searches: Vec<SearchOutline>,
}

#[derive(Debug)]
struct SearchOutline {
    /// By arm: the index of its trainer.
    arms: Vec<usize>,
    /// By task.
    costs: Vec<f32>,
}

impl Outline {
    pub(super) fn new(searches: &[Search<'_>]) -> Self {
        let mut trainers: Vec<Arc<str>> = Vec::new();
        let mut index = |name: &str| {
            let known = trainers.iter().position(|known| **known == *name);
            known.unwrap_or_else(|| {
                trainers.push(name.into());
                trainers.len() - 1
            })
        };
        let searches = searches.iter().map(|search| {
            let arms = search.plan.arms();
            SearchOutline {
                arms: arms.map(|arm| index(&arm.trainer.name)).collect(),
                costs: search.expansion.task_costs(),
            }
        });
        let searches = searches.collect();
        Self { trainers, searches }
    }

    fn trainer_index(&self, of: usize, expansion: &Expansion, task: &TaskSpec) -> usize {
        let arm = expansion.candidates.arm(task.candidates[0] as usize);
        self.searches[of].arms[arm]
    }

    /// The trainer of a task of search number `of`.
    pub(super) fn trainer(&self, of: usize, expansion: &Expansion, task: &TaskSpec) -> Arc<str> {
        Arc::clone(&self.trainers[self.trainer_index(of, expansion, task)])
    }

    /// What so many fits of task `index` of search number `of` are expected to take.
    pub(super) fn cost(&self, of: usize, expansion: &Expansion, index: usize, fits: usize) -> f64 {
        let share = fits as f64 / expansion.fits_served(index).max(1) as f64;
        f64::from(self.searches[of].costs[index]) * share
    }

    /// What is told as the tasks are about to be run.
    pub(super) fn started(
        &self,
        searches: &[Search<'_>],
        runs: &[Digest],
        workers: usize,
    ) -> Event {
        let expansions = || searches.iter().map(|search| search.expansion);
        let plans = || searches.iter().map(|search| search.plan);
        let (mut fits, mut costs) = (vec![0; self.trainers.len()], vec![0.0; self.trainers.len()]);
        for (of, expansion) in expansions().enumerate() {
            for (task, cost) in expansion.tasks.iter().zip(&self.searches[of].costs) {
                let trainer = self.trainer_index(of, expansion, task);
                fits[trainer] += task.candidates.len();
                costs[trainer] += f64::from(*cost);
            }
        }
        let metrics = plans().map(|plan| plan.scoring[ranking_metric(plan)].name.clone());
        let metrics: Vec<String> = metrics.collect();
        Event::RunStarted {
            run: runs[0],
            targets: searches.len(),
            candidates: expansions().map(|of| of.candidates.len()).sum(),
            splits: expansions().map(|of| of.splits.len()).max().unwrap_or(0),
            fits: expansions().map(Expansion::fits).sum(),
            tasks: expansions().map(|of| of.tasks.len()).sum(),
            workers,
            name: plans()
                .next()
                .map(|plan| plan.name.clone())
                .unwrap_or_default(),
            metric: metrics.first().cloned().unwrap_or_default(),
            target_metrics: metrics,
            target_names: plans().map(|plan| plan.dataset.target.clone()).collect(),
            target_runs: runs.to_vec(),
            trainers: self.trainers.clone(),
            trainer_fits: fits,
            trainer_costs: costs,
        }
    }
}
