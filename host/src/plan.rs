//! Reading and checking plans: [`Draft`], a plan that may have mistakes, and
//! [`CheckedPlan`], the only form that anything else accepts.
//!
//! The plan's YAML is parsed to a tree (`syntax`, `node`); options of the
//! command line are put into it (`option`); the table of fields (`root` and
//! the sections beside it) checks the tree and resolves it to JSON (`form`,
//! `section`, `scalar`, `list`); and serde builds [`Plan`] from that. The same
//! table gives the [`json_schema()`]. A new field is one declaration in its section
//! (`table`): type, form, default, other names, and description.
//!
//! A plan is checked in three steps, as what they need becomes known: the
//! text alone ([`read`]), the trainer ([`Draft::check_trainers`]), the columns
//! of the source ([`Draft::check_columns`]). [`Draft::finish`] reports all
//! mistakes at once. This module reads no data.

mod arms;
mod bagging;
mod columns;
mod cv;
mod dataset;
mod diagnostics;
mod ensemble;
mod explain;
mod form;
mod json_schema;
mod kind;
mod labels;
mod list;
mod location;
mod members;
mod metric;
mod mistake;
mod node;
mod option;
mod param;
mod pool;
mod python;
mod quantity;
mod reading;
mod reference;
mod refit;
mod root;
mod scalar;
mod search;
mod searches;
mod section;
mod source;
mod steps;
mod suggest;
mod syntax;
mod syntax_error;
mod table;
mod targets;
#[cfg(test)]
mod tests;
mod trainer;
mod values;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_schema::Schema;
use fanout_contract::{Learning, StepDescription, TrainerDescription};

use form::Context;
use mistake::{Found, Place};
use root::{PLAN, Sections};
use source::PlanSource;

use crate::store::Location;

pub use arms::{ArmPlan, TrainerSearch};
pub use columns::matching;
pub use cv::{Cv, Holdout, SplitSize};
pub use dataset::{CsvOptions, DatasetPlan, FeaturePlan, MissingTarget, SourceFormat};
pub use diagnostics::Mistakes;
pub use ensemble::{EnsemblePlan, VoteKind};
pub use explain::{DependenceKind, DependencePlan, ExplainPlan, PermutationPlan, ShapPlan};
pub use json_schema::json_schema;
pub use kind::Kind;
pub use location::store_url;
pub use members::{MemberPlan, MembersPlan};
pub use metric::ErrorScore;
pub use option::{Override, ParseOverrideError};
pub use pool::{DataWay, HttpPlan, NatsPlan, PoolPlan};
pub use python::PythonPlan;
pub(crate) use python::is_module;
pub use quantity::{duration, size};
pub use reading::{ColumnKind, ColumnPlan, Order};
pub use reference::reference;
pub use refit::{RefitPlan, RefitRule};
pub use root::{Limits, Plan};
pub use search::{Search, TrainerPlan};
pub use steps::{NONE, StepPlan};
pub use targets::{Learn, Stratify, TargetPlan};
pub use values::Values;
pub(crate) use values::rounded;

/// Threat: a dataset given as the plan by mistake, and read whole.
const MAX_BYTES: u64 = 64 << 20;

/// Why a plan does not run.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The file can't be read.
    #[error("can't read the plan `{}`", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is not text.
    #[error("`{}` is not a plan: {found}; expected YAML in UTF-8, such as `plans/quickstart.yaml`", path.display())]
    NoText {
        /// The file.
        path: PathBuf,
        /// What was found.
        found: String,
    },
    /// The plan has mistakes.
    #[error("{0}")]
    Mistakes(Mistakes),
}

/// A plan that was read, with the mistakes found in it so far.
#[derive(Debug)]
pub struct Draft {
    source: Arc<PlanSource>,
    sections: Sections,
    found: Found,
    trainer_checked: bool,
    columns_checked: bool,
}

/// Reads the plan in `file`; `options` override its fields.
///
/// # Errors
///
/// If the file can't be read or is not text. Mistakes in the text are in the
/// draft.
pub fn read(file: &Path, options: &[Override]) -> Result<Draft, PlanError> {
    let unreadable = |source| PlanError::Unreadable {
        path: file.to_owned(),
        source,
    };
    let no_text = |found: String| PlanError::NoText {
        path: file.to_owned(),
        found,
    };
    let about = std::fs::metadata(file).map_err(unreadable)?;
    if about.is_dir() {
        return Err(no_text("it is a folder".to_owned()));
    }
    if about.len() > MAX_BYTES {
        return Err(no_text(format!("it has {} MiB", about.len() >> 20)));
    }
    let bytes = std::fs::read(file).map_err(unreadable)?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = good.iter().filter(|&&byte| byte == b'\n').count() + 1;
        no_text(format!("line {line} is not text in UTF-8"))
    })?;
    let here = std::env::current_dir().map_err(unreadable)?;
    Ok(Draft::parse(file, &text, options, &here))
}

/// A plan of required fields alone, overridden by `options`: for its defaults.
///
/// # Errors
///
/// If there is no working directory.
pub fn defaults(options: &[Override]) -> std::io::Result<Draft> {
    const LEAST: &str = "dataset: {source: none.csv, target: none}\ntrainer: {name: none}\n";
    let here = std::env::current_dir()?;
    Ok(Draft::parse(
        Path::new("the defaults"),
        LEAST,
        options,
        &here,
    ))
}

/// A plan's text as JSON, to be validated by [`json_schema()`].
///
/// # Errors
///
/// If the text is not YAML, is empty, or has a number that JSON lacks (`.nan`).
pub fn to_json(text: &str) -> Result<serde_json::Value, PlanError> {
    let draft = Draft::parse(Path::new("plan.yaml"), text, &[], Path::new("/"));
    let mistakes = |found| PlanError::Mistakes(Mistakes::new(draft.source.clone(), found));
    let Some(root) = &draft.source.root else {
        return Err(mistakes(draft.found.clone()));
    };
    let mut found = Found::default();
    root.json(&mut found).ok_or_else(|| mistakes(found))
}

impl Draft {
    /// The plan of a text in `file`; `here` is the working directory. It does
    /// no I/O.
    pub fn parse(file: &Path, text: &str, options: &[Override], here: &Path) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut cx = Context::new(file, here, &PLAN);
        let mut root = syntax::parse(text, Place::File, &mut cx.found);
        if root.is_none() && cx.found.0.is_empty() {
            let hint = "it needs `dataset` and `trainer` at least; `plans/quickstart.yaml` is one \
                        to copy";
            cx.note(Place::Plan, "the plan is empty").hint(hint);
        }
        let mut sections = Sections::default();
        if let Some(root) = &mut root {
            for (index, option) in options.iter().enumerate() {
                option.apply(index, root, &mut cx.found);
            }
            sections = root::read(root, &mut cx);
        }
        let source = PlanSource {
            name: file.display().to_string(),
            text: text.to_owned(),
            options: options.to_vec(),
            root,
        };
        Self {
            source: Arc::new(source),
            sections,
            found: cx.found,
            trainer_checked: false,
            columns_checked: false,
        }
    }

    /// The trainers, without those that have a mistake.
    pub fn trainers(&self) -> &[TrainerPlan] {
        &self.sections.trainers
    }

    /// The estimator of a second stage; `None` where it has a mistake.
    pub fn final_estimator(&self) -> Option<&TrainerPlan> {
        self.sections.final_estimator.as_ref()
    }

    /// The `pool` section; `None` where it has a mistake.
    pub fn pool(&self) -> Option<&PoolPlan> {
        self.sections.pool.as_ref()
    }

    /// The store; `None` where it has a mistake.
    pub fn store(&self) -> Option<&Location> {
        self.sections.store.as_ref()
    }

    /// The `limits` section; `None` where it has a mistake.
    pub fn limits(&self) -> Option<Limits> {
        self.sections.limits
    }

    /// Whether the plan has the model of a run explained.
    pub fn explains(&self) -> bool {
        let plan = self.sections.plan.as_ref();
        plan.is_some_and(|plan| plan.explain.is_some())
    }

    /// The `dataset` section; `None` where it has a mistake.
    pub fn dataset(&self) -> Option<&DatasetPlan> {
        self.sections.dataset.as_ref()
    }

    /// Checks the trainers' names, the steps and the hyper-parameters. `trainers`
    /// and `steps` are those of the plan's guests and of all built-in guests; `learning` says of
    /// each target whether classes or numbers are learnt, where that is known.
    pub fn check_trainers(
        &mut self,
        trainers: &[TrainerDescription],
        steps: &[StepDescription],
        learning: &[Option<Learning>],
    ) {
        self.trainer_checked = true;
        let Some(root) = &self.source.root else {
            return;
        };
        // What is wrong for several targets is told once.
        let mut kinds = learning.to_vec();
        kinds.sort_unstable();
        kinds.dedup();
        let mut found = Found::default();
        for kind in kinds {
            trainer::check(root, trainers, steps, kind, &mut found);
        }
        for mistake in found.0 {
            if !self.found.0.contains(&mistake) {
                self.found.0.push(mistake);
            }
        }
    }

    /// Checks the columns that the plan names against those of the source.
    pub fn check_columns(&mut self, schema: &Schema) {
        self.columns_checked = true;
        if let (Some(root), Some(_)) = (&self.source.root, &self.sections.dataset) {
            columns::check_source(root, schema, &mut self.found);
        }
    }

    /// The mistakes found so far, where there are any: to be shown when an
    /// error prevents the next check.
    pub fn error(&self) -> Option<PlanError> {
        let mistakes = || Mistakes::new(self.source.clone(), self.found.clone());
        (!self.found.0.is_empty()).then(|| PlanError::Mistakes(mistakes()))
    }

    /// The checked plan, or every mistake.
    ///
    /// # Errors
    ///
    /// [`PlanError::Mistakes`].
    ///
    /// # Panics
    ///
    /// If no mistake was found and one of the checks was not made: a bug.
    pub fn finish(self) -> Result<CheckedPlan, PlanError> {
        if let Some(error) = self.error() {
            return Err(error);
        }
        assert!(
            self.trainer_checked && self.columns_checked,
            "every check was made"
        );
        let plan = self.sections.plan;
        let plan = plan.expect("a plan that could not be built has a mistake");
        Ok(CheckedPlan {
            plan,
            source: self.source,
        })
    }
}

/// A plan in which no mistake was found.
#[derive(Clone, Debug, serde::Serialize)]
#[serde(transparent)]
pub struct CheckedPlan {
    plan: Plan,
    #[serde(skip)]
    source: Arc<PlanSource>,
}

impl CheckedPlan {
    /// A plan that was checked before, and is written nowhere; mistakes that data shows
    /// are told of the plan of `name`.
    pub fn resolved(plan: Plan, name: &str) -> Self {
        let source = PlanSource {
            name: name.to_owned(),
            text: String::new(),
            options: Vec::new(),
            root: None,
        };
        Self {
            plan,
            source: Arc::new(source),
        }
    }

    /// The path of an item of `scoring`, which may stand for a list of itself.
    pub fn score_path(&self, index: usize) -> String {
        let scoring = self.source.root.as_ref();
        let scoring = scoring.and_then(|root| root.get(&["scoring"]));
        match scoring.is_some_and(|scoring| !scoring.items().is_empty()) {
            true => format!("scoring.{index}"),
            false => "scoring".to_owned(),
        }
    }

    /// The plans of the searches, one for each target: see [`Plan::searches`].
    pub fn searches(&self) -> Vec<Self> {
        let plans = self.plan.searches().into_iter();
        let plans = plans.map(|plan| Self {
            plan,
            source: Arc::clone(&self.source),
        });
        plans.collect()
    }

    /// The plan for targets of these kinds, as far as they are known: what it says of the
    /// targets, and the defaults of splits and metrics.
    pub fn for_targets(mut self, learning: &[Option<Learning>]) -> Self {
        self.plan.set_learning(learning);
        match learning {
            [Some(learning)] if self.plan.dataset.targets.is_empty() => self.for_target(*learning),
            _ => self,
        }
    }

    fn for_target(mut self, learning: Learning) -> Self {
        let is_given = |field: &str| {
            let root = self.source.root.as_ref();
            root.is_some_and(|root| root.entry(field).is_some())
        };
        if learning == Learning::Regression {
            let k_fold = Cv::KFold {
                n_splits: 5,
                shuffle: false,
                random_state: 0,
            };
            if let Kind::NestedCrossValidation { inner_cv } = &mut self.plan.kind
                && !is_given("inner_cv")
            {
                *inner_cv = k_fold.clone();
            }
            if !is_given("cv") {
                self.plan.cv = k_fold;
            }
            if !is_given("scoring") {
                self.plan.scoring = vec!["r2".into()];
                if let Some(refit) = &mut self.plan.refit {
                    refit.metric = "r2".to_owned();
                }
            }
            self.plan.dataset.learn = Some(Learn::Regression);
        }
        self
    }

    /// A mistake that only the data shows, at the field `path` of the plan
    /// (`cv.n_splits`, `dataset.features.2`).
    pub fn mistake(
        &self,
        path: &str,
        message: impl Into<String>,
        hint: Option<String>,
    ) -> PlanError {
        let mut found = Found::default();
        found.note(self.source.place(path), message).hint = hint;
        PlanError::Mistakes(Mistakes::new(self.source.clone(), found))
    }
}

impl std::ops::Deref for CheckedPlan {
    type Target = Plan;

    fn deref(&self) -> &Plan {
        &self.plan
    }
}

impl From<Limits> for crate::task::TaskLimits {
    fn from(limits: Limits) -> Self {
        Self {
            memory: limits.memory,
            timeout: limits.timeout,
        }
    }
}
