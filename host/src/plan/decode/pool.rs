//! The `pool` section.

use std::path::PathBuf;
use std::time::Duration;

use super::{Base, beside, duration};
use crate::plan::fields::POOL;
use crate::plan::mistake::{Mistake, Place};
use crate::plan::node::{Atom, Content, Node};
use crate::plan::reader::{Noted, Reader, wrong};
use crate::plan::{DataWay, HttpPlan, NatsPlan, PoolPlan};
use crate::queue;

pub(super) fn pool(
    place: Place,
    node: &Node,
    base: &Base<'_>,
    noted: Noted<'_>,
) -> Option<PoolPlan> {
    let (variant, reader) = Reader::union(&POOL, place, node, noted)?;
    if variant.name == "local" {
        let workers = reader.int("workers", noted)?;
        return Some(PoolPlan::Local {
            workers: workers.and_then(|workers| usize::try_from(workers).ok()),
        });
    }
    if variant.name == "nats" {
        return nats(&reader, base, noted);
    }
    let urls = reader.own("endpoints", noted, |node, noted| {
        ENDPOINTS.urls(node, noted)
    });
    let concurrency = reader.int("concurrency", noted);
    let token_env = reader.own("token_env", noted, token_env);
    let insecure = reader.bool("insecure", noted);
    let data = reader.choice("data", noted);
    let retry = retry(&reader, noted);
    let ca = ca(&reader, base, noted);
    Some(PoolPlan::Http(HttpPlan {
        endpoints: urls??,
        concurrency: usize::try_from(concurrency??).ok()?,
        token_env: token_env?,
        insecure: insecure?,
        data: match data? {
            Some("url") => DataWay::Url,
            Some("body") => DataWay::Body,
            _ => DataWay::Auto,
        },
        retry: retry?,
        ca: ca?,
    }))
}

fn nats(reader: &Reader<'_>, base: &Base<'_>, noted: Noted<'_>) -> Option<PoolPlan> {
    let servers = reader.own("servers", noted, |node, noted| SERVERS.urls(node, noted));
    let queue = reader.own("queue", noted, queue_name);
    let workers = reader.int("workers", noted);
    let retry = retry(reader, noted);
    let ca = ca(reader, base, noted);
    Some(PoolPlan::Nats(NatsPlan {
        servers: servers??,
        queue: queue?.unwrap_or_else(|| queue::DEFAULT_QUEUE.to_owned()),
        workers: workers?.and_then(|workers| usize::try_from(workers).ok()),
        retry: retry?,
        ca: ca?,
    }))
}

fn retry(reader: &Reader<'_>, noted: Noted<'_>) -> Option<Duration> {
    let retry = reader.own("retry", noted, |node, noted| {
        duration(
            "retry",
            node,
            Duration::from_millis(1),
            super::MAX_TIMEOUT,
            noted,
        )
    });
    Some(retry?.unwrap_or(Duration::from_secs(120)))
}

fn ca(reader: &Reader<'_>, base: &Base<'_>, noted: Noted<'_>) -> Option<Option<PathBuf>> {
    let ca = reader.text("ca", noted)?;
    let place = reader.value_place("ca");
    Some(ca.map(|path| PathBuf::from(beside(&path, place, base))))
}

fn queue_name(node: &Node, noted: Noted<'_>) -> Option<String> {
    match node.atom() {
        Some(Atom::Text(name)) if queue::is_name(name) => Some(name.to_owned()),
        _ => {
            let mistake = Mistake::new(node.place, "this is no name of a queue");
            noted.push(mistake.hint("use letters, digits, `-` and `_`, such as `fanout`"));
            None
        }
    }
}

/// A field of URLs that hold no secret.
struct Urls {
    field: &'static str,
    /// What stands behind one, with its article.
    noun: &'static str,
    schemes: &'static [&'static str],
    /// What one looks like.
    example: &'static str,
    form: &'static str,
    /// Where a secret belongs.
    secrets: &'static str,
    /// What to do about a URL that is named twice.
    twice: &'static str,
}

const ENDPOINTS: Urls = Urls {
    field: "endpoints",
    noun: "an endpoint",
    schemes: &["http://", "https://"],
    example: "http://localhost:8000",
    form: "https://HOST/PATH",
    secrets: "a token belongs into the environment variable that `token_env` names",
    twice: "remove one, and raise `concurrency` if it takes more",
};

const SERVERS: Urls = Urls {
    field: "servers",
    noun: "a server",
    schemes: &["nats://", "tls://"],
    example: "nats://localhost:4222",
    form: "nats://HOST:4222",
    secrets: "credentials belong into the environment: `FANOUT_NATS_USER` and \
              `FANOUT_NATS_PASSWORD`, or `FANOUT_NATS_CREDS`",
    twice: "remove one",
};

impl Urls {
    fn urls(&self, node: &Node, noted: Noted<'_>) -> Option<Vec<String>> {
        let (field, noun) = (self.field, self.noun);
        let items = match &node.content {
            Content::List(items) if items.is_empty() => {
                let mistake = Mistake::new(node.place, format!("`{field}` names no URL"));
                let example = self.example;
                noted.push(mistake.hint(format!("write at least one, such as `[{example}]`")));
                return None;
            }
            Content::List(items) => items.as_slice(),
            _ => std::slice::from_ref(node),
        };
        let mut urls: Vec<String> = Vec::new();
        let mut fine = true;
        for item in items {
            let known = noted.len();
            match item.atom() {
                Some(Atom::Text(url)) => {
                    noted.extend(self.mistake_of(url, item.place));
                    if urls.iter().any(|other| other == url) {
                        let (_, noun) = noun.split_once(' ').unwrap_or(("", noun));
                        let message = format!("the {noun} is named twice");
                        noted.push(Mistake::new(item.place, message).hint(self.twice));
                    }
                    urls.push(url.to_owned());
                }
                _ => noted.push(wrong(field, "a URL, or a list of them", item)),
            }
            fine &= noted.len() == known;
        }
        fine.then_some(urls)
    }

    /// Messages repeat no URL that may hold a secret.
    fn mistake_of(&self, url: &str, place: Place) -> Option<Mistake> {
        let Self { noun, schemes, .. } = self;
        let Some(rest) = schemes.iter().find_map(|scheme| url.strip_prefix(scheme)) else {
            let known: Vec<String> = schemes.iter().map(|known| format!("`{known}`")).collect();
            let message = format!("{noun} is a URL that begins with {}", known.join(" or "));
            let meant = (!url.contains("://") && !url.is_empty())
                .then(|| format!("write `{}{url}`", schemes[0]));
            return Some(Mistake::new(place, message).maybe_hint(meant));
        };
        let host = rest.split(['/', '?', '#']).next().unwrap_or(rest);
        if host.contains('@') || rest.contains('?') || rest.contains('#') {
            let what = if host.contains('@') {
                "a user or password"
            } else {
                "a query"
            };
            let message = format!("the URL of {noun} holds {what}");
            return Some(Mistake::new(place, message).hint(self.secrets));
        }
        if host.is_empty() || reqwest::Url::parse(url).is_err() {
            let mistake = Mistake::new(place, format!("this is no URL of {noun}"));
            return Some(mistake.hint(format!("write `{}`", self.form)));
        }
        None
    }
}

/// A name, and no token by mistake.
fn token_env(node: &Node, noted: Noted<'_>) -> Option<String> {
    let named = match node.atom() {
        Some(Atom::Text(name)) if is_name(name) => Some(name.to_owned()),
        _ => None,
    };
    if named.is_none() {
        let mistake = Mistake::new(
            node.place,
            "`token_env` takes the name of an environment variable",
        );
        noted.push(
            mistake
                .hint("put the token into a variable, such as `FANOUT_TOKEN`, and write its name"),
        );
    }
    named
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}
