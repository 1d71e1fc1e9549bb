//! [`QueueArguments`]: the queue, as `worker` and `status` take it.

use std::path::PathBuf;

use clap::Args;
use fanout::queue::{Credentials, DEFAULT_QUEUE, QueueSettings, is_name};

use super::CommandError;
use fanout::error::ErrorKind;

/// The queue. Credentials come from the environment: FANOUT_NATS_USER and
/// FANOUT_NATS_PASSWORD, FANOUT_NATS_TOKEN, FANOUT_NATS_NKEY (a seed), or
/// FANOUT_NATS_CREDS (a file).
#[derive(Debug, Args)]
pub(super) struct QueueArguments {
    /// The URL of NATS, `nats://HOST:4222` or `tls://HOST:4222`; those of
    /// several servers of one cluster, with commas.
    #[arg(
        long,
        value_name = "URL",
        value_delimiter = ',',
        default_value = "nats://127.0.0.1:4222"
    )]
    nats: Vec<String>,
    #[command(flatten)]
    rest: QueueDetails,
}

/// The queue, where there may be none: as `watch` takes it.
#[derive(Debug, Args)]
pub(super) struct OptionalQueueArguments {
    /// The URL of NATS, `nats://HOST:4222` or `tls://HOST:4222`, to tell of the queue and
    /// its workers as well.
    #[arg(long, value_name = "URL", value_delimiter = ',')]
    nats: Vec<String>,
    #[command(flatten)]
    rest: QueueDetails,
}

/// What there is to say of a queue beside its servers.
#[derive(Debug, Args)]
struct QueueDetails {
    /// The queue's name.
    #[arg(long, value_name = "NAME", default_value = DEFAULT_QUEUE)]
    queue: String,
    /// A file of credentials, as `nsc` writes it.
    #[arg(long, value_name = "FILE")]
    nats_creds: Option<PathBuf>,
    /// A PEM file of certificates to trust in addition to the system's.
    #[arg(long, value_name = "FILE")]
    nats_ca: Option<PathBuf>,
}

impl QueueArguments {
    /// The settings, with credentials from the environment.
    pub(super) fn settings(&self) -> Result<QueueSettings, CommandError> {
        self.rest.settings(&self.nats)
    }
}

impl OptionalQueueArguments {
    /// The same; `None` where no server is named.
    pub(super) fn settings(&self) -> Result<Option<QueueSettings>, CommandError> {
        let named = (!self.nats.is_empty()).then(|| self.rest.settings(&self.nats));
        named.transpose()
    }
}

impl QueueDetails {
    fn settings(&self, nats: &[String]) -> Result<QueueSettings, CommandError> {
        let usage = |message: &str| CommandError::new(ErrorKind::Usage, message.to_owned());
        for url in nats {
            let rest = ["nats://", "tls://"].map(|scheme| url.strip_prefix(scheme));
            match rest.into_iter().flatten().next() {
                // Not repeated: it may hold a secret.
                Some(rest) if rest.contains('@') => {
                    let error = usage("the URL of NATS holds a user or password");
                    return Err(error.hint(format!(
                        "set one of {} in the environment",
                        Credentials::VARIABLES.join(", ")
                    )));
                }
                Some(rest) if !rest.is_empty() => {}
                _ => {
                    let error = usage("the URL of NATS begins with `nats://` or `tls://`");
                    return Err(error.hint("write `nats://HOST:4222`"));
                }
            }
        }
        if !is_name(&self.queue) {
            let error = usage("this is no name of a queue");
            return Err(error.hint("use letters, digits, `-` and `_`, such as `fanout`"));
        }
        let credentials = match &self.nats_creds {
            Some(file) => Credentials::File(file.clone()),
            None => Credentials::from_env(|name| std::env::var(name).ok()),
        };
        Ok(QueueSettings {
            urls: nats.to_vec(),
            name: self.queue.clone(),
            credentials,
            ca: self.nats_ca.clone(),
        })
    }
}
