//! `fanout run`: the whole way from a plan to its results.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use clap::Args;
use fanout::dataset::{self, Prepared};
use fanout::expand::{Data, Expansion};
use fanout::plan::{CheckedPlan, PoolPlan};
use fanout::pool::{LocalPool, Work};
use fanout::report::{self, Report, Took};
use fanout::run::event::Event;
use fanout::run::{self, RunError};
use fanout::sandbox::Cancel;
use fanout::store::Store;
use fanout_contract::Params;

use super::trainer::Chosen;
use super::{CommandError, Kind, print};

/// Run a plan.
#[derive(Debug, Args)]
pub(crate) struct Run {
    #[command(flatten)]
    plan: super::plan::PlanArguments,
    /// Print one machine-readable object instead of the table.
    #[arg(long)]
    json: bool,
    /// Print no progress.
    #[arg(long, short)]
    quiet: bool,
    /// Run every fit again, whatever the store has.
    #[arg(long)]
    fresh: bool,
}

impl Run {
    pub(crate) fn run(self) -> Result<(), CommandError> {
        let started = Instant::now();
        let cancel = Cancel::default();
        super::interrupt::on_interrupt(cancel.clone())?;
        let mut progress = self.progress();
        let mut warnings = Vec::new();
        let mut emit = |event: &Event| {
            if let Event::DatasetWarned { message } = event {
                warnings.push(message.clone());
            }
            progress.on_event(event);
        };

        let (plan, source) = self.plan.load()?;
        let chosen = Chosen::find(&plan, workers(&plan.pool), &mut emit)?;
        let plan = source.check(plan, &chosen.trainers)?;
        let store = Store::open(&plan.store)?;
        let prepared = prepare(&plan, &source, &store, &mut emit)?;

        let workers = workers(&plan.pool);
        let data = Data {
            guest: chosen.file.digest,
            dataset: prepared.dataset,
            splits: prepared.splits,
        };
        let expansion =
            Expansion::new(&plan, chosen.trainer(&plan), data, prepared.folds.clone(), workers);
        let work = Work {
            store: store.clone(),
            dataset: prepared.dataset,
            splits: prepared.splits,
            reuse: !self.fresh,
            cancel: cancel.clone(),
        };
        let pool = LocalPool::new(chosen.guest, work, plan.limits.into(), workers);
        let results = run::search(&plan, &expansion, &pool, &cancel, &mut emit)?;

        todo!()
    }
}

fn workers(pool: &PoolPlan) -> usize {
    match pool {
        PoolPlan::Local { workers: Some(workers) } => *workers,
        PoolPlan::Local { workers: None } => {
            std::thread::available_parallelism().map_or(1, usize::from)
        }
    }
}
