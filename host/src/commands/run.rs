//! `fanout run`: executes a plan and shows its results.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use fanout::dashboard::Dashboard;
use fanout::error::ErrorKind;
use fanout::report::events::EventLog;
use fanout::report::telemetry::{self, Telemetry};
use fanout::run::event::{Listener, Listeners};
use fanout::session::{self, Options};
use fanout::store::Store;

use super::plan::PlanArguments;
use super::{CommandError, dashboard, show_all, tell_all};

/// Run a plan.
#[derive(Debug, Args)]
pub(crate) struct Run {
    #[command(flatten)]
    plan: PlanArguments,
    /// Print one machine-readable object instead of the table.
    #[arg(long)]
    json: bool,
    /// Print no progress.
    #[arg(long, short)]
    quiet: bool,
    /// Run every fit again, whatever the store has.
    #[arg(long)]
    fresh: bool,
    /// Leave the guest out of the model file, which needs it beside then.
    #[arg(long)]
    without_guest: bool,
    /// Write the run's events to a file as JSON lines; `-` is standard output, which then
    /// has nothing else but what `--json` prints.
    #[arg(long, value_name = "FILE")]
    events: Option<PathBuf>,
    /// Serve pages that show the run in a browser, as long as it goes on. Default address:
    /// 127.0.0.1:8787, or another port where this one is taken. Any other address than this
    /// machine's own needs a token in `FANOUT_DASHBOARD_TOKEN`.
    #[arg(long, value_name = "HOST:PORT", num_args = 0..=1, require_equals = true)]
    dashboard: Option<Option<dashboard::Address>>,
}

impl Run {
    pub(crate) fn run(self) -> Result<(), CommandError> {
        // Made first: the wall time that is shown includes loading the plan.
        let options = Options {
            fresh: self.fresh,
            without_guest: self.without_guest,
            ..Options::default()
        };
        super::interrupt::on_interrupt(options.cancel.clone())?;
        let mut events = self.events.as_deref().map(event_log).transpose()?;
        let loaded = self.plan.load()?;
        let dashboard = self.dashboard.map(|address| {
            let store = Store::open(&loaded.plan.store)?;
            dashboard::open(store, address, Vec::new())
        });
        let dashboard = dashboard.transpose()?;
        let mut feed = match &dashboard {
            Some(dashboard) => {
                super::tell(&format!("dashboard: {}runs/live", dashboard.url()));
                Some(dashboard.feed()?)
            }
            None => None,
        };
        let mut progress = super::progress(self.quiet);
        let mut telemetry = telemetry();
        let mut listeners: Vec<&mut dyn Listener> = vec![&mut progress];
        listeners.extend(telemetry.as_mut().map(|it| it as &mut dyn Listener));
        listeners.extend(events.as_mut().map(|events| events as &mut dyn Listener));
        listeners.extend(feed.as_mut().map(|feed| feed as &mut dyn Listener));
        let reports = session::execute(&loaded, &options, &mut Listeners::new(listeners));
        // The progress line must be gone before anything else is printed.
        drop((progress, feed, telemetry));
        let is_output = self.events.as_deref().is_some_and(is_standard_output);
        // A reader of standard output that went away has what it wanted.
        let failed = events.and_then(EventLog::finish);
        let failed = failed.filter(|error| !is_output || error.kind() != io::ErrorKind::BrokenPipe);
        if let Some(error) = failed {
            let file = self.events.unwrap_or_default();
            let message = format!("can't write the events to `{}`: {error}", file.display());
            super::print_warning(&message);
        }
        let shown = reports.map_err(CommandError::from).and_then(|reports| {
            match is_output && !self.json {
                true => tell_all(&reports),
                false => show_all(&reports, self.json)?,
            }
            Ok(reports)
        });
        // Pages that are open fetch the results first.
        dashboard.into_iter().for_each(Dashboard::close);
        let reports = shown?;
        reports
            .failure
            .map_or(Ok(()), |failure| Err(failure.into()))
    }
}

fn is_standard_output(path: &Path) -> bool {
    path == Path::new("-")
}

fn event_log(path: &Path) -> Result<EventLog, CommandError> {
    let output: Box<dyn Write + Send> = if is_standard_output(path) {
        Box::new(std::io::stdout())
    } else {
        let file = File::create(path).map_err(|error| {
            let message = format!("can't write the events to `{}`: {error}", path.display());
            CommandError::new(ErrorKind::Internal, message)
                .hint("name a file that can be written with `--events`, or `-` for standard output")
        })?;
        Box::new(BufWriter::new(file))
    };
    Ok(EventLog::new(output))
}

/// The listener for a collector of OpenTelemetry, if the environment names one.
fn telemetry() -> Option<Telemetry> {
    match Telemetry::of_environment()? {
        Ok(telemetry) => Some(telemetry),
        Err(error) => {
            let variable = telemetry::ENDPOINT;
            super::print_warning(&format!("`{variable}` is no use: {error}"));
            None
        }
    }
}
