//! [`BoostingParams`]: the hyper-parameters of gradient boosting, read and checked.

use std::collections::BTreeMap;

use fanout_sdk::Params;
use serde_json::Value;

use crate::params::{Amount, ClassWeight, ParamsError, amount, class_weight};

/// What a boosted model minimises.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Loss {
    /// For classes: the negative log-likelihood of the logistic model.
    Likelihood,
    /// Half the squared error of the mean.
    SquaredError,
    /// The absolute error of the median.
    AbsoluteError,
    /// The pinball loss of the quantile at this level, in (0, 1).
    Quantile(f64),
    /// Half the Poisson deviance of the mean, through its logarithm.
    Poisson,
    /// Half the gamma deviance of the mean, through its logarithm.
    Gamma,
    /// Huber's loss, squared up to the quantile of the absolute errors at this level,
    /// in (0, 1), and linear beyond.
    Huber(f64),
}

/// When a fit stops before `max_iter` rounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct EarlyStopping {
    /// The share of the training rows that are left out of the fit and scored; the
    /// training rows themselves are scored if `None`.
    pub(crate) validation: Option<Amount>,
    /// The number of rounds without an improvement.
    pub(crate) rounds: u32,
    /// What is no improvement of the loss.
    pub(crate) tolerance: f64,
}

/// Whether a fit stops early.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Stops {
    Never,
    /// If there are more than [`MANY_ROWS`] training rows.
    WithManyRows,
    Always,
}

/// See [`Stops::WithManyRows`].
const MANY_ROWS: usize = 10_000;

/// Checked hyper-parameters.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct BoostingParams {
    pub(crate) loss: Loss,
    pub(crate) learning_rate: f64,
    pub(crate) max_iter: u32,
    pub(crate) class_weight: ClassWeight,
    pub(crate) subsample: f64,
    pub(crate) max_bins: usize,
    pub(crate) growth: Growth,
    pub(crate) random_state: u64,
    stops: Stops,
    stopping: EarlyStopping,
}

/// How `min_samples_leaf` counts the rows of a leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LeafCount {
    /// Their number, as in scikit-learn.
    Rows,
    /// The sum of their Hessians over the mean Hessian of the node that is split, as in
    /// LightGBM: rows whose class is nearly certain count less.
    Hessian,
    /// The lesser of both.
    Both,
}

/// How trees are grown.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Growth {
    pub(crate) max_leaf_nodes: u32,
    pub(crate) max_depth: u32,
    pub(crate) min_samples_leaf: u32,
    pub(crate) leaf_count: LeafCount,
    pub(crate) min_sum_hessian: f64,
    pub(crate) min_split_gain: f64,
    pub(crate) l1: f64,
    pub(crate) l2: f64,
    /// The share of the features that are searched at a node.
    pub(crate) max_features: f64,
    /// The share of the features that are searched in a tree.
    pub(crate) tree_features: f64,
    /// By name of the feature: 1 for a prediction that does not fall with it, -1 for
    /// one that does not rise.
    pub(crate) monotonic: BTreeMap<String, i8>,
    /// Sets of names of features that may stand on one path; all may if there is none.
    pub(crate) interactions: Option<Vec<Vec<String>>>,
    /// What is added to the Hessian of a label when labels are ordered.
    pub(crate) cat_smooth: f64,
    /// What is added to `l2` where labels are divided.
    pub(crate) cat_l2: f64,
    /// Categories of at most so many labels are divided one label against the rest.
    pub(crate) max_cat_to_onehot: u32,
}

impl Growth {
    /// The value of a leaf of these sums, before the learning rate: the minimum of the
    /// quadratic approximation with its penalties.
    #[inline]
    pub(crate) fn newton_step(&self, gradient: f64, hessian: f64, l2: f64) -> f64 {
        -self.shrunk(gradient) / (hessian + l2 + TINY)
    }

    /// A gradient less the l1 penalty.
    #[inline]
    pub(crate) fn shrunk(&self, gradient: f64) -> f64 {
        if self.l1 == 0.0 {
            return gradient;
        }
        let magnitude = gradient.abs() - self.l1;
        if magnitude <= 0.0 {
            0.0
        } else if gradient < 0.0 {
            -magnitude
        } else {
            magnitude
        }
    }
}

/// Keeps a division by zero from happening, as in scikit-learn.
pub(crate) const TINY: f64 = 1e-15;

impl BoostingParams {
    /// Reads hyper-parameters that the description allows, all of them given.
    ///
    /// # Errors
    /// If values do not go together; the message says which.
    pub(crate) fn read(params: &Params, classes: usize) -> Result<Self, String> {
        let get = |name: &str| params.get(name).unwrap_or(&Value::Null);
        let number = |name: &str| get(name).as_f64().unwrap_or(f64::NAN);
        let whole = |name: &str| {
            let value = get(name).as_u64();
            value.map(|value| u32::try_from(value).unwrap_or(u32::MAX))
        };
        let loss = loss(get("loss"), get("quantile"), number("alpha"), classes)?;
        let stops = match get("early_stopping") {
            Value::Bool(true) => Stops::Always,
            Value::Bool(false) => Stops::Never,
            _ => Stops::WithManyRows,
        };
        let say = |error: ParamsError| error.to_string();
        let class_weight = class_weight(get("class_weight")).map_err(say)?;
        let validation = match get("validation_fraction") {
            Value::Null => None,
            value => Some(amount("validation_fraction", value, "a number of rows").map_err(say)?),
        };
        Ok(Self {
            loss,
            learning_rate: number("learning_rate"),
            max_iter: whole("max_iter").unwrap_or(u32::MAX),
            class_weight,
            subsample: number("subsample"),
            max_bins: whole("max_bins").unwrap_or(255) as usize,
            growth: Growth {
                max_leaf_nodes: whole("max_leaf_nodes").unwrap_or(u32::MAX),
                max_depth: whole("max_depth").unwrap_or(u32::MAX),
                min_samples_leaf: whole("min_samples_leaf").unwrap_or(1),
                leaf_count: match get("min_samples_leaf_by").as_str() {
                    Some("rows") => LeafCount::Rows,
                    Some("hessian") => LeafCount::Hessian,
                    _ => LeafCount::Both,
                },
                min_sum_hessian: number("min_sum_hessian"),
                min_split_gain: number("min_split_gain"),
                l1: number("l1_regularization"),
                l2: number("l2_regularization"),
                max_features: number("max_features"),
                tree_features: number("colsample_bytree"),
                monotonic: monotonic(get("monotonic_cst"))?,
                interactions: interactions(get("interaction_cst"))?,
                cat_smooth: number("cat_smooth"),
                cat_l2: number("cat_l2"),
                max_cat_to_onehot: whole("max_cat_to_onehot").unwrap_or(1),
            },
            random_state: u64::from(whole("random_state").unwrap_or(0)),
            stops,
            stopping: EarlyStopping {
                validation,
                rounds: whole("n_iter_no_change").unwrap_or(u32::MAX),
                tolerance: number("tol"),
            },
        })
    }

    /// These with the number of rounds, which is nested, set to 1: equal for
    /// candidates of one family.
    pub(crate) fn family(&self) -> Self {
        Self {
            max_iter: 1,
            ..self.clone()
        }
    }

    /// When a fit of so many rows stops.
    pub(crate) fn early_stopping(&self, rows: usize) -> Option<EarlyStopping> {
        let stops = match self.stops {
            Stops::Never => false,
            Stops::WithManyRows => rows > MANY_ROWS,
            Stops::Always => true,
        };
        stops.then_some(self.stopping)
    }
}

fn loss(loss: &Value, quantile: &Value, alpha: f64, classes: usize) -> Result<Loss, String> {
    Ok(match loss.as_str() {
        _ if classes > 0 => Loss::Likelihood,
        Some("absolute_error") => Loss::AbsoluteError,
        Some("quantile") => Loss::Quantile(quantile.as_f64().ok_or_else(|| {
            "`loss: quantile` needs `quantile`, the level between 0 and 1".to_owned()
        })?),
        Some("poisson") => Loss::Poisson,
        Some("gamma") => Loss::Gamma,
        Some("huber") => Loss::Huber(alpha),
        _ => Loss::SquaredError,
    })
}

/// `monotonic_cst`: an object from names of features to -1, 0 or 1.
fn monotonic(value: &Value) -> Result<BTreeMap<String, i8>, String> {
    let Some(signs) = value.as_object() else {
        return Ok(BTreeMap::new());
    };
    let sign = |(name, sign): (&String, &Value)| match sign.as_i64() {
        Some(sign @ -1..=1) => Ok((name.clone(), sign as i8)),
        _ => Err(format!(
            "`monotonic_cst` gives `{name}` {sign}, not -1, 0 or 1"
        )),
    };
    signs.iter().map(sign).collect()
}

/// `interaction_cst`: a list of lists of names of features.
fn interactions(value: &Value) -> Result<Option<Vec<Vec<String>>>, String> {
    if value.as_str() == Some("no_interactions") {
        return Ok(Some(Vec::new()));
    }
    let Some(sets) = value.as_array() else {
        return Ok(None);
    };
    let name = |name: &Value| name.as_str().map(str::to_owned);
    let set = |set: &Value| set.as_array()?.iter().map(name).collect();
    let sets: Option<Vec<Vec<String>>> = sets.iter().map(set).collect();
    match sets {
        Some(sets) => Ok(Some(sets)),
        None => Err("`interaction_cst` is not a list of lists of features' names".to_owned()),
    }
}
