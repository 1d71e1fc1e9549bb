//! The files of a run, as they are compared: without what its making took.
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::program::{Fanout, text, without_record};

/// The command of a run with a folder of results of its own, and a store of its
/// own where `arguments` name none.
pub(crate) fn run(fanout: &Fanout, plan: &str, folder: &str, arguments: &[&str]) -> Command {
    let mut command = fanout.command();
    command.args(["run", "--json", plan, "--output", folder]);
    if !arguments.contains(&"--store") {
        command.args(["--store", &format!("{folder}.store")]);
    }
    command.args(arguments);
    command
}

/// The results of a run that must succeed.
pub(crate) fn results(fanout: &Fanout, plan: &str, folder: &str, arguments: &[&str]) -> Results {
    let output = run(fanout, plan, folder, arguments).output().unwrap();
    finished(&output, &fanout.path(folder))
}

/// What a run came to.
#[derive(Debug)]
pub(crate) struct Results {
    pub(crate) report: Value,
    /// The files by name. Of those that hold times, without them.
    pub(crate) files: BTreeMap<String, Vec<u8>>,
}

impl Results {
    /// The names of files that differ.
    pub(crate) fn differing(&self, other: &Self) -> Vec<String> {
        let names: BTreeSet<&String> = self.files.keys().chain(other.files.keys()).collect();
        let differ = |name: &&&String| self.files.get(**name) != other.files.get(**name);
        names
            .iter()
            .filter(differ)
            .map(ToString::to_string)
            .collect()
    }
}

/// The results of a run that must have succeeded.
pub(crate) fn finished(output: &Output, folder: &Path) -> Results {
    let results = ended(output, folder);
    for name in [
        "cv_results.csv",
        "cv_results.json",
        "model.fanout",
        "best.json",
    ] {
        let names = results.files.keys();
        assert!(results.files.contains_key(name), "{name}: {names:?}");
    }
    results
}

/// The same of a plan of any kind, which may make no model.
pub(crate) fn ended(output: &Output, folder: &Path) -> Results {
    assert!(output.status.success(), "{}", text(&output.stderr));
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let bytes = std::fs::read(&path).unwrap();
        if let Some(bytes) = without_times(&name, bytes) {
            files.insert(name, bytes);
        }
    }
    Results {
        report: serde_json::from_slice(&output.stdout).unwrap(),
        files,
    }
}

/// A file of results without what its making took, and a model without where it was made.
/// The Parquet file and the page say what the others say.
fn without_times(name: &str, bytes: Vec<u8>) -> Option<Vec<u8>> {
    let is_time = |name: &str| name.ends_with("_time");
    match name.rsplit_once('.')?.1 {
        "parquet" | "html" => None,
        "csv" => {
            let text = String::from_utf8(bytes).unwrap();
            let header: Vec<&str> = text.lines().next().unwrap().split(',').collect();
            let kept = |line: &str| -> Vec<String> {
                let cells = cells(line).into_iter().enumerate();
                let cells = cells.filter(|(at, _)| !is_time(header[*at]));
                cells.map(|(_, cell)| cell).collect()
            };
            let lines: Vec<_> = text.lines().map(kept).collect();
            Some(serde_json::to_vec(&lines).unwrap())
        }
        "json" => {
            let mut value: Value = serde_json::from_slice(&bytes).unwrap();
            strip(&mut value, &is_time);
            Some(serde_json::to_vec(&value).unwrap())
        }
        "fanout" => Some(without_record(&bytes)),
        _ => Some(bytes),
    }
}

/// The cells of a line of CSV, whose quoted ones may hold commas.
fn cells(line: &str) -> Vec<String> {
    let mut quoted = false;
    let mut cells = vec![String::new()];
    for c in line.chars() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => cells.push(String::new()),
            c => cells.last_mut().unwrap().push(c),
        }
    }
    cells
}

fn strip(value: &mut Value, is_time: &dyn Fn(&str) -> bool) {
    match value {
        Value::Object(map) => {
            // Where it ran and lies is not what it came to.
            let place = |key: &str| matches!(key, "pool" | "store" | "output");
            map.retain(|key, _| !is_time(key) && !place(key) && key != "took");
            map.values_mut().for_each(|value| strip(value, is_time));
        }
        Value::Array(items) => items.iter_mut().for_each(|value| strip(value, is_time)),
        _ => {}
    }
}

/// The components of `fanout guest export`, written once for all tests.
pub(crate) fn exported(name: &str) -> PathBuf {
    static FOLDER: std::sync::OnceLock<PathBuf> = std::sync::OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("exported");
        let exported = Fanout::new().run(&["guest", "export", folder.to_str().unwrap()]);
        assert!(exported.status.success(), "{}", text(&exported.stderr));
        folder
    });
    folder.join(format!("{name}.wasm"))
}
