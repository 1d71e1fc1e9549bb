//! [`write()`]: the page of results of a run that ended, `report.html`.

use crate::error::chained;
use crate::guard::guarded;
use crate::report::Reports;
use crate::report::files::FilesError;
use crate::report::html;
use crate::report::page::ResultsPage;

/// Writes the page into the folder of results, where the plan has one. The results are whole
/// without it: a page that can't be written is a warning.
pub(super) fn write(reports: &mut Reports) {
    let Some(folder) = reports.plan.output.clone() else {
        return;
    };
    let written = guarded(
        || {
            let page = ResultsPage::new(reports);
            let written = html::write_into(&folder, &page);
            written.map_err(|error: FilesError| chained(&error))
        },
        |panic| panic,
    );
    if let Err(why) = written {
        let warning = format!("there is no report.html: {why}");
        match reports.targets.as_mut_slice() {
            [only] => only.warnings.push(warning),
            _ => reports.warnings.push(warning),
        }
    }
}
