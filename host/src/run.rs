//! [`search`], from tasks to results, and [`refit`], from the best candidate
//! to a model. Both tell what happens as [`Event`]s and print nothing.

pub mod event;
pub mod record;

use std::ops::ControlFlow;
use std::time::Instant;

use fanout_contract::{Params, Split, Task};

use crate::digest::Digest;
use crate::expand::Expansion;
use crate::plan::{CheckedPlan, ErrorScore};
use crate::pool::{LocalPool, Pool, PoolError, Tasks};
use crate::reduce::{Scoreboard, SearchResults};
use crate::sandbox::Cancel;
use event::{Event, Outcome, TaskFault};

/// Why a run has no results. What its tasks came to is in the store all the
/// same.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The pool gave up.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// A fit failed, and the plan's `error_score` is `raise`.
    #[error("the fit of {params} on split {split} failed")]
    Raised {
        /// The candidate's searched hyper-parameters.
        params: String,
        /// The split.
        split: u32,
        /// How it failed.
        #[source]
        fault: TaskFault,
    },
    /// No fit succeeded; the first fault stands for all.
    #[error("all {fits} fits failed")]
    AllFailed {
        /// How many.
        fits: usize,
        /// How the first failed.
        #[source]
        fault: TaskFault,
    },
    /// The best candidate can't be fitted or scored once more.
    #[error("the refit of the best candidate failed")]
    Refit(#[source] TaskFault),
    /// The run was told to stop.
    #[error("stopped: {done} of {fits} fits are done and kept in the store")]
    Interrupted {
        /// Fits done.
        done: usize,
        /// Fits in all.
        fits: usize,
    },
}

impl Tasks for Expansion {
    fn len(&self) -> usize {
        self.tasks.len()
    }

    fn id(&self, index: usize) -> Digest {
        self.tasks[index].id
    }

    fn task(&self, index: usize) -> Task {
        Self::task(self, index)
    }
}

/// Runs every task of `expansion` on `pool` and reduces the scores.
pub fn search(
    plan: &CheckedPlan,
    expansion: &Expansion,
    pool: &dyn Pool,
    cancel: &Cancel,
    emit: &mut dyn FnMut(&Event),
) -> Result<SearchResults, RunError> {
    let (candidates, splits) = (expansion.candidates.len(), expansion.splits.len());
    let fits = candidates * splits;
    emit(&Event::RunStarted {
        candidates,
        splits,
        fits,
        tasks: expansion.tasks.len(),
        workers: pool.workers(),
    });
    let started = Instant::now();
    let mut board = Scoreboard::new(
        candidates,
        splits,
        &expansion.scoring,
        plan.return_train_score,
        plan.error_score,
    );
    let ranking = ranking_metric(plan);
    let mut raised = None;
    pool.run(expansion, &mut |index, outcome| {
        let task = &expansion.tasks[index];
        board.record(task, &outcome);
        if let (ErrorScore::Raise, Err(fault)) = (plan.error_score, &outcome.result) {
            raised = Some((task, fault.clone()));
        }
        emit(&Event::TaskFinished {
            task: index,
            fits: task.candidates.len(),
            outcome,
            best: board.best_so_far(ranking),
        });
        if raised.is_some() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    })?;
    if let Some((task, fault)) = raised {
        let params = show(&expansion.candidates.get(task.candidates[0] as usize));
        return Err(RunError::Raised {
            params,
            split: task.split,
            fault,
        });
    }
    if cancel.is_cancelled() {
        let done = board.recorded();
        emit(&Event::RunInterrupted { done, fits });
        return Err(RunError::Interrupted { done, fits });
    }
    emit(&Event::RunFinished {
        wall: started.elapsed(),
    });
    let results = board.finish();
    match results.failures.first() {
        Some(failure) if results.tally.failed == fits => Err(RunError::AllFailed {
            fits,
            fault: failure.example.clone(),
        }),
        _ => Ok(results),
    }
}

/// The index of the metric that ranks: the one of `refit`, else the first.
pub fn ranking_metric(plan: &CheckedPlan) -> usize {
    let refit = plan.refit.as_ref();
    refit
        .and_then(|refit| plan.scoring.iter().position(|name| name == refit))
        .unwrap_or(0)
}

/// What of a plan decides its scores and their names: all but where it runs,
/// where its data and results lie, and what a task may use. The data's digests
/// stand for the data.
pub fn identity(plan: &CheckedPlan) -> serde_json::Value {
    let mut identity = serde_json::to_value(plan).expect("a plan is JSON");
    if let Some(fields) = identity.as_object_mut() {
        for name in ["pool", "store", "output", "limits"] {
            fields.remove(name);
        }
        if let Some(dataset) = fields
            .get_mut("dataset")
            .and_then(|dataset| dataset.as_object_mut())
        {
            dataset.remove("source");
        }
    }
    identity
}

/// The best candidate, fitted once more on all rows of the search.
#[derive(Clone, Debug)]
pub struct Refitted {
    /// The model, in the guest's own form, where one was asked for.
    pub model: Option<Vec<u8>>,
    /// By metric in the plan's order, on the hold-out rows, where the plan
    /// has any.
    pub holdout: Option<Vec<(String, Option<f64>)>>,
}

/// Fits `params` on `rows`, and scores the hold-out rows with a fit on the
/// rows of the search; each where it is asked for.
pub fn refit(
    expansion: &Expansion,
    params: &Params,
    rows: Option<&Split>,
    holdout: Option<&Split>,
    pool: &LocalPool,
    emit: &mut dyn FnMut(&Event),
) -> Result<Refitted, RunError> {
    if rows.is_some() || holdout.is_some() {
        emit(&Event::RefitStarted);
    }
    let fit = |rows| {
        pool.fit(&expansion.single(params, rows))?
            .map_err(RunError::Refit)
    };
    let model = rows.map(fit).transpose()?;
    let score = |split| score(expansion, params, split, pool);
    let holdout = holdout.map(score).transpose()?;
    Ok(Refitted { model, holdout })
}

/// One task outside the search.
struct Single {
    id: Digest,
    task: Task,
}

impl Tasks for Single {
    fn len(&self) -> usize {
        1
    }

    fn id(&self, _index: usize) -> Digest {
        self.id
    }

    fn task(&self, _index: usize) -> Task {
        self.task.clone()
    }
}

fn score(
    expansion: &Expansion,
    params: &Params,
    split: &Split,
    pool: &dyn Pool,
) -> Result<Vec<(String, Option<f64>)>, RunError> {
    let task = expansion.single(params, split);
    let single = Single {
        id: expansion.id(&task),
        task,
    };
    let mut ended = None;
    pool.run(&single, &mut |_, Outcome { result, .. }| {
        ended = Some(result);
        ControlFlow::Continue(())
    })?;
    let answer = ended
        .unwrap_or(Err(TaskFault::Cancelled))
        .map_err(RunError::Refit)?;
    let scores = &answer.scores[0].test;
    let named = |name: &String| (name.clone(), scores.get(name).copied().flatten());
    Ok(expansion.scoring.iter().map(named).collect())
}

fn show(params: &Params) -> String {
    serde_json::to_string(params).expect("hyper-parameters are JSON")
}
