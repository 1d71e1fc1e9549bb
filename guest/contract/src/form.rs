//! [`ModelForm`]: what a guest is asked to make of one of its models.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A form that a guest writes a model in, so that others than the guest read it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "form", rename_all = "snake_case")]
pub enum ModelForm {
    /// A file of ONNX (`docs/models.md`).
    Onnx(OnnxForm),
}

/// A file of ONNX.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OnnxForm {
    /// The version of the operators of ONNX, one of [`OnnxForm::OPSETS`].
    pub opset: u32,
    /// The name of the graph.
    pub name: String,
    /// When the positive class of two is predicted; if there is none, the trainer decides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold: Option<Threshold>,
    /// By feature that is the place of a category in an order: the categories, the least
    /// first. Such a feature is an input of texts.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub ordered: BTreeMap<String, Vec<String>>,
}

/// The probability from which on a class is predicted, or the decision of a classifier
/// without probabilities.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Threshold {
    /// The label of the class.
    pub class: String,
    /// The probability.
    pub probability: f64,
}

impl OnnxForm {
    /// The versions of ONNX's operators that models are written for: the first with
    /// tree ensembles of 64-bit numbers (ONNX 1.11), and the first with the operator
    /// `TreeEnsemble` (ONNX 1.16).
    pub const OPSETS: std::ops::RangeInclusive<u32> = 16..=21;
}

impl Default for OnnxForm {
    /// The newest operators.
    fn default() -> Self {
        Self {
            opset: *Self::OPSETS.end(),
            name: "fanout".to_owned(),
            threshold: None,
            ordered: BTreeMap::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_a_tagged_object() {
        let read = |text: &str| serde_json::from_str::<ModelForm>(text);
        let plain = ModelForm::Onnx(OnnxForm::default());
        assert_eq!(read(r#"{"form": "onnx"}"#).unwrap(), plain);
        let whole = r#"{"form":"onnx","opset":16,"name":"flights","threshold":{"class":"1","probability":0.3},"ordered":{"size":["s","m"]}}"#;
        let form = read(whole).unwrap();
        assert_eq!(serde_json::to_string(&form).unwrap(), whole);
        assert!(read(r#"{"form": "onnx", "opsets": 16}"#).is_err());
        assert!(read(r#"{"form": "pickle"}"#).is_err());
    }
}
