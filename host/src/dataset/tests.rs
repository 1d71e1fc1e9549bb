use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ::parquet::arrow::ArrowWriter;
use ::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, Float64Array, Int64Array, RecordBatch,
    StringArray, TimestampMicrosecondArray,
};
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::{DataType, Float64Type, Int32Type};
use fanout_contract::{Column, ColumnKind, LAYOUT_KEY, Role};
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::plan::{
    CsvOptions, Cv, ErrorScore, FeaturePlan, Holdout, Limits, PoolPlan, Search, TrainerPlan,
};

fn plans() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .join("plans")
}

/// A plan of a source and a target, everything else as usual.
fn plan(source: impl AsRef<Path>, target: &str) -> Plan {
    Plan {
        name: "test".to_owned(),
        dataset: DatasetPlan {
            source: source.as_ref().to_str().unwrap().to_owned(),
            format: None,
            csv: CsvOptions {
                delimiter: ',',
                header: true,
                names: None,
                null_values: ["", "NA", "NaN", "-"].map(str::to_owned).to_vec(),
            },
            features: None,
            drop: Vec::new(),
            categorical: Vec::new(),
            target: target.to_owned(),
            positive: None,
        },
        holdout: None,
        trainer: TrainerPlan {
            name: "none".to_owned(),
            guest: None,
            params: Default::default(),
        },
        search: Search::List {
            candidates: Vec::new(),
        },
        cv: Cv::StratifiedKFold {
            n_splits: 3,
            shuffle: true,
            random_state: 7,
        },
        scoring: vec!["accuracy".to_owned()],
        refit: None,
        return_train_score: false,
        error_score: ErrorScore::Nan,
        families: true,
        pool: PoolPlan::Local { workers: None },
        store: "memory://".to_owned(),
        limits: Limits {
            memory: 1 << 30,
            timeout: Duration::from_secs(300),
        },
        output: None,
    }
}

fn flights() -> Plan {
    let mut plan = plan(plans().join("data/flights.parquet"), "cancelled");
    let column = |name: &str| FeaturePlan::Column(name.to_owned());
    let mut features: Vec<FeaturePlan> = [
        "month",
        "day",
        "day_of_week",
        "sched_dep_time",
        "sched_arr_time",
        "carrier",
        "flight",
        "origin",
        "dest",
    ]
    .map(column)
    .to_vec();
    features.push(FeaturePlan::Concat {
        name: "route".to_owned(),
        concat: vec!["origin".to_owned(), "dest".to_owned()],
        separator: "_".to_owned(),
    });
    features.push(column("distance"));
    plan.dataset.features = Some(features);
    plan.dataset.positive = Some("1".to_owned());
    plan
}

/// A memory store, and what is prepared in it.
fn prepared(plan: &Plan) -> Result<Prepared, DatasetError> {
    prepare(plan, &Store::open("memory://").unwrap())
}

fn read(bytes: &Bytes) -> RecordBatch {
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes.clone())
        .unwrap()
        .build()
        .unwrap();
    let batches: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
    concat_batches(&batches[0].schema(), &batches).unwrap()
}

/// The rows of a dataset as texts; a missing value is `?`.
fn rows(prepared: &Prepared) -> Vec<Vec<String>> {
    let batch = read(prepared.dataset_content.as_ref().unwrap());
    let texts: Vec<Vec<String>> = prepared
        .layout
        .columns
        .iter()
        .zip(batch.columns())
        .map(|(column, values)| match &column.kind {
            ColumnKind::Category { labels } => values
                .as_primitive::<Int32Type>()
                .iter()
                .map(|code| code.map_or("?".to_owned(), |code| labels[code as usize].clone()))
                .collect(),
            ColumnKind::Number => cast(values, &DataType::Float64)
                .unwrap()
                .as_primitive::<Float64Type>()
                .iter()
                .map(|value| match value {
                    Some(value) if !value.is_nan() => value.to_string(),
                    _ => "?".to_owned(),
                })
                .collect(),
        })
        .collect();
    (0..batch.num_rows())
        .map(|row| texts.iter().map(|column| column[row].clone()).collect())
        .collect()
}

/// A file in a folder of its own.
fn file(name: &str, content: impl AsRef<[u8]>) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    (folder, path)
}

fn kinds(layout: &Layout) -> Vec<(&str, bool)> {
    let category = |column: &Column| matches!(column.kind, ColumnKind::Category { .. });
    layout
        .columns
        .iter()
        .map(|column| (column.name.as_str(), category(column)))
        .collect()
}

fn message(error: &DatasetError) -> String {
    error.to_string()
}

#[test]
fn flights_are_prepared_once() {
    let plan = flights();
    let store = Store::open("memory://").unwrap();
    let first = prepare(&plan, &store).unwrap();
    assert_eq!(
        (first.rows, first.search_rows, first.reused),
        (336_776, 336_776, false)
    );
    assert_eq!(
        (first.learning, first.classes.as_slice()),
        (Learning::Binary, &["0", "1"].map(str::to_owned)[..])
    );
    assert_eq!(first.layout.columns.len(), 12);
    assert_eq!(first.summary.warnings, []);
    assert_eq!(first.summary.classes[1].rows, 8255);
    assert_eq!(first.folds.len(), 3);
    assert!(
        first.dataset_bytes < 4 << 20,
        "{} bytes",
        first.dataset_bytes
    );

    let bytes = first.dataset_content.clone().unwrap();
    assert_eq!(Digest::of(&bytes), first.dataset);
    assert_eq!(
        store.get(&Key::dataset(&first.dataset)).unwrap().unwrap(),
        bytes
    );
    assert_eq!(
        store.get(&Key::splits(&first.splits)).unwrap().unwrap(),
        first.splits_content
    );

    // Every value is where it was.
    let source = Source::open(&plan.dataset).unwrap();
    let columns: Vec<usize> = (0..source.columns().len()).collect();
    let batches: Vec<RecordBatch> = source
        .batches(&columns, 65_536)
        .map(Result::unwrap)
        .collect();
    let batch = concat_batches(&batches[0].schema(), &batches).unwrap();
    let text = |name: &str| cast(batch.column_by_name(name).unwrap(), &DataType::Utf8).unwrap();
    let source_columns = [
        "month",
        "flight",
        "carrier",
        "origin",
        "dest",
        "distance",
        "cancelled",
    ]
    .map(text);
    let rows = rows(&first);
    let of_row = |row: usize| {
        source_columns
            .each_ref()
            .map(|column| column.as_string::<i32>().value(row).to_owned())
    };
    for (row, found) in rows.iter().enumerate() {
        let [month, flight, carrier, origin, dest, distance, cancelled] = of_row(row);
        let route = format!("{origin}_{dest}");
        assert_eq!(
            [
                &found[0], &found[6], &found[5], &found[7], &found[8], &found[9], &found[10],
                &found[11]
            ],
            [
                &month, &flight, &carrier, &origin, &dest, &route, &distance, &cancelled
            ]
        );
    }

    let again = prepare(&plan, &store).unwrap();
    assert!(again.reused);
    assert_eq!((again.dataset, again.splits), (first.dataset, first.splits));
    assert_eq!(again.summary, first.summary);
}

#[test]
fn the_layout_travels_with_the_file() {
    let (_folder, path) = file("a.csv", "x,y\n1,a\n2,b\n3,a\n4,b\n5,a\n6,b\n");
    let found = prepared(&plan(path, "y")).unwrap();
    let reader =
        ParquetRecordBatchReaderBuilder::try_new(found.dataset_content.clone().unwrap()).unwrap();
    let metadata = reader
        .metadata()
        .file_metadata()
        .key_value_metadata()
        .unwrap();
    let layout = metadata.iter().find(|pair| pair.key == LAYOUT_KEY).unwrap();
    let layout: Layout = serde_json::from_str(layout.value.as_ref().unwrap()).unwrap();
    assert_eq!(layout, found.layout);
    assert_eq!(layout.columns[1].role, Role::Target);
    assert_eq!(
        layout.columns[1].kind,
        ColumnKind::Category {
            labels: ["a", "b"].map(str::to_owned).to_vec()
        }
    );
}

/// A table with a column of every kind, and missing values in each.
fn of_every_kind() -> RecordBatch {
    let some = |row: i64| row % 7 != 3;
    let column = |name: &'static str, array: ArrayRef| (name, array);
    let rows = || 0..60_i64;
    let texts: Vec<Option<String>> = rows()
        .map(|row| some(row).then(|| format!("t{}, \"{}\"", row % 5, row % 3)))
        .collect();
    RecordBatch::try_from_iter(vec![
        column(
            "int",
            Arc::new(
                rows()
                    .map(|row| some(row).then_some(row * row - 40))
                    .collect::<Int64Array>(),
            ),
        ),
        column(
            "wide",
            Arc::new(
                rows()
                    .map(|row| some(row + 1).then_some(row << 40))
                    .collect::<Int64Array>(),
            ),
        ),
        column(
            "float",
            Arc::new(
                rows()
                    .map(|row| some(row + 2).then_some(row as f64 / 8.0))
                    .collect::<Float64Array>(),
            ),
        ),
        column(
            "bool",
            Arc::new(
                rows()
                    .map(|row| some(row + 3).then_some(row % 3 == 0))
                    .collect::<BooleanArray>(),
            ),
        ),
        column(
            "text",
            Arc::new(texts.iter().map(Option::as_deref).collect::<StringArray>()),
        ),
        column(
            "date",
            Arc::new(
                rows()
                    .map(|row| some(row + 4).then_some(15_706 + row as i32))
                    .collect::<Date32Array>(),
            ),
        ),
        column(
            "time",
            Arc::new(
                rows()
                    .map(|row| some(row + 5).then_some(row * 86_399_500_000))
                    .collect::<TimestampMicrosecondArray>(),
            ),
        ),
        column(
            "none",
            Arc::new(rows().map(|_| None::<&str>).collect::<StringArray>()),
        ),
        column(
            "class",
            Arc::new(
                rows()
                    .map(|row| Some(["lo", "mid", "hi"][row as usize % 3]))
                    .collect::<StringArray>(),
            ),
        ),
    ])
    .unwrap()
}

#[test]
fn every_format_gives_the_same_table() {
    let batch = of_every_kind();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let create = |name: &str| std::fs::File::create(path(name)).unwrap();

    let mut writer = ArrowWriter::try_new(create("a.parquet"), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let mut writer =
        arrow::ipc::writer::FileWriter::try_new(create("a.arrow"), &batch.schema()).unwrap();
    writer.write(&batch).unwrap();
    writer.finish().unwrap();
    let mut writer =
        arrow::ipc::writer::StreamWriter::try_new(create("a.arrows"), &batch.schema()).unwrap();
    writer.write(&batch).unwrap();
    writer.finish().unwrap();
    for (name, delimiter) in [("a.csv", b','), ("a.tsv", b'\t')] {
        let mut writer = arrow::csv::WriterBuilder::new()
            .with_delimiter(delimiter)
            .build(create(name));
        writer.write(&batch).unwrap();
    }

    let of = |name: &str| {
        let mut plan = plan(path(name), "class");
        plan.dataset.features = Some(vec![
            FeaturePlan::Column("int".to_owned()),
            FeaturePlan::Column("wide".to_owned()),
            FeaturePlan::Column("float".to_owned()),
            FeaturePlan::Column("bool".to_owned()),
            FeaturePlan::Column("text".to_owned()),
            FeaturePlan::Column("date".to_owned()),
            FeaturePlan::Column("time".to_owned()),
            FeaturePlan::Concat {
                name: "all".to_owned(),
                concat: ["int", "bool", "text", "date"].map(str::to_owned).to_vec(),
                separator: "/".to_owned(),
            },
        ]);
        prepared(&plan).unwrap()
    };
    let parquet = of("a.parquet");
    assert_eq!(
        kinds(&parquet.layout),
        [
            ("int", false),
            ("wide", false),
            ("float", false),
            ("bool", false),
            ("text", true),
            ("date", false),
            ("time", false),
            ("all", true),
            ("class", true),
        ]
    );
    let expected = rows(&parquet);
    assert_eq!(expected.len(), 60);
    assert_eq!(
        expected[5],
        [
            "-15",
            "5497558138880",
            "0.625",
            "0",
            "t0, \"2\"",
            "15711",
            "?",
            "-15/false/t0, \"2\"/2013-01-06",
            "hi"
        ]
    );
    // One part is missing in row 3, and so is the whole.
    assert_eq!(
        (&*expected[3][0], &*expected[3][4], &*expected[3][7]),
        ("?", "?", "?")
    );
    for name in ["a.arrow", "a.arrows", "a.csv", "a.tsv"] {
        let found = of(name);
        assert_eq!(rows(&found), expected, "{name}");
        assert_eq!(found.splits, parquet.splits, "{name}");
        assert_eq!(found.classes, ["hi", "lo", "mid"]);
        let missing = |prepared: &Prepared| -> Vec<u64> {
            prepared
                .summary
                .columns
                .iter()
                .map(|column| column.missing)
                .collect()
        };
        assert_eq!(missing(&found), missing(&parquet));
    }
}

#[test]
fn a_folder_is_one_table() {
    let folder = tempfile::tempdir().unwrap();
    let write =
        |name: &str, content: &str| std::fs::write(folder.path().join(name), content).unwrap();
    write("2.csv", "x,y\n3,b\n4.5,a\n");
    write("1.csv", "x,y\n1,a\n2,b\n");
    write("README.md", "not data");
    write(".hidden.csv", "z\n1\n");
    let expected = [["1", "a"], ["2", "b"], ["3", "b"], ["4.5", "a"]];
    let mut plan = plan(folder.path(), "y");
    plan.cv = Cv::KFold {
        n_splits: 2,
        shuffle: false,
        random_state: 0,
    };
    assert_eq!(rows(&prepared(&plan).unwrap()), expected);
    plan.dataset.source = format!("{}/?.csv", folder.path().display());
    assert_eq!(rows(&prepared(&plan).unwrap()), expected);
    plan.dataset.source = format!("file://{}", folder.path().display());
    assert_eq!(rows(&prepared(&plan).unwrap()), expected);
}

#[test]
fn a_csv_without_a_header_has_names_all_the_same() {
    let (_folder, path) = file("a.csv", "1;x\n2;y\n\n3;x\n4;y\n");
    let mut plan = plan(path, "column_2");
    plan.cv = Cv::KFold {
        n_splits: 2,
        shuffle: false,
        random_state: 0,
    };
    plan.dataset.csv.header = false;
    plan.dataset.csv.delimiter = ';';
    assert_eq!(
        kinds(&prepared(&plan).unwrap().layout),
        [("column_1", false), ("column_2", true)]
    );
    plan.dataset.csv.names = Some(vec!["a".to_owned(), "b".to_owned()]);
    plan.dataset.target = "b".to_owned();
    let found = prepared(&plan).unwrap();
    assert_eq!(
        rows(&found),
        [["1", "x"], ["2", "y"], ["3", "x"], ["4", "y"]]
    );
}

#[test]
fn types_are_those_of_all_values_however_late() {
    // Past the sample: a column that was whole gets a fraction, one that was
    // empty a text, and one that was never missing a gap.
    let mut text = String::from("whole,empty,full,class\n");
    let pad = "7".repeat(90);
    for row in 0..60_000 {
        text.push_str(&format!("{row},,{pad},{}\n", row % 2));
    }
    assert!(text.len() as u64 > csv::SAMPLE);
    text.push_str("0.5,late,,1\n");
    let (_folder, path) = file("a.csv", text);
    let plan = plan(path, "class");
    let outline = outline(&plan.dataset).unwrap();
    assert_eq!((outline.rows, outline.files), (None, 1));
    let found = prepared(&plan).unwrap();
    assert_eq!(found.rows, 60_001);
    let last = rows(&found).pop().unwrap();
    assert_eq!(last, ["0.5", "late", "?", "1"]);
    assert_eq!(found.summary.columns[1].missing, 60_000);
    assert_eq!(found.summary.columns[2].missing, 1);
}

#[test]
fn numbers_become_categories_where_the_plan_says() {
    let (_folder, path) = file("a.csv", "zip,size,y\n10,1.5,0\n20,2,1\n10,,0\n,1.5,1\n");
    let mut plan = plan(path, "y");
    plan.cv = Cv::KFold {
        n_splits: 2,
        shuffle: false,
        random_state: 0,
    };
    plan.dataset.categorical = vec!["zip".to_owned(), "size".to_owned()];
    let found = prepared(&plan).unwrap();
    assert_eq!(
        kinds(&found.layout),
        [("zip", true), ("size", true), ("y", true)]
    );
    assert_eq!(
        rows(&found),
        [
            ["10", "1.5", "0"],
            ["20", "2", "1"],
            ["10", "?", "0"],
            ["?", "1.5", "1"]
        ]
    );
}

#[test]
fn a_target_is_a_class_or_a_number() {
    let of = |values: [&str; 6]| {
        let mut text = String::from("x,y\n");
        for (row, value) in values.into_iter().enumerate() {
            text.push_str(&format!("{row},{value}\n"));
        }
        let (_folder, path) = file("a.csv", text);
        let mut plan = plan(path, "y");
        plan.cv = Cv::KFold {
            n_splits: 2,
            shuffle: false,
            random_state: 0,
        };
        prepared(&plan).unwrap()
    };
    // Labels are sorted as numbers where all of them are, and written short.
    let found = of(["10", "9", "9.0", "10.0", "1e1", "9"]);
    assert_eq!(
        (found.learning, found.classes),
        (Learning::Binary, vec!["9".to_owned(), "10".to_owned()])
    );
    let found = of(["10", "9", "8", "10", "9", "8"]);
    assert_eq!(
        (found.learning, found.classes.len()),
        (Learning::Multiclass, 3)
    );
    let found = of(["True", "False", "True", "True", "False", "True"]);
    assert_eq!(found.classes, ["false", "true"]);
    let found = of(["1", "2", "3.5", "1", "2", "3.5"]);
    assert_eq!(
        (found.learning, found.classes.len()),
        (Learning::Regression, 0)
    );
    assert_eq!(kinds(&found.layout), [("x", false), ("y", false)]);
    assert_eq!(found.summary.classes, []);
}

#[test]
fn what_a_search_should_not_learn_from_is_said() {
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
            Warning::GivesTargetAway {
                column: name("leak"),
                by: Tell::Value,
                share: 1.0
            },
            Warning::GivesTargetAway {
                column: name("late"),
                by: Tell::Missing,
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
        "`leak` gives the target away: its value alone tells the class in 100 % of the rows; leave \
         it out of the features"
    );
}

#[test]
fn the_delay_of_a_cancelled_flight_gives_it_away() {
    let mut plan = plan(plans().join("data/flights.parquet"), "cancelled");
    plan.cv = Cv::KFold {
        n_splits: 2,
        shuffle: false,
        random_state: 0,
    };
    let found = prepared(&plan).unwrap();
    let told: Vec<&Warning> = found
        .summary
        .warnings
        .iter()
        .filter(|warning| matches!(warning, Warning::GivesTargetAway { .. }))
        .collect();
    // The departure's is missing for those flights exactly; the arrival's for
    // 1,175 diverted ones besides, which is too often to be sure.
    let name = "dep_delay".to_owned();
    assert_eq!(
        told,
        [&Warning::GivesTargetAway {
            column: name,
            by: Tell::Missing,
            share: 1.0
        }]
    );
}

#[test]
fn rows_that_repeat_are_said() {
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
fn a_rare_class_is_said() {
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

#[test]
fn the_splits_file_says_what_the_splits_mean() {
    let mut plan = plan(plans().join("data/breast_cancer.csv"), "diagnosis");
    plan.dataset.positive = Some("malignant".to_owned());
    plan.holdout = Some(Holdout {
        fraction: 0.2,
        stratify: true,
        random_state: 1,
    });
    let found = prepared(&plan).unwrap();
    assert_eq!((found.rows, found.search_rows), (569, 455));
    let splits = read(&found.splits_content);
    let [fold, holdout] = ["fold", "holdout"].map(|name| {
        splits
            .column_by_name(name)
            .unwrap()
            .as_primitive::<Int32Type>()
    });
    assert_eq!(found.refit.column, "fold");
    assert_eq!(found.refit.test, None);
    let held = found.holdout.unwrap();
    assert_eq!((held.column.as_str(), held.test), ("holdout", Some(1)));
    assert_eq!(holdout.iter().filter(|held| *held == Some(1)).count(), 114);
    for (fold, held) in fold.iter().zip(holdout) {
        assert_eq!(fold.is_none(), held == Some(1));
    }
    for (number, split) in found.folds.iter().enumerate() {
        assert_eq!(
            (split.column.as_str(), split.test),
            ("fold", Some(number as i32))
        );
        let rows = fold.iter().filter(|fold| *fold == split.test).count();
        assert!((151..=152).contains(&rows), "{rows}");
    }
    // Another seed, other rows; the dataset stays.
    plan.holdout = Some(Holdout {
        fraction: 0.2,
        stratify: true,
        random_state: 2,
    });
    let other = prepared(&plan).unwrap();
    assert_eq!(other.dataset, found.dataset);
    assert_ne!(other.splits, found.splits);
}

#[test]
fn a_column_names_the_folds() {
    let (_folder, path) = file(
        "a.csv",
        "x,part,y\n1,b,0\n2,a,1\n3,,0\n4,b,1\n5,a,0\n6,b,1\n",
    );
    let mut plan = plan(path, "y");
    plan.cv = Cv::PredefinedSplit {
        column: "part".to_owned(),
    };
    let found = prepared(&plan).unwrap();
    assert_eq!(
        kinds(&found.layout),
        [("x", false), ("y", true)],
        "it is no feature"
    );
    let splits = read(&found.splits_content);
    let fold = splits.column(0).as_primitive::<Int32Type>();
    assert_eq!(fold.values(), &[1, 0, -1, 1, 0, 1]);
    assert_eq!(found.folds.len(), 2);
}

#[test]
fn a_large_dataset_goes_through_a_file() {
    // Noise, so that compression does not keep it small.
    let rows = 400_000_usize;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    let noise = |row: usize, column: u64| {
        let mixed = (row as u64 ^ column << 40).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) as f64
    };
    let mut columns: Vec<(String, ArrayRef)> = (0..24)
        .map(|column| {
            let values = (0..rows)
                .map(|row| noise(row, column))
                .collect::<Float64Array>();
            (format!("x{column}"), Arc::new(values) as ArrayRef)
        })
        .collect();
    let classes = (0..rows)
        .map(|row| Some((row % 2) as i64))
        .collect::<Int64Array>();
    columns.push(("y".to_owned(), Arc::new(classes)));
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut writer =
        ArrowWriter::try_new(std::fs::File::create(&path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();

    let url = format!("file://{}", folder.path().join("store").display());
    let store = Store::open(&url).unwrap();
    let plan = plan(&path, "y");
    let found = prepare(&plan, &store).unwrap();
    assert!(found.dataset_bytes > 64 << 20 && !found.reused);
    assert!(found.dataset_content.is_none());
    let bytes = store.get(&Key::dataset(&found.dataset)).unwrap().unwrap();
    assert_eq!(
        (bytes.len() as u64, Digest::of(&bytes)),
        (found.dataset_bytes, found.dataset)
    );
    assert_eq!(read(&bytes).num_rows(), rows);
    assert!(prepare(&plan, &store).unwrap().reused);
}

#[test]
fn a_column_that_lies_about_its_missing_values_is_read_all_the_same() {
    // Statistics say that nothing is missing only where a writer says so.
    let values = (0..30)
        .map(|row| (row % 4 != 0).then_some(row))
        .collect::<Int64Array>();
    let classes = (0..30).map(|row| Some(row % 2)).collect::<Int64Array>();
    let batch = RecordBatch::try_from_iter_with_nullable(vec![
        ("x", Arc::new(values) as ArrayRef, true),
        ("y", Arc::new(classes) as ArrayRef, false),
    ])
    .unwrap();
    let (_folder, path) = file("a.parquet", b"");
    let mut writer =
        ArrowWriter::try_new(std::fs::File::create(&path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let plan = plan(path, "y");
    let mut source = Source::open(&plan.dataset).unwrap();
    assert_eq!(
        source
            .columns()
            .iter()
            .map(|c| c.nullable)
            .collect::<Vec<_>>(),
        [true, false]
    );
    source.promise_values();
    let stop = stream(&plan, &source).map(|_| ()).unwrap_err();
    assert!(matches!(stop, EncodeStop::Batch(BatchError::Wider)));
    source.look_at_all().unwrap();
    assert!(stream(&plan, &source).is_ok());
}

#[test]
fn a_name_that_is_not_there_is_said_with_the_one_that_may_be_meant() {
    let (_folder, path) = file("a.csv", "month,carrier,y\n1,a,0\n2,b,1\n");
    let mut plan = plan(&path, "y");
    plan.dataset.drop = vec!["carier".to_owned()];
    assert_eq!(
        message(&prepared(&plan).unwrap_err()),
        format!(
            "`{}` has no column `carier`, which is in `drop`; did you mean `carrier`?",
            path.display()
        )
    );
    plan.dataset.drop.clear();
    plan.dataset.features = Some(vec![FeaturePlan::Concat {
        name: "both".to_owned(),
        concat: vec!["month".to_owned(), "y".to_owned()],
        separator: "_".to_owned(),
    }]);
    assert!(matches!(
        prepared(&plan),
        Err(DatasetError::Encode(
            EncodeError::TargetAmongFeatures { .. }
        ))
    ));
}

fn cell() -> impl Strategy<Value = Option<String>> {
    let text = prop::string::string_regex("[a-z,;\"\n\r éß日 0-9.-]{0,12}").unwrap();
    prop_oneof![4 => text.prop_map(Some), 1 => Just(None)]
}

proptest! {
    #[test]
    fn csv_gives_back_every_text(
        cells in prop::collection::vec((cell(), cell()), 4..60),
        crlf in any::<bool>(),
        buffer in 1_usize..40,
    ) {
        // A text column, whatever the cells look like: one is no number.
        let quoted = |cell: &Option<String>| match cell {
            Some(text) => format!("\"{}\"", text.replace('"', "\"\"")),
            None => "NULL".to_owned(),
        };
        let end = if crlf { "\r\n" } else { "\n" };
        let mut text = format!("a,b,y{end}x,x,0{end}");
        for (row, (a, b)) in cells.iter().enumerate() {
            text.push_str(&format!("{},{},{}{end}", quoted(a), quoted(b), row % 2));
        }
        let (_folder, path) = file("a.csv", text);
        let mut plan = plan(path, "y");
        plan.dataset.csv.null_values = vec!["NULL".to_owned()];
        plan.cv = Cv::KFold { n_splits: 2, shuffle: false, random_state: 0 };
        csv::with_buffer(buffer, || {
            let found = prepared(&plan).unwrap();
            let rows = rows(&found);
            prop_assert_eq!(rows.len(), cells.len() + 1);
            for (found, (a, b)) in rows[1..].iter().zip(&cells) {
                prop_assert_eq!(&found[0], a.as_deref().unwrap_or("?"));
                prop_assert_eq!(&found[1], b.as_deref().unwrap_or("?"));
            }
            Ok(())
        })?;
    }

    #[test]
    fn the_line_of_a_ragged_record_is_found(
        before in prop::collection::vec(prop::string::string_regex("[a-z\n]{0,6}").unwrap(), 0..20),
        crlf in any::<bool>(),
    ) {
        let end = if crlf { "\r\n" } else { "\n" };
        let mut text = format!("a,b{end}");
        for value in &before {
            text.push_str(&format!("1,\"{value}\"{end}"));
            if value.len() == 3 {
                text.push_str(end);
            }
        }
        let line = text.matches('\n').count() as u64 + 1;
        text.push_str(&format!("1{end}2,x{end}"));
        let (_folder, path) = file("a.csv", text);
        let Err(DatasetError::Source(SourceError::Ragged { line: found, .. })) = prepared(&plan(path, "b")) else {
            panic!("it is ragged");
        };
        prop_assert_eq!(found, line);
    }
}

#[test]
#[ignore = "a measurement"]
#[expect(clippy::print_stdout, reason = "a measurement is printed")]
fn measure_flights() {
    let plan = flights();
    let time = |name: &str, run: &mut dyn FnMut()| {
        let mut best = f64::MAX;
        for _ in 0..7 {
            let start = std::time::Instant::now();
            run();
            best = best.min(start.elapsed().as_secs_f64() * 1e3);
        }
        println!("{name:<12} {best:8.2} ms");
        best
    };
    time("prepare", &mut || {
        let store = Store::open("memory://").unwrap();
        let prepared = prepare(&plan, &store).unwrap();
        assert_eq!(prepared.rows, 336_776);
    });
    let store = Store::open("memory://").unwrap();
    let prepared = prepare(&plan, &store).unwrap();
    println!(
        "{} bytes, splits {} bytes",
        prepared.dataset_bytes,
        prepared.splits_content.len()
    );
    println!("{:#?}", prepared.summary);
    for warning in &prepared.summary.warnings {
        println!("{warning}");
    }
    let source = Source::open(&plan.dataset).unwrap();
    let projection = Encoder::new(&source, &plan.dataset, &plan.cv, 16_384)
        .unwrap()
        .projection()
        .to_vec();
    time("read", &mut || {
        source
            .batches(&projection, 16_384)
            .for_each(|batch| drop(batch.unwrap()));
    });
    let batches: Vec<_> = source
        .batches(&projection, 16_384)
        .map(Result::unwrap)
        .collect();
    let mut kept = Vec::new();
    time("encode", &mut || {
        kept.clear();
        let mut encoder = Encoder::new(&source, &plan.dataset, &plan.cv, 16_384).unwrap();
        kept.extend(batches.iter().map(|batch| encoder.encode(batch).unwrap()));
    });
    time("summary", &mut || {
        let mut observer = Observer::new(12, Some(336_776));
        kept.iter().for_each(|batch| observer.see(batch));
    });
    let mut keys = Vec::new();
    time("keys", &mut || {
        for batch in &kept {
            batch.columns.iter().for_each(|c| tally::keys(c, &mut keys));
        }
    });
    time("tally", &mut || {
        let mut tallies: Vec<_> = (0..12).map(|_| tally::Tally::new(16_384)).collect();
        for batch in &kept {
            for (column, tally) in batch.columns.iter().zip(&mut tallies) {
                tally::keys(column, &mut keys);
                tally.see(&keys, batch.classes.as_ref().unwrap());
            }
        }
    });
    time("duplicates", &mut || {
        let mut duplicates = tally::Duplicates::new(1 << 20, 336_776);
        for batch in &kept {
            let mut hashes = vec![0; batch.columns[0].len()];
            for column in &batch.columns {
                tally::keys(column, &mut keys);
                tally::Duplicates::fold(&mut hashes, &keys);
            }
            duplicates.see(&mut hashes);
        }
    });
    let schema = Encoder::new(&source, &plan.dataset, &plan.cv, 16_384)
        .unwrap()
        .schema();
    let mut bytes = Bytes::new();
    time("write", &mut || {
        let mut writer = Writer::new(schema.clone());
        kept.iter()
            .for_each(|batch| writer.write(batch.columns.clone()).unwrap());
        bytes = writer.finish(None).unwrap().content.bytes().unwrap();
    });
    time("digest", &mut || {
        std::hint::black_box(Digest::of(&bytes));
    });
    time("decode", &mut || {
        let reader =
            ::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(bytes.clone());
        reader
            .unwrap()
            .with_batch_size(65_536)
            .build()
            .unwrap()
            .for_each(|b| drop(b.unwrap()));
    });
    let classes: Vec<u32> = kept
        .iter()
        .flat_map(|b| b.classes.clone().unwrap())
        .collect();
    let labels = ["0".to_owned(), "1".to_owned()];
    let target = Target {
        rows: classes.len(),
        classes: Some((&classes, &labels)),
    };
    let mut assignment = None;
    time("assign", &mut || {
        assignment = Some(split::assign(&plan.cv, None, target, None).unwrap())
    });
    time("splits", &mut || {
        drop(parquet::splits(&columns(assignment.as_ref().unwrap())).unwrap())
    });
}
