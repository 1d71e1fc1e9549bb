//! The `pool` section.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::form::{Section, Variant, default, optional, required};
use super::list::List;
use super::location::Servers;
use super::scalar::{Bool, Choice, FILE, Int, Parsed, Period};
use super::table::section;
use crate::queue::{DEFAULT_QUEUE, is_name};

/// The `pool` section.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum PoolPlan {
    /// Workers of this process.
    Local {
        /// How many; `None`: one a core.
        workers: Option<usize>,
    },
    /// Endpoints that serve the guest over HTTP.
    Http(HttpPlan),
    /// Workers on other hosts, which take tasks from a queue.
    Nats(NatsPlan),
}

section! {
    /// Endpoints that serve the guest over HTTP, on any platform.
    #[derive(Eq)]
    pub struct HttpPlan = HTTP_POOL("pool") {
        /// The URL of the guest, or a list of several.
        endpoints: Vec<String> = required(&ENDPOINTS)
            .aka(&["endpoint", "url", "urls", "servers", "hosts"]),
        /// Concurrent requests to each endpoint.
        concurrency: usize = default(&Int(1, 1024), "8")
            .aka(&["workers", "n_jobs", "max_concurrency", "parallelism"]),
        /// The environment variable that holds the bearer token. Default: no token is sent.
        token_env: Option<String> = optional(&TOKEN_ENV)
            .aka(&["token", "bearer", "auth", "authorization"]),
        /// Whether the token may be sent over `http://` to other hosts than this one, where
        /// anybody on the way can read it.
        insecure: bool = default(&Bool, "false"),
        /// How the dataset gets to an endpoint.
        data: DataWay = default(&DATA, "auto").aka(&["dataset", "transfer"]),
        /// How long the run goes on without any answer: `30s`, `2m`.
        retry: Duration = default(&RETRY, "2m").aka(&["retries", "patience", "retry_timeout"]),
        /// A PEM file of certificates to trust beside the system's, relative to the plan's
        /// folder.
        ca: Option<PathBuf> = optional(&FILE).aka(&["ca_bundle", "certificate", "cert"]),
    }
}

section! {
    /// Workers on other hosts (`fanout worker`), which take tasks from a queue of NATS
    /// JetStream.
    #[derive(Eq)]
    pub struct NatsPlan = NATS_POOL("pool") {
        /// The URL of a NATS server, or a list of those of one cluster. Credentials come from
        /// the environment: `FANOUT_NATS_USER` and `FANOUT_NATS_PASSWORD`,
        /// `FANOUT_NATS_TOKEN`, `FANOUT_NATS_NKEY`, `FANOUT_NATS_CREDS`.
        servers: Vec<String> = required(&SERVERS)
            .aka(&["server", "url", "urls", "nats", "hosts", "endpoints"]),
        /// The queue's name: the workers of one store share one.
        queue: String = default(&QUEUE, DEFAULT_QUEUE).aka(&["stream", "subject", "name"]),
        /// The number of tasks at a time for which families are split. Default: as many as
        /// the workers present run at a time.
        workers: Option<usize> = optional(&Int(1, 1_000_000))
            .aka(&["n_jobs", "concurrency", "slots"]),
        /// How long the run goes on without NATS: `30s`, `2m`.
        retry: Duration = default(&RETRY, "2m").aka(&["retries", "patience", "retry_timeout"]),
        /// A PEM file of certificates to trust beside the system's, relative to the plan's
        /// folder.
        ca: Option<PathBuf> = optional(&FILE).aka(&["ca_bundle", "certificate", "cert"]),
    }
}

/// How the dataset gets to an endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DataWay {
    /// By URL where the store can sign one and the endpoint can reach it,
    /// else in the body.
    #[default]
    Auto,
    /// By a URL that the store signs.
    Url,
    /// In the body of a request.
    Body,
}

#[rustfmt::skip] // a row a kind
pub(super) static POOL: Section = Section::new("pool", "What runs the tasks.", &[]).tagged("kind", "local", &[
    Variant { name: "local", about: "Workers of this process.", fields: &[
        optional("workers", "How many. Default: one a core.", &Int(1, 1024))
            .aka(&["n_jobs", "threads", "concurrency", "jobs"]),
    ] },
    Variant { name: "http", about: HTTP_POOL.about, fields: HTTP_POOL.fields },
    Variant { name: "nats", about: NATS_POOL.about, fields: NATS_POOL.fields },
]);

/// Up to a week. Threat: a unit that was mistyped, and a run that never ends.
const RETRY: Period = Period(1, 7 * 24 * 3_600_000);

#[rustfmt::skip] // a row a choice
static DATA: Choice = Choice(&[
    ("auto", "By URL where the store can sign one and the endpoint can reach it, else in the body."),
    ("url", "By a URL that the store signs."),
    ("body", "In the body of a request."),
]);

#[rustfmt::skip] // one row
static ENDPOINTS: List = List::new(&ENDPOINT, "URLs", "endpoint").single()
    .filled("write at least one, such as `[http://localhost:8000]`").unique("remove one, and raise `concurrency` if it takes more");

static ENDPOINT: Parsed = Parsed {
    takes: "a URL, or a list of them",
    parse: |url, given, cx| HTTP.check(url, given.node.place, &mut cx.found),
    schema: || json!({"type": "string", "pattern": "^https?://"}),
};

const HTTP: Servers = Servers {
    noun: "an endpoint",
    schemes: ["http://", "https://"],
    form: "https://HOST/PATH",
    secrets: "a token belongs into the environment variable that `token_env` names",
};

#[rustfmt::skip] // one row
static SERVERS: List = List::new(&SERVER, "URLs", "server").single()
    .filled("write at least one, such as `[nats://localhost:4222]`").unique("remove one");

static SERVER: Parsed = Parsed {
    takes: "a URL, or a list of them",
    parse: |url, given, cx| NATS.check(url, given.node.place, &mut cx.found),
    schema: || json!({"type": "string", "pattern": "^(nats|tls)://"}),
};

const NATS: Servers = Servers {
    noun: "a server",
    schemes: ["nats://", "tls://"],
    form: "nats://HOST:4222",
    secrets: "credentials belong into the environment: `FANOUT_NATS_USER` and \
              `FANOUT_NATS_PASSWORD`, or `FANOUT_NATS_CREDS`",
};

/// A queue's name is part of NATS subjects and of a stream's name.
static QUEUE: Parsed = Parsed {
    takes: "the name of a queue",
    parse: |name, given, cx| {
        let named = is_name(name);
        if !named {
            let hint = "use letters, digits, `-` and `_`, such as `fanout`";
            given.wrong("the name of a queue", cx).hint(hint);
        }
        named.then(|| name.to_owned())
    },
    schema: || json!({"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"}),
};

/// The value is not shown: it may be the token itself, by mistake.
static TOKEN_ENV: Parsed = Parsed {
    takes: "the name of an environment variable",
    parse: |name, given, cx| {
        let named = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !named {
            let message = "`token_env` takes the name of an environment variable";
            let hint = "put the token into a variable, such as `FANOUT_TOKEN`, and write its name";
            cx.note(given.node.place, message).hint(hint);
        }
        named.then(|| name.to_owned())
    },
    schema: || json!({"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]*$"}),
};
