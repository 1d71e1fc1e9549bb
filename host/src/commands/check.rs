//! `fanout check`: every mistake of a plan, or what it would run.

use std::fmt::Write;
use std::time::Instant;

use clap::Args;
use fanout::dataset::{self, ColumnSummary, PartOf, Prepared};
use fanout::expand::Expansion;
use fanout::plan::PoolPlan;
use fanout::report::Usage;
use fanout::report::human::{aligned, bytes, clip, count, counted};

use super::plan::PlanArguments;
use super::{CommandError, print};
use fanout::session::{LoadedPlan, MemoryEstimate, SuitedPlan, TimeEstimate};

/// Targets, and classes of one, that are named one by one.
const SHOWN: usize = 10;

/// Find every mistake in a plan, or say what it would run.
#[derive(Debug, Args)]
pub(crate) struct Check {
    #[command(flatten)]
    plan: PlanArguments,
}

impl Check {
    pub(crate) fn run(self) -> Result<(), CommandError> {
        let loaded = self.plan.load()?;
        // A check leaves no trace in the store.
        let prepared = loaded.chained(dataset::examine(&loaded.plan)?)?;
        let searches = loaded.searches();
        let suited = searches.iter().zip(&prepared);
        let suited = suited.map(|(loaded, prepared)| loaded.suited(prepared));
        let suited: Vec<SuitedPlan> = suited.collect::<Result<_, _>>()?;
        print(&summary(&loaded, &suited, &prepared)?);
        Ok(())
    }
}

/// What a plan would run: of several targets, what the search of the first would, and
/// their targets.
fn summary(
    loaded: &LoadedPlan,
    suited: &[SuitedPlan],
    all: &[Prepared],
) -> Result<String, CommandError> {
    let ([SuitedPlan { plan, inputs, .. }, ..], [prepared, ..]) = (suited, all) else {
        return Ok(String::new());
    };
    let expansion = Expansion::new(plan, inputs, loaded.workers);
    let (candidates, splits) = (expansion.candidates.len(), expansion.splits.len());
    let families = expansion.tasks.len() / splits.max(1);
    let (rows, features) = (prepared.rows, prepared.features());
    // Without splits, each estimator is fitted once.
    let of_one = match plan.kind.has_splits() {
        true => expansion.tasks.len(),
        false => candidates,
    };
    let workers = loaded.workers.min(of_one * all.len());
    // What fits need elsewhere is the platform's.
    let here = match plan.pool {
        PoolPlan::Local { .. } => workers,
        PoolPlan::Http(_) | PoolPlan::Nats(_) => 0,
    };
    // A run reads the table as this check did.
    let held = Usage::since(Instant::now()).peak_memory.unwrap_or(40 << 20);
    let estimate = |workers| MemoryEstimate::new(plan, inputs, prepared, workers, held);
    let memory = |workers| bytes(estimate(workers).search);
    let mut memory = match here {
        0 | 1 => format!("about {}", memory(here)),
        _ => format!(
            "about {} with 1 worker, {} with {here}",
            memory(1),
            memory(here)
        ),
    };
    let MemoryEstimate { refit, model, .. } = estimate(here);
    if let Some(refit) = refit.filter(|_| here > 0) {
        memory += &format!(", {} in the refit", bytes(refit));
    }
    let mut text = String::new();
    writeln!(text, "{}: the plan is good", plan.name)?;
    writeln!(
        text,
        "dataset     {}, {}",
        counted(rows as usize, "row"),
        counted(features, "feature")
    )?;
    for prepared in all.iter().take(SHOWN) {
        writeln!(text, "target      {}", target(prepared))?;
    }
    let of_each = match all.len() {
        1 => "",
        count => {
            if let Some(more @ 1..) = count.checked_sub(SHOWN) {
                writeln!(text, "            and {}", counted(more, "more target"))?;
            }
            " for each target"
        }
    };
    writeln!(text, "trainer     {}", plan.trainer_names().join(", "))?;
    let (mut splits_told, mut fits) = (splits.to_string(), count(expansion.fits()));
    if let Some(part) = expansion.parts.first() {
        let parts = expansion.parts.len();
        splits_told += &match part.of {
            PartOf::TrainSize(_) => format!(", for {}", counted(parts, "size")),
            PartOf::Outer(_) => format!(", inside {parts} of `cv`"),
            PartOf::Unshuffled | PartOf::Permutation(_) => {
                let permutations = counted(parts - 1, "permutation");
                format!(", for the targets as they are and {permutations} of them")
            }
        };
        if let PartOf::Outer(_) = part.of {
            fits += &format!(", and one on each of the {parts}");
        }
    }
    if !plan.kind.refits() || !plan.kind.has_splits() {
        writeln!(text, "kind        {}", plan.kind.name())?;
    }
    if plan.kind.has_splits() {
        writeln!(text, "candidates  {}{of_each}", count(candidates))?;
        writeln!(text, "splits      {splits_told}")?;
        writeln!(text, "fits        {fits}{of_each}")?;
        writeln!(text, "families    {} a split", count(families))?;
    }
    if let Some(ensemble) = &plan.ensemble {
        let of = match (ensemble.members(), ensemble.final_estimator()) {
            (_, Some(last)) => format!(", {} learns from the members' predictions", last.name),
            (None, None) => ", members from all candidates".to_owned(),
            (Some(_), None) => String::new(),
        };
        writeln!(text, "ensemble    {}{of}", ensemble.method())?;
    }
    let tasks = count(of_one);
    writeln!(text, "tasks       {tasks}{of_each}, {workers} at a time")?;
    writeln!(text, "memory      {memory}")?;
    let time = TimeEstimate::new(plan, inputs, &expansion, prepared, workers);
    if let Some(told) = time.as_ref().and_then(TimeEstimate::told) {
        writeln!(text, "time        {told}, roughly")?;
    }
    text.push_str(&columns(prepared));
    if refit.is_some() && model > plan.limits.memory {
        writeln!(
            text,
            "warning: the refit of the largest candidate may need {}, more than `limits.memory`; \
             without it (`refit: false`), the search is complete all the same",
            bytes(model)
        )?;
    }
    if let Some(message) = time.and_then(|time| time.warning()) {
        writeln!(text, "warning: {message}")?;
    }
    for message in loaded.cut() {
        writeln!(text, "warning: {message}")?;
    }
    for warning in prepared.table_warnings() {
        writeln!(text, "warning: {warning}")?;
    }
    for prepared in all {
        let of = match prepared.is_alone {
            true => String::new(),
            false => format!("target `{}`: ", prepared.target),
        };
        for warning in &prepared.summary.warnings[prepared.table_warnings().len()..] {
            writeln!(text, "warning: {of}{warning}")?;
        }
    }
    Ok(text)
}

/// Every column: as what it is read, the share of missing values, an example.
fn columns(prepared: &Prepared) -> String {
    let rows = prepared.rows.max(1) as f64;
    let row = |column: &ColumnSummary| {
        let missing = 100.0 * column.missing as f64 / rows;
        let missing = match missing {
            0.0 => "-".to_owned(),
            missing if missing < 0.1 => "< 0.1 %".to_owned(),
            missing => format!("{missing:.1} %"),
        };
        [
            clip(&column.name, 40),
            clip(&column.reads.to_string(), 48),
            missing,
            clip(column.example.as_deref().unwrap_or("-"), 32),
        ]
    };
    let head = ["column", "read as", "missing", "example"].map(str::to_owned);
    let rows = prepared.summary.columns.iter().map(row);
    let rows: Vec<[String; 4]> = std::iter::once(head).chain(rows).collect();
    format!("\n{}\n", aligned(&rows))
}

/// The target with the share of each class.
fn target(prepared: &Prepared) -> String {
    let name = &prepared.target;
    let classes = &prepared.summary.classes;
    if classes.is_empty() {
        return format!("{name}, a number");
    }
    let share = |rows: u64| 100.0 * rows as f64 / prepared.rows as f64;
    let shown: Vec<String> = classes
        .iter()
        .take(SHOWN)
        .map(|class| format!("{} ({:.1} %)", class.label, share(class.rows)))
        .collect();
    let more = if classes.len() > SHOWN { ", …" } else { "" };
    format!(
        "{name}, {} classes: {}{more}",
        classes.len(),
        shown.join(", ")
    )
}
