//! linfa's algorithms as trainers, and the baseline that every search wants
//! to beat.

pub mod dummy;

pub use dummy::Dummy;

fanout_sdk::export! {
    guest: concat!("linfa ", env!("CARGO_PKG_VERSION")),
    trainers: [Dummy],
}
