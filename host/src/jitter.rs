//! Random numbers that decide no result: back-off times and unique names.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// 64 random bits.
pub(crate) fn random() -> u64 {
    // Each `RandomState` is keyed by the system's randomness and a counter.
    RandomState::new().hash_one(0u8)
}

/// A time between half of `step` and `step`, so that clients that failed
/// together do not return together.
pub(crate) fn jittered(step: Duration) -> Duration {
    let share = random() as f64 / u64::MAX as f64;
    step.mul_f64(0.5 + 0.5 * share)
}

/// A name that is unique for practical purposes: 16 hexadecimal digits.
pub(crate) fn random_name() -> String {
    format!("{:016x}", random())
}
