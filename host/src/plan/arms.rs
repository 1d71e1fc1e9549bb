//! The `trainers` section, and [`ArmPlan`]: one trainer with its steps and its
//! search, wherever the plan says it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use fanout_contract::Param;
use serde_json::Value as Json;

use super::form::{Section, default, optional, required};
use super::list::List;
use super::mistake::{Found, Place};
use super::node::Node;
use super::search::{ESTIMATOR, SEARCH, Search, TrainerPlan};
use super::steps::{STEPS, StepPlan};
use super::table::section;
use super::values::Values;

section! {
    /// One estimator of several, and its candidates.
    pub struct TrainerSearch = TRAINER_SEARCH("trainers").listed(true) {
        /// The estimator, such as `{name: random_forest}`.
        trainer: TrainerPlan = required(&ESTIMATOR).aka(&["estimator", "model", "algorithm"]),
        /// The steps that features pass before it. Default: those of the plan.
        steps: Option<Vec<StepPlan>> = optional(&STEPS).aka(&["pipeline", "preprocessing"]),
        /// The candidates. Default: one, with the trainer's `params`.
        search: Search = default(&SEARCH, "{method: list, candidates: [{}]}")
            .aka(&["grid_search", "tuning"]),
    }
}

#[rustfmt::skip] // one row
pub(super) static TRAINERS: List = List::new(&TRAINER_SEARCH, "maps of `trainer` and `search`", "trainer");

/// One trainer of a plan with its search.
#[derive(Clone, Copy, Debug)]
pub struct ArmPlan<'p> {
    /// The estimator.
    pub trainer: &'p TrainerPlan,
    /// The steps that features pass before it.
    pub steps: &'p [StepPlan],
    /// Its candidates.
    pub search: &'p Search,
}

impl<'p> ArmPlan<'p> {
    /// The search, with the choices of steps among the values to try.
    pub fn searched(&self) -> Cow<'p, Search> {
        let choices = self.steps.iter().filter_map(|step| {
            let choices = step.choices()?.iter().cloned().map(Json::from);
            Some((step.name(), Values::List(choices.collect())))
        });
        let mut search = Cow::Borrowed(self.search);
        for (name, values) in choices {
            let add = |params: &mut BTreeMap<String, Values>| {
                params
                    .entry(name.to_owned())
                    .or_insert_with(|| values.clone());
            };
            match search.to_mut() {
                Search::Grid { params } => params.iter_mut().for_each(add),
                Search::Random { params, .. } => add(params),
                Search::List { .. } => {}
            }
        }
        search
    }

    /// Whether every candidate has `value` of a hyper-parameter of the trainer.
    pub fn always(&self, param: &Param, value: &Json) -> bool {
        let name = &param.name;
        let shared = self.trainer.params.get(name).unwrap_or(&param.default);
        let tried = |params: &BTreeMap<String, Values>| match params.get(name) {
            Some(Values::List(values)) => values.iter().all(|tried| tried == value),
            Some(_) => false,
            None => shared == value,
        };
        match self.search {
            Search::Grid { params } => params.iter().all(tried),
            Search::Random { params, .. } => tried(params),
            Search::List { candidates } => candidates
                .iter()
                .all(|candidate| candidate.get(name).unwrap_or(shared) == value),
        }
    }
}

/// Checks that a plan has one trainer, or a list of several. Returns whether it has.
pub(super) fn check_trainers(root: &Node, found: &mut Found) -> bool {
    match (root.entry("trainer"), root.entry("trainers")) {
        (None, None) => {
            // A name from elsewhere was noted, with the one that it has here.
            let elsewhere = ["estimator", "estimators", "model", "models", "algorithm"];
            let mut entries = root.entries().iter();
            if entries.any(|entry| elsewhere.contains(&entry.key.as_str())) {
                return false;
            }
            let message = "the plan lacks the trainer";
            let hint = "add `trainer: {name: random_forest}`, or several as `trainers`";
            found.note(Place::Plan, message).hint(hint);
            false
        }
        (Some(_), None) => true,
        (one, Some(several)) => {
            let search = root.entry("search");
            let both = one.map(|entry| ("trainer", entry));
            let both = both.or(search.map(|entry| ("search", entry)));
            if let Some((name, entry)) = both {
                let message = format!("the plan has both `{name}` and `trainers`");
                let hint = "put `trainer` and `search` into an item of `trainers`";
                found.note(entry.place, message).hint(hint);
                return false;
            }
            if several.value.items().is_empty() {
                let hint = "write at least one, such as `[{trainer: {name: random_forest}}]`";
                found.note(several.place, "`trainers` is empty").hint(hint);
                return false;
            }
            true
        }
    }
}

#[cfg(test)]
mod tests {
    use fanout_contract::ParamKind;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_is_that_of_every_candidate_or_not() {
        let meaning = "Whether it is so.";
        let param = Param::new("flag", vec![ParamKind::Bool], json!(false), meaning);
        let always = |fixed: Json, search: Json| {
            let trainer = TrainerPlan {
                name: "t".to_owned(),
                python: None,
                guest: None,
                params: serde_json::from_value(fixed).unwrap(),
                bagging: false,
            };
            let search = serde_json::from_value(search).unwrap();
            let arm = ArmPlan {
                trainer: &trainer,
                steps: &[],
                search: &search,
            };
            [json!(false), json!(true)].map(|value| arm.always(&param, &value))
        };
        let listed = |candidates: Json| json!({"method": "list", "candidates": candidates});
        let grid = |params: Json| json!({"method": "grid", "params": params});
        let random = |params: Json| json!({"method": "random", "params": params, "n_iter": 2, "random_state": 0});
        let tried = |values: Json| json!({"flag": {"list": values}});
        // The default, what is fixed, what is listed.
        assert_eq!(always(json!({}), listed(json!([{}]))), [true, false]);
        assert_eq!(
            always(json!({"flag": true}), listed(json!([{}]))),
            [false, true]
        );
        let both = listed(json!([{"flag": true}, {}]));
        assert_eq!(always(json!({}), both), [false, false]);
        let each = listed(json!([{"flag": true}, {"flag": true}]));
        assert_eq!(always(json!({}), each), [false, true]);
        // One of several grids may not set it.
        let grids = grid(json!([tried(json!([true])), {}]));
        assert_eq!(always(json!({}), grids), [false, false]);
        let drawn = |values: Json| always(json!({}), random(tried(values)));
        assert_eq!(drawn(json!([true, false])), [false, false]);
        assert_eq!(drawn(json!([true])), [false, true]);
    }
}
