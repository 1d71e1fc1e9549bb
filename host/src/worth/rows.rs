//! [`PredictedRows`]: predictions of rows beside their target, as read from the
//! files of predictions of a run.

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float64Type, Int32Type};
use arrow_schema::{ArrowError, DataType};
use bytes::Bytes;
use fanout_sdk::{Prediction, PredictionBuf, PredictionValues, Target};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder as Reader;
use parquet::errors::ParquetError;

use crate::dataset::Truth;

/// Why a file of predictions can't be read.
#[derive(Debug, thiserror::Error)]
pub enum RowsError {
    /// It is no Parquet file.
    #[error("a file of predictions can't be read")]
    Parquet(#[from] ParquetError),
    /// Its rows can't be decoded.
    #[error("a file of predictions can't be read")]
    Arrow(#[from] ArrowError),
    /// It is not of the contract's form.
    #[error("a file of predictions {0}")]
    Form(String),
}

/// Predictions of rows, split by split, beside the rows' target.
#[derive(Clone, Debug)]
pub struct PredictedRows {
    /// The rows' numbers in the dataset, ascending within a split.
    pub rows: Vec<u32>,
    /// The number of the split that each was a test row of.
    pub splits: Vec<u32>,
    /// The target of these rows.
    pub target: Target,
    /// The weights of these rows; `None` if all weigh the same.
    pub weights: Option<Vec<f64>>,
    /// The predictions, with the classes in the order of the target's.
    pub predicted: PredictionBuf,
}

impl PredictedRows {
    /// Reads the files of predictions of splits, in order, and the target of their
    /// rows. All files have predictions of the same kind.
    pub fn read(files: &[Bytes], truth: &Truth) -> Result<Self, RowsError> {
        let classes = truth.target.classes();
        let mut columns = Columns::default();
        let (mut rows, mut splits) = (Vec::new(), Vec::new());
        for (split, file) in (0..).zip(files) {
            for batch in Reader::try_new(file.clone())?.build()? {
                let batch = batch?;
                let numbers = int(&batch, "row")?;
                rows.extend(numbers.iter().map(|row| *row as u32));
                splits.resize(rows.len(), split);
                columns.take(&batch, classes)?;
            }
        }
        Self::of_columns(columns, rows, splits, truth)
    }

    /// What a model predicts of the rows of these numbers: batches with the columns of
    /// files of predictions, but the numbers.
    pub fn of_model(
        batches: &[RecordBatch],
        rows: Vec<u32>,
        truth: &Truth,
    ) -> Result<Self, RowsError> {
        let mut columns = Columns::default();
        for batch in batches {
            columns.take(batch, truth.target.classes())?;
        }
        let predicted: usize = batches.iter().map(RecordBatch::num_rows).sum();
        if predicted != rows.len() {
            let why = format!("have {predicted} rows, and not {}", rows.len());
            return Err(RowsError::Form(why));
        }
        let splits = vec![0; rows.len()];
        Self::of_columns(columns, rows, splits, truth)
    }

    fn of_columns(
        columns: Columns,
        rows: Vec<u32>,
        splits: Vec<u32>,
        truth: &Truth,
    ) -> Result<Self, RowsError> {
        let classes = truth.target.classes();
        let all = match &truth.target {
            Target::Classes { codes, .. } => codes.len(),
            Target::Numbers(numbers) => numbers.len(),
        };
        if let Some(row) = rows.iter().find(|row| **row as usize >= all) {
            let why = format!("names row {row}, and the dataset has {all} rows");
            return Err(RowsError::Form(why));
        }
        let predicted = PredictionBuf {
            classes: classes.to_vec(),
            values: columns.finish(classes.len(), rows.len())?,
        };
        let weights = truth.weights.as_ref();
        Ok(Self {
            target: taken(&truth.target, &rows),
            weights: weights.map(|all| rows.iter().map(|row| all[*row as usize]).collect()),
            predicted,
            rows,
            splits,
        })
    }

    /// The same with the class `positive` of two predicted from `threshold` on, by
    /// probability, or by decision where there are none.
    #[must_use]
    pub fn with_threshold(mut self, positive: usize, threshold: f64) -> Self {
        let Some(ranking) = self.ranking(positive) else {
            return self;
        };
        let class = |number: &f64| match *number >= threshold {
            true => positive as u32,
            false => 1 - positive as u32,
        };
        let decided = ranking.iter().map(class).collect();
        self.predicted.values = match self.predicted.values {
            PredictionValues::Decisions {
                values,
                probabilities,
                ..
            } => PredictionValues::Decisions {
                classes: decided,
                values,
                probabilities,
            },
            PredictionValues::Binary(ones) => PredictionValues::Decisions {
                classes: decided,
                values: ones.clone(),
                probabilities: Some(ones),
            },
            other => other,
        };
        self
    }

    /// The number of predictions.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The predictions.
    pub fn prediction(&self) -> Prediction<'_> {
        self.predicted.as_prediction()
    }

    /// The same without the further predictions of a row that several splits test.
    #[must_use]
    pub fn first_of_each_row(self) -> Self {
        let rows = self.rows.iter().max().map_or(0, |row| *row as usize + 1);
        let mut seen = vec![false; rows];
        let is_first = |at: &u32| {
            let row = self.rows[*at as usize] as usize;
            !std::mem::replace(&mut seen[row], true)
        };
        let places = (0..self.rows.len() as u32).filter(is_first);
        let places: Vec<u32> = places.collect();
        match places.len() == self.rows.len() {
            true => self,
            false => self.taken(&places),
        }
    }

    /// The predictions of the rows at these places, which may be named twice.
    #[must_use]
    pub fn taken(&self, places: &[u32]) -> Self {
        let codes = |codes: &[u32]| places.iter().map(|at| codes[*at as usize]).collect();
        let numbers = |numbers: &Vec<f64>| places.iter().map(|at| numbers[*at as usize]).collect();
        let classes = self.target.classes().len();
        Self {
            rows: codes(&self.rows),
            splits: codes(&self.splits),
            target: taken(&self.target, places),
            weights: self.weights.as_ref().map(numbers),
            predicted: PredictionBuf {
                classes: self.predicted.classes.clone(),
                values: self.predicted.values.of_rows(classes, places),
            },
        }
    }

    /// The places of the predictions of each split, in order.
    pub fn by_split(&self) -> Vec<std::ops::Range<usize>> {
        let ends = self.splits.chunk_by(|a, b| a == b).scan(0, |end, split| {
            let start = *end;
            *end += split.len();
            Some(start..*end)
        });
        ends.collect()
    }

    /// Numbers by which rows are ranked as of a class: its probabilities, or its
    /// decisions where there are none. `None` if only classes are predicted.
    pub fn ranking(&self, class: usize) -> Option<Vec<f64>> {
        self.probabilities(class).or_else(|| self.decisions(class))
    }

    /// The decisions for a class; `None` if there are none.
    pub fn decisions(&self, class: usize) -> Option<Vec<f64>> {
        let PredictionValues::Decisions { values, .. } = &self.predicted.values else {
            return None;
        };
        Some(match self.target.classes().len() {
            2 if class == 0 => values.iter().map(|value| -value).collect(),
            2 => values.clone(),
            width => values.chunks_exact(width).map(|row| row[class]).collect(),
        })
    }

    /// The probabilities of a class; `None` if there are none.
    pub fn probabilities(&self, class: usize) -> Option<Vec<f64>> {
        let table = match &self.predicted.values {
            PredictionValues::Binary(table) | PredictionValues::Multiclass(table) => table,
            PredictionValues::Decisions { probabilities, .. } => probabilities.as_ref()?,
            _ => return None,
        };
        Some(match self.target.classes().len() {
            2 if class == 0 => table.iter().map(|one| 1.0 - one).collect(),
            2 => table.clone(),
            width => table.chunks_exact(width).map(|row| row[class]).collect(),
        })
    }
}

/// The target of some rows.
fn taken(target: &Target, rows: &[u32]) -> Target {
    match target {
        Target::Classes { classes, codes } => Target::Classes {
            classes: classes.clone(),
            codes: rows.iter().map(|row| codes[*row as usize]).collect(),
        },
        Target::Numbers(numbers) => {
            Target::Numbers(rows.iter().map(|row| numbers[*row as usize]).collect())
        }
    }
}

/// The columns of predictions, as far as they were read.
#[derive(Default)]
struct Columns {
    codes: Vec<u32>,
    numbers: Vec<f64>,
    decisions: Vec<f64>,
    probabilities: Vec<f64>,
}

impl Columns {
    fn take(&mut self, batch: &RecordBatch, classes: &[String]) -> Result<(), RowsError> {
        if classes.is_empty() {
            self.numbers.extend(double(batch, "prediction")?);
            return Ok(());
        }
        let labels = batch.column_by_name("prediction");
        let labels = labels.and_then(|labels| labels.as_string_opt::<i32>());
        let labels = labels.ok_or_else(|| form("lacks the column `prediction` of labels"))?;
        for label in labels.iter() {
            let code = classes
                .iter()
                .position(|class| Some(class.as_str()) == label);
            let code = code.ok_or_else(|| {
                form(&format!(
                    "predicts `{}`, which is no class",
                    label.unwrap_or_default()
                ))
            })?;
            self.codes.push(code as u32);
        }
        let of = match classes {
            [_, one] => std::slice::from_ref(one),
            all => all,
        };
        extend(&mut self.decisions, batch, "decision", of)?;
        extend(&mut self.probabilities, batch, "probability", of)
    }

    fn finish(self, classes: usize, rows: usize) -> Result<PredictionValues, RowsError> {
        let whole = |table: &[f64]| table.len() == rows * if classes == 2 { 1 } else { classes };
        let (has_decisions, has_probabilities) =
            (!self.decisions.is_empty(), !self.probabilities.is_empty());
        if (has_decisions && !whole(&self.decisions))
            || (has_probabilities && !whole(&self.probabilities))
        {
            return Err(form("has columns that others of the run have not"));
        }
        Ok(match (classes, has_decisions, has_probabilities) {
            (0, ..) => PredictionValues::Numbers(self.numbers),
            (_, true, _) => PredictionValues::Decisions {
                classes: self.codes,
                values: self.decisions,
                probabilities: has_probabilities.then_some(self.probabilities),
            },
            (2, false, true) => PredictionValues::Binary(self.probabilities),
            (_, false, true) => PredictionValues::Multiclass(self.probabilities),
            (_, false, false) => PredictionValues::Classes(self.codes),
        })
    }
}

/// Appends the columns `<what>_<class>`, row-major; nothing if there are none.
fn extend(
    table: &mut Vec<f64>,
    batch: &RecordBatch,
    what: &str,
    classes: &[String],
) -> Result<(), RowsError> {
    let name = |class: &String| format!("{what}_{class}");
    if batch.column_by_name(&name(&classes[0])).is_none() {
        return Ok(());
    }
    let columns = classes.iter().map(|class| double(batch, &name(class)));
    let columns: Vec<Vec<f64>> = columns.collect::<Result<_, _>>()?;
    table.extend((0..batch.num_rows()).flat_map(|row| columns.iter().map(move |of| of[row])));
    Ok(())
}

fn form(what: &str) -> RowsError {
    RowsError::Form(what.to_owned())
}

fn int(batch: &RecordBatch, name: &str) -> Result<Vec<i32>, RowsError> {
    let column = batch.column_by_name(name);
    let column = column.ok_or_else(|| form(&format!("lacks the column `{name}`")))?;
    let column = arrow_cast::cast(column, &DataType::Int32)?;
    Ok(column.as_primitive::<Int32Type>().values().to_vec())
}

fn double(batch: &RecordBatch, name: &str) -> Result<Vec<f64>, RowsError> {
    let column = batch.column_by_name(name);
    let column = column.ok_or_else(|| form(&format!("lacks the column `{name}`")))?;
    let column = arrow_cast::cast(column, &DataType::Float64)?;
    Ok(column.as_primitive::<Float64Type>().values().to_vec())
}
