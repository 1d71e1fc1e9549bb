//! Somebody who may publish whatever they like, and read along.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use fanout::digest::Digest;
use futures::StreamExt as _;
use proptest::strategy::{Strategy, ValueTree as _};
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use super::server::{Nats, wait_for};
use super::worker::Worker;
use super::{finish, over, plan};
use crate::program::{Fanout, scores};

/// JetStream's own subject that empties the queue.
const PURGE: &str = "$JS.API.STREAM.PURGE.fanout";

/// A stranger on the queue until it is dropped.
struct Forger {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicUsize>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Forger {
    /// Answers every message that it sees on `fanout.v5.>` with those that
    /// `forge` makes of it.
    fn start(
        nats: &Nats,
        mut forge: impl FnMut(&str, &Value, Option<&str>) -> Vec<(String, Vec<u8>)> + Send + 'static,
    ) -> Self {
        let (stop, sent) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicUsize::new(0)),
        );
        let (url, ended, counted) = (nats.url(), Arc::clone(&stop), Arc::clone(&sent));
        let thread = std::thread::spawn(move || {
            wait_for(async move {
                let client = async_nats::connect(url).await.unwrap();
                let mut seen = client.subscribe("fanout.v5.>").await.unwrap();
                while !ended.load(Ordering::Relaxed) {
                    let next = tokio::time::timeout(Duration::from_millis(100), seen.next());
                    let Ok(Some(message)) = next.await else {
                        continue;
                    };
                    if message
                        .headers
                        .as_ref()
                        .is_some_and(|all| all.get("Forged").is_some())
                    {
                        continue;
                    }
                    let value = serde_json::from_slice(&message.payload).unwrap_or_default();
                    for (subject, payload) in
                        forge(&message.subject, &value, message.reply.as_deref())
                    {
                        let mut forged = async_nats::HeaderMap::new();
                        forged.insert("Forged", "yes");
                        // Who answers publishes what the forger may not.
                        let sent = if subject.contains(".tasks.") {
                            client
                                .publish_with_headers(subject, forged, payload.into())
                                .await
                        } else {
                            let (reply, payload) = (PURGE, payload.into());
                            client
                                .publish_with_reply_and_headers(subject, reply, forged, payload)
                                .await
                        };
                        sent.unwrap();
                        counted.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        });
        Self {
            stop,
            sent,
            thread: Some(thread),
        }
    }

    fn sent(&self) -> usize {
        self.sent.load(Ordering::Relaxed)
    }
}

impl Drop for Forger {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let joined = self.thread.take().unwrap().join();
        assert!(joined.is_ok() || std::thread::panicking());
    }
}

/// A message with some of its fields changed to anything.
fn forged(value: &Value, runner: &mut TestRunner) -> Value {
    let field = proptest::prop_oneof![
        proptest::strategy::Just(Value::Null),
        proptest::num::u64::ANY.prop_map(Value::from),
        (0u64..240).prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
        proptest::strategy::Just(json!([[0, 4_000_000_000u32, 1]])),
        proptest::strategy::Just(json!([[0, 1, 1], [0, 1, 1]])),
        proptest::strategy::Just(json!([0, 1, 2])),
        proptest::strategy::Just(json!(Digest::of(b"any"))),
        proptest::strategy::Just(json!(true)),
    ];
    let mut forged = value.clone();
    if let Some(fields) = forged.as_object_mut() {
        let names: Vec<String> = fields.keys().cloned().collect();
        let name = (0..names.len()).new_tree(runner).unwrap().current();
        let value = field.new_tree(runner).unwrap().current();
        fields.insert(names[name].clone(), value);
    }
    forged
}

/// Every message comes again with any of its fields forged, beside words about
/// every task: done, returned, dropped, asked for. The run's scores are those of
/// a run without a forger, each fit is made at most a few times, and nobody
/// panics.
#[test]
fn a_forger_changes_no_result() {
    let (fanout, nats) = (Fanout::new(), Nats::start());
    let plan = plan(&fanout);
    let mut worker = Worker::start(&fanout, &nats.url(), &["--workers", "2", "--name", "one"]);
    worker.says("connected");
    let mut runner = TestRunner::deterministic();
    let mut tag = 0u64;
    let forger = Forger::start(&nats, move |subject, value, _| {
        let bytes = |value: Value| value.to_string().into_bytes();
        let mut all = vec![(subject.to_owned(), bytes(forged(value, &mut runner)))];
        if let Some(session) = value["session"].as_str() {
            let subject = format!("fanout.v5.sessions.{session}");
            tag = value["tag"].as_u64().unwrap_or(tag);
            let worker = "one\u{1b}[31m";
            for word in [
                json!({"message": "done", "tag": tag, "worker": worker, "made": [[0, 2, 1]]}),
                json!({"message": "done", "tag": tag, "worker": worker, "made": [[0, 4_000_000_000u32, 1]]}),
                json!({"message": "confirm_redelivery", "tag": tag}),
                json!({"message": "confirm_redelivery", "tag": tag, "delivered": 1_000_000}),
                json!({"message": "unbegun", "tag": tag}),
                json!({"message": "dropped", "tag": tag}),
            ] {
                all.push((subject.clone(), bytes(word)));
            }
            if tag.is_multiple_of(16) {
                let reason = "x\u{1b}[2J\n".repeat(1000);
                let word =
                    json!({"message": "returned", "tag": tag, "worker": worker, "reason": reason});
                all.push((subject, bytes(word)));
            }
        }
        all
    });
    let (report, said) = finish(over(&fanout, &nats.url(), &plan, &[]));
    assert!(forger.sent() > 240, "{} messages", forger.sent());
    drop(forger);
    assert_eq!(report["fits"]["served"], 240, "{said}");
    assert_eq!(report["fits"]["failed"], 0, "{said}");
    assert!(!said.contains('\u{1b}'), "{said:?}");
    assert!(said.lines().all(|line| line.len() < 1000), "{said}");
    assert!(worker.is_alive());
    let alone = fanout.json(&[&plan, "--store", "memory://"]);
    assert_eq!(scores(&alone), scores(&report));
}

/// The word of a message does not fail a task: neither that it was delivered
/// often, nor that a worker dropped it.
#[test]
fn a_task_does_not_fail_by_a_message() {
    let (fanout, nats) = (Fanout::new(), Nats::start());
    let plan = plan(&fanout);
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    // Nobody takes tasks: what is said of them is all that the run has.
    let forger = Forger::start(&nats, move |_, value, _| {
        let Some(session) = value["session"].as_str() else {
            return Vec::new();
        };
        let subject = format!("fanout.v5.sessions.{session}");
        counted.fetch_add(1, Ordering::Relaxed);
        [
            json!({"message": "confirm_redelivery", "tag": value["tag"], "delivered": 1000}),
            json!({"message": "dropped", "tag": value["tag"]}),
            json!({"message": "done", "tag": value["tag"], "worker": "w", "made": [[0, 1, 1]]}),
        ]
        .map(|word| (subject.clone(), word.to_string().into_bytes()))
        .into()
    });
    let mut lines = super::Lines::of(over(&fanout, &nats.url(), &plan, &[]));
    lines.until("no worker takes tasks");
    assert!(asked.load(Ordering::Relaxed) >= 64);
    drop(forger);
    let status = fanout.text(&["status", "--nats", &nats.url(), "--json"]);
    let status: Value = serde_json::from_str(&status).unwrap();
    assert_eq!(status["queue"]["tasks"], 64);
    let worker = Worker::start(&fanout, &nats.url(), &[]);
    let report = lines.finish();
    assert_eq!(
        (&report["fits"]["served"], &report["fits"]["failed"]),
        (&240.into(), &0.into())
    );
    drop(worker);
}
