//! [`RunState`]: where a run is, folded from its events: counts, workers, the best
//! candidates so far, failures, and how long the rest takes. Pure: the time is the events'
//! own, and what shows it (a terminal, a page) asks for another at will.
//!
//! Its size depends on the workers, trainers, targets and splits, and not on how many
//! tasks there are.

mod estimate;
#[cfg(test)]
mod tests;
mod workers;

use std::collections::BTreeMap;
use std::sync::Arc;

use fanout_contract::Params;
use serde::Serialize;

use crate::digest::Digest;
use crate::run::event::{Event, StampedEvent};
use crate::task::TaskFault;

pub use workers::{Running, Work, WorkerState};

/// How many of the best candidates of a target are kept.
pub const BEST: usize = 5;

/// Of more splits than these it is not kept how far each is: with leave-one-out there is
/// one a row.
const SPLITS: usize = 1000;

/// The bytes that are kept of the message of a failure.
const MESSAGE: usize = 500;

/// Where a run is.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct RunState {
    /// The name of the plan.
    pub name: String,
    /// The run's id.
    pub run: Option<Digest>,
    /// What goes on.
    pub phase: Phase,
    /// The dataset, once it is in the store.
    pub dataset: Option<DatasetSize>,
    /// The targets.
    pub targets: Vec<TargetState>,
    /// The trainers.
    pub trainers: Vec<TrainerState>,
    /// By split: how many fits are done; none where there are very many splits.
    pub splits: Vec<usize>,
    /// How many candidates there are, of all targets.
    pub candidates: usize,
    /// How many fits.
    pub fits: usize,
    /// How many tasks.
    pub tasks: usize,
    /// How many tasks run at a time, as far as was known when the run started.
    pub slots: usize,
    /// Fits that ended, with or without scores.
    pub done: usize,
    /// Those of them that the store had.
    pub reused: usize,
    /// Those of them that failed.
    pub failed: usize,
    /// Fits that shared the model of another one.
    pub shared: usize,
    /// Models that were fitted.
    pub models: usize,
    /// The failures, by kind.
    pub failures: BTreeMap<&'static str, FailureState>,
    /// The workers, by name.
    pub workers: BTreeMap<Arc<str>, WorkerState>,
    /// Parts of models that are done, and all.
    pub parts: (usize, usize),
    /// When the tasks were known, in microseconds since 1970-01-01 UTC.
    pub started_us: u64,
    /// When the latest event was.
    pub latest_us: u64,
    /// Seconds from the first task to the last, once all ended.
    pub wall: Option<f64>,
    /// The sequence number of the latest event.
    sequence: Option<u64>,
    /// Whether a task was started a second time elsewhere.
    copied: bool,
}

/// What a run does.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
pub enum Phase {
    /// It reads the dataset.
    #[default]
    Preparing,
    /// It makes the fits of the search.
    Searching,
    /// It scores the best candidate of so many outer splits.
    OuterFits {
        /// How many.
        fits: usize,
    },
    /// All tasks ended.
    Searched,
    /// It fits the only estimator on all rows; nothing is searched.
    Fitting,
    /// It fits the best candidate on all rows.
    Refitting,
    /// It selects the members of an ensemble.
    Selecting,
    /// It fits so many members on all rows.
    RefittingMembers {
        /// How many.
        members: usize,
    },
    /// It fits an estimator to what the members predict.
    SecondStage,
    /// It explains the best candidate.
    Explaining,
    /// It was stopped.
    Interrupted,
    /// The process is done with it.
    Closed {
        /// Why it failed; `None` where it did not.
        failure: Option<String>,
    },
}

/// The size of a dataset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct DatasetSize {
    /// Rows.
    pub rows: u64,
    /// Features.
    pub features: usize,
}

/// A target, and its best candidates.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct TargetState {
    /// Its column.
    pub name: String,
    /// The metric that ranks the candidates.
    pub metric: String,
    /// Candidates whose splits are all done.
    pub scored: usize,
    /// The best of them, the best first; of equals the first in the plan's order.
    pub best: Vec<Ranked>,
}

/// A candidate among the best so far.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ranked {
    /// Its index.
    pub candidate: usize,
    /// The mean of its test scores.
    pub mean: f64,
    /// Their standard deviation.
    pub std: Option<f64>,
    /// Its searched hyper-parameters.
    pub params: Arc<Params>,
    /// When it took this place, in microseconds since 1970-01-01 UTC.
    pub since_us: u64,
}

/// A trainer, and how far its fits are.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct TrainerState {
    /// Its name.
    pub name: Arc<str>,
    /// Fits.
    pub fits: usize,
    /// Those that ended.
    pub done: usize,
    /// What its tasks are expected to take together, beside others.
    pub cost: f64,
    /// What those that ended were expected to take.
    pub cost_done: f64,
    /// What those that were run here were expected to take, and what they took in seconds.
    pub cost_made: f64,
    /// See `cost_made`.
    pub seconds_made: f64,
}

/// The failures of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FailureState {
    /// Fits.
    pub fits: usize,
    /// What the first one said.
    pub message: String,
}

impl RunState {
    /// The state after these events.
    pub fn after<'e>(events: impl IntoIterator<Item = &'e StampedEvent>) -> Self {
        let mut state = Self::default();
        for event in events {
            state.fold(event);
        }
        state
    }

    /// Takes in an event. One whose number does not ascend is of another process that
    /// executes the run: the state begins anew.
    pub fn fold(&mut self, stamped: &StampedEvent) {
        if self.sequence.is_some_and(|last| stamped.sequence <= last) {
            *self = Self::default();
        }
        self.sequence = Some(stamped.sequence);
        self.latest_us = self.latest_us.max(stamped.time_us);
        let now = stamped.time_us;
        match &stamped.event {
            Event::DatasetPrepared { rows, features, .. } => {
                let (rows, features) = (*rows, *features);
                self.dataset = Some(DatasetSize { rows, features });
            }
            Event::RunStarted { .. } => self.start(stamped),
            Event::TaskFinished { .. } => self.finish(stamped),
            Event::CandidateScored {
                target,
                candidate,
                mean,
                std,
                params,
                ..
            } => {
                let Some(target) = self.targets.get_mut(*target) else {
                    return;
                };
                target.scored += 1;
                if let Some(mean) = *mean {
                    target.rank(Ranked {
                        candidate: *candidate,
                        mean,
                        std: *std,
                        params: Arc::clone(params),
                        since_us: now,
                    });
                }
            }
            Event::TaskStarted { .. }
            | Event::PartStarted { .. }
            | Event::WorkerJoined { .. }
            | Event::WorkerLeft { .. } => self.note_worker(stamped),
            Event::TaskCopied { .. } => self.copied = true,
            Event::PartsStarted { parts, .. } => self.parts = (0, *parts),
            Event::PartFinished { .. } => {
                self.parts.0 += 1;
                self.note_worker(stamped);
            }
            Event::OuterFitsStarted { fits } => self.enter(Phase::OuterFits { fits: *fits }),
            Event::RunFinished { wall } => {
                self.wall = Some(wall.as_secs_f64());
                self.enter(Phase::Searched);
            }
            Event::RefitStarted if self.fits == 0 => self.enter(Phase::Fitting),
            Event::RefitStarted => self.enter(Phase::Refitting),
            Event::EnsembleStarted => self.enter(Phase::Selecting),
            Event::MembersRefitStarted { members } => {
                self.enter(Phase::RefittingMembers { members: *members });
            }
            Event::SecondStageStarted => self.enter(Phase::SecondStage),
            Event::ExplanationStarted => self.enter(Phase::Explaining),
            Event::RunInterrupted { .. } => self.enter(Phase::Interrupted),
            Event::RunClosed { failure } => {
                let failure = failure.as_deref().map(clipped);
                self.enter(Phase::Closed { failure });
            }
            Event::DatasetWarned { .. }
            | Event::PlanWarned { .. }
            | Event::ObjectRepaired { .. }
            | Event::ResultDamaged { .. }
            | Event::ResultUnproven { .. }
            | Event::ResultDiffered { .. }
            | Event::SharingFailed { .. }
            | Event::BaselineFinished { .. }
            | Event::OuterFitFinished { .. }
            | Event::WorkersAwaited
            | Event::TaskReturned { .. }
            | Event::EndpointLost { .. }
            | Event::EndpointAnswered { .. }
            | Event::QueueConnected
            | Event::QueueDisconnected
            | Event::EventsLost { .. } => {}
        }
    }

    /// Whether the process is done with the run.
    pub fn is_closed(&self) -> bool {
        matches!(self.phase, Phase::Closed { .. })
    }

    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        for worker in self.workers.values_mut() {
            worker.running.clear();
        }
    }

    fn start(&mut self, stamped: &StampedEvent) {
        let Event::RunStarted {
            run,
            targets,
            candidates,
            splits,
            fits,
            tasks,
            workers,
            name,
            target_metrics,
            target_names,
            trainers,
            trainer_fits,
            trainer_costs,
            ..
        } = &stamped.event
        else {
            return;
        };
        let target = |index| TargetState {
            name: target_names.get(index).cloned().unwrap_or_default(),
            metric: target_metrics.get(index).cloned().unwrap_or_default(),
            ..TargetState::default()
        };
        let trainer = |(index, name): (usize, &Arc<str>)| TrainerState {
            name: Arc::clone(name),
            fits: trainer_fits.get(index).copied().unwrap_or_default(),
            cost: trainer_costs.get(index).copied().unwrap_or_default(),
            ..TrainerState::default()
        };
        // A run of a second stage counts its own, at the same workers.
        let before = std::mem::take(self);
        *self = Self {
            name: name.clone(),
            run: Some(*run),
            phase: Phase::Searching,
            dataset: before.dataset,
            targets: (0..*targets).map(target).collect(),
            trainers: trainers.iter().enumerate().map(trainer).collect(),
            splits: vec![0; if *splits <= SPLITS { *splits } else { 0 }],
            candidates: *candidates,
            fits: *fits,
            tasks: *tasks,
            slots: *workers,
            workers: before.workers,
            started_us: stamped.time_us,
            latest_us: before.latest_us,
            sequence: before.sequence,
            ..Self::default()
        };
    }

    fn finish(&mut self, stamped: &StampedEvent) {
        self.note_worker(stamped);
        let Event::TaskFinished {
            split,
            fits,
            models,
            fault,
            wall,
            reused,
            trainer,
            cost,
            ..
        } = &stamped.event
        else {
            return;
        };
        self.done += fits;
        if let Some(done) = self.splits.get_mut(*split as usize) {
            *done += fits;
        }
        if *reused {
            self.reused += fits;
        } else if fault.is_none() {
            self.models += *models as usize;
            self.shared += fits.saturating_sub(*models as usize);
        }
        if let Some(fault) = fault {
            self.failed += fits;
            self.note_failure(fault, *fits);
        }
        let known = self
            .trainers
            .iter_mut()
            .find(|known| known.name == *trainer);
        if let Some(trainer) = known {
            trainer.done += fits;
            trainer.cost_done += cost;
            if !reused && fault.is_none() {
                trainer.cost_made += cost;
                trainer.seconds_made += wall.as_secs_f64();
            }
        }
    }

    fn note_failure(&mut self, fault: &TaskFault, fits: usize) {
        let failure = self.failures.entry(fault.kind()).or_insert_with(|| {
            // A trap's backtrace follows on further lines.
            let message = fault.to_string();
            let message = clipped(message.lines().next().unwrap_or_default());
            FailureState { fits: 0, message }
        });
        failure.fits += fits;
    }
}

impl TargetState {
    /// Gives a candidate its place among the best.
    fn rank(&mut self, new: Ranked) {
        let is_before = |one: &Ranked| {
            one.mean > new.mean || one.mean == new.mean && one.candidate < new.candidate
        };
        let place = self.best.partition_point(is_before);
        if place < BEST {
            self.best.insert(place, new);
            self.best.truncate(BEST);
        }
    }
}

fn clipped(text: &str) -> String {
    text[..text.floor_char_boundary(MESSAGE)].to_owned()
}
