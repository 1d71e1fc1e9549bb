//! [`Worker`]: a process that runs `fanout worker`.
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use crate::program::Fanout;

/// More than any worker takes to say what a test waits for.
const PATIENCE: Duration = Duration::from_secs(60);

/// A worker that is killed when it is dropped.
pub(crate) struct Worker {
    child: Child,
    lines: Receiver<String>,
}

impl Worker {
    /// With the store `.fanout` where the runs stand.
    pub(crate) fn start(fanout: &Fanout, nats: &str, arguments: &[&str]) -> Self {
        let mut command = fanout.command();
        command.args(["worker", "--nats", nats, "--verbose"]);
        if !arguments.contains(&"--store") {
            command.args(["--store", ".fanout"]);
        }
        command.args(arguments);
        Self::spawn(command)
    }

    pub(crate) fn spawn(mut command: Command) -> Self {
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (send, lines) = channel();
        let reader = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || {
            for line in reader.lines().map_while(Result::ok) {
                // A test that has ended reads no more.
                drop(send.send(line));
            }
        });
        Self { child, lines }
    }

    /// Waits until it says a line with this in it.
    pub(crate) fn says(&self, what: &str) -> String {
        let mut said = Vec::new();
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) if line.contains(what) => return line,
                Ok(line) => said.push(line),
                Err(error) => panic!("{error}: no `{what}` in {said:#?}"),
            }
        }
    }

    /// What it says until it ends.
    pub(crate) fn rest(&mut self) -> Vec<String> {
        let said = self.lines.iter().collect();
        self.wait();
        said
    }

    pub(crate) fn signal(&self, signal: &str) {
        let sent = Command::new("kill")
            .args([&format!("-{signal}"), &self.child.id().to_string()])
            .status();
        assert!(sent.unwrap().success());
    }

    pub(crate) fn kill(&mut self) {
        // One that has ended is as dead.
        drop(self.child.kill());
        self.child.wait().unwrap();
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    pub(crate) fn is_alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.kill();
    }
}
