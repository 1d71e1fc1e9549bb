//! [`Forest`]: a fitted forest. It holds the binning of its features, so that
//! it predicts rows of any table that has these features, in any order and with
//! any codes of their categories.

use std::sync::Arc;

use fanout_sdk::equal::EqualParts;
use serde::{Deserialize, Serialize, Serializer};
use serde_bytes::ByteBuf;

use crate::bins::{Codes, Coding, Column, ColumnCodes};
use crate::fitted::{FittedTree, LeafValues, mean_prediction, sum_prediction, width};
use crate::growth::TreeGrowth;
use crate::packed;
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

/// Takes the values of a feature, one per row.
pub type Encode<'a> = dyn FnMut(FeatureValues<'_>) -> Result<(), PredictError> + 'a;

/// A fitted forest. Its prediction for a row is the mean of what the row's leaf of
/// each tree predicts: class proportions, or a number.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "ForestRecord")]
pub struct Forest {
    /// Those of the members of a bag are one in memory.
    columns: Vec<Arc<Column>>,
    classes: u32,
    trees: Vec<FittedTree>,
}

impl Forest {
    /// A forest of at least one tree.
    pub(crate) fn new(columns: Vec<Column>, classes: u32, trees: Vec<FittedTree>) -> Self {
        Self {
            columns: columns.into_iter().map(Arc::new).collect(),
            classes,
            trees,
        }
    }

    /// Has columns that are equal to those of other forests be one with these.
    pub(crate) fn share_equal(&mut self, parts: &mut EqualParts) {
        for column in &mut self.columns {
            *column = parts.first(&column.name, column.clone());
        }
    }

    /// The number of classes; 0 if it predicts numbers.
    pub fn classes(&self) -> usize {
        self.classes as usize
    }

    /// The features that it was fitted on, in order.
    pub fn columns(&self) -> &[Arc<Column>] {
        &self.columns
    }

    /// The trees.
    pub(crate) fn fitted(&self) -> &[FittedTree] {
        &self.trees
    }

    /// The forest of the trees of both, in order; `None` if they are not of the same
    /// features and classes.
    pub(crate) fn merge(mut self, later: Self) -> Option<Self> {
        if later.columns != self.columns || later.classes != self.classes {
            return None;
        }
        self.trees.extend(later.trees);
        Some(self)
    }

    /// The number of trees.
    pub fn trees(&self) -> usize {
        self.trees.len()
    }

    /// The predictions for `rows` rows, row-major: the probability of class 1 for
    /// two classes, of each class for more, a number without classes.
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
        feature: impl FnMut(usize, &Column, &mut Encode<'_>) -> Result<(), E>,
    ) -> Result<Vec<f64>, E> {
        let codes = self.codes(rows, feature)?;
        Ok(mean_prediction(&self.trees, self.classes as usize, &codes))
    }

    /// The sums of `baseline` and the values of the leaves of `rows` rows, as many a row as
    /// `baseline` has: tree `t` adds to output `t` modulo that, in order. `feature` is that
    /// of [`Self::predict`].
    pub(crate) fn sums<E: From<PredictError>>(
        &self,
        rows: usize,
        baseline: &[f64],
        feature: impl FnMut(usize, &Column, &mut Encode<'_>) -> Result<(), E>,
    ) -> Result<Vec<f64>, E> {
        let codes = self.codes(rows, feature)?;
        Ok(sum_prediction(&self.trees, baseline, &codes))
    }

    /// The codes of `rows` rows.
    pub(crate) fn codes<E: From<PredictError>>(
        &self,
        rows: usize,
        mut feature: impl FnMut(usize, &Column, &mut Encode<'_>) -> Result<(), E>,
    ) -> Result<Codes, E> {
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
        Ok(Codes::from_columns(rows, codes))
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
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ForestRecord {
    features: Vec<Column>,
    /// 0 for numbers.
    classes: u32,
    trees: Vec<TreeRecord>,
}

/// The same as it is written: the record of one tree is in memory at a time.
#[derive(Serialize)]
#[serde(rename = "ForestRecord")]
struct ForestToWrite<'f> {
    features: Vec<&'f Column>,
    classes: u32,
    trees: TreesToWrite<'f>,
}

struct TreesToWrite<'f>(&'f [FittedTree]);

impl Serialize for TreesToWrite<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(TreeRecord::new))
    }
}

impl Serialize for Forest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let record = ForestToWrite {
            features: self.columns.iter().map(Arc::as_ref).collect(),
            classes: self.classes,
            trees: TreesToWrite(&self.trees),
        };
        record.serialize(serializer)
    }
}

/// The serialised form of [`FittedTree`]: one array per property.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TreeRecord {
    /// By node: the index of the left child, which the right child follows; 0
    /// for a leaf.
    #[serde(with = "packed::unsigned")]
    left: Vec<u32>,
    /// By split node: the index of the tested feature.
    #[serde(with = "packed::unsigned")]
    feature: Vec<u32>,
    /// By split node: for a number or an ordered category, the greatest code that
    /// goes left; for another category, the index of a set.
    #[serde(with = "packed::unsigned")]
    cut: Vec<u32>,
    /// By split node: 1 if missing numbers go left, else 0.
    #[serde(with = "serde_bytes")]
    missing_left: Vec<u8>,
    /// By set: the codes that go left.
    sets: Vec<ByteBuf>,
    /// Of more than two classes, by leaf: how many of its class proportions are
    /// above 0.
    #[serde(with = "packed::unsigned")]
    counts: Vec<u32>,
    /// By such a proportion: its class.
    #[serde(with = "packed::unsigned")]
    classes: Vec<u32>,
    /// These proportions; by leaf, of two classes the proportion of class 1, of
    /// numbers the number.
    #[serde(with = "packed::reals")]
    values: Vec<f64>,
    growth: TreeGrowth,
}

impl TryFrom<ForestRecord> for Forest {
    type Error = ModelError;

    fn try_from(record: ForestRecord) -> Result<Self, ModelError> {
        if record.trees.is_empty() {
            return Err(ModelError::Damaged("it has no trees"));
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
            columns: record.features.into_iter().map(Arc::new).collect(),
            classes: record.classes,
            trees,
        })
    }
}

impl TreeRecord {
    fn new(fitted: &FittedTree) -> Self {
        let nodes = &fitted.tree.nodes;
        let (mut counts, mut classes) = (Vec::new(), Vec::new());
        let values = match &fitted.values {
            LeafValues::Single(values) => {
                let of_leaves = nodes.iter().zip(values).filter(|(node, _)| node.is_leaf());
                of_leaves.map(|(_, value)| *value).collect()
            }
            LeafValues::Sparse {
                starts,
                classes: of_values,
                values,
            } => {
                let numbers = starts.windows(2).map(|pair| pair[1] - pair[0]);
                let of_leaves = nodes.iter().zip(numbers).filter(|(node, _)| node.is_leaf());
                counts.extend(of_leaves.map(|(_, number)| number));
                classes.clone_from(of_values);
                values.clone()
            }
        };
        let tests = || nodes.iter().filter(|node| !node.is_leaf());
        let codes = |set: &CodeSet| {
            let codes = (0..=u8::MAX).filter(|&code| contains(set, code));
            ByteBuf::from(codes.collect::<Vec<u8>>())
        };
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
            counts,
            classes,
            values,
            growth: fitted.growth.clone(),
        }
    }

    fn into_fitted(self, columns: &[Column], width: usize) -> Result<FittedTree, ModelError> {
        let number = self.left.len();
        let leaves = self.left.iter().filter(|&&left| left == 0).count();
        let tests = number - leaves;
        if number == 0
            || [self.feature.len(), self.cut.len(), self.missing_left.len()] != [tests; 3]
            || !self.has_values(leaves, width)
            || !self.growth.is_of(tests, columns.len())
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
        // Of numbers, and of two classes, each leaf has one number.
        let mut counts = self.counts.iter().copied();
        let mut starts = vec![0];
        for (index, &left) in self.left.iter().enumerate() {
            if left == 0 {
                tree.nodes.push(Node::LEAF);
                starts.push(starts[index] + counts.next().unwrap_or(1));
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
            starts.push(starts[index]);
        }
        let values = if width == 1 {
            let starts = starts.windows(2).map(|pair| pair[0]..pair[1]);
            let of_node = |range: std::ops::Range<u32>| match range.is_empty() {
                true => 0.0,
                false => self.values[range.start as usize],
            };
            LeafValues::Single(starts.map(of_node).collect())
        } else {
            LeafValues::Sparse {
                starts,
                classes: self.classes,
                values: self.values,
            }
        };
        Ok(FittedTree {
            tree,
            values,
            growth: self.growth,
        })
    }

    /// Whether the leaves have the numbers of a prediction.
    fn has_values(&self, leaves: usize, width: usize) -> bool {
        let Self {
            counts,
            classes,
            values,
            ..
        } = self;
        if width == 1 {
            return counts.is_empty() && classes.is_empty() && values.len() == leaves;
        }
        let all: u64 = counts.iter().map(|&count| u64::from(count)).sum();
        counts.len() == leaves
            && all == values.len() as u64
            && classes.len() == values.len()
            && classes.iter().all(|&class| (class as usize) < width)
            && u32::try_from(all).is_ok()
    }
}
