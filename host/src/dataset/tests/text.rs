//! CSV: types, quotes, lines, and threads.

use super::source::SAMPLE_BYTES;
use super::*;

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
    assert!(text.len() as u64 > SAMPLE_BYTES);
    text.push_str("0.5,late,,1\n");
    let (_folder, path) = file("a.csv", text);
    let plan = plan(path, "class");
    let schema = SourceLook::open(&plan.dataset, &here())
        .and_then(|source| source.schema())
        .unwrap();
    assert_eq!((schema.rows, schema.files), (None, 1));
    let found = prepared(&plan).unwrap();
    assert_eq!(found.rows, 60_001);
    let last = rows(&found).pop().unwrap();
    assert_eq!(last, ["0.5", "late", "?", "1"]);
    assert_eq!(found.summary.columns[1].missing, 60_000);
    assert_eq!(found.summary.columns[2].missing, 1);
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
        chunk_bytes in 1_usize..40,
        threads in 1_usize..4,
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
        let store = Store::open("memory://").unwrap();
        let options = ReadOptions { threads, chunk_bytes };
        let found = only(prepare_with(&plan, Some(&store), options).unwrap());
        let rows = rows(&found);
        prop_assert_eq!(rows.len(), cells.len() + 1);
        for (found, (a, b)) in rows[1..].iter().zip(&cells) {
            prop_assert_eq!(&found[0], a.as_deref().unwrap_or("?"));
            prop_assert_eq!(&found[1], b.as_deref().unwrap_or("?"));
        }
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

/// A table with every kind of column, quotes and blank lines, of about this
/// many rows.
fn mixed(rows: u32) -> String {
    let mut text = "id,price,day,shop,note,y\n".to_owned();
    for row in 0..rows {
        let noise = row.wrapping_mul(2_654_435_761) >> 8;
        let price = if noise % 11 == 0 {
            "NA".to_owned()
        } else {
            format!("{}.{:02}", noise % 900, noise % 100)
        };
        let note = match noise % 5 {
            0 => "\"says \"\"hi\"\", and\ngoes\"".to_owned(),
            1 => String::new(),
            _ => format!("n{}", noise % 700),
        };
        let shop = noise % 40;
        text.push_str(&format!(
            "{row},{price},2024-0{}-1{},shop {shop},{note},{}\n",
            1 + noise % 9,
            noise % 10,
            noise % 3
        ));
        if noise % 97 == 0 {
            text.push_str("\r\n");
        }
    }
    text
}

#[test]
fn any_number_of_threads_makes_the_same_dataset() {
    let (_folder, path) = file("a.csv", mixed(300_000));
    let plan = plan(path, "y");
    let of = |threads, chunk_bytes| {
        let store = Store::open("memory://").unwrap();
        let found = only(
            prepare_with(
                &plan,
                Some(&store),
                ReadOptions {
                    threads,
                    chunk_bytes,
                },
            )
            .unwrap(),
        );
        (found.dataset, found.splits, found.layout, found.summary)
    };
    let one = of(1, CHUNK_BYTES);
    assert_eq!(one.3.rows, 300_000);
    for threads in [2, 3, 8] {
        assert!(of(threads, CHUNK_BYTES) == one, "{threads} threads");
        // Nor does it matter where the file is cut.
        assert!(of(threads, 100_003 * threads) == one, "{threads} threads");
    }
}

#[test]
fn a_type_that_shows_late_is_found_by_any_number_of_threads() {
    let mut text = mixed(150_000);
    assert!(text.len() as u64 > SAMPLE_BYTES);
    text.push_str("12345678901,x,2024-01-01,s,n,0\n");
    let (_folder, path) = file("a.csv", text);
    let plan = plan(path, "y");
    let of = |threads| {
        let store = Store::open("memory://").unwrap();
        let options = ReadOptions {
            threads,
            ..ReadOptions::default()
        };
        only(prepare_with(&plan, Some(&store), options).unwrap())
    };
    let (one, two) = (of(1), of(2));
    assert_eq!(kinds(&one.layout)[..2], [("id", false), ("price", true)]);
    assert_eq!(one.summary.columns[0].source_type, "int64");
    assert_eq!((one.dataset, one.layout), (two.dataset, two.layout));
}

#[test]
fn the_first_bad_line_is_said_by_any_number_of_threads() {
    let good = mixed(60_000);
    let lines = good.matches('\n').count() as u64;
    let text = format!("{good}1,2\n{}3\n", good.split_once('\n').unwrap().1);
    let (_folder, path) = file("a.csv", text);
    let plan = plan(path, "y");
    for threads in [1, 2, 5] {
        let store = Store::open("memory://").unwrap();
        let options = ReadOptions {
            threads,
            chunk_bytes: 50_000,
        };
        let error = prepare_with(&plan, Some(&store), options).unwrap_err();
        let DatasetError::Source(SourceError::Ragged { line, found, .. }) = error else {
            panic!("{error}");
        };
        assert_eq!((line, found), (lines + 1, 2));
    }
}

#[test]
fn a_quote_left_open_is_not_read_forever() {
    let mut text = b"a,y\n1,0\n2,1\n\"3,0\n".to_vec();
    text.resize(70 << 20, b'x');
    text.extend(b"\n4,1\n");
    let (_folder, path) = file("a.csv", text);
    assert_eq!(
        message(&prepared(&plan(&path, "y")).unwrap_err()),
        format!(
            "`{}`, line 4: a record of more than 64 MiB; is a quote left open?",
            path.display()
        )
    );
}
