//! [`Scoring`]: the metrics of a task, computed from the predictions of its
//! candidates. It checks the predictions and selects the functions; the formulas
//! are in [`metrics`](crate::metrics).

use std::cell::OnceCell;
use std::collections::BTreeMap;

use crate::contract::metric::{Compares, Metric};
use crate::contract::{Scores, Task};
use crate::metrics::{Counts, Ranking, probability, ranking, regression};
use crate::splits::Rows;
use crate::trainer::{Prediction, Scorer};
use crate::{Fault, Target};

/// The scorer of the candidates of one task.
pub(crate) struct Scoring<'a> {
    trainer: &'a str,
    metrics: Vec<(&'a str, Metric)>,
    classes: usize,
    positive: usize,
    test: Truth,
    train: Option<Truth>,
    /// By candidate: the scores of the test rows and of the training rows.
    scores: Vec<(Option<Values>, Option<Values>)>,
}

/// Scores by metric; see [`Scores`].
type Values = BTreeMap<String, Option<f64>>;

/// The target of the rows to score.
enum Truth {
    Classes(Vec<u32>),
    Numbers(Vec<f64>),
}

impl<'a> Scoring<'a> {
    /// Looks up the metrics of `task`.
    ///
    /// # Errors
    /// If a metric is unknown or does not suit the target, or the positive class
    /// is not one of its classes.
    pub(crate) fn new(task: &'a Task, target: &Target, rows: &Rows) -> Result<Self, Fault> {
        let named = task.scoring.iter();
        let metrics = named.map(|name| Ok((name.as_str(), metric(name, task, target)?)));
        Ok(Self {
            trainer: &task.trainer,
            metrics: metrics.collect::<Result<_, _>>()?,
            classes: target.classes().len(),
            positive: positive(task, target)?,
            test: Truth::of(target, &rows.test),
            train: task.train_score.then(|| Truth::of(target, &rows.train)),
            scores: vec![(None, None); task.candidates.len()],
        })
    }

    /// The scores of all candidates.
    ///
    /// # Errors
    /// If the trainer did not score one of them.
    pub(crate) fn finish(self) -> Result<Vec<Scores>, Fault> {
        let wants_train = self.train.is_some();
        let scores = self.scores.into_iter().enumerate();
        let checked = scores.map(|(candidate, (test, train))| match (test, train) {
            (Some(test), Some(train)) => Ok(Scores { test, train }),
            (Some(test), None) if !wants_train => Ok(Scores {
                test,
                train: BTreeMap::new(),
            }),
            _ => Err(Fault::Failed(format!(
                "trainer `{}` did not score candidate {candidate}",
                self.trainer
            ))),
        });
        checked.collect()
    }

    /// Computes all metrics of one prediction.
    fn values(&self, truth: &Truth, prediction: Prediction<'_>) -> Result<Values, Fault> {
        self.check(truth, prediction)?;
        let view = View {
            truth,
            prediction,
            classes: self.classes,
            positive: self.positive,
            counts: OnceCell::new(),
            ranking: OnceCell::new(),
        };
        let scores = self.metrics.iter().map(|(name, metric)| {
            let value = view.score(*metric).ok_or_else(|| {
                Fault::InvalidTask(format!(
                    "`{name}` needs probabilities, but trainer `{}` predicts classes only; use \
                     `accuracy`, `balanced_accuracy`, `f1_macro` or another metric of classes",
                    self.trainer
                ))
            })?;
            Ok(((*name).to_owned(), value.is_finite().then_some(value)))
        });
        scores.collect()
    }

    /// Checks that a prediction suits the target and has one value per row.
    fn check(&self, truth: &Truth, prediction: Prediction<'_>) -> Result<(), Fault> {
        let rows = truth.rows();
        if prediction.rows(self.classes) != Some(rows) {
            return Err(Fault::Failed(format!(
                "trainer `{}` did not give one prediction for each of {rows} rows",
                self.trainer
            )));
        }
        if let Prediction::Classes(codes) = prediction
            && let Some(code) = codes.iter().find(|code| **code as usize >= self.classes)
        {
            return Err(Fault::Failed(format!(
                "trainer `{}` predicted class {code}, but there are {} classes",
                self.trainer, self.classes
            )));
        }
        Ok(())
    }

    fn twice(&self, candidate: usize) -> Fault {
        Fault::Failed(format!(
            "trainer `{}` scored candidate {candidate} twice",
            self.trainer
        ))
    }
}

impl Scorer for Scoring<'_> {
    fn test(&mut self, candidate: usize, prediction: Prediction<'_>) -> Result<(), Fault> {
        let values = self.values(&self.test, prediction)?;
        match self.scores[candidate].0.replace(values) {
            None => Ok(()),
            Some(_) => Err(self.twice(candidate)),
        }
    }

    fn wants_train(&self) -> bool {
        self.train.is_some()
    }

    fn train(&mut self, candidate: usize, prediction: Prediction<'_>) -> Result<(), Fault> {
        let Some(train) = &self.train else {
            return Ok(());
        };
        let values = self.values(train, prediction)?;
        match self.scores[candidate].1.replace(values) {
            None => Ok(()),
            Some(_) => Err(self.twice(candidate)),
        }
    }
}

impl Truth {
    fn of(target: &Target, rows: &[u32]) -> Self {
        match target {
            Target::Classes { codes, .. } => {
                Self::Classes(rows.iter().map(|row| codes[*row as usize]).collect())
            }
            Target::Numbers(numbers) => {
                Self::Numbers(rows.iter().map(|row| numbers[*row as usize]).collect())
            }
        }
    }

    fn rows(&self) -> usize {
        match self {
            Self::Classes(codes) => codes.len(),
            Self::Numbers(numbers) => numbers.len(),
        }
    }
}

/// The predictions of one candidate and the true values, with intermediate
/// results that several metrics use.
struct View<'a> {
    truth: &'a Truth,
    prediction: Prediction<'a>,
    classes: usize,
    positive: usize,
    counts: OnceCell<Counts>,
    ranking: OnceCell<Option<Ranking>>,
}

impl View<'_> {
    /// The value of a metric; `None` if the prediction is not of the kind that it
    /// compares.
    fn score(&self, metric: Metric) -> Option<f64> {
        match (self.truth, metric.compares()) {
            (Truth::Classes(truth), Compares::Classes) => Some(self.classes(truth, metric)),
            (Truth::Classes(truth), Compares::Probabilities) => match self.prediction {
                Prediction::Binary(ones) => Some(self.binary(truth, ones, |one| one, metric)),
                // The second column is the probability of class 1.
                Prediction::Multiclass(table) if self.classes == 2 => {
                    Some(self.binary(truth, table.as_chunks::<2>().0, |[_, one]| one, metric))
                }
                Prediction::Multiclass(table) => Some(self.multiclass(truth, table, metric)),
                Prediction::Classes(_) | Prediction::Numbers(_) => None,
            },
            (Truth::Numbers(truth), Compares::Numbers) => match self.prediction {
                Prediction::Numbers(numbers) => Some(numbers_score(truth, numbers, metric)),
                _ => None,
            },
            _ => None,
        }
    }

    fn classes(&self, truth: &[u32], metric: Metric) -> f64 {
        let counts = self.counts.get_or_init(|| {
            let predicted = self.prediction.classes(self.classes);
            Counts::of(truth, &predicted, self.classes)
        });
        match metric {
            Metric::Accuracy => counts.accuracy(),
            Metric::BalancedAccuracy => counts.balanced_accuracy(),
            Metric::MatthewsCorrcoef => counts.matthews_corrcoef(),
            Metric::Precision(average) => counts.precision(average, self.positive),
            Metric::Recall(average) => counts.recall(average, self.positive),
            Metric::F1(average) => counts.f1(average, self.positive),
            _ => f64::NAN,
        }
    }

    /// A metric of two classes. `one` gives the probability of class 1 in a row.
    fn binary<R: Copy>(
        &self,
        truth: &[u32],
        rows: &[R],
        one: impl Fn(R) -> f64,
        metric: Metric,
    ) -> f64 {
        let ranked = |metric: fn(&Ranking) -> f64| {
            let ranking = self.ranking.get_or_init(|| {
                // The order by the probability of class 0 is the reverse. `1 - one`
                // would tie values that differ.
                let sign = if self.positive == 1 { 1.0 } else { -1.0 };
                Ranking::of(
                    rows.iter()
                        .zip(truth)
                        .map(|(row, class)| (sign * one(*row), *class as usize == self.positive)),
                )
            });
            ranking.as_ref().map_or(f64::NAN, metric)
        };
        match metric {
            Metric::RocAuc | Metric::RocAucOvr { .. } | Metric::RocAucOvo { .. } => {
                ranked(Ranking::roc_auc)
            }
            Metric::AveragePrecision => ranked(Ranking::average_precision),
            Metric::NegLogLoss => {
                let both = (0..2).all(|class| truth.contains(&class));
                let loss = probability::log_loss(truth, |row, class| match class {
                    1 => one(rows[row]),
                    _ => 1.0 - one(rows[row]),
                });
                if both { -loss } else { f64::NAN }
            }
            Metric::NegBrierScore => {
                -probability::brier_binary(truth, rows.iter().map(|row| one(*row)))
            }
            _ => f64::NAN,
        }
    }

    fn multiclass(&self, truth: &[u32], table: &[f64], metric: Metric) -> f64 {
        let classes = self.classes;
        match metric {
            Metric::RocAucOvr { weighted } => ranking::roc_auc_ovr(truth, table, classes, weighted),
            Metric::RocAucOvo { weighted } => ranking::roc_auc_ovo(truth, table, classes, weighted),
            Metric::AveragePrecision => ranking::average_precision_ovr(truth, table, classes),
            Metric::NegLogLoss | Metric::NegBrierScore if !all_occur(truth, classes) => f64::NAN,
            Metric::NegLogLoss => {
                -probability::log_loss(truth, |row, class| table[row * classes + class as usize])
            }
            Metric::NegBrierScore => -probability::brier_multiclass(truth, table, classes),
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

fn numbers_score(truth: &[f64], predicted: &[f64], metric: Metric) -> f64 {
    match metric {
        Metric::R2 => regression::r2(truth, predicted),
        Metric::NegMeanSquaredError => -regression::mean_squared_error(truth, predicted),
        Metric::NegRootMeanSquaredError => -regression::mean_squared_error(truth, predicted).sqrt(),
        Metric::NegMeanAbsoluteError => -regression::mean_absolute_error(truth, predicted),
        _ => f64::NAN,
    }
}

fn metric(name: &str, task: &Task, target: &Target) -> Result<Metric, Fault> {
    let learning = target.learning();
    let metric = Metric::named(name).ok_or_else(|| {
        let suited = Metric::all().filter(|(_, metric)| metric.suits(learning));
        let names: Vec<&str> = suited.map(|(name, _)| name).collect();
        Fault::InvalidTask(format!(
            "unknown metric `{name}`; the metrics for this target are `{}`",
            names.join("`, `")
        ))
    })?;
    if metric.suits(learning) {
        return Ok(metric);
    }
    let is = match target.classes().len() {
        0 => "is numeric".to_owned(),
        classes => format!("has {classes} classes"),
    };
    Err(Fault::InvalidTask(format!(
        "`{name}` is not defined for target `{}`, which {is}; use `{}`",
        task.target,
        metric.instead(learning).join("` or `")
    )))
}

/// The index of the positive class: that of the task, else the last.
fn positive(task: &Task, target: &Target) -> Result<usize, Fault> {
    let classes = target.classes();
    match &task.positive {
        None => Ok(classes.len().saturating_sub(1)),
        Some(label) => classes.iter().position(|c| c == label).ok_or_else(|| {
            Fault::InvalidTask(format!(
                "the positive class `{label}` is not a class of target `{}`, whose classes are `{}`",
                task.target,
                classes.join("`, `")
            ))
        }),
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Vectors {
        cases: Vec<Case>,
    }

    #[derive(Deserialize)]
    struct Case {
        name: String,
        classes: usize,
        truth: Vec<f64>,
        positive: Option<u32>,
        kind: String,
        prediction: Vec<f64>,
        scores: Values,
    }

    impl Case {
        fn target(&self) -> Target {
            if self.classes == 0 {
                return Target::Numbers(self.truth.clone());
            }
            Target::Classes {
                classes: (0..self.classes).map(|class| class.to_string()).collect(),
                codes: self.truth.iter().map(|class| *class as u32).collect(),
            }
        }

        /// The scores of the prediction as one of test rows.
        fn score(&self) -> Result<Values, Fault> {
            let task = serde_json::json!({
                "contract": 2,
                "learning": self.target().learning(),
                "trainer": "oracle",
                "candidates": [{}],
                "split": {"column": "fold", "test": 0},
                "target": "y",
                "positive": self.positive.map(|class| class.to_string()),
                "scoring": self.scores.keys().collect::<Vec<_>>(),
            });
            let task: Task = serde_json::from_value(task).unwrap();
            let target = self.target();
            let rows = Rows {
                train: vec![],
                test: (0..self.truth.len() as u32).collect(),
            };
            let mut scoring = Scoring::new(&task, &target, &rows)?;
            let codes: Vec<u32> = self.prediction.iter().map(|p| *p as u32).collect();
            scoring.test(
                0,
                match self.kind.as_str() {
                    "binary" => Prediction::Binary(&self.prediction),
                    "multiclass" => Prediction::Multiclass(&self.prediction),
                    "classes" => Prediction::Classes(&codes),
                    "numbers" => Prediction::Numbers(&self.prediction),
                    other => panic!("no kind `{other}`"),
                },
            )?;
            Ok(scoring.finish()?.remove(0).test)
        }
    }

    #[test]
    fn scores_equal_those_of_scikit_learn() {
        let json = include_str!("../../../tests/metrics/vectors.json");
        let vectors: Vectors = serde_json::from_str(json).unwrap();
        let mut compared = std::collections::BTreeSet::new();
        for case in vectors.cases {
            let scores = case.score().unwrap();
            for (metric, expected) in &case.scores {
                let score = scores[metric];
                let same = match (score, expected) {
                    (Some(score), Some(expected)) => {
                        (score - expected).abs() <= 1e-12 * expected.abs().max(1.0)
                    }
                    (None, None) => true,
                    _ => false,
                };
                assert!(
                    same,
                    "{}, {} classes: `{metric}` is {score:?}, scikit-learn's is {expected:?}",
                    case.name, case.classes
                );
                compared.insert(metric.clone());
            }
        }
        let all: std::collections::BTreeSet<String> =
            Metric::all().map(|(name, _)| name.to_owned()).collect();
        assert_eq!(compared, all, "every metric has test vectors");
    }

    fn case(classes: usize, kind: &str, prediction: &[f64], metric: &str) -> Case {
        Case {
            name: String::new(),
            classes,
            truth: vec![0.0, 1.0, 0.0],
            positive: None,
            kind: kind.to_owned(),
            prediction: prediction.to_vec(),
            scores: [(metric.to_owned(), None)].into(),
        }
    }

    fn message(case: &Case) -> String {
        case.score().unwrap_err().to_string()
    }

    #[test]
    fn an_unsuitable_metric_is_an_error_that_names_others() {
        assert_eq!(
            message(&case(3, "classes", &[0.0; 3], "roc_auc")),
            "invalid task: `roc_auc` is not defined for target `y`, which has 3 classes; use \
             `roc_auc_ovr` or `roc_auc_ovo`"
        );
        assert_eq!(
            message(&case(0, "numbers", &[0.0; 3], "accuracy")),
            "invalid task: `accuracy` is not defined for target `y`, which is numeric; use `r2` \
             or `neg_mean_squared_error`"
        );
        assert_eq!(
            message(&case(2, "classes", &[0.0; 3], "roc_auc")),
            "invalid task: `roc_auc` needs probabilities, but trainer `oracle` predicts classes \
             only; use `accuracy`, `balanced_accuracy`, `f1_macro` or another metric of classes"
        );
        assert!(message(&case(2, "binary", &[0.0; 3], "auc")).starts_with(
            "invalid task: unknown metric `auc`; the metrics for this target are `accuracy`, "
        ));
    }

    #[test]
    fn an_unknown_positive_class_is_an_error() {
        let mut case = case(2, "binary", &[0.0; 3], "f1");
        case.positive = Some(7);
        assert_eq!(
            message(&case),
            "invalid task: the positive class `7` is not a class of target `y`, whose classes are \
             `0`, `1`"
        );
    }

    #[test]
    fn invalid_predictions_are_failures_of_the_trainer() {
        assert_eq!(
            message(&case(2, "binary", &[0.0; 2], "f1")),
            "the fit failed: trainer `oracle` did not give one prediction for each of 3 rows"
        );
        assert_eq!(
            message(&case(3, "multiclass", &[0.0; 8], "accuracy")),
            "the fit failed: trainer `oracle` did not give one prediction for each of 3 rows"
        );
        assert_eq!(
            message(&case(3, "binary", &[0.0; 3], "accuracy")),
            "the fit failed: trainer `oracle` did not give one prediction for each of 3 rows"
        );
        assert_eq!(
            message(&case(2, "classes", &[0.0, 1.0, 2.0], "accuracy")),
            "the fit failed: trainer `oracle` predicted class 2, but there are 2 classes"
        );
    }

    #[test]
    fn a_nan_probability_gives_no_score() {
        let nan = [f64::NAN, 0.5, 0.1];
        for metric in [
            "roc_auc",
            "average_precision",
            "neg_log_loss",
            "neg_brier_score",
        ] {
            assert_eq!(
                case(2, "binary", &nan, metric).score().unwrap()[metric],
                None
            );
        }
    }
}
