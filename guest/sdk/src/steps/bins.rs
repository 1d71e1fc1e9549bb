//! `k_bins_discretizer`: the interval that a number is in.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Fit, Step, at_least, choice, describe};
use crate::contract::{Param, StepDescription};
use crate::matrix::{Block, CodedBlock, CodedColumn, Codes};
use crate::onnx::{self, Columns, Graph};
use crate::{Fault, Matrix};

/// Encodes each column by its bins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct KBinsDiscretizer {
    /// By column: the inner edges. A number is in the bin of as many edges as are
    /// not above it.
    edges: Vec<Vec<f64>>,
    ordinal: bool,
}

impl Step for KBinsDiscretizer {
    const NAME: &'static str = "k_bins_discretizer";

    fn description() -> StepDescription {
        StepDescription {
            missing: false,
            ..describe::<Self>(
                "Divides the range of a column into bins, and encodes which one a number is in.",
                vec![
                    Param::new(
                        "n_bins",
                        vec![at_least(2)],
                        json!(5),
                        "The number of bins of a column. Bins narrower than 1e-8 are left out.",
                    ),
                    choice(
                        "encode",
                        &["onehot", "onehot-dense", "ordinal"],
                        "Whether a bin is a column of 0 and 1 (both `onehot` are the same here), \
                         or a number.",
                    ),
                    choice(
                        "strategy",
                        &["quantile", "uniform", "kmeans"],
                        "Whether bins have the same number of rows, the same width, or are \
                         clusters.",
                    ),
                    choice(
                        "quantile_method",
                        &[
                            "averaged_inverted_cdf",
                            "inverted_cdf",
                            "closest_observation",
                            "interpolated_inverted_cdf",
                            "hazen",
                            "weibull",
                            "linear",
                            "median_unbiased",
                            "normal_unbiased",
                        ],
                        "The definition of a quantile, as NumPy names it; the first two take \
                         weights.",
                    ),
                ],
            )
        }
    }

    fn fit(fit: &Fit<'_>) -> Result<Self, Fault> {
        let bins = fit.params.whole("n_bins").unwrap_or(5);
        let strategy = fit.params.text("strategy");
        let method = fit.params.text("quantile_method");
        let takes_weights = matches!(method, "averaged_inverted_cdf" | "inverted_cdf");
        if fit.weights.is_some() && strategy == "quantile" && !takes_weights {
            return Err(Fault::InvalidParams(format!(
                "`quantile_method: {method}` takes no weights; use `averaged_inverted_cdf`"
            )));
        }
        let weights = fit.train_weights();
        let places = fit.matrix.places().into_iter();
        let edges = places.map(|place| {
            let values = fit.matrix.blocks()[place.block].values(place.column, fit.train);
            let mut sample: Vec<(f64, f64)> = match &weights {
                None => values.into_iter().map(|x| (x, 1.0)).collect(),
                Some(weights) => {
                    let weighted = values.into_iter().zip(weights.iter().copied());
                    weighted.filter(|(_, weight)| *weight != 0.0).collect()
                }
            };
            sample.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
            let (Some(&(least, _)), Some(&(greatest, _))) = (sample.first(), sample.last()) else {
                return Vec::new();
            };
            if least == greatest {
                return Vec::new();
            }
            match strategy {
                "uniform" => spaced(least, greatest, bins)[1..bins].to_vec(),
                "kmeans" => {
                    let centres = clusters(&sample, bins);
                    let mut edges = vec![least];
                    edges.extend(centres.windows(2).map(|pair| (pair[1] + pair[0]) * 0.5));
                    edges.push(greatest);
                    wide(edges)
                }
                _ => {
                    let shares = spaced(0.0, 100.0, bins);
                    let shares = shares.into_iter().map(|percent| percent / 100.0);
                    let edges = shares.map(|share| {
                        if weights.is_some() {
                            weighted_quantile(&sample, share, method)
                        } else {
                            quantile(&sample, share, method)
                        }
                    });
                    wide(edges.collect())
                }
            }
        });
        Ok(Self {
            edges: edges.collect(),
            ordinal: fit.params.text("encode") == "ordinal",
        })
    }

    fn transform(&self, matrix: &Matrix, _: &[u32]) -> Result<Matrix, Fault> {
        let rows = matrix.all_rows();
        let places = matrix.places().into_iter().zip(matrix.names());
        let blocks = places.zip(&self.edges).map(|((place, name), edges)| {
            let values = matrix.blocks()[place.block].values(place.column, &rows);
            let bins = values
                .into_iter()
                .map(|x| edges.partition_point(|&edge| edge <= x));
            if self.ordinal {
                return Block::number(name, bins.map(|bin| bin as f64).collect());
            }
            let count = edges.len() + 1;
            let columns = (0..count).map(|bin| CodedColumn {
                name: format!("{name}_{bin}"),
                offset: 0.0,
                scale: 1.0,
            });
            let codes = Codes::new(count, bins.map(|bin| bin as u32));
            let column_of = (0..count as u32).collect();
            Block::Coded(CodedBlock::new(codes, column_of, columns.collect()))
        });
        let blocks = blocks.collect();
        Ok(Matrix::new(matrix.rows(), blocks))
    }

    fn onnx(&self, graph: &mut Graph, columns: &Columns) -> Result<Columns, Fault> {
        let mut blocks = Vec::new();
        for (at, (edges, name)) in self.edges.iter().zip(columns.names()).enumerate() {
            let value = columns.select(graph, &[at]).numbers(graph)?;
            // Nothing is above NaN: the edge of a column of one bin.
            let inner = if edges.is_empty() {
                &[f64::NAN]
            } else {
                edges.as_slice()
            };
            let inner = graph.row(inner.to_vec());
            let is_above = graph.op("GreaterOrEqual", [value, inner]);
            let is_above = graph.double(is_above);
            let bin = graph.sum(is_above, 1, true);
            if self.ordinal {
                blocks.push(onnx::Block::Numbers {
                    names: vec![name.to_owned()],
                    value: bin,
                });
                continue;
            }
            let names = (0..=edges.len()).map(|bin| format!("{name}_{bin}"));
            blocks.push(onnx::Block::one_hot(graph, bin, names.collect()));
        }
        Ok(Columns::new(blocks))
    }
}

/// `bins + 1` evenly spaced numbers, as NumPy's `linspace`.
fn spaced(low: f64, high: f64, bins: usize) -> Vec<f64> {
    let step = (high - low) / bins as f64;
    let mut numbers: Vec<f64> = (0..bins).map(|at| at as f64 * step + low).collect();
    numbers.push(high);
    numbers
}

/// The inner edges, without those that are not 1e-8 above the one before.
fn wide(edges: Vec<f64>) -> Vec<f64> {
    let mut kept = vec![edges[0]];
    let pairs = edges.windows(2).filter(|pair| pair[1] - pair[0] > 1e-8);
    kept.extend(pairs.map(|pair| pair[1]));
    kept.pop();
    kept.drain(..1);
    kept
}

/// A quantile of sorted values by one of NumPy's methods (Hyndman and Fan, 1996,
/// "Sample quantiles in statistical packages"): at a place between two values, and how
/// much of the way from the one to the other.
fn quantile(sample: &[(f64, f64)], share: f64, method: &str) -> f64 {
    let last = sample.len() - 1;
    let value = |place: usize| sample[place.min(last)].0;
    let rows = sample.len() as f64;
    // The place by the constants of a method that interpolates.
    let between = |alpha: f64, beta: f64| {
        let place = rows * share + (alpha + share * (1.0 - alpha - beta)) - 1.0;
        (place, place - place.floor())
    };
    let (place, weight) = match method {
        "interpolated_inverted_cdf" => between(0.0, 1.0),
        "hazen" => between(0.5, 0.5),
        "weibull" => between(0.0, 0.0),
        "linear" => {
            let place = (rows - 1.0) * share;
            (place, place - place.floor())
        }
        "median_unbiased" => between(1.0 / 3.0, 1.0 / 3.0),
        "normal_unbiased" => between(3.0 / 8.0, 3.0 / 8.0),
        "closest_observation" => {
            let place = rows * share - 1.0 - 0.5;
            let stays = place.fract() == 0.0 && place.rem_euclid(2.0) == 1.0;
            (place, if stays { 0.0 } else { 1.0 })
        }
        _ => {
            let place = rows * share - 1.0;
            let averages = method == "averaged_inverted_cdf";
            let weight = match place.fract() == 0.0 {
                true if averages => 0.5,
                true => 0.0,
                false => 1.0,
            };
            (place, weight)
        }
    };
    // Steps do not interpolate below the least value, but may step onto the next.
    if place < 0.0 && (method != "closest_observation" || place < -1.0) {
        return value(0);
    }
    if place >= last as f64 {
        return value(last);
    }
    let below = place.floor();
    let (a, b) = (
        value(below.max(0.0) as usize),
        value((below + 1.0) as usize),
    );
    // As NumPy's `_lerp`: exact at both ends.
    if weight >= 0.5 {
        b - (b - a) * (1.0 - weight)
    } else {
        a + (b - a) * weight
    }
}

/// A quantile of sorted values whose weights are above 0, as scikit-learn's
/// `_weighted_percentile`.
fn weighted_quantile(sample: &[(f64, f64)], share: f64, method: &str) -> f64 {
    let mut sum = 0.0;
    let sums: Vec<f64> = sample
        .iter()
        .map(|(_, weight)| {
            sum += weight;
            sum
        })
        .collect();
    let wanted = (share * sum).max(f64::from_bits(1));
    let last = sample.len() - 1;
    let place = sums.partition_point(|&sum| sum < wanted).min(last);
    if method == "inverted_cdf" || sums[place] - wanted > f64::EPSILON {
        return sample[place].0;
    }
    (sample[place].0 + sample[(place + 1).min(last)].0) / 2.0
}

/// The centres of clusters of sorted, weighted values, ascending: Lloyd's algorithm
/// from evenly spaced centres, with scikit-learn's tolerance and its treatment of
/// clusters that become empty.
fn clusters(sample: &[(f64, f64)], count: usize) -> Vec<f64> {
    let len = sample.len() as f64;
    let mean = sample.iter().map(|(x, _)| x).sum::<f64>() / len;
    let values: Vec<f64> = sample.iter().map(|(x, _)| x - mean).collect();
    let variance = values.iter().map(|x| x * x).sum::<f64>() / len;
    let tolerance = variance * 1e-4;
    let (low, high) = (sample[0].0, sample[sample.len() - 1].0);
    let edges = spaced(low, high, count);
    let mut centres: Vec<f64> = edges
        .windows(2)
        .map(|pair| (pair[1] + pair[0]) * 0.5 - mean)
        .collect();
    let mut labels_before = Vec::new();
    for _ in 0..300 {
        let labels = nearest(&values, &centres);
        let mut sums = vec![0.0; count];
        let mut weights = vec![0.0; count];
        for ((x, (_, weight)), &label) in values.iter().zip(sample).zip(&labels) {
            sums[label] += x * weight;
            weights[label] += weight;
        }
        relocate(&values, sample, &centres, &labels, &mut sums, &mut weights);
        let moved = sums.iter().zip(&weights).zip(&centres);
        let moved: Vec<f64> = moved
            .map(|((sum, weight), old)| if *weight > 0.0 { sum / weight } else { *old })
            .collect();
        let shift: f64 = moved
            .iter()
            .zip(&centres)
            .map(|(new, old)| (new - old) * (new - old))
            .sum();
        centres = moved;
        if labels == labels_before || shift <= tolerance {
            break;
        }
        labels_before = labels;
    }
    centres.iter_mut().for_each(|centre| *centre += mean);
    centres.sort_unstable_by(f64::total_cmp);
    centres
}

/// By sorted value: the nearest centre, the first of several.
fn nearest(values: &[f64], centres: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..centres.len()).collect();
    order.sort_by(|&a, &b| centres[a].total_cmp(&centres[b]));
    let mut labels = Vec::with_capacity(values.len());
    let mut at = 0;
    for x in values {
        while let Some(&next) = order.get(at + 1) {
            let (own, other) = ((x - centres[order[at]]).abs(), (x - centres[next]).abs());
            let is_nearer = other < own || (other == own && next < order[at]);
            if !is_nearer {
                break;
            }
            at += 1;
        }
        labels.push(order[at]);
    }
    labels
}

/// Gives each empty cluster the value that is farthest from its own centre.
fn relocate(
    values: &[f64],
    sample: &[(f64, f64)],
    centres: &[f64],
    labels: &[usize],
    sums: &mut [f64],
    weights: &mut [f64],
) {
    let empty: Vec<usize> = (0..centres.len()).filter(|&c| weights[c] == 0.0).collect();
    if empty.is_empty() {
        return;
    }
    let distance = |at: usize| (values[at] - centres[labels[at]]).abs();
    let mut far: Vec<usize> = (0..values.len()).collect();
    far.sort_by(|&a, &b| distance(b).total_cmp(&distance(a)));
    for (cluster, at) in empty.into_iter().zip(far) {
        if distance(at) == 0.0 {
            return;
        }
        let (weight, old) = (sample[at].1, labels[at]);
        sums[old] -= values[at] * weight;
        weights[old] -= weight;
        sums[cluster] = values[at] * weight;
        weights[cluster] = weight;
    }
}
