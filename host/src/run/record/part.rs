//! [`Part`]: one object of a task's results, written once. It carries the
//! digest of its own content, so that one that is half of itself, or has a
//! bit flipped, is never taken for whole.

use std::time::Duration;

use bytes::Bytes;
use fanout_contract::{Params, Scores};
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::store::LAYOUT;
use crate::task::TaskFault;

/// The bytes before the digest, and between it and the content.
const BEFORE: &str = r#"{"digest":""#;
const BETWEEN: &str = r#"","part":"#;

/// Some fits of one task: those that one call of a guest served.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Part {
    layout: u32,
    /// The task and the part's number, so that no object passes for another.
    task: Digest,
    number: u32,
    pub(super) content: Content,
    /// Wall time of the call.
    wall_s: f64,
}

/// What became of the fits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Content {
    /// They have scores.
    Scores {
        /// How many models were fitted for them.
        models: u32,
        /// The fits.
        fits: Vec<Fit>,
    },
    /// They have none.
    Fault {
        /// Why.
        fault: TaskFault,
        /// The keys of the fits.
        fits: Vec<Params>,
    },
}

/// One fit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fit {
    /// Its key.
    pub(super) params: Params,
    pub(super) scores: Scores,
}

impl Part {
    pub(super) fn new(task: Digest, number: u32, content: Content, wall: Duration) -> Self {
        Self {
            layout: LAYOUT,
            task,
            number,
            content,
            wall_s: wall.as_secs_f64(),
        }
    }

    /// Wall time of the call.
    pub(super) fn wall(&self) -> Duration {
        Duration::from_secs_f64(self.wall_s)
    }

    /// Reads part `number` of `task`; `None` where the bytes are not it.
    pub(super) fn read(bytes: &[u8], task: &Digest, number: u32) -> Option<Self> {
        let rest = bytes.strip_prefix(BEFORE.as_bytes())?;
        let (digest, rest) = rest.split_at_checked(64)?;
        let digest: Digest = std::str::from_utf8(digest).ok()?.parse().ok()?;
        let rest = rest.strip_prefix(BETWEEN.as_bytes())?;
        let content = rest.strip_suffix(b"}\n")?;
        if Digest::of(content) != digest {
            return None;
        }
        let part: Self = serde_json::from_slice(content).ok()?;
        let sound = part.layout == LAYOUT
            && part.task == *task
            && part.number == number
            && Duration::try_from_secs_f64(part.wall_s).is_ok();
        sound.then_some(part)
    }

    /// The bytes to store: one JSON object and a line feed.
    pub(super) fn bytes(&self) -> Bytes {
        let content = serde_json::to_string(self).expect("a part is JSON");
        let digest = Digest::of(content.as_bytes());
        format!("{BEFORE}{digest}{BETWEEN}{content}}}\n").into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_with_any_bit_flipped_or_cut_anywhere_is_none() {
        let task = Digest::of(b"task");
        let content = Content::Scores {
            models: 1,
            fits: vec![Fit {
                params: Params::from([("max_depth".to_owned(), 3.into())]),
                scores: Scores {
                    test: [("accuracy".to_owned(), Some(0.1 + 0.2))].into(),
                    train: [("accuracy".to_owned(), None)].into(),
                },
            }],
        };
        let part = Part::new(task, 2, content, Duration::from_micros(1234));
        let bytes = part.bytes();
        assert!(serde_json::from_slice::<serde_json::Value>(&bytes).is_ok());
        assert_eq!(Part::read(&bytes, &task, 2), Some(part));
        assert_eq!(Part::read(&bytes, &task, 1), None);
        assert_eq!(Part::read(&bytes, &Digest::of(b"other"), 2), None);
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.to_vec();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Part::read(&damaged, &task, 2), None, "bit {bit}");
        }
        for length in 0..bytes.len() {
            assert_eq!(Part::read(&bytes[..length], &task, 2), None, "{length}");
        }
    }
}
