//! [`Neighbors`]: the trainer `k_neighbors`.

use std::convert::Infallible;

use fanout_sdk::contract::MemoryUse;
use fanout_sdk::dense::{DenseData, DenseTarget, DenseTrainer, EachPrediction};
use fanout_sdk::{Fault, Matrix, Param, Params, PredictionValues, TrainerDescription};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::classes::Occurring;
use crate::describe::{Gives, Values, at_least, choice, count, dense};

mod filter;
mod index;
mod nearest;
#[cfg(test)]
mod tests;
mod tree;

pub use crate::points::{Metric, Points};
pub use index::Index;
pub use tree::Tree;

use nearest::Neighbor;

/// scikit-learn's `KNeighborsClassifier`, the shares of the classes among the nearest
/// training rows, and `KNeighborsRegressor`, the mean of these. Their parameters are
/// the same.
///
/// | parameter | default | meaning |
/// | --- | --- | --- |
/// | `n_neighbors` | 5 | the number of neighbours (nested) |
/// | `weights` | `uniform` | their weights: `uniform`, or `distance`, the inverse of it (nested) |
/// | `p` | 2 | the order of the Minkowski metric |
/// | `metric` | `minkowski` | `minkowski`, `euclidean` or `manhattan` |
///
/// Distances are exact: sums of the terms of the columns, in their order, of all points
/// but those that single precision shows to be too far; of equal
/// distances the row that comes first is nearer. All candidates of one metric share
/// one search.
#[derive(Debug)]
pub struct Neighbors(Infallible);

/// A fitted estimator of nearest neighbours.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NeighborsModel {
    index: Index,
    target: Learned,
    rule: Rule,
}

/// What a fit learned of the target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Learned {
    Classes {
        occurring: Occurring,
        codes: Vec<u32>,
    },
    Numbers(Vec<f64>),
}

/// How neighbours make a prediction.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Rule {
    count: usize,
    by_distance: bool,
}

impl Rule {
    /// The rule of a candidate.
    fn of(params: &Params, points: usize) -> Result<Self, Fault> {
        let count = params.count("n_neighbors");
        if count > points {
            return Err(Fault::InvalidParams(format!(
                "`n_neighbors` is {count}, but there are only {points} training rows"
            )));
        }
        Ok(Self {
            count,
            by_distance: params.text("weights") == "distance",
        })
    }

    /// Calls `each` with the neighbours that count and their weights.
    #[inline(always)]
    fn weigh(self, neighbors: &[Distant], mut each: impl FnMut(u32, f64)) {
        let neighbors = &neighbors[..self.count];
        if !self.by_distance {
            neighbors
                .iter()
                .for_each(|neighbor| each(neighbor.point, 1.0));
            return;
        }
        // Points at the very place of the query are the only ones that count.
        let is_met = neighbors[0].inverse.is_infinite();
        for neighbor in neighbors {
            let weight = if is_met {
                f64::from(neighbor.inverse.is_infinite())
            } else {
                neighbor.inverse
            };
            each(neighbor.point, weight);
        }
    }
}

/// A neighbour with one over its distance.
struct Distant {
    point: u32,
    inverse: f64,
}

fn metric(params: &Params) -> Metric {
    match params.text("metric") {
        "euclidean" => Metric::Euclidean,
        "manhattan" => Metric::Manhattan,
        _ => Metric::of_order(params.number("p")),
    }
}

impl Learned {
    fn of(data: &DenseData<'_>) -> Self {
        match &data.target {
            DenseTarget::Classes { labels, codes } => Self::Classes {
                // A class without training rows has no neighbours, and needs no
                // place of its own.
                occurring: Occurring {
                    labels: (0..labels.len() as u32).collect(),
                    all: labels.len() as u32,
                },
                codes: codes.clone(),
            },
            DenseTarget::Numbers(numbers) => Self::Numbers(numbers.clone()),
        }
    }

    /// The predictions of queries by their nearest points, `width` each.
    fn predict(&self, neighbors: &[Distant], width: usize, rule: Rule) -> PredictionValues {
        let queries = neighbors.chunks_exact(width);
        match self {
            Self::Numbers(numbers) => {
                let number = |neighbors: &[Distant]| {
                    let (mut sum, mut total) = (0.0, 0.0);
                    rule.weigh(neighbors, |point, weight| {
                        sum += weight * numbers[point as usize];
                        total += weight;
                    });
                    sum / total
                };
                PredictionValues::Numbers(queries.map(number).collect())
            }
            Self::Classes { occurring, codes } => {
                let classes = occurring.count();
                let mut table = Vec::with_capacity(queries.len() * classes);
                let mut votes = vec![0.0; classes];
                for neighbors in queries {
                    votes.fill(0.0);
                    rule.weigh(neighbors, |point, weight| {
                        votes[codes[point as usize] as usize] += weight;
                    });
                    let total: f64 = votes.iter().sum();
                    if classes == 2 {
                        table.push(votes[1] / total);
                    } else {
                        table.extend(votes.iter().map(|vote| vote / total));
                    }
                }
                occurring.of_probabilities(table)
            }
        }
    }
}

/// The nearest `count` points of rows, with distances.
fn search(index: &Index, matrix: &Matrix, rows: &[u32], count: usize) -> Vec<Distant> {
    let nearest = index.nearest(matrix, rows, count).into_iter();
    nearest
        .map(|Neighbor { sum, point }| Distant {
            point,
            inverse: 1.0 / index.metric.distance(sum),
        })
        .collect()
}

impl DenseTrainer for Neighbors {
    type Model = NeighborsModel;

    fn description() -> TrainerDescription {
        dense(
            "k_neighbors",
            "The nearest training rows, by a tree or by all distances, whichever is sooner; all \
             candidates of one metric share one search (ours, not linfa's: ties, weights, coded \
             columns, speed).",
            Gives::UnweightedAny,
            vec![
                Param::new(
                    "n_neighbors",
                    vec![count(1)],
                    json!(5),
                    "The number of neighbours.",
                )
                .nested(),
                Param::new(
                    "weights",
                    vec![choice(&["uniform", "distance"])],
                    json!("uniform"),
                    "The weights of the neighbours: all the same, or the inverse of the distance.",
                )
                .nested(),
                Param::new(
                    "p",
                    vec![at_least(1.0)],
                    json!(2),
                    "The order of the metric `minkowski`: 1 sums differences, 2 is Euclid's.",
                ),
                Param::new(
                    "metric",
                    vec![choice(&["minkowski", "euclidean", "manhattan"])],
                    json!("minkowski"),
                    "The metric.",
                ),
            ],
        )
        .effort(0.05, 2.2, 1.0)
        .each_candidate(0.01)
        .memory(MemoryUse {
            row: 700,
            ..MemoryUse::default()
        })
    }

    fn fit(data: &DenseData<'_>, params: &Params) -> Result<NeighborsModel, Fault> {
        Ok(NeighborsModel {
            rule: Rule::of(params, data.train.len())?,
            index: Index::new(data.matrix, data.train, metric(params)),
            target: Learned::of(data),
        })
    }

    fn predict(
        model: &NeighborsModel,
        matrix: &Matrix,
        rows: &[u32],
    ) -> Result<PredictionValues, Fault> {
        let count = model.rule.count;
        let neighbors = search(&model.index, matrix, rows, count);
        Ok(model.target.predict(&neighbors, count, model.rule))
    }

    /// One search per metric for the greatest number of neighbours; the nearest of
    /// these are the neighbours of every other candidate.
    fn evaluate(
        data: &DenseData<'_>,
        candidates: &[Params],
        sets: &[&[u32]],
        each: &mut EachPrediction<'_>,
    ) -> Result<u32, Fault> {
        let rules = candidates
            .iter()
            .map(|params| Rule::of(params, data.train.len()))
            .collect::<Result<Vec<Rule>, Fault>>()?;
        let metrics: Vec<Metric> = candidates.iter().map(metric).collect();
        let target = Learned::of(data);
        let mut fits = 0;
        for (first, &metric) in metrics.iter().enumerate() {
            if metrics[..first].contains(&metric) {
                continue;
            }
            fits += 1;
            let index = Index::new(data.matrix, data.train, metric);
            let group: Vec<usize> = (first..rules.len())
                .filter(|&candidate| metrics[candidate] == metric)
                .collect();
            let counts = group.iter().map(|&candidate| rules[candidate].count);
            let width = counts.max().unwrap_or(1);
            for (set, rows) in sets.iter().enumerate() {
                let neighbors = search(&index, data.matrix, rows, width);
                for &candidate in &group {
                    let values = target.predict(&neighbors, width, rules[candidate]);
                    each(candidate, set, values.as_prediction())?;
                }
            }
        }
        Ok(fits)
    }
}
