//! [`evaluate`] and [`fit`]: forests by candidates. One growth to the loosest
//! limits serves all candidates of a family; a tree is forgotten as soon as
//! it has been counted.

use fanout_sdk::{Fault, Prediction, Scorer};

use crate::bins::{Bins, Codes};
use crate::growth::{EPSILON, Grown, Limits};
use crate::model::{Fitted, Forest};
use crate::params::ForestValidParams;
use crate::plan::{Plan, PlanError, limits};
use crate::route::Router;
use crate::rows::Sample;

/// The most bytes of sums that are kept at once. A family that needs more is
/// grown more than once, so that its size can't exhaust a task's memory.
const MOST_BYTES: usize = 128 << 20;

/// Why candidates could not be evaluated.
#[derive(Debug, thiserror::Error)]
pub enum ForestError {
    /// The hyper-parameters or rows are at fault.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A row to predict is not of the dataset.
    #[error("row `{row}` is not among the dataset's {rows} rows")]
    Row {
        /// The row.
        row: u32,
        /// The dataset's number of rows.
        rows: usize,
    },
    /// The predictions could not be scored.
    #[error("the predictions can't be scored")]
    Score(#[source] Fault),
}

impl From<crate::rows::SampleError> for ForestError {
    fn from(error: crate::rows::SampleError) -> Self {
        Self::Plan(error.into())
    }
}

/// Classes to learn and the rows to learn them from.
#[derive(Clone, Copy, Debug)]
pub struct Lesson<'a> {
    /// The classes' labels.
    pub labels: &'a [String],
    /// An index into the labels a row of the dataset.
    pub codes: &'a [u32],
    /// The rows to fit on.
    pub train: &'a [u32],
}

/// Evaluates candidates on the rows `test`, and on the training rows where
/// the scorer asks for them. Returns how many forests were grown.
pub fn evaluate(
    bins: &Bins,
    lesson: Lesson<'_>,
    test: &[u32],
    candidates: &[ForestValidParams],
    scorer: &mut dyn Scorer,
) -> Result<u32, ForestError> {
    let sample = Sample::new(bins, lesson.codes, lesson.labels.len(), lesson.train)?;
    if let Some(&row) = test.iter().find(|&&row| row as usize >= bins.rows()) {
        return Err(ForestError::Row {
            row,
            rows: bins.rows(),
        });
    }
    let mut sets = vec![Rows::new(bins.select(test), false)];
    if scorer.wants_train() {
        sets.push(Rows::new(bins.select(lesson.train), true));
    }
    let mut fits = 0;
    for family in families(candidates, sample.len()) {
        let params = &candidates[family.members[0].candidate];
        let plan = Plan::new(bins, &sample, lesson.labels, params)?;
        fits += family.evaluate(&plan, lesson.labels.len(), &mut sets, scorer)?;
    }
    Ok(fits)
}

/// Fits one candidate.
pub fn fit(
    bins: &Bins,
    lesson: Lesson<'_>,
    params: &ForestValidParams,
) -> Result<Forest, ForestError> {
    let sample = Sample::new(bins, lesson.codes, lesson.labels.len(), lesson.train)?;
    let plan = Plan::new(bins, &sample, lesson.labels, params)?;
    let mut grower = plan.grower();
    let limits = limits(params, sample.len());
    let width = width(lesson.labels.len());
    let trees = (0..params.n_estimators)
        .map(|index| Ok(Fitted::new(grower.grow(index, limits)?, width)))
        .collect::<Result<_, ForestError>>()?;
    Ok(Forest::new(
        bins.columns().to_vec(),
        lesson.labels.len() as u32,
        trees,
    ))
}

/// How many numbers a prediction has.
pub(crate) fn width(classes: usize) -> usize {
    if classes == 2 { 1 } else { classes }
}

/// A candidate as a part of its family.
#[derive(Clone, Copy, Debug)]
struct Member {
    candidate: usize,
    trees: u32,
    limits: Limits,
}

/// Candidates that one growth serves.
#[derive(Debug)]
struct Family {
    members: Vec<Member>,
}

/// The families of candidates, in the order of their first ones.
fn families(candidates: &[ForestValidParams], rows: usize) -> Vec<Family> {
    let mut families: Vec<(ForestValidParams, Family)> = Vec::new();
    for (candidate, params) in candidates.iter().enumerate() {
        let member = Member {
            candidate,
            trees: params.n_estimators,
            limits: limits(params, rows),
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

/// Rows to predict.
#[derive(Debug)]
struct Rows {
    codes: Codes<'static>,
    are_training: bool,
    leaves: Vec<u32>,
    /// For each cut the sums over the trees so far, a row after the other.
    sums: Vec<Vec<f64>>,
    /// The sums divided by the number of trees.
    means: Vec<f64>,
}

impl Rows {
    fn new(codes: Codes<'static>, are_training: bool) -> Self {
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

/// Limits that some members share, and what their trees predict.
#[derive(Debug)]
struct Cut {
    limits: Limits,
    /// The most trees that a member asks for.
    trees: u32,
    members: Vec<Member>,
    /// What each node of the current tree predicts.
    values: Vec<f64>,
}

impl Family {
    /// The distinct limits of the members.
    fn cuts(&self) -> Vec<Cut> {
        let mut cuts: Vec<Cut> = Vec::new();
        for &member in &self.members {
            match cuts.iter_mut().find(|cut| cut.limits == member.limits) {
                Some(cut) => {
                    cut.trees = cut.trees.max(member.trees);
                    cut.members.push(member);
                }
                None => cuts.push(Cut {
                    limits: member.limits,
                    trees: member.trees,
                    members: vec![member],
                    values: Vec::new(),
                }),
            }
        }
        cuts
    }

    fn evaluate(
        &self,
        plan: &Plan<'_>,
        classes: usize,
        sets: &mut [Rows],
        scorer: &mut dyn Scorer,
    ) -> Result<u32, ForestError> {
        let rows: usize = sets.iter().map(|set| set.codes.rows()).sum();
        let bytes = (rows * width(classes) * size_of::<f64>()).max(1);
        let mut growths = 0;
        for cuts in self.cuts().chunks_mut((MOST_BYTES / bytes).max(1)) {
            grow(plan, classes, cuts, sets, scorer)?;
            growths += 1;
        }
        Ok(growths)
    }
}

/// Grows as many trees as `cuts` need, and scores each member when its last
/// tree is counted.
fn grow(
    plan: &Plan<'_>,
    classes: usize,
    cuts: &mut [Cut],
    sets: &mut [Rows],
    scorer: &mut dyn Scorer,
) -> Result<(), ForestError> {
    let width = width(classes);
    for set in &mut *sets {
        set.sums = cuts
            .iter()
            .map(|_| vec![0.0; set.codes.rows() * width])
            .collect();
    }
    let mut grower = plan.grower();
    let mut router = Router::default();
    let trees = cuts.iter().map(|cut| cut.trees).max().unwrap_or(0);
    for index in 0..trees {
        let active = |cut: &Cut| cut.trees > index;
        let Some(loosest) = cuts
            .iter()
            .filter(|cut| active(cut))
            .map(|cut| cut.limits)
            .reduce(Limits::looser)
        else {
            break;
        };
        let grown = grower.grow(index, loosest)?;
        for cut in cuts.iter_mut().filter(|cut| active(cut)) {
            cut_values(grown, cut.limits, width, &mut cut.values);
        }
        for set in &mut *sets {
            router.route(&grown.tree, &set.codes, &mut set.leaves);
            for (cut, sums) in cuts
                .iter()
                .zip(&mut set.sums)
                .filter(|(cut, _)| active(cut))
            {
                add_values(&set.leaves, &cut.values, width, sums);
            }
        }
        let number = index + 1;
        for set in &mut *sets {
            for (cut, sums) in cuts.iter().zip(&set.sums) {
                let ready = cut.members.iter().filter(|member| member.trees == number);
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

impl Limits {
    /// The limits that a tree must be grown to in order to contain the trees
    /// of both.
    fn looser(self, other: Self) -> Self {
        Self {
            max_depth: self.max_depth.max(other.max_depth),
            min_rows: self.min_rows.min(other.min_rows),
            min_impurity_decrease: self.min_impurity_decrease.min(other.min_impurity_decrease),
        }
    }
}

/// What each node of a tree predicts when the tree is cut back to `limits`:
/// what the first node on its path predicts that these make a leaf.
fn cut_values(grown: &Grown, limits: Limits, width: usize, values: &mut Vec<f64>) {
    values.clear();
    values.extend_from_slice(&grown.values);
    // Parents stand before children. A node that hands on a value is itself
    // told by its parent what to hand on, so it must hand it on to the leaves.
    let mut cut = vec![false; grown.tree.nodes.len()];
    for (node, (test, mark)) in grown.tree.nodes.iter().zip(&grown.marks).enumerate() {
        if test.is_leaf() {
            continue;
        }
        let stops = mark.depth >= limits.max_depth
            || mark.rows < limits.min_rows
            || mark.decrease + EPSILON < limits.min_impurity_decrease;
        if cut[node] || stops {
            for child in [test.left as usize, test.left as usize + 1] {
                cut[child] = true;
                values.copy_within(node * width..(node + 1) * width, child * width);
            }
        }
    }
}

/// Adds to each row's sums what its leaf predicts.
fn add_values(leaves: &[u32], values: &[f64], width: usize, sums: &mut [f64]) {
    if width == 1 {
        // In chunks for the reason that `in_chunks` gives.
        let (sums, last_sums) = sums.as_chunks_mut::<8>();
        let (leaves, last_leaves) = leaves.as_chunks::<8>();
        for (sums, leaves) in sums.iter_mut().zip(leaves) {
            for (sum, &leaf) in sums.iter_mut().zip(leaves) {
                *sum += values[leaf as usize];
            }
        }
        for (sum, &leaf) in last_sums.iter_mut().zip(last_leaves) {
            *sum += values[leaf as usize];
        }
        return;
    }
    for (sums, &leaf) in sums.chunks_exact_mut(width).zip(leaves) {
        for (sum, value) in sums
            .iter_mut()
            .zip(&values[leaf as usize * width..][..width])
        {
            *sum += value;
        }
    }
}

/// Class probabilities as a prediction.
pub(crate) fn prediction(classes: usize, means: &[f64]) -> Prediction<'_> {
    if classes == 2 {
        Prediction::Binary(means)
    } else {
        Prediction::Multiclass(means)
    }
}

/// The mean prediction of fitted trees for `codes`, a row after the other.
pub(crate) fn predict(trees: &[Fitted], classes: usize, codes: &Codes<'_>) -> Vec<f64> {
    let width = width(classes);
    let mut sums = vec![0.0; codes.rows() * width];
    let mut leaves = vec![0; codes.rows()];
    let mut router = Router::default();
    for fitted in trees {
        router.route(&fitted.tree, codes, &mut leaves);
        add_values(&leaves, &fitted.values, width, &mut sums);
    }
    for sum in &mut sums {
        *sum /= trees.len() as f64;
    }
    sums
}
