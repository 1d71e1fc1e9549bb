//! [`evaluate`]: a guest as a native program, to measure it and to profile it.

use std::error::Error;
use std::time::Instant;

use serde_json::{Value, json};

use crate::{Dataset, Guest};

/// Opens a dataset and its splits, and evaluates tasks on them, with the code that a
/// component exports. `paths` are those of the dataset, the splits and the tasks.
/// Returns a JSON object: the `seconds` from opening the dataset to the last answer,
/// the seconds of `each` task, and the `answers`.
///
/// # Errors
/// If a file can't be read, or a task is refused.
pub fn evaluate<G: Guest>(paths: impl Iterator<Item = String>) -> Result<Value, Box<dyn Error>> {
    let mut paths = paths;
    let mut next = |what: &str| paths.next().ok_or(format!("no {what} was given"));
    let table = read(&next("dataset")?)?;
    let splits = read(&next("splits file")?)?;
    let tasks = paths
        .map(|path| Ok(String::from_utf8(read(&path)?)?))
        .collect::<Result<Vec<String>, Box<dyn Error>>>()?;

    let started = Instant::now();
    let dataset = Dataset::open::<G>(table.into(), splits.into())?;
    let (mut answers, mut each) = (Vec::new(), Vec::new());
    for task in &tasks {
        let began = Instant::now();
        answers.push(dataset.evaluate(task)?.answer);
        each.push(began.elapsed().as_secs_f64());
    }
    let seconds = started.elapsed().as_secs_f64();

    let answers = answers
        .iter()
        .map(|answer| serde_json::from_str(answer))
        .collect::<Result<Vec<Value>, _>>()?;
    Ok(json!({"seconds": seconds, "each": each, "answers": answers}))
}

fn read(path: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    std::fs::read(path).map_err(|error| format!("`{path}`: {error}").into())
}
