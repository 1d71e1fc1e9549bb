//! [`Sampler`]: the rows and the columns that each member of a bag is fitted on.
//!
//! What a member draws depends on `random_state` and its index alone, and on the numbers
//! of rows and columns to draw from and their weights: neither on how many members there
//! are, nor on which of them are fitted together. Rows, columns and the member's own seed
//! have a stream of random numbers each, so that `max_features` changes no rows.

use serde_json::Value;

use crate::contract::bagging::{
    BOOTSTRAP, BOOTSTRAP_FEATURES, MAX_FEATURES, MAX_SAMPLES, RANDOM_STATE,
};
use crate::random::Random;
use crate::{Fault, Params};

/// Draws rows and columns for the members of a bag.
#[derive(Clone, Debug)]
pub(super) struct Sampler {
    /// The training rows.
    rows: usize,
    columns: usize,
    /// The rows and the columns to draw.
    samples: usize,
    features: usize,
    bootstrap: bool,
    bootstrap_features: bool,
    random_state: u64,
    weights: Option<Weights>,
}

/// The weights of the training rows.
#[derive(Clone, Debug)]
struct Weights {
    each: Vec<f64>,
    /// The sums of the weights up to each row.
    sums: Vec<f64>,
}

/// What a member is fitted on.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Draw {
    /// How often each training row was drawn, in the order of these.
    pub(super) counts: Vec<u32>,
    /// The columns, ascending, one as often as it was drawn; `None` for all, each once.
    pub(super) columns: Option<Vec<u32>>,
    /// The member's `random_state`, of 31 bits.
    pub(super) seed: u32,
}

impl Sampler {
    /// The sampler of a candidate, for a number of training rows, with their weights if
    /// they have any, and of columns.
    ///
    /// # Errors
    /// [`Fault::InvalidParams`] if more is to be drawn than there is.
    pub(super) fn new(
        params: &Params,
        rows: usize,
        columns: usize,
        weights: Option<Vec<f64>>,
    ) -> Result<Self, Fault> {
        let weights = weights.map(Weights::new).transpose()?;
        let total = weights.as_ref().map_or(rows as f64, Weights::total);
        let samples = size(&params[MAX_SAMPLES], rows, total);
        let features = size(&params[MAX_FEATURES], columns, columns as f64);
        let bootstrap = params[BOOTSTRAP] == Value::Bool(true);
        let refused = |name: &str, drawn: usize, what: &str, of: usize, hint: &str| {
            Err(Fault::InvalidParams(format!(
                "`{name}` asks for {drawn} {what}, and there are {of}{hint}"
            )))
        };
        let drawable = weights.as_ref().map_or(rows, Weights::positive);
        if !bootstrap && samples > drawable {
            let what = match weights {
                Some(_) => "training rows of a weight above 0",
                None => "training rows",
            };
            let hint = "; without `bootstrap`, each is drawn at most once";
            return refused(MAX_SAMPLES, samples, what, drawable, hint);
        }
        if features > columns {
            return refused(MAX_FEATURES, features, "columns", columns, "");
        }
        Ok(Self {
            rows,
            columns,
            samples,
            features,
            bootstrap,
            bootstrap_features: params[BOOTSTRAP_FEATURES] == Value::Bool(true),
            random_state: params[RANDOM_STATE].as_u64().unwrap_or_default(),
            weights,
        })
    }

    /// What member `index` is fitted on.
    pub(super) fn draw(&self, index: u32) -> Draw {
        // Mixed twice: neighbouring states of the generator share numbers.
        let of_bag = Random::new(self.random_state).next_u64();
        let of_member = Random::new(of_bag.wrapping_add(index.into())).next_u64();
        let mut streams = Random::new(of_member);
        let seed = (streams.next_u64() >> 33) as u32;
        let mut of_columns = Random::new(streams.next_u64());
        let mut of_rows = Random::new(streams.next_u64());
        let is_whole = !self.bootstrap_features && self.features == self.columns;
        let columns = (!is_whole).then(|| {
            let replace = self.bootstrap_features;
            let counts = uniform(&mut of_columns, self.columns, self.features, replace);
            repeated(0..self.columns as u32, &counts)
        });
        let counts = match (&self.weights, self.bootstrap) {
            (None, replace) => uniform(&mut of_rows, self.rows, self.samples, replace),
            (Some(weights), true) => weights.with_replacement(&mut of_rows, self.samples),
            (Some(weights), false) => weights.without_replacement(&mut of_rows, self.samples),
        };
        Draw {
            counts,
            columns,
            seed,
        }
    }
}

impl Draw {
    /// The drawn ones of `rows`, the training rows, ascending, each as often as it was
    /// drawn.
    pub(super) fn rows(&self, rows: &[u32]) -> Vec<u32> {
        repeated(rows.iter().copied(), &self.counts)
    }

    /// Whether no row was drawn twice.
    pub(super) fn is_distinct(&self) -> bool {
        self.counts.iter().all(|&count| count <= 1)
    }

    /// The ones of `rows` that were drawn, or those that were not.
    pub(super) fn chosen(&self, rows: &[u32], drawn: bool) -> Vec<u32> {
        let rows = rows.iter().zip(&self.counts);
        let rows = rows.filter(|(_, count)| (**count > 0) == drawn);
        rows.map(|(&row, _)| row).collect()
    }
}

fn repeated(items: impl Iterator<Item = u32>, counts: &[u32]) -> Vec<u32> {
    let each = items.zip(counts);
    each.flat_map(|(item, &count)| std::iter::repeat_n(item, count as usize))
        .collect()
}

/// How many to draw; a share is of `total`.
fn size(value: &Value, all: usize, total: f64) -> usize {
    match (value, value.as_u64()) {
        (Value::Null, _) => all,
        (_, Some(count)) => usize::try_from(count).unwrap_or(usize::MAX),
        // As Python's `int`.
        (_, None) => ((value.as_f64().unwrap_or(1.0) * total) as usize).max(1),
    }
}

/// How often each of `all` was drawn in `count` draws of equal chances.
fn uniform(random: &mut Random, all: usize, count: usize, replace: bool) -> Vec<u32> {
    let mut counts = vec![0; all];
    if replace {
        for _ in 0..count {
            counts[random.below(all)] += 1;
        }
        return counts;
    }
    if count == all {
        return vec![1; all];
    }
    // The first places of a shuffled list.
    let mut places: Vec<u32> = (0..all as u32).collect();
    for place in 0..count {
        let drawn = place + random.below(all - place);
        places.swap(place, drawn);
        counts[places[place] as usize] = 1;
    }
    counts
}

impl Weights {
    fn new(each: Vec<f64>) -> Result<Self, Fault> {
        let sums = each.iter().scan(0.0, |sum, weight| {
            *sum += weight;
            Some(*sum)
        });
        let weights = Self {
            sums: sums.collect(),
            each,
        };
        if weights.total() > 0.0 {
            return Ok(weights);
        }
        let message = "members are drawn by the weights of the training rows, which are all 0";
        Err(Fault::Failed(message.to_owned()))
    }

    fn total(&self) -> f64 {
        self.sums.last().copied().unwrap_or_default()
    }

    fn positive(&self) -> usize {
        self.each.iter().filter(|weight| **weight > 0.0).count()
    }

    /// Chances are as the weights.
    fn with_replacement(&self, random: &mut Random, count: usize) -> Vec<u32> {
        let mut counts = vec![0; self.each.len()];
        let last = self.each.iter().rposition(|weight| *weight > 0.0);
        for _ in 0..count {
            let drawn = random.next_f64() * self.total();
            let place = self.sums.partition_point(|sum| *sum <= drawn);
            // A product may be rounded up to the sum of all.
            counts[place.min(last.unwrap_or(place))] += 1;
        }
        counts
    }

    /// One after the other, the chances of those that are left as their weights: the
    /// least of exponential variables with the weights as rates.
    fn without_replacement(&self, random: &mut Random, count: usize) -> Vec<u32> {
        let times = self.each.iter().map(|weight| {
            let time = -libm::log(1.0 - random.next_f64()) / weight;
            if *weight > 0.0 { time } else { f64::INFINITY }
        });
        let times: Vec<f64> = times.collect();
        let mut places: Vec<usize> = (0..times.len()).collect();
        places.sort_by(|&a, &b| times[a].total_cmp(&times[b]));
        let mut counts = vec![0; times.len()];
        for &place in &places[..count] {
            counts[place] = 1;
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::contract::bagging;

    fn params(changes: Value) -> Params {
        let params = bagging::params().into_iter();
        let mut params: Params = params.map(|param| (param.name, param.default)).collect();
        for (name, value) in changes.as_object().unwrap() {
            params.insert(format!("bagging__{name}"), value.clone());
        }
        params
    }

    fn sampler(changes: Value, weights: Option<Vec<f64>>) -> Result<Sampler, Fault> {
        Sampler::new(&params(changes), 40, 7, weights)
    }

    #[test]
    fn sizes_are_those_of_scikit_learn() {
        let sizes = |changes, weights| {
            let sampler = sampler(changes, weights).unwrap();
            (sampler.samples, sampler.features)
        };
        assert_eq!(sizes(json!({}), None), (40, 7));
        assert_eq!(
            sizes(json!({"max_samples": 0.99, "max_features": 0.5}), None),
            (39, 3)
        );
        assert_eq!(
            sizes(json!({"max_samples": 1e-9, "max_features": 1e-9}), None),
            (1, 1)
        );
        // More than there are, with replacement.
        assert_eq!(
            sizes(json!({"max_samples": 60, "max_features": 2}), None),
            (60, 2)
        );
        // A share of the weights.
        let weights = Some(vec![2.5; 40]);
        assert_eq!(sizes(json!({"max_samples": 0.5}), weights.clone()), (50, 7));
        assert_eq!(sizes(json!({}), weights), (40, 7));
    }

    #[test]
    fn more_than_there_is_is_refused() {
        let refused = |changes, weights| sampler(changes, weights).unwrap_err().to_string();
        assert_eq!(
            refused(json!({"max_samples": 41, "bootstrap": false}), None),
            "invalid hyper-parameters: `bagging__max_samples` asks for 41 training rows, and \
             there are 40; without `bootstrap`, each is drawn at most once"
        );
        let mut weights = vec![1.0; 40];
        weights[3] = 0.0;
        assert_eq!(
            refused(json!({"bootstrap": false}), Some(weights)),
            "invalid hyper-parameters: `bagging__max_samples` asks for 40 training rows of a \
             weight above 0, and there are 39; without `bootstrap`, each is drawn at most once"
        );
        assert_eq!(
            refused(json!({"max_features": 8, "bootstrap_features": true}), None),
            "invalid hyper-parameters: `bagging__max_features` asks for 8 columns, and there are 7"
        );
        assert_eq!(
            refused(json!({}), Some(vec![0.0; 40])),
            "the fit failed: members are drawn by the weights of the training rows, which are all 0"
        );
    }

    #[test]
    fn all_rows_and_columns_without_replacement_are_each_once() {
        let draw = sampler(json!({"bootstrap": false}), None).unwrap().draw(3);
        assert_eq!((draw.counts, draw.columns), (vec![1; 40], None));
    }

    /// Frequencies over many members, against chances that are known.
    #[test]
    fn draws_have_the_chances_of_the_weights() {
        const MEMBERS: u32 = 4000;
        let mut weights = vec![1.0; 40];
        (weights[0], weights[39]) = (0.0, 11.0);
        for (changes, weights, first, second, last) in [
            // 10 of 40.
            (json!({"max_samples": 10}), None, 0.25, 0.25, 0.25),
            (
                json!({"max_samples": 10, "bootstrap": false}),
                None,
                0.25,
                0.25,
                0.25,
            ),
            // The weights sum to 49.
            (
                json!({"max_samples": 10}),
                Some(weights.clone()),
                0.0,
                10.0 / 49.0,
                110.0 / 49.0,
            ),
            // One without replacement is one with it.
            (
                json!({"max_samples": 1, "bootstrap": false}),
                Some(weights),
                0.0,
                1.0 / 49.0,
                11.0 / 49.0,
            ),
        ] {
            let sampler = sampler(changes, weights).unwrap();
            let mut sums = [0_u32; 40];
            for member in 0..MEMBERS {
                let counts = sampler.draw(member).counts;
                sums.iter_mut().zip(counts).for_each(|(sum, it)| *sum += it);
            }
            for (place, expected) in [(0, first), (1, second), (39, last)] {
                let found = f64::from(sums[place]) / f64::from(MEMBERS);
                // Five standard errors of a count that varies no more than Poisson's.
                let error = 5.0 * (f64::max(expected, 1e-9) / f64::from(MEMBERS)).sqrt();
                assert!(
                    (found - expected).abs() <= error,
                    "{found} for {expected} at {place}"
                );
            }
        }
    }

    proptest! {
        #[test]
        fn draws_are_of_the_sizes_and_depend_on_seed_and_index_alone(
            rows in 1_usize..60,
            columns in 1_usize..12,
            samples in 1_usize..60,
            features in 1_usize..12,
            flags in any::<[bool; 3]>(),
            (seed, index) in any::<(u64, u32)>(),
        ) {
            let [bootstrap, bootstrap_features, weighted] = flags;
            let (samples, features) = (samples.min(rows), features.min(columns));
            let seed = seed >> 1;
            let weights = weighted.then(|| (0..rows).map(|row| 1.0 + row as f64).collect());
            let changes = json!({
                "max_samples": samples, "max_features": features, "random_state": seed,
                "bootstrap": bootstrap, "bootstrap_features": bootstrap_features,
            });
            let of = |changes: Value| {
                Sampler::new(&params(changes), rows, columns, weights.clone()).unwrap()
            };
            let draw = of(changes.clone()).draw(index);
            prop_assert_eq!(&draw, &of(changes.clone()).draw(index));
            prop_assert_eq!(draw.counts.len(), rows);
            prop_assert_eq!(draw.counts.iter().sum::<u32>() as usize, samples);
            prop_assert!(bootstrap || draw.is_distinct());
            let all: Vec<u32> = (0..rows as u32).collect();
            prop_assert_eq!(draw.rows(&all).len(), samples);
            let parts = draw.chosen(&all, true).len() + draw.chosen(&all, false).len();
            prop_assert_eq!(parts, rows);
            match &draw.columns {
                Some(drawn) => {
                    prop_assert_eq!(drawn.len(), features);
                    prop_assert!(drawn.is_sorted());
                    prop_assert!(drawn.iter().all(|&column| (column as usize) < columns));
                    let distinct = drawn.windows(2).all(|pair| pair[0] < pair[1]);
                    prop_assert!(bootstrap_features || distinct);
                }
                None => prop_assert!(features == columns && !bootstrap_features),
            }
            // Fewer columns are drawn for the same rows.
            let mut fewer = changes;
            fewer["bagging"] = json!(null);
            fewer["max_features"] = json!(1);
            let fewer = of(fewer).draw(index);
            prop_assert_eq!((fewer.counts, fewer.seed), (draw.counts, draw.seed));
        }
    }
}
