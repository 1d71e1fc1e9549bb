//! [`Dataset`]: a table and its splits, opened once, and every task on it.
//!
//! Both doors end here. It checks a task against the contract and against the
//! trainer before any work is done; it fits and scores nothing itself.

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
use crate::{Fault, Job, Params, Table, Target, TrainerDescription, prediction};

/// How many selections of rows are kept decoded. Tasks come split by split,
/// and a selection takes 4 bytes a row.
const SELECTIONS: usize = 8;

/// A dataset that is open for tasks. What tasks share is made on first use
/// and kept: the trainer's view of the features, targets, rows of splits.
#[derive(Debug)]
pub struct Dataset {
    description: Description,
    desks: Vec<Desk>,
    /// None where the dataset was adopted.
    table: Option<Table>,
    splits: Splits,
    targets: RefCell<BTreeMap<(String, bool), Rc<Target>>>,
    selections: RefCell<VecDeque<(Split, Rc<Rows>)>>,
}

/// One trainer's place at the dataset.
struct Desk {
    offer: &'static dyn Offer,
    prepared: OnceCell<Box<dyn Any>>,
}

impl std::fmt::Debug for Desk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Desk")
            .field("prepared", &self.prepared.get().is_some())
            .finish_non_exhaustive()
    }
}

/// A fitted model with the trainer that reads it.
#[derive(Serialize, Deserialize)]
struct Model {
    contract: u32,
    trainer: String,
    bytes: Vec<u8>,
}

/// What stands before a trainer's prepared data in a dataset that is shared.
#[derive(Serialize, Deserialize)]
struct Shared<'a> {
    contract: u32,
    trainer: &'a str,
    /// The Parquet file, which is small.
    splits: &'a [u8],
    /// Every target of the table, by name.
    targets: Vec<(Cow<'a, str>, Cow<'a, Target>)>,
}

/// A task that was checked, with all that its fit needs.
struct Order<'a> {
    desk: &'a Desk,
    task: Task,
    candidates: Vec<Params>,
    target: Rc<Target>,
    rows: Rc<Rows>,
}

impl Dataset {
    /// Opens two whole Parquet files with one number of rows: the dataset,
    /// and its splits.
    pub fn open<G: Guest>(table: Bytes, splits: Bytes) -> Result<Self, Fault> {
        let table = Table::open(table)?;
        let splits = Splits::open(splits)?;
        if table.rows() != splits.rows() {
            return Err(Fault::InvalidDataset(format!(
                "the dataset has {} rows and the splits file has {}",
                table.rows(),
                splits.rows()
            )));
        }
        Ok(Self::new::<G>(Some(table), splits))
    }

    fn new<G: Guest>(table: Option<Table>, splits: Splits) -> Self {
        let desk = |offer: &&'static dyn Offer| Desk {
            offer: *offer,
            prepared: OnceCell::new(),
        };
        Self {
            description: describe::<G>(),
            desks: G::TRAINERS.iter().map(desk).collect(),
            table,
            splits,
            targets: RefCell::default(),
            selections: RefCell::default(),
        }
    }

    /// What tasks of one trainer need, decoded: for [`Dataset::adopt`] in
    /// another instance of this guest.
    pub fn share(&self, trainer: &str) -> Result<Vec<u8>, Fault> {
        let (desk, description) = self.trainer(trainer)?;
        let targets: Vec<(&str, Rc<Target>)> = self
            .table()?
            .target_names()
            .map(|name| Ok((name, self.target(description, name)?)))
            .collect::<Result<_, Fault>>()?;
        let shared = Shared {
            contract: CONTRACT,
            trainer,
            splits: self.splits.bytes(),
            targets: targets
                .iter()
                .map(|(name, target)| (Cow::from(*name), Cow::Borrowed(&**target)))
                .collect(),
        };
        let head = postcard::to_allocvec(&shared).map_err(cannot_share)?;
        desk.offer.share(self.prepared(desk)?, head)
    }

    /// The dataset that another instance of this guest shared: it answers
    /// tasks of that trainer, to the same bits, and no others.
    pub fn adopt<G: Guest>(shared: &[u8]) -> Result<Self, Fault> {
        let (head, prepared) =
            postcard::take_from_bytes::<Shared<'_>>(shared).map_err(cannot_adopt)?;
        if head.contract != CONTRACT {
            return Err(other_contract("dataset", head.contract));
        }
        let splits = Splits::open(Bytes::copy_from_slice(head.splits))?;
        let dataset = Self::new::<G>(None, splits);
        let (desk, trainer) = dataset.trainer(head.trainer)?;
        let data = desk.offer.adopt(prepared)?;
        desk.prepared.get_or_init(|| data);
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
                "the dataset was adopted for one trainer: its table is elsewhere".to_owned(),
            )
        })
    }

    /// Fits the candidates of a [`Task`] (JSON) and scores them: an
    /// [`Answer`] (JSON).
    pub fn evaluate(&self, task: &str) -> Result<String, Fault> {
        let order = self.order(task)?;
        if order.task.split.test.is_none() {
            return Err(Fault::InvalidTask(
                "the task's split names no test rows: there is nothing to score".to_owned(),
            ));
        }
        let mut scoring = Scoring::new(&order.task, &order.target, &order.rows)?;
        let data = self.prepared(order.desk)?;
        let fits = order
            .desk
            .offer
            .evaluate(data, &order.job(), &mut scoring)?;
        let answer = Answer {
            contract: CONTRACT,
            fits,
            scores: scoring.finish()?,
        };
        Ok(serde_json::to_string(&answer).expect("an answer has text keys and finite numbers"))
    }

    /// Fits the first candidate of a [`Task`] (JSON) on its training rows:
    /// the model in a form of this guest's own.
    pub fn fit(&self, task: &str) -> Result<Vec<u8>, Fault> {
        let order = self.order(task)?;
        let bytes = order
            .desk
            .offer
            .fit(self.prepared(order.desk)?, &order.job())?;
        let model = Model {
            contract: CONTRACT,
            trainer: order.task.trainer,
            bytes,
        };
        postcard::to_allocvec(&model)
            .map_err(|error| Fault::Failed(format!("the model can't be written: {error}")))
    }

    /// Predicts every row with a model from [`Dataset::fit`]: a Parquet file
    /// with a column `prediction`, and one column `probability_<label>` a
    /// class where the model knows probabilities.
    pub fn predict(&self, model: &[u8]) -> Result<Vec<u8>, Fault> {
        let model: Model = postcard::from_bytes(model).map_err(|error| {
            Fault::InvalidTask(format!("the model is not one of this guest: {error}"))
        })?;
        if model.contract != CONTRACT {
            return Err(other_contract("model", model.contract));
        }
        let (desk, _) = self.trainer(&model.trainer)?;
        let table = self.table()?;
        let predictions = desk.offer.predict(&model.bytes, table)?;
        prediction::to_parquet(&predictions, table.rows())
    }

    fn order(&self, json: &str) -> Result<Order<'_>, Fault> {
        let task = read_task(json)?;
        let (desk, trainer) = self.trainer(&task.trainer)?;
        let candidates = candidates(trainer, &task)?;
        let target = self.target(trainer, &task.target)?;
        let rows = self.rows(&task.split)?;
        Ok(Order {
            desk,
            task,
            candidates,
            target,
            rows,
        })
    }

    fn trainer(&self, name: &str) -> Result<(&Desk, &TrainerDescription), Fault> {
        let trainers = &self.description.trainers;
        let found = self.desks.iter().zip(trainers);
        found
            .into_iter()
            .find(|(_, trainer)| trainer.name == name)
            .ok_or_else(|| {
                let names: Vec<&str> = trainers.iter().map(|t| t.name.as_str()).collect();
                Fault::InvalidTask(format!(
                    "guest `{}` offers no trainer `{name}`; it offers `{}`",
                    self.description.guest,
                    names.join("`, `")
                ))
            })
    }

    fn prepared<'a>(&self, desk: &'a Desk) -> Result<&'a dyn Any, Fault> {
        if let Some(data) = desk.prepared.get() {
            return Ok(&**data);
        }
        let data = desk.offer.prepare(self.table()?)?;
        Ok(&**desk.prepared.get_or_init(|| data))
    }

    /// The target as the trainer takes it: numbers where it is a regressor
    /// and nothing else.
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
            "trainer `{}` does not learn a target like `{name}`, which is {}",
            trainer.name,
            match learning {
                Learning::Binary => "of two classes".to_owned(),
                Learning::Multiclass => format!("of {} classes", target.classes().len()),
                Learning::Regression => "a number".to_owned(),
            }
        )))
    }

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

impl Order<'_> {
    fn job(&self) -> Job<'_> {
        Job {
            candidates: &self.candidates,
            target: &self.target,
            train: &self.rows.train,
            test: &self.rows.test,
        }
    }
}

/// Whether a trainer takes every target as numbers.
fn is_regressor(trainer: &TrainerDescription) -> bool {
    trainer.tasks.iter().all(|t| *t == Learning::Regression)
}

/// Just enough of any contract's task to tell which contract it is of.
#[derive(Deserialize)]
struct AnyTask {
    contract: u32,
}

fn read_task(json: &str) -> Result<Task, Fault> {
    let task: Task = serde_json::from_str(json).map_err(|error| {
        match serde_json::from_str::<AnyTask>(json) {
            Ok(any) if any.contract != CONTRACT => other_contract("task", any.contract),
            _ => Fault::InvalidTask(format!("the task can't be read: {error}")),
        }
    })?;
    if task.contract != CONTRACT {
        return Err(other_contract("task", task.contract));
    }
    if task.candidates.is_empty() {
        return Err(Fault::InvalidTask("the task has no candidate".to_owned()));
    }
    Ok(task)
}

fn other_contract(what: &str, contract: u32) -> Fault {
    Fault::InvalidTask(format!(
        "the {what} is of contract {contract}, this guest keeps contract {CONTRACT}"
    ))
}

/// Every candidate with every hyper-parameter: its own, else the task's, else
/// the default.
fn candidates(trainer: &TrainerDescription, task: &Task) -> Result<Vec<Params>, Fault> {
    let mut shared: Params = trainer
        .params
        .iter()
        .map(|param| (param.name.clone(), param.default.clone()))
        .collect();
    set(trainer, &mut shared, &task.params)?;
    let merged = task.candidates.iter().map(|own| {
        let mut candidate = shared.clone();
        set(trainer, &mut candidate, own)?;
        Ok(candidate)
    });
    merged.collect()
}

fn set(trainer: &TrainerDescription, params: &mut Params, own: &Params) -> Result<(), Fault> {
    for (name, value) in own {
        let param = trainer.param(name).ok_or_else(|| {
            let names: Vec<&str> = trainer.params.iter().map(|p| p.name.as_str()).collect();
            Fault::InvalidParams(format!(
                "trainer `{}` has no hyper-parameter `{name}`; it has `{}`",
                trainer.name,
                names.join("`, `")
            ))
        })?;
        param.check(value).map_err(Fault::InvalidParams)?;
        params.insert(name.clone(), value.clone());
    }
    Ok(())
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

    /// A good task, with some fields replaced.
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
    fn a_task_is_answered() {
        // Rows 3 to 5 are tested: 0.2 no, 0.7 no, 0.4 yes.
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
    fn the_positive_class_is_the_tasks() {
        let f1 = |changes: Value| answer(changes)["scores"][0]["test"]["precision"].clone();
        assert_eq!(f1(json!({"scoring": ["precision"]})), json!(0.0));
        let no = json!({"scoring": ["precision"], "positive": "no"});
        assert_eq!(f1(no), json!(0.5));
    }

    #[test]
    fn what_tasks_share_is_made_once() {
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
    fn only_so_many_selections_are_kept() {
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
    fn a_task_out_of_contract_is_refused() {
        assert_eq!(
            refusal(json!({"contract": 2, "new": {}})),
            "invalid task: the task is of contract 2, this guest keeps contract 1"
        );
        assert_eq!(
            refusal(json!({"contract": 2})),
            "invalid task: the task is of contract 2, this guest keeps contract 1"
        );
        assert!(refusal(json!({"new": {}})).contains("unknown field `new`"));
        assert_eq!(
            refusal(json!({"candidates": []})),
            "invalid task: the task has no candidate"
        );
        assert_eq!(
            refusal(json!({"trainer": "forest"})),
            "invalid task: guest `test 0` offers no trainer `forest`; it offers `echo`"
        );
    }

    #[test]
    fn hyper_parameters_are_checked() {
        assert_eq!(
            refusal(json!({"candidates": [{}, {"bais": 1}]})),
            "invalid hyper-parameters: trainer `echo` has no hyper-parameter `bais`; it has \
             `bias`, `forget`"
        );
        assert_eq!(
            refusal(json!({"params": {"bias": 2}})),
            "invalid hyper-parameters: `bias` takes a number from -1.0 to 1.0, not the number `2`"
        );
    }

    #[test]
    fn a_split_must_have_rows() {
        let split = |split: Value| refusal(json!({"split": split}));
        assert_eq!(
            split(json!({"column": "fold"})),
            "invalid task: the task's split names no test rows: there is nothing to score"
        );
        assert_eq!(
            split(json!({"column": "fold", "test": 7})),
            "invalid task: no row has the value 7 in column `fold` of the splits file: there is \
             nothing to score"
        );
        assert_eq!(
            split(json!({"column": "fold", "test": 0, "train": "before"})),
            "invalid task: column `fold` of the splits file leaves no row to fit on"
        );
        assert_eq!(
            split(json!({"column": "folds", "test": 0})),
            "invalid task: the splits file has no column `folds`; its columns are `fold`"
        );
    }

    #[test]
    fn a_candidate_left_out_is_the_trainers_failure() {
        assert_eq!(
            refusal(json!({"candidates": [{}, {"forget": true}]})),
            "the fit failed: trainer `echo` did not score candidate 1"
        );
    }

    #[test]
    fn files_must_have_the_same_rows() {
        let (table, _) = files();
        let fault = Dataset::open::<EchoGuest>(table, splits("fold", &[Some(0); 5])).unwrap_err();
        assert_eq!(
            fault.to_string(),
            "invalid dataset: the dataset has 6 rows and the splits file has 5"
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
    fn what_is_shared_answers_as_the_dataset_does() {
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
                "invalid dataset: the dataset was adopted for one trainer: its table is elsewhere"
            );
        }
        assert!(dataset.share("forest").is_err());
    }

    #[test]
    fn what_was_not_shared_is_refused() {
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
            "invalid task: the dataset is of contract 2, this guest keeps contract 1"
        );
    }

    #[test]
    fn a_model_of_another_guest_is_refused() {
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
            "invalid task: the model is of contract 2, this guest keeps contract 1"
        );
        assert_eq!(
            other(1, "forest"),
            "invalid task: guest `test 0` offers no trainer `forest`; it offers `echo`"
        );
    }
}
