//! The guest of `guest/example`, as its README says: every command of it, in
//! order, and the scores beside those of scikit-learn.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use fanout_guest_build::Compiler;
use serde_json::Value;

use crate::program::text;

/// The lines of the first block of commands of a page.
fn commands(page: &str) -> Vec<&str> {
    let (_, rest) = page.split_once("```sh\n").unwrap();
    let (block, _) = rest.split_once("```").unwrap();
    block.lines().collect()
}

/// The folder of the example.
fn here() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("../guest/example");
    here.canonicalize().unwrap()
}

/// What a line of a shell gives there, with this cargo and this `fanout`.
fn run(compiler: &Compiler, line: &str) -> Output {
    let mut command = Command::new("sh");
    compiler.set_environment(&mut command);
    let path = command.get_envs().find(|(name, _)| *name == "PATH");
    let path = path.and_then(|(_, value)| value).unwrap().to_owned();
    let fanout = Path::new(env!("CARGO_BIN_EXE_fanout")).parent().unwrap();
    let folders = std::iter::once(fanout.to_owned()).chain(std::env::split_paths(&path));
    command
        .args(["-c", line])
        .current_dir(here())
        .env("PATH", std::env::join_paths(folders).unwrap())
        // The guest runs a moment: what counts is how soon it is built.
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1")
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
        .env(
            "FANOUT_CACHE",
            Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled"),
        )
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

#[test]
fn the_commands_of_its_readme_give_the_scores_of_scikit_learn() {
    let here = here();
    // What an earlier test left; cargo's folder stays.
    for folder in [".fanout", "results"] {
        std::fs::remove_dir_all(here.join(folder)).ok();
    }
    let page = std::fs::read_to_string(here.join("README.md")).unwrap();
    let compiler = Compiler::find().unwrap();
    let mut told = Vec::new();
    for line in commands(&page) {
        let output = run(&compiler, line);
        let said = text(&output.stdout) + &text(&output.stderr);
        assert!(output.status.success(), "{line}: {said}");
        told.push((line, said));
    }
    let said = |part: &str| &told.iter().find(|(line, _)| line.contains(part)).unwrap().1;
    let checked = said("guest check");
    assert!(checked.contains("it keeps the contract"), "{checked}");
    let offer = "estimators of classes\n  nearest_centroid ";
    assert!(checked.contains(offer), "{checked}");
    assert!(!checked.contains("refused"), "{checked}");
    assert!(said("fanout run").contains("nearest_centroid"));
    let json = |path: &str| -> Value {
        serde_json::from_slice(&std::fs::read(here.join(path)).unwrap()).unwrap()
    };
    let (found, expected) = (json("results/cv_results.json"), json("expected.json"));
    for name in ["mean_test_accuracy", "mean_test_f1_macro"] {
        let of = |report: &Value| -> Vec<f64> {
            let column = report[name].as_array().unwrap().iter();
            column.map(|score| score.as_f64().unwrap()).collect()
        };
        let (found, expected) = (of(&found), of(&expected));
        assert_eq!(found.len(), 8, "{name}");
        for (found, expected) in found.iter().zip(&expected) {
            let apart = (found - expected).abs();
            assert!(apart < 1e-12, "{name}: {found} {expected}");
        }
    }
    // A step left out, or done to the wrong file.
    let module = "target/wasm32-unknown-unknown/release/nearest_centroid.wasm";
    for (line, message) in [
        (
            format!("fanout guest check {module}"),
            "the guest is a core module, not a component",
        ),
        (
            "fanout guest check plan.yaml".to_owned(),
            "the file is no WebAssembly",
        ),
        (
            "fanout guest component nearest_centroid.wasm again.wasm".to_owned(),
            "it is no core module",
        ),
    ] {
        let output = run(&compiler, &line);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(6), "{line}: {said}");
        assert!(said.contains(message), "{line}: {said}");
    }
}
