//! [`Instance`]: one living copy of a guest, and the translation of whatever
//! it does into an answer or a [`TaskFault`].

use std::collections::{BTreeSet, HashSet};

use bytes::Bytes;
use fanout_contract::{Answer, CONTRACT, Fault, Importances, ModelForm, Output, Task};
use wasmtime::component::ResourceAny;
use wasmtime::{Store, Trap, WasmBacktrace};

use super::bindings::Guest as Bindings;
use super::bindings::exports::fanout::trainer::trainer::{
    Evaluation as GuestEvaluation, Fault as GuestFault,
};
use super::limits::{State, Stop};
use super::{BACKTRACE, Guest};
use crate::task::{Artifact, Cancel, Evaluation, TaskFault, TaskLimits, output};

/// Threat: a message of hundreds of megabytes, kept with every failed task.
const MESSAGE: usize = 1000;
/// Threat: an answer that takes far more memory parsed than as text. What a
/// candidate's scores may take more is known from their names.
const ANSWER_A_CANDIDATE: usize = 16 << 10;
/// Bytes of a description. Threat: one that is as large as the guest's memory,
/// asked for before any limit of a plan is known.
const DESCRIPTION: usize = 4 << 20;
/// Bytes of importances: those of a million features. Threat: a document that takes
/// far more memory parsed than as text.
const IMPORTANCES: usize = 128 << 20;
/// Bytes of the message in a fault of a call that returns nothing else, of
/// which [`MESSAGE`] are kept.
const FAULT: usize = 64 << 10;
/// A part of the engine's message when a result is larger than its bound.
const FUEL_EXHAUSTED: &str = "fuel allocated for hostcalls has been exhausted";
/// Frames of a trap's backtrace that go into its message.
const FRAMES: usize = 4;

/// A guest's instance. After a fault of the kind [`Instance::is_spent`] it
/// answers nothing more: make a new one.
pub struct Instance {
    store: Store<State>,
    bindings: Bindings,
    dataset: Option<ResourceAny>,
    /// In the order in which they were opened.
    models: Vec<ResourceAny>,
    spent: bool,
}

impl Instance {
    /// A fresh instance of `guest`.
    pub fn new(guest: &Guest, limits: TaskLimits, cancel: Cancel) -> Result<Self, TaskFault> {
        let ticker = guest.ticker.clone();
        let mut store = State::store(guest.pre.engine(), limits, cancel, ticker);
        let bindings = guest
            .pre
            .instantiate(&mut store)
            .map_err(|error| fault(&error, limits, 0))?;
        Ok(Self {
            store,
            bindings,
            dataset: None,
            models: Vec::new(),
            spent: false,
        })
    }

    /// Whether the guest was stopped in the middle of something, so that its
    /// memory can't be relied on.
    pub fn is_spent(&self) -> bool {
        self.spent
    }

    /// The guest's description, as it gave it.
    pub(super) fn describe(&mut self) -> Result<String, TaskFault> {
        self.call(DESCRIPTION, |bindings, store| {
            bindings.fanout_trainer_trainer().call_describe(store)
        })
    }

    /// Opens the dataset that tasks are run on: two whole Parquet files.
    pub fn open(&mut self, table: &[u8], splits: &[u8]) -> Result<(), TaskFault> {
        let opened = self.call(FAULT, |bindings, store| {
            let trainer = bindings.fanout_trainer_trainer();
            trainer.dataset().call_open(store, table, splits)
        })?;
        self.dataset = Some(opened.map_err(refused)?);
        Ok(())
    }

    /// Serialises what tasks like `task` need (for example binned features), in
    /// the guest's own form, for [`Instance::adopt`] of other instances of the
    /// same guest.
    pub fn share(&mut self, task: &Task) -> Result<Vec<u8>, TaskFault> {
        let text = json(task);
        let dataset = self.dataset()?;
        self.call(self.memory(), |bindings, store| {
            let door = bindings.fanout_trainer_trainer();
            door.dataset().call_share(store, dataset, &text)
        })?
        .map_err(refused)
    }

    /// Opens the dataset that another instance of the same guest shared, for
    /// such tasks alone.
    pub fn adopt(&mut self, shared: &[u8]) -> Result<(), TaskFault> {
        let adopted = self.call(FAULT, |bindings, store| {
            let door = bindings.fanout_trainer_trainer();
            door.dataset().call_adopt(store, shared)
        })?;
        self.dataset = Some(adopted.map_err(refused)?);
        Ok(())
    }

    /// Runs a task on the open dataset.
    pub fn evaluate(&mut self, task: &Task) -> Result<Evaluation, TaskFault> {
        let (text, dataset) = (json(task), self.dataset()?);
        self.evaluated(task, |bindings, store| {
            let trainer = bindings.fanout_trainer_trainer();
            trainer.dataset().call_evaluate(store, dataset, &text)
        })
    }

    /// What [`Instance::evaluate`] gives for a task of one candidate, from the parts of
    /// its model, in order.
    pub fn assemble(&mut self, task: &Task, parts: Vec<Bytes>) -> Result<Evaluation, TaskFault> {
        let (text, dataset) = (json(task), self.dataset()?);
        // Bytes that nobody else holds are not copied.
        let parts: Vec<Vec<u8>> = parts.into_iter().map(Vec::from).collect();
        self.evaluated(task, |bindings, store| {
            let trainer = bindings.fanout_trainer_trainer();
            trainer
                .dataset()
                .call_assemble(store, dataset, &text, &parts)
        })
    }

    /// The checked result of a call that runs a task.
    fn evaluated(
        &mut self,
        task: &Task,
        call: impl FnOnce(
            &Bindings,
            &mut Store<State>,
        ) -> wasmtime::Result<Result<GuestEvaluation, GuestFault>>,
    ) -> Result<Evaluation, TaskFault> {
        // Files are bounded by the guest's memory alone.
        let files = match task.outputs.is_empty() {
            true => 0,
            false => self.memory(),
        };
        let bound = answer_bound(task).saturating_add(files);
        let evaluation = self.call(bound, call)?.map_err(refused)?;
        let files = evaluation.artifacts.into_iter();
        let files = files.map(|file| (file.output, file.candidate, file.bytes.into()));
        checked_evaluation(&evaluation.answer, files, task)
    }

    /// Reads a model of this guest, for [`Instance::predict`]. What the instance had
    /// read before stays in its memory, other models open.
    pub fn open_model(&mut self, model: &[u8]) -> Result<(), TaskFault> {
        let opened = self.call(FAULT, |bindings, store| {
            let door = bindings.fanout_trainer_trainer();
            door.model().call_open(store, model)
        })?;
        self.models.push(opened.map_err(refused)?);
        Ok(())
    }

    /// Predicts every row of a table by the model that was opened last: Parquet files
    /// both.
    pub fn predict(&mut self, table: &[u8]) -> Result<Vec<u8>, TaskFault> {
        let last = self.models.len().saturating_sub(1);
        self.predict_by(last, table)
    }

    /// As [`Instance::predict`], by the model that was opened as number `model`, from 0.
    pub fn predict_by(&mut self, model: usize, table: &[u8]) -> Result<Vec<u8>, TaskFault> {
        let model = self.models.get(model).copied().ok_or_else(no_model)?;
        self.call(self.memory(), |bindings, store| {
            let door = bindings.fanout_trainer_trainer();
            door.model().call_predict(store, model, table)
        })?
        .map_err(refused)
    }

    /// The open model in another form.
    pub fn export(&mut self, form: &ModelForm) -> Result<Vec<u8>, TaskFault> {
        let model = self.model()?;
        let form = serde_json::to_string(form).expect("a form is JSON");
        self.call(self.memory(), |bindings, store| {
            let door = bindings.fanout_trainer_trainer();
            door.model().call_export(store, model, &form)
        })?
        .map_err(refused)
    }

    /// What each feature adds to the predictions of every row of a table by the open
    /// model: Parquet files both.
    pub fn explain(&mut self, table: &[u8]) -> Result<Vec<u8>, TaskFault> {
        let model = self.model()?;
        self.call(self.memory(), |bindings, store| {
            let door = bindings.fanout_trainer_trainer();
            door.model().call_explain(store, model, table)
        })?
        .map_err(refused)
    }

    /// How much the open model relies on each feature.
    pub fn importances(&mut self) -> Result<Importances, TaskFault> {
        let model = self.model()?;
        let text = self
            .call(self.memory().min(IMPORTANCES), |bindings, store| {
                let door = bindings.fanout_trainer_trainer();
                door.model().call_importances(store, model)
            })?
            .map_err(refused)?;
        let malformed = |message| TaskFault::MalformedAnswer { message };
        let importances: Importances =
            serde_json::from_str(&text).map_err(|error| malformed(error.to_string()))?;
        match importances.contract == CONTRACT && importances.is_whole() {
            true => Ok(importances),
            false => Err(malformed(
                "importances that are not one per feature".to_owned(),
            )),
        }
    }

    /// The model that was opened last.
    fn model(&self) -> Result<ResourceAny, TaskFault> {
        self.models.last().copied().ok_or_else(no_model)
    }

    fn dataset(&self) -> Result<ResourceAny, TaskFault> {
        self.dataset.ok_or_else(|| TaskFault::Refused {
            fault: Fault::InvalidDataset("no dataset is open".to_owned()),
        })
    }

    /// The most bytes of memory that the guest has had.
    pub fn peak_memory(&self) -> u64 {
        self.store.data().memory()
    }

    /// The bound on data that only the guest's memory bounds.
    fn memory(&self) -> usize {
        usize::try_from(self.store.data().limits().memory).unwrap_or(usize::MAX)
    }

    /// Calls the guest, whose result may have `bound` bytes. wasmtime counts
    /// what it copies out of a guest, and not what it copies into one.
    fn call<T>(
        &mut self,
        bound: usize,
        body: impl FnOnce(&Bindings, &mut Store<State>) -> wasmtime::Result<T>,
    ) -> Result<T, TaskFault> {
        self.store.set_hostcall_fuel(bound);
        self.store.data_mut().start_clock();
        body(&self.bindings, &mut self.store).map_err(|error| {
            self.spent = true;
            fault(&error, self.store.data().limits(), bound)
        })
    }
}

impl std::fmt::Debug for Instance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Instance")
            .field("spent", &self.spent)
            .finish_non_exhaustive()
    }
}

fn no_model() -> TaskFault {
    TaskFault::Refused {
        fault: Fault::InvalidTask("no model is open".to_owned()),
    }
}

fn json(task: &Task) -> String {
    serde_json::to_string(task).expect("a task is JSON")
}

fn refused(fault: GuestFault) -> TaskFault {
    let fault = match fault {
        GuestFault::InvalidDataset(message) => Fault::InvalidDataset(message),
        GuestFault::InvalidTask(message) => Fault::InvalidTask(message),
        GuestFault::InvalidParams(message) => Fault::InvalidParams(message),
        GuestFault::Failed(message) => Fault::Failed(message),
    };
    TaskFault::Refused {
        fault: fault.map_message(clipped),
    }
}

/// The beginning of a message, whole characters. Control characters, with which a
/// guest would take over the terminal that shows it, are replaced.
pub(crate) fn clipped(mut message: String) -> String {
    let takes_over = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    if message.contains(takes_over) {
        message = message.replace(takes_over, "\u{fffd}");
    }
    if message.len() > MESSAGE {
        message.truncate(message.floor_char_boundary(MESSAGE));
        message.push('…');
        message.shrink_to_fit();
    }
    message
}

/// More bytes than any answer to this task has.
pub(crate) fn answer_bound(task: &Task) -> usize {
    // A name, of which each byte may be escaped, and a number; of test and of
    // training rows.
    let scores = task.scoring.iter();
    let scores: usize = scores.map(|score| 2 * (6 * score.name.len() + 32)).sum();
    let answer = (ANSWER_A_CANDIDATE + scores) * (task.candidates.len() + 1);
    let permute = task.permute.as_ref();
    let repeats = permute.map_or(0, |permute| permute.n_repeats as usize);
    answer.saturating_add(repeats.saturating_mul(scores + 8))
}

fn too_large(bound: usize) -> String {
    format!("it has more than {bound} bytes")
}

/// The answer, if it is one to this task.
pub(crate) fn checked(text: &str, task: &Task) -> Result<Answer, String> {
    let bound = answer_bound(task);
    if text.len() > bound {
        return Err(too_large(bound));
    }
    let answer: Answer = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if answer.contract != CONTRACT {
        return Err(format!(
            "version {} of the contract, not {CONTRACT}",
            answer.contract
        ));
    }
    if answer.scores.len() != task.candidates.len() {
        let (found, expected) = (answer.scores.len(), task.candidates.len());
        return Err(format!("scores of {found} candidates, not of {expected}"));
    }
    let wanted: BTreeSet<&String> = task.scoring.iter().map(|score| &score.name).collect();
    // A fit that only gives its model has no scores, of training rows either.
    let scores_train = task.train_score && task.split.test.is_some();
    for scores in &answer.scores {
        if !scores.test.keys().eq(wanted.iter().copied()) {
            return Err(format!("test scores other than {wanted:?}"));
        }
        let train = wanted.iter().copied().filter(|_| scores_train);
        if !scores.train.keys().eq(train.clone()) {
            let train: Vec<&String> = train.collect();
            return Err(format!("training scores other than {train:?}"));
        }
        let permute = task.permute.as_ref();
        let repeats = permute.map_or(0, |permute| permute.n_repeats as usize);
        let mut permuted = scores.permuted.iter();
        if scores.permuted.len() != repeats
            || !permuted.all(|scores| scores.keys().eq(wanted.iter().copied()))
        {
            return Err(format!("scores of other than {repeats} permutations"));
        }
    }
    Ok(answer)
}

/// An answer with its files, by output, candidate and bytes, if they are those of this
/// task.
pub(crate) fn checked_evaluation(
    answer: &str,
    files: impl IntoIterator<Item = (String, u32, Bytes)>,
    task: &Task,
) -> Result<Evaluation, TaskFault> {
    let malformed = |message| TaskFault::MalformedAnswer { message };
    let artifacts = checked_artifacts(files.into_iter(), task).map_err(malformed)?;
    let answer = checked(answer, task).map_err(malformed)?;
    Ok(Evaluation { answer, artifacts })
}

/// The files of an answer, by output, candidate and bytes, if they are what the task
/// asks for: one of each output for every candidate.
fn checked_artifacts(
    files: impl Iterator<Item = (String, u32, Bytes)>,
    task: &Task,
) -> Result<Vec<Artifact>, String> {
    let candidates = 0..task.candidates.len() as u32;
    let mut missing: BTreeSet<(Output, u32)> = (task.outputs.iter())
        .flat_map(|&output| candidates.clone().map(move |at| (output, at)))
        .collect();
    let mut artifacts = Vec::with_capacity(missing.len());
    for (name, candidate, bytes) in files {
        let output = output(&name).filter(|output| missing.remove(&(*output, candidate)));
        let unwanted = || {
            let name = name.escape_debug();
            clipped(format!("an output `{name}` that was not asked for"))
        };
        let output = output.ok_or_else(unwanted)?;
        artifacts.push(Artifact {
            output,
            candidate,
            bytes,
        });
    }
    match missing.first() {
        None => Ok(artifacts),
        Some((output, candidate)) => {
            let output = output.name();
            Err(format!("no output `{output}` of candidate {candidate}"))
        }
    }
}

/// What made the engine stop the guest, in a call whose result may have `bound`
/// bytes.
fn fault(error: &wasmtime::Error, limits: TaskLimits, bound: usize) -> TaskFault {
    if let Some(stop) = error.downcast_ref::<Stop>() {
        return match stop {
            Stop::Memory => TaskFault::OutOfMemory {
                limit: limits.memory,
            },
            Stop::Time => TaskFault::TimedOut {
                limit_ms: limits.timeout_ms(),
            },
            Stop::Cancelled => TaskFault::Cancelled,
        };
    }
    // The engine's type of this error is private.
    if error.root_cause().to_string().contains(FUEL_EXHAUSTED) {
        return TaskFault::MalformedAnswer {
            message: too_large(bound),
        };
    }
    let backtrace = error.downcast_ref::<WasmBacktrace>();
    match error.downcast_ref::<Trap>() {
        Some(Trap::StackOverflow) => return TaskFault::StackOverflowed,
        // Compiled languages keep a second stack, of what has an address, at
        // the bottom of the memory: it overflows to an address below zero.
        Some(Trap::MemoryOutOfBounds) if backtrace.is_some_and(is_endless) => {
            return TaskFault::StackOverflowed;
        }
        _ => {}
    }
    let mut message = error.root_cause().to_string();
    if let Some(backtrace) = backtrace {
        let frames: Vec<String> = backtrace
            .frames()
            .iter()
            .filter_map(|frame| frame.func_name().map(demangled))
            .filter(|name| !is_panic_machinery(name))
            .take(FRAMES)
            .collect();
        if !frames.is_empty() {
            message = format!("{message}, in {}", frames.join(", from "));
        }
    }
    TaskFault::Trapped {
        message: clipped(message),
    }
}

/// Whether a few functions call each other as far down as the backtrace
/// reaches.
fn is_endless(backtrace: &WasmBacktrace) -> bool {
    /// More functions than one recursion has.
    const FEW: usize = 8;
    let frames = backtrace.frames();
    let functions: HashSet<u32> = frames.iter().map(|frame| frame.func_index()).collect();
    frames.len() >= BACKTRACE.get() && functions.len() <= FEW
}

fn demangled(name: &str) -> String {
    format!("{:#}", rustc_demangle::demangle(name))
}

/// Functions between a panic and the trap: they are the same for every panic.
fn is_panic_machinery(name: &str) -> bool {
    [
        "core::panicking",
        "std::panicking",
        "rust_panic",
        "__rust",
        "std::sys",
        "abort",
    ]
    .iter()
    .any(|part| name.contains(part))
}
