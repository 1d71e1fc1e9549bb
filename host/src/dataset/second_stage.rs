//! [`second_stage`]: the dataset of an estimator that learns from what others predict of the
//! rows of a dataset.

use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array};
use bytes::Bytes;
use fanout_contract::{Column, ColumnKind, Layout, Role};

use super::rows::table;
use super::stored::{StoredError, column};
use super::{DatasetError, Prepared, WriteError};
use crate::digest::Digest;
use crate::store::{Key, Settled, Store};

/// The most bytes of a dataset that is held in memory after it was written.
const HELD_BYTES: usize = 64 << 20;

/// Writes the dataset of a second stage to the store, unless it has it: the same rows, with
/// the same target, weights and splits as `first`, whose file is `dataset`. Its features are
/// `added`, numbers by row, and behind these those of the first where `passthrough` is true.
///
/// # Errors
/// If the file can't be read, or not be written.
pub fn second_stage(
    first: &Prepared,
    dataset: &Bytes,
    added: Vec<(String, Vec<f64>)>,
    passthrough: bool,
    store: &Store,
) -> Result<Prepared, SecondStageError> {
    let mut columns: Vec<ArrayRef> = Vec::new();
    let mut layout = Layout {
        columns: Vec::new(),
        ..first.layout.clone()
    };
    for (name, values) in added {
        columns.push(Arc::new(Float64Array::from(values)));
        layout.columns.push(added_column(&name));
    }
    for about in &first.layout.columns {
        if passthrough || about.role != Role::Feature {
            columns.push(column(dataset, &about.name)?);
            layout.columns.push(about.clone());
        }
    }
    let bytes = table(columns, &layout)
        .map_err(WriteError::from)
        .map_err(DatasetError::from)?;
    let digest = Digest::of(&bytes);
    let key = Key::dataset(&digest);
    let settled = store
        .settle(&key, digest, bytes.clone())
        .map_err(DatasetError::from)?;
    Ok(Prepared {
        dataset: digest,
        dataset_bytes: bytes.len() as u64,
        dataset_content: (bytes.len() <= HELD_BYTES).then_some(bytes),
        layout,
        reused: settled != Settled::Written,
        repaired: match settled {
            Settled::Repaired => vec![key],
            _ => Vec::new(),
        },
        ..first.clone()
    })
}

/// The column of a feature that is made of predictions.
pub fn added_column(name: &str) -> Column {
    Column {
        name: name.to_owned(),
        role: Role::Feature,
        kind: ColumnKind::Number,
    }
}

/// Why the dataset of a second stage can't be made.
#[derive(Debug, thiserror::Error)]
pub enum SecondStageError {
    /// The first one can't be read.
    #[error(transparent)]
    Stored(#[from] StoredError),
    /// It can't be written.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
}
