//! Columns that the splitter reads, from the table to the splits file.

use fanout_sdk::Target;

use super::*;
use crate::plan::{Kind, MissingTarget};

fn split(text: &str, cv: Cv, change: impl FnOnce(&mut Plan)) -> Result<Prepared, DatasetError> {
    let (_folder, path) = file("a.csv", text);
    let mut plan = plan(path, "y");
    plan.cv = cv;
    change(&mut plan);
    let found = prepared(&plan)?;
    // The sizes that are read back are those that were counted.
    let sizes = split_sizes(&found.splits_content, &found.folds).unwrap();
    let counted = found.fold_classes.iter();
    let counted = counted.map(|of| [of.train.iter().sum(), of.test.iter().sum()]);
    assert_eq!(sizes, counted.collect::<Vec<[u64; 2]>>());
    Ok(found)
}

fn features(prepared: &Prepared) -> Vec<&str> {
    let columns = prepared.layout.columns.iter();
    let features = columns.filter(|column| column.role == Role::Feature);
    features.map(|column| column.name.as_str()).collect()
}

/// The values of a column of the splits file.
fn column(prepared: &Prepared, name: &str) -> Vec<Option<i32>> {
    let splits = read(&prepared.splits_content);
    let column = splits.column_by_name(name).unwrap();
    column.as_primitive::<Int32Type>().iter().collect()
}

const TABLE: &str = "x,who,a,b,y
1,7,train,0,0
2,7,test,1,1
3,12,,,0
4,12,TRAIN,0,1
5,3,test,1,0
6,3,train,,1
";

fn group_k_fold(n_splits: u32) -> Cv {
    Cv::GroupKFold {
        n_splits,
        shuffle: false,
        random_state: 0,
    }
}

fn columns(names: &[&str]) -> Cv {
    Cv::Columns {
        columns: names.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn groups_are_a_column_and_no_feature() {
    let with = |plan: &mut Plan| {
        plan.dataset.groups = Some("who".to_owned());
        plan.dataset.drop = vec!["a".to_owned(), "b".to_owned()];
    };
    let found = split(TABLE, group_k_fold(3), with).unwrap();
    assert_eq!(features(&found), ["x"]);
    // Sorted as numbers: 3, 7, 12; of equal ones, the last is the first.
    assert_eq!(column(&found, "fold"), [1, 1, 0, 0, 2, 2].map(Some));
    assert_eq!(found.folds.len(), 3);
    assert_eq!(found.fold_classes[0].test, [1, 1]);

    let of_groups = |warning: &&Warning| {
        matches!(
            warning,
            Warning::GroupsIgnored { .. } | Warning::GroupsInHoldout { .. }
        )
    };
    assert_eq!(found.summary.warnings.iter().find(of_groups), None);

    let held_out = |plan: &mut Plan| {
        with(plan);
        plan.holdout = Some(Holdout {
            fraction: 0.3,
            stratify: false,
            random_state: 0,
        });
    };
    let found = split(TABLE, group_k_fold(2), held_out).unwrap();
    let told = Warning::GroupsInHoldout {
        column: "who".to_owned(),
    };
    assert_eq!(found.summary.warnings.iter().find(of_groups), Some(&told));

    // As text, the last is 7.
    let text = TABLE.replace(",7,", ",x7,").replace(",12,", ",x12,");
    let text = text.replace(",3,", ",x3,");
    let found = split(&text, group_k_fold(3), with).unwrap();
    assert_eq!(column(&found, "fold"), [0, 0, 2, 2, 1, 1].map(Some));

    // Another splitter leaves it out of the features all the same, and a warning
    // says that it does nothing with it.
    let k_fold = Cv::KFold {
        n_splits: 2,
        shuffle: false,
        random_state: 0,
    };
    let found = split(TABLE, k_fold, with).unwrap();
    assert_eq!(features(&found), ["x"]);
    let told = found.summary.warnings.iter().find(of_groups).unwrap();
    assert_eq!(
        told.to_string(),
        "`k_fold` does not keep the groups of `who` together, so that a model may be tested on a \
         group that it was trained on; use `group_k_fold` or another splitter of groups"
    );
}

#[test]
fn a_row_without_a_group_is_refused_by_its_number() {
    let with = |plan: &mut Plan| plan.dataset.groups = Some("who".to_owned());
    let text = TABLE.replace("5,3,", "5,,");
    let error = split(&text, group_k_fold(2), with).unwrap_err();
    assert_eq!(
        message(&error),
        "row 5 (the first row of data is 1) has no group: the column `who` is missing there; fill \
         it in, with a value of its own for a row that belongs to no other"
    );
    // Rows before it that are left out count, and one that is left out itself
    // needs none.
    let drop = |plan: &mut Plan| {
        with(plan);
        plan.dataset.missing_target = MissingTarget::Drop;
    };
    let text = text.replace("2,7,test,1,1", "2,7,test,1,");
    let error = split(&text, group_k_fold(2), drop).unwrap_err();
    assert!(message(&error).starts_with("row 5 "), "{error}");
    let text = text.replace("5,,test,1,0", "5,,test,1,");
    assert_eq!(split(&text, group_k_fold(2), drop).unwrap().rows, 4);
}

#[test]
fn splits_of_the_user_are_columns() {
    for cv in [columns(&["a", "b"]), columns(&["[ab]"])] {
        let found = split(TABLE, cv, |plan| plan.dataset.drop = vec!["who".to_owned()]).unwrap();
        assert_eq!(features(&found), ["x"]);
        let train = Some(0);
        let test = Some(1);
        assert_eq!(
            column(&found, "split0"),
            [train, test, None, train, test, train]
        );
        assert_eq!(
            column(&found, "split1"),
            [train, test, None, train, test, None]
        );
        let names: Vec<_> = found.folds.iter().map(|s| (&*s.column, s.test)).collect();
        assert_eq!(names, [("split0", Some(1)), ("split1", Some(1))]);
        // The best candidate is fitted on all rows, as in scikit-learn.
        assert_eq!(found.refit.column, "search");
        assert_eq!(column(&found, "search"), [Some(0); 6]);
        assert_eq!(found.search_rows, 6);
    }
}

#[test]
fn targets_weights_and_sizes_are_read_back() {
    let series = Cv::TimeSeriesSplit {
        n_splits: 2,
        max_train_size: None,
        test_size: None,
        gap: 0,
    };
    let change = |plan: &mut Plan| {
        plan.dataset.target = "who".to_owned();
        plan.dataset.weight = Some("x".to_owned());
        plan.dataset.drop = vec!["a".to_owned()];
    };
    let found = split(TABLE, series, change).unwrap();
    let sizes = split_sizes(&found.splits_content, &found.folds).unwrap();
    assert_eq!(sizes, [[2, 2], [4, 2]]);
    let read =
        |name: &str, weight| Truth::read(found.dataset_content.as_ref().unwrap(), name, weight);
    let truth = read("who", Some("x")).unwrap();
    // Sorted as numbers, not by first appearance.
    let classes = ["3", "7", "12"].map(ToOwned::to_owned).to_vec();
    let codes = vec![1, 1, 2, 2, 0, 0];
    assert_eq!(truth.target, Target::Classes { classes, codes });
    let weights = (1..=6).map(f64::from).collect::<Vec<_>>();
    assert_eq!(truth.weights, Some(weights.clone()));
    assert_eq!(read("x", None).unwrap().target, Target::Numbers(weights));
    let error = read("z", None).unwrap_err();
    assert_eq!(error.to_string(), "a stored file lacks the column `z`");
}

#[test]
fn a_value_that_is_no_mark_is_named() {
    let text = TABLE.replace("5,3,test,1", "5,3,validation,1");
    let drop = |plan: &mut Plan| plan.dataset.missing_target = MissingTarget::Drop;
    let text = text.replace("2,7,test,1,1", "2,7,test,1,");
    let error = split(&text, columns(&["b", "a"]), drop).unwrap_err();
    assert_eq!(
        message(&error),
        "the column `a` is a split of `cv.columns` and holds `validation` in row 5 (the first row \
         of data is 1); it takes `train` or 0, `test` or 1, and no value for a row that is neither"
    );
    let error = split(TABLE, columns(&["c"]), |_| {}).unwrap_err();
    assert!(message(&error).contains("has no column `c`, which is a split of `cv.columns`"));
}

#[test]
fn columns_of_overlapping_splits_are_small() {
    let cv = Cv::ShuffleSplit {
        n_splits: 100,
        test_size: Some(SplitSize::Fraction(0.25)),
        train_size: None,
        random_state: 3,
    };
    let rows = 20_000;
    let target = split::Target {
        rows,
        classes: None,
        present: None,
    };
    let found =
        split::assign_one(&cv, &Kind::default(), None, target, SplitterColumns::None).unwrap();
    let file = writer::write_splits(&found.columns()).unwrap();
    // A bit for each value and a little for the runs among them, and 200 bytes for
    // each column.
    let most = 100 * rows * 5 / 4 / 8 + 100 * 200;
    assert!(file.size < most as u64, "{} bytes, not {most}", file.size);
    let splits = read(&file.content.bytes().unwrap());
    assert_eq!((splits.num_columns(), splits.num_rows()), (101, rows));
    let tested = |column: &ArrayRef| {
        let values = column.as_primitive::<Int32Type>();
        values.iter().filter(|value| *value == Some(1)).count()
    };
    for column in &splits.columns()[..100] {
        assert_eq!((tested(column), column.null_count()), (rows / 4, 0));
    }
}
