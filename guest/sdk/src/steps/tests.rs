//! Every step against scikit-learn's transformer: `vectors/vectors.py` makes the
//! expected values. Numbers agree within 1e-9, relative to numbers above 1.

use serde::Deserialize;

use super::*;
use crate::Table;
use crate::contract::{Columns, OnnxForm, TaskStep};
use crate::matrix::{CategoryColumn, Shared};
use crate::onnx;
use crate::pipeline::{FitRows, Pipeline, StepCache};

/// A value of a table or an expected one.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Cell {
    Number(f64),
    Label(String),
    Missing(()),
}

#[derive(Deserialize)]
struct Tables {
    train: Vec<u32>,
    test: Vec<u32>,
    weights: Vec<f64>,
    targets: std::collections::BTreeMap<String, Vec<f64>>,
    tables: std::collections::BTreeMap<String, Vec<(String, Vec<Cell>)>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    table: String,
    steps: Vec<TaskStep>,
    target: Option<String>,
    weighted: bool,
    /// Above 1e-9 where an optimiser decides.
    tolerance: Option<f64>,
    #[serde(default)]
    names: Vec<String>,
    #[serde(default)]
    values: Vec<Vec<Cell>>,
    error: Option<String>,
}

fn tables() -> Tables {
    serde_json::from_str(include_str!("vectors/tables.json")).unwrap()
}

fn block((name, cells): &(String, Vec<Cell>)) -> Block {
    if !cells.iter().any(|cell| matches!(cell, Cell::Label(_))) {
        let number = |cell: &Cell| match cell {
            Cell::Number(number) => *number,
            _ => f64::NAN,
        };
        return Block::number(name, cells.iter().map(number).collect());
    }
    let label = |cell: &Cell| match cell {
        Cell::Label(label) => Some(label.clone()),
        _ => None,
    };
    let mut labels: Vec<String> = cells.iter().filter_map(label).collect();
    labels.sort();
    labels.dedup();
    let codes = cells.iter().map(|cell| match label(cell) {
        Some(label) => labels.binary_search(&label).unwrap() as u32,
        None => CategoryColumn::MISSING,
    });
    Block::Category(CategoryColumn {
        name: name.clone(),
        codes: codes.collect(),
        labels: Shared::new(labels),
    })
}

fn matrix(tables: &Tables, name: &str) -> Matrix {
    let columns = tables.tables[name].iter();
    Matrix::new(
        tables.train.len() + tables.test.len(),
        columns.map(block).collect(),
    )
}

/// A target: of numbers if one has a fraction.
fn target(numbers: &[f64]) -> Target {
    if numbers.iter().any(|number| number.fract() != 0.0) {
        return Target::Numbers(numbers.to_vec());
    }
    let codes: Vec<u32> = numbers.iter().map(|&number| number as u32).collect();
    let classes = 0..=codes.iter().copied().max().unwrap();
    Target::Classes {
        classes: classes.map(|class| class.to_string()).collect(),
        codes,
    }
}

/// The values of a column in some rows.
fn cells(matrix: &Matrix, column: usize, rows: &[u32]) -> Vec<Cell> {
    let place = matrix.places()[column];
    let values = matrix.column(column, rows).into_iter();
    let cells = values.map(|value| match &matrix.blocks()[place.block] {
        _ if value.is_nan() => Cell::Missing(()),
        Block::Category(category) => Cell::Label(category.labels[value as usize].clone()),
        _ => Cell::Number(value),
    });
    cells.collect()
}

fn agree(found: &Cell, expected: &Cell, tolerance: f64) -> bool {
    match (found, expected) {
        (Cell::Missing(()), Cell::Missing(())) => true,
        (Cell::Label(found), Cell::Label(expected)) => found == expected,
        (Cell::Number(found), Cell::Number(expected)) => {
            (found - expected).abs() <= tolerance * expected.abs().max(1.0)
        }
        _ => false,
    }
}

/// Compares the cases of one file, and checks for each that the fit reads no test
/// row, and that the fitted step transforms the test rows of another table to the
/// same bits.
fn compare(json: &str) {
    let tables = tables();
    let cases: Vec<Case> = serde_json::from_str(json).unwrap();
    let mut errors = Vec::new();
    for case in cases {
        let title = format!(
            "{} on `{}`",
            serde_json::to_string(&case.steps).unwrap(),
            case.table
        );
        if let Err(error) = compare_case(&tables, &case) {
            errors.push(format!("{title}: {error}"));
        }
    }
    assert!(errors.is_empty(), "{}", errors.join("\n"));
}

fn compare_case(tables: &Tables, case: &Case) -> Result<(), String> {
    let matrix = matrix(tables, &case.table);
    let target = match &case.target {
        Some(name) => target(&tables.targets[name]),
        None => Target::Numbers(vec![f64::NAN; matrix.rows()]),
    };
    let rows = FitRows {
        key: "",
        target: &target,
        train: &tables.train,
        test: &tables.test,
        weights: case.weighted.then_some(tables.weights.as_slice()),
    };
    let (pipeline, out) = match (fit(&case.steps, &matrix, &rows), &case.error) {
        (Err(_), Some(_)) => return Ok(()),
        (Err(fault), None) => return Err(fault.to_string()),
        (Ok(_), Some(error)) => return Err(format!("no fault, but scikit-learn says {error}")),
        (Ok(fitted), None) => fitted,
    };
    // One transformer of selected columns: the others follow.
    let rest = match case.steps.as_slice() {
        [
            TaskStep {
                columns: Columns::Names(names),
                ..
            },
        ] => matrix.columns() - names.len(),
        _ => 0,
    };
    let own = out.columns() - rest;
    let names: Vec<&str> = out.names().take(own).collect();
    let expected: Vec<&str> = case
        .names
        .iter()
        .map(|name| name.strip_suffix(".0").unwrap_or(name))
        .collect();
    if names != expected {
        return Err(format!("columns {names:?}, not {expected:?}"));
    }
    assert_eq!(case.values.len(), names.len());
    let tolerance = case.tolerance.unwrap_or(1e-9);
    let used = [tables.train.as_slice(), &tables.test].concat();
    for (column, expected) in case.values.iter().enumerate() {
        let found = cells(&out, column, &used);
        for ((row, found), expected) in used.iter().zip(&found).zip(expected) {
            if !agree(found, expected, tolerance) {
                let name = names[column];
                return Err(format!(
                    "`{name}` in row {row} is {found:?}, not {expected:?}"
                ));
            }
        }
    }
    check_onnx(&pipeline, &out)?;
    check_test_rows(&case.steps, &matrix, &rows, &pipeline, &out)
}

/// In ONNX the columns have the same names and are of the same kinds.
fn check_onnx(pipeline: &Pipeline, out: &Matrix) -> Result<(), String> {
    let mut graph = Graph::new(&OnnxForm::default());
    let columns = pipeline
        .onnx(&mut graph)
        .map_err(|fault| fault.to_string())?;
    let kinds = |name: &'static str, count: usize| vec![name; count];
    let found = columns.blocks().iter().flat_map(|block| match block {
        onnx::Block::Numbers { .. } => kinds("numbers", block.len()),
        onnx::Block::Category { .. } => kinds("category", block.len()),
        onnx::Block::Coded { .. } => kinds("coded", block.len()),
    });
    let expected = out.blocks().iter().flat_map(|block| match block {
        Block::Number(_) => kinds("numbers", 1),
        Block::Category(_) => kinds("category", 1),
        Block::Coded(_) => kinds("coded", block.columns()),
    });
    let found: Vec<(&str, &str)> = columns.names().into_iter().zip(found).collect();
    let expected: Vec<(&str, &str)> = out.names().zip(expected).collect();
    match found == expected {
        true => Ok(()),
        false => Err(format!("columns in ONNX are {found:?}, not {expected:?}")),
    }
}

fn fit(
    steps: &[TaskStep],
    matrix: &Matrix,
    rows: &FitRows<'_>,
) -> Result<(Pipeline, Matrix), Fault> {
    Pipeline::fit(steps, matrix, rows, &mut StepCache::new(0))
}

fn check_test_rows(
    steps: &[TaskStep],
    matrix: &Matrix,
    rows: &FitRows<'_>,
    pipeline: &Pipeline,
    out: &Matrix,
) -> Result<(), String> {
    let bytes = postcard::to_allocvec(pipeline).map_err(|error| error.to_string())?;
    let read: Pipeline = postcard::from_bytes(&bytes).map_err(|error| error.to_string())?;
    let other = Table::of_matrix(matrix.take(rows.test)).map_err(|fault| fault.to_string())?;
    let applied = read.apply(&other).map_err(|fault| fault.to_string())?;
    let all = applied.all_rows();
    for column in 0..out.columns() {
        let ours = out.column(column, rows.test);
        let theirs = applied.column(column, &all);
        let same = ours
            .iter()
            .zip(&theirs)
            .all(|(a, b)| a.to_bits() == b.to_bits());
        let is_category = matches!(out.blocks()[out.places()[column].block], Block::Category(_));
        if !same && !is_category {
            return Err("another table is transformed otherwise".to_owned());
        }
    }
    // Test rows become copies of training rows, with another target.
    let mut copied: Vec<u32> = (0..matrix.rows() as u32).collect();
    for (&row, &other) in rows.test.iter().zip(rows.train) {
        copied[row as usize] = other;
    }
    let target = match rows.target {
        Target::Numbers(numbers) => {
            Target::Numbers(copied.iter().map(|&row| numbers[row as usize]).collect())
        }
        Target::Classes { classes, codes } => Target::Classes {
            classes: classes.clone(),
            codes: copied.iter().map(|&row| codes[row as usize]).collect(),
        },
    };
    let changed = FitRows {
        target: &target,
        ..*rows
    };
    let refitted = fit(steps, &matrix.take(&copied), &changed);
    let (refitted, _) = refitted.map_err(|fault| fault.to_string())?;
    let refitted = postcard::to_allocvec(&refitted).map_err(|error| error.to_string())?;
    if refitted != bytes {
        return Err("the fit reads test rows".to_owned());
    }
    Ok(())
}

#[test]
fn scalers_equal_those_of_scikit_learn() {
    compare(include_str!("vectors/scalers.json"));
}

#[test]
fn the_imputer_equals_that_of_scikit_learn() {
    compare(include_str!("vectors/imputer.json"));
}

#[test]
fn encoders_equal_those_of_scikit_learn() {
    compare(include_str!("vectors/encoders.json"));
}

#[test]
fn distributions_equal_those_of_scikit_learn() {
    compare(include_str!("vectors/distributions.json"));
}

#[test]
fn the_target_encoder_equals_that_of_scikit_learn() {
    compare(include_str!("vectors/target_encoder.json"));
}

#[test]
fn bins_equal_those_of_scikit_learn() {
    compare(include_str!("vectors/bins.json"));
}

#[test]
fn products_equal_those_of_scikit_learn() {
    compare(include_str!("vectors/products.json"));
}

#[test]
fn components_equal_those_of_scikit_learn() {
    compare(include_str!("vectors/components.json"));
}

#[test]
fn selections_equal_those_of_scikit_learn() {
    compare(include_str!("vectors/selection.json"));
}

#[derive(Deserialize)]
struct Information {
    table: String,
    columns: Vec<String>,
    target: String,
    scores: Vec<f64>,
}

#[test]
fn mutual_information_equals_that_of_scikit_learn() {
    let tables = tables();
    let cases: Vec<Information> =
        serde_json::from_str(include_str!("vectors/information.json")).unwrap();
    for case in cases {
        let whole = matrix(&tables, &case.table);
        let places = whole.names().enumerate();
        let places = places.filter(|(_, name)| case.columns.iter().any(|known| known == name));
        let places: Vec<usize> = places.map(|(place, _)| place).collect();
        let target = target(&tables.targets[&case.target]);
        let rows = FitRows {
            key: "",
            target: &target,
            train: &tables.train,
            test: &tables.test,
            weights: None,
        };
        let encode = TaskStep {
            name: "encode".to_owned(),
            step: "one_hot_encoder".to_owned(),
            columns: Columns::Categorical,
            params: Params::new(),
        };
        let (_, matrix) = fit(&[encode], &whole.select(&places), &rows).unwrap();
        let description = description("select_k_best").unwrap();
        let fit = Fit {
            matrix: &matrix,
            params: &StepParams::new(&description, &Params::new()).unwrap(),
            target: &target,
            train: &tables.train,
            weights: None,
        };
        let found = match &target {
            Target::Numbers(all) => {
                let numbers: Vec<f64> = fit.train.iter().map(|&row| all[row as usize]).collect();
                information::scores(&fit, &information::Of::Numbers(&numbers))
            }
            Target::Classes { codes, .. } => {
                let codes: Vec<u32> = fit.train.iter().map(|&row| codes[row as usize]).collect();
                information::scores(&fit, &information::Of::Classes(&codes))
            }
        };
        let found = found.unwrap();
        assert_eq!(found.len(), case.scores.len(), "{}", case.table);
        for (found, expected) in found.iter().zip(&case.scores) {
            let title = format!("{} of {}: {found} {expected}", case.target, case.table);
            assert!((found - expected).abs() < 1e-9, "{title}");
        }
    }
}

#[test]
fn chains_of_steps_equal_those_of_scikit_learn() {
    compare(include_str!("vectors/chains.json"));
}

#[test]
fn the_documentation_lists_every_parameter_and_its_default() {
    let page = include_str!("../../../../docs/steps.md");
    let mut listed = Vec::new();
    let mut step = "";
    for row in page
        .lines()
        .filter(|line| line.starts_with("| `") || line.starts_with("| | `"))
    {
        let cells: Vec<&str> = row
            .split('|')
            .map(|cell| cell.trim().trim_matches('`'))
            .collect();
        let [_, name, param, default, ..] = cells.as_slice() else {
            continue;
        };
        if !name.is_empty() {
            step = name;
        }
        listed.push((step.to_owned(), (*param).to_owned(), (*default).to_owned()));
    }
    let described = descriptions().into_iter().flat_map(|step| {
        let params = step.params.into_iter();
        params.map(move |param| (step.name.clone(), param.name, param.default.to_string()))
    });
    for param in described {
        assert!(listed.contains(&param), "{param:?}");
    }
}

#[test]
fn defaults_are_allowed_and_texts_are_complete() {
    for step in descriptions() {
        assert!(step.summary.ends_with('.'), "{}", step.name);
        for param in &step.params {
            assert_eq!(param.check(&param.default), Ok(()), "{}", step.name);
            assert!(
                param.meaning.ends_with('.'),
                "{} of {}",
                param.name,
                step.name
            );
        }
        assert_eq!(description(&step.name), Ok(step));
    }
}
