//! [`PlanArguments`]: the plan and its overrides, as `run` and `check` take
//! them.

use std::path::PathBuf;

use clap::Args;
use fanout::error::ErrorKind;
use fanout::plan::Override;
use fanout::session::{self, LoadedPlan};

use super::CommandError;

/// A plan and the options that override its fields.
#[derive(Debug, Args)]
pub(super) struct PlanArguments {
    /// The plan's file.
    plan: PathBuf,
    /// The folder of the result files, instead of the plan's `output`.
    #[arg(long, value_name = "DIR")]
    output: Option<String>,
    /// The store, instead of the plan's `store`.
    #[arg(long, value_name = "URL")]
    store: Option<String>,
    /// The pool, instead of the plan's `pool`: the URLs of endpoints that serve
    /// the guest, the URL of NATS (`nats://HOST:4222`), or `local`.
    #[arg(long, value_name = "URL", value_delimiter = ',')]
    pool: Vec<String>,
    /// How many tasks run at a time, instead of the plan's `pool.workers`.
    #[arg(long, value_name = "N")]
    workers: Option<String>,
    /// Set any field of the plan; the value is YAML. May be repeated.
    #[arg(long, value_name = "path.to.field=VALUE")]
    set: Vec<String>,
}

impl PlanArguments {
    /// Reads the plan and finds every mistake that can be found without
    /// reading the data.
    pub(super) fn load(&self) -> Result<LoadedPlan, CommandError> {
        Ok(session::load(&self.plan, &self.overrides()?)?)
    }

    fn overrides(&self) -> Result<Vec<Override>, CommandError> {
        let set = self.set.iter().map(|argument| Override::set(argument));
        let set: Vec<Override> = set
            .collect::<Result<_, _>>()
            .map_err(|error| CommandError::new(ErrorKind::Usage, error))?;
        // First: `--set pool.retry=…` applies to the pool of `--pool`.
        let mut all = Vec::new();
        all.extend((!self.pool.is_empty()).then(|| Override::pool(&self.pool)));
        all.extend(set);
        all.extend(self.output.as_deref().map(Override::output));
        all.extend(self.store.as_deref().map(Override::store));
        all.extend(self.workers.as_deref().map(Override::workers));
        Ok(all)
    }
}
