//! [`write()`]: a run as a journal of Optuna (`JournalFileBackend`), which Optuna and
//! optuna-dashboard open. A study is a run, a trial a candidate.
//!
//! | of a trial | what |
//! | --- | --- |
//! | value | the mean test score by the metric that ranks the candidates |
//! | state | complete, or failed where that mean is no number |
//! | parameters | the searched hyper-parameters; a list is its JSON as a text |
//! | intermediate values | the test scores by that metric, by split |
//! | user attributes | `trainer` (where there are several, a parameter), the means and standard deviations by every metric |
//!
//! A hyper-parameter whose values are all numbers has Optuna's distribution of whole numbers
//! or of floats between the least and the greatest of the search, on a logarithmic scale
//! where three or more values are in equal ratios; any other is categorical. The journal is
//! JSON lines, written and read by Optuna 4 and 5.

use std::collections::BTreeMap;
use std::io::{self, Write};

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value as Json, json};

use super::Trial;
use crate::report::Report;

/// The operations of Optuna's `JournalOperation` that are written.
const CREATE_STUDY: u32 = 0;
const SET_STUDY_USER_ATTR: u32 = 2;
const SET_STUDY_SYSTEM_ATTR: u32 = 3;
const CREATE_TRIAL: u32 = 4;

/// Optuna's `StudyDirection.MAXIMIZE`: all scores are greater where they are better.
const MAXIMIZE: u32 = 2;

/// Optuna's `TrialState`s.
const COMPLETE: u32 = 1;
const FAIL: u32 = 3;

/// The most that JSON's whole numbers and Optuna's floats both hold exactly.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// The values of a hyper-parameter over all candidates, as Optuna has them.
enum Distribution {
    Int { low: i64, high: i64, log: bool },
    Float { low: f64, high: f64, log: bool },
    Categorical { choices: Vec<Json> },
}

/// Writes the studies of these reports, each with its name, in order. `ended`: when the run
/// ended, or now.
///
/// # Errors
/// Those of `out`.
pub fn write(
    reports: &[(String, &Report)],
    ended: DateTime<Utc>,
    out: &mut dyn Write,
) -> io::Result<()> {
    for (study, (name, report)) in reports.iter().enumerate() {
        let mut journal = Journal {
            worker: format!("fanout-{}", report.digests.run),
            study,
            out,
        };
        journal.write(name, report, ended)?;
    }
    out.flush()
}

struct Journal<'o> {
    worker: String,
    study: usize,
    out: &'o mut dyn Write,
}

impl Journal<'_> {
    fn write(&mut self, name: &str, report: &Report, ended: DateTime<Utc>) -> io::Result<()> {
        self.line(
            CREATE_STUDY,
            json!({"study_name": name, "directions": [MAXIMIZE]}),
        )?;
        let ranked_by = report.ranked_by();
        let metric = &report.results.metrics[ranked_by].name;
        let study = self.study;
        self.line(
            SET_STUDY_SYSTEM_ATTR,
            json!({"study_id": study, "system_attr": {"study:metric_names": [metric]}}),
        )?;
        let attributes = json!({
            "fanout:run": report.digests.run,
            "fanout:plan": report.plan.name,
        });
        for (name, value) in attributes.as_object().into_iter().flatten() {
            let attribute = json!({"study_id": study, "user_attr": {name: value}});
            self.line(SET_STUDY_USER_ATTR, attribute)?;
        }
        let distributions = distributions(report);
        for trial in Trial::of_report(report) {
            self.line(
                CREATE_TRIAL,
                trial_line(study, &trial, ranked_by, &distributions, ended),
            )?;
        }
        Ok(())
    }

    fn line(&mut self, operation: u32, fields: Json) -> io::Result<()> {
        let mut line = Map::new();
        line.insert("op_code".to_owned(), operation.into());
        line.insert("worker_id".to_owned(), self.worker.clone().into());
        if let Json::Object(fields) = fields {
            line.extend(fields);
        }
        serde_json::to_writer(&mut *self.out, &line)?;
        self.out.write_all(b"\n")
    }
}

/// The name of the parameter that tells the trainers of a search apart.
const TRAINER: &str = "trainer";

fn trial_line(
    study: usize,
    trial: &Trial,
    ranked_by: usize,
    distributions: &BTreeMap<String, Distribution>,
    ended: DateTime<Utc>,
) -> Json {
    let (mut params, mut of_params) = (Map::new(), Map::new());
    for (name, value) in values(trial) {
        if let Some(distribution) = distributions.get(name) {
            params.insert(name.to_owned(), distribution.value(&value));
            of_params.insert(name.to_owned(), distribution.text().into());
        }
    }
    let score = &trial.scores[ranked_by];
    let splits = score.splits.iter().enumerate();
    let splits = splits.filter(|(_, score)| score.is_finite());
    let splits: Map<String, Json> = splits
        .map(|(split, score)| (split.to_string(), json!(score)))
        .collect();
    let mut attributes = Map::new();
    attributes.insert(TRAINER.to_owned(), trial.trainer.clone().into());
    for score in &trial.scores {
        attributes.insert(score.metric.clone(), finite(score.mean));
        attributes.insert(format!("{}_std", score.metric), finite(score.std));
    }
    let started = ended - chrono::Duration::from_std(trial.time).unwrap_or_default();
    json!({
        "study_id": study,
        "datetime_start": time(started),
        "datetime_complete": time(ended),
        "state": if score.mean.is_finite() { COMPLETE } else { FAIL },
        "value": finite(score.mean),
        "values": null,
        "params": params,
        "distributions": of_params,
        "user_attrs": attributes,
        "system_attrs": {},
        "intermediate_values": splits,
    })
}

fn time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, false)
}

fn finite(number: f64) -> Json {
    match number.is_finite() {
        true => json!(number),
        false => Json::Null,
    }
}

/// The hyper-parameters of a trial: a list as its text, since Optuna takes none.
fn values(trial: &Trial) -> impl Iterator<Item = (&str, Json)> {
    trial.params.iter().map(|(name, value)| {
        let value = match value {
            Json::Array(_) | Json::Object(_) => value.to_string().into(),
            plain => plain.clone(),
        };
        (name.as_str(), value)
    })
}

/// The distribution of each hyper-parameter over the candidates.
fn distributions(report: &Report) -> BTreeMap<String, Distribution> {
    let mut seen: BTreeMap<String, Vec<Json>> = BTreeMap::new();
    for trial in Trial::of_report(report) {
        for (name, value) in values(&trial) {
            let seen = seen.entry(name.to_owned()).or_default();
            if !seen.contains(&value) {
                seen.push(value);
            }
        }
    }
    let of_values = |(name, values)| (name, Distribution::of(values));
    seen.into_iter().map(of_values).collect()
}

impl Distribution {
    fn of(values: Vec<Json>) -> Self {
        let numbers: Option<Vec<f64>> = values.iter().map(Json::as_f64).collect();
        let Some(mut numbers) = numbers else {
            return Self::Categorical { choices: values };
        };
        numbers.sort_by(f64::total_cmp);
        let (low, high) = (numbers[0], numbers[numbers.len() - 1]);
        let log = are_in_equal_ratios(&numbers);
        let is_whole = values.iter().all(Json::is_i64) && high.abs() < EXACT && low.abs() < EXACT;
        match is_whole {
            // Optuna's logarithmic whole numbers begin at 1.
            true => Self::Int {
                low: low as i64,
                high: high as i64,
                log: log && low >= 1.0,
            },
            false => Self::Float { low, high, log },
        }
    }

    /// A value as Optuna stores it: a number, or the place among the choices.
    fn value(&self, value: &Json) -> Json {
        match self {
            Self::Int { .. } | Self::Float { .. } => json!(value.as_f64()),
            Self::Categorical { choices } => {
                json!(choices.iter().position(|choice| choice == value))
            }
        }
    }

    /// The distribution as Optuna stores it: JSON in a text.
    fn text(&self) -> String {
        let (name, attributes) = match self {
            Self::Int { low, high, log } => (
                "IntDistribution",
                json!({"low": low, "high": high, "log": log, "step": 1}),
            ),
            Self::Float { low, high, log } => (
                "FloatDistribution",
                json!({"low": low, "high": high, "log": log, "step": null}),
            ),
            Self::Categorical { choices } => {
                ("CategoricalDistribution", json!({"choices": choices}))
            }
        };
        json!({"name": name, "attributes": attributes}).to_string()
    }
}

/// Whether three or more ascending numbers above 0 are in equal ratios, but for rounding.
fn are_in_equal_ratios(numbers: &[f64]) -> bool {
    let ratios: Vec<f64> = numbers.windows(2).map(|pair| pair[1] / pair[0]).collect();
    numbers[0] > 0.0
        && ratios.len() > 1
        && ratios
            .iter()
            .all(|ratio| (ratio / ratios[0] - 1.0).abs() < 1e-6)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(values: Json) -> String {
        let Json::Array(values) = values else {
            panic!("a list");
        };
        Distribution::of(values).text()
    }

    #[test]
    fn a_distribution_follows_from_the_values() {
        let cases = [
            (
                json!([20, 40, 60]),
                r#"{"attributes":{"high":60,"log":false,"low":20,"step":1},"name":"IntDistribution"}"#,
            ),
            (
                json!([4, 1, 2]),
                r#"{"attributes":{"high":4,"log":true,"low":1,"step":1},"name":"IntDistribution"}"#,
            ),
            (
                json!([0.01, 0.1, 1.0]),
                r#"{"attributes":{"high":1.0,"log":true,"low":0.01,"step":null},"name":"FloatDistribution"}"#,
            ),
            (
                json!([0.0, 0.1]),
                r#"{"attributes":{"high":0.1,"log":false,"low":0.0,"step":null},"name":"FloatDistribution"}"#,
            ),
            (
                json!([4, null, "sqrt"]),
                r#"{"attributes":{"choices":[4,null,"sqrt"]},"name":"CategoricalDistribution"}"#,
            ),
        ];
        for (values, expected) in cases {
            assert_eq!(text(values), expected);
        }
    }
}
