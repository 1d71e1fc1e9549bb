//! [`LiveView`]: draws a run on a terminal, some times a second, on a thread of its own.
//! The run's thread only notes what happened.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use console::Term;

use super::Appearance;
use super::screen::Screen;
use super::view::{Look, lines};
use crate::report::live::RunState;
use crate::run::event::StampedEvent;

/// The time between two drawings.
const INTERVAL: Duration = Duration::from_millis(100);

/// A run on a terminal, until it is dropped: then what changes is gone, and what was said
/// stays.
pub(super) struct LiveView {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    state: Mutex<State>,
    closed: Condvar,
}

#[derive(Default)]
struct State {
    run: RunState,
    /// Lines that were not written yet.
    said: Vec<String>,
    note: Option<String>,
    closed: bool,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LiveView {
    pub(super) fn new(term: Term, appearance: Appearance) -> Self {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            closed: Condvar::new(),
        });
        let of_thread = Arc::clone(&shared);
        let draw = move || draw(&of_thread, Screen::new(term), appearance);
        let thread = std::thread::Builder::new().name("terminal".to_owned());
        Self {
            shared,
            // Without a thread nothing is shown, which harms no run.
            thread: thread.spawn(draw).ok(),
        }
    }

    /// Takes in an event.
    pub(super) fn fold(&self, event: &StampedEvent) {
        self.shared.state().run.fold(event);
    }

    /// Writes a line that stays.
    pub(super) fn say(&self, line: String) {
        self.shared.state().said.push(line);
    }

    /// Says what goes on instead of the run's own words, or no more.
    pub(super) fn note(&self, note: Option<String>) {
        self.shared.state().note = note;
    }
}

impl Drop for LiveView {
    fn drop(&mut self) {
        self.shared.state().closed = true;
        self.shared.closed.notify_one();
        if let Some(thread) = self.thread.take() {
            // One that panicked has drawn its last.
            drop(thread.join());
        }
    }
}

fn draw(shared: &Shared, mut screen: Screen, appearance: Appearance) {
    loop {
        let state = shared.state();
        let waited = shared
            .closed
            .wait_timeout_while(state, INTERVAL, |state| !state.closed);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let said = std::mem::take(&mut state.said);
        let closed = state.closed;
        let (height, width) = screen.size();
        let look = Look {
            width,
            height,
            color: appearance.color,
            unicode: appearance.unicode,
        };
        let shown = match closed {
            true => Vec::new(),
            false => lines(
                &state.run,
                state.note.as_deref(),
                (appearance.clock)(),
                look,
            ),
        };
        drop(state);
        // A terminal that went away is no reason to stop.
        drop(screen.draw(&said, &shown));
        if closed {
            return;
        }
    }
}
