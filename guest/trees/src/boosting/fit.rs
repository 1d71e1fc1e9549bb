//! [`evaluate`] and [`fit`]: boosted trees for hyper-parameter candidates.
//!
//! Candidates that differ in the number of rounds alone form a family: one fit of the
//! greatest number goes through the models of all others, each of which is scored as
//! soon as it is reached. A fit that stops early is the model of every greater number.

use fanout_sdk::{Prediction, Scorer};

use crate::bins::Bins;
use crate::boosting::codes::ByteCodes;
use crate::boosting::constraints::Constraints;
use crate::boosting::grower::{Grower, Leaf, Rounding};
use crate::boosting::objective::{BoostingTarget, Link, Objective};
use crate::boosting::params::{BoostingParams, EarlyStopping};
use crate::boosting::rounding::{Packing, Words};
use crate::boosting::rows::CarriedRows;
use crate::chunks;
use crate::fitted::{FittedTree, LeafValues};
use crate::growth::TreeGrowth;
use crate::params::{Amount, ClassWeight};
use crate::random::Key;
use crate::tree::Tree;

/// The child of the seed's key for the rows that are left out to be scored.
const VALIDATION: u64 = 0;
/// The child of the seed's key for rounds.
const ROUNDS: u64 = 1;
/// The child of a round's key for the rows that it learns from. The others are of its
/// trees.
const SAMPLE: u64 = 0;

/// What a fit learns from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BoostingSet<'a> {
    pub(crate) target: BoostingTarget<'a>,
    /// The labels of the classes.
    pub(crate) labels: &'a [String],
    /// By row of the dataset.
    pub(crate) weights: Option<&'a [f64]>,
    /// The training rows, ascending; at least one.
    pub(crate) train: &'a [u32],
}

/// Errors of fits.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BoostingError {
    /// Hyper-parameters that do not fit the data.
    #[error("{0}")]
    Params(String),
    /// A fit that can't be made.
    #[error("{0}")]
    Failed(String),
    /// The scorer refused a prediction.
    #[error("the predictions can't be scored")]
    Score(fanout_sdk::Fault),
}

/// What was fitted.
#[derive(Debug)]
pub(crate) struct Boosted {
    pub(crate) link: Link,
    /// By output.
    pub(crate) baseline: Vec<f64>,
    /// Round by round, one an output.
    pub(crate) trees: Vec<FittedTree>,
}

/// Fits one candidate.
pub(crate) fn fit(
    codes: &ByteCodes<'_>,
    set: &BoostingSet<'_>,
    params: &BoostingParams,
) -> Result<Boosted, BoostingError> {
    let weights = weights(set, params)?;
    let constraints =
        Constraints::new(&params.growth, codes.columns()).map_err(BoostingError::Params)?;
    let mut fit = Fit::new(codes, set, weights.as_deref(), params, &constraints, &[])?;
    let mut trees = Vec::new();
    while fit.rounds < params.max_iter && !fit.has_stopped {
        fit.round(Some(&mut trees));
    }
    Ok(Boosted {
        link: fit.objective.link(),
        baseline: fit.baseline,
        trees,
    })
}

/// Fits all candidates and passes their predictions to `scorer`. Returns the number of
/// models that were fitted.
pub(crate) fn evaluate(
    bins: &Bins,
    set: &BoostingSet<'_>,
    test: &[u32],
    candidates: &[BoostingParams],
    scorer: &mut dyn Scorer,
) -> Result<u32, BoostingError> {
    let mut families: Vec<(BoostingParams, Vec<usize>)> = Vec::new();
    for (candidate, params) in candidates.iter().enumerate() {
        let key = params.family();
        match families.iter_mut().find(|(known, _)| *known == key) {
            Some((_, members)) => members.push(candidate),
            None => families.push((key, vec![candidate])),
        }
    }
    let mut codes: Option<(usize, ByteCodes<'_>)> = None;
    for (params, members) in &mut families {
        let known = codes.take().filter(|(bins, _)| *bins == params.max_bins);
        let (_, codes) = codes.insert(match known {
            Some(known) => known,
            None => (params.max_bins, ByteCodes::new(bins, params.max_bins)),
        });
        members.sort_by_key(|&member| candidates[member].max_iter);
        let members = members
            .iter()
            .map(|&member| (candidates[member].max_iter, member));
        evaluate_family(codes, set, test, params, members, scorer)?;
    }
    Ok(families.len() as u32)
}

/// `members` are ascending numbers of rounds, with the candidates.
fn evaluate_family(
    codes: &ByteCodes<'_>,
    set: &BoostingSet<'_>,
    test: &[u32],
    params: &BoostingParams,
    members: impl Iterator<Item = (u32, usize)>,
    scorer: &mut dyn Scorer,
) -> Result<(), BoostingError> {
    let weights = weights(set, params)?;
    let constraints =
        Constraints::new(&params.growth, codes.columns()).map_err(BoostingError::Params)?;
    let mut fit = Fit::new(codes, set, weights.as_deref(), params, &constraints, test)?;
    let mut predicted = Vec::new();
    for (rounds, candidate) in members {
        while fit.rounds < rounds && !fit.has_stopped {
            fit.round(None);
        }
        fit.predict(test, &mut predicted);
        scorer
            .test(candidate, fit.prediction(&predicted))
            .map_err(BoostingError::Score)?;
        if scorer.wants_train() {
            fit.predict(set.train, &mut predicted);
            scorer
                .train(candidate, fit.prediction(&predicted))
                .map_err(BoostingError::Score)?;
        }
    }
    Ok(())
}

/// The weights of all rows, those of classes included; `None` if all weigh the same.
fn weights(
    set: &BoostingSet<'_>,
    params: &BoostingParams,
) -> Result<Option<Vec<f64>>, BoostingError> {
    let given = |row: u32| set.weights.map_or(1.0, |weights| weights[row as usize]);
    if !set.train.iter().any(|&row| given(row) > 0.0) {
        return Err(BoostingError::Failed(
            "no training row has a weight above 0".to_owned(),
        ));
    }
    let BoostingTarget::Classes(classes, number) = set.target else {
        return Ok(set.weights.map(<[f64]>::to_vec));
    };
    if params.class_weight == ClassWeight::Equal {
        return Ok(set.weights.map(<[f64]>::to_vec));
    }
    let mut counts = vec![0; number];
    for &row in set.train {
        counts[classes[row as usize] as usize] += 1;
    }
    let of_classes = params.class_weight.of_classes(set.labels, &counts);
    let of_classes = of_classes.map_err(|error| BoostingError::Params(error.to_string()))?;
    let weight = |(row, &class): (u32, &u32)| match of_classes.get(class as usize) {
        Some(weight) => given(row) * weight,
        // A row without a class is no training row.
        None => 0.0,
    };
    Ok(Some((0..).zip(classes).map(weight).collect()))
}

/// A fit under way.
struct Fit<'a> {
    params: &'a BoostingParams,
    objective: Objective<'a>,
    baseline: Vec<f64>,
    /// The rows that trees learn from.
    learned: Vec<u32>,
    /// The rows that decide whether to stop, with the rule.
    stopping: Option<(EarlyStopping, Vec<u32>)>,
    /// The losses so far, that of the baseline first.
    losses: Vec<f64>,
    grower: Grower<'a>,
    /// The rows of trees, then those that are predicted.
    lists: Vec<CarriedRows>,
    key: Key,
    /// By row of the dataset, `outputs` a row.
    outputs: Vec<f64>,
    gradients: Vec<f64>,
    hessians: Vec<f64>,
    words: Words,
    rounds: u32,
    has_stopped: bool,
}

impl<'a> Fit<'a> {
    fn new(
        codes: &'a ByteCodes<'a>,
        set: &BoostingSet<'a>,
        weights: Option<&'a [f64]>,
        params: &'a BoostingParams,
        constraints: &'a Constraints,
        test: &[u32],
    ) -> Result<Self, BoostingError> {
        let objective = Objective::new(params.loss, set.target, weights, set.train)
            .map_err(BoostingError::Params)?;
        let key = Key::new(params.random_state);
        let stopping = params.early_stopping(set.train.len());
        let (learned, stopping) = match stopping {
            None => (set.train.to_vec(), None),
            Some(rule) => match rule.validation {
                None => (set.train.to_vec(), Some((rule, set.train.to_vec()))),
                Some(share) => {
                    let (learned, left_out) = leave_out(set, share, key.child(VALIDATION))?;
                    (learned, Some((rule, left_out)))
                }
            },
        };
        let baseline = objective.baseline(&learned);
        let rows = codes.rows();
        let mut lists = vec![CarriedRows::new(&learned, rows)];
        match &stopping {
            Some((rule, left_out)) if rule.validation.is_some() => {
                lists.push(CarriedRows::new(left_out, rows));
            }
            _ => {}
        }
        lists.push(CarriedRows::new(test, rows));
        let outputs = baseline.repeat(rows);
        let grower = Grower::new(codes, &learned, &params.growth, constraints);
        let mut fit = Self {
            params,
            objective,
            baseline,
            learned,
            stopping,
            losses: Vec::new(),
            grower,
            lists,
            key: key.child(ROUNDS),
            outputs,
            gradients: vec![0.0; rows],
            hessians: vec![0.0; rows],
            words: Words::default(),
            rounds: 0,
            has_stopped: false,
        };
        fit.look_whether_to_stop();
        Ok(fit)
    }

    /// Fits the trees of one more round.
    fn round(&mut self, mut trees: Option<&mut Vec<FittedTree>>) {
        let key = self.key.child(u64::from(self.rounds));
        if self.params.subsample < 1.0 {
            self.sample(key.child(SAMPLE));
        }
        let number = self.objective.outputs();
        // All trees of a round are fitted to the outputs before it.
        let before = (number > 1).then(|| {
            let mut shares = self.outputs.clone();
            for &row in self.lists[0].all() {
                let row = &mut shares[row as usize * number..][..number];
                self.objective.link().predict(row, number);
            }
            shares
        });
        for output in 0..number {
            let rows = self.lists[0].all();
            let outputs = before.as_deref().unwrap_or(&self.outputs);
            let (gradients, hessians) = (&mut self.gradients, &mut self.hessians);
            self.objective
                .differentiate(rows, output, outputs, gradients, hessians);
            let key = key.child(1 + output as u64);
            let packing = self.words.round(rows, gradients, hessians, key);
            let rounding = Rounding {
                words: &self.words,
                packing,
            };
            let (tree, leaves, growth) = self.grower.grow(rounding, &mut self.lists, key);
            let values = self.leaf_values(&leaves, packing);
            for (leaf, &value) in leaves.iter().zip(&values) {
                for (list, place) in self.lists.iter().zip(&leaf.places) {
                    let outputs = &mut self.outputs[output..];
                    add_value(outputs, number, &list.rows(place), value);
                }
            }
            if let Some(trees) = &mut trees {
                trees.push(fitted(tree, &leaves, &values, growth));
            }
        }
        self.rounds += 1;
        self.look_whether_to_stop();
    }

    /// Draws the rows of a round; the others are carried along.
    fn sample(&mut self, key: Key) {
        let number = ((self.learned.len() as f64 * self.params.subsample) as usize).max(1);
        let drawn = choose(&self.learned, number, key);
        let (mut inside, mut outside) = (Vec::new(), Vec::new());
        for (&row, is_drawn) in self.learned.iter().zip(drawn) {
            if is_drawn {
                inside.push(row)
            } else {
                outside.push(row)
            }
        }
        let rows = self.gradients.len();
        self.lists[0] = CarriedRows::new(&inside, rows);
        let outside = CarriedRows::new(&outside, rows);
        if self.rounds == 0 {
            self.lists.push(outside);
        } else if let Some(last) = self.lists.last_mut() {
            *last = outside;
        }
    }

    /// The values of leaves, from sums that do not depend on the order of rows.
    fn leaf_values(&self, leaves: &[Leaf], packing: Packing) -> Vec<f64> {
        let list = &self.lists[0];
        let growth = &self.params.growth;
        let rate = self.params.learning_rate;
        if let Some(leaf_objective) = self.objective.leaf_values(list.all(), &self.outputs) {
            let value = |leaf: &Leaf| {
                let rows = list.rows(&leaf.places[0]);
                let value = self
                    .objective
                    .leaf_value(leaf_objective, &rows, &self.outputs);
                rate * value.clamp(leaf.bounds.least, leaf.bounds.most)
            };
            return leaves.iter().map(value).collect();
        }
        let exact = ExactSums::new(packing, list.all().len());
        let value = |leaf: &Leaf| {
            let rows = list.rows(&leaf.places[0]);
            let (gradient, hessian) = exact.of(&rows, &self.gradients, &self.hessians);
            let value = growth.newton_step(gradient, hessian, leaf.l2);
            rate * value.clamp(leaf.bounds.least, leaf.bounds.most)
        };
        leaves.iter().map(value).collect()
    }

    fn look_whether_to_stop(&mut self) {
        let Some((rule, rows)) = &self.stopping else {
            return;
        };
        self.losses
            .push(self.objective.mean_loss(rows, &self.outputs));
        // As in scikit-learn: none of the last rounds is better than the one before
        // them.
        let rounds = rule.rounds as usize;
        if self.losses.len() <= rounds {
            return;
        }
        let (before, recent) = self.losses.split_at(self.losses.len() - rounds);
        let least = before[before.len() - 1] - rule.tolerance;
        self.has_stopped = !recent.iter().any(|&loss| loss < least);
    }

    /// The predictions of rows after the rounds so far.
    fn predict(&self, rows: &[u32], predicted: &mut Vec<f64>) {
        let number = self.objective.outputs();
        predicted.clear();
        for &row in rows {
            predicted.extend_from_slice(&self.outputs[row as usize * number..][..number]);
        }
        self.objective.link().predict(predicted, number);
    }

    fn prediction<'p>(&self, predicted: &'p [f64]) -> Prediction<'p> {
        match self.objective.link() {
            Link::Identity | Link::Log => Prediction::Numbers(predicted),
            Link::Logit => Prediction::Binary(predicted),
            Link::Softmax => Prediction::Multiclass(predicted),
        }
    }
}

/// A tree with the values of its leaves.
fn fitted(tree: Tree, leaves: &[Leaf], values: &[f64], growth: TreeGrowth) -> FittedTree {
    let mut by_node = vec![0.0; tree.nodes.len()];
    for (leaf, value) in leaves.iter().zip(values) {
        by_node[leaf.node as usize] = *value;
    }
    FittedTree {
        tree,
        values: LeafValues::Single(by_node),
        growth,
    }
}

/// Whether each row is among `number` random ones. The draw of a row depends on the
/// key and on its number alone.
fn choose(rows: &[u32], number: usize, key: Key) -> Vec<bool> {
    let mut drawn = vec![true; rows.len()];
    if number >= rows.len() {
        return drawn;
    }
    let mut ranks: Vec<(u64, u32)> = rows
        .iter()
        .map(|&row| (key.word(u64::from(row)), row))
        .collect();
    let (_, &mut greatest, _) = ranks.select_nth_unstable(number);
    for (drawn, &row) in drawn.iter_mut().zip(rows) {
        *drawn = (key.word(u64::from(row)), row) < greatest;
    }
    drawn
}

/// Divides the training rows into those that are learned from and those that are left
/// out, of classes in their proportions.
fn leave_out(
    set: &BoostingSet<'_>,
    share: Amount,
    key: Key,
) -> Result<(Vec<u32>, Vec<u32>), BoostingError> {
    let rows = set.train.len();
    let number = match share {
        Amount::Rows(number) => usize::try_from(number).unwrap_or(usize::MAX),
        Amount::Share(fraction) => libm::ceil(fraction * rows as f64) as usize,
    };
    if number == 0 || number >= rows {
        return Err(BoostingError::Params(format!(
            "`validation_fraction` leaves out {number} of {rows} training rows; leave out at least \
             one, and not all"
        )));
    }
    let groups: Vec<Vec<u32>> = match set.target {
        BoostingTarget::Numbers(_) => vec![set.train.to_vec()],
        BoostingTarget::Classes(classes, of) => {
            let mut groups = vec![Vec::new(); of];
            for &row in set.train {
                groups[classes[row as usize] as usize].push(row);
            }
            groups
        }
    };
    let mut is_left_out = vec![false; set.train.last().map_or(0, |&row| row as usize + 1)];
    let (mut before, mut taken) = (0, 0);
    for group in &groups {
        before += group.len();
        // Rounded so that the numbers of all groups add up.
        let until = (before * number + rows / 2) / rows;
        let of_group = until - taken;
        taken = until;
        for (&row, drawn) in group.iter().zip(choose(group, of_group, key)) {
            is_left_out[row as usize] = drawn;
        }
    }
    let (left_out, learned) = set
        .train
        .iter()
        .partition(|&&row| is_left_out[row as usize]);
    Ok((learned, left_out))
}

/// Adds the value of a leaf to outputs of its rows, of which each row has `number`.
///
/// Not inlined: in WebAssembly, a loop in a large function shares its registers with
/// everything that the function keeps.
#[inline(never)]
fn add_value(outputs: &mut [f64], number: usize, rows: &[u32], value: f64) {
    if number == 1 {
        chunks::for_each(rows, |row| outputs[row as usize] += value);
    } else {
        chunks::for_each(rows, |row| outputs[row as usize * number] += value);
    }
}

/// Sums of gradients and Hessians in fixed point, which do not depend on the order of
/// rows: whole multiples of a step so small that the sum of all rows fits into 63 bits.
struct ExactSums {
    per_gradient: f64,
    per_hessian: f64,
}

impl ExactSums {
    fn new(packing: Packing, rows: usize) -> Self {
        let per = |greatest: f64| {
            let (_, exponent) = libm::frexp(greatest * rows as f64);
            libm::scalbn(1.0, 61 - exponent)
        };
        Self {
            per_gradient: per(packing.greatest_gradient()),
            per_hessian: per(packing.greatest_hessian()),
        }
    }

    /// The sums of rows. Not inlined, as [`add_value`].
    #[inline(never)]
    fn of(&self, rows: &[u32], gradients: &[f64], hessians: &[f64]) -> (f64, f64) {
        let (mut gradient, mut hessian) = (0_i64, 0_i64);
        let hessians = &hessians[..gradients.len()];
        chunks::for_each(rows, |row| {
            let row = row as usize;
            gradient += (gradients[row] * self.per_gradient) as i64;
            hessian += (hessians[row] * self.per_hessian) as i64;
        });
        (
            gradient as f64 / self.per_gradient,
            hessian as f64 / self.per_hessian,
        )
    }
}
