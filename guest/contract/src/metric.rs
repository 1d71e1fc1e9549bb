//! [`Metric`]: what a plan may score by, under scikit-learn's names. Greater
//! is better for all of them.
//!
//! The host asks here whether a name is good; the guest computes. No formula
//! lives here.

use crate::Learning;

/// A metric that a guest computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Metric {
    /// The share of rows whose class is right.
    Accuracy,
    /// The mean recall of the classes.
    BalancedAccuracy,
    /// Of the rows said to be of a class, the share that are.
    Precision(Average),
    /// Of the rows of a class, the share said to be.
    Recall(Average),
    /// The harmonic mean of precision and recall.
    F1(Average),
    /// The correlation of truth and prediction.
    MatthewsCorrcoef,
    /// The area under the receiver operating characteristic, of two classes.
    RocAuc,
    /// The mean of the areas of each class against the rest.
    RocAucOvr {
        /// Whether classes count by their number of rows.
        weighted: bool,
    },
    /// The mean of the areas of each class against each other (Hand and
    /// Till, 2001).
    RocAucOvo {
        /// Whether pairs count by their number of rows.
        weighted: bool,
    },
    /// The area under the precision-recall steps; with three classes or
    /// more, the mean over each class against the rest.
    AveragePrecision,
    /// The mean logarithm of the probability of the true class.
    NegLogLoss,
    /// The mean squared error of the probabilities, negated.
    NegBrierScore,
    /// The share of the variance that is explained.
    R2,
    /// The mean squared error, negated.
    NegMeanSquaredError,
    /// Its root, negated.
    NegRootMeanSquaredError,
    /// The mean absolute error, negated.
    NegMeanAbsoluteError,
}

/// How a metric of one class is made a metric of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Average {
    /// It is that of the positive class.
    Binary,
    /// The mean over the classes.
    Macro,
    /// The counts of all classes are added first.
    Micro,
    /// The mean over the classes, weighted by their number of rows.
    Weighted,
}

/// What a metric compares with the truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Compares {
    /// Predicted classes: every classifier gives them.
    Classes,
    /// Probabilities of the classes.
    Probabilities,
    /// Predicted numbers: every regressor gives them.
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
    /// Every name with its metric, sorted by name.
    pub fn all() -> impl Iterator<Item = (&'static str, Self)> {
        ALL.into_iter()
    }

    /// The metric called `name`.
    pub fn named(name: &str) -> Option<Self> {
        let found = Self::all().find(|(known, _)| *known == name);
        found.map(|(_, metric)| metric)
    }

    /// Whether it is defined for such a target.
    pub fn suits(self, learning: Learning) -> bool {
        match self {
            Self::Precision(Average::Binary)
            | Self::Recall(Average::Binary)
            | Self::F1(Average::Binary)
            | Self::RocAuc => learning == Learning::Binary,
            _ => (self.compares() == Compares::Numbers) == (learning == Learning::Regression),
        }
    }

    /// The names of metrics that stand in for this one where it does not suit
    /// a target.
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

    /// What it compares with the truth.
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
    fn what_stands_in_suits() {
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
