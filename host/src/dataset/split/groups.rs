//! Splits that keep groups whole.

use rand_chacha::ChaCha8Rng;

use super::assignment::Builder;
use super::coded::Ranked;
use super::combinations::{Combinations, binomial};
use super::error::SplitError;
use super::k_fold::k_fold;
use super::marks::Mark;
use crate::numpy;
use crate::random;

/// scikit-learn's `GroupKFold`, the fold of each row. Not shuffled, the groups, the
/// largest first and of equal ones the last first, each go to the fold that has
/// the fewest rows. Shuffled, each fold takes the next groups of a random order.
pub(super) fn group_k_fold(
    groups: &Ranked,
    folds: u32,
    random: Option<&mut ChaCha8Rng>,
) -> Result<Vec<i32>, SplitError> {
    check_groups(groups, folds)?;
    let mut order: Vec<u32> = (0..groups.count() as u32).collect();
    let of_groups = match random {
        Some(random) => {
            random::shuffle(&mut order, random);
            // As `numpy.array_split`.
            k_fold(&order, folds)?
        }
        None => {
            order.sort_by_key(|group| groups.sizes[*group as usize]);
            let mut of_groups = vec![0; order.len()];
            let mut filled = vec![0_usize; folds as usize];
            for group in order.into_iter().rev() {
                let lightest = (0..filled.len()).min_by_key(|fold| filled[*fold]);
                let lightest = lightest.unwrap_or_default();
                filled[lightest] += groups.sizes[group as usize];
                of_groups[group as usize] = lightest as i32;
            }
            of_groups
        }
    };
    Ok(fold_of_rows(groups, &of_groups))
}

/// scikit-learn's `StratifiedGroupKFold`, the fold of each row: the groups, those
/// whose classes are the least even first, each go to the fold that leaves the
/// shares of the classes the most even among the folds, or of equal ones to that
/// with the fewest rows. Shuffled, groups that are as even are in a random order.
///
/// The deviations are numpy's to the last bit, since they decide the order.
pub(super) fn stratified_group_k_fold(
    groups: &Ranked,
    classes: &Ranked,
    folds: u32,
    random: Option<&mut ChaCha8Rng>,
) -> Result<Vec<i32>, SplitError> {
    check_groups(groups, folds)?;
    let (count, folds) = (classes.count(), folds as usize);
    let mut of_groups = vec![0.0; groups.count() * count];
    for (group, class) in groups.of_rows.iter().zip(&classes.of_rows) {
        of_groups[*group as usize * count + *class as usize] += 1.0;
    }
    let of_group = |group: u32| &of_groups[group as usize * count..][..count];

    let mut order: Vec<u32> = (0..groups.count() as u32).collect();
    if let Some(random) = random {
        random::shuffle(&mut order, random);
    }
    let deviation = |group: &u32| numpy::mean_and_std(of_group(*group)).1;
    let mut order: Vec<(f64, u32)> = order.iter().map(|g| (deviation(g), *g)).collect();
    order.sort_by(|a, b| b.0.total_cmp(&a.0));

    let mut fold_of_groups = vec![0; groups.count()];
    let mut of_folds = vec![0.0; folds * count];
    let mut deviations = vec![0.0; count];
    for (_, group) in order {
        let mut best: Option<(usize, f64, f64)> = None;
        for fold in 0..folds {
            let in_fold = fold * count..(fold + 1) * count;
            add(&mut of_folds[in_fold.clone()], of_group(group), 1.0);
            for (class, deviation) in deviations.iter_mut().enumerate() {
                let all = classes.sizes[class] as f64;
                let shares = (0..folds).map(|fold| of_folds[fold * count + class] / all);
                *deviation = deviation_in_order(shares);
            }
            add(&mut of_folds[in_fold.clone()], of_group(group), -1.0);
            let uneven = numpy::mean(&deviations);
            let rows: f64 = of_folds[in_fold].iter().sum();
            let is_better = best.is_none_or(|(_, least, fewest)| {
                uneven < least || is_close(uneven, least) && rows < fewest
            });
            if is_better {
                best = Some((fold, uneven, rows));
            }
        }
        let fold = best.map_or(0, |(fold, ..)| fold);
        add(&mut of_folds[fold * count..][..count], of_group(group), 1.0);
        fold_of_groups[group as usize] = fold as i32;
    }
    Ok(fold_of_rows(groups, &fold_of_groups))
}

fn add(to: &mut [f64], counts: &[f64], times: f64) {
    to.iter_mut()
        .zip(counts)
        .for_each(|(to, count)| *to += count * times);
}

/// `numpy.std` along the first axis of several, of which the sums are taken in
/// order and not pairwise.
fn deviation_in_order(values: impl ExactSizeIterator<Item = f64> + Clone) -> f64 {
    let count = values.len() as f64;
    let mean = values.clone().sum::<f64>() / count;
    let squares = values.map(|value| (value - mean) * (value - mean));
    (squares.sum::<f64>() / count).sqrt()
}

/// `numpy.isclose` with its default tolerances.
fn is_close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-8 + 1e-5 * b.abs()
}

/// scikit-learn's `LeaveOneGroupOut`, the fold of each row: its group.
pub(super) fn leave_one_group_out(groups: &Ranked) -> Result<Vec<i32>, SplitError> {
    check_left_out("leave_one_group_out", groups, 1)?;
    Ok(groups.of_rows.iter().map(|group| *group as i32).collect())
}

/// Adds the splits of scikit-learn's `LeavePGroupsOut`: each set of `out` groups.
pub(super) fn leave_p_groups_out(
    groups: &Ranked,
    out: u32,
    builder: &mut Builder<'_>,
) -> Result<(), SplitError> {
    check_left_out("leave_p_groups_out", groups, out)?;
    builder.expect_marks(binomial(groups.count(), out as usize))?;
    let mut left_out = vec![false; groups.count()];
    for set in Combinations::new(groups.count(), out as usize) {
        left_out.fill(false);
        set.iter().for_each(|group| left_out[*group] = true);
        builder.split(|row| match left_out[groups.of_rows[row] as usize] {
            true => Mark::Test,
            false => Mark::Train,
        })?;
    }
    Ok(())
}

fn check_groups(groups: &Ranked, folds: u32) -> Result<(), SplitError> {
    match folds as usize > groups.count() {
        true => Err(SplitError::TooFewGroups {
            folds,
            groups: groups.count(),
        }),
        false => Ok(()),
    }
}

fn check_left_out(method: &'static str, groups: &Ranked, out: u32) -> Result<(), SplitError> {
    match out as usize >= groups.count() {
        true => Err(SplitError::NothingLeft {
            method,
            out,
            of: groups.count(),
            what: "groups",
            remedy: match out {
                1 => "it takes two groups or more",
                _ => "leave out fewer with `n_groups`",
            },
        }),
        false => Ok(()),
    }
}

fn fold_of_rows(groups: &Ranked, of_groups: &[i32]) -> Vec<i32> {
    let fold = |group: &u32| of_groups[*group as usize];
    groups.of_rows.iter().map(fold).collect()
}
