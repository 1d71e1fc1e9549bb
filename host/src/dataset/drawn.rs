//! [`DrawnRows`]: rows of a source or of a stored dataset, drawn at random where there
//! are many, as features of a model; and [`Grid`], values that a feature is set to.

use std::sync::Arc;

use ::parquet::arrow::ProjectionMask;
use ::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder as Reader;
use ::parquet::errors::ParquetError;
use arrow_array::cast::AsArray as _;
use arrow_array::types::Int32Type;
use arrow_array::{Array, ArrayRef, BooleanArray, Float64Array, Int32Array, RecordBatch};
use arrow_cast::cast;
use arrow_schema::{ArrowError, DataType, SchemaRef};
use arrow_select::concat::{concat, concat_batches};
use arrow_select::filter::filter_record_batch;
use bytes::Bytes;
use fanout_contract::{ColumnKind, Layout, Role};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;

use super::encode::FeatureRows;
use super::labels::sorted_labels;
use super::rows::table;
use super::stored::{layout, numbers};
use super::{DatasetError, RowSource, StoredError};
use crate::random::below;

/// Rows of a stored dataset that are read at a time.
const BATCH: usize = 1 << 14;

/// Why rows can't be drawn.
#[derive(Debug, thiserror::Error)]
pub enum DrawnError {
    /// The source can't be read.
    #[error(transparent)]
    Source(#[from] DatasetError),
    /// The stored dataset can't be read.
    #[error(transparent)]
    Stored(#[from] StoredError),
    /// A column can't be read or written.
    #[error("the drawn rows can't be read")]
    Column(#[from] ArrowError),
    /// They can't be written for the guest.
    #[error("the drawn rows can't be written")]
    Parquet(#[from] ParquetError),
    /// There is no such feature.
    #[error("the model has no feature `{0}`")]
    NoFeature(String),
    /// There are no rows.
    #[error("there are no rows")]
    NoRows,
}

impl DrawnError {
    /// What to do about it; `None` where the message says it.
    pub fn remedy(&self) -> Option<&'static str> {
        match self {
            Self::Source(error) => error.remedy(),
            Self::Stored(_) => Some("run the plan again: what is missing or damaged is made again"),
            Self::Column(_) | Self::Parquet(_) => Some(
                "bring rows as the model was trained on; `fanout model show` lists its columns",
            ),
            Self::NoFeature(_) => Some("`fanout model show` lists its features"),
            Self::NoRows => Some("name a source with rows"),
        }
    }
}

/// Rows, as a model reads them.
#[derive(Clone, Debug)]
pub struct DrawnRows {
    /// Their indices among all rows, ascending.
    pub rows: Vec<u64>,
    /// The number of all rows.
    pub of: u64,
    layout: Layout,
    /// By column of the layout.
    columns: Vec<ArrayRef>,
}

/// Values of a feature.
#[derive(Clone, Debug, PartialEq)]
pub enum Grid {
    /// Numbers, ascending.
    Numbers(Vec<f64>),
    /// Categories: their codes, and their labels.
    Categories(Vec<(i32, String)>),
}

impl Grid {
    /// The number of values.
    pub fn len(&self) -> usize {
        match self {
            Self::Numbers(numbers) => numbers.len(),
            Self::Categories(categories) => categories.len(),
        }
    }

    /// Whether there are none: the feature is missing in all rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl DrawnRows {
    /// At most `most` rows of a source, by a seed. It is read twice: to count its rows,
    /// and to take them.
    ///
    /// # Errors
    /// If it can't be read, or has no rows.
    pub fn of_source(source: &RowSource, most: u32, seed: u64) -> Result<Self, DrawnError> {
        let mut of = 0;
        for batch in source.batches() {
            of += batch?.num_rows() as u64;
        }
        let mut draw = Draw::new(of, most, seed);
        let mut drawn = Vec::new();
        for batch in source.batches() {
            drawn.extend(draw.of_batch(&batch?)?);
        }
        let batch = joined(&drawn)?.ok_or(DrawnError::NoRows)?;
        let features = source.features(&batch).map_err(DatasetError::from)?;
        let FeatureRows {
            columns, layout, ..
        } = features;
        Ok(Self {
            rows: draw.rows,
            of,
            layout,
            columns,
        })
    }

    /// At most `most` rows of a dataset's file, by a seed.
    ///
    /// # Errors
    /// If it can't be read, or has no rows.
    pub fn of_stored(dataset: &Bytes, most: u32, seed: u64) -> Result<Self, DrawnError> {
        let reader = Reader::try_new(dataset.clone())?;
        let mut layout = layout(&reader)?;
        let is_feature = layout.columns.iter().map(|it| it.role == Role::Feature);
        let places: Vec<usize> = is_feature
            .enumerate()
            .filter_map(|(place, is)| is.then_some(place))
            .collect();
        layout.columns.retain(|column| column.role == Role::Feature);
        let of = u64::try_from(reader.metadata().file_metadata().num_rows()).unwrap_or_default();
        let mask = ProjectionMask::leaves(reader.parquet_schema(), places);
        let batches = reader
            .with_projection(mask)
            .with_batch_size(BATCH)
            .build()?;
        let mut draw = Draw::new(of, most, seed);
        let mut drawn = Vec::new();
        for batch in batches {
            drawn.extend(draw.of_batch(&batch?)?);
        }
        let batch = joined(&drawn)?.ok_or(DrawnError::NoRows)?;
        Ok(Self {
            rows: draw.rows,
            of,
            layout,
            columns: batch.columns().to_vec(),
        })
    }

    /// The number of the drawn rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The names of the features, in order.
    pub fn features(&self) -> impl Iterator<Item = &str> {
        let columns = self.layout.columns.iter();
        columns.map(|column| column.name.as_str())
    }

    fn place(&self, feature: &str) -> Result<usize, DrawnError> {
        let place = self.features().position(|name| name == feature);
        place.ok_or_else(|| DrawnError::NoFeature(feature.to_owned()))
    }

    /// The values of a feature of numbers, those that are missing left out; or the
    /// categories that its rows have, each once, sorted as numbers if all labels are
    /// numbers, else as texts.
    ///
    /// # Errors
    /// If there is no such feature, or it can't be read.
    pub fn values(&self, feature: &str) -> Result<Grid, DrawnError> {
        let place = self.place(feature)?;
        let column = &self.columns[place];
        let labels = match &self.layout.columns[place].kind {
            ColumnKind::Number => {
                let mut numbers = numbers(column)?;
                numbers.retain(|number| !number.is_nan());
                return Ok(Grid::Numbers(numbers));
            }
            ColumnKind::Category { labels } => labels,
        };
        let codes = cast(column, &DataType::Int32)?;
        let mut occurs = vec![None; labels.len()];
        for code in codes.as_primitive::<Int32Type>().iter().flatten() {
            if let Some(occurs) = occurs.get_mut(code as usize) {
                *occurs = Some(code);
            }
        }
        let category = |label: String| {
            let code = labels.iter().position(|known| *known == label);
            Some((occurs[code?]?, label))
        };
        let categories = sorted_labels(labels).into_iter().filter_map(category);
        Ok(Grid::Categories(categories.collect()))
    }

    /// The drawn rows `rows` as a Parquet file of a dataset.
    ///
    /// # Errors
    /// If it can't be written.
    pub fn table(&self, rows: std::ops::Range<usize>) -> Result<Bytes, DrawnError> {
        let columns = self.columns.iter();
        let columns = columns.map(|column| column.slice(rows.start, rows.len()));
        Ok(table(columns.collect(), &self.layout)?)
    }

    /// All drawn rows with a feature set to the value `points.start` of a grid, then
    /// with the next, and so on, as a Parquet file of a dataset.
    ///
    /// # Errors
    /// If there is no such feature, or the file can't be written.
    pub fn table_at(
        &self,
        feature: &str,
        grid: &Grid,
        points: std::ops::Range<usize>,
    ) -> Result<Bytes, DrawnError> {
        let (set, count) = (self.place(feature)?, points.len());
        let repeated = |column: &ArrayRef| {
            let copies = vec![column.as_ref() as &dyn Array; count];
            concat(&copies)
        };
        let mut columns = Vec::with_capacity(self.columns.len());
        for (place, column) in self.columns.iter().enumerate() {
            columns.push(match (place == set, grid) {
                (false, _) => repeated(column)?,
                (true, Grid::Numbers(numbers)) => {
                    let values = self.each(&numbers[points.clone()]);
                    Arc::new(Float64Array::from_iter_values(values)) as ArrayRef
                }
                (true, Grid::Categories(categories)) => {
                    let codes: Vec<i32> = categories[points.clone()]
                        .iter()
                        .map(|(code, _)| *code)
                        .collect();
                    Arc::new(Int32Array::from_iter_values(self.each(&codes))) as ArrayRef
                }
            });
        }
        Ok(table(columns, &self.layout)?)
    }

    /// Each value as many times as there are rows.
    fn each<T: Copy>(&self, values: &[T]) -> impl Iterator<Item = T> {
        let rows = self.len();
        values
            .iter()
            .flat_map(move |value| std::iter::repeat_n(*value, rows))
    }
}

/// Draws rows in their order (Knuth, The Art of Computer Programming 2, 3.4.2,
/// algorithm S).
struct Draw {
    rng: ChaCha8Rng,
    next: u64,
    of: u64,
    wanted: u64,
    rows: Vec<u64>,
}

impl Draw {
    fn new(of: u64, most: u32, seed: u64) -> Self {
        Self {
            rng: ChaCha8Rng::seed_from_u64(seed),
            next: 0,
            of,
            wanted: of.min(u64::from(most)),
            rows: Vec::new(),
        }
    }

    /// Whether the next row is one of those that are drawn.
    fn takes_next(&mut self) -> bool {
        let left = self.of.saturating_sub(self.next);
        let wanted = self.wanted - self.rows.len() as u64;
        let takes = wanted > 0 && left > 0 && below(left, &mut self.rng) < wanted;
        if takes {
            self.rows.push(self.next);
        }
        self.next += 1;
        takes
    }

    /// The drawn rows of the next batch, if it has any.
    fn of_batch(&mut self, batch: &RecordBatch) -> Result<Option<RecordBatch>, ArrowError> {
        let taken: Vec<bool> = (0..batch.num_rows()).map(|_| self.takes_next()).collect();
        if !taken.contains(&true) {
            return Ok(None);
        }
        filter_record_batch(batch, &BooleanArray::from(taken)).map(Some)
    }
}

fn joined(batches: &[RecordBatch]) -> Result<Option<RecordBatch>, ArrowError> {
    let Some(first) = batches.first() else {
        return Ok(None);
    };
    let schema: SchemaRef = first.schema();
    concat_batches(&schema, batches).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_drawn_uniformly_and_in_order() {
        let mut counts = [0_u32; 10];
        for seed in 0..20_000 {
            let mut draw = Draw::new(10, 3, seed);
            for _ in 0..10 {
                draw.takes_next();
            }
            assert_eq!(draw.rows.len(), 3);
            assert!(draw.rows.is_sorted_by(|a, b| a < b));
            for row in draw.rows {
                counts[row as usize] += 1;
            }
        }
        // 6,000 expected, with a standard deviation of 65.
        assert!(
            counts.iter().all(|count| count.abs_diff(6_000) < 330),
            "{counts:?}"
        );
    }

    #[test]
    fn few_rows_are_all_drawn() {
        let mut draw = Draw::new(4, 9, 1);
        assert!((0..4).all(|_| draw.takes_next()));
        assert!(!draw.takes_next());
    }
}
