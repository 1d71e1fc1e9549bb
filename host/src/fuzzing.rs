//! The ways in for the fuzzers of `fuzz/`, one function a target: each reads
//! bytes of unknown origin as the host does, and checks what must hold of
//! whatever was accepted.
//!
//! A function returns on every input. It panics where the code under test
//! does, or where a property fails. Built under `--cfg fuzzing`, and for this
//! module's tests, which run the seeds and all inputs that once failed.

use std::path::Path;
use std::sync::LazyLock;

use arrow_schema::{DataType, Field, Schema};
use fanout_contract::{Description, Task, TrainerDescription};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::dataset;
use crate::expand::TaskIdentity;
use crate::plan::{Draft, Override, Plan};
use crate::pool;
use crate::queue::message::{self, FITS, Heartbeat, Series, TaskMessage, Verdict, WorkerMessage};
use crate::sandbox;

/// The trainers that plans are checked against.
static TRAINERS: LazyLock<Vec<TrainerDescription>> = LazyLock::new(|| {
    let json = include_str!("../../tests/plans/trainers.json");
    serde_json::from_str(json).expect("the file is of the contract")
});
/// The columns that plans are checked against: those of
/// `tests/plans/data/flights.csv`.
const COLUMNS: [&str; 8] = [
    "month",
    "day",
    "carrier",
    "origin",
    "dest",
    "distance",
    "fold",
    "cancelled",
];
/// Bytes of a text file that are parsed at a time, so that small files have
/// several pieces.
const PIECE: usize = 64;

/// A plan, with overrides (`cv.n_splits=5`) in the lines after the first NUL.
/// A plan without a mistake must serialise; mistakes must render.
pub fn plan(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let (text, options) = text.split_once('\0').unwrap_or((text, ""));
    let options: Vec<Override> = options
        .lines()
        .filter_map(|line| Override::set(line).ok())
        .collect();
    let draft = Draft::parse(Path::new("/plan.yaml"), text, &options, Path::new("/"));
    let _ = crate::plan::to_json(text);
    check(draft, &TRAINERS);
}

fn check(mut draft: Draft, trainers: &[TrainerDescription]) {
    draft.check_trainers(trainers, &[], &[None]);
    let fields = COLUMNS.map(|name| Field::new(name, DataType::Int64, true));
    draft.check_columns(&Schema::new(fields.to_vec()));
    match draft.finish() {
        Ok(plan) => {
            serde_json::to_string(&plan).expect("a checked plan serialises");
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// A CSV file, packed where it begins with the magic bytes of gzip or
/// Zstandard. Pieces of any size must give the same dataset, or an error; of
/// several mistakes, which is found first depends on the pieces.
pub fn csv(bytes: &[u8]) {
    let name = match bytes {
        [0x1f, 0x8b, ..] => "/table.csv.gz",
        [0x28, 0xb5, 0x2f, 0xfd, ..] => "/table.csv.zst",
        _ => "/table.csv",
    };
    let read = |piece| dataset::fuzzing::read(&SOURCE_PLAN, name, bytes, piece).ok();
    assert_eq!(read(PIECE), read(1 << 20));
}

/// A Parquet file.
pub fn parquet(bytes: &[u8]) {
    let _ = dataset::fuzzing::read(&SOURCE_PLAN, "/table.parquet", bytes, PIECE);
}

/// A file or a stream of Arrow IPC.
pub fn arrow(bytes: &[u8]) {
    let _ = dataset::fuzzing::read(&SOURCE_PLAN, "/table.arrow", bytes, PIECE);
}

/// A plan whose target is set when the columns are known.
pub(crate) static SOURCE_PLAN: LazyLock<Plan> = LazyLock::new(|| {
    const PLAN: &str = "dataset: {source: table.csv, target: cancelled}\n\
                        trainer: {name: random_forest}\n\
                        cv: {method: k_fold, n_splits: 2}\n\
                        scoring: [accuracy]\n";
    let mut draft = Draft::parse(Path::new("/plan.yaml"), PLAN, &[], Path::new("/"));
    draft.check_trainers(&TRAINERS, &[], &[None]);
    let fields = COLUMNS.map(|name| Field::new(name, DataType::Int64, true));
    draft.check_columns(&Schema::new(fields.to_vec()));
    let plan = draft.finish().expect("the plan has no mistake");
    (*plan).clone()
});

/// A guest's documents: a description, which a plan is then checked against,
/// and an answer to a task of two candidates.
pub fn contract(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(description) = sandbox::description(text) {
        round_trip(&description);
        let mut text = String::from(
            "dataset: {source: table.csv, target: cancelled}\n\
             search: {method: grid, params: {n_estimators: [1, 2], C: [0.5]}}\ntrainer: ",
        );
        let name = description.trainers.first().map(|trainer| &trainer.name);
        text += &serde_json::json!({ "name": name }).to_string();
        let draft = Draft::parse(Path::new("/plan.yaml"), &text, &[], Path::new("/"));
        check(draft, &description.trainers);
        let _ = crate::plan::json_schema(&description.trainers);
    }
    for train_score in [false, true] {
        let task: Task = serde_json::from_value(serde_json::json!({
            "contract": fanout_contract::CONTRACT,
            "trainer": "random_forest",
            "candidates": [{"max_depth": 2}, {"max_depth": 4}],
            "split": {"column": "fold", "test": 0},
            "target": "cancelled",
            "learning": "binary",
            "scoring": ["roc_auc", "accuracy"],
            "train_score": train_score,
        }))
        .expect("the task is of the contract");
        if let Ok(answer) = sandbox::checked(text, &task) {
            assert_eq!(answer.scores.len(), task.candidates.len());
            round_trip(&answer);
        }
    }
}

/// A message of the queue, as each of the types that are read from one.
pub fn message(bytes: &[u8]) {
    fn read<T: DeserializeOwned + Serialize + PartialEq + std::fmt::Debug>(
        bytes: &[u8],
    ) -> Option<T> {
        let message: T = message::read(bytes).ok()?;
        let again: T = message::read(&message::write(&message)).expect("it was written");
        assert_eq!(again, message);
        Some(message)
    }
    if let Some(task) = read::<TaskMessage>(bytes) {
        let _ = task.limits();
        assert!(task.fits.len() <= FITS);
        if let Ok(identity) = TaskIdentity::read(task.identity.text()) {
            round_trip(&identity);
        }
    }
    if let Some(WorkerMessage::Done { made, .. }) = read::<WorkerMessage>(bytes) {
        series(&made);
    }
    let _ = read::<Heartbeat>(bytes);
    let _ = read::<Verdict>(bytes);
}

/// What a series decodes to is what its own encoding decodes to.
fn series(series: &Series) {
    const BOUND: usize = 1 << 20;
    if let Some(numbers) = series.numbers(BOUND) {
        assert_eq!(Series::of(&numbers).numbers(BOUND), Some(numbers));
    }
}

/// A reply of HTTP: the status on the first line, a header (`name: value`) on
/// each line up to an empty one, and the body.
pub fn reply(bytes: &[u8]) {
    let mut rest = bytes;
    let mut line = || {
        let end = rest.iter().position(|&byte| byte == b'\n')?;
        let line = &rest[..end];
        rest = &rest[end + 1..];
        Some(line)
    };
    let Some(status) = line().and_then(|status| StatusCode::from_bytes(status).ok()) else {
        return;
    };
    let mut headers = HeaderMap::new();
    while let Some(header) = line().filter(|line| !line.is_empty()) {
        let mut parts = header.splitn(2, |&byte| byte == b':');
        let name = parts.next().map(HeaderName::from_bytes);
        let value = parts.next().map(HeaderValue::from_bytes);
        if let (Some(Ok(name)), Some(Ok(value))) = (name, value) {
            headers.append(name, value);
        }
    }
    if let Some(answer) = pool::read_reply(status, &headers, rest) {
        contract(answer.as_bytes());
        let _ = serde_json::from_str::<Description>(&answer);
    }
}

fn round_trip<T: DeserializeOwned + Serialize + PartialEq + std::fmt::Debug>(document: &T) {
    let text = serde_json::to_string(document).expect("a document serialises");
    let again: T = serde_json::from_str(&text).expect("it was written");
    assert_eq!(&again, document);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a target on its seeds, and on the inputs that once failed.
    fn run(target: &str, function: fn(&[u8])) {
        let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
        let seeds = std::fs::read_dir(fuzz.join("corpus-seeds").join(target));
        let seeds: Vec<_> = seeds.unwrap().collect();
        assert!(!seeds.is_empty());
        // Few targets have failed.
        let failed = std::fs::read_dir(fuzz.join("regressions").join(target));
        for input in seeds.into_iter().chain(failed.into_iter().flatten()) {
            function(&std::fs::read(input.unwrap().path()).unwrap());
        }
    }

    #[test]
    fn plans_are_read() {
        run("plan", plan);
    }

    #[test]
    fn csv_files_are_read() {
        run("csv", csv);
    }

    #[test]
    fn parquet_files_are_read() {
        run("parquet", parquet);
    }

    #[test]
    fn arrow_files_are_read() {
        run("arrow", arrow);
    }

    #[test]
    fn documents_are_read() {
        run("contract", contract);
    }

    #[test]
    fn messages_are_read() {
        run("message", message);
    }

    #[test]
    fn replies_are_read() {
        run("reply", reply);
    }
}
