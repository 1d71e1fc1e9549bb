//! [`METRICS`]: a row a name.

use serde_json::{Value, json};

use super::{Average, Averaging, Costs, Disagreement, Metric, MetricInfo};
use crate::{Param, ParamKind};

/// A name without parameters.
const fn plain(
    name: &'static str,
    make: fn(&super::Settings<'_>) -> Metric,
    meaning: &'static str,
) -> MetricInfo {
    MetricInfo {
        name,
        meaning,
        params: &[],
        make,
    }
}

/// A name with parameters.
const fn with(
    name: &'static str,
    params: &'static [fn() -> Param],
    make: fn(&super::Settings<'_>) -> Metric,
    meaning: &'static str,
) -> MetricInfo {
    MetricInfo {
        name,
        meaning,
        params,
        make,
    }
}

#[rustfmt::skip] // a row a name
pub(super) static METRICS: &[MetricInfo] = &[
    plain("accuracy", |_| Metric::Accuracy, "the fraction of rows that are classified correctly"),
    plain("average_precision", |_| Metric::AveragePrecision, "the mean of the precisions at each threshold, by the increase in recall"),
    with("balanced_accuracy", &[adjusted], |given| Metric::BalancedAccuracy { adjusted: given.value("adjusted") == &Value::Bool(true) }, "the mean recall of the classes"),
    with("cohen_kappa", &[weights], |given| Metric::CohenKappa(match given.text("weights") {
        Some("linear") => Disagreement::Linear,
        Some("quadratic") => Disagreement::Quadratic,
        _ => Disagreement::Any,
    }), "the agreement of true and predicted classes beyond chance"),
    plain("d2_absolute_error_score", |_| Metric::D2Pinball { alpha: 0.5 }, "the fraction of the absolute error of the median that is saved"),
    plain("d2_brier_score", |_| Metric::D2Brier, "the fraction of the Brier score of the class frequencies that is saved"),
    plain("d2_log_loss_score", |_| Metric::D2LogLoss, "the fraction of the log loss of the class frequencies that is saved"),
    with("d2_pinball_score", &[alpha], |given| Metric::D2Pinball { alpha: given.number("alpha") }, "the fraction of the pinball loss of the quantile that is saved"),
    with("d2_tweedie_score", &[power], |given| Metric::D2Tweedie { power: given.number("power") }, "the fraction of the Tweedie deviance of the mean that is saved"),
    plain("explained_variance", |_| Metric::ExplainedVariance, "as `r2`, but a constant error costs nothing"),
    with("f1", &[average, pos_label, zero_division], |given| Metric::FBeta { beta: 1.0, averaging: given.averaging() }, "the harmonic mean of precision and recall"),
    plain("f1_macro", |_| f1(Average::Macro), "the mean F1 of the classes"),
    plain("f1_micro", |_| f1(Average::Micro), "the F1 of the counts of all classes: the accuracy"),
    plain("f1_weighted", |_| f1(Average::Weighted), "the mean F1 of the classes by their rows"),
    with("fbeta", &[beta, average, pos_label, zero_division], |given| Metric::FBeta { beta: given.number("beta"), averaging: given.averaging() }, "the harmonic mean of precision and recall, recall weighted by `beta`"),
    with("jaccard", &[average, pos_label, zero_or_one], |given| Metric::Jaccard(given.averaging()), "true positives among all true or predicted positives"),
    plain("jaccard_macro", |_| Metric::Jaccard(Averaging::by(Average::Macro)), "the mean Jaccard index of the classes"),
    plain("jaccard_micro", |_| Metric::Jaccard(Averaging::by(Average::Micro)), "the Jaccard index of the counts of all classes"),
    plain("jaccard_weighted", |_| Metric::Jaccard(Averaging::by(Average::Weighted)), "the mean Jaccard index of the classes by their rows"),
    plain("matthews_corrcoef", |_| Metric::MatthewsCorrcoef, "the correlation coefficient of true and predicted classes"),
    plain("neg_brier_score", |_| Metric::NegBrierScore, "the mean squared error of the probabilities, negated"),
    plain("neg_log_loss", |_| Metric::NegLogLoss, "the mean logarithm of the probability of the true class"),
    plain("neg_max_error", |_| Metric::NegMaxError, "the greatest absolute error, negated"),
    plain("neg_mean_absolute_error", |_| Metric::NegMeanAbsoluteError, "the mean absolute error, negated"),
    plain("neg_mean_absolute_percentage_error", |_| Metric::NegMeanAbsolutePercentageError, "the mean of the absolute errors by the true values, negated"),
    with("neg_mean_cost", &[costs], |given| Metric::NegMeanCost(Costs::of(given.value("costs"))), "the mean of your costs of the predicted classes, negated"),
    plain("neg_mean_gamma_deviance", |_| Metric::NegMeanTweedieDeviance { power: 2.0 }, "the mean deviance of a gamma distribution, negated"),
    with("neg_mean_pinball_loss", &[alpha], |given| Metric::NegMeanPinballLoss { alpha: given.number("alpha") }, "the mean loss of a predicted quantile, negated"),
    plain("neg_mean_poisson_deviance", |_| Metric::NegMeanTweedieDeviance { power: 1.0 }, "the mean deviance of a Poisson distribution, negated"),
    plain("neg_mean_squared_error", |_| Metric::NegMeanSquaredError, "the mean squared error, negated"),
    plain("neg_mean_squared_log_error", |_| Metric::NegMeanSquaredLogError, "the mean squared error of log(1 + value), negated"),
    with("neg_mean_tweedie_deviance", &[power], |given| Metric::NegMeanTweedieDeviance { power: given.number("power") }, "the mean deviance of a Tweedie distribution, negated"),
    plain("neg_median_absolute_error", |_| Metric::NegMedianAbsoluteError, "the median of the absolute errors, negated"),
    plain("neg_negative_likelihood_ratio", |_| Metric::NegNegativeLikelihoodRatio, "false negative rate / true negative rate, negated"),
    plain("neg_root_mean_squared_error", |_| Metric::NegRootMeanSquaredError, "the root of the mean squared error, negated"),
    plain("neg_root_mean_squared_log_error", |_| Metric::NegRootMeanSquaredLogError, "the root of the mean squared error of log(1 + value), negated"),
    plain("positive_likelihood_ratio", |_| Metric::PositiveLikelihoodRatio, "true positive rate / false positive rate"),
    with("precision", &[average, pos_label, zero_division], |given| Metric::Precision(given.averaging()), "the fraction of the rows predicted to be positive that are"),
    plain("precision_macro", |_| Metric::Precision(Averaging::by(Average::Macro)), "the mean precision of the classes"),
    plain("precision_micro", |_| Metric::Precision(Averaging::by(Average::Micro)), "the precision of the counts of all classes: the accuracy"),
    plain("precision_weighted", |_| Metric::Precision(Averaging::by(Average::Weighted)), "the mean precision of the classes by their rows"),
    plain("r2", |_| Metric::R2, "the fraction of the squared error of the mean that is saved"),
    with("recall", &[average, pos_label, zero_division], |given| Metric::Recall(given.averaging()), "the fraction of the positive rows that are predicted to be"),
    plain("recall_macro", |_| Metric::Recall(Averaging::by(Average::Macro)), "the mean recall of the classes"),
    plain("recall_micro", |_| Metric::Recall(Averaging::by(Average::Micro)), "the recall of the counts of all classes: the accuracy"),
    plain("recall_weighted", |_| Metric::Recall(Averaging::by(Average::Weighted)), "the mean recall of the classes by their rows"),
    plain("roc_auc", |_| Metric::RocAuc, "the area under the ROC curve"),
    plain("roc_auc_ovo", |_| Metric::RocAucOvo { weighted: false }, "the mean ROC area of each class against each other"),
    plain("roc_auc_ovo_weighted", |_| Metric::RocAucOvo { weighted: true }, "the mean ROC area of each class against each other, by their rows"),
    plain("roc_auc_ovr", |_| Metric::RocAucOvr { weighted: false }, "the mean ROC area of each class against the rest"),
    plain("roc_auc_ovr_weighted", |_| Metric::RocAucOvr { weighted: true }, "the mean ROC area of each class against the rest, by their rows"),
    with("top_k_accuracy", &[k], |given| Metric::TopKAccuracy { k: given.value("k").as_u64().unwrap_or(1) }, "the fraction of rows whose class is among the `k` most probable"),
];

fn f1(average: Average) -> Metric {
    Metric::FBeta {
        beta: 1.0,
        averaging: Averaging::by(average),
    }
}

fn float(min: Option<f64>, max: Option<f64>) -> ParamKind {
    ParamKind::Float {
        min,
        max,
        above_min: false,
    }
}

fn choice(of: &[&str]) -> ParamKind {
    ParamKind::Choice {
        of: of.iter().map(|&choice| choice.to_owned()).collect(),
    }
}

fn adjusted() -> Param {
    let meaning = "Whether the score is scaled so that chance is 0 and the best is 1.";
    Param::new("adjusted", vec![ParamKind::Bool], json!(false), meaning)
}

fn weights() -> Param {
    let kinds = vec![ParamKind::Null, choice(&["linear", "quadratic"])];
    let meaning = "How much a wrong class counts: all the same, by its distance in the order of \
                   the labels, or by the square of that.";
    Param::new("weights", kinds, Value::Null, meaning)
}

fn alpha() -> Param {
    let kinds = vec![float(Some(0.0), Some(1.0))];
    Param::new(
        "alpha",
        kinds,
        json!(0.5),
        "The quantile that is predicted.",
    )
}

fn power() -> Param {
    let kinds = vec![float(None, Some(0.0)), float(Some(1.0), None)];
    let meaning = "The distribution: 0 normal, 1 Poisson, 2 gamma, 3 inverse Gaussian.";
    Param::new("power", kinds, json!(0.0), meaning)
}

fn beta() -> Param {
    let meaning = "How much recall counts beside precision: 2 for twice, 0.5 for half.";
    Param::new("beta", vec![float(Some(0.0), None)], Value::Null, meaning)
}

fn average() -> Param {
    let kinds = vec![choice(&["binary", "macro", "micro", "weighted"])];
    let meaning = "Over the classes: the positive one of two alone, the mean, that of all counts \
                   together, or the mean by their rows.";
    Param::new("average", kinds, json!("binary"), meaning)
}

fn pos_label() -> Param {
    let kinds = vec![ParamKind::Null, ParamKind::Label];
    let meaning = "The positive class of `average: binary`; `null`: that of the dataset.";
    Param::new("pos_label", kinds, Value::Null, meaning)
}

fn zero_or_one() -> Param {
    let kinds = vec![ParamKind::Int {
        min: Some(0),
        max: Some(1),
    }];
    let meaning = "The value of a class where the metric divides 0 by 0.";
    Param::new("zero_division", kinds, json!(0), meaning)
}

fn zero_division() -> Param {
    let mut param = zero_or_one();
    param.kinds.push(choice(&["nan"]));
    param.meaning.pop();
    param.meaning.push_str("; `nan` leaves it out.");
    param
}

fn k() -> Param {
    let kinds = vec![ParamKind::Int {
        min: Some(1),
        max: None,
    }];
    let meaning = "How many of the most probable classes count.";
    Param::new("k", kinds, json!(2), meaning)
}

fn costs() -> Param {
    let meaning = "By true label, then by predicted label, such as `{no: {yes: 1}, yes: {no: \
                   10}}`. A correct prediction costs nothing unless it is named; negative costs \
                   are gains.";
    Param::new("costs", vec![ParamKind::Costs], Value::Null, meaning)
}
