//! [`evaluate`] and [`fit`]: forests for hyper-parameter candidates.
//!
//! Candidates that differ only in nested hyper-parameters form a family, whose
//! trees are grown once, to the loosest limits, and pruned to the limits of each
//! candidate. A tree is dropped as soon as its predictions are added up.

use std::ops::Range;

use fanout_sdk::{Fault, Prediction, Scorer};

use crate::bins::{Bins, Codes};
use crate::criterion::EPSILON;
use crate::fitted::{FittedTree, add_leaf_values, mean_prediction, width};
use crate::grown::{GrownTree, NestedLimits};
use crate::model::Forest;
pub use crate::out_of_bag::OutOfBag;
use crate::params::ForestValidParams;
use crate::resolved::{ResolveError, ResolvedParams, nested_limits};
use crate::route::Router;
use crate::sample::SampleError;
use crate::training::Training;
pub use crate::training::{TrainingSet, TrainingTarget};

/// The maximum number of bytes of predictions that are summed up at once.
/// Threat: a large family that exhausts the memory of its task. Beyond, its
/// trees are grown more than once.
const MAX_SUM_BYTES: usize = 128 << 20;

/// Errors of fitting and evaluating candidates.
#[derive(Debug, thiserror::Error)]
pub enum ForestError {
    /// The hyper-parameters or the training rows are invalid.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// A test row is out of range.
    #[error("test row {row} is out of range: the dataset has {rows} rows")]
    Row {
        /// The row.
        row: u32,
        /// The dataset's number of rows.
        rows: usize,
    },
    /// The scorer refused a prediction.
    #[error("the predictions can't be scored")]
    Score(#[source] Fault),
}

impl From<SampleError> for ForestError {
    fn from(error: SampleError) -> Self {
        Self::Resolve(error.into())
    }
}

/// Fits all candidates and passes their predictions to `scorer`: for the rows
/// `test`, and for the training rows if the scorer wants them. Returns the
/// number of forests that were grown.
///
/// # Errors
/// If a row is out of range, hyper-parameters do not fit the training rows, or
/// the scorer refuses a prediction.
pub fn evaluate(
    bins: &Bins,
    training: TrainingSet<'_>,
    test: &[u32],
    candidates: &[ForestValidParams],
    scorer: &mut dyn Scorer,
) -> Result<u32, ForestError> {
    let rows = training.train;
    let classes = training.number_of_classes();
    let training = Training::new(bins, training)?;
    check_test(bins, test)?;
    let mut sets = vec![ScoredRows::new(bins.select(test), false)];
    if scorer.wants_train() {
        sets.push(ScoredRows::new(bins.select(rows), true));
    }
    let mut fits = 0;
    for family in families(candidates, rows.len()) {
        let params = &candidates[family.members[0].candidate];
        let resolved = ResolvedParams::new(bins, &training, params)?;
        fits += family.evaluate(&resolved, classes, &mut sets, scorer)?;
    }
    Ok(fits)
}

/// Fits one candidate.
///
/// # Errors
/// If a training row is out of range, or hyper-parameters do not fit the
/// training rows.
pub fn fit(
    bins: &Bins,
    training: TrainingSet<'_>,
    params: &ForestValidParams,
) -> Result<Forest, ForestError> {
    let (forest, _) = fit_range(bins, training, params, 0..params.n_estimators)?;
    Ok(forest)
}

/// Fits the trees `range` of one candidate, which are those that they are among all of
/// its trees. Returns them, and what they predict out of bag if the candidate has
/// `oob_score`.
///
/// # Errors
/// As [`fit`].
pub fn fit_range(
    bins: &Bins,
    training: TrainingSet<'_>,
    params: &ForestValidParams,
    range: Range<u32>,
) -> Result<(Forest, Option<OutOfBag>), ForestError> {
    let (rows, classes) = (training.train, training.number_of_classes());
    let training = Training::new(bins, training)?;
    let resolved = ResolvedParams::new(bins, &training, params)?;
    let mut grower = resolved.grower();
    let limits = nested_limits(params, training.len());
    let width = width(classes);
    let mut router = Router::default();
    let mut bag = params.oob_score.then(|| {
        let leaves = vec![0; rows.len()];
        (OutOfBag::new(&training, classes), bins.select(rows), leaves)
    });
    let mut trees = Vec::with_capacity(range.len());
    for index in range {
        trees.push(FittedTree::new(grower.grow(index, limits)?, width));
        if let Some((sums, codes, leaves)) = &mut bag {
            let (grown, draws) = grower.latest();
            router.route(&grown.tree, codes, leaves);
            sums.add(draws, leaves, &grown.values);
        }
    }
    let forest = Forest::new(bins.columns().to_vec(), classes as u32, trees);
    Ok((forest, bag.map(|(sums, ..)| sums)))
}

/// Passes what a fitted forest predicts to `scorer` as that of candidate 0, with the
/// very bits of [`evaluate`]: for the rows `test`, and for the rows `train` if the scorer
/// wants them.
///
/// # Errors
/// If a row is out of range, or the scorer refuses a prediction.
pub fn score(
    bins: &Bins,
    forest: &Forest,
    (train, test): (&[u32], &[u32]),
    scorer: &mut dyn Scorer,
) -> Result<(), ForestError> {
    let means = |rows: &[u32]| -> Result<Vec<f64>, ForestError> {
        check_test(bins, rows)?;
        let classes = forest.classes();
        Ok(mean_prediction(
            forest.fitted(),
            classes,
            &bins.select(rows),
        ))
    };
    let classes = forest.classes();
    let means_of_test = means(test)?;
    let scored = scorer.test(0, prediction(classes, &means_of_test));
    scored.map_err(ForestError::Score)?;
    if scorer.wants_train() {
        let scored = scorer.train(0, prediction(classes, &means(train)?));
        scored.map_err(ForestError::Score)?;
    }
    Ok(())
}

fn check_test(bins: &Bins, test: &[u32]) -> Result<(), ForestError> {
    match test.iter().find(|&&row| row as usize >= bins.rows()) {
        Some(&row) => Err(ForestError::Row {
            row,
            rows: bins.rows(),
        }),
        None => Ok(()),
    }
}

/// A candidate of a family.
#[derive(Clone, Copy, Debug)]
struct Member {
    candidate: usize,
    trees: u32,
    limits: NestedLimits,
}

/// Candidates whose trees are pruned from the same trees.
#[derive(Debug)]
struct Family {
    members: Vec<Member>,
}

/// The families of candidates, in the order of their first candidates.
fn families(candidates: &[ForestValidParams], rows: usize) -> Vec<Family> {
    let mut families: Vec<(ForestValidParams, Family)> = Vec::new();
    for (candidate, params) in candidates.iter().enumerate() {
        let member = Member {
            candidate,
            trees: params.n_estimators,
            limits: nested_limits(params, rows),
        };
        let key = params.family();
        match families.iter_mut().find(|(known, _)| *known == key) {
            Some((_, family)) => family.members.push(member),
            None => families.push((
                key,
                Family {
                    members: vec![member],
                },
            )),
        }
    }
    families.into_iter().map(|(_, family)| family).collect()
}

/// Rows to predict and score.
#[derive(Debug)]
struct ScoredRows {
    codes: Codes,
    are_training: bool,
    /// The leaf of each row in the current tree.
    leaves: Vec<u32>,
    /// By group: the sums of the predictions of the trees so far, row-major.
    sums: Vec<Vec<f64>>,
    /// The sums of one group, divided by the number of trees.
    means: Vec<f64>,
}

impl ScoredRows {
    fn new(codes: Codes, are_training: bool) -> Self {
        let leaves = vec![0; codes.rows()];
        Self {
            codes,
            are_training,
            leaves,
            sums: Vec::new(),
            means: Vec::new(),
        }
    }
}

/// The members of a family that have the same limits.
#[derive(Debug)]
struct LimitGroup {
    limits: NestedLimits,
    /// The greatest number of trees of a member.
    trees: u32,
    members: Vec<Member>,
    /// The prediction of each node of the current tree, pruned to the limits.
    values: Vec<f64>,
}

impl Family {
    /// The members by their limits.
    fn groups(&self) -> Vec<LimitGroup> {
        let mut groups: Vec<LimitGroup> = Vec::new();
        for &member in &self.members {
            match groups
                .iter_mut()
                .find(|group| group.limits == member.limits)
            {
                Some(group) => {
                    group.trees = group.trees.max(member.trees);
                    group.members.push(member);
                }
                None => groups.push(LimitGroup {
                    limits: member.limits,
                    trees: member.trees,
                    members: vec![member],
                    values: Vec::new(),
                }),
            }
        }
        groups
    }

    fn evaluate(
        &self,
        resolved: &ResolvedParams<'_>,
        classes: usize,
        sets: &mut [ScoredRows],
        scorer: &mut dyn Scorer,
    ) -> Result<u32, ForestError> {
        let rows: usize = sets.iter().map(|set| set.codes.rows()).sum();
        let bytes = (rows * width(classes) * size_of::<f64>()).max(1);
        let mut growths = 0;
        for groups in self.groups().chunks_mut((MAX_SUM_BYTES / bytes).max(1)) {
            grow(resolved, classes, groups, sets, scorer)?;
            growths += 1;
        }
        Ok(growths)
    }
}

/// Grows as many trees as `groups` need, and scores each member as soon as the
/// predictions of its last tree are added up.
fn grow(
    resolved: &ResolvedParams<'_>,
    classes: usize,
    groups: &mut [LimitGroup],
    sets: &mut [ScoredRows],
    scorer: &mut dyn Scorer,
) -> Result<(), ForestError> {
    let width = width(classes);
    for set in &mut *sets {
        set.sums = groups
            .iter()
            .map(|_| vec![0.0; set.codes.rows() * width])
            .collect();
    }
    let mut grower = resolved.grower();
    let mut router = Router::default();
    let trees = groups.iter().map(|group| group.trees).max().unwrap_or(0);
    for index in 0..trees {
        let is_active = |group: &LimitGroup| group.trees > index;
        let Some(loosest) = groups
            .iter()
            .filter(|group| is_active(group))
            .map(|group| group.limits)
            .reduce(NestedLimits::loosest)
        else {
            break;
        };
        let grown = grower.grow(index, loosest)?;
        for group in groups.iter_mut().filter(|group| is_active(group)) {
            prune_values(grown, group.limits, width, &mut group.values);
        }
        for set in &mut *sets {
            router.route(&grown.tree, &set.codes, &mut set.leaves);
            for (group, sums) in groups
                .iter()
                .zip(&mut set.sums)
                .filter(|(group, _)| is_active(group))
            {
                add_leaf_values(&set.leaves, &group.values, width, sums);
            }
        }
        let number = index + 1;
        for set in &mut *sets {
            for (group, sums) in groups.iter().zip(&set.sums) {
                let ready = group.members.iter().filter(|member| member.trees == number);
                for (place, member) in ready.enumerate() {
                    if place == 0 {
                        set.means.clear();
                        set.means
                            .extend(sums.iter().map(|sum| sum / f64::from(number)));
                    }
                    let prediction = prediction(classes, &set.means);
                    if set.are_training {
                        scorer.train(member.candidate, prediction)
                    } else {
                        scorer.test(member.candidate, prediction)
                    }
                    .map_err(ForestError::Score)?;
                }
            }
        }
    }
    Ok(())
}

/// Computes the prediction of each node in the tree pruned to `limits`: that of
/// the first node on its path that is a leaf by these limits.
fn prune_values(grown: &GrownTree, limits: NestedLimits, width: usize, values: &mut Vec<f64>) {
    values.clear();
    values.extend_from_slice(&grown.values);
    // Parents precede children: a pruned node has the value of its pruned
    // ancestor by the time that its children copy it.
    let mut is_pruned = vec![false; grown.tree.nodes.len()];
    for (node, (test, stats)) in grown.tree.nodes.iter().zip(&grown.stats).enumerate() {
        if test.is_leaf() {
            continue;
        }
        let is_limited = stats.depth >= limits.max_depth
            || stats.rows < limits.min_rows
            || stats.decrease + EPSILON < limits.min_impurity_decrease;
        if is_pruned[node] || is_limited {
            for child in [test.left as usize, test.left as usize + 1] {
                is_pruned[child] = true;
                values.copy_within(node * width..(node + 1) * width, child * width);
            }
        }
    }
}

/// Class probabilities, or numbers without classes, as a prediction.
fn prediction(classes: usize, means: &[f64]) -> Prediction<'_> {
    match classes {
        0 => Prediction::Numbers(means),
        2 => Prediction::Binary(means),
        _ => Prediction::Multiclass(means),
    }
}
