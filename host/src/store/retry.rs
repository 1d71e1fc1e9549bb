//! [`Retry`]: the same again after a failure that may pass, at growing and
//! random distances, until a budget of time is spent.
//!
//! A whole operation is tried again, its body included, and with a fresh
//! signature; nothing below it retries.

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use object_store::Error;

use super::failure::Failure;

/// The first distance, before chance halves it at most.
const FIRST: Duration = Duration::from_millis(50);

/// The longest distance.
const LONGEST: Duration = Duration::from_secs(10);

/// How long an operation is tried again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Retry {
    pub(super) budget: Duration,
}

impl Retry {
    /// The operation's result, or its last failure.
    pub(super) async fn run<T>(
        self,
        mut operation: impl AsyncFnMut() -> Result<T, Error>,
    ) -> Result<T, Error> {
        let started = Instant::now();
        let mut step = FIRST;
        loop {
            let error = match operation().await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            let wait = jittered(step);
            if started.elapsed() + wait > self.budget || !Failure::of(&error).is_passing() {
                return Err(error);
            }
            tokio::time::sleep(wait).await;
            step = (step * 2).min(LONGEST);
        }
    }
}

/// From half of it to all of it: clients that failed together come back apart.
fn jittered(step: Duration) -> Duration {
    let random = RandomState::new().hash_one(0u8);
    let share = random as f64 / u64::MAX as f64;
    step.mul_f64(0.5 + 0.5 * share)
}
