//! The table of features by importance, and the lines about dependences.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use super::super::Report;
use super::super::explanations::{Explanations, ranked};
use super::super::human::{clip, count, counted, score};
use super::{GAP, Style, TableColumn, fit, wrap, write_columns};
use crate::dataset::Grid;
use crate::model::PartialDependence;
use crate::reduce::PermutedRows;

/// The most features of the table.
const SHOWN: usize = 10;

/// The columns of a feature's name.
const NAME: usize = 32;

/// Writes what is explained, if anything is.
pub(super) fn write(report: &Report, style: Style, out: &mut String) -> fmt::Result {
    let Some(explanations) = &report.explanations else {
        return Ok(());
    };
    let (names, columns) = columns(explanations, report);
    if !columns.is_empty() {
        let shown = &names[..names.len().min(SHOWN)];
        let feature = TableColumn {
            header: "feature".to_owned(),
            cells: shown.iter().map(|name| clip(name, NAME)).collect(),
            right: false,
        };
        let columns = columns.into_iter().map(|(header, cells)| TableColumn {
            header,
            cells: (shown.iter())
                .map(|name| cells.get(name).cloned().unwrap_or_default())
                .collect(),
            right: true,
        });
        writeln!(out)?;
        let (kept, _) = fit(vec![feature], columns.collect(), style.width + GAP);
        write_columns(&kept, |_| false, style, out)?;
        let more = names.len() - shown.len();
        if more > 0 {
            writeln!(out, "and {}", counted(more, "other feature"))?;
        }
    }
    if let Some(found) = &explanations.permutation_importance {
        let rows = match found.of {
            PermutedRows::Holdout => "the hold-out rows",
            PermutedRows::OutOfFold => "the test rows of each split",
        };
        let line = format!(
            "`permuted`: how much less {} is when the feature is permuted among {rows}, {}",
            found.metrics[metric(report, found.metrics.len())].metric,
            counted(found.n_repeats as usize, "time")
        );
        wrap(&line, 0, 2, style.width, out)?;
    }
    if let Some(found) = &explanations.partial_dependence {
        for line in dependence(found) {
            wrap(&line, 0, 2, style.width, out)?;
        }
    }
    Ok(())
}

/// The ranking metric, of so many.
fn metric(report: &Report, metrics: usize) -> usize {
    report.ranked_by().min(metrics - 1)
}

/// By feature: a cell.
type Cells = BTreeMap<String, String>;

/// The features, the most important first, and the columns of the table: of features
/// of the dataset, and of those that the steps leave where these are others.
fn columns(explanations: &Explanations, report: &Report) -> (Vec<String>, Vec<(String, Cells)>) {
    let (mut names, mut columns) = (Vec::new(), Vec::new());
    let mut add = |header: &str, ranked: Vec<(String, String)>| {
        for (name, _) in &ranked {
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
        columns.push((header.to_owned(), ranked.into_iter().collect()));
    };
    if let Some(found) = &explanations.permutation_importance {
        let metric = metric(report, found.metrics.len());
        let of = &found.metrics[metric];
        let cell = |place: usize| {
            let (mean, std) = (of.importances_mean[place], of.importances_std[place]);
            let cell = format!("{} ± {}", score(mean), score(std));
            (found.features[place].clone(), cell)
        };
        add(
            "permuted",
            found.ranked(metric).into_iter().map(cell).collect(),
        );
    }
    if let Some(found) = &explanations.importances
        && let Some((kind, numbers)) = found.importances.iter().next()
    {
        let cell = |place: usize| (found.features[place].clone(), short(numbers[place]));
        add(kind.name(), ranked(found).into_iter().map(cell).collect());
    }
    if let Some(found) = &explanations.shap {
        // Of several classes, the one to which the feature adds most.
        let mut greatest: Vec<(String, String)> = Vec::new();
        for (_, name, mean) in found.mean_absolute() {
            if greatest.iter().all(|(known, _)| *known != name) {
                greatest.push((name, short(mean)));
            }
        }
        add("mean |SHAP|", greatest);
    }
    (names, columns)
}

/// A number of any size in few characters.
fn short(number: f64) -> String {
    match number.abs() {
        large if large >= 1e6 => format!("{number:.3e}"),
        large if large >= 100.0 => format!("{number:.1}"),
        _ => score(number),
    }
}

fn dependence(found: &PartialDependence) -> Vec<String> {
    let mut lines = Vec::new();
    for of in &found.features {
        for (class, means) in found.outputs.iter().zip(&of.average) {
            let point = |point: usize| match &of.grid {
                Grid::Numbers(numbers) => short(numbers[point]),
                Grid::Categories(categories) => format!("`{}`", clip(&categories[point].1, NAME)),
            };
            let by = |a: &usize, b: &usize| means[*a].total_cmp(&means[*b]);
            let least = (0..means.len()).min_by(by);
            let greatest = (0..means.len()).max_by(by);
            let (Some(least), Some(greatest)) = (least, greatest) else {
                continue;
            };
            let class = class.as_ref().map(|class| format!(", class {class}"));
            lines.push(format!(
                "By {}{}: from {} at {} to {} at {}",
                clip(&of.feature, NAME),
                class.unwrap_or_default(),
                short(means[least]),
                point(least),
                short(means[greatest]),
                point(greatest)
            ));
        }
    }
    if !lines.is_empty() {
        let rows = count(found.rows.len());
        let head = match found.rows.len() as u64 == found.of {
            true => format!("Mean predictions of all {rows} rows:"),
            false => format!(
                "Mean predictions of {rows} of {} rows:",
                count(found.of as usize)
            ),
        };
        lines.insert(0, head);
    }
    lines
}
