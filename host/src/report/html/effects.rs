//! The effects of hyper-parameters: importance, marginal curves, and charts of all
//! candidates.

use super::super::human::{counted, score};
use super::super::page::{Effects, TargetPage};
use super::markup::{Html, Table, numbers, texts};
use crate::worth::AnovaMethod;

/// The most hyper-parameters of a trainer whose curves are drawn.
const CURVES: usize = 6;
/// The most pairs that are listed.
const PAIRS: usize = 10;
/// The most levels that are listed.
const LEVELS: usize = 60;

/// Writes the effects of a target's hyper-parameters.
pub(super) fn write(index: usize, target: &TargetPage, html: &mut Html) {
    for (effect, effects) in target.anova.iter().enumerate() {
        let heading = match target.anova.len() {
            1 => "Which hyper-parameters matter".to_owned(),
            _ => format!("Which hyper-parameters of {} matter", effects.trainer),
        };
        let number = effect.to_string();
        html.part("wide", &heading, |html| {
            html.element("p", &method(target, effects));
            html.raw("<div class=\"boxes inner\">\n<div>");
            let caption = "Share of the variance of scores that each explains";
            html.chart("anova", index, &[("effect", &number)], caption);
            importances(effects, html);
            html.raw("</div>\n");
            for (at, parameter) in effects.parameters.iter().enumerate().take(CURVES) {
                let options = [("effect", number.as_str()), ("parameter", &at.to_string())];
                let caption = format!("{} by {}", target.metric, parameter.name);
                html.raw("<div>");
                html.chart("marginal", index, &options, &caption);
                levels(target, parameter, html);
                html.raw("</div>\n");
            }
            html.raw("</div>\n");
        });
    }
    let several = target.parameters.len() > 1;
    let drawn = target.candidates.index.len() > 1;
    if drawn && several {
        html.part("", "Any two hyper-parameters", |html| {
            let caption = format!("{} by two hyper-parameters", target.metric);
            html.chart("heatMap", index, &[], &caption);
        });
    }
    if drawn {
        html.part("", "Score against cost", |html| {
            let caption = format!(
                "{} and the time of a fit, by candidate; those of one family share its time \
                 evenly",
                target.metric
            );
            html.chart("cost", index, &[], &caption);
        });
    }
    if drawn && several {
        html.part("wide", "All candidates", |html| {
            let caption = "A line for each candidate; drag along an axis to choose some";
            html.chart("parallel", index, &[], caption);
        });
    }
}

fn method(target: &TargetPage, effects: &Effects) -> String {
    let candidates = counted(effects.candidates, "candidate");
    match effects.method {
        AnovaMethod::Exact => format!(
            "Of the variance of {} over all {candidates}, every combination of the values, these \
             shares are due to each hyper-parameter alone and to pairs of them (functional \
             analysis of variance, exact).",
            target.metric
        ),
        AnovaMethod::Forest => format!(
            "A random forest learnt {} from {candidates}. Of the variance of what it predicts of \
             every combination of the values, these shares are due to each hyper-parameter alone \
             and to pairs of them (functional analysis of variance; Hutter, Hoos and \
             Leyton-Brown, 2014). They are estimates.",
            target.metric
        ),
    }
}

fn importances(effects: &Effects, html: &mut Html) {
    let mut table = Table::new(
        "Shares of the variance",
        vec![texts("hyper-parameter"), numbers("share")],
    );
    let percent = |share: f64| format!("{:.1} %", share * 100.0);
    let main = effects.parameters.iter();
    let main = main.map(|of| vec![of.name.clone(), percent(of.importance)]);
    let pairs = effects.pairs.iter().take(PAIRS);
    let pairs = pairs.map(|pair| vec![pair.of.join(" with "), percent(pair.importance)]);
    table.rows = main.chain(pairs).collect();
    let rest = 1.0 - shown(effects);
    if rest > 0.0005 {
        table.rows.push(vec!["all else".to_owned(), percent(rest)]);
    }
    html.table(&table);
}

/// The shares that are listed, together.
fn shown(effects: &Effects) -> f64 {
    let main: f64 = effects.parameters.iter().map(|of| of.importance).sum();
    let pairs = effects.pairs.iter().take(PAIRS);
    main + pairs.map(|pair| pair.importance).sum::<f64>()
}

fn levels(target: &TargetPage, parameter: &super::super::page::ParameterEffect, html: &mut Html) {
    let mut table = Table::new(
        format!("{} by {}", target.metric, parameter.name),
        vec![
            texts(parameter.name.as_str()),
            numbers("mean over the others"),
            numbers("best"),
        ],
    );
    let levels = parameter.levels.iter().enumerate().take(LEVELS);
    table.rows = levels
        .map(|(at, level)| {
            let name = level
                .as_str()
                .map_or_else(|| level.to_string(), ToOwned::to_owned);
            let best = parameter.best[at].map_or_else(String::new, score);
            vec![name, score(parameter.mean[at]), best]
        })
        .collect();
    html.details("As a table", |html| {
        html.table(&table);
    });
}
