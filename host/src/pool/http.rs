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
mod requests;
mod settings;
mod under_way;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use fanout_contract::{Description, Task};
use reqwest::multipart::Form;
use reqwest::{Method, RequestBuilder};

use super::feed::{Job, TaskFeed, parts_of};
use super::threads::WorkerThreads;
use super::{PoolContext, PoolError};
use crate::run::event::Event;
use crate::run::pool::{Pool, PoolEvent};
use crate::run::tasks::Tasks;
use crate::sandbox::{answer_bound, checked_evaluation, clipped};
use crate::task::{Artifact, Evaluation, Outcome, TaskFault, TaskLimits, TaskUsage, microseconds};
use data::{Data, Way};
use endpoints::{Endpoints, Idle, Rest, Slot, backoff};
use reply::{Answered, Reply};
use requests::{NoReply, Requests, part};
use under_way::{Attempt, TasksUnderWay};

pub use error::{EndpointError, Problem};
pub use settings::HttpSettings;

/// How many requests of a task may fail, without an answer of the guest, at
/// endpoints that serve: after that the task has failed. A gateway that fails
/// one request in ten causes that once in 100,000 tasks.
const TRIES: u32 = 5;

/// The time limit of an endpoint's description, which may have to start an
/// instance first.
const DESCRIPTION_TIMEOUT: Duration = Duration::from_secs(60);

/// Threat: a server that never ends its description.
const DESCRIPTION: usize = 16 << 20;

/// The stack of a thread that waits for one request.
const STACK: usize = 1 << 20;

/// Runs tasks at endpoints.
#[derive(Debug)]
pub struct HttpPool {
    settings: HttpSettings,
    description: Description,
    context: PoolContext,
    limits: TaskLimits,
    requests: Requests,
    endpoints: Endpoints,
    data: Data,
}

/// A task, as it is sent.
struct SentTask {
    job: Job,
    document: Task,
    /// The document as JSON.
    text: Bytes,
    /// The parts of its model, where there are some.
    parts: Vec<Bytes>,
    /// What their fits took.
    wall_of_parts: Duration,
}

/// The outcome of the fits of a task.
struct Made {
    outcome: Outcome,
    artifacts: Vec<Artifact>,
    /// Whether the guest itself answered, so that the outcome would be the same
    /// anywhere and may be kept.
    from_guest: bool,
    /// When the request was made that was answered.
    started: SystemTime,
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
        let requests = Requests::new(&settings)?;
        let count = settings.endpoints.len();
        Ok(Self {
            endpoints: Endpoints::new(count, settings.concurrency.max(1), settings.retry),
            data: Data::new(settings.data, count, limits.timeout),
            settings,
            description,
            context,
            limits,
            requests,
        })
    }

    /// The same with the bytes of the dataset and the splits, so that they need
    /// not be read.
    pub fn with_files(mut self, table: Bytes, splits: Bytes) -> Self {
        self.data = self.data.with_files(table, splits);
        self
    }

    /// Runs tasks until there are none, then those again that run far beyond their kind.
    fn work<'a>(
        &self,
        tasks: &dyn Tasks,
        feed: &TaskFeed<'_>,
        under_way: &'a TasksUnderWay<'a, SentTask>,
    ) {
        let taking = under_way.take_tasks();
        while let Some(job) = feed.next() {
            let cost = tasks.cost(job.task);
            let more = match self.sent_task(tasks, job) {
                Ok(task) => {
                    feed.begin(&task.job) && self.attempt(under_way.begin(task, cost), None, feed)
                }
                Err(error) => {
                    feed.fail(error);
                    false
                }
            };
            if !more {
                return;
            }
        }
        drop(taking);
        if self.settings.endpoints.len() < 2 {
            return;
        }
        let take_other = |endpoint| self.endpoints.take_other(endpoint);
        while let Some((copy, slot, straggler)) = under_way.copy(&take_other) {
            let endpoint = Some(self.settings.endpoints[straggler].clone());
            let more = feed.report(Event::TaskCopied { endpoint }.into());
            if !more || !self.attempt(copy, Some(slot), feed) {
                return;
            }
        }
    }

    /// The task of a job, with the parts of its model where there are some.
    fn sent_task(&self, tasks: &dyn Tasks, job: Job) -> Result<SentTask, PoolError> {
        let parts = parts_of(tasks, job.task, &self.context.record)?;
        let (parts, wall_of_parts) = parts.unwrap_or_default();
        let document = job.document(tasks);
        Ok(SentTask {
            text: serde_json::to_vec(&document)
                .expect("a task is JSON")
                .into(),
            document,
            parts,
            wall_of_parts,
            job,
        })
    }

    /// Runs a task, at the endpoint of `slot` first where there is one, and hands its
    /// outcome in, unless the other attempt does. Returns whether more is wanted.
    fn attempt(
        &self,
        attempt: Attempt<'_, SentTask>,
        slot: Option<Slot<'_>>,
        feed: &TaskFeed<'_>,
    ) -> bool {
        let made = match self.evaluate(&attempt, slot, feed) {
            Ok(Some(made)) => made,
            // That the run was stopped, the feed knows.
            Ok(None) => return true,
            Err(error) => {
                feed.fail(error);
                return false;
            }
        };
        let task = Arc::clone(&attempt.task);
        let Made {
            mut outcome,
            artifacts,
            from_guest,
            started,
        } = made;
        let counts = match from_guest {
            true => attempt.answers(outcome.result.is_ok().then_some(outcome.wall)),
            // The other attempt may do better.
            false => attempt.gives_up(),
        };
        if !counts {
            return true;
        }
        outcome.wall += task.wall_of_parts;
        let usage = TaskUsage {
            started_us: Some(microseconds(started)),
            ..TaskUsage::default()
        };
        let finished = task.job.finished(outcome, usage, feed.worker());
        if from_guest {
            feed.hand_in(task.job.clone(), finished, artifacts)
        } else {
            // Not kept: another try may end otherwise.
            feed.report(PoolEvent::Finished {
                task: task.job.task,
                finished,
            })
        }
    }

    /// What a task comes to; `None` where the run was stopped, or the other attempt has
    /// the answer.
    fn evaluate(
        &self,
        attempt: &Attempt<'_, SentTask>,
        mut first: Option<Slot<'_>>,
        feed: &TaskFeed<'_>,
    ) -> Result<Option<Made>, PoolError> {
        let task = &attempt.task.document;
        let is_over = || attempt.is_over();
        let mut failed = 0;
        loop {
            let slot = match first.take() {
                Some(slot) => Ok(slot),
                None => self.endpoints.take(&is_over, &|| attempt.avoided()),
            };
            let mut slot = match slot {
                Ok(slot) => slot,
                Err(Idle::Over) => return Ok(None),
                Err(Idle::Silent { endpoint, why }) => {
                    let retry = self.settings.retry;
                    return Err(self.error(endpoint, Problem::Silent { retry, why }));
                }
            };
            attempt.sent_to(slot.endpoint, Instant::now());
            if slot.unknown && !self.identify(&mut slot, &is_over, feed)? {
                attempt.came_back();
                pass_over(&slot, attempt);
                continue;
            }
            // In this order, so that a task's end does not lie past what it was.
            let (since, started) = (SystemTime::now(), Instant::now());
            // As in a sandbox, files are bounded by the guest's memory alone.
            let files = match task.outputs.is_empty() {
                true => 0,
                false => usize::try_from(self.limits.memory).unwrap_or(usize::MAX),
            };
            let bound = answer_bound(task).saturating_add(files);
            attempt.sent_to(slot.endpoint, started);
            let sent = self.send(&slot, attempt, bound)?;
            attempt.came_back();
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
                    started: since,
                }))
            };
            if let Ok(Reply::Answer(_) | Reply::Refused(_) | Reply::Trapped(_))
            | Err(NoReply::Late) = &sent
            {
                self.tell_answer(slot.answered(), &slot, feed);
            }
            let why = match sent {
                Ok(Reply::Answer(Answered { text, files })) => {
                    let evaluation = checked_evaluation(&text, files, task);
                    return made(evaluation, true);
                }
                Ok(Reply::Refused(fault)) => {
                    let fault = fault.map_message(clipped);
                    return made(Err(TaskFault::Refused { fault }), true);
                }
                Ok(Reply::Trapped(message)) => {
                    let message = clipped(message);
                    return made(Err(TaskFault::Trapped { message }), true);
                }
                Err(NoReply::Late) => {
                    let limit_ms = self.limits.timeout_ms();
                    return made(Err(TaskFault::TimedOut { limit_ms }), false);
                }
                Err(NoReply::Over) => {
                    pass_over(&slot, attempt);
                    return Ok(None);
                }
                Ok(Reply::Busy { why, after }) => {
                    self.rest(&slot, why, Rest::Busy(after), feed);
                    continue;
                }
                Err(NoReply::Unreachable(why)) => {
                    slot.forget();
                    self.rest(&slot, why, Rest::Silent, feed);
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
                    self.rest(&slot, why.clone(), Rest::Silent, feed);
                    why
                }
            };
            tracing::warn!(
                endpoint = self.settings.endpoints[slot.endpoint],
                why,
                "a request failed without an answer of the guest"
            );
            // The task may be the reason, or the whole platform.
            failed += 1;
            slot.forget();
            if failed >= TRIES && self.identify(&mut slot, &is_over, feed)? {
                let message = format!(
                    "{failed} requests failed at an endpoint that serves others, the last so: \
                     {why}; the guest trapped there, or ran out of memory"
                );
                return made(Err(TaskFault::Trapped { message }), false);
            }
            drop(slot);
            if self.requests.pause(backoff(failed), &is_over).is_none() {
                return Ok(None);
            }
        }
    }

    /// Asks an endpoint what it serves. Returns false where it does not answer
    /// now; it rests then.
    fn identify(
        &self,
        slot: &mut Slot<'_>,
        is_over: &dyn Fn() -> bool,
        feed: &TaskFeed<'_>,
    ) -> Result<bool, PoolError> {
        let request = self.request(Method::GET, slot.endpoint);
        let found = self
            .requests
            .call(request, DESCRIPTION, DESCRIPTION_TIMEOUT, is_over);
        let problem = match found {
            Ok(Reply::Answer(found)) => match serde_json::from_str::<Description>(&found.text) {
                Ok(found) if found == self.description => {
                    self.tell_answer(slot.identified(), slot, feed);
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
                self.rest(slot, why, Rest::Busy(after), feed);
                return Ok(false);
            }
            Ok(Reply::Failed(why)) | Err(NoReply::Cut(why) | NoReply::Unreachable(why)) => {
                self.rest(slot, why, Rest::Silent, feed);
                return Ok(false);
            }
            Err(NoReply::Late) => {
                let why = format!("no answer within {} s", DESCRIPTION_TIMEOUT.as_secs());
                self.rest(slot, why, Rest::Silent, feed);
                return Ok(false);
            }
            Err(NoReply::Over) => return Ok(false),
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

    /// Has an endpoint rest, and tells where it has not answered for some time.
    fn rest(&self, slot: &Slot<'_>, why: String, rest: Rest, feed: &TaskFeed<'_>) {
        if slot.rest(why.clone(), rest) {
            let endpoint = self.settings.endpoints[slot.endpoint].clone();
            let (reason, retry) = (clipped(why), self.settings.retry);
            // That nobody listens any more, the feed tells when it is asked for more.
            feed.report(
                Event::EndpointLost {
                    endpoint,
                    reason,
                    retry,
                }
                .into(),
            );
        }
    }

    /// Tells that an endpoint answers again, where that is news.
    fn tell_answer(&self, is_news: bool, slot: &Slot<'_>, feed: &TaskFeed<'_>) {
        if is_news {
            let endpoint = self.settings.endpoints[slot.endpoint].clone();
            feed.report(Event::EndpointAnswered { endpoint }.into());
        }
    }

    /// Posts a task and the parts of its model, with its data by the way that serves.
    fn send(
        &self,
        slot: &Slot<'_>,
        attempt: &Attempt<'_, SentTask>,
        bound: usize,
    ) -> Result<Result<Reply, NoReply>, PoolError> {
        let post = |form: Form| {
            let request = self.request(Method::POST, slot.endpoint).multipart(form);
            let is_over = || attempt.is_over();
            self.requests
                .call(request, bound, self.limits.timeout, &is_over)
        };
        let named = || {
            let form = Form::new()
                .part("task", part(attempt.task.text.clone()))
                .text("dataset_digest", self.context.dataset.to_string())
                .text("splits_digest", self.context.splits.to_string());
            let parts = attempt.task.parts.iter().enumerate();
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
        let request = self.requests.to(method, endpoint);
        match &self.settings.token {
            Some(token) if self.settings.may_get_token(endpoint) => request.bearer_auth(token),
            _ => request,
        }
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
        let under_way = TasksUnderWay::new(&self.context.cancel);
        threads.run(&self.context, tasks, report, &|feed| {
            self.work(tasks, feed, &under_way);
        })
    }
}

/// Has others come first where the copy of a task was answered before an endpoint answered
/// the task; the endpoint is asked again what it serves.
fn pass_over(slot: &Slot<'_>, attempt: &Attempt<'_, SentTask>) {
    if attempt.is_answered() && !attempt.is_copy() {
        slot.forget();
        let why = "another endpoint was quicker by far".to_owned();
        // It is told of as one whose task was copied.
        let _ = slot.rest(why, Rest::Slow);
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
