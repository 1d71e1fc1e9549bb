//! [`Forest`]: a fitted forest that stands for itself. It holds what the
//! codes of its features mean, so that it predicts rows of any table with
//! these features, whatever their order or their categories' codes.

use serde::{Deserialize, Serialize};

use crate::bins::{Codes, Coding, Column};
use crate::forest;
use crate::growth::Grown;
use crate::tree::{CodeSet, NO_CODE, Node, Test, Tree, contains, insert};

/// Why a stored forest is none.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// What stands in it can't have come from a fit.
    #[error("the model is damaged: {0}")]
    Damaged(&'static str),
}

/// Why a forest can't predict.
#[derive(Debug, thiserror::Error)]
pub enum PredictError {
    /// A feature is missing.
    #[error("the data have no feature `{0}`, which the model was fitted on")]
    NoFeature(String),
    /// A feature holds something else.
    #[error("feature `{name}` holds {found}, where the model was fitted on {expected}")]
    Kind {
        /// The feature.
        name: String,
        /// What the data have.
        found: &'static str,
        /// What the training data had.
        expected: &'static str,
    },
}

/// The values of a feature to predict from.
#[derive(Clone, Copy, Debug)]
pub enum FeatureValues<'a> {
    /// Numbers; NaN is missing.
    Number(&'a [f64]),
    /// Indices into labels; any other index is missing.
    Category {
        /// The labels.
        labels: &'a [String],
        /// The indices.
        values: &'a [u32],
    },
}

/// A fitted forest. A prediction is the mean of the trees' class proportions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "ForestRecord", into = "ForestRecord")]
pub struct Forest {
    columns: Vec<Column>,
    classes: u32,
    trees: Vec<Fitted>,
}

impl Forest {
    pub(crate) fn new(columns: Vec<Column>, classes: u32, trees: Vec<Fitted>) -> Self {
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

    /// The features that it was fitted on.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The number of trees.
    pub fn trees(&self) -> usize {
        self.trees.len()
    }

    /// Class probabilities, a row after the other: of class 1 alone for two
    /// classes, else of each. `feature` gives the values of column `index`,
    /// `rows` of them; it is asked once a column.
    pub fn predict<E: From<PredictError>>(
        &self,
        rows: usize,
        mut feature: impl FnMut(
            usize,
            &Column,
            &mut dyn FnMut(FeatureValues<'_>) -> Result<(), PredictError>,
        ) -> Result<(), E>,
    ) -> Result<Vec<f64>, E> {
        let mut codes = Vec::with_capacity(rows * self.columns.len());
        for (index, column) in self.columns.iter().enumerate() {
            feature(index, column, &mut |values| {
                encode(column, values, &mut codes)
            })?;
            assert_eq!(
                codes.len(),
                rows * (index + 1),
                "a feature of another number of rows"
            );
        }
        let codes = Codes::from_columns(rows, codes);
        Ok(forest::predict(&self.trees, self.classes as usize, &codes))
    }
}

fn encode(
    column: &Column,
    values: FeatureValues<'_>,
    codes: &mut Vec<u8>,
) -> Result<(), PredictError> {
    let kind = |found, expected| PredictError::Kind {
        name: column.name.clone(),
        found,
        expected,
    };
    match (&column.coding, values) {
        (Coding::Number { .. }, FeatureValues::Number(values)) => {
            column.coding.encode_numbers(values, codes);
            Ok(())
        }
        (Coding::Category { .. }, FeatureValues::Category { labels, values }) => {
            column.coding.encode_categories(labels, values, codes);
            Ok(())
        }
        (Coding::Number { .. }, FeatureValues::Category { .. }) => {
            Err(kind("categories", "numbers"))
        }
        (Coding::Category { .. }, FeatureValues::Number(_)) => Err(kind("numbers", "categories")),
    }
}

/// A fitted tree.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fitted {
    pub(crate) tree: Tree,
    /// What each node predicts; zeros where it is no leaf.
    pub(crate) values: Vec<f64>,
}

impl Fitted {
    pub(crate) fn new(grown: &Grown, width: usize) -> Self {
        let mut values = grown.values.clone();
        for (values, node) in values.chunks_exact_mut(width).zip(&grown.tree.nodes) {
            if !node.is_leaf() {
                values.fill(0.0);
            }
        }
        Self {
            tree: grown.tree.clone(),
            values,
        }
    }
}

/// [`Forest`] as it is stored.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ForestRecord {
    features: Vec<Column>,
    classes: u32,
    trees: Vec<TreeRecord>,
}

/// [`Fitted`] as it is stored: numbers in arrays, since a forest has many nodes.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TreeRecord {
    /// A node's left child, which its right child follows; 0 in a leaf.
    left: Vec<u32>,
    /// Of each node that is no leaf, in order: its feature.
    feature: Vec<u32>,
    /// Its last code that goes left; or, where the feature is a category,
    /// the index of a set.
    cut: Vec<u32>,
    /// Whether missing numbers go left: 1, else 0.
    missing_left: Vec<u8>,
    /// The codes that go left, of each set.
    sets: Vec<Vec<u8>>,
    /// Of each leaf, in order: its class proportions.
    values: Vec<f64>,
}

impl From<Forest> for ForestRecord {
    fn from(forest: Forest) -> Self {
        let width = forest::width(forest.classes as usize);
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
            .all(|column| column.coding.is_sound())
        {
            return Err(ModelError::Damaged("a feature's coding is inconsistent"));
        }
        let width = forest::width(record.classes as usize);
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
    fn new(fitted: &Fitted, width: usize) -> Self {
        let nodes = &fitted.tree.nodes;
        let tests = || nodes.iter().filter(|node| !node.is_leaf());
        let codes = |set: &CodeSet| (0..=u8::MAX).filter(|&code| contains(set, code)).collect();
        Self {
            left: nodes.iter().map(|node| node.left).collect(),
            feature: tests().map(|node| node.feature).collect(),
            cut: tests()
                .map(|node| match node.test {
                    Test::UpTo { cut, .. } => u32::from(cut),
                    Test::In { set } => set,
                })
                .collect(),
            missing_left: tests()
                .map(|node| match node.test {
                    Test::UpTo { also, .. } => u8::from(also != NO_CODE),
                    Test::In { .. } => 0,
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

    fn into_fitted(self, columns: &[Column], width: usize) -> Result<Fitted, ModelError> {
        let number = self.left.len();
        let leaves = self.left.iter().filter(|&&left| left == 0).count();
        let tests = number - leaves;
        if number == 0
            || [self.feature.len(), self.cut.len(), self.missing_left.len()] != [tests; 3]
            || self.values.len() != leaves * width
        {
            return Err(ModelError::Damaged("a tree's arrays do not fit together"));
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
            // A child after its parent: every walk comes to an end.
            if left as usize <= index || left as usize + 1 >= number {
                return Err(ModelError::Damaged("a node's child is out of place"));
            }
            let Some(column) = columns.get(feature as usize) else {
                return Err(ModelError::Damaged("a node tests an unknown feature"));
            };
            let test = match column.coding {
                Coding::Number { .. } => {
                    let missing = u16::from(column.coding.missing());
                    let Ok(cut) = u8::try_from(cut) else {
                        return Err(ModelError::Damaged("a node's cut is no code"));
                    };
                    Test::UpTo {
                        cut,
                        also: if missing_left == 1 { missing } else { NO_CODE },
                    }
                }
                Coding::Category { .. } if (cut as usize) < tree.sets.len() => {
                    Test::In { set: cut }
                }
                Coding::Category { .. } => {
                    return Err(ModelError::Damaged("a node tests an unknown set"));
                }
            };
            tree.nodes.push(Node {
                left,
                feature,
                test,
            });
            values.extend(std::iter::repeat_n(0.0, width));
        }
        Ok(Fitted { tree, values })
    }
}
