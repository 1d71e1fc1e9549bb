//! [`Dataset`]: a table and its splits, opened once for many tasks.
//!
//! Both exports of a component use it. It checks a task against the contract
//! and the trainer's description before any work is done, passes the job to the
//! trainer, and has the predictions scored.

use std::any::Any;
use std::borrow::Cow;
use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::behind::{BehindSteps, Members};
use crate::contract::{
    Answer, CONTRACT, Description, Learning, Output, Permute, Scores, Split, TargetShuffle, Task,
    TaskStep,
};
use crate::guest::{Chosen, Guest, describe, find, offers};
use crate::model::{Fitted, FittedModel};
use crate::numpy::GroupShuffle;
use crate::offer::{ModelBytes, cannot_adopt, cannot_share};
use crate::outputs::{Artifact, Recorder};
use crate::permutation::{Latest, Permutable};
use crate::pipeline::{FitRows, Pipeline};
use crate::scoring::Scoring;
use crate::splits::{Rows, Splits};
use crate::task::{candidates, other_contract};
use crate::{Fault, Job, Params, Scorer, Table, Target, TrainerDescription, task};

/// The number of selections of rows that are kept decoded. Tasks come split by
/// split, and a selection takes 4 bytes per row.
const SELECTIONS: usize = 8;

/// The number of targets that are kept decoded. Tasks come target by target, and one takes
/// 4 or 8 bytes per row.
const TARGETS: usize = 4;

/// A dataset that is open for tasks. Prepared features, targets and the rows of
/// splits are computed on first use and kept.
#[derive(Debug)]
pub struct Dataset {
    description: Description,
    /// One per trainer of the description and, behind those, one per bagged trainer.
    slots: Vec<TrainerSlot>,
    /// `None` if the dataset was adopted.
    table: Option<Table>,
    splits: Splits,
    /// By name.
    targets: RefCell<BTreeMap<String, Rc<KnownTarget>>>,
    /// By name.
    weights: RefCell<BTreeMap<String, Rc<Vec<f64>>>>,
    /// The features behind steps.
    behind: BehindSteps,
    /// The latest first.
    selections: RefCell<VecDeque<(Selection, Rc<Rows>)>>,
    /// The model whose features were permuted last: tasks come split by split.
    permutable: RefCell<Latest>,
    /// The target that was shuffled last: the permutations of a seed come in order.
    shuffled: RefCell<Option<ShuffledTarget>>,
}

/// A split, and the target whose missing values leave rows out of it, if it has
/// any.
type Selection = (Split, Option<String>);

/// A decoded target.
#[derive(Debug)]
struct KnownTarget {
    values: Target,
    /// Whether some rows have no value.
    has_gaps: bool,
}

impl KnownTarget {
    fn new(values: Target) -> Rc<Self> {
        let has_gaps = values.has_missing();
        Rc::new(Self { values, has_gaps })
    }
}

/// A target whose values are shuffled among the rows.
#[derive(Debug)]
struct ShuffledTarget {
    /// The name of the target, and its values as they are.
    of: (String, Rc<KnownTarget>),
    by: TargetShuffle,
    /// It has made the permutation of `by`.
    shuffle: GroupShuffle,
    values: Rc<KnownTarget>,
}

/// A trainer with its prepared data.
struct TrainerSlot {
    offer: Chosen,
    /// That of a bagged trainer, once a task wants it.
    bagged: OnceCell<TrainerDescription>,
    prepared: OnceCell<Box<dyn Any>>,
}

impl std::fmt::Debug for TrainerSlot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TrainerSlot")
            .field("is_prepared", &self.prepared.get().is_some())
            .finish_non_exhaustive()
    }
}

/// The head of a shared dataset, which precedes the trainer's prepared data.
#[derive(Serialize, Deserialize)]
struct SharedHead<'a> {
    contract: u32,
    trainer: &'a str,
    learning: Learning,
    bagging: bool,
    /// The Parquet file of the splits.
    splits: &'a [u8],
    /// The target with its name.
    target: (&'a str, Cow<'a, Target>),
    /// The weights with their name.
    weights: Option<(&'a str, Cow<'a, [f64]>)>,
}

/// A task that was checked, with the data that its fit needs.
struct CheckedTask<'a> {
    /// The place of the trainer.
    place: usize,
    slot: &'a TrainerSlot,
    /// Whether its models have parts.
    has_parts: bool,
    task: Task,
    /// By candidate: the trainer's hyper-parameters.
    candidates: Vec<Params>,
    /// By candidate: the steps.
    steps: Vec<Vec<TaskStep>>,

    target: Rc<KnownTarget>,
    weights: Option<Rc<Vec<f64>>>,
    rows: Rc<Rows>,
}

/// What [`Dataset::evaluate`] gives.
#[derive(Debug, PartialEq, Eq)]
pub struct Evaluation {
    /// An [`Answer`] as JSON.
    pub answer: String,
    /// The outputs that the task asks for, in the order of the candidates.
    pub artifacts: Vec<Artifact>,
}

impl Evaluation {
    fn new(fits: u32, scores: Vec<Scores>, artifacts: Vec<Artifact>) -> Self {
        let answer = Answer {
            contract: CONTRACT,
            fits,
            scores,
        };
        let answer = serde_json::to_string(&answer);
        Self {
            answer: answer.expect("an answer has text keys and finite numbers"),
            artifacts,
        }
    }
}

impl Dataset {
    /// Opens a dataset and its splits, two whole Parquet files with the same
    /// number of rows.
    ///
    /// # Errors
    /// [`Fault::InvalidDataset`] if a file can't be read, or the numbers of rows
    /// differ.
    pub fn open<G: Guest>(table: Bytes, splits: Bytes) -> Result<Self, Fault> {
        let table = Table::open(table)?;
        let splits = Splits::open(splits)?;
        if table.rows() != splits.rows() {
            return Err(Fault::InvalidDataset(format!(
                "the dataset has {} rows, but the splits file has {}",
                table.rows(),
                splits.rows()
            )));
        }
        Ok(Self::new::<G>(Some(table), splits))
    }

    fn new<G: Guest>(table: Option<Table>, splits: Splits) -> Self {
        let slots = [false, true].into_iter().flat_map(|bagging| {
            offers::<G>().into_iter().map(move |offer| TrainerSlot {
                offer: Chosen::new(offer, bagging),
                bagged: OnceCell::new(),
                prepared: OnceCell::new(),
            })
        });
        Self {
            description: describe::<G>(),
            slots: slots.collect(),
            table,
            splits,
            targets: RefCell::default(),
            weights: RefCell::default(),
            behind: BehindSteps::default(),
            selections: RefCell::default(),
            permutable: RefCell::default(),
            shuffled: RefCell::default(),
        }
    }

    /// Serialises what tasks of the trainer, target and weights of `task` (JSON)
    /// need, so that other instances of this guest can [`Dataset::adopt`] it
    /// without decoding the Parquet file.
    ///
    /// # Errors
    /// If the task is invalid, the dataset was itself adopted, or a column can't be
    /// read.
    pub fn share(&self, task: &str) -> Result<Vec<u8>, Fault> {
        let task = task::read(task)?;
        let slot = &self.slots[self.place(&task.trainer, task.learning, task.bagging)?];
        self.table()?;
        let target = self.target(&task)?;
        let weights = self.weights(&task)?;
        let shared = SharedHead {
            contract: CONTRACT,
            trainer: &task.trainer,
            learning: task.learning,
            bagging: task.bagging,
            splits: self.splits.bytes(),
            target: (&task.target, Cow::Borrowed(&target.values)),
            weights: weights.as_ref().map(|weights| {
                let name = task.weight.as_deref().unwrap_or_default();
                (name, Cow::Borrowed(weights.as_slice()))
            }),
        };
        let head = postcard::to_allocvec(&shared).map_err(cannot_share)?;
        slot.offer.share(self.prepared(slot)?, head)
    }

    /// Opens what [`Dataset::share`] of another instance of this guest returned.
    /// The dataset answers tasks of that trainer and of baselines, of that target and
    /// weights, with bit-identical results; it has no table, so that it serves no
    /// other.
    ///
    /// # Errors
    /// If `shared` was not returned by [`Dataset::share`] of the same guest.
    pub fn adopt<G: Guest>(shared: &[u8]) -> Result<Self, Fault> {
        let (head, prepared) =
            postcard::take_from_bytes::<SharedHead<'_>>(shared).map_err(cannot_adopt)?;
        if head.contract != CONTRACT {
            return Err(other_contract("dataset", head.contract));
        }
        let splits = Splits::open(Bytes::copy_from_slice(head.splits))?;
        let dataset = Self::new::<G>(None, splits);
        let slot = &dataset.slots[dataset.place(head.trainer, head.learning, head.bagging)?];
        let data = slot.offer.adopt(prepared)?;
        slot.prepared.get_or_init(|| data);
        // Prepared data without content, that of a baseline, needs no table.
        for slot in &dataset.slots {
            if let Ok(nothing) = slot.offer.adopt(&[]) {
                slot.prepared.get_or_init(|| nothing);
            }
        }
        let (name, target) = head.target;
        let target = KnownTarget::new(target.into_owned());
        dataset.targets.borrow_mut().insert(name.to_owned(), target);
        if let Some((name, weights)) = head.weights {
            let weights = Rc::new(weights.into_owned());
            dataset
                .weights
                .borrow_mut()
                .insert(name.to_owned(), weights);
        }
        Ok(dataset)
    }

    fn table(&self) -> Result<&Table, Fault> {
        self.table.as_ref().ok_or_else(|| {
            Fault::InvalidDataset(
                "the dataset was adopted for one trainer and has no table".to_owned(),
            )
        })
    }

    /// Fits the candidates of a [`Task`] (JSON) and scores them.
    ///
    /// # Errors
    /// If the task is invalid, does not fit the dataset or the trainer, or the
    /// fit fails.
    pub fn evaluate(&self, task: &str) -> Result<Evaluation, Fault> {
        let checked = self.check(task)?;
        if let Some(permute) = &checked.task.permute {
            return self.permuted(&checked, permute);
        }
        if checked.has_one_model() {
            let (pipeline, fitted) = self.fit(&checked, 0)?;
            return self.of_model(&checked, pipeline, &*fitted);
        }
        let (outputs, candidates) = (&checked.task.outputs, checked.task.candidates.len());
        let (mut fits, mut scores, mut artifacts) = match checked.is_scored()? {
            true => self.score(&checked)?,
            false => (0, vec![checked.undefined(); candidates], Vec::new()),
        };
        if outputs.contains(&Output::Model) {
            for (candidate, scores) in scores.iter_mut().enumerate() {
                let (pipeline, fitted) = self.fit(&checked, candidate)?;
                let (bytes, oob_score) = checked.model(pipeline, &*fitted)?;
                scores.oob_score = oob_score;
                artifacts.push(Artifact {
                    output: Output::Model,
                    candidate: candidate as u32,
                    bytes,
                });
                fits += 1;
            }
        }
        artifacts.sort_by_key(|artifact| (artifact.candidate, artifact.output));
        Ok(Evaluation::new(fits, scores, artifacts))
    }

    /// What [`Dataset::evaluate`] gives for a [`Task`] (JSON) of one candidate, bit for
    /// bit, from the parts of its model: in order, the output `model` of the same task
    /// with each [`Task::part`]. The split of that task may name its training rows
    /// otherwise.
    ///
    /// # Errors
    /// If the parts are not those of one fit by the task's trainer, and as
    /// [`Dataset::evaluate`].
    pub fn assemble(&self, task: &str, parts: Vec<Vec<u8>>) -> Result<Evaluation, Fault> {
        let checked = self.check(task)?;
        let Task {
            part,
            permute,
            candidates,
            ..
        } = &checked.task;
        if part.is_some() || permute.is_some() || candidates.len() != 1 {
            return Err(Fault::InvalidTask(
                "a task whose model comes in parts has one candidate, asks for no part and \
                 permutes no feature"
                    .to_owned(),
            ));
        }
        let (pipeline, fitted) = FittedModel::merge(parts, &checked.task, &*checked.slot.offer)?;
        self.of_model(&checked, pipeline, &*fitted)
    }

    /// What a task gives whose only candidate has this model.
    fn of_model(
        &self,
        checked: &CheckedTask<'_>,
        pipeline: Option<Pipeline>,
        fitted: &dyn Any,
    ) -> Result<Evaluation, Fault> {
        let (mut scores, mut artifacts) = match checked.is_scored()? {
            true => self.scored(checked, |data, job, scorer| {
                checked.slot.offer.score(data, job, fitted, scorer)
            })?,
            false => (vec![checked.undefined()], Vec::new()),
        };
        if checked.task.outputs.contains(&Output::Model) {
            let (bytes, oob_score) = checked.model(pipeline, fitted)?;
            for scores in &mut scores {
                scores.oob_score = oob_score;
            }
            artifacts.push(Artifact {
                output: Output::Model,
                candidate: 0,
                bytes,
            });
        }
        artifacts.sort_by_key(|artifact| artifact.output);
        Ok(Evaluation::new(1, scores, artifacts))
    }

    /// The scores of the only candidate of a task, and the predictions if the task asks
    /// for them, of what `score` passes on for the trainer's prepared data.
    fn scored(
        &self,
        checked: &CheckedTask<'_>,
        score: impl FnOnce(&dyn Any, &Job<'_>, &mut dyn Scorer) -> Result<(), Fault>,
    ) -> Result<(Vec<Scores>, Vec<Artifact>), Fault> {
        let mut recorder = checked.recorder()?;
        let job = checked.job();
        let steps = &checked.steps[0];
        if steps.is_empty() {
            score(self.prepared(checked.slot)?, &job, &mut recorder)?;
        } else {
            let key = checked.rows_key();
            let (trainer, rows) = (
                (checked.place, &*checked.slot.offer),
                checked.fit_rows(&key),
            );
            let data = self.behind.prepared(trainer, self.table()?, steps, &rows)?;
            score(&*data, &job, &mut recorder)?;
        }
        let (scoring, artifacts) = recorder.finish();
        Ok((scoring.finish()?, artifacts))
    }

    /// Scores the test rows as they are and with a feature permuted, by a model that is
    /// fitted once for all features of a split.
    fn permuted(&self, checked: &CheckedTask<'_>, permute: &Permute) -> Result<Evaluation, Fault> {
        let task = &checked.task;
        if task.candidates.len() != 1
            || task.split.test.is_none()
            || task.train_score
            || task.part.is_some()
            || !task.outputs.is_empty()
            || !(1..=Permute::MAX_REPEATS).contains(&permute.n_repeats)
        {
            return Err(Fault::InvalidTask(
                "a task that permutes a feature, 1 to 10000 times, has one candidate and test \
                 rows, and asks for neither outputs nor training scores nor a part"
                    .to_owned(),
            ));
        }
        let table = self.table()?;
        let mut features = table.features().iter();
        let feature = features.position(|feature| feature.name == permute.feature);
        let feature = feature.ok_or_else(|| {
            Fault::InvalidTask(format!(
                "the dataset has no feature `{}` to permute",
                permute.feature
            ))
        })?;
        let weights = checked.weights.as_ref().map(|weights| weights.as_slice());
        let scoring = Scoring::new(task, &checked.target.values, &checked.rows, weights)?;
        let permutable = self.permutable(checked, &scoring)?;
        let scores = Scores {
            test: permutable.whole.clone(),
            permuted: permutable.permuted(feature, permute, &scoring)?,
            ..Scores::default()
        };
        Ok(Evaluation::new(1, vec![scores], Vec::new()))
    }

    /// The model of the only candidate of a task, with the task's test rows, whose scores
    /// the key of the model tells apart as well.
    fn permutable(
        &self,
        checked: &CheckedTask<'_>,
        scoring: &Scoring<'_>,
    ) -> Result<Rc<Permutable>, Fault> {
        let key = Task {
            permute: None,
            ..checked.task.clone()
        };
        let key = serde_json::to_string(&key).expect("a task has text keys");
        if let Some(latest) = self.permutable.borrow_mut().get(&key) {
            return Ok(latest);
        }
        let offer = checked.slot.offer;
        let (pipeline, model) = self.fit(checked, 0)?;
        let fitted = Fitted {
            offer,
            pipeline,
            estimator: offer.open(&offer.write(&*model)?.bytes)?,
        };
        let permutable = Permutable::new(fitted, self.table()?, &checked.rows.test, scoring)?;
        let permutable = Rc::new(permutable);
        self.permutable.borrow_mut().keep(key, &permutable);
        Ok(permutable)
    }

    /// Fits the candidates of a task and scores them. Returns the number of models that
    /// were fitted, the scores, and the predictions if the task asks for them.
    fn score(&self, checked: &CheckedTask<'_>) -> Result<(u32, Vec<Scores>, Vec<Artifact>), Fault> {
        let mut recorder = checked.recorder()?;
        let fits = if checked.task.steps.is_empty() {
            let data = self.prepared(checked.slot)?;
            let offer = checked.slot.offer;
            offer.evaluate(data, &checked.job(), &mut recorder)?
        } else {
            self.evaluate_behind_steps(checked, &mut recorder)?
        };
        let (scoring, artifacts) = recorder.finish();
        Ok((fits, scoring.finish()?, artifacts))
    }

    /// The steps of a candidate, if it has any, and its model as
    /// [`Offer::fit`](crate::offer::Offer::fit) returns it, fitted on the training rows; or the
    /// part of it that the task asks for.
    fn fit(
        &self,
        checked: &CheckedTask<'_>,
        candidate: usize,
    ) -> Result<(Option<Pipeline>, Box<dyn Any>), Fault> {
        let offer = checked.slot.offer;
        let job = Job {
            candidates: std::slice::from_ref(&checked.candidates[candidate]),
            test: &[],
            ..checked.job()
        };
        let steps = &checked.steps[candidate];
        if steps.is_empty() {
            return Ok((None, offer.fit(self.prepared(checked.slot)?, &job)?));
        }
        let key = checked.rows_key();
        let rows = checked.fit_rows(&key);
        let (pipeline, matrix) = self.behind.fit(self.table()?, steps, &rows)?;
        let data = offer.prepare_matrix(&matrix)?;
        Ok((Some(pipeline), offer.fit(&*data, &job)?))
    }

    /// Evaluates the candidates of a task with steps: those of equal steps
    /// together. Returns the number of models that were fitted.
    fn evaluate_behind_steps(
        &self,
        checked: &CheckedTask<'_>,
        scorer: &mut dyn Scorer,
    ) -> Result<u32, Fault> {
        let table = self.table()?;
        let each = checked.steps.iter().map(Vec::as_slice);
        let key = checked.rows_key();
        self.behind.expect(&key, each)?;
        let mut groups: Vec<(&[TaskStep], Vec<usize>)> = Vec::new();
        for (candidate, steps) in checked.steps.iter().enumerate() {
            match groups.iter_mut().find(|(known, _)| known == steps) {
                Some((_, members)) => members.push(candidate),
                None => groups.push((steps, vec![candidate])),
            }
        }
        let offer = checked.slot.offer;
        let mut fits = 0;
        for (steps, members) in groups {
            let trainer = (checked.place, &*offer);
            let data = (self.behind).prepared(trainer, table, steps, &checked.fit_rows(&key))?;
            let candidates: Vec<Params> = members
                .iter()
                .map(|&member| checked.candidates[member].clone())
                .collect();
            let job = Job {
                candidates: &candidates,
                ..checked.job()
            };
            let mut scorer = Members {
                scorer: &mut *scorer,
                members: &members,
            };
            fits += offer.evaluate(&*data, &job, &mut scorer)?;
        }
        Ok(fits)
    }

    fn check(&self, json: &str) -> Result<CheckedTask<'_>, Fault> {
        let task = task::read(json)?;
        let place = self.place(&task.trainer, task.learning, task.bagging)?;
        let slot = &self.slots[place];
        let trainer = self.described(place);
        let candidates = candidates(trainer, &task)?.into_iter();
        let (candidates, steps) = candidates
            .map(|candidate| (candidate.params, candidate.steps))
            .unzip();
        if task.weight.is_some() && !trainer.abilities.weights {
            return Err(Fault::InvalidTask(format!(
                "trainer `{}` takes no weights of rows",
                trainer.name
            )));
        }
        if task.part.is_some() && trainer.parts.is_none() {
            return Err(Fault::InvalidTask(format!(
                "models of trainer `{}` have no parts",
                trainer.name
            )));
        }
        if task.part.is_some() && (task.outputs != [Output::Model] || task.candidates.len() != 1) {
            return Err(Fault::InvalidTask(
                "a task of a part has one candidate, and its model is the only output".to_owned(),
            ));
        }
        let target = self.target(&task)?;
        if !trainer.tasks.contains(&target.values.learning()) {
            return Err(Fault::InvalidTask(format!(
                "trainer `{}` does not support the target `{}`, which has {} classes",
                trainer.name,
                task.target,
                target.values.classes().len()
            )));
        }
        let target = match &task.split.shuffle {
            Some(shuffle) => self.shuffled(&task.target, target, shuffle)?,
            None => target,
        };
        let weights = self.weights(&task)?;
        let rows = self.rows(&task, &target)?;
        Ok(CheckedTask {
            place,
            slot,
            has_parts: trainer.parts.is_some(),
            task,
            candidates,
            steps,
            target,
            weights,
            rows,
        })
    }

    /// The place of a trainer's slot.
    fn place(&self, name: &str, learning: Learning, bagging: bool) -> Result<usize, Fault> {
        let place = find(&self.description, name, learning)?;
        let plain = self.description.trainers.len();
        Ok(if bagging { plain + place } else { place })
    }

    /// The trainer of a slot.
    fn described(&self, place: usize) -> &TrainerDescription {
        let trainers = &self.description.trainers;
        match place.checked_sub(trainers.len()) {
            None => &trainers[place],
            Some(bagged) => (self.slots[place].bagged).get_or_init(|| trainers[bagged].bagged()),
        }
    }

    fn prepared<'a>(&self, slot: &'a TrainerSlot) -> Result<&'a dyn Any, Fault> {
        if let Some(data) = slot.prepared.get() {
            return Ok(&**data);
        }
        let data = slot.offer.prepare(self.table()?)?;
        Ok(&**slot.prepared.get_or_init(|| data))
    }

    fn target(&self, task: &Task) -> Result<Rc<KnownTarget>, Fault> {
        let name = &task.target;
        if let Some(target) = self.targets.borrow().get(name)
            && target.values.learning().is_classes() == task.learning.is_classes()
        {
            return Ok(Rc::clone(target));
        }
        let target = KnownTarget::new(self.table()?.target(name, task.learning)?);
        let mut targets = self.targets.borrow_mut();
        if targets.len() >= TARGETS {
            targets.clear();
        }
        targets.insert(name.clone(), Rc::clone(&target));
        Ok(target)
    }

    /// The target `name` with its values shuffled. The generator of the latest
    /// permutation goes on where it may.
    fn shuffled(
        &self,
        name: &str,
        target: Rc<KnownTarget>,
        by: &TargetShuffle,
    ) -> Result<Rc<KnownTarget>, Fault> {
        let mut kept = self.shuffled.borrow_mut();
        let latest = kept.take().filter(|latest| {
            latest.of.0 == name
                && Rc::ptr_eq(&latest.of.1, &target)
                && (&latest.by.column, latest.by.random_state) == (&by.column, by.random_state)
                && latest.by.number <= by.number
        });
        let mut shuffle = match latest {
            Some(latest) if latest.by == *by => {
                return Ok(Rc::clone(&kept.insert(latest).values));
            }
            Some(latest) => latest.shuffle,
            None => GroupShuffle::new(by.random_state, self.splits.ints(&by.column)?),
        };
        while shuffle.made() < by.number {
            shuffle.skip();
        }
        let values = KnownTarget::new(match &target.values {
            Target::Classes { classes, codes } => Target::Classes {
                classes: classes.clone(),
                codes: shuffle.shuffled(codes),
            },
            Target::Numbers(numbers) => Target::Numbers(shuffle.shuffled(numbers)),
        });
        *kept = Some(ShuffledTarget {
            of: (name.to_owned(), target),
            by: by.clone(),
            shuffle,
            values: Rc::clone(&values),
        });
        Ok(values)
    }

    fn weights(&self, task: &Task) -> Result<Option<Rc<Vec<f64>>>, Fault> {
        let Some(name) = &task.weight else {
            return Ok(None);
        };
        if let Some(weights) = self.weights.borrow().get(name) {
            return Ok(Some(Rc::clone(weights)));
        }
        let weights = Rc::new(self.table()?.weights(name)?);
        let mut known = self.weights.borrow_mut();
        known.insert(name.clone(), Rc::clone(&weights));
        Ok(Some(weights))
    }

    /// The rows of a task's split that have a target.
    fn rows(&self, task: &Task, target: &KnownTarget) -> Result<Rc<Rows>, Fault> {
        let with_gaps = target.has_gaps.then(|| task.target.clone());
        let mut split = task.split.clone();
        // Which rows have a target, a shuffle decides only where some have none.
        split.shuffle.take_if(|_| with_gaps.is_none());
        let selection: Selection = (split, with_gaps);
        let mut selections = self.selections.borrow_mut();
        if let Some((_, rows)) = selections.iter().find(|(known, _)| *known == selection) {
            return Ok(Rc::clone(rows));
        }
        let mut rows = self.splits.select(&task.split)?;
        if let (split, Some(name)) = &selection {
            rows.train.retain(|&row| target.values.has(row));
            rows.test.retain(|&row| target.values.has(row));
            if rows.train.is_empty() || (rows.test.is_empty() && split.test.is_some()) {
                return Err(Fault::InvalidTask(format!(
                    "the split has training or test rows, but none of these has the target `{name}`"
                )));
            }
        }
        let rows = Rc::new(rows);
        selections.truncate(SELECTIONS - 1);
        selections.push_front((selection, Rc::clone(&rows)));
        Ok(rows)
    }
}

impl CheckedTask<'_> {
    /// Whether the task asks for one model, which then is scored as it is.
    fn has_one_model(&self) -> bool {
        let Task {
            outputs,
            candidates,
            ..
        } = &self.task;
        self.has_parts && candidates.len() == 1 && outputs.contains(&Output::Model)
    }

    /// Whether there are test rows to score.
    ///
    /// # Errors
    /// If there are none, although the task asks for more than a model.
    fn is_scored(&self) -> Result<bool, Fault> {
        if self.task.part.is_some() {
            return Ok(false);
        }
        match (self.task.split.test, self.task.outputs.as_slice()) {
            (Some(_), _) => Ok(true),
            (None, [Output::Model]) => Ok(false),
            (None, _) => Err(Fault::InvalidTask(
                "the split of the task has no `test` value, so that there are no rows to score"
                    .to_owned(),
            )),
        }
    }

    /// The scores where there are no rows to score.
    fn undefined(&self) -> Scores {
        let names = self.task.scoring.iter();
        Scores {
            test: names.map(|score| (score.name.clone(), None)).collect(),
            ..Scores::default()
        }
    }

    /// The scorer of its candidates.
    fn recorder(&self) -> Result<Recorder<'_>, Fault> {
        let weights = self.weights.as_ref().map(|weights| weights.as_slice());
        let scoring = Scoring::new(&self.task, &self.target.values, &self.rows, weights)?;
        let kept = self.task.outputs.contains(&Output::Predictions);
        let classes = self.target.values.classes();
        Ok(Recorder::new(scoring, kept, classes, &self.rows.test))
    }

    /// A fitted model with its steps, serialised, and its score out of bag.
    fn model(
        &self,
        pipeline: Option<Pipeline>,
        fitted: &dyn Any,
    ) -> Result<(Vec<u8>, Option<f64>), Fault> {
        let ModelBytes { bytes, oob_score } = self.slot.offer.write(fitted)?;
        let bytes = FittedModel::new(&self.task, pipeline, bytes).write()?;
        Ok((bytes, oob_score))
    }

    /// Target and split, as a text.
    fn rows_key(&self) -> String {
        let split = serde_json::to_string(&self.task.split).expect("a split has text keys");
        format!("{} {split}", self.task.target)
    }

    /// The rows that steps are fitted on, of [`Self::rows_key`]. As in scikit-learn,
    /// weights are the estimator's alone.
    fn fit_rows<'k>(&'k self, key: &'k str) -> FitRows<'k> {
        FitRows {
            key,
            target: &self.target.values,
            train: &self.rows.train,
            test: &self.rows.test,
            weights: None,
        }
    }

    fn job(&self) -> Job<'_> {
        Job {
            candidates: &self.candidates,
            target: &self.target.values,
            weights: self.weights.as_ref().map(|weights| weights.as_slice()),
            train: &self.rows.train,
            test: &self.rows.test,
            part: self.task.part,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::contract::Role;
    use crate::fixture::{Cells, EchoGuest, PREPARED, column, dataset, files, splits};

    fn open() -> Dataset {
        let (table, splits) = files();
        Dataset::open::<EchoGuest>(table, splits).unwrap()
    }

    /// A valid task with some fields replaced.
    fn task(changes: Value) -> String {
        let mut task = json!({
            "contract": 2,
            "trainer": "echo",
            "candidates": [{}],
            "split": {"column": "fold", "test": 1},
            "target": "y",
            "learning": "binary",
            "scoring": ["accuracy", "roc_auc"],
        });
        for (key, value) in changes.as_object().unwrap() {
            task[key] = value.clone();
        }
        task.to_string()
    }

    fn answer(changes: Value) -> Value {
        let answer = open().evaluate(&task(changes)).unwrap();
        serde_json::from_str(&answer.answer).unwrap()
    }

    fn refusal(changes: Value) -> String {
        open().evaluate(&task(changes)).unwrap_err().to_string()
    }

    #[test]
    fn candidates_are_scored() {
        // The test rows are 3 to 5: 0.2 no, 0.7 no, 0.4 yes.
        assert_eq!(
            answer(json!({"candidates": [{}, {"bias": 0.2}], "params": {"bias": -0.3}})),
            json!({"contract": 2, "fits": 1, "scores": [
                {"test": {"accuracy": 2.0 / 3.0, "roc_auc": 0.5}},
                {"test": {"accuracy": 2.0 / 3.0, "roc_auc": 0.5}},
            ]})
        );
    }

    #[test]
    fn rows_are_scored_by_their_weights() {
        let number = |values: [f64; 6]| Cells::Double(values.map(Some).to_vec());
        let y = Cells::Int([0, 1, 1, 0, 0, 1].map(Some).to_vec());
        let table = dataset(&[
            (
                column("x", Role::Feature, None),
                number([0.1, 0.9, 0.8, 0.2, 0.7, 0.4]),
            ),
            (
                column("w", Role::Weight, None),
                number([1.0, 1.0, 1.0, 3.0, 1.0, 4.0]),
            ),
            (column("y", Role::Target, Some(&["no", "yes"])), y),
        ]);
        let (_, splits) = files();
        let dataset = Dataset::open::<EchoGuest>(table, splits).unwrap();
        let scores = |changes: Value| -> Value {
            let answer = dataset.evaluate(&task(changes)).unwrap().answer;
            let answer: Value = serde_json::from_str(&answer).unwrap();
            answer["scores"][0].clone()
        };
        // 0.2 no of weight 3, 0.7 no of weight 1, 0.4 yes of weight 4.
        assert_eq!(
            scores(json!({"weight": "w"})),
            json!({"test": {"accuracy": 3.0 / 8.0, "roc_auc": 0.75}})
        );
        assert_eq!(
            scores(json!({})),
            json!({"test": {"accuracy": 1.0 / 3.0, "roc_auc": 0.5}})
        );
    }

    /// The test rows are 3 to 5: 0.2 no, 0.7 no, 0.4 yes.
    #[test]
    fn a_feature_is_permuted_among_the_test_rows() {
        let permute = json!({"feature": "x", "n_repeats": 6, "random_state": 42});
        let scores = &answer(json!({"permute": permute, "scoring": ["roc_auc"]}))["scores"][0];
        assert_eq!(scores["test"], json!({"roc_auc": 0.5}));
        let mut found: Vec<f64> = Vec::new();
        for permuted in scores["permuted"].as_array().unwrap() {
            found.push(permuted["roc_auc"].as_f64().unwrap());
        }
        // By `permutations(3, 6, 42)` of tests/explain/vectors.py.
        assert_eq!(found, PERMUTED);
    }

    const PERMUTED: [f64; 6] = [1.0, 0.5, 0.0, 0.0, 1.0, 0.0];

    #[test]
    fn what_can_not_be_permuted_is_an_error() {
        let permute = |feature: &str, n_repeats: u32| json!({"feature": feature, "n_repeats": n_repeats, "random_state": 1});
        assert_eq!(
            refusal(json!({"permute": permute("z", 1)})),
            "invalid task: the dataset has no feature `z` to permute"
        );
        let several = json!({"permute": permute("x", 1), "candidates": [{}, {}]});
        let outputs = json!({"permute": permute("x", 1), "outputs": ["model"]});
        for changes in [several, outputs, json!({"permute": permute("x", 0)})] {
            let refused = refusal(changes);
            assert!(
                refused.contains("has one candidate and test rows"),
                "{refused}"
            );
        }
    }

    /// The fold 1 holds rows 3 to 5, of the classes no, no and yes.
    #[test]
    fn targets_are_shuffled_within_groups_in_any_order_of_tasks() {
        let shuffled = |number: u32, column: &str| {
            let by = json!({"column": column, "random_state": 7, "number": number});
            task(json!({"split": {"column": "fold", "test": 1, "shuffle": by}}))
        };
        let dataset = open();
        let mut scores = std::collections::BTreeSet::new();
        for number in [0, 3, 3, 1, 5, 0, 2] {
            let kept = dataset.evaluate(&shuffled(number, "fold")).unwrap();
            let fresh = open().evaluate(&shuffled(number, "fold")).unwrap();
            assert_eq!(kept, fresh, "{number}");
            let answer: Value = serde_json::from_str(&kept.answer).unwrap();
            scores.insert(answer["scores"][0]["test"]["roc_auc"].to_string());
        }
        // One row of three is yes, whatever the permutation.
        let possible = ["0.0", "0.5", "1.0"].map(ToOwned::to_owned);
        assert!(
            scores.len() > 1 && scores.is_subset(&possible.into()),
            "{scores:?}"
        );
        // Without it, the target is as it is.
        let plain = task(json!({}));
        assert_eq!(dataset.evaluate(&plain), open().evaluate(&plain));
        let refused = dataset.evaluate(&shuffled(0, "group")).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "invalid task: the splits file has no column `group`; its columns are `fold`"
        );
    }

    #[test]
    fn training_rows_are_scored_when_asked() {
        let scores = &answer(json!({"train_score": true}))["scores"];
        let trained = json!({"accuracy": 1.0, "roc_auc": 1.0});
        assert_eq!(scores[0]["train"], trained);
    }

    #[test]
    fn the_task_sets_the_positive_class() {
        let f1 = |changes: Value| answer(changes)["scores"][0]["test"]["precision"].clone();
        assert_eq!(f1(json!({"scoring": ["precision"]})), json!(0.0));
        let no = json!({"scoring": ["precision"], "positive": "no"});
        assert_eq!(f1(no), json!(0.5));
    }

    #[test]
    fn prepared_data_targets_and_rows_are_kept() {
        let before = PREPARED.get();
        let dataset = open();
        for fold in [0, 1, 0] {
            let split = json!({"split": {"column": "fold", "test": fold}});
            dataset.evaluate(&task(split)).unwrap();
        }
        assert_eq!(PREPARED.get() - before, 1);
        assert_eq!(dataset.selections.borrow().len(), 2);
        assert_eq!(dataset.targets.borrow().len(), 1);
    }

    #[test]
    fn the_number_of_kept_selections_is_limited() {
        let (table, _) = files();
        let values: Vec<Option<i32>> = (0..6).map(Some).collect();
        let dataset = Dataset::open::<EchoGuest>(table, splits("fold", &values)).unwrap();
        for fold in (0..6).chain(0..6) {
            for train in ["rest", "before"] {
                let split = json!({"column": "fold", "test": fold, "train": train});
                let _ = dataset.evaluate(&task(json!({"split": split})));
            }
        }
        assert_eq!(dataset.selections.borrow().len(), SELECTIONS);
    }

    #[test]
    fn an_invalid_task_is_an_error() {
        assert_eq!(
            refusal(json!({"contract": 3, "new": {}})),
            "invalid task: the task is of contract 3, but this guest implements contract 2"
        );
        assert_eq!(
            refusal(json!({"contract": 3})),
            "invalid task: the task is of contract 3, but this guest implements contract 2"
        );
        assert!(refusal(json!({"new": {}})).contains("unknown field `new`"));
        assert_eq!(
            refusal(json!({"candidates": []})),
            "invalid task: the task has no candidate"
        );
        assert_eq!(
            refusal(json!({"trainer": "forest"})),
            "invalid task: guest `test 0` has no trainer `forest`; its trainers are `echo`, `dummy`"
        );
    }

    #[test]
    fn hyper_parameters_are_checked() {
        assert_eq!(
            refusal(json!({"candidates": [{}, {"bais": 1}]})),
            "invalid hyper-parameters: trainer `echo` has no hyper-parameter `bais`; its \
             hyper-parameters are `bias`, `forget`"
        );
        assert_eq!(
            refusal(json!({"params": {"bias": 2}})),
            "invalid hyper-parameters: `bias` takes a number from -1.0 to 1.0, not the number `2`"
        );
    }

    #[test]
    fn a_split_without_rows_is_an_error() {
        let split = |split: Value| refusal(json!({"split": split}));
        assert_eq!(
            split(json!({"column": "fold"})),
            "invalid task: the split of the task has no `test` value, so that there are no rows to \
             score"
        );
        assert_eq!(
            split(json!({"column": "fold", "test": 7})),
            "invalid task: no row has the value 7 in column `fold` of the splits file, so that \
             there are no rows to score"
        );
        assert_eq!(
            split(json!({"column": "fold", "test": 0, "train": "before"})),
            "invalid task: column `fold` of the splits file leaves no training rows"
        );
        assert_eq!(
            split(json!({"column": "folds", "test": 0})),
            "invalid task: the splits file has no column `folds`; its columns are `fold`"
        );
    }

    #[test]
    fn a_candidate_that_is_not_scored_is_a_failure() {
        assert_eq!(
            refusal(json!({"candidates": [{}, {"forget": true}]})),
            "the fit failed: trainer `echo` did not score candidate 1"
        );
    }

    #[test]
    fn files_of_different_numbers_of_rows_are_an_error() {
        let (table, _) = files();
        let fault = Dataset::open::<EchoGuest>(table, splits("fold", &[Some(0); 5])).unwrap_err();
        assert_eq!(
            fault.to_string(),
            "invalid dataset: the dataset has 6 rows, but the splits file has 5"
        );
    }

    #[test]
    fn an_adopted_dataset_gives_the_same_answers() {
        let dataset = open();
        let shared = dataset.share(&task(json!({}))).unwrap();
        let before = PREPARED.get();
        let adopted = Dataset::adopt::<EchoGuest>(&shared).unwrap();
        for fold in [0, 1] {
            let split = json!({"column": "fold", "test": fold});
            let task = task(json!({"split": split, "outputs": ["model"]}));
            assert_eq!(adopted.evaluate(&task), dataset.evaluate(&task));
        }
        let baseline = task(json!({"trainer": "dummy"}));
        assert_eq!(adopted.evaluate(&baseline), dataset.evaluate(&baseline));
        assert!(dataset.evaluate(&baseline).is_ok());
        assert_eq!(PREPARED.get(), before);
        assert_eq!(
            adopted.share(&task(json!({}))).unwrap_err().to_string(),
            "invalid dataset: the dataset was adopted for one trainer and has no table"
        );
        assert!(dataset.share(&task(json!({"trainer": "forest"}))).is_err());
    }

    #[test]
    fn invalid_shared_bytes_are_an_error() {
        let shared = open().share(&task(json!({}))).unwrap();
        for end in 0..shared.len() {
            assert!(
                Dataset::adopt::<EchoGuest>(&shared[..end]).is_err(),
                "{end}"
            );
        }
        let mut other = shared.clone();
        other[0] += 1;
        let refused = Dataset::adopt::<EchoGuest>(&other).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "invalid task: the dataset is of contract 3, but this guest implements contract 2"
        );
    }

    #[test]
    fn candidates_differ_in_steps() {
        let dataset = open();
        let scored = |changes: Value| {
            let answer = dataset.evaluate(&task(changes)).unwrap().answer;
            serde_json::from_str::<Value>(&answer).unwrap()
        };
        // A parameter of a step tells candidates apart; `none` of them is `echo`'s.
        let steps = json!([{"name": "bin", "step": "k_bins_discretizer",
            "params": {"encode": "ordinal", "strategy": "uniform"}}]);
        let several = scored(json!({"steps": steps, "candidates": [
            {"bin__n_bins": 2}, {"bin__n_bins": 5, "bias": -0.5}, {"bin__n_bins": 2, "bias": -0.5},
        ]}));
        assert_eq!(several["fits"], 2);
        for (index, own) in [
            json!({"bin__n_bins": 2}),
            json!({"bin__n_bins": 5, "bias": -0.5}),
            json!({"bin__n_bins": 2, "bias": -0.5}),
        ]
        .iter()
        .enumerate()
        {
            let alone = scored(json!({"steps": steps, "candidates": [own]}));
            assert_eq!(alone["scores"][0], several["scores"][index]);
        }
        assert_eq!(
            refusal(json!({"steps": [{"name": "scale", "step": "max_scaler"}]}))
                .split(';')
                .next(),
            Some("invalid task: step `scale` (`max_scaler`): there is no step `max_scaler`")
        );
    }
}
