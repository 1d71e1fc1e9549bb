//! What predictions of the chosen candidate tell: curves, matrices, residuals; and why it
//! predicts what it predicts.

use serde_json::Value;

use super::super::human::{count, counted, score};
use super::super::page::TargetPage;
use super::markup::{Html, Table, numbers, texts};
use crate::worth::{Assessment, DrawnRowsWorth};

/// The most classes whose confusion matrix is a table.
const MATRIX: usize = 30;
/// The most features that are listed.
const FEATURES: usize = 30;
/// The most features whose dependence is drawn.
const DEPENDENCES: usize = 6;

/// Writes what the predictions of rows tell that no model has seen: of the hold-out rows, and
/// out of fold.
pub(super) fn write(index: usize, target: &TargetPage, html: &mut Html) {
    let Some(worth) = &target.worth else { return };
    let drawn = target.curves.as_ref();
    let both = [
        (
            "holdout",
            "hold-out rows",
            &worth.holdout,
            drawn.and_then(|of| of.holdout.as_ref()),
        ),
        (
            "out_of_fold",
            "test rows of the splits (out of fold)",
            &worth.out_of_fold,
            drawn.and_then(|of| of.out_of_fold.as_ref()),
        ),
    ];
    for (name, rows, assessed, drawn) in both {
        let Some(assessed) = assessed else { continue };
        let heading = format!("Predictions of the {rows}");
        html.part("wide", &heading, |html| {
            assessment(index, target, name, assessed, drawn, html);
        });
    }
    intervals(target, html);
}

fn assessment(
    index: usize,
    target: &TargetPage,
    rows: &'static str,
    assessed: &Assessment,
    drawn: Option<&DrawnRowsWorth>,
    html: &mut Html,
) {
    html.raw("<div class=\"boxes inner\">\n");
    let chart = |html: &mut Html, chart: &'static str, caption: &str| {
        html.chart(chart, index, &[("rows", rows)], caption);
    };
    html.raw("<div>");
    let mut table = Table::new(
        format!(
            "Scores of all {} at once, with intervals of 95 % by bootstrap",
            counted(assessed.rows, "row")
        ),
        vec![
            texts("metric"),
            numbers("score"),
            numbers("from"),
            numbers("to"),
        ],
    );
    let number = |value: Option<f64>| value.map_or_else(|| "none".to_owned(), score);
    let scores = target.metrics.iter().filter_map(|name| {
        let of = assessed.scores.get(name)?;
        let cells = vec![
            name.clone(),
            number(of.score),
            number(of.low),
            number(of.high),
        ];
        Some(cells)
    });
    table.rows = scores.collect();
    html.table(&table);
    html.raw("</div>\n");
    if let Some(drawn) = drawn.filter(|of| !of.precision_recall.is_empty()) {
        curves(drawn, chart, html);
    }
    if let Some(calibration) = assessed.calibration.as_ref().filter(|of| !of.is_empty()) {
        html.raw("<div>");
        chart(
            html,
            "calibration",
            "How often rows are of a class, by the probability that is predicted of it",
        );
        let mut table = Table::new(
            "Calibration, in bins of equally many rows",
            vec![
                texts("class"),
                numbers("predicted"),
                numbers("observed"),
                numbers("rows"),
            ],
        );
        for of in calibration {
            table.rows.extend(of.quantile.iter().map(|bin| {
                let (predicted, observed) = (score(bin.predicted), score(bin.observed));
                vec![of.label.clone(), predicted, observed, count(bin.rows)]
            }));
        }
        html.details("As a table", |html| {
            html.table(&table);
        });
        html.raw("</div>\n");
    }
    classes(assessed, chart, html);
    if let Some(residuals) = &assessed.residuals {
        html.raw("<div>");
        if drawn.is_some() {
            chart(html, "predicted", "True and predicted numbers of some rows");
        }
        html.raw("</div>\n<div>");
        if drawn.is_some() {
            chart(html, "residuals", "Residuals: true minus predicted");
        }
        let mut table = Table::new("Residuals", vec![texts("what"), numbers("value")]);
        table
            .rows
            .push(vec!["mean".to_owned(), score(residuals.mean)]);
        let std = vec!["standard deviation".to_owned(), score(residuals.std)];
        table.rows.push(std);
        let quantiles = residuals.quantiles.iter();
        let quantiles = quantiles
            .map(|(share, value)| vec![format!("{} % quantile", share * 100.0), score(*value)]);
        table.rows.extend(quantiles);
        html.details("As a table", |html| {
            html.table(&table);
        });
        html.raw("</div>\n");
    }
    html.raw("</div>\n");
}

fn curves(drawn: &DrawnRowsWorth, chart: impl Fn(&mut Html, &'static str, &str), html: &mut Html) {
    html.raw("<div>");
    chart(html, "roc", "Receiver operating characteristic");
    let mut table = Table::new(
        "Areas under the curves",
        vec![texts("class"), numbers("ROC"), numbers("precision-recall")],
    );
    table.rows = drawn
        .precision_recall
        .iter()
        .map(|curve| {
            let roc = drawn.roc.iter().find(|of| of.label == curve.label);
            let roc = roc.map_or_else(String::new, |of| score(of.area));
            vec![curve.label.clone(), roc, score(curve.area)]
        })
        .collect();
    html.table(&table);
    if drawn.more_classes > 0 {
        let more = counted(drawn.more_classes, "further class");
        html.element("p class=\"dim\"", &format!("Not drawn: {more}."));
    }
    html.raw("</div>\n<div>");
    chart(html, "precisionRecall", "Precision and recall");
    html.raw("</div>\n");
}

fn classes(assessed: &Assessment, chart: impl Fn(&mut Html, &'static str, &str), html: &mut Html) {
    let Some(report) = &assessed.classification_report else {
        return;
    };
    html.raw("<div>");
    let mut table = Table::new(
        "By class",
        vec![
            texts("class"),
            numbers("precision"),
            numbers("recall"),
            numbers("F1"),
            numbers("rows"),
        ],
    );
    let averages = [
        ("mean", report.macro_avg),
        ("weighted", report.weighted_avg),
    ];
    let classes = report.classes.iter();
    let classes = classes.map(|class| (class.label.as_str(), class.scores));
    table.rows = classes
        .chain(averages)
        .map(|(name, of)| {
            vec![
                name.to_owned(),
                score(of.precision),
                score(of.recall),
                score(of.f1),
                weight(of.support),
            ]
        })
        .collect();
    html.table(&table);
    html.raw("</div>\n");
    let Some(matrix) = &report.confusion_matrix else {
        return;
    };
    html.raw("<div>");
    chart(
        html,
        "confusion",
        "Confusion matrix: true classes by predicted ones",
    );
    if matrix.len() <= MATRIX {
        let predicted = report.classes.iter().map(|of| numbers(of.label.as_str()));
        let mut columns = vec![texts("true, by predicted")];
        columns.extend(predicted);
        let mut table = Table::new("Confusion matrix", columns);
        let rows = matrix.iter().zip(&report.classes);
        table.rows = rows
            .map(|(row, class)| {
                let cells = row.iter().map(|of| weight(*of));
                std::iter::once(class.label.clone()).chain(cells).collect()
            })
            .collect();
        html.details("As a table", |html| {
            html.table(&table);
        });
    }
    html.raw("</div>\n");
}

/// A number of rows, or their weight.
fn weight(of: f64) -> String {
    match of.fract() == 0.0 && of < 1e15 {
        true => count(of as usize),
        false => format!("{of:.2}"),
    }
}

fn intervals(target: &TargetPage, html: &mut Html) {
    let worth = target.worth.as_ref();
    let intervals = worth.and_then(|of| of.prediction_intervals.as_ref());
    let mut table = Table::new(
        "New rows are within this distance of their prediction with this probability",
        vec![
            numbers("probability"),
            numbers("distance"),
            numbers("of the hold-out rows"),
        ],
    );
    let known = intervals.into_iter().flatten().filter_map(|of| {
        let held_out = of.holdout.map(|share| format!("{:.1} %", share * 100.0));
        let coverage = format!("{} %", of.coverage * 100.0);
        let cells = vec![
            coverage,
            score(of.half_width?),
            held_out.unwrap_or_default(),
        ];
        Some(cells)
    });
    table.rows = known.collect();
    if !table.rows.is_empty() {
        html.part("", "Prediction intervals", |html| {
            html.table(&table);
        });
    }
}

/// Writes importances and explanations, where there are some.
pub(super) fn explanations(index: usize, target: &TargetPage, html: &mut Html) {
    let Some(found) = &target.importances else {
        return;
    };
    permutation(index, target, &found["permutation_importance"], html);
    own(index, &found["importances"], html);
    shap(index, &found["shap"], html);
    dependences(index, &found["partial_dependence"], html);
}

fn names(of: &Value) -> Vec<&str> {
    let names = of["features"].as_array().into_iter().flatten();
    names.filter_map(Value::as_str).collect()
}

fn number(of: &Value) -> String {
    of.as_f64().map_or_else(|| "none".to_owned(), score)
}

fn permutation(index: usize, target: &TargetPage, found: &Value, html: &mut Html) {
    let by = &found["metrics"][&target.metric];
    if by.is_null() {
        return;
    }
    html.part("", "Permutation importance", |html| {
        let rows = match found["of"].as_str() {
            Some("holdout") => "the hold-out rows",
            _ => "the test rows of each split",
        };
        let caption = format!(
            "How much less {} is when a feature is permuted among {rows}",
            target.metric
        );
        html.chart("permutationImportance", index, &[], &caption);
        let mut table = Table::new(
            caption,
            vec![texts("feature"), numbers("mean"), numbers("std")],
        );
        let features = names(found).into_iter().enumerate().take(FEATURES);
        table.rows = features
            .map(|(at, name)| {
                let mean = number(&by["importances_mean"][at]);
                vec![name.to_owned(), mean, number(&by["importances_std"][at])]
            })
            .collect();
        html.details("As a table", |html| {
            html.table(&table);
        });
    });
}

fn own(index: usize, found: &Value, html: &mut Html) {
    let Some(fields) = found.as_object() else {
        return;
    };
    let kinds = fields.keys().filter(|name| *name != "features");
    let kinds: Vec<&String> = kinds.collect();
    html.part("", "Importances of the model", |html| {
        let caption = "The features on which the model relies most";
        html.chart("importances", index, &[], caption);
        let mut columns = vec![texts("feature")];
        columns.extend(kinds.iter().map(|kind| numbers(kind.replace('_', " "))));
        let mut table = Table::new(caption, columns);
        let features = names(found).into_iter().enumerate().take(FEATURES);
        table.rows = features
            .map(|(at, name)| {
                let of = kinds.iter().map(|kind| number(&fields[*kind][at]));
                std::iter::once(name.to_owned()).chain(of).collect()
            })
            .collect();
        html.details("As a table", |html| {
            html.table(&table);
        });
    });
}

fn shap(index: usize, found: &Value, html: &mut Html) {
    let Some(means) = found["contributions"].as_array() else {
        return;
    };
    html.part("", "Contributions of features (SHAP)", |html| {
        let caption = format!(
            "What a feature adds to predictions: the mean of the absolute value over {} rows",
            found["rows"]
        );
        html.chart("shap", index, &[], &caption);
        let mut table = Table::new(
            caption,
            vec![texts("feature"), texts("class"), numbers("mean")],
        );
        table.rows = means
            .iter()
            .take(FEATURES)
            .map(|of| {
                let text = |name: &str| of[name].as_str().unwrap_or_default().to_owned();
                vec![text("feature"), text("class"), number(&of["mean_absolute"])]
            })
            .collect();
        html.details("As a table", |html| {
            html.table(&table);
        });
    });
}

fn dependences(index: usize, found: &Value, html: &mut Html) {
    let features = found["features"].as_array().into_iter().flatten();
    let features = features.enumerate().take(DEPENDENCES);
    // Of single rows alone there is no mean.
    let has_means = |of: &Value| of["average"].as_object().is_some_and(|it| !it.is_empty());
    let features: Vec<_> = features.filter(|(_, of)| has_means(of)).collect();
    if features.is_empty() {
        return;
    }
    html.part("wide", "Partial dependence", |html| {
        html.raw("<div class=\"boxes inner\">\n");
        for (at, of) in features {
            let name = of["feature"].as_str().unwrap_or_default();
            let caption = format!("Mean prediction by {name}, all else as it is");
            html.raw("<div>");
            html.chart(
                "dependence",
                index,
                &[("feature", &at.to_string())],
                &caption,
            );
            let averages = of["average"].as_object();
            let outputs: Vec<&String> = averages.into_iter().flat_map(|it| it.keys()).collect();
            let mut columns = vec![texts(name)];
            columns.extend(outputs.iter().map(|output| numbers(output.as_str())));
            let mut table = Table::new(caption, columns);
            let values = of["values"].as_array().into_iter().flatten().enumerate();
            table.rows = values
                .map(|(point, value)| {
                    let value = value
                        .as_str()
                        .map_or_else(|| value.to_string(), str::to_owned);
                    let means = outputs.iter().map(|it| number(&of["average"][*it][point]));
                    std::iter::once(value).chain(means).collect()
                })
                .collect();
            html.details("As a table", |html| {
                html.table(&table);
            });
            html.raw("</div>\n");
        }
        html.raw("</div>\n");
    });
}
