//! [`ModelForm`]: what a guest is asked to make of one of its models.

use serde::{Deserialize, Serialize};

/// A form that a guest writes a model in, so that others than the guest read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "form", rename_all = "snake_case", deny_unknown_fields)]
pub enum ModelForm {
    /// A file of ONNX (`docs/models.md`).
    Onnx {
        /// The version of the operators of ONNX, [`ModelForm::OPSETS`].
        #[serde(default = "ModelForm::newest_opset")]
        opset: u32,
        /// The name of the graph.
        #[serde(default = "ModelForm::default_name")]
        name: String,
    },
}

impl ModelForm {
    /// The versions of ONNX's operators that models are written for: the first with
    /// tree ensembles of 64-bit numbers (ONNX 1.11), and the first with the operator
    /// `TreeEnsemble` (ONNX 1.16).
    pub const OPSETS: std::ops::RangeInclusive<u32> = 16..=21;

    fn newest_opset() -> u32 {
        *Self::OPSETS.end()
    }

    fn default_name() -> String {
        "fanout".to_owned()
    }

    /// ONNX, of the newest operators.
    pub fn onnx(name: impl Into<String>) -> Self {
        Self::Onnx {
            opset: Self::newest_opset(),
            name: name.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_a_tagged_object() {
        let read = |text: &str| serde_json::from_str::<ModelForm>(text);
        let onnx = ModelForm::onnx("fanout");
        assert_eq!(read(r#"{"form": "onnx"}"#).unwrap(), onnx);
        let older = r#"{"form":"onnx","opset":16,"name":"flights"}"#;
        let form = read(older).unwrap();
        assert_eq!(serde_json::to_string(&form).unwrap(), older);
        assert!(read(r#"{"form": "onnx", "opsets": 16}"#).is_err());
        assert!(read(r#"{"form": "pickle"}"#).is_err());
    }
}
