//! `fanout runs`: the runs of a store.

use std::fmt::Write as _;
use std::time::SystemTime;

use clap::Args;
use fanout::report::human::{aligned, count, score};
use fanout::report::stored::StoredRun;
use fanout::run::history::{History, RunEntry};
use fanout::run::manifest::Manifest;
use fanout::run::summary::Summary;
use fanout::store::Store;
use serde::Serialize;

use super::store::{StoreArgument, ago, unix};
use super::{CommandError, print};
use fanout::error::ErrorKind;

/// List the runs of a store.
#[derive(Debug, Args)]
pub(crate) struct Runs {
    #[command(flatten)]
    store: StoreArgument,
    /// Print a machine-readable list.
    #[arg(long)]
    json: bool,
}

/// One run, as it is listed.
#[derive(Serialize)]
pub(super) struct Row {
    /// The run's id.
    run: String,
    name: String,
    target: String,
    trainers: Vec<String>,
    dataset: String,
    rows: u64,
    candidates: usize,
    splits: usize,
    /// `finished` or `unfinished`.
    state: &'static str,
    /// Fits that are done, failed ones included.
    done: usize,
    failed: usize,
    best: Option<Best>,
    /// Seconds since 1970.
    begun: u64,
    ended: Option<u64>,
    #[serde(skip)]
    ago: String,
}

#[derive(Serialize)]
struct Best {
    metric: String,
    mean: Option<f64>,
    std: Option<f64>,
    searched: fanout_contract::Params,
}

impl Runs {
    pub(crate) fn run(self) -> Result<(), CommandError> {
        let store = self.store.open()?;
        let history = History::open(&store)?;
        let mut rows = Vec::with_capacity(history.runs.len());
        for entry in &history.runs {
            let manifest = history.manifest(&entry.run)?;
            rows.push(row(&store, entry, &manifest)?);
        }
        if self.json {
            let text = serde_json::to_string(&rows)
                .map_err(|error| CommandError::new(ErrorKind::Internal, error))?;
            print(&(text + "\n"));
            return Ok(());
        }
        print(&table(&rows, store.url())?);
        Ok(())
    }
}

pub(super) fn row(
    store: &Store,
    entry: &RunEntry,
    manifest: &Manifest,
) -> Result<Row, CommandError> {
    let plan = manifest.plan();
    let summary = match entry.ended {
        Some(_) => Summary::read(store, &entry.run)?,
        None => None,
    };
    let (candidates, splits, done, failed, best);
    let state = match summary {
        Some(summary) => {
            (candidates, splits) = (summary.candidates, summary.splits);
            (done, failed) = (candidates * splits, summary.failed);
            best = summary.best.map(|mut found| {
                let [mean, std] = found.scores.remove(&found.metric).unwrap_or_default();
                Best {
                    metric: found.metric,
                    mean,
                    std,
                    searched: found.searched,
                }
            });
            "finished"
        }
        None => {
            let StoredRun {
                report, done: fits, ..
            } = StoredRun::read(store, manifest, None)?;
            (candidates, splits) = (report.results.candidates, report.results.splits);
            (done, failed) = (fits, report.results.fit_counts.failed);
            best = report.best().map(|found| Best {
                metric: found.metric,
                mean: Some(found.mean),
                std: Some(found.std),
                searched: found.searched,
            });
            "unfinished"
        }
    };
    Ok(Row {
        run: entry.run.to_string(),
        trainers: plan.trainer_names(),
        name: plan.name,
        target: plan.dataset.target,
        dataset: manifest.inputs.data.dataset.to_string(),
        rows: manifest.rows,
        candidates,
        splits,
        state,
        done,
        failed,
        best,
        begun: unix(entry.begun),
        ended: entry.ended.map(unix),
        ago: ago(entry.begun, SystemTime::now()),
    })
}

pub(super) fn table(rows: &[Row], url: &str) -> Result<String, std::fmt::Error> {
    if rows.is_empty() {
        return Ok(format!("no runs in {url}\n"));
    }
    let mut lines =
        vec![["run", "name", "trainer", "fits", "state", "best", "begun"].map(ToOwned::to_owned)];
    for row in rows {
        let fits = row.candidates * row.splits;
        // Each target of a plan has a run.
        let is_one = |other: &Row| other.name != row.name || other.target == row.target;
        let name = match rows.iter().all(is_one) {
            true => row.name.clone(),
            false => format!("{} ({})", row.name, row.target),
        };
        let mut state = match row.state {
            "unfinished" => format!("{} of {} done", count(row.done), count(fits)),
            state => state.to_owned(),
        };
        if row.failed > 0 {
            write!(state, ", {} failed", count(row.failed))?;
        }
        let best = row.best.as_ref().map(|best| {
            let number = |number: Option<f64>| score(number.unwrap_or(f64::NAN));
            let (mean, std) = (number(best.mean), number(best.std));
            format!("{} {mean} ± {std}", best.metric)
        });
        lines.push([
            row.run[..12].to_owned(),
            name,
            row.trainers.join(", "),
            format!("{} x {}", count(row.candidates), count(row.splits)),
            state,
            best.unwrap_or_else(|| "-".to_owned()),
            row.ago.clone(),
        ]);
    }
    Ok(aligned(&lines))
}
