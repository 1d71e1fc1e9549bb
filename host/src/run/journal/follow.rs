//! [`Follower`]: the events of a run as its journals hold them so far, and what comes.

use std::collections::BTreeMap;

use crate::digest::Digest;
use crate::run::event::StampedEvent;
use crate::store::{Attempt, Key, Kind, Store, StoreError};

/// Between two listings of a run's segments, so many times only the next one of the latest
/// attempt is asked for: a listing of a long run is many requests.
const LISTED: u32 = 5;

/// All events of a run so far: those of one attempt after the other, each in the order of
/// their numbers. A line that this version can't read is left out.
///
/// # Errors
/// If the store can't be read.
pub fn read(store: &Store, run: &Digest) -> Result<Vec<StampedEvent>, StoreError> {
    let mut follower = Follower::of_all(store.clone(), *run);
    follower.poll()
}

/// Follows the events of a run from another process.
#[derive(Debug)]
pub struct Follower {
    store: Store,
    run: Digest,
    /// By attempt: the number of the first segment that was not read.
    read: BTreeMap<Attempt, u32>,
    /// Attempts before this one are passed over.
    from: Option<Attempt>,
    is_latest_only: bool,
    /// Calls until the next listing.
    until_listed: u32,
}

impl Follower {
    /// Follows a run from the beginning of the latest attempt so far, and every later one.
    pub fn new(store: Store, run: Digest) -> Self {
        Self {
            is_latest_only: true,
            ..Self::of_all(store, run)
        }
    }

    /// Follows all attempts, the earlier ones first.
    pub fn of_all(store: Store, run: Digest) -> Self {
        Self {
            store,
            run,
            read: BTreeMap::new(),
            from: None,
            is_latest_only: false,
            until_listed: 0,
        }
    }

    /// The events that came since the last call, in order within each attempt. Where there
    /// are several, they stand one after the other: a sequence number that does not ascend
    /// begins another one. Does not wait.
    ///
    /// # Errors
    /// If the store can't be read. What was not read then, the next call returns.
    pub fn poll(&mut self) -> Result<Vec<StampedEvent>, StoreError> {
        let mut events = Vec::new();
        match self.poll_into(&mut events) {
            // What was read is not read again; the error comes again.
            Err(error) if events.is_empty() => Err(error),
            _ => Ok(events),
        }
    }

    fn poll_into(&mut self, events: &mut Vec<StampedEvent>) -> Result<(), StoreError> {
        if self.until_listed == 0 {
            for (attempt, number) in self.listed()? {
                // Numbers of segments that could not be written are passed over.
                if number >= self.read.get(&attempt).copied().unwrap_or(0) {
                    self.take(attempt, number, events)?;
                }
            }
            self.until_listed = LISTED;
        }
        self.until_listed -= 1;
        let latest = self.read.last_key_value();
        if let Some((&attempt, &number)) = latest {
            let mut next = number;
            while self.take(attempt, next, events)? {
                next += 1;
            }
        }
        Ok(())
    }

    /// Whether there has been a segment.
    pub fn has_begun(&self) -> bool {
        !self.read.is_empty()
    }

    /// The segments that are there, in order.
    fn listed(&mut self) -> Result<Vec<(Attempt, u32)>, StoreError> {
        let listed = self.store.list(&format!("runs/{}/events", self.run))?;
        let segments = listed.iter().filter_map(|object| match object.key.kind() {
            Some(Kind::Events(run, attempt, number)) if run == self.run => Some((attempt, number)),
            _ => None,
        });
        let mut segments: Vec<(Attempt, u32)> = segments.collect();
        segments.sort_unstable();
        if self.is_latest_only && self.from.is_none() {
            self.from = segments.last().map(|(attempt, _)| *attempt);
        }
        let from = self.from;
        segments.retain(|(attempt, _)| from.is_none_or(|from| *attempt >= from));
        Ok(segments)
    }

    /// Reads a segment. Returns whether it is there.
    fn take(
        &mut self,
        attempt: Attempt,
        number: u32,
        events: &mut Vec<StampedEvent>,
    ) -> Result<bool, StoreError> {
        let key = Key::events(&self.run, attempt, number);
        let Some(text) = self.store.get(&key)? else {
            return Ok(false);
        };
        self.read.insert(attempt, number + 1);
        let lines = text.split(|byte| *byte == b'\n');
        events.extend(lines.filter_map(|line| serde_json::from_slice(line).ok()));
        Ok(true)
    }
}
