//! [`PullSubscription`]: a worker's subscription to the queue, on which all its
//! requests for tasks are answered.

use std::time::Duration;

use async_nats::jetstream::Message;
use async_nats::jetstream::consumer::{Consumer, pull};
use async_nats::{StatusCode, Subject, Subscriber};
use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::ReadyChunks;
use tokio::sync::watch;

use super::prefetch::Request;
use crate::queue::{Link, Queue, QueueError, api};

/// How long the server holds a request for tasks.
pub(super) const WAIT: Duration = Duration::from_secs(30);

/// How much later than that the server's answer may arrive.
pub(super) const LATE: Duration = Duration::from_secs(5);

/// The most answers that are read at a time.
const CHUNK: usize = 64;

/// The header in which a server says how many tasks an ended request lacks.
const MISSING: &str = "Nats-Pending-Messages";

/// An answer of the queue.
pub(super) enum Answer {
    /// A task.
    Task(Box<Message>),
    /// A request ended, with so many tasks missing; `None` where the server does
    /// not say how many, because it refused a request that does not wait.
    Ended(Option<usize>),
    /// Something that JetStream did not send.
    Other,
    /// The queue refuses to deliver.
    Refused(QueueError),
}

pub(super) struct PullSubscription {
    consumer: Consumer<pull::Config>,
    inbox: Subject,
    answers: ReadyChunks<Subscriber>,
    /// How many answers arrived.
    answered: u64,
    /// The state of the connection since the subscription was opened.
    link: watch::Receiver<Link>,
}

impl PullSubscription {
    pub(super) async fn open(queue: &Queue) -> Result<Self, QueueError> {
        let mut link = queue.link();
        link.mark_unchanged();
        let consumer = queue.consumer().await?;
        let inbox = Subject::from(queue.client().new_inbox());
        let answers = queue.client().subscribe(inbox.clone()).await;
        let answers = answers.map_err(|error| api("deliver a task", error))?;
        Ok(Self {
            consumer,
            inbox,
            answers: answers.ready_chunks(CHUNK),
            answered: 0,
            link,
        })
    }

    /// The state of the connection, with notice of every change since the
    /// subscription was opened: a server that was restarted has forgotten the
    /// requests.
    pub(super) fn link(&self) -> watch::Receiver<Link> {
        self.link.clone()
    }

    /// How long the queue waits for an acknowledgement before it delivers a task
    /// again.
    pub(super) fn ack_wait(&self) -> Duration {
        self.consumer.cached_info().config.ack_wait
    }

    /// Requests tasks.
    pub(super) async fn request(&self, request: Request) -> Result<(), QueueError> {
        let request = pull::BatchConfig {
            batch: request.batch,
            expires: Some(WAIT),
            no_wait: request.no_wait,
            ..Default::default()
        };
        let sent = self.consumer.request_batch(request, self.inbox.clone());
        sent.await.map_err(|error| api("deliver a task", error))
    }

    /// The answers that arrived, at least one. Nothing is lost where this is
    /// dropped before it is ready.
    pub(super) async fn next(&mut self, queue: &Queue) -> Vec<Answer> {
        let Some(messages) = self.answers.next().await else {
            return vec![refused("the connection is closed".to_owned())];
        };
        self.answered += messages.len() as u64;
        let answers = messages.into_iter();
        answers.map(|message| answer(message, queue)).collect()
    }

    /// Ends the subscription. Returns the tasks that were on their way, to be
    /// given back; else the queue would deliver them only after their
    /// acknowledgement is overdue.
    ///
    /// The server counts the messages that it sends: it sends one more, which is
    /// a task or, where none was on its way, the message published here.
    pub(super) async fn close(mut self, queue: &Queue) -> Vec<Message> {
        let mut tasks = Vec::new();
        let closing = async {
            let answers = self.answers.get_mut();
            drop(answers.unsubscribe_after(self.answered + 1).await);
            drop(queue.client().publish(self.inbox, Bytes::new()).await);
            while let Some(message) = answers.next().await {
                tasks.extend(task(message, queue));
            }
        };
        // Without a connection nothing else ends the loop.
        drop(tokio::time::timeout(LATE, closing).await);
        tasks
    }
}

fn refused(why: String) -> Answer {
    Answer::Refused(api("deliver a task", std::io::Error::other(why)))
}

fn answer(message: async_nats::Message, queue: &Queue) -> Answer {
    match message.status {
        None | Some(StatusCode::OK) => {
            task(message, queue).map_or(Answer::Other, |task| Answer::Task(Box::new(task)))
        }
        Some(StatusCode::NOT_FOUND | StatusCode::TIMEOUT) => {
            let headers = message.headers.as_ref();
            let missing = headers.and_then(|headers| headers.get(MISSING));
            Answer::Ended(missing.and_then(|missing| missing.as_str().parse().ok()))
        }
        // The consumer or its stream may have been deleted.
        Some(status) => {
            let why = message.description.as_deref().unwrap_or_default();
            refused(format!("{status}: {why}"))
        }
    }
}

/// The task in a message; `None` where JetStream did not deliver it, so that
/// nothing is acknowledged on a subject that a stranger chose.
fn task(message: async_nats::Message, queue: &Queue) -> Option<Message> {
    let context = queue.context().clone();
    let task = Message { message, context };
    task.info().is_ok().then_some(task)
}
