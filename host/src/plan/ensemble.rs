//! The section `ensemble`: how candidates of the search are combined to one model.

use fanout_contract::Score;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use super::form::{Section, Variant, default, optional, required};
use super::list::List;
use super::members::{BEST_PER_TRAINER, MOST, Members, MembersPlan};
use super::metric::METRIC;
use super::mistake::Found;
use super::node::{Atom, Entry, Node};
use super::python::EstimatorForm;
use super::scalar::{Bool, Choice, Int, Scalar, Takes};
use super::search::{TRAINER, TrainerPlan};
use super::suggest::one_of;
use super::table::tagged;

tagged! {
    /// How candidates of the search are combined to one model.
    pub enum EnsemblePlan = ENSEMBLE("ensemble", "method", "greedy") {
        /// Greedy ensemble selection (Caruana et al., 2004) from all candidates: the member that
        /// improves the mean prediction most is added, again and again, and may be taken
        /// several times.
        Greedy = "greedy" {
            /// The most members, each counted as often as it was taken.
            size: u32 = default(&Int(1, MOST), "50").aka(&["ensemble_size", "n_members", "rounds"]),
            /// The metric of `scoring` that is improved. Default: that of `refit`.
            metric: Option<String> = optional(&METRIC).aka(&["score", "scoring"]),
        },
        /// scikit-learn's VotingClassifier and VotingRegressor: the mean of what the members
        /// predict.
        Voting = "voting" {
            /// For classes: whether probabilities are averaged, or predicted classes counted.
            /// Default: `hard`.
            voting: Option<VoteKind> = optional(&VOTES),
            /// A weight of each member, in their order. Default: all weigh the same.
            weights: Vec<f64> = default(&WEIGHTS, "[]").aka(&["weight"]),
            /// Which candidates: `best_per_trainer`, the best one of each trainer in the plan's
            /// order; a number, so many of the best ones of all; or a list of candidates, such
            /// as `[{trainer: ridge, params: {alpha: 1}}, 4]`.
            members: MembersPlan = default(&Members, "best_per_trainer")
                .aka(&["estimators", "candidates"]),
        },
        /// scikit-learn's StackingClassifier and StackingRegressor: a further estimator learns
        /// from what the members predict out of fold, probabilities or numbers.
        Stacking = "stacking" {
            /// That estimator, such as `{name: logistic_regression}`.
            final_estimator: TrainerPlan = required(&FINAL_ESTIMATOR)
                .aka(&["final", "final_trainer", "trainer", "meta", "meta_estimator", "blender"]),
            /// Whether it takes the features, too, behind the predictions.
            passthrough: bool = default(&Bool, "false"),
            /// Which candidates: `best_per_trainer`, the best one of each trainer in the plan's
            /// order; a number, so many of the best ones of all; or a list of candidates, such
            /// as `[{trainer: ridge, params: {alpha: 1}}, 4]`.
            members: MembersPlan = default(&Members, "best_per_trainer")
                .aka(&["estimators", "candidates"]),
        },
    }
}

/// How the votes on classes are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VoteKind {
    /// The class that most members predict.
    Hard,
    /// The class of the greatest mean probability.
    Soft,
}

static FINAL_ESTIMATOR: EstimatorForm = EstimatorForm(&FINAL);

static FINAL: Section = Section::new(
    "ensemble.final_estimator",
    "The estimator that learns from what the members predict.",
    TRAINER.fields,
);

#[rustfmt::skip] // a row a kind
static VOTES: Choice = Choice(&[
    ("hard", "The class that most members predict; of several, the first in order."),
    ("soft", "The class of the greatest mean probability."),
]);

#[rustfmt::skip] // one row
static WEIGHTS: List = List::new(&Weight, "numbers above 0", "weight");

impl EnsemblePlan {
    /// The same for one of several targets, a number or a class, of which these scores are
    /// taken.
    pub(super) fn of_target(&mut self, is_number: bool, scoring: &[Score]) {
        match self {
            Self::Voting { voting, .. } if is_number => *voting = None,
            Self::Greedy { metric, .. } => {
                metric.take_if(|metric| !scoring.iter().any(|score| score.name == *metric));
            }
            Self::Voting { .. } | Self::Stacking { .. } => {}
        }
    }

    /// The method's name in a plan.
    pub fn method(&self) -> &'static str {
        match self {
            Self::Greedy { .. } => "greedy",
            Self::Voting { .. } => "voting",
            Self::Stacking { .. } => "stacking",
        }
    }

    /// The estimator of the second stage.
    pub fn final_estimator(&self) -> Option<&TrainerPlan> {
        match self {
            Self::Stacking {
                final_estimator, ..
            } => Some(final_estimator),
            _ => None,
        }
    }

    /// Which candidates are members, where that does not depend on what they are together.
    pub fn members(&self) -> Option<&MembersPlan> {
        match self {
            Self::Greedy { .. } => None,
            Self::Voting { members, .. } | Self::Stacking { members, .. } => Some(members),
        }
    }

    /// Whether probabilities of classes are taken, where members predict classes.
    pub fn averages(&self) -> bool {
        match self {
            Self::Greedy { .. } | Self::Stacking { .. } => true,
            Self::Voting { voting, .. } => *voting == Some(VoteKind::Soft),
        }
    }
}

/// A finite number above 0.
#[derive(Debug)]
struct Weight;

impl Scalar for Weight {
    fn value(&self, node: &Node) -> Result<Json, Takes> {
        match node
            .number()
            .filter(|weight| *weight > 0.0 && weight.is_finite())
        {
            Some(weight) => Ok(json!(weight)),
            None => Err(Takes::only("numbers above 0, such as `[2, 1]`")),
        }
    }

    fn schema(&self) -> Json {
        json!({"type": "number", "exclusiveMinimum": 0})
    }
}

/// Methods of `cv` that test a row more than once.
const OVERLAPPING: [&str; 7] = [
    "repeated_k_fold",
    "repeated_stratified_k_fold",
    "shuffle_split",
    "stratified_shuffle_split",
    "group_shuffle_split",
    "leave_p_out",
    "leave_p_groups_out",
];

/// Notes what does not go with an ensemble, and what its fields contradict. The
/// predictions that it is made of are kept: sets `predictions` in `read`.
pub(super) fn settle(read: &mut Map<String, Json>, root: &Node, found: &mut Found) {
    let Some(plan) = read.get("ensemble").filter(|plan| !plan.is_null()) else {
        return;
    };
    let (plan, Some(entry)) = (plan.clone(), root.entry("ensemble")) else {
        return;
    };
    let kind = read.get("kind").and_then(Json::as_str).unwrap_or("search");
    // Without splits, the members are all candidates.
    let is_fit = kind == "fit";
    if is_fit {
        check_unsplit(&plan, entry, root, found);
    } else if kind != "search" {
        let message = format!("`kind: {kind}` makes no model, so that there is nothing to combine");
        found.note(entry.place, message).hint("remove `ensemble`");
    }
    let mut refuse = |path: &[&str], message: &str, hint: &str| {
        if let Some(node) = root.get(path) {
            found.note(node.place, message).hint(hint);
        }
    };
    let message =
        "a chain learns from what single candidates predict, and `ensemble` combines them";
    refuse(&["dataset", "chain"], message, "remove one of them");
    let message = "`threshold` is tuned for one candidate, and the model is an `ensemble`";
    refuse(&["threshold"], message, "remove one of them");
    if read
        .get("explain")
        .is_some_and(|explain| !explain.is_null())
    {
        let message = "`explain` is about one candidate, and the model is an `ensemble`";
        refuse(&["explain"], message, "remove one of them");
    }
    if root.get(&["refit", "rule"]).and_then(Node::label) == Some("one_standard_error") {
        let message = "`rule` chooses one candidate, and the model is an `ensemble`";
        refuse(&["refit", "rule"], message, "remove one of them");
    }
    let method = root.get(&["cv", "method"]).and_then(Node::label);
    if let Some(method) = method.filter(|method| OVERLAPPING.contains(method)) {
        let message = format!(
            "`{method}` tests rows several times, and `ensemble` takes one prediction of each"
        );
        let hint = "use splits that test each row once, such as `k_fold`";
        refuse(&["cv", "method"], &message, hint);
    }
    if method == Some("time_series_split") && plan["method"] == "stacking" {
        let message = "`time_series_split` tests no early rows, and `stacking` learns from all";
        refuse(
            &["cv", "method"],
            message,
            "use `method: greedy` or `voting`, or other splits",
        );
    }
    let off = root.get(&["predictions"]).and_then(Node::atom) == Some(Atom::Bool(false));
    if off && !is_fit {
        let message = "`ensemble` is made of predictions, which are kept for it";
        refuse(&["predictions"], message, "remove `predictions`");
    }
    check_metric(&plan, read, root, found);
    check_members(&plan, read, root, found);
    read.insert("predictions".to_owned(), (!is_fit).into());
}

/// Notes what is chosen or learnt by predictions out of fold, where none are made.
fn check_unsplit(plan: &Json, entry: &Entry, root: &Node, found: &mut Found) {
    let method = plan["method"].as_str().unwrap_or_default();
    if method != "voting" {
        let message =
            format!("`{method}` is made of predictions out of fold, and `kind: fit` makes none");
        let hint = "use `kind: search`, or `ensemble: {method: voting}`";
        found.note(entry.place, message).hint(hint);
    } else if let Some(members) = entry.value.entry("members")
        && members.value.label() != Some(BEST_PER_TRAINER)
    {
        let message = "`kind: fit` ranks no candidates: those of all `trainers` are members";
        found.note(members.place, message).hint("remove `members`");
    }
    if let Some(holdout) = root.entry("holdout").filter(|it| !it.value.is_null()) {
        let message = "`kind: fit` scores one estimator on hold-out rows, and no `ensemble`";
        let hint = "use `kind: search`, or remove `holdout`";
        found.note(holdout.place, message).hint(hint);
    }
}

/// Notes a metric that is none of `scoring`.
fn check_metric(plan: &Json, read: &Map<String, Json>, root: &Node, found: &mut Found) {
    let (Some(metric), Some(Json::Array(scoring))) = (plan["metric"].as_str(), read.get("scoring"))
    else {
        return;
    };
    let names = scoring
        .iter()
        .filter_map(|score| score["name"].as_str().or(score.as_str()));
    let names: Vec<&str> = names.collect();
    let Some(node) = root
        .get(&["ensemble", "metric"])
        .filter(|_| !names.contains(&metric))
    else {
        return;
    };
    let message = format!("`ensemble.metric` names `{metric}`, which `scoring` does not");
    let hint = format!("write {}, or add `{metric}` to `scoring`", one_of(names));
    found.note(node.place, message).hint(hint);
}

/// Notes a single member, and weights that are not one of each member.
fn check_members(plan: &Json, read: &Map<String, Json>, root: &Node, found: &mut Found) {
    let Ok(plan) = serde_json::from_value::<EnsemblePlan>(plan.clone()) else {
        return;
    };
    let Some(members) = plan.members() else {
        return;
    };
    let weights = match &plan {
        EnsemblePlan::Voting { weights, .. } => weights.as_slice(),
        _ => &[],
    };
    let trainers = read.get("trainers").and_then(Json::as_array);
    let Some(trainers) = trainers.map(Vec::len) else {
        return;
    };
    let count = match members {
        MembersPlan::BestPerTrainer => trainers.max(1),
        MembersPlan::Best(count) => *count as usize,
        MembersPlan::Named(named) => named.len(),
    };
    let Some(entry) = root.entry("ensemble") else {
        return;
    };
    if let (MembersPlan::Named(_), 1) = (members, count) {
        let place = root.get(&["ensemble", "members"]);
        let place = place.map_or(entry.place, |node| node.place);
        let message = "`members` names one candidate, and there is nothing to combine";
        found.note(place, message).hint("name two at least");
    } else if count == 1 {
        let message = "the best candidate of each trainer is one candidate: the plan has one \
                       trainer";
        let hint = "write a number, such as `members: 3`, or add `trainers`";
        found.note(entry.place, message).hint(hint);
    } else if !weights.is_empty() && weights.len() != count {
        let place = root
            .get(&["ensemble", "weights"])
            .map_or(entry.place, |node| node.place);
        let message = format!(
            "`weights` has {} numbers, and there are {count} members",
            weights.len()
        );
        let hint = "write a weight of each member, or remove `weights`";
        found.note(place, message).hint(hint);
    }
}
