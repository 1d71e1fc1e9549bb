//! [`search`], from tasks to results, and [`refit`], from the best candidate
//! to a model. Both tell what happens as [`Event`]s and print nothing.

pub mod event;
pub mod history;
pub mod manifest;
pub mod record;
pub mod summary;
pub mod sweep;

use std::borrow::Cow;
use std::ops::ControlFlow;
use std::time::Instant;

use fanout_contract::{Params, Split, Task};

use crate::expand::{Expansion, TaskSpec};
use crate::plan::{CheckedPlan, ErrorScore, Plan};
use crate::pool::{LocalPool, Notice, Pool, PoolError, Tasks};
use crate::reduce::{Scoreboard, SearchResults};
use crate::sandbox::Cancel;
use event::{Event, TaskFault};
use record::{Ended, Wanted};

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

    fn wanted(&self, index: usize) -> Wanted {
        wanted(self, &self.tasks[index])
    }

    fn task(&self, index: usize) -> Task {
        Self::task(self, index)
    }

    fn spec(&self, index: usize) -> Option<&TaskSpec> {
        Some(&self.tasks[index])
    }
}

/// How the record names the fits of a task.
fn wanted(expansion: &Expansion, task: &TaskSpec) -> Wanted {
    let key = |&candidate: &u32| expansion.key(candidate as usize);
    Wanted {
        task: task.id,
        fits: task.candidates.iter().map(key).collect(),
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
    pool.run(expansion, &mut |notice| {
        let (task, ended) = match told(notice) {
            Ok(ended) => ended,
            Err(event) => {
                emit(&event);
                return ControlFlow::Continue(());
            }
        };
        let part = part(&expansion.tasks[task], &ended);
        board.record(&part, &ended.outcome);
        if let (ErrorScore::Raise, Err(fault)) = (plan.error_score, &ended.outcome.result) {
            raised = Some((part.clone().into_owned(), fault.clone()));
        }
        emit(&Event::TaskFinished {
            task,
            fits: part.candidates.len(),
            outcome: ended.outcome,
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

/// The task that ended and how, or what else there is to tell.
fn told(notice: Notice) -> Result<(usize, Ended), Event> {
    Err(match notice {
        Notice::Ended { task, ended } => return Ok((task, ended)),
        Notice::Damaged { key } => Event::ResultDamaged { key },
        Notice::Differing { key } => Event::ResultDiffers { key },
        Notice::Returned { worker, why } => Event::TaskReturned { worker, why },
        Notice::WorkerJoined { worker, slots } => Event::WorkerJoined { worker, slots },
        Notice::WorkerLeft { worker, silent } => Event::WorkerLeft { worker, silent },
        Notice::NoWorker => Event::WorkersAwaited,
        Notice::LinkChanged { up } => Event::LinkChanged { up },
    })
}

/// The fits of a task that ended.
fn part<'a>(task: &'a TaskSpec, ended: &Ended) -> Cow<'a, TaskSpec> {
    if ended.positions.len() == task.candidates.len() {
        return Cow::Borrowed(task);
    }
    let candidate = |&position: &u32| task.candidates[position as usize];
    Cow::Owned(TaskSpec {
        candidates: ended.positions.iter().map(candidate).collect(),
        ..task.clone()
    })
}

/// The index of the metric that ranks: the one of `refit`, else the first.
pub fn ranking_metric(plan: &Plan) -> usize {
    let refit = plan.refit.as_ref();
    refit
        .and_then(|refit| plan.scoring.iter().position(|name| name == refit))
        .unwrap_or(0)
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

/// Fits `candidate` on `rows`, and scores the hold-out rows with a fit on the
/// rows of the search; each where it is asked for.
pub fn refit(
    expansion: &Expansion,
    candidate: usize,
    rows: Option<&Split>,
    holdout: Option<&Split>,
    pool: &LocalPool,
    emit: &mut dyn FnMut(&Event),
) -> Result<Refitted, RunError> {
    if rows.is_some() || holdout.is_some() {
        emit(&Event::RefitStarted);
    }
    let fit = |rows| {
        pool.fit(&expansion.single(candidate, rows))?
            .map_err(RunError::Refit)
    };
    let model = rows.map(fit).transpose()?;
    let score = |split| score(expansion, candidate, split, pool, emit);
    let holdout = holdout.map(score).transpose()?;
    Ok(Refitted { model, holdout })
}

/// One task alone.
pub(crate) struct Single {
    wanted: Wanted,
    task: Task,
}

impl Single {
    /// A task of a run.
    pub(crate) fn of(expansion: &Expansion, spec: &TaskSpec) -> Self {
        Self {
            wanted: wanted(expansion, spec),
            task: expansion.document(spec),
        }
    }
}

impl Tasks for Single {
    fn len(&self) -> usize {
        1
    }

    fn wanted(&self, _index: usize) -> Wanted {
        self.wanted.clone()
    }

    fn task(&self, _index: usize) -> Task {
        self.task.clone()
    }
}

/// How the record names the fit of `candidate` on a split outside the search.
pub fn wanted_alone(expansion: &Expansion, candidate: usize, split: &Split) -> Wanted {
    Wanted {
        task: expansion.id(candidate, split),
        fits: vec![expansion.key(candidate)],
    }
}

fn score(
    expansion: &Expansion,
    candidate: usize,
    split: &Split,
    pool: &dyn Pool,
    emit: &mut dyn FnMut(&Event),
) -> Result<Vec<(String, Option<f64>)>, RunError> {
    let single = Single {
        wanted: wanted_alone(expansion, candidate, split),
        task: expansion.single(candidate, split),
    };
    let mut result = Err(TaskFault::Cancelled);
    pool.run(&single, &mut |notice| {
        match told(notice) {
            Ok((_, ended)) => result = ended.outcome.result,
            Err(event) => emit(&event),
        }
        ControlFlow::Continue(())
    })?;
    let answer = result.map_err(RunError::Refit)?;
    Ok(expansion.named(&answer.scores[0]))
}

fn show(params: &Params) -> String {
    serde_json::to_string(params).expect("hyper-parameters are JSON")
}
