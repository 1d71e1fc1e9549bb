//! [`Blocks`] and [`Messages`]: the two forms of Arrow's IPC, read message by
//! message, each checked before it is decoded.
//!
//! Threat: eight bytes that claim a compressed buffer to be larger than any
//! memory. `arrow-ipc` allocates what is claimed, and an allocation that fails
//! ends the process.

use std::collections::VecDeque;
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_buffer::{Buffer, MutableBuffer};
use arrow_ipc::convert::try_fb_to_schema;
use arrow_ipc::reader::{FileDecoder, read_footer_length};
use arrow_ipc::{Block, Message, MessageHeader, root_as_footer, root_as_message};
use arrow_schema::{ArrowError, SchemaRef};

use super::file::ReadSeek;

/// What stands before the length of a message; files of old have none.
const CONTINUATION: [u8; 4] = [0xff; 4];

/// The most bytes that a compressed byte stands for: Zstandard repeats one
/// byte up to 128 KiB in a block of four. LZ4 reaches 255.
const MOST: u64 = 1 << 15;

/// A file whose footer has been read.
pub(super) struct Blocks {
    file: Box<dyn ReadSeek>,
    /// Where the trailer begins.
    end: u64,
    decoder: FileDecoder,
    schema: SchemaRef,
    left: VecDeque<Block>,
}

impl Blocks {
    /// Reads the footer and the dictionaries.
    pub(super) fn open(
        mut file: Box<dyn ReadSeek>,
        projection: Option<Vec<usize>>,
    ) -> Result<Self, ArrowError> {
        let mut trailer = [0; 10];
        let end = file.seek(SeekFrom::End(-10))?;
        file.read_exact(&mut trailer)?;
        let length = read_footer_length(trailer)? as u64;
        let start = end.checked_sub(length);
        let start = start.ok_or_else(|| malformed("the footer is longer than the file"))?;
        file.seek(SeekFrom::Start(start))?;
        let mut footer = vec![0; usize::try_from(length).map_err(|_| malformed("the footer"))?];
        file.read_exact(&mut footer)?;
        let footer = root_as_footer(&footer).map_err(|error| malformed(error.to_string()))?;
        let schema = footer.schema();
        let schema = schema.ok_or_else(|| malformed("the footer has no schema"))?;
        if !schema.endianness().equals_to_target_endianness() {
            return Err(malformed("the numbers are of the other endianness"));
        }
        let blocks = footer.recordBatches();
        let blocks = blocks.ok_or_else(|| malformed("the footer lists no record batches"))?;
        let mut schema = Arc::new(try_fb_to_schema(schema)?);
        let mut decoder = FileDecoder::new(Arc::clone(&schema), footer.version());
        if let Some(projection) = projection {
            schema = Arc::new(schema.project(&projection)?);
            decoder = decoder.with_projection(projection);
        }
        for block in footer.dictionaries().iter().flatten() {
            let data = read_block(&mut file, end, block)?;
            decoder.read_dictionary(block, &data)?;
        }
        Ok(Self {
            file,
            end,
            decoder,
            schema,
            left: blocks.iter().copied().collect(),
        })
    }

    /// The columns.
    pub(super) fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// The next batch; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<RecordBatch>, ArrowError> {
        let Some(block) = self.left.pop_front() else {
            return Ok(None);
        };
        let data = read_block(&mut self.file, self.end, &block)?;
        self.decoder.read_record_batch(&block, &data)
    }
}

/// A message's metadata and body, checked. No block reaches beyond `end`.
fn read_block(file: &mut dyn ReadSeek, end: u64, block: &Block) -> Result<Buffer, ArrowError> {
    let number = |number| u64::try_from(number).ok();
    let range = || {
        let start = number(block.offset())?;
        let body = start.checked_add(number(block.metaDataLength().into())?)?;
        let stop = body.checked_add(number(block.bodyLength())?)?;
        (stop <= end).then_some((start, body - start, stop - start))
    };
    let (start, head, length) = range().ok_or_else(|| malformed("a block is beyond the file"))?;
    file.seek(SeekFrom::Start(start))?;
    let mut data = MutableBuffer::try_from_len_zeroed(length as usize)
        .map_err(|error| ArrowError::MemoryError(error.to_string()))?;
    file.read_exact(&mut data)?;
    let prefix = if data.starts_with(&CONTINUATION) {
        8
    } else {
        4
    };
    let message = data.get(prefix..).map(root_as_message);
    let message = message.and_then(Result::ok);
    let message = message.ok_or_else(|| malformed("a block is no message"))?;
    check(&message, &data[head as usize..])?;
    Ok(data.into())
}

/// The bytes of a stream, given on as they are.
pub(super) struct Messages {
    stream: Box<dyn ReadSeek>,
    /// The message that is given on.
    message: Cursor<Vec<u8>>,
}

impl Messages {
    pub(super) fn new(stream: Box<dyn ReadSeek>) -> Self {
        Self {
            stream,
            message: Cursor::default(),
        }
    }

    /// Reads the next message, checked. What is cut short is given on as far
    /// as it goes: the reader above knows what to say of it.
    fn advance(&mut self) -> io::Result<()> {
        self.message.set_position(0);
        let bytes = self.message.get_mut();
        bytes.clear();
        let mut more = |bytes: &mut Vec<u8>, length: u64| -> io::Result<bool> {
            // Grows with what is there, and not with what is claimed.
            let read = (&mut self.stream).take(length).read_to_end(bytes)?;
            Ok(read as u64 == length)
        };
        if !more(bytes, 4)? || (*bytes == CONTINUATION && !more(bytes, 4)?) {
            return Ok(());
        }
        let prefix = bytes.len();
        let length = bytes.last_chunk().map_or(0, |end| i32::from_le_bytes(*end));
        let Ok(length) = u64::try_from(length) else {
            return Ok(());
        };
        if length == 0 || !more(bytes, length)? {
            return Ok(());
        }
        let head = bytes.len();
        let body = match root_as_message(&bytes[prefix..]) {
            Ok(message) => u64::try_from(message.bodyLength()).unwrap_or(0),
            Err(_) => 0,
        };
        if body > 0 && more(bytes, body)? {
            let (metadata, body) = bytes.split_at(head);
            if let Ok(message) = root_as_message(&metadata[prefix..]) {
                check(&message, body)?;
            }
        }
        Ok(())
    }
}

impl Read for Messages {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.message.position() == self.message.get_ref().len() as u64 {
            self.advance()?;
        }
        self.message.read(into)
    }
}

/// Refuses a message with a buffer that claims to be more than its compressed
/// bytes can stand for.
fn check(message: &Message<'_>, body: &[u8]) -> io::Result<()> {
    let batch = match message.header_type() {
        MessageHeader::RecordBatch => message.header_as_record_batch(),
        MessageHeader::DictionaryBatch => message
            .header_as_dictionary_batch()
            .and_then(|dictionary| dictionary.data()),
        _ => None,
    };
    let Some(batch) = batch.filter(|batch| batch.compression().is_some()) else {
        return Ok(());
    };
    for buffer in batch.buffers().iter().flatten() {
        let start = usize::try_from(buffer.offset());
        let length = usize::try_from(buffer.length());
        let bytes = match (start, length) {
            (Ok(start), Ok(length)) => body.get(start..start.saturating_add(length)),
            _ => None,
        };
        // What is beyond the body is refused where it is decoded.
        let claimed = bytes.and_then(|bytes| Some((bytes.len(), bytes.first_chunk()?)));
        let Some((length, claimed)) = claimed else {
            continue;
        };
        let claimed = i64::from_le_bytes(*claimed);
        if u64::try_from(claimed).is_ok_and(|claimed| claimed > length as u64 * MOST) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("a compressed buffer of {length} bytes claims to hold {claimed}"),
            ));
        }
    }
    Ok(())
}

fn malformed(why: impl Into<String>) -> ArrowError {
    ArrowError::IpcError(why.into())
}
