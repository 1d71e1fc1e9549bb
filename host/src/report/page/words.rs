//! [`sentences`]: the result of a search in words: what won, by how much, and how sure it
//! is.

use super::super::human::{count, counted, score};
use super::super::{Best, Report};
use super::findings::named;
use crate::reduce::{CurvePoint, Findings, OuterScore, OuterSplit, PermutationTest};
use crate::worth::Interval;
use crate::worth::threshold::Compared;

/// The result, a sentence each.
pub(super) fn sentences(report: &Report) -> Vec<String> {
    let mut told = match &report.findings {
        Some(Findings::LearningCurve(points)) => learning_curve(report, points),
        Some(Findings::Nested(outer)) => nested(report, outer),
        Some(Findings::PermutationTest(tests)) => permutation_test(report, tests),
        None => search(report),
    };
    let counts = report.results.fit_counts;
    if counts.failed > 0 {
        told.push(format!(
            "{} of {} failed; failed fits have no score.",
            count(counts.failed),
            counted(counts.served + counts.failed, "fit")
        ));
    }
    told
}

fn search(report: &Report) -> Vec<String> {
    let metric = &report.results.metrics[report.ranked_by()].name;
    let Some(best) = report.best() else {
        return vec![format!(
            "No candidate has a score by {metric} on every split."
        )];
    };
    let mut told = vec![winner(report, &best)];
    told.extend(best.lead.as_ref().map(|lead| sentence(&lead.sentence)));
    if let Some(baseline) = &report.baseline
        && let Some(of) = baseline.scores.get(&best.metric)
        && of.mean.is_finite()
    {
        let gap = best.mean - of.mean;
        let direction = if gap < 0.0 { "below" } else { "above" };
        told.push(format!(
            "The baseline ({}), which ignores the features, has {}; the chosen candidate is {} \
             {direction} it.",
            baseline.trainer,
            score(of.mean),
            score(gap.abs())
        ));
    }
    told.extend(held_out(report, &best));
    told.extend(threshold(report));
    let combined = report.ensemble.iter();
    told.extend(combined.flat_map(|ensemble| {
        let gains = super::super::ensemble::sentences(ensemble).into_iter();
        gains.map(|gain| sentence(&format!("the ensemble's {gain}")))
    }));
    told
}

fn winner(report: &Report, best: &Best) -> String {
    let results = &report.results;
    let who = named(report, best.index);
    let by = format!("{} {} ± {}", best.metric, score(best.mean), score(best.std));
    let over = match results.splits {
        1 => "on one split".to_owned(),
        splits => format!("(mean and standard deviation over {splits} splits)"),
    };
    if results.candidates == 1 {
        return format!("{who} has {by} {over}.");
    }
    let all = counted(results.candidates, "candidate");
    match &best.rule {
        None => format!("{who} is the best of {all}: {by} {over}."),
        Some(rule) if rule.within == 1 => format!(
            "{who} is the best of {all}: {by} {over}; no other is within one standard error \
             ({}) of it.",
            score(rule.standard_error)
        ),
        Some(rule) => format!(
            "{who} is chosen: {by} {over}. It is the simplest of {} within one standard error \
             ({}) of the best of {all}, which has {}.",
            counted(rule.within, "candidate"),
            score(rule.standard_error),
            score(rule.best_mean)
        ),
    }
}

fn held_out(report: &Report, best: &Best) -> Option<String> {
    let assessed = report.worth.as_ref().and_then(|of| of.holdout.as_ref());
    let interval = assessed.and_then(|of| of.scores.get(&best.metric).copied());
    let value = match interval {
        Some(interval) => with_ends(&interval)?,
        None => score((*report.holdout.as_ref()?.get(&best.metric)?)?),
    };
    let rows = assessed.map_or_else(
        || "the hold-out rows".to_owned(),
        |of| format!("the {} held out", counted(of.rows, "row")),
    );
    Some(format!(
        "On {rows}, which no fit of the search has seen, the refitted model has {} {value}.",
        best.metric
    ))
}

/// "0.9821 (95 % interval: 0.9714 to 0.9903)".
fn with_ends(interval: &Interval) -> Option<String> {
    let value = score(interval.score?);
    Some(match interval.low.zip(interval.high) {
        Some((low, high)) => {
            format!("{value} (95 % interval: {} to {})", score(low), score(high))
        }
        None => value,
    })
}

fn threshold(report: &Report) -> Option<String> {
    let tuned = report.threshold.as_ref()?;
    let of = match tuned.of {
        Compared::Probability => "a probability",
        Compared::Decision => "a decision value",
    };
    Some(format!(
        "The class {} is predicted from {of} of {} on: out of fold, {} is {} there, and {} with \
         the usual threshold.",
        tuned.positive,
        score(tuned.threshold),
        tuned.metric,
        score(tuned.score),
        score(tuned.untuned_score.unwrap_or(f64::NAN))
    ))
}

fn learning_curve(report: &Report, points: &[CurvePoint]) -> Vec<String> {
    let metric = report.ranked_by();
    let name = &report.results.metrics[metric].name;
    let trainers = report.plan.trainer_names();
    let of = |(candidate, trainer): (usize, &String)| {
        let (first, last) = (points.first()?, points.last()?);
        let mean = |point: &CurvePoint| point.results.metrics[metric].test.mean[candidate];
        let rows = |point: &CurvePoint| count(point.train_size as usize);
        let (low, high) = (mean(first), mean(last));
        if low.is_nan() || high.is_nan() {
            return None;
        }
        let mut told = format!(
            "{trainer}: {name} goes from {} with {} training rows to {} with {}",
            score(low),
            rows(first),
            score(high),
            rows(last)
        );
        if let [.., before, last] = points {
            let step = high - mean(before);
            let table = &last.results.metrics[metric].test;
            let error = table.std[candidate] / (table.of(candidate).len() as f64 - 1.0).sqrt();
            let verdict = match error {
                error if error.is_nan() => "",
                error if step > error => {
                    ", more than one standard error: more rows would probably help"
                }
                _ => ", which is within one standard error: more rows would help little",
            };
            told += &format!(
                ". The last step, from {} rows, adds {}{verdict}",
                rows(before),
                score(step)
            );
        }
        Some(told + ".")
    };
    trainers.iter().enumerate().filter_map(of).collect()
}

fn nested(report: &Report, outer: &[OuterSplit]) -> Vec<String> {
    let metric = report.ranked_by();
    let name = &report.results.metrics[metric].name;
    let (mean, std) = OuterScore::mean_and_std(outer, metric);
    if mean.is_nan() {
        return vec![format!("There is no score by {name} on every split.")];
    }
    let mut told = vec![format!(
        "The search as a whole is worth {name} {} ± {} on rows that had no part in it (mean and \
         standard deviation over {} outer splits).",
        score(mean),
        score(std),
        outer.len()
    )];
    let inner = outer
        .iter()
        .filter_map(|split| Some(split.inner.metrics[metric].test.mean[split.best?]));
    let inner: Vec<f64> = inner.collect();
    if inner.len() == outer.len() {
        let inner = inner.iter().sum::<f64>() / inner.len() as f64;
        let gap = inner - mean;
        let direction = if gap < 0.0 { "less" } else { "more" };
        told.push(format!(
            "The searches themselves promise {}, {} {direction}.",
            score(inner),
            score(gap.abs())
        ));
    }
    let mut bests: Vec<usize> = outer.iter().filter_map(|split| split.best).collect();
    bests.sort_unstable();
    bests.dedup();
    told.push(match bests.as_slice() {
        [one] => format!("All outer splits choose the same: {}.", named(report, *one)),
        several => format!(
            "The outer splits choose {} different candidates.",
            several.len()
        ),
    });
    told
}

fn permutation_test(report: &Report, tests: &[PermutationTest]) -> Vec<String> {
    let metric = report.ranked_by();
    let name = &report.results.metrics[metric].name;
    let trainers = report.plan.trainer_names();
    let both = tests.iter().zip(&trainers);
    both.filter_map(|(test, trainer)| {
        let scores = &test.metrics[metric];
        let pvalue = scores.pvalue();
        if pvalue.is_nan() {
            return None;
        }
        let all = scores.permutation_scores.len();
        let verdict = match pvalue < 0.05 {
            true => "the score is hardly chance",
            false => "the score may well be chance",
        };
        Some(format!(
            "{trainer}: {name} is {}; with shuffled targets it is {} on average, and {} of {} \
             are as good (p-value {}): {verdict}.",
            score(scores.score),
            score(scores.mean_and_std().0),
            count(scores.as_good()),
            counted(all, "permutation"),
            score(pvalue)
        ))
    })
    .collect()
}

/// Warnings, and metrics that are not defined on some fits.
pub(super) fn warnings(report: &Report) -> Vec<String> {
    let metrics = report.results.metrics.iter();
    let undefined = metrics.filter(|metric| metric.undefined > 0).map(|metric| {
        format!(
            "{} is not defined on the test rows of {}",
            metric.name,
            counted(metric.undefined, "fit")
        )
    });
    let own = report.warnings.iter().cloned();
    own.chain(undefined).collect()
}

/// A text as a sentence.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => format!("{}{}.", first.to_uppercase(), letters.as_str()),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::example;
    use super::*;

    #[test]
    fn a_search_is_told_in_words() {
        let told = sentences(&example::report());
        assert_eq!(
            told,
            [
                "random_forest with criterion = gini, max_depth = 4 is the best of 6 candidates: \
                 roc_auc 0.7750 ± 0.0250 (mean and standard deviation over 2 splits).",
                "The baseline (dummy), which ignores the features, has 0.5000; the chosen \
                 candidate is 0.2750 above it.",
                "On the hold-out rows, which no fit of the search has seen, the refitted model \
                 has roc_auc 0.7571.",
                "2 of 12 fits failed; failed fits have no score.",
            ]
        );
        let warned = warnings(&example::report());
        assert_eq!(
            warned.last().unwrap(),
            "accuracy is not defined on the test rows of 1 fit"
        );
    }

    #[test]
    fn a_search_without_scores_says_so() {
        let mut report = example::report();
        report.results.metrics[0].test.mean.fill(f64::NAN);
        assert_eq!(
            sentences(&report)[0],
            "No candidate has a score by roc_auc on every split."
        );
    }
}
