//! The queue as `deploy/k8s` makes it: the real `nats-server` with the
//! configuration of its manifest, a worker with the arguments and variables of
//! its own, and what KEDA's scaler asks and reads.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::{CONSUMER, STREAM, block, python, repository};
use crate::functions::results::{finished, results, run};
use crate::functions::server::free_port;
use crate::nats::server::serves;
use crate::program::{Fanout, example, text};

const USER: &str = "fanout";
const PASSWORD: &str = "p3f9a1c";

fn manifest(name: &str) -> String {
    fs::read_to_string(repository().join("deploy/k8s").join(name)).unwrap()
}

/// A process that is killed when it is dropped.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // One that has ended is as dead.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// The server of `nats.yaml`, at ports of its own.
struct Nats {
    _process: Process,
    url: String,
    monitor: String,
}

impl Nats {
    fn start(folder: &Path) -> Self {
        let (port, monitor) = (free_port(), free_port());
        let config = block(&manifest("nats.yaml"), "nats.conf")
            .replacen("http_port: 8222", &format!("http_port: {monitor}"), 1)
            .replacen("port: 4222", &format!("port: {port}"), 1)
            .replacen("/data", folder.join("jetstream").to_str().unwrap(), 1);
        let path = folder.join("nats.conf");
        fs::write(&path, config).unwrap();
        let child = Command::new(python().with_file_name("nats-server"))
            .arg("-c")
            .arg(path)
            .env("POD_NAME", "nats-0")
            .envs(credentials())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut process = Process(child);
        serves(&mut process.0);
        Self {
            _process: process,
            url: format!("nats://127.0.0.1:{port}"),
            monitor: format!("127.0.0.1:{monitor}"),
        }
    }

    /// The lag, as KEDA's scaler reckons it: what waits and what is in hand.
    /// Nothing where the stream or the consumer is not there.
    fn lag(&self) -> Option<u64> {
        let url = format!(
            "http://{}/jsz?acc=$G&consumers=true&config=true",
            self.monitor
        );
        let output = Command::new("curl").args(["-sS", &url]).output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        let said: Value = serde_json::from_slice(&output.stdout).unwrap();
        let named = |list: &Value, name: &str| {
            let mut entries = list.as_array()?.iter();
            entries.find(|entry| entry["name"] == name).cloned()
        };
        let account = named(&said["account_details"], "$G")?;
        let stream = named(&account["stream_detail"], STREAM)?;
        let consumer = named(&stream["consumer_detail"], CONSUMER)?;
        let count = |name: &str| consumer[name].as_u64().unwrap();
        Some(count("num_pending") + count("num_ack_pending"))
    }
}

fn credentials() -> [(&'static str, &'static str); 2] {
    [
        ("FANOUT_NATS_USER", USER),
        ("FANOUT_NATS_PASSWORD", PASSWORD),
    ]
}

/// The arguments that a manifest gives its container.
fn arguments(manifest: &str) -> Vec<String> {
    let lines = manifest.lines().map(str::trim);
    let lines = lines.skip_while(|line| *line != "args:").skip(1);
    lines
        .take_while(|line| line.starts_with("- ") || line.starts_with('#'))
        .filter_map(|line| line.strip_prefix("- "))
        .map(str::to_owned)
        .collect()
}

/// The worker of `workers.yaml`, with a folder for a store.
fn worker(fanout: &Fanout, nats: &Nats, store: &Path) -> Command {
    let mut command = fanout.command();
    for argument in arguments(&manifest("workers.yaml")) {
        command.arg(
            argument
                .replace("nats://nats:4222", &nats.url)
                .replace("$(FANOUT_STORE)", store.to_str().unwrap())
                .replace("$(POD_NAME)", "fanout-worker-0"),
        );
    }
    command.stderr(Stdio::piped());
    command
}

#[test]
fn keda_counts_the_tasks_that_the_workers_of_the_manifest_do() {
    let (fanout, plan) = (Fanout::new(), example("quickstart.yaml"));
    let nats = Nats::start(fanout.here.path());
    let store: PathBuf = fanout.path("there.store");
    let here = results(&fanout, &plan, "here", &[]);

    // No worker is there: the tasks wait, and KEDA sees that.
    assert_eq!(nats.lag(), None);
    let pool = ["--pool", &nats.url, "--set", "pool.workers=8"];
    let mut there = run(&fanout, &plan, "there", &pool);
    let there = there
        .envs(credentials())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut there = there.spawn().unwrap();
    while nats.lag().unwrap_or_default() == 0 {
        assert!(
            there.try_wait().unwrap().is_none(),
            "it ended without a worker"
        );
    }

    let mut process = worker(&fanout, &nats, &store);
    let mut process = Process(process.envs(credentials()).spawn().unwrap());
    let lines = BufReader::new(process.0.stderr.take().unwrap()).lines();
    std::thread::spawn(move || lines.for_each(drop));
    let there = finished(&there.wait_with_output().unwrap(), &fanout.path("there"));
    assert_eq!(here.differing(&there), [""; 0]);
    assert_eq!(nats.lag(), Some(0));

    // KEDA takes the worker away.
    let told = Command::new("kill")
        .args(["-TERM", &process.0.id().to_string()])
        .status();
    assert!(told.unwrap().success());
    assert_eq!(process.0.wait().unwrap().code(), Some(0));
}
