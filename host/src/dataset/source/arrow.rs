//! [`ArrowReader`]: Arrow IPC, file or stream, compressed or not.

use std::io::SeekFrom;

use arrow_array::RecordBatch;
use arrow_ipc::reader::{FileReader, StreamReader};
use arrow_schema::ArrowError;
use arrow_schema::SchemaRef;

use super::error::SourceError;
use super::file::{ReadSeek, SourceFile};

/// The batches of a file.
pub(super) enum ArrowReader {
    File(FileReader<Box<dyn ReadSeek>>),
    Stream(StreamReader<Box<dyn ReadSeek>>),
}

impl ArrowReader {
    /// Opens a file to read the columns `projection`, or all.
    pub(super) fn open(
        input: &SourceFile,
        projection: Option<Vec<usize>>,
    ) -> Result<Self, SourceError> {
        let path = input.path();
        let mut file = input.stream()?;
        let mut magic = [0; 6];
        let read = |source| SourceError::read(path, source);
        match file.read_exact(&mut magic) {
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                if input.size()? == 0 {
                    return Err(SourceError::Empty {
                        path: path.to_owned(),
                    });
                }
            }
            other => other.map_err(read)?,
        }
        file.seek(SeekFrom::Start(0)).map_err(read)?;
        let fail = |source| SourceError::arrow(path, source);
        Ok(if &magic == b"ARROW1" {
            Self::File(FileReader::try_new(file, projection).map_err(fail)?)
        } else {
            Self::Stream(StreamReader::try_new(file, projection).map_err(fail)?)
        })
    }

    /// The columns.
    pub(super) fn schema(&self) -> SchemaRef {
        match self {
            Self::File(reader) => reader.schema(),
            Self::Stream(reader) => reader.schema(),
        }
    }

    /// The next batch.
    pub(super) fn next(&mut self) -> Option<Result<RecordBatch, ArrowError>> {
        match self {
            Self::File(reader) => reader.next(),
            Self::Stream(reader) => reader.next(),
        }
    }
}
