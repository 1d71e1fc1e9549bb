//! Whole tables, from their files to what the store holds.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ::parquet::arrow::ArrowWriter;
use ::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type};
use arrow_array::{
    Array, ArrayRef, BooleanArray, Date32Array, Float64Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use arrow_cast::cast;
use arrow_schema::DataType;
use arrow_select::concat::concat_batches;
use fanout_contract::{Column, ColumnKind, LAYOUT_KEY, Role};
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::plan::{
    CsvOptions, Cv, ErrorScore, FeaturePlan, Holdout, Limits, PoolPlan, Search, SplitSize,
    TrainerPlan,
};

mod added;
mod columns;
mod formats;
mod measure;
mod reading;
mod remote;
mod splitters;
mod targets;
mod text;
mod warnings;

fn plans() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .join("plans")
}

/// A plan of a source and a target, everything else as usual.
fn plan(source: impl AsRef<Path>, target: &str) -> Plan {
    Plan {
        kind: Default::default(),
        name: "test".to_owned(),
        dataset: DatasetPlan {
            source: source.as_ref().to_str().unwrap().to_owned(),
            format: None,
            csv: CsvOptions {
                delimiter: ',',
                header: true,
                names: None,
                null_values: ["", "NA", "NaN", "-"].map(str::to_owned).to_vec(),
                decimal: None,
                thousands: None,
                dayfirst: None,
            },
            features: None,
            drop: Vec::new(),
            categorical: Vec::new(),
            columns: Default::default(),
            target: target.to_owned(),
            learn: None,
            weight: None,
            positive: None,
            groups: None,
            targets: Vec::new(),
            chain: Vec::new(),
            stratify: Default::default(),
            missing_target: Default::default(),
        },
        holdout: None,
        trainer: Some(TrainerPlan {
            name: "none".to_owned(),
            python: None,
            guest: None,
            params: Default::default(),
            bagging: false,
        }),
        trainers: Vec::new(),
        steps: Vec::new(),
        search: Search::List {
            candidates: Vec::new(),
        },
        cv: Cv::StratifiedKFold {
            n_splits: 3,
            shuffle: true,
            random_state: 7,
        },
        scoring: vec!["accuracy".into()],
        refit: None,
        threshold: None,
        return_train_score: false,
        predictions: false,
        ensemble: None,
        explain: None,
        error_score: ErrorScore::Nan,
        families: true,
        pool: PoolPlan::Local { workers: None },
        store: "memory://".into(),
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

/// Where no source is.
fn here() -> Location {
    Location::from("memory://")
}

/// What the only target of a plan has of a dataset in a store.
fn prepare_one(plan: &Plan, store: &Store) -> Result<Prepared, DatasetError> {
    Ok(only(prepare(plan, store)?))
}

fn only(prepared: Vec<Prepared>) -> Prepared {
    let [only] = <[Prepared; 1]>::try_from(prepared).unwrap();
    only
}

/// The same in a store in memory.
fn prepared(plan: &Plan) -> Result<Prepared, DatasetError> {
    prepare_one(plan, &Store::open("memory://").unwrap())
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
    let first = prepare_one(&plan, &store).unwrap();
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
    let source = Source::open(&plan.dataset, &here(), CHUNK_BYTES).unwrap();
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

    let again = prepare_one(&plan, &store).unwrap();
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
    let found = prepare_one(&plan, &store).unwrap();
    assert!(found.dataset_bytes > 64 << 20 && !found.reused);
    assert!(found.dataset_content.is_none());
    let bytes = store.get(&Key::dataset(&found.dataset)).unwrap().unwrap();
    assert_eq!(
        (bytes.len() as u64, Digest::of(&bytes)),
        (found.dataset_bytes, found.dataset)
    );
    assert_eq!(read(&bytes).num_rows(), rows);
    assert!(prepare_one(&plan, &store).unwrap().reused);
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
    let mut source = Source::open(&plan.dataset, &here(), CHUNK_BYTES).unwrap();
    assert_eq!(
        source
            .columns()
            .iter()
            .map(|c| c.nullable)
            .collect::<Vec<_>>(),
        [true, false]
    );
    source.assume_not_null();
    let stop = stream(&plan, &source, true).map(|_| ()).unwrap_err();
    assert!(matches!(
        stop,
        StreamError::Batch(BatchError::TypeTooNarrow)
    ));
    source.infer_from_all_rows().unwrap();
    assert!(stream(&plan, &source, true).is_ok());
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
