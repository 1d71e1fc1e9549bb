//! [`AddedFeature`]: a feature that a stored dataset gets, whose values no source has: the
//! dataset with it is another dataset of the store.

use std::sync::Arc;

use ::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder as Reader;
use arrow_array::{ArrayRef, Float64Array, Int32Array, RecordBatch};
use arrow_schema::{DataType, Field, Schema};
use bytes::Bytes;
use fanout_contract::{Column, ColumnKind, Role};

use super::encode::{FeatureRecipe, Made, SourceType};
use super::reads::Reads;
use super::statistics::Count;
use super::summary::ColumnSummary;
use super::writer::{Content, DatasetWriter};
use super::{DatasetError, Prepared, StoredError};
use crate::store::{Key, Settled, Store};

/// Rows of the dataset that are copied at a time.
const BATCH: usize = 1 << 14;

/// A feature that is added to a dataset. Every row has a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddedFeature {
    /// Its name.
    pub name: String,
    /// The labels of its categories; empty for numbers.
    pub labels: Vec<String>,
}

impl AddedFeature {
    /// It as a column of a dataset.
    pub fn column(&self) -> Column {
        Column {
            name: self.name.clone(),
            role: Role::Feature,
            kind: match self.labels.is_empty() {
                true => ColumnKind::Number,
                false => ColumnKind::Category {
                    labels: self.labels.clone(),
                },
            },
        }
    }

    fn data_type(&self) -> DataType {
        match self.labels.is_empty() {
            true => DataType::Float64,
            false => DataType::Int32,
        }
    }

    /// How it is made of a column of its name, by those who have one.
    pub fn recipe(&self) -> (SourceType, FeatureRecipe) {
        let (data_type, made) = match self.labels.is_empty() {
            true => (DataType::Float64, Made::Number),
            false => {
                let labels = self.labels.clone();
                (DataType::Utf8, Made::Category { labels })
            }
        };
        let source = SourceType {
            name: self.name.clone(),
            data_type: data_type.to_string(),
        };
        let feature = FeatureRecipe {
            name: self.name.clone(),
            of: vec![self.name.clone()],
            made,
        };
        (source, feature)
    }

    /// Values of it, numbers or indices of labels, as a column for a guest.
    pub fn values(&self, values: &[f64]) -> (Column, ArrayRef) {
        let array: ArrayRef = match self.labels.is_empty() {
            true => Arc::new(Float64Array::from(values.to_vec())),
            false => {
                let codes = values.iter().map(|value| *value as i32);
                Arc::new(Int32Array::from_iter_values(codes))
            }
        };
        (self.column(), array)
    }
}

/// Where a column of a dataset is from that is made of another one.
enum ColumnSource<'a> {
    /// The column of the other one at this place.
    Stored(usize),
    /// A feature of these values, numbers or indices of its labels by row.
    Added(&'a AddedFeature, &'a [f64]),
}

impl Prepared {
    /// The same with a further feature, as far as that is known before its values are: the
    /// file in the store is the one without it.
    #[must_use]
    pub fn describing(&self, added: &AddedFeature) -> Self {
        let mut prepared = self.clone();
        let place = self.features();
        prepared.layout.columns.insert(place, added.column());
        let (source, feature) = added.recipe();
        prepared.recipe.columns.push(source);
        prepared.recipe.features.push(feature);
        let summary = ColumnSummary {
            name: added.name.clone(),
            role: Role::Feature,
            source_type: "prediction".to_owned(),
            reads: match added.labels.len() {
                0 => Reads::Number,
                labels => Reads::Category(labels as u64),
            },
            example: None,
            missing: 0,
            distinct: Count {
                value: 1,
                exact: false,
            },
            range: None,
        };
        prepared.summary.columns.insert(place, summary);
        prepared
    }

    /// The same in the file of another one's dataset, whose columns are described.
    #[must_use]
    pub fn in_dataset_of(&self, other: &Self) -> Self {
        Self {
            dataset: other.dataset,
            dataset_bytes: other.dataset_bytes,
            dataset_content: other.dataset_content.clone(),
            ..self.clone()
        }
    }

    /// The same with a further feature of these values, numbers or indices of its labels by
    /// row, in a dataset of its own in the store. `dataset` is the file without it.
    ///
    /// # Errors
    /// If that can't be read, or the other not be written.
    pub fn with_feature(
        &self,
        added: &AddedFeature,
        values: &[f64],
        dataset: &Bytes,
        store: &Store,
    ) -> Result<Self, DatasetError> {
        let mut columns: Vec<_> = (0..self.layout.columns.len())
            .map(ColumnSource::Stored)
            .collect();
        columns.insert(self.features(), ColumnSource::Added(added, values));
        self.describing(added).written(&columns, dataset, store)
    }

    /// The dataset of an estimator that learns from what others predict, in a file of its own
    /// in the store: the same rows, target, weights and splits. Its features are `added`, with
    /// their values by row, and behind these its own ones where `passthrough` is true.
    /// `dataset` is the file of this one.
    ///
    /// # Errors
    /// If that can't be read, or the other not be written.
    pub fn second_stage(
        &self,
        added: &[(AddedFeature, Vec<f64>)],
        passthrough: bool,
        dataset: &Bytes,
        store: &Store,
    ) -> Result<Self, DatasetError> {
        let kept = self.layout.columns.iter().enumerate();
        let kept = kept.filter(|(_, column)| passthrough || column.role != Role::Feature);
        let (columns, layout) = added
            .iter()
            .map(|(feature, values)| (ColumnSource::Added(feature, values), feature.column()))
            .chain(kept.map(|(place, column)| (ColumnSource::Stored(place), column.clone())))
            .unzip::<_, _, Vec<_>, _>();
        let mut prepared = self.clone();
        prepared.layout.columns = layout;
        prepared.written(&columns, dataset, store)
    }

    /// The same with a file in the store, which has these columns of `dataset`, as the layout
    /// says already.
    fn written(
        mut self,
        columns: &[ColumnSource<'_>],
        dataset: &Bytes,
        store: &Store,
    ) -> Result<Self, DatasetError> {
        let reader = Reader::try_new(dataset.clone()).map_err(StoredError::from)?;
        let stored = reader.schema();
        let field = |column: &ColumnSource<'_>| match column {
            ColumnSource::Stored(place) => stored.field(*place).clone(),
            ColumnSource::Added(added, _) => Field::new(&added.name, added.data_type(), true),
        };
        let schema = Schema::new(columns.iter().map(field).collect::<Vec<_>>());
        let mut writer = DatasetWriter::new(Arc::new(schema), true);
        let batches = reader.with_batch_size(BATCH).build();
        let mut from = 0;
        for batch in batches.map_err(StoredError::from)? {
            let batch: RecordBatch = batch.map_err(StoredError::from)?;
            let rows = from..from + batch.num_rows();
            from = rows.end;
            let array = |column: &ColumnSource<'_>| match column {
                ColumnSource::Stored(place) => ArrayRef::clone(batch.column(*place)),
                ColumnSource::Added(added, values) => added.values(&values[rows.clone()]).1,
            };
            writer.write(&columns.iter().map(array).collect::<Vec<_>>())?;
        }
        let written = writer.finish(Some(&self.layout))?;
        let key = Key::dataset(&written.digest);
        self.dataset = written.digest;
        self.dataset_bytes = written.size;
        self.repaired = Vec::new();
        (self.dataset_content, self.reused) = match written.content {
            Content::Memory(bytes) => {
                let settled = store.settle(&key, written.digest, bytes.clone())?;
                if settled == Settled::Repaired {
                    self.repaired.push(key);
                }
                (Some(bytes), settled != Settled::Written)
            }
            Content::File(file) => (None, !store.create_from(&key, file)?),
            Content::None => (None, true),
        };
        Ok(self)
    }
}
