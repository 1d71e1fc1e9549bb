use std::path::Path;

use arrow_schema::{DataType, Field, Schema};
use fanout_contract::{Learning, Param, ParamKind, Split, Train, TrainerDescription};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::digest::Digest;
use crate::expand::{Data, Estimator, Expansion, Inputs};
use crate::plan::Draft;
use crate::queue::message::Document;
use crate::run::tasks::Tasks;

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
        separate: false,
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
        shuffle: None,
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
        parts: Vec::new(),
    };
    Expansion::new(&plan, &inputs, 1)
}

fn document(text: impl Into<String>) -> Document {
    Document::new(text.into()).unwrap()
}

fn message(expansion: &Expansion, index: usize) -> TaskMessage {
    let wanted = expansion.wanted(index);
    TaskMessage {
        run: Digest::of(b"run"),
        task: wanted.task,
        identity: document(Tasks::identity(expansion, index)),
        fits: wanted.fits.into_iter().map(document).collect(),
        outputs: wanted.outputs.into_iter().collect(),
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
        let (identity, fits) = stated(&message).unwrap();
        let single = SingleTask::of_identity(message.identity.text(), identity, fits, Vec::new());
        assert_eq!(single.wanted(0), expansion.wanted(index));
        assert_eq!(single.guest(0), Tasks::guest(&expansion, index));
    }
}

#[test]
fn a_message_that_contradicts_itself_is_refused() {
    let expansion = expansion();
    let honest = message(&expansion, 0);
    let refused = |forged: TaskMessage| stated(&forged).unwrap_err().to_string();
    let text = honest.identity.text();
    for changed in [
        text.replace("\"random_state\":1", "\"random_state\":2"),
        text.replace(':', ": "),
        "{}".to_owned(),
    ] {
        assert_ne!(changed, text);
        let forged = TaskMessage {
            identity: document(changed),
            ..honest.clone()
        };
        assert!(refused(forged).contains("is not that of the task"));
    }
    let of = |text: String| TaskMessage {
        task: Digest::of(text.as_bytes()),
        identity: document(text),
        ..honest.clone()
    };
    let other = format!("\"contract\":{}", CONTRACT + 1);
    let other = text.replace(&format!("\"contract\":{CONTRACT}"), &other);
    assert!(refused(of(other)).contains("the task is of contract"));
    let more = text.replace("\"trainer\":", "\"trainee\":");
    assert!(refused(of(more)).contains("is its run of another version?"));
    let forged = TaskMessage {
        fits: Vec::new(),
        ..honest.clone()
    };
    assert!(refused(forged).contains("no fit"));
    let forged = TaskMessage {
        fits: vec![document("[]")],
        ..honest
    };
    assert!(refused(forged).contains("another version"));
}

proptest! {
    /// Whatever a message asks for, what is kept under a name is what that name is
    /// the digest of.
    #[test]
    fn a_result_has_the_name_of_what_was_computed(
        at in 0usize..6,
        from in "[a-z0-9_\"{}:,]{1,6}",
        to in "[a-z0-9_\"{}:,]{0,6}",
        own_id in any::<bool>(),
        memory in any::<u64>(),
        timeout_ms in any::<u64>(),
    ) {
        let expansion = expansion();
        let honest = message(&expansion, at);
        let Ok(identity) = Document::new(honest.identity.text().replacen(&from, &to, 1)) else {
            return Ok(());
        };
        let task = match own_id {
            true => honest.task,
            false => Digest::of(identity.text().as_bytes()),
        };
        let forged = TaskMessage { task, identity, memory, timeout_ms, ..honest.clone() };
        let within = memory <= MOST.memory && forged.limits().timeout <= MOST.timeout;
        prop_assert_eq!(check_limits(&forged, MOST).is_ok(), within);
        if let Ok((identity, fits)) = stated(&forged) {
            let text = forged.identity.text();
            let single = SingleTask::of_identity(text, identity, fits, Vec::new());
            prop_assert_eq!(single.wanted(0).task, Digest::of(text.as_bytes()));
            prop_assert_eq!(own_id && text != honest.identity.text(), false);
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
