//! What `run` and `check` share: the plan with its overrides, its trainer's
//! guest, and the source's columns, checked together.

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;

use arrow_schema::{Field, Schema};
use bytes::Bytes;
use clap::Args;
use fanout::dataset::{self, DatasetError, Prepared};
use fanout::plan::{self, CheckedPlan, Override, PlanError, PoolPlan, TrainerPlan};
use fanout::sandbox::{Guest, Sandbox, default_cache};
use fanout::store::Location;
use fanout_contract::metric::Metric;
use fanout_contract::{Learning, TrainerDescription};

use super::offer::Offer;
use super::{CommandError, Kind};

/// A plan, and what stands over its fields.
#[derive(Debug, Args)]
pub(super) struct PlanArguments {
    /// The plan's file.
    plan: PathBuf,
    /// The folder of the result files, instead of the plan's `output`.
    #[arg(long, value_name = "DIR")]
    output: Option<String>,
    /// The store, instead of the plan's `store`.
    #[arg(long, value_name = "URL")]
    store: Option<String>,
    /// The URL of an endpoint that serves the guest, or several; that of NATS
    /// (`nats://HOST:4222`) for workers elsewhere; or `local`. Instead of the
    /// plan's `pool`.
    #[arg(long, value_name = "URL", value_delimiter = ',')]
    pool: Vec<String>,
    /// How many tasks run at a time, instead of the plan's `pool.workers`.
    #[arg(long, value_name = "N")]
    workers: Option<String>,
    /// Set any field of the plan; the value is YAML. May be repeated.
    #[arg(long, value_name = "path.to.field=VALUE")]
    set: Vec<String>,
}

/// A plan in which no mistake was found, with what the check needed to know.
pub(super) struct Loaded {
    pub(super) plan: CheckedPlan,
    pub(super) trainer: TrainerDescription,
    pub(super) guest: Arc<Guest>,
    /// The guest's component.
    pub(super) component: Bytes,
    pub(super) workers: usize,
}

impl PlanArguments {
    /// Reads the plan and finds every mistake that can be found without
    /// reading the data.
    pub(super) fn load(&self) -> Result<Loaded, CommandError> {
        let mut draft = plan::read(&self.plan, &self.overrides()?)?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let (workers, instances) = match draft.pool() {
            Some(PoolPlan::Local { workers }) => {
                let workers = workers.unwrap_or(cores);
                (workers, workers)
            }
            // The best candidate is refitted here.
            Some(PoolPlan::Http(http)) => (http.endpoints.len() * http.concurrency, 1),
            // Who is there is known once the queue is asked.
            Some(PoolPlan::Nats(nats)) => (nats.workers.unwrap_or(1), 1),
            None => (cores, cores),
        };
        let sandbox = Sandbox::new(instances + 1, default_cache())?;
        let choice = Choice::find(&sandbox, draft.trainer())?;
        draft.check_trainer(&choice.trainers);
        let store = draft
            .store()
            .map_or_else(|| "memory://".into(), Location::from);
        let outline = match draft.dataset().map(|plan| dataset::outline(plan, &store)) {
            Some(Ok(outline)) => outline,
            // The plan's mistakes come first: one may be why.
            Some(Err(error)) => return Err(draft.error().map_or_else(|| data(error), Into::into)),
            None => return Err(unfinished(draft)),
        };
        draft.check_columns(&Schema::new(
            outline
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
        Ok(Loaded {
            plan,
            trainer,
            guest: Arc::new(guest),
            component,
            workers,
        })
    }

    fn overrides(&self) -> Result<Vec<Override>, CommandError> {
        let set = self.set.iter().map(|argument| Override::set(argument));
        let set: Vec<Override> = set
            .collect::<Result<_, _>>()
            .map_err(|error| CommandError::new(Kind::Usage, error))?;
        // First: what is set of the pool is set of this one.
        let mut all = Vec::new();
        all.extend((!self.pool.is_empty()).then(|| Override::pool(&self.pool)));
        all.extend(set);
        all.extend(self.output.as_deref().map(Override::output));
        all.extend(self.store.as_deref().map(Override::store));
        all.extend(self.workers.as_deref().map(Override::workers));
        Ok(all)
    }
}

impl Loaded {
    /// What only the data shows: whether trainer and metrics suit the target.
    pub(super) fn check_target(&self, prepared: &Prepared) -> Result<(), PlanError> {
        let (plan, learning) = (&self.plan, prepared.learning);
        let target = &plan.dataset.target;
        if !self.trainer.tasks.contains(&learning) {
            let message = format!(
                "`{}` does not learn from {}, such as `{target}`",
                self.trainer.name,
                words(learning)
            );
            return Err(plan.mistake("trainer.name", message, None));
        }
        for name in &plan.scoring {
            let metric = Metric::named(name);
            if let Some(metric) = metric.filter(|metric| !metric.suits(learning)) {
                let message = format!(
                    "`{name}` is not for {}, such as `{target}`",
                    words(learning)
                );
                let hint = format!("use `{}`", metric.instead(learning).join("` or `"));
                return Err(plan.mistake("scoring", message, Some(hint)));
            }
        }
        Ok(())
    }
}

fn words(learning: Learning) -> &'static str {
    match learning {
        Learning::Binary => "a target of two classes",
        Learning::Multiclass => "a target of three classes or more",
        Learning::Regression => "a target that is a number",
    }
}

fn data(error: fanout::dataset::SourceError) -> CommandError {
    DatasetError::from(error).into()
}

/// The mistakes of a draft that has some.
fn unfinished(draft: plan::Draft) -> CommandError {
    match draft.error() {
        Some(error) => error.into(),
        None => CommandError::new(Kind::Internal, "the plan was not decoded"),
    }
}

/// The trainers that a plan may choose from, up to the guest that offers the
/// one that it chose.
struct Choice {
    trainers: Vec<TrainerDescription>,
    guest: Option<(Guest, Bytes)>,
}

impl Choice {
    fn find(sandbox: &Sandbox, trainer: Option<&TrainerPlan>) -> Result<Self, CommandError> {
        let mut choice = Self {
            trainers: Vec::new(),
            guest: None,
        };
        let path = trainer.and_then(|trainer| trainer.guest.as_deref());
        for offer in Offer::of_plan(sandbox, path) {
            let offer = offer?;
            let chosen = trainer.is_some_and(|trainer| offer.offers(&trainer.name));
            choice.trainers.extend(offer.description.trainers);
            if chosen {
                let component = match offer.file.wasm {
                    Cow::Borrowed(embedded) => Bytes::from_static(embedded),
                    Cow::Owned(read) => read.into(),
                };
                choice.guest = Some((offer.guest, component));
                break;
            }
        }
        Ok(choice)
    }
}
