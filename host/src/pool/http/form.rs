//! [`Form`]: the body of a request, `multipart/form-data` by RFC 7578. It
//! copies no file: many requests under way share the bytes of one.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::chance;

/// A body that is being put together, and then sent.
#[derive(Debug)]
pub(super) struct Form {
    boundary: String,
    chunks: VecDeque<Bytes>,
    left: u64,
}

impl Form {
    pub(super) fn new() -> Self {
        // Nobody who made the files knew these digits.
        Self {
            boundary: format!("fanout-{}{}", chance::name(), chance::name()),
            chunks: VecDeque::new(),
            left: 0,
        }
    }

    /// The same with one part more.
    pub(super) fn with(mut self, name: &str, content: Bytes) -> Self {
        let boundary = &self.boundary;
        let head =
            format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
        for chunk in [head.into(), content, Bytes::from_static(b"\r\n")] {
            self.push(chunk);
        }
        self
    }

    /// The header `content-type`, and the whole body.
    pub(super) fn finish(mut self) -> (String, Self) {
        let kind = format!("multipart/form-data; boundary={}", self.boundary);
        let end = format!("--{}--\r\n", self.boundary);
        self.push(end.into());
        (kind, self)
    }

    fn push(&mut self, chunk: Bytes) {
        self.left += chunk.len() as u64;
        self.chunks.push_back(chunk);
    }
}

impl Body for Form {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let chunk = self.chunks.pop_front();
        self.left -= chunk.as_ref().map_or(0, Bytes::len) as u64;
        Poll::Ready(chunk.map(|chunk| Ok(Frame::data(chunk))))
    }

    fn is_end_stream(&self) -> bool {
        self.chunks.is_empty()
    }

    /// Exact, so that the request has a `content-length`: some platforms take
    /// no other.
    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_its_parts_between_boundaries() {
        let form = Form::new()
            .with("task", Bytes::from_static(b"{}"))
            .with("dataset", Bytes::from_static(b"PAR1"));
        let (kind, form) = form.finish();
        let boundary = kind.strip_prefix("multipart/form-data; boundary=").unwrap();
        let whole = [
            &format!(
                "--{boundary}\r\nContent-Disposition: form-data; name=\"task\"\r\n\r\n{{}}\r\n"
            ),
            &format!(
                "--{boundary}\r\nContent-Disposition: form-data; name=\"dataset\"\r\n\r\nPAR1\r\n"
            ),
            &format!("--{boundary}--\r\n"),
        ]
        .map(String::as_str)
        .concat();
        assert_eq!(form.left, whole.len() as u64);
        assert_eq!(
            form.chunks.iter().flatten().copied().collect::<Vec<_>>(),
            whole.as_bytes()
        );
    }
}
