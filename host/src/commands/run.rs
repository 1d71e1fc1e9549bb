//! `fanout run`: the whole way from a plan to its results.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::time::Instant;

use clap::Args;
use fanout::dataset::{self, Prepared};
use fanout::expand::{Data, Expansion};
use fanout::plan::CheckedPlan;
use fanout::pool::LocalPool;
use fanout::reduce::SearchResults;
use fanout::report::progress::Progress;
use fanout::report::{Report, Took, files};
use fanout::run::event::Event;
use fanout::run::manifest::Manifest;
use fanout::run::record::Record;
use fanout::run::summary::Summary;
use fanout::run::{self, Refitted, RunError};
use fanout::sandbox::Cancel;
use fanout::store::{Key, Settled, Store};
use indicatif::ProgressDrawTarget;

use super::plan::PlanArguments;
use super::pool::{Pools, Remote};
use super::{CommandError, show};

/// The refitted model's file, in the folder of results.
const MODEL: &str = "model.bin";

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
}

impl Run {
    pub(crate) fn run(self) -> Result<(), CommandError> {
        let started = Instant::now();
        let cancel = Cancel::default();
        super::interrupt::on_interrupt(cancel.clone())?;
        let mut loaded = self.plan.load()?;
        let remote = Remote::open(&mut loaded)?;
        let plan = &loaded.plan;
        let mut progress = self.progress(plan);
        let mut emit = |event: &Event| progress.on_event(event);

        let store = Store::open(&plan.store)?;
        store.probe()?;
        store.mark_layout()?;
        let prepared = prepare(plan, &store, &mut emit)?;
        loaded.check_target(&prepared)?;
        let data = Data {
            guest: loaded.guest.digest(),
            dataset: prepared.dataset,
            splits: prepared.splits,
        };
        // What the tasks need stands before the manifest that names it, and
        // that before the tasks.
        let key = Key::guest(&data.guest);
        let settled = store.settle(&key, data.guest, loaded.component.clone())?;
        if settled == Settled::Mended {
            emit(&Event::ObjectMended { key });
        }
        let manifest = Manifest::new(plan, &loaded.trainer, &prepared, data);
        let digests = manifest.digests();
        let key = Key::plan(&digests.run);
        let begun = store.settle(&key, digests.run, manifest.bytes())?;
        let mut expansion = Expansion::new(
            plan,
            &loaded.trainer,
            &manifest.data,
            prepared.folds.clone(),
            loaded.workers,
        );
        match begun {
            Settled::Written => {}
            Settled::Found => expansion.turn(),
            Settled::Mended => {
                emit(&Event::ObjectMended { key });
                expansion.turn();
            }
        }
        let record = Record::new(store.clone(), plan.limits.into(), !self.fresh);
        let (run, fresh) = (digests.run, self.fresh);
        let pools = Pools::new(&loaded, remote, &prepared, run, record, fresh, &cancel)?;
        let results = run::search(plan, &expansion, pools.search(), &cancel, &mut emit)?;
        let refitted = refit(
            plan,
            &expansion,
            &results,
            &prepared,
            &pools.local,
            &mut emit,
        )?;
        // The line that changes must be gone before anything else is printed.
        drop(progress);

        let model = match &refitted {
            Some(Refitted {
                model: Some(model), ..
            }) => save_model(plan, model)?,
            _ => None,
        };
        let holdout = refitted.and_then(|refitted| refitted.holdout);
        let holdout = holdout.map(|scores| scores.into_iter().collect::<BTreeMap<_, _>>());
        let warnings: Vec<String> = prepared
            .summary
            .warnings
            .iter()
            .map(ToString::to_string)
            .collect();
        let took = Took::since(started);
        let report = Report {
            plan,
            digests: &digests,
            candidates: &expansion.candidates,
            results: &results,
            holdout: holdout.as_ref(),
            model: model.as_deref().map(Path::new),
            warnings: &warnings,
            took: Some(&took),
        };
        if let Some(folder) = &plan.output {
            files::write(folder, &report)?;
        }
        Summary::of(&report).keep(&store)?;
        show(&report, self.json)
    }

    fn progress(&self, plan: &CheckedPlan) -> Progress {
        let metric = &plan.scoring[run::ranking_metric(plan)];
        if self.quiet {
            Progress::quiet()
        } else if std::io::stderr().is_terminal() {
            Progress::live(ProgressDrawTarget::stderr(), metric)
        } else {
            Progress::plain(std::io::stderr(), metric)
        }
    }
}

fn prepare(
    plan: &CheckedPlan,
    store: &Store,
    emit: &mut dyn FnMut(&Event),
) -> Result<Prepared, CommandError> {
    let started = Instant::now();
    let prepared = dataset::prepare(plan, store)?;
    emit(&Event::DatasetPrepared {
        rows: prepared.rows,
        features: prepared.layout.columns.len() - 1,
        reused: prepared.reused,
        wall: started.elapsed(),
    });
    for key in &prepared.mended {
        emit(&Event::ObjectMended { key: key.clone() });
    }
    for warning in &prepared.summary.warnings {
        emit(&Event::DatasetWarned {
            message: warning.to_string(),
        });
    }
    Ok(prepared)
}

fn refit(
    plan: &CheckedPlan,
    expansion: &Expansion,
    results: &SearchResults,
    prepared: &Prepared,
    pool: &LocalPool,
    emit: &mut dyn FnMut(&Event),
) -> Result<Option<Refitted>, RunError> {
    let metric = plan.refit.as_ref().and_then(|name| results.metric(name));
    let Some(best) = metric.and_then(|metric| results.best(metric)) else {
        return Ok(None);
    };
    let holdout = prepared.holdout.as_ref();
    // A model that is written nowhere is not worth its fit.
    let rows = plan.output.is_some().then_some(&prepared.refit);
    run::refit(expansion, best, rows, holdout, pool, emit).map(Some)
}

/// Writes the model beside the results, where there is a folder for them.
fn save_model(plan: &CheckedPlan, model: &[u8]) -> Result<Option<String>, CommandError> {
    let Some(folder) = &plan.output else {
        return Ok(None);
    };
    files::make_folder(folder)?;
    let path = folder.join(MODEL);
    files::replace(&path, |output| output.write_all(model))?;
    Ok(Some(MODEL.to_owned()))
}
