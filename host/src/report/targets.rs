//! [`Reports`]: the results of a plan, a [`Report`] for each of its targets.
//!
//! For several targets, each has a folder of its own with the files of its search, and the
//! folder of the plan has
//!
//! | file | what |
//! | --- | --- |
//! | `cv_results.csv`, `cv_results.json`, `cv_results.parquet` | the candidates of all targets, one after the other; the column `target` says of which |
//! | `model.fanout` | the models of all targets as one: see [`crate::model`] |
//! | `targets.json` | of each target its `run`, its `folder` and its `best`, as in `best.json`; the metrics `over_targets`; and the file `model`, where there is one |

use std::io;
use std::path::PathBuf;

use serde::Serialize;

use super::files::{self, FORMAT, FilesError};
use super::findings::FindingsTable;
use super::{Best, Failure, Report, Usage};
use crate::digest::Digest;
use crate::model::Composite;
use crate::plan::Plan;
use crate::worth::OverTargetScores;

/// A run that ended.
#[derive(Clone, Debug)]
pub struct Reports {
    /// The plan, resolved.
    pub plan: Plan,
    /// In the plan's order; at least one. What concerns the process, the plan and the
    /// table is in the only one, or else below.
    pub targets: Vec<Report>,
    /// The file of the models of several targets as one, beside the model of each target.
    pub model: Option<PathBuf>,
    /// Metrics over the predictions of several targets; `None` where there are none.
    pub over_targets: Option<OverTargetScores>,
    /// Warnings about the plan and the table of several targets.
    pub warnings: Vec<String>,
    /// The first thing that went wrong after the searches.
    pub failure: Option<Failure>,
    /// The usage of the process, for several targets.
    pub usage: Option<Usage>,
}

/// `targets.json`.
#[derive(Serialize)]
struct Document<'a> {
    format: u32,
    name: &'a str,
    targets: Vec<OneTarget<'a>>,
    over_targets: &'a Option<OverTargetScores>,
    model: Option<String>,
}

#[derive(Serialize)]
struct OneTarget<'a> {
    target: &'a str,
    run: &'a Digest,
    folder: Option<String>,
    best: Option<Best>,
}

impl Reports {
    /// The report of the only target.
    pub fn only(&self) -> Option<&Report> {
        match self.targets.as_slice() {
            [only] => Some(only),
            _ => None,
        }
    }

    /// Writes the files of all targets into the folder of the plan, if it has one and
    /// several targets; `model` is that of all. Files of an earlier report are replaced or
    /// removed. Returns their paths.
    pub fn write(&mut self, model: Option<&Composite>) -> Result<Vec<PathBuf>, FilesError> {
        let folder = self.plan.output.clone();
        let Some(folder) = folder.filter(|_| self.targets.len() > 1) else {
            return Ok(Vec::new());
        };
        let folder = folder.as_path();
        self.model = model.map(|_| files::MODEL.into());
        files::make_folder(folder)?;
        let table = FindingsTable::of_targets(&self.targets);
        let table = Some(table).filter(|_| self.plan.kind.has_splits());
        let names: Vec<&str> = table.iter().map(|table| table.name).collect();
        files::clear(folder, &names)?;
        let mut written = Vec::new();
        if let Some(table) = &table {
            written = files::write_table(folder, table.name, &table.columns())?;
        }
        if let Some(model) = model {
            let path = folder.join(files::MODEL);
            files::replace(&path, |output| model.write(output))?;
            written.push(path);
        }
        let targets = self.targets.iter().map(|report| {
            let own = report.plan.output.as_deref();
            let name = own.and_then(|own| own.file_name());
            OneTarget {
                target: &report.plan.dataset.target,
                run: &report.digests.run,
                folder: name.map(|name| name.to_string_lossy().into_owned()),
                best: report.best(),
            }
        });
        let document = Document {
            format: FORMAT,
            name: &self.plan.name,
            targets: targets.collect(),
            over_targets: &self.over_targets,
            model: self.model.as_ref().map(|path| path.display().to_string()),
        };
        let path = folder.join(files::TARGETS);
        files::replace(&path, |output| -> io::Result<()> {
            files::document(&document, output)
        })?;
        written.push(path);
        Ok(written)
    }
}
