//! `fanout model explain` and `fanout model importance`: why a model predicts what it
//! predicts.

use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use clap::Args;
use fanout::error::ErrorKind;
use fanout::model::{Asked, RowWriter};
use fanout::plan::SourceFormat;
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
        self.rows.run(|_| Asked::Contributions)
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
        let model = OpenModel::read(&self.model, self.guest.as_deref(), 1)?;
        let predictor = model.predictor(TaskLimits::default(), 1, cancel);
        let importances = predictor.importances().map_err(SessionError::from)?;
        if let Some(path) = &self.output {
            let batch = table(&importances);
            files::replace(path, |output| {
                let mut writer = RowWriter::new(SourceFormat::Parquet, output);
                writer.write(&batch)?;
                writer.finish()
            })?;
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

/// The places of features, the most important first, by the first kind; of equal
/// ones, in their order.
fn ranked(importances: &Importances) -> Vec<usize> {
    let mut places: Vec<usize> = (0..importances.features.len()).collect();
    if let Some(numbers) = importances.importances.values().next() {
        places.sort_by(|&a, &b| numbers[b].total_cmp(&numbers[a]));
    }
    places
}

fn table(importances: &Importances) -> RecordBatch {
    let places = ranked(importances);
    let names = places
        .iter()
        .map(|&place| Some(&importances.features[place]));
    let names = Arc::new(names.collect::<StringArray>()) as ArrayRef;
    let mut columns = vec![("feature", names)];
    for (kind, numbers) in &importances.importances {
        let numbers = places.iter().map(|&place| numbers[place]);
        let numbers = Float64Array::from_iter_values(numbers);
        columns.push((kind.name(), Arc::new(numbers) as ArrayRef));
    }
    RecordBatch::try_from_iter(columns).expect("the columns have the same number of rows")
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
