//! Remote files: the requests that are made, and the table that is read.

use std::ops::Range;
use std::sync::Mutex;

use super::source::{RangeRead, ReadSeek, SourceFile};
use super::*;
use crate::plan::SourceFormat;

/// A remote file that records the ranges that are read.
#[derive(Debug)]
struct RecordedFile {
    bytes: Bytes,
    read: Mutex<Vec<Range<u64>>>,
}

impl RecordedFile {
    fn of(bytes: impl Into<Bytes>) -> Arc<Self> {
        Arc::new(Self {
            bytes: bytes.into(),
            read: Mutex::default(),
        })
    }

    fn take_reads(&self) -> Vec<Range<u64>> {
        std::mem::take(&mut self.read.lock().unwrap())
    }
}

impl RangeRead for RecordedFile {
    fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read(&self, range: Range<u64>) -> std::io::Result<Bytes> {
        assert!(range.end <= self.size());
        self.read.lock().unwrap().push(range.clone());
        Ok(self.bytes.slice(range.start as usize..range.end as usize))
    }

    fn stream(&self) -> Box<dyn ReadSeek> {
        Box::new(std::io::Cursor::new(self.bytes.clone()))
    }
}

fn open(file: &Arc<RecordedFile>, format: SourceFormat, plan: &Plan) -> Source {
    let input = SourceFile::remote(PathBuf::from("https://host/table"), file.clone());
    Source::from_files(vec![input], format, &plan.dataset, CHUNK_BYTES).unwrap()
}

/// Twelve columns of which no two are alike, in four row groups.
fn wide() -> (Bytes, Vec<RecordBatch>) {
    const ROWS: i64 = 400_000;
    let columns = (0..12_i64).map(|column| {
        let values = (0..ROWS).map(|row| row.wrapping_mul(0x1e37_79b9_7f4a_7c15 ^ column) >> 11);
        let array: ArrayRef = Arc::new(values.collect::<Int64Array>());
        (format!("c{column}"), array)
    });
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let properties = ::parquet::file::properties::WriterProperties::builder()
        .set_max_row_group_row_count(Some(ROWS as usize / 4))
        .build();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    (bytes.into(), vec![batch])
}

#[test]
fn only_the_needed_columns_are_fetched() {
    let (bytes, batches) = wide();
    let file = RecordedFile::of(bytes.clone());
    let source = open(&file, SourceFormat::Parquet, &plan("", "c0"));
    let footer = file.take_reads();
    assert_eq!(source.rows(), Some(400_000));
    assert_eq!(footer.len(), 1, "{footer:?}");
    assert_eq!(footer[0].end - footer[0].start, 64 << 10);

    let found: Vec<RecordBatch> = source
        .batches(&[2, 9], 65_536)
        .map(Result::unwrap)
        .collect();
    let found = concat_batches(&found[0].schema(), &found).unwrap();
    assert_eq!(
        found.columns(),
        &[2, 9].map(|c| batches[0].column(c).clone())
    );

    let taken = file.take_reads();
    let metadata = ::parquet::file::metadata::ParquetMetaDataReader::new()
        .parse_and_finish(&bytes)
        .unwrap();
    let needed: u64 = metadata
        .row_groups()
        .iter()
        .flat_map(|group| [2, 9].map(|column| group.column(column).byte_range().1))
        .sum();
    // The file's end once more, and two columns of each of four row groups.
    assert_eq!(taken.len(), 1 + 4 * 2, "{taken:?}");
    let read: u64 = taken[1..].iter().map(|range| range.end - range.start).sum();
    assert_eq!(read, needed);
    assert!(needed * 5 < bytes.len() as u64);
}

#[test]
fn neighbours_are_fetched_together() {
    let (bytes, batches) = wide();
    let file = RecordedFile::of(bytes);
    let source = open(&file, SourceFormat::Parquet, &plan("", "c0"));
    let all: Vec<usize> = (0..12).collect();
    file.take_reads();
    let found: Vec<RecordBatch> = source.batches(&all, 65_536).map(Result::unwrap).collect();
    assert_eq!(
        concat_batches(&found[0].schema(), &found).unwrap(),
        batches[0]
    );
    assert_eq!(file.take_reads().len(), 1 + 4);
}

#[test]
fn every_format_is_read_from_a_remote_file() {
    let codecs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/plans/data/codecs");
    for (name, format) in [
        ("zstd.parquet", SourceFormat::Parquet),
        ("pandas.feather", SourceFormat::Arrow),
        ("lz4.arrows", SourceFormat::Arrow),
        ("table.csv", SourceFormat::Csv),
    ] {
        let path = codecs.join(name);
        let plan = plan(&path, "class");
        let local = Source::open(&plan.dataset, &here(), CHUNK_BYTES).unwrap();
        let remote = open(
            &RecordedFile::of(std::fs::read(&path).unwrap()),
            format,
            &plan,
        );
        assert_eq!(remote.columns(), local.columns(), "{name}");
        let all: Vec<usize> = (0..local.columns().len()).collect();
        // Row groups may end batches; the texts of all rows are the same.
        let read = |source: &Source| -> Vec<Vec<Option<String>>> {
            let mut columns = vec![Vec::new(); all.len()];
            for batch in source.batches(&all, 1000).map(Result::unwrap) {
                for (texts, column) in columns.iter_mut().zip(batch.columns()) {
                    let column = cast(column, &DataType::Utf8).unwrap();
                    let column = column.as_string::<i32>();
                    texts.extend(column.iter().map(|text| text.map(str::to_owned)));
                }
            }
            columns
        };
        assert_eq!(read(&remote), read(&local), "{name}");
    }
}
