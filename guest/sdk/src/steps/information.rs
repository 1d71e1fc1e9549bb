//! Mutual information of a column and the target, in nats, for
//! `mutual_info_classif` and `mutual_info_regression`: scikit-learn's estimates, with
//! three neighbours. Columns of numbers are continuous, coded ones discrete, as
//! scikit-learn takes dense and sparse columns.
//!
//! As there, continuous values are divided by their standard deviation, and noise of
//! 1e-10 separates equal ones. It is drawn by a generator of our own from a fixed seed,
//! so that a score is a function of the training rows: it differs from scikit-learn's,
//! as those of two of its seeds, where values or distances are equal.

use super::Fit;
use crate::matrix::{Block, CodedBlock};
use crate::random::Random;
use crate::{Fault, normal};

/// The neighbours whose distance is taken.
const NEIGHBORS: usize = 3;

/// What the target is.
pub(super) enum Of<'a> {
    /// The class of each training row.
    Classes(&'a [u32]),
    /// One number per training row.
    Numbers(&'a [f64]),
}

/// The mutual information of each column and the target.
///
/// # Errors
/// [`Fault::Failed`] for fewer than four training rows.
pub(super) fn scores(fit: &Fit<'_>, target: &Of<'_>) -> Result<Vec<f64>, Fault> {
    if fit.train.len() <= NEIGHBORS {
        return Err(Fault::Failed(format!(
            "mutual information needs more than {NEIGHBORS} training rows"
        )));
    }
    let digamma = Digamma::up_to(fit.train.len());
    // The target's noise is that of column 0.
    let numbers = match target {
        Of::Numbers(numbers) => separated(numbers.to_vec(), 0),
        Of::Classes(_) => Vec::new(),
    };
    let mut scores = Vec::new();
    for block in fit.matrix.blocks() {
        match block {
            Block::Coded(coded) => {
                let levels = fit.train.iter().map(|&row| coded.codes().get(row as usize));
                let levels: Vec<u32> = levels
                    .map(|level| coded.column_of()[level as usize])
                    .collect();
                scores.extend((0..coded.columns().len() as u32).map(|column| {
                    let inside = |&of: &u32| u32::from(of != CodedBlock::NONE && of == column);
                    let groups: Vec<u32> = levels.iter().map(inside).collect();
                    match target {
                        Of::Classes(classes) => of_discrete(&groups, classes),
                        Of::Numbers(_) => of_groups(&numbers, &groups, &digamma),
                    }
                }));
            }
            block => {
                let seed = 1 + scores.len() as u64;
                let values = separated(block.values(0, fit.train), seed);
                scores.push(match target {
                    Of::Classes(classes) => of_groups(&values, classes, &digamma),
                    Of::Numbers(_) => of_continuous(&values, &numbers, &digamma),
                });
            }
        }
    }
    Ok(scores)
}

/// The values divided by their standard deviation, with noise of 1e-10.
fn separated(mut values: Vec<f64>, seed: u64) -> Vec<f64> {
    let rows = values.len() as f64;
    let mean = values.iter().sum::<f64>() / rows;
    let squares = values.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>();
    let deviation = (squares / rows).sqrt();
    if deviation > 10.0 * f64::EPSILON * mean.abs() {
        values.iter_mut().for_each(|x| *x /= deviation);
    }
    let size = values.iter().map(|x| x.abs()).sum::<f64>() / rows;
    let mut random = Random::new(seed);
    for value in &mut values {
        // From the middle of 2⁵³ intervals of (0, 1).
        let share = ((random.next_u64() >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
        *value += 1e-10 * size.max(1.0) * normal::quantile(share);
    }
    values
}

/// The digamma function of whole numbers: −γ and a harmonic number.
struct Digamma(Vec<f64>);

impl Digamma {
    /// Its values from 1 to `greatest`.
    fn up_to(greatest: usize) -> Self {
        const EULER: f64 = 0.577_215_664_901_532_9;
        let mut harmonic = 0.0;
        let values = (1..=greatest).map(|whole| {
            let value = harmonic - EULER;
            harmonic += 1.0 / whole as f64;
            value
        });
        Self(values.collect())
    }

    /// Its value at `whole`, at least 1.
    fn at(&self, whole: usize) -> f64 {
        self.0[whole - 1]
    }
}

/// Of two discrete variables: the sum over the cells of their contingency table.
fn of_discrete(groups: &[u32], classes: &[u32]) -> f64 {
    let size = |codes: &[u32]| codes.iter().max().map_or(0, |&code| code as usize + 1);
    let (rows, columns) = (size(groups), size(classes));
    let mut counts = vec![0.0; rows * columns];
    let (mut of_group, mut of_class) = (vec![0.0; rows], vec![0.0; columns]);
    for (&group, &class) in groups.iter().zip(classes) {
        counts[group as usize * columns + class as usize] += 1.0;
        of_group[group as usize] += 1.0;
        of_class[class as usize] += 1.0;
    }
    let total = groups.len() as f64;
    let cells = counts.iter().enumerate().filter(|(_, count)| **count > 0.0);
    let terms = cells.map(|(cell, &count)| {
        let expected = of_group[cell / columns] * of_class[cell % columns] / total;
        count / total * libm::log(count / expected)
    });
    terms.sum::<f64>().max(0.0)
}

/// Of a continuous and a discrete variable (Ross, 2014, "Mutual information between
/// discrete and continuous data sets"). Groups of one row are left out.
fn of_groups(values: &[f64], groups: &[u32], digamma: &Digamma) -> f64 {
    let count = groups.iter().max().map_or(0, |&group| group as usize + 1);
    let mut by_group = vec![Vec::new(); count];
    for (&value, &group) in values.iter().zip(groups) {
        by_group[group as usize].push(value);
    }
    by_group.retain(|group| group.len() > 1);
    let mut all = by_group.concat();
    all.sort_unstable_by(f64::total_cmp);
    if all.is_empty() {
        return 0.0;
    }
    let mut sum = 0.0;
    for mut group in by_group {
        group.sort_unstable_by(f64::total_cmp);
        let neighbors = NEIGHBORS.min(group.len() - 1);
        let of_group = digamma.at(neighbors) - digamma.at(group.len());
        for at in 0..group.len() {
            let radius = distance_to(&group, at, neighbors);
            sum += of_group - digamma.at(nearer(&all, group[at], radius));
        }
    }
    let rows = all.len();
    (digamma.at(rows) + sum / rows as f64).max(0.0)
}

/// The distance of a sorted value to its neighbour number `count`.
fn distance_to(sorted: &[f64], at: usize, count: usize) -> f64 {
    let (mut low, mut high) = (at, at);
    let mut distance = 0.0;
    for _ in 0..count {
        let below = low.checked_sub(1).map(|low| sorted[at] - sorted[low]);
        let above = sorted.get(high + 1).map(|next| next - sorted[at]);
        match (below, above) {
            (Some(below), above) if above.is_none_or(|above| below <= above) => {
                (low, distance) = (low - 1, below);
            }
            (_, Some(above)) => (high, distance) = (high + 1, above),
            _ => break,
        }
    }
    distance
}

/// The number of sorted values nearer to `centre` than `radius`, which is one of
/// them: at least 1.
fn nearer(sorted: &[f64], centre: f64, radius: f64) -> usize {
    let first = sorted.partition_point(|&x| centre - x >= radius);
    let end = sorted.partition_point(|&x| x < centre || x - centre < radius);
    end.saturating_sub(first).max(1)
}

/// Of two continuous variables (Kraskov, Stögbauer and Grassberger, 2004, "Estimating
/// mutual information", the first estimate).
fn of_continuous(x: &[f64], y: &[f64], digamma: &Digamma) -> f64 {
    let rows = x.len();
    let mut points: Vec<(f64, f64)> = x.iter().copied().zip(y.iter().copied()).collect();
    points.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let xs: Vec<f64> = points.iter().map(|point| point.0).collect();
    let mut ys = y.to_vec();
    ys.sort_unstable_by(f64::total_cmp);
    let mut sum = 0.0;
    for (at, &(x, y)) in points.iter().enumerate() {
        let radius = nearest_of(&points, at);
        sum += digamma.at(nearer(&xs, x, radius)) + digamma.at(nearer(&ys, y, radius));
    }
    let known = digamma.at(rows) + digamma.at(NEIGHBORS);
    (known - sum / rows as f64).max(0.0)
}

/// The Chebyshev distance of a point to its neighbour number [`NEIGHBORS`]. Points are
/// sorted by their first number: only those of a strip about it are looked at, of n
/// points about √n.
fn nearest_of(points: &[(f64, f64)], at: usize) -> f64 {
    let (x, y) = points[at];
    let mut nearest = [f64::INFINITY; NEIGHBORS];
    let mut visit = |&(other_x, other_y): &(f64, f64)| {
        let along = (other_x - x).abs();
        if along >= nearest[NEIGHBORS - 1] {
            return false;
        }
        let distance = along.max((other_y - y).abs());
        let place = nearest.partition_point(|&known| known <= distance);
        if place < NEIGHBORS {
            nearest[place..].rotate_right(1);
            nearest[place] = distance;
        }
        true
    };
    let (below, above) = (&points[..at], &points[at + 1..]);
    let (mut below, mut above) = (below.iter().rev(), above.iter());
    let (mut goes_below, mut goes_above) = (true, true);
    while goes_below || goes_above {
        goes_below = goes_below && below.next().is_some_and(&mut visit);
        goes_above = goes_above && above.next().is_some_and(&mut visit);
    }
    nearest[NEIGHBORS - 1]
}
