//! Tables with several targets.

use super::*;
use crate::plan::{Learn, MissingTarget, Stratify, TargetPlan};

/// A table with the column `x` and the targets `y`, of classes, and `t`, of numbers, both
/// with gaps; and a plan for both and for whether `t` is above 2.
fn table(folder: &TempDir) -> Plan {
    let rows: String = (0..60)
        .map(|row| {
            let y = if row % 10 == 3 {
                ""
            } else {
                ["a", "b"][row % 3 % 2]
            };
            let t = if row % 7 == 0 {
                String::new()
            } else {
                format!("{}.5", row % 5)
            };
            format!("{row},{y},{t}\n")
        })
        .collect();
    let path = folder.path().join("table.csv");
    std::fs::write(&path, format!("x,y,t\n{rows}")).unwrap();
    let mut plan = plan(path, "y");
    let target = |column: &str| TargetPlan::of_column(column, None, None);
    plan.dataset.targets = vec![
        target("y"),
        TargetPlan {
            learn: Some(Learn::Regression),
            ..target("t")
        },
        TargetPlan {
            above: Some(2.0),
            ..target("t")
        },
    ];
    plan.dataset.missing_target = MissingTarget::Keep;
    plan
}

/// The rows of a split that are tested, and those that are trained on.
fn rows_of(prepared: &Prepared, split: &fanout_contract::Split) -> [Vec<usize>; 2] {
    let splits = read(&prepared.splits_content);
    let column = splits.column_by_name(&split.column).unwrap();
    let values: Vec<Option<i32>> = column.as_primitive::<Int32Type>().iter().collect();
    let rows = |is: &dyn Fn(i32) -> bool| {
        let rows = values.iter().enumerate();
        let rows = rows.filter(|(_, value)| value.is_some_and(is));
        rows.map(|(row, _)| row).collect()
    };
    [
        rows(&|value| Some(value) == split.test),
        rows(&|value| Some(value) != split.test),
    ]
}

#[test]
fn several_targets_share_one_table() {
    let folder = TempDir::new().unwrap();
    let store = Store::open("memory://").unwrap();
    let all = prepare(&table(&folder), &store).unwrap();
    let about: Vec<_> = all
        .iter()
        .map(|of| {
            (
                of.target.as_str(),
                of.learning,
                of.classes.len(),
                of.search_rows,
            )
        })
        .collect();
    use fanout_contract::Learning::{Binary, Regression};
    assert_eq!(
        about,
        [
            ("y", Binary, 2, 54),
            ("t", Regression, 0, 51),
            ("t_above_2", Binary, 2, 51),
        ]
    );
    let [y, t, above] = all.as_slice() else {
        panic!("three targets")
    };
    assert!(
        all.iter()
            .all(|of| of.dataset == y.dataset && of.splits == y.splits)
    );
    assert_eq!(y.feature_names(), ["x"]);
    let table = read(y.dataset_content.as_ref().unwrap());
    let codes: Vec<Option<i32>> = table
        .column_by_name("t_above_2")
        .unwrap()
        .as_primitive::<Int32Type>()
        .iter()
        .collect();
    assert_eq!(
        codes[..6],
        [None, Some(0), Some(1), Some(1), Some(1), Some(0)]
    );
    assert_eq!(above.classes, ["false", "true"]);

    // Each splits the rows that have it, as a table of these alone would be.
    for (of, has) in [(y, 10), (t, 7)] {
        let lacks = |row: &usize| match has {
            10 => row % 10 == 3,
            _ => row.is_multiple_of(7),
        };
        let mut tested: Vec<usize> = Vec::new();
        for split in &of.folds {
            let [test, train] = rows_of(of, split);
            assert!(!test.iter().chain(&train).any(lacks));
            assert_eq!(test.len() + train.len(), of.search_rows as usize);
            tested.extend(test);
        }
        tested.sort_unstable();
        tested.dedup();
        assert_eq!(tested.len(), of.search_rows as usize);
    }
    assert_ne!(y.folds, t.folds);
}

#[test]
fn targets_without_gaps_share_plain_folds() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("table.csv");
    let rows: String = (0..30)
        .map(|row| format!("{row},{},{}\n", row % 2, row % 3))
        .collect();
    std::fs::write(&path, format!("x,a,b\n{rows}")).unwrap();
    let mut plan = plan(path, "a");
    plan.dataset.targets = ["a", "b"]
        .map(|name| TargetPlan::of_column(name, None, None))
        .to_vec();
    plan.dataset.missing_target = MissingTarget::Keep;
    plan.cv = Cv::KFold {
        n_splits: 3,
        shuffle: false,
        random_state: 0,
    };
    let all = prepared_all(&plan);
    assert_eq!(all[0].folds, all[1].folds);
    assert_eq!(read(&all[0].splits_content).num_columns(), 1);
    plan.cv = Cv::StratifiedKFold {
        n_splits: 3,
        shuffle: true,
        random_state: 0,
    };
    let all = prepared_all(&plan);
    assert_ne!(all[0].folds, all[1].folds);
    // Stratified by all at once, one partition serves both.
    plan.dataset.stratify = Stratify::All;
    let all = prepared_all(&plan);
    assert_eq!(all[0].folds, all[1].folds);
    for of in &all {
        let shares = of.fold_classes.iter().map(|fold| fold.test.clone());
        let [most, least] = [u64::max, u64::min].map(|of| {
            let shares: Vec<Vec<u64>> = shares.clone().collect();
            shares.into_iter().flatten().reduce(of).unwrap()
        });
        assert!(most - least <= 2, "{:?}", of.fold_classes);
    }
}

#[test]
fn a_hold_out_is_the_same_for_all_targets() {
    let folder = TempDir::new().unwrap();
    let mut plan = table(&folder);
    plan.holdout = Some(Holdout {
        fraction: 0.25,
        stratify: true,
        random_state: 1,
    });
    let all = prepared_all(&plan);
    let splits = read(&all[0].splits_content);
    let held_out = splits.column_by_name("holdout").unwrap();
    let held_out = held_out.as_primitive::<Int32Type>().values();
    assert_eq!(held_out.iter().sum::<i32>(), 15);
    for of in &all {
        assert_eq!(of.holdout.as_ref().unwrap().column, "holdout");
        for split in &of.folds {
            let [test, train] = rows_of(of, split);
            assert!(test.iter().chain(&train).all(|row| held_out[*row] == 0));
        }
    }
}

fn prepared_all(plan: &Plan) -> Vec<Prepared> {
    prepare(plan, &Store::open("memory://").unwrap()).unwrap()
}
