//! The export `wasi:http/incoming-handler`: [`Function`] on the streams of
//! `wasi:http`.

use std::cell::Cell;
use std::io::{self, Read, Write as _};
use std::sync::Once;

use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    Fields, IncomingBody, IncomingRequest, IncomingResponse, Method, OutgoingBody, OutgoingRequest,
    OutgoingResponse, ResponseOutparam, Scheme,
};
use wasip2::io::streams::InputStream;

use crate::Guest;
use crate::body::Body;
use crate::function::{Function, HttpResponse};
use crate::request::HttpRequest;

thread_local! {
    static FUNCTION: Function = Function::default();
    /// Where the response to the current request goes.
    static OUT: Cell<Option<ResponseOutparam>> = const { Cell::new(None) };
}

/// Answers one request. A guest that panics responds with the panic's message
/// before it traps: a platform reports a trap without its cause.
pub fn handle<G: Guest>(request: IncomingRequest, outparam: ResponseOutparam) {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        std::panic::set_hook(Box::new(|panic| {
            if let Some(outparam) = OUT.take() {
                write(&HttpResponse::panicked(&panic.to_string()), outparam);
            }
        }));
    });
    OUT.set(Some(outparam));
    let method = name(request.method());
    let path = request.path_with_query().unwrap_or_default();
    let content_type = header(&request.headers(), "content-type");
    let accept = header(&request.headers(), "accept");
    let response = FUNCTION.with(|function| {
        let request = HttpRequest {
            method: &method,
            path: &path,
            content_type: content_type.as_deref(),
            accept: accept.as_deref(),
            body: Body {
                content_length: content_length(&request.headers()),
                stream: Box::new(BodyStream::new(request.consume(), None)),
            },
        };
        function.answer::<G>(request, &fetch)
    });
    if let Some(outparam) = OUT.take() {
        write(&response, outparam);
    }
}

fn name(method: Method) -> String {
    match method {
        Method::Get => "GET",
        Method::Head => "HEAD",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Delete => "DELETE",
        Method::Connect => "CONNECT",
        Method::Options => "OPTIONS",
        Method::Trace => "TRACE",
        Method::Patch => "PATCH",
        Method::Other(name) => return name,
    }
    .to_owned()
}

/// The first value of a header, if it is UTF-8.
fn header(headers: &Fields, name: &str) -> Option<String> {
    let value = headers.get(name).into_iter().next()?;
    String::from_utf8(value).ok()
}

fn content_length(headers: &Fields) -> Option<u64> {
    header(headers, "content-length")?.trim().parse().ok()
}

/// The bytes of a body. The fields are dropped in order: a stream before the
/// body that it belongs to, a body before its response.
struct BodyStream {
    stream: Option<InputStream>,
    _body: Option<IncomingBody>,
    _response: Option<IncomingResponse>,
}

impl BodyStream {
    fn new(body: Result<IncomingBody, ()>, response: Option<IncomingResponse>) -> Self {
        let body = body.ok();
        Self {
            stream: body.as_ref().and_then(|body| body.stream().ok()),
            _body: body,
            _response: response,
        }
    }
}

impl Read for BodyStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.stream {
            Some(stream) => stream.read(buffer),
            None => Err(io::Error::other("the body was consumed already")),
        }
    }
}

/// Writes a response. Errors of writing are ignored: the client has gone.
fn write(response: &HttpResponse, outparam: ResponseOutparam) {
    let headers = Fields::new();
    let length = response.body.len().to_string();
    let _ = headers.append("content-type", response.content_type.as_bytes());
    let _ = headers.append("content-length", length.as_bytes());
    if let Some(methods) = response.allow {
        let _ = headers.append("allow", methods.as_bytes());
    }
    if let Some(status) = response.dataset {
        let _ = headers.append("fanout-dataset", status.header_value().as_bytes());
    }
    if let Some(unknown) = &response.unknown {
        let _ = headers.append("fanout-unknown", unknown.as_bytes());
    }
    let outgoing = OutgoingResponse::new(headers);
    let _ = outgoing.set_status_code(response.status);
    let body = outgoing.body().expect("the body is taken once");
    ResponseOutparam::set(outparam, Ok(outgoing));
    if let Ok(mut stream) = body.write() {
        let _ = stream.write_all(&response.body);
        let _ = stream.flush();
    }
    let _ = OutgoingBody::finish(body, None);
}

/// Sends a GET for a URL, and waits for the head of the response.
fn fetch(url: &str) -> Result<Body<'static>, String> {
    let (scheme, rest) = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
        (Some(rest), _) => (Scheme::Https, rest),
        (None, Some(rest)) => (Scheme::Http, rest),
        (None, None) => return Err("is not an http(s) URL".to_owned()),
    };
    let path_at = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(path_at);
    let request = OutgoingRequest::new(Fields::new());
    request
        .set_scheme(Some(&scheme))
        .and_then(|()| request.set_authority(Some(authority)))
        .and_then(|()| request.set_path_with_query(Some(path)))
        .map_err(|()| "is not a URL")?;
    let pending = outgoing_handler::handle(request, None)
        .map_err(|code| format!("can't be fetched: {code}"))?;
    pending.subscribe().block();
    let response = pending
        .get()
        .ok_or("gave no response")?
        .map_err(|()| "the response was taken already")?
        .map_err(|code| format!("can't be fetched: {code}"))?;
    match response.status() {
        200 => {
            let content_length = content_length(&response.headers());
            let stream = BodyStream::new(response.consume(), Some(response));
            Ok(Body {
                content_length,
                stream: Box::new(stream),
            })
        }
        status => Err(format!("answered status {status}")),
    }
}
