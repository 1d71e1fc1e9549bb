//! URLs and paths in a plan: the `store` section, the source, and the
//! endpoints and servers of pools. None may hold a credential.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::form::{Context, Form, Given, Section, default, optional, required};
use super::mistake::{Found, Place};
use super::node::Node;
use super::scalar::{Bool, FILE, LABEL, Parsed, Period, Text};
use crate::store::{AddressError, check_source_url, check_url};

#[rustfmt::skip] // a row a field
pub(super) static STORE: Section = Section::new("store", "An object store, and how it is reached.", &[
    required("url", "`s3://BUCKET/PREFIX`, `gs://BUCKET/PREFIX`, `az://CONTAINER/PREFIX`, or a folder. It holds no credential.", &STORE_URL)
        .aka(&["uri", "path", "location", "bucket"]),
    optional("endpoint", "The server's URL, such as `http://localhost:9000`. Default: `AWS_ENDPOINT_URL`, the profile's, the cloud's own.", &ENDPOINT)
        .aka(&["endpoint_url", "host", "server"]),
    optional("region", "The region of an S3 bucket. Default: `AWS_REGION`, the profile's, `us-east-1`.", &Text)
        .aka(&["aws_region"]),
    optional("path_style", "Whether an S3 bucket is part of the path (`HOST/BUCKET`) rather than of the host's name (`BUCKET.HOST`). Default: true where there is an endpoint.", &Bool)
        .aka(&["force_path_style"]),
    optional("ca", "A PEM file of certificates to trust beside the system's, relative to the plan's folder. Default: `AWS_CA_BUNDLE`.", &FILE)
        .aka(&["ca_bundle", "cert", "certificate"]),
    default("timeout", "How long one request may take.", &Period(100, HOUR), "1m")
        .aka(&["request_timeout"]),
    default("retry", "How long a request that fails transiently is repeated; `0s`: not at all.", &Period(0, HOUR), "2m")
        .aka(&["retries", "budget", "retry_timeout"]),
]).short("url").check(check_store);

/// Threat: a unit that was mistyped, and a request that never ends.
const HOUR: u64 = 3_600_000;

/// Fields of `store` that only some schemes have.
const APPLIES: [(&str, &[&str]); 6] = [
    ("endpoint", &["s3", "gs", "az"]),
    ("region", &["s3"]),
    ("path_style", &["s3"]),
    ("ca", &["s3", "gs", "az"]),
    ("timeout", &["s3", "gs", "az"]),
    ("retry", &["s3", "gs", "az"]),
];

fn check_store(store: &Node, found: &mut Found) {
    let Some(url) = store.entry("url").and_then(|entry| entry.value.label()) else {
        return;
    };
    let scheme = url.split_once("://").map_or("file", |(scheme, _)| scheme);
    if !["file", "memory", "s3", "gs", "az"].contains(&scheme) {
        return;
    }
    for (field, schemes) in APPLIES {
        if let Some(entry) = store.entry(field).filter(|_| !schemes.contains(&scheme)) {
            let message = format!("`{field}` has no effect on a `{scheme}://` store");
            let schemes = schemes.join("://`, `");
            let hint = format!("remove it; it is for `{schemes}://`");
            found.note(entry.place, message).hint(hint);
        }
    }
}

static STORE_URL: Parsed = Parsed {
    takes: LABEL.0,
    parse: |url, given, cx| {
        let url = store_url(url, cx.here);
        match check_url(&url) {
            Ok(()) => Some(url),
            Err(error) => refuse(&error, given, cx),
        }
    },
    schema: || Form::schema(&Text),
};

static ENDPOINT: Parsed = Parsed {
    takes: LABEL.0,
    parse: |url, given, cx| match check_source_url(url) {
        Ok(()) if is_web(url) => Some(url.to_owned()),
        Err(error @ AddressError::Credential { .. }) => refuse(&error, given, cx),
        _ => {
            let hint = "write `http://HOST:PORT` or `https://HOST`";
            let message = "`endpoint` takes a server's URL";
            cx.note(given.node.place, message).hint(hint);
            None
        }
    },
    schema: || json!({"type": "string", "pattern": "^https?://"}),
};

/// The source of the dataset. The reader refuses schemes that it can't read.
pub(super) static SOURCE: Parsed = Parsed {
    takes: LABEL.0,
    parse: |url, given, cx| {
        match check_source_url(url) {
            Err(error @ AddressError::Credential { .. }) => drop(refuse(&error, given, cx)),
            Err(error @ AddressError::Query { .. }) if is_web(url) => {
                drop(refuse(&error, given, cx));
            }
            _ => {}
        }
        Some(cx.resolve(url, given.node.place))
    },
    schema: || Form::schema(&Text),
};

fn is_web(url: &str) -> bool {
    url.starts_with("http://") || url.starts_with("https://")
}

fn refuse(error: &AddressError, given: Given<'_>, cx: &mut Context<'_>) -> Option<String> {
    let (message, hint) = match error {
        AddressError::Credential { .. } => (
            "a URL in a plan holds no credential",
            "set `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY` (or `AWS_PROFILE`), and write \
             `s3://BUCKET/PREFIX`",
        ),
        AddressError::Query { .. } => (
            "a URL in a plan has no query (`?...`)",
            "an object has a name alone; download what needs a query, and name the file",
        ),
        AddressError::NoBucket { .. } => (
            "the URL names no bucket",
            "write `s3://BUCKET` or `s3://BUCKET/PREFIX`",
        ),
        AddressError::Path { .. } => (
            "the URL's path has an empty part, `.` or `..`",
            "no object has such a name; write `s3://BUCKET/PREFIX`",
        ),
        AddressError::Unknown { .. } => (
            "this is not the URL of a store",
            "write a folder, `s3://BUCKET/PREFIX`, `gs://BUCKET/PREFIX`, `az://CONTAINER/PREFIX` \
             or `memory://`",
        ),
    };
    cx.note(given.node.place, message).hint(hint);
    None
}

/// The URL of a store; a folder, with `file://` before it or not, is relative
/// to `here`.
pub fn store_url(store: &str, here: &Path) -> String {
    match store.strip_prefix("file://") {
        None if store.contains("://") => store.to_owned(),
        path => {
            let path: PathBuf = here.join(path.unwrap_or(store)).components().collect();
            format!("file://{}", path.display())
        }
    }
}

/// URLs of servers that a pool connects to.
pub(super) struct Servers {
    /// One, with its article.
    pub(super) noun: &'static str,
    pub(super) schemes: [&'static str; 2],
    /// The form of a URL.
    pub(super) form: &'static str,
    /// Where a secret belongs.
    pub(super) secrets: &'static str,
}

impl Servers {
    /// Notes what is wrong with a URL.
    pub(super) fn check(&self, url: &str, place: Place, found: &mut Found) -> Option<String> {
        let Self {
            noun,
            schemes,
            form,
            secrets,
        } = *self;
        let Some(rest) = schemes.iter().find_map(|scheme| url.strip_prefix(scheme)) else {
            let schemes = schemes.join("` or `");
            let message = format!("{noun} is a URL that begins with `{schemes}`");
            let bare = !url.contains("://");
            found.note(place, message).hint(match bare {
                true => format!("write `{}{url}`", self.schemes[0]),
                false => format!("write `{form}`"),
            });
            return None;
        };
        let host = rest.split(['/', '?', '#']).next().unwrap_or(rest);
        let secret = match () {
            () if host.contains('@') => Some("a user or password"),
            () if rest.contains(['?', '#']) => Some("a query"),
            () => None,
        };
        if let Some(secret) = secret {
            found
                .note(place, format!("the URL of {noun} holds {secret}"))
                .hint(secrets);
            return None;
        }
        if host.is_empty() || reqwest::Url::parse(url).is_err() {
            let message = format!("this is not the URL of {noun}");
            found.note(place, message).hint(format!("write `{form}`"));
            return None;
        }
        Some(url.to_owned())
    }
}
