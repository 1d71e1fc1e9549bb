//! [`warnings`]: what a single column tells by itself: the class of a row, or its
//! fold.
//!
//! It is measured: a small tree on the column alone is fitted to two thirds of
//! the sampled rows and scored on the others, three times. Which rows are
//! sampled, and which are scored, depends on their numbers alone.

use rayon::prelude::*;

use super::reads::Reads;
use super::split::Assignment;
use super::statistics::{KeyOrder, MISSING, RowSample, mix};
use super::summary::{Summary, is_all};
use super::warning::Warning;
use crate::plan::{Cv, Plan};

/// The bins of a column's numbers.
const BINS: usize = 128;

/// The most classes or folds that are told apart.
const LABELS: usize = 128;

/// The parts into which the rows are divided, to score each by the others.
const PARTS: u64 = 3;

/// The least number of rows to report anything.
const SUPPORT: usize = 50;

/// A column tells the target if it explains this share of what the most frequent
/// class does not.
const TELLS: f64 = 0.97;

/// The same of a column that numbers or dates the rows, which should tell
/// nothing.
const NUMBER_TELLS: f64 = 0.3;

/// Rows are in the order of a column if it explains this share of their folds.
const ORDERED: f64 = 0.3;

/// What single columns tell: the class of a row, or, where the folds are
/// blocks of rows, the fold.
pub(super) fn warnings(
    sample: &RowSample,
    summary: &Summary,
    plan: &Plan,
    assignment: &Assignment,
) -> Vec<Warning> {
    let mut warnings = Vec::new();
    if sample.rows.len() < SUPPORT {
        return warnings;
    }
    let leaks: Vec<&str> = summary.warnings.iter().filter_map(Warning::leak).collect();
    let features = summary.columns.len().saturating_sub(1);
    let classes = Labels::new(sample.classes.iter().map(|class| Some(*class)));
    let folds = (plan.kind.has_splits() && is_blocks(&plan.cv)).then(|| {
        let fold = |row: &u64| assignment.fold(*row as usize);
        Labels::new(sample.rows.iter().map(fold))
    });
    let told: Vec<(Option<Told>, Option<Told>)> = (0..=features)
        .into_par_iter()
        .map(|index| {
            let Some(column) = summary.columns.get(index) else {
                return (None, None);
            };
            let values = Values::new(
                &sample.columns[index],
                order(&column.reads, &column.source_type),
            );
            let class = (index < features && !summary.classes.is_empty())
                .then(|| classes.told_by(&values, &sample.rows))
                .flatten();
            let fold = folds
                .as_ref()
                .and_then(|folds| folds.told_by(&values, &sample.rows));
            (class, fold)
        })
        .collect();
    let numbers = |index: usize| {
        let column = &summary.columns[index];
        let whole = column.source_type.contains("int");
        (whole && is_all(column.distinct, summary.rows), column)
    };
    let mut ordered: Option<(Told, usize)> = None;
    for (index, (class, fold)) in told.into_iter().enumerate().take(summary.columns.len()) {
        let (is_number, column) = numbers(index);
        let is_time = matches!(column.reads, Reads::Date | Reads::Time);
        let least = if is_number || is_time {
            NUMBER_TELLS
        } else {
            TELLS
        };
        if let Some(told) = class.filter(|told| told.explained >= least)
            && !leaks.contains(&column.name.as_str())
        {
            warnings.push(Warning::TellsTarget {
                column: column.name.clone(),
                right: told.right,
                most: told.most,
            });
        }
        if let Some(told) = fold.filter(|told| told.explained >= ORDERED && !is_number)
            && ordered
                .as_ref()
                .is_none_or(|(best, _)| told.explained > best.explained)
        {
            ordered = Some((told, index));
        }
    }
    warnings.extend(ordered.map(|(told, index)| Warning::OrderedRows {
        column: summary.columns[index].name.clone(),
        target: index == features,
        right: told.right,
    }));
    warnings
}

/// Whether the folds are blocks of rows that follow each other.
fn is_blocks(cv: &Cv) -> bool {
    match cv {
        Cv::KFold { shuffle, .. } | Cv::StratifiedKFold { shuffle, .. } => !shuffle,
        _ => false,
    }
}

/// The order of a column's keys.
fn order(reads: &Reads, source_type: &str) -> KeyOrder {
    let real = source_type.starts_with("float") || source_type.starts_with("decimal");
    match reads {
        Reads::Category(_) => KeyOrder::None,
        // Read from text of a Parquet file, numbers are reals, too.
        _ if real => KeyOrder::Real,
        _ => KeyOrder::Whole,
    }
}

/// The values of a column as bins: every category, or ranges of numbers.
struct Values {
    bins: Vec<u32>,
    count: usize,
    /// Whether neighbouring bins may be joined.
    ordered: bool,
}

impl Values {
    fn new(keys: &[u64], order: KeyOrder) -> Self {
        let number = |key: u64| match order {
            _ if key == MISSING => f64::NEG_INFINITY,
            KeyOrder::Real => f64::from_bits(key),
            KeyOrder::None | KeyOrder::Whole => key as i64 as f64,
        };
        let mut sorted: Vec<(f64, u32)> = (0..)
            .zip(keys)
            .map(|(row, key)| (number(*key), row))
            .collect();
        sorted.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let ordered = order != KeyOrder::None;
        let step = if ordered {
            keys.len().div_ceil(BINS)
        } else {
            1
        };
        let mut bins = vec![0; keys.len()];
        let (mut bin, mut filled, mut last) = (0, 0, None);
        for (number, row) in sorted {
            // Equal numbers are in one bin.
            if last.is_some_and(|last| last != number) && filled >= step {
                (bin, filled) = (bin + 1, 0);
            }
            last = Some(number);
            filled += 1;
            bins[row as usize] = bin;
        }
        Self {
            bins,
            count: bin as usize + 1,
            ordered,
        }
    }
}

/// What a column tells of the labels of rows.
#[derive(Clone, Copy, Debug)]
struct Told {
    /// The share of rows of which it tells the label.
    right: f64,
    /// The share of the most frequent label.
    most: f64,
    /// The share of the other rows that it explains.
    explained: f64,
}

/// The class or the fold of each row.
struct Labels {
    labels: Vec<Option<u32>>,
    count: usize,
}

impl Labels {
    fn new(labels: impl Iterator<Item = Option<u32>>) -> Self {
        let labels: Vec<Option<u32>> = labels.collect();
        let count = labels
            .iter()
            .flatten()
            .max()
            .map_or(0, |most| *most as usize + 1);
        Self { labels, count }
    }

    /// What a tree on these values alone tells of the labels of rows to which
    /// it was not fitted; `None` if that may be chance.
    fn told_by(&self, values: &Values, rows: &[u64]) -> Option<Told> {
        let count = self.count;
        if !(2..=LABELS).contains(&count) {
            return None;
        }
        let mut totals = vec![0_u32; count];
        let mut right = 0_u32;
        let mut counts = vec![0_u32; values.count * count];
        let part = |row: u64| mix(row ^ 0x5851_f42d_4c95_7f2d) % PARTS;
        let labelled = || {
            let all = values.bins.iter().zip(&self.labels).zip(rows);
            all.filter_map(|((bin, label), row)| {
                Some((*bin as usize, (*label)? as usize, part(*row)))
            })
        };
        labelled().for_each(|(_, label, _)| totals[label] += 1);
        for scored in 0..PARTS {
            counts.fill(0);
            let fitted = labelled().filter(|(.., part)| *part != scored);
            fitted.for_each(|(bin, label, _)| counts[bin * count + label] += 1);
            let predicted = predictions(&counts, count, values.ordered);
            let others = labelled().filter(|(.., part)| *part == scored);
            right += others
                .filter(|(bin, label, _)| predicted[*bin] == *label)
                .count() as u32;
        }
        let all = f64::from(totals.iter().sum::<u32>());
        let (right, most) = (f64::from(right), f64::from(*totals.iter().max()?));
        // Three standard errors of the share of the most frequent label.
        let chance = 3.0 * (most * (all - most) / all).sqrt();
        (right - most > chance).then(|| Told {
            right: right / all,
            most: most / all,
            explained: (right - most) / (all - most),
        })
    }
}

/// The label that is predicted in each bin, given the rows by bin and label.
fn predictions(counts: &[u32], labels: usize, ordered: bool) -> Vec<usize> {
    let bins = counts.len() / labels;
    let sum = |range: std::ops::Range<usize>| {
        let mut sum = vec![0_u32; labels];
        for bin in range {
            let of_bin = &counts[bin * labels..][..labels];
            sum.iter_mut()
                .zip(of_bin)
                .for_each(|(sum, count)| *sum += count);
        }
        sum
    };
    let most = |counts: &[u32]| {
        let labels = counts.iter().enumerate().rev();
        labels
            .max_by_key(|(_, count)| **count)
            .map_or(0, |(label, _)| label)
    };
    let overall = most(&sum(0..bins));
    if !ordered {
        let of_bin = |bin: usize| {
            let counts = &counts[bin * labels..][..labels];
            if counts.iter().all(|count| *count == 0) {
                overall
            } else {
                most(counts)
            }
        };
        return (0..bins).map(of_bin).collect();
    }
    // A tree with a leaf for each label and one more, grown best first.
    let mut leaves = vec![(0..bins, best_cut(counts, labels, 0..bins))];
    while leaves.len() < (labels + 1).max(4) {
        let best = leaves
            .iter()
            .enumerate()
            .filter_map(|(leaf, (_, cut))| Some((leaf, (*cut)?)))
            .max_by(|a, b| a.1.1.total_cmp(&b.1.1));
        let Some((leaf, (cut, _))) = best else { break };
        let range = leaves.swap_remove(leaf).0;
        for half in [range.start..cut, cut..range.end] {
            let cut = best_cut(counts, labels, half.clone());
            leaves.push((half, cut));
        }
    }
    let mut predicted = vec![overall; bins];
    for (range, _) in leaves {
        let label = most(&sum(range.clone()));
        predicted[range].fill(label);
    }
    predicted
}

/// Where a cut of a range of bins gains most by Gini's impurity, and the gain.
fn best_cut(counts: &[u32], labels: usize, range: std::ops::Range<usize>) -> Option<(usize, f64)> {
    let mut right = vec![0.0_f64; labels];
    for bin in range.clone() {
        let of_bin = &counts[bin * labels..][..labels];
        right
            .iter_mut()
            .zip(of_bin)
            .for_each(|(sum, count)| *sum += f64::from(*count));
    }
    let purity = |counts: &[f64]| {
        let rows: f64 = counts.iter().sum();
        let squares: f64 = counts.iter().map(|count| count * count).sum();
        if rows > 0.0 { squares / rows } else { 0.0 }
    };
    let whole = purity(&right);
    let mut left = vec![0.0; labels];
    let mut best: Option<(usize, f64)> = None;
    for cut in range.start + 1..range.end {
        let of_bin = &counts[(cut - 1) * labels..][..labels];
        for (label, count) in of_bin.iter().enumerate() {
            left[label] += f64::from(*count);
            right[label] -= f64::from(*count);
        }
        let gain = purity(&left) + purity(&right) - whole;
        if gain > 1e-9 && best.is_none_or(|(_, most)| gain > most) {
            best = Some((cut, gain));
        }
    }
    best
}
