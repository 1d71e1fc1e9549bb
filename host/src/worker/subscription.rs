//! [`PullSubscription`]: a slot's subscription to the queue. It requests one task
//! at a time, over one subscription for as long as the connection lasts. The
//! acknowledgement of a finished task requests the next one.

use std::time::Duration;

use async_nats::jetstream::consumer::{Consumer, pull};
use async_nats::jetstream::{AckKind, Message};
use async_nats::{StatusCode, Subject, Subscriber};
use bytes::Bytes;
use futures::StreamExt as _;
use tokio::sync::watch;

use crate::queue::{Link, Queue, QueueError, api};

/// How long the server holds a request for a task.
const WAIT: Duration = Duration::from_secs(30);

/// How much later than that the server's answer may arrive.
const LATE: Duration = Duration::from_secs(5);

pub(super) struct PullSubscription {
    consumer: Consumer<pull::Config>,
    inbox: Subject,
    answers: Subscriber,
    /// How many answers arrived.
    answered: u64,
    /// Whether a request is pending.
    requested: bool,
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
        Ok(Self {
            consumer,
            inbox,
            answers: answers.map_err(|error| api("deliver a task", error))?,
            answered: 0,
            requested: false,
            link,
        })
    }

    /// The state of the connection, with notice of every change since the
    /// subscription was opened: a server that was restarted has forgotten the
    /// request.
    pub(super) fn link(&self) -> watch::Receiver<Link> {
        self.link.clone()
    }

    /// Acknowledges a task whose results are in the record, and requests the next
    /// one, in one message.
    pub(super) async fn finish(&mut self, task: &Message, queue: &Queue) {
        let Some(reply) = task.reply.clone() else {
            return;
        };
        // As the client writes a request of one task.
        let request = format!("+NXT {{\"batch\":1,\"expires\":{}}}", WAIT.as_nanos());
        let inbox = self.inbox.clone();
        let client = queue.client();
        let sent = client.publish_with_reply(reply, inbox, request.into());
        // Where it is lost, the task is delivered again and its results are found
        // in the record.
        self.requested = sent.await.is_ok();
    }

    /// How long the queue waits for an acknowledgement before it delivers a task
    /// again.
    pub(super) fn ack_wait(&self) -> Duration {
        self.consumer.cached_info().config.ack_wait
    }

    /// The next task; `None` where there was none for a while, or something that
    /// is none.
    pub(super) async fn next(&mut self, queue: &Queue) -> Result<Option<Message>, QueueError> {
        if !self.requested {
            let request = pull::BatchConfig {
                batch: 1,
                expires: Some(WAIT),
                ..Default::default()
            };
            let sent = self.consumer.request_batch(request, self.inbox.clone());
            sent.await.map_err(|error| api("deliver a task", error))?;
            self.requested = true;
        }
        let answer = tokio::time::timeout(WAIT + LATE, self.answers.next()).await;
        self.requested = false;
        let Ok(answer) = answer else {
            return Ok(None);
        };
        self.answered += 1;
        let refused = |why: String| Err(api("deliver a task", std::io::Error::other(why)));
        let Some(message) = answer else {
            return refused("the connection is closed".to_owned());
        };
        match message.status {
            None | Some(StatusCode::OK) => Ok(task(message, queue)),
            // There was none in time.
            Some(StatusCode::NOT_FOUND | StatusCode::TIMEOUT) => Ok(None),
            // The consumer or its stream may have been deleted.
            Some(status) => {
                let why = message.description.as_deref().unwrap_or_default();
                refused(format!("{status}: {why}"))
            }
        }
    }

    /// Ends the subscription. A task that was on its way is returned; else the
    /// queue would deliver it only after its acknowledgement is overdue.
    ///
    /// The server counts the messages that it sends: it sends one more, which is
    /// a task or, where none was on its way, the message published here.
    pub(super) async fn close(mut self, queue: &Queue) {
        let closing = async {
            drop(self.answers.unsubscribe_after(self.answered + 1).await);
            drop(queue.client().publish(self.inbox, Bytes::new()).await);
            while let Some(message) = self.answers.next().await {
                if let Some(task) = task(message, queue) {
                    drop(task.ack_with(AckKind::Nak(None)).await);
                }
            }
        };
        // Without a connection nothing else ends the loop.
        drop(tokio::time::timeout(LATE, closing).await);
    }
}

/// The task in a message; `None` where JetStream did not deliver it, so that
/// nothing is acknowledged on a subject that a stranger chose.
fn task(message: async_nats::Message, queue: &Queue) -> Option<Message> {
    let context = queue.context().clone();
    let task = Message { message, context };
    task.info().is_ok().then_some(task)
}
