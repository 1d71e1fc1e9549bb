//! Weighted means and variances of the columns of a [`Matrix`].

use super::chunk::{deviations, is_consecutive, near_mean, weighted_deviations};
use super::product::sum;
use super::{Block, CHUNK, Matrix, NumberColumn, not_encoded};

/// The moments of one column over some rows. Missing values are skipped.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moments {
    /// The sum of the weights of the rows that are not missing.
    pub weight: f64,
    /// The weighted mean; NaN if the weight is 0.
    pub mean: f64,
    /// The weighted mean of the squared deviations from the mean (the population's
    /// variance, of scikit-learn's scalers); NaN if the weight is 0.
    pub variance: f64,
}

impl Matrix {
    /// The moments of each column. `weights` has one entry per entry of `rows`;
    /// without weights all are 1.
    ///
    /// # Panics
    /// If the lengths differ, or a column is a category.
    pub fn moments(&self, rows: &[u32], weights: Option<&[f64]>) -> Vec<Moments> {
        assert!(
            weights.is_none_or(|weights| weights.len() == rows.len()),
            "one weight a row"
        );
        let total = weights.map_or(rows.len() as f64, sum);
        let consecutive: Vec<bool> = rows.chunks(CHUNK).map(is_consecutive).collect();
        let mut out = Vec::with_capacity(self.columns());
        for block in self.blocks() {
            match block {
                Block::Number(column) => {
                    out.push(of_numbers(column, rows, &consecutive, weights));
                }
                Block::Category(column) => not_encoded(column),
                Block::Coded(block) => {
                    let none = block.columns().len();
                    let mut slots = [0; CHUNK];
                    let mut counts = vec![0.0; none + 1];
                    for (at, rows) in rows.chunks(CHUNK).enumerate() {
                        block.slots(rows, none as u32, &mut slots);
                        let slots = &slots[..rows.len()];
                        match weights {
                            None => slots.iter().for_each(|&slot| counts[slot as usize] += 1.0),
                            Some(weights) => {
                                for (&slot, weight) in slots.iter().zip(&weights[at * CHUNK..]) {
                                    counts[slot as usize] += weight;
                                }
                            }
                        }
                    }
                    out.extend(block.columns().iter().zip(counts).map(|(column, count)| {
                        let share = count / total;
                        Moments {
                            weight: total,
                            mean: column.offset + column.scale * share,
                            variance: column.scale * column.scale * share * (1.0 - share),
                        }
                    }));
                }
            }
        }
        out
    }
}

/// The moments of a column of numbers: the deviations from a number near the mean, or,
/// with weights, from the mean, corrected by their mean.
fn of_numbers(
    column: &NumberColumn,
    rows: &[u32],
    consecutive: &[bool],
    weights: Option<&[f64]>,
) -> Moments {
    let mut buffer = [0.0; CHUNK];
    // The sums of the weights, and of the values that are not missing less `centre`,
    // and of their squares, times the weights.
    let mut pass = |centre: f64| {
        let mut total = [0.0; 3];
        for (at, (rows, &consecutive)) in rows.chunks(CHUNK).zip(consecutive).enumerate() {
            let values = &column.values.chunk(rows, consecutive, &mut buffer)[..rows.len()];
            let weights = weights.map(|weights| &weights[at * CHUNK..][..rows.len()]);
            let mut sums = sums_about(centre, values, weights);
            if sums[1].is_nan() {
                sums = sums_of_present(centre, values, weights);
            }
            total
                .iter_mut()
                .zip(sums)
                .for_each(|(total, sum)| *total += sum);
        }
        total
    };
    let mut centre = near_mean(rows.len(), |at| column.values.get(rows[at] as usize));
    if weights.is_some() {
        // Rows of the sample may weigh nothing.
        let [weight, sum, _] = pass(centre);
        centre += sum / weight;
    }
    let [weight, rest, squares] = pass(centre);
    if weight == 0.0 {
        // The sign of 0 / 0 depends on the processor.
        return Moments {
            weight,
            mean: f64::NAN,
            variance: f64::NAN,
        };
    }
    Moments {
        weight,
        mean: centre + rest / weight,
        variance: ((squares - rest * rest / weight) / weight).max(0.0),
    }
}

/// The sum of the weights of some values, and the weighted sums of `values - centre`
/// and of their squares.
fn sums_about(centre: f64, values: &[f64], weights: Option<&[f64]>) -> [f64; 3] {
    match weights {
        None => {
            let (first, second) = deviations(values, centre);
            [values.len() as f64, first, second]
        }
        Some(weights) => weighted_deviations(values, weights, centre),
    }
}

/// [`sums_about`] without the values that are missing.
fn sums_of_present(centre: f64, values: &[f64], weights: Option<&[f64]>) -> [f64; 3] {
    let (mut kept, mut kept_weights) = ([0.0; CHUNK], [0.0; CHUNK]);
    let mut len = 0;
    for (place, value) in values.iter().enumerate() {
        if !value.is_nan() {
            kept[len] = *value;
            kept_weights[len] = weights.map_or(1.0, |weights| weights[place]);
            len += 1;
        }
    }
    sums_about(centre, &kept[..len], weights.map(|_| &kept_weights[..len]))
}
