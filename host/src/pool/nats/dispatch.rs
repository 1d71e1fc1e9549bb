//! [`Dispatch`]: the tasks of a run that are elsewhere. It keeps a little more
//! in the queue than the workers hold, so that runs at once share them fairly,
//! and finds out what became of each.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError};
use std::time::{Duration, Instant};

use async_nats::Subject;
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::{RawMessageErrorKind, Stream};
use bytes::Bytes;
use futures::future::join_all;

use super::fleet::Fleet;
use super::pace::Pace;
use super::{Heard, NatsPool};
use crate::pool::ahead::{Job, LOOKED_UP};
use crate::pool::{Notice, PoolError, Tasks};
use crate::queue::message::{self, Order, Series, Verdict, Word};
use crate::queue::{Link, QueueError};
use crate::run::event::{Outcome, TaskFault};
use crate::run::record::{Ended, Record};
use crate::store::Key;

/// Tasks that wait in the queue while nobody has said how many they run.
const UNKNOWN: usize = 64;

/// The fewest and the most that are elsewhere at a time.
const WINDOW: std::ops::RangeInclusive<usize> = 16..=1024;

/// How many workers may die over a task: after that it is the task that fails.
const LOST: u64 = 6;

/// How often a task may vanish from a queue that is whole.
const VANISHED: u32 = 3;

/// How long nothing is heard of any task before the store and the queue are
/// asked, and the longest that this grows to.
const QUIET: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(60);

/// How long a message may take to be in the queue.
const PUBLISHED: Duration = Duration::from_secs(15);

/// How often a run looks whether it was stopped.
const LOOK: Duration = Duration::from_millis(50);

/// How long a run waits before it tells that nobody takes its tasks.
const ALONE: Duration = Duration::from_secs(2);

/// Why a run's dispatch ended.
pub(super) enum Stop {
    /// Every task ended, or the run was stopped.
    Done,
    /// The listener has enough.
    Enough,
    /// The run can't go on.
    Failed(PoolError),
}

impl<E: Into<PoolError>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// A task that is elsewhere.
struct Away {
    job: Job,
    message: Bytes,
    /// How often it was published.
    round: u32,
    /// Its place in the stream, once that is known.
    sequence: Option<u64>,
    published: Instant,
    /// How often it may have come again without a worker's death: one gave it
    /// back, or the connection was gone.
    excused: u64,
    /// How often it vanished from a queue that is whole.
    vanished: u32,
}

/// Where notices go.
type Noticed<'n> = &'n mut dyn FnMut(Notice) -> ControlFlow<()>;

pub(super) struct Dispatch<'a> {
    pool: &'a NatsPool,
    tasks: &'a dyn Tasks,
    /// What is there counts, for a task that is said to be done.
    record: Record,
    session: String,
    hear: Sender<Heard>,
    away: BTreeMap<u64, Away>,
    /// Tasks that are said to be done, with the positions in their orders that
    /// were made for this run.
    said: BTreeMap<u64, BTreeSet<u32>>,
    fleet: Fleet,
    /// The link is down since then.
    down: Option<Instant>,
    pace: Pace,
    /// When the store and the queue are asked of what is away.
    audit: Instant,
    patience: Duration,
    alone: Option<Instant>,
    told_alone: bool,
    /// The stream's birth: another one has other numbers.
    born: Option<String>,
    /// Parts of which was told that they are damaged.
    damaged: BTreeSet<Key>,
    /// Since when tasks only come back, and why the last one did.
    back: Option<(Instant, String)>,
}

impl<'a> Dispatch<'a> {
    pub(super) fn new(
        pool: &'a NatsPool,
        tasks: &'a dyn Tasks,
        session: String,
        hear: Sender<Heard>,
    ) -> Self {
        let now = Instant::now();
        Self {
            pool,
            tasks,
            record: pool.work.record.reusing(),
            session,
            hear,
            away: BTreeMap::new(),
            said: BTreeMap::new(),
            fleet: Fleet::default(),
            down: None,
            pace: Pace::new(now),
            audit: now + QUIET,
            patience: QUIET,
            alone: Some(now),
            told_alone: false,
            born: None,
            damaged: BTreeSet::new(),
            back: None,
        }
    }

    /// Publishes the jobs and watches until every one ended.
    pub(super) fn run(
        &mut self,
        jobs: Receiver<Job>,
        heard: &Receiver<Heard>,
        noticed: Noticed<'_>,
    ) -> Stop {
        match self.go(&jobs, heard, noticed) {
            Ok(()) => Stop::Done,
            Err(stop) => stop,
        }
    }

    fn go(
        &mut self,
        jobs: &Receiver<Job>,
        heard: &Receiver<Heard>,
        noticed: Noticed<'_>,
    ) -> Result<(), Stop> {
        let mut more = true;
        while !self.pool.work.cancel.is_cancelled() {
            while more && self.down.is_none() && self.away.len() < self.window() {
                match jobs.try_recv() {
                    Ok(job) => self.send(job)?,
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => more = false,
                }
            }
            // What the look-up has to tell is heard before it is gone.
            match heard.recv_timeout(if more || !self.away.is_empty() {
                LOOK
            } else {
                Duration::ZERO
            }) {
                Ok(word) => self.hear(word, noticed)?,
                Err(RecvTimeoutError::Timeout) if !more && self.away.is_empty() => return Ok(()),
                Err(_) => {}
            }
            // All that was said by now is looked up at once.
            while self.said.len() < LOOKED_UP
                && let Ok(word) = heard.try_recv()
            {
                self.hear(word, noticed)?;
            }
            let said = std::mem::take(&mut self.said);
            self.settle(said, noticed)?;
            self.look_round(noticed)?;
        }
        Ok(())
    }

    /// Two a worker's slot, or what is done in a second: enough that nobody
    /// waits, and no more, so that another run's tasks wait no longer.
    fn window(&self) -> usize {
        let slots = match self.fleet.slots() {
            0 => UNKNOWN,
            slots => 2 * slots,
        };
        slots
            .max(self.pace.a_second)
            .clamp(*WINDOW.start(), *WINDOW.end())
    }

    /// Publishes what is missing of a task, for the first time.
    fn send(&mut self, job: Job) -> Result<(), Stop> {
        let spec = self.tasks.spec(job.task).ok_or(PoolError::Unnamed)?;
        let missing = job.found.missing.iter();
        let candidates: Vec<u32> = missing.map(|&at| spec.candidates[at as usize]).collect();
        let tag = job.task as u64;
        let limits = self.pool.limits;
        let message = message::write(&Order {
            run: self.pool.run,
            task: spec.id,
            split: spec.split,
            candidates: Series::of(&candidates),
            memory: limits.memory,
            timeout_ms: u64::try_from(limits.timeout.as_millis()).unwrap_or(u64::MAX),
            fresh: self.pool.fresh,
            session: self.session.clone(),
            tag,
        });
        let queue = self.pool.link.queue();
        // The headers take some of it.
        let most = queue
            .client()
            .server_info()
            .max_payload
            .saturating_sub(1024);
        if message.len() > most {
            let bytes = message.len();
            return Err(QueueError::TooLarge { bytes, most }.into());
        }
        let away = Away {
            job,
            message,
            round: 0,
            sequence: None,
            published: Instant::now(),
            excused: 0,
            vanished: 0,
        };
        self.publish(tag, &away);
        self.away.insert(tag, away);
        Ok(())
    }

    fn publish(&self, tag: u64, away: &Away) {
        let queue = self.pool.link.queue();
        let round = away.round;
        let publish = PublishMessage::build()
            .payload(away.message.clone())
            .message_id(format!("{}.{tag}.{round}", self.session));
        let sent = queue
            .context()
            .send_publish(queue.tasks(&self.pool.run), publish);
        let hear = self.hear.clone();
        let published = move |sequence| {
            // A run that has ended does not want to know.
            drop(hear.send(Heard::Published {
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

    /// Publishes a task that is away once more.
    fn publish_again(&mut self, tag: u64) {
        if let Some(away) = self.away.get_mut(&tag) {
            away.round += 1;
            away.sequence = None;
            away.published = Instant::now();
        }
        if let Some(away) = self.away.get(&tag) {
            self.publish(tag, away);
        }
    }

    fn hear(&mut self, heard: Heard, noticed: Noticed<'_>) -> Result<(), Stop> {
        let now = Instant::now();
        match heard {
            Heard::Looked => {}
            Heard::Notice(notice) => self.tell(notice?, noticed)?,
            Heard::Published {
                tag,
                round,
                sequence,
            } => {
                let away = self.away.get_mut(&tag);
                if let Some(away) = away.filter(|away| away.round == round) {
                    away.sequence = sequence;
                    if sequence.is_none() {
                        self.audit = self.audit.min(now + Duration::from_secs(1));
                    }
                }
            }
            Heard::Word(word, reply) => self.listen(word, reply, noticed)?,
            Heard::Beat(beat) => {
                if let Some(notice) = self.fleet.beat(beat, now) {
                    tell(noticed, notice)?;
                }
            }
            Heard::Link(Link::Down) => {
                if self.down.is_none() {
                    self.down = Some(now);
                    tell(noticed, Notice::LinkChanged { up: false })?;
                }
            }
            Heard::Link(Link::Up) => {
                if self.down.take().is_some() {
                    tell(noticed, Notice::LinkChanged { up: true })?;
                    self.fleet.forgive(now);
                    for away in self.away.values_mut() {
                        // That a task comes again may be for this.
                        away.excused += 1;
                    }
                    self.patience = QUIET;
                    self.audit = now;
                }
            }
        }
        Ok(())
    }

    fn listen(
        &mut self,
        word: Word,
        reply: Option<Subject>,
        noticed: Noticed<'_>,
    ) -> Result<(), Stop> {
        match word {
            Word::Done {
                tag,
                made,
                damaged,
                differing,
                ..
            } => {
                if !self.away.contains_key(&tag) {
                    return Ok(());
                }
                for key in damaged {
                    let key = Key::parse(&key);
                    self.tell(Notice::Damaged { key }, noticed)?;
                }
                for key in differing {
                    let key = Key::parse(&key);
                    tell(noticed, Notice::Differing { key })?;
                }
                let made = made.numbers().unwrap_or_default();
                self.said.insert(tag, made.into_iter().collect());
            }
            Word::Returned { tag, worker, why } => {
                if let Some(away) = self.away.get_mut(&tag) {
                    away.excused += 1;
                    let since = self.back.as_ref().map_or(Instant::now(), |back| back.0);
                    self.back = Some((since, why.clone()));
                    tell(noticed, Notice::Returned { worker, why })?;
                }
            }
            Word::MayI { tag, delivered } => {
                let away = self.away.get(&tag);
                let lost = away.map(|away| delivered.saturating_sub(1 + away.excused));
                let verdict = match lost {
                    Some(lost) if lost < LOST => Verdict::Run,
                    _ => Verdict::Drop,
                };
                if let Some(reply) = reply {
                    let client = self.pool.link.queue().client();
                    let answer = client.publish(reply, message::write(&verdict));
                    // Without an answer the worker decides.
                    drop(self.pool.link.wait(answer));
                }
                if let Some(lost) = lost.filter(|_| verdict == Verdict::Drop) {
                    self.give_up(tag, lost, noticed)?;
                }
            }
        }
        Ok(())
    }

    /// A task over which workers died is failed, for this run alone.
    fn give_up(&mut self, tag: u64, workers: u64, noticed: Noticed<'_>) -> Result<(), Stop> {
        let Some(away) = self.away.remove(&tag) else {
            return Ok(());
        };
        self.took(1);
        let ended = Ended {
            positions: away.job.found.missing,
            outcome: Outcome {
                result: Err(TaskFault::WorkersLost { workers }),
                wall: away.published.elapsed(),
                reused: false,
            },
        };
        let task = away.job.task;
        tell(noticed, Notice::Ended { task, ended })
    }

    /// Looks up tasks that may be done, and tells of what the record has.
    fn settle(
        &mut self,
        said: BTreeMap<u64, BTreeSet<u32>>,
        noticed: Noticed<'_>,
    ) -> Result<(), Stop> {
        let said: Vec<(u64, BTreeSet<u32>)> = said.into_iter().collect();
        for some in said.chunks(LOOKED_UP) {
            let wanted: Vec<_> = some
                .iter()
                .filter_map(|(tag, _)| self.away.get(tag))
                .map(|away| away.job.still_wanted())
                .collect();
            let mut found = self.record.look(&wanted)?.into_iter();
            for (tag, made) in some {
                let Some(away) = self.away.get_mut(tag) else {
                    continue;
                };
                let Some(found) = found.next() else {
                    break;
                };
                // An order's positions are those of what was missing then.
                let made: BTreeSet<u32> = made
                    .iter()
                    .filter_map(|&at| away.job.found.missing.get(at as usize).copied())
                    .collect();
                away.job.looked_again(found);
                for ended in &mut away.job.found.ended {
                    let here = ended.positions.iter().all(|at| made.contains(at));
                    ended.outcome.reused = !here;
                }
                let task = away.job.task;
                let notices: Vec<Notice> = Notice::of_found(task, &mut away.job.found).collect();
                let done = away.job.found.missing.is_empty();
                if done {
                    self.away.remove(tag);
                    self.took(1);
                }
                for notice in notices {
                    self.tell(notice, noticed)?;
                }
            }
        }
        Ok(())
    }

    /// Tells of what is damaged once, whoever found it.
    fn tell(&mut self, notice: Notice, noticed: Noticed<'_>) -> Result<(), Stop> {
        match &notice {
            Notice::Damaged { key } if !self.damaged.insert(key.clone()) => Ok(()),
            _ => tell(noticed, notice),
        }
    }

    fn took(&mut self, tasks: usize) {
        let now = Instant::now();
        self.pace.took(tasks, now);
        self.back = None;
        self.patience = QUIET;
        self.audit = now + QUIET;
    }

    /// What time alone brings: silence of workers, of NATS, of tasks.
    fn look_round(&mut self, noticed: Noticed<'_>) -> Result<(), Stop> {
        let now = Instant::now();
        if let Some(since) = self.down {
            self.fleet.forgive(now);
            let silent = now.duration_since(since);
            if silent > self.pool.retry {
                let urls = self.pool.link.queue().urls();
                return Err(QueueError::Silent { urls, silent }.into());
            }
            return Ok(());
        }
        if let Some((since, why)) = &self.back
            && now.duration_since(*since) > self.pool.retry
        {
            let (time, why) = (now.duration_since(*since), why.clone());
            return Err(PoolError::GivenBack { time, why }.into());
        }
        for notice in self.fleet.left(now) {
            tell(noticed, notice)?;
        }
        if !self.fleet.is_empty() || self.away.is_empty() {
            self.alone = None;
            self.told_alone &= self.fleet.is_empty();
        } else if now.duration_since(*self.alone.get_or_insert(now)) > ALONE && !self.told_alone {
            self.told_alone = true;
            tell(noticed, Notice::NoWorker)?;
        }
        if now >= self.audit && !self.away.is_empty() {
            self.patience = (self.patience * 2).min(LONGEST);
            self.audit = now + self.patience;
            // What it finds makes the next one come sooner.
            self.ask(noticed)?;
        }
        Ok(())
    }

    /// Asks the store of all that is away, and the queue of what the store
    /// has not; publishes again what neither has.
    fn ask(&mut self, noticed: Noticed<'_>) -> Result<(), Stop> {
        let all = self.away.keys().map(|&tag| (tag, BTreeSet::new()));
        self.settle(all.collect(), noticed)?;
        // A queue that can't be asked now is asked the next time.
        let Ok(stream) = self.pool.link.wait(self.whole_queue()) else {
            return Ok(());
        };
        let info = stream.cached_info();
        let born = info.created.to_string();
        let other = self.born.as_ref().is_some_and(|known| *known != born);
        self.born = Some(born);
        let last = info.state.last_sequence;
        let asked = self.away.iter().map(|(&tag, away)| {
            let stream = &stream;
            async move {
                match away.sequence {
                    None => away.published.elapsed() > PUBLISHED,
                    Some(sequence) => match stream.get_raw_message(sequence).await {
                        Ok(found) => found.payload != away.message,
                        Err(error) => error.kind() == RawMessageErrorKind::NoMessageFound,
                    },
                }
                .then_some(tag)
            }
        });
        let gone = self.pool.link.wait(join_all(asked));
        for tag in gone.into_iter().flatten() {
            let Some(away) = self.away.get_mut(&tag) else {
                continue;
            };
            // Somebody took it out, and left no result.
            if !other && away.sequence.is_some_and(|sequence| sequence <= last) {
                away.vanished += 1;
            }
            if away.vanished > VANISHED {
                self.give_up(tag, VANISHED.into(), noticed)?;
            } else {
                self.publish_again(tag);
            }
        }
        Ok(())
    }

    /// The stream and its consumer, made anew where NATS has lost them.
    async fn whole_queue(&self) -> Result<Stream, QueueError> {
        let queue = self.pool.link.queue();
        queue.consumer().await?;
        queue.stream().await
    }

    /// Takes what is left out of the queue: nobody waits for it.
    pub(super) fn withdraw(&mut self) {
        if self.away.is_empty() || self.down.is_some() {
            return;
        }
        let away = std::mem::take(&mut self.away);
        let queue = self.pool.link.queue();
        let delete = async {
            let Ok(stream) = queue.stream().await else {
                return;
            };
            let sequences = away.values().filter_map(|away| away.sequence);
            // One that a worker has finished meanwhile is gone already.
            drop(join_all(sequences.map(|sequence| stream.delete_message(sequence))).await);
        };
        self.pool.link.wait(delete);
    }
}

fn tell(noticed: Noticed<'_>, notice: Notice) -> Result<(), Stop> {
    match noticed(notice) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(Stop::Enough),
    }
}
