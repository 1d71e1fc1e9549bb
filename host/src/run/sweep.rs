//! [`Sweep`]: what no kept run names, and removing it. Nothing that is named
//! by a run that is not dropped goes, nor anything younger than a given age:
//! a run that is about to begin may be writing it.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::history::{History, HistoryError};
use super::record::is_whole;
use crate::digest::Digest;
use crate::store::{Key, Kind, Listed, Store};

/// Objects that are removed, or read to look for damage, at a time.
const AT_A_TIME: usize = 256;

/// What is to be removed.
#[derive(Clone, Debug, Default)]
pub struct Sweep {
    /// The objects, in the order in which they go: a run's manifest before
    /// what it names, so that half a sweep leaves no run with holes.
    pub objects: Vec<Listed>,
    /// Temporary files that a process left that was killed while it wrote.
    pub leftovers: Vec<(PathBuf, u64)>,
    /// Objects that no kept run names, and that stay because they are young.
    pub spared: usize,
    /// Those of `objects` whose content is not what their name says.
    pub damaged: BTreeSet<Key>,
    /// Runs that stay.
    pub kept: usize,
}

/// What to sweep.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// Runs to drop.
    pub drop: BTreeSet<Digest>,
    /// What is younger stays, unless it belongs to a dropped run alone and is
    /// its manifest, its summary or a file of its events.
    pub younger: Duration,
    /// Whether every object is read, and goes if it is damaged.
    pub damaged: bool,
}

/// What the kept runs name.
#[derive(Default)]
struct Named {
    runs: HashSet<Digest>,
    files: HashSet<Kind>,
    tasks: HashSet<Digest>,
}

impl Sweep {
    /// Finds what is to be removed; removes nothing.
    pub fn find(store: &Store, rules: &Rules, now: SystemTime) -> Result<Self, HistoryError> {
        let named = Named::by(store, rules)?;
        let young = |modified: SystemTime| {
            // A clock that is ahead of ours makes everything young.
            now.duration_since(modified)
                .map_or(true, |age| age < rules.younger)
        };
        let mut sweep = Self {
            kept: named.runs.len(),
            ..Self::default()
        };
        let mut stay = Vec::new();
        for object in store.list("")? {
            // Objects outside the layout are not fanout's.
            let Some(kind) = object.key.kind() else {
                continue;
            };
            if named.has(kind) {
                stay.push((kind, object));
            } else if young(object.modified) && !is_of_run(kind) {
                sweep.spared += 1;
            } else {
                sweep.objects.push(object);
            }
        }
        if rules.damaged {
            for some in stay.chunks(AT_A_TIME) {
                let keys: Vec<Key> = some.iter().map(|(_, object)| object.key.clone()).collect();
                // One at a time where they are large.
                let large = some.iter().any(|(_, object)| object.bytes > 1 << 20);
                let read = |keys: &[Key]| store.get_many(keys);
                let contents = if large {
                    keys.chunks(1).map(read).collect::<Result<Vec<_>, _>>()
                } else {
                    read(&keys).map(|all| vec![all])
                }?;
                for ((kind, object), bytes) in some.iter().zip(contents.into_iter().flatten()) {
                    if bytes.is_some_and(|bytes| is_whole(*kind, &bytes) == Some(false)) {
                        sweep.damaged.insert(object.key.clone());
                        sweep.objects.push(object.clone());
                    }
                }
            }
        }
        sweep.objects.sort_by_key(|object| {
            let rank = match object.key.kind() {
                Some(Kind::Result(_)) => 0,
                Some(Kind::Plan(_)) => 1,
                _ => 2,
            };
            (rank, object.key.clone())
        });
        if let Some(folder) = store.url().strip_prefix("file://") {
            leftovers(Path::new(folder), &young, &mut sweep.leftovers);
        }
        Ok(sweep)
    }

    /// All that an earlier version of fanout left in a store, which this one does
    /// not read. Objects outside of the layout are not fanout's.
    pub fn of_older_layout(store: &Store) -> Result<Self, HistoryError> {
        let listed = store.list("")?.into_iter();
        let mut sweep = Self {
            objects: listed
                .filter(|object| object.key.kind().is_some())
                .collect(),
            ..Self::default()
        };
        // The mark goes last, so that half a sweep is known for what it is.
        sweep
            .objects
            .sort_by_key(|object| (object.key.kind() == Some(Kind::Layout), object.key.clone()));
        Ok(sweep)
    }

    /// Removes all of them. Returns how many objects went.
    pub fn remove_all(&self, store: &Store) -> Result<usize, HistoryError> {
        let keys: Vec<Key> = self
            .objects
            .iter()
            .map(|object| object.key.clone())
            .collect();
        delete(store, &keys)?;
        Ok(keys.len())
    }

    /// Objects and bytes by what they are, for people.
    pub fn counts(&self) -> BTreeMap<&'static str, (usize, u64)> {
        let mut counts: BTreeMap<&'static str, (usize, u64)> = BTreeMap::new();
        let mut add = |what, bytes| {
            let (count, total) = counts.entry(what).or_default();
            *count += 1;
            *total += bytes;
        };
        for object in &self.objects {
            let what = match object.key.kind() {
                Some(Kind::Dataset(_)) => "dataset",
                Some(Kind::Splits(_)) => "splits file",
                Some(Kind::Guest(_)) => "guest",
                Some(Kind::Plan(_)) => "run manifest",
                Some(Kind::Result(_)) => "run summary",
                Some(Kind::Events(..)) => "event file",
                Some(Kind::Part(..)) => "task result",
                Some(Kind::Artifact(..)) => "artifact",
                Some(Kind::Scratch(_)) => "trial object",
                // These are swept with the whole store alone.
                Some(Kind::Layout | Kind::Probe) | None => "other object",
            };
            add(what, object.bytes);
        }
        for (_, bytes) in &self.leftovers {
            add("temporary file", *bytes);
        }
        counts
    }

    /// Whether there is nothing to remove.
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty() && self.leftovers.is_empty()
    }

    /// Removes what is still to be removed: what a run has begun to name since
    /// stays. Returns how many objects and files went.
    pub fn remove(&self, store: &Store, rules: &Rules) -> Result<usize, HistoryError> {
        let named = Named::by(store, rules)?;
        let goes = |object: &&Listed| {
            self.damaged.contains(&object.key)
                || object.key.kind().is_some_and(|kind| !named.has(kind))
        };
        let keys: Vec<Key> = self
            .objects
            .iter()
            .filter(goes)
            .map(|object| object.key.clone())
            .collect();
        delete(store, &keys)?;
        // Whoever wrote one of these is gone, or will find it gone and say so.
        let files = self.leftovers.iter();
        let removed = files.filter(|(path, _)| std::fs::remove_file(path).is_ok());
        Ok(keys.len() + removed.count())
    }
}

/// Whether an object is in the folder of a run.
fn is_of_run(kind: Kind) -> bool {
    matches!(kind, Kind::Plan(_) | Kind::Result(_) | Kind::Events(..))
}

/// Removes objects, some at a time.
fn delete(store: &Store, keys: &[Key]) -> Result<(), HistoryError> {
    for keys in keys.chunks(AT_A_TIME) {
        store.delete_many(keys)?;
    }
    Ok(())
}

impl Named {
    fn by(store: &Store, rules: &Rules) -> Result<Self, HistoryError> {
        let history = History::open(store)?;
        let mut named = Self::default();
        let kept = history.runs.iter().map(|entry| entry.run);
        for run in kept.filter(|run| !rules.drop.contains(run)) {
            let manifest = history.manifest(&run)?;
            named.runs.insert(run);
            let data = &manifest.inputs.data;
            named
                .files
                .extend([Kind::Dataset(data.dataset), Kind::Splits(data.splits)]);
            let guests = manifest.inputs.guests().into_iter();
            named.files.extend(guests.map(Kind::Guest));
            let expansion = manifest.expand(1);
            for task in &expansion.tasks {
                named.tasks.insert(task.id);
                // Any candidate may have been the best.
                if let Some(split) = manifest.holdout.as_ref().filter(|_| task.split == 0) {
                    let first = task.candidates[0] as usize;
                    named.tasks.insert(expansion.id(first, split));
                }
            }
            let baseline = expansion.baseline_tasks.iter();
            named.tasks.extend(baseline.map(|task| task.id));
        }
        Ok(named)
    }

    fn has(&self, kind: Kind) -> bool {
        match kind {
            // The store's own.
            Kind::Layout | Kind::Probe => true,
            // Whoever wrote it was to remove it, too.
            Kind::Scratch(_) => false,
            Kind::Plan(run) | Kind::Result(run) | Kind::Events(run, ..) => self.runs.contains(&run),
            Kind::Part(task, _) | Kind::Artifact(task, ..) => self.tasks.contains(&task),
            file => self.files.contains(&file),
        }
    }
}

/// A local store writes an object under its name, `#` and a number first, and
/// never reads such a file.
fn leftovers(folder: &Path, young: &dyn Fn(SystemTime) -> bool, found: &mut Vec<(PathBuf, u64)>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let Ok(meta) = entry.metadata() else { continue };
        if meta.is_dir() {
            leftovers(&entry.path(), young, found);
            continue;
        }
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.rsplit_once('#'));
        let staged = number.is_some_and(|(_, number)| {
            !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit())
        });
        if staged && !meta.modified().map_or(true, young) {
            found.push((entry.path(), meta.len()));
        }
    }
}
