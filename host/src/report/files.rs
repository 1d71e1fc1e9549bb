//! [`write()`]: the folder of results. Each file is written whole under another
//! name and then renamed, `best.json` last: where it is, all are.
//!
//! | file | what |
//! | --- | --- |
//! | `cv_results.csv`, `cv_results.json`, `cv_results.parquet` | the scores of every candidate: see [`columns`](super::columns); not for `kind: fit` |
//! | `learning_curve.*`, `nested_cross_validation.*`, `inner_results.*`, `permutation_test.*`, `permutation_scores.*` | in their place, for a plan of that kind: see [`findings`](super::findings) |
//! | `plan.json` | the resolved plan, with the digests of all that decides the scores |
//! | `report.html` | the results as a page: see [`html`](super::html) |
//! | `model.fanout` | the best candidate, or the members of the ensemble, refitted: see [`crate::model`] |
//! | `best.json` | the chosen candidate: see [`Best`](super::Best); null where none has a score |
//!
//! [`worth`](super::worth) has the files of what that candidate is worth, and
//! [`explanations`](super::explanations) those of why it predicts what it predicts;
//! [`ensemble`](super::ensemble) those of an ensemble.
//!
//! Numbers are written in their shortest form that reads back as the same
//! number. A score that is not a number is an empty cell in CSV, null in JSON
//! and NaN in Parquet. Two runs of one plan write the same bytes, but for the
//! two columns of times; and the same of them too where the second run reuses
//! the first one's results.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::builder::{BooleanBuilder, Float64Builder, Int64Builder, StringBuilder};
use arrow_array::{ArrayRef, Float64Array, Int32Array, RecordBatch};
use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use serde::Serialize;
use serde_json::Value;
use tempfile::NamedTempFile;

use super::Report;
use super::columns::{Cell, Column, Columns, Values};
use super::findings::FindingsTable;
use crate::plan::Plan;
use crate::run::manifest::Digests;

/// The version of the layout of `plan.json` and `best.json`.
pub const FORMAT: u32 = 1;

/// Rows of a batch on its way to Parquet: what is held besides the results.
const BATCH: usize = 8192;

/// What went wrong with a file of results.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// The folder can't be made.
    #[error("can't make the output folder `{}`", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file can't be written.
    #[error("can't write `{}`", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// `plan.json`.
#[derive(Serialize)]
struct PlanDocument<'a> {
    format: u32,
    /// The version of the program that wrote it.
    fanout: &'static str,
    digests: &'a Digests,
    plan: &'a Plan,
}

/// `best.json`.
#[derive(Serialize)]
struct BestDocument<'a> {
    format: u32,
    name: &'a str,
    run: &'a crate::digest::Digest,
    best: Option<super::Best>,
}

/// Makes the folder of results, unless it is there, and proves that files can be written
/// there.
pub fn make_folder(folder: &Path) -> Result<(), FilesError> {
    std::fs::create_dir_all(folder).map_err(|source| FilesError::Folder {
        path: folder.to_owned(),
        source,
    })?;
    prove_writable(&folder.join(PLAN))
}

/// The plan with its digests.
const PLAN: &str = "plan.json";

/// The file of the refitted model: a [`ModelFile`](crate::model::ModelFile).
pub const MODEL: &str = "model.fanout";

/// The file of the bests of several targets: see [`Reports`](super::Reports).
pub const TARGETS: &str = "targets.json";

/// The page of results: see [`html`](super::html).
pub const REPORT: &str = "report.html";

/// The files of [`worth`](super::worth).
pub const WORTH: [&str; 3] = ["worth.json", "roc.parquet", "precision_recall.parquet"];
/// The files of [`ensemble`](super::ensemble).
pub const ENSEMBLE: [&str; 2] = ["ensemble.json", "ensemble.parquet"];
/// The files of [`explanations`](super::explanations).
pub const EXPLANATIONS: [&str; 4] = [
    "permutation_importance.parquet",
    "partial_dependence.parquet",
    "importances.parquet",
    "shap.parquet",
];
/// The names of tables of any kind of plan.
const TABLES: [&str; 6] = [
    "cv_results",
    "learning_curve",
    "nested_cross_validation",
    "inner_results",
    "permutation_test",
    "permutation_scores",
];

/// Writes all files of a report into a folder, which is made if it is not
/// there. Files of an earlier report are replaced or removed, and so is its model.
/// Returns their paths.
pub fn write(folder: &Path, report: &Report) -> Result<Vec<PathBuf>, FilesError> {
    make_folder(folder)?;
    let findings = report.findings.iter();
    let tables: Vec<FindingsTable> = findings
        .flat_map(|findings| {
            FindingsTable::all(findings, &report.candidates, &report.results.metrics)
        })
        .collect();
    let tables: Vec<(&str, Columns<'_>)> = match tables.as_slice() {
        [] if !report.plan.kind.has_splits() => Vec::new(),
        [] => vec![(
            "cv_results",
            Columns::new(&report.candidates, &report.results),
        )],
        tables => tables
            .iter()
            .map(|table| (table.name, table.columns()))
            .collect(),
    };
    let plan = PlanDocument {
        format: FORMAT,
        fanout: env!("CARGO_PKG_VERSION"),
        digests: &report.digests,
        plan: &report.plan,
    };
    let mut written = Vec::new();
    let names: Vec<&str> = tables.iter().map(|(name, _)| *name).collect();
    clear(folder, &names)?;
    for (name, columns) in &tables {
        written.extend(write_table(folder, name, columns)?);
    }
    let path = folder.join(PLAN);
    replace(&path, |output| document(&plan, output))?;
    written.push(path);
    written.push(write_best(folder, report)?);
    Ok(written)
}

/// Removes the files of an earlier report, but those of the tables of these names: an old
/// `best.json` beside new scores would say that they are complete.
pub(super) fn clear(folder: &Path, tables: &[&str]) -> Result<(), FilesError> {
    let olds = ["best.json", MODEL, TARGETS]
        .into_iter()
        .chain(WORTH)
        .chain(ENSEMBLE)
        .chain(EXPLANATIONS)
        .map(str::to_owned);
    let others = TABLES
        .iter()
        .filter(|name| !tables.contains(name))
        .flat_map(|name| ["csv", "json", "parquet"].map(|ending| format!("{name}.{ending}")));
    // The results are whole without it: that it can't be written is told when it is.
    drop(std::fs::remove_file(folder.join(REPORT)));
    for old in olds.chain(others) {
        let path = folder.join(old);
        match std::fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                return Err(FilesError::File { path, source });
            }
            _ => {}
        }
    }
    Ok(())
}

/// Writes a table in every format. Returns the paths.
pub(super) fn write_table(
    folder: &Path,
    name: &str,
    columns: &Columns<'_>,
) -> Result<Vec<PathBuf>, FilesError> {
    let path = |ending: &str| folder.join(format!("{name}.{ending}"));
    let paths = ["csv", "json", "parquet"].map(path);
    replace(&paths[0], |output| csv(columns, output))?;
    replace(&paths[1], |output| json(columns, output))?;
    replace(&paths[2], |output| parquet(columns, output))?;
    Ok(paths.to_vec())
}

/// Writes `best.json` alone, into a folder that has the other files. Returns its
/// path.
pub fn write_best(folder: &Path, report: &Report) -> Result<PathBuf, FilesError> {
    let best = BestDocument {
        format: FORMAT,
        name: &report.plan.name,
        run: &report.digests.run,
        best: report.best(),
    };
    let path = folder.join("best.json");
    replace(&path, |output| document(&best, output))?;
    Ok(path)
}

/// Where [`replace`] writes to.
pub type Output = BufWriter<File>;

/// Writes a file so that its name never stands for half of it: under another
/// name in the same folder, renamed when its bytes are on the disk.
pub fn replace(
    path: &Path,
    content: impl FnOnce(&mut Output) -> io::Result<()>,
) -> Result<(), FilesError> {
    let attempt = || {
        let (file, name) = open(path)?.into_parts();
        let mut output = BufWriter::new(file);
        content(&mut output)?;
        output
            .into_inner()
            .map_err(io::IntoInnerError::into_error)?
            .sync_data()?;
        name.persist(path).map_err(|error| error.error)
    };
    attempt().map_err(|source| FilesError::File {
        path: path.to_owned(),
        source,
    })
}

/// Opens a file as [`replace`] does, and leaves nothing: that it can't be written is known
/// before the work that fills it.
pub fn prove_writable(path: &Path) -> Result<(), FilesError> {
    let opened = open(path).and_then(NamedTempFile::close);
    opened.map_err(|source| FilesError::File {
        path: path.to_owned(),
        source,
    })
}

/// Opens what becomes the file at `path`, under another name in the same folder.
fn open(path: &Path) -> io::Result<NamedTempFile> {
    if path.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".fanout-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // As any file of the user's, not private as temporary files are.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

pub(super) fn document(document: &impl Serialize, output: &mut impl Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *output, document)?;
    output.write_all(b"\n")
}

/// One column a line, so that files can be compared.
fn json(columns: &Columns<'_>, output: &mut impl Write) -> io::Result<()> {
    for (index, column) in columns.iter().enumerate() {
        output.write_all(if index == 0 { b"{\n" } else { b",\n" })?;
        serde_json::to_writer(&mut *output, &column.name)?;
        output.write_all(b": ")?;
        serde_json::to_writer(&mut *output, column)?;
    }
    output.write_all(b"\n}\n")
}

fn csv(columns: &Columns<'_>, output: &mut impl Write) -> io::Result<()> {
    let mut cell = Vec::new();
    for (index, column) in columns.iter().enumerate() {
        cell.clear();
        cell.extend_from_slice(column.name.as_bytes());
        write_csv_cell(&cell, index, output)?;
    }
    output.write_all(b"\n")?;
    for candidate in 0..columns.candidates() {
        for (index, column) in columns.iter().enumerate() {
            cell.clear();
            push_text(column.cell(candidate), &mut cell)?;
            write_csv_cell(&cell, index, output)?;
        }
        output.write_all(b"\n")?;
    }
    Ok(())
}

/// RFC 4180, with line feeds.
fn write_csv_cell(cell: &[u8], index: usize, output: &mut impl Write) -> io::Result<()> {
    if index > 0 {
        output.write_all(b",")?;
    }
    if !cell
        .iter()
        .any(|byte| matches!(byte, b',' | b'"' | b'\n' | b'\r'))
    {
        return output.write_all(cell);
    }
    output.write_all(b"\"")?;
    for (index, part) in cell.split(|&byte| byte == b'"').enumerate() {
        if index > 0 {
            output.write_all(b"\"\"")?;
        }
        output.write_all(part)?;
    }
    output.write_all(b"\"")
}

/// A cell as plain text: a string is itself, NaN and what is not there are
/// nothing, and all else is JSON.
fn push_text(cell: Cell<'_>, text: &mut Vec<u8>) -> io::Result<()> {
    match cell {
        Cell::Float(value) if value.is_nan() => Ok(()),
        Cell::Float(value) if value.is_infinite() => {
            text.extend_from_slice(if value > 0.0 { b"inf" } else { b"-inf" });
            Ok(())
        }
        Cell::Param(None) => Ok(()),
        Cell::Param(Some(Value::String(value))) => {
            text.extend_from_slice(value.as_bytes());
            Ok(())
        }
        cell => Ok(serde_json::to_writer(text, &cell)?),
    }
}

fn parquet(columns: &Columns<'_>, output: &mut (impl Write + Send)) -> io::Result<()> {
    let kinds: Vec<DataType> = columns.iter().map(data_type).collect();
    let field = |(column, kind): (&Column<'_>, &DataType)| {
        let nullable = matches!(column.values, Values::Param(..));
        Field::new(&column.name, kind.clone(), nullable)
    };
    let schema = Arc::new(Schema::new(
        columns.iter().zip(&kinds).map(field).collect::<Vec<_>>(),
    ));
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .build();
    let mut writer = ArrowWriter::try_new(output, Arc::clone(&schema), Some(properties))?;
    for start in (0..columns.candidates()).step_by(BATCH) {
        let rows = start..columns.candidates().min(start + BATCH);
        let arrays = columns
            .iter()
            .zip(&kinds)
            .map(|(column, kind)| array(column, kind, rows.clone()))
            .collect::<io::Result<Vec<_>>>()?;
        let batch = RecordBatch::try_new(Arc::clone(&schema), arrays).map_err(io::Error::other)?;
        writer.write(&batch)?;
    }
    writer.close()?;
    Ok(())
}

/// The narrowest of INT64, DOUBLE, BOOLEAN and UTF8 that takes all of a
/// hyper-parameter's values.
fn data_type(column: &Column<'_>) -> DataType {
    let (name, candidates) = match &column.values {
        Values::Floats(_) | Values::Split(..) => return DataType::Float64,
        Values::Ranks(_) => return DataType::Int32,
        Values::Params(_) => return DataType::Utf8,
        Values::Param(name, candidates) => (name, candidates),
    };
    let mut all = None;
    for value in candidates.values(name) {
        let kind = match value {
            Value::Null => continue,
            Value::Bool(_) => DataType::Boolean,
            Value::Number(number) if number.is_i64() => DataType::Int64,
            Value::Number(_) => DataType::Float64,
            _ => return DataType::Utf8,
        };
        all = match (all, kind) {
            (None, kind) => Some(kind),
            (Some(all), kind) if all == kind => Some(all),
            (Some(DataType::Int64 | DataType::Float64), DataType::Int64 | DataType::Float64) => {
                Some(DataType::Float64)
            }
            _ => return DataType::Utf8,
        };
    }
    all.unwrap_or(DataType::Utf8)
}

fn array(
    column: &Column<'_>,
    kind: &DataType,
    rows: std::ops::Range<usize>,
) -> io::Result<ArrayRef> {
    let param = |candidate| match column.cell(candidate) {
        Cell::Param(value) => value.filter(|value| !value.is_null()),
        _ => None,
    };
    Ok(match (&column.values, kind) {
        (Values::Floats(values), _) => Arc::new(Float64Array::from(values[rows].to_vec())),
        (Values::Ranks(values), _) => Arc::new(Int32Array::from(values[rows].to_vec())),
        (Values::Split(table, split), _) => Arc::new(
            rows.map(|row| Some(table.of(row)[*split]))
                .collect::<Float64Array>(),
        ),
        (Values::Param(..), DataType::Boolean) => {
            let mut builder = BooleanBuilder::with_capacity(rows.len());
            rows.for_each(|row| builder.append_option(param(row).and_then(Value::as_bool)));
            Arc::new(builder.finish())
        }
        (Values::Param(..), DataType::Int64) => {
            let mut builder = Int64Builder::with_capacity(rows.len());
            rows.for_each(|row| builder.append_option(param(row).and_then(Value::as_i64)));
            Arc::new(builder.finish())
        }
        (Values::Param(..), DataType::Float64) => {
            let mut builder = Float64Builder::with_capacity(rows.len());
            rows.for_each(|row| builder.append_option(param(row).and_then(Value::as_f64)));
            Arc::new(builder.finish())
        }
        (Values::Param(..) | Values::Params(_), _) => {
            let mut builder = StringBuilder::new();
            for row in rows {
                let cell = column.cell(row);
                if matches!(cell, Cell::Param(None | Some(Value::Null))) {
                    builder.append_null();
                    continue;
                }
                let mut text = Vec::new();
                push_text(cell, &mut text)?;
                builder.append_value(String::from_utf8(text).map_err(io::Error::other)?);
            }
            Arc::new(builder.finish())
        }
    })
}

#[cfg(test)]
mod tests;
