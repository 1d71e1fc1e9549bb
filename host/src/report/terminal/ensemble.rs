//! The lines about an ensemble.

use super::super::Report;
use super::super::ensemble::{sentences, shares, trainer};
use super::super::human::{counted, score};
use crate::digest::Digest;
use crate::worth::{Ensemble, SplitScores};

/// The most members that are shown.
const SHOWN: usize = 8;

/// The head, and lines with their indentation, to be wrapped.
pub(super) fn lines(ensemble: &Ensemble, report: &Report) -> (String, Vec<(usize, String)>) {
    let count = counted(ensemble.members.len(), "member");
    let from = counted(ensemble.selected_from, "candidate");
    let head = format!("Ensemble ({}): {count} of {from}", ensemble.method);
    let scores = |of: &dyn Fn(&str) -> Option<String>| {
        let metrics = report.results.metrics.iter();
        let scores =
            metrics.filter_map(|metric| Some(format!("{} {}", metric.name, of(&metric.name)?)));
        scores.collect::<Vec<_>>().join(", ")
    };
    let mut lines = Vec::new();
    let mut members: Vec<(f64, usize)> = shares(&ensemble.members)
        .into_iter()
        .zip(ensemble.members.iter().map(|of| of.candidate))
        .collect();
    members.sort_by(|one, other| other.0.total_cmp(&one.0).then(one.1.cmp(&other.1)));
    let ranked = report.results.metric(&ensemble.metric);
    if let Some(last) = report
        .plan
        .ensemble
        .as_ref()
        .and_then(|of| of.final_estimator())
    {
        let run = ensemble.second_stage.as_ref().map(Digest::short);
        let run = run.map(|run| format!(" (run {run})")).unwrap_or_default();
        lines.push((2, format!("final estimator {}{run}", last.label())));
    }
    for (share, candidate) in members.iter().take(SHOWN) {
        // A final estimator has weights of its own.
        let share = match ensemble.second_stage {
            None => format!("{:.0} % ", share * 100.0),
            Some(_) => String::new(),
        };
        let mean = ranked.map_or(f64::NAN, |metric| {
            report.results.metrics[metric].test.mean[*candidate]
        });
        lines.push((
            2,
            format!(
                "{share}candidate {candidate}, {}: {} {}",
                trainer(report, *candidate),
                ensemble.metric,
                score(mean)
            ),
        ));
    }
    if members.len() > SHOWN {
        lines.push((2, format!("and {} more", members.len() - SHOWN)));
    }
    let by_split = scores(&|name| ensemble.scores.get(name).map(mean_and_std));
    lines.push((0, format!("It scores {by_split}")));
    for sentence in sentences(ensemble) {
        let mut letters = sentence.chars();
        let first = letters.next().map(|first| first.to_uppercase().to_string());
        lines.push((0, first.unwrap_or_default() + letters.as_str()));
    }
    if let Some(holdout) = &ensemble.holdout {
        let own = scores(&|name| holdout.get(name).map(|of| score(of.unwrap_or(f64::NAN))));
        lines.push((0, format!("On the hold-out rows, the ensemble: {own}")));
    }
    (head, lines)
}

pub(super) fn mean_and_std(scores: &SplitScores) -> String {
    match scores.mean.zip(scores.std) {
        Some((mean, std)) => format!("{} ± {}", score(mean), score(std)),
        None => score(f64::NAN),
    }
}
