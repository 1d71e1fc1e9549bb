//! [`Counts`]: the rows of each class that are predicted correctly, missed, and
//! wrongly predicted to be of it, and the metrics that are functions of these.
//!
//! Formulas: <https://scikit-learn.org/1.9/modules/model_evaluation.html>.

use super::{Sum, Weights};
use crate::contract::metric::{Average, ZeroDivision};

/// The confusion matrix of each class against the rest: numbers of rows, or sums
/// of their weights.
#[derive(Clone, Debug)]
pub struct Counts {
    classes: Vec<Class>,
}

/// Without weights, all are whole numbers.
#[derive(Clone, Copy, Debug, Default)]
struct Class {
    /// Rows of the class that are predicted to be.
    correct: f64,
    /// Rows of the class that are predicted to be of another.
    missed: f64,
    /// Rows of other classes that are predicted to be of this one.
    extra: f64,
    /// Whether a row is of the class or predicted to be, of whatever weight.
    seen: bool,
}

impl Class {
    fn actual(&self) -> f64 {
        self.correct + self.missed
    }

    fn predicted(&self) -> f64 {
        self.correct + self.extra
    }
}

/// How a metric of one class is averaged over the classes.
#[derive(Clone, Copy, Debug)]
pub struct Averaged {
    /// How.
    pub average: Average,
    /// The class of [`Average::Binary`].
    pub positive: usize,
    /// The value of a class for which the metric is 0 / 0.
    pub zero_division: ZeroDivision,
}

impl Averaged {
    /// `part / whole`, or the value of a division by 0.
    fn ratio(&self, part: f64, whole: f64) -> f64 {
        match self.zero_division {
            _ if whole != 0.0 => part / whole,
            ZeroDivision::Zero => 0.0,
            ZeroDivision::One => 1.0,
            ZeroDivision::Nan => f64::NAN,
        }
    }
}

impl Counts {
    /// Counts rows by their true and predicted classes, which are less than
    /// `classes`.
    pub fn of(truth: &[u32], predicted: &[u32], classes: usize, weights: Weights<'_>) -> Self {
        match weights {
            None => Self::unweighted(truth, predicted, classes),
            Some(weights) => Self::weighted(truth, predicted, classes, weights),
        }
    }

    fn unweighted(truth: &[u32], predicted: &[u32], classes: usize) -> Self {
        // By class: actual, predicted and correct rows.
        let mut counts = vec![[0u64; 3]; classes];
        for (actual, predicted) in truth.iter().zip(predicted) {
            counts[*actual as usize][0] += 1;
            counts[*predicted as usize][1] += 1;
            counts[*actual as usize][2] += u64::from(actual == predicted);
        }
        let class = |[actual, predicted, correct]: [u64; 3]| Class {
            correct: correct as f64,
            missed: (actual - correct) as f64,
            extra: (predicted - correct) as f64,
            seen: actual + predicted > 0,
        };
        Self {
            classes: counts.into_iter().map(class).collect(),
        }
    }

    fn weighted(truth: &[u32], predicted: &[u32], classes: usize, weights: &[f64]) -> Self {
        // By class: correct, missed and extra rows. No sum is a difference, so
        // that one of no weight is 0.
        let mut sums = vec![([Sum::default(); 3], false); classes];
        for ((actual, predicted), weight) in truth.iter().zip(predicted).zip(weights) {
            let (actual, predicted) = (*actual as usize, *predicted as usize);
            sums[actual].1 = true;
            sums[predicted].1 = true;
            if actual == predicted {
                sums[actual].0[0].add(*weight);
            } else {
                sums[actual].0[1].add(*weight);
                sums[predicted].0[2].add(*weight);
            }
        }
        let class = |(sums, seen): ([Sum; 3], bool)| {
            let [correct, missed, extra] = sums.map(Sum::total);
            Class {
                correct,
                missed,
                extra,
                seen,
            }
        };
        Self {
            classes: sums.into_iter().map(class).collect(),
        }
    }

    /// The fraction of rows that are predicted correctly.
    pub fn accuracy(&self) -> f64 {
        let all = self.all();
        all.correct / all.actual()
    }

    /// The mean recall over the classes that have rows. `adjusted`: scaled so that
    /// the mean of constant or random predictions is 0.
    pub fn balanced_accuracy(&self, adjusted: bool) -> f64 {
        let present = self.classes.iter().filter(|class| class.actual() > 0.0);
        let count = present.clone().count() as f64;
        let score = super::mean(present.map(|class| class.correct / class.actual()));
        match adjusted {
            true => (score - 1.0 / count) / (1.0 - 1.0 / count),
            false => score,
        }
    }

    /// The multiclass correlation coefficient (Gorodkin, 2004); 0 if all rows are
    /// of one class, or are predicted to be.
    pub fn matthews_corrcoef(&self) -> f64 {
        let sum = |cell: fn(&Class) -> f64| self.classes.iter().map(cell).sum::<f64>();
        let one = |cell: fn(&Class) -> f64| {
            let present = self.classes.iter().filter(|class| cell(class) > 0.0);
            present.count() <= 1
        };
        let rows = self.all().actual();
        let all = rows * rows;
        let covariance = sum(|c| c.actual() * c.predicted());
        let predicted = all - sum(|c| c.predicted() * c.predicted());
        let actual = all - sum(|c| c.actual() * c.actual());
        if one(Class::actual) || one(Class::predicted) || predicted * actual == 0.0 {
            return 0.0;
        }
        (self.all().correct * rows - covariance) / (predicted * actual).sqrt()
    }

    /// Precision.
    pub fn precision(&self, by: Averaged) -> f64 {
        self.average(by, |class| by.ratio(class.correct, class.predicted()))
    }

    /// Recall.
    pub fn recall(&self, by: Averaged) -> f64 {
        self.average(by, |class| by.ratio(class.correct, class.actual()))
    }

    /// The harmonic mean of precision and recall, in which recall has the weight
    /// `beta`² beside precision.
    pub fn f_beta(&self, beta: f64, by: Averaged) -> f64 {
        if beta == 0.0 {
            return self.precision(by);
        }
        let beta2 = beta * beta;
        self.average(by, |class| {
            let whole = beta2 * class.actual() + class.predicted();
            by.ratio((1.0 + beta2) * class.correct, whole)
        })
    }

    /// The Jaccard index.
    pub fn jaccard(&self, by: Averaged) -> f64 {
        self.average(by, |class| {
            by.ratio(class.correct, class.actual() + class.extra)
        })
    }

    /// The true positive rate divided by the false positive rate, for two classes.
    /// 1 if no row is falsely positive; NaN if no row is positive, or all rows are
    /// of one class and predicted to be.
    pub fn positive_likelihood_ratio(&self, positive: usize) -> f64 {
        let (own, other) = (self.classes[positive], self.classes[1 - positive]);
        match (own.seen && other.seen, own.extra > 0.0) {
            (false, _) => f64::NAN,
            (true, false) => 1.0,
            (true, true) => own.correct * other.actual() / (own.extra * own.actual()),
        }
    }

    /// The false negative rate divided by the true negative rate, for two classes.
    /// 1 if no row is truly negative; NaN as for
    /// [`positive_likelihood_ratio`](Self::positive_likelihood_ratio).
    pub fn negative_likelihood_ratio(&self, positive: usize) -> f64 {
        let (own, other) = (self.classes[positive], self.classes[1 - positive]);
        match (own.seen && other.seen, other.correct > 0.0) {
            (false, _) => f64::NAN,
            (true, false) => 1.0,
            (true, true) => own.missed * other.actual() / (other.correct * own.actual()),
        }
    }

    /// The classes that a row is of or predicted to be, ascending, each with the
    /// weight of its true and of its predicted rows.
    pub(super) fn seen(&self) -> impl Iterator<Item = (usize, f64, f64)> {
        let seen = self.classes.iter().enumerate().filter(|(_, c)| c.seen);
        seen.map(|(index, class)| (index, class.actual(), class.predicted()))
    }

    /// The sums over the classes.
    fn all(&self) -> Class {
        let sum = |cell: fn(&Class) -> f64| self.classes.iter().map(cell).sum();
        Class {
            correct: sum(|class| class.correct),
            missed: sum(|class| class.missed),
            extra: sum(|class| class.extra),
            seen: true,
        }
    }

    fn average(&self, by: Averaged, metric: impl Fn(&Class) -> f64) -> f64 {
        let seen = || self.classes.iter().filter(|class| class.seen);
        let mean = || super::mean(seen().map(&metric).filter(|value| !value.is_nan()));
        match by.average {
            Average::Binary => metric(&self.classes[by.positive]),
            Average::Micro => metric(&self.all()),
            // Classes that are neither present nor predicted do not count.
            Average::Macro => mean(),
            Average::Weighted => {
                let (mut sum, mut all) = (0.0, 0.0);
                for class in seen() {
                    let value = metric(class);
                    if !value.is_nan() {
                        sum += value * class.actual();
                        all += class.actual();
                    }
                }
                if all > 0.0 { sum / all } else { mean() }
            }
        }
    }
}
