//! The ways in for the fuzzers of `fuzz/`, one function a target: each reads
//! bytes of unknown origin as a guest does, and checks what must hold of
//! whatever was accepted.
//!
//! A function returns on every input. It panics where the code of this crate
//! does, or where a property fails. A panic in another crate (`parquet` has
//! some on malformed files) is no failure: it traps the guest, and the host
//! reports a trap as a result of the task. Built under `--cfg fuzzing`, and for this
//! module's tests, which run the seeds and all inputs that once failed.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind, set_hook, take_hook};
use std::sync::Once;

use bytes::Bytes;

use crate::body::Body;
use crate::contract::{Answer, CONTRACT, Output, Split, Train};
use crate::fixture::{EchoGuest, files};
use crate::function::Function;
use crate::request::HttpRequest;
use crate::{Dataset, Fault, Learning, Model, Table};

/// A dataset: its Parquet file, and its splits' Parquet file after it. What
/// was opened must be decoded or refused, and an instance that adopts it must
/// answer as the one that opened it.
pub fn dataset(bytes: &[u8]) {
    trapping(|| read_dataset(bytes));
}

fn read_dataset(bytes: &[u8]) {
    // A Parquet file begins and ends with these four bytes.
    const SEAM: &[u8] = b"PAR1PAR1";
    let bytes = Bytes::copy_from_slice(bytes);
    let seam = bytes.windows(SEAM.len()).position(|bytes| bytes == SEAM);
    let (table, splits) = match seam {
        Some(seam) => (bytes.slice(..seam + 4), bytes.slice(seam + 4..)),
        None => (bytes.clone(), bytes.clone()),
    };
    let mut target = "y".to_owned();
    if let Ok(table) = Table::open(table.clone()) {
        for (index, feature) in table.features().iter().enumerate() {
            if let Ok(values) = table.values(index) {
                assert_eq!(values.len(), table.rows(), "{feature:?}");
            }
        }
        for name in table.target_names() {
            let _ = table.target(name, Learning::Regression);
            let _ = table.target(name, Learning::Binary);
            target = name.to_owned();
        }
    }
    let Ok(dataset) = Dataset::open::<EchoGuest>(table, splits) else {
        return;
    };
    let given = Train::Column {
        name: "fold".to_owned(),
        value: 0,
    };
    for train in [Train::Rest, Train::Before, given] {
        let task = serde_json::json!({
            "contract": CONTRACT,
            "trainer": "echo",
            "candidates": [{}, {"bias": 0.5}],
            "split": Split { column: "fold".to_owned(), test: Some(1), train, shuffle: None },
            "target": target,
            "scoring": ["accuracy", "roc_auc", "neg_log_loss"],
            "train_score": true,
            "outputs": ["model"],
        });
        let task = task.to_string();
        let answer = evaluate(&dataset, &task);
        if let Ok(shared) = dataset.share("echo") {
            let adopted = Dataset::adopt::<EchoGuest>(&shared).expect("it was shared");
            assert_eq!(evaluate(&adopted, &task), answer);
        }
    }
}

/// A task (JSON) on a dataset of six rows; or, where the input begins with
/// `multipart/`, a request of HTTP: the content type on the first line, and
/// the body.
pub fn task(bytes: &[u8]) {
    trapping(|| read_task(bytes));
}

fn read_task(bytes: &[u8]) {
    thread_local! {
        static OPEN: Dataset = {
            let (table, splits) = files();
            Dataset::open::<EchoGuest>(table, splits).expect("the files are sound")
        };
    }
    if bytes.starts_with(b"multipart/") {
        return request(bytes);
    }
    let Ok(task) = std::str::from_utf8(bytes) else {
        return;
    };
    OPEN.with(|dataset| {
        let _ = evaluate(dataset, task);
    });
}

fn request(bytes: &[u8]) {
    let end = bytes.iter().position(|&byte| byte == b'\n');
    let (content_type, body) = match end {
        Some(end) => (&bytes[..end], &bytes[end + 1..]),
        None => (bytes, &[][..]),
    };
    let post = |function: &Function| {
        let request = HttpRequest {
            method: "POST",
            path: "/",
            content_type: std::str::from_utf8(content_type).ok(),
            accept: None,
            body: in_memory(Bytes::copy_from_slice(body)),
        };
        function.answer::<EchoGuest>(request, &fetch)
    };
    let function = Function::default();
    let first = post(&function);
    if first.status == 200 {
        serde_json::from_slice::<Answer>(&first.body).expect("an answer is of the contract");
    } else {
        serde_json::from_slice::<Fault>(&first.body).expect("a refusal is of the contract");
    }
    let again = post(&function);
    assert_eq!((again.status, again.body), (first.status, first.body));
}

fn fetch(url: &str) -> Result<Body<'static>, String> {
    match url {
        "http://host/dataset" => Ok(in_memory(files().0)),
        "http://host/splits" => Ok(in_memory(files().1)),
        _ => Err("there is nothing".to_owned()),
    }
}

fn in_memory(bytes: Bytes) -> Body<'static> {
    Body {
        content_length: Some(bytes.len() as u64),
        stream: Box::new(std::io::Cursor::new(bytes)),
    }
}

/// The answer, which must be of the contract.
/// Evaluates a task, and reads the models that it gives.
fn evaluate(dataset: &Dataset, task: &str) -> Result<Answer, Fault> {
    let evaluation = dataset.evaluate(task)?;
    for artifact in &evaluation.artifacts {
        if artifact.output == Output::Model {
            Model::open::<EchoGuest>(&artifact.bytes).expect("it was fitted here");
        }
    }
    Ok(serde_json::from_str(&evaluation.answer).expect("an answer is of the contract"))
}

/// Calls `read`, and ends quietly where it panics in the source of another
/// crate.
fn trapping(read: impl FnOnce()) {
    static HOOK: Once = Once::new();
    thread_local! {
        static TRAPPED: Cell<bool> = const { Cell::new(false) };
    }
    HOOK.call_once(|| {
        let hook = take_hook();
        set_hook(Box::new(move |panic| {
            let foreign = |at: &std::panic::Location<'_>| at.file().contains("/registry/src/");
            TRAPPED.set(panic.location().is_some_and(foreign));
            if !TRAPPED.get() {
                hook(panic);
            }
        }));
    });
    if let Err(panic) = catch_unwind(AssertUnwindSafe(read))
        && !TRAPPED.take()
    {
        resume_unwind(panic);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// Runs a target on its seeds, and on the inputs that once failed.
    fn run(target: &str, function: fn(&[u8])) {
        let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
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
    fn datasets_are_read() {
        run("guest_dataset", dataset);
    }

    #[test]
    fn tasks_are_read() {
        run("guest_task", task);
    }
}
