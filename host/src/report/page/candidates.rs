//! [`CandidateColumns`]: the candidates of a search as columns, for charts, and the
//! [`Parameter`]s by which they differ.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use super::super::Report;
use crate::expand::{Candidates, TRAINER};

/// A searched hyper-parameter in which candidates differ.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// `number` where all of its values are numbers, else `text`.
    pub kind: &'static str,
    /// Whether it is best drawn on a logarithmic axis.
    pub log: bool,
    /// Its distinct values, as they are in the columns: numbers in their order, or texts
    /// (those of numbers first, in theirs).
    pub levels: Vec<Value>,
}

/// Candidates by columns: the same place of each is the same candidate.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct CandidateColumns {
    /// How many candidates the search has; the columns may have fewer.
    pub total: usize,
    /// The candidate's index in `cv_results`.
    pub index: Vec<usize>,
    /// The trainer.
    pub trainer: Vec<String>,
    /// By hyper-parameter: its value, a number or a text; null where it is not set.
    pub params: BTreeMap<String, Vec<Value>>,
    /// By metric: the mean test score.
    pub mean: BTreeMap<String, Vec<f64>>,
    /// By metric: the standard deviation over the splits, of five digits.
    pub std: BTreeMap<String, Vec<f64>>,
    /// By metric: the rank.
    pub rank: BTreeMap<String, Vec<i32>>,
    /// Seconds of a fit, the mean over the splits, of five digits.
    pub fit_time: Vec<f64>,
}

/// A value as columns and levels have it: a number as it is, all else as a text. That a
/// plan sets `null` is the text `null`.
pub fn shown(value: &Value) -> Value {
    match value {
        Value::Number(_) => value.clone(),
        Value::String(text) => Value::String(text.clone()),
        other => Value::String(other.to_string()),
    }
}

impl Parameter {
    /// The hyper-parameter `name` among some candidates; `None` where they do not differ in
    /// it.
    pub(super) fn new(candidates: &Candidates, name: &str, among: &[usize]) -> Option<Self> {
        let first = among.first().map(|at| candidates.value(*at, name))?;
        let differs = |at: &usize| candidates.value(*at, name) != first;
        if !among.iter().any(differs) {
            return None;
        }
        let mut levels: Vec<Value> = Vec::new();
        let mut known = BTreeSet::new();
        for at in among {
            let Some(value) = candidates.value(*at, name) else {
                continue;
            };
            if known.insert(value.to_string()) {
                levels.push(shown(value));
            }
        }
        Some(Self::of_values(name, levels))
    }

    /// The hyper-parameter `name` that has these values, as [`shown`] gives them.
    pub fn of_values(name: &str, mut levels: Vec<Value>) -> Self {
        levels.sort_by(by_number);
        levels.dedup_by(|a, b| by_number(a, b) == Ordering::Equal);
        let numbers: Option<Vec<f64>> = levels.iter().map(Value::as_f64).collect();
        let log = numbers.as_deref().is_some_and(is_logarithmic);
        Self {
            name: name.to_owned(),
            kind: if numbers.is_some() { "number" } else { "text" },
            log,
            levels,
        }
    }

    /// Those of a search, in the order of their names.
    pub(super) fn all(candidates: &Candidates) -> Vec<Self> {
        let all: Vec<usize> = (0..candidates.len()).collect();
        let names = searched(candidates);
        names
            .filter_map(|name| Self::new(candidates, name, &all))
            .collect()
    }

    /// The place of a value among the levels; that of no value is after them.
    pub(super) fn place(&self, value: Option<&Value>) -> usize {
        let Some(value) = value.map(shown) else {
            return self.levels.len();
        };
        let place = self
            .levels
            .binary_search_by(|level| by_number(level, &value));
        place.unwrap_or(self.levels.len())
    }
}

/// The names of hyper-parameters, without that of the trainer.
pub(super) fn searched(candidates: &Candidates) -> impl Iterator<Item = &String> {
    let names = candidates.names().iter();
    names.filter(|name| *name != TRAINER)
}

/// Whether numbers are over a few orders of magnitude.
fn is_logarithmic(numbers: &[f64]) -> bool {
    match numbers {
        [least, .., most] => numbers.len() > 2 && *least > 0.0 && most / least >= 50.0,
        _ => false,
    }
}

/// Numbers in their order, then texts in theirs.
fn by_number(a: &Value, b: &Value) -> Ordering {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => a.total_cmp(&b),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => a.as_str().cmp(&b.as_str()),
    }
}

impl CandidateColumns {
    /// At most `most` candidates: the best half of these, and others at even distances in
    /// the ranking.
    pub(super) fn new(report: &Report, most: usize) -> Self {
        let results = &report.results;
        let ranking = results.ranking(report.ranked_by());
        let rows = some_of(&ranking, most);
        let candidates = &report.candidates;
        let trainers = report.plan.trainer_names();
        let trainer = |row: &usize| {
            let name = trainers.get(candidates.arm(*row));
            name.cloned().unwrap_or_default()
        };
        let pick = |values: &[f64]| rows.iter().map(|row| values[*row]).collect();
        let few = |values: &[f64]| rows.iter().map(|row| rounded(values[*row])).collect();
        let params = Parameter::all(candidates).into_iter().map(|parameter| {
            let name = parameter.name;
            let value = |row: &usize| candidates.value(*row, &name).map_or(Value::Null, shown);
            let values = rows.iter().map(value).collect();
            (name, values)
        });
        let mut columns = Self {
            total: results.candidates,
            trainer: rows.iter().map(trainer).collect(),
            params: params.collect(),
            fit_time: few(&results.fit_time.mean),
            index: rows.clone(),
            ..Self::default()
        };
        for metric in &results.metrics {
            let name = &metric.name;
            columns.mean.insert(name.clone(), pick(&metric.test.mean));
            columns.std.insert(name.clone(), few(&metric.test.std));
            let ranks = rows.iter().map(|row| metric.rank[*row]).collect();
            columns.rank.insert(name.clone(), ranks);
        }
        columns
    }
}

/// A number of five digits: a page of many candidates has many.
fn rounded(number: f64) -> f64 {
    let short = format!("{number:.4e}");
    short.parse().unwrap_or(number)
}

/// At most `most` of a ranking, ascending: the first half of them, and others at even
/// distances.
fn some_of(ranking: &[usize], most: usize) -> Vec<usize> {
    let mut rows = if ranking.len() <= most {
        ranking.to_vec()
    } else {
        let (first, others) = ranking.split_at(most / 2);
        let left = most - first.len();
        let others = (0..left).map(|at| others[at * others.len() / left]);
        first.iter().copied().chain(others).collect()
    };
    rows.sort_unstable();
    rows
}

#[cfg(test)]
mod tests {
    use super::super::super::example;
    use super::*;
    use serde_json::json;

    #[test]
    fn parameters_have_their_values_in_order() {
        let report = example::report();
        let parameters = Parameter::all(&report.candidates);
        let [criterion, depth, samples] = &parameters[..] else {
            panic!("{parameters:?}");
        };
        assert_eq!(
            criterion.levels,
            [json!("entropy, or \"log_loss\""), json!("gini")]
        );
        assert_eq!((depth.kind, depth.log), ("text", false));
        assert_eq!(depth.levels, [json!(2), json!(4), json!(8), json!("null")]);
        // One has it, the others have not.
        assert_eq!(
            (samples.kind, &samples.levels[..]),
            ("number", &[json!(0.1)][..])
        );
        assert_eq!(samples.place(None), 1);
        assert_eq!(depth.place(Some(&json!(null))), 3);
        assert_eq!(depth.place(Some(&json!(4.0))), 1);
        assert!(is_logarithmic(&[0.01, 0.1, 1.0]));
        assert!(!is_logarithmic(&[0.0, 0.1, 1.0]) && !is_logarithmic(&[20.0, 100.0]));
    }

    #[test]
    fn of_many_candidates_the_best_and_some_others_are_kept() {
        let ranking: Vec<usize> = (0..1000).rev().collect();
        let some = some_of(&ranking, 100);
        assert_eq!(some.len(), 100);
        assert_eq!(some[50..], (950..1000).collect::<Vec<_>>());
        assert!(
            some[..50]
                .windows(2)
                .all(|pair| (18..=20).contains(&(pair[1] - pair[0])))
        );
        assert_eq!(some_of(&ranking[..5], 100), [995, 996, 997, 998, 999]);
    }

    #[test]
    fn columns_are_of_the_same_candidates() {
        let columns = CandidateColumns::new(&example::report(), 100);
        assert_eq!(columns.index, [0, 1, 2, 3, 4, 5]);
        assert_eq!(
            columns.params["max_samples"],
            [
                json!(null),
                json!(null),
                json!(null),
                json!(null),
                json!(null),
                json!(0.1)
            ]
        );
        assert_eq!(columns.params["max_depth"][2], "null");
        assert_eq!(columns.rank["roc_auc"], [4, 1, 2, 3, 5, 5]);
        assert_eq!(columns.trainer[0], "random_forest");
        let json = serde_json::to_value(&columns).unwrap();
        assert_eq!(json["mean"]["accuracy"][1], Value::Null);
    }
}
