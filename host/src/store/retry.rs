//! [`Retry`]: the same again after a failure that may pass, at growing and
//! random distances, until a budget of time is spent.
//!
//! A whole operation is tried again, its body included, and with a fresh
//! signature; nothing below it retries.

use std::time::{Duration, Instant};

use object_store::Error;

use super::failure::Failure;
use crate::jitter::jittered;

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
            tracing::warn!(
                failure = %Failure::of(&error),
                wait = wait.as_secs_f64(),
                "the store failed in passing; the request is made again"
            );
            tokio::time::sleep(wait).await;
            step = (step * 2).min(LONGEST);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use object_store::client::{HttpError, HttpErrorKind};

    /// How many attempts an operation took that fails `failures` times.
    fn attempts(budget: Duration, failures: usize, kind: HttpErrorKind) -> (usize, bool) {
        let mut made = 0;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let ended = runtime.block_on(Retry { budget }.run(async || {
            made += 1;
            if made > failures {
                return Ok(());
            }
            let source = std::io::Error::other("as a test wants it");
            Err(Error::Generic {
                store: "test",
                source: HttpError::new(kind, source).into(),
            })
        }));
        (made, ended.is_ok())
    }

    #[test]
    fn what_may_pass_is_tried_again() {
        let minute = Duration::from_secs(60);
        for kind in [
            HttpErrorKind::Connect,
            HttpErrorKind::Timeout,
            HttpErrorKind::Interrupted,
            HttpErrorKind::Request,
            HttpErrorKind::Unknown,
        ] {
            assert_eq!(attempts(minute, 3, kind), (4, true), "{kind:?}");
        }
    }

    #[test]
    fn a_budget_ends() {
        assert_eq!(
            attempts(Duration::ZERO, 1, HttpErrorKind::Timeout),
            (1, false)
        );
        let (made, well) = attempts(Duration::from_millis(200), 1000, HttpErrorKind::Timeout);
        assert!((2..1000).contains(&made) && !well, "{made}");
    }

    #[test]
    fn distances_differ_and_stay_in_bounds() {
        let step = Duration::from_secs(2);
        let waits: Vec<Duration> = (0..100).map(|_| jittered(step)).collect();
        assert!(waits.iter().all(|wait| *wait >= step / 2 && *wait <= step));
        assert!(waits.iter().any(|wait| *wait != waits[0]));
    }
}
