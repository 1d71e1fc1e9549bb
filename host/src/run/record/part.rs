//! [`Part`]: one object of a task's results, written once. It carries the
//! digest of its own content, so that one that is cut or has a bit flipped is
//! never taken for whole; and, where the store has a key, an HMAC of its name and
//! content, so that one written without the key is never taken at all.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use bytes::Bytes;
use fanout_contract::{Output, Params, Scores};
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::store::{Key, LAYOUT, Mac, MacKey};
use crate::task::TaskFault;

/// The bytes before the digest, before the HMAC where there is one, and before
/// the content.
const DIGEST: &str = r#"{"digest":""#;
const HMAC: &str = r#"","hmac":""#;
const PART: &str = r#"","part":"#;

/// The hexadecimal digits of a digest, and of an HMAC.
const DIGITS: usize = 64;

/// Why the bytes of an object are not taken as a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// They are not the whole of it.
    Damaged,
    /// They are whole, and without a valid HMAC.
    Unproven,
}

/// Some fits of one task: those that one call of a guest served.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Part {
    layout: u32,
    /// The task and the part's number, so that no object stands for another.
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
    /// The digests of its artifacts.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) artifacts: BTreeMap<Output, Digest>,
}

impl Fit {
    /// Whether it has an artifact of each of these outputs.
    pub(super) fn gives(&self, outputs: &[Output]) -> bool {
        let mut outputs = outputs.iter();
        outputs.all(|output| self.artifacts.contains_key(output))
    }
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

    /// Reads part `number` of `task`. With a key, the part must carry an HMAC
    /// made with it.
    pub(super) fn read(
        bytes: &[u8],
        task: &Digest,
        number: u32,
        key: Option<&MacKey>,
    ) -> Result<Self, Refused> {
        let (part, content, mac) = Self::parse(bytes, task, number).ok_or(Refused::Damaged)?;
        match key {
            None => Ok(part),
            Some(key) => {
                let name = Key::part(task, number);
                let proven = mac.is_some_and(|mac| key.verifies(name.as_ref(), content, mac));
                proven.then_some(part).ok_or(Refused::Unproven)
            }
        }
    }

    fn parse<'b>(
        bytes: &'b [u8],
        task: &Digest,
        number: u32,
    ) -> Option<(Self, &'b [u8], Option<Mac>)> {
        let rest = bytes.strip_prefix(DIGEST.as_bytes())?;
        let (digest, mut rest) = digits::<Digest>(rest)?;
        let mut mac = None;
        if let Some(after) = rest.strip_prefix(HMAC.as_bytes()) {
            let (found, after) = digits::<Mac>(after)?;
            mac = Some(found);
            rest = after;
        }
        let rest = rest.strip_prefix(PART.as_bytes())?;
        let content = rest.strip_suffix(b"}\n")?;
        if Digest::of(content) != digest {
            return None;
        }
        let part: Self = serde_json::from_slice(content).ok()?;
        let sound = part.layout == LAYOUT
            && part.task == *task
            && part.number == number
            && Duration::try_from_secs_f64(part.wall_s).is_ok();
        sound.then_some((part, content, mac))
    }

    /// The bytes to store: one JSON object and a line feed; with a key, an HMAC
    /// in it.
    pub(super) fn bytes(&self, key: Option<&MacKey>) -> Bytes {
        let content = serde_json::to_string(self).expect("a part is JSON");
        let digest = Digest::of(content.as_bytes());
        let mac = key.map_or(String::new(), |key| {
            let name = Key::part(&self.task, self.number);
            let mac = key.mac(name.as_ref(), content.as_bytes());
            format!("{HMAC}{mac}")
        });
        format!("{DIGEST}{digest}{mac}{PART}{content}}}\n").into()
    }
}

/// A digest or an HMAC at the beginning of some bytes, and the rest of them.
fn digits<T: FromStr>(bytes: &[u8]) -> Option<(T, &[u8])> {
    let (digits, rest) = bytes.split_at_checked(DIGITS)?;
    let parsed = std::str::from_utf8(digits).ok()?.parse().ok()?;
    Some((parsed, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(task: Digest) -> Part {
        let content = Content::Scores {
            models: 1,
            fits: vec![Fit {
                params: Params::from([("max_depth".to_owned(), 3.into())]),
                scores: Scores {
                    test: [("accuracy".to_owned(), Some(0.1 + 0.2))].into(),
                    train: [("accuracy".to_owned(), None)].into(),
                    ..Scores::default()
                },
                artifacts: [(Output::Predictions, Digest::of(b"file"))].into(),
            }],
        };
        Part::new(task, 2, content, Duration::from_micros(1234))
    }

    #[test]
    fn a_part_with_any_bit_flipped_or_cut_anywhere_is_none() {
        let task = Digest::of(b"task");
        let part = part(task);
        let key = MacKey::new(&[1; 32]);
        for key in [None, Some(&key)] {
            let bytes = part.bytes(key);
            let read = |bytes: &[u8], task, number| Part::read(bytes, task, number, key);
            assert!(serde_json::from_slice::<serde_json::Value>(&bytes).is_ok());
            assert_eq!(read(&bytes, &task, 2).as_ref(), Ok(&part));
            assert_eq!(read(&bytes, &task, 1), Err(Refused::Damaged));
            let other = Digest::of(b"other");
            assert_eq!(read(&bytes, &other, 2), Err(Refused::Damaged));
            for bit in 0..bytes.len() * 8 {
                let mut damaged = bytes.to_vec();
                damaged[bit / 8] ^= 1 << (bit % 8);
                assert!(read(&damaged, &task, 2).is_err(), "bit {bit}");
            }
            for length in 0..bytes.len() {
                let cut = read(&bytes[..length], &task, 2);
                assert_eq!(cut, Err(Refused::Damaged), "{length}");
            }
        }
    }

    #[test]
    fn with_a_key_only_what_was_made_with_it_is_taken() {
        let task = Digest::of(b"task");
        let part = part(task);
        let (ours, theirs) = (MacKey::new(&[1; 32]), MacKey::new(&[2; 32]));
        let read = |key: Option<&MacKey>, made_with: Option<&MacKey>| {
            Part::read(&part.bytes(made_with), &task, 2, key)
        };
        assert_eq!(read(Some(&ours), Some(&ours)).as_ref(), Ok(&part));
        assert_eq!(read(Some(&ours), Some(&theirs)), Err(Refused::Unproven));
        assert_eq!(read(Some(&ours), None), Err(Refused::Unproven));
        // Without a key both are.
        assert_eq!(read(None, Some(&ours)).as_ref(), Ok(&part));
        assert_eq!(read(None, None).as_ref(), Ok(&part));
        // The HMAC of one part proves no other.
        let mut moved = part.clone();
        moved.number = 3;
        let text = String::from_utf8(moved.bytes(None).to_vec()).unwrap();
        let mac = ours.mac(Key::part(&task, 2).as_ref(), b"any");
        let text = text.replacen(PART, &format!("{HMAC}{mac}{PART}"), 1);
        let read = Part::read(text.as_bytes(), &task, 3, Some(&ours));
        assert_eq!(read, Err(Refused::Unproven));
    }
}
