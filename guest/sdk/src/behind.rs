//! [`BehindSteps`]: the features of a dataset as the steps of tasks leave them.
//!
//! Steps are fitted once for all candidates and tasks that share them on a split,
//! as long as they are kept. What is kept changes no result.

use std::any::Any;
use std::cell::{OnceCell, RefCell};
use std::rc::Rc;

use crate::contract::metric::Compares;
use crate::contract::{StepsMemory, TaskStep};
use crate::offer::Offer;
use crate::pipeline::{FitRows, bytes_of};
use crate::trainer::{Prediction, Scorer};
use crate::{Fault, Matrix, Pipeline, StepCache, Table};

/// The bytes of fitted steps that are kept: so many, or, if that is more, so many
/// times those of the features, which are counted among them. Tasks come split by
/// split, and those that share steps one after the other.
const KEPT_BYTES: usize = 32 << 20;
const KEPT_TIMES: usize = 2;

/// What a [`Matrix`] holds, and those that steps leave.
pub(crate) const MEMORY: StepsMemory = StepsMemory {
    kept: KEPT_BYTES as u64,
    times: KEPT_TIMES as u64,
    number: 8,
    category: 4,
};

/// The features of a dataset behind steps, with what was fitted last.
pub(crate) struct BehindSteps {
    matrix: OnceCell<Matrix>,
    cache: RefCell<StepCache>,
    prepared: RefCell<Option<Prepared>>,
}

/// The prepared data of a trainer behind steps.
struct Prepared {
    /// The trainer, and all that decides the data.
    key: (usize, String),
    data: Rc<dyn Any>,
}

impl Default for BehindSteps {
    fn default() -> Self {
        Self {
            matrix: OnceCell::new(),
            cache: RefCell::new(StepCache::new(KEPT_BYTES)),
            prepared: RefCell::default(),
        }
    }
}

impl std::fmt::Debug for BehindSteps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BehindSteps")
            .field("cache", &self.cache)
            .finish_non_exhaustive()
    }
}

impl BehindSteps {
    /// Notes the steps of all candidates of a task, so that steps with nested
    /// parameters are fitted once for all.
    ///
    /// # Errors
    /// If a step is unknown, or a parameter is not allowed.
    pub(crate) fn expect<'a>(
        &self,
        key: &str,
        candidates: impl IntoIterator<Item = &'a [TaskStep]>,
    ) -> Result<(), Fault> {
        self.cache.borrow_mut().expect(key, candidates)
    }

    /// Fits steps on the training rows. Returns them with the matrix that they
    /// leave.
    ///
    /// # Errors
    /// If a feature can't be read, or a step can't be fitted.
    pub(crate) fn fit(
        &self,
        table: &Table,
        steps: &[TaskStep],
        rows: &FitRows<'_>,
    ) -> Result<(Pipeline, Matrix), Fault> {
        let matrix = match self.matrix.get() {
            Some(matrix) => matrix,
            None => {
                let matrix = Matrix::of(table)?;
                let kept = bytes_of(&matrix).saturating_mul(KEPT_TIMES);
                self.cache.borrow_mut().grow(kept);
                self.matrix.get_or_init(|| matrix)
            }
        };
        Pipeline::fit(steps, matrix, rows, &mut self.cache.borrow_mut())
    }

    /// The prepared data of trainer `slot` behind steps.
    ///
    /// # Errors
    /// As [`Self::fit`], and if the trainer does not support a feature.
    pub(crate) fn prepared(
        &self,
        (slot, offer): (usize, &dyn Offer),
        table: &Table,
        steps: &[TaskStep],
        rows: &FitRows<'_>,
    ) -> Result<Rc<dyn Any>, Fault> {
        let json = serde_json::to_string(steps).expect("steps have text keys and finite numbers");
        let key = (slot, format!("{}\n{json}", rows.key));
        if let Some(kept) = &*self.prepared.borrow()
            && kept.key == key
        {
            return Ok(Rc::clone(&kept.data));
        }
        // Its memory is free for what replaces it.
        self.prepared.replace(None);
        let (_, matrix) = self.fit(table, steps, rows)?;
        let data: Rc<dyn Any> = offer.prepare_matrix(&matrix)?.into();
        self.prepared.replace(Some(Prepared {
            key,
            data: Rc::clone(&data),
        }));
        Ok(data)
    }
}

/// Passes on the predictions of some candidates of a task.
pub(crate) struct Members<'a> {
    /// Takes those of all candidates.
    pub(crate) scorer: &'a mut dyn Scorer,
    /// The indices of the candidates in the task.
    pub(crate) members: &'a [usize],
}

impl Scorer for Members<'_> {
    fn test(&mut self, candidate: usize, prediction: Prediction<'_>) -> Result<(), Fault> {
        self.scorer.test(self.members[candidate], prediction)
    }

    fn wants(&self, kind: Compares) -> bool {
        self.scorer.wants(kind)
    }

    fn wants_train(&self) -> bool {
        self.scorer.wants_train()
    }

    fn train(&mut self, candidate: usize, prediction: Prediction<'_>) -> Result<(), Fault> {
        self.scorer.train(self.members[candidate], prediction)
    }
}
