//! The splits of kinds of plan, against scikit-learn's.

use super::*;
use crate::dataset::parts::PartOf;

/// Made by `kinds.py` with scikit-learn; splits as in [`SplitsCase`].
const VECTORS: &str = include_str!("../kinds.json");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vectors {
    learning_curve: Vec<CurveCase>,
    nested_cross_validation: Vec<NestedCase>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CurveCase {
    cv: Cv,
    classes: Vec<u32>,
    groups: Option<Vec<u32>>,
    sizes: Vec<SplitSize>,
    /// The numbers of training rows.
    train_sizes: Vec<u32>,
    /// Those of the first size, then those of the next.
    splits: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NestedCase {
    cv: Cv,
    inner_cv: Cv,
    classes: Vec<u32>,
    /// How many inner splits each outer split has.
    parts: Vec<u32>,
    outer: Vec<String>,
    splits: Vec<String>,
}

fn vectors() -> Vectors {
    serde_json::from_str(VECTORS).unwrap()
}

fn curve(train_sizes: Vec<SplitSize>, shuffle: bool, random_state: u64) -> Kind {
    Kind::LearningCurve {
        train_sizes,
        shuffle,
        random_state,
    }
}

fn assigned_for(
    cv: &Cv,
    kind: &Kind,
    classes: &[u32],
    groups: Option<&[u32]>,
) -> Result<Assignment, SplitError> {
    let [classes, groups] = [Some(classes), groups].map(|values| values.map(Column::numbers));
    let target = Target {
        rows: classes.as_ref().map_or(0, |column| column.codes.len()),
        classes: classes.as_ref().map(Column::coded),
        present: None,
    };
    let columns = match &groups {
        Some(groups) => SplitterColumns::Values(groups.coded()),
        None => SplitterColumns::None,
    };
    assign_one(cv, kind, None, target, columns)
}

#[test]
fn unshuffled_learning_curves_have_the_rows_of_scikit_learn() {
    let cases = vectors().learning_curve;
    assert!(cases.len() > 40);
    for case in cases {
        let kind = curve(case.sizes, false, 0);
        let groups = case.groups.as_deref();
        let found = assigned_for(&case.cv, &kind, &case.classes, groups).unwrap();
        assert_eq!(marks(&found), case.splits, "{:?} {kind:?}", case.cv);
        let splits = (case.splits.len() / case.train_sizes.len()) as u32;
        let parts = case.train_sizes.iter().map(|size| SplitPart {
            splits,
            of: PartOf::TrainSize(*size),
        });
        assert_eq!(found.parts, parts.collect::<Vec<_>>());
    }
}

#[test]
fn inner_splits_have_the_rows_of_scikit_learn() {
    let cases = vectors().nested_cross_validation;
    assert!(cases.len() > 25);
    for case in cases {
        let kind = Kind::NestedCrossValidation {
            inner_cv: case.inner_cv.clone(),
        };
        let found = assigned_for(&case.cv, &kind, &case.classes, None).unwrap();
        let about = (&case.cv, &case.inner_cv);
        assert_eq!(marks(&found), case.splits, "{about:?}");
        let counts: Vec<u32> = found.parts.iter().map(|part| part.splits).collect();
        assert_eq!(counts, case.parts, "{about:?}");
        let alone = assigned_for(&case.cv, &Kind::default(), &case.classes, None).unwrap();
        assert_eq!(marks(&alone), case.outer, "{about:?}");
        let outer = found.parts.iter().map(|part| match &part.of {
            PartOf::Outer(split) => split.clone(),
            other => panic!("{other:?}"),
        });
        // The columns of the outer splits are those of `cv` alone.
        assert_eq!(outer.collect::<Vec<_>>(), alone.splits());
        for split in alone.splits() {
            assert_eq!(column(&found, &split.column), column(&alone, &split.column));
        }
        assert_eq!(found.refit(), alone.refit());
    }
}

#[test]
fn shuffled_learning_curves_nest_and_depend_on_the_seed() {
    let classes: Vec<u32> = (0..60).map(|row| row / 30).collect();
    let sizes = || {
        vec![
            SplitSize::Count(8),
            SplitSize::Count(20),
            SplitSize::Count(40),
        ]
    };
    let found = |cv: &Cv, kind: Kind| marks(&assigned_for(cv, &kind, &classes, None).unwrap());
    let trained = |marks: &str| marks.chars().filter(|mark| *mark == '0').count();
    let draws = Cv::ShuffleSplit {
        n_splits: 3,
        test_size: Some(SplitSize::Count(20)),
        train_size: None,
        random_state: 5,
    };
    // A splitter that draws its training rows has no first ones: any are taken.
    for (cv, shuffle) in [(k_fold(3, None), true), (draws, false)] {
        let splits = found(&cv, curve(sizes(), shuffle, 1));
        assert_eq!(splits, found(&cv, curve(sizes(), shuffle, 1)));
        let all = found(&cv, Kind::default());
        for (split, whole) in all.iter().enumerate() {
            let of_size = [0, 1, 2].map(|size| &splits[size * 3 + split]);
            assert_eq!(of_size.map(|marks| trained(marks)), [8, 20, 40]);
            assert_eq!(of_size[2], whole);
            for (few, more) in [(0, 1), (1, 2)] {
                let mut pairs = of_size[few].chars().zip(of_size[more].chars());
                assert!(pairs.all(|(few, more)| few == more || few == '-' && more == '0'));
            }
            let first = whole.chars().scan(0, |count, mark| {
                *count += usize::from(mark == '0');
                Some(if mark == '0' && *count > 20 {
                    '-'
                } else {
                    mark
                })
            });
            assert_ne!(*of_size[1], first.collect::<String>());
        }
    }
    let cv = k_fold(3, None);
    assert_ne!(
        found(&cv, curve(sizes(), true, 1)),
        found(&cv, curve(sizes(), true, 2))
    );
}

#[test]
fn sizes_and_inner_splits_that_do_not_fit_are_refused() {
    let classes: Vec<u32> = (0..12).map(|row| row % 2).collect();
    let kind = curve(vec![SplitSize::Count(9)], false, 0);
    assert_eq!(
        assigned_for(&k_fold(3, None), &kind, &classes, None),
        Err(SplitError::TrainSize { size: 9, most: 8 })
    );
    let kind = Kind::NestedCrossValidation {
        inner_cv: k_fold(9, None),
    };
    let found = assigned_for(&k_fold(3, None), &kind, &classes, None);
    let source = SplitError::TooFewRows { folds: 9, rows: 8 };
    assert_eq!(
        found,
        Err(SplitError::Inside {
            outer: 0,
            source: Box::new(source)
        })
    );
}
