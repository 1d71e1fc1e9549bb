mod kinds;

use arrow_array::Int32Array;
use proptest::prelude::*;
use rustc_hash::FxHashMap;
use serde::Deserialize;
use serde_json::Value;

use super::assignment::NEVER_TESTED;
use super::*;
use crate::dataset::category::MISSING;
use crate::dataset::labels::LabelSet;
use crate::plan::{Kind, SplitSize};

/// Made by `vectors.py` with scikit-learn.
const VECTORS: &str = include_str!("vectors.json");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vectors {
    k_fold: Vec<KFoldCase>,
    stratified_k_fold: Vec<StratifiedCase>,
    holdout: Vec<HoldoutCase>,
    splits: Vec<SplitsCase>,
    sizes: Vec<SizesCase>,
    stratified_sizes: Vec<StratifiedSizesCase>,
}

/// Splits, each as a text with a character a row: 0 is trained on, 1 tested, -
/// neither.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SplitsCase {
    cv: Cv,
    rows: usize,
    classes: Option<Vec<Value>>,
    groups: Option<Vec<Value>>,
    splits: Vec<String>,
}

/// The numbers of training and of test rows; each row is a group.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SizesCase {
    cv: Cv,
    rows: usize,
    sizes: [usize; 2],
}

/// The numbers of training and of test rows of each class.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StratifiedSizesCase {
    cv: Cv,
    classes: Vec<u32>,
    train: Vec<usize>,
    test: Vec<usize>,
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

/// A column of values, coded in the order of their first appearance.
struct Column {
    codes: Vec<u32>,
    set: LabelSet,
}

impl Column {
    fn of(values: &[Value]) -> Self {
        let mut labels: Vec<String> = Vec::new();
        let mut known: FxHashMap<String, u32> = FxHashMap::default();
        let mut texts = false;
        let mut codes = Vec::new();
        for value in values {
            texts |= value.is_string();
            let label = value.as_str().map_or(value.to_string(), str::to_owned);
            let fresh = labels.len() as u32;
            let code = *known.entry(label.clone()).or_insert(fresh);
            if code == fresh {
                labels.push(label);
            }
            codes.push(code);
        }
        let set = LabelSet { labels, texts };
        Self { codes, set }
    }

    fn numbers(values: &[u32]) -> Self {
        let values: Vec<Value> = values.iter().map(|value| (*value).into()).collect();
        Self::of(&values)
    }

    fn coded(&self) -> Coded<'_> {
        Coded::of(&self.codes, &self.set)
    }
}

/// The splits of rows with these classes and groups.
fn split_rows(
    cv: &Cv,
    rows: usize,
    classes: Option<&Column>,
    groups: Option<&Column>,
) -> Result<Assignment, SplitError> {
    let target = Target {
        rows,
        classes: classes.map(Column::coded),
        present: None,
    };
    let columns = match groups {
        Some(groups) => SplitterColumns::Values(groups.coded()),
        None => SplitterColumns::None,
    };
    assign_one(cv, &Kind::default(), None, target, columns)
}

/// The splits as a guest reads them from the columns of the file.
fn marks(assignment: &Assignment) -> Vec<String> {
    let columns = assignment.columns();
    let splits = assignment.splits().into_iter().map(|split| {
        let column = columns.iter().find(|column| column.name == split.column);
        let column = column.expect("a split names a column");
        let values: Int32Array = column.array(0..column.rows());
        let test = split.test.expect("a split of a search has test rows");
        let mark = |value: Option<i32>| match value {
            None => '-',
            Some(value) if value == test => '1',
            Some(value) if split.train == Train::Before && value > test => '-',
            Some(_) => '0',
        };
        values.iter().map(mark).collect()
    });
    splits.collect()
}

/// A splitter as a plan's JSON has it, every field given.
fn cv(json: Value) -> Cv {
    serde_json::from_value(json).unwrap()
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
    let set = LabelSet {
        labels: (0..most).map(|label| label.to_string()).collect(),
        texts: false,
    };
    let target = Target {
        rows: classes.len(),
        classes: Some(Coded::of(classes, &set)),
        present: None,
    };
    assign_one(cv, &Kind::default(), holdout, target, SplitterColumns::None)
}

/// The values of the column of that name.
fn column(assignment: &Assignment, name: &str) -> Vec<Option<i32>> {
    let columns = assignment.columns();
    let column = columns.iter().find(|column| column.name == name);
    let column = column.expect("there is a column of that name");
    column.array(0..column.rows()).iter().collect()
}

fn folds(assignment: &Assignment) -> Vec<i32> {
    let folds = column(assignment, "fold").into_iter();
    folds.map(|fold| fold.unwrap_or(i32::MIN)).collect()
}

fn held_out(assignment: &Assignment) -> Vec<bool> {
    let held = column(assignment, "holdout").into_iter();
    held.map(|held| held == Some(1)).collect()
}

#[test]
fn unshuffled_folds_are_those_of_scikit_learn() {
    let vectors = vectors();
    assert!(vectors.k_fold.len() > 20 && vectors.stratified_k_fold.len() > 30);
    for case in vectors.k_fold {
        let found = assigned(&k_fold(case.n_splits, None), None, &vec![0; case.rows]).unwrap();
        assert_eq!(folds(&found), case.folds);
        assert_eq!(found.splits().len(), case.n_splits as usize);
    }
    for case in vectors.stratified_k_fold {
        let found = assigned(&stratified(case.n_splits, None), None, &case.classes).unwrap();
        assert_eq!(folds(&found), case.folds, "{:?}", case.classes);
    }
}

#[test]
fn unshuffled_splits_are_those_of_scikit_learn() {
    let cases = vectors().splits;
    assert!(cases.len() > 500);
    for case in cases {
        let [classes, groups] = [&case.classes, &case.groups].map(|values| {
            let column = values.as_deref().map(Column::of);
            assert!(column.iter().all(|column| column.codes.len() == case.rows));
            column
        });
        let found = split_rows(&case.cv, case.rows, classes.as_ref(), groups.as_ref());
        let found = found.unwrap_or_else(|error| panic!("{:?}: {error}", case.cv));
        let about = (&case.cv, &case.classes, &case.groups);
        assert_eq!(marks(&found), case.splits, "{about:?}");
        assert_eq!(found.search_rows, case.rows);
    }
}

#[test]
fn shuffled_splits_have_the_sizes_of_scikit_learn() {
    let vectors = vectors();
    assert!(vectors.sizes.len() > 50 && vectors.stratified_sizes.len() > 20);
    let count = |marks: &str, wanted: char| marks.chars().filter(|mark| *mark == wanted).count();
    for case in vectors.sizes {
        let groups = Column::numbers(&(0..case.rows as u32).collect::<Vec<_>>());
        let groups = case.cv.takes_groups().then_some(&groups);
        let found = split_rows(&case.cv, case.rows, None, groups).unwrap();
        let sizes = ['0', '1'].map(|mark| count(&marks(&found)[0], mark));
        assert_eq!(sizes, case.sizes, "{:?} of {}", case.cv, case.rows);
    }
    for case in vectors.stratified_sizes {
        let classes = Column::numbers(&case.classes);
        let rows = case.classes.len();
        let found = split_rows(&case.cv, rows, Some(&classes), None).unwrap();
        let marks = &marks(&found)[0];
        for (mark, expected) in [('0', &case.train), ('1', &case.test)] {
            let mut sizes = vec![0; expected.len()];
            for (class, of_row) in case.classes.iter().zip(marks.chars()) {
                sizes[*class as usize] += usize::from(of_row == mark);
            }
            assert_eq!(&sizes, expected, "{mark} in {:?}", case.cv);
        }
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
            held[*class as usize] += usize::from(held_out(&found)[row]);
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
    let held = held_out(&assigned(&k_fold(3, None), Some(&holdout), &classes).unwrap());
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
        let fold = column(&found, "fold");
        let rest: Vec<u32> = (0..40)
            .filter(|row| fold[*row].is_some())
            .map(|row| classes[row])
            .collect();
        assert_eq!(rest.len(), 28);
        // As if the rest were all there is.
        let alone = assigned(&stratified(4, None), None, &renumbered(&rest)).unwrap();
        let of_rest: Vec<i32> = fold.iter().copied().flatten().collect();
        assert_eq!(of_rest, folds(&alone));
        for (fold, held) in fold.iter().zip(held_out(&found)) {
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
        present: None,
    };
    let cv = Cv::PredefinedSplit {
        column: "fold".to_owned(),
    };
    let folds_of = |codes: &[u32], labels: &[String]| {
        let set = LabelSet {
            labels: labels.to_vec(),
            texts: true,
        };
        let named = SplitterColumns::Values(Coded::of(codes, &set));
        assign_one(&cv, &Kind::default(), None, target, named)
            .map(|found| (folds(&found), found.splits().len()))
    };
    // Sorted as numbers: 9, then 10.
    assert_eq!(
        folds_of(&codes, &labels).unwrap(),
        (vec![1, 0, NEVER_TESTED, NEVER_TESTED, 0, 1], 2)
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
        present: None,
    };
    assert!(matches!(
        assign_one(
            &stratified(2, None),
            &Kind::default(),
            None,
            target,
            SplitterColumns::None
        ),
        Err(SplitError::NotClasses { .. })
    ));
    assert!(
        assign_one(
            &k_fold(2, None),
            &Kind::default(),
            None,
            target,
            SplitterColumns::None
        )
        .is_ok()
    );
}

/// Should these change, so do the scores of every plan that draws its splits.
#[test]
fn a_seed_means_the_same_splits_always() {
    let classes = Column::numbers(&[0, 1, 0, 0, 1, 1, 0, 1]);
    let groups = Column::numbers(&[3, 3, 1, 1, 2, 2, 4, 4]);
    let draw = |method: &str, n_splits: u32, more: Value| {
        let mut json = serde_json::json!({
            "method": method, "n_splits": n_splits, "random_state": 7,
        });
        let fields = json.as_object_mut().unwrap();
        fields.extend(more.as_object().unwrap().clone());
        let found = split_rows(&cv(json), 8, Some(&classes), Some(&groups)).unwrap();
        marks(&found).join(" ")
    };
    let sizes = serde_json::json!({"train_size": {"fraction": 0.5}, "test_size": {"count": 2}});
    let shuffled = serde_json::json!({"shuffle": true});
    let repeated = serde_json::json!({"n_repeats": 2});
    let drawn = [
        draw("shuffle_split", 2, sizes.clone()),
        draw("stratified_shuffle_split", 2, sizes.clone()),
        draw("group_shuffle_split", 2, sizes),
        draw("group_k_fold", 2, shuffled.clone()),
        draw("stratified_group_k_fold", 2, shuffled),
        draw("repeated_k_fold", 2, repeated.clone()),
        draw("repeated_stratified_k_fold", 2, repeated),
    ];
    assert_eq!(drawn, DRAWN);
}

const DRAWN: [&str; 7] = [
    "1-00010- 10-000-1",
    "-0010-01 -010100-",
    "11001100 00110011",
    "11001100 00110011",
    "11001100 00110011",
    "10100110 01011001 10011001 01100110",
    "00101110 11010001 11000110 00111001",
];

#[test]
fn the_first_repeat_is_the_shuffled_splitter() {
    let classes: Vec<u32> = (0..31).map(|row| row * row % 3 % 2).collect();
    for (repeated, once) in [
        ("repeated_k_fold", k_fold(4, Some(5))),
        ("repeated_stratified_k_fold", stratified(4, Some(5))),
    ] {
        let of = |repeats: u32| {
            let json = serde_json::json!({
                "method": repeated, "n_splits": 4, "n_repeats": repeats, "random_state": 5,
            });
            marks(&assigned(&cv(json), None, &classes).unwrap())
        };
        let three = of(3);
        assert_eq!(three.len(), 12);
        assert_eq!(three[..8], of(2));
        assert_eq!(three[..4], marks(&assigned(&once, None, &classes).unwrap()));
        assert_ne!(three[..4], three[4..8]);
    }
}

#[test]
fn splits_of_the_user_are_taken_as_they_are() {
    let of = |text: &str| {
        let mut marks = Marks::default();
        text.chars().for_each(|mark| {
            marks.push(match mark {
                '0' => Mark::Train,
                '1' => Mark::Test,
                _ => Mark::Neither,
            })
        });
        ("mine".to_owned(), marks)
    };
    let cv = Cv::Columns {
        columns: vec!["mine".to_owned()],
    };
    let split = |texts: &[&str], holdout: Option<&Holdout>| {
        let target = Target {
            rows: texts[0].len(),
            classes: None,
            present: None,
        };
        let columns = texts.iter().map(|text| of(text)).collect();
        assign_one(
            &cv,
            &Kind::default(),
            holdout,
            target,
            SplitterColumns::Marks(columns),
        )
    };
    let given = ["0011-0", "1-0000"];
    let found = split(&given, None).unwrap();
    assert_eq!(marks(&found), given);
    assert_eq!(found.refit().column, "search");
    assert_eq!(column(&found, "search"), [Some(0); 6]);

    let half = Holdout {
        fraction: 0.5,
        stratify: false,
        random_state: 0,
    };
    let found = split(&["01010101"], Some(&half)).unwrap();
    let held = held_out(&found);
    for (row, mark) in marks(&found)[0].chars().enumerate() {
        assert_eq!(mark == '-', held[row]);
        assert_eq!(column(&found, "search")[row].is_none(), held[row]);
    }
    let error = |texts: &[&str], holdout| split(texts, holdout).unwrap_err().to_string();
    assert_eq!(
        error(&["0-00"], None),
        "the column `mine` has no row to test; give at least one the value `test`, or leave the \
         column out of `cv.columns`"
    );
    assert_eq!(
        error(&["01", "11"], None),
        "the column `mine` has no row to train on; give at least one the value `train`, or leave \
         the column out of `cv.columns`"
    );
    assert!(error(&["01"], Some(&half)).starts_with("after the hold-out, the column `mine` has"));
}

#[test]
fn splits_that_can_not_be_made_are_refused_with_their_number() {
    let method = |json: Value| cv(json);
    let error = |cv: &Cv, rows: usize, classes: Option<&[u32]>, groups: Option<&[u32]>| {
        let [classes, groups] = [classes, groups].map(|column| column.map(Column::numbers));
        let found = split_rows(cv, rows, classes.as_ref(), groups.as_ref());
        found.unwrap_err().to_string()
    };
    let shuffle = |test: SplitSize, train: Option<SplitSize>| Cv::ShuffleSplit {
        n_splits: 3,
        test_size: Some(test),
        train_size: train,
        random_state: 0,
    };
    let series = |n_splits: u32, test_size: Option<u32>, gap: u32| Cv::TimeSeriesSplit {
        n_splits,
        max_train_size: None,
        test_size,
        gap,
    };
    let groups_of = |method: &str| {
        cv(serde_json::json!({
            "method": method, "n_splits": 4, "shuffle": false, "random_state": 0,
        }))
    };
    for (found, expected) in [
        (
            error(&Cv::LeavePOut { p: 3 }, 5000, None, None),
            "`leave_p_out` makes 20820835000 splits of 5000 rows, more than the 10000",
        ),
        (
            error(&Cv::LeavePOut { p: 900 }, 2000, None, None),
            "`leave_p_out` makes more than 10^28 splits",
        ),
        (
            error(&Cv::LeavePOut { p: 4 }, 4, None, None),
            "`leave_p_out` leaves out 4 of 4 rows",
        ),
        (
            error(&Cv::LeaveOneOut {}, 100_001, None, None),
            "`leave_one_out` makes 100001 splits of 100001 rows, more than the 100000",
        ),
        (
            error(&Cv::LeaveOneGroupOut {}, 3, None, Some(&[5, 5, 5])),
            "`leave_one_group_out` leaves out 1 of 1 groups in each split, and none is left to \
             train on; it takes two groups or more",
        ),
        (
            error(
                &Cv::LeavePGroupsOut { n_groups: 2 },
                3,
                None,
                Some(&[5, 6, 5]),
            ),
            "`leave_p_groups_out` leaves out 2 of 2 groups",
        ),
        (
            error(&Cv::LeaveOneGroupOut {}, 3, None, None),
            "`leave_one_group_out` needs the groups of the rows",
        ),
        (
            error(&groups_of("group_k_fold"), 5, None, Some(&[1, 2, 3, 3, 3])),
            "can't make 4 folds of 3 groups",
        ),
        (
            error(
                &groups_of("stratified_group_k_fold"),
                5,
                Some(&[0; 5]),
                Some(&[1, 2, 3, 3, 3]),
            ),
            "can't make 4 folds of 3 groups",
        ),
        (
            error(
                &groups_of("stratified_group_k_fold"),
                5,
                Some(&[0, 1, 2, 1, 0]),
                Some(&[1, 2, 3, 4, 5]),
            ),
            "can't make 4 stratified folds: every class has fewer rows than that",
        ),
        (
            error(
                &groups_of("stratified_group_k_fold"),
                2,
                None,
                Some(&[1, 2]),
            ),
            "`stratified_group_k_fold` needs classes, and the target holds numbers; use \
             `group_k_fold`",
        ),
        (
            error(&shuffle(SplitSize::Count(8), None), 8, None, None),
            "can't train on 0 and test 8 of 8 rows",
        ),
        (
            error(
                &shuffle(SplitSize::Count(5), Some(SplitSize::Fraction(0.5))),
                8,
                None,
                None,
            ),
            "can't train on 4 and test 5 of 8 rows",
        ),
        (
            error(
                &shuffle(SplitSize::Count(5), Some(SplitSize::Fraction(0.01))),
                8,
                None,
                None,
            ),
            "can't train on 0 and test 5 of 8 rows",
        ),
        (
            error(&series(5, None, 0), 5, None, None),
            "`time_series_split` needs 6 rows for 5 splits, and there are 5",
        ),
        (
            error(&series(3, Some(4), 0), 12, None, None),
            "3 splits of 4 test rows and a gap of 0 leave no row of 12",
        ),
        (
            error(&series(3, None, 3), 12, None, None),
            "3 splits of 3 test rows and a gap of 3 leave no row of 12",
        ),
        (
            error(
                &method(serde_json::json!({
                    "method": "stratified_shuffle_split", "n_splits": 2, "random_state": 0,
                    "test_size": {"count": 2}, "train_size": null,
                })),
                9,
                Some(&[0, 1, 2, 0, 1, 2, 0, 1, 2]),
                None,
            ),
            "`stratified_shuffle_split` would test 2 rows, fewer than the 3 classes",
        ),
        (
            error(
                &method(serde_json::json!({
                    "method": "stratified_shuffle_split", "n_splits": 2, "random_state": 0,
                    "test_size": {"count": 2}, "train_size": null,
                })),
                5,
                Some(&[4, 1, 1, 4, 9]),
                None,
            ),
            "the class `9` has one row",
        ),
        (
            error(
                &method(serde_json::json!({
                    "method": "shuffle_split", "n_splits": 10_000, "random_state": 0,
                    "test_size": {"count": 2}, "train_size": null,
                })),
                200_000,
                None,
                None,
            ),
            "the splits of `shuffle_split` take 10000 columns of 200000 rows",
        ),
        (
            error(
                &method(serde_json::json!({
                    "method": "repeated_k_fold", "n_splits": 100, "random_state": 0,
                    "n_repeats": 2000,
                })),
                200,
                None,
                None,
            ),
            "`repeated_k_fold` makes 200000 splits of 200 rows, more than the 100000",
        ),
    ] {
        assert!(found.starts_with(expected), "{found}\nnot {expected}");
    }
    // scikit-learn warns of a class with fewer rows than folds, and so does the
    // summary.
    let [classes, groups] =
        [&[4, 4, 7, 4, 4, 4], &[1, 2, 3, 4, 5, 6]].map(|values| Column::numbers(values));
    let split = groups_of("stratified_group_k_fold");
    let found = split_rows(&split, 6, Some(&classes), Some(&groups)).unwrap();
    assert_eq!(found.rare_classes, [(1, 1)]);
}

#[test]
fn rows_of_a_split_are_counted_by_class() {
    let classes: Vec<u32> = (0..24).map(|row| row % 5 % 3).collect();
    let groups = Column::numbers(&(0..24).map(|row| row % 7).collect::<Vec<_>>());
    let column = Column::numbers(&classes);
    let all = |name: &str| {
        serde_json::json!({
            "method": name, "n_splits": 3, "shuffle": false, "random_state": 1, "gap": 1,
            "max_train_size": 5, "test_size": null, "train_size": null, "n_repeats": 2, "p": 2,
        })
    };
    let with = |name: &str, fields: &[&str]| {
        let all = all(name);
        let kept = all.as_object().unwrap().iter();
        let kept = kept.filter(|(key, _)| *key == "method" || fields.contains(&key.as_str()));
        cv(Value::Object(
            kept.map(|(key, value)| (key.clone(), value.clone()))
                .collect(),
        ))
    };
    let mut before = with(
        "time_series_split",
        &["n_splits", "gap", "max_train_size", "test_size"],
    );
    let windows = before.clone();
    if let Cv::TimeSeriesSplit {
        max_train_size,
        gap,
        ..
    } = &mut before
    {
        (*max_train_size, *gap) = (None, 0);
    }
    for cv in [
        with("k_fold", &["n_splits", "shuffle", "random_state"]),
        with(
            "repeated_k_fold",
            &["n_splits", "n_repeats", "random_state"],
        ),
        with(
            "shuffle_split",
            &["n_splits", "test_size", "train_size", "random_state"],
        ),
        with("leave_p_out", &["p"]),
        Cv::LeaveOneGroupOut {},
        before,
        windows,
    ] {
        let groups = cv.takes_groups().then_some(&groups);
        let found = split_rows(&cv, 24, Some(&column), groups).unwrap();
        let class = |row: usize| classes[row] as usize;
        let counted = found.count_classes(class, 3);
        let marks = marks(&found);
        assert_eq!(counted.len(), marks.len());
        for ((test, train), marks) in counted.into_iter().zip(marks) {
            let count = |wanted: char| {
                let mut counts = vec![0_u64; 3];
                for (row, _) in marks.chars().enumerate().filter(|(_, m)| *m == wanted) {
                    counts[class(row)] += 1;
                }
                counts
            };
            assert_eq!((test, train), (count('1'), count('0')), "{cv:?}");
        }
    }
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

    /// A group is trained on or tested, and never both; every row is tested once.
    #[test]
    fn groups_stay_whole(
        rows in prop::collection::vec((0_u32..9, 0_u32..3), 8..120),
        n_splits in 2_u32..5,
        shuffle in any::<bool>(),
        stratified in any::<bool>(),
        random_state in any::<u64>(),
    ) {
        let (groups, classes): (Vec<u32>, Vec<u32>) = rows.into_iter().unzip();
        let cv = match stratified {
            true => Cv::StratifiedGroupKFold { n_splits, shuffle, random_state },
            false => Cv::GroupKFold { n_splits, shuffle, random_state },
        };
        let [of_groups, of_classes] = [&groups, &classes].map(|values| Column::numbers(values));
        let found = split_rows(&cv, groups.len(), Some(&of_classes), Some(&of_groups));
        let Ok(found) = found else { return Ok(()) };
        let folds = folds(&found);
        for (row, fold) in folds.iter().enumerate() {
            prop_assert!((0..n_splits as i32).contains(fold));
            let first = groups.iter().position(|group| *group == groups[row]).unwrap();
            prop_assert_eq!(folds[first], *fold);
        }
    }

    #[test]
    fn shares_add_up(sizes in prop::collection::vec(1_usize..1000, 1..20), part in 0.0..1.0) {
        let sum: usize = sizes.iter().sum();
        let total = (sum as f64 * part) as usize;
        let shares = sizes::apportion(&sizes, total);
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
