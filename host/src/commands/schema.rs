//! `fanout schema`.

use clap::Args;
use fanout::sandbox::{Sandbox, default_cache};
use fanout::session::catalogue::OfferedGuest;

use super::{CommandError, print};

/// Print the JSON Schema of a plan.
#[derive(Debug, Args)]
pub(crate) struct Schema {
    /// Print the fields of a plan as a page of Markdown instead.
    #[arg(long)]
    reference: bool,
}

impl Schema {
    pub(crate) fn run(self) -> Result<(), CommandError> {
        let sandbox = Sandbox::new(1, default_cache())?;
        let schema = fanout::plan::json_schema(&OfferedGuest::embedded_trainers(&sandbox)?);
        print(&if self.reference {
            fanout::plan::reference(&schema)
        } else {
            format!("{schema:#}\n")
        });
        Ok(())
    }
}
