//! [`Journal`]: keeps the events of a run in the store, so that another process can follow
//! it, or tell of it afterwards; [`read`] and [`Follower`] are the other end.
//!
//! A process that executes a run is an attempt. It writes segments of its own, JSON lines
//! of [`StampedEvent`]s, numbered from 0, each created once. A thread of the journal's own
//! writes them, at least one a second while events come and the last one at the end. What
//! the store does not take in time is left out and counted: a journal never delays a run,
//! fails it, or fills its memory.
//!
//! Events are told and decide nothing. They carry no HMAC: whoever shows them treats their
//! texts as a stranger's.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use super::event::{Event, Listener, StampedEvent};
use crate::digest::Digest;
use crate::error::chained;
use crate::store::{Attempt, Key, Store, StoreError};
use crate::task::microseconds;

mod follow;
#[cfg(test)]
mod tests;

pub use follow::{Follower, read};

/// The longest that an event waits for others.
const INTERVAL: Duration = Duration::from_secs(1);

/// So many events are written before the interval is over.
const BATCH: usize = 1 << 13;

/// The most events that wait. Threat: a store that takes minutes for each segment, or has
/// failed, while the run goes on.
const WAITING: usize = 1 << 16;

/// How long the end of a run waits for the last segment.
const PATIENCE: Duration = Duration::from_secs(2);

/// Keeps the events of one process in the store, under the first run that it starts.
#[derive(Debug)]
pub struct Journal {
    shared: Arc<Shared>,
    /// The writer's end; nothing where its thread could not be started.
    ended: Receiver<Lost>,
}

/// What a journal could not keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// How many events.
    pub events: u64,
    /// Why.
    pub reason: String,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// Signals that the run starts, an event after none, a full batch, and the end.
    ready: Condvar,
}

#[derive(Debug, Default)]
struct State {
    run: Option<Digest>,
    waiting: Vec<StampedEvent>,
    /// Events that are being written.
    writing: usize,
    /// Events that came while too many waited.
    left_out: u64,
    closed: bool,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Passes events on to a [`Journal`].
#[derive(Debug)]
struct JournalListener(Arc<Shared>);

impl Listener for JournalListener {
    fn on_event(&mut self, event: &StampedEvent) {
        let mut state = self.0.state();
        if state.closed {
            return;
        }
        let starts = match &event.event {
            Event::RunStarted { run, .. } if state.run.is_none() => {
                state.run = Some(*run);
                true
            }
            _ => false,
        };
        if state.waiting.len() >= WAITING {
            state.left_out += 1;
            return;
        }
        state.waiting.push(event.clone());
        let wake = starts || state.run.is_some() && matches!(state.waiting.len(), 1 | BATCH);
        drop(state);
        if wake {
            self.0.ready.notify_one();
        }
    }
}

impl Journal {
    /// Starts a journal in `store`. Nothing is written before a run starts.
    pub fn start(store: Store) -> Self {
        Self::start_with(Box::new(move |key, text| {
            store.create(key, text.into()).map(drop)
        }))
    }

    /// The same with another way to write a segment.
    fn start_with(write: Write) -> Self {
        let shared = Arc::new(Shared::default());
        let (end, ended) = sync_channel(1);
        let writer = Writer {
            shared: Arc::clone(&shared),
            write,
            attempt: Attempt::new(microseconds(SystemTime::now())),
            number: 0,
            lost: None,
        };
        let thread = std::thread::Builder::new().name("journal".to_owned());
        // Without a thread all is lost, which the end tells.
        drop(thread.spawn(move || writer.run(&end)));
        Self { shared, ended }
    }

    /// What the run's events are to be passed to.
    pub fn listener(&self) -> Box<dyn Listener> {
        Box::new(JournalListener(Arc::clone(&self.shared)))
    }

    /// Writes the rest, and says what could not be kept. A store that does not take it
    /// soon is left to itself.
    pub fn finish(self) -> Option<Lost> {
        self.finish_within(PATIENCE)
    }

    fn finish_within(self, patience: Duration) -> Option<Lost> {
        self.shared.state().closed = true;
        self.shared.ready.notify_one();
        let reason = match self.ended.recv_timeout(patience) {
            Ok(lost) => return Some(lost).filter(|lost| lost.events > 0),
            Err(RecvTimeoutError::Timeout) => "the store does not take them in time",
            Err(RecvTimeoutError::Disconnected) => "there is no thread to write them",
        };
        let state = self.shared.state();
        // Before a run starts there is nothing to keep.
        state.run?;
        let events = (state.waiting.len() + state.writing) as u64 + state.left_out;
        let reason = reason.to_owned();
        (events > 0).then_some(Lost { events, reason })
    }
}

/// Writes a segment.
type Write = Box<dyn FnMut(&Key, Vec<u8>) -> Result<(), StoreError> + Send>;

/// The writing end of a journal.
struct Writer {
    shared: Arc<Shared>,
    write: Write,
    attempt: Attempt,
    number: u32,
    lost: Option<Lost>,
}

impl Writer {
    fn run(mut self, end: &SyncSender<Lost>) {
        let mut last = Instant::now();
        while let Some((run, events)) = self.next(last) {
            last = Instant::now();
            self.keep(&run, &events);
            self.shared.state().writing = 0;
        }
        let left_out = self.shared.state().left_out;
        if left_out > 0 {
            self.lose(left_out, "the store takes them too slowly");
        }
        let nothing = Lost {
            events: 0,
            reason: String::new(),
        };
        // Nobody may wait for it any more.
        drop(end.send(self.lost.unwrap_or(nothing)));
    }

    /// The events of the next segment, once they are due; `None` at the end. `last` is
    /// when the one before was written.
    fn next(&self, last: Instant) -> Option<(Digest, Vec<StampedEvent>)> {
        let due = last + INTERVAL;
        let mut state = self.shared.state();
        loop {
            let now = Instant::now();
            let known = state.run.filter(|_| !state.waiting.is_empty());
            match known {
                Some(run) if state.closed || now >= due || state.waiting.len() >= BATCH => {
                    let events = std::mem::take(&mut state.waiting);
                    state.writing = events.len();
                    return Some((run, events));
                }
                Some(_) => {
                    let wait = due.saturating_duration_since(now);
                    let waited = self.shared.ready.wait_timeout(state, wait);
                    (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
                }
                None if state.closed => return None,
                None => {
                    let waited = self.shared.ready.wait(state);
                    state = waited.unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }

    fn keep(&mut self, run: &Digest, events: &[StampedEvent]) {
        let mut text = Vec::with_capacity(256 * events.len());
        for event in events {
            serde_json::to_writer(&mut text, event).expect("an event is JSON");
            text.push(b'\n');
        }
        let key = Key::events(run, self.attempt, self.number);
        // Of one that failed it is not known whether it is there, so that no other takes
        // its number.
        self.number += 1;
        if let Err(error) = (self.write)(&key, text) {
            self.lose(events.len() as u64, &chained(&error));
        }
    }

    /// The first reason is told.
    fn lose(&mut self, events: u64, reason: &str) {
        let lost = self.lost.get_or_insert_with(|| Lost {
            events: 0,
            reason: reason.to_owned(),
        });
        lost.events += events;
    }
}
