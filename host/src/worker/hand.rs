//! One task in hand, from its message to its acknowledgement.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use async_nats::jetstream::{AckKind, Message};

use super::{Held, Worker, WorkerEvent, wait};
use crate::pool::Notice;
use crate::queue::message::{self, Order, Series, Verdict, Word};
use crate::report::human::chained;
use crate::run::Single;

/// How long a run has to say whether a task that comes again is to be run.
const ASK: Duration = Duration::from_secs(5);

/// How often a task may come again when its run does not say: it may have
/// killed as many workers.
const DELIVERED: u64 = 20;

/// The longest text of why a task was given back.
const WHY: usize = 500;

/// What became of a task in hand.
enum Came {
    /// The record has its fits.
    Done {
        made: Vec<u32>,
        damaged: Vec<String>,
        differing: Vec<String>,
    },
    /// Not now, or not here.
    Back(String),
    /// The worker was stopped.
    Stopped,
    /// Its run does not want it any more.
    Dropped,
}

impl Worker {
    /// Runs a task, from its message to its acknowledgement.
    pub(super) fn take(&self, task: Message, emit: &(dyn Fn(WorkerEvent) + Sync)) {
        let started = Instant::now();
        let order = match message::read::<Order>(&task.payload) {
            Ok(order) => order,
            Err(error) => {
                self.acknowledge(&task, AckKind::Term);
                let why = format!("a message is no task: {error}");
                return emit(WorkerEvent::TaskDropped { why });
            }
        };
        let delivered = task.info().map_or(1, |info| info.delivered.unsigned_abs());
        self.holding().push(Held {
            task: order.task,
            message: task.clone(),
            since: started,
        });
        let came = match self.may_i(&order, delivered) {
            Verdict::Drop => Came::Dropped,
            Verdict::Run => self.came(&order),
        };
        self.let_go(&task);
        let id = order.task;
        match came {
            Came::Done {
                made,
                damaged,
                differing,
            } => {
                self.acknowledge(&task, AckKind::Ack);
                self.done.fetch_add(1, Ordering::Relaxed);
                let done = Word::Done {
                    tag: order.tag,
                    worker: self.settings.name.clone(),
                    made: Series::of(&made),
                    damaged,
                    differing,
                };
                self.say(&order, &done);
                emit(WorkerEvent::TaskFinished {
                    task: id,
                    made: made.len(),
                    wall: started.elapsed(),
                });
            }
            Came::Back(why) => self.give_back(&task, &order, why, Some(wait(delivered)), emit),
            Came::Stopped => {
                let why = "the worker is stopped".to_owned();
                self.give_back(&task, &order, why, None, emit);
            }
            Came::Dropped => {
                self.acknowledge(&task, AckKind::Term);
                let why = format!("task {id} killed {} workers", delivered - 1);
                emit(WorkerEvent::TaskDropped { why });
            }
        }
    }

    fn let_go(&self, task: &Message) {
        let mut holding = self.holding();
        let same = |held: &Held| held.message.reply == task.reply;
        if let Some(at) = holding.iter().position(same) {
            holding.swap_remove(at);
        }
    }

    /// Gives a task back, to come again after this time.
    fn give_back(
        &self,
        task: &Message,
        order: &Order,
        mut why: String,
        after: Option<Duration>,
        emit: &(dyn Fn(WorkerEvent) + Sync),
    ) {
        why.truncate(why.floor_char_boundary(WHY));
        let returned = Word::Returned {
            tag: order.tag,
            worker: self.settings.name.clone(),
            why: why.clone(),
        };
        // Before the task comes to another one.
        self.say(order, &returned);
        self.acknowledge(task, AckKind::Nak(after));
        let task = order.task;
        emit(WorkerEvent::TaskReturned { task, why });
    }

    /// Whether a task is to be run: one that came before may have killed who
    /// ran it.
    fn may_i(&self, order: &Order, delivered: u64) -> Verdict {
        if delivered <= 1 {
            return Verdict::Run;
        }
        let tag = order.tag;
        let ask = message::write(&Word::MayI { tag, delivered });
        let request = self
            .queue
            .client()
            .request(self.queue.words(&order.session), ask);
        let answer = self
            .runtime
            .block_on(async { tokio::time::timeout(ASK, request).await });
        let verdict = answer.ok().and_then(Result::ok);
        let verdict = verdict.and_then(|message| message::read(&message.payload).ok());
        verdict.unwrap_or(match delivered {
            ..=DELIVERED => Verdict::Run,
            _ => Verdict::Drop,
        })
    }

    /// What becomes of a task.
    fn came(&self, order: &Order) -> Came {
        let bench = match self.shelf.bench(order) {
            Ok(bench) => bench,
            Err(error) => return Came::Back(chained(&error)),
        };
        let candidates = order.candidates.numbers();
        let spec = candidates
            .and_then(|candidates| bench.expansion.spec(order.split, candidates))
            .filter(|spec| spec.id == order.task);
        let Some(spec) = spec else {
            let (version, task) = (env!("CARGO_PKG_VERSION"), order.task);
            return Came::Back(format!(
                "fanout {version} finds no task `{task}` in this run; is it of another version?"
            ));
        };
        std::thread::sleep(self.settings.rehearse);
        let single = Single::of(&bench.expansion, &spec);
        let notices = match bench.pool.run_here(&single) {
            Ok(notices) => notices,
            Err(error) => return Came::Back(chained(&error)),
        };
        let (mut there, mut made) = (0, BTreeSet::new());
        let (mut damaged, mut differing) = (Vec::new(), Vec::new());
        for notice in notices {
            match notice {
                Notice::Ended { ended, .. } => {
                    there += ended.positions.len();
                    if !ended.outcome.reused {
                        made.extend(ended.positions);
                    }
                }
                Notice::Damaged { key } => damaged.push(key.to_string()),
                Notice::Differing { key } => differing.push(key.to_string()),
                _ => {}
            }
        }
        if there < spec.candidates.len() {
            return Came::Stopped;
        }
        Came::Done {
            made: made.into_iter().collect(),
            damaged,
            differing,
        }
    }

    /// What does not arrive costs time: the task comes again, and is found in
    /// the record.
    pub(super) fn acknowledge(&self, task: &Message, kind: AckKind) {
        drop(self.runtime.block_on(task.ack_with(kind)));
    }

    /// What does not arrive is found by the run's own looking.
    fn say(&self, order: &Order, word: &Word) {
        let to = self.queue.words(&order.session);
        let said = self.queue.client().publish(to, message::write(word));
        drop(self.runtime.block_on(said));
    }
}
