//! [`NatsPool`]: workers on any hosts, which take tasks from a queue of
//! JetStream. The run publishes and watches; the queue distributes.
//!
//! Messages carry ids. Results go to the store and come from it: what a worker
//! says of a task only tells when to look. So whatever is lost between (a
//! word, a message, the whole queue) costs time and no result.

mod dispatch;
mod fleet;
mod pace;

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel, sync_channel};
use std::time::Duration;

use async_nats::{Message, Subject};
use futures::StreamExt as _;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use super::ahead::{Job, LOOKED_UP, Notices, look_ahead};
use super::{Notice, Pool, PoolError, Tasks, Work};
use crate::digest::Digest;
use crate::queue::message::{self, Beat, Word, WorkerState};
use crate::queue::{Link, Queue, QueueError, QueueSettings, api};
use crate::sandbox::TaskLimits;
use dispatch::{Dispatch, Stop};

/// How long workers have to say that they are there when a run begins.
const ROLL_CALL: Duration = Duration::from_millis(500);

/// A connection to a queue, and who is at its other side.
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

    /// Waits for what the queue answers.
    pub fn wait<T>(&self, answer: impl Future<Output = T>) -> T {
        self.runtime.block_on(answer)
    }

    /// The workers that say within half a second that they are there, by
    /// name.
    pub fn workers(&self) -> Result<Vec<Beat>, QueueError> {
        let client = self.queue.client();
        let gather = async {
            let inbox = client.new_inbox();
            let failed = |error| api("ask who is there", error);
            let mut beats = client.subscribe(inbox.clone()).await.map_err(failed)?;
            let call = client.publish_with_reply(self.queue.roll_call(), inbox, "".into());
            call.await.map_err(|error| api("ask who is there", error))?;
            let mut workers = HashMap::new();
            let answers = async {
                while let Some(message) = beats.next().await {
                    if let Ok(beat) = message::read::<Beat>(&message.payload) {
                        workers.insert(beat.name.clone(), beat);
                    }
                }
            };
            // There is no telling how many there are.
            drop(tokio::time::timeout(ROLL_CALL, answers).await);
            let mut workers: Vec<Beat> = workers.into_values().collect();
            workers.sort_by(|a, b| a.name.cmp(&b.name));
            Ok(workers)
        };
        self.runtime.block_on(gather)
    }

    /// What is in the queue.
    pub fn state(&self) -> Result<QueueState, QueueError> {
        let queue = &self.queue;
        let ask = async {
            let consumer = queue.consumer().await?;
            let failed = |error| api("tell of its queue", error);
            let in_hand = consumer.get_info().await;
            let in_hand = in_hand.map_err(|error| api("tell of its queue", error))?;
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
                in_hand: in_hand.num_ack_pending,
                runs,
            })
        };
        self.runtime.block_on(ask)
    }

    /// How many tasks the workers that are there run at a time.
    pub fn slots(&self) -> Result<usize, QueueError> {
        let workers = self.workers()?;
        let up = workers.iter().filter(|beat| beat.state == WorkerState::Up);
        Ok(up.map(|beat| beat.slots).sum())
    }
}

/// What is in a queue.
#[derive(Clone, Debug, serde::Serialize)]
pub struct QueueState {
    /// Its name.
    pub name: String,
    /// Tasks that no worker has finished.
    pub tasks: usize,
    /// Those of them that workers hold.
    pub in_hand: usize,
    /// How many tasks there are by run.
    pub runs: BTreeMap<Digest, usize>,
}

/// Runs tasks at workers on other hosts.
#[derive(Debug)]
pub struct NatsPool {
    link: NatsLink,
    run: Digest,
    work: Work,
    limits: TaskLimits,
    fresh: bool,
    retry: Duration,
    slots: usize,
}

/// What a run hears while its tasks are elsewhere.
enum Heard {
    /// Something of a task that was looked up.
    Notice(Result<Notice, PoolError>),
    /// A task more is ready to be published, or there are no more.
    Looked,
    /// A message is in the queue, as this number, or is not.
    Published {
        tag: u64,
        round: u32,
        sequence: Option<u64>,
    },
    /// A worker's word, and where it waits for an answer.
    Word(Word, Option<Subject>),
    /// A worker is there.
    Beat(Beat),
    /// The connection came or went.
    Link(Link),
}

impl NatsPool {
    /// A pool of the workers behind `link` for the tasks of `run`, whose
    /// manifest, dataset and guest are in the store. `slots` is how many tasks
    /// they run at a time as far as is known, `retry` how long the run goes on
    /// without NATS; `fresh` has every fit made again.
    pub fn new(link: NatsLink, run: Digest, work: Work, limits: TaskLimits, slots: usize) -> Self {
        Self {
            link,
            run,
            work,
            limits,
            fresh: false,
            retry: Duration::from_secs(120),
            slots,
        }
    }

    /// The same, with every fit made again.
    pub fn fresh(mut self, fresh: bool) -> Self {
        self.fresh = fresh;
        self
    }

    /// The same, which goes on for so long without NATS.
    pub fn retry(mut self, retry: Duration) -> Self {
        self.retry = retry;
        self
    }

    /// Subscribes to all that a session has to hear. What listens ends when
    /// the set is dropped.
    async fn listen(&self, session: &str, hear: &Sender<Heard>) -> Result<JoinSet<()>, QueueError> {
        let queue = &self.link.queue;
        let client = queue.client();
        let failed = |error| api("listen", error);
        let mut tasks = JoinSet::new();
        let mut words = client
            .subscribe(queue.words(session))
            .await
            .map_err(failed)?;
        let heard = hear.clone();
        tasks.spawn(async move {
            while let Some(Message { payload, reply, .. }) = words.next().await {
                // Whatever else is sent here is nobody's word.
                if let Ok(word) = message::read(&payload)
                    && heard.send(Heard::Word(word, reply)).is_err()
                {
                    return;
                }
            }
        });
        let mut beats = client.subscribe(queue.beats()).await.map_err(failed)?;
        let heard = hear.clone();
        tasks.spawn(async move {
            while let Some(message) = beats.next().await {
                if let Ok(beat) = message::read(&message.payload)
                    && heard.send(Heard::Beat(beat)).is_err()
                {
                    return;
                }
            }
        });
        let mut link = queue.link();
        let heard = hear.clone();
        tasks.spawn(async move {
            while link.changed().await.is_ok() {
                let now = *link.borrow_and_update();
                if heard.send(Heard::Link(now)).is_err() {
                    return;
                }
            }
        });
        let call = client.publish_with_reply(queue.roll_call(), queue.beats(), "".into());
        call.await.map_err(|error| api("ask who is there", error))?;
        Ok(tasks)
    }
}

impl Pool for NatsPool {
    fn workers(&self) -> usize {
        self.slots
    }

    fn run(
        &self,
        tasks: &dyn Tasks,
        noticed: &mut dyn FnMut(Notice) -> ControlFlow<()>,
    ) -> Result<(), PoolError> {
        let session = crate::chance::name();
        let (hear, heard) = channel();
        // It must be there before anybody is told of a task.
        self.link.wait(self.link.queue.consumer())?;
        let listening = self.link.wait(self.listen(&session, &hear))?;
        let (found, jobs) = sync_channel(LOOKED_UP);
        let stopped = std::thread::scope(|scope| -> Result<Stop, PoolError> {
            let (record, cancel) = (&self.work.record, &self.work.cancel);
            let looked = hear.clone();
            let look = move || {
                let told = looked.clone();
                let notices: Notices =
                    Arc::new(move |notice| told.send(Heard::Notice(notice)).is_ok());
                let pass = |job: Job| found.send(job).is_ok() && looked.send(Heard::Looked).is_ok();
                look_ahead(tasks, record, cancel, &notices, &pass);
                drop(found);
                // A run that has ended needs no waking.
                drop(looked.send(Heard::Looked));
            };
            let thread = std::thread::Builder::new().name("look-up".to_owned());
            thread
                .spawn_scoped(scope, look)
                .map_err(PoolError::Worker)?;
            let mut dispatch = Dispatch::new(self, tasks, session, hear);
            let stopped = dispatch.run(jobs, &heard, noticed);
            dispatch.withdraw();
            drop(heard);
            Ok(stopped)
        })?;
        drop(listening);
        match stopped {
            Stop::Done => Ok(()),
            Stop::Enough => {
                self.work.cancel.cancel();
                Ok(())
            }
            Stop::Failed(error) => {
                self.work.cancel.cancel();
                Err(error)
            }
        }
    }
}
