//! `fanout worker`: takes tasks from a queue until stopped.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use clap::Args;
use fanout::plan;
use fanout::report::human::{counted, duration};
use fanout::sandbox::{Cache, default_cache};
use fanout::store::{Location, Store};
use fanout::task::TaskLimits;
use fanout::worker::metrics::{self, WorkerMetrics};
use fanout::worker::{Objects, WorkerEvent, WorkerSettings, WorkerStop, machine_limits};

use super::CommandError;
use super::nats::QueueArguments;
use fanout::error::ErrorKind;

/// Take tasks of runs from a queue until stopped. At the first SIGTERM or
/// Ctrl-C the tasks under way are finished; at the second they are returned to
/// the queue.
#[derive(Debug, Args)]
pub(crate) struct Worker {
    #[command(flatten)]
    queue: QueueArguments,
    /// The store of the runs: a URL, or a folder that they have too.
    #[arg(long, value_name = "URL")]
    store: String,
    /// How many tasks run at a time. Default: one per core.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    workers: Option<u16>,
    /// The most memory that a task may demand; one that demands more is returned
    /// to the queue. Default: 90 % of the machine's, shared by the tasks that run
    /// at a time, and at least 1GiB.
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    max_memory: Option<u64>,
    /// The longest time that a task may demand. Default: 24h.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    max_timeout: Option<std::time::Duration>,
    /// The worker's name, unique in the queue. Default: the host's name and the
    /// process's number.
    #[arg(long)]
    name: Option<String>,
    /// The folder of compiled guests, and of datasets and guests from the
    /// store. Default: FANOUT_CACHE, or the platform's folder for caches.
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// How much of the store is kept there; `0` keeps nothing.
    #[arg(long, value_name = "SIZE", default_value = "10GiB", value_parser = parse_size)]
    cache_size: u64,
    /// How long a failing store is retried before a task is returned.
    #[arg(long, value_name = "TIME", default_value = "20s", value_parser = parse_time)]
    store_retry: std::time::Duration,
    /// Hold every task for so long before it is run, to measure the queue.
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = parse_time, hide = true)]
    delay: std::time::Duration,
    /// Serve counts of what it does for Prometheus, at `/metrics` of this address.
    #[arg(long, value_name = "HOST:PORT")]
    metrics: Option<SocketAddr>,
}

fn parse_size(text: &str) -> Result<u64, String> {
    let size = text.parse().ok().or_else(|| plan::size(text));
    size.ok_or_else(|| "expected a size, such as `512MiB` or `10GiB`".to_owned())
}

fn parse_time(text: &str) -> Result<std::time::Duration, String> {
    plan::duration(text).ok_or_else(|| "expected a duration, such as `20s`".to_owned())
}

impl Worker {
    /// Where it is `verbose`, every task is printed.
    pub(crate) fn run(self, verbose: bool) -> Result<(), CommandError> {
        let stop = WorkerStop::default();
        let asked = stop.clone();
        let times = AtomicUsize::new(0);
        ctrlc::set_handler(move || match times.fetch_add(1, Ordering::Relaxed) {
            0 => asked.drain(),
            1 => asked.stop(),
            _ => std::process::exit(ErrorKind::Interrupted.exit_code().into()),
        })
        .map_err(|error| CommandError::new(ErrorKind::Internal, error))?;
        let queue = self.queue.settings()?;
        let here =
            std::env::current_dir().map_err(|e| CommandError::new(ErrorKind::Internal, e))?;
        let url = plan::store_url(&self.store, &here);
        if url.starts_with("memory:") {
            let message = "a worker can't reach a store in the memory of another process";
            return Err(CommandError::new(ErrorKind::Usage, message)
                .hint("use a bucket, or a folder that the runs have too"));
        }
        let mut location = Location::new(url);
        location.retry = self.store_retry;
        let store = Store::open(location)?;
        store.probe()?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let compiled = match &self.cache {
            Some(folder) => Some(Cache::new(folder.clone())),
            None => default_cache(),
        };
        let objects = compiled.as_ref().filter(|_| self.cache_size > 0);
        let objects = objects.map(|cache| {
            let folder = cache.folder().join("objects");
            Objects::new(folder, self.cache_size)
        });
        let name = self.name.clone().unwrap_or_else(name);
        let say = |line: &str| eprintln!("worker {name}: {line}");
        say(&format!(
            "queue `{}` at {}, store {}, {}",
            queue.name,
            queue.urls.join(","),
            store.url(),
            match store.mac_key() {
                Some(_) => "with a key",
                None => "without a key (`FANOUT_STORE_KEY`)",
            }
        ));
        let slots = self.workers.map_or(cores, usize::from);
        let most = machine_limits(slots);
        let settings = WorkerSettings {
            name: name.clone(),
            slots,
            max_limits: TaskLimits {
                memory: self.max_memory.unwrap_or(most.memory),
                timeout: self.max_timeout.unwrap_or(most.timeout),
            },
            compiled,
            objects,
            delay: self.delay,
        };
        let metrics = Arc::new(WorkerMetrics::default());
        if let Some(address) = self.metrics {
            let address = metrics::serve(Arc::clone(&metrics), name.clone(), address);
            let address = address.map_err(|error| {
                let asked = self.metrics.map_or_else(String::new, |it| it.to_string());
                let message = format!("can't listen at `{asked}` for the metrics: {error}");
                CommandError::new(ErrorKind::Usage, message)
                    .hint("name another address with `--metrics`, or port 0 for any that is free")
            })?;
            say(&format!("metrics at http://{address}/metrics"));
        }
        let tell = |event: WorkerEvent| match event {
            WorkerEvent::Started { slots } => {
                say(&format!("takes {} at a time", counted(slots, "task")));
            }
            WorkerEvent::QueueConnected => say("connected"),
            WorkerEvent::QueueDisconnected => say("NATS is not connected; waiting for it"),
            WorkerEvent::TaskFinished { task, made, wall } => {
                if verbose {
                    let (fits, wall) = (counted(made, "fit"), duration(wall));
                    say(&format!("task {task}: {fits} made in {wall}"));
                }
            }
            WorkerEvent::TaskReturned { task, reason } => {
                say(&format!("task {task} returned: {reason}"));
            }
            WorkerEvent::TaskDropped { reason } => say(&format!("dropped: {reason}")),
            WorkerEvent::QueueFailed { reason } => say(&format!("{reason}; trying again")),
            WorkerEvent::Draining { holding } => {
                say(&format!(
                    "stopping, with {} under way",
                    counted(holding, "task")
                ));
            }
            WorkerEvent::Ended => say(&format!(
                "ended, after {} with {} made here",
                counted(metrics.tasks() as usize, "task"),
                counted(metrics.fits() as usize, "fit")
            )),
        };
        let emit = |event: WorkerEvent| {
            metrics.count(&event);
            tell(event);
        };
        let worker = fanout::worker::Worker::new(settings, queue, store, stop)?;
        worker.run(&emit)?;
        Ok(())
    }
}

/// The host's name and the process's number.
fn name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .or_else(|| std::env::var("HOSTNAME").ok());
    let host = host.as_deref().map_or("worker", str::trim);
    format!("{host}-{}", std::process::id())
}
