//! [`RandomForest`], [`ExtraTrees`] and [`DecisionTree`] as trainers of a guest, and
//! their regressors, which have the same names. They differ in their descriptions and
//! their defaults.

use fanout_sdk::contract::{Importances, MemoryUse, StepsMemory, TreesMemory, WideColumns};
use fanout_sdk::equal::EqualParts;
use fanout_sdk::explanation::Contributions;
use fanout_sdk::trainer::{PredictionBuf, PredictionValues};
use fanout_sdk::{
    Cost, Fault, Job, Learning, Param, ParamKind, Params, Scorer, Table, Target, Trainer,
    TrainerDescription, Values, onnx,
};
use linfa::ParamGuard;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::bins::{Bins, BinsError};
use crate::explain::{self, Ensemble};
use crate::features::{TableError, encode_feature};
use crate::forest::{self, ForestError, OutOfBag, TrainingSet};
use crate::model::Forest;
use crate::params::{ForestParams, ForestValidParams, TargetKind};
use crate::resolved::ResolveError;
use crate::sample::SampleError;

/// A random forest (Breiman: Random forests, 2001) of classes.
#[derive(Clone, Copy, Debug)]
pub struct RandomForest;

/// A random forest of numbers.
#[derive(Clone, Copy, Debug)]
pub struct RandomForestRegressor;

/// Extremely randomized trees (Geurts, Ernst, Wehenkel, 2006) of classes.
#[derive(Clone, Copy, Debug)]
pub struct ExtraTrees;

/// Extremely randomized trees of numbers.
#[derive(Clone, Copy, Debug)]
pub struct ExtraTreesRegressor;

/// A single decision tree (Breiman et al.: Classification and regression
/// trees, 1984) of classes.
#[derive(Clone, Copy, Debug)]
pub struct DecisionTree;

/// A single decision tree of numbers.
#[derive(Clone, Copy, Debug)]
pub struct DecisionTreeRegressor;

/// A fitted forest with the class labels of its target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// The class labels, sorted; none for a numeric target.
    pub classes: Vec<String>,
    /// The trees.
    pub forest: Forest,
    /// Whether these are all.
    pub extent: Extent,
}

/// How much of a fit a [`Model`] holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Extent {
    /// All trees.
    Whole {
        /// The score of the training rows out of bag, if the fit has `oob_score`.
        oob_score: Option<f64>,
    },
    /// Some.
    Part {
        /// The first.
        start: u32,
        /// The number of trees of the whole.
        of: u32,
        /// What they predict out of bag, if the fit has `oob_score`.
        out_of_bag: Option<OutOfBag>,
    },
}

macro_rules! trainer {
    ($name:ident, $defaults:ident, $description:ident, $kind:ident) => {
        impl Trainer for $name {
            type Prepared = Bins;
            type Model = Model;

            fn description() -> TrainerDescription {
                $description(TargetKind::$kind)
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

            fn merge(parts: impl Iterator<Item = Result<Model, Fault>>) -> Result<Model, Fault> {
                merge(parts)
            }

            fn score(
                data: &Bins,
                job: &Job<'_>,
                model: &Model,
                scorer: &mut dyn Scorer,
            ) -> Result<(), Fault> {
                forest::score(data, &model.forest, (job.train, job.test), scorer).map_err(fault)
            }

            fn oob_score(model: &Model) -> Option<f64> {
                match model.extent {
                    Extent::Whole { oob_score } => oob_score,
                    Extent::Part { .. } => None,
                }
            }

            fn share_equal(model: &mut Model, parts: &mut EqualParts) {
                model.forest.share_equal(parts);
            }

            fn predict(model: &Model, table: &Table) -> Result<PredictionBuf, Fault> {
                predict(model, table)
            }

            fn onnx(
                model: &Model,
                graph: &mut onnx::Graph,
                columns: Option<onnx::Columns>,
            ) -> Result<onnx::Prediction, Fault> {
                let labels = model.classes.clone();
                model.forest.onnx_mean(graph, columns, labels)
            }

            fn explain(model: &Model, table: &Table) -> Result<Contributions, Fault> {
                check_classes(model)?;
                explain::contributions(&model.forest, &model.classes, Ensemble::Mean, table)
            }

            fn importances(model: &Model) -> Result<Importances, Fault> {
                Ok(explain::impurity(&model.forest))
            }
        }
    };
}

trainer!(RandomForest, random_forest, describe_random_forest, Classes);
trainer!(
    RandomForestRegressor,
    random_forest,
    describe_random_forest,
    Numbers
);
trainer!(ExtraTrees, extra_trees, describe_extra_trees, Classes);
trainer!(
    ExtraTreesRegressor,
    extra_trees,
    describe_extra_trees,
    Numbers
);
trainer!(DecisionTree, decision_tree, describe_decision_tree, Classes);
trainer!(
    DecisionTreeRegressor,
    decision_tree,
    describe_decision_tree,
    Numbers
);

pub(crate) fn prepare(table: &Table) -> Result<Bins, Fault> {
    if table.features().is_empty() {
        return Err(Fault::InvalidDataset(
            "the dataset has no features".to_owned(),
        ));
    }
    let features = table.features().len();
    let mut bins = Bins::of_table(table.rows(), features, table.most_classes());
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

fn training_set<'a>(job: &Job<'a>) -> TrainingSet<'a> {
    let set = match job.target {
        Target::Classes { classes, codes } => TrainingSet::classes(classes, codes, job.train),
        Target::Numbers(numbers) => TrainingSet::numbers(numbers, job.train),
    };
    set.with_weights(job.weights)
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
        ForestError::Resolve(ResolveError::Params(error)) => {
            Fault::InvalidParams(error.to_string())
        }
        ForestError::Resolve(ResolveError::Sample(
            error @ (SampleError::Negative { .. } | SampleError::Zero),
        )) => Fault::InvalidParams(error.to_string()),
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
    forest::evaluate(bins, training_set(job), job.test, &candidates, scorer).map_err(fault)
}

fn fit(bins: &Bins, job: &Job<'_>, defaults: &ForestParams) -> Result<Model, Fault> {
    let Some(params) = job.candidates.first() else {
        return Err(Fault::InvalidTask("the job has no candidate".to_owned()));
    };
    let params = check(params, defaults)?;
    let all = 0..params.n_estimators;
    let range = match job.part {
        None => all.clone(),
        Some(part) if part.start < part.end && part.end <= all.end => part.start..part.end,
        Some(part) => {
            return Err(Fault::InvalidTask(format!(
                "the trees {} to {} are no part of {}",
                part.start, part.end, all.end
            )));
        }
    };
    let start = range.start;
    let fitted = forest::fit_range(bins, training_set(job), &params, range);
    let (forest, out_of_bag) = fitted.map_err(fault)?;
    Ok(Model {
        classes: job.target.classes().to_vec(),
        forest,
        extent: match job.part {
            None => Extent::Whole {
                oob_score: out_of_bag.and_then(|sums| sums.score()),
            },
            Some(_) => Extent::Part {
                start,
                of: all.end,
                out_of_bag,
            },
        },
    })
}

fn merge(mut parts: impl Iterator<Item = Result<Model, Fault>>) -> Result<Model, Fault> {
    let refuse =
        |what: &str| Fault::InvalidTask(format!("the parts are not those of one fit: {what}"));
    let part_of = |part: Model| match part.extent {
        Extent::Part {
            start,
            of,
            out_of_bag,
        } => Ok((part.classes, part.forest, out_of_bag, start, of)),
        Extent::Whole { .. } => Err(refuse("one is a whole model")),
    };
    let first = parts.next().ok_or_else(|| refuse("trees are missing"))??;
    let (classes, mut forest, mut sums, start, of) = part_of(first)?;
    let gap = || refuse("their trees do not follow each other");
    if start != 0 {
        return Err(gap());
    }
    for part in parts {
        let (of_classes, more, of_sums, start, of_all) = part_of(part?)?;
        if start as usize != forest.trees() || of_all != of {
            return Err(gap());
        }
        if of_classes != classes {
            return Err(refuse("their classes differ"));
        }
        forest = (forest.merge(more)).ok_or_else(|| refuse("their features differ"))?;
        sums = match (sums, of_sums) {
            (Some(sums), Some(more)) => sums.merge(&more).map(Some),
            (None, None) => Some(None),
            _ => None,
        }
        .ok_or_else(|| refuse("their training rows differ"))?;
    }
    if forest.trees() != of as usize {
        return Err(refuse("trees are missing"));
    }
    Ok(Model {
        classes,
        forest,
        extent: Extent::Whole {
            oob_score: sums.and_then(|sums| sums.score()),
        },
    })
}

fn check_classes(model: &Model) -> Result<(), Fault> {
    if model.forest.classes() != model.classes.len() {
        return Err(Fault::Failed(
            "the model is damaged: its numbers of classes and of labels differ".to_owned(),
        ));
    }
    Ok(())
}

fn predict(model: &Model, table: &Table) -> Result<PredictionBuf, Fault> {
    check_classes(model)?;
    let values = model.forest.predict(table.rows(), |_, column, encode| {
        encode_feature(table, column, encode)
    });
    let values = values.map_err(TableError::fault)?;
    let values = match model.classes.len() {
        0 => PredictionValues::Numbers(values),
        2 => PredictionValues::Binary(values),
        _ => PredictionValues::Multiclass(values),
    };
    Ok(PredictionBuf {
        classes: model.classes.clone(),
        values,
    })
}

fn describe(name: &str, summary: &str, kind: TargetKind, params: Vec<Param>) -> TrainerDescription {
    let tasks = match kind {
        TargetKind::Classes => vec![Learning::Binary, Learning::Multiclass],
        TargetKind::Numbers => vec![Learning::Regression],
    };
    let mut description = TrainerDescription::new(name, summary, tasks, params);
    description.abilities.weights = true;
    description.memory(MEMORY)
}

/// Fitted to measured runs of forests and single trees, over tables of up to 400,000
/// rows and of 2 to 1,000 classes.
pub(crate) const MEMORY: MemoryUse = MemoryUse {
    instance: 0,
    row: 110,
    number: 1,
    category: 1,
    // A code and a bin in place of one byte.
    wide: Some(WideColumns {
        above: 254,
        bytes: 5,
        classes: 64,
    }),
    label: 200,
    class: 68,
    column_pair: 0,
    row_pair: 0,
    row_pairs: 0,
    // The SDK says that.
    steps: StepsMemory {
        kept: 0,
        times: 0,
        number: 0,
        category: 0,
    },
    trees: Some(TreesMemory {
        deep_row: 35,
        leaf: 48,
        leaf_class: 40,
        grown_class: 32,
        whole_class: 88,
        leaves: 40,
        whole_leaves: 72,
    }),
};

/// A forest, whose trees are parts of its models.
fn describe_forest(
    name: &str,
    summary: &str,
    kind: TargetKind,
    draws_rows: bool,
) -> TrainerDescription {
    let mut description = describe(name, summary, kind, forest_params(kind, draws_rows));
    description.parts = Some("n_estimators".to_owned());
    description
}

fn describe_random_forest(kind: TargetKind) -> TrainerDescription {
    describe_forest(
        "random_forest",
        "A random forest: the mean prediction of trees grown on bootstrap samples.",
        kind,
        true,
    )
    .effort(0.15, 1.0, 0.7)
    .numbers_take(6.0)
}

fn describe_extra_trees(kind: TargetKind) -> TrainerDescription {
    describe_forest(
        "extra_trees",
        "Extremely randomized trees: the mean prediction of trees with random splits.",
        kind,
        false,
    )
    .effort(0.15, 1.1, 0.7)
    .numbers_take(6.0)
}

fn forest_params(kind: TargetKind, draws_rows: bool) -> Vec<Param> {
    let max_features = match kind {
        TargetKind::Classes => json!("sqrt"),
        TargetKind::Numbers => json!(1.0),
    };
    let mut params = vec![n_estimators()];
    params.extend(shared(
        kind,
        max_features,
        &["balanced", "balanced_subsample"],
    ));
    params.extend([bootstrap(draws_rows), max_samples(), oob_score()]);
    params
}

fn describe_decision_tree(kind: TargetKind) -> TrainerDescription {
    let mut params = shared(kind, Value::Null, &["balanced"]);
    params.push(Param::new(
        "splitter",
        vec![choice(&["best", "random"])],
        json!("best"),
        "Whether the best split or one random split of each searched feature is considered.",
    ));
    describe(
        "decision_tree",
        "A single decision tree, grown on all training rows.",
        kind,
        params,
    )
    .effort(0.006, 1.1, 1.1)
    .numbers_take(3.0)
}

pub(crate) fn choice(of: &[&str]) -> ParamKind {
    ParamKind::Choice {
        of: of.iter().map(|&choice| choice.to_owned()).collect(),
    }
}

pub(crate) fn from(min: i64) -> ParamKind {
    ParamKind::Int {
        min: Some(min),
        max: None,
    }
}

pub(crate) fn number(min: f64, max: Option<f64>) -> ParamKind {
    ParamKind::Float {
        min: Some(min),
        max,
        above_min: false,
    }
}

pub(crate) fn share(max: Option<f64>) -> ParamKind {
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
        "The number of trees.",
    )
    .nested()
    .costs(Cost::Linear)
}

fn bootstrap(default: bool) -> Param {
    Param::new(
        "bootstrap",
        vec![ParamKind::Bool],
        json!(default),
        "Whether each tree draws its rows with replacement; else it takes every row once.",
    )
}

fn max_samples() -> Param {
    Param::new(
        "max_samples",
        vec![ParamKind::Null, from(1), share(None)],
        Value::Null,
        "The number of rows that a tree draws, absolute or as a fraction of the training rows; \
         null for the number of training rows. Requires `bootstrap`.",
    )
}

fn oob_score() -> Param {
    Param::new(
        "oob_score",
        vec![ParamKind::Bool],
        json!(false),
        "Whether the fitted model is scored by its training rows out of bag: each by the trees \
         that did not draw it. Accuracy for classes, R² for numbers. Requires `bootstrap`.",
    )
}

fn criterion(kind: TargetKind) -> Param {
    let (of, meaning): (&[&str], &str) = match kind {
        TargetKind::Classes => (
            &["gini", "entropy", "log_loss"],
            "The impurity measure: `gini`, or `entropy`, of which `log_loss` is a synonym.",
        ),
        TargetKind::Numbers => (
            &["squared_error", "friedman_mse", "absolute_error", "poisson"],
            "The impurity measure: `squared_error`, of which `friedman_mse` is a synonym, \
             `absolute_error`, or, if no target is negative, `poisson`.",
        ),
    };
    Param::new("criterion", vec![choice(of)], json!(of[0]), meaning)
}

fn class_weight(balances: &[&str]) -> Param {
    Param::new(
        "class_weight",
        vec![ParamKind::Null, choice(balances), ParamKind::Weights],
        Value::Null,
        "Class weights: a weight for each label (1 if not given), or weights inversely \
         proportional to the class frequencies. With `bootstrap`, rows are drawn in proportion to \
         their weight.",
    )
}

/// The hyper-parameters that all trainers have; `class_weight` for classes.
fn shared(kind: TargetKind, max_features: Value, balances: &[&str]) -> Vec<Param> {
    let mut params = vec![
        criterion(kind),
        Param::new(
            "max_depth",
            vec![ParamKind::Null, from(1)],
            Value::Null,
            "The maximum depth of a tree; null for no limit.",
        )
        .nested()
        .costs(Cost::Linear),
        Param::new(
            "min_samples_split",
            vec![from(2), share(Some(1.0))],
            json!(2),
            "The minimum number of rows of a node that is split, absolute or as a fraction of the \
             training rows. A row that was drawn several times counts once.",
        )
        .nested(),
        Param::new(
            "min_samples_leaf",
            vec![from(1), share(Some(1.0))],
            json!(1),
            "The minimum number of rows of a leaf, absolute or as a fraction of the training rows.",
        ),
        Param::new(
            "min_weight_fraction_leaf",
            vec![number(0.0, Some(0.5))],
            json!(0.0),
            "The minimum weight of a leaf, as a fraction of the weight of all rows.",
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
            "The number of random features that are searched for a split, absolute or as a \
             fraction of all; null for all. If these are constant in a node, further ones are \
             searched.",
        ),
        Param::new(
            "max_leaf_nodes",
            vec![ParamKind::Null, from(2)],
            Value::Null,
            "The maximum number of leaves of a tree, which then grows best-first; null for no \
             limit. If it is set, `n_estimators` is the only nested hyper-parameter.",
        )
        .costs(Cost::Linear),
        Param::new(
            "min_impurity_decrease",
            vec![number(0.0, None)],
            json!(0.0),
            "The minimum impurity decrease of a split, weighted by the node's fraction of the rows.",
        )
        .nested(),
    ];
    if kind == TargetKind::Classes {
        params.push(class_weight(balances));
    }
    params.push(random_state());
    params
}

pub(crate) fn random_state() -> Param {
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
        "The random seed. Null is 0: every fit is reproducible.",
    )
}
