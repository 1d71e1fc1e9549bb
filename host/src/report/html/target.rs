//! The results of one target: in words, the leaderboard, and what follows.

use super::super::human::{clip, count, counted, figure, score};
use super::super::page::{FindingsPage, ResultsPage, TargetPage};
use super::markup::{Html, Table, numbers, texts};
use super::{effects, worth};

/// Rows of the leaderboard that are seen at once.
const SHOWN: usize = 10;
/// Rows of the leaderboard in all; `cv_results` has the others.
const LISTED: usize = 100;
/// The columns of a hyper-parameter's value.
const VALUE: usize = 40;
/// The most candidates whose bars are drawn.
pub(super) const DRAWN: usize = 25;

/// Writes the part of a target; `index` is its place.
pub(super) fn write(page: &ResultsPage, index: usize, target: &TargetPage, html: &mut Html) {
    html.raw("<section class=\"target\" id=\"target-")
        .number(index)
        .raw("\">\n");
    let heading = match page.targets.len() {
        1 => "Result".to_owned(),
        _ => format!("Target {}", target.target),
    };
    html.element("h2", &heading);
    html.raw("<div class=\"boxes\">\n");
    html.part("wide words", "In words", |html| words(target, html));
    troubles(target, html);
    match &target.findings {
        Some(found) => findings(index, found, html),
        None => leaderboard(index, target, html),
    }
    effects::write(index, target, html);
    if let Some(ensemble) = &target.ensemble {
        html.part("wide", "Ensemble", |html| {
            let mut table = Table::new(
                format!("Members, by {}", ensemble.ensemble.method),
                vec![texts("candidate"), numbers("row"), numbers("weight")],
            );
            let members = ensemble.named.iter().zip(&ensemble.ensemble.members);
            table.rows = members
                .map(|((name, share), member)| {
                    vec![
                        name.clone(),
                        member.candidate.to_string(),
                        format!("{share:.3}"),
                    ]
                })
                .collect();
            html.list("ul", &ensemble.sentences);
            html.table(&table);
        });
    }
    worth::write(index, target, html);
    worth::explanations(index, target, html);
    html.raw("</div></section>\n");
}

fn words(target: &TargetPage, html: &mut Html) {
    if let Some(best) = &target.chosen {
        html.raw("<dl class=\"figures\">\n");
        let mut figure = |name: &str, value: &str| {
            html.raw("<div>");
            html.element("dt", name);
            html.element("dd", value);
            html.raw("</div>\n");
        };
        figure(
            &format!("{}, cross-validated", best.metric),
            &format!("{} ± {}", score(best.mean), score(best.std)),
        );
        let holdout = target.holdout.as_ref();
        if let Some(value) = holdout.and_then(|of| *of.get(&best.metric)?) {
            figure(&format!("{}, hold-out", best.metric), &score(value));
        }
        let baseline = target.baseline.as_ref();
        if let Some(of) = baseline.and_then(|of| of.scores.get(&best.metric)) {
            figure("baseline", &score(of.mean));
        }
        if let Some(value) = best.oob_score {
            figure("out of bag", &score(value));
        }
        if target.candidates.total > 1 {
            figure(
                "within one standard error",
                &format!(
                    "{} of {}",
                    count(target.one_standard_error.len()),
                    count(target.candidates.total)
                ),
            );
        }
        html.raw("</dl>\n");
    }
    html.list("ul class=\"sentences\"", &target.sentences);
    if let Some(best) = &target.chosen {
        let mut table = Table::new(
            "The chosen candidate's hyper-parameters",
            vec![texts("hyper-parameter"), texts("value"), texts("how")],
        );
        table.rows = best
            .params
            .iter()
            .map(|(name, value)| {
                let how = match best.searched.contains_key(name) {
                    true => "searched",
                    false => "fixed",
                };
                vec![name.clone(), plain(value), how.to_owned()]
            })
            .collect();
        html.table(&table);
        if best.scores.len() > 1 {
            let mut table = Table::new(
                "Its scores on the test rows of the splits",
                vec![
                    texts("metric"),
                    numbers("mean"),
                    numbers("std"),
                    numbers("rank"),
                ],
            );
            let scores = target.metrics.iter().filter_map(|name| {
                let of = best.scores.get(name)?;
                let told = |number: f64| match number.is_nan() {
                    true => "none".to_owned(),
                    false => score(number),
                };
                Some(vec![
                    name.clone(),
                    told(of.mean),
                    told(of.std),
                    of.rank.to_string(),
                ])
            });
            table.rows = scores.collect();
            html.table(&table);
        }
    }
}

fn plain(value: &serde_json::Value) -> String {
    match value.as_str() {
        Some(text) => text.to_owned(),
        None => value.to_string(),
    }
}

fn troubles(target: &TargetPage, html: &mut Html) {
    if !target.warnings.is_empty() {
        html.part("wide warned", "Warnings", |html| {
            html.list("ul", &target.warnings);
        });
    }
    if target.failures.is_empty() {
        return;
    }
    html.part("wide failed", "Failed fits", |html| {
        let mut table = Table::new(
            "Failed fits by kind, with the first of each",
            vec![
                texts("kind"),
                numbers("tasks"),
                numbers("fits"),
                numbers("candidate"),
                numbers("split"),
                texts("message"),
            ],
        );
        table.rows = target
            .failures
            .iter()
            .map(|of| {
                // A trap's backtrace follows on further lines.
                let message = of.message.lines().next().unwrap_or_default();
                vec![
                    of.kind.replace('_', " "),
                    count(of.tasks),
                    count(of.fits),
                    of.candidate.to_string(),
                    of.split.to_string(),
                    message.to_owned(),
                ]
            })
            .collect();
        html.table(&table);
    });
}

fn leaderboard(index: usize, target: &TargetPage, html: &mut Html) {
    let candidates = &target.candidates;
    if candidates.index.is_empty() {
        return;
    }
    html.part("wide", "Leaderboard", |html| {
        let best = candidates.total.min(DRAWN);
        let caption = format!(
            "Mean {} of the {} and its standard deviation over the splits; filled: within one \
             standard error of the best",
            target.metric,
            match candidates.total {
                1 => "candidate".to_owned(),
                all if all <= DRAWN => "candidates".to_owned(),
                _ => format!("best {}", counted(best, "candidate")),
            }
        );
        if candidates.total > 1 {
            html.chart("leaderboard", index, &[], &caption);
        }
        let (mut table, order) = candidates_table(target);
        let listed = order.len().min(LISTED);
        let all = std::mem::take(&mut table.rows);
        let marked = table.marked.clone();
        let caption = table.caption.clone();
        let mut rows = all.into_iter();
        table.rows = rows.by_ref().take(SHOWN).collect();
        html.table(&table);
        let rest: Vec<Vec<String>> = rows.take(listed.saturating_sub(SHOWN)).collect();
        if !rest.is_empty() {
            let summary = match candidates.total - SHOWN {
                more if more == rest.len() => counted(more, "further candidate"),
                more => format!("{} of {}", rest.len(), counted(more, "further candidate")),
            };
            html.details(&summary, |html| {
                html.table(&Table {
                    caption: format!("{caption}, continued"),
                    rows: rest,
                    marked: marked
                        .iter()
                        .filter_map(|row| row.checked_sub(SHOWN))
                        .collect(),
                    ..table
                });
            });
        }
        if candidates.total > candidates.index.len() {
            html.element(
                "p class=\"dim\"",
                &format!(
                    "Charts show {} of {}: the best, and others at even distances in the ranking. \
                     cv_results has all.",
                    count(candidates.index.len()),
                    counted(candidates.total, "candidate")
                ),
            );
        }
    });
}

/// The candidates from the best on, and their places among the columns.
fn candidates_table(target: &TargetPage) -> (Table, Vec<usize>) {
    let columns = &target.candidates;
    let mut order: Vec<usize> = (0..columns.index.len()).collect();
    let rank = &columns.rank[&target.metric];
    order.sort_by_key(|at| (rank[*at], columns.index[*at]));
    order.truncate(LISTED);
    let trainers = columns.trainer.iter().any(|of| *of != columns.trainer[0]);
    let mut headings = vec![numbers("rank")];
    if trainers {
        headings.push(texts("trainer"));
    }
    let parameters = target.parameters.iter();
    headings.extend(parameters.map(|of| match of.kind {
        "number" => numbers(of.name.as_str()),
        _ => texts(of.name.as_str()),
    }));
    let metrics = std::iter::once(&target.metric)
        .chain(target.metrics.iter().filter(|name| **name != target.metric));
    let metrics: Vec<&String> = metrics.collect();
    headings.extend(metrics.iter().map(|name| numbers(name.as_str())));
    headings.push(numbers("fit s"));
    headings.push(numbers("row"));
    let mut table = Table::new(
        "Candidates by rank; those within one standard error of the best are marked",
        headings,
    );
    for (row, at) in order.iter().enumerate() {
        if target.one_standard_error.contains(&columns.index[*at]) {
            table.marked.push(row);
        }
        let mut cells = vec![rank[*at].to_string()];
        if trainers {
            cells.push(columns.trainer[*at].clone());
        }
        cells.extend(target.parameters.iter().map(|of| {
            let value = &columns.params[&of.name][*at];
            match value.is_null() {
                true => String::new(),
                false => clip(&plain(value), VALUE),
            }
        }));
        cells.extend(metrics.iter().map(|name| {
            let (mean, std) = (columns.mean[*name][*at], columns.std[*name][*at]);
            match mean.is_nan() {
                true => "none".to_owned(),
                false => format!("{} ± {}", score(mean), score(std)),
            }
        }));
        let seconds = columns.fit_time[*at];
        cells.push(match seconds.is_nan() {
            true => String::new(),
            false => figure(seconds),
        });
        cells.push(columns.index[*at].to_string());
        table.rows.push(cells);
    }
    (table, order)
}

fn findings(index: usize, found: &FindingsPage, html: &mut Html) {
    match found {
        FindingsPage::LearningCurve { curves } => {
            html.part("wide", "Learning curve", |html| {
                let caption = "Mean test score by the number of training rows; the bands are the \
                               standard deviation over the splits";
                html.chart("learningCurve", index, &[], caption);
                let mut table = Table::new(
                    "Scores by the number of training rows",
                    vec![
                        texts("trainer"),
                        texts("metric"),
                        numbers("training rows"),
                        numbers("test score"),
                        numbers("training score"),
                    ],
                );
                for curve in curves {
                    for (at, size) in curve.sizes.iter().enumerate() {
                        let train = curve.train.as_ref().map(|train| score(train[at]));
                        table.rows.push(vec![
                            curve.trainer.clone(),
                            curve.metric.clone(),
                            count(*size as usize),
                            format!("{} ± {}", score(curve.mean[at]), score(curve.std[at])),
                            train.unwrap_or_default(),
                        ]);
                    }
                }
                html.table(&table);
            });
        }
        FindingsPage::Nested { splits, scores } => {
            html.part("wide", "Outer splits", |html| {
                let caption = "Of each outer split: what its search promises, and what its best \
                               candidate is worth on the test rows";
                html.chart("nested", index, &[], caption);
                let mut table = Table::new(
                    "The best candidate of the search in each outer split",
                    vec![
                        numbers("split"),
                        texts("candidate"),
                        numbers("inner mean"),
                        numbers("test score"),
                    ],
                );
                table.rows = splits
                    .iter()
                    .map(|split| {
                        vec![
                            split.split.to_string(),
                            split.params.clone(),
                            score(split.inner),
                            score(split.test),
                        ]
                    })
                    .collect();
                html.table(&table);
                let mut table = Table::new(
                    "Over all outer splits",
                    vec![texts("metric"), numbers("mean"), numbers("std")],
                );
                table.rows = scores
                    .iter()
                    .map(|(name, mean, std)| vec![name.clone(), score(*mean), score(*std)])
                    .collect();
                html.table(&table);
            });
        }
        FindingsPage::PermutationTest { tests } => {
            html.part("wide", "Permutation test", |html| {
                let caption = "How often a score comes about with shuffled targets; the line is \
                               the score with the targets as they are";
                html.chart("permutation", index, &[], caption);
                let mut table = Table::new(
                    "Scores with the targets as they are, and with shuffled ones",
                    vec![
                        texts("trainer"),
                        texts("metric"),
                        numbers("score"),
                        numbers("shuffled, mean"),
                        numbers("permutations"),
                        numbers("p-value"),
                    ],
                );
                table.rows = tests
                    .iter()
                    .map(|test| {
                        let all = test.permuted.len();
                        let mean = test.permuted.iter().sum::<f64>() / all as f64;
                        vec![
                            test.trainer.clone(),
                            test.metric.clone(),
                            score(test.score),
                            score(mean),
                            count(all),
                            score(test.pvalue),
                        ]
                    })
                    .collect();
                html.table(&table);
            });
        }
    }
}
