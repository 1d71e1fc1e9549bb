//! The folders of results: [`check`] says what stands in their way, and writes nothing;
//! [`make`] makes them before anything is run, as the results are written later.

use std::path::{Path, PathBuf};

use crate::error::chained;
use crate::plan::{CheckedPlan, PlanError};
use crate::report::files;

const HINT: &str = "name a folder that you may write, in the plan or with `--output`";

/// Finds what can be known of the folders without writing: a file in their place, or in
/// that of a folder above.
pub(super) fn check(plan: &CheckedPlan) -> Result<(), PlanError> {
    let folders = folders(plan);
    let mut found = folders.iter().filter_map(|folder| in_the_way(folder));
    match found.next() {
        None => Ok(()),
        Some(file) => {
            let message = format!("`output` takes a folder, and `{}` is none", file.display());
            Err(mistake(plan, message))
        }
    }
}

/// Makes the folders, and proves that they can be written. That one can't is a mistake of
/// the plan, told before its data are read.
pub(super) fn make(plan: &CheckedPlan) -> Result<(), PlanError> {
    for folder in folders(plan) {
        files::make_folder(&folder).map_err(|error| mistake(plan, chained(&error)))?;
    }
    Ok(())
}

/// That of the plan, and where there are several targets, that of each.
fn folders(plan: &CheckedPlan) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = plan.output.iter().cloned().collect();
    for folder in plan
        .searches()
        .iter()
        .filter_map(|plan| plan.output.as_ref())
    {
        if !folders.contains(folder) {
            folders.push(folder.clone());
        }
    }
    folders
}

/// The nearest part of a path that is there, if it is no folder.
fn in_the_way(folder: &Path) -> Option<&Path> {
    let mut parts = folder.ancestors();
    let (path, found) = parts.find_map(|path| Some((path, std::fs::metadata(path).ok()?)))?;
    (!found.is_dir()).then_some(path)
}

fn mistake(plan: &CheckedPlan, message: String) -> PlanError {
    plan.mistake("output", message, Some(HINT.to_owned()))
}
