//! A guest whose trainer panics on every task: what a platform then hears of
//! it is the sdk's doing.

use fanout_sdk::{
    Fault, Job, Learning, PredictionBuf, Scorer, Table, Trainer, TrainerDescription, export,
};

/// Panics.
#[derive(Debug)]
pub struct Panics;

impl Trainer for Panics {
    type Prepared = ();
    type Model = ();

    fn description() -> TrainerDescription {
        TrainerDescription::new("panics", "Panics.", vec![Learning::Binary], Vec::new())
    }

    fn prepare(_: &Table) -> Result<(), Fault> {
        Ok(())
    }

    fn evaluate(_: &(), job: &Job<'_>, _: &mut dyn Scorer) -> Result<u32, Fault> {
        panic!("{} rows are too many", job.train.len())
    }

    fn fit(_: &(), _: &Job<'_>) -> Result<(), Fault> {
        Err(Fault::Failed("there is no model".to_owned()))
    }

    fn predict(_: &(), _: &Table) -> Result<PredictionBuf, Fault> {
        Err(Fault::Failed("there is no model".to_owned()))
    }
}

export! {
    guest: "panic 0.1.0",
    trainers: [Panics],
}
