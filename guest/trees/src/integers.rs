//! [`search`]: the best split of sorted rows of classes of weight 1. All sums are
//! integers, so that they do not depend on the order of the rows.

use std::ops::Range;

use crate::class_layout::ClassLayout;
use crate::criterion::{Criterion, IntegerCriterion};
use crate::runs::{Place, Runs};
use crate::tally::LeafLimits;

type Integer<L> = <<L as ClassLayout>::Criterion as Criterion>::Integer;
type Score<L> = <Integer<L> as IntegerCriterion>::Score;

/// Sums over the left and the right side, while rows move from right to left.
#[derive(Clone, Copy, Debug)]
struct Sums {
    /// The sums of [`IntegerCriterion::term`].
    terms: [i64; 2],
    draws: [u32; 2],
    /// The number of distinct rows on the left.
    rows: u32,
}

/// The best split of an ordered feature that meets `limits`. `total` is the
/// number of draws of each class. There is more than one code. `sides` is a
/// buffer: by class, its draws on the left and on the right side.
pub(crate) fn search<L: ClassLayout>(
    runs: Runs<'_, u32>,
    sides: &mut Vec<[u32; 2]>,
    total: impl Iterator<Item = u32>,
    limits: LeafLimits,
) -> Option<Place> {
    let criterion = L::Criterion::integer();
    let mut sums = Sums {
        terms: [0; 2],
        draws: [0; 2],
        rows: 0,
    };
    sides.clear();
    for draws in total {
        sides.push([0, draws]);
        sums.terms[1] += criterion.term(draws);
        sums.draws[1] += draws;
    }
    let last = runs.len() - 1;
    let sides = &mut sides[..];
    // Missing values go right, which includes the split of them from all
    // others.
    let kept = runs.has_missing.then(|| sides.to_vec());
    let mut found = sweep::<L>(runs, sides, sums, 0..last, limits);
    let mut missing_left = false;
    if let Some(kept) = kept
        && last > 1
    {
        sides.copy_from_slice(&kept);
        move_run::<L>(runs, last, &criterion, sides, &mut sums);
        let left = sweep::<L>(runs, sides, sums, 0..last - 1, limits);
        if let Some((_, score)) = left
            && found.is_none_or(|(_, best)| score > best)
        {
            (found, missing_left) = (left, true);
        }
    }
    found.map(|(at, _)| Place { at, missing_left })
}

/// The class of the rows of code `index`; `None` if they have several.
fn class_of<L: ClassLayout>(runs: Runs<'_, u32>, index: usize) -> Option<u32> {
    let run = runs.run(index);
    let class = |payload: u32| L::parts(payload).1;
    let first = class(run[0]);
    run.iter()
        .all(|&payload| class(payload) == first)
        .then_some(first)
}

/// Moves the rows of code `index` to the left side. Returns their class;
/// `None` if they have several.
#[inline]
fn move_run<L: ClassLayout>(
    runs: Runs<'_, u32>,
    index: usize,
    criterion: &Integer<L>,
    sides: &mut [[u32; 2]],
    sums: &mut Sums,
) -> Option<u32> {
    let run = runs.run(index);
    sums.rows += run.len() as u32;
    let (_, first) = L::parts(*run.first()?);
    let mut differing = 0;
    let (mut terms, mut draws) = ([0, 0], 0);
    for &payload in run {
        let (weight, class) = L::parts(payload);
        differing |= class ^ first;
        let [left, right] = &mut sides[class as usize];
        *right -= weight;
        terms[0] += criterion.step(*left, weight);
        terms[1] += criterion.step(*right, weight);
        *left += weight;
        draws += weight;
    }
    sums.terms[0] += terms[0];
    sums.terms[1] -= terms[1];
    sums.draws[0] += draws;
    sums.draws[1] -= draws;
    (differing == 0).then_some(first)
}

/// Moves the rows of one code after the other to the left side, and
/// evaluates the split after each of `indices`. Returns the index and the
/// score of the best.
fn sweep<L: ClassLayout>(
    runs: Runs<'_, u32>,
    sides: &mut [[u32; 2]],
    mut sums: Sums,
    indices: Range<usize>,
    limits: LeafLimits,
) -> Option<(usize, Score<L>)> {
    let criterion = L::Criterion::integer();
    let rows = runs.payloads.len() as u32;
    let is_unlimited = limits.is_met_by_all();
    let mut best: Option<(usize, Score<L>)> = None;
    let end = indices.end;
    let mut class = move_run::<L>(runs, indices.start, &criterion, sides, &mut sums);
    for index in indices {
        let here = sums;
        let next = if index + 1 < end {
            move_run::<L>(runs, index + 1, &criterion, sides, &mut sums)
        } else {
            class_of::<L>(runs, index + 1)
        };
        let before = std::mem::replace(&mut class, next);
        if is_unlimited {
            // No split between two codes of one same class is better than
            // the split before the first or after the second of them: both
            // criteria are concave (Fayyad and Irani, 1992).
            if before.is_some() && before == next {
                continue;
            }
        } else if here.rows < limits.rows
            || rows - here.rows < limits.rows
            || f64::from(here.draws[0]) < limits.weight
            || f64::from(here.draws[1]) < limits.weight
        {
            continue;
        }
        let score = criterion.score(here.terms, here.draws);
        if best.is_none_or(|(_, best)| score > best) {
            best = Some((index, score));
        }
    }
    best
}
