//! [`render_comparison`]: runs side by side on a terminal.

use std::fmt::{self, Write as _};

use serde_json::Value;

use super::super::compare::Comparison;
use super::super::human::{clip, count, score};
use super::{GAP, Paint, Style, TableColumn, fit, plain, wrap, write_columns, write_left_out};

/// The columns of a candidate in words.
const CANDIDATE: usize = 60;
/// The columns of a value of a plan.
const VALUE: usize = 40;
/// The most fields of plans that are shown.
const FIELDS: usize = 30;

/// Renders a comparison.
pub fn render_comparison(comparison: &Comparison, style: Style) -> String {
    let mut text = String::new();
    write(comparison, style, &mut text).expect("a string takes all that is written");
    text
}

fn write(comparison: &Comparison, style: Style, out: &mut String) -> fmt::Result {
    let runs = &comparison.runs;
    let column = |header: &str, cells: Vec<String>, right: bool| TableColumn {
        header: header.to_owned(),
        cells,
        right,
    };
    let cells = |of: &dyn Fn(usize) -> String| (0..runs.len()).map(of).collect::<Vec<_>>();
    let same_metric = runs.iter().all(|run| run.metric == runs[0].metric);
    let fixed = vec![column("run", cells(&|at| runs[at].label.clone()), false)];
    let mut others = vec![column(
        if same_metric {
            &runs[0].metric
        } else {
            "score"
        },
        cells(&|at| pair(runs[at].mean, runs[at].std)),
        true,
    )];
    if !same_metric {
        others.push(column(
            "metric",
            cells(&|at| runs[at].metric.clone()),
            false,
        ));
    }
    if runs.iter().any(|run| run.holdout.is_some()) {
        let held_out = |at: usize| {
            let run = &runs[at];
            let value = run.holdout.as_ref().and_then(|of| *of.get(&run.metric)?);
            value.map_or_else(|| "-".to_owned(), score)
        };
        others.push(column("hold-out", cells(&held_out), true));
    }
    others.push(column("fits", cells(&|at| count(runs[at].served)), true));
    others.push(column("made", cells(&|at| count(runs[at].made)), true));
    let seconds = |at: usize| format!("{:.2}", runs[at].guest_seconds);
    others.push(column("guest s", cells(&seconds), true));
    let candidate = |at: usize| clip(&runs[at].candidate, CANDIDATE);
    others.push(column("candidate", cells(&candidate), false));
    let mut metrics: Vec<&String> = runs.iter().flat_map(|run| run.scores.keys()).collect();
    metrics.sort_unstable();
    metrics.dedup();
    for metric in metrics {
        if same_metric && *metric == runs[0].metric {
            continue;
        }
        let of = |at: usize| match runs[at].scores.get(metric) {
            Some([mean, std]) => pair(*mean, *std),
            None => "-".to_owned(),
        };
        others.push(column(metric, cells(&of), true));
    }
    let best = runs.iter().map(|run| run.mean).fold(f64::NAN, f64::max);
    let (kept, left_out) = fit(fixed, others, style.width + GAP);
    let is_best = |row: usize| same_metric && runs.len() > 1 && runs[row].mean == best;
    write_columns(&kept, is_best, style, out)?;
    write_left_out(Vec::new(), &left_out, style, out)?;
    if !comparison.differences.is_empty() {
        writeln!(out)?;
    }
    for difference in &comparison.differences {
        wrap(&difference.sentence, 0, 2, style.width, out)?;
    }
    plans(comparison, style, out)
}

fn pair(mean: f64, std: f64) -> String {
    match (mean.is_nan(), std.is_nan()) {
        (true, _) => "-".to_owned(),
        (false, true) => score(mean),
        (false, false) => format!("{} ± {}", score(mean), score(std)),
    }
}

/// What the plans differ in, a line a field and one a run below it.
fn plans(comparison: &Comparison, style: Style, out: &mut String) -> fmt::Result {
    if comparison.plans.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{}", style.paint(Paint::Bold, "The plans differ in"))?;
    for field in comparison.plans.iter().take(FIELDS) {
        let values = field.values.iter().map(|value| match value {
            Value::Null => "-".to_owned(),
            value => clip(&plain(Some(value)), VALUE),
        });
        let line = format!(
            "{}: {}",
            field.field,
            values.collect::<Vec<_>>().join(" | ")
        );
        wrap(&line, 2, 4, style.width, out)?;
    }
    let more = comparison.plans.len().saturating_sub(FIELDS);
    if more > 0 {
        writeln!(out, "  and {} more; `--json` has them", count(more))?;
    }
    Ok(())
}
