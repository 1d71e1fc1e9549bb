//! [`prepare`]: a plan's table, as the store holds it for the guests: one
//! Parquet file, a splits file, and a [`Summary`] for people.
//!
//! The source streams through in batches and is never held whole: see
//! [`Prepared`] for what is. No model is seen here, and no metric.

use arrow_array::{Int32Array, RecordBatch};
use bytes::Bytes;
use fanout_contract::{Layout, Learning, Split};

use crate::digest::Digest;
use crate::plan::{DatasetPlan, Plan};
use crate::store::{Key, Location, Settled, Store, StoreError};
use encode::{EncodeStop, Encoder, Finished};
use parquet::{Content, Writer, Written};
use source::{BatchError, Source};
use split::{Assignment, Folds, Target};
use summary::Observer;

mod category;
mod csv;
mod encode;
#[cfg(any(fuzzing, test))]
pub(crate) mod fuzzing;
mod parquet;
mod source;
mod split;
mod summary;
mod tally;

pub use encode::EncodeError;
pub use parquet::WriteError;
pub use source::{Outline, SourceColumn, SourceError};
pub use split::SplitError;
pub use summary::{ClassSummary, ColumnSummary, Count, Summary, Tell, Warning};

/// The values of a batch, of all columns together.
const BATCH_VALUES: usize = 1 << 21;

/// Why a dataset can't be prepared.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// The source can't be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The table can't be learnt from as the plan says.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The rows can't be split as the plan says.
    #[error(transparent)]
    Split(#[from] SplitError),
    /// The dataset can't be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The threads that read can't be started.
    #[error("can't start the threads that read the data")]
    Threads(#[source] rayon::ThreadPoolBuildError),
}

/// A dataset in the store.
///
/// While it was made, memory held: two batches of at most 16 MiB, one row
/// group of the Parquet file as it is compressed, the texts of all
/// categories, 12 bytes a row for classes, folds and hold-out, and at most
/// 60 MiB for the summary. The compressed file is held in memory up to
/// 64 MiB, and is in a temporary file past that.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// The digest, and name, of the dataset.
    pub dataset: Digest,
    /// The size of the dataset's Parquet file in bytes.
    pub dataset_bytes: u64,
    /// The dataset's Parquet file, where it is held: up to 64 MiB. Larger
    /// ones are read from the store.
    pub dataset_content: Option<Bytes>,
    /// The digest, and name, of the splits file.
    pub splits: Digest,
    /// The splits file.
    pub splits_content: Bytes,
    /// What the columns mean.
    pub layout: Layout,
    /// What is learnt.
    pub learning: Learning,
    /// The sorted labels: as numbers where all of them are numbers, else as
    /// texts. Empty where the target is a number.
    pub classes: Vec<String>,
    /// The splits of the search, in order.
    pub folds: Vec<Split>,
    /// Trains on all rows of the search, tests none.
    pub refit: Split,
    /// Trains on all rows of the search, tests those that were held out.
    pub holdout: Option<Split>,
    /// The number of rows, those held out included.
    pub rows: u64,
    /// The number of rows of the search.
    pub search_rows: u64,
    /// What a person should know of it.
    pub summary: Summary,
    /// Whether nothing was written: the store had the dataset already, or
    /// there is none.
    pub reused: bool,
    /// Objects that the store had with a wrong content, written anew.
    pub repaired: Vec<Key>,
}

/// How a source is read. It decides how long that takes and how much memory,
/// and nothing else.
#[derive(Clone, Copy, Debug)]
struct Effort {
    /// The threads; 0 for one a core.
    threads: usize,
    /// The bytes of a text file that one of them reads at a time.
    piece: usize,
}

impl Default for Effort {
    fn default() -> Self {
        Self {
            threads: 0,
            piece: csv::PIECE,
        }
    }
}

/// What is known of a plan's source without reading it whole.
/// `store` is where the plan's store is.
pub fn outline(plan: &DatasetPlan, store: &Location) -> Result<Outline, SourceError> {
    Source::open(plan, store, csv::PIECE)?.outline()
}

/// Reads the plan's source, and writes dataset and splits to the store
/// unless they are there.
pub fn prepare(plan: &Plan, store: &Store) -> Result<Prepared, DatasetError> {
    prepare_with(plan, Some(store), Effort::default())
}

/// What [`prepare`] would make, without a store: the source is read as it
/// would be, and nothing is kept but what is known of it.
pub fn examine(plan: &Plan) -> Result<Prepared, DatasetError> {
    prepare_with(plan, None, Effort::default())
}

fn prepare_with(
    plan: &Plan,
    store: Option<&Store>,
    effort: Effort,
) -> Result<Prepared, DatasetError> {
    let threads = rayon::ThreadPoolBuilder::new()
        .num_threads(effort.threads)
        .thread_name(|number| format!("prepare-{number}"))
        .build()
        .map_err(DatasetError::Threads)?;
    let made = threads.install(|| -> Result<_, DatasetError> {
        let made = make(plan, effort.piece, store.is_some())?;
        let splits = parquet::splits(&columns(&made.assignment))?;
        Ok((made, splits))
    });
    drop(threads);
    let (made, splits) = made?;
    let Made {
        dataset,
        finished,
        summary,
        assignment,
    } = made;
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

    let classes = finished
        .classes
        .as_deref()
        .map(encode::sorted)
        .unwrap_or_default();
    Ok(Prepared {
        dataset: dataset.digest,
        dataset_bytes: dataset.size,
        dataset_content,
        splits: splits.digest,
        splits_content,
        layout: finished.layout,
        learning: match classes.len() {
            0 => Learning::Regression,
            2 => Learning::Binary,
            _ => Learning::Multiclass,
        },
        classes,
        folds: assignment.splits(),
        refit: assignment.refit(),
        holdout: assignment.holdout(),
        rows: summary.rows,
        search_rows: assignment.fold.iter().flatten().count() as u64,
        summary,
        reused: !written,
        repaired,
    })
}

/// A dataset that is not in the store yet.
struct Made {
    dataset: Written,
    finished: Finished,
    summary: Summary,
    assignment: Assignment,
}

fn make(plan: &Plan, piece: usize, keep: bool) -> Result<Made, DatasetError> {
    let source = Source::open(&plan.dataset, &Location::from(&plan.store), piece)?;
    make_from(plan, source, keep)
}

fn make_from(plan: &Plan, mut source: Source, keep: bool) -> Result<Made, DatasetError> {
    loop {
        match stream(plan, &source, keep) {
            // A guess at the types of a CSV file's columns was too narrow.
            Err(EncodeStop::Batch(BatchError::Wider)) => source.look_at_all()?,
            Err(EncodeStop::Batch(BatchError::Source(error))) => return Err(error.into()),
            Err(EncodeStop::Encode(error)) => return Err(error.into()),
            Err(EncodeStop::Write(error)) => return Err(error.into()),
            Ok(streamed) => return finish(plan, streamed),
        }
    }
}

/// What one pass over the source gives.
struct Streamed {
    dataset: Written,
    finished: Finished,
    summary: Summary,
    rows: usize,
    classes: Vec<u32>,
    folds: Vec<u32>,
}

/// Reads and parses some batches while those before are encoded and written.
/// What depends on the order of the rows is done in that order.
fn stream(plan: &Plan, source: &Source, keep: bool) -> Result<Streamed, EncodeStop> {
    let batch_rows = (BATCH_VALUES / source.columns().len().max(1)).clamp(256, 16_384);
    let mut encoder = Encoder::new(source, &plan.dataset, &plan.cv, batch_rows)?;
    let schema = encoder.schema();
    let mut observer = Observer::new(schema.fields().len(), source.rows());
    let mut writer = Writer::new(schema, keep);
    let (mut rows, mut classes, mut folds) = (0, Vec::new(), Vec::new());
    let projection = encoder.projection().to_vec();
    let mut batches = source.batches(&projection, batch_rows);
    let mut take = |batch: Result<RecordBatch, BatchError>| -> Result<(), EncodeStop> {
        let batch = batch?;
        let encoded = encoder.encode(&batch)?;
        // What is wrong with the target is said once all of it is known.
        if encoder.is_missing_target() {
            return Ok(());
        }
        rows += batch.num_rows();
        drop(batch);
        let ((), written) =
            rayon::join(|| observer.see(&encoded), || writer.write(&encoded.columns));
        written?;
        classes.extend(encoded.classes.into_iter().flatten());
        folds.extend(encoded.folds.into_iter().flatten());
        Ok(())
    };
    let mut ready = batches.step();
    while !ready.is_empty() {
        let (next, taken) = rayon::join(
            || batches.step(),
            || ready.into_iter().try_for_each(&mut take),
        );
        taken?;
        ready = next;
    }
    let source_types = encoder.source_types();
    if rows == 0 && !encoder.is_missing_target() {
        return Err(source.no_rows().into());
    }
    let finished = encoder.finish(plan.dataset.positive.as_deref())?;
    let summary = observer.finish(&finished.layout, source_types);
    let dataset = writer.finish(Some(&finished.layout))?;
    Ok(Streamed {
        dataset,
        finished,
        summary,
        rows,
        classes,
        folds,
    })
}

fn finish(plan: &Plan, streamed: Streamed) -> Result<Made, DatasetError> {
    let Streamed {
        dataset,
        finished,
        mut summary,
        rows,
        classes,
        folds,
    } = streamed;
    let target = Target {
        rows,
        classes: finished
            .classes
            .as_deref()
            .map(|labels| (classes.as_slice(), labels)),
    };
    let folds = finished.fold_labels.as_deref().map(|labels| Folds {
        codes: &folds,
        labels,
    });
    let assignment = split::assign(&plan.cv, plan.holdout.as_ref(), target, folds)?;
    for (class, count) in &assignment.scarce {
        let label = finished
            .classes
            .as_ref()
            .map(|labels| labels[*class as usize].clone());
        summary.warnings.push(Warning::FewerRowsThanFolds {
            label: label.unwrap_or_default(),
            count: *count as u64,
            folds: assignment.folds,
        });
    }
    Ok(Made {
        dataset,
        finished,
        summary,
        assignment,
    })
}

/// The columns of the splits file.
fn columns(assignment: &Assignment) -> Vec<(&'static str, Int32Array)> {
    let fold = (split::FOLD, assignment.fold.iter().copied().collect());
    let holdout = assignment.holdout.as_ref().map(|held| {
        (
            split::HOLDOUT,
            held.iter().map(|held| Some(i32::from(*held))).collect(),
        )
    });
    std::iter::once(fold).chain(holdout).collect()
}

#[cfg(test)]
mod tests;
