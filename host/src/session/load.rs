//! [`load`]: a plan with its overrides, its trainer's guest, and the source's
//! columns, checked together.

mod choice;
mod second_stage;

use std::path::Path;
use std::sync::Arc;

use arrow_schema::{Field, Schema};
use bytes::Bytes;
use fanout_contract::metric::{Compares, Metric};
use fanout_contract::{Learning, TrainerDescription};

use choice::{BASELINE, Choice, Offer};

use super::catalogue::OfferedGuest;
use super::{SessionError, combinable, first_step, output};
use crate::dataset::{
    self, ColumnSummary, DatasetError, Prepared, Reads, SourceLook, SourceSchema,
};
use crate::digest::Digest;
use crate::expand::{Candidates, Data, Estimator, Inputs};
use crate::plan::{
    self, ArmPlan, CheckedPlan, DatasetPlan, Learn, NONE, Override, PlanError, PoolPlan,
};
use crate::sandbox::{Sandbox, default_cache};
use crate::store::Location;

pub use choice::LoadedGuest;

/// A plan in which no mistake was found, with what the check needed to load.
#[derive(Debug)]
pub struct LoadedPlan {
    /// The plan.
    pub plan: CheckedPlan,
    /// By arm of the plan, and at the end of a second stage: what its guest offers.
    offers: Vec<Offer>,
    /// The guests that offer the trainers, each once.
    pub guests: Vec<LoadedGuest>,
    /// How many tasks run at a time, as far as the plan says.
    pub workers: usize,
}

/// The step that fills in missing values.
const IMPUTER: &str = "simple_imputer";

/// The steps that make numbers of categories.
const ENCODERS: [&str; 3] = ["one_hot_encoder", "ordinal_encoder", "target_encoder"];

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
        // The guest describes itself in this process.
        Some(PoolPlan::Http(http)) => (http.endpoints.len() * http.concurrency, 1),
        // The number of workers is known when the queue is asked.
        Some(PoolPlan::Nats(nats)) => (nats.workers.unwrap_or(1), 1),
        None => (cores, cores),
    };
    // A worker keeps an instance of each guest, and there are no more than arms.
    let arms = draft.trainers().len().max(1) + usize::from(draft.final_estimator().is_some());
    // The refitted model is explained by instances of their own.
    let explaining = if draft.explains() { cores } else { 0 };
    let sandbox = Sandbox::new(instances * arms + 1 + explaining, default_cache())?;
    let choice = Choice::find(
        &sandbox,
        draft.trainers().iter().chain(draft.final_estimator()),
    )?;
    let store = draft
        .store()
        .map_or_else(|| "memory://".into(), Location::from);
    let looked = draft
        .dataset()
        .map(|dataset| look(dataset, &choice, draft.trainers().len(), &store));
    let learning = match &looked {
        Some(Ok((_, learning))) => learning.clone(),
        _ => vec![None],
    };
    draft.check_trainers(&choice.trainers, &choice.steps, &learning);
    let Some(looked) = looked else {
        return Err(draft
            .error()
            .expect("a plan without a dataset has a mistake")
            .into());
    };
    let schema = match looked {
        Ok((schema, _)) => schema,
        // A mistake of the plan may be why.
        Err(error) => {
            return Err(match draft.error() {
                Some(mistakes) => mistakes.into(),
                None => error.into(),
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
    let plan = draft.finish()?.for_targets(&learning);
    combinable::check_members(&plan)?;
    output::check(&plan)?;
    if let (PoolPlan::Http(_), [_, _, ..]) = (&plan.pool, choice.guests.as_slice()) {
        let message = "the endpoints serve one guest, and the trainers are of several";
        let hint = "use the pool `local` or `nats`, or a plan for each guest".to_owned();
        return Err(plan.mistake("pool", message, Some(hint)).into());
    }
    Ok(LoadedPlan {
        plan,
        offers: choice.arms,
        guests: choice.guests,
        workers,
    })
}

/// The columns of the source, and the kind of each target as far as it is known: what
/// the plan says, or what all trainers learn, or what the numbers are.
fn look(
    dataset: &DatasetPlan,
    choice: &Choice,
    arms: usize,
    store: &Location,
) -> Result<(SourceSchema, Vec<Option<Learning>>), DatasetError> {
    let mut source = SourceLook::open(dataset, store)?;
    let schema = source.schema()?;
    let learn_numbers = |of: fn(&TrainerDescription) -> bool| {
        let mut arms = choice.arms.iter().take(arms);
        !choice.arms.is_empty() && arms.all(|offer| offer.trainers.iter().all(of))
    };
    let regressors = learn_numbers(|trainer| !trainer.learns(Learning::Multiclass));
    let mut learning = Vec::new();
    for target in dataset.all_targets().iter() {
        let is_number = match target.learn {
            _ if target.above.is_some() => false,
            Some(Learn::Regression) => true,
            // Whether there are two classes or more, only the data shows.
            Some(Learn::Classification) => false,
            None => regressors || source.has_fractions(&target.column)?,
        };
        learning.push(is_number.then_some(Learning::Regression));
    }
    Ok((schema, learning))
}

impl LoadedPlan {
    /// The guest of a digest.
    pub(super) fn guest(&self, digest: Digest) -> Option<&LoadedGuest> {
        let mut guests = self.guests.iter();
        guests.find(|loaded| loaded.guest.digest() == digest)
    }

    /// A plan of one trainer, whose guest is `component`; the rest was checked before.
    /// `name` is that of the guest in messages; as many as `predictors` of its instances
    /// run beside those of the pool.
    pub(super) fn of_guest(
        plan: CheckedPlan,
        component: Bytes,
        name: &str,
        predictors: usize,
    ) -> Result<Self, SessionError> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let (workers, instances) = match &plan.pool {
            PoolPlan::Local { workers } => {
                let workers = workers.unwrap_or(cores);
                (workers, workers)
            }
            PoolPlan::Http(http) => (http.endpoints.len() * http.concurrency, 1),
            PoolPlan::Nats(nats) => (nats.workers.unwrap_or(1), 1),
        };
        let sandbox = Sandbox::new(instances + predictors + 1, default_cache())?;
        let OfferedGuest {
            file,
            guest,
            description,
        } = OfferedGuest::of(&sandbox, component, name)?;
        let wanted = plan.trainer.as_ref().map(|trainer| &trainer.name);
        let trainers = description.trainers.into_iter();
        let trainers = trainers.filter(|known| Some(&known.name) == wanted);
        let offer = Offer {
            guest: guest.digest(),
            trainers: trainers.collect(),
            baseline: Vec::new(),
            steps: description.steps,
        };
        let guest = LoadedGuest {
            guest: Arc::new(guest),
            file,
        };
        Ok(Self {
            plan,
            offers: vec![offer],
            guests: vec![guest],
            workers,
        })
    }

    /// The plans of the searches, one for each target.
    pub fn searches(&self) -> Vec<Self> {
        let plans = self.plan.searches().into_iter();
        let plans = plans.map(|plan| Self {
            plan,
            offers: self.offers.clone(),
            guests: self.guests.clone(),
            workers: self.workers,
        });
        plans.collect()
    }

    /// The plan as it suits the data: trainers and metrics are checked against the
    /// target, and the labels that the plan names are those of the data.
    pub fn suited(&self, prepared: &Prepared) -> Result<SuitedPlan, PlanError> {
        let arms = self.estimators(prepared)?;
        self.check_metrics(prepared)?;
        self.check_abilities(&arms, prepared)?;
        combinable::check(&self.plan, &arms, prepared)?;
        let second_stage = self.second_stage(prepared)?;
        let classes = &prepared.classes;
        let find = |given: &str| {
            let label = dataset::find_label(classes, given)?;
            Some(classes[label].clone())
        };
        let trainers: Vec<&TrainerDescription> = arms.iter().map(|arm| &arm.trainer).collect();
        let plan = self.plan.with_labels(
            &trainers,
            second_stage.as_ref().map(|of| &of.trainer),
            find,
            &dataset::one_of(classes),
        )?;
        let scores = plan.scoring.iter().enumerate();
        let scores = scores.map(|(index, score)| (plan.score_path(index), score));
        let threshold = plan.threshold.iter();
        let threshold = threshold.map(|score| ("threshold".to_owned(), score));
        for (path, score) in scores.chain(threshold) {
            if let Ok(Metric::NegMeanCost(costs)) = score.resolve()
                && let Err(message) = costs.table(classes)
            {
                let path = format!("{path}.params.costs");
                let hint = "name the cost of each wrong prediction, 0 if it costs nothing";
                return Err(plan.mistake(&path, message, Some(hint.to_owned())));
            }
        }
        let explained = plan.explain.iter();
        let explained = explained.filter_map(|explain| explain.partial_dependence.as_ref());
        let mut features = explained.flat_map(|plan| plan.features.iter().enumerate());
        if let Some((index, feature)) = features.find(|(_, name)| !prepared.is_feature(name)) {
            let message = format!("the dataset has no feature `{feature}`");
            let path = format!("explain.partial_dependence.features.{index}");
            let hint = format!("name {}", dataset::one_of(&prepared.feature_names()));
            return Err(plan.mistake(&path, message, Some(hint)));
        }
        let inputs = Inputs {
            baseline: (plan.kind.splits_by_cv())
                .then(|| self.baseline(&arms, prepared))
                .flatten(),
            arms,
            learning: prepared.learning,
            data: Data {
                dataset: prepared.dataset,
                splits: prepared.splits,
            },
            splits: prepared.folds.clone(),
            parts: prepared.parts.clone(),
        };
        Ok(SuitedPlan {
            plan,
            inputs,
            second_stage,
        })
    }

    /// The baseline that a guest of the plan offers; `None` if none does, or if the
    /// plan has it among its trainers.
    fn baseline(&self, arms: &[Estimator], prepared: &Prepared) -> Option<Estimator> {
        if arms.iter().any(|arm| arm.trainer.name == BASELINE) {
            return None;
        }
        let weighted = self.plan.dataset.weight.is_some();
        self.offers.iter().find_map(|offer| {
            let suited = |trainer: &&TrainerDescription| {
                trainer.tasks.contains(&prepared.learning)
                    && (trainer.abilities.weights || !weighted)
            };
            Some(Estimator {
                trainer: offer.baseline.iter().find(suited)?.clone(),
                steps: Vec::new(),
                guest: offer.guest,
            })
        })
    }

    /// What of the plan's request is cut, one sentence each.
    pub fn cut(&self) -> Vec<String> {
        let cut = self
            .plan
            .arms()
            .filter_map(|arm| Candidates::cut(&arm.searched()));
        let sentence = cut.map(|(wanted, combinations)| {
            format!(
                "`search.n_iter` asks for {wanted} candidates, and the lists have {combinations} \
                 combinations: these are tried, each once"
            )
        });
        sentence.collect()
    }

    /// By arm: the trainer that learns what the target is.
    fn estimators(&self, prepared: &Prepared) -> Result<Vec<Estimator>, PlanError> {
        let (plan, learning) = (&self.plan, prepared.learning);
        let target = &plan.dataset.target;
        let is_assumed = plan.dataset.learn != Some(Learn::Regression);
        if learning == Learning::Regression && is_assumed {
            let message = format!("the target `{target}` has numbers with fractions further on");
            let hint = "add `learn: regression`".to_owned();
            return Err(plan.mistake("dataset.target", message, Some(hint)));
        }
        let arms = plan.arms().zip(&self.offers).enumerate();
        let arms = arms.map(|(index, (arm, offer))| {
            let mut suited = offer.trainers.iter();
            let trainer = suited.find(|trainer| trainer.tasks.contains(&learning));
            let trainer = trainer.ok_or_else(|| {
                let message = format!(
                    "`{}` does not learn from {}, such as `{target}`",
                    arm.trainer.name,
                    kind_of_target(learning)
                );
                let hint = match learning {
                    Learning::Regression => "choose a trainer that learns numbers",
                    _ => "choose a trainer that learns classes, or add `learn: regression`",
                };
                let hint = format!("{hint}; `fanout guest list` says what each learns");
                plan.mistake(&trainer_path(plan, index), message, Some(hint))
            })?;
            check_steps(plan, index, &arm, offer)?;
            let steps = arm.steps.iter().map(|step| {
                let offered = offer.steps.iter();
                let offered = offered.filter(|known| step.step.contains(&known.name));
                offered.cloned().collect()
            });
            Ok(Estimator {
                trainer: trainer.chosen(arm.trainer.bagging),
                steps: steps.collect(),
                guest: offer.guest,
            })
        });
        arms.collect()
    }

    /// Checks that each trainer takes the features as its steps leave them, and the
    /// weights, and predicts what the metrics compare.
    fn check_abilities(&self, arms: &[Estimator], prepared: &Prepared) -> Result<(), PlanError> {
        let plan = &self.plan;
        let columns = prepared.summary.columns.iter();
        let features: Vec<_> = columns
            .filter(|column| prepared.is_feature(&column.name))
            .collect();
        for (index, (arm, estimator)) in plan.arms().zip(arms).enumerate() {
            let (name, abilities) = (&estimator.trainer.name, estimator.trainer.abilities);
            let path = trainer_path(plan, index);
            if let [step, ..] = arm.steps {
                let path = steps_path(plan, index, 0);
                first_step::check(plan, &path, step, &estimator.steps[0], &features)?;
            }
            // What a transformer of scikit-learn leaves, its fit shows.
            let has = |steps: &[&str]| {
                let mut named = arm.steps.iter().flat_map(|step| &step.step);
                named.any(|step| steps.contains(&step.as_str()) || step.contains('.'))
            };
            let mistake = |message: String, hint: &str| {
                Err(plan.mistake(&path, message, Some(hint.to_owned())))
            };
            let missing = features.iter().find(|column| column.missing > 0);
            if let Some(column) = missing.filter(|_| !abilities.missing && !has(&[IMPUTER])) {
                let message = format!(
                    "`{name}` takes no missing values, and `{}` has {}",
                    column.name, column.missing
                );
                return mistake(message, "add the step `simple_imputer`");
            }
            let is_category = |column: &&&ColumnSummary| matches!(column.reads, Reads::Category(_));
            let category = features.iter().find(is_category);
            if let Some(column) = category.filter(|_| !abilities.categories && !has(&ENCODERS)) {
                let message = format!(
                    "`{name}` takes numbers, and `{}` is a category",
                    column.name
                );
                return mistake(
                    message,
                    "add the step `one_hot_encoder`, or another encoder",
                );
            }
            if let Some(weight) = plan.dataset.weight.as_ref().filter(|_| !abilities.weights) {
                let message = format!("`{name}` takes no weights, and `weight` is `{weight}`");
                return mistake(message, "remove `weight`, or choose another trainer");
            }
            if let Some((message, hint)) = lacking(plan, &arm, &estimator.trainer) {
                return mistake(message, &hint);
            }
        }
        Ok(())
    }

    fn check_metrics(&self, prepared: &Prepared) -> Result<(), PlanError> {
        let (plan, learning) = (&self.plan, prepared.learning);
        let target = &plan.dataset.target;
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
        if plan.threshold.is_some() && learning != Learning::Binary {
            let kind = kind_of_target(learning);
            let message =
                format!("a threshold decides between two classes, and `{target}` is {kind}");
            let hint = "remove `threshold`".to_owned();
            return Err(plan.mistake("threshold", message, Some(hint)));
        }
        Ok(())
    }
}

/// Checks that the guest of an arm offers its steps, which another guest of the plan may.
fn check_steps(
    plan: &CheckedPlan,
    index: usize,
    arm: &ArmPlan<'_>,
    offer: &Offer,
) -> Result<(), PlanError> {
    for (place, step) in arm.steps.iter().enumerate() {
        let offered = |name: &String| {
            let mut known = offer.steps.iter();
            name == NONE || known.any(|known| known.name == *name)
        };
        if let Some(name) = step.step.iter().find(|name| !offered(name)) {
            let trainer = &arm.trainer.name;
            let message = format!("the guest of `{trainer}` offers no step `{name}`");
            let hint = match arm.trainer.python {
                Some(_) => "use steps of scikit-learn, by their paths, before this trainer",
                None => {
                    "give this trainer `steps` of its own; those of scikit-learn are for \
                         trainers `python`"
                }
            };
            let path = steps_path(plan, index, place);
            return Err(plan.mistake(&path, message, Some(hint.to_owned())));
        }
    }
    Ok(())
}

/// What a trainer does not predict and a metric of the plan compares, with a hint.
fn lacking(
    plan: &CheckedPlan,
    arm: &ArmPlan<'_>,
    trainer: &TrainerDescription,
) -> Option<(String, String)> {
    let (name, abilities) = (&trainer.name, trainer.abilities);
    let switch = trainer.probabilities_if.as_deref();
    let switch = switch.and_then(|switch| trainer.param(switch));
    let has_probabilities = combinable::predicts_probabilities(arm, trainer);
    let has_decisions = abilities.decisions || has_probabilities;
    if plan.threshold.is_some() && !has_decisions {
        let message = format!(
            "`{name}` predicts neither decisions nor probabilities, which `threshold` divides"
        );
        let hint = "remove `threshold`, or choose another trainer";
        return Some((message, hint.to_owned()));
    }
    plan.scoring.iter().find_map(|score| {
        let (what, instead) = match score.resolve().ok()?.compares() {
            Compares::Decisions if !has_decisions => (
                "neither decisions nor probabilities",
                "metrics of classes, such as `accuracy`",
            ),
            Compares::Probabilities if !has_probabilities && !has_decisions => {
                ("no probabilities", "metrics of classes, such as `accuracy`")
            }
            Compares::Probabilities if !has_probabilities => (
                "no probabilities",
                "metrics of decisions or classes, such as `average_precision` or `accuracy`",
            ),
            _ => return None,
        };
        let message = format!("`{name}` predicts {what}, which `{}` compares", score.name);
        Some(match switch {
            Some(switch) => (
                format!("{message}, unless `{}` is true", switch.name),
                format!("set `{}: true`, or use {instead}", switch.name),
            ),
            None => (message, format!("use {instead}")),
        })
    })
}

/// A plan as it suits its data, and what its tasks are made from.
#[derive(Debug)]
pub struct SuitedPlan {
    /// The plan.
    pub plan: CheckedPlan,
    /// The rest of what its tasks are made from.
    pub inputs: Inputs,
    /// The estimator of the second stage of an ensemble.
    pub second_stage: Option<Estimator>,
}

/// The path of the name of an arm's trainer in the plan.
fn trainer_path(plan: &CheckedPlan, arm: usize) -> String {
    let python = plan.arms().nth(arm);
    let python = python.and_then(|arm| arm.trainer.python.as_ref());
    let field = match python {
        Some(python) if python.sources.is_empty() => "python",
        _ => "name",
    };
    match plan.trainer {
        Some(_) => format!("trainer.{field}"),
        None => format!("trainers.{arm}.trainer.{field}"),
    }
}

/// The path of a step of an arm.
fn steps_path(plan: &CheckedPlan, arm: usize, step: usize) -> String {
    let own = plan.trainers.get(arm).and_then(|arm| arm.steps.as_ref());
    match own {
        Some(_) => format!("trainers.{arm}.steps.{step}"),
        None => format!("steps.{step}"),
    }
}

fn kind_of_target(learning: Learning) -> &'static str {
    match learning {
        Learning::Binary => "a target of two classes",
        Learning::Multiclass => "a target of three classes or more",
        Learning::Regression => "a target that is a number",
    }
}
