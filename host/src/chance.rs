//! Chance that decides no result: how long to wait, and what to be called.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

fn number() -> u64 {
    // Each is keyed by the system's randomness and a counter.
    RandomState::new().hash_one(0u8)
}

/// From half of it to all of it: clients that failed together come back apart.
pub(crate) fn jittered(step: Duration) -> Duration {
    let share = number() as f64 / u64::MAX as f64;
    step.mul_f64(0.5 + 0.5 * share)
}

/// A name that nothing else has: 16 hexadecimal digits.
pub(crate) fn name() -> String {
    format!("{:016x}", number())
}
