//! Warnings about a dataset.

use fanout_contract::Score;

use super::*;

#[test]
fn columns_that_make_scores_doubtful_are_warned_of() {
    let mut text = String::from("leak,id,same,gone,late,ok,class\n");
    for row in 0..400_u32 {
        let class = row % 2;
        let grade = ["bad", "good"][class as usize];
        let late = if class == 1 {
            String::new()
        } else {
            (row % 30).to_string()
        };
        text.push_str(&format!(
            "{grade},u{row},1,,{late},{},{class}\n",
            row * 7919 % 101
        ));
    }
    let (_folder, path) = file("a.csv", text);
    let found = prepared(&plan(path, "class")).unwrap();
    let name = |name: &str| name.to_owned();
    assert_eq!(
        found.summary.warnings,
        [
            Warning::TargetLeakage {
                column: name("leak"),
                by: LeakKind::Value,
                share: 1.0
            },
            Warning::TargetLeakage {
                column: name("late"),
                by: LeakKind::Missing,
                share: 1.0
            },
            Warning::Identifier { column: name("id") },
            Warning::Constant {
                column: name("same")
            },
            Warning::AllMissing {
                column: name("gone")
            },
        ]
    );
    assert_eq!(
        found.summary.warnings[0].to_string(),
        "`leak` leaks the target: its value alone determines the class in 100 % of the rows; leave \
         it out: `drop: [leak]`"
    );
}

#[test]
fn the_missing_delay_of_a_cancelled_flight_leaks_the_target() {
    let mut plan = plan(plans().join("data/flights.parquet"), "cancelled");
    plan.cv = Cv::KFold {
        n_splits: 2,
        shuffle: false,
        random_state: 0,
    };
    let found = prepared(&plan).unwrap();
    let leaks: Vec<&Warning> = found
        .summary
        .warnings
        .iter()
        .filter(|warning| matches!(warning, Warning::TargetLeakage { .. }))
        .collect();
    // The departure's is missing for those flights exactly; the arrival's for
    // 1,175 diverted ones besides, which is too often to be sure.
    let name = "dep_delay".to_owned();
    assert_eq!(
        leaks,
        [&Warning::TargetLeakage {
            column: name,
            by: LeakKind::Missing,
            share: 1.0
        }]
    );
}

#[test]
fn repeated_rows_are_warned_of() {
    let row = "1,a\n2,b\n3,a\n4,b\n";
    let (_folder, path) = file("a.csv", format!("x,y\n{row}{row}{row}"));
    let found = prepared(&plan(path, "y")).unwrap();
    let count = Count {
        value: 8,
        exact: true,
    };
    assert_eq!(found.summary.duplicates, count);
    assert!(
        found
            .summary
            .warnings
            .contains(&Warning::DuplicateRows { count, rows: 12 })
    );
}

#[test]
fn a_rare_class_is_warned_of() {
    let mut text = String::from("x,y\n");
    (0..1000).for_each(|row| text.push_str(&format!("{row}.5,{}\n", u8::from(row % 500 == 0))));
    let (_folder, path) = file("a.csv", text);
    let found = prepared(&plan(path, "y")).unwrap();
    let label = "1".to_owned();
    assert_eq!(
        found.summary.warnings,
        [
            Warning::RareClass {
                label: label.clone(),
                count: 2,
                rows: 1000
            },
            Warning::FewerRowsThanFolds {
                label,
                count: 2,
                folds: 3
            },
        ]
    );
}

/// A plan with folds of consecutive rows.
fn blocks(path: impl AsRef<Path>, stratified: bool) -> Plan {
    let mut plan = plan(path, "class");
    let (n_splits, shuffle, random_state) = (4, false, 0);
    plan.cv = match stratified {
        true => Cv::StratifiedKFold {
            n_splits,
            shuffle,
            random_state,
        },
        false => Cv::KFold {
            n_splits,
            shuffle,
            random_state,
        },
    };
    plan
}

/// A table that is sorted by its class: a number and a day of each row tell it,
/// and noise does not.
fn sorted_by_class(classes: usize) -> String {
    let mut text = String::from("number,day,noise,good,class\n");
    for row in 0..1200_usize {
        let (class, noise) = (row * classes / 1200, row * 7919 % 997);
        let good = class * 10 + row * 31 % 14;
        let (month, day) = (row / 28 % 12 + 1, row % 28 + 1);
        let year = 2000 + row / 336;
        text.push_str(&format!(
            "{},{year}-{month:02}-{day:02},{noise},{good},k{class}\n",
            row + 1
        ));
    }
    text
}

#[test]
fn a_column_that_alone_tells_the_target_is_measured() {
    for classes in [2, 3, 5] {
        let (_folder, path) = file("a.csv", sorted_by_class(classes));
        let found = prepared(&plan(path, "class")).unwrap();
        let tells = |warning: &Warning| match warning {
            Warning::TellsTarget { column, right, .. } => {
                assert!(*right > 0.97, "{right}");
                Some(column.clone())
            }
            Warning::TargetLeakage { column, .. } => Some(column.clone()),
            _ => None,
        };
        let told: Vec<String> = found.summary.warnings.iter().filter_map(tells).collect();
        // Of two classes, a threshold is found exactly.
        assert_eq!(
            told,
            ["number", "day"],
            "{classes} classes: {:?}",
            found.summary.warnings
        );
        let mentions = |w: &Warning| w.to_string().contains("`drop: [number]`");
        assert!(found.summary.warnings.iter().any(mentions));
    }
}

#[test]
fn folds_of_a_sorted_file_get_a_hint() {
    let (_folder, path) = file("a.csv", sorted_by_class(4));
    let ordered = |plan: &Plan| {
        let warnings = prepared(plan).unwrap().summary.warnings;
        warnings.into_iter().find_map(|warning| match warning {
            Warning::OrderedRows { column, target, .. } => Some((column, target)),
            _ => None,
        })
    };
    // By class, which tells the fold as well as the day does.
    assert!(matches!(ordered(&blocks(&path, false)), Some((_, _))));
    assert_eq!(ordered(&plan(&path, "class")), None);
    // Stratified: each class is in its own order.
    let mut text = String::from("deck,noise,class\n");
    for row in 0..1200_usize {
        text.push_str(&format!(
            "{},{},{}\n",
            row / 300,
            row * 7919 % 997,
            row * 31 % 7 % 2
        ));
    }
    let (_folder, path) = file("a.csv", text);
    assert_eq!(
        ordered(&blocks(&path, true)),
        Some(("deck".to_owned(), false))
    );
    assert_eq!(ordered(&plan(&path, "class")), None);
}

#[test]
fn metrics_that_splits_leave_undefined_are_foreseen() {
    let lines: String = (0..12)
        .map(|row| format!("{row},{}\n", if row < 7 { "no" } else { "yes" }))
        .collect();
    let (_folder, path) = file("a.csv", format!("x,class\n{lines}"));
    let mut plan = blocks(&path, false);
    plan.scoring = ["roc_auc", "accuracy", "neg_log_loss"]
        .map(Score::from)
        .to_vec();
    let found = prepared(&plan).unwrap();
    assert_eq!(
        found.summary.warnings.last().unwrap().to_string(),
        "roc_auc, neg_log_loss are not defined on 3 of 4 splits: the test rows of split 0 are all \
         of the class `no`; give each fold its share of every class: `method: stratified_k_fold`"
    );
    assert_eq!(found.fold_classes[2].test, [1, 2]);
    assert_eq!(found.fold_classes[2].train, [6, 3]);
    plan.scoring = vec!["accuracy".into()];
    assert_eq!(prepared(&plan).unwrap().summary.warnings, []);
}
