//! Measures the test score of a trainer over seeds and folds.
//!
//! `quality FILE.csv TRAINER PARAMS SEEDS`: the file's header names each
//! column and its kind, `month:number` or `carrier:category`; `target` has
//! class numbers from 0 on, or, as `target:number`, numbers; `fold` has fold
//! numbers from 0 on. `PARAMS` is a JSON object. Prints the mean over the folds
//! of ROC AUC for two classes, of accuracy for more, of R² for numbers, for each
//! seed, and the seconds of the fastest seed (fits and predictions).

#![expect(clippy::print_stdout, reason = "a program for people")]

use std::error::Error;
use std::time::Instant;

use fanout_sdk::{Fault, Job, Params, Prediction, Scorer, Target, Trainer};
use fanout_trees::trainers::{DecisionTree, ExtraTrees, RandomForest};
use fanout_trees::{Bins, HistGradientBoosting};
use serde_json::Value;

/// A scorer of one candidate.
struct Score<'a> {
    target: &'a Target,
    test: &'a [u32],
    score: f64,
}

/// The values of the test rows.
fn pick<T: Copy>(values: &[T], rows: &[u32]) -> Vec<T> {
    rows.iter().map(|&row| values[row as usize]).collect()
}

/// The fraction of the variance that is explained.
fn r2(truth: &[f64], predicted: &[f64]) -> f64 {
    let mean = truth.iter().sum::<f64>() / truth.len() as f64;
    let squares = |of: &mut dyn Iterator<Item = f64>| of.map(|error| error * error).sum::<f64>();
    let errors = squares(&mut truth.iter().zip(predicted).map(|(a, b)| a - b));
    1.0 - errors / squares(&mut truth.iter().map(|number| number - mean))
}

/// The area under the ROC curve: the fraction of pairs in the right order, ties
/// counting half.
fn roc_auc(truth: &[u32], scores: &[f64]) -> f64 {
    let mut order: Vec<usize> = (0..truth.len()).collect();
    order.sort_by(|&a, &b| scores[a].total_cmp(&scores[b]));
    let (mut pairs, mut below, mut at) = (0.0, 0.0, 0);
    while at < order.len() {
        let tied = order[at..]
            .iter()
            .take_while(|&&row| scores[row] == scores[order[at]])
            .count();
        let positive = order[at..at + tied]
            .iter()
            .filter(|&&row| truth[row] == 1)
            .count() as f64;
        let negative = tied as f64 - positive;
        pairs += positive * (below + negative / 2.0);
        below += negative;
        at += tied;
    }
    pairs / (below * (truth.len() as f64 - below))
}

impl Scorer for Score<'_> {
    fn test(&mut self, _candidate: usize, prediction: Prediction<'_>) -> Result<(), Fault> {
        self.score = match (prediction, self.target) {
            (Prediction::Binary(values), Target::Classes { codes, .. }) => {
                roc_auc(&pick(codes, self.test), values)
            }
            (Prediction::Numbers(values), Target::Numbers(numbers)) => {
                r2(&pick(numbers, self.test), values)
            }
            (Prediction::Multiclass(values), Target::Classes { classes, codes }) => {
                let truth = pick(codes, self.test);
                let right =
                    values
                        .chunks_exact(classes.len())
                        .zip(&truth)
                        .filter(|(row, truth)| {
                            let best = row.iter().copied().fold(f64::MIN, f64::max);
                            row.iter().position(|&value| value == best) == Some(**truth as usize)
                        });
                right.count() as f64 / truth.len() as f64
            }
            _ => return Err(Fault::Failed("not a forest's prediction".to_owned())),
        };
        Ok(())
    }

    fn wants_train(&self) -> bool {
        false
    }

    fn train(&mut self, _candidate: usize, _prediction: Prediction<'_>) -> Result<(), Fault> {
        Ok(())
    }
}

struct Data {
    bins: Bins,
    target: Target,
    folds: Vec<u32>,
}

fn read(path: &str) -> Result<Data, Box<dyn Error>> {
    let text = std::fs::read_to_string(path)?;
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().ok_or("no header")?.split(',').collect();
    let mut columns: Vec<Vec<&str>> = vec![Vec::new(); header.len()];
    for line in lines {
        for (column, value) in columns.iter_mut().zip(line.split(',')) {
            column.push(value);
        }
    }
    let rows = columns[0].len();
    let is_numeric = header.contains(&"target:number");
    let features = header.len() - 2;
    let mut bins = Bins::of_table(rows, features, if is_numeric { 0 } else { 2 });
    let (mut codes, mut numeric, mut folds) = (Vec::new(), Vec::new(), Vec::new());
    for (name, values) in header.iter().zip(&columns) {
        match name.split_once(':') {
            Some(("target", "number")) => {
                numeric = values
                    .iter()
                    .map(|value| value.parse())
                    .collect::<Result<_, _>>()?;
            }
            Some((name, "number")) => {
                let numbers: Vec<f64> = values
                    .iter()
                    .map(|value| value.parse().unwrap_or(f64::NAN))
                    .collect();
                bins.push_numbers(name, &numbers)?;
            }
            Some((name, "category")) => {
                let mut labels: Vec<String> = values
                    .iter()
                    .filter(|value| !value.is_empty())
                    .map(|&v| v.to_owned())
                    .collect();
                labels.sort();
                labels.dedup();
                let code = |value: &&str| {
                    labels
                        .binary_search_by(|label| label.as_str().cmp(value))
                        .map_or(u32::MAX, |c| c as u32)
                };
                let values: Vec<u32> = values.iter().map(code).collect();
                bins.push_categories(name, &labels, &values)?;
            }
            _ => {
                let numbers: Vec<u32> = values
                    .iter()
                    .map(|value| value.parse())
                    .collect::<Result<_, _>>()?;
                if *name == "fold" {
                    folds = numbers
                } else {
                    codes = numbers
                }
            }
        }
    }
    let classes = codes.iter().max().map_or(0, |&code| code as usize + 1);
    let target = match is_numeric {
        true => Target::Numbers(numeric),
        false => Target::Classes {
            classes: (0..classes).map(|class| class.to_string()).collect(),
            codes,
        },
    };
    Ok(Data {
        bins,
        target,
        folds,
    })
}

fn score<T: Trainer<Prepared = Bins>>(data: &Data, params: &Params) -> Result<f64, Fault> {
    let description = T::description();
    let defaults = description.params.iter();
    let mut all: Params = defaults
        .map(|param| (param.name.clone(), param.default.clone()))
        .collect();
    all.extend(params.clone());
    let folds = data.folds.iter().max().map_or(0, |&fold| fold + 1);
    let mut sum = 0.0;
    for fold in 0..folds {
        let (test, train): (Vec<u32>, Vec<u32>) =
            (0..data.folds.len() as u32).partition(|&row| data.folds[row as usize] == fold);
        let mut scorer = Score {
            target: &data.target,
            test: &test,
            score: f64::NAN,
        };
        let job = Job {
            candidates: std::slice::from_ref(&all),
            target: &data.target,
            weights: None,
            part: None,
            train: &train,
            test: &test,
        };
        T::evaluate(&data.bins, &job, &mut scorer)?;
        sum += scorer.score;
    }
    Ok(sum / f64::from(folds))
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [path, trainer, params, seeds] = arguments.as_slice() else {
        return Err("usage: quality FILE.csv TRAINER PARAMS SEEDS".into());
    };
    let data = read(path)?;
    let mut params: Params = serde_json::from_str(params)?;
    let (mut scores, mut seconds) = (Vec::new(), f64::INFINITY);
    for seed in 0..seeds.parse::<u32>()? {
        params.insert("random_state".to_owned(), Value::from(seed));
        let started = Instant::now();
        let score = match trainer.as_str() {
            "random_forest" => score::<RandomForest>(&data, &params)?,
            "hist_gradient_boosting" => score::<HistGradientBoosting>(&data, &params)?,
            "extra_trees" => score::<ExtraTrees>(&data, &params)?,
            _ => score::<DecisionTree>(&data, &params)?,
        };
        seconds = seconds.min(started.elapsed().as_secs_f64());
        scores.push(score);
    }
    let number = scores.len() as f64;
    let mean = scores.iter().sum::<f64>() / number;
    let variance = scores
        .iter()
        .map(|score| (score - mean).powi(2))
        .sum::<f64>()
        / (number - 1.0);
    println!(
        "mean {mean:.5} se {:.5} of {scores:.5?} in {seconds:.3} s",
        (variance / number).sqrt()
    );
    Ok(())
}
