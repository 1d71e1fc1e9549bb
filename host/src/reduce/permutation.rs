//! [`PermutationImportance`]: how much worse scores get when a feature is permuted.

use fanout_contract::Scores;
use serde::Serialize;

use crate::numpy;

/// scikit-learn's `permutation_importance` of each feature, by each metric.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PermutationImportance {
    /// The rows that were scored.
    pub of: PermutedRows,
    /// How many times each feature was permuted in each split.
    pub n_repeats: u32,
    /// The seed of the permutations.
    pub random_state: u64,
    /// The features, in the order of the dataset.
    pub features: Vec<String>,
    /// By metric, in the plan's order.
    pub metrics: Vec<MetricImportance>,
}

/// The rows among which features were permuted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PermutedRows {
    /// The hold-out rows, by a model of all rows of the search.
    Holdout,
    /// The test rows of each split, by a model of its training rows.
    OutOfFold,
}

impl PermutedRows {
    /// The name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Holdout => "holdout",
            Self::OutOfFold => "out_of_fold",
        }
    }
}

/// The importances by one metric.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MetricImportance {
    /// The name of the scores.
    pub metric: String,
    /// By feature: the mean of its `importances`.
    pub importances_mean: Vec<f64>,
    /// By feature: their standard deviation, that of numpy's `std`.
    pub importances_std: Vec<f64>,
    /// By feature: the score of the rows as they are less that with the feature
    /// permuted, of the repeats of one split after the other. NaN where a score is not
    /// defined.
    #[serde(skip)]
    pub importances: Vec<Vec<f64>>,
}

impl PermutationImportance {
    /// The importances by `metrics`, of the scores of every feature in turn, one split
    /// after the other.
    pub fn new<'a>(
        (of, n_repeats, random_state): (PermutedRows, u32, u64),
        features: Vec<String>,
        metrics: &[String],
        scores: impl IntoIterator<Item = &'a Scores> + Clone,
    ) -> Self {
        let metrics = metrics.iter().map(|metric| {
            let mut importances = vec![Vec::new(); features.len()];
            for (place, scores) in scores.clone().into_iter().enumerate() {
                let of_feature = &mut importances[place % features.len()];
                let number = |score: Option<&Option<f64>>| score.copied().flatten();
                let whole = number(scores.test.get(metric)).unwrap_or(f64::NAN);
                let permuted = scores.permuted.iter();
                let permuted = permuted.map(|permuted| number(permuted.get(metric)));
                of_feature.extend(permuted.map(|score| whole - score.unwrap_or(f64::NAN)));
            }
            let moments = importances.iter().map(|of| numpy::mean_and_std(of));
            let (importances_mean, importances_std) = moments.unzip();
            MetricImportance {
                metric: metric.clone(),
                importances_mean,
                importances_std,
                importances,
            }
        });
        Self {
            of,
            n_repeats,
            random_state,
            metrics: metrics.collect(),
            features,
        }
    }

    /// The places of the features, the most important by metric `metric` first.
    pub fn ranked(&self, metric: usize) -> Vec<usize> {
        let means = &self.metrics[metric].importances_mean;
        let mut places: Vec<usize> = (0..means.len()).collect();
        // NaN is the least important.
        let key = |place: usize| match means[place] {
            mean if mean.is_nan() => f64::NEG_INFINITY,
            mean => mean,
        };
        places.sort_by(|&a, &b| key(b).total_cmp(&key(a)));
        places
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn by(score: Option<f64>) -> BTreeMap<String, Option<f64>> {
        [("accuracy".to_owned(), score)].into()
    }

    #[test]
    fn importances_are_of_all_repeats_of_all_splits() {
        let scores = |test, permuted: [Option<f64>; 2]| Scores {
            test: by(Some(test)),
            permuted: permuted.map(by).to_vec(),
            ..Scores::default()
        };
        // Two splits of two features.
        let all = [
            scores(1.0, [Some(0.5), Some(0.75)]),
            scores(1.0, [Some(1.0), None]),
            scores(0.5, [Some(0.5), Some(0.25)]),
            scores(0.5, [Some(0.5), Some(0.5)]),
        ];
        let found = PermutationImportance::new(
            (PermutedRows::OutOfFold, 2, 0),
            vec!["a".to_owned(), "b".to_owned()],
            &["accuracy".to_owned()],
            &all,
        );
        let [accuracy] = &found.metrics[..] else {
            panic!("one metric")
        };
        assert_eq!(accuracy.importances[0], [0.5, 0.25, 0.0, 0.25]);
        assert_eq!(accuracy.importances_mean[0], 0.25);
        assert!((accuracy.importances_std[0] - 0.03125_f64.sqrt()).abs() < 1e-15);
        assert!(accuracy.importances_mean[1].is_nan());
        assert_eq!(found.ranked(0), [0, 1]);
    }
}
