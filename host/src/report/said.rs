//! [`said`]: what a person is told of an event of a run, in one line, wherever it is shown;
//! [`phase`]: what a run does. Of tasks nothing is said: they are counted.

use super::human::{counted, duration};
use super::live::Phase;
use crate::run::event::Event;

/// What is said of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// One line, without the severity.
    pub text: String,
    /// How much it matters.
    pub severity: Severity,
}

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The run goes as it should.
    News,
    /// It waits for something, or goes on without it.
    Trouble,
    /// Whoever runs it should know and perhaps do something.
    Warning,
}

/// What is said of an event of a worker; `None` of those that are counted.
pub fn said(event: &Event, worker: Option<&str>) -> Option<Said> {
    use Severity::{News, Trouble, Warning};
    let worker = worker.unwrap_or("?");
    let (severity, text) = match event {
        Event::DatasetPrepared {
            rows,
            features,
            reused,
            wall,
            ..
        } => {
            let rows = counted(usize::try_from(*rows).unwrap_or(usize::MAX), "row");
            let features = counted(*features, "feature");
            let how = match reused {
                true => "found in the store",
                false => "prepared",
            };
            let text = format!("dataset: {rows} x {features}, {how} in {}", duration(*wall));
            (News, text)
        }
        Event::PlanWarned { message } | Event::DatasetWarned { message } => {
            (Warning, message.clone())
        }
        Event::ObjectRepaired { key } => (
            Warning,
            format!("`{key}` in the store was damaged and was written again"),
        ),
        Event::ResultDamaged { key } => (
            Warning,
            format!("`{key}` in the store is damaged; its fits are made again"),
        ),
        Event::ResultUnproven { key } => (
            Warning,
            format!(
                "`{key}` in the store carries no valid HMAC; its fits are made again. Its writer \
                 had another `FANOUT_STORE_KEY`, or none"
            ),
        ),
        Event::ResultDiffered { key } => (
            Warning,
            format!(
                "`{key}` in the store has other scores than were made now; the trainer is not \
                 deterministic"
            ),
        ),
        Event::SharingFailed { message } => (
            Warning,
            format!(
                "the decoded dataset can't be shared, so that every worker decodes it: {message}"
            ),
        ),
        Event::EventsLost { events, reason } => {
            let events = counted(usize::try_from(*events).unwrap_or(usize::MAX), "event");
            let text =
                format!("the store lacks {events} of this run, for those who follow it there");
            (Warning, format!("{text}: {reason}"))
        }
        Event::RunStarted {
            targets,
            candidates,
            splits,
            fits,
            tasks,
            workers,
            ..
        } => {
            let of_targets = match targets {
                1 => String::new(),
                several => format!(", of {}", counted(*several, "target")),
            };
            let text = format!(
                "{}: {} x {}{of_targets}, in {} on {}",
                counted(*fits, "fit"),
                counted(*candidates, "candidate"),
                counted(*splits, "split"),
                counted(*tasks, "task"),
                counted(*workers, "worker"),
            );
            (News, text)
        }
        Event::OuterFitsStarted { fits } => (News, phase(&Phase::OuterFits { fits: *fits })),
        Event::PartsStarted { parts, ahead } => {
            let of = match ahead {
                true => "of the refit, ahead",
                false => "of models",
            };
            (News, format!("fitting {} {of}", counted(*parts, "part")))
        }
        Event::WorkerJoined { slots } => {
            let slots = counted(*slots, "task");
            let text = format!("worker {worker} joined, for {slots} at a time");
            (News, text)
        }
        Event::WorkerLeft { silent: true } => (
            Trouble,
            format!("worker {worker} does not answer; others get its tasks"),
        ),
        Event::WorkerLeft { silent: false } => (News, format!("worker {worker} left")),
        Event::WorkersAwaited => {
            let text =
                "no worker takes tasks; waiting for one (`fanout worker --nats URL --store URL`)";
            (Trouble, text.to_owned())
        }
        Event::TaskReturned { reason } => {
            let text = format!("worker {worker} returned a task: {reason}");
            (Trouble, text)
        }
        Event::TaskCopied { endpoint } => {
            let who = match endpoint {
                Some(url) => format!("the endpoint `{url}`"),
                None => format!("worker {worker}"),
            };
            let text = "takes far longer for a task than others for theirs; another one gets it, \
                        too";
            (News, format!("{who} {text}"))
        }
        Event::EndpointLost {
            endpoint,
            reason,
            retry,
        } => {
            let text = format!(
                "the endpoint `{endpoint}` does not answer: {reason}; trying again until none has \
                 answered for {} (`pool.retry`)",
                duration(*retry)
            );
            (Trouble, text)
        }
        Event::EndpointAnswered { endpoint } => {
            (News, format!("the endpoint `{endpoint}` answers again"))
        }
        Event::QueueConnected => (News, "NATS is connected again".to_owned()),
        Event::QueueDisconnected => (Trouble, "NATS is not connected; waiting for it".to_owned()),
        Event::RunFinished { wall } => (News, format!("all tasks ended after {}", duration(*wall))),
        Event::RefitStarted => (News, phase(&Phase::Refitting)),
        Event::EnsembleStarted => (News, phase(&Phase::Selecting)),
        Event::MembersRefitStarted { members } => {
            (News, phase(&Phase::RefittingMembers { members: *members }))
        }
        Event::SecondStageStarted => (News, phase(&Phase::SecondStage)),
        Event::ExplanationStarted => (News, phase(&Phase::Explaining)),
        Event::RunInterrupted { done, fits } => (
            Warning,
            format!(
                "stopped: {done} of {} are done; the same command goes on",
                counted(*fits, "fit")
            ),
        ),
        Event::RunClosed {
            failure: Some(failure),
        } => (Warning, format!("failed: {failure}")),
        Event::TaskStarted { .. }
        | Event::TaskFinished { .. }
        | Event::PartStarted { .. }
        | Event::PartFinished { .. }
        | Event::CandidateScored { .. }
        | Event::BaselineFinished { .. }
        | Event::OuterFitFinished { .. }
        | Event::RunClosed { failure: None } => return None,
    };
    Some(Said { text, severity })
}

/// What a run does, in a few words.
pub fn phase(phase: &Phase) -> String {
    match phase {
        Phase::Preparing => "reading the dataset".to_owned(),
        Phase::Searching => "making the fits".to_owned(),
        Phase::OuterFits { fits } => {
            format!("scoring the best candidate of {}", counted(*fits, "split"))
        }
        Phase::Searched => "writing the results".to_owned(),
        Phase::Fitting => "fitting to all rows".to_owned(),
        Phase::Refitting => "fitting the best candidate on all rows".to_owned(),
        Phase::Selecting => "selecting the members of the ensemble".to_owned(),
        Phase::RefittingMembers { members } => {
            let members = counted(*members, "member");
            format!("fitting {members} of the ensemble on all rows")
        }
        Phase::SecondStage => "fitting the final estimator to what the members predict".to_owned(),
        Phase::Explaining => "explaining the best candidate".to_owned(),
        Phase::Interrupted => "stopped".to_owned(),
        Phase::Closed { failure: None } => "done".to_owned(),
        Phase::Closed {
            failure: Some(failure),
        } => format!("failed: {failure}"),
    }
}
