//! [`Function`]: the contract over HTTP, for platforms that serve functions.
//!
//! `GET /` answers the description; `POST /` takes a task with its dataset
//! and answers its scores. This is the whole protocol but the socket: it reads
//! no stream itself, and what it fetches, it is given a way to fetch.

use std::cell::RefCell;
use std::rc::Rc;

use bytes::Bytes;

use crate::Fault;
use crate::dataset::Dataset;
use crate::guest::{Guest, describe};
use crate::multipart::Parts;

/// A guest as a function, with the dataset that it opened last: a platform
/// that keeps an instance warm sends the same one again and again.
#[derive(Debug, Default)]
pub struct Function {
    last: RefCell<Option<(Key, Key, Rc<Dataset>)>>,
}

/// What tells one file from another: its bytes, or a digest that the request
/// names them by.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Key {
    Bytes(Bytes),
    Digest(String),
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
    /// A `Description` or an `Answer` where the status is 200, else a `Fault`.
    pub body: String,
}

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
            ("POST", "/" | "") => match self.evaluate::<G>(request, fetch) {
                Ok(body) => answered(body),
                Err((status, fault)) => refusal(status, &fault),
            },
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
    ) -> Result<String, (u16, Fault)> {
        let malformed = |why: String| (400, Fault::InvalidTask(why));
        let content_type = request.content_type.unwrap_or_default();
        let parts = Parts::read(content_type, &request.body).map_err(malformed)?;
        if let Some(unknown) = parts.names().find(|name| !PARTS.contains(name)) {
            return Err(malformed(format!(
                "the request has a part `{unknown}`; it may have `{}`",
                PARTS.join("`, `")
            )));
        }
        let task = parts
            .get("task")
            .ok_or_else(|| malformed("the request has no part `task`".to_owned()))?;
        let task = std::str::from_utf8(task)
            .map_err(|_| malformed("the part `task` is not UTF-8".to_owned()))?;
        let dataset = Asked::of(&parts, "dataset").map_err(malformed)?;
        let splits = Asked::of(&parts, "splits").map_err(malformed)?;
        let dataset = self.open::<G>(&dataset, &splits, fetch)?;
        dataset.evaluate(task).map_err(|fault| (422, fault))
    }

    fn open<G: Guest>(
        &self,
        dataset: &Asked,
        splits: &Asked,
        fetch: &dyn Fn(&str) -> Result<Bytes, String>,
    ) -> Result<Rc<Dataset>, (u16, Fault)> {
        let known = |key: &Option<Key>, last: &Key| key.as_ref() == Some(last);
        if let Some((last_dataset, last_splits, open)) = &*self.last.borrow()
            && known(&dataset.key, last_dataset)
            && known(&splits.key, last_splits)
        {
            return Ok(Rc::clone(open));
        }
        // Two datasets at once might not fit.
        self.last.replace(None);
        let bytes = |asked: &Asked| match &asked.place {
            Place::Here(bytes) => Ok(bytes.clone()),
            Place::There(url) => {
                fetch(url).map_err(|why| (502, Fault::InvalidDataset(format!("`{url}`: {why}"))))
            }
        };
        let (table, rows) = (bytes(dataset)?, bytes(splits)?);
        let key = |asked: &Asked, bytes: &Bytes| {
            asked
                .key
                .clone()
                .unwrap_or_else(|| Key::Bytes(bytes.clone()))
        };
        let keys = (key(dataset, &table), key(splits, &rows));
        let open = Rc::new(Dataset::open::<G>(table, rows).map_err(|fault| (422, fault))?);
        self.last.replace(Some((keys.0, keys.1, Rc::clone(&open))));
        Ok(open)
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

/// A file that a request brings or names.
struct Asked {
    place: Place,
    /// Known before the bytes are, unless they must be fetched and no digest
    /// names them.
    key: Option<Key>,
}

enum Place {
    Here(Bytes),
    There(String),
}

impl Asked {
    fn of(parts: &Parts, name: &str) -> Result<Self, String> {
        let text = |suffix: &str| {
            let name = format!("{name}_{suffix}");
            let text = parts
                .get(&name)
                .map(|bytes| String::from_utf8(bytes.to_vec()));
            text.transpose()
                .map_err(|_| format!("the part `{name}` is not UTF-8"))
        };
        let digest = text("digest")?.map(Key::Digest);
        match (parts.get(name), text("url")?) {
            (Some(bytes), None) => Ok(Self {
                key: Some(digest.unwrap_or_else(|| Key::Bytes(bytes.clone()))),
                place: Place::Here(bytes.clone()),
            }),
            (None, Some(url)) => Ok(Self {
                key: digest,
                place: Place::There(url),
            }),
            (None, None) => Err(format!(
                "the request has neither a part `{name}` nor a part `{name}_url`"
            )),
            (Some(_), Some(_)) => Err(format!(
                "the request has both a part `{name}` and a part `{name}_url`"
            )),
        }
    }
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
}

fn answered(body: String) -> Response {
    Response {
        status: 200,
        allow: None,
        body,
    }
}

fn refusal(status: u16, fault: &Fault) -> Response {
    Response {
        status,
        allow: None,
        body: serde_json::to_string(fault).expect("a fault is two strings"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{EchoGuest, PREPARED, files};

    const TASK: &str = r#"{"contract": 1, "trainer": "echo", "candidates": [{}],
        "split": {"column": "fold", "test": 1}, "target": "y", "scoring": ["accuracy"]}"#;
    const ANSWER: &str =
        r#"{"contract":1,"fits":1,"scores":[{"test":{"accuracy":0.3333333333333333}}]}"#;

    fn form(parts: &[(&str, &[u8])]) -> Bytes {
        let mut body = Vec::new();
        for (name, content) in parts {
            let head = format!("--cut\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
            body.extend_from_slice(head.as_bytes());
            body.extend_from_slice(content);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(b"--cut--\r\n");
        body.into()
    }

    fn no_fetch(url: &str) -> Result<Bytes, String> {
        panic!("`{url}` is not to be fetched")
    }

    fn post(
        function: &Function,
        parts: &[(&str, &[u8])],
        fetch: &dyn Fn(&str) -> Result<Bytes, String>,
    ) -> Response {
        let request = Request {
            method: "POST",
            path: "/?x=y",
            content_type: Some("multipart/form-data; boundary=cut"),
            body: form(parts),
        };
        function.answer::<EchoGuest>(&request, fetch)
    }

    /// The status, and the message of the `Fault` in the body.
    fn refused(response: &Response) -> (u16, String) {
        let fault: Fault = serde_json::from_str(&response.body).unwrap();
        (response.status, fault.to_string())
    }

    #[test]
    fn get_describes() {
        let request = Request {
            method: "GET",
            path: "/",
            content_type: None,
            body: Bytes::new(),
        };
        let response = Function::default().answer::<EchoGuest>(&request, &no_fetch);
        assert_eq!(response.status, 200);
        let description: crate::contract::Description =
            serde_json::from_str(&response.body).unwrap();
        assert_eq!(description, describe::<EchoGuest>());
    }

    #[test]
    fn other_requests_are_refused() {
        let respond = |method, path| {
            let request = Request {
                method,
                path,
                content_type: None,
                body: Bytes::new(),
            };
            Function::default().answer::<EchoGuest>(&request, &no_fetch)
        };
        let ask = |method, path| refused(&respond(method, path));
        assert_eq!(
            ask("PUT", "/"),
            (
                405,
                "invalid task: the method `PUT` is not answered; `GET` describes, `POST` evaluates"
                    .to_owned()
            )
        );
        assert_eq!(respond("PUT", "/").allow, Some("GET, POST"));
        assert_eq!(respond("GET", "/tasks").allow, None);
        assert_eq!(
            ask("GET", "/tasks"),
            (
                404,
                "invalid task: there is nothing at `/tasks`; try `/`".to_owned()
            )
        );
        assert_eq!(
            ask("POST", "/"),
            (
                400,
                "invalid task: the request's `content-type` is not `multipart/form-data` with a \
                 boundary"
                    .to_owned()
            )
        );
    }

    #[test]
    fn a_dataset_in_the_body_is_opened_once() {
        let (table, splits) = files();
        let function = Function::default();
        let before = PREPARED.get();
        let parts: [(&str, &[u8]); 3] = [
            ("task", TASK.as_bytes()),
            ("dataset", &table),
            ("splits", &splits),
        ];
        assert_eq!(
            post(&function, &parts, &no_fetch),
            answered(ANSWER.to_owned())
        );
        assert_eq!(
            post(&function, &parts, &no_fetch),
            answered(ANSWER.to_owned())
        );
        assert_eq!(PREPARED.get() - before, 1);
    }

    #[test]
    fn a_dataset_behind_a_url_is_fetched_unless_its_digest_is_known() {
        let (table, splits) = files();
        let fetched = std::cell::Cell::new(0);
        let fetch = |url: &str| {
            fetched.set(fetched.get() + 1);
            match url {
                "https://store/d?sig=1" => Ok(table.clone()),
                "https://store/s?sig=1" => Ok(splits.clone()),
                _ => Err("answered status 403".to_owned()),
            }
        };
        let function = Function::default();
        let urls: [(&str, &[u8]); 3] = [
            ("task", TASK.as_bytes()),
            ("dataset_url", b"https://store/d?sig=1"),
            ("splits_url", b"https://store/s?sig=1"),
        ];
        assert_eq!(post(&function, &urls, &fetch), answered(ANSWER.to_owned()));
        assert_eq!(post(&function, &urls, &fetch), answered(ANSWER.to_owned()));
        assert_eq!(fetched.get(), 4);
        let named = |url: &'static str| {
            [
                ("task", TASK.as_bytes()),
                ("dataset_url", url.as_bytes()),
                ("dataset_digest", b"sha256:1"),
                ("splits_url", b"https://store/s?sig=1"),
                ("splits_digest", b"sha256:2"),
            ]
        };
        assert_eq!(
            post(&function, &named("https://store/d?sig=1"), &fetch),
            answered(ANSWER.to_owned())
        );
        assert_eq!(fetched.get(), 6);
        assert_eq!(
            post(&function, &named("https://store/d?sig=2"), &fetch),
            answered(ANSWER.to_owned())
        );
        assert_eq!(fetched.get(), 6);
    }

    #[test]
    fn a_url_that_fails_is_a_bad_gateway() {
        let fetch = |_: &str| Err("answered status 403".to_owned());
        let parts: [(&str, &[u8]); 3] = [
            ("task", TASK.as_bytes()),
            ("dataset_url", b"https://store/d"),
            ("splits_url", b"https://store/s"),
        ];
        assert_eq!(
            refused(&post(&Function::default(), &parts, &fetch)),
            (
                502,
                "invalid dataset: `https://store/d`: answered status 403".to_owned()
            )
        );
    }

    #[test]
    fn a_fault_has_its_status() {
        let (table, splits) = files();
        let ask = |task: &str, table: &[u8]| {
            let parts: [(&str, &[u8]); 3] = [
                ("task", task.as_bytes()),
                ("dataset", table),
                ("splits", &splits),
            ];
            refused(&post(&Function::default(), &parts, &no_fetch))
        };
        let other = TASK.replace("accuracy", "auc");
        let (status, message) = ask(&other, &table);
        assert_eq!(status, 422);
        assert!(message.contains("there is no metric `auc`"));
        let (status, message) = ask(TASK, b"not Parquet");
        assert_eq!(status, 422);
        assert!(message.contains("can't be read as Parquet"));
    }

    #[test]
    fn parts_must_be_those_of_the_contract() {
        let ask = |parts: &[(&str, &[u8])]| {
            let response = post(&Function::default(), parts, &no_fetch);
            let (status, message) = refused(&response);
            assert_eq!(status, 400);
            message
        };
        assert_eq!(
            ask(&[("dataset", b"")]),
            "invalid task: the request has no part `task`"
        );
        assert_eq!(
            ask(&[("task", b""), ("dataset", b"")]),
            "invalid task: the request has neither a part `splits` nor a part `splits_url`"
        );
        assert_eq!(
            ask(&[("task", b""), ("dataset", b""), ("dataset_url", b"")]),
            "invalid task: the request has both a part `dataset` and a part `dataset_url`"
        );
        assert!(ask(&[("tusk", b"")]).starts_with("invalid task: the request has a part `tusk`;"));
        assert_eq!(
            ask(&[("task", b"\xff")]),
            "invalid task: the part `task` is not UTF-8"
        );
    }
}
