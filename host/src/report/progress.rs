//! [`Progress`]: a listener that shows a run's progress to a person, on a
//! terminal or as lines of a log.

mod live_view;
mod screen;
mod view;

use std::collections::BTreeSet;
use std::fmt;
use std::io::Write;
use std::time::{Duration, SystemTime};

use console::Term;

use super::human::{count, counted, duration, score};
use super::live::Phase;
use super::terminal::Style;
use crate::queue::message::shown;
use crate::run::event::{Event, Listener, StampedEvent};
use crate::store::Key;
use crate::task::{TaskFault, microseconds};
use live_view::LiveView;
use view::{rough, said_of};

/// Without a terminal: the least time between two lines on the fits.
const LEAST_INTERVAL: Duration = Duration::from_secs(2);

/// Without a terminal: the time after which a line follows even if little was
/// done.
const MOST_INTERVAL: Duration = Duration::from_secs(30);

/// The most bytes of a line.
const LINE: usize = 10_000;

/// The most reasons of returned tasks that are shown.
const RETURNED: usize = 100;

/// The most parts without a valid HMAC that are named.
const UNPROVEN: usize = 3;

/// Shows a run's progress. Drop it before anything else is written to the same
/// terminal.
pub struct Progress {
    form: Form,
    metric: String,
    fits: usize,
    done: usize,
    reused: usize,
    failed: usize,
    best: Option<f64>,
    /// Kinds of failure that were shown.
    shown: BTreeSet<&'static str>,
    /// Reasons of returned tasks that were shown.
    returned: BTreeSet<String>,
    /// Parts without a valid HMAC.
    unproven: usize,
}

enum Form {
    Live(LiveView),
    Plain {
        out: Box<dyn Write + Send>,
        /// When the run started, in microseconds.
        started: u64,
        last: u64,
        marks: usize,
    },
    Quiet,
}

/// How a run looks on a terminal.
#[derive(Clone, Copy, Debug)]
pub struct Appearance {
    /// Whether there are colours.
    pub color: bool,
    /// Whether the terminal shows more than ASCII.
    pub unicode: bool,
    /// The time in microseconds since 1970-01-01 UTC.
    pub clock: fn() -> u64,
}

impl Appearance {
    /// That of the terminal as the environment describes it: colours unless `NO_COLOR` is
    /// set; ASCII alone unless the locale is of UTF-8.
    pub fn of_environment() -> Self {
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let mut locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().filter_map(set);
        let is_utf8 = |locale: String| {
            let locale = locale.to_ascii_lowercase();
            locale.contains("utf-8") || locale.contains("utf8")
        };
        Self {
            color: Style::new(true, None).color,
            unicode: cfg!(windows) || locale.next().is_some_and(is_utf8),
            clock: || microseconds(SystemTime::now()),
        }
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let form = match self.form {
            Form::Live(_) => "live",
            Form::Plain { .. } => "plain",
            Form::Quiet => "quiet",
        };
        f.debug_struct("Progress")
            .field("form", &form)
            .field("done", &self.done)
            .finish()
    }
}

impl Progress {
    /// Lines that change, on a terminal: how far the run is, what each worker does, and the
    /// best candidates so far.
    pub fn live(term: Term, appearance: Appearance) -> Self {
        Self::new(Form::Live(LiveView::new(term, appearance)))
    }

    /// A line now and then, where there is no terminal.
    pub fn plain(out: impl Write + Send + 'static) -> Self {
        Self::new(Form::Plain {
            out: Box::new(out),
            started: 0,
            last: 0,
            marks: 0,
        })
    }

    /// Nothing at all.
    pub fn quiet() -> Self {
        Self::new(Form::Quiet)
    }

    fn new(form: Form) -> Self {
        Self {
            form,
            metric: String::new(),
            fits: 0,
            done: 0,
            reused: 0,
            failed: 0,
            best: None,
            shown: BTreeSet::new(),
            returned: BTreeSet::new(),
            unproven: 0,
        }
    }

    fn warn_of_unproven(&mut self, key: &Key) {
        self.unproven += 1;
        if self.unproven <= UNPROVEN {
            self.say(&format!(
                "warning: `{key}` in the store carries no valid HMAC; its fits are made again. \
                 Its writer had another `FANOUT_STORE_KEY`, or none"
            ));
        } else if self.unproven == UNPROVEN + 1 {
            // With another key these are all parts of the store.
            self.say("warning: there are more parts without a valid HMAC");
        }
    }

    /// Says what goes on, on a terminal, instead of the run's own words, or no more.
    pub fn note(&self, note: Option<String>) {
        if let Form::Live(view) = &self.form {
            view.note(note);
        }
    }

    /// Takes in an event that happened at `now`, in microseconds.
    fn on_event_at(&mut self, event: &Event, worker: Option<&str>, now: u64) {
        let worker = worker.unwrap_or("?");
        match event {
            Event::DatasetPrepared {
                rows,
                features,
                reused,
                wall,
            } => {
                let rows = counted(usize::try_from(*rows).unwrap_or(usize::MAX), "row");
                let wall = duration(*wall);
                let how = if *reused {
                    "found in the store in"
                } else {
                    "prepared in"
                };
                self.say(&format!(
                    "dataset: {rows} x {}, {how} {wall}",
                    counted(*features, "feature")
                ));
            }
            Event::PlanWarned { message } | Event::DatasetWarned { message } => {
                self.say(&format!("warning: {message}"))
            }
            Event::ObjectRepaired { key } => self.say(&format!(
                "warning: `{key}` in the store was damaged and was written again"
            )),
            Event::ResultDamaged { key } => self.say(&format!(
                "warning: `{key}` in the store is damaged; its fits are made again"
            )),
            Event::ResultUnproven { key } => self.warn_of_unproven(key),
            Event::ResultDiffered { key } => self.say(&format!(
                "warning: `{key}` in the store has other scores than were made now; \
                 the trainer is not deterministic"
            )),
            Event::RunStarted {
                targets,
                candidates,
                splits,
                fits,
                tasks,
                workers,
                metric,
                ..
            } => {
                metric.clone_into(&mut self.metric);
                self.say(&format!(
                    "{}: {} x {}, in {} on {}",
                    counted(*fits, "fit"),
                    counted(*candidates, "candidate"),
                    match targets {
                        1 => counted(*splits, "split"),
                        several => format!(
                            "{}, of {}",
                            counted(*splits, "split"),
                            counted(*several, "target")
                        ),
                    },
                    counted(*tasks, "task"),
                    counted(*workers, "worker"),
                ));
                self.start(*fits, now);
            }
            Event::TaskFinished {
                fits,
                fault,
                reused,
                best,
                ..
            } => self.advance(*fits, fault.as_ref(), *reused, *best, now),
            Event::SharingFailed { message } => self.say(&format!(
                "warning: the decoded dataset can't be shared, so that every worker decodes it: \
                 {message}"
            )),
            Event::WorkerJoined { slots } => {
                let slots = counted(*slots, "task");
                self.say(&format!("worker {worker} joined, for {slots} at a time"));
            }
            Event::WorkerLeft { silent } => self.say(&match silent {
                true => format!("worker {worker} does not answer; others get its tasks"),
                false => format!("worker {worker} left"),
            }),
            Event::WorkersAwaited => self.say(
                "no worker takes tasks; waiting for one (`fanout worker --nats URL --store URL`)",
            ),
            Event::TaskReturned { reason } => {
                // A store that fails is the reason of every task.
                let many = self.returned.len() >= RETURNED;
                if !many && self.returned.insert(format!("{worker}: {reason}")) {
                    self.say(&format!("worker {worker} returned a task: {reason}"));
                }
            }
            Event::TaskCopied { endpoint } => {
                let who = match endpoint {
                    Some(url) => format!("the endpoint `{url}`"),
                    None => format!("worker {worker}"),
                };
                self.say(&format!(
                    "{who} takes far longer for a task than others for theirs; another one gets \
                     it, too"
                ));
            }
            Event::QueueConnected => self.say("NATS is connected again"),
            Event::QueueDisconnected => self.say("NATS is not connected; waiting for it"),
            Event::RunFinished { wall } => {
                // On a terminal the report that follows says as much.
                if let Form::Plain { .. } = self.form {
                    let text = self.state(&format!(" in {}", duration(*wall)));
                    self.say(&text);
                }
            }
            Event::RefitStarted => self.tell(&Phase::Refitting),
            Event::EnsembleStarted => self.tell(&Phase::Selecting),
            Event::MembersRefitStarted { members } => {
                self.tell(&Phase::RefittingMembers { members: *members });
            }
            Event::SecondStageStarted => self.tell(&Phase::SecondStage),
            Event::ExplanationStarted => self.tell(&Phase::Explaining),
            Event::OuterFitsStarted { fits } => self.tell(&Phase::OuterFits { fits: *fits }),
            Event::PartsStarted { parts } => {
                if let Form::Plain { .. } = self.form {
                    self.say(&format!("fitting {} of models", counted(*parts, "part")));
                }
            }
            Event::EventsLost { events, reason } => self.say(&format!(
                "warning: the store lacks {} of this run, for those who follow it there: {reason}",
                counted(usize::try_from(*events).unwrap_or(usize::MAX), "event")
            )),
            Event::TaskStarted { .. }
            | Event::PartStarted { .. }
            | Event::PartFinished { .. }
            | Event::CandidateScored { .. }
            | Event::RunClosed { .. }
            | Event::BaselineFinished { .. }
            | Event::OuterFitFinished { .. } => {}
            Event::RunInterrupted { .. } => {
                // The run's error says how many fits are done. Tasks that still end
                // change nothing of it.
                self.form = Form::Quiet;
            }
        }
    }

    /// Says what is done after the search; on a terminal it shows.
    fn tell(&mut self, phase: &Phase) {
        if let Form::Plain { .. } = self.form {
            self.say(&said_of(phase));
        }
    }

    fn say(&mut self, line: &str) {
        // What events say may be another host's.
        let line = shown(line, LINE);
        match &mut self.form {
            Form::Live(view) => view.say(line),
            Form::Plain { out, .. } => {
                let _ = writeln!(out, "{line}").and_then(|()| out.flush());
            }
            Form::Quiet => {}
        }
    }

    fn start(&mut self, fits: usize, now: u64) {
        self.fits = fits;
        // A second stage counts its own.
        (self.done, self.failed, self.reused) = (0, 0, 0);
        if let Form::Plain {
            started,
            last,
            marks,
            ..
        } = &mut self.form
        {
            (*started, *last, *marks) = (now, now, 0);
        }
    }

    fn advance(
        &mut self,
        fits: usize,
        fault: Option<&TaskFault>,
        reused: bool,
        best: Option<f64>,
        now: u64,
    ) {
        self.done += fits;
        self.reused += if reused { fits } else { 0 };
        if let Some(fault) = fault {
            self.failed += fits;
            if self.shown.insert(fault.kind()) {
                // A trap's backtrace follows on further lines.
                let fault = fault.to_string();
                self.say(&format!(
                    "failed: {}",
                    fault.lines().next().unwrap_or_default()
                ));
            }
        }
        self.best = best.or(self.best);
        let Form::Plain {
            started,
            last,
            marks,
            ..
        } = &mut self.form
        else {
            return;
        };
        let mark = self.done * 10 / self.fits.max(1);
        let since = Duration::from_micros(now.saturating_sub(*last));
        let due = mark > *marks && since >= LEAST_INTERVAL || since >= MOST_INTERVAL;
        if !due || self.done >= self.fits {
            return;
        }
        (*marks, *last) = (mark, now);
        let elapsed = now.saturating_sub(*started) as f64 / 1e6;
        let rate = (self.done - self.reused) as f64 / elapsed.max(1e-9);
        let pace = pace(rate, self.fits - self.done);
        let line = self.state(&pace);
        self.say(&line);
    }

    /// `42 of 75 fits, 31/s, 1 s left, best roc_auc 0.7563, 2 failed`.
    fn state(&self, pace: &str) -> String {
        let news = self.news();
        let comma = if news.is_empty() { "" } else { ", " };
        format!(
            "{} of {}{pace}{comma}{news}",
            count(self.done),
            counted(self.fits, "fit")
        )
    }

    fn news(&self) -> String {
        let best = self
            .best
            .map(|best| format!("best {} {}", self.metric, score(best)));
        let failed = (self.failed > 0).then(|| format!("{} failed", count(self.failed)));
        let reused = (self.reused > 0).then(|| format!("{} reused", count(self.reused)));
        best.into_iter()
            .chain(failed)
            .chain(reused)
            .collect::<Vec<_>>()
            .join(", ")
    }
}

impl Listener for Progress {
    fn on_event(&mut self, event: &StampedEvent) {
        if let Form::Live(view) = &self.form {
            view.fold(event);
        }
        self.on_event_at(&event.event, event.worker.as_deref(), event.time_us);
    }
}

/// `, 31/s, 1.06 s left`; nothing where there is no pace yet.
fn pace(rate: f64, left: usize) -> String {
    if !rate.is_finite() || rate <= 0.0 {
        return String::new();
    }
    let rate_text = match rate {
        rate if rate >= 10.0 => format!("{}/s", count(rate.round() as usize)),
        rate if rate >= 0.1 => format!("{rate:.1}/s"),
        rate => format!("{:.1}/min", rate * 60.0),
    };
    let left = (left as f64 / rate).min(1e9);
    format!(
        ", {rate_text}, {} left",
        rough(Duration::from_secs_f64(left))
    )
}

#[cfg(test)]
mod tests;
