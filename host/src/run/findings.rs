//! [`find`]: what a run finds beside the scores of its fits. A nested cross-validation
//! takes a second stage for that: the best candidate of each outer split is fitted on all
//! training rows there.

use std::ops::{ControlFlow, Range};

use fanout_contract::{Params, Split};

use super::event::{Event, Listeners};
use super::pool::{Pool, PoolEvent};
use super::record::Record;
use super::search::{SearchError, ranking_metric};
use super::tasks::{SingleTask, Tasks};
use crate::dataset::PartOf;
use crate::expand::Expansion;
use crate::plan::{ErrorScore, Plan};
use crate::reduce::{CurvePoint, Findings, OuterScore, OuterSplit, PermutationTest, SearchResults};
use crate::store::StoreError;
use crate::task::{Cancel, FinishedFits, Outcome};

/// The fits of a second stage: a candidate on a split.
type OuterFits<'e> = Vec<(usize, &'e Split)>;

/// What a run of `plan` finds; `None` where its splits are those of `cv` alone. `fit`
/// gives the outcomes of fits, in order, `None` of those that are not there. They are
/// counted among the fits of `results`.
pub fn find<E>(
    plan: &Plan,
    expansion: &Expansion,
    results: &mut SearchResults,
    fit: impl FnOnce(OuterFits<'_>) -> Result<Vec<Option<Outcome>>, E>,
) -> Result<Option<Findings>, E> {
    let mut end = 0;
    let parts = expansion.parts.iter().map(|part| {
        let start = end;
        end += part.splits as usize;
        (&part.of, start..end)
    });
    let parts: Vec<(&PartOf, Range<usize>)> = parts.collect();
    let Some((first, _)) = parts.first() else {
        return Ok(None);
    };
    match first {
        PartOf::TrainSize(_) => {
            let points = parts.into_iter().filter_map(|(of, splits)| match of {
                PartOf::TrainSize(train_size) => Some(CurvePoint {
                    train_size: *train_size,
                    results: results.on(splits),
                }),
                _ => None,
            });
            return Ok(Some(Findings::LearningCurve(points.collect())));
        }
        PartOf::Unshuffled | PartOf::Permutation(_) => {
            let mut each = parts.into_iter().map(|(_, splits)| results.on(splits));
            let unshuffled = each.next().expect("there is a first part");
            let permuted: Vec<SearchResults> = each.collect();
            let tests = PermutationTest::all(&unshuffled, &permuted);
            return Ok(Some(Findings::PermutationTest(tests)));
        }
        PartOf::Outer(_) => {}
    }
    let metric = ranking_metric(plan);
    let (mut outer, mut fits) = (Vec::new(), OuterFits::new());
    for (of, splits) in parts {
        let PartOf::Outer(split) = of else { continue };
        let inner = results.on(splits);
        let best = inner.best(metric);
        fits.extend(best.map(|best| (best, split)));
        outer.push((inner, best));
    }
    let mut outcomes = fit(fits)?.into_iter();
    let failed = match plan.error_score {
        ErrorScore::Value(score) => score,
        ErrorScore::Nan | ErrorScore::Raise => f64::NAN,
    };
    let outer = outer.into_iter().map(|(inner, best)| {
        let outcome = best.and_then(|_| outcomes.next()).flatten();
        let counts = &mut results.fit_counts;
        let (answer, otherwise) = match outcome {
            Some(Outcome {
                result: Ok(answer),
                reused,
                ..
            }) => {
                counts.served += 1;
                counts.made += answer.fits as usize;
                counts.reused += usize::from(reused);
                (Some(answer), f64::NAN)
            }
            Some(_) => {
                counts.failed += 1;
                (None, failed)
            }
            None => (None, f64::NAN),
        };
        let scores = answer.as_ref().and_then(|answer| answer.scores.first());
        OuterSplit {
            scores: OuterScore::all(&inner.metrics, scores, otherwise),
            inner,
            best,
        }
    });
    Ok(Some(Findings::Nested(outer.collect())))
}

/// Runs the fits of the second stage on a pool.
pub fn fit_outer<E>(
    plan: &Plan,
    expansion: &Expansion,
    fits: OuterFits<'_>,
    pool: &dyn Pool<Error = E>,
    cancel: &Cancel,
    listeners: &mut Listeners<'_>,
) -> Result<Vec<Option<Outcome>>, SearchError<E>> {
    let tasks = tasks(expansion, &fits);
    listeners.emit(Event::OuterFitsStarted { fits: tasks.len() });
    let mut outcomes: Vec<Option<Outcome>> = vec![None; tasks.len()];
    let mut raised = None;
    let ran = pool.run(&tasks, &mut |reported| {
        let (task, finished) = match reported {
            PoolEvent::Finished { task, finished } => (task, finished),
            PoolEvent::Started { .. } => return ControlFlow::Continue(()),
            PoolEvent::Other { worker, event } => {
                listeners.emit_of(worker, event);
                return ControlFlow::Continue(());
            }
        };
        let FinishedFits {
            outcome, worker, ..
        } = finished;
        let fault = outcome.result.as_ref().err().cloned();
        let event = Event::OuterFitFinished {
            task,
            fault: fault.clone(),
            wall: outcome.wall,
            reused: outcome.reused,
        };
        listeners.emit_of(worker, event);
        outcomes[task] = Some(outcome);
        match fault.filter(|_| plan.error_score == ErrorScore::Raise) {
            Some(fault) => {
                raised = Some((task, fault));
                ControlFlow::Break(())
            }
            None => ControlFlow::Continue(()),
        }
    });
    ran.map_err(SearchError::Pool)?;
    if let Some((task, fault)) = raised {
        let params: Params = expansion.candidates.get(fits[task].0);
        return Err(SearchError::Raised {
            params: serde_json::to_string(&params).expect("hyper-parameters are JSON"),
            split: task as u32,
            fault,
        });
    }
    if cancel.is_cancelled() {
        let (done, fits) = (expansion.fits(), expansion.fits() + tasks.len());
        listeners.emit(Event::RunInterrupted { done, fits });
        return Err(SearchError::Interrupted { done, fits });
    }
    Ok(outcomes)
}

/// Looks the fits of the second stage up.
pub(super) fn look_up_outer(
    expansion: &Expansion,
    fits: &OuterFits<'_>,
    record: &Record,
) -> Result<Vec<Option<Outcome>>, StoreError> {
    let tasks = tasks(expansion, fits);
    let wanted: Vec<_> = tasks.iter().map(|task| task.wanted(0)).collect();
    let found = record.look(&wanted)?.into_iter();
    let outcome = found.map(|found| found.finished.into_iter().map(|fits| fits.outcome).next());
    Ok(outcome.collect())
}

fn tasks(expansion: &Expansion, fits: &OuterFits<'_>) -> Vec<SingleTask> {
    let task = |&(candidate, split): &(usize, &Split)| {
        let outputs = expansion.outputs(candidate as u32).to_vec();
        SingleTask::outside_search(expansion, candidate, split, outputs)
    };
    fits.iter().map(task).collect()
}
