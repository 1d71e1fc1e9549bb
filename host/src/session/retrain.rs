//! [`retrain()`]: fits the candidate of a model on later data, holds both models against
//! each other on the newest rows, and says which is better.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::Serialize;

use super::drift::Drift;
use super::training::dataset;
use super::{LoadedPlan, Opening, Options, Places, RetrainError, SessionError, component, open};
use crate::dataset::{Arrivals, HoldNewest, Prepared, TrainedFiles, Truth, Warning};
use crate::digest::Digest;
use crate::model::{Model, ModelFile, ModelHead};
use crate::plan::{CheckedPlan, Cv, Limits, PoolPlan};
use crate::run::data_summary::DataColumn;
use crate::run::event::{Event, Listeners};
use crate::run::manifest;
use crate::run::predictions::PredictionsError;
use crate::store::Location;
use crate::worth::Comparison;
use candidate::plan_of_model;
use fit::Retraining;

mod candidate;
mod fit;

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
    /// Those that were not read, since the model, or one before it, was trained on them.
    pub left_out: Vec<String>,
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
    let model = Model::read(path)?;
    let file = model.only(path, "a retraining is")?;
    let plan = plan_of_model(path, file, asked)?;
    let record = file.training.as_ref();
    let trained = record.map(|training| TrainedFiles {
        files: &training.files,
        earlier: &training.earlier,
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
            left_out: arrivals.left_out.clone(),
            // Another source has other files.
            gone: match asked.source {
                None => arrivals.gone.clone(),
                Some(_) => Vec::new(),
            },
        },
        drift: None,
        warnings: warnings(file, &arrivals, asked),
        run: None,
        reused: false,
        model: None,
    };
    if arrivals.is_empty() {
        return Ok(told);
    }
    let name = path.display().to_string();
    let guest = component(file, asked.guest.as_deref())?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let loaded = LoadedPlan::of_guest(CheckedPlan::resolved(plan, &name), guest, &name, cores)?;
    let places = Places::reach(&loaded)?;
    let started = Instant::now();
    let hold = HoldNewest {
        share: asked.holdout,
        time: asked.time.as_deref(),
    };
    let newest = arrivals.prepare(&loaded.plan, &places.store, hold)?;
    let prepared = &newest.prepared;
    listeners.emit(Event::DatasetPrepared {
        rows: prepared.rows,
        features: prepared.features(),
        reused: prepared.reused,
        wall: started.elapsed(),
        columns: DataColumn::of_table(prepared),
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
        loaded: &loaded,
        suited: &suited,
        prepared,
    };
    let opened = open(&[opening], &places, options, listeners)?.remove(0);
    let dataset = dataset(opened.record.store(), prepared)?;
    let plan = &suited.plan;
    let truth = Truth::read(
        &dataset,
        &plan.dataset.target,
        plan.dataset.weight.as_deref(),
    );
    let retraining = Retraining {
        truth: truth.map_err(PredictionsError::from)?,
        file,
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
