//! [`Throughput`]: how many tasks end per second.

use std::time::{Duration, Instant};

/// Counts tasks that end per second.
pub(super) struct Throughput {
    since: Instant,
    count: usize,
    pub(super) per_second: usize,
}

impl Throughput {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            since: now,
            count: 0,
            per_second: 0,
        }
    }

    pub(super) fn add(&mut self, tasks: usize, now: Instant) {
        self.count += tasks;
        let passed = now.duration_since(self.since);
        if passed >= Duration::from_secs(1) {
            self.per_second = (self.count as f64 / passed.as_secs_f64()) as usize;
            self.count = 0;
            self.since = now;
        } else {
            self.per_second = self.per_second.max(self.count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn throughput_is_known_before_a_second_is_over() {
        let start = Instant::now();
        let after = |ms| start + Duration::from_millis(ms);
        let mut throughput = Throughput::new(start);
        throughput.add(40, after(100));
        assert_eq!(throughput.per_second, 40);
        throughput.add(160, after(1000));
        assert_eq!(throughput.per_second, 200);
        throughput.add(10, after(3000));
        assert_eq!(throughput.per_second, 5);
    }
}
