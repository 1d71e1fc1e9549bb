//! [`Counts`]: how many rows of each class are, are said to be, and both; and
//! the metrics that follow from that.
//!
//! Formulas: <https://scikit-learn.org/1.9/modules/model_evaluation.html>,
//! with `zero_division=0`.

use crate::contract::metric::Average;

/// Counts of rows by class. A confusion matrix has more, but no metric here
/// needs its other cells.
#[derive(Clone, Debug)]
pub struct Counts {
    rows: u64,
    classes: Vec<Class>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Class {
    /// Rows that are of the class.
    real: u64,
    /// Rows that are said to be.
    said: u64,
    /// Rows that are, and are said to be.
    right: u64,
}

impl Class {
    fn precision(self) -> f64 {
        ratio(self.right, self.said)
    }

    fn recall(self) -> f64 {
        ratio(self.right, self.real)
    }

    fn f1(self) -> f64 {
        ratio(2 * self.right, self.real + self.said)
    }
}

/// A share, 0 of nothing.
fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}

impl Counts {
    /// Counts rows by their true and predicted class, indices below
    /// `classes`.
    pub fn of(truth: &[u32], predicted: &[u32], classes: usize) -> Self {
        let mut counts = vec![Class::default(); classes];
        for (real, said) in truth.iter().zip(predicted) {
            counts[*real as usize].real += 1;
            counts[*said as usize].said += 1;
            counts[*real as usize].right += u64::from(real == said);
        }
        Self {
            rows: truth.len() as u64,
            classes: counts,
        }
    }

    /// The share of right rows.
    pub fn accuracy(&self) -> f64 {
        self.right() as f64 / self.rows as f64
    }

    /// The mean recall over the classes that rows are of.
    pub fn balanced_accuracy(&self) -> f64 {
        let real = self.classes.iter().filter(|class| class.real > 0);
        super::mean(real.map(|class| class.recall()))
    }

    /// The multiclass correlation coefficient (Gorodkin, 2004); 0 where truth
    /// or prediction knows one class only.
    pub fn matthews_corrcoef(&self) -> f64 {
        let sum = |cell: fn(&Class) -> f64| self.classes.iter().map(cell).sum::<f64>();
        let all = (self.rows as f64) * (self.rows as f64);
        let real_said = sum(|c| c.real as f64 * c.said as f64);
        let said_said = all - sum(|c| c.said as f64 * c.said as f64);
        let real_real = all - sum(|c| c.real as f64 * c.real as f64);
        if said_said * real_real == 0.0 {
            return 0.0;
        }
        (self.right() as f64 * self.rows as f64 - real_said) / (said_said * real_real).sqrt()
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

    fn right(&self) -> u64 {
        self.classes.iter().map(|class| class.right).sum()
    }

    fn average(&self, average: Average, positive: usize, metric: fn(Class) -> f64) -> f64 {
        match average {
            Average::Binary => metric(self.classes[positive]),
            Average::Micro => metric(Class {
                real: self.rows,
                said: self.rows,
                right: self.right(),
            }),
            // A class that nothing is and nothing is said to be is no class
            // of these rows.
            Average::Macro => {
                let seen = self.classes.iter().filter(|c| c.real + c.said > 0);
                super::mean(seen.map(|class| metric(*class)))
            }
            Average::Weighted => {
                let weighted = self.classes.iter().map(|c| metric(*c) * c.real as f64);
                weighted.sum::<f64>() / self.rows as f64
            }
        }
    }
}
