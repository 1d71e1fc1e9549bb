//! [`Writer`]: a dataset as Parquet, digested as it is written.
//!
//! The bytes depend on the rows and on the version of the Parquet crate
//! alone. Small datasets stay in memory; large ones go to a temporary file.
//! What is held besides is one row group, compressed: at most 64 MiB and as
//! a rule a tenth of that.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::sync::Arc;

use ::parquet::arrow::ArrowWriter;
use ::parquet::arrow::arrow_writer::ArrowWriterOptions;
use ::parquet::basic::{Compression, Encoding};
use ::parquet::errors::ParquetError;
use ::parquet::file::metadata::KeyValue;
use ::parquet::file::properties::{EnabledStatistics, WriterProperties};
use ::parquet::schema::types::ColumnPath;
use arrow::array::{Array, ArrayRef, AsArray, Int32Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Float32Type, Float64Type, Schema, SchemaRef};
use bytes::Bytes;
use fanout_contract::{LAYOUT_KEY, Layout};
use rustc_hash::FxHashSet;
use tempfile::{SpooledData, SpooledTempFile};

use crate::digest::{Digest, Hasher};

/// The values of a row group, of all columns together.
const GROUP_VALUES: usize = 1 << 23;

/// The size up to which a dataset is kept in memory.
const IN_MEMORY: usize = 64 << 20;

/// The bytes of a page: what a guest unpacks at a time.
const PAGE: usize = 256 << 10;

/// Why a dataset can't be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The temporary file failed.
    #[error("can't write the dataset to a temporary file in `{}`", std::env::temp_dir().display())]
    Temporary(#[source] std::io::Error),
    /// The Parquet crate refused.
    #[error("can't write the dataset as Parquet")]
    Parquet(#[source] ParquetError),
}

impl From<ParquetError> for WriteError {
    fn from(error: ParquetError) -> Self {
        match error {
            ParquetError::External(source) if source.is::<std::io::Error>() => {
                match source.downcast() {
                    Ok(source) => Self::Temporary(*source),
                    Err(source) => Self::Parquet(ParquetError::External(source)),
                }
            }
            other => Self::Parquet(other),
        }
    }
}

/// What was written.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) digest: Digest,
    pub(super) size: u64,
    pub(super) content: Content,
}

/// Where the bytes are.
#[derive(Debug)]
pub(super) enum Content {
    Memory(Bytes),
    File(File),
}

struct Digesting {
    inner: SpooledTempFile,
    hasher: Hasher,
    size: u64,
}

impl Write for Digesting {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.inner.flush()
    }
}

/// Writes a dataset, batch by batch.
pub(super) struct Writer {
    schema: SchemaRef,
    /// Opened at the first batch, which chooses the encodings.
    inner: Option<ArrowWriter<Digesting>>,
}

impl Writer {
    /// A writer of these columns.
    pub(super) fn new(schema: SchemaRef) -> Self {
        Self {
            schema,
            inner: None,
        }
    }

    /// Writes the next batch.
    pub(super) fn write(&mut self, columns: Vec<ArrayRef>) -> Result<(), WriteError> {
        let batch = RecordBatch::try_new(self.schema.clone(), columns)
            .map_err(|error| WriteError::Parquet(error.into()))?;
        let inner = match &mut self.inner {
            Some(inner) => inner,
            none => none.insert(open(&self.schema, batch.columns())?),
        };
        Ok(inner.write(&batch)?)
    }

    /// Ends the file.
    pub(super) fn finish(self, layout: Option<&Layout>) -> Result<Written, WriteError> {
        let mut inner = match self.inner {
            Some(inner) => inner,
            None => open(&self.schema, &[])?,
        };
        if let Some(layout) = layout {
            let layout = serde_json::to_string(layout).expect("a layout is JSON");
            inner.append_key_value_metadata(KeyValue::new(LAYOUT_KEY.to_owned(), layout));
        }
        let Digesting {
            inner,
            hasher,
            size,
        } = inner.into_inner()?;
        let content = match inner.into_inner() {
            SpooledData::InMemory(cursor) => Content::Memory(cursor.into_inner().into()),
            SpooledData::OnDisk(mut file) => {
                file.rewind().map_err(WriteError::Temporary)?;
                Content::File(file)
            }
        };
        Ok(Written {
            digest: hasher.finish(),
            size,
            content,
        })
    }
}

fn open(schema: &SchemaRef, first: &[ArrayRef]) -> Result<ArrowWriter<Digesting>, WriteError> {
    let rows = (GROUP_VALUES / schema.fields().len().max(1)).clamp(1 << 14, 1 << 20);
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_offset_index_disabled(true)
        .set_max_row_group_row_count(Some(rows))
        .set_data_page_size_limit(PAGE)
        .set_data_page_row_count_limit(usize::MAX)
        .set_dictionary_enabled(false);
    for (field, column) in schema.fields().iter().zip(first) {
        let path = ColumnPath::new(vec![field.name().clone()]);
        properties = match field.data_type() {
            DataType::Int32 | DataType::Int64 => {
                properties.set_column_encoding(path, Encoding::DELTA_BINARY_PACKED)
            }
            DataType::Float32 | DataType::Float64 if repeats(column) => {
                properties.set_column_dictionary_enabled(path, true)
            }
            _ => properties.set_column_encoding(path, Encoding::PLAIN),
        };
    }
    let options = ArrowWriterOptions::new()
        .with_properties(properties.build())
        // The layout says all there is to know.
        .with_skip_arrow_metadata(true);
    let sink = Digesting {
        inner: SpooledTempFile::new(IN_MEMORY),
        hasher: Hasher::new(),
        size: 0,
    };
    Ok(ArrowWriter::try_new_with_options(
        sink,
        schema.clone(),
        options,
    )?)
}

/// Whether the values of a column of real numbers occur twice and more: a
/// dictionary then makes it small.
fn repeats(column: &ArrayRef) -> bool {
    let mut values = FxHashSet::default();
    match column.data_type() {
        DataType::Float32 => values.extend(
            column
                .as_primitive::<Float32Type>()
                .values()
                .iter()
                .map(|v| u64::from(v.to_bits())),
        ),
        _ => values.extend(
            column
                .as_primitive::<Float64Type>()
                .values()
                .iter()
                .map(|v| v.to_bits()),
        ),
    }
    values.len() * 2 <= column.len()
}

/// A splits file: columns of 32-bit whole numbers, some rows null.
pub(super) fn splits(columns: &[(&str, Int32Array)]) -> Result<Written, WriteError> {
    let fields = columns
        .iter()
        .map(|(name, _)| Field::new(*name, DataType::Int32, true));
    let mut writer = Writer::new(Arc::new(Schema::new(fields.collect::<Vec<_>>())));
    writer.write(
        columns
            .iter()
            .map(|(_, column)| Arc::new(column.clone()) as ArrayRef)
            .collect(),
    )?;
    writer.finish(None)
}

impl Content {
    /// All bytes.
    pub(super) fn bytes(self) -> std::io::Result<Bytes> {
        match self {
            Self::Memory(bytes) => Ok(bytes),
            Self::File(mut file) => {
                let mut bytes = Vec::new();
                file.read_to_end(&mut bytes)?;
                Ok(bytes.into())
            }
        }
    }
}
