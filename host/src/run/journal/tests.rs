use super::*;
use crate::run::event::example::{run_started, task_finished};
use crate::run::event::{Event, Listeners};
use crate::store::StoreError;

fn store() -> Store {
    Store::open("memory://").unwrap()
}

fn run() -> Digest {
    Digest::of(b"run")
}

/// Writes these events as one attempt. Returns what listeners were told.
fn attempt(store: &Store, events: Vec<Event>) -> Vec<StampedEvent> {
    let journal = Journal::start(store.clone());
    let mut told = Vec::new();
    let mut collect = |event: &StampedEvent| told.push(event.clone());
    let mut listeners = Listeners::new(vec![&mut collect]);
    listeners.attach(journal.listener());
    for event in events {
        listeners.emit_of(Some("worker-0".into()), event);
    }
    drop(listeners);
    assert_eq!(journal.finish(), None);
    told
}

fn events(count: usize) -> Vec<Event> {
    let before = Event::DatasetWarned {
        message: "`year` has one value".to_owned(),
    };
    let tasks = (0..count).map(|_| task_finished(1, Some(0.5), false));
    [before, run_started(75)].into_iter().chain(tasks).collect()
}

#[test]
fn what_was_told_is_read_back_and_attempts_stand_one_after_the_other() {
    let store = store();
    assert_eq!(read(&store, &run()).unwrap(), []);
    let first = attempt(&store, events(3));
    assert_eq!(read(&store, &run()).unwrap(), first);
    let second = attempt(&store, events(1));
    assert_eq!(
        read(&store, &run()).unwrap(),
        [first, second.clone()].concat()
    );
    // Who follows begins with the latest.
    let mut follower = Follower::new(store.clone(), run());
    assert!(!follower.has_begun());
    assert_eq!(follower.poll().unwrap(), second);
    assert!(follower.has_begun());
    // And meets a later one, if not at once: it lists now and then.
    let third = attempt(&store, events(0));
    let polled = (0..LISTED_AGAIN).map(|_| follower.poll().unwrap());
    assert_eq!(polled.collect::<Vec<_>>().concat(), third);
}

/// Calls after which a follower has listed again.
const LISTED_AGAIN: usize = 6;

#[test]
fn a_run_that_never_started_leaves_nothing() {
    let store = store();
    attempt(&store, vec![Event::WorkersAwaited]);
    assert_eq!(store.list("").unwrap(), []);
}

#[test]
fn segments_are_numbered_and_a_follower_takes_each_once() {
    let store = store();
    let (writes, written) = std::sync::mpsc::channel();
    let target = store.clone();
    let journal = Journal::start_with(Box::new(move |key, text| {
        assert!(target.create(key, text.into())?);
        drop(writes.send(key.clone()));
        Ok(())
    }));
    let (mut told, mut segments) = (Vec::new(), Vec::new());
    let mut collect = |event: &StampedEvent| told.push(event.clone());
    let mut listeners = Listeners::new(vec![&mut collect]);
    listeners.attach(journal.listener());
    // What was told before the run started is written soon, while the run goes on.
    for event in events(0) {
        listeners.emit(event);
    }
    segments.push(written.recv().unwrap());
    for event in events(BATCH) {
        listeners.emit(event);
    }
    segments.push(written.recv().unwrap());
    listeners.emit(task_finished(1, None, false));
    drop(listeners);
    assert_eq!(journal.finish(), None);
    segments.push(written.recv().unwrap());
    let written = told;
    let mut follower = Follower::of_all(store.clone(), run());
    assert_eq!(follower.poll().unwrap(), written);
    assert_eq!(follower.poll().unwrap(), []);
    // One that was lost, and a line of another version, take nothing else along.
    let lost = store.get(&segments[0]).unwrap().unwrap();
    let lost = lost.split(|byte| *byte == b'\n').count() - 1;
    store.delete(&segments[0]).unwrap();
    let mut second = store.get(&segments[1]).unwrap().unwrap().to_vec();
    second.extend(b"{\"sequence\":0,\"time_us\":0,\"worker\":null,\"event\":\"unheard_of\"}\n{");
    store.replace(&segments[1], second.into()).unwrap();
    assert_eq!(read(&store, &run()).unwrap(), written[lost..]);
}

fn failing() -> StoreError {
    let text = Vec::new();
    let store = store();
    let key = Key::plan(&run());
    store.verify(&key, &text, run()).unwrap_err()
}

#[test]
fn a_store_that_fails_loses_events_and_says_how_many() {
    let journal = Journal::start_with(Box::new(|_, _| Err(failing())));
    let mut listeners = Listeners::default();
    listeners.attach(journal.listener());
    for event in events(3) {
        listeners.emit(event);
    }
    let lost = journal.finish().unwrap();
    assert_eq!(lost.events, 5);
    assert!(lost.reason.contains("is damaged"), "{}", lost.reason);
}

/// The writer is held in a store that never answers, while more events come than are kept
/// in memory.
#[test]
fn a_store_that_never_answers_delays_nothing_and_fills_no_memory() {
    let (hold, held) = std::sync::mpsc::channel::<()>();
    let (entered, enters) = std::sync::mpsc::channel();
    let journal = Journal::start_with(Box::new(move |_, _| {
        let _ = (entered.send(()), held.recv());
        Ok(())
    }));
    let shared = Arc::clone(&journal.shared);
    let mut listeners = Listeners::default();
    listeners.attach(journal.listener());
    for event in events(BATCH) {
        listeners.emit(event);
    }
    enters.recv().unwrap();
    for _ in 0..WAITING + 10 {
        listeners.emit(task_finished(1, None, false));
    }
    assert_eq!(shared.state().waiting.len(), WAITING);
    let lost = journal.finish_within(Duration::ZERO).unwrap();
    assert_eq!(lost.events as usize, BATCH + 2 + WAITING + 10);
    assert!(lost.reason.contains("in time"), "{}", lost.reason);
    drop(hold);
}
