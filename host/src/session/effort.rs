//! [`TimeEstimate`]: how long a search and its longest task take, from what trainers
//! say of their effort. It is rough, within a factor of about 3, and knows neither the
//! machine nor the remote workers: a core is one of those on which the effort was
//! measured.

use std::time::Duration;

use crate::dataset::Prepared;
use crate::expand::{Expansion, Inputs, fit_seconds};
use crate::plan::Plan;
use crate::report::human::{counted, duration};

/// Estimates below this are not worth telling.
const SHORT: f64 = 60.0;

/// A task that takes longer is worth a warning, whatever its limit.
const LONG: f64 = 3600.0;

/// An estimate in seconds.
#[derive(Clone, Debug, PartialEq)]
pub struct TimeEstimate {
    /// The whole search, with its workers.
    pub search: f64,
    /// The longest task, and the name of its trainer.
    pub longest: (f64, String),
    rows: u64,
    limit: f64,
}

impl TimeEstimate {
    /// The estimate for so many workers; `None` if no trainer says what it takes.
    pub fn new(
        plan: &Plan,
        inputs: &Inputs,
        expansion: &Expansion,
        prepared: &Prepared,
        workers: usize,
    ) -> Option<Self> {
        let (mut total, mut longest) = (0.0, None::<(f64, usize)>);
        // A family has a task on each split, all of one effort.
        let tasks = expansion.tasks.iter().enumerate();
        for (index, task) in tasks.filter(|(_, task)| task.split == 0) {
            let arm = expansion.candidates.arm(task.candidates[0] as usize);
            let trainer = &inputs.arms[arm].trainer;
            let Some(effort) = &trainer.effort else {
                continue;
            };
            let (rows, features) = (prepared.rows as f64, prepared.features() as f64);
            let more = (task.candidates.len() - 1) as f64 * effort.candidate;
            let seconds = fit_seconds(effort, rows, features, inputs.learning)
                * expansion.relative_cost(index, trainer)
                * (1.0 + more);
            total += seconds * expansion.splits.len() as f64;
            if longest.is_none_or(|(most, _)| seconds > most) {
                longest = Some((seconds, arm));
            }
        }
        let (most, arm) = longest?;
        Some(Self {
            search: (total / workers.max(1) as f64).max(most),
            longest: (most, inputs.arms[arm].trainer.name.clone()),
            rows: prepared.rows,
            limit: plan.limits.timeout.as_secs_f64(),
        })
    }

    /// The time of the search in words, if it is more than a minute.
    pub fn told(&self) -> Option<String> {
        (self.search >= SHORT).then(|| format!("about {}", rough(self.search)))
    }

    /// That a task takes too long, if one does.
    pub fn warning(&self) -> Option<String> {
        let (seconds, trainer) = &self.longest;
        let beyond = *seconds > self.limit;
        if *seconds < SHORT || !(beyond || *seconds > LONG) {
            return None;
        }
        let limit = Duration::from_secs_f64(self.limit);
        let limit = match beyond {
            true => format!(", more than `limits.timeout` ({})", duration(limit)),
            false => String::new(),
        };
        let raise = if beyond { "raise it, or " } else { "" };
        Some(format!(
            "a task of `{trainer}` on {} may take {}{limit}: {raise}use fewer rows or another \
             trainer",
            counted(self.rows as usize, "row"),
            rough(*seconds),
        ))
    }
}

/// A time of which only the order counts.
fn rough(seconds: f64) -> String {
    let (value, unit) = match seconds {
        _ if seconds < 90.0 => (seconds, "second"),
        _ if seconds < 5400.0 => (seconds / 60.0, "minute"),
        _ if seconds < 172_800.0 => (seconds / 3600.0, "hour"),
        _ => (seconds / 86_400.0, "day"),
    };
    counted(value.round() as usize, unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn estimate(longest: f64, limit: f64) -> TimeEstimate {
        TimeEstimate {
            search: 2.0 * longest,
            longest: (longest, "svc".to_owned()),
            rows: 336_776,
            limit,
        }
    }

    #[test]
    fn a_short_search_is_not_told() {
        assert_eq!(estimate(29.9, 1.0).told(), None);
        assert_eq!(
            estimate(30.0, 1.0).told().as_deref(),
            Some("about 60 seconds")
        );
        assert_eq!(
            estimate(900.0, 1.0).told().as_deref(),
            Some("about 30 minutes")
        );
    }

    #[test]
    fn a_task_beyond_its_limit_or_an_hour_is_warned_of() {
        assert_eq!(estimate(59.0, 10.0).warning(), None);
        assert_eq!(estimate(299.0, 300.0).warning(), None);
        assert_eq!(estimate(3599.0, 1e9).warning(), None);
        assert_eq!(
            estimate(7200.0, 300.0).warning().as_deref(),
            Some(
                "a task of `svc` on 336,776 rows may take 2 hours, more than `limits.timeout` \
                 (5 min 00 s): raise it, or use fewer rows or another trainer"
            )
        );
        assert_eq!(
            estimate(3700.0, 1e9).warning().as_deref(),
            Some(
                "a task of `svc` on 336,776 rows may take 62 minutes: use fewer rows or another \
                 trainer"
            )
        );
    }
}
