//! [`Reply`]: what a status, its headers and its body say. Only what the
//! guest itself said is taken for its word; a gateway's page is not.

use std::time::Duration;

use bytes::Bytes;
use fanout_contract::Fault;
use fanout_contract::multipart::Parts;
use http::{HeaderMap, StatusCode, header};

use crate::sandbox::clipped;

/// Characters of a body that go into a message.
const SHOWN: usize = 200;

/// What came back.
#[derive(Debug, PartialEq)]
pub(super) enum Reply {
    /// The guest's answer, as it gave it.
    Answer(Answered),
    /// The guest said why it did not answer.
    Refused(Fault),
    /// The guest panicked, and said so.
    Trapped(String),
    /// The instance has not the dataset: it wants it sent.
    DataNeeded,
    /// The guest could not get the dataset from its URL.
    UrlFailed(String),
    /// Too much at a time; again after a while.
    Busy {
        why: String,
        after: Option<Duration>,
    },
    /// The instance or the platform failed.
    Failed(String),
    /// The token is missing or wrong.
    Denied(u16),
    /// The body, or a file behind a URL in it, is larger than the platform or
    /// the guest takes.
    TooLarge(String),
    /// Whatever is there does not keep the contract.
    Strange(String),
}

/// What a guest answered.
#[derive(Debug, PartialEq)]
pub(super) struct Answered {
    /// The document.
    pub(super) text: String,
    /// The files beside it, by output and candidate.
    pub(super) files: Vec<(String, u32, Bytes)>,
}

impl Answered {
    /// An answer alone, or with files: parts named `<output>-<candidate>` of a multipart
    /// body.
    fn read(headers: &HeaderMap, body: &Bytes) -> Result<Self, String> {
        let content_type = headers.get(header::CONTENT_TYPE);
        let content_type = content_type.and_then(|value| value.to_str().ok());
        let Some(content_type) = content_type.filter(|kind| kind.starts_with("multipart/")) else {
            return Ok(Self {
                text: String::from_utf8_lossy(body).into_owned(),
                files: Vec::new(),
            });
        };
        let (mut text, mut files) = (None, Vec::new());
        // Their number is checked with their names.
        for (name, content) in Parts::read(content_type, body, usize::MAX)?.into_inner() {
            if name == "answer" {
                text = Some(String::from_utf8_lossy(&content).into_owned());
                continue;
            }
            let file = name.rsplit_once('-');
            let file = file.and_then(|(output, at)| Some((output.to_owned(), at.parse().ok()?)));
            let (output, candidate) =
                file.ok_or_else(|| clipped(format!("a part `{name}` beside the answer")))?;
            files.push((output, candidate, content));
        }
        let text = text.ok_or("files without an answer")?;
        Ok(Self { text, files })
    }
}

impl Reply {
    pub(super) fn read(status: StatusCode, headers: &HeaderMap, body: &Bytes) -> Self {
        let fault = || serde_json::from_slice::<Fault>(body).ok();
        let why = || said(status, body);
        match status.as_u16() {
            200 => Answered::read(headers, body).map_or_else(Self::Strange, Self::Answer),
            401 | 403 | 407 => Self::Denied(status.as_u16()),
            412 if headers
                .get("fanout-dataset")
                .is_some_and(|held| held == "needed") =>
            {
                Self::DataNeeded
            }
            413 => Self::TooLarge(fault().map_or_else(why, |fault| fault.to_string())),
            422 => fault().map_or_else(|| Self::Strange(why()), Self::Refused),
            429 | 503 => Self::Busy {
                why: why(),
                after: retry_after(headers),
            },
            500 => match fault() {
                Some(Fault::Failed(message)) => Self::Trapped(message),
                _ => Self::Failed(why()),
            },
            502 => match fault() {
                Some(Fault::InvalidDataset(message)) => Self::UrlFailed(clipped(message)),
                _ => Self::Failed(why()),
            },
            408 | 501..=599 => Self::Failed(why()),
            _ => Self::Strange(why()),
        }
    }
}

/// Threat: a time that no clock reaches.
const LONGEST_REST: u64 = 24 * 60 * 60;

/// The header in seconds, at most a day; its other form, a date, would need
/// clocks that agree.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(header::RETRY_AFTER)?.to_str().ok()?;
    let seconds: u64 = seconds.trim().parse().ok()?;
    Some(Duration::from_secs(seconds.min(LONGEST_REST)))
}

/// The status, and the beginning of the body.
fn said(status: StatusCode, body: &[u8]) -> String {
    let body = String::from_utf8_lossy(&body[..body.len().min(4 * SHOWN)]);
    let words: Vec<&str> = body.split_whitespace().collect();
    let mut text: String = words.join(" ").chars().take(SHOWN).collect();
    if text.is_empty() {
        return format!("status {status}");
    }
    text.retain(|c| !c.is_control());
    format!("status {status}: {text}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn read(status: u16, body: &str) -> Reply {
        let status = StatusCode::from_u16(status).unwrap();
        Reply::read(
            status,
            &HeaderMap::new(),
            &Bytes::copy_from_slice(body.as_bytes()),
        )
    }

    #[test]
    fn the_guests_word_is_told_from_a_gateways() {
        let fault = |name: &str| format!(r#"{{"fault":"{name}","message":"why"}}"#);
        let answer = Answered {
            text: "{}".into(),
            files: Vec::new(),
        };
        assert_eq!(read(200, "{}"), Reply::Answer(answer));
        assert_eq!(
            read(422, &fault("invalid-params")),
            Reply::Refused(Fault::InvalidParams("why".into()))
        );
        assert!(matches!(read(422, "<html>"), Reply::Strange(_)));
        assert_eq!(read(500, &fault("failed")), Reply::Trapped("why".into()));
        assert!(matches!(read(500, "<html>"), Reply::Failed(_)));
        assert_eq!(
            read(502, &fault("invalid-dataset")),
            Reply::UrlFailed("why".into())
        );
        assert!(matches!(read(502, ""), Reply::Failed(_)));
        assert!(matches!(read(504, ""), Reply::Failed(_)));
        assert_eq!(read(403, ""), Reply::Denied(403));
        let large = |body: &str| match read(413, body) {
            Reply::TooLarge(why) => why,
            reply => panic!("{reply:?}"),
        };
        assert_eq!(large(""), "status 413 Payload Too Large");
        assert!(large(&fault("invalid-dataset")).contains("why"));
        assert!(matches!(read(302, ""), Reply::Strange(_)));
        assert!(matches!(
            read(400, &fault("invalid-task")),
            Reply::Strange(_)
        ));
        // A gateway's own 412 asks for nothing that could be sent.
        assert!(matches!(read(412, ""), Reply::Strange(_)));
    }

    #[test]
    fn files_stand_beside_an_answer() {
        let read = |parts: &[(&str, &[u8])]| {
            let (content_type, body) = fanout_contract::multipart::write("seam", parts);
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, content_type.parse().unwrap());
            Reply::read(StatusCode::OK, &headers, &body.into())
        };
        let answer = ("answer", b"{}".as_slice());
        let model = ("model-1", b"\xff".as_slice());
        let whole = Answered {
            text: "{}".into(),
            files: vec![("model".into(), 1, Bytes::from_static(b"\xff"))],
        };
        assert_eq!(read(&[answer, model]), Reply::Answer(whole));
        for strange in [&[model][..], &[answer, ("model", b"")]] {
            assert!(matches!(read(strange), Reply::Strange(_)), "{strange:?}");
        }
    }

    #[test]
    fn headers_ask_for_data_and_for_patience() {
        let mut headers = HeaderMap::new();
        headers.insert("fanout-dataset", HeaderValue::from_static("needed"));
        headers.insert("retry-after", HeaderValue::from_static("7"));
        let read = |status| Reply::read(status, &headers, &Bytes::new());
        assert_eq!(read(StatusCode::PRECONDITION_FAILED), Reply::DataNeeded);
        for status in [
            StatusCode::TOO_MANY_REQUESTS,
            StatusCode::SERVICE_UNAVAILABLE,
        ] {
            let Reply::Busy { after, .. } = read(status) else {
                panic!("{status} is no reason to wait")
            };
            assert_eq!(after, Some(Duration::from_secs(7)));
        }
    }

    /// Added to a clock's time, the longest of these would be a panic.
    #[test]
    fn no_server_has_a_run_rest_for_more_than_a_day() {
        let mut headers = HeaderMap::new();
        headers.insert("retry-after", HeaderValue::from(u64::MAX));
        let busy = Reply::read(StatusCode::SERVICE_UNAVAILABLE, &headers, &Bytes::new());
        let Reply::Busy { after, .. } = busy else {
            panic!("{busy:?} is no reason to wait")
        };
        assert_eq!(after, Some(Duration::from_secs(LONGEST_REST)));
    }

    #[test]
    fn a_long_fault_is_clipped() {
        let long = "x".repeat(1 << 20);
        let fault = format!(r#"{{"fault":"invalid-dataset","message":"{long}"}}"#);
        let Reply::UrlFailed(why) = read(502, &fault) else {
            panic!("a fault of the dataset is one of the URL")
        };
        assert!(why.len() < 10_000, "{}", why.len());
    }

    #[test]
    fn a_page_is_shown_by_its_beginning() {
        let page = format!("<html>\n  <b>\u{1b}[31m{}</b>", "x".repeat(10_000));
        let Reply::Failed(why) = read(500, &page) else {
            panic!("a page is no answer")
        };
        assert!(
            why.starts_with("status 500 Internal Server Error: <html> <b>[31mxxx"),
            "{why}"
        );
        assert!(why.len() < 300, "{}", why.len());
    }
}
