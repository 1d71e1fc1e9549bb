//! [`TimeEstimate`]: how long a search and its longest task take, from what trainers
//! say of their effort. It is rough, within a factor of about 3, and knows neither the
//! machine nor the remote workers: a core is one of those on which the effort was
//! measured.

use std::time::Duration;

use fanout_contract::{Effort, Learning};

use crate::dataset::Prepared;
use crate::expand::{Expansion, Inputs};
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
            let seconds = fit(effort, rows, features, inputs.learning)
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

/// Seconds of a fit with the defaults, of its predictions and scores.
fn fit(effort: &Effort, rows: f64, columns: f64, learning: Learning) -> f64 {
    let numbers = match learning {
        Learning::Regression => effort.numbers,
        _ => 1.0,
    };
    let by_rows = (rows / 10_000.0).powf(effort.rows);
    let by_columns = (columns.max(1.0) / 10.0).powf(effort.columns);
    effort.seconds * numbers * by_rows * by_columns
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
    fn effort_is_a_power_of_rows_and_columns() {
        let effort = Effort {
            seconds: 0.5,
            rows: 2.0,
            columns: 0.5,
            candidate: 0.0,
            numbers: 3.0,
        };
        assert_eq!(fit(&effort, 10_000.0, 10.0, Learning::Binary), 0.5);
        assert_eq!(fit(&effort, 20_000.0, 40.0, Learning::Multiclass), 4.0);
        assert_eq!(fit(&effort, 20_000.0, 40.0, Learning::Regression), 12.0);
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
