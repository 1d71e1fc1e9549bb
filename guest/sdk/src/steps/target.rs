//! `target_encoder`: a category as the mean of the target, shrunk towards that of
//! all rows. Training rows are cross-fitted.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::categories::{Categories, UNKNOWN};
use super::{Fit, Step, StepParams, at_least, choices, describe, folds, switch};
use crate::contract::{Param, ParamKind, StepDescription, Takes};
use crate::matrix::Block;
use crate::onnx::{self, Columns, Graph};
use crate::{Fault, Matrix, Target};

/// Encodes each column by one column of means for two classes or numbers, and by
/// one per class for more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct TargetEncoder {
    columns: Vec<Column>,
    /// By output: the mean of the target in the training rows.
    means: Vec<f64>,
    /// By output: what the name of a column ends with.
    suffixes: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Column {
    categories: Categories,
    /// By output: the value of each category.
    encodings: Vec<Vec<f64>>,
}

impl Step for TargetEncoder {
    const NAME: &'static str = "target_encoder";

    fn description() -> StepDescription {
        let smooth = ParamKind::Float {
            min: Some(0.0),
            max: None,
            above_min: false,
        };
        StepDescription {
            takes: Takes::Any,
            uses_target: true,
            ..describe::<Self>(
                "Encodes each category by the target's mean, cross-fitted on the training rows.",
                vec![
                    Param::new(
                        "smooth",
                        vec![choices(&["auto"]), smooth],
                        json!("auto"),
                        "The weight of the mean of all rows, in rows; `auto` is an empirical Bayes \
                         estimate.",
                    ),
                    Param::new(
                        "cv",
                        vec![at_least(2)],
                        json!(5),
                        "The number of folds in which the training rows are cross-fitted.",
                    ),
                    switch(
                        "shuffle",
                        true,
                        "Whether rows are assigned to folds at random.",
                    ),
                    Param::new(
                        "random_state",
                        vec![at_least(0)],
                        json!(0),
                        "The seed of the random folds.",
                    ),
                ],
            )
        }
    }

    fn suits(_: &StepParams, is_category: bool) -> bool {
        is_category
    }

    fn fit(fit: &Fit<'_>) -> Result<Self, Fault> {
        Ok(Self::learn(fit, &Outputs::of(fit.target, fit.train)).0)
    }

    fn transform(&self, matrix: &Matrix, _: &[u32]) -> Result<Matrix, Fault> {
        let mut blocks = Vec::new();
        let places = matrix.places().into_iter().zip(matrix.names());
        for ((place, name), column) in places.zip(&self.columns) {
            let codes = column.categories.encode(matrix, place);
            let outputs = column.encodings.iter().zip(&self.means).zip(&self.suffixes);
            for ((encoding, mean), suffix) in outputs {
                let values = codes.iter().map(|&code| match code {
                    UNKNOWN => *mean,
                    code => encoding[code as usize],
                });
                blocks.push(Block::number(format!("{name}{suffix}"), values.collect()));
            }
        }
        Ok(Matrix::new(matrix.rows(), blocks))
    }

    fn onnx(&self, graph: &mut Graph, columns: &Columns) -> Result<Columns, Fault> {
        let mut blocks = Vec::new();
        for (at, (column, name)) in self.columns.iter().zip(columns.names()).enumerate() {
            let input = columns.select(graph, &[at]);
            let input = &input.blocks()[0];
            let outputs = column.encodings.iter().zip(&self.means).zip(&self.suffixes);
            for ((encoding, mean), suffix) in outputs {
                blocks.push(onnx::Block::Numbers {
                    names: vec![format!("{name}{suffix}")],
                    value: (column.categories).onnx(graph, input, encoding, Some(*mean))?,
                });
            }
        }
        Ok(Columns::new(blocks))
    }

    fn fit_transform(fit: &Fit<'_>, rows: &[u32]) -> Result<(Self, Matrix), Fault> {
        let outputs = Outputs::of(fit.target, fit.train);
        let (fitted, train_codes) = Self::learn(fit, &outputs);
        let whole = fitted.transform(fit.matrix, rows)?;
        let classes: Option<Vec<u32>> = match fit.target {
            Target::Classes { codes, .. } => {
                Some(fit.train.iter().map(|&row| codes[row as usize]).collect())
            }
            Target::Numbers(_) => None,
        };
        let seed = fit.params.get("random_state").as_u64();
        let folds = folds::assign(
            fit.train.len(),
            classes.as_deref(),
            fit.params.whole("cv").unwrap_or(5),
            seed.filter(|_| fit.params.is("shuffle")),
        )?;
        let smooth = fit.params.number("smooth");
        let mut values: Vec<Vec<f64>> = whole
            .blocks()
            .iter()
            .map(|block| block.values(0, &fit.matrix.all_rows()))
            .collect();
        for fold in 0..=folds.iter().copied().max().unwrap_or(0) {
            let learned: Vec<usize> = (0..folds.len()).filter(|&at| folds[at] != fold).collect();
            let mut next = values.iter_mut();
            for (column, codes) in fitted.columns.iter().zip(&train_codes) {
                for target in &outputs.values {
                    let known = column.categories.len();
                    let encoding = encode(codes, target, &learned, known, smooth);
                    let out = next.next().expect("one block per column and output");
                    let applied = fit.train.iter().zip(&folds).zip(codes);
                    for ((&row, _), &code) in applied.filter(|((_, of), _)| **of == fold) {
                        out[row as usize] = encoding[code as usize];
                    }
                }
            }
        }
        let blocks = whole.names().zip(values);
        let blocks = blocks
            .map(|(name, values)| Block::number(name, values))
            .collect();
        Ok((fitted, Matrix::new(fit.matrix.rows(), blocks)))
    }
}

/// What is averaged.
struct Outputs {
    /// By output: one value per training row.
    values: Vec<Vec<f64>>,
    suffixes: Vec<String>,
}

impl Outputs {
    /// The target in the training rows: numbers, or whether the class is the second
    /// of two, or each of more.
    fn of(target: &Target, train: &[u32]) -> Self {
        match target {
            Target::Numbers(numbers) => Self {
                values: vec![train.iter().map(|&row| numbers[row as usize]).collect()],
                suffixes: vec![String::new()],
            },
            Target::Classes { classes, codes } => {
                let train: Vec<u32> = train.iter().map(|&row| codes[row as usize]).collect();
                let mut present = train.clone();
                present.sort_unstable();
                present.dedup();
                let is = |class: u32| train.iter().map(|&code| f64::from(code == class)).collect();
                match present.as_slice() {
                    [_] => Self {
                        values: vec![vec![0.0; train.len()]],
                        suffixes: vec![String::new()],
                    },
                    [_, second] => Self {
                        values: vec![is(*second)],
                        suffixes: vec![String::new()],
                    },
                    all => Self {
                        values: all.iter().map(|&class| is(class)).collect(),
                        suffixes: all
                            .iter()
                            .map(|&class| format!("_{}", classes[class as usize]))
                            .collect(),
                    },
                }
            }
        }
    }
}

impl TargetEncoder {
    /// The encoder of all training rows, and by column the category of each.
    fn learn(fit: &Fit<'_>, outputs: &Outputs) -> (Self, Vec<Vec<u32>>) {
        let smooth = fit.params.number("smooth");
        let all: Vec<usize> = (0..fit.train.len()).collect();
        let (mut columns, mut train_codes) = (Vec::new(), Vec::new());
        for place in fit.matrix.places() {
            let (categories, _) = Categories::of(fit.matrix, place, fit.train);
            let codes = categories.encode(fit.matrix, place);
            let codes: Vec<u32> = fit.train.iter().map(|&row| codes[row as usize]).collect();
            let encodings = outputs.values.iter();
            let encodings =
                encodings.map(|target| encode(&codes, target, &all, categories.len(), smooth));
            columns.push(Column {
                encodings: encodings.collect(),
                categories,
            });
            train_codes.push(codes);
        }
        let means = outputs.values.iter().map(|target| mean(target, &all));
        let fitted = Self {
            columns,
            means: means.collect(),
            suffixes: outputs.suffixes.clone(),
        };
        (fitted, train_codes)
    }
}

fn mean(target: &[f64], rows: &[usize]) -> f64 {
    rows.iter().map(|&row| target[row]).sum::<f64>() / rows.len() as f64
}

/// The value of each category, learned from some of the training rows (Micci-Barreca,
/// 2001, equations 3 to 7): the mean of its rows, and that of all rows with the
/// weight of `smooth` rows, or with the ratio of the variances if that is `None`.
fn encode(
    codes: &[u32],
    target: &[f64],
    rows: &[usize],
    categories: usize,
    smooth: Option<f64>,
) -> Vec<f64> {
    let all = mean(target, rows);
    let mut counts = vec![0.0; categories];
    let mut sums = vec![0.0; categories];
    for &row in rows {
        counts[codes[row] as usize] += 1.0;
        sums[codes[row] as usize] += target[row];
    }
    let groups = counts.iter().zip(&sums);
    if let Some(smooth) = smooth {
        let values = groups.map(|(count, sum)| match count + smooth {
            0.0 => all,
            weight => (smooth * all + sum) / weight,
        });
        return values.collect();
    }
    let deviations = rows.iter().map(|&row| target[row] - all);
    let variance = deviations.map(|d| d * d).sum::<f64>() / rows.len() as f64;
    let means: Vec<f64> = groups.map(|(count, sum)| sum / count).collect();
    let mut squares = vec![0.0; categories];
    for &row in rows {
        let deviation = target[row] - means[codes[row] as usize];
        squares[codes[row] as usize] += deviation * deviation;
    }
    let groups = counts.iter().zip(&squares).zip(&means);
    let values = groups.map(|((count, squares), own)| {
        let weight = variance * count;
        let share = weight / (weight + squares / count);
        if share.is_nan() {
            // No row, or no variance at all.
            return all;
        }
        share * own + (1.0 - share) * all
    });
    values.collect()
}
