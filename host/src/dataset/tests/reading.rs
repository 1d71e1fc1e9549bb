//! How columns are read: as the plan says, or as their texts demand.

use super::source::SAMPLE_BYTES;
use super::*;
use crate::plan::{ColumnKind as Kind, ColumnPlan, MissingTarget, Order};

fn unshuffled(path: impl AsRef<Path>, target: &str) -> Plan {
    let mut plan = plan(path, target);
    plan.cv = Cv::KFold {
        n_splits: 2,
        shuffle: true,
        random_state: 0,
    };
    plan
}

fn kind(kind: Kind) -> ColumnPlan {
    ColumnPlan {
        kind: Some(kind),
        ..ColumnPlan::default()
    }
}

/// The values of the first column.
fn first(prepared: &Prepared) -> Vec<String> {
    rows(prepared)
        .into_iter()
        .map(|mut row| row.swap_remove(0))
        .collect()
}

fn stored(name: &str) -> PathBuf {
    plans().join("../tests/plans/data/tables").join(name)
}

#[test]
fn labels_keep_what_a_number_would_lose() {
    for (values, kept) in [
        (
            ["888E010010", "101E010031", "888E050011", "202E010099"],
            true,
        ),
        (["01010", "1010", "02134", "2134"], true),
        (
            ["18446744073709551614", "18446744073709551615", "3", "4"],
            true,
        ),
        (["1e999", "2e999", "1", "2"], true),
        (["1.50", "2.0", "+3", "4"], false),
    ] {
        let lines: String = (0..8)
            .map(|row| format!("{},{}\n", values[row % 4], row % 2))
            .collect();
        let (_folder, path) = file("a.csv", format!("x,y\n{lines}"));
        let mut plan = unshuffled(&path, "y");
        plan.dataset.categorical = vec!["x".to_owned()];
        let found = first(&prepared(&plan).unwrap());
        assert_eq!(found[..4] == values, kept, "{found:?}");
        // As a target, too; a feature that is a number is warned of.
        plan.dataset.categorical.clear();
        let found = prepared(&plan).unwrap();
        let lost = |warning: &&Warning| matches!(warning, Warning::Lost { .. });
        assert_eq!(found.summary.warnings.iter().any(|w| lost(&w)), kept);
        if kept {
            let plan = unshuffled(&path, "x");
            assert_eq!(prepared(&plan).unwrap().classes.len(), 4);
        }
    }
}

#[test]
fn what_is_lost_beyond_the_sample_is_found_too() {
    let mut text = String::from("x,label,y\n");
    let pad = "z".repeat(90);
    for row in 0..50_000 {
        text.push_str(&format!("{row},{row},{pad}{}\n", row % 2));
    }
    assert!(text.len() as u64 > SAMPLE_BYTES);
    text.push_str(&format!("007,007,{pad}1\n"));
    let (_folder, path) = file("a.csv", text);
    let mut plan = unshuffled(path, "y");
    plan.dataset.categorical = vec!["label".to_owned()];
    let found = prepared(&plan).unwrap();
    assert_eq!(rows(&found).pop().unwrap()[..2], ["7", "007"]);
    let lost = found
        .summary
        .warnings
        .iter()
        .find(|w| matches!(w, Warning::Lost { .. }));
    assert_eq!(
        lost.unwrap().to_string(),
        "`x` is read as numbers, and `007` on line 50002 loses its zeros at the start; if it is a \
         code, say `columns: {x: text}`"
    );
}

#[test]
fn columns_are_read_as_the_plan_says() {
    let text = "zip;price;day;grade;y\n01010;1.299,99;31/01/2016;B;a\n2134;265,64;1/2/2016;A;b\n\
                01010;12,50;03/02/2016;C;a\n2134;7;04/02/2016;A;b\n";
    let (_folder, path) = file("a.csv", text);
    let mut plan = unshuffled(&path, "y");
    plan.dataset.csv.delimiter = ';';
    let columns = [
        ("zip", kind(Kind::Text)),
        (
            "price",
            ColumnPlan {
                decimal: Some(','),
                thousands: Some('.'),
                ..ColumnPlan::default()
            },
        ),
        (
            "day",
            ColumnPlan {
                date: Some("%d/%m/%Y".to_owned()),
                ..ColumnPlan::default()
            },
        ),
        (
            "grade",
            ColumnPlan {
                ordered: Some(Order::Labels(["C", "B", "A"].map(str::to_owned).to_vec())),
                ..ColumnPlan::default()
            },
        ),
    ];
    plan.dataset.columns = columns
        .map(|(name, column)| (name.to_owned(), column))
        .into();
    let found = prepared(&plan).unwrap();
    let table = rows(&found);
    assert_eq!(table[0], ["01010", "1299.99", "16831", "1", "a"]);
    assert_eq!(table[3], ["2134", "7", "16835", "2", "b"]);
    let read: Vec<String> = found
        .summary
        .columns
        .iter()
        .map(|c| c.reads.to_string())
        .collect();
    assert_eq!(
        read,
        [
            "category of 2 levels",
            "number",
            "date",
            "ordered: C < B < A",
            "category of 2 levels"
        ]
    );
    let examples: Vec<_> = found
        .summary
        .columns
        .iter()
        .map(|c| c.example.as_deref())
        .collect();
    let expected = ["01010", "1299.99", "2016-01-31", "B", "a"].map(Some);
    assert_eq!(examples, expected);

    // The same for all columns.
    plan.dataset.columns.clear();
    plan.dataset.columns.insert(
        "grade".to_owned(),
        ColumnPlan {
            ordered: Some(Order::Sorted),
            ..ColumnPlan::default()
        },
    );
    (plan.dataset.csv.decimal, plan.dataset.csv.thousands) = (Some(','), Some('.'));
    plan.dataset.csv.dayfirst = Some(true);
    let table = rows(&prepared(&plan).unwrap());
    assert_eq!(table[0], ["1010", "1299.99", "16831", "1", "a"]);
    assert_eq!(table[2], ["1010", "12.5", "16834", "2", "a"]);
}

#[test]
fn a_value_that_is_not_what_the_plan_says_is_named_with_its_line() {
    let (_folder, path) = file("a.csv", "x,y\n1,a\n2,b\n\nn,a\n4,b\n");
    let mut plan = unshuffled(&path, "y");
    plan.dataset.columns = [("x".to_owned(), kind(Kind::Number))].into();
    assert_eq!(
        message(&prepared(&plan).unwrap_err()),
        format!(
            "`{}`, line 5: the column `x` holds `n`, which is not a number with `.` before its \
             fraction; correct it, say otherwise in `dataset.columns`, or add it to \
             `csv.null_values` if it means a missing value",
            path.display()
        )
    );
    plan.dataset.columns = [("x".to_owned(), kind(Kind::Date))].into();
    assert!(message(&prepared(&plan).unwrap_err()).contains("line 2: the column `x` holds `1`"));
    let order = ColumnPlan {
        ordered: Some(Order::Labels(["1", "2.0", "4"].map(str::to_owned).to_vec())),
        ..ColumnPlan::default()
    };
    plan.dataset.columns = [("x".to_owned(), order)].into();
    let refused = message(&prepared(&plan).unwrap_err());
    assert!(
        refused.contains("holds `n`, which is not one of `1`, `2.0`, `4`"),
        "{refused}"
    );
}

#[test]
fn texts_of_parquet_files_are_read_as_the_plan_says() {
    let texts = |texts: [&str; 4]| Arc::new(StringArray::from(texts.to_vec())) as ArrayRef;
    let columns = [
        ("price", texts(["1,5", "2,5", "3,5", "4"])),
        (
            "day",
            texts(["01/02/1970", "02/01/1970", "03/01/1970", "04/01/1970"]),
        ),
        ("y", texts(["a", "b", "a", "b"])),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    let mut writer =
        ArrowWriter::try_new(File::create(&path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let mut plan = unshuffled(&path, "y");
    let looks = prepared(&plan).unwrap().summary.warnings;
    assert_eq!(
        looks
            .iter()
            .filter(|w| matches!(w, Warning::LooksLike { .. }))
            .count(),
        2
    );
    let date = ColumnPlan {
        date: Some("%d/%m/%Y".to_owned()),
        ..ColumnPlan::default()
    };
    let price = ColumnPlan {
        decimal: Some(','),
        ..ColumnPlan::default()
    };
    plan.dataset.columns = [("price".to_owned(), price), ("day".to_owned(), date)].into();
    assert_eq!(rows(&prepared(&plan).unwrap())[0], ["1.5", "31", "a"]);
    plan.dataset.columns = [("price".to_owned(), kind(Kind::Number))].into();
    let refused = message(&prepared(&plan).unwrap_err());
    assert!(
        refused.contains("the column `price` holds `1,5`"),
        "{refused}"
    );
}

#[test]
fn an_index_is_no_feature_unless_the_plan_names_it() {
    let lines: String = (0..40)
        .map(|row| format!("{},{},{}\n", 39 - row, row % 7, row % 2))
        .collect();
    let (_folder, path) = file("a.csv", format!(",x,y\n{lines}"));
    let mut plan = unshuffled(&path, "y");
    let found = prepared(&plan).unwrap();
    assert_eq!(kinds(&found.layout), [("x", false), ("y", true)]);
    let index = Warning::Index {
        column: "column_1".to_owned(),
    };
    assert!(found.summary.warnings.contains(&index));
    plan.dataset.columns = [("column_1".to_owned(), kind(Kind::Number))].into();
    let found = prepared(&plan).unwrap();
    assert_eq!(found.layout.columns.len(), 3);
    assert!(!found.summary.warnings.contains(&index));
    // Values that repeat number nothing, and a name that is made up is free.
    let lines: String = (0..40)
        .map(|row| format!("{},{},{}\n", row % 3, row % 7, row % 2))
        .collect();
    let (_folder, path) = file("a.csv", format!(",column_1,y\n{lines}"));
    let found = prepared(&unshuffled(&path, "y")).unwrap();
    assert_eq!(
        kinds(&found.layout),
        [("column_1_1", false), ("column_1", false), ("y", true)]
    );

    for (name, index) in [
        ("index.parquet", "__index_level_0__"),
        ("named_index.parquet", "id"),
    ] {
        let mut plan = unshuffled(stored(name), "y");
        let found = prepared(&plan).unwrap();
        assert_eq!(kinds(&found.layout), [("x", false), ("y", true)]);
        let told = Warning::Index {
            column: index.to_owned(),
        };
        assert!(found.summary.warnings.contains(&told));
        plan.dataset.features = Some(vec![FeaturePlan::Column(index.to_owned())]);
        assert_eq!(prepared(&plan).unwrap().layout.columns[0].name, index);
    }
}

#[test]
fn times_of_old_do_not_wrap_around() {
    let found = prepared(&unshuffled(stored("int96.parquet"), "y")).unwrap();
    let times: Vec<f64> = first(&found)
        .iter()
        .map(|time| time.parse().unwrap())
        .collect();
    assert!(times.is_sorted(), "{times:?}");
    assert_eq!(times[0], 946_684_800e6);
}

#[test]
fn a_dictionary_of_truth_values_is_read() {
    let found = prepared(&unshuffled(stored("boolean_category.parquet"), "y")).unwrap();
    assert_eq!(first(&found)[..4], ["1", "0", "?", "1"]);
    assert_eq!(found.summary.columns[0].reads, Reads::Boolean);
}

#[test]
fn rows_without_a_target_are_left_out_where_the_plan_says_so() {
    let (_folder, path) = file("a.csv", "x,y\n1,a\n2,NA\n3,b\n4,a\nx,\n5,b\n");
    let mut plan = unshuffled(&path, "y");
    let refused = message(&prepared(&plan).unwrap_err());
    assert!(
        refused.contains("missing in 2 of 6 rows, first in rows 2, 5"),
        "{refused}"
    );
    assert!(
        refused.contains("`NA` is read as a missing value"),
        "{refused}"
    );
    plan.dataset.missing_target = MissingTarget::Drop;
    let found = prepared(&plan).unwrap();
    assert_eq!((found.rows, found.classes.len()), (4, 2));
    // What only the rows that are left out hold is no category.
    assert_eq!(first(&found), ["1", "3", "4", "5"]);
    assert_eq!(found.summary.columns[0].reads, Reads::Category(4));
    assert_eq!(
        found.summary.warnings[0].to_string(),
        "2 of 6 rows have no target `y` and are left out"
    );
    let (_folder, path) = file("a.csv", "x,y\n1,\n2,\n");
    let mut plan = unshuffled(&path, "y");
    plan.dataset.missing_target = MissingTarget::Drop;
    let refused = message(&prepared(&plan).unwrap_err());
    assert!(refused.contains("missing in 2 of 2 rows"), "{refused}");
}

#[test]
fn the_positive_class_is_named_by_any_spelling() {
    for (labels, spellings) in [
        (["True", "False"], &["true", "True", "1", "1.0"][..]),
        (["1.0", "0.0"], &["1", "1.0", "true"]),
        (["1", "-1"], &["-1", "-1.0", "1.0"]),
        (["01", "02"], &["01", "1", "2"]),
    ] {
        let lines: String = (0..8)
            .map(|row| format!("{row},{}\n", labels[row % 2]))
            .collect();
        let (_folder, path) = file("a.csv", format!("x,y\n{lines}"));
        let mut plan = unshuffled(&path, "y");
        for spelling in spellings {
            plan.dataset.positive = Some((*spelling).to_owned());
            prepared(&plan).unwrap_or_else(|error| panic!("{spelling}: {error}"));
        }
        plan.dataset.positive = Some("7".to_owned());
        assert!(message(&prepared(&plan).unwrap_err()).contains("no row has the target"));
    }
}
