//! [`Metric`]: the metrics that a plan may name, by the names of scikit-learn's
//! scorers. For all of them, greater is better. The SDK computes them.

use crate::Learning;

/// A metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Metric {
    /// The fraction of rows that are classified correctly.
    Accuracy,
    /// The mean recall of the classes.
    BalancedAccuracy,
    /// The fraction of the rows predicted to be of a class that are.
    Precision(Average),
    /// The fraction of the rows of a class that are predicted to be.
    Recall(Average),
    /// The harmonic mean of precision and recall.
    F1(Average),
    /// The correlation coefficient of true and predicted classes.
    MatthewsCorrcoef,
    /// The area under the receiver operating characteristic curve, for two
    /// classes.
    RocAuc,
    /// The mean of the areas of each class against the rest.
    RocAucOvr {
        /// Whether classes are weighted by their number of rows.
        weighted: bool,
    },
    /// The mean of the areas of each class against each other (Hand and
    /// Till, 2001).
    RocAucOvo {
        /// Whether pairs are weighted by their number of rows.
        weighted: bool,
    },
    /// The mean of the precisions at each threshold, weighted by the increase in
    /// recall; for three or more classes, the mean of each class against the
    /// rest.
    AveragePrecision,
    /// The mean logarithm of the probability of the true class.
    NegLogLoss,
    /// The mean squared error of the probabilities, negated.
    NegBrierScore,
    /// The coefficient of determination.
    R2,
    /// The mean squared error, negated.
    NegMeanSquaredError,
    /// The root of the mean squared error, negated.
    NegRootMeanSquaredError,
    /// The mean absolute error, negated.
    NegMeanAbsoluteError,
}

/// How a metric of one class is averaged over the classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Average {
    /// The metric of the positive class.
    Binary,
    /// The mean over the classes.
    Macro,
    /// The metric of the sums of the counts of all classes.
    Micro,
    /// The mean over the classes, weighted by their number of rows.
    Weighted,
}

/// The kind of predictions that a metric compares with the true values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Compares {
    /// Predicted classes, which every classifier has.
    Classes,
    /// Probabilities of the classes.
    Probabilities,
    /// Predicted numbers, which every regressor has.
    Numbers,
}

const ALL: [(&str, Metric); 27] = [
    ("accuracy", Metric::Accuracy),
    ("average_precision", Metric::AveragePrecision),
    ("balanced_accuracy", Metric::BalancedAccuracy),
    ("f1", Metric::F1(Average::Binary)),
    ("f1_macro", Metric::F1(Average::Macro)),
    ("f1_micro", Metric::F1(Average::Micro)),
    ("f1_weighted", Metric::F1(Average::Weighted)),
    ("matthews_corrcoef", Metric::MatthewsCorrcoef),
    ("neg_brier_score", Metric::NegBrierScore),
    ("neg_log_loss", Metric::NegLogLoss),
    ("neg_mean_absolute_error", Metric::NegMeanAbsoluteError),
    ("neg_mean_squared_error", Metric::NegMeanSquaredError),
    (
        "neg_root_mean_squared_error",
        Metric::NegRootMeanSquaredError,
    ),
    ("precision", Metric::Precision(Average::Binary)),
    ("precision_macro", Metric::Precision(Average::Macro)),
    ("precision_micro", Metric::Precision(Average::Micro)),
    ("precision_weighted", Metric::Precision(Average::Weighted)),
    ("r2", Metric::R2),
    ("recall", Metric::Recall(Average::Binary)),
    ("recall_macro", Metric::Recall(Average::Macro)),
    ("recall_micro", Metric::Recall(Average::Micro)),
    ("recall_weighted", Metric::Recall(Average::Weighted)),
    ("roc_auc", Metric::RocAuc),
    ("roc_auc_ovo", Metric::RocAucOvo { weighted: false }),
    ("roc_auc_ovo_weighted", Metric::RocAucOvo { weighted: true }),
    ("roc_auc_ovr", Metric::RocAucOvr { weighted: false }),
    ("roc_auc_ovr_weighted", Metric::RocAucOvr { weighted: true }),
];

impl Metric {
    /// All metrics with their names, sorted by name.
    pub fn all() -> impl Iterator<Item = (&'static str, Self)> {
        ALL.into_iter()
    }

    /// The metric of a name.
    pub fn named(name: &str) -> Option<Self> {
        let found = Self::all().find(|(known, _)| *known == name);
        found.map(|(_, metric)| metric)
    }

    /// Whether the metric is defined for targets of this kind.
    pub fn suits(self, learning: Learning) -> bool {
        match self {
            Self::Precision(Average::Binary)
            | Self::Recall(Average::Binary)
            | Self::F1(Average::Binary)
            | Self::RocAuc => learning == Learning::Binary,
            _ => (self.compares() == Compares::Numbers) == (learning == Learning::Regression),
        }
    }

    /// The names of similar metrics that suit targets of this kind.
    pub fn instead(self, learning: Learning) -> &'static [&'static str] {
        match (self, learning) {
            (Self::Precision(_), Learning::Multiclass) => {
                &["precision_macro", "precision_weighted"]
            }
            (Self::Recall(_), Learning::Multiclass) => &["recall_macro", "recall_weighted"],
            (Self::F1(_), Learning::Multiclass) => &["f1_macro", "f1_weighted"],
            (Self::RocAuc, Learning::Multiclass) => &["roc_auc_ovr", "roc_auc_ovo"],
            (_, Learning::Binary) => &["accuracy", "roc_auc"],
            (_, Learning::Multiclass) => &["accuracy", "f1_macro"],
            (_, Learning::Regression) => &["r2", "neg_mean_squared_error"],
        }
    }

    /// The kind of predictions that the metric compares.
    pub fn compares(self) -> Compares {
        match self {
            Self::Accuracy
            | Self::BalancedAccuracy
            | Self::Precision(_)
            | Self::Recall(_)
            | Self::F1(_)
            | Self::MatthewsCorrcoef => Compares::Classes,
            Self::RocAuc
            | Self::RocAucOvr { .. }
            | Self::RocAucOvo { .. }
            | Self::AveragePrecision
            | Self::NegLogLoss
            | Self::NegBrierScore => Compares::Probabilities,
            Self::R2
            | Self::NegMeanSquaredError
            | Self::NegRootMeanSquaredError
            | Self::NegMeanAbsoluteError => Compares::Numbers,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_and_found() {
        assert!(ALL.is_sorted_by(|a, b| a.0 < b.0));
        for (name, metric) in Metric::all() {
            assert_eq!(Metric::named(name), Some(metric));
        }
        assert_eq!(Metric::named("auc"), None);
    }

    #[test]
    fn alternatives_suit_the_target() {
        for learning in [Learning::Binary, Learning::Multiclass, Learning::Regression] {
            for (name, metric) in Metric::all().filter(|(_, metric)| !metric.suits(learning)) {
                for instead in metric.instead(learning) {
                    let stand_in = Metric::named(instead).unwrap();
                    assert!(stand_in.suits(learning), "{instead} for {name}");
                }
            }
        }
    }
}
