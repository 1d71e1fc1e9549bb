//! The `store` field: a folder, a URL, or a URL and how it is reached.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::super::fields::STORE;
use super::super::mistake::{Mistake, Place};
use super::super::node::{Content, Node};
use super::super::reader::{Noted, Reader, text};
use super::{Base, beside, duration};
use crate::store::{AddressError, Location, check_source_url, check_url};

/// Threat: a unit that was mistyped, and a request that nothing ever ends.
const LONGEST: Duration = Duration::from_secs(3600);

/// The folder where a plan names no store.
pub(super) fn default(base: &Base<'_>) -> Location {
    Location::new(store_url(".fanout", base.here))
}

pub(super) fn store(
    place: Place,
    node: &Node,
    base: &Base<'_>,
    noted: Noted<'_>,
) -> Option<Location> {
    let Content::Map(_) = node.content else {
        let url = text("store", node, true, noted)?;
        return url_of(&url, node.place, base, noted).map(Location::new);
    };
    let reader = Reader::section(&STORE, place, node, noted)?;
    let url = reader
        .required_text("url", noted)
        .and_then(|url| url_of(&url, reader.value_place("url"), base, noted));
    let endpoint = match reader.text("endpoint", noted) {
        Some(Some(url)) => endpoint(url, reader.value_place("endpoint"), noted).map(Some),
        given => given,
    };
    let region = reader.text("region", noted);
    let path_style = match reader.get("path_style", noted) {
        Some(Some(_)) => reader.bool("path_style", noted).map(Some),
        given => given.map(|_| None),
    };
    let ca = reader.text("ca", noted).map(|given| {
        given.map(|path| PathBuf::from(beside(&path, reader.value_place("ca"), base)))
    });
    let timeout = reader.own("timeout", noted, |node, noted| {
        duration("timeout", node, Duration::from_millis(100), LONGEST, noted)
    });
    let retry = reader.own("retry", noted, |node, noted| {
        duration("retry", node, Duration::ZERO, LONGEST, noted)
    });
    let url = url?;
    let mut fits = true;
    for (field, schemes) in [
        ("endpoint", &["s3", "gs", "az"][..]),
        ("region", &["s3"]),
        ("path_style", &["s3"]),
        ("ca", &["s3", "gs", "az"]),
        ("timeout", &["s3", "gs", "az"]),
        ("retry", &["s3", "gs", "az"]),
    ] {
        let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
        let given = reader.get(field, &mut Vec::new()).flatten();
        if let Some((place, _)) = given.filter(|_| !schemes.contains(&scheme)) {
            let schemes: Vec<String> = schemes.iter().map(|name| format!("`{name}://`")).collect();
            let message = format!("`{field}` has no effect on a `{scheme}://` store");
            let hint = format!("remove it; it is for {}", schemes.join(", "));
            noted.push(Mistake::new(place, message).hint(hint));
            fits = false;
        }
    }
    let fallback = Location::new(url);
    fits.then_some(())?;
    Some(Location {
        endpoint: endpoint?,
        region: region?,
        path_style: path_style?,
        ca: ca?,
        timeout: timeout?.unwrap_or(fallback.timeout),
        retry: retry?.unwrap_or(fallback.retry),
        ..fallback
    })
}

/// The whole URL of a store, if it is one.
fn url_of(url: &str, place: Place, base: &Base<'_>, noted: Noted<'_>) -> Option<String> {
    let url = store_url(url, base.here);
    match check_url(&url) {
        Ok(()) => Some(url),
        Err(error) => {
            noted.push(address(&error, place));
            None
        }
    }
}

/// Notes what is wrong with the URL of a source, but for its scheme: what can
/// be read is for the reader to say.
pub(super) fn source_url(url: &str, place: Place, noted: Noted<'_>) {
    let web = url.starts_with("http://") || url.starts_with("https://");
    match check_source_url(url) {
        Err(error @ AddressError::Credential { .. }) => noted.push(address(&error, place)),
        Err(error @ AddressError::Query { .. }) if web => noted.push(address(&error, place)),
        _ => {}
    }
}

fn address(error: &AddressError, place: Place) -> Mistake {
    let (what, hint) = match error {
        AddressError::Credential { .. } => (
            "a URL in a plan holds no credential",
            "set `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY` (or `AWS_PROFILE`), and write \
             `s3://BUCKET/PREFIX`",
        ),
        AddressError::Query { .. } => (
            "a URL in a plan has no query (`?...`)",
            "an object has a name alone; download what has none, and name the file",
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
            "this is no URL of a store",
            "write a folder, `s3://BUCKET/PREFIX`, `gs://BUCKET/PREFIX`, `az://CONTAINER/PREFIX` \
             or `memory://`",
        ),
    };
    Mistake::new(place, what).hint(hint)
}

fn endpoint(url: String, place: Place, noted: Noted<'_>) -> Option<String> {
    let web = url.starts_with("http://") || url.starts_with("https://");
    match check_source_url(&url) {
        Err(error @ AddressError::Credential { .. }) => {
            noted.push(address(&error, place));
            None
        }
        Ok(()) if web => Some(url),
        _ => {
            noted.push(
                Mistake::new(place, "`endpoint` takes a server's URL")
                    .hint("write `http://HOST:PORT` or `https://HOST`"),
            );
            None
        }
    }
}

/// A store as a URL; a folder, with `file://` before it or not, from here.
pub(in super::super) fn store_url(store: &str, here: &Path) -> String {
    match store.strip_prefix("file://") {
        None if store.contains("://") => store.to_owned(),
        path => {
            let path: PathBuf = here.join(path.unwrap_or(store)).components().collect();
            format!("file://{}", path.display())
        }
    }
}
