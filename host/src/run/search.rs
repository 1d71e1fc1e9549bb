//! [`search`]: runs the tasks of the searches of a run on a pool and reduces their
//! scores. It emits events and prints nothing.

mod outline;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use fanout_contract::{Answer, Params};

use super::boards::Boards;
use super::event::{Event, Listeners};
use super::pool::{Pool, PoolEvent};
use super::tasks::{JointTasks, SingleTask, Tasks};
use crate::digest::Digest;
use crate::expand::Expansion;
use crate::plan::{ErrorScore, Plan};
use crate::reduce::{BaselineScores, SearchResults};
use crate::task::{Cancel, TaskFault};
use outline::Outline;

/// Why a search has no results. Whatever its tasks resulted in is in the store
/// all the same. `E` is the pool's error.
#[derive(Debug, thiserror::Error)]
pub enum SearchError<E> {
    /// The pool gave up.
    #[error(transparent)]
    Pool(E),
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
    /// The run was stopped.
    #[error("stopped: {done} of {fits} fits are done and kept in the store")]
    Interrupted {
        /// Fits that are done.
        done: usize,
        /// Fits in all.
        fits: usize,
    },
}

/// A search: the candidates for one target.
#[derive(Clone, Copy, Debug)]
pub struct Search<'a> {
    /// Its plan.
    pub plan: &'a Plan,
    /// Its tasks.
    pub expansion: &'a Expansion,
    /// The tasks that will be wanted after it, whatever it finds.
    pub ahead: &'a [SingleTask],
}

/// The results of a search, and the baseline's scores beside them; `None` where there is
/// no baseline, or one of its fits failed, which is no failure of the search.
pub type Searched = (SearchResults, Option<BaselineScores>);

/// Runs every task of several searches on `pool`, and reduces the scores of each. `runs` are
/// their ids.
///
/// # Panics
/// If there is no search.
pub fn search<E>(
    searches: &[Search<'_>],
    runs: &[Digest],
    pool: &dyn Pool<Error = E>,
    cancel: &Cancel,
    listeners: &mut Listeners<'_>,
) -> Result<Vec<Searched>, SearchError<E>> {
    let expansions = || searches.iter().map(|search| search.expansion);
    let fits = expansions().map(Expansion::fits).sum();
    let ahead = searches.iter().flat_map(|search| search.ahead.to_vec());
    let of = expansions().map(|expansion| expansion as &dyn Tasks);
    let tasks = JointTasks::new(of.collect()).with_ahead(ahead.collect());
    let outline = Outline::new(searches);
    listeners.emit(outline.started(searches, runs, pool.workers()));
    tracing::info!(run = %runs[0], fits, tasks = tasks.len(), "the search begins");
    let started = Instant::now();
    let boards = searches.iter();
    let boards = boards.map(|search| Boards::new(search.expansion, search.plan));
    let mut boards: Vec<Boards<'_>> = boards.collect();
    let mut raised = None;
    let mut on_report = |reported: PoolEvent| {
        let (task, finished) = match reported {
            PoolEvent::Finished { task, finished } => (task, finished),
            PoolEvent::Started { task, worker, fits } => {
                let (of, own) = tasks.place(task);
                let expansion = searches[of].expansion;
                // Of the baseline's, only the end is told.
                if let Some(spec) = expansion.tasks.get(own) {
                    let event = Event::TaskStarted {
                        task,
                        split: spec.split,
                        target: of,
                        trainer: outline.trainer(of, expansion, spec),
                        fits,
                        cost: outline.cost(of, expansion, own, fits),
                    };
                    listeners.emit_of(Some(worker), event);
                }
                return ControlFlow::Continue(());
            }
            PoolEvent::Other { worker, event } => {
                listeners.emit_of(worker, event);
                return ControlFlow::Continue(());
            }
        };
        let (of, own) = tasks.place(task);
        let Search {
            plan, expansion, ..
        } = searches[of];
        let part = boards[of].record(own, &finished);
        let outcome = finished.outcome;
        let Some(part) = part else {
            let event = Event::BaselineFinished {
                split: expansion.any_task(own).split,
                fault: outcome.result.err(),
                wall: outcome.wall,
                reused: outcome.reused,
            };
            listeners.emit_of(finished.worker, event);
            return ControlFlow::Continue(());
        };
        let (models, fault) = match outcome.result {
            Ok(answer) => (answer.fits, None),
            Err(fault) => (0, Some(fault)),
        };
        if let (ErrorScore::Raise, Some(fault)) = (plan.error_score, &fault) {
            raised = Some((of, part.clone().into_owned(), fault.clone()));
        }
        // Neither a mean over splits that do not belong together says anything, nor the
        // best over several targets.
        let has_means = expansion.parts.is_empty();
        let board = &boards[of].search;
        let usage = finished.usage;
        let event = Event::TaskFinished {
            task,
            split: part.split,
            fits: part.candidates.len(),
            models,
            fault,
            wall: outcome.wall,
            reused: outcome.reused,
            best: (has_means && searches.len() == 1)
                .then(|| board.best_so_far(ranking_metric(plan)))
                .flatten(),
            target: of,
            trainer: outline.trainer(of, expansion, &part),
            cost: outline.cost(of, expansion, own, part.candidates.len()),
            started_us: usage.started_us,
            load: usage.load,
            cpu: usage.cpu,
            memory: usage.memory,
        };
        listeners.emit_of(finished.worker, event);
        let completed = if has_means { board.completed() } else { &[] };
        for &candidate in completed {
            let (mean, std) = board.mean_and_std(candidate, ranking_metric(plan));
            let finite = |score: f64| Some(score).filter(|score| score.is_finite());
            listeners.emit(Event::CandidateScored {
                target: of,
                candidate: candidate as usize,
                mean: finite(mean),
                std: finite(std),
                fit_time: finite(board.mean_time(candidate)),
                params: Arc::new(expansion.candidates.get(candidate as usize)),
            });
        }
        if raised.is_some() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    // Without splits there is nothing to search.
    if !tasks.is_empty() {
        pool.run(&tasks, &mut on_report)
            .map_err(SearchError::Pool)?;
    }
    if let Some((of, task, fault)) = raised {
        let candidates = &searches[of].expansion.candidates;
        let params = json(&candidates.get(task.candidates[0] as usize));
        return Err(SearchError::Raised {
            params,
            split: task.split,
            fault,
        });
    }
    if cancel.is_cancelled() {
        let done = boards.iter().map(|boards| boards.search.recorded()).sum();
        listeners.emit(Event::RunInterrupted { done, fits });
        return Err(SearchError::Interrupted { done, fits });
    }
    listeners.emit(Event::RunFinished {
        wall: started.elapsed(),
    });
    tracing::info!(
        seconds = started.elapsed().as_secs_f64(),
        "the search ended"
    );
    let searched: Vec<Searched> = boards.into_iter().map(Boards::finish).collect();
    let results = || searched.iter().map(|(results, _)| results);
    let failed: usize = results().map(|results| results.fit_counts.failed).sum();
    match results().flat_map(|results| &results.failures).next() {
        Some(failure) if failed == fits => Err(SearchError::AllFailed {
            fits,
            fault: failure.example.clone(),
        }),
        _ => Ok(searched),
    }
}

/// The index of the metric that ranks: the one of `refit`, else the first.
pub fn ranking_metric(plan: &Plan) -> usize {
    let refit = plan.refit.as_ref();
    refit
        .and_then(|refit| {
            plan.scoring
                .iter()
                .position(|score| score.name == refit.metric)
        })
        .unwrap_or(0)
}

/// Runs tasks outside the search. Returns how each ended: with its answer, or a fault.
pub fn run_outside_search<E>(
    tasks: &dyn Tasks,
    pool: &dyn Pool<Error = E>,
    listeners: &mut Listeners<'_>,
) -> Result<Vec<Result<Answer, TaskFault>>, E> {
    let mut results = vec![Err(TaskFault::Cancelled); tasks.len()];
    pool.run(tasks, &mut |reported| {
        match reported {
            PoolEvent::Finished { task, finished } => results[task] = finished.outcome.result,
            PoolEvent::Started { .. } => {}
            PoolEvent::Other { worker, event } => listeners.emit_of(worker, event),
        }
        ControlFlow::Continue(())
    })?;
    Ok(results)
}

fn json(params: &Params) -> String {
    serde_json::to_string(params).expect("hyper-parameters are JSON")
}
