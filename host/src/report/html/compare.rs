//! [`write_comparison`]: runs side by side as one file of HTML.

use std::path::Path;

use serde_json::Value;

use super::super::compare::Comparison;
use super::super::files::{FilesError, replace};
use super::super::human::{clip, count, figure, score};
use super::document;
use super::markup::{Html, Table, numbers, texts};

/// The columns of a value of a plan.
const VALUE: usize = 120;

/// Writes a comparison into a file.
///
/// # Errors
/// If it can't be written.
pub fn write_comparison(path: &Path, comparison: &Comparison) -> Result<(), FilesError> {
    replace(path, |output| {
        let data = serde_json::to_string(comparison)?;
        document("Comparison", &body(comparison), &data, output)
    })
}

fn body(comparison: &Comparison) -> String {
    let runs = &comparison.runs;
    let mut html = Html::default();
    html.raw("<header class=\"page\">\n");
    html.element("h1", "Runs side by side");
    let names: Vec<&str> = runs.iter().map(|run| run.name.as_str()).collect();
    html.element("p class=\"dim\"", &names.join(" · "));
    html.raw("</header>\n<main class=\"page\"><div class=\"boxes\">\n");
    html.part("wide", "Scores", |html| {
        if runs.iter().all(|run| run.metric == runs[0].metric) {
            let caption = format!(
                "Mean {} of the chosen candidates and its standard deviation",
                runs[0].metric
            );
            html.chart("comparison", 0, &[], &caption);
        }
        let sentences: Vec<String> = comparison
            .differences
            .iter()
            .map(|difference| format!("{}.", difference.sentence))
            .collect();
        html.list("ul", &sentences);
        html.table(&scores(comparison));
    });
    html.part("wide", "What was run", |html| {
        html.table(&about(comparison));
    });
    if !comparison.plans.is_empty() {
        html.part("wide", "What the plans differ in", |html| {
            let mut columns = vec![texts("field")];
            columns.extend(runs.iter().map(|run| texts(run.label.as_str())));
            let mut table = Table::new("Fields of the resolved plans", columns);
            table.rows = comparison
                .plans
                .iter()
                .map(|field| {
                    let values = field.values.iter().map(|value| match value {
                        Value::Null => String::new(),
                        Value::String(text) => clip(text, VALUE),
                        value => clip(&value.to_string(), VALUE),
                    });
                    std::iter::once(field.field.clone()).chain(values).collect()
                })
                .collect();
            html.table(&table);
        });
    }
    html.raw("</div></main>\n<footer class=\"page dim\">");
    html.text(&format!(
        "Made by fanout {}. Charts: Apache ECharts 6, Apache License 2.0.",
        comparison.fanout
    ));
    html.raw("</footer>\n");
    html.into_string()
}

fn scores(comparison: &Comparison) -> Table {
    let runs = &comparison.runs;
    let mut metrics: Vec<&String> = runs.iter().flat_map(|run| run.scores.keys()).collect();
    metrics.sort_unstable();
    metrics.dedup();
    let mut columns = vec![texts("run"), texts("candidate"), texts("ranked by")];
    columns.extend(metrics.iter().map(|name| numbers(name.as_str())));
    columns.push(numbers("hold-out"));
    let mut table = Table::new("The chosen candidate of each run", columns);
    table.rows = runs
        .iter()
        .map(|run| {
            let held_out = run.holdout.as_ref();
            let held_out = held_out.and_then(|of| *of.get(&run.metric)?);
            let mut cells = vec![run.label.clone(), run.candidate.clone(), run.metric.clone()];
            cells.extend(metrics.iter().map(|name| match run.scores.get(*name) {
                Some([mean, std]) if std.is_nan() => score(*mean),
                Some([mean, std]) => format!("{} ± {}", score(*mean), score(*std)),
                None => String::new(),
            }));
            cells.push(held_out.map_or_else(String::new, score));
            cells
        })
        .collect();
    table
}

fn about(comparison: &Comparison) -> Table {
    let columns = vec![
        texts("run"),
        texts("kind"),
        texts("target"),
        numbers("rows"),
        numbers("features"),
        numbers("candidates"),
        numbers("fits"),
        numbers("models fitted"),
        numbers("failed"),
        numbers("guest seconds"),
        texts("dataset"),
        texts("splits"),
    ];
    let mut table = Table::new("Data, fits and cost", columns);
    table.rows = comparison
        .runs
        .iter()
        .map(|run| {
            vec![
                run.label.clone(),
                run.kind.replace('_', " "),
                run.target.clone(),
                count(run.rows as usize),
                count(run.features),
                count(run.candidates),
                count(run.served),
                count(run.made),
                count(run.failed),
                figure(run.guest_seconds),
                run.dataset.short(),
                run.splits.short(),
            ]
        })
        .collect();
    table
}
