//! Hostile guests: whatever one does ends as a typed result, and the next
//! task runs as if nothing had been. Every guest of `guests/examples` has its
//! expectation here; one that has none fails the test.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use crate::guests::appended::{appended, growing_table, memories, tables};
use crate::guests::built::components;
use crate::guests::expected::LOCAL;
use crate::program::{Fanout, text};
use fanout::digest::Digest;
use fanout::error::chained;
use fanout::sandbox::{Cache, Guest, GuestError, Instance, Sandbox};
use fanout::task::{Cancel, TaskFault, TaskLimits};
use fanout_contract::{CONTRACT, Fault, Learning, Output, Params, Split, Task};
use wasm_encoder::Module;

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
        bagging: false,
        params: Params::new(),
        candidates: vec![Params::new(), fail],
        split: Split {
            column: "fold".to_owned(),
            test: Some(0),
            train: Default::default(),
            shuffle: None,
        },
        target: "y".to_owned(),
        learning: Learning::Binary,
        positive: None,
        weight: None,
        scoring: vec!["accuracy".into(), "roc_auc".into()],
        train_score: false,
        outputs: Vec::new(),
        part: None,
        permute: None,
        steps: Vec::new(),
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
        ("describe_contradiction", NoDescription("minimum above")),
        ("describe_escape", NoDescription("is no name")),
        ("describe_huge", NoDescription("more than")),
        ("describe_loop", NoDescription("longer than")),
        ("describe_many_steps", NoDescription("more than")),
        ("describe_no_values", NoDescription("takes nothing")),
        ("describe_nonsense", NoDescription("malformed")),
        ("describe_other_contract", NoDescription("version")),
        ("describe_param_twice", NoDescription("`number` twice")),
        ("describe_parts_of_nothing", NoDescription("`parts`")),
        ("describe_steps_twice", NoDescription("two steps")),
        ("describe_trap", NoDescription("trapped")),
        ("describe_twice", NoDescription("two trainers")),
        ("dotted_names", Runs),
        ("hostile", Runs),
        ("import_clock", Refused("wasi:clocks/")),
        ("import_environment", Refused("wasi:cli/environment")),
        ("import_files", Refused("wasi:filesystem/")),
        ("import_random", Refused("wasi:random/")),
        ("import_unknown", Refused("imports")),
        ("lack_http", Refused("wasi:http/incoming-handler@0.2")),
        ("lack_trainer", Refused("fanout:trainer/trainer@0.2.0")),
        ("large_values", Runs),
        ("open_exhaust_memory", NotOpened("out_of_memory")),
        ("open_fault", NotOpened("invalid_dataset")),
        ("open_loop", NotOpened("timed_out")),
        ("open_slow", Runs),
        ("open_trap", NotOpened("trapped")),
        ("other_trainer", Refused("fanout:trainer/trainer@0.2.0")),
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
    let names = offered.iter().map(|trainer| trainer.name.as_str());
    // The SDK's own.
    let names = names.filter(|name| *name != "dummy");
    assert!(names.eq(expected.keys().copied()));
    on_worker(|| {
        for (name, kind) in &expected {
            let mut instance = opened(&guest, LIMITS);
            let result = instance.evaluate(&task(name));
            let found = result.as_ref().err().map(TaskFault::kind);
            assert_eq!(found, *kind, "{name}: {result:?}");
            let said = result.err().map(|fault| fault.to_string());
            let is_control = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
            let takes_over = said.iter().any(|said| said.contains(is_control));
            assert!(!takes_over, "{name}: {said:?}");
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

/// Limits under which a guest can return hundreds of megabytes.
const ROOMY: TaskLimits = TaskLimits {
    memory: 1 << 30,
    timeout: Duration::from_secs(60),
};

#[test]
fn the_message_of_a_fault_is_clipped() {
    let sandbox = sandbox();
    let guest = load(&sandbox, "hostile").unwrap();
    let clipped = |letter: &str| TaskFault::Refused {
        fault: Fault::Failed(format!("{}…", letter.repeat(1000))),
    };
    on_worker(|| {
        let fault = opened(&guest, LIMITS).evaluate(&task("long_fault"));
        assert_eq!(fault.unwrap_err(), clipped("x"));
        // A model may be large; the message in its place is 256 MiB.
        let mut task = task("huge_fault");
        task.outputs = vec![Output::Model];
        let fault = opened(&guest, ROOMY).evaluate(&task);
        assert_eq!(fault.unwrap_err(), clipped(" "));
    });
}

#[test]
fn an_answer_is_copied_up_to_the_bound_of_answers() {
    let sandbox = sandbox();
    let guest = load(&sandbox, "hostile").unwrap();
    on_worker(|| {
        // 256 MiB, which the guest has the memory for.
        for trainer in ["huge_answer", "huge_fault"] {
            let fault = opened(&guest, ROOMY).evaluate(&task(trainer)).unwrap_err();
            assert_eq!(fault.kind(), "malformed_answer", "{trainer}: {fault}");
            assert!(
                fault.to_string().contains("more than 50076 bytes"),
                "{fault}"
            );
        }
    });
}

#[test]
fn shared_data_models_and_predictions_may_be_large() {
    let sandbox = sandbox();
    let guest = load(&sandbox, "large_values").unwrap();
    let of = |letter: u8, value: &[u8]| {
        value.len() == 160 << 20 && value.iter().all(|byte| *byte == letter)
    };
    on_worker(|| {
        let mut instance = opened(&guest, ROOMY);
        let shared = instance.share(&task("honest")).unwrap();
        assert!(of(b's', &shared));
        let mut adopted = Instance::new(&guest, ROOMY, Cancel::default()).unwrap();
        adopted.adopt(&shared).unwrap();
        drop((adopted, shared));
        let mut task = task("honest");
        task.outputs = vec![Output::Model];
        let model = instance.evaluate(&task).unwrap().artifacts.remove(0).bytes;
        assert!(of(b'm', &model));
        instance.open_model(&model).unwrap();
        let predictions = instance.predict(&[]).unwrap();
        assert!(of(b'p', &predictions));
    });
}

#[test]
fn a_component_of_many_parts_is_refused() {
    let sandbox = sandbox();
    let hostile = &components()["hostile"];
    let refused = [
        ("memories of one module", memories(100, 0), 1),
        ("memories of many modules", memories(1, 0), 3),
        ("tables of one module", tables(100, 0), 1),
        ("tables of many modules", tables(1, 0), 8),
        ("a huge table", tables(1, 1 << 30), 1),
        ("core instances", Module::new(), 60),
    ];
    for (what, module, times) in refused {
        let wasm = appended(hostile, &module, times);
        let loaded = sandbox.load(&wasm, Digest::of(&wasm));
        let Err(error @ GuestError::TooLarge(_)) = loaded else {
            panic!("{what}: {loaded:?}");
        };
        let text = chained(&error);
        assert!(
            text.contains("exceeds") || text.contains("limit"),
            "{what}: {text}"
        );
    }
}

#[test]
fn memories_and_tables_are_counted_together() {
    /// Pages of [`LIMITS`], without one.
    const NEARLY_ALL: u64 = (64 << 20) / (64 << 10) - 1;
    let sandbox = sandbox();
    let hostile = &components()["hostile"];
    let contained = [
        ("a small memory", memories(1, 16), 1, None),
        (
            "a memory",
            memories(1, NEARLY_ALL),
            1,
            Some("out_of_memory"),
        ),
        (
            "the largest memory",
            memories(1, 1 << 16),
            1,
            Some("out_of_memory"),
        ),
        ("two tables", tables(1, 60_000), 2, Some("trapped")),
        ("growing tables", growing_table(), 3, None),
    ];
    on_worker(|| {
        for (what, module, times, kind) in contained {
            let wasm = appended(hostile, &module, times);
            let guest = sandbox.load(&wasm, Digest::of(&wasm)).unwrap();
            let fault = Instance::new(&guest, LIMITS, Cancel::default()).err();
            let found = fault.as_ref().map(TaskFault::kind);
            assert_eq!(found, kind, "{what}: {fault:?}");
        }
    });
}

#[test]
fn a_guest_is_cancelled_from_another_thread() {
    let sandbox = sandbox();
    let guest = load(&sandbox, "hostile").unwrap();
    let patient = TaskLimits {
        timeout: Duration::from_secs(3600),
        ..LIMITS
    };
    let cancel = Cancel::default();
    let (begins, begun) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        let switch = cancel.clone();
        scope.spawn(move || {
            begun.recv().unwrap();
            switch.cancel();
        });
        on_worker(|| {
            let mut instance = Instance::new(&guest, patient, cancel.clone()).unwrap();
            instance.open(b"table", b"splits").unwrap();
            begins.send(()).unwrap();
            let fault = instance.evaluate(&task("loop_forever")).unwrap_err();
            assert_eq!(fault, TaskFault::Cancelled);
        });
    });
}

#[cfg(unix)]
#[test]
fn a_cache_that_others_can_write_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let fanout = Fanout::new();
    let folder = fanout.here.path().join("compiled");
    std::fs::create_dir(&folder).unwrap();
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o777)).unwrap();
    let plan = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plans/quickstart.yaml");
    for arguments in [
        &["doctor", "--store", "memory://"][..],
        &["run", plan.to_str().unwrap(), "--store", "memory://"],
    ] {
        let mut command = fanout.command();
        command.env("FANOUT_CACHE", &folder).args(arguments);
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let said = text(&output.stdout) + &text(&output.stderr);
        let expected = format!("run `chmod go-w {}`", folder.display());
        assert!(said.contains(&expected), "{said}");
    }
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
}

fn opened(guest: &Guest, limits: TaskLimits) -> Instance {
    let mut instance = Instance::new(guest, limits, Cancel::default()).unwrap();
    instance.open(b"table", b"splits").unwrap();
    instance
}
