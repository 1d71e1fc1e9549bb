//! `fanout doctor`: whether this machine and a store can do a run, each check
//! with what to do where it fails.

use std::fmt::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use fanout::error::chained;
use fanout::guest::GuestFile;
use fanout::plan::{self, Limits, Override, PoolPlan};
use fanout::pool::NatsLink;
use fanout::queue::QueueSettings;
use fanout::sandbox::{CacheError, GuestError, Sandbox, default_cache};
use fanout::store::{Location, Store, StoreError};
use serde::Serialize;

use super::{CommandError, print};
use fanout::error::ErrorKind;
use fanout::session::queue_settings;

/// Check the store, the sandbox, the cache, the memory and the cores.
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// A plan, whose store, pool and limits are checked. Left out: the
    /// defaults.
    plan: Option<PathBuf>,
    /// The store, instead of the plan's.
    #[arg(long, value_name = "URL")]
    store: Option<String>,
    /// Print one machine-readable object instead of lines.
    #[arg(long)]
    json: bool,
}

/// What is checked, from a plan or by default.
struct Subject {
    store: Location,
    limits: Limits,
    workers: Option<usize>,
    /// The queue of workers elsewhere.
    queue: Option<QueueSettings>,
}

/// How a check ended.
#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    state: State,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
    #[serde(skip)]
    kind: ErrorKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Good,
    /// A run may go well all the same.
    Doubtful,
    Failed,
}

impl State {
    fn mark(self) -> char {
        match self {
            Self::Good => '✓',
            Self::Doubtful => '!',
            Self::Failed => '✗',
        }
    }
}

impl Check {
    fn good(name: &'static str, detail: impl Into<String>) -> Self {
        Self {
            name,
            state: State::Good,
            detail: detail.into(),
            remedy: None,
            kind: ErrorKind::Internal,
        }
    }

    fn doubtful(name: &'static str, detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            state: State::Doubtful,
            remedy: Some(remedy.into()),
            ..Self::good(name, detail)
        }
    }

    fn failed(name: &'static str, error: CommandError) -> Self {
        Self {
            state: State::Failed,
            remedy: error.hint.clone(),
            kind: error.kind,
            ..Self::good(name, chained(error.source.as_ref()))
        }
    }
}

impl Doctor {
    pub(crate) fn run(self) -> Result<(), CommandError> {
        let subject = self.subject()?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let workers = subject.workers.unwrap_or(cores);
        let mut checks = vec![
            store(&subject.store),
            compiler(),
            cache(),
            memory(&subject.limits, workers),
            pool(workers, cores),
        ];
        checks.extend(subject.queue.map(queue));
        print(&if self.json {
            let mut text = serde_json::to_string_pretty(&serde_json::json!({"checks": checks}))
                .expect("checks are JSON");
            text.push('\n');
            text
        } else {
            lines(&checks)?
        });
        let failed: Vec<&Check> = checks
            .iter()
            .filter(|check| check.state == State::Failed)
            .collect();
        match failed.first() {
            None => Ok(()),
            Some(first) => {
                let names: Vec<&str> = failed.iter().map(|check| check.name).collect();
                let message = format!("not in order: {}", names.join(", "));
                Err(CommandError::new(first.kind, message))
            }
        }
    }

    /// The plan's mistakes are to be repaired first: then nothing else is
    /// checked.
    fn subject(&self) -> Result<Subject, CommandError> {
        let over: Vec<Override> = self
            .store
            .as_deref()
            .map(Override::store)
            .into_iter()
            .collect();
        let draft = match &self.plan {
            Some(file) => plan::read(file, &over)?,
            None => plan::defaults(&over)
                .map_err(|error| CommandError::new(ErrorKind::Internal, error))?,
        };
        match (draft.store(), draft.limits(), draft.pool()) {
            (Some(store), Some(limits), Some(pool)) => Ok(Subject {
                store: store.clone(),
                limits,
                queue: match pool {
                    PoolPlan::Nats(nats) => Some(queue_settings(nats)),
                    _ => None,
                },
                workers: match pool {
                    PoolPlan::Local { workers } => *workers,
                    // The work is done elsewhere.
                    PoolPlan::Http(_) | PoolPlan::Nats(_) => Some(1),
                },
            }),
            _ => Err(match draft.error() {
                Some(error) => error.into(),
                None => CommandError::new(ErrorKind::Internal, "the plan was not decoded"),
            }),
        }
    }
}

fn lines(checks: &[Check]) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    for check in checks {
        writeln!(
            text,
            "{} {:<8} {}",
            check.state.mark(),
            check.name,
            check.detail
        )?;
        if let Some(remedy) = &check.remedy {
            writeln!(text, "           {remedy}")?;
        }
    }
    Ok(text)
}

fn store(at: &Location) -> Check {
    let probed = || -> Result<(Store, Duration), StoreError> {
        let store = Store::open(at)?;
        let took = store.probe_well()?;
        Ok((store, took))
    };
    match probed() {
        Ok((store, took)) => {
            let key = match store.mac_key() {
                Some(_) => "results carry an HMAC (`FANOUT_STORE_KEY`)",
                None => "results carry no HMAC (`FANOUT_STORE_KEY` is not set)",
            };
            let (url, took) = (store.url(), time(took));
            Check::good(
                "store",
                format!(
                    "{url} is reachable and writable, and keeps what it has; a put takes {took}; \
                     {key}"
                ),
            )
        }
        Err(error) => Check::failed("store", error.into()),
    }
}

/// Compiles a guest, or loads it compiled, and asks it what it offers.
fn compiler() -> Check {
    let started = Instant::now();
    let described = || -> Result<usize, CommandError> {
        let sandbox = Sandbox::new(1, default_cache())?;
        let mut trainers = 0;
        for file in GuestFile::embedded() {
            let guest = sandbox.load(&file.wasm, file.digest)?;
            trainers += guest.describe()?.trainers.len();
        }
        Ok(trainers)
    };
    match described() {
        Ok(trainers) => Check::good(
            "compiler",
            format!(
                "the embedded guests run and offer {trainers} trainers; {} to load them",
                time(started.elapsed())
            ),
        ),
        Err(error) => Check::failed("compiler", error),
    }
}

fn cache() -> Check {
    let remedy = "a guest is compiled anew in every run, which takes seconds; name a writable \
                  folder with `FANOUT_CACHE`";
    let Some(cache) = default_cache() else {
        return Check::doubtful("cache", "there is no folder for compiled guests", remedy);
    };
    match cache.probe() {
        Ok(()) => {
            let folder = cache.folder().display();
            Check::good("cache", format!("{folder} is writable by this user alone"))
        }
        Err(error @ CacheError::Unusable { .. }) => {
            Check::doubtful("cache", chained(&error), remedy)
        }
        Err(error) => Check::failed("cache", GuestError::from(error).into()),
    }
}

/// Whether all workers may use what their limit lets them.
fn memory(limits: &Limits, workers: usize) -> Check {
    let most = limits.memory.saturating_mul(workers as u64);
    let needed = format!(
        "{workers} workers may use {} each, {} together",
        size(limits.memory),
        size(most)
    );
    match available_memory() {
        None => Check::good(
            "memory",
            format!("{needed}; the platform does not tell what is free"),
        ),
        Some(available) if most <= available => {
            Check::good("memory", format!("{needed}; {} are free", size(available)))
        }
        Some(available) => Check::doubtful(
            "memory",
            format!("{needed}, and {} are free", size(available)),
            "a run that needs it all is killed; lower `pool.workers` or `limits.memory`. \
             `fanout check PLAN` estimates what a plan needs",
        ),
    }
}

fn pool(workers: usize, cores: usize) -> Check {
    let detail = format!("{workers} workers on {cores} cores");
    if workers <= cores {
        Check::good("pool", detail)
    } else {
        Check::doubtful(
            "pool",
            detail,
            "more workers than cores gain nothing; lower `pool.workers`",
        )
    }
}

fn queue(settings: QueueSettings) -> Check {
    let workers = NatsLink::open(settings).and_then(|link| {
        link.state()?;
        Ok(link.workers()?)
    });
    match workers {
        Err(error) => Check::failed("queue", error.into()),
        Ok(workers) if workers.is_empty() => Check::doubtful(
            "queue",
            "it is there, and no worker answers",
            "start `fanout worker` with the URLs of NATS and of the store",
        ),
        Ok(workers) => {
            let slots: usize = workers.iter().map(|worker| worker.slots).sum();
            let workers = workers.len();
            Check::good(
                "queue",
                format!("{workers} workers take {slots} tasks at a time"),
            )
        }
    }
}

/// What is free on the machine, or in the container if that is less.
fn available_memory() -> Option<u64> {
    let meminfo = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let machine = line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? << 10;
    let number = |name: &str| -> Option<u64> {
        let text = std::fs::read_to_string(format!("/sys/fs/cgroup/{name}")).ok()?;
        text.trim().parse().ok()
    };
    let container = number("memory.max")
        .map(|max| max.saturating_sub(number("memory.current").unwrap_or_default()));
    Some(container.map_or(machine, |container| container.min(machine)))
}

fn size(bytes: u64) -> String {
    let mib = bytes >> 20;
    if mib < 1024 {
        format!("{mib} MiB")
    } else {
        format!("{:.1} GiB", mib as f64 / 1024.0)
    }
}

fn time(time: Duration) -> String {
    if time < Duration::from_millis(1) {
        format!("{} µs", time.as_micros())
    } else {
        format!("{} ms", time.as_millis())
    }
}
