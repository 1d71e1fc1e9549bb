//! Programs of other makers, which `make servers` installs, and how the tests start them.
use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::program::text;

/// The folder of the repository.
pub(crate) fn repository() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    here.canonicalize().unwrap()
}

/// A program below `target`.
pub(crate) fn installed(path: &str) -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let program = target.join(path);
    assert!(
        program.exists(),
        "{} is missing: run `make servers`",
        program.display()
    );
    program
}

/// Starts a server, which says a line with `ready`, on one of its two outputs, once it
/// serves.
pub(crate) fn start(mut command: Command, ready: &str) -> Child {
    let (reader, writer) = std::io::pipe().unwrap();
    command
        .stdin(Stdio::null())
        .stdout(writer.try_clone().unwrap())
        .stderr(writer);
    let child = command.spawn().unwrap();
    // The command holds the ends that write: the pipe is to end with the
    // server.
    drop(command);
    wait_until_it_says(ready, reader);
    child
}

/// Waits until a server says a line with `ready`.
pub(crate) fn wait_until_it_says(ready: &str, output: impl Read + Send + 'static) {
    let mut lines = BufReader::new(output).lines();
    let mut said = Vec::new();
    loop {
        match lines.next() {
            Some(Ok(line)) if line.contains(ready) => break,
            Some(line) => said.push(line.unwrap()),
            None => panic!("the server does not say `{ready}`: {said:#?}"),
        }
    }
    // A pipe that nobody reads stops its writer once it is full.
    std::thread::spawn(move || lines.for_each(drop));
}

/// A script below `tests` that drives a browser, and keeps its pictures in this folder of
/// `target`.
pub(crate) fn browser(script: &str, pictures: &str) -> Command {
    let here = repository();
    let tools = here.join("target/tools/browser");
    assert!(
        tools.join("node_modules/playwright-core").is_dir(),
        "`tests/dashboard/setup.sh` installs what drives a browser"
    );
    let mut command = Command::new("node");
    command
        .arg(here.join("tests").join(script))
        .env("FANOUT_BROWSER_TOOLS", tools)
        .env("FANOUT_SCREENSHOTS", here.join("target").join(pictures));
    command
}

/// Runs a script that must succeed.
pub(crate) fn drive(mut command: Command) {
    let output = command.output().unwrap();
    let said = text(&output.stdout) + &text(&output.stderr);
    assert!(output.status.success(), "{said}");
}
