//! [`NatsPool`]: workers on any hosts, which take tasks from a JetStream queue.
//! The run publishes tasks and watches them; the queue distributes them.
//!
//! Messages carry tasks and no data. Results are written to the store and read from it: a
//! worker's message about a task only says when to look. So a lost message, or
//! the loss of the whole queue, costs time and no result.

mod dispatch;
mod fleet;
mod throughput;

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel, sync_channel};
use std::time::{Duration, SystemTime};

use async_nats::{Message, Subject};
use futures::StreamExt as _;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use super::feed::{Job, LOOKED_UP, Reports, look_up_all};
use super::{PoolContext, PoolError};
use crate::digest::Digest;
use crate::queue::message::{self, DoneUsage, Heartbeat, USAGE_HEADER, WorkerMessage, WorkerState};
use crate::queue::{Link, Queue, QueueError, QueueSettings, api};
use crate::run::pool::{Pool, PoolEvent};
use crate::run::tasks::Tasks;
use crate::task::{TaskLimits, TaskUsage};
use dispatch::{Dispatch, Stop};

/// How long a roll call waits for workers.
const ROLL_CALL: Duration = Duration::from_millis(500);

/// Threat: heartbeats of workers that are not there. A roll call lists no more.
const CALLED: usize = 10_000;

/// Threat: messages that arrive faster than the run reads them. Beyond so many
/// bytes that wait, messages are lost; what they said is found by look-ups.
const BACKLOG: usize = 64 << 20;

/// A connection to a queue and to the workers that take tasks from it.
#[derive(Clone, Debug)]
pub struct NatsLink {
    runtime: Arc<Runtime>,
    queue: Queue,
}

impl NatsLink {
    /// Connects to the queue.
    pub fn open(settings: QueueSettings) -> Result<Self, PoolError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("nats")
            .enable_all()
            .build()
            .map_err(PoolError::Worker)?;
        let queue = runtime.block_on(Queue::connect(settings))?;
        Ok(Self {
            runtime: Arc::new(runtime),
            queue,
        })
    }

    /// The queue.
    pub fn queue(&self) -> &Queue {
        &self.queue
    }

    /// Blocks on a future of the queue.
    pub fn wait<T>(&self, answer: impl Future<Output = T>) -> T {
        self.runtime.block_on(answer)
    }

    /// The workers that answer a roll call within half a second, by name.
    pub fn workers(&self) -> Result<Vec<Heartbeat>, QueueError> {
        let client = self.queue.client();
        let gather = async {
            let inbox = client.new_inbox();
            let failed = |error| api("ask who is there", error);
            let mut heartbeats = client.subscribe(inbox.clone()).await.map_err(failed)?;
            let call = client.publish_with_reply(self.queue.roll_call(), inbox, "".into());
            call.await.map_err(|error| api("ask who is there", error))?;
            let mut workers = HashMap::new();
            let answers = async {
                while let Some(message) = heartbeats.next().await {
                    if let Ok(beat) = message::read::<Heartbeat>(&message.payload)
                        && workers.len() < CALLED
                    {
                        workers.insert(beat.name.clone(), beat);
                    }
                }
            };
            // There is no telling how many there are.
            drop(tokio::time::timeout(ROLL_CALL, answers).await);
            let mut workers: Vec<Heartbeat> = workers.into_values().collect();
            workers.sort_by(|a, b| a.name.cmp(&b.name));
            Ok(workers)
        };
        self.runtime.block_on(gather)
    }

    /// The tasks in the queue.
    pub fn state(&self) -> Result<QueueState, QueueError> {
        let queue = &self.queue;
        let ask = async {
            let consumer = queue.consumer().await?;
            let failed = |error| api("describe the queue", error);
            let held = consumer.get_info().await;
            let held = held.map_err(|error| api("describe the queue", error))?;
            let stream = queue.stream().await?;
            let mut subjects = stream
                .info_with_subjects(queue.all_tasks())
                .await
                .map_err(failed)?;
            let mut runs = BTreeMap::new();
            while let Some(subject) = subjects.next().await {
                let (subject, tasks) = subject.map_err(failed)?;
                if let Some(run) = queue.run_of(&subject) {
                    runs.insert(run, tasks);
                }
            }
            Ok(QueueState {
                name: queue.name().to_owned(),
                tasks: runs.values().sum(),
                held: held.num_ack_pending,
                runs,
            })
        };
        self.runtime.block_on(ask)
    }

    /// How many tasks the workers run at a time.
    pub fn slots(&self) -> Result<usize, QueueError> {
        let workers = self.workers()?;
        let up = workers
            .iter()
            .filter(|worker| worker.state == WorkerState::Up);
        let slots = up.map(|worker| worker.slots);
        Ok(slots.fold(0, usize::saturating_add))
    }
}

/// The tasks in a queue.
#[derive(Clone, Debug, serde::Serialize)]
pub struct QueueState {
    /// Its name.
    pub name: String,
    /// Tasks that are not finished.
    pub tasks: usize,
    /// Those of them that workers hold.
    pub held: usize,
    /// How many tasks there are by run.
    pub runs: BTreeMap<Digest, usize>,
}

/// Runs tasks at workers that take them from a queue.
#[derive(Debug)]
pub struct NatsPool {
    link: NatsLink,
    run: Digest,
    context: PoolContext,
    limits: TaskLimits,
    fresh: bool,
    retry: Duration,
    slots: usize,
}

/// What reaches a run while its tasks are with workers.
enum Signal {
    /// A report of the look-up.
    Report(Result<PoolEvent, PoolError>),
    /// Another task can be published, or there are no more.
    LookedUp,
    /// A message was published with this sequence number, or could not be.
    Published {
        tag: u64,
        round: u32,
        sequence: Option<u64>,
    },
    /// A worker's message.
    Message(Received, Waiting),
    /// A worker's heartbeat.
    Heartbeat(Heartbeat, Waiting),
    /// The state of the connection changed.
    Link(Link),
}

/// A worker's message, and what came with it.
struct Received {
    message: WorkerMessage,
    /// The subject of the answer that it waits for.
    reply: Option<Subject>,
    /// What making the fits took that it says are done.
    usage: TaskUsage,
}

impl Received {
    /// Anything else on the subject of workers' messages is `None`, and ignored.
    fn read(received: Message) -> Option<Self> {
        let message = message::read(&received.payload).ok()?;
        let headers = received.headers.as_ref();
        let usage = headers.and_then(|headers| headers.get(USAGE_HEADER));
        let usage =
            usage.and_then(|text| message::read::<DoneUsage>(text.as_str().as_bytes()).ok());
        Some(Self {
            message,
            reply: received.reply,
            usage: usage
                .map(|usage| usage.at(SystemTime::now()))
                .unwrap_or_default(),
        })
    }
}

/// The bytes of messages that wait for the run.
#[derive(Clone, Default)]
struct Backlog(Arc<AtomicUsize>);

/// A message's share of the backlog, until it is dropped.
struct Waiting {
    backlog: Backlog,
    bytes: usize,
}

impl Backlog {
    /// Room for a message; `None` where too much waits.
    fn take(&self, message: &Message) -> Option<Waiting> {
        // Parsed, a message takes some more.
        let bytes = 4 * message.payload.len() + 256;
        let backlog = self.clone();
        let waiting = Waiting { backlog, bytes };
        let before = self.0.fetch_add(bytes, Ordering::Relaxed);
        (before < BACKLOG).then_some(waiting)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.backlog.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl NatsPool {
    /// A pool of the workers behind `link` for the tasks of `run`, whose
    /// manifest, dataset and guest are in the store. `slots` is how many tasks
    /// they run at a time as far as is known.
    pub fn new(
        link: NatsLink,
        run: Digest,
        context: PoolContext,
        limits: TaskLimits,
        slots: usize,
    ) -> Self {
        Self {
            link,
            run,
            context,
            limits,
            fresh: false,
            retry: Duration::from_secs(120),
            slots,
        }
    }

    /// The same, making every fit again where `fresh`.
    pub fn fresh(mut self, fresh: bool) -> Self {
        self.fresh = fresh;
        self
    }

    /// The same, waiting `retry` for NATS to come back instead of 120 s.
    pub fn retry(mut self, retry: Duration) -> Self {
        self.retry = retry;
        self
    }

    /// Subscribes to all that concerns a session. The subscriptions end when
    /// the set is dropped.
    async fn listen(
        &self,
        session: &str,
        signals: &Sender<Signal>,
    ) -> Result<JoinSet<()>, QueueError> {
        let queue = &self.link.queue;
        let client = queue.client();
        let failed = |error| api("listen", error);
        let mut tasks = JoinSet::new();
        let mut messages = client
            .subscribe(queue.session(session))
            .await
            .map_err(failed)?;
        let backlog = Backlog::default();
        let (sender, room) = (signals.clone(), backlog.clone());
        tasks.spawn(async move {
            while let Some(received) = messages.next().await {
                let Some(waiting) = room.take(&received) else {
                    continue;
                };
                if let Some(received) = Received::read(received)
                    && sender.send(Signal::Message(received, waiting)).is_err()
                {
                    return;
                }
            }
        });
        let mut heartbeats = client.subscribe(queue.heartbeats()).await.map_err(failed)?;
        let sender = signals.clone();
        tasks.spawn(async move {
            while let Some(received) = heartbeats.next().await {
                let Some(waiting) = backlog.take(&received) else {
                    continue;
                };
                if let Ok(heartbeat) = message::read(&received.payload)
                    && sender.send(Signal::Heartbeat(heartbeat, waiting)).is_err()
                {
                    return;
                }
            }
        });
        let mut link = queue.link();
        let sender = signals.clone();
        tasks.spawn(async move {
            while link.changed().await.is_ok() {
                let now = *link.borrow_and_update();
                if sender.send(Signal::Link(now)).is_err() {
                    return;
                }
            }
        });
        let call = client.publish_with_reply(queue.roll_call(), queue.heartbeats(), "".into());
        call.await.map_err(|error| api("ask who is there", error))?;
        Ok(tasks)
    }
}

impl Pool for NatsPool {
    type Error = PoolError;

    fn workers(&self) -> usize {
        self.slots
    }

    fn run(
        &self,
        tasks: &dyn Tasks,
        report: &mut dyn FnMut(PoolEvent) -> ControlFlow<()>,
    ) -> Result<(), PoolError> {
        let session = crate::jitter::random_name();
        let (sender, signals) = channel();
        // The consumer must exist before the first task is published.
        self.link.wait(self.link.queue.consumer())?;
        let subscriptions = self.link.wait(self.listen(&session, &sender))?;
        let (found, jobs) = sync_channel(LOOKED_UP);
        let stopped = std::thread::scope(|scope| -> Result<Stop, PoolError> {
            let (record, cancel) = (&self.context.record, &self.context.cancel);
            let looked_up = sender.clone();
            let look_up = move || {
                let reports = looked_up.clone();
                let reports: Reports =
                    Arc::new(move |event| reports.send(Signal::Report(event)).is_ok());
                let pass =
                    |job: Job| found.send(job).is_ok() && looked_up.send(Signal::LookedUp).is_ok();
                look_up_all(tasks, record, cancel, &reports, &pass);
                drop(found);
                // A run that has ended needs no signal.
                drop(looked_up.send(Signal::LookedUp));
            };
            let thread = std::thread::Builder::new().name("look-up".to_owned());
            thread
                .spawn_scoped(scope, look_up)
                .map_err(PoolError::Worker)?;
            let mut dispatch = Dispatch::new(self, tasks, session, sender);
            let stopped = dispatch.run(jobs, &signals, report);
            dispatch.withdraw();
            drop(signals);
            Ok(stopped)
        })?;
        drop(subscriptions);
        match stopped {
            Stop::Done => Ok(()),
            Stop::Listener => {
                self.context.cancel.cancel();
                Ok(())
            }
            Stop::Failed(error) => {
                self.context.cancel.cancel();
                Err(error)
            }
        }
    }
}
