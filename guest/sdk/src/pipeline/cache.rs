//! [`StepCache`]: fitted steps that several candidates share.

use std::collections::VecDeque;
use std::collections::btree_map::{BTreeMap, Entry};

use super::{FittedTaskStep, check, resolve};
use crate::contract::{StepDescription, TaskStep};
use crate::matrix::Block;
use crate::steps::{self, StepParams};
use crate::{Fault, Matrix, Params};

/// The most steps that are kept, however small: each is compared with what is looked
/// for.
const ENTRIES: usize = 64;

/// The bytes that fits on other rows than the expected ones may leave in the cache.
const OTHER_ROWS: usize = 8 << 20;

/// Fitted steps that several candidates share, with the matrices that they leave,
/// for one matrix of features. An entry is found by the key of
/// [`FitRows`](super::FitRows) and the JSON of the steps up to it.
///
/// The matrices share columns with each other. What the cache takes is bounded by the
/// bytes of their columns, each counted once, and by a number of entries; those that
/// were used last are kept.
#[derive(Debug)]
pub struct StepCache {
    capacity: usize,
    columns: KeptColumns,
    /// The latest first.
    entries: VecDeque<CachedStep>,
    /// By key without nested parameters: the values of these.
    expected: BTreeMap<String, Vec<Params>>,
    fits: u64,
}

/// A step of the cache.
#[derive(Debug)]
pub(super) struct CachedStep {
    pub(super) key: String,
    pub(super) params: StepParams,
    /// The number of columns of the output that the step made; the others passed.
    pub(super) own_columns: usize,
    pub(super) fitted: FittedTaskStep,
    pub(super) output: Matrix,
}

impl StepCache {
    /// A cache whose matrices take at most `bytes`. The step that was fitted last is
    /// kept in any case.
    pub fn new(bytes: usize) -> Self {
        Self {
            capacity: bytes,
            columns: KeptColumns::default(),
            entries: VecDeque::new(),
            expected: BTreeMap::new(),
            fits: 0,
        }
    }

    /// Notes the steps of candidates that will be fitted on rows of the key `key`,
    /// so that a step with nested parameters is fitted at the widest of their
    /// values. Replaces what was noted before. Large fits on other rows are forgotten:
    /// tasks come split by split.
    ///
    /// # Errors
    /// As [`check`].
    pub fn expect<'a>(
        &mut self,
        key: &str,
        candidates: impl IntoIterator<Item = &'a [TaskStep]>,
    ) -> Result<(), Fault> {
        self.expected.clear();
        if self.columns.bytes > OTHER_ROWS {
            let is_other = |entry: &CachedStep| !is_after(&entry.key, key);
            while let Some(place) = self.entries.iter().position(is_other) {
                self.drop_entry(place);
            }
        }
        for steps in candidates {
            check(steps)?;
            let mut before = key.to_owned();
            for step in steps {
                let (description, _) = resolve(step)?;
                let (key, nested) = split_key(&before, step, &description);
                if !nested.is_empty() {
                    let all = self.expected.entry(key).or_default();
                    if !all.contains(&nested) {
                        all.push(nested);
                    }
                }
                before = prefix_key(&before, step);
            }
        }
        Ok(())
    }

    /// Bounds the cache by `bytes` where that is more than before.
    pub fn grow(&mut self, bytes: usize) {
        self.capacity = self.capacity.max(bytes);
    }

    /// The bytes of the columns of all matrices that are kept, each counted once.
    pub fn bytes(&self) -> usize {
        self.columns.bytes
    }

    /// The number of steps that were fitted, not found here.
    pub fn fits(&self) -> u64 {
        self.fits
    }

    /// Forgets all fitted steps.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.columns = KeptColumns::default();
    }

    /// The widest of the expected values of nested parameters and the given ones.
    pub(super) fn widest(&self, key: &str, step: &str, params: &StepParams) -> StepParams {
        let mut all = vec![params.clone()];
        for nested in self.expected.get(key).into_iter().flatten() {
            let other = nested.iter().fold(params.clone(), |params, (name, value)| {
                params.with(name, value.clone())
            });
            if !all.contains(&other) {
                all.push(other);
            }
        }
        match all.as_slice() {
            [one] => one.clone(),
            all => steps::widest(step, all),
        }
    }

    /// The fit of a step, or one cut out of a wider fit.
    pub(super) fn find(
        &mut self,
        key: &str,
        params: &StepParams,
    ) -> Option<(FittedTaskStep, Matrix)> {
        let place = self.entries.iter().position(|entry| entry.key == key)?;
        let entry = self.entries.remove(place)?;
        let found = entry.narrowed(params);
        self.entries.push_front(entry);
        found
    }

    /// Keeps a step that was fitted.
    pub(super) fn add(&mut self, entry: CachedStep) {
        self.fits += 1;
        if let Some(place) = self.entries.iter().position(|old| old.key == entry.key) {
            self.drop_entry(place);
        }
        self.columns.add(&entry.output);
        self.entries.push_front(entry);
        while self.entries.len() > 1
            && (self.columns.bytes > self.capacity || self.entries.len() > ENTRIES)
        {
            self.drop_entry(self.entries.len() - 1);
        }
    }

    fn drop_entry(&mut self, place: usize) {
        if let Some(entry) = self.entries.remove(place) {
            self.columns.remove(&entry.output);
        }
    }
}

/// The columns of the matrices of a cache.
#[derive(Debug, Default)]
struct KeptColumns {
    /// By address: how many matrices have it. A column that is kept does not move.
    uses: BTreeMap<usize, usize>,
    bytes: usize,
}

impl KeptColumns {
    fn add(&mut self, matrix: &Matrix) {
        for (address, bytes) in matrix.blocks().iter().map(memory) {
            let uses = self.uses.entry(address).or_insert(0);
            *uses += 1;
            if *uses == 1 {
                self.bytes += bytes;
            }
        }
    }

    fn remove(&mut self, matrix: &Matrix) {
        for (address, bytes) in matrix.blocks().iter().map(memory) {
            if let Entry::Occupied(mut uses) = self.uses.entry(address) {
                *uses.get_mut() -= 1;
                if *uses.get() == 0 {
                    uses.remove();
                    self.bytes -= bytes;
                }
            }
        }
    }
}

/// The address of the values of a block, and their bytes.
fn memory(block: &Block) -> (usize, usize) {
    match block {
        Block::Number(column) => column.values.memory(),
        Block::Category(column) => column.codes.memory(),
        Block::Coded(block) => block.codes().memory(),
    }
}

/// The bytes of the columns of a matrix, as a [`StepCache`] counts them.
pub(crate) fn bytes_of(matrix: &Matrix) -> usize {
    let mut columns = KeptColumns::default();
    columns.add(matrix);
    columns.bytes
}

impl CachedStep {
    fn narrowed(&self, params: &StepParams) -> Option<(FittedTaskStep, Matrix)> {
        if self.params == *params {
            return Some((self.fitted.clone(), self.output.clone()));
        }
        let (step, mut columns) = self.fitted.step.as_ref()?.narrowed(params)?;
        columns.extend(self.own_columns..self.output.columns());
        let fitted = FittedTaskStep {
            step: Some(step),
            ..self.fitted.clone()
        };
        Some((fitted, self.output.select(&columns)))
    }
}

/// The key of a step without its nested parameters, and these.
pub(super) fn split_key(
    before: &str,
    step: &TaskStep,
    description: &StepDescription,
) -> (String, Params) {
    let mut outer = step.clone();
    let mut nested = Params::new();
    for param in description.params.iter().filter(|param| param.nested) {
        let value = outer.params.remove(&param.name);
        nested.insert(
            param.name.clone(),
            value.unwrap_or_else(|| param.default.clone()),
        );
    }
    (prefix_key(before, &outer), nested)
}

/// Whether a key is that of steps after those of the key `before`.
fn is_after(key: &str, before: &str) -> bool {
    key.strip_prefix(before)
        .is_some_and(|rest| rest.starts_with('\n'))
}

/// The key of some steps and one after them.
pub(super) fn prefix_key(before: &str, step: &TaskStep) -> String {
    let json = serde_json::to_string(step).expect("a step has text keys and finite numbers");
    format!("{before}\n{json}")
}
