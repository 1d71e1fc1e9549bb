//! [`decode`]: the tree of a plan to a [`Plan`], with every default filled in
//! and every mistake noted that the text alone shows.
//!
//! It looks at no data, no guest and no folder.

mod dataset;
mod pool;
mod search;
mod store;

use std::path::{Path, PathBuf};
use std::time::Duration;

use fanout_contract::Metric;

pub(super) use store::store_url;

use super::fields::{CV, PLAN};
use super::form::{Form, Section};
use super::mistake::{Mistake, Place};
use super::node::{Atom, Content, Node};
use super::quantity;
use super::reader::{Noted, Reader, number, wrong};
use super::suggest::{all_of, did_you_mean, one_of};
use super::{Cv, DatasetPlan, ErrorScore, Holdout, Limits, Plan, PoolPlan, Search, TrainerPlan};

/// Threat: a unit that was mistyped, and a task that nothing ever ends.
const MAX_TIMEOUT: Duration = Duration::from_secs(7 * 24 * 3600);

/// A guest can't start in less.
const MIN_MEMORY: u64 = 16 << 20;

/// A guest's address space.
const MAX_MEMORY: u64 = 4 << 30;

/// What the text of a plan says; `None` where it has mistakes.
#[derive(Debug, Default)]
pub(super) struct Decoded {
    pub(super) plan: Option<Plan>,
    pub(super) dataset: Option<DatasetPlan>,
    pub(super) trainer: Option<TrainerPlan>,
}

/// What paths are taken from.
pub(super) struct Base<'a> {
    /// The plan's file.
    pub(super) file: &'a Path,
    /// The working directory.
    pub(super) here: &'a Path,
}

pub(super) fn decode(root: &Node, base: &Base<'_>, noted: Noted<'_>) -> Decoded {
    let Some(top) = Reader::section(&PLAN, Place::Plan, root, noted) else {
        return Decoded::default();
    };
    let stem = || {
        base.file
            .file_stem()
            .map_or_else(|| "plan".into(), |stem| stem.to_string_lossy().into_owned())
    };
    let name = top
        .text("name", noted)
        .map(|name| name.unwrap_or_else(stem));
    let dataset = top
        .get("dataset", noted)
        .flatten()
        .and_then(|(place, node)| dataset::dataset(place, node, base, noted));
    let holdout = match top.get("holdout", noted) {
        Some(Some((place, node))) => holdout(place, node, noted).map(Some),
        given => given.map(|_| None),
    };
    let trainer = top
        .get("trainer", noted)
        .flatten()
        .and_then(|(place, node)| trainer(place, node, base, noted));
    let search = match top.get("search", noted) {
        Some(Some((place, node))) => search::search(place, node, noted),
        given => given.map(|_| Search::List {
            candidates: vec![Default::default()],
        }),
    };
    let cv = match top.get("cv", noted) {
        Some(Some((place, node))) => cv(place, node, noted),
        given => given.map(|_| Cv::StratifiedKFold {
            n_splits: 5,
            shuffle: false,
            random_state: 0,
        }),
    };
    let scoring = top
        .own("scoring", noted, scoring)
        .map(|given| given.unwrap_or_else(|| vec!["accuracy".to_owned()]));
    let refit = refit(&top, scoring.as_deref(), noted);
    let return_train_score = top.bool("return_train_score", noted);
    let error_score = top
        .own("error_score", noted, error_score)
        .map(|given| given.unwrap_or(ErrorScore::Nan));
    let families = top
        .own("families", noted, families)
        .map(|given| given.unwrap_or(true));
    let pool = match top.get("pool", noted) {
        Some(Some((place, node))) => pool::pool(place, node, base, noted),
        given => given.map(|_| PoolPlan::Local { workers: None }),
    };
    let store = match top.get("store", noted) {
        Some(Some((place, node))) => store::store(place, node, base, noted),
        given => given.map(|_| store::default(base)),
    };
    let limits = match top.get("limits", noted) {
        Some(Some((place, node))) => limits(place, node, noted),
        given => given.map(|_| Limits {
            memory: 1 << 30,
            timeout: Duration::from_secs(300),
        }),
    };
    let output = top
        .text("output", noted)
        .map(|given| given.map(PathBuf::from));

    if let (Some(dataset), Some(Cv::PredefinedSplit { column })) = (&dataset, &cv) {
        dataset::fold_column(column, dataset, root, noted);
    }
    let (kept_dataset, kept_trainer) = (dataset.clone(), trainer.clone());
    let plan = (|| {
        Some(Plan {
            name: name?,
            dataset: dataset?,
            holdout: holdout?,
            trainer: trainer?,
            search: search?,
            cv: cv?,
            scoring: scoring?,
            refit: refit?,
            return_train_score: return_train_score?,
            error_score: error_score?,
            families: families?,
            pool: pool?,
            store: store?,
            limits: limits?,
            output: output?,
        })
    })();
    Decoded {
        plan,
        dataset: kept_dataset,
        trainer: kept_trainer,
    }
}

fn section(of: &'static str) -> &'static Section {
    let field = PLAN.fields.iter().find(|field| field.name == of);
    match field.map(|field| &field.form) {
        Some(Form::Section(section)) => section,
        _ => panic!("`{of}` is a section of the plan"),
    }
}

fn holdout(place: Place, node: &Node, noted: Noted<'_>) -> Option<Holdout> {
    let reader = Reader::section(section("holdout"), place, node, noted)?;
    let fraction = reader.between("fraction", noted);
    let stratify = reader.bool("stratify", noted);
    let random_state = reader.int("random_state", noted);
    Some(Holdout {
        fraction: fraction?,
        stratify: stratify?,
        random_state: random_state??,
    })
}

fn trainer(place: Place, node: &Node, base: &Base<'_>, noted: Noted<'_>) -> Option<TrainerPlan> {
    let reader = Reader::section(section("trainer"), place, node, noted)?;
    let name = reader.required_text("name", noted);
    let guest = reader.text("guest", noted).map(|given| {
        given.map(|path| PathBuf::from(beside(&path, reader.value_place("guest"), base)))
    });
    let params = reader.own("params", noted, |node, noted| {
        search::params("params", node, noted)
    });
    Some(TrainerPlan {
        name: name?,
        guest: guest?,
        params: params?.unwrap_or_default(),
    })
}

fn cv(place: Place, node: &Node, noted: Noted<'_>) -> Option<Cv> {
    let (variant, reader) = Reader::union(&CV, place, node, noted)?;
    if variant.name == "predefined_split" {
        return Some(Cv::PredefinedSplit {
            column: reader.required_text("column", noted)?,
        });
    }
    let n_splits = reader.int("n_splits", noted);
    let shuffle = reader.bool("shuffle", noted);
    let random_state = reader.int("random_state", noted);
    if let (Some(false), Some(Some(_))) = (shuffle, random_state) {
        noted.push(
            Mistake::new(
                reader.place("random_state"),
                "`random_state` has no effect without `shuffle: true`",
            )
            .hint("add `shuffle: true`, or remove `random_state`"),
        );
        return None;
    }
    // The table bounds it far below.
    let n_splits = u32::try_from(n_splits??).ok()?;
    let (shuffle, random_state) = (shuffle?, random_state?.unwrap_or(0));
    Some(match variant.name {
        "k_fold" => Cv::KFold {
            n_splits,
            shuffle,
            random_state,
        },
        _ => Cv::StratifiedKFold {
            n_splits,
            shuffle,
            random_state,
        },
    })
}

fn scoring(node: &Node, noted: Noted<'_>) -> Option<Vec<String>> {
    let items = match &node.content {
        Content::List(items) if items.is_empty() => {
            noted.push(
                Mistake::new(node.place, "`scoring` names no metric")
                    .hint("write at least one, such as `[accuracy]`"),
            );
            return None;
        }
        Content::List(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    let mut metrics: Vec<String> = Vec::new();
    let mut fine = true;
    for item in items {
        match item.atom() {
            Some(Atom::Text(name)) if metrics.iter().any(|metric| metric == name) => {
                noted.push(
                    Mistake::new(item.place, format!("the metric `{name}` is named twice"))
                        .hint("remove one"),
                );
                fine = false;
            }
            Some(Atom::Text(name)) => {
                if Metric::named(name).is_none() {
                    noted.push(unknown_metric(name, item.place));
                    fine = false;
                }
                metrics.push(name.to_owned());
            }
            _ => {
                noted.push(wrong("scoring", "a metric's name, or a list of them", item));
                fine = false;
            }
        }
    }
    fine.then_some(metrics)
}

fn unknown_metric(name: &str, place: Place) -> Mistake {
    let known = || Metric::all().map(|(known, _)| known);
    // The functions of scikit-learn's are called `accuracy_score` and so on.
    let bare = name.trim_end_matches("_score");
    let bare = known().find(|known| *known == bare);
    let near = bare.map(|known| format!("did you mean `{known}`?"));
    let hint = near.or_else(|| did_you_mean(name, known()));
    let hint = hint.unwrap_or_else(|| format!("the metrics are {}", all_of(known())));
    Mistake::new(place, format!("unknown metric `{name}`")).hint(hint)
}

/// `Some(None)`: no refit.
fn refit(top: &Reader<'_>, scoring: Option<&[String]>, noted: Noted<'_>) -> Option<Option<String>> {
    let given = top.own("refit", noted, |node, noted| match node.atom() {
        Some(Atom::Bool(refit)) => Some((node, refit.then_some(None))),
        Some(Atom::Text(metric)) => Some((node, Some(Some(metric)))),
        _ => {
            noted.push(wrong("refit", "a metric of `scoring`, or `false`", node));
            None
        }
    })?;
    let scoring = scoring?;
    match given {
        Some((_, None)) => Some(None),
        None | Some((_, Some(None))) => Some(scoring.first().cloned()),
        Some((_, Some(Some(metric)))) if scoring.iter().any(|known| known == metric) => {
            Some(Some(metric.to_owned()))
        }
        Some((node, Some(Some(metric)))) => {
            let mistake = Mistake::new(
                node.place,
                format!("`refit` names `{metric}`, which `scoring` does not"),
            );
            let metrics = scoring.iter().map(String::as_str);
            let all = || {
                format!(
                    "write {}, or add `{metric}` to `scoring`",
                    one_of(metrics.clone())
                )
            };
            let near =
                did_you_mean(metric, metrics.clone()).filter(|_| Metric::named(metric).is_none());
            noted.push(mistake.hint(near.unwrap_or_else(all)));
            None
        }
    }
}

fn error_score(node: &Node, noted: Noted<'_>) -> Option<ErrorScore> {
    match node.atom() {
        Some(Atom::Text("raise")) => return Some(ErrorScore::Raise),
        Some(Atom::Text("nan" | "NaN")) => return Some(ErrorScore::Nan),
        Some(Atom::Float(value)) if value.is_nan() => return Some(ErrorScore::Nan),
        _ => {}
    }
    let value = number(node);
    if value.is_none() {
        noted.push(wrong(
            "error_score",
            "`nan`, `raise` or a finite number",
            node,
        ));
    }
    value.map(ErrorScore::Value)
}

fn families(node: &Node, noted: Noted<'_>) -> Option<bool> {
    match node.atom() {
        Some(Atom::Bool(value)) => Some(value),
        Some(Atom::Text("on")) => Some(true),
        Some(Atom::Text("off")) => Some(false),
        _ => {
            noted.push(wrong("families", "`on` or `off`", node));
            None
        }
    }
}

fn limits(place: Place, node: &Node, noted: Noted<'_>) -> Option<Limits> {
    let reader = Reader::section(section("limits"), place, node, noted)?;
    let memory = reader.own("memory", noted, |node, noted| {
        let bytes = match node.atom() {
            Some(Atom::Int(bytes)) => u64::try_from(bytes).ok(),
            Some(Atom::Text(text)) => quantity::size(text),
            _ => None,
        };
        let Some(bytes) = bytes else {
            let mistake = wrong("memory", "a size, such as `512MiB` or `1GiB`", node);
            noted.push(mistake.maybe_hint(node.label().and_then(quantity::meant_size)));
            return None;
        };
        if !(MIN_MEMORY..=MAX_MEMORY).contains(&bytes) {
            let (min, max) = (
                quantity::show_size(MIN_MEMORY),
                quantity::show_size(MAX_MEMORY),
            );
            let hint = match node.atom() {
                Some(Atom::Int(count)) if bytes < MIN_MEMORY => {
                    format!("a number counts bytes; write `{count}MiB` for mebibytes")
                }
                _ if bytes > MAX_MEMORY => "a guest can address no more".to_owned(),
                _ => "a guest can't start in less".to_owned(),
            };
            noted.push(wrong("memory", &format!("a size from {min} to {max}"), node).hint(hint));
            return None;
        }
        Some(bytes)
    });
    let timeout = reader.own("timeout", noted, |node, noted| {
        duration(
            "timeout",
            node,
            Duration::from_millis(1),
            MAX_TIMEOUT,
            noted,
        )
    });
    Some(Limits {
        memory: memory?.unwrap_or(1 << 30),
        timeout: timeout?.unwrap_or(Duration::from_secs(300)),
    })
}

/// A duration from `min` to `max`, in milliseconds.
fn duration(
    name: &str,
    node: &Node,
    min: Duration,
    max: Duration,
    noted: Noted<'_>,
) -> Option<Duration> {
    let given = match node.atom() {
        Some(Atom::Text(text)) => quantity::duration(text),
        _ => None,
    };
    let fine = given.filter(|given| (min..=max).contains(given));
    if fine.is_none() {
        let takes = match given {
            Some(_) => {
                let (min, max) = (quantity::show_duration(min), quantity::show_duration(max));
                format!("a duration from {min} to {max}")
            }
            None => "a duration, such as `90s`, `5m` or `1h30m`".to_owned(),
        };
        let hint = match (number(node), node.label()) {
            (Some(_), Some(number)) => Some(format!("write `{number}s` for seconds")),
            (None, Some(text)) if given.is_none() => quantity::meant_duration(text),
            _ => None,
        };
        noted.push(wrong(name, &takes, node).maybe_hint(hint));
    }
    fine
}

/// A path of the plan: from the plan's folder where the plan's text has it,
/// from here where the command line does. URLs and absolute paths stay.
fn beside(path: &str, place: Place, base: &Base<'_>) -> String {
    let folder = match place {
        Place::Option(..) => None,
        _ => base.file.parent(),
    };
    match folder {
        Some(folder) if !path.contains("://") => folder.join(path).to_string_lossy().into_owned(),
        _ => path.to_owned(),
    }
}
