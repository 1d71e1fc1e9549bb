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

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Document {
    /// A plan.
    Plan,
    /// A line of the events of a run, as `fanout run --events` writes them.
    Events,
    /// A plan's fields, as a page of Markdown.
    Reference,
}

impl Schema {
    pub(crate) fn run(self) -> Result<(), CommandError> {
        if self.document == Document::Events {
            print(&format!("{:#}\n", events::json_schema()));
            return Ok(());
        }
        let sandbox = Sandbox::new(1, default_cache())?;
        let schema = fanout::plan::json_schema(&OfferedGuest::embedded_trainers(&sandbox)?);
        print(&if self.document == Document::Reference {
            fanout::plan::reference(&schema)
        } else {
            format!("{schema:#}\n")
        });
        Ok(())
    }
}
