//! [`Arrivals`]: the files of a source beside those that a model was trained on, and the
//! dataset of them whose newest rows are held out.
//!
//! Files that the model was trained on and that did not change come first, then those
//! that came since, each part sorted by name. Rows of the first are never held out.

use super::encode::{Keys, keys};
use super::source::{BatchError, CHUNK_BYTES, FileStamp, Source, SourceFile, resolve, type_name};
use super::{
    BATCH_ROWS, DatasetError, Prepared, SourceError, batch_rows, encode_opened, prepare_encoded,
};
use crate::plan::{DatasetPlan, MissingTarget, Plan, SourceFormat};
use crate::store::{Location, Store};

/// The least number of rows on which models are compared. Threat: an interval of a
/// handful of rows, which says nothing.
const LEAST_HELD_OUT: usize = 10;

/// Why the newest rows can't be told or held out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NewestError {
    /// There is no such column.
    #[error("{source_name} has no column `{name}`, which is to tell the newest rows")]
    NoTime {
        /// The source's first file.
        source_name: String,
        /// The column.
        name: String,
    },
    /// The column has no order of time.
    #[error(
        "the column `{name}` of {source_name} has the type `{found}`, and tells no newest rows"
    )]
    NotATime {
        /// The source's first file.
        source_name: String,
        /// The column.
        name: String,
        /// Its type.
        found: String,
    },
    /// Too few rows came.
    #[error(
        "{share} of the {rows} rows that came since are {held_out} rows to compare the models \
         on; at least {LEAST_HELD_OUT} are needed"
    )]
    TooFew {
        /// The share.
        share: String,
        /// The rows that came since.
        rows: usize,
        /// The rows to hold out.
        held_out: usize,
    },
    /// No row is left to fit on.
    #[error("{share} of the {rows} rows leave none to fit on")]
    NoneLeft {
        /// The share.
        share: String,
        /// All rows.
        rows: usize,
    },
}

impl NewestError {
    /// What to do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::NoTime { .. } | Self::NotATime { .. } => {
                "name a column of numbers, dates or times with `--time`"
            }
            Self::TooFew { .. } => "hold out more with `--holdout`, or wait for more rows",
            Self::NoneLeft { .. } => "hold out fewer rows with `--holdout`",
        }
    }
}

/// The files that a model was trained on.
#[derive(Clone, Copy, Debug)]
pub struct TrainedFiles<'a> {
    /// The files.
    pub files: &'a [FileStamp],
    /// Others, on which the models before it were trained.
    pub earlier: &'a [FileStamp],
    /// The number of rows of `files`, where it is known.
    pub rows: Option<u64>,
}

/// The files of a source, of which some came since a model was trained.
#[derive(Debug)]
pub struct Arrivals {
    files: Vec<SourceFile>,
    format: SourceFormat,
    /// The number of files that the model was trained on, the first ones.
    known: usize,
    /// The rows of these, where they are all that the model was trained on.
    known_rows: Option<u64>,
    /// The names of files that the model was not trained on.
    pub new: Vec<String>,
    /// Those of files that changed since it was.
    pub changed: Vec<String>,
    /// Those of files that are left out, since the model is known to know them.
    pub left_out: Vec<String>,
    /// Those of files on which it was trained and that are there no more.
    pub gone: Vec<String>,
    /// Whether the source is one file that became larger. Its first rows are taken to be
    /// those on which the model was trained.
    pub appended: bool,
}

/// Which rows are held out.
#[derive(Clone, Copy, Debug)]
pub struct HoldNewest<'a> {
    /// The share of the rows that came since.
    pub share: f64,
    /// The column that orders them; `None`: the order in which they are read.
    pub time: Option<&'a str>,
}

/// A dataset whose newest rows are held out.
#[derive(Debug)]
pub struct Newest {
    /// The dataset.
    pub prepared: Prepared,
    /// The number of its first rows, those of files that the model was trained on.
    pub known_rows: u64,
    /// By row: whether it is held out.
    pub held_out: Vec<bool>,
}

impl Arrivals {
    /// Finds the files of the source of `plan`. `store` is where its store is. With
    /// `new_only`, files that the model was trained on are left out.
    ///
    /// # Errors
    /// If there is no file.
    pub fn find(
        plan: &DatasetPlan,
        store: &Location,
        trained: Option<TrainedFiles<'_>>,
        new_only: bool,
    ) -> Result<Self, DatasetError> {
        let (files, format) = resolve(&plan.source, plan.format, store)?;
        let mut arrivals = Self {
            files: Vec::new(),
            format,
            known: 0,
            known_rows: None,
            new: Vec::new(),
            changed: Vec::new(),
            left_out: Vec::new(),
            gone: Vec::new(),
            appended: false,
        };
        let before = trained.map_or(&[][..], |trained| trained.files);
        let earlier = trained.map_or(&[][..], |trained| trained.earlier);
        let (mut known, mut since) = (Vec::new(), Vec::new());
        let mut names = Vec::new();
        let mut grown = 0;
        for file in files {
            let stamp = file.stamp()?;
            let mut of_models = before.iter().chain(earlier);
            match of_models.find(|before| before.name == stamp.name) {
                Some(before) if before.is_same(&stamp) => {
                    if new_only {
                        arrivals.left_out.push(stamp.name.clone());
                    } else {
                        known.push(file);
                    }
                }
                Some(before) => {
                    grown += usize::from(before.size < stamp.size);
                    arrivals.changed.push(stamp.name.clone());
                    since.push(file);
                }
                None => {
                    arrivals.new.push(stamp.name.clone());
                    since.push(file);
                }
            }
            names.push(stamp.name);
        }
        let gone = before.iter().filter(|before| !names.contains(&before.name));
        arrivals.gone = gone.map(|before| before.name.clone()).collect();
        let rows = trained.and_then(|trained| trained.rows);
        let one_file = before.len() == 1 && names.len() == 1 && before[0].name == names[0];
        arrivals.appended = one_file && grown == 1 && rows.is_some();
        let unchanged = arrivals.changed.is_empty() && arrivals.gone.is_empty();
        // Of earlier files, too, the number of rows is not known.
        let all_known = unchanged && known.len() == before.len();
        arrivals.known_rows = rows.filter(|_| arrivals.appended || all_known);
        arrivals.known = known.len();
        known.append(&mut since);
        arrivals.files = known;
        Ok(arrivals)
    }

    /// Whether no file came since.
    pub fn is_empty(&self) -> bool {
        self.files.len() == self.known
    }

    /// Writes the dataset of the files to the store, as `plan` says, with the newest rows
    /// held out.
    ///
    /// # Errors
    /// As [`prepare`](super::prepare), or if the newest rows can't be told.
    pub fn prepare(
        &self,
        plan: &Plan,
        store: &Store,
        hold: HoldNewest<'_>,
    ) -> Result<Newest, DatasetError> {
        let found = std::sync::Mutex::new((0, Vec::new()));
        let prepared = prepare_encoded(Some(store), 0, || {
            let source = self.source(&plan.dataset, self.files.clone())?;
            encode_opened(plan, source, true, &|rows, source| {
                let known = self.known_rows(&plan.dataset, rows)?;
                let held_out = held_out(hold, &plan.dataset, source, rows, known)?;
                let mut found = found.lock().unwrap_or_else(|held| held.into_inner());
                *found = (known, held_out.clone());
                Ok(Some(held_out))
            })
        })?;
        let (known, held_out) = found.into_inner().unwrap_or_else(|held| held.into_inner());
        // A model is of one target.
        let prepared = prepared.into_iter().next();
        Ok(Newest {
            prepared: prepared.expect("a plan has a target"),
            known_rows: known as u64,
            held_out,
        })
    }

    /// The files and their format, for [`RowSource::of_arrivals`](super::RowSource::of_arrivals).
    pub(super) fn files(&self) -> (Vec<SourceFile>, SourceFormat) {
        (self.files.clone(), self.format)
    }

    fn source(&self, plan: &DatasetPlan, files: Vec<SourceFile>) -> Result<Source, SourceError> {
        Source::from_files(files, self.format, plan, CHUNK_BYTES)
    }

    /// The number of rows of the files that the model was trained on, of `rows` in all.
    fn known_rows(&self, plan: &DatasetPlan, rows: usize) -> Result<usize, DatasetError> {
        if let Some(known) = self.known_rows {
            return Ok(usize::try_from(known).unwrap_or(rows).min(rows));
        }
        if self.known == 0 {
            return Ok(0);
        }
        let mut source = self.source(plan, self.files[..self.known].to_vec())?;
        Ok(read_keys(&mut source, plan, None)?.rows)
    }
}

/// The newest of the rows behind the first `known` of `rows`.
fn held_out(
    hold: HoldNewest<'_>,
    plan: &DatasetPlan,
    source: &Source,
    rows: usize,
    known: usize,
) -> Result<Vec<bool>, DatasetError> {
    let since = rows - known;
    let held_out = (hold.share * since as f64).ceil() as usize;
    let share = || hold.share.to_string();
    if held_out < LEAST_HELD_OUT {
        return Err(NewestError::TooFew {
            share: share(),
            rows: since,
            held_out,
        }
        .into());
    }
    if held_out >= rows {
        return Err(NewestError::NoneLeft {
            share: share(),
            rows,
        }
        .into());
    }
    let mut order: Vec<usize> = (known..rows).collect();
    if let Some(time) = hold.time {
        let mut source = source.again()?;
        let times = read_keys(&mut source, plan, Some(time))?.keys;
        if times.len() != rows {
            let path = source.path().to_owned();
            return Err(SourceError::Changed { path }.into());
        }
        // Rows of one time stay in their order.
        order.sort_by_key(|row| times[*row]);
    }
    let mut marks = vec![false; rows];
    let newest = &order[since - held_out..];
    newest.iter().for_each(|row| marks[*row] = true);
    Ok(marks)
}

/// The rows that a dataset has of a source, with their keys by the column `time`.
fn read_keys(
    source: &mut Source,
    plan: &DatasetPlan,
    time: Option<&str>,
) -> Result<Keys, DatasetError> {
    loop {
        let columns = source.columns();
        let place = |name: &str| columns.iter().position(|column| column.name == name);
        let source_name = || format!("`{}`", source.path().display());
        let time = time.map(|name| {
            let time = place(name).ok_or_else(|| NewestError::NoTime {
                source_name: source_name(),
                name: name.to_owned(),
            })?;
            let found = &columns[time].data_type;
            match found.is_numeric() || found.is_temporal() {
                true => Ok(time),
                false => Err(NewestError::NotATime {
                    source_name: source_name(),
                    name: name.to_owned(),
                    found: type_name(found),
                }),
            }
        });
        let time = time.transpose()?;
        let target =
            place(plan.target_column()).filter(|_| plan.missing_target == MissingTarget::Drop);
        let batch = batch_rows(columns.len(), BATCH_ROWS);
        match keys(source, time, target, batch) {
            Err(BatchError::TypeTooNarrow) => source.infer_from_all_rows()?,
            Err(BatchError::Source(error)) => return Err(error.into()),
            Ok(keys) => return Ok(keys),
        }
    }
}
