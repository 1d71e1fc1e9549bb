//! [`ResultsPage`]: all that the page of a run's results shows, as one JSON document. It is
//! what `report.html` holds ([`html`](super::html)), and what charts are drawn of.
//!
//! Scores are those of `cv_results`: the greater is the better. What is not a number is
//! null. Of many candidates, the page has the best ones and some of the others, so that its
//! size is bounded: what is computed of candidates is computed of all.

mod candidates;
mod cost;
mod effects;
mod findings;
mod plan_text;
mod target;
mod words;

use serde::Serialize;
use serde_json::Value;

use super::activity::Activity;
use super::{Report, Reports, Usage};
use crate::digest::Digest;
use crate::plan::Plan;
use crate::run::data_summary::DataSummary;
use crate::run::manifest::Digests;
use crate::worth::OverTargetScores;

pub use candidates::{CandidateColumns, Parameter, shown};
pub use cost::Cost;
pub use effects::{Effects, PairShare, ParameterEffect};
pub(in crate::report) use findings::named;
pub use findings::{FindingsPage, NestedSplit, PermutedScore, SizeCurve};
pub use plan_text::plan_text;
pub use target::{Failures, TargetPage};

/// The version of the layout of the document.
pub const FORMAT: u32 = 1;

/// The most candidates of a page, of all targets.
const CANDIDATES: usize = 2000;

/// The results of a run.
#[derive(Clone, Debug, Serialize)]
pub struct ResultsPage {
    /// [`FORMAT`].
    pub format: u32,
    /// The version of the program that made it.
    pub fanout: &'static str,
    /// The name of the plan.
    pub name: String,
    /// The kind of the plan.
    pub kind: &'static str,
    /// The run's id; of several targets, that of the first.
    pub run: Digest,
    /// The trainers.
    pub trainers: Vec<String>,
    /// The metric that ranks; of several targets, that of the first.
    pub metric: String,
    /// All metrics; likewise.
    pub metrics: Vec<String>,
    /// True: scores are such that the greater is the better.
    pub greater_is_better: bool,
    /// In the plan's order.
    pub targets: Vec<TargetPage>,
    /// Metrics over the predictions of several targets.
    pub over_targets: Option<OverTargetScores>,
    /// The table.
    pub data: DataSummary,
    /// Warnings about the plan and the table.
    pub warnings: Vec<String>,
    /// What went wrong after the search.
    pub failure: Option<String>,
    /// What the run cost.
    pub cost: Cost,
    /// The snapshot of the task stream, where there is one.
    pub task_stream: Option<Value>,
    /// The resolved plan, as YAML that `fanout run` takes.
    pub plan: String,
    /// What it takes to do the same again.
    pub reproduce: Reproduce,
}

/// What it takes to do a run again.
#[derive(Clone, Debug, Serialize)]
pub struct Reproduce {
    /// The command; the plan is in the file `plan.yaml`.
    pub command: String,
    /// The version of the program.
    pub fanout: &'static str,
    /// Of each target: the digests of all that decides its scores.
    pub digests: Vec<Digests>,
}

impl ResultsPage {
    /// The page of a run that ended, or of what is known of one.
    ///
    /// # Panics
    /// If there is no target.
    pub fn new(reports: &Reports) -> Self {
        Self::of(
            &reports.targets,
            &reports.plan,
            reports.usage.as_ref(),
            reports.over_targets.clone(),
            &reports.warnings,
            reports
                .failure
                .as_ref()
                .map(|failure| failure.message.clone()),
        )
    }

    /// The same with what the run's events tell: the task stream, and what tasks used.
    #[must_use]
    pub fn with_activity(mut self, activity: &Activity) -> Self {
        self.task_stream = activity.stream();
        self.cost.measured = activity.measured();
        self
    }

    /// The page of the searches of some targets of one plan.
    ///
    /// # Panics
    /// If there is none.
    pub fn of_targets(reports: &[Report]) -> Self {
        Self::of(reports, &reports[0].plan, None, None, &[], None)
    }

    fn of(
        reports: &[Report],
        plan: &Plan,
        usage: Option<&Usage>,
        over_targets: Option<OverTargetScores>,
        warnings: &[String],
        failure: Option<String>,
    ) -> Self {
        let first = &reports[0];
        let results = &first.results;
        let usage = usage.or(first.usage.as_ref());
        let most = (CANDIDATES / reports.len()).max(20);
        let pages = reports.iter().map(|report| TargetPage::new(report, most));
        let failures = reports.iter().find_map(|report| report.failure.as_ref());
        Self {
            format: FORMAT,
            fanout: env!("CARGO_PKG_VERSION"),
            name: plan.name.clone(),
            kind: plan.kind.name(),
            run: first.digests.run,
            trainers: plan.trainer_names(),
            metric: results.metrics[first.ranked_by()].name.clone(),
            metrics: results.metrics.iter().map(|of| of.name.clone()).collect(),
            greater_is_better: true,
            targets: pages.collect(),
            over_targets,
            data: first.data.clone(),
            warnings: warnings.to_vec(),
            failure: failure.or_else(|| failures.map(|failure| failure.message.clone())),
            cost: Cost::new(reports, usage, plan.limits.memory),
            task_stream: None,
            plan: plan_text(plan),
            reproduce: Reproduce {
                command: "fanout run plan.yaml".to_owned(),
                fanout: env!("CARGO_PKG_VERSION"),
                digests: reports.iter().map(|of| of.digests.clone()).collect(),
            },
        }
    }
}
