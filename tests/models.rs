//! Model files and predictions, over the real binary.

mod buckets;
mod served;

use std::process::Stdio;

use serde_json::Value;

use crate::functions::results::exported;
use crate::functions::server::{Kind, Server};
use crate::nats::server::Nats;
use crate::nats::worker::Worker;
use crate::program::{Fanout, example, fitted, text, without_record};

/// Numbers, a date, categories of one column and of two, an order, truth values, and
/// missing values, as CSV. Rows repeat, so that trees tell the classes.
fn table(rows: usize) -> String {
    let mut csv = "id,day,weight,colour,size,sold,place,shop,class\n".to_owned();
    for row in 0..rows {
        let (colour, size) = (["red", "blue", "", "7"][row % 4], ["S", "M", "L"][row % 3]);
        let (place, shop) = (["a", "b"][row % 2], ["x", "y", "z"][row / 2 % 3]);
        let weight = match row % 7 {
            3 => String::new(),
            rest => format!("{rest}.5"),
        };
        let class = (row % 4 == 1) != (row % 3 == 2) || row % 7 == 5;
        csv += &format!(
            "r{row},2024-01-{:02},{weight},{colour},{size},{},{place},{shop},{}\n",
            1 + row % 28,
            row % 5 == 0,
            u8::from(class),
        );
    }
    csv
}

const PLAN: &str = "
name: models
dataset:
  source: train.csv
  target: class
  columns: {size: {ordered: [S, M, L]}}
  features: [day, weight, colour, size, sold, {name: where, concat: [place, shop]}]
trainer: {name: random_forest, params: {random_state: 3}}
search: {params: {n_estimators: [3, 6], max_depth: [8]}}
cv: {method: stratified_k_fold, n_splits: 2}
return_train_score: true
";

struct Fitted {
    fanout: Fanout,
    plan: String,
}

fn fit() -> Fitted {
    let fanout = Fanout::new();
    fanout.write("train.csv", &table(200));
    let plan = fanout.write("plan.yaml", PLAN);
    fanout.json(&[&plan, "--output", "out"]);
    Fitted { fanout, plan }
}

impl Fitted {
    fn predict(&self, arguments: &[&str]) -> String {
        let all = [&["predict", "out/model.fanout"][..], arguments].concat();
        self.fanout.text(&all)
    }

    fn refusal(&self, data: &str) -> String {
        self.fanout.write("bad.csv", data);
        let output = self.fanout.run(&["predict", "out/model.fanout", "bad.csv"]);
        assert_eq!(output.status.code(), Some(4), "{}", text(&output.stderr));
        assert!(output.stdout.is_empty());
        text(&output.stderr)
    }
}

/// Whatever the order of the columns and the format of the file, and through standard
/// input, the same rows have the same predictions.
#[test]
fn rows_have_the_same_predictions_however_they_come() {
    let fitted = fit();
    let csv = fitted.predict(&["train.csv", "--probabilities", "--keep", "id"]);
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines[0], "id,prediction,probability_0,probability_1");
    assert_eq!(lines.len(), 201);
    let right = table(200);
    let right = right.lines().zip(&lines).skip(1).filter(|(row, line)| {
        let (class, cells) = (row.rsplit_once(',').unwrap().1, line.split(','));
        cells.collect::<Vec<_>>()[1] == class
    });
    assert!(right.count() > 180);
    // All that the model says has the same probabilities.
    let outputs = fitted.predict(&["train.csv", "--outputs", "--keep", "id"]);
    assert_eq!(outputs, csv);
    // Without the target, in another order.
    let reordered: String = table(200)
        .lines()
        .map(|line| {
            let mut cells: Vec<&str> = line.split(',').collect();
            cells.pop();
            cells.reverse();
            cells.join(",") + "\n"
        })
        .collect();
    fitted.fanout.write("new.csv", &reordered);
    let again = |arguments: &[&str]| {
        let probabilities = ["--probabilities", "--keep", "id"];
        fitted.predict(&[arguments, &probabilities].concat())
    };
    assert_eq!(again(&["new.csv", "--workers", "1"]), csv);
    let mut command = fitted.fanout.command();
    let input = std::fs::File::open(fitted.fanout.path("new.csv")).unwrap();
    let piped = command
        .args(["predict", "out/model.fanout", "-", "--probabilities"])
        .args(["--keep", "id"])
        .stdin(Stdio::from(input))
        .output()
        .unwrap();
    assert_eq!(text(&piped.stdout), csv, "{}", text(&piped.stderr));
    // Through each format, and back.
    for name in ["rows.parquet", "rows.arrow"] {
        let columns = "id,day,weight,colour,size,sold,place,shop";
        let all = ["train.csv", "-o", name, "--keep", columns];
        assert_eq!(fitted.predict(&all), "");
        let back = again(&[name]);
        assert_eq!(back, csv, "{name}");
    }
}

/// The contributions of a row and the expected value are its probability, in the order
/// of the rows, whatever the number of threads.
#[test]
fn contributions_add_up_to_probabilities() {
    let fitted = fit();
    let predicted = fitted.predict(&["train.csv", "--probabilities"]);
    let explained = |workers: &str| {
        let all = [
            "model",
            "explain",
            "out/model.fanout",
            "train.csv",
            "--keep",
            "id",
        ];
        fitted
            .fanout
            .text(&[&all[..], &["--workers", workers]].concat())
    };
    let csv = explained("2");
    assert_eq!(explained("1"), csv);
    let features = ["day", "weight", "colour", "size", "sold", "where"];
    let names = features
        .map(|name| format!("contribution_1_{name}"))
        .join(",");
    let header = format!("id,expected_value_1,{names}");
    assert_eq!(csv.lines().next(), Some(&*header));
    assert_eq!(csv.lines().count(), 201);
    for (row, (line, prediction)) in csv.lines().zip(predicted.lines()).enumerate().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        assert_eq!(cells[0], format!("r{}", row - 1));
        let sum: f64 = cells[1..]
            .iter()
            .map(|cell| cell.parse::<f64>().unwrap())
            .sum();
        let one: f64 = prediction.rsplit(',').next().unwrap().parse().unwrap();
        assert!((sum - one).abs() < 1e-9, "{line} {prediction}");
    }
}

#[test]
fn importances_of_trees_are_shares_and_others_say_that_they_have_none() {
    let fitted = fit();
    let importance = ["model", "importance", "out/model.fanout"];
    let json = fitted.fanout.text(&[&importance[..], &["--json"]].concat());
    let json: Value = serde_json::from_str(&json).unwrap();
    let impurity = json["importances"]["impurity"].as_array().unwrap();
    assert_eq!(impurity.len(), json["features"].as_array().unwrap().len());
    let sum: f64 = impurity.iter().map(|share| share.as_f64().unwrap()).sum();
    assert!((sum - 1.0).abs() < 1e-12, "{sum}");
    let table = fitted
        .fanout
        .text(&[&importance[..], &["-o", "importance.parquet"]].concat());
    assert!(table.starts_with("feature"), "{table}");
    assert!(fitted.fanout.path("importance.parquet").is_file());
    let trees = "random_forest, params: {random_state: 3}}\nsearch: {params: {n_estimators: [3, 6], max_depth: [8]}}";
    let dummy = PLAN.replace(trees, "dummy}");
    assert_ne!(dummy, PLAN);
    let plan = fitted.fanout.write("dummy.yaml", &dummy);
    fitted.fanout.json(&[&plan, "--output", "of_dummy"]);
    for verb in [&["importance"][..], &["explain", "train.csv"]] {
        let mut all = vec!["model", verb[0], "of_dummy/model.fanout"];
        all.extend(&verb[1..]);
        let output = fitted.fanout.run(&all);
        assert_eq!(output.status.code(), Some(6), "{}", text(&output.stderr));
        assert!(text(&output.stderr).contains("trainer `dummy` has no"));
    }
}

#[test]
fn many_batches_stay_in_order() {
    let fitted = fit();
    fitted.fanout.write("long.csv", &table(100_000));
    let csv = fitted.predict(&["long.csv", "--keep", "id", "--workers", "3"]);
    let rows = csv.lines().skip(1).enumerate();
    let mut count = 0;
    for (row, line) in rows {
        assert!(line.starts_with(&format!("r{row},")), "{row}: {line}");
        count += 1;
    }
    assert_eq!(count, 100_000);
}

#[test]
fn rows_that_a_model_does_not_read_are_refused_by_name() {
    let fitted = fit();
    let changed = |change: &dyn Fn(Vec<&str>) -> Vec<String>| -> String {
        let table = table(50);
        let lines = table.lines();
        lines
            .map(|line| change(line.split(',').collect()).join(",") + "\n")
            .collect()
    };
    let owned = |cells: Vec<&str>| cells.into_iter().map(str::to_owned).collect::<Vec<_>>();
    let said = fitted.refusal(&changed(&|mut cells| {
        cells.remove(3);
        owned(cells)
    }));
    assert!(
        said.contains("`bad.csv` lacks the column `colour`"),
        "{said}"
    );
    let said = fitted.refusal(&table(50).replace("2.5", "heavy"));
    assert!(
        said.contains("`weight`") && said.contains("heavy"),
        "{said}"
    );
    assert!(said.contains("line 4"), "{said}");
    let said = fitted.refusal(&table(50).replace(",M,", ",XL,"));
    assert!(said.contains("`size`") && said.contains("`XL`"), "{said}");
    let said = fitted.refusal(&table(50).replace("2024-01-05", "soon"));
    assert!(said.contains("`day`") && said.contains("soon"), "{said}");
}

/// A category that is new is predicted, as in training one of the test rows is, and
/// told.
#[test]
fn unknown_categories_are_told() {
    let fitted = fit();
    fitted
        .fanout
        .write("new.csv", &table(40).replace("red", "mauve"));
    let output = fitted
        .fanout
        .run(&["predict", "out/model.fanout", "new.csv"]);
    assert!(output.status.success());
    assert_eq!(text(&output.stdout).lines().count(), 41);
    assert_eq!(
        text(&output.stderr),
        "warning: `colour` has categories that the training data did not have, in 10 rows; the \
         first is `mauve`\n"
    );
}

#[test]
fn a_model_that_was_changed_is_refused() {
    let fitted = fit();
    let whole = std::fs::read(fitted.fanout.path("out/model.fanout")).unwrap();
    let step = whole.len() / 97;
    for at in (0..whole.len())
        .step_by(step)
        .chain([8, 20, 60, whole.len() - 1])
    {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        std::fs::write(fitted.fanout.path("changed.fanout"), &changed).unwrap();
        let output = fitted.fanout.run(&["model", "show", "changed.fanout"]);
        assert_eq!(output.status.code(), Some(4), "{at}");
        assert!(text(&output.stderr).contains("changed.fanout"));
    }
    for end in [0, 7, 30, 200, whole.len() - 1] {
        std::fs::write(fitted.fanout.path("cut.fanout"), &whole[..end]).unwrap();
        let output = fitted.fanout.run(&["predict", "cut.fanout", "train.csv"]);
        assert_eq!(output.status.code(), Some(4), "{end}");
    }
    let shown = fitted.fanout.text(&["model", "show", "out/model.fanout"]);
    for part in [
        "random_forest",
        "class: 0, 1",
        "where",
        "place and shop",
        "S < M < L",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let json = fitted
        .fanout
        .text(&["model", "show", "out/model.fanout", "--json"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["target"]["classes"], serde_json::json!(["0", "1"]));
    assert_eq!(json["reading"]["source"], "");
}

/// A model without its guest is read with one of the program's, or with that at
/// `--guest`, and with no other.
#[test]
fn a_model_may_leave_its_guest_out() {
    let fitted = fit();
    let arguments = ["run", &fitted.plan, "--output", "small", "--without-guest"];
    fitted.fanout.text(&arguments);
    let size = |folder: &str| {
        let path = fitted.fanout.path(folder).join("model.fanout");
        std::fs::metadata(path).unwrap().len()
    };
    assert!(size("small") * 10 < size("out"));
    let csv = fitted.predict(&["train.csv"]);
    let small = ["predict", "small/model.fanout", "train.csv"];
    assert_eq!(fitted.fanout.text(&small), csv);
    let with = |guest: &str| {
        let guest = exported(guest).display().to_string();
        fitted
            .fanout
            .run(&[&small[..], &["--guest", &guest]].concat())
    };
    assert_eq!(text(&with("trees").stdout), csv);
    let other = with("linfa");
    assert!(!other.status.success());
    assert!(
        text(&other.stderr).contains("no guest"),
        "{}",
        text(&other.stderr)
    );
}

/// The pool of the search fits the model: workers and endpoints give the bytes of a
/// local run, but for the record of where the data were.
#[test]
fn any_pool_fits_the_same_model() {
    let here = fit();
    let model = |fanout: &Fanout| std::fs::read(fanout.path("out/model.fanout")).unwrap();
    let local = model(&here.fanout);
    let elsewhere = |pool: &str| {
        let fanout = Fanout::new();
        fanout.write("train.csv", &table(200));
        let plan = fanout.write("plan.yaml", PLAN);
        (fanout, plan, pool.to_owned())
    };
    let nats = Nats::start();
    let (fanout, plan, url) = elsewhere(&nats.url());
    let store = ["--store", "shared.store"];
    let worker = Worker::start(&fanout, &url, &store);
    worker.says("connected");
    fanout.json(
        &[
            &[plan.as_str(), "--output", "out", "--pool", &url][..],
            &store,
        ]
        .concat(),
    );
    assert_eq!(fitted(&model(&fanout)), fitted(&local));
    let server = Server::start(Kind::WasmtimeKeeping, &exported("trees"));
    let (fanout, plan, url) = elsewhere(&server.url);
    fanout.json(&[&plan, "--output", "out", "--pool", &url]);
    assert!(without_record(&model(&fanout)) == without_record(&local));
}

#[test]
fn a_model_of_numbers_predicts_numbers() {
    let fanout = Fanout::new();
    let plan = example("flights_delay.yaml");
    let search = ["--set", "search.params={n_estimators: [2], max_depth: [3]}"];
    let dataset = example("data/flights.parquet");
    fanout.json(&[&[plan.as_str(), "--output", "out"][..], &search].concat());
    let arguments = ["predict", "out/model.fanout", &dataset, "-o", "p.csv"];
    fanout.text(&arguments);
    let csv = std::fs::read_to_string(fanout.path("p.csv")).unwrap();
    let mut lines = csv.lines();
    assert_eq!(lines.next(), Some("prediction"));
    let numbers: Vec<f64> = lines.map(|line| line.parse().unwrap()).collect();
    assert_eq!(numbers.len(), 336_776);
    let mean = numbers.iter().sum::<f64>() / numbers.len() as f64;
    // The mean delay of the flights that arrive is 6.9 minutes.
    assert!((mean - 6.9).abs() < 1.0, "{mean}");
}
