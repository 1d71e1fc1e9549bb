//! [`Nats`]: the real nats-server, which `tests/nats/setup.sh` installs.
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use async_nats::jetstream;
use tempfile::TempDir;

use crate::servers::{installed, wait_until_it_says};

/// A server with JetStream that runs until it is dropped.
pub(crate) struct Nats {
    child: Option<Child>,
    port: u16,
    folder: TempDir,
}

impl Nats {
    pub(crate) fn start() -> Self {
        Self::with("")
    }

    /// With more of its configuration.
    pub(crate) fn with(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("nats.conf"), config).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let mut nats = Self {
            child: None,
            port,
            folder,
        };
        nats.go_on();
        nats
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://{}", self.address())
    }

    pub(crate) fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    fn store(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    /// Kills it, as a machine that loses its power.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Starts it again where it was.
    pub(crate) fn go_on(&mut self) {
        let mut child = Command::new(installed("nats/bin/nats-server"))
            .args(["-a", "127.0.0.1", "-p", &self.port.to_string(), "-js"])
            .arg("-sd")
            .arg(self.store())
            .arg("-c")
            .arg(self.folder.path().join("nats.conf"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        serves(&mut child);
        self.child = Some(child);
    }

    /// Kills it and loses all that it kept.
    pub(crate) fn lose(&mut self) {
        self.kill();
        std::fs::remove_dir_all(self.store()).unwrap();
        self.go_on();
    }

    /// Waits until so many tasks of a queue are with workers, which have not
    /// said how they ended, and so many requests for one wait.
    pub(crate) fn comes_to(&self, queue: &str, in_hand: usize, waiting: usize) {
        let (url, queue) = (self.url(), queue.to_owned());
        wait_for(async move {
            let client = async_nats::connect(url).await.unwrap();
            let stream = jetstream::new(client).get_stream(queue).await.unwrap();
            let mut found = None;
            for _ in 0..20_000 {
                let info = stream.consumer_info("workers").await.unwrap();
                found = Some((info.num_ack_pending, info.num_waiting));
                if found == Some((in_hand, waiting)) {
                    return;
                }
            }
            panic!("in hand and waiting are not {in_hand} and {waiting} but {found:?}");
        });
    }

    /// Has a task come again after so long without a word.
    pub(crate) fn be_patient_for(&self, wait: std::time::Duration, queue: &str) {
        let (url, queue) = (self.url(), queue.to_owned());
        wait_for(async move {
            let client = async_nats::connect(url).await.unwrap();
            let context = jetstream::new(client);
            let stream = jetstream::stream::Config {
                name: queue.clone(),
                subjects: vec![format!("{queue}.v5.tasks.*")],
                retention: jetstream::stream::RetentionPolicy::WorkQueue,
                ..Default::default()
            };
            let stream = context.get_or_create_stream(stream).await.unwrap();
            let consumer = jetstream::consumer::pull::Config {
                durable_name: Some("workers".to_owned()),
                ack_wait: wait,
                ..Default::default()
            };
            stream.create_consumer(consumer).await.unwrap();
        });
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Waits until a nats-server whose words are piped serves.
pub(crate) fn serves(child: &mut Child) {
    wait_until_it_says("Server is ready", child.stderr.take().unwrap());
}

/// What a future of NATS comes to.
pub(crate) fn wait_for<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(future)
}
