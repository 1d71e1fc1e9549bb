//! [`Offer`]: the object-safe form of a [`Trainer`]. Prepared data is `dyn Any`, and a
//! model is bytes.

use std::any::Any;
use std::marker::PhantomData;

use postcard::ser_flavors::Size;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::contract::Importances;
use crate::equal::EqualParts;
use crate::explanation::Contributions;
use crate::trainer::PredictionBuf;
use crate::{Fault, Job, Matrix, Scorer, Table, Trainer, TrainerDescription, onnx};

/// What a trainer made, prepared data or a model, as that.
///
/// # Panics
/// If another trainer made it.
pub fn made<T: 'static>(made: &dyn Any) -> &T {
    made.downcast_ref()
        .expect("a trainer is passed what it made itself")
}

/// A model in postcard's format.
///
/// # Errors
/// If it can't be serialised.
pub fn written(model: &impl Serialize) -> Result<Vec<u8>, Fault> {
    postcard::to_allocvec(model)
        .map_err(|error| Fault::Failed(format!("the model can't be written: {error}")))
}

/// Reads what [`written`] wrote.
///
/// # Errors
/// If it is none.
pub fn read<M: DeserializeOwned>(model: &[u8]) -> Result<M, Fault> {
    postcard::from_bytes(model)
        .map_err(|error| Fault::InvalidTask(format!("the model can't be read: {error}")))
}

/// The fault of prepared data that can't be serialised.
pub fn cannot_share(error: postcard::Error) -> Fault {
    Fault::Failed(format!("the dataset can't be shared: {error}"))
}

/// The fault of shared bytes that can't be deserialised.
pub fn cannot_adopt(error: postcard::Error) -> Fault {
    Fault::InvalidDataset(format!(
        "the bytes are not a dataset that this guest shared: {error}"
    ))
}

/// A model in postcard's format.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelBytes {
    /// The model.
    pub bytes: Vec<u8>,
    /// See [`Trainer::oob_score`].
    pub oob_score: Option<f64>,
}

/// The parts of a model, serialised, in order. Each is read when it is asked for.
pub type Parts<'p> = dyn Iterator<Item = Result<Vec<u8>, Fault>> + 'p;

/// A [`Trainer`] behind an object-safe interface.
pub trait Offer {
    /// See [`Trainer::description`].
    fn description(&self) -> TrainerDescription;
    /// See [`Trainer::prepare`].
    fn prepare(&self, table: &Table) -> Result<Box<dyn Any>, Fault>;
    /// See [`Trainer::prepare_matrix`].
    fn prepare_matrix(&self, matrix: &Matrix) -> Result<Box<dyn Any>, Fault>;
    /// Appends the result of [`Offer::prepare`] to `out`, in postcard's format.
    ///
    /// # Errors
    /// If it can't be serialised.
    fn share(&self, data: &dyn Any, out: Vec<u8>) -> Result<Vec<u8>, Fault>;
    /// Reads what [`Offer::share`] wrote.
    ///
    /// # Errors
    /// If it can't be deserialised.
    fn adopt(&self, shared: &[u8]) -> Result<Box<dyn Any>, Fault>;
    /// See [`Trainer::evaluate`]; `data` is the result of [`Offer::prepare`].
    fn evaluate(
        &self,
        data: &dyn Any,
        job: &Job<'_>,
        scorer: &mut dyn Scorer,
    ) -> Result<u32, Fault>;
    /// See [`Trainer::fit`].
    fn fit(&self, data: &dyn Any, job: &Job<'_>) -> Result<Box<dyn Any>, Fault>;
    /// See [`Trainer::merge`]; `parts` are results of [`Offer::write`].
    fn merge(&self, parts: &mut Parts<'_>) -> Result<Box<dyn Any>, Fault>;
    /// See [`Trainer::score`]; `fitted` is a result of [`Offer::fit`] or
    /// [`Offer::merge`].
    fn score(
        &self,
        data: &dyn Any,
        job: &Job<'_>,
        fitted: &dyn Any,
        scorer: &mut dyn Scorer,
    ) -> Result<(), Fault>;
    /// Serialises a result of [`Offer::fit`] or [`Offer::merge`].
    ///
    /// # Errors
    /// If it can't be serialised.
    fn write(&self, fitted: &dyn Any) -> Result<ModelBytes, Fault>;
    /// What [`Offer::fit`] fits, serialised.
    ///
    /// # Errors
    /// Those of both.
    fn fit_and_write(&self, data: &dyn Any, job: &Job<'_>) -> Result<ModelBytes, Fault> {
        self.write(&*self.fit(data, job)?)
    }
    /// Reads a result of [`Offer::write`].
    ///
    /// # Errors
    /// If it is none.
    fn open(&self, model: &[u8]) -> Result<Box<dyn Any>, Fault> {
        self.open_beside(model, &mut EqualParts::default())
    }
    /// The same, which holds what is equal to parts of models that were opened before as one
    /// with these: see [`Trainer::share_equal`].
    ///
    /// # Errors
    /// As [`Offer::open`].
    fn open_beside(&self, model: &[u8], parts: &mut EqualParts) -> Result<Box<dyn Any>, Fault>;
    /// See [`Trainer::predict`]; `model` is the result of [`Offer::open`].
    fn predict(&self, model: &dyn Any, table: &Table) -> Result<PredictionBuf, Fault>;
    /// See [`Trainer::predict_matrix`]; `model` is the result of [`Offer::open`].
    fn predict_matrix(&self, model: &dyn Any, matrix: &Matrix) -> Result<PredictionBuf, Fault>;
    /// See [`Trainer::onnx`]; `model` is the result of [`Offer::open`].
    fn onnx(
        &self,
        model: &dyn Any,
        graph: &mut onnx::Graph,
        columns: Option<onnx::Columns>,
    ) -> Result<onnx::Prediction, Fault>;
    /// See [`Trainer::explain`]; `model` is the result of [`Offer::open`].
    fn explain(&self, model: &dyn Any, table: &Table) -> Result<Contributions, Fault>;
    /// See [`Trainer::importances`]; `model` is the result of [`Offer::open`].
    fn importances(&self, model: &dyn Any) -> Result<Importances, Fault>;
}

/// The [`Offer`] of trainer `T`.
#[derive(Debug)]
pub struct Offered<T>(PhantomData<fn() -> T>);

impl<T: Trainer> Offered<T> {
    /// The only value.
    pub const OFFER: Self = Self(PhantomData);

    fn prepared(data: &dyn Any) -> &T::Prepared {
        made(data)
    }

    fn model(model: &dyn Any) -> &T::Model {
        made(model)
    }
}

impl<T: Trainer> Offer for Offered<T> {
    fn description(&self) -> TrainerDescription {
        T::description()
    }

    fn prepare(&self, table: &Table) -> Result<Box<dyn Any>, Fault> {
        Ok(Box::new(T::prepare(table)?))
    }

    fn prepare_matrix(&self, matrix: &Matrix) -> Result<Box<dyn Any>, Fault> {
        Ok(Box::new(T::prepare_matrix(matrix)?))
    }

    fn share(&self, data: &dyn Any, mut out: Vec<u8>) -> Result<Vec<u8>, Fault> {
        let data = Self::prepared(data);
        // Reserved at once: a vector that grows takes up to three times as much.
        let size = postcard::serialize_with_flavor(data, Size::default());
        size.and_then(|size| {
            out.reserve_exact(size);
            postcard::to_extend(data, out)
        })
        .map_err(cannot_share)
    }

    fn adopt(&self, shared: &[u8]) -> Result<Box<dyn Any>, Fault> {
        let data: T::Prepared = postcard::from_bytes(shared).map_err(cannot_adopt)?;
        Ok(Box::new(data))
    }

    fn evaluate(
        &self,
        data: &dyn Any,
        job: &Job<'_>,
        scorer: &mut dyn Scorer,
    ) -> Result<u32, Fault> {
        T::evaluate(Self::prepared(data), job, scorer)
    }

    fn fit(&self, data: &dyn Any, job: &Job<'_>) -> Result<Box<dyn Any>, Fault> {
        Ok(Box::new(T::fit(Self::prepared(data), job)?))
    }

    fn merge(&self, parts: &mut Parts<'_>) -> Result<Box<dyn Any>, Fault> {
        // The bytes of each are dropped as it is read.
        Ok(Box::new(T::merge(parts.map(|part| read(&part?)))?))
    }

    fn score(
        &self,
        data: &dyn Any,
        job: &Job<'_>,
        fitted: &dyn Any,
        scorer: &mut dyn Scorer,
    ) -> Result<(), Fault> {
        T::score(Self::prepared(data), job, Self::model(fitted), scorer)
    }

    fn write(&self, fitted: &dyn Any) -> Result<ModelBytes, Fault> {
        let model = Self::model(fitted);
        Ok(ModelBytes {
            bytes: written(model)?,
            oob_score: T::oob_score(model),
        })
    }

    fn open_beside(&self, model: &[u8], parts: &mut EqualParts) -> Result<Box<dyn Any>, Fault> {
        let mut model: T::Model = read(model)?;
        T::share_equal(&mut model, parts);
        Ok(Box::new(model))
    }

    fn predict(&self, model: &dyn Any, table: &Table) -> Result<PredictionBuf, Fault> {
        T::predict(Self::model(model), table)
    }

    fn predict_matrix(&self, model: &dyn Any, matrix: &Matrix) -> Result<PredictionBuf, Fault> {
        T::predict_matrix(Self::model(model), matrix)
    }

    fn onnx(
        &self,
        model: &dyn Any,
        graph: &mut onnx::Graph,
        columns: Option<onnx::Columns>,
    ) -> Result<onnx::Prediction, Fault> {
        T::onnx(Self::model(model), graph, columns)
    }

    fn explain(&self, model: &dyn Any, table: &Table) -> Result<Contributions, Fault> {
        T::explain(Self::model(model), table)
    }

    fn importances(&self, model: &dyn Any) -> Result<Importances, Fault> {
        T::importances(Self::model(model))
    }
}
