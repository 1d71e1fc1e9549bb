//! `fanout schema`.

use clap::{Args, ValueEnum};
use fanout::report::events;
use fanout::sandbox::{Sandbox, default_cache};
use fanout::session::catalogue::OfferedGuest;

use super::{CommandError, print};

/// Print the JSON Schema of a plan, or of the events of a run.
#[derive(Debug, Args)]
pub(crate) struct Schema {
    /// Whose.
    #[arg(value_enum, default_value_t = Document::Plan)]
    document: Document,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Document {
    /// A plan.
    Plan,
    /// A line of the events of a run, as `fanout run --events` writes them.
    Events,
}

impl Schema {
    pub(crate) fn run(self) -> Result<(), CommandError> {
        if let Document::Events = self.document {
            print(&format!("{:#}\n", events::json_schema()));
            return Ok(());
        }
        let sandbox = Sandbox::new(1, default_cache())?;
        let schema = fanout::plan::json_schema(&OfferedGuest::embedded_trainers(&sandbox)?);
        print(&format!("{schema:#}\n"));
        Ok(())
    }
}
