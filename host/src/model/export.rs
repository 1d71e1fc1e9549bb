//! [`export_onnx()`]: a model in a form that others than its guest read.

use fanout_contract::{Fault, ModelForm, OnnxForm, Threshold};

use super::onnx::{joined, mix_trees};
use super::{Model, ModelHead, Predictor};
use crate::dataset::Made;
use crate::task::TaskFault;

/// The last version of ONNX's operators for which guests write all trees by the older
/// operators.
const OLDER_TREES: u32 = 20;

/// Why a model was not exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The model can't be said in this form; why not.
    #[error("{0}")]
    Refused(String),
    /// The guest failed.
    #[error("the model can't be exported")]
    Guest(#[source] TaskFault),
}

/// A model as a file of ONNX for version `opset` of its operators: the guest of each member
/// writes its own, and several become one. `predictors` are those of the members.
///
/// # Errors
/// If ONNX can't say it, or a guest fails.
pub fn export_onnx(
    model: &Model,
    predictors: &[Predictor<'_>],
    opset: u32,
) -> Result<Vec<u8>, ExportError> {
    let exported = |opset: u32| -> Result<Vec<Vec<u8>>, ExportError> {
        let members = model.members().iter().zip(predictors);
        let files = members.map(|(member, predictor)| {
            let form = ModelForm::Onnx(member.head.onnx(opset));
            export(predictor, &form)
        });
        files.collect()
    };
    let mut files = exported(opset)?;
    if opset > OLDER_TREES && mix_trees(&files) {
        files = exported(OLDER_TREES)?;
    }
    let Model::Composite(composite) = model else {
        return Ok(files.swap_remove(0));
    };
    let heads: Vec<&ModelHead> = model.members().iter().map(|member| &member.head).collect();
    let head = composite.head();
    joined(&head.name, &head.rule, &heads, &files).map_err(ExportError::Refused)
}

/// Has the guest of a model write it in a form.
///
/// # Errors
/// If the form can't say it, or the guest fails.
fn export(predictor: &Predictor<'_>, form: &ModelForm) -> Result<Vec<u8>, ExportError> {
    let mut instance = predictor.instance().map_err(ExportError::Guest)?;
    instance.export(form).map_err(|fault| match fault {
        TaskFault::Refused {
            fault: Fault::InvalidTask(message) | Fault::InvalidParams(message),
        } => ExportError::Refused(message),
        fault => ExportError::Guest(fault),
    })
}

impl ModelHead {
    /// The file of ONNX for version `opset` of its operators: it has the plan's name,
    /// decides by the model's threshold, and takes texts for ordered columns.
    pub fn onnx(&self, opset: u32) -> OnnxForm {
        let threshold = self.target.positive().zip(self.target.threshold);
        let ordered = self
            .recipe
            .features
            .iter()
            .filter_map(|feature| match &feature.made {
                Made::Ordered { labels } => Some((feature.name.clone(), labels.clone())),
                Made::Number | Made::Category { .. } | Made::Concat { .. } => None,
            });
        OnnxForm {
            opset,
            name: self.name.clone(),
            threshold: threshold.map(|(class, probability)| Threshold {
                class: class.to_owned(),
                probability,
            }),
            ordered: ordered.collect(),
        }
    }
}
