//! What is read back of the files that [`prepare`](super::prepare) stored:
//! [`Truth`], the target and the weights of the rows, [`ColumnValues`], those of any
//! column, [`feature_names`], [`split_sizes`], [`times_tested`] and [`rows_in`].

use std::collections::BTreeMap;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float64Type, Int32Type};
use arrow_array::{Array, ArrayRef};
use arrow_cast::cast;
use arrow_schema::{ArrowError, DataType};
use arrow_select::concat::concat;
use bytes::Bytes;
use fanout_contract::{ColumnKind, LAYOUT_KEY, Layout, Role, Split, Train};
use fanout_sdk::Target;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder as Reader;
use parquet::errors::ParquetError;
use rustc_hash::FxHashMap;

use super::labels;

/// Why a file of the store can't be read back.
#[derive(Debug, thiserror::Error)]
pub enum StoredError {
    /// It is no Parquet file of ours.
    #[error("a stored file can't be read")]
    Parquet(#[from] ParquetError),
    /// A column has another type.
    #[error("a stored column can't be read")]
    Column(#[from] ArrowError),
    /// It lacks a column, or does not say what its columns mean.
    #[error("a stored file lacks {what}")]
    Lacks {
        /// What it lacks.
        what: String,
    },
}

fn lacks(what: impl Into<String>) -> StoredError {
    StoredError::Lacks { what: what.into() }
}

/// The target and the weights of all rows of a dataset.
#[derive(Clone, Debug)]
pub struct Truth {
    /// By row.
    pub target: Target,
    /// By row; `None` if all rows weigh the same.
    pub weights: Option<Vec<f64>>,
}

impl Truth {
    /// Reads the columns `target` and `weight` of a dataset's file. Classes are in the
    /// order of their sorted labels.
    pub fn read(dataset: &Bytes, target: &str, weight: Option<&str>) -> Result<Self, StoredError> {
        Ok(Self {
            target: match column_values(dataset, target)? {
                ColumnValues::Numbers(numbers) => Target::Numbers(numbers),
                ColumnValues::Labels { labels, codes } => {
                    let classes = labels::sorted_labels(&labels);
                    let place = |label: &String| {
                        let place = classes.iter().position(|class| class == label);
                        place.unwrap_or_default() as u32
                    };
                    let places: Vec<u32> = labels.iter().map(place).collect();
                    let code = |code: Option<u32>| {
                        let code = code.and_then(|code| places.get(code as usize));
                        code.copied().unwrap_or(Target::MISSING)
                    };
                    let codes = codes.into_iter().map(code).collect();
                    Target::Classes { classes, codes }
                }
            },
            weights: weight
                .map(|weight| numbers(&column(dataset, weight)?))
                .transpose()?,
        })
    }
}

/// All values of a column of a dataset, by row.
#[derive(Clone, Debug, PartialEq)]
pub enum ColumnValues {
    /// Numbers; NaN is missing.
    Numbers(Vec<f64>),
    /// Categories.
    Labels {
        /// The labels.
        labels: Vec<String>,
        /// Indices into these; `None` is missing.
        codes: Vec<Option<u32>>,
    },
}

impl ColumnValues {
    /// The number of rows.
    pub fn len(&self) -> usize {
        match self {
            Self::Numbers(numbers) => numbers.len(),
            Self::Labels { codes, .. } => codes.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The values of the rows that `kept` says, by row.
    #[must_use]
    pub fn of_rows(self, kept: impl Fn(usize) -> bool) -> Self {
        if (0..self.len()).all(&kept) {
            return self;
        }
        fn of<T>(values: Vec<T>, kept: impl Fn(usize) -> bool) -> Vec<T> {
            let rows = values.into_iter().enumerate();
            rows.filter_map(|(row, value)| kept(row).then_some(value))
                .collect()
        }
        match self {
            Self::Numbers(numbers) => Self::Numbers(of(numbers, kept)),
            Self::Labels { labels, codes } => Self::Labels {
                labels,
                codes: of(codes, kept),
            },
        }
    }

    /// Numbers that are places in `labels`, as categories.
    #[must_use]
    pub fn with_labels(self, labels: &[String]) -> Self {
        let Self::Numbers(places) = self else {
            return self;
        };
        let code =
            |place: f64| (place >= 0.0 && place < labels.len() as f64).then_some(place as u32);
        Self::Labels {
            labels: labels.to_vec(),
            codes: places.into_iter().map(code).collect(),
        }
    }
}

/// Reads the column `name` of a dataset's file.
pub fn column_values(dataset: &Bytes, name: &str) -> Result<ColumnValues, StoredError> {
    let reader = Reader::try_new(dataset.clone())?;
    let mut columns = layout(&reader)?.columns.into_iter();
    let described = columns.find(|column| column.name == name);
    let described = described.ok_or_else(|| lacks(format!("the column `{name}`")))?;
    let values = column(dataset, name)?;
    Ok(match described.kind {
        ColumnKind::Number => ColumnValues::Numbers(numbers(&values)?),
        ColumnKind::Category { labels } => {
            let values = cast(&values, &DataType::Int32)?;
            let codes = values.as_primitive::<Int32Type>().iter();
            let known = |code: &u32| (*code as usize) < labels.len();
            let code = |code: i32| u32::try_from(code).ok().filter(known);
            let codes = codes.map(|found| found.and_then(code)).collect();
            ColumnValues::Labels { labels, codes }
        }
    })
}

/// The layout of a dataset's file.
pub(super) fn layout(reader: &Reader<Bytes>) -> Result<Layout, StoredError> {
    let about = reader.metadata().file_metadata().key_value_metadata();
    let mut about = about.into_iter().flatten();
    let layout = about.find(|about| about.key == LAYOUT_KEY);
    let layout = layout.and_then(|layout| layout.value.as_deref());
    let layout: Option<Layout> = layout.and_then(|text| serde_json::from_str(text).ok());
    layout.ok_or_else(|| lacks("its layout"))
}

/// The names of the features of a dataset's file, in their order.
pub fn feature_names(dataset: &Bytes) -> Result<Vec<String>, StoredError> {
    let layout = layout(&Reader::try_new(dataset.clone())?)?;
    let features = layout.columns.into_iter();
    let features = features.filter(|column| column.role == Role::Feature);
    Ok(features.map(|column| column.name).collect())
}

/// By row: whether it takes part in the splits of the column `name` of a splits file.
pub fn rows_in(splits: &Bytes, name: &str) -> Result<Vec<bool>, StoredError> {
    let values = column(splits, name)?;
    Ok((0..values.len()).map(|row| values.is_valid(row)).collect())
}

/// By row of a splits file: how many of `splits` test it.
pub fn times_tested(file: &Bytes, splits: &[Split]) -> Result<Vec<u32>, StoredError> {
    // By column and value: how many splits test the rows of it.
    let mut columns: BTreeMap<&str, FxHashMap<i32, u32>> = BTreeMap::new();
    for split in splits {
        let column = columns.entry(&split.column).or_default();
        if let Some(test) = split.test {
            *column.entry(test).or_default() += 1;
        }
    }
    let mut times = Vec::new();
    for (name, of) in columns {
        let values = cast(&column(file, name)?, &DataType::Int32)?;
        times.resize(values.len(), 0);
        let values = values.as_primitive::<Int32Type>().iter();
        for (times, value) in times.iter_mut().zip(values) {
            *times += value
                .and_then(|value| of.get(&value))
                .copied()
                .unwrap_or_default();
        }
    }
    Ok(times)
}

/// A column of numbers; null is NaN.
pub(super) fn numbers(values: &ArrayRef) -> Result<Vec<f64>, StoredError> {
    let values = cast(values, &DataType::Float64)?;
    let values = values.as_primitive::<Float64Type>().iter();
    Ok(values.map(|value| value.unwrap_or(f64::NAN)).collect())
}

/// All values of the column `name` of a Parquet file.
fn column(file: &Bytes, name: &str) -> Result<ArrayRef, StoredError> {
    let reader = Reader::try_new(file.clone())?;
    let columns = reader.parquet_schema().columns().iter();
    let place = columns
        .map(|column| column.name())
        .position(|is| is == name);
    let place = place.ok_or_else(|| lacks(format!("the column `{name}`")))?;
    let mask = ProjectionMask::leaves(reader.parquet_schema(), [place]);
    let batches = reader
        .with_projection(mask)
        .with_batch_size(1 << 16)
        .build()?;
    let columns = batches.map(|batch| Ok(batch?.column(0).clone()));
    let columns: Vec<ArrayRef> = columns.collect::<Result<_, StoredError>>()?;
    let parts: Vec<&dyn Array> = columns.iter().map(AsRef::as_ref).collect();
    match parts.is_empty() {
        true => Err(lacks("rows")),
        false => Ok(concat(&parts)?),
    }
}

/// The numbers of training and of test rows of each split, of a splits file.
pub fn split_sizes(file: &Bytes, splits: &[Split]) -> Result<Vec<[u64; 2]>, StoredError> {
    // The number of rows of each value, and of all, by column.
    let mut columns: BTreeMap<&str, (BTreeMap<i32, u64>, u64)> = BTreeMap::new();
    let mut read = |name| -> Result<(), StoredError> {
        if columns.contains_key(name) {
            return Ok(());
        }
        let values = cast(&column(file, name)?, &DataType::Int32)?;
        let mut rows: FxHashMap<i32, u64> = FxHashMap::default();
        for value in values.as_primitive::<Int32Type>().iter().flatten() {
            *rows.entry(value).or_insert(0) += 1;
        }
        let all = rows.values().sum();
        columns.insert(name, (rows.into_iter().collect(), all));
        Ok(())
    };
    for split in splits {
        read(&split.column)?;
        if let Train::Column { name, .. } = &split.train {
            read(name)?;
        }
    }
    let size = |split: &Split| {
        let (rows, all) = &columns[split.column.as_str()];
        let of = |value: &i32| rows.get(value).copied().unwrap_or_default();
        let test = split.test.as_ref().map_or(0, of);
        let train = match (&split.train, split.test) {
            (Train::Before, Some(test)) => rows.range(..test).map(|(_, rows)| rows).sum(),
            (Train::Column { name, value }, _) => columns[name.as_str()]
                .0
                .get(value)
                .copied()
                .unwrap_or_default(),
            _ => all - test,
        };
        [train, test]
    };
    Ok(splits.iter().map(size).collect())
}
