//! [`ParquetFile`]: a Parquet file, of which only the needed columns are read.
//!
//! Memory holds one page of each needed column of a local file, and the needed
//! columns of one row group of a remote file, fetched in few requests.

use std::io::{self, Read};
use std::ops::Range;
use std::sync::Arc;

use ::parquet::arrow::ProjectionMask;
use ::parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder,
};
use ::parquet::basic::Type as PhysicalType;
use ::parquet::errors::{ParquetError, Result as ParquetResult};
use ::parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};
use ::parquet::file::reader::{ChunkReader, Length};
use ::parquet::file::statistics::Statistics;
use arrow_array::RecordBatch;
use arrow_schema::{DataType, Schema, SchemaRef, TimeUnit};
use bytes::{Buf, Bytes};

use super::error::SourceError;
use super::file::{RangeRead, SourceFile};
use crate::guard::guarded;

/// The bytes at the end of a remote file that are fetched first. They usually
/// hold the whole footer.
const TAIL: u64 = 64 << 10;

/// Ranges at most this many bytes apart are fetched in one request.
const GAP: u64 = 1 << 20;

/// A Parquet file whose footer has been read.
pub(super) struct ParquetFile<'a> {
    input: &'a SourceFile,
    metadata: ArrowReaderMetadata,
}

impl<'a> ParquetFile<'a> {
    /// Reads the footer. Dictionary-encoded texts are read as dictionaries: their
    /// categories then cost an array access a row instead of a hash.
    pub(super) fn open(input: &'a SourceFile) -> Result<Self, SourceError> {
        guarded(|| Self::read(input), |why| malformed(input, why))
    }

    fn read(input: &'a SourceFile) -> Result<Self, SourceError> {
        let path = input.path();
        let size = input.size()?;
        if size == 0 {
            return Err(SourceError::Empty {
                path: path.to_owned(),
            });
        }
        let fail = |source| SourceError::parquet(path, source);
        let options = ArrowReaderOptions::new();
        let metadata = match input.as_remote() {
            None => ArrowReaderMetadata::load(&input.open()?, options.clone()),
            Some(file) => {
                let tail = size.saturating_sub(TAIL)..size;
                let bytes = file.read(tail.clone());
                let bytes = bytes.map_err(|source| SourceError::read(path, source))?;
                let fetched = Fetched {
                    file: file.clone(),
                    parts: vec![(tail.start, bytes)],
                };
                ArrowReaderMetadata::load(&fetched, options.clone())
            }
        };
        let metadata = metadata.map_err(fail)?;
        let fields = metadata
            .schema()
            .fields()
            .iter()
            .enumerate()
            .map(|(index, field)| {
                let text = matches!(
                    field.data_type(),
                    DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View
                );
                let kind = match field.data_type() {
                    _ if text && has_dictionary(metadata.metadata(), index) => {
                        DataType::Dictionary(DataType::Int32.into(), DataType::Utf8.into())
                    }
                    // The reader makes no dictionaries of some types, and for
                    // others they save nothing.
                    DataType::Dictionary(_, values) if values.is_primitive() => (**values).clone(),
                    DataType::Dictionary(_, values) if **values == DataType::Boolean => {
                        DataType::Boolean
                    }
                    // Nanoseconds end in the year 2262, and wrap around.
                    DataType::Timestamp(TimeUnit::Nanosecond, zone)
                        if is_int96(metadata.metadata(), index) =>
                    {
                        DataType::Timestamp(TimeUnit::Microsecond, zone.clone())
                    }
                    _ => return field.clone(),
                };
                Arc::new(field.as_ref().clone().with_data_type(kind))
            });
        let schema = Schema::new_with_metadata(
            fields.collect::<Vec<_>>(),
            metadata.schema().metadata().clone(),
        );
        let options = options.with_schema(Arc::new(schema));
        let metadata =
            ArrowReaderMetadata::try_new(metadata.metadata().clone(), options).map_err(fail)?;
        Ok(Self { input, metadata })
    }

    /// The number of rows.
    pub(super) fn rows(&self) -> u64 {
        let rows = self.metadata.metadata().file_metadata().num_rows();
        u64::try_from(rows).unwrap_or(0)
    }

    /// The columns.
    pub(super) fn schema(&self) -> &SchemaRef {
        self.metadata.schema()
    }

    /// Whether a column may have missing values: the schema allows them, and the
    /// statistics do not rule them out.
    pub(super) fn is_nullable(&self, column: usize) -> bool {
        !chunks(self.metadata.metadata(), column).all(|chunk| {
            let nulls = chunk.statistics().and_then(Statistics::null_count_opt);
            nulls == Some(0) || chunk.column_descr().max_def_level() == 0
        })
    }

    /// The columns `projection`, in batches of at most `batch` rows.
    pub(super) fn batches(self, projection: &[usize], batch: usize) -> Batches<'a> {
        let columns = self.metadata.parquet_schema();
        let mask = ProjectionMask::roots(columns, projection.iter().copied());
        let groups = match self.input.as_remote() {
            // One reader reads all row groups.
            None => 1,
            Some(_) => self.metadata.metadata().num_row_groups(),
        };
        Batches {
            file: self,
            mask,
            batch,
            groups: 0..groups,
            reader: None,
        }
    }

    fn reader(
        &self,
        mask: &ProjectionMask,
        batch: usize,
        group: usize,
    ) -> Result<ParquetRecordBatchReader, SourceError> {
        let metadata = self.metadata.clone();
        let reader = match self.input.as_remote() {
            None => {
                ParquetRecordBatchReaderBuilder::new_with_metadata(self.input.open()?, metadata)
                    .with_projection(mask.clone())
                    .with_batch_size(batch)
                    .build()
            }
            Some(file) => {
                let fetched = self.fetch(file, mask, group);
                let fetched =
                    fetched.map_err(|source| SourceError::read(self.input.path(), source))?;
                ParquetRecordBatchReaderBuilder::new_with_metadata(fetched, metadata)
                    .with_projection(mask.clone())
                    .with_batch_size(batch)
                    .with_row_groups(vec![group])
                    .build()
            }
        };
        reader.map_err(|source| SourceError::parquet(self.input.path(), source))
    }

    /// Fetches the needed columns of a row group.
    fn fetch(
        &self,
        file: &Arc<dyn RangeRead>,
        mask: &ProjectionMask,
        group: usize,
    ) -> io::Result<Fetched> {
        let columns = self.metadata.metadata().row_group(group).columns();
        let needed = columns.iter().enumerate();
        let mut ranges: Vec<Range<u64>> = needed
            .filter(|(leaf, _)| mask.leaf_included(*leaf))
            .map(|(_, chunk)| {
                let (start, size) = chunk.byte_range();
                start..start.saturating_add(size).min(file.size())
            })
            .collect();
        ranges.sort_by_key(|range| range.start);
        let mut parts: Vec<Range<u64>> = Vec::new();
        for range in ranges {
            match parts.last_mut() {
                Some(last) if range.start <= last.end.saturating_add(GAP) => {
                    last.end = last.end.max(range.end);
                }
                _ => parts.push(range),
            }
        }
        let parts = parts.into_iter().map(|part| {
            let start = part.start;
            file.read(part).map(|bytes| (start, bytes))
        });
        Ok(Fetched {
            file: file.clone(),
            parts: parts.collect::<io::Result<_>>()?,
        })
    }
}

/// The batches of a file.
pub(super) struct Batches<'a> {
    file: ParquetFile<'a>,
    mask: ProjectionMask,
    batch: usize,
    groups: Range<usize>,
    reader: Option<ParquetRecordBatchReader>,
}

impl Batches<'_> {
    /// The next batch; `None` at the end. After an error there are no more.
    pub(super) fn next(&mut self) -> Result<Option<RecordBatch>, SourceError> {
        let input = self.file.input;
        guarded(|| self.read(), |why| malformed(input, why))
    }

    fn read(&mut self) -> Result<Option<RecordBatch>, SourceError> {
        loop {
            let reader = match &mut self.reader {
                Some(reader) => reader,
                none => match self.groups.next() {
                    Some(group) => none.insert(self.file.reader(&self.mask, self.batch, group)?),
                    None => return Ok(None),
                },
            };
            match reader.next() {
                Some(Ok(batch)) => return Ok(Some(batch)),
                Some(Err(source)) => {
                    return Err(SourceError::arrow_of_parquet(
                        self.file.input.path(),
                        source,
                    ));
                }
                None => self.reader = None,
            }
        }
    }
}

/// A remote file of which some parts have been fetched; others are fetched when
/// they are read.
struct Fetched {
    file: Arc<dyn RangeRead>,
    /// The offset of each part, ascending, and its bytes.
    parts: Vec<(u64, Bytes)>,
}

impl Fetched {
    /// The bytes of the part that holds `start`, from there on.
    fn part_from(&self, start: u64) -> Option<Bytes> {
        let after = self.parts.partition_point(|(at, _)| *at <= start);
        let (at, bytes) = &self.parts[after.checked_sub(1)?];
        let skipped = usize::try_from(start - at).ok()?;
        (skipped < bytes.len()).then(|| bytes.slice(skipped..))
    }
}

impl Length for Fetched {
    fn len(&self) -> u64 {
        self.file.size()
    }
}

impl ChunkReader for Fetched {
    type T = Box<dyn Read + Send>;

    fn get_read(&self, start: u64) -> ParquetResult<Self::T> {
        match self.part_from(start) {
            Some(bytes) => Ok(Box::new(bytes.reader())),
            None => {
                let rest = self.file.read(start..self.file.size().min(start + GAP));
                let rest = rest.map_err(|source| ParquetError::External(source.into()))?;
                Ok(Box::new(rest.reader()))
            }
        }
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        match self.part_from(start) {
            Some(bytes) if bytes.len() >= length => Ok(bytes.slice(..length)),
            _ => {
                let end = start.saturating_add(length as u64);
                if end > self.file.size() {
                    return Err(ParquetError::EOF(format!(
                        "bytes {start} to {end} of a file of {}",
                        self.file.size()
                    )));
                }
                let bytes = self.file.read(start..end);
                bytes.map_err(|source| ParquetError::External(source.into()))
            }
        }
    }
}

fn malformed(input: &SourceFile, why: String) -> SourceError {
    SourceError::parquet(input.path(), ParquetError::General(why))
}

/// Whether a column has the times of old of Spark, Impala and Hive.
fn is_int96(metadata: &ParquetMetaData, root: usize) -> bool {
    let column = chunks(metadata, root).next();
    column.is_some_and(|chunk| chunk.column_type() == PhysicalType::INT96)
}

fn has_dictionary(metadata: &ParquetMetaData, root: usize) -> bool {
    chunks(metadata, root).all(|chunk| chunk.dictionary_page_offset().is_some())
}

/// The chunks of all leaves under a column.
fn chunks(metadata: &ParquetMetaData, root: usize) -> impl Iterator<Item = &ColumnChunkMetaData> {
    let schema = metadata.file_metadata().schema_descr();
    metadata.row_groups().iter().flat_map(move |group| {
        let chunks = group.columns().iter().enumerate();
        chunks
            .filter(move |(leaf, _)| schema.get_column_root_idx(*leaf) == root)
            .map(|(_, c)| c)
    })
}
