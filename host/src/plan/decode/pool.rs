//! The `pool` section.

use std::path::PathBuf;
use std::time::Duration;

use super::{Base, beside, duration};
use crate::plan::fields::POOL;
use crate::plan::mistake::{Mistake, Place};
use crate::plan::node::{Atom, Content, Node};
use crate::plan::reader::{Noted, Reader, wrong};
use crate::plan::{DataWay, HttpPlan, PoolPlan};

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
    let urls = reader.own("endpoints", noted, endpoints);
    let concurrency = reader.int("concurrency", noted);
    let token_env = reader.own("token_env", noted, token_env);
    let data = reader.choice("data", noted);
    let retry = reader.own("retry", noted, |node, noted| {
        duration(
            "retry",
            node,
            Duration::from_millis(1),
            super::MAX_TIMEOUT,
            noted,
        )
    });
    let ca = reader.text("ca", noted);
    let ca_place = reader.value_place("ca");
    Some(PoolPlan::Http(HttpPlan {
        endpoints: urls??,
        concurrency: usize::try_from(concurrency??).ok()?,
        token_env: token_env?,
        data: match data? {
            Some("url") => DataWay::Url,
            Some("body") => DataWay::Body,
            _ => DataWay::Auto,
        },
        retry: retry?.unwrap_or(Duration::from_secs(120)),
        ca: ca?.map(|path| PathBuf::from(beside(&path, ca_place, base))),
    }))
}

fn endpoints(node: &Node, noted: Noted<'_>) -> Option<Vec<String>> {
    let items = match &node.content {
        Content::List(items) if items.is_empty() => {
            let mistake = Mistake::new(node.place, "`endpoints` names no URL");
            noted.push(mistake.hint("write at least one, such as `[http://localhost:8000]`"));
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
                noted.extend(mistake_of_url(url, item.place));
                if urls.iter().any(|other| other == url) {
                    let mistake = Mistake::new(item.place, "the endpoint is named twice");
                    noted
                        .push(mistake.hint("remove one, and raise `concurrency` if it takes more"));
                }
                urls.push(url.to_owned());
            }
            _ => noted.push(wrong("endpoints", "a URL, or a list of them", item)),
        }
        fine &= noted.len() == known;
    }
    fine.then_some(urls)
}

/// Messages repeat no URL that may hold a secret.
fn mistake_of_url(url: &str, place: Place) -> Option<Mistake> {
    let scheme = ["http://", "https://"];
    let Some(rest) = scheme.iter().find_map(|scheme| url.strip_prefix(scheme)) else {
        let mistake = Mistake::new(
            place,
            "an endpoint is a URL that begins with `http://` or `https://`",
        );
        let meant =
            (!url.contains("://") && !url.is_empty()).then(|| format!("write `http://{url}`"));
        return Some(mistake.maybe_hint(meant));
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    if host.contains('@') || rest.contains('?') || rest.contains('#') {
        let what = if host.contains('@') {
            "a user or password"
        } else {
            "a query"
        };
        let mistake = Mistake::new(place, format!("the URL of an endpoint holds {what}"));
        return Some(
            mistake.hint("a token belongs into the environment variable that `token_env` names"),
        );
    }
    if host.is_empty() || reqwest::Url::parse(url).is_err() {
        return Some(
            Mistake::new(place, "this is no URL of an endpoint").hint("write `https://HOST/PATH`"),
        );
    }
    None
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
