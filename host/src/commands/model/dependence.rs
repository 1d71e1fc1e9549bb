//! `fanout model dependence`: what a model predicts by the values of single features.

use clap::{Args, ValueEnum};
use fanout::dataset::DrawnRows;
use fanout::error::ErrorKind;
use fanout::model::{PartialDependence, PredictError};
use fanout::plan::{DependenceKind, DependencePlan};
use fanout::report::explanations::{dependence_json, dependence_table};
use fanout::session::{SessionError, most_important};

use crate::commands::predict::ModelData;
use crate::commands::{CommandError, print};

/// Write the mean prediction of rows by the value of a feature.
#[derive(Debug, Args)]
pub(crate) struct Dependence {
    #[command(flatten)]
    data: ModelData,
    /// The features; by default, the five on which the model relies most.
    #[arg(long, value_name = "FEATURES", value_delimiter = ',')]
    features: Vec<String>,
    /// The most points of a feature of numbers.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(2..=10_000))]
    grid_resolution: u32,
    /// The shares of rows below the first point and below the last.
    #[arg(long, value_name = "LOW,HIGH", default_value = "0.05,0.95", value_parser = percentiles)]
    percentiles: [f64; 2],
    /// What is told of the predictions at each point.
    #[arg(long, value_name = "KIND", default_value = "average")]
    kind: Kind,
    /// The most rows that are predicted, drawn at random where there are more.
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    subsample: u32,
    /// The seed of the draw.
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    random_state: u64,
    /// Print one JSON object, without single rows, in place of a file.
    #[arg(long, conflicts_with_all = ["output", "format"])]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    /// The mean over the rows.
    Average,
    /// That of each row: individual conditional expectation.
    Individual,
    /// Both.
    Both,
}

impl From<Kind> for DependenceKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Average => Self::Average,
            Kind::Individual => Self::Individual,
            Kind::Both => Self::Both,
        }
    }
}

impl Dependence {
    pub(crate) fn run(self) -> Result<(), CommandError> {
        let open = self.data.open(&[])?;
        let (file, predictor) = open.only("partial dependence is")?;
        let drawn = DrawnRows::of_source(&open.rows, self.subsample, self.random_state);
        let drawn = drawn.map_err(|error| SessionError::from(PredictError::from(error)))?;
        let features = match self.features.as_slice() {
            [] => most_important(&predictor, &drawn),
            named => named.to_vec(),
        };
        let plan = DependencePlan {
            features: Vec::new(),
            grid_resolution: self.grid_resolution,
            percentiles: self.percentiles,
            kind: self.kind.into(),
            subsample: self.subsample,
            random_state: self.random_state,
        };
        let target = &file.head.target;
        let found = PartialDependence::new(&predictor, target, &drawn, &features, &plan);
        let found = found.map_err(SessionError::from)?;
        if !self.json {
            return self.data.write(&open, &dependence_table(&found));
        }
        let text = serde_json::to_string_pretty(&dependence_json(&found));
        let text = text.map_err(|error| CommandError::new(ErrorKind::Internal, error))?;
        print(&(text + "\n"));
        Ok(())
    }
}

fn percentiles(text: &str) -> Result<[f64; 2], String> {
    let numbers = text.split_once(',').and_then(|(low, high)| {
        let (low, high) = (low.trim().parse().ok()?, high.trim().parse().ok()?);
        (0.0 <= low && low < high && high <= 1.0).then_some([low, high])
    });
    numbers.ok_or_else(|| "two numbers from 0 to 1, the lesser first".to_owned())
}
