//! [`Draft`], a plan that was read and may be wrong, and [`CheckedPlan`], the
//! only form that anything else accepts.
//!
//! A plan is checked in three steps, as what they need becomes known: the
//! text alone ([`read`]), the trainer ([`Draft::check_trainer`]), the columns
//! of the source ([`Draft::check_columns`]). Mistakes gather on the way, so
//! that [`Draft::finish`] reports all of them at once. It looks at no data.

mod check;
mod columns;
mod decode;
mod explain;
mod fields;
mod form;
mod json_schema;
mod mistake;
mod node;
mod option;
mod quantity;
mod reader;
mod schema;
mod suggest;
mod syntax;
#[cfg(test)]
mod tests;
mod values;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arrow_schema::Schema;
use fanout_contract::TrainerDescription;

use decode::{Base, Decoded};
use mistake::{Mistake, Place};
use node::Node;

use crate::store::Location;

pub use json_schema::json_schema;
pub use mistake::Mistakes;
pub use option::{Override, ParseOverrideError};
pub use schema::*;
pub(crate) use values::rounded;

/// Threat: the dataset given in the plan's place, and read whole.
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
    /// The file is not the text of a plan.
    #[error("`{}` is no plan: {found}; expected YAML in UTF-8, such as `plans/quickstart.yaml`", path.display())]
    NoText {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        found: String,
    },
    /// The plan is wrong.
    #[error("{0}")]
    Mistakes(Mistakes),
}

/// The text of a plan with the options that stand over it: what mistakes are
/// shown in.
#[derive(Clone, Debug)]
struct PlanSource(Arc<Source>);

#[derive(Debug)]
struct Source {
    name: String,
    text: String,
    options: Vec<Override>,
    /// `None` where nothing was understood.
    root: Option<Node>,
}

impl PlanSource {
    fn name(&self) -> &str {
        &self.0.name
    }

    /// A line of the text, from 1.
    fn line(&self, number: usize) -> Option<&str> {
        self.0.text.lines().nth(number.checked_sub(1)?)
    }

    /// An option of the command line.
    fn option(&self, index: usize) -> &str {
        self.0.options[index].shown()
    }

    /// Where the field at `path` (`cv.n_splits`) stands, or else the section
    /// that it is missing from.
    fn place(&self, path: &str) -> Place {
        let mut place = Place::Plan;
        let Some(mut node) = self.0.root.as_ref() else {
            return place;
        };
        let keys: Vec<&str> = path.split('.').collect();
        for (index, key) in keys.iter().enumerate() {
            let Some(next) = node.get(&[key]) else {
                return place;
            };
            let last = index + 1 == keys.len();
            let named = node.entry(key).filter(|_| !last || next.atom().is_none());
            place = named.map_or(next.place, |entry| entry.place);
            node = next;
        }
        place
    }
}

/// A plan that was read, with the mistakes found in it so far.
#[derive(Debug)]
pub struct Draft {
    source: PlanSource,
    decoded: Decoded,
    mistakes: Vec<Mistake>,
    trainer_checked: bool,
    columns_checked: bool,
}

/// Reads the plan in `file` with the fields of `options` set over it.
///
/// # Errors
///
/// If the file can't be read or is not text. What is wrong in the text is in
/// the draft.
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

/// A plan that says nothing but what it must, with the fields of `options` set
/// over it: for what its defaults are.
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

/// A plan's text as JSON, as an editor sees it: to be held against
/// [`json_schema()`].
///
/// # Errors
///
/// If the text is not YAML, says nothing, or holds what JSON can't (`.nan`).
pub fn to_json(text: &str) -> Result<serde_json::Value, PlanError> {
    let draft = Draft::parse(Path::new("plan.yaml"), text, &[], Path::new("/"));
    let mistakes = |list| PlanError::Mistakes(Mistakes::new(draft.source.clone(), list));
    let Some(root) = &draft.source.0.root else {
        return Err(mistakes(draft.mistakes.clone()));
    };
    let mut found = Vec::new();
    root.json(&mut found).ok_or_else(|| mistakes(found))
}

impl Draft {
    /// The plan of a text that stands in `file`, for somebody who stands in
    /// the folder `here`. It does no I/O.
    pub fn parse(file: &Path, text: &str, options: &[Override], here: &Path) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut mistakes = Vec::new();
        let mut root = syntax::parse(text, Place::File, &mut mistakes);
        if root.is_none() && mistakes.is_empty() {
            let empty = Mistake::new(Place::Plan, "the plan is empty");
            mistakes.push(empty.hint(
                "it needs `dataset` and `trainer` at least; `plans/quickstart.yaml` is one to copy",
            ));
        }
        let mut decoded = Decoded::default();
        if let Some(root) = &mut root {
            for (index, option) in options.iter().enumerate() {
                option.apply(index, root, &mut mistakes);
            }
            decoded = decode::decode(root, &Base { file, here }, &mut mistakes);
        }
        let source = Source {
            name: file.display().to_string(),
            text: text.to_owned(),
            options: options.to_vec(),
            root,
        };
        Self {
            source: PlanSource(Arc::new(source)),
            decoded,
            mistakes,
            trainer_checked: false,
            columns_checked: false,
        }
    }

    /// The `trainer` section, to find its guest by; `None` where it is wrong.
    pub fn trainer(&self) -> Option<&TrainerPlan> {
        self.decoded.trainer.as_ref()
    }

    /// The `pool` section; `None` where the plan is wrong.
    pub fn pool(&self) -> Option<&PoolPlan> {
        Some(&self.decoded.plan.as_ref()?.pool)
    }

    /// The store; `None` where the plan is wrong.
    pub fn store(&self) -> Option<&Location> {
        Some(&self.decoded.plan.as_ref()?.store)
    }

    /// The `limits` section; `None` where the plan is wrong.
    pub fn limits(&self) -> Option<Limits> {
        Some(self.decoded.plan.as_ref()?.limits)
    }

    /// The `dataset` section, to open the source by; `None` where it is wrong.
    pub fn dataset(&self) -> Option<&DatasetPlan> {
        self.decoded.dataset.as_ref()
    }

    /// Checks the trainer's name and the hyper-parameters.
    /// `trainers` are those of the plan's guest, or of all guests built in.
    pub fn check_trainer(&mut self, trainers: &[TrainerDescription]) {
        self.trainer_checked = true;
        if let Some(root) = &self.source.0.root {
            check::check(root, trainers, &mut self.mistakes);
        }
    }

    /// Checks the columns that the plan names against those of the source.
    pub fn check_columns(&mut self, schema: &Schema) {
        self.columns_checked = true;
        if let (Some(root), Some(dataset)) = (&self.source.0.root, &self.decoded.dataset) {
            columns::check(root, dataset, schema, &mut self.mistakes);
        }
    }

    /// The mistakes found so far, where there are any: to be told beside the
    /// error that keeps the next check from being made.
    pub fn error(&self) -> Option<PlanError> {
        let mistakes = || Mistakes::new(self.source.clone(), self.mistakes.clone());
        (!self.mistakes.is_empty()).then(|| PlanError::Mistakes(mistakes()))
    }

    /// The checked plan, or every mistake.
    ///
    /// # Errors
    ///
    /// [`PlanError::Mistakes`].
    ///
    /// # Panics
    ///
    /// If no mistake was found and one of the checks was not made: a mistake
    /// of the program.
    pub fn finish(self) -> Result<CheckedPlan, PlanError> {
        if !self.mistakes.is_empty() {
            return Err(PlanError::Mistakes(Mistakes::new(
                self.source,
                self.mistakes,
            )));
        }
        assert!(
            self.trainer_checked && self.columns_checked,
            "every check was made"
        );
        let plan = self
            .decoded
            .plan
            .expect("what was not decoded is a mistake");
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
    source: PlanSource,
}

impl CheckedPlan {
    /// A mistake that only the data shows, at the field `path` (such as
    /// `cv.n_splits`, or `dataset.features.2`) of the plan: shown like those
    /// that the plan shows alone.
    pub fn mistake(
        &self,
        path: &str,
        message: impl Into<String>,
        hint: Option<String>,
    ) -> PlanError {
        let mistake = Mistake::new(self.source.place(path), message).maybe_hint(hint);
        PlanError::Mistakes(Mistakes::new(self.source.clone(), vec![mistake]))
    }
}

impl std::ops::Deref for CheckedPlan {
    type Target = Plan;

    fn deref(&self) -> &Plan {
        &self.plan
    }
}

/// The URL of the store that a person calls `store`: a URL, or a folder seen
/// from `here`.
pub fn store_url(store: &str, here: &Path) -> String {
    decode::store_url(store, here)
}

/// A duration as people write it (`90s`, `1h30m`).
pub fn duration(text: &str) -> Option<Duration> {
    quantity::duration(text)
}

/// Bytes as people write them (`512MiB`, `10GiB`).
pub fn size(text: &str) -> Option<u64> {
    quantity::size(text)
}

impl From<Limits> for crate::task::TaskLimits {
    fn from(limits: Limits) -> Self {
        Self {
            memory: limits.memory,
            timeout: limits.timeout,
        }
    }
}
