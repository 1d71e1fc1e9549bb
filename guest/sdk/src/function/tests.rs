//! The protocol, request by request.

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

/// The answer to `TASK`, with the dataset had so.
fn scored(held: Held) -> Response {
    Response {
        dataset: Some(held),
        ..answered(ANSWER.to_owned())
    }
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
    let description: crate::contract::Description = serde_json::from_str(&response.body).unwrap();
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
    assert_eq!(post(&function, &parts, &no_fetch), scored(Held::Opened));
    assert_eq!(post(&function, &parts, &no_fetch), scored(Held::Kept));
    assert_eq!(PREPARED.get() - before, 1);
}

#[test]
fn a_dataset_behind_a_url_is_fetched_unless_its_digest_is_that_of_the_kept_one() {
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
    assert_eq!(post(&function, &urls, &fetch), scored(Held::Opened));
    assert_eq!(post(&function, &urls, &fetch), scored(Held::Opened));
    assert_eq!(fetched.get(), 4);
    let (dataset, rows) = (digest_of(&table), digest_of(&splits));
    let named: [(&str, &[u8]); 5] = [
        ("task", TASK.as_bytes()),
        ("dataset_url", b"https://store/d?sig=2"),
        ("dataset_digest", dataset.as_bytes()),
        ("splits_url", b"https://store/s?sig=2"),
        ("splits_digest", rows.as_bytes()),
    ];
    assert_eq!(post(&function, &named, &fetch), scored(Held::Kept));
    assert_eq!(fetched.get(), 4);
}

#[test]
fn digests_alone_are_answered_from_the_kept_dataset_or_ask_for_it() {
    let (table, splits) = files();
    let (dataset, rows) = (digest_of(&table), digest_of(&splits));
    let function = Function::default();
    let named: [(&str, &[u8]); 3] = [
        ("task", TASK.as_bytes()),
        ("dataset_digest", dataset.as_bytes()),
        ("splits_digest", rows.as_bytes()),
    ];
    let response = post(&function, &named, &no_fetch);
    assert_eq!(response.dataset, Some(Held::Needed));
    let (status, message) = refused(&response);
    assert_eq!(status, 412);
    assert!(
        message.contains("the dataset is not kept here"),
        "{message}"
    );
    let sent: [(&str, &[u8]); 3] = [
        ("task", TASK.as_bytes()),
        ("dataset", &table),
        ("splits", &splits),
    ];
    assert_eq!(post(&function, &sent, &no_fetch), scored(Held::Opened));
    assert_eq!(post(&function, &named, &no_fetch), scored(Held::Kept));
    // Another one that is asked for does not cost the one that is open.
    let other = digest_of(b"other");
    let unknown: [(&str, &[u8]); 3] = [
        ("task", TASK.as_bytes()),
        ("dataset_digest", dataset.as_bytes()),
        ("splits_digest", other.as_bytes()),
    ];
    let response = post(&function, &unknown, &no_fetch);
    assert_eq!(
        (response.status, response.dataset),
        (412, Some(Held::Needed))
    );
    assert_eq!(post(&function, &named, &no_fetch), scored(Held::Kept));
}

#[test]
fn a_file_under_the_digest_of_another_is_refused_and_not_kept() {
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
    let (status, _) = refused(&post(&function, &there, &|_| Ok(table.clone())));
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
        "invalid task: the request has none of the parts `splits`, `splits_url` and `splits_digest`"
    );
    assert_eq!(
        ask(&[("task", b""), ("dataset", b""), ("dataset_url", b"")]),
        "invalid task: the request has both a part `dataset` and a part `dataset_url`"
    );
    assert!(ask(&[("tusk", b"")]).starts_with("invalid task: the request has a part `tusk`;"));
    assert!(
        ask(&[("task", b""), ("dataset_digest", b"sha256:1")])
            .contains("`dataset_digest` is no SHA-256 in 64 hexadecimal digits")
    );
    assert_eq!(
        ask(&[("task", b"\xff")]),
        "invalid task: the part `task` is not UTF-8"
    );
}
