//! [`Pace`]: how many tasks end in a second.

use std::time::{Duration, Instant};

/// How many tasks end in a second.
pub(super) struct Pace {
    since: Instant,
    count: usize,
    pub(super) a_second: usize,
}

impl Pace {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            since: now,
            count: 0,
            a_second: 0,
        }
    }

    pub(super) fn took(&mut self, tasks: usize, now: Instant) {
        self.count += tasks;
        let passed = now.duration_since(self.since);
        if passed >= Duration::from_secs(1) {
            self.a_second = (self.count as f64 / passed.as_secs_f64()) as usize;
            self.count = 0;
            self.since = now;
        } else {
            self.a_second = self.a_second.max(self.count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_is_known_before_a_second_is_over_and_follows_after() {
        let start = Instant::now();
        let after = |ms| start + Duration::from_millis(ms);
        let mut pace = Pace::new(start);
        pace.took(40, after(100));
        assert_eq!(pace.a_second, 40);
        pace.took(160, after(1000));
        assert_eq!(pace.a_second, 200);
        pace.took(10, after(3000));
        assert_eq!(pace.a_second, 5);
    }
}
