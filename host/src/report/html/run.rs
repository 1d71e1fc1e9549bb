//! What a page tells of the run as a whole: its targets, cost, data, and how to do it again.

use std::time::Duration;

use super::super::human::{bytes, count, counted, duration, figure, score};
use super::super::page::ResultsPage;
use super::markup::{Html, Table, numbers, texts};
use fanout_contract::Role;

/// The most columns of the table that are listed at once.
const COLUMNS: usize = 20;

/// What went wrong, and warnings about the whole.
pub(super) fn troubles(page: &ResultsPage, html: &mut Html) {
    if let Some(failure) = &page.failure {
        html.raw("<section class=\"box failed\" role=\"alert\">\n");
        html.element("h2", "What went wrong");
        html.element("p", failure);
        html.raw("</section>\n");
    }
    if !page.warnings.is_empty() {
        html.raw("<section class=\"box warned\">\n");
        html.element("h2", "Warnings");
        html.list("ul", &page.warnings);
        html.raw("</section>\n");
    }
}

/// A row for each of several targets.
pub(super) fn targets(page: &ResultsPage, html: &mut Html) {
    let mut table = Table::new(
        "The chosen candidate of each target",
        vec![
            texts("target"),
            texts("metric"),
            numbers("score"),
            numbers("hold-out"),
            texts("candidate"),
        ],
    );
    for target in &page.targets {
        let best = target.chosen.as_ref();
        let holdout = target.holdout.as_ref();
        let holdout = holdout.and_then(|of| *of.get(&target.metric)?);
        let set = best.map_or_else(String::new, |best| {
            let set = best.searched.iter();
            let set = set.map(|(name, value)| format!("{name} = {value}"));
            [best.trainer.clone()]
                .into_iter()
                .chain(set)
                .collect::<Vec<_>>()
                .join(", ")
        });
        table.rows.push(vec![
            target.target.clone(),
            target.metric.clone(),
            best.map_or_else(
                || "none".to_owned(),
                |best| format!("{} ± {}", score(best.mean), score(best.std)),
            ),
            holdout.map_or_else(String::new, score),
            set,
        ]);
    }
    html.raw("<section class=\"box wide\">\n");
    html.element("h2", "All targets");
    html.table(&table);
    if let Some(over) = &page.over_targets {
        let all = [
            ("hamming loss", over.hamming_loss),
            ("subset accuracy", over.subset_accuracy),
            ("F1, mean over rows", over.f1_samples),
            ("F1, mean over targets", over.f1_macro),
            ("F1 of all labels", over.f1_micro),
            ("mean R²", over.mean_r2),
        ];
        let mut table = Table::new(
            "Metrics over the targets",
            vec![texts("metric"), numbers("value")],
        );
        let known = all
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)));
        table.rows = known
            .map(|(name, value)| vec![name.to_owned(), score(value)])
            .collect();
        html.table(&table);
    }
    html.raw("</section>\n");
}

/// Cost, data, and how to do it again.
pub(super) fn write(page: &ResultsPage, html: &mut Html) {
    html.raw("<section id=\"cost\">\n");
    html.element("h2", "Cost");
    html.raw("<div class=\"boxes\">\n");
    html.part("", "Time and memory", |html| cost(page, html));
    if page.task_stream.is_some() {
        html.part("wide", "Task stream", |html| {
            html.chart(
                "taskStream",
                0,
                &[],
                "What each worker did over time: fits, loading, waiting, faults",
            );
        });
    }
    html.raw("</div></section>\n<section id=\"data\">\n");
    html.element("h2", "Data");
    html.raw("<div class=\"boxes\">\n");
    data(page, html);
    html.raw("</div></section>\n<section id=\"again\">\n");
    html.element("h2", "Do it again");
    html.raw("<div class=\"boxes\">\n");
    html.part("wide", "The plan, digests and command", |html| {
        again(page, html)
    });
    html.raw("</div></section>\n");
}

fn seconds(seconds: f64) -> String {
    Duration::try_from_secs_f64(seconds).map_or_else(|_| "-".to_owned(), duration)
}

fn cost(page: &ResultsPage, html: &mut Html) {
    let cost = &page.cost;
    let mut table = Table::new(
        "What the fits of the search cost, whoever made them",
        vec![texts("what"), numbers("value")],
    );
    let mut row = |what: &str, value: String| table.rows.push(vec![what.to_owned(), value]);
    row("fits with scores", count(cost.served));
    row("models fitted for them", count(cost.made));
    if let Some(reused) = cost.reused.filter(|reused| *reused > 0) {
        row("fits of an earlier run", count(reused));
    }
    if cost.failed > 0 {
        row("failed fits", count(cost.failed));
    }
    row("seconds in guests, all fits", figure(cost.guest_seconds));
    row(
        "GB-seconds, with the memory that a task may use",
        figure(cost.gb_seconds),
    );
    row("memory that a task may use", bytes(cost.task_memory));
    if let Some(measured) = &cost.measured {
        row("tasks that this run ran", count(measured.tasks));
        if measured.cpu_tasks == measured.tasks {
            row("their CPU seconds, measured", figure(measured.cpu_seconds));
        }
        if measured.memory_tasks == measured.tasks {
            row(
                "their GB-seconds, with the memory that they held",
                figure(measured.gb_seconds),
            );
            row(
                "the most memory that a task held",
                bytes(measured.peak_memory),
            );
        }
    }
    if let Some(process) = &cost.process {
        row("wall time of the process", seconds(process.wall));
        if let Some(cpu) = process.cpu {
            row("CPU time of the process", seconds(cpu));
        }
        if let Some(peak) = process.peak_memory {
            row("peak memory of the process", bytes(peak));
        }
    }
    html.table(&table);
    if cost.made > 0 && cost.served > cost.made {
        let share = cost.served as f64 / cost.made as f64;
        html.element(
            "p class=\"dim\"",
            &format!(
                "Each fitted model served {share:.1} fits: candidates that differ only in nested \
                 hyper-parameters share one."
            ),
        );
    }
}

fn data(page: &ResultsPage, html: &mut Html) {
    let data = &page.data;
    html.part("", "The table", |html| {
        let mut table = Table::new("Rows and columns", vec![texts("what"), numbers("number")]);
        let mut row = |what: &str, value: u64| {
            table
                .rows
                .push(vec![what.to_owned(), count(value as usize)]);
        };
        row("rows", data.rows);
        if let Some(rows) = data.search_rows {
            row("rows of the search", rows);
            if rows < data.rows && page.targets.len() == 1 {
                row("rows held out, or without a target", data.rows - rows);
            }
        }
        row("features", data.features as u64);
        if let Some(duplicates) = data.duplicates {
            row("rows that repeat another", duplicates);
        }
        html.table(&table);
    });
    for target in page
        .targets
        .iter()
        .filter(|of| !of.classes.is_empty())
        .take(10)
    {
        let heading = match page.targets.len() {
            1 => "Classes".to_owned(),
            _ => format!("Classes of {}", target.target),
        };
        html.part("", &heading, |html| {
            let all: u64 = target.classes.iter().map(|class| class.rows).sum();
            let mut table = Table::new(
                format!("Rows of each class of {}", target.target),
                vec![texts("class"), numbers("rows"), numbers("share")],
            );
            table.rows = target
                .classes
                .iter()
                .map(|class| {
                    let share = class.rows as f64 / all.max(1) as f64 * 100.0;
                    let rows = count(class.rows as usize);
                    vec![class.label.clone(), rows, format!("{share:.1} %")]
                })
                .collect();
            html.table(&table);
        });
    }
    if data.columns.is_empty() {
        return;
    }
    html.part("wide", "Columns", |html| {
        let mut table = Table::new(
            "The columns as they were read",
            vec![
                texts("column"),
                texts("role"),
                texts("read as"),
                numbers("distinct"),
                numbers("missing"),
                numbers("least"),
                numbers("greatest"),
            ],
        );
        let rows = data.columns.iter().map(|column| {
            let about = if column.exact { "" } else { "about " };
            let [least, greatest] = column.range.clone().unwrap_or_default();
            vec![
                column.name.clone(),
                match column.role {
                    Role::Feature => "feature",
                    Role::Target => "target",
                    Role::Weight => "weight",
                }
                .to_owned(),
                column.reads.clone(),
                format!("{about}{}", count(column.distinct as usize)),
                count(column.missing as usize),
                least,
                greatest,
            ]
        });
        table.rows = rows.collect();
        if table.rows.len() <= COLUMNS {
            html.table(&table);
            return;
        }
        let rest = table.rows.split_off(COLUMNS);
        html.table(&table);
        let summary = format!("{} more", counted(rest.len(), "column"));
        table.caption = "The other columns".to_owned();
        table.rows = rest;
        html.details(&summary, |html| {
            html.table(&table);
        });
    });
}

fn again(page: &ResultsPage, html: &mut Html) {
    html.element(
        "p",
        "Save the plan below as plan.yaml, with its source at hand, and run the command with the \
         same version of fanout: the same data and guests, whose digests are below, give the \
         same scores to the last bit.",
    );
    html.element(
        "pre class=\"command\" tabindex=\"0\"",
        &page.reproduce.command,
    );
    let mut table = Table::new("Versions and digests", vec![texts("what"), texts("value")]);
    let mut row = |what: String, value: String| table.rows.push(vec![what, value]);
    row("fanout".to_owned(), page.reproduce.fanout.to_owned());
    let several = page.reproduce.digests.len() > 1;
    for (digests, target) in page.reproduce.digests.iter().zip(&page.targets) {
        let of = |what: &str| match several {
            true => format!("{what} of {}", target.target),
            false => what.to_owned(),
        };
        row(of("run"), digests.run.to_string());
        if target.run == page.run {
            row("dataset".to_owned(), digests.dataset.to_string());
            row("splits".to_owned(), digests.splits.to_string());
            for guest in &digests.guests {
                row("guest".to_owned(), guest.to_string());
            }
        }
    }
    html.table(&table);
    html.details("The resolved plan", |html| {
        html.element("pre class=\"plan\" tabindex=\"0\"", &page.plan);
    });
}
