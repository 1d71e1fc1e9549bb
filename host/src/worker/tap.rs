//! [`Tap`]: a slot's place at the queue. It asks for one task at a time, by one
//! subscription for as long as the connection lasts.

use std::time::Duration;

use async_nats::jetstream::consumer::{Consumer, pull};
use async_nats::jetstream::{AckKind, Message};
use async_nats::{StatusCode, Subject, Subscriber};
use bytes::Bytes;
use futures::StreamExt as _;

use crate::queue::{Queue, QueueError, api};

/// How long a request for a task waits in the queue.
const WAIT: Duration = Duration::from_secs(30);

/// How much later than that its end may be told.
const LATE: Duration = Duration::from_secs(5);

pub(super) struct Tap {
    consumer: Consumer<pull::Config>,
    inbox: Subject,
    answers: Subscriber,
    /// How many have come.
    answered: u64,
    /// Whether a request is in the queue.
    asked: bool,
}

impl Tap {
    pub(super) async fn open(queue: &Queue) -> Result<Self, QueueError> {
        let consumer = queue.consumer().await?;
        let inbox = Subject::from(queue.client().new_inbox());
        let answers = queue.client().subscribe(inbox.clone()).await;
        Ok(Self {
            consumer,
            inbox,
            answers: answers.map_err(|error| api("give a task", error))?,
            answered: 0,
            asked: false,
        })
    }

    /// How long the queue waits for a word of a task.
    pub(super) fn patience(&self) -> Duration {
        self.consumer.cached_info().config.ack_wait
    }

    /// The next task; `None`: there was none for a while.
    pub(super) async fn next(&mut self, queue: &Queue) -> Result<Option<Message>, QueueError> {
        if !self.asked {
            let request = pull::BatchConfig {
                batch: 1,
                expires: Some(WAIT),
                ..Default::default()
            };
            let sent = self.consumer.request_batch(request, self.inbox.clone());
            sent.await.map_err(|error| api("give a task", error))?;
            self.asked = true;
        }
        let answer = tokio::time::timeout(WAIT + LATE, self.answers.next()).await;
        self.asked = false;
        let Ok(answer) = answer else {
            return Ok(None);
        };
        self.answered += 1;
        let refused = |why: String| Err(api("give a task", std::io::Error::other(why)));
        let Some(message) = answer else {
            return refused("the connection is closed".to_owned());
        };
        match message.status {
            None | Some(StatusCode::OK) => Ok(Some(task(message, queue))),
            // None in time.
            Some(StatusCode::NOT_FOUND | StatusCode::TIMEOUT) => Ok(None),
            // The consumer or its stream may be gone.
            Some(status) => {
                let why = message.description.as_deref().unwrap_or_default();
                refused(format!("{status}: {why}"))
            }
        }
    }
    /// Takes no task more. One that was on its way is given back: nobody would
    /// have it until the queue's patience ends.
    ///
    /// The server counts what it sends: it sends one message more, which is a
    /// task or, where none was on its way, what is published here.
    pub(super) async fn close(mut self, queue: &Queue) {
        let closing = async {
            drop(self.answers.unsubscribe_after(self.answered + 1).await);
            drop(queue.client().publish(self.inbox, Bytes::new()).await);
            while let Some(message) = self.answers.next().await {
                if message.reply.is_some() {
                    let task = task(message, queue);
                    drop(task.ack_with(AckKind::Nak(None)).await);
                }
            }
        };
        // A connection that is lost ends it nowhere else.
        drop(tokio::time::timeout(LATE, closing).await);
    }
}

fn task(message: async_nats::Message, queue: &Queue) -> Message {
    Message {
        message,
        context: queue.context().clone(),
    }
}
