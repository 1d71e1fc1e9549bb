//! [`Importances`]: how much a model relies on each of its features.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The importances of a model's features, from the model alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Importances {
    /// The version of the contract: [`crate::CONTRACT`].
    pub contract: u32,
    /// The features that the trainer was fitted on, in order: the columns that the
    /// steps of a model leave.
    pub features: Vec<String>,
    /// By kind: one number per feature.
    pub importances: BTreeMap<ImportanceKind, Vec<f64>>,
}

impl Importances {
    /// Whether each kind has a number per feature.
    pub fn is_whole(&self) -> bool {
        let features = self.features.len();
        self.importances
            .values()
            .all(|numbers| numbers.len() == features)
    }
}

/// How a feature's importance is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImportanceKind {
    /// The decrease of impurity by splits on the feature, weighted by the rows of
    /// their nodes: of each tree as a share of all features, the mean over trees that
    /// have splits; scikit-learn's `feature_importances_`.
    Impurity,
    /// The sum of the gains of all splits on the feature, as LightGBM's
    /// `importance_type="gain"`.
    Gain,
    /// The number of splits on the feature, as LightGBM's `importance_type="split"`.
    Splits,
}

impl ImportanceKind {
    /// The name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Impurity => "impurity",
            Self::Gain => "gain",
            Self::Splits => "splits",
        }
    }
}
