//! [`Unread`]: a stream that becomes full and stays so. It is the only thing
//! that a guest can wait for without a request of its own: nothing that it is
//! given has an input.

use wasip2::http::types::{Fields, OutgoingBody, OutgoingRequest};
use wasip2::io::streams::OutputStream;

/// The body of a request that is never sent. The request and the body live as
/// long as the stream: without them it would be closed.
pub struct Unread {
    /// Declared before its owners: it is dropped first.
    pub stream: OutputStream,
    _body: OutgoingBody,
    _request: OutgoingRequest,
}

impl Unread {
    /// An empty one.
    pub fn new() -> Self {
        let request = OutgoingRequest::new(Fields::new());
        let body = request.body().unwrap();
        Self {
            stream: body.write().unwrap(),
            _body: body,
            _request: request,
        }
    }

    /// Writes until the stream takes no more.
    pub fn fill(&self) {
        while self.stream.check_write().unwrap() > 0 {
            self.stream.write(&[0]).unwrap();
        }
    }
}

impl Default for Unread {
    fn default() -> Self {
        Self::new()
    }
}
