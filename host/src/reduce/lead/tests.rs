//! Against SciPy: `vectors.py` writes the expected values.

use serde::Deserialize;

use super::super::choice::standard_error;
use super::super::{FitCounts, MetricResults, ScoreTable, SearchResults, rank};
use super::*;

#[derive(Deserialize)]
struct Case {
    sizes: [u64; 2],
    better: Vec<f64>,
    worse: Vec<f64>,
    difference: f64,
    low: f64,
    high: f64,
    p_value: f64,
    standard_error: f64,
}

fn results(candidates: &[&[f64]]) -> SearchResults {
    let splits = candidates[0].len();
    let test = ScoreTable::new(candidates.concat(), splits);
    SearchResults {
        candidates: candidates.len(),
        splits,
        metrics: vec![MetricResults {
            name: "accuracy".to_owned(),
            rank: rank(&test.mean),
            test,
            train: None,
            undefined: 0,
        }],
        mean_fit_time: vec![0.0; candidates.len()],
        std_fit_time: vec![0.0; candidates.len()],
        fit_counts: FitCounts::default(),
        failures: Vec::new(),
    }
}

#[test]
fn leads_are_those_of_scipy() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("vectors.json")).unwrap();
    assert_eq!(cases.len(), 15);
    for case in cases {
        // Equals of the first are passed over.
        let results = results(&[&case.worse, &case.better, &case.better]);
        let sizes = vec![case.sizes; results.splits];
        let lead = Lead::new(&results, 0, &sizes).unwrap();
        assert_eq!((lead.ahead, lead.behind), (1, 0));
        for (found, expected) in [
            (lead.difference, case.difference),
            (lead.low, case.low),
            (lead.high, case.high),
            (lead.p_value, case.p_value),
            (
                standard_error(&results.metrics[0].test, 1),
                case.standard_error,
            ),
        ] {
            assert!((found - expected).abs() <= 1e-12, "{found} {expected}");
        }
    }
}

#[test]
fn a_lead_is_told_in_a_sentence() {
    let told = |ahead: &[f64], behind: &[f64]| {
        let results = results(&[ahead, behind]);
        let sizes = vec![[80, 20]; results.splits];
        Lead::new(&results, 0, &sizes).unwrap().sentence
    };
    assert_eq!(
        told(&[0.91, 0.93, 0.92], &[0.92, 0.92, 0.91]),
        "candidate 0 is ahead of candidate 1 by 0.0033 (95 % interval: -0.0346 to 0.0413); if both \
         were equally good, chance would make a difference this large in 74 % of searches: there \
         is no clear winner"
    );
    assert_eq!(
        told(&[0.9, 0.8, 0.7, 0.8], &[0.5, 0.41, 0.31, 0.4]),
        "candidate 0 is ahead of candidate 1 by 0.395 (95 % interval: 0.382 to 0.408); if both \
         were equally good, chance would make a difference this large in less than 0.1 % of \
         searches: candidate 0 is the clear winner"
    );
    // Without any deviation, and without any difference.
    assert!(told(&[2.0, 3.0], &[1.0, 2.0]).ends_with("candidate 0 is the clear winner"));
    assert!(told(&[2.0, 3.0], &[3.0, 2.0]).contains("in 100 % of searches"));
}

#[test]
fn what_can_not_be_compared_has_no_lead() {
    let lead = |candidates: &[&[f64]]| {
        let results = results(candidates);
        Lead::new(&results, 0, &vec![[1, 1]; results.splits])
    };
    assert_eq!(lead(&[&[1.0, 2.0]]), None);
    assert_eq!(lead(&[&[1.0, 2.0], &[1.0, 2.0]]), None);
    assert_eq!(lead(&[&[1.0], &[2.0]]), None);
    assert_eq!(lead(&[&[1.0, 2.0], &[f64::NAN, 2.0]]), None);
    assert_eq!(lead(&[&[1.0, f64::INFINITY], &[1.0, 2.0]]), None);
}
