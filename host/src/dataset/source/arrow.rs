//! [`ArrowReader`]: Arrow IPC, file or stream, compressed or not.

use std::io::SeekFrom;

use arrow_array::RecordBatch;
use arrow_ipc::reader::StreamReader;
use arrow_schema::ArrowError;
use arrow_schema::SchemaRef;

use super::error::SourceError;
use super::file::SourceFile;
use super::ipc::{Blocks, Messages};
use crate::guard::guarded;

/// The batches of a file.
pub(super) enum ArrowReader {
    File(Blocks),
    Stream(StreamReader<Messages>),
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
            let reader = guarded(|| Blocks::open(file, projection), malformed);
            Self::File(reader.map_err(fail)?)
        } else {
            let messages = Messages::new(file);
            let reader = guarded(|| StreamReader::try_new(messages, projection), malformed);
            Self::Stream(reader.map_err(fail)?)
        })
    }

    /// The columns.
    pub(super) fn schema(&self) -> SchemaRef {
        match self {
            Self::File(reader) => reader.schema(),
            Self::Stream(reader) => reader.schema(),
        }
    }

    /// The next batch. After an error there are no more.
    pub(super) fn next(&mut self) -> Option<Result<RecordBatch, ArrowError>> {
        let next = || match self {
            Self::File(reader) => reader.next(),
            Self::Stream(reader) => reader.next().transpose(),
        };
        guarded(next, malformed).transpose()
    }
}

fn malformed(why: String) -> ArrowError {
    ArrowError::IpcError(why)
}
