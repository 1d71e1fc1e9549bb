//! [`Forest`]: a fitted forest. It holds the binning of its features, so that
//! it predicts rows of any table that has these features, in any order and with
//! any codes of their categories.

use serde::{Deserialize, Serialize};

use crate::bins::{Codes, Coding, Column, ColumnCodes};
use crate::fitted::{FittedTree, mean_prediction, width};
use crate::tree::{CodeSet, NO_CODE, Node, Test, Tree, contains, insert};

/// Errors of reading a stored forest.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// An invariant of a fitted forest does not hold.
    #[error("the model is damaged: {0}")]
    Damaged(&'static str),
}

/// Errors of prediction.
#[derive(Debug, thiserror::Error)]
pub enum PredictError {
    /// A feature is missing.
    #[error("the model was fitted on a feature `{0}`, which the dataset does not have")]
    NoFeature(String),
    /// A feature is of another kind.
    #[error("feature `{name}` holds {found}, but the model was fitted on {expected}")]
    Kind {
        /// The feature.
        name: String,
        /// The kind in the dataset.
        found: &'static str,
        /// The kind in the training data.
        expected: &'static str,
    },
}

/// The values of a feature to predict from.
#[derive(Clone, Copy, Debug)]
pub enum FeatureValues<'a> {
    /// Numbers; NaN is missing.
    Number(&'a [f64]),
    /// Indices into `labels`; any other index is missing.
    Category {
        /// The labels.
        labels: &'a [String],
        /// The indices.
        values: &'a [u32],
    },
}

/// A fitted forest. Its prediction for a row is the mean of the class
/// proportions in the row's leaf of each tree.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "ForestRecord", into = "ForestRecord")]
pub struct Forest {
    columns: Vec<Column>,
    classes: u32,
    trees: Vec<FittedTree>,
}

impl Forest {
    /// A forest of at least one tree.
    pub(crate) fn new(columns: Vec<Column>, classes: u32, trees: Vec<FittedTree>) -> Self {
        Self {
            columns,
            classes,
            trees,
        }
    }

    /// The number of classes.
    pub fn classes(&self) -> usize {
        self.classes as usize
    }

    /// The features that it was fitted on, in order.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The number of trees.
    pub fn trees(&self) -> usize {
        self.trees.len()
    }

    /// Class probabilities of `rows` rows, row-major: of class 1 for two
    /// classes, else of each class.
    ///
    /// `feature` is called once per feature, with its index, its column and a
    /// function that takes the values of all rows.
    ///
    /// # Errors
    /// Those of `feature`, and [`PredictError::Kind`].
    ///
    /// # Panics
    /// If `feature` does not pass `rows` values.
    pub fn predict<E: From<PredictError>>(
        &self,
        rows: usize,
        mut feature: impl FnMut(
            usize,
            &Column,
            &mut dyn FnMut(FeatureValues<'_>) -> Result<(), PredictError>,
        ) -> Result<(), E>,
    ) -> Result<Vec<f64>, E> {
        let mut codes = Vec::with_capacity(self.columns.len());
        for (index, column) in self.columns.iter().enumerate() {
            feature(index, column, &mut |values| {
                codes.push(encode(column, values)?);
                Ok(())
            })?;
            let of_feature = codes.last().filter(|_| codes.len() == index + 1);
            assert_eq!(
                of_feature.map(ColumnCodes::len),
                Some(rows),
                "a feature must have one value per row"
            );
        }
        let codes = Codes::from_columns(rows, codes);
        Ok(mean_prediction(&self.trees, self.classes as usize, &codes))
    }
}

/// The codes of a feature's values.
fn encode(column: &Column, values: FeatureValues<'_>) -> Result<ColumnCodes, PredictError> {
    let kind = |found, expected| PredictError::Kind {
        name: column.name.clone(),
        found,
        expected,
    };
    match (&column.coding, values) {
        (Coding::Number { .. }, FeatureValues::Number(values)) => {
            Ok(column.coding.encode_numbers(values))
        }
        (Coding::Category { .. }, FeatureValues::Category { labels, values }) => {
            Ok(column.coding.encode_categories(labels, values))
        }
        (Coding::Number { .. }, FeatureValues::Category { .. }) => {
            Err(kind("categories", "numbers"))
        }
        (Coding::Category { .. }, FeatureValues::Number(_)) => Err(kind("numbers", "categories")),
    }
}

/// The serialised form of [`Forest`].
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ForestRecord {
    features: Vec<Column>,
    classes: u32,
    trees: Vec<TreeRecord>,
}

/// The serialised form of [`FittedTree`]: one array per property.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TreeRecord {
    /// By node: the index of the left child, which the right child follows; 0
    /// for a leaf.
    left: Vec<u32>,
    /// By split node: the index of the tested feature.
    feature: Vec<u32>,
    /// By split node: for a number or an ordered category, the greatest code that
    /// goes left; for another category, the index of a set.
    cut: Vec<u32>,
    /// By split node: 1 if missing numbers go left, else 0.
    missing_left: Vec<u8>,
    /// By set: the codes that go left.
    sets: Vec<Vec<u8>>,
    /// By leaf: its class proportions.
    values: Vec<f64>,
}

impl From<Forest> for ForestRecord {
    fn from(forest: Forest) -> Self {
        let width = width(forest.classes as usize);
        let trees = forest
            .trees
            .iter()
            .map(|fitted| TreeRecord::new(fitted, width))
            .collect();
        Self {
            features: forest.columns,
            classes: forest.classes,
            trees,
        }
    }
}

impl TryFrom<ForestRecord> for Forest {
    type Error = ModelError;

    fn try_from(record: ForestRecord) -> Result<Self, ModelError> {
        if record.classes == 0 || record.trees.is_empty() {
            return Err(ModelError::Damaged("it has no classes or no trees"));
        }
        if !record
            .features
            .iter()
            .all(|column| column.coding.is_valid())
        {
            return Err(ModelError::Damaged("a feature's coding is inconsistent"));
        }
        let width = width(record.classes as usize);
        let trees = record
            .trees
            .into_iter()
            .map(|tree| tree.into_fitted(&record.features, width))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            columns: record.features,
            classes: record.classes,
            trees,
        })
    }
}

impl TreeRecord {
    fn new(fitted: &FittedTree, width: usize) -> Self {
        let nodes = &fitted.tree.nodes;
        let tests = || nodes.iter().filter(|node| !node.is_leaf());
        let codes = |set: &CodeSet| (0..=u8::MAX).filter(|&code| contains(set, code)).collect();
        Self {
            left: nodes.iter().map(|node| node.left).collect(),
            feature: tests().map(|node| node.feature).collect(),
            cut: tests()
                .map(|node| match node.test {
                    Test::Threshold { last_left, .. } => last_left,
                    Test::Subset { set } => set,
                })
                .collect(),
            missing_left: tests()
                .map(|node| match node.test {
                    Test::Threshold { also_left, .. } => u8::from(also_left != NO_CODE),
                    Test::Subset { .. } => 0,
                })
                .collect(),
            sets: fitted.tree.sets.iter().map(codes).collect(),
            values: nodes
                .iter()
                .zip(fitted.values.chunks_exact(width))
                .filter(|(node, _)| node.is_leaf())
                .flat_map(|(_, values)| values.iter().copied())
                .collect(),
        }
    }

    fn into_fitted(self, columns: &[Column], width: usize) -> Result<FittedTree, ModelError> {
        let number = self.left.len();
        let leaves = self.left.iter().filter(|&&left| left == 0).count();
        let tests = number - leaves;
        if number == 0
            || [self.feature.len(), self.cut.len(), self.missing_left.len()] != [tests; 3]
            || self.values.len() != leaves * width
        {
            return Err(ModelError::Damaged(
                "the arrays of a tree have inconsistent lengths",
            ));
        }
        let mut tree = Tree::default();
        for codes in &self.sets {
            let mut set = CodeSet::default();
            codes.iter().for_each(|&code| insert(&mut set, code));
            tree.sets.push(set);
        }
        let mut rest = self.feature.iter().zip(&self.cut).zip(&self.missing_left);
        let mut leaf_values = self.values.chunks_exact(width);
        let mut values = Vec::with_capacity(number * width);
        for (index, &left) in self.left.iter().enumerate() {
            if left == 0 {
                tree.nodes.push(Node::LEAF);
                values.extend(leaf_values.next().into_iter().flatten());
                continue;
            }
            let Some(((&feature, &cut), &missing_left)) = rest.next() else {
                continue;
            };
            // A child follows its parent, so that every walk ends.
            if left as usize <= index || left as usize + 1 >= number {
                return Err(ModelError::Damaged("the child of a node is out of range"));
            }
            let Some(column) = columns.get(feature as usize) else {
                return Err(ModelError::Damaged("a node tests an unknown feature"));
            };
            let test = if column.coding.is_ordered() {
                Test::Threshold {
                    last_left: cut,
                    also_left: if missing_left == 1 {
                        column.coding.missing()
                    } else {
                        NO_CODE
                    },
                }
            } else if (cut as usize) < tree.sets.len() {
                Test::Subset { set: cut }
            } else {
                return Err(ModelError::Damaged("a node tests an unknown set"));
            };
            tree.nodes.push(Node {
                left,
                feature,
                test,
            });
            values.extend(std::iter::repeat_n(0.0, width));
        }
        Ok(FittedTree { tree, values })
    }
}
