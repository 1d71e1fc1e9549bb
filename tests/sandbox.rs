//! Hostile guests: whatever one does ends as a typed result, and the next
//! task runs as if nothing had been. Every guest of `guests/examples` has its
//! expectation here; one that has none fails the test.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use crate::guests::built::components;
use crate::guests::expected::LOCAL;
use fanout::digest::Digest;
use fanout::sandbox::{Cache, Guest, GuestError, Instance, Sandbox};
use fanout::task::{Cancel, TaskFault, TaskLimits};
use fanout_contract::{CONTRACT, Params, Split, Task};

const LIMITS: TaskLimits = TaskLimits {
    memory: 64 << 20,
    timeout: Duration::from_secs(2),
};

fn sandbox() -> Sandbox {
    let cache = Cache::new(Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled"));
    Sandbox::new(8, Some(cache)).unwrap()
}

fn load(sandbox: &Sandbox, name: &str) -> Result<Guest, GuestError> {
    let wasm = &components()[name];
    sandbox.load(wasm, Digest::of(wasm))
}

/// Two candidates, the second of which some guests fail on.
fn task(trainer: &str) -> Task {
    let fail = Params::from([("fail".to_owned(), true.into())]);
    Task {
        contract: CONTRACT,
        trainer: trainer.to_owned(),
        params: Params::new(),
        candidates: vec![Params::new(), fail],
        split: Split {
            column: "fold".to_owned(),
            test: Some(0),
            train: Default::default(),
        },
        target: "y".to_owned(),
        positive: None,
        scoring: vec!["accuracy".to_owned(), "roc_auc".to_owned()],
        train_score: false,
    }
}

/// On a thread with the stack that a worker has.
fn on_worker<T: Send>(body: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(fanout::sandbox::THREAD_STACK);
        thread.spawn_scoped(scope, body).unwrap().join().unwrap()
    })
}

/// What becomes of a component before any task.
enum Before {
    /// It is not loaded; the error contains this.
    Refused(&'static str),
    /// It is loaded, and `describe` fails so.
    NoDescription(&'static str),
    /// It opens no dataset; the fault is of this kind.
    NotOpened(&'static str),
    /// It runs tasks.
    Runs,
}

#[test]
fn every_component_is_refused_or_contained() {
    use Before::{NoDescription, NotOpened, Refused, Runs};
    let expected = BTreeMap::from([
        ("adopt_fault", Runs),
        ("adopt_tell", Runs),
        ("adopt_trap", Runs),
        ("describe_loop", NoDescription("longer than")),
        ("describe_nonsense", NoDescription("malformed")),
        ("describe_other_contract", NoDescription("version")),
        ("describe_trap", NoDescription("trapped")),
        ("describe_twice", NoDescription("two trainers")),
        ("hostile", Runs),
        ("import_clock", Refused("wasi:clocks/")),
        ("import_environment", Refused("wasi:cli/environment")),
        ("import_files", Refused("wasi:filesystem/")),
        ("import_random", Refused("wasi:random/")),
        ("import_unknown", Refused("imports")),
        ("lack_http", Refused("wasi:http/incoming-handler@0.2")),
        ("lack_trainer", Refused("fanout:trainer/trainer@0.1.0")),
        ("open_exhaust_memory", NotOpened("out_of_memory")),
        ("open_fault", NotOpened("invalid_dataset")),
        ("open_loop", NotOpened("timed_out")),
        ("open_slow", Runs),
        ("open_trap", NotOpened("trapped")),
        ("other_trainer", Refused("fanout:trainer/trainer@0.1.0")),
        ("share_fault", Runs),
        ("share_loop", Runs),
        ("share_trap", Runs),
        ("start_trap", NoDescription("trapped")),
    ]);
    assert!(
        components().keys().eq(expected.keys()),
        "{:?}",
        components().keys()
    );
    let sandbox = sandbox();
    for (name, before) in &expected {
        let loaded = load(&sandbox, name);
        let guest = match (before, loaded) {
            (Refused(part), Err(error)) => {
                assert!(error.to_string().contains(part), "{name}: {error}");
                continue;
            }
            (Refused(_), Ok(_)) => panic!("{name} was loaded"),
            (_, loaded) => loaded.unwrap_or_else(|error| panic!("{name}: {error}")),
        };
        on_worker(|| match before {
            NoDescription(part) => {
                let error = guest.describe().unwrap_err().to_string();
                assert!(error.contains(part), "{name}: {error}");
            }
            NotOpened(kind) => {
                let mut instance = Instance::new(&guest, LIMITS, Cancel::default()).unwrap();
                let fault = instance.open(b"table", b"splits").unwrap_err();
                assert_eq!(fault.kind(), *kind, "{name}: {fault}");
            }
            Refused(_) | Runs => {
                guest
                    .describe()
                    .unwrap_or_else(|error| panic!("{name}: {error}"));
            }
        });
    }
}

#[test]
fn every_trainer_ends_as_a_typed_result_and_the_worker_goes_on() {
    let expected: BTreeMap<&str, Option<&str>> = LOCAL.into();
    let sandbox = sandbox();
    let guest = load(&sandbox, "hostile").unwrap();
    let offered = guest.describe().unwrap().trainers;
    assert!(
        offered
            .iter()
            .map(|trainer| trainer.name.as_str())
            .eq(expected.keys().copied())
    );
    on_worker(|| {
        for (name, kind) in &expected {
            let mut instance = opened(&guest, LIMITS);
            let result = instance.evaluate(&task(name));
            let found = result.as_ref().err().map(TaskFault::kind);
            assert_eq!(found, *kind, "{name}: {result:?}");
            let mut next = if instance.is_spent() {
                opened(&guest, LIMITS)
            } else {
                instance
            };
            next.evaluate(&task("honest"))
                .unwrap_or_else(|fault| panic!("after {name}: {fault}"));
        }
    });
}

#[test]
fn what_a_guest_says_of_itself_is_clipped() {
    let sandbox = sandbox();
    let guest = load(&sandbox, "hostile").unwrap();
    let roomy = TaskLimits {
        memory: 1 << 30,
        timeout: Duration::from_secs(60),
    };
    on_worker(|| {
        let fault = opened(&guest, roomy)
            .evaluate(&task("huge_fault"))
            .unwrap_err();
        assert!(
            fault.to_string().len() < 2000,
            "{} bytes",
            fault.to_string().len()
        );
        let fault = opened(&guest, roomy)
            .evaluate(&task("huge_answer"))
            .unwrap_err();
        assert_ne!(fault.kind(), "out_of_memory");
    });
}

#[test]
fn a_cancelled_guest_stops() {
    let sandbox = sandbox();
    let guest = load(&sandbox, "hostile").unwrap();
    let patient = TaskLimits {
        timeout: Duration::from_secs(3600),
        ..LIMITS
    };
    let cancel = Cancel::default();
    on_worker(|| {
        let mut instance = Instance::new(&guest, patient, cancel.clone()).unwrap();
        instance.open(b"table", b"splits").unwrap();
        cancel.cancel();
        let fault = instance.evaluate(&task("loop_forever")).unwrap_err();
        assert_eq!(fault, TaskFault::Cancelled);
    });
}

fn opened(guest: &Guest, limits: TaskLimits) -> Instance {
    let mut instance = Instance::new(guest, limits, Cancel::default()).unwrap();
    instance.open(b"table", b"splits").unwrap();
    instance
}
