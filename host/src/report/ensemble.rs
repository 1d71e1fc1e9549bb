//! [`write()`]: the files of an ensemble, in the folder of results; `sentences`, what they
//! say of its gain.
//!
//! | file | what |
//! | --- | --- |
//! | `ensemble.json` | see [`Ensemble`] |
//! | `ensemble.parquet` | a row for each member: `candidate` (its row in `cv_results`), `trainer`, `weight` (of all members 1), `mean_test_<metric>` |

use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray, UInt32Array};
use serde::Serialize;

use super::Report;
use super::files::{ENSEMBLE, FORMAT, FilesError, document, replace};
use super::human::score;
use crate::digest::Digest;
use crate::model::RowWriter;
use crate::plan::SourceFormat;
use crate::worth::{Ensemble, Interval, Member};

/// `ensemble.json`.
#[derive(Serialize)]
struct Document<'a> {
    format: u32,
    name: &'a str,
    run: &'a Digest,
    #[serde(flatten)]
    ensemble: &'a Ensemble,
    sentences: Vec<String>,
}

/// An ensemble with the sentences about it, for other programs.
#[derive(Serialize)]
pub(super) struct Told<'a> {
    #[serde(flatten)]
    ensemble: &'a Ensemble,
    sentences: Vec<String>,
}

impl<'a> Told<'a> {
    pub(super) fn new(ensemble: &'a Ensemble) -> Self {
        Self {
            ensemble,
            sentences: sentences(ensemble),
        }
    }
}

/// Writes the files of a report that has [`Report::ensemble`].
pub fn write(folder: &Path, report: &Report) -> Result<(), FilesError> {
    let Some(ensemble) = &report.ensemble else {
        return Ok(());
    };
    let content = Document {
        format: FORMAT,
        name: &report.plan.name,
        run: &report.digests.run,
        ensemble,
        sentences: sentences(ensemble),
    };
    let [json, parquet] = ENSEMBLE.map(|name| folder.join(name));
    replace(&json, |output| document(&content, output))?;
    let members = &ensemble.members;
    let weights = shares(members);
    let trainers = members
        .iter()
        .map(|member| trainer(report, member.candidate));
    let columns = [
        (
            "candidate".to_owned(),
            Arc::new(
                members
                    .iter()
                    .map(|of| Some(of.candidate as u32))
                    .collect::<UInt32Array>(),
            ) as ArrayRef,
        ),
        (
            "trainer".to_owned(),
            Arc::new(trainers.map(Some).collect::<StringArray>()),
        ),
        ("weight".to_owned(), Arc::new(Float64Array::from(weights))),
    ];
    let means = report.results.metrics.iter().map(|metric| {
        let means = members
            .iter()
            .map(|of| Some(metric.test.mean[of.candidate]));
        let means: ArrayRef = Arc::new(means.collect::<Float64Array>());
        (format!("mean_test_{}", metric.name), means)
    });
    let columns: Vec<(String, ArrayRef)> = columns.into_iter().chain(means).collect();
    replace(&parquet, |output| {
        let batch = RecordBatch::try_from_iter(columns).map_err(std::io::Error::other)?;
        let mut writer = RowWriter::new(SourceFormat::Parquet, output);
        writer.write(&batch)?;
        writer.finish()
    })
}

/// The trainer of a candidate, as the table of candidates calls it.
pub(super) fn trainer(report: &Report, candidate: usize) -> String {
    let arm = report.plan.arms().nth(report.candidates.arm(candidate));
    arm.map_or_else(String::new, |arm| arm.trainer.label())
}

/// The weights of members, which are 1 together.
pub(super) fn shares(members: &[Member]) -> Vec<f64> {
    let total: f64 = members.iter().map(|member| member.weight).sum();
    members.iter().map(|member| member.weight / total).collect()
}

/// What is told of an ensemble's gain over the best candidate: on the predictions that it was
/// selected by, and on others.
pub(super) fn sentences(ensemble: &Ensemble) -> Vec<String> {
    let Ensemble {
        metric,
        best_candidate,
        gain,
        left_out,
        second_stage,
        named,
        ..
    } = ensemble;
    let on = match (second_stage, named) {
        (None, false) => "on the predictions by which the members were selected, which flatters it",
        (None, true) => {
            "on the splits of the search; members that were picked by their scores on these are \
             flattered"
        }
        (Some(_), false) => {
            "by cross-validation of the final estimator; the members were selected by the same \
             rows, which flatters it"
        }
        (Some(_), true) => {
            "by cross-validation of the final estimator; members that were picked by their scores \
             on the same rows are flattered"
        }
    };
    let mut told = vec![format!(
        "gain: its {metric} is {} than that of candidate {best_candidate}, the best one{}, {on}",
        compared(gain),
        interval(gain),
    )];
    if let Some(left_out) = left_out {
        let gain = &left_out.gain;
        let verdict = match (gain.low, gain.high) {
            (Some(low), _) if low > 0.0 => "the ensemble is clearly better",
            (_, Some(high)) if high < 0.0 => "the ensemble is clearly worse",
            _ => "there is no clear difference",
        };
        let scores = left_out.scores.get(metric);
        let parts = match scores.map(|scores| scores.splits.len()) {
            Some(splits) if splits == left_out.parts => "split is scored by what the other splits",
            _ => "part of the splits is scored by what the other parts",
        };
        let selected = match named {
            false => "the members as well as the best candidate",
            true => "the best candidate alone, as the plan names the members",
        };
        told.push(format!(
            "fair gain: where each {parts} select, {selected}, its {metric} is {}{}: {verdict}",
            compared(gain),
            interval(gain),
        ));
    }
    told
}

/// "0.0012 better": of all metrics, the greater score is the better one.
fn compared(gain: &Interval) -> String {
    match gain.score {
        Some(gain) if gain < 0.0 => format!("{} worse", score(-gain)),
        Some(gain) => format!("{} better", score(gain)),
        None => "not to be compared".to_owned(),
    }
}

fn interval(gain: &Interval) -> String {
    match gain.low.zip(gain.high) {
        Some((low, high)) => format!(" (95 % interval: {} to {})", score(low), score(high)),
        None => String::new(),
    }
}
