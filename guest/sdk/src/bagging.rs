//! [`Bagging`]: a trainer of which many members are fitted, each on rows and columns that
//! are drawn at random, and whose predictions are the mean of theirs, as those of
//! scikit-learn's `BaggingClassifier` and `BaggingRegressor`. It is an [`Offer`] of any
//! other, so that every trainer of every guest has it.
//!
//! - Rows are drawn by their weights, and members are fitted without these, as since
//!   scikit-learn 1.8. A trainer that takes weights is fitted on the rows that were drawn,
//!   weighted by how often; another on a list in which a row occurs as often as it was
//!   drawn. Columns are drawn of those that the steps leave: steps are fitted once, on all
//!   training rows.
//! - A member depends on nothing but its index and the hyper-parameters
//!   (`draw::Sampler`). Predictions are added in the order of the members, so
//!   that the largest bag contains the smaller ones, bit for bit, and parts of it are merged
//!   to the model of one fit.

use std::any::Any;
use std::cell::OnceCell;
use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use self::asked::{Added, Asked};
use self::draw::{Draw, Sampler};
use self::mean::Sums;
use self::model::{BaggedModel, FittedBag, Member, OpenModel};
use self::out_of_bag::OutOfBag;
use crate::contract::bagging::{BOOTSTRAP, N_ESTIMATORS, OOB_SCORE, PREFIX, SEED};
use crate::contract::{CONTRACT, ImportanceKind, Importances};
use crate::equal::EqualParts;
use crate::explanation::Contributions;
use crate::offer::{ModelBytes, Offer, Parts, cannot_adopt, cannot_share, made};
use crate::trainer::PredictionBuf;
use crate::{Fault, Job, Matrix, Params, Pipeline, Scorer, Table, TrainerDescription, onnx};

mod asked;
mod draw;
mod mean;
mod model;
mod out_of_bag;
#[cfg(test)]
mod tests;

/// A trainer, bagged.
#[derive(Clone, Copy)]
pub struct Bagging(pub &'static dyn Offer);

impl std::fmt::Debug for Bagging {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = self.0.description().name;
        f.debug_tuple("Bagging").field(&name).finish()
    }
}

/// The features of a dataset for the members of bags.
struct BaggedData {
    /// Of which columns are drawn, and rows that members predict.
    matrix: Matrix,
    /// The trainer's prepared data of all columns, once a member takes all.
    whole: OnceCell<Box<dyn Any>>,
}

impl Bagging {
    /// The trainer's prepared data of all columns.
    fn whole<'a>(&self, data: &'a BaggedData) -> Result<&'a dyn Any, Fault> {
        if let Some(whole) = data.whole.get() {
            return Ok(&**whole);
        }
        let whole = self.0.prepare_matrix(&data.matrix)?;
        Ok(&**data.whole.get_or_init(|| whole))
    }

    /// Passes to `run` the trainer's prepared data for a member, and the job of fitting
    /// `candidates`, of which only the trainer's own hyper-parameters count, and of
    /// predicting the rows `test`.
    fn member<R>(
        &self,
        (data, trainer): (&BaggedData, &TrainerDescription),
        job: &Job<'_>,
        (index, draw): (u32, &Draw),
        candidates: &[&Params],
        test: &[u32],
        run: impl FnOnce(&dyn Any, &Job<'_>) -> Result<R, Fault>,
    ) -> Result<R, Fault> {
        let candidates: Vec<Params> = (candidates.iter())
            .map(|params| {
                let mut params = own(params);
                if trainer.param(SEED).is_some() {
                    params.insert(SEED.to_owned(), draw.seed.into());
                }
                params
            })
            .collect();
        let (train, weights) = match trainer.abilities.weights && !draw.is_distinct() {
            true => {
                let mut weights = vec![0.0; data.matrix.rows()];
                for (&row, &count) in job.train.iter().zip(&draw.counts) {
                    weights[row as usize] = f64::from(count);
                }
                (draw.chosen(job.train, true), Some(weights))
            }
            false => (draw.rows(job.train), None),
        };
        let job = Job {
            candidates: &candidates,
            target: job.target,
            weights: weights.as_deref(),
            train: &train,
            test,
            part: None,
        };
        let result = match &draw.columns {
            None => self.whole(data).and_then(|whole| run(whole, &job)),
            Some(columns) => {
                let prepared = self.0.prepare_matrix(&of_columns(&data.matrix, columns));
                prepared.and_then(|prepared| run(&*prepared, &job))
            }
        };
        result.map_err(|fault| {
            fault.map_message(|message| format!("member {index} of the bag: {message}"))
        })
    }

    /// Fits the candidates `among` those of a job, which differ in the number of members
    /// and in hyper-parameters of the trainer.
    fn evaluate_among(
        &self,
        data: &BaggedData,
        job: &Job<'_>,
        among: &[usize],
        scorer: &mut dyn Scorer,
    ) -> Result<u32, Fault> {
        let sampler = sampler(data, job, &job.candidates[among[0]])?;
        let of = (data, &self.0.description());
        let classes = job.target.classes().len();
        let asked = Asked::new(job, scorer.wants_train());
        // Candidates that differ in the number of members alone are one.
        let mut distinct: Vec<(Params, Vec<usize>)> = Vec::new();
        for &candidate in among {
            let params = own(&job.candidates[candidate]);
            match distinct.iter_mut().find(|(known, _)| *known == params) {
                Some((_, candidates)) => candidates.push(candidate),
                None => distinct.push((params, vec![candidate])),
            }
        }
        let mut sums = vec![Sums::new(classes); distinct.len()];
        let counts = |of: &[usize]| -> Vec<(u32, usize)> {
            let of = of.iter();
            of.map(|&it| (members(&job.candidates[it]), it)).collect()
        };
        let counts: Vec<Vec<(u32, usize)>> = distinct.iter().map(|(_, of)| counts(of)).collect();
        let most = counts.iter().flatten().map(|(count, _)| *count).max();
        let mut fits = 0;
        for index in 0..most.unwrap_or_default() {
            let lasts = |place: &usize| counts[*place].iter().any(|(count, _)| *count > index);
            let fitted: Vec<usize> = (0..distinct.len()).filter(lasts).collect();
            let candidates: Vec<&Params> = fitted.iter().map(|&it| &distinct[it].0).collect();
            let draw = sampler.draw(index);
            let test = asked.left_out(job, &draw);
            let run = |prepared: &dyn Any, job: &Job<'_>| {
                let mut added = Added {
                    sums: &mut sums,
                    places: &fitted,
                    classes,
                    order: asked.order(job),
                    halves: BTreeMap::new(),
                };
                self.0.evaluate(prepared, job, &mut added)
            };
            let fitted_models = self.member(of, job, (index, &draw), &candidates, &test, run)?;
            // A bag is one fit, as a forest is.
            fits = fits.max(fitted_models);
            for &place in &fitted {
                if sums[place].members() != index + 1 {
                    let name = &of.1.name;
                    let message = format!("`{name}` did not predict for each candidate once");
                    return Err(Fault::Failed(message));
                }
                let whole = counts[place]
                    .iter()
                    .filter(|(count, _)| *count == index + 1);
                let whole: Vec<usize> = whole.map(|(_, candidate)| *candidate).collect();
                if whole.is_empty() {
                    continue;
                }
                let mean = sums[place].mean();
                for candidate in whole {
                    asked.pass_on(&mean, classes, candidate, scorer)?;
                }
            }
        }
        Ok(fits)
    }

    /// What a member predicts of rows of a matrix.
    fn predict_member(
        &self,
        (columns, model): (Option<&[u32]>, &dyn Any),
        matrix: &Matrix,
    ) -> Result<PredictionBuf, Fault> {
        match columns {
            None => self.0.predict_matrix(model, matrix),
            Some(columns) => self.0.predict_matrix(model, &of_columns(matrix, columns)),
        }
    }

    /// What the members predict of rows of a matrix, on the average.
    fn mean(&self, model: &OpenModel, matrix: &Matrix) -> Result<PredictionBuf, Fault> {
        let mut found: Option<(Vec<String>, Sums)> = None;
        for (columns, member) in &model.members {
            let predicted = self.predict_member((columns.as_deref(), &**member), matrix)?;
            let (_, sums) = found.get_or_insert_with(|| {
                let classes = predicted.classes.len();
                (predicted.classes.clone(), Sums::new(classes))
            });
            sums.add(predicted.as_prediction());
        }
        let (classes, sums) = found.ok_or_else(|| not_parts(self.0))?;
        Ok(PredictionBuf {
            classes,
            values: sums.mean(),
        })
    }
}

impl Offer for Bagging {
    fn description(&self) -> TrainerDescription {
        self.0.description().bagged()
    }

    fn prepare(&self, table: &Table) -> Result<Box<dyn Any>, Fault> {
        self.prepare_matrix(&Matrix::of(table)?)
    }

    fn prepare_matrix(&self, matrix: &Matrix) -> Result<Box<dyn Any>, Fault> {
        Ok(Box::new(BaggedData {
            matrix: matrix.clone(),
            whole: OnceCell::new(),
        }))
    }

    fn share(&self, data: &dyn Any, out: Vec<u8>) -> Result<Vec<u8>, Fault> {
        let data = made::<BaggedData>(data);
        let out = postcard::to_extend(&data.matrix, out).map_err(cannot_share)?;
        self.0.share(self.whole(data)?, out)
    }

    fn adopt(&self, shared: &[u8]) -> Result<Box<dyn Any>, Fault> {
        let (matrix, rest) = postcard::take_from_bytes::<Matrix>(shared).map_err(cannot_adopt)?;
        Ok(Box::new(BaggedData {
            matrix,
            whole: self.0.adopt(rest)?.into(),
        }))
    }

    fn evaluate(
        &self,
        data: &dyn Any,
        job: &Job<'_>,
        scorer: &mut dyn Scorer,
    ) -> Result<u32, Fault> {
        let data = made::<BaggedData>(data);
        // Those that draw alike.
        let mut groups: Vec<(Params, Vec<usize>)> = Vec::new();
        for (candidate, params) in job.candidates.iter().enumerate() {
            let mut draws = params.clone();
            draws.retain(|name, _| name.starts_with(PREFIX) && name != N_ESTIMATORS);
            match groups.iter_mut().find(|(known, _)| *known == draws) {
                Some((_, among)) => among.push(candidate),
                None => groups.push((draws, vec![candidate])),
            }
        }
        let mut fits = 0;
        for (_, among) in &groups {
            fits += self.evaluate_among(data, job, among, scorer)?;
        }
        Ok(fits)
    }

    fn fit(&self, data: &dyn Any, job: &Job<'_>) -> Result<Box<dyn Any>, Fault> {
        let data = made::<BaggedData>(data);
        let params = &job.candidates[0];
        let count = members(params);
        let range = job.part.map_or(0..count, |part| part.start..part.end);
        if range.is_empty() || range.end > count {
            return Err(Fault::InvalidTask(format!(
                "members {} to {} are no part of {count}",
                range.start, range.end
            )));
        }
        let mut out_of_bag =
            (params[OOB_SCORE] == Value::Bool(true)).then(|| OutOfBag::new(job.target, job.train));
        if out_of_bag.is_some() && params[BOOTSTRAP] != Value::Bool(true) {
            let message = format!("`{OOB_SCORE}` needs `{BOOTSTRAP}`");
            return Err(Fault::InvalidParams(message));
        }
        let sampler = sampler(data, job, params)?;
        let of = (data, &self.0.description());
        let mut fitted = Vec::with_capacity(range.len());
        let mut first: Option<Vec<u8>> = None;
        for index in range.clone() {
            let draw = sampler.draw(index);
            let run = |prepared: &dyn Any, job: &Job<'_>| self.0.fit_and_write(prepared, job);
            let model = self
                .member(of, job, (index, &draw), &[params], &[], run)?
                .bytes;
            if let Some(sums) = &mut out_of_bag {
                let rows = draw.chosen(job.train, false);
                let member = (draw.columns.as_deref(), &*self.0.open(&model)?);
                let predicted = self.predict_member(member, &data.matrix.take(&rows))?;
                sums.add(&draw.counts, predicted.as_prediction());
            }
            let member = Member::new(draw.columns, model, first.as_deref());
            first.get_or_insert_with(|| member.rest.clone());
            fitted.push(member);
        }
        let model = BaggedModel {
            features: Pipeline::without_steps(&data.matrix),
            count,
            start: range.start,
            members: fitted,
            out_of_bag,
        };
        Ok(Box::new(FittedBag::new(model, job.part.is_some())))
    }

    fn merge(&self, parts: &mut Parts<'_>) -> Result<Box<dyn Any>, Fault> {
        let model = BaggedModel::merge(parts, &|| not_parts(self.0))?;
        Ok(Box::new(FittedBag::new(model, false)))
    }

    fn score(
        &self,
        data: &dyn Any,
        job: &Job<'_>,
        fitted: &dyn Any,
        scorer: &mut dyn Scorer,
    ) -> Result<(), Fault> {
        let data = made::<BaggedData>(data);
        let model = self.open(&self.write(fitted)?.bytes)?;
        let asked = Asked::new(job, scorer.wants_train());
        let predicted = self.mean(made(&*model), &data.matrix.take(&asked.rows))?;
        let classes = job.target.classes().len();
        asked.pass_on(&predicted.values, classes, 0, scorer)
    }

    fn write(&self, fitted: &dyn Any) -> Result<ModelBytes, Fault> {
        made::<FittedBag>(fitted).write()
    }

    fn open_beside(&self, model: &[u8], parts: &mut EqualParts) -> Result<Box<dyn Any>, Fault> {
        let BaggedModel {
            features, members, ..
        } = BaggedModel::read(model)?;
        let first = members.first().map(|first| first.rest.clone());
        let first = first.unwrap_or_default();
        // One after the other: what is equal is held once from the beginning.
        let members = members.into_iter().map(|member| {
            let model = member.model(&first).ok_or_else(|| not_parts(self.0))?;
            Ok((member.columns, self.0.open_beside(&model, parts)?))
        });
        Ok(Box::new(OpenModel {
            members: members.collect::<Result<_, Fault>>()?,
            features,
        }))
    }

    fn predict(&self, model: &dyn Any, table: &Table) -> Result<PredictionBuf, Fault> {
        let matrix = made::<OpenModel>(model).features.apply(table)?;
        self.predict_matrix(model, &matrix)
    }

    fn predict_matrix(&self, model: &dyn Any, matrix: &Matrix) -> Result<PredictionBuf, Fault> {
        self.mean(made::<OpenModel>(model), matrix)
    }

    fn onnx(
        &self,
        _: &dyn Any,
        _: &mut onnx::Graph,
        _: Option<onnx::Columns>,
    ) -> Result<onnx::Prediction, Fault> {
        let what = format!("trainer `{}`, bagged,", self.0.description().name);
        Err(onnx::refused(
            &what,
            "a file would hold a graph for each of its members",
        ))
    }

    fn explain(&self, _: &dyn Any, _: &Table) -> Result<Contributions, Fault> {
        Err(Fault::InvalidTask(format!(
            "trainer `{}`, bagged, has no contributions of features; trainers of trees have, as \
             they are",
            self.0.description().name
        )))
    }

    /// The means of those of the members, 0 for a column that a member did not draw.
    fn importances(&self, model: &dyn Any) -> Result<Importances, Fault> {
        let model = made::<OpenModel>(model);
        let features: Vec<String> = model.features.names().map(str::to_owned).collect();
        let mut means: BTreeMap<ImportanceKind, Vec<f64>> = BTreeMap::new();
        for (columns, member) in &model.members {
            let of_member = self.0.importances(&**member)?;
            for (kind, values) in of_member.importances {
                let sums = means
                    .entry(kind)
                    .or_insert_with(|| vec![0.0; features.len()]);
                let place = |at: usize| columns.as_ref().map_or(at, |drawn| drawn[at] as usize);
                for (at, value) in values.iter().enumerate() {
                    sums[place(at)] += value;
                }
            }
        }
        let count = model.members.len() as f64;
        let each = means.values_mut().flatten();
        each.for_each(|sum| *sum /= count);
        Ok(Importances {
            contract: CONTRACT,
            features,
            importances: means,
        })
    }
}

fn not_parts(trainer: &dyn Offer) -> Fault {
    let name = trainer.description().name;
    let message = format!("these are not the parts of one fit of `{name}`, bagged");
    Fault::InvalidTask(message)
}

/// The hyper-parameters of the trainer alone.
fn own(params: &Params) -> Params {
    let own = params.iter().filter(|(name, _)| !name.starts_with(PREFIX));
    own.map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// The members of a candidate.
fn members(params: &Params) -> u32 {
    let count = params[N_ESTIMATORS].as_u64().unwrap_or_default();
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn sampler(data: &BaggedData, job: &Job<'_>, params: &Params) -> Result<Sampler, Fault> {
    let weights = job.weights.map(|weights| {
        let of_rows = job.train.iter().map(|&row| weights[row as usize]);
        of_rows.collect()
    });
    Sampler::new(params, job.train.len(), data.matrix.columns(), weights)
}

/// Columns of a matrix. The second of a name, which was drawn twice, is called
/// `<name> (2)`.
fn of_columns(matrix: &Matrix, columns: &[u32]) -> Matrix {
    let columns: Vec<usize> = columns.iter().map(|&column| column as usize).collect();
    let mut known: HashMap<String, u32> = HashMap::new();
    matrix.select(&columns).renamed(|name| {
        let times = known.entry(name.to_owned()).or_default();
        *times += 1;
        match *times {
            1 => name.to_owned(),
            times => format!("{name} ({times})"),
        }
    })
}
