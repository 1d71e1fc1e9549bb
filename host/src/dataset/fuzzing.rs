//! [`read`]: a source that is held in memory, read as a plan's source is.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use super::source::{RangeRead, ReadSeek, SourceFile};
use super::*;

/// A file of a source.
#[derive(Debug)]
struct InMemory(Bytes);

impl RangeRead for InMemory {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn read(&self, range: Range<u64>) -> std::io::Result<Bytes> {
        let range = range.start as usize..range.end as usize;
        if range.start > range.end || range.end > self.0.len() {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        Ok(self.0.slice(range))
    }

    fn stream(&self) -> Box<dyn ReadSeek> {
        Box::new(std::io::Cursor::new(self.0.clone()))
    }
}

/// One thread for all inputs: to start some for each would take longer than
/// to read it.
static THREADS: LazyLock<rayon::ThreadPool> = LazyLock::new(|| {
    let threads = rayon::ThreadPoolBuilder::new().num_threads(1);
    threads.build().expect("a thread starts")
});

/// Prepares the table in a file called `name` without a store, its last
/// column as the target; of a text file, `chunk_bytes` bytes are parsed at a time.
/// Returns the dataset's digest.
pub(crate) fn read(
    plan: &Plan,
    name: &str,
    bytes: &[u8],
    chunk_bytes: usize,
) -> Result<Digest, DatasetError> {
    let file = Arc::new(InMemory(Bytes::copy_from_slice(bytes)));
    let format = source::format_of_file(name.as_ref()).expect("the name has a known ending");
    let input = SourceFile::remote(PathBuf::from(name), file);
    THREADS.install(|| {
        let source = Source::from_files(vec![input], format, &plan.dataset, chunk_bytes)?;
        let mut plan = plan.clone();
        if let Some(last) = source.columns().last() {
            plan.dataset.target.clone_from(&last.name);
        }
        Ok(encode_opened(&plan, source, false, &|_, _| Ok(None))?
            .dataset
            .digest)
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::fuzzing::SOURCE_PLAN;

    /// Files on which `arrow-ipc` or `parquet` panicked, or allocated more
    /// than any memory has.
    #[test]
    fn malformed_files_are_refused() {
        let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/regressions");
        for kind in ["arrow", "parquet"] {
            let inputs = std::fs::read_dir(fuzz.join(kind)).unwrap();
            for input in inputs.map(|input| input.unwrap().path()) {
                let bytes = std::fs::read(&input).unwrap();
                let read = read(&SOURCE_PLAN, &format!("/table.{kind}"), &bytes, CHUNK_BYTES);
                let refused = matches!(
                    &read,
                    Err(DatasetError::Source(SourceError::NotWhole { .. }))
                );
                assert!(refused, "{}: {read:?}", input.display());
            }
        }
    }
}
