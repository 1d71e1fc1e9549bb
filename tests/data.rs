//! Invalid tables and the exact error message of each, from the real binary:
//! `plans/invalid/data/NAME.yaml` and `NAME.err` beside it. With
//! `FANOUT_BLESS=1` the `.err` files are written, to be reviewed before they
//! are committed.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The exit code of a mistake in the plan that the columns show.
const PLAN: i32 = 3;

/// The exit code of invalid data.
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
fn every_invalid_table_gets_exactly_its_message() {
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
        let stderr = String::from_utf8(output.stderr).unwrap();
        if !matches!(output.status.code(), Some(PLAN | DATA)) || !output.stdout.is_empty() {
            differ.push(format!(
                "{}: {}, and\n{stderr}",
                name.display(),
                output.status
            ));
            continue;
        }
        let expected = plan.with_extension("err");
        if bless {
            std::fs::write(&expected, stderr).unwrap();
        } else if std::fs::read_to_string(&expected).ok().as_ref() != Some(&stderr) {
            differ.push(format!("{} gives\n{stderr}", name.display()));
        }
    }
    assert!(
        differ.is_empty(),
        "{}\n(FANOUT_BLESS=1 writes the messages)",
        differ.join("\n\n")
    );
}
