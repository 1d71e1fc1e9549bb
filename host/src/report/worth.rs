//! [`write()`]: the files of what the chosen candidate is worth, in the folder of
//! results.
//!
//! | file | what |
//! | --- | --- |
//! | `worth.json` | see [`Worth`] |
//! | `roc.parquet` | for classes: the points of the ROC curves, `rows` (`out_of_fold` or `holdout`), `class`, `fpr`, `tpr`, `threshold` |
//! | `precision_recall.parquet` | likewise, `precision`, `recall`, `threshold` |

use std::io;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use serde::Serialize;

use super::Report;
use super::files::{FORMAT, FilesError, Output, WORTH, document, replace};
use crate::digest::Digest;
use crate::model::RowWriter;
use crate::plan::SourceFormat;
use crate::worth::{Curves, PredictedRows, Scoring, Worth};

/// `worth.json`.
#[derive(Serialize)]
struct Document<'a> {
    format: u32,
    name: &'a str,
    run: &'a Digest,
    /// The candidate's index.
    index: Option<usize>,
    #[serde(flatten)]
    worth: &'a Worth,
}

/// Writes the files of a report that has [`Report::worth`], with the points of the
/// curves of these predictions.
pub fn write(
    folder: &Path,
    report: &Report,
    out_of_fold: Option<&PredictedRows>,
    holdout: Option<&PredictedRows>,
) -> Result<(), FilesError> {
    let Some(worth) = &report.worth else {
        return Ok(());
    };
    let content = Document {
        format: FORMAT,
        name: &report.plan.name,
        run: &report.digests.run,
        index: report.chosen().map(|chosen| chosen.index),
        worth,
    };
    let [worth, roc, precision_recall] = WORTH.map(|name| folder.join(name));
    replace(&worth, |output| document(&content, output))?;
    let scoring = Scoring {
        scores: &report.plan.scoring,
        positive: report.plan.dataset.positive.as_deref(),
    };
    let both = [("out_of_fold", out_of_fold), ("holdout", holdout)];
    let both = both
        .into_iter()
        .filter_map(|(name, rows)| Some((name, rows?)));
    let curves = both.map(|(name, rows)| {
        let classes = rows.target.classes();
        (name, classes, Curves::new(rows, scoring.classes(classes)))
    });
    let curves: Vec<(&str, &[String], Curves)> = curves.collect();
    if curves
        .iter()
        .all(|(.., curves)| curves.precision_recall.is_empty())
    {
        return Ok(());
    }
    let (mut table, mut recall) = (Table::default(), Table::default());
    for (rows, classes, curves) in &curves {
        for point in &curves.roc {
            table.add(
                rows,
                &classes[point.class],
                [point.fpr, point.tpr, point.threshold],
            );
        }
        for point in &curves.precision_recall {
            let numbers = [point.precision, point.recall, point.threshold];
            recall.add(rows, &classes[point.class], numbers);
        }
    }
    let names = ["fpr", "tpr", "threshold"];
    replace(&roc, |output| table.write(names, output))?;
    let names = ["precision", "recall", "threshold"];
    replace(&precision_recall, |output| recall.write(names, output))
}

/// Points of curves.
#[derive(Default)]
struct Table<'a> {
    rows: Vec<&'a str>,
    classes: Vec<&'a str>,
    numbers: [Vec<f64>; 3],
}

impl<'a> Table<'a> {
    fn add(&mut self, rows: &'a str, class: &'a str, numbers: [f64; 3]) {
        self.rows.push(rows);
        self.classes.push(class);
        let columns = self.numbers.iter_mut().zip(numbers);
        columns.for_each(|(column, number)| column.push(number));
    }

    fn write(self, names: [&str; 3], output: &mut Output) -> io::Result<()> {
        let texts = |texts: Vec<&str>| -> ArrayRef { Arc::new(StringArray::from(texts)) };
        let numbers = self
            .numbers
            .map(|numbers| -> ArrayRef { Arc::new(Float64Array::from(numbers)) });
        let columns = [("rows", texts(self.rows)), ("class", texts(self.classes))];
        let columns = columns.into_iter().chain(names.into_iter().zip(numbers));
        let batch = RecordBatch::try_from_iter(columns).map_err(io::Error::other)?;
        let mut writer = RowWriter::new(SourceFormat::Parquet, output);
        writer.write(&batch)?;
        writer.finish()
    }
}
