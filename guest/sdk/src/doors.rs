//! The two exports of a component: [`component`] for a host that runs it
//! directly, [`http`] for a platform that serves functions. Both translate
//! between their interface and [`Dataset`](crate::Dataset).

pub mod component;
pub mod http;

pub use wasip2;

/// Exports both interfaces for a [`Guest`](crate::Guest). Called by
/// [`export!`](crate::export).
#[doc(hidden)]
#[macro_export]
macro_rules! export_doors {
    ($guest:ident) => {
        #[allow(unsafe_code, reason = "exports of the canonical ABI, generated")]
        const _: () = {
            use $crate::doors::{component, http, wasip2};

    component::export_trainer!($guest with_types_in component::bindings);

            impl wasip2::exports::http::incoming_handler::Guest for $guest {
                fn handle(
                    request: wasip2::http::types::IncomingRequest,
                    outparam: wasip2::http::types::ResponseOutparam,
                ) {
                    http::handle::<$guest>(request, outparam);
                }
            }

    wasip2::http::proxy::export!($guest with_types_in wasip2);
        };
    };
}

// A fit is a function of its task and dataset. A library that asks for random
// bytes gets these constants.
getrandom::register_custom_getrandom!(fixed_bytes);

fn fixed_bytes(bytes: &mut [u8]) -> Result<(), getrandom::Error> {
    bytes.fill(0x2a);
    Ok(())
}
