//! [`DatasetWriter`]: writes a dataset as Parquet and digests its bytes.
//!
//! The bytes depend on the rows and on the version of the Parquet crate alone.
//! Small datasets stay in memory, large ones go to a temporary file. Memory
//! also holds one compressed row group, at most 64 MiB and usually a tenth of
//! that.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::sync::Arc;

use ::parquet::arrow::ArrowWriter;
use ::parquet::arrow::arrow_writer::{
    ArrowColumnWriter, ArrowRowGroupWriterFactory, ArrowWriterOptions, compute_leaves,
};
use ::parquet::basic::{Compression, Encoding};
use ::parquet::errors::{ParquetError, Result as ParquetResult};
use ::parquet::file::metadata::KeyValue;
use ::parquet::file::properties::{EnabledStatistics, WriterProperties};
use ::parquet::file::writer::SerializedFileWriter;
use ::parquet::schema::types::ColumnPath;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type};
use arrow_array::{Array, ArrayRef};
use arrow_schema::ArrowError;
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use arrow_select::concat::concat;
use bytes::Bytes;
use fanout_contract::{LAYOUT_KEY, Layout};
use rayon::prelude::*;
use rustc_hash::FxHashSet;
use tempfile::{SpooledData, SpooledTempFile};

use super::split::SplitColumn;
use crate::digest::{Digest, Hasher};

/// The number of values of a row group, over all columns.
const ROW_GROUP_VALUES: usize = 1 << 23;

/// The most rows of a row group that is full.
const MAX_GROUP_ROWS: usize = 1 << 20;

/// The number of values that are written at a time, over all columns.
const STEP_VALUES: usize = 1 << 21;

/// The size up to which a dataset is kept in memory.
const MEMORY_BYTES: usize = 64 << 20;

/// The size of a page, which a guest decompresses at a time.
const PAGE_BYTES: usize = 256 << 10;

/// Why a dataset can't be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The temporary file failed.
    #[error("can't write the dataset to a temporary file in `{}`", std::env::temp_dir().display())]
    Temporary(#[source] std::io::Error),
    /// The Parquet crate failed.
    #[error("can't write the dataset as Parquet")]
    Parquet(#[source] ParquetError),
}

impl WriteError {
    /// What to do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Temporary(_) => {
                "make room there, or name another folder with `TMPDIR`, and run again"
            }
            Self::Parquet(_) => {
                "leave out columns until it goes, and report the one with which it does not"
            }
        }
    }
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

/// A file that was written.
#[derive(Debug)]
pub(super) struct WrittenFile {
    pub(super) digest: Digest,
    pub(super) size: u64,
    pub(super) content: Content,
}

/// The bytes of a file.
#[derive(Debug)]
pub(super) enum Content {
    Memory(Bytes),
    File(File),
    /// They were discarded.
    None,
}

/// A writer that digests and counts its bytes.
struct DigestWriter {
    /// `None` if the bytes are discarded.
    inner: Option<SpooledTempFile>,
    hasher: Hasher,
    size: u64,
}

impl Write for DigestWriter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = match &mut self.inner {
            Some(inner) => inner.write(bytes)?,
            None => bytes.len(),
        };
        self.hasher.update(&bytes[..written]);
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.inner.as_mut().map_or(Ok(()), Write::flush)
    }
}

/// Writes a dataset. The file does not depend on how the rows are batched.
pub(super) struct DatasetWriter {
    schema: SchemaRef,
    /// Whether a column of integers is written with a dictionary; empty: none is.
    coded: Vec<bool>,
    /// The least number of rows of a row group.
    group_rows: usize,
    /// The number of rows that are written at a time.
    step: usize,
    /// Rows that do not make a step yet, by column.
    buffered: Vec<Vec<ArrayRef>>,
    /// The number of these rows.
    rows: usize,
    keep: bool,
    /// Opened at the first step, whose values decide the encodings.
    open: Option<OpenFile>,
}

/// A file that is being written.
struct OpenFile {
    file: SerializedFileWriter<DigestWriter>,
    factory: ArrowRowGroupWriterFactory,
    /// The columns of the row group.
    columns: Vec<ArrowColumnWriter>,
    rows: usize,
    group_rows: usize,
}

impl DatasetWriter {
    /// A writer of these columns; without `keep`, the bytes are digested and
    /// discarded.
    pub(super) fn new(schema: SchemaRef, keep: bool) -> Self {
        let columns = schema.fields().len();
        Self {
            coded: Vec::new(),
            group_rows: (ROW_GROUP_VALUES / columns.max(1)).clamp(1 << 14, MAX_GROUP_ROWS),
            step: (STEP_VALUES / columns.max(1)).clamp(256, 16_384),
            buffered: vec![Vec::new(); columns],
            rows: 0,
            schema,
            keep,
            open: None,
        }
    }

    /// Writes the next rows.
    pub(super) fn write(&mut self, columns: &[ArrayRef]) -> Result<(), WriteError> {
        let rows = columns.first().map_or(0, |column| column.len());
        let mut from = 0;
        while self.rows + rows - from >= self.step {
            let taken = self.step - self.rows;
            self.buffer(columns, from, taken);
            from += taken;
            self.flush()?;
        }
        self.buffer(columns, from, rows - from);
        Ok(())
    }

    fn buffer(&mut self, columns: &[ArrayRef], from: usize, rows: usize) {
        if rows > 0 {
            for (buffered, column) in self.buffered.iter_mut().zip(columns) {
                buffered.push(column.slice(from, rows));
            }
            self.rows += rows;
        }
    }

    /// Writes the buffered rows.
    fn flush(&mut self) -> Result<(), WriteError> {
        let columns: Vec<ArrayRef> = self
            .buffered
            .par_iter_mut()
            .map(|buffered| match buffered.as_slice() {
                [whole] => Ok(whole.clone()),
                parts => concat(&parts.iter().map(AsRef::as_ref).collect::<Vec<_>>()),
            })
            .collect::<Result<_, ArrowError>>()
            .map_err(|error| WriteError::Parquet(error.into()))?;
        self.buffered.iter_mut().for_each(Vec::clear);
        if self.open.is_none() {
            self.open = Some(self.new_file(&columns)?);
        }
        let open = self.open.as_mut().expect("it was opened");
        open.write(&self.schema, &columns, std::mem::take(&mut self.rows))
    }

    /// Opens a file whose encodings fit the first values.
    fn new_file(&self, first: &[ArrayRef]) -> Result<OpenFile, WriteError> {
        let options = ArrowWriterOptions::new()
            .with_properties(properties(&self.schema, first, &self.coded))
            // Guests read the layout instead.
            .with_skip_arrow_metadata(true);
        let sink = DigestWriter {
            inner: self.keep.then(|| SpooledTempFile::new(MEMORY_BYTES)),
            hasher: Hasher::new(),
            size: 0,
        };
        let writer = ArrowWriter::try_new_with_options(sink, self.schema.clone(), options)?;
        let (file, factory) = writer.into_serialized_writer()?;
        Ok(OpenFile {
            file,
            factory,
            columns: Vec::new(),
            rows: 0,
            // No step is in two row groups.
            group_rows: self.group_rows.next_multiple_of(self.step),
        })
    }

    /// Finishes the file; a dataset has a layout, a splits file has none.
    pub(super) fn finish(mut self, layout: Option<&Layout>) -> Result<WrittenFile, WriteError> {
        if self.rows > 0 {
            self.flush()?;
        }
        let mut open = match self.open.take() {
            Some(open) => open,
            None => self.new_file(&[])?,
        };
        open.end_group()?;
        if let Some(layout) = layout {
            let layout = serde_json::to_string(layout).expect("a layout is JSON");
            open.file
                .append_key_value_metadata(KeyValue::new(LAYOUT_KEY.to_owned(), layout));
        }
        let DigestWriter {
            inner,
            hasher,
            size,
        } = open.file.into_inner()?;
        let content = match inner.map(SpooledTempFile::into_inner) {
            Some(SpooledData::InMemory(cursor)) => Content::Memory(cursor.into_inner().into()),
            Some(SpooledData::OnDisk(mut file)) => {
                file.rewind().map_err(WriteError::Temporary)?;
                Content::File(file)
            }
            None => Content::None,
        };
        Ok(WrittenFile {
            digest: hasher.finish(),
            size,
            content,
        })
    }
}

impl OpenFile {
    /// Writes a step, the columns in parallel.
    fn write(
        &mut self,
        schema: &SchemaRef,
        columns: &[ArrayRef],
        rows: usize,
    ) -> Result<(), WriteError> {
        if self.columns.is_empty() {
            let group = self.file.flushed_row_groups().len();
            self.columns = self.factory.create_column_writers(group)?;
        }
        let fields = schema.fields().par_iter();
        fields
            .zip(columns)
            .zip(&mut self.columns)
            .try_for_each(|((field, column), writer)| {
                // A flat column has one leaf.
                compute_leaves(field, column)?
                    .iter()
                    .try_for_each(|leaf| writer.write(leaf))
            })?;
        self.rows += rows;
        if self.rows >= self.group_rows {
            self.end_group()?;
        }
        Ok(())
    }

    fn end_group(&mut self) -> Result<(), WriteError> {
        if self.columns.is_empty() {
            return Ok(());
        }
        self.rows = 0;
        let chunks: Vec<_> = std::mem::take(&mut self.columns)
            .into_par_iter()
            .map(ArrowColumnWriter::close)
            .collect::<ParquetResult<_>>()?;
        let mut group = self.file.next_row_group()?;
        for chunk in chunks {
            chunk.append_to_row_group(&mut group)?;
        }
        group.close()?;
        Ok(())
    }
}

/// The encodings of the columns, decided by their first values, and by whether a
/// column of integers is `coded`.
fn properties(schema: &SchemaRef, first: &[ArrayRef], coded: &[bool]) -> WriterProperties {
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        // Null counts: column chunks without a value are not read.
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true)
        .set_data_page_size_limit(PAGE_BYTES)
        .set_data_page_row_count_limit(usize::MAX)
        .set_dictionary_enabled(false);
    for (index, (field, column)) in schema.fields().iter().zip(first).enumerate() {
        let path = ColumnPath::new(vec![field.name().clone()]);
        properties = match field.data_type() {
            DataType::Int32 if coded.get(index) == Some(&true) => {
                properties.set_column_dictionary_enabled(path, true)
            }
            DataType::Int32 | DataType::Int64 => {
                properties.set_column_encoding(path, Encoding::DELTA_BINARY_PACKED)
            }
            DataType::Float32 | DataType::Float64 if has_repeated_values(column) => {
                properties.set_column_dictionary_enabled(path, true)
            }
            _ => properties.set_column_encoding(path, Encoding::PLAIN),
        };
    }
    properties.build()
}

/// Whether the values of a column of real numbers occur twice on average, so that
/// a dictionary makes it smaller.
fn has_repeated_values(column: &ArrayRef) -> bool {
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

/// Writes a splits file: columns of nullable 32-bit whole numbers. Their values are
/// made as they are written.
pub(super) fn write_splits(columns: &[&SplitColumn]) -> Result<WrittenFile, WriteError> {
    let rows = columns.first().map_or(0, |column| column.rows());
    let fields = columns
        .iter()
        .map(|column| Field::new(&column.name, DataType::Int32, true));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let mut writer = DatasetWriter::new(schema, true);
    writer.coded = columns.iter().map(|column| column.is_coded()).collect();
    // A value takes some bits, so that the pages of a large row group are small;
    // those of thousands of small groups would be lost in their headers.
    writer.group_rows = MAX_GROUP_ROWS;
    let mut from = 0;
    while from < rows {
        let to = rows.min(from + writer.step);
        let values = columns
            .par_iter()
            .map(|column| Arc::new(column.array(from..to)) as ArrayRef);
        writer.write(&values.collect::<Vec<_>>())?;
        from = to;
    }
    writer.finish(None)
}

impl Content {
    /// Reads all bytes.
    pub(super) fn bytes(self) -> std::io::Result<Bytes> {
        match self {
            Self::Memory(bytes) => Ok(bytes),
            Self::File(mut file) => {
                let mut bytes = Vec::new();
                file.read_to_end(&mut bytes)?;
                Ok(bytes.into())
            }
            Self::None => Ok(Bytes::new()),
        }
    }
}
