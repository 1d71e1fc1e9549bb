//! Tables of what plans find that make no model.

use std::fmt::{self, Write as _};

use super::super::Report;
use super::super::human::{clip, counted, score};
use super::{
    GAP, Paint, Style, TableColumn, VALUE_WIDTH, best_candidate, fit, param_columns, plain, wrap,
    write_baseline, write_columns, write_left_out,
};
use crate::reduce::{
    CurvePoint, Findings, OuterScore, OuterSplit, PermutationTest, ScoreTable, SearchResults,
};

/// The most rows of a table.
const SHOWN: usize = 40;

/// What the fits are of: "25 candidates x 3 splits".
pub(super) fn of_what(report: &Report) -> String {
    let results = &report.results;
    let candidates = counted(results.candidates, "candidate");
    match &report.findings {
        None => format!("{candidates} x {}", counted(results.splits, "split")),
        Some(Findings::LearningCurve(points)) => {
            let splits = results.splits / points.len().max(1);
            let sizes = counted(points.len(), "size");
            let sizes = format!("{sizes} x {}", counted(splits, "split"));
            match results.candidates {
                1 => sizes,
                trainers => format!("{} x {sizes}", counted(trainers, "trainer")),
            }
        }
        Some(Findings::Nested(outer)) => format!(
            "{candidates} x {} inside {}",
            counted(results.splits, "split"),
            counted(outer.len(), "split")
        ),
        Some(Findings::PermutationTest(tests)) => {
            let permutations = permutations(tests);
            let splits = results.splits / (permutations + 1);
            let splits = counted(splits, "split");
            let of = format!("{} x {splits}", counted(permutations, "permutation"));
            match results.candidates {
                1 => of,
                trainers => format!("{} x {of}", counted(trainers, "trainer")),
            }
        }
    }
}

fn permutations(tests: &[PermutationTest]) -> usize {
    let first = tests.first().and_then(|test| test.metrics.first());
    first.map_or(0, |scores| scores.permutation_scores.len())
}

/// Writes the table of a plan that makes no model, and what follows from it.
pub(super) fn write(report: &Report, style: Style, out: &mut String) -> fmt::Result {
    match &report.findings {
        Some(Findings::LearningCurve(points)) => learning_curve(points, report, style, out),
        Some(Findings::Nested(outer)) => nested(outer, report, style, out),
        Some(Findings::PermutationTest(tests)) => permutation_test(tests, report, style, out),
        None => candidates(report, style, out),
    }?;
    if !report.is_scored() {
        let metric = &report.results.metrics[report.ranked_by()].name;
        let sorry = format!("There is no score by {metric} on every split.");
        writeln!(out, "\n{}", style.paint(Paint::Failure, &sorry))?;
    }
    Ok(())
}

/// Every candidate, in the plan's order.
fn candidates(report: &Report, style: Style, out: &mut String) -> fmt::Result {
    let results = &report.results;
    let rows: Vec<usize> = (0..results.candidates.min(SHOWN)).collect();
    let labels = param_columns(report, &rows);
    let each: Vec<(&SearchResults, usize)> = rows.iter().map(|&row| (results, row)).collect();
    let rank = &results.metrics[report.ranked_by()].rank;
    let is_best = |row: usize| results.candidates > 1 && rank[row] == 1;
    let more = results.candidates - rows.len();
    scores(labels, &each, is_best, more, report, style, out)?;
    match report.best() {
        Some(best) if results.candidates > 1 => best_candidate(&best, report, style, out),
        Some(_) => {
            writeln!(out)?;
            write_baseline(report, style, out)
        }
        None => Ok(()),
    }
}

fn learning_curve(
    points: &[CurvePoint],
    report: &Report,
    style: Style,
    out: &mut String,
) -> fmt::Result {
    let rows = points
        .iter()
        .flat_map(|point| (0..report.results.candidates).map(move |candidate| (point, candidate)));
    let all: Vec<(&CurvePoint, usize)> = rows.collect();
    let shown = &all[..all.len().min(SHOWN)];
    let sizes = shown.iter().map(|(point, _)| point.train_size.to_string());
    let mut labels = vec![column("train_size", sizes.collect(), true)];
    if report.results.candidates > 1 {
        let names = report.plan.trainer_names();
        let of_rows = shown.iter().map(|(_, candidate)| names[*candidate].clone());
        labels.push(column("trainer", of_rows.collect(), false));
    }
    let each: Vec<(&SearchResults, usize)> = (shown.iter())
        .map(|(point, candidate)| (&point.results, *candidate))
        .collect();
    let more = all.len() - shown.len();
    scores(labels, &each, |_| false, more, report, style, out)
}

/// A table of test scores and, where there are some, train scores.
fn scores(
    mut labels: Vec<TableColumn>,
    rows: &[(&SearchResults, usize)],
    is_best: impl Fn(usize) -> bool,
    more: usize,
    report: &Report,
    style: Style,
    out: &mut String,
) -> fmt::Result {
    let cell = |table: Option<&ScoreTable>, candidate: usize| {
        table.map_or_else(String::new, |table| {
            format!(
                "{} ± {}",
                score(table.mean[candidate]),
                score(table.std[candidate])
            )
        })
    };
    let mut metrics = Vec::new();
    for (index, metric) in report.results.metrics.iter().enumerate() {
        let test = |&(results, candidate): &(&SearchResults, usize)| {
            cell(Some(&results.metrics[index].test), candidate)
        };
        metrics.push(column(&metric.name, rows.iter().map(test).collect(), true));
        if metric.train.is_some() {
            let train = |&(results, candidate): &(&SearchResults, usize)| {
                cell(results.metrics[index].train.as_ref(), candidate)
            };
            let name = format!("train {}", metric.name);
            metrics.push(column(&name, rows.iter().map(train).collect(), true));
        }
    }
    if labels.is_empty() {
        let trainer = report.plan.trainer_names().concat();
        labels.push(column("trainer", vec![trainer; rows.len()], false));
    }
    let (kept, left_out) = fit(labels, metrics, style.width + GAP);
    write_columns(&kept, is_best, style, out)?;
    let rest = (more > 0).then(|| counted(more, "other row"));
    write_left_out(rest.into_iter().collect(), &left_out, style, out)
}

fn nested(outer: &[OuterSplit], report: &Report, style: Style, out: &mut String) -> fmt::Result {
    let shown = &outer[..outer.len().min(SHOWN)];
    let numbers = (0..shown.len()).map(|number| number.to_string());
    let mut labels = vec![column("split", numbers.collect(), true)];
    for name in report.candidates.names() {
        let value = |split: &OuterSplit| {
            let value = split.best.map(|best| report.candidates.value(best, name));
            clip(&plain(value.flatten()), VALUE_WIDTH)
        };
        labels.push(column(name, shown.iter().map(value).collect(), true));
    }
    let ranked_by = report.ranked_by();
    let name = &report.results.metrics[ranked_by].name;
    let inner = |split: &OuterSplit| {
        let mean = |best: usize| split.inner.metrics[ranked_by].test.mean[best];
        score(split.best.map_or(f64::NAN, mean))
    };
    let inner = column(
        &format!("inner {name}"),
        shown.iter().map(inner).collect(),
        true,
    );
    let test = |metric: usize| {
        let cells = shown.iter().map(|split| score(split.scores[metric].test));
        column(&report.results.metrics[metric].name, cells.collect(), true)
    };
    let mut metrics = vec![test(ranked_by), inner];
    let others = (0..report.results.metrics.len()).filter(|metric| *metric != ranked_by);
    metrics.extend(others.map(test));
    let (kept, left_out) = fit(labels, metrics, style.width + GAP);
    write_columns(&kept, |_| false, style, out)?;
    let more = outer.len() - shown.len();
    let rest = (more > 0).then(|| counted(more, "other split"));
    write_left_out(rest.into_iter().collect(), &left_out, style, out)?;
    writeln!(out)?;
    for (index, metric) in report.results.metrics.iter().enumerate() {
        let (mean, std) = OuterScore::mean_and_std(outer, index);
        let line = format!(
            "{}: {} ± {} on the test rows of {}",
            metric.name,
            score(mean),
            score(std),
            counted(outer.len(), "split")
        );
        wrap(&line, 0, 2, style.width, out)?;
    }
    Ok(())
}

fn permutation_test(
    tests: &[PermutationTest],
    report: &Report,
    style: Style,
    out: &mut String,
) -> fmt::Result {
    let names = report.plan.trainer_names();
    let mut cells: [Vec<String>; 5] = Default::default();
    for (test, trainer) in tests.iter().zip(&names) {
        for (scores, metric) in test.metrics.iter().zip(&report.results.metrics) {
            let (mean, std) = scores.mean_and_std();
            let row = [
                trainer.clone(),
                metric.name.clone(),
                score(scores.score),
                format!("{} ± {}", score(mean), score(std)),
                score(scores.pvalue()),
            ];
            let columns = cells.iter_mut().zip(row);
            columns.for_each(|(column, cell)| column.push(cell));
        }
    }
    let [trainer, metric, unshuffled, shuffled, pvalue] = cells;
    let labels = vec![
        column("trainer", trainer, false),
        column("metric", metric, false),
    ];
    let values = vec![
        column("score", unshuffled, true),
        column("targets shuffled", shuffled, true),
        column("p-value", pvalue, true),
    ];
    let (kept, left_out) = fit(labels, values, style.width + GAP);
    write_columns(&kept, |_| false, style, out)?;
    write_left_out(Vec::new(), &left_out, style, out)?;
    let ranked_by = report.ranked_by();
    let all = counted(permutations(tests), "permutation");
    writeln!(out)?;
    for (test, trainer) in tests.iter().zip(&names) {
        let scores = &test.metrics[ranked_by];
        let by = &report.results.metrics[ranked_by].name;
        let line = match scores.as_good() {
            _ if scores.pvalue().is_nan() => continue,
            0 => format!("{trainer}: none of {all} of the targets scores as well by {by}"),
            some => format!("{trainer}: {some} of {all} of the targets score as well by {by}"),
        };
        wrap(&line, 0, 2, style.width, out)?;
    }
    Ok(())
}

fn column(header: &str, cells: Vec<String>, right: bool) -> TableColumn {
    TableColumn {
        header: header.to_owned(),
        cells,
        right,
    }
}
