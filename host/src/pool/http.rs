//! [`HttpPool`]: runs tasks at endpoints that serve the guest over HTTP, on any
//! platform. A worker is a thread with one request under way.
//!
//! What the guest itself answers is a task's result. A gateway's answer and a
//! broken connection are not: the request is made again, and nothing is kept.
//! The token is sent to the endpoints alone and appears in no message.

mod data;
mod endpoints;
mod error;
mod reply;

use std::net::IpAddr;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use bytes::Bytes;
use fanout_contract::{Description, Task};
use reqwest::multipart::{Form, Part};
use reqwest::{Client, Method, RequestBuilder, StatusCode, Url, redirect};
use tokio::runtime::Runtime;

use super::feed::{TaskFeed, parts_of};
use super::threads::WorkerThreads;
use super::{PoolContext, PoolError};
use crate::error::chained;
use crate::plan::DataWay;
use crate::run::pool::{Pool, PoolEvent};
use crate::run::tasks::Tasks;
use crate::sandbox::{answer_bound, checked_evaluation, clipped};
use crate::task::{Artifact, Cancel, Evaluation, Outcome, TaskFault, TaskLimits};
use data::{Data, Way};
use endpoints::{Endpoints, Idle, Slot, backoff};
use reply::{Answered, Reply};

pub use error::{EndpointError, Problem};

/// How many requests of a task may fail, without an answer of the guest, at
/// endpoints that serve: after that the task has failed. A gateway that fails
/// one request in ten causes that once in 100,000 tasks.
const TRIES: u32 = 5;

/// The time limit of making a connection.
const CONNECT: Duration = Duration::from_secs(10);

/// The time limit of an endpoint's description, which may have to start an
/// instance first.
const DESCRIPTION_TIMEOUT: Duration = Duration::from_secs(60);

/// Threat: a server that never ends its description.
const DESCRIPTION: usize = 16 << 20;

/// Threat: a page or a fault without an end. More bytes than either has.
const FAULT: usize = 1 << 20;

/// The stack of a thread that waits for one request.
const STACK: usize = 1 << 20;

/// How often a request under way checks whether the run was stopped.
const LOOK: Duration = Duration::from_millis(50);

/// The settings of an [`HttpPool`].
#[derive(Clone)]
pub struct HttpSettings {
    /// The URLs, at least one.
    pub endpoints: Vec<String>,
    /// Requests under way at each of them at a time.
    pub concurrency: usize,
    /// The bearer token of the header `authorization`. It is sent over
    /// `https://`, and over `http://` to this very host.
    pub token: Option<String>,
    /// Whether the token is sent over `http://` to other hosts, too.
    pub insecure: bool,
    /// How endpoints get the dataset.
    pub data: DataWay,
    /// How long a run goes on while no endpoint answers.
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

impl HttpSettings {
    /// The first endpoint to which the token would go where anybody on the way
    /// can read it, although [`HttpSettings::insecure`] is not set. Nothing is
    /// sent to it but requests without the token.
    pub fn exposing_endpoint(&self) -> Option<&str> {
        let mut endpoints = self.endpoints.iter();
        self.token.as_ref()?;
        endpoints
            .find(|url| !self.may_get_token(url))
            .map(String::as_str)
    }

    fn may_get_token(&self, endpoint: &str) -> bool {
        self.insecure
            || Url::parse(endpoint).is_ok_and(|url| url.scheme() == "https" || is_loopback(&url))
    }
}

/// Whether what is sent to this URL does not leave this host.
fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    match address.parse::<IpAddr>() {
        Ok(address) => address.to_canonical().is_loopback(),
        Err(_) => host == "localhost",
    }
}

/// Runs tasks at endpoints.
#[derive(Debug)]
pub struct HttpPool {
    settings: HttpSettings,
    description: Description,
    context: PoolContext,
    limits: TaskLimits,
    client: Client,
    runtime: Runtime,
    endpoints: Endpoints,
    data: Data,
}

/// The outcome of the fits of a task.
struct Made {
    outcome: Outcome,
    artifacts: Vec<Artifact>,
    /// Whether the guest itself answered, so that the outcome would be the same
    /// anywhere and may be kept.
    from_guest: bool,
}

/// Why a request has no reply.
enum NoReply {
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
        context: PoolContext,
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
            context,
            limits,
            client,
            runtime,
        })
    }

    /// The same with the bytes of the dataset and the splits, so that they need
    /// not be read.
    pub fn with_files(mut self, table: Bytes, splits: Bytes) -> Self {
        self.data = self.data.with_files(table, splits);
        self
    }

    /// Runs tasks until there are none.
    fn work(&self, tasks: &dyn Tasks, feed: &TaskFeed<'_>) {
        while let Some(job) = feed.next() {
            let parts = parts_of(tasks, job.task, &self.context.record);
            let parts = parts.map(|parts| parts.unwrap_or_default());
            let made = parts
                .map_err(PoolError::from)
                .and_then(|(parts, wall)| Ok((self.evaluate(&job.document(tasks), &parts)?, wall)));
            let made = match made {
                Ok((Some(mut made), of_parts)) => {
                    made.outcome.wall += of_parts;
                    made
                }
                Ok((None, _)) => break,
                Err(error) => {
                    feed.fail(error);
                    break;
                }
            };
            let finished = job.finished(made.outcome, feed.worker());
            let more = if made.from_guest {
                feed.hand_in(job, finished, made.artifacts)
            } else {
                // Not kept: another try may end otherwise.
                feed.report(PoolEvent::Finished {
                    task: job.task,
                    finished,
                })
            };
            if !more {
                break;
            }
        }
    }

    /// Runs a task, from the parts of its model where there are some; `None` where the run
    /// was stopped.
    fn evaluate(&self, task: &Task, parts: &[Bytes]) -> Result<Option<Made>, PoolError> {
        let text = Bytes::from(serde_json::to_vec(task).expect("a task is JSON"));
        let mut failed = 0;
        loop {
            let mut slot = match self.endpoints.take(&self.context.cancel) {
                Ok(slot) => slot,
                Err(Idle::Cancelled) => return Ok(None),
                Err(Idle::Silent { endpoint, why }) => {
                    let retry = self.settings.retry;
                    return Err(self.error(endpoint, Problem::Silent { retry, why }));
                }
            };
            if slot.unknown && !self.identify(&mut slot)? {
                continue;
            }
            let started = Instant::now();
            // As in a sandbox, files are bounded by the guest's memory alone.
            let files = match task.outputs.is_empty() {
                true => 0,
                false => usize::try_from(self.limits.memory).unwrap_or(usize::MAX),
            };
            let bound = answer_bound(task).saturating_add(files);
            let sent = self.send(&slot, (&text, parts), bound)?;
            let made = |result: Result<Evaluation, TaskFault>, from_guest| {
                let wall = started.elapsed();
                let (result, artifacts) = match result {
                    Ok(evaluation) => (Ok(evaluation.answer), evaluation.artifacts),
                    Err(fault) => (Err(fault), Vec::new()),
                };
                let outcome = Outcome {
                    result,
                    wall,
                    reused: false,
                };
                Ok(Some(Made {
                    outcome,
                    artifacts,
                    from_guest,
                }))
            };
            let why = match sent {
                Ok(Reply::Answer(Answered { text, files })) => {
                    slot.answered();
                    let evaluation = checked_evaluation(&text, files, task);
                    return made(evaluation, true);
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
                Err(NoReply::Late) => {
                    slot.answered();
                    let limit_ms = self.limits.timeout_ms();
                    return made(Err(TaskFault::TimedOut { limit_ms }), false);
                }
                Err(NoReply::Cancelled) => return Ok(None),
                Ok(Reply::Busy { why, after }) => {
                    slot.rest(why, after);
                    continue;
                }
                Err(NoReply::Unreachable(why)) => {
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
                Ok(Reply::TooLarge(why)) => {
                    let (bytes, why) = (self.data.len(), clipped(why));
                    return Err(self.error(slot.endpoint, Problem::TooLarge { bytes, why }));
                }
                Ok(Reply::DataNeeded) => {
                    let why = "it asks for a dataset that it was sent".to_owned();
                    return Err(self.error(slot.endpoint, Problem::Strange { why }));
                }
                Ok(Reply::Strange(why)) => {
                    return Err(self.error(slot.endpoint, Problem::Strange { why }));
                }
                Ok(Reply::Failed(why)) => why,
                Err(NoReply::Cut(why)) => {
                    slot.rest(why.clone(), None);
                    why
                }
            };
            // The task may be the reason, or the whole platform.
            failed += 1;
            slot.forget();
            if failed >= TRIES && self.identify(&mut slot)? {
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

    /// Asks an endpoint what it serves. Returns false where it does not answer
    /// now; it rests then.
    fn identify(&self, slot: &mut Slot<'_>) -> Result<bool, PoolError> {
        let request = self.request(Method::GET, slot.endpoint);
        let problem = match self.call(request, DESCRIPTION, DESCRIPTION_TIMEOUT) {
            Ok(Reply::Answer(found)) => match serde_json::from_str::<Description>(&found.text) {
                Ok(found) if found == self.description => {
                    slot.identified();
                    return Ok(true);
                }
                Ok(found) => Problem::OtherGuest {
                    found: clipped(found.guest),
                    wanted: self.description.guest.clone(),
                },
                Err(error) => Problem::Strange {
                    why: clipped(format!(
                        "what `GET` answers is no description of a guest: {error}"
                    )),
                },
            },
            Ok(Reply::Denied(status)) => self.denied(status),
            Ok(Reply::Busy { why, after }) => {
                slot.rest(why, after);
                return Ok(false);
            }
            Ok(Reply::Failed(why)) | Err(NoReply::Cut(why) | NoReply::Unreachable(why)) => {
                slot.rest(why, None);
                return Ok(false);
            }
            Err(NoReply::Late) => {
                let why = format!("no answer within {} s", DESCRIPTION_TIMEOUT.as_secs());
                slot.rest(why, None);
                return Ok(false);
            }
            Err(NoReply::Cancelled) => return Ok(false),
            Ok(Reply::Strange(why) | Reply::Trapped(why) | Reply::UrlFailed(why)) => {
                Problem::Strange { why }
            }
            Ok(Reply::Refused(fault)) => Problem::Strange {
                why: clipped(fault.to_string()),
            },
            Ok(Reply::DataNeeded | Reply::TooLarge(_)) => Problem::Strange {
                why: "`GET` is answered as if it were `POST`".to_owned(),
            },
        };
        Err(self.error(slot.endpoint, problem))
    }

    /// Posts a task and the parts of its model, with its data by the way that serves.
    fn send(
        &self,
        slot: &Slot<'_>,
        (task, parts): (&Bytes, &[Bytes]),
        bound: usize,
    ) -> Result<Result<Reply, NoReply>, PoolError> {
        let post = |form: Form| {
            let request = self.request(Method::POST, slot.endpoint).multipart(form);
            self.call(request, bound, self.limits.timeout)
        };
        let named = || {
            let form = Form::new()
                .part("task", part(task.clone()))
                .text("dataset_digest", self.context.dataset.to_string())
                .text("splits_digest", self.context.splits.to_string());
            let parts = parts.iter().enumerate();
            parts.fold(form, |form, (number, bytes)| {
                form.part(format!("part-{number}"), part(bytes.clone()))
            })
        };
        if let Way::Urls { dataset, splits } = self.data.way(&self.context, slot.endpoint)? {
            let form = named()
                .text("dataset_url", dataset)
                .text("splits_url", splits);
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
                Ok(Reply::DataNeeded) => slot.data_was_held(false),
                reply => {
                    if matches!(reply, Ok(Reply::Answer(_) | Reply::Refused(_))) {
                        slot.data_was_held(true);
                    }
                    return Ok(reply);
                }
            }
        }
        let (table, splits) = self.data.files(&self.context)?;
        let form = named()
            .part("dataset", part(table))
            .part("splits", part(splits));
        Ok(post(form))
    }

    fn request(&self, method: Method, endpoint: usize) -> RequestBuilder {
        let endpoint = &self.settings.endpoints[endpoint];
        let request = self.client.request(method, endpoint);
        match &self.settings.token {
            Some(token) if self.settings.may_get_token(endpoint) => request.bearer_auth(token),
            _ => request,
        }
    }

    /// Makes a request. Of a body that is longer than `bound` bytes, not much
    /// more than that is read; of one that is no answer, not much more than
    /// [`FAULT`] bytes.
    fn call(
        &self,
        request: RequestBuilder,
        bound: usize,
        time: Duration,
    ) -> Result<Reply, NoReply> {
        let exchange = async {
            let mut response = request.send().await?;
            let bound = match response.status() {
                StatusCode::OK => bound,
                _ => bound.min(FAULT),
            };
            let mut body = Vec::new();
            while body.len() <= bound {
                let Some(chunk) = response.chunk().await? else {
                    break;
                };
                body.extend_from_slice(&chunk);
            }
            let (status, headers) = (response.status(), response.headers());
            Ok::<_, reqwest::Error>(Reply::read(status, headers, &body.into()))
        };
        let exchange = async {
            match tokio::time::timeout(time, exchange).await {
                Ok(Ok(reply)) => Ok(reply),
                Ok(Err(error)) => Err(no_reply(error)),
                Err(_) => Err(NoReply::Late),
            }
        };
        self.wait(exchange).unwrap_or(Err(NoReply::Cancelled))
    }

    fn pause(&self, time: Duration) -> Option<()> {
        self.wait(async { tokio::time::sleep(time).await })
    }

    /// The output of a future; `None` where the run is stopped first.
    fn wait<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                value = future => Some(value),
                () = stopped(&self.context.cancel) => None,
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
    type Error = PoolError;

    fn workers(&self) -> usize {
        self.settings.endpoints.len() * self.settings.concurrency
    }

    fn run(
        &self,
        tasks: &dyn Tasks,
        report: &mut dyn FnMut(PoolEvent) -> ControlFlow<()>,
    ) -> Result<(), PoolError> {
        self.endpoints.start();
        let threads = WorkerThreads {
            workers: self.workers(),
            stack: STACK,
            remote_store: self.context.record.store().at_once() > 1,
        };
        threads.run(&self.context, tasks, report, &|feed| self.work(tasks, feed))
    }
}

/// A part of a form that shares its bytes, with a length, so that the request
/// has a `content-length`: some platforms take no other.
fn part(bytes: Bytes) -> Part {
    let length = bytes.len() as u64;
    Part::stream_with_length(bytes, length)
}

async fn stopped(cancel: &Cancel) {
    while !cancel.is_cancelled() {
        tokio::time::sleep(LOOK).await;
    }
}

/// The guest's answer in a reply, where it has one.
#[cfg(any(fuzzing, test))]
pub(crate) fn read_reply(
    status: http::StatusCode,
    headers: &http::HeaderMap,
    body: &[u8],
) -> Option<String> {
    match Reply::read(status, headers, &Bytes::copy_from_slice(body)) {
        Reply::Answer(answered) => Some(answered.text),
        _ => None,
    }
}

/// Without the URL: the message names the endpoint already.
fn no_reply(error: reqwest::Error) -> NoReply {
    let connect = error.is_connect();
    let why = chained(&error.without_url());
    if connect {
        NoReply::Unreachable(why)
    } else {
        NoReply::Cut(why)
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
    let local = |url: &String| Url::parse(url).is_ok_and(|url| is_loopback(&url));
    if settings.endpoints.iter().all(local) {
        // What a proxy is sent leaves this host.
        client = client.no_proxy();
    }
    client.build().map_err(PoolError::Client)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(endpoint: &str, insecure: bool) -> HttpSettings {
        HttpSettings {
            endpoints: vec!["https://there.example.org".to_owned(), endpoint.to_owned()],
            concurrency: 1,
            token: Some("sesame".to_owned()),
            insecure,
            data: DataWay::Auto,
            retry: Duration::from_secs(1),
            ca: None,
        }
    }

    #[test]
    fn a_token_goes_over_plain_http_to_this_host_alone() {
        for loopback in [
            "http://localhost:8000/forest",
            "http://LOCALHOST",
            "http://127.0.0.1:8000",
            "http://127.1.2.3",
            "http://[::1]:8000",
            "http://[::ffff:127.0.0.1]",
            "https://trainer.example.org",
        ] {
            assert_eq!(
                settings(loopback, false).exposing_endpoint(),
                None,
                "{loopback}"
            );
        }
        for remote in [
            "http://trainer.example.org",
            "http://localhost.example.org",
            "http://127.0.0.1.example.org",
            "http://10.0.0.1:8000",
            "http://[::2]",
            "http://0.0.0.0:8000",
            "http://",
        ] {
            let refused = settings(remote, false);
            assert_eq!(refused.exposing_endpoint(), Some(remote));
            let no_token = HttpSettings {
                token: None,
                ..refused
            };
            assert_eq!(no_token.exposing_endpoint(), None);
            assert_eq!(settings(remote, true).exposing_endpoint(), None);
        }
    }
}
