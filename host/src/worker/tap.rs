//! [`Tap`]: a slot's place at the queue. It asks for one task at a time, by one
//! subscription for as long as the connection lasts.

use std::time::Duration;

use async_nats::jetstream::Message;
use async_nats::jetstream::consumer::{Consumer, pull};
use async_nats::{StatusCode, Subject, Subscriber};
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
        let refused = |why: String| Err(api("give a task", std::io::Error::other(why)));
        let Some(message) = answer else {
            return refused("the connection is closed".to_owned());
        };
        match message.status {
            None | Some(StatusCode::OK) => Ok(Some(Message {
                message,
                context: queue.context().clone(),
            })),
            // None in time.
            Some(StatusCode::NOT_FOUND | StatusCode::TIMEOUT) => Ok(None),
            // The consumer or its stream may be gone.
            Some(status) => {
                let why = message.description.as_deref().unwrap_or_default();
                refused(format!("{status}: {why}"))
            }
        }
    }
}
