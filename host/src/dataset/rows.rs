//! [`RowSource`]: rows of a source without a target, as features of a model, batch by
//! batch.

use ::parquet::arrow::ArrowWriter;
use ::parquet::arrow::arrow_writer::ArrowWriterOptions;
use ::parquet::basic::Compression;
use ::parquet::file::metadata::KeyValue;
use ::parquet::file::properties::{EnabledStatistics, WriterProperties};
use arrow_array::{ArrayRef, BooleanArray, RecordBatch};
use arrow_schema::{DataType, Field, Schema};
use arrow_select::filter::filter_record_batch;
use bytes::Bytes;
use fanout_contract::{Column, LAYOUT_KEY, Layout};

use super::encode::{FeatureEncoder, FeatureRows, Made, Recipe, with_value};
use super::newest::Arrivals;
use super::source::{BatchError, CHUNK_BYTES, Source, SourceError};
use super::writer::WriteError;
use super::{DatasetError, EncodeError, batch_rows};
use crate::plan::{ColumnKind, DatasetPlan, FeaturePlan, MissingTarget, SourceFormat};
use crate::store::Location;

/// The most rows of a batch that is predicted: a tree is walked once for all of them.
const BATCH_ROWS: usize = 1 << 16;

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
    /// The rows that are read; `None`: all.
    only: Option<Only>,
}

/// Some rows of a source.
#[derive(Debug)]
struct Only {
    /// By row that a dataset has.
    marks: Vec<bool>,
    /// The target's place among the columns that are read, where rows without one are no
    /// rows of a dataset.
    target: Option<usize>,
}

/// Rows as a model reads them.
#[derive(Debug)]
pub struct ModelRows {
    columns: Vec<ArrayRef>,
    layout: Layout,
    /// By feature with categories that the training data did not have: its name, the
    /// number of rows, and the first such category.
    pub unknown: Vec<(String, u64, String)>,
}

impl ModelRows {
    /// The rows as a Parquet file of a dataset, without a target; `added` are features
    /// behind those of the source.
    ///
    /// # Errors
    /// If it can't be written.
    pub fn table(&self, added: &[(Column, ArrayRef)]) -> Result<Bytes, DatasetError> {
        let (mut columns, mut layout) = (self.columns.clone(), self.layout.clone());
        for (column, values) in added {
            columns.push(ArrayRef::clone(values));
            layout.columns.push(column.clone());
        }
        Ok(table(columns, &layout).map_err(WriteError::from)?)
    }
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
        let source = Source::open(&plan, store, CHUNK_BYTES)?;
        Self::of_source(source, &plan, recipe, kept, None)
    }

    /// The rows of `arrivals` that have a mark, as they were read when the dataset was
    /// prepared: rows without a target have none, where `trained` leaves them out.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn of_arrivals(
        trained: &DatasetPlan,
        recipe: &Recipe,
        arrivals: &Arrivals,
        marks: &[bool],
    ) -> Result<Self, DatasetError> {
        let plan = reading(trained, recipe, ("", None), &[]);
        let (files, format) = arrivals.files();
        let source = Source::from_files(files, format, &plan, CHUNK_BYTES)?;
        Self::of_source(source, &plan, recipe, &[], Some(marks))
    }

    fn of_source(
        mut source: Source,
        plan: &DatasetPlan,
        recipe: &Recipe,
        kept: &[String],
        marks: Option<&[bool]>,
    ) -> Result<Self, DatasetError> {
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
        let is_target = |column: &usize| source.columns()[*column].name == plan.target_column();
        let drops = marks.is_some() && plan.missing_target == MissingTarget::Drop;
        let target = (0..source.columns().len()).find(is_target);
        let target = target.filter(|_| drops);
        let read = features.iter().chain(&kept).chain(&target);
        let mut projection: Vec<usize> = read.copied().collect();
        projection.sort_unstable();
        projection.dedup();
        let place = |column: &usize| projection.binary_search(column).unwrap_or_default();
        let (features, kept) = (features.iter().map(place), kept.iter().map(place));
        let (features, kept) = (features.collect(), kept.collect());
        let only = marks.map(|marks| Only {
            marks: marks.to_vec(),
            target: target.as_ref().map(place),
        });
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
            only,
        })
    }

    /// The rows, in order, in batches.
    pub fn batches(&self) -> impl Iterator<Item = Result<RecordBatch, DatasetError>> + '_ {
        let rows = batch_rows(self.projection.len(), BATCH_ROWS);
        let batches = self.source.batches(&self.projection, rows);
        let mut at = 0;
        let batches = batches.map(move |batch| {
            let batch = batch.map_err(|error| match error {
                BatchError::Source(error) => error.into(),
                BatchError::TypeTooNarrow => {
                    let path = self.source.path().to_owned();
                    DatasetError::from(SourceError::Changed { path })
                }
            })?;
            Ok(match &self.only {
                Some(only) => self.filtered(only, &batch, &mut at),
                None => batch,
            })
        });
        let is_empty = |batch: &Result<RecordBatch, DatasetError>| {
            self.only.is_some() && batch.as_ref().is_ok_and(|batch| batch.num_rows() == 0)
        };
        batches.filter(move |batch| !is_empty(batch))
    }

    /// The rows of a batch that have a mark; `at` is the number of rows before them.
    fn filtered(&self, only: &Only, batch: &RecordBatch, at: &mut usize) -> RecordBatch {
        let counts = match only.target {
            Some(place) => {
                let kind = &self.source.columns()[self.projection[place]].data_type;
                with_value(batch.column(place), kind)
            }
            None => vec![true; batch.num_rows()],
        };
        let marked = counts.into_iter().map(|counts| {
            let row = *at;
            *at += usize::from(counts);
            counts && only.marks.get(row).copied().unwrap_or_default()
        });
        let marked: BooleanArray = marked.map(Some).collect();
        filter_record_batch(batch, &marked).expect("there is a mark for each row")
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
        Ok(ModelRows {
            columns,
            layout,
            unknown,
        })
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
pub fn reading(
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
