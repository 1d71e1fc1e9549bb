//! The lines about what the chosen candidate is worth.

use super::super::Report;
use super::super::human::{counted, score};
use crate::reduce::OneStandardError;
use crate::worth::threshold::Compared;
use crate::worth::{Assessment, Interval};

/// The most classes whose scores are shown.
const CLASSES: usize = 5;

/// The share of new rows whose interval is shown.
const COVERAGE: f64 = 0.9;

/// Lines, each with its indentation, to be wrapped.
pub(super) fn lines(report: &Report) -> Vec<(usize, String)> {
    let mut lines = Vec::new();
    if let Some(tuned) = &report.threshold {
        let of = match tuned.of {
            Compared::Probability => "a probability",
            Compared::Decision => "a decision",
        };
        let untuned = tuned.untuned_score.unwrap_or(f64::NAN);
        let line = format!(
            "Threshold: {} from {of} of {}: {} {} out of fold, {} without",
            tuned.positive,
            score(tuned.threshold),
            tuned.metric,
            score(tuned.score),
            score(untuned)
        );
        lines.push((0, line));
    }
    let Some(worth) = &report.worth else {
        return lines;
    };
    if let Some(rows) = &worth.out_of_fold {
        let count = counted(rows.rows, "row");
        lines.push((0, format!("Out of fold, {count}: {}", scores(rows, report))));
        lines.extend(classes(rows));
    }
    let intervals = worth.prediction_intervals.iter().flatten();
    for interval in intervals.filter(|interval| interval.coverage == COVERAGE) {
        let Some(width) = interval.half_width else {
            continue;
        };
        let share = COVERAGE * 100.0;
        let mut line = format!(
            "{share} % of new rows are within {} of the prediction",
            score(width)
        );
        if let Some(held_out) = interval.holdout {
            line += &format!(", as are {:.1} % of the hold-out rows", held_out * 100.0);
        }
        lines.push((0, line));
    }
    lines
}

/// The scores of some rows, by the plan's order of metrics.
pub(super) fn scores(rows: &Assessment, report: &Report) -> String {
    let scores = report.results.metrics.iter().filter_map(|metric| {
        let of = rows.scores.get(&metric.name)?;
        Some(format!("{} {}", metric.name, interval(of)))
    });
    scores.collect::<Vec<_>>().join(", ")
}

fn interval(interval: &Interval) -> String {
    let whole = score(interval.score.unwrap_or(f64::NAN));
    match interval.low.zip(interval.high) {
        Some((low, high)) => format!("{whole} ({} to {})", score(low), score(high)),
        None => whole,
    }
}

fn classes(rows: &Assessment) -> Option<(usize, String)> {
    let report = rows.classification_report.as_ref()?;
    let classes = report.classes.iter();
    let told = classes.map(|class| {
        let scores = class.scores;
        format!(
            "{}: precision {}, recall {}",
            class.label,
            score(scores.precision),
            score(scores.recall)
        )
    });
    (report.classes.len() <= CLASSES).then(|| (2, told.collect::<Vec<_>>().join("; ")))
}

/// Why a candidate is chosen that need not be the best.
pub(super) fn rule(rule: &OneStandardError) -> String {
    let error = score(rule.standard_error);
    match rule.within {
        1 => format!("the best: no other candidate is within one standard error ({error}) of it"),
        within => format!(
            "the simplest of {} within one standard error ({error}) of the best, candidate {} \
             with {}",
            counted(within, "candidate"),
            rule.best_index,
            score(rule.best_mean)
        ),
    }
}
