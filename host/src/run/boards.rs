//! [`Boards`]: the scoreboard of a search, and that of its baseline.

use std::borrow::Cow;

use super::tasks::finished_part;
use crate::expand::{Expansion, TaskSpec};
use crate::plan::{ErrorScore, Plan};
use crate::reduce::{BaselineScores, Scoreboard, SearchResults};
use crate::task::FinishedFits;

/// The scores of a run as they arrive.
#[derive(Debug)]
pub(super) struct Boards<'e> {
    expansion: &'e Expansion,
    pub(super) search: Scoreboard,
    baseline: Scoreboard,
}

impl<'e> Boards<'e> {
    pub(super) fn new(expansion: &'e Expansion, plan: &Plan) -> Self {
        let (splits, train) = (expansion.splits.len(), plan.return_train_score);
        let board = |candidates, error_score| {
            Scoreboard::new(candidates, splits, &expansion.scoring, train, error_score)
        };
        Self {
            expansion,
            search: board(expansion.candidates.len(), plan.error_score),
            baseline: board(1, ErrorScore::Nan),
        }
    }

    /// Records fits of task `index`. Returns them as a part of the task; `None` for a
    /// task of the baseline, whose fits are none of the search's.
    pub(super) fn record(
        &mut self,
        index: usize,
        finished: &FinishedFits,
    ) -> Option<Cow<'e, TaskSpec>> {
        let task = self.expansion.any_task(index);
        if index >= self.expansion.tasks.len() {
            let task = TaskSpec {
                candidates: vec![0],
                ..task.clone()
            };
            self.baseline.record(&task, &finished.outcome);
            return None;
        }
        let part = finished_part(task, &finished.positions);
        self.search.record(&part, &finished.outcome);
        Some(part)
    }

    /// The results of the search, and the baseline's scores.
    pub(super) fn finish(self) -> (SearchResults, Option<BaselineScores>) {
        let trainer = self.expansion.baseline_trainer();
        let results = self.baseline.finish();
        let baseline = trainer.and_then(|trainer| BaselineScores::new(trainer, &results));
        (self.search.finish(), baseline)
    }
}
