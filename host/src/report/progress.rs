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
use super::said::{Said, Severity, phase, said};
use super::terminal::Style;
use crate::queue::message::shown;
use crate::run::event::{Event, Listener, StampedEvent};
use crate::task::{TaskFault, microseconds};
use live_view::LiveView;
use view::rough;

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

    /// Says what goes on, on a terminal, instead of the run's own words, or no more.
    pub fn note(&self, note: Option<String>) {
        if let Form::Live(view) = &self.form {
            view.note(note);
        }
    }

    /// Takes in an event that happened at `now`, in microseconds.
    fn on_event_at(&mut self, event: &Event, worker: Option<&str>, now: u64) {
        let is_plain = matches!(self.form, Form::Plain { .. });
        match event {
            Event::TaskFinished {
                fits,
                fault,
                reused,
                best,
                ..
            } => self.advance(*fits, fault.as_ref(), *reused, *best, now),
            Event::RunStarted { fits, metric, .. } => {
                metric.clone_into(&mut self.metric);
                if *fits > 0 {
                    self.tell(event, worker);
                }
                self.start(*fits, now);
            }
            Event::ResultUnproven { .. } => {
                self.unproven += 1;
                if self.unproven <= UNPROVEN {
                    self.tell(event, worker);
                } else if self.unproven == UNPROVEN + 1 {
                    // With another key these are all parts of the store.
                    self.say("warning: there are more parts without a valid HMAC");
                }
            }
            Event::TaskReturned { reason } => {
                // A store that fails is the reason of every task.
                let many = self.returned.len() >= RETURNED;
                let worker = worker.unwrap_or("?");
                if !many && self.returned.insert(format!("{worker}: {reason}")) {
                    self.tell(event, Some(worker));
                }
            }
            // On a terminal the report that follows says as much.
            Event::RunFinished { wall } => {
                if is_plain && self.fits > 0 {
                    let text = self.state(&format!(" in {}", duration(*wall)));
                    self.say(&text);
                }
            }
            // Nothing was searched.
            Event::RefitStarted if self.fits == 0 => {
                if is_plain {
                    self.say(&phase(&Phase::Fitting));
                }
            }
            // On a terminal it shows what is done after the search.
            Event::RefitStarted
            | Event::EnsembleStarted
            | Event::MembersRefitStarted { .. }
            | Event::SecondStageStarted
            | Event::ExplanationStarted
            | Event::OuterFitsStarted { .. }
            | Event::PartsStarted { .. } => {
                if is_plain {
                    self.tell(event, worker);
                }
            }
            Event::RunInterrupted { .. } => {
                // The run's error says how many fits are done. Tasks that still end
                // change nothing of it.
                self.form = Form::Quiet;
            }
            // The run's error says why.
            Event::RunClosed { .. } => {}
            other => self.tell(other, worker),
        }
    }

    fn tell(&mut self, event: &Event, worker: Option<&str>) {
        match said(event, worker) {
            Some(Said {
                text,
                severity: Severity::Warning,
            }) => self.say(&format!("warning: {text}")),
            Some(Said { text, .. }) => self.say(&text),
            None => {}
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
