//! [`Combiner`]: selects the members of the ensemble that a plan wants, from the predictions
//! out of fold that the store has of all candidates, and says what it is worth.

use fanout_contract::{Learning, Split};

use super::training::dataset;
use super::{SessionError, combinable};
use crate::dataset::{Prepared, Truth};
use crate::expand::Expansion;
use crate::model::Votes;
use crate::plan::{EnsemblePlan, MembersPlan, Plan};
use crate::report::Report;
use crate::run::predictions::{self, PredictionsError};
use crate::run::record::Record;
use crate::task::Cancel;
use crate::worth::{Ensemble, Library, Member, Members, PredictedRows, Scoring, score_rows, vote};

/// The most bytes of predictions that members are selected from. Threat: those of thousands
/// of candidates on a large table in memory.
const LIBRARY_BYTES: usize = 256 << 20;

/// What it takes to combine candidates.
pub(super) struct Combiner<'a> {
    expansion: &'a Expansion,
    record: &'a Record,
    ensemble: &'a EnsemblePlan,
    /// The candidates that the plan names.
    named: Vec<usize>,
    learning: Learning,
    truth: Truth,
}

impl<'a> Combiner<'a> {
    /// Reads the target of the rows; `None` where the plan wants no ensemble.
    pub(super) fn new(
        plan: &'a Plan,
        expansion: &'a Expansion,
        prepared: &Prepared,
        record: &'a Record,
    ) -> Result<Option<Self>, SessionError> {
        let Some(ensemble) = &plan.ensemble else {
            return Ok(None);
        };
        let dataset = dataset(record.store(), prepared)?;
        let weight = plan.dataset.weight.as_deref();
        let truth = Truth::read(&dataset, &plan.dataset.target, weight);
        Ok(Some(Self {
            expansion,
            record,
            ensemble,
            named: combinable::named(plan, &expansion.candidates)
                .expect("the members of a checked plan are candidates"),
            learning: prepared.learning,
            truth: truth.map_err(PredictionsError::from)?,
        }))
    }

    /// Selects the members and scores the ensemble. That not all candidates could be looked at
    /// is a warning of the report.
    ///
    /// # Errors
    /// If there are none with scores, or their predictions can't be read.
    pub(super) fn find(
        &self,
        report: &mut Report,
        cancel: &Cancel,
    ) -> Result<Ensemble, SessionError> {
        let (library, name) = self.opened(report)?;
        let members = self.members();
        let scoring = scoring(&report.plan);
        let found = library.ensemble(self.ensemble.method(), &members, &name, scoring, cancel);
        let found = found.map_err(SessionError::Assessment)?;
        found.ok_or_else(|| too_few(&members))
    }

    /// All candidates as members with the plan's weights, where nothing is selected by
    /// scores.
    pub(super) fn all_members(&self) -> Vec<Member> {
        let weights = match self.ensemble {
            EnsemblePlan::Voting { weights, .. } => weights.as_slice(),
            _ => &[],
        };
        let member = |candidate: usize| Member {
            candidate,
            weight: weights.get(candidate).copied().unwrap_or(1.0),
        };
        (0..self.expansion.candidates.len()).map(member).collect()
    }

    /// Selects the members of a second stage alone.
    pub(super) fn select(
        &self,
        report: &mut Report,
        cancel: &Cancel,
    ) -> Result<Selected, SessionError> {
        let (library, metric) = self.opened(report)?;
        let members = self.members();
        let selected = library.select(&members, &metric, scoring(&report.plan), cancel);
        let selected = selected.map_err(SessionError::Assessment)?;
        let (members, best_candidate) = selected.ok_or_else(|| too_few(&members))?;
        Ok(Selected {
            library,
            metric,
            members,
            best_candidate,
        })
    }

    /// The library, and the name of the metric that selects.
    fn opened(&self, report: &mut Report) -> Result<(Library, String), SessionError> {
        let metric = self.metric(report);
        let why = "no candidate has a score on every split";
        let library = self.library(metric, report)?;
        let library = library.ok_or(SessionError::NoEnsemble { why })?;
        Ok((library, report.results.metrics[metric].name.clone()))
    }

    /// What each member predicts of the test rows of these splits.
    pub(super) fn of_members(
        &self,
        members: &[Member],
        splits: &[Split],
    ) -> Result<Vec<PredictedRows>, SessionError> {
        let each = members.iter().map(|Member { candidate, .. }| {
            let rows = self.read(*candidate, splits)?;
            let candidate = *candidate;
            Ok(rows.ok_or(PredictionsError::Missing { candidate })?)
        });
        each.collect()
    }

    /// The target of the rows.
    pub(super) fn truth(&self) -> &Truth {
        &self.truth
    }

    /// What the members predict together of the test rows of these splits; `None` where the
    /// store lacks predictions.
    pub(super) fn predicted(
        &self,
        members: &[Member],
        splits: &[Split],
    ) -> Result<Option<PredictedRows>, SessionError> {
        let mut votes = Vec::with_capacity(members.len());
        for Member { candidate, weight } in members {
            match self.read(*candidate, splits)? {
                Some(rows) => votes.push((rows, *weight)),
                None => return Ok(None),
            }
        }
        vote(&votes, self.votes()).map_err(SessionError::Assessment)
    }

    /// The index of the metric that selects.
    fn metric(&self, report: &Report) -> usize {
        let named = match self.ensemble {
            EnsemblePlan::Greedy { metric, .. } => metric.as_deref(),
            EnsemblePlan::Voting { .. } | EnsemblePlan::Stacking { .. } => None,
        };
        let named = named.and_then(|name| report.results.metric(name));
        named.unwrap_or_else(|| report.ranked_by())
    }

    /// Whether the plan names the members.
    pub(super) fn names_members(&self) -> bool {
        !self.named.is_empty()
    }

    /// How the votes of members are counted.
    pub(super) fn votes(&self) -> Votes {
        match self.learning {
            Learning::Regression => Votes::Mean,
            _ if self.ensemble.averages() => Votes::Mean,
            _ => Votes::Majority,
        }
    }

    fn chosen(&self, members: &MembersPlan, weights: Vec<f64>) -> Members {
        match members {
            MembersPlan::BestPerTrainer => Members::BestPerTrainer { weights },
            MembersPlan::Best(count) => Members::Best {
                count: *count as usize,
                weights,
            },
            MembersPlan::Named(_) => Members::Named {
                candidates: self.named.clone(),
                weights,
            },
        }
    }

    fn members(&self) -> Members {
        match self.ensemble {
            EnsemblePlan::Greedy { size, .. } => Members::Greedy { size: *size },
            EnsemblePlan::Voting {
                members, weights, ..
            } => self.chosen(members, weights.clone()),
            EnsemblePlan::Stacking { members, .. } => self.chosen(members, Vec::new()),
        }
    }

    /// The predictions out of fold of the candidates that have a score on every split, the
    /// best of them where they are too many.
    fn library(&self, metric: usize, report: &mut Report) -> Result<Option<Library>, SessionError> {
        let results = &report.results;
        let means = &results.metrics[metric].test.mean;
        let ranking = results.ranking(metric).into_iter();
        let mut chosen: Vec<usize> = ranking
            .filter(|candidate| !means[*candidate].is_nan())
            .collect();
        let most = (LIBRARY_BYTES / self.bytes_of_one()).max(2);
        if chosen.len() > most {
            report.warnings.push(format!(
                "the ensemble is selected from the best {most} of {} candidates: the predictions of \
                 more take more than {} MiB",
                chosen.len(),
                LIBRARY_BYTES >> 20
            ));
            // Those that the plan names are taken whatever their rank.
            let named = self.named.iter().filter(|named| !means[**named].is_nan());
            let (named, of_most) = (named.copied(), chosen[..most].to_vec());
            chosen = of_most.into_iter().chain(named).collect();
        }
        chosen.sort_unstable();
        chosen.dedup();
        let mut library: Option<Library> = None;
        let mut without = Vec::new();
        for candidate in chosen {
            // A fit that failed has a score where the plan gives it one.
            let Some(rows) = self.read(candidate, &self.expansion.splits)? else {
                without.push(candidate);
                continue;
            };
            let trainer = self.expansion.candidates.arm(candidate);
            let added = match &mut library {
                Some(library) => library.add(candidate, trainer, &rows),
                None => Library::new(candidate, trainer, rows, self.votes())
                    .map(|first| library = Some(first)),
            };
            added.map_err(SessionError::Assessment)?;
        }
        if let Some(first) = without.first() {
            let more = match without.len() - 1 {
                0 => String::new(),
                more => format!(", nor are {more} more"),
            };
            report.warnings.push(format!(
                "candidate {first}, without predictions, is no member of the ensemble{more}"
            ));
        }
        Ok(library)
    }

    /// The bytes of the predictions of a candidate.
    fn bytes_of_one(&self) -> usize {
        let (rows, classes) = match &self.truth.target {
            fanout_sdk::Target::Classes { classes, codes } => (codes.len(), classes.len()),
            fanout_sdk::Target::Numbers(numbers) => (numbers.len(), 1),
        };
        rows.max(1) * size_of::<f64>() * if classes == 2 { 1 } else { classes.max(1) }
    }

    fn read(
        &self,
        candidate: usize,
        splits: &[Split],
    ) -> Result<Option<PredictedRows>, SessionError> {
        let rows = predictions::read(self.record, self.expansion, candidate, splits, &self.truth);
        Ok(rows?)
    }
}

/// The members of a second stage, and what they were selected from.
pub(super) struct Selected {
    pub(super) library: Library,
    /// The name of the metric.
    pub(super) metric: String,
    pub(super) members: Vec<Member>,
    pub(super) best_candidate: usize,
}

fn too_few(members: &Members) -> SessionError {
    SessionError::NoEnsemble {
        why: match members {
            Members::BestPerTrainer { .. } => {
                "no candidate of one of the trainers has a score on every split"
            }
            Members::Named { .. } => "a candidate that `members` names has no score on every split",
            _ => "too few candidates have a score on every split",
        },
    }
}

/// Sets the scores of the refitted ensemble on hold-out rows.
///
/// # Errors
/// If a metric does not suit the predictions.
pub(super) fn score_holdout(
    ensemble: &mut Ensemble,
    rows: &PredictedRows,
    plan: &Plan,
) -> Result<(), SessionError> {
    let scores = score_rows(rows, scoring(plan)).map_err(SessionError::Assessment)?;
    ensemble.holdout = Some(scores);
    Ok(())
}

/// How rows are scored.
pub(super) fn scoring(plan: &Plan) -> Scoring<'_> {
    Scoring {
        scores: &plan.scoring,
        positive: plan.dataset.positive.as_deref(),
    }
}
