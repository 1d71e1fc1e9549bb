//! [`Feed`]: the listener that hands a run's events to a [`Followed`] board. It never waits:
//! the events go through a queue of bounded length to a thread of their own, and where that is
//! full they are counted and dropped. How slow browsers are reaches neither.

use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use tokio::sync::watch;

use super::board::Board;
use crate::run::event::{Listener, StampedEvent};

/// The most events that wait to be taken in: some megabytes.
const WAITING: usize = 16_384;

/// A board that grows, and that readers wait for.
#[derive(Debug)]
pub(super) struct Followed {
    board: Mutex<Board>,
    version: watch::Sender<u64>,
}

impl Followed {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            board: Mutex::new(Board::new()),
            version: watch::Sender::new(0),
        })
    }

    /// The board as it is.
    pub(super) fn board(&self) -> MutexGuard<'_, Board> {
        // A fold that panicked has left what it had.
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the board, and wakes its readers.
    pub(super) fn change(&self, change: impl FnOnce(&mut Board)) {
        let version = {
            let mut board = self.board();
            change(&mut board);
            board.version()
        };
        self.version.send_replace(version);
    }

    /// Whether anyone waits for what changes.
    pub(super) fn is_watched(&self) -> bool {
        self.version.receiver_count() > 0
    }

    /// Tells of every version that comes.
    pub(super) fn versions(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }
}

/// See the module.
#[derive(Debug)]
pub struct Feed {
    events: Option<SyncSender<StampedEvent>>,
    missed: u64,
    followed: Arc<Followed>,
    thread: Option<JoinHandle<()>>,
}

impl Feed {
    /// A feed of a board.
    ///
    /// # Errors
    /// If there is no thread to be had.
    pub(super) fn new(followed: Arc<Followed>) -> std::io::Result<Self> {
        let (sender, receiver) = mpsc::sync_channel(WAITING);
        let taken = Arc::clone(&followed);
        let thread = thread::Builder::new().name("dashboard-events".to_owned());
        let thread = thread.spawn(move || take_in(&receiver, &taken))?;
        Ok(Self {
            events: Some(sender),
            missed: 0,
            followed,
            thread: Some(thread),
        })
    }
}

fn take_in(receiver: &Receiver<StampedEvent>, followed: &Followed) {
    while let Ok(first) = receiver.recv() {
        // Those that wait are taken under one lock.
        followed.change(|board| {
            board.on_event(&first);
            for event in receiver.try_iter().take(WAITING) {
                board.on_event(&event);
            }
        });
    }
}

impl Listener for Feed {
    fn on_event(&mut self, event: &StampedEvent) {
        let sent = |events: &SyncSender<StampedEvent>| events.try_send(event.clone()).is_ok();
        if !self.events.as_ref().is_some_and(sent) {
            self.missed += 1;
        }
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.events = None;
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
        let missed = self.missed;
        self.followed.change(|board| {
            if missed > 0 {
                board.missed(missed);
            }
            board.end();
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::event::{Event, Listeners};

    #[test]
    fn a_feed_whose_board_is_held_drops_events_and_says_how_many() {
        let followed = Followed::new();
        let mut feed = Feed::new(Arc::clone(&followed)).unwrap();
        let held = followed.board();
        // One may be in the thread's hands already.
        let sent = WAITING + 101;
        let mut listeners = Listeners::new(vec![&mut feed]);
        for _ in 0..sent {
            listeners.emit(Event::WorkersAwaited);
        }
        drop(listeners);
        let missed = feed.missed;
        assert!((100..=101).contains(&missed), "{missed}");
        drop(held);
        drop(feed);
        let told = followed.board().changes(0, 0);
        assert_eq!(told["ended"], true);
        let text = format!("{missed} events came too fast and are not shown here");
        let notes = told["notes"]["warnings"].as_array().unwrap();
        assert!(notes.iter().any(|note| note["text"] == text), "{notes:?}");
    }

    #[test]
    fn readers_are_woken_and_find_all_that_was_sent() {
        let followed = Followed::new();
        let mut versions = followed.versions();
        let mut feed = Feed::new(Arc::clone(&followed)).unwrap();
        let mut listeners = Listeners::new(vec![&mut feed]);
        for _ in 0..3 {
            listeners.emit(Event::WorkersAwaited);
        }
        drop(listeners);
        drop(feed);
        // Three events, and the end.
        let seen = futures::executor::block_on(versions.wait_for(|version| *version == 4));
        assert_eq!(*seen.unwrap(), 4);
    }
}
