//! `fanout schema`.

use clap::Args;

use super::{CommandError, print};

/// Print the JSON Schema of a plan.
#[derive(Debug, Args)]
pub(crate) struct Schema {}

impl Schema {
    pub(crate) fn run(self) -> Result<(), CommandError> {
        let schema = fanout::plan::json_schema();
        print(&format!("{schema:#}\n"));
        Ok(())
    }
}
