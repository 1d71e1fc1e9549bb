//! `fanout schema`.

use clap::Args;
use fanout::guest::GuestFile;
use fanout::sandbox::{Sandbox, default_cache};

use super::{CommandError, print};

/// Print the JSON Schema of a plan.
#[derive(Debug, Args)]
pub(crate) struct Schema {}

impl Schema {
    pub(crate) fn run(self) -> Result<(), CommandError> {
        let sandbox = Sandbox::new(1, default_cache())?;
        let mut trainers = Vec::new();
        for file in GuestFile::embedded() {
            trainers.extend(sandbox.load(&file.wasm, file.digest)?.describe()?.trainers);
        }
        let schema = fanout::plan::json_schema(&trainers);
        print(&format!("{schema:#}\n"));
        Ok(())
    }
}
