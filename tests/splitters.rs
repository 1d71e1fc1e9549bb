//! Splitters over the real binary: what a guest trains on and tests is what the
//! plan says.

use std::fmt::Write;

use serde_json::Value;

use crate::program::{Fanout, scores, text};

const ROWS: usize = 60;

/// A table of two features, five groups and a class that depends on both, with
/// columns of splits beside them: `mark(split, row)` is `train`, `test` or empty.
fn table(splits: usize, mark: impl Fn(usize, usize) -> &'static str) -> String {
    let mut text = "x,z,who".to_owned();
    (0..splits).for_each(|split| write!(text, ",split_{split}").unwrap());
    text.push_str(",y\n");
    for row in 0..ROWS {
        let (x, z, who) = (row * 7 % 23, row * 5 % 13, group(row));
        write!(text, "{x},{z},{who}").unwrap();
        (0..splits).for_each(|split| write!(text, ",{}", mark(split, row)).unwrap());
        let y = u32::from(x + who * 3 > 17 || row % 11 == 3);
        writeln!(text, ",{y}").unwrap();
    }
    text
}

fn group(row: usize) -> usize {
    row * row % 7 % 5
}

/// The report of a run with this splitter.
fn run(fanout: &Fanout, cv: &str, more: &str) -> Value {
    let plan = format!(
        "dataset: {{source: table.csv, features: [x, z], target: y, groups: who}}\n\
         trainer: {{name: decision_tree, params: {{random_state: 1}}}}\n\
         search: {{method: grid, params: {{max_depth: [1, 3]}}}}\n\
         cv: {cv}\nscoring: [accuracy]\nreturn_train_score: true\n{more}"
    );
    fanout.write("plan.yaml", &plan);
    fanout.json(&["plan.yaml", "--workers", "2"])
}

#[test]
fn columns_of_the_user_give_the_scores_of_the_splitter_that_they_copy() {
    // Windows of at most 12 rows, 2 rows before the test rows.
    let windows = |split: usize, row: usize| {
        let first = ROWS - 4 * 8 + split * 8;
        match row {
            row if (first..first + 8).contains(&row) => "test",
            row if (first - 14..first - 2).contains(&row) => "train",
            _ => "",
        }
    };
    let groups = sorted_groups();
    let of_groups = |split: usize, row: usize| match group(row) == groups[split] {
        true => "test",
        false => "train",
    };
    let series = "{method: time_series_split, n_splits: 4, test_size: 8, max_train_size: 12, \
                  gap: 2}";
    let count = groups.len();
    for (splitter, splits, table) in [
        (series, 4, table(4, windows)),
        (
            "{method: leave_one_group_out}",
            count,
            table(count, of_groups),
        ),
    ] {
        let fanout = Fanout::new();
        fanout.write("table.csv", &table);
        let named = run(&fanout, splitter, "");
        let own = run(&fanout, "{method: columns, columns: split_*}", "");
        assert_eq!(named["splits"], splits);
        assert_eq!(scores(&named), scores(&own), "{splitter}");
        // Both refit on all rows.
        assert_eq!(named["best"], own["best"]);
    }
}

/// The groups that occur, ascending.
fn sorted_groups() -> Vec<usize> {
    let mut groups: Vec<usize> = (0..ROWS).map(group).collect();
    groups.sort_unstable();
    groups.dedup();
    groups
}

#[test]
fn every_splitter_runs() {
    let fanout = Fanout::new();
    fanout.write("table.csv", &table(0, |_, _| ""));
    let groups = sorted_groups().len() as u64;
    let holdout = "holdout: {fraction: 0.2, stratify: true, random_state: 3}\n";
    for (cv, splits) in [
        ("{method: k_fold, n_splits: 3}", 3),
        ("{method: stratified_k_fold, n_splits: 3}", 3),
        ("{method: group_k_fold, n_splits: 3}", 3),
        (
            "{method: stratified_group_k_fold, n_splits: 2, shuffle: true}",
            2,
        ),
        ("{method: repeated_k_fold, n_splits: 3, n_repeats: 2}", 6),
        (
            "{method: repeated_stratified_k_fold, n_splits: 2, n_repeats: 2}",
            4,
        ),
        (
            "{method: shuffle_split, n_splits: 3, test_size: 0.3, train_size: 20}",
            3,
        ),
        (
            "{method: stratified_shuffle_split, n_splits: 2, test_size: 10}",
            2,
        ),
        (
            "{method: group_shuffle_split, n_splits: 2, test_size: 1}",
            2,
        ),
        ("{method: leave_one_out}", 48),
        ("{method: leave_one_group_out}", groups),
        (
            "{method: leave_p_groups_out, n_groups: 2}",
            groups * (groups - 1) / 2,
        ),
        ("{method: time_series_split, n_splits: 3}", 3),
        ("{method: time_series_split, n_splits: 3, gap: 1}", 3),
        ("{method: predefined_split, column: who}", groups),
    ] {
        let report = run(&fanout, cv, holdout);
        assert_eq!(report["splits"], splits, "{cv}");
        let fits = &report["fits"];
        assert_eq!(
            (&fits["failed"], &fits["served"]),
            (&0.into(), &(2 * splits).into())
        );
        let held_out = &report["best"]["holdout"]["accuracy"];
        assert!(held_out.is_number(), "{cv}: {held_out}");
    }
    // Each row alone is each row.
    let one = run(&fanout, "{method: leave_one_out}", "");
    let p = run(&fanout, "{method: leave_p_out, p: 1}", "");
    assert_eq!(one["splits"], 60);
    assert_eq!(scores(&one), scores(&p));
}

#[test]
fn a_mistake_in_the_users_splits_is_told_before_any_fit() {
    let fanout = Fanout::new();
    let mark = |_: usize, row: usize| match row {
        41 => "validate",
        row if row % 2 == 0 => "train",
        _ => "test",
    };
    fanout.write("table.csv", &table(1, mark));
    fanout.write(
        "plan.yaml",
        "dataset: {source: table.csv, target: y}\ntrainer: {name: decision_tree}\n\
         cv: {method: columns, columns: split_0}\n",
    );
    let output = fanout.run(&["run", "plan.yaml"]);
    assert_eq!(output.status.code(), Some(4));
    let told = text(&output.stderr);
    assert!(
        told.contains("`split_0`") && told.contains("holds `validate` in row 42"),
        "{told}"
    );
}
