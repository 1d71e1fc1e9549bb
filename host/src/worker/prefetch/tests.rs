use super::*;

const TINY: Duration = Duration::from_micros(30);
const LONG: Duration = Duration::from_secs(3);

fn prefetch(slots: usize) -> Prefetch<u32> {
    Prefetch::new(slots)
}

/// Waits in a slot of its own, until that is counted.
fn waiting<'scope>(
    scope: &'scope std::thread::Scope<'scope, '_>,
    prefetch: &'scope Prefetch<u32>,
) -> std::thread::ScopedJoinHandle<'scope, Option<u32>> {
    let before = prefetch.state().waiting;
    let slot = scope.spawn(|| prefetch.wait());
    while prefetch.state().waiting == before {
        std::thread::yield_now();
    }
    slot
}

#[test]
fn a_slot_that_waits_has_one_task_requested() {
    let prefetch = prefetch(2);
    assert_eq!(prefetch.request(), None);
    std::thread::scope(|scope| {
        let slot = waiting(scope, &prefetch);
        let (batch, no_wait) = (1, false);
        assert_eq!(prefetch.request(), Some(Request { batch, no_wait }));
        assert_eq!(prefetch.request(), None);
        let other = waiting(scope, &prefetch);
        assert_eq!(prefetch.request(), Some(Request { batch, no_wait }));
        // It ended without a task, and another is requested.
        prefetch.ended(Some(1));
        assert_eq!(prefetch.request(), Some(Request { batch, no_wait }));
        assert_eq!((prefetch.deliver(7), prefetch.deliver(8)), (Ok(()), Ok(())));
        let mut taken = [slot.join().unwrap(), other.join().unwrap()];
        taken.sort_unstable();
        assert_eq!(taken, [Some(7), Some(8)]);
        assert!(!prefetch.is_requested());
    });
}

#[test]
fn as_many_are_held_as_finish_within_the_horizon() {
    let held = |time| {
        let prefetch = prefetch(2);
        prefetch.took(time);
        prefetch.request().map(|request| {
            assert!(request.no_wait);
            request.batch
        })
    };
    assert_eq!(held(TINY), Some(2 * PER_SLOT));
    assert_eq!(held(HORIZON / 3), Some(2 * 3));
    assert_eq!(held(HORIZON), Some(2));
    assert_eq!(held(HORIZON + TINY), None);
}

#[test]
fn more_are_requested_when_half_are_taken() {
    let prefetch = prefetch(1);
    prefetch.took(TINY);
    assert_eq!(prefetch.request().unwrap().batch, PER_SLOT);
    for task in 0..PER_SLOT as u32 {
        prefetch.deliver(task).unwrap();
    }
    for task in 0..PER_SLOT as u32 / 2 {
        assert_eq!(prefetch.request(), None);
        assert_eq!(prefetch.take(), Some(task));
    }
    assert_eq!(prefetch.request(), None);
    prefetch.take();
    assert_eq!(prefetch.request().unwrap().batch, PER_SLOT / 2 + 1);
}

/// Where other workers wait for more tasks than there are, no more is requested
/// than slots wait for.
#[test]
fn a_refused_request_is_not_repeated() {
    let prefetch = prefetch(1);
    prefetch.took(TINY);
    assert!(prefetch.request().unwrap().no_wait);
    prefetch.ended(None);
    assert_eq!(prefetch.request(), None);
    std::thread::scope(|scope| {
        let slot = waiting(scope, &prefetch);
        let (batch, no_wait) = (1, false);
        assert_eq!(prefetch.request(), Some(Request { batch, no_wait }));
        prefetch.deliver(1).unwrap();
        assert_eq!(slot.join().unwrap(), Some(1));
    });
    assert!(prefetch.request().unwrap().no_wait);
}

#[test]
fn what_waits_behind_a_long_task_is_given_back() {
    let prefetch = prefetch(1);
    prefetch.took(TINY);
    prefetch.request().unwrap();
    for task in 0..3 {
        prefetch.deliver(task).unwrap();
    }
    assert_eq!(prefetch.take(), Some(0));
    assert!(prefetch.overdue().is_empty());
    prefetch.state().moved -= PATIENCE;
    assert_eq!(prefetch.overdue(), [1, 2]);
    // Tasks are long now, and none is held.
    prefetch.ended(Some(PER_SLOT - 3));
    prefetch.took(LONG);
    assert_eq!(prefetch.request(), None);
}

#[test]
fn nothing_is_held_beside_a_task_that_may_kill_the_worker() {
    let prefetch = prefetch(2);
    prefetch.took(TINY);
    let all = prefetch.request().unwrap().batch;
    prefetch.deliver(1).unwrap();
    prefetch.deliver(2).unwrap();
    assert_eq!(prefetch.begin_suspect(), [1, 2]);
    prefetch.deliver(3).unwrap();
    assert_eq!(prefetch.overdue(), [3]);
    prefetch.ended(Some(all - 3));
    assert_eq!(prefetch.request(), None);
    prefetch.end_suspect();
    assert_eq!(prefetch.request().unwrap().batch, all);
}

#[test]
fn closing_ends_every_wait_and_returns_what_is_held() {
    let prefetch = prefetch(1);
    std::thread::scope(|scope| {
        let slot = waiting(scope, &prefetch);
        assert!(prefetch.close().is_empty());
        assert_eq!(slot.join().unwrap(), None);
    });
    assert_eq!(prefetch.deliver(1), Err(1));
    assert_eq!(prefetch.request(), None);
    assert_eq!(prefetch.wait(), None);
}
