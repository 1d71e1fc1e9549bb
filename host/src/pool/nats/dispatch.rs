//! [`Dispatch`]: the published tasks of a run. It keeps a little more in the
//! queue than the workers hold, so that concurrent runs share them fairly, and
//! follows each task to its end.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError};
use std::time::{Duration, Instant};

use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::{RawMessageErrorKind, Stream};
use bytes::Bytes;
use futures::future::join_all;

use super::fleet::Fleet;
use super::throughput::Throughput;
use super::{NatsPool, Received, Signal};
use crate::digest::Digest;
use crate::pool::PoolError;
use crate::pool::feed::{Job, LOOKED_UP};
use crate::pool::pace::{Pace, RunningTask};
use crate::queue::message::{
    self, Document, FITS, HMAC_HEADER, LOST, TaskMessage, Verdict, WorkerMessage,
};
use crate::queue::{Link, QueueError, is_inbox};
use crate::run::event::Event;
use crate::run::pool::PoolEvent;
use crate::run::record::Record;
use crate::run::tasks::Tasks;
use crate::store::Key;
use crate::task::{FinishedFits, Outcome, TaskFault, TaskUsage};

/// Tasks in the queue while no worker is known.
const UNKNOWN: usize = 64;

/// The fewest and the most tasks that are published at a time.
const WINDOW: std::ops::RangeInclusive<usize> = 16..=1024;

/// How often a task may vanish from an intact queue.
const VANISHED: u32 = 3;

/// How often the queue is asked for a task that a worker says is gone.
const ASKED: Duration = Duration::from_secs(1);

/// Without any sign of progress the store and the queue are audited after this
/// time, which doubles up to the longest.
const QUIET: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(60);

/// The time limit of publishing a message.
const PUBLISHED: Duration = Duration::from_secs(15);

/// How often a run checks whether it was stopped.
const LOOK: Duration = Duration::from_millis(50);

/// How long there may be no worker before that is reported.
const ALONE: Duration = Duration::from_secs(2);

/// Why a run's dispatch ended.
pub(super) enum Stop {
    /// Every task ended, or the run was stopped.
    Done,
    /// The listener wants no more.
    Listener,
    /// The run can't go on.
    Failed(PoolError),
}

impl<E: Into<PoolError>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// A published task.
struct InFlight {
    job: Job,
    message: Bytes,
    /// How often it was published.
    round: u32,
    /// Its sequence number in the stream, once that is known.
    sequence: Option<u64>,
    published: Instant,
    /// How many redeliveries had another reason than a worker's death: it was
    /// returned, begun or not, or the connection was lost.
    excused: u64,
    /// How often it vanished from an intact queue.
    vanished: u32,
    /// When the queue was asked for it because a worker said that it is gone.
    asked: Option<Instant>,
    /// The tag under which the same fits were published again, for another worker; of
    /// those, the tag of the first.
    twin: Option<u64>,
}

/// A worker's report that a task is done.
#[derive(Default)]
struct ReportedDone {
    worker: Option<Arc<str>>,
    usage: TaskUsage,
    /// The positions, among the message's candidates, of the fits that the
    /// worker made.
    made: BTreeSet<u32>,
}

/// Receives what the pool reports.
type Report<'r> = &'r mut dyn FnMut(PoolEvent) -> ControlFlow<()>;

pub(super) struct Dispatch<'a> {
    pool: &'a NatsPool,
    tasks: &'a dyn Tasks,
    /// Looks up stored results, whatever the run was told to ignore: those of
    /// tasks that workers report done.
    record: Record,
    session: String,
    signals: Sender<Signal>,
    /// By tag: the published tasks.
    in_flight: BTreeMap<u64, InFlight>,
    next_tag: u64,
    /// Tasks that workers reported done; looked up in the next turn.
    done: BTreeMap<u64, ReportedDone>,
    fleet: Fleet,
    /// When the connection was lost.
    down: Option<Instant>,
    throughput: Throughput,
    /// When the store and the queue are audited next.
    audit: Instant,
    audit_interval: Duration,
    /// Since when there is no worker.
    alone: Option<Instant>,
    reported_alone: bool,
    /// When the stream was created: another stream has other sequence numbers.
    created: Option<String>,
    /// Tasks that workers say they removed from the queue; looked for there in
    /// the next turn.
    dropped: BTreeSet<u64>,
    /// Damaged, unproven and differing parts that were reported.
    reported: BTreeSet<Key>,
    /// Since when tasks are only returned, and why the last one was.
    returned: Option<(Instant, String)>,
    pace: Pace,
}

impl<'a> Dispatch<'a> {
    pub(super) fn new(
        pool: &'a NatsPool,
        tasks: &'a dyn Tasks,
        session: String,
        signals: Sender<Signal>,
    ) -> Self {
        let now = Instant::now();
        Self {
            pool,
            tasks,
            record: pool.context.record.reusing(),
            session,
            signals,
            in_flight: BTreeMap::new(),
            next_tag: 0,
            done: BTreeMap::new(),
            fleet: Fleet::default(),
            down: None,
            throughput: Throughput::new(now),
            audit: now + QUIET,
            audit_interval: QUIET,
            alone: Some(now),
            reported_alone: false,
            created: None,
            dropped: BTreeSet::new(),
            reported: BTreeSet::new(),
            returned: None,
            pace: Pace::default(),
        }
    }

    /// Publishes the jobs and follows them until every one ended.
    pub(super) fn run(
        &mut self,
        jobs: Receiver<Job>,
        signals: &Receiver<Signal>,
        report: Report<'_>,
    ) -> Stop {
        match self.follow(&jobs, signals, report) {
            Ok(()) => Stop::Done,
            Err(stop) => stop,
        }
    }

    fn follow(
        &mut self,
        jobs: &Receiver<Job>,
        signals: &Receiver<Signal>,
        report: Report<'_>,
    ) -> Result<(), Stop> {
        let mut more = true;
        while !self.pool.context.cancel.is_cancelled() {
            while more && self.down.is_none() && self.in_flight.len() < self.window() {
                match jobs.try_recv() {
                    Ok(job) => self.publish_first(job)?,
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => more = false,
                }
            }
            // Reports of the look-up that are still queued are received at the
            // end, too.
            let busy = more || !self.in_flight.is_empty();
            match signals.recv_timeout(if busy { LOOK } else { Duration::ZERO }) {
                Ok(signal) => self.receive(signal, report)?,
                Err(RecvTimeoutError::Timeout) if !busy => return Ok(()),
                Err(_) => {}
            }
            // All tasks that are reported done by now are looked up together.
            while self.done.len() < LOOKED_UP
                && let Ok(signal) = signals.try_recv()
            {
                self.receive(signal, report)?;
            }
            let done = std::mem::take(&mut self.done);
            self.look_up(done, report)?;
            self.confirm_dropped(report)?;
            self.check_time(report)?;
            if !more && self.down.is_none() {
                self.copy_stragglers(Instant::now(), report)?;
            }
        }
        Ok(())
    }

    /// How many tasks are to be published: two per slot of a worker, or as many
    /// as end in a second. So no worker waits, and the tasks of another run wait
    /// no longer than they must.
    fn window(&self) -> usize {
        let slots = match self.fleet.slots() {
            0 => UNKNOWN,
            slots => slots.saturating_mul(2),
        };
        slots
            .max(self.throughput.per_second)
            .clamp(*WINDOW.start(), *WINDOW.end())
    }

    /// Publishes the missing fits of a task for the first time: in one message, or in
    /// as many as the server's bound demands. Scores are the same however a family is
    /// split.
    fn publish_first(&mut self, job: Job) -> Result<(), Stop> {
        let tag = self.next_tag;
        let message = self.message(tag, &job);
        let queue = self.pool.link.queue();
        // Headers count as payload.
        let most = queue
            .client()
            .server_info()
            .max_payload
            .saturating_sub(1024);
        let bytes = message.len();
        if bytes > most || job.found.missing.len() > FITS {
            let Some(halves) = job.halves() else {
                return Err(QueueError::TooLarge { bytes, most }.into());
            };
            return halves
                .into_iter()
                .try_for_each(|half| self.publish_first(half));
        }
        self.next_tag += 1;
        let task = InFlight {
            job,
            message,
            round: 0,
            sequence: None,
            published: Instant::now(),
            excused: 0,
            vanished: 0,
            asked: None,
            twin: None,
        };
        self.publish(tag, &task);
        self.in_flight.insert(tag, task);
        Ok(())
    }

    /// Publishes tasks again that run far beyond their kind while workers are idle: once
    /// each, and as many as there are idle slots. Alone, a worker would only get its own
    /// task.
    fn copy_stragglers(&mut self, now: Instant, report: Report<'_>) -> Result<(), Stop> {
        let idle = self.fleet.slots().saturating_sub(self.in_flight.len());
        if idle == 0 || self.fleet.len() < 2 {
            return Ok(());
        }
        let running = self.in_flight.iter().filter_map(|(&tag, task)| {
            let (worker, since) = self.fleet.holder(&task.job.wanted.task)?;
            let since = since.max(task.published);
            Some(RunningTask {
                key: (tag, worker),
                cost: self.tasks.cost(task.job.task),
                running: now.duration_since(since),
                is_copied: task.twin.is_some(),
            })
        });
        let slow = self.pace.stragglers(idle, running).into_iter();
        let slow: Vec<_> = slow.map(|(tag, worker)| (tag, worker.to_owned())).collect();
        for (tag, worker) in slow {
            let Some(job) = self.in_flight.get(&tag).map(|task| task.job.clone()) else {
                continue;
            };
            let copy = self.next_tag;
            self.publish_first(job)?;
            for (one, other) in [(tag, copy), (copy, tag)] {
                if let Some(task) = self.in_flight.get_mut(&one) {
                    task.twin = Some(other);
                }
            }
            let event = Event::TaskCopied { endpoint: None };
            send(report, PoolEvent::of_worker(&worker, event))?;
        }
        Ok(())
    }

    /// Forgets tasks whose twins ended, and takes them from the queue. A worker that
    /// still runs one finds the results when it is done.
    fn forget(&mut self, tags: &[u64]) {
        let tasks = tags.iter().filter_map(|tag| self.in_flight.remove(tag));
        let sequences: Vec<u64> = tasks.filter_map(|task| task.sequence).collect();
        if sequences.is_empty() {
            return;
        }
        self.delete(sequences);
    }

    /// Deletes messages; fails for those that workers finished meanwhile.
    fn delete(&self, sequences: Vec<u64>) {
        let queue = self.pool.link.queue();
        self.pool.link.wait(async {
            let Ok(stream) = queue.stream().await else {
                return;
            };
            let each = sequences
                .iter()
                .map(|&sequence| stream.delete_message(sequence));
            drop(join_all(each).await);
        });
    }

    /// The message of the missing fits of a task.
    fn message(&self, tag: u64, job: &Job) -> Bytes {
        let document = |text| Document::new(text).expect("it is JSON");
        let wanted = job.missing_fits();
        let limits = self.pool.limits;
        message::write(&TaskMessage {
            run: self.pool.run,
            task: wanted.task,
            identity: document(self.tasks.identity(job.task)),
            fits: wanted.fits.into_iter().map(document).collect(),
            outputs: wanted.outputs.into_iter().collect(),
            cuts: self.tasks.cuts(job.task).to_vec(),
            memory: limits.memory,
            timeout_ms: limits.timeout_ms(),
            fresh: self.pool.fresh,
            session: self.session.clone(),
            tag,
        })
    }

    fn publish(&self, tag: u64, task: &InFlight) {
        let queue = self.pool.link.queue();
        let (round, subject) = (task.round, queue.tasks(&self.pool.run));
        let mut publish = PublishMessage::build()
            .payload(task.message.clone())
            .message_id(format!("{}.{tag}.{round}", self.session));
        if let Some(key) = self.record.store().mac_key() {
            let mac = key.mac(&subject, &task.message).to_string();
            publish = publish.header(HMAC_HEADER, mac.as_str());
        }
        let sent = queue.context().send_publish(subject, publish);
        let signals = self.signals.clone();
        let published = move |sequence| {
            // The receiver is gone where the run has ended.
            drop(signals.send(Signal::Published {
                tag,
                round,
                sequence,
            }));
        };
        match self.pool.link.wait(sent) {
            Ok(acknowledged) => {
                self.pool.link.runtime.spawn(async move {
                    published(acknowledged.await.ok().map(|ack| ack.sequence));
                });
            }
            Err(_) => published(None),
        }
    }

    fn publish_again(&mut self, tag: u64) {
        tracing::debug!(
            tag,
            "neither the queue nor the store has a task: it is published again"
        );
        if let Some(task) = self.in_flight.get_mut(&tag) {
            task.round += 1;
            task.sequence = None;
            task.published = Instant::now();
            // The queue counts the deliveries of a message from the beginning.
            task.excused = 0;
        }
        if let Some(task) = self.in_flight.get(&tag) {
            self.publish(tag, task);
        }
    }

    fn receive(&mut self, signal: Signal, report: Report<'_>) -> Result<(), Stop> {
        let now = Instant::now();
        match signal {
            Signal::LookedUp => {}
            Signal::Report(event) => self.report(event?, report)?,
            Signal::Published {
                tag,
                round,
                sequence,
            } => {
                let task = self.in_flight.get_mut(&tag);
                if let Some(task) = task.filter(|task| task.round == round) {
                    task.sequence = sequence;
                    if sequence.is_none() {
                        self.audit = self.audit.min(now + Duration::from_secs(1));
                    }
                }
            }
            Signal::Message(received, _waiting) => self.receive_message(received, report)?,
            Signal::Heartbeat(heartbeat, _waiting) => {
                let (name, begun) = (heartbeat.name.clone(), self.fleet.newly_held(&heartbeat));
                if let Some(event) = self.fleet.heartbeat(heartbeat, now) {
                    send(report, event)?;
                }
                self.report_begun(&name, begun, report)?;
            }
            Signal::Link(Link::Down) => {
                if self.down.is_none() {
                    self.down = Some(now);
                    send(report, Event::QueueDisconnected.into())?;
                }
            }
            Signal::Link(Link::Up) => {
                if self.down.take().is_some() {
                    send(report, Event::QueueConnected.into())?;
                    self.fleet.extend_deadlines(now);
                    for task in self.in_flight.values_mut() {
                        // The lost connection may be why it is delivered again.
                        task.excused += 1;
                    }
                    self.audit_interval = QUIET;
                    self.audit = now;
                }
            }
        }
        Ok(())
    }

    /// Reports the tasks of this run that a worker began with since it was last heard.
    fn report_begun(
        &self,
        worker: &str,
        begun: Vec<Digest>,
        report: Report<'_>,
    ) -> Result<(), Stop> {
        if begun.is_empty() {
            return Ok(());
        }
        let jobs = self.in_flight.values().map(|task| &task.job);
        let jobs: HashMap<Digest, &Job> = jobs.map(|job| (job.wanted.task, job)).collect();
        for id in begun {
            if let Some(job) = jobs.get(&id) {
                let event = PoolEvent::Started {
                    task: job.task,
                    worker: worker.into(),
                    fits: job.found.missing.len(),
                };
                send(report, event)?;
            }
        }
        Ok(())
    }

    fn receive_message(
        &mut self,
        Received {
            message,
            reply,
            usage,
        }: Received,
        report: Report<'_>,
    ) -> Result<(), Stop> {
        match message {
            WorkerMessage::Done {
                tag,
                worker,
                made,
                differing,
            } => {
                let Some(task) = self.in_flight.get(&tag) else {
                    return Ok(());
                };
                // The positions count the fits that were missing when the task
                // was published; of what counts others, nothing is taken.
                let made = made.numbers(task.job.wanted.fits.len());
                let id = task.job.wanted.task;
                for number in differing {
                    let key = Key::part(&id, number);
                    self.report(Event::ResultDiffered { key }.into(), report)?;
                }
                let done = ReportedDone {
                    worker: Some(worker.into()),
                    usage,
                    made: made.unwrap_or_default().into_iter().collect(),
                };
                self.done.insert(tag, done);
            }
            WorkerMessage::Returned {
                tag,
                worker,
                reason,
            } => {
                if let Some(task) = self.in_flight.get_mut(&tag) {
                    task.excused += 1;
                    let since = self.returned.as_ref().map_or(Instant::now(), |last| last.0);
                    self.returned = Some((since, reason.clone()));
                    let event = Event::TaskReturned { reason };
                    send(report, PoolEvent::of_worker(&worker, event))?;
                }
            }
            WorkerMessage::Unbegun { tag } => {
                if let Some(task) = self.in_flight.get_mut(&tag) {
                    task.excused += 1;
                }
            }
            WorkerMessage::ConfirmRedelivery { tag } => {
                let verdict = match self.in_flight.get(&tag) {
                    Some(task) => Verdict::Wanted {
                        excused: task.excused,
                    },
                    None => Verdict::Unwanted,
                };
                if let Some(reply) = reply.filter(|reply| is_inbox(reply)) {
                    let client = self.pool.link.queue().client();
                    let answer = client.publish(reply, message::write(&verdict));
                    // Without an answer the worker decides.
                    drop(self.pool.link.wait(answer));
                }
            }
            WorkerMessage::Dropped { tag } => {
                let now = Instant::now();
                let asked = |task: &&mut InFlight| {
                    task.asked
                        .is_none_or(|asked| now.duration_since(asked) > ASKED)
                };
                if let Some(task) = self.in_flight.get_mut(&tag).filter(asked) {
                    task.asked = Some(now);
                    self.dropped.insert(tag);
                }
            }
        }
        Ok(())
    }

    /// Fails tasks that workers say they removed from the queue, where neither the
    /// queue nor the record has them.
    fn confirm_dropped(&mut self, report: Report<'_>) -> Result<(), Stop> {
        if self.dropped.is_empty() {
            return Ok(());
        }
        let dropped = std::mem::take(&mut self.dropped);
        // Where the queue does not answer, the next audit finds them.
        let Ok(stream) = self.pool.link.wait(self.pool.link.queue().stream()) else {
            return Ok(());
        };
        let mut gone = Vec::new();
        for tag in dropped {
            let task = self.in_flight.get(&tag);
            let Some(sequence) = task.and_then(|task| task.sequence) else {
                continue;
            };
            let found = self.pool.link.wait(stream.get_raw_message(sequence));
            if found.is_err_and(|error| error.kind() == RawMessageErrorKind::NoMessageFound) {
                gone.push((tag, LOST));
            }
        }
        self.give_up(gone, report)
    }

    /// Fails tasks that are not in the queue, for this run alone, unless the
    /// record has them: a task that was finished is not in the queue, either.
    /// With each, how many workers were lost over it.
    fn give_up(&mut self, gone: Vec<(u64, u64)>, report: Report<'_>) -> Result<(), Stop> {
        let done = gone.iter().map(|&(tag, _)| (tag, ReportedDone::default()));
        self.look_up(done.collect(), report)?;
        for (tag, workers) in gone {
            self.fail(tag, workers, report)?;
        }
        Ok(())
    }

    /// Fails a task over which workers died, for this run alone.
    fn fail(&mut self, tag: u64, workers: u64, report: Report<'_>) -> Result<(), Stop> {
        let Some(task) = self.in_flight.remove(&tag) else {
            return Ok(());
        };
        self.note_end();
        // Its twin may do better.
        if let Some(twin) = task.twin.and_then(|twin| self.in_flight.get_mut(&twin)) {
            twin.twin = None;
            return Ok(());
        }
        let finished = FinishedFits {
            positions: task.job.found.missing,
            outcome: Outcome {
                result: Err(TaskFault::WorkersLost { workers }),
                wall: task.published.elapsed(),
                reused: false,
            },
            worker: None,
            usage: TaskUsage::default(),
        };
        let task = task.job.task;
        send(report, PoolEvent::Finished { task, finished })
    }

    /// Looks up tasks that may be done, and reports what the record has of
    /// them.
    fn look_up(
        &mut self,
        done: BTreeMap<u64, ReportedDone>,
        report: Report<'_>,
    ) -> Result<(), Stop> {
        // Of twins one speaks for both: what one has, the other has.
        let of_twin = |tag: &u64| {
            let twin = self.in_flight.get(tag).and_then(|task| task.twin);
            twin.is_some_and(|twin| twin < *tag && done.contains_key(&twin))
        };
        let twice: Vec<u64> = done.keys().copied().filter(of_twin).collect();
        let done = done.into_iter().filter(|(tag, _)| !twice.contains(tag));
        let done: Vec<(u64, ReportedDone)> = done.collect();
        let mut ended = Vec::new();
        for some in done.chunks(LOOKED_UP) {
            let wanted: Vec<_> = some
                .iter()
                .filter_map(|(tag, _)| self.in_flight.get(tag))
                .map(|task| task.job.missing_fits())
                .collect();
            let mut found = self.record.look(&wanted)?.into_iter();
            for (tag, reported) in some {
                let ReportedDone {
                    worker,
                    usage,
                    made,
                } = reported;
                let Some(task) = self.in_flight.get_mut(tag) else {
                    continue;
                };
                let Some(mut found) = found.next() else {
                    break;
                };
                let damaged = std::mem::take(&mut found.damaged);
                let unproven = std::mem::take(&mut found.unproven);
                // The message's positions count the fits that were missing when
                // it was published.
                let made: BTreeSet<u32> = made
                    .iter()
                    .filter_map(|&at| task.job.found.missing.get(at as usize).copied())
                    .collect();
                task.job.looked_up_again(found);
                for finished in &mut task.job.found.finished {
                    let here = finished.positions.iter().all(|at| made.contains(at));
                    finished.outcome.reused = !here;
                    finished.worker = worker.clone().filter(|_| here);
                    if here {
                        finished.usage = *usage;
                    }
                }
                let index = task.job.task;
                let finished: Vec<PoolEvent> =
                    PoolEvent::of_found(index, &mut task.job.found).collect();
                let walls = finished.iter().filter_map(|event| match event {
                    PoolEvent::Finished { finished, .. } => Some(finished.outcome.wall),
                    PoolEvent::Started { .. } | PoolEvent::Other { .. } => None,
                });
                let wall: Duration = walls.sum();
                let twin = task.twin;
                let is_ended = task.job.found.missing.is_empty();
                if is_ended {
                    self.in_flight.remove(tag);
                    self.pace.note(self.tasks.cost(index), wall);
                    self.note_end();
                }
                if let Some(twin) = twin {
                    match self.in_flight.get(tag).map(|task| task.job.clone()) {
                        None => ended.push(twin),
                        Some(job) => {
                            if let Some(task) = self.in_flight.get_mut(&twin) {
                                task.job = job;
                            }
                        }
                    }
                }
                let damaged = damaged.into_iter();
                let damaged = damaged.map(|key| Event::ResultDamaged { key });
                let unproven = unproven.into_iter();
                let unproven = unproven.map(|key| Event::ResultUnproven { key });
                let events = damaged.chain(unproven).map(PoolEvent::from);
                for event in events.chain(finished) {
                    self.report(event, report)?;
                }
            }
        }
        self.forget(&ended);
        Ok(())
    }

    /// Reports an event; a part that is damaged, unproven or different once,
    /// whoever found it.
    fn report(&mut self, event: PoolEvent, report: Report<'_>) -> Result<(), Stop> {
        if let PoolEvent::Other {
            event:
                Event::ResultDamaged { key }
                | Event::ResultUnproven { key }
                | Event::ResultDiffered { key },
            ..
        } = &event
            && !self.reported.insert(key.clone())
        {
            return Ok(());
        }
        send(report, event)
    }

    /// Notes that a task ended.
    fn note_end(&mut self) {
        let now = Instant::now();
        self.throughput.add(1, now);
        self.returned = None;
        self.audit_interval = QUIET;
        self.audit = now + QUIET;
    }

    /// Acts on what time alone brings: silence of workers, of NATS, of tasks.
    fn check_time(&mut self, report: Report<'_>) -> Result<(), Stop> {
        let now = Instant::now();
        if let Some(since) = self.down {
            self.fleet.extend_deadlines(now);
            let silent = now.duration_since(since);
            if silent > self.pool.retry {
                let urls = self.pool.link.queue().urls();
                return Err(QueueError::Silent { urls, silent }.into());
            }
            return Ok(());
        }
        if let Some((since, reason)) = &self.returned
            && now.duration_since(*since) > self.pool.retry
        {
            // A long fit at another worker is progress. A task that is returned
            // because the store fails is held for a shorter time than this.
            let tasks = self.in_flight.values();
            let ours: HashSet<Digest> = tasks.map(|task| task.job.wanted.task).collect();
            let held = self.fleet.longest_held(|task| ours.contains(task), now);
            if held < self.pool.retry / 4 {
                let (time, reason) = (now.duration_since(*since), reason.clone());
                return Err(PoolError::AllReturned { time, reason }.into());
            }
            self.returned = None;
        }
        for event in self.fleet.remove_silent(now) {
            send(report, event)?;
        }
        if !self.fleet.is_empty() || self.in_flight.is_empty() {
            self.alone = None;
            self.reported_alone &= self.fleet.is_empty();
        } else if now.duration_since(*self.alone.get_or_insert(now)) > ALONE && !self.reported_alone
        {
            self.reported_alone = true;
            send(report, Event::WorkersAwaited.into())?;
        }
        if now >= self.audit && !self.in_flight.is_empty() {
            self.audit_interval = (self.audit_interval * 2).min(LONGEST);
            self.audit = now + self.audit_interval;
            // Any task that it finds done resets the interval.
            self.audit(report)?;
        }
        Ok(())
    }

    /// Looks up all published tasks in the store, and the rest in the queue;
    /// publishes again what neither has.
    fn audit(&mut self, report: Report<'_>) -> Result<(), Stop> {
        let all = self.in_flight.keys();
        let all = all.map(|&tag| (tag, ReportedDone::default()));
        self.look_up(all.collect(), report)?;
        // A queue that does not answer now is asked at the next audit.
        let Ok(stream) = self.pool.link.wait(self.ensure_queue()) else {
            return Ok(());
        };
        let info = stream.cached_info();
        let created = info.created.to_string();
        let replaced = self.created.as_ref().is_some_and(|known| *known != created);
        self.created = Some(created);
        let last = info.state.last_sequence;
        let asked = self.in_flight.iter().map(|(&tag, task)| {
            let stream = &stream;
            async move {
                match task.sequence {
                    None => task.published.elapsed() > PUBLISHED,
                    Some(sequence) => match stream.get_raw_message(sequence).await {
                        Ok(found) => found.payload != task.message,
                        Err(error) => error.kind() == RawMessageErrorKind::NoMessageFound,
                    },
                }
                .then_some(tag)
            }
        });
        let gone = self.pool.link.wait(join_all(asked));
        let mut lost = Vec::new();
        for tag in gone.into_iter().flatten() {
            let Some(task) = self.in_flight.get_mut(&tag) else {
                continue;
            };
            // It was acknowledged or deleted without a result.
            if !replaced && task.sequence.is_some_and(|sequence| sequence <= last) {
                task.vanished += 1;
            }
            if task.vanished > VANISHED {
                lost.push((tag, VANISHED.into()));
            } else {
                self.publish_again(tag);
            }
        }
        self.give_up(lost, report)
    }

    /// The stream, created again with its consumer where NATS has lost them.
    async fn ensure_queue(&self) -> Result<Stream, QueueError> {
        let queue = self.pool.link.queue();
        queue.consumer().await?;
        queue.stream().await
    }

    /// Removes the remaining tasks from the queue.
    pub(super) fn withdraw(&mut self) {
        if self.in_flight.is_empty() || self.down.is_some() {
            return;
        }
        let tasks = std::mem::take(&mut self.in_flight);
        self.delete(tasks.values().filter_map(|task| task.sequence).collect());
    }
}

fn send(report: Report<'_>, event: PoolEvent) -> Result<(), Stop> {
    match report(event) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(Stop::Listener),
    }
}
