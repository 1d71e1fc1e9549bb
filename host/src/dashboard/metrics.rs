//! [`page`]: the runs that the dashboard follows, as numbers for Prometheus.

use crate::exposition::Exposition;
use crate::report::live::RunState;

/// The numbers of runs, each with its id.
pub(super) fn page(runs: &[(String, RunState)]) -> String {
    let mut page = Exposition::default();
    let each = |page: &mut Exposition, of: &dyn Fn(&RunState) -> usize| {
        for (id, run) in runs {
            page.sample(&[("run", id), ("plan", &run.name)], of(run) as f64);
        }
    };
    page.gauge("fanout_fits", "Fits of the run.");
    each(&mut page, &|run| run.fits);
    page.counter(
        "fanout_fits_done_total",
        "Fits that ended, with or without scores.",
    );
    each(&mut page, &|run| run.done);
    page.counter("fanout_fits_failed_total", "Fits that failed.");
    each(&mut page, &|run| run.failed);
    page.counter("fanout_fits_reused_total", "Fits that the store had.");
    each(&mut page, &|run| run.reused);
    page.counter(
        "fanout_fits_shared_total",
        "Fits that shared the model of another.",
    );
    each(&mut page, &|run| run.shared);
    page.counter("fanout_models_total", "Models that were fitted.");
    each(&mut page, &|run| run.models);
    page.gauge("fanout_workers", "Workers that have been told of.");
    each(&mut page, &|run| run.workers.len());
    page.gauge(
        "fanout_best_score",
        "The best mean score so far, by target.",
    );
    for (id, run) in runs {
        for target in &run.targets {
            if let Some(best) = target.best.first() {
                let labels = [
                    ("run", id.as_str()),
                    ("plan", run.name.as_str()),
                    ("target", target.name.as_str()),
                    ("metric", target.metric.as_str()),
                ];
                page.sample(&labels, best.mean);
            }
        }
    }
    page.finish()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::report::live::{Ranked, TargetState};

    #[test]
    fn every_run_has_its_counts_and_its_best_scores() {
        let best = Ranked {
            candidate: 2,
            mean: 0.875,
            std: None,
            params: Arc::default(),
            since_us: 0,
        };
        let mut run = RunState::after(&[]);
        run.name = "mine".to_owned();
        (run.fits, run.done, run.failed) = (20, 12, 1);
        run.targets = vec![TargetState {
            name: "y".to_owned(),
            metric: "roc_auc".to_owned(),
            scored: 3,
            best: vec![best],
        }];
        let page = page(&[("3f2a".to_owned(), run)]);
        for line in [
            "fanout_fits{run=\"3f2a\",plan=\"mine\"} 20",
            "fanout_fits_done_total{run=\"3f2a\",plan=\"mine\"} 12",
            "fanout_fits_failed_total{run=\"3f2a\",plan=\"mine\"} 1",
            "fanout_best_score{run=\"3f2a\",plan=\"mine\",target=\"y\",metric=\"roc_auc\"} 0.875",
        ] {
            assert!(page.lines().any(|told| told == line), "{line}\n{page}");
        }
    }
}
