//! [`Metric`]: the metrics that a plan may name, by the names of scikit-learn's
//! scorers, or of its functions where these take parameters. For all of them,
//! greater is better. The SDK computes them.

mod table;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{Learning, Param, Params};

/// A metric with its parameters.
#[derive(Clone, Debug, PartialEq)]
pub enum Metric {
    /// The fraction of rows that are classified correctly.
    Accuracy,
    /// The mean recall of the classes.
    BalancedAccuracy {
        /// Whether the score is scaled so that chance is 0.
        adjusted: bool,
    },
    /// The fraction of the rows predicted to be of a class that are.
    Precision(Averaging),
    /// The fraction of the rows of a class that are predicted to be.
    Recall(Averaging),
    /// The weighted harmonic mean of precision and recall.
    FBeta {
        /// The weight of recall; 1 for F1.
        beta: f64,
        /// How classes are averaged.
        averaging: Averaging,
    },
    /// Of the rows that are of a class or predicted to be, the fraction for which
    /// both hold.
    Jaccard(Averaging),
    /// The correlation coefficient of true and predicted classes.
    MatthewsCorrcoef,
    /// The agreement of true and predicted classes beyond chance.
    CohenKappa(Disagreement),
    /// Recall divided by the false positive rate, for two classes.
    PositiveLikelihoodRatio,
    /// The false negative rate divided by the true negative rate, negated, for
    /// two classes.
    NegNegativeLikelihoodRatio,
    /// The mean of the costs of the predicted classes, negated.
    NegMeanCost(Costs),
    /// The fraction of rows whose class is among the `k` most probable.
    TopKAccuracy {
        /// At least 1.
        k: u64,
    },
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
    /// The fraction of the logarithmic loss of the class frequencies that the
    /// probabilities save.
    D2LogLoss,
    /// The fraction of the squared error of the class frequencies that the
    /// probabilities save.
    D2Brier,
    /// The coefficient of determination.
    R2,
    /// [`R2`](Self::R2) without the mean error.
    ExplainedVariance,
    /// The greatest absolute error, negated.
    NegMaxError,
    /// The mean absolute error, negated.
    NegMeanAbsoluteError,
    /// The mean of the absolute errors divided by the true values, negated.
    NegMeanAbsolutePercentageError,
    /// The median of the absolute errors, negated.
    NegMedianAbsoluteError,
    /// The mean squared error, negated.
    NegMeanSquaredError,
    /// The root of the mean squared error, negated.
    NegRootMeanSquaredError,
    /// The mean squared error of the logarithms of 1 + value, negated.
    NegMeanSquaredLogError,
    /// The root of the mean squared error of the logarithms of 1 + value, negated.
    NegRootMeanSquaredLogError,
    /// The mean deviance of a Tweedie distribution, negated.
    NegMeanTweedieDeviance {
        /// 0: normal, 1: Poisson, 2: gamma, 3: inverse Gaussian. Not between 0
        /// and 1.
        power: f64,
    },
    /// The fraction of the Tweedie deviance of the mean that the predictions save.
    D2Tweedie {
        /// As for [`NegMeanTweedieDeviance`](Self::NegMeanTweedieDeviance).
        power: f64,
    },
    /// The mean pinball loss, negated.
    NegMeanPinballLoss {
        /// The quantile that is predicted, from 0 to 1.
        alpha: f64,
    },
    /// The fraction of the pinball loss of the quantile that the predictions save.
    D2Pinball {
        /// The quantile that is predicted, from 0 to 1.
        alpha: f64,
    },
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

/// The parameters of the metrics that have a value for each class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Averaging {
    /// How the classes are averaged.
    pub average: Average,
    /// The label of the positive class of [`Average::Binary`]; `None`: that of the
    /// task.
    pub positive: Option<String>,
    /// The value of a class for which the metric is a division by 0.
    pub zero_division: ZeroDivision,
}

/// The value of a division by 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ZeroDivision {
    /// 0.
    Zero,
    /// 1.
    One,
    /// NaN, which means leave out.
    Nan,
}

/// How much a wrong class counts in [`Metric::CohenKappa`], by the distance of the
/// predicted class from the true one. Classes that are neither true nor predicted
/// in any row do not count for the distance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disagreement {
    /// 1.
    Any,
    /// The distance.
    Linear,
    /// The square of the distance.
    Quadratic,
}

/// The costs of predictions: by true label, then by predicted label.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Costs(pub BTreeMap<String, BTreeMap<String, f64>>);

/// The kind of predictions that a metric compares with the true values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Compares {
    /// Predicted classes, which every classifier has.
    Classes,
    /// Decisions, or probabilities of the classes where there are none: numbers that
    /// rank the rows.
    Decisions,
    /// Probabilities of the classes.
    Probabilities,
    /// Predicted numbers, which every regressor has.
    Numbers,
}

/// A name that a plan may use for a metric, and what it needs.
#[derive(Debug)]
pub struct MetricInfo {
    /// The name.
    pub name: &'static str,
    /// What it measures, in one line.
    pub meaning: &'static str,
    params: &'static [fn() -> Param],
    make: fn(&Settings<'_>) -> Metric,
}

/// The parameters of a metric, defaults included.
#[derive(Debug)]
struct Settings<'a> {
    given: &'a Params,
    params: &'a [Param],
}

impl Metric {
    /// All names, sorted.
    pub fn all() -> impl Iterator<Item = &'static MetricInfo> {
        table::METRICS.iter()
    }

    /// What is known of a name.
    pub fn info(name: &str) -> Option<&'static MetricInfo> {
        Self::all().find(|info| info.name == name)
    }

    /// The metric of a name, with the default parameters. `None` if there is none,
    /// or it lacks a parameter that has no default.
    pub fn named(name: &str) -> Option<Self> {
        Self::info(name)?.with(&Params::new()).ok()
    }

    /// Whether the metric is defined for targets of this kind.
    pub fn suits(&self, learning: Learning) -> bool {
        if self.positive() {
            return learning == Learning::Binary;
        }
        (self.compares() == Compares::Numbers) == (learning == Learning::Regression)
    }

    /// Whether the metric is that of the positive class of two classes. The others
    /// treat all classes alike; [`AveragePrecision`](Self::AveragePrecision) does
    /// for three or more classes.
    pub fn positive(&self) -> bool {
        match self {
            Self::Precision(averaging)
            | Self::Recall(averaging)
            | Self::FBeta { averaging, .. }
            | Self::Jaccard(averaging) => averaging.average == Average::Binary,
            Self::RocAuc | Self::PositiveLikelihoodRatio | Self::NegNegativeLikelihoodRatio => true,
            _ => false,
        }
    }

    /// The names of similar metrics that suit targets of this kind.
    pub fn instead(&self, learning: Learning) -> &'static [&'static str] {
        match (self, learning) {
            (Self::Precision(_), Learning::Multiclass) => {
                &["precision_macro", "precision_weighted"]
            }
            (Self::Recall(_), Learning::Multiclass) => &["recall_macro", "recall_weighted"],
            (Self::FBeta { .. }, Learning::Multiclass) => &["f1_macro", "f1_weighted"],
            (Self::Jaccard(_), Learning::Multiclass) => &["jaccard_macro", "jaccard_weighted"],
            (Self::RocAuc, Learning::Multiclass) => &["roc_auc_ovr", "roc_auc_ovo"],
            (_, Learning::Binary) => &["accuracy", "roc_auc"],
            (_, Learning::Multiclass) => &["accuracy", "f1_macro"],
            (_, Learning::Regression) => &["r2", "neg_mean_squared_error"],
        }
    }

    /// The kind of predictions that the metric compares.
    pub fn compares(&self) -> Compares {
        match self {
            Self::Accuracy
            | Self::BalancedAccuracy { .. }
            | Self::Precision(_)
            | Self::Recall(_)
            | Self::FBeta { .. }
            | Self::Jaccard(_)
            | Self::MatthewsCorrcoef
            | Self::CohenKappa(_)
            | Self::PositiveLikelihoodRatio
            | Self::NegNegativeLikelihoodRatio
            | Self::NegMeanCost(_) => Compares::Classes,
            Self::TopKAccuracy { .. } | Self::RocAuc | Self::AveragePrecision => {
                Compares::Decisions
            }
            Self::RocAucOvr { .. }
            | Self::RocAucOvo { .. }
            | Self::NegLogLoss
            | Self::NegBrierScore
            | Self::D2LogLoss
            | Self::D2Brier => Compares::Probabilities,
            Self::R2
            | Self::ExplainedVariance
            | Self::NegMaxError
            | Self::NegMeanAbsoluteError
            | Self::NegMeanAbsolutePercentageError
            | Self::NegMedianAbsoluteError
            | Self::NegMeanSquaredError
            | Self::NegRootMeanSquaredError
            | Self::NegMeanSquaredLogError
            | Self::NegRootMeanSquaredLogError
            | Self::NegMeanTweedieDeviance { .. }
            | Self::D2Tweedie { .. }
            | Self::NegMeanPinballLoss { .. }
            | Self::D2Pinball { .. } => Compares::Numbers,
        }
    }

    /// Whether the metric uses sample weights, as scikit-learn's does; with the
    /// others, all rows count alike.
    pub fn uses_weights(&self, learning: Learning) -> bool {
        match self {
            Self::NegMaxError => false,
            Self::RocAucOvo { .. } => learning == Learning::Binary,
            _ => true,
        }
    }
}

impl MetricInfo {
    /// The parameters. One whose default is not among its values must be given.
    pub fn params(&self) -> Vec<Param> {
        self.params.iter().map(|param| param()).collect()
    }

    /// The metric with the default parameters; a parameter that has no default is
    /// one that stands for all.
    pub fn example(&self) -> Metric {
        self.make(&Params::new())
    }

    /// The metric with these parameters.
    ///
    /// # Errors
    /// The message says which parameter is unknown, missing or has a value that it
    /// does not take.
    pub fn with(&self, given: &Params) -> Result<Metric, String> {
        let params = self.params();
        for (name, value) in given {
            let param = params.iter().find(|param| param.name == *name);
            let param = param.ok_or_else(|| self.no_param(name))?;
            param.check(value)?;
        }
        let missing = params
            .iter()
            .find(|param| param.is_required() && !given.contains_key(&param.name));
        if let Some(missing) = missing {
            return Err(format!("`{}` needs `{}`", self.name, missing.name));
        }
        if let (Some(Value::String(average)), Some(Value::String(_))) =
            (given.get("average"), given.get("pos_label"))
            && average != "binary"
        {
            return Err(format!(
                "`pos_label` has no effect with `average: {average}`"
            ));
        }
        Ok(self.make(given))
    }

    /// That there is no parameter of this name.
    fn no_param(&self, name: &str) -> String {
        let params = self.params();
        let names: Vec<&str> = params.iter().map(|param| param.name.as_str()).collect();
        match names.is_empty() {
            true => format!("`{}` has no parameters", self.name),
            false => format!(
                "`{}` has no parameter `{name}`; it has `{}`",
                self.name,
                names.join("`, `")
            ),
        }
    }

    fn make(&self, given: &Params) -> Metric {
        let params = &self.params();
        (self.make)(&Settings { given, params })
    }
}

impl Settings<'_> {
    fn value(&self, name: &str) -> &Value {
        let default = || {
            let param = self.params.iter().find(|param| param.name == name);
            param.map_or(&Value::Null, |param| &param.default)
        };
        self.given.get(name).unwrap_or_else(default)
    }

    /// A number; 1 for one that must be given and is not.
    fn number(&self, name: &str) -> f64 {
        self.value(name).as_f64().unwrap_or(1.0)
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.value(name).as_str()
    }

    fn averaging(&self) -> Averaging {
        let zero_division = self.value("zero_division");
        Averaging {
            average: match self.text("average") {
                Some("macro") => Average::Macro,
                Some("micro") => Average::Micro,
                Some("weighted") => Average::Weighted,
                _ => Average::Binary,
            },
            positive: self.text("pos_label").map(str::to_owned),
            zero_division: match zero_division.as_i64() {
                Some(1) => ZeroDivision::One,
                None if zero_division.is_string() => ZeroDivision::Nan,
                _ => ZeroDivision::Zero,
            },
        }
    }
}

impl Averaging {
    /// This average with the defaults of the other parameters.
    fn by(average: Average) -> Self {
        Self {
            average,
            positive: None,
            zero_division: ZeroDivision::Zero,
        }
    }
}

impl Costs {
    /// The costs of a parameter's value, which was checked.
    fn of(value: &Value) -> Self {
        let rows = value.as_object().into_iter().flatten();
        let row = |row: &Value| {
            let costs = row.as_object().into_iter().flatten();
            costs
                .filter_map(|(label, cost)| Some((label.clone(), cost.as_f64()?)))
                .collect()
        };
        Self(
            rows.map(|(label, costs)| (label.clone(), row(costs)))
                .collect(),
        )
    }

    /// The costs as a table of shape (classes, classes), row-major: the true class
    /// first. A correct prediction whose cost is left out costs nothing.
    ///
    /// # Errors
    /// If a label is none of `classes`, or the cost of a wrong prediction is left
    /// out.
    pub fn table(&self, classes: &[String]) -> Result<Vec<f64>, String> {
        let named = self
            .0
            .iter()
            .flat_map(|(label, row)| std::iter::once(label).chain(row.keys()));
        let unknown: std::collections::BTreeSet<&str> = named
            .filter(|label| !classes.contains(label))
            .map(String::as_str)
            .collect();
        if !unknown.is_empty() {
            let unknown: Vec<&str> = unknown.into_iter().collect();
            return Err(format!(
                "`costs` names `{}`, which no row has; the classes are `{}`",
                unknown.join("`, `"),
                classes.join("`, `")
            ));
        }
        let mut table = Vec::with_capacity(classes.len() * classes.len());
        for actual in classes {
            for predicted in classes {
                let cost = self.0.get(actual).and_then(|row| row.get(predicted));
                if cost.is_none() && actual != predicted {
                    return Err(format!(
                        "`costs` lacks the cost of a row of class `{actual}` that is predicted \
                         to be `{predicted}`"
                    ));
                }
                table.push(cost.copied().unwrap_or(0.0));
            }
        }
        Ok(table)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn params(value: Value) -> Params {
        serde_json::from_value(value).unwrap()
    }

    fn with(name: &str, value: Value) -> Result<Metric, String> {
        Metric::info(name).unwrap().with(&params(value))
    }

    #[test]
    fn names_are_sorted_and_found() {
        assert!(table::METRICS.is_sorted_by(|a, b| a.name < b.name));
        for info in Metric::all() {
            assert_eq!(Metric::info(info.name).unwrap().name, info.name);
            let needs = info.params().iter().any(Param::is_required);
            let named = (!needs).then(|| info.example());
            assert_eq!(Metric::named(info.name), named, "{}", info.name);
            assert!(
                !info.meaning.ends_with('.') && info.meaning.len() <= 76,
                "{}",
                info.name
            );
        }
        assert_eq!(Metric::named("auc"), None);
    }

    #[test]
    fn alternatives_suit_the_target() {
        for learning in [Learning::Binary, Learning::Multiclass, Learning::Regression] {
            for info in Metric::all() {
                let metric = info.example();
                if metric.suits(learning) {
                    continue;
                }
                for instead in metric.instead(learning) {
                    let stand_in = Metric::named(instead).unwrap();
                    assert!(stand_in.suits(learning), "{instead} for {}", info.name);
                }
            }
        }
    }

    #[test]
    fn parameters_have_the_defaults_of_scikit_learn() {
        for (name, given, metric) in [
            ("top_k_accuracy", json!({}), Metric::TopKAccuracy { k: 2 }),
            (
                "top_k_accuracy",
                json!({"k": 3}),
                Metric::TopKAccuracy { k: 3 },
            ),
            (
                "cohen_kappa",
                json!({}),
                Metric::CohenKappa(Disagreement::Any),
            ),
            (
                "cohen_kappa",
                json!({"weights": "quadratic"}),
                Metric::CohenKappa(Disagreement::Quadratic),
            ),
            (
                "neg_mean_pinball_loss",
                json!({}),
                Metric::NegMeanPinballLoss { alpha: 0.5 },
            ),
            (
                "d2_tweedie_score",
                json!({}),
                Metric::D2Tweedie { power: 0.0 },
            ),
            (
                "f1",
                json!({"average": "macro", "zero_division": "nan"}),
                Metric::FBeta {
                    beta: 1.0,
                    averaging: Averaging {
                        zero_division: ZeroDivision::Nan,
                        ..Averaging::by(Average::Macro)
                    },
                },
            ),
            (
                "recall",
                json!({"pos_label": "no", "zero_division": 1}),
                Metric::Recall(Averaging {
                    average: Average::Binary,
                    positive: Some("no".to_owned()),
                    zero_division: ZeroDivision::One,
                }),
            ),
        ] {
            assert_eq!(with(name, given), Ok(metric));
        }
    }

    #[test]
    fn a_wrong_parameter_is_named() {
        for (name, given, message) in [
            ("accuracy", json!({"k": 2}), "`accuracy` has no parameters"),
            (
                "fbeta",
                json!({"bet": 2.0}),
                "`fbeta` has no parameter `bet`; it has `beta`, `average`, `pos_label`, \
                 `zero_division`",
            ),
            ("fbeta", json!({}), "`fbeta` needs `beta`"),
            (
                "top_k_accuracy",
                json!({"k": 0}),
                "`k` takes a whole number of at least 1, not the number `0`",
            ),
            (
                "neg_mean_tweedie_deviance",
                json!({"power": 0.5}),
                "`power` takes a number of at most 0.0 or a number of at least 1.0, not the number \
                 `0.5`",
            ),
            (
                "f1",
                json!({"average": "macro", "pos_label": "1"}),
                "`pos_label` has no effect with `average: macro`",
            ),
            ("neg_mean_cost", json!({}), "`neg_mean_cost` needs `costs`"),
            (
                "neg_mean_cost",
                json!({"costs": {"a": 1}}),
                "`costs` takes a map from true label to a map from predicted label to a cost, not \
                 the map `{\"a\":1}`",
            ),
        ] {
            assert_eq!(with(name, given).unwrap_err(), message);
        }
    }

    #[test]
    fn costs_are_of_every_pair_of_classes() {
        let costs = |value| match with("neg_mean_cost", json!({"costs": value})) {
            Ok(Metric::NegMeanCost(costs)) => costs,
            other => panic!("{other:?}"),
        };
        let classes = ["no".to_owned(), "yes".to_owned()];
        let both = costs(json!({"no": {"yes": 1}, "yes": {"no": 10.5, "yes": -1}}));
        assert_eq!(both.table(&classes), Ok(vec![0.0, 1.0, 10.5, -1.0]));
        let message = |value| costs(value).table(&classes).unwrap_err();
        assert_eq!(
            message(json!({"No": {"yes": 1}, "yes": {"no": 1, "maybe": 2}})),
            "`costs` names `No`, `maybe`, which no row has; the classes are `no`, `yes`"
        );
        assert_eq!(
            message(json!({"no": {"yes": 1}})),
            "`costs` lacks the cost of a row of class `yes` that is predicted to be `no`"
        );
    }
}
