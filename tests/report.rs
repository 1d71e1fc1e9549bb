//! `report.html`, `fanout report` and `fanout compare` over the real binary, and the page in
//! a real browser.

use std::path::PathBuf;

use serde_json::Value;

use crate::program::{Fanout, example, text};
use crate::servers::{browser, drive};

fn id(report: &Value) -> String {
    report["digests"]["run"].as_str().unwrap().to_owned()
}

/// The page of a run's folder of results.
fn page(fanout: &Fanout, folder: &str) -> String {
    std::fs::read_to_string(fanout.path(folder).join("report.html")).unwrap()
}

/// The results document of a page.
fn results(page: &str) -> Value {
    let (_, data) = page.split_once("id=\"results\">").unwrap();
    serde_json::from_str(data.split_once("</script>").unwrap().0).unwrap()
}

/// The headings of the parts of a page.
fn parts(page: &str) -> Vec<&str> {
    let body = page.split_once("<body>").unwrap().1;
    let body = body.split_once("<script").unwrap().0;
    let parts = body.split("<h3>").skip(1);
    parts.map(|part| part.split_once('<').unwrap().0).collect()
}

#[test]
fn a_run_writes_its_report_and_the_store_gives_the_same() {
    let fanout = Fanout::new();
    let plan = example("quickstart.yaml");
    let report = fanout.json(&[&plan, "--output", "out", "--set", "predictions=true"]);
    let written = page(&fanout, "out");
    assert!(written.len() < 2_000_000, "{}", written.len());
    for part in [
        "In words",
        "Leaderboard",
        "Which hyper-parameters matter",
        "Any two hyper-parameters",
        "Score against cost",
        "All candidates",
        "Predictions of the hold-out rows",
        "Predictions of the test rows of the splits (out of fold)",
        "Time and memory",
        "The table",
        "Classes",
        "Columns",
        "The plan, digests and command",
    ] {
        assert!(
            parts(&written).contains(&part),
            "{part}: {:?}",
            parts(&written)
        );
    }
    let mut written = results(&written);
    assert_eq!(written["targets"][0]["best"], report["best"]["index"]);
    assert_eq!(written["targets"][0]["anova"][0]["method"], "exact");
    let curves = &written["targets"][0]["curves"]["holdout"]["roc"][0];
    let area = curves["area"].as_f64().unwrap();
    let scored = report["best"]["holdout"]["roc_auc"].as_f64().unwrap();
    assert!((area - scored).abs() < 1e-12, "{area} {scored}");
    assert!(written["cost"]["process"]["wall"].as_f64().unwrap() > 0.0);
    assert_eq!(written["data"]["columns"].as_array().unwrap().len(), 31);

    // From the store: all but what the process used.
    let run = id(&report);
    let shown = fanout.text(&["report", &run[..10], "--json"]);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    for of_process in ["process", "reused"] {
        written["cost"][of_process] = Value::Null;
    }
    assert_eq!(written["targets"][0]["chosen"]["model"], "model.fanout");
    written["targets"][0]["chosen"]["model"] = Value::Null;
    // The store holds no path, and its journal goes on to the end of the process.
    written["plan"] = shown["plan"].clone();
    assert!(written["task_stream"]["segments"].as_array().unwrap().len() > 4);
    let segments = shown["task_stream"]["segments"].clone();
    assert_eq!(written["task_stream"]["segments"], segments);
    written["task_stream"] = shown["task_stream"].clone();
    assert_eq!(shown, written);
    let said = fanout.text(&["report", &run[..10], "-o", "again.html"]);
    assert_eq!(said, "Report: again.html\n");
    let again = std::fs::read_to_string(fanout.path("again.html")).unwrap();
    assert_eq!(results(&again), shown);
    fanout.text(&["show", &run[..10], "--output", "shown"]);
    assert_eq!(results(&page(&fanout, "shown")), shown);
}

/// What the page says is needed to do a run again gives the run again.
#[test]
fn the_plan_of_a_report_is_the_same_run() {
    let fanout = Fanout::new();
    let random = "search={method: random, n_iter: 8, random_state: 3, params: {max_depth: \
                  {int_uniform: [2, 9]}, max_features: {uniform: [0.1, 0.9]}, \
                  max_leaf_nodes: [null, 8]}}";
    let tuned = "refit={metric: roc_auc, rule: one_standard_error, simplest: [max_depth]}";
    for (plan, more) in [
        ("quickstart.yaml", vec![]),
        ("quickstart.yaml", vec!["--set", random, "--set", tuned]),
        ("compare.yaml", vec![]),
        (
            "learning_curve.yaml",
            vec!["--set", "train_sizes=[0.1, 0.5]"],
        ),
        ("nested.yaml", vec![]),
        ("permutation_test.yaml", vec!["--set", "n_permutations=5"]),
    ] {
        let plan = example(plan);
        let first = fanout.json(&[&[plan.as_str(), "--output", "out"], &more[..]].concat());
        let written = results(&page(&fanout, "out"));
        let text = written["plan"].as_str().unwrap();
        let again = fanout.write("again.yaml", text);
        let second = fanout.json(&[&again]);
        assert_eq!(id(&second), id(&first), "{text}");
    }
}

#[test]
fn every_kind_of_plan_has_a_report() {
    let fanout = Fanout::new();
    let told = |plan: &str, more: &[&str]| {
        let plan = example(plan);
        fanout.json(&[&[plan.as_str(), "--output", "out"], more].concat());
        let page = page(&fanout, "out");
        let parts: Vec<String> = parts(&page).into_iter().map(ToOwned::to_owned).collect();
        let sentences = results(&page)["targets"][0]["sentences"].clone();
        (parts, sentences.to_string())
    };
    let has = |parts: &[String], wanted: &str| parts.iter().any(|part| part == wanted);
    let (parts, words) = told(
        "learning_curve.yaml",
        &["--set", "train_sizes=[0.1, 0.5, 1.0]"],
    );
    assert!(
        has(&parts, "Learning curve") && !has(&parts, "Leaderboard"),
        "{parts:?}"
    );
    assert!(
        words.contains("with 144 training rows") || words.contains("training rows to"),
        "{words}"
    );
    let (parts, words) = told("nested.yaml", &[]);
    assert!(has(&parts, "Outer splits"), "{parts:?}");
    assert!(
        words.contains("The search as a whole is worth roc_auc"),
        "{words}"
    );
    let (parts, words) = told("permutation_test.yaml", &["--set", "n_permutations=20"]);
    assert!(has(&parts, "Permutation test"), "{parts:?}");
    assert!(
        words.contains("0 of 20 permutations are as good"),
        "{words}"
    );
    let (parts, words) = told("compare.yaml", &[]);
    assert!(
        has(&parts, "Which hyper-parameters of k_neighbors matter"),
        "{parts:?}"
    );
    assert!(words.contains("is the best of"), "{words}");
    let (parts, words) = told("ensemble.yaml", &[]);
    assert!(has(&parts, "Ensemble"), "{parts:?}");
    assert!(words.contains("The ensemble's gain"), "{words}");
    let (parts, _) = told("quickstart.yaml", &["--set", "explain=true"]);
    for part in [
        "Permutation importance",
        "Importances of the model",
        "Contributions of features (SHAP)",
        "Partial dependence",
    ] {
        assert!(has(&parts, part), "{part}: {parts:?}");
    }
}

/// A table whose columns, labels and categories are markup, with three targets.
const HOSTILE: &str = "</script><img src=x onerror=alert(1)>";

fn hostile(fanout: &Fanout) -> String {
    let mut table = format!("\"{HOSTILE}\",b,yes,late,minutes\n");
    for row in 0..120 {
        let (category, class) = (row * 7 % 5, row * 11 % 4 / 2);
        table += &format!(
            "\"{HOSTILE}{category}\",{},\"{HOSTILE}{class}\",{},{}\n",
            row * 5 % 13,
            row % 3,
            f64::from(row % 17) + 0.5
        );
    }
    fanout.write("table.csv", &table);
    fanout.write(
        "plan.yaml",
        &format!(
            "name: \"{HOSTILE}\"\n\
             dataset: {{source: table.csv, features: [\"{HOSTILE}\", b], targets: [yes, late, \
             {{column: minutes, learn: regression}}]}}\n\
             trainer: {{name: random_forest, params: {{n_estimators: 4, random_state: 0}}}}\n\
             search: {{params: {{max_depth: [1, 3], min_samples_leaf: [1, 5]}}}}\n\
             cv: {{method: k_fold, n_splits: 3, shuffle: true}}\n\
             scoring: [accuracy, r2]\nrefit: accuracy\nholdout: {{fraction: 0.25}}\n\
             predictions: true\nexplain: true\noutput: out\n"
        ),
    )
}

#[test]
fn what_is_in_the_data_is_text_in_the_report() {
    let fanout = Fanout::new();
    let plan = hostile(&fanout);
    fanout.json(&[&plan]);
    let page = page(&fanout, "out");
    let found = results(&page);
    assert_eq!(found["name"], HOSTILE);
    assert_eq!(found["targets"].as_array().unwrap().len(), 3);
    assert_eq!(
        page.matches("<script").count(),
        7,
        "six scripts and the data"
    );
    assert!(!page.contains("<img src=x"));
    assert!(page.contains("&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;"));
}

#[test]
fn a_report_that_cannot_be_written_is_a_warning() {
    let fanout = Fanout::new();
    // A folder of its name, in which something is.
    std::fs::create_dir_all(fanout.path("out/report.html/in")).unwrap();
    let plan = example("quickstart.yaml");
    let output = fanout.run(&["run", "--json", &plan, "--output", "out"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let warnings = report["warnings"].to_string();
    assert!(
        warnings.contains("there is no report.html: can't write"),
        "{warnings}"
    );
    assert!(report["best"]["mean"].is_number());
    assert!(fanout.path("out/best.json").exists());
}

#[test]
fn runs_are_set_side_by_side() {
    let fanout = Fanout::new();
    let plan = example("quickstart.yaml");
    let run = |depths: &str| {
        let search = format!("search.params={{max_depth: {depths}, n_estimators: [20, 40]}}");
        id(&fanout.json(&[&plan, "--set", &search]))
    };
    let (one, other) = (run("[1, 2]"), run("[4, 8]"));
    let third = id(&fanout.json(&[&plan, "--set", "cv.n_splits=3"]));
    let all = [one.as_str(), other.as_str(), third.as_str()];
    let table = fanout.text(&[&["compare"], &all[..]].concat());
    for run in all {
        assert!(table.contains(&run[..12]), "{table}");
    }
    assert!(table.contains("The plans differ in"), "{table}");
    assert!(table.contains("cv.n_splits: 5 | 5 | 3"), "{table}");
    let found = fanout.text(&[&["compare", "--json"], &all[..]].concat());
    let found: Value = serde_json::from_str(&found).unwrap();
    assert_eq!(found["runs"][1]["run"], other.as_str());
    // The third has other splits.
    let differences = found["differences"].as_array().unwrap();
    assert_eq!(differences.len(), 1);
    assert_eq!(differences[0]["of"], 1);
    let gap =
        found["runs"][1]["mean"].as_f64().unwrap() - found["runs"][0]["mean"].as_f64().unwrap();
    assert!((differences[0]["difference"].as_f64().unwrap() - gap).abs() < 1e-12);
    fanout.text(&[&["compare", "--html", "compare.html"], &all[..]].concat());
    let page = std::fs::read_to_string(fanout.path("compare.html")).unwrap();
    assert!(page.contains("<h1>Runs side by side</h1>"));

    let alone = fanout.run(&["compare", &one]);
    assert_eq!(alone.status.code(), Some(2), "{}", text(&alone.stderr));
    let different = fanout.run(&[
        "report",
        &one,
        &id(&fanout.json(&[&example("compare.yaml")])),
    ]);
    assert_eq!(different.status.code(), Some(2));
    let said = text(&different.stderr);
    assert!(said.contains("runs of different plans"), "{said}");
}

/// Every chart of every kind of report is drawn, from a file and in every browser's policy:
/// no script is refused or fails, nothing of the data runs, no one is kept out, and the page is
/// no wider than its screen. Screenshots are in `target/report`.
#[test]
fn a_browser_draws_every_chart() {
    let fanout = Fanout::new();
    let explained = ["--set", "explain=true", "--set", "predictions=true"];
    let plans = [
        ("targets", hostile(&fanout), &[][..]),
        ("search", example("quickstart.yaml"), &explained[..]),
        ("trainers", example("compare.yaml"), &[]),
        (
            "classes",
            example("ensemble.yaml"),
            &["--set", "predictions=true"],
        ),
        (
            "learning_curve",
            example("learning_curve.yaml"),
            &["--set", "train_sizes=[0.1, 0.5, 1.0]"],
        ),
        ("nested", example("nested.yaml"), &[]),
        (
            "permutation_test",
            example("permutation_test.yaml"),
            &["--set", "n_permutations=20"],
        ),
    ];
    let mut pages: Vec<(String, PathBuf)> = Vec::new();
    for (name, plan, more) in &plans {
        let folder = format!("out_{name}");
        fanout.json(&[&[plan.as_str(), "--output", &folder], *more].concat());
        pages.push(((*name).to_owned(), fanout.path(&folder).join("report.html")));
    }
    let runs: Value = serde_json::from_str(&fanout.text(&["runs", "--json"])).unwrap();
    let two = [0, 1].map(|at| runs[at]["run"].as_str().unwrap().to_owned());
    fanout.text(&["compare", &two[0], &two[1], "--html", "compare.html"]);
    pages.push(("compare".to_owned(), fanout.path("compare.html")));
    let mut browser = browser("report/pages.mjs", "report");
    for (name, path) in pages {
        browser.arg(name).arg(path);
    }
    drive(browser);
}
