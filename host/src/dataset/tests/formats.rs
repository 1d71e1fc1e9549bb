//! The same table in every format, packed in every way.

use super::*;

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
        arrow_ipc::writer::FileWriter::try_new(create("a.arrow"), &batch.schema()).unwrap();
    writer.write(&batch).unwrap();
    writer.finish().unwrap();
    let mut writer =
        arrow_ipc::writer::StreamWriter::try_new(create("a.arrows"), &batch.schema()).unwrap();
    writer.write(&batch).unwrap();
    writer.finish().unwrap();
    for (name, delimiter) in [("a.csv", b','), ("a.tsv", b'\t')] {
        let mut writer = arrow_csv::WriterBuilder::new()
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

/// A folder of the same small table, as other programs write it: see its
/// `make.py`.
fn codecs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/plans/data/codecs")
}

#[test]
fn every_codec_gives_the_same_table() {
    let of = |name: &str| prepared(&plan(codecs().join(name), "class")).unwrap();
    let plain = of("plain.parquet");
    let expected = rows(&plain);
    assert_eq!(expected.len(), 300);
    for name in [
        "snappy.parquet",
        "zstd.parquet",
        "lz4.parquet",
        "gzip.parquet",
        "brotli.parquet",
        "polars.parquet",
        "pandas.parquet",
        "plain.feather",
        "pandas.feather",
        "zstd.feather",
        "lz4.arrows",
        "polars.arrow",
        "table.csv",
        "table.csv.gz",
        "table.csv.zst",
        "table.tsv.gz",
    ] {
        let found = of(name);
        assert_eq!(kinds(&found.layout), kinds(&plain.layout), "{name}");
        assert!(rows(&found) == expected, "{name}");
    }
}

#[test]
fn a_packed_text_is_known_by_its_name() {
    let packed = std::fs::read(codecs().join("table.csv.gz")).unwrap();
    let (_folder, path) = file("packed.csv", &packed);
    assert!(prepared(&plan(&path, "class")).is_err());
    // Cut short, it is no table of fewer rows.
    let (_folder, path) = file("short.csv.gz", &packed[..packed.len() / 2]);
    let error = prepared(&plan(&path, "class")).unwrap_err();
    assert_eq!(
        message(&error),
        format!(
            "`{}` is not a whole gzip file: it is damaged or was cut short",
            path.display()
        )
    );
    let (_folder, path) = file("a.parquet.gz", packed);
    let error = prepared(&plan(&path, "class")).unwrap_err();
    assert!(
        message(&error).starts_with("can't tell the format of"),
        "{error}"
    );
}

#[test]
fn a_path_in_the_plans_store_is_a_source() {
    let at = Location::from(format!("file://{}", codecs().display()).as_str());
    let open = |source: &str| Source::open(&plan(source, "class").dataset, &at, CHUNK_BYTES);
    for source in ["store://zstd.parquet", "store://z*.parquet"] {
        assert_eq!(open(source).unwrap().rows(), Some(300), "{source}");
    }
    let missing = codecs().join("none.csv");
    assert_eq!(
        open("store://none.csv").unwrap_err().to_string(),
        format!(
            "there is no file `{}`; a source is looked for beside its plan",
            missing.display()
        )
    );
}

#[test]
fn the_damaged_column_of_a_file_is_named() {
    let batch = of_every_kind();
    let (_folder, path) = file("a.parquet", b"");
    let mut writer = ArrowWriter::try_new(File::create(&path).unwrap(), batch.schema(), None)
        .expect("the table is written");
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    let metadata = ParquetRecordBatchReaderBuilder::try_new(File::open(&path).unwrap()).unwrap();
    let group = metadata.metadata().row_group(0);
    let damaged = group.columns().iter();
    let mut damaged = damaged.filter(|chunk| chunk.column_path().string() == "float");
    // The header of its first page.
    let (start, _) = damaged.next().unwrap().byte_range();
    bytes[start as usize..][..16].fill(0xff);
    std::fs::write(&path, &bytes).unwrap();
    let error = prepared(&plan(&path, "class")).map(drop).unwrap_err();
    let text = message(&error);
    let expected = format!(
        "`{}` is not a whole Parquet file: it is damaged or was cut short, first in its column \
         `float`",
        path.display()
    );
    assert!(text.starts_with(&expected), "{text}");
}
