//! [`ForestParams`] and their checked form, with scikit-learn's names, defaults
//! and ranges.

use std::collections::BTreeMap;

use fanout_sdk::Params;
use linfa::ParamGuard;
use serde_json::Value;

/// Errors of hyper-parameters.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ParamsError {
    /// An unknown hyper-parameter.
    #[error("unknown hyper-parameter `{0}`")]
    Unknown(String),
    /// A value of the wrong type, or out of range.
    #[error("`{name}` is `{value}`, but must be {expected}")]
    Value {
        /// The hyper-parameter.
        name: &'static str,
        /// Its value.
        value: String,
        /// The values that are accepted.
        expected: &'static str,
    },
    /// A criterion for targets of another kind.
    #[error("`criterion` is `{criterion}`, but the target is {}", target.criteria())]
    Criterion {
        /// The criterion.
        criterion: Impurity,
        /// The kind of the target.
        target: TargetKind,
    },
    /// `class_weight` for a numeric target.
    #[error("`class_weight` is given, but the target is numeric and has no classes")]
    ClassWeightOfNumbers,
    /// `max_samples` without `bootstrap`.
    #[error("`max_samples` needs `bootstrap: true`")]
    MaxSamplesWithoutBootstrap,
    /// `oob_score` without `bootstrap`.
    #[error("`oob_score` needs `bootstrap: true`")]
    OobScoreWithoutBootstrap,
    /// A class weight for a label that is not a class of the target.
    #[error("`class_weight` names `{label}`, which is not one of the classes `{classes}`")]
    NoSuchClass {
        /// The label.
        label: String,
        /// The classes.
        classes: String,
    },
}

/// The impurity measure of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Impurity {
    /// The default: [`Self::Gini`] for classes, [`Self::SquaredError`] for numbers.
    Auto,
    /// Gini impurity, of classes.
    Gini,
    /// Shannon entropy, of classes; `log_loss` is a synonym.
    Entropy,
    /// Mean squared error around the mean, of numbers; `friedman_mse` is a
    /// synonym.
    SquaredError,
    /// Mean absolute error around the median, of numbers.
    AbsoluteError,
    /// Half the mean Poisson deviance, of numbers of at least 0.
    Poisson,
}

impl std::fmt::Display for Impurity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Gini => "gini",
            Self::Entropy => "entropy",
            Self::SquaredError => "squared_error",
            Self::AbsoluteError => "absolute_error",
            Self::Poisson => "poisson",
        })
    }
}

/// The kind of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetKind {
    /// Classes.
    Classes,
    /// Numbers.
    Numbers,
}

impl TargetKind {
    /// The criteria for a target of this kind.
    fn criteria(self) -> &'static str {
        match self {
            Self::Classes => "of classes, which takes `gini`, `entropy` and `log_loss`",
            Self::Numbers => {
                "numeric, which takes `squared_error`, `friedman_mse`, `absolute_error` and \
                 `poisson`"
            }
        }
    }
}

/// Which splits of a feature are evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Splitter {
    /// All; the best is taken.
    Best,
    /// A random one.
    Random,
}

/// A number of rows, absolute or relative.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Amount {
    /// This number of rows.
    Rows(u64),
    /// This fraction of the training rows.
    Share(f64),
}

/// The number of random features that are searched for a split.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum MaxFeatures {
    /// The default of forests: [`Self::Sqrt`] for classes, [`Self::All`] for numbers.
    Auto,
    /// The square root of the number of features, rounded down, at least 1.
    Sqrt,
    /// The binary logarithm of the number of features, rounded down, at least 1.
    Log2,
    /// This number.
    Number(u64),
    /// This fraction of the features, rounded down, at least 1.
    Share(f64),
    /// All features.
    All,
}

/// The weights of classes.
#[derive(Clone, Debug, PartialEq)]
pub enum ClassWeight {
    /// 1 for all.
    Equal,
    /// Rows / (classes * rows of the class), over the training rows.
    Balanced,
    /// The same, over the sample of each tree.
    BalancedSubsample,
    /// By label; 1 for a label that is not named.
    ByLabel(BTreeMap<String, f64>),
}

/// Unchecked hyper-parameters of a forest or a tree; `check` of linfa's
/// [`ParamGuard`] checks them.
///
/// | name | default | range | meaning |
/// | --- | --- | --- | --- |
/// | `n_estimators` | 100 (a tree: 1) | 1 or more | number of trees |
/// | `criterion` | auto: gini or squared_error | [`Impurity`] | impurity measure |
/// | `splitter` | best (extra trees: random) | [`Splitter`] | splits that are evaluated |
/// | `max_depth` | none | 1 or more | depth at which a node is a leaf |
/// | `min_samples_split` | 2 | 2 or more rows, a share in (0, 1] | minimum number of distinct rows of a split node |
/// | `min_samples_leaf` | 1 | 1 or more rows, a share in (0, 1) | minimum number of distinct rows of a leaf |
/// | `min_weight_fraction_leaf` | 0 | 0 to 0.5 | minimum weight of a leaf, as a fraction of the sample's |
/// | `max_features` | auto: sqrt or all (a tree: all) | [`MaxFeatures`] | random features that are searched for a split |
/// | `max_leaf_nodes` | none | 2 or more | maximum number of leaves; the tree grows best-first |
/// | `min_impurity_decrease` | 0 | 0 or more | minimum weighted impurity decrease of a split |
/// | `bootstrap` | true (else false) | | whether trees draw their rows with replacement |
/// | `max_samples` | as many as there are | 1 or more rows, a share above 0 | number of draws of a tree |
/// | `oob_score` | false | | whether a fit is scored out of bag |
/// | `class_weight` | equal | [`ClassWeight`] | class weights |
/// | `random_state` | 0 | | random seed |
#[derive(Clone, Debug, PartialEq)]
pub struct ForestParams(ForestValidParams);

/// Checked hyper-parameters of a forest or a tree.
#[derive(Clone, Debug, PartialEq)]
pub struct ForestValidParams {
    pub(crate) n_estimators: u32,
    pub(crate) criterion: Impurity,
    pub(crate) splitter: Splitter,
    pub(crate) max_depth: Option<u32>,
    pub(crate) min_samples_split: Amount,
    pub(crate) min_samples_leaf: Amount,
    pub(crate) min_weight_fraction_leaf: f64,
    pub(crate) max_features: MaxFeatures,
    pub(crate) max_leaf_nodes: Option<u32>,
    pub(crate) min_impurity_decrease: f64,
    pub(crate) bootstrap: bool,
    pub(crate) max_samples: Option<Amount>,
    pub(crate) oob_score: bool,
    pub(crate) class_weight: ClassWeight,
    pub(crate) random_state: u64,
}

impl ClassWeight {
    /// The weight of each class, of which `counts` training rows are; balanced over
    /// these. `labels` are those of the classes.
    ///
    /// # Errors
    /// If a label is not one of a class.
    pub(crate) fn of_classes(
        &self,
        labels: &[String],
        counts: &[u32],
    ) -> Result<Vec<f64>, ParamsError> {
        match self {
            Self::Equal => Ok(vec![1.0; labels.len()]),
            Self::Balanced | Self::BalancedSubsample => Ok(balanced_weights(counts)),
            Self::ByLabel(weights) => {
                let mut by_class = vec![1.0; labels.len()];
                for (label, &weight) in weights {
                    match labels.iter().position(|known| known == label) {
                        Some(class) => by_class[class] = weight,
                        None => {
                            return Err(ParamsError::NoSuchClass {
                                label: label.clone(),
                                classes: labels.join("`, `"),
                            });
                        }
                    }
                }
                Ok(by_class)
            }
        }
    }
}

/// Balanced class weights, as in scikit-learn: rows / (classes that occur *
/// rows of the class). `counts` is the number of rows of each class.
pub(crate) fn balanced_weights(counts: &[u32]) -> Vec<f64> {
    let rows: f64 = counts.iter().map(|&count| f64::from(count)).sum();
    let classes = counts.iter().filter(|&&count| count > 0).count() as f64;
    counts
        .iter()
        .map(|&count| {
            if count == 0 {
                1.0
            } else {
                rows / (classes * f64::from(count))
            }
        })
        .collect()
}

impl ForestValidParams {
    /// These with every nested hyper-parameter set to a fixed value: equal for
    /// candidates of one family. In trees that grow best-first, only the number
    /// of trees is nested.
    pub(crate) fn family(&self) -> Self {
        let mut family = Self {
            n_estimators: 1,
            ..self.clone()
        };
        if self.max_leaf_nodes.is_none() {
            family.max_depth = None;
            family.min_samples_split = Amount::Rows(2);
            family.min_impurity_decrease = 0.0;
        }
        family
    }
}

macro_rules! setters {
    ($($(#[$meta:meta])* $name:ident: $kind:ty;)*) => {
        $($(#[$meta])*
        #[must_use]
        pub fn $name(mut self, value: $kind) -> Self {
            self.0.$name = value;
            self
        })*
    };
}

impl ForestParams {
    /// The defaults of a random forest.
    pub fn random_forest() -> Self {
        Self(ForestValidParams {
            n_estimators: 100,
            criterion: Impurity::Auto,
            splitter: Splitter::Best,
            max_depth: None,
            min_samples_split: Amount::Rows(2),
            min_samples_leaf: Amount::Rows(1),
            min_weight_fraction_leaf: 0.0,
            max_features: MaxFeatures::Auto,
            max_leaf_nodes: None,
            min_impurity_decrease: 0.0,
            bootstrap: true,
            max_samples: None,
            oob_score: false,
            class_weight: ClassWeight::Equal,
            random_state: 0,
        })
    }

    /// The defaults of extremely randomized trees.
    pub fn extra_trees() -> Self {
        Self::random_forest()
            .splitter(Splitter::Random)
            .bootstrap(false)
    }

    /// The defaults of a decision tree.
    pub fn decision_tree() -> Self {
        Self::random_forest()
            .n_estimators(1)
            .bootstrap(false)
            .max_features(MaxFeatures::All)
    }

    setters! {
        /// Sets the number of trees.
        n_estimators: u32;
        /// Sets the impurity measure.
        criterion: Impurity;
        /// Sets which splits of a feature are evaluated.
        splitter: Splitter;
        /// Sets the maximum depth.
        max_depth: Option<u32>;
        /// Sets the minimum number of rows of a split node.
        min_samples_split: Amount;
        /// Sets the minimum number of rows of a leaf.
        min_samples_leaf: Amount;
        /// Sets the minimum weight of a leaf, as a fraction of the sample's.
        min_weight_fraction_leaf: f64;
        /// Sets the number of random features that are searched for a split.
        max_features: MaxFeatures;
        /// Sets the maximum number of leaves.
        max_leaf_nodes: Option<u32>;
        /// Sets the minimum impurity decrease of a split.
        min_impurity_decrease: f64;
        /// Sets whether trees draw their rows with replacement.
        bootstrap: bool;
        /// Sets the number of draws of a tree.
        max_samples: Option<Amount>;
        /// Sets whether a fit is scored out of bag.
        oob_score: bool;
        /// Sets the class weights.
        class_weight: ClassWeight;
        /// Sets the random seed.
        random_state: u64;
    }

    /// Sets the hyper-parameters in `params`.
    ///
    /// # Errors
    /// If one is unknown, or its value is of the wrong type.
    pub(crate) fn with(mut self, params: &Params) -> Result<Self, ParamsError> {
        let to = &mut self.0;
        for (name, value) in params {
            match name.as_str() {
                "n_estimators" => {
                    to.n_estimators = int("n_estimators", value, "a whole number of 1 or more")?
                }
                "criterion" => {
                    to.criterion = match value.as_str() {
                        Some("gini") => Impurity::Gini,
                        Some("entropy" | "log_loss") => Impurity::Entropy,
                        Some("squared_error" | "friedman_mse") => Impurity::SquaredError,
                        Some("absolute_error") => Impurity::AbsoluteError,
                        Some("poisson") => Impurity::Poisson,
                        _ => return refuse("criterion", value, CRITERION),
                    }
                }
                "splitter" => {
                    to.splitter = match value.as_str() {
                        Some("best") => Splitter::Best,
                        Some("random") => Splitter::Random,
                        _ => return refuse("splitter", value, "`best` or `random`"),
                    }
                }
                "max_depth" => {
                    to.max_depth = optional(value, |value| {
                        int("max_depth", value, "null or a whole number of 1 or more")
                    })?;
                }
                "min_samples_split" => {
                    to.min_samples_split = amount("min_samples_split", value, MIN_SAMPLES_SPLIT)?;
                }
                "min_samples_leaf" => {
                    to.min_samples_leaf = amount("min_samples_leaf", value, MIN_SAMPLES_LEAF)?;
                }
                "min_weight_fraction_leaf" => {
                    to.min_weight_fraction_leaf =
                        float("min_weight_fraction_leaf", value, "a number from 0 to 0.5")?;
                }
                "max_features" => to.max_features = max_features(value)?,
                "max_leaf_nodes" => {
                    to.max_leaf_nodes = optional(value, |value| {
                        int(
                            "max_leaf_nodes",
                            value,
                            "null or a whole number of 2 or more",
                        )
                    })?;
                }
                "min_impurity_decrease" => {
                    to.min_impurity_decrease =
                        float("min_impurity_decrease", value, "a number of 0 or more")?;
                }
                "bootstrap" => to.bootstrap = boolean("bootstrap", value)?,
                "oob_score" => to.oob_score = boolean("oob_score", value)?,
                "max_samples" => {
                    to.max_samples =
                        optional(value, |value| amount("max_samples", value, MAX_SAMPLES))?;
                }
                "class_weight" => to.class_weight = class_weight(value)?,
                "random_state" => {
                    to.random_state = optional(value, |value| {
                        int("random_state", value, "null or a whole number of 0 or more")
                    })?
                    .map_or(0, u64::from);
                }
                _ => return Err(ParamsError::Unknown(name.clone())),
            }
        }
        Ok(self)
    }
}

const CRITERION: &str = "`gini`, `entropy`, `log_loss`, `squared_error`, `friedman_mse`, \
     `absolute_error` or `poisson`";
const MIN_SAMPLES_SPLIT: &str =
    "a whole number of 2 or more rows, or a share of the rows above 0 and up to 1.0";
const MIN_SAMPLES_LEAF: &str =
    "a whole number of 1 or more rows, or a share of the rows between 0 and 1";
const MAX_SAMPLES: &str = "null, a whole number of 1 or more rows, or a share of the rows above 0";
const MAX_FEATURES: &str = "`sqrt`, `log2`, null, a whole number of 1 or more features, or a share \
     of the features above 0 and up to 1.0";
const CLASS_WEIGHT: &str =
    "null, `balanced`, `balanced_subsample`, or a weight of 0 or more for each label";

fn refuse<T>(
    name: &'static str,
    value: impl std::fmt::Display,
    expected: &'static str,
) -> Result<T, ParamsError> {
    Err(ParamsError::Value {
        name,
        value: value.to_string(),
        expected,
    })
}

fn optional<T>(
    value: &Value,
    read: impl FnOnce(&Value) -> Result<T, ParamsError>,
) -> Result<Option<T>, ParamsError> {
    if value.is_null() {
        Ok(None)
    } else {
        read(value).map(Some)
    }
}

fn boolean(name: &'static str, value: &Value) -> Result<bool, ParamsError> {
    match value.as_bool() {
        Some(value) => Ok(value),
        None => refuse(name, value, "`true` or `false`"),
    }
}

fn int(name: &'static str, value: &Value, expected: &'static str) -> Result<u32, ParamsError> {
    match value.as_u64() {
        // No number of trees, leaves or levels that fits in memory exceeds 32
        // bits.
        Some(number) => Ok(u32::try_from(number).unwrap_or(u32::MAX)),
        None => refuse(name, value, expected),
    }
}

fn float(name: &'static str, value: &Value, expected: &'static str) -> Result<f64, ParamsError> {
    match value.as_f64() {
        Some(number) => Ok(number),
        None => refuse(name, value, expected),
    }
}

pub(crate) fn amount(
    name: &'static str,
    value: &Value,
    expected: &'static str,
) -> Result<Amount, ParamsError> {
    match (value.as_u64(), value.as_f64()) {
        (Some(rows), _) => Ok(Amount::Rows(rows)),
        (None, Some(share)) => Ok(Amount::Share(share)),
        (None, None) => refuse(name, value, expected),
    }
}

fn max_features(value: &Value) -> Result<MaxFeatures, ParamsError> {
    match value {
        Value::Null => Ok(MaxFeatures::All),
        Value::String(name) if name == "sqrt" => Ok(MaxFeatures::Sqrt),
        Value::String(name) if name == "log2" => Ok(MaxFeatures::Log2),
        _ => Ok(match amount("max_features", value, MAX_FEATURES)? {
            Amount::Rows(number) => MaxFeatures::Number(number),
            Amount::Share(share) => MaxFeatures::Share(share),
        }),
    }
}

pub(crate) fn class_weight(value: &Value) -> Result<ClassWeight, ParamsError> {
    match value {
        Value::Null => Ok(ClassWeight::Equal),
        Value::String(name) if name == "balanced" => Ok(ClassWeight::Balanced),
        Value::String(name) if name == "balanced_subsample" => Ok(ClassWeight::BalancedSubsample),
        Value::Object(weights) => weights
            .iter()
            .map(|(label, weight)| {
                Ok((label.clone(), float("class_weight", weight, CLASS_WEIGHT)?))
            })
            .collect::<Result<_, _>>()
            .map(ClassWeight::ByLabel),
        _ => refuse("class_weight", value, CLASS_WEIGHT),
    }
}

impl ParamGuard for ForestParams {
    type Checked = ForestValidParams;
    type Error = ParamsError;

    fn check_ref(&self) -> Result<&ForestValidParams, ParamsError> {
        let params = &self.0;
        if params.n_estimators < 1 {
            return refuse(
                "n_estimators",
                params.n_estimators,
                "a whole number of 1 or more",
            );
        }
        if let Some(depth) = params.max_depth
            && depth < 1
        {
            return refuse("max_depth", depth, "null or a whole number of 1 or more");
        }
        match params.min_samples_split {
            Amount::Rows(rows) if rows < 2 => {
                return refuse("min_samples_split", rows, MIN_SAMPLES_SPLIT);
            }
            Amount::Share(share) if !(share > 0.0 && share <= 1.0) => {
                return refuse("min_samples_split", share, MIN_SAMPLES_SPLIT);
            }
            _ => {}
        }
        match params.min_samples_leaf {
            Amount::Rows(rows) if rows < 1 => {
                return refuse("min_samples_leaf", rows, MIN_SAMPLES_LEAF);
            }
            Amount::Share(share) if !(share > 0.0 && share < 1.0) => {
                return refuse("min_samples_leaf", share, MIN_SAMPLES_LEAF);
            }
            _ => {}
        }
        let fraction = params.min_weight_fraction_leaf;
        if !(0.0..=0.5).contains(&fraction) {
            return refuse(
                "min_weight_fraction_leaf",
                fraction,
                "a number from 0 to 0.5",
            );
        }
        match params.max_features {
            MaxFeatures::Number(number) if number < 1 => {
                return refuse("max_features", number, MAX_FEATURES);
            }
            MaxFeatures::Share(share) if !(share > 0.0 && share <= 1.0) => {
                return refuse("max_features", share, MAX_FEATURES);
            }
            _ => {}
        }
        if let Some(leaves) = params.max_leaf_nodes
            && leaves < 2
        {
            return refuse(
                "max_leaf_nodes",
                leaves,
                "null or a whole number of 2 or more",
            );
        }
        let decrease = params.min_impurity_decrease;
        if !(decrease >= 0.0 && decrease.is_finite()) {
            return refuse("min_impurity_decrease", decrease, "a number of 0 or more");
        }
        match params.max_samples {
            Some(_) if !params.bootstrap => return Err(ParamsError::MaxSamplesWithoutBootstrap),
            Some(Amount::Rows(0)) => return refuse("max_samples", 0, MAX_SAMPLES),
            Some(Amount::Share(share)) if !(share > 0.0 && share.is_finite()) => {
                return refuse("max_samples", share, MAX_SAMPLES);
            }
            _ => {}
        }
        if params.oob_score && !params.bootstrap {
            return Err(ParamsError::OobScoreWithoutBootstrap);
        }
        if let ClassWeight::ByLabel(weights) = &params.class_weight
            && let Some(weight) = weights
                .values()
                .find(|weight| !(**weight >= 0.0 && weight.is_finite()))
        {
            return refuse("class_weight", weight, CLASS_WEIGHT);
        }
        Ok(params)
    }

    fn check(self) -> Result<ForestValidParams, ParamsError> {
        self.check_ref()?;
        Ok(self.0)
    }
}
