//! The door of HTTP, as thin as can be: it finds the task in the request, reads
//! nothing else of it, and hands on what the guest makes of it, spoilt or not.

use std::io::{Read as _, Write as _};

use fanout_contract::{Fault as Said, Task};
use wasip2::http::types::{
    Fields, IncomingBody, IncomingRequest, Method, OutgoingBody, OutgoingResponse, ResponseOutparam,
};

use crate::{Fault, Guest};

/// Answers one request.
pub fn handle<G: Guest>(request: IncomingRequest, outparam: ResponseOutparam) {
    let (status, body) = match request.method() {
        Method::Get => (200, G::describe()),
        _ => match G::open().and_then(|()| G::evaluate(&task(&read(&request)))) {
            Ok(answer) => (200, answer),
            Err(fault) => (422, said(fault)),
        },
    };
    let headers = Fields::new();
    headers.append("content-type", b"application/json").unwrap();
    let response = OutgoingResponse::new(headers);
    response.set_status_code(status).unwrap();
    let outgoing = response.body().unwrap();
    ResponseOutparam::set(outparam, Ok(response));
    let mut stream = outgoing.write().unwrap();
    // A client that has read enough goes away.
    let written = stream
        .write_all(body.as_bytes())
        .and_then(|()| std::io::Write::flush(&mut stream));
    drop(stream);
    if written.is_ok() {
        OutgoingBody::finish(outgoing, None).unwrap();
    }
}

fn read(request: &IncomingRequest) -> Vec<u8> {
    let body = request.consume().unwrap();
    let mut bytes = Vec::new();
    body.stream().unwrap().read_to_end(&mut bytes).unwrap();
    IncomingBody::finish(body);
    bytes
}

/// The first part of the form.
fn task(body: &[u8]) -> Task {
    let start = body
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap()
        + 4;
    let length = body[start..]
        .windows(4)
        .position(|four| four == b"\r\n--")
        .unwrap();
    serde_json::from_slice(&body[start..start + length]).unwrap()
}

fn said(fault: Fault) -> String {
    let fault = match fault {
        Fault::InvalidDataset(message) => Said::InvalidDataset(message),
        Fault::InvalidTask(message) => Said::InvalidTask(message),
        Fault::InvalidParams(message) => Said::InvalidParams(message),
        Fault::Failed(message) => Said::Failed(message),
    };
    serde_json::to_string(&fault).unwrap()
}
