//! The ensemble of a search that ended: its members, their refits, and its model.

use std::path::Path;

use fanout_contract::{Answer, Split};

use super::super::ensemble::{Combiner, score_holdout, scoring};
use super::super::training::FeatureDistributions;
use super::{Export, SessionError, fitted};
use crate::model::{Composite, CompositeHead, Model, ModelFile, Rule, Training};
use crate::report::{Report, ensemble as ensemble_files, files};
use crate::run::event::{Event, Listeners};
use crate::run::search::run_outside_search;
use crate::run::tasks::SingleTask;
use crate::task::TaskFault;
use crate::worth::{Member, PredictedRows, predicted};

/// The refit of a member.
pub(super) struct MemberRefit {
    /// Its candidate.
    candidate: usize,
    /// The first made its model.
    tasks: Vec<SingleTask>,
    /// The answers to these.
    answers: Vec<Answer>,
}

/// Writes the model of an ensemble, and returns it.
pub(super) fn write_model(
    head: CompositeHead,
    members: Vec<ModelFile>,
    folder: &Path,
    report: &mut Report,
) -> Result<Option<Model>, SessionError> {
    let path = folder.join(files::MODEL);
    report.model = Some(files::MODEL.into());
    if let ([only], Rule::Voting { .. }) = (members.as_slice(), &head.rule) {
        // A candidate that nothing improves is a model as it is.
        files::replace(&path, |output| only.write(output))?;
        return Ok(Some(Model::One(only.clone().into())));
    }
    let composite = Composite::new(head, members);
    let composite = composite.expect("members of one search have a target and features in common");
    files::replace(&path, |output| composite.write(output))?;
    Ok(Some(Model::Composite(composite)))
}

impl Export<'_> {
    /// Selects the ensemble that the plan wants, refits its members on all rows of the
    /// search, scores the hold-out rows, and writes the model, which it returns. The scores
    /// are written before the members are refitted, so that a refit that fails loses none.
    pub(super) fn combine(
        &self,
        report: &mut Report,
        features: &mut FeatureDistributions,
        listeners: &mut Listeners<'_>,
    ) -> Result<Option<Model>, SessionError> {
        let plan = report.plan.clone();
        let combiner = Combiner::new(&plan, self.expansion, self.prepared, self.record)?;
        let Some(combiner) = combiner else {
            return Ok(None);
        };
        if !plan.kind.has_splits() {
            let members = combiner.all_members();
            let refits = self.refit_members(&members, plan.output.is_some(), None, listeners)?;
            return self.write_votes((&combiner, &members), &refits, None, report, features);
        }
        listeners.emit(Event::EnsembleStarted);
        if plan
            .ensemble
            .as_ref()
            .is_some_and(|of| of.final_estimator().is_some())
        {
            return self.stack(&combiner, report, features, listeners);
        }
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
        if plan.refit.is_none() {
            return Ok(None);
        }
        let holdout = self.prepared.holdout.as_ref();
        let refits = self.refit_members(&members, plan.output.is_some(), holdout, listeners)?;
        let rows = match holdout {
            Some(split) => combiner.predicted(&members, std::slice::from_ref(split))?,
            None => combiner.predicted(&members, &self.expansion.splits)?,
        };
        if let (Some(_), Some(rows), Some(ensemble)) = (holdout, &rows, &mut report.ensemble) {
            score_holdout(ensemble, rows, &plan)?;
            write(report)?;
        }
        self.write_votes((&combiner, &members), &refits, rows, report, features)
    }

    /// Writes the model of members that vote, where the plan has a folder. `rows` are what
    /// they predict together of rows that they were not fitted on.
    fn write_votes(
        &self,
        (combiner, members): (&Combiner<'_>, &[Member]),
        refits: &[MemberRefit],
        rows: Option<PredictedRows>,
        report: &mut Report,
        features: &mut FeatureDistributions,
    ) -> Result<Option<Model>, SessionError> {
        let plan = report.plan.clone();
        let Some(folder) = &plan.output else {
            return Ok(None);
        };
        let rows = rows.map(|rows| predicted(&rows, scoring(&plan)));
        let training = self.training(rows, report, features)?;
        let models = self.member_models(refits, &training, report)?;
        let head = CompositeHead {
            name: plan.name.clone(),
            rule: Rule::Voting {
                votes: combiner.votes(),
                weights: members.iter().map(|member| member.weight).collect(),
            },
        };
        write_model(head, models, folder, report)
    }

    /// The models of members that were refitted.
    pub(super) fn member_models(
        &self,
        refits: &[MemberRefit],
        training: &Training,
        report: &Report,
    ) -> Result<Vec<ModelFile>, SessionError> {
        let is_scored = self.prepared.holdout.is_some();
        let scores = |answer: &Answer| answer.scores.first().cloned().unwrap_or_default();
        let models = refits.iter().map(|refit| {
            let mut head = self.head(refit.candidate, report);
            let scored = refit.answers.last().filter(|_| is_scored);
            head.holdout = scored.map(|answer| {
                let scores = self.expansion.named(&scores(answer));
                scores.into_iter().collect()
            });
            head.oob_score = (refit.answers.first()).and_then(|answer| scores(answer).oob_score);
            let guest = self.loaded.guest(head.guest);
            let guest = guest.map(|loaded| loaded.file.wasm.clone());
            let guest = guest.filter(|_| self.with_guest);
            let fitted = fitted(self.record, &refit.tasks[0])?;
            Ok(ModelFile::new(head, fitted, guest, Some(training.clone())))
        });
        models.collect()
    }

    /// Refits members, at the same time.
    pub(super) fn refit_members(
        &self,
        members: &[Member],
        makes_model: bool,
        holdout: Option<&Split>,
        listeners: &mut Listeners<'_>,
    ) -> Result<Vec<MemberRefit>, SessionError> {
        let refits = members.iter().map(|Member { candidate, .. }| MemberRefit {
            candidate: *candidate,
            tasks: self.tasks(*candidate, makes_model, holdout),
            answers: Vec::new(),
        });
        let mut refits: Vec<MemberRefit> = refits.collect();
        let tasks = refits.iter().flat_map(|refit| refit.tasks.clone());
        let tasks: Vec<SingleTask> = tasks.collect();
        if tasks.is_empty() {
            return Ok(refits);
        }
        let members = members.len();
        listeners.emit(Event::MembersRefitStarted { members });
        let mut ended = run_outside_search(&tasks, self.pool, listeners)?.into_iter();
        for refit in &mut refits {
            let candidate = refit.candidate;
            let answers = ended.by_ref().take(refit.tasks.len());
            let answers: Result<Vec<Answer>, TaskFault> = answers.collect();
            refit.answers = answers.map_err(|fault| SessionError::Member { candidate, fault })?;
        }
        Ok(refits)
    }
}
