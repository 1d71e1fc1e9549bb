//! [`LinfaDecisionTree`]: the decision tree of linfa-trees, without changes.
//!
//! It is an example of how an algorithm of linfa becomes a trainer, and a baseline
//! for comparisons. Every node scans all rows, so that it is slow on large tables.

use std::convert::Infallible;

use fanout_sdk::{
    Abilities, Cost, Fault, Job, Learning, Param, ParamKind, Params, Prediction, PredictionBuf,
    PredictionValues, Schema, Scorer, Table, Target, Trainer, TrainerDescription, onnx,
};
use linfa::ParamGuard;
use linfa::prelude::{Dataset, Fit, Predict};
use linfa_trees::{DecisionTree, DecisionTreeValidParams, SplitQuality};
use ndarray::{Array1, Array2, Axis};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::label::ClassLabel;

mod graph;

/// linfa-trees' `DecisionTree`, with its names and defaults. It predicts classes
/// without probabilities. A category is the rank of its label. Missing values are
/// not supported.
///
/// Ties between classes are decided by linfa's order of counting, which
/// [`ClassLabel`] makes the same in every fit.
///
/// | parameter | default | meaning |
/// | --- | --- | --- |
/// | `split_quality` | `gini` | `gini` or `entropy` |
/// | `max_depth` | null | the maximum depth; null for no limit |
/// | `min_weight_split` | 2.0 | the minimum number of rows of a split node |
/// | `min_weight_leaf` | 1.0 | the minimum number of rows of a leaf |
/// | `min_impurity_decrease` | 0.00001 | the minimum impurity decrease of a split, above 0 |
#[derive(Debug)]
pub struct LinfaDecisionTree(Infallible);

/// A fitted tree with its features and class labels.
#[derive(Debug, Serialize, Deserialize)]
pub struct Model {
    schema: Schema,
    classes: Vec<String>,
    tree: DecisionTree<f64, ClassLabel>,
}

impl Trainer for LinfaDecisionTree {
    type Prepared = (Schema, Array2<f64>);
    type Model = Model;

    fn description() -> TrainerDescription {
        let number = |min, above_min| ParamKind::Float {
            min: Some(min),
            max: None,
            above_min,
        };
        let depth = ParamKind::Int {
            min: Some(0),
            max: None,
        };
        let quality = ParamKind::Choice {
            of: vec!["gini".to_owned(), "entropy".to_owned()],
        };
        let description = TrainerDescription::new(
            "linfa_decision_tree",
            "The decision tree of linfa-trees: exact splits, no probabilities.",
            vec![Learning::Binary, Learning::Multiclass],
            vec![
                Param::new(
                    "split_quality",
                    vec![quality],
                    json!("gini"),
                    "The impurity measure.",
                ),
                Param::new(
                    "max_depth",
                    vec![ParamKind::Null, depth],
                    Value::Null,
                    "The maximum depth of the tree; null for no limit.",
                )
                .costs(Cost::Linear),
                Param::new(
                    "min_weight_split",
                    vec![number(0.0, false)],
                    json!(2.0),
                    "The minimum number of rows of a node that is split.",
                ),
                Param::new(
                    "min_weight_leaf",
                    vec![number(0.0, false)],
                    json!(1.0),
                    "The minimum number of rows of a leaf.",
                ),
                Param::new(
                    "min_impurity_decrease",
                    vec![number(f64::EPSILON, false)],
                    json!(0.00001),
                    "The minimum impurity decrease of a split.",
                ),
            ],
        );
        TrainerDescription {
            abilities: Abilities {
                missing: false,
                probabilities: false,
                ..Abilities::default()
            },
            ..description
        }
    }

    fn prepare(table: &Table) -> Result<Self::Prepared, Fault> {
        let schema = Schema::of(table);
        let records = records(&schema, table)?;
        Ok((schema, records))
    }

    fn evaluate(
        (_, records): &Self::Prepared,
        job: &Job<'_>,
        scorer: &mut dyn Scorer,
    ) -> Result<u32, Fault> {
        let train = training_rows(records, job)?;
        let test = rows(records, job.test);
        for (index, candidate) in job.candidates.iter().enumerate() {
            let tree = fit(candidate, &train)?;
            scorer.test(index, Prediction::Classes(&predict(&tree, &test)))?;
            if scorer.wants_train() {
                let predicted = predict(&tree, train.records());
                scorer.train(index, Prediction::Classes(&predicted))?;
            }
        }
        Ok(job.candidates.len() as u32)
    }

    fn fit((schema, records): &Self::Prepared, job: &Job<'_>) -> Result<Model, Fault> {
        Ok(Model {
            schema: schema.clone(),
            classes: job.target.classes().to_vec(),
            tree: fit(&job.candidates[0], &training_rows(records, job)?)?,
        })
    }

    fn predict(model: &Model, table: &Table) -> Result<PredictionBuf, Fault> {
        let records = records(&model.schema, table)?;
        Ok(PredictionBuf {
            classes: model.classes.clone(),
            values: PredictionValues::Classes(predict(&model.tree, &records)),
        })
    }

    fn onnx(
        model: &Model,
        graph: &mut onnx::Graph,
        columns: Option<onnx::Columns>,
    ) -> Result<onnx::Prediction, Fault> {
        model.onnx(graph, columns)
    }
}

type Rows = Dataset<f64, ClassLabel, ndarray::Ix1>;

fn records(schema: &Schema, table: &Table) -> Result<Array2<f64>, Fault> {
    let records = schema.records(table)?;
    match records.indexed_iter().find(|(_, value)| value.is_nan()) {
        None => Ok(records),
        Some(((row, column), _)) => Err(Fault::InvalidTask(format!(
            "trainer `linfa_decision_tree` does not support missing values, but feature `{}` is \
             missing in row {row} (counted from 0); drop such rows, or use `decision_tree`",
            schema.features()[column].name
        ))),
    }
}

fn rows(records: &Array2<f64>, rows: &[u32]) -> Array2<f64> {
    let places: Vec<usize> = rows.iter().map(|row| *row as usize).collect();
    records.select(Axis(0), &places)
}

fn training_rows(records: &Array2<f64>, job: &Job<'_>) -> Result<Rows, Fault> {
    let Target::Classes { classes, codes } = job.target else {
        return Err(Fault::InvalidTask(
            "`linfa_decision_tree` is a classifier, but the target is numeric".to_owned(),
        ));
    };
    let label = |row: &u32| ClassLabel::new(codes[*row as usize], classes.len());
    let labels: Array1<ClassLabel> = job.train.iter().map(label).collect();
    Ok(Dataset::new(rows(records, job.train), labels))
}

fn fit(params: &Params, rows: &Rows) -> Result<DecisionTree<f64, ClassLabel>, Fault> {
    checked(params)?
        .fit(rows)
        .map_err(|error| Fault::Failed(error.to_string()))
}

fn checked(params: &Params) -> Result<DecisionTreeValidParams<f64, ClassLabel>, Fault> {
    let number = |name: &str| params[name].as_f64().unwrap_or_default();
    DecisionTree::params()
        .split_quality(match params["split_quality"].as_str() {
            Some("entropy") => SplitQuality::Entropy,
            _ => SplitQuality::Gini,
        })
        .max_depth(params["max_depth"].as_u64().map(|depth| depth as usize))
        .min_weight_split(number("min_weight_split") as f32)
        .min_weight_leaf(number("min_weight_leaf") as f32)
        .min_impurity_decrease(number("min_impurity_decrease"))
        .check()
        .map_err(|error| Fault::InvalidParams(error.to_string()))
}

fn predict(tree: &DecisionTree<f64, ClassLabel>, records: &Array2<f64>) -> Vec<u32> {
    let labels: Array1<ClassLabel> = tree.predict(records);
    labels.into_iter().map(ClassLabel::class).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows with many ties: few values, five classes.
    fn ties() -> Rows {
        let mut state = 7u64;
        let mut draw = |below: u64| {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            (state >> 33) % below
        };
        let records = Array2::from_shape_simple_fn((200, 3), || draw(4) as f64);
        let labels = Array1::from_shape_simple_fn(200, || ClassLabel::new(draw(5) as u32, 5));
        Dataset::new(records, labels)
    }

    #[test]
    fn equal_rows_give_equal_trees() {
        let params: Params = LinfaDecisionTree::description()
            .params
            .into_iter()
            .map(|param| (param.name, param.default))
            .collect();
        let rows = ties();
        // The hash maps of each fit have other keys.
        let bytes = |_| postcard::to_allocvec(&fit(&params, &rows).unwrap()).unwrap();
        let first = bytes(0);
        assert!((1..30).map(bytes).all(|other| other == first));
    }
}
