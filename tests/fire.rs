//! Under fire: workers, runs, NATS and the ways between them die at random
//! moments. Every run finishes, no finished fit is made again without need,
//! and the scores are those of a run on a quiet day.
#![expect(
    clippy::print_stderr,
    reason = "chance decides how much it sees; it says it"
)]

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, RandomState};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::nats::server::{Nats, wait_for};
use crate::nats::wire::Wire;
use crate::nats::worker::Worker;
use crate::program::{Fanout, example, made, scores, text};
use crate::s3::server as store;
use async_nats::jetstream::AckKind;
use futures::StreamExt as _;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde_json::Value;

/// It ends by itself, whatever happens.
const MOST: Duration = Duration::from_secs(15 * 60);

const WORKERS: usize = 3;

/// The exit code of a run that finds no NATS when it begins.
const UNREACHABLE: i32 = 7;

/// The exit code of a worker that can't use its store when it begins.
const NO_STORE: i32 = 5;

/// 120 fits, each by itself, of some tenths of a second on two cores.
const PLAN: &str = "
name: fire
dataset: {source: SOURCE, target: digit}
trainer: {name: extra_trees, params: {n_estimators: 60, max_features: 0.5}}
search: {params: {random_state: {range: [0, 59]}}}
cv: {method: stratified_k_fold, n_splits: 2}
scoring: [accuracy, neg_log_loss]
families: off
pool: {kind: nats, servers: NATS, workers: 4}
";

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    /// A worker is killed, and another one comes.
    WorkerKilled,
    /// A worker stands still for a while.
    WorkerStalled,
    /// A worker is told to stop, and another one comes.
    WorkerDrained,
    /// The way from a worker to NATS is cut for a while.
    QueueCut,
    /// On it nothing moves for a while.
    QueueStalled,
    /// The way from a worker to the store is cut for a while.
    StoreCut,
    /// On it nothing moves for a while.
    StoreStalled,
    /// NATS is killed and comes back.
    NatsKilled,
    /// NATS is killed and comes back with nothing.
    NatsLost,
    /// The run is killed and begun again.
    RunKilled,
    /// A worker of another version takes tasks and gives them back.
    OtherVersion,
    /// The clock of a worker jumps.
    ClockJumped,
}

const ALL: [Fault; 12] = [
    Fault::WorkerKilled,
    Fault::WorkerStalled,
    Fault::WorkerDrained,
    Fault::QueueCut,
    Fault::QueueStalled,
    Fault::StoreCut,
    Fault::StoreStalled,
    Fault::NatsKilled,
    Fault::NatsLost,
    Fault::RunKilled,
    Fault::OtherVersion,
    Fault::ClockJumped,
];

struct Chance(ChaCha8Rng);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.0.next_u64() % bound as u64).unwrap()
    }

    /// How long a fault lasts.
    fn while_(&mut self) -> Duration {
        Duration::from_millis(100 + self.below(1500) as u64)
    }
}

/// A worker, and the ways that lead to it.
struct Place {
    queue: Wire,
    store: Wire,
    worker: Worker,
    clock: std::path::PathBuf,
}

struct Field {
    fanout: Fanout,
    nats: Nats,
    store: store::Server,
    places: Vec<Place>,
    workers: usize,
}

impl Field {
    fn new() -> Self {
        let (fanout, nats, store) = (Fanout::new(), Nats::start(), store::Server::start());
        nats.be_patient_for(Duration::from_secs(2), "fanout");
        let mut field = Self {
            fanout,
            nats,
            store,
            places: Vec::new(),
            workers: 0,
        };
        for place in 0..WORKERS {
            let queue = Wire::to(field.nats.address());
            let store = Wire::to(field.store.address());
            let clock = field.fanout.path(&format!("clock-{place}"));
            std::fs::write(&clock, "+0").unwrap();
            let worker = field.worker(&queue, &store, &clock);
            field.places.push(Place {
                queue,
                store,
                worker,
                clock,
            });
        }
        field
    }

    fn url(&self) -> String {
        format!("s3://{}/fire", store::BUCKET)
    }

    fn command(&self, endpoint: &str) -> Command {
        let mut command = self.fanout.command();
        command
            .env("AWS_ACCESS_KEY_ID", store::KEY)
            .env("AWS_SECRET_ACCESS_KEY", store::SECRET)
            .env("AWS_ENDPOINT_URL", endpoint)
            .env("AWS_REGION", "us-east-1");
        command
    }

    /// A worker whose clock is what the file says.
    fn worker(&mut self, queue: &Wire, store: &Wire, clock: &std::path::Path) -> Worker {
        self.workers += 1;
        let mut command = self.command(&format!("http://{}", store.address()));
        command
            .env("LD_PRELOAD", faketime())
            .env("FAKETIME_TIMESTAMP_FILE", clock)
            .env("FAKETIME_NO_CACHE", "1")
            .env("DONT_FAKE_MONOTONIC", "1")
            .args(["worker", "--verbose", "--workers", "1"])
            .args(["--nats", &format!("nats://{}", queue.address())])
            .args(["--name", &format!("worker-{}", self.workers)])
            .args(["--store", &self.url(), "--store-retry", "2s"]);
        Worker::spawn(command)
    }

    fn replace(&mut self, place: usize) {
        let mut old = self.places.remove(place);
        old.worker.kill();
        let worker = self.worker(&old.queue, &old.store, &old.clock);
        self.places.insert(place, Place { worker, ..old });
    }

    fn run(&self, plan: &str, output: &str) -> Child {
        let mut command = self.command(&self.store.endpoint());
        command
            .args(["run", "--json", plan, "--store", &self.url()])
            .args(["--output", output])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.spawn().unwrap()
    }

    /// Lets something go wrong, and mends it.
    fn suffer(&mut self, fault: Fault, chance: &mut Chance) {
        // What a platform does with one that found no store when it began.
        for place in 0..self.places.len() {
            if !self.places[place].worker.is_alive() {
                self.replace(place);
            }
        }
        let place = chance.below(self.places.len());
        let time = chance.while_();
        // How long it lasts is the fault itself.
        let last = || std::thread::sleep(time);
        match fault {
            Fault::WorkerKilled => {
                self.places[place].worker.kill();
                self.replace(place);
            }
            Fault::WorkerStalled => {
                self.places[place].worker.signal("STOP");
                // Longer than the queue is patient.
                std::thread::sleep(time + Duration::from_secs(2));
                self.places[place].worker.signal("CONT");
            }
            Fault::WorkerDrained => {
                let worker = &mut self.places[place].worker;
                worker.signal("TERM");
                // One that has only just been started dies of it, or finds no
                // store.
                let status = worker.wait();
                let early = [None, Some(NO_STORE)].contains(&status.code());
                assert!(status.success() || early, "{status}");
                self.replace(place);
            }
            Fault::QueueCut => {
                self.places[place].queue.cut();
                last();
                self.places[place].queue.mend();
            }
            Fault::QueueStalled => {
                self.places[place].queue.stall();
                last();
                self.places[place].queue.mend();
            }
            Fault::StoreCut => {
                self.places[place].store.cut();
                last();
                self.places[place].store.mend();
            }
            Fault::StoreStalled => {
                self.places[place].store.stall();
                last();
                self.places[place].store.mend();
            }
            Fault::NatsKilled => {
                self.nats.kill();
                last();
                self.nats.go_on();
            }
            Fault::NatsLost => {
                self.nats.lose();
                self.nats.be_patient_for(Duration::from_secs(2), "fanout");
            }
            Fault::RunKilled => unreachable!("the caller has the run"),
            Fault::OtherVersion => self.take_and_give_back(),
            Fault::ClockJumped => {
                let jump = ["+1d", "-1d", "+2h", "-90s", "+0"][chance.below(5)];
                std::fs::write(&self.places[place].clock, jump).unwrap();
                last();
                std::fs::write(&self.places[place].clock, "+0").unwrap();
            }
        }
    }

    /// As a worker that finds no such task does.
    fn take_and_give_back(&self) {
        let url = self.nats.url();
        wait_for(async move {
            let client = async_nats::connect(url).await.unwrap();
            let context = async_nats::jetstream::new(client);
            let consumer: async_nats::jetstream::consumer::PullConsumer = context
                .get_consumer_from_stream("workers", "fanout")
                .await
                .unwrap();
            let request = consumer.batch().max_messages(2);
            let mut messages = request
                .expires(Duration::from_secs(1))
                .messages()
                .await
                .unwrap();
            while let Some(Ok(message)) = messages.next().await {
                let order: Value = serde_json::from_slice(&message.payload).unwrap();
                let session = order["session"].as_str().unwrap();
                let word = serde_json::json!({
                    "message": "returned",
                    "tag": order["tag"],
                    "worker": "other",
                    "reason": "it is of another version",
                });
                let to = format!("fanout.v5.sessions.{session}");
                context
                    .client()
                    .publish(to, word.to_string().into())
                    .await
                    .unwrap();
                let wait = Some(Duration::from_millis(100));
                message.ack_with(AckKind::Nak(wait)).await.unwrap();
            }
            context.client().flush().await.unwrap();
        });
    }
}

/// Debian's library that fakes the clock.
fn faketime() -> std::path::PathBuf {
    let folders = std::fs::read_dir("/usr/lib").unwrap().flatten();
    let found = folders
        .map(|folder| folder.path().join("faketime/libfaketimeMT.so.1"))
        .find(|file| file.exists());
    found.expect("libfaketime is missing: run `make servers`")
}

/// What a run that must succeed comes to.
fn report(run: Child) -> Value {
    let output = run.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
#[cfg(target_os = "linux")]
fn every_run_finishes_and_agrees_whatever_dies() {
    let seed = RandomState::new().hash_one(0);
    eprintln!("seed {seed}");
    let mut chance = Chance(ChaCha8Rng::seed_from_u64(seed));
    let mut field = Field::new();
    let mut faults: BTreeMap<Fault, usize> = BTreeMap::new();
    // The first ones are one of each kind.
    let mut first = ALL.to_vec();
    let count = crate::faults(first.len(), 100);
    let (started, mut runs, mut again) = (Instant::now(), 0, 0);
    while faults.values().sum::<usize>() < count {
        // Fits that no run before had.
        let state = 1000 * runs;
        let plan = PLAN
            .replace("SOURCE", &example("data/digits.parquet"))
            .replace("NATS", &field.nats.url())
            .replace("[0, 59]", &format!("[{state}, {}]", state + 59));
        let plan = field.fanout.write("plan.yaml", &plan);
        let quiet = field
            .fanout
            .json(&[&plan, "--pool", "local", "--store", "memory://"]);

        let output = format!("results-{runs}");
        let mut run = field.run(&plan, &output);
        runs += 1;
        loop {
            if let Some(status) = run.try_wait().unwrap() {
                if status.code() != Some(UNREACHABLE) {
                    break;
                }
                // It began while NATS was away.
                run = field.run(&plan, &output);
                again += 1;
            }
            assert!(started.elapsed() < MOST, "seed {seed}: {faults:?}");
            let fault = match first.len() {
                0 => ALL[chance.below(ALL.len())],
                left => first.swap_remove(chance.below(left)),
            };
            *faults.entry(fault).or_default() += 1;
            if fault == Fault::RunKilled {
                run.kill().unwrap();
                run.wait().unwrap();
                run = field.run(&plan, &output);
                again += 1;
            } else {
                field.suffer(fault, &mut chance);
            }
        }
        let told = report(run);
        assert_eq!(scores(&quiet), scores(&told), "seed {seed}: {faults:?}");
        assert_eq!(told["fits"]["failed"], 0, "seed {seed}: {faults:?}");
        // Nothing that is finished is lost: once more, nothing is made.
        let once_more = report(field.run(&plan, &output));
        assert_eq!(made(&once_more), 0, "seed {seed}: {faults:?}");
        assert_eq!(scores(&quiet), scores(&once_more));
    }
    let all: usize = faults.values().sum();
    eprintln!(
        "{all} faults in {runs} runs ({again} begun again) and {} s: {faults:?}",
        started.elapsed().as_secs()
    );
}
