//! [`write()`]: the page of results of a run that ended, `report.html`.

use std::cell::RefCell;
use std::rc::Rc;

use crate::error::chained;
use crate::guard::guarded;
use crate::report::Reports;
use crate::report::activity::Activity;
use crate::report::files::FilesError;
use crate::report::html;
use crate::report::page::ResultsPage;
use crate::run::event::{Listener, StampedEvent};

/// What the events of a run tell its page; nothing once an event could not be taken.
#[derive(Debug, Clone)]
pub(super) struct Watched(Rc<RefCell<Option<Activity>>>);

impl Default for Watched {
    fn default() -> Self {
        Self(Rc::new(RefCell::new(Some(Activity::default()))))
    }
}

impl Watched {
    /// What takes the events.
    pub(super) fn listener(&self) -> Box<dyn Listener> {
        let Self(watched) = self.clone();
        Box::new(move |event: &StampedEvent| {
            let mut watched = watched.borrow_mut();
            let taken = watched.take().map(|mut activity| {
                // A page without a task stream is better than no run.
                let taken = || {
                    activity.take(event);
                    Ok(activity)
                };
                guarded(taken, |_| ()).ok()
            });
            *watched = taken.flatten();
        })
    }
}

/// Writes the page into the folder of results, where the plan has one. The results are whole
/// without it: a page that can't be written is a warning.
pub(super) fn write(reports: &mut Reports, watched: &Watched) {
    let Some(folder) = reports.plan.output.clone() else {
        return;
    };
    let written = guarded(
        || {
            let page = ResultsPage::new(reports);
            let page = match &*watched.0.borrow() {
                Some(activity) => page.with_activity(activity),
                None => page,
            };
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
