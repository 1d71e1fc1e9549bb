//! Models as files of ONNX (<https://onnx.ai>): [`Graph`] is what a model becomes.
//!
//! A trainer says how it predicts in [`crate::Trainer::onnx`], a step how it
//! transforms columns; the SDK makes one graph of both. `docs/models.md` has what a
//! file takes and gives.
//!
//! - Numbers are of 64 bits throughout, as those of a model are: a threshold of a
//!   tree, or a decision near 0, decides as in the guest. Operators that compute the
//!   same sums in another order differ in the last bits.
//! - Every feature is an input of shape (rows, 1) with the feature's name: a number is
//!   `tensor(double)`, NaN if missing; a category is `tensor(string)`, empty if
//!   missing.
//! - What ONNX can't say is refused with the reason.

use crate::contract::OnnxForm;
use crate::{Fault, Pipeline};

pub use columns::{Block, Columns};
pub use ensemble::{Aggregate, Ensemble, TreeNode, TreeTest};
pub use graph::{Attribute, Graph, Tensor, Value};
pub use prediction::Prediction;

mod columns;
mod ensemble;
mod graph;
mod lookup;
mod prediction;
mod wire;

pub(crate) use lookup::Table;

/// The fault of what has no form in ONNX: `what`, and why.
pub fn refused(what: &str, reason: &str) -> Fault {
    Fault::InvalidTask(format!("{what} has no form in ONNX: {reason}"))
}

/// What a file is made of.
pub(crate) struct Source<'a> {
    /// The name and the version of the guest.
    pub(crate) guest: &'a str,
    /// The trainer's name.
    pub(crate) trainer: &'a str,
    /// The fitted steps, if there are any.
    pub(crate) pipeline: Option<&'a Pipeline>,
}

impl Source<'_> {
    /// The file. `trainer` makes the operators of the model behind its steps.
    ///
    /// # Errors
    /// If there is no such version, or the steps or the trainer refuse.
    pub(crate) fn export(
        &self,
        form: &OnnxForm,
        trainer: impl FnOnce(&mut Graph, Option<Columns>) -> Result<Prediction, Fault>,
    ) -> Result<Vec<u8>, Fault> {
        let (opset, opsets) = (form.opset, OnnxForm::OPSETS);
        if !opsets.contains(&opset) {
            return Err(Fault::InvalidParams(format!(
                "models are written for versions {} to {} of ONNX's operators, not for {opset}",
                opsets.start(),
                opsets.end()
            )));
        }
        let mut graph = Graph::new(form);
        let columns = match self.pipeline {
            Some(pipeline) => Some(pipeline.onnx(&mut graph)?),
            None => None,
        };
        let prediction = trainer(&mut graph, columns)?;
        prediction.add_outputs(&mut graph, form.threshold.as_ref());
        let metadata = [
            ("fanout.guest", self.guest.to_owned()),
            ("fanout.trainer", self.trainer.to_owned()),
            ("fanout.features", graph.features()),
        ];
        graph.finish(&form.name, &metadata)
    }
}
