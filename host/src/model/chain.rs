//! [`Link`]: the feature that a target of a chain is to the targets behind it: what its
//! model predicts.

use arrow_array::cast::AsArray as _;
use arrow_array::types::Float64Type;
use arrow_array::{ArrayRef, RecordBatch};
use arrow_cast::cast;
use arrow_schema::DataType;
use fanout_contract::Column;

use super::{ModelHead, ModelTarget};
use crate::dataset::AddedFeature;

/// A target of a chain, as those behind it read it: a number is itself, the positive of two
/// classes 1 and the other 0, and of more classes each is a category.
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    /// The feature.
    pub feature: AddedFeature,
    target: ModelTarget,
}

impl Link {
    /// The target `name` as a link.
    pub fn new(name: &str, target: &ModelTarget) -> Self {
        let labels = match target.classes.len() {
            0..=2 => Vec::new(),
            _ => target.classes.clone(),
        };
        Self {
            feature: AddedFeature {
                name: format!("prediction_{name}"),
                labels,
            },
            target: target.clone(),
        }
    }

    pub(super) fn of(head: &ModelHead) -> Self {
        Self::new(head.target_name(), &head.target)
    }

    /// The value of the feature where the class of this index is predicted.
    pub fn of_class(&self, class: usize) -> f64 {
        let classes = &self.target.classes;
        match classes.len() {
            2 => f64::from(u8::from(
                self.target.positive() == Some(classes[class].as_str()),
            )),
            _ => class as f64,
        }
    }

    /// The feature, of what the guest of the target's model answers: its own predictions,
    /// whatever the model's threshold.
    ///
    /// # Errors
    /// What is wrong with the answer.
    pub(super) fn column(&self, answer: &RecordBatch) -> Result<(Column, ArrayRef), String> {
        let lacking = || "no column `prediction`".to_owned();
        let predicted = answer.column_by_name("prediction").ok_or_else(lacking)?;
        if self.target.classes.is_empty() {
            let numbers = predicted.as_primitive_opt::<Float64Type>();
            let numbers = numbers.ok_or("a prediction that is no number")?;
            return Ok(self.feature.values(numbers.values()));
        }
        let texts = cast(predicted, &DataType::Utf8).map_err(|error| error.to_string())?;
        let value = |label: Option<&str>| {
            let mut classes = self.target.classes.iter();
            let class = classes.position(|class| Some(class.as_str()) == label);
            class.map(|class| self.of_class(class))
        };
        let values: Option<Vec<f64>> = texts.as_string::<i32>().iter().map(value).collect();
        let values = values.ok_or("a prediction that is no class")?;
        Ok(self.feature.values(&values))
    }
}
