//! [`Model`]: a fitted model with its steps, read once and used for many tables.

use std::any::Any;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::contract::{CONTRACT, Learning, ModelForm, OnnxForm, Task};
use crate::guest::{Chosen, Guest, describe, find, offers};
use crate::offer::{Offer, written};
use crate::task::other_contract;
use crate::{Fault, Pipeline, PredictionBuf, Table, onnx, prediction};

/// A model as it is serialised, with the name of its trainer.
#[derive(Serialize, Deserialize)]
pub(crate) struct FittedModel {
    contract: u32,
    trainer: String,
    learning: Learning,
    /// The fitted steps, if the task had any.
    pipeline: Option<Pipeline>,
    /// What [`Offer::write`] returned.
    #[serde(with = "serde_bytes")]
    bytes: Vec<u8>,
    /// Whether the trainer is bagged.
    bagging: bool,
}

impl FittedModel {
    /// The model of a task.
    pub(crate) fn new(task: &Task, pipeline: Option<Pipeline>, bytes: Vec<u8>) -> Self {
        Self {
            contract: CONTRACT,
            trainer: task.trainer.clone(),
            learning: task.learning,
            pipeline,
            bytes,
            bagging: task.bagging,
        }
    }

    pub(crate) fn write(&self) -> Result<Vec<u8>, Fault> {
        written(self)
    }

    /// The fitted steps, if there are any, and what [`Offer::merge`] makes of the parts of
    /// one fit by a task's trainer, in order.
    ///
    /// # Errors
    /// If these are not all parts of one fit by that trainer.
    pub(crate) fn merge(
        parts: Vec<Vec<u8>>,
        task: &Task,
        offer: &dyn Offer,
    ) -> Result<(Option<Pipeline>, Box<dyn Any>), Fault> {
        let mut pipeline = None;
        let mut parts = parts.into_iter().enumerate().map(|(place, part)| {
            let part = Self::read(&part)?;
            let of_part = (&part.trainer, part.learning, part.bagging);
            if of_part != (&task.trainer, task.learning, task.bagging) {
                let message = "the parts are not of the task's trainer".to_owned();
                return Err(Fault::InvalidTask(message));
            }
            if place == 0 {
                pipeline = part.pipeline;
            }
            Ok(part.bytes)
        });
        let merged = offer.merge(&mut parts)?;
        drop(parts);
        Ok((pipeline, merged))
    }

    fn read(bytes: &[u8]) -> Result<Self, Fault> {
        let model: Self = postcard::from_bytes(bytes).map_err(|error| {
            Fault::InvalidTask(format!("the model is not one of this guest: {error}"))
        })?;
        if model.contract != CONTRACT {
            return Err(other_contract("model", model.contract));
        }
        Ok(model)
    }

    fn offer<G: Guest>(&self) -> Result<Chosen, Fault> {
        let place = find(&describe::<G>(), &self.trainer, self.learning)?;
        Ok(Chosen::new(offers::<G>()[place], self.bagging))
    }
}

/// A fitted estimator with its steps.
pub(crate) struct Fitted {
    pub(crate) offer: Chosen,
    /// The fitted steps, if there are any.
    pub(crate) pipeline: Option<Pipeline>,
    /// What [`Offer::open`] returned.
    pub(crate) estimator: Box<dyn Any>,
}

impl Fitted {
    /// Predicts every row of a table.
    ///
    /// # Errors
    /// As [`Model::predict`].
    pub(crate) fn predict(&self, table: &Table) -> Result<PredictionBuf, Fault> {
        match &self.pipeline {
            None => self.offer.predict(&*self.estimator, table),
            Some(pipeline) => {
                let matrix = pipeline.apply(table)?;
                self.offer.predict_matrix(&*self.estimator, &matrix)
            }
        }
    }
}

/// A fitted model that is open for predictions.
pub struct Model {
    /// The name and the version of its guest.
    guest: &'static str,
    /// The name of its trainer.
    trainer: String,
    fitted: Fitted,
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Model")
            .field("pipeline", &self.fitted.pipeline)
            .finish_non_exhaustive()
    }
}

impl Model {
    /// Reads an output `model` of a task.
    ///
    /// # Errors
    /// If it is not one of guest `G`.
    pub fn open<G: Guest>(bytes: &[u8]) -> Result<Self, Fault> {
        let model = FittedModel::read(bytes)?;
        let offer = model.offer::<G>()?;
        Ok(Self {
            guest: G::NAME,
            trainer: model.trainer,
            fitted: Fitted {
                offer,
                pipeline: model.pipeline,
                estimator: offer.open(&model.bytes)?,
            },
        })
    }

    /// Predicts every row of a table, a whole Parquet file of a dataset. Returns a
    /// Parquet file with a column `prediction`, columns `decision_<label>` if the model
    /// predicts decisions, and columns `probability_<label>` if it predicts
    /// probabilities.
    ///
    /// # Errors
    /// If the file can't be read, or lacks a feature of the model.
    pub fn predict(&self, table: Bytes) -> Result<Vec<u8>, Fault> {
        let table = Table::open(table)?;
        prediction::of_table(&self.predict_table(&table)?, table.rows())
    }

    /// Predicts every row of a table.
    ///
    /// # Errors
    /// As [`Model::predict`].
    pub(crate) fn predict_table(&self, table: &Table) -> Result<PredictionBuf, Fault> {
        self.fitted.predict(table)
    }

    /// Writes the model in another form, a [`ModelForm`] (JSON).
    ///
    /// # Errors
    /// If the model can't be said in that form.
    pub fn export(&self, form: &str) -> Result<Vec<u8>, Fault> {
        let form: ModelForm = serde_json::from_str(form)
            .map_err(|error| Fault::InvalidTask(format!("the form can't be read: {error}")))?;
        match form {
            ModelForm::Onnx(form) => self.onnx(&form),
        }
    }

    /// The file of ONNX.
    fn onnx(&self, form: &OnnxForm) -> Result<Vec<u8>, Fault> {
        let opsets = OnnxForm::OPSETS;
        if !opsets.contains(&form.opset) {
            return Err(Fault::InvalidParams(format!(
                "models are written for versions {} to {} of ONNX's operators, not for {}",
                opsets.start(),
                opsets.end(),
                form.opset
            )));
        }
        let mut graph = onnx::Graph::new(form);
        let Fitted {
            offer,
            pipeline,
            estimator,
        } = &self.fitted;
        let columns = match pipeline {
            Some(pipeline) => Some(pipeline.onnx(&mut graph)?),
            None => None,
        };
        let prediction = offer.onnx(&**estimator, &mut graph, columns)?;
        prediction.add_outputs(&mut graph, form.threshold.as_ref());
        let metadata = [
            ("fanout.guest", self.guest.to_owned()),
            ("fanout.trainer", self.trainer.clone()),
            ("fanout.features", graph.features()),
        ];
        graph.finish(&form.name, &metadata)
    }

    /// What each feature adds to the predictions of every row of a table, a whole
    /// Parquet file of a dataset. Returns a Parquet file with, for each output of the
    /// model, a column of its expected value and one column per feature that the
    /// steps leave ([`crate::explanation::Contributions`]).
    ///
    /// # Errors
    /// If the trainer can't tell, and as [`Model::predict`].
    pub fn explain(&self, table: Bytes) -> Result<Vec<u8>, Fault> {
        let table = Table::open(table)?;
        let rows = table.rows();
        let Fitted {
            offer,
            pipeline,
            estimator,
        } = &self.fitted;
        let contributions = match pipeline {
            None => offer.explain(&**estimator, &table)?,
            Some(pipeline) => {
                let matrix = pipeline.apply(&table)?;
                offer.explain(&**estimator, &Table::of_matrix(matrix)?)?
            }
        };
        prediction::of_columns(&contributions.into_columns(rows)?)
    }

    /// How much the model relies on each feature that its steps leave: the document
    /// [`crate::contract::Importances`].
    ///
    /// # Errors
    /// If the trainer can't tell.
    pub fn importances(&self) -> Result<String, Fault> {
        let Fitted {
            offer, estimator, ..
        } = &self.fitted;
        let importances = offer.importances(&**estimator)?;
        serde_json::to_string(&importances)
            .map_err(|error| Fault::Failed(format!("the importances can't be written: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use parquet::file::reader::{FileReader as _, SerializedFileReader};
    use parquet::record::RowAccessor as _;
    use serde_json::{Value, json};

    use super::*;
    use crate::Dataset;
    use crate::fixture::{EchoGuest, files};

    /// The model of a task that asks for it, with some fields of the task replaced.
    fn fitted(changes: Value) -> Vec<u8> {
        let (table, splits) = files();
        let dataset = Dataset::open::<EchoGuest>(table, splits).unwrap();
        let mut task = json!({
            "contract": 2,
            "trainer": "echo",
            "candidates": [{}],
            "split": {"column": "fold"},
            "target": "y",
            "learning": "binary",
            "scoring": ["accuracy"],
            "outputs": ["model"],
        });
        for (key, value) in changes.as_object().unwrap() {
            task[key] = value.clone();
        }
        let evaluation = dataset.evaluate(&task.to_string()).unwrap();
        let answer: Value = serde_json::from_str(&evaluation.answer).unwrap();
        if task["split"].get("test").is_none() {
            let undefined = json!([{"test": {"accuracy": null}}]);
            assert_eq!(
                answer,
                json!({"contract": 2, "fits": 1, "scores": undefined})
            );
        }
        let [model] = <[_; 1]>::try_from(evaluation.artifacts).unwrap();
        assert_eq!(model.output.name(), "model");
        model.bytes
    }

    #[test]
    fn a_model_predicts_every_row() {
        let model = Model::open::<EchoGuest>(&fitted(json!({"params": {"bias": 0.25}}))).unwrap();
        let file: Bytes = model.predict(files().0).unwrap().into();
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

    /// With test rows, a task gives scores and the model of the training rows.
    #[test]
    fn steps_are_fitted_on_the_training_rows_and_are_part_of_the_model() {
        let steps = json!([{"name": "scale", "step": "max_abs_scaler"}]);
        let split = json!({"column": "fold", "test": 1});
        // The training rows are 0 to 2, the greatest of which is 0.9.
        let model = fitted(json!({"steps": steps, "split": split}));
        let model = Model::open::<EchoGuest>(&model).unwrap();
        let file: Bytes = model.predict(files().0).unwrap().into();
        let file = crate::file::ColumnFile::open("predictions", file).unwrap();
        let yes = file.numbers(2).unwrap();
        for (found, x) in yes.iter().zip([0.1, 0.9, 0.8, 0.2, 0.7, 0.4]) {
            assert!((found - x / 0.9).abs() < 1e-15, "{found} for {x}");
        }
    }

    #[test]
    fn a_form_that_a_model_does_not_have_is_refused() {
        let model = Model::open::<EchoGuest>(&fitted(json!({}))).unwrap();
        let refused = |form: Value| model.export(&form.to_string()).unwrap_err().to_string();
        assert_eq!(
            refused(json!({"form": "onnx"})),
            "invalid task: trainer `echo` has no form in ONNX: the trainer offers none"
        );
        assert_eq!(
            refused(json!({"form": "onnx", "opset": 15})),
            "invalid hyper-parameters: models are written for versions 16 to 21 of ONNX's \
             operators, not for 15"
        );
        let unknown = refused(json!({"form": "pickle"}));
        assert!(unknown.contains("unknown variant `pickle`"), "{unknown}");
    }

    #[test]
    fn a_model_of_another_guest_is_an_error() {
        let refused = |model: &[u8]| Model::open::<EchoGuest>(model).unwrap_err().to_string();
        assert!(refused(b"{}").starts_with("invalid task: the model is not one of this guest: "));
        let other = |contract, trainer: &str| {
            let model = FittedModel {
                contract,
                trainer: trainer.to_owned(),
                learning: Learning::Binary,
                pipeline: None,
                bytes: vec![],
                bagging: false,
            };
            refused(&postcard::to_allocvec(&model).unwrap())
        };
        assert_eq!(
            other(3, "echo"),
            "invalid task: the model is of contract 3, but this guest implements contract 2"
        );
        assert_eq!(
            other(2, "forest"),
            "invalid task: guest `test 0` has no trainer `forest`; its trainers are `echo`, `dummy`"
        );
    }
}
