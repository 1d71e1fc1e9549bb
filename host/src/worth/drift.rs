//! [`ColumnDrift`]: how the values of a column differ from those that a model was trained
//! on.
//!
//! The population stability index is `Σ (q - p) ln(q / p)` over the bins, with the shares
//! `p` of the training rows and `q` of the new ones, each at least [`LEAST_SHARE`]. The
//! bins are quantiles of the training rows or the most frequent categories, and one each
//! for the other categories, for those that are new, and for missing values.

use std::collections::BTreeMap;

use fanout_sdk::{PredictionValues, Target};
use rustc_hash::FxHashSet;
use serde::Serialize;

use super::assessment::Scoring;
use super::kolmogorov::{self, KolmogorovSmirnov};
use super::rows::PredictedRows;
use crate::dataset::ColumnValues;
use crate::model::{Distribution, Observed, QUANTILES, bin, sorted};

/// The share that a bin without rows counts as.
const LEAST_SHARE: f64 = 1e-4;

/// New categories that are named.
const NAMED: usize = 10;

/// How much a column changed, by its population stability index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Below 0.1.
    Stable,
    /// Below 0.25.
    Some,
    /// From 0.25 on.
    Strong,
}

impl Change {
    fn of(index: f64) -> Self {
        match index {
            index if index < 0.1 => Self::Stable,
            index if index < 0.25 => Self::Some,
            _ => Self::Strong,
        }
    }

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stable => "stable",
            Self::Some => "some",
            Self::Strong => "strong",
        }
    }
}

/// How a column changed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ColumnDrift {
    /// The column.
    pub name: String,
    /// The population stability index.
    pub psi: f64,
    /// A word for it.
    pub change: Change,
    /// For numbers, where both sides have any.
    pub ks: Option<KolmogorovSmirnov>,
    /// The share of the training rows without a value.
    pub missing_before: f64,
    /// That of the new rows.
    pub missing_after: f64,
    /// For categories: those that the training rows did not have.
    pub new_categories: Option<NewCategories>,
}

/// Categories that are new.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct NewCategories {
    /// The share of the new rows that have one.
    pub share: f64,
    /// How many there are.
    pub count: usize,
    /// The first of them, in the order of the rows.
    pub labels: Vec<String>,
}

impl ColumnDrift {
    /// Holds new values against those of training; `known` are all categories of
    /// training. `None` if one side has numbers and the other categories, or there are no
    /// rows.
    pub fn new(before: &Distribution, after: &ColumnValues, known: &[String]) -> Option<Self> {
        if before.rows == 0 || after.is_empty() {
            return None;
        }
        // The rows of each bin, before and after.
        let mut bins: Vec<[u64; 2]> = Vec::new();
        let (mut ks, mut new_categories) = (None, None);
        let missing = match (&before.values, after) {
            (
                Observed::Numbers {
                    edges,
                    counts,
                    quantiles,
                },
                ColumnValues::Numbers(numbers),
            ) => {
                bins.extend(counts.iter().map(|rows| [*rows, 0]));
                bins.resize(edges.len() + 1, [0, 0]);
                let there = numbers.iter().filter(|number| !number.is_nan());
                there.for_each(|number| bins[bin(edges, *number)][1] += 1);
                let whole = before.rows - before.missing <= QUANTILES as u64;
                let rows = (before.rows - before.missing) as usize;
                ks = kolmogorov::two_sample((quantiles, rows, whole), &sorted(numbers));
                numbers.len() as u64 - bins.iter().map(|bin| bin[1]).sum::<u64>()
            }
            (Observed::Categories { counts, others }, ColumnValues::Labels { labels, codes }) => {
                let place: BTreeMap<&str, usize> = counts
                    .iter()
                    .enumerate()
                    .map(|(place, (label, _))| (label.as_str(), place))
                    .collect();
                bins.extend(counts.iter().map(|(_, rows)| [*rows, 0]));
                let of_others = bins.len();
                bins.extend([[*others, 0], [0, 0]]);
                let known: FxHashSet<&str> = known.iter().map(String::as_str).collect();
                let bin_of = |label: &String| match place.get(label.as_str()) {
                    Some(place) => *place,
                    None => of_others + usize::from(!known.contains(label.as_str())),
                };
                let bin_of: Vec<usize> = labels.iter().map(bin_of).collect();
                let mut seen = vec![false; labels.len()];
                let (mut new, mut missing) = (NewCategories::default(), 0);
                for code in codes {
                    let code = code.map(|code| code as usize);
                    let Some(code) = code.filter(|code| *code < labels.len()) else {
                        missing += 1;
                        continue;
                    };
                    let at = bin_of[code];
                    bins[at][1] += 1;
                    if at > of_others && !std::mem::replace(&mut seen[code], true) {
                        new.count += 1;
                        if new.labels.len() < NAMED {
                            new.labels.push(labels[code].clone());
                        }
                    }
                }
                new.share = bins[of_others + 1][1] as f64 / codes.len() as f64;
                new_categories = Some(new);
                missing
            }
            _ => return None,
        };
        bins.push([before.missing, missing]);
        let rows = [before.rows, after.len() as u64];
        let psi = stability(&bins, rows);
        Some(Self {
            name: before.name.clone(),
            psi,
            change: Change::of(psi),
            ks,
            missing_before: before.missing as f64 / rows[0] as f64,
            missing_after: missing as f64 / rows[1] as f64,
            new_categories,
        })
    }
}

/// The population stability index of bins. Bins without a row on both sides add nothing.
fn stability(bins: &[[u64; 2]], rows: [u64; 2]) -> f64 {
    let share = |count: u64, rows: u64| (count as f64 / rows as f64).max(LEAST_SHARE);
    let term = |[before, after]: &[u64; 2]| {
        let (p, q) = (share(*before, rows[0]), share(*after, rows[1]));
        (q - p) * (q / p).ln()
    };
    bins.iter().map(term).sum()
}

/// What is predicted of rows, as the values of a column, and its name: the probability of
/// the positive class of two, or numbers, or classes.
pub fn predicted(rows: &PredictedRows, scoring: Scoring<'_>) -> (String, ColumnValues) {
    let classes = rows.target.classes();
    if let PredictionValues::Numbers(numbers) = &rows.predicted.values {
        return (
            "prediction".to_owned(),
            ColumnValues::Numbers(numbers.clone()),
        );
    }
    let positive = scoring.positive(classes);
    let probabilities = positive.and_then(|class| Some((class, rows.probabilities(class)?)));
    match probabilities {
        Some((class, ones)) => (
            format!("probability_{}", classes[class]),
            ColumnValues::Numbers(ones),
        ),
        None => {
            let codes = rows.prediction().classes(classes.len());
            let labels = classes.to_vec();
            let codes = codes.iter().map(|code| Some(*code)).collect();
            (
                "prediction".to_owned(),
                ColumnValues::Labels { labels, codes },
            )
        }
    }
}

/// A target as the values of a column.
pub fn of_target(target: &Target) -> ColumnValues {
    match target {
        Target::Numbers(numbers) => ColumnValues::Numbers(numbers.clone()),
        Target::Classes { classes, codes } => ColumnValues::Labels {
            labels: classes.clone(),
            codes: codes
                .iter()
                .map(|code| Some(*code).filter(|code| *code != Target::MISSING))
                .collect(),
        },
    }
}

#[cfg(test)]
mod tests;
