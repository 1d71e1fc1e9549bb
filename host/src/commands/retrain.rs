//! `fanout retrain`: fits the candidate of a model on later data, and keeps the better
//! model.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use fanout::error::ErrorKind;
use fanout::plan::{self, Override};
use fanout::report::files;
use fanout::report::human::{aligned, clip, count, counted, score};
use fanout::run::event::{Listener, Listeners};
use fanout::session::{Options, Retrain as Asked, Retrained, SessionError, Winner, retrain};
use fanout::worth::{ColumnDrift, Interval};

use super::{CommandError, print, print_warning};

/// The exit code where the old model is kept.
const KEPT: u8 = 9;

const EXAMPLES: &str = "\
Examples:
  fanout retrain results/model.fanout -o results/model.fanout
  fanout retrain model.fanout --source 's3://bucket/flights/2024-*.parquet' --time day -o new.fanout
  fanout retrain model.fanout --new-only --holdout 0.5 --json

The exit code is 0 where the new model is better, and 9 where the old one is kept.";

/// Fit a model's candidate on later data, and keep the better model.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Retrain {
    /// The model: the file `model.fanout` of a run's results.
    model: PathBuf,
    /// The data: a file, a folder, a glob or a URL. Without it, the source that the model
    /// was trained on is read again.
    #[arg(long, value_name = "SOURCE")]
    source: Option<String>,
    /// Leave out the files that the model was trained on.
    #[arg(long)]
    new_only: bool,
    /// The share of the rows that came since on which the models are compared, the newest
    /// ones; the new model is not fitted on them.
    #[arg(long, value_name = "SHARE", default_value_t = 0.2, value_parser = share)]
    holdout: f64,
    /// The column of numbers, dates or times that tells which rows are the newest. Without
    /// it, the last ones are.
    #[arg(long, value_name = "COLUMN")]
    time: Option<String>,
    /// Fit a new model that is better once more, on all rows, and write that one.
    #[arg(long)]
    all_rows: bool,
    /// Where to write the better model. Without it, nothing is written.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The component file of the model's guest, where the model has none.
    #[arg(long, value_name = "FILE")]
    guest: Option<PathBuf>,
    /// The store, instead of the one of the model's run.
    #[arg(long, value_name = "URL")]
    store: Option<String>,
    /// The pool, instead of the one of the model's run: the URLs of endpoints that serve
    /// the guest, the URL of NATS (`nats://HOST:4222`), or `local`.
    #[arg(long, value_name = "URL", value_delimiter = ',')]
    pool: Vec<String>,
    /// How many tasks run at a time.
    #[arg(long, value_name = "N")]
    workers: Option<usize>,
    /// Set a field of `pool`, `store` or `limits`, such as `limits.memory=4GiB`; the
    /// section's other fields have their defaults. May be repeated.
    #[arg(long, value_name = "path.to.field=VALUE")]
    set: Vec<String>,
    /// Print one machine-readable object instead of the tables.
    #[arg(long)]
    json: bool,
    /// Print no progress.
    #[arg(long, short)]
    quiet: bool,
    /// Fit again, whatever the store has.
    #[arg(long)]
    fresh: bool,
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse::<f64>().ok();
    let share = share.filter(|share| *share > 0.0 && *share <= 1.0);
    share.ok_or_else(|| "it is a share above 0 and up to 1, such as `0.2`".to_owned())
}

impl Retrain {
    pub(crate) fn run(self) -> Result<ExitCode, CommandError> {
        let options = Options {
            fresh: self.fresh,
            ..Options::default()
        };
        super::interrupt::on_interrupt(options.cancel.clone())?;
        let asked = self.asked()?;
        if let Some(output) = &self.output {
            files::prove_writable(output)?;
        }
        let mut progress = super::progress(self.quiet);
        let listeners: Vec<&mut dyn Listener> = vec![&mut progress];
        let retrained = retrain(
            &self.model,
            &asked,
            &options,
            &mut Listeners::new(listeners),
        );
        // The progress line must be gone before anything else is printed.
        drop(progress);
        let retrained = retrained?;
        if let Some(output) = &self.output {
            self.write(output, &retrained)?;
        }
        for warning in retrained.warnings.iter().filter(|_| !self.json) {
            print_warning(warning);
        }
        if self.json {
            let text = serde_json::to_string_pretty(&retrained);
            let text = text.map_err(|error| CommandError::new(ErrorKind::Internal, error))?;
            print(&(text + "\n"));
        } else {
            print(&text(&retrained, self.output.as_deref())?);
        }
        Ok(match retrained.winner {
            Winner::New => ExitCode::SUCCESS,
            Winner::Old => ExitCode::from(KEPT),
        })
    }

    fn asked(&self) -> Result<Asked, CommandError> {
        if self.source.as_deref() == Some("-") {
            let message = "standard input can't be read twice, as a retraining does";
            let hint = "write it to a file, and name that";
            return Err(CommandError::new(ErrorKind::Usage, message).hint(hint));
        }
        let mut overrides = Vec::new();
        overrides.extend((!self.pool.is_empty()).then(|| Override::pool(&self.pool)));
        for argument in &self.set {
            let set = Override::set(argument);
            overrides.push(set.map_err(|error| CommandError::new(ErrorKind::Usage, error))?);
        }
        overrides.extend(self.store.as_deref().map(Override::store));
        let draft = plan::defaults(&overrides)
            .map_err(|error| CommandError::new(ErrorKind::Internal, error))?;
        if let Some(mistakes) = draft.error() {
            return Err(mistakes.into());
        }
        let is_set = |section: &str| {
            let path = |set: &String| {
                let path = set.split(['.', '=']).next();
                path.is_some_and(|path| path.trim() == section)
            };
            self.set.iter().any(path)
        };
        Ok(Asked {
            source: self.source.clone(),
            new_only: self.new_only,
            holdout: self.holdout,
            time: self.time.clone(),
            all_rows: self.all_rows,
            guest: self.guest.clone(),
            pool: draft
                .pool()
                .filter(|_| !self.pool.is_empty() || is_set("pool"))
                .cloned(),
            store: draft
                .store()
                .filter(|_| self.store.is_some() || is_set("store"))
                .cloned(),
            limits: draft.limits().filter(|_| is_set("limits")),
            workers: self.workers,
        })
    }

    /// Writes the model that is kept. A file that is the old model already stays as it is.
    fn write(&self, output: &Path, retrained: &Retrained) -> Result<(), CommandError> {
        let written = match &retrained.model {
            Some(model) => files::replace(output, |file| model.write(file)),
            None => {
                let whole = |path: &Path| std::fs::canonicalize(path).ok();
                if whole(output).is_some() && whole(output) == whole(&self.model) {
                    return Ok(());
                }
                let read = std::fs::read(&self.model);
                files::replace(output, |file| file.write_all(&read?))
            }
        };
        Ok(written.map_err(SessionError::from)?)
    }
}

fn text(retrained: &Retrained, output: Option<&Path>) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    let rows = retrained.rows;
    let since = retrained.files.new.len() + retrained.files.changed.len();
    let number = |rows: u64| count(rows as usize);
    if let Some(metric) = &retrained.metric {
        let by = match &retrained.time {
            Some(column) => format!("by `{column}`"),
            None => "by their order".to_owned(),
        };
        let left_out = match retrained.files.left_out.len() {
            0 => String::new(),
            files => format!(" ({} left out)", counted(files, "earlier file")),
        };
        writeln!(
            text,
            "{}: {} of {} rows came since, in {}{left_out}; fitted on {}, compared on the {} \
             newest {by}\n",
            retrained.name,
            number(rows.since),
            number(rows.read),
            counted(since, "file"),
            number(rows.fitted),
            number(rows.compared),
        )?;
        let mut lines = vec![["score", "old", "new", "new - old (95 %)"].map(str::to_owned)];
        // The one that decided comes first.
        let mut scores: Vec<_> = retrained.scores.iter().collect();
        scores.sort_by_key(|(name, _)| *name != metric);
        for (name, compared) in scores {
            let cell = |of: &Interval| of.score.map_or_else(|| "-".to_owned(), score);
            let difference = match of_interval(&compared.difference) {
                Some(interval) => format!("{} ({interval})", cell(&compared.difference)),
                None => cell(&compared.difference),
            };
            let (old, new) = (cell(&compared.old), cell(&compared.new));
            lines.push([name.clone(), old, new, difference]);
        }
        writeln!(text, "{}", aligned(&lines))?;
    }
    writeln!(text, "{}", verdict(retrained, output))?;
    if let Some(drift) = &retrained.drift {
        writeln!(
            text,
            "\nDrift of the rows that came since, {}:",
            count(drift.rows)
        )?;
        let head = [
            "column",
            "change",
            "psi",
            "ks",
            "p",
            "missing",
            "new categories",
        ];
        let mut lines = vec![head.map(str::to_owned)];
        let target = drift.target.as_ref().map(|of| ("target ", of));
        let predictions = drift.predictions.as_ref().map(|of| ("predicted ", of));
        let features = drift.features.iter().map(|of| ("", of));
        let all = features.chain(target).chain(predictions);
        lines.extend(all.map(|(role, column)| drift_line(role, column)));
        write!(text, "{}", aligned(&lines))?;
    } else if retrained.metric.is_some() {
        writeln!(
            text,
            "\nNo drift: the model file has no record of its training data."
        )?;
    }
    Ok(text)
}

/// `0.0210 to 0.0414`.
fn of_interval(interval: &Interval) -> Option<String> {
    let (low, high) = interval.low.zip(interval.high)?;
    Some(format!("{} to {}", score(low), score(high)))
}

/// Which model is kept, and by how much it is better.
fn verdict(retrained: &Retrained, output: Option<&Path>) -> String {
    let compared = retrained.metric.as_ref();
    let compared = compared.and_then(|metric| Some((metric, retrained.scores.get(metric)?)));
    let Some((metric, compared)) = compared else {
        let stays = "The old model stays: nothing came since it was trained.";
        return match output {
            Some(output) => format!("{stays} `{}` is the old model.", output.display()),
            None => stays.to_owned(),
        };
    };
    let ahead = compared.difference.score.unwrap_or_default();
    let by = match of_interval(&compared.difference) {
        Some(interval) => format!(
            "by {} of {metric} (95 % interval of new - old: {interval})",
            score(ahead.abs())
        ),
        None => format!("by {} of {metric}", score(ahead.abs())),
    };
    let sure = match (compared.difference.low, compared.difference.high) {
        (Some(low), Some(high)) if low <= 0.0 && high >= 0.0 => {
            "; that may be chance, since the interval holds 0"
        }
        _ => "",
    };
    let written = match (output, retrained.winner) {
        (Some(output), Winner::New) => format!(" It was written to `{}`.", output.display()),
        (Some(output), Winner::Old) => format!(" `{}` is the old model.", output.display()),
        (None, _) => " Nothing was written: name a file with `-o`.".to_owned(),
    };
    match retrained.winner {
        Winner::New => format!("The new model is better {by}{sure}.{written}"),
        Winner::Old if ahead == 0.0 => {
            format!("The old model stays: both have the same {metric}.{written}")
        }
        Winner::Old => format!("The old model stays: the new one is worse {by}{sure}.{written}"),
    }
}

fn drift_line(role: &str, column: &ColumnDrift) -> [String; 7] {
    let percent = |share: f64| format!("{:.1} %", share * 100.0);
    let (before, after) = (column.missing_before, column.missing_after);
    let missing = match before == 0.0 && after == 0.0 {
        true => String::new(),
        false => format!("{} to {}", percent(before), percent(after)),
    };
    let ks = column.ks.as_ref();
    let p_value = ks.map(|ks| match ks.p_value {
        p if p < 0.0001 => "< 0.0001".to_owned(),
        p => score(p),
    });
    let new = column.new_categories.as_ref();
    let new = new.filter(|new| new.count > 0).map(|new| {
        let labels = clip(&new.labels.join(", "), 40);
        format!("{} of rows, {}: {labels}", percent(new.share), new.count)
    });
    [
        format!("{role}{}", clip(&column.name, 40)),
        column.change.name().to_owned(),
        score(column.psi),
        ks.map_or_else(String::new, |ks| score(ks.statistic)),
        p_value.unwrap_or_default(),
        missing,
        new.unwrap_or_default(),
    ]
}
