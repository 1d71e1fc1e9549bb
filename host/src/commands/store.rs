//! [`StoreArgument`]: the store, as `runs`, `show` and `gc` take it, and how
//! times are shown.

use std::time::{Duration, SystemTime};

use clap::Args;
use fanout::plan;
use fanout::run::history::HistoryError;
use fanout::store::Store;

use super::CommandError;
use fanout::error::ErrorKind;

/// The store.
#[derive(Debug, Args)]
pub(super) struct StoreArgument {
    /// The store: a URL or a folder.
    #[arg(long, value_name = "URL", default_value = ".fanout")]
    store: String,
}

impl StoreArgument {
    pub(super) fn open(&self) -> Result<Store, CommandError> {
        let here =
            std::env::current_dir().map_err(|e| CommandError::new(ErrorKind::Internal, e))?;
        let url = plan::store_url(&self.store, &here);
        // Only commands that write create the folder.
        if let Some(path) = url.strip_prefix("file://")
            && !std::path::Path::new(path).is_dir()
        {
            let message = format!("there is no store in `{path}`");
            return Err(CommandError::new(ErrorKind::Store, message)
                .hint("name one with --store, or stand where `fanout run` was called"));
        }
        Ok(Store::open(&url)?)
    }
}

impl From<HistoryError> for CommandError {
    fn from(error: HistoryError) -> Self {
        match error {
            HistoryError::Store(error) => error.into(),
            HistoryError::Manifest { .. } => Self::new(ErrorKind::Store, error)
                .hint("`fanout run` with its plan writes it anew; `fanout gc --drop` removes it"),
            HistoryError::Unknown { .. } => {
                Self::new(ErrorKind::Usage, error).hint("`fanout runs` lists them")
            }
            HistoryError::Ambiguous { .. } => {
                Self::new(ErrorKind::Usage, error).hint("give more of its digits")
            }
        }
    }
}

/// `5 s ago`, `3 min ago`, `2 h ago`, `9 days ago`.
pub(super) fn ago(then: SystemTime, now: SystemTime) -> String {
    let seconds = now.duration_since(then).unwrap_or_default().as_secs();
    match seconds {
        0..60 => format!("{seconds} s ago"),
        60..3_600 => format!("{} min ago", seconds / 60),
        3_600..172_800 => format!("{} h ago", seconds / 3_600),
        _ => format!("{} days ago", seconds / 86_400),
    }
}

/// Seconds since 1970.
pub(super) fn unix(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}

/// A duration on the command line: as in a plan, or in days (`30d`).
pub(super) fn parse_age(text: &str) -> Result<Duration, String> {
    let days = text
        .strip_suffix('d')
        .and_then(|days| days.parse::<u32>().ok());
    days.map(|days| Duration::from_secs(u64::from(days) * 86_400))
        .or_else(|| plan::duration(text))
        .ok_or_else(|| "expected a duration, such as `30d`, `12h` or `90m`".to_owned())
}
