//! Plans with several targets.

mod chain;
mod ensembles;
mod served;

use std::fs;

use serde_json::Value;

use crate::functions::results::exported;
use crate::program::{Fanout, example, made, text};

/// 120 rows: features that tell much of two classes, `a` and `b`, and of a number, `t`.
/// `b` and `t` have gaps. Those rows alone that have the target `only`, if it is one.
fn table(only: &str) -> String {
    let mut rows = String::from("x,z,a,b,t\n");
    for row in 0..120_u32 {
        // Few values, so that the rows of each target have them all.
        let noise = (row.wrapping_mul(2_654_435_761) >> 24) % 8;
        let x = row % 12;
        let a = u32::from(x > 5 && noise > 0);
        let b = ["no", "yes"][usize::from(x > 8)];
        let t = format!("{}.5", x * 10 + noise);
        let (lacks_b, lacks_t) = (row.is_multiple_of(11), row.is_multiple_of(13));
        if (only == "b" && lacks_b) || (only.starts_with('t') && lacks_t) {
            continue;
        }
        let b = if lacks_b { "" } else { b };
        let t = if lacks_t { "" } else { &t };
        rows += &format!("{x},{noise},{a},{b},{t}\n");
    }
    rows
}

const REST: &str = "
trainer: {name: random_forest, params: {random_state: 1}}
search: {params: {n_estimators: [2, 4], max_depth: [2, 4]}}
cv: {method: stratified_k_fold, n_splits: 3, shuffle: true, random_state: 5}
scoring: [roc_auc, r2]
predictions: true
";

const TARGETS: &str = "[{column: a, positive: 1}, b, t, {column: t, above: 50}]";

/// The columns of `cv_results` but those of times.
fn scores(report: &Value) -> Vec<(&String, &Value)> {
    let columns = report["cv_results"].as_object().unwrap().iter();
    columns
        .filter(|(name, _)| !name.ends_with("_time"))
        .collect()
}

#[test]
fn each_target_is_searched_as_if_it_were_alone() {
    let fanout = Fanout::new();
    fanout.write("all.csv", &table(""));
    let plan = format!("dataset: {{source: all.csv, targets: {TARGETS}}}{REST}");
    let plan = fanout.write("plan.yaml", &plan);
    let all = fanout.json(&[&plan, "--workers", "2", "--output", "results"]);
    let targets = all["targets"].as_array().unwrap();
    let names: Vec<&str> = targets
        .iter()
        .map(|report| report["target"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["a", "b", "t", "t_above_50"]);
    for (report, name) in targets.iter().zip(names) {
        fanout.write("one.csv", &table(name));
        let target = match name {
            "a" => "target: a, positive: 1, drop: [b, t]",
            "b" => "target: b, drop: [a, t]",
            "t" => "target: t, drop: [a, b]",
            _ => "targets: [{column: t, above: 50}], drop: [a, b]",
        };
        let rest = match name {
            "t" => REST
                .replace("stratified_k_fold", "k_fold")
                .replace("[roc_auc, r2]", "[r2]"),
            _ => REST.replace("[roc_auc, r2]", "[roc_auc]"),
        };
        let plan = format!("dataset: {{source: one.csv, {target}}}{rest}");
        let plan = fanout.write("one.yaml", &plan);
        let alone = fanout.json(&[&plan, "--store", "memory://", "--workers", "2"]);
        assert_eq!(scores(report), scores(&alone), "{name}");
        for field in ["best", "worth", "metrics", "ranked_by"] {
            let without_model = |report: &Value| {
                let mut value = report[field].clone();
                if let Some(best) = value.as_object_mut() {
                    best.remove("model");
                }
                value
            };
            assert_eq!(
                without_model(report),
                without_model(&alone),
                "{name}: {field}"
            );
        }
        let model = fanout.path(&format!("results/{name}/model.fanout"));
        assert!(model.exists(), "{}", model.display());
    }
    // Of the rows that have all of them.
    let over = &all["over_targets"];
    let rows = (0..120)
        .filter(|row| row % 11 != 0 && row % 13 != 0)
        .count();
    assert_eq!(over["rows"], rows);
    assert!(over["hamming_loss"].as_f64().unwrap() < 0.2, "{over}");
    assert!(over["mean_r2"].as_f64().unwrap() > 0.5, "{over}");

    // Again, nothing is fitted; and a run of one of the targets is shown alone.
    let again = fanout.json(&[&plan, "--workers", "2"]);
    for report in again["targets"].as_array().unwrap() {
        assert_eq!(made(report), 0);
    }
    let run = targets[1]["digests"]["run"].as_str().unwrap();
    let shown: Value = serde_json::from_str(&fanout.text(&["show", run, "--json"])).unwrap();
    assert_eq!(scores(&shown), scores(&targets[1]));

    let files = ["cv_results.csv", "targets.json"];
    let [csv, json] =
        files.map(|name| fs::read_to_string(fanout.path("results").join(name)).unwrap());
    let mut lines = csv.lines();
    assert!(lines.next().unwrap().starts_with("target,param_max_depth,"));
    let of: Vec<&str> = lines.map(|line| line.split(',').next().unwrap()).collect();
    assert_eq!(of.len(), 16);
    assert_eq!((of[0], of[4], of[15]), ("a", "b", "t_above_50"));
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["targets"][3]["folder"], "t_above_50");
    assert_eq!(
        json["targets"][3]["best"]["index"],
        targets[3]["best"]["index"]
    );
}

#[test]
fn a_model_of_one_of_several_targets_predicts() {
    let fanout = Fanout::new();
    fanout.write("all.csv", &table(""));
    let plan = format!("dataset: {{source: all.csv, targets: {TARGETS}}}{REST}");
    let plan = fanout.write("plan.yaml", &plan);
    let shown = fanout.text(&["run", &plan, "--output", "out", "-q"]);
    assert!(shown.contains("target t_above_50"), "{shown}");
    assert!(shown.contains("Over the targets: hamming loss"), "{shown}");
    fanout.write("new.csv", "x,z\n11,5\n0,3\n");
    fanout.text(&[
        "predict",
        "out/t_above_50/model.fanout",
        "new.csv",
        "--output",
        "p.csv",
    ]);
    let predicted = fs::read_to_string(fanout.path("p.csv")).unwrap();
    let first: Vec<&str> = predicted
        .lines()
        .skip(1)
        .map(|line| line.split(',').next().unwrap())
        .collect();
    assert_eq!(first, ["true", "false"], "{predicted}");
}

#[test]
fn many_targets_take_a_line_each() {
    let fanout = Fanout::new();
    let mut rows = String::from("x,z");
    (0..20).for_each(|target| rows += &format!(",y{target}"));
    rows.push('\n');
    for row in 0..80_u32 {
        rows += &format!("{},{}", row % 10, row * 7 % 13);
        for target in 0..20 {
            rows += &format!(",{}", u32::from((row * 3 + row / 7 + target) % 10 > 4));
        }
        rows.push('\n');
    }
    fanout.write("all.csv", &rows);
    let targets: Vec<String> = (0..20).map(|target| format!("y{target}")).collect();
    let plan = format!(
        "dataset: {{source: all.csv, targets: [{}], stratify: all}}\n\
         trainer: {{name: decision_tree}}\ncv: {{n_splits: 2}}\n",
        targets.join(", ")
    );
    let plan = fanout.write("plan.yaml", &plan);
    let shown = fanout.text(&["run", &plan, "-q"]);
    for target in &targets {
        let lines = shown.lines();
        let of_target = lines.filter(|line| line.split(' ').next() == Some(target));
        assert_eq!(of_target.count(), 1, "{shown}");
    }
    assert!(
        shown.contains("decision_tree, 20 targets, 40 fits"),
        "{shown}"
    );
}

#[test]
fn the_flights_have_four_targets() {
    let fanout = Fanout::new();
    let plan = example("flights_targets.yaml");
    let output = fanout.run(&["check", &plan]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let told = text(&output.stdout);
    for line in [
        "target      cancelled, 2 classes: 0 (97.5 %), 1 (2.5 %)",
        "target      arr_delay_above_15, 2 classes:",
        "target      arr_delay, a number",
        "target `arr_delay`: 9430 of 336776 rows have no target `arr_delay`",
    ] {
        assert!(told.contains(line), "{line}:\n{told}");
    }
}

/// The cells of a table in CSV, by column.
fn cells(csv: &str) -> Vec<(String, Vec<String>)> {
    let mut lines = csv.lines();
    let names = lines.next().unwrap().split(',').map(str::to_owned);
    let mut columns: Vec<(String, Vec<String>)> = names.map(|name| (name, Vec::new())).collect();
    for line in lines {
        for (column, cell) in columns.iter_mut().zip(line.split(',')) {
            column.1.push(cell.to_owned());
        }
    }
    columns
}

#[test]
fn one_model_file_predicts_all_targets() {
    let fanout = Fanout::new();
    fanout.write("all.csv", &table(""));
    let rest = REST.replace("[roc_auc, r2]", "[roc_auc, r2]\nthreshold: f1");
    let plan = format!("dataset: {{source: all.csv, targets: {TARGETS}}}{rest}");
    let plan = fanout.write("plan.yaml", &plan);
    let report = fanout.json(&[&plan, "--output", "out"]);
    assert_eq!(report["model"], "model.fanout");
    let listed = fs::read_to_string(fanout.path("out/targets.json")).unwrap();
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed["model"], "model.fanout");

    let mut new = "id,z,x\n".to_owned();
    (0..40).for_each(|row| new += &format!("r{row},{},{}\n", row % 8, row * 5 % 13));
    fanout.write("new.csv", &new);
    let names = ["a", "b", "t", "t_above_50"];
    for wanted in [&[][..], &["--probabilities"], &["--outputs"]] {
        let predict = |model: &str| {
            let common = [
                "predict",
                model,
                "new.csv",
                "--keep",
                "id",
                "--workers",
                "2",
            ];
            cells(&fanout.text(&[&common, wanted].concat()))
        };
        let mut expected = predict(&format!("out/{}/model.fanout", names[0]));
        expected.truncate(1);
        for target in names {
            let alone = predict(&format!("out/{target}/model.fanout"));
            expected.extend(alone.into_iter().skip(1).map(|(name, cells)| {
                let name = match name.split_once('_') {
                    Some((kind, class)) => format!("{kind}_{target}_{class}"),
                    None => format!("{name}_{target}"),
                };
                (name, cells)
            }));
        }
        assert_eq!(predict("out/model.fanout"), expected, "{wanted:?}");
    }
    let shown = fanout.text(&["predict", "out/model.fanout", "new.csv"]);
    let header = shown.lines().next().unwrap();
    assert_eq!(
        header,
        "prediction_a,prediction_b,prediction_t,prediction_t_above_50"
    );

    // The guest that all have in common is there once.
    let size = |path: &str| fs::metadata(fanout.path(path)).unwrap().len();
    let alone: u64 = names
        .map(|target| size(&format!("out/{target}/model.fanout")))
        .iter()
        .sum();
    assert!(size("out/model.fanout") < alone / 3);

    let shown = fanout.text(&["model", "show", "out/model.fanout"]);
    assert!(shown.contains("a model composed of 4 models"), "{shown}");
    for target in ["target      a: ", "target      b: ", "target      t: "] {
        assert!(shown.contains(target), "{shown}");
    }
    let shown = fanout.text(&["model", "show", "out/model.fanout", "--json"]);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["rule"]["kind"], "targets");
    assert_eq!(shown["members"].as_array().unwrap().len(), 4);

    // A run that makes no model of all leaves none of an earlier run.
    fanout.json(&[
        &plan,
        "--output",
        "out",
        "--set",
        "refit=false",
        "--set",
        "threshold=null",
    ]);
    assert!(!fanout.path("out/model.fanout").exists());
}

/// One target is best learnt by a stump, the other by neighbours, of another guest.
#[test]
fn members_may_be_of_several_guests() {
    let fanout = Fanout::new();
    let mut rows = "x,z,high,sum\n".to_owned();
    for row in 0..200_u32 {
        let (x, z) = (row % 10, row / 10 % 10);
        rows += &format!("{x},{z},{},{}\n", u32::from(z > 5), u32::from(x + z > 9));
    }
    fanout.write("all.csv", &rows);
    let plan = "
dataset: {source: all.csv, targets: [sum, high]}
trainers:
  - trainer: {name: decision_tree, params: {max_depth: 1}}
  - trainer: {name: k_neighbors, params: {n_neighbors: 3}}
cv: {method: k_fold, n_splits: 4, shuffle: true, random_state: 2}
";
    let plan = fanout.write("plan.yaml", plan);
    fanout.json(&[&plan, "--output", "out"]);
    let shown = fanout.text(&["model", "show", "out/model.fanout", "--json"]);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    let trainer = |member: usize| shown["members"][member]["trainer"].as_str().unwrap();
    assert_eq!((trainer(0), trainer(1)), ("k_neighbors", "decision_tree"));
    let guest = |member: usize| shown["members"][member]["guest"].as_str().unwrap();
    assert_ne!(guest(0), guest(1));
    let predict =
        |model: &str| cells(&fanout.text(&["predict", model, "all.csv", "--workers", "2"]));
    let (sum, high) = (
        predict("out/sum/model.fanout"),
        predict("out/high/model.fanout"),
    );
    let all = predict("out/model.fanout");
    assert_eq!((&all[0].1, &all[1].1), (&sum[0].1, &high[0].1));
    assert_ne!(sum[0].1, high[0].1);

    // Without its guests, the file is read with those of the program, or with one of a file.
    fanout.json(&[&plan, "--output", "bare", "--without-guest"]);
    assert_eq!(predict("bare/model.fanout"), all);
    let component = exported("trees");
    let guest = ["--guest", component.to_str().unwrap()];
    let model = ["predict", "bare/model.fanout", "all.csv"];
    assert_eq!(cells(&fanout.text(&[&model[..], &guest].concat())), all);
    let other = exported("linfa").with_file_name("other.wasm");
    fs::write(&other, b"\0asm").unwrap();
    let guest = ["--guest", other.to_str().unwrap()];
    let output = fanout.run(&[&model[..], &guest].concat());
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{told}");
    assert!(told.contains("the model has no guest with it"), "{told}");
}

#[test]
fn what_a_model_of_all_targets_can_not_do_is_refused_with_the_reason() {
    let fanout = Fanout::new();
    fanout.write("all.csv", &table(""));
    let plan = format!(
        "dataset: {{source: all.csv, targets: [{{column: a, positive: 1}}, b], drop: [t]}}{REST}"
    );
    let plan = plan.replace("[roc_auc, r2]", "[roc_auc]");
    let plan = fanout.write("plan.yaml", &plan);
    fanout.json(&[&plan, "--output", "out", "--without-guest"]);
    fanout.write("new.csv", "x,z\n11,5\n0,3\n");
    let model = "out/model.fanout";
    let refused: [(&[&str], &str); 4] = [
        (&["retrain", model], "a retraining is of one"),
        (&["model", "importance", model], "importances are of one"),
        (
            &["model", "explain", model, "new.csv"],
            "what features add is told of one",
        ),
        (
            &["model", "dependence", model, "new.csv"],
            "partial dependence is of one",
        ),
    ];
    for (arguments, why) in refused {
        let output = fanout.run(arguments);
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(4), "{arguments:?}: {told}");
        let what = "the model `out/model.fanout` is composed of 2 models (`targets`)";
        assert!(told.contains(what), "{told}");
        assert!(told.contains(why), "{told}");
        assert!(told.contains("name the file of a member"), "{told}");
    }
    // A file of its own is told of each, too.
    fanout.text(&["model", "importance", "out/a/model.fanout"]);

    let mut bytes = fs::read(fanout.path(model)).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(fanout.path("damaged.fanout"), &bytes).unwrap();
    let output = fanout.run(&["predict", "damaged.fanout", "new.csv"]);
    assert_eq!(output.status.code(), Some(4));
    let told = text(&output.stderr);
    assert!(told.contains("is damaged: its part"), "{told}");
}
