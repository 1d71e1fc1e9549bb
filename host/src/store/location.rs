//! [`Location`]: where a store is and how it is reached, as a plan says it;
//! and [`Address`], its URL taken apart.
//!
//! A URL with a credential in it is refused, and [`redacted`] keeps what was
//! refused out of every message.

use std::path::PathBuf;
use std::time::Duration;

use object_store::path::Path;
use serde::{Deserialize, Serialize};

/// How long one request may take, where nothing else is said.
pub const TIMEOUT: Duration = Duration::from_secs(60);

/// How long an operation is tried again, where nothing else is said.
pub const RETRY: Duration = Duration::from_secs(120);

/// Where a store is, and how it is reached. It holds no credential: those come
/// from the environment, a profile or the instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Location {
    /// The URL: `file://PATH`, `memory://`, `s3://BUCKET/PREFIX`,
    /// `gs://BUCKET/PREFIX`, `az://CONTAINER/PREFIX`; of a source also
    /// `https://HOST/PATH`.
    pub url: String,
    /// The server, where it is not the cloud's own: `http://localhost:9000`.
    pub endpoint: Option<String>,
    /// The region of an S3 bucket.
    pub region: Option<String>,
    /// Whether an S3 bucket stands in the path (`HOST/BUCKET`) and not in the
    /// host's name (`BUCKET.HOST`).
    pub path_style: Option<bool>,
    /// A PEM file of certificates to trust beside the system's.
    pub ca: Option<PathBuf>,
    /// How long one request may take.
    pub timeout: Duration,
    /// How long an operation that fails in passing is tried again.
    pub retry: Duration,
}

impl Location {
    /// A URL, and the defaults of everything else.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            endpoint: None,
            region: None,
            path_style: None,
            ca: None,
            timeout: TIMEOUT,
            retry: RETRY,
        }
    }

    /// The URL of a source, reached as this store is where both are of one
    /// kind: a bucket of the same server has the same endpoint.
    pub fn source(&self, url: &str) -> Self {
        let scheme = |url: &str| url.split_once("://").map(|(scheme, _)| scheme.to_owned());
        let same = scheme(url) == scheme(&self.url);
        let like = |value: &Option<String>| value.clone().filter(|_| same);
        Self {
            url: url.to_owned(),
            endpoint: like(&self.endpoint),
            region: like(&self.region),
            path_style: self.path_style.filter(|_| same),
            ca: self.ca.clone(),
            timeout: self.timeout,
            retry: self.retry,
        }
    }
}

impl From<&str> for Location {
    fn from(url: &str) -> Self {
        Self::new(url)
    }
}

impl From<&String> for Location {
    fn from(url: &String) -> Self {
        Self::new(url)
    }
}

impl From<&Self> for Location {
    fn from(location: &Self) -> Self {
        location.clone()
    }
}

/// Why a URL names no store.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// The scheme is unknown, or there is none.
    #[error(
        "`{url}` is not one of `file://PATH`, `memory://`, `s3://BUCKET/PREFIX`, \
         `gs://BUCKET/PREFIX`, `az://CONTAINER/PREFIX`"
    )]
    Unknown {
        /// As it was given, without what may be secret.
        url: String,
    },
    /// A user or a password stands before the host, or a signature behind it.
    #[error(
        "`{url}` holds a credential; credentials come from the environment \
         (`AWS_ACCESS_KEY_ID` and the like), a profile, or the instance"
    )]
    Credential {
        /// As it was given, without the credential.
        url: String,
    },
    /// Something stands behind a `?`.
    #[error("`{url}` has a query (`?...`), which no object's name has")]
    Query {
        /// As it was given, without the query.
        url: String,
    },
    /// No bucket.
    #[error("`{url}` names no bucket; write `{scheme}://BUCKET` or `{scheme}://BUCKET/PREFIX`")]
    NoBucket {
        /// As it was given.
        url: String,
        /// Its scheme.
        scheme: &'static str,
    },
    /// An empty part of the path, `.` or `..`.
    #[error("`{url}` has an empty part, `.` or `..` in its path, which no object's name has")]
    Path {
        /// As it was given.
        url: String,
    },
}

/// A URL of a store, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Address {
    /// `file://PATH`
    Folder(PathBuf),
    /// `memory://`
    Memory,
    /// A bucket or container of a cloud, and the path in it.
    Bucket {
        cloud: Cloud,
        bucket: String,
        path: Path,
    },
    /// A web server, and the path on it.
    Web { server: String, path: Path },
}

/// Who keeps the buckets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cloud {
    S3,
    Gs,
    Az,
}

impl Cloud {
    pub(super) fn scheme(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::Gs => "gs",
            Self::Az => "az",
        }
    }
}

impl Address {
    pub(super) fn parse(url: &str) -> Result<Self, AddressError> {
        let unknown = || AddressError::Unknown { url: redacted(url) };
        let (scheme, rest) = url.split_once("://").ok_or_else(unknown)?;
        let clouds = [Cloud::S3, Cloud::Gs, Cloud::Az];
        let cloud = clouds.into_iter().find(|cloud| cloud.scheme() == scheme);
        match scheme {
            "file" => return Ok(Self::Folder(PathBuf::from(rest))),
            "memory" if rest.trim_matches('/').is_empty() => return Ok(Self::Memory),
            "http" | "https" => {}
            _ if cloud.is_some() => {}
            _ => return Err(unknown()),
        }
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        // No bucket's name has a `:`; a password that was not escaped has.
        let password = host.contains('@') || cloud.is_some() && host.contains(':');
        if password || secret_query(rest) {
            return Err(AddressError::Credential { url: redacted(url) });
        }
        if has_query(rest, cloud.is_some()) {
            return Err(AddressError::Query { url: redacted(url) });
        }
        let wrong = |_| AddressError::Path { url: redacted(url) };
        let path = path.trim_end_matches('/');
        match cloud {
            Some(cloud) if host.is_empty() => Err(AddressError::NoBucket {
                url: redacted(url),
                scheme: cloud.scheme(),
            }),
            Some(cloud) => Ok(Self::Bucket {
                cloud,
                bucket: host.to_owned(),
                path: Path::parse(path).map_err(wrong)?,
            }),
            None if host.is_empty() => Err(unknown()),
            None => Ok(Self::Web {
                server: format!("{scheme}://{host}"),
                path: Path::from_url_path(path).map_err(wrong)?,
            }),
        }
    }
}

/// Checks that a URL names a store, without opening it.
///
/// # Errors
///
/// If it does not, or if it holds a credential.
pub fn check_url(url: &str) -> Result<(), AddressError> {
    match Address::parse(url)? {
        Address::Web { .. } => Err(AddressError::Unknown { url: redacted(url) }),
        _ => Ok(()),
    }
}

/// Checks that a URL names something to read, without opening it.
///
/// # Errors
///
/// If it does not, or if it holds a credential.
pub fn check_source_url(url: &str) -> Result<(), AddressError> {
    Address::parse(url).map(drop)
}

/// In an object's name a `?` is a wildcard; with a `=` behind it, it is not.
fn has_query(rest: &str, wildcards: bool) -> bool {
    rest.split_once('?')
        .is_some_and(|(_, query)| !wildcards || query.contains('='))
}

/// Whether a query signs, as presigned URLs and tokens do.
fn secret_query(rest: &str) -> bool {
    let Some((_, query)) = rest.split_once('?') else {
        return false;
    };
    let query = query.to_ascii_lowercase();
    ["sig", "token", "key", "credential", "password", "secret"]
        .iter()
        .any(|word| {
            query
                .split('&')
                .any(|pair| pair.split('=').next().is_some_and(|key| key.contains(word)))
        })
}

/// A text in which no URL shows a user, a password or a query.
pub fn redacted(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, tail) = rest.split_at(at + 3);
        shown.push_str(before);
        let ends = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '<' | '>' | ',');
        let end = tail.find(ends).unwrap_or(tail.len());
        let (url, after) = tail.split_at(end);
        let (host, path) = url.split_at(url.find(['/', '?']).unwrap_or(url.len()));
        // A password may hold a slash, if its writer did not escape it.
        let (host, path) = match path.rfind('@') {
            Some(at) if !host.contains('@') && host.contains(':') => ("@", &path[at + 1..]),
            _ => (host, path),
        };
        match host.rsplit_once('@') {
            Some((_, host)) => {
                shown.push_str("***@");
                shown.push_str(host);
            }
            None => shown.push_str(host),
        }
        match path.split_once('?') {
            Some((path, query)) if query.contains('=') => {
                shown.push_str(path);
                shown.push_str("?***");
            }
            _ => shown.push_str(path),
        }
        rest = after;
    }
    shown.push_str(rest);
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_apart() {
        let bucket = |cloud, bucket: &str, path: &str| {
            Ok(Address::Bucket {
                cloud,
                bucket: bucket.to_owned(),
                path: Path::from(path),
            })
        };
        for (url, address) in [
            ("file:///a/b", Ok(Address::Folder("/a/b".into()))),
            ("memory://", Ok(Address::Memory)),
            ("s3://b", bucket(Cloud::S3, "b", "")),
            ("s3://b/", bucket(Cloud::S3, "b", "")),
            ("s3://b/x/y/", bucket(Cloud::S3, "b", "x/y")),
            ("gs://b/x", bucket(Cloud::Gs, "b", "x")),
            ("az://b/x", bucket(Cloud::Az, "b", "x")),
            (
                "https://h:81/a%20b/c.csv",
                Ok(Address::Web {
                    server: "https://h:81".to_owned(),
                    path: Path::from("a b/c.csv"),
                }),
            ),
        ] {
            assert_eq!(Address::parse(url), address, "{url}");
        }
        for url in ["s3:/b", "ftp://h/x", "memory://x", "https://", ".fanout"] {
            let unknown = AddressError::Unknown { url: url.into() };
            assert_eq!(Address::parse(url), Err(unknown), "{url}");
        }
        assert!(matches!(
            Address::parse("s3:///x"),
            Err(AddressError::NoBucket { .. })
        ));
        for url in ["s3://b/x//y", "s3://b/../y", "s3://b/./y"] {
            assert!(
                matches!(Address::parse(url), Err(AddressError::Path { .. })),
                "{url}"
            );
        }
        assert!(matches!(
            check_url("https://h/x"),
            Err(AddressError::Unknown { .. })
        ));
        assert_eq!(check_source_url("https://h/x"), Ok(()));
    }

    #[test]
    fn a_url_with_a_credential_is_refused_and_never_shown() {
        for url in [
            "s3://AKIA:hunter2@b/x",
            "s3://hunter2@b",
            "s3://AKIA:hun/ter2@b",
            "https://u:hunter2@h/x.csv",
            "https://h/x.csv?X-Amz-Signature=hunter2",
            "az://c/x?sv=1&sig=hunter2",
            "https://h/x.csv?access_token=hunter2",
        ] {
            let error = Address::parse(url).unwrap_err();
            assert!(matches!(error, AddressError::Credential { .. }), "{url}");
            assert!(!error.to_string().contains("ter2"), "{error}");
        }
        assert!(matches!(
            Address::parse("https://h/x.csv?page=2"),
            Err(AddressError::Query { .. })
        ));
    }

    #[test]
    fn texts_are_redacted() {
        for (text, shown) in [
            ("store: s3://a:b@c/d # why", "store: s3://***@c/d # why"),
            ("\"https://h/x?sig=1\", y", "\"https://h/x?***\", y"),
            ("s3://b/part-?.csv", "s3://b/part-?.csv"),
            ("two: s3://a@b http://c:d@e", "two: s3://***@b http://***@e"),
            ("s3://key:se/cret@b/x", "s3://***@b/x"),
            ("no url: a@b?c=d", "no url: a@b?c=d"),
        ] {
            assert_eq!(redacted(text), shown);
        }
    }
}
