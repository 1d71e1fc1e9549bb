//! [`Function`]: the contract over HTTP, for platforms that serve functions.
//!
//! `GET /` answers the description; `POST /` takes a task with its dataset
//! and answers its scores. This is the whole protocol but the socket: it reads
//! no stream itself, and what it fetches, it is given a way to fetch.
//!
//! It keeps the dataset that it opened last under the digests of its files.
//! Those it computes itself, so that nobody can put one file under the name
//! of another for whoever asks next.

use std::cell::RefCell;
use std::rc::Rc;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use crate::Fault;
use crate::dataset::Dataset;
use crate::guest::{Guest, describe};
use crate::multipart::Parts;

/// A guest as a function, with the dataset that it opened last: a platform
/// that keeps an instance warm sends the same one again and again.
#[derive(Debug, Default)]
pub struct Function {
    kept: RefCell<Option<Kept>>,
}

/// An open dataset, with the SHA-256 of each of its two files in hexadecimal.
#[derive(Debug)]
struct Kept {
    dataset: String,
    splits: String,
    open: Rc<Dataset>,
}

/// What came in.
#[derive(Debug)]
pub struct Request<'a> {
    /// The method in capitals.
    pub method: &'a str,
    /// The path, with or without a query.
    pub path: &'a str,
    /// The header of that name.
    pub content_type: Option<&'a str>,
    /// The body, whole.
    pub body: Bytes,
}

/// What goes out: JSON always.
#[derive(Debug, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// The header `allow`, where the method is another.
    pub allow: Option<&'static str>,
    /// The header `fanout-dataset`, where a dataset was asked for.
    pub dataset: Option<Held>,
    /// A `Description` or an `Answer` where the status is 200, else a `Fault`.
    pub body: String,
}

/// Where an instance had the dataset of a request from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// It was open already.
    Kept,
    /// It came with the request, or from its URL.
    Opened,
    /// It is not here, and the request did not say where it is.
    Needed,
}

impl Held {
    /// The header's value.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Opened => "opened",
            Self::Needed => "needed",
        }
    }
}

/// Why a request has no answer: the status, and the fault.
type Refused = (u16, Fault);

impl Function {
    /// Answers one request. `fetch` gets the bytes behind a URL, or says why
    /// it can't.
    pub fn answer<G: Guest>(
        &self,
        request: &Request<'_>,
        fetch: &dyn Fn(&str) -> Result<Bytes, String>,
    ) -> Response {
        let path = request
            .path
            .split_once('?')
            .map_or(request.path, |(path, _)| path);
        match (request.method, path) {
            ("GET", "/" | "") => answered(
                serde_json::to_string(&describe::<G>())
                    .expect("a description has text keys and finite numbers"),
            ),
            ("POST", "/" | "") => self.evaluate::<G>(request, fetch),
            (method, "/" | "") => Response {
                allow: Some("GET, POST"),
                ..refusal(
                    405,
                    &Fault::InvalidTask(format!(
                        "the method `{method}` is not answered; `GET` describes, `POST` evaluates"
                    )),
                )
            },
            _ => refusal(
                404,
                &Fault::InvalidTask(format!("there is nothing at `{path}`; try `/`")),
            ),
        }
    }

    fn evaluate<G: Guest>(
        &self,
        request: &Request<'_>,
        fetch: &dyn Fn(&str) -> Result<Bytes, String>,
    ) -> Response {
        let order = match Order::read(request) {
            Ok(order) => order,
            Err(why) => return refusal(400, &Fault::InvalidTask(why)),
        };
        let (dataset, held) = match self.open::<G>(&order, fetch) {
            Ok(opened) => opened,
            Err((held, (status, fault))) => {
                return Response {
                    dataset: held,
                    ..refusal(status, &fault)
                };
            }
        };
        let response = match dataset.evaluate(&order.task) {
            Ok(answer) => answered(answer),
            Err(fault) => refusal(422, &fault),
        };
        Response {
            dataset: Some(held),
            ..response
        }
    }

    /// The order's dataset: the one that is open, or a new one.
    fn open<G: Guest>(
        &self,
        order: &Order,
        fetch: &dyn Fn(&str) -> Result<Bytes, String>,
    ) -> Result<(Rc<Dataset>, Held), (Option<Held>, Refused)> {
        let (dataset, splits) = (&order.dataset, &order.splits);
        if let (Some(dataset), Some(splits), Some(kept)) =
            (dataset.name(), splits.name(), &*self.kept.borrow())
            && (&dataset, &splits) == (&kept.dataset, &kept.splits)
        {
            return Ok((Rc::clone(&kept.open), Held::Kept));
        }
        for file in [dataset, splits] {
            if let Place::Unknown = file.place {
                let fault = Fault::InvalidDataset(format!(
                    "the {what} is not kept here: send it as `{what}`, or where it is as \
                     `{what}_url`",
                    what = file.what
                ));
                return Err((Some(Held::Needed), (412, fault)));
            }
        }
        // Two datasets at once might not fit.
        self.kept.replace(None);
        let kept = Kept::open::<G>(dataset, splits, fetch).map_err(|refused| (None, refused))?;
        let open = Rc::clone(&kept.open);
        self.kept.replace(Some(kept));
        Ok((open, Held::Opened))
    }
}

impl Kept {
    fn open<G: Guest>(
        dataset: &Asked,
        splits: &Asked,
        fetch: &dyn Fn(&str) -> Result<Bytes, String>,
    ) -> Result<Self, Refused> {
        let (table, dataset) = dataset.bytes(fetch)?;
        let (rows, splits) = splits.bytes(fetch)?;
        let open = Dataset::open::<G>(table, rows).map_err(|fault| (422, fault))?;
        Ok(Self {
            dataset,
            splits,
            open: Rc::new(open),
        })
    }
}

/// Every part that a request may have.
const PARTS: [&str; 7] = [
    "task",
    "dataset",
    "dataset_url",
    "dataset_digest",
    "splits",
    "splits_url",
    "splits_digest",
];

/// What a request asks for.
struct Order {
    task: String,
    dataset: Asked,
    splits: Asked,
}

impl Order {
    /// The error says what is wrong with the request.
    fn read(request: &Request<'_>) -> Result<Self, String> {
        let content_type = request.content_type.unwrap_or_default();
        let parts = Parts::read(content_type, &request.body)?;
        if let Some(unknown) = parts.names().find(|name| !PARTS.contains(name)) {
            return Err(format!(
                "the request has a part `{unknown}`; it may have `{}`",
                PARTS.join("`, `")
            ));
        }
        Ok(Self {
            task: text(&parts, "task")?.ok_or("the request has no part `task`")?,
            dataset: Asked::of(&parts, "dataset")?,
            splits: Asked::of(&parts, "splits")?,
        })
    }
}

/// A file that a request brings or names.
struct Asked {
    /// `dataset` or `splits`.
    what: &'static str,
    place: Place,
    /// The digest that the request names the file by.
    digest: Option<String>,
}

enum Place {
    Here(Bytes),
    There(String),
    /// Only its digest is told.
    Unknown,
}

impl Asked {
    fn of(parts: &Parts, what: &'static str) -> Result<Self, String> {
        let digest = text(parts, &format!("{what}_digest"))?;
        let hexadecimal = |digest: &String| {
            digest.len() == 64
                && digest
                    .bytes()
                    .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        };
        if let Some(digest) = digest.as_ref().filter(|digest| !hexadecimal(digest)) {
            return Err(format!(
                "the part `{what}_digest` is no SHA-256 in 64 hexadecimal digits: `{digest}`"
            ));
        }
        let place = match (parts.get(what), text(parts, &format!("{what}_url"))?) {
            (Some(bytes), None) => Place::Here(bytes.clone()),
            (None, Some(url)) => Place::There(url),
            (None, None) if digest.is_some() => Place::Unknown,
            (None, None) => {
                return Err(format!(
                    "the request has none of the parts `{what}`, `{what}_url` and `{what}_digest`"
                ));
            }
            (Some(_), Some(_)) => {
                return Err(format!(
                    "the request has both a part `{what}` and a part `{what}_url`"
                ));
            }
        };
        Ok(Self {
            what,
            place,
            digest,
        })
    }

    /// The file's digest, where it is known before the file is fetched.
    fn name(&self) -> Option<String> {
        match (&self.digest, &self.place) {
            (Some(digest), _) => Some(digest.clone()),
            (None, Place::Here(bytes)) => Some(digest_of(bytes)),
            (None, Place::There(_) | Place::Unknown) => None,
        }
    }

    /// The file, with its digest.
    fn bytes(
        &self,
        fetch: &dyn Fn(&str) -> Result<Bytes, String>,
    ) -> Result<(Bytes, String), Refused> {
        let bytes = match &self.place {
            Place::Here(bytes) => bytes.clone(),
            Place::There(url) => fetch(url).map_err(|why| {
                (
                    502,
                    Fault::InvalidDataset(format!("`{}`: {why}", bare(url))),
                )
            })?,
            Place::Unknown => unreachable!("the caller has looked"),
        };
        let found = digest_of(&bytes);
        match &self.digest {
            Some(told) if *told != found => {
                let what = self.what;
                let fault = Fault::InvalidDataset(format!(
                    "the digest of the {what} is `{found}`, not `{told}` as `{what}_digest` says"
                ));
                match self.place {
                    Place::There(_) => Err((502, fault)),
                    Place::Here(_) | Place::Unknown => Err((400, fault)),
                }
            }
            _ => Ok((bytes, found)),
        }
    }
}

/// The part called `name`, a text.
fn text(parts: &Parts, name: &str) -> Result<Option<String>, String> {
    let text = parts
        .get(name)
        .map(|bytes| String::from_utf8(bytes.to_vec()));
    text.transpose()
        .map_err(|_| format!("the part `{name}` is not UTF-8"))
}

/// A URL without its query, where a signature would stand.
fn bare(url: &str) -> &str {
    url.split_once('?').map_or(url, |(bare, _)| bare)
}

fn digest_of(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let mut text = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        write!(text, "{byte:02x}").expect("a text takes it");
    }
    text
}

impl Response {
    /// The answer to a request that could not be read whole.
    #[cfg_attr(
        not(target_family = "wasm"),
        expect(dead_code, reason = "only a door reads")
    )]
    pub(crate) fn cut_off(why: &str) -> Self {
        refusal(400, &Fault::InvalidTask(why.to_owned()))
    }

    /// What a guest says before it traps.
    #[cfg_attr(
        not(target_family = "wasm"),
        expect(dead_code, reason = "only a door traps")
    )]
    pub(crate) fn trapped(why: &str) -> Self {
        refusal(500, &Fault::Failed(why.to_owned()))
    }
}

fn answered(body: String) -> Response {
    Response {
        status: 200,
        allow: None,
        dataset: None,
        body,
    }
}

fn refusal(status: u16, fault: &Fault) -> Response {
    Response {
        status,
        allow: None,
        dataset: None,
        body: serde_json::to_string(fault).expect("a fault is two strings"),
    }
}

#[cfg(test)]
mod tests;
