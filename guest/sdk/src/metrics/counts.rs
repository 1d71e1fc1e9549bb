//! [`Counts`]: the numbers of actual, predicted and correctly predicted rows of
//! each class, and the metrics that are functions of them.
//!
//! Formulas: <https://scikit-learn.org/1.9/modules/model_evaluation.html>,
//! with `zero_division=0`.

use crate::contract::metric::Average;

/// The row sums, the column sums and the diagonal of the confusion matrix.
#[derive(Clone, Debug)]
pub struct Counts {
    rows: u64,
    classes: Vec<Class>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Class {
    /// Rows of the class.
    actual: u64,
    /// Rows that are predicted to be of the class.
    predicted: u64,
    /// Rows of the class that are predicted correctly.
    correct: u64,
}

impl Class {
    fn precision(self) -> f64 {
        ratio(self.correct, self.predicted)
    }

    fn recall(self) -> f64 {
        ratio(self.correct, self.actual)
    }

    fn f1(self) -> f64 {
        ratio(2 * self.correct, self.actual + self.predicted)
    }
}

/// `part / whole`, or 0 if `whole` is 0.
fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}

impl Counts {
    /// Counts rows by their true and predicted classes, which are less than
    /// `classes`.
    pub fn of(truth: &[u32], predicted: &[u32], classes: usize) -> Self {
        let mut counts = vec![Class::default(); classes];
        for (actual, predicted) in truth.iter().zip(predicted) {
            counts[*actual as usize].actual += 1;
            counts[*predicted as usize].predicted += 1;
            counts[*actual as usize].correct += u64::from(actual == predicted);
        }
        Self {
            rows: truth.len() as u64,
            classes: counts,
        }
    }

    /// The fraction of rows that are predicted correctly.
    pub fn accuracy(&self) -> f64 {
        self.correct() as f64 / self.rows as f64
    }

    /// The mean recall over the classes that have rows.
    pub fn balanced_accuracy(&self) -> f64 {
        let present = self.classes.iter().filter(|class| class.actual > 0);
        super::mean(present.map(|class| class.recall()))
    }

    /// The multiclass correlation coefficient (Gorodkin, 2004); 0 if all rows are
    /// of one class, or are predicted to be.
    pub fn matthews_corrcoef(&self) -> f64 {
        let sum = |cell: fn(&Class) -> f64| self.classes.iter().map(cell).sum::<f64>();
        let all = (self.rows as f64) * (self.rows as f64);
        let covariance = sum(|c| c.actual as f64 * c.predicted as f64);
        let predicted = all - sum(|c| c.predicted as f64 * c.predicted as f64);
        let actual = all - sum(|c| c.actual as f64 * c.actual as f64);
        if predicted * actual == 0.0 {
            return 0.0;
        }
        (self.correct() as f64 * self.rows as f64 - covariance) / (predicted * actual).sqrt()
    }

    /// Precision; `positive` is the class of [`Average::Binary`].
    pub fn precision(&self, average: Average, positive: usize) -> f64 {
        self.average(average, positive, Class::precision)
    }

    /// Recall; `positive` is the class of [`Average::Binary`].
    pub fn recall(&self, average: Average, positive: usize) -> f64 {
        self.average(average, positive, Class::recall)
    }

    /// F1; `positive` is the class of [`Average::Binary`].
    pub fn f1(&self, average: Average, positive: usize) -> f64 {
        self.average(average, positive, Class::f1)
    }

    fn correct(&self) -> u64 {
        self.classes.iter().map(|class| class.correct).sum()
    }

    fn average(&self, average: Average, positive: usize, metric: fn(Class) -> f64) -> f64 {
        match average {
            Average::Binary => metric(self.classes[positive]),
            Average::Micro => metric(Class {
                actual: self.rows,
                predicted: self.rows,
                correct: self.correct(),
            }),
            // Classes that are neither present nor predicted do not count.
            Average::Macro => {
                let seen = self.classes.iter().filter(|c| c.actual + c.predicted > 0);
                super::mean(seen.map(|class| metric(*class)))
            }
            Average::Weighted => {
                let weighted = self.classes.iter().map(|c| metric(*c) * c.actual as f64);
                weighted.sum::<f64>() / self.rows as f64
            }
        }
    }
}
