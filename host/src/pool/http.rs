//! [`HttpPool`]: endpoints that serve the guest over HTTP, on whatever
//! platform. A worker is a thread that has one request under way.
//!
//! What the guest itself answers is a task's result. What a gateway answers,
//! and a connection that breaks, are not: they are tried again, and never
//! kept. The token goes to the endpoints alone, and into no message.

mod data;
mod endpoints;
mod error;
mod form;
mod reply;

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use bytes::Bytes;
use fanout_contract::{Description, Task};
use reqwest::{Body, Client, Method, RequestBuilder, redirect};
use tokio::runtime::Runtime;

use super::ahead::{Desk, Job};
use super::crew::Crew;
use super::{Notice, Pool, PoolError, Tasks, Work};
use crate::plan::DataWay;
use crate::report::human::chained;
use crate::run::event::{Outcome, TaskFault};
use crate::run::record::Ended;
use crate::sandbox::{Cancel, TaskLimits, answer_bound, checked, clipped};
use data::{Data, Way};
use endpoints::{Endpoints, Idle, Slot, backoff};
use form::Form;
use reply::Reply;

pub use error::{EndpointError, Problem};

/// How often a task may fail without a word of the guest at endpoints that say
/// what they serve: after that it is the task that fails. A gateway that fails
/// one request in ten is taken for that once in 100,000 tasks.
const TRIES: u32 = 5;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(10);

/// How long an endpoint may take to say what it serves: an instance that is
/// started first included.
const MEETING: Duration = Duration::from_secs(60);

/// Threat: a server that never ends its description.
const DESCRIPTION: usize = 16 << 20;

/// The stack of a thread that waits for one request.
const STACK: usize = 1 << 20;

/// How often a request that is under way looks whether the run was stopped.
const LOOK: Duration = Duration::from_millis(50);

/// What an [`HttpPool`] is made of.
#[derive(Clone)]
pub struct HttpSettings {
    /// The URLs, at least one.
    pub endpoints: Vec<String>,
    /// Requests under way at a time at each.
    pub concurrency: usize,
    /// What stands behind `Bearer` in the header `authorization`.
    pub token: Option<String>,
    /// How the dataset gets there.
    pub data: DataWay,
    /// How long a run goes on without any answer.
    pub retry: Duration,
    /// A PEM file of certificates to trust beside the system's.
    pub ca: Option<PathBuf>,
}

impl std::fmt::Debug for HttpSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Without the token.
        f.debug_struct("HttpSettings")
            .field("endpoints", &self.endpoints)
            .field("concurrency", &self.concurrency)
            .field("data", &self.data)
            .finish_non_exhaustive()
    }
}

/// Runs tasks at endpoints.
#[derive(Debug)]
pub struct HttpPool {
    settings: HttpSettings,
    description: Description,
    work: Work,
    limits: TaskLimits,
    client: Client,
    runtime: Runtime,
    endpoints: Endpoints,
    data: Data,
}

/// What came of the fits of a task.
struct Made {
    outcome: Outcome,
    /// Whether it is the guest's own word, and would be so anywhere.
    certain: bool,
}

/// Why a request has no reply.
enum Lost {
    /// No connection.
    Unreachable(String),
    /// The connection broke.
    Cut(String),
    /// It took longer than it may.
    Late,
    /// The run was stopped.
    Cancelled,
}

impl HttpPool {
    /// A pool of endpoints that serve the guest with this description. No
    /// request is made yet.
    pub fn new(
        settings: HttpSettings,
        description: Description,
        work: Work,
        limits: TaskLimits,
    ) -> Result<Self, PoolError> {
        let client = client(&settings)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("http")
            .enable_all()
            .build()
            .map_err(PoolError::Worker)?;
        let count = settings.endpoints.len();
        Ok(Self {
            endpoints: Endpoints::new(count, settings.concurrency.max(1), settings.retry),
            data: Data::new(settings.data, count, limits.timeout),
            settings,
            description,
            work,
            limits,
            client,
            runtime,
        })
    }

    /// The same with the dataset and the splits at hand, so that they need
    /// not be read.
    pub fn with_files(mut self, table: Bytes, splits: Bytes) -> Self {
        self.data = self.data.with_files(table, splits);
        self
    }

    /// Takes tasks until there are none, and hands in what became of them.
    fn work(&self, tasks: &dyn Tasks, desk: &Desk<'_>) {
        while let Some(job) = desk.next() {
            let made = match self.evaluate(&job.document(tasks)) {
                Ok(Some(made)) => made,
                Ok(None) => break,
                Err(error) => {
                    desk.fail(error);
                    break;
                }
            };
            let ended = ended(&job, made.outcome);
            let goes_on = if made.certain {
                desk.hand_in(job, ended)
            } else {
                desk.tell(job.task, ended)
            };
            if !goes_on {
                break;
            }
        }
    }

    /// What becomes of a task; `None` where the run was stopped.
    fn evaluate(&self, task: &Task) -> Result<Option<Made>, PoolError> {
        let text = Bytes::from(serde_json::to_vec(task).expect("a task is JSON"));
        let mut failed = 0;
        loop {
            let mut slot = match self.endpoints.take(&self.work.cancel) {
                Ok(slot) => slot,
                Err(Idle::Cancelled) => return Ok(None),
                Err(Idle::Silent { endpoint, why }) => {
                    let retry = self.settings.retry;
                    return Err(self.error(endpoint, Problem::Silent { retry, why }));
                }
            };
            if slot.stranger && !self.meet(&mut slot)? {
                continue;
            }
            let started = Instant::now();
            let sent = self.send(&slot, &text, answer_bound(task))?;
            let made = |result, certain| {
                let wall = started.elapsed();
                let reused = false;
                Ok(Some(Made {
                    outcome: Outcome {
                        result,
                        wall,
                        reused,
                    },
                    certain,
                }))
            };
            let why = match sent {
                Ok(Reply::Answer(text)) => {
                    slot.answered();
                    let answer = checked(&text, task);
                    let answer = answer.map_err(|message| TaskFault::MalformedAnswer { message });
                    return made(answer, true);
                }
                Ok(Reply::Refused(fault)) => {
                    slot.answered();
                    let fault = fault.map_message(clipped);
                    return made(Err(TaskFault::Refused { fault }), true);
                }
                Ok(Reply::Trapped(message)) => {
                    slot.answered();
                    let message = clipped(message);
                    return made(Err(TaskFault::Trapped { message }), true);
                }
                Err(Lost::Late) => {
                    slot.answered();
                    let limit_ms = u64::try_from(self.limits.timeout.as_millis());
                    let limit_ms = limit_ms.unwrap_or(u64::MAX);
                    return made(Err(TaskFault::TimedOut { limit_ms }), false);
                }
                Err(Lost::Cancelled) => return Ok(None),
                Ok(Reply::Busy { why, after }) => {
                    slot.rest(why, after);
                    continue;
                }
                Err(Lost::Unreachable(why)) => {
                    slot.forget();
                    slot.rest(why, None);
                    continue;
                }
                Ok(Reply::UrlFailed(why)) => {
                    return Err(self.error(slot.endpoint, Problem::Url { why }));
                }
                Ok(Reply::Denied(status)) => {
                    return Err(self.error(slot.endpoint, self.denied(status)));
                }
                Ok(Reply::TooLarge) => {
                    let bytes = self.data.len();
                    return Err(self.error(slot.endpoint, Problem::TooLarge { bytes }));
                }
                Ok(Reply::DataNeeded) => {
                    let why = "it asks for a dataset that it was sent".to_owned();
                    return Err(self.error(slot.endpoint, Problem::Strange { why }));
                }
                Ok(Reply::Strange(why)) => {
                    return Err(self.error(slot.endpoint, Problem::Strange { why }));
                }
                Ok(Reply::Failed(why)) => why,
                Err(Lost::Cut(why)) => {
                    slot.rest(why.clone(), None);
                    why
                }
            };
            // Is it the task, or all that is behind the endpoint?
            failed += 1;
            slot.forget();
            if failed >= TRIES && self.meet(&mut slot)? {
                let message = format!(
                    "{failed} requests failed at an endpoint that serves others, the last so: \
                     {why}; the guest trapped there, or ran out of memory"
                );
                return made(Err(TaskFault::Trapped { message }), false);
            }
            drop(slot);
            if self.pause(backoff(failed)).is_none() {
                return Ok(None);
            }
        }
    }

    /// Asks an endpoint what it serves. `false`: it does not say now, and
    /// rests.
    fn meet(&self, slot: &mut Slot<'_>) -> Result<bool, PoolError> {
        let request = self.request(Method::GET, slot.endpoint);
        let problem = match self.call(request, DESCRIPTION, MEETING) {
            Ok(Reply::Answer(text)) => match serde_json::from_str::<Description>(&text) {
                Ok(found) if found == self.description => {
                    slot.met();
                    return Ok(true);
                }
                Ok(found) => Problem::OtherGuest {
                    found: clipped(found.guest),
                    wanted: self.description.guest.clone(),
                },
                Err(error) => Problem::Strange {
                    why: format!("what `GET` answers is no description of a guest: {error}"),
                },
            },
            Ok(Reply::Denied(status)) => self.denied(status),
            Ok(Reply::Busy { why, after }) => {
                slot.rest(why, after);
                return Ok(false);
            }
            Ok(Reply::Failed(why)) | Err(Lost::Cut(why) | Lost::Unreachable(why)) => {
                slot.rest(why, None);
                return Ok(false);
            }
            Err(Lost::Late) => {
                let why = format!("no answer within {} s", MEETING.as_secs());
                slot.rest(why, None);
                return Ok(false);
            }
            Err(Lost::Cancelled) => return Ok(false),
            Ok(Reply::Strange(why) | Reply::Trapped(why) | Reply::UrlFailed(why)) => {
                Problem::Strange { why }
            }
            Ok(Reply::Refused(fault)) => Problem::Strange {
                why: clipped(fault.to_string()),
            },
            Ok(Reply::DataNeeded | Reply::TooLarge) => Problem::Strange {
                why: "`GET` is answered as if it were `POST`".to_owned(),
            },
        };
        Err(self.error(slot.endpoint, problem))
    }

    /// Posts a task, with its data by the way that serves.
    fn send(
        &self,
        slot: &Slot<'_>,
        task: &Bytes,
        bound: usize,
    ) -> Result<Result<Reply, Lost>, PoolError> {
        let post = |form: Form| {
            let (kind, form) = form.finish();
            let request = self.request(Method::POST, slot.endpoint);
            let request = request.header("content-type", kind).body(Body::wrap(form));
            self.call(request, bound, self.limits.timeout)
        };
        let named = || {
            Form::new()
                .with("task", task.clone())
                .with("dataset_digest", self.work.dataset.to_string().into())
                .with("splits_digest", self.work.splits.to_string().into())
        };
        if let Way::Urls { dataset, splits } = self.data.way(&self.work, slot.endpoint)? {
            let form = named()
                .with("dataset_url", dataset.into())
                .with("splits_url", splits.into());
            match post(form) {
                Ok(Reply::UrlFailed(_)) if self.data.url_failed(slot.endpoint) => {}
                reply => {
                    if matches!(reply, Ok(Reply::Answer(_))) {
                        self.data.url_served(slot.endpoint);
                    }
                    return Ok(reply);
                }
            }
        }
        if !slot.sends_data() {
            match post(named()) {
                Ok(Reply::DataNeeded) => slot.had_data(false),
                reply => {
                    if matches!(reply, Ok(Reply::Answer(_) | Reply::Refused(_))) {
                        slot.had_data(true);
                    }
                    return Ok(reply);
                }
            }
        }
        let (table, splits) = self.data.files(&self.work)?;
        let form = named().with("dataset", table).with("splits", splits);
        Ok(post(form))
    }

    fn request(&self, method: Method, endpoint: usize) -> RequestBuilder {
        let request = self
            .client
            .request(method, &self.settings.endpoints[endpoint]);
        match &self.settings.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Waits for what a request comes to. Of a body that is longer than
    /// `bound`, no more than that is read.
    fn call(&self, request: RequestBuilder, bound: usize, time: Duration) -> Result<Reply, Lost> {
        let exchange = async {
            let mut response = request.send().await?;
            let mut body = Vec::new();
            while body.len() <= bound {
                let Some(chunk) = response.chunk().await? else {
                    break;
                };
                body.extend_from_slice(&chunk);
            }
            Ok::<_, reqwest::Error>(Reply::read(response.status(), response.headers(), &body))
        };
        let exchange = async {
            match tokio::time::timeout(time, exchange).await {
                Ok(Ok(reply)) => Ok(reply),
                Ok(Err(error)) => Err(lost(error)),
                Err(_) => Err(Lost::Late),
            }
        };
        self.wait(exchange).unwrap_or(Err(Lost::Cancelled))
    }

    fn pause(&self, time: Duration) -> Option<()> {
        self.wait(async { tokio::time::sleep(time).await })
    }

    /// What a future comes to; `None` where the run is stopped first.
    fn wait<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                value = future => Some(value),
                () = stopped(&self.work.cancel) => None,
            }
        })
    }

    fn denied(&self, status: u16) -> Problem {
        Problem::Denied {
            status,
            token: self.settings.token.is_some(),
        }
    }

    fn error(&self, endpoint: usize, problem: Problem) -> PoolError {
        EndpointError {
            url: self.settings.endpoints[endpoint].clone(),
            problem,
        }
        .into()
    }
}

impl Pool for HttpPool {
    fn workers(&self) -> usize {
        self.settings.endpoints.len() * self.settings.concurrency
    }

    fn run(
        &self,
        tasks: &dyn Tasks,
        noticed: &mut dyn FnMut(Notice) -> ControlFlow<()>,
    ) -> Result<(), PoolError> {
        self.endpoints.start();
        let crew = Crew {
            workers: self.workers(),
            stack: STACK,
            far: self.work.record.store().at_once() > 1,
        };
        crew.run(&self.work, tasks, noticed, &|desk| self.work(tasks, desk))
    }
}

fn ended(job: &Job, outcome: Outcome) -> Ended {
    Ended {
        positions: job.found.missing.clone(),
        outcome,
    }
}

async fn stopped(cancel: &Cancel) {
    while !cancel.is_cancelled() {
        tokio::time::sleep(LOOK).await;
    }
}

/// Without the URL: the message names the endpoint already.
fn lost(error: reqwest::Error) -> Lost {
    let connect = error.is_connect();
    let why = chained(&error.without_url());
    if connect {
        Lost::Unreachable(why)
    } else {
        Lost::Cut(why)
    }
}

fn client(settings: &HttpSettings) -> Result<Client, PoolError> {
    crate::store::install_tls();
    let mut client = Client::builder()
        .connect_timeout(CONNECT)
        .pool_max_idle_per_host(settings.concurrency)
        // The token is for the endpoint, not for where it points to.
        .redirect(redirect::Policy::none())
        .user_agent(concat!("fanout/", env!("CARGO_PKG_VERSION")));
    if let Some(file) = &settings.ca {
        let wrong = |why: String| PoolError::Authority {
            file: file.clone(),
            why,
        };
        let pem = std::fs::read(file).map_err(|error| wrong(error.to_string()))?;
        let certificates = reqwest::Certificate::from_pem_bundle(&pem)
            .map_err(|_| wrong("it is no PEM file of certificates".to_owned()))?;
        if certificates.is_empty() {
            return Err(wrong("it holds no certificate".to_owned()));
        }
        client = client.tls_certs_merge(certificates);
    } else if settings
        .endpoints
        .iter()
        .all(|url| url.starts_with("http://"))
    {
        // None are needed, and a small container has none.
        client = client.tls_certs_only([]);
    }
    client.build().map_err(PoolError::Client)
}
