//! [`load`]: a plan with its overrides, its trainer's guest, and the source's
//! columns, checked together.

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

use arrow_schema::{Field, Schema};
use bytes::Bytes;
use fanout_contract::metric::Metric;
use fanout_contract::{Learning, TrainerDescription};

use super::SessionError;
use super::catalogue::OfferedGuest;
use crate::dataset::{self, DatasetError, Prepared};
use crate::expand::Candidates;
use crate::plan::{self, CheckedPlan, Override, PlanError, PoolPlan, TrainerPlan};
use crate::sandbox::{Guest, Sandbox, default_cache};
use crate::store::Location;

/// A plan in which no mistake was found, with what the check needed to load.
#[derive(Debug)]
pub struct LoadedPlan {
    /// The plan.
    pub plan: CheckedPlan,
    /// The description of its trainer.
    pub trainer: TrainerDescription,
    /// The guest that offers the trainer.
    pub guest: Arc<Guest>,
    /// The guest's component file.
    pub component: Bytes,
    /// How many tasks run at a time, as far as the plan says.
    pub workers: usize,
}

/// Reads the plan in `file`, with the fields of `overrides` set over it, and
/// finds every mistake that can be found without reading the data.
pub fn load(file: &Path, overrides: &[Override]) -> Result<LoadedPlan, SessionError> {
    let mut draft = plan::read(file, overrides)?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let (workers, instances) = match draft.pool() {
        Some(PoolPlan::Local { workers }) => {
            let workers = workers.unwrap_or(cores);
            (workers, workers)
        }
        // The best candidate is refitted in this process.
        Some(PoolPlan::Http(http)) => (http.endpoints.len() * http.concurrency, 1),
        // The number of workers is known when the queue is asked.
        Some(PoolPlan::Nats(nats)) => (nats.workers.unwrap_or(1), 1),
        None => (cores, cores),
    };
    let sandbox = Sandbox::new(instances + 1, default_cache())?;
    let choice = Choice::find(&sandbox, draft.trainer())?;
    draft.check_trainer(&choice.trainers);
    let store = draft
        .store()
        .map_or_else(|| "memory://".into(), Location::from);
    let Some(dataset) = draft.dataset() else {
        return Err(draft
            .error()
            .expect("a plan without a dataset has a mistake")
            .into());
    };
    let schema = match dataset::read_schema(dataset, &store) {
        Ok(schema) => schema,
        // A mistake of the plan may be why.
        Err(error) => {
            return Err(match draft.error() {
                Some(mistakes) => mistakes.into(),
                None => DatasetError::from(error).into(),
            });
        }
    };
    draft.check_columns(&Schema::new(
        schema
            .columns
            .iter()
            .map(|column| Field::new(&column.name, column.data_type.clone(), true))
            .collect::<Vec<_>>(),
    ));
    let plan = draft.finish()?;
    let found = choice
        .trainers
        .into_iter()
        .find(|known| known.name == plan.trainer.name);
    let (Some(trainer), Some((guest, component))) = (found, choice.guest) else {
        unreachable!("a checked plan's trainer is known")
    };
    Ok(LoadedPlan {
        plan,
        trainer,
        guest: Arc::new(guest),
        component,
        workers,
    })
}

impl LoadedPlan {
    /// The plan as it suits the data: trainer and metrics are checked against the
    /// target, and the labels that the plan names are those of the data.
    pub fn suited(&self, prepared: &Prepared) -> Result<CheckedPlan, PlanError> {
        self.check_target(prepared)?;
        let classes = &prepared.classes;
        let find = |given: &str| {
            let label = dataset::find_label(classes, given)?;
            Some(classes[label].clone())
        };
        let plan = self
            .plan
            .with_labels(&self.trainer, find, &dataset::one_of(classes))?;
        for (index, score) in plan.scoring.iter().enumerate() {
            if let Ok(Metric::NegMeanCost(costs)) = score.resolve()
                && let Err(message) = costs.table(classes)
            {
                let path = format!("{}.params.costs", plan.score_path(index));
                let hint = "name the cost of each wrong prediction, 0 if it costs nothing";
                return Err(plan.mistake(&path, message, Some(hint.to_owned())));
            }
        }
        Ok(plan)
    }

    /// What of the plan's request is cut, one sentence each.
    pub fn cut(&self) -> Vec<String> {
        let cut = Candidates::cut(&self.plan.search);
        let sentence = cut.map(|(wanted, combinations)| {
            format!(
                "`search.n_iter` asks for {wanted} candidates, and the lists have {combinations} \
                 combinations: these are tried, each once"
            )
        });
        sentence.into_iter().collect()
    }

    fn check_target(&self, prepared: &Prepared) -> Result<(), PlanError> {
        let (plan, learning) = (&self.plan, prepared.learning);
        let target = &plan.dataset.target;
        if !self.trainer.tasks.contains(&learning) {
            let message = format!(
                "`{}` does not learn from {}, such as `{target}`",
                self.trainer.name,
                kind_of_target(learning)
            );
            return Err(plan.mistake("trainer.name", message, None));
        }
        for score in &plan.scoring {
            let metric = score.resolve().ok();
            if let Some(metric) = metric.filter(|metric| !metric.suits(learning)) {
                let message = format!(
                    "`{}` is not for {}, such as `{target}`",
                    score.name,
                    kind_of_target(learning)
                );
                let hint = format!("use `{}`", metric.instead(learning).join("` or `"));
                return Err(plan.mistake("scoring", message, Some(hint)));
            }
        }
        Ok(())
    }
}

fn kind_of_target(learning: Learning) -> &'static str {
    match learning {
        Learning::Binary => "a target of two classes",
        Learning::Multiclass => "a target of three classes or more",
        Learning::Regression => "a target that is a number",
    }
}

/// The trainers that a plan may choose from, up to the guest that offers the
/// one that it chose.
struct Choice {
    trainers: Vec<TrainerDescription>,
    guest: Option<(Guest, Bytes)>,
}

impl Choice {
    fn find(sandbox: &Sandbox, trainer: Option<&TrainerPlan>) -> Result<Self, SessionError> {
        let mut choice = Self {
            trainers: Vec::new(),
            guest: None,
        };
        let path = trainer.and_then(|trainer| trainer.guest.as_deref());
        for offered in OfferedGuest::of_plan(sandbox, path) {
            let offered = offered?;
            let chosen = trainer.is_some_and(|trainer| offered.offers(&trainer.name));
            choice.trainers.extend(offered.description.trainers);
            if chosen {
                let component = match offered.file.wasm {
                    Cow::Borrowed(embedded) => Bytes::from_static(embedded),
                    Cow::Owned(read) => read.into(),
                };
                choice.guest = Some((offered.guest, component));
                break;
            }
        }
        Ok(choice)
    }
}
