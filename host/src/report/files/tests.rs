use std::collections::BTreeMap;

use arrow_array::Array as _;
use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float64Type, Int32Type, Int64Type};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::json;

use super::super::example::{self, params};
use super::*;
use crate::expand::Candidates;
use crate::plan::ErrorScore;
use crate::reduce::Scoreboard;

const NAMES: [&str; 16] = [
    "mean_fit_time",
    "std_fit_time",
    "param_criterion",
    "param_max_depth",
    "param_max_samples",
    "params",
    "split0_test_roc_auc",
    "split1_test_roc_auc",
    "mean_test_roc_auc",
    "std_test_roc_auc",
    "rank_test_roc_auc",
    "split0_test_accuracy",
    "split1_test_accuracy",
    "mean_test_accuracy",
    "std_test_accuracy",
    "rank_test_accuracy",
];

fn read(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join(name)).unwrap()
}

#[test]
fn csv_reads_like_this() {
    let example = example::report();
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &example).unwrap();
    let text = read(folder.path(), "cv_results.csv");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], NAMES.join(","));
    let expected = [
        r#"0.25,0.0,gini,2,,"{""criterion"":""gini"",""max_depth"":2}",0.7,0.625,0.6625,0.03749999999999998,4,0.97,0.97,0.97,0.0,1"#,
        r#"0.25,0.0,gini,4,,"{""criterion"":""gini"",""max_depth"":4}",0.75,0.8,0.775,0.025000000000000022,1,,0.98,,,4"#,
        r#"0.1875,0.0625,gini,null,,"{""criterion"":""gini"",""max_depth"":null}",0.72,0.8,0.76,0.040000000000000036,2,0.97,0.97,0.97,0.0,1"#,
        r#"0.1875,0.0625,"entropy, or ""log_loss""",2,,"{""criterion"":""entropy, or \""log_loss\"""",""max_depth"":2}",0.7,0.7,0.7,0.0,3,0.96,0.96,0.96,0.0,3"#,
        r#"0.1875,0.0625,"entropy, or ""log_loss""",4,,"{""criterion"":""entropy, or \""log_loss\"""",""max_depth"":4}",0.1,,,,5,0.5,,,,4"#,
        r#"0.1875,0.0625,,8,0.1,"{""max_depth"":8,""max_samples"":0.1}",0.5,,,,5,0.5,,,,4"#,
    ];
    assert_eq!(lines[1..], expected);
}

#[test]
fn json_and_parquet_hold_the_same_columns() {
    let example = example::report();
    let folder = tempfile::tempdir().unwrap();
    let written = write(folder.path(), &example).unwrap();
    let names: Vec<_> = written
        .iter()
        .map(|path| path.file_name().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "cv_results.csv",
            "cv_results.json",
            "cv_results.parquet",
            "plan.json",
            "best.json"
        ]
    );
    let text = read(folder.path(), "cv_results.json");
    let order = NAMES.map(|name| text.find(&format!("\"{name}\": [")).unwrap());
    assert!(order.is_sorted());
    let json: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json.as_object().unwrap().len(), NAMES.len());

    let file = File::open(folder.path().join("cv_results.parquet")).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file)
        .unwrap()
        .build()
        .unwrap();
    let [batch] = &reader.collect::<Result<Vec<_>, _>>().unwrap()[..] else {
        panic!()
    };
    assert_eq!(
        batch
            .schema()
            .fields()
            .iter()
            .map(|f| f.name())
            .collect::<Vec<_>>(),
        NAMES
    );
    for (name, array) in NAMES.iter().zip(batch.columns()) {
        for row in 0..6 {
            let expected = &json[name][row];
            if let Some(floats) = array.as_primitive_opt::<Float64Type>() {
                let value = floats.value(row);
                if name.starts_with("param_") {
                    assert_eq!(expected.as_f64(), floats.is_valid(row).then_some(value));
                } else {
                    assert!(floats.is_valid(row), "{name}: NaN, not null");
                    assert_eq!(
                        expected.as_f64(),
                        (!value.is_nan()).then_some(value),
                        "{name}"
                    );
                }
            } else if let Some(ranks) = array.as_primitive_opt::<Int32Type>() {
                assert_eq!(expected, ranks.value(row));
            } else if let Some(depths) = array.as_primitive_opt::<Int64Type>() {
                assert_eq!(
                    expected.as_i64(),
                    depths.is_valid(row).then(|| depths.value(row))
                );
            } else {
                let texts = array.as_string::<i32>();
                let text = texts.is_valid(row).then(|| texts.value(row));
                if *name == "params" {
                    let value: Value = serde_json::from_str(text.unwrap()).unwrap();
                    assert_eq!(*expected, value);
                } else {
                    assert_eq!(expected.as_str(), text, "{name}");
                }
            }
        }
    }
}

#[test]
fn best_and_plan_name_all_that_decides_them() {
    let example = example::report();
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &example).unwrap();
    let best: Value = serde_json::from_str(&read(folder.path(), "best.json")).unwrap();
    assert_eq!(best["best"]["index"], 1);
    assert_eq!(best["best"]["mean"], 0.775);
    assert_eq!(
        best["best"]["holdout"],
        json!({"accuracy": null, "roc_auc": 0.7571})
    );
    assert_eq!(
        best["best"]["params"],
        json!({"criterion": "gini", "max_depth": 4, "random_state": 10})
    );
    let plan: Value = serde_json::from_str(&read(folder.path(), "plan.json")).unwrap();
    assert_eq!(plan["plan"]["trainer"]["name"], "random_forest");
    for digest in ["run", "dataset", "splits"] {
        assert_eq!(plan["digests"][digest].as_str().unwrap().len(), 64);
    }
    assert_eq!(plan["digests"]["guests"][0].as_str().unwrap().len(), 64);
}

#[test]
fn two_reports_of_one_run_are_the_same_bytes() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    for folder in &folders {
        let example = example::report();
        write(folder.path(), &example).unwrap();
        // Once more, over the files that are there.
        write(folder.path(), &example).unwrap();
    }
    let names = |folder: &Path| {
        let entries = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name());
        entries.collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(names(folders[0].path()).len(), 5);
    assert_eq!(names(folders[0].path()), names(folders[1].path()));
    for name in names(folders[0].path()) {
        let [a, b] = [0, 1].map(|i: usize| std::fs::read(folders[i].path().join(&name)).unwrap());
        assert!(a == b, "{name:?}");
    }
}

#[test]
fn a_search_with_no_score_has_no_best() {
    let mut example = example::report();
    let scoring = example.plan.scoring.iter().map(|score| score.name.clone());
    let scoring: Vec<String> = scoring.collect();
    example.results = Scoreboard::new(6, 2, &scoring, false, ErrorScore::Nan).finish();
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &example).unwrap();
    let best: Value = serde_json::from_str(&read(folder.path(), "best.json")).unwrap();
    assert_eq!(best["best"], Value::Null);
}

#[test]
fn a_file_that_fails_leaves_the_old_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.json");
    std::fs::write(&path, "old").unwrap();
    let error = replace(&path, |output| {
        output.write_all(b"half of the n")?;
        Err(io::Error::other("no more"))
    });
    assert_eq!(
        error.unwrap_err().to_string(),
        format!("can't write `{}`", path.display())
    );
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "old");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn that_a_file_can_be_written_is_proved_without_a_trace() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("old"), "old").unwrap();
    prove_writable(&path("old")).unwrap();
    prove_writable(&path("new")).unwrap();
    assert_eq!(std::fs::read_to_string(path("old")).unwrap(), "old");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    for no_file in ["old/new", "absent/new", ""] {
        assert!(prove_writable(&path(no_file)).is_err(), "{no_file}");
    }
}

#[test]
fn a_folder_of_results_is_made_and_proved() {
    let folder = tempfile::tempdir().unwrap();
    let results = folder.path().join("a/b");
    make_folder(&results).unwrap();
    make_folder(&results).unwrap();
    assert_eq!(std::fs::read_dir(&results).unwrap().count(), 0);
    std::fs::write(results.join("file"), "").unwrap();
    assert!(make_folder(&results.join("file")).is_err());
    assert!(make_folder(&results.join("file/c")).is_err());
    std::fs::create_dir(results.join(PLAN)).unwrap();
    assert!(make_folder(&results).is_err());
}

#[test]
#[cfg(unix)]
fn files_are_as_readable_as_any_other() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let [ours, theirs] = ["a", "b"].map(|name| folder.path().join(name));
    replace(&ours, |_| Ok(())).unwrap();
    std::fs::write(&theirs, "").unwrap();
    let mode = |path| std::fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode(&ours), mode(&theirs));
}

#[test]
fn a_parameter_has_the_narrowest_type_that_takes_it() {
    let cases = [
        (json!([1, 2, null]), DataType::Int64),
        (json!([1, 2.5]), DataType::Float64),
        (json!([0.5, null]), DataType::Float64),
        (json!([true, false]), DataType::Boolean),
        (json!([true, 1]), DataType::Utf8),
        (json!(["sqrt", 3, 0.5]), DataType::Utf8),
        (json!([{"a": 1.0}]), DataType::Utf8),
        (json!([null]), DataType::Utf8),
        (json!([18446744073709551615_u64]), DataType::Float64),
    ];
    for (values, expected) in cases {
        let candidates: Candidates = values
            .as_array()
            .unwrap()
            .iter()
            .map(|value| BTreeMap::from([("p".to_owned(), value.clone())]))
            .chain([params(json!({}))])
            .collect();
        let values = Values::Param("p".to_owned(), &candidates);
        let column = Column {
            name: "param_p".to_owned(),
            values,
        };
        assert_eq!(data_type(&column), expected);
        let array = array(&column, &expected, 0..candidates.len()).unwrap();
        assert_eq!(array.data_type(), &expected);
        assert!(array.is_null(candidates.len() - 1));
    }
}
