//! [`TargetPage`]: the results of the search of one target.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::super::{Best, Report};
use super::candidates::{CandidateColumns, Parameter};
use super::effects::Effects;
use super::findings::FindingsPage;
use super::words;
use crate::digest::Digest;
use crate::reduce::{BaselineScores, Lead, within_one_standard_error};
use crate::run::data_summary::DataClass;
use crate::worth::threshold::TunedThreshold;
use crate::worth::{DrawnWorth, Ensemble, Worth};
use fanout_contract::Learning;

/// The results of the search of one target.
#[derive(Clone, Debug, Serialize)]
pub struct TargetPage {
    /// The target.
    pub target: String,
    /// The run's id.
    pub run: Digest,
    /// What is learnt.
    pub learning: Learning,
    /// The metric that ranks.
    pub metric: String,
    /// All metrics, in the plan's order.
    pub metrics: Vec<String>,
    /// How many splits.
    pub splits: usize,
    /// The result in words.
    pub sentences: Vec<String>,
    /// In which candidates differ.
    pub parameters: Vec<Parameter>,
    /// The candidates; none where the splits are not those of `cv`.
    pub candidates: CandidateColumns,
    /// The candidate that the plan chooses, by its index.
    pub best: Option<usize>,
    /// All that is known of it.
    pub chosen: Option<Best>,
    /// The candidates within one standard error of the best, the best first; at most as many
    /// as the columns have.
    pub one_standard_error: Vec<usize>,
    /// That error; null for one split.
    pub standard_error: f64,
    /// How sure it is that the candidate of the greatest mean is the best.
    pub lead: Option<Lead>,
    /// The scores of the baseline.
    pub baseline: Option<BaselineScores>,
    /// The effects of hyper-parameters, by trainer.
    pub anova: Vec<Effects>,
    /// What predictions of the chosen candidate tell.
    pub worth: Option<Worth>,
    /// Their curves.
    pub curves: Option<DrawnWorth>,
    /// The tuned decision threshold.
    pub threshold: Option<TunedThreshold>,
    /// The scores of the refitted model on the hold-out rows.
    pub holdout: Option<BTreeMap<String, Option<f64>>>,
    /// The ensemble, and the sentences about it.
    pub ensemble: Option<EnsemblePage>,
    /// Importances and explanations.
    pub importances: Option<Value>,
    /// What the plan finds that makes no model.
    pub findings: Option<FindingsPage>,
    /// The rows of each class.
    pub classes: Vec<DataClass>,
    /// Warnings.
    pub warnings: Vec<String>,
    /// Failed fits, by kind.
    pub failures: Vec<Failures>,
}

/// The failed fits of one kind.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Failures {
    /// The kind.
    pub kind: &'static str,
    /// How many tasks.
    pub tasks: usize,
    /// How many fits.
    pub fits: usize,
    /// The first candidate of the first of them.
    pub candidate: u32,
    /// Its split.
    pub split: u32,
    /// Its message.
    pub message: String,
}

/// An ensemble of candidates.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EnsemblePage {
    /// What it is worth.
    #[serde(flatten)]
    pub ensemble: Ensemble,
    /// The members in words, with their weights, which are 1 together.
    pub named: Vec<(String, f64)>,
    /// What is told of its gain.
    pub sentences: Vec<String>,
}

impl TargetPage {
    /// The page of a search with at most `most` candidates.
    pub(super) fn new(report: &Report, most: usize) -> Self {
        let results = &report.results;
        let metric = report.ranked_by();
        let is_search = report.findings.is_none();
        let best = results.best(metric).filter(|_| is_search);
        let within = best.map(|best| within_one_standard_error(results, metric, best));
        let (standard_error, mut within) = within.unwrap_or((f64::NAN, Vec::new()));
        within.truncate(most);
        let failures = results.failures.iter().map(|failures| Failures {
            kind: failures.kind,
            tasks: failures.tasks,
            fits: failures.fits,
            candidate: failures.candidate,
            split: failures.split,
            message: failures.example.to_string(),
        });
        let explanations = report.explanations.as_ref();
        Self {
            target: report.plan.dataset.target.clone(),
            run: report.digests.run,
            learning: report.data.learning,
            metric: results.metrics[metric].name.clone(),
            metrics: results.metrics.iter().map(|of| of.name.clone()).collect(),
            splits: results.splits,
            sentences: words::sentences(report),
            parameters: Parameter::all(&report.candidates),
            candidates: match is_search {
                true => CandidateColumns::new(report, most),
                false => CandidateColumns::default(),
            },
            best: report.chosen().map(|chosen| chosen.index),
            chosen: report.best(),
            one_standard_error: within,
            standard_error,
            lead: report.lead.clone(),
            baseline: report.baseline.clone(),
            anova: match is_search {
                true => Effects::all(report),
                false => Vec::new(),
            },
            worth: report.worth.clone(),
            curves: report.drawn.clone(),
            threshold: report.threshold.clone(),
            holdout: report.holdout.clone(),
            ensemble: report.ensemble.as_ref().map(|of| ensemble(report, of)),
            importances: explanations.map(super::super::explanations::Explanations::json),
            findings: FindingsPage::new(report),
            classes: report.data.classes.clone(),
            warnings: words::warnings(report),
            failures: failures.collect(),
        }
    }
}

fn ensemble(report: &Report, ensemble: &Ensemble) -> EnsemblePage {
    let shares = super::super::ensemble::shares(&ensemble.members);
    let members = ensemble.members.iter().zip(shares);
    EnsemblePage {
        named: members
            .map(|(member, share)| (super::findings::named(report, member.candidate), share))
            .collect(),
        sentences: super::super::ensemble::sentences(ensemble),
        ensemble: ensemble.clone(),
    }
}
