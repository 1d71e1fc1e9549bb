use proptest::prelude::*;
use serde::Deserialize;

use super::*;

/// Made by `vectors.py` with scikit-learn.
const VECTORS: &str = include_str!("vectors.json");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vectors {
    k_fold: Vec<KFoldCase>,
    stratified_k_fold: Vec<StratifiedCase>,
    holdout: Vec<HoldoutCase>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KFoldCase {
    rows: usize,
    n_splits: u32,
    folds: Vec<i32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StratifiedCase {
    classes: Vec<u32>,
    n_splits: u32,
    folds: Vec<i32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HoldoutCase {
    classes: Vec<u32>,
    fraction: f64,
    held: Vec<usize>,
}

fn vectors() -> Vectors {
    serde_json::from_str(VECTORS).unwrap()
}

fn labels() -> Vec<String> {
    (0..10).map(|label| label.to_string()).collect()
}

fn k_fold(n_splits: u32, seed: Option<u64>) -> Cv {
    Cv::KFold {
        n_splits,
        shuffle: seed.is_some(),
        random_state: seed.unwrap_or(0),
    }
}

fn stratified(n_splits: u32, seed: Option<u64>) -> Cv {
    Cv::StratifiedKFold {
        n_splits,
        shuffle: seed.is_some(),
        random_state: seed.unwrap_or(0),
    }
}

fn assigned(cv: &Cv, holdout: Option<&Holdout>, classes: &[u32]) -> Result<Assignment, SplitError> {
    let most = classes.iter().max().map_or(0, |class| *class as usize + 1);
    let labels = &labels()[..most];
    let target = Target {
        rows: classes.len(),
        classes: Some((classes, labels)),
    };
    assign(cv, holdout, target, None)
}

fn folds(assignment: &Assignment) -> Vec<i32> {
    assignment
        .fold
        .iter()
        .map(|fold| fold.unwrap_or(i32::MIN))
        .collect()
}

#[test]
fn unshuffled_folds_are_those_of_scikit_learn() {
    let vectors = vectors();
    assert!(vectors.k_fold.len() > 20 && vectors.stratified_k_fold.len() > 30);
    for case in vectors.k_fold {
        let found = assigned(&k_fold(case.n_splits, None), None, &vec![0; case.rows]).unwrap();
        assert_eq!(folds(&found), case.folds);
        assert_eq!(found.folds, case.n_splits);
    }
    for case in vectors.stratified_k_fold {
        let found = assigned(&stratified(case.n_splits, None), None, &case.classes).unwrap();
        assert_eq!(folds(&found), case.folds, "{:?}", case.classes);
    }
}

#[test]
fn a_stratified_holdout_has_the_sizes_of_scikit_learn() {
    let vectors = vectors();
    assert!(vectors.holdout.len() > 20);
    for case in vectors.holdout {
        let holdout = Holdout {
            fraction: case.fraction,
            stratify: true,
            random_state: 1,
        };
        let found = assigned(&k_fold(2, None), Some(&holdout), &case.classes).unwrap();
        let mut held = vec![0; case.held.len()];
        for (row, class) in case.classes.iter().enumerate() {
            held[*class as usize] += usize::from(found.holdout.as_ref().unwrap()[row]);
        }
        assert_eq!(held, case.held, "{} of {:?}", case.fraction, case.classes);
    }
}

/// Should these change, so do the scores of every plan that shuffles: a seed
/// has to mean the same rows in every version.
#[test]
fn a_seed_means_the_same_rows_always() {
    let classes: Vec<u32> = (0..12).map(|row| row % 3 % 2).collect();
    let holdout = Holdout {
        fraction: 0.25,
        stratify: false,
        random_state: 7,
    };
    let plain = assigned(&k_fold(3, Some(7)), None, &classes).unwrap();
    let in_classes = assigned(&stratified(3, Some(7)), None, &classes).unwrap();
    let held = assigned(&k_fold(3, None), Some(&holdout), &classes)
        .unwrap()
        .holdout
        .unwrap();
    let held: Vec<i32> = (0..12).filter(|row| held[*row as usize]).collect();
    assert_eq!(
        [folds(&plain), folds(&in_classes), held],
        [
            vec![1, 2, 1, 0, 1, 0, 2, 2, 0, 1, 0, 2],
            vec![1, 0, 0, 2, 2, 0, 1, 1, 1, 2, 2, 0],
            vec![1, 2, 9],
        ]
    );
}

#[test]
fn folds_are_of_the_rows_that_are_not_held_out() {
    // The first row of class 0 is held out by one seed or another: the
    // classes of the rest are then numbered anew.
    let classes: Vec<u32> = (0..40).map(|row| u32::from(row % 4 == 1)).collect();
    for seed in 0..20 {
        let holdout = Holdout {
            fraction: 0.3,
            stratify: true,
            random_state: seed,
        };
        let found = assigned(&stratified(4, None), Some(&holdout), &classes).unwrap();
        let rest: Vec<u32> = (0..40)
            .filter(|row| found.fold[*row].is_some())
            .map(|row| classes[row])
            .collect();
        assert_eq!(rest.len(), 28);
        // As if the rest were all there is.
        let alone = assigned(&stratified(4, None), None, &renumbered(&rest)).unwrap();
        let of_rest: Vec<Option<i32>> =
            found.fold.iter().copied().filter(Option::is_some).collect();
        assert_eq!(of_rest, alone.fold);
        for (fold, held) in found.fold.iter().zip(found.holdout.unwrap()) {
            assert_eq!(fold.is_none(), held);
        }
    }
}

fn renumbered(classes: &[u32]) -> Vec<u32> {
    let first = classes[0];
    classes
        .iter()
        .map(|class| u32::from(*class != first))
        .collect()
}

#[test]
fn a_column_names_the_folds() {
    let labels = ["10", "9", "-1"].map(str::to_owned);
    let codes = [0, 1, 2, MISSING, 1, 0];
    let target = Target {
        rows: 6,
        classes: None,
    };
    let cv = Cv::PredefinedSplit {
        column: "fold".to_owned(),
    };
    let folds_of = |codes: &[u32], labels: &[String]| {
        let named = FoldColumn { codes, labels };
        assign(&cv, None, target, Some(named)).map(|found| (folds(&found), found.folds))
    };
    // Sorted as numbers: 9, then 10.
    assert_eq!(
        folds_of(&codes, &labels).unwrap(),
        (vec![1, 0, -1, -1, 0, 1], 2)
    );
    assert!(matches!(
        folds_of(&[0; 6], &labels[..1]),
        Err(SplitError::OneFold { fold, .. }) if fold == "10"
    ));
    assert!(matches!(
        folds_of(&[MISSING; 6], &[]),
        Err(SplitError::NoFold { .. })
    ));
    // A fold and rows that are always trained on are enough.
    assert_eq!(
        folds_of(&[0, 0, MISSING, MISSING, 0, 0], &labels[..1])
            .unwrap()
            .1,
        1
    );
}

#[test]
fn what_cannot_be_split_is_refused() {
    let classes: Vec<u32> = vec![0, 0, 0, 1, 1, 1, 1, 1];
    assert!(matches!(
        assigned(&k_fold(9, None), None, &classes),
        Err(SplitError::TooFewRows { folds: 9, rows: 8 })
    ));
    assert!(matches!(
        assigned(&stratified(6, None), None, &classes),
        Err(SplitError::TooFewOfEachClass { folds: 6, most: 5 })
    ));
    // scikit-learn warns, and so does the summary.
    let rare_classes = assigned(&stratified(4, None), None, &classes)
        .unwrap()
        .rare_classes;
    assert_eq!(rare_classes, [(0, 3)]);
    let holdout = |fraction, stratify| Holdout {
        fraction,
        stratify,
        random_state: 0,
    };
    let held =
        |holdout: Holdout, classes: &[u32]| assigned(&k_fold(2, None), Some(&holdout), classes);
    assert!(matches!(
        held(holdout(0.95, false), &classes),
        Err(SplitError::HoldoutSize { .. })
    ));
    assert!(matches!(
        held(holdout(0.1, true), &classes),
        Err(SplitError::HoldoutSize { .. })
    ));
    assert!(matches!(
        held(holdout(0.5, true), &[0, 0, 0, 1]),
        Err(SplitError::HoldoutClass { label }) if label == "1"
    ));
    let target = Target {
        rows: 8,
        classes: None,
    };
    assert!(matches!(
        assign(&stratified(2, None), None, target, None),
        Err(SplitError::NotClasses { .. })
    ));
    assert!(assign(&k_fold(2, None), None, target, None).is_ok());
}

proptest! {
    #[test]
    fn shuffling_changes_rows_and_not_sizes(
        classes in prop::collection::vec(0_u32..4, 12..200),
        n_splits in 2_u32..5,
        seed in any::<u64>(),
    ) {
        let classes = by_appearance(&classes);
        let plain = assigned(&stratified(n_splits, None), None, &classes);
        let shuffled = assigned(&stratified(n_splits, Some(seed)), None, &classes);
        let (Ok(plain), Ok(shuffled)) = (plain, shuffled) else {
            return Ok(());
        };
        let count = |assignment: &Assignment| {
            let mut counts = vec![[0; 4]; n_splits as usize];
            for (fold, class) in folds(assignment).into_iter().zip(&classes) {
                counts[fold as usize][*class as usize] += 1;
            }
            counts
        };
        prop_assert_eq!(count(&plain), count(&shuffled));

        let mut sizes = vec![0_usize; n_splits as usize];
        for fold in folds(&assigned(&k_fold(n_splits, Some(seed)), None, &classes).unwrap()) {
            sizes[fold as usize] += 1;
        }
        let (least, most) = (sizes.iter().min().unwrap(), sizes.iter().max().unwrap());
        prop_assert!(most - least <= 1);
    }

    #[test]
    fn shares_add_up(sizes in prop::collection::vec(1_usize..1000, 1..20), part in 0.0..1.0) {
        let sum: usize = sizes.iter().sum();
        let total = (sum as f64 * part) as usize;
        let shares = apportion(&sizes, total);
        prop_assert_eq!(shares.iter().sum::<usize>(), total);
        prop_assert!(shares.iter().zip(&sizes).all(|(share, size)| share <= size));
    }
}

fn by_appearance(classes: &[u32]) -> Vec<u32> {
    let mut seen: Vec<u32> = Vec::new();
    classes
        .iter()
        .map(|class| {
            let at = seen
                .iter()
                .position(|known| known == class)
                .unwrap_or_else(|| {
                    seen.push(*class);
                    seen.len() - 1
                });
            at as u32
        })
        .collect()
}
