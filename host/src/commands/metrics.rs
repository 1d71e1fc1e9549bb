//! `fanout metrics`: the metrics that a plan may name, with what they need.

use std::fmt::Write;

use clap::Args;
use fanout_contract::metric::{Compares, MetricInfo};
use fanout_contract::{Learning, Metric, Param};
use serde::Serialize;

use super::guest::{learning, wrapped};
use super::{CommandError, print};

/// List the metrics that a plan may name.
#[derive(Debug, Args)]
pub(crate) struct Metrics {
    /// Print a list of objects as JSON.
    #[arg(long)]
    json: bool,
}

const DECISIONS: &str = "decisions";

/// A metric as JSON.
#[derive(Serialize)]
struct Entry {
    name: &'static str,
    meaning: &'static str,
    /// The kinds of target for which it is defined with the default parameters.
    targets: Vec<Learning>,
    /// `classes`, `decisions` (or probabilities where there are none),
    /// `probabilities` or `numbers`.
    compares: &'static str,
    /// Whether it is that of the positive class.
    positive: bool,
    /// The kinds of target for which sample weights count.
    weighted: Vec<Learning>,
    params: Vec<Param>,
}

impl Metrics {
    pub(crate) fn run(self) -> Result<(), CommandError> {
        let entries: Vec<Entry> = Metric::all().map(Entry::of).collect();
        print(&match self.json {
            true => serde_json::to_string_pretty(&entries).expect("entries are JSON") + "\n",
            false => table(&entries)?,
        });
        Ok(())
    }
}

impl Entry {
    fn of(info: &'static MetricInfo) -> Self {
        const ALL: [Learning; 3] = [Learning::Binary, Learning::Multiclass, Learning::Regression];
        let metric = info.example();
        let targets = ALL.into_iter().filter(|target| metric.suits(*target));
        let targets: Vec<Learning> = targets.collect();
        let weighted = targets.iter().copied();
        Self {
            name: info.name,
            meaning: info.meaning,
            compares: match metric.compares() {
                Compares::Classes => "classes",
                Compares::Decisions => DECISIONS,
                Compares::Probabilities => "probabilities",
                Compares::Numbers => "numbers",
            },
            positive: metric.positive(),
            weighted: weighted
                .filter(|target| metric.uses_weights(*target))
                .collect(),
            params: info.params(),
            targets,
        }
    }

    /// Notes that do not go without saying.
    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.positive {
            notes.push("of the positive class".to_owned());
        }
        let unweighted = self
            .targets
            .iter()
            .filter(|target| !self.weighted.contains(target));
        match unweighted
            .map(|target| learning(*target))
            .collect::<Vec<_>>()
        {
            none if none.is_empty() => {}
            all if all.len() == self.targets.len() => {
                notes.push("sample weights do not count".to_owned());
            }
            some => notes.push(format!(
                "sample weights do not count for {}",
                some.join(", ")
            )),
        }
        notes
    }
}

/// By target, then by what is compared: a name and a line a metric, with its
/// parameters below.
fn table(entries: &[Entry]) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    let mut groups: Vec<(&[Learning], &str)> = Vec::new();
    for entry in entries {
        let group = (entry.targets.as_slice(), entry.compares);
        if !groups.contains(&group) {
            groups.push(group);
        }
    }
    groups.sort();
    for (targets, compares) in groups {
        let targets: Vec<&str> = targets.iter().map(|target| learning(*target)).collect();
        let what = match compares {
            DECISIONS => "decisions, or probabilities",
            other => other,
        };
        writeln!(text, "{}; compares {what}", targets.join(", "))?;
        let group = entries.iter().filter(|entry| {
            let own: Vec<&str> = entry
                .targets
                .iter()
                .map(|target| learning(*target))
                .collect();
            own == targets && entry.compares == compares
        });
        let mut explained = Vec::new();
        for entry in group {
            write_entry(entry, &mut explained, &mut text)?;
        }
        text.push('\n');
    }
    text.push_str(
        "In a plan: `scoring: [accuracy, {metric: fbeta, name: f2, params: {beta: 2}}]`.\n\
         For all of them, greater is better.\n",
    );
    Ok(text)
}

/// A metric; its parameters that are `explained` at another are only named.
fn write_entry<'a>(
    entry: &'a Entry,
    explained: &mut Vec<(&'a Param, &'static str)>,
    text: &mut String,
) -> std::fmt::Result {
    let mut meaning = entry.meaning.to_owned();
    for note in entry.notes() {
        write!(meaning, "; {note}")?;
    }
    writeln!(
        text,
        "{}",
        wrapped(&format!("  {}: ", entry.name), &meaning, 6)
    )?;
    let mut as_before: Vec<(&str, &str)> = Vec::new();
    for param in &entry.params {
        if let Some((_, at)) = explained.iter().find(|(known, _)| *known == param) {
            as_before.push((&param.name, at));
            continue;
        }
        explained.push((param, entry.name));
        let default = match param.is_required() {
            true => "must be given".to_owned(),
            false => format!("default {}", param.default),
        };
        let first = format!("      {} ({default}): ", param.name);
        let about = format!("{}. {}", param.takes(), param.meaning);
        writeln!(text, "{}", wrapped(&first, &about, 10))?;
    }
    for same in as_before.chunk_by(|a, b| a.1 == b.1) {
        let names: Vec<&str> = same.iter().map(|(name, _)| *name).collect();
        let first = format!("      {}: ", names.join(", "));
        writeln!(
            text,
            "{}",
            wrapped(&first, &format!("as of {}", same[0].1), 10)
        )?;
    }
    Ok(())
}
