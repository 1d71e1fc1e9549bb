//! [`RowSource`]: rows of a source without a target, as features of a model, batch by
//! batch.

use ::parquet::arrow::ArrowWriter;
use ::parquet::arrow::arrow_writer::ArrowWriterOptions;
use ::parquet::basic::Compression;
use ::parquet::file::metadata::KeyValue;
use ::parquet::file::properties::{EnabledStatistics, WriterProperties};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema};
use bytes::Bytes;
use fanout_contract::{Column, LAYOUT_KEY, Layout};

use super::encode::{FeatureEncoder, FeatureRows, Made, Recipe};
use super::source::{BatchError, CHUNK_BYTES, Source, SourceError};
use super::writer::WriteError;
use super::{BATCH_VALUES, DatasetError, EncodeError};
use crate::plan::{ColumnKind, DatasetPlan, FeaturePlan, SourceFormat};
use crate::store::Location;

/// Rows to predict.
#[derive(Debug)]
pub struct RowSource {
    source: Source,
    encoder: FeatureEncoder,
    /// The indices of the source's columns that are read, ascending.
    projection: Vec<usize>,
    /// By column of the encoder: its place among those that are read.
    features: Vec<usize>,
    /// The kept columns: their places among those that are read.
    kept: Vec<usize>,
}

/// Rows as a model reads them.
#[derive(Debug)]
pub struct ModelRows {
    /// A Parquet file of a dataset, without a target.
    pub table: Bytes,
    /// By feature with categories that the training data did not have: its name, the
    /// number of rows, and the first such category.
    pub unknown: Vec<(String, u64, String)>,
}

impl RowSource {
    /// Opens a source, whose columns are read as those of the training data were, by
    /// `trained`, its plan, and `recipe`. `kept` names columns that are passed on.
    ///
    /// # Errors
    /// If the source can't be read, or lacks a column.
    pub fn open(
        trained: &DatasetPlan,
        recipe: &Recipe,
        (source, format): (&str, Option<SourceFormat>),
        store: &Location,
        kept: &[String],
    ) -> Result<Self, DatasetError> {
        let plan = reading(trained, recipe, (source, format), kept);
        let mut source = Source::open(&plan, store, CHUNK_BYTES)?;
        let name = format!("`{}`", source.path().display());
        let encoder = FeatureEncoder::new(recipe, source.columns(), &name)?;
        let place = |wanted: &String| {
            let mut columns = source.columns().iter();
            let place = columns.position(|column| column.name == *wanted);
            place.ok_or_else(|| EncodeError::LacksKept {
                source_name: name.clone(),
                name: wanted.clone(),
            })
        };
        let kept: Vec<usize> = kept.iter().map(place).collect::<Result<_, _>>()?;
        let features = encoder.projection();
        let mut projection: Vec<usize> = features.iter().chain(&kept).copied().collect();
        projection.sort_unstable();
        projection.dedup();
        let place = |column: &usize| projection.binary_search(column).unwrap_or_default();
        let (features, kept) = (features.iter().map(place), kept.iter().map(place));
        let (features, kept) = (features.collect(), kept.collect());
        // Types and missing values may differ further on: nothing that was written can
        // be taken back then.
        let is_declared = |column: &usize| {
            let column = plan.columns.get(&source.columns()[*column].name);
            column.is_some_and(|column| column.kind.is_some() || column.is_number())
        };
        if source.format() != SourceFormat::Csv || !projection.iter().all(is_declared) {
            source.infer_from_all_rows()?;
        }
        let encoder = FeatureEncoder::new(recipe, source.columns(), &name)?;
        Ok(Self {
            source,
            encoder,
            projection,
            features,
            kept,
        })
    }

    /// The rows, in order, in batches.
    pub fn batches(&self) -> impl Iterator<Item = Result<RecordBatch, DatasetError>> + '_ {
        let rows = (BATCH_VALUES / self.projection.len().max(1)).clamp(256, 16_384);
        let batches = self.source.batches(&self.projection, rows);
        batches.map(|batch| {
            batch.map_err(|error| match error {
                BatchError::Source(error) => error.into(),
                BatchError::TypeTooNarrow => {
                    let path = self.source.path().to_owned();
                    SourceError::Changed { path }.into()
                }
            })
        })
    }

    /// The rows of a batch as a model reads them.
    ///
    /// # Errors
    /// If a value can't be encoded.
    pub fn encode(&self, batch: &RecordBatch) -> Result<ModelRows, DatasetError> {
        let FeatureRows {
            columns,
            layout,
            unknown,
        } = self.features(batch)?;
        let table = table(columns, &layout).map_err(WriteError::from)?;
        Ok(ModelRows { table, unknown })
    }

    /// The features of the rows of a batch.
    pub(super) fn features(&self, batch: &RecordBatch) -> Result<FeatureRows, EncodeError> {
        let features = batch
            .project(&self.features)
            .expect("the batch has the columns that are read");
        self.encoder.encode(&features)
    }

    /// The kept columns of a batch.
    pub fn kept(&self, batch: &RecordBatch) -> Vec<(Field, ArrayRef)> {
        let schema = batch.schema();
        let column = |place: &usize| {
            let array = batch.column(*place);
            let name = schema.field(*place).name();
            (
                Field::new(name, array.data_type().clone(), true),
                array.clone(),
            )
        };
        self.kept.iter().map(column).collect()
    }
}

/// The plan by which new rows are read like those of the training data.
fn reading(
    trained: &DatasetPlan,
    recipe: &Recipe,
    (source, format): (&str, Option<SourceFormat>),
    kept: &[String],
) -> DatasetPlan {
    let mut plan = DatasetPlan {
        source: source.to_owned(),
        format,
        drop: Vec::new(),
        ..trained.clone()
    };
    let features = recipe.features.iter().map(|feature| match &feature.made {
        Made::Concat { separator, .. } => FeaturePlan::Concat {
            name: feature.name.clone(),
            concat: feature.of.clone(),
            separator: separator.clone(),
        },
        _ => FeaturePlan::Column(feature.of[0].clone()),
    });
    plan.features = Some(features.collect());
    for column in &recipe.columns {
        let reads = plan.columns.entry(column.name.clone()).or_default();
        if reads.kind.is_some() || reads.is_number() || reads.is_date() {
            continue;
        }
        let mut readers = recipe.readers(&column.name);
        let is_number = readers.any(|feature| feature.made == Made::Number);
        reads.kind = match column.arrow() {
            Some(DataType::Utf8) => Some(ColumnKind::Text),
            Some(kind) if kind.is_numeric() && is_number => Some(ColumnKind::Number),
            Some(kind) if kind.is_temporal() => Some(ColumnKind::Date),
            _ => None,
        };
    }
    for name in kept {
        let is_feature = recipe.columns.iter().any(|column| column.name == *name);
        if !is_feature {
            plan.columns.entry(name.clone()).or_default().kind = Some(ColumnKind::Text);
        }
    }
    plan
}

/// A Parquet file in memory, which is read once and at once: nothing is compressed.
pub(super) fn table(
    columns: Vec<ArrayRef>,
    layout: &Layout,
) -> Result<Bytes, ::parquet::errors::ParquetError> {
    let fields = layout.columns.iter().zip(&columns);
    let field = |(about, column): (&Column, &ArrayRef)| {
        Field::new(&about.name, column.data_type().clone(), true)
    };
    let fields = fields.map(field);
    let layout = serde_json::to_string(layout).expect("a layout is JSON");
    let schema = std::sync::Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let batch = RecordBatch::try_new(schema.clone(), columns)?;
    let properties = WriterProperties::builder()
        .set_compression(Compression::UNCOMPRESSED)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true)
        .set_dictionary_enabled(false)
        .build();
    let options = ArrowWriterOptions::new()
        .with_properties(properties)
        .with_skip_arrow_metadata(true);
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new_with_options(&mut bytes, schema, options)?;
    writer.write(&batch)?;
    writer.append_key_value_metadata(KeyValue::new(LAYOUT_KEY.to_owned(), layout));
    writer.close()?;
    Ok(bytes.into())
}
