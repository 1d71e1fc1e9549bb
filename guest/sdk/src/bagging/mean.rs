//! [`Sums`]: the mean of the predictions of the members of a bag, as scikit-learn's
//! `BaggingClassifier` and `BaggingRegressor` take it.

use crate::trainer::{Prediction, PredictionValues};

/// Sums of the predictions of members for the same rows, added in the order of these.
#[derive(Clone, Debug)]
pub(super) struct Sums {
    members: u32,
    /// The number of classes; 0 for numbers.
    classes: usize,
    /// Numbers; or of classes: probabilities, or votes where members have none. One number
    /// per row for numbers and for class 1 of two, else of shape (rows, classes).
    values: Vec<f64>,
    /// Of members that rank rows by other numbers.
    decisions: Option<Decisions>,
}

#[derive(Clone, Debug)]
struct Decisions {
    /// In the shape of the values. Negative infinity is left out.
    values: Vec<f64>,
    /// By column: the members that know its class.
    known: Vec<u32>,
}

impl Sums {
    /// Those of no member, of a target of `classes` classes (0 for numbers).
    pub(super) fn new(classes: usize) -> Self {
        Self {
            members: 0,
            classes,
            values: Vec::new(),
            decisions: None,
        }
    }

    /// The members that were added.
    pub(super) fn members(&self) -> u32 {
        self.members
    }

    /// The numbers of each row.
    fn width(&self) -> usize {
        width(self.classes)
    }

    /// Adds what one member predicts.
    pub(super) fn add(&mut self, prediction: Prediction<'_>) {
        self.members += 1;
        let classes = self.classes;
        match prediction {
            Prediction::Numbers(values)
            | Prediction::Binary(values)
            | Prediction::Multiclass(values)
            | Prediction::Decisions {
                probabilities: Some(values),
                ..
            } => add(&mut self.values, values.iter().copied(), values.len()),
            Prediction::Classes(codes) | Prediction::Decisions { classes: codes, .. } => {
                let votes = codes.iter().flat_map(|&code| votes(code, classes));
                let width = self.width();
                add(&mut self.values, votes, codes.len() * width);
            }
        }
        if let Prediction::Decisions { values, .. } = prediction {
            let width = self.width();
            let sums = self.decisions.get_or_insert_with(|| Decisions {
                values: Vec::new(),
                known: vec![0; width],
            });
            // A class that a member does not know is so for all rows.
            let first = values.get(..width).unwrap_or_default();
            for (known, value) in sums.known.iter_mut().zip(first) {
                *known += u32::from(*value != f64::NEG_INFINITY);
            }
            let known = values.iter().map(|&value| match value {
                f64::NEG_INFINITY => 0.0,
                value => value,
            });
            add(&mut sums.values, known, values.len());
        }
    }

    /// The mean of at least one member.
    pub(super) fn mean(&self) -> PredictionValues {
        let count = f64::from(self.members);
        let means: Vec<f64> = self.values.iter().map(|sum| sum / count).collect();
        let Some(decisions) = &self.decisions else {
            return match self.classes {
                0 => PredictionValues::Numbers(means),
                2 => PredictionValues::Binary(means),
                _ => PredictionValues::Multiclass(means),
            };
        };
        let probabilities = match self.classes {
            2 => Prediction::Binary(&means),
            _ => Prediction::Multiclass(&means),
        };
        let values = decisions.values.chunks_exact(self.width()).flat_map(|row| {
            row.iter().zip(&decisions.known).map(|(sum, &known)| {
                if known == 0 {
                    f64::NEG_INFINITY
                } else {
                    sum / f64::from(known)
                }
            })
        });
        PredictionValues::Decisions {
            classes: probabilities.classes(self.classes).into_owned(),
            values: values.collect(),
            probabilities: Some(means),
        }
    }
}

/// The numbers of each row of a prediction.
fn width(classes: usize) -> usize {
    if classes <= 2 { 1 } else { classes }
}

/// The vote for a class, in the shape of probabilities.
pub(super) fn votes(code: u32, classes: usize) -> impl Iterator<Item = f64> {
    let columns = match classes {
        2 => 1..2,
        _ => 0..classes as u32,
    };
    columns.map(move |class| f64::from(u8::from(class == code)))
}

fn add(sums: &mut Vec<f64>, values: impl Iterator<Item = f64>, len: usize) {
    if sums.is_empty() {
        sums.resize(len, 0.0);
    }
    sums.iter_mut().zip(values).for_each(|(sum, it)| *sum += it);
}

/// The values of a prediction.
pub(super) fn owned(prediction: Prediction<'_>) -> PredictionValues {
    match prediction {
        Prediction::Classes(codes) => PredictionValues::Classes(codes.to_vec()),
        Prediction::Binary(ones) => PredictionValues::Binary(ones.to_vec()),
        Prediction::Multiclass(table) => PredictionValues::Multiclass(table.to_vec()),
        Prediction::Numbers(numbers) => PredictionValues::Numbers(numbers.to_vec()),
        Prediction::Decisions {
            classes,
            values,
            probabilities,
        } => PredictionValues::Decisions {
            classes: classes.to_vec(),
            values: values.to_vec(),
            probabilities: probabilities.map(<[f64]>::to_vec),
        },
    }
}

/// The predictions of two lists of rows by one model, one after the other.
pub(super) fn joined(first: &PredictionValues, second: &PredictionValues) -> PredictionValues {
    use PredictionValues::{Binary, Classes, Decisions, Multiclass, Numbers};
    match (first, second) {
        (Classes(a), Classes(b)) => Classes([&a[..], b].concat()),
        (Binary(a), Binary(b)) => Binary([&a[..], b].concat()),
        (Multiclass(a), Multiclass(b)) => Multiclass([&a[..], b].concat()),
        (Numbers(a), Numbers(b)) => Numbers([&a[..], b].concat()),
        (
            Decisions {
                classes: a,
                values: values_a,
                probabilities: some_a,
            },
            Decisions {
                classes: b,
                values: values_b,
                probabilities: some_b,
            },
        ) => Decisions {
            classes: [&a[..], b].concat(),
            values: [&values_a[..], values_b].concat(),
            probabilities: some_a
                .as_ref()
                .zip(some_b.as_ref())
                .map(|(a, b)| [&a[..], b].concat()),
        },
        _ => unreachable!("a trainer predicts all rows in one way"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean(classes: usize, predictions: &[Prediction<'_>]) -> PredictionValues {
        let mut sums = Sums::new(classes);
        predictions.iter().for_each(|&one| sums.add(one));
        sums.mean()
    }

    #[test]
    fn probabilities_and_numbers_are_averaged() {
        let numbers = mean(
            0,
            &[
                Prediction::Numbers(&[1.0, 4.0]),
                Prediction::Numbers(&[2.0, 0.0]),
            ],
        );
        assert!(matches!(numbers, PredictionValues::Numbers(it) if it == [1.5, 2.0]));
        let binary = mean(
            2,
            &[
                Prediction::Binary(&[0.25, 0.5]),
                Prediction::Binary(&[0.75, 1.0]),
            ],
        );
        assert!(matches!(binary, PredictionValues::Binary(it) if it == [0.5, 0.75]));
    }

    #[test]
    fn members_without_probabilities_vote() {
        let binary = [
            Prediction::Classes(&[1, 0]),
            Prediction::Classes(&[1, 1]),
            Prediction::Classes(&[0, 0]),
        ];
        let binary = mean(2, &binary);
        assert!(matches!(binary, PredictionValues::Binary(it) if it == [2.0 / 3.0, 1.0 / 3.0]));
        let classes = mean(3, &[Prediction::Classes(&[2]), Prediction::Classes(&[0])]);
        assert!(matches!(classes, PredictionValues::Multiclass(it) if it == [0.5, 0.0, 0.5]));
    }

    #[test]
    fn decisions_are_averaged_and_classes_are_voted_for() {
        let decisions = |classes, values| Prediction::Decisions {
            classes,
            values,
            probabilities: None,
        };
        let unknown = f64::NEG_INFINITY;
        let found = mean(
            3,
            &[
                decisions(&[0, 2], &[3.0, unknown, 1.0, -1.0, unknown, 1.0]),
                decisions(&[1, 2], &[1.0, 2.0, 0.0, 0.0, 0.0, 5.0]),
                decisions(&[1, 2], &[2.0, 4.0, -1.0, -2.0, 1.0, 3.0]),
            ],
        );
        let PredictionValues::Decisions {
            classes,
            values,
            probabilities,
        } = found
        else {
            panic!("{found:?}");
        };
        assert_eq!(classes, [1, 2]);
        assert_eq!(values, [2.0, 3.0, 0.0, -1.0, 0.5, 3.0]);
        let thirds = [1.0 / 3.0, 2.0 / 3.0, 0.0, 0.0, 0.0, 1.0];
        assert_eq!(probabilities.unwrap(), thirds);
    }
}
