//! [`Scoring`]: the metrics of a task, computed from the predictions of its
//! candidates. It checks the metrics and the predictions; [`View`] selects the
//! functions, and the formulas are in [`metrics`](crate::metrics).

mod view;

use std::collections::BTreeMap;

use crate::contract::metric::{Average, Averaging, Compares, Metric};
use crate::contract::{Score, Scores, Task};
use crate::splits::Rows;
use crate::trainer::{Prediction, Scorer};
use crate::{Fault, Target};
use view::View;

/// The scorer of the candidates of one task.
pub(crate) struct Scoring<'a> {
    trainer: &'a str,
    metrics: Vec<Resolved<'a>>,
    classes: usize,
    positive: usize,
    test: Truth,
    train: Option<Truth>,
    /// By candidate: the scores of the test rows and of the training rows.
    scores: Vec<(Option<ByName>, Option<ByName>)>,
}

/// Scores by name; see [`Scores`].
pub(crate) type ByName = BTreeMap<String, Option<f64>>;

/// The scores by the metrics of `task` of predictions for the rows of `target`, in
/// their order; of a task, they have the trainer's name, the metrics and the positive
/// class. For whoever has predictions, and not the guest that made them.
///
/// # Errors
/// If a metric is unknown or does not suit the target or the predictions, or these are
/// not one per row.
pub fn scores(
    task: &Task,
    target: &Target,
    weights: Option<&[f64]>,
    prediction: Prediction<'_>,
) -> Result<BTreeMap<String, Option<f64>>, Fault> {
    let rows = match target {
        Target::Classes { codes, .. } => codes.len(),
        Target::Numbers(numbers) => numbers.len(),
    };
    let rows = Rows {
        train: Vec::new(),
        test: (0..rows as u32).collect(),
    };
    let scoring = Scoring::new(task, target, &rows, weights)?;
    scoring.values(&scoring.test, prediction)
}

/// A metric, with the labels of its parameters found among the classes.
struct Resolved<'a> {
    name: &'a str,
    metric: Metric,
    /// The positive class, if the metric names one.
    positive: Option<usize>,
    /// The costs of [`Metric::NegMeanCost`], of shape (classes, classes); else
    /// empty.
    costs: Vec<f64>,
}

/// The rows to score.
struct Truth {
    values: Values,
    weights: Option<Vec<f64>>,
}

/// The target of the rows to score.
enum Values {
    Classes(Vec<u32>),
    Numbers(Vec<f64>),
}

impl<'a> Scoring<'a> {
    /// Looks up the metrics of `task`. `weights`: a sample weight for each row of
    /// the table; `None`: all rows count alike.
    ///
    /// # Errors
    /// If a metric is unknown or does not suit the target, two have one name, the
    /// positive class or a label of a parameter is not one of its classes, or a
    /// weight of a row that is scored is negative or not finite.
    pub(crate) fn new(
        task: &'a Task,
        target: &Target,
        rows: &Rows,
        weights: Option<&[f64]>,
    ) -> Result<Self, Fault> {
        let scores = task.scoring.iter();
        let metrics = scores.map(|score| Resolved::new(score, task, target));
        let metrics: Vec<Resolved<'_>> = metrics.collect::<Result<_, _>>()?;
        let truth = |rows: &[u32]| Truth::of(target, rows, weights);
        let twice = |at: usize| metrics[..at].iter().any(|m| m.name == metrics[at].name);
        if let Some(at) = (0..metrics.len()).find(|at| twice(*at)) {
            let name = metrics[at].name;
            let message = format!("the name `{name}` stands twice in `scoring`");
            return Err(Fault::InvalidTask(message));
        }
        Ok(Self {
            trainer: &task.trainer,
            classes: target.classes().len(),
            positive: positive(task.positive.as_deref(), task, target)?,
            test: truth(&rows.test)?,
            train: task.train_score.then(|| truth(&rows.train)).transpose()?,
            scores: vec![(None, None); task.candidates.len()],
            metrics,
        })
    }

    /// The scores of a prediction for the test rows, which is no candidate's.
    ///
    /// # Errors
    /// If it is not one per row.
    pub(crate) fn of_test(&self, prediction: Prediction<'_>) -> Result<ByName, Fault> {
        self.values(&self.test, prediction)
    }

    /// The scores of all candidates.
    ///
    /// # Errors
    /// If the trainer did not score one of them.
    pub(crate) fn finish(self) -> Result<Vec<Scores>, Fault> {
        let wants_train = self.train.is_some();
        let scores = self.scores.into_iter().enumerate();
        let checked = scores.map(|(candidate, (test, train))| match (test, train) {
            (Some(test), Some(train)) => Ok(Scores {
                test,
                train,
                ..Scores::default()
            }),
            (Some(test), None) if !wants_train => Ok(Scores {
                test,
                ..Scores::default()
            }),
            _ => Err(Fault::Failed(format!(
                "trainer `{}` did not score candidate {candidate}",
                self.trainer
            ))),
        });
        checked.collect()
    }

    /// Computes all metrics of one prediction.
    fn values(&self, truth: &Truth, prediction: Prediction<'_>) -> Result<ByName, Fault> {
        self.check(truth, prediction)?;
        let view = View::new(truth, prediction, self.classes, self.positive);
        let scores = self.metrics.iter().map(|metric| {
            let name = metric.name;
            let value = view.score(metric).ok_or_else(|| {
                Fault::InvalidTask(lacking(name, metric.metric.compares(), self.trainer))
            })?;
            Ok((name.to_owned(), value.is_finite().then_some(value)))
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
        if let Prediction::Classes(codes) | Prediction::Decisions { classes: codes, .. } =
            prediction
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

    fn wants(&self, kind: Compares) -> bool {
        let mut metrics = self.metrics.iter();
        metrics.any(|metric| metric.metric.compares() == kind)
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
    fn of(target: &Target, rows: &[u32], weights: Option<&[f64]>) -> Result<Self, Fault> {
        let values = match target {
            Target::Classes { codes, .. } => {
                Values::Classes(rows.iter().map(|row| codes[*row as usize]).collect())
            }
            Target::Numbers(numbers) => {
                Values::Numbers(rows.iter().map(|row| numbers[*row as usize]).collect())
            }
        };
        let of_row = |weights: &[f64], row: u32| match weights[row as usize] {
            weight if weight >= 0.0 && weight.is_finite() => Ok(weight),
            weight => Err(Fault::InvalidDataset(format!(
                "row {row} has the weight {weight}; weights are at least 0 and finite"
            ))),
        };
        let weights = weights.map(|weights| rows.iter().map(|row| of_row(weights, *row)).collect());
        Ok(Self {
            values,
            weights: weights.transpose()?,
        })
    }

    fn rows(&self) -> usize {
        match &self.values {
            Values::Classes(codes) => codes.len(),
            Values::Numbers(numbers) => numbers.len(),
        }
    }
}

impl<'a> Resolved<'a> {
    fn new(score: &'a Score, task: &Task, target: &Target) -> Result<Self, Fault> {
        let metric = metric(score, task, target)?;
        let positive = match &metric {
            Metric::Precision(averaging)
            | Metric::Recall(averaging)
            | Metric::FBeta { averaging, .. }
            | Metric::Jaccard(averaging) => pos_label(averaging),
            _ => None,
        };
        let positive = positive.map(|label| self::positive(Some(label), task, target));
        let costs = match &metric {
            Metric::NegMeanCost(costs) => costs
                .table(target.classes())
                .map_err(|why| Fault::InvalidTask(format!("`{}`: {why}", score.name)))?,
            _ => Vec::new(),
        };
        Ok(Self {
            name: &score.name,
            positive: positive.transpose()?,
            costs,
            metric,
        })
    }
}

/// That a trainer does not predict what a metric compares.
fn lacking(name: &str, compares: Compares, trainer: &str) -> String {
    let (needed, instead) = match compares {
        Compares::Decisions => ("decisions or probabilities", "classes, such as `accuracy`"),
        _ => (
            "probabilities",
            "decisions or classes, such as `average_precision` or `accuracy`",
        ),
    };
    format!(
        "`{name}` needs {needed}, which trainer `{trainer}` does not predict with these \
         hyper-parameters; use a metric of {instead}"
    )
}

fn pos_label(averaging: &Averaging) -> Option<&str> {
    let label = averaging.positive.as_deref();
    label.filter(|_| averaging.average == Average::Binary)
}

/// The metric of a score, which must suit the target.
fn metric(score: &Score, task: &Task, target: &Target) -> Result<Metric, Fault> {
    let learning = target.learning();
    if Metric::info(&score.metric).is_none() {
        let suited = Metric::all().filter(|info| info.example().suits(learning));
        let names: Vec<&str> = suited.map(|info| info.name).collect();
        return Err(Fault::InvalidTask(format!(
            "unknown metric `{}`; the metrics for this target are `{}`",
            score.metric,
            names.join("`, `")
        )));
    }
    let metric = score.resolve().map_err(Fault::InvalidTask)?;
    if metric.suits(learning) {
        return Ok(metric);
    }
    let is = match target.classes().len() {
        0 => "is numeric".to_owned(),
        classes => format!("has {classes} classes"),
    };
    Err(Fault::InvalidTask(format!(
        "`{}` is not defined for target `{}`, which {is}; use `{}`",
        score.name,
        task.target,
        metric.instead(learning).join("` or `")
    )))
}

/// The index of the class of a label; without one, the last.
fn positive(label: Option<&str>, task: &Task, target: &Target) -> Result<usize, Fault> {
    let classes = target.classes();
    match label {
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
mod tests;
