//! The results of several targets: a block for each, or a line where there are many.

use std::fmt::{self, Write as _};

use super::super::human::{clip, count, counted, score};
use super::super::{Report, Reports};
use super::ensemble::mean_and_std;
use super::{
    GAP, Paint, Style, TableColumn, fit, notes, plain, render, took, warn, wrap, write_columns,
    write_left_out, write_result,
};
use crate::reduce::{FitCounts, SearchResults};
use crate::worth::OverTargetScores;

/// The most targets of which each has a block.
const BLOCKS: usize = 6;

/// The best hyper-parameters of a line take at most so many columns.
const PARAMS_WIDTH: usize = 60;

/// Renders the results of a plan.
pub fn render_all(reports: &Reports, style: Style) -> String {
    if let Some(only) = reports.only() {
        return render(only, style);
    }
    let mut text = String::new();
    write(reports, style, &mut text).expect("a string takes all that is written");
    text
}

fn write(reports: &Reports, style: Style, out: &mut String) -> fmt::Result {
    let plan = &reports.plan;
    let results = || reports.targets.iter().map(|report| &report.results);
    let fits_of = |results: &SearchResults| match plan.kind.has_splits() {
        true => results.candidates * results.splits,
        false => results.candidates,
    };
    let fits: usize = results().map(fits_of).sum();
    let head = format!(
        "{}: {}, {}, {}",
        plan.name,
        plan.trainer_names().join(", "),
        counted(reports.targets.len(), "target"),
        counted(fits, "fit"),
    );
    let mut lines = String::new();
    wrap(&head, 0, 2, style.width, &mut lines)?;
    writeln!(out, "{}", style.paint(Paint::Bold, lines.trim_end()))?;
    if reports.targets.len() <= BLOCKS {
        for report in &reports.targets {
            let name = format!("target {}", report.plan.dataset.target);
            writeln!(out, "\n{}", style.paint(Paint::Bold, &name))?;
            write_result(report, style, out)?;
            notes(report, style, out)?;
        }
    } else {
        writeln!(out)?;
        table(&reports.targets, style, out)?;
        troubles(&reports.targets, style, out)?;
    }
    if let Some(scores) = &reports.over_targets {
        writeln!(out)?;
        over_targets(scores, style, out)?;
    }
    if let Some(model) = &reports.model {
        writeln!(out)?;
        let line = format!(
            "Model of all targets: {}",
            super::in_folder(&reports.plan, model).display()
        );
        wrap(&line, 0, 2, style.width, out)?;
    }
    warn(&reports.warnings, style, out)?;
    writeln!(out)?;
    let mut counts = FitCounts::default();
    for results in results() {
        let own = results.fit_counts;
        counts.served += own.served;
        counts.made += own.made;
        counts.reused += own.reused;
        counts.failed += own.failed;
    }
    took(
        reports.usage.as_ref(),
        counts,
        plan.output.as_deref(),
        style,
        out,
    )
}

/// A line for each target: its best candidate and the score of that.
fn table(targets: &[Report], style: Style, out: &mut String) -> fmt::Result {
    let bests: Vec<_> = targets.iter().map(Report::best).collect();
    let column = |header: &str, cells: Vec<String>, right| TableColumn {
        header: header.to_owned(),
        cells,
        right,
    };
    let names = targets
        .iter()
        .map(|report| clip(&report.plan.dataset.target, 40));
    let metrics = targets
        .iter()
        .map(|report| report.results.metrics[report.ranked_by()].name.clone());
    let scores = bests.iter().map(|best| match best {
        Some(best) if best.scores.is_empty() => "-".to_owned(),
        Some(best) => format!("{} ± {}", score(best.mean), score(best.std)),
        None => "-".to_owned(),
    });
    let params = bests.iter().map(|best| {
        let searched = best.iter().flat_map(|best| &best.searched);
        let params = searched.map(|(name, value)| format!("{name}={}", plain(Some(value))));
        clip(&params.collect::<Vec<_>>().join(" "), PARAMS_WIDTH)
    });
    let fixed = vec![column("target", names.collect(), false)];
    let mut others = vec![column("score", scores.collect(), true)];
    others.push(column("metric", metrics.collect(), false));
    if targets.iter().any(|report| report.holdout.is_some()) {
        let held_out = targets.iter().map(|report| {
            let metric = &report.results.metrics[report.ranked_by()].name;
            let holdout = report.holdout.as_ref();
            let value = holdout.and_then(|holdout| *holdout.get(metric)?);
            value.map_or_else(|| "-".to_owned(), score)
        });
        others.push(column("hold-out", held_out.collect(), true));
    }
    if targets.iter().any(|report| report.ensemble.is_some()) {
        let combined = targets.iter().map(|report| {
            let metric = &report.results.metrics[report.ranked_by()].name;
            let scores = report.ensemble.as_ref();
            let scores = scores.and_then(|ensemble| ensemble.scores.get(metric));
            scores.map_or_else(|| "-".to_owned(), mean_and_std)
        });
        others.push(column("ensemble", combined.collect(), true));
    }
    let params: Vec<String> = params.collect();
    if params.iter().any(|params| !params.is_empty()) {
        others.push(column("best", params, false));
    }
    let (kept, left_out) = fit(fixed, others, style.width + GAP);
    write_columns(&kept, |_| false, style, out)?;
    write_left_out(Vec::new(), &left_out, style, out)
}

/// Targets without a score, failures, and how many have warnings.
fn troubles(targets: &[Report], style: Style, out: &mut String) -> fmt::Result {
    let failed = targets.iter().filter(|report| report.failure.is_some());
    for report in failed {
        let message = report.failure.as_ref().map(|failure| &failure.message);
        let message = message.map_or("", String::as_str);
        let line = format!("{}: {message}", report.plan.dataset.target);
        wrap(&style.paint(Paint::Failure, &line), 0, 2, style.width, out)?;
    }
    let warned = targets.iter().filter(|report| !report.warnings.is_empty());
    match warned.count() {
        0 => Ok(()),
        several => {
            let line = format!(
                "{} of {} targets have warnings; `--json` has them",
                count(several),
                count(targets.len())
            );
            wrap(&line, 0, 2, style.width, out)
        }
    }
}

fn over_targets(scores: &OverTargetScores, style: Style, out: &mut String) -> fmt::Result {
    let mut told = Vec::new();
    let mut tell = |name: &str, value: Option<f64>| {
        told.extend(value.map(|value| format!("{name} {}", score(value))));
    };
    tell("hamming loss", scores.hamming_loss);
    tell("subset accuracy", scores.subset_accuracy);
    tell("f1 samples", scores.f1_samples);
    tell("f1 macro", scores.f1_macro);
    tell("f1 micro", scores.f1_micro);
    tell("mean r2", scores.mean_r2);
    if told.is_empty() {
        return Ok(());
    }
    let line = format!("Over the targets: {}", told.join(", "));
    wrap(&line, 0, 2, style.width, out)
}
