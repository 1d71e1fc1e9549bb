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

use crate::contract::{Answer, CONTRACT, Description, Learning, Split, Task};
use crate::guest::{Guest, Offer, cannot_adopt, cannot_share, describe};
use crate::scoring::Scoring;
use crate::splits::{Rows, Splits};
use crate::task::{candidates, other_contract};
use crate::{Fault, Job, Params, Table, Target, TrainerDescription, prediction, task};

/// The number of selections of rows that are kept decoded. Tasks come split by
/// split, and a selection takes 4 bytes per row.
const SELECTIONS: usize = 8;

/// A dataset that is open for tasks. Prepared features, targets and the rows of
/// splits are computed on first use and kept.
#[derive(Debug)]
pub struct Dataset {
    description: Description,
    /// One per trainer of the description.
    slots: Vec<TrainerSlot>,
    /// `None` if the dataset was adopted.
    table: Option<Table>,
    splits: Splits,
    /// By name, and whether the target was read as numbers for a regressor.
    targets: RefCell<BTreeMap<(String, bool), Rc<Target>>>,
    /// The latest first.
    selections: RefCell<VecDeque<(Split, Rc<Rows>)>>,
}

/// A trainer with its prepared data.
struct TrainerSlot {
    offer: &'static dyn Offer,
    prepared: OnceCell<Box<dyn Any>>,
}

impl std::fmt::Debug for TrainerSlot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TrainerSlot")
            .field("is_prepared", &self.prepared.get().is_some())
            .finish_non_exhaustive()
    }
}

/// A serialised model with the name of its trainer.
#[derive(Serialize, Deserialize)]
struct Model {
    contract: u32,
    trainer: String,
    bytes: Vec<u8>,
}

/// The head of a shared dataset, which precedes the trainer's prepared data.
#[derive(Serialize, Deserialize)]
struct SharedHead<'a> {
    contract: u32,
    trainer: &'a str,
    /// The Parquet file of the splits.
    splits: &'a [u8],
    /// All targets of the table, by name.
    targets: Vec<(Cow<'a, str>, Cow<'a, Target>)>,
}

/// A task that was checked, with the data that its fit needs.
struct CheckedTask<'a> {
    slot: &'a TrainerSlot,
    task: Task,
    candidates: Vec<Params>,
    target: Rc<Target>,
    rows: Rc<Rows>,
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
        let slot = |offer: &&'static dyn Offer| TrainerSlot {
            offer: *offer,
            prepared: OnceCell::new(),
        };
        Self {
            description: describe::<G>(),
            slots: G::TRAINERS.iter().map(slot).collect(),
            table,
            splits,
            targets: RefCell::default(),
            selections: RefCell::default(),
        }
    }

    /// Serialises the prepared data of one trainer, with the targets and the
    /// splits, so that other instances of this guest can [`Dataset::adopt`] it
    /// without decoding the Parquet file.
    ///
    /// # Errors
    /// If the guest has no such trainer, the dataset was itself adopted, or a
    /// column can't be read.
    pub fn share(&self, trainer: &str) -> Result<Vec<u8>, Fault> {
        let (slot, description) = self.trainer(trainer)?;
        let targets: Vec<(&str, Rc<Target>)> = self
            .table()?
            .target_names()
            .map(|name| Ok((name, self.target(description, name)?)))
            .collect::<Result<_, Fault>>()?;
        let shared = SharedHead {
            contract: CONTRACT,
            trainer,
            splits: self.splits.bytes(),
            targets: targets
                .iter()
                .map(|(name, target)| (Cow::from(*name), Cow::Borrowed(&**target)))
                .collect(),
        };
        let head = postcard::to_allocvec(&shared).map_err(cannot_share)?;
        slot.offer.share(self.prepared(slot)?, head)
    }

    /// Opens what [`Dataset::share`] of another instance of this guest returned.
    /// The dataset answers tasks of that trainer, with bit-identical results; it
    /// has no table, so that it serves no other trainer and predicts nothing.
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
        let (slot, trainer) = dataset.trainer(head.trainer)?;
        let data = slot.offer.adopt(prepared)?;
        slot.prepared.get_or_init(|| data);
        let regressor = is_regressor(trainer);
        let targets = head.targets.into_iter();
        let targets = targets
            .map(|(name, target)| ((name.into_owned(), regressor), Rc::new(target.into_owned())));
        dataset.targets.borrow_mut().extend(targets);
        Ok(dataset)
    }

    fn table(&self) -> Result<&Table, Fault> {
        self.table.as_ref().ok_or_else(|| {
            Fault::InvalidDataset(
                "the dataset was adopted for one trainer and has no table".to_owned(),
            )
        })
    }

    /// Fits the candidates of a [`Task`] (JSON) and scores them. Returns an
    /// [`Answer`] (JSON).
    ///
    /// # Errors
    /// If the task is invalid, does not fit the dataset or the trainer, or the
    /// fit fails.
    pub fn evaluate(&self, task: &str) -> Result<String, Fault> {
        let checked = self.check(task)?;
        if checked.task.split.test.is_none() {
            return Err(Fault::InvalidTask(
                "the split of the task has no `test` value, so that there are no rows to score"
                    .to_owned(),
            ));
        }
        let mut scoring = Scoring::new(&checked.task, &checked.target, &checked.rows, None)?;
        let data = self.prepared(checked.slot)?;
        let fits = checked
            .slot
            .offer
            .evaluate(data, &checked.job(), &mut scoring)?;
        let answer = Answer {
            contract: CONTRACT,
            fits,
            scores: scoring.finish()?,
        };
        Ok(serde_json::to_string(&answer).expect("an answer has text keys and finite numbers"))
    }

    /// Fits the first candidate of a [`Task`] (JSON) on its training rows.
    /// Returns the model, in a format that only this guest reads.
    ///
    /// # Errors
    /// As [`Dataset::evaluate`].
    pub fn fit(&self, task: &str) -> Result<Vec<u8>, Fault> {
        let checked = self.check(task)?;
        let bytes = checked
            .slot
            .offer
            .fit(self.prepared(checked.slot)?, &checked.job())?;
        let model = Model {
            contract: CONTRACT,
            trainer: checked.task.trainer,
            bytes,
        };
        postcard::to_allocvec(&model)
            .map_err(|error| Fault::Failed(format!("the model can't be written: {error}")))
    }

    /// Predicts every row with a model from [`Dataset::fit`]. Returns a Parquet
    /// file with a column `prediction` and, if the model predicts
    /// probabilities, one column `probability_<label>` per class.
    ///
    /// # Errors
    /// If the model is not one of this guest, the dataset lacks a feature, or
    /// it was adopted.
    pub fn predict(&self, model: &[u8]) -> Result<Vec<u8>, Fault> {
        let model: Model = postcard::from_bytes(model).map_err(|error| {
            Fault::InvalidTask(format!("the model is not one of this guest: {error}"))
        })?;
        if model.contract != CONTRACT {
            return Err(other_contract("model", model.contract));
        }
        let (slot, _) = self.trainer(&model.trainer)?;
        let table = self.table()?;
        let predictions = slot.offer.predict(&model.bytes, table)?;
        prediction::to_parquet(&predictions, table.rows())
    }

    fn check(&self, json: &str) -> Result<CheckedTask<'_>, Fault> {
        let task = task::read(json)?;
        let (slot, trainer) = self.trainer(&task.trainer)?;
        let candidates = candidates(trainer, &task)?;
        let target = self.target(trainer, &task.target)?;
        let rows = self.rows(&task.split)?;
        Ok(CheckedTask {
            slot,
            task,
            candidates,
            target,
            rows,
        })
    }

    fn trainer(&self, name: &str) -> Result<(&TrainerSlot, &TrainerDescription), Fault> {
        let trainers = &self.description.trainers;
        let found = self.slots.iter().zip(trainers);
        found
            .into_iter()
            .find(|(_, trainer)| trainer.name == name)
            .ok_or_else(|| {
                let names: Vec<&str> = trainers.iter().map(|t| t.name.as_str()).collect();
                Fault::InvalidTask(format!(
                    "guest `{}` has no trainer `{name}`; its trainers are `{}`",
                    self.description.guest,
                    names.join("`, `")
                ))
            })
    }

    fn prepared<'a>(&self, slot: &'a TrainerSlot) -> Result<&'a dyn Any, Fault> {
        if let Some(data) = slot.prepared.get() {
            return Ok(&**data);
        }
        let data = slot.offer.prepare(self.table()?)?;
        Ok(&**slot.prepared.get_or_init(|| data))
    }

    /// The target `name` as the trainer takes it: as numbers for a trainer that
    /// does regression only.
    fn target(&self, trainer: &TrainerDescription, name: &str) -> Result<Rc<Target>, Fault> {
        let regressor = is_regressor(trainer);
        let key = (name.to_owned(), regressor);
        let known = self.targets.borrow().get(&key).cloned();
        let target = match known {
            Some(target) => target,
            None => {
                let table = self.table()?;
                let target = Rc::new(if regressor {
                    Target::Numbers(table.numbers(name)?)
                } else {
                    table.target(name)?
                });
                self.targets.borrow_mut().insert(key, Rc::clone(&target));
                target
            }
        };
        let learning = target.learning();
        if trainer.tasks.contains(&learning) {
            return Ok(target);
        }
        Err(Fault::InvalidTask(format!(
            "trainer `{}` does not support the target `{name}`, which {}",
            trainer.name,
            match learning {
                Learning::Binary => "has two classes".to_owned(),
                Learning::Multiclass => format!("has {} classes", target.classes().len()),
                Learning::Regression => "is numeric".to_owned(),
            }
        )))
    }

    /// The rows of a split.
    fn rows(&self, split: &Split) -> Result<Rc<Rows>, Fault> {
        let mut selections = self.selections.borrow_mut();
        if let Some((_, rows)) = selections.iter().find(|(known, _)| known == split) {
            return Ok(Rc::clone(rows));
        }
        let rows = Rc::new(self.splits.select(split)?);
        selections.truncate(SELECTIONS - 1);
        selections.push_front((split.clone(), Rc::clone(&rows)));
        Ok(rows)
    }
}

impl CheckedTask<'_> {
    fn job(&self) -> Job<'_> {
        Job {
            candidates: &self.candidates,
            target: &self.target,
            train: &self.rows.train,
            test: &self.rows.test,
        }
    }
}

/// Whether a trainer does regression only.
fn is_regressor(trainer: &TrainerDescription) -> bool {
    trainer.tasks.iter().all(|t| *t == Learning::Regression)
}

#[cfg(test)]
mod tests {
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::RowAccessor;
    use serde_json::{Value, json};

    use super::*;
    use crate::fixture::{EchoGuest, PREPARED, files, splits};

    fn open() -> Dataset {
        let (table, splits) = files();
        Dataset::open::<EchoGuest>(table, splits).unwrap()
    }

    /// A valid task with some fields replaced.
    fn task(changes: Value) -> String {
        let mut task = json!({
            "contract": 1,
            "trainer": "echo",
            "candidates": [{}],
            "split": {"column": "fold", "test": 1},
            "target": "y",
            "scoring": ["accuracy", "roc_auc"],
        });
        for (key, value) in changes.as_object().unwrap() {
            task[key] = value.clone();
        }
        task.to_string()
    }

    fn answer(changes: Value) -> Value {
        let answer = open().evaluate(&task(changes)).unwrap();
        serde_json::from_str(&answer).unwrap()
    }

    fn refusal(changes: Value) -> String {
        open().evaluate(&task(changes)).unwrap_err().to_string()
    }

    #[test]
    fn candidates_are_scored() {
        // The test rows are 3 to 5: 0.2 no, 0.7 no, 0.4 yes.
        assert_eq!(
            answer(json!({"candidates": [{}, {"bias": 0.2}], "params": {"bias": -0.3}})),
            json!({"contract": 1, "fits": 1, "scores": [
                {"test": {"accuracy": 2.0 / 3.0, "roc_auc": 0.5}},
                {"test": {"accuracy": 2.0 / 3.0, "roc_auc": 0.5}},
            ]})
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
            refusal(json!({"contract": 2, "new": {}})),
            "invalid task: the task is of contract 2, but this guest implements contract 1"
        );
        assert_eq!(
            refusal(json!({"contract": 2})),
            "invalid task: the task is of contract 2, but this guest implements contract 1"
        );
        assert!(refusal(json!({"new": {}})).contains("unknown field `new`"));
        assert_eq!(
            refusal(json!({"candidates": []})),
            "invalid task: the task has no candidate"
        );
        assert_eq!(
            refusal(json!({"trainer": "forest"})),
            "invalid task: guest `test 0` has no trainer `forest`; its trainers are `echo`"
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
    fn a_model_predicts_every_row() {
        let dataset = open();
        let fit_all = task(json!({"split": {"column": "fold"}, "params": {"bias": 0.25}}));
        let model = dataset.fit(&fit_all).unwrap();
        let file: Bytes = dataset.predict(&model).unwrap().into();
        let reader = SerializedFileReader::new(file).unwrap();
        let rows = reader.get_row_iter(None).unwrap().map(|row| {
            let row = row.unwrap();
            let names: Vec<&String> = row.get_column_iter().map(|(name, _)| name).collect();
            assert_eq!(names, ["prediction", "probability_no", "probability_yes"]);
            let (no, yes) = (row.get_double(1).unwrap(), row.get_double(2).unwrap());
            assert_eq!(no, 1.0 - yes);
            (row.get_string(0).unwrap().clone(), yes)
        });
        let expected = [0.1, 0.9, 0.8, 0.2, 0.7, 0.4].map(|x: f64| {
            let yes = (x + 0.25).min(1.0);
            (if yes > 0.5 { "yes" } else { "no" }.to_owned(), yes)
        });
        assert_eq!(rows.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn an_adopted_dataset_gives_the_same_answers() {
        let dataset = open();
        let shared = dataset.share("echo").unwrap();
        let before = PREPARED.get();
        let adopted = Dataset::adopt::<EchoGuest>(&shared).unwrap();
        for fold in [0, 1] {
            let task = task(json!({"split": {"column": "fold", "test": fold}}));
            assert_eq!(adopted.evaluate(&task), dataset.evaluate(&task));
            assert_eq!(adopted.fit(&task), dataset.fit(&task));
        }
        assert_eq!(PREPARED.get(), before);
        let model = dataset.fit(&task(json!({}))).unwrap();
        for refused in [
            adopted.predict(&model).unwrap_err(),
            adopted.share("echo").unwrap_err(),
        ] {
            assert_eq!(
                refused.to_string(),
                "invalid dataset: the dataset was adopted for one trainer and has no table"
            );
        }
        assert!(dataset.share("forest").is_err());
    }

    #[test]
    fn invalid_shared_bytes_are_an_error() {
        let shared = open().share("echo").unwrap();
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
            "invalid task: the dataset is of contract 2, but this guest implements contract 1"
        );
    }

    #[test]
    fn a_model_of_another_guest_is_an_error() {
        let refused = |model: &[u8]| open().predict(model).unwrap_err().to_string();
        assert!(refused(b"{}").starts_with("invalid task: the model is not one of this guest: "));
        let other = |contract, trainer: &str| {
            let model = Model {
                contract,
                trainer: trainer.to_owned(),
                bytes: vec![],
            };
            refused(&postcard::to_allocvec(&model).unwrap())
        };
        assert_eq!(
            other(2, "echo"),
            "invalid task: the model is of contract 2, but this guest implements contract 1"
        );
        assert_eq!(
            other(1, "forest"),
            "invalid task: guest `test 0` has no trainer `forest`; its trainers are `echo`"
        );
    }
}
