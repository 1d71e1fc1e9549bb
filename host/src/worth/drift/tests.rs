//! Against SciPy and NumPy: `vectors.py` writes the expected values.

use serde::Deserialize;

use super::super::kolmogorov::{one_sample_p_value, two_sample};
use super::*;

#[derive(Deserialize)]
struct Vectors {
    p_values: Vec<[f64; 3]>,
    two_sample: Vec<TwoSample>,
    numbers: Vec<Numbers>,
    categories: Vec<Categories>,
}

#[derive(Deserialize)]
struct TwoSample {
    first: Vec<f64>,
    second: Vec<f64>,
    statistic: f64,
    exact: f64,
    asymptotic: f64,
}

#[derive(Deserialize)]
struct Numbers {
    before: Vec<Option<f64>>,
    after: Vec<Option<f64>>,
    edges: Vec<f64>,
    psi: f64,
    statistic: f64,
    p_value: f64,
}

#[derive(Deserialize)]
struct Categories {
    before: Vec<Option<String>>,
    after: Vec<Option<String>>,
    psi: f64,
    new: f64,
}

fn vectors() -> Vectors {
    serde_json::from_str(include_str!("vectors.json")).unwrap()
}

fn is_near(found: f64, expected: f64, tolerance: f64) -> bool {
    found == expected || (found - expected).abs() <= tolerance * expected.abs()
}

/// Relative to the probability, however small; those near 1 are told by what is left.
#[test]
fn p_values_of_one_sample_are_scipys() {
    let cases = vectors().p_values;
    assert!(cases.len() > 150);
    for [rows, statistic, expected] in cases {
        let found = one_sample_p_value(statistic, rows).clamp(0.0, 1.0);
        assert!(
            is_near(found, expected, 1e-8),
            "{rows} {statistic}: {found} {expected}"
        );
    }
}

#[test]
fn two_samples_are_tested_as_scipy_does() {
    for case in vectors().two_sample {
        let rows = case.first.len();
        let [exact, asymptotic] = [true, false]
            .map(|whole| two_sample((&case.first, rows, whole), &case.second).unwrap());
        assert!((exact.statistic - case.statistic).abs() < 1e-15);
        assert!(exact.exact && !asymptotic.exact);
        assert!(
            is_near(exact.p_value, case.exact, 1e-10),
            "{exact:?} {}",
            case.exact
        );
        assert!(
            is_near(asymptotic.p_value, case.asymptotic, 1e-10),
            "{asymptotic:?} {}",
            case.asymptotic
        );
    }
    assert_eq!(two_sample((&[], 0, true), &[1.0]), None);
}

#[test]
fn numbers_drift_as_numpy_says() {
    for case in vectors().numbers {
        let values = |of: &[Option<f64>]| {
            let values = of.iter().map(|value| value.unwrap_or(f64::NAN));
            ColumnValues::Numbers(values.collect())
        };
        let before = Distribution::of("x", &values(&case.before));
        assert!(matches!(&before.values, Observed::Numbers { edges, .. } if *edges == case.edges));
        let drift = ColumnDrift::new(&before, &values(&case.after), &[]).unwrap();
        assert!(is_near(drift.psi, case.psi, 1e-12), "{drift:?}");
        let ks = drift.ks.unwrap();
        assert!(ks.exact && (ks.statistic - case.statistic).abs() < 1e-15);
        assert!(is_near(ks.p_value, case.p_value, 1e-9), "{ks:?}");
        assert_eq!(drift.missing_before, 7.0 / 350.0);
        assert!((drift.missing_after - 0.05).abs() < 0.003);
    }
}

fn labels(values: &[Option<String>]) -> ColumnValues {
    let mut labels: Vec<String> = Vec::new();
    let code = |value: &Option<String>| {
        let value = value.as_ref()?;
        let known = labels.iter().position(|label| label == value);
        Some(known.unwrap_or_else(|| {
            labels.push(value.clone());
            labels.len() - 1
        }) as u32)
    };
    let codes = values.iter().map(code).collect();
    ColumnValues::Labels { labels, codes }
}

#[test]
fn categories_drift_as_numpy_says() {
    let known = ["a", "b", "c"].map(str::to_owned);
    for case in vectors().categories {
        let before = Distribution::of("x", &labels(&case.before));
        let drift = ColumnDrift::new(&before, &labels(&case.after), &known).unwrap();
        assert!(is_near(drift.psi, case.psi, 1e-12), "{drift:?}");
        let new = drift.new_categories.unwrap();
        assert_eq!(new.share, case.new);
        assert_eq!(new.count, if case.new > 0.0 { 2 } else { 0 });
        assert_eq!(new.labels.len(), new.count);
        assert_eq!(drift.ks, None);
    }
}

#[test]
fn the_same_rows_are_stable() {
    let numbers = ColumnValues::Numbers((0..2000).map(|row| f64::from(row % 37)).collect());
    let drift = ColumnDrift::new(&Distribution::of("x", &numbers), &numbers, &[]).unwrap();
    assert_eq!((drift.psi, drift.change), (0.0, Change::Stable));
    let ks = drift.ks.unwrap();
    // The sketch has a thousandth of the rows at each step.
    assert!(ks.statistic <= 0.001 && ks.p_value > 0.999, "{ks:?}");
    // Numbers are no categories.
    let categories = labels(&[Some("a".to_owned())]);
    assert_eq!(
        ColumnDrift::new(&Distribution::of("x", &numbers), &categories, &[]),
        None
    );
}
