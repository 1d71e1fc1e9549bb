//! [`iterative`]: one partition of rows that is stratified by several targets at once.

use rand_chacha::ChaCha8Rng;

use super::coded::Coded;
use crate::dataset::category::MISSING;
use crate::random;

/// Divides `rows` into folds of these sizes, which add up to their number, by iterative
/// stratification (Sechidis, Tsoumakas and Vlahavas, On the Stratification of Multi-label
/// Data, 2011). The labels are the classes of all targets; a row has none of a target
/// that it lacks. Folds have exactly their sizes: one that is full takes no more rows.
///
/// Of the labels, that of the fewest rows left is divided first; each of its rows goes
/// where most of the label is wanted, of equals where most rows are, of these the first
/// fold. Rows are taken in their order, or shuffled. Returns the fold of each of `rows`.
pub(super) fn iterative(
    rows: &[u32],
    targets: &[Coded<'_>],
    sizes: &[usize],
    random: Option<&mut ChaCha8Rng>,
) -> Vec<i32> {
    let mut order: Vec<u32> = (0..rows.len() as u32).collect();
    if let Some(random) = random {
        random::shuffle(&mut order, random);
    }
    // The labels of a target lie one after the other, from its offset on.
    let mut labels: Vec<(usize, u32)> = Vec::new();
    let mut offsets = Vec::with_capacity(targets.len());
    for (number, target) in targets.iter().enumerate() {
        offsets.push(labels.len());
        labels.extend((0..target.labels.len() as u32).map(|code| (number, code)));
    }
    let code = |target: usize, at: u32| targets[target].codes[rows[at as usize] as usize];
    let label = |target: usize, at: u32| match code(target, at) {
        MISSING => None,
        code => Some(offsets[target] + code as usize),
    };
    let mut unassigned = vec![0_usize; labels.len()];
    for &at in &order {
        let of_row = (0..targets.len()).filter_map(|target| label(target, at));
        of_row.for_each(|label| unassigned[label] += 1);
    }
    let mut left = sizes.to_vec();
    let mut wanted: Vec<Vec<f64>> = sizes
        .iter()
        .map(|size| {
            let share = *size as f64 / rows.len().max(1) as f64;
            unassigned.iter().map(|rows| *rows as f64 * share).collect()
        })
        .collect();
    let mut folds = vec![-1_i32; rows.len()];
    loop {
        let rarest = (0..labels.len()).filter(|label| unassigned[*label] > 0);
        let rarest = rarest.min_by_key(|label| unassigned[*label]);
        for &at in order.iter() {
            let is_next = match rarest {
                Some(rarest) => {
                    let (target, class) = labels[rarest];
                    code(target, at) == class
                }
                // What is left has no label.
                None => true,
            };
            if !is_next || folds[at as usize] >= 0 {
                continue;
            }
            let open = (0..left.len()).filter(|fold| left[*fold] > 0);
            let want = |fold: usize| rarest.map_or(0.0, |label| wanted[fold][label]);
            // Of equals, the first.
            let best = open.reduce(|best, fold| {
                let order = want(fold).total_cmp(&want(best));
                match order.then(left[fold].cmp(&left[best])) {
                    std::cmp::Ordering::Greater => fold,
                    _ => best,
                }
            });
            let Some(fold) = best else { break };
            folds[at as usize] = fold as i32;
            left[fold] -= 1;
            for label in (0..targets.len()).filter_map(|target| label(target, at)) {
                wanted[fold][label] -= 1.0;
                unassigned[label] -= 1;
            }
        }
        if rarest.is_none() {
            return folds;
        }
    }
}

/// The sizes of `folds` folds of so many rows, as scikit-learn's `KFold` has them.
pub(super) fn fold_sizes(rows: usize, folds: u32) -> Vec<usize> {
    let count = folds as usize;
    let size = |fold| rows / count + usize::from(fold < rows % count);
    (0..count).map(size).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand_chacha::rand_core::SeedableRng as _;

    use super::*;

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|name| name.to_string()).collect()
    }

    /// By hand, after the paper: the rarest label (`b`: 1, rows 1 and 4) is divided first,
    /// then `a`: 1, and the rest fills up.
    #[test]
    fn the_rarest_label_is_divided_first() {
        let labels = names(2);
        let of = |codes: &'static [u32]| (codes, labels.as_slice());
        let [a, b] =
            [of(&[0, 1, 0, 1, 0, 1]), of(&[0, 1, 0, 0, 1, 0])].map(|(codes, labels)| Coded {
                codes,
                labels,
                texts: false,
            });
        let rows: Vec<u32> = (0..6).collect();
        let folds = iterative(&rows, &[a, b], &fold_sizes(6, 2), None);
        assert_eq!(folds, [0, 0, 1, 1, 1, 0]);
    }

    proptest! {
        /// Folds have their sizes, and of rows with one target each fold has its share of
        /// each class, up to one row. The same seed gives the same folds.
        #[test]
        fn folds_have_their_sizes_and_shares(
            first in prop::collection::vec(0_u32..3, 12..80),
            seed in any::<u64>(),
            folds in 2_u32..5,
        ) {
            let labels = names(3);
            let second: Vec<u32> = first
                .iter()
                .enumerate()
                .map(|(row, code)| if row % 7 == 0 { MISSING } else { (code + row as u32) % 3 })
                .collect();
            let a = Coded { codes: &first, labels: &labels, texts: false };
            let b = Coded { codes: &second, labels: &labels, texts: false };
            let rows: Vec<u32> = (0..first.len() as u32).collect();
            let sizes = fold_sizes(rows.len(), folds);
            let of = |targets: &[Coded<'_>]| {
                let mut random = ChaCha8Rng::seed_from_u64(seed);
                iterative(&rows, targets, &sizes, Some(&mut random))
            };
            let both = of(&[a, b]);
            prop_assert_eq!(&both, &of(&[a, b]));
            for (fold, size) in (0..).zip(&sizes) {
                prop_assert_eq!(both.iter().filter(|of| **of == fold).count(), *size);
            }
            let alone = of(&[a]);
            for class in 0..3 {
                let all = first.iter().filter(|code| **code == class).count() as f64;
                for fold in 0..folds as i32 {
                    let pairs = first.iter().zip(&alone);
                    let own = pairs.filter(|(code, of)| **code == class && **of == fold).count();
                    let ideal = all * sizes[fold as usize] as f64 / rows.len() as f64;
                    prop_assert!((own as f64 - ideal).abs() <= 2.0, "{own} of {ideal}");
                }
            }
        }
    }
}
