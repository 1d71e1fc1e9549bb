//! [`write()`]: a report as one JSON object on one line, for other programs
//! (`fanout run --json`, `fanout show --json`).
//!
//! | field | what |
//! | --- | --- |
//! | `format` | the version of this layout: [`FORMAT`] |
//! | `fanout` | the version of the program |
//! | `name` | the plan's name |
//! | `kind` | the plan's kind: `search`, `learning_curve` and so on |
//! | `trainers` | the trainers' names, in the plan's order |
//! | `digests` | `run`, `guests` (a list), `dataset`, `splits`: each 64 hexadecimal digits |
//! | `candidates`, `splits` | how many |
//! | `fits` | `served`, `made`, `reused`, `failed`: see [`FitCounts`](crate::reduce::FitCounts) |
//! | `metrics` | the metrics' names, in the plan's order |
//! | `ranked_by` | the metric that ranks the candidates |
//! | `best` | see [`Best`]; null where no candidate has a score |
//! | `baseline` | the `scores` of a `trainer` that ignores the features, by metric `mean`, `std` and `splits`; null where there is none |
//! | `worth` | what the predictions of the best candidate tell, as `worth.json` in the folder of results; null where there are none |
//! | `ensemble` | the combination of candidates that the plan wants, as `ensemble.json` in the folder of results; null where it wants none |
//! | `explanations` | `permutation_importance`, `partial_dependence`, `importances` and `shap` of the best candidate, at most 100 features each and no single rows; each null where the plan does not want it or the model has none; null where the plan wants none |
//! | `undefined` | by metric, how many test scores are not defined; metrics with none are left out |
//! | `failures` | a list of `kind`, `tasks`, `fits` and `example` (`split`, `candidate`, `message`) |
//! | `warnings` | a list of sentences |
//! | `failure` | what went wrong after the search: `message` and `hint`; null where nothing did |
//! | `took` | `wall`, `user`, `system` in seconds, `peak_memory` in bytes; null where it is not known, and for `fanout show` |
//! | `output` | the folder of the result files; null where there is none |
//! | `cv_results` | an object of lists, one value a candidate: see [`columns`](super::columns); null where there are `findings`, and of `kind: fit` |
//! | `findings` | of a learning curve, a nested cross-validation and a permutation test: an object of lists for each [table](super::findings), and for the second `scores`, by metric `mean` and `std` of the test scores over the outer splits; else null |
//!
//! [`write_all()`] writes the same of a plan; of several targets, an object of `format`,
//! `fanout` and `name` as above; `targets`, a list of the objects above, each with its
//! `target`; `over_targets`, the metrics over these (null where there are none); and the
//! `warnings`, `failure`, `took` and `output` of the run.
//!
//! Fields may be added; `format` changes when one changes its meaning.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::columns::Columns;
use super::ensemble::Told;
use super::explanations::Explanations;
use super::findings::FindingsTable;
use super::{Best, Report, Reports, Usage};
use crate::reduce::{BaselineScores, Failures, Findings, OuterScore};
use crate::run::manifest::Digests;
use crate::worth::{OverTargetScores, Worth};

/// The version of the object's layout.
pub const FORMAT: u32 = 2;

#[derive(Serialize)]
struct Document<'a> {
    format: u32,
    fanout: &'static str,
    name: &'a str,
    kind: &'static str,
    trainers: Vec<String>,
    digests: &'a Digests,
    candidates: usize,
    splits: usize,
    fits: Fits,
    metrics: Vec<&'a str>,
    ranked_by: &'a str,
    best: Option<Best>,
    baseline: Option<&'a BaselineScores>,
    worth: Option<&'a Worth>,
    ensemble: Option<Told<'a>>,
    explanations: Option<Value>,
    undefined: BTreeMap<&'a str, usize>,
    failures: Vec<Failure<'a>>,
    warnings: &'a [String],
    failure: Option<&'a super::Failure>,
    took: Option<&'a Usage>,
    output: Option<String>,
    cv_results: Option<Columns<'a>>,
    findings: Option<Map<String, Value>>,
}

#[derive(Serialize)]
struct Fits {
    served: usize,
    made: usize,
    reused: usize,
    failed: usize,
}

#[derive(Serialize)]
struct Failure<'a> {
    kind: &'a str,
    tasks: usize,
    fits: usize,
    example: Example,
}

#[derive(Serialize)]
struct Example {
    split: u32,
    candidate: u32,
    message: String,
}

#[derive(Serialize)]
struct Together<'a> {
    format: u32,
    fanout: &'static str,
    name: &'a str,
    targets: Vec<OneTarget<'a>>,
    over_targets: &'a Option<OverTargetScores>,
    model: Option<String>,
    warnings: &'a [String],
    failure: Option<&'a super::Failure>,
    took: Option<&'a Usage>,
    output: Option<String>,
}

#[derive(Serialize)]
struct OneTarget<'a> {
    target: &'a str,
    #[serde(flatten)]
    document: Document<'a>,
}

/// Writes the object of a plan and a line feed.
pub fn write_all(reports: &Reports, output: &mut impl Write) -> io::Result<()> {
    if let Some(only) = reports.only() {
        return write(only, output);
    }
    let targets = reports.targets.iter().map(|report| {
        Ok(OneTarget {
            target: &report.plan.dataset.target,
            document: document(report)?,
        })
    });
    let folder = reports.plan.output.as_ref();
    let together = Together {
        format: FORMAT,
        fanout: env!("CARGO_PKG_VERSION"),
        name: &reports.plan.name,
        targets: targets.collect::<io::Result<_>>()?,
        over_targets: &reports.over_targets,
        model: reports
            .model
            .as_ref()
            .map(|path| path.display().to_string()),
        warnings: &reports.warnings,
        failure: reports.failure.as_ref(),
        took: reports.usage.as_ref(),
        output: folder.map(|folder| folder.display().to_string()),
    };
    serde_json::to_writer(&mut *output, &together)?;
    output.write_all(b"\n")
}

/// Writes the object and a line feed.
pub fn write(report: &Report, output: &mut impl Write) -> io::Result<()> {
    serde_json::to_writer(&mut *output, &document(report)?)?;
    output.write_all(b"\n")
}

fn document(report: &Report) -> io::Result<Document<'_>> {
    let results = &report.results;
    let counts = results.fit_counts;
    let failure = |failures: &'_ Failures| Failure {
        kind: failures.kind,
        tasks: failures.tasks,
        fits: failures.fits,
        example: Example {
            split: failures.split,
            candidate: failures.candidate,
            message: failures.example.to_string(),
        },
    };
    let undefined = results.metrics.iter().filter(|metric| metric.undefined > 0);
    Ok(Document {
        format: FORMAT,
        fanout: env!("CARGO_PKG_VERSION"),
        name: &report.plan.name,
        kind: report.plan.kind.name(),
        trainers: report.plan.trainer_names(),
        digests: &report.digests,
        candidates: results.candidates,
        splits: results.splits,
        fits: Fits {
            served: counts.served,
            made: counts.made,
            reused: counts.reused,
            failed: counts.failed,
        },
        metrics: results
            .metrics
            .iter()
            .map(|metric| metric.name.as_str())
            .collect(),
        ranked_by: &results.metrics[report.ranked_by()].name,
        best: report.best(),
        baseline: report.baseline.as_ref(),
        worth: report.worth.as_ref(),
        ensemble: report.ensemble.as_ref().map(Told::new),
        explanations: report.explanations.as_ref().map(Explanations::json),
        undefined: undefined
            .map(|metric| (metric.name.as_str(), metric.undefined))
            .collect(),
        failures: results.failures.iter().map(failure).collect(),
        warnings: &report.warnings,
        failure: report.failure.as_ref(),
        took: report.usage.as_ref(),
        output: report
            .plan
            .output
            .as_ref()
            .map(|folder| folder.display().to_string()),
        cv_results: (report.findings.is_none() && report.plan.kind.has_splits())
            .then(|| Columns::new(&report.candidates, results)),
        findings: findings(report)?,
    })
}

fn findings(report: &Report) -> io::Result<Option<Map<String, Value>>> {
    let Some(findings) = &report.findings else {
        return Ok(None);
    };
    let mut object = Map::new();
    for table in FindingsTable::all(findings, &report.candidates, &report.results.metrics) {
        let columns = serde_json::to_value(table.columns())?;
        object.insert(table.name.to_owned(), columns);
    }
    if let Findings::Nested(outer) = findings {
        let metrics = report.results.metrics.iter().enumerate();
        let scores = metrics.map(|(index, metric)| {
            let (mean, std) = OuterScore::mean_and_std(outer, index);
            (metric.name.clone(), json!({"mean": mean, "std": std}))
        });
        object.insert("scores".to_owned(), Value::Object(scores.collect()));
    }
    Ok(Some(object))
}

#[cfg(test)]
mod tests {
    use super::super::example;
    use super::*;

    #[test]
    fn the_object_tells_all_of_a_run() {
        let example = example::report();
        let mut output = Vec::new();
        write(&example, &mut output).unwrap();
        assert_eq!(output.iter().filter(|&&byte| byte == b'\n').count(), 1);
        let object: Value = serde_json::from_slice(&output).unwrap();
        let names: Vec<&str> = object
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        // The fields are exactly those of the table above.
        let table = include_str!("json.rs")
            .lines()
            .filter_map(|line| line.strip_prefix("//! | `"));
        let mut listed: Vec<&str> = table
            .flat_map(|line| line.split(" | ").next().unwrap().split(", "))
            .map(|name| name.trim_matches('`'))
            .collect();
        listed.sort_unstable();
        assert_eq!(names, listed);
        assert_eq!(
            object["fits"],
            json!({"served": 10, "made": 4, "reused": 0, "failed": 2})
        );
        assert_eq!(
            object["best"]["searched"],
            json!({"criterion": "gini", "max_depth": 4})
        );
        assert_eq!(object["best"]["params"]["random_state"], 10);
        assert_eq!(object["best"]["scores"]["accuracy"]["mean"], Value::Null);
        assert_eq!(
            object["baseline"],
            json!({"trainer": "dummy", "scores": {
                "roc_auc": {"mean": 0.5, "std": 0.0, "splits": [0.5, 0.5]},
                "accuracy": {"mean": null, "std": null, "splits": [0.75, null]},
            }})
        );
        assert_eq!(object["undefined"], json!({"accuracy": 1}));
        assert_eq!(object["failures"][0]["example"]["candidate"], 4);
        assert_eq!(
            object["cv_results"]["rank_test_roc_auc"],
            json!([4, 1, 2, 3, 5, 5])
        );
        assert_eq!(object["took"]["wall"], 1.25);
    }
}
