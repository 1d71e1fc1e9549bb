//! The messages between runs and workers. A task's message says by itself what the
//! task is, and names its data and its guest by their digests. It carries no data.
//!
//! Whoever may publish can forge any of them. So what is read here is bounded:
//! names and reasons are short and without control characters, numbers ascend,
//! and a session is one word. What a message says decides no result: a result's
//! name is the digest of what was computed.

mod document;
mod series;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use fanout_contract::{Output, Part};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize};

use crate::digest::Digest;
use crate::task::{TaskLimits, TaskUsage, microseconds, microseconds_of};

pub use document::Document;
pub use series::Series;

/// The header of a task's message that holds the HMAC of its subject and
/// payload, where the run's store has a key.
pub const HMAC_HEADER: &str = "Fanout-Hmac";

/// The header of a message [`WorkerMessage::Done`] that says what making the fits took: a
/// [`DoneUsage`]. It is no field of the message, which runs of before would not read then.
pub const USAGE_HEADER: &str = "Fanout-Usage";

/// How many workers may die over a task before it fails.
pub const LOST: u64 = 6;

/// The longest name of a worker, in bytes.
pub const NAME: usize = 128;

/// The longest reason, in bytes.
pub const REASON: usize = 500;

/// The most slots of one worker that are counted.
pub const SLOTS: usize = 1 << 16;

/// The most fits of one message: a guest's answer, and what it takes here, are
/// bounded by their number.
pub const FITS: usize = 1 << 16;

/// The most stored parts that one message names.
const PARTS: usize = 64;

/// The most memory of a machine that is believed, in bytes.
const MEMORY: u64 = 1 << 60;

/// A task in the queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskMessage {
    /// The run. Its manifest in the store names the guest and the data.
    pub run: Digest,
    /// The task's id: the digest of the text of `identity`.
    pub task: Digest,
    /// All that the fits share: a [`TaskIdentity`](crate::expand::TaskIdentity).
    pub identity: Document,
    /// The keys of the fits: the hyper-parameters of each that are not shared. At
    /// most [`FITS`].
    #[serde(deserialize_with = "fits")]
    pub fits: Vec<Document>,
    /// What is wanted of each fit beside its scores.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub outputs: BTreeSet<Output>,
    /// The ends of the parts in which the model of the only fit was made, ascending; none
    /// if it is fitted whole. The worker finds these in the store by their names, which
    /// follow from `identity`, so that no message says what they are.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "cuts"
    )]
    pub cuts: Vec<u32>,
    /// Bytes of memory that the task may use.
    pub memory: u64,
    /// Milliseconds that it may take.
    pub timeout_ms: u64,
    /// Whether stored results are ignored.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fresh: bool,
    /// The run's session: names the subject for messages about the task.
    #[serde(deserialize_with = "session")]
    pub session: String,
    /// The run's number for the task.
    pub tag: u64,
}

impl TaskMessage {
    /// The task's limits.
    pub fn limits(&self) -> TaskLimits {
        TaskLimits {
            memory: self.memory,
            timeout: Duration::from_millis(self.timeout_ms),
        }
    }
}

/// A worker's message to a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "message", rename_all = "snake_case", deny_unknown_fields)]
pub enum WorkerMessage {
    /// The record has all fits of a task.
    Done {
        /// The task.
        tag: u64,
        /// The worker's name.
        #[serde(deserialize_with = "name")]
        worker: String,
        /// The positions, among the task's candidates, of the fits that this
        /// worker made.
        made: Series,
        /// The numbers of the task's parts with other scores than this worker
        /// made.
        #[serde(
            default,
            skip_serializing_if = "Vec::is_empty",
            deserialize_with = "parts"
        )]
        differing: Vec<u32>,
    },
    /// The task was returned to the queue and is delivered again later.
    Returned {
        /// The task.
        tag: u64,
        /// The worker's name.
        #[serde(deserialize_with = "name")]
        worker: String,
        /// Why.
        #[serde(deserialize_with = "reason")]
        reason: String,
    },
    /// The task was returned to the queue and is delivered again at once: it was
    /// delivered ahead, and no slot began it.
    Unbegun {
        /// The task.
        tag: u64,
    },
    /// The task was delivered before. The worker asks whether it is still
    /// wanted, and waits for a [`Verdict`].
    ConfirmRedelivery {
        /// The task.
        tag: u64,
    },
    /// The task was removed from the queue, because [`LOST`] workers died over
    /// it. The run sees for itself that the queue does not have it any more.
    Dropped {
        /// The task.
        tag: u64,
    },
}

/// What the fits of a task took at a worker. It says when they began by how long ago that
/// is, since the clocks of two hosts differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DoneUsage {
    /// Microseconds since they began.
    pub ago_us: u64,
    /// Microseconds of opening the dataset.
    #[serde(default)]
    pub load_us: Option<u64>,
    /// Microseconds of CPU time.
    #[serde(default)]
    pub cpu_us: Option<u64>,
    /// The most bytes of memory of the guest's instance.
    #[serde(default, deserialize_with = "memory")]
    pub memory: Option<u64>,
}

impl DoneUsage {
    /// As a run has it that receives it at `now`.
    pub fn at(&self, now: SystemTime) -> TaskUsage {
        let started = now.checked_sub(Duration::from_micros(self.ago_us));
        TaskUsage {
            started_us: started.map(microseconds),
            load: self.load_us.map(Duration::from_micros),
            cpu: self.cpu_us.map(Duration::from_micros),
            memory: self.memory,
        }
    }
}

impl From<&TaskUsage> for DoneUsage {
    /// What is to be told now.
    fn from(usage: &TaskUsage) -> Self {
        let now = microseconds(SystemTime::now());
        Self {
            ago_us: now.saturating_sub(usage.started_us.unwrap_or(now)),
            load_us: usage.load.map(microseconds_of),
            cpu_us: usage.cpu.map(microseconds_of),
            memory: usage.memory,
        }
    }
}

/// The answer to [`WorkerMessage::ConfirmRedelivery`]. Only the queue knows how
/// often a task was delivered, and it tells the worker alone; only the run knows
/// why it was. So the run says what it knows, and the worker decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case", deny_unknown_fields)]
pub enum Verdict {
    /// The run wants the task.
    Wanted {
        /// How many redeliveries had another reason than a worker's death: it
        /// was returned, or the connection was lost.
        excused: u64,
    },
    /// The run does not want it, or not any more.
    Unwanted,
}

/// A worker's state, sent every [`Heartbeat::every_ms`] and on request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// Its name, unique in the queue.
    #[serde(deserialize_with = "name")]
    pub name: String,
    /// The version of the program.
    #[serde(deserialize_with = "name")]
    pub version: String,
    /// Whether it takes tasks.
    pub state: WorkerState,
    /// How many tasks it runs at a time.
    #[serde(deserialize_with = "slots")]
    pub slots: usize,
    /// Cores of its machine.
    pub cores: usize,
    /// Bytes of memory of its machine, where that is known.
    #[serde(default, deserialize_with = "memory")]
    pub memory: Option<u64>,
    /// The tasks that it holds.
    pub holding: Vec<Digest>,
    /// Tasks that it finished since it started.
    pub done: u64,
    /// Milliseconds until the next heartbeat.
    pub every_ms: u64,
}

/// Whether a worker takes tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkerState {
    /// It takes tasks.
    Up,
    /// It takes no more, and finishes those that it holds.
    Draining,
    /// It has stopped.
    Gone,
}

/// Serialises a message.
pub fn write(message: &impl Serialize) -> Bytes {
    let text = serde_json::to_vec(message);
    text.expect("a message is JSON").into()
}

/// Parses a message.
pub fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, serde_json::Error> {
    serde_json::from_slice(bytes)
}

/// Text of another host as it may be shown: of at most `most` bytes, on one line,
/// and without what would control a terminal or turn the text around.
pub fn shown(text: &str, most: usize) -> String {
    let mut shown: String = text
        .chars()
        .filter(|char| !turns(*char))
        .map(|char| if char.is_control() { ' ' } else { char })
        .take(most)
        .collect();
    shown.truncate(shown.floor_char_boundary(most));
    shown
}

/// Whether a character changes the direction of those after it, or is no
/// character at all.
fn turns(char: char) -> bool {
    matches!(char, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

fn name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = Cow::<'de, str>::deserialize(deserializer)?;
    Ok(shown(&text, NAME))
}

fn reason<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = Cow::<'de, str>::deserialize(deserializer)?;
    Ok(shown(&text, REASON))
}

/// A session is part of a subject.
fn session<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = Cow::<'de, str>::deserialize(deserializer)?;
    if super::is_name(&text) {
        Ok(text.into_owned())
    } else {
        Err(D::Error::custom("a session is one word"))
    }
}

fn fits<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Document>, D::Error> {
    let fits = Vec::deserialize(deserializer)?;
    if fits.len() > FITS {
        return Err(D::Error::custom("a task of too many fits"));
    }
    Ok(fits)
}

fn cuts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u32>, D::Error> {
    let cuts = Vec::<u32>::deserialize(deserializer)?;
    let ascends = cuts.first() != Some(&0) && cuts.windows(2).all(|pair| pair[0] < pair[1]);
    match ascends && cuts.len() <= Part::MOST {
        true => Ok(cuts),
        false => Err(D::Error::custom(
            "the parts of a model do not follow each other",
        )),
    }
}

fn parts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u32>, D::Error> {
    let mut parts = Vec::<u32>::deserialize(deserializer)?;
    parts.truncate(PARTS);
    Ok(parts)
}

fn slots<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    Ok(usize::deserialize(deserializer)?.min(SLOTS))
}

fn memory<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let memory = Option::<u64>::deserialize(deserializer)?;
    Ok(memory.map(|bytes| bytes.min(MEMORY)))
}
