//! Whole runs over the real binary.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::plans::schema::violations;
use crate::program::{Fanout, example, made, scores, text};
use fanout::run::event::{Event, StampedEvent};
use fanout::run::journal;
use fanout::store::Store;
use serde_json::{Value, json};

#[test]
fn the_examples_run() {
    let fanout = Fanout::new();
    for plan in ["quickstart.yaml", "digits.yaml"] {
        let output = fanout.run(&["run", &example(plan)]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        let table = text(&output.stdout);
        assert!(
            table.contains("rank") && table.contains("fits served by"),
            "{table}"
        );
    }
}

#[test]
fn the_library_runs_a_plan_alone() {
    let fanout = Fanout::new();
    // Built with the tests, beside the binary.
    let program = Path::new(env!("CARGO_BIN_EXE_fanout")).with_file_name("examples/run_plan");
    let output = Command::new(&program)
        .arg(example("quickstart.yaml"))
        .current_dir(fanout.here.path())
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    assert!(output.status.success(), "{}", text(&output.stderr));
    let text = text(&output.stdout);
    let best = fanout.json(&[&example("quickstart.yaml")]);
    let fits = best["candidates"].as_u64().unwrap() * best["splits"].as_u64().unwrap();
    assert!(
        text.starts_with(&format!("best of {fits} fits: ")),
        "{text}"
    );
    let params = best["best"]["params"].to_string();
    assert!(text.trim_end().ends_with(&params), "{text} {params}");
}

#[test]
fn metrics_with_parameters_are_scored_and_choose_the_best() {
    let fanout = Fanout::new();
    let rows: String = (0..60)
        .map(|row| format!("{},{},{}\n", row * 7 % 11, row * 5 % 13, row % 3 / 2))
        .collect();
    fanout.write("table.csv", &format!("a,b,class\n{rows}"));
    let plan = fanout.write(
        "plan.yaml",
        "dataset: {source: table.csv, target: class}\n\
         trainer: {name: decision_tree}\n\
         search: {params: {max_depth: [1, 2, 6]}}\n\
         cv: {method: stratified_k_fold, n_splits: 3}\n\
         scoring:\n\
         - accuracy\n\
         - {metric: fbeta, name: f2, params: {beta: 2}}\n\
         - {metric: top_k_accuracy, params: {k: 2}}\n\
         - {metric: recall, name: specificity, params: {pos_label: 0}}\n\
         - {metric: neg_mean_cost, params: {costs: {0: {1: 1}, 1: {0: 1}}}}\n\
         refit: f2\noutput: out\n",
    );
    let report = fanout.json(&[&plan]);
    assert_eq!(report["ranked_by"], "f2");
    let names = json!([
        "accuracy",
        "f2",
        "top_k_accuracy(k=2)",
        "specificity",
        "neg_mean_cost"
    ]);
    assert_eq!(report["metrics"], names);
    let results = fanout.here.path().join("out/cv_results.csv");
    let results = std::fs::read_to_string(results).unwrap();
    let mut lines = results.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    let column = |name: &str| header.iter().position(|known| *known == name).unwrap();
    let (accuracy, cost) = (
        column("mean_test_accuracy"),
        column("mean_test_neg_mean_cost"),
    );
    let top = column("mean_test_top_k_accuracy(k=2)");
    let mut candidates = 0;
    for line in lines {
        let cells: Vec<&str> = line.split(',').collect();
        let number = |column: usize| cells[column].parse::<f64>().unwrap();
        // A cost of 1 a wrong prediction is what accuracy lacks of 1.
        assert!(
            (number(accuracy) - 1.0 - number(cost)).abs() < 1e-12,
            "{line}"
        );
        assert_eq!(number(top), 1.0);
        candidates += 1;
    }
    assert_eq!(candidates, 3);
    // How parameters are written makes no other task.
    let again = fanout.json(&[&plan, "--set", "scoring.1.params.beta=2.0"]);
    assert_eq!(again["fits"]["reused"], again["fits"]["served"]);
}

#[test]
fn metrics_are_listed_and_documented() {
    let fanout = Fanout::new();
    let list = fanout.text(&["metrics"]);
    let listed: Value = serde_json::from_str(&fanout.text(&["metrics", "--json"])).unwrap();
    let page = include_str!("../docs/metrics.md");
    let metrics = listed.as_array().unwrap();
    assert!(metrics.len() >= 50);
    for metric in metrics {
        let name = metric["name"].as_str().unwrap();
        assert!(list.contains(&format!("\n  {name}: ")), "{name}: {list}");
        assert!(page.contains(&format!("`{name}`")), "{name}");
        for param in metric["params"].as_array().unwrap() {
            let param = param["name"].as_str().unwrap();
            assert!(page.contains(&format!("`{param}")), "{name}: {param}");
        }
    }
    assert!(
        list.lines().all(|line| line.chars().count() <= 80),
        "{list}"
    );
}

#[test]
fn events_are_written_as_json_lines() {
    let fanout = Fanout::new();
    let plan = example("quickstart.yaml");
    fanout.json(&[&plan, "--events", "events.jsonl"]);
    let text = std::fs::read_to_string(fanout.here.path().join("events.jsonl")).unwrap();
    let events: Vec<StampedEvent> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for (number, event) in events.iter().enumerate() {
        assert_eq!(event.sequence, number as u64);
    }
    assert!(events.is_sorted_by_key(|event| event.time_us));
    // Each is as the schema says.
    let schema = fanout.run(&["schema", "events"]).stdout;
    let schema: Value = serde_json::from_slice(&schema).unwrap();
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(violations(&schema, &line), [""; 0], "{line}");
    }
    let made_up = json!({"sequence": 0, "time_us": 0, "worker": null, "event": "made_up"});
    assert_ne!(violations(&schema, &made_up), [""; 0]);
    // The store has them, too.
    let url = format!("file://{}", fanout.here.path().join(".fanout").display());
    let store = Store::open(url.as_str()).unwrap();
    let run = events.iter().find_map(|stamped| match &stamped.event {
        Event::RunStarted { run, .. } => Some(*run),
        _ => None,
    });
    assert_eq!(journal::read(&store, &run.unwrap()).unwrap(), events);
    let (mut started, mut finished, mut all, mut scored, mut ended) = (0, 0, 0, 0, false);
    for stamped in &events {
        match &stamped.event {
            Event::RunStarted {
                fits,
                candidates,
                trainers,
                trainer_fits,
                trainer_costs,
                ..
            } => {
                (started, all) = (*fits, *candidates);
                assert_eq!(trainers.len(), 1);
                assert_eq!(*trainer_fits, [*fits]);
                assert!(trainer_costs[0] > 0.0);
            }
            Event::TaskFinished {
                fits,
                reused,
                started_us,
                load,
                memory,
                ..
            } => {
                assert!(started_us.unwrap() <= stamped.time_us);
                assert!(load.is_some() && memory.unwrap() > 0);
                finished += fits;
                assert_eq!(stamped.worker.is_none(), *reused);
            }
            Event::RunFinished { .. } => ended = true,
            Event::CandidateScored { mean, params, .. } => {
                assert!(mean.is_some() && !params.is_empty());
                scored += 1;
            }
            Event::RunClosed { failure } => assert_eq!(*failure, None),
            _ => {}
        }
    }
    assert!(ended && started > 0);
    assert_eq!((started, all), (finished, scored));
    assert!(matches!(
        events.last().unwrap().event,
        Event::RunClosed { .. }
    ));
    // A file that can't be made ends the command before anything is run.
    let output = fanout.run(&["run", &plan, "--events", "no/such/folder"]);
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn families_and_workers_change_no_score() {
    let fanout = Fanout::new();
    let plan = example("quickstart.yaml");
    let run = |options: &[&str]| {
        let mut arguments = vec![plan.as_str(), "--store", "memory://"];
        arguments.extend(options);
        fanout.json(&arguments)
    };
    let together = run(&["--workers", "1"]);
    let apart = run(&["--set", "families=off", "--workers", "2"]);
    let split = run(&["--workers", "7"]);
    assert_eq!(scores(&together), scores(&apart));
    assert_eq!(scores(&together), scores(&split));
    assert_eq!(together["fits"]["served"], apart["fits"]["served"]);
    assert_eq!(apart["fits"]["made"], apart["fits"]["served"]);
    assert!(together["fits"]["made"].as_u64() < apart["fits"]["made"].as_u64());
}

#[test]
fn a_second_run_repeats_no_fit_and_writes_the_same_bytes() {
    let fanout = Fanout::new();
    let plan = example("quickstart.yaml");
    let first = fanout.json(&[&plan, "--output", "first"]);
    let second = fanout.json(&[&plan, "--output", "second"]);
    assert_eq!(first["fits"]["reused"], 0);
    assert_eq!(second["fits"]["reused"], second["fits"]["served"]);
    for name in [
        "cv_results.csv",
        "cv_results.json",
        "cv_results.parquet",
        "best.json",
        "model.fanout",
    ] {
        let read =
            |folder: &str| std::fs::read(fanout.here.path().join(folder).join(name)).unwrap();
        assert_eq!(read("first"), read("second"), "{name}");
    }
    let fresh = fanout.json(&[&plan, "--fresh"]);
    assert_eq!(fresh["fits"]["reused"], 0);
    assert_eq!(scores(&first), scores(&fresh));
}

#[test]
fn a_changed_search_reuses_every_fit_that_it_shares() {
    let fanout = Fanout::new();
    let plan = example("quickstart.yaml");
    let with = |params: &str, more: &[&str]| {
        let search = format!("search.params={params}");
        let mut arguments = vec![plan.as_str(), "--set", &search];
        arguments.extend(more);
        fanout.json(&arguments)
    };
    let first = with("{n_estimators: [5, 10], max_depth: [2, 4]}", &[]);
    assert_eq!(made(&first), first["fits"]["served"].as_u64().unwrap());
    let splits = first["splits"].as_u64().unwrap();
    // Six of nine candidates are new, and one hyper-parameter stands at its
    // default where it was not named.
    let greater = "{n_estimators: [5, 10, 15], max_depth: [2, 4, 6], criterion: gini}";
    let second = with(greater, &["--workers", "7"]);
    assert_eq!(made(&second), 5 * splits);
    assert_eq!(second["fits"]["reused"].as_u64().unwrap(), 4 * splits);
    // However the families are split among workers, and whatever made them.
    let third = with(greater, &["--workers", "1"]);
    assert_eq!(made(&third), 0);
    assert_eq!(scores(&second), scores(&third));
    let alone = with(greater, &["--store", "memory://"]);
    assert_eq!(scores(&alone), scores(&third));
}

#[test]
fn damage_is_found_named_and_mended() {
    let fanout = Fanout::new();
    let plan = example("quickstart.yaml");
    let first = fanout.json(&[&plan]);
    for (folder, made_again) in [
        ("datasets", false),
        ("splits", false),
        ("guests", false),
        ("runs", false),
        ("tasks", true),
    ] {
        let objects = fanout.objects(folder);
        // The greatest result is one of the search, not of the hold-out rows.
        let object = objects
            .iter()
            .filter(|path| !path.ends_with("result.json"))
            // What is wrong with events is told by what shows them.
            .filter(|path| path.extension().is_none_or(|it| it != "jsonl"))
            .max_by_key(|path| std::fs::metadata(path).unwrap().len())
            .unwrap();
        let whole = std::fs::read(object).unwrap();
        let mut damaged = whole.clone();
        damaged[whole.len() / 2] ^= 1;
        std::fs::write(object, &damaged).unwrap();

        let (report, errors) = fanout.json_and_errors(&[&plan]);
        let key = object.strip_prefix(fanout.path(".fanout")).unwrap();
        assert!(
            errors.contains(&format!("warning: `{}`", key.display())),
            "{errors}"
        );
        assert_eq!(scores(&first), scores(&report));
        assert_eq!(made(&report) > 0, made_again, "{folder}");
        if !made_again {
            assert_eq!(std::fs::read(object).unwrap(), whole, "{folder}");
        }
        let (report, errors) = fanout.json_and_errors(&[&plan]);
        assert_eq!(made(&report), 0, "{folder}");
        assert_eq!(errors.contains("warning: `tasks"), made_again, "{errors}");
    }
    // Half of a result is no result either.
    for object in fanout.objects("tasks") {
        let whole = std::fs::read(&object).unwrap();
        std::fs::write(&object, &whole[..whole.len() / 2]).unwrap();
    }
    let report = fanout.json(&[&plan]);
    assert_eq!(made(&report), report["fits"]["served"].as_u64().unwrap());
    assert_eq!(scores(&first), scores(&report));
}

#[test]
fn what_a_limit_ended_is_kept_until_the_limit_is_greater() {
    let fanout = Fanout::new();
    let plan = example("flights.yaml");
    let tight = [plan.as_str(), "--set", "limits.memory=16MiB"];
    for _ in 0..2 {
        let output = fanout.run(&[&["run"], &tight[..]].concat());
        assert_eq!(output.status.code(), Some(6), "{}", text(&output.stderr));
    }
    let kept = fanout.objects("tasks").len();
    let output = fanout.run(&[&["run"], &tight[..]].concat());
    assert_eq!(output.status.code(), Some(6));
    assert_eq!(
        fanout.objects("tasks").len(),
        kept,
        "nothing was tried again"
    );
    let report = fanout.json(&[&plan, "--set", "limits.memory=1GiB"]);
    assert_eq!(report["fits"]["failed"], 0);
    assert_eq!(made(&report), report["fits"]["served"].as_u64().unwrap());
}

/// A search that takes much longer than the test waits.
const LONG: &str = "
name: long
dataset: {source: SOURCE, target: digit}
trainer: {name: random_forest, params: {n_estimators: 60, max_depth: 12}}
search: {method: grid, params: {random_state: {range: [0, 4999]}}}
cv: {method: k_fold, n_splits: 2}
scoring: accuracy
refit: false
";

#[test]
#[cfg(unix)]
fn an_interrupt_ends_a_run_and_the_next_goes_on() {
    let fanout = Fanout::new();
    let plan = fanout.write(
        "long.yaml",
        &LONG.replace("SOURCE", &example("data/digits.parquet")),
    );
    let mut child = fanout
        .command()
        .args(["run", &plan])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let started = lines
        .by_ref()
        .map(Result::unwrap)
        .find(|line| line.contains("10,000 fits:"));
    assert!(started.is_some());
    // Only once a fit is in the store is there something to go on from.
    while fanout.objects("tasks").is_empty() {
        std::thread::yield_now();
    }
    let kill = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(kill.success());
    let rest: Vec<String> = lines.map(Result::unwrap).collect();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{rest:?}");
    let last = rest.join("\n");
    assert!(
        last.contains("of 10000 fits are done") || last.contains("of 10,000 fits are done"),
        "{last}"
    );

    let done = fanout.objects("tasks").len();
    let report = fanout.json(&[&plan, "--set", "search.params.random_state=[0, 1]"]);
    assert_eq!(report["fits"]["served"], 4);
    assert!(done >= 1 && report["fits"]["reused"].as_u64().unwrap() >= 1);
}

#[test]
fn a_guest_is_listed_described_exported_and_checked() {
    let fanout = Fanout::new();
    let list = text(&fanout.run(&["guest", "list"]).stdout);
    for name in [
        "random_forest",
        "extra_trees",
        "decision_tree",
        "linfa_decision_tree",
        "dummy",
    ] {
        assert_eq!(list.matches(&format!("  {name} ")).count(), 1, "{list}");
        let output = fanout.run(&["guest", "describe", name]);
        assert!(output.status.success(), "{}", text(&output.stderr));
    }
    // In groups, each title before its names, in 80 columns.
    let places = [
        "estimators of classes and numbers\n",
        "  k_neighbors ",
        "estimators of classes\n",
        "  svc ",
        "estimators of numbers\n",
        "  svr ",
        "steps before an estimator\n",
        "  pca ",
    ];
    let places = places.map(|name| list.find(name).expect(name));
    assert!(places.is_sorted(), "{list}");
    assert!(
        list.lines().all(|line| line.chars().count() <= 80),
        "{list}"
    );
    let json = text(&fanout.run(&["guest", "list", "--json"]).stdout);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let described = |guest: usize| json[guest]["description"]["trainers"].as_array().unwrap();
    assert_eq!(
        (json[0]["name"].as_str(), json[1]["name"].as_str()),
        (Some("trees"), Some("linfa"))
    );
    assert!(described(1).iter().any(|trainer| trainer["name"] == "svc"
        && trainer["effort"]["seconds"].is_number()
        && !trainer["params"].as_array().unwrap().is_empty()));
    let describe = text(&fanout.run(&["guest", "describe", "random_forest"]).stdout);
    assert!(
        describe.contains("n_estimators = 100  (nested)"),
        "{describe}"
    );
    assert!(fanout.run(&["guest", "export", "guests"]).status.success());
    for name in ["linfa", "trees"] {
        let output = fanout.run(&["guest", "check", &format!("guests/{name}.wasm")]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert!(text(&output.stdout).contains("keeps the contract"));
    }
    fanout.write("text.wasm", "not WebAssembly");
    let output = fanout.run(&["guest", "check", "text.wasm"]);
    assert_eq!(output.status.code(), Some(6), "{}", text(&output.stderr));
}

#[test]
fn error_score_decides_what_a_failed_fit_means() {
    let fanout = Fanout::new();
    let table = format!("a,y\n{}", "1,x\n2,z\n".repeat(20));
    fanout.write("table.csv", &table);
    let plan = "
name: faults
dataset: {source: table.csv, target: y}
trainer: {name: dummy}
search: {method: list, candidates: [{strategy: prior}, {strategy: constant, constant: nowhere}]}
cv: {method: k_fold, n_splits: 2}
scoring: accuracy
refit: false
error_score: ERROR_SCORE
";
    let with = |score: &str| {
        let name = fanout.write(
            &format!("plan{score}.yaml"),
            &plan.replace("ERROR_SCORE", score),
        );
        fanout.run(&["run", "--json", "--quiet", &name])
    };
    let raised = with("raise");
    assert_eq!(raised.status.code(), Some(6));
    assert!(
        text(&raised.stderr).contains("nowhere"),
        "{}",
        text(&raised.stderr)
    );
    for (score, expected) in [("nan", Value::Null), ("-1.5", Value::from(-1.5))] {
        let output = with(score);
        assert!(output.status.success(), "{}", text(&output.stderr));
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(report["fits"]["failed"], 2);
        assert_eq!(report["cv_results"]["mean_test_accuracy"][1], expected);
    }
}

#[test]
fn a_store_that_is_no_folder_is_refused() {
    let fanout = Fanout::new();
    fanout.write("file", "");
    let output = fanout.run(&[
        "run",
        "--quiet",
        &example("quickstart.yaml"),
        "--store",
        "file",
    ]);
    assert_eq!(output.status.code(), Some(5));
    assert!(text(&output.stderr).starts_with("error: can't open the store folder"));
}

/// The results of a search that can't be written are not searched for.
#[test]
fn an_output_that_can_not_be_written_ends_a_run_before_it_begins() {
    let fanout = Fanout::new();
    fanout.write("file", "mine");
    let ends = |verb: &str, plan: &str, folder: &str, message: &str| {
        let output = fanout.run(&[verb, &example(plan), "--output", folder]);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{verb} {folder}: {said}");
        assert!(
            said.contains(&format!("--output {folder}: {message}")),
            "{said}"
        );
        assert!(
            said.contains("\n = name a folder that you may write"),
            "{said}"
        );
        // Before the data are read, and with nothing of it said.
        assert!(said.starts_with("error: "), "{said}");
        for folder in ["datasets", "tasks"] {
            assert!(fanout.objects(folder).is_empty(), "{verb} {folder}");
        }
    };
    let file = "`output` takes a folder, and `file` is none";
    for verb in ["check", "run"] {
        ends(verb, "quickstart.yaml", "file", file);
        ends(verb, "quickstart.yaml", "file/results", file);
    }
    assert_eq!(std::fs::read(fanout.path("file")).unwrap(), b"mine");
    // Only who makes a folder knows that it can't be made, or that nothing can be written.
    if cfg!(target_os = "linux") {
        let message = "can't make the output folder `/proc/x`: ";
        ends("run", "quickstart.yaml", "/proc/x", message);
        let message = "can't write `/proc/self/plan.json`: ";
        ends("run", "quickstart.yaml", "/proc/self", message);
        let of_targets = "can't make the output folder `/proc/x`: ";
        ends("run", "flights_targets.yaml", "/proc/x", of_targets);
    }
}

#[test]
fn a_check_makes_no_folder_of_results() {
    let fanout = Fanout::new();
    let plan = example("quickstart.yaml");
    fanout.text(&["check", &plan, "--output", "new/results"]);
    assert_eq!(std::fs::read_dir(fanout.here.path()).unwrap().count(), 0);
}

/// What commands write is opened before the work that fills it: before a model, a run or a
/// wheel is looked for, none of which is there.
#[test]
fn an_output_that_can_not_be_written_is_told_before_the_work() {
    let fanout = Fanout::new();
    fanout.write("file", "mine");
    std::fs::create_dir(fanout.path("folder.csv")).unwrap();
    std::fs::create_dir(fanout.path("store")).unwrap();
    let commands: [&[&str]; 12] = [
        &["predict", "no.fanout", "no.csv", "--format", "csv", "-o"],
        &["retrain", "no.fanout", "-o"],
        &["report", "3f2a", "--store", "store", "-o"],
        &["show", "3f2a", "--store", "store", "--predictions"],
        &["compare", "3f2a", "9b10", "--store", "store", "--html"],
        &["export", "3f2a", "--store", "store", "--optuna"],
        &["export", "3f2a", "--store", "store", "--trace"],
        &["model", "export", "no.fanout", "--onnx"],
        &["model", "export", "no.fanout", "--component"],
        &["model", "export", "no.fanout", "--package"],
        &["model", "importance", "no.fanout", "-o"],
        &["guest", "python", "--wheel", "no.whl", "-o"],
    ];
    let before = || std::fs::read_dir(fanout.here.path()).unwrap().count();
    let entries = before();
    for command in commands {
        for (file, said) in [
            ("file/out.csv", "error: can't write `file/out.csv"),
            (
                "folder.csv",
                "error: can't write `folder.csv`: is a directory",
            ),
        ] {
            let output = fanout.run(&[command, &[file]].concat());
            let told = text(&output.stderr);
            assert_eq!(output.status.code(), Some(1), "{command:?}: {told}");
            assert!(told.starts_with(said), "{command:?}: {told}");
            assert!(told.contains("\nhint: "), "{command:?}: {told}");
        }
        // One that can be written leaves nothing when the work fails.
        let output = fanout.run(&[command, &["new.csv"]].concat());
        assert!(!output.status.success(), "{command:?}");
        assert_eq!(before(), entries, "{command:?}");
    }
    assert_eq!(std::fs::read(fanout.path("file")).unwrap(), b"mine");
}
