//! The real binary, standing in an empty folder of its own.
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use fanout::digest::Digest;
use serde_json::Value;
use tempfile::TempDir;

/// The binary, standing in an empty folder of its own.
pub(crate) struct Fanout {
    pub(crate) here: TempDir,
}

impl Fanout {
    pub(crate) fn new() -> Self {
        Self {
            here: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fanout"));
        command
            .current_dir(self.here.path())
            // Shared by all tests, so that each guest is compiled once.
            .env(
                "FANOUT_CACHE",
                Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled"),
            )
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command().args(arguments).output().unwrap()
    }

    /// What a command that must succeed prints.
    pub(crate) fn text(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    }

    /// What a run that must succeed prints with `--json`.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        self.json_and_errors(arguments).0
    }

    /// The same, and what it says beside.
    pub(crate) fn json_and_errors(&self, arguments: &[&str]) -> (Value, String) {
        let mut all = vec!["run", "--json"];
        all.extend(arguments);
        let output = self.run(&all);
        let errors = text(&output.stderr);
        assert!(output.status.success(), "{errors}");
        (serde_json::from_slice(&output.stdout).unwrap(), errors)
    }

    pub(crate) fn write(&self, name: &str, content: &str) -> String {
        std::fs::write(self.here.path().join(name), content).unwrap();
        name.to_owned()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.here.path().join(name)
    }

    /// The objects of the store `.fanout` in a folder of it: those that have
    /// their names, not what a killed process left of others.
    pub(crate) fn objects(&self, folder: &str) -> Vec<PathBuf> {
        let mut found = Vec::new();
        walk(&self.path(".fanout").join(folder), &mut found);
        found.retain(|path| !path.to_str().unwrap().contains('#'));
        found.sort();
        found
    }
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, found);
        } else {
            found.push(path);
        }
    }
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub(crate) fn example(name: &str) -> String {
    let plans = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plans");
    plans.join(name).to_str().unwrap().to_owned()
}

/// The columns of `cv_results` that are not times.
pub(crate) fn scores(report: &Value) -> BTreeMap<String, Value> {
    let columns = report["cv_results"].as_object().unwrap();
    assert!(columns.keys().any(|name| name.starts_with("mean_test_")));
    let scores = columns.iter().filter(|(name, _)| !name.ends_with("_time"));
    scores
        .map(|(name, values)| (name.clone(), values.clone()))
        .collect()
}

/// How many of a report's fits were made by its own run.
pub(crate) fn made(report: &Value) -> u64 {
    let fits = &report["fits"];
    let count = |name: &str| fits[name].as_u64().unwrap();
    count("served") + count("failed") - count("reused")
}

/// The head of a model file.
pub(crate) fn head(model: &[u8]) -> Value {
    let size = u64::from_le_bytes(model[8..16].try_into().unwrap()) as usize;
    serde_json::from_slice(&model[48..48 + size]).unwrap()
}

/// The fitted model in a model file, which is the same whatever the plan says of pools
/// and families: its first part.
pub(crate) fn fitted(model: &[u8]) -> &[u8] {
    let size = u64::from_le_bytes(model[8..16].try_into().unwrap()) as usize;
    let (head, parts) = (head(model), &model[48 + size..]);
    assert_eq!(head["parts"][0]["name"], "fitted");
    &parts[..head["parts"][0]["size"].as_u64().unwrap() as usize]
}

/// A model file without the record of its training data, which names folders, as earlier
/// versions wrote it.
pub(crate) fn without_record(model: &[u8]) -> Vec<u8> {
    let mut head = head(model);
    if head["composite"].is_object() {
        // The digests of what it holds stand for that.
        for member in head["members"].as_array_mut().unwrap() {
            assert!(member["training"].take().is_string());
        }
        head["parts"].take();
        return serde_json::to_vec(&head).unwrap();
    }
    let size = u64::from_le_bytes(model[8..16].try_into().unwrap()) as usize;
    let mut parts = model[48 + size..].to_vec();
    let listed = head["parts"].as_array_mut().unwrap();
    let last = listed.pop().unwrap();
    assert_eq!(last["name"], "training");
    parts.truncate(parts.len() - last["size"].as_u64().unwrap() as usize);
    let head = serde_json::to_vec(&head).unwrap();
    let mut file = model[..8].to_vec();
    file.extend((head.len() as u64).to_le_bytes());
    file.extend(Digest::of(&head).as_bytes());
    file.extend(head);
    file.extend(parts);
    file
}
