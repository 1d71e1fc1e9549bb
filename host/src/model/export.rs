//! [`export()`]: a model in a form that others than its guest read.

use fanout_contract::{Fault, ModelForm, OnnxForm, Threshold};

use super::{ModelHead, Predictor};
use crate::dataset::Made;
use crate::task::TaskFault;

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

/// Has the guest of a model write it in a form.
///
/// # Errors
/// If the form can't say it, or the guest fails.
pub fn export(predictor: &Predictor<'_>, form: &ModelForm) -> Result<Vec<u8>, ExportError> {
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
