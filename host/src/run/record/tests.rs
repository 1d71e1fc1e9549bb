use fanout_contract::Scores;
use proptest::prelude::*;
use serde_json::json;

use super::*;

fn record(store: &Store, reuse: bool) -> Record {
    Record::new(store.clone(), TaskLimits::default(), reuse)
}

fn memory() -> Store {
    Store::open("memory://").unwrap()
}

/// Fits of one task whose only nested hyper-parameter is `n`.
fn wanted(numbers: &[u32]) -> WantedFits {
    WantedFits {
        task: Digest::of(b"task"),
        fits: numbers
            .iter()
            .map(|n| json!({ "n": n }).to_string())
            .collect(),
        outputs: Vec::new(),
    }
}

fn scores(n: u32) -> Scores {
    Scores {
        test: [("accuracy".to_owned(), Some(f64::from(n) / 7.0))].into(),
        ..Scores::default()
    }
}

/// What a guest says of these fits.
fn answer(numbers: &[u32]) -> Outcome {
    Outcome {
        result: Ok(Answer {
            contract: CONTRACT,
            fits: 1,
            scores: numbers.iter().copied().map(scores).collect(),
        }),
        wall: Duration::from_millis(10 * numbers.len() as u64),
        reused: false,
    }
}

fn failed(fault: TaskFault) -> Outcome {
    Outcome {
        result: Err(fault),
        wall: Duration::from_millis(3),
        reused: false,
    }
}

fn trapped() -> TaskFault {
    TaskFault::Trapped {
        message: "unreachable".to_owned(),
    }
}

fn look(record: &Record, wanted: &WantedFits) -> Found {
    record.look(std::slice::from_ref(wanted)).unwrap().remove(0)
}

/// Looks, makes what is missing, keeps it. Returns how many fits it made.
fn run(store: &Store, numbers: &[u32]) -> usize {
    let (record, wanted) = (record(store, true), wanted(numbers));
    let found = look(&record, &wanted);
    let missing: Vec<u32> = found
        .missing
        .iter()
        .map(|&at| numbers[at as usize])
        .collect();
    if !missing.is_empty() {
        let kept = record
            .keep(&wanted, &found, &answer(&missing), &[])
            .unwrap();
        assert_eq!(kept.differing, []);
    }
    let found = look(&record, &wanted);
    assert_eq!(found.missing, [0; 0]);
    let mut told = vec![None; numbers.len()];
    for ended in found.finished {
        assert!(ended.outcome.reused);
        let answer = ended.outcome.result.unwrap();
        for (&position, scores) in ended.positions.iter().zip(answer.scores) {
            assert_eq!(told[position as usize].replace(scores), None);
        }
    }
    let expected: Vec<_> = numbers.iter().map(|&n| Some(scores(n))).collect();
    assert_eq!(told, expected);
    missing.len()
}

fn parts(store: &Store) -> usize {
    store.list("tasks").unwrap().len()
}

#[test]
fn a_fit_is_made_once_whatever_else_is_wanted() {
    let store = memory();
    assert_eq!(run(&store, &[4, 8]), 2);
    assert_eq!(run(&store, &[8, 4]), 0);
    assert_eq!(run(&store, &[2, 4, 6]), 2);
    assert_eq!(run(&store, &[8, 6, 4, 2]), 0);
    assert_eq!(parts(&store), 2);
}

#[test]
fn a_share_of_a_call_takes_its_share_of_the_time() {
    let store = memory();
    run(&store, &[1, 2, 3, 4]);
    let found = look(&record(&store, true), &wanted(&[3]));
    assert_eq!(found.finished[0].outcome.wall, Duration::from_millis(10));
}

#[test]
fn two_who_make_the_same_at_once_agree() {
    let store = memory();
    let record = record(&store, true);
    let (a, b) = (wanted(&[1, 2, 3]), wanted(&[3, 4]));
    let (found_a, found_b) = (look(&record, &a), look(&record, &b));
    assert_eq!(
        record.keep(&a, &found_a, &answer(&[1, 2, 3]), &[]).unwrap(),
        Kept::default()
    );
    assert_eq!(
        record.keep(&b, &found_b, &answer(&[3, 4]), &[]).unwrap(),
        Kept::default()
    );
    // The second kept only what the first had not.
    assert_eq!(parts(&store), 2);
    let part = store.get(&Key::part(&a.task, 1)).unwrap().unwrap();
    let part = Part::read(&part, &a.task, 1, None).unwrap();
    assert!(matches!(part.content, Content::Scores { fits, .. } if fits.len() == 1));
    // And what is the same in full is kept once.
    assert_eq!(
        record.keep(&a, &found_a, &answer(&[1, 2, 3]), &[]).unwrap(),
        Kept::default()
    );
    assert_eq!(parts(&store), 2);
}

#[test]
fn a_trainer_that_says_otherwise_the_second_time_is_found_out() {
    let store = memory();
    run(&store, &[1, 2]);
    let record = record(&store, false);
    let wanted = wanted(&[1, 2]);
    let found = look(&record, &wanted);
    assert_eq!(found.missing, [0, 1], "nothing is reused");
    let kept = record.keep(&wanted, &found, &answer(&[1, 3]), &[]).unwrap();
    assert_eq!(kept.differing, [Key::part(&wanted.task, 0)]);
    let kept = record.keep(&wanted, &found, &answer(&[1, 2]), &[]).unwrap();
    assert_eq!(kept, Kept::default());
    assert_eq!(parts(&store), 1);
}

#[test]
fn a_damaged_part_is_named_and_its_fits_made_again() {
    let store = memory();
    run(&store, &[1, 2]);
    run(&store, &[1, 2, 3]);
    let key = Key::part(&wanted(&[]).task, 0);
    let mut bytes = store.get(&key).unwrap().unwrap().to_vec();
    bytes[150] ^= 4;
    store.replace(&key, bytes.into()).unwrap();
    let found = look(&record(&store, true), &wanted(&[1, 2, 3]));
    assert_eq!(found.damaged, [key]);
    assert_eq!(found.missing, [0, 1]);
    assert_eq!(run(&store, &[1, 2, 3]), 2);
    assert_eq!(run(&store, &[1, 2, 3]), 0);
    assert_eq!(parts(&store), 3);
}

fn key(byte: u8) -> Option<MacKey> {
    Some(MacKey::new(&[byte; 32]))
}

/// Somebody who may write to the store, and has no key or another one, plants
/// scores.
#[test]
fn planted_scores_are_not_taken_with_a_key() {
    for theirs in [None, key(2)] {
        let store = memory();
        let theirs = store.clone().with_mac_key(theirs);
        let ours = store.with_mac_key(key(1));
        let wanted = wanted(&[1, 2]);
        let planted = answer(&[5, 6]);
        let all = look(&record(&theirs, true), &wanted);
        record(&theirs, true)
            .keep(&wanted, &all, &planted, &[])
            .unwrap();
        let found = look(&record(&ours, true), &wanted);
        assert_eq!(found.unproven, [Key::part(&wanted.task, 0)]);
        assert_eq!((&found.missing[..], found.finished.len()), (&[0, 1][..], 0));
        assert_eq!(found.damaged, []);
        // Its fits are made again, into a further part, and never once more.
        assert_eq!(run(&ours, &[1, 2]), 2);
        assert_eq!(run(&ours, &[1, 2]), 0);
        assert_eq!(parts(&ours), 2);
        // A writer that finds a planted part in its way takes the next number.
        let kept = record(&ours, false);
        let nothing = look(&kept, &wanted);
        let kept = kept.keep(&wanted, &nothing, &answer(&[1, 2]), &[]).unwrap();
        assert_eq!(kept.unproven, [Key::part(&wanted.task, 0)]);
        assert_eq!((kept.differing, parts(&ours)), (vec![], 2));
    }
}

#[test]
fn what_was_made_with_a_key_is_read_without_one() {
    let store = memory();
    assert_eq!(run(&store.clone().with_mac_key(key(1)), &[1, 2]), 2);
    assert_eq!(run(&store, &[1, 2]), 0);
}

/// Bytes do not change where there is no key.
#[test]
fn without_a_key_a_part_is_what_it_was() {
    let store = memory();
    run(&store, &[1]);
    let key = Key::part(&wanted(&[]).task, 0);
    let bytes = store.get(&key).unwrap().unwrap();
    let text = std::str::from_utf8(&bytes).unwrap();
    let (before, after) = text.split_once(r#""part":{"layout":2,"#).unwrap();
    assert_eq!(before.len(), r#"{"digest":"","#.len() + 64);
    assert!(after.ends_with("}}\n"), "{text}");
}

#[test]
fn a_fault_stands_for_the_fits_that_met_it_together() {
    let store = memory();
    let record = record(&store, true);
    let both = wanted(&[1, 2]);
    let found = look(&record, &both);
    record.keep(&both, &found, &failed(trapped()), &[]).unwrap();
    let found = look(&record, &both);
    assert_eq!(found.missing, [0; 0]);
    assert_eq!(found.finished[0].outcome.result, Err(trapped()));
    // Each alone may do better, and then has scores that hold for both.
    for n in [1, 2] {
        assert_eq!(run(&store, &[n]), 1);
    }
    let found = look(&record, &both);
    assert!(
        found
            .finished
            .iter()
            .all(|ended| ended.outcome.result.is_ok())
    );
    // One who only wants to know hears of the fault for any of its fits.
    let store = memory();
    let record = Record::new(store.clone(), TaskLimits::default(), true);
    record
        .keep(&both, &look(&record, &both), &failed(trapped()), &[])
        .unwrap();
    let found = look(&Record::to_read(store), &wanted(&[3, 2]));
    assert_eq!(found.missing, [0]);
    assert_eq!(found.finished[0].positions, [1]);
}

#[test]
fn what_a_limit_ended_is_tried_again_under_a_greater_one() {
    let limits = |memory, seconds| TaskLimits {
        memory,
        timeout: Duration::from_secs(seconds),
    };
    for fault in [
        TaskFault::OutOfMemory { limit: 100 },
        TaskFault::TimedOut { limit_ms: 10_000 },
    ] {
        let store = memory();
        let record = |limits| Record::new(store.clone(), limits, true);
        let wanted = wanted(&[1]);
        let first = record(limits(100, 10));
        first
            .keep(&wanted, &look(&first, &wanted), &failed(fault.clone()), &[])
            .unwrap();
        let missing = |limits| look(&record(limits), &wanted).missing.len();
        assert_eq!(missing(limits(100, 10)), 0);
        assert_eq!(missing(limits(50, 5)), 0);
        assert_eq!(missing(limits(200, 20)), 1);
    }
}

#[test]
fn a_run_that_was_stopped_leaves_nothing() {
    let store = memory();
    let record = record(&store, true);
    let wanted = wanted(&[1]);
    let found = look(&record, &wanted);
    record
        .keep(&wanted, &found, &failed(TaskFault::Cancelled), &[])
        .unwrap();
    assert_eq!(parts(&store), 0);
}

proptest! {
    /// Whatever grids are run, in whatever order and overlap, with whatever
    /// parts damaged in between, the scores are those of a lone run, and no
    /// fit is made twice but those of damaged parts.
    #[test]
    fn any_history_gives_the_same_scores(
        grids in prop::collection::vec(
            (prop::collection::btree_set(0u32..12, 1..8), prop::option::of(0u32..4)), 1..8),
    ) {
        let store = memory();
        let mut has = BTreeSet::new();
        let mut damaged = false;
        for (grid, damage) in grids {
            let numbers: Vec<u32> = grid.iter().copied().collect();
            let made = run(&store, &numbers);
            if !damaged {
                prop_assert_eq!(made, grid.difference(&has).count());
            }
            has.extend(grid);
            let key = damage.map(|number| Key::part(&Digest::of(b"task"), number));
            if let Some(key) = key && let Some(bytes) = store.get(&key).unwrap() {
                store.replace(&key, bytes.slice(..bytes.len() / 2)).unwrap();
                damaged = true;
            }
        }
    }
}

/// A fit is there with the artifacts that are wanted, or it is missing.
#[test]
fn what_is_wanted_beside_scores_is_there_or_made_again() {
    let store = memory();
    let record = record(&store, true);
    let plain = wanted(&[1, 2]);
    record
        .keep(&plain, &look(&record, &plain), &answer(&[1, 2]), &[])
        .unwrap();
    let both = WantedFits {
        outputs: vec![Output::Predictions],
        ..wanted(&[1, 2])
    };
    let found = look(&record, &both);
    assert_eq!(found.missing, [0, 1]);
    let artifact = |candidate: u32, text: &'static str| Artifact {
        output: Output::Predictions,
        candidate,
        bytes: text.into(),
    };
    let files = [artifact(1, "second"), artifact(0, "first")];
    let kept = record
        .keep(&both, &found, &answer(&[1, 2]), &files)
        .unwrap();
    assert_eq!(kept, Kept::default());
    let digests = ["first", "second"].map(|text| Digest::of(text.as_bytes()));
    let found = look(&record, &both);
    assert_eq!(found.missing, [0; 0]);
    let named: Vec<(u32, Output, Digest)> = (0..)
        .zip(digests)
        .map(|(at, digest)| (at, Output::Predictions, digest))
        .collect();
    assert_eq!(found.artifacts, named);
    let read = |digest| record.artifact(&both.task, Output::Predictions, digest);
    assert_eq!(read(digests[1]).unwrap().unwrap(), "second");
    // Those who want scores alone read no more than before.
    assert_eq!(look(&record, &plain).missing, [0; 0]);

    let lost = Key::artifact(&both.task, Output::Predictions, &digests[0]);
    store.delete(&lost).unwrap();
    assert_eq!(read(digests[0]).unwrap(), None);
    let found = look(&record, &both);
    assert_eq!(
        (&found.missing, &found.artifacts),
        (&vec![0], &named[1..].to_vec())
    );
    assert_eq!(found.finished.len(), 1);
    assert_eq!(found.finished[0].positions, [1]);
    let scores_left = found.finished[0].outcome.result.as_ref().unwrap();
    assert_eq!(scores_left.scores, [scores(2)]);
    // What fails now is a fault of this run's, beside the scores of others.
    let failing = record.keep(&both, &found, &failed(trapped()), &[]);
    assert_eq!(failing.unwrap(), Kept::default());
    let kept = record.keep(&both, &found, &answer(&[1]), &[artifact(0, "first")]);
    assert_eq!(kept.unwrap(), Kept::default());
    assert_eq!(look(&record, &both).missing, [0; 0]);

    // Another content is reported: the guest is not deterministic.
    let all: Vec<u32> = vec![0, 1];
    let nothing = Found {
        missing: all,
        ..Found::default()
    };
    let others = [artifact(0, "first"), artifact(1, "other")];
    let kept = record
        .keep(&both, &nothing, &answer(&[1, 2]), &others)
        .unwrap();
    assert_eq!(kept.differing.len(), 1);
}
