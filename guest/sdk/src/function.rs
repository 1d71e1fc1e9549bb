//! [`Function`]: the contract over HTTP, for platforms that serve functions.
//!
//! `GET /` answers the description; `POST /` takes a task with its dataset and
//! answers its scores; `POST /predict` takes a model with rows and answers its
//! predictions. Of a component with a model inside, `GET /` describes that, and both
//! other ways take rows alone. Sockets are the caller's: a request comes with its body
//! as a stream, and URLs are fetched by a function that the caller passes.
//!
//! The last opened dataset is kept under the SHA-256 digests of its two files.
//! These are computed here and never taken from a request, so that no client
//! can substitute the dataset of the next one.

use std::cell::{OnceCell, RefCell};
use std::iter;
use std::rc::Rc;

use bytes::Bytes;

use crate::Fault;
use crate::contract::multipart;
use crate::dataset::{Dataset, Evaluation};
use crate::guest::{Guest, describe};
use crate::request::{
    Fetch, FileSource, HttpRequest, Location, MAX_BODY_BYTES, Refusal, Request, digest_of, parts,
    whole,
};
use crate::served::{self, Answered, ServedModel};

const JSON: &str = "application/json";

/// A guest as a function over HTTP. It keeps the dataset that it opened last,
/// for platforms that keep an instance between requests.
#[derive(Debug)]
pub struct Function {
    kept: RefCell<Option<KeptDataset>>,
    /// The package of the model inside of the component.
    inside: Option<Bytes>,
    /// The same, open.
    open_inside: OnceCell<ServedModel>,
    /// The model that a request brought last, with the digest of its package.
    brought: RefCell<Option<(String, Rc<ServedModel>)>>,
}

impl Default for Function {
    fn default() -> Self {
        Self::with_model(served::embedded())
    }
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
    /// The header `fanout-unknown`, for predictions of rows with categories that the
    /// training data did not have: JSON in ASCII, the number of rows by feature.
    pub unknown: Option<String>,
    /// The header `content-type`: JSON, `text/csv` for predictions, or
    /// `multipart/form-data` for an answer with artifacts.
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
    /// A function of a component that has a model inside, as the contract packages it.
    pub fn with_model(inside: Option<Bytes>) -> Self {
        Self {
            kept: RefCell::default(),
            inside,
            open_inside: OnceCell::new(),
            brought: RefCell::default(),
        }
    }

    /// Answers one request. `fetch` gets the body behind a URL.
    pub fn answer<G: Guest>(&self, request: HttpRequest<'_>, fetch: &Fetch<'_>) -> HttpResponse {
        let path = request
            .path
            .split_once('?')
            .map_or(request.path, |(path, _)| path);
        let of_rows = self.inside.is_some() && !request.is_form();
        match (request.method, path) {
            ("GET", "/" | "") if self.inside.is_some() => match self.model::<G>() {
                Ok(model) => HttpResponse::ok(model.describe()),
                Err(refusal) => HttpResponse::refusal(refusal.status, &refusal.fault),
            },
            ("POST", "/predict") => self.predict::<G>(request),
            ("POST", "/" | "") if of_rows => self.predict::<G>(request),
            (method, "/predict") => HttpResponse {
                allow: Some("POST"),
                ..HttpResponse::refusal(
                    405,
                    &Fault::InvalidTask(format!(
                        "the method `{method}` is not supported; `POST` predicts rows"
                    )),
                )
            },
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
                    "there is no resource `{path}`; there are `/` and `/predict`"
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
        let evaluated = match request.parts.is_empty() {
            true => dataset.evaluate(&request.task),
            false => dataset.assemble(&request.task, request.parts),
        };
        let response = match evaluated {
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

    /// Predicts the rows of a request: with the model inside, or with that in the part
    /// `model` of a form.
    fn predict<G: Guest>(&self, request: HttpRequest<'_>) -> HttpResponse {
        let answered = self.predict_rows::<G>(request);
        match answered {
            Ok(answered) => HttpResponse::predicted(answered),
            Err(refusal) => HttpResponse::refusal(refusal.status, &refusal.fault),
        }
    }

    fn predict_rows<G: Guest>(&self, request: HttpRequest<'_>) -> Result<Answered, Refusal> {
        let is_form = request.is_form();
        let (content_type, accept) = (request.content_type, request.accept);
        let body = whole(request.body, MAX_BODY_BYTES)?;
        if !is_form {
            return self.model::<G>()?.predict(content_type, accept, &body);
        }
        let parts = parts(content_type, &body, &["model", "rows"])?;
        let part = |name: &str| {
            let lacking = || Refusal::bad_request(format!("the request has no part `{name}`"));
            parts.get(name).ok_or_else(lacking)
        };
        let rows = part("rows")?;
        match part("model") {
            Ok(package) => self.brought::<G>(package)?.predict(None, accept, rows),
            Err(_) if self.inside.is_some() => self.model::<G>()?.predict(None, accept, rows),
            Err(refusal) => Err(refusal),
        }
    }

    /// The model inside.
    fn model<G: Guest>(&self) -> Result<&ServedModel, Refusal> {
        if let Some(model) = self.open_inside.get() {
            return Ok(model);
        }
        let inside = self.inside.as_ref().ok_or_else(|| {
            Refusal::bad_request(
                "no model is inside: send a form with the parts `model`, which `fanout model \
                 export --package` writes, and `rows`",
            )
        })?;
        let model = ServedModel::open::<G>(inside);
        let model = model.map_err(|fault| Refusal { status: 500, fault })?;
        Ok(self.open_inside.get_or_init(|| model))
    }

    /// The model of a request: the one that is open, if it has the same digest.
    fn brought<G: Guest>(&self, package: &Bytes) -> Result<Rc<ServedModel>, Refusal> {
        let digest = digest_of(package);
        if let Some((known, model)) = &*self.brought.borrow()
            && *known == digest
        {
            return Ok(Rc::clone(model));
        }
        // Closed first: the memory may not hold two models.
        self.brought.replace(None);
        let model = ServedModel::open::<G>(package);
        let model = Rc::new(model.map_err(|fault| Refusal { status: 422, fault })?);
        self.brought.replace(Some((digest, Rc::clone(&model))));
        Ok(model)
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
            unknown: None,
            content_type: JSON.to_owned(),
            body: json.into_bytes(),
        }
    }

    fn predicted(answered: Answered) -> Self {
        let unknown = (!answered.unknown.is_empty()).then(|| {
            let json = serde_json::to_string(&answered.unknown).expect("names are text");
            in_ascii(&json)
        });
        Self {
            unknown,
            content_type: answered.content_type.to_owned(),
            body: answered.body,
            ..Self::ok(String::new())
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

/// JSON with the escapes of all characters that are not of ASCII, for a header.
fn in_ascii(json: &str) -> String {
    let mut out = String::new();
    for char in json.chars() {
        match char.is_ascii_graphic() || char == ' ' {
            true => out.push(char),
            false => {
                for unit in char.encode_utf16(&mut [0; 2]) {
                    out.push_str(&format!("\\u{unit:04x}"));
                }
            }
        }
    }
    out
}

#[cfg(test)]
mod tests;
