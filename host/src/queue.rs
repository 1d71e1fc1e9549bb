//! [`Queue`]: the JetStream work queue between runs and workers: its
//! connection, its stream, consumer and subjects, and its [`message`]s.
//!
//! The queue is never the record: a message names objects of the store, and a
//! message that is lost is published again. Nothing here decides what a result
//! is.

pub mod message;

use std::path::PathBuf;
use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, Consumer, pull};
use async_nats::jetstream::stream::{RetentionPolicy, StorageType, Stream};
use async_nats::jetstream::{self, Context};
use async_nats::{Client, ConnectErrorKind, ConnectOptions, Event};
use tokio::sync::watch;

use crate::digest::Digest;

/// The queue's default name.
pub const DEFAULT_QUEUE: &str = "fanout";

/// The durable consumer that all workers of a queue share.
pub const CONSUMER: &str = "workers";

/// The version of the messages. Runs and workers of other versions have
/// subjects of their own and never meet.
pub const PROTOCOL: u32 = 5;

/// A task is delivered again when its worker has sent nothing about it for so
/// long.
const ACK_WAIT: Duration = Duration::from_secs(30);

/// Messages older than this are removed: those of runs that were killed. A run
/// publishes again what it misses.
const MAX_AGE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The time limit of a request to NATS.
const TIMEOUT: Duration = Duration::from_secs(10);

/// More than all workers have slots: no limit of the consumer throttles them.
const MANY: i64 = 1 << 20;

/// Whether `text` may be a queue's name, which is part of subjects.
pub fn is_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=64).contains(&text.len()) && text.bytes().all(allowed)
}

/// Whether an answer may be published to this subject. Threat: a request whose
/// reply is a subject of JetStream's own, on which the sender may not publish and
/// the one who answers may.
pub(crate) fn is_inbox(subject: &str) -> bool {
    subject.starts_with("_INBOX.")
}

/// The address of a queue and the credentials for it.
#[derive(Clone)]
pub struct QueueSettings {
    /// Server URLs: `nats://HOST:PORT`, `tls://HOST:PORT`; at least one.
    pub urls: Vec<String>,
    /// The name of the stream, and the first part of every subject.
    pub name: String,
    /// The credentials.
    pub credentials: Credentials,
    /// A PEM file of certificates to trust beside the system's.
    pub ca: Option<PathBuf>,
}

impl std::fmt::Debug for QueueSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Without credentials.
        f.debug_struct("QueueSettings")
            .field("urls", &self.urls)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Credentials for NATS.
#[derive(Clone, Default)]
pub enum Credentials {
    /// Nothing.
    #[default]
    None,
    /// A token.
    Token(String),
    /// A user and a password.
    User {
        /// The user.
        name: String,
        /// The password.
        password: String,
    },
    /// The seed of an NKey.
    NKey(String),
    /// A file of credentials, as `nsc` writes it: a JWT and a seed.
    File(PathBuf),
}

impl Credentials {
    /// The environment variables that hold credentials, and what each is.
    pub const VARIABLES: [&'static str; 5] = [
        "FANOUT_NATS_CREDS",
        "FANOUT_NATS_NKEY",
        "FANOUT_NATS_USER",
        "FANOUT_NATS_PASSWORD",
        "FANOUT_NATS_TOKEN",
    ];

    /// Those that the environment holds, by [`Credentials::VARIABLES`]: a file
    /// of credentials, else the seed of an NKey, else a user with a password,
    /// else a token.
    pub fn from_env(variable: impl Fn(&str) -> Option<String>) -> Self {
        let variable = |name| variable(name).filter(|value| !value.is_empty());
        if let Some(file) = variable("FANOUT_NATS_CREDS") {
            return Self::File(file.into());
        }
        if let Some(seed) = variable("FANOUT_NATS_NKEY") {
            return Self::NKey(seed);
        }
        if let Some(name) = variable("FANOUT_NATS_USER") {
            let password = variable("FANOUT_NATS_PASSWORD").unwrap_or_default();
            return Self::User { name, password };
        }
        variable("FANOUT_NATS_TOKEN").map_or(Self::None, Self::Token)
    }
}

/// Why a queue can't be used.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// The URL is not one of NATS.
    #[error("`{url}` is no URL of a NATS server")]
    Url {
        /// As it was given.
        url: String,
    },
    /// The file of credentials can't be used.
    #[error("can't use the credentials in `{}`", file.display())]
    Credentials {
        /// The file.
        file: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// NATS refuses the credentials.
    #[error("NATS at `{urls}` refuses these credentials")]
    Denied {
        /// The servers.
        urls: String,
    },
    /// NATS can't be reached.
    #[error("NATS at `{urls}` can't be reached")]
    Unreachable {
        /// The servers.
        urls: String,
        /// Why.
        #[source]
        source: async_nats::ConnectError,
    },
    /// NATS was connected and has not answered since.
    #[error("NATS at `{urls}` has not answered for {} s", silent.as_secs())]
    Silent {
        /// The servers.
        urls: String,
        /// How long.
        silent: Duration,
    },
    /// A request to NATS failed.
    #[error("NATS can't {what}")]
    Api {
        /// What was asked.
        what: &'static str,
        /// Why.
        #[source]
        source: async_nats::Error,
    },
    /// The message of a single fit would be larger than the server takes.
    #[error("the message of a fit has {bytes} bytes, more than the {most} that NATS takes")]
    TooLarge {
        /// The message's size.
        bytes: usize,
        /// The server's bound.
        most: usize,
    },
}

impl QueueError {
    /// What to do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Url { .. } => "write `nats://HOST:4222`, or `tls://HOST:4222`",
            Self::Credentials { .. } => "`nsc generate creds` writes such a file",
            Self::Denied { .. } => {
                "set `FANOUT_NATS_USER` and `FANOUT_NATS_PASSWORD`, `FANOUT_NATS_TOKEN`, \
                 `FANOUT_NATS_NKEY` or `FANOUT_NATS_CREDS`"
            }
            Self::Unreachable { .. } => "start it with `nats-server --jetstream`, or check the URL",
            Self::Silent { .. } => "the same command goes on once it answers",
            Self::Api { .. } => {
                "JetStream must be on (`nats-server --jetstream`), and the user allowed to use it"
            }
            Self::TooLarge { .. } => {
                "raise `max_payload` of the server, or give less as a hyper-parameter"
            }
        }
    }
}

/// The state of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// Connected.
    Up,
    /// Not connected; it is made again by itself.
    Down,
}

/// A connection to a queue.
#[derive(Clone, Debug)]
pub struct Queue {
    settings: QueueSettings,
    client: Client,
    context: Context,
    link: watch::Receiver<Link>,
}

impl Queue {
    /// Connects, once: a server that is not there is an error.
    pub async fn connect(settings: QueueSettings) -> Result<Self, QueueError> {
        Self::open(settings, false).await
    }

    /// Connects in the background, for as long as it takes; until then requests
    /// fail.
    pub async fn connect_in_background(settings: QueueSettings) -> Result<Self, QueueError> {
        Self::open(settings, true).await
    }

    async fn open(settings: QueueSettings, wait: bool) -> Result<Self, QueueError> {
        let (state, link) = watch::channel(Link::Down);
        let mut options = ConnectOptions::new()
            .name("fanout")
            .request_timeout(Some(TIMEOUT))
            // Detects connections that were cut without notice.
            .ping_interval(Duration::from_secs(5))
            .event_callback(move |event| {
                match event {
                    Event::Connected => drop(state.send_replace(Link::Up)),
                    Event::Disconnected => drop(state.send_replace(Link::Down)),
                    _ => {}
                }
                std::future::ready(())
            })
            // Servers come back within seconds; workers must not all reconnect at once.
            .reconnect_delay_callback(|attempt| {
                let step = Duration::from_millis(100 << attempt.min(5));
                crate::jitter::jittered(step)
            });
        if wait {
            options = options.retry_on_initial_connect();
        }
        options = match settings.credentials.clone() {
            Credentials::None => options,
            Credentials::Token(token) => options.token(token),
            Credentials::User { name, password } => options.user_and_password(name, password),
            Credentials::NKey(seed) => options.nkey(seed),
            Credentials::File(file) => {
                let loaded = options.credentials_file(&file).await;
                loaded.map_err(|source| QueueError::Credentials { file, source })?
            }
        };
        if let Some(ca) = &settings.ca {
            options = options.add_root_certificates(ca.clone());
        }
        let urls = settings.urls.join(",");
        let client = options.connect(urls.as_str()).await;
        let client = client.map_err(|source| match source.kind() {
            ConnectErrorKind::ServerParse => QueueError::Url { url: urls },
            ConnectErrorKind::Authentication | ConnectErrorKind::AuthorizationViolation => {
                QueueError::Denied { urls }
            }
            _ => QueueError::Unreachable { urls, source },
        })?;
        let context = jetstream::ContextBuilder::new()
            .timeout(TIMEOUT)
            // A publish that is not acknowledged is repeated under the same message id.
            .max_ack_inflight(1 << 16)
            .backpressure_on_inflight(false)
            .build(client.clone());
        Ok(Self {
            settings,
            client,
            context,
            link,
        })
    }

    /// The state of the connection, and notice of changes.
    pub fn link(&self) -> watch::Receiver<Link> {
        self.link.clone()
    }

    /// The stream, created where it does not exist.
    pub async fn stream(&self) -> Result<Stream, QueueError> {
        let config = jetstream::stream::Config {
            name: self.settings.name.clone(),
            description: Some("tasks of fanout's runs".to_owned()),
            subjects: vec![self.all_tasks()],
            retention: RetentionPolicy::WorkQueue,
            storage: StorageType::File,
            max_age: MAX_AGE,
            ..Default::default()
        };
        let stream = self.context.get_or_create_stream(config).await;
        stream.map_err(|error| api("make the stream of tasks", error))
    }

    /// The consumer, created where it does not exist.
    pub async fn consumer(&self) -> Result<Consumer<pull::Config>, QueueError> {
        let config = pull::Config {
            durable_name: Some(CONSUMER.to_owned()),
            description: Some("fanout's workers".to_owned()),
            ack_policy: AckPolicy::Explicit,
            ack_wait: ACK_WAIT,
            // The workers and the run limit deliveries.
            max_deliver: -1,
            max_ack_pending: MANY,
            max_waiting: MANY,
            ..Default::default()
        };
        let stream = self.stream().await?;
        let consumer = stream.get_or_create_consumer(CONSUMER, config).await;
        consumer.map_err(|error| api("make the consumer of tasks", error))
    }

    /// The connection, for other messages than tasks.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// JetStream over the connection.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// The servers, for messages.
    pub fn urls(&self) -> String {
        self.settings.urls.join(",")
    }

    /// The name of the stream.
    pub fn name(&self) -> &str {
        &self.settings.name
    }

    fn subject(&self, rest: &str) -> String {
        format!("{}.v{PROTOCOL}.{rest}", self.settings.name)
    }

    /// The subject of the tasks of a run.
    pub fn tasks(&self, run: &Digest) -> String {
        self.subject(&format!("tasks.{run}"))
    }

    /// The subjects of the tasks of all runs.
    pub fn all_tasks(&self) -> String {
        self.subject("tasks.*")
    }

    /// The run whose tasks have this subject.
    pub fn run_of(&self, subject: &str) -> Option<Digest> {
        let run = subject.strip_prefix(&self.subject("tasks."))?;
        run.parse().ok()
    }

    /// The subject on which workers report to a session of a run.
    pub fn session(&self, session: &str) -> String {
        self.subject(&format!("sessions.{session}"))
    }

    /// The subject of the workers' heartbeats.
    pub fn heartbeats(&self) -> String {
        self.subject("workers")
    }

    /// The subject on which all workers are asked for a heartbeat.
    pub fn roll_call(&self) -> String {
        self.subject("rollcall")
    }
}

pub(crate) fn api(
    what: &'static str,
    source: impl std::error::Error + Send + Sync + 'static,
) -> QueueError {
    QueueError::Api {
        what,
        source: Box::new(source),
    }
}
