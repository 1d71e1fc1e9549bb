//! [`StepCache`]: fitted steps that several candidates share.

use std::collections::{BTreeMap, VecDeque};

use super::{FittedTaskStep, check, resolve};
use crate::contract::{StepDescription, TaskStep};
use crate::steps::{self, StepParams};
use crate::{Fault, Matrix, Params};

/// Fitted steps that several candidates share, with the matrices that they leave,
/// for one matrix of features. The matrices share columns with each other. An entry
/// is found by the key of [`FitRows`](super::FitRows) and the JSON of the steps up
/// to it.
#[derive(Debug)]
pub struct StepCache {
    capacity: usize,
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
    /// A cache of the `capacity` steps that were used last. With 0 only the step
    /// that is being fitted is kept.
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity,
            entries: VecDeque::new(),
            expected: BTreeMap::new(),
            fits: 0,
        }
    }

    /// Notes the steps of candidates that will be fitted on rows of the key `key`,
    /// so that a step with nested parameters is fitted at the widest of their
    /// values. Replaces what was noted before.
    ///
    /// # Errors
    /// As [`check`].
    pub fn expect<'a>(
        &mut self,
        key: &str,
        candidates: impl IntoIterator<Item = &'a [TaskStep]>,
    ) -> Result<(), Fault> {
        self.expected.clear();
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

    /// The number of steps that were fitted, not found here.
    pub fn fits(&self) -> u64 {
        self.fits
    }

    /// Forgets all fitted steps.
    pub fn clear(&mut self) {
        self.entries.clear();
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
        self.keep(entry);
        found
    }

    /// Keeps a step that was fitted.
    pub(super) fn add(&mut self, entry: CachedStep) {
        self.fits += 1;
        self.keep(entry);
    }

    fn keep(&mut self, entry: CachedStep) {
        self.entries.retain(|other| other.key != entry.key);
        self.entries.truncate(self.capacity.saturating_sub(1));
        self.entries.push_front(entry);
    }
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

/// The key of some steps and one after them.
pub(super) fn prefix_key(before: &str, step: &TaskStep) -> String {
    let json = serde_json::to_string(step).expect("a step has text keys and finite numbers");
    format!("{before}\n{json}")
}
