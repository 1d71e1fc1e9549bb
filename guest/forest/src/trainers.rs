//! [`RandomForest`], [`ExtraTrees`] and [`DecisionTree`]: the engine as
//! trainers of a guest. What is particular to each is its description and
//! its defaults.

use fanout_sdk::trainer::{PredictionBuf, PredictionValues};
use fanout_sdk::{
    Fault, Job, Learning, Param, ParamKind, Params, Scorer, Table, Target, Trainer,
    TrainerDescription, Values,
};
use linfa::ParamGuard;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::bins::{Bins, BinsError};
use crate::forest::{self, ForestError, Lesson};
use crate::model::{FeatureValues, Forest, PredictError};
use crate::params::{ForestParams, ForestValidParams, ParamsError};
use crate::plan::PlanError;

/// A random forest (Breiman, 2001).
#[derive(Clone, Copy, Debug)]
pub struct RandomForest;

/// Extremely randomized trees (Geurts, Ernst, Wehenkel, 2006).
#[derive(Clone, Copy, Debug)]
pub struct ExtraTrees;

/// A single decision tree (CART).
#[derive(Clone, Copy, Debug)]
pub struct DecisionTree;

/// A fitted forest with its classes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// The class labels, sorted.
    pub classes: Vec<String>,
    /// The trees.
    pub forest: Forest,
}

macro_rules! trainer {
    ($name:ident, $description:ident, $defaults:ident) => {
        impl Trainer for $name {
            type Prepared = Bins;
            type Model = Model;

            fn description() -> TrainerDescription {
                $description()
            }

            fn prepare(table: &Table) -> Result<Bins, Fault> {
                prepare(table)
            }

            fn evaluate(data: &Bins, job: &Job<'_>, scorer: &mut dyn Scorer) -> Result<u32, Fault> {
                evaluate(data, job, &ForestParams::$defaults(), scorer)
            }

            fn fit(data: &Bins, job: &Job<'_>) -> Result<Model, Fault> {
                fit(data, job, &ForestParams::$defaults())
            }

            fn predict(model: &Model, table: &Table) -> Result<PredictionBuf, Fault> {
                predict(model, table)
            }
        }
    };
}

trainer!(RandomForest, describe_random_forest, random_forest);
trainer!(ExtraTrees, describe_extra_trees, extra_trees);
trainer!(DecisionTree, describe_decision_tree, decision_tree);

fn prepare(table: &Table) -> Result<Bins, Fault> {
    if table.features().is_empty() {
        return Err(Fault::InvalidDataset(
            "the dataset has no features to learn from".to_owned(),
        ));
    }
    let mut bins = Bins::new(table.rows());
    for (index, feature) in table.features().iter().enumerate() {
        let labels = feature.labels.as_deref().unwrap_or_default();
        match table.values(index)? {
            Values::Number(values) => bins.push_numbers(&feature.name, &values),
            Values::Category(values) => bins.push_categories(&feature.name, labels, &values),
        }
        .map_err(|error: BinsError| Fault::InvalidDataset(error.to_string()))?;
    }
    Ok(bins)
}

fn lesson<'a>(job: &Job<'a>) -> Result<Lesson<'a>, Fault> {
    match job.target {
        Target::Classes { classes, codes } => Ok(Lesson {
            labels: classes,
            codes,
            train: job.train,
        }),
        Target::Numbers(_) => Err(Fault::InvalidTask(
            "the target is a number, but this trainer learns classes".to_owned(),
        )),
    }
}

fn check(params: &Params, defaults: &ForestParams) -> Result<ForestValidParams, Fault> {
    defaults
        .clone()
        .with(params)
        .and_then(ForestParams::check)
        .map_err(|error| Fault::InvalidParams(error.to_string()))
}

fn fault(error: ForestError) -> Fault {
    match error {
        ForestError::Plan(PlanError::Params(error @ ParamsError::NoSuchClass { .. })) => {
            Fault::InvalidParams(error.to_string())
        }
        ForestError::Score(fault) => fault,
        error => Fault::Failed(error.to_string()),
    }
}

fn evaluate(
    bins: &Bins,
    job: &Job<'_>,
    defaults: &ForestParams,
    scorer: &mut dyn Scorer,
) -> Result<u32, Fault> {
    let candidates: Vec<ForestValidParams> = job
        .candidates
        .iter()
        .map(|params| check(params, defaults))
        .collect::<Result<_, _>>()?;
    forest::evaluate(bins, lesson(job)?, job.test, &candidates, scorer).map_err(fault)
}

fn fit(bins: &Bins, job: &Job<'_>, defaults: &ForestParams) -> Result<Model, Fault> {
    let Some(params) = job.candidates.first() else {
        return Err(Fault::InvalidTask(
            "there is no candidate to fit".to_owned(),
        ));
    };
    let lesson = lesson(job)?;
    let forest = forest::fit(bins, lesson, &check(params, defaults)?).map_err(fault)?;
    Ok(Model {
        classes: lesson.labels.to_vec(),
        forest,
    })
}

/// Why a table can't be predicted.
enum TableError {
    Predict(PredictError),
    Table(Fault),
}

impl From<PredictError> for TableError {
    fn from(error: PredictError) -> Self {
        Self::Predict(error)
    }
}

fn predict(model: &Model, table: &Table) -> Result<PredictionBuf, Fault> {
    if model.forest.classes() != model.classes.len() {
        return Err(Fault::Failed(
            "the model is damaged: it lacks class labels".to_owned(),
        ));
    }
    let values = model
        .forest
        .predict(table.rows(), |_, column, encode| {
            let features = table.features();
            let Some(index) = features
                .iter()
                .position(|feature| feature.name == column.name)
            else {
                return Err(PredictError::NoFeature(column.name.clone()).into());
            };
            let values = table.values(index).map_err(TableError::Table)?;
            let labels = features[index].labels.as_deref().unwrap_or_default();
            Ok(encode(match &values {
                Values::Number(values) => FeatureValues::Number(values),
                Values::Category(values) => FeatureValues::Category { labels, values },
            })?)
        })
        .map_err(|error| match error {
            TableError::Predict(error) => Fault::InvalidDataset(error.to_string()),
            TableError::Table(fault) => fault,
        })?;
    let values = if model.classes.len() == 2 {
        PredictionValues::Binary(values)
    } else {
        PredictionValues::Multiclass(values)
    };
    Ok(PredictionBuf {
        classes: model.classes.clone(),
        values,
    })
}

fn describe(name: &str, summary: &str, params: Vec<Param>) -> TrainerDescription {
    TrainerDescription {
        name: name.to_owned(),
        summary: summary.to_owned(),
        tasks: vec![Learning::Binary, Learning::Multiclass],
        params,
    }
}

fn describe_random_forest() -> TrainerDescription {
    let mut params = vec![n_estimators()];
    params.extend(shared(json!("sqrt"), &["balanced", "balanced_subsample"]));
    params.extend([bootstrap(true), max_samples()]);
    describe(
        "random_forest",
        "A random forest: the mean of trees, each grown on rows drawn with replacement.",
        params,
    )
}

fn describe_extra_trees() -> TrainerDescription {
    let mut params = vec![n_estimators()];
    params.extend(shared(json!("sqrt"), &["balanced", "balanced_subsample"]));
    params.extend([bootstrap(false), max_samples()]);
    describe(
        "extra_trees",
        "Extremely randomized trees: the mean of trees that choose among random splits.",
        params,
    )
}

fn describe_decision_tree() -> TrainerDescription {
    let mut params = shared(Value::Null, &["balanced"]);
    params.push(Param::new(
        "splitter",
        vec![choice(&["best", "random"])],
        json!("best"),
        "Whether a node takes the best split of each feature that it looks at, or a random one.",
    ));
    describe(
        "decision_tree",
        "A single decision tree, grown on all training rows.",
        params,
    )
}

fn choice(of: &[&str]) -> ParamKind {
    ParamKind::Choice {
        of: of.iter().map(|&choice| choice.to_owned()).collect(),
    }
}

fn from(min: i64) -> ParamKind {
    ParamKind::Int {
        min: Some(min),
        max: None,
    }
}

fn number(min: f64, max: Option<f64>) -> ParamKind {
    ParamKind::Float {
        min: Some(min),
        max,
        above_min: false,
    }
}

fn share(max: Option<f64>) -> ParamKind {
    ParamKind::Float {
        min: Some(0.0),
        max,
        above_min: true,
    }
}

fn n_estimators() -> Param {
    Param::new(
        "n_estimators",
        vec![from(1)],
        json!(100),
        "How many trees there are.",
    )
    .nested()
}

fn bootstrap(default: bool) -> Param {
    Param::new(
        "bootstrap",
        vec![ParamKind::Bool],
        json!(default),
        "Whether a tree draws its rows with replacement, or takes each of them once.",
    )
}

fn max_samples() -> Param {
    Param::new(
        "max_samples",
        vec![ParamKind::Null, from(1), share(None)],
        Value::Null,
        "How many rows a tree draws, as a number or a share of the training rows; null draws as \
         many as there are. Needs `bootstrap`.",
    )
}

/// The hyper-parameters that trees have wherever they stand.
fn shared(max_features: Value, balances: &[&str]) -> Vec<Param> {
    vec![
        Param::new(
            "criterion",
            vec![choice(&["gini", "entropy", "log_loss"])],
            json!("gini"),
            "The impurity that splits decrease; `log_loss` is another name of `entropy`.",
        ),
        Param::new(
            "max_depth",
            vec![ParamKind::Null, from(1)],
            Value::Null,
            "The greatest depth of a tree; null sets none.",
        )
        .nested(),
        Param::new(
            "min_samples_split",
            vec![from(2), share(Some(1.0))],
            json!(2),
            "The fewest rows of a node that is split, as a number or a share of the training \
             rows. A row counts once, however often it was drawn.",
        )
        .nested(),
        Param::new(
            "min_samples_leaf",
            vec![from(1), share(Some(1.0))],
            json!(1),
            "The fewest rows of a leaf, as a number or a share (below 1.0) of the training rows.",
        ),
        Param::new(
            "min_weight_fraction_leaf",
            vec![number(0.0, Some(0.5))],
            json!(0.0),
            "The least share of the rows' weight in a leaf.",
        ),
        Param::new(
            "max_features",
            vec![
                choice(&["sqrt", "log2"]),
                ParamKind::Null,
                from(1),
                share(Some(1.0)),
            ],
            max_features,
            "How many random features a node looks at, as a number or a share of all; null looks \
             at all. Where these are all constant at a node, it looks on until one is not.",
        ),
        Param::new(
            "max_leaf_nodes",
            vec![ParamKind::Null, from(2)],
            Value::Null,
            "The most leaves of a tree, which then grows where impurity decreases most; null \
             sets none. Only `n_estimators` shares fits where it is set.",
        ),
        Param::new(
            "min_impurity_decrease",
            vec![number(0.0, None)],
            json!(0.0),
            "The least decrease of impurity by a split, weighted by the node's share of the rows.",
        )
        .nested(),
        Param::new(
            "class_weight",
            vec![ParamKind::Null, choice(balances), ParamKind::Weights],
            Value::Null,
            "The weights of classes: a weight for each label (1 where none is given), or inverse \
             to how often they occur. With `bootstrap`, rows are drawn by their weight.",
        ),
        Param::new(
            "random_state",
            vec![
                ParamKind::Null,
                ParamKind::Int {
                    min: Some(0),
                    max: Some(i64::from(u32::MAX)),
                },
            ],
            Value::Null,
            "The seed of everything random. Null means 0: a fit is always repeatable.",
        ),
    ]
}
