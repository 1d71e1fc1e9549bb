//! [`Record`]: what the store keeps of tasks. Every pool, on any host, looks
//! results up and keeps them here.
//!
//! A task's results are parts, numbered from 0, each created once and never
//! overwritten. A part holds the fits that the parts before it do not. So a
//! reader asks for part 0, and for the next only while it misses a fit; a
//! writer that finds the number taken reads that part, leaves out what it
//! has, and takes the next number. Whoever writes, in whatever order, the
//! parts agree, since a fit is a pure function of its name. A part that is
//! damaged counts as one without fits, and so does, where the store has a key,
//! one without a valid HMAC.
//!
//! What a fit gives beside its scores are artifacts: objects of their own, named by
//! the task, the output and the digest of the content, and written before the part
//! that names them. A fit whose artifacts are wanted is there where they are.
//!
//! The record never lists, and never waits for another run.

mod part;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use bytes::Bytes;
use fanout_contract::{Answer, CONTRACT, Output, Params};

use crate::digest::Digest;
use crate::store::{Key, Kind, MacKey, Store, StoreError, is_component};
use crate::task::{Artifact, FinishedFits, Outcome, TaskFault, TaskLimits, TaskUsage, WantedFits};
use part::{Content, Fit, Part, Refused};

/// What the store keeps of tasks.
#[derive(Clone, Debug)]
pub struct Record {
    store: Store,
    limits: TaskLimits,
    reuse: Reuse,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reuse {
    /// Nothing is looked up.
    Nothing,
    /// What another run need not make again.
    Valid,
    /// All that any run met.
    All,
}

/// What the record has of a task.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// The fits that it has.
    pub finished: Vec<FinishedFits>,
    /// The artifacts of the finished fits that are wanted: the position of each fit,
    /// the output, and the digest of its content.
    pub artifacts: Vec<(u32, Output, Digest)>,
    /// The positions of those that it has not, ascending.
    pub missing: Vec<u32>,
    /// Parts that are damaged.
    pub damaged: Vec<Key>,
    /// Parts without a valid HMAC, where the store has a key.
    pub unproven: Vec<Key>,
    /// The number of the first part that was not there.
    next: u32,
}

/// What keeping an outcome found in the store.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Kept {
    /// Parts that are damaged.
    pub damaged: Vec<Key>,
    /// Parts without a valid HMAC, where the store has a key.
    pub unproven: Vec<Key>,
    /// Parts of others that have other scores for the same fit: the guest is
    /// not deterministic.
    pub differing: Vec<Key>,
}

impl Record {
    /// The record in `store`. What ran out of time or memory is tried again
    /// where `limits` allow more than then. Without `reuse` nothing is looked
    /// up; what is made is kept all the same.
    pub fn new(store: Store, limits: TaskLimits, reuse: bool) -> Self {
        Self {
            store,
            limits,
            reuse: if reuse { Reuse::Valid } else { Reuse::Nothing },
        }
    }

    /// The record in `store` for reading alone: faults are found whatever the
    /// limits were, and however families were split.
    pub fn to_read(store: Store) -> Self {
        Self {
            store,
            limits: TaskLimits::default(),
            reuse: Reuse::All,
        }
    }

    /// The same record, looking up results even where the run ignores them.
    pub fn reusing(&self) -> Self {
        Self {
            reuse: Reuse::Valid,
            ..self.clone()
        }
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Looks tasks up, all at once. The answers are in the same order.
    pub fn look(&self, wanted: &[WantedFits]) -> Result<Vec<Found>, StoreError> {
        let key = self.store.mac_key();
        let search = |wanted| Search::new(wanted, key, self.reuse);
        let mut searches: Vec<Search<'_>> = wanted.iter().map(search).collect();
        let mut open: Vec<usize> = (0..searches.len())
            .filter(|_| self.reuse != Reuse::Nothing)
            .collect();
        while !open.is_empty() {
            let keys: Vec<Key> = open.iter().map(|&index| searches[index].key()).collect();
            let parts = self.store.get_many(&keys)?;
            let goes_on = open
                .iter()
                .zip(keys)
                .zip(parts)
                .map(|((&index, key), part)| {
                    let goes_on = part.is_some_and(|bytes| searches[index].take(key, &bytes));
                    goes_on.then_some(index)
                });
            open = goes_on.collect::<Vec<_>>().into_iter().flatten().collect();
        }
        self.find_artifacts(&mut searches)?;
        Ok(searches
            .into_iter()
            .map(|search| match self.reuse {
                Reuse::All => search.finish_with_all(),
                _ => search.finish(self.limits),
            })
            .collect())
    }

    /// Looks whether the artifacts are there that the searches found named; fits
    /// without theirs are missing.
    fn find_artifacts(&self, searches: &mut [Search<'_>]) -> Result<(), StoreError> {
        let named = searches.iter().flat_map(|search| {
            let named = search.found.artifacts.iter();
            named.map(|(_, output, digest)| Key::artifact(&search.wanted.task, *output, digest))
        });
        let named: Vec<Key> = named.collect();
        if named.is_empty() {
            return Ok(());
        }
        let mut there = self.store.contains_many(&named)?.into_iter();
        for search in searches {
            search.lose_fits_without(&mut there);
        }
        Ok(())
    }

    /// An artifact that a look-up found; `None` if it is there no more.
    ///
    /// # Errors
    /// Also if it has not the content that its name says.
    pub fn artifact(
        &self,
        task: &Digest,
        output: Output,
        digest: Digest,
    ) -> Result<Option<Bytes>, StoreError> {
        let key = Key::artifact(task, output, &digest);
        self.store.get_verified(&key, digest)
    }

    /// The models that tasks of one fit each ask for, in their order, and the sum of the
    /// wall times of their fits; `None` if one is not there.
    ///
    /// # Errors
    /// As [`Record::artifact`].
    pub fn models(
        &self,
        wanted: &[WantedFits],
    ) -> Result<Option<(Vec<Bytes>, Duration)>, StoreError> {
        let found = self.reusing().look(wanted)?;
        let (mut named, mut wall) = (Vec::with_capacity(wanted.len()), Duration::ZERO);
        for (wanted, found) in wanted.iter().zip(found) {
            let mut artifacts = found.artifacts.iter();
            let Some((_, output, digest)) = artifacts.find(|(_, it, _)| *it == Output::Model)
            else {
                return Ok(None);
            };
            named.push((Key::artifact(&wanted.task, *output, digest), *digest));
            wall += found
                .finished
                .iter()
                .map(|it| it.outcome.wall)
                .sum::<Duration>();
        }
        let models = self.store.get_many_verified(&named)?;
        let models: Option<Vec<Bytes>> = models.into_iter().collect();
        Ok(models.map(|models| (models, wall)))
    }

    /// Writes the artifacts of the fits that `found` lacks. Returns their digests, by
    /// index among these fits.
    fn write_artifacts(
        &self,
        task: &Digest,
        artifacts: &[Artifact],
    ) -> Result<HashMap<u32, BTreeMap<Output, Digest>>, StoreError> {
        let mut digests: HashMap<u32, BTreeMap<Output, Digest>> = HashMap::new();
        for artifact in artifacts {
            let digest = Digest::of(&artifact.bytes);
            let key = Key::artifact(task, artifact.output, &digest);
            self.store.settle(&key, digest, artifact.bytes.clone())?;
            let of_fit = digests.entry(artifact.candidate).or_default();
            of_fit.insert(artifact.output, digest);
        }
        Ok(digests)
    }

    /// Keeps what became of those fits of `wanted` that `found` lacks, and their
    /// artifacts before that. It is durable when this returns. A fault of the run, not
    /// of the task ([`TaskFault::Cancelled`]), is not kept.
    pub fn keep(
        &self,
        wanted: &WantedFits,
        found: &Found,
        outcome: &Outcome,
        artifacts: &[Artifact],
    ) -> Result<Kept, StoreError> {
        let mut kept = Kept::default();
        if outcome.result == Err(TaskFault::Cancelled) {
            return Ok(kept);
        }
        let digests = self.write_artifacts(&wanted.task, artifacts)?;
        let mut content = content(wanted, &found.missing, outcome, digests);
        let mut number = found.next;
        loop {
            let key = Key::part(&wanted.task, number);
            let part = Part::new(wanted.task, number, content, outcome.wall);
            if self.store.create(&key, part.bytes(self.store.mac_key()))? {
                return Ok(kept);
            }
            content = part.content;
            // Removed since: the number is free again.
            let Some(bytes) = self.store.get(&key)? else {
                continue;
            };
            match Part::read(&bytes, &wanted.task, number, self.store.mac_key()) {
                Ok(other) => {
                    if !content.leave_out(&other.content, &wanted.outputs) {
                        kept.differing.push(key);
                    }
                }
                Err(Refused::Damaged) => kept.damaged.push(key),
                Err(Refused::Unproven) => kept.unproven.push(key),
            }
            if content.is_empty() {
                return Ok(kept);
            }
            number += 1;
        }
    }
}

fn key_of(params: &Params) -> String {
    serde_json::to_string(params).expect("hyper-parameters are JSON")
}

fn content(
    wanted: &WantedFits,
    positions: &[u32],
    outcome: &Outcome,
    mut artifacts: HashMap<u32, BTreeMap<Output, Digest>>,
) -> Content {
    let params = positions.iter().map(|&position| {
        let key = &wanted.fits[position as usize];
        serde_json::from_str::<Params>(key).expect("a key is an object in JSON")
    });
    match &outcome.result {
        Ok(answer) => {
            let fits = params.zip(&answer.scores).zip(0..);
            let fits = fits.map(|((params, scores), candidate)| Fit {
                params,
                scores: scores.clone(),
                artifacts: artifacts.remove(&candidate).unwrap_or_default(),
            });
            // A search may want a fit twice.
            let mut seen = BTreeSet::new();
            Content::Scores {
                models: answer.fits,
                fits: fits
                    .filter(|fit| seen.insert(key_of(&fit.params)))
                    .collect(),
            }
        }
        Err(fault) => Content::Fault {
            fault: fault.clone(),
            fits: params.collect(),
        },
    }
}

impl Content {
    fn is_empty(&self) -> bool {
        match self {
            Self::Scores { fits, .. } => fits.is_empty(),
            Self::Fault { fits, .. } => fits.is_empty(),
        }
    }

    /// Leaves out what another part has, artifacts of these `outputs` included. Returns
    /// whether that part has the same scores and artifacts for it.
    fn leave_out(&mut self, other: &Self, outputs: &[Output]) -> bool {
        match (self, other) {
            (Self::Scores { fits, .. }, Self::Scores { fits: others, .. }) => {
                let others: HashMap<String, &Fit> = others
                    .iter()
                    .map(|fit| (key_of(&fit.params), fit))
                    .collect();
                let mut same = true;
                fits.retain(|fit| match others.get(&key_of(&fit.params)) {
                    Some(other) => {
                        let mut both = fit.artifacts.iter();
                        same &= other.scores == fit.scores
                            && both.all(|(output, digest)| {
                                let other = other.artifacts.get(output);
                                other.is_none_or(|other| other == digest)
                            });
                        !other.gives(outputs)
                    }
                    None => true,
                });
                same
            }
            // Another was luckier, with more time perhaps: its scores hold.
            (Self::Fault { fits, .. }, Self::Scores { fits: others, .. }) => {
                let has = |params: &Params| {
                    let mut others = others.iter();
                    others.any(|fit| fit.params == *params && fit.gives(outputs))
                };
                if fits.iter().all(has) {
                    fits.clear();
                }
                true
            }
            (Self::Fault { fits, fault }, Self::Fault { fits: o, fault: f }) => {
                if fits == o && fault == f {
                    fits.clear();
                }
                true
            }
            (Self::Scores { .. }, Self::Fault { .. }) => true,
        }
    }
}

/// A task's parts as they are read, one after the other.
struct Search<'a> {
    wanted: &'a WantedFits,
    /// What is looked for of each fit beside its scores.
    outputs: &'a [Output],
    key: Option<&'a MacKey>,
    found: Found,
    faults: Vec<(BTreeSet<String>, Outcome)>,
}

impl<'a> Search<'a> {
    fn new(wanted: &'a WantedFits, key: Option<&'a MacKey>, reuse: Reuse) -> Self {
        Self {
            wanted,
            // Whoever only reads scores takes those without artifacts, too.
            outputs: match reuse {
                Reuse::All => &[],
                _ => &wanted.outputs,
            },
            key,
            found: Found {
                missing: (0..wanted.fits.len() as u32).collect(),
                ..Found::default()
            },
            faults: Vec::new(),
        }
    }

    fn key(&self) -> Key {
        Key::part(&self.wanted.task, self.found.next)
    }

    /// Takes in the next part. Returns whether one more may help.
    fn take(&mut self, key: Key, bytes: &[u8]) -> bool {
        match Part::read(bytes, &self.wanted.task, self.found.next, self.key) {
            Err(Refused::Damaged) => self.found.damaged.push(key),
            Err(Refused::Unproven) => self.found.unproven.push(key),
            Ok(part) => {
                let wall = part.wall();
                match part.content {
                    Content::Scores { models, fits } => self.take_scores(models, fits, wall),
                    Content::Fault { fault, fits } => {
                        let outcome = Outcome {
                            result: Err(fault),
                            wall,
                            reused: true,
                        };
                        self.faults
                            .push((fits.iter().map(key_of).collect(), outcome));
                    }
                }
            }
        }
        self.found.next += 1;
        !self.found.missing.is_empty()
    }

    fn take_scores(&mut self, models: u32, fits: Vec<Fit>, wall: Duration) {
        let there = fits.len();
        let outputs = self.outputs;
        let has: HashMap<String, Fit> = fits
            .into_iter()
            .filter(|fit| fit.gives(outputs))
            .map(|fit| (key_of(&fit.params), fit))
            .collect();
        let artifacts = &mut self.found.artifacts;
        let (mut positions, mut scores) = (Vec::new(), Vec::new());
        self.found.missing.retain(|&position| {
            match has.get(&self.wanted.fits[position as usize]) {
                Some(found) => {
                    positions.push(position);
                    scores.push(found.scores.clone());
                    let named = outputs.iter();
                    let named = named.map(|output| (position, *output, found.artifacts[output]));
                    artifacts.extend(named);
                    false
                }
                None => true,
            }
        });
        if positions.is_empty() {
            return;
        }
        // Of a call that served other fits too, these took their share.
        let wall = match positions.len() {
            all if all == there => wall,
            some => wall.mul_f64(some as f64 / there as f64),
        };
        self.found.finished.push(FinishedFits {
            positions,
            outcome: Outcome {
                result: Ok(Answer {
                    contract: CONTRACT,
                    fits: models,
                    scores,
                }),
                wall,
                reused: true,
            },
            worker: None,
            usage: TaskUsage::default(),
        });
    }

    /// Takes fits for missing of which an artifact is not there. `there` says so of
    /// each that was found named.
    fn lose_fits_without(&mut self, there: &mut impl Iterator<Item = bool>) {
        let named = std::mem::take(&mut self.found.artifacts);
        let (there, lost): (Vec<_>, Vec<_>) =
            named.into_iter().zip(there).partition(|(_, there)| *there);
        let lost: BTreeSet<u32> = lost
            .into_iter()
            .map(|((position, ..), _)| position)
            .collect();
        let there = there.into_iter().map(|(artifact, _)| artifact);
        self.found.artifacts = there
            .filter(|artifact| !lost.contains(&artifact.0))
            .collect();
        if lost.is_empty() {
            return;
        }
        for finished in &mut self.found.finished {
            let positions = std::mem::take(&mut finished.positions);
            let kept = positions.iter().map(|position| !lost.contains(position));
            let mut kept = kept.collect::<Vec<_>>().into_iter();
            if let Ok(answer) = &mut finished.outcome.result {
                answer.scores.retain(|_| kept.next() == Some(true));
            }
            let positions = positions.into_iter();
            finished.positions = positions.filter(|at| !lost.contains(at)).collect();
        }
        self.found
            .finished
            .retain(|finished| !finished.positions.is_empty());
        self.found.missing.extend(lost);
        self.found.missing.sort_unstable();
    }

    /// A fault stands for the very fits that met it together: with others, or
    /// fewer, they may do better.
    fn finish(mut self, limits: TaskLimits) -> Found {
        if self.found.missing.is_empty() {
            return self.found;
        }
        let fits = &self.wanted.fits;
        let missing: BTreeSet<&String> = self
            .found
            .missing
            .iter()
            .map(|&position| &fits[position as usize])
            .collect();
        let met = self.faults.into_iter().find(|(fits, outcome)| {
            fits.iter().eq(missing.iter().copied()) && holds(outcome, limits)
        });
        if let Some((_, outcome)) = met {
            self.found.finished.push(FinishedFits {
                positions: std::mem::take(&mut self.found.missing),
                outcome,
                worker: None,
                usage: TaskUsage::default(),
            });
        }
        self.found
    }

    fn finish_with_all(mut self) -> Found {
        for (fits, outcome) in self.faults {
            let wanted = &self.wanted.fits;
            let missing = &mut self.found.missing;
            let positions: Vec<u32> = missing
                .extract_if(.., |position| fits.contains(&wanted[*position as usize]))
                .collect();
            if !positions.is_empty() {
                self.found.finished.push(FinishedFits {
                    positions,
                    outcome,
                    worker: None,
                    usage: TaskUsage::default(),
                });
            }
        }
        self.found
    }
}

/// Whether an object is whole: its content has the digest that its name or it
/// itself states. `None` for objects that state none.
pub fn is_whole(kind: Kind, bytes: &[u8]) -> Option<bool> {
    match kind {
        Kind::Dataset(digest) | Kind::Splits(digest) | Kind::Plan(digest) => {
            Some(Digest::of(bytes) == digest)
        }
        Kind::Guest(digest) => Some(is_component(bytes, digest)),
        Kind::Part(task, number) => Some(Part::read(bytes, &task, number, None).is_ok()),
        Kind::Artifact(_, _, digest) => Some(Digest::of(bytes) == digest),
        Kind::Layout | Kind::Probe | Kind::Scratch(_) | Kind::Result(_) | Kind::Events(..) => None,
    }
}

/// Whether a fault is to be expected again under these limits.
fn holds(outcome: &Outcome, limits: TaskLimits) -> bool {
    match &outcome.result {
        Err(TaskFault::OutOfMemory { limit }) => limits.memory <= *limit,
        Err(TaskFault::TimedOut { limit_ms }) => {
            limits.timeout.as_millis() <= u128::from(*limit_ms)
        }
        _ => true,
    }
}
