//! [`Function`]: the contract over HTTP, for platforms that serve functions.
//!
//! `GET /` answers the description; `POST /` takes a task with its dataset and
//! answers its scores. Sockets are the caller's: a request comes with its body
//! as a stream, and URLs are fetched by a function that the caller passes.
//!
//! The last opened dataset is kept under the SHA-256 digests of its two files.
//! These are computed here and never taken from a request, so that no client
//! can substitute the dataset of the next one.

use std::cell::RefCell;
use std::iter;
use std::rc::Rc;

use crate::Fault;
use crate::contract::multipart;
use crate::dataset::{Dataset, Evaluation};
use crate::guest::{Guest, describe};
use crate::request::{Fetch, FileSource, HttpRequest, Location, Refusal, Request, digest_of};

const JSON: &str = "application/json";

/// A guest as a function over HTTP. It keeps the dataset that it opened last,
/// for platforms that keep an instance between requests.
#[derive(Debug, Default)]
pub struct Function {
    kept: RefCell<Option<KeptDataset>>,
}

/// An open dataset with the digests of its files.
#[derive(Debug)]
struct KeptDataset {
    dataset_digest: String,
    splits_digest: String,
    dataset: Rc<Dataset>,
}

/// An HTTP response.
#[derive(Debug, PartialEq, Eq)]
pub struct HttpResponse {
    /// The status.
    pub status: u16,
    /// The header `allow`, for status 405.
    pub allow: Option<&'static str>,
    /// The header `fanout-dataset`, for requests with a dataset.
    pub dataset: Option<DatasetStatus>,
    /// The header `content-type`: JSON, or `multipart/form-data` for an answer with
    /// artifacts.
    pub content_type: String,
    /// A `Description` or an `Answer` for status 200, else a `Fault`. With artifacts:
    /// the parts `answer` and `<output>-<candidate>`.
    pub body: Vec<u8>,
}

/// How an instance got the dataset of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatasetStatus {
    /// It was open already.
    Kept,
    /// It was opened from the request or its URLs.
    Opened,
    /// It is not open, and the request does not say where it is.
    Needed,
}

impl DatasetStatus {
    /// The value of the header `fanout-dataset`.
    pub fn header_value(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Opened => "opened",
            Self::Needed => "needed",
        }
    }
}

impl Function {
    /// Answers one request. `fetch` gets the body behind a URL.
    pub fn answer<G: Guest>(&self, request: HttpRequest<'_>, fetch: &Fetch<'_>) -> HttpResponse {
        let path = request
            .path
            .split_once('?')
            .map_or(request.path, |(path, _)| path);
        match (request.method, path) {
            ("GET", "/" | "") => HttpResponse::ok(
                serde_json::to_string(&describe::<G>())
                    .expect("a description has text keys and finite numbers"),
            ),
            ("POST", "/" | "") => self.evaluate::<G>(request, fetch),
            (method, "/" | "") => HttpResponse {
                allow: Some("GET, POST"),
                ..HttpResponse::refusal(
                    405,
                    &Fault::InvalidTask(format!(
                        "the method `{method}` is not supported; `GET` describes the guest, \
                         `POST` evaluates a task"
                    )),
                )
            },
            _ => HttpResponse::refusal(
                404,
                &Fault::InvalidTask(format!(
                    "there is no resource `{path}`; the only one is `/`"
                )),
            ),
        }
    }

    fn evaluate<G: Guest>(&self, request: HttpRequest<'_>, fetch: &Fetch<'_>) -> HttpResponse {
        let request = match Request::read(request.content_type, request.body) {
            Ok(request) => request,
            Err(refusal) => return HttpResponse::refusal(refusal.status, &refusal.fault),
        };
        let (dataset, status) = match self.open::<G>(&request, fetch) {
            Ok(opened) => opened,
            Err((status, refusal)) => {
                return HttpResponse {
                    dataset: status,
                    ..HttpResponse::refusal(refusal.status, &refusal.fault)
                };
            }
        };
        let response = match dataset.evaluate(&request.task) {
            Ok(Evaluation { answer, artifacts }) if artifacts.is_empty() => {
                HttpResponse::ok(answer)
            }
            Ok(evaluation) => HttpResponse::with_artifacts(&evaluation),
            Err(fault) => HttpResponse::refusal(422, &fault),
        };
        HttpResponse {
            dataset: Some(status),
            ..response
        }
    }

    /// The dataset of a request: the open one if it has the same digests, else
    /// a new one.
    fn open<G: Guest>(
        &self,
        request: &Request,
        fetch: &Fetch<'_>,
    ) -> Result<(Rc<Dataset>, DatasetStatus), (Option<DatasetStatus>, Refusal)> {
        let (dataset, splits) = (&request.dataset, &request.splits);
        if let (Some(dataset), Some(splits), Some(kept)) = (
            dataset.known_digest(),
            splits.known_digest(),
            &*self.kept.borrow(),
        ) && (&dataset, &splits) == (&kept.dataset_digest, &kept.splits_digest)
        {
            return Ok((Rc::clone(&kept.dataset), DatasetStatus::Kept));
        }
        for file in [dataset, splits] {
            if let Location::Unknown = file.location {
                let fault = Fault::InvalidDataset(format!(
                    "the {what} is not open in this instance: send it as `{what}`, or its URL as \
                     `{what}_url`",
                    what = file.what
                ));
                let refusal = Refusal { status: 412, fault };
                return Err((Some(DatasetStatus::Needed), refusal));
            }
        }
        // Closed first: the memory may not hold two datasets.
        self.kept.replace(None);
        let kept =
            KeptDataset::open::<G>(dataset, splits, fetch).map_err(|refusal| (None, refusal))?;
        let dataset = Rc::clone(&kept.dataset);
        self.kept.replace(Some(kept));
        Ok((dataset, DatasetStatus::Opened))
    }
}

impl KeptDataset {
    fn open<G: Guest>(
        dataset: &FileSource,
        splits: &FileSource,
        fetch: &Fetch<'_>,
    ) -> Result<Self, Refusal> {
        let (table, dataset_digest) = dataset.bytes(fetch)?;
        let (rows, splits_digest) = splits.bytes(fetch)?;
        let dataset =
            Dataset::open::<G>(table, rows).map_err(|fault| Refusal { status: 422, fault })?;
        Ok(Self {
            dataset_digest,
            splits_digest,
            dataset: Rc::new(dataset),
        })
    }
}

impl HttpResponse {
    fn ok(json: String) -> Self {
        Self {
            status: 200,
            allow: None,
            dataset: None,
            content_type: JSON.to_owned(),
            body: json.into_bytes(),
        }
    }

    fn with_artifacts(evaluation: &Evaluation) -> Self {
        let names: Vec<String> = evaluation
            .artifacts
            .iter()
            .map(|artifact| format!("{}-{}", artifact.output.name(), artifact.candidate))
            .collect();
        let artifacts = evaluation.artifacts.iter();
        let artifacts = names
            .iter()
            .zip(artifacts)
            .map(|(name, artifact)| (name.as_str(), artifact.bytes.as_slice()));
        let answer = ("answer", evaluation.answer.as_bytes());
        let parts: Vec<(&str, &[u8])> = iter::once(answer).chain(artifacts).collect();
        // A digest occurs in no file by chance.
        let boundary = digest_of(evaluation.answer.as_bytes());
        let (content_type, body) = multipart::write(&boundary, &parts);
        Self {
            content_type,
            body,
            ..Self::ok(String::new())
        }
    }

    fn refusal(status: u16, fault: &Fault) -> Self {
        Self {
            status,
            ..Self::ok(serde_json::to_string(fault).expect("a fault is two strings"))
        }
    }

    /// The response of a guest that panics. `panic` is the panic's message.
    #[cfg_attr(
        not(target_family = "wasm"),
        expect(dead_code, reason = "only the HTTP door handles panics")
    )]
    pub(crate) fn panicked(panic: &str) -> Self {
        Self::refusal(500, &Fault::Failed(panic.to_owned()))
    }
}

#[cfg(test)]
mod tests;
