//! [`member()`]: the candidate that a plan names as a member of an ensemble.

use serde_json::Value as Json;

use super::candidates::{Candidates, TRAINER};
use crate::plan::{MemberPlan, Plan};

/// Why a plan names no candidate: there must be one that meets all that is said of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MemberError {
    /// The search has fewer candidates.
    #[error("there is no candidate {index}: the last one is {last}")]
    NoIndex {
        /// What was named.
        index: u32,
        /// The last index.
        last: usize,
    },
    /// None has this trainer.
    #[error("no candidate has the trainer `{name}`")]
    NoTrainer {
        /// What was named.
        name: String,
        /// The trainers that there are.
        known: Vec<String>,
    },
    /// None of this trainer sets this hyper-parameter.
    #[error("no such candidate sets `{name}`")]
    NoParam {
        /// What was named.
        name: String,
        /// What they set.
        known: Vec<String>,
    },
    /// None has these values.
    #[error("there is no such candidate: {}", of_values(values))]
    NoValue {
        /// Those that the hyper-parameter, of which none has the value, has.
        values: (String, Vec<String>),
    },
    /// Several are such.
    #[error("{count} candidates are such, candidates {} and {} the first", first[0], first[1])]
    Several {
        /// How many.
        count: usize,
        /// The first two.
        first: [usize; 2],
        /// Hyper-parameters of which they have different values.
        differ: Vec<String>,
    },
}

/// The most values that a message tells of.
const TOLD: usize = 8;

fn of_values((name, values): &(String, Vec<String>)) -> String {
    let more = if values.len() > TOLD { ", ..." } else { "" };
    let told = &values[..values.len().min(TOLD)];
    format!("the values of `{name}` are {}{more}", told.join(", "))
}

/// The candidate that `member` names, among those of a plan.
///
/// # Errors
/// If it is not one.
pub fn member(
    plan: &Plan,
    candidates: &Candidates,
    member: &MemberPlan,
) -> Result<usize, MemberError> {
    let labels: Vec<String> = plan.arms().map(|arm| arm.trainer.label()).collect();
    let fixed: Vec<_> = plan.arms().map(|arm| &arm.trainer.params).collect();
    let value = |index: usize, name: &str| {
        let own = candidates.value(index, name);
        own.or_else(|| fixed[candidates.arm(index)].get(name))
    };
    let mut such: Vec<usize> = match member.candidate {
        Some(index) if index as usize >= candidates.len() => {
            let last = candidates.len() - 1;
            return Err(MemberError::NoIndex { index, last });
        }
        Some(index) => vec![index as usize],
        None => (0..candidates.len()).collect(),
    };
    if let Some(name) = &member.trainer {
        such.retain(|index| labels[candidates.arm(*index)] == *name);
        if such.is_empty() {
            let (name, mut known) = (name.clone(), labels.clone());
            known.dedup();
            return Err(MemberError::NoTrainer { name, known });
        }
    }
    for (name, wanted) in &member.params {
        let among = such.clone();
        such.retain(|index| value(*index, name).is_some_and(|value| is_same(value, wanted)));
        if such.is_empty() {
            let mut values: Vec<String> = Vec::new();
            for found in among.iter().filter_map(|index| value(*index, name)) {
                let found = found.to_string();
                if !values.contains(&found) {
                    values.push(found);
                }
            }
            let name = name.clone();
            return Err(match values.is_empty() {
                true => MemberError::NoParam {
                    known: names(candidates, &among),
                    name,
                },
                false => MemberError::NoValue {
                    values: (name, values),
                },
            });
        }
    }
    match such.as_slice() {
        [only] => Ok(*only),
        [first, second, ..] => Err(MemberError::Several {
            count: such.len(),
            first: [*first, *second],
            differ: {
                let mut names = names(candidates, &such);
                names.retain(|name| value(*first, name) != value(*second, name));
                names
            },
        }),
        [] => unreachable!("each condition is met by one at least"),
    }
}

/// The hyper-parameters that any of some candidates sets.
fn names(candidates: &Candidates, some: &[usize]) -> Vec<String> {
    let is_set = |name: &&String| {
        let mut some = some.iter();
        *name != TRAINER && some.any(|index| candidates.value(*index, name).is_some())
    };
    candidates.names().iter().filter(is_set).cloned().collect()
}

/// `1` and `1.0` are the same number.
fn is_same(value: &Json, wanted: &Json) -> bool {
    match (value.as_f64(), wanted.as_f64()) {
        (Some(value), Some(wanted)) => value == wanted,
        _ => value == wanted,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;

    use super::*;
    use crate::plan::Draft;

    const PLAN: &str = "
dataset: {source: a.csv, target: b}
trainers:
  - trainer: {name: ridge, params: {tol: 0.5}}
    search: {params: {alpha: [0.1, 1, 10]}}
  - trainer: {name: forest}
    search: {params: {depth: [1, null], leaves: [4, 8]}}
  - trainer: {name: forest, bagging: true}
";

    fn plan(members: &str) -> Plan {
        let text = format!("{PLAN}ensemble: {{method: voting, members: {members}}}\n");
        let mut draft = Draft::parse(Path::new("plan.yaml"), &text, &[], Path::new("/"));
        draft.check_trainers(&[], &[], &[]);
        let columns = ["a", "b"]
            .map(|name| arrow_schema::Field::new(name, arrow_schema::DataType::Float64, true));
        draft.check_columns(&arrow_schema::Schema::new(columns.to_vec()));
        Plan::clone(&draft.finish().unwrap())
    }

    fn found(members: &str) -> Vec<Result<usize, String>> {
        let plan = plan(members);
        let candidates = Candidates::of_arms(plan.arms());
        let named = match plan.ensemble.as_ref().unwrap().members().unwrap() {
            crate::plan::MembersPlan::Named(named) => named.clone(),
            other => panic!("{other:?}"),
        };
        let found = named.iter().map(|named| member(&plan, &candidates, named));
        found
            .map(|found| found.map_err(|error| error.to_string()))
            .collect()
    }

    #[test]
    fn a_candidate_is_named_by_what_tells_it_from_the_others() {
        let members = "[{params: {alpha: 1.0}}, {trainer: forest, params: {leaves: 8, depth: null}}, \
                       5, {candidate: 0, params: {alpha: 0.1, tol: 0.5}}, \
                       {trainer: bagging(forest)}]";
        assert_eq!(found(members), [Ok(1), Ok(6), Ok(5), Ok(0), Ok(7)]);
        let plan = plan(members);
        let json = serde_json::to_value(plan.ensemble.as_ref().unwrap()).unwrap();
        let expected = json!({"candidate": 5, "trainer": null, "params": {}});
        assert_eq!(json["members"]["named"][2], expected);
        assert_eq!(
            serde_json::from_value::<crate::plan::EnsemblePlan>(json).ok(),
            plan.ensemble
        );
    }

    #[test]
    fn what_names_none_or_several_is_refused() {
        let members = "[8, {trainer: lasso}, {params: {gamma: 1}}, {params: {alpha: 2}}, \
                       {trainer: ridge, params: {tol: 0.1}}, {trainer: forest, params: {leaves: 4}}, \
                       {candidate: 1, trainer: forest}, {}]";
        let told: Vec<String> = found(members).into_iter().map(Result::unwrap_err).collect();
        let expected = [
            "there is no candidate 8: the last one is 7",
            "no candidate has the trainer `lasso`",
            "no such candidate sets `gamma`",
            "there is no such candidate: the values of `alpha` are 0.1, 1, 10",
            "there is no such candidate: the values of `tol` are 0.5",
            "2 candidates are such, candidates 3 and 5 the first",
            "no candidate has the trainer `forest`",
            "8 candidates are such, candidates 0 and 1 the first",
        ];
        assert_eq!(told, expected);
    }
}
