//! `fanout model`: what a model file is, and its other forms.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;

use clap::builder::RangedU64ValueParser;
use clap::{ArgGroup, Args, Subcommand};
use fanout::dataset::Made;
use fanout::error::ErrorKind;
use fanout::model::{
    Composite, Model as AnyModel, ModelFile, ModelHead, Rule, Votes, export_onnx, package,
    with_model,
};
use fanout::report::files;
use fanout::report::human::{aligned, bytes, clip, count, counted, score};
use fanout::session::{OpenModel, SessionError, component as component_of};
use fanout::task::{Cancel, TaskLimits};
use fanout_contract::OnnxForm;
use serde_json::{Value, json};

use super::{CommandError, print};
use dependence::Dependence;
use explain::{Explain, Importance};

mod dependence;
mod explain;

/// Show or export a model of a run.
#[derive(Debug, Subcommand)]
pub(crate) enum Model {
    /// Show what a model is: its trainer, its columns, its scores.
    Show(Show),
    /// Write a model in a form that other programs read.
    Export(Export),
    /// Write what each feature adds to the predictions of rows: exact tree SHAP values.
    Explain(Explain),
    /// Show how much a model relies on each of its features.
    Importance(Importance),
    /// Write the mean prediction of rows by the value of a feature: partial dependence.
    Dependence(Dependence),
}

impl Model {
    pub(crate) fn run(self) -> Result<(), CommandError> {
        match self {
            Self::Show(show) => show.run(),
            Self::Export(export) => export.run(),
            Self::Explain(explain) => explain.run(),
            Self::Importance(importance) => importance.run(),
            Self::Dependence(dependence) => dependence.run(),
        }
    }
}

/// Show what a model is.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The model: the file `model.fanout` of a run's results.
    file: PathBuf,
    /// Print the whole head of the file as JSON, and of what the model was trained.
    #[arg(long)]
    json: bool,
}

impl Show {
    fn run(self) -> Result<(), CommandError> {
        let model = AnyModel::read(&self.file).map_err(SessionError::from)?;
        if self.json {
            let document = match &model {
                AnyModel::One(file) => document(file),
                AnyModel::Composite(composite) => composite_document(composite),
            };
            let text = document.and_then(|document| serde_json::to_string_pretty(&document));
            let text = text.map_err(|error| CommandError::new(ErrorKind::Internal, error))?;
            print(&(text + "\n"));
        } else {
            print(&match &model {
                AnyModel::One(file) => text(file)?,
                AnyModel::Composite(composite) => composite_text(composite)?,
            });
        }
        Ok(())
    }
}

/// Write a model in a form that other programs read.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("form").required(true).multiple(false)))]
pub(crate) struct Export {
    /// The model: the file `model.fanout` of a run's results.
    model: PathBuf,
    /// A file of ONNX.
    #[arg(long, value_name = "FILE", group = "form")]
    onnx: Option<PathBuf>,
    /// The version of ONNX's operators, 16 to 21.
    #[arg(long, value_name = "N", default_value_t = *OnnxForm::OPSETS.end(), value_parser = opset())]
    opset: u32,
    /// A WebAssembly component that has the model inside and answers rows over HTTP, on
    /// any host of `wasi:http`.
    #[arg(long, value_name = "FILE", group = "form")]
    component: Option<PathBuf>,
    /// The model for an endpoint that has none inside: the part `model` of its
    /// `POST /predict`.
    #[arg(long, value_name = "FILE", group = "form")]
    package: Option<PathBuf>,
    /// The component file of the model's guest, where the model has none.
    #[arg(long, value_name = "FILE")]
    guest: Option<PathBuf>,
    /// The most memory of the guest, in bytes.
    #[arg(long, value_name = "BYTES")]
    memory: Option<u64>,
}

fn opset() -> RangedU64ValueParser<u32> {
    let (first, last) = OnnxForm::OPSETS.into_inner();
    RangedU64ValueParser::new().range(u64::from(first)..=u64::from(last))
}

impl Export {
    fn run(self) -> Result<(), CommandError> {
        let path = self.onnx.as_ref().or(self.component.as_ref());
        let path = path.or(self.package.as_ref()).cloned();
        // One of them is named.
        let path = path.unwrap_or_default();
        files::prove_writable(&path)?;
        let content = match (&self.onnx, &self.component) {
            (Some(_), _) => self.onnx()?,
            (None, component) => {
                let model = AnyModel::read(&self.model).map_err(SessionError::from)?;
                // The members of a model that is served are of one guest.
                let guest = match component {
                    Some(_) => Some(component_of(&model.members()[0], self.guest.as_deref())?),
                    None => None,
                };
                let package = package(&model, guest.as_deref()).map_err(SessionError::from)?;
                match guest {
                    Some(guest) => with_model(&guest, &package).map_err(SessionError::from)?,
                    None => package,
                }
            }
        };
        files::replace(&path, |output| output.write_all(&content)).map_err(SessionError::from)?;
        Ok(())
    }

    /// The model in ONNX.
    fn onnx(&self) -> Result<Vec<u8>, CommandError> {
        let cancel = Cancel::default();
        super::interrupt::on_interrupt(cancel.clone())?;
        let model = OpenModel::read(&self.model, self.guest.as_deref(), 1)?;
        let limits = TaskLimits {
            memory: self.memory.unwrap_or(TaskLimits::default().memory),
            ..TaskLimits::default()
        };
        let predictors = model.predictors(limits, 1, &cancel);
        let file = export_onnx(&model.model, &predictors, self.opset);
        Ok(file.map_err(SessionError::from)?)
    }
}

/// The head, with where the training data were. How they were distributed is left out.
fn document(model: &ModelFile) -> Result<Value, serde_json::Error> {
    let mut document = serde_json::to_value(&model.head)?;
    let training = model.training.as_ref();
    document["training"] = training.map_or(Value::Null, |training| {
        json!({
            "source": training.source,
            "files": training.files,
            "earlier": training.earlier,
            "rows": training.rows,
            "retrained": training.retrained,
        })
    });
    Ok(document)
}

/// The rule, and the documents of the members.
fn composite_document(composite: &Composite) -> Result<Value, serde_json::Error> {
    let members = composite.members().iter().map(document);
    let mut document = serde_json::to_value(composite.head())?;
    document["members"] = members.collect::<Result<Vec<_>, _>>()?.into();
    Ok(document)
}

fn composite_text(composite: &Composite) -> Result<String, std::fmt::Error> {
    let (head, members) = (composite.head(), composite.members());
    let mut text = String::new();
    writeln!(
        text,
        "{}: a model composed of {} models",
        head.name,
        members.len()
    )?;
    writeln!(text, "rule        {}", rule_text(&head.rule, members))?;
    if let Rule::Ensembles { targets } = &head.rule {
        let mut rest = members;
        for target in targets {
            let (own, others) = rest.split_at(target.members);
            rest = others;
            let name = own[0].head.target_name();
            let rule = match &target.rule {
                Some(rule) => format!(
                    "{}; {rule}",
                    counted(own.len(), "member"),
                    rule = rule_text(rule, own)
                ),
                None => "1 member".to_owned(),
            };
            writeln!(text, "            {name}: {rule}")?;
        }
    }
    for member in members {
        write!(text, "\n{}", self::text(member)?)?;
    }
    Ok(text)
}

/// What a rule makes of the predictions of its members.
fn rule_text(rule: &Rule, members: &[ModelFile]) -> String {
    match rule {
        Rule::Targets => {
            "targets: the predictions of each member's target, side by side".to_owned()
        }
        Rule::Ensembles { .. } => {
            "ensembles: the predictions of each target by members of its own, side by side"
                .to_owned()
        }
        Rule::Voting { votes, weights } => {
            let how = match votes {
                Votes::Mean => "the weighted mean of what the members predict",
                Votes::Majority => "the class of the greatest weight of members",
            };
            let weights = weights.iter().map(f64::to_string).collect::<Vec<_>>();
            format!("voting: {how}; their weights are {}", weights.join(", "))
        }
        Rule::Stacking { .. } => {
            "stacking: the last member predicts from what the others predict".to_owned()
        }
        Rule::Chain { order } => {
            let names = order
                .iter()
                .map(|member| members[*member].head.target_name());
            let names = names.collect::<Vec<_>>().join(", ");
            format!(
                "chain: {}; each reads the predictions of those before",
                clip(&names, 60)
            )
        }
    }
}

fn text(model: &ModelFile) -> Result<String, std::fmt::Error> {
    let ModelHead {
        name,
        run,
        guest,
        params,
        steps,
        target,
        recipe,
        rows,
        scores,
        holdout,
        oob_score,
        ..
    } = &model.head;
    let mut text = String::new();
    writeln!(text, "{name}: a model of run {}", run.short())?;
    let steps = steps.iter().map(|step| format!("{}, ", step.step));
    let trainer = model.head.label();
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
    // A model that was retrained was not searched for.
    for (metric, held) in holdout.iter().flatten() {
        if !scores.contains_key(metric) {
            let held = held.map_or_else(|| "not defined".to_owned(), score);
            writeln!(text, "score       {metric} {held} on the newest rows")?;
        }
    }
    if let Some(value) = oob_score {
        let metric = if target.classes.is_empty() {
            "r2"
        } else {
            "accuracy"
        };
        writeln!(text, "out of bag  {metric} {}", score(*value))?;
    }
    let with = match &model.guest {
        Some(component) => format!("in the file, {}", bytes(component.len() as u64)),
        None => "not in the file".to_owned(),
    };
    writeln!(text, "guest       {}, {with}", guest.short())?;
    writeln!(text, "model       {}", bytes(model.fitted.len() as u64))?;
    if let Some(training) = &model.training {
        let files = counted(training.files.len(), "file");
        writeln!(
            text,
            "trained on  {files} of {}",
            clip(&training.source, 60)
        )?;
        if !training.earlier.is_empty() {
            let files = counted(training.earlier.len(), "file");
            writeln!(text, "left out    {files} of the models before")?;
        }
        if let Some(before) = &training.retrained {
            writeln!(text, "retrained   from the model of run {}", before.short())?;
        }
    }
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
