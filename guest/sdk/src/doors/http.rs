//! The door `wasi:http/incoming-handler`: a [`Function`] on streams.

use std::cell::Cell;
use std::io::{Read as _, Write as _};
use std::sync::Once;

use bytes::Bytes;
use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    Fields, IncomingBody, IncomingRequest, Method, OutgoingBody, OutgoingRequest, OutgoingResponse,
    ResponseOutparam, Scheme,
};

use crate::Guest;
use crate::function::{Function, Request, Response};

thread_local! {
    static FUNCTION: Function = Function::default();
    /// Where the answer to the present request goes.
    static OUT: Cell<Option<ResponseOutparam>> = const { Cell::new(None) };
}

/// Answers one request. A guest that panics says why before it traps: what
/// the platform makes of a trap tells nothing.
pub fn handle<G: Guest>(request: IncomingRequest, outparam: ResponseOutparam) {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        std::panic::set_hook(Box::new(|panic| {
            if let Some(outparam) = OUT.take() {
                write(&Response::trapped(&panic.to_string()), outparam);
            }
        }));
    });
    OUT.set(Some(outparam));
    let response = match read(&request) {
        Ok((method, path, content_type, body)) => FUNCTION.with(|function| {
            let request = Request {
                method: &method,
                path: &path,
                content_type: content_type.as_deref(),
                body,
            };
            function.answer::<G>(&request, &fetch)
        }),
        Err(why) => Response::cut_off(&why),
    };
    if let Some(outparam) = OUT.take() {
        write(&response, outparam);
    }
}

type Parts = (String, String, Option<String>, Bytes);

fn read(request: &IncomingRequest) -> Result<Parts, String> {
    let method = name(request.method());
    let path = request.path_with_query().unwrap_or_default();
    let content_type = request
        .headers()
        .get("content-type")
        .into_iter()
        .next()
        .and_then(|value| String::from_utf8(value).ok());
    let body = request.consume().map_err(|()| "the body is taken")?;
    Ok((method, path, content_type, drain(body)?))
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

/// A body, whole.
fn drain(body: IncomingBody) -> Result<Bytes, String> {
    let mut stream = body.stream().map_err(|()| "the body is taken")?;
    let mut bytes = Vec::new();
    stream
        .read_to_end(&mut bytes)
        .map_err(|error| format!("the body was cut off: {error}"))?;
    Ok(bytes.into())
}

/// What a client that went away misses is no concern of the guest's, so that
/// failed writes are let go.
fn write(response: &Response, outparam: ResponseOutparam) {
    let headers = Fields::new();
    let length = response.body.len().to_string();
    let _ = headers.append("content-type", b"application/json");
    let _ = headers.append("content-length", length.as_bytes());
    if let Some(methods) = response.allow {
        let _ = headers.append("allow", methods.as_bytes());
    }
    if let Some(held) = response.dataset {
        let _ = headers.append("fanout-dataset", held.name().as_bytes());
    }
    let outgoing = OutgoingResponse::new(headers);
    let _ = outgoing.set_status_code(response.status);
    let body = outgoing.body().expect("the body is taken once");
    ResponseOutparam::set(outparam, Ok(outgoing));
    if let Ok(mut stream) = body.write() {
        let _ = stream.write_all(response.body.as_bytes());
        let _ = stream.flush();
    }
    let _ = OutgoingBody::finish(body, None);
}

/// GETs a presigned URL.
fn fetch(url: &str) -> Result<Bytes, String> {
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
        .map_err(|()| "gave its response away")?
        .map_err(|code| format!("can't be fetched: {code}"))?;
    match response.status() {
        200 => drain(response.consume().map_err(|()| "the body is taken")?),
        status => Err(format!("answered status {status}")),
    }
}
