//! `fanout model`: what a model file is.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use fanout::dataset::Made;
use fanout::error::ErrorKind;
use fanout::model::{ModelFile, ModelHead};
use fanout::report::human::{aligned, bytes, clip, count, score};
use fanout::session::SessionError;

use super::{CommandError, print};
use explain::{Explain, Importance};

mod explain;

/// Show a model of a run.
#[derive(Debug, Subcommand)]
pub(crate) enum Model {
    /// Show what a model is: its trainer, its columns, its scores.
    Show(Show),
    /// Write what each feature adds to the predictions of rows: exact tree SHAP values.
    Explain(Explain),
    /// Show how much a model relies on each of its features.
    Importance(Importance),
}

impl Model {
    pub(crate) fn run(self) -> Result<(), CommandError> {
        match self {
            Self::Show(show) => show.run(),
            Self::Explain(explain) => explain.run(),
            Self::Importance(importance) => importance.run(),
        }
    }
}

/// Show what a model is.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The model: the file `model.fanout` of a run's results.
    file: PathBuf,
    /// Print the whole head of the file as JSON.
    #[arg(long)]
    json: bool,
}

impl Show {
    fn run(self) -> Result<(), CommandError> {
        let model = ModelFile::read(&self.file).map_err(SessionError::from)?;
        if self.json {
            let text = serde_json::to_string_pretty(&model.head);
            let text = text.map_err(|error| CommandError::new(ErrorKind::Internal, error))?;
            print(&(text + "\n"));
        } else {
            print(&text(&model)?);
        }
        Ok(())
    }
}

fn text(model: &ModelFile) -> Result<String, std::fmt::Error> {
    let ModelHead {
        name,
        run,
        guest,
        trainer,
        params,
        steps,
        target,
        recipe,
        rows,
        scores,
        holdout,
        ..
    } = &model.head;
    let mut text = String::new();
    writeln!(text, "{name}: a model of run {}", run.short())?;
    let steps = steps.iter().map(|step| format!("{}, ", step.step));
    writeln!(text, "trainer     {}{trainer}", steps.collect::<String>())?;
    for (name, value) in params {
        writeln!(text, "            {name}: {value}")?;
    }
    let of = match target.classes.as_slice() {
        [] => "a number".to_owned(),
        classes => clip(&classes.join(", "), 60),
    };
    writeln!(text, "target      {}: {of}", recipe.target.name)?;
    if let Some(positive) = target.positive() {
        let threshold = target.threshold;
        let threshold = threshold.map(|threshold| format!(" from a probability of {threshold} on"));
        let threshold = threshold.unwrap_or_default();
        writeln!(text, "positive    {positive}{threshold}")?;
    }
    writeln!(text, "fitted on   {} rows", count(*rows as usize))?;
    for (metric, searched) in scores {
        let (mean, std) = (score(searched.mean), score(searched.std));
        let held = holdout.as_ref().and_then(|scores| scores.get(metric));
        let held = held.copied().flatten();
        let held = held.map_or_else(String::new, |held| {
            format!(", {} on the hold-out", score(held))
        });
        writeln!(text, "score       {metric} {mean} ± {std}{held}")?;
    }
    let with = match &model.guest {
        Some(component) => format!("in the file, {}", bytes(component.len() as u64)),
        None => "not in the file".to_owned(),
    };
    writeln!(text, "guest       {}, {with}", guest.short())?;
    writeln!(text, "model       {}", bytes(model.fitted.len() as u64))?;
    let lines = recipe.features.iter().map(|feature| {
        let reads = match &feature.made {
            Made::Number => "number".to_owned(),
            Made::Category { labels } => format!("category of {} levels", labels.len()),
            Made::Ordered { labels } => format!("ordered: {}", clip(&labels.join(" < "), 40)),
            Made::Concat { labels, .. } => {
                format!(
                    "{} as a category of {} levels",
                    feature.of.join(" and "),
                    labels.len()
                )
            }
        };
        [clip(&feature.name, 40), clip(&reads, 60)]
    });
    let lines: Vec<[String; 2]> = lines.collect();
    writeln!(text, "\n{}", aligned(&lines).trim_end())?;
    Ok(text)
}
