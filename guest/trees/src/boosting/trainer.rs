//! [`HistGradientBoosting`] and [`HistGradientBoostingRegressor`] as trainers of a guest.

use fanout_sdk::contract::{Importances, MemoryUse, TreesMemory};
use fanout_sdk::equal::EqualParts;
use fanout_sdk::explanation::Contributions;
use fanout_sdk::trainer::{PredictionBuf, PredictionValues};
use fanout_sdk::{
    Cost, Fault, Job, Learning, Param, ParamKind, Params, Scorer, Table, Target, Trainer,
    TrainerDescription, onnx,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::bins::Bins;
use crate::boosting::codes::ByteCodes;
use crate::boosting::fit::{self, BoostingError, BoostingSet};
use crate::boosting::objective::{BoostingTarget, Link};
use crate::boosting::params::BoostingParams;
use crate::explain::{self, Ensemble};
use crate::features::{TableError, encode_feature};
use crate::model::Forest;
use crate::params::TargetKind;
use crate::trainers::{MEMORY, choice, from, number, prepare, random_state, share};

/// Gradient boosted trees of classes, as scikit-learn's
/// `HistGradientBoostingClassifier`.
#[derive(Clone, Copy, Debug)]
pub struct HistGradientBoosting;

/// Gradient boosted trees of numbers, as scikit-learn's
/// `HistGradientBoostingRegressor`.
#[derive(Clone, Copy, Debug)]
pub struct HistGradientBoostingRegressor;

/// A fitted model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BoostedModel {
    /// The class labels, sorted; none for a numeric target.
    classes: Vec<String>,
    link: Link,
    /// By output.
    baseline: Vec<f64>,
    /// The trees, round by round, one an output.
    forest: Forest,
}

macro_rules! trainer {
    ($name:ident, $kind:ident) => {
        impl Trainer for $name {
            type Prepared = Bins;
            type Model = BoostedModel;

            fn description() -> TrainerDescription {
                describe(TargetKind::$kind)
            }

            fn prepare(table: &Table) -> Result<Bins, Fault> {
                prepare(table)
            }

            fn evaluate(bins: &Bins, job: &Job<'_>, scorer: &mut dyn Scorer) -> Result<u32, Fault> {
                evaluate(bins, job, scorer)
            }

            fn fit(bins: &Bins, job: &Job<'_>) -> Result<BoostedModel, Fault> {
                fit_one(bins, job)
            }

            fn share_equal(model: &mut BoostedModel, parts: &mut EqualParts) {
                model.forest.share_equal(parts);
            }

            fn predict(model: &BoostedModel, table: &Table) -> Result<PredictionBuf, Fault> {
                predict(model, table)
            }

            fn onnx(
                model: &BoostedModel,
                graph: &mut onnx::Graph,
                columns: Option<onnx::Columns>,
            ) -> Result<onnx::Prediction, Fault> {
                model.onnx(graph, columns)
            }

            fn explain(model: &BoostedModel, table: &Table) -> Result<Contributions, Fault> {
                check_outputs(model)?;
                let ensemble = Ensemble::Sum(&model.baseline);
                explain::contributions(&model.forest, &model.classes, ensemble, table)
            }

            fn importances(model: &BoostedModel) -> Result<Importances, Fault> {
                Ok(explain::gain(&model.forest))
            }
        }
    };
}

trainer!(HistGradientBoosting, Classes);
trainer!(HistGradientBoostingRegressor, Numbers);

fn evaluate(bins: &Bins, job: &Job<'_>, scorer: &mut dyn Scorer) -> Result<u32, Fault> {
    let set = set(job);
    let candidates = job.candidates.iter();
    let candidates: Vec<BoostingParams> = candidates
        .map(|params| read(params, &set))
        .collect::<Result<_, _>>()?;
    fit::evaluate(bins, &set, job.test, &candidates, scorer).map_err(fault)
}

fn fit_one(bins: &Bins, job: &Job<'_>) -> Result<BoostedModel, Fault> {
    let Some(params) = job.candidates.first() else {
        return Err(Fault::InvalidTask("the job has no candidate".to_owned()));
    };
    let set = set(job);
    let params = read(params, &set)?;
    let codes = ByteCodes::new(bins, params.max_bins);
    let boosted = fit::fit(&codes, &set, &params).map_err(fault)?;
    Ok(BoostedModel {
        classes: set.labels.to_vec(),
        link: boosted.link,
        baseline: boosted.baseline,
        forest: Forest::new(codes.columns().to_vec(), 0, boosted.trees),
    })
}

/// The number of outputs.
fn check_outputs(model: &BoostedModel) -> Result<usize, Fault> {
    let outputs = model.baseline.len();
    let expected = match model.classes.len() {
        0 | 2 => 1,
        classes => classes,
    };
    if outputs != expected || model.forest.classes() != 0 {
        return Err(Fault::Failed(
            "the model is damaged: its outputs are not those of its classes".to_owned(),
        ));
    }
    Ok(outputs)
}

fn predict(model: &BoostedModel, table: &Table) -> Result<PredictionBuf, Fault> {
    let outputs = check_outputs(model)?;
    let sums = model
        .forest
        .sums(table.rows(), &model.baseline, |_, column, encode| {
            encode_feature(table, column, encode)
        });
    let mut values = sums.map_err(TableError::fault)?;
    model.link.predict(&mut values, outputs);
    Ok(PredictionBuf {
        classes: model.classes.clone(),
        values: match model.classes.len() {
            0 => PredictionValues::Numbers(values),
            2 => PredictionValues::Binary(values),
            _ => PredictionValues::Multiclass(values),
        },
    })
}

impl BoostedModel {
    /// See [`Trainer::onnx`].
    fn onnx(
        &self,
        graph: &mut onnx::Graph,
        columns: Option<onnx::Columns>,
    ) -> Result<onnx::Prediction, Fault> {
        let sums = self.forest.onnx_sums(graph, columns, self.baseline.len())?;
        let baseline = graph.row(self.baseline.clone());
        let sums = graph.op("Add", [sums, baseline]);
        let labels = self.classes.clone();
        Ok(match self.link {
            Link::Identity => onnx::Prediction::Numbers(sums),
            Link::Log => onnx::Prediction::Numbers(graph.op("Exp", [sums])),
            Link::Logit => {
                let second = graph.op("Sigmoid", [sums]);
                onnx::Prediction::of_binary(graph, labels, second)
            }
            Link::Softmax => {
                let probabilities = graph.softmax(sums);
                onnx::Prediction::of_multiclass(graph, labels, probabilities)
            }
        })
    }
}

fn set<'a>(job: &Job<'a>) -> BoostingSet<'a> {
    let (target, labels) = match job.target {
        Target::Classes { classes, codes } => {
            (BoostingTarget::Classes(codes, classes.len()), &classes[..])
        }
        Target::Numbers(numbers) => (BoostingTarget::Numbers(numbers), &[][..]),
    };
    BoostingSet {
        target,
        labels,
        weights: job.weights,
        train: job.train,
    }
}

fn read(params: &Params, set: &BoostingSet<'_>) -> Result<BoostingParams, Fault> {
    BoostingParams::read(params, set.labels.len()).map_err(Fault::InvalidParams)
}

fn fault(error: BoostingError) -> Fault {
    match error {
        BoostingError::Params(message) => Fault::InvalidParams(message),
        BoostingError::Failed(message) => Fault::Failed(message),
        BoostingError::Score(fault) => fault,
    }
}

/// That of other trees, but for the outputs, gradients, Hessians, words and lists of a
/// row, which trees of any depth take. Fitted to measured runs on tables of 569 to
/// 2,000,000 rows.
const BOOSTING_MEMORY: MemoryUse = MemoryUse {
    row: 160,
    trees: match MEMORY.trees {
        Some(trees) => Some(TreesMemory {
            deep_row: 0,
            ..trees
        }),
        None => None,
    },
    ..MEMORY
};

fn describe(kind: TargetKind) -> TrainerDescription {
    let tasks = match kind {
        TargetKind::Classes => vec![Learning::Binary, Learning::Multiclass],
        TargetKind::Numbers => vec![Learning::Regression],
    };
    let mut description = TrainerDescription::new(
        "hist_gradient_boosting",
        "Gradient boosted trees, grown best-first from histograms.",
        tasks,
        params(kind),
    );
    description.abilities.weights = true;
    description.memory(BOOSTING_MEMORY).effort(0.1, 1.0, 0.7)
}

/// The hyper-parameters that targets of one kind have.
fn of_kind(kind: TargetKind) -> Vec<Param> {
    if kind == TargetKind::Classes {
        return vec![
            Param::new(
                "loss",
                vec![choice(&["log_loss"])],
                json!("log_loss"),
                "What is minimised: the negative log-likelihood.",
            ),
            Param::new(
                "class_weight",
                vec![ParamKind::Null, choice(&["balanced"]), ParamKind::Weights],
                Value::Null,
                "A weight for each label (1 if not given), or weights inversely proportional to \
                 the class frequencies.",
            ),
        ];
    }
    let losses = [
        "squared_error",
        "absolute_error",
        "quantile",
        "poisson",
        "gamma",
        "huber",
    ];
    vec![
        Param::new(
            "loss",
            vec![choice(&losses)],
            json!("squared_error"),
            "What is minimised. `poisson` takes targets of 0 or more, `gamma` above 0.",
        ),
        Param::new(
            "quantile",
            vec![ParamKind::Null, share(Some(1.0))],
            Value::Null,
            "The level that `loss: quantile` predicts.",
        ),
        Param::new(
            "alpha",
            vec![share(Some(1.0))],
            json!(0.9),
            "The quantile of the absolute errors from which on `loss: huber` is linear, as in \
             `GradientBoostingRegressor`.",
        ),
    ]
}

fn params(kind: TargetKind) -> Vec<Param> {
    let mut params = of_kind(kind);
    params.extend([
        Param::new(
            "learning_rate",
            vec![share(None)],
            json!(0.1),
            "The factor of each tree's values.",
        ),
        Param::new(
            "max_iter",
            vec![from(1)],
            json!(100),
            "The number of rounds.",
        )
        .nested()
        .costs(Cost::Linear),
        Param::new(
            "max_leaf_nodes",
            vec![ParamKind::Null, from(2)],
            json!(31),
            "The maximum number of leaves of a tree; null for no limit.",
        )
        .costs(Cost::Log),
        Param::new(
            "max_depth",
            vec![ParamKind::Null, from(1)],
            Value::Null,
            "The maximum depth of a tree; null for no limit.",
        ),
        Param::new(
            "min_samples_leaf",
            vec![from(1)],
            json!(20),
            "The minimum number of rows of a leaf.",
        ),
        Param::new(
            "min_samples_leaf_by",
            vec![choice(&["rows", "hessian", "both"])],
            json!("both"),
            "What `min_samples_leaf` counts: `rows`, as scikit-learn; `hessian`, their Hessians \
             over the mean Hessian of the node that is split, as LightGBM (which rounds those of \
             each bin), where rows whose class is nearly certain count less; `both`, the lesser of the two. It matters where \
             Hessians differ: to classes, `poisson`, `gamma` and sample weights.",
        ),
        Param::new(
            "min_sum_hessian",
            vec![number(0.0, None)],
            json!(1e-3),
            "The minimum sum of the Hessians of a leaf (LightGBM's `min_sum_hessian_in_leaf`).",
        ),
        Param::new(
            "min_split_gain",
            vec![number(0.0, None)],
            json!(0.0),
            "The gain that a split has to exceed (LightGBM's).",
        ),
        Param::new(
            "l1_regularization",
            vec![number(0.0, None)],
            json!(0.0),
            "The penalty of the magnitudes of leaves (LightGBM's `reg_alpha`).",
        ),
        Param::new(
            "l2_regularization",
            vec![number(0.0, None)],
            json!(0.0),
            "The penalty of the squares of leaves.",
        ),
        Param::new(
            "max_features",
            vec![share(Some(1.0))],
            json!(1.0),
            "The share of the features that are searched at each node.",
        ),
        Param::new(
            "colsample_bytree",
            vec![share(Some(1.0))],
            json!(1.0),
            "The share of the features that are searched in each tree (LightGBM's).",
        ),
        Param::new(
            "subsample",
            vec![share(Some(1.0))],
            json!(1.0),
            "The share of the training rows that each round learns from (LightGBM's, with \
             `subsample_freq` 1).",
        ),
        Param::new(
            "max_bins",
            vec![ParamKind::Int {
                min: Some(2),
                max: Some(255),
            }],
            json!(255),
            "The maximum number of bins of a feature, missing values apart. Of a category with \
             more labels, the most frequent have a bin each and the others share one.",
        ),
        Param::new(
            "monotonic_cst",
            vec![ParamKind::Null, ParamKind::Signs],
            Value::Null,
            "By name of a feature: 1 if the prediction must not fall as it rises, -1 if it must \
             not rise. Of classes: the probability of the second of two.",
        ),
        Param::new(
            "interaction_cst",
            vec![
                ParamKind::Null,
                choice(&["no_interactions"]),
                ParamKind::Sets,
            ],
            Value::Null,
            "Sets of names of features, of which only those of one set meet on a path; those that \
             no set names are a set. `no_interactions`: each feature alone.",
        ),
        Param::new(
            "cat_smooth",
            vec![number(0.0, None)],
            json!(10.0),
            "The Hessian that is added to that of each label of a category to order them; labels \
             of fewer rows, counted as `min_samples_leaf_by` says, are not divided (LightGBM's).",
        ),
        Param::new(
            "cat_l2",
            vec![number(0.0, None)],
            json!(10.0),
            "What is added to `l2_regularization` where labels are divided (LightGBM's).",
        ),
        Param::new(
            "max_cat_to_onehot",
            vec![from(1)],
            json!(4),
            "Categories of at most so many labels are divided one label against the rest \
             (LightGBM's, which counts the missing label as well).",
        ),
        Param::new(
            "early_stopping",
            vec![ParamKind::Bool, choice(&["auto"])],
            json!("auto"),
            "Whether a fit ends once the loss does not improve; `auto`: if there are more than \
             10,000 training rows.",
        ),
        Param::new(
            "validation_fraction",
            vec![ParamKind::Null, from(1), share(Some(1.0))],
            json!(0.1),
            "The training rows that are left out to find out whether the loss improves, a number \
             or a fraction; null: none, the loss of the training rows decides.",
        ),
        Param::new(
            "n_iter_no_change",
            vec![from(1)],
            json!(10),
            "The number of rounds without an improvement after which a fit ends.",
        ),
        Param::new(
            "tol",
            vec![number(0.0, Some(1.0))],
            json!(1e-7),
            "What is no improvement of the loss.",
        ),
        random_state(),
    ]);
    params
}
