//! `fanout schema`.

use clap::Args;
use fanout::sandbox::{Sandbox, default_cache};
use fanout::session::catalogue::OfferedGuest;

use super::{CommandError, print};

/// Print the JSON Schema of a plan.
#[derive(Debug, Args)]
pub(crate) struct Schema {}

impl Schema {
    pub(crate) fn run(self) -> Result<(), CommandError> {
        let sandbox = Sandbox::new(1, default_cache())?;
        let schema = fanout::plan::json_schema(&OfferedGuest::embedded_trainers(&sandbox)?);
        print(&format!("{schema:#}\n"));
        Ok(())
    }
}
