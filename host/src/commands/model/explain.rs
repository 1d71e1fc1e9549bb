//! `fanout model explain` and `fanout model importance`: why a model predicts what it
//! predicts.

use std::path::PathBuf;

use clap::Args;
use fanout::error::ErrorKind;
use fanout::model::Wanted;
use fanout::report::explanations::{self, importances_table, ranked};
use fanout::report::files;
use fanout::report::human::{aligned, clip};
use fanout::session::{OpenModel, SessionError};
use fanout::task::{Cancel, TaskLimits};
use fanout_contract::Importances;

use crate::commands::predict::ModelRows;
use crate::commands::{CommandError, print};

/// Write what each feature adds to the predictions of rows.
#[derive(Debug, Args)]
pub(crate) struct Explain {
    #[command(flatten)]
    rows: ModelRows,
}

impl Explain {
    pub(crate) fn run(self) -> Result<(), CommandError> {
        self.rows.run(Wanted::Contributions)
    }
}

/// Show how much a model relies on each of its features.
#[derive(Debug, Args)]
pub(crate) struct Importance {
    /// The model: the file `model.fanout` of a run's results.
    model: PathBuf,
    /// Write a Parquet file as well: a column `feature`, and one per kind.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The component file of the model's guest, where the model has none.
    #[arg(long, value_name = "FILE")]
    guest: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

impl Importance {
    pub(crate) fn run(self) -> Result<(), CommandError> {
        let cancel = Cancel::default();
        crate::commands::interrupt::on_interrupt(cancel.clone())?;
        if let Some(path) = &self.output {
            files::prove_writable(path)?;
        }
        let model = OpenModel::read(&self.model, self.guest.as_deref(), 1)?;
        let (_, predictor) = model.only("importances are", TaskLimits::default(), 1, cancel)?;
        let importances = predictor.importances().map_err(SessionError::from)?;
        if let Some(path) = &self.output {
            explanations::parquet(path, importances_table(&importances))
                .map_err(SessionError::from)?;
        }
        if self.json {
            let text = serde_json::to_string_pretty(&importances);
            let text = text.map_err(|error| CommandError::new(ErrorKind::Internal, error))?;
            print(&(text + "\n"));
        } else {
            print(&text(&importances));
        }
        Ok(())
    }
}

fn text(importances: &Importances) -> String {
    let mut lines: Vec<[String; 3]> = Vec::new();
    let mut kinds = importances.importances.iter();
    let kinds = [kinds.next(), kinds.next()];
    let name = |at: usize| kinds[at].map_or("", |(kind, _)| kind.name()).to_owned();
    lines.push(["feature".to_owned(), name(0), name(1)]);
    for place in ranked(importances) {
        let number = |at: usize| match kinds[at] {
            Some((_, numbers)) if numbers[place].fract() == 0.0 => numbers[place].to_string(),
            Some((_, numbers)) => format!("{:.6}", numbers[place]),
            None => String::new(),
        };
        let feature = clip(&importances.features[place], 40);
        lines.push([feature, number(0), number(1)]);
    }
    aligned(&lines)
}
