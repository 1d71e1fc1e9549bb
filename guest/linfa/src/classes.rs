//! [`Classes`]: the classes of the training rows, their weights, and predictions of
//! classes.

use fanout_sdk::dense::{DenseData, DenseTarget, DenseTrainer};
use fanout_sdk::{Fault, Params, PredictionValues};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The classes that occur in the training rows, in the order of their labels. A
/// class that does not occur is never predicted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Occurring {
    /// By occurring class: its index among all labels.
    pub labels: Vec<u32>,
    /// The number of all labels.
    pub all: u32,
}

/// The target of a classifier.
#[derive(Debug)]
pub(crate) struct Classes<'a> {
    labels: &'a [String],
    pub(crate) occurring: Occurring,
    /// By training row: the index of its class among those that occur.
    pub(crate) codes: Vec<u32>,
}

/// How `balanced` weights count the rows of a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Balance {
    /// Each row counts 1.
    Rows,
    /// Each row counts its weight.
    Weights,
}

impl<'a> Classes<'a> {
    /// The classes of the training rows.
    ///
    /// # Errors
    /// If the target is of numbers, or fewer than `least` classes occur.
    pub(crate) fn of<T: DenseTrainer>(data: &DenseData<'a>, least: usize) -> Result<Self, Fault> {
        let DenseTarget::Classes { labels, codes } = &data.target else {
            return Err(data.wrong_target::<T>());
        };
        let labels: &'a [String] = labels;
        let mut occurs = vec![false; labels.len()];
        for &code in codes {
            occurs[code as usize] = true;
        }
        let mut place = vec![0; labels.len()];
        let mut occurring = Vec::new();
        for (label, _) in occurs.iter().enumerate().filter(|(_, occurs)| **occurs) {
            place[label] = occurring.len() as u32;
            occurring.push(label as u32);
        }
        if occurring.len() < least {
            return Err(Fault::Failed(format!(
                "`{}` needs at least {least} classes in the training rows, but these are all of \
                 class `{}`",
                T::description().name,
                labels[occurring[0] as usize],
            )));
        }
        Ok(Self {
            labels,
            codes: codes.iter().map(|&code| place[code as usize]).collect(),
            occurring: Occurring {
                labels: occurring,
                all: labels.len() as u32,
            },
        })
    }

    /// The number of classes that occur.
    pub(crate) fn count(&self) -> usize {
        self.occurring.labels.len()
    }

    /// All labels, sorted.
    pub(crate) fn labels(&self) -> &'a [String] {
        self.labels
    }

    /// The weights of the occurring classes by the parameter `class_weight`.
    ///
    /// # Errors
    /// If the parameter names a label that the target does not have.
    pub(crate) fn weights(
        &self,
        params: &Params,
        rows: Option<&[f64]>,
        balance: Balance,
    ) -> Result<Vec<f64>, Fault> {
        match &params["class_weight"] {
            Value::String(_) => {
                let mut counts = vec![0.0; self.count()];
                for (row, &code) in self.codes.iter().enumerate() {
                    counts[code as usize] += match (balance, rows) {
                        (Balance::Weights, Some(weights)) => weights[row],
                        _ => 1.0,
                    };
                }
                let total: f64 = counts.iter().sum();
                let classes = counts.len() as f64;
                Ok(counts
                    .into_iter()
                    .map(|count| total / (classes * count))
                    .collect())
            }
            Value::Object(given) => {
                if let Some(label) = given.keys().find(|label| !self.labels.contains(label)) {
                    return Err(Fault::InvalidParams(format!(
                        "`class_weight` names the class `{label}`, which is not one of `{}`",
                        self.labels.join("`, `")
                    )));
                }
                let weight = |&label: &u32| {
                    let given = given.get(&self.labels[label as usize]);
                    given.and_then(Value::as_f64).unwrap_or(1.0)
                };
                Ok(self.occurring.labels.iter().map(weight).collect())
            }
            _ => Ok(vec![1.0; self.count()]),
        }
    }

    /// The weights of the training rows times those of their classes; `None` if all
    /// are 1.
    ///
    /// # Errors
    /// As [`Self::weights`].
    pub(crate) fn row_weights(
        &self,
        params: &Params,
        rows: Option<&[f64]>,
        balance: Balance,
    ) -> Result<Option<Vec<f64>>, Fault> {
        if params["class_weight"].is_null() {
            return Ok(rows.map(<[f64]>::to_vec));
        }
        let of_class = self.weights(params, rows, balance)?;
        let weight = |(row, &code): (usize, &u32)| {
            rows.map_or(1.0, |weights| weights[row]) * of_class[code as usize]
        };
        Ok(Some(self.codes.iter().enumerate().map(weight).collect()))
    }
}

impl Occurring {
    /// The number of classes that occur.
    pub(crate) fn count(&self) -> usize {
        self.labels.len()
    }

    /// Predictions by decisions: of two classes one number a row, above 0 for the
    /// second; else of shape (rows, occurring), the first greatest.
    pub(crate) fn of_decisions(&self, decisions: Vec<f64>) -> PredictionValues {
        let class = |row: &[f64]| match row {
            [one] => usize::from(*one > 0.0),
            row => first_greatest(row),
        };
        let rows = decisions.chunks_exact(self.width());
        let classes = rows.map(|row| self.labels[class(row)]).collect();
        PredictionValues::Decisions {
            classes,
            values: self.decisions(decisions),
            probabilities: None,
        }
    }

    /// Decisions of the shape that a prediction has.
    pub(crate) fn decisions(&self, decisions: Vec<f64>) -> Vec<f64> {
        self.of_all(decisions, f64::NEG_INFINITY, |second| -second)
    }

    /// Probabilities, of shape (rows, occurring) or of the second of two, of the shape
    /// that a prediction has.
    pub(crate) fn probabilities(&self, probabilities: Vec<f64>) -> Vec<f64> {
        self.of_all(probabilities, 0.0, |second| 1.0 - second)
    }

    /// Predictions by probabilities of shape (rows, occurring); of two classes, of
    /// the second alone.
    pub(crate) fn of_probabilities(&self, probabilities: Vec<f64>) -> PredictionValues {
        let probabilities = self.probabilities(probabilities);
        match self.all {
            2 => PredictionValues::Binary(probabilities),
            _ => PredictionValues::Multiclass(probabilities),
        }
    }

    /// The numbers a row that estimators have: one for two classes.
    fn width(&self) -> usize {
        if self.count() == 2 { 1 } else { self.count() }
    }

    /// Numbers of the classes that occur as those of all labels: of shape (rows, all),
    /// or of the second of two labels. A class that does not occur has `absent`; that of
    /// the first of two is `first` of the second's.
    fn of_all(&self, numbers: Vec<f64>, absent: f64, first: impl Fn(f64) -> f64) -> Vec<f64> {
        let all = self.all as usize;
        if all == self.count() {
            return numbers;
        }
        let width = self.width();
        let mut table = vec![absent; numbers.len() / width * all];
        let rows = table.chunks_exact_mut(all);
        for (out, row) in rows.zip(numbers.chunks_exact(width)) {
            if let ([one], [a, b]) = (row, self.labels.as_slice()) {
                out[*a as usize] = first(*one);
                out[*b as usize] = *one;
                continue;
            }
            for (&label, &number) in self.labels.iter().zip(row) {
                out[label as usize] = number;
            }
        }
        if all == 2 {
            return table.chunks_exact(2).map(|row| row[1]).collect();
        }
        table
    }
}

/// The first place of the greatest number.
pub(crate) fn first_greatest(row: &[f64]) -> usize {
    let mut best = 0;
    for (place, value) in row.iter().enumerate() {
        if *value > row[best] {
            best = place;
        }
    }
    best
}
