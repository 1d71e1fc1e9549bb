//! [`call`]: the interpreter, which the component imports.

use fanout_sdk::Fault;

use crate::message::{Answer, Request};

/// The import.
pub const NAME: &str = "fanout:python/interpreter@0.1.0";

#[cfg(target_family = "wasm")]
#[allow(missing_docs, unreachable_pub, unsafe_code, reason = "generated")]
mod bindings {
    wit_bindgen::generate!({
        path: "wit",
        world: "adapter",
    });
}

/// The interpreter's answer to a request.
///
/// # Errors
/// The fault that the interpreter tells, and [`Fault::Failed`] if it gives none or one
/// that can't be read.
pub(crate) fn call(request: Request) -> Result<Answer, Fault> {
    Answer::read(interpreted(&request.into_bytes()))
}

#[cfg(target_family = "wasm")]
fn interpreted(request: &[u8]) -> Vec<u8> {
    bindings::fanout::python::interpreter::call(request)
}

/// There is no interpreter outside of a component: no answer.
#[cfg(not(target_family = "wasm"))]
fn interpreted(_: &[u8]) -> Vec<u8> {
    Vec::new()
}
