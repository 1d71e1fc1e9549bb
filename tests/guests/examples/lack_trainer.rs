//! Has the door of HTTP alone. It shares no code with the others, since that
//! would bring their doors.

#![cfg(target_family = "wasm")]

use wasip2::http::types::{Fields, IncomingRequest, OutgoingResponse, ResponseOutparam};

struct Component;

impl wasip2::exports::http::incoming_handler::Guest for Component {
    fn handle(_: IncomingRequest, outparam: ResponseOutparam) {
        ResponseOutparam::set(outparam, Ok(OutgoingResponse::new(Fields::new())));
    }
}

wasip2::http::proxy::export!(Component);
