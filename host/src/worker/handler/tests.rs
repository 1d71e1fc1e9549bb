use std::path::Path;

use arrow_schema::{DataType, Field, Schema};
use fanout_contract::{Learning, Param, ParamKind, Split, Train, TrainerDescription};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::digest::Digest;
use crate::expand::{Data, Estimator, Inputs};
use crate::plan::Draft;

const MOST: TaskLimits = TaskLimits {
    memory: 1 << 30,
    timeout: Duration::from_secs(300),
};

/// Three families of four candidates, on two splits.
fn expansion() -> Expansion {
    let param = |name: &str, nested| Param {
        name: name.to_owned(),
        kinds: vec![ParamKind::Int {
            min: Some(0),
            max: None,
        }],
        default: json!(1),
        meaning: String::new(),
        nested,
        cost: Default::default(),
    };
    let params = vec![param("n_estimators", true), param("random_state", false)];
    let trainer = TrainerDescription::new("forest", "", vec![Learning::Binary], params);
    let text = "
dataset: {source: a.csv, target: y}
trainer: {name: forest}
search: {params: {n_estimators: [1, 2, 3, 4], random_state: [1, 2, 3]}}
cv: {method: k_fold, n_splits: 2}
";
    let mut draft = Draft::parse(Path::new("plan.yaml"), text, &[], Path::new("/"));
    draft.check_trainers(std::slice::from_ref(&trainer), &[], None);
    let column = |name: &str| Field::new(name, DataType::Float64, true);
    draft.check_columns(&Schema::new(vec![column("x"), column("y")]));
    let plan = draft.finish().unwrap_or_else(|error| panic!("{error}"));
    let digest = Digest::of(b"any");
    let splits = (0..2).map(|test| Split {
        column: "fold".to_owned(),
        test: Some(test),
        train: Train::Rest,
    });
    let inputs = Inputs {
        arms: vec![Estimator {
            steps: Vec::new(),
            trainer,
            guest: digest,
        }],
        baseline: None,
        learning: Learning::Binary,
        data: Data {
            dataset: digest,
            splits: digest,
        },
        splits: splits.collect(),
    };
    Expansion::new(&plan, &inputs, 1)
}

fn message(expansion: &Expansion, index: usize) -> TaskMessage {
    let spec = &expansion.tasks[index];
    TaskMessage {
        run: Digest::of(b"run"),
        task: spec.id,
        split: spec.split,
        candidates: Series::of(&spec.candidates),
        memory: 1 << 30,
        timeout_ms: 300_000,
        fresh: false,
        session: "session".to_owned(),
        tag: index as u64,
    }
}

#[test]
fn every_task_of_the_run_is_run() {
    let expansion = expansion();
    for index in 0..expansion.tasks.len() {
        let message = message(&expansion, index);
        assert_eq!(check_limits(&message, MOST), Ok(()));
        let spec = named(&message, &expansion);
        assert_eq!(spec.as_ref(), Some(&expansion.tasks[index]));
    }
}

proptest! {
    /// Whatever a message names, what is run is a task of the run's manifest:
    /// candidates of one of its families, each once, on one of its splits, under
    /// an id that is theirs.
    #[test]
    fn nothing_is_run_that_the_manifest_does_not_name(
        at in 0usize..6,
        split in prop_oneof![0u32..3, any::<u32>()],
        progressions in prop::collection::vec(
            (prop_oneof![0u32..14, any::<u32>()], 0u32..6, prop_oneof![0u32..5, any::<u32>()]), 0..3),
        own_id in any::<bool>(),
        memory in any::<u64>(),
        timeout_ms in any::<u64>(),
    ) {
        let expansion = expansion();
        let Ok(candidates) = Series::try_from(progressions) else { return Ok(()) };
        let mut forged = TaskMessage {
            split,
            candidates,
            memory,
            timeout_ms,
            ..message(&expansion, at)
        };
        if !own_id {
            forged.task = Digest::of(b"another");
        }
        let within = memory <= MOST.memory && forged.limits().timeout <= MOST.timeout;
        prop_assert_eq!(check_limits(&forged, MOST).is_ok(), within);
        if let Some(spec) = named(&forged, &expansion) {
            prop_assert!(own_id);
            let whole = &expansion.tasks[at];
            prop_assert_eq!(spec.id, whole.id);
            prop_assert_eq!(spec.split, whole.split);
            prop_assert!(!spec.candidates.is_empty());
            prop_assert!(spec.candidates.is_sorted_by(|a, b| a < b));
            prop_assert!(spec.candidates.iter().all(|at| whole.candidates.contains(at)));
        }
    }

    /// Neither a run's word alone nor any number of deliveries that the run
    /// excuses has a task dropped as deadly.
    #[test]
    fn only_deliveries_that_nothing_excuses_are_deaths(
        excused in any::<u64>(),
        delivered in any::<u64>(),
    ) {
        match judge(Some(Verdict::Wanted { excused }), delivered) {
            Err(Disposition::Deadly(lost)) => {
                prop_assert!(lost >= LOST);
                prop_assert!(lost < delivered);
                prop_assert_eq!(lost, delivered - 1 - excused);
            }
            Err(_) => prop_assert!(false),
            Ok(lost) => {
                prop_assert!(lost < LOST);
                prop_assert_eq!(lost, delivered.saturating_sub(1).saturating_sub(excused));
            }
        }
    }
}

#[test]
fn a_run_that_does_not_answer_is_waited_for() {
    assert!(matches!(judge(None, DELIVERIES), Ok(lost) if lost == DELIVERIES - 1));
    assert!(matches!(
        judge(None, DELIVERIES + 1),
        Err(Disposition::Deadly(DELIVERIES))
    ));
    assert!(matches!(
        judge(Some(Verdict::Unwanted), 2),
        Err(Disposition::Unwanted)
    ));
}

#[test]
fn a_task_that_demands_too_much_is_refused_with_the_option_that_allows_it() {
    let expansion = expansion();
    let task = message(&expansion, 0);
    let refusal = check_limits(
        &task,
        TaskLimits {
            memory: 512 << 20,
            ..MOST
        },
    );
    assert_eq!(
        refusal.unwrap_err().to_string(),
        "the task may use 1024 MiB of memory, and this worker allows 512 MiB (`--max-memory`)"
    );
    let timeout = Duration::from_secs(60);
    let refusal = check_limits(&task, TaskLimits { timeout, ..MOST });
    assert_eq!(
        refusal.unwrap_err().to_string(),
        "the task may take 300 s, and this worker allows 60 s (`--max-timeout`)"
    );
}

#[test]
fn with_a_key_a_message_is_proven_or_refused() {
    let (ours, theirs) = (MacKey::new(&[1; 32]), MacKey::new(&[2; 32]));
    let of = |key: &MacKey, subject: &str, payload: &[u8]| key.mac(subject, payload).to_string();
    let check = |key: Option<&MacKey>, proof: Option<&str>| check_proof(key, "a.b", b"text", proof);
    let true_one = of(&ours, "a.b", b"text");
    assert_eq!(check(Some(&ours), Some(&true_one)), Ok(()));
    assert_eq!(check(None, None), Ok(()));
    assert_eq!(check(None, Some(&true_one)), Err(Refusal::Keyless));
    for forged in [
        None,
        Some(of(&theirs, "a.b", b"text")),
        Some(of(&ours, "a.c", b"text")),
        Some(of(&ours, "a.b", b"texts")),
        Some(true_one.to_uppercase()),
        Some(String::new()),
        Some("x".repeat(64)),
    ] {
        assert_eq!(
            check(Some(&ours), forged.as_deref()),
            Err(Refusal::Unproven),
            "{forged:?}"
        );
    }
}
