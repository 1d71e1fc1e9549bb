//! [`Comparison`]: runs of a store side by side.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use serde::Serialize;
use serde_json::Value;

use super::Report;
use super::human::score;
use super::page::named;
use crate::digest::Digest;
use crate::reduce::{Findings, OuterScore, PairedTest};

/// The version of the layout of the document.
pub const FORMAT: u32 = 1;

/// Runs side by side.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// [`FORMAT`].
    pub format: u32,
    /// The version of the program.
    pub fanout: &'static str,
    /// In the order in which they were named.
    pub runs: Vec<ComparedRun>,
    /// Each of the others against the first, where both scored the same test rows by the
    /// metric that ranks the first.
    pub differences: Vec<Difference>,
    /// The fields in which the plans differ.
    pub plans: Vec<PlanField>,
}

/// One of the runs.
#[derive(Clone, Debug, Serialize)]
pub struct ComparedRun {
    /// The run's id.
    pub run: Digest,
    /// Its first digits and its name.
    pub label: String,
    /// The name of its plan.
    pub name: String,
    /// The kind of its plan.
    pub kind: &'static str,
    /// The target.
    pub target: String,
    /// The dataset.
    pub dataset: Digest,
    /// The splits.
    pub splits: Digest,
    /// How many rows the dataset has.
    pub rows: u64,
    /// How many features.
    pub features: usize,
    /// How many candidates were searched.
    pub candidates: usize,
    /// How many fits have scores.
    pub served: usize,
    /// How many models were fitted for them.
    pub made: usize,
    /// How many failed.
    pub failed: usize,
    /// Seconds in guests.
    pub guest_seconds: f64,
    /// The metric that ranks.
    pub metric: String,
    /// The chosen candidate in words; empty where there is none.
    pub candidate: String,
    /// Its mean score by that metric; of kinds that choose none, the score that they are
    /// about. Null where there is none.
    pub mean: f64,
    /// The standard deviation.
    pub std: f64,
    /// By metric: the same two numbers.
    pub scores: BTreeMap<String, [f64; 2]>,
    /// The scores of the refitted model on the hold-out rows.
    pub holdout: Option<BTreeMap<String, Option<f64>>>,
}

/// How much better the chosen candidate of a run is than that of the first, on the same test
/// rows.
#[derive(Clone, Debug, Serialize)]
pub struct Difference {
    /// The place of the run.
    pub of: usize,
    /// The metric.
    pub metric: String,
    /// The test.
    #[serde(flatten)]
    pub test: PairedTest,
    /// The same in a sentence.
    pub sentence: String,
}

/// A field of plans that differ in it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlanField {
    /// Where it is in the plan.
    pub field: String,
    /// By run: what it has there; null where it has nothing.
    pub values: Vec<Value>,
}

/// What is compared.
#[derive(Clone, Copy, Debug)]
pub struct Compared<'a> {
    /// The report of a run.
    pub report: &'a Report,
    /// The numbers of training and of test rows of each split, where they are known.
    pub sizes: Option<&'a [[u64; 2]]>,
}

/// Probabilities below this are not put down to chance.
const CHANCE: f64 = 0.05;

impl Comparison {
    /// The comparison of at least one run.
    pub fn new(runs: &[Compared<'_>]) -> Self {
        let plans: Vec<BTreeMap<String, Value>> = runs
            .iter()
            .map(|run| fields(&serde_json::to_value(&run.report.plan).unwrap_or_default()))
            .collect();
        let first = &runs[0];
        let others = runs.iter().enumerate().skip(1);
        let differences = others.filter_map(|(of, other)| Difference::new(first, other, of));
        Self {
            format: FORMAT,
            fanout: env!("CARGO_PKG_VERSION"),
            differences: differences.collect(),
            plans: differing(&plans),
            runs: runs
                .iter()
                .map(|run| ComparedRun::new(run.report))
                .collect(),
        }
    }
}

impl ComparedRun {
    fn new(report: &Report) -> Self {
        let results = &report.results;
        let metric = report.ranked_by();
        let chosen = report.chosen().map(|chosen| chosen.index);
        let all = results.metrics.iter().enumerate();
        let scores: BTreeMap<String, [f64; 2]> = all
            .map(|(at, of)| (of.name.clone(), headline(report, at)))
            .collect();
        let name = &results.metrics[metric].name;
        let [mean, std] = scores[name];
        let times = &results.fit_time;
        let times = (0..results.candidates).flat_map(|candidate| times.of(candidate));
        let run = report.digests.run;
        Self {
            run,
            label: format!("{} {}", run.short(), report.plan.name),
            name: report.plan.name.clone(),
            kind: report.plan.kind.name(),
            target: report.plan.dataset.target.clone(),
            dataset: report.digests.dataset,
            splits: report.digests.splits,
            rows: report.data.rows,
            features: report.data.features,
            candidates: results.candidates,
            served: results.fit_counts.served,
            made: results.fit_counts.made,
            failed: results.fit_counts.failed,
            guest_seconds: times.copied().filter(|time| !time.is_nan()).sum(),
            metric: name.clone(),
            candidate: chosen.map_or_else(String::new, |chosen| named(report, chosen)),
            mean,
            std,
            scores,
            holdout: report.holdout.clone(),
        }
    }
}

/// The score that a run is about, by the metric with this index: mean and standard deviation.
fn headline(report: &Report, metric: usize) -> [f64; 2] {
    let nothing = [f64::NAN; 2];
    match &report.findings {
        None => report.chosen().map_or(nothing, |chosen| {
            let test = &report.results.metrics[metric].test;
            [test.mean[chosen.index], test.std[chosen.index]]
        }),
        Some(Findings::Nested(outer)) => {
            let (mean, std) = OuterScore::mean_and_std(outer, metric);
            [mean, std]
        }
        // With all training rows.
        Some(Findings::LearningCurve(points)) => points.last().map_or(nothing, |last| {
            let best = last.results.best(metric);
            let test = &last.results.metrics[metric].test;
            best.map_or(nothing, |best| [test.mean[best], test.std[best]])
        }),
        Some(Findings::PermutationTest(tests)) => {
            let scores = tests.iter().map(|test| test.metrics[metric].score);
            [scores.fold(f64::NAN, f64::max), f64::NAN]
        }
    }
}

impl Difference {
    fn new(first: &Compared<'_>, other: &Compared<'_>, of: usize) -> Option<Self> {
        let (a, b) = (first.report, other.report);
        let metric = &a.results.metrics[a.ranked_by()].name;
        let index = b.results.metric(metric)?;
        // The same splits of the same rows: their test rows are the same.
        let same = a.digests.splits == b.digests.splits
            && a.plan.dataset.target == b.plan.dataset.target
            && a.data.rows == b.data.rows
            && a.results.splits == b.results.splits;
        if !same {
            return None;
        }
        let scores = |report: &Report, metric: usize| {
            let chosen = report.chosen()?.index;
            Some(report.results.metrics[metric].test.of(chosen).to_vec())
        };
        let (theirs, own) = (scores(a, a.ranked_by())?, scores(b, index)?);
        let test = PairedTest::new(&own, &theirs, first.sizes?)?;
        let verdict = match (test.p_value < CHANCE, test.difference > 0.0) {
            (false, _) => "no clear difference",
            (true, true) => "clearly better",
            (true, false) => "clearly worse",
        };
        let direction = if test.difference < 0.0 {
            "worse"
        } else {
            "better"
        };
        Some(Self {
            of,
            metric: metric.clone(),
            sentence: format!(
                "{}: {metric} is {} {direction} than that of {} on the same splits (95 % \
                 interval: {} to {}): {verdict}",
                b.digests.run.short(),
                score(test.difference.abs()),
                a.digests.run.short(),
                score(test.low),
                score(test.high)
            ),
            test,
        })
    }
}

/// The fields of a document by their places; lists are values.
fn fields(document: &Value) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    let mut open = vec![(String::new(), document)];
    while let Some((place, value)) = open.pop() {
        match value {
            Value::Object(inner) if !inner.is_empty() => {
                open.extend(inner.iter().map(|(name, value)| {
                    let dot = if place.is_empty() { "" } else { "." };
                    (format!("{place}{dot}{name}"), value)
                }));
            }
            value => {
                if let Entry::Vacant(entry) = found.entry(place) {
                    entry.insert(value.clone());
                }
            }
        }
    }
    found
}

/// The fields that are not the same in all.
fn differing(plans: &[BTreeMap<String, Value>]) -> Vec<PlanField> {
    let mut names: Vec<&String> = plans.iter().flat_map(BTreeMap::keys).collect();
    names.sort_unstable();
    names.dedup();
    let fields = names.into_iter().filter_map(|name| {
        let of = |plan: &BTreeMap<String, Value>| plan.get(name).cloned().unwrap_or_default();
        let values: Vec<Value> = plans.iter().map(of).collect();
        let differs = values.iter().any(|value| *value != values[0]);
        differs.then(|| PlanField {
            field: name.clone(),
            values,
        })
    });
    fields.collect()
}

#[cfg(test)]
mod tests {
    use super::super::example;
    use super::*;
    use serde_json::json;

    #[test]
    fn runs_are_compared_on_the_splits_that_they_share() {
        let (one, mut other) = (example::report(), example::report());
        other.plan.name = "other".to_owned();
        other.results.metrics[0].rank = vec![2, 3, 1, 4, 5, 5];
        let sizes = [[100, 50], [100, 50]];
        let compare = |other: &Report| {
            let of = |report| Compared {
                report,
                sizes: Some(&sizes),
            };
            Comparison::new(&[of(&one), of(other)])
        };
        let found = compare(&other);
        assert_eq!(found.runs[0].mean, 0.775);
        assert_eq!(
            found.runs[1].candidate,
            "random_forest with criterion = gini, max_depth = null"
        );
        // 0.76 less 0.775.
        assert!((found.differences[0].test.difference + 0.015).abs() < 1e-12);
        let sentence = &found.differences[0].sentence;
        assert!(sentence.ends_with("no clear difference"), "{sentence}");
        assert_eq!(
            found.plans,
            [PlanField {
                field: "name".to_owned(),
                values: vec![json!("flights"), json!("other")],
            }]
        );
        // Other splits can't be compared.
        other.digests.splits = Digest::of(b"others");
        assert!(compare(&other).differences.is_empty());
    }
}
