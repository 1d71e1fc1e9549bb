//! [`prepare`]: writes a plan's table to the store as guests read it, one
//! Parquet file and a splits file, and makes a [`Summary`] of it.
//!
//! The source is streamed in batches and never held as a whole; [`Prepared`]
//! says what memory holds.

use arrow_array::RecordBatch;
use bytes::Bytes;
use fanout_contract::{ColumnKind, Layout, Learning, Role, Split};
use rustc_hash::FxHashMap;

use crate::digest::Digest;
use crate::error::THREADS;
use crate::plan::{Cv, DatasetPlan, Plan};
use crate::store::{Key, Location, Settled, Store, StoreError};
use encode::{Encoder, EncoderOutput, SplitterValues, StreamError, TargetOutput};
use reads::ReadColumn;
use source::{BatchError, CHUNK_BYTES, Source};
use split::{Assignment, Coded, Marks, SplitterColumns, Target};
use statistics::RowSample;
use summary::SummaryBuilder;
use writer::{Content, DatasetWriter, WrittenFile};

mod added;
mod category;
mod drawn;
mod encode;
mod folds;
#[cfg(any(fuzzing, test))]
pub(crate) mod fuzzing;
mod labels;
mod looks;
mod newest;
mod parts;
mod range;
mod reads;
mod rows;
mod single;
mod source;
mod split;
mod statistics;
mod stored;
mod summary;
mod warning;
mod writer;

pub use added::AddedFeature;
pub use drawn::{DrawnError, DrawnRows, Grid};
pub use encode::{EncodeError, FeatureRecipe, Made, Recipe, SourceType};
pub use folds::{FoldClasses, remedy as fold_remedy};
pub use labels::{find_label, one_of};
pub use looks::Looks;
pub use newest::{Arrivals, HoldNewest, Newest, NewestError, TrainedFiles};
pub use parts::{PartOf, SplitPart};
pub use reads::Reads;
pub use rows::{ModelRows, RowSource, reading};
pub use source::{FileStamp, SourceColumn, SourceError, SourceSchema};
pub use split::SplitError;
pub use stored::{
    ColumnValues, StoredError, Truth, column_values, feature_names, rows_in, split_sizes,
    times_tested,
};
pub use summary::{ClassSummary, ColumnSummary, Summary};
pub use warning::{Count, LeakKind, Loss, Warning};
pub use writer::WriteError;

/// The number of values of a batch, over all columns.
const BATCH_VALUES: usize = 1 << 21;

/// The most rows of a batch that is read to be stored.
const BATCH_ROWS: usize = 1 << 14;

/// The rows of a batch of `columns` columns, at most `most`.
fn batch_rows(columns: usize, most: usize) -> usize {
    (BATCH_VALUES / columns.max(1)).clamp(256, most)
}

/// Why a dataset can't be prepared.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// The source can't be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The table can't be encoded as the plan says.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The rows can't be split as the plan says.
    #[error(transparent)]
    Split(#[from] SplitError),
    /// The newest rows can't be told or held out.
    #[error(transparent)]
    Newest(#[from] NewestError),
    /// The dataset can't be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// A stored dataset can't be read back.
    #[error(transparent)]
    Stored(#[from] StoredError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The reading threads can't be started.
    #[error("can't start the threads that read the data")]
    Threads(#[source] rayon::ThreadPoolBuildError),
}

impl DatasetError {
    /// What to do about it; `None` where the message says it.
    pub fn remedy(&self) -> Option<&'static str> {
        match self {
            Self::Source(error) => error.remedy(),
            Self::Encode(error) => error.remedy(),
            // Each names the field to change.
            Self::Split(_) => None,
            Self::Newest(error) => Some(error.remedy()),
            Self::Write(error) => Some(error.remedy()),
            Self::Stored(_) => Some("run again: what is missing or damaged is made again"),
            Self::Store(error) => error.remedy(),
            Self::Threads(_) => Some(THREADS),
        }
    }
}

/// A dataset in the store, for the search of one of its targets.
///
/// [`prepare`] holds in memory: two batches of at most 16 MiB, one compressed
/// row group of the Parquet file, the labels of all categories, 13 bytes a row
/// for classes, groups, folds and hold-out (of these, 8 for each further target), or 2
/// bits a row and split where splits overlap, and at most 60 MiB for the summary. The
/// compressed file is held in memory up to 64 MiB, and in a temporary file
/// beyond that.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// The digest, and name, of the dataset.
    pub dataset: Digest,
    /// The size of the dataset's Parquet file in bytes.
    pub dataset_bytes: u64,
    /// The dataset's Parquet file if it has at most 64 MiB. Larger ones are read
    /// from the store.
    pub dataset_content: Option<Bytes>,
    /// The digest, and name, of the splits file.
    pub splits: Digest,
    /// The splits file.
    pub splits_content: Bytes,
    /// What the columns mean.
    pub layout: Layout,
    /// The target's name.
    pub target: String,
    /// What is learnt.
    pub learning: Learning,
    /// How the features and the target were made of the source's columns.
    pub recipe: Recipe,
    /// The labels of the classes, sorted as numbers if all of them are numbers,
    /// else as texts. Empty for a regression target.
    pub classes: Vec<String>,
    /// The splits of the search, in order.
    pub folds: Vec<Split>,
    /// Which of the splits belong together; empty where they are those of `cv`.
    pub parts: Vec<SplitPart>,
    /// The classes of the rows of each split; without classes for a regression
    /// target.
    pub fold_classes: Vec<FoldClasses>,
    /// Trains on all rows of the search, tests none.
    pub refit: Split,
    /// Trains on all rows of the search, tests those that were held out.
    pub holdout: Option<Split>,
    /// The number of rows, those held out included.
    pub rows: u64,
    /// The number of rows of the search.
    pub search_rows: u64,
    /// The files of the source, as they were when reading began.
    pub files: Vec<FileStamp>,
    /// Statistics and warnings.
    pub summary: Summary,
    /// How many of the warnings, the first ones, are of the table, whatever the target.
    shared_warnings: usize,
    /// Whether it is of the only target.
    pub is_alone: bool,
    /// Whether no dataset was written: the store had it already, or no store was
    /// given.
    pub reused: bool,
    /// Damaged objects of the store that were written again.
    pub repaired: Vec<Key>,
}

impl Prepared {
    /// The number of features.
    pub fn features(&self) -> usize {
        let columns = self.layout.columns.iter();
        columns
            .filter(|column| column.role == Role::Feature)
            .count()
    }

    /// The warnings about the table, whatever the target.
    pub fn table_warnings(&self) -> &[Warning] {
        &self.summary.warnings[..self.shared_warnings]
    }

    /// The warnings about the target and its splits; of the only one, all warnings.
    pub fn own_warnings(&self) -> &[Warning] {
        match self.is_alone {
            true => &self.summary.warnings,
            false => &self.summary.warnings[self.shared_warnings..],
        }
    }

    /// The names of the features, in the order of the dataset.
    pub fn feature_names(&self) -> Vec<String> {
        let features = self.layout.columns.iter();
        let features = features.filter(|column| column.role == Role::Feature);
        features.map(|column| column.name.clone()).collect()
    }

    /// Whether the column `name` of the dataset is a feature.
    pub fn is_feature(&self, name: &str) -> bool {
        let mut columns = self.layout.columns.iter();
        columns.any(|column| column.role == Role::Feature && column.name == name)
    }
}

/// How a source is read. It changes time and memory, never the dataset.
#[derive(Clone, Copy, Debug)]
struct ReadOptions {
    /// The number of threads; 0 for one a core.
    threads: usize,
    /// The size of the chunks of a text file, in bytes.
    chunk_bytes: usize,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            threads: 0,
            chunk_bytes: CHUNK_BYTES,
        }
    }
}

/// A plan's source, opened to be looked at before it is read.
#[derive(Debug)]
pub struct SourceLook {
    source: Source,
}

impl SourceLook {
    /// Opens the source of a plan. `store` is the location of the plan's store.
    pub fn open(plan: &DatasetPlan, store: &Location) -> Result<Self, SourceError> {
        Ok(Self {
            source: Source::open(plan, store, CHUNK_BYTES)?,
        })
    }

    /// The columns, without reading all rows.
    pub fn schema(&self) -> Result<SourceSchema, SourceError> {
        self.source.schema()
    }

    /// Whether a target is of numbers by itself: its column is of a type for reals, with a
    /// value that is not whole. Reads that column up to the first such value.
    pub fn has_fractions(&mut self, target: &str) -> Result<bool, SourceError> {
        loop {
            let mut columns = self.source.columns().iter();
            // That it is not there is told when the columns are checked.
            let Some(target) = columns.position(|column| column.name == target) else {
                return Ok(false);
            };
            match encode::has_fractions(&self.source, target, BATCH_VALUES) {
                Err(BatchError::TypeTooNarrow) => self.source.infer_from_all_rows()?,
                Err(BatchError::Source(error)) => return Err(error),
                Ok(found) => return Ok(found),
            }
        }
    }
}

/// Reads the plan's source, and writes the dataset and the splits to the store
/// unless it has them: once, for the searches of all targets. Returns what each of these
/// has of it, in the plan's order.
pub fn prepare(plan: &Plan, store: &Store) -> Result<Vec<Prepared>, DatasetError> {
    prepare_with(plan, Some(store), ReadOptions::default())
}

/// Does all of [`prepare`] but writing to a store: the source is read and
/// checked, and the dataset discarded.
pub fn examine(plan: &Plan) -> Result<Vec<Prepared>, DatasetError> {
    prepare_with(plan, None, ReadOptions::default())
}

fn prepare_with(
    plan: &Plan,
    store: Option<&Store>,
    options: ReadOptions,
) -> Result<Vec<Prepared>, DatasetError> {
    let keep = store.is_some();
    prepare_encoded(store, options.threads, || {
        encode_source(plan, options.chunk_bytes, keep)
    })
}

/// Encodes a dataset on so many threads, and writes it to the store.
fn prepare_encoded(
    store: Option<&Store>,
    threads: usize,
    encode: impl FnOnce() -> Result<EncodedDataset, DatasetError> + Send,
) -> Result<Vec<Prepared>, DatasetError> {
    let threads = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(|number| format!("prepare-{number}"))
        .build()
        .map_err(DatasetError::Threads)?;
    let encoded = threads.install(|| -> Result<_, DatasetError> {
        let encoded = encode()?;
        let assignments = encoded.searches.iter().map(|search| &search.assignment);
        let splits = writer::write_splits(&split::columns(assignments))?;
        Ok((encoded, splits))
    });
    drop(threads);
    let (encoded, splits) = encoded?;
    let EncodedDataset {
        dataset,
        finished,
        rows,
        searches,
        files,
    } = encoded;
    let splits_content = splits.content.bytes().map_err(WriteError::Temporary)?;

    let mut repaired = Vec::new();
    let mut settle = |store: &Store, key: Key, digest, bytes| -> Result<bool, StoreError> {
        let settled = store.settle(&key, digest, bytes)?;
        if settled == Settled::Repaired {
            repaired.push(key);
        }
        Ok(settled == Settled::Written)
    };
    let key = Key::dataset(&dataset.digest);
    let (dataset_content, written) = match (dataset.content, store) {
        (Content::Memory(bytes), Some(store)) => {
            let written = settle(store, key, dataset.digest, bytes.clone())?;
            (Some(bytes), written)
        }
        (Content::File(file), Some(store)) => (None, store.create_from(&key, file)?),
        (Content::None, _) | (_, None) => (None, false),
    };
    if let Some(store) = store {
        let key = Key::splits(&splits.digest);
        settle(store, key, splits.digest, splits_content.clone())?;
    }

    let is_alone = searches.len() == 1;
    let searches = searches.into_iter().zip(finished.targets);
    let prepared = searches.map(|(search, target)| {
        let EncodedSearch {
            summary,
            shared_warnings,
            assignment,
            fold_classes,
            search_rows,
        } = search;
        let classes = target.classes;
        let classes = classes.map(|classes| labels::sorted_labels(&classes.labels));
        let classes = classes.unwrap_or_default();
        Prepared {
            dataset: dataset.digest,
            dataset_bytes: dataset.size,
            dataset_content: dataset_content.clone(),
            splits: splits.digest,
            splits_content: splits_content.clone(),
            layout: finished.layout.clone(),
            recipe: Recipe {
                target: target.source,
                ..finished.recipe.clone()
            },
            target: target.name,
            learning: match classes.len() {
                0 => Learning::Regression,
                2 => Learning::Binary,
                _ => Learning::Multiclass,
            },
            classes,
            folds: assignment.splits(),
            parts: assignment.parts.clone(),
            fold_classes,
            refit: assignment.refit(),
            holdout: assignment.holdout(),
            rows: rows as u64,
            search_rows: search_rows as u64,
            files: files.clone(),
            summary,
            shared_warnings,
            is_alone,
            reused: !written,
            repaired: repaired.clone(),
        }
    });
    Ok(prepared.collect())
}

/// A dataset that has not been written to the store.
struct EncodedDataset {
    dataset: WrittenFile,
    finished: EncoderOutput,
    rows: usize,
    /// By target.
    searches: Vec<EncodedSearch>,
    files: Vec<FileStamp>,
}

/// What the search of one target has of a dataset.
struct EncodedSearch {
    summary: Summary,
    /// How many of its warnings are of the table.
    shared_warnings: usize,
    assignment: Assignment,
    fold_classes: Vec<FoldClasses>,
    /// The rows of the search that have the target.
    search_rows: usize,
}

/// The rows to hold out, by the number of rows and the source that was read; `None`:
/// those that the plan says.
type HeldOut<'a> = &'a (dyn Fn(usize, &Source) -> Result<Option<Vec<bool>>, DatasetError> + Sync);

fn encode_source(
    plan: &Plan,
    chunk_bytes: usize,
    keep: bool,
) -> Result<EncodedDataset, DatasetError> {
    let source = Source::open(&plan.dataset, &Location::from(&plan.store), chunk_bytes)?;
    encode_opened(plan, source, keep, &|_, _| Ok(None))
}

fn encode_opened(
    plan: &Plan,
    mut source: Source,
    keep: bool,
    held_out: HeldOut<'_>,
) -> Result<EncodedDataset, DatasetError> {
    let files = source.stamps()?;
    loop {
        match stream(plan, &source, keep) {
            // The inferred type of a CSV column was too narrow.
            Err(StreamError::Batch(BatchError::TypeTooNarrow)) => source.infer_from_all_rows()?,
            Err(StreamError::Batch(BatchError::Source(error))) => return Err(error.into()),
            Err(StreamError::Encode(mut error)) => {
                if let EncodeError::MissingTarget { name, text, .. } = &mut error {
                    *text = source.null_text(name)?;
                }
                return Err(error.into());
            }
            Err(StreamError::Write(error)) => return Err(error.into()),
            Ok(streamed) => {
                let held_out = held_out(streamed.rows, &source)?;
                return finish(plan, streamed, held_out, files);
            }
        }
    }
}

/// The result of one pass over the source.
struct Streamed {
    dataset: WrittenFile,
    finished: EncoderOutput,
    summary: Summary,
    sample: RowSample,
    rows: usize,
    /// By target: the class of each row, or 0 for numbers; `u32::MAX` where there is none.
    /// Empty for numbers that all rows have.
    targets: Vec<Vec<u32>>,
    /// The group or the fold of each row, where a column holds them.
    codes: Vec<u32>,
    /// The user's splits.
    marks: Vec<Marks>,
}

/// Parses batches while those before them are encoded and written. What
/// depends on the order of the rows is done in that order.
fn stream(plan: &Plan, source: &Source, keep: bool) -> Result<Streamed, StreamError> {
    let batch_rows = batch_rows(source.columns().len(), BATCH_ROWS);
    let mut encoder = Encoder::new(source, &plan.dataset, &plan.cv, &plan.kind, batch_rows)?;
    let schema = encoder.schema();
    let mut summary = SummaryBuilder::new(schema.fields().len(), source.rows());
    let mut writer = DatasetWriter::new(schema, keep);
    let (mut rows, mut codes) = (0, Vec::new());
    let mut targets: Vec<Vec<u32>> = Vec::new();
    let mut marks: Vec<Marks> = Vec::new();
    let projection = encoder.projection().to_vec();
    let mut batches = source.batches(&projection, batch_rows);
    let mut take = |batch: Result<RecordBatch, BatchError>| -> Result<(), StreamError> {
        let batch = batch?;
        let encoded = encoder.encode(&batch)?;
        // The error counts all rows without a target, so that reading goes on.
        if encoder.is_missing_target() {
            return Ok(());
        }
        rows += encoded.rows;
        drop(batch);
        let ((), written) = rayon::join(
            || summary.update(&encoded),
            || writer.write(&encoded.columns),
        );
        written?;
        targets.resize_with(encoded.targets.len(), Vec::new);
        for (codes, of_batch) in targets.iter_mut().zip(encoded.targets) {
            codes.extend(of_batch.into_codes());
        }
        match encoded.splitter {
            SplitterValues::None => {}
            SplitterValues::Codes(of_batch) => codes.extend(of_batch),
            SplitterValues::Marks(of_batch) => {
                marks.resize_with(of_batch.len(), Marks::default);
                let columns = marks.iter_mut().zip(of_batch);
                columns.for_each(|(marks, of_batch)| of_batch.iter().for_each(|m| marks.push(*m)));
            }
        }
        Ok(())
    };
    let mut ready = batches.next_batches();
    while !ready.is_empty() {
        let (next, taken) = rayon::join(
            || batches.next_batches(),
            || ready.into_iter().try_for_each(&mut take),
        );
        taken?;
        ready = next;
    }
    let read = encoder.read_columns();
    if rows == 0 && !encoder.is_missing_target() {
        return Err(match encoder.has_left_out() {
            true => encoder.missing_target().into(),
            false => source.no_rows().into(),
        });
    }
    let finished = encoder.finish()?;
    let told = told_of_reading(&finished, &read, source);
    let (mut summary, sample) = summary.finish(&finished.layout, read);
    summary.warnings.splice(0..0, told);
    let dataset = writer.finish(Some(&finished.layout))?;
    Ok(Streamed {
        dataset,
        finished,
        summary,
        sample,
        rows,
        targets,
        codes,
        marks,
    })
}

/// The warning that rows lack a target.
fn missing_targets(target: &TargetOutput, rows: u64) -> Option<Warning> {
    (target.missing > 0).then(|| Warning::MissingTargets {
        target: target.name.clone(),
        count: target.missing,
        rows,
    })
}

/// Warnings about how the columns were read.
fn told_of_reading(finished: &EncoderOutput, read: &[ReadColumn], source: &Source) -> Vec<Warning> {
    let notes = source.notes();
    let mut told = Vec::new();
    // Of several, each search tells its own.
    if let [target] = finished.targets.as_slice() {
        told.extend(missing_targets(target, finished.source_rows));
    }
    let indices = finished.indices.iter().cloned();
    told.extend(indices.map(|column| Warning::Index { column }));
    for (column, read) in finished.layout.columns.iter().zip(read) {
        let name = || column.name.clone();
        match &column.kind {
            ColumnKind::Number => {
                let lost = read.source.and_then(|index| notes.lost(index));
                told.extend(lost.filter(|_| !read.declared).map(|lost| Warning::Lost {
                    column: name(),
                    what: lost.loss,
                    text: lost.text.clone(),
                    line: lost.line,
                }));
            }
            ColumnKind::Category { labels } => {
                if read.declared || read.source_type != "string" || read.source.is_none() {
                    continue;
                }
                let looks = Looks::of(labels.iter().map(String::as_str));
                told.extend(looks.map(|looks| Warning::LooksLike {
                    column: name(),
                    looks,
                }));
            }
        }
    }
    told
}

fn finish(
    plan: &Plan,
    streamed: Streamed,
    held_out: Option<Vec<bool>>,
    files: Vec<FileStamp>,
) -> Result<EncodedDataset, DatasetError> {
    let Streamed {
        dataset,
        finished,
        mut summary,
        sample,
        rows,
        targets: codes_of_targets,
        codes,
        marks,
    } = streamed;
    let targets = finished.targets.iter().zip(&codes_of_targets);
    let targets = targets.map(|(target, codes)| Target {
        rows,
        classes: target.classes.as_ref().map(|set| Coded::of(codes, set)),
        present: (target.missing > 0 && !codes.is_empty()).then_some(codes.as_slice()),
    });
    let targets: Vec<Target<'_>> = targets.collect();
    let columns = match &finished.splitter_labels {
        Some(set) => SplitterColumns::Values(Coded::of(&codes, set)),
        None if finished.splits.is_empty() => SplitterColumns::None,
        None => SplitterColumns::Marks(finished.splits.iter().cloned().zip(marks).collect()),
    };
    let plans = plan.searches();
    let searches: Vec<(&Plan, Target<'_>)> = plans.iter().zip(targets).collect();
    let assignments = split::assign_all(&searches, held_out, &columns)?;
    if let Some(column) = &plan.dataset.groups
        && !plan.cv.takes_groups()
        && !plan.kind.takes_groups()
        && !matches!(&plan.cv, Cv::PredefinedSplit { column: folds } if folds == column)
    {
        summary.warnings.push(Warning::GroupsIgnored {
            column: column.clone(),
            method: plan.cv.method(),
        });
    }
    if let (Some(column), Some(_), true) =
        (&plan.dataset.groups, &plan.holdout, plan.cv.takes_groups())
    {
        let column = column.clone();
        summary.warnings.push(Warning::GroupsInHoldout { column });
    }
    let mut encoded = Vec::with_capacity(searches.len());
    for (number, ((plan, target), assignment)) in searches.iter().zip(assignments).enumerate() {
        let about = &finished.targets[number];
        let missing = missing_targets(about, finished.source_rows);
        let missing = missing.filter(|_| searches.len() > 1);
        encoded.push(EncodedSearch::new(
            plan,
            (about, *target),
            assignment,
            &summary,
            (searches.len() == 1).then_some(&sample),
            missing,
        ));
    }
    Ok(EncodedDataset {
        dataset,
        finished,
        rows,
        searches: encoded,
        files,
    })
}

impl EncodedSearch {
    /// What the search of a target has, of the summary of the table. What single columns
    /// tell is found in the sample of rows, where one is given; `missing` warns of rows
    /// without the target.
    fn new(
        plan: &Plan,
        (about, target): (&TargetOutput, Target<'_>),
        assignment: Assignment,
        table: &Summary,
        sample: Option<&RowSample>,
        missing: Option<Warning>,
    ) -> Self {
        let mut summary = table.clone();
        let shared_warnings = summary.warnings.len();
        summary.warnings.extend(missing);
        let labels = about.classes.as_ref().map(|set| set.labels.as_slice());
        let labels = labels.unwrap_or_default();
        for (class, count) in &assignment.rare_classes {
            summary.warnings.push(Warning::FewerRowsThanFolds {
                label: labels[*class as usize].clone(),
                count: *count as u64,
                folds: plan.cv.folds().unwrap_or_default(),
            });
        }
        if let Some(sample) = sample {
            let told = single::warnings(sample, &summary, plan, &assignment);
            summary.warnings.extend(told);
        }
        let sorted = labels::sorted_labels(labels);
        let place: FxHashMap<&str, usize> =
            (0..).zip(&sorted).map(|(at, l)| (l.as_str(), at)).collect();
        let places: Vec<usize> = labels.iter().map(|label| place[label.as_str()]).collect();
        // A row without a class is none of those that are counted.
        let class = |row: usize| match &target.classes {
            None => 0,
            Some(classes) => {
                let place = places.get(classes.codes[row] as usize);
                place.copied().unwrap_or(usize::MAX)
            }
        };
        let fold_classes = FoldClasses::all(&assignment, class, sorted.len());
        let told = folds::warnings(plan, &fold_classes, &sorted);
        summary.warnings.extend(told);
        if summary.classes.is_empty() && !sorted.is_empty() {
            let mut rows = vec![0; sorted.len()];
            for row in 0..target.rows {
                rows.get_mut(class(row))
                    .into_iter()
                    .for_each(|rows| *rows += 1);
            }
            let classes = sorted.into_iter().zip(rows);
            summary.classes = classes
                .map(|(label, rows)| ClassSummary { label, rows })
                .collect();
        }
        Self {
            search_rows: assignment.search_rows,
            summary,
            shared_warnings,
            assignment,
            fold_classes,
        }
    }
}

#[cfg(test)]
mod tests;
