//! [`Progress`]: a listener that shows a run's progress to a person, on a
//! terminal or as lines of a log.

use std::collections::BTreeSet;
use std::fmt;
use std::io::Write;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use super::human::{count, counted, duration, score};
use crate::run::event::{Event, Listener, StampedEvent};
use crate::store::Key;
use crate::task::TaskFault;

/// Without a terminal: the least time between two lines on the fits.
const LEAST_INTERVAL: Duration = Duration::from_secs(2);

/// Without a terminal: the time after which a line follows even if little was
/// done.
const MOST_INTERVAL: Duration = Duration::from_secs(30);

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
    /// Parts of models that are done, and all.
    parts: (usize, usize),
    /// Kinds of failure that were shown.
    shown: BTreeSet<&'static str>,
    /// Reasons of returned tasks that were shown.
    returned: BTreeSet<String>,
    /// Parts without a valid HMAC.
    unproven: usize,
}

enum Form {
    Live(ProgressBar),
    Plain {
        out: Box<dyn Write + Send>,
        started: Instant,
        last: Instant,
        marks: usize,
    },
    Quiet,
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
    /// One line that changes, on a terminal. `metric` is the one that ranks
    /// the candidates.
    pub fn live(target: ProgressDrawTarget, metric: &str) -> Self {
        let bar = ProgressBar::with_draw_target(None, target);
        bar.set_style(waiting());
        bar.set_message("reading the dataset");
        // Its own thread: a long fit must not look like a halt.
        bar.enable_steady_tick(Duration::from_millis(200));
        Self::new(Form::Live(bar), metric)
    }

    /// A line now and then, where there is no terminal.
    pub fn plain(out: impl Write + Send + 'static, metric: &str) -> Self {
        let now = Instant::now();
        let form = Form::Plain {
            out: Box::new(out),
            started: now,
            last: now,
            marks: 0,
        };
        Self::new(form, metric)
    }

    /// Nothing at all.
    pub fn quiet() -> Self {
        Self::new(Form::Quiet, "")
    }

    fn new(form: Form, metric: &str) -> Self {
        Self {
            form,
            metric: metric.to_owned(),
            fits: 0,
            done: 0,
            reused: 0,
            failed: 0,
            best: None,
            parts: (0, 0),
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

    fn on_event_at(&mut self, event: &Event, worker: Option<&str>, now: Instant) {
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
                ..
            } => {
                if *fits == 0 {
                    return self.start(0, now);
                }
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
            Event::RunFinished { .. } if self.fits == 0 => {}
            Event::RunFinished { wall } => {
                let text = self.state(&format!(" in {}", duration(*wall)));
                match &self.form {
                    // The report that follows says as much.
                    Form::Live(bar) => {
                        bar.set_style(waiting());
                        bar.set_message("writing the results");
                    }
                    Form::Plain { .. } => self.say(&text),
                    Form::Quiet => {}
                }
            }
            // Nothing was searched.
            Event::RefitStarted if self.fits == 0 => self.tell("fitting to all rows"),
            Event::RefitStarted => self.tell("fitting the best candidate on all rows"),
            Event::EnsembleStarted => self.tell("selecting the members of the ensemble"),
            Event::MembersRefitStarted { members } => {
                let members = counted(*members, "member");
                self.tell(&format!("fitting {members} of the ensemble on all rows"));
            }
            Event::SecondStageStarted => {
                self.tell("fitting the final estimator to what the members predict");
            }
            Event::ExplanationStarted => self.tell("explaining the best candidate"),
            Event::OuterFitsStarted { fits } => {
                let text = format!("scoring the best candidate of {}", counted(*fits, "split"));
                match &self.form {
                    Form::Live(bar) => bar.set_message(text),
                    _ => self.say(&text),
                }
            }
            Event::PartsStarted { parts } => {
                self.parts = (0, *parts);
                if !matches!(self.form, Form::Live(_)) {
                    self.say(&format!("fitting {} of models", counted(*parts, "part")));
                }
            }
            Event::PartFinished { .. } => {
                self.parts.0 += 1;
                if let Form::Live(bar) = &self.form {
                    let (done, parts) = self.parts;
                    bar.set_message(format!("fitting part {done} of {parts}"));
                }
            }
            Event::BaselineFinished { .. } | Event::OuterFitFinished { .. } => {}
            Event::RunInterrupted { .. } => {
                // The run's error says how many fits are done. Tasks that still end
                // change nothing of it.
                if let Form::Live(bar) = std::mem::replace(&mut self.form, Form::Quiet) {
                    bar.finish_and_clear();
                }
            }
        }
    }

    /// Says what is done after the search.
    fn tell(&mut self, text: &str) {
        match &self.form {
            Form::Live(bar) => bar.set_message(text.to_owned()),
            _ => self.say(text),
        }
    }

    fn say(&mut self, line: &str) {
        match &mut self.form {
            Form::Live(bar) => bar.println(line),
            Form::Plain { out, .. } => {
                let _ = writeln!(out, "{line}").and_then(|()| out.flush());
            }
            Form::Quiet => {}
        }
    }

    fn start(&mut self, fits: usize, now: Instant) {
        self.fits = fits;
        // A second stage counts its own.
        (self.done, self.failed, self.reused) = (0, 0, 0);
        match &mut self.form {
            Form::Live(bar) => {
                bar.reset();
                bar.set_style(counting());
                bar.set_length(fits as u64);
                bar.set_message("");
            }
            Form::Plain { started, last, .. } => (*started, *last) = (now, now),
            Form::Quiet => {}
        }
    }

    fn advance(
        &mut self,
        fits: usize,
        fault: Option<&TaskFault>,
        reused: bool,
        best: Option<f64>,
        now: Instant,
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
        let best = best.or(self.best);
        let news = best != self.best || fault.is_some() || reused;
        self.best = best;
        match &mut self.form {
            Form::Live(bar) => {
                bar.set_position(self.done as u64);
                if reused {
                    // Reused fits say nothing of the pace.
                    bar.reset_eta();
                }
                if news {
                    let message = self.news();
                    if let Form::Live(bar) = &self.form {
                        bar.set_message(message);
                    }
                }
            }
            Form::Plain {
                started,
                last,
                marks,
                ..
            } => {
                let mark = self.done * 10 / self.fits.max(1);
                let since = now.saturating_duration_since(*last);
                let due = mark > *marks && since >= LEAST_INTERVAL || since >= MOST_INTERVAL;
                if !due || self.done >= self.fits {
                    return;
                }
                (*marks, *last) = (mark, now);
                let elapsed = now.saturating_duration_since(*started).as_secs_f64();
                let rate = (self.done - self.reused) as f64 / elapsed.max(1e-9);
                let pace = pace(rate, self.fits - self.done);
                let line = self.state(&pace);
                self.say(&line);
            }
            Form::Quiet => {}
        }
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
        self.on_event_at(&event.event, event.worker.as_deref(), Instant::now());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Form::Live(bar) = &self.form {
            bar.finish_and_clear();
        }
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
    // A guess: not to the millisecond.
    let left = (left as f64 / rate).ceil().min(1e9);
    let left = match left {
        left if left < 60.0 => format!("{left} s"),
        left => duration(Duration::from_secs_f64(left)),
    };
    format!(", {rate_text}, {left} left")
}

fn waiting() -> ProgressStyle {
    style("{spinner} {msg}")
}

fn counting() -> ProgressStyle {
    let fits = |state: &ProgressState, out: &mut dyn fmt::Write| {
        let len = state.len().unwrap_or_default() as usize;
        let _ = write!(
            out,
            "{} of {}",
            count(state.pos() as usize),
            counted(len, "fit")
        );
    };
    let pace = |state: &ProgressState, out: &mut dyn fmt::Write| {
        let left = state.len().unwrap_or_default().saturating_sub(state.pos());
        let _ = if state.pos() > 0 {
            out.write_str(&pace(state.per_sec(), left as usize))
        } else {
            write!(out, ", {} s so far", state.elapsed().as_secs())
        };
    };
    // The message last: it is what a narrow terminal cuts.
    style("{spinner} {bar:20} {fits}{pace}  {wide_msg}")
        .with_key("fits", fits)
        .with_key("pace", pace)
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .expect("the template is well formed")
        .progress_chars("##-")
}

#[cfg(test)]
mod tests;
