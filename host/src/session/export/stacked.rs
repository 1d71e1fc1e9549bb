//! The second stage of a search that ended: an estimator that learns from what the members
//! predict out of fold. It is a search of one candidate, whose dataset has these predictions
//! as features, and a run of its own in the store: its tasks are tasks as any others.

use fanout_contract::{Answer, Output, Params};

use super::super::ensemble::{Combiner, Selected, scoring};
use super::super::load::SuitedPlan;
use super::super::training::{FeatureDistributions, dataset};
use super::super::{Opening, Places, open, searched};
use super::combined::write_model;
use super::{Export, SessionError, fitted};
use crate::dataset::{AddedFeature, Prepared};
use crate::expand::{Data, Inputs};
use crate::model::{CompositeHead, Model, ModelFile, ModelScore, Rule, Training};
use crate::plan::{CheckedPlan, EnsemblePlan, Plan, Search};
use crate::report::{Report, ensemble as ensemble_files};
use crate::run::event::{Event, Listeners};
use crate::run::predictions::{self, PredictionsError};
use crate::run::search::run_outside_search;
use crate::run::tasks::SingleTask;
use crate::task::TaskFault;
use crate::worth::{Member, predicted, stacked};

impl Export<'_> {
    /// Selects the members, refits them on all rows of the search, has the final estimator
    /// learn from what they predict, and writes the model, which it returns.
    pub(super) fn stack(
        &self,
        combiner: &Combiner<'_>,
        report: &mut Report,
        features: &mut FeatureDistributions,
        listeners: &mut Listeners<'_>,
    ) -> Result<Option<Model>, SessionError> {
        let plan = report.plan.clone();
        let Selected {
            library,
            metric,
            members,
            best_candidate,
        } = combiner.select(report, self.cancel)?;
        let refits = plan.refit.is_some();
        let holdout = self.prepared.holdout.as_ref().filter(|_| refits);
        let makes_model = refits && plan.output.is_some();
        // All rows of the second dataset have predictions, those held out too.
        let held = self.prepared.holdout.as_ref();
        let refitted = self.refit_members(&members, makes_model, held, listeners)?;
        let (prepared, names) = self.second_dataset(combiner, &plan, &members)?;
        let lost = SessionError::ModelLost;
        let estimator = self.suited.second_stage.as_ref().ok_or(lost)?;
        let own = CheckedPlan::resolved(second_plan(&plan), &plan.name);
        let loaded = self.loaded.of_second_stage(own.clone(), estimator);
        let suited = SuitedPlan {
            plan: own,
            inputs: Inputs {
                arms: vec![estimator.clone()],
                baseline: None,
                data: Data {
                    dataset: prepared.dataset,
                    splits: prepared.splits,
                },
                ..self.suited.inputs.clone()
            },
            second_stage: None,
        };
        let openings = [Opening {
            loaded: &loaded,
            suited: &suited,
            prepared: &prepared,
        }];
        listeners.emit(Event::SecondStageStarted);
        let places = Places::reach(&loaded)?;
        let opened = open(&openings, &places, self.options, listeners)?;
        // Its refit, as that of any candidate.
        let mut wanted = Vec::new();
        if makes_model {
            wanted.push((&prepared.refit, vec![Output::Model]));
        }
        wanted.extend(holdout.map(|split| (split, vec![Output::Predictions])));
        let expansion = &opened[0].expansion;
        let task = |(split, outputs)| SingleTask::outside_search(expansion, 0, split, outputs);
        let tasks: Vec<SingleTask> = wanted.into_iter().map(task).collect();
        let ahead = [tasks.clone()];
        let mut reports = searched(&openings, &opened, &ahead, self.options, listeners)?;
        let (Some(opened), Some(mut own)) = (opened.first(), reports.pop()) else {
            return Err(SessionError::ModelLost);
        };
        let rows = predictions::read(
            &opened.record,
            expansion,
            0,
            &expansion.splits,
            combiner.truth(),
        )?;
        let rows = rows.ok_or(PredictionsError::Missing { candidate: 0 })?;
        let selected = (members, best_candidate);
        let found = library.second_stage(selected, &rows, &metric, scoring(&plan));
        let mut found = found.map_err(SessionError::Assessment)?;
        found.named = combiner.names_members();
        found.second_stage = Some(opened.manifest.run());
        report.ensemble = Some(found);
        let write = |report: &Report| match &plan.output {
            Some(folder) => ensemble_files::write(folder, report),
            None => Ok(()),
        };
        write(report)?;
        let mut answers: Vec<Answer> = Vec::new();
        if !tasks.is_empty() {
            let ended = run_outside_search(&tasks, &*opened.pool, listeners)?;
            let ended: Result<Vec<Answer>, TaskFault> = ended.into_iter().collect();
            answers = ended.map_err(SessionError::SecondStage)?;
        }
        if let (Some(_), Some(answer)) = (holdout, answers.last()) {
            let scores = answer.scores.first().cloned().unwrap_or_default();
            own.holdout = Some(expansion.named(&scores).into_iter().collect());
            if let Some(ensemble) = &mut report.ensemble {
                ensemble.holdout.clone_from(&own.holdout);
            }
            write(report)?;
        }
        own.summary().keep(opened.record.store())?;
        let (Some(folder), Some(task)) = (&plan.output, tasks.first().filter(|_| makes_model))
        else {
            return Ok(None);
        };
        let seen = predicted(&rows, scoring(&plan));
        let training = self.training(Some(seen), report, features)?;
        let mut models = self.member_models(&refitted, &training, report)?;
        let last = self.final_model(&own, fitted(&opened.record, task)?, &models, training);
        models.push(last);
        let head = CompositeHead {
            name: plan.name.clone(),
            rule: Rule::Stacking { features: names },
        };
        write_model(head, models, folder, report)
    }

    /// The dataset of the second stage, and the names of the features that are made of
    /// predictions: of each row of the search out of fold, and of those held out by the
    /// refitted members.
    fn second_dataset(
        &self,
        combiner: &Combiner<'_>,
        plan: &Plan,
        members: &[Member],
    ) -> Result<(Prepared, Vec<String>), SessionError> {
        let passthrough = matches!(
            plan.ensemble,
            Some(EnsemblePlan::Stacking {
                passthrough: true,
                ..
            })
        );
        let mut predicted = combiner.of_members(members, &self.expansion.splits)?;
        let held = match &self.prepared.holdout {
            Some(split) => combiner.of_members(members, std::slice::from_ref(split))?,
            None => Vec::new(),
        };
        predicted.extend(held);
        let classes = &self.prepared.classes;
        let mut added: Vec<(AddedFeature, Vec<f64>)> = Vec::new();
        for (at, rows) in predicted.iter().enumerate() {
            let columns = stacked(rows).map_err(SessionError::Assessment)?;
            let width = columns.len();
            for (place, column) in columns.iter().enumerate() {
                let member = at % members.len();
                let index = member * width + place;
                if index == added.len() {
                    let class = (width > 1).then(|| classes[place].as_str());
                    let feature = AddedFeature {
                        name: self.free_name(members[member].candidate, class),
                        labels: Vec::new(),
                    };
                    added.push((feature, vec![f64::NAN; self.prepared.rows as usize]));
                }
                for (row, value) in rows.rows.iter().zip(column) {
                    added[index].1[*row as usize] = *value;
                }
            }
        }
        let names = added.iter().map(|(of, _)| of.name.clone()).collect();
        let store = self.record.store();
        let dataset = dataset(store, self.prepared)?;
        let prepared = (self.prepared)
            .second_stage(&added, passthrough, &dataset, store)
            .map_err(SessionError::SecondDataset)?;
        Ok((prepared, names))
    }

    /// The name of the feature that is made of what a candidate predicts, which no column has.
    fn free_name(&self, candidate: usize, class: Option<&str>) -> String {
        let mut name = match class {
            Some(class) => format!("candidate_{candidate}_{class}"),
            None => format!("candidate_{candidate}"),
        };
        let columns = &self.prepared.layout.columns;
        while columns.iter().any(|column| column.name == name) {
            name.push('_');
        }
        name
    }

    /// The model of the final estimator, which reads what the members read, and what they
    /// predict.
    fn final_model(
        &self,
        own: &Report,
        fitted: bytes::Bytes,
        members: &[ModelFile],
        training: Training,
    ) -> ModelFile {
        let scores = own.results.metrics.iter().map(|metric| {
            let score = ModelScore {
                mean: metric.test.mean[0],
                std: metric.test.std[0],
            };
            (metric.name.clone(), score)
        });
        let trainer = own.plan.trainer.as_ref();
        let mut head = members[0].head.clone();
        head.trainer = trainer.map(|of| of.name.clone()).unwrap_or_default();
        head.bagging = trainer.is_some_and(|of| of.bagging);
        head.params = trainer.map_or_else(Params::new, |of| of.params.clone());
        head.steps = Vec::new();
        head.run = own.digests.run;
        head.guest = own.digests.guests[0];
        head.scores = scores.collect();
        head.holdout.clone_from(&own.holdout);
        head.oob_score = None;
        let guest = self.loaded.guest(head.guest);
        let guest = guest.map(|loaded| loaded.file.wasm.clone());
        ModelFile::new(
            head,
            fitted,
            guest.filter(|_| self.with_guest),
            Some(training),
        )
    }
}

/// The plan of the second stage: the final estimator as it is, with the splits and metrics of
/// the first.
fn second_plan(plan: &Plan) -> Plan {
    let ensemble = plan.ensemble.as_ref();
    let mut dataset = plan.dataset.clone();
    // Its features are those of the stored dataset, whatever they were in the source.
    dataset.features = None;
    dataset.categorical.clear();
    Plan {
        name: format!("{}: second stage", plan.name),
        dataset,
        trainer: ensemble.and_then(EnsemblePlan::final_estimator).cloned(),
        trainers: Vec::new(),
        steps: Vec::new(),
        search: Search::List {
            candidates: vec![Params::new()],
        },
        ensemble: None,
        explain: None,
        predictions: true,
        output: None,
        ..plan.clone()
    }
}
