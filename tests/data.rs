//! Tables that can't be learnt from, and exactly what is said of each:
//! `plans/invalid/data/NAME.yaml` beside `NAME.err`, over the real binary.
//! With `FANOUT_BLESS=1` the `.err` files are written anew, to be read before
//! they are committed.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The exit code of a plan that is wrong, found by the source's columns.
const PLAN: i32 = 3;

/// The exit code of data that is wrong.
const DATA: i32 = 4;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/plans")
}

fn plans() -> Vec<PathBuf> {
    let folder = corpus().join("invalid/data");
    let paths = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut plans: Vec<PathBuf> = paths
        .filter(|path| path.extension() == Some(OsStr::new("yaml")))
        .collect();
    plans.sort();
    plans
}

#[test]
fn every_bad_table_gets_exactly_its_message() {
    let plans = plans();
    assert!(plans.len() >= 30, "{} plans", plans.len());
    let bless = std::env::var_os("FANOUT_BLESS").is_some();
    let mut differ = Vec::new();
    for plan in &plans {
        let name = Path::new("invalid/data").join(plan.file_name().unwrap());
        let output = Command::new(env!("CARGO_BIN_EXE_fanout"))
            .current_dir(corpus())
            .arg("check")
            .arg(&name)
            // Shared by all tests, so that each guest is compiled once.
            .env(
                "FANOUT_CACHE",
                Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled"),
            )
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        if !matches!(output.status.code(), Some(PLAN | DATA)) || !output.stdout.is_empty() {
            differ.push(format!(
                "{}: {}, and\n{told}",
                name.display(),
                output.status
            ));
            continue;
        }
        let expected = plan.with_extension("err");
        if bless {
            std::fs::write(&expected, told).unwrap();
        } else if std::fs::read_to_string(&expected).ok().as_ref() != Some(&told) {
            differ.push(format!("{} says\n{told}", name.display()));
        }
    }
    assert!(
        differ.is_empty(),
        "{}\n(FANOUT_BLESS=1 writes the messages anew)",
        differ.join("\n\n")
    );
}
