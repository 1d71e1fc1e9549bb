//! What every pool keeps: each property is one function over a pool, and each
//! pool's test calls all of them.

use std::collections::BTreeMap;
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
use fanout::expand::{Data, Expansion};
use fanout::guest::GuestFile;
use fanout::plan::DataWay;
use fanout::plan::{self, CheckedPlan};
use fanout::pool::{HttpPool, HttpSettings, LocalPool, NatsLink, NatsPool, PoolContext, PoolError};
use fanout::queue::{Credentials, QueueSettings};
use fanout::run::event::Event;
use fanout::run::manifest::Manifest;
use fanout::run::pool::{Pool, PoolEvent};
use fanout::run::record::Record;
use fanout::run::tasks::Tasks;
use fanout::sandbox::{Cache, Guest, Sandbox};
use fanout::store::{Key, Store};
use fanout::task::{Cancel, TaskLimits};
use fanout::worker::{Worker, WorkerSettings, WorkerStop};
use fanout_contract::{Scores, TrainerDescription};

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
        let file = GuestFile::embedded().find(|file| file.name == "forest");
        let file = file.unwrap();
        let guest = sandbox.load(&file.wasm, file.digest).unwrap();
        let trainers = guest.describe().unwrap().trainers;

        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plans/data/breast_cancer.csv");
        let text = PLAN.replace("SOURCE", data.to_str().unwrap());
        let mut draft = plan::Draft::parse(Path::new("plan.yaml"), &text, &[], Path::new("/"));
        draft.check_trainer(&trainers);
        let schema = dataset::read_schema(draft.dataset().unwrap(), &"memory://".into()).unwrap();
        let field = |column: &dataset::SourceColumn| {
            Field::new(&column.name, column.data_type.clone(), true)
        };
        let fields: Vec<Field> = schema.columns.iter().map(field).collect();
        draft.check_columns(&Schema::new(fields));
        let plan = draft.finish().unwrap();
        let mut trainers = trainers.into_iter();
        Case {
            trainer: trainers.find(|t| t.name == plan.trainer.name).unwrap(),
            plan,
            guest: Arc::new(guest),
        }
    })
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
        let prepared = dataset::prepare(&case.plan, &store).unwrap();
        let data = Data {
            guest: case.guest.digest(),
            dataset: prepared.dataset,
            splits: prepared.splits,
        };
        let folds = prepared.folds.clone();
        let expansion = Expansion::new(&case.plan, &case.trainer, &data, folds, 2);
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
    LocalPool::new(case().guest.clone(), context, TaskLimits::default(), 2)
}

fn http(url: &str, context: PoolContext) -> HttpPool {
    let settings = HttpSettings {
        endpoints: vec![url.to_owned()],
        concurrency: 2,
        token: None,
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
        let prepared = dataset::prepare(&case.plan, &Store::open("memory://").unwrap()).unwrap();
        let data = Data {
            guest: case.guest.digest(),
            dataset: prepared.dataset,
            splits: prepared.splits,
        };
        let manifest = Manifest::new(&case.plan, &case.trainer, &prepared, data);
        let file = GuestFile::embedded().find(|file| file.name == "forest");
        let guest = file.unwrap();
        let key = Key::guest(&guest.digest);
        store.create(&key, guest.wasm.into_owned().into()).unwrap();
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
            } => ControlFlow::Continue(()),
            event => report(event),
        })
    }
}

/// The scores of every fit by task and position, and how many were made.
type Fits = (BTreeMap<(usize, u32), Scores>, usize);

fn run(pool: &dyn Pool<Error = PoolError>, expansion: &Expansion) -> Fits {
    let (mut fits, mut made) = (BTreeMap::new(), 0);
    pool.run(expansion, &mut |event| {
        let (task, finished) = match event {
            PoolEvent::Finished { task, finished } => (task, finished),
            PoolEvent::Other {
                event: Event::SharingFailed { .. },
                ..
            } => return ControlFlow::Continue(()),
            event => panic!("{event:?}"),
        };
        // Whoever made a fit is named.
        assert_eq!(finished.worker.is_none(), finished.outcome.reused);
        let scores = finished.outcome.result.unwrap().scores;
        assert_eq!(scores.len(), finished.positions.len());
        for (position, scores) in finished.positions.into_iter().zip(scores) {
            assert_eq!(fits.insert((task, position), scores), None);
            made += usize::from(!finished.outcome.reused);
        }
        ControlFlow::Continue(())
    })
    .unwrap();
    (fits, made)
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
    pool.run(&fixture.expansion, &mut |_| {
        events += 1;
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
    a_store_that_fails_ends_the_run(make);
    two_concurrent_runs_agree(make);
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

/// What two local workers come to with a component of `guests/examples` as
/// their guest.
fn of_example(sandbox: &Sandbox, name: &str) -> Vec<Scores> {
    let fixture = PoolFixture::new();
    let wasm = &components()[name];
    let guest = Arc::new(sandbox.load(wasm, Digest::of(wasm)).unwrap());
    let limits = TaskLimits {
        timeout: Duration::from_secs(5),
        ..TaskLimits::default()
    };
    let work = fixture.context(&Cancel::default());
    let pool = LocalPool::new(guest, work, limits, 2).shared_from(0);
    let (fits, made) = run(&pool, &fixture.expansion);
    assert_eq!((fits.len(), made), (2 * TASKS, 2 * TASKS));
    fits.into_values().collect()
}

#[test]
fn what_was_decoded_once_is_adopted() {
    let sandbox = Sandbox::new(8, None).unwrap();
    let tests = |name| -> Vec<BTreeMap<String, Option<f64>>> {
        let scores = of_example(&sandbox, name).into_iter();
        scores.map(|scores| scores.test).collect()
    };
    // It scores 1 where it works on what was shared, else 0.
    let fits = tests("adopt_tell");
    let every = BTreeMap::from([("accuracy".to_owned(), Some(1.0))]);
    assert!(fits.iter().all(|test| *test == every), "{fits:?}");
    // A guest that does not share, or not well, costs time and nothing else.
    let honest = tests("open_slow");
    assert!(honest.iter().all(|test| *test == honest[0]), "{honest:?}");
    for name in [
        "adopt_fault",
        "adopt_trap",
        "share_fault",
        "share_loop",
        "share_trap",
    ] {
        assert_eq!(tests(name), honest, "{name}");
    }
}

#[test]
fn endpoints_keep_the_contract_and_agree() {
    let file = GuestFile::embedded().find(|file| file.name == "forest");
    let folder = tempfile::tempdir().unwrap();
    let component = folder.path().join("forest.wasm");
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
