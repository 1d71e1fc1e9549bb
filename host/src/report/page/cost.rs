//! [`Cost`]: what a run cost, in the units in which functions are billed.

use serde::Serialize;

use super::super::activity::Measured;
use super::super::{Report, Usage};

/// Time and memory of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cost {
    /// Fits with scores.
    pub served: usize,
    /// Models that were fitted for them: fewer, since a family shares one.
    pub made: usize,
    /// Fits among `served` whose scores are of an earlier run; null for a run of another
    /// process.
    pub reused: Option<usize>,
    /// Fits that failed.
    pub failed: usize,
    /// Seconds in guests for all fits of the search, whoever made them.
    pub guest_seconds: f64,
    /// The same times the memory that one task may use, in GiB: what a platform bills that
    /// reserves this memory.
    pub gb_seconds: f64,
    /// That memory, in bytes.
    pub task_memory: u64,
    /// What the tasks of the latest process that ran any used, as far as it was measured;
    /// null where that is not known.
    pub measured: Option<Measured>,
    /// What the process used; null for a run of another one.
    pub process: Option<ProcessCost>,
}

/// What the process of a run used, all of its work included.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ProcessCost {
    /// Seconds from its start to its end.
    pub wall: f64,
    /// CPU seconds, over all threads; null where the platform does not tell.
    pub cpu: Option<f64>,
    /// The most physical memory that it held at once, in bytes.
    pub peak_memory: Option<u64>,
}

impl Cost {
    /// The cost of the searches of some targets. `memory` is what one task may use.
    pub(super) fn new(reports: &[Report], usage: Option<&Usage>, memory: u64) -> Self {
        let counts = |of: fn(&Report) -> usize| reports.iter().map(of).sum::<usize>();
        let guest_seconds: f64 = reports.iter().map(seconds).sum();
        Self {
            served: counts(|report| report.results.fit_counts.served),
            made: counts(|report| report.results.fit_counts.made),
            reused: usage.map(|_| counts(|report| report.results.fit_counts.reused)),
            failed: counts(|report| report.results.fit_counts.failed),
            guest_seconds,
            gb_seconds: guest_seconds * memory as f64 / (1_u64 << 30) as f64,
            task_memory: memory,
            measured: None,
            process: usage.map(|usage| ProcessCost {
                wall: usage.wall.as_secs_f64(),
                cpu: usage
                    .user
                    .zip(usage.system)
                    .map(|(user, system)| (user + system).as_secs_f64()),
                peak_memory: usage.peak_memory,
            }),
        }
    }
}

/// The seconds of all fits that are done.
fn seconds(report: &Report) -> f64 {
    let times = &report.results.fit_time;
    let fits = (0..report.results.candidates).flat_map(|candidate| times.of(candidate));
    fits.copied().filter(|time| !time.is_nan()).sum()
}

#[cfg(test)]
mod tests {
    use super::super::super::example;
    use super::*;

    #[test]
    fn tasks_are_counted_once() {
        let report = example::report();
        // Five tasks of half a second.
        let cost = Cost::new(&[report], None, 2 << 30);
        assert!((cost.guest_seconds - 2.5).abs() < 1e-12, "{cost:?}");
        assert!((cost.gb_seconds - 5.0).abs() < 1e-12, "{cost:?}");
        assert_eq!((cost.served, cost.failed, cost.process), (10, 2, None));
    }
}
