//! The export `fanout:trainer/trainer`: a [`Dataset`] as a WIT resource.

use bindings::exports::fanout::trainer::trainer::{
    self, Guest as Export, GuestDataset, GuestModel,
};

use crate::guest::describe;
use crate::{Dataset, Guest, Model};

#[doc(hidden)]
#[allow(missing_docs, unreachable_pub, unsafe_code, reason = "generated")]
pub mod bindings {
    wit_bindgen::generate!({
        path: "wit",
        world: "guest",
        pub_export_macro: true,
        export_macro_name: "export_trainer",
        default_bindings_module: "fanout_sdk::doors::component::bindings",
    });
}

pub use bindings::export_trainer;

/// The resource `dataset` of guest `G`.
#[derive(Debug)]
pub struct OpenDataset<G> {
    dataset: Dataset,
    guest: std::marker::PhantomData<fn() -> G>,
}

impl<G: Guest> Export for G {
    type Dataset = OpenDataset<G>;
    type Model = OpenModel<G>;

    fn describe() -> String {
        serde_json::to_string(&describe::<G>())
            .expect("a description has text keys and finite numbers")
    }
}

impl<G: Guest> OpenDataset<G> {
    fn resource(dataset: Dataset) -> trainer::Dataset {
        trainer::Dataset::new(Self {
            dataset,
            guest: std::marker::PhantomData,
        })
    }
}

impl<G: Guest> GuestDataset for OpenDataset<G> {
    fn open(table: Vec<u8>, splits: Vec<u8>) -> Result<trainer::Dataset, trainer::Fault> {
        Ok(Self::resource(Dataset::open::<G>(
            table.into(),
            splits.into(),
        )?))
    }

    fn share(&self, task: String) -> Result<Vec<u8>, trainer::Fault> {
        Ok(self.dataset.share(&task)?)
    }

    fn adopt(shared: Vec<u8>) -> Result<trainer::Dataset, trainer::Fault> {
        Ok(Self::resource(Dataset::adopt::<G>(&shared)?))
    }

    fn evaluate(&self, task: String) -> Result<trainer::Evaluation, trainer::Fault> {
        Ok(self.dataset.evaluate(&task)?.into())
    }

    fn assemble(
        &self,
        task: String,
        parts: Vec<Vec<u8>>,
    ) -> Result<trainer::Evaluation, trainer::Fault> {
        Ok(self.dataset.assemble(&task, parts)?.into())
    }
}

impl From<crate::Evaluation> for trainer::Evaluation {
    fn from(evaluation: crate::Evaluation) -> Self {
        let artifacts = evaluation.artifacts.into_iter();
        let artifacts = artifacts.map(|artifact| trainer::Artifact {
            output: artifact.output.name().to_owned(),
            candidate: artifact.candidate,
            bytes: artifact.bytes,
        });
        Self {
            answer: evaluation.answer,
            artifacts: artifacts.collect(),
        }
    }
}

/// The resource `model` of guest `G`.
#[derive(Debug)]
pub struct OpenModel<G> {
    model: Model,
    guest: std::marker::PhantomData<fn() -> G>,
}

impl<G: Guest> GuestModel for OpenModel<G> {
    fn open(bytes: Vec<u8>) -> Result<trainer::Model, trainer::Fault> {
        Ok(trainer::Model::new(Self {
            model: Model::open::<G>(&bytes)?,
            guest: std::marker::PhantomData,
        }))
    }

    fn predict(&self, table: Vec<u8>) -> Result<Vec<u8>, trainer::Fault> {
        Ok(self.model.predict(table.into())?)
    }

    fn export(&self, form: String) -> Result<Vec<u8>, trainer::Fault> {
        Ok(self.model.export(&form)?)
    }

    fn explain(&self, table: Vec<u8>) -> Result<Vec<u8>, trainer::Fault> {
        Ok(self.model.explain(table.into())?)
    }

    fn importances(&self) -> Result<String, trainer::Fault> {
        Ok(self.model.importances()?)
    }
}

impl From<crate::Fault> for trainer::Fault {
    fn from(fault: crate::Fault) -> Self {
        match fault {
            crate::Fault::InvalidDataset(message) => Self::InvalidDataset(message),
            crate::Fault::InvalidTask(message) => Self::InvalidTask(message),
            crate::Fault::InvalidParams(message) => Self::InvalidParams(message),
            crate::Fault::Failed(message) => Self::Failed(message),
        }
    }
}
