//! The field `members` of an ensemble: which candidates of the search are combined.

use fanout_contract::Params;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::form::{Context, Field, Form, Given, Section, default, optional};
use super::list::List;
use super::node::{Atom, Content};
use super::scalar::{Int, Text};
use super::search::FixedParams;
use super::suggest::did_you_mean;
use super::table::section;

/// The most members of an ensemble. Threat: a number that was mistyped.
pub(super) const MOST: u64 = 1_000;

/// Which candidates are members.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MembersPlan {
    /// The best candidate of each trainer, in the plan's order.
    BestPerTrainer,
    /// So many of the best candidates, the best one first.
    Best(u32),
    /// Each of these, in their order.
    Named(Vec<MemberPlan>),
}

section! {
    /// A candidate: the one that meets all that is said of it. A number is its index.
    pub struct MemberPlan = MEMBER("ensemble.members").listed(true).short("candidate") {
        /// Its index, from 0, in the table of candidates (`cv_results`).
        candidate: Option<u32> = optional(&Int(0, 999_999)).aka(&["index"]),
        /// Its trainer, as the table of candidates calls it. Default: any.
        trainer: Option<String> = optional(&Text).aka(&["estimator", "name", "model"]),
        /// Hyper-parameters, searched ones and those that all candidates of its trainer
        /// share: as many as tell it from the others.
        params: Params = default(&FixedParams, "{}")
            .aka(&["hyperparameters", "parameters", "args"]),
    }
}

#[rustfmt::skip] // one row
static NAMED: List = List::new(&MEMBER, "candidates, such as `{params: {C: 0.1}}`", "candidate")
    .filled("name two at least");

/// [`MembersPlan`].
#[derive(Debug)]
pub(super) struct Members;

pub(super) const BEST_PER_TRAINER: &str = "best_per_trainer";

impl Form for Members {
    fn read(&self, given: Given<'_>, cx: &mut Context<'_>) -> Option<Json> {
        let node = given.node;
        match (&node.content, node.atom()) {
            (Content::List(items), _) if items.len() > MOST as usize => {
                let message = format!("`{}` holds more than {MOST} candidates", given.name);
                cx.note(node.place, message);
                return None;
            }
            (Content::List(_), _) => return Some(json!({"named": NAMED.read(given, cx)?})),
            (_, Some(Atom::Int(count))) if (2..=MOST as i64).contains(&count) => {
                return Some(json!(MembersPlan::Best(count as u32)));
            }
            _ if node.label() == Some(BEST_PER_TRAINER) => {
                return Some(json!(MembersPlan::BestPerTrainer));
            }
            _ => {}
        }
        let takes = format!(
            "`{BEST_PER_TRAINER}`, a whole number from 2 to {MOST}, or a list of candidates"
        );
        let near = node.label();
        given.wrong(&takes, cx).hint =
            near.and_then(|label| did_you_mean(label, [BEST_PER_TRAINER]));
        None
    }

    fn schema(&self) -> Json {
        let mut named = NAMED.schema();
        named["maxItems"] = MOST.into();
        json!({"anyOf": [
            {"const": BEST_PER_TRAINER},
            {"type": "integer", "minimum": 2, "maximum": MOST},
            named,
        ]})
    }

    fn fields(&self) -> Vec<(&'static str, &'static Field)> {
        NAMED.fields()
    }
}
