//! `fanout retrain`, over the real binary: partitions that come later, alike or shifted.

mod places;

use std::process::Output;

use fanout::digest::Digest;
use serde_json::Value;

use crate::program::{Fanout, fitted, head, text, without_record};

/// A table of flights by day: whether one was late follows from its distance, and in a
/// shifted one otherwise.
fn flights(first: usize, rows: usize, shifted: bool) -> String {
    let mut csv = "day,distance,carrier,size,late\n".to_owned();
    for row in first..first + rows {
        let noise = |salt: u64| Digest::of(format!("{row} {salt}").as_bytes()).as_bytes()[0];
        let distance = u32::from(noise(1)) * 4 + u32::from(noise(2)) % 4;
        let distance = distance + if shifted { 600 } else { 0 };
        let carrier = match (shifted, noise(3)) {
            (true, 0..100) => "WN",
            (_, by) => ["UA", "AA", "DL"][usize::from(by) % 3],
        };
        let late = match shifted {
            true => distance < 1100,
            false => distance > 500,
        };
        let weight = match noise(4) % 20 {
            0 => "",
            by => ["S", "M", "L"][usize::from(by) % 3],
        };
        let late = late != (noise(5) < 20);
        let (month, day) = (1 + row / 280 % 12, 1 + row / 10 % 28);
        csv += &format!(
            "{}-{month:02}-{day:02},{distance},{carrier},{weight},{}\n",
            2020 + row / 3360,
            u8::from(late)
        );
    }
    csv
}

const PLAN: &str = "
name: flights
dataset:
  source: days
  target: late
  features: [distance, carrier, size]
  columns: {size: {ordered: [S, M, L]}}
trainer: {name: random_forest, params: {random_state: 3, n_estimators: 12}}
search: {params: {max_depth: [3, 6]}}
cv: {method: stratified_k_fold, n_splits: 2}
scoring: [roc_auc, accuracy]
predictions: true
";

/// A model of a folder with one partition of 1,000 rows.
fn trained(plan: &str, rows: &str) -> Fanout {
    let fanout = Fanout::new();
    std::fs::create_dir(fanout.path("days")).unwrap();
    fanout.write("days/a.csv", rows);
    let plan = fanout.write("plan.yaml", plan);
    fanout.json(&[&plan, "--output", "out"]);
    fanout
}

fn retrained(fanout: &Fanout, arguments: &[&str]) -> (Option<i32>, Value) {
    let all = [&["retrain"], arguments, &["--json"]].concat();
    let output = fanout.run(&all);
    let json = serde_json::from_slice(&output.stdout);
    let json = json.unwrap_or_else(|_| panic!("{}", text(&output.stderr)));
    (output.status.code(), json)
}

fn column<'a>(told: &'a Value, name: &str) -> &'a Value {
    let mut features = told["drift"]["features"].as_array().unwrap().iter();
    features.find(|column| column["name"] == name).unwrap()
}

fn read(fanout: &Fanout, name: &str) -> Vec<u8> {
    std::fs::read(fanout.path(name)).unwrap()
}

const OLD: &str = "out/model.fanout";

/// Of rows that follow another rule, the new model knows more: it wins, and the drift is
/// strong. The old file stays as it is, and the same again finds its fit in the store.
#[test]
fn a_shifted_partition_makes_a_better_model() {
    let fanout = trained(PLAN, &flights(0, 1000, false));
    fanout.write("days/b.csv", &flights(1000, 1000, true));
    let before = read(&fanout, OLD);
    let (code, told) = retrained(&fanout, &[OLD, "-o", "new.fanout"]);
    assert_eq!(code, Some(0), "{told:#}");
    assert_eq!(told["winner"], "new");
    assert_eq!(told["metric"], "roc_auc");
    assert_eq!(told["reused"], false);
    let rows = &told["rows"];
    let counts = ["read", "since", "fitted", "compared"].map(|of| rows[of].as_u64().unwrap());
    assert_eq!(counts, [2000, 1000, 1800, 200]);
    let new = told["files"]["new"].as_array().unwrap();
    assert!(new.len() == 1 && new[0].as_str().unwrap().ends_with("/days/b.csv"));
    for metric in ["roc_auc", "accuracy"] {
        let compared = &told["scores"][metric];
        let number = |of: &str, what: &str| compared[of][what].as_f64().unwrap();
        let ahead = number("difference", "score");
        assert!((ahead - (number("new", "score") - number("old", "score"))).abs() < 1e-12);
        assert!(number("difference", "low") > 0.03, "{compared}");
        assert!(ahead < number("difference", "high"));
    }
    let distance = column(&told, "distance");
    assert_eq!(distance["change"], "strong");
    assert!(distance["ks"]["statistic"].as_f64().unwrap() > 0.4);
    assert!(distance["ks"]["p_value"].as_f64().unwrap() < 1e-6);
    let carriers = &column(&told, "carrier")["new_categories"];
    assert_eq!(carriers["labels"], serde_json::json!(["WN"]));
    let share = carriers["share"].as_f64().unwrap();
    assert!((0.3..0.5).contains(&share), "{share}");
    let size = column(&told, "size");
    assert_eq!(
        (&size["change"], &size["ks"]),
        (&"stable".into(), &Value::Null)
    );
    assert!(size["missing_before"].as_f64().unwrap() > 0.01);
    assert_eq!(told["drift"]["predictions"]["name"], "probability_1");
    assert_eq!(told["drift"]["rows"], 1000);
    assert_eq!(told["drift"]["target"]["name"], "late");

    assert!(read(&fanout, OLD) == before);
    let new = head(&read(&fanout, "new.fanout"));
    let auc = new["model"]["holdout"]["roc_auc"].as_f64();
    assert_eq!(auc, told["scores"]["roc_auc"]["new"]["score"].as_f64());
    let shown = fanout.text(&["model", "show", "new.fanout"]);
    for part in ["on the newest rows", "retrained", "2 files", "1,800 rows"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let csv = fanout.text(&["predict", "new.fanout", "days/b.csv"]);
    assert_eq!(csv.lines().count(), 1001);

    // Once more: nothing is fitted, and nothing is another.
    let (code, again) = retrained(&fanout, &[OLD, "-o", "again.fanout"]);
    assert_eq!((code, &again["reused"]), (Some(0), &true.into()));
    assert_eq!(again["scores"], told["scores"]);
    assert!(read(&fanout, "again.fanout") == read(&fanout, "new.fanout"));
    // The new model has seen both files.
    let (code, none) = retrained(&fanout, &["new.fanout", "-o", "third.fanout"]);
    assert_eq!((code, &none["metric"]), (Some(9), &Value::Null));
    assert!(read(&fanout, "third.fanout") == read(&fanout, "new.fanout"));
    // In its own place, and on all rows.
    let all = [OLD, "-o", OLD, "--all-rows"];
    let (code, told) = retrained(&fanout, &all);
    assert_eq!((code, &told["rows"]["fitted"]), (Some(0), &2000.into()));
    assert!(read(&fanout, OLD) != before);
    assert!(head(&read(&fanout, OLD))["model"]["rows"] == 2000);
}

/// Rows alike are stable, whichever model wins; people are told in words.
#[test]
fn rows_like_those_of_training_are_stable() {
    let plan = format!("{PLAN}holdout: {{fraction: 0.5}}\n");
    let fanout = trained(&plan, &flights(0, 3000, false));
    fanout.write("days/b.csv", &flights(3000, 3000, false));
    let arguments = ["--time", "day", "--holdout", "0.5"];
    let (code, told) = retrained(&fanout, &[&[OLD], &arguments[..]].concat());
    let winner = told["winner"].as_str().unwrap();
    assert_eq!(code, Some(if winner == "new" { 0 } else { 9 }));
    let drift = &told["drift"];
    let features = drift["features"].as_array().unwrap().iter();
    let all = features.chain([&drift["target"], &drift["predictions"]]);
    let changes: Vec<&Value> = all.map(|column| &column["change"]).collect();
    assert_eq!(changes, ["stable"; 5], "{drift:#}");
    assert_eq!(told["time"], "day");
    let output = fanout.run(&[&["retrain", OLD, "-q"], &arguments[..]].concat());
    assert_eq!(output.status.code(), code);
    let said = text(&output.stdout);
    for part in [
        "3,000 of 6,000 rows came since, in 1 file",
        "compared on the 1,500 newest by `day`",
        "Nothing was written",
        "Drift of the rows that came since, 3,000",
        "target late",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert_eq!(text(&output.stderr), "");
}

/// In whatever order the rows are, those of the latest days are the newest: the old model
/// has one score there.
#[test]
fn the_newest_rows_are_those_of_the_latest_time() {
    let fanout = trained(PLAN, &flights(0, 1000, false));
    let rows = flights(1000, 1000, true);
    let old = |rows: &str, arguments: &[&str]| {
        fanout.write("days/b.csv", rows);
        let (_, told) = retrained(&fanout, &[&[OLD], arguments].concat());
        told["scores"]["roc_auc"]["old"]["score"].as_f64().unwrap()
    };
    let in_order = old(&rows, &[]);
    let (header, rest) = rows.split_once('\n').unwrap();
    let lines = rest.lines().rev().map(|line| format!("{line}\n"));
    let reversed = format!("{header}\n") + &lines.collect::<String>();
    let by_time = old(&reversed, &["--time", "day"]);
    assert!((by_time - in_order).abs() < 1e-12, "{by_time} {in_order}");
    assert!((old(&reversed, &[]) - in_order).abs() > 1e-6);
}

/// Files that the model was trained on are left out, and known all the same.
#[test]
fn new_files_alone_make_a_model() {
    let fanout = trained(PLAN, &flights(0, 1000, false));
    fanout.write("days/b.csv", &flights(1000, 500, true));
    let (code, told) = retrained(&fanout, &[OLD, "--new-only", "-o", "new.fanout"]);
    assert_eq!(code, Some(0), "{told:#}");
    let rows = &told["rows"];
    assert_eq!((&rows["read"], &rows["since"]), (&500.into(), &500.into()));
    assert_eq!(rows["fitted"], 400);
    let (code, none) = retrained(&fanout, &["new.fanout"]);
    assert_eq!((code, &none["metric"]), (Some(9), &Value::Null), "{none:#}");
    // Of a source of its own, all files are new.
    fanout.write("other.csv", &flights(3000, 300, true));
    let (_, told) = retrained(&fanout, &["new.fanout", "--source", "other.csv"]);
    assert_eq!(told["rows"]["since"], 300);
    assert_eq!(told["files"]["gone"], serde_json::json!([]));
    let shown = fanout.text(&["model", "show", "new.fanout", "--json"]);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    let training = &shown["training"];
    let names = |of: &str| -> Vec<String> {
        let files = training[of].as_array().unwrap().iter();
        let name = |file: &Value| {
            file["name"]
                .as_str()
                .unwrap()
                .rsplit('/')
                .next()
                .map(str::to_owned)
        };
        files.filter_map(name).collect()
    };
    assert_eq!(
        (names("files"), names("earlier")),
        (vec!["b.csv".to_owned()], vec!["a.csv".to_owned()])
    );
    assert_eq!(training["rows"], 500);
    assert!(training["source"].as_str().unwrap().ends_with("/days"));
}

/// With `--source` and `--new-only`, the new model is fitted on the partitions that came
/// since, and on no others: it is the model of these alone.
#[test]
fn a_model_of_new_files_is_fitted_on_them_alone() {
    let fanout = trained(PLAN, &flights(0, 1000, false));
    let later = [flights(1000, 300, true), flights(1300, 200, true)];
    std::fs::create_dir(fanout.path("later")).unwrap();
    for (name, rows) in ["b.csv", "c.csv"].into_iter().zip(&later) {
        fanout.write(&format!("days/{name}"), rows);
        fanout.write(&format!("later/{name}"), rows);
    }
    let model = |source: &str, more: &[&str], file: &str| {
        let store = format!("{file}.store");
        let arguments = [OLD, "--source", source, "-o", file, "--store", &store];
        let (code, told) = retrained(&fanout, &[&arguments[..], more].concat());
        assert_eq!(code, Some(0), "{told:#}");
        (told, fitted(&read(&fanout, file)).to_vec())
    };
    let (told, of_new) = model("days/*.csv", &["--new-only"], "new.fanout");
    let (_, of_these) = model("later", &[], "later.fanout");
    let (with_old, of_all) = model("days", &[], "all.fanout");
    assert!(of_new == of_these && of_new != of_all);
    let rows = |told: &Value| {
        ["read", "since", "fitted", "compared"].map(|of| told["rows"][of].as_u64().unwrap())
    };
    assert_eq!(rows(&told), [500, 500, 400, 100]);
    assert_eq!(rows(&with_old), [1500, 500, 1400, 100]);
    let files = &told["files"];
    let counts = ["new", "changed", "left_out"].map(|of| files[of].as_array().unwrap().len());
    assert_eq!(counts, [2, 0, 1]);
    assert!(
        files["left_out"][0]
            .as_str()
            .unwrap()
            .ends_with("/days/a.csv")
    );
    assert_eq!(with_old["files"]["left_out"], serde_json::json!([]));

    let arguments = ["retrain", OLD, "--source", "days", "--new-only", "-q"];
    let said = fanout.text(&arguments);
    let line = "500 of 500 rows came since, in 2 files (1 earlier file left out); fitted on 400";
    assert!(said.contains(line), "{said}");
    let shown = fanout.text(&["model", "show", "new.fanout"]);
    for part in [
        "fitted on   400 rows",
        "trained on  2 files of",
        "left out    1 file of",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    // Where all are known, nothing is written but the old model, and that is said.
    let output = fanout.run(&["retrain", "new.fanout", "--new-only", "-o", "none.fanout"]);
    assert_eq!(output.status.code(), Some(9));
    let said = text(&output.stdout);
    assert!(said.contains("`none.fanout` is the old model"), "{said}");
    assert!(read(&fanout, "none.fanout") == read(&fanout, "new.fanout"));
    // A source of its own lacks no file of another.
    let arguments = [OLD, "--source", "later", "--new-only", "-o", "other.fanout"];
    retrained(&fanout, &arguments);
    let (code, none) = retrained(&fanout, &["other.fanout"]);
    assert_eq!(
        (code, &none["files"]["gone"]),
        (Some(9), &serde_json::json!([]))
    );
}

/// A file that grew is told, and its first rows are those of training.
#[test]
fn rows_may_be_appended_to_one_file() {
    let fanout = trained(PLAN, &flights(0, 1000, false));
    let rows = flights(1000, 400, true);
    let more = rows.split_once('\n').unwrap().1;
    fanout.write("days/a.csv", &(flights(0, 1000, false) + more));
    let (_, told) = retrained(&fanout, &[OLD]);
    assert_eq!(told["rows"]["since"], 400, "{told:#}");
    assert_eq!(told["rows"]["compared"], 80);
    let warnings = told["warnings"].to_string();
    assert!(warnings.contains("a.csv` became larger"), "{warnings}");
    // Once more, after a retraining that left nothing out but was asked to.
    let (_, told) = retrained(&fanout, &[OLD, "--new-only", "-o", "new.fanout"]);
    assert_eq!(
        (&told["winner"], &told["rows"]["read"]),
        (&"new".into(), &1400.into())
    );
    let before = std::fs::read_to_string(fanout.path("days/a.csv")).unwrap();
    let rows = flights(1400, 300, true);
    fanout.write(
        "days/a.csv",
        &(before.clone() + rows.split_once('\n').unwrap().1),
    );
    let (_, told) = retrained(&fanout, &["new.fanout"]);
    assert_eq!(
        (&told["rows"]["read"], &told["rows"]["since"]),
        (&1700.into(), &300.into())
    );
    fanout.write("days/a.csv", &before);
    // Another file beside it: of the one that changed, all rows count as new.
    fanout.write("days/b.csv", &flights(1400, 100, true));
    let (_, told) = retrained(&fanout, &[OLD]);
    assert_eq!(told["rows"]["since"], 1500);
    assert!(told["warnings"].to_string().contains("changed since"));
}

/// What a file that is there no more had is not counted among the rows that are.
#[test]
fn files_may_go() {
    let fanout = Fanout::new();
    std::fs::create_dir(fanout.path("days")).unwrap();
    fanout.write("days/a.csv", &flights(0, 600, false));
    fanout.write("days/b.csv", &flights(600, 400, false));
    let plan = fanout.write("plan.yaml", PLAN);
    fanout.json(&[&plan, "--output", "out"]);
    std::fs::remove_file(fanout.path("days/a.csv")).unwrap();
    // Its name sorts before the file that is known.
    fanout.write("days/aa.csv", &flights(1000, 300, true));
    let (code, told) = retrained(&fanout, &[OLD]);
    assert_eq!(code, Some(0), "{told:#}");
    let rows = &told["rows"];
    assert_eq!((&rows["read"], &rows["since"]), (&700.into(), &300.into()));
    assert_eq!(told["files"]["gone"].as_array().unwrap().len(), 1);
    assert_eq!(column(&told, "distance")["change"], "strong");
}

fn refusal(fanout: &Fanout, code: i32, arguments: &[&str]) -> String {
    let output: Output = fanout.run(&[&["retrain", OLD], arguments].concat());
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(output.stdout.is_empty());
    said
}

#[test]
fn data_that_do_not_suit_are_refused() {
    let fanout = trained(PLAN, &flights(0, 1000, false));
    let before = read(&fanout, OLD);
    let said = |rows: &str, more: &[&str]| {
        fanout.write("new.csv", rows);
        refusal(&fanout, 4, &[&["--source", "new.csv"], more].concat())
    };
    let rows = flights(1000, 300, true);
    let lacks = said(&rows.replace("distance", "miles"), &[]);
    assert!(lacks.contains("no column `distance`"), "{lacks}");
    let lacks = said(&rows.replace("late", "delayed"), &[]);
    assert!(lacks.contains("no column `late`"), "{lacks}");
    let text = said(&rows.replacen(",6", ",far6", 1), &[]);
    assert!(
        text.contains("`distance`") && text.contains("line 4"),
        "{text}"
    );
    let few = said(&flights(1000, 30, true), &[]);
    assert!(
        few.contains("6 rows to compare") && few.contains("--holdout"),
        "{few}"
    );
    let classes = said(&rows.replace(",1\n", ",2\n"), &[]);
    assert!(
        classes.contains("the classes `0`, `2`; the model has `0`, `1`"),
        "{classes}"
    );
    let one = said(&rows.replace(",1\n", ",0\n"), &[]);
    assert!(one.contains("late"), "{one}");
    let time = said(&rows, &["--time", "hour"]);
    assert!(time.contains("no column `hour`"), "{time}");
    let time = said(&rows, &["--time", "carrier"]);
    assert!(time.contains("tells no newest rows"), "{time}");
    let all = said(&rows, &["--holdout", "1"]);
    assert!(all.contains("leave none to fit on"), "{all}");
    let said = refusal(&fanout, 2, &["--source", "-"]);
    assert!(said.contains("standard input"), "{said}");
    refusal(&fanout, 2, &["--holdout", "20"]);
    assert!(read(&fanout, OLD) == before);
}

/// Where the newest rows are all of one class, another metric decides, and it is told;
/// without another, that is an error.
#[test]
fn a_metric_that_is_not_defined_gives_way() {
    let fanout = trained(PLAN, &flights(0, 1000, false));
    let rows = flights(1000, 200, true);
    let late = rows.lines().filter(|line| line.ends_with(",1"));
    let others = rows.lines().filter(|line| !line.ends_with(",1"));
    let sorted: String = others.chain(late).map(|line| format!("{line}\n")).collect();
    fanout.write("days/b.csv", &sorted);
    let (_, told) = retrained(&fanout, &[OLD]);
    assert_eq!(told["metric"], "accuracy", "{told:#}");
    assert_eq!(told["scores"]["roc_auc"]["new"]["score"], Value::Null);
    let warnings = told["warnings"].to_string();
    assert!(warnings.contains("`roc_auc` is not defined"), "{warnings}");
    let one = PLAN.replace("[roc_auc, accuracy]", "roc_auc");
    let fanout = trained(&one, &flights(0, 1000, false));
    fanout.write("days/b.csv", &sorted);
    let said = refusal(&fanout, 8, &[]);
    assert!(said.contains("none of the metrics `roc_auc`"), "{said}");
}

#[test]
fn a_model_without_a_record_needs_its_source() {
    let fanout = trained(PLAN, &flights(0, 1000, false));
    let old = without_record(&read(&fanout, OLD));
    std::fs::write(fanout.path(OLD), old).unwrap();
    assert!(fanout.text(&["model", "show", OLD]).contains("distance"));
    let said = refusal(&fanout, 4, &[]);
    assert!(said.contains("--source"), "{said}");
    fanout.write("days/b.csv", &flights(1000, 500, true));
    let (code, told) = retrained(&fanout, &[OLD, "--source", "days", "-o", "new.fanout"]);
    assert_eq!((code, &told["drift"]), (Some(0), &Value::Null), "{told:#}");
    assert_eq!(told["rows"]["since"], 1500);
    assert!(told["warnings"].to_string().contains("on which files"));
    // The new one has a record.
    let (code, _) = retrained(&fanout, &["new.fanout"]);
    assert_eq!(code, Some(9));
}

/// Numbers, weights, steps, a target that is missing in places, and a format and a unit of
/// dates that differ.
#[test]
fn numbers_are_retrained_with_steps_and_weights() {
    let plan = "
name: distances
dataset:
  source: days
  target: distance
  learn: regression
  missing_target: drop
  weight: late
  features: [day, carrier, size]
steps:
  - step: ordinal_encoder
    params: {handle_unknown: use_encoded_value, unknown_value: -1}
  - {name: fill, step: simple_imputer}
  - {step: standard_scaler}
trainer: {name: ridge}
search: {params: {alpha: [0.1, 10], fill__strategy: [mean, median]}}
cv: {method: k_fold, n_splits: 2}
scoring: [neg_mean_absolute_error, r2]
holdout: {fraction: 0.25}
";
    let gaps = |rows: String| -> String {
        let lines = rows.lines().enumerate().map(|(row, line)| {
            let mut cells: Vec<&str> = line.split(',').collect();
            if row % 9 == 5 {
                cells[1] = "";
            }
            cells.join(",").replace(",0", ",2") + "\n"
        });
        lines.collect()
    };
    let fanout = trained(plan, &gaps(flights(0, 900, false)));
    fanout.write("days/b.csv", &gaps(flights(900, 900, true)));
    let (code, told) = retrained(&fanout, &[OLD, "--time", "day", "-o", "new.fanout"]);
    assert_eq!(code, Some(0), "{told:#}");
    assert_eq!(told["metric"], "neg_mean_absolute_error");
    // Every ninth row has no target.
    assert_eq!(
        (&told["rows"]["read"], &told["rows"]["since"]),
        (&1600.into(), &800.into())
    );
    assert_eq!(told["drift"]["target"]["change"], "strong");
    assert_eq!(told["drift"]["predictions"]["name"], "prediction");
    assert_eq!(column(&told, "day")["change"], "strong");
    let head = head(&read(&fanout, "new.fanout"));
    assert_eq!(head["model"]["steps"].as_array().unwrap().len(), 3);
}

/// A plan that tunes the threshold has it tuned anew, by the splits of the plan.
#[test]
fn a_threshold_is_tuned_anew() {
    let plan = format!("{PLAN}threshold: f1\n").replace("[roc_auc, accuracy]", "[f1]");
    let fanout = trained(&plan, &flights(0, 1000, false));
    fanout.write("days/b.csv", &flights(1000, 1000, true));
    let (code, told) = retrained(&fanout, &[OLD, "-o", "new.fanout"]);
    assert_eq!(code, Some(0), "{told:#}");
    let threshold = |file: &str| {
        let head = head(&read(&fanout, file));
        head["model"]["target"]["threshold"].as_f64().unwrap()
    };
    assert!(threshold(OLD) != threshold("new.fanout"));
    // The score is that of the classes that the model predicts.
    let csv = fanout.text(&["predict", "new.fanout", "days/b.csv"]);
    let rows = flights(1000, 1000, true);
    let pairs = csv.lines().zip(rows.lines()).skip(801);
    let (mut both, mut either) = (0.0, 0.0);
    for (predicted, row) in pairs {
        let (predicted, late) = (predicted == "1", row.ends_with(",1"));
        both += f64::from(u8::from(predicted && late));
        either += f64::from(u8::from(predicted)) + f64::from(u8::from(late));
    }
    let f1 = told["scores"]["f1"]["new"]["score"].as_f64().unwrap();
    assert!((f1 - 2.0 * both / either).abs() < 1e-12, "{f1}");
}
