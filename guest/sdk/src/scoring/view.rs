//! [`View`]: selects the functions of the metrics of one prediction.

use std::cell::OnceCell;

use super::{Resolved, Truth, Values};
use crate::contract::metric::{Averaging, Compares, Metric};
use crate::metrics::counts::Averaged;
use crate::metrics::ranking::multiclass;
use crate::metrics::{
    Counts, Ranking, WeightedRanking, Weights, class_weights, deviance, disagreement, probability,
    regression,
};
use crate::trainer::Prediction;

/// The predictions of one candidate and the true values, with intermediate
/// results that several metrics use.
pub(super) struct View<'a> {
    truth: &'a Values,
    weights: Weights<'a>,
    prediction: Prediction<'a>,
    classes: usize,
    /// The positive class of metrics that name none.
    positive: usize,
    counts: OnceCell<Counts>,
    /// For two classes: by decisions, or by probabilities if these are all there is.
    ranking: OnceCell<Option<AnyRanking>>,
    /// For two classes: by the probabilities that are beside decisions.
    probability_ranking: OnceCell<Option<AnyRanking>>,
}

/// A ranking of the rows, for two classes.
enum AnyRanking {
    Plain(Ranking),
    Weighted(WeightedRanking),
}

impl AnyRanking {
    fn roc_auc(&self) -> f64 {
        match self {
            Self::Plain(ranking) => ranking.roc_auc(),
            Self::Weighted(ranking) => ranking.roc_auc(),
        }
    }

    fn average_precision(&self) -> f64 {
        match self {
            Self::Plain(ranking) => ranking.average_precision(),
            Self::Weighted(ranking) => ranking.average_precision(),
        }
    }
}

impl<'a> View<'a> {
    /// `prediction` has one value for each row of `truth`.
    pub(super) fn new(
        truth: &'a Truth,
        prediction: Prediction<'a>,
        classes: usize,
        positive: usize,
    ) -> Self {
        Self {
            truth: &truth.values,
            weights: truth.weights.as_deref(),
            prediction,
            classes,
            positive,
            counts: OnceCell::new(),
            ranking: OnceCell::new(),
            probability_ranking: OnceCell::new(),
        }
    }

    /// The value of a metric; `None` if the prediction is not of the kind that it
    /// compares.
    pub(super) fn score(&self, score: &Resolved<'_>) -> Option<f64> {
        let metric = &score.metric;
        match (self.truth, metric.compares()) {
            (Values::Classes(truth), Compares::Classes) => Some(self.classes(truth, score)),
            (Values::Classes(truth), Compares::Decisions | Compares::Probabilities) => {
                self.ranked(truth, metric)
            }
            (Values::Numbers(truth), Compares::Numbers) => match self.prediction {
                Prediction::Numbers(numbers) => Some(self.numbers(truth, numbers, metric)),
                _ => None,
            },
            _ => None,
        }
    }

    /// A metric of decisions or probabilities; `None` if there are none.
    fn ranked(&self, truth: &[u32], metric: &Metric) -> Option<f64> {
        let mut ranking = &self.ranking;
        let prediction = match (self.prediction, metric.compares()) {
            (Prediction::Decisions { values, .. }, Compares::Decisions) => self.by_class(values),
            (Prediction::Decisions { probabilities, .. }, _) => {
                ranking = &self.probability_ranking;
                self.by_class(probabilities?)
            }
            (prediction, _) => prediction,
        };
        match prediction {
            Prediction::Binary(ones) => Some(self.binary(truth, ones, |one| one, metric, ranking)),
            // The second column is the probability of class 1.
            Prediction::Multiclass(table) if self.classes == 2 => {
                let rows = table.as_chunks::<2>().0;
                Some(self.binary(truth, rows, |[_, one]| one, metric, ranking))
            }
            Prediction::Multiclass(table) => Some(self.multiclass(truth, table, metric)),
            _ => None,
        }
    }

    /// Numbers of class 1 of two, or of all classes, in the form of probabilities.
    fn by_class(&self, numbers: &'a [f64]) -> Prediction<'a> {
        if self.classes == 2 {
            Prediction::Binary(numbers)
        } else {
            Prediction::Multiclass(numbers)
        }
    }

    fn classes(&self, truth: &[u32], score: &Resolved<'_>) -> f64 {
        let weights = self.weights;
        let predicted = || self.prediction.classes(self.classes);
        let counts = || {
            self.counts
                .get_or_init(|| Counts::of(truth, &predicted(), self.classes, weights))
        };
        let by = |averaging: &Averaging| Averaged {
            average: averaging.average,
            positive: score.positive.unwrap_or(self.positive),
            zero_division: averaging.zero_division,
        };
        match &score.metric {
            Metric::Accuracy => counts().accuracy(),
            Metric::BalancedAccuracy { adjusted } => counts().balanced_accuracy(*adjusted),
            Metric::MatthewsCorrcoef => counts().matthews_corrcoef(),
            Metric::Precision(averaging) => counts().precision(by(averaging)),
            Metric::Recall(averaging) => counts().recall(by(averaging)),
            Metric::FBeta { beta, averaging } => counts().f_beta(*beta, by(averaging)),
            Metric::Jaccard(averaging) => counts().jaccard(by(averaging)),
            Metric::PositiveLikelihoodRatio => counts().positive_likelihood_ratio(self.positive),
            Metric::NegNegativeLikelihoodRatio => {
                -counts().negative_likelihood_ratio(self.positive)
            }
            Metric::CohenKappa(kind) => {
                disagreement::cohen_kappa(truth, &predicted(), weights, counts(), *kind)
            }
            Metric::NegMeanCost(_) => {
                let (costs, classes) = (&score.costs, self.classes);
                -disagreement::mean_cost(truth, &predicted(), weights, costs, classes)
            }
            _ => f64::NAN,
        }
    }

    /// A metric of two classes. `one` gives the probability of class 1 in a row, or the
    /// decision; `ranking` is the order by these.
    fn binary<R: Copy>(
        &self,
        truth: &[u32],
        rows: &[R],
        one: impl Fn(R) -> f64,
        metric: &Metric,
        ranking: &OnceCell<Option<AnyRanking>>,
    ) -> f64 {
        let weights = self.weights;
        let both = (0..2).all(|class| truth.contains(&class));
        let ones = || rows.iter().map(|row| one(*row));
        let ranked = |metric: fn(&AnyRanking) -> f64| {
            let ranking = ranking.get_or_init(|| {
                // The order by the probability of class 0 is the reverse. `1 - one`
                // would tie values that differ.
                let sign = if self.positive == 1 { 1.0 } else { -1.0 };
                let rows = rows
                    .iter()
                    .zip(truth)
                    .map(|(row, class)| (sign * one(*row), *class as usize == self.positive));
                match weights {
                    None => Ranking::of(rows).map(AnyRanking::Plain),
                    Some(weights) => WeightedRanking::of(rows.zip(weights.iter().copied()))
                        .map(AnyRanking::Weighted),
                }
            });
            ranking.as_ref().map_or(f64::NAN, metric)
        };
        let log_loss = || {
            probability::log_loss(truth, weights, |row, class| match class {
                1 => one(rows[row]),
                _ => 1.0 - one(rows[row]),
            })
        };
        match metric {
            Metric::RocAuc | Metric::RocAucOvr { .. } | Metric::RocAucOvo { .. } => {
                ranked(AnyRanking::roc_auc)
            }
            Metric::AveragePrecision => ranked(AnyRanking::average_precision),
            Metric::NegLogLoss | Metric::D2LogLoss | Metric::TopKAccuracy { .. } if !both => {
                f64::NAN
            }
            Metric::NegLogLoss => -log_loss(),
            Metric::D2LogLoss => {
                let sizes = class_weights(truth, 2, weights);
                probability::saved(log_loss(), probability::log_loss_of_frequencies(&sizes))
            }
            Metric::NegBrierScore => -probability::brier_binary(truth, weights, ones()),
            Metric::D2Brier if truth.len() < 2 => f64::NAN,
            Metric::D2Brier => {
                let sizes = class_weights(truth, 2, weights);
                let baseline = probability::brier_of_frequencies(&sizes) / 2.0;
                probability::saved(probability::brier_binary(truth, weights, ones()), baseline)
            }
            Metric::TopKAccuracy { k } => {
                probability::top_k_accuracy_binary(truth, weights, ones(), *k)
            }
            _ => f64::NAN,
        }
    }

    fn multiclass(&self, truth: &[u32], table: &[f64], metric: &Metric) -> f64 {
        let (classes, weights) = (self.classes, self.weights);
        let log_loss = || {
            probability::log_loss(truth, weights, |row, class| {
                table[row * classes + class as usize]
            })
        };
        let brier = || probability::brier_multiclass(truth, weights, table, classes);
        let sizes = || class_weights(truth, classes, weights);
        match metric {
            Metric::RocAucOvr { weighted } => {
                multiclass::roc_auc_ovr(truth, weights, table, classes, *weighted)
            }
            Metric::RocAucOvo { weighted } => {
                multiclass::roc_auc_ovo(truth, table, classes, *weighted)
            }
            Metric::AveragePrecision => {
                multiclass::average_precision_ovr(truth, weights, table, classes)
            }
            _ if !all_occur(truth, classes) => f64::NAN,
            Metric::NegLogLoss => -log_loss(),
            Metric::D2LogLoss => {
                probability::saved(log_loss(), probability::log_loss_of_frequencies(&sizes()))
            }
            Metric::NegBrierScore => -brier(),
            Metric::D2Brier => {
                probability::saved(brier(), probability::brier_of_frequencies(&sizes()))
            }
            Metric::TopKAccuracy { k } => {
                probability::top_k_accuracy(truth, weights, table, classes, *k)
            }
            _ => f64::NAN,
        }
    }

    fn numbers(&self, truth: &[f64], predicted: &[f64], metric: &Metric) -> f64 {
        // scikit-learn refuses numbers that are not finite.
        if !predicted.iter().all(|number| number.is_finite()) {
            return f64::NAN;
        }
        let weights = self.weights;
        let of = |error: fn(&[f64], &[f64], Weights<'_>) -> f64| error(truth, predicted, weights);
        match metric {
            Metric::R2 => of(regression::r2),
            Metric::ExplainedVariance => of(regression::explained_variance),
            Metric::NegMaxError => -regression::max_error(truth, predicted),
            Metric::NegMeanAbsoluteError => -of(regression::mean_absolute_error),
            Metric::NegMeanAbsolutePercentageError => {
                -of(regression::mean_absolute_percentage_error)
            }
            Metric::NegMedianAbsoluteError => -of(regression::median_absolute_error),
            Metric::NegMeanSquaredError => -of(regression::mean_squared_error),
            Metric::NegRootMeanSquaredError => -of(regression::mean_squared_error).sqrt(),
            Metric::NegMeanSquaredLogError => -of(regression::mean_squared_log_error),
            Metric::NegRootMeanSquaredLogError => -of(regression::mean_squared_log_error).sqrt(),
            Metric::NegMeanTweedieDeviance { power } => {
                -deviance::mean_tweedie_deviance(truth, predicted, weights, *power)
            }
            Metric::D2Tweedie { power } => deviance::d2_tweedie(truth, predicted, weights, *power),
            Metric::NegMeanPinballLoss { alpha } => {
                -regression::mean_pinball_loss(truth, predicted, weights, *alpha)
            }
            Metric::D2Pinball { alpha } => {
                regression::d2_pinball(truth, predicted, weights, *alpha)
            }
            _ => f64::NAN,
        }
    }
}

fn all_occur(truth: &[u32], classes: usize) -> bool {
    let mut occurs = vec![false; classes];
    truth
        .iter()
        .for_each(|class| occurs[*class as usize] = true);
    occurs.into_iter().all(|occurs| occurs)
}
