//! [`METRICS`]: the metrics that a plan may name.

/// scikit-learn's names of the metrics that guests built on the sdk compute
/// (<https://scikit-learn.org/stable/modules/model_evaluation.html>).
pub const METRICS: [&str; 21] = [
    "accuracy",
    "average_precision",
    "balanced_accuracy",
    "f1",
    "f1_macro",
    "f1_micro",
    "f1_weighted",
    "matthews_corrcoef",
    "neg_brier_score",
    "neg_log_loss",
    "precision",
    "precision_macro",
    "precision_micro",
    "precision_weighted",
    "recall",
    "recall_macro",
    "recall_micro",
    "recall_weighted",
    "roc_auc",
    "roc_auc_ovo",
    "roc_auc_ovr",
];
