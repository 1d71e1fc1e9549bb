//! What every pool keeps: each property is one function over a pool, and each
//! pool's test calls all of them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::functions::server::{Kind, Server};
use crate::guests::built::components;
use crate::nats::server::Nats;
use arrow_schema::{Field, Schema};
use fanout::dataset::{self, Prepared};
use fanout::digest::Digest;
use fanout::expand::{Data, Estimator, Expansion, Inputs, TaskIdentity};
use fanout::guest::GuestFile;
use fanout::plan::DataWay;
use fanout::plan::{self, CheckedPlan};
use fanout::pool::{HttpPool, HttpSettings, LocalPool, NatsLink, NatsPool, PoolContext, PoolError};
use fanout::queue::{Credentials, QueueSettings};
use fanout::run::event::Event;
use fanout::run::manifest::Manifest;
use fanout::run::pool::{Pool, PoolEvent};
use fanout::run::record::Record;
use fanout::run::stages::Stages;
use fanout::run::tasks::{JointTasks, PermutingTasks, SingleTask, Tasks};
use fanout::sandbox::{Cache, Guest, Instance, Sandbox, THREAD_STACK};
use fanout::store::{Key, MacKey, Store};
use fanout::task::{Cancel, TaskLimits};
use fanout::worker::{Worker, WorkerSettings, WorkerStop};
use fanout_contract::{
    Columns, Learning, Output, Params, Permute, Scores, TaskStep, TrainerDescription,
};
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::RowAccessor as _;

/// More tasks than are looked up or written at a time, of two fits each.
const PLAN: &str = "
name: pool
dataset: {source: SOURCE, target: diagnosis}
trainer: {name: random_forest, params: {max_depth: 2}}
search: {params: {n_estimators: [1, 2], random_state: {range: [1, 60]}}}
cv: {method: k_fold, n_splits: 2}
";

const TASKS: usize = 120;

/// What every test works with.
struct Case {
    plan: CheckedPlan,
    trainer: TrainerDescription,
    guest: Arc<Guest>,
}

fn case() -> &'static Case {
    static CASE: OnceLock<Case> = OnceLock::new();
    CASE.get_or_init(|| {
        let cache = Cache::new(Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled"));
        let sandbox = Sandbox::new(8, Some(cache)).unwrap();
        let file = GuestFile::embedded().find(|file| file.name == "trees");
        let file = file.unwrap();
        let guest = sandbox.load(&file.wasm, file.digest).unwrap();
        let trainers = guest.describe().unwrap().trainers;

        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plans/data/breast_cancer.csv");
        let text = PLAN.replace("SOURCE", data.to_str().unwrap());
        let mut draft = plan::Draft::parse(Path::new("plan.yaml"), &text, &[], Path::new("/"));
        draft.check_trainers(&trainers, &[], &[None]);
        let schema = dataset::SourceLook::open(draft.dataset().unwrap(), &"memory://".into());
        let schema = schema.and_then(|source| source.schema()).unwrap();
        let field = |column: &dataset::SourceColumn| {
            Field::new(&column.name, column.data_type.clone(), true)
        };
        let fields: Vec<Field> = schema.columns.iter().map(field).collect();
        draft.check_columns(&Schema::new(fields));
        let plan = draft.finish().unwrap();
        let mut trainers = trainers.into_iter();
        Case {
            trainer: trainers
                .find(|t| plan.trainer_names() == [t.name.as_str()])
                .unwrap(),
            plan,
            guest: Arc::new(guest),
        }
    })
}

impl Case {
    fn inputs(&self, prepared: &Prepared) -> Inputs {
        self.inputs_of(self.guest.digest(), prepared)
    }

    /// The same, with the trainer of another guest.
    fn inputs_of(&self, guest: Digest, prepared: &Prepared) -> Inputs {
        Inputs {
            arms: vec![Estimator {
                steps: Vec::new(),
                trainer: self.trainer.clone(),
                guest,
            }],
            baseline: None,
            learning: prepared.learning,
            data: Data {
                dataset: prepared.dataset,
                splits: prepared.splits,
            },
            splits: prepared.folds.clone(),
            parts: prepared.parts.clone(),
        }
    }
}

/// A store with the dataset, and the tasks.
struct PoolFixture {
    store: Store,
    prepared: Prepared,
    expansion: Expansion,
}

impl PoolFixture {
    fn new() -> Self {
        let case = case();
        let store = Store::open("memory://").unwrap();
        let prepared = dataset::prepare(&case.plan, &store).unwrap().remove(0);
        let expansion = Expansion::new(&case.plan, &case.inputs(&prepared), 2);
        assert_eq!(expansion.tasks.len(), TASKS);
        Self {
            store,
            prepared,
            expansion,
        }
    }

    fn context(&self, cancel: &Cancel) -> PoolContext {
        PoolContext {
            record: Record::new(self.store.clone(), TaskLimits::default(), true),
            dataset: self.prepared.dataset,
            splits: self.prepared.splits,
            cancel: cancel.clone(),
        }
    }
}

type DynPool = dyn Pool<Error = PoolError> + Send;
type MakePool = dyn Fn(PoolContext) -> Box<DynPool>;

fn local(context: PoolContext) -> LocalPool {
    LocalPool::new(
        vec![case().guest.clone()],
        context,
        TaskLimits::default(),
        2,
    )
}

fn http(url: &str, context: PoolContext) -> HttpPool {
    let settings = HttpSettings {
        endpoints: vec![url.to_owned()],
        concurrency: 2,
        token: None,
        insecure: false,
        data: DataWay::Auto,
        retry: Duration::from_secs(60),
        ca: None,
    };
    let description = case().guest.describe().unwrap();
    HttpPool::new(settings, description, context, TaskLimits::default()).unwrap()
}

/// A pool of workers, with one of them in this process.
struct Workers {
    pool: NatsPool,
    stop: WorkerStop,
    worker: Option<std::thread::JoinHandle<()>>,
}

impl Workers {
    fn new(nats: &Nats, context: PoolContext) -> Self {
        static QUEUES: AtomicUsize = AtomicUsize::new(0);
        let store = context.record.store().clone();
        let case = case();
        let prepared = dataset::prepare(&case.plan, &Store::open("memory://").unwrap())
            .unwrap()
            .remove(0);
        let manifest = Manifest::new(&case.plan, case.inputs(&prepared), &prepared);
        let file = GuestFile::embedded().find(|file| file.name == "trees");
        let guest = file.unwrap();
        let key = Key::guest(&guest.digest);
        store.create(&key, guest.wasm.clone()).unwrap();
        store
            .create(&Key::plan(&manifest.run()), manifest.bytes())
            .unwrap();

        let queue = QueueSettings {
            urls: vec![nats.url()],
            name: format!("queue-{}", QUEUES.fetch_add(1, Ordering::Relaxed)),
            credentials: Credentials::None,
            ca: None,
        };
        let stop = WorkerStop::default();
        let compiled = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled");
        let settings = WorkerSettings {
            name: queue.name.clone(),
            slots: 2,
            max_limits: TaskLimits::default(),
            compiled: Some(Cache::new(compiled)),
            objects: None,
            delay: Duration::ZERO,
        };
        let worker = Worker::new(settings, queue.clone(), store, stop.clone()).unwrap();
        let link = NatsLink::open(queue).unwrap();
        let pool = NatsPool::new(link, manifest.run(), context, TaskLimits::default(), 2);
        Self {
            pool: pool.retry(Duration::from_secs(2)),
            stop,
            worker: Some(std::thread::spawn(move || worker.run(&|_| {}).unwrap())),
        }
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.stop.stop();
        self.worker.take().unwrap().join().unwrap();
    }
}

impl Pool for Workers {
    type Error = PoolError;

    fn workers(&self) -> usize {
        self.pool.workers()
    }

    /// Reports of the tasks alone.
    fn run(
        &self,
        tasks: &dyn Tasks,
        report: &mut dyn FnMut(PoolEvent) -> ControlFlow<()>,
    ) -> Result<(), PoolError> {
        self.pool.run(tasks, &mut |event| match event {
            PoolEvent::Other {
                event: Event::WorkerJoined { .. } | Event::TaskReturned { .. },
                ..
            }
            | PoolEvent::Started { .. } => ControlFlow::Continue(()),
            event => report(event),
        })
    }
}

/// The scores of every fit by task and position, and how many were made.
type Fits = (BTreeMap<(usize, u32), Scores>, usize);

fn run(pool: &dyn Pool<Error = PoolError>, tasks: &dyn Tasks) -> Fits {
    let run = run_by_workers(pool, tasks);
    assert!(run.unshared.is_empty(), "{:?}", run.unshared);
    run.fits
}

/// A run's fits, and what its workers did beside.
struct WorkersRun {
    fits: Fits,
    /// The workers that made a fit.
    workers: BTreeSet<Arc<str>>,
    /// The workers that reported that the dataset can't be shared, one a report.
    unshared: Vec<Arc<str>>,
}

fn run_by_workers(pool: &dyn Pool<Error = PoolError>, tasks: &dyn Tasks) -> WorkersRun {
    let (mut fits, mut made) = (BTreeMap::new(), 0);
    let (mut workers, mut unshared) = (BTreeSet::new(), Vec::new());
    pool.run(tasks, &mut |event| {
        let (task, finished) = match event {
            PoolEvent::Finished { task, finished } => (task, finished),
            PoolEvent::Other {
                worker: Some(worker),
                event: Event::SharingFailed { message },
            } => {
                assert_ne!(message, "");
                unshared.push(worker);
                return ControlFlow::Continue(());
            }
            PoolEvent::Started { .. } => return ControlFlow::Continue(()),
            event => panic!("{event:?}"),
        };
        // Whoever made a fit is named.
        assert_eq!(finished.worker.is_none(), finished.outcome.reused);
        workers.extend(finished.worker);
        let scores = finished.outcome.result.unwrap().scores;
        assert_eq!(scores.len(), finished.positions.len());
        for (position, scores) in finished.positions.into_iter().zip(scores) {
            assert_eq!(fits.insert((task, position), scores), None);
            made += usize::from(!finished.outcome.reused);
        }
        ControlFlow::Continue(())
    })
    .unwrap();
    WorkersRun {
        fits: (fits, made),
        workers,
        unshared,
    }
}

fn every_fit_is_reported_once_and_kept(make: &MakePool) -> BTreeMap<(usize, u32), Scores> {
    let fixture = PoolFixture::new();
    let pool = || make(fixture.context(&Cancel::default()));
    let (first, made) = run(&*pool(), &fixture.expansion);
    assert_eq!((first.len(), made), (2 * TASKS, 2 * TASKS));
    let (second, made) = run(&*pool(), &fixture.expansion);
    assert_eq!(made, 0);
    assert_eq!(first, second);
    first
}

/// Features are permuted alike by every pool, in the table, which an instance has to
/// decode that adopted what another one prepared; and found again.
fn features_are_permuted_alike(make: &MakePool) {
    static FOUND: OnceLock<BTreeMap<(usize, u32), Scores>> = OnceLock::new();
    let fixture = PoolFixture::new();
    let pool = make(fixture.context(&Cancel::default()));
    let (fits, _) = run(&*pool, &fixture.expansion);
    let features = ["worst_area", "mean_texture", "worst_radius"];
    let splits = fixture.expansion.splits.iter();
    let tasks = splits.flat_map(|split| {
        features.map(|feature| {
            let permute = Permute {
                feature: feature.to_owned(),
                n_repeats: 3,
                random_state: 7,
            };
            SingleTask::permuting(&fixture.expansion, 0, split, permute)
        })
    });
    let tasks = PermutingTasks {
        tasks: tasks.collect(),
        of_each_split: features.len(),
    };
    let (found, made) = run(&*pool, &tasks);
    assert_eq!((found.len(), made), (6, 6));
    let places = fixture.expansion.tasks.iter().enumerate();
    for (place, task) in places.filter(|(_, task)| task.candidates.contains(&0)) {
        let position = task.candidates.iter().position(|it| *it == 0).unwrap();
        let own = &fits[&(place, position as u32)].test;
        for feature in 0..features.len() {
            let scores = &found[&(task.split as usize * features.len() + feature, 0)];
            assert_eq!(scores.test, *own);
            assert_eq!(scores.permuted.len(), 3);
        }
    }
    assert!(
        found
            .values()
            .any(|scores| scores.permuted[0] != scores.test)
    );
    assert_eq!(*FOUND.get_or_init(|| found.clone()), found);
    assert_eq!(run(&*pool, &tasks), (found, 0));
}

/// What a task of one fit gave: its scores, and the digests of its artifacts.
fn given(fixture: &PoolFixture, task: &SingleTask) -> (Scores, Vec<(Output, Digest)>) {
    let record = Record::new(fixture.store.clone(), TaskLimits::default(), true);
    let found = record.look(&[task.wanted_fits().clone()]).unwrap();
    let outcome = &found[0].finished[0].outcome;
    let artifacts = found[0].artifacts.iter();
    (
        outcome.result.clone().unwrap().scores[0].clone(),
        artifacts
            .map(|(_, output, digest)| (*output, *digest))
            .collect(),
    )
}

/// The fit of a forest of nine trees whose predictions and model are wanted, in parts that
/// end there.
fn forest_of_nine(fixture: &PoolFixture, cuts: Vec<u32>) -> SingleTask {
    let text = Tasks::identity(&fixture.expansion, 0);
    let identity = TaskIdentity::read(&text).unwrap();
    let mut key: Params = serde_json::from_str(&fixture.expansion.key(0)).unwrap();
    key.insert("n_estimators".to_owned(), 9.into());
    let outputs = vec![Output::Predictions, Output::Model];
    SingleTask::of_identity(&text, identity, vec![key], outputs).with_cuts(cuts)
}

/// A model that is fitted in parts has the bytes of one that is fitted whole, on every
/// pool, and the scores of its test rows; and a part that is lost is made again, alone.
fn parts_are_assembled_alike(make: &MakePool) {
    static FOUND: OnceLock<(Scores, Vec<(Output, Digest)>)> = OnceLock::new();
    let whole = PoolFixture::new();
    let pool = make(whole.context(&Cancel::default()));
    let task = forest_of_nine(&whole, Vec::new());
    run(&*pool, &task);
    let expected = given(&whole, &task);
    assert_eq!(expected.1.len(), 2);
    assert_eq!(FOUND.get_or_init(|| expected.clone()), &expected);

    let fixture = PoolFixture::new();
    let cut = forest_of_nine(&fixture, vec![4, 8, 9]);
    let record = Record::new(fixture.store.clone(), TaskLimits::default(), true);
    let stages = || Stages::new(make(fixture.context(&Cancel::default())), record.clone());
    // Whether the store had the parts, and the task.
    let reused = || {
        let (mut parts, mut tasks) = (BTreeMap::new(), Vec::new());
        let ran = stages().run(&cut, &mut |event| {
            match event {
                PoolEvent::Other {
                    event: Event::PartFinished { part, reused, .. },
                    ..
                } => drop(parts.insert(part, reused)),
                PoolEvent::Finished { finished, .. } => tasks.push(finished.outcome.reused),
                PoolEvent::Other { .. } | PoolEvent::Started { .. } => {}
            }
            ControlFlow::Continue(())
        });
        ran.unwrap();
        (parts.into_values().collect::<Vec<_>>(), tasks)
    };
    assert_eq!(reused(), (vec![false; 3], vec![false]));
    assert_eq!(given(&fixture, &cut), expected);
    // A result that is there waits for nothing.
    assert_eq!(reused(), (vec![], vec![true]));
    let gone = |task: &SingleTask| Key::part(&task.wanted_fits().task, 0);
    let lost = [gone(&cut), gone(&cut.inputs(0)[1])];
    fixture.store.delete_many(&lost).unwrap();
    assert_eq!(reused(), (vec![true, false, true], vec![false]));
    assert_eq!(given(&fixture, &cut), expected);
    // Without its stage a part that is gone is made with the whole.
    fixture.store.delete_many(&lost).unwrap();
    run(&*make(fixture.context(&Cancel::default())), &cut);
    assert_eq!(given(&fixture, &cut), expected);
}

/// The parts of a model that is wanted after a search are made beside the search, on every
/// pool, and not again; the search is told of as it is alone.
fn parts_are_made_ahead_alike(make: &MakePool) {
    let alone = PoolFixture::new();
    let pool = make(alone.context(&Cancel::default()));
    let (expected, _) = run(&*pool, &alone.expansion);
    let whole = forest_of_nine(&alone, Vec::new());
    run(&*pool, &whole);

    let fixture = PoolFixture::new();
    let cut = forest_of_nine(&fixture, vec![4, 8, 9]);
    let search = JointTasks::new(vec![&fixture.expansion]).with_ahead(vec![cut.clone()]);
    let record = Record::new(fixture.store.clone(), TaskLimits::default(), true);
    let stages = || Stages::new(make(fixture.context(&Cancel::default())), record.clone());
    // The scores of the tasks, and what is told of parts.
    let told = |stages: &dyn Pool<Error = PoolError>, tasks: &dyn Tasks| {
        let (mut scores, mut parts, mut started) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        let ran = stages.run(tasks, &mut |event| {
            match event {
                PoolEvent::Other { event, .. } => match event {
                    Event::PartsStarted { parts, ahead } => started.push((parts, ahead)),
                    Event::PartFinished { part, reused, .. } => {
                        assert_eq!(parts.insert(part, reused), None);
                    }
                    _ => {}
                },
                PoolEvent::Finished { task, finished } => {
                    let found = finished.outcome.result.unwrap().scores;
                    let found = finished.positions.into_iter().zip(found);
                    scores.extend(found.map(|(position, scores)| ((task, position), scores)));
                }
                PoolEvent::Started { task, .. } => assert!(task < tasks.len()),
            }
            ControlFlow::Continue(())
        });
        ran.unwrap();
        (scores, started, parts.into_values().collect::<Vec<_>>())
    };
    let first = stages();
    let found = told(&first, &search);
    assert_eq!(found.0, expected);
    assert_eq!(found.1, [(3, true)]);
    assert_eq!(found.2, [false; 3]);
    // Another process finds them.
    let found = told(&stages(), &search);
    assert_eq!((found.1, found.2), (vec![(3, true)], vec![true; 3]));
    // Who made them does not look again.
    let found = told(&first, &cut);
    assert_eq!((found.1, found.2), (vec![], vec![]));
    assert_eq!(given(&fixture, &cut), given(&alone, &whole));
    // There is nothing to be made ahead.
    assert_eq!(told(&stages(), &search), (expected, vec![], vec![]));
}

fn reported_fits_are_kept(make: &MakePool) {
    let fixture = PoolFixture::new();
    let pool = make(fixture.context(&Cancel::default()));
    pool.run(&fixture.expansion, &mut |event| {
        if let PoolEvent::Finished { task, .. } = event {
            let key = Key::part(&fixture.expansion.tasks[task].id, 0);
            assert!(fixture.store.contains(&key).unwrap());
        }
        ControlFlow::Continue(())
    })
    .unwrap();
}

fn a_listener_that_breaks_ends_the_run(make: &MakePool) {
    let fixture = PoolFixture::new();
    let cancel = Cancel::default();
    let mut events = 0;
    let pool = make(fixture.context(&cancel));
    pool.run(&fixture.expansion, &mut |event| {
        events += usize::from(matches!(event, PoolEvent::Finished { .. }));
        if events == 3 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    })
    .unwrap();
    assert_eq!(events, 3);
    // What was made till then is there, and the next run makes the rest.
    let (fits, made) = run(
        &*make(fixture.context(&Cancel::default())),
        &fixture.expansion,
    );
    assert_eq!(fits.len(), 2 * TASKS);
    assert!(made <= 2 * TASKS - 6, "{made}");
}

fn a_cancelled_run_ends(make: &MakePool) {
    let fixture = PoolFixture::new();
    let cancel = Cancel::default();
    cancel.cancel();
    let (fits, _) = run(&*make(fixture.context(&cancel)), &fixture.expansion);
    assert_eq!(fits.len(), 0);
}

fn damage_is_reported_and_repaired(make: &MakePool) {
    let fixture = PoolFixture::new();
    let pool = || make(fixture.context(&Cancel::default()));
    let (first, _) = run(&*pool(), &fixture.expansion);
    let key = Key::part(&fixture.expansion.tasks[70].id, 0);
    fixture.store.replace(&key, "{".into()).unwrap();
    let (mut damaged, mut made) = (Vec::new(), Vec::new());
    pool()
        .run(&fixture.expansion, &mut |event| {
            match event {
                PoolEvent::Other {
                    event: Event::ResultDamaged { key },
                    ..
                } => damaged.push(key),
                PoolEvent::Finished { task, finished } if !finished.outcome.reused => {
                    let scores = &finished.outcome.result.unwrap().scores[0];
                    assert_eq!(first[&(task, 0)], *scores);
                    made.push(task);
                }
                _ => {}
            }
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!((damaged, made), (vec![key], vec![70]));
}

fn with_a_key_the_results_of_others_are_not_taken(make: &MakePool) {
    let mut fixture = PoolFixture::new();
    let pool = |fixture: &PoolFixture| make(fixture.context(&Cancel::default()));
    let (first, _) = run(&*pool(&fixture), &fixture.expansion);
    fixture.store = fixture.store.with_mac_key(Some(MacKey::new(&[7; 32])));
    let (mut unproven, mut made) = (BTreeSet::new(), 0);
    pool(&fixture)
        .run(&fixture.expansion, &mut |event| {
            match event {
                PoolEvent::Other {
                    event: Event::ResultUnproven { key },
                    ..
                } => {
                    unproven.insert(key);
                }
                PoolEvent::Finished { finished, .. } => {
                    assert!(!finished.outcome.reused);
                    made += finished.positions.len();
                }
                PoolEvent::Started { .. } => {}
                event => panic!("{event:?}"),
            }
            ControlFlow::Continue(())
        })
        .unwrap();
    let parts = fixture.expansion.tasks.iter();
    let parts: BTreeSet<Key> = parts.map(|task| Key::part(&task.id, 0)).collect();
    assert_eq!((unproven, made), (parts, 2 * TASKS));
    // What was made with the key is read without it, and is the same.
    fixture.store = fixture.store.with_mac_key(None);
    let (again, made) = run(&*pool(&fixture), &fixture.expansion);
    assert_eq!((again, made), (first, 0));
}

fn a_store_that_fails_ends_the_run(make: &MakePool) {
    let folder = tempfile::tempdir().unwrap();
    let mut fixture = PoolFixture::new();
    // A file where the folder of results would have to be.
    std::fs::write(folder.path().join("tasks"), "").unwrap();
    fixture.store = Store::open(format!("file://{}", folder.path().display()).as_str()).unwrap();
    dataset::prepare(&case().plan, &fixture.store).unwrap();
    let pool = make(fixture.context(&Cancel::default()));
    let ended = pool.run(&fixture.expansion, &mut |event| panic!("{event:?}"));
    assert!(ended.is_err());
}

fn two_concurrent_runs_agree(make: &MakePool) {
    let fixture = PoolFixture::new();
    let pools = [(); 2].map(|()| make(fixture.context(&Cancel::default())));
    let [one, two] = std::thread::scope(|scope| {
        let start = |pool: Box<DynPool>, mut expansion: Expansion, reversed: bool| {
            scope.spawn(move || {
                let whole = expansion.clone();
                if reversed {
                    expansion.reverse_with_jitter();
                }
                let (fits, made) = run(&*pool, &expansion);
                // By the order of the other one.
                let place = |index: usize| {
                    let task = &expansion.tasks[index];
                    whole.tasks.iter().position(|other| other == task).unwrap()
                };
                let fits = fits
                    .into_iter()
                    .map(|((task, at), s)| ((place(task), at), s));
                (fits.collect::<BTreeMap<_, _>>(), made)
            })
        };
        let [one, two] = pools;
        let threads = [
            start(one, fixture.expansion.clone(), false),
            start(two, fixture.expansion.clone(), true),
        ];
        threads.map(|thread| thread.join().unwrap())
    });
    assert_eq!(one.0, two.0);
    assert!(one.1 + two.1 >= 2 * TASKS);
    let (again, made) = run(
        &*make(fixture.context(&Cancel::default())),
        &fixture.expansion,
    );
    assert_eq!((again, made), (one.0, 0));
}

fn keeps_the_contract(make: &MakePool) -> BTreeMap<(usize, u32), Scores> {
    reported_fits_are_kept(make);
    a_listener_that_breaks_ends_the_run(make);
    a_cancelled_run_ends(make);
    damage_is_reported_and_repaired(make);
    with_a_key_the_results_of_others_are_not_taken(make);
    a_store_that_fails_ends_the_run(make);
    two_concurrent_runs_agree(make);
    features_are_permuted_alike(make);
    parts_are_assembled_alike(make);
    parts_are_made_ahead_alike(make);
    every_fit_is_reported_once_and_kept(make)
}

/// What the local pool comes to, whose store is near.
fn near() -> &'static BTreeMap<(usize, u32), Scores> {
    static NEAR: OnceLock<BTreeMap<(usize, u32), Scores>> = OnceLock::new();
    NEAR.get_or_init(|| keeps_the_contract(&|work| Box::new(local(work))))
}

#[test]
fn the_local_pool_keeps_the_contract_near_the_store_and_far() {
    let far = keeps_the_contract(&|work| Box::new(local(work).with_remote_store()));
    assert_eq!(*near(), far);
    let shared = keeps_the_contract(&|work| Box::new(local(work).shared_from(0)));
    assert_eq!(*near(), shared);
}

/// A run by two local workers with a component of `guests/examples` as their
/// guest, which is asked to share the dataset.
fn of_example(sandbox: &Sandbox, name: &str) -> WorkersRun {
    let mut fixture = PoolFixture::new();
    let wasm = &components()[name];
    let guest = Arc::new(sandbox.load(wasm, Digest::of(wasm)).unwrap());
    let inputs = case().inputs_of(guest.digest(), &fixture.prepared);
    fixture.expansion = Expansion::new(&case().plan, &inputs, 2);
    let limits = TaskLimits {
        // Some loop until it ends; what is large takes its time on a busy machine.
        timeout: Duration::from_secs(if name == "large_values" { 60 } else { 5 }),
        ..TaskLimits::default()
    };
    let work = fixture.context(&Cancel::default());
    let pool = LocalPool::new(vec![guest], work, limits, 2).shared_from(0);
    let run = run_by_workers(&pool, &fixture.expansion);
    let (fits, made) = &run.fits;
    assert_eq!((fits.len(), *made), (2 * TASKS, 2 * TASKS));
    run
}

#[test]
fn what_was_decoded_once_is_adopted() {
    let sandbox = Sandbox::new(8, None).unwrap();
    let tests = |run: &WorkersRun| -> Vec<BTreeMap<String, Option<f64>>> {
        run.fits
            .0
            .values()
            .map(|scores| scores.test.clone())
            .collect()
    };
    // It scores 1 where it works on what was shared, else 0.
    let run = of_example(&sandbox, "adopt_tell");
    let every = BTreeMap::from([("accuracy".to_owned(), Some(1.0))]);
    let fits = tests(&run);
    assert!(fits.iter().all(|test| *test == every), "{fits:?}");
    assert!(run.unshared.is_empty(), "{:?}", run.unshared);

    let run = of_example(&sandbox, "open_slow");
    assert!(run.unshared.is_empty(), "{:?}", run.unshared);
    let honest = tests(&run);
    assert!(honest.iter().all(|test| *test == honest[0]), "{honest:?}");
    // 160 MiB are shared like a few bytes.
    let run = of_example(&sandbox, "large_values");
    assert!(run.unshared.is_empty(), "{:?}", run.unshared);
    assert_eq!(tests(&run), honest);

    // A guest that does not share, or not well, costs time and nothing else.
    // The worker that is to share reports it, and nobody tries again.
    for name in ["share_fault", "share_loop", "share_trap"] {
        let run = of_example(&sandbox, name);
        assert_eq!(run.unshared.len(), 1, "{name}: {:?}", run.unshared);
        assert_eq!(tests(&run), honest, "{name}");
    }
    // Each worker that can't adopt reports it, once.
    for name in ["adopt_fault", "adopt_trap"] {
        let mut run = of_example(&sandbox, name);
        run.unshared.sort();
        assert!(
            run.unshared.iter().eq(&run.workers),
            "{name}: {:?}",
            run.unshared
        );
        assert_eq!(tests(&run), honest, "{name}");
    }
}

/// The predictions of a Parquet file from [`Instance::predict`]: the labels,
/// and the probability of `malignant`.
fn predictions(parquet: &[u8]) -> Vec<(String, f64)> {
    let bytes = bytes::Bytes::copy_from_slice(parquet);
    let reader = SerializedFileReader::new(bytes).unwrap();
    let rows = reader.get_row_iter(None).unwrap();
    rows.map(|row| {
        let row = row.unwrap();
        let place = |name: &str| row.get_column_iter().position(|(column, _)| column == name);
        let label = row.get_string(place("prediction").unwrap()).unwrap();
        let probability = row.get_double(place("probability_malignant").unwrap());
        (label.clone(), probability.unwrap())
    })
    .collect()
}

#[test]
fn a_fitted_model_predicts_every_row() {
    let fixture = PoolFixture::new();
    let mut task = fixture.expansion.task(0);
    task.candidates = vec![Params::from([("n_estimators".to_owned(), 25.into())])];
    task.outputs = vec![Output::Model];
    assert_eq!(task.split.test, Some(0));
    let key = |key: Key| fixture.store.get(&key).unwrap().unwrap();
    let table = key(Key::dataset(&fixture.prepared.dataset));
    let splits = key(Key::splits(&fixture.prepared.splits));
    let opened = || {
        let mut instance =
            Instance::new(&case().guest, TaskLimits::default(), Cancel::default()).unwrap();
        instance.open(&table, &splits).unwrap();
        instance
    };
    let work = || {
        let mut instance = opened();
        let evaluation = instance.evaluate(&task).unwrap();
        let model = &evaluation.artifacts[0].bytes;
        instance.open_model(model).unwrap();
        let predicted = instance.predict(&table).unwrap();
        assert_eq!(instance.predict(&table).unwrap(), predicted);
        // A model says all there is: an instance without the dataset predicts the same.
        let mut other = opened();
        assert_eq!(other.evaluate(&task).unwrap(), evaluation);
        let mut fresh =
            Instance::new(&case().guest, TaskLimits::default(), Cancel::default()).unwrap();
        assert!(fresh.predict(&table).is_err());
        fresh.open_model(model).unwrap();
        assert_eq!(fresh.predict(&table).unwrap(), predicted);
        (predicted, evaluation.answer)
    };
    let (predicted, answer) = std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(THREAD_STACK);
        thread.spawn_scoped(scope, work).unwrap().join().unwrap()
    });

    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plans/data/breast_cancer.csv");
    let data = std::fs::read_to_string(data).unwrap();
    let labels = data
        .lines()
        .skip(1)
        .map(|row| row.rsplit_once(',').unwrap().1);
    let labels: Vec<&str> = labels.collect();
    let predictions = predictions(&predicted);
    assert_eq!(predictions.len(), labels.len());
    let right: Vec<bool> = predictions
        .iter()
        .zip(&labels)
        .map(|((label, _), expected)| label == expected)
        .collect();
    let accuracy =
        |right: &[bool]| right.iter().filter(|right| **right).count() as f64 / right.len() as f64;
    // The larger class has 63 % of the rows.
    assert!(accuracy(&right) > 0.85, "{}", accuracy(&right));
    // The first fold of two is the first half of the rows: there the task's
    // own score counts the same.
    let fold = &right[..labels.len().div_ceil(2)];
    assert_eq!(answer.scores[0].test["accuracy"], Some(accuracy(fold)));
    for (label, probability) in &predictions {
        assert_eq!(label == "malignant", *probability > 0.5, "{probability}");
    }
}

#[test]
fn endpoints_keep_the_contract_and_agree() {
    let file = GuestFile::embedded().find(|file| file.name == "trees");
    let folder = tempfile::tempdir().unwrap();
    let component = folder.path().join("trees.wasm");
    std::fs::write(&component, file.unwrap().wasm).unwrap();
    let server = Server::start(Kind::WasmtimeKeeping, &component);
    let url = server.url.clone();
    let http = keeps_the_contract(&move |work| Box::new(http(&url, work)));
    assert_eq!(*near(), http);
}

#[test]
fn workers_keep_the_contract_and_agree() {
    let nats = Nats::start();
    let workers = keeps_the_contract(&move |work| Box::new(Workers::new(&nats, work)));
    assert_eq!(*near(), workers);
}

/// What a worker checks before it runs anything for a run.
#[test]
fn a_run_names_what_its_tasks_are_of() {
    let (fixture, case) = (PoolFixture::new(), case());
    let inputs = case.inputs(&fixture.prepared);
    let manifest = Manifest::new(&case.plan, inputs, &fixture.prepared);
    let scope = manifest.scope();
    let identity = |task| TaskIdentity::read(&Tasks::identity(&fixture.expansion, task)).unwrap();
    for task in 0..TASKS {
        assert!(scope.includes(&identity(task)));
    }
    let other = Digest::of(b"other");
    let changes: [fn(&mut TaskIdentity, Digest); 8] = [
        |of, other| of.guest = other,
        |of, other| of.data.dataset = other,
        |of, other| of.data.splits = other,
        |of, _| of.task.trainer = "extra_trees".to_owned(),
        |of, _| of.task.target = "radius_mean".to_owned(),
        |of, _| of.task.learning = Learning::Regression,
        |of, _| of.task.weight = Some("radius_mean".to_owned()),
        |of, _| {
            of.task.steps.push(TaskStep {
                name: "scale".to_owned(),
                step: "standard_scaler".to_owned(),
                columns: Columns::All,
                params: Params::new(),
            });
        },
    ];
    for (at, change) in changes.into_iter().enumerate() {
        let mut changed = identity(0);
        change(&mut changed, other);
        assert!(!scope.includes(&changed), "{at}");
    }
}
