//! Tables from files and from memory; targets.

use super::*;
use crate::Learning;
use crate::fixture::{Cells, column, dataset, parquet};

fn message<T: std::fmt::Debug>(result: Result<T, Fault>) -> String {
    result.unwrap_err().to_string()
}

fn feature(cells: Cells) -> (Column, Cells) {
    (column("x", Role::Feature, None), cells)
}

fn open(columns: &[(Column, Cells)]) -> Table {
    Table::open(dataset(columns)).unwrap()
}

#[test]
fn all_numeric_types_are_read_and_null_is_missing() {
    let expected = [1.0, f64::NAN, 0.0];
    let types = [
        Cells::Bool(vec![Some(true), None, Some(false)]),
        Cells::Int(vec![Some(1), None, Some(0)]),
        Cells::Long(vec![Some(1), None, Some(0)]),
        Cells::Float(vec![Some(1.0), None, Some(0.0)]),
        Cells::Double(vec![Some(1.0), None, Some(0.0)]),
        Cells::Required(expected.to_vec()),
    ];
    for cells in types {
        let table = open(&[feature(cells)]);
        let Values::Number(numbers) = table.values(0).unwrap() else {
            panic!("not numbers");
        };
        assert_eq!(table.rows(), 3);
        assert_eq!(numbers.len(), 3);
        assert_eq!([numbers[0], numbers[2]], [1.0, 0.0]);
        assert!(numbers[1].is_nan());
    }
}

#[test]
fn pages_and_row_groups_are_concatenated() {
    let values: Vec<Option<i64>> = (0..57).map(|row| (row % 5 > 0).then_some(row)).collect();
    let table = open(&[feature(Cells::Long(values.clone()))]);
    let Values::Number(numbers) = table.values(0).unwrap() else {
        panic!("not numbers");
    };
    for (number, value) in numbers.iter().zip(values) {
        assert_eq!((!number.is_nan()).then_some(*number as i64), value);
    }
    assert_eq!(numbers.len(), 57);
}

#[test]
fn category_codes_are_indices_into_the_sorted_labels() {
    let codes = Cells::Int(vec![Some(0), Some(1), Some(2), None]);
    let labelled = |labels: &[&str]| {
        let table = open(&[(column("x", Role::Feature, Some(labels)), codes.clone())]);
        let labels = table.features()[0].labels.clone().unwrap();
        (labels, table.values(0).unwrap())
    };
    let (labels, values) = labelled(&["LGA", "EWR", "JFK"]);
    assert_eq!(labels, ["EWR", "JFK", "LGA"]);
    assert_eq!(values, Values::Category(vec![2, 0, 1, Values::MISSING]));
    let (labels, values) = labelled(&["10", "9", "-1"]);
    assert_eq!(labels, ["-1", "9", "10"]);
    assert_eq!(values, Values::Category(vec![2, 1, 0, Values::MISSING]));
    let (labels, _) = labelled(&["10", "9", "nan"]);
    assert_eq!(labels, ["10", "9", "nan"]);
}

#[test]
fn a_table_in_memory_equals_one_from_a_file() {
    let labels: &[&str] = &["b", "a"];
    let x = column("x", Role::Feature, Some(labels));
    let file = open(&[(x.clone(), Cells::Int(vec![Some(0), None, Some(1)]))]);
    let codes = Values::Category(vec![0, Values::MISSING, 1]);
    let memory = Table::from_columns(vec![(x, codes)]).unwrap();
    assert_eq!(file.values(0), memory.values(0));
    assert_eq!(file.features(), memory.features());
}

#[test]
fn a_code_without_a_label_is_an_error() {
    for code in [2, -1] {
        let labels: &[&str] = &["a", "b"];
        let x = column("x", Role::Feature, Some(labels));
        let table = open(&[(x, Cells::Int(vec![Some(code)]))]);
        assert_eq!(
            message(table.values(0)),
            format!("invalid dataset: column `x` has the code {code}, but 2 labels")
        );
    }
    let x = column("x", Role::Feature, Some(&["a"]));
    let table = open(&[(x, Cells::Double(vec![Some(0.0)]))]);
    assert_eq!(
        message(table.values(0)),
        "invalid dataset: column `x` of the dataset is of type DOUBLE, not INT32"
    );
}

#[test]
fn an_invalid_layout_is_an_error() {
    let x = [("x", Cells::Int(vec![Some(1)]))];
    let refused = |layout: Option<&str>| message(Table::open(parquet(&x, layout, 10)));
    assert_eq!(
        refused(None),
        "invalid dataset: the dataset's Parquet metadata has no key `fanout`: it was not \
         written for a trainer"
    );
    assert!(refused(Some("{")).starts_with("invalid dataset: the dataset's layout can't be"));
    assert_eq!(
        refused(Some(r#"{"contract": 3, "columns": []}"#)),
        "invalid dataset: the dataset's layout is of contract 3, but this guest implements contract 2"
    );
    assert_eq!(
        refused(Some(r#"{"contract": 2, "columns": []}"#)),
        "invalid dataset: the dataset's layout names the columns ``, but the file has `x`"
    );
    let target = r#"{"contract": 2, "columns": [
        {"name": "x", "role": "target", "kind": {"kind": "number"}}]}"#;
    assert_eq!(
        refused(Some(target)),
        "invalid dataset: no column of the dataset is a feature"
    );
}

#[test]
fn a_truncated_file_is_an_error() {
    let cells = Cells::Long((0..40).map(Some).collect());
    let whole = dataset(&[feature(cells)]);
    assert!(Table::open(whole.clone()).is_ok());
    for end in [0, 3, 4, whole.len() / 2, whole.len() - 1] {
        let refused = message(Table::open(whole.slice(..end)));
        assert!(
            refused.starts_with("invalid dataset: the dataset can't be read as Parquet: "),
            "{refused}"
        );
    }
}

#[test]
fn invalid_columns_in_memory_are_errors() {
    let x = || column("x", Role::Feature, Some(&["a"]));
    let refused = |columns| message(Table::from_columns(columns));
    assert_eq!(
        refused(vec![(x(), Values::Category(vec![1]))]),
        "invalid dataset: the values of column `x` are not of its kind"
    );
    assert_eq!(
        refused(vec![
            (x(), Values::Category(vec![0])),
            (x(), Values::Category(vec![0]))
        ]),
        "invalid dataset: two columns are named `x`"
    );
    assert_eq!(
        refused(vec![
            (x(), Values::Category(vec![0])),
            (column("y", Role::Feature, None), Values::Number(vec![]))
        ]),
        "invalid dataset: column `y` has 0 rows, but the first column has 1"
    );
}

/// A table with one target.
fn with_target(labels: Option<&[&str]>, cells: Cells, rows: usize) -> Table {
    let cells = [
        (
            column("x", Role::Feature, None),
            Cells::Required(vec![0.0; rows]),
        ),
        (column("y", Role::Target, labels), cells),
    ];
    Table::open(dataset(&cells)).unwrap()
}

#[test]
fn classes_are_the_labels_that_occur_sorted() {
    let codes = Cells::Int(vec![Some(3), Some(0), Some(1), Some(3)]);
    let target =
        with_target(Some(&["10", "2", "unseen", "b"]), codes, 4).target("y", Learning::Multiclass);
    let Ok(Target::Classes { classes, codes }) = target else {
        panic!("{target:?}");
    };
    assert_eq!(classes, ["10", "2", "b"]);
    assert_eq!(codes, [2, 0, 1, 2]);
}

#[test]
fn a_target_of_numbers_is_read_as_numbers() {
    let table = with_target(None, Cells::Double([1.5, 2.0].map(Some).to_vec()), 2);
    let numbers = Target::Numbers(vec![1.5, 2.0]);
    assert_eq!(table.target("y", Learning::Regression), Ok(numbers));
    assert_eq!(
        message(table.target("y", Learning::Binary)),
        "invalid task: target `y` is numeric; a classifier needs a category"
    );
}

#[test]
fn rows_without_a_target_are_known() {
    let codes = Cells::Int(vec![Some(1), None, Some(0)]);
    let target = with_target(Some(&["b", "a"]), codes, 3).target("y", Learning::Binary);
    let target = target.unwrap();
    let Target::Classes { codes, .. } = &target else {
        panic!("{target:?}")
    };
    assert_eq!(codes, &[0, Target::MISSING, 1]);
    assert!(target.has_missing() && !target.has(1) && target.has(2));
}

#[test]
fn weights_are_numbers_of_at_least_0() {
    let weights = |cells: Cells| {
        let x = Cells::Double(vec![Some(1.0); 2]);
        let columns = [feature(x), (column("w", Role::Weight, None), cells)];
        open(&columns).weights("w")
    };
    assert_eq!(
        weights(Cells::Int(vec![Some(0), Some(3)])),
        Ok(vec![0.0, 3.0])
    );
    for (refused, shown) in [
        (Some(-1.0), "-1"),
        (None, "NaN"),
        (Some(f64::INFINITY), "inf"),
    ] {
        assert_eq!(
            message(weights(Cells::Double(vec![Some(1.0), refused]))),
            format!(
                "invalid dataset: the weight `w` of row 1 (counted from 0) is {shown}, not a \
                 number of at least 0"
            )
        );
    }
}

#[test]
fn an_invalid_target_is_an_error() {
    let classes = |table: &Table, name| message(table.target(name, Learning::Binary));
    let one = with_target(Some(&["1"]), Cells::Int(vec![Some(0), Some(0)]), 2);
    assert_eq!(
        classes(&one, "y"),
        "invalid dataset: target `y` is `1` in every row; a classifier needs at least two classes"
    );
    assert_eq!(
        classes(&one, "x"),
        "invalid task: the dataset has no target `x`; its targets are `y`"
    );
    let empty = with_target(Some(&["1"]), Cells::Int(vec![]), 0);
    assert_eq!(
        classes(&empty, "y"),
        "invalid dataset: target `y` has no value in any row"
    );
    let category = with_target(Some(&["a"]), Cells::Int(vec![Some(0)]), 1);
    assert_eq!(
        message(category.target("y", Learning::Regression)),
        "invalid task: target `y` is a category; a regressor needs numbers"
    );
}
