//! [`check_members`] and [`check`]: whether the candidates of a plan can be combined to the
//! ensemble that it wants.

use fanout_contract::metric::Compares;
use fanout_contract::{Learning, TrainerDescription};

use crate::dataset::{Prepared, Reads, times_tested};
use crate::expand::{Candidates, Estimator, MemberError, member};
use crate::plan::{ArmPlan, CheckedPlan, Cv, EnsemblePlan, MembersPlan, Plan, PlanError};

/// The candidates that a plan names as members of its ensemble; none where it names none.
///
/// # Errors
/// The index in `ensemble.members`, and what is wrong with it.
pub(super) fn named(
    plan: &Plan,
    candidates: &Candidates,
) -> Result<Vec<usize>, (usize, MemberError)> {
    let Some(MembersPlan::Named(named)) = plan.ensemble.as_ref().and_then(EnsemblePlan::members)
    else {
        return Ok(Vec::new());
    };
    let named = named.iter().enumerate();
    let found = named.map(|(at, of)| member(plan, candidates, of).map_err(|error| (at, error)));
    found.collect()
}

/// Checks that there are the members which the section `ensemble` of a plan names.
///
/// # Errors
/// If there are fewer candidates than members, or one is named that is none, or twice.
pub(super) fn check_members(plan: &CheckedPlan) -> Result<(), PlanError> {
    let Some(members) = plan.ensemble.as_ref().and_then(EnsemblePlan::members) else {
        return Ok(());
    };
    if *members == MembersPlan::BestPerTrainer {
        return Ok(());
    }
    let candidates = Candidates::of_arms(plan.arms());
    match members {
        MembersPlan::Best(wanted) if candidates.len() < *wanted as usize => {
            let count = candidates.len();
            let message =
                format!("the plan has {count} candidates, and {wanted} are to be members");
            let hint = "name fewer members, or search more candidates".to_owned();
            Err(plan.mistake("ensemble.members", message, Some(hint)))
        }
        MembersPlan::BestPerTrainer | MembersPlan::Best(_) => Ok(()),
        MembersPlan::Named(_) => {
            let mistake = |at: usize, message: String, hint: String| {
                plan.mistake(&format!("ensemble.members.{at}"), message, Some(hint))
            };
            let named = named(plan, &candidates)
                .map_err(|(at, error)| mistake(at, error.to_string(), remedy(&error)))?;
            let twice = |at: &usize| named[..*at].contains(&named[*at]);
            match (0..named.len()).find(twice) {
                None => Ok(()),
                Some(at) => {
                    let message = format!("candidate {} is named twice", named[at]);
                    let hint = "name it once; `weights` say how much each counts".to_owned();
                    Err(mistake(at, message, hint))
                }
            }
        }
    }
}

/// How a candidate is named instead.
fn remedy(error: &MemberError) -> String {
    let quoted = |names: &[String]| {
        let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        names.join(", ")
    };
    match error {
        MemberError::NoIndex { .. } => {
            "indices are those of the table of candidates, from 0".to_owned()
        }
        MemberError::NoTrainer { known, .. } => format!("the trainers are {}", quoted(known)),
        MemberError::NoParam { known, .. } if known.is_empty() => {
            "nothing is searched: name the candidate by its index".to_owned()
        }
        MemberError::NoParam { known, .. } => format!("searched are {}", quoted(known)),
        MemberError::NoValue { .. } => {
            "name values that the search tries, or the candidate's index in the table".to_owned()
        }
        MemberError::Several { differ, first, .. } => match differ.first() {
            Some(name) => format!(
                "add `{name}`, or name the index in the table: `{}`",
                first[0]
            ),
            None => format!(
                "name the index in the table of candidates, such as `{}`",
                first[0]
            ),
        },
    }
}

/// Checks the section `ensemble` of a plan against its trainers and the target.
///
/// # Errors
/// If members would not predict what is combined, or a metric compares what the ensemble does
/// not predict.
pub(super) fn check(
    plan: &CheckedPlan,
    arms: &[Estimator],
    prepared: &Prepared,
) -> Result<(), PlanError> {
    let Some(ensemble) = &plan.ensemble else {
        return Ok(());
    };
    let learning = prepared.learning;
    check_splits(plan, prepared)?;
    let mistake = |path: &str, message: String, hint: &str| {
        Err(plan.mistake(path, message, Some(hint.to_owned())))
    };
    if let EnsemblePlan::Voting {
        voting: Some(_), ..
    } = ensemble
        && learning == Learning::Regression
    {
        let message = "`voting` is of classes, and numbers are averaged".to_owned();
        return mistake("ensemble.voting", message, "remove `voting`");
    }
    if learning == Learning::Regression {
        return Ok(());
    }
    if ensemble.averages() {
        let lacks = |(arm, estimator): &(ArmPlan<'_>, &Estimator)| {
            !predicts_probabilities(arm, &estimator.trainer)
        };
        let Some((arm, estimator)) = plan.arms().zip(arms).find(lacks) else {
            return Ok(());
        };
        let name = &arm.trainer.name;
        let message = format!("`{name}` predicts no probabilities, which `ensemble` takes");
        let hint = match &estimator.trainer.probabilities_if {
            Some(switch) => {
                format!("set `{switch}: true`, or `ensemble: {{method: voting, voting: hard}}`")
            }
            None => "use `ensemble: {method: voting, voting: hard}`, or another trainer".to_owned(),
        };
        return mistake("ensemble.method", message, &hint);
    }
    let compares = |compares: Option<Compares>| compares != Some(Compares::Classes);
    let mut scores = plan.scoring.iter();
    let odd = scores.find(|score| compares(score.resolve().ok().map(|metric| metric.compares())));
    if let Some(score) = odd {
        let message = format!(
            "hard voting predicts classes alone, and `{}` compares more than these",
            score.name
        );
        let hint = "add `voting: soft`, or use metrics of classes, such as `accuracy`";
        return mistake("ensemble.method", message, hint);
    }
    Ok(())
}

/// Checks the trainer of the second stage of a plan.
///
/// # Errors
/// If it does not learn the target, or does not take what it is given.
pub(super) fn check_second_stage(
    plan: &CheckedPlan,
    trainer: &TrainerDescription,
    prepared: &Prepared,
) -> Result<(), PlanError> {
    let path = "ensemble.final_estimator.name";
    let mistake =
        |message: String, hint: &str| Err(plan.mistake(path, message, Some(hint.to_owned())));
    let (name, abilities) = (&trainer.name, trainer.abilities);
    if !trainer.tasks.contains(&prepared.learning) {
        let message = format!(
            "`{name}` does not learn what the target `{}` is",
            prepared.target
        );
        return mistake(message, "`fanout guest list` says what each trainer learns");
    }
    if let Some(weight) = plan.dataset.weight.as_ref().filter(|_| !abilities.weights) {
        let message = format!("`{name}` takes no weights, and `weight` is `{weight}`");
        return mistake(message, "remove `weight`, or choose another trainer");
    }
    let passes = matches!(
        plan.ensemble,
        Some(EnsemblePlan::Stacking {
            passthrough: true,
            ..
        })
    );
    let features = prepared.summary.columns.iter();
    let mut features = features.filter(|column| passes && prepared.is_feature(&column.name));
    let odd = features.find(|column| {
        let is_category = matches!(column.reads, Reads::Category(_));
        (column.missing > 0 && !abilities.missing) || (is_category && !abilities.categories)
    });
    if let Some(column) = odd {
        let message = format!(
            "`{name}` takes numbers without missing values, and `passthrough` gives it `{}`",
            column.name
        );
        return mistake(message, "remove `passthrough`, or choose another trainer");
    }
    Ok(())
}

/// Whether every candidate of a trainer predicts probabilities of classes.
pub(super) fn predicts_probabilities(arm: &ArmPlan<'_>, trainer: &TrainerDescription) -> bool {
    let switch = trainer.probabilities_if.as_deref();
    let switch = switch.and_then(|switch| trainer.param(switch));
    let is_on = switch.is_some_and(|switch| arm.always(switch, &true.into()));
    trainer.abilities.probabilities || is_on
}

/// Checks that no row is tested twice, and for a second stage each once, where that is the
/// data's to say.
fn check_splits(plan: &CheckedPlan, prepared: &Prepared) -> Result<(), PlanError> {
    if !matches!(plan.cv, Cv::Columns { .. } | Cv::PredefinedSplit { .. }) {
        return Ok(());
    }
    let path = match plan.cv {
        Cv::Columns { .. } => "cv.columns",
        _ => "cv.column",
    };
    // A file that can't be read is told of where the tasks read it.
    let times = times_tested(&prepared.splits_content, &prepared.folds).unwrap_or_default();
    let stacks = matches!(plan.ensemble, Some(EnsemblePlan::Stacking { .. }));
    let tested = times.iter().filter(|times| **times > 0).count() as u64;
    if stacks && tested < prepared.search_rows {
        let message = format!(
            "the splits test {tested} of {} rows, and `stacking` learns from predictions of all",
            prepared.search_rows
        );
        let hint = "use splits that test each row once, or another `method`".to_owned();
        return Err(plan.mistake(path, message, Some(hint)));
    }
    let Some(row) = times.iter().position(|times| *times > 1) else {
        return Ok(());
    };
    let message = format!(
        "row {} (the first row of data is 1) is tested by {} splits, and `ensemble` takes one \
         prediction of each row",
        row + 1,
        times[row]
    );
    let hint = "use splits that test each row once, or remove `ensemble`".to_owned();
    Err(plan.mistake(path, message, Some(hint)))
}
