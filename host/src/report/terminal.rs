//! [`render`]: a report as text for a terminal. It prints nothing itself, and
//! shows the best candidates only: all of them are in the files.

mod columns;
mod compare;
mod ensemble;
mod explanations;
mod findings;
mod targets;
mod worth;

use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};

use serde_json::Value;
use unicode_width::UnicodeWidthStr as _;

use super::human::{bytes, clip, count, counted, duration, score};
use super::{Report, Usage};
use crate::expand::TRAINER;
use crate::plan::Plan;
use crate::reduce::{FitCounts, MetricResults};

/// How many candidates the table shows.
const SHOWN: usize = 10;

/// A hyper-parameter's value takes at most this many columns of the table.
const VALUE_WIDTH: usize = 16;

/// How to render.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// The columns of the terminal.
    pub width: usize,
    /// Whether to use colours.
    pub color: bool,
}

impl Default for Style {
    /// For a pipe or a file: 80 columns, no colours.
    fn default() -> Self {
        Self {
            width: 80,
            color: false,
        }
    }
}

impl Style {
    /// The style for a stream. Colours are for terminals, unless the variable
    /// `NO_COLOR` is set and not empty, or `TERM` is `dumb`. A width that is
    /// not known is 80; a table is never narrower than 40.
    pub fn new(terminal: bool, width: Option<usize>) -> Self {
        let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let dumb = set("TERM").is_some_and(|term| term == "dumb");
        Self {
            width: width.filter(|_| terminal).unwrap_or(80).max(40),
            color: terminal && set("NO_COLOR").is_none() && !dumb,
        }
    }

    fn paint(self, paint: Paint, text: &str) -> String {
        if !self.color || text.is_empty() {
            return text.to_owned();
        }
        let code = match paint {
            Paint::Bold => "1",
            Paint::Best => "1;32",
            Paint::Warning => "33",
            Paint::Failure => "31",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

#[derive(Clone, Copy)]
enum Paint {
    Bold,
    Best,
    Warning,
    Failure,
}

use columns::{GAP, TableColumn, fit, write_columns, write_left_out};

pub use compare::render_comparison;
pub use targets::render_all;

/// Renders a report: what was searched, the best candidates, the best
/// hyper-parameters, hold-out scores, warnings, failures, and what it usage.
pub fn render(report: &Report, style: Style) -> String {
    let mut text = String::new();
    write_report(report, style, &mut text).expect("a string takes all that is written");
    text
}

fn write_report(report: &Report, style: Style, out: &mut String) -> fmt::Result {
    let results = &report.results;
    let (name, trainers) = (&report.plan.name, report.plan.trainer_names().join(", "));
    let head = match report.plan.kind.has_splits() {
        true => format!(
            "{name}: {trainers}, {} = {}",
            findings::of_what(report),
            counted(results.candidates * results.splits, "fit"),
        ),
        false => format!("{name}: {trainers}, {}", counted(results.candidates, "fit")),
    };
    let mut lines = String::new();
    wrap(&head, 0, 2, style.width, &mut lines)?;
    writeln!(out, "{}\n", style.paint(Paint::Bold, lines.trim_end()))?;
    write_result(report, style, out)?;
    notes(report, style, out)?;
    let folder = report.plan.output.as_deref();
    writeln!(out)?;
    took(
        report.usage.as_ref(),
        results.fit_counts,
        folder,
        style,
        out,
    )
}

/// What was found: the best candidates, and the chosen one.
fn write_result(report: &Report, style: Style, out: &mut String) -> fmt::Result {
    let results = &report.results;
    match report.best() {
        _ if !report.plan.kind.refits() => findings::write(report, style, out)?,
        _ if report.is_unranked_ensemble() => {
            let members = counted(results.candidates, "member");
            writeln!(out, "Fitted {members} of the ensemble")?;
            write_model(report, out)?;
        }
        Some(best) => {
            if report.plan.kind.has_splits() {
                table(report, style, out)?;
            }
            best_candidate(&best, report, style, out)?;
        }
        None => {
            table(report, style, out)?;
            let metric = &results.metrics[report.ranked_by()].name;
            let sorry = format!("No candidate has a score by {metric} on every split.");
            writeln!(out, "\n{}", style.paint(Paint::Failure, &sorry))?;
        }
    }
    Ok(())
}

fn table(report: &Report, style: Style, out: &mut String) -> fmt::Result {
    let results = &report.results;
    let ranked_by = report.ranked_by();
    let mut shown = results.ranking(ranked_by);
    shown.truncate(SHOWN);
    let rank = |&candidate: &usize| results.metrics[ranked_by].rank[candidate].to_string();
    let mut fixed = vec![TableColumn {
        header: "rank".to_owned(),
        cells: shown.iter().map(rank).collect(),
        right: true,
    }];
    fixed.extend(param_columns(report, &shown));
    // The ranking metric stands first: it is never left out.
    let mut order: Vec<&MetricResults> = results.metrics.iter().collect();
    order[..=ranked_by].rotate_right(1);
    let columns = |deviations: &dyn Fn(usize) -> bool| -> Vec<TableColumn> {
        let metrics = order.iter().enumerate();
        metrics
            .map(|(index, metric)| metric_column(metric, &shown, deviations(index)))
            .collect()
    };
    let mut metrics = columns(&|_| true);
    let width = |columns: &[TableColumn]| columns.iter().map(|c| c.width() + GAP).sum::<usize>();
    if width(&fixed) + width(&metrics) - GAP > style.width {
        // Rather a mean than nothing.
        metrics = columns(&|index| index == 0);
    }
    let (kept, left_out) = fit(fixed, metrics, style.width + GAP);
    let is_best = |row: usize| results.metrics[ranked_by].rank[shown[row]] == 1;
    write_columns(&kept, is_best, style, out)?;
    let more = results.candidates - shown.len();
    let mut rest = Vec::new();
    if more > 0 {
        rest.push(counted(more, "other candidate"));
    }
    write_left_out(rest, &left_out, style, out)
}

/// The searched hyper-parameters in which the candidates differ.
fn param_columns(report: &Report, shown: &[usize]) -> Vec<TableColumn> {
    let candidates = &report.candidates;
    let varies = |name: &&String| {
        let first = candidates.value(0, name);
        (1..candidates.len()).any(|candidate| candidates.value(candidate, name) != first)
    };
    let column = |name: &String| {
        let values: Vec<Option<&Value>> = shown
            .iter()
            .map(|&candidate| candidates.value(candidate, name))
            .collect();
        TableColumn {
            header: name.clone(),
            cells: values
                .iter()
                .map(|value| clip(&plain(*value), VALUE_WIDTH))
                .collect(),
            right: values
                .iter()
                .flatten()
                .all(|value| value.is_number() || value.is_null()),
        }
    };
    let mut names: Vec<&String> = candidates.names().iter().filter(varies).collect();
    // Of several trainers, which one it is tells most.
    names.sort_by_key(|name| report.plan.arms().len() == 1 || *name != TRAINER);
    names.into_iter().map(column).collect()
}

fn metric_column(metric: &MetricResults, shown: &[usize], deviations: bool) -> TableColumn {
    let table = &metric.test;
    let cell = |&candidate: &usize| {
        let mean = table.mean[candidate];
        if mean.is_nan() || !deviations {
            return score(mean);
        }
        format!("{} ± {}", score(mean), score(table.std[candidate]))
    };
    let cells = shown.iter().map(cell).collect();
    TableColumn {
        header: metric.name.clone(),
        cells,
        right: true,
    }
}

fn best_candidate(
    best: &super::Best,
    report: &Report,
    style: Style,
    out: &mut String,
) -> fmt::Result {
    let head = match best.rule {
        Some(_) => format!("Chosen by {}", best.metric),
        None => format!("Best by {}", best.metric),
    };
    let mean = format!("{} ± {}", score(best.mean), score(best.std));
    let with = match report.plan.arms().len() {
        1 => "with".to_owned(),
        _ => format!("{} with", best.trainer),
    };
    match report.plan.kind.has_splits() {
        true => writeln!(out, "\n{}: {mean}, {with}", style.paint(Paint::Bold, &head))?,
        false => writeln!(out, "Fitted {with}")?,
    }
    let width = best
        .params
        .keys()
        .map(|name| name.width())
        .max()
        .unwrap_or(0);
    if best.params.is_empty() {
        writeln!(out, "  the defaults")?;
    }
    for (name, value) in &best.params {
        let fixed = if best.searched.contains_key(name) {
            ""
        } else {
            "  (fixed)"
        };
        let space = " ".repeat(width - name.width());
        let room = style.width.saturating_sub(width + 4 + fixed.len());
        writeln!(
            out,
            "  {name}{space}  {}{fixed}",
            clip(&plain(Some(value)), room)
        )?;
    }
    let told = best
        .rule
        .as_ref()
        .map(|rule| format!("It is {}", worth::rule(rule)));
    let sure = best.lead.as_ref();
    let sure = sure.map(|lead| format!("How sure: {}", lead.sentence));
    for line in told.into_iter().chain(sure) {
        wrap(&line, 0, 2, style.width, out)?;
    }
    write_baseline(report, style, out)?;
    for (indent, line) in worth::lines(report) {
        wrap(&line, indent, indent + 2, style.width, out)?;
    }
    let assessed = report
        .worth
        .as_ref()
        .and_then(|worth| worth.holdout.as_ref());
    if let Some(rows) = assessed {
        let line = format!("On the hold-out rows: {}", worth::scores(rows, report));
        wrap(&line, 0, 2, style.width, out)?;
    } else if let Some(holdout) = &report.holdout {
        let scores = report.results.metrics.iter().filter_map(|metric| {
            let value = holdout.get(&metric.name)?.unwrap_or(f64::NAN);
            Some(format!("{} {}", metric.name, score(value)))
        });
        let scores = scores.collect::<Vec<_>>().join(", ");
        wrap(
            &format!("On the hold-out rows: {scores}"),
            0,
            2,
            style.width,
            out,
        )?;
    }
    if let Some(value) = report.oob_score {
        writeln!(
            out,
            "On the training rows, out of bag: oob_score {}",
            score(value)
        )?;
    }
    if let Some(ensemble) = &report.ensemble {
        let (head, lines) = ensemble::lines(ensemble, report);
        writeln!(out, "\n{}", style.paint(Paint::Bold, &head))?;
        for (indent, line) in lines {
            wrap(&line, indent, indent + 2, style.width, out)?;
        }
    }
    write_model(report, out)?;
    explanations::write(report, style, out)
}

fn write_model(report: &Report, out: &mut String) -> fmt::Result {
    match &report.model {
        Some(model) => writeln!(out, "Model: {}", in_folder(&report.plan, model).display()),
        None => Ok(()),
    }
}

/// A file of results, as whoever stands where the run was called names it.
fn in_folder(plan: &Plan, file: &Path) -> PathBuf {
    plan.output
        .as_ref()
        .map_or_else(|| file.to_owned(), |folder| folder.join(file))
}

fn write_baseline(report: &Report, style: Style, out: &mut String) -> fmt::Result {
    if let Some(baseline) = &report.baseline {
        let scores = report.results.metrics.iter().filter_map(|metric| {
            let mean = baseline.scores.get(&metric.name)?.mean;
            Some(format!("{} {}", metric.name, score(mean)))
        });
        let scores = scores.collect::<Vec<_>>().join(", ");
        let line = format!("Baseline ({}): {scores}", baseline.trainer);
        wrap(&line, 0, 2, style.width, out)?;
    }
    Ok(())
}

/// Warnings, scores that are not defined, and failures.
fn notes(report: &Report, style: Style, out: &mut String) -> fmt::Result {
    let results = &report.results;
    let mut warnings: Vec<String> = report.warnings.clone();
    for metric in results.metrics.iter().filter(|metric| metric.undefined > 0) {
        let fits = counted(metric.undefined, "fit");
        warnings.push(format!(
            "{} is not defined on the test rows of {fits}{}",
            metric.name,
            undefined_splits(report, metric)
        ));
    }
    warn(&warnings, style, out)?;
    if !results.failures.is_empty() {
        let failed = counted(results.fit_counts.failed, "fit");
        let all = count(results.candidates * results.splits);
        let head = format!("Failed: {failed} of {all}");
        writeln!(out, "\n{}", style.paint(Paint::Failure, &head))?;
        for failures in &results.failures {
            // A trap's backtrace follows on further lines.
            let message = failures.example.to_string();
            let message = message.lines().next().unwrap_or_default();
            let first = if failures.tasks > 1 { "the first " } else { "" };
            let line = format!(
                "{}, {}; {first}from candidate {} on split {}: {message}",
                failures.kind.replace('_', " "),
                counted(failures.fits, "fit"),
                failures.candidate,
                failures.split,
            );
            wrap(&line, 2, 4, style.width, out)?;
        }
    }
    Ok(())
}

/// Writes warnings.
fn warn(warnings: &[String], style: Style, out: &mut String) -> fmt::Result {
    if !warnings.is_empty() {
        writeln!(out)?;
    }
    for warning in warnings {
        let mut lines = String::new();
        wrap(
            &format!("warning: {warning}"),
            0,
            2,
            style.width,
            &mut lines,
        )?;
        let painted = style.paint(Paint::Warning, "warning:");
        out.push_str(&lines.replacen("warning:", &painted, 1));
    }
    Ok(())
}

/// The splits on which a metric is not defined, as far as no failed fit is
/// among them: ", on splits 0 and 3".
fn undefined_splits(report: &Report, metric: &MetricResults) -> String {
    let results = &report.results;
    let is_undefined = |split: &usize| metric.test.on(*split).any(f64::is_nan);
    let splits: Vec<String> = (0..results.splits)
        .filter(is_undefined)
        .map(|split| split.to_string())
        .collect();
    match splits.as_slice() {
        // The splits of findings have other numbers there.
        _ if results.fit_counts.failed > 0 || report.findings.is_some() => String::new(),
        [one] => format!(", on split {one}"),
        [rest @ .., last] => format!(", on splits {} and {last}", rest.join(", ")),
        [] => String::new(),
    }
}

/// What a run took, what its fits were, and where its results are.
fn took(
    usage: Option<&Usage>,
    counts: FitCounts,
    folder: Option<&Path>,
    style: Style,
    out: &mut String,
) -> fmt::Result {
    if let Some(usage) = usage {
        let mut line = format!("Took {}", duration(usage.wall));
        if let (Some(user), Some(system)) = (usage.user, usage.system) {
            write!(line, ", {} CPU", duration(user + system))?;
        }
        if let Some(peak) = usage.peak_memory {
            write!(line, ", {} peak memory", bytes(peak))?;
        }
        wrap(&line, 0, 2, style.width, out)?;
    }
    if counts.served > 0 {
        let share = counts.served as f64 / counts.made.max(1) as f64;
        let served = counted(counts.served, "fit");
        let mut line = format!(
            "{served} served by {} made ({share:.1} each)",
            count(counts.made)
        );
        if counts.reused > 0 && usage.is_some() {
            write!(line, ", {} of them in an earlier run", count(counts.reused))?;
        }
        wrap(&line, 0, 2, style.width, out)?;
    }
    let line = match folder {
        Some(folder) => format!("Results: {}", folder.display()),
        None if counts == FitCounts::default() => "--output DIR keeps the model".to_owned(),
        None => "--output DIR keeps the results of every candidate".to_owned(),
    };
    wrap(&line, 0, 2, style.width, out)
}

/// A hyper-parameter's value: a string without quotes, nothing as `-`, all
/// else as JSON.
fn plain(value: Option<&Value>) -> String {
    match value {
        None => "-".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    }
}

/// Writes a text in lines of at most `width` columns, broken between words,
/// the first indented by `first` and the others by `rest`.
fn wrap(text: &str, first: usize, rest: usize, width: usize, out: &mut String) -> fmt::Result {
    let mut line = " ".repeat(first);
    let mut empty = true;
    for word in text.split_whitespace() {
        if !empty && line.width() + 1 + word.width() > width {
            writeln!(out, "{line}")?;
            line = " ".repeat(rest);
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(word);
        empty = false;
    }
    writeln!(out, "{line}")
}

#[cfg(test)]
mod tests;
