//! Requests and their responses.

use bytes::Bytes;

use super::*;
use crate::body::Body;
use crate::contract::Answer;
use crate::contract::multipart::Parts;
use crate::file::ColumnFile;
use crate::fixture::{EchoGuest, PREPARED, files};
use crate::request::{MAX_BODY_BYTES, MAX_FILE_BYTES, digest_of};

const TASK: &str = r#"{"contract": 2, "trainer": "echo", "candidates": [{}],
    "split": {"column": "fold", "test": 1}, "target": "y", "learning": "binary",
    "scoring": ["accuracy"]}"#;
const ANSWER: &str =
    r#"{"contract":2,"fits":1,"scores":[{"test":{"accuracy":0.3333333333333333}}]}"#;

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

/// A body in memory.
fn body(bytes: Bytes) -> Body<'static> {
    Body {
        content_length: Some(bytes.len() as u64),
        stream: Box::new(std::io::Cursor::new(bytes)),
    }
}

fn no_fetch(url: &str) -> Result<Body<'static>, String> {
    panic!("`{url}` must not be fetched")
}

fn post(function: &Function, parts: &[(&str, &[u8])], fetch: &Fetch<'_>) -> HttpResponse {
    let request = HttpRequest {
        method: "POST",
        path: "/?x=y",
        content_type: Some("multipart/form-data; boundary=cut"),
        body: body(form(parts)),
    };
    function.answer::<EchoGuest>(request, fetch)
}

/// The response to `TASK`.
fn scored(status: DatasetStatus) -> HttpResponse {
    HttpResponse {
        dataset: Some(status),
        ..HttpResponse::ok(ANSWER.to_owned())
    }
}

/// The status, and the message of the `Fault` in the body.
fn refused(response: &HttpResponse) -> (u16, String) {
    let fault: Fault = serde_json::from_slice(&response.body).unwrap();
    (response.status, fault.to_string())
}

#[test]
fn get_answers_the_description() {
    let request = HttpRequest {
        method: "GET",
        path: "/",
        content_type: None,
        body: body(Bytes::new()),
    };
    let response = Function::default().answer::<EchoGuest>(request, &no_fetch);
    assert_eq!(response.status, 200);
    let description: crate::contract::Description = serde_json::from_slice(&response.body).unwrap();
    assert_eq!(description, describe::<EchoGuest>());
}

#[test]
fn other_methods_and_paths_are_refused() {
    let respond = |method, path| {
        let request = HttpRequest {
            method,
            path,
            content_type: None,
            body: body(Bytes::new()),
        };
        Function::default().answer::<EchoGuest>(request, &no_fetch)
    };
    let ask = |method, path| refused(&respond(method, path));
    assert_eq!(
        ask("PUT", "/"),
        (
            405,
            "invalid task: the method `PUT` is not supported; `GET` describes the guest, `POST` \
             evaluates a task"
                .to_owned()
        )
    );
    assert_eq!(respond("PUT", "/").allow, Some("GET, POST"));
    assert_eq!(respond("GET", "/tasks").allow, None);
    assert_eq!(
        ask("GET", "/tasks"),
        (
            404,
            "invalid task: there is no resource `/tasks`; the only one is `/`".to_owned()
        )
    );
    assert_eq!(
        ask("POST", "/"),
        (
            400,
            "invalid task: the `content-type` is not `multipart/form-data` with a \
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
        scored(DatasetStatus::Opened)
    );
    assert_eq!(
        post(&function, &parts, &no_fetch),
        scored(DatasetStatus::Kept)
    );
    assert_eq!(PREPARED.get() - before, 1);
}

#[test]
fn a_url_is_fetched_unless_its_digest_is_that_of_the_open_dataset() {
    let (table, splits) = files();
    let fetched = std::cell::Cell::new(0);
    let fetch = |url: &str| {
        fetched.set(fetched.get() + 1);
        match url {
            "https://store/d?sig=1" => Ok(body(table.clone())),
            "https://store/s?sig=1" => Ok(body(splits.clone())),
            _ => Err("answered status 403".to_owned()),
        }
    };
    let function = Function::default();
    let urls: [(&str, &[u8]); 3] = [
        ("task", TASK.as_bytes()),
        ("dataset_url", b"https://store/d?sig=1"),
        ("splits_url", b"https://store/s?sig=1"),
    ];
    assert_eq!(
        post(&function, &urls, &fetch),
        scored(DatasetStatus::Opened)
    );
    assert_eq!(
        post(&function, &urls, &fetch),
        scored(DatasetStatus::Opened)
    );
    assert_eq!(fetched.get(), 4);
    let (dataset, rows) = (digest_of(&table), digest_of(&splits));
    let named: [(&str, &[u8]); 5] = [
        ("task", TASK.as_bytes()),
        ("dataset_url", b"https://store/d?sig=2"),
        ("dataset_digest", dataset.as_bytes()),
        ("splits_url", b"https://store/s?sig=2"),
        ("splits_digest", rows.as_bytes()),
    ];
    assert_eq!(post(&function, &named, &fetch), scored(DatasetStatus::Kept));
    assert_eq!(fetched.get(), 4);
}

#[test]
fn a_request_of_digests_needs_the_open_dataset() {
    let (table, splits) = files();
    let (dataset, rows) = (digest_of(&table), digest_of(&splits));
    let function = Function::default();
    let named: [(&str, &[u8]); 3] = [
        ("task", TASK.as_bytes()),
        ("dataset_digest", dataset.as_bytes()),
        ("splits_digest", rows.as_bytes()),
    ];
    let response = post(&function, &named, &no_fetch);
    assert_eq!(response.dataset, Some(DatasetStatus::Needed));
    let (status, message) = refused(&response);
    assert_eq!(status, 412);
    assert!(
        message.contains("the dataset is not open in this instance"),
        "{message}"
    );
    let sent: [(&str, &[u8]); 3] = [
        ("task", TASK.as_bytes()),
        ("dataset", &table),
        ("splits", &splits),
    ];
    assert_eq!(
        post(&function, &sent, &no_fetch),
        scored(DatasetStatus::Opened)
    );
    assert_eq!(
        post(&function, &named, &no_fetch),
        scored(DatasetStatus::Kept)
    );
    // A request for another dataset does not close the open one.
    let other = digest_of(b"other");
    let unknown: [(&str, &[u8]); 3] = [
        ("task", TASK.as_bytes()),
        ("dataset_digest", dataset.as_bytes()),
        ("splits_digest", other.as_bytes()),
    ];
    let response = post(&function, &unknown, &no_fetch);
    assert_eq!(
        (response.status, response.dataset),
        (412, Some(DatasetStatus::Needed))
    );
    assert_eq!(
        post(&function, &named, &no_fetch),
        scored(DatasetStatus::Kept)
    );
}

#[test]
fn a_file_with_a_wrong_digest_is_refused_and_not_kept() {
    let (table, splits) = files();
    let (dataset, rows) = (digest_of(b"other"), digest_of(&splits));
    let function = Function::default();
    let sent: [(&str, &[u8]); 5] = [
        ("task", TASK.as_bytes()),
        ("dataset", &table),
        ("dataset_digest", dataset.as_bytes()),
        ("splits", &splits),
        ("splits_digest", rows.as_bytes()),
    ];
    let (status, message) = refused(&post(&function, &sent, &no_fetch));
    assert_eq!(status, 400);
    assert!(message.contains(&digest_of(&table)), "{message}");
    let there: [(&str, &[u8]); 4] = [
        ("task", TASK.as_bytes()),
        ("dataset_url", b"https://store/d"),
        ("dataset_digest", dataset.as_bytes()),
        ("splits", &splits),
    ];
    let (status, _) = refused(&post(&function, &there, &|_| Ok(body(table.clone()))));
    assert_eq!(status, 502);
    let named: [(&str, &[u8]); 3] = [
        ("task", TASK.as_bytes()),
        ("dataset_digest", dataset.as_bytes()),
        ("splits_digest", rows.as_bytes()),
    ];
    assert_eq!(refused(&post(&function, &named, &no_fetch)).0, 412);
}

#[test]
fn a_url_that_fails_is_a_bad_gateway() {
    let fetch = |_: &str| Err("answered status 403".to_owned());
    let parts: [(&str, &[u8]); 3] = [
        ("task", TASK.as_bytes()),
        ("dataset_url", b"https://store/d?X-Amz-Signature=secret"),
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
    assert!(message.contains("unknown metric `auc`"));
    let (status, message) = ask(TASK, b"not Parquet");
    assert_eq!(status, 422);
    assert!(message.contains("can't be read as Parquet"));
}

#[test]
fn malformed_requests_are_refused() {
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
        "invalid task: the request has none of the parts `splits`, `splits_url` and `splits_digest`"
    );
    assert_eq!(
        ask(&[("task", b""), ("dataset", b""), ("dataset_url", b"")]),
        "invalid task: the request has both a part `dataset` and a part `dataset_url`"
    );
    assert!(
        ask(&[("tusk", b"")]).starts_with("invalid task: the request has an unknown part `tusk`;")
    );
    assert!(
        ask(&[("task", b""), ("dataset_digest", b"sha256:1")])
            .contains("`dataset_digest` is not a SHA-256 of 64 lowercase hexadecimal digits")
    );
    assert_eq!(
        ask(&[("task", b"\xff")]),
        "invalid task: the part `task` is not UTF-8"
    );
}

#[test]
fn a_body_above_the_limit_is_refused_without_reading_it() {
    struct Unread;
    impl std::io::Read for Unread {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            panic!("the body must not be read")
        }
    }
    let request = HttpRequest {
        method: "POST",
        path: "/",
        content_type: Some("multipart/form-data; boundary=cut"),
        body: Body {
            content_length: Some(MAX_BODY_BYTES + 1),
            stream: Box::new(Unread),
        },
    };
    let response = Function::default().answer::<EchoGuest>(request, &no_fetch);
    assert_eq!(
        refused(&response),
        (
            413,
            "invalid task: the request's body is larger than the limit of 1090519040 bytes"
                .to_owned()
        )
    );
}

#[test]
fn a_file_above_the_limit_is_not_fetched() {
    let fetch = |_: &str| {
        Ok(Body {
            content_length: Some(MAX_FILE_BYTES + 1),
            stream: Box::new(std::io::empty()),
        })
    };
    let parts: [(&str, &[u8]); 3] = [
        ("task", TASK.as_bytes()),
        ("dataset_url", b"https://store/d?sig=1"),
        ("splits_url", b"https://store/s?sig=1"),
    ];
    assert_eq!(
        refused(&post(&Function::default(), &parts, &fetch)),
        (
            413,
            "invalid dataset: the dataset at `https://store/d` is larger than the limit of \
             1073741824 bytes"
                .to_owned()
        )
    );
}

#[test]
fn predictions_come_as_parts_beside_the_answer() {
    let (table, splits) = files();
    let wanted = TASK.replace("}]", "}], \"outputs\": [\"predictions\"]");
    let parts = [
        ("task", wanted.as_bytes()),
        ("dataset", &table),
        ("splits", &splits),
    ];
    let response = post(&Function::default(), &parts, &no_fetch);
    assert_eq!(response.status, 200);
    let parts = Parts::read(&response.content_type, &response.body.into(), 16).unwrap();
    assert_eq!(
        parts.names().collect::<Vec<_>>(),
        ["answer", "predictions-0"]
    );
    let answer: Answer = serde_json::from_slice(parts.get("answer").unwrap()).unwrap();
    assert_eq!(answer.scores.len(), 1);
    let file = ColumnFile::open("predictions", parts.get("predictions-0").unwrap().clone());
    let file = file.unwrap();
    let names: Vec<&str> = file.names().collect();
    assert_eq!(
        names,
        ["row", "prediction", "probability_no", "probability_yes"]
    );
    // The test rows of fold 1.
    assert_eq!(file.ints(0).unwrap(), [3, 4, 5].map(Some));
}
