//! What `check` and `run` tell of a table, over the real binary: how each column
//! is read, what is not defined, what was cut; and what of a run is kept where its
//! end fails.

use crate::program::{Fanout, text};

fn lines(rows: usize, line: impl Fn(usize) -> String) -> String {
    (0..rows).map(line).collect()
}

/// A table that is sorted by its class.
fn sorted(fanout: &Fanout) {
    let rows = lines(12, |row| {
        format!("{row},{}\n", if row < 7 { "no" } else { "yes" })
    });
    fanout.write("sorted.csv", &format!("x,y\n{rows}"));
}

#[test]
fn check_shows_every_column() {
    let fanout = Fanout::new();
    let rows = lines(40, |row| {
        let (size, price) = (["S", "M", "L"][row % 3], row * 7 % 40);
        let gap = if row % 4 == 0 {
            String::new()
        } else {
            format!("{row}.5")
        };
        format!(
            "{row},{size},{price},{gap},2016-01-{:02},{}\n",
            row % 28 + 1,
            row % 2 == 0
        )
    });
    fanout.write("a.csv", &format!(",size,price,gap,day,y\n{rows}"));
    let plan = "dataset: {source: a.csv, target: y, positive: 1, columns: {size: {ordered: [S, M, L]}}}\n\
                trainer: {name: decision_tree}\n";
    fanout.write("plan.yaml", plan);
    let told = fanout.text(&["check", "plan.yaml"]);
    let table = "
column  read as               missing  example
size    ordered: S < M < L    -        S
price   number                -        0
gap     number                25.0 %   1.5
day     date                  -        2016-01-01
y       category of 2 levels  -        true
";
    assert!(told.contains(table), "{told}");
    assert!(
        told.contains("warning: `column_1` numbers or names the rows"),
        "{told}"
    );
}

#[test]
fn a_table_that_reads_as_one_column_suggests_its_delimiter() {
    let fanout = Fanout::new();
    fanout.write("a.csv", "x;z;y\n1;2;a\n3;4;b\n");
    for target in ["y", "x;z;y"] {
        let plan = format!(
            "dataset: {{source: a.csv, target: \"{target}\"}}\ntrainer: {{name: decision_tree}}\n"
        );
        fanout.write("plan.yaml", &plan);
        let output = fanout.run(&["check", "plan.yaml"]);
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{told}");
        assert!(told.contains("write `csv: {delimiter: \";\"}`"), "{told}");
    }
}

#[test]
fn a_search_without_a_full_score_says_why_and_shows_what_is_defined() {
    let fanout = Fanout::new();
    sorted(&fanout);
    let plan = "dataset: {source: sorted.csv, target: y, positive: \"yes\"}\n\
                trainer: {name: dummy}\n\
                cv: {method: k_fold, n_splits: 4}\n\
                scoring: [roc_auc, accuracy]\n\
                output: out\n";
    fanout.write("plan.yaml", plan);
    let foreseen = "roc_auc is not defined on 3 of 4 splits: the test rows of split 0 are all of \
                    the class `no`; give each fold its share of every class: `method: \
                    stratified_k_fold`";
    let told = fanout.text(&["check", "plan.yaml"]);
    assert!(told.contains(foreseen), "{told}");
    let output = fanout.run(&["run", "plan.yaml"]);
    let (table, told) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(8), "{told}");
    assert!(table.contains("   1      nan"), "{table}");
    assert!(
        table.contains("No candidate has a score by roc_auc on every split."),
        "{table}"
    );
    assert!(table.contains("on splits 0, 1 and 3"), "{table}");
    let why = "error: no candidate has a score by `roc_auc` on every split: it is not defined on \
               split 0, whose test rows are all of the class `no`\nhint: give each fold";
    assert!(told.contains(why), "{told}");
    assert!(fanout.path("out/cv_results.csv").exists());
    assert!(fanout.path("out/best.json").exists());
    // By another metric, there is a best one.
    fanout.text(&["run", "plan.yaml", "--set", "refit=accuracy"]);
}

#[test]
fn a_refit_that_fails_loses_no_result() {
    let fanout = Fanout::new();
    // Classes by chance: a fold's scores need a tree at a time, the refit all of
    // these great trees.
    let rows = lines(2000, |row| {
        let chance = (row * 2_654_435_761) >> 9;
        format!("{},{},k{}\n", row % 401, row * 31 % 97, chance % 2)
    });
    fanout.write("a.csv", &format!("x,z,y\n{rows}"));
    let plan = "dataset: {source: a.csv, target: y}\n\
                trainer: {name: random_forest, params: {n_estimators: 1500, random_state: 0}}\n\
                cv: {method: stratified_k_fold, n_splits: 2}\n\
                limits: {memory: 32MiB}\n\
                output: out\n";
    fanout.write("plan.yaml", plan);
    let told = fanout.text(&["check", "plan.yaml"]);
    assert!(
        told.contains("warning: the refit of the largest candidate may need"),
        "{told}"
    );
    std::fs::create_dir(fanout.path("out")).unwrap();
    fanout.write("out/model.fanout", "of an earlier run");
    let output = fanout.run(&["run", "plan.yaml"]);
    let (table, told) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(6), "{told}");
    assert!(table.contains("Best by accuracy"), "{table}");
    assert!(
        told.contains("error: the refit of the best candidate failed"),
        "{told}"
    );
    let best = std::fs::read_to_string(fanout.path("out/best.json")).unwrap();
    let best: serde_json::Value = serde_json::from_str(&best).unwrap();
    assert!(best["best"]["mean"].is_number(), "{best}");
    assert_eq!(best["best"]["model"], serde_json::Value::Null);
    assert!(fanout.path("out/cv_results.parquet").exists());
    assert!(!fanout.path("out/model.fanout").exists());
    // The run is kept as one that ended.
    assert!(fanout.text(&["runs"]).contains("finished"));
}

#[test]
fn files_that_can_not_be_written_lose_no_table() {
    let fanout = Fanout::new();
    sorted(&fanout);
    let plan = "dataset: {source: sorted.csv, target: y}\ntrainer: {name: dummy}\n\
                cv: {method: stratified_k_fold, n_splits: 2}\n";
    fanout.write("plan.yaml", plan);
    // A folder in the place of a file is found when the file is written.
    let folder = fanout.here.path().join("out/best.json");
    std::fs::create_dir_all(folder).unwrap();
    let output = fanout.run(&["run", "plan.yaml", "--output", "out"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("Best by accuracy"));
    let told = text(&output.stderr);
    assert!(
        told.contains("can't write") && told.contains("best.json"),
        "{told}"
    );
}

#[test]
fn a_request_that_is_cut_is_told() {
    let fanout = Fanout::new();
    sorted(&fanout);
    let plan = "dataset: {source: sorted.csv, target: y}\ntrainer: {name: dummy}\n\
                cv: {method: stratified_k_fold, n_splits: 2}\n\
                search: {method: random, n_iter: 9, params: {strategy: [prior, most_frequent]}}\n";
    fanout.write("plan.yaml", plan);
    let cut = "warning: `search.n_iter` asks for 9 candidates, and the lists have 2 combinations";
    assert!(fanout.text(&["check", "plan.yaml"]).contains(cut));
    let (report, told) = fanout.json_and_errors(&["plan.yaml"]);
    assert!(told.contains(cut), "{told}");
    assert!(
        report["warnings"][0]
            .as_str()
            .unwrap()
            .starts_with("`search.n_iter`")
    );
    let told = fanout.text(&["check", "plan.yaml", "--set", "search.n_iter=2"]);
    assert!(!told.contains("n_iter"), "{told}");
}

#[test]
fn weights_name_classes_by_any_spelling() {
    let fanout = Fanout::new();
    let rows = lines(60, |row| {
        format!("{},{}.0\n", row * 7 % 60, u8::from(row * 7 % 60 > 40))
    });
    fanout.write("a.csv", &format!("x,y\n{rows}"));
    let scores = |weights: &str| {
        let plan = format!(
            "dataset: {{source: a.csv, target: y, positive: true}}\n\
             trainer: {{name: random_forest, params: {{n_estimators: 5, random_state: 0}}}}\n\
             search: {{method: list, candidates: [{{class_weight: {weights}}}]}}\n\
             cv: {{method: stratified_k_fold, n_splits: 2}}\nscoring: [accuracy, recall]\n"
        );
        fanout.write("plan.yaml", &plan);
        let report = fanout.json(&["plan.yaml"]);
        (
            report["digests"]["run"].clone(),
            report["fits"]["reused"].clone(),
        )
    };
    let (run, reused) = scores("{0: 1, 1: 50}");
    assert_eq!(reused, 0);
    for spelling in [
        "{0.0: 1, 1.0: 50}",
        "{\"0\": 1, \"1\": 50}",
        "{false: 1, True: 50}",
    ] {
        // The same run, with the same fits.
        assert_eq!(scores(spelling), (run.clone(), 2.into()), "{spelling}");
    }
    for (weights, why) in [
        (
            "{0: 1, 2: 50}",
            "`class_weight` names the class `2`, which no row has",
        ),
        (
            "{0: 1, 0.0: 50}",
            "`class_weight` names the class `0.0` twice",
        ),
    ] {
        let fixed = format!("trainer.params.class_weight={weights}");
        fanout.write(
            "plan.yaml",
            "dataset: {source: a.csv, target: y}\ntrainer: {name: random_forest}\n",
        );
        for verb in ["check", "run"] {
            let output = fanout.run(&[verb, "plan.yaml", "--set", &fixed]);
            let told = text(&output.stderr);
            assert_eq!(output.status.code(), Some(3), "{told}");
            assert!(
                told.contains(why) && told.contains("a class is one of `0`, `1`"),
                "{told}"
            );
        }
    }
}
