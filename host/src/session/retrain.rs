//! [`retrain()`]: fits the candidate of a model on later data, holds both models against
//! each other on the newest rows, and says which is better.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use bytes::Bytes;
use fanout_contract::{Learning, Output, Params, Split};
use serde::Serialize;

use super::drift::{Drift, of_columns};
use super::export::fitted;
use super::pools::Remote;
use super::training::{dataset, training};
use super::{
    LoadedPlan, Opened, Opening, Options, RetrainError, SessionError, SuitedPlan, component, open,
};
use crate::dataset::{Arrivals, HoldNewest, Newest, Prepared, RowSource, TrainedFiles, Truth};
use crate::dataset::{FileStamp, Recipe, Warning, reading};
use crate::digest::Digest;
use crate::model::{Asked, ModelFile, ModelFileError, ModelHead, ModelTarget, Predictor, predict};
use crate::plan::{
    CheckedPlan, Cv, DatasetPlan, Kind, Learn, Limits, Plan, PoolPlan, Search, StepPlan,
    TrainerPlan,
};
use crate::run::event::{Event, Listeners};
use crate::run::manifest;
use crate::run::predictions::{self, PredictionsError};
use crate::run::search::{ranking_metric, run_outside_search};
use crate::run::summary::Summary;
use crate::run::tasks::SingleTask;
use crate::store::{Location, Store};
use crate::worth::{self, Comparison, PredictedRows, Scoring, threshold};

/// What is asked of a retraining.
#[derive(Clone, Debug)]
pub struct Retrain {
    /// The data; `None`: the source that the model was trained on, read again.
    pub source: Option<String>,
    /// Whether files that the model was trained on are left out.
    pub new_only: bool,
    /// The share of the rows that came since that are held out, the newest ones.
    pub holdout: f64,
    /// The column that tells which rows are the newest; `None`: their order.
    pub time: Option<String>,
    /// Whether a new model that is better is fitted once more, on all rows.
    pub all_rows: bool,
    /// The component file of the model's guest, where the model has none.
    pub guest: Option<PathBuf>,
    /// The pool; `None`: the one on which the model was fitted.
    pub pool: Option<PoolPlan>,
    /// The store; likewise.
    pub store: Option<Location>,
    /// The limits of a task; likewise.
    pub limits: Option<Limits>,
    /// How many tasks run at a time, where that is not what the pool says.
    pub workers: Option<usize>,
}

/// Which of two models is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Winner {
    /// The one that was fitted on later data.
    New,
    /// The one that was there.
    Old,
}

/// What came of a retraining.
#[derive(Clone, Debug, Serialize)]
pub struct Retrained {
    /// The name of the plan.
    pub name: String,
    /// Which model is kept.
    pub winner: Winner,
    /// The metric that decided; null where nothing came since.
    pub metric: Option<String>,
    /// The scores of both on the newest rows, by metric.
    pub scores: BTreeMap<String, Comparison>,
    /// The rows.
    pub rows: Rows,
    /// What tells the newest rows: a column, or null for their order.
    pub time: Option<String>,
    /// The files.
    pub files: Files,
    /// How the data differ from those of the old model's training; null where its file
    /// has no record of them.
    pub drift: Option<Drift>,
    /// What its user should know, one sentence each.
    pub warnings: Vec<String>,
    /// The id of the run that fitted the new model.
    pub run: Option<Digest>,
    /// Whether the store had its fit.
    pub reused: bool,
    /// The new model, if it is the better one.
    #[serde(skip)]
    pub model: Option<ModelFile>,
}

/// The rows of a retraining.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Rows {
    /// All that were read.
    pub read: u64,
    /// Those of files that came since.
    pub since: u64,
    /// Those on which the new model was fitted.
    pub fitted: u64,
    /// The newest, on which the models were compared.
    pub compared: u64,
}

/// The files of a retraining, against those of the old model's training.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Files {
    /// Those that are new.
    pub new: Vec<String>,
    /// Those that changed.
    pub changed: Vec<String>,
    /// Those that the model's source has no more.
    pub gone: Vec<String>,
}

/// Fits the candidate of the model at `path` on later data and holds both models against
/// each other. Nothing is written but to the store.
///
/// # Errors
/// See [`SessionError`]. What was fitted is in the store all the same: the same call goes
/// on from there.
pub fn retrain(
    path: &Path,
    asked: &Retrain,
    options: &Options,
    listeners: &mut Listeners<'_>,
) -> Result<Retrained, SessionError> {
    let file = ModelFile::read(path)?;
    let plan = plan_of_model(path, &file, asked)?;
    let record = file.training.as_ref();
    let trained = record.map(|training| TrainedFiles {
        files: &training.files,
        rows: training.rows,
    });
    let arrivals = Arrivals::find(&plan.dataset, &plan.store, trained, asked.new_only)?;
    let mut told = Retrained {
        name: file.head.name.clone(),
        winner: Winner::Old,
        metric: None,
        scores: BTreeMap::new(),
        rows: Rows::default(),
        time: asked.time.clone(),
        files: Files {
            new: arrivals.new.clone(),
            changed: arrivals.changed.clone(),
            // Another source has other files.
            gone: match asked.source {
                None => arrivals.gone.clone(),
                Some(_) => Vec::new(),
            },
        },
        drift: None,
        warnings: warnings(&file, &arrivals, asked),
        run: None,
        reused: false,
        model: None,
    };
    if arrivals.is_empty() {
        return Ok(told);
    }
    let name = path.display().to_string();
    let guest = component(&file, asked.guest.as_deref())?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let loaded = LoadedPlan::of_guest(CheckedPlan::resolved(plan, &name), guest, &name, cores)?;
    let remote = Remote::open(&loaded.plan)?;
    let workers = match &remote {
        Some(remote) => remote.workers(loaded.workers)?,
        None => loaded.workers,
    };
    let store = Store::open(&loaded.plan.store)?;
    store.probe()?;
    store.mark_layout()?;
    let started = Instant::now();
    let hold = HoldNewest {
        share: asked.holdout,
        time: asked.time.as_deref(),
    };
    let newest = arrivals.prepare(&loaded.plan, &store, hold)?;
    let prepared = &newest.prepared;
    listeners.emit(Event::DatasetPrepared {
        rows: prepared.rows,
        features: prepared.features(),
        reused: prepared.reused,
        wall: started.elapsed(),
    });
    // Of the others, those who ran the plan know.
    let reading = prepared.summary.warnings.iter().filter(|warning| {
        matches!(
            warning,
            Warning::MissingTargets { .. } | Warning::Lost { .. }
        )
    });
    told.warnings.extend(reading.map(ToString::to_string));
    check_target(&file.head, prepared)?;
    let suited = loaded.suited(prepared)?;
    let opening = Opening {
        store: &store,
        prepared,
        remote,
        workers,
        options,
    };
    let opened = open(&loaded, &suited, opening, listeners)?;
    let dataset = dataset(&store, prepared)?;
    let plan = &suited.plan;
    let truth = Truth::read(
        &dataset,
        &plan.dataset.target,
        plan.dataset.weight.as_deref(),
    );
    let retraining = Retraining {
        truth: truth.map_err(PredictionsError::from)?,
        file: &file,
        loaded: &loaded,
        suited: &suited,
        arrivals: &arrivals,
        newest: &newest,
        opened: &opened,
        options,
        dataset,
        cores,
    };
    retraining.run(asked, &mut told, listeners)?;
    Ok(told)
}

/// The plan of a model's candidate alone, for later data.
fn plan_of_model(path: &Path, file: &ModelFile, asked: &Retrain) -> Result<Plan, SessionError> {
    let (head, record) = (&file.head, file.training.as_ref());
    let mut plan = manifest::plan_of(&head.plan).map_err(|source| ModelFileError::Form {
        path: path.to_owned(),
        source,
    })?;
    let (source, format) = match (&asked.source, record) {
        (Some(source), _) => (source.as_str(), None),
        (None, Some(record)) => (record.source.as_str(), head.reading.format),
        (None, None) => return Err(RetrainError::NoSource.into()),
    };
    let is_number = head.target.learning == Learning::Regression;
    let retunes = plan.threshold.is_some();
    plan.dataset = DatasetPlan {
        learn: Some(match is_number {
            true => Learn::Regression,
            false => Learn::Classification,
        }),
        positive: head.target.positive.clone(),
        ..reading(&head.reading, &head.recipe, (source, format), &[])
    };
    if !(retunes && plan.cv.takes_groups()) {
        plan.dataset.groups = None;
    }
    if !retunes {
        // Nothing is scored by splits, and other methods have needs of their own.
        plan.cv = Cv::KFold {
            n_splits: 2,
            shuffle: false,
            random_state: 0,
        };
    }
    plan.name += ", retrained";
    plan.kind = Kind::Search {};
    plan.holdout = None;
    plan.predictions = false;
    plan.trainers = Vec::new();
    plan.trainer = Some(TrainerPlan {
        name: head.trainer.clone(),
        guest: None,
        params: head.params.clone(),
    });
    let steps = head.steps.iter().map(|step| StepPlan {
        name: Some(step.name.clone()),
        step: vec![step.step.clone()],
        columns: step.columns.clone(),
        params: step.params.clone(),
    });
    plan.steps = steps.collect();
    plan.search = Search::List {
        candidates: vec![Params::new()],
    };
    let store = || Location::new(crate::plan::store_url(".fanout", &here()));
    let of_record = record.map(|record| (&record.pool, &record.store, record.limits));
    let (pool, at, limits) = match of_record {
        Some((pool, at, limits)) => (pool.clone(), at.clone(), limits),
        None => (plan.pool, store(), plan.limits),
    };
    plan.pool = asked.pool.clone().unwrap_or(pool);
    plan.store = asked.store.clone().unwrap_or(at);
    plan.limits = asked.limits.unwrap_or(limits);
    match &mut plan.pool {
        PoolPlan::Local { workers } => *workers = asked.workers.or(*workers),
        PoolPlan::Nats(nats) => nats.workers = asked.workers.or(nats.workers),
        PoolPlan::Http(http) => http.concurrency = asked.workers.unwrap_or(http.concurrency),
    }
    Ok(plan)
}

fn here() -> PathBuf {
    std::env::current_dir().unwrap_or_default()
}

/// What is to be known before anything is read.
fn warnings(file: &ModelFile, arrivals: &Arrivals, asked: &Retrain) -> Vec<String> {
    let mut warnings = Vec::new();
    if file.training.is_none() {
        let what = "the model does not say on which files it was trained: all rows count as new, \
                    and its scores are too good on those that it was trained on";
        warnings.push(what.to_owned());
    }
    if arrivals.appended {
        warnings.push(format!(
            "`{}` became larger: its first rows are taken to be those that the model was \
             trained on",
            arrivals.changed[0]
        ));
    } else if let Some(first) = arrivals.changed.first() {
        let others = match arrivals.changed.len() {
            1 => String::new(),
            more => format!(" and {} more", more - 1),
        };
        warnings.push(format!(
            "`{first}`{others} changed since the model was trained: all rows there count as new, \
             and its scores are too good on those that it was trained on"
        ));
    }
    let is_series = matches!(
        manifest::plan_of(&file.head.plan).map(|plan| plan.cv),
        Ok(Cv::TimeSeriesSplit { .. })
    );
    if asked.time.is_none() && !is_series {
        let mut columns = file.head.recipe.columns.iter();
        let is_time = |kind: arrow_schema::DataType| {
            use arrow_schema::DataType::{Date32, Date64, Timestamp};
            matches!(kind, Date32 | Date64 | Timestamp(..))
        };
        let time = columns.find(|column| column.arrow().is_some_and(is_time));
        warnings.extend(time.map(|column| {
            format!(
                "the last rows are taken to be the newest; with `--time {0}`, those with the \
                 latest `{0}`",
                column.name
            )
        }));
    }
    warnings
}

/// Checks that the target is what the model predicts.
fn check_target(head: &ModelHead, prepared: &Prepared) -> Result<(), RetrainError> {
    let (found, trained) = (&prepared.classes, &head.target.classes);
    let listed = |classes: &[String]| match classes {
        [] => "none, but numbers".to_owned(),
        classes => format!("`{}`", classes.join("`, `")),
    };
    match found == trained {
        true => Ok(()),
        false => Err(RetrainError::Classes {
            target: head.recipe.target.name.clone(),
            found: listed(found),
            trained: listed(trained),
        }),
    }
}

/// The scores of the new model on the newest rows.
fn held_out(told: &Retrained) -> BTreeMap<String, Option<f64>> {
    let scores = told.scores.iter();
    scores
        .map(|(name, compared)| (name.clone(), compared.new.score))
        .collect()
}

/// A retraining whose data are in the store.
struct Retraining<'a> {
    file: &'a ModelFile,
    loaded: &'a LoadedPlan,
    suited: &'a SuitedPlan,
    arrivals: &'a Arrivals,
    newest: &'a Newest,
    opened: &'a Opened,
    options: &'a Options,
    dataset: Bytes,
    truth: Truth,
    cores: usize,
}

impl Retraining<'_> {
    fn run(
        &self,
        asked: &Retrain,
        told: &mut Retrained,
        listeners: &mut Listeners<'_>,
    ) -> Result<(), SessionError> {
        let (head, prepared) = (&self.file.head, &self.newest.prepared);
        told.run = Some(self.opened.manifest.run());
        let (model, reused) = self.fit(&prepared.refit, listeners)?;
        told.reused = reused;
        let threshold = self.threshold(told, listeners)?;
        let old = self.predicted(&self.file.fitted, &head.recipe, head.target.threshold)?;
        let new = self.predicted(&model, &prepared.recipe, threshold)?;
        let compared = new.len() as u64;
        told.rows = Rows {
            read: prepared.rows,
            since: prepared.rows - self.newest.known_rows,
            fitted: prepared.search_rows,
            compared,
        };
        told.drift = match &self.file.training {
            Some(before) => {
                let since = |row: usize| row as u64 >= self.newest.known_rows;
                let recipes = (&head.recipe, &prepared.recipe);
                let classes = &head.target.classes;
                let mut drift = of_columns(before, classes, recipes, &self.dataset, since)?;
                drift.add_predictions(before, &worth::predicted(&old, self.scoring()).1);
                Some(drift)
            }
            None => None,
        };
        let scores = worth::compare(&old, &new, self.scoring());
        told.scores = scores.map_err(SessionError::Assessment)?;
        let metric = self.deciding(told)?;
        let run = self.opened.manifest.run();
        let summary = Summary::of_fit(run, Some(held_out(told)), told.warnings.clone());
        summary.keep(self.opened.record.store())?;
        let ahead = told.scores[&metric].difference.score;
        told.metric = Some(metric);
        if ahead.is_none_or(|ahead| ahead <= 0.0) {
            return Ok(());
        }
        told.winner = Winner::New;
        let (model, on_all) = match (asked.all_rows, &prepared.holdout) {
            (true, Some(holdout)) => {
                // The column of the hold-out has all rows.
                let all = Split {
                    test: None,
                    ..holdout.clone()
                };
                (self.fit(&all, listeners)?.0, true)
            }
            _ => (model, false),
        };
        if on_all {
            told.rows.fitted = prepared.rows;
        }
        told.model = Some(self.file_of(model, threshold, told, (&new, on_all), asked)?);
        Ok(())
    }

    fn plan(&self) -> &Plan {
        &self.suited.plan
    }

    fn scoring(&self) -> Scoring<'_> {
        let plan = self.plan();
        Scoring {
            scores: &plan.scoring,
            positive: plan.dataset.positive.as_deref(),
        }
    }

    /// The model of the training rows of a split, and whether the store had it.
    fn fit(
        &self,
        split: &Split,
        listeners: &mut Listeners<'_>,
    ) -> Result<(Bytes, bool), SessionError> {
        let Opened {
            expansion,
            record,
            pool,
            ..
        } = self.opened;
        let task = SingleTask::outside_search(expansion, 0, split, vec![Output::Model]);
        if !self.options.fresh
            && let Ok(model) = fitted(record, &task)
        {
            return Ok((model, true));
        }
        let ended = run_outside_search(&vec![task.clone()], &**pool, listeners)?;
        for result in ended {
            result.map_err(SessionError::Refit)?;
        }
        Ok((fitted(record, &task)?, false))
    }

    /// The decision threshold of the new model: tuned out of fold as the plan says, or
    /// else that of the old one.
    fn threshold(
        &self,
        told: &mut Retrained,
        listeners: &mut Listeners<'_>,
    ) -> Result<Option<f64>, SessionError> {
        let before = self.file.head.target.threshold;
        let Some(score) = &self.plan().threshold else {
            return Ok(before);
        };
        let Opened {
            expansion,
            record,
            pool,
            ..
        } = self.opened;
        let splits = &expansion.splits;
        let made = predictions::make(expansion, 0, splits, &**pool, listeners)?;
        made.map_err(SessionError::Refit)?;
        let rows = predictions::read(record, expansion, 0, splits, &self.truth)?;
        let rows = rows.ok_or(PredictionsError::Missing { candidate: 0 })?;
        let positive = self.plan().dataset.positive.as_deref();
        match threshold::tune(&rows, score, positive) {
            Ok(tuned) => Ok(Some(tuned.threshold)),
            Err(why) => {
                let warning = format!("no threshold was tuned, and the old one stays: {why}");
                told.warnings.push(warning);
                Ok(before)
            }
        }
    }

    /// What a model predicts of the newest rows.
    fn predicted(
        &self,
        model: &Bytes,
        recipe: &Recipe,
        threshold: Option<f64>,
    ) -> Result<PredictedRows, SessionError> {
        let (plan, marks) = (self.plan(), &self.newest.held_out);
        let rows = RowSource::of_arrivals(&plan.dataset, recipe, self.arrivals, marks)?;
        let predictor = Predictor {
            guest: &self.loaded.guests[0].guest,
            fitted: model,
            limits: plan.limits.into(),
            workers: self.cores,
            cancel: self.options.cancel.clone(),
        };
        let mut batches = Vec::new();
        predict(&predictor, &rows, &Asked::Outputs, &mut |batch| {
            batches.push(batch);
            Ok(())
        })?;
        let numbers = (0..).zip(marks);
        let numbers = numbers.filter_map(|(row, marked)| marked.then_some(row));
        let rows = PredictedRows::of_model(&batches, numbers.collect(), &self.truth);
        let rows = rows.map_err(PredictionsError::from)?;
        let positive = self.scoring().positive(rows.target.classes());
        Ok(match positive.zip(threshold) {
            Some((positive, threshold)) => rows.with_threshold(positive, threshold),
            None => rows,
        })
    }

    /// The metric that decides: that of `refit`, or else the first that is defined for
    /// both models, which is a warning.
    fn deciding(&self, told: &mut Retrained) -> Result<String, RetrainError> {
        let scoring = &self.plan().scoring;
        let first = &scoring[ranking_metric(self.plan())].name;
        let names = scoring.iter().map(|score| &score.name);
        let names: Vec<&String> = std::iter::once(first).chain(names).collect();
        let is_defined = |name: &&&String| {
            let compared = told.scores.get(**name);
            compared.is_some_and(|compared| compared.difference.score.is_some())
        };
        let found = names.iter().find(is_defined).ok_or_else(|| {
            let listed: Vec<String> = names[1..].iter().map(|name| format!("`{name}`")).collect();
            RetrainError::Undefined {
                metrics: listed.join(", "),
                rows: self.newest.held_out.iter().filter(|held| **held).count(),
            }
        })?;
        if *found != first {
            told.warnings.push(format!(
                "`{first}` is not defined on the newest rows: `{found}` decides"
            ));
        }
        Ok((*found).clone())
    }

    /// The file of the new model.
    fn file_of(
        &self,
        fitted: Bytes,
        threshold: Option<f64>,
        told: &Retrained,
        (predicted, on_all): (&PredictedRows, bool),
        asked: &Retrain,
    ) -> Result<ModelFile, SessionError> {
        let (old, prepared) = (&self.file.head, &self.newest.prepared);
        let head = ModelHead {
            run: self.opened.manifest.run(),
            target: ModelTarget {
                threshold,
                ..old.target.clone()
            },
            recipe: prepared.recipe.clone(),
            rows: told.rows.fitted,
            scores: BTreeMap::new(),
            holdout: Some(held_out(told)),
            ..old.clone()
        };
        let is_fitted = |row: usize| on_all || !self.newest.held_out[row];
        let predicted = worth::predicted(predicted, self.scoring());
        let plan = self.plan();
        let mut record = training(plan, prepared, &self.dataset, is_fitted, Some(predicted))?;
        record.retrained = Some(old.run);
        if let Some(before) = self.file.training.as_ref().filter(|_| asked.new_only) {
            // What the old model was trained on is known, too.
            let is_read = |stamp: &&FileStamp| record.files.iter().all(|f| f.name != stamp.name);
            let others: Vec<FileStamp> = before.files.iter().filter(is_read).cloned().collect();
            let rows = before.rows.filter(|_| self.arrivals.changed.is_empty());
            record.rows = rows.zip(record.rows).map(|(before, read)| before + read);
            record.files.extend(others);
        }
        let guest = self.file.guest.clone();
        Ok(ModelFile::new(head, fitted, guest, Some(record)))
    }
}
