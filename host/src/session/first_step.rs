//! [`check`]: whether the first step of a pipeline can transform the columns that it
//! selects. What later steps select, earlier ones make, which only the guest knows.

use fanout_contract::step::matches_pattern;
use fanout_contract::{Columns, StepDescription, Takes};

use crate::dataset::{ColumnSummary, Reads};
use crate::plan::{CheckedPlan, PlanError, StepPlan};

/// Checks the step `step` at `path` of the plan, which `offered` describes, one entry
/// a choice.
///
/// # Errors
/// The first column that is no feature, or that one of the choices can't take.
pub(super) fn check(
    plan: &CheckedPlan,
    path: &str,
    step: &StepPlan,
    offered: &[StepDescription],
    features: &[&ColumnSummary],
) -> Result<(), PlanError> {
    let mistake = |message: String, hint: String| {
        Err(plan.mistake(&format!("{path}.columns"), message, Some(hint)))
    };
    let names = || {
        let names: Vec<String> = features.iter().map(|f| format!("`{}`", f.name)).collect();
        format!("the features are {}", names.join(", "))
    };
    let is_category = |column: &ColumnSummary| matches!(column.reads, Reads::Category(_));
    let selected: Vec<&ColumnSummary> = match &step.columns {
        // Those that the step is meant for.
        Columns::Suited => return Ok(()),
        Columns::All => features.to_vec(),
        Columns::Numeric => features
            .iter()
            .copied()
            .filter(|f| !is_category(f))
            .collect(),
        Columns::Categorical => features
            .iter()
            .copied()
            .filter(|f| is_category(f))
            .collect(),
        Columns::Pattern(pattern) => {
            let matches = |f: &&ColumnSummary| matches_pattern(pattern, &f.name);
            let selected: Vec<_> = features.iter().copied().filter(matches).collect();
            if selected.is_empty() {
                let message = format!("`columns` of the step `{}` matches no feature", step.name());
                return mistake(message, names());
            }
            selected
        }
        Columns::Names(wanted) => {
            let mut selected = Vec::new();
            for name in wanted {
                let Some(column) = features.iter().find(|f| f.name == *name) else {
                    let message = format!(
                        "`columns` of the step `{}` names `{name}`, which is no feature",
                        step.name()
                    );
                    return mistake(message, names());
                };
                selected.push(*column);
            }
            selected
        }
    };
    for known in offered {
        let category = selected.iter().find(|column| is_category(column));
        if let Some(column) = category.filter(|_| known.takes == Takes::Numbers) {
            let message = format!(
                "`{}` takes numbers, and `{}` is a category",
                known.name, column.name
            );
            let hint = "select `columns: numeric`, or put an encoder before the step";
            return mistake(message, hint.to_owned());
        }
        let missing = selected.iter().find(|column| column.missing > 0);
        if let Some(column) = missing.filter(|_| !known.missing) {
            let message = format!(
                "`{}` takes no missing values, and `{}` has {}",
                known.name, column.name, column.missing
            );
            return mistake(
                message,
                "put the step `simple_imputer` before it".to_owned(),
            );
        }
    }
    Ok(())
}
