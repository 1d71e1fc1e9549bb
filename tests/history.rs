//! `fanout runs`, `show` and `gc`: what a store says of its runs, and what it
//! lets go.

use std::path::PathBuf;

use crate::program::{Fanout, example, made, scores, text};
use serde_json::Value;

fn list(fanout: &Fanout) -> Vec<Value> {
    let text = fanout.text(&["runs", "--json"]);
    serde_json::from_str(&text).unwrap()
}

fn show(fanout: &Fanout, run: &str) -> Value {
    let text = fanout.text(&["show", run, "--json"]);
    serde_json::from_str(&text).unwrap()
}

fn id(report: &Value) -> String {
    report["digests"]["run"].as_str().unwrap().to_owned()
}

/// A search that the tests vary.
fn search(fanout: &Fanout, numbers: &str) -> Value {
    let search = format!("search.params={{n_estimators: {numbers}, max_depth: [2, 3]}}");
    fanout.json(&[&example("quickstart.yaml"), "--set", &search])
}

#[test]
fn a_run_is_listed_and_shown_as_it_ended() {
    let fanout = Fanout::new();
    let first = search(&fanout, "[5, 10]");
    let second = search(&fanout, "[10, 15]");
    let runs = list(&fanout);
    assert_eq!(runs.len(), 2);
    for report in [&first, &second] {
        let run = id(report);
        let row = runs.iter().find(|row| row["run"] == run.as_str()).unwrap();
        assert_eq!(row["state"], "finished");
        assert_eq!(row["name"], "quickstart");
        assert_eq!(row["done"], 20);
        assert_eq!(row["best"]["mean"], report["best"]["mean"]);
        assert_eq!(row["best"]["std"], report["best"]["std"]);
        assert_eq!(row["best"]["searched"], report["best"]["searched"]);

        // The same as at its end, but for who made what.
        let shown = show(&fanout, &run[..10]);
        for field in [
            "digests",
            "cv_results",
            "best",
            "baseline",
            "metrics",
            "warnings",
            "failures",
        ] {
            assert_eq!(shown[field], report[field], "{field}");
        }
        assert_eq!(shown["took"], Value::Null);
    }
    let table = fanout.text(&["runs"]);
    assert!(
        table.contains("4 x 5") && table.contains("finished"),
        "{table}"
    );
    let table = fanout.text(&["show", &id(&first), "--output", "shown"]);
    assert!(
        table.contains("Best by roc_auc") && !table.contains("Took"),
        "{table}"
    );
    let best = std::fs::read(fanout.path("shown/best.json")).unwrap();
    let best: Value = serde_json::from_slice(&best).unwrap();
    assert_eq!(best["best"]["holdout"], first["best"]["holdout"]);

    let unknown = fanout.run(&["show", "zz"]);
    assert_eq!(unknown.status.code(), Some(2), "{}", text(&unknown.stderr));
    let ambiguous = fanout.run(&["show", ""]);
    assert!(text(&ambiguous.stderr).starts_with("error: 2 runs have ids that begin with"));
}

#[test]
fn a_run_that_did_not_end_is_told_of_as_far_as_it_came() {
    let fanout = Fanout::new();
    let report = search(&fanout, "[5, 10]");
    let run = id(&report);
    let summary = fanout.path(&format!(".fanout/runs/{run}/result.json"));
    std::fs::remove_file(summary).unwrap();
    // One of five splits.
    let parts = fanout.objects("tasks");
    let greatest = |path: &&PathBuf| std::fs::metadata(path).unwrap().len();
    std::fs::remove_file(parts.iter().max_by_key(greatest).unwrap()).unwrap();
    let runs = list(&fanout);
    assert_eq!(runs[0]["state"], "unfinished");
    assert_eq!(runs[0]["done"], 16);
    assert!(fanout.text(&["runs"]).contains("16 of 20 done"));
    let shown = show(&fanout, &run);
    assert_eq!(shown["best"], Value::Null);
    let warning = shown["warnings"][0].as_str().unwrap();
    assert!(warning.contains("only 16 of 20 fits are done"), "{warning}");
    let resumed = search(&fanout, "[5, 10]");
    assert_eq!(made(&resumed), 4);
    assert_eq!(scores(&show(&fanout, &run)), scores(&resumed));
}

#[test]
fn gc_removes_what_no_kept_run_names_and_says_so_first() {
    let fanout = Fanout::new();
    let first = search(&fanout, "[5, 10]");
    let alone = fanout.objects("").len();
    let second = search(&fanout, "[10, 15]");
    let third = fanout.json(&[
        &example("quickstart.yaml"),
        "--set",
        "search.params={n_estimators: 5}",
        "--set",
        "cv.n_splits=3",
    ]);
    let gc = |arguments: &[&str]| fanout.text(&[&["gc"], arguments].concat());
    let all = fanout.objects("");
    assert!(gc(&[]).contains("nothing to remove; 3 runs kept"));

    // What a run that begins may be writing stays.
    let young = gc(&["--drop", &id(&third)[..12]]);
    assert!(
        young.contains("that no run names, but that are young"),
        "{young}"
    );

    let drop = [
        "--younger",
        "0s",
        "--drop",
        &id(&second),
        "--drop",
        &id(&third),
    ];
    let said = gc(&drop);
    for line in [
        "removes 2 run manifests",
        "nothing was removed: --yes removes",
        "splits file",
    ] {
        assert!(said.contains(line), "{said}");
    }
    assert!(
        !said.contains("dataset") && !said.contains("guest"),
        "{said}"
    );
    assert_eq!(fanout.objects(""), all);
    let said = gc(&[&drop[..], &["--yes"]].concat());
    assert!(said.contains("; 1 run kept"), "{said}");
    assert!(fanout.objects("").len() >= alone);
    assert!(fanout.objects("").len() < all.len());

    // The kept run lacks nothing; of the dropped, what it does not share.
    assert_eq!(made(&search(&fanout, "[5, 10]")), 0);
    assert_eq!(scores(&show(&fanout, &id(&first))), scores(&first));
    assert_eq!(list(&fanout).len(), 1);
    let again = search(&fanout, "[10, 15]");
    assert_eq!(scores(&again), scores(&second));
}

#[test]
fn gc_sweeps_what_killed_processes_left_and_what_is_damaged() {
    let fanout = Fanout::new();
    search(&fanout, "[5, 10]");
    let parts = fanout.objects("tasks");
    let left = PathBuf::from(format!("{}#1", parts[0].display()));
    std::fs::write(&left, "{\"digest\":").unwrap();
    // Of a doctor that was killed; and what is nobody's.
    let trial = fanout.path(".fanout/probe/0123456789abcdef");
    let (probe, notes) = (
        fanout.path(".fanout/probe/create-only"),
        fanout.path(".fanout/notes.txt"),
    );
    std::fs::write(&trial, "fanout doctor").unwrap();
    std::fs::write(&notes, "mine").unwrap();
    let whole = std::fs::read(&parts[1]).unwrap();
    std::fs::write(&parts[1], &whole[..whole.len() - 3]).unwrap();

    let arguments = ["gc", "--younger", "0s", "--damaged"];
    let said = fanout.text(&arguments);
    let name = parts[1].strip_prefix(fanout.path(".fanout")).unwrap();
    assert!(
        said.contains(&format!("damaged: {}", name.display())),
        "{said}"
    );
    assert!(said.contains("removes 1 temporary file"), "{said}");
    assert!(said.contains("removes 1 trial object"), "{said}");
    fanout.text(&[&arguments[..], &["--yes"]].concat());
    assert!(!left.exists() && !parts[1].exists() && parts[0].exists());
    assert!(!trial.exists() && probe.exists() && notes.exists());
    search(&fanout, "[5, 10]");
    assert!(parts[1].exists());
    assert!(
        fanout
            .text(&arguments)
            .contains("nothing to remove; 1 run kept")
    );
}

#[test]
fn a_store_that_is_not_there_is_not_made() {
    let fanout = Fanout::new();
    for command in [&["runs"][..], &["show", "a"], &["gc"]] {
        let output = fanout.run(command);
        assert_eq!(output.status.code(), Some(5), "{}", text(&output.stderr));
        assert!(text(&output.stderr).contains("there is no store"));
    }
    assert!(!fanout.path(".fanout").exists());
}
