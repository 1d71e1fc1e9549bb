//! [`Training`]: what a model file keeps of the data on which the model was fitted:
//! where they were, and the [`Distribution`] of each column. Later data are held against
//! it.

use serde::{Deserialize, Serialize};

use crate::dataset::{ColumnValues, FileStamp};
use crate::digest::Digest;
use crate::plan::{Limits, PoolPlan};
use crate::store::Location;

/// Quantiles that are kept of a column of numbers.
pub const QUANTILES: usize = 1000;

/// Quantile bins of a column of numbers, at most.
const BINS: usize = 10;

/// Categories whose rows are counted, the most frequent ones.
const CATEGORIES: usize = 100;

/// The most values that are sorted for quantiles; of more, every `k`-th. Threat: a sort
/// of all rows of a large table, column by column.
const SORTED: usize = 1 << 20;

/// Of what a model was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// The source, a path in whole.
    pub source: String,
    /// The files that the model was trained on, as they were then.
    pub files: Vec<FileStamp>,
    /// Files that the models before it were trained on, and that it was not: where it was
    /// retrained on new files alone, these are not new.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<FileStamp>,
    /// The number of rows of its own files, held-out rows included, where it is known.
    pub rows: Option<u64>,
    /// The pool on which it was fitted.
    pub pool: PoolPlan,
    /// The store.
    pub store: Location,
    /// The limits of a task.
    pub limits: Limits,
    /// The run of the model that it was found to be better than, where it was retrained.
    pub retrained: Option<Digest>,
    /// The features of the rows that it was fitted on, in the order of the recipe.
    pub features: Vec<Distribution>,
    /// The target of these.
    pub target: Distribution,
    /// Its predictions of rows that it was not fitted on, where there are any.
    pub predictions: Option<Distribution>,
}

/// How the values of a column are distributed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Distribution {
    /// The column.
    pub name: String,
    /// The number of rows.
    pub rows: u64,
    /// Those without a value.
    pub missing: u64,
    /// The values of the others.
    pub values: Observed,
}

/// The values of a column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Observed {
    /// Numbers.
    Numbers {
        /// The upper ends of the bins but the last, ascending; a bin holds its upper end.
        edges: Vec<f64>,
        /// The rows of each bin.
        counts: Vec<u64>,
        /// All values, ascending, if there are no more than [`QUANTILES`]; else the values
        /// at the shares 1/1000 to 1 of the rows.
        quantiles: Vec<f64>,
    },
    /// Categories.
    Categories {
        /// The most frequent categories, and their rows; the most frequent first.
        counts: Vec<(String, u64)>,
        /// The rows of all others.
        others: u64,
    },
}

impl Distribution {
    /// That of the values of the column `name`, whose codes are below the number of its
    /// labels.
    pub fn of(name: &str, values: &ColumnValues) -> Self {
        let (missing, observed) = match values {
            ColumnValues::Numbers(numbers) => {
                let there = numbers.iter().filter(|number| !number.is_nan()).count();
                (numbers.len() - there, of_numbers(numbers))
            }
            ColumnValues::Labels { labels, codes } => {
                let mut of_label = vec![0_u64; labels.len()];
                for code in codes.iter().flatten() {
                    of_label[*code as usize] += 1;
                }
                let there: u64 = of_label.iter().sum();
                let named = labels.iter().cloned().zip(of_label);
                let named = named.filter(|(_, rows)| *rows > 0);
                let mut counts: Vec<(String, u64)> = named.collect();
                counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
                let rest = counts.split_off(counts.len().min(CATEGORIES));
                let others = rest.into_iter().map(|(_, rows)| rows).sum();
                let observed = Observed::Categories { counts, others };
                (codes.len() - there as usize, observed)
            }
        };
        Self {
            name: name.to_owned(),
            rows: values.len() as u64,
            missing: missing as u64,
            values: observed,
        }
    }
}

/// The numbers of a column that are there, ascending: all of them, or of many every
/// `k`-th. Infinite ones are the greatest that JSON can hold.
pub fn sorted(numbers: &[f64]) -> Vec<f64> {
    let step = numbers.len().div_ceil(SORTED).max(1);
    let some = numbers.iter().step_by(step);
    let some = some.filter(|number| !number.is_nan());
    let mut sorted: Vec<f64> = some.map(|number| finite(*number)).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted
}

/// The number, or the greatest of its sign. `-0.0` is 0.
fn finite(number: f64) -> f64 {
    number.clamp(f64::MIN, f64::MAX) + 0.0
}

/// The index of the bin of a number among bins with these upper ends.
pub fn bin(edges: &[f64], number: f64) -> usize {
    let number = finite(number);
    edges.partition_point(|edge| *edge < number)
}

fn of_numbers(numbers: &[f64]) -> Observed {
    let sorted = sorted(numbers);
    let edges = edges(&sorted);
    let mut counts = vec![0; edges.len() + 1];
    if numbers.len() <= SORTED {
        // All are sorted, so that a bin is a stretch of them.
        let mut before = 0;
        let ends = edges
            .iter()
            .map(|edge| sorted.partition_point(|n| n <= edge));
        for (count, end) in counts.iter_mut().zip(ends.chain([sorted.len()])) {
            *count = (end - before) as u64;
            before = end;
        }
    } else {
        for number in numbers.iter().filter(|number| !number.is_nan()) {
            counts[bin(&edges, *number)] += 1;
        }
    }
    let rows = sorted.len();
    let at = |share: usize| sorted[(rows * share).div_ceil(QUANTILES) - 1];
    let quantiles = match rows <= QUANTILES {
        true => sorted.clone(),
        false => (1..=QUANTILES).map(at).collect(),
    };
    Observed::Numbers {
        edges,
        counts,
        quantiles,
    }
}

/// The upper ends of the quantile bins of numbers, but the last. A number that several
/// quantiles are has a bin of its own, so that a column of few values has one for each.
fn edges(sorted: &[f64]) -> Vec<f64> {
    let Some(greatest) = sorted.last().copied() else {
        return Vec::new();
    };
    let quantile = |share: usize| sorted[(sorted.len() * share).div_ceil(BINS) - 1];
    let quantiles: Vec<f64> = (1..BINS).map(quantile).collect();
    let mut edges = Vec::new();
    for same in quantiles.chunk_by(|a, b| a == b) {
        let before = sorted.partition_point(|number| *number < same[0]);
        if same.len() > 1 && before > 0 {
            edges.push(sorted[before - 1]);
        }
        edges.push(same[0]);
    }
    edges.retain(|edge| *edge < greatest);
    edges.dedup();
    edges
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(values: impl IntoIterator<Item = f64>) -> (Vec<f64>, Vec<u64>, Vec<f64>) {
        let values = ColumnValues::Numbers(values.into_iter().collect());
        match Distribution::of("x", &values).values {
            Observed::Numbers {
                edges,
                counts,
                quantiles,
            } => (edges, counts, quantiles),
            Observed::Categories { .. } => panic!("they are numbers"),
        }
    }

    #[test]
    fn bins_hold_a_tenth_each() {
        let (edges, counts, quantiles) = numbers((1..=5000).map(f64::from));
        assert_eq!(
            edges,
            (1..10).map(|n| f64::from(n * 500)).collect::<Vec<_>>()
        );
        assert_eq!(counts, [500; 10]);
        assert_eq!(quantiles.len(), QUANTILES);
        assert_eq!((quantiles[0], quantiles[999]), (5.0, 5000.0));
    }

    #[test]
    fn a_frequent_number_has_a_bin_of_its_own() {
        let repeated = |values: &[(f64, usize)]| {
            let each = values.iter();
            let each = each.flat_map(|(value, rows)| std::iter::repeat_n(*value, *rows));
            let (edges, counts, _) = numbers(each.collect::<Vec<_>>());
            (edges, counts)
        };
        assert_eq!(repeated(&[(0.0, 95), (1.0, 5)]), (vec![0.0], vec![95, 5]));
        assert_eq!(repeated(&[(0.0, 5), (1.0, 95)]), (vec![0.0], vec![5, 95]));
        let middle = repeated(&[(1.0, 5), (2.0, 90), (3.0, 5)]);
        assert_eq!(middle, (vec![1.0, 2.0], vec![5, 90, 5]));
        assert_eq!(repeated(&[(7.0, 20)]), (vec![], vec![20]));
        // Without a value, there is a bin without rows.
        assert_eq!(numbers([f64::NAN]), (vec![], vec![0], vec![]));
    }

    #[test]
    fn the_most_frequent_categories_are_counted() {
        let labels: Vec<String> = (0..150).map(|label| label.to_string()).collect();
        let mut codes: Vec<Option<u32>> = (0..150).map(Some).collect();
        codes.extend([Some(149), Some(149), Some(7), None]);
        let found = Distribution::of("x", &ColumnValues::Labels { labels, codes });
        assert_eq!((found.rows, found.missing), (154, 1));
        let Observed::Categories { counts, others } = found.values else {
            panic!("they are categories");
        };
        assert_eq!(counts[..2], [("149".to_owned(), 3), ("7".to_owned(), 2)]);
        assert_eq!((counts.len(), others), (CATEGORIES, 50));
    }

    #[test]
    fn of_many_numbers_some_are_sorted_and_all_are_counted() {
        let rows = SORTED + SORTED / 2;
        let (edges, counts, quantiles) = numbers((0..rows).map(|row| row as f64));
        assert_eq!((edges.len(), quantiles.len()), (BINS - 1, QUANTILES));
        assert_eq!(counts.iter().sum::<u64>(), rows as u64);
        let tenth = (rows / BINS) as u64;
        assert!(
            counts.iter().all(|count| count.abs_diff(tenth) <= 4),
            "{counts:?}"
        );
    }

    #[test]
    fn infinite_numbers_are_kept_in_json() {
        let values = ColumnValues::Numbers(vec![f64::INFINITY, 1.0, f64::NEG_INFINITY]);
        let found = Distribution::of("x", &values);
        let json = serde_json::to_string(&found).unwrap();
        assert_eq!(serde_json::from_str::<Distribution>(&json).unwrap(), found);
    }
}
