//! Requests over HTTP, read within fixed limits: [`HttpRequest`], and the task and
//! files of a `POST /`.

use bytes::Bytes;
use fanout_contract::Part;
use sha2::{Digest as _, Sha256};

use crate::Fault;
use crate::body::{Body, BodyError};
use crate::contract::multipart::Parts;

/// The maximum size of the part `task`, in bytes: 16 MiB.
///
/// Threat, as for the other limits here: a request that fills the memory of an
/// instance, which then traps instead of answering.
pub const MAX_TASK_BYTES: u64 = 16 << 20;

/// The maximum size of a file that is fetched from a URL, in bytes: 1 GiB.
pub const MAX_FILE_BYTES: u64 = 1 << 30;

/// The maximum size of a request's body, in bytes: 1 GiB for both files, and
/// 16 MiB for the task and the form.
pub const MAX_BODY_BYTES: u64 = MAX_FILE_BYTES + MAX_TASK_BYTES;

/// The maximum size of a URL or a digest, in bytes: 16 KiB.
pub const MAX_TEXT_BYTES: u64 = 16 << 10;

/// Gets the body behind a URL, or says why it can't.
pub type Fetch<'a> = dyn Fn(&str) -> Result<Body<'static>, String> + 'a;

/// An HTTP request.
#[derive(Debug)]
pub struct HttpRequest<'a> {
    /// The method, in capitals.
    pub method: &'a str,
    /// The path, with or without a query.
    pub path: &'a str,
    /// The header `content-type`.
    pub content_type: Option<&'a str>,
    /// The header `accept`.
    pub accept: Option<&'a str>,
    /// The body, not read yet.
    pub body: Body<'a>,
}

impl HttpRequest<'_> {
    /// Whether its body is a form.
    pub(crate) fn is_form(&self) -> bool {
        let kind = self.content_type.unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        kind.eq_ignore_ascii_case("multipart/form-data")
    }
}

/// Why a request is refused.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The HTTP status.
    pub(crate) status: u16,
    /// The fault in the body of the response.
    pub(crate) fault: Fault,
}

impl Refusal {
    /// The request is not as the contract has it.
    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self {
            status: 400,
            fault: Fault::InvalidTask(message.into()),
        }
    }

    /// A part of the request exceeds its limit.
    fn too_large(message: String) -> Self {
        Self {
            status: 413,
            fault: Fault::InvalidTask(message),
        }
    }
}

/// The most parts of a form.
const MAX_PARTS: usize = 16 + Part::MOST;

/// The parts of a model are `part-0`, `part-1` and so on.
const MODEL_PART: &str = "part-";

/// Every other part that a request may have.
const PARTS: [&str; 7] = [
    "task",
    "dataset",
    "dataset_url",
    "dataset_digest",
    "splits",
    "splits_url",
    "splits_digest",
];

/// A task, and where its dataset and splits are.
#[derive(Debug)]
pub(crate) struct Request {
    /// The task, as JSON.
    pub(crate) task: String,
    /// The dataset.
    pub(crate) dataset: FileSource,
    /// The splits.
    pub(crate) splits: FileSource,
    /// The parts of the model of the task, in order; none if it is to be fitted.
    pub(crate) parts: Vec<Vec<u8>>,
}

impl Request {
    /// Reads a request of at most [`MAX_BODY_BYTES`].
    ///
    /// # Errors
    /// Status 400 if the form is malformed, 413 if the body or a part exceeds
    /// its limit.
    pub(crate) fn read(content_type: Option<&str>, body: Body<'_>) -> Result<Self, Refusal> {
        Self::read_within(content_type, body, MAX_BODY_BYTES, MAX_TASK_BYTES)
    }

    fn read_within(
        content_type: Option<&str>,
        body: Body<'_>,
        max_body: u64,
        max_task: u64,
    ) -> Result<Self, Refusal> {
        let parts = parts(content_type, &whole(body, max_body)?, &PARTS)?;
        let part = |number: usize| parts.get(&format!("{MODEL_PART}{number}"));
        let of_model: Vec<&Bytes> = (0..Part::MOST).map_while(part).collect();
        let names = parts.names();
        let sent = names.filter(|name| name.starts_with(MODEL_PART)).count();
        if sent != of_model.len() {
            return Err(Refusal::bad_request(format!(
                "the request has {sent} parts of a model, but not `{MODEL_PART}0` to `{MODEL_PART}{}`",
                sent - 1
            )));
        }
        Ok(Self {
            parts: of_model.iter().map(|part| part.to_vec()).collect(),
            task: text(&parts, "task", max_task)?
                .ok_or_else(|| Refusal::bad_request("the request has no part `task`"))?,
            dataset: FileSource::of(&parts, "dataset")?,
            splits: FileSource::of(&parts, "splits")?,
        })
    }
}

/// The whole body of a request.
///
/// # Errors
/// Status 400 if it is cut off, 413 if it exceeds the limit.
pub(crate) fn whole(body: Body<'_>, limit: u64) -> Result<Bytes, Refusal> {
    body.read(limit).map_err(|error| {
        let message = format!("the request's body {error}");
        match error {
            BodyError::Incomplete(_) => Refusal::bad_request(message),
            BodyError::TooLarge { .. } | BodyError::OutOfMemory { .. } => {
                Refusal::too_large(message)
            }
        }
    })
}

/// The parts of a form, which has none but those that are `known`.
///
/// # Errors
/// Status 400.
pub(crate) fn parts(
    content_type: Option<&str>,
    body: &Bytes,
    known: &[&str],
) -> Result<Parts, Refusal> {
    let parts = Parts::read(content_type.unwrap_or_default(), body, MAX_PARTS)
        .map_err(Refusal::bad_request)?;
    let unknown = parts
        .names()
        .find(|name| !known.contains(name) && !name.starts_with(MODEL_PART));
    match unknown.map(str::to_owned) {
        None => Ok(parts),
        Some(unknown) => Err(Refusal::bad_request(format!(
            "the request has an unknown part `{unknown}`; the parts are `{}`",
            known.join("`, `")
        ))),
    }
}

/// A file that a request contains or names.
#[derive(Debug)]
pub(crate) struct FileSource {
    /// `dataset` or `splits`.
    pub(crate) what: &'static str,
    /// Where it is.
    pub(crate) location: Location,
    /// The digest that the request gives.
    digest: Option<String>,
}

/// Where a file is.
#[derive(Debug)]
pub(crate) enum Location {
    /// In the request.
    Inline(Bytes),
    /// Behind a URL.
    Url(String),
    /// Not given: the request has the digest only.
    Unknown,
}

impl FileSource {
    fn of(parts: &Parts, what: &'static str) -> Result<Self, Refusal> {
        let digest = text(parts, &format!("{what}_digest"), MAX_TEXT_BYTES)?;
        let is_hexadecimal = |digest: &String| {
            digest.len() == 64
                && digest
                    .bytes()
                    .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        };
        if let Some(digest) = digest.as_ref().filter(|digest| !is_hexadecimal(digest)) {
            return Err(Refusal::bad_request(format!(
                "the part `{what}_digest` is not a SHA-256 of 64 lowercase hexadecimal digits: \
                 `{digest}`"
            )));
        }
        let url = text(parts, &format!("{what}_url"), MAX_TEXT_BYTES)?;
        let location = match (parts.get(what), url) {
            (Some(bytes), None) => Location::Inline(bytes.clone()),
            (None, Some(url)) => Location::Url(url),
            (None, None) if digest.is_some() => Location::Unknown,
            (None, None) => {
                return Err(Refusal::bad_request(format!(
                    "the request has none of the parts `{what}`, `{what}_url` and `{what}_digest`"
                )));
            }
            (Some(_), Some(_)) => {
                return Err(Refusal::bad_request(format!(
                    "the request has both a part `{what}` and a part `{what}_url`"
                )));
            }
        };
        Ok(Self {
            what,
            location,
            digest,
        })
    }

    /// The file's digest, if it is known without fetching the file.
    pub(crate) fn known_digest(&self) -> Option<String> {
        match (&self.digest, &self.location) {
            (Some(digest), _) => Some(digest.clone()),
            (None, Location::Inline(bytes)) => Some(digest_of(bytes)),
            (None, Location::Url(_) | Location::Unknown) => None,
        }
    }

    /// The file and its digest. A file behind a URL is fetched, and has at most
    /// [`MAX_FILE_BYTES`].
    ///
    /// # Errors
    /// Status 400 if the file is not that of the given digest, 413 if it
    /// exceeds the limit, 502 if it can't be fetched or the URL gives another
    /// file than that of the digest.
    ///
    /// # Panics
    /// If the location is unknown.
    pub(crate) fn bytes(&self, fetch: &Fetch<'_>) -> Result<(Bytes, String), Refusal> {
        self.bytes_within(fetch, MAX_FILE_BYTES)
    }

    fn bytes_within(&self, fetch: &Fetch<'_>, limit: u64) -> Result<(Bytes, String), Refusal> {
        let refusal = |status, message| Refusal {
            status,
            fault: Fault::InvalidDataset(message),
        };
        let bytes = match &self.location {
            Location::Inline(bytes) => bytes.clone(),
            Location::Url(url) => {
                let url_path = without_query(url);
                let body =
                    fetch(url).map_err(|error| refusal(502, format!("`{url_path}`: {error}")))?;
                body.read(limit).map_err(|error| {
                    let status = match error {
                        BodyError::Incomplete(_) => 502,
                        BodyError::TooLarge { .. } | BodyError::OutOfMemory { .. } => 413,
                    };
                    let what = self.what;
                    refusal(status, format!("the {what} at `{url_path}` {error}"))
                })?
            }
            Location::Unknown => panic!("the location of the {} is unknown", self.what),
        };
        let found = digest_of(&bytes);
        match &self.digest {
            Some(given) if *given != found => {
                let what = self.what;
                let status = match self.location {
                    Location::Url(_) => 502,
                    Location::Inline(_) | Location::Unknown => 400,
                };
                Err(refusal(
                    status,
                    format!(
                        "the digest of the {what} is `{found}`, but `{what}_digest` is `{given}`"
                    ),
                ))
            }
            _ => Ok((bytes, found)),
        }
    }
}

/// The part `name` as text of at most `limit` bytes.
fn text(parts: &Parts, name: &str, limit: u64) -> Result<Option<String>, Refusal> {
    let Some(bytes) = parts.get(name) else {
        return Ok(None);
    };
    if bytes.len() as u64 > limit {
        return Err(Refusal::too_large(format!(
            "the part `{name}` is larger than the limit of {limit} bytes"
        )));
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(Some(text.to_owned())),
        Err(_) => Err(Refusal::bad_request(format!(
            "the part `{name}` is not UTF-8"
        ))),
    }
}

/// A URL without its query, which may hold a signature.
fn without_query(url: &str) -> &str {
    url.split_once('?').map_or(url, |(path, _)| path)
}

/// The SHA-256 of `bytes` in hexadecimal.
pub(crate) fn digest_of(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let mut text = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        write!(text, "{byte:02x}").expect("writing to a string does not fail");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: &[u8] = b"--cut\r\nContent-Disposition: form-data; name=\"task\"\r\n\r\n\
        {\"a\": 1}\r\n--cut\r\nContent-Disposition: form-data; name=\"dataset_url\"\r\n\r\n\
        https://store/d?signature=x\r\n--cut\r\n\
        Content-Disposition: form-data; name=\"splits\"\r\n\r\nPAR1\r\n--cut--";

    fn body(bytes: &'static [u8], content_length: Option<u64>) -> Body<'static> {
        Body {
            content_length,
            stream: Box::new(bytes),
        }
    }

    fn read(content_length: Option<u64>, max_body: u64, max_task: u64) -> Result<Request, Refusal> {
        let content_type = Some("multipart/form-data; boundary=cut");
        Request::read_within(content_type, body(FORM, content_length), max_body, max_task)
    }

    fn too_large(fault: Fault) -> Refusal {
        Refusal { status: 413, fault }
    }

    #[test]
    fn a_request_within_the_limits_is_read() {
        let request = read(None, FORM.len() as u64, 8).unwrap();
        assert_eq!(request.task, "{\"a\": 1}");
        assert!(matches!(request.dataset.location, Location::Url(_)));
        assert!(matches!(request.splits.location, Location::Inline(_)));
    }

    #[test]
    fn a_body_above_the_limit_is_refused() {
        let limit = FORM.len() as u64 - 1;
        for content_length in [None, Some(limit), Some(limit + 1)] {
            let refused = read(content_length, limit, 8).unwrap_err();
            let message = format!("the request's body is larger than the limit of {limit} bytes");
            assert_eq!(refused, too_large(Fault::InvalidTask(message)));
        }
    }

    #[test]
    fn a_task_above_the_limit_is_refused() {
        let refused = read(None, u64::MAX, 7).unwrap_err();
        let message = "the part `task` is larger than the limit of 7 bytes".to_owned();
        assert_eq!(refused, too_large(Fault::InvalidTask(message)));
    }

    #[test]
    fn a_fetched_file_above_the_limit_is_refused() {
        let request = read(None, u64::MAX, 8).unwrap();
        let file: &'static [u8] = b"0123456789";
        let bytes = |content_length, limit| {
            let fetch = |url: &str| {
                assert_eq!(url, "https://store/d?signature=x");
                Ok(body(file, content_length))
            };
            request.dataset.bytes_within(&fetch, limit)
        };
        for content_length in [None, Some(9), Some(10)] {
            let message = "the dataset at `https://store/d` is larger than the limit of 9 bytes";
            assert_eq!(
                bytes(content_length, 9),
                Err(too_large(Fault::InvalidDataset(message.to_owned())))
            );
        }
        assert_eq!(
            bytes(Some(10), 10),
            Ok((Bytes::from_static(file), digest_of(file)))
        );
    }

    #[test]
    fn a_url_above_the_limit_is_refused() {
        let long = "x".repeat(MAX_TEXT_BYTES as usize + 1);
        let form = format!(
            "--cut\r\nContent-Disposition: form-data; name=\"task\"\r\n\r\n\r\n--cut\r\n\
             Content-Disposition: form-data; name=\"dataset_url\"\r\n\r\n{long}\r\n--cut--"
        );
        let body = Body {
            content_length: None,
            stream: Box::new(form.as_bytes()),
        };
        let refused = Request::read(Some("multipart/form-data; boundary=cut"), body).unwrap_err();
        let message = "the part `dataset_url` is larger than the limit of 16384 bytes".to_owned();
        assert_eq!(refused, too_large(Fault::InvalidTask(message)));
    }
}
