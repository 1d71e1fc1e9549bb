//! The program's log on standard error, for who looks for a mistake: what the library
//! tells by [`tracing`], as `-v` or the variable `FANOUT_LOG` ask for it.

use std::sync::OnceLock;

use fanout::error::ErrorKind;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::CommandError;

const VARIABLE: &str = "FANOUT_LOG";

/// Set once there is a log.
static ON: OnceLock<()> = OnceLock::new();

/// Starts the log that `-v`, given so often, or the variable asks for, if one does. The
/// variable comes first.
pub(super) fn start(verbose: u8) -> Result<(), CommandError> {
    let variable = std::env::var(VARIABLE).ok();
    let Some(targets) = targets(verbose, variable.as_deref())? else {
        return Ok(());
    };
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .with_writer(std::io::stderr);
    let started = tracing_subscriber::registry()
        .with(targets)
        .with(lines)
        .try_init();
    if started.is_ok() {
        ON.get_or_init(|| ());
    }
    Ok(())
}

/// Whether there is a log.
pub(super) fn is_on() -> bool {
    ON.get().is_some()
}

/// What is told; `None` for nothing.
fn targets(verbose: u8, variable: Option<&str>) -> Result<Option<Targets>, CommandError> {
    let of_verbose = match verbose {
        0 => None,
        1 => Some("fanout=info"),
        2 => Some("fanout=debug"),
        // All of the libraries would drown it.
        _ => Some("fanout=trace,debug"),
    };
    let variable = variable.filter(|text| !text.trim().is_empty());
    let Some(text) = variable.or(of_verbose) else {
        return Ok(None);
    };
    let targets = text.parse::<Targets>().map_err(|error| {
        let message = format!("the variable {VARIABLE} is `{text}`, which is no filter: {error}");
        let error = CommandError::new(ErrorKind::Usage, message);
        error.hint("write a level, `debug`, or some by part: `fanout::store=trace,info`")
    })?;
    Ok(Some(targets))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(verbose: u8, variable: Option<&str>) -> String {
        match targets(verbose, variable) {
            Ok(targets) => targets.map_or(String::new(), |targets| targets.to_string()),
            Err(_) => "refused".to_owned(),
        }
    }

    #[test]
    fn the_variable_comes_before_the_option() {
        assert_eq!(told(0, None), "");
        assert_eq!(told(0, Some("")), "");
        assert_eq!(told(1, None), "fanout=info");
        assert_eq!(told(9, None), told(3, None));
        assert_eq!(told(3, Some("warn")), "warn");
        assert_eq!(
            told(0, Some("fanout::store=trace,info")),
            "fanout::store=trace,info"
        );
        assert_eq!(told(0, Some("fanout=loud")), "refused");
    }
}
