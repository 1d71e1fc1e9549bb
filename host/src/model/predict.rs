//! [`predict()`]: applies the members of a model to rows, batch by batch, on several
//! threads, and combines what they predict. Memory holds as many batches as there are
//! workers, and a few more.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread::Scope;

use arrow_array::RecordBatch;
use bytes::Bytes;
use fanout_contract::{Fault, Importances};

use super::combination::{Combination, Uncombined};
use super::predictions::whole;
use crate::dataset::{DatasetError, DrawnError, RowSource};
use crate::digest::Digest;
use crate::error::THREADS;
use crate::sandbox::{Guest, Instance, THREAD_STACK};
use crate::task::{Cancel, TaskFault, TaskLimits};

/// Batches under way for each worker.
const AHEAD: usize = 3;

/// Why rows were not predicted to their end.
#[derive(Debug, thiserror::Error)]
pub enum PredictError {
    /// The rows can't be read, or are not such as the model reads.
    #[error(transparent)]
    Rows(#[from] DatasetError),
    /// The guest failed.
    #[error("the model can't predict these rows")]
    Guest(#[source] TaskFault),
    /// The predictions can't be written.
    #[error("can't write the predictions")]
    Output(#[source] std::io::Error),
    /// The rows that are explained can't be drawn.
    #[error(transparent)]
    Drawn(#[from] DrawnError),
    /// The model has no probabilities, and no other numbers whose dependence on a feature could
    /// be told.
    #[error("the model predicts neither probabilities nor decisions, but classes alone")]
    ClassesAlone,
    /// Predictions of two members would have one name.
    #[error("two columns of predictions would be called `{name}`")]
    SameName {
        /// The name.
        name: String,
    },
    /// A thread can't be started.
    #[error("can't start the threads that predict")]
    Threads(#[source] std::io::Error),
}

impl PredictError {
    /// What to do about it; `None` where the message says it.
    pub fn remedy(&self) -> Option<&'static str> {
        match self {
            Self::Rows(error) => error.remedy(),
            Self::Guest(fault) => fault.remedy(),
            Self::Output(_) => Some("make room there or the folder writable, or name another file"),
            Self::Drawn(error) => error.remedy(),
            Self::ClassesAlone => {
                Some("take a model that predicts one of both, such as a `logistic_regression`")
            }
            Self::SameName { .. } => Some(
                "predict with the files of the members: each target has one in its own folder of \
                 the results",
            ),
            Self::Threads(_) => Some(THREADS),
        }
    }
}

/// A model in the guest that reads it.
#[derive(Clone, Debug)]
pub struct Predictor<'a> {
    /// The guest.
    pub guest: &'a Guest,
    /// The model, in the guest's form.
    pub fitted: &'a Bytes,
    /// The limits of a guest's call.
    pub limits: TaskLimits,
    /// The number of threads that predict.
    pub workers: usize,
    /// Stops it.
    pub cancel: Cancel,
}

impl Predictor<'_> {
    /// A new instance of the guest in which the model is open.
    pub(super) fn instance(&self) -> Result<Instance, TaskFault> {
        let mut instance = Instance::new(self.guest, self.limits, self.cancel.clone())?;
        instance.open_model(self.fitted)?;
        Ok(instance)
    }

    /// How much the model relies on each of its features.
    ///
    /// # Errors
    /// If the guest fails, or its trainer can't tell.
    pub fn importances(&self) -> Result<Importances, PredictError> {
        let told = self.instance().and_then(|mut open| open.importances());
        told.map_err(PredictError::Guest)
    }

    /// The results of jobs 0 to `jobs` in order, made by as many threads as there are
    /// workers and jobs, each with an instance.
    ///
    /// # Errors
    /// The first error in the order of the jobs, of those that were begun.
    pub(super) fn each<T: Send>(
        &self,
        jobs: usize,
        make: impl Fn(&mut Instance, usize) -> Result<T, PredictError> + Sync,
    ) -> Result<Vec<T>, PredictError> {
        let (next, failed) = (AtomicUsize::new(0), AtomicUsize::new(usize::MAX));
        let made: Mutex<BTreeMap<usize, Result<T, PredictError>>> = Mutex::default();
        let work = || {
            let mut instance = None;
            loop {
                let job = next.fetch_add(1, Ordering::Relaxed);
                if job >= jobs.min(failed.load(Ordering::Relaxed)) {
                    return;
                }
                let result = match &mut instance {
                    Some(open) => make(open, job),
                    None => match self.instance() {
                        Ok(opened) => make(instance.insert(opened), job),
                        Err(fault) => Err(PredictError::Guest(fault)),
                    },
                };
                if result.is_err() {
                    failed.fetch_min(job, Ordering::Relaxed);
                }
                let mut made = made.lock().unwrap_or_else(PoisonError::into_inner);
                made.insert(job, result);
            }
        };
        std::thread::scope(|scope| {
            let threads = self.workers.clamp(1, jobs.max(1));
            (0..threads).try_for_each(|number| spawn(scope, &format!("explain-{number}"), work))
        })?;
        let made = made.into_inner().unwrap_or_else(PoisonError::into_inner);
        made.into_values().collect()
    }
}

impl PredictError {
    /// Why the guest has no such thing of this model, if that is the error.
    pub fn refused(&self) -> Option<String> {
        match self {
            Self::Guest(TaskFault::Refused {
                fault: Fault::InvalidTask(message),
            }) => Some(message.clone()),
            Self::ClassesAlone => Some(self.to_string()),
            _ => None,
        }
    }
}

/// What was predicted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Predicted {
    /// The number of rows.
    pub rows: u64,
    /// By feature with categories that the training data did not have: the number of
    /// rows, and the first such category.
    pub unknown: BTreeMap<String, (u64, String)>,
}

/// The predictions of a batch, with its number.
type Made = (usize, Result<BatchMade, PredictError>);

struct BatchMade {
    batch: RecordBatch,
    unknown: Vec<(String, u64, String)>,
}

/// Predicts all rows by all members of a model, and passes what `combination` makes of it,
/// behind the kept columns, to `write` in the order of the rows. The number of threads is
/// that of the first member.
///
/// # Errors
/// The first error in the order of the rows.
pub fn predict(
    members: &[Predictor<'_>],
    rows: &RowSource,
    combination: &Combination,
    write: &mut dyn FnMut(RecordBatch) -> std::io::Result<()>,
) -> Result<Predicted, PredictError> {
    let workers = members.first().map_or(1, |first| first.workers.max(1));
    let ahead = workers * AHEAD;
    let work = Work {
        members,
        rows,
        combination,
    };
    std::thread::scope(|scope| {
        let (permit, permits) = sync_channel::<()>(ahead);
        let (read, batches) = sync_channel(ahead);
        let (made, results) = sync_channel::<Made>(ahead);
        for _ in 0..ahead {
            permit.send(()).expect("the channel has room");
        }
        let reader = move || read_batches(rows, &permits, &read);
        spawn(scope, "read-rows", reader)?;
        let batches = std::sync::Arc::new(Mutex::new(batches));
        for number in 0..workers {
            let (batches, made) = (std::sync::Arc::clone(&batches), made.clone());
            let body = move || work.run(&batches, &made);
            spawn(scope, &format!("predict-{number}"), body)?;
        }
        drop((made, batches));
        collect(&results, &permit, write)
    })
}

fn spawn<'scope, 'env>(
    scope: &'scope Scope<'scope, 'env>,
    name: &str,
    body: impl FnOnce() + Send + 'scope,
) -> Result<(), PredictError> {
    let thread = std::thread::Builder::new().name(name.to_owned());
    let thread = thread.stack_size(THREAD_STACK);
    let spawned = thread.spawn_scoped(scope, body);
    spawned.map(drop).map_err(PredictError::Threads)
}

/// Reads batches, each once there is a permit for it, until nobody wants more.
fn read_batches(
    rows: &RowSource,
    permits: &Receiver<()>,
    read: &SyncSender<(usize, Result<RecordBatch, DatasetError>)>,
) {
    for numbered in rows.batches().enumerate() {
        let failed = numbered.1.is_err();
        if permits.recv().is_err() || read.send(numbered).is_err() || failed {
            return;
        }
    }
}

type Batches = Mutex<Receiver<(usize, Result<RecordBatch, DatasetError>)>>;

/// The members of a model in the instances of one thread: one instance for all members of
/// a guest.
struct OpenMembers {
    instances: Vec<(Digest, Instance)>,
    /// By member: its instance, and the number of its model there.
    places: Vec<(usize, usize)>,
}

impl OpenMembers {
    fn new(members: &[Predictor<'_>]) -> Result<Self, TaskFault> {
        let (mut instances, mut opened) = (Vec::<(Digest, Instance)>::new(), Vec::new());
        let mut places = Vec::with_capacity(members.len());
        for member in members {
            let guest = member.guest.digest();
            let known = instances.iter().position(|(known, _)| *known == guest);
            let place = match known {
                Some(place) => {
                    instances[place].1.open_model(member.fitted)?;
                    place
                }
                None => {
                    instances.push((guest, member.instance()?));
                    opened.push(0);
                    instances.len() - 1
                }
            };
            places.push((place, opened[place]));
            opened[place] += 1;
        }
        Ok(Self { instances, places })
    }

    /// What the guest of a member says of a table of `rows` rows.
    fn answer(
        &mut self,
        member: usize,
        table: &Bytes,
        rows: usize,
        explains: bool,
    ) -> Result<RecordBatch, TaskFault> {
        let (place, model) = self.places[member];
        let instance = &mut self.instances[place].1;
        let bytes = match explains {
            true => instance.explain(table)?,
            false => instance.predict_by(model, table)?,
        };
        let answer = whole(&bytes.into(), rows);
        answer.map_err(|message| TaskFault::MalformedAnswer { message })
    }
}

/// What the threads that predict share.
#[derive(Clone, Copy)]
struct Work<'a> {
    members: &'a [Predictor<'a>],
    rows: &'a RowSource,
    combination: &'a Combination,
}

impl Work<'_> {
    /// Predicts batches until there are none, or one fails.
    fn run(&self, batches: &Batches, made: &SyncSender<Made>) {
        let mut open = None;
        loop {
            let next = batches
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .recv();
            let Ok((number, batch)) = next else { return };
            let result = batch
                .map_err(PredictError::from)
                .and_then(|batch| self.of_batch(&mut open, &batch));
            let failed = result.is_err();
            if made.send((number, result)).is_err() || failed {
                return;
            }
        }
    }

    fn of_batch(
        &self,
        open: &mut Option<OpenMembers>,
        batch: &RecordBatch,
    ) -> Result<BatchMade, PredictError> {
        let rows = self.rows.encode(batch)?;
        let open = match open {
            Some(open) => open,
            None => {
                let opened = OpenMembers::new(self.members);
                open.insert(opened.map_err(PredictError::Guest)?)
            }
        };
        let malformed = |message| PredictError::Guest(TaskFault::MalformedAnswer { message });
        let explains = self.combination.explains();
        let mut answers: Vec<Option<RecordBatch>> = vec![None; self.members.len()];
        // That of the features of the source alone, which most members read.
        let table = rows.table(&[])?;
        for &member in self.combination.order() {
            let added = self.combination.added(member, &answers);
            let added = added.map_err(malformed)?;
            let own = match added.as_slice() {
                [] => table.clone(),
                added => rows.table(added)?,
            };
            let answer = open.answer(member, &own, batch.num_rows(), explains);
            answers[member] = Some(answer.map_err(PredictError::Guest)?);
        }
        let answers: Vec<RecordBatch> = answers.into_iter().flatten().collect();
        let made = self.combination.combine(&answers);
        let made = made.map_err(|error| match error {
            Uncombined::Answer(message) => malformed(message),
            Uncombined::SameName(name) => PredictError::SameName { name },
        })?;
        Ok(BatchMade {
            batch: made.behind(self.rows.kept(batch)),
            unknown: rows.unknown,
        })
    }
}

/// Passes the batches on in order, and gives a permit for another for each.
fn collect(
    results: &Receiver<Made>,
    permit: &SyncSender<()>,
    write: &mut dyn FnMut(RecordBatch) -> std::io::Result<()>,
) -> Result<Predicted, PredictError> {
    let mut predicted = Predicted::default();
    let mut waiting = BTreeMap::new();
    let mut next = 0;
    while let Ok((number, result)) = results.recv() {
        waiting.insert(number, result);
        while let Some(result) = waiting.remove(&next) {
            let BatchMade { batch, unknown } = result?;
            predicted.rows += batch.num_rows() as u64;
            for (feature, rows, label) in unknown {
                let known = predicted.unknown.entry(feature).or_insert((0, label));
                known.0 += rows;
            }
            write(batch).map_err(PredictError::Output)?;
            next += 1;
            // The reader may have gone: there are no more rows.
            let _ = permit.send(());
        }
    }
    // A worker ended with an error that is not the first in order.
    match waiting.into_values().find_map(Result::err) {
        Some(error) => Err(error),
        None => Ok(predicted),
    }
}
