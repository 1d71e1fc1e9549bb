//! [`failure`]: why no candidate has a score on every split.

use crate::dataset::{Prepared, fold_remedy};
use crate::error::ErrorKind;
use crate::report::{Failure, Report};

/// Why no candidate has a full score by the metric that ranks; `None` where one
/// has.
pub(super) fn failure(report: &Report, prepared: &Prepared) -> Option<Failure> {
    let (results, metric) = (&report.results, report.ranked_by());
    if report.is_scored() {
        return None;
    }
    let name = &results.metrics[metric].name;
    let test = &results.metrics[metric].test;
    let (why, hint) = match results.failures.first() {
        Some(failed) => {
            let why = format!(
                "{} of {} fits failed, first candidate {} on split {}: {}",
                results.fit_counts.failed,
                results.candidates * results.splits,
                failed.candidate,
                failed.split,
                failed.example
            );
            (why, failed.example.remedy().map(Into::into))
        }
        None => {
            let split = (0..results.splits).find(|split| test.on(*split).all(f64::is_nan));
            let split = split.unwrap_or_default();
            let fold = prepared.fold_classes.get(split);
            let lacking = fold.and_then(|fold| fold.lacking(&prepared.classes));
            match lacking {
                Some(lacks) => {
                    let why =
                        format!("it is not defined on split {split}, whose test rows {lacks}");
                    (why, Some(fold_remedy(&report.plan.cv).to_owned()))
                }
                None => (format!("it is not defined on split {split}"), None),
            }
        }
    };
    Some(Failure {
        kind: ErrorKind::Unscored,
        message: format!("no candidate has a score by `{name}` on every split: {why}"),
        hint,
    })
}
