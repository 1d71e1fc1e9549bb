//! Warnings about a dataset.

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
         it out of the features"
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
