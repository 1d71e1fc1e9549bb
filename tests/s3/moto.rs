//! [`Moto`]: an S3 server of other people's making, as a process of its own.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;

/// A running server; it ends with this.
pub(crate) struct Moto {
    process: Child,
    pub(crate) endpoint: String,
}

impl Moto {
    pub(crate) fn start() -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../moto");
        install(&folder);
        let mut process = Command::new(folder.join("bin/moto_server"))
            .args(["-H", "127.0.0.1", "-p", "0"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("moto starts");
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let endpoint = lines.by_ref().find_map(|line| {
            let line = line.unwrap();
            let (_, address) = line.split_once("Running on ")?;
            Some(address.split_whitespace().next()?.to_owned())
        });
        // It writes a line a request; nobody may make it wait.
        std::thread::spawn(move || lines.for_each(drop));
        Self {
            process,
            endpoint: endpoint.expect("moto says where it listens"),
        }
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// Once, for all tests that want it.
fn install(folder: &Path) {
    static INSTALLING: Mutex<()> = Mutex::new(());
    let _turn = INSTALLING.lock().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/s3/setup.sh");
    let installed = Command::new(script).arg(folder).status().unwrap();
    assert!(installed.success(), "moto can't be installed");
}
