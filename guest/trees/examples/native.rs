//! The guest as a native program: opens a dataset and its splits, and evaluates
//! tasks on them, with the code that the component exports.
//!
//! `native DATASET SPLITS TASK...` takes paths and prints one JSON object: the
//! `seconds` from opening the dataset to the last answer, and the `answers`.

#![expect(clippy::print_stdout, reason = "a program whose output is its result")]

use std::error::Error;
use std::time::Instant;

use fanout_sdk::Dataset;
use fanout_trees::Component;
use serde_json::{Value, json};

fn main() -> Result<(), Box<dyn Error>> {
    let mut paths = std::env::args().skip(1);
    let mut next = |what: &str| paths.next().ok_or(format!("no {what} was given"));
    let table = read(&next("dataset")?)?;
    let splits = read(&next("splits file")?)?;
    let tasks = paths
        .map(|path| Ok(String::from_utf8(read(&path)?)?))
        .collect::<Result<Vec<String>, Box<dyn Error>>>()?;

    let started = Instant::now();
    let dataset = Dataset::open::<Component>(table.into(), splits.into())?;
    let answers = tasks
        .iter()
        .map(|task| Ok(dataset.evaluate(task)?.answer))
        .collect::<Result<Vec<String>, Box<dyn Error>>>()?;
    let seconds = started.elapsed().as_secs_f64();

    let answers = answers
        .iter()
        .map(|answer| serde_json::from_str(answer))
        .collect::<Result<Vec<Value>, _>>()?;
    println!("{}", json!({"seconds": seconds, "answers": answers}));
    Ok(())
}

fn read(path: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    std::fs::read(path).map_err(|error| format!("`{path}`: {error}").into())
}
