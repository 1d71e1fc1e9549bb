//! [`FoldClasses`]: the classes of the rows of each split, and the metrics that
//! are not defined on them.

use fanout_contract::Metric;

use super::split::Assignment;
use super::warning::Warning;
use crate::plan::{Cv, Plan};

/// The rows of one split of the search, by class in the order of the sorted
/// labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoldClasses {
    /// The test rows.
    pub test: Vec<u64>,
    /// The training rows.
    pub train: Vec<u64>,
}

impl FoldClasses {
    /// Those of all splits. `class` gives the class of a row, an index into the
    /// sorted labels, of which there are `count`.
    pub(super) fn all(
        assignment: &Assignment,
        class: impl Fn(usize) -> usize + Sync,
        count: usize,
    ) -> Vec<Self> {
        let of_splits = assignment.count_classes(class, count).into_iter();
        of_splits
            .map(|(test, train)| Self { test, train })
            .collect()
    }

    /// What the test rows lack: "are all of the class `no`", "have none of the
    /// class `no`"; `None` if they have rows of every class.
    pub fn lacking(&self, labels: &[String]) -> Option<String> {
        let present: Vec<&String> = of(&self.test, labels, |rows| rows > 0);
        let absent: Vec<&String> = of(&self.test, labels, |rows| rows == 0);
        match (present.as_slice(), absent.as_slice()) {
            (_, []) => None,
            ([only], _) => Some(format!("are all of the class `{only}`")),
            (_, [only]) => Some(format!("have none of the class `{only}`")),
            (_, [first, rest @ ..]) => Some(format!(
                "have none of the class `{first}` and of {} more",
                rest.len()
            )),
        }
    }
}

fn of<'l>(rows: &[u64], labels: &'l [String], is: impl Fn(u64) -> bool) -> Vec<&'l String> {
    let pairs = labels.iter().zip(rows);
    pairs
        .filter(|(_, rows)| is(**rows))
        .map(|(label, _)| label)
        .collect()
}

/// Whether a metric is not defined on rows that lack a class.
fn needs_every_class(metric: &Metric, classes: usize) -> bool {
    match metric {
        Metric::RocAuc
        | Metric::RocAucOvr { .. }
        | Metric::RocAucOvo { .. }
        | Metric::NegLogLoss
        | Metric::D2LogLoss
        | Metric::D2Brier
        | Metric::TopKAccuracy { .. }
        | Metric::PositiveLikelihoodRatio
        | Metric::NegNegativeLikelihoodRatio => true,
        Metric::NegBrierScore | Metric::AveragePrecision => classes > 2,
        _ => false,
    }
}

/// What splits without rows of some class mean for the plan's metrics.
pub(super) fn warnings(plan: &Plan, folds: &[FoldClasses], labels: &[String]) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let undefined: Vec<String> = plan
        .scoring
        .iter()
        .filter(|score| {
            let metric = score.resolve();
            metric.is_ok_and(|metric| needs_every_class(&metric, labels.len()))
        })
        .map(|score| score.name.clone())
        .collect();
    let lacking = |(split, fold): (usize, &FoldClasses)| Some((split, fold.lacking(labels)?));
    let lacking: Vec<(usize, String)> = folds.iter().enumerate().filter_map(lacking).collect();
    if let [(split, lacks), ..] = lacking.as_slice()
        && !undefined.is_empty()
    {
        warnings.push(Warning::UndefinedScores {
            metrics: undefined,
            splits: lacking.len(),
            of: folds.len(),
            split: *split,
            lacks: lacks.clone(),
            remedy: remedy(&plan.cv),
        });
    }
    let untaught = folds.iter().enumerate().find_map(|(split, fold)| {
        let mut pairs = labels.iter().zip(fold.train.iter().zip(&fold.test));
        let lacks = pairs.find(|(_, (train, test))| **train == 0 && **test > 0);
        lacks.map(|(label, _)| (split, label.clone()))
    });
    warnings.extend(untaught.map(|(split, label)| Warning::UntaughtClass {
        split,
        label,
        remedy: remedy(&plan.cv),
    }));
    warnings
}

/// What to do about splits that lack a class.
pub fn remedy(cv: &Cv) -> &'static str {
    match cv {
        Cv::KFold { .. } => "give each fold its share of every class: `method: stratified_k_fold`",
        Cv::RepeatedKFold { .. } => {
            "give each fold its share of every class: `method: repeated_stratified_k_fold`"
        }
        Cv::ShuffleSplit { .. } => {
            "give each split its share of every class: `method: stratified_shuffle_split`"
        }
        Cv::GroupKFold { .. } => {
            "give each fold about its share of every class: `method: stratified_group_k_fold`"
        }
        Cv::StratifiedKFold { .. }
        | Cv::RepeatedStratifiedKFold { .. }
        | Cv::StratifiedGroupKFold { .. } => {
            "ask for fewer folds, leave rare classes out, or choose metrics that need no class, \
             such as `accuracy`"
        }
        Cv::StratifiedShuffleSplit { .. } | Cv::GroupShuffleSplit { .. } => {
            "test more with `test_size`, or choose metrics that need no class, such as `accuracy`"
        }
        Cv::LeaveOneOut {} | Cv::LeavePOut { .. } => {
            "so few test rows take a metric that needs no class, such as `accuracy`"
        }
        Cv::LeaveOneGroupOut {} | Cv::LeavePGroupsOut { .. } => {
            "leave out more groups (`method: stratified_group_k_fold`), or choose metrics that \
             need no class, such as `accuracy`"
        }
        Cv::TimeSeriesSplit { .. } => {
            "ask for fewer splits, or choose metrics that need no class, such as `accuracy`"
        }
        Cv::PredefinedSplit { .. } => "give each fold rows of every class",
        Cv::Columns { .. } => "give each split rows of every class",
    }
}
