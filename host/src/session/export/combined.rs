//! The ensemble of a search that ended: its members, their refits, and its model.

use fanout_contract::Answer;

use super::super::ensemble::{Combiner, score_holdout};
use super::{Export, SessionError};
use crate::report::{Report, ensemble as ensemble_files};
use crate::run::event::{Event, Listeners};
use crate::run::search::run_outside_search;
use crate::run::tasks::SingleTask;
use crate::task::TaskFault;
use crate::worth::Member;

impl Export<'_> {
    /// Selects the ensemble that the plan wants, refits its members on all rows of the
    /// search, and scores the hold-out rows. The scores are written before the members are
    /// refitted, so that a refit that fails loses none.
    pub(super) fn combine(
        &self,
        report: &mut Report,
        listeners: &mut Listeners<'_>,
    ) -> Result<(), SessionError> {
        let plan = report.plan.clone();
        let combiner = Combiner::new(&plan, self.expansion, self.prepared, self.record)?;
        let Some(combiner) = combiner else {
            return Ok(());
        };
        let found = combiner.find(report, self.cancel)?;
        if self.cancel.is_cancelled() {
            return Err(SessionError::Refit(TaskFault::Cancelled));
        }
        let members = found.members.clone();
        report.ensemble = Some(found);
        let write = |report: &Report| match &plan.output {
            Some(folder) => ensemble_files::write(folder, report),
            None => Ok(()),
        };
        write(report)?;
        let makes_model = plan.refit.is_some() && plan.output.is_some();
        self.refit_members(&members, makes_model, listeners)?;
        let holdout = self.prepared.holdout.as_ref();
        if let Some(split) = holdout.filter(|_| plan.refit.is_some())
            && let Some(rows) = combiner.predicted(&members, split)?
            && let Some(ensemble) = &mut report.ensemble
        {
            score_holdout(ensemble, &rows, &plan)?;
            write(report)?;
        }
        Ok(())
    }

    /// Refits members, at the same time. Returns the tasks of each: the first made its model.
    fn refit_members(
        &self,
        members: &[Member],
        makes_model: bool,
        listeners: &mut Listeners<'_>,
    ) -> Result<Vec<Vec<SingleTask>>, SessionError> {
        let plan = &self.loaded.plan;
        let holdout = self
            .prepared
            .holdout
            .as_ref()
            .filter(|_| plan.refit.is_some());
        let tasks = members.iter();
        let tasks = tasks.map(|member| self.tasks(member.candidate, makes_model, holdout));
        let tasks: Vec<Vec<SingleTask>> = tasks.collect();
        let all: Vec<SingleTask> = tasks.iter().flatten().cloned().collect();
        if all.is_empty() {
            return Ok(tasks);
        }
        listeners.emit(Event::RefitStarted);
        let mut ended = run_outside_search(&all, self.pool, listeners)?.into_iter();
        for (member, tasks) in members.iter().zip(&tasks) {
            let of_member = ended.by_ref().take(tasks.len());
            let answers: Result<Vec<Answer>, TaskFault> = of_member.collect();
            let candidate = member.candidate;
            answers.map_err(|fault| SessionError::Member { candidate, fault })?;
        }
        Ok(tasks)
    }
}
