//! [`Key`]: the name of an object. These names are the layout of the store,
//! described in `docs/store.md`; nothing else names objects.

use fanout_contract::Output;
use object_store::path::Path;

use crate::digest::Digest;
use crate::task;

/// The version of the layout, and of every document in the store. A store of
/// another version is refused.
pub const LAYOUT: u32 = 2;

/// The name of an object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Path);

impl Key {
    /// What says which layout the store has.
    pub fn layout() -> Self {
        Self(Path::from("layout.json"))
    }

    /// A dataset's Parquet file.
    pub fn dataset(digest: &Digest) -> Self {
        Self(Path::from(format!("datasets/{digest}/dataset.parquet")))
    }

    /// A splits file.
    pub fn splits(digest: &Digest) -> Self {
        Self(Path::from(format!("splits/{digest}.parquet")))
    }

    /// A guest component.
    pub fn guest(digest: &Digest) -> Self {
        Self(Path::from(format!("guests/{digest}.wasm")))
    }

    /// What a run consists of.
    pub fn plan(run: &Digest) -> Self {
        Self(Path::from(format!("runs/{run}/plan.json")))
    }

    /// What a run that ended came to.
    pub fn result(run: &Digest) -> Self {
        Self(Path::from(format!("runs/{run}/result.json")))
    }

    /// A segment of the events of a run, in the order of their numbers. Each process that
    /// executes the run writes segments of its own.
    pub fn events(run: &Digest, attempt: Attempt, number: u32) -> Self {
        Self(Path::from(format!(
            "runs/{run}/events/{attempt}.{number:06}.jsonl"
        )))
    }

    /// A part of a task's results. The first digits of the id spread the
    /// tasks over folders, since a folder of a million files is slow.
    pub fn part(task: &Digest, number: u32) -> Self {
        let task = task.to_string();
        Self(Path::from(format!(
            "tasks/{}/{task}.{number}.json",
            &task[..2]
        )))
    }

    /// An output of a fit of a task, by the digest of its content.
    pub fn artifact(task: &Digest, output: Output, digest: &Digest) -> Self {
        let (task, output) = (task.to_string(), output.name());
        Self(Path::from(format!(
            "artifacts/{}/{task}.{output}.{digest}",
            &task[..2]
        )))
    }

    /// The object that tells whether a store keeps what it has. Created by
    /// every run, removed by none.
    pub fn probe() -> Self {
        Self(Path::from("probe/create-only"))
    }

    /// An object that only whoever chose the number writes, and removes.
    pub fn scratch(number: u64) -> Self {
        Self(Path::from(format!("probe/{number:016x}")))
    }

    /// The same, with a random number.
    pub(super) fn new_scratch() -> Self {
        Self(Path::from(format!(
            "probe/{}",
            crate::jitter::random_name()
        )))
    }

    /// An object that a listing named.
    pub(super) fn listed(path: Path) -> Self {
        Self(path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// The key that is written so.
    pub fn parse(name: &str) -> Self {
        Self(Path::from(name))
    }

    /// What an object is, told by its name; `None` for names that are not of
    /// this layout.
    pub fn kind(&self) -> Option<Kind> {
        let parts: Vec<&str> = self.0.as_ref().split('/').collect();
        let digest = |text: &str| text.parse::<Digest>().ok();
        Some(match parts.as_slice() {
            ["layout.json"] => Kind::Layout,
            ["probe", "create-only"] => Kind::Probe,
            ["probe", number] => {
                let kind = Kind::Scratch(u64::from_str_radix(number, 16).ok()?);
                // `probe/1` is not of this layout.
                return (kind.key() == *self).then_some(kind);
            }
            ["datasets", dataset, "dataset.parquet"] => Kind::Dataset(digest(dataset)?),
            ["splits", file] => Kind::Splits(digest(file.strip_suffix(".parquet")?)?),
            ["guests", file] => Kind::Guest(digest(file.strip_suffix(".wasm")?)?),
            ["runs", run, "plan.json"] => Kind::Plan(digest(run)?),
            ["runs", run, "result.json"] => Kind::Result(digest(run)?),
            ["runs", run, "events", file] => {
                let (attempt, number) = file.strip_suffix(".jsonl")?.split_once('.')?;
                let kind = Kind::Events(digest(run)?, attempt.parse().ok()?, number.parse().ok()?);
                return (kind.key() == *self).then_some(kind);
            }
            ["tasks", _, file] => {
                let (task, number) = file.strip_suffix(".json")?.split_once('.')?;
                let kind = Kind::Part(digest(task)?, number.parse().ok()?);
                // `tasks/zz/…` is not of this layout.
                return (kind.key() == *self).then_some(kind);
            }
            ["artifacts", _, file] => {
                let (task, rest) = file.split_once('.')?;
                let (output, content) = rest.split_once('.')?;
                let output = task::output(output)?;
                let kind = Kind::Artifact(digest(task)?, output, digest(content)?);
                return (kind.key() == *self).then_some(kind);
            }
            _ => return None,
        })
    }
}

impl AsRef<str> for Key {
    fn as_ref(&self) -> &str {
        self.0.as_ref()
    }
}

impl serde::Serialize for Key {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_ref())
    }
}

impl<'de> serde::Deserialize<'de> for Key {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = <std::borrow::Cow<'de, str> as serde::Deserialize>::deserialize(deserializer)?;
        Ok(Self::parse(&name))
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// A process that executes a run, among all that do. Later ones are greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Attempt {
    /// When it began: microseconds since 1970-01-01 UTC.
    begun_us: u64,
    /// Random, so that two processes never have one name.
    salt: u32,
}

impl Attempt {
    /// One that begins now, with a name that no other has.
    pub fn new(begun_us: u64) -> Self {
        Self {
            begun_us,
            salt: crate::jitter::random() as u32,
        }
    }

    /// When it began: microseconds since 1970-01-01 UTC.
    pub fn begun_us(&self) -> u64 {
        self.begun_us
    }
}

impl std::fmt::Display for Attempt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}-{:08x}", self.begun_us, self.salt)
    }
}

impl std::str::FromStr for Attempt {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (begun, salt) = text.split_once('-').unwrap_or((text, ""));
        Ok(Self {
            begun_us: u64::from_str_radix(begun, 16)?,
            salt: u32::from_str_radix(salt, 16)?,
        })
    }
}

/// What an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// What says which layout the store has.
    Layout,
    /// What tells whether the store keeps what it has.
    Probe,
    /// What was written to be read and removed at once.
    Scratch(u64),
    /// A dataset's Parquet file.
    Dataset(Digest),
    /// A splits file.
    Splits(Digest),
    /// A guest component.
    Guest(Digest),
    /// What a run consists of.
    Plan(Digest),
    /// What a run that ended came to.
    Result(Digest),
    /// A segment of the events of a run.
    Events(Digest, Attempt, u32),
    /// A part of a task's results.
    Part(Digest, u32),
    /// An output of a fit of a task, and the digest of its content.
    Artifact(Digest, Output, Digest),
}

impl Kind {
    /// The object's name.
    pub fn key(&self) -> Key {
        match self {
            Self::Layout => Key::layout(),
            Self::Probe => Key::probe(),
            Self::Scratch(number) => Key::scratch(*number),
            Self::Dataset(digest) => Key::dataset(digest),
            Self::Splits(digest) => Key::splits(digest),
            Self::Guest(digest) => Key::guest(digest),
            Self::Plan(run) => Key::plan(run),
            Self::Result(run) => Key::result(run),
            Self::Events(run, attempt, number) => Key::events(run, *attempt, *number),
            Self::Part(task, number) => Key::part(task, *number),
            Self::Artifact(task, output, digest) => Key::artifact(task, *output, digest),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_what_it_names() {
        let digest = Digest::of(b"any");
        for kind in [
            Kind::Layout,
            Kind::Probe,
            Kind::Scratch(0),
            Kind::Scratch(u64::MAX),
            Kind::Dataset(digest),
            Kind::Splits(digest),
            Kind::Guest(digest),
            Kind::Plan(digest),
            Kind::Result(digest),
            Kind::Events(digest, Attempt::new(7), 0),
            Kind::Events(digest, Attempt::new(u64::MAX), 1_000_000),
            Kind::Part(digest, 0),
            Kind::Part(digest, 12),
            Kind::Artifact(digest, Output::Predictions, Digest::of(b"file")),
        ] {
            assert_eq!(kind.key().kind(), Some(kind));
        }
        for other in [
            "layout.txt",
            "probe/1",
            "probe/create-only/1",
            "probe/00000000000000+1",
            "tasks/zz/text.0.json",
            "runs/plan/events/1.1.jsonl",
            "guests/a.wasm",
            "artifacts/aa/text.predictions.text",
            "notes.txt",
            "runs/plan.json",
        ] {
            assert_eq!(Key(Path::from(other)).kind(), None, "{other}");
        }
        let moved = Key::part(&digest, 0)
            .to_string()
            .replace(&format!("tasks/{}", &digest.to_string()[..2]), "tasks/zz");
        assert_eq!(Key(Path::from(moved)).kind(), None);
    }
}
