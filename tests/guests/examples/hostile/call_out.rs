//! Sends a request to the world; fails with the reason if it is refused.

use hostile_guests::{Fault, answer, contract::Task};
use hostile_guests::wasip2::http::outgoing_handler;
use hostile_guests::wasip2::http::types::{Fields, OutgoingRequest, Scheme};

pub fn evaluate(task: &Task) -> Result<String, Fault> {
    let request = OutgoingRequest::new(Fields::new());
    let _ = request.set_scheme(Some(&Scheme::Http));
    let _ = request.set_authority(Some("127.0.0.1:80"));
    let _ = request.set_path_with_query(Some("/"));
    let pending = outgoing_handler::handle(request, None)
        .map_err(|code| Fault::Failed(format!("refused: {code:?}")))?;
    pending.subscribe().block();
    match pending.get() {
        Some(Ok(Ok(_))) => Ok(answer(task)),
        Some(Ok(Err(code))) => Err(Fault::Failed(format!("refused: {code:?}"))),
        _ => Err(Fault::Failed("refused: no response".to_owned())),
    }
}
