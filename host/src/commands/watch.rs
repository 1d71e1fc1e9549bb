//! `fanout watch`: follows a run of another process or host, by the events that the store
//! has of it.

use std::time::{Duration, Instant, SystemTime};

use clap::Args;
use fanout::error::ErrorKind;
use fanout::pool::NatsLink;
use fanout::report::human::counted;
use fanout::report::live::{Phase, RunState};
use fanout::run::event::Listener as _;
use fanout::run::history::{History, RunEntry};
use fanout::run::journal::Follower;
use fanout::store::Store;
use fanout::task::{Cancel, microseconds};

use super::nats::OptionalQueueArguments;
use super::store::StoreArgument;
use super::{CommandError, print};

/// The time between two looks at the store; a run writes its events each second.
const LOOK: Duration = Duration::from_millis(500);

/// The time between two looks at the queue, each of which asks all workers.
const QUEUE: Duration = Duration::from_secs(3);

/// After so long without an event it is said that the process may be gone.
const SILENT: Duration = Duration::from_secs(60);

/// Follow a run of another process or host until it ends.
///
/// It shows what `fanout run` shows, from the events that the run keeps in its store. A run
/// that has ended is told at once. An interrupt ends the watching and not the run.
#[derive(Debug, Args)]
pub(crate) struct Watch {
    /// The run: as many of its id's first digits as tell it from the others. Default: the
    /// one that began last.
    run: Option<String>,
    #[command(flatten)]
    store: StoreArgument,
    #[command(flatten)]
    queue: OptionalQueueArguments,
    /// Print where the run is now as one JSON object, and end.
    #[arg(long)]
    json: bool,
}

impl Watch {
    pub(crate) fn run(self) -> Result<(), CommandError> {
        let store = self.store.open()?;
        let entry = self.entry(&store)?;
        let mut follower = Follower::new(store, entry.run);
        let mut state = RunState::default();
        let first = follower.poll()?;
        if first.is_empty() && entry.ended.is_some() {
            let run = entry.run.short();
            let message = format!("the store has no events of the run `{run}`, which has ended");
            return Err(CommandError::new(ErrorKind::Usage, message)
                .hint(format!("`fanout show {run}` prints its results")));
        }
        if self.json {
            first.iter().for_each(|event| state.fold(event));
            let text = serde_json::to_string(&state);
            let text = text.map_err(|error| CommandError::new(ErrorKind::Internal, error))?;
            print(&(text + "\n"));
            return Ok(());
        }
        let link = self.queue.settings()?.map(NatsLink::open).transpose()?;
        let cancel = Cancel::default();
        super::interrupt::on_interrupt(cancel.clone())?;
        let mut progress = super::progress(false);
        let (mut events, mut asked) = (first, None::<(Instant, Option<String>)>);
        loop {
            for event in &events {
                progress.on_event(event);
                state.fold(event);
            }
            if state.is_closed() || cancel.is_cancelled() {
                break;
            }
            if let Some(link) = &link
                && asked
                    .as_ref()
                    .is_none_or(|(when, _)| when.elapsed() >= QUEUE)
            {
                asked = Some((Instant::now(), queue(link)));
            }
            let queue = asked.as_ref().and_then(|(_, said)| said.clone());
            progress.note(silence(&state).or(queue));
            std::thread::sleep(LOOK);
            events = follower.poll()?;
        }
        drop(progress);
        tell(&state, &entry)
    }

    fn entry(&self, store: &Store) -> Result<RunEntry, CommandError> {
        let history = History::open(store)?;
        match &self.run {
            Some(prefix) => Ok(history.find(prefix)?),
            None => history.runs.first().copied().ok_or_else(|| {
                let message = format!("there is no run in the store `{}`", store.url());
                CommandError::new(ErrorKind::Usage, message)
                    .hint("`fanout run` begins one; `--store` names another store")
            }),
        }
    }
}

/// What the queue and its workers say; `None` where they can't be asked now.
fn queue(link: &NatsLink) -> Option<String> {
    let (state, workers) = (link.state().ok()?, link.workers().ok()?);
    Some(format!(
        "queue {}: {}, {} held; {} there",
        state.name,
        counted(state.tasks, "task"),
        state.held,
        counted(workers.len(), "worker")
    ))
}

/// That there was no event for long.
fn silence(state: &RunState) -> Option<String> {
    if state.latest_us == 0 {
        return Some("waiting for the first events of the run".to_owned());
    }
    let now = microseconds(SystemTime::now());
    let silent = Duration::from_micros(now.saturating_sub(state.latest_us));
    (silent > SILENT).then(|| {
        let minutes = silent.as_secs() / 60;
        format!("nothing heard for {minutes} min: a long fit, or the process of the run is gone")
    })
}

/// How the run ended, as far as it is known.
fn tell(state: &RunState, entry: &RunEntry) -> Result<(), CommandError> {
    let run = entry.run.short();
    match &state.phase {
        Phase::Closed { failure: None } => {
            print(&format!(
                "run {run} is done; `fanout show {run}` prints its results\n"
            ));
            Ok(())
        }
        Phase::Closed {
            failure: Some(failure),
        } => {
            let message = format!("the run `{run}` failed: {failure}");
            Err(CommandError::new(ErrorKind::Internal, message).hint(
                "the process that executes it says what to do; its command goes on from here",
            ))
        }
        _ => {
            let done = counted(state.fits, "fit");
            print(&format!(
                "run {run} goes on: {} of {done} are done\n",
                state.done
            ));
            Ok(())
        }
    }
}
